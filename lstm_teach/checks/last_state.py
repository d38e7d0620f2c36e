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
    verdict, headline, message = _wrong(t) or (report.verdict, "", report.message)
    return replace(report, verdict=verdict, headline=headline, message=message)


def _wrong(t: Tables) -> tuple[str, str, str] | None:
    """The verdict, the headline and the message, where not the state at the end is read."""
    if not t.sample_reads or not t.walks:
        return (
            "cannot_check",
            "nobody can see which state is read",
            "The layout is right. Which state is read, only gradients tell, and none gets from "
            "the answer back to a recurrent layer.",
        )
    read = [n for n, _ in enumerate(t.walks) if all(r[n].is_any for r in t.sample_reads)]
    if not read:
        return (
            "unrecognised",
            "the answer reads no recurrent layer",
            "Nothing of what a recurrent layer gives reaches the answer of each sample. Which line "
            "hands it on?",
        )
    if not _uses(t, getattr(t.model, "readout", None)):
        return (
            "unrecognised",
            "`readout` is not used",
            f"Your answer is {t.shape}, and it does not go through `readout`. Return "
            "`self.readout(...)` of one state a sample.",
        )
    walk, reads = t.walks[read[-1]], [of_sample[read[-1]] for of_sample in t.sample_reads]
    if any(one.c for one in reads):
        return (
            "unrecognised",
            "the answer reads c",
            "c is what the layer keeps for itself; h is what it hands out. Read h_n, the first of "
            "`h_n, c_n`.",
        )
    ends = [_end(t, walk, sample) for sample in t.given.samples]
    found = [ends_read(walk, one, end) for one, end in zip(reads, ends, strict=True)]
    if all(one == ["end"] * walk.call.directions for one in found):
        return None
    where = "where each direction ends" if walk.call.directions == 2 else "where each sample ends"
    return (
        "unrecognised",
        f"the answer is not made from the state {where}",
        f"No sample reaches another's answer, but each answer reads {steps_read(walk, reads)} of "
        f"`{walk.name}`. Which step do you read, whose length do you take for it, and with two "
        "directions which two states?",
    )


def _end(t: Tables, walk: Walk, sample: int) -> int | None:
    """How many steps a sample really has in a walk; None where the walk tells."""
    is_whole = t.in_step(walk) or walk.call.packed is not None
    if t.given.lengths is None or t.given.pads_left or not is_whole:
        return None
    return int(t.given.lengths[sample])


def _uses(t: Tables, layer: Any) -> bool:
    """Whether the answer depends on the weights of a linear layer; True of anything else."""
    weights = [*layer.parameters()] if isinstance(layer, nn.Linear) else []
    answer = t.asked.outputs[t.number] if t.asked is not None else torch.zeros(1)
    weights = [weight for weight in weights if weight.requires_grad]
    if not weights or not answer.requires_grad:
        return True
    found = torch.autograd.grad(answer.sum(), weights, retain_graph=True, allow_unused=True)
    return any(one is not None for one in found)
