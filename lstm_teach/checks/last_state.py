"""Does a classifier read out where its layer ends, for each sample as if it were alone?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.check import Names, examine, report_on
from lstm_teach.checks.layout.saying import ends_read, steps_read
from lstm_teach.checks.layout.tables import Tables
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
    report = report_on(t)
    if not report.ok:
        return report
    open_ = (*report.not_checked, said("another summary"))
    found = _wrong(t)
    if found is None:
        return replace(report, not_checked=open_)
    return told(found[0], report.evidence, open_, **found[1])


def _wrong(t: Tables) -> tuple[str, dict[str, Any]] | None:
    """What is wrong, by its name, and what fills its holes; None where the ends are read."""
    if not t.sample_reads or not t.walks:
        return "gradients end", {}
    read = [n for n, _ in enumerate(t.walks) if all(r[n].is_any for r in t.sample_reads)]
    if not read:
        return "no layer read", {}
    if not _uses(t, getattr(t.model, "readout", None)):
        return "readout unused", {"shape": t.shape}
    walk = t.walks[read[-1]]
    if any(of_sample[read[-1]].c for of_sample in t.sample_reads):
        return "reads c", {}
    found = ends_read(t, read[-1])
    if all(one == ["end"] * walk.call.directions for one in found):
        return None
    name = "not both ends" if walk.call.directions == 2 else "not the end"
    return name, {"steps": steps_read(walk, found), "layer": walk.name}


def _uses(t: Tables, layer: Any) -> bool:
    """Whether the answer depends on the weights of a linear layer; True of anything else."""
    weights = [*layer.parameters()] if isinstance(layer, nn.Linear) else []
    answer = t.asked.outputs.get(t.name, torch.zeros(1))
    weights = [weight for weight in weights if weight.requires_grad]
    if not weights or not answer.requires_grad:
        return True
    found = torch.autograd.grad(answer.sum(), weights, retain_graph=True, allow_unused=True)
    return any(one is not None for one in found)
