"""The known mistakes of a layout: each a rule over the tables, and the words for it.

A rule counts over rows and columns of the tables. It gives the words that its message needs, or
None where it is not this mistake. The first that fits is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.layout.tables import Look, Read, Tables, Walk, gradients, most, places
from lstm_teach.checks.mistake import Mistake

Words = dict[str, Any] | None

SILENT = "PyTorch does not complain, because the sizes fit: it cannot know what an axis means."
MEANT = (
    "If they are meant to see one another (people in a scene, nodes of a graph), they are no "
    "batch for this check."
)


def words(t: Tables, walk: Walk | None = None, **more: Any) -> dict[str, Any]:
    """The words that every message may use, and more of a mistake's own."""
    given = t.given
    common = {
        "given": given.axes.words(given.main.shape),
        "batch": given.batch,
        "time": given.time,
        "batch_axis": given.axes.flat.index("batch") if t.has_batch else 0,
        "output": t.name,
        **more,
    }
    if walk is not None:
        common |= {
            "layer": walk.name,
            "steps": walk.steps,
            "cols": walk.cols,
            "rows": walk.call.rows,
            "ends": _ends(walk),
            "state": walk.last_state,
        }
    return common


def _ends(walk: Walk) -> str:
    """What to read in place of a wrong step; where `out` is laid out by the learner, no index."""
    if walk.call.directions == 2:
        return f"`{walk.last_state}`, where both directions end"
    if walk.call.packed is not None:
        return f"`{walk.last_state}`, which is each sample's own last step"
    if walk.call.is_cell:
        return "the `h` that the loop ends with"
    last = "out[:, -1]" if walk.call.batch_first else "out[-1]"
    return f"`{walk.last_state}`, which is right in both layouts (or `{last}`)"


# ---- samples come side by side into a layer ---------------------------------------------------


def batch_as_time(t: Tables) -> Words:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = t.badly_fed
    if not t.mixes or walk is None or walk.cols != 1 or most(walk.samples, -1) > 1:
        return None
    has_time = "time" in t.given.axes
    one_step = "`x.unsqueeze(1)`" if walk.call.batch_first else "`x.unsqueeze(0)`"
    fix = f"hand over {_as_it_is(t, walk)}"
    if not has_time:
        fix = (
            f"give each sample a time axis of its own, {one_step}: one time step a sample. If its "
            "numbers are time steps, `x.unsqueeze(-1)`, for a layer with `input_size=1` and "
            "`batch_first=True`"
        )
    if walk.call.is_cell:
        how = f"`{walk.name}` got one sample at a time, and went on with the state of the last one"
        fix = "give the cell all samples at once, with h and c as [batch, hidden]: " + (
            "`for xt in x.unbind(1):`" if has_time else "`h, c = cell(x, (h, c))`, without a loop"
        )
    elif walk.call.unbatched:
        how = f"`{walk.name}` got two axes. It takes those for one sample without a batch axis"
    else:
        how = f"`{walk.name}` got a batch of 1, with all samples one behind the other in it"
    return words(t, walk, how=how, fix=fix)


def _as_it_is(t: Tables, walk: Walk) -> str:
    """x as a layer takes it, with the layer made for that."""
    x = t.given.main
    order = [name for name in t.given.axes.flat if name in ("batch", "time")]
    flag = ", batch_first=True" if order[0] == "batch" else ""
    own = f"{walk.name} = {walk.call.kind}" if walk.name != walk.call.kind else walk.call.kind
    given, width = ("x.unsqueeze(-1)", 1) if x.dim() == 2 else ("x", x.shape[-1])
    if not x.is_floating_point():
        return f"what the embedding gives, [{', '.join(order)}, features], to `{own}(...{flag})`"
    rest = "" if x.dim() == 2 else " as it is"
    return f"`{given}`{rest}, with its time axis, to `{own}({width}, ...{flag})`"


def time_batch_swapped(t: Tables) -> Words:
    """Each step of the layer is one sample and nothing else: it walks along the batch."""
    walk = t.badly_fed or _one_sample(t)
    if walk is None:
        return None
    step, times = walk.samples.any(1), walk.times
    folded = t.mixes and "time" in t.given.axes
    folded = folded and min(most(times.any(0), 1), most(times.any(1), 1)) <= 1
    if most(step, 1) > 1 or (most(step, 0) > 1 and not folded):
        return None
    took = f"it took your {walk.steps} samples for {walk.steps} time steps"
    if walk.cols == t.given.time:
        took += f", and your {walk.cols} time steps for {walk.cols} samples"
    call, first = walk.call, t.given.axes.flat[0]
    own = f"{walk.name} = {call.kind}" if walk.name != call.kind else call.kind
    kind = (
        "loop"
        if len(walk.calls) > 1
        else "packed"
        if call.packed is not None
        else ("batch_first" if call.batch_first else "plain")
    )
    why, fix = _WALKED[kind, first == "batch"]
    if kind != "loop" and len(call.states):
        fix += ". A state of your own then needs the true batch: [layers * directions, batch, ...]"
    names = {"layer": walk.name, "own": own}
    return words(t, walk, took=took, because=why.format(**names), fix=fix.format(**names))


def _one_sample(t: Tables) -> Walk | None:
    """The first walk, where a batch of 1 became its one step, and the time steps its columns."""
    walk = t.walks[0] if t.walks and t.has_batch and t.given.batch == 1 < t.given.time else None
    if walk is None or walk.call.batch_first == (t.given.axes.flat[0] == "batch"):
        return None
    return walk if walk.steps == 1 and walk.cols == t.given.time else None


_WALKED = {
    ("loop", True): (
        "Your loop hands `{layer}` one sample after the other, because it runs over the first axis "
        "of x, and that is the batch",
        "loop over time: `for xt in x.unbind(1):`",
    ),
    ("loop", False): (
        "Your loop hands `{layer}` one sample after the other",
        "loop over the first axis, which is time: `for xt in x:`",
    ),
    ("packed", True): (
        "What `{layer}` got was packed as if time came first: `pack_padded_sequence` takes the "
        "first axis for time unless you say `batch_first=True`",
        "`pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)`",
    ),
    ("packed", False): (
        "What `{layer}` got was packed with `batch_first=True`, which takes the first axis for the "
        "batch",
        "`pack_padded_sequence(x, lengths, enforce_sorted=False)`, without `batch_first=True`",
    ),
    ("batch_first", True): (
        "`{layer}` has `batch_first=True`: it takes the first axis of what it gets for the batch. "
        "But a `transpose`, `permute` or `stack` before it has put time there",
        "leave out the `transpose` or `permute` before `{layer}`, so that it gets `x` as it is; "
        "then the last step is `out[:, -1]`",
    ),
    ("batch_first", False): (
        "`{layer}` has `batch_first=True`: it takes the first axis of what it gets for the batch. "
        "But your x has time there",
        "take `batch_first=True` out: `{own}(...)`; then the last step is `out[-1]`",
    ),
    ("plain", True): (
        "`{layer}` was made without `batch_first=True`. Such a layer takes the first axis of what "
        "it gets for time, and here that axis is your batch",
        "`{own}(..., batch_first=True)`; then the last step is `out[:, -1]`",
    ),
    ("plain", False): (
        "`{layer}` was made without `batch_first=True`. Such a layer takes the first axis of what "
        "it gets for time. Your x has time there, but a `transpose`, `permute` or `stack` before "
        "the layer has moved the batch there",
        "leave out the `transpose` or `permute` before `{layer}`, so that it gets `x` as it is; "
        "then the last step is `out[-1]`",
    ),
}


def view_before(t: Tables) -> Words:
    """Every number that enters comes from one sample: the rows of x are only dealt out anew."""
    walk = t.badly_fed
    if not t.mixes or walk is None or walk.crowd[0] > 1:
        return None
    target = "[batch, time, features]" if walk.call.batch_first else "[time, batch, features]"
    turned = walk.call.batch_first == (t.given.axes.flat[0] == "batch")
    fix = (
        f"hand `{walk.name}` x as {target}: `x` as it is"
        if turned
        else (f"`{walk.name}` wants {target}: `x.transpose(0, 1)` in place of the `view`")
    )
    return words(t, walk, column=int((walk.samples.any(0).sum(1) > 1).nonzero()[0]), fix=fix)


def state_dealt_out(t: Tables) -> Words:
    """Every vector that enters the bad walk is made of one piece of an earlier layer's h_n.

    The pieces are those that ``h_n.view(batch, -1)`` cuts in memory order: as many cells side by
    side as there are layers and directions, so they belong to neighbours in the batch.
    """
    walk = t.bad_walk
    if not t.mixes or walk is None or t.asked is None:
        return None
    for source in t.walks:
        if source.places[0] >= walk.places[0]:
            return None
        size, tap = source.call.rows, t.asked.calls[source.places[0]].taps.get("h")
        if size < 2 or source.cols < 2 or tap is None:
            continue
        pieces = [p for p in _pieces(t.asked.calls[walk.places[0]].entered, tap[0]) if p]
        if len(pieces) > 1 and all(
            p[0] % size == 0 and p == list(range(p[0], p[0] + size)) for p in pieces
        ):
            return words(t, walk, source=source.name, rows_of=size, cols_of=source.cols)
    return None


def _pieces(entered: list[Tensor], tap: Tensor) -> list[list[int]]:
    """For a few vectors that enter a call, the cells of a state that each reads, by number."""
    pieces = []
    for tensor in entered:
        vectors = tensor.reshape(-1, tensor.shape[-1])
        for k in sorted({0, len(vectors) // 2, len(vectors) - 1}) if vectors.requires_grad else []:
            pieces.append(places((gradients(vectors[k], [tap])[0] != 0).any(-1).flatten()))
    return pieces


def state_by_view(t: Tables) -> Words:
    """The input is right, and a state built by ``view`` brings other samples in."""
    walk = t.bad_walk
    if not t.mixes or walk is None or t.badly_fed is not None or walk.states.all():
        return None
    return None if t.walks[0] is walk and walk.call.rows == 1 else words(t, walk)


def mixed_before(t: Tables) -> Words:
    """The layer's input already mixes samples, in a way that has no name."""
    return words(t, t.bad_walk) if t.mixes and t.bad_walk is not None else None


# ---- what enters the layers is right, and the outputs are mixed -------------------------------


@dataclass
class Misread:
    """How the outputs read the last walk that they read from wrong columns.

    Attributes:
        walk: that walk.
        of_state: whether its final state is read so, or its output.
        parts: for each looked-at sample the places [places, cols] that its row reads.
    """

    walk: Walk
    of_state: bool
    parts: list[Tensor]

    @property
    def is_dealt_out(self) -> bool:
        """Whether no place is read by two samples: rows are whole, only misfiled."""
        return most(torch.stack(self.parts), 0) <= 1

    @property
    def is_alike(self) -> bool:
        """Whether every row reads the same places of its column, or what stands for all of it.

        So it is where whole rows have changed their places. A `view` that gives each row one
        sample by chance takes another place for each.
        """
        steps = [part.any(1) for part in self.parts]
        last = torch.arange(len(steps[0]))[:, None] == self.walk.ends - 1
        return all(torch.equal(one, steps[0]) for one in steps) or all(
            one.sum() > 1 or not bool((part & ~last).any())
            for one, part in zip(steps, self.parts, strict=True)
        )

    @property
    def is_across_the_batch(self) -> bool:
        """Whether each row reads one step of many columns: a sum or mean over the batch axis.

        A `view` reads as many places in a row as there are steps; they fit into one step only
        where there are fewer steps than columns, and then they leave some columns out.
        """
        widths = [int(part.any(0).sum()) for part in self.parts]
        if any(part.any(1).sum() != 1 for part in self.parts) or max(widths) < 2:
            return False
        return self.walk.steps > self.walk.cols or min(widths) == self.walk.cols


def misread(t: Tables) -> Misread | None:
    """The last walk that is right in itself but read from wrong columns."""
    if not t.mixes or t.bad_walk is not None:
        return None
    for number, walk in reversed(list(enumerate(t.walks))):
        own = [reads[number] for reads in t.sample_reads]
        for of_state in (False, True):
            parts = [r.state if of_state else r.output | r.backward for r in own]
            if any((part.any(0) & ~walk.owners[:, k]).any() for k, part in enumerate(parts)):
                return Misread(walk, of_state, parts)
    return None


def last_step_wrong_axis(t: Tables) -> Words:
    """One sample reaches the whole output, and no other sample reaches any of it."""
    number = t.look.number if t.look else next(iter(t.floats), None)
    if not t.mixes or t.bad_walk is not None or number is None or not t.walks:
        return None
    shape = t.outputs[number].shape
    if not shape or len(t.given.samples) < 2:
        return None
    reaching = places(t.reached(number, lambda o: o).any(1))
    walk = t.walks[-1]
    if len(reaching) != 1 or (t.given.batch != walk.steps and view_after(t)):
        return None
    wrong = "out[-1]" if walk.call.batch_first else "out[:, -1]"
    if walk.call.packed is not None or walk.call.is_cell:
        wrong = "out[-1]` or `out[:, -1]"  # Here the learner's own line lays `out` out.
    sample = t.given.samples[reaching[0]]
    return words(t, walk, sample=sample, shape=list(shape), wrong=wrong)


def rows_in_another_order(t: Tables) -> Words:
    """Each output row is one sample, but not the sample of that row."""
    if not t.mixes or t.bad_walk is not None or t.look is None or not t.look.is_reordered:
        return None
    wrong = misread(t)
    return _example(t) if wrong is None or wrong.is_alike else None


def reordered_before(t: Tables) -> Words:
    """Row k reads column k of a layer, where another sample stands: the order changed before."""
    wrong = misread(t)
    if wrong is None or most(wrong.walk.owners, 1) > 1:
        return None
    columns = [places(part.any(0)) for part in wrong.parts]
    return words(t, wrong.walk) if columns == [[s] for s in t.given.samples] else None


def hidden_view(t: Tables) -> Words:
    """Rows of h_n (or c_n) go to the wrong samples, each row to one."""
    wrong = misread(t)
    if wrong is None or not wrong.of_state or not wrong.is_dealt_out or wrong.walk.call.rows < 2:
        return None
    return words(t, wrong.walk)


def view_after(t: Tables) -> Words:
    """Rows of ``output`` go to the wrong samples, each row to one."""
    wrong = misread(t)
    if wrong is None or wrong.of_state or not wrong.is_dealt_out or wrong.is_across_the_batch:
        return None
    return words(t, wrong.walk)


def output_axes_swapped(t: Tables) -> Words:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if not t.mixes or t.bad_walk is not None or t.look is not None:
        return None
    place = t.said.flat.index("batch")
    for number in t.floats:
        shape = list(t.outputs[number].shape)
        for axis in [a for a in range(len(shape)) if a != place and shape[a] == t.given.batch]:
            reached = t.reached_along(number, axis)
            reached[torch.arange(len(reached)), t.given.samples] = False
            if not reached.any():
                output = t.name_of(number)
                return words(t, axis=axis, said=place, shape=shape) | {"output": output}
    return None


def homemade_walks_the_batch(t: Tables) -> Words:
    """No layer of torch's inside: samples reach one another in order, and time steps do not."""
    given = t.given
    if not t.mixes or t.walks or "time" not in given.axes or given.time < 3:
        return None
    for number, output in enumerate(t.outputs):
        shape = list(output.shape)
        if not shape:
            continue
        place = shape.index(given.batch) if given.batch in shape else len(shape)
        if place < len(shape):
            reached = t.reached_along(number, place)
            later = any(reached[n, s + 1 :].any() for n, s in enumerate(given.samples))
            earlier = any(reached[n, :s].any() for n, s in enumerate(given.samples))
            ordered = later != earlier
        else:  # Only a row for each time step of x is left, and all samples reach it.
            every = t.reached(number, lambda o: o)
            ordered = shape[0] == given.time and bool((every.sum(0) >= 2).all())
        axes = [a for a, n in enumerate(shape) if n == given.time and a != place]
        moved = [run.outputs[number] != output for run in t.by_time]
        apart = sum(bool(m.any()) for m in moved) <= 1
        if axes:
            apart = all(most(m.movedim(axes[0], 0).flatten(1).any(1), 0) <= 1 for m in moved)
        if ordered and apart:
            return words(t)
    return None


def mixed_between_calls(t: Tables) -> Words:
    """A sample reaches another sample's row in the next call, through what the model keeps."""
    reached = t.reached_later if not t.mixes else None
    if reached is None:
        return None
    foreign = reached.clone()
    foreign[torch.arange(len(reached)), t.given.samples] = False
    return _example(t, foreign) if foreign.any() else None


def mixed_after(t: Tables) -> Words:
    """Samples reach other samples' outputs, in a way that has no name."""
    return _example(t) if t.mixes and t.look is not None else None


def _example(t: Tables, foreign: Tensor | None = None) -> Words:
    assert t.look is not None
    number, other = (t.look.foreign if foreign is None else foreign).nonzero()[0].tolist()
    return words(t, from_sample=t.given.samples[number], to_sample=other)


def one_number(t: Tables) -> Words:
    """All outputs are single numbers, such as a loss."""
    return words(t) if t.mixes and t.outputs and all(o.numel() == 1 for o in t.outputs) else None


def no_batch_in_output(t: Tables) -> Words:
    """No output has an axis as long as the batch where it was said to be."""
    if not t.mixes:
        return None
    axes = {a for o in t.outputs for a, size in enumerate(o.shape) if size == t.given.batch}
    place = t.said.flat.index("batch")
    fix = "follow the shapes back to the line where the batch gets lost"
    if len(axes) == 1:
        at = axes.pop()
        fix = f"it stands on axis {at}, and `.transpose({place}, {at})` at the end puts it back"
    shapes = ", ".join(str(list(o.shape)) for o in t.outputs) or "no tensor"
    return words(t, fix=fix, shapes=shapes, place=place)


# ---- the samples keep apart, and something is not read, or read in the wrong place ------------


def seq_len_1(t: Tables) -> Words:
    """x has a time axis, and no recurrent layer ever makes a second step.

    Certain only where the time steps of x lie apart, as features of one step, as columns, or in
    calls of their own: a layer after a pooling or an attention over time has one step rightly.
    """
    if t.mixes or t.given.time < 3 or not t.walks or any(w.steps > 1 for w in t.walks):
        return None
    walk = t.walks[0]
    of_this = [w for w in t.walks if w.call.module is walk.call.module]
    met = torch.stack([w.times.flatten(0, 1).any(0) for w in of_this]).any(0)
    if int(met.sum()) < 2 or max(w.crowd[1] for w in of_this) > 1:
        return None
    if len(of_this) > 1:
        how = f"{len(of_this)} times with one step each, and none goes on with the state before it"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = f"hand the state on: `{line}`, with a state made once before the loop"
    elif most(walk.times, -1) <= 1:
        how = (
            f"once with one step of {walk.cols} columns: time has been folded into the batch, so "
            "no time step knows of the one before"
        )
        fix = f"keep the axes apart: hand over {_as_it_is(t, walk)}"
    else:
        how = (
            f"once with a single step: all {t.given.time} time steps of a sample have become "
            "the features of one step"
        )
        fix = f"hand over {_as_it_is(t, walk)}"
    return words(t, walk, how=how, fix=fix)


def no_layer_walks_time(t: Tables) -> Words:
    """All time steps lie side by side as features, in every step of the first layer."""
    walk = _in_pieces(t)
    if walk is None or not bool((walk.times.any(1).sum(1) >= len(t.given.times)).all()):
        return None
    return words(t, walk, right=_turned(t))


def time_by_view(t: Tables) -> Words:
    """One time step's numbers are dealt out over several steps of the layer."""
    walk = _in_pieces(t)
    if walk is None or most(walk.times.transpose(0, 2), -1) < 2 or most(walk.times, -1) < 2:
        return None
    return words(t, walk, right=_turned(t))


def _turned(t: Tables) -> str:
    """x with time where a batch-first layer wants it; or where a time-first one does."""
    flat = t.given.axes.flat
    want = [name for name in flat if name in ("batch", "time")] or ["time"]
    place, at = want.index("time"), flat.index("time")
    return "`x` as it is" if place == at else f"`x.transpose({place}, {at})`"


def _in_pieces(t: Tables) -> Walk | None:
    """The first walk, if it gets all numbers of x once, each of one time step, out of order."""
    if t.mixes or t.given.time < 3 or not t.walks or "time" not in t.given.axes:
        return None
    walk = t.walks[0]
    per_step = walk.times.any(1)
    whole = walk.numbers == t.given.main.numel() and walk.crowd[1] == 1 and walk.steps > 1
    split = most(walk.times.any(1), 0) > 1 and most(per_step, 1) > 1
    return walk if whole and split and not any(map(t.in_step, t.walks)) else None


def packed_then_last(t: Tables) -> Words:
    """Of a short sample, what is read lies behind its end."""
    given, look = t.given, t.look
    if t.mixes or given.lengths is None or given.time < 3 or given.pads_left or look is None:
        return None
    lengths = [int(given.lengths[s]) for s in given.samples]
    short = [k for k, length in enumerate(lengths) if 0 < length < given.time]
    if not t.sample_reads or not short:
        return None
    own = look.reached[torch.arange(len(lengths)), given.samples]
    for number, walk in enumerate(t.walks):
        reads = [t.sample_reads[k][number] for k in short]
        if walk.call.packed is not None:
            if not own.any() or own[short].any():
                continue
            how = "It was packed, and the last position of a short sample is then a row of zeros"
        elif t.in_step(walk) and all(
            _is_behind(walk, r, lengths[k]) for k, r in zip(short, reads, strict=True)
        ):
            how = "The layer has gone on over the pads, and what is read is the state after them"
        else:
            continue
        or_index = ""
        if walk.call.directions == 1:
            or_index = (
                ". Or take each sample's own last step: `out[torch.arange(len(x)), lengths - 1]` "
                "for a batch-first `out`"
            )
        sample, length = given.samples[short[0]], lengths[short[0]]
        first = "True" if given.axes.flat[0] == "batch" else "False"
        return words(t, walk, how=how, sample=sample, length=length, index=or_index, first=first)
    return None


def _is_behind(walk: Walk, read: Read, length: int) -> bool:
    steps = places(read.output.any(1))
    if steps:
        return min(steps) >= length
    return not walk.call.is_cell and bool(read.state[:: walk.call.directions].any())


def pads_on_the_left(t: Tables) -> Words:
    """Each short sample is read at its length - 1, and its pads stand before it."""
    given = t.given
    if t.mixes or given.lengths is None or not given.pads_left or not t.sample_reads:
        return None
    lengths = {k: int(given.lengths[s]) for k, s in enumerate(given.samples)}
    short = [k for k, length in lengths.items() if 0 < length < given.time]
    for number, walk in enumerate(t.walks):
        steps = [places(t.sample_reads[k][number].output.any(1)) for k in short]
        if walk.steps == given.time and steps and steps == [[lengths[k] - 1] for k in short]:
            sample = given.samples[short[0]]
            return words(t, walk, sample=sample, length=lengths[short[0]], at=lengths[short[0]] - 1)
    return None


def pads_reach_frames(t: Tables) -> Words:
    """One more pad changes what every real step of a short sample gives, in both directions."""
    given, look = t.given, t.look
    if t.mixes or given.lengths is None or look is None or not look.has_time or given.pads_left:
        return None
    walk = next((w for w in t.walks if w.call.directions == 2 and w.call.packed is None), None)
    if walk is None or t.with_longer_pads is None or not t.in_step(walk):
        return None
    for sample in range(given.batch):
        length = int(given.lengths[sample])
        if length < given.time and bool(t.with_longer_pads[sample, :length].all()):
            return words(t, walk, sample=sample, length=length)
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
            return words(t, sample=sample)
    return None


def wrong_layer_state(t: Tables) -> Words:
    """Only states of lower layers are read, and nothing of the top layer."""
    if t.mixes:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        layers, directions = walk.call.layers, walk.call.directions
        rows = read.state.any(1)
        if read.output.any() or read.backward.any() or not rows.any() or rows[-directions:].any():
            continue
        halves = ["_forward", "_backward"] if directions == 2 else [""]
        names = ", ".join(f"layer{layer}{half}" for layer in range(layers) for half in halves)
        read_rows = ", ".join(map(str, places(rows)))
        return words(t, walk, read=read_rows, layers=layers, names=names)
    return None


def layers_as_samples(t: Tables) -> Words:
    """h_n viewed as rows gives predictions for each layer, one block after the other."""
    look = t.look
    if t.mixes or look is None or look.how not in ("time, batch", "batch, time"):
        return None
    output = t.outputs[look.number]
    blocks = len(output) // t.given.batch
    for number, walk in enumerate(t.walks):
        if walk.call.rows != blocks or blocks < 2:
            continue
        read = []
        for block in range(blocks):
            mask = torch.zeros(output.shape)
            mask[block * t.given.batch : (block + 1) * t.given.batch] = 1
            reads = t.reads({look.number: mask})
            read.append(places(reads[number].state.any(1)) if reads else [])
        if read == [[block] for block in range(blocks)]:
            return words(t, walk, count=len(output))
    return None


def bidir_last_step(t: Tables) -> Words:
    """Of one direction of the top layer, only the step at which it has seen one step is read."""
    if t.mixes:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        if walk.call.directions != 2 or len(walk.calls) > 1 or not (walk.ends > 1).any():
            continue
        step = torch.arange(walk.steps)[:, None]
        for row, half, only, name, where in (
            (-1, read.backward, step == walk.ends - 1, "backward", "last"),
            (-2, read.output, step == 0, "forward", "first"),
        ):
            if half.any() and not (half & ~only).any() and not read.state[row].any():
                return words(t, walk, half=name, where=where)
    return None


def one_feature(t: Tables) -> Words:
    """Of each sample one feature of every step is read."""
    if t.mixes or "time" not in t.given.axes or t.given.time < 3:
        return None
    for walk, read in zip(t.walks, t.all_reads, strict=False):
        wide = getattr(walk.call.module, "proj_size", 0) or walk.call.module.hidden_size
        every = bool((read.output | read.backward).all())
        if read.features == 1 < int(wide) and every and not read.state.any() and walk.steps > 2:
            return words(t, walk)
    return None


def one_time_step(t: Tables) -> Words:
    """A layer walks along time, and only one time step of x reaches any answer."""
    if t.mixes or len(t.given.times) < 3 or not t.outputs or (t.look and t.look.has_time):
        return None
    walk = next((w for w in t.walks if t.in_step(w)), None)
    reaching = [
        time
        for time, run in zip(t.given.times, t.by_time, strict=True)
        if any(not torch.equal(a, b) for a, b in zip(run.outputs, t.outputs, strict=False))
    ]
    return words(t, walk, step=reaching[0]) if walk and len(reaching) == 1 else None


def mirrored(t: Tables) -> Words:
    """The first step of an answer sees the last time step and not the first, and so on."""
    reached = t.time_reached if not t.mixes else None
    if reached is None or reached.shape[2] != t.given.time or t.given.times[-1] != t.given.time - 1:
        return None
    first, last = reached[0].any(0), reached[-1].any(0)
    return words(t) if last[0] and not first[0] and first[-1] else None


def sees_later(t: Tables) -> tuple[int, int] | None:
    """An answer's step and a later time step that reaches it, where there are any."""
    reached = t.time_reached
    if reached is None or reached.shape[2] != t.given.time:
        return None
    for time, of_time in reversed(list(zip(t.given.times, reached, strict=True))):
        early = places(of_time[:, :time].any(0))
        if early:
            return early[0], time
    return None


VIEWED = "`view` and `reshape` do not swap axes; they deal the same row of numbers out anew."
H_N = "h_n is [{rows}, {batch}, hidden] with the batch in the middle, whatever `batch_first` says"

MISTAKES = (
    Mistake(
        "batch_as_time",
        "`{layer}` reads your samples as one long sequence",
        "You gave x as {given}: {batch} samples. {how}. So the samples have become its time steps "
        f"({{steps}} of them), and each sample goes on from the one before. {SILENT}",
        "{fix}",
        batch_as_time,
    ),
    Mistake(
        "time_batch_swapped",
        "`{layer}` walks along your batch, not along time",
        "You gave x as {given}. {because}. So {took}. Sample 1 goes on from where sample 0 ended, "
        "as if it were the next time step, and no time step of yours sees the one before it.\n"
        "PyTorch does not complain: it gets three axes and cannot know what you call them. Even "
        "the output has the shape that you expect; only its numbers are wrong.",
        "{fix}",
        time_batch_swapped,
    ),
    Mistake(
        "hidden_view_scramble",
        "the final state of `{source}` is cut across samples",
        "What `{layer}` gets is made of the final state of `{source}`, cut by `view` or "
        "`reshape`. h_n is [{rows_of}, {cols_of}, hidden] with the batch in the middle, whatever "
        "`batch_first` says, so what you hand on as one row comes from several samples. "
        f"{SILENT}",
        "`h_n.transpose(0, 1).reshape(batch, -1)`, which gives each sample its own layers and "
        "directions",
        state_dealt_out,
    ),
    Mistake(
        "view_scramble",
        "a `view` before `{layer}` mixes your samples",
        "You gave x as {given}. On its way to `{layer}` it is cut into another shape: what the "
        f"layer takes for sample {{column}} holds pieces of several of your samples. {VIEWED} "
        f"{SILENT}",
        "{fix}. Where the line splits an axis too, split first and swap then: "
        "`x.view(batch, time, -1).transpose(0, 1)`",
        view_before,
    ),
    Mistake(
        "hidden_view_scramble",
        "the state that `{layer}` starts from is cut across samples",
        "The input of `{layer}` is right, but the state handed to it is not: a `view` or "
        "`reshape` goes across the axes of [layers * directions, batch, hidden], so a sample "
        f"starts with the state of other samples. {SILENT}",
        "split the axes in the order in which they lie, then swap: "
        "`h.view(batch, {rows}, -1).transpose(0, 1).contiguous()`; or, of the h_n of another "
        "layer, `torch.cat((h_n[0::2], h_n[1::2]), dim=2)` joins its two directions",
        state_by_view,
    ),
    Mistake(
        "samples_mixed",
        "your samples are mixed before `{layer}`",
        "One sample of what enters `{layer}` depends on several samples of x. Something before "
        f"the layer works across the batch axis. {SILENT} {MEANT}",
        "look at each line before `{layer}` that takes a `dim`, a `view`, a `cat` or an attention, "
        "and let it leave axis {batch_axis}, the batch, alone",
        mixed_before,
    ),
    Mistake(
        "last_step_wrong_axis",
        "only sample {sample} is left in {output}",
        "`{layer}` is used rightly, but after it only sample {sample} is left: {output} "
        "{shape} holds other time steps of that one sample, not the last step of each sample. That "
        f"is `{{wrong}}` (or the like on h_n): here it takes from the batch axis. {SILENT}",
        "take {ends}",
        last_step_wrong_axis,
    ),
    Mistake(
        "samples_mixed",
        "the samples come into `{layer}` in another order than they have in x",
        "Each row of {output} reads its own place of `{layer}`, and another sample stands there. "
        f"`flip(0)` on batch-first data does this, and so does sorting. {SILENT}",
        "to read from the end, turn the time axis round (`x.flip(1)` for batch-first x, "
        "`x.flip(0)` for time-first); after sorting, put the rows back: `out[order.argsort()]`",
        reordered_before,
    ),
    Mistake(
        "samples_mixed",
        "the rows of {output} are in another order than your samples",
        "Row {to_sample} of {output} belongs to sample {from_sample} of x. Sorting by length "
        "before `pack_padded_sequence` does this where nothing puts the rows back. "
        f"{SILENT} The loss then compares each answer with another sample's target.",
        "`enforce_sorted=False` and no sorting of your own, or put the rows back: "
        "`out[order.argsort()]`",
        rows_in_another_order,
    ),
    Mistake(
        "hidden_view_scramble",
        "the final state of `{layer}` is cut across samples",
        "`{layer}` is right, but its final state is cut by `view` or `reshape`: "
        f"{H_N}, so what you take for one sample comes from several. {SILENT}",
        "`h_n.transpose(0, 1).reshape(batch, -1)` for all layers and directions of each sample, or "
        "`{state}` for the top layer alone",
        hidden_view,
    ),
    Mistake(
        "view_scramble",
        "a `view` after `{layer}` mixes your samples",
        "`{layer}` is right, but after it a `view` or `reshape` cuts its output across samples: "
        f"one row of {{output}} reads steps of other samples. {VIEWED} {SILENT}",
        "for the last step take {ends}, before any `view`. For all steps put an axis swap in "
        "place of the `view`, to the same shape: `out.transpose(0, 1)`, or `out.permute(1, 2, 0)` "
        "where the features should come before the steps",
        view_after,
    ),
    Mistake(
        "time_batch_swapped",
        "{output} has its batch on axis {axis}, not on axis {said}",
        "You said that axis {said} of the output is the batch, but {output} {shape} has it on "
        "axis {axis}. Inside, your samples keep apart; only the axes come out in another order. "
        "`pad_packed_sequence` without `batch_first=True` does this, and so does a layer without "
        "it. A loss or a `[:, -1]` after it takes the wrong axis, and no error tells you where the "
        "sizes agree.",
        "`out.transpose(0, 1)` at the end (or `pad_packed_sequence(out, batch_first=True)`); or, "
        "if you want this order, say so in `output_axes`",
        output_axes_swapped,
    ),
    Mistake(
        "time_batch_swapped",
        "your loop walks along your batch, not along time",
        "You gave x as {given}. Your loop goes along axis {batch_axis}, the batch: the {batch} "
        "samples reach one another in order, and the {time} time steps do not. So sample 1 goes on "
        f"from sample 0, as if it were the next time step. {SILENT}",
        "walk along time: `for xt in x.unbind(1):` for x as [batch, time, ...], `for xt in x:` for "
        "[time, batch, ...]",
        homemade_walks_the_batch,
    ),
    Mistake(
        "cannot_check",
        "the model returns one number for the whole batch",
        "Such as a loss: nobody can tell which sample went where. What comes into its recurrent "
        "layers is not mixed. Check the module that returns the predictions, or take them with "
        "`call=`.",
        "",
        one_number,
    ),
    Mistake(
        "samples_mixed",
        "sample {from_sample} of x changes the answer of sample {to_sample}",
        "What comes into the recurrent layers is right, so it happens after them, or in a part "
        f"without any: a `softmax`, mean or attention over the batch axis does this. {SILENT} "
        f"{MEANT}",
        "look at each line that takes a `dim` (a missing one counts too), and let it leave the "
        "batch axis alone; for batch-first input it is "
        "`nn.MultiheadAttention(..., batch_first=True)`",
        mixed_after,
    ),
    Mistake(
        "unrecognised",
        "no output has your {batch} samples on axis {place}",
        "You said that axis {place} of the output is the batch of {batch}, but the shapes are: "
        "{shapes}. If the output is laid out in another way on purpose, say so in `output_axes`.",
        "{fix}",
        no_batch_in_output,
    ),
    Mistake(
        "seq_len_1",
        "`{layer}` never makes a second step",
        "You gave x as {given}, but `{layer}` runs {how}. A recurrent layer that makes one step "
        "remembers nothing: the gradient of its recurrent weights is exactly zero. "
        f"{SILENT}",
        "{fix}",
        seq_len_1,
    ),
    Mistake(
        "unrecognised",
        "`{layer}` does not walk along your time axis",
        "You gave x as {given}, but `{layer}` walks {steps} steps along another axis, and each of "
        "them holds all {time} time steps side by side as features. "
        f'{SILENT} If that is meant, do not name this axis "time".',
        "hand it {right}, and make the layer for that width",
        no_layer_walks_time,
    ),
    Mistake(
        "view_scramble",
        "a `view` before `{layer}` mixes the time steps of each sample",
        "You gave x as {given}. Your samples keep apart, but the numbers of one time step are "
        f"dealt out over several steps of `{{layer}}`. {VIEWED} {SILENT}",
        "hand it {right} in place of the `view`",
        time_by_view,
    ),
    Mistake(
        "padded_last_step",
        "a short sample is read behind its end",
        "Sample {sample} has {length} real steps of {time}, but its answer is read from behind "
        f"them. {{how}}. The samples and the axes are right; the step is not. {SILENT}",
        "pack, `pack_padded_sequence(x, lengths, batch_first={first}, enforce_sorted=False)`, and "
        "take `{state}`{index}",
        packed_then_last,
    ),
    Mistake(
        "padded_last_step",
        "the pads stand on the left, and `lengths - 1` is no last step there",
        "Sample {sample} has {length} real steps at the end of {time}, and its answer is read at "
        "step {at}, before most of them. With pads on the left every sample ends at the last "
        f"step. {SILENT}",
        "`out[:, -1]` for a batch-first `out`, else `out[-1]`",
        pads_on_the_left,
    ),
    Mistake(
        "unrecognised",
        "pads reach the real steps of {output}",
        "Sample {sample} has {length} real steps of {time}. One more pad behind them changes what "
        "every one of them gives: the backward direction of `{layer}` begins in the pads. So an "
        f"answer depends on how long the other samples of its batch are. {SILENT}",
        "pack, `pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)`, and "
        "unpack behind the layer, `pad_packed_sequence(out, batch_first=True)[0]`",
        pads_reach_frames,
    ),
    Mistake(
        "unrecognised",
        "sample {sample} of x reaches no answer",
        "Other samples reach their own answer, and sample {sample} does not: nothing that is "
        "replaced in it changes its row of {output}. It is read where it has nothing (a wrong "
        f"length, a step among the pads), or it is left out on the way. {SILENT}",
        "look at what is taken for sample {sample}: its length, its mask, its index",
        sample_reaches_nothing,
    ),
    Mistake(
        "hidden_view_scramble",
        "{output} has {count} rows for {batch} samples: one for each layer",
        f"{H_N}. Viewed as rows, it gives the states of layer 0 for all samples first, and so on: "
        "row {batch} of {output} is a second answer for sample 0. No error tells you, until a loss "
        "compares {count} answers with {batch} targets.",
        "`{state}`, the top layer of each sample",
        layers_as_samples,
    ),
    Mistake(
        "wrong_layer_state",
        "of `{layer}` only a lower layer is read",
        "`{layer}` has {layers} layers, and of its final state only row {read} is read. Nothing of "
        "the top layer reaches the output, so it is computed for nothing and never trained. The "
        f"first axis of h_n goes layer by layer: [{{names}}]. {SILENT}",
        "`{state}` is the top layer",
        wrong_layer_state,
    ),
    Mistake(
        "bidir_last_step",
        "the {half} direction of `{layer}` is read where it has seen one step only",
        "`{layer}` is bidirectional, and of its {half} direction only the {where} time step is "
        "read. There this direction has seen a single time step: the backward direction begins at "
        "the end and ends at t = 0. The gradient of its recurrent weights in the top layer is "
        f"exactly zero. {SILENT}",
        "`torch.cat((h_n[-2], h_n[-1]), dim=1)`: both directions after their whole way",
        bidir_last_step,
    ),
    Mistake(
        "last_step_wrong_axis",
        "one feature of every step is read, not the last step",
        "Of what `{layer}` returns, {output} reads a single feature at every time step. That is "
        f"`out[:, :, -1]` (or `out[..., -1]`): the last axis holds the features. {SILENT}",
        "take {ends}",
        one_feature,
    ),
    Mistake(
        "unrecognised",
        "the answer sees time step {step} alone",
        "`{layer}` walks along time, but of all time steps of x only step {step} reaches an "
        "answer: it is read at the end where the layer has seen a single step. "
        f"{SILENT}",
        "take {ends}, where the layer has seen all of them",
        one_time_step,
    ),
    Mistake(
        "unrecognised",
        "the steps of {output} are turned round",
        "The first step of {output} sees the last time step of x and not the first. Something "
        f"walks from the end, and what comes out is not turned back. {SILENT}",
        "turn it back: `out.flip(1)` for batch-first `out`, `out.flip(0)` for time-first",
        mirrored,
    ),
    Mistake(
        "samples_mixed",
        "the state kept between calls mixes your samples",
        "The model keeps a state for the next call, and through it sample {from_sample} of this "
        "call reaches the answer of sample {to_sample} in the next: a mean over the batch, or a "
        f"view of the state, does this. {SILENT} {MEANT}",
        "keep a state for each sample, [layers * directions, batch, hidden], and leave its batch "
        "axis alone",
        mixed_between_calls,
    ),
)

LEAK = Mistake(
    "unrecognised",
    "an answer sees the steps that it should predict",
    "You said `causal=True`, but step {early} of {output} depends on time step {late} of x, which "
    "comes later. So in training each answer can copy what it should predict, the loss falls to "
    "almost nothing, and in use the later steps are missing. A bidirectional layer does this, and "
    "so does an attention without a causal mask.",
    "`bidirectional=False`, or a mask that hides later steps (`is_causal=True`)",
    sees_later,
)


def first_that_fits(t: Tables) -> tuple[Mistake, dict[str, Any]] | None:
    """The first known mistake whose rule fits the tables, with the words for its message."""
    if t.is_dead:
        return None
    for mistake in MISTAKES:
        found = mistake.how(t)
        if found is not None:
            return mistake, found
    return None


__all__ = ["LEAK", "MISTAKES", "Look", "first_that_fits", "sees_later", "words"]
