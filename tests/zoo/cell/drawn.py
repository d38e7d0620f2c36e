"""Right cells by the thousand: every order, size, bias, layout of the weights and dtype."""

from __future__ import annotations

import random
from itertools import permutations

import torch
from torch import nn

ORDERS = ["".join(order) for order in permutations("ifgo")]
LAYOUTS = ("rows", "columns", "apart", "apart columns", "interleaved", "three axes", "one matrix")


class Drawn(nn.Module):
    """A right cell with weights laid out in one of `LAYOUTS`."""

    def __init__(self, order, input_size, hidden_size, biases, layout, dtype, parametrised=True):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.order, self.biases, self.layout = order, biases, layout
        make = nn.Parameter if parametrised else lambda tensor: tensor
        self.w = {}
        shapes = {"x": input_size, "h": hidden_size}
        if layout == "one matrix":
            shapes = {"xh": input_size + hidden_size}
        for part, width in shapes.items():
            for gate in order if layout.startswith("apart") else [""]:
                rows = hidden_size if gate else 4 * hidden_size
                shape = (rows, width)
                if layout == "three axes":
                    shape = (width, 4, hidden_size)
                elif "columns" in layout:
                    shape = (width, rows)
                self.keep(f"w_{part}{gate}", make(torch.randn(shape, dtype=dtype) * 0.3))
        for k in range(biases):
            for gate in order if layout.startswith("apart") else [""]:
                rows = hidden_size if gate else 4 * hidden_size
                self.keep(f"bias_{k}{gate}", make(torch.randn(rows, dtype=dtype) * 0.3))

    def keep(self, name, tensor):
        setattr(self, name, tensor)

    def product(self, part, given):
        if self.layout.startswith("apart"):
            each = [getattr(self, f"w_{part}{gate}") for gate in self.order]
            return torch.cat([given @ (w if "columns" in self.layout else w.T) for w in each], 1)
        w = getattr(self, f"w_{part}")
        if self.layout == "three axes":
            return torch.einsum("bi,igu->bgu", given, w).flatten(1)
        return given @ (w if self.layout == "columns" else w.T)

    def sums(self, x, h):
        if self.layout == "one matrix":
            z = self.product("xh", torch.cat([x, h], 1))
        else:
            z = self.product("x", x) + self.product("h", h)
        for k in range(self.biases):
            if self.layout.startswith("apart"):
                z = z + torch.cat([getattr(self, f"bias_{k}{gate}") for gate in self.order])
            else:
                z = z + getattr(self, f"bias_{k}")
        if self.layout == "interleaved":
            return dict(zip(self.order, z.unflatten(1, (-1, 4)).unbind(2), strict=True))
        return dict(zip(self.order, z.chunk(4, 1), strict=True))

    def forward(self, x, state):
        h, c = state
        z = self.sums(x, h)
        c = z["f"].sigmoid() * c + z["i"].sigmoid() * z["g"].tanh()
        return z["o"].sigmoid() * c.tanh(), c


def drawn(seed: int) -> Drawn:
    """One of them."""
    chance = random.Random(seed)
    size = [1, 1, 2, 3, 4, 5, 7, 8, 12, 20, 33]
    return Drawn(
        chance.choice(ORDERS),
        chance.choice(size),
        chance.choice(size),
        chance.choice([0, 1, 2]),
        chance.choice(LAYOUTS),
        chance.choice([torch.float32, torch.float64, torch.bfloat16]),
    )
