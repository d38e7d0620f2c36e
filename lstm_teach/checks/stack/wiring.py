"""A stack whose wiring can be changed, to compute what a mistaken one does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

State = tuple[Tensor, Tensor]
Result = tuple[Tensor, list[State]]
Stack = Callable[..., Result]
Start = Callable[[list[State], list[State], int], State]
"""(old, new, layer) -> the state from which a layer goes on: `old` holds the states before a time
step, `new` those of the layers done in this step."""


def own(old: list[State], new: list[State], layer: int) -> State:
    """What this layer kept: the right one."""
    return old[layer]


def below(old: list[State], new: list[State], layer: int) -> State:
    """What the layer below has now."""
    return new[layer - 1] if layer else old[0]


def ran_before(old: list[State], new: list[State], layer: int) -> State:
    """What the cell that ran last has left; for layer 0, the top one of the step before."""
    return new[layer - 1] if layer else old[-1]


def zero_where(which: Callable[[int, int], bool]) -> Start:
    """Zeros in those layers that `which(layer, layers)` picks."""
    return lambda old, new, k: tuple(part * (not which(k, len(old))) for part in old[k])  # type: ignore[return-value]


def wired(
    up: Callable[..., Tensor] = lambda xt, old, new, layer: new[layer - 1][0],
    first: Callable[..., Tensor] = lambda xt, old: xt,
    h: Start = own,
    c: Start = own,
    shows: Callable[[list[State], Tensor], Tensor] = lambda new, xt: new[-1][0],
    order: Callable[[int], Sequence[int]] = range,
) -> Stack:
    """A stack whose wiring can be changed; as it stands here, it is right.

    Args:
        up: (xt, old, new, layer) -> what a layer above layer 0 reads.
        first: (xt, old) -> what layer 0 reads.
        h: the state from which a layer takes h.
        c: the state from which it takes c.
        shows: (new, xt) -> one step of the output.
        order: (number of layers) -> which cell runs in which layer.
    """

    def run(cells: Sequence[Any], x: Tensor, states: Sequence[State] = ()) -> Result:
        used = [cells[k] for k in order(len(cells))]
        old = list(states) or [(x.new_zeros(x.shape[1], cell.hidden_size),) * 2 for cell in used]
        output = []
        for xt in x:
            new: list[State] = []
            for k, cell in enumerate(used):
                reads = up(xt, old, new, k) if k else first(xt, old)
                new.append(cell(reads, (h(old, new, k)[0], c(old, new, k)[1])))
            output.append(shows(new, xt))
            old = new
        return torch.stack(output), old

    return run


right = wired()


def then(change: Callable[[Tensor, list[State]], Result], stack: Stack = right) -> Stack:
    """A stack whose results, output and states, are changed at the end."""
    return lambda cells, x: change(*stack(cells, x))


def by_layer(
    hands_up: Callable[[Tensor], Tensor] = lambda output: output, carries: bool = False
) -> Stack:
    """One layer after the other, each from zeros or from where the one below has ended."""

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        states: list[State] = []
        for cell in cells:
            output, last = right([cell], x, states[-1:] if carries else ())
            states += last
            x = hands_up(output)
        return x, states

    return run


def both_ways(
    pairs: Callable[[int], list[tuple[int, int]]], joined: Callable[..., Tensor]
) -> Stack:
    """Bidirectional layers: `pairs(number of cells)` tells the forward and the backward cells."""

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        last: dict[int, State] = {}
        for forward, backward in pairs(len(cells)):
            there, (last[forward],) = right([cells[forward]], x)
            back, (last[backward],) = right([cells[backward]], x.flip(0))
            x = joined(there, back.flip(0))
        return x, [last[k] for k in sorted(last)]

    return run
