"""The tables of dependencies: which samples and which steps of x reach what.

Forward, by running with one sample or one step of x replaced: what then changes at the input of
each recurrent layer, in the state that it is handed, and in each tensor that comes out. Backward,
by gradients at zeros added to what leaves each layer: which of its steps an answer reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

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
        is_carried: whether x reaches the states handed in.
    """

    calls: list[Call]
    places: list[int]
    samples: Tensor
    times: Tensor
    states: Tensor
    crowd: tuple[int, int]
    is_carried: bool

    call = property(lambda self: self.calls[0])
    name = property(lambda self: self.call.name)
    steps = property(lambda self: self.samples.shape[0])
    cols = property(lambda self: self.samples.shape[1])
    owners = property(lambda self: self.samples.any(0) | self.states.any(0))

    @property
    def ends(self) -> Tensor:
        """The number of real steps of each column."""
        return torch.stack([call.ends for call in self.calls]).sum(0)

    def steps_of(self, time: int) -> list[int]:
        """The steps that one of the looked-at time steps of x reaches."""
        return places(self.times[..., time].any(1))


@dataclass
class Read:
    """What is read of a walk, True where read.

    Attributes:
        output: [steps, cols] of all that the layer gives at each step (of a cell its h).
        state: [rows, cols] of its final states, h or c.
        ways: for each direction of the top layer [steps, cols], where its final state counts as
            the step at which it ends.
        features: how many features of the output.
        c: whether c is read.
    """

    output: Tensor
    state: Tensor
    ways: list[Tensor]
    features: int
    c: bool

    is_any = property(lambda self: bool(self.output.any() or self.state.any()))


@dataclass(eq=False)
class Answer:
    """A tensor that came out.

    Attributes:
        number: its number among all that came out.
        is_said: whether its axes are as the caller said.
        rows: brings it to [batch, ...], or to [batch, time, ...] where `has_time`; None where
            nobody knows its axes.
        moved: [samples, *shape]: which of its numbers each looked-at sample of x changes.
        reached: [samples, rows], or without rows [samples, numbers]: what each of them reaches.
        foreign: what of that belongs to another sample; without rows, what two of them reach.
    """

    number: int
    is_said: bool
    rows: Rows | None
    has_time: bool
    moved: Tensor
    reached: Tensor
    foreign: Tensor

    mixes = property(lambda self: bool(self.foreign.any()))

    @property
    def is_reordered(self) -> bool:
        """Whether each sample reaches exactly one row, and no two of them the same."""
        one_each = bool((self.reached.sum(1) == 1).all())
        return self.rows is not None and one_each and most(self.reached, 0) <= 1


class Tables:
    """Everything that is measured on one x; much of it computed when first asked for."""

    def __init__(
        self,
        model: nn.Module,
        given: Given,
        said: Axes,
        call: Callable[[Any], Any],
        rewind: Callable[..., None],
        causal: bool = False,
    ) -> None:
        """Keep what is to be run; `begin` and `go_on` run it."""
        self.model, self.given, self._call, self._rewind = model, given, call, rewind
        self.causal = causal
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

    # ---- what enters the layers --------------------------------------------------------------

    def _moved(self, get: Callable[[Run], Tensor], runs: list[Run], base: Run | None = None) -> Tensor:
        """[runs, *shape]: which numbers of a tensor each run changed, by more than rounding."""
        before = get(base or self.base)
        by = torch.stack([torch.zeros(before.shape), *(change(get(run), before) for run in runs)])
        tiny = _ROUNDING * min(1.0, largest(before.float().abs().nan_to_num(0, 0, 0)))
        return by[1:] > max(_FAINT * largest(by), tiny)

    # ---- what enters the layers --------------------------------------------------------------

    @cached_property
    def walks(self) -> list[Walk]:
        """The walks of all recurrent layers, in the order in which they begin."""
        walks: list[Walk] = []
        latest: dict[int, Walk] = {}
        for place, call in enumerate(self.base.calls):
            new = self._walk(place, call)
            walk = latest.get(id(call.module))
            if walk is None or not new.is_carried or walk.cols != new.cols:
                latest[id(call.module)] = new
                walks.append(new)
                continue
            walk.calls.append(call)
            walk.places.append(place)
            for name in ("samples", "times", "states"):
                setattr(walk, name, torch.cat((getattr(walk, name), getattr(new, name))))
            walk.crowd = max(walk.crowd[0], new.crowd[0]), max(walk.crowd[1], new.crowd[1])
        return walks

    def _walk(self, place: int, call: Call) -> Walk:
        """One call as a walk of its own."""

        def of(part: str) -> Callable[[Run], Tensor]:
            def get(run: Run) -> Tensor:
                is_same = len(run.calls) > place and run.calls[place].name == call.name
                return getattr(run.calls[place] if is_same else call, part)

            return get

        samples = self._moved(of("inputs"), self.by_sample)
        times = self._moved(of("inputs"), self.by_time)
        states = self._moved(of("states"), self.by_sample)
        return Walk(
            [call],
            [place],
            *(marks.any(-1).movedim(0, -1) for marks in (samples, times, states)),
            (most(samples, 0), most(times, 0)),
            bool(states.any() or self._moved(of("states"), self.by_time).any()),
        )

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

    def changed(self, number: int, runs: list[Run], base: Run | None = None) -> Tensor:
        """[runs, *shape]: which numbers of an output each run changed."""
        return self._moved(lambda run: run.outputs[number], runs, base)

    @cached_property
    def answers(self) -> list[Answer]:
        """Everything that comes out, where the caller said first."""
        numbers = (self.floats or range(len(self.outputs))) if self.has_batch else ()
        return sorted(map(self._answer, numbers), key=lambda answer: not answer.is_said)

    def _answer(self, number: int) -> Answer:
        moved = self.changed(number, self.by_sample)
        batch, shape = self.given.batch, self.outputs[number].shape
        first = [name for name in ("batch", "time") if name in self.said.flat]
        is_said = self._is_said(number)
        orders: list[Rows] = []
        if is_said:
            orders = [lambda tensor: self.said.to_front(tensor, *first)]
        elif len(shape) > 0 and len(shape) != 1 and shape[0] == batch * self.given.time:
            orders = [
                lambda rows: rows.unflatten(0, (batch, -1)),
                lambda rows: rows.unflatten(0, (-1, batch)).transpose(0, 1),
            ]
        reached = moved.reshape(len(moved), prod(shape))
        found = [Answer(number, is_said, None, False, moved, reached, reached & (reached.sum(0) > 1))]
        for rows in orders:
            reached = torch.stack([_any(rows(one), 1) for one in moved])
            has_time = not is_said or len(first) == 2
            foreign = self._without_own(reached)
            found.append(Answer(number, is_said, rows, has_time, moved, reached, foreign))
        answer = min(found[1:] or found, key=lambda one: int(one.foreign.sum()))
        if answer.is_reordered and self._order_is_returned(answer.reached):
            answer.foreign[:] = False
        return answer

    def _without_own(self, reached: Tensor) -> Tensor:
        foreign = reached.clone()
        foreign[torch.arange(len(reached)), self.given.samples] = False
        return foreign

    def _order_is_returned(self, reached: Tensor) -> bool:
        """Whether the model also hands out the order in which the rows are."""
        pairs = [(s, int(reached[k].nonzero()[0])) for k, s in enumerate(self.given.samples)]
        orders = [o for o in self.outputs if o.shape == (self.given.batch,)]
        return any(
            all(o[row] == s for s, row in pairs) or all(o[s] == row for s, row in pairs)
            for o in orders
            if not o.is_floating_point()
        )

    def is_state(self, shape: tuple[int, ...]) -> bool:
        """Whether this is the shape of an h_n or c_n, with its batch on axis 1."""
        calls = [call for call in self.base.calls if not call.is_cell]
        widths = [(c, w) for c in calls for w in (c.module.hidden_size, c.module.proj_size)]
        return shape in {(call.rows, call.inputs.shape[1], width) for call, width in widths}

    def _is_said(self, number: int) -> bool:
        """Whether an output has its axes as the caller said.

        In a square one, such as attention weights over the batch, nobody can tell which axis is
        the batch.
        """
        shape, name = tuple(self.outputs[number].shape), self.base.names[number]
        others = {tuple(self.outputs[k].shape) for k in self.floats}
        beside = self.said.flat[0] == "batch" and not all(map(self.is_state, others))
        if name.endswith("[:]") or (self.is_state(shape) and beside):
            return False
        square = (self.given.batch, self.given.batch)
        return self._fits(shape) and (shape != square or {*filter(self._fits, others)} == {square})

    def _fits(self, shape: tuple[int, ...]) -> bool:
        apart = self.said.unfolded(shape)
        return apart is not None and apart[self.said.flat.index("batch")] == self.given.batch

    @cached_property
    def answer(self) -> Answer | None:
        """The output that speaks for the model: the first that surely mixes, or the first."""
        said = [one for one in self.answers if one.is_said]
        apart = [one for one in self.answers if not one.mixes and one.reached.any()]
        flat = [one for one in self.answers if not one.is_said and one.rows and one.mixes]
        # One that is reordered beside another is sorted by length and only used as a whole, such
        # as a mean for a KL term.
        mixing = [one for one in said if one.mixes and (one is said[0] or not one.is_reordered)]
        mixing += flat
        return next(iter([*mixing, *said, *apart]), None)

    @property
    def judged(self) -> list[Answer]:
        """The outputs in which samples keep apart; of those without rows, which all of them reach."""
        apart = [one for one in self.answers if not one.mixes]
        return [one for one in apart if one.rows is not None or one.reached.any(1).all()]

    def name_of(self, number: int) -> str:
        """An output by its name: "the output", or "`output[0]`" of several."""
        name = self.base.names[number] if number < len(self.base.names) else ""
        return f"`output{name}`" if name else "the output"

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's output, or all outputs depend on several."""
        if not self.has_batch or not self.outputs:
            return self.has_batch and self.bad_walk is not None
        return self.answer is None or self.answer.mixes

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was replaced in x changed the output."""
        speaking = [self.answer] if self.answer is not None else self.answers
        return bool(self.floats and speaking) and not any(one.reached.any() for one in speaking)

    @cached_property
    def foreign_later(self) -> Tensor | None:
        """[samples, rows]: which rows of the next call each sample of this call reaches, without
        its own, where the model keeps a state."""
        if not self.state_is_kept or self.answer is None or self.answer.rows is None:
            return None
        later = []
        for sample in self.given.samples:
            self.run(self.given.altered(sample=sample))
            later.append(self.run(self.given.value, state=False))
        moved = self.changed(self.answer.number, later, self.second)
        return self._without_own(torch.stack([_any(self.answer.rows(one), 1) for one in moved]))

    @cached_property
    def moved_by_time(self) -> Tensor:
        """[times, *shape]: which numbers of the answer each looked-at time step of x changes."""
        if self.answer is None or not self.by_time:
            return torch.zeros(len(self.by_time), 0, dtype=torch.bool)
        return self.changed(self.answer.number, self.by_time)

    @cached_property
    def sees_later(self) -> tuple[int, int] | None:
        """A step of an answer and a later time step of x that reaches it, where there are any."""
        if not self.has_steps:
            return None
        for time, moved in reversed(list(zip(self.given.times, self.moved_by_time, strict=True))):
            if early := places(_any(self.answer.rows(moved)[:, :time].transpose(0, 1), 1)):
                return early[0], time
        return None

    @property
    def has_steps(self) -> bool:
        """Whether the answer has as many steps as x."""
        answer = self.answer
        if answer is None or answer.rows is None or not answer.has_time or not self.given.times:
            return False
        return answer.rows(self.outputs[answer.number]).shape[1] == self.given.time

    @cached_property
    def with_longer_pads(self) -> Tensor | None:
        """[batch] or [batch, time]: which answers one more pad in x changes, if it can have one."""
        value, answer = self.given.longer(), self.answer
        if value is None or answer is None or answer.rows is None or not self.floats:
            return None
        try:
            after = answer.rows(self.run(value).outputs[answer.number])
        except Exception:  # written for one length
            return None
        before = answer.rows(self.outputs[answer.number])
        if after.dim() != before.dim() or len(after) != len(before):
            return None
        by = change(after, before).reshape(*before.shape[: 1 + answer.has_time], -1).amax(-1)
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

    def reads(self, parts: list[Tensor]) -> list[Read]:
        """What tensors of the asked run read of each walk; nothing where no gradient comes."""
        parts = [part for part in parts if part.requires_grad]
        calls = self.asked.calls if self.asked is not None else []
        taps = [(call, key) for call in calls for key in call.taps]
        if not parts or not taps:
            return []
        # Not alike, or an output and its negative would cancel.
        sums = [(k + 1) * (weights_like(part) * part).sum() for k, part in enumerate(parts)]
        try:
            found = gradients(torch.stack(sums).sum(), [call.taps[key][0] for call, key in taps])
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return []
        marks: dict[int, dict[str, Tensor]] = {id(call): {} for call in calls}
        for (call, key), gradient in zip(taps, found, strict=True):
            marks[id(call)][key] = call.marks(key, gradient)
        return [_read([(calls[k], marks[id(calls[k])]) for k in w.places]) for w in self.walks]

    def reads_of(self, number: int, mask: Tensor) -> list[Read]:
        """What the marked numbers of an output read of each walk."""
        outputs = self.asked.outputs if self.asked is not None else []
        return self.reads([o * mask.to(o) for o in outputs[number : number + 1]])

    def reads_at(self, *index: Any) -> list[Read]:
        """What an answer at [sample, step, ...] reads of each walk."""
        if self.answer is None or self.answer.rows is None:
            return []
        mask = torch.zeros(self.outputs[self.answer.number].shape, dtype=torch.bool)
        self.answer.rows(mask)[index] = True
        return self.reads_of(self.answer.number, mask)

    @cached_property
    def sample_reads(self) -> list[list[Read]]:
        """What the answer of each looked-at sample reads, [samples][walks]; else nothing."""
        if self.answer is None:
            return []
        found = [
            self.reads_at(sample) if self.answer.rows else self.reads_of(self.answer.number, own)
            for sample, own in zip(self.given.samples, self.answer.moved, strict=True)
        ]
        return found if all(found) else []

    def entry_reads(self, walk: Walk) -> list[list[Read]]:
        """What enters a walk for each looked-at sample reads of the walks, [samples][walks]."""
        if self.asked is None or walk.cols != self.given.batch:
            return []
        call = self.asked.calls[walk.places[0]]
        states = [one.reshape(-1, walk.cols, one.shape[-1]) for one in call.entered[1:]]
        parts = [call.walked(call.entered[0], call.packed), *states]
        found = [self.reads([part[:, sample] for part in parts]) for sample in self.given.samples]
        return found if all(found) else []

    @cached_property
    def all_reads(self) -> list[Read]:
        """What all outputs together read of each walk; nothing where no gradient gets through."""
        said = [one.number for one in self.answers if one.is_said] or self.floats
        outputs = self.asked.outputs if self.asked is not None else []
        return self.reads([outputs[k] for k in said if k < len(outputs)])


def _differ(one: Run, other: Run) -> bool:
    pairs = zip(one.outputs, other.outputs, strict=False)
    return any(a.shape != b.shape or largest(change(a, b)) > 0 for a, b in pairs)


def _read(parts: list[tuple[Call, dict[str, Tensor]]]) -> Read:
    """What is read of one walk, by where the gradients at the taps of its calls are not zero."""
    output, states, ways = [], [], []
    for call, marks in parts:
        output.append(marks["output"])
        kept = [marks[key].any(-1) for key in "hc" if key in marks]
        cols = torch.arange(call.inputs.shape[1])
        state = torch.stack(kept).any(0) if kept else torch.zeros(call.rows, len(cols)).bool()
        halves = [half.any(-1).clone() for half in marks["output"].chunk(call.directions, -1)]
        for half, ends, row in zip(
            halves, (call.ends - 1, torch.zeros_like(cols)), state[-call.directions :], strict=False
        ):
            half[ends, cols] |= row
        states.append(state)
        ways.append(halves)
    every = torch.cat(output)
    return Read(
        every.any(-1),
        torch.stack(states).any(0),
        [torch.cat(way) for way in zip(*ways, strict=True)],
        int(every.flatten(0, 1).any(0).sum()),
        any(bool(marks["c"].any()) for _, marks in parts if "c" in marks),
    )


def along(marks: Tensor, axis: int) -> list[list[int]]:
    """For each run, which places along an axis of what it changed, [runs, *shape], are marked."""
    return [places(_any(one.movedim(axis, 0), 1)) for one in marks]


def _any(marks: Tensor, kept: int) -> Tensor:
    """Whether any is marked along all but the first axes."""
    return marks.reshape(*marks.shape[:kept], prod(marks.shape[kept:])).any(-1)


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
