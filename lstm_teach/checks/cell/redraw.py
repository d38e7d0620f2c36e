"""A copy of a module to try things on, and other values for its parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def a_copy(cell: nn.Module) -> Iterator[nn.Module]:
    """A deep copy in float64, or the module itself, put back afterwards, where it has none."""
    try:
        module = copy.deepcopy(cell).double()
    except Exception:
        yield from _lent(cell)
    else:
        yield module.eval()


def _lent(cell: nn.Module) -> Iterator[nn.Module]:
    modes = {module: module.training for module in cell.modules()}
    attributes = {module: dict(vars(module)) for module in cell.modules()}
    plain = [t for own in attributes.values() for v in own.values() for t in _inside(v)]
    tensors = (*cell.parameters(), *cell.buffers(), *plain)
    values = [(t, t.detach().clone()) for t in tensors if isinstance(t, Tensor)]
    try:
        yield cell.eval()
    finally:
        for module, kept in attributes.items():
            vars(module).clear()
            vars(module).update(kept)
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for tensor, value in values:
                tensor.copy_(value)


def redraw(module: nn.Module, sizes: tuple[int, int], seed: int = 5) -> None:
    """Give a module large random parameters; its own may be tiny, saturating or never set."""
    source = torch.Generator().manual_seed(seed)
    spread = 2 / sum(sizes) ** 0.5
    for tensor in weights(module, sizes[1]):
        if tensor.dim():
            values = torch.randn(tensor.shape, generator=source, dtype=torch.float64, device="cpu")
            tensor.copy_(values * (spread if tensor.numel() > 4 * sizes[1] else 1.0))


def weights(module: nn.Module, hidden_size: int) -> list[Tensor]:
    """The parameters, and the tensors that should have been parameters."""
    return [*module.parameters(), *plain_tensors(module, hidden_size)]


_REGISTERED = ("_parameters", "_buffers", "_modules")


def plain_tensors(module: nn.Module, hidden_size: int) -> list[Tensor]:
    """Tensors kept as attributes, or in a list or dictionary, that have the shape of weights."""
    found: dict[int, Tensor] = {}
    known = {p.untyped_storage().data_ptr() for p in module.parameters()}
    for part in module.modules():
        for name, value in vars(part).items():
            if name in _REGISTERED:
                continue
            for tensor in _inside(value):
                if _like_a_weight(tensor, hidden_size):
                    found[id(tensor)] = tensor
    return [t for t in found.values() if t.untyped_storage().data_ptr() not in known]


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
