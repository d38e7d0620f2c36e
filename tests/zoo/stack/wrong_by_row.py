"""Wrong stacks, one for each row of the table that the plainer ones do not meet."""

import torch

from lstm_teach import check_stack
from tests.zoo import examples_for
from tests.zoo.stack.right import layer_outer, time_outer, zeros

example = examples_for(check_stack)


@example("unrecognised", says="Fix: `torch.stack(outputs)`, without `dim=1`")
def stacked_along_the_batch(cells, x):
    output, states = time_outer(cells, x)
    return output.transpose(0, 1), states


@example("state_shared_across_layers", says="takes h of the layer below as its own h too")
def h_handed_up(cells, x):
    states, steps = zeros(cells, x), []
    for xt in x:
        h = states[0][0]
        for k, cell in enumerate(cells):
            h, c = cell(xt, (h, states[k][1]))
            states[k], xt = (h, c), h
        steps.append(xt)
    return torch.stack(steps), states


@example("state_shared_across_layers", says="one h serves all layers, though each has its own c")
def one_h(cells, x):
    c = [c for h, c in zeros(cells, x)]
    h, steps = torch.zeros_like(c[0]), []
    for xt in x:
        hs = []
        for k, cell in enumerate(cells):
            h, c[k] = cell(xt if k == 0 else h, (h, c[k]))
            hs.append(h)
        steps.append(h)
    return torch.stack(steps), list(zip(hs, c, strict=True))


@example("same_cell_reused", says="`cells[0]` is used for every layer below the top")
def first_below_the_top(cells, x):
    return time_outer([*(cells[0] for _ in cells[1:]), cells[-1]], x)


@example("layers_swapped", says="`cells[1]` runs before `cells[0]`")
def first_two_exchanged(cells, x):
    cells = list(cells)
    cells[:2] = cells[1::-1]
    return layer_outer(cells, x)


@example("output_of_first_layer", says="the output holds h of layer 1")
def h_of_the_second(cells, x):
    _, states = time_outer(cells, x)
    output, _ = time_outer(cells[:2], x)
    return output, states


@example("unrecognised", says="every layer reads x, so nothing goes up")
def nothing_goes_up(cells, x):
    runs = [time_outer([cell], x) for cell in cells]
    return runs[-1][0], [states[0] for _, states in runs]


@example("unrecognised", says="the loop walks over x from its end")
def backwards(cells, x):
    return layer_outer(cells, torch.stack([x[t] for t in range(len(x) - 1, -1, -1)]))


@example("unrecognised", says="the loop walks along the batch")
def along_the_batch(cells, x):
    return layer_outer(cells, torch.stack([x[:, b] for b in range(x.shape[1])]))


@example("unrecognised", says="the states that you return are zeros")
def zeros_returned(cells, x):
    return time_outer(cells, x)[0], zeros(cells, x)


@example("unrecognised", says="the top layer's (h, c) is returned for every layer")
def the_top_state_returned(cells, x):
    output, states = time_outer(cells, x)
    return output, [states[-1] for _ in cells]


def forgetful(layers, h_too, c_too):
    """Zeros in these layers before each step."""

    def run(cells, x):
        states, steps = zeros(cells, x), []
        for xt in x:
            states[layers] = [(h * (not h_too), c * (not c_too)) for h, c in states[layers]]
            for k, cell in enumerate(cells):
                states[k] = cell(xt, states[k])
                xt = states[k][0]
            steps.append(xt)
        return torch.stack(steps), states

    return run


PLACES = {
    "every layer": slice(None),
    "layer 0": slice(0, 1),
    "every layer above layer 0": slice(1, None),
    "the top layer": slice(-1, None),
    "every layer below the top": slice(None, -1),
}
PARTS = {"h and c start": (True, True), "h starts": (True, False), "c starts": (False, True)}
for place, layers in PLACES.items():
    for what, parts in PARTS.items():
        said = f"in {place}, {what} from zeros at every time step"
        example("state_not_carried", says=said)(forgetful(layers, *parts))


def _from_below(cells, x, h_too, c_too):
    """A loop over time for each layer, which starts from where the layer below has ended."""
    h = c = x.new_zeros(x.size(1), cells[0].hidden_size)
    states = []
    for cell in cells:
        h, c = h if h_too else torch.zeros_like(h), c if c_too else torch.zeros_like(c)
        steps = []
        for xt in x:
            h, c = cell(xt, (h, c))
            steps.append(h)
        x = torch.stack(steps)
        states.append((h, c))
    return x, states


@example("state_shared_across_layers", says="starts from the h with which the layer below ended")
def h_of_the_end_below(cells, x):
    return _from_below(cells, x, True, False)


@example("state_shared_across_layers", says="starts from the c with which the layer below ended")
def c_of_the_end_below(cells, x):
    return _from_below(cells, x, False, True)
