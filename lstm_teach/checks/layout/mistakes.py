"""The known mistakes of a layout: each a rule over the tables, and the words for it.

A rule counts over rows and columns of the tables. It gives the words that its message needs, or
None where it is not this mistake. The first that fits is told.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.layout.tables import Look, Read, Tables, Walk, gradients, most, places
from lstm_teach.checks.mistake import Mistake

Words = dict[str, Any] | None


def _words(t: Tables, walk: Walk | None = None, **more: Any) -> dict[str, Any]:
    """The words that every message may use, and more of a mistake's own."""
    given, number = t.given, t.look.number if t.look else next(iter(t.floats), 0)
    common = {
        "given": given.axes.words(given.main.shape),
        "batch": given.batch,
        "time": given.time,
        "output": t.name_of(number),
        "shape": list(t.outputs[number].shape) if t.outputs else [],
    }
    if walk is not None:
        both = walk.call.directions == 2
        state = "torch.cat((h_n[-2], h_n[-1]), dim=1)" if both else "h_n[-1]"
        last = "out[:, -1]" if walk.call.batch_first else "out[-1]"
        ends = f"`{state}`, which is right in both layouts (or `{last}`)"
        if walk.call.packed is not None or both:  # here the learner's own line lays `out` out
            ends = f"`{state}`, where {'each direction' if both else 'each sample'} ends"
        common |= {
            "layer": walk.name,
            "steps": walk.steps,
            "rows": walk.call.rows,
            "state": state,
            "ends": "the `h` that the loop ends with" if walk.call.is_cell else ends,
        }
    return common | more


def _made(walk: Walk) -> str:
    kind = walk.call.kind
    return f"{walk.name} = {kind}" if walk.name != kind else kind


def _as_it_is(t: Tables, walk: Walk) -> str:
    """x as a layer takes it, with the layer made for that."""
    x, order = t.given.main, t.given.axes.order
    flag = ", batch_first=True" if order[0] == "batch" else ""
    if not x.is_floating_point():
        return f"the embedded x, [{', '.join(order)}, features], to `{_made(walk)}(...{flag})`"
    given, width = ("x.unsqueeze(-1)", 1) if x.dim() == 2 else ("x", x.shape[-1])
    return f"`{given}`, with its time axis, to `{_made(walk)}({width}, ...{flag})`"


# ---- samples come side by side into a layer ---------------------------------------------------


def batch_as_time(t: Tables) -> Words:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if not t.mixes or walk is None or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    has_time, call = "time" in t.given.lead, walk.call
    how = "got a batch of 1, with all samples one behind the other in it"
    fix = (
        f"hand over {_as_it_is(t, walk)}"
        if has_time
        else (
            f"one time step a sample is `x.unsqueeze({int(call.batch_first)})`. If the numbers of "
            "a sample are its time steps: `x.unsqueeze(-1)`, `input_size=1` and `batch_first=True`"
        )
    )
    if call.is_cell:
        how = "got one sample at a time, and went on with the state of the last one"
        loop = "for xt in x.unbind(1):" if has_time else "h, c = cell(x, (h, c))"
        fix = f"give the cell all samples at once, with h and c as [batch, hidden]: `{loop}`"
    elif call.unbatched:
        how = "got two axes, and takes those for one sample without a batch axis"
    return _words(t, walk, how=how, fix=fix)


_WALKED = {
    ("loop", "batch"): (
        "your loop hands it one sample after the other",
        "`for xt in x.unbind(1):`",
    ),
    ("loop", "time"): ("your loop hands it one sample after the other", "`for xt in x:`"),
    ("packed", "batch"): (
        "it was packed without `batch_first=True`, which takes the first axis for time",
        "`pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)`",
    ),
    ("packed", "time"): (
        "it was packed with `batch_first=True`, which takes the first axis for the batch",
        "`pack_padded_sequence(x, lengths, enforce_sorted=False)`",
    ),
    ("batch_first", "batch"): (
        "it has `batch_first=True` and takes the first axis for the batch, but a line before it "
        "has put time there",
        "give it `x` as it is, without a `transpose` or `permute`",
    ),
    ("batch_first", "time"): (
        "it has `batch_first=True` and takes the first axis for the batch, but your x has time "
        "there",
        "`{made}(...)`, without `batch_first=True`",
    ),
    ("plain", "batch"): (
        "it was made without `batch_first=True`, so it takes the first axis for time, and that is "
        "your batch",
        "`{made}(..., batch_first=True)`",
    ),
    ("plain", "time"): (
        "it takes the first axis for time, but a line before it has put your batch there",
        "give it `x` as it is, without a `transpose` or `permute`",
    ),
}


def time_batch_swapped(t: Tables) -> Words:
    """Each step of the layer is one sample and nothing else: it walks along the batch."""
    walk, given, first = t.badly_fed, t.given, t.given.axes.order[0]
    one = t.walks[0] if t.walks and t.has_batch and given.batch == 1 < given.time else None
    if (
        one
        and one.steps == 1
        and one.cols == given.time
        and one.call.batch_first != (first == "batch")
    ):
        walk = one
    if walk is None:
        return None
    step, apart = walk.samples.any(1), [most(walk.times.any(axis), 1) <= 1 for axis in (0, 1)]
    folded = t.mixes and "time" in given.lead and any(apart)
    if most(step, 1) > 1 or (most(step, 0) > 1 and not folded):
        return None
    took = f"it took your {walk.steps} samples for {walk.steps} time steps"
    if walk.cols == given.time:
        took += f", and your {walk.cols} time steps for {walk.cols} samples"
    call, made = walk.call, _made(walk)
    kind = "batch_first" if call.batch_first else "packed" if call.packed is not None else "plain"
    because, fix = _WALKED["loop" if len(walk.calls) > 1 else kind, first]
    if len(walk.calls) == 1 and call.packed is None and not (t.look and t.look.has_time):
        fix += f"; the last step is `{'out[:, -1]' if first == 'batch' else 'out[-1]'}`"
    if len(walk.calls) == 1 and len(call.states):
        fix += ". A state of your own is [layers * directions, batch, hidden], with the true batch"
    hidden = ""
    if t.look is not None and t.look.how == "said":
        hidden = " The output has the shape that you expect; only its numbers are wrong."
    return _words(t, walk, took=took, because=because, fix=fix.format(made=made), hidden=hidden)


def _turned(t: Tables, batch_first: bool) -> str:
    """x with its batch and time where a layer takes them."""
    want, flat = ["batch", "time"] if batch_first else ["time", "batch"], t.given.axes.flat
    place, at = want.index("time"), flat.index("time") if "time" in flat else 1
    return "`x`, as it is," if place == at else f"`x.transpose({place}, {at})`"


def view_before(t: Tables) -> Words:
    """Every number that enters comes from one sample: the rows of x are only dealt out anew."""
    walk = t.badly_fed
    if not t.mixes or walk is None or walk.crowd[0] > 1:
        return None
    return _words(t, walk, of="your samples", right=_turned(t, walk.call.batch_first))


def view_within(t: Tables) -> Words:
    """Numbers come in that belong to one time step each, and those of a time step go to several
    steps of the layer, where they stand beside others: x itself, or all over the layer's way."""
    walk = next(iter(t.walks), None)
    if t.mixes or walk is None or t.given.time < 3 or walk.steps < 2 or walk.crowd[1] != 1:
        return None
    step, count = walk.times.any(1), sum(call.inputs.numel() for call in walk.calls)
    met = [walk.steps_of(n) for n in range(len(t.given.times))]
    spread = all(steps and 2 * (steps[-1] - steps[0]) >= walk.steps for steps in met)
    split = most(step, 0) > 1 and most(walk.times, -1) > 1
    if not split or not (spread or count == t.given.main.numel()) or any(map(t.in_step, t.walks)):
        return None
    all_in_each = bool(step.all()) and count == t.given.main.numel()
    right = _turned(t, walk.call.batch_first)
    return _words(t, walk, right=right, of="the time steps of a sample", whole=all_in_each)


def time_not_walked(t: Tables) -> Words:
    """The same, with all time steps side by side as features in each step."""
    found = view_within(t)
    return found if found and found["whole"] else None


# ---- the state, on its way in and out ---------------------------------------------------------


def state_cut_on_its_way(t: Tables) -> Words:
    """Every vector that enters the bad walk is made of one piece of an earlier layer's h_n.

    The pieces are those that ``h_n.view(batch, -1)`` cuts in memory order: as many cells side by
    side as there are layers and directions, so they belong to neighbours in the batch.
    """
    walk = t.bad_walk
    if not t.mixes or walk is None or t.asked is None:
        return None
    for source in t.walks[: t.walks.index(walk)]:
        size, tap = source.call.rows, t.asked.calls[source.places[0]].taps.get("h")
        if size < 2 or source.cols < 2 or tap is None:
            continue
        pieces = []
        for entered in t.asked.calls[walk.places[0]].entered:
            vectors = entered.reshape(-1, entered.shape[-1])
            looked = {0, len(vectors) // 2, len(vectors) - 1} if vectors.requires_grad else ()
            found = [gradients(vectors[k], [tap[0]])[0] for k in looked]
            pieces += [p for p in (places((g != 0).any(-1).flatten()) for g in found) if p]
        blocks = [[p[0] // size * size + k for k in range(size)] for p in pieces]
        if len(pieces) > 1 and pieces == blocks:
            fix = "`h_n.transpose(0, 1).reshape(batch, -1)`"
            return _words(t, source, fix=fix)
    return None


def state_by_view(t: Tables) -> Words:
    """The input is right, and a state built by ``view`` brings other samples in."""
    walk = t.bad_walk
    if not t.mixes or walk is None or t.badly_fed is not None or walk.states.all():
        return None
    fix = (
        f"split the axes as they lie, then swap: `h.view(batch, {walk.call.rows}, -1)"
        ".transpose(0, 1).contiguous()`. Of another layer's h_n, "
        "`torch.cat((h_n[0::2], h_n[1::2]), dim=2)` joins the two directions"
    )
    return None if t.walks[0] is walk and walk.call.rows == 1 else _words(t, walk, fix=fix)


def _misread(t: Tables) -> tuple[Walk, bool, list[Tensor]] | None:
    """The last walk that the outputs read from wrong columns: it, whether it is its state that is
    read so, and for each looked-at sample the places [places, cols] that its row reads."""
    if not t.mixes or t.bad_walk is not None:
        return None
    for number, walk in reversed(list(enumerate(t.walks))):
        own = [reads[number] for reads in t.sample_reads]
        for of_state in (False, True):
            parts = [r.state if of_state else r.steps for r in own]
            if any((part.any(0) & ~walk.owners[:, k]).any() for k, part in enumerate(parts)):
                return walk, of_state, parts
    return None


def state_cut_after(t: Tables) -> Words:
    """Rows of h_n (or c_n) go to the wrong samples, each row to one."""
    walk, of_state, parts = _misread(t) or (None, False, [])
    if walk is None or not of_state or walk.call.rows < 2 or most(torch.stack(parts), 0) > 1:
        return None
    return _words(t, walk, fix="`h_n.transpose(0, 1).reshape(batch, -1)`, or `{state}` for the top")


def layers_as_samples(t: Tables) -> Words:
    """h_n viewed as rows gives predictions for each layer, one block after the other."""
    look = t.look
    if t.mixes or look is None or look.how not in ("time, batch", "batch, time"):
        return None
    output, batch = t.outputs[look.number], t.given.batch
    for number, walk in enumerate(t.walks):
        masks = torch.eye(walk.call.rows).repeat_interleave(batch, 1)
        if masks.shape[1] != len(output) or walk.call.rows < 2:
            continue
        masks = masks.reshape(len(masks), -1, *[1] * (output.dim() - 1)).expand(-1, *output.shape)
        reads = [t.reads({look.number: mask}) for mask in masks]
        if all(r and places(r[number].state.any(1)) == [k] for k, r in enumerate(reads)):
            return _words(t, walk, fix="`{state}`: one row for each sample")
    return None


# ---- what enters the layers is right, and the outputs are mixed -------------------------------


def last_of_the_batch(t: Tables) -> Words:
    """One sample reaches the whole output, and no other sample reaches any of it."""
    number = t.look.number if t.look else next(iter(t.floats), None)
    if not t.mixes or t.bad_walk is not None or number is None or not t.walks:
        return None
    if not t.outputs[number].dim() or len(t.given.samples) < 2:
        return None
    reaching, walk = places(t.look_at(number, "", lambda o: o).reached.any(1)), t.walks[-1]
    if len(reaching) != 1 or (t.given.batch != walk.steps and view_after(t)):
        return None
    wrong = "`out[-1]`" if walk.call.batch_first else "`out[:, -1]`"
    if walk.call.packed is not None or walk.call.is_cell:
        wrong = "`out[-1]` or `out[:, -1]`"
    what = f"only sample {t.given.samples[reaching[0]]} is left in {t.name_of(number)}"
    return _words(t, walk, what=what, wrong=wrong, takes="other time steps of that one sample")


def one_feature(t: Tables) -> Words:
    """Of each sample one feature of every step is read."""
    if t.mixes or t.given.time < 3:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        wide = getattr(walk.call.module, "proj_size", 0) or walk.call.module.hidden_size
        if read.features == 1 < wide and read.steps.all() and not read.state.any():
            what, takes = "one feature of every step is read", "the last feature of each step"
            return _words(t, walk, what=what, wrong="`out[:, :, -1]`", takes=takes)
    return None


def one_time_step(t: Tables) -> Words:
    """A layer walks along time, and only one time step of x reaches any answer."""
    if t.mixes or len(t.given.times) < 3 or not t.outputs or (t.look and t.look.has_time):
        return None
    walk = next((w for w in t.walks if t.in_step(w)), None)
    moved = [
        any(not torch.equal(a, b) for a, b in zip(run.outputs, t.outputs, strict=False))
        for run in t.by_time
    ]
    return (
        _words(t, walk, at=t.given.times[moved.index(True)]) if walk and sum(moved) == 1 else None
    )


def view_after(t: Tables) -> Words:
    """Rows of ``output`` go to the wrong samples, each row to one.

    A sum or mean over the batch reads one step of many columns instead: a `view` reads as many
    places in a row as there are steps, and where those fit into one step, it leaves columns out.
    """
    walk, of_state, parts = _misread(t) or (None, False, [])
    if walk is None or of_state or most(torch.stack(parts), 0) > 1:
        return None
    widths = [int(part.any(0).sum()) for part in parts]
    one_step = all(part.any(1).sum() == 1 for part in parts) and max(widths) > 1
    is_sum = one_step and (walk.steps > walk.cols or min(widths) == walk.cols)
    return None if is_sum else _words(t, walk)


def _reads_at(t: Tables, step: int, part: Any = slice(None)) -> list[Read]:
    """What one step of the longest sample's answer reads of each walk, or a part of this step."""
    lengths = t.given.lengths
    sample = 0 if lengths is None else int(lengths.argmax())
    return t.reads_of(lambda rows: rows[sample, step].flatten()[part])


def view_after_within(t: Tables) -> Words:
    """The first and the last number of an answer's step read one step each, and these lie apart."""
    if t.mixes or t.look is None or not t.look.has_time:
        return None
    step = t.look.rows(t.outputs[t.look.number]).shape[1] // 2
    for walk, *both in zip(t.walks, *(_reads_at(t, step, k) for k in (0, -1)), strict=False):
        first, last = (places(read.steps.any(1)) for read in both)
        if len(first) == len(last) == 1 and 2 * abs(first[0] - last[0]) >= walk.steps > 2:
            return _words(t, walk, step=step, first=first[0], last=last[0])
    return None


def rows_reordered(t: Tables) -> Words:
    """Each output row is one sample, but not the sample of that row; or it reads its own place of
    a layer, where another sample stands."""
    walk, _, parts = _misread(t) or (None, False, [])
    own = [places(part.any(0)) for part in parts] == [[s] for s in t.given.samples]
    if walk is not None and own:
        return _example(t)
    if not t.mixes or t.bad_walk is not None or t.look is None or not t.look.is_reordered:
        return None
    if walk is not None:  # a `view` that gives each row one sample by chance reads other steps
        steps = [part.any(1) for part in parts]
        last = torch.arange(len(steps[0]))[:, None] == walk.ends - 1
        alike = all(torch.equal(one, steps[0]) for one in steps)
        if not alike and any(
            s.sum() == 1 and (p & ~last).any() for s, p in zip(steps, parts, strict=True)
        ):
            return None
    return _example(t)


def output_axes_swapped(t: Tables) -> Words:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    place = t.said.flat.index("batch") if "batch" in t.said.flat else None
    if not t.mixes or t.bad_walk is not None or t.look is not None:
        return None
    for number in t.floats:
        shape = t.outputs[number].shape
        for axis in [a for a in range(len(shape)) if a != place and shape[a] == t.given.batch]:
            if not t.look_at(number, "", lambda o, a=axis: o.movedim(a, 0)).mixes:  # type: ignore[misc]
                return _words(t, axis=axis, place=place)
    return None


def homemade_walks_the_batch(t: Tables) -> Words:
    """No layer of torch's inside: samples reach one another in order, and time steps do not."""
    given = t.given
    if not t.mixes or t.walks or given.time < 3:
        return None
    for number, output in enumerate(t.outputs):
        shape = list(output.shape)
        if given.batch in shape:
            place = shape.index(given.batch)
            reached = t.look_at(number, "", lambda o, p=place: o.movedim(p, 0)).reached  # type: ignore[misc]
            after = any(reached[n, s + 1 :].any() for n, s in enumerate(given.samples))
            before = any(reached[n, :s].any() for n, s in enumerate(given.samples))
        elif shape[:1] == [given.time]:  # only a row for each time step is left
            place, before = -1, False
            after = bool((t.look_at(number, "", lambda o: o).reached.sum(0) >= 2).all())
        else:
            continue
        moved = [run.outputs[number] != output for run in t.by_time]
        axes = [a for a, n in enumerate(shape) if n == given.time and a != place]
        apart = all(most(m.movedim(axes[0], 0).flatten(1).any(1), 0) <= 1 for m in moved if axes)
        if after != before and apart and (axes or sum(bool(m.any()) for m in moved) <= 1):
            return _words(t)
    return None


def mixed(t: Tables) -> Words:
    """Samples come into one another's inputs, answers, or next answers, in a way without a name."""
    if t.mixes and t.bad_walk is not None:
        name = t.bad_walk.name
        return _words(t, what=f"are mixed before `{name}`", where=f"a line before `{name}` works")
    if t.mixes and t.look is not None:
        found = _example(t) or {}
        what = "change one another's answers: sample {} reaches that of sample {}"
        where = "a line after the recurrent layers works"
        return found | {"what": what.format(found["source"], found["target"]), "where": where}
    if not t.mixes and t.foreign_later is not None and t.foreign_later.any():
        what = "are mixed by the state kept between calls"
        return _words(t, what=what, where="what the model keeps for the next call is made")
    return None


def _example(t: Tables) -> Words:
    assert t.look is not None
    number, row = (t.look.foreign if t.look.mixes else t.look.reached).nonzero()[0].tolist()
    return _words(t, source=t.given.samples[number], target=row)


def no_rows(t: Tables) -> Words:
    """No output has an axis as long as the batch where it was said to be."""
    shapes = [list(output.shape) for output in t.outputs]
    if not t.mixes or all(output.numel() == 1 for output in t.outputs):
        return None
    return _words(
        t, shapes=", ".join(map(str, shapes)) or "no tensor", place=t.said.flat.index("batch")
    )


# ---- the samples keep apart, and something is not read, or read in the wrong place ------------


def seq_len_1(t: Tables) -> Words:
    """x has a time axis, and no recurrent layer ever makes a second step.

    Certain only where the time steps of x lie apart, as features of one step, as columns, or in
    calls of their own: a layer after a pooling or an attention over time has one step rightly.
    """
    if t.mixes or t.given.time < 3 or not t.walks or any(walk.steps > 1 for walk in t.walks):
        return None
    walk = t.walks[0]
    alike = [w for w in t.walks if w.call.module is walk.call.module]
    met = torch.stack([w.times.flatten(0, 1).any(0) for w in alike]).any(0)
    if int(met.sum()) < 2 or max(w.crowd[1] for w in alike) > 1:
        return None
    fix = f"hand over {_as_it_is(t, walk)}"
    how = f"once, with a single step: all {t.given.time} time steps have become its features"
    if len(alike) > 1:
        how = f"{len(alike)} times with one step each, and none goes on with the state before it"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = f"hand the state on: `{line}`, made once before the loop"
    elif most(walk.times, -1) <= 1:
        how = f"once, with one step of {walk.cols} columns: time has been folded into the batch"
    return _words(t, walk, how=how, fix=fix)


def padded(t: Tables) -> Words:
    """Of a short sample, what is read lies behind its end, or before it with pads on the left."""
    given, look = t.given, t.look
    if t.mixes or given.lengths is None or given.time < 3 or look is None:
        return None
    lengths = [int(given.lengths[s]) for s in given.samples]
    short = [k for k, length in enumerate(lengths) if length < given.time]
    if not t.sample_reads or not short:
        return None
    own = look.reached[torch.arange(len(lengths)), given.samples]
    first = f"batch_first={given.axes.order[0] == 'batch'}"
    for number, walk in enumerate(t.walks):
        reads = [t.sample_reads[k][number] for k in short]
        steps = [places(read.output.any(1)) for read in reads]
        fix = f"pack, `pack_padded_sequence(x, lengths, {first}, enforce_sorted=False)`, and take "
        fix += "`{state}`"
        if walk.call.directions == 1:
            fix += ", or each sample's own step: `out[torch.arange(len(x)), lengths - 1]`"
        if given.pads_left:
            if walk.steps != given.time or steps != [[lengths[k] - 1] for k in short]:
                continue
            how = "the pads stand on the left, so that every sample ends at the last step, and "
            how += "`lengths - 1` is a step before it"
            fix = "`out[:, -1]` for a batch-first `out`, else `out[-1]`"
        elif walk.call.packed is not None:
            if not own.any() or own[short].any():
                continue
            how = "it was packed, and the last position of a short sample is a row of zeros"
        elif t.in_step(walk) and all(
            _is_behind(walk, read, lengths[k]) for k, read in zip(short, reads, strict=True)
        ):
            how = "the layer has gone on over the pads, and the state after them is read"
        else:
            continue
        sample, length = given.samples[short[0]], lengths[short[0]]
        return _words(t, walk, how=how, sample=sample, length=length, fix=fix)
    return None


def _is_behind(walk: Walk, read: Read, length: int) -> bool:
    steps = places(read.output.any(1))
    if steps:
        return min(steps) >= length
    return not walk.call.is_cell and bool(read.state[:: walk.call.directions].any())


def pads_reach_steps(t: Tables) -> Words:
    """One more pad changes what every real step of a short sample gives, in both directions."""
    lengths, look, moved = t.given.lengths, t.look, t.with_longer_pads
    if t.mixes or lengths is None or look is None or not look.has_time or moved is None:
        return None
    walk = next((w for w in t.walks if w.call.directions == 2 and w.call.packed is None), None)
    for sample, length in enumerate(lengths.tolist()):
        real = (
            moved[sample, t.given.time - length :] if t.given.pads_left else moved[sample, :length]
        )
        if walk and length < t.given.time and real.all() and t.in_step(walk):
            return _words(t, walk, sample=sample)
    return None


def sample_reaches_nothing(t: Tables) -> Words:
    """Some samples reach their own answer, and one reaches none."""
    look = t.look
    if t.mixes or look is None or look.number not in t.floats or look.is_reordered:
        return None
    own = look.reached[torch.arange(len(t.given.samples)), t.given.samples]
    rows = look.rows(t.outputs[look.number])
    for k, sample in enumerate(t.given.samples):
        if own.any() and not own[k] and rows[sample].any():  # a shut ReLU is a row of zeros
            return _words(t, sample=sample)
    return None


def wrong_layer_state(t: Tables) -> Words:
    """Only states of lower layers are read, and nothing of the top layer."""
    for walk, read in zip(t.walks, () if t.mixes else t.all_reads, strict=False):
        rows = places(read.state.any(1))
        if not read.steps.any() and rows and rows[-1] < walk.call.rows - walk.call.directions:
            return _words(t, walk, read=", ".join(map(str, rows)), layers=walk.call.layers)
    return None


def bidir_last_step(t: Tables) -> Words:
    """Of one direction of the top layer, only the step at which it has seen one step is read."""
    for walk, read in zip(t.walks, () if t.mixes else t.all_reads, strict=False):
        if walk.call.directions != 2 or len(walk.calls) > 1 or not (walk.ends > 1).any():
            continue
        step = torch.arange(walk.steps)[:, None]
        for row, half, only, name, where in (
            (-1, read.backward, step == walk.ends - 1, "backward", "last"),
            (-2, read.output, step == 0, "forward", "first"),
        ):
            if half.any() and not (half & ~only).any() and not read.state[row].any():
                return _words(t, walk, half=name, where=where)
    return None


def mirrored(t: Tables) -> Words:
    """The first step of an answer sees the last time step and not the first, or reads only the
    first step of a layer that begins at the last time step; and the other way round."""
    reached = t.time_reached if not t.mixes else None
    if reached is None or t.given.times[-1] != t.given.time - 1:
        return None
    end, first, last = t.given.time - 1, places(reached[0]), reached[-1]
    if first == [end] and last.all():
        return _words(t)
    turned = [w.steps_of(0) == [end] and w.steps_of(-1) == [0] for w in t.walks]
    if any(turned):
        read = [[places(r.steps.any(1)) for r in _reads_at(t, step)] for step in (0, end)]
        for way, start, stop in zip(turned, *read, strict=False):
            if way and (start, stop) == ([0], [end]):
                return _words(t)
    return None


def sees_later(t: Tables) -> tuple[int, int] | None:
    """An answer's step and a later time step that reaches it, where there are any."""
    reached = t.time_reached if t.time_reached is not None else ()
    for time, of_time in reversed(list(zip(t.given.times, reached, strict=False))):
        if early := places(of_time[:time]):
            return early[0], time
    return None


SILENT = "PyTorch does not complain: the sizes fit, and it cannot know what an axis means."
MEANT = "If they are meant to see one another (people in a scene, a graph), they are no batch."
VIEWED = "A `view` or `reshape` does not swap axes; it deals the same row of numbers out anew."
H_N = (
    "h_n is [layers * directions, batch, hidden], with the batch in the middle whatever "
    "`batch_first` says. A `view` or `reshape` cuts it straight through."
)
_CUT = ("hidden_view_scramble", "the final state of `{layer}` is cut across samples", H_N, "{fix}")
_VIEW = (
    "view_scramble",
    "a `view` before `{layer}` mixes {of}",
    f"You gave x as {{given}}, cut into another shape on its way to `{{layer}}`. {VIEWED}",
    "give it {right} in place of the `view` (where it splits an axis too, split first, then swap)",
)
_LAST = (
    "last_step_wrong_axis",
    "{what}, not the last step of each sample",
    "{output} {shape} holds {takes}: {wrong} (or the like on h_n) takes from the wrong axis.",
    "take {ends}",
)

MISTAKES = tuple(
    Mistake(verdict, headline, f"{why} {SILENT}", fix, how)
    for verdict, headline, why, fix, how in (
        (
            "batch_as_time",
            "`{layer}` reads your samples as one long sequence",
            "You gave x as {given}. `{layer}` {how}. So {batch} samples have become {steps} time "
            "steps, and each goes on from the one before.",
            "{fix}",
            batch_as_time,
        ),
        (
            "time_batch_swapped",
            "`{layer}` walks along your batch, not along time",
            "You gave x as {given}. Look at what `{layer}` does with it: {because}. So {took}. "
            "Sample 1 goes on from where sample 0 ended, and no time step of yours sees the one "
            "before it.{hidden}",
            "{fix}",
            time_batch_swapped,
        ),
        (*_CUT, state_cut_on_its_way),
        (*_VIEW, view_before),
        (
            "hidden_view_scramble",
            "the state that `{layer}` starts from is cut across samples",
            H_N,
            "{fix}",
            state_by_view,
        ),
        (*_LAST, last_of_the_batch),
        (
            "samples_mixed",
            "the samples are in another order: row {target} of {output} belongs to sample {source}",
            "Sorting by length before packing does this where nothing puts the rows back, and so "
            "does `flip(0)` on batch-first data. A loss then compares with another's target.",
            "after sorting, put the rows back, `out[order.argsort()]` (or do not sort: "
            "`enforce_sorted=False`); to read from the end, turn time round: `x.flip(1)`",
            rows_reordered,
        ),
        (*_CUT, state_cut_after),
        (
            "view_scramble",
            "a `view` after `{layer}` mixes your samples",
            f"`{{layer}}` is right, but a row of {{output}} reads steps of other samples. {VIEWED}",
            "for the last step take {ends}, before any `view`; for all steps swap the axes in its "
            "place: `out.transpose(0, 1)`, or `out.permute(1, 2, 0)` for [batch, hidden, time]",
            view_after,
        ),
        (
            "time_batch_swapped",
            "{output} has its batch on axis {axis}, not on axis {place}",
            "{output} is {shape}. Inside, the samples keep apart; only the axes come out in this "
            "order, as of a layer or `pad_packed_sequence` without `batch_first=True`.",
            "`out.transpose(0, 1)` at the end; or, if you want this order, say so in `output_axes`",
            output_axes_swapped,
        ),
        (
            "time_batch_swapped",
            "your loop walks along your batch, not along time",
            "You gave x as {given}. The {batch} samples reach one another in order, and the {time} "
            "time steps do not: sample 1 goes on from where sample 0 ended.",
            "`for xt in x.unbind(1):` for x as [batch, time, ...], `for xt in x:` for [time, ...]",
            homemade_walks_the_batch,
        ),
        (
            "samples_mixed",
            "your samples {what}",
            "There {where} across the batch axis: a mean, a `softmax`, an attention, or a `view` "
            f"in place of a `transpose`. {MEANT}",
            "look at each `dim` and each `view` there, and let it leave the batch alone; "
            "for batch-first input it is `nn.MultiheadAttention(..., batch_first=True)`",
            mixed,
        ),
        (
            "unrecognised",
            "no output has your {batch} samples on axis {place}",
            "You said so in `output_axes`, and the shapes are: {shapes}.",
            "follow the shapes back to where it gets lost, as in `mean(0)`, or say in "
            "`output_axes` where it is",
            no_rows,
        ),
        (
            "seq_len_1",
            "`{layer}` never makes a second step",
            "You gave x as {given}, but `{layer}` runs {how}. It remembers nothing: its "
            "recurrent weights get a gradient of exactly zero.",
            "{fix}",
            seq_len_1,
        ),
        (
            "unrecognised",
            "`{layer}` does not walk along your time axis",
            "You gave x as {given}, but each of the {steps} steps of `{layer}` holds all {time} "
            'time steps side by side as features. If that is meant, do not name this axis "time".',
            "give it {right} and make it for that width",
            time_not_walked,
        ),
        (*_VIEW, view_within),
        (
            "view_scramble",
            "a `view` after `{layer}` mixes the time steps of a sample",
            f"Step {{step}} of {{output}} reads a piece of steps {{first}} to {{last}}. {VIEWED}",
            "swap the axes instead: `out.permute(0, 2, 1)` for [batch, features, time]",
            view_after_within,
        ),
        (
            "padded_last_step",
            "a short sample is not read at its last real step",
            "Sample {sample} has {length} real steps of {time}: {how}.",
            "{fix}",
            padded,
        ),
        (
            "unrecognised",
            "pads reach the real steps of {output}",
            "One more pad changes every real step of sample {sample}: one direction of `{layer}` "
            "begins in the pads, so an answer depends on how long the others of its batch are.",
            "`pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)` before the "
            "layer, and `pad_packed_sequence(out, batch_first=True)[0]` behind it",
            pads_reach_steps,
        ),
        (
            "unrecognised",
            "sample {sample} of x reaches no answer",
            "Other samples reach their own answer. This one is read where it has nothing, or it is "
            "left out on the way.",
            "look at what is taken for it: its length, its mask, its index",
            sample_reaches_nothing,
        ),
        (
            "hidden_view_scramble",
            "{output} {shape} has a row for each layer of each sample",
            f"{H_N} Its rows are layer 0 of all {{batch}} samples first, then the next layer's.",
            "{fix}",
            layers_as_samples,
        ),
        (
            "wrong_layer_state",
            "of `{layer}` only a lower layer is read",
            "It has {layers} layers, and of h_n only row {read} is read. The rows go layer by "
            "layer, each with its directions, so the top layer is computed for nothing.",
            "`{state}` is the top layer",
            wrong_layer_state,
        ),
        (
            "bidir_last_step",
            "the {half} direction of `{layer}` is read where it has seen one step only",
            "Of this direction only the {where} step is read. The backward direction begins at the "
            "end and ends at t = 0; the gradient of its recurrent weights is exactly zero.",
            "`torch.cat((h_n[-2], h_n[-1]), dim=1)`: both directions after their whole way",
            bidir_last_step,
        ),
        (*_LAST, one_feature),
        (
            "unrecognised",
            "the answer sees time step {at} alone",
            "`{layer}` walks along time, but is read at the end where it has seen a single step.",
            "take {ends}, where it has seen all of them",
            one_time_step,
        ),
        (
            "unrecognised",
            "{output} is not turned back in time",
            "Something walks from the last time step of x to the first. Its first step, which has "
            "seen the end of x alone, stands at the first step of the answer.",
            "turn it back: `out.flip(1)` for batch-first `out`, `out.flip(0)` for time-first",
            mirrored,
        ),
    )
)

LEAK = Mistake(
    "unrecognised",
    "an answer sees the steps that it should predict",
    "You said `causal=True`, but step {early} of {output} depends on time step {late} of x. In "
    "training each answer can copy what it should predict, and the loss falls to almost nothing.",
    "no `bidirectional=True`; in an attention, a mask that hides later steps (`is_causal=True`)",
    sees_later,
)


def first_that_fits(t: Tables) -> tuple[Mistake, dict[str, Any]] | None:
    """The first known mistake whose rule fits the tables, with the words for its message."""
    for mistake in () if t.is_dead else MISTAKES:
        found = mistake.how(t)
        if found is not None:
            if "fix" in found:
                found["fix"] = found["fix"].format(**found)
            return mistake, found
    return None


__all__ = ["LEAK", "MISTAKES", "Look", "first_that_fits", "sees_later"]
