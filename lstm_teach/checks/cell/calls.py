"""Calling a learner's cell: what it is given, and what it does beside returning something."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.returned import State, as_state, without_output
from lstm_teach.checks.cell.words import listed
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time

BUDGET = 1.0
"""Seconds after which no further call is begun that the verdict can do without."""

_WITH_OUTPUT = "Your step returns `h, (h, c)`; nn.LSTMCell returns `(h, c)` alone."

Way = Callable[[dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]
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
        """What the learner's code returns beside an output, or a report on what it raised."""
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
        state = without_output(result)
        if state is not result and _WITH_OUTPUT not in self.remarks:
            self.remarks.append(_WITH_OUTPUT)
        return state

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


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """What a function takes; anything, where it does not tell, as compiled ones do."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return inspect.signature(lambda *args: None)


_BY_NAME = "Your code takes its arguments in an order of its own; the check went by their names."
_BEGINS = {"x": "x|inp", "h": "h", "c": r"c(ell|prev|old|last|[txyn]?\d*(_|$))"}


def first_that_fits(
    subject: Callable[..., Any], function: Callable[..., Any], forms: Mapping[str, str]
) -> Caller | None:
    """A caller that hands its arguments over in the first form that a signature takes.

    Each goes to the parameter of its name, x, h and c also to one of the first three that only
    begins so; what is left goes in order.

    Args:
        subject: what is called.
        function: whose signature it has.
        forms: names of what is handed over, with spaces between and "state" for (h, c), and what
            is worth saying of each.
    """
    signature = signature_of(function)
    kinds = {name: p.kind.name for name, p in signature.parameters.items()}
    star, stars = (
        next((name for name, kind in kinds.items() if kind == f"VAR_{several}"), "")
        for several in ("POSITIONAL", "KEYWORD")
    )
    single = [name for name, kind in kinds.items() if not kind.startswith("VAR")]
    begun = {
        name: parameter
        for parameter in single[2::-1]
        for name, begins in _BEGINS.items()
        if re.match(begins, parameter, re.IGNORECASE)
    }
    own = begun | {name: name for form in forms for name in form.split() if name in single}
    if not {"h", "c"} <= own.keys():  # one of them alone may be the pair
        own = {name: parameter for name, parameter in own.items() if name not in "hc"}
    apart = "c" in own or star.startswith(("h", "s"))  # as in `forward(x, *hc)`
    free = [parameter for parameter in single if parameter not in own.values()]

    def handed_over(names: list[str]) -> Way:
        def way(given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            things: dict[str, Any] = {**given, "state": (given["h"], given["c"])}
            rest = {name: things[name] for name in names if name not in own}
            left = dict([*rest.items()][len(free) :])
            bound = signature.bind_partial()
            bound.arguments |= {own[name]: things[name] for name in names if name in own}
            bound.arguments |= zip(free, rest.values(), strict=False)
            bound.arguments |= {star: left.values()} if star else {stars: left} if stars else {}
            return bound.args, bound.kwargs

        return way

    for form, remark in forms.items():
        names = form.split()
        way = handed_over(names)
        args, kwargs = way({name: name for name in (*names, "h", "c")})
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        taken = [*args, *kwargs.values()]
        if len(taken) == len(names) and not (apart and "state" in names):
            in_order = taken == [("h", "c") if name == "state" else name for name in names]
            remarks = [remark, "" if in_order else _BY_NAME]
            return Caller(subject, way, [remark for remark in remarks if remark])
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
