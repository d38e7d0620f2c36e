"""Names and shapes in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

A_SEQUENCE = "reads a whole sequence, and this check is for one step, as nn.LSTMCell makes it."


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: a, b and c."""
    return " and ".join(", ".join(names).rsplit(", ", 1))


def the_gates(gates: Iterable[str]) -> str:
    """The gate f, the gates i and f."""
    names = listed(gates)
    return f"the gate {names}" if len(names) == 1 else f"the gates {names}"


def sentence(detail: str) -> str:
    """A detail as a sentence; the name of a tensor keeps its small letter."""
    first = detail.split()[0]
    return f"{detail if len(first) == 1 else detail[0].upper() + detail[1:]}."


def described(result: Any) -> str:
    """What a step returned, in words: types and shapes, no values."""
    if isinstance(result, Tensor):
        return f"one tensor of shape `{list(result.shape)}`"
    if isinstance(result, (tuple, list)):
        kind = type(result).__name__
        return f"a {kind} of {len(result)}: ({', '.join(map(described, result))})"
    return f"a `{type(result).__name__}`"
