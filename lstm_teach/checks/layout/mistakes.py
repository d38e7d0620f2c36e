"""The known mistakes of a layout: each a rule over the tables.

A rule counts over rows and columns of the tables, and gives the name of its entry in
`mistakes.txt`, the walk that it speaks of, and what fills the holes of its own; or None where it is
not this mistake. The first that fits is told, in the order of the list at the end. There are
three families, one below another: what a layer walks along, what a `view` cuts (and what is mixed
else), which part of a layer's way an answer reads; and last where a classifier reads its layer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lstm_teach.checks.layout.given import said
from lstm_teach.checks.layout.tables import (
    Answer,
    Read,
    Tables,
    Walk,
    changed,
    most,
    places,
    position,
)

Found = tuple[str, Walk | None, dict[str, Any]] | None


def holes(t: Tables, walk: Walk | None) -> dict[str, Any]:
    """What fills the holes that many entries have."""
    given, flat = t.given, t.given.main.dim() == 2 and "batch" in t.given.lead
    found: dict[str, Any] = {"x": given, "batch": given.batch, "time": given.time}
    found |= {"output": t.answer, "shape": t.answer.shape, "at": given.at["time"]}
    found |= {"flag": ", batch_first=True" * given.is_batch_first, "ends": said("end_of_any")}
    found |= {name: said(name) for name in ("across", "leave_the_batch")}
    if walk is None:
        return found
    call, name = walk.call, walk.name
    found |= {"layer": name, "steps": walk.steps, "cols": walk.cols}
    found["line"] = "h, c = cell(xt, (h, c))" if "LSTM" in call.kind else "h = cell(xt, h)"
    found["made"] = call.kind if name == call.kind else f"{name} = {call.kind}"
    found |= {"top": "torch.cat((h_n[-2], h_n[-1]), dim=1)" if call.directions == 2 else "h_n[-1]"}
    found |= {"place": int(call.batch_first), "width": 1 if flat else given.main.shape[-1]}
    found |= {"given": "x.unsqueeze(-1)" if flat else "x"}
    end = "end_of_a_loop" if call.is_cell else "end_of_all"
    turned = "not_turned" if found["place"] == found["at"] else "turned"
    if not walk.holds_x:
        turned = "features_turned"
    elif "time" not in given.lead:
        turned = "as_one_step"
    elif walk.cols not in (1, given.batch) and not t.mixes:
        turned = "joined"
    found |= {"other": found["at"] + (1 if found["at"] + 1 < given.main.dim() else -1)}
    kind = "x_as_it_is" if walk.holds_x and given.main.dim() <= 3 else "features_as_they_are"
    kind = "one_after_the_other" if call.is_cell else kind
    found |= {"as_it_is": said(kind, **found), "ends": said(end, **found)}
    return found | {"turned": said(turned, **found)}


def one_long_sequence(t: Tables) -> Found:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if walk is None or not t.mixes or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    fix = "one_time_step_a_sample"
    if walk.call.is_cell:
        fix = "all_samples_at_once"
    elif len(walk.calls) == t.given.batch:
        fix = "begin_each_sample"
    elif "time" in t.given.lead:
        fix = "or_one_sequence"
    return "one_long_sequence", walk, {"fix": said(fix, **holes(t, walk))}


def walks_along_the_batch(t: Tables) -> Found:
    """Each step of a layer is one sample and nothing else."""
    walk, given = t.badly_fed, t.given
    if walk is None:
        return None
    step, times = walk.samples.any(1), walk.times
    # a folded batch has a time axis beside it, or in each of its steps one time
    is_whole = (times == times[:1]).all() or (times == times[:, :1]).all()
    folded = t.mixes and "time" in given.lead and is_whole and walk.cols != given.batch
    if most(step, 1) > 1 or (most(step, 0) > 1 and not folded):
        return None
    found, call = holes(t, walk), walk.call
    cause = "made_batch_first" if call.batch_first else "made_time_first"
    if len(walk.calls) > 1:
        cause = "in_a_loop"
    elif call.packed is not None:
        cause = "packed"
    elif call.batch_first == given.is_batch_first:
        cause = "swapped_before"
    fix, turned = said(cause, "fix", **found), "or_turned"
    last, other = ("out[:, -1]", "out[-1]")[:: 1 if given.is_batch_first else -1]
    if len(call.states) and cause not in ("packed", "swapped_before"):
        fix = said("and_its_start", fix=fix, axis=given.at["batch"])
    elif cause not in ("packed", "in_a_loop") and t.answer.steps is None:
        fix += f"; {said('and_the_last_step', last=last)}"
        turned = "or_turned_at_the_end"
    if cause.startswith("made") and abs(given.at["batch"] - given.at["time"]) == 1:
        fix = said(turned, fix=fix, last=other)
    return "walks_along_the_batch", walk, {"because": said(cause), "fix": fix}


def loops_along_the_batch(t: Tables) -> Found:
    """No layer of torch's inside; samples reach one another, and no time step another's place."""
    looked = [[time] for time in t.given.times]
    for one in t.answers if t.mixes and not t.walks and t.given.time > 2 else ():
        moved = t.moved_by(t.by_time, one.name)
        axes = [axis for axis, size in enumerate(one.shape) if size == t.given.time]
        lines = [moved.movedim(axis + 1, 1)[..., None].flatten(2).any(2) for axis in axes]
        is_last = not axes and sum(bool(by_one.any()) for by_one in moved) == 1
        if is_last or looked in [[*map(places, line)] for line in lines]:
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
    found |= {} if walk.call.is_cell else {"line": "out, state = layer(xt, state)"}
    name = "in_one_step" if len(alike) == 1 else "in_calls_of_their_own"
    how, fix = (said(name, part, **found) for part in ("why", "fix"))
    return "never_walks", walk, {"how": how, "fix": fix}


def batch_comes_out_elsewhere(t: Tables) -> Found:
    """No output has the batch where it was said to be: one sample reaches all of it and no other
    any, or the batch stands, unmixed, on another axis, as it does in no h_n."""
    samples, answer = t.given.samples, t.answer
    for one in t.answers if t.bad_walk is None else ():
        # beside another answer it counts if it is the last: that of sample 0 may be one to draw
        is_left = one is answer or one.reaching == [len(samples) - 1]
        if one.owners is None and is_left and len(one.reaching) == 1 < len(samples):
            found = {"output": one, "shape": one.shape, "sample": samples[one.reaching[0]]}
            return "one_sample_is_left", next(reversed(t.walks), None), found
    place = t.said.index("batch") if t.answers else None
    if answer.axis in (None, place) or t.bad_walk is not None:
        return None
    states = [[*c.taps[key].shape] for c in t.asked.calls for key in "hc" if key in c.taps]
    is_turned = "time" in t.said and answer.shape[place:][:1] == [t.given.time]
    if answer.is_said or (any(one.shape in states for one in t.answers) and not is_turned):
        return None
    return "comes_out_swapped", None, {"axis": answer.axis, "place": place}


def cut_on_the_way(t: Tables) -> Found:
    """Pieces of a final state, or steps, go to wrong samples: into a bad walk, or out of the
    model."""
    bad, reads = t.bad_walk, t.sample_reads
    for number, walk in reversed(list(enumerate(t.walks if reads and t.mixes else ()))):
        states = torch.stack([of_sample[number].state for of_sample in reads])
        steps = torch.stack([of_sample[number].steps for of_sample in reads])
        if bad is None and (steps.any(1) & ~walk.owners.T).any():
            # a sum over the batch reads one step of all columns
            is_sum = most(steps.any(2), 1) == 1 and bool(steps.any(1).all())
            inside = steps & (torch.arange(walk.steps)[:, None] != walk.ends - 1)
            of_one = places(steps.any(1).any(0))
            whole = bool(steps.any(0)[:, of_one].all())
            whole &= len(t.answer.reaching) == 1
            if whole and len(of_one) == 1 < walk.cols == t.given.batch:
                return "one_sample_is_left", walk, {"sample": of_one[0]}
            return ("steps_cut", walk, {}) if not is_sum and _is_cut(steps, inside) else None
        if (states.any(1) & ~walk.owners.T).any():
            rows = states.any(2).any(0)
            # of a state that is cut as the first of the next layer, each sample reads all rows
            is_first = states.equal(states.any(1, keepdim=True) & rows[:, None])
            is_first &= bad is not None and bad.crowd[2] <= 1
            is_cut = rows.sum() > 1 and not is_first and _is_cut(states, states)
            return ("state_cut", walk, {}) if is_cut else None
    return None


def _is_cut(parts: Tensor, inside: Tensor) -> bool:
    """Whether what is read for the samples, [samples, places, cols], are different pieces: in
    several columns, or at different places inside. Else whole columns change places."""
    if most(parts.any(1), 1) > 1:
        return len(parts.flatten(1).unique(dim=0)) > 1
    alone = (parts.flatten(1).sum(1) == 1) & inside.flatten(1).any(1)
    return len(parts.any(2).unique(dim=0)) > 1 and bool(alone.any())


def samples_dealt_out(t: Tables) -> Found:
    """Every number that enters comes from one sample: the rows of x are only dealt out anew, or
    those of a first state."""
    walk, bad = t.badly_fed, t.bad_walk
    if t.mixes and walk is None and bad is not None and bad.crowd[2] <= 1:
        is_cut = most(bad.states.any(0), 1) > 1
        return ("start_cut", bad, {"rows": bad.call.rows}) if is_cut else None
    if walk is None or not t.mixes or walk.crowd[0] > 1:
        return None
    if walk.cols == t.given.batch and bool((walk.samples == walk.samples[:1]).all()):
        return None  # whole samples stand beside one another, and no view does that
    return "samples_dealt_out", walk, {}


def steps_dealt_out(t: Tables) -> Found:
    """Numbers come in that belong to one time step each, and those of a time step go to several
    steps of the layer, where they stand beside others: x itself, or all over the layer's way."""
    walk = next(iter(t.walks), None)
    if walk is None or walk.crowd[1] > 1:
        return None
    as_many = walk.steps == t.given.time
    is_split = most(walk.times.any(1), 0) > 1
    is_dealt = walk.deals_x and as_many and is_split
    if walk.in_step and not is_dealt:
        return None
    # of a sequence that was cut from flat frames, each holds a time step for several steps
    again = (walk.times.sum(0) > 1).any(0)
    is_cut = as_many and not walk.times.any(0).all() and 2 * int(again.sum()) > len(again)
    # all over a column of no more steps than x has, each step holds several, looked at or not
    is_full = walk.is_spread and walk.steps <= t.given.time and most(walk.times.any(0), -1) > 1
    beside = walk.holds_x and most(walk.times, -1) > 1
    is_cut |= is_dealt or (is_split and (beside or is_full))
    return ("steps_dealt_out", walk, {}) if is_cut else None


def cut_before_a_convolution(t: Tables) -> Found:
    """The first convolution reads x, or what was made of each of its steps, along a `view`: the
    numbers of a time step stand side by side in memory, across its positions and channels; or
    those of a frame, as in x, in several of its frames."""
    (name, read), given = t.base.convolution, t.given
    runs = [run.convolution[1] for run in t.by_time]
    if len(given.lead) < 2 or read.dim() < 3 or any(one.shape != read.shape for one in runs):
        return None
    moved, rows, sizes = changed(runs, read), len(read), [n for n in read.shape[1:] if n > 1]
    found = "cut_before_a_convolution", None, {"conv": name}
    if read.dim() == 4 and rows == given.batch * given.time and read.numel() == given.main.numel():
        place = position(tuple(given.main.shape), given.at["time"]).flatten()
        as_in_x = torch.stack([place == time for time in given.times])
        is_cut = most(moved.flatten(2).any(2), 1) > given.batch
        return found if is_cut and not (moved.flatten(1) & ~as_in_x).any() else None
    if rows != given.batch or sizes[1:] != [given.time] or sizes[0] == given.time:
        return None
    of_x = [{place // sizes[0] for place in places(one)} for one in moved.flatten(2).any(1)]
    sent, looked = t.asked.convolution[1], [{time} for time in given.times]
    if of_x == looked or sent.shape != read.shape:
        return found if of_x == looked else None
    frame = torch.arange(sent[0].numel(), device=sent.device) // sizes[0]
    reads = [t.reads([sent[0].flatten()[frame == time]]) for time in given.times]
    of_layer = [[{*places(one.steps.any(1))} for one in own] for own in reads]
    return found if all(map(list.__contains__, of_layer, looked)) else None


def steps_read_elsewhere(t: Tables) -> Found:
    """The first or the last step of an answer reads a layer far from where it holds this time, and
    another one reads it elsewhere, so that it is no summary."""
    last, owners, steps = t.given.time - 1, t.answer.owners, t.answer.steps
    if steps is None or owners is None or not int(steps.max()) == t.given.times[-1] == last:
        return None
    read = {}
    for step in (0, last // 2, last):
        own = ((owners == t.given.longest) & (steps == step)).flatten().nonzero()
        for end in (0, -1):
            mask = torch.zeros(steps.numel()).index_fill(0, own[end], 1).reshape(steps.shape)
            read[step, end] = [places(one.steps.any(1)) for one in t.reads_of(mask)]
    for (step, end), found in read.items():
        for walk, at, middle in zip(t.walks, found, read[last // 2, end], strict=False):
            is_turned = walk.met[0] == [last] and walk.met[-1] == [0]
            time = last - sum(at) if is_turned else sum(at)
            is_far = len(at) == 1 and at != middle and 2 * abs(time - step) >= walk.steps
            if is_far and (is_turned or walk.in_step):
                name = "not_turned_back" if is_turned else "steps_read_elsewhere"
                return name, walk, {"step": step, "read": time}
    return None


def mixed_else(t: Tables) -> Found:
    """Samples come into one another's inputs or answers, in a way without a name; or there is no
    answer for each sample, and no layer to look into."""
    is_number = not any(one.moved[0].numel() > 1 for one in t.answers)
    if (t.mixes and is_number) or not (t.base.outputs or t.walks):
        return "no_prediction", None, {}
    if not t.mixes:
        return None
    if t.bad_walk is not None:
        return "mixed_before", t.bad_walk, {}
    if t.answer.owners is None:
        return "mixed_in_all", None, {}
    number, target = t.answer.foreign.nonzero()[0].tolist()
    name = "in_another_order" if t.answer.is_reordered else "mixed_after"
    return name, None, {"source": t.given.samples[number], "target": target}


def read_behind_the_end(t: Tables) -> Found:
    """Of a short sample, what is read lies behind its end, or before it with pads on the left; or
    it was packed with the length of another."""
    given = t.given
    if given.lengths is None or given.time < 3 or not t.sample_reads:
        return None
    lengths = [int(given.lengths[sample]) for sample in given.samples]
    for number, walk in enumerate(t.walks):
        read = [places(reads[number].ways[0].any(1)) for reads in t.sample_reads]
        name, is_packed = "pads_read", walk.call.packed is not None
        by_ends = is_packed and walk.cols == given.batch
        whole = int(walk.ends.max()) if by_ends else given.time
        short = [k for k, length in enumerate(lengths) if length < whole]
        both = [all(way.any() for way in reads[number].ways) for reads in t.sample_reads]
        of_both = [steps for steps, one in zip(read, both, strict=True) if one]
        by_rows = bool(of_both) and all(steps == [whole - 1] for steps in of_both)
        by_rows &= not any(reads[number].state.any() for reads in t.sample_reads)
        lacking = [k for k in short if by_rows and not both[k] and walk.owners[:, k].any()]
        silent = [k for k in short if k not in t.answer.reaching or k in lacking]
        wrong = [k for k in short if read[k] and read[k][0] >= lengths[k] and walk.keeps_time]
        if given.pads_left:
            name = "read_before_the_end"
            # Where the last step of x comes in, the pads were moved to the right before packing.
            last = [walk.times[:, walk.owners[:, k]][..., -1].any() for k in range(len(lengths))]
            at_end = [k for k in short if read[k] == [lengths[k] - 1]]
            wrong = [k for k in at_end if not (is_packed and last[k])]
        elif is_packed and t.answer.reaching:
            name, wrong = "zeros_read", silent
        if name == "pads_read" and all(len(read[k]) > 1 for k in wrong):
            name = "pads_alone_read"
        unread = [k for k in short if not walk.owners[:, k].any()]
        halves = [k for k in short if 2 * lengths[k] <= given.time]
        is_turned = is_packed and walk.heading < 0 and unread == halves
        missed = {n - sum(at) if len(at) == 1 else 0 for n, at in zip(lengths, read, strict=True)}
        is_early = len(missed) == 1 < min(missed) and walk.keeps_time and not given.pads_left
        owned = [walk.ends[cols].tolist() for cols in walk.samples.any(0).T]
        others = [k for k, own in enumerate(owned) if len(own) == 1 and own != [lengths[k]]]
        is_sorted = is_packed and walk.ends.sort()[0].equal(given.lengths.sort()[0])
        told = {
            name: wrong if wrong == short else [],
            "pads_alone_packed": unread if is_turned else [],
            "read_too_early": [0] if is_early and short else [],
            "lengths_of_others": others if is_sorted else [],
        }
        for name, (k, *_) in [(name, numbers) for name, numbers in told.items() if numbers]:
            found = {"sample": given.samples[k], "real": lengths[k], "last": lengths[k] - 1}
            return name, walk, found | {"read": sum(read[k])}
    return None


def part_of_a_walk_read(t: Tables) -> Found:
    """All answers together read h_n as rows, one for each layer of a sample; or lower layers only;
    or of one direction only the step at which it has seen one step; or one feature of each step."""
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        rows = places(read.state.any(1))
        is_flat = t.answer.owners is None and t.answer.shape[:1] == [len(rows) * t.given.batch]
        if is_flat and len(rows) > 1 and not read.output.any():
            return "layers_as_samples", walk, {}
        below, heard = read.state[: -walk.call.directions].any(), read.ways.flatten(1).any(1)
        if below and not (heard.any() if walk is not t.walks[-1] else heard.all()):
            return "lower_layer", walk, {"rows": " and ".join(map(str, rows))}
        step = torch.arange(walk.steps)[:, None]
        begins = [("forward_", step == 0), ("backward_", step == walk.ends - 1)]
        both = walk.call.directions == 2
        goes_on = bool(walk.states[: len(walk.call.states)].any())  # as a decoder does
        for way, (half, start) in zip(read.ways, begins, strict=False):
            is_one = way.any() and not (way & ~start).any() and bool((walk.ends > 1).any())
            if is_one and (both or not goes_on):
                return f"{half * both}begins", walk, {}
        wide = read.output.shape[-1] // walk.call.directions
        features = int(read.output.flatten(0, 1).any(0).sum())
        if features == 1 < wide and read.steps.all() and not read.state.any():
            return "one_feature", walk, {}
    return None


def steps_see_too_much(t: Tables) -> Found:
    """Steps read a way back that begins in the pads, or one sees a later step that it must not."""
    reads, later = reads_pads(t), sees_later(t)
    if reads is not None and t.answer.steps is not None:
        sample, walk = reads
        if walk.call.directions == 2 and walk.call.module.bias:  # else zeros leave it at zero
            return "pads_reach_steps", walk, {"sample": sample}
    if t.causal and later is not None:
        return "sees_the_answer", None, {"early": later[0], "late": later[1]}
    return None


def reads_pads(t: Tables) -> tuple[int, Walk] | None:
    """A sample whose answer reads what a walk has made of the pads behind it, and the walk."""
    for sample, reads in zip(t.given.samples, t.sample_reads, strict=False):
        pads = t.given.pads[sample] & (not t.given.pads_left)
        for walk, read in zip(t.walks, reads, strict=True):
            if pads.any() and walk.in_step and walk.call.packed is None:
                forward, *backward = read.ways.any(2)
                if (forward & pads).any() or any(way.any() for way in backward):
                    return sample, walk  # the way back begins in the pads
    return None


def sees_later(t: Tables) -> tuple[int, int] | None:
    """A step of an answer and a later time step of x that reaches it, where there are any."""
    steps = t.answer.steps
    if steps is None:
        return None
    pairs = zip(t.moved_by(t.by_time, t.answer.name), t.given.times, strict=True)
    first = [(int(steps[one].min()), late) for one, late in pairs if one.any()]
    return next((pair for pair in reversed(first) if pair[0] < pair[1]), None)


def undecided(t: Tables) -> Found:
    """Mistakes hide in these sizes, or what is to be causal has no steps."""
    lead, batch, time = t.given.lead, t.given.batch, t.given.time
    if ("time" in lead and time < 3) or ("batch" in lead and (batch < 2 or batch == time)):
        return "too_small", None, {}
    cut = {"cut": "[:, 1:]" if t.given.is_batch_first else "[1:]"}
    name = "one_step_more" if time + 1 in t.answer.shape[:2] else "no_steps"
    return (name, None, cut) if t.causal and t.answer.steps is None else None


def place_matters(t: Tables) -> Found:
    """Two samples change places in x, and their answers do not."""
    pair = None if t.has_call else t.out_of_place()
    return ("place_matters", None, {"one": pair[0], "other": pair[1]}) if pair else None


def not_read_at_the_end(t: Tables) -> Found:
    """An answer a sample is read elsewhere than where its layer ends."""
    found = last_reads(t)
    if "batch" not in t.given.lead:
        return "no_samples", None, {}
    several = len(t.answers) > 1 and (not t.answer.is_said or len(t.answer.shape) > 2)
    if several or t.answer.owners is None:
        return "no_rows", None, {}
    if not t.sample_reads or not t.walks:
        return "gradients_end", None, {}
    if not uses_readout(t, t.answer):
        return "readout_unused", None, {}
    if not found:
        return "no_layer_read", None, {}
    of_c = next((end for end in found if end.read.c), None)
    if of_c is not None:
        return "reads_c", of_c.walk, {}
    wrong = [end for end in found if not end.is_read]
    if not wrong:
        return None
    own = [end.steps[0] for end in found if end.walk.call.packed is None]
    one_each = [*map(len, own)] == [1] * len(found)
    if t.given.lengths is None and one_each and len({*map(sum, own)}) > 1:
        return "ends_differ", found[0].walk, {**found[0].holes, "read": own[0][0]}
    # two steps may be a slip, but not where pads are left out
    has_pads = any(t.given.pads[end.sample].any() for end in found)
    is_meant = has_pads or max(len(way) for end in found for way in end.steps) > 2
    is_meant &= any(end.reads_the_end for end in found)
    is_meant &= t.given.time not in t.answer.shape[1:-1]
    if is_meant and all(end.is_summary for end in found):
        return "reads_several", found[0].walk, found[0].holes
    # of a mean over the pads, a sample that has any
    end = max(wrong, key=lambda end: end.reads_pads)
    name = "not_the_end" if all(end.steps) else "one_direction"
    return name if end.is_told else "end_unknown", end.walk, end.holes


def uses_readout(t: Tables, answer: Answer) -> bool:
    """Whether an answer depends on the weights of a linear layer `readout`; True without one."""
    layer, output = getattr(t.model, "readout", None), t.asked.outputs.get(answer.name)
    weights = [*layer.parameters()] if isinstance(layer, nn.Linear) else []
    weights = [weight for weight in weights if weight.requires_grad]
    if not weights or output is None or not output.requires_grad:
        return True
    found = torch.autograd.grad(output.sum(), weights, retain_graph=True, allow_unused=True)
    return any(one is not None for one in found)


class End(NamedTuple):
    """What an answer reads of the last walk that it reads, and where in it the sample ends.

    Attributes:
        sample, walk, read: whose answer, of which walk, and what.
        ends: for each direction the step, or the steps, at which it ends.
        pads: which steps of the walk are pads of this sample, as far as is known.
        is_told: whether the ends are certain.
    """

    sample: int
    walk: Walk
    read: Read
    ends: list[set[int]]
    pads: Tensor
    is_told: bool

    @property
    def is_read(self) -> bool:
        """Whether each direction is read where it ends (and before that at most through a state
        that a loop changes)."""
        pairs = zip(map(set, self.steps), self.ends, strict=True)
        return all(way and (way == end or (self.walk.by_hand and way >= end)) for way, end in pairs)

    @property
    def reads_pads(self) -> bool:
        """Whether it is read at a step that is a pad."""
        return bool((self.read.ways.any(2) & self.pads).any())

    @property
    def reads_the_end(self) -> bool:
        """Whether each direction is read where it ends, and maybe elsewhere."""
        return all({*way} >= end for way, end in zip(self.steps, self.ends, strict=True))

    @property
    def is_summary(self) -> bool:
        """Whether several steps are read in each direction, and no pads."""
        return all(len(way) > 1 for way in self.steps) and not self.reads_pads

    @property
    def steps(self) -> list[list[int]]:
        """The steps that are read, of each direction."""
        return [places(way.any(1)) for way in self.read.ways]

    @property
    def holes(self) -> dict[str, Any]:
        """The sample, the steps that are read, and those where it ends, for an entry."""
        read, ends = map(_shown, self.steps), (str(sorted(end)) for end in self.ends)
        return {"sample": self.sample, "read": " and ".join(read), "end": " and ".join(ends)}


def _shown(steps: list[int]) -> str:
    """Steps in a sentence, of many the ends."""
    return str(steps) if len(steps) < 13 else f"[{steps[0]}, {steps[1]}, ..., {steps[-1]}]"


def last_reads(t: Tables) -> list[End]:
    """For each looked-at sample that reads any the last walk of them, and what of it."""
    found, given, is_known = [], t.given, True
    for number, (sample, reads) in enumerate(zip(given.samples, t.sample_reads, strict=False)):
        if not any(read.is_any for read in reads):  # by a shut ReLU, or read behind its end
            whole = [(walk.ends == walk.steps)[walk.owners[:, number]].all() for walk in t.walks]
            is_known &= all(whole) and not (given.looks_padded or given.pads[sample].any())
        pairs = zip(t.walks, reads, strict=True)
        for walk, read in [pair for pair in pairs if pair[1].is_any][-1:]:
            is_packed = walk.call.packed is not None
            by_lengths = walk.keeps_time or (is_packed and walk.is_near)
            by_lengths &= given.lengths is not None and not given.pads_left
            pads = given.pads[sample] & (not is_packed) if walk.keeps_time else torch.tensor(False)
            own = given.lengths[[sample]] if by_lengths else walk.ends[read.ways[0].any(0)]
            ends = [{*(own - 1).tolist()}, {0}][: len(read.ways)]
            is_told = by_lengths or is_packed or not given.pads.any() or given.pads_left
            found.append(End(sample, walk, read, ends, pads, is_told))
    return found if is_known else []


RULES = (
    one_long_sequence,
    walks_along_the_batch,
    loops_along_the_batch,
    cut_on_the_way,
    samples_dealt_out,
    mixed_else,  # from here on samples keep apart
    batch_comes_out_elsewhere,
    never_walks,
    steps_dealt_out,
    cut_before_a_convolution,
    steps_read_elsewhere,
    read_behind_the_end,
    part_of_a_walk_read,
    steps_see_too_much,
    undecided,
    place_matters,
)


def first_that_fits(t: Tables) -> Found:
    """What the first rule that fits the tables has found."""
    if t.is_dead:
        return "nothing_matters", None, {}
    if t.of_ends and not t.mixes:
        t.answer = next((one for one in t.rows if uses_readout(t, one)), t.answer)
    rules = (*RULES, not_read_at_the_end) if t.of_ends else RULES
    return next(filter(None, (rule(t) for rule in rules)), None)
