"""A copy of a module to try things on, and other values for its parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from lstm_teach.checks.cell.equations import normals
from lstm_teach.undisturbed import undisturbed


@contextmanager
def a_copy(cell: nn.Module) -> Iterator[nn.Module]:
    """A deep copy in float64, or the module itself, put back afterwards, where it has none."""
    try:
        module = copy.deepcopy(cell).double()
    except Exception:
        with undisturbed(cell):
            yield cell
    else:
        yield module.eval()


def redraw(module: nn.Module, sizes: tuple[int, int], seed: int = 5) -> None:
    """Give a module large random parameters; its own may be tiny, saturating or never set."""
    normal, spread = normals(seed), 2 / sum(sizes) ** 0.5
    for tensor in weights(module, sizes[1]):
        if tensor.dim():
            tensor.copy_(normal(*tensor.shape) * (spread if tensor.numel() > 4 * sizes[1] else 1))


def weights(module: nn.Module, hidden_size: int) -> list[Tensor]:
    """The parameters, and the tensors that should have been parameters."""
    return [*module.parameters(), *plain_tensors(module, hidden_size)]


def plain_tensors(module: nn.Module, hidden_size: int) -> list[Tensor]:
    """Tensors kept as attributes, or in a list or dictionary, that have the shape of weights."""
    known = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept = {
        id(tensor): tensor
        for part in module.modules()
        for name, value in vars(part).items()
        if name not in ("_parameters", "_buffers", "_modules")
        for tensor in _inside(value)
        if _like_a_weight(tensor, hidden_size)
    }
    return [t for t in kept.values() if t.untyped_storage().data_ptr() not in known]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else (value,)


def _like_a_weight(value: Any, hidden_size: int) -> bool:
    return (
        isinstance(value, Tensor)
        and not isinstance(value, nn.Parameter)
        and value.is_floating_point()
        and value.numel() > 1
        and any(size % hidden_size == 0 for size in value.shape)
    )
