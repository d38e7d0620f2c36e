"""A stack of nn.LSTMCells whose wiring can be changed, to compute what a mistaken one does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lstm_teach.cells import State, run_cells

Stack = Callable[[Sequence[nn.LSTMCell], Tensor], tuple[Tensor, list[State]]]


def reads_h_below(x_t: Tensor, old: list[State], new: list[State], layer: int) -> Tensor:
    """Right: layer k reads what the layer below it computed a moment ago."""
    return new[layer - 1][0] if layer else x_t


def reads_c_below(x_t: Tensor, old: list[State], new: list[State], layer: int) -> Tensor:
    """The upper layer reads c of the layer below."""
    return new[layer - 1][1] if layer else x_t


def reads_old_h_below(x_t: Tensor, old: list[State], new: list[State], layer: int) -> Tensor:
    """The upper layer reads h of the layer below from the step before."""
    return old[layer - 1][0] if layer else x_t


def own_state(old: list[State], new: list[State], layer: int) -> State:
    """Right: each layer goes on from its own state."""
    return old[layer]


def top_h(new: list[State]) -> Tensor:
    """Right: the output is h of the top layer."""
    return new[-1][0]


def top_c(new: list[State]) -> Tensor:
    """The output is c of the top layer."""
    return new[-1][1]


def h_of_layer(layer: int, new: list[State]) -> Tensor:
    """The output is h of this layer, or of the top where there are fewer."""
    return new[min(layer, len(new) - 1)][0]


def _zeros(cell: nn.LSTMCell, x: Tensor) -> State:
    zeros = x.new_zeros(x.shape[1], cell.hidden_size)
    return zeros, zeros


def stack(
    cells: Sequence[nn.LSTMCell],
    x: Tensor,
    reads: Callable[..., Tensor] = reads_h_below,
    state: Callable[..., State] = own_state,
    shows: Callable[[list[State]], Tensor] = top_h,
    order: Callable[[int], Sequence[int]] = range,
) -> tuple[Tensor, list[State]]:
    """A stack whose wiring can be changed: what a layer reads, its state, what is the output.

    `old` holds the states before a time step, `new` those of the layers done in this step.
    """
    used = [cells[k] for k in order(len(cells))]
    old = [_zeros(cell, x) for cell in used]
    output = []
    for x_t in x:
        new: list[State] = []
        for layer, cell in enumerate(used):
            new.append(cell(reads(x_t, old, new, layer), state(old, new, layer)))
        output.append(shows(new))
        old = new
    return torch.stack(output), old


def start_where_the_layer_below_ended(
    cells: Sequence[nn.LSTMCell], x: Tensor
) -> tuple[Tensor, list[State]]:
    """Layer by layer, without new zeros for each layer."""
    state, last = _zeros(cells[0], x), []
    for cell in cells:
        steps = []
        for x_t in x:
            state = cell(x_t, state)
            steps.append(state[0])
        last.append(state)
        x = torch.stack(steps)
    return x, last


def forget(
    of: Callable[[int, int], bool], parts: str, old: list[State], new: list[State], layer: int
) -> State:
    """Zeros for h, c or both (`parts`), in those layers that `of(layer, layers)` picks."""
    h, c = old[layer]
    if not of(layer, len(old)):
        return h, c
    return (torch.zeros_like(h) if "h" in parts else h, torch.zeros_like(c) if "c" in parts else c)


def changed_input(change: Callable[[Tensor], Tensor]) -> Stack:
    """A right stack over a changed x."""
    return lambda cells, x: run_cells(cells, change(x))


def changed_output(change: Callable[[Tensor], Tensor]) -> Stack:
    """A right stack whose output is changed at the end."""

    def run(cells: Sequence[nn.LSTMCell], x: Tensor) -> tuple[Tensor, list[State]]:
        output, states = run_cells(cells, x)
        return change(output), states

    return run


def changed_states(change: Callable[[list[State]], list[State]]) -> Stack:
    """A right stack whose states are changed at the end."""

    def run(cells: Sequence[nn.LSTMCell], x: Tensor) -> tuple[Tensor, list[State]]:
        output, states = run_cells(cells, x)
        return output, change(states)

    return run


def upper_layers_see_the_last_step(
    with_time: bool, cells: Sequence[nn.LSTMCell], x: Tensor
) -> tuple[Tensor, list[State]]:
    """Layer by layer, handing up the last step alone, with its time axis or without."""
    last = []
    for cell in cells:
        output, states = run_cells([cell], x)
        last += states
        x = output[-1:]
    return x if with_time else x[0], last


def only_the_last_filled(output: Tensor) -> Tensor:
    """Zeros but for the last step."""
    filled = torch.zeros_like(output)
    filled[-1] = output[-1]
    return filled
