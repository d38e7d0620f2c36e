"""predict_shapes, held against the forward pass that it spares."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import torch
from torch import nn

from lstm_teach import predict_shapes

GOAL = 0.2
ROUNDS = 200


def rows() -> Iterator[tuple[str, float, str, float, float]]:
    """The LSTM of ten words, three sentences and four layers."""
    torch.set_num_threads(1)
    lstm, x = nn.LSTM(input_size=100, hidden_size=20, num_layers=4), torch.randn(10, 3, 100)
    predicting, running = [], []
    with torch.no_grad():
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            predict_shapes(lstm, (10, 3, 100))
            between = time.perf_counter()
            lstm(x)
            predicting.append(between - begin)
            running.append(time.perf_counter() - between)
    mine, other = 1e3 * median(predicting), 1e3 * median(running)
    yield "predict_shapes", mine, "one forward pass", mine / other, GOAL


if __name__ == "__main__":
    for row in rows():
        print(row)
