"""Wrong stacks, one or more for each mistake that has a name."""

import torch
from torch import nn

from lstm_teach import check_stack
from tests.zoo import examples_for
from tests.zoo.stack.right import layer_outer, time_outer, zeros

example = examples_for(check_stack)


@example("c_instead_of_h")
def c_up(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][1]
        steps.append(states[-1][0])
    return torch.stack(steps), states


@example("c_instead_of_h")
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


@example("c_instead_of_h")
def c_out(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, c = states[k] = cell(xt, states[k])
            xt = h
        steps.append(c)
    return torch.stack(steps), states


@example("c_instead_of_h")
def state_in_as_c_h(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, c = states[k]
            states[k] = cell(xt, (c, h))
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


@example("c_instead_of_h")
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


@example("state_shared_across_layers")
def one_state(cells, x):
    h = c = torch.zeros(x.size(1), cells[0].hidden_size)
    steps = []
    for xt in x:
        for cell in cells:
            h, c = cell(xt, (h, c))
            xt = h
        steps.append(h)
    return torch.stack(steps), [(h, c) for _ in cells]


@example("state_shared_across_layers")
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


@example("state_shared_across_layers")
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


@example("state_shared_across_layers")
def one_c(cells, x):
    states, steps = [h for h, c in zeros(cells, x)], []
    c = states[0]
    for xt in x:
        for k, cell in enumerate(cells):
            xt, c = cell(xt, (states[k], c))
            states[k] = xt
        steps.append(xt)
    return torch.stack(steps), [(h, c) for h in states]


@example("state_shared_across_layers")
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


@example("state_shared_across_layers")
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


@example("stale_lower_state")
def stale(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        old = [h for h, c in states]
        states = [cell(xt if k == 0 else old[k - 1], states[k]) for k, cell in enumerate(cells)]
        steps.append(states[-1][0])
    return torch.stack(steps), states


@example("stale_lower_state")
def stale_from_the_top_down(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k in reversed(range(len(cells))):
            states[k] = cells[k](states[k - 1][0] if k else xt, states[k])
        steps.append(states[-1][0])
    return torch.stack(steps), states


@example("stale_lower_state")
def stale_by_a_shift(cells, x):
    states = []
    for k, cell in enumerate(cells):
        if k:
            x = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
        x, (state,) = time_outer([cell], x)
        states.append(state)
    return x, states


@example("same_cell_reused")
def first_cell_reused(cells, x):
    cell = cells[0]
    states, steps = zeros(cells, x), []
    for xt in x:
        for k in range(len(cells)):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


@example("same_cell_reused")
def last_cell_reused(cells, x):
    top = cells[-1]
    return layer_outer(nn.ModuleList([top for _ in cells]), x)


@example("same_cell_reused")
def second_cell_reused(cells, x):
    return layer_outer([cells[min(k, 1)] for k in range(len(cells))], x)


@example("layers_swapped")
def reversed_cells(cells, x):
    return time_outer(list(reversed(cells)), x)


@example("layers_swapped")
def reversed_cells_with_states_in_order(cells, x):
    output, states = layer_outer(cells[::-1], x)
    return output, states[::-1]


@example("layers_swapped")
def first_cell_last(cells, x):
    return layer_outer([*cells[1:], cells[0]], x)


@example("output_of_first_layer")
def lowest_h_out(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(states[0][0])
    return torch.stack(steps), states


@example("output_of_first_layer")
def only_the_first_layer_run(cells, x):
    return time_outer(cells[:1], x)


@example("output_of_first_layer")
def two_layers_at_most(cells, x):
    return time_outer(cells[:2], x)


@example("last_step_only")
def last_h_out(cells, x):
    _, states = time_outer(cells, x)
    return states[-1][0], states


@example("last_step_only")
def last_h_with_time_out(cells, x):
    output, states = layer_outer(cells, x)
    return output[-1:], states


@example("last_step_only")
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


@example("last_step_only")
def only_the_last_step_stored(cells, x):
    _, states = time_outer(cells, x)
    output = torch.zeros(len(x), *states[-1][0].shape)
    output[len(x) - 1] = states[-1][0]
    return output, states


@example("last_step_only")
def last_h_up(cells, x):
    states = []
    for cell in cells:
        state = None
        for xt in x:
            state = cell(xt, state)
        x = state[0][None]
        states.append(state)
    return x, states


@example("state_not_carried")
def no_state_given(cells, x):
    steps = []
    for xt in x:
        states = []
        for cell in cells:
            xt, c = cell(xt)
            states.append((xt, c))
        steps.append(xt)
    return torch.stack(steps), states


@example("state_not_carried")
def zeros_at_every_step(cells, x):
    return torch.stack([layer_outer(cells, xt[None])[0][0] for xt in x]), layer_outer(
        cells, x[-1:]
    )[1]


@example("state_not_carried")
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


@example("state_not_carried")
def c_forgotten(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            h, _ = states[k]
            states[k] = cell(xt, (h, torch.zeros_like(h)))
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


@example("unrecognised", says="the loop ends after its first step")
def returns_in_the_loop(cells, x):
    states, steps = [None] * len(cells), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
        return torch.stack(steps), states


@example("last_step_only", says="h.clone()")
def one_h_in_the_list(cells, x):
    output, states = layer_outer(cells, x)
    h, steps = output[0].clone(), []
    for step in output:
        h[:] = step
        steps.append(h)
    return torch.stack(steps), states


@example("variant", says="from the second layer on, h is added")
def residual_above_the_first(cells, x):
    states, steps = [None] * len(cells), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            h = states[k][0]
            xt = h + xt if k and h.shape == xt.shape else h
        steps.append(xt)
    return torch.stack(steps), states


@example("variant", says="from the third layer on")
def residual_between_the_layers_above_the_first(cells, x):
    states, steps = [None] * len(cells), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            h = states[k][0]
            xt = h + xt if k and h.shape == xt.shape else h
        steps.append(h)
    return torch.stack(steps), states


@example("unrecognised", says="append once a step, after that loop")
def appends_inside_the_loop_over_the_layers(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
            steps.append(xt)
    return torch.stack(steps), states


@example("unrecognised", says="h comes first: `(h, c)`")
def returns_each_state_as_c_h(cells, x):
    output, states = time_outer(cells, x)
    return output, [(c, h) for h, c in states]


@example("unrecognised", says="`states[0]` is the (h, c) of `cells[0]`")
def returns_the_states_from_the_top_down(cells, x):
    output, states = time_outer(cells, x)
    return output, states[::-1]


@example("raises", says="it runs with a batch of 3 only")
def a_batch_of_three_only(cells, x):
    states = [(torch.zeros(3, cell.hidden_size),) * 2 for cell in cells]
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


@example("unrecognised", says="is off")
def halved_c_in_a_dict(cells, x):
    output, states = time_outer(cells, x)
    return output, {k: (h, 0.5 * c) for k, (h, c) in enumerate(states)}


@example("unrecognised", says="the output holds x, not h")
def appends_x(cells, x):
    return torch.stack([*x]), time_outer(cells, x)[1]


@example("unrecognised", says="the output has 5 time steps, x has 6")
def leaves_the_last_step_out(cells, x):
    return time_outer(cells, x[:-1])


@example("unrecognised", says="you return 12 states for 2 layers")
def keeps_the_states_of_every_step(cells, x):
    states, every, steps = zeros(cells, x), [], []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
            every.append(states[k])
        steps.append(xt)
    return torch.stack(steps), every
