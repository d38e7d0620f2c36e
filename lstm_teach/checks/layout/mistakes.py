"""The known mistakes of a layout: each a rule over the tables.

A rule counts over rows and columns of the tables, and gives the name of its entry in
`mistakes.txt`, the walk that it speaks of, and what fills the holes of its own; or None where it is
not this mistake. The first that fits is told, in the order of the two lists at the end. There are
three families: what a layer walks along, what a `view` cuts (and what is mixed else), which part of
a layer's way an answer reads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.layout.tables import Tables, Walk, along, any_of, most, places
from lstm_teach.checks.layout.words import said

Found = tuple[str, Walk | None, dict[str, Any]] | None


def holes(t: Tables, walk: Walk | None) -> dict[str, Any]:
    """What fills the holes that many entries have."""
    given = t.given
    found = {"x": given, "batch": given.batch, "time": given.time, "flag": _flag(t)}
    found |= {"output": t.output, "shape": t.shape, "ends": _ends(walk)}
    if walk is not None:
        found |= {"layer": walk.name, "made": walk.made, "top": walk.top}
        found |= {"steps": walk.steps, "cols": walk.cols}
    return found


def _flag(t: Tables) -> str:
    return ", batch_first=True" * t.given.axes.is_batch_first


def _ends(walk: Walk | None) -> str:
    """What to take of a walk where a sample ends."""
    if walk is None:
        return said("end of any")
    if walk.call.is_cell:
        return said("end of a loop")
    if walk.call.directions == 2:
        return said("end of both", top=walk.top)
    if walk.call.packed is not None:  # the learner's own line lays `out` out
        return said("end of packed", top=walk.top)
    last = "out[:, -1]" if walk.call.batch_first else "out[-1]"
    return said("end of all", top=walk.top, last=last)


def _as_it_is(t: Tables, walk: Walk) -> str:
    """x as a layer takes it, and the layer made for that."""
    x = t.given.main
    if not x.is_floating_point():
        return said("tokens as they are", made=walk.made, flag=_flag(t))
    given, width = ("x.unsqueeze(-1)", 1) if x.dim() == 2 else ("x", x.shape[-1])
    return said("x as it is", given=given, width=width, made=walk.made, flag=_flag(t))


# ---- what a layer walks along -----------------------------------------------------------------


def one_long_sequence(t: Tables) -> Found:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if walk is None or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    if walk.call.is_cell:
        fix = said("all samples at once")
    elif "time" in t.given.lead:
        fix = _as_it_is(t, walk)
    else:
        fix = said("one time step a sample", at=int(walk.call.batch_first))
    return "one long sequence", walk, {"fix": fix}


def walks_along_the_batch(t: Tables) -> Found:
    """Each step of a layer is one sample and nothing else."""
    walk, axes = t.badly_fed, t.given.axes
    if walk is None:
        return None
    step, apart = walk.samples.any(1), [most(walk.times.any(axis), 1) <= 1 for axis in (0, 1)]
    folded = t.mixes and "time" in t.given.lead and any(apart)
    if most(step, 1) > 1 or (most(step, 0) > 1 and not folded):
        return None
    how = "turned" if walk.call.batch_first == axes.is_batch_first else "made"
    how = how if walk.call.packed is None else "packed"
    first = "batch" if axes.is_batch_first == (how == "turned") else "time"
    cause = f"{how}, {first} first" if len(walk.calls) == 1 else "in a loop"
    fix = said(cause, "fix", at=axes.at("time"), made=walk.made)
    is_one = len(walk.calls) == 1 and walk.call.packed is None
    if is_one and (t.answer is None or t.answer.steps is None):
        last = "out[:, -1]" if axes.is_batch_first else "out[-1]"
        fix = said("and the last step", fix=fix, last=last)
    return "walks along the batch", walk, {"because": said(cause), "fix": fix}


def loops_along_the_batch(t: Tables) -> Found:
    """No layer of torch's inside; samples reach one another, and no time step another's place."""
    for one in t.answers if not t.walks and t.given.time > 2 else ():
        moved = t.moved_by(t.by_time, one.number)
        axes = [k for k, size in enumerate(moved.shape[1:]) if size == t.given.time]
        own = any(along(moved, axis) == [[time] for time in t.given.times] for axis in axes)
        if own or (not axes and int(any_of(moved, 1).sum()) == 1):
            return "loops along the batch", None, {}
    return None


def axes_come_out_swapped(t: Tables) -> Found:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if t.answer is None or t.owners is not None:
        return None
    shape, place = t.outputs[t.answer.number].shape, t.said.at("batch")
    has_states = any(t.is_state(tuple(output.shape)) for output in t.outputs)
    is_there = shape[place : place + 1] == (t.given.batch,)
    for axis, size in enumerate(() if has_states or is_there else shape):
        own = along(t.answer.moved, axis) == [[sample] for sample in t.given.samples]
        if own and size == t.given.batch:
            return "comes out swapped", None, {"axis": axis, "place": place}
    return None


def never_walks(t: Tables) -> Found:
    """x has a time axis, and no recurrent layer ever makes a second step.

    Certain only where the time steps of x lie apart, as features of one step, as columns, or in
    calls of their own: a layer after a pooling or an attention over time has one step rightly.
    """
    if t.given.time < 3 or not t.walks or any(walk.steps > 1 for walk in t.walks):
        return None
    walk = t.walks[0]
    alike = [w for w in t.walks if w.call.module is walk.call.module]
    met = torch.cat([w.times.any(1) for w in alike]).any(0)
    if int(met.sum()) < 2 or max(w.crowd[1] for w in alike) > 1:
        return None
    way, fix = "as features" if most(walk.times, -1) > 1 else "as columns", _as_it_is(t, walk)
    if len(alike) > 1:
        way = "in calls of their own"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = said(way, "fix", line=line)
    how = said(way, time=t.given.time, cols=walk.cols, count=len(alike))
    return "never walks", walk, {"how": how, "fix": fix}


# ---- what a view cuts, and what is mixed else -------------------------------------------------


def one_sample_is_left(t: Tables) -> Found:
    """One sample reaches the whole output, and no other any of it."""
    answer, walk = t.answer, t.walks[-1] if t.walks else None
    if answer is None or t.bad_walk is not None or len(t.given.samples) < 2:
        return None
    if len(answer.reaching) != 1:
        return None
    if answer.owners is not None and not (t.mixes and walk and walk.steps == t.given.batch):
        return None  # it could be a `view`
    return "one sample is left", walk, {"sample": t.given.samples[answer.reaching[0]]}


def cut_on_the_way(t: Tables) -> Found:
    """Pieces of a final state, or steps, go to wrong samples: on the way into the bad walk, or out
    of the model."""
    bad = t.bad_walk
    reads = t.sample_reads if bad is None else t.entry_reads(bad)
    earlier = t.walks if bad is None else t.walks[: t.walks.index(bad)]
    for number, walk in reversed(list(enumerate(earlier if reads else ()))):
        states = torch.stack([of_sample[number].state for of_sample in reads])
        steps = torch.stack([of_sample[number].steps for of_sample in reads])
        if bad is None and (steps.any(1) & ~walk.owners.T).any():
            # a sum over the batch reads one step of all columns
            is_sum = most(steps.any(2), 1) == 1 and bool(steps.any(1).all())
            return ("steps cut", walk, {}) if not is_sum and _is_cut(steps, walk.ends - 1) else None
        if (states.any(1) & ~walk.owners.T).any():
            is_cut = walk.call.rows > 1 and _is_cut(states, walk.ends - 1)
            return ("state cut", walk, {}) if is_cut else None
    return None


def _is_cut(parts: Tensor, last: Tensor) -> bool:
    """Whether what is read for the samples, [samples, places, cols], are different pieces, each
    place in one of them, and not whole columns that change places: then each is read in one
    column, and there at the same places as the others, or at several, or where it ends."""
    pieces = parts.flatten(1).unique(dim=0)
    inside = parts & (torch.arange(parts.shape[1])[:, None] != last)
    alike = len(parts.any(2).unique(dim=0)) == 1
    by_chance = any(p.sum() == 1 and q.any() for p, q in zip(parts, inside, strict=True))
    is_moved = most(parts.any(1), 1) == 1 and (alike or not by_chance)
    return len(pieces) > 1 and most(pieces, 0) <= 1 and not is_moved


def layers_as_samples(t: Tables) -> Found:
    """h_n viewed as rows gives predictions for each layer, one block after the other."""
    if t.answer is None or t.owners is not None:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        rows = int(read.state.any(1).sum())
        if rows > 1 and not read.output.any() and t.shape[:1] == [rows * t.given.batch]:
            return "layers as samples", walk, {}
    return None


def numbers_dealt_out(t: Tables) -> Found:
    """Every number that enters comes from one sample: the rows of x are only dealt out anew. Or
    numbers come in that belong to one time step each, and those of a time step go to several steps
    of the layer, where they stand beside others: x itself, or all over the layer's way."""
    walk = t.badly_fed if t.mixes else next(iter(t.walks), None)
    if walk is None or walk.crowd[not t.mixes] > 1:
        return None
    if not t.mixes:
        met = [walk.steps_of(n) for n in range(len(t.given.times))]
        spread = all(steps and 2 * (steps[-1] - steps[0]) >= walk.steps > 1 for steps in met)
        is_x = sum(call.inputs.numel() for call in walk.calls) == t.given.main.numel()
        split = most(walk.times.any(1), 0) > 1 and most(walk.times, -1) > 1
        if not split or not (spread or is_x) or any(map(t.in_step, t.walks)):
            return None
    place, at = int(walk.call.batch_first), t.given.axes.at("time")
    turned = said("not turned") if place == at else said("turned", place=place, at=at)
    return f"{'samples' if t.mixes else 'steps'} dealt out", walk, {"turned": turned}


def steps_read_elsewhere(t: Tables) -> Found:
    """The first or the last step of an answer reads a layer far from where it holds this time."""
    last, owners, steps = t.given.time - 1, t.owners, t.steps
    if owners is None or steps is None or t.given.times[-1] != last:
        return None
    for step in (0, last):
        numbers = ((owners == t.given.longest) & (steps == step)).nonzero().tolist()
        for number in (numbers[0], numbers[-1]):
            mask = torch.zeros(t.shape)
            mask[tuple(number)] = 1
            for walk, read in zip(t.walks, t.reads_of(mask), strict=False):
                found = _read_elsewhere(t, walk, step, places(read.steps.any(1)))
                if found is not None:
                    return found
    return None


def _read_elsewhere(t: Tables, walk: Walk, step: int, at: list[int]) -> Found:
    last = t.given.time - 1
    is_turned = walk.steps_of(0) == [last] and walk.steps_of(-1) == [0]
    time = last - sum(at) if is_turned else sum(at)
    if len(at) != 1 or 2 * abs(time - step) < walk.steps or not (is_turned or t.in_step(walk)):
        return None
    name = "not turned back" if is_turned else "steps read elsewhere"
    return name, walk, {"step": step, "read": time}


def mixed_else(t: Tables) -> Found:
    """Samples come into one another's inputs or answers, in a way without a name."""
    if not any(output.numel() > 1 for output in t.outputs):
        return None
    if t.bad_walk is not None:
        return "mixed before", t.bad_walk, {}
    if t.answer is None or t.answer.owners is None:
        return "mixed in all", None, {}
    pairs = zip(t.given.samples, t.answer.foreign, strict=True)
    source, target = next((sample, rows[0]) for sample, rows in pairs if rows)
    name = "in another order" if t.answer.is_reordered else "mixed after"
    return name, None, {"source": source, "target": target}


# ---- which part of a walk an answer reads -----------------------------------------------------


def read_behind_the_end(t: Tables) -> Found:
    """Of a short sample, what is read lies behind its end, or before it with pads on the left."""
    given, lengths = t.given, t.given.lengths
    if lengths is None or given.time < 3 or t.answer is None or not t.sample_reads:
        return None
    short = [k for k, sample in enumerate(given.samples) if lengths[sample] < given.time]
    real = [int(lengths[given.samples[k]]) for k in short]
    for number, walk in enumerate(t.walks if short else ()):
        steps = [places(t.sample_reads[k][number].ways[0].any(1)) for k in short]
        name = "pads read"
        if given.pads_left:
            name = "read before the end"
            is_behind = walk.steps == given.time and steps == [[length - 1] for length in real]
        elif walk.call.packed is not None:
            name = "zeros read"
            is_behind = bool(t.answer.reaching) and not {*short} & {*t.answer.reaching}
        else:
            pairs = zip(steps, real, strict=True)
            is_behind = t.in_step(walk) and all(read and read[0] >= end for read, end in pairs)
        if is_behind:
            end = f"end of {('a direction', 'two directions')[walk.call.directions - 1]}"
            found = {"sample": given.samples[short[0]], "real": real[0]}
            return name, walk, {**found, "own_end": said(end, top=walk.top)}
    return None


def part_of_a_walk_read(t: Tables) -> Found:
    """All answers together read only lower layers; or of one direction only the step at which it
    has seen one step; or of every step one feature."""
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        if read.state.any() and not read.ways.any():
            return "lower layer", walk, {"rows": ", ".join(map(str, places(read.state.any(1))))}
        step = torch.arange(walk.steps)[:, None]
        begins = [("forward ", step == 0), ("backward ", step == walk.ends - 1)]
        both = walk.call.directions == 2
        goes_on = bool(walk.states[: len(walk.call.states)].any())  # as a decoder does
        for way, (half, start) in zip(read.ways, begins, strict=False):
            is_one = way.any() and not (way & ~start).any() and bool((walk.ends > 1).any())
            if is_one and (both or not goes_on):
                return f"{half * both}begins", walk, {}
        wide = getattr(walk.call.module, "proj_size", 0) or walk.call.module.hidden_size
        features = int(read.output.flatten(0, 1).any(0).sum())
        if features == 1 < wide and read.steps.all() and not read.state.any():
            return "one feature", walk, {}
    return None


def pads_reach_steps(t: Tables) -> Found:
    """One more pad changes every real step of a short sample, in a layer of two directions."""
    walk = next((w for w in t.walks if w.call.directions == 2 and t.in_step(w)), None)
    moved, owners, steps = t.by_longer_pads, t.owners, t.steps
    if moved is None or walk is None or steps is None or t.given.lengths is None:
        return None
    for sample, length in enumerate(t.given.lengths.tolist()):
        reached = steps[moved & (owners == sample)].unique()
        is_whole = length < t.given.time and int((reached < length).sum()) == length
        if is_whole and not t.given.pads_left:
            return "pads reach steps", walk, {"sample": sample}
    return None


def sees_the_answer(t: Tables) -> Found:
    """An answer that must see no later time step sees one."""
    if not t.causal or t.sees_later is None:
        return None
    early, late = t.sees_later
    return "sees the answer", None, {"early": early, "late": late}


# ---- what keeps it from being judged ----------------------------------------------------------


def no_prediction(t: Tables) -> Found:
    """There is no answer for each sample, and no layer to look into."""
    return ("no prediction", None, {}) if t.mixes or not (t.outputs or t.walks) else None


def too_small(t: Tables) -> Found:
    """Mistakes hide in these sizes."""
    given = t.given
    few_steps = "time" in given.lead and given.time < 3
    if len(given.lead) == 2 and given.batch == given.time:
        name = "square"
    elif few_steps or ("batch" in given.lead and given.batch < 2):
        name = "few steps" if few_steps else "few samples"
    else:
        return None
    return name, None, {"example": given.example(batch=4, time=7)}


def no_steps(t: Tables) -> Found:
    """What is to be causal has no steps."""
    return ("no steps", None, {}) if t.causal and t.steps is None else None


WHERE_SAMPLES_MIX = (
    one_long_sequence,
    walks_along_the_batch,
    loops_along_the_batch,
    one_sample_is_left,
    cut_on_the_way,
    numbers_dealt_out,
    mixed_else,
    no_prediction,
)
WHERE_THEY_KEEP_APART = (
    walks_along_the_batch,
    axes_come_out_swapped,
    one_sample_is_left,
    never_walks,
    numbers_dealt_out,
    steps_read_elsewhere,
    read_behind_the_end,
    pads_reach_steps,
    layers_as_samples,
    part_of_a_walk_read,
    sees_the_answer,
    no_prediction,
    too_small,
    no_steps,
)


def first_that_fits(t: Tables) -> Found:
    """What the first rule that fits the tables has found."""
    if t.is_dead:
        return "nothing matters", None, {}
    rules = WHERE_SAMPLES_MIX if t.mixes else WHERE_THEY_KEEP_APART
    return next(filter(None, (rule(t) for rule in rules)), None)
