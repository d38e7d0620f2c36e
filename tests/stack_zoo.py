"""Stacks of nn.LSTMCell as different hands write them: right ones, and one or more per mistake."""

from collections import deque

import torch
from torch import nn


def zeros(cells, x):
    return [
        (torch.zeros(x.size(1), c.hidden_size), torch.zeros(x.size(1), c.hidden_size))
        for c in cells
    ]


# Right.


def time_outer(cells, x):
    states = zeros(cells, x)
    steps = []
    for xt in x:
        below = xt
        for k, cell in enumerate(cells):
            h, c = cell(below, states[k])
            states[k] = (h, c)
            below = h
        steps.append(below)
    return torch.stack(steps), states


def layer_outer(cells, x):
    states = []
    for cell in cells:
        h = x.new_zeros(x.shape[1], cell.hidden_size)
        c = torch.zeros_like(h)
        hs = []
        for t in range(x.shape[0]):
            h, c = cell(x[t], (h, c))
            hs.append(h)
        x = torch.stack(hs, dim=0)
        states.append((h, c))
    return x, states


def module_list_zip(cells, x):
    cells = nn.ModuleList(cells)
    hs = [None] * len(cells)
    for xt in x.unbind(0):
        new = []
        for cell, state in zip(cells, hs, strict=True):
            state = cell(xt, state)
            xt = state[0]
            new.append(state)
        hs = new
        out = xt[None] if "out" not in locals() else torch.cat([out, xt[None]])  # noqa: F821
    return out, hs


def recursion(cells, x):
    if not cells:
        return x, []
    first, *rest = cells
    state, hs = None, []
    for xt in x:
        state = first(xt, state)
        hs.append(state[0])
    output, states = recursion(rest, torch.stack(hs))
    return output, [state, *states]


def list_states(cells, x):
    hs = [torch.zeros(x.shape[1], cell.hidden_size) for cell in cells]
    cs = [torch.zeros(x.shape[1], cell.hidden_size) for cell in cells]
    out = []
    for t in range(len(x)):
        inp = x[t]
        for layer in range(len(cells)):
            hs[layer], cs[layer] = cells[layer](inp, (hs[layer], cs[layer]))
            inp = hs[layer]
        out += [hs[-1]]
    return torch.stack(out), [[h, c] for h, c in zip(hs, cs, strict=True)]


def tuple_of_pairs(cells, x):
    output, states = time_outer(cells, x)
    return [output, tuple(states)]


def zipped_states(cells, x):
    output, states = time_outer(cells, x)
    return output, zip([h for h, c in states], [c for h, c in states], strict=True)


def deque_of_states(cells, x):
    states = deque(zeros(cells, x))
    steps = []
    for xt in x:
        for cell in cells:
            state = cell(xt, states.popleft())
            states.append(state)
            xt = state[0]
        steps.append(xt)
    return torch.stack(steps), states


def preallocated(cells, x):
    output = torch.zeros(x.size(0), x.size(1), cells[-1].hidden_size)
    states = dict(enumerate(zeros(cells, x)))
    for t in range(x.size(0)):
        below = x[t]
        for k in states:
            states[k] = cells[k](below, states[k])
            below = states[k][0]
        output[t] = below
    return output, list(states.values())


def float32_only(cells, x):
    states = [(torch.zeros(x.size(1), c.hidden_size, dtype=torch.float32),) * 2 for c in cells]
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


def wave_front(cells, x):
    seq_len, depth = len(x), len(cells)
    states, hs = zeros(cells, x), [list(x)] + [[None] * len(x) for _ in cells]
    for wave in range(seq_len + depth - 1):
        for k in range(depth):
            t = wave - k
            if 0 <= t < seq_len:
                states[k] = cells[k](hs[k][t], states[k])
                hs[k + 1][t] = states[k][0]
    return torch.stack(hs[-1]), states


def by_matrix_products(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, c = states[k]
            gates = xt @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
            i, f, g, o = gates.chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            xt = o.sigmoid() * c.tanh()
            states[k] = xt, c
        steps.append(xt)
    return torch.stack(steps), states


def through_nn_lstm(cells, x):
    states = []
    for cell in cells:
        lstm = nn.LSTM(cell.input_size, cell.hidden_size)
        lstm.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
        x, (h_n, c_n) = lstm(x)
        states.append((h_n[0], c_n[0]))
    return x, states


def output_as_a_list(cells, x):
    output, states = time_outer(cells, x)
    return list(output), states


def with_another_argument(cells, x, states=None):
    states = [None] * len(cells) if states is None else states
    steps = []
    for xt in x:
        for k in range(len(cells)):
            states[k] = cells[k](xt, states[k])
            xt, _ = states[k]
        steps.append(xt)
    return torch.stack(steps), states


def without_gradient(cells, x):
    with torch.no_grad():
        return time_outer(cells, x)


class AsAModule(nn.Module):
    def forward(self, cells, x):
        return layer_outer(cells, x)


RIGHT = [
    time_outer, layer_outer, module_list_zip, recursion, list_states, tuple_of_pairs,
    zipped_states, deque_of_states, preallocated, float32_only, wave_front, by_matrix_products,
    through_nn_lstm, output_as_a_list, with_another_argument, without_gradient, AsAModule(),
]  # fmt: skip


# Wrong, by verdict.


def c_up(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][1]
        steps.append(states[-1][0])
    return torch.stack(steps), states


def c_up_and_out(cells, x):
    states = []
    for cell in cells:
        h, c, cs = *zeros([cell], x)[0], []
        for xt in x:
            h, c = cell(xt, (h, c))
            cs.append(c)
        x = torch.stack(cs)
        states.append((h, c))
    return x, states


def c_out(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, c = states[k] = cell(xt, states[k])
            xt = h
        steps.append(c)
    return torch.stack(steps), states


def state_in_as_c_h(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, c = states[k]
            states[k] = cell(xt, (c, h))
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


def unpacked_as_c_h(cells, x):
    states = []
    for cell in cells:
        h, c, hs = *zeros([cell], x)[0], []
        for xt in x:
            c, h = cell(xt, (h, c))
            hs.append(h)
        x = torch.stack(hs)
        states.append((h, c))
    return x, states


def one_state(cells, x):
    h = c = torch.zeros(x.size(1), cells[0].hidden_size)
    steps = []
    for xt in x:
        for cell in cells:
            h, c = cell(xt, (h, c))
            xt = h
        steps.append(h)
    return torch.stack(steps), [(h, c) for _ in cells]


def one_state_from_the_top(cells, x):
    state, steps = zeros(cells, x)[0], []
    for xt in x:
        new = []
        for cell in cells:
            new.append(cell(xt, state))
            xt = new[-1][0]
        state = new[-1]
        steps.append(xt)
    return torch.stack(steps), new


def one_state_not_reset_between_layers(cells, x):
    h = c = torch.zeros(x.size(1), cells[0].hidden_size)
    states = []
    for cell in cells:
        hs = []
        for xt in x:
            h, c = cell(xt, (h, c))
            hs.append(h)
        x = torch.stack(hs)
        states.append((h, c))
    return x, states


def one_c(cells, x):
    states, steps = [h for h, c in zeros(cells, x)], []
    c = states[0]
    for xt in x:
        for k, cell in enumerate(cells):
            xt, c = cell(xt, (states[k], c))
            states[k] = xt
        steps.append(xt)
    return torch.stack(steps), [(h, c) for h in states]


def state_handed_up(cells, x):
    first, steps = zeros(cells, x)[0], []
    for xt in x:
        state = first
        states = []
        for cell in cells:
            state = cell(xt, state)
            xt = state[0]
            states.append(state)
        first = states[0]
        steps.append(xt)
    return torch.stack(steps), states


def c_from_below(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, c = states[k]
            c = states[k - 1][1] if k > 0 else c
            states[k] = cell(xt, (h, c))
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


def stale(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        old = [h for h, c in states]
        states = [cell(xt if k == 0 else old[k - 1], states[k]) for k, cell in enumerate(cells)]
        steps.append(states[-1][0])
    return torch.stack(steps), states


def stale_from_the_top_down(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k in reversed(range(len(cells))):
            states[k] = cells[k](states[k - 1][0] if k else xt, states[k])
        steps.append(states[-1][0])
    return torch.stack(steps), states


def stale_by_a_shift(cells, x):
    states = []
    for k, cell in enumerate(cells):
        if k:
            x = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
        x, (state,) = time_outer([cell], x)
        states.append(state)
    return x, states


def first_cell_reused(cells, x):
    cell = cells[0]
    states, steps = zeros(cells, x), []
    for xt in x:
        for k in range(len(cells)):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


def last_cell_reused(cells, x):
    top = cells[-1]
    return layer_outer(nn.ModuleList([top for _ in cells]), x)


def second_cell_reused(cells, x):
    return layer_outer([cells[min(k, 1)] for k in range(len(cells))], x)


def reversed_cells(cells, x):
    return time_outer(list(reversed(cells)), x)


def reversed_cells_with_states_in_order(cells, x):
    output, states = layer_outer(cells[::-1], x)
    return output, states[::-1]


def first_cell_last(cells, x):
    return layer_outer([*cells[1:], cells[0]], x)


def lowest_h_out(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(states[0][0])
    return torch.stack(steps), states


def only_the_first_layer_run(cells, x):
    return time_outer(cells[:1], x)


def two_layers_at_most(cells, x):
    return time_outer(cells[:2], x)


def last_h_out(cells, x):
    _, states = time_outer(cells, x)
    return states[-1][0], states


def last_h_with_time_out(cells, x):
    output, states = layer_outer(cells, x)
    return output[-1:], states


def output_overwritten(cells, x):
    states, steps = zeros(cells, x), []
    top = torch.empty(x.size(1), cells[-1].hidden_size)
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        top.data.copy_(xt)
        steps.append(top)
    return torch.stack(steps), states


def only_the_last_step_stored(cells, x):
    _, states = time_outer(cells, x)
    output = torch.zeros(len(x), *states[-1][0].shape)
    output[len(x) - 1] = states[-1][0]
    return output, states


def last_h_up(cells, x):
    states = []
    for cell in cells:
        state = None
        for xt in x:
            state = cell(xt, state)
        x = state[0][None]
        states.append(state)
    return x, states


def no_state_given(cells, x):
    steps = []
    for xt in x:
        states = []
        for cell in cells:
            xt, c = cell(xt)
            states.append((xt, c))
        steps.append(xt)
    return torch.stack(steps), states


def zeros_at_every_step(cells, x):
    return torch.stack([layer_outer(cells, xt[None])[0][0] for xt in x]), layer_outer(
        cells, x[-1:]
    )[1]


def upper_layers_forget(cells, x):
    first = None
    steps = []
    for xt in x:
        first = cells[0](xt, first)
        states, xt = [first], first[0]
        for cell in cells[1:]:
            states.append(cell(xt))
            xt = states[-1][0]
        steps.append(xt)
    return torch.stack(steps), states


def c_forgotten(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, _ = states[k]
            states[k] = cell(xt, (h, torch.zeros_like(h)))
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


WRONG = {
    "c_instead_of_h": [c_up, c_up_and_out, c_out, state_in_as_c_h, unpacked_as_c_h],
    "state_shared_across_layers": [
        one_state, one_state_from_the_top, one_state_not_reset_between_layers, one_c,
        state_handed_up, c_from_below,
    ],
    "stale_lower_state": [stale, stale_from_the_top_down, stale_by_a_shift],
    "same_cell_reused": [first_cell_reused, last_cell_reused, second_cell_reused],
    "layers_swapped": [reversed_cells, reversed_cells_with_states_in_order, first_cell_last],
    "output_of_first_layer": [lowest_h_out, only_the_first_layer_run, two_layers_at_most],
    "last_step_only": [
        last_h_out, last_h_with_time_out, output_overwritten, only_the_last_step_stored, last_h_up,
    ],
    "state_not_carried": [no_state_given, zeros_at_every_step, upper_layers_forget, c_forgotten],
}  # fmt: skip
