"""Does a classifier read out where its layer ends, for each sample as if it were alone?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.check import Names, examine, report_on
from lstm_teach.checks.layout.saying import ends_read, steps_read
from lstm_teach.checks.layout.tables import Tables, Walk
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace

_ASSUMED = (
    "whether another summary was meant: it assumes one answer a sample, made of the h where each "
    "direction ends. A mean or an attention over the steps is right as well, and `check_layout` "
    "judges it."
)


@leaves_no_trace
def check_last_state(
    model: nn.Module,
    x: Any,
    lengths: Any = None,
    input_axes: Names = ("batch", "time"),
    call: Callable[[Any, Any], Any] | None = None,
) -> Report:
    """Judge the layout of a classifier first, and then which state it reads out.

    Right is the h where a sample really ends, and with two directions where each of them does: it
    is asked of the gradients at what leaves the recurrent layer, so it does not matter what the
    model does before the layer and after it.

    Args:
        model: any module with a recurrent layer that gives one answer a sample, [batch, ...].
        x: a batch as the model takes it, see `check_layout`.
        lengths: the real number of time steps of each sample, [batch]; None for no pads.
        input_axes: the axes of x.
        call: how to run the model where x alone does not do.

    Returns:
        The report of `check_layout` where that is not "ok"; else "ok" or "unrecognised", or
        "cannot_check" where no gradient tells what is read.
    """
    return examine(model, x, input_axes, ("batch",), lengths, call, then=_judged)


def _judged(t: Tables) -> Report:
    report = report_on(t)
    if not report.ok:
        return report
    report = replace(report, not_checked=(*report.not_checked, _ASSUMED))
    read = [n for n, _ in enumerate(t.walks) if all(r[n].is_any for r in t.sample_reads)]
    if not t.sample_reads or not t.walks or t.answer is None:
        return replace(
            report,
            verdict="cannot_check",
            message="The layout is right. Which state is read, only gradients tell, and none gets "
            "from the answer back to a recurrent layer.",
            headline="nobody can see which state is read",
        )
    if not read:
        return _wrong(
            report,
            "the answer reads no recurrent layer",
            "Nothing of what a recurrent layer gives reaches the answer of each sample. Which line "
            "hands it on?",
        )
    if not _uses(t, getattr(t.model, "readout", None)):
        return _wrong(
            report,
            "`readout` is not used",
            f"Your answer is {list(t.outputs[t.answer.number].shape)}, and it does not go through "
            "`readout`. Return `self.readout(...)` of one state a sample.",
        )
    walk, reads = t.walks[read[-1]], [of_sample[read[-1]] for of_sample in t.sample_reads]
    if any(read.c for read in reads):
        return _wrong(
            report,
            "the answer reads c",
            "c is what the layer keeps for itself; h is what it hands out. Read h_n, the first of "
            "`h_n, c_n`.",
        )
    ends = [_end(t, walk, sample) for sample in t.given.samples]
    found = [ends_read(walk, read, end) for read, end in zip(reads, ends, strict=True)]
    if all(one == ["end"] * walk.call.directions for one in found):
        return report
    where = "where each direction ends" if walk.call.directions == 2 else "where each sample ends"
    return _wrong(
        report,
        f"the answer is not made from the state {where}",
        f"No sample reaches another's answer, but each answer reads {steps_read(walk, reads)} of "
        f"`{walk.name}`. Which step do you read, whose length do you take for it, and with two "
        "directions which two states?",
    )


def _end(t: Tables, walk: Walk, sample: int) -> int | None:
    """How many steps a sample really has in a walk; None where the walk tells."""
    if t.given.lengths is None or t.given.pads_left or walk.steps > t.given.time:
        return None
    is_whole = t.in_step(walk) or walk.call.packed is not None
    return int(t.given.lengths[sample]) if is_whole else None


def _uses(t: Tables, layer: Any) -> bool:
    """Whether the answer depends on the weights of a linear layer; True of anything else."""
    if not isinstance(layer, nn.Linear) or t.asked is None or t.answer is None:
        return True
    answer = t.asked.outputs[t.answer.number].sum()
    weights = [p for p in layer.parameters() if p.requires_grad]
    if not weights or not answer.requires_grad:
        return True
    found = torch.autograd.grad(answer, weights, retain_graph=True, allow_unused=True)
    return any(one is not None for one in found)


def _wrong(report: Report, headline: str, message: str) -> Report:
    return replace(report, verdict="unrecognised", message=message, headline=headline)
