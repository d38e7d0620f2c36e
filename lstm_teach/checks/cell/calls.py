"""Calling a learner's cell: what it is given, what it hands back, and what it does beside that."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_learner

State = tuple[Tensor, Tensor]

BUDGET = 1.0
"""Seconds after which no further call is begun that the verdict can do without."""


LONGEST = 5.0
"""Seconds after which a single call is stopped."""


@dataclass
class Caller:
    """Calls one step of a learner's cell.

    Attributes:
        subject: what the learner wrote; its name stands in reports.
        arrange: turns the tensors given by name into positional and keyword arguments.
        dtype: what the floating point tensors are cast to.
        spent: seconds spent in the learner's code so far.
        changed_inputs: names of the arguments that a call changed in place.
        remarks: what else is worth saying, whatever the verdict.
    """

    subject: Callable[..., Any]
    arrange: Callable[[dict[str, Tensor]], tuple[tuple[Any, ...], dict[str, Any]]]
    dtype: torch.dtype = torch.float64
    spent: float = 0.0
    changed_inputs: dict[str, None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def __call__(self, **given: Tensor) -> State | Report:
        """The step's h and c, ``[batch, hidden_size]`` each, in float64, or what is wrong."""
        result = self.raw(**given)
        if isinstance(result, Report):
            return result
        return as_state(result, given["h"].shape)

    def raw(self, **given: Tensor) -> Any:
        """Whatever the learner's code returns, or a report on what it raised."""
        tensors = {
            name: tensor.detach().to(self.dtype, copy=True) for name, tensor in given.items()
        }
        before = {name: tensor.clone() for name, tensor in tensors.items()}
        args, kwargs = self.arrange(tensors)
        torch.set_default_dtype(self.dtype)
        start = time.perf_counter()
        with _time_limit():
            result = run_learner(self.subject, *args, **kwargs)
        self.spent += time.perf_counter() - start
        for name, tensor in tensors.items():
            if not _unchanged(tensor, before[name]):
                self.changed_inputs[name] = None
        return result

    def in_a_hurry(self) -> bool:
        """Whether the learner's code is so slow that the rest of the check is left out."""
        return self.spent > BUDGET

    def report(
        self, verdict: str, message: str, evidence: Mapping[str, Any] | None = None
    ) -> Report:
        """A report that also says what was noticed beside the verdict."""
        notes = list(self.remarks)
        if self.changed_inputs:
            names = listed([f"`{name}`" for name in self.changed_inputs])
            notes.append(
                f"Note: your code changes its argument {names} in place, so the caller's tensor "
                "changes too. Make a new one: `c = f * c + i * g` in place of `c *= f`."
            )
        if self.dtype == torch.float32:
            notes.append("It was run in float32, because float64 raises an error in your code.")
        left_out = (
            f"your code took {self.spent:.1f} s for a few steps, so further sizes and a batch of "
            "one were left out"
        )
        return Report(
            verdict,
            "\n".join([message, *notes]),
            evidence or {},
            (left_out,) if self.in_a_hurry() else (),
        )


@contextmanager
def _time_limit() -> Iterator[None]:
    """Stop an endless loop, where the platform and the thread allow it."""
    free = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    if not free or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"one step took more than {LONGEST:g} s, and was stopped")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def listed(names: list[str]) -> str:
    """Names in a sentence: a, b and c."""
    return " and ".join(", ".join(names).rsplit(", ", 1))


def tolerance(dtype: torch.dtype) -> float:
    """How far a right cell may be off, by the precision that it computes in."""
    return {torch.float64: 1e-5, torch.float32: 1e-3}.get(dtype, 5e-2)


def as_state(result: Any, expected: torch.Size) -> State | Report:
    """The pair h, c in what a learner's step returned, or a report on why it is none."""
    wanted = f"expected: `(h, c)`, a tuple of two tensors of shape {_shape(expected)} each"
    found = describe(result)
    if isinstance(result, dict) or not isinstance(result, (tuple, list)):
        hint = "Write `return h, c` at its end."
        if isinstance(result, Tensor) and result.shape == (2, *expected):
            hint = "The two are stacked into one tensor. " + hint
        return Report("unrecognised", f"Your step returned {found}; {wanted}. {hint}")
    if len(result) == 2 and isinstance(result[1], (tuple, list)) and len(result[1]) == 2:
        return Report(
            "unrecognised",
            f"Your step returned {found}; {wanted}. nn.LSTM returns `output, (h_n, c_n)`, but one "
            "step of nn.LSTMCell has no output beside h. Write `return h, c`.",
        )
    if len(result) != 2:
        return Report("unrecognised", f"Your step returned {found}; {wanted}. Keep h and c only.")
    state = [_tensor(part) for part in result]
    h, c = state
    if h is None or c is None:
        return Report("unrecognised", f"Your step returned {found}; {wanted}.")
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
            f"Your step returned h of shape {_shape(h.shape)} and c of shape {_shape(c.shape)}; "
            f"expected {_shape(expected)} for both: [batch, hidden_size].{_on_shapes(h, expected)}",
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


def describe(result: Any) -> str:
    """What a step returned, in words: types and shapes, no values."""
    if isinstance(result, Tensor):
        return f"one tensor of shape {_shape(result.shape)}"
    if isinstance(result, (tuple, list)):
        kind = type(result).__name__
        return f"a {kind} of {len(result)}: ({', '.join(map(describe, result))})"
    return f"a `{type(result).__name__}`"


def _on_shapes(h: Tensor, expected: torch.Size) -> str:
    batch, hidden_size = expected
    if h.shape == (hidden_size, batch):
        return " Yours is transposed: batch is the first axis."
    if h.shape[-1:] == (4 * hidden_size,):
        return " Yours has all four blocks side by side: take it apart with `chunk(4, dim=1)`."
    if h.shape == (1, batch, hidden_size):
        return " Yours has an axis too many: a single step has no layers and no time."
    return ""


def _tensor(part: Any) -> Tensor | None:
    numpy = sys.modules.get("numpy")
    if numpy and isinstance(part, numpy.ndarray):
        part = torch.as_tensor(part)
    return part.detach() if isinstance(part, Tensor) else None


def _unchanged(now: Tensor, before: Tensor) -> bool:
    return now.shape == before.shape and torch.equal(now, before)


def _shape(shape: torch.Size) -> str:
    return f"`{list(shape)}`"


def worst(state: State, expected: State) -> tuple[float, float]:
    """How far h and c are off at most, each."""
    h, c = (
        (own.double() - right).abs().max().item()
        for own, right in zip(state, expected, strict=True)
    )
    return h, c


def agrees(state: State, expected: State) -> bool:
    """Whether both are equal, to the precision that the learner's code computes in."""
    return all(
        own.shape == right.shape
        and bool(((own.double() - right).abs() <= tolerance(own.dtype) * (1 + right.abs())).all())
        for own, right in zip(state, expected, strict=True)
    )
