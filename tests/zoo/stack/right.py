"""Right stacks of nn.LSTMCell, as different hands write them."""

from collections import deque

import torch
from torch import nn

from lstm_teach import check_stack
from tests.zoo import examples_for

example = examples_for(check_stack)


def zeros(cells, x):
    return [
        (torch.zeros(x.size(1), c.hidden_size), torch.zeros(x.size(1), c.hidden_size))
        for c in cells
    ]


@example("ok")
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


@example("ok")
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


@example("ok")
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


@example("ok")
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


@example("ok")
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


@example("ok")
def tuple_of_pairs(cells, x):
    output, states = time_outer(cells, x)
    return [output, tuple(states)]


@example("ok")
def zipped_states(cells, x):
    output, states = time_outer(cells, x)
    return output, zip([h for h, c in states], [c for h, c in states], strict=True)


@example("ok")
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


@example("ok")
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


@example("ok")
def float32_only(cells, x):
    states = [(torch.zeros(x.size(1), c.hidden_size, dtype=torch.float32),) * 2 for c in cells]
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


@example("ok")
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


@example("ok")
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


@example("ok")
def through_nn_lstm(cells, x):
    states = []
    for cell in cells:
        lstm = nn.LSTM(cell.input_size, cell.hidden_size)
        lstm.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
        x, (h_n, c_n) = lstm(x)
        states.append((h_n[0], c_n[0]))
    return x, states


@example("ok")
def output_as_a_list(cells, x):
    output, states = time_outer(cells, x)
    return list(output), states


@example("ok")
def with_another_argument(cells, x, states=None):
    states = [None] * len(cells) if states is None else states
    steps = []
    for xt in x:
        for k in range(len(cells)):
            states[k] = cells[k](xt, states[k])
            xt, _ = states[k]
        steps.append(xt)
    return torch.stack(steps), states


@example("ok")
def without_gradient(cells, x):
    with torch.no_grad():
        return time_outer(cells, x)


@examples_for(check_stack, make=True)("ok")
class AsAModule(nn.Module):
    def forward(self, cells, x):
        return layer_outer(cells, x)


@example("ok", says="It was tried with equal hidden sizes only")
def states_of_one_size(cells, x):
    h = c = x.new_zeros(len(cells), x.size(1), cells[0].hidden_size)
    steps = []
    for below in x:
        new = []
        for k, cell in enumerate(cells):
            new.append(cell(below, (h[k], c[k])))
            below = new[k][0]
        h, c = (torch.stack(parts) for parts in zip(*new, strict=True))
        steps.append(below)
    return torch.stack(steps), list(zip(h, c, strict=True))


@example("ok", says="assert len({cell.hidden_size for cell in cells}) == 1")
def refuses_other_sizes(cells, x):
    assert len({cell.hidden_size for cell in cells}) == 1
    return layer_outer(cells, x)


@example("cannot_check", says="your code refuses what the check hands over")
def refuses_a_list(cells, x):
    if not isinstance(cells, nn.ModuleList):
        raise TypeError("cells must be an nn.ModuleList")
    return layer_outer(cells, x)


@example("ok", says="are not those of a right stack")
def detached_on_its_way_up(cells, x):
    states, steps = zeros(cells, x), []
    for below in x:
        for k, cell in enumerate(cells):
            states[k] = cell(below, states[k])
            below = states[k][0].detach()
        steps.append(states[-1][0])
    return torch.stack(steps), states


@example("ok")
def states_in_a_dict(cells, x):
    states = {k: (x.new_zeros(x.shape[1], c.hidden_size),) * 2 for k, c in enumerate(cells)}
    steps = []
    for below in x:
        for k, cell in enumerate(cells):
            states[k] = cell(below, states[k])
            below = states[k][0]
        steps.append(below)
    return {"output": torch.stack(steps), "states": states}


@example("ok", says="are not those of a right stack")
def detached_from_step_to_step(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = xt, _ = cell(xt, [each.detach() for each in states[k]])
        steps.append(xt)
    return torch.stack(steps), states
