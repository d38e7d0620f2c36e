"""The known mistakes of a layout: each a rule over the tables.

A rule counts over rows and columns of the tables, and gives the name of its entry in
`mistakes.txt`, the walk that it speaks of, and what fills the holes of its own; or None where it is
not this mistake. The first that fits is told, in the order of the list at the end. There are
three families: what a layer walks along, what a `view` cuts (and what is mixed else), which part of
a layer's way an answer reads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.layout.tables import Tables, Walk, any_of, follows, most, places
from lstm_teach.checks.layout.words import said

Found = tuple[str, Walk | None, dict[str, Any]] | None


def holes(t: Tables, walk: Walk | None) -> dict[str, Any]:
    """What fills the holes that many entries have."""
    given, flat = t.given, t.given.main.dim() == 2
    found: dict[str, Any] = {"x": given, "batch": given.batch, "time": given.time}
    found |= {"output": t.output, "shape": t.shape, "ends": said("end_of_any")}
    attends = any(isinstance(module, nn.MultiheadAttention) for module in t.model.modules())
    found["leaving"] = said("leave_the_batch" + "_and_attend" * attends)
    if walk is None:
        return found
    call = walk.call
    found |= {"layer": walk.name, "steps": walk.steps, "cols": walk.cols}
    found |= {"made": call.kind if call.name == call.kind else f"{call.name} = {call.kind}"}
    found |= {"top": "torch.cat((h_n[-2], h_n[-1]), dim=1)" if call.directions == 2 else "h_n[-1]"}
    found |= {"last": "out[:, -1]" if call.batch_first else "out[-1]"}
    found |= {"flag": ", batch_first=True" * given.axes.is_batch_first, "at": given.axes.at("time")}
    found |= {"place": int(call.batch_first), "width": 1 if flat else given.main.shape[-1]}
    found |= {"given": "x.unsqueeze(-1)" if flat else "x"}
    met, found["wide"] = sum(c.inputs.numel() for c in walk.calls), call.module.input_size
    is_x = met == given.main.numel() or found["wide"] == found["width"]
    kind = "x_as_it_is" if is_x else "features_as_they_are"
    kind = kind if given.main.is_floating_point() else "tokens_as_they_are"
    end = "both" if call.directions == 2 else "all" if call.packed is None else "packed"
    ends = said(f"end_of_{'a_loop' if call.is_cell else end}", **found)
    return found | {"as_it_is": said(kind, **found), "ends": ends}


# ---- what a layer walks along -----------------------------------------------------------------


def one_long_sequence(t: Tables) -> Found:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if walk is None or not t.mixes or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    found = holes(t, walk)
    if walk.call.is_cell:
        fix = said("all_samples_at_once")
    elif "time" in t.given.lead:
        fix = found["as_it_is"]
    else:
        fix = said("one_time_step_a_sample", **found)
    return "one_long_sequence", walk, {"fix": fix}


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
    cause = f"{how}_{first}_first" if len(walk.calls) == 1 else "in_a_loop"
    fix = said(cause, "fix", **holes(t, walk))
    is_one = len(walk.calls) == 1 and walk.call.packed is None
    if is_one and t.steps is None:
        last = "out[:, -1]" if axes.is_batch_first else "out[-1]"
        fix = said("and_the_last_step", fix=fix, last=last)
    return "walks_along_the_batch", walk, {"because": said(cause), "fix": fix}


def loops_along_the_batch(t: Tables) -> Found:
    """No layer of torch's inside; samples reach one another, and no time step another's place."""
    for one in t.answers if t.mixes and not t.walks and t.given.time > 2 else ():
        moved, times = t.moved_by(t.by_time, one.name), t.given.times
        axes = [axis for axis, size in enumerate(moved.shape[1:]) if size == t.given.time]
        is_last = not axes and int(any_of(moved, 1).sum()) == 1
        if is_last or any(follows(moved, axis, times) for axis in axes):
            return "loops_along_the_batch", None, {}
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
    found = holes(t, walk) | {"count": len(alike)}
    way, fix = "as_features" if most(walk.times, -1) > 1 else "as_columns", found["as_it_is"]
    if len(alike) > 1:
        way = "in_calls_of_their_own"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = said(way, "fix", line=line)
    return "never_walks", walk, {"how": said(way, **found), "fix": fix}


# ---- what a view cuts, and what is mixed else -------------------------------------------------


def batch_comes_out_elsewhere(t: Tables) -> Found:
    """No output has the batch where it was said to be: one sample reaches all of it and no other
    any, or the batch stands, unmixed, on another axis, as it does in no h_n."""
    samples, place = t.given.samples, t.said.at("batch")
    for one in t.answers if t.bad_walk is None else ():
        # beside another answer it counts if it is the last: that of sample 0 may be one to draw
        is_left = one is t.answer or (one in t.unjudged and one.reaching == [len(samples) - 1])
        if one.owners is None and is_left and len(one.reaching) == 1 < len(samples):
            walk, shape = next(reversed(t.walks), None), [*t.outputs[one.name].shape]
            found = {"output": t.called(one.name), "shape": shape}
            return "one_sample_is_left", walk, found | {"sample": samples[one.reaching[0]]}
    if t.answer is None or t.owners is not None or t.bad_walk is not None:
        return None
    states = {c.taps[key][0].shape for c in t.asked.calls for key in "hc" if key in c.taps}
    has_states = any(output.shape in states for output in t.outputs.values())
    is_there = t.shape[place : place + 1] == [t.given.batch]
    for axis, size in enumerate(() if has_states or is_there else t.shape):
        if size == t.given.batch and follows(t.answer.moved, axis, samples):
            return "comes_out_swapped", None, {"axis": axis, "place": place}
    return None


def cut_on_the_way(t: Tables) -> Found:
    """Pieces of a final state, or steps, go to wrong samples: on the way into the bad walk, or out
    of the model."""
    bad = t.bad_walk
    reads = t.sample_reads if bad is None else t.entry_reads(bad)
    earlier = t.walks if bad is None else t.walks[: t.walks.index(bad)]
    for number, walk in reversed(list(enumerate(earlier if reads and t.mixes else ()))):
        states = torch.stack([of_sample[number].state for of_sample in reads])
        steps = torch.stack([of_sample[number].steps for of_sample in reads])
        if bad is None and (steps.any(1) & ~walk.owners.T).any():
            # a sum over the batch reads one step of all columns
            is_sum = most(steps.any(2), 1) == 1 and bool(steps.any(1).all())
            return ("steps_cut", walk, {}) if not is_sum and _is_cut(steps, walk.ends - 1) else None
        if (states.any(1) & ~walk.owners.T).any():
            is_cut = walk.call.rows > 1 and _is_cut(states, walk.ends - 1)
            return ("state_cut", walk, {}) if is_cut else None
    return None


def _is_cut(parts: Tensor, last: Tensor) -> bool:
    """Whether what is read for the samples, [samples, places, cols], are different pieces,
    and not whole columns that change places: then each is read in one column, and there at the
    same places as the others, or at several, or where it ends."""
    inside = parts & (torch.arange(parts.shape[1])[:, None] != last)
    alike = len(parts.any(2).unique(dim=0)) == 1
    by_chance = any(p.sum() == 1 and q.any() for p, q in zip(parts, inside, strict=True))
    is_moved = most(parts.any(1), 1) == 1 and (alike or not by_chance)
    return len(parts.flatten(1).unique(dim=0)) > 1 and not is_moved


def numbers_dealt_out(t: Tables) -> Found:
    """Every number that enters comes from one sample: the rows of x are only dealt out anew. Or
    numbers come in that belong to one time step each, and those of a time step go to several steps
    of the layer, where they stand beside others: x itself, or all over the layer's way."""
    walk = t.badly_fed if t.mixes else next(iter(t.walks), None)
    if walk is None or walk.crowd[not t.mixes] > 1:
        return None
    alike = torch.equal(walk.samples, walk.samples[:1].expand_as(walk.samples))
    if t.mixes and alike and walk.cols == t.given.batch:
        return None  # whole samples stand beside one another, and no view does that
    if not t.mixes:
        # of a sequence that was cut from flat frames, each holds a time step for several steps
        again = (walk.times.sum(0) > 1).any(0)
        is_cut = walk.steps == t.given.time and not walk.times.any(0).all()
        if is_cut and 2 * int(again.sum()) > len(again):
            at = t.given.axes.at("time")
            other = at + 1 if at + 1 < t.given.main.dim() else at - 1
            return "frames_dealt_out", walk, {"other": other}
        met = [walk.steps_of(n) for n in range(len(t.given.times))]
        spread = all(steps and 2 * (steps[-1] - steps[0]) >= walk.steps > 1 for steps in met)
        is_x = sum(call.inputs.numel() for call in walk.calls) == t.given.main.numel()
        # of as many steps as time steps, each that shares one has numbers of several
        beside = most(walk.times, -1) > 1 or (is_x and walk.steps == t.given.time)
        split = most(walk.times.any(1), 0) > 1 and beside
        if not split or not (spread or is_x) or t.in_step(walk):
            return None
    found = holes(t, walk)
    turned = said("not_turned" if found["place"] == found["at"] else "turned", **found)
    return f"{'samples' if t.mixes else 'steps'}_dealt_out", walk, {"turned": turned}


def steps_read_elsewhere(t: Tables) -> Found:
    """The first or the last step of an answer reads a layer far from where it holds this time."""
    last, owners, steps = t.given.time - 1, t.owners, t.steps
    for step in (0, last) if steps is not None and t.given.times[-1] == last else ():
        own = ((owners == t.given.longest) & (steps == step)).flatten().nonzero()
        for number in (own[0], own[-1]):
            mask = torch.zeros(owners.numel()).index_fill(0, number, 1).reshape(owners.shape)
            for walk, read in zip(t.walks, t.reads_of(mask), strict=False):
                at = places(read.steps.any(1))
                is_turned = walk.steps_of(0) == [last] and walk.steps_of(-1) == [0]
                time = last - sum(at) if is_turned else sum(at)
                if len(at) == 1 and 2 * abs(time - step) >= walk.steps:
                    name = "not_turned_back" if is_turned else "steps_read_elsewhere"
                    if is_turned or t.in_step(walk):
                        return name, walk, {"step": step, "read": time}
    return None


def mixed_else(t: Tables) -> Found:
    """Samples come into one another's inputs or answers, in a way without a name."""
    if not t.mixes or not any(output.numel() > 1 for output in t.outputs.values()):
        return None
    if t.bad_walk is not None:
        return "mixed_before", t.bad_walk, {}
    if t.answer is None or t.answer.owners is None:
        return "mixed_in_all", None, {}
    number, target = t.answer.foreign.nonzero()[0].tolist()
    name = "in_another_order" if t.answer.is_reordered else "mixed_after"
    return name, None, {"source": t.given.samples[number], "target": target}


# ---- which part of a walk an answer reads -----------------------------------------------------


def lengths_of_others(t: Tables) -> Found:
    """It was packed with the right lengths, and a sample not with its own."""
    lengths = t.given.lengths
    if lengths is None:
        return None
    for walk in t.walks:
        if walk.call.packed is None or not torch.equal(walk.ends.sort()[0], lengths.sort()[0]):
            continue
        for sample, cols in zip(t.given.samples, walk.samples.any(0).T, strict=True):
            real, packed = int(lengths[sample]), walk.ends[cols].tolist()
            if len(packed) == 1 and packed != [real]:
                found = {"sample": sample, "real": real, "packed": packed[0]}
                return "lengths_of_others", walk, found
    return None


def read_behind_the_end(t: Tables) -> Found:
    """Of a short sample, what is read lies behind its end, or before it with pads on the left."""
    given = t.given
    if given.lengths is None or given.time < 3 or t.answer is None or not t.sample_reads:
        return None
    short = [k for k, sample in enumerate(given.samples) if given.lengths[sample] < given.time]
    real = [int(given.lengths[given.samples[k]]) for k in short]
    for number, walk in enumerate(t.walks if short else ()):
        steps = [places(t.sample_reads[k][number].ways[0].any(1)) for k in short]
        name = "pads_read"
        if given.pads_left:
            name = "read_before_the_end"
            is_behind = walk.steps == given.time and steps == [[length - 1] for length in real]
        elif walk.call.packed is not None:
            name = "zeros_read"
            is_behind = bool(t.answer.reaching) and not {*short} & {*t.answer.reaching}
        else:
            pairs = zip(steps, real, strict=True)
            is_behind = t.in_step(walk) and all(read and read[0] >= end for read, end in pairs)
        if is_behind:
            end = ("end_of_a_direction", "end_of_two_directions")[walk.call.directions - 1]
            found = {"sample": given.samples[short[0]], "real": real[0]}
            return name, walk, found | {"own_end": said(end, **holes(t, walk))}
    return None


def part_of_a_walk_read(t: Tables) -> Found:
    """All answers together read h_n as rows, one for each layer of a sample; or lower layers only;
    or of one direction only the step at which it has seen one step; or one feature of each step."""
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        rows = places(read.state.any(1))
        is_flat = t.owners is None and t.shape[:1] == [len(rows) * t.given.batch]
        if is_flat and len(rows) > 1 and not read.output.any():
            return "layers_as_samples", walk, {}
        if read.state.any() and not read.ways.any():
            return "lower_layer", walk, {"rows": ", ".join(map(str, rows))}
        step = torch.arange(walk.steps)[:, None]
        begins = [("forward_", step == 0), ("backward_", step == walk.ends - 1)]
        both = walk.call.directions == 2
        goes_on = bool(walk.states[: len(walk.call.states)].any())  # as a decoder does
        for way, (half, start) in zip(read.ways, begins, strict=False):
            is_one = way.any() and not (way & ~start).any() and bool((walk.ends > 1).any())
            if is_one and (both or not goes_on):
                return f"{half * both}begins", walk, {}
        wide = getattr(walk.call.module, "proj_size", 0) or walk.call.module.hidden_size
        features = int(read.output.flatten(0, 1).any(0).sum())
        if features == 1 < wide and read.steps.all() and not read.state.any():
            return "one_feature", walk, {}
    return None


def steps_see_too_much(t: Tables) -> Found:
    """Steps read a way back that begins in the pads, or one sees a later step that it must not."""
    if t.reads_pads is not None and t.steps is not None and t.given.lengths is not None:
        sample, walk = t.reads_pads
        if walk.call.directions == 2 and walk.call.module.bias:  # else zeros leave it at zero
            return "pads_reach_steps", walk, {"sample": sample}
    if t.causal and t.sees_later is not None:
        early, late = t.sees_later
        return "sees_the_answer", None, {"early": early, "late": late}
    return None


# ---- what keeps it from being judged ----------------------------------------------------------


def no_prediction(t: Tables) -> Found:
    """There is no answer for each sample, and no layer to look into."""
    return ("no_prediction", None, {}) if t.mixes or not (t.outputs or t.walks) else None


def undecided(t: Tables) -> Found:
    """Mistakes hide in these sizes, or what is to be causal has no steps."""
    lead, batch, time, name = t.given.lead, t.given.batch, t.given.time, ""
    if len(lead) == 2 and batch == time:
        name = "square"
    elif "time" in lead and time < 3:
        name = "few_steps"
    elif "batch" in lead and batch < 2:
        name = "few_samples"
    elif t.causal and t.steps is None:
        name = "no_steps"
    return (name, None, {"example": t.given.example(batch=4, time=7)}) if name else None


RULES = (
    one_long_sequence,
    walks_along_the_batch,
    loops_along_the_batch,
    cut_on_the_way,
    numbers_dealt_out,
    mixed_else,
    no_prediction,  # from here on samples keep apart
    batch_comes_out_elsewhere,
    never_walks,
    steps_read_elsewhere,
    lengths_of_others,
    read_behind_the_end,
    part_of_a_walk_read,
    steps_see_too_much,
    undecided,
)


def first_that_fits(t: Tables) -> Found:
    """What the first rule that fits the tables has found."""
    if t.is_dead:
        return "nothing_matters", None, {}
    return next(filter(None, (rule(t) for rule in RULES)), None)
