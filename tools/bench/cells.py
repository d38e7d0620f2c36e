"""How long the cells and their checks take, beside what a reader would write by hand."""

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from lstm_teach.cells import cell_from_layer, run_cells, trace
from lstm_teach.checks.stack import check_stack

SIZES = [(10, 3, 100, 20), (50, 32, 100, 128), (200, 32, 100, 128)]
WAIT_MS = 300

Row = tuple[str, float, str, float, float | None]


def medians(*functions: Callable[[], object], seconds: float = 3.0) -> list[float]:
    """The median of each in ms, taken in turn, so that a busy moment meets all of them."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for function, own in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            own.append(1000 * (time.perf_counter() - start))
    return [statistics.median(own) for own in times]


def loop(cell, x):
    h = c = torch.zeros(x.size(1), cell.hidden_size)
    steps = []
    for xt in x:
        h, c = cell(xt, (h, c))
        steps.append(h)
    return torch.stack(steps)


def two_cells(lower, upper, x):
    h1 = c1 = torch.zeros(x.size(1), lower.hidden_size)
    h2 = c2 = torch.zeros(x.size(1), upper.hidden_size)
    steps = []
    for xt in x:
        h1, c1 = lower(xt, (h1, c1))
        h2, c2 = upper(h1, (h2, c2))
        steps.append(h2)
    return torch.stack(steps), [(h1, c1), (h2, c2)]


def c_goes_up(cells, x):
    states = [None] * len(cells)
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][1]
        steps.append(states[-1][0])
    return torch.stack(steps), states


def right_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def wrong_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, o, g = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class OwnCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


def rows() -> Iterator[Row]:
    """Each as (name, its ms, what it is held against, the ratio, the goal or None)."""
    for seq_len, batch, features, hidden in SIZES:
        at = f"at (T, B, F, H) = {(seq_len, batch, features, hidden)}"
        x = torch.randn(seq_len, batch, features)
        cell = nn.LSTMCell(features, hidden)
        ours, plain = medians(lambda: trace(cell, x), lambda: loop(cell, x))  # noqa: B023
        yield f"trace {at}", ours, "a loop of nn.LSTMCell", ours / plain, 1.3

        lstm = nn.LSTM(features, hidden, num_layers=2)
        cells = [cell_from_layer(lstm, layer) for layer in range(2)]
        ours, plain, whole = medians(
            lambda: run_cells(cells, x),  # noqa: B023
            lambda: two_cells(*cells, x),  # noqa: B023
            lambda: lstm(x),  # noqa: B023
        )
        yield f"run_cells {at}", ours, "the loop by hand", ours / plain, 1.1
        yield f"run_cells {at}", ours, "nn.LSTM(num_layers=2)", ours / whole, None

    from lstm_teach.checks.cell import check_cell

    checks = {
        "check_cell, a right function": lambda: check_cell(right_cell),
        "check_cell, a wrong function": lambda: check_cell(wrong_cell),
        "check_cell, a module": lambda: check_cell(OwnCell),
        "check_stack, a right stack": lambda: check_stack(run_cells),
        "check_stack, a wrong stack": lambda: check_stack(c_goes_up),
        "check_stack, no known mistake": lambda: check_stack(lambda cells, x: (x, cells)),
    }
    for (name, _), ms in zip(checks.items(), medians(*checks.values()), strict=True):
        yield name, ms, f"{WAIT_MS} ms", ms / WAIT_MS, 1.0


if __name__ == "__main__":
    for name, ms, reference, ratio, goal in rows():
        print(f"{name:45} {ms:8.2f} ms {ratio:6.2f} x {reference:24} goal {goal}")
