"""Making a module to try, and finding out for which sizes of x and h it was made."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from lstm_teach.checks.cell.calls import Caller
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_learner

Sizes = tuple[int, int]

TRIED: Sizes = 5, 4
"""input_size and hidden_size where the module leaves the choice to the check."""

_INPUT_NAMES = (
    *("input_size", "input_dim", "in_features", "in_dim", "n_in", "n_input", "n_inputs"),
    *("num_inputs", "input_sz", "in_size", "nx", "n_x", "dim_in", "in_channels", "embed_size"),
    *("embedding_dim", "x_dim", "d_in", "input_features", "idim", "ninp", "D", "I", "F"),
)
_HIDDEN_NAMES = (
    *("hidden_size", "hidden_dim", "out_features", "hid_dim", "n_hidden", "n_hid", "num_hiddens"),
    *("hidden_sz", "hid_size", "nh", "n_h", "nhid", "units", "num_units", "hidden", "h_dim"),
    *("state_size", "d_hidden", "hidden_features", "hdim", "cell_size", "H"),
)


_OTHER_ARGUMENTS = {"bias": True, "device": "cpu", "dtype": None, "dropout": 0.0}


def build(cell: type[nn.Module], input_size: int, hidden_size: int) -> Any:
    """An instance of a learner's class, or a report on why there is none."""
    try:
        signature = inspect.signature(cell)
    except (TypeError, ValueError):
        return run_learner(cell, input_size, hidden_size)
    by_name: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name in _INPUT_NAMES:
            by_name[name] = input_size
        elif name in _HIDDEN_NAMES:
            by_name[name] = hidden_size
        elif name in _OTHER_ARGUMENTS and parameter.default is parameter.empty:
            by_name[name] = _OTHER_ARGUMENTS[name]
    ways: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
        ((), by_name),
        ((input_size, hidden_size), {}),
    )
    for args, kwargs in ways[len(by_name) < 2 :]:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return run_learner(cell, *args, **kwargs)
    return Report(
        "raises",
        f"The check makes your class as `{cell.__name__}(input_size, hidden_size)`, but it takes "
        f"`{signature}`. Give the check an instance: `check_cell({cell.__name__}(...))`.",
    )


def find_sizes(
    module: nn.Module, caller: Caller, input_size: int | None, hidden_size: int | None
) -> Sizes | Report:
    """For which sizes a module was made: told, by attributes, or by trying what fits.

    Args:
        module: the module.
        caller: calls it.
        input_size: size of the last axis of x, where known.
        hidden_size: size of the last axis of h and c, where known.
    """
    told = (
        input_size or _attribute(module, _INPUT_NAMES),
        hidden_size or _attribute(module, _HIDDEN_NAMES),
    )
    wide = sorted({d for p in module.parameters() if not is_lazy(p) for d in p.shape if d > 0})
    first: Report | None = None
    ran: Sizes | None = None
    for x, h in _tried(told, wide):
        found = caller.raw(**_zeros(x, h))
        if isinstance(found, Report):
            if found.verdict == "not_attempted":
                return found
            if all(told):
                projection = _with_projection(module, caller, (x, h))
                return found if projection is None else projection
            first = found if first is None else first
        elif _has_width(found, h):
            return x, h
        else:
            ran = ran or (x, h)
        if caller.in_a_hurry():
            break
    if ran:
        return ran
    where = "" if first is None else f"\nThe first try said: {first.message}"
    return Report(
        "unrecognised" if first is None or wide else first.verdict,
        "The check could not find out for which sizes your module was made: it has no attributes "
        "`input_size` and `hidden_size`, and no sizes taken from its parameters fit. "
        f"Pass them: `check_cell(cell, input_size=..., hidden_size=...)`.{where}",
    )


def _with_projection(module: nn.Module, caller: Caller, sizes: Sizes) -> Report | None:
    """A sentence on a cell whose h is narrower than its c."""
    x, hidden = sizes
    for narrow in {d for p in module.parameters() for d in p.shape if d < hidden}:
        found = caller.raw(**{**_zeros(x, hidden), "h": torch.zeros(3, narrow)})
        if isinstance(found, (tuple, list)) and len(found) == 2 and _has_width(found[:1], narrow):
            return Report(
                "unrecognised",
                f"Your cell's h has {narrow} features and its c has {hidden}: that is an LSTM with "
                "a projection (nn.LSTM's proj_size), a variant. nn.LSTMCell has none, so this "
                "check cannot judge the rest of it.",
            )
    return None


def _attribute(module: nn.Module, names: tuple[str, ...]) -> int | None:
    for name in names:
        value = getattr(module, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _tried(told: tuple[int | None, int | None], wide: list[int]) -> Iterator[Sizes]:
    """Sizes worth a try; four gates side by side, the usual layout, first."""
    quarters = [d // 4 for d in wide if d % 4 == 0]
    likely = [*(d for d in quarters if d in wide), *quarters, *wide[::-1], TRIED[1]]
    hidden = [told[1]] if told[1] else list(dict.fromkeys(likely))[:12]
    for h in hidden:
        rest = [d - h for d in wide if d > h]
        inputs = [told[0]] if told[0] else list(dict.fromkeys([*wide[::-1], *rest, TRIED[0]]))[:24]
        for x in inputs:
            yield x, h


def _zeros(input_size: int, hidden_size: int) -> dict[str, torch.Tensor]:
    shapes = {"x": input_size, "h": hidden_size, "c": hidden_size}
    return {name: torch.zeros(3, size, dtype=torch.float64) for name, size in shapes.items()}


def _has_width(found: Any, hidden_size: int) -> bool:
    parts = found if isinstance(found, (tuple, list)) else [found]
    flat = list(_flat(parts))
    return bool(flat) and all(part.shape[-1:] == (hidden_size,) for part in flat)


def _flat(parts: Any) -> Iterator[torch.Tensor]:
    for part in parts:
        if isinstance(part, torch.Tensor):
            yield part
        elif isinstance(part, (tuple, list)):
            yield from _flat(part)
