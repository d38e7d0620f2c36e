"""The known mistakes of a layout: each a rule over the tables, with the words for it.

A rule counts over rows and columns of the tables, and gives what it found, or None where it is not
this mistake. The first that fits is told, in the order of the two lists at the end. There are three
families: what a layer walks along, what a `view` cuts (and what is mixed else), which part of a
layer's way an answer reads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lstm_teach.checks.layout.tables import Tables, Walk, along, any_of, most, places


class Found(NamedTuple):
    """A mistake that was found: its slug, what is wrong, why, and the line that mends it."""

    verdict: str
    headline: str
    why: str
    fix: str


SILENT = "PyTorch does not complain: the sizes fit, and it cannot know what an axis means."
VIEWED = "A `view` or `reshape` does not swap axes; it deals the same row of numbers out anew."
H_N = (
    "h_n is [layers * directions, batch, hidden], with the batch in the middle whatever "
    "`batch_first` says. A `view` or `reshape` cuts it straight through."
)


def _as_it_is(t: Tables, walk: Walk) -> str:
    """x as a layer takes it, and the layer made for that."""
    x, axes = t.given.main, t.given.axes
    flag = ", batch_first=True" if axes.is_batch_first else ""
    if not x.is_floating_point():
        order = ", ".join(sorted(t.given.lead, key=axes.at))
        return f"hand over the embedded x, [{order}, features], to `{walk.made}(...{flag})`"
    given, width = ("x.unsqueeze(-1)", 1) if x.dim() == 2 else ("x", x.shape[-1])
    return f"hand over `{given}`, with its time axis, to `{walk.made}({width}, ...{flag})`"


def _turned(t: Tables, walk: Walk) -> str:
    """x with its batch and time where a layer takes them."""
    place, at = int(walk.call.batch_first), t.given.axes.at("time")
    return "`x`, as it is," if place == at else f"`x.transpose({place}, {at})`"


def _ends(walk: Walk | None) -> str:
    """What to take of a walk where a sample ends."""
    if walk is None:
        return "the step where each sample ends"
    if walk.call.is_cell:
        return "the `h` that the loop ends with"
    if walk.call.directions == 2:
        return f"`{walk.top}`, where each direction ends"
    if walk.call.packed is not None:  # the learner's own line lays `out` out
        return f"`{walk.top}`, where each sample ends"
    last = "out[:, -1]" if walk.call.batch_first else "out[-1]"
    return f"`{walk.top}`, which is right in both layouts (or `{last}`)"


# ---- what a layer walks along -----------------------------------------------------------------


def one_long_sequence(t: Tables) -> Found | None:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if walk is None or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    has_time = "time" in t.given.lead
    if walk.call.is_cell:
        loop = "for xt in x.unbind(1):" if has_time else "h, c = cell(x, (h, c))"
        fix = f"give the cell all samples at once, with h and c as [batch, hidden]: `{loop}`"
    elif has_time:
        fix = _as_it_is(t, walk)
    else:
        fix = f"one time step a sample is `x.unsqueeze({int(walk.call.batch_first)})`. If the "
        fix += "numbers of a sample are its time steps: `x.unsqueeze(-1)`, `input_size=1` and "
        fix += "`batch_first=True`"
    return Found(
        "batch_as_time",
        f"`{walk.name}` reads your samples as one long sequence",
        f"You gave x as {t.given}. `{walk.name}` got all samples one behind the other, as one. So "
        f"{t.given.batch} samples have become {walk.steps} time steps, and each goes on from the "
        "one before.",
        fix,
    )


def walks_along_the_batch(t: Tables) -> Found | None:
    """Each step of a layer is one sample and nothing else."""
    walk, axes = t.badly_fed, t.given.axes
    if walk is None:
        return None
    step, apart = walk.samples.any(1), [most(walk.times.any(axis), 1) <= 1 for axis in (0, 1)]
    folded = t.mixes and "time" in t.given.lead and any(apart)
    if most(step, 1) > 1 or (most(step, 0) > 1 and not folded):
        return None
    batch_first, flag = axes.is_batch_first, walk.call.batch_first
    wanted = ", batch_first=True" if batch_first else ""
    takes, there = ("the batch", "time") if flag else ("time", "your batch")
    if len(walk.calls) > 1:
        because = "your loop hands it one sample after the other"
        fix = f"`for xt in x.unbind({axes.at('time')}):`"
    elif walk.call.packed is not None:
        because = f"it was packed with{'out' * batch_first} `batch_first=True`, which takes the "
        because += f"first axis for {'time' if batch_first else 'the batch'}"
        fix = f"`pack_padded_sequence(x, lengths{wanted}, enforce_sorted=False)`"
    elif flag != batch_first:
        because = f"it was made with{'out' * (not flag)} `batch_first=True`, so it takes the first "
        because += f"axis for {takes}, and that is {there}"
        fix = f"`{walk.made}(...{wanted})`" + ", without `batch_first=True`" * flag
    else:
        because = f"it takes the first axis for {takes}, but a line before it has put {there} there"
        fix = "give it `x` as it is, without a `transpose` or `permute`"
    is_one = len(walk.calls) == 1 and walk.call.packed is None
    if is_one and (t.answer is None or t.answer.steps is None):
        fix += f"; the last step is `{'out[:, -1]' if batch_first else 'out[-1]'}`"
    return Found(
        "time_batch_swapped",
        f"`{walk.name}` walks along your batch, not along time",
        f"You gave x as {t.given}. Look at what `{walk.name}` does with it: {because}. So it took "
        f"your {walk.steps} samples for {walk.steps} time steps. Sample 1 goes on from where "
        "sample 0 ended, and no time step of yours sees the one before it.",
        fix,
    )


def loops_along_the_batch(t: Tables) -> Found | None:
    """No layer of torch's inside; samples reach one another, and no time step another's place."""
    for one in t.answers if not t.walks and t.given.time > 2 else ():
        moved = t.moved_by(t.by_time, one.number)
        axes = [k for k, size in enumerate(moved.shape[1:]) if size == t.given.time]
        own = any(along(moved, axis) == [[time] for time in t.given.times] for axis in axes)
        if own or (not axes and int(any_of(moved, 1).sum()) == 1):
            return Found(
                "time_batch_swapped",
                "your loop walks along your batch, not along time",
                f"You gave x as {t.given}. The {t.given.batch} samples reach one another, and the "
                f"{t.given.time} time steps do not: a loop (or an attention) takes your batch for "
                "time.",
                "`for xt in x.unbind(1):` for x as [batch, time, ...], `for xt in x:` for "
                "[time, ...]",
            )
    return None


def axes_come_out_swapped(t: Tables) -> Found | None:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if t.answer is None or t.owners is not None:
        return None
    shape, place = t.outputs[t.answer.number].shape, t.said.at("batch")
    has_states = any(t.is_state(tuple(output.shape)) for output in t.outputs)
    is_there = shape[place : place + 1] == (t.given.batch,)
    for axis, size in enumerate(() if has_states or is_there else shape):
        own = along(t.answer.moved, axis) == [[sample] for sample in t.given.samples]
        if own and size == t.given.batch:
            return Found(
                "time_batch_swapped",
                f"{t.output} has its batch on axis {axis}, not on axis {place}",
                f"{t.output} is {list(shape)}. Inside, the samples keep apart; only the axes come "
                "out in this order, as of a layer or `pad_packed_sequence` without "
                "`batch_first=True`.",
                "`out.transpose(0, 1)` at the end; or, if you want this order, say so in "
                "`output_axes`",
            )
    return None


def never_walks(t: Tables) -> Found | None:
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
    how = f"once, with a single step: all {t.given.time} time steps have become its features"
    fix = _as_it_is(t, walk)
    if len(alike) > 1:
        how = f"{len(alike)} times with one step each, and none goes on with the state before it"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = f"hand the state on: `{line}`, made once before the loop"
    elif most(walk.times, -1) <= 1:
        how = f"once, with one step of {walk.cols} columns: time has been folded into the batch"
    return Found(
        "seq_len_1",
        f"`{walk.name}` never makes a second step",
        f"You gave x as {t.given}, but `{walk.name}` runs {how}. It remembers nothing: its "
        "recurrent weights get a gradient of exactly zero.",
        fix,
    )


# ---- what a view cuts, and what is mixed else -------------------------------------------------


def one_sample_is_left(t: Tables) -> Found | None:
    """One sample reaches the whole output, and no other any of it."""
    answer, walk = t.answer, t.walks[-1] if t.walks else None
    if answer is None or t.bad_walk is not None or len(t.given.samples) < 2:
        return None
    if len(answer.reaching) != 1:
        return None
    if answer.owners is not None and not (t.mixes and walk and walk.steps == t.given.batch):
        return None  # it could be a `view`
    return Found(
        "last_step_wrong_axis",
        f"only sample {t.given.samples[answer.reaching[0]]} is left in {t.output}, not the last "
        "step of each sample",
        f"{t.output} {t.shape} holds other time steps of that one sample: `out[-1]` for a "
        "batch-first `out` (else `out[:, -1]`, or the like on h_n) takes from the wrong axis.",
        f"take {_ends(walk)}",
    )


def cut_on_the_way(t: Tables) -> Found | None:
    """Pieces of a final state, or steps, go to wrong samples: on the way into the bad walk, or out
    of the model."""
    bad = t.bad_walk
    reads = t.sample_reads if bad is None else t.entry_reads(bad)
    earlier = t.walks if bad is None else t.walks[: t.walks.index(bad)]
    for number, walk in reversed(list(enumerate(earlier if reads else ()))):
        states = torch.stack([of_sample[number].state for of_sample in reads])
        steps = torch.stack([of_sample[number].output for of_sample in reads])
        if bad is None and (steps.any(1) & ~walk.owners.T).any():
            # a sum over the batch reads one step of all columns
            is_sum = most(steps.any(2), 1) == 1 and bool(steps.any(1).all())
            return None if is_sum or not _is_cut(steps, walk.ends - 1) else _view_after(t, walk)
        if (states.any(1) & ~walk.owners.T).any():
            is_cut = walk.call.rows > 1 and _is_cut(states, walk.ends - 1)
            what = f"the final state of `{walk.name}` is cut across samples"
            fix = f"`h_n.transpose(0, 1).reshape(batch, -1)`, or `{walk.top}` for the top"
            return Found("hidden_view_scramble", what, H_N, fix) if is_cut else None
    return None


def _view_after(t: Tables, walk: Walk) -> Found:
    return Found(
        "view_scramble",
        f"a `view` after `{walk.name}` mixes your samples",
        f"`{walk.name}` is right, but a row of {t.output} reads steps of other samples. {VIEWED}",
        f"for the last step take {_ends(walk)}, before any `view`; for all steps swap the axes in "
        "its place: `out.transpose(0, 1)`, or `out.permute(1, 2, 0)` for [batch, hidden, time]",
    )


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


def layers_as_samples(t: Tables) -> Found | None:
    """h_n viewed as rows gives predictions for each layer, one block after the other."""
    if t.answer is None or t.owners is not None:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        rows = int(read.state.any(1).sum())
        if rows > 1 and not read.output.any() and t.shape[:1] == [rows * t.given.batch]:
            what = f"{t.output} {t.shape} has a row for each layer of each sample"
            fix = f"`{walk.top}`: one row for each sample"
            return Found("hidden_view_scramble", what, H_N, fix)
    return None


def numbers_dealt_out(t: Tables) -> Found | None:
    """Every number that enters comes from one sample: the rows of x are only dealt out anew. Or
    numbers come in that belong to one time step each, and those of a time step go to several steps
    of the layer, where they stand beside others: x itself, or all over the layer's way."""
    walk = t.badly_fed if t.mixes else next(iter(t.walks), None)
    what, of = "a `view`", "your samples"
    if walk is None or walk.crowd[not t.mixes] > 1:
        return None
    if not t.mixes:
        what, of = "a `view`, or a missing `transpose`,", "the time steps of a sample"
        met = [walk.steps_of(n) for n in range(len(t.given.times))]
        spread = all(steps and 2 * (steps[-1] - steps[0]) >= walk.steps > 1 for steps in met)
        is_x = sum(call.inputs.numel() for call in walk.calls) == t.given.main.numel()
        split = most(walk.times.any(1), 0) > 1 and most(walk.times, -1) > 1
        if not split or not (spread or is_x) or any(map(t.in_step, t.walks)):
            return None
    return Found(
        "view_scramble",
        f"{what} before `{walk.name}` mixes {of}",
        f"You gave x as {t.given}, and its numbers come into `{walk.name}` otherwise. {VIEWED}",
        f"give it {_turned(t, walk)} in place of the `view` (where it splits an axis too, split "
        f"first, then swap){', and make it for that width' * (not t.mixes)}",
    )


def steps_read_elsewhere(t: Tables) -> Found | None:
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
                found = _read_elsewhere(t, walk, step, places(read.output.any(1)))
                if found is not None:
                    return found
    return None


def _read_elsewhere(t: Tables, walk: Walk, step: int, at: list[int]) -> Found | None:
    last = t.given.time - 1
    is_turned = walk.steps_of(0) == [last] and walk.steps_of(-1) == [0]
    time = last - sum(at) if is_turned else sum(at)
    if len(at) != 1 or 2 * abs(time - step) < walk.steps or not (is_turned or t.in_step(walk)):
        return None
    if is_turned:
        return Found(
            "unrecognised",
            f"{t.output} is not turned back in time",
            f"`{walk.name}` walks from the last time step of x to the first, and step {step} of "
            f"{t.output} reads the step that takes in time step {time}.",
            "turn it back: `out.flip(1)` for batch-first `out`, `out.flip(0)` for time-first",
        )
    return Found(
        "view_scramble",
        f"a `view` after `{walk.name}` mixes the time steps of a sample",
        f"`{walk.name}` is right, but step {step} of {t.output} reads its step {time}. {VIEWED}",
        "swap the axes instead: `out.permute(0, 2, 1)` for [batch, features, time]",
    )


def mixed_else(t: Tables) -> Found | None:
    """Samples come into one another's inputs or answers, in a way without a name."""
    if not any(output.numel() > 1 for output in t.outputs):
        return None
    where = "a line after the recurrent layers works"
    fix = "look at each `dim` and each `view` there, and let it leave the batch alone; for "
    fix += "batch-first input it is `nn.MultiheadAttention(..., batch_first=True)`"
    if t.bad_walk is not None:
        what, where = f"are mixed before `{t.bad_walk.name}`", "a line before it works"
    elif t.answer is None or t.answer.owners is None:
        what = f"are all mixed in {t.output} {t.shape}, and no axis of it is the batch"
    else:
        pairs = zip(t.given.samples, t.answer.foreign, strict=True)
        source, target = next((sample, rows[0]) for sample, rows in pairs if rows)
        what = f"change one another's answers: sample {source} reaches that of sample {target}"
        if t.answer.is_reordered:
            what = f"are in another order: row {target} of {t.output} belongs to sample {source}"
            fix = "after sorting by length, put the rows back, `out[order.argsort()]` (or do not "
            fix += "sort: `enforce_sorted=False`); to read from the end, turn time: `x.flip(1)`"
    return Found(
        "samples_mixed",
        f"your samples {what}",
        f"There {where} across the batch axis: a sort, a mean, a `softmax`, an attention, or a "
        "`view` in place of a `transpose`. If they are meant to see one another (people in a "
        "scene, a graph), they are no batch.",
        fix,
    )


# ---- which part of a walk an answer reads -----------------------------------------------------


def read_behind_the_end(t: Tables) -> Found | None:
    """Of a short sample, what is read lies behind its end, or before it with pads on the left."""
    given, lengths = t.given, t.given.lengths
    if lengths is None or given.time < 3 or t.answer is None or not t.sample_reads:
        return None
    short = [k for k, sample in enumerate(given.samples) if lengths[sample] < given.time]
    real = [int(lengths[given.samples[k]]) for k in short]
    for number, walk in enumerate(t.walks if short else ()):
        steps = [places(t.sample_reads[k][number].ways[0].any(1)) for k in short]
        how = "the layer has gone on over the pads, and the state after them is read"
        first = ", batch_first=True" if given.axes.is_batch_first else ""
        fix = f"pack, `pack_padded_sequence(x, lengths{first}, enforce_sorted=False)`, and take "
        fix += f"`{walk.top}`"
        if walk.call.directions == 1:
            fix += ", or each sample's own step: `out[torch.arange(len(x)), lengths - 1]`"
        if given.pads_left:
            is_behind = walk.steps == given.time and steps == [[length - 1] for length in real]
            how = "the pads stand on the left, so every sample ends at the last step, not at "
            how += "`lengths - 1`"
            fix = "`out[:, -1]` for a batch-first `out`, else `out[-1]`"
        elif walk.call.packed is not None:
            is_behind = bool(t.answer.reaching) and not {*short} & {*t.answer.reaching}
            how = "it was packed, and the last position of a short sample is a row of zeros"
        else:
            pairs = zip(steps, real, strict=True)
            is_behind = t.in_step(walk) and all(read and read[0] >= end for read, end in pairs)
        if is_behind:
            sample = given.samples[short[0]]
            why = f"Sample {sample} has {real[0]} real steps of {given.time}: {how}."
            headline = "a short sample is not read at its last real step"
            return Found("padded_last_step", headline, why, fix)
    return None


def part_of_a_walk_read(t: Tables) -> Found | None:
    """All answers together read only lower layers; or of one direction only the step at which it
    has seen one step; or of every step one feature."""
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        if read.state.any() and not any(way.any() for way in read.ways):
            rows = ", ".join(map(str, places(read.state.any(1))))
            return Found(
                "wrong_layer_state",
                f"of `{walk.name}` only a lower layer is read",
                f"Of h_n only row {rows} is read. Its rows go layer by layer, each with its "
                "directions, so the top layer is computed for nothing.",
                f"`{walk.top}` is the top layer",
            )
        step = torch.arange(walk.steps)[:, None]
        begins = [("forward", "first", step == 0), ("backward", "last", step == walk.ends - 1)]
        both = walk.call.directions == 2
        goes_on = bool(walk.states[: len(walk.call.states)].any())  # as a decoder does
        for way, (half, where, start) in zip(read.ways, begins, strict=False):
            is_one = way.any() and not (way & ~start).any() and bool((walk.ends > 1).any())
            if is_one and (both or not goes_on):
                return Found(
                    "bidir_last_step" if both else "unrecognised",
                    f"{f'the {half} direction of ' * both}`{walk.name}` is read where it has seen "
                    "one step only",
                    f"Of it only the {where} step is read. The forward direction ends at the last "
                    "step, the backward direction at t = 0; read elsewhere, its recurrent weights "
                    "get a gradient of exactly zero.",
                    f"take {_ends(walk)}",
                )
        wide = getattr(walk.call.module, "proj_size", 0) or walk.call.module.hidden_size
        if read.features == 1 < wide and read.output.all() and not read.state.any():
            return Found(
                "last_step_wrong_axis",
                "one feature of every step is read, not the last step of each sample",
                f"{t.output} {t.shape} holds the last feature of each step: `out[:, :, -1]` takes "
                "from the wrong axis.",
                f"take {_ends(walk)}",
            )
    return None


def pads_reach_steps(t: Tables) -> Found | None:
    """One more pad changes every real step of a short sample, in a layer of two directions."""
    walk = next((w for w in t.walks if w.call.directions == 2 and t.in_step(w)), None)
    moved, owners, steps = t.by_longer_pads, t.owners, t.steps
    if moved is None or walk is None or steps is None or t.given.lengths is None:
        return None
    for sample, length in enumerate(t.given.lengths.tolist()):
        reached = steps[moved & (owners == sample)].unique()
        if (
            length < t.given.time
            and not t.given.pads_left
            and int((reached < length).sum()) == length
        ):
            return Found(
                "unrecognised",
                f"pads reach the real steps of {t.output}",
                f"One more pad changes every real step of sample {sample}: one direction of "
                f"`{walk.name}` begins in the pads, so an answer depends on how long the others of "
                "its batch are.",
                "`pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)` before "
                "the layer, and `pad_packed_sequence(out, batch_first=True)[0]` behind it",
            )
    return None


def sees_the_answer(t: Tables) -> Found | None:
    """An answer that must see no later time step sees one."""
    if not t.causal or t.sees_later is None:
        return None
    early, late = t.sees_later
    return Found(
        "unrecognised",
        "an answer sees the steps that it should predict",
        f"You said `causal=True`, but step {early} of {t.output} depends on time step {late} of x. "
        "In training each answer can copy what it should predict, and the loss falls to almost "
        "nothing.",
        "no `bidirectional=True`; in an attention, a mask that hides later steps "
        "(`is_causal=True`)",
    )


WHERE_SAMPLES_MIX = (
    one_long_sequence,
    walks_along_the_batch,
    loops_along_the_batch,
    one_sample_is_left,
    cut_on_the_way,
    numbers_dealt_out,
    mixed_else,
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
)


def first_that_fits(t: Tables) -> Found | None:
    """What the first rule that fits the tables has found."""
    rules = WHERE_SAMPLES_MIX if t.mixes else WHERE_THEY_KEEP_APART
    return next(filter(None, (rule(t) for rule in rules)), None) if not t.is_dead else None
