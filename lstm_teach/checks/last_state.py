"""Does a classifier read out where its layer ends, for each sample as if it were alone?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.check import Names, examine, report_on
from lstm_teach.checks.layout.saying import ENDS, ends_read, evidence, steps_read
from lstm_teach.checks.layout.tables import Answer, Tables
from lstm_teach.checks.layout.words import said, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace


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
    return examine(_judged, model, x, (input_axes, ("batch",)), lengths, call)


def _judged(t: Tables) -> Report:
    answers = [one for one in t.answers if one.name in t.floats or not t.floats]
    rows = [one for one in answers if one.is_said and t.outputs[one.name].dim() < 3]
    if not t.mixes and len(answers) > 1:
        if not rows:
            return told("no_rows", evidence(t))
        t.answer = next((one for one in rows if _uses_readout(t, one)), rows[0])
    report = report_on(t)
    if not report.ok:
        return report
    open_ = (*report.not_checked, said("another_summary"))
    if t.walks and any(t.walks[number].by_hand for number in t.read):
        t.cut_all_states()
        open_ += (said("carried", layer=t.walks[t.read[0]].name),) if t.read else ()
    found = _wrong(t)
    if found is None:
        return replace(report, not_checked=open_)
    return told(found[0], report.evidence, open_, **found[1])


def _wrong(t: Tables) -> tuple[str, dict[str, Any]] | None:
    """What is wrong, by its name, and what fills its holes; None where the ends are read."""
    if not t.sample_reads or not t.walks or t.answer is None:
        return "gradients_end", {}
    if not t.read:
        return "no_layer_read", {}
    if not _uses_readout(t, t.answer):
        return "readout_unused", {"shape": t.shape}
    walk, found = t.walks[t.read[0]], ends_read(t)
    if any(reads[number].c for reads, number in zip(t.sample_reads, t.read, strict=True)):
        return "reads_c", {}
    ends = ENDS[: walk.call.directions]
    if all(one == ends for one in found):
        return None
    name = "not_both_ends" if len(ends) == 2 else "not_the_end"
    return name, {"steps": steps_read(found), "layer": walk.name}


def _uses_readout(t: Tables, answer: Answer) -> bool:
    """Whether an answer depends on the weights of a linear layer `readout`; True without one."""
    layer = getattr(t.model, "readout", None)
    weights = [*layer.parameters()] if isinstance(layer, nn.Linear) else []
    weights = [weight for weight in weights if weight.requires_grad]
    output = t.asked.outputs.get(answer.name, torch.zeros(1))
    if not weights or not output.requires_grad:
        return True
    found = torch.autograd.grad(output.sum(), weights, retain_graph=True, allow_unused=True)
    return any(one is not None for one in found)
