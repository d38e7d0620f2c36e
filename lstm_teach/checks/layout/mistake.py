"""What a known layout mistake is: its name, how to tell it, and what to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lstm_teach.checks.layout.judge import Case
from lstm_teach.checks.layout.walk import Walk

Words = dict[str, Any]

SILENT = "PyTorch cannot see it: the sizes fit, so it computes with whatever stands there."


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


def words(case: Case, walk: Walk, **more: Any) -> Words:
    """The words about one walk that every message may use, and more of a mistake's own."""
    steps = ("[:, -1]", "[-1]") if walk.call.batch_first else ("[-1]", "[:, -1]")
    return {
        "layer": walk.name,
        "steps": walk.steps,
        "cols": walk.cols,
        "states": walk.call.rows,
        "batch": case.probe.batch,
        "time": case.probe.time,
        "batch_axis": case.probe.axes.index("batch") if case.has_batch else 0,
        "last": steps[0],
        "wrong_last": steps[1],
        **more,
    }
