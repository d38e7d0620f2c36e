"""What a learner's stack returns: read it, compare it, and know it in another arrangement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.stack.wiring import Result

ARRANGEMENTS = tuple(
    Mistake("unrecognised", headline, "Your numbers are right.", fix, how)
    for headline, fix, how in (
        ("", "", lambda output, states: (output, states)),
        (
            "the states come first and the output second",
            "`return output, states`",
            lambda output, states: (states, output),
        ),
        (
            "all h are returned together, and all c together",
            "different hidden sizes do not fit into one tensor, so return one (h, c) for each "
            "layer: `return output, list(zip(h, c))`",
            lambda output, states: (output, list(zip(*states, strict=True))),
        ),
        (
            "three things are returned: output, all h, all c",
            "return one (h, c) for each layer: `return output, list(zip(h, c))`",
            lambda output, states: (output, *zip(*states, strict=True)),
        ),
        (
            "the pairs are returned as (c, h)",
            "turn each pair round, as nn.LSTMCell and nn.LSTM have it",
            lambda output, states: (output, [(c, h) for h, c in states]),
        ),
        (
            "the states start with the top layer",
            "`return output, states[::-1]`, so that `states[0]` belongs to `cells[0]`",
            lambda output, states: (output, states[::-1]),
        ),
        (
            "each layer's (h, c) is returned as a result of its own",
            "`return output, [(h, c), ...]`",
            lambda output, states: (output, *states),
        ),
        *(
            (
                "the (h, c) of the top layer alone is returned",
                "return one for each layer, as at the right edge of the drawing: "
                "`return output, [(h, c), ...]`",
                how,
            )
            for how in (
                lambda output, states: (output, states[-1]),
                lambda output, states: (output, states[-1:]),
            )
        ),
        (
            "the states hold h without c",
            "return one `(h, c)` for each layer: the next step needs both",
            lambda output, states: (output, [h for h, c in states]),
        ),
        (
            "the output is returned alone",
            "`return output, states`: without states nobody can go on from the last step",
            lambda output, states: output,
        ),
        (
            "the output is `[batch, seq_len, hidden_size]`",
            "stack the steps along axis 0, as x has them: `torch.stack(steps)`",
            lambda output, states: (output.transpose(0, 1), states),
        ),
        (
            "the output has its time and batch axes in one",
            "`torch.stack(steps)` in place of `torch.cat` gives the steps an axis of their own",
            lambda output, states: (output.flatten(0, 1), states),
        ),
        (
            "the output runs backward in time",
            "return the steps in the order of x",
            lambda output, states: (output.flip(0), states),
        ),
    )
)
"""Ways to hand back what a stack computes, the one that was asked for first."""

OF_OWNERS = (
    *ARRANGEMENTS[:-2],
    *(
        Mistake("ok", "the last step of the output is returned alone", "", "", how)
        for how in (lambda output, states: output[-1], lambda output, states: (output[-1], states))
    ),
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


def first_off(given: Any, right: Result) -> str:
    """Where the numbers part first; "" where what was returned cannot be compared."""
    output, states = right
    try:
        ours, pairs = given
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
