"""What the examples of layouts share: sizes, inputs, and a module written in few lines.

Each example is a function without arguments that gives what `check_layout` takes: the model, x
and, where needed, the axes, the lengths and `call=`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lstm_teach.checks import layout
from lstm_teach.checks.report import Report
from tests.zoo import examples_for


def check_layout(given: dict[str, Any]) -> Report:
    return layout.check_layout(**given)


ENTRIES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {}
"""The verdict and the case of each example by name, to try it in other ways as well."""

_example = examples_for(check_layout, make=True)


def example(verdict: str, says: str = "") -> Callable[..., Any]:
    """A decorator that keeps a case with the verdict that it deserves."""

    def keep(entry: Callable[[], dict[str, Any]]) -> Any:
        ENTRIES[entry.__name__] = verdict, entry
        return _example(verdict, says=says)(entry)

    return keep


B, T, IN, H, K, V = 4, 7, 6, 8, 3, 40


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
