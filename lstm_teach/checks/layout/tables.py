"""The tables of dependencies: which samples and which steps of x reach what.

Forward, by running with one sample or one step of x replaced: what then changes at the input of
each recurrent layer, in the state that it is handed, and in each tensor that comes out. Backward,
by gradients at zeros added to what leaves each layer: which of its steps an answer reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

from lstm_teach.checks.layout.calling import output_tensors
from lstm_teach.checks.layout.given import Axes, CannotTell, Given
from lstm_teach.checks.layout.record import Call, recording
from lstm_teach.layouts import weights_like

Rows = Callable[[Tensor], Tensor]
"""Brings a tensor that came out into [batch, ...]."""

_FAINT = 1e-5
_ROUNDING = 1e-11
_ROWS_IN_ORDER = ("batch, time", "time, batch")


@dataclass
class Run:
    """One forward pass: what the recurrent layers met, and what came out, by name."""

    calls: list[Call]
    names: list[str]
    outputs: list[Tensor]


@dataclass
class Read:
    """What of a walk is read: [steps or rows, cols], True where read.

    ``output`` and ``backward`` are the two directions of a layer's output (a cell's h is output);
    ``h`` and ``c`` are its final states; ``features`` tells how many features of output are read.
    """

    output: Tensor
    backward: Tensor
    h: Tensor
    c: Tensor
    features: int

    state = property(lambda self: self.h | self.c)
    steps = property(lambda self: self.output | self.backward)
    is_any = property(lambda self: bool(self.steps.any() or self.state.any()))


@dataclass(eq=False)
class Walk:
    """A recurrent layer's way over its steps; a loop over a cell is one walk.

    Attributes:
        calls: the calls of which it is made; each goes on with the state of the one before.
        places: where these stand among all calls.
        samples: [steps, cols, samples]: which samples of x reach which inputs.
        times: [steps, cols, times]: which time steps of x do.
        states: [rows, cols, samples]: which samples reach the states handed in.
        crowd: the most samples, and the most time steps, that reach a single number.
    """

    calls: list[Call]
    places: list[int]
    samples: Tensor
    times: Tensor
    states: Tensor
    crowd: tuple[int, int]

    call = property(lambda self: self.calls[0])
    name = property(lambda self: self.call.name)
    ends = property(lambda self: self.call.ends)
    steps = property(lambda self: self.samples.shape[0])
    cols = property(lambda self: self.samples.shape[1])
    owners = property(lambda self: self.samples.any(0) | self.states.any(0))

    def steps_of(self, time: int) -> list[int]:
        """The steps that one of the looked-at time steps of x reaches."""
        return places(self.times[..., time].any(1))


@dataclass(eq=False)
class Look:
    """One tensor that came out, as rows, one a sample.

    Attributes:
        number: its number among the outputs.
        how: where its rows are: "said" by the caller, a "state", flattened as "batch, time" or
            "time, batch", "packed", "real steps", a "list", or "axis 1".
        rows: brings it to [batch, ...]; to [batch, time, ...] where `has_time`.
        reached: [samples, rows]: whether each looked-at sample of x has a say in each row.
        foreign: the same without each sample's own row.
    """

    number: int
    how: str
    rows: Rows
    has_time: bool
    reached: Tensor
    foreign: Tensor

    mixes = property(lambda self: bool(self.foreign.any()))

    @property
    def is_reordered(self) -> bool:
        """Whether each sample reaches exactly one row, and no two of them the same."""
        return bool((self.reached.sum(1) == 1).all()) and most(self.reached, 0) <= 1


class Tables:
    """Everything that is measured on one x; much of it computed when first asked for."""

    def __init__(
        self,
        model: nn.Module,
        given: Given,
        said: Axes,
        call: Callable[[Any], Any],
        rewind: Callable[..., None],
    ) -> None:
        """Keep what is to be run; `begin` and `go_on` run it."""
        self.model, self.given, self._call, self._rewind = model, given, call, rewind
        self.said = said.knowing(batch=given.batch)
        self.has_batch = "batch" in given.lead

    def begin(self) -> Any:
        """Run the model on x as it is; what it returns."""
        returned, self.base = self._run(self.given.value)
        self.outputs = self.base.outputs
        self.floats = [k for k, o in enumerate(self.outputs) if o.is_floating_point() and o.numel()]
        return returned

    def go_on(self) -> None:
        """Run it again, and with each looked-at sample and time step replaced.

        Raises:
            CannotTell: two runs on one x differ.
        """
        x = self.given.value
        self.second = self.run(x, state=False)
        self.state_is_kept = _differ(self.second, self.base)
        if self.state_is_kept and _differ(self.run(x), self.base):
            raise CannotTell(
                "two runs on the same x give different numbers",
                "Something random in the model listens to no seed. Switch it off for the check.",
            )
        self.by_sample = [self.run(self.given.altered(sample=s)) for s in self.given.samples]
        self.by_time = [self.run(self.given.altered(time=t)) for t in self.given.times]

    def run(self, value: Any, ask: bool = False, state: bool = True) -> Run:
        """Run the model once; with `state` False it goes on with the state it has kept."""
        return self._run(value, ask, state)[1]

    def _run(self, value: Any, ask: bool = False, state: bool = True) -> tuple[Any, Run]:
        self._rewind(state)
        with recording(self.model, ask) as calls, torch.set_grad_enabled(ask):
            returned = self._call(self.given.handed(value))
            found = output_tensors(returned, self.said.flat, self.given.batch)
            outputs = [o if ask else o.detach().clone() for _, o in found]
        return returned, Run(calls, [name for name, _ in found], outputs)

    @cached_property
    def foreign_later(self) -> Tensor | None:
        """[samples, rows]: which rows of the next call each sample of this call reaches, without
        its own, where the model keeps a state."""
        if not self.state_is_kept or self.look is None:
            return None
        later = []
        for sample in self.given.samples:
            self.run(self.given.altered(sample=sample))
            later.append(self.run(self.given.value, state=False))
        return self._without_own(self._changed(self.look, later, self.second).flatten(2).any(2))

    # ---- what enters the layers --------------------------------------------------------------

    @cached_property
    def walks(self) -> list[Walk]:
        """The walks of all recurrent layers, in the order in which they begin."""
        walks: list[Walk] = []
        latest: dict[int, Walk] = {}
        for place, call in enumerate(self.base.calls):
            samples, many = self._moved(place, "inputs", self.by_sample)
            times, often = self._moved(place, "inputs", self.by_time)
            states, _ = self._moved(place, "states", self.by_sample)
            carried = states.any() or self._moved(place, "states", self.by_time)[0].any()
            new = Walk([call], [place], samples, times, states, (many, often))
            walk = latest.get(id(call.module))
            if walk is None or not carried or walk.cols != new.cols:
                latest[id(call.module)] = new
                walks.append(new)
                continue
            for name in ("calls", "places"):
                getattr(walk, name).extend(getattr(new, name))
            for name in ("samples", "times", "states"):
                setattr(walk, name, torch.cat((getattr(walk, name), getattr(new, name))))
            walk.crowd = max(walk.crowd[0], many), max(walk.crowd[1], often)
        return walks

    def _moved(self, place: int, part: str, runs: list[Run]) -> tuple[Tensor, int]:
        """[rows, cols, runs]: what of a call's inputs or states each run changed, and the most
        runs that changed a single number."""
        call = self.base.calls[place]
        before = getattr(call, part)
        marks = torch.zeros(*before.shape[:2], len(runs), dtype=torch.bool)
        count = torch.zeros(before.shape, dtype=torch.uint8)
        for number, run in enumerate(runs):
            if len(run.calls) > place and run.calls[place].name == call.name:
                by = change(getattr(run.calls[place], part), before)
                moved = by > _FAINT * largest(by)
                count += moved
                marks[..., number] = moved.any(-1)
        return marks, int(largest(count))

    @cached_property
    def bad_walk(self) -> Walk | None:
        """The first walk into which several samples come side by side: wrong before it."""
        return next((w for w in self.walks if most(w.owners, 1) > 1), None)

    @property
    def badly_fed(self) -> Walk | None:
        """The bad walk, if its own input mixes samples, not only the state handed in."""
        walk = self.bad_walk
        return walk if walk is not None and most(walk.samples.any(0), 1) > 1 else None

    def in_step(self, walk: Walk) -> bool:
        """Whether step t of the walk is time t of x, give or take the width of a convolution."""
        met = [(t, walk.steps_of(n)) for n, t in enumerate(self.given.times)]
        narrow = min(6, self.given.time // 2)
        near = all(t in steps and max(steps) - min(steps) <= narrow for t, steps in met)
        return walk.steps == self.given.time and near

    # ---- what comes out ----------------------------------------------------------------------

    def _changed(self, look: Look, runs: list[Run], base: Run | None = None) -> Tensor:
        """[runs, batch, (time,) ...]: what of an output each run changed, by more than rounding."""
        before = look.rows((base or self.base).outputs[look.number])
        by = torch.stack([change(look.rows(run.outputs[look.number]), before) for run in runs])
        sizes = [largest(self.outputs[k].abs().nan_to_num(0, 0, 0)) for k in self.floats]
        moved = by > max(_FAINT * largest(by), _ROUNDING * min([1.0, *sizes]))
        return moved.reshape(*moved.shape[: 2 + look.has_time], -1)

    def _without_own(self, reached: Tensor) -> Tensor:
        foreign = reached.clone()
        foreign[torch.arange(len(reached)), self.given.samples] = False
        return foreign

    def look_at(self, number: int, how: str, rows: Rows, has_time: bool = False) -> Look:
        """Ask which samples of x reach which rows of one output."""
        look = Look(number, how, rows, has_time, torch.empty(0), torch.empty(0))
        look.reached = self._changed(look, self.by_sample).flatten(2).any(2)
        look.foreign = look.reached
        if look.reached.shape[1] == self.given.batch:
            look.foreign = self._without_own(look.reached)
            if look.is_reordered and self._order_is_returned(look.reached):
                look.foreign[:] = False
        return look

    def _order_is_returned(self, reached: Tensor) -> bool:
        """Whether the model also hands out the order in which the rows are."""
        pairs = [(s, int(reached[k].nonzero()[0])) for k, s in enumerate(self.given.samples)]
        orders = [o for o in self.outputs if o.shape == (self.given.batch,)]
        return any(
            all(o[row] == s for s, row in pairs) or all(o[s] == row for s, row in pairs)
            for o in orders
            if not o.is_floating_point()
        )

    @cached_property
    def looks(self) -> list[Look]:
        """Every output that has rows for the samples, where the caller said first."""
        looks = []
        for number in (self.floats or range(len(self.outputs))) if self.has_batch else ():
            tried = [self.look_at(number, *way) for way in self._ways(number)]
            looks += sorted(tried, key=lambda look: int(look.foreign.sum()))[:1]
        return sorted(looks, key=lambda look: look.how != "said")

    def _ways(self, number: int) -> Iterator[tuple[str, Rows, bool]]:
        """Where the samples may be in an output: as the caller said, else what its shape allows."""
        shape, batch = tuple(self.outputs[number].shape), self.given.batch
        if self.base.names[number].endswith("[:]"):
            yield "list", lambda t: t, False
            yield "list", lambda t: t.movedim(1, 0), False
            return
        if self._is_said(shape):
            first = [name for name in ("batch", "time") if name in self.said.flat]
            yield "said", lambda t: self.said.to_front(t, *first), len(first) == 2
            return
        if not shape or shape == (batch, batch):
            return
        if len(shape) == 3 and shape[1] == batch and shape[:2] in {s[:2] for s in self.states}:
            yield "state", lambda t: t.movedim(1, 0), False
            return
        packed = next((c.packed for c in self.base.calls if c.packed is not None), None)
        if packed is not None and shape[0] == len(packed.data) != batch:
            yield "packed", lambda t: pad_packed_sequence(packed._replace(data=t), True)[0], True
        real = ~self.given.pads
        if real.dim() == 2 and batch < shape[0] == int(real.sum()) < real.numel():
            yield "real steps", lambda t: _spread_out(t, real), True
        if shape[0] > batch and shape[0] % batch == 0:
            yield "batch, time", lambda t: t.reshape(batch, -1, *t.shape[1:]), True
            yield "time, batch", lambda t: t.reshape(-1, batch, *t.shape[1:]).transpose(0, 1), True
        elif shape.count(batch) == 1:
            axis = shape.index(batch)
            yield f"axis {axis}", lambda t: t.movedim(axis, 0), False

    @property
    def states(self) -> set[tuple[int, ...]]:
        """Shapes of h_n and c_n: handed on, but no prediction."""
        calls = [call for call in self.base.calls if not call.is_cell]
        widths = [(c, w) for c in calls for w in (c.module.hidden_size, c.module.proj_size)]
        return {(call.rows, call.inputs.shape[1], width) for call, width in widths}

    def _is_said(self, shape: tuple[int, ...]) -> bool:
        """Whether an output has its axes as the caller said.

        A state has its batch on axis 1, whatever its first axis happens to be; and in a square
        one, such as attention weights over the batch, nobody can tell which axis is the batch.
        """
        fits, square = self._has_batch(shape), (self.given.batch, self.given.batch)
        others = [tuple(self.outputs[k].shape) for k in self.floats]
        if shape in self.states:
            return fits and (self.said.flat[0] != "batch" or {*others} <= self.states)
        return fits and (shape != square or {s for s in others if self._has_batch(s)} == {square})

    def _has_batch(self, shape: tuple[int, ...]) -> bool:
        apart = self.said.unfolded(shape)
        return apart is not None and apart[self.said.flat.index("batch")] == self.given.batch

    @cached_property
    def look(self) -> Look | None:
        """The output that speaks for the model: the first that surely mixes, or the first."""
        said = [look for look in self.looks if look.how == "said"]
        flat = [look for look in self.looks if look.how in _ROWS_IN_ORDER]
        whole = self.given.batch * self.given.time
        # One that is reordered beside another is sorted by length and only used as a whole, such
        # as a mean for a KL term.
        mixing = [k for k in said if k.mixes and (k is said[0] or not k.is_reordered)]
        mixing += [k for k in flat if k.mixes and len(self.outputs[k.number]) == whole]
        apart = [k for k in self.looks if not k.mixes and not k.how.startswith("axis")]
        apart = [k for k in apart if k.how not in _ROWS_IN_ORDER or k.reached.any()]
        return next(iter([*mixing, *said, *apart]), None)

    def name_of(self, number: int) -> str:
        """An output by its name: "the output", or "`output[0]`" of several."""
        name = self.base.names[number] if number < len(self.base.names) else ""
        return f"`output{name}`" if name else "the output"

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's output, or there is no such output."""
        if not self.has_batch or not self.outputs:
            return self.has_batch and self.bad_walk is not None
        return self.look is None or self.look.mixes

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was replaced in x changed the output."""
        return bool(self.floats) and self.look is not None and not self.look.reached.any()

    @cached_property
    def time_reached(self) -> Tensor | None:
        """[times, steps of an answer]: which of these each looked-at time step of x reaches, for
        an answer with as many steps as x."""
        if self.look is None or not self.look.has_time or not self.given.times:
            return None
        moved = self._changed(self.look, self.by_time)
        return moved.any(3).any(1) if moved.shape[2] == self.given.time else None

    @cached_property
    def with_longer_pads(self) -> Tensor | None:
        """[batch] or [batch, time]: which answers one more pad in x changes, if it can have one."""
        value, look = self.given.longer(), self.look
        if value is None or look is None or look.number not in self.floats:
            return None
        try:
            after = look.rows(self.run(value).outputs[look.number])
        except Exception:  # written for one length
            return None
        before = look.rows(self.outputs[look.number])
        if after.dim() != before.dim() or len(after) != len(before):
            return None
        by = change(after, before).reshape(*before.shape[: 1 + look.has_time], -1).amax(-1)
        return by > 1e-4 * max(largest(before.abs()), 1e-3)

    # ---- who reads what ----------------------------------------------------------------------

    @cached_property
    def asked(self) -> Run | None:
        """A run with a graph to ask; None where the model cannot be run so."""
        try:
            run = self.run(self.given.value, ask=True)
        except Exception:
            return None
        return run if len(run.calls) == len(self.base.calls) else None

    def reads(self, masks: dict[int, Tensor]) -> list[Read]:
        """What the masked parts of the outputs read of each walk; none where no gradient comes."""
        outputs = self.asked.outputs if self.asked is not None else []
        asked = [
            (weights_like(outputs[k]) * mask.to(outputs[k]) * outputs[k]).sum()
            for k, mask in masks.items()
            if k < len(outputs) and outputs[k].requires_grad
        ]
        taps = [(c, key) for c in (self.asked.calls if self.asked else ()) for key in c.taps]
        if not asked or not taps:
            return []
        try:
            found = gradients(torch.stack(asked).sum(), [c.taps[key][0] for c, key in taps])
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return []
        marks = {
            (id(call), key): call.marks(key, gradient)
            for (call, key), gradient in zip(taps, found, strict=True)
        }
        assert self.asked is not None
        calls = self.asked.calls
        return [_read_of(walk, [calls[k] for k in walk.places], marks) for walk in self.walks]

    @cached_property
    def sample_reads(self) -> list[list[Read]]:
        """What the row of each looked-at sample reads, [samples][walks]; else nothing."""
        found = [self.reads_of(lambda rows, s=s: rows[s]) for s in self.given.samples]  # type: ignore[misc]
        return found if all(found) else []

    def reads_of(self, part: Rows) -> list[Read]:
        """What a part of the rows of the output reads of each walk."""
        if self.look is None:
            return []
        output = self.outputs[self.look.number]
        numbers = torch.arange(1, output.numel() + 1, device=output.device).reshape(output.shape)
        mask = torch.zeros(output.numel() + 1)
        mask[part(self.look.rows(numbers).cpu()).flatten()] = 1
        return self.reads({self.look.number: mask[1:].reshape(output.shape)})

    @cached_property
    def all_reads(self) -> list[Read]:
        """What all outputs together read of each walk; nothing where no gradient gets through."""
        said = [look.number for look in self.looks if look.how == "said"] or self.floats
        # Not alike, or an output and its negative would cancel.
        return self.reads({k: torch.full(self.outputs[k].shape, 1.0 + k) for k in said})


def _differ(one: Run, other: Run) -> bool:
    pairs = zip(one.outputs, other.outputs, strict=False)
    return any(a.shape != b.shape or largest(change(a, b)) > 0 for a, b in pairs)


def _read_of(walk: Walk, calls: list[Call], marks: dict[tuple[int, str], Tensor]) -> Read:
    """What is read of one walk, by where the gradients at its taps are not zero."""
    first, outputs = calls[0], []
    states = {key: torch.zeros(first.rows, walk.cols, dtype=torch.bool) for key in "hc"}
    for call in calls:
        none = torch.zeros(*call.inputs.shape[:2], 0, dtype=torch.bool)
        outputs.append(marks.get((id(call), "output"), none))
        for key in states:
            if (id(call), key) in marks:
                states[key] |= marks[id(call), key].any(-1)
    half = outputs[0].shape[-1] // first.directions
    forward, backward = (
        torch.cat([o[..., part] for o in outputs]) for part in (slice(half), slice(half, None))
    )
    features = int(torch.cat((forward, backward), -1).flatten(0, 1).any(0).sum())
    return Read(forward.any(-1), backward.any(-1), states["h"], states["c"], features)


def _spread_out(rows: Tensor, real: Tensor) -> Tensor:
    """The rows of all real steps, sample after sample, as [batch, time, ...]."""
    spread = rows.new_zeros(*real.shape, *rows.shape[1:])
    spread[real.to(rows.device)] = rows
    return spread


def most(marks: Tensor, axis: int) -> int:
    """The largest number of marks along an axis."""
    return int(marks.sum(axis).max()) if marks.numel() else 0


def places(marks: Tensor) -> list[int]:
    """Where a row of marks is True."""
    return marks.nonzero().flatten().tolist()


def largest(values: Tensor) -> float:
    """The largest value; zero of none."""
    return float(values.max()) if values.numel() else 0.0


def gradients(of: Tensor, at: list[Tensor]) -> tuple[Tensor, ...]:
    """How a tensor depends on others, zero where it does not; the graph stays for more."""
    return torch.autograd.grad(of, at, weights_like(of), retain_graph=True, materialize_grads=True)


def change(after: Tensor, before: Tensor) -> Tensor:
    """The absolute difference where both have a finite value; zero where only one has a place."""
    difference = torch.zeros(before.shape)
    both = tuple(slice(min(sizes)) for sizes in zip(after.shape, before.shape, strict=True))
    if before.is_floating_point():
        by = (after[both] - before[both]).abs().nan_to_num(0, 0, 0)
    else:
        by = after[both] != before[both]
    difference[both] = by.float().cpu()
    return difference
