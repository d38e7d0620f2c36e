"""Is this nn.Module a right stack of the cells that it is given, and does it own their weights?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.report import Report
from lstm_teach.checks.stack.check import check_stack


def check_stack_module(stack: Callable[[list[nn.LSTMCell]], nn.Module]) -> Report:
    """Judge the wiring first, then the ownership: an optimizer sees only what parameters() finds.

    Args:
        stack: a class, called with a list of nn.LSTMCell from the lowest layer up; its instances
            are called as `check_stack` calls a function, with x `[seq_len, batch, input_size]`.

    Returns:
        The report of `check_stack`; where that finds no mistake, "unrecognised" if weights of the
        cells are missing in parameters(), or if a state is kept between calls.
    """

    def run(cells: list[nn.LSTMCell], x: Tensor) -> Any:
        return stack(cells)(x)

    run.__name__ = getattr(stack, "__name__", "your stack")
    report = check_stack(run)
    if report.verdict not in ("ok", "cannot_check"):
        return report
    cells = [nn.LSTMCell(5, 4), nn.LSTMCell(4, 3)]
    built = stack(cells)
    weights = set(nn.ModuleList(cells).parameters())
    found = weights & set(built.parameters())
    if found != weights:
        return Report(
            "unrecognised",
            f"`parameters()` finds {len(found)} of the {len(weights)} weights of the cells, so an "
            "optimizer would never train the others. A module does not look into a plain list: "
            "keep the cells that it is given in `nn.ModuleList(cells)`.",
            headline="the module does not own all of its cells",
        )
    if not report.ok:
        return report
    x = torch.randn(6, 2, 5)
    with torch.no_grad():
        first, again = built(x)[0].clone(), built(x)[0]
    if not torch.equal(first, again):
        return Report(
            "unrecognised",
            "A second call with the same x gives other numbers: a state is kept in `self`. Start "
            "the states in `forward`.",
            headline="the state of one call is still there at the next",
        )
    return report
