"""Every row of the table of stack mistakes names a stack that somebody wrote out by hand."""

import pytest
import torch

from lstm_teach.checks.stack import check_stack
from lstm_teach.checks.stack.mistakes import MISTAKES
from tests import stack_zoo as zoo


def h_handed_up(cells, x):
    states, steps = zoo.zeros(cells, x), []
    for xt in x:
        h = states[0][0]
        for k, cell in enumerate(cells):
            h, c = cell(xt, (h, states[k][1]))
            states[k], xt = (h, c), h
        steps.append(xt)
    return torch.stack(steps), states


def one_h(cells, x):
    c = [c for h, c in zoo.zeros(cells, x)]
    h, steps = torch.zeros_like(c[0]), []
    for xt in x:
        hs = []
        for k, cell in enumerate(cells):
            h, c[k] = cell(xt if k == 0 else h, (h, c[k]))
            hs.append(h)
        steps.append(h)
    return torch.stack(steps), list(zip(hs, c, strict=True))


def first_below_the_top(cells, x):
    return zoo.time_outer([*(cells[0] for _ in cells[1:]), cells[-1]], x)


def first_two_exchanged(cells, x):
    cells = list(cells)
    cells[:2] = cells[1::-1]
    return zoo.layer_outer(cells, x)


def h_of_the_second(cells, x):
    _, states = zoo.time_outer(cells, x)
    output, _ = zoo.time_outer(cells[:2], x)
    return output, states


def forgetful(layers, h_too, c_too):
    """Zeros in these layers before each step."""

    def run(cells, x):
        states, steps = zoo.zeros(cells, x), []
        for xt in x:
            states[layers] = [(h * (not h_too), c * (not c_too)) for h, c in states[layers]]
            for k, cell in enumerate(cells):
                states[k] = cell(xt, states[k])
                xt = states[k][0]
            steps.append(xt)
        return torch.stack(steps), states

    return run


def nothing_goes_up(cells, x):
    runs = [zoo.time_outer([cell], x) for cell in cells]
    return runs[-1][0], [states[0] for _, states in runs]


def backwards(cells, x):
    return zoo.layer_outer(cells, torch.stack([x[t] for t in range(len(x) - 1, -1, -1)]))


def along_the_batch(cells, x):
    return zoo.layer_outer(cells, torch.stack([x[:, b] for b in range(x.shape[1])]))


def zeros_returned(cells, x):
    return zoo.time_outer(cells, x)[0], zoo.zeros(cells, x)


def the_top_state_returned(cells, x):
    output, states = zoo.time_outer(cells, x)
    return output, [states[-1] for _ in cells]


PLACES = {
    "In every layer": slice(None),
    "In layer 0": slice(0, 1),
    "In every layer above layer 0": slice(1, None),
    "In the top layer": slice(-1, None),
    "In every layer below the top": slice(None, -1),
}
PARTS = {"h and c start": (True, True), "h starts": (True, False), "c starts": (False, True)}

BY_HAND = [
    ("takes h from the layer below as its own h too", h_handed_up),
    ("One h serves all layers, though each has its own c", one_h),
    ("`cells[1]` is used for every layer above layer 0", zoo.second_cell_reused),
    ("`cells[0]` is used for every layer below the top", first_below_the_top),
    ("`cells[1]` is run before `cells[0]`", first_two_exchanged),
    ("The output holds h of layer 1, even where", h_of_the_second),
    ("Every layer reads x, so nothing goes up", nothing_goes_up),
    ("Your loop walks over x from its end", backwards),
    ("Your loop walks along the batch", along_the_batch),
    ("the states that you return are zeros", zeros_returned),
    ("you return the top layer's (h, c) for every layer", the_top_state_returned),
    *(
        (f"{place}, {what} from zeros at every time step", forgetful(layers, *parts))
        for place, layers in PLACES.items()
        for what, parts in PARTS.items()
    ),
]


@pytest.mark.parametrize(("words", "stack"), BY_HAND, ids=[words for words, _ in BY_HAND])
def test_a_stack_written_by_hand_is_told_what_it_does(words, stack):
    assert words in check_stack(stack).message


def test_a_mistake_made_at_every_height_is_named_for_every_height():
    stacks = [stack for stacks in zoo.WRONG.values() for stack in stacks]
    for stack in [*stacks, *(stack for _, stack in BY_HAND)]:
        assert "That is what it does with two layers" not in check_stack(stack).message, stack


def test_no_row_of_the_table_is_without_a_stack_written_by_hand():
    stacks = [stack for stacks in zoo.WRONG.values() for stack in stacks]
    told = [check_stack(stack).message for stack in [*stacks, *(stack for _, stack in BY_HAND)]]
    rows = {mistake.message for mistake in MISTAKES}
    assert not {row for row in rows if not any(row in message for message in told)}


def test_a_stack_that_is_still_a_stub_for_three_layers_is_not_attempted():
    def only_two_layers_written(cells, x):
        if len(cells) > 2:
            raise NotImplementedError
        return zoo.time_outer(cells, x)

    assert check_stack(only_two_layers_written).verdict == "not_attempted"
