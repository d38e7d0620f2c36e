"""The tables of dependencies: which samples and which steps of x reach what.

Forward, by running with one sample or one step of x replaced: what then changes at the input of
each recurrent layer, in the state that it is handed, and in each tensor that comes out. Backward,
by gradients at zeros added to what leaves each layer: which of its steps an answer reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd import grad

from lstm_teach.checks.layout.calling import output_tensors
from lstm_teach.checks.layout.given import Given
from lstm_teach.checks.layout.record import Call, recording
from lstm_teach.checks.layout.words import CannotTell, told
from lstm_teach.layouts import weights_like

_FAINT = 1e-5
_ROUNDING = 1e-11


@dataclass
class Run:
    """One forward pass: what it returned, its tensors by name, and what the layers met."""

    returned: Any
    outputs: dict[str, Tensor]
    calls: list[Call]

    def like(self, call: Call) -> Call:
        """Its own call at the place of another one; that one itself where it has none."""
        own = self.calls[call.place] if call.place < len(self.calls) else call
        return own if own.name == call.name else call


class Walk:
    """A recurrent layer's way over its steps; a loop over a cell is one walk.

    Attributes:
        calls: the calls of which it is made; each goes on with the state of the one before.
        call: the first of them.
        samples: [steps, cols, samples]: which samples of x reach which inputs.
        times: [steps, cols, times]: which time steps of x do.
        states: [rows, cols, samples]: which samples reach the states handed in.
        owners: [cols, samples]: which samples reach a column at all.
        ends: the number of real steps of each column.
        crowd: the most samples, and the most time steps, that reach a single number.
    """

    def __init__(self, calls: list[Call], by_sample: list[Run], by_time: list[Run]) -> None:
        """Look at what each run has changed of what the calls met."""
        looked = ("inputs", by_sample), ("inputs", by_time), ("states", by_sample)
        numbers = [_met(calls, part, runs) for part, runs in looked]
        self.calls, self.call, self.name = calls, calls[0], calls[0].name
        self.crowd = [most(one, 0) for one in numbers]
        self.samples, self.times, self.states = (one.any(-1).movedim(0, -1) for one in numbers)
        self.steps, self.cols = self.samples.shape[:2]
        self.owners = self.samples.any(0) | self.states.any(0)
        self.ends = torch.stack([call.ends for call in calls]).sum(0)
        self.by_hand = any(call.by_hand for call in calls[1:])

    def steps_of(self, time: int) -> list[int]:
        """The steps that one of the looked-at time steps of x reaches."""
        return places(self.times[..., time].any(1))

    @property
    def heading(self) -> int:
        """Whether time steps of x come to its steps in order: 1, or -1 from the last; else 0."""
        met = [self.steps_of(time) for time in range(self.times.shape[-1])]
        middles = [steps[0] + steps[-1] for steps in met if steps]
        ways = {(later > earlier) - (later < earlier) for earlier, later in pairwise(middles)}
        return ways.pop() if len(ways) == 1 else 0


class Read:
    """What is read of a walk, True where read.

    Attributes:
        output: [steps, cols, features] of all that the layer gives at each step (of a cell its h).
        state: [rows, cols] of its final states, h or c.
        ways: for each direction of the top layer [steps, cols], where its final state counts as
            the step at which it ends.
        c: whether c is read.
    """

    def __init__(self, walk: Walk, marks: dict[tuple[int, str], Tensor]) -> None:
        """Take the marks of the walk's calls, by their places and by what of them is read."""
        self.output = torch.cat([marks[call.place, "output"] for call in walk.calls])
        self.state = torch.zeros(walk.call.rows, walk.cols, dtype=torch.bool)
        self.c, parts = False, []
        for call in walk.calls:
            kept = [marks[call.place, key].any(-1) for key in "hc" if (call.place, key) in marks]
            self.c |= (call.place, "c") in marks and bool(kept[-1].any())
            state = torch.stack([torch.zeros_like(self.state), *kept]).any(0)
            self.state |= state
            halves = marks[call.place, "output"].chunk(call.directions, -1)
            step = torch.arange(len(halves[0]))[:, None]
            ends = step == call.ends - 1, step == 0
            ways = zip(halves, ends, state[-len(halves) :], strict=False)
            parts.append(torch.stack([half.any(-1) | end & row for half, end, row in ways]))
        self.ways = torch.cat(parts, 1)
        self.steps = self.output.any(-1)
        self.is_any = bool(self.output.any() or self.state.any())


class Answer:
    """A tensor that came out.

    Attributes:
        name: how the learner reaches it behind `output`.
        moved: [samples, *shape]: which of its numbers each looked-at sample changes.
        owners: [*shape], whose sample each of its numbers is; None where nobody knows its axes.
        steps: [*shape], which time step each of them is; None where there are not as many as in x.
        axis: where its samples stand; None where nobody knows, and of flat rows.
        reached: [samples, rows]: whose numbers each of the samples changes.
        foreign: the same without its own; where nobody knows whose they are, the numbers that two
            samples change.
        reaching: which of the looked-at samples change anything.
        is_said: whether its axes are as the caller said.
    """

    def __init__(
        self,
        name: str,
        moved: Tensor,
        given: Given,
        owners: Tensor | None = None,
        steps: Tensor | None = None,
        axis: int | None = None,
    ) -> None:
        """Count whose numbers each sample changes."""
        self.name, self.moved, self.owners = name, moved, owners
        self.steps, self.axis, self.is_said = steps, axis, False
        self.reached = torch.zeros(len(given.samples), given.batch, dtype=torch.bool)
        for row, one in zip(self.reached, moved, strict=True):
            row[[] if owners is None else owners[one]] = True
        own = torch.arange(given.batch) == torch.tensor(given.samples)[:, None]
        shared = (moved & (moved.sum(0) > 1))[..., None].flatten(1)
        self.foreign = shared if owners is None else self.reached & ~own
        self.reaching = places(any_of(moved, 1))
        self.is_reordered = bool((self.reached.sum(1) == 1).all())

    @property
    def mixes(self) -> bool:
        """Whether samples reach one another's numbers."""
        return bool(self.foreign.any())


class Tables:
    """Everything that is measured on one x; much of it computed when first asked for."""

    def __init__(
        self, model: Any, given: Given, said: list[str], call: Any, there: Any, rewind: Any
    ) -> None:
        """Keep what is to be run, where it is at home; `begin` and `go_on` run it."""
        self.model, self.given, self.said = model, given, said
        self._call, self._there, self._rewind = call, there, rewind
        self.has_batch, self.state_is_kept = "batch" in given.lead, False

    def begin(self) -> Any:
        """Run the model on x as it is; what it returns."""
        self.base = self._run(self.given.value)
        return self.base.returned

    def go_on(self) -> None:
        """Run it again, and with each looked-at sample and time step replaced.

        Raises:
            CannotTell: two runs on one x differ.
        """
        given = self.given
        self.state_is_kept = _differ(self._run(given.value, state=False), self.base)
        if self.state_is_kept:
            again, self.base = self.base, self._run(given.value)
            if _differ(self.base, again):
                raise CannotTell(told("random"))
        self.by_time = [self._run(given.altered(time=time)) for time in given.times]
        self.by_sample = [self._run(given.altered(sample=sample)) for sample in given.samples]

    def _run(self, value: Any, ask: bool = False, state: bool = True) -> Run:
        """Run the model once; where it keeps a state, what comes out of its next call on x counts
        as well. With `state` False it goes on with what it has kept."""
        self._rewind(state)
        outputs: dict[str, Tensor] = {}
        with recording(self.model, ask) as calls, torch.set_grad_enabled(ask), self._there:
            returned = self._call(self.model, self.given.handed(value))
            found = [("", returned)]
            if self.state_is_kept and not ask:
                kept = len(calls)
                later = self._call(self.model, self.given.handed(self.given.value))
                found.append((" of the next call", later))
                del calls[kept:]
        for when, result in found:
            tensors = output_tensors(result, self.said, self.given.batch)
            outputs |= {name + when: o if ask else o.detach().clone() for name, o in tensors}
        return Run(returned, outputs, calls)

    # ---- what enters the layers --------------------------------------------------------------

    @cached_property
    def walks(self) -> list[Walk]:
        """The walks of all recurrent layers, in the order in which they begin."""
        walks: list[list[Call]] = []
        for call in self.base.calls:
            own = next((w for w in reversed(walks) if w[0].module is call.module), [])
            alike = own and own[0].inputs.shape[1] == call.inputs.shape[1]
            runs = self.by_sample, self.by_time
            if alike and any(_met([call], "states", some).any() for some in runs):
                own.append(call)
            else:
                walks.append([call])
        return [Walk(calls, self.by_sample, self.by_time) for calls in walks]

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

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        """Every tensor that came out and is not empty, floats first, by name."""
        found = [(name, output) for name, output in self.base.outputs.items() if output.numel()]
        return dict(sorted(found, key=lambda one: not one[1].is_floating_point()))

    @cached_property
    def floats(self) -> list[str]:
        """The names of those that hold floats."""
        return [name for name, output in self.outputs.items() if output.is_floating_point()]

    @cached_property
    def answers(self) -> list[Answer]:
        """Everything that comes out, floats first, and of these what is as the caller said."""
        found = [self._answer(name) for name in self.outputs if self.has_batch]
        return sorted(found, key=lambda one: (one.name not in self.floats, not one.is_said))

    def moved_by(self, runs: list[Run], name: str) -> Tensor:
        """[runs, *shape]: which numbers of an output each run changed."""
        return changed([run.outputs[name] for run in runs], self.base.outputs[name])

    def _answer(self, name: str) -> Answer:
        """An output with its samples on the axis that the caller said, else on any of that size, or
        flat in one of two orders: where they mix least.

        Mixed samples are certain of floats that are as the caller said, or flat.
        """
        moved, shape = self.moved_by(self.by_sample, name), self.outputs[name].shape
        given, batch, time = self.given, self.given.batch, self.given.time
        is_said, place = self._is_said(name), self.said.index("batch")
        steps = None
        if is_said and {"time"} <= {*self.said} & {*given.lead}:
            at = self.said.index("time")
            steps = position(shape, at) if shape[at] == time else None
        is_flat = not is_said and len(shape) > 1 and shape[0] == batch * time
        if is_flat:
            row = position(shape, 0)
            pairs = (row // time, row % time), (row % batch, row // batch)
            found = [Answer(name, moved, given, *pair) for pair in pairs]
        else:
            axes = [axis for axis, size in enumerate(shape) if size == batch]
            axes.sort(key=lambda axis: axis != place)
            found = [Answer(name, moved, given, position(shape, a), steps, a) for a in axes]
        least = min(found, key=lambda one: int(one.foreign.sum()), default=None)
        is_certain = (is_said or is_flat) and (name in self.floats or not self.floats)
        if least is None or (least.mixes and not is_certain):
            return Answer(name, moved, given)
        least.is_said = is_said
        orders = (o.flatten().tolist() for o in self.outputs.values() if o.shape == (batch,))
        if least.is_reordered and any(sorted(order) == [*range(batch)] for order in orders):
            least.foreign = torch.zeros_like(least.reached)  # the model hands out their order
        return least

    def _is_said(self, name: str) -> bool:
        """Whether an output has its axes as the caller said; of a square one, such as attention
        weights over the batch, nobody can tell, unless there is no other."""
        place, batch = self.said.index("batch"), self.given.batch
        shapes = {one: tuple(output.shape) for one, output in self.outputs.items()}
        fitting = {s for s in shapes.values() if len(s) >= len(self.said) and s[place] == batch}
        return shapes[name] in (fitting - {(batch, batch)} or fitting)

    @cached_property
    def answer(self) -> Answer | None:
        """The output that speaks for the model: the first that surely mixes, or the first."""
        known = [one for one in self.answers if one.owners is not None]
        # One that is reordered beside another is sorted by length and only used as a whole, such
        # as a mean for a KL term.
        mixing = [one for one in known if one.mixes and (one is known[0] or not one.is_reordered)]
        apart = [one for one in self.answers if not one.mixes and one.reaching]
        return next(iter([*mixing, *known, *apart]), None)

    @property
    def judged(self) -> list[Answer]:
        """The outputs in which samples keep apart; those without owners, if all reach them."""
        apart, every = [one for one in self.answers if not one.mixes], len(self.given.samples)
        kept = [one for one in apart if one.owners is not None or len(one.reaching) == every]
        return [one for one in kept if one.reaching or one is self.answer]

    @property
    def unjudged(self) -> list[Answer]:
        """The other outputs that x reaches, but single numbers."""
        rest = [one for one in self.answers if one.reaching and one not in self.judged]
        return [one for one in rest if one.moved[0].numel() > 1]

    @property
    def name(self) -> str:
        """The name of the output that speaks for the model."""
        return self.answer.name if self.answer else [*self.floats, ""][0]

    @property
    def shape(self) -> list[int]:
        """Its shape."""
        return [*self.outputs[self.name].shape] if self.outputs else []

    @property
    def owners(self) -> Tensor | None:
        """Whose its numbers are."""
        return self.answer.owners if self.answer is not None else None

    @property
    def steps(self) -> Tensor | None:
        """Which steps they are."""
        return self.answer.steps if self.answer is not None else None

    def called(self, name: str | None = None) -> str:
        """What an output is called, or the one that speaks for the model."""
        name = self.name if name is None else name
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
        return bool(self.floats and speaking) and not any(one.reaching for one in speaking)

    @cached_property
    def sees_later(self) -> tuple[int, int] | None:
        """A step of an answer and a later time step of x that reaches it, where there are any."""
        if self.steps is None:
            return None
        pairs = zip(self.moved_by(self.by_time, self.name), self.given.times, strict=True)
        first = [(int(self.steps[one].min()), late) for one, late in pairs if one.any()]
        return next((pair for pair in reversed(first) if pair[0] < pair[1]), None)

    # ---- who reads what ----------------------------------------------------------------------

    @cached_property
    def asked(self) -> Run:
        """A run with a graph to ask; one of nothing where the model cannot be run so."""
        nothing = Run(None, {}, [])
        try:
            run = self._run(self.given.value, ask=True)
        except Exception:
            return nothing
        return run if len(run.calls) == len(self.base.calls) else nothing

    def reads(self, parts: list[Tensor]) -> list[Read]:
        """What tensors of the asked run read of each walk; nothing where no gradient comes."""
        parts = [part for part in parts if part.requires_grad]
        taps = [(call, key) for call in self.asked.calls for key in call.taps]
        if not parts or not taps:
            return []
        # Not alike, or an output and its negative would cancel.
        total = torch.stack([k * (weights_like(p) * p).sum() for k, p in enumerate(parts, 1)]).sum()
        zeros, own = [call.taps[key][0] for call, key in taps], weights_like(total)
        try:
            found = grad(total, zeros, own, retain_graph=True, materialize_grads=True)
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return []
        pairs = zip(taps, found, strict=True)
        marks = {(call.place, key): call.marks(key, gradient) for (call, key), gradient in pairs}
        return [Read(walk, marks) for walk in self.walks]

    def reads_of(self, mask: Tensor) -> list[Read]:
        """What the marked numbers of the answer read of each walk."""
        outputs = self.asked.outputs.items()
        return self.reads([o * mask.to(o) for name, o in outputs if name == self.name])

    @cached_property
    def sample_reads(self) -> list[list[Read]]:
        """What the answer of each looked-at sample reads, [samples][walks]; else nothing."""
        samples = [] if self.owners is None else self.given.samples
        found = [self.reads_of(self.owners == sample) for sample in samples]
        return found if all(found) else []

    @cached_property
    def read(self) -> list[int]:
        """The last walk that the answer of each looked-at sample reads: one that all read, or one
        each where a layer is called for each; none where one reads none."""
        found = [{n for n, one in enumerate(reads) if one.is_any} for reads in self.sample_reads]
        common = set.intersection(*found) if found else set()
        return [max(common or some) for some in found] if all(found) else []

    def entry_reads(self, walk: Walk) -> list[list[Read]]:
        """What enters a walk for each looked-at sample reads of the walks, [samples][walks]."""
        if not self.asked.calls or walk.cols != self.given.batch:
            return []
        call = self.asked.calls[walk.call.place]
        states = [one.reshape(-1, walk.cols, one.shape[-1]) for one in call.entered[1:]]
        parts = [call.walked(call.entered[0], call.packed), *states]
        found = [self.reads([part[:, sample] for part in parts]) for sample in self.given.samples]
        return found if all(found) else []

    @cached_property
    def reads_pads(self) -> tuple[int, Walk] | None:
        """A sample whose answer reads what a walk has made of the pads behind it, and the walk."""
        pads = self.given.pads & (not self.given.pads_left)
        walks = [n for n, w in enumerate(self.walks) if w.call.packed is None and self.in_step(w)]
        reads = self.sample_reads if pads.any() else []
        for sample, of_sample in zip(self.given.samples, reads, strict=False):
            for number in walks if pads[sample].any() else ():
                forward, *backward = of_sample[number].ways.any(2)
                if (forward & pads[sample]).any() or any(way.any() for way in backward):
                    return sample, self.walks[number]  # the way back begins in the pads
        return None

    @cached_property
    def all_reads(self) -> list[Read]:
        """What all outputs together read of each walk; nothing where no gradient gets through."""
        said = [one.name for one in self.answers if one.is_said] or self.floats
        return self.reads([o for name, o in self.asked.outputs.items() if name in said])


def _met(calls: list[Call], part: str, runs: list[Run]) -> Tensor:
    """[runs, steps, cols, features]: what of the inputs or states of calls each run changed."""
    after = [torch.cat([getattr(run.like(call), part) for call in calls]) for run in runs]
    return changed(after, torch.cat([getattr(call, part) for call in calls]))


def _differ(one: Run, other: Run) -> bool:
    pairs = [(one.outputs[name], o) for name, o in other.outputs.items() if name in one.outputs]
    return any(a.shape != b.shape or bool(changed([a], b, rounding=0).any()) for a, b in pairs)


def changed(after: list[Tensor], before: Tensor, rounding: float = _ROUNDING) -> Tensor:
    """[runs, *shape]: which numbers of a tensor runs have changed by more than rounding, and by
    more than a faint part of the largest change.

    A number counts where both are finite, and not where a run has no place for it.
    """
    by = torch.zeros(len(after), *before.shape)
    for one, new in zip(by, after, strict=True):
        both = tuple(slice(min(sizes)) for sizes in zip(new.shape, before.shape, strict=True))
        is_number = before.is_floating_point()
        one[both] = (new[both] - before[both]).abs() if is_number else new[both] != before[both]
    by = by.nan_to_num(0, 0, 0)
    tiny = rounding * min(1.0, largest(before.float().abs().nan_to_num(0, 0, 0)))
    return by > max(_FAINT * largest(by), tiny)


def position(shape: tuple[int, ...], axis: int) -> Tensor:
    """[*shape]: the place of each number along an axis."""
    sizes = [size if one == axis else 1 for one, size in enumerate(shape)]
    return torch.arange(shape[axis]).reshape(sizes).expand(shape)


def any_of(marks: Tensor, kept: int) -> Tensor:
    """Whether any is marked along all but the first axes."""
    return marks[..., None].flatten(kept).any(-1)


def most(marks: Tensor, axis: int) -> int:
    """The largest number of marks along an axis."""
    return int(largest(marks.sum(axis)))


def places(marks: Tensor) -> list[int]:
    """Where a row of marks is True."""
    return marks.nonzero().flatten().tolist()


def largest(values: Tensor) -> float:
    """The largest value; zero of none."""
    return float(values.max()) if values.numel() else 0.0
