"""The pair h, c in what a step returned: is it one, and does it agree with another?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.words import described
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]

TWICE = (
    "Two calls with the same x, h and c gave different results. A cell keeps nothing between "
    "calls and draws nothing at random: its whole memory is the (h, c) that it is given. "
    "Weights are made once, in `__init__`, not in `forward`."
)


def without_output(result: Any) -> Any:
    """The state in `h, (h, c)`, which PyTorch's own custom LSTM benchmark returns; else all."""
    match result:
        case [Tensor() as output, [Tensor() as h, _] as state] if torch.equal(output, h):
            return state
    return result


def as_state(result: Any, expected: torch.Size) -> State | Report:
    """The pair h, c in what a learner's step returned, or a report on why it is none."""
    complaint = _no_pair(result, expected)
    if complaint:
        found = f"Your step returned {described(result)}; expected: `(h, c)`, a tuple of two "
        found += f"tensors of shape `{list(expected)}` each."
        return Report("unrecognised", f"{found} {complaint}".strip())
    h, c = (_tensor(part) for part in result)
    for name, part in (("h", h), ("c", c)):
        if not part.is_floating_point():
            return Report(
                "unrecognised",
                f"Your {name} has the dtype `{part.dtype}`; expected a floating point number, "
                "such as `torch.float32`. Gates lie between 0 and 1, so integers lose them.",
            )
    if h.shape != expected or c.shape != expected:
        return Report(
            "unrecognised",
            f"Your step returned h of shape `{list(h.shape)}` and c of shape `{list(c.shape)}`; "
            f"expected `{list(expected)}` for both: [batch, hidden_size].{_misshapen(h, expected)}",
        )
    for name, part in (("h", h), ("c", c)):
        if not part.isfinite().all():
            what = "NaN (not a number)" if part.isnan().any() else "infinite values"
            return Report(
                "unrecognised",
                f"Your {name} holds {what}. A right step never does on finite inputs: look for a "
                "division by zero, a logarithm of something negative, an `exp` that overflows, "
                "or a `torch.empty` that is never filled.",
            )
    return h, c


def _no_pair(result: Any, expected: torch.Size) -> str | None:
    """What keeps a result from being two tensors; None where nothing does."""
    if isinstance(result, Tensor) and result.shape == (2, *expected):
        return "The two are stacked into one tensor. Write `return h, c` at its end."
    if not isinstance(result, (tuple, list)):
        return "Write `return h, c` at its end."
    if len(result) == 2 and isinstance(result[1], (tuple, list)) and len(result[1]) == 2:
        return (
            "nn.LSTM returns `output, (h_n, c_n)`, but one step of nn.LSTMCell has no output "
            "beside h. Write `return h, c`."
        )
    if len(result) != 2:
        return "Keep h and c only."
    return None if all(hasattr(part, "__array__") for part in result) else ""


def _tensor(part: Any) -> Tensor:
    """A tensor, also of a NumPy array; a copy, for the cell may keep what it returned."""
    return torch.as_tensor(part).detach().clone()


def _misshapen(h: Tensor, expected: torch.Size) -> str:
    batch, hidden_size = expected
    if h.shape == (hidden_size, batch):
        return " Yours is transposed: batch is the first axis."
    if h.shape[-1:] == (4 * hidden_size,):
        return " Yours has all four blocks side by side: take it apart with `chunk(4, dim=1)`."
    if h.shape == (1, batch, hidden_size):
        return " Yours has an axis too many: a single step has no layers and no time."
    return ""


def tolerance(dtype: torch.dtype) -> float:
    """How far a right cell may be off, by the precision that it computes in."""
    return {torch.float64: 1e-5, torch.float32: 1e-3}.get(dtype, 5e-2)


def agrees(state: State | Report, expected: State) -> bool:
    """Whether both are equal, to the precision that the learner's code computes in."""
    if isinstance(state, Report):
        return False
    limit = max(tolerance(part.dtype) for part in state)
    return all(
        own.shape == right.shape
        and torch.allclose(own.double(), right.double(), rtol=limit, atol=limit)
        for own, right in zip(state, expected, strict=True)
    )


def broken_alone(state: State | Report) -> str:
    """The words for a cell that is right until the batch is a single sample."""
    found = f"It says: {state.message}" if isinstance(state, Report) else "The numbers are wrong."
    return (
        "Your step is right, except on a batch of one sample: there it breaks. `.squeeze()` takes "
        "away every axis of size 1, and `.squeeze(0)` the first one, so the batch goes. The last "
        f"batch of an epoch often has one sample.\n{found}\n"
        "Fix: leave `squeeze` out; h and c, `[batch, hidden_size]`, have no axis to take away."
    )
