"""The tables of dependencies: which samples and which steps of x reach what.

Forward, by running with one sample or one step of x replaced: what then changes at the input of
each recurrent layer, in the state that it is handed, and in each tensor that comes out. Backward,
by gradients at zeros added to what leaves each layer: which of its steps an answer reads.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import grad

from lstm_teach.checks.layout.calling import Call, recording
from lstm_teach.checks.layout.given import Given
from lstm_teach.layouts import output_tensors, weights_like
from lstm_teach.undisturbed import random_states

_FAINT = 1e-5
_ROUNDING = 1e-11


class Run(NamedTuple):
    """One forward pass: the tensors that came out, by name, what the layers met, and what the first
    convolution read."""

    outputs: dict[str, Tensor]
    calls: list[Call]
    convolution: tuple[str, Tensor] = ("", torch.empty(0))


class Walk:
    """A recurrent layer's way over its steps; a loop over a cell is one walk.

    Attributes:
        calls: the calls of which it is made; each goes on with the state of the one before.
        samples: [steps, cols, samples]: which samples of x reach which inputs.
        times: [steps, cols, times]: which time steps of x do.
        met: for each of the looked-at time steps of x, the steps that it reaches.
        states: [rows, cols, samples]: which samples reach the states handed in.
        owners: [cols, samples]: which samples reach a column at all.
        ends: the number of real steps of each column.
        holds_x, deals_x: whether the very numbers of x come in, and no others; and whether, as a
            `view` does, in columns that are none of its own.
        crowd: the most samples, and the most time steps, that reach a single number.
        by_hand: whether a loop changes the state between two calls.
        in_step: whether its step t is time t of x, give or take the width of a convolution.
        keeps_time: whether it has as many steps as x, and each time of x reaches its own.
        is_near: whether it is in step as far as it goes, be it shorter or longer than x.
        is_spread: whether every looked-at time step reaches steps all over the way.
        heading: whether time steps of x come in order: 1, or -1 from the last; else 0.
    """

    def __init__(self, calls: list[Call], t: Tables) -> None:
        """Look at what each run has changed of what the calls met."""
        looked = ("inputs", t.by_sample), ("inputs", t.by_time), ("states", t.by_sample)
        numbers = [_met(calls, part, runs) for part, runs in looked]
        self.calls, self.call, self.name = calls, calls[0], calls[0].name
        self.crowd = [most(one, 0) for one in numbers]
        self.samples, self.times, self.states = (one.any(-1).movedim(0, -1) for one in numbers)
        self.steps, self.cols = self.samples.shape[:2]
        self.owners = self.samples.any(0) | self.states.any(0)
        self.ends = torch.stack([call.ends for call in calls]).sum(0)
        self.by_hand = any(call.by_hand for call in calls[1:])
        entered = torch.cat([call.inputs.flatten() for call in calls])
        x, wide = t.given.main.flatten().to(entered), calls[0].inputs.shape[-1]
        self.holds_x = len(x) == len(entered) and x.sort().values.equal(entered.sort().values)
        both = [one.view(-1, wide).sort(0).values.T for one in (entered, x) if self.holds_x]
        own, of_x = both or ([], [])
        self.deals_x = not all(any(map(column.equal, of_x)) for column in own)
        self.met = [places(one) for one in self.times.any(1).T]
        narrow, pairs = min(6, t.given.time // 2), [*zip(t.given.times, self.met, strict=True)]
        near = [at in steps and steps[-1] - steps[0] <= narrow for at, steps in pairs if steps]
        self.is_near = all(near) and 2 * self.steps > t.given.time
        self.keeps_time = self.steps == t.given.time and all(at in steps for at, steps in pairs)
        self.in_step = self.is_near and self.keeps_time
        firsts = [steps[0] for steps in self.met if steps]
        ways = {(later > earlier) - (later < earlier) for earlier, later in pairwise(firsts)} - {0}
        self.is_spread = all(met and 2 * (met[-1] - met[0]) >= self.steps for met in self.met)
        self.heading = ways.pop() if len(ways) == 1 and not self.is_spread else 0


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
        name, shape: how the learner reaches it behind `output`, and its sizes.
        moved: [samples, *shape]: which of its numbers each looked-at sample changes.
        owners: [*shape], whose sample each of its numbers is; None where nobody knows its axes.
        steps: [*shape], which time step each of them is; None where there are not as many as in x.
        axis: where its samples stand; None where nobody knows, and of flat rows.
        is_said: whether its axes are as the caller said.
        foreign: [samples, rows]: whose numbers each of the samples changes beside its own; where
            nobody knows whose they are, the numbers that two samples change.
        reaching: which of the looked-at samples change anything.
        is_apart: whether samples surely keep to themselves.
        is_reordered: whether each of them changes one row.
    """

    def __init__(self, name: str, moved: Tensor, given: Given, *known: Any) -> None:
        """Count whose numbers each sample changes; known are the owners, the steps, the axis."""
        self.name, self.moved, self.shape = name, moved, [*moved.shape[1:]]
        self.owners, self.steps, self.axis = known or (None, None, None)
        reached = torch.zeros(len(given.samples), given.batch, dtype=torch.bool)
        for row, one in zip(reached, moved, strict=True):
            row[[] if self.owners is None else self.owners[one]] = True
        own = torch.arange(given.batch) == torch.tensor(given.samples)[:, None]
        shared = (moved & (moved.sum(0) > 1))[..., None].flatten(1)
        self.foreign = shared if self.owners is None else reached & ~own
        self.reaching = [number for number, one in enumerate(moved) if one.any()]
        is_known = self.owners is not None or len(self.reaching) == len(moved)
        self.is_apart, self.is_said = is_known and not self.mixes, False
        self.is_reordered = bool((reached.sum(1) == 1).all())

    @property
    def mixes(self) -> bool:
        """Whether samples reach one another's numbers."""
        return bool(self.foreign.any())

    def __str__(self) -> str:
        """What it is called."""
        return f"`output{self.name}`" if self.name else "the output"


class Tables:
    """Everything that is measured on one x.

    Attributes:
        walks: the walks of all recurrent layers, in the order in which they begin.
        bad_walk: the first into which several samples come side by side: wrong before it.
        badly_fed: the same, if its own input mixes samples, not only the state handed in.
        answers: everything that comes out, floats first, and of these what is as the caller said.
        answer: the one that speaks for the model: the first that surely mixes, or the first.
        rows: of the answers those of floats that give a number or a row of them a sample.
        mixes: whether a sample reaches another sample's output, or all outputs depend on several.
        is_dead: whether nothing that was replaced in x changes it.
        state_is_kept: whether the next call goes on from what the model has kept.
        is_noisy: whether it draws random numbers.
    """

    def __init__(self, given: Given, said: list[str], model: Any, run: Any, rewind: Any) -> None:
        """Keep what is to be run, and how; `begin`, `go_on` and `look` measure it."""
        self.given, self.said, self.model = given, said, model
        self._call, self._rewind, self.state_is_kept = run, rewind, False
        self.causal = self.of_ends = self.has_call = False

    def begin(self) -> Any:
        """Run the model on x as it is; what it returns."""
        self._rewind()
        fresh = random_states()
        returned, self.base = self._run(self.given.value)
        self.is_noisy = not _alike(fresh, random_states())
        return returned

    def go_on(self) -> bool:
        """Run it again, and with each looked-at sample and time step replaced; whether two runs
        on one x agree."""
        given, first = self.given, self.base
        self.state_is_kept = _differ(self._run(given.value, state=False)[1], first)
        if self.state_is_kept:
            self.base = self._run(given.value)[1]
            if _differ(self.base, first):
                return False
        self.by_time = [self._run(given.altered(time=time))[1] for time in given.times]
        self.by_sample = [self._run(given.altered(sample=one))[1] for one in given.samples]
        return True

    def look(self) -> None:
        """Compare the runs: what has changed at each layer, and of all that comes out."""
        self.walks = self._walks()
        self.bad_walk = next((w for w in self.walks if most(w.owners, 1) > 1), None)
        is_fed = self.bad_walk is not None and most(self.bad_walk.samples.any(0), 1) > 1
        self.badly_fed = self.bad_walk if is_fed else None
        self._answers()

    def _run(
        self, value: Any, *ends: Tensor, ask: bool = False, state: bool = True
    ) -> tuple[Any, Run]:
        """Run the model once, maybe with other lengths; where it keeps a state, what comes out of
        its next call on x counts as well. With `state` False it goes on with what it has kept."""
        self._rewind(state)
        with recording(self.model, ask) as (calls, read), torch.set_grad_enabled(ask):
            returned = self._call(self.model, self.given.handed(value), *ends)
            found, own = output_tensors(returned, self.said, self.given.batch), len(calls)
            outputs = {name: o if ask else o.detach().clone() for name, o in found if o.numel()}
            if self.state_is_kept and not ask:
                later = self._call(self.model, self.given.handed(self.given.value))
                found = output_tensors(later, self.said, self.given.batch)
                outputs |= {f"{name} of the next call": o.clone() for name, o in found}
        return returned, Run(outputs, calls[:own], *read)

    def _walks(self) -> list[Walk]:
        walks: list[list[Call]] = []
        for call in self.base.calls:
            own = next((w for w in reversed(walks) if w[0].module is call.module), [])
            alike = own and own[0].inputs.shape[1] == call.inputs.shape[1]
            if alike and _met([call], "states", self.by_sample + self.by_time).any():
                own.append(call)
            else:
                walks.append([call])
        return [Walk(calls, self) for calls in walks]

    def _answers(self) -> None:
        outputs, looked = self.base.outputs, len(self.given.samples)
        self.floats = [name for name, output in outputs.items() if output.is_floating_point()]
        found = [self._answer(name) for name in outputs if "batch" in self.given.lead]
        found.sort(key=lambda one: (one.name not in self.floats, not one.is_said))
        known = [one for one in found if one.owners is not None]
        # One that is reordered beside another is sorted by length and only used as a whole, such
        # as a mean for a KL term.
        mixing = [one for one in known if one.mixes and (one is known[0] or not one.is_reordered)]
        apart = [one for one in found if not one.mixes and one.reaching]
        speaking = [*mixing, *known, *apart][:1]
        silent = [self._of_no_batch(name) for name in outputs]
        silent.append(Answer("", torch.zeros(looked, 0, dtype=torch.bool), self.given))
        said = [one for one in found if one.is_said and one.name in self.floats]
        self.rows = [one for one in said if len(one.shape) < 3]
        self.answers, self.answer = found, [*speaking, *found, *silent][0]
        self.mixes = self.answer.mixes if speaking else bool(found)
        if not outputs:
            self.mixes = self.bad_walk is not None
        heard = any(one.reaching for one in speaking or found)
        self.is_dead = bool(self.floats and found) and not heard

    def _answer(self, name: str) -> Answer:
        """An output with its samples on the axis that the caller said, else on any of that size, or
        flat in one of two orders: where they mix least.

        Mixed samples are certain of floats that are as the caller said, or flat; of a square one,
        such as attention weights over the batch, nobody can tell, unless there is no other.
        """
        outputs, given = self.base.outputs, self.given
        moved, shape = self.moved_by(self.by_sample, name), outputs[name].shape
        batch, time, place = given.batch, given.time, self.said.index("batch")
        shapes = {tuple(output.shape) for output in outputs.values()}
        fitting = {s for s in shapes if len(s) >= len(self.said) and s[place] == batch}
        flat, steps = {s for s in shapes if len(s) > 1 and s[0] == batch * time}, None
        at = self.said.index("time") if "time" in self.said and "time" in given.lead else None
        if at is not None and not any(s[at] == time for s in fitting):
            fitting |= flat  # beside a state, which has its batch at the same place
        is_said = tuple(shape) in (fitting - {(batch, batch)} or fitting)
        is_flat = tuple(shape) in flat and shape[place : place + 1] != (batch,)
        may_lack = (0, 1) if self.causal else (0,)  # the last step, which is to be predicted
        if at is not None and is_said and not is_flat and time - shape[at] in may_lack:
            steps = position(shape, at)
        axes = [axis for axis, size in enumerate(shape) if size == batch]
        axes.sort(key=lambda axis: axis != place)
        known: list[tuple[Any, ...]] = [(position(shape, axis), steps, axis) for axis in axes]
        if is_flat:
            row = position(shape, 0)
            known = [(row // time, row % time, None), (row % batch, row // batch, None)]
        found = [Answer(name, moved, given, *one) for one in known]
        least = min(found, key=lambda one: int(one.foreign.sum()), default=None)
        is_certain = (is_said or is_flat) and (name in self.floats or not self.floats)
        if least is None or (least.mixes and not is_certain):
            unknown = Answer(name, moved, given)
            unknown.is_apart &= least is None
            return unknown
        least.is_said = is_said
        orders = [sorted(o.flatten().tolist()) for o in outputs.values() if o.shape == (batch,)]
        if least.is_reordered and [*range(batch)] in orders:  # the model hands out their order
            least.foreign = torch.zeros_like(least.foreign)
        return least

    def _of_no_batch(self, name: str) -> Answer:
        """An output of which nobody asks for samples."""
        shape, steps = self.base.outputs[name].shape, None
        at = self.said.index("time") if "time" in self.said else len(shape)
        if self.floats == [name] and shape[at : at + 1] == (self.given.time,):
            steps = position(shape, at)
        return Answer(name, self.moved_by(self.by_sample, name), self.given, None, steps, None)

    def out_of_place(self) -> tuple[int, int] | None:
        """Two samples whose answers are others where these two have changed places in x; None of
        what the model may take from elsewhere, by its place: lengths, noise, a state that is kept.
        """
        given, answer = self.given, self.answer
        has_lengths = given.lengths is not None or any(len(w.ends.unique()) > 1 for w in self.walks)
        if has_lengths or given.unvaried or self.state_is_kept or self.is_noisy:
            return None
        if answer.axis is None or not answer.is_said:
            return None
        samples = torch.tensor(given.samples).view(-1, *[1] * len(answer.shape))
        if (answer.moved & (answer.owners != samples)).any():
            return None  # its rows are in an order that it hands out
        one, other, order = given.samples[0], given.samples[-1], torch.arange(given.batch)
        order[[one, other]] = order[[other, one]]
        last = self._run(given.exchanged(order))[1]
        runs, none = (self.base, last, *self.by_sample), torch.empty(0)
        outputs = [run.outputs.get(answer.name, none).double().nan_to_num() for run in runs]
        if len({output.shape for output in outputs}) > 1:
            return None
        usual = max(largest((run - outputs[0]).abs()) for run in outputs[2:])
        off = (outputs[1].index_select(answer.axis, order) - outputs[0]).abs()
        return (one, other) if largest(off) > 1e-3 * usual else None

    def sample_by_pads(self) -> int | None:
        """A sample whose answer is another where x ends with it, and longer ones are cut there;
        None where x and its lengths cannot be cut."""
        given, answer = self.given, self.answer
        lengths = [] if given.lengths is None or self.has_call else given.lengths.tolist()
        short = [length for length in lengths if length < given.time]
        known = answer.axis is not None and answer.is_said and len(given.lead) == 2
        if not short or not known or given.pads_left or given.unvaried or self.state_is_kept:
            return None
        sample, ends = lengths.index(max(short)), given.lengths.clamp(max=max(short))
        try:
            runs = self.base, self._run(given.cut(max(short)), ends)[1]
        except Exception:  # it is made for so many steps
            return None
        rows = [run.outputs.get(answer.name, torch.empty(0)) for run in runs]
        if rows[1].dim() != len(answer.shape):
            return None
        old, new = (row.select(answer.axis, sample).double() for row in rows)
        old = old[tuple(map(slice, new.shape))]
        is_other = old.shape == new.shape and largest((old - new).abs()) > 1e-3 * largest(old.abs())
        return sample if is_other else None

    def moved_by(self, runs: list[Run], name: str) -> Tensor:
        """[runs, *shape]: which numbers of an output each run changed."""
        return changed([run.outputs[name] for run in runs], self.base.outputs[name])

    @cached_property
    def asked(self) -> Run:
        """A run with a graph to ask; one of nothing where the model cannot be run so."""
        try:
            run = self._run(self.given.value, ask=True)[1]
        except Exception:
            return Run({}, [])
        return run if len(run.calls) == len(self.base.calls) else Run({}, [])

    def reads(self, parts: list[Tensor]) -> list[Read]:
        """What tensors of the asked run read of each walk; nothing where no gradient comes."""
        parts = [part for part in parts if part.requires_grad]
        taps = [(call, key) for call in self.asked.calls for key in call.taps]
        if not parts or not taps:
            return []
        # Not alike, or an output and its negative would cancel.
        total = torch.stack([k * (weights_like(p) * p).sum() for k, p in enumerate(parts, 1)]).sum()
        zeros, own = [call.taps[key] for call, key in taps], weights_like(total)
        try:
            found = grad(total, zeros, own, retain_graph=True, materialize_grads=True)
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return []
        pairs = zip(taps, found, strict=True)
        marks = {(call.place, key): call.marks(key, gradient) for (call, key), gradient in pairs}
        return [Read(walk, marks) for walk in self.walks]

    def reads_of(self, mask: Tensor) -> list[Read]:
        """What the marked numbers of the answer read of each walk."""
        output = self.asked.outputs.get(self.answer.name)
        return [] if output is None else self.reads([output * mask.to(output)])

    @cached_property
    def sample_reads(self) -> list[list[Read]]:
        """What the answer of each looked-at sample reads, [samples][walks]; else nothing."""
        owners = self.answer.owners
        samples = [] if owners is None else self.given.samples
        found = [self.reads_of(owners == sample) for sample in samples]
        return found if all(found) else []

    @cached_property
    def all_reads(self) -> list[Read]:
        """What the rows, or else all outputs, read together of each walk."""
        said = self.rows or [one for one in self.answers if one.is_said]
        names = [one.name for one in said] or self.floats
        return self.reads([o for name, o in self.asked.outputs.items() if name in names])


def _met(calls: list[Call], part: str, runs: list[Run]) -> Tensor:
    """[runs, steps, cols, features]: what of the inputs or states of calls each run changed."""
    before, after = torch.cat([getattr(call, part) for call in calls]), []
    for run in runs:
        own = {(call.place, call.name): call for call in run.calls}
        like = [own.get((call.place, call.name), call) for call in calls]
        after.append(torch.cat([getattr(call, part) for call in like]))
    packed = calls[0].packed
    if part == "inputs" and packed is not None and packed.sorted_indices is None:
        after = [_as_before(one, before) if one.shape == before.shape else one for one in after]
    return changed(after, before)


def _as_before(after: Tensor, before: Tensor) -> Tensor:
    """The columns that entered a layer, where the same stood before: the words of another sample
    may be sorted to other places, by their lengths."""
    numbers = torch.cat((before, after), 1).unique(dim=1, return_inverse=True)[1]
    own, found = (half.tolist() for half in numbers.chunk(2))
    new = iter([place for place, one in enumerate(found) if one not in own])
    return after[:, [found.index(o) if o in found else next(new, k) for k, o in enumerate(own)]]


def _alike(one: Any, other: Any) -> bool:
    """Whether two random states are the same: tensors, arrays and numbers in lists and tuples."""
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_alike, one, other))
    same = one == other
    return bool(same.all() if hasattr(same, "all") else same)


def _differ(one: Run, other: Run) -> bool:
    pairs = [(one.outputs[name], o) for name, o in other.outputs.items() if name in one.outputs]
    return any(a.shape != b.shape or bool(changed([a], b).any()) for a, b in pairs)


def changed(after: list[Tensor], before: Tensor) -> Tensor:
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
    tiny = _ROUNDING * min(1.0, largest(before.float().abs().nan_to_num(0, 0, 0)))
    return by > max(_FAINT * largest(by), tiny)


def position(shape: tuple[int, ...], axis: int) -> Tensor:
    """[*shape]: the place of each number along an axis."""
    return torch.ones(shape, dtype=torch.long).cumsum(axis) - 1


def most(marks: Tensor, axis: int) -> int:
    """The largest number of marks along an axis."""
    return int(largest(marks.sum(axis)))


def places(marks: Tensor) -> list[int]:
    """Where a row of marks is True."""
    return marks.nonzero().flatten().tolist()


def largest(values: Tensor) -> float:
    """The largest value; zero of none."""
    return float(values.max()) if values.numel() else 0.0
