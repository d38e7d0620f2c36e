"""What a learner's stack returns: read it, compare it, and know it in another arrangement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.stack.wiring import Result, State

CONTRACT = (
    "The check expects `return output, states`: `output` is one tensor "
    "`[seq_len, batch, hidden_size of the top layer]`, and `states` is a list with one `(h, c)` "
    "for each layer."
)


def _arranged(
    headline: str, why: str, fix: str, how: Callable[[Tensor, list[State]], Any]
) -> Mistake:
    return Mistake("unrecognised", headline, why, fix, how)


# Other ways to hand back what a stack computes: each makes one of the output and the states.
ARRANGEMENTS = (
    _arranged("", "", "", lambda output, states: (output, states)),
    _arranged(
        "the states come first and the output second",
        "You return `states, output`.",
        "`return output, states`",
        lambda output, states: (states, output),
    ),
    _arranged(
        "all h are returned together, and all c together",
        "nn.LSTM does so. Different hidden sizes do not fit into one tensor, so here each layer "
        "has its own (h, c).",
        "`return output, list(zip(h, c))`",
        lambda output, states: (output, list(zip(*states, strict=True))),
    ),
    _arranged(
        "three things are returned: output, all h, all c",
        "The check expects two, with one (h, c) for each layer.",
        "`return output, list(zip(h, c))`",
        lambda output, states: (output, *zip(*states, strict=True)),
    ),
    _arranged(
        "the pairs are returned as (c, h)",
        "nn.LSTMCell and nn.LSTM say (h, c) everywhere.",
        "turn each pair round",
        lambda output, states: (output, [(c, h) for h, c in states]),
    ),
    _arranged(
        "the states start with the top layer",
        "`states[0]` belongs to `cells[0]`.",
        "`return output, states[::-1]`",
        lambda output, states: (output, states[::-1]),
    ),
    _arranged(
        "each layer's (h, c) is returned as a result of its own",
        "The check expects two results.",
        "`return output, [(h, c), ...]`",
        lambda output, states: (output, *states),
    ),
    *(
        _arranged(
            "the (h, c) of the top layer alone is returned",
            "The right edge of the drawing has one for each layer.",
            "`return output, [(h, c), ...]`",
            how,
        )
        for how in (
            lambda output, states: (output, states[-1]),
            lambda output, states: (output, states[-1:]),
        )
    ),
    _arranged(
        "the states hold h without c",
        "The next step needs both.",
        "return one `(h, c)` for each layer",
        lambda output, states: (output, [h for h, c in states]),
    ),
    _arranged(
        "the output is returned alone",
        "Without the states nobody can go on from the last step.",
        "`return output, states`",
        lambda output, states: output,
    ),
    _arranged(
        "the output is `[batch, seq_len, hidden_size]`",
        "x has its time axis first, and so has the output.",
        "stack the steps along axis 0: `torch.stack(steps)`",
        lambda output, states: (output.transpose(0, 1), states),
    ),
    _arranged(
        "the output has its time and batch axes in one",
        "`torch.cat` joins the steps along the batch.",
        "`torch.stack(steps)` gives them an axis of their own",
        lambda output, states: (output.flatten(0, 1), states),
    ),
    _arranged(
        "the output runs backward in time",
        "Its first step belongs to the last step of x.",
        "return the steps in the order of x",
        lambda output, states: (output.flip(0), states),
    ),
)


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


def complaint(result: Any, right: Result) -> str | None:
    """What keeps a result from being `output, [(h, c), ...]`, or None where nothing does."""
    if not isinstance(result, list) or len(result) != 2:
        what = f"{len(result)} things" if isinstance(result, list) else f"{_kind(result)} alone"
        return f"you return {what}"
    output, states = result
    steps = output if isinstance(output, list) else []
    if all(isinstance(step, Tensor) for step in steps) and len({s.shape for s in steps}) == 1:
        output = torch.stack(steps)
    if not isinstance(output, Tensor) or not _holds_numbers(output):
        return f"your output is {_kind(output)}"
    if output.shape != right[0].shape:
        names = ("seq_len", "batch", "hidden_size of the top layer")
        return f"your output is {list(output.shape)}, not {_axes(names, right[0])}"
    if not isinstance(states, list):
        return f"your states are {_kind(states)}"
    if len(states) != len(right[1]):
        return f"your states have {len(states)} entries, and there are {len(right[1])} layers"
    for layer, (state, (h, _)) in enumerate(zip(states, right[1], strict=True)):
        single = not isinstance(state, list) and not (isinstance(state, Tensor) and state.dim())
        if single or len(state) != 2:
            return f"`states[{layer}]` is {_kind(state)}, not a pair (h, c)"
        for name, value in zip("hc", state, strict=True):
            if not isinstance(value, Tensor) or not _holds_numbers(value):
                return f"{name} of layer {layer} is {_kind(value)}"
            if value.shape != h.shape:
                expected = _axes(("batch", "hidden_size"), h)
                return f"{name} of layer {layer} is {list(value.shape)}, not {expected}"
    return None


def _axes(names: Iterable[str], tensor: Tensor) -> str:
    sizes = (f"{name}={size}" for name, size in zip(names, tensor.shape, strict=True))
    return f"[{', '.join(sizes)}]"


def _holds_numbers(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_meta


def _kind(value: Any) -> str:
    if isinstance(value, Tensor) and not _holds_numbers(value):
        return f"a {value.layout} tensor on the device {value.device}"
    if isinstance(value, Tensor):
        return f"one tensor of shape {list(value.shape)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"a value of type `{type(value).__name__}`"


def first_off(given: Any, right: Result) -> dict[str, Any]:
    """Where the numbers part: the first step of the output, each wrong h and c, and how far."""
    if complaint(given, right):
        return {}
    pairs = [(f"output at step {t}", given[0][t], step) for t, step in enumerate(right[0])]
    for layer, (ours, theirs) in enumerate(zip(given[1], right[1], strict=True)):
        pairs += [(f"{name} of layer {layer}", ours[k], theirs[k]) for k, name in enumerate("hc")]
    wrong = [(name, _distance(a, b)) for name, a, b in pairs if not close(a, b)]
    steps = [name for name, _ in wrong if name.startswith("output")][:1]
    states = [name for name, _ in wrong if not name.startswith("output")]
    evidence: dict[str, Any] = {"first off": steps[0]} if steps else {}
    evidence["last states off"] = ", ".join(states) or "none"
    evidence["largest difference"] = max((far for _, far in wrong), default=0.0)
    return evidence


def _distance(given: Tensor, right: Tensor) -> float:
    return float((given.detach().double().cpu() - right.double()).abs().max())
