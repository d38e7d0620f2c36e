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


_WALK_ALONG_TIME = {
    ("loop", "batch"): "loop over time: `for x_t in x.unbind(1):`",
    ("loop", "time"): "loop over the first axis: `for x_t in x:`",
    ("packed", "batch"): "`pack_padded_sequence(x, lengths, batch_first=True)`",
    ("packed", "time"): "`pack_padded_sequence(x, lengths)`, without `batch_first=True`",
    ("batch_first", "batch"): "leave out the `transpose` or `permute` before `{layer}`, which "
    "already has `batch_first=True`",
    ("batch_first", "time"): "take `batch_first=True` out of `{layer}`",
    ("plain", "batch"): "`{made}(..., batch_first=True)`, and then the last step is `out[:, -1]` "
    "(or hand it `x.transpose(0, 1)` and keep the rest)",
    ("plain", "time"): "leave out the `transpose` or `permute` before `{layer}`",
}


def walk_along_time(case: Case, walk: Walk) -> str:
    """How a walk along another axis is made to go along time."""
    call = walk.call
    if call.is_cell or len(walk.calls) > 1:
        how = "loop"
    else:
        how = (
            "packed" if call.packed is not None else "batch_first" if call.batch_first else "plain"
        )
    made = f"{walk.name} = {call.kind}" if call.name else call.kind
    return _WALK_ALONG_TIME[how, case.probe.axes[0]].format(layer=walk.name, made=made)
