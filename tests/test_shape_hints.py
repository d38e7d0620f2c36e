"""What a ShapeError tells is true of the call, and its advice, once followed, works."""

import itertools
import re

import pytest
import torch
from torch import nn

from lstm_teach.shapes import ShapeError, predict_shapes
from tests.test_shapes import mutations

LSTM = nn.LSTM(10, 20)
BATCH_FIRST = nn.LSTM(10, 20, batch_first=True)
TWO = nn.LSTM(10, 20, num_layers=2)
BOTH = nn.LSTM(10, 20, num_layers=3, bidirectional=True)
NARROW = nn.LSTM(10, 20, proj_size=4)
SINGLE_NUMBERS = nn.LSTM(1, 2)
CELL = nn.LSTMCell(10, 20)

# What the module is, the shapes it is called with, and a part of what its error says.
TOLD = [
    (LSTM, [(5, 3, 7)], "It is 7 in [5, 3, 7], and this nn.LSTM was made with input_size=10. Give"),
    (LSTM, [(5, 3, 7)], "last axis is 10, or make the module with input_size=7."),
    (LSTM, [(5, 3, 0)], "Give an input whose last axis is 10."),
    (LSTM, [(5, 10, 3)], "Axis 1 is 10 long"),
    (LSTM, [(7,)], "`input` has 1 axis, [7]."),
    (LSTM, [(5, 2, 3, 10)], "batch_first=False takes 3, `[seq_len, batch, input_size]`"),
    (BATCH_FIRST, [(5, 2, 3, 10)], "batch_first=True takes 3, `[batch, seq_len, input_size]`"),
    (LSTM, [(5, 3, 1, 10)], "Axis 2 is 1 long: `input.squeeze(2)`"),
    (LSTM, [(1, 3, 1, 10)], "Axis 0 is 1 long: `input.squeeze(0)`"),
    (LSTM, [(5, 1, 3, 7)], "Change its axes to these"),
    (LSTM, [(5, 1, 1, 3, 10)], "Change its axes to these"),
    (SINGLE_NUMBERS, [(5, 2, 3, 1)], "Change its axes to these"),
    (SINGLE_NUMBERS, [(5, 3, 2)], "Give an input whose last axis is 1, or"),
    (LSTM, [(0, 10)], "Leave empty sentences out"),
    (LSTM, [(0, 0, 10)], "Leave empty sentences out"),
    (
        LSTM,
        [(5, 3, 10), (2, 4, 20), (1, 3, 20)],
        "`h_0` is [2, 4, 20] and must be `[num_layers=1, batch=3, hidden_size=20]`: num_layers is "
        "2 and must be 1, batch is 4 and must be 3. Make it `torch.zeros(1, 3, 20)`, or pass no",
    ),
    (LSTM, [(5, 3, 10), (1, 1, 3, 20), (1, 3, 20)], ": it has 4 axes and must have 3."),
    (LSTM, [(5, 3, 10), (1, 5, 20), (1, 5, 20)], "5 is the seq_len of this input"),
    (LSTM, [(5, 3, 10), (1, 5, 20), (1, 5, 20)], "If the input really has batch 5"),
    (LSTM, [(5, 3, 10), (1, 3, 40), (1, 3, 20)], "Make it `torch.zeros(1, 3, 20)`"),
    (LSTM, [(5, 3, 10), (1, 3, 0), (1, 3, 20)], "Make it `torch.zeros(1, 3, 20)`"),
    (LSTM, [(5, 3, 10), (1, 3, 10), (1, 3, 20)], "hidden_size is 10 and must be 20"),
    (NARROW, [(5, 3, 10), (1, 3, 10), (1, 3, 20)], "proj_size is 10 and must be 4"),
    (LSTM, [(5, 10), (20,), (1, 20)], "`h_0.unsqueeze(0)`"),
    (TWO, [(5, 3, 10), (1, 3, 20), (2, 3, 20)], "num_layers is 1 and must be 2"),
    (TWO, [(5, 10), (2, 5, 20), (2, 5, 20)], "one sentence of 5 steps"),
    (nn.LSTM(10, 20, proj_size=1), [(5, 10), (1, 20), (1, 20)], "that of `c_0` is hidden_size."),
    (LSTM, [(5, 10), (1, 5, 20), (1, 5, 20)], "`input.unsqueeze(0)`"),
    (BATCH_FIRST, [(5, 10), (1, 5, 20), (1, 5, 20)], "`input.unsqueeze(1)`"),
    (nn.LSTM(10, 20, proj_size=1), [(5, 3, 10), (1, 3, 1), (1, 3, 1)], "proj_size narrows h only"),
    (LSTM, [(5, 3, 10), (1, 3, 20), (1, 3, 0)], "Make it `torch.zeros(1, 3, 20)`"),
    (CELL, [(10,), (10,), (20,)], "hidden_size is 10 and must be 20"),
    (CELL, [(3, 10), (4, 20), (3, 20)], "Make it `torch.zeros(3, 20)`, or pass no state"),
    (CELL, [(2, 5, 3, 10)], "the last one, input_size, is 10."),
    (CELL, [(3, 7)], "It is 7 in [3, 7]"),
    (CELL, [(3, 10), (3, 10), (3, 20)], "hidden_size is 10 and must be 20"),
    (CELL, [(3, 10), (4, 20), (3, 20)], "`h_0` is [4, 20] and must be `[batch=3, hidden_size=20]`"),
    (CELL, [(3, 10), (3, 20), (3, 21)], "`c_0` is [3, 21]"),
]


def error_of(module, *shapes):
    with pytest.raises(ShapeError) as error:
        predict_shapes(module, *shapes)
    return str(error.value)


@pytest.mark.parametrize(("module", "shapes", "words"), TOLD, ids=[row[2][:40] for row in TOLD])
def test_the_numbers_in_an_error_are_those_of_the_call(module, shapes, words):
    assert words in error_of(module, *shapes)


@pytest.mark.parametrize(
    ("module", "shapes", "words"),
    [
        (NARROW, [(5, 3, 10), (1, 3, 20), (1, 3, 20)], "as (c_0, h_0)?"),
        (CELL, [(2, 5, 3, 10)], "loop over time"),
    ],
)
def test_no_slip_is_named_that_was_not_made(module, shapes, words):
    assert words not in error_of(module, *shapes)


@pytest.mark.parametrize(
    ("junk", "words"),
    [
        (torch.zeros(5, 2, 4), "is the tensor itself. Give its `.shape`"),
        ("5, 2, 4", "a value of type `str`"),
        ((5, 2.0, 4), "Axis 1 of `input_shape` must be a whole number, 0 or more. You gave `2.0`"),
        (
            (5, 2, True),
            "Axis 2 of `input_shape` must be a whole number, 0 or more. You gave `True`",
        ),
        ((-1, 2, 4), "You gave `-1`"),
        (("5", 2, 4), "You gave a value of type `str`"),
        ((10**6000, 2, 4), "You gave a value of type `int`"),
        ((-(10**6000), 2, 4), "You gave a value of type `int`"),
    ],
)
def test_the_sentence_says_what_stood_where_a_size_belongs(junk, words):
    with pytest.raises(ShapeError) as error:
        predict_shapes(nn.LSTM(4, 3), junk)
    assert words in str(error.value)


def test_a_state_that_is_no_shape_goes_by_its_own_name():
    for states, name in [((7, (1, 2, 3)), "`h_0`"), (((1, 2, 3), 7), "`c_0`")]:
        with pytest.raises(ShapeError, match=f"{name} must be a shape"):
            predict_shapes(nn.LSTM(4, 3), (5, 2, 4), *states)


ADVICE = re.compile(r"`((?:input|h_0|c_0)\.\w+\([^`]*\))`")


def complaint(module, tensors):
    """Which tensor of the call the error is about, and its advice in code; None where it runs."""
    try:
        predict_shapes(module, *(tensor.shape for tensor in tensors.values()))
    except ShapeError as error:
        return re.search("`(input|h_0|c_0)`", str(error))[1], ADVICE.findall(str(error))
    return None, []


def modules():
    options = itertools.product([1, 4], [1, 2], [True, False], [True, False], [0, 2])
    lstms = [
        nn.LSTM(width, 3, layers, True, batch_first, bidirectional=both, proj_size=proj_size)
        for width, layers, batch_first, both, proj_size in options
    ]
    return [*lstms, nn.LSTMCell(1, 3), nn.LSTMCell(4, 3)]


def calls_one_slip_away(module, axes):
    right = predict_shapes(module, (*axes, module.input_size))
    others = (2, 3, 4, 5)
    yield from ([wrong] for wrong in mutations(right.input, others))
    yield from ([right.input, wrong, right.c_0] for wrong in mutations(right.h_0, others))
    yield from ([right.input, right.h_0, wrong] for wrong in mutations(right.c_0, others))


@pytest.mark.parametrize("module", modules(), ids=str)
def test_the_advice_once_followed_mends_the_tensor_it_is_about(module):
    followed = 0
    all_axes = [(3, 5), (5,)] if isinstance(module, nn.LSTM) else [(5,), ()]
    for axes in all_axes:
        for shapes in calls_one_slip_away(module, axes):
            if any(0 in shape for shape in shapes):
                continue  # Where nothing is, there is more than one thing to mend.
            names = ("input", "h_0", "c_0")[: len(shapes)]
            tensors = dict(zip(names, map(torch.empty, shapes), strict=True))
            about, advice = complaint(module, tensors)
            for code in advice:
                changed = {code.partition(".")[0]: eval(code, {}, tensors)}
                still_about, _ = complaint(module, tensors | changed)
                assert still_about != about, f"{shapes}: {code}"
                followed += 1
    assert followed
