"""Calling a learner's cell: what it is given, and what it does beside returning something."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.returned import State, as_state
from lstm_teach.checks.cell.words import listed
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time

BUDGET = 1.0
"""Seconds after which no further call is begun that the verdict can do without."""

Way = Callable[[dict[str, Tensor]], tuple[tuple[Any, ...], dict[str, Any]]]
"""Turns the tensors given by name into positional and keyword arguments."""


@dataclass
class Caller:
    """Calls one step of a learner's cell.

    Attributes:
        subject: what the learner wrote; its name stands in reports.
        arrange: how its arguments are handed over.
        remarks: what else is worth saying, whatever the verdict.
        dtype: what the floating point tensors are cast to.
        spent: seconds spent in the learner's code so far.
        changed_inputs: names of the arguments that a call changed in place.
    """

    subject: Callable[..., Any]
    arrange: Way
    remarks: list[str] = field(default_factory=list)
    dtype: torch.dtype = torch.float64
    spent: float = 0.0
    changed_inputs: dict[str, None] = field(default_factory=dict)

    def __call__(self, **given: Tensor) -> State | Report:
        """The step's h and c, ``[batch, hidden_size]`` each, or a report on what is wrong."""
        result = self.raw(**given)
        return result if isinstance(result, Report) else as_state(result, given["h"].shape)

    def raw(self, **given: Tensor) -> Any:
        """Whatever the learner's code returns, or a report on what it raised."""
        tensors = {name: t.detach().to(self.dtype, copy=True) for name, t in given.items()}
        before = {name: t.clone() for name, t in tensors.items()}
        args, kwargs = self.arrange(tensors)
        torch.set_default_dtype(self.dtype)
        start = time.perf_counter()
        result = run_in_time(self.subject, *args, **kwargs)
        self.spent += time.perf_counter() - start
        for name, tensor in tensors.items():
            if tensor.shape != before[name].shape or not torch.equal(tensor, before[name]):
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
            names = listed(f"`{name}`" for name in self.changed_inputs)
            notes.append(
                f"Note: your code changes its argument {names} in place, so it changes for the "
                "caller too. Make a new tensor, such as `c = f * c + i * g` in place of `c *= f`."
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


def first_that_fits(
    subject: Callable[..., Any], function: Callable[..., Any], ways: Mapping[str, Way], names: str
) -> Caller | None:
    """A caller that hands its arguments over in the first way that a signature takes.

    Args:
        subject: what is called.
        function: whose signature it has.
        ways: by what is worth saying of each; "" for the expected one.
        names: of the tensors that are handed over, with spaces between.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a compiled function tells none
        return Caller(subject, next(iter(ways.values())))
    for remark, way in ways.items():
        args, kwargs = way(dict.fromkeys(names.split(), torch.empty(0)))
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return Caller(subject, way, [remark] if remark else [])
    return None


_ONE_STEP = (
    "The check gave it one step: x `[batch, input_size]` and h and c `[batch, hidden_size]`. A "
    "module that loops over a whole sequence is not a cell: give the check the step that stands "
    "inside its loop."
)
_HINTS = {
    "not enough values to unpack (expected 4": "`chunk(4)` alone cuts along axis 0, which is the "
    "batch. The four gates lie side by side on axis 1: `chunk(4, dim=1)`.",
    "not enough values to unpack (expected 3": _ONE_STEP,
    "3D": _ONE_STEP,
    "3-D": _ONE_STEP,
}


def hinted(failed: Report) -> Report:
    """A report on an error, with a sentence on what often leads to it."""
    for said, hint in _HINTS.items():
        if said in failed.message:
            return replace(failed, message=f"{failed.message}\n{hint}")
    return failed
