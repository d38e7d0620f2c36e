"""A stack whose wiring can be changed, to compute what a mistaken one does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

State = tuple[Tensor, Tensor]
Result = tuple[Tensor, list[State]]
Stack = Callable[[Sequence[Any], Tensor], Result]


def zeros(cell: Any, x: Tensor) -> State:
    """What a cell starts from: h and c, `[batch, hidden_size]`, for x `[seq_len, batch, ...]`."""
    return (x.new_zeros(x.shape[1], cell.hidden_size),) * 2


def wired(
    reads: Callable[..., Tensor] = lambda xt, old, new, layer: new[layer - 1][0] if layer else xt,
    state: Callable[..., State] = lambda old, new, layer: old[layer],
    shows: Callable[[list[State], Tensor], Tensor] = lambda new, xt: new[-1][0],
    order: Callable[[int], Sequence[int]] = range,
) -> Stack:
    """A stack whose wiring can be changed; as it stands here, it is right.

    `old` holds the states before a time step, `new` those of the layers done in this step.

    Args:
        reads: (xt, old, new, layer) -> what a layer reads.
        state: (old, new, layer) -> the state from which it goes on.
        shows: (new, xt) -> one step of the output.
        order: (number of layers) -> which cell runs in which layer.
    """

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        used = [cells[k] for k in order(len(cells))]
        old = [zeros(cell, x) for cell in used]
        output = []
        for xt in x:
            new: list[State] = []
            for layer, cell in enumerate(used):
                new.append(cell(reads(xt, old, new, layer), state(old, new, layer)))
            output.append(shows(new, xt))
            old = new
        return torch.stack(output), old

    return run


right = wired()


def changed(
    x: Callable[[Tensor], Tensor] = lambda same: same,
    output: Callable[[Tensor], Tensor] = lambda same: same,
    states: Callable[[list[State]], list[State]] = lambda same: same,
) -> Stack:
    """A right stack over a changed x, or one whose results are changed at the end."""
    change_x, change_output, change_states = x, output, states

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        output, states = right(cells, change_x(x))
        return change_output(output), change_states(states)

    return run


def forgets(which: Callable[[int, int], bool], parts: str) -> Stack:
    """Zeros for h, c or both (`parts`), in those layers that `which(layer, layers)` picks."""

    def state(old: list[State], new: list[State], layer: int) -> State:
        h, c = old[layer]
        forgotten = parts if which(layer, len(old)) else ""
        return h * ("h" not in forgotten), c * ("c" not in forgotten)

    return wired(state=state)


def starts_where_the_layer_below_ended(cells: Sequence[Any], x: Tensor) -> Result:
    """Layer by layer, without new zeros for each layer."""
    state, last = zeros(cells[0], x), []
    for cell in cells:
        steps = []
        for xt in x:
            state = cell(xt, state)
            steps.append(state[0])
        x = torch.stack(steps)
        last.append(state)
    return x, last


def upper_layers_see_the_last_step(with_time: bool) -> Stack:
    """Layer by layer, handing up the last step alone, with its time axis or without."""

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        last = []
        for cell in cells:
            output, states = right([cell], x)
            last += states
            x = output[-1:]
        return x if with_time else x[0], last

    return run


def both_ways(
    pairs: Callable[[int], list[tuple[int, int]]], joined: Callable[..., Tensor]
) -> Stack:
    """Bidirectional layers: `pairs(number of cells)` tells the forward and the backward cells."""

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        last: dict[int, State] = {}
        for forward, backward in pairs(len(cells)):
            there, last[forward] = _run_one(cells[forward], x)
            back, last[backward] = _run_one(cells[backward], x.flip(0))
            x = joined(there, back.flip(0))
        return x, [last[k] for k in sorted(last)]

    return run


def _run_one(cell: Any, x: Tensor) -> tuple[Tensor, State]:
    output, (state,) = right([cell], x)
    return output, state
