"""What a look at the layout costs, held against one forward and backward pass of the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor, nn

from lstm_teach import check_layout, influence

SIZES = ((10, 3), (50, 16), (200, 16))
ROUNDS = 9


class Classifier(nn.Module):
    """An LSTM of 100 units whose last step is read out."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(100, 100, batch_first=True)
        self.readout = nn.Linear(100, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.lstm(x)[0][:, -1])


def rows() -> Iterator[tuple[str, float, str, float, float | None]]:
    """`influence` of one output position and `check_layout`, at three sizes."""
    torch.set_num_threads(1)
    first = None
    for seq_len, batch in SIZES:
        model, x = Classifier(), torch.randn(batch, seq_len, 100)

        def forward_and_backward(model: nn.Module = model, x: Tensor = x) -> None:
            model(x.clone().requires_grad_()).sum().backward()

        def look(model: nn.Module = model, x: Tensor = x) -> None:
            influence(model, x, (0,))

        def check(model: nn.Module = model, x: Tensor = x) -> None:
            check_layout(model, x)

        own, seen, checked = _interleaved(forward_and_backward, look, check)
        at = f"at T = {seq_len}, B = {batch}"
        yield f"influence {at}", seen, "forward and backward", seen / own, 1.2
        # The goal of the check is its growth: at most that of the model, so no larger ratio.
        first = first or checked / own
        yield f"check_layout {at}", checked, "forward and backward", checked / own, first


def _interleaved(*works: Callable[[], None]) -> list[float]:
    """The median milliseconds of each, run in turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, own in zip(works, times, strict=True):
            begin = time.perf_counter()
            work()
            own.append(1e3 * (time.perf_counter() - begin))
    return [median(own[1:]) for own in times]


if __name__ == "__main__":
    for row in rows():
        print(row)
