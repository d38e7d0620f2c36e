"""Calling a step, and finding h and c in what it hands back."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path

from lstm_teach.checks.bringing import BEGINS, Caller, listed
from lstm_teach.checks.cell.mistakes import told
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]
_EXTRAS = "Your step does not return `h, c` and nothing else; nn.LSTMCell returns `(h, c)` alone."


class Step(Caller):
    """Calls a learner's step."""

    def __call__(self, **given: Tensor) -> State | Report:
        """The step's h and c, ``[batch, hidden_size]`` each, or a report on what is wrong."""
        state = self.pair(**given)
        for name, part in () if isinstance(state, Report) else zip("hc", state, strict=True):
            if not part.is_floating_point():
                return told("whole_numbers", f"whole numbers (`{part.dtype}`)", name=name)
            if not part.isfinite().all():
                what = "NaN (not a number)" if part.isnan().any() else "infinite values"
                return told("not_finite", what, name=name)
        return state

    def pair(self, **given: Tensor) -> State | Report:
        """As calling it, whatever numbers h and c hold."""
        expected = given["h"].shape
        result = self.raw(**given)
        if isinstance(result, Report):
            return result
        both = (expected[0], 2 * expected[1])
        joined = [part for part in (result, *_parts(result)) if getattr(part, "shape", 0) == both]
        result = joined[0].chunk(2, -1) if joined else result
        state = find_state(result, expected)
        if state is None:
            return no_state(result, expected)
        alone = isinstance(result, (tuple, list)) and len(result) == 2 and result[0] is state[0]
        if not alone and _EXTRAS not in self.remarks:
            self.remarks.append(_EXTRAS)
        return state


def find_state(result: Any, expected: torch.Size) -> State | None:
    """h and c in what a step returned: the first pair, beside an output, a cache or gates."""
    beside: dict[Any, dict[str, Tensor]] = {}
    for (*where, last), part in tree_flatten_with_path(result)[0] if _parts(result) else ():
        if getattr(part, "shape", None) == expected:
            beside.setdefault((*where,), {})[str(getattr(last, "key", last))] = part
    for parts in beside.values():
        named = [part for b in "hc" for name, part in parts.items() if re.match(BEGINS[b], name)]
        pair = named if len(named) == 2 else [*parts.values()]
        if len(pair) > 2 and torch.equal(pair[0], pair[1]):
            pair = pair[1:]  # an output that is h
        if len(pair) > 1:
            return pair[0], pair[1]
    return None


def no_state(result: Any, expected: torch.Size) -> Report:
    """What keeps a result from being the pair h, c."""
    batch, hidden_size = expected
    hints = {
        (2, *expected): "The two are stacked into one tensor.",
        None: "One of the two is None, and c goes to the next step too.",
        (hidden_size, batch): "Yours is transposed: batch is the first axis.",
        (1, *expected): "Yours has an axis too many: a single step has no layers and no time.",
        (batch, 4 * hidden_size): (
            "Yours has all four blocks side by side: take it apart with `chunk(4, dim=1)`."
        ),
    }
    parts = [result, *_parts(result)]
    shapes = [None if part is None else getattr(part, "shape", "") for part in parts]
    hint = next((hint for shape, hint in hints.items() if shape in shapes), "")
    hint = hint or "Write `return h, c` at its end."
    seen = [f"`{[*s]}`" if s else "None" if s is None else "no tensor" for s in shapes]
    what = f"one tensor of shape {seen[0]}"
    if not isinstance(result, Tensor):
        what = f"a {type(result).__name__} of {listed(seen[1:]) or 'nothing'}"
    return told("no_state", result=what, shape=f"{list(expected)}", hint=hint)


def _parts(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return [*result.values()]
    return [*result] if isinstance(result, (tuple, list)) else []
