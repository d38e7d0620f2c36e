"""Models as many different people write them: right ones that may look wrong, and wrong ones.

Each entry is a function without arguments that gives what `check_layout` takes: the model, x
and, where needed, the axes and lengths. `RIGHT` maps a name to an entry, `WRONG` maps a name to
(the verdict, an entry).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Entry = Callable[[], tuple[Any, ...] | dict[str, Any]]
RIGHT: dict[str, Entry] = {}
WRONG: dict[str, tuple[str, Entry]] = {}

B, T, IN, H, K, V = 4, 7, 6, 8, 3, 40


def right(entry: Entry) -> Entry:
    RIGHT[entry.__name__] = entry
    return entry


def wrong(verdict: str) -> Callable[[Entry], Entry]:
    def register(entry: Entry) -> Entry:
        WRONG[entry.__name__] = (verdict, entry)
        return entry

    return register


def case(model: nn.Module, x: torch.Tensor, **axes: Any) -> dict[str, Any]:
    return {"model": model, "x": x, **axes}


def features(batch: int = B, time: int = T, size: int = IN) -> torch.Tensor:
    return torch.randn(batch, time, size)


def tokens(batch: int = B, time: int = T, low: int = 1) -> torch.Tensor:
    return torch.randint(low, V, (batch, time))


def padded_tokens(lengths: tuple[int, ...] = (7, 5, 4, 2)) -> torch.Tensor:
    x = tokens(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        x[row, length:] = 0
    return x


class Net(nn.Module):
    """A module whose forward is a function of (self, x, ...), to write many in few lines."""

    def __init__(self, body: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.body = body

    def forward(self, x):
        return self.body(self, x)


TIME_FIRST = {"input_axes": ("time", "batch")}
TAGGER = {"output_axes": ("batch", "time")}
