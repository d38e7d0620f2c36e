"""The tables of dependencies: which samples and which steps of x reach what.

Forward, by running with one sample or one step of x replaced: what then changes at the input of
each recurrent layer, in the state that it is handed, and in each tensor that comes out. Backward,
by gradients at zeros added to what leaves each layer: which of its steps an answer reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    @property
    def state(self) -> Tensor:
        """What is read of either final state."""
        return self.h | self.c

    @property
    def is_any(self) -> bool:
        """Whether anything is read at all."""
        return any(bool(part.any()) for part in (self.output, self.backward, self.state))


@dataclass(eq=False)
class Walk:
    """A recurrent layer's way over its steps; a loop over a cell is one walk.

    Attributes:
        calls: the calls of which it is made; each goes on with the state of the one before.
        places: where these stand among all calls.
        samples: [steps, cols, samples]: which samples of x reach which inputs.
        times: [steps, cols, times]: which time steps of x do.
        states: [rows, cols, samples]: which samples reach the states handed in.
        crowd: the most samples, and the most time steps, on which a single number that enters
            depends.
        numbers: how many numbers enter.
    """

    calls: list[Call]
    places: list[int]
    samples: Tensor
    times: Tensor
    states: Tensor
    crowd: tuple[int, int]
    numbers: int

    call = property(lambda self: self.calls[0])
    name = property(lambda self: self.calls[0].name)
    ends = property(lambda self: self.calls[0].ends)
    steps = property(lambda self: self.samples.shape[0])
    cols = property(lambda self: self.samples.shape[1])
    owners = property(lambda self: self.samples.any(0) | self.states.any(0))

    @property
    def last_state(self) -> str:
        """How the state is written that its top layer ends with, in every direction."""
        both = self.call.directions == 2
        return "torch.cat((h_n[-2], h_n[-1]), dim=1)" if both else "h_n[-1]"

    def steps_of(self, time: int) -> list[int]:
        """The steps that one of the looked-at time steps of x reaches."""
        return places(self.times[..., time].any(1))


@dataclass(eq=False)
class Look:
    """One tensor that came out, as rows, one a sample.

    Attributes:
        number: its number among the outputs.
        how: where its rows are: "said" by the caller, a "state", flattened as "batch, time" or
            "time, batch", "packed", or "axis 1".
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

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's row."""
        return bool(self.foreign.any())

    @property
    def is_reordered(self) -> bool:
        """Whether each sample reaches exactly one row, and no two of them the same."""
        return most(self.reached, 1) <= 1 >= most(self.reached, 0) and bool(
            self.reached.any(1).all()
        )


class Tables:
    """Everything that is measured on one x; computed when first asked for."""

    def __init__(
        self,
        model: nn.Module,
        given: Given,
        said: Axes,
        call: Callable[[Any], Any],
        rewind: Callable[..., None],
        call_is_own: bool = False,
    ) -> None:
        """Keep what is to be run; `begin` runs it."""
        self.model, self.given, self.call_is_own = model, given, call_is_own
        self.said = said.knowing(batch=given.batch)
        self._call, self._rewind = call, rewind
        self.has_batch = "batch" in given.axes

    def begin(self) -> Any:
        """Run the model on x as it is; what it returns."""
        self._rewind()
        with recording(self.model) as calls, torch.no_grad():
            returned = self._call(self.given.handed(self.given.value))
            self.base = self._run_of(calls, returned)
        self.outputs = self.base.outputs
        self.floats = [k for k, o in enumerate(self.outputs) if o.is_floating_point() and o.numel()]
        return returned

    def forget(self) -> None:
        """Measure anew, for a model that has been changed since."""
        self.__dict__.pop("look", None)
        self.__dict__.pop("looks", None)

    def go_on(self) -> None:
        """Run it again, and with each looked-at sample and time step replaced.

        Raises:
            CannotTell: two runs on one x differ.
        """
        given = self.given
        self.second = self.run(given.value, state=False)
        if self._differ(self.second, self.base) and self._differ(self.run(given.value), self.base):
            raise CannotTell(
                "two runs on the same x, with the same seed, give different numbers: something "
                "random in the model listens to no seed. Switch it off"
            )
        self.by_sample = [self.run(given.altered(sample=s)) for s in given.samples]
        self.by_time = [self.run(given.altered(time=t)) for t in given.times]

    def run(self, value: Any, ask: bool = False, state: bool = True) -> Run:
        """Run the model once; with `state` False it goes on with the state it has kept."""
        self._rewind(state)
        with recording(self.model, ask) as calls, torch.set_grad_enabled(ask):
            return self._run_of(calls, self._call(self.given.handed(value)), ask)

    def _run_of(self, calls: list[Call], returned: Any, ask: bool = False) -> Run:
        found = output_tensors(returned, self.said.flat, self.given.batch)
        outputs = [o if ask else o.detach().clone() for _, o in found]
        return Run(calls, [name for name, _ in found], outputs)

    @staticmethod
    def _differ(one: Run, other: Run) -> bool:
        pairs = zip(one.outputs, other.outputs, strict=False)
        return any(a.shape != b.shape or largest(change(a, b)) > 0 for a, b in pairs)

    @cached_property
    def state_is_kept(self) -> bool:
        """Whether a second call goes on from what the first has left on the model."""
        return self._differ(self.second, self.base)

    @cached_property
    def reached_later(self) -> Tensor | None:
        """[samples, rows]: which rows of the next call each sample of this call reaches."""
        if not self.state_is_kept or self.look is None:
            return None
        later = []
        for sample in self.given.samples:
            self.run(self.given.altered(sample=sample))
            later.append(self.run(self.given.value, state=False))
        rows = self.look.rows
        before = rows(self.second.outputs[self.look.number])
        by = torch.stack([change(rows(r.outputs[self.look.number]), before) for r in later])
        return by.reshape(*by.shape[:2], -1).amax(2) > _FAINT * largest(by)

    # ---- what enters the layers --------------------------------------------------------------

    @cached_property
    def walks(self) -> list[Walk]:
        """The walks of all recurrent layers, in the order in which they begin."""
        walks: list[Walk] = []
        latest: dict[int, Walk] = {}
        for place, call in enumerate(self.base.calls):
            samples, most_samples = self._moved(place, "inputs", self.by_sample)
            times, most_times = self._moved(place, "inputs", self.by_time)
            states, _ = self._moved(place, "states", self.by_sample)
            carried = states.any() or self._moved(place, "states", self.by_time)[0].any()
            new = Walk(
                [call],
                [place],
                samples,
                times,
                states,
                (most_samples, most_times),
                call.inputs.numel(),
            )
            walk = latest.get(id(call.module))
            if walk is None or not carried or walk.cols != new.cols:
                latest[id(call.module)] = new
                walks.append(new)
                continue
            walk.calls += new.calls
            walk.places += new.places
            for name in ("samples", "times", "states"):
                setattr(walk, name, torch.cat((getattr(walk, name), getattr(new, name))))
            walk.crowd = max(walk.crowd[0], most_samples), max(walk.crowd[1], most_times)
            walk.numbers += new.numbers
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

    def walks_time(self, walk: Walk) -> bool:
        """Whether a walk meets different time steps of x at different steps."""
        met = {tuple(walk.steps_of(n)) for n in range(len(self.given.times))}
        return walk.steps > 1 and len(met - {()}) > 1

    def in_step(self, walk: Walk) -> bool:
        """Whether step t of the walk is time t of x, give or take the width of a convolution."""
        if walk.steps != self.given.time:
            return False
        met = [(t, walk.steps_of(n)) for n, t in enumerate(self.given.times)]
        narrow = min(6, self.given.time // 2)
        return all(t in steps and max(steps) - min(steps) <= narrow for t, steps in met)

    # ---- what comes out ----------------------------------------------------------------------

    @cached_property
    def states(self) -> set[tuple[int, ...]]:
        """Shapes of h_n and c_n: handed on, but no prediction."""
        return {
            (call.rows, call.inputs.shape[1], int(width))  # type: ignore[arg-type]
            for call in self.base.calls
            if not call.is_cell
            for width in (call.module.hidden_size, call.module.proj_size)
        }

    def reached(self, number: int, rows: Rows) -> Tensor:
        """[samples, rows]: whether each sample of x has a say in each row of an output."""
        moved = self._changed(number, rows, self.by_sample)
        return moved.reshape(*moved.shape[:2], -1).any(2)

    def _changed(self, number: int, rows: Rows, runs: list[Run]) -> Tensor:
        """[runs, ...]: what of an output each run changed, by more than rounding."""
        before = rows(self.outputs[number])
        by = torch.stack(
            [change(rows(run.outputs[number]), before) for run in runs if len(run.outputs) > number]
        )
        sizes = [largest(self.outputs[k].abs().nan_to_num(0, 0, 0)) for k in self.floats]
        return by > max(_FAINT * largest(by), _ROUNDING * min([1.0, *sizes]))

    def reached_along(self, number: int, axis: int) -> Tensor:
        """[samples, rows]: the same with the rows along one axis of the output."""
        return self.reached(number, lambda o: o.movedim(axis, 0))

    def look_at(self, number: int, how: str, rows: Rows, has_time: bool = False) -> Look:
        """Ask which samples of x reach which rows of one output."""
        reached = self.reached(number, rows)
        foreign = reached.clone()
        foreign[torch.arange(len(reached)), self.given.samples] = False
        look = Look(number, how, rows, has_time, reached, foreign)
        if look.is_reordered and self._order_is_returned(reached):
            foreign[:] = False
        return look

    def _order_is_returned(self, reached: Tensor) -> bool:
        """Whether the model also hands out the order in which the rows are."""
        pairs = [(s, int(reached[k].nonzero()[0])) for k, s in enumerate(self.given.samples)]
        return any(
            all(order[row] == sample for sample, row in pairs)
            or all(order[sample] == row for sample, row in pairs)
            for order in self.outputs
            if order.shape == (self.given.batch,) and not order.is_floating_point()
        )

    @cached_property
    def looks(self) -> list[Look]:
        """Every output that has rows for the samples, where the caller said first."""
        if not self.has_batch:
            return []
        looks = [self._look(k) for k in self.floats or range(len(self.outputs))]
        found = [look for look in looks if look is not None]
        return sorted(found, key=lambda look: ("said", look.how).index(look.how))

    def _look(self, number: int) -> Look | None:
        shape, batch = tuple(self.outputs[number].shape), self.given.batch
        if self._is_said(number):
            has_time = "time" in self.said
            first = ["batch", "time"] if has_time else ["batch"]
            return self.look_at(number, "said", lambda t: self.said.to_front(t, *first), has_time)
        if not shape or (shape == (batch, batch) and not self._is_list(number)):
            return None
        if len(shape) == 3 and shape[1] == batch and shape[:2] in {s[:2] for s in self.states}:
            return self.look_at(number, "state", lambda t: t.movedim(1, 0))
        ways = self._ways(shape)
        if self._is_list(number):
            ways = [("list", lambda t: t, False), ("list", lambda t: t.movedim(1, 0), False)]
        looks = [self.look_at(number, *way) for way in ways]
        return min(looks, key=lambda look: int(look.foreign.sum()), default=None)

    def _ways(self, shape: tuple[int, ...]) -> Iterable[tuple[str, Rows, bool]]:
        """Where the samples may be in a tensor that is not as the caller said."""
        batch, rows = self.given.batch, shape[0]
        packed = next((c.packed for c in self.base.calls if c.packed is not None), None)
        if packed is not None and rows == len(packed.data) != batch:
            yield "packed", lambda t: pad_packed_sequence(packed._replace(data=t), True)[0], True
        real = ~self.given.pads
        if real.dim() == 2 and batch < rows == int(real.sum()) < real.numel():
            yield "real steps", lambda t: _spread_out(t, real), True
        if rows > batch and rows % batch == 0:
            yield "batch, time", lambda t: t.reshape(batch, -1, *t.shape[1:]), True
            yield "time, batch", lambda t: t.reshape(-1, batch, *t.shape[1:]).transpose(0, 1), True
        elif shape.count(batch) == 1:
            axis = shape.index(batch)
            yield f"axis {axis}", lambda t: t.movedim(axis, 0), False

    def _is_said(self, number: int) -> bool:
        """Whether an output has its axes as the caller said.

        A state has its batch on axis 1, whatever its first axis happens to be; and in a square
        one, such as attention weights over the batch, nobody can tell which axis is the batch.
        """
        shape = tuple(self.outputs[number].shape)
        if not self._has_batch(shape) or self._is_list(number):
            return False
        others = [tuple(self.outputs[k].shape) for k in self.floats]
        if shape in self.states:
            return self.said.flat[0] != "batch" or all(s in self.states for s in others)
        square = (self.given.batch, self.given.batch)
        return shape != square or all(s == square for s in others if self._has_batch(s))

    def _is_list(self, number: int) -> bool:
        return self.base.names[number].endswith("[:]")

    def _has_batch(self, shape: tuple[int, ...]) -> bool:
        apart = self.said.unfolded(shape)
        return apart is not None and apart[self.said.flat.index("batch")] == self.given.batch

    @cached_property
    def look(self) -> Look | None:
        """The output that speaks for the model: the first that surely mixes, or the first."""
        said = [look for look in self.looks if look.how == "said"]
        whole = self.given.batch * self.given.time
        rest = [
            look
            for look in self.looks
            if look.how in ("batch, time", "time, batch")
            and (len(self.outputs[look.number]) == whole or (look.reached.any() and not look.mixes))
        ]
        known = ("list", "state", "packed", "real steps")
        states = [k for k in self.looks if k.how in known and not k.mixes]
        # A later one that is reordered is sorted by length and only used as a whole, such as a
        # mean for a KL term.
        mixing = [k for k in said if k.mixes and (k is said[0] or not k.is_reordered)]
        mixing += [k for k in rest if k.mixes]
        return next(iter([*mixing, *said, *rest, *states]), None)

    @property
    def name(self) -> str:
        """How the learner reaches the output that speaks for the model."""
        return self.name_of(self.look.number if self.look else next(iter(self.floats), 0))

    def name_of(self, number: int) -> str:
        """An output by its name: "the output", or "`output[0]`" of several."""
        name = self.base.names[number] if number < len(self.base.names) else ""
        return f"`output{name}`" if name else "the output"

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's output, or there is no such output."""
        if not self.has_batch:
            return False
        if not self.outputs:
            return self.bad_walk is not None
        return self.look is None or self.look.mixes

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was replaced in x changed the output."""
        return bool(self.floats) and self.look is not None and not self.look.reached.any()

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
        run = self.asked
        if run is None:
            return []
        asked = [
            (weights_like(run.outputs[k]) * mask.to(run.outputs[k]) * run.outputs[k]).sum()
            for k, mask in masks.items()
            if k < len(run.outputs) and run.outputs[k].requires_grad
        ]
        taps = [(call, key) for call in run.calls for key in call.taps]
        if not asked or not taps:
            return []
        try:
            found = gradients(torch.stack(asked).sum(), [c.taps[key][0] for c, key in taps])
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return []
        marks = {
            (id(call), key): call.tap_marks(key, gradient)
            for (call, key), gradient in zip(taps, found, strict=True)
        }
        return [_read_of(walk, [run.calls[k] for k in walk.places], marks) for walk in self.walks]

    @cached_property
    def sample_reads(self) -> list[list[Read]]:
        """What the row of each looked-at sample reads, [samples][walks]; else nothing."""
        if self.look is None:
            return []
        output = self.outputs[self.look.number]
        numbers = torch.arange(1, output.numel() + 1, device=output.device).reshape(output.shape)
        numbers = self.look.rows(numbers).cpu()
        found = []
        for sample in self.given.samples:
            mask = torch.zeros(output.numel() + 1)
            mask[numbers[sample].flatten()] = 1
            found.append(self.reads({self.look.number: mask[1:].reshape(output.shape)}))
        return found if all(found) else []

    @cached_property
    def all_reads(self) -> list[Read]:
        """What all outputs together read of each walk; nothing where no gradient gets through."""
        said = [look.number for look in self.looks if look.how == "said"]
        # Not alike, or an output and its negative would cancel.
        masks = {k: torch.full(self.outputs[k].shape, 1.0 + k) for k in said or self.floats}
        return self.reads({k: mask for k, mask in masks.items() if k in self.floats})

    @cached_property
    def time_reached(self) -> Tensor | None:
        """[times, samples, output steps]: which steps of an answer each looked-at step reaches."""
        look = self.look
        if look is None or not look.has_time or not self.given.times:
            return None
        moved = self._changed(look.number, look.rows, self.by_time)
        return moved.reshape(*moved.shape[:3], -1).any(3)

    @cached_property
    def with_longer_pads(self) -> Tensor | None:
        """[batch] or [batch, time]: which answers one more pad in x changes, if it can have one."""
        value = self.given.longer()
        if value is None or self.look is None:
            return None
        try:
            run = self.run(value)
        except Exception:  # written for one length
            return None
        after, before = (o.outputs[self.look.number] for o in (run, self.base))
        if after.dim() != before.dim():
            return None
        after, before = self.look.rows(after), self.look.rows(before)
        if after.shape[0] != before.shape[0]:
            return None
        by = change(after, before).reshape(*before.shape[: 1 + self.look.has_time], -1).amax(-1)
        return by > 1e-4 * max(largest(before.abs()), 1e-3)


def _read_of(walk: Walk, calls: list[Call], marks: dict[tuple[int, str], Tensor]) -> Read:
    """What is read of one walk, by where the gradients at its taps are not zero."""
    first = calls[0]
    states = {key: torch.zeros(first.rows, walk.cols, dtype=torch.bool) for key in "hc"}
    outputs = []
    for call in calls:
        none = torch.zeros(*call.inputs.shape[:2], 0, dtype=torch.bool)
        outputs.append(marks.get((id(call), "output"), none))
        for key in states:
            if (id(call), key) in marks:
                states[key] |= marks[id(call), key].any(-1)
    half = outputs[0].shape[-1] // first.directions
    forward = torch.cat([o[..., :half] for o in outputs])
    backward = torch.cat([o[..., half:] for o in outputs])
    features = int(torch.cat((forward, backward), -1).any(0).any(0).sum())
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
