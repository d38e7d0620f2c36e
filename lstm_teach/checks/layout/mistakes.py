"""The known layout mistakes that mix samples, as a table: the name, how to tell, what to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lstm_teach.checks.layout import rules
from lstm_teach.checks.layout.between import state_dealt_out
from lstm_teach.checks.layout.judge import Case
from lstm_teach.checks.layout.rules import Words


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


SILENT = "PyTorch cannot see it: the sizes fit, so it computes with whatever stands there."

BEFORE = (
    Mistake(
        "batch_as_time",
        rules.batch_as_time,
        "You gave x with {batch} samples, and {how}: the samples have become its time steps "
        "({steps} steps, batch 1), so each sample is read as the continuation of the one before. "
        f"This is wrong before the layer. {SILENT}\nFix: {{fix}}.",
    ),
    Mistake(
        "time_batch_swapped",
        rules.time_batch_swapped,
        "You gave x with the batch on axis {batch_axis}, and `{layer}` walks along just that axis: "
        "it takes each sample for one time step ({steps} steps) and the time steps for "
        "{cols} sentences, so what you call sample 1 goes on from sample 0. It walks along the "
        f"batch, not along time. {SILENT} Only the shape of h_n would tell.\nFix: {{fix}}.",
    ),
    Mistake(
        "view_scramble",
        rules.view_before,
        "Before `{layer}` a `view` or `reshape` cuts x into another shape: sequence {column} of "
        "what the layer walks holds rows of several samples. `view` does not swap axes; it deals "
        f"the same row of numbers out anew. {SILENT}\nFix: swap the axes with "
        "`x.transpose(0, 1)` (or `permute`) in place of the `view`.",
    ),
    Mistake(
        "hidden_view_scramble",
        rules.state_by_view,
        "The input of `{layer}` is right, but the state handed to it is not: it comes from a "
        "`view` or `reshape` across the axes of [layers * directions, batch, hidden], so a sample "
        f"starts with states of other samples. {SILENT}\nFix: split the axes in the order in which "
        "they lie, then swap: `h.view(batch, layers, hidden).transpose(0, 1).contiguous()`.",
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
        rules.mixed_before,
        "What comes into `{layer}` already mixes samples: one row of it depends on several samples "
        "of x, or a sequence is put together from several. Something before the layer works "
        f"across the batch axis. {SILENT}\nFix: look at each line before `{{layer}}` that takes a "
        "`dim`, a `view`, a `cat` or an attention, and let it leave the batch axis alone.",
    ),
)

AFTER = (
    Mistake(
        "last_step_wrong_axis",
        rules.last_step_wrong_axis,
        "`{layer}` is used rightly, but after it only sample {sample} is left: the output "
        "{shape} holds other time steps of that one sample, not the last step of each. That is "
        f"`out{{wrong_last}}` (or the like on h_n), which indexes the batch axis here. {SILENT}\n"
        "Fix: take `out{last}`, or `h_n[-1]`, which is right in both layouts.",
    ),
    Mistake(
        "samples_mixed",
        rules.rows_in_another_order,
        "The rows of the output are in another order than the samples of x: row {to_sample} "
        "belongs to sample {from_sample}. Sorting by length before `pack_padded_sequence` does "
        f"this where nothing puts the rows back. {SILENT} The loss then compares each answer with "
        "another sample's target.\nFix: `enforce_sorted=False` and no sorting of your own, or put "
        "the rows back: `out[order.argsort()]`.",
    ),
    Mistake(
        "hidden_view_scramble",
        rules.hidden_view,
        "`{layer}` is right, but its final state is cut by `view` or `reshape`: h_n is "
        "[{states}, {batch}, hidden] with the batch in the middle, whatever `batch_first` says, so "
        "the pieces that you hand on as one sample come from several. "
        f"{SILENT}\nFix: `h_n.transpose(0, 1).reshape(batch, -1)`, or "
        "`torch.cat((h_n[-2], h_n[-1]), dim=1)` for both directions of the top layer.",
    ),
    Mistake(
        "view_scramble",
        rules.view_after,
        "`{layer}` is right, but after it a `view` or `reshape` cuts its output across "
        "samples: an output row reads steps of other samples. `view` does not swap axes; it deals "
        f"the same row of numbers out anew. {SILENT}\nFix: take `out{{last}}` before any "
        "reshape, or swap the axes with `out.transpose(0, 1)` first.",
    ),
    Mistake(
        "time_batch_swapped",
        rules.output_axes_swapped,
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
        rules.homemade_walks_the_batch,
        "Your recurrence walks along axis {batch_axis} of x, the batch: the {batch} samples reach "
        "one another in order, and the {time} time steps do not. "
        f"{SILENT}\nFix: walk along time: `for x_t in x.unbind(1)` for x as [batch, time, ...], "
        "`for x_t in x` for [time, batch, ...].",
    ),
    Mistake(
        "samples_mixed",
        rules.mixed_after,
        "Sample {from_sample} of x changes the output of sample {to_sample}. What comes into the "
        "recurrent layers is right, so it happens after them, or in a part without any: a "
        f"`softmax`, mean or attention over the batch axis does this. {SILENT}\nFix: look "
        "at each line that takes a `dim` (a missing one counts too), and let it leave the batch "
        "axis alone; `nn.MultiheadAttention` wants `batch_first=True` for batch-first input. (If "
        "the samples are meant to see one another, such as people in a scene, they are no batch.)",
    ),
    Mistake(
        "not_attempted",
        rules.one_number,
        "The model returns one number for the whole batch, such as a loss, so nobody can tell "
        "which sample went where. What comes into its recurrent layers is not mixed. Check the "
        "module that returns the predictions.",
    ),
    Mistake(
        "unrecognised",
        rules.no_batch_in_output,
        "You said that axis {place} of the output is the batch of {batch}, but no output has that "
        "size there: {shapes}.\nIf the output is laid out in another way on purpose, say so in "
        "`output_axes`; if not, follow the shapes back to the line where the batch gets lost.",
    ),
)
