"""The LSTM's equations as a table of parts, so that a wrong cell is a table with a part changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

Parts = Mapping[str, Any]

GATES = "ifgo"
"""The four gates in PyTorch's order."""


@dataclass(frozen=True)
class Draw:
    """What one call of a learner's function is given, in the order of its arguments.

    Attributes:
        x: ``[batch, input_size]``.
        h: ``[batch, hidden_size]``.
        c: ``[batch, hidden_size]``.
        w_ih: ``[4 * hidden_size, input_size]``, the blocks of rows in the order i, f, g, o.
        w_hh: ``[4 * hidden_size, hidden_size]``.
        b_ih: ``[4 * hidden_size]``.
        b_hh: ``[4 * hidden_size]``.
    """

    x: Tensor
    h: Tensor
    c: Tensor
    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor


LARGE = 200.0
"""An old c to try, far beyond where c is usually clipped, which is at 50 at most."""


def draw(seed: int, batch: int, input_size: int, hidden_size: int, largest_c: float = 1.5) -> Draw:
    """Large random weights and a random state, in float64.

    With weights as small as PyTorch's own initial ones several wrong cells agree with a right
    one to rounding.
    """
    normal = normals(seed)
    # A wide layer sums many products; this keeps its gates from being shut or open for good.
    scale = min(1.0, 3.0 / (input_size + hidden_size) ** 0.5)
    return Draw(
        x=normal(batch, input_size),
        h=torch.tanh(normal(batch, hidden_size)),
        c=largest_c * torch.tanh(normal(batch, hidden_size)),
        w_ih=scale * normal(4 * hidden_size, input_size),
        w_hh=scale * normal(4 * hidden_size, hidden_size),
        b_ih=normal(4 * hidden_size),
        b_hh=normal(4 * hidden_size),
    )


def normals(seed: int) -> Any:
    """A source of normal random tensors in float64, the same on every machine: normal(*shape)."""
    source = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=source, dtype=torch.float64, device="cpu")


def blocks(rows: Tensor) -> Tensor:
    """``[..., 4 * hidden_size]`` taken apart: ``[4, ..., hidden_size]``."""
    return rows.unflatten(-1, (4, -1)).movedim(-2, 0)


RIGHT: Parts = {
    # [4, batch, hidden_size] each: what x, h and the biases put into the four gates.
    "from_x": lambda d: blocks(d.x @ d.w_ih.T),
    "from_h": lambda d: blocks(d.h @ d.w_hh.T),
    "b_ih": lambda d: blocks(d.b_ih)[:, None],
    "b_hh": lambda d: blocks(d.b_hh)[:, None],
    "order": GATES,
    "i": torch.sigmoid,
    "f": torch.sigmoid,
    "g": torch.tanh,
    "o": torch.sigmoid,
    # The gates as the last two equations use them; v knows i f g o, their sums z, x h_0 c_0.
    "used": lambda v: {},
    "c": lambda v: v.f * v.c_0 + v.i * v.g,
    "h": lambda v: v.o * torch.tanh(v.c),
    "returned": lambda v: (v.h, v.c),
}


def run(given: Draw, changed: Parts) -> tuple[Tensor, Tensor]:
    """One step of the LSTM with some of its parts changed.

    Args:
        given: the inputs of the step.
        changed: the parts that differ from `RIGHT`, by name; none gives nn.LSTMCell's step.

    Returns:
        What that cell returns: h and c, ``[batch, hidden_size]`` each, where it is right.
    """
    part = {**RIGHT, **changed}
    sums = part["from_x"](given) + part["from_h"](given) + part["b_ih"](given) + part["b_hh"](given)
    z = dict(zip(part["order"], sums, strict=True))
    v = SimpleNamespace(z=z, given=given, x=given.x, h_0=given.h, c_0=given.c)
    for gate in GATES:
        setattr(v, gate, part[gate](z[gate]))
    for gate, value in part["used"](v).items():
        setattr(v, gate, value)
    v.c = part["c"](v)
    v.h = part["h"](v)
    h, c = part["returned"](v)
    return h, c
