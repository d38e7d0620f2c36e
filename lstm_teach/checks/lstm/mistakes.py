"""Mistakes of a whole layer: told by which step of x reaches which step of the output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.mistakes import candidates
from lstm_teach.checks.lstm.roles import RIGHT
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report


def forward(steps: int) -> Tensor:
    """What a right forward direction shows: a step reaches itself and all later ones."""
    return torch.ones(steps, steps, dtype=torch.bool).tril()


def _last(steps: int) -> Tensor:
    return torch.arange(steps) == steps - 1


ONE_DIRECTION = (
    Mistake(
        "state_not_carried",
        "each step starts from zeros again",
        "Each step of your output depends on its own x alone, so nothing is remembered.",
        "make the zeros once, before the loop over time: `h, c = cell(xt, (h, c))`",
        lambda n: torch.eye(n, dtype=torch.bool),
    ),
    Mistake(
        "output_reversed",
        "your output is reversed in time",
        "The first step of your output depends on all of x, the last step on its first step alone. "
        "The numbers are there, in the wrong order.",
        "append h to the end of the list, `outputs.append(h)`, and do not flip it afterwards",
        lambda n: forward(n).flip(0),
    ),
    Mistake(
        "x_reversed",
        "your loop reads x from its end",
        "The first step of your output depends on the last step of x alone, and the last one on "
        "all of x.",
        "`for xt in x:`, from the first step to the last",
        lambda n: forward(n).flip(1),
    ),
    Mistake(
        "output_one_step_late",
        "your output holds h from before each step",
        "Step t of your output does not depend on step t of x, and its first step depends on "
        "nothing: h was kept before it was computed.",
        "append h after `h, c = cell(xt, (h, c))`",
        lambda n: forward(n).tril(-1),
    ),
    Mistake(
        "steps_dropped",
        "the last step of x is never read",
        "No step of your output depends on the last step of x.",
        "loop over all of x: `for t in range(seq_len)`",
        lambda n: forward(n) & ~_last(n),
    ),
    Mistake(
        "steps_dropped",
        "the first step of x is never read",
        "No step of your output depends on the first step of x.",
        "loop over all of x: `for t in range(seq_len)`, which begins at 0",
        lambda n: forward(n) & ~_last(n).flip(0),
    ),
    Mistake(
        "steps_dropped",
        "the last step of your output is never filled",
        "The last step of your output does not depend on x at all.",
        "loop over all of x: `for t in range(seq_len)`",
        lambda n: forward(n) & ~_last(n)[:, None],
    ),
    Mistake(
        "steps_dropped",
        "the first step of x is read at every step",
        "Every step of your output depends on the first step of x and on no other.",
        "take the step of this time: `x[t]`",
        lambda n: _last(n).flip(0).expand(n, n),
    ),
    Mistake(
        "last_step_only",
        "every step of your output is the last one",
        "Every step of your output depends on all of x: one tensor was overwritten in place, or "
        "the last h was repeated.",
        "append h at every step to a list, and end with `torch.stack(list)`",
        lambda n: torch.ones(n, n, dtype=torch.bool),
    ),
    Mistake(
        "last_step_only",
        "only the last step of your output is filled",
        "All other steps of your output do not depend on x.",
        "store h at every step: `output[t] = h`",
        lambda n: _last(n)[:, None].expand(n, n),
    ),
)
"""What one direction may show instead: how(seq_len) is `[step of the output, step of x]`."""

BACKWARD_HALF = (
    Mistake(
        "backward_not_flipped_back",
        "the backward direction is not flipped back",
        "The second half of your output is in the order in which the backward direction walks: "
        "its first step has seen only the last step of x. So the two halves of one step belong to "
        "different steps.",
        "flip the outputs of the backward direction too, before `torch.cat`: "
        "`backward_output.flip(0)`, with time as the axis",
        lambda n: forward(n).flip(1),
    ),
    Mistake(
        "backward_not_reversed",
        "the backward direction walks forward",
        "Both halves of your output have seen the same steps: from the first to this one. The "
        "backward direction has to begin at the end of x.",
        "give the backward direction `x.flip(0)`, with time as the axis, and flip its output back",
        forward,
    ),
    Mistake(
        "backward_not_reversed",
        "the backward direction reads x in order, and only its output is flipped",
        "The second half of your output is flipped in time, though its direction walked forward.",
        "give the backward direction `x.flip(0)`, with time as the axis",
        lambda n: forward(n).flip(0),
    ),
    Mistake(
        "state_not_carried",
        "the backward direction starts from zeros at every step",
        "Each step of its half of the output depends on its own x alone.",
        "make the zeros once, before the loop over time",
        lambda n: torch.eye(n, dtype=torch.bool),
    ),
)
"""What the second half of the features may show instead of a backward direction."""


def cell_mistakes() -> Iterator[tuple[Any, str, Any]]:
    """Mistakes in the equations of one step: the mistake, its words, and the parts it changes."""
    for mistake, detail, parts in candidates():
        if parts.keys() <= RIGHT.keys():
            yield mistake, detail, parts


def in_the_cell(mistake: Any, detail: str) -> Report:
    """The report on a mistake in the equations."""
    return Report(
        mistake.verdict, f"{mistake.why}\nFix: {mistake.fix}.", headline=detail
    )
