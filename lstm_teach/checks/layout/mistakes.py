"""The known mistakes of a layout: each a rule over the tables, under the words for it.

A rule counts over rows and columns of the tables. It gives the words that its message needs, or
None where it is not this mistake. The first that fits is told, in the order in which they stand
here: what a layer walks along, what a `view` cuts and what is mixed else, what is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.layout.tables import Tables, Walk, along, most, places
from lstm_teach.checks.mistake import Mistake

Words = dict[str, Any] | None
Rule = Callable[[Tables], Words]

MISTAKES: list[Mistake] = []

SILENT = "PyTorch does not complain: the sizes fit, and it cannot know what an axis means."
VIEWED = "A `view` or `reshape` does not swap axes; it deals the same row of numbers out anew."


def known(verdict: str, headline: str, why: str, fix: str) -> Callable[[Rule], Rule]:
    """A decorator that keeps a rule as a mistake, with these words."""

    def keep(rule: Rule) -> Rule:
        MISTAKES.append(Mistake(verdict, headline, f"{why} {SILENT}", fix, rule))
        return rule

    return keep


def first_that_fits(t: Tables) -> tuple[Mistake, dict[str, Any]] | None:
    """The first known mistake whose rule fits the tables, with the words for its message."""
    for mistake in () if t.is_dead else MISTAKES:
        found = mistake.how(t)
        if found is not None:
            return mistake, found
    return None


def _words(t: Tables, walk: Walk | None = None, **more: str | int) -> dict[str, Any]:
    """The words that every message may use, and a mistake's own, in which these are filled in."""
    given, number = t.given, t.answer.number if t.answer else next(iter(t.floats), 0)
    words: dict[str, Any] = {
        "given": given.axes.words(given.main.shape),
        "batch": given.batch,
        "time": given.time,
        "output": t.name_of(number),
        "shape": list(t.outputs[number].shape) if t.outputs else [],
        "ends": "the step where each sample ends",
    }
    if walk is not None:
        both = walk.call.directions == 2
        state = "torch.cat((h_n[-2], h_n[-1]), dim=1)" if both else "h_n[-1]"
        last = "out[:, -1]" if walk.call.batch_first else "out[-1]"
        ends = f"`{state}`, which is right in both layouts (or `{last}`)"
        if walk.call.packed is not None or both:  # here the learner's own line lays `out` out
            ends = f"`{state}`, where {'each direction' if both else 'each sample'} ends"
        words |= {
            "layer": walk.name,
            "made": walk.name + f" = {walk.call.kind}" * (walk.name != walk.call.kind),
            "steps": walk.steps,
            "rows": walk.call.rows,
            "state": state,
            "ends": "the `h` that the loop ends with" if walk.call.is_cell else ends,
        }
    words |= more
    filled = {key: text.format(**words) for key, text in more.items() if isinstance(text, str)}
    return words | filled


def _as_it_is(t: Tables) -> str:
    """x as a layer takes it, and the layer made for that."""
    x, order = t.given.main, t.given.axes.order
    flag = ", batch_first=True" if order[0] == "batch" else ""
    if not x.is_floating_point():
        return f"hand over the embedded x, [{', '.join(order)}, features], to `{{made}}(...{flag})`"
    given, width = ("x.unsqueeze(-1)", 1) if x.dim() == 2 else ("x", x.shape[-1])
    return f"hand over `{given}`, with its time axis, to `{{made}}({width}, ...{flag})`"


# ---- what a layer walks along -----------------------------------------------------------------


@known(
    "batch_as_time",
    "`{layer}` reads your samples as one long sequence",
    "You gave x as {given}. `{layer}` got all samples one behind the other in it, as one. So "
    "{batch} samples have become {steps} time steps, and each goes on from the one before.",
    "{fix}",
)
def one_long_sequence(t: Tables) -> Words:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if not t.mixes or walk is None or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    has_time = "time" in t.given.lead
    fix = _as_it_is(t)
    if walk.call.is_cell:
        loop = "for xt in x.unbind(1):" if has_time else "h, c = cell(x, (h, c))"
        fix = f"give the cell all samples at once, with h and c as [batch, hidden]: `{loop}`"
    elif not has_time:
        fix = (
            f"one time step a sample is `x.unsqueeze({int(walk.call.batch_first)})`. If the numbers "
            "of a sample are its time steps: `x.unsqueeze(-1)`, `input_size=1`, `batch_first=True`"
        )
    return _words(t, walk, fix=fix)


def _loop_along_the_batch(t: Tables) -> bool:
    """Whether, with no layer of torch's inside, samples reach later samples only, and no time step
    reaches the place of another."""
    for one in t.answers if t.mixes and not t.walks and t.given.time > 2 else ():
        shape = t.outputs[one.number].shape
        moved = t.moved_by(t.by_time, one.number)
        of_time = [along(moved, axis) for axis, size in enumerate(shape) if size == t.given.time]
        apart = [[time] for time in t.given.times] in of_time or len(sum(of_time or [[]], [])) < 2
        ordered = [
            all(
                min(rows, default=0) >= sample
                for sample, rows in zip(t.given.samples, of, strict=True)
            )
            for of in [
                along(one.moved, axis) for axis, size in enumerate(shape) if size == t.given.batch
            ]
        ]
        if apart and (any(ordered) or not ordered):
            return True
    return False


@known(
    "time_batch_swapped",
    "{who} walks along your batch, not along time",
    "You gave x as {given}. {because}. So your {batch} samples are taken for time steps: sample 1 "
    "goes on from where sample 0 ended, and no time step of yours sees the one before it.",
    "{fix}",
)
def walks_along_the_batch(t: Tables) -> Words:
    """Each step of a layer is one sample and nothing else; or, with no layer of torch's inside,
    samples reach later samples only."""
    walk, axes, answer = t.badly_fed, t.given.axes, t.answer
    time = axes.flat.index("time") if "time" in axes.flat else 1
    loop = f"`for xt in x.unbind({time}):`"
    if _loop_along_the_batch(t):
        because = "Samples reach one another's answers in order, each only later ones"
        return _words(t, who="your loop", because=because, fix=loop)
    if walk is None:
        return None
    step, apart = walk.samples.any(1), [most(walk.times.any(axis), 1) <= 1 for axis in (0, 1)]
    folded = t.mixes and "time" in t.given.lead and any(apart)
    if most(step, 1) > 1 or (most(step, 0) > 1 and not folded):
        return None
    batch_first, flag = axes.order[0] == "batch", walk.call.batch_first
    wanted = ", batch_first=True" if batch_first else ""
    takes, there = ("the batch", "time") if flag else ("time", "your batch")
    if len(walk.calls) > 1:
        because, fix = "Your loop hands `{layer}` one sample after the other", loop
    elif walk.call.packed is not None:
        because = f"It was packed with{'out' * batch_first} `batch_first=True`, which takes the "
        because += f"first axis for {'time' if batch_first else 'the batch'}"
        fix = f"`pack_padded_sequence(x, lengths{wanted}, enforce_sorted=False)`"
    elif flag != batch_first:
        because = f"`{{layer}}` was made with{'out' * (not flag)} `batch_first=True`, so it takes "
        because += f"the first axis for {takes}, and that is {there}"
        fix = f"`{{made}}(...{wanted})`" + ", without `batch_first=True`" * flag
    else:
        because = f"`{{layer}}` takes the first axis for {takes}, but a line before it has put "
        because += f"{there} there"
        fix = "give it `x` as it is, without a `transpose` or `permute`"
    if len(walk.calls) == 1 and walk.call.packed is None and not (answer and answer.has_time):
        fix += f"; the last step is `{'out[:, -1]' if batch_first else 'out[-1]'}`"
    return _words(t, walk, who="`{layer}`", because=because, fix=fix)


@known(
    "time_batch_swapped",
    "{output} has its batch on axis {axis}, not on axis {place}",
    "{output} is {shape}. Inside, the samples keep apart; only the axes come out in this order, as "
    "of a layer or `pad_packed_sequence` without `batch_first=True`.",
    "`out.transpose(0, 1)` at the end; or, if you want this order, say so in `output_axes`",
)
def axes_come_out_swapped(t: Tables) -> Words:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if t.mixes or t.answer is None or t.answer.rows is not None:
        return None
    shape, place = tuple(t.outputs[t.answer.number].shape), t.said.flat.index("batch")
    has_states = any(t.is_state(tuple(output.shape)) for output in t.outputs)
    if has_states or shape[place : place + 1] == (t.given.batch,):
        return None
    for axis in range(len(shape)):
        own = along(t.answer.moved, axis) == [[sample] for sample in t.given.samples]
        if own and shape[axis] == t.given.batch:
            return _words(t, axis=axis, place=place)
    return None


@known(
    "seq_len_1",
    "`{layer}` never makes a second step",
    "You gave x as {given}, but `{layer}` runs {how}. It remembers nothing: its recurrent weights "
    "get a gradient of exactly zero.",
    "{fix}",
)
def never_walks(t: Tables) -> Words:
    """x has a time axis, and no recurrent layer ever makes a second step.

    Certain only where the time steps of x lie apart, as features of one step, as columns, or in
    calls of their own: a layer after a pooling or an attention over time has one step rightly.
    """
    if t.mixes or t.given.time < 3 or not t.walks or any(walk.steps > 1 for walk in t.walks):
        return None
    walk = t.walks[0]
    alike = [w for w in t.walks if w.call.module is walk.call.module]
    met = torch.cat([w.times.any(1) for w in alike]).any(0)
    if int(met.sum()) < 2 or max(w.crowd[1] for w in alike) > 1:
        return None
    how, fix = "once, with a single step: all {time} time steps have become features", _as_it_is(t)
    if len(alike) > 1:
        how = f"{len(alike)} times with one step each, and none goes on with the state before it"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = f"hand the state on: `{line}`, made once before the loop"
    elif most(walk.times, -1) <= 1:
        how = f"once, with one step of {walk.cols} columns: time has been folded into the batch"
    return _words(t, walk, how=how, fix=fix)


# ---- what a view cuts, and what is mixed else -------------------------------------------------


def _misread(t: Tables) -> tuple[Walk, bool, Tensor] | None:
    """The last walk that is read from wrong columns, on the way into the bad walk or out of the
    model: it, whether it is its state that is read so, and [samples, places, cols], what is read
    for each looked-at sample."""
    bad = t.bad_walk
    reads = t.sample_reads if bad is None else t.entry_reads(bad)
    earlier = t.walks if bad is None else t.walks[: t.walks.index(bad)]
    for number, walk in reversed(list(enumerate(earlier if t.mixes and reads else ()))):
        own = [of_sample[number] for of_sample in reads]
        for of_state in (False, True):
            parts = torch.stack([read.state if of_state else read.output for read in own])
            if (parts.any(1) & ~walk.owners.T).any():
                return walk, of_state, parts
    return None


def _is_cut(parts: Tensor) -> bool:
    """Whether what is read for the samples are different pieces, each place in one of them."""
    pieces = parts.flatten(1).unique(dim=0)
    return len(pieces) > 1 and most(pieces, 0) <= 1


@known(
    "last_step_wrong_axis",
    "{what}, not the last step of each sample",
    "{output} {shape} holds {takes}: {wrong} (or the like on h_n) takes from the wrong axis.",
    "take {ends}",
)
def taken_from_the_wrong_axis(t: Tables) -> Words:
    """One sample is left of the batch, or one feature of every step."""
    answer, walk = t.answer, t.walks[-1] if t.walks else None
    reaching = places(answer.reached.any(1)) if answer is not None else []
    is_laid = answer is not None and answer.rows is not None  # else it could be a `view`
    if t.bad_walk is None and len(reaching) == 1 < len(t.given.samples):
        if not is_laid or (t.mixes and walk is not None and walk.steps == t.given.batch):
            last = walk is None or walk.call.packed is not None or walk.call.is_cell
            wrong = "`out[-1]`" if walk and walk.call.batch_first else "`out[:, -1]`"
            return _words(
                t,
                walk,
                what=f"only sample {t.given.samples[reaching[0]]} is left in {{output}}",
                takes="other time steps of that one sample",
                wrong="`out[-1]` or `out[:, -1]`" if last else wrong,
            )
    for walk, read in zip(t.walks, () if t.mixes else t.all_reads, strict=False):
        wide = getattr(walk.call.module, "proj_size", 0) or walk.call.module.hidden_size
        if read.features == 1 < wide and read.output.all() and not read.state.any():
            what, takes = "one feature of every step is read", "the last feature of each step"
            return _words(t, walk, what=what, takes=takes, wrong="`out[:, :, -1]`")
    return None


@known(
    "samples_mixed",
    "the samples are in another order: row {target} of {output} belongs to sample {source}",
    "Sorting by length before packing does this where nothing puts the rows back, and so does "
    "`flip(0)` on batch-first data. A loss then compares with another's target.",
    "after sorting, put the rows back, `out[order.argsort()]` (or do not sort: "
    "`enforce_sorted=False`); to read from the end, turn time round: `x.flip(1)`",
)
def rows_change_places(t: Tables) -> Words:
    """Each row is one sample, but not the sample of that row.

    A `view` can give each row one sample by chance; it then reads another step or layer for each.
    """
    if not t.mixes or t.bad_walk is not None or t.answer is None:
        return None
    walk, _, parts = _misread(t) or (None, False, torch.empty(0))
    by_chance = own = False
    if walk is not None:
        # their own place in a layer, where another sample stands
        own = [places(part.any(0)) for part in parts] == [[s] for s in t.given.samples]
        last = torch.arange(parts.shape[1])[:, None] == walk.ends - 1
        alike = all(torch.equal(part.any(1), parts[0].any(1)) for part in parts)
        by_chance = not alike and any(p.sum() == 1 and (p & ~last).any() for p in parts)
    return _example(t) if own or (t.answer.is_reordered and not by_chance) else None


def _example(t: Tables) -> dict[str, Any]:
    """The words with a sample and a row of another that it reaches, where there are rows."""
    assert t.answer is not None
    marks = t.answer.foreign if t.answer.mixes else t.answer.reached
    number, row = marks.nonzero()[0].tolist()
    return _words(t, source=t.given.samples[number], target=row)


@known(
    "hidden_view_scramble",
    "{what}",
    "h_n is [layers * directions, batch, hidden], with the batch in the middle whatever "
    "`batch_first` says. A `view` or `reshape` cuts it straight through.",
    "{fix}",
)
def state_cut(t: Tables) -> Words:
    """Pieces of a final state go to wrong samples, each piece to one; or a layer starts from a
    state that is so made; or each layer's row of a sample passes for a sample."""
    walk, of_state, parts = _misread(t) or (None, False, torch.empty(0))
    if walk is not None and of_state and walk.call.rows > 1 and _is_cut(parts):
        what = "the final state of `{layer}` is cut across samples"
        fix = "`h_n.transpose(0, 1).reshape(batch, -1)`, or `{state}` for the top"
        return _words(t, walk, what=what, fix=fix)
    bad, answer = t.bad_walk, t.answer
    if t.mixes and bad is not None and t.badly_fed is None and not bad.states.all():
        if t.walks[0] is bad and bad.call.rows == 1:
            return None
        what = "the state that `{layer}` starts from is cut across samples"
        fix = "split the axes as they lie, then swap: `h.view(batch, {rows}, -1).transpose(0, 1)"
        fix += ".contiguous()`. Of another layer's h_n, `torch.cat((h_n[0::2], h_n[1::2]), dim=2)` "
        return _words(t, bad, what=what, fix=f"{fix}joins the two directions")
    if t.mixes or answer is None or answer.rows is not None:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        rows = int(read.state.any(1).sum())
        count = rows * t.given.batch
        if rows > 1 and not read.output.any() and len(t.outputs[answer.number]) == count:
            what = "{output} {shape} has a row for each layer of each sample"
            return _words(t, walk, what=what, fix="`{state}`: one row for each sample")
    return None


def _steps_dealt(t: Tables) -> tuple[Walk | None, bool]:
    """The first walk, if numbers come in that belong to one time step each, and those of a time
    step go to several steps of it, where they stand beside others: x itself, or all over its way.
    And whether each of its steps holds all time steps of x."""
    walk = next(iter(t.walks), None)
    if t.mixes or walk is None or t.given.time < 3 or walk.steps < 2 or walk.crowd[1] != 1:
        return None, False
    met = [walk.steps_of(n) for n in range(len(t.given.times))]
    spread = all(steps and 2 * (steps[-1] - steps[0]) >= walk.steps for steps in met)
    is_x = sum(call.inputs.numel() for call in walk.calls) == t.given.main.numel()
    split = most(walk.times.any(1), 0) > 1 and most(walk.times, -1) > 1
    is_dealt = split and (spread or is_x) and not any(map(t.in_step, t.walks))
    return walk if is_dealt else None, is_x and bool(walk.times.any(1).all())


def _turned(t: Tables, walk: Walk) -> str:
    """x with its batch and time where a layer takes them."""
    want = ["batch", "time"] if walk.call.batch_first else ["time", "batch"]
    place, flat = want.index("time"), t.given.axes.flat
    at = flat.index("time") if "time" in flat else 1
    return "`x`, as it is," if place == at else f"`x.transpose({place}, {at})`"


@known(
    "view_scramble",
    "a `view` before `{layer}` mixes {of}",
    f"You gave x as {{given}}, cut into another shape on its way to `{{layer}}`. {VIEWED}",
    "give it {right} in place of the `view` (where it splits an axis too, split first, then swap)",
)
def view_before(t: Tables) -> Words:
    """Every number that enters comes from one sample (or one time step): the rows of x are only
    dealt out anew."""
    walk, (within, is_turned) = t.badly_fed, _steps_dealt(t)
    if t.mixes and walk is not None and walk.crowd[0] <= 1:
        return _words(t, walk, right=_turned(t, walk), of="your samples")
    if within is not None and not is_turned:
        return _words(t, within, right=_turned(t, within), of="the time steps of a sample")
    return None


@known(
    "view_scramble",
    "a `view` after `{layer}` mixes {of}",
    f"`{{layer}}` is right, but {{what}}. {VIEWED}",
    "{fix}",
)
def view_after(t: Tables) -> Words:
    """Steps go to the wrong samples, each to one; or the first and the last number of an answer's
    step read one step each, and these lie apart.

    A sum or mean over the batch reads one step of all columns instead.
    """
    walk, of_state, parts = _misread(t) or (None, False, torch.empty(0))
    if walk is not None and t.bad_walk is None and not of_state and _is_cut(parts):
        is_sum = bool((parts.any(2).sum(1) == 1).all() and parts.any(1).all())
        what = "a row of {output} reads steps of other samples"
        fix = "for the last step take {ends}, before any `view`; for all steps swap the axes in "
        fix += (
            "its place: `out.transpose(0, 1)`, or `out.permute(1, 2, 0)` for [batch, hidden, time]"
        )
        return None if is_sum else _words(t, walk, of="your samples", what=what, fix=fix)
    if t.mixes or t.answer is None or not t.answer.has_time:
        return None
    shape = t.answer.rows(t.outputs[t.answer.number]).shape
    step, ends = shape[1] // 2, [(end,) * (len(shape) - 2) for end in (0, -1)]
    both = [t.reads_at(t.given.longest, step, *end) for end in ends]
    for walk, *reads in zip(t.walks, *both, strict=False):
        first, last = (places(read.output.any(1)) for read in reads)
        if len(first) == len(last) == 1 and 2 * abs(first[0] - last[0]) >= walk.steps > 2:
            what = f"step {step} of {{output}} reads a piece of steps {first[0]} to {last[0]}"
            fix = "swap the axes instead: `out.permute(0, 2, 1)` for [batch, features, time]"
            return _words(t, walk, of="the time steps of a sample", what=what, fix=fix)
    return None


@known(
    "samples_mixed",
    "your samples {what}",
    "There {where} across the batch axis: a mean, a `softmax`, an attention, or a `view` in place "
    "of a `transpose`. If they are meant to see one another (people in a scene, a graph), they are "
    "no batch.",
    "look at each `dim` and each `view` there, and let it leave the batch alone; for batch-first "
    "input it is `nn.MultiheadAttention(..., batch_first=True)`",
)
def mixed_else(t: Tables) -> Words:
    """Samples come into one another's inputs, answers, or next answers, in a way without a name."""
    where = "a line after the recurrent layers works"
    if t.mixes and t.bad_walk is not None:
        return _words(
            t, t.bad_walk, what="are mixed before `{layer}`", where="a line before it works"
        )
    if t.mixes and t.answer is not None:
        what = "change one another's answers: sample {source} reaches that of sample {target}"
        words = _example(t)
        return words | {"what": what.format(**words), "where": where}
    if t.mixes and t.answers and any(t.outputs[k].numel() > 1 for k in range(len(t.outputs))):
        what = "are all mixed in {output} {shape}, which has no batch on the axis that you named"
        return _words(t, what=what, where=where)
    return None


# ---- which part of a walk an answer reads -----------------------------------------------------


@known(
    "padded_last_step",
    "a short sample is not read at its last real step",
    "Sample {sample} has {length} real steps of {time}: {how}.",
    "{fix}",
)
def read_behind_the_end(t: Tables) -> Words:
    """Of a short sample, what is read lies behind its end, or before it with pads on the left."""
    given, lengths = t.given, t.given.lengths
    if t.mixes or lengths is None or given.time < 3 or t.answer is None or not t.sample_reads:
        return None
    short = [k for k, sample in enumerate(given.samples) if lengths[sample] < given.time]
    real = [int(lengths[given.samples[k]]) for k in short]
    reaches = t.answer.reached.any(1)
    first = ", batch_first=True" if given.axes.order[0] == "batch" else ""
    for number, walk in enumerate(t.walks if short else ()):
        steps = [places(t.sample_reads[k][number].ways[0].any(1)) for k in short]
        fix = f"pack, `pack_padded_sequence(x, lengths{first}, enforce_sorted=False)`, and take "
        fix += "`{state}`"
        if walk.call.directions == 1:
            fix += ", or each sample's own step: `out[torch.arange(len(x)), lengths - 1]`"
        if given.pads_left:
            is_behind = walk.steps == given.time and steps == [[length - 1] for length in real]
            how = "the pads stand on the left, so that every sample ends at the last step, and "
            how += "`lengths - 1` is a step before it"
            fix = "`out[:, -1]` for a batch-first `out`, else `out[-1]`"
        elif walk.call.packed is not None:
            is_behind = bool(reaches.any() and not reaches[short].any())
            how = "it was packed, and the last position of a short sample is a row of zeros"
        else:
            pairs = zip(steps, real, strict=True)
            is_behind = t.in_step(walk) and all(read and read[0] >= end for read, end in pairs)
            how = "the layer has gone on over the pads, and the state after them is read"
        if is_behind:
            sample = given.samples[short[0]]
            return _words(t, walk, how=how, sample=sample, length=real[0], fix=fix)
    return None


@known(
    "wrong_layer_state",
    "of `{layer}` only a lower layer is read",
    "It has {layers} layers, and of h_n only row {read} is read. The rows go layer by layer, each "
    "with its directions, so the top layer is computed for nothing.",
    "`{state}` is the top layer",
)
def lower_layer_read(t: Tables) -> Words:
    """Only states of lower layers are read, and nothing of the top layer."""
    for walk, read in zip(t.walks, () if t.mixes else t.all_reads, strict=False):
        if read.state.any() and not any(way.any() for way in read.ways):
            rows = ", ".join(map(str, places(read.state.any(1))))
            return _words(t, walk, read=rows, layers=walk.call.layers)
    return None


@known(
    "bidir_last_step",
    "the {half} direction of `{layer}` is read where it has seen one step only",
    "Of this direction only the {where} step is read. The backward direction begins at the end and "
    "ends at t = 0; the gradient of its recurrent weights is exactly zero.",
    "`torch.cat((h_n[-2], h_n[-1]), dim=1)`: both directions after their whole way",
)
def direction_read_where_it_begins(t: Tables) -> Words:
    """Of one direction of the top layer, only the step at which it has seen one step is read."""
    for walk, read in zip(t.walks, () if t.mixes else t.all_reads, strict=False):
        step = torch.arange(walk.steps)[:, None]
        begins = {"forward": (step == 0, "first"), "backward": (step == walk.ends - 1, "last")}
        if walk.call.directions == 2 and (walk.ends > 1).any():
            for way, (half, (start, where)) in zip(read.ways, begins.items(), strict=True):
                if way.any() and not (way & ~start).any():
                    return _words(t, walk, half=half, where=where)
    return None


@known("unrecognised", "{what}", "{why}", "{fix}")
def steps_seen(t: Tables) -> Words:
    """What an answer sees of time is not what it should see."""
    given, answer, later, (dealt, _) = t.given, t.answer, t.sees_later, _steps_dealt(t)
    if t.mixes or answer is None:
        return None
    if dealt is not None:
        what = "`{layer}` does not walk along your time axis"
        why = "You gave x as {given}, but each of the {steps} steps of `{layer}` holds all {time} "
        why += (
            'time steps side by side as features. If that is meant, do not name this axis "time".'
        )
        fix = f"give it {_turned(t, dealt)} and make it for that width"
        return _words(t, dealt, what=what, why=why, fix=fix)
    walk = next((w for w in t.walks if t.in_step(w)), None)
    seen = [
        time
        for time, moved in zip(given.times, t.moved_by(t.by_time, answer.number), strict=True)
        if moved.any()
    ]
    if walk is not None and len(seen) == 1 < len(given.times) - 1 and not answer.has_time:
        what = f"the answer sees time step {seen[0]} alone"
        why = "`{layer}` walks along time, but is read at the end where it has seen a single step."
        return _words(t, walk, what=what, why=why, fix="take {ends}, where it has seen all of them")
    if t.has_steps and given.times[-1] == given.time - 1:
        ends = [(end, t.reads_at(given.longest, end)) for end in (0, given.time - 1)]
        for number, walk in enumerate(t.walks):
            is_turned = walk.steps_of(0) == [given.time - 1] and walk.steps_of(-1) == [0]
            read = all(r and places(r[number].output.any(1)) == [end] for end, r in ends)
            if is_turned and read:
                what = "{output} is not turned back in time"
                why = "`{layer}` walks from the last time step of x to the first. Its first step, "
                why += "which has seen the end of x alone, stands at the first step of the answer."
                fix = "turn it back: `out.flip(1)` for batch-first `out`, else `out.flip(0)`"
                return _words(t, walk, what=what, why=why, fix=fix)
    walk = next((w for w in t.walks if w.call.directions == 2 and t.in_step(w)), None)
    moved = t.with_longer_pads
    if walk is not None and moved is not None and t.has_steps and given.lengths is not None:
        for sample, pads in enumerate(given.pads):
            if pads.any() and moved[sample][~pads].all():
                what = "pads reach the real steps of {output}"
                why = "One more pad changes every real step of sample {sample}: one direction of "
                why += "`{layer}` begins in the pads, so an answer depends on how long others are."
                fix = "`pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)` "
                fix += "before the layer, and `pad_packed_sequence(out, batch_first=True)[0]` "
                fix += "behind it"
                return _words(t, walk, sample=sample, what=what, why=why, fix=fix)
    if t.causal and later is not None:
        what = "an answer sees the steps that it should predict"
        why = f"You said `causal=True`, but step {later[0]} of {{output}} depends on time step "
        why += f"{later[1]} of x. In training each answer can copy what it should predict, and the "
        why += "loss falls to almost nothing."
        fix = "no `bidirectional=True`; in an attention, a mask that hides later steps "
        fix += "(`is_causal=True`)"
        return _words(t, what=what, why=why, fix=fix)
    return None
