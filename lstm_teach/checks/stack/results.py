"""What a learner's stack returns: read it, and look up what each part of it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.stack.wiring import Result


def read(result: Any) -> Any:
    """The same result with its iterators, such as `zip` or a deque, as lists, arrays as tensors."""
    if isinstance(result, (Tensor, str, bytes, dict)) or not isinstance(result, Iterable):
        return result
    if hasattr(result, "__array__"):
        return torch.as_tensor(result)
    return [read(part) for part in result]


def same(given: Any, expected: Any) -> bool:
    """Whether both hold the same numbers in the same places.

    A tensor may stand for a list of equal tensors, and a list of equal tensors for one tensor.
    """
    if isinstance(expected, Tensor):
        if isinstance(given, list):
            return len(given) == len(expected) > 0 and all(map(same, given, expected))
        return isinstance(given, Tensor) and close(given, expected)
    if not isinstance(expected, (list, tuple)):
        return type(given) is type(expected)
    if isinstance(given, Tensor) and given.dim() == 0:
        return False
    if not isinstance(given, (Tensor, list)) or len(given) != len(expected):
        return False
    return all(map(same, given, expected))


def close(given: Tensor, expected: Tensor) -> bool:
    """Whether two tensors hold the same numbers, to rounding."""
    if given.shape != expected.shape or given.is_complex() or not _holds_numbers(given):
        return False
    exact = given.dtype == expected.dtype == torch.float64
    tolerance = 1e-8 if exact else 1e-3
    return torch.allclose(given.detach().double().cpu(), expected.double(), tolerance, tolerance)


def _holds_numbers(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_meta


def together(result: Result) -> Any:
    """The same in nn.LSTM's own form: the h of all layers, and the c of all layers."""
    output, states = result
    return output, list(zip(*states, strict=True))


def looked_up(given: Any, result: Result | None) -> str:
    """What a learner returned, each part by its name in this result; "" where one is not in it."""
    output, states = result or (torch.zeros(0), [])
    named = {
        "output": output,
        "the output with the batch first": output.transpose(0, 1),
        "the output with time and batch in one axis": output.flatten(0, 1),
        "the output backward in time": output.flip(0),
    }
    for k, (h, c) in enumerate(states):
        named |= {f"h of layer {k}": h, f"c of layer {k}": c}

    def name(part: Any) -> str:
        for known, tensor in named.items():
            if same(part, tensor):
                return known
        if not isinstance(part, list) and (not isinstance(part, Tensor) or part.dim() < 3):
            return ""
        names = list(map(name, part))
        return f"({', '.join(names)})" if all(names) else ""

    found = name(given)
    return found if "output" in found else ""


def described(value: Any) -> str:
    """What was returned, in words: kinds and shapes, no numbers."""
    if isinstance(value, Tensor):
        strange = f"{value.layout} on the device {value.device}"
        return str(list(value.shape)) if _holds_numbers(value) else strange
    if isinstance(value, (list, tuple)):
        shown = [*map(described, value[:4]), *["..."] * (len(value) > 4)]
        return f"({', '.join(shown)})"
    return f"`{type(value).__name__}`"


def first_off(given: Any, right: Result | None) -> str:
    """Where the numbers part first; "" where what was returned cannot be compared."""
    try:
        (ours, pairs), (output, states) = given, right  # type: ignore[misc]
        places = [(f"output at step {t}", ours[t], step) for t, step in enumerate(output)]
        for layer, pair in enumerate(states):
            places += [
                (f"{n} of layer {layer}", pairs[layer][k], pair[k]) for k, n in enumerate("hc")
            ]
        for name, one, two in places:
            if one.shape != two.shape or not _holds_numbers(one):
                return ""
            if not close(one, two):
                return name
    except (AttributeError, IndexError, TypeError, ValueError):
        pass
    return ""
