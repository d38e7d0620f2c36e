"""Calling a step, and finding h and c in what it hands back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path

from lstm_teach.checks.bringing import BEGINS, Caller, listed
from lstm_teach.checks.cell.mistakes import told
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]
_EXTRAS = "Your step does not return `h, c` and nothing else; nn.LSTMCell returns `(h, c)` alone."


@dataclass
class Step(Caller):
    """Calls a learner's step.

    Attributes:
        places: which of the tensors of h's shape that come back are h and c, from the first call.
        c_first: whether (c, h) stands for (h, c), where the state comes in.
        many: how many more than these two there are, in words; "" where there are none.
    """

    places: tuple[int, int] | None = None
    c_first: bool = False
    many: str = ""

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
        if self.c_first:
            given |= {"h": given["c"], "c": given["h"]}
        result = self.raw(**given)
        if isinstance(result, Report):
            return result
        both = (expected[0], 2 * expected[1])
        joined = [part for part in (result, *_parts(result)) if getattr(part, "shape", 0) == both]
        result = joined[0].chunk(2, -1) if joined else result
        found = _candidates(result, expected)
        if len(found) < 2:
            return no_state(result, expected)
        if self.places is None:
            twice = len(found) > 2 and torch.equal(found[0], found[1])  # an output that is h
            self.places = _likeliest(found, (1, 2) if twice else (0, 1))
            self.many = f"{len(found)} tensors" if len(found) > 2 + twice else ""
        state = found[self.places[0]], found[self.places[1]]
        alone = isinstance(result, (tuple, list)) and len(result) == 2 and result[0] is state[0]
        if not alone and _EXTRAS not in self.remarks:
            self.remarks.append(_EXTRAS)
        return state


def _candidates(result: Any, expected: torch.Size) -> list[Tensor]:
    """What a step returned of the shape of h and c, the outermost that stand together: beside an
    output, a cache or gates; the two alone where they have their names."""
    beside: dict[Any, dict[str, Tensor]] = {}
    for (*where, last), part in tree_flatten_with_path(result)[0] if _parts(result) else ():
        if getattr(part, "shape", None) == expected:
            beside.setdefault((*where,), {})[str(getattr(last, "key", last))] = part
    for _, parts in sorted(beside.items(), key=lambda item: len(item[0])):
        named = [part for b in "hc" for name, part in parts.items() if re.match(BEGINS[b], name)]
        found = named if len(named) == 2 else [*parts.values()]
        if len(found) > 1:
            return found
    return []


def _likeliest(found: list[Tensor], first: tuple[int, int]) -> tuple[int, int]:
    """Which two of many tensors may be h and c, since h is a part of tanh(c); or those that stand
    first."""
    likely = [
        (h, c)
        for h, c in permutations(range(len(found)), 2)
        if ((found[h] / found[c].tanh() > 0) & (found[h].abs() < found[c].tanh().abs())).all()
    ]
    if len(found) == 2 or first in likely:
        return first
    return max(likely, key=lambda pair: found[pair[1]].abs().sum(), default=first)


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
