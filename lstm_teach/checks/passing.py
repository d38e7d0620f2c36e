"""Leaving out parts of a module, such as its norms, to judge the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

_NORMS = nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm


def has_norms(code: Any) -> bool:
    """Whether it is a module with norms."""
    return isinstance(code, nn.Module) and any(isinstance(p, _NORMS) for p in code.modules())


@contextmanager
def passed_by(code: Any, norms: bool) -> Iterator[dict[str, nn.Module]]:
    """Let x go past what stands in front of torch's own cells, such as an embedding, or past the
    norms. It yields what is passed by, by its name."""
    parts = dict(code.named_modules()) if isinstance(code, nn.Module) else {}
    cells = [part for part in parts.values() if isinstance(part, (nn.LSTM, nn.LSTMCell))]
    found = {}
    for name, part in parts.items():
        passed = isinstance(part, nn.Embedding) or (norms and isinstance(part, _NORMS))
        if isinstance(part, nn.Linear) and cells and name:
            in_front = part.in_features not in (cells[0].input_size, cells[-1].hidden_size)
            passed = in_front and part.out_features == cells[0].input_size
        if passed:
            found[name] = part
            part.forward = lambda x: x  # type: ignore[method-assign]
    try:
        yield found
    finally:
        for part in found.values():
            part.__dict__.pop("forward", None)
