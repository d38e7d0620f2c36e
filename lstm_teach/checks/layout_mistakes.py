"""The known layout mistakes as a table: the name, how to tell, and what to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout_judge import Case, are_disjoint, follows_memory
from lstm_teach.checks.layout_measure import Walk

Words = Mapping[str, Any]


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        name: its verdict.
        tell: from a case, the words that the message needs, or None where it is not this one.
        message: what happens, why PyTorch is silent, and the fix, with places for the words.
    """

    name: str
    tell: Callable[[Case], Words | None]
    message: str


def layer_words(case: Case, walk: Walk) -> dict[str, Any]:
    """The words about one walk that every message may use."""
    module = walk.calls[0].module
    kind = f"nn.{_public_kind(module)}"
    batch_axis = case.probe.axes.index("batch") if case.has_batch else 0
    return {
        "layer": walk.name,
        "kind": kind,
        "steps": walk.steps,
        "cols": walk.cols,
        "batch": case.probe.batch,
        "time": case.probe.time,
        "batch_axis": batch_axis,
        "last": "[:, -1]" if walk.calls[0].batch_first else "[-1]",
        "wrong_last": "[-1]" if walk.calls[0].batch_first else "[:, -1]",
    }


def _public_kind(module: nn.Module) -> str:
    known = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
    return next((k.__name__ for k in known if isinstance(module, k)), type(module).__name__)


def _rows_are_single(walk: Walk) -> bool:
    return not bool((walk.rows.sum(-1) > 1).any())


def _swap_fix(case: Case, walk: Walk) -> str:
    """How this walk is made to go along time."""
    call = walk.calls[0]
    batch_is_first = case.probe.axes[0] == "batch"
    if call.is_cell or len(walk.calls) > 1:
        return (
            "loop over time: `for x_t in x.unbind(1):`"
            if batch_is_first
            else ("loop over the first axis: `for x_t in x:`")
        )
    if call.packed is not None:
        return (
            "`pack_padded_sequence(x, lengths, batch_first=True)`"
            if batch_is_first
            else ("`pack_padded_sequence(x, lengths)`, without `batch_first=True`")
        )
    kind = f"nn.{_public_kind(call.module)}"
    if call.batch_first:
        return (
            f"take `batch_first=True` out of `{walk.name}`"
            if not batch_is_first
            else f"leave out the `transpose` or `permute` before `{walk.name}`, which already has "
            "`batch_first=True`"
        )
    if not batch_is_first:
        return f"leave out the `transpose` or `permute` before `{walk.name}`"
    return (
        f"`{walk.name} = {kind}(..., batch_first=True)`, and then the last step is `out[:, -1]` "
        "(or hand it `x.transpose(0, 1)` and keep the rest)"
    )


def _walks_the_batch(case: Case) -> Walk | None:
    """The bad walk, if each of its steps is one sample and nothing else."""
    walk = case.bad_walk
    if walk is None or not case.inputs_are_mixed or not _rows_are_single(walk):
        return None
    step_sets = walk.rows.any(1)
    touched = [step_sets[:, k] for k in range(step_sets.shape[1]) if step_sets[:, k].any()]
    if any(steps.sum() != 1 for steps in touched):
        return None
    places = {int(steps.nonzero()[0]) for steps in touched}
    return walk if len(places) == len(touched) >= 2 else None


def batch_as_time(case: Case) -> Words | None:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = case.bad_walk
    if walk is None or walk.cols != 1 or not case.inputs_are_mixed or not _rows_are_single(walk):
        return None
    call = walk.calls[0]
    if call.unbatched:
        how = (
            f"`{walk.name}` got a tensor with two axes and read it as one sentence without a "
            f"batch axis (`batch_first` plays no part then)"
        )
        batch_form = f"[{case.probe.batch}, {call.inputs.shape[-1]}]"
        fix = (
            f"if each sample of {batch_form} is one time step, give it a time axis of 1: "
            "`x.unsqueeze(1)` with `batch_first=True`; better, keep the real time axis"
        )
    else:
        how = f"`{walk.name}` got a batch of 1, so all samples stand behind one another in it"
        fix = "drop the `view` and keep the batch axis: " + (
            "hand over x as [batch, time, features] with `batch_first=True`"
            if case.probe.axes[0] == "batch"
            else "hand over x as [time, batch, features]"
        )
    return layer_words(case, walk) | {"how": how, "fix": fix}


def time_batch_swapped(case: Case) -> Words | None:
    """Each step of the layer is one sample: it walks along the batch."""
    walk = _walks_the_batch(case)
    return walk and layer_words(case, walk) | {"fix": _swap_fix(case, walk)}


def one_sample_swapped(case: Case) -> Words | None:
    """With a batch of 1: all time steps lie side by side as if they were the batch."""
    if not case.walks or case.probe.batch != 1 or case.probe.time < 3 or not case.has_batch:
        return None
    walk = case.walks[0]
    if walk.steps != 1 or walk.cols < 3 or not walk.times.any():
        return None
    return layer_words(case, walk) | {"fix": _swap_fix(case, walk)}


def view_before(case: Case) -> Words | None:
    """The rows of x, whole, dealt out over steps and columns in memory order."""
    walk = case.bad_walk
    if walk is None or not case.inputs_are_mixed:
        return None
    probe = case.probe
    if not follows_memory(walk, probe.samples, probe.batch, probe.time):
        return None
    column = (walk.rows.any(0).sum(1) > 1).nonzero()[0].item()
    return layer_words(case, walk) | {"column": column}


def state_by_view(case: Case) -> Words | None:
    """The input is right, and a state built by ``view`` brings other samples in."""
    walk = case.bad_walk
    if walk is None or case.inputs_are_mixed:
        return None
    rows = walk.states.sum(-1)
    everything = bool((rows == len(case.probe.samples)).all())
    if everything or (case.walks[0] is walk and not _several_states(walk)):
        return None
    return layer_words(case, walk)


def _several_states(walk: Walk) -> bool:
    return walk.calls[0].layers * walk.calls[0].directions > 1


def mixed_before(case: Case) -> Words | None:
    """The layer's input already mixes samples, in a way that has no name."""
    walk = case.bad_walk
    return walk and layer_words(case, walk)


def last_step_wrong_axis(case: Case) -> Words | None:
    """One sample reaches the whole output, and no other sample reaches any of it."""
    sample = case.lone_sample
    if sample is None or not case.walks:
        return None
    if case.fits and case.probe.batch != case.walks[-1].steps and view_after(case):
        return None  # As many rows as samples: not indexed away, but dealt out anew.
    assert case.first_output is not None
    shape = list(case.found.base.outputs[case.first_output].shape)
    return layer_words(case, case.walks[-1]) | {"sample": sample, "shape": shape}


def hidden_view(case: Case) -> Words | None:
    """Rows of h_n (or c_n) go to the wrong samples, each row to one."""
    read = case.misread()
    if read is None or read[1] != "h" or not are_disjoint(read[2]) or not _several_states(read[0]):
        return None
    return layer_words(case, read[0]) | {
        "states": read[0].calls[0].layers * read[0].calls[0].directions
    }


def view_after(case: Case) -> Words | None:
    """Rows of ``output`` go to the wrong samples, each row to one."""
    read = case.misread()
    if read is None or read[1] != "output" or not are_disjoint(read[2]):
        return None
    return layer_words(case, read[0])


def output_axes_swapped(case: Case) -> Words | None:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if case.fits or not case.has_batch:
        return None
    for number, output in enumerate(case.found.base.outputs):
        for axis in range(1, output.dim()):
            if output.shape[axis] != case.probe.batch or not output.is_floating_point():
                continue
            effects = case.found.effects(number, lambda t, a=axis: t.movedim(a, 0))
            foreign = case.found.is_leak(effects).clone()
            for k, sample in enumerate(case.probe.samples):
                foreign[k, sample] = False
            if not foreign.any():
                place = case.output_axes.index("batch")
                return {"axis": axis, "said": place, "shape": list(output.shape)}
    return None


def homemade_walks_the_batch(case: Case) -> Words | None:
    """No layer of torch's inside: samples reach one another in order, and time steps do not."""
    if case.walks or not case.fits or "time" not in case.probe.axes or case.probe.time < 3:
        return None
    reached = case.found.is_leak(case.effects)
    later = [reached[k, s + 1 :] for k, s in enumerate(case.probe.samples)]
    earlier = [reached[k, :s] for k, s in enumerate(case.probe.samples)]
    one_way = not any(e.any() for e in earlier) or not any(x.any() for x in later)
    if not one_way or not _times_stay_apart(case):
        return None
    return {
        "batch": case.probe.batch,
        "time": case.probe.time,
        "batch_axis": case.probe.axes.index("batch"),
    }


def _times_stay_apart(case: Case) -> bool:
    """Whether each looked-at time step of x reaches at most its own step of the output."""
    assert case.output is not None
    before = case.found.base.outputs[case.output]
    if "time" in case.output_axes:
        place = case.output_axes.index("time")
        if before.shape[place] != case.probe.time:
            return False
        return all(
            not _reached_steps(run.outputs[case.output], before, place) - {t}
            for t, run in zip(case.probe.times, case.found.by_time, strict=True)
        )
    reaching = [
        t
        for t, run in zip(case.probe.times, case.found.by_time, strict=True)
        if not torch.equal(run.outputs[case.output], before)
    ]
    return len(reaching) <= 1


def _reached_steps(after: torch.Tensor, before: torch.Tensor, place: int) -> set[int]:
    moved = (after != before).movedim(place, 0).flatten(1).any(1)
    return set(moved.nonzero().flatten().tolist())


def mixed_after(case: Case) -> Words | None:
    """Samples reach other samples' outputs, in a way that has no name."""
    if not case.fits:
        return None
    number, other = case.foreign.nonzero()[0].tolist()
    return {"from_sample": case.probe.samples[number], "to_sample": other}


def one_number(case: Case) -> Words | None:
    """All outputs are single numbers, such as a loss."""
    outputs = case.found.base.outputs
    return {} if outputs and all(o.numel() == 1 for o in outputs) else None


def no_batch_in_output(case: Case) -> Words | None:
    """No output has an axis as long as the batch."""
    shapes = [list(o.shape) for o in case.found.base.outputs]
    return {
        "shapes": ", ".join(map(str, shapes)) or "no tensor",
        "batch": case.probe.batch,
        "place": case.output_axes.index("batch"),
    }


SILENT = "PyTorch cannot see it: the sizes fit, so it computes with whatever stands there."

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
        f"batch, not along time. {SILENT} Only the shape of h_n would tell.\nFix: {{fix}}.",
    ),
    Mistake(
        "view_scramble",
        view_before,
        "Before `{layer}` a `view` or `reshape` cuts x into another shape: sequence {column} of "
        "what the layer walks holds rows of several samples. `view` does not swap axes; it deals "
        f"the same row of numbers out anew. {SILENT}\nFix: swap the axes with "
        "`x.transpose(0, 1)` (or `permute`) in place of the `view`.",
    ),
    Mistake(
        "hidden_view_scramble",
        state_by_view,
        "The input of `{layer}` is right, but the state handed to it is not: it comes from a "
        "`view` or `reshape` across the axes of [layers * directions, batch, hidden], so a sample "
        f"starts with states of other samples. {SILENT}\nFix: split the axes in the order in which "
        "they lie, then swap: `h.view(batch, layers, hidden).transpose(0, 1).contiguous()`.",
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

AFTER = (
    Mistake(
        "last_step_wrong_axis",
        last_step_wrong_axis,
        "`{layer}` is used rightly, but after it only sample {sample} is left: the output "
        "{shape} holds other time steps of that one sample, not the last step of each. That is "
        f"`out{{wrong_last}}` (or the like on h_n), which indexes the batch axis here. {SILENT}\n"
        "Fix: take `out{last}`, or `h_n[-1]`, which is right in both layouts.",
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
        f"the same row of numbers out anew. {SILENT}\nFix: take `out{{last}}` before any "
        "reshape, or swap the axes with `out.transpose(0, 1)` first.",
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
        f"{SILENT}\nFix: walk along time: `for x_t in x.unbind(1)` for x as [batch, time, ...], "
        "`for x_t in x` for [time, batch, ...].",
    ),
    Mistake(
        "samples_mixed",
        mixed_after,
        "Sample {from_sample} of x changes the output of sample {to_sample}. What comes into the "
        "recurrent layers is right, so it happens after them, or in a part without any: a "
        f"`softmax`, mean or attention over the batch axis does this. {SILENT}\nFix: look "
        "at each line that takes a `dim` (a missing one counts too), and let it leave the batch "
        "axis alone; `nn.MultiheadAttention` wants `batch_first=True` for batch-first input.",
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
        "`output_axes`; if not, follow the shapes back to the line where the batch gets lost.",
    ),
)
