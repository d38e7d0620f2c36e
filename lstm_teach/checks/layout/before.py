"""Mistakes before a recurrent layer: samples come side by side into its input or its state."""

from __future__ import annotations

import torch

from lstm_teach.checks.layout.judge import SILENT, Case, Mistake, Words, words
from lstm_teach.checks.layout.measure import Findings, gradients
from lstm_teach.checks.layout.walk import Walk


def _rows_are_single(walk: Walk) -> bool:
    return not bool((walk.rows.sum(-1) > 1).any())


def batch_as_time(case: Case) -> Words | None:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = case.badly_fed
    if walk is None or walk.cols != 1 or not _rows_are_single(walk):
        return None
    if walk.call.unbatched:
        how = (
            f"`{walk.name}` got a tensor with two axes and read it as one sentence without a "
            "batch axis (`batch_first` plays no part then)"
        )
        fix = (
            f"if each sample of [{case.probe.batch}, {walk.call.inputs.shape[-1]}] is one time "
            "step, give it a time axis of 1: `x.unsqueeze(1)` with `batch_first=True`; better, "
            "keep the real time axis"
        )
        if "time" in case.probe.axes and case.probe.x.dim() > 2:
            fix = "hand over all of x at once, [batch, time, features], with `batch_first=True`"
    elif walk.call.is_cell:
        how = f"`{walk.name}` got one sample at a time, and went on with the state of the last one"
        fix = (
            "start each sample with a state of its own; better, give the cell one step of all "
            "samples at a time: `for xt in x.unbind(1):` for x as [batch, time, ...]"
        )
    else:
        how = f"`{walk.name}` got a batch of 1, so all samples stand behind one another in it"
        kept = (
            "[batch, time, features] with `batch_first=True`"
            if case.probe.axes[0] == "batch"
            else "[time, batch, features]"
        )
        fix = f"drop the `view` and keep the batch axis: hand over x as {kept}"
    return words(case, walk, how=how, fix=fix)


def time_batch_swapped(case: Case) -> Words | None:
    """Each step of the layer is one sample and nothing else: it walks along the batch."""
    walk = case.badly_fed
    if walk is None:
        return None
    steps = walk.rows.any(1)
    if (steps.sum(0) > 1).any() or (steps.sum(1) > 1).any():
        return None
    return words(case, walk, fix=_walk_along_time(case, walk))


def folded_batch_first(case: Case) -> Words | None:
    """More was folded into the batch, rightly, and the layer takes that axis for time."""
    walk = case.badly_fed
    if walk is None:
        return None
    per_step, times = walk.rows.any(1), walk.times.any(2)
    one_sample_a_step = not bool((per_step.sum(1) > 1).any())
    apart = [times.any(over).sum(1) for over in (0, 1)]  # by column, by step
    if not one_sample_a_step or "time" not in case.probe.axes:
        return None
    if all((some > 1).any() for some in apart):
        return None
    return words(case, walk, fix=_walk_along_time(case, walk))


_WALK_ALONG_TIME = {
    ("loop", "batch"): "loop over time: `for xt in x.unbind(1):`",
    ("loop", "time"): "loop over the first axis: `for xt in x:`",
    ("packed", "batch"): "`pack_padded_sequence(x, lengths, batch_first=True)`",
    ("packed", "time"): "`pack_padded_sequence(x, lengths)`, without `batch_first=True`",
    ("batch_first", "batch"): "leave out the `transpose` or `permute` before `{layer}`, which "
    "already has `batch_first=True` (or stack the steps with `dim=1`), and then the last step is "
    "`out[:, -1]`",
    ("batch_first", "time"): "take `batch_first=True` out of `{layer}` (or hand it "
    "`x.transpose(0, 1)`, and turn its output back)",
    ("plain", "batch"): "`{made}(..., batch_first=True)`, and then the last step is `out[:, -1]` "
    "(or hand it `x.transpose(0, 1)`: then the last step is `out[-1]`)",
    ("plain", "time"): "leave out the `transpose` or `permute` before `{layer}` (or stack the "
    "steps with `dim=0`), and then the last step is `out[-1]`",
}


def _walk_along_time(case: Case, walk: Walk) -> str:
    """How a walk along another axis is made to go along time."""
    call = walk.call
    if len(walk.calls) > 1:
        how = "loop"
    else:
        how = (
            "packed" if call.packed is not None else "batch_first" if call.batch_first else "plain"
        )
    made = f"{walk.name} = {call.kind}" if call.name else call.kind
    fix = _WALK_ALONG_TIME[how, case.probe.axes[0]].format(layer=walk.name, made=made)
    if how != "loop" and len(call.states):
        fix += ". A state of your own is made for the true batch, [layers * directions, batch, ...]"
    return fix


def view_before(case: Case) -> Words | None:
    """The rows of x, whole, dealt out over steps and columns in memory order."""
    walk = case.badly_fed
    if walk is None or not _follows_memory(case, walk):
        return None
    return words(case, walk, column=int((walk.rows.any(0).sum(1) > 1).nonzero()[0]))


def _follows_memory(case: Case, walk: Walk) -> bool:
    """Whether a walk's input is x's rows in memory order, cut into another shape.

    That is what ``view`` and ``reshape`` do to axes that should have been swapped. Both orders
    of x's axes and both layouts of the layer are tried.
    """
    batch, time = case.probe.batch, case.probe.time
    count = walk.elements[..., 0].numel()
    place = torch.arange(count)
    guesses = [
        place // (count // pieces) % batch
        for pieces in {batch, batch * time}
        if count % pieces == 0
    ]
    layouts = [layout.flatten(0, 2) for layout in (walk.elements, walk.elements.transpose(0, 1))]
    samples = torch.tensor(case.probe.samples)
    return any(
        _is_mostly(layout, guess[:, None] == samples) for layout in layouts for guess in guesses
    )


def _is_mostly(measured: torch.Tensor, predicted: torch.Tensor) -> bool:
    """Nothing outside the prediction, and a good part of it (pads and dead units stay out)."""
    enough = measured.sum(0) >= 0.2 * predicted.sum(0)
    return bool(enough.all()) and not bool((measured & ~predicted).any())


def state_by_view(case: Case) -> Words | None:
    """The input is right, and a state built by ``view`` brings other samples in."""
    walk = case.bad_walk
    if walk is None or case.badly_fed is not None:
        return None
    all_mixed = bool(walk.states.all())
    if all_mixed or (case.walks[0] is walk and walk.call.rows == 1):
        return None
    return words(case, walk)


def state_dealt_out(case: Case) -> Words | None:
    """Every vector that enters the bad walk is made of one piece of an earlier layer's h_n.

    The pieces are those that ``h_n.view(batch, -1)`` cuts in memory order: as many cells side
    by side as there are layers and directions, so they belong to neighbours in the batch.
    """
    walk = case.bad_walk
    if walk is None:
        return None
    for source in case.walks:
        if source.places[0] >= walk.places[0]:
            return None
        states = source.call.rows
        if states < 2 or source.cols < 2:
            continue
        cells = _cells_read(case.found, source.places[0], walk.places[0])
        if len(cells) >= 2 and all(_is_one_piece(read, states) for read in cells):
            return words(case, walk, source=source.name, states=states, cols=source.cols)
    return None


def _cells_read(found: Findings, source: int, target: int) -> list[torch.Tensor]:
    """For a few vectors that enter one call, the cells of another's h_n that each reads.

    Returns:
        Masks [layers * directions * batch], in memory order; vectors that read none are left out.
    """
    run = found.with_gradients
    if run is None or "h" not in run.calls[source].taps:
        return []
    cells = []
    for entered in run.calls[target].entered:
        vectors = entered.reshape(-1, entered.shape[-1])
        if not vectors.requires_grad:
            continue
        for number in sorted({0, len(vectors) // 3, len(vectors) // 2, len(vectors) - 1}):
            read = (gradients(vectors[number], [run.calls[source].taps["h"]])[0] != 0).any(-1)
            if read.any():
                cells.append(read.flatten())
    return cells


def _is_one_piece(read: torch.Tensor, size: int) -> bool:
    places = read.nonzero().flatten().tolist()
    return places[0] % size == 0 and places == list(range(places[0], places[0] + size))


def mixed_before(case: Case) -> Words | None:
    """The layer's input already mixes samples, in a way that has no name."""
    return None if case.bad_walk is None else words(case, case.bad_walk)


BEFORE = (
    Mistake(
        "batch_as_time",
        batch_as_time,
        "You gave x with {batch} samples, and {how}: the samples have become its time steps "
        "({steps} steps, batch 1), so each sample is read as the continuation of the one before. "
        f"This is wrong before the layer. {SILENT}\nFix: {{fix}}.",
    ),
    Mistake(
        "time_batch_swapped",
        time_batch_swapped,
        "You gave x with the batch on axis {batch_axis}, and `{layer}` walks along just that axis: "
        "it takes each sample for one time step ({steps} steps) and the time steps for "
        "{cols} sentences, so what you call sample 1 goes on from sample 0. It walks along the "
        f"batch, not along time. {SILENT} Only the shape of the state would tell.\nFix: {{fix}}.",
    ),
    Mistake(
        "time_batch_swapped",
        folded_batch_first,
        "What you folded into the batch stands on the first axis of what `{layer}` gets, and "
        "`{layer}` takes that axis for time ({steps} steps of {cols} sequences), so a sample goes "
        f"on from the one before. {SILENT} Only the shape of the state would tell.\nFix: {{fix}}.",
    ),
    Mistake(
        "view_scramble",
        view_before,
        "Before `{layer}` a `view` or `reshape` cuts x into another shape: sequence {column} of "
        "what the layer walks holds rows of several samples. `view` does not swap axes; it deals "
        f"the same row of numbers out anew. {SILENT}\nFix: swap the axes with "
        "`x.transpose(0, 1)` (or `permute`) in place of the `view`. Where it splits an axis too, "
        "split in the order in which the numbers lie, and swap then: "
        "`.view(batch, time, -1).transpose(0, 1)`.",
    ),
    Mistake(
        "hidden_view_scramble",
        state_by_view,
        "The input of `{layer}` is right, but the state handed to it is not: it comes from a "
        "`view` or `reshape` across the axes of [layers * directions, batch, hidden], so a sample "
        f"starts with states of other samples. {SILENT}\nFix: split the axes in the order in which "
        "they lie, then swap: `h.view(batch, layers, hidden).transpose(0, 1).contiguous()`. Of the "
        "h_n of another layer: `torch.cat((h_n[0::2], h_n[1::2]), dim=2)` joins its directions, "
        "and `h_n.transpose(0, 1).reshape(batch, -1)` is a row for each sample.",
    ),
    Mistake(
        "hidden_view_scramble",
        state_dealt_out,
        "The final state of `{source}` is cut by `view` or `reshape` on its way to `{layer}`: h_n "
        "is [{states}, {cols}, hidden] with the batch in the middle, whatever `batch_first` says, "
        "so what you hand on as one row comes from several sequences. "
        f"{SILENT}\nFix: `h_n.transpose(0, 1).reshape(batch, -1)`, or "
        "`torch.cat((h_n[-2], h_n[-1]), dim=1)` for both directions of the top layer.",
    ),
    Mistake(
        "samples_mixed",
        mixed_before,
        "What comes into `{layer}` already mixes samples: one row of it depends on several samples "
        "of x, or a sequence is put together from several. Something before the layer works "
        f"across the batch axis. {SILENT}\nFix: look at each line before `{{layer}}` that takes a "
        "`dim`, a `view`, a `cat` or an attention, and let it leave the batch axis alone.",
    ),
)

# The layer walks along the batch, and the output does not show it: an argmax, say, hides it.
UNSEEN = next(mistake for mistake in BEFORE if mistake.tell is time_batch_swapped)
