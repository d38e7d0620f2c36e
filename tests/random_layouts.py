"""Right models drawn at random: sizes, kinds, layouts, directions, front ends, what is read."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import nn


class Drawn(nn.Module):
    """A right model whose x, layer and output each lie in a layout of their own."""

    def __init__(self, rng: random.Random, width: int, x_first: bool, out_first: bool) -> None:
        super().__init__()
        kind = rng.choice((nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell))
        self.x_first, self.out_first = x_first, out_first
        self.is_cell = issubclass(kind, nn.RNNCellBase)
        self.is_lstm = kind in (nn.LSTM, nn.LSTMCell)
        self.front = rng.choice((None, nn.Linear(width, width), nn.LayerNorm(width + (width == 1))))
        if width == 1:  # a norm of one number is a constant
            self.front = None
        hidden, self.read = rng.randint(1, 9), rng.choice(("state", "last", "mean", "every"))
        self.layer_first = rng.random() < 0.5
        self.directions = 1 if self.is_cell else rng.randint(1, 2)
        more = (
            {}
            if self.is_cell
            else {
                "num_layers": rng.randint(1, 3),
                "batch_first": self.layer_first,
                "bidirectional": self.directions == 2,
            }
        )
        if self.directions == 2 and self.read == "last":
            self.read = "state"
        self.layer = kind(width, hidden, **more)
        self.head = nn.Linear(hidden * self.directions, rng.randint(2, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x if self.front is None else torch.tanh(self.front(x))
        if self.is_cell:
            state, steps = None, []
            for xt in x.unbind(1 if self.x_first else 0):
                state = self.layer(xt, state)
                steps.append(state[0] if self.is_lstm else state)
            out, ends = torch.stack(steps, 1), steps[-1]
        else:
            x = x if self.x_first == self.layer_first else x.transpose(0, 1)
            out, state = self.layer(x)
            out = out if self.layer_first else out.transpose(0, 1)
            h_n = state[0] if self.is_lstm else state
            ends = torch.cat(list(h_n[-self.directions :]), 1)
        if self.read == "every":
            out = self.head(out)
            return out if self.out_first else out.transpose(0, 1)
        summary = {"state": ends, "last": out[:, -1], "mean": out.mean(1)}[self.read]
        return self.head(summary)


def random_right(seed: int) -> tuple[str, dict[str, Any]]:
    """A right model and what `check_layout` is given of it, with a word on it."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    batch, time, width = rng.randint(2, 9), rng.randint(3, 12), rng.randint(1, 7)
    time += time == batch
    x_first, out_first = rng.random() < 0.5, rng.random() < 0.5
    model = Drawn(rng, width, x_first, out_first)
    shape = (batch, time, width) if x_first else (time, batch, width)
    out = ("batch", "time") if out_first else ("time", "batch")
    given = {
        "model": model.train(rng.random() < 0.5),
        "x": torch.randn(shape),
        "input_axes": ("batch", "time") if x_first else ("time", "batch"),
        "output_axes": out if model.read == "every" else ("batch",),
    }
    return f"{shape} {model.layer} {model.read}", given
