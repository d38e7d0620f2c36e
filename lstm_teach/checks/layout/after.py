"""Mistakes after the recurrent layers, or without any: samples get into one another's outputs."""

from __future__ import annotations

from lstm_teach.checks.layout.judge import (
    SILENT,
    Case,
    Mistake,
    Words,
    is_reordered,
    to_front,
    words,
)


def last_step_wrong_axis(case: Case) -> Words | None:
    """One sample reaches the whole output, and no other sample reaches any of it."""
    sample = case.lone_sample
    if sample is None or not case.walks or case.first_output is None:
        return None
    if case.probe.batch != case.walks[-1].steps and view_after(case):
        return None  # As many rows as samples: not indexed away, but dealt out anew.
    shape = list(case.outputs[case.first_output].shape)
    walk = case.walks[-1]
    wrong = "out[-1]" if walk.call.batch_first else "out[:, -1]"
    if walk.call.packed is not None or walk.call.is_cell:
        wrong = "out[-1]` or `out[:, -1]"  # Here the learner's own line lays `out` out.
    return words(case, walk, sample=sample, shape=shape, wrong=wrong)


def rows_in_another_order(case: Case) -> Words | None:
    """Each output row is one sample, but not the sample of that row."""
    if case.look is None or not is_reordered(case.look.reached):
        return None
    wrong = case.misreading
    return mixed_after(case) if wrong is None or wrong.is_alike else None


def reordered_before(case: Case) -> Words | None:
    """Row k reads column k of a layer, where another sample stands: the order changed before."""
    wrong = case.misreading
    if wrong is None or (wrong.walk.owners.sum(1) > 1).any():
        return None
    columns = [part.any(0).nonzero().flatten().tolist() for part in wrong.parts]
    if columns != [[sample] for sample in case.probe.samples]:
        return None
    return words(case, wrong.walk)


def hidden_view(case: Case) -> Words | None:
    """Rows of h_n (or c_n) go to the wrong samples, each row to one."""
    wrong = case.misreading
    if wrong is None or wrong.channel != "state" or not wrong.is_disjoint:
        return None
    return words(case, wrong.walk) if wrong.walk.call.rows > 1 else None


def view_after(case: Case) -> Words | None:
    """Rows of ``output`` go to the wrong samples, each row to one."""
    wrong = case.misreading
    if wrong is None or wrong.channel != "output" or not wrong.is_disjoint:
        return None
    return None if wrong.is_across_the_batch else words(case, wrong.walk)


def output_axes_swapped(case: Case) -> Words | None:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if case.look is not None:
        return None
    for number in case.found.floats:
        shape = list(case.outputs[number].shape)
        for axis in range(1, len(shape)):
            batch_is_here = shape[axis] == case.probe.batch
            if batch_is_here and not case.look_at(number, to_front(axis)).mixes:
                return {"axis": axis, "said": case.output_axes.index("batch"), "shape": shape}
    return None


def homemade_walks_the_batch(case: Case) -> Words | None:
    """No layer of torch's inside: samples reach one another in order, and time steps do not."""
    probe = case.probe
    if case.walks or "time" not in probe.axes or probe.time < 3:
        return None
    for number, output in enumerate(case.outputs):
        shape = list(output.shape)
        if probe.batch in shape:
            place = shape.index(probe.batch)
            reached = case.found.reached(number, to_front(place))
            later = any(reached[k, s + 1 :].any() for k, s in enumerate(probe.samples))
            earlier = any(reached[k, :s].any() for k, s in enumerate(probe.samples))
            in_order = later != earlier
        else:  # Only a row for each time step of x is left, and all samples reach it.
            place = output.dim()
            in_order = shape[:1] == [probe.time] and bool(
                (case.found.reached(number, to_front(0)).sum(0) >= 2).all()
            )
        if in_order and _times_stay_apart(case, number, place):
            batch_axis = probe.axes.index("batch")
            return {"batch": probe.batch, "time": probe.time, "batch_axis": batch_axis}
    return None


def _times_stay_apart(case: Case, number: int, batch_place: int) -> bool:
    """Whether each looked-at time step of x reaches at most one step of the output."""
    before = case.outputs[number]
    places = [p for p, n in enumerate(before.shape) if n == case.probe.time and p != batch_place]
    moved = [run.outputs[number] != before for run in case.found.by_time]
    if places:
        return all(int(m.movedim(places[0], 0).flatten(1).any(1).sum()) <= 1 for m in moved)
    return sum(bool(m.any()) for m in moved) <= 1


def mixed_after(case: Case) -> Words | None:
    """Samples reach other samples' outputs, in a way that has no name."""
    if case.look is None:
        return None
    number, other = case.look.foreign.nonzero()[0].tolist()
    return {"from_sample": case.probe.samples[number], "to_sample": other}


def one_number(case: Case) -> Words | None:
    """All outputs are single numbers, such as a loss."""
    return {} if case.outputs and all(o.numel() == 1 for o in case.outputs) else None


def no_batch_in_output(case: Case) -> Words | None:
    """No output has an axis as long as the batch where it was said to be."""
    batch = case.probe.batch
    axes = {axis for o in case.outputs for axis, size in enumerate(o.shape) if size == batch}
    fix = "follow the shapes back to the line where the batch gets lost"
    if len(axes) == 1:
        at, place = axes.pop(), case.output_axes.index("batch")
        fix = f"it stands on axis {at}, and `.transpose({place}, {at})` at the end puts it back"
    return {
        "fix": fix,
        "shapes": ", ".join(str(list(o.shape)) for o in case.outputs) or "no tensor",
        "batch": batch,
        "place": case.output_axes.index("batch"),
    }


AFTER = (
    Mistake(
        "last_step_wrong_axis",
        last_step_wrong_axis,
        "`{layer}` is used rightly, but after it only sample {sample} is left: the output "
        "{shape} holds other time steps of that one sample, not the last step of each. That is "
        f"`{{wrong}}` (or the like on h_n), which indexes the batch axis here. {SILENT}\n"
        "Fix: take {ends}.",
    ),
    Mistake(
        "samples_mixed",
        rows_in_another_order,
        "The rows of the output are in another order than the samples of x: row {to_sample} "
        "belongs to sample {from_sample}. Sorting by length before `pack_padded_sequence` does "
        f"this where nothing puts the rows back. {SILENT} The loss then compares each answer with "
        "another sample's target.\nFix: `enforce_sorted=False` and no sorting of your own, or put "
        "the rows back: `out[order.argsort()]`.",
    ),
    Mistake(
        "samples_mixed",
        reordered_before,
        "The samples come into `{layer}` in another order than they have in x, and each row of "
        "the output reads its own place there: the answer of one sample is made from another. "
        f"`flip(0)` on batch-first data does this, and so does sorting. {SILENT}\nFix: to read "
        "from the end, turn the time axis round (`x.flip(1)` for batch-first x, `x.flip(0)` for "
        "time-first); after sorting, put the rows back: `out[order.argsort()]`.",
    ),
    Mistake(
        "hidden_view_scramble",
        hidden_view,
        "`{layer}` is right, but its final state is cut by `view` or `reshape`: h_n is "
        "[{states}, {batch}, hidden] with the batch in the middle, whatever `batch_first` says, so "
        "the pieces that you hand on as one sample come from several. "
        f"{SILENT}\nFix: `h_n.transpose(0, 1).reshape(batch, -1)`, or "
        "`torch.cat((h_n[-2], h_n[-1]), dim=1)` for both directions of the top layer.",
    ),
    Mistake(
        "view_scramble",
        view_after,
        "`{layer}` is right, but after it a `view` or `reshape` cuts its output across "
        "samples: an output row reads steps of other samples. `view` does not swap axes; it deals "
        f"the same row of numbers out anew. {SILENT}\nFix: swap the axes with "
        "`out.transpose(0, 1)` in place of it; or, for the last step, take {ends}, before any "
        "reshape.",
    ),
    Mistake(
        "time_batch_swapped",
        output_axes_swapped,
        "You said that the batch is axis {said} of the output, but the output {shape} has it on "
        "axis {axis}: inside, all samples are kept apart, and the axes come out in another order. "
        "`pad_packed_sequence` without `batch_first=True` does this, and so does a default layer, "
        "whose output is [seq_len, batch, hidden]. A loss or a `[:, -1]` after it takes the wrong "
        "axis, and no error tells you where the sizes agree.\nFix: "
        "`pad_packed_sequence(out, batch_first=True)` or `out.transpose(0, 1)`; or, if the order "
        "is meant, say so in `output_axes`.",
    ),
    Mistake(
        "time_batch_swapped",
        homemade_walks_the_batch,
        "Your recurrence walks along axis {batch_axis} of x, the batch: the {batch} samples reach "
        "one another in order, and the {time} time steps do not. "
        f"{SILENT}\nFix: walk along time: `for xt in x.unbind(1)` for x as [batch, time, ...], "
        "`for xt in x` for [time, batch, ...].",
    ),
    Mistake(
        "samples_mixed",
        mixed_after,
        "Sample {from_sample} of x changes the output of sample {to_sample}. What comes into the "
        "recurrent layers is right, so it happens after them, or in a part without any: a "
        f"`softmax`, mean or attention over the batch axis does this. {SILENT}\nFix: look "
        "at each line that takes a `dim` (a missing one counts too), and let it leave the batch "
        "axis alone; `nn.MultiheadAttention` wants `batch_first=True` for batch-first input. (If "
        "the samples are meant to see one another, such as people in a scene, they are no batch.)",
    ),
    Mistake(
        "not_attempted",
        one_number,
        "The model returns one number for the whole batch, such as a loss, so nobody can tell "
        "which sample went where. What comes into its recurrent layers is not mixed. Check the "
        "module that returns the predictions.",
    ),
    Mistake(
        "unrecognised",
        no_batch_in_output,
        "You said that axis {place} of the output is the batch of {batch}, but no output has that "
        "size there: {shapes}.\nIf the output is laid out in another way on purpose, say so in "
        "`output_axes`; if not, {fix}.",
    ),
)
