"""What a learner's stack returns: read it, compare it, and know it in another arrangement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lstm_teach.checks.stack.wiring import Result, State


class Arranged(NamedTuple):
    """A way to hand back what a stack computes: in words, how to mend it, and what it returns."""

    headline: str
    fix: str
    how: Callable[[Tensor, list[State]], Any]


_EACH = "return one (h, c) for each layer: `return output, list(zip(h, c))`"
_TOP_ALONE = "the (h, c) of the top layer alone is returned"
_FOR_EACH = "return one for each layer: `return output, [(h, c), ...]`"
ARRANGEMENTS = (
    Arranged("", "", lambda o, s: (o, s)),
    Arranged(
        "the states come first and the output second",
        "`return output, states`",
        lambda o, s: (s, o),
    ),
    Arranged(
        "all h are returned together, and all c together",
        f"different hidden sizes do not fit into one tensor, so {_EACH}",
        lambda o, s: (o, list(zip(*s, strict=True))),
    ),
    Arranged(
        "three things are returned: output, all h, all c",
        _EACH,
        lambda o, s: (o, *zip(*s, strict=True)),
    ),
    Arranged(
        "the pairs are returned as (c, h)",
        "turn each pair round, as nn.LSTMCell and nn.LSTM have it",
        lambda o, s: (o, [(c, h) for h, c in s]),
    ),
    Arranged(
        "the states start with the top layer",
        "`return output, states[::-1]`, so that `states[0]` belongs to `cells[0]`",
        lambda o, s: (o, s[::-1]),
    ),
    Arranged(
        "each layer's (h, c) is returned as a result of its own",
        "`return output, [(h, c), ...]`",
        lambda o, s: (o, *s),
    ),
    Arranged(_TOP_ALONE, _FOR_EACH, lambda o, s: (o, s[-1])),
    Arranged(_TOP_ALONE, _FOR_EACH, lambda o, s: (o, s[-1:])),
    Arranged(
        "the states hold h without c",
        "return one `(h, c)` for each layer: the next step needs both",
        lambda o, s: (o, [h for h, c in s]),
    ),
    Arranged(
        "the output is returned alone",
        "`return output, states`: without states nobody can go on from the last step",
        lambda o, s: o,
    ),
    Arranged(
        "the output is `[batch, seq_len, hidden_size]`",
        "stack the steps along axis 0, as x has them: `torch.stack(steps)`",
        lambda o, s: (o.transpose(0, 1), s),
    ),
    Arranged(
        "the output has its time and batch axes in one",
        "`torch.stack(steps)` in place of `torch.cat` gives the steps an axis of their own",
        lambda o, s: (o.flatten(0, 1), s),
    ),
    Arranged(
        "the output runs backward in time",
        "return the steps in the order of x",
        lambda o, s: (o.flip(0), s),
    ),
)
"""Ways to hand back what a stack computes, the one that was asked for first."""

_LAST_ALONE = "the last step of the output is returned alone"
OF_OWNERS = (
    *ARRANGEMENTS[:-2],
    Arranged(_LAST_ALONE, "", lambda o, s: o[-1]),
    Arranged(_LAST_ALONE, "", lambda o, s: (o[-1], s)),
)
"""Those that are right too for a module with cells of its own."""


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
            for k, name in enumerate("hc"):
                places.append((f"{name} of layer {layer}", pairs[layer][k], pair[k]))
        for name, one, two in places:
            if one.shape != two.shape or not _holds_numbers(one):
                return ""
            if not close(one, two):
                return name
    except (AttributeError, IndexError, TypeError, ValueError):
        pass
    return ""
