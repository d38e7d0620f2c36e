"""Every axis of a predicted shape goes by PyTorch's own name for it."""

import pytest
from torch import nn

from lstm_teach.shapes import ShapeError, parameter_shapes, predict_shapes

EVERY_OPTION = nn.LSTM(9, 8, num_layers=2, bidirectional=True, proj_size=5)


def lines(shapes):
    return str(shapes).splitlines()


def test_the_projection_narrows_h_and_leaves_c_as_wide_as_it_was():
    assert lines(predict_shapes(EVERY_OPTION, (10, 3, 9))) == [
        "input: [seq_len=10, batch=3, input_size=9]",
        "h_0: [num_layers * num_directions=4, batch=3, proj_size=5]",
        "c_0: [num_layers * num_directions=4, batch=3, hidden_size=8]",
        "output: [seq_len=10, batch=3, num_directions * proj_size=10]",
        "h_n: [num_layers * num_directions=4, batch=3, proj_size=5]",
        "c_n: [num_layers * num_directions=4, batch=3, hidden_size=8]",
    ]


def test_of_one_direction_the_first_axis_of_the_state_counts_layers_alone():
    shapes = predict_shapes(nn.LSTM(9, 8, num_layers=2), (10, 3, 9))
    assert str(shapes.h_n) == "[num_layers=2, batch=3, hidden_size=8]"
    assert str(shapes.output) == "[seq_len=10, batch=3, hidden_size=8]"


@pytest.mark.parametrize("state", [(), ((3, 8), (3, 8))])
def test_a_cell_turns_the_input_s_features_into_hidden_ones(state):
    assert lines(predict_shapes(nn.LSTMCell(9, 8), (3, 9), *state)) == [
        "input: [batch=3, input_size=9]",
        "h_0: [batch=3, hidden_size=8]",
        "c_0: [batch=3, hidden_size=8]",
        "h: [batch=3, hidden_size=8]",
        "c: [batch=3, hidden_size=8]",
    ]


def test_a_wide_c_of_an_unbatched_cell_spreads_over_h_too():
    assert lines(predict_shapes(nn.LSTMCell(9, 8), (9,), (8,), (8, 1))) == [
        "input: [input_size=9]",
        "h_0: [hidden_size=8]",
        "c_0: [hidden_size=8, hidden_size of the gates=1]",
        "h: [hidden_size=8, hidden_size of the gates=8]",
        "c: [hidden_size=8, hidden_size of the gates=8]",
    ]


@pytest.mark.parametrize("c_0", [(8, 8), (8, 1), (8, 1, 8), (8, 8, 8)])
def test_only_an_unbatched_cell_lets_a_wide_c_through_and_only_of_two_axes(c_0):
    x, h_0 = ((3, 9), (3, 8)) if len(c_0) == 2 else ((9,), (8,))
    with pytest.raises(ShapeError, match="`c_0` is"):
        predict_shapes(nn.LSTMCell(9, 8), x, h_0, c_0)


def test_a_layer_above_reads_the_h_of_both_directions_below():
    shapes = parameter_shapes(EVERY_OPTION)
    assert str(shapes["weight_ih_l0_reverse"]) == "[4 * hidden_size=32, input_size=9]"
    assert str(shapes["weight_ih_l1"]) == "[4 * hidden_size=32, num_directions * proj_size=10]"
    assert str(shapes["weight_hh_l1"]) == "[4 * hidden_size=32, proj_size=5]"
    assert str(shapes["weight_hr_l1"]) == "[proj_size=5, hidden_size=8]"
    assert str(shapes["bias_hh_l1"]) == "[4 * hidden_size=32]"


def test_a_layer_above_reads_hidden_features_where_nothing_is_projected():
    shapes = parameter_shapes(nn.LSTM(9, 8, num_layers=2))
    assert str(shapes["weight_ih_l1"]) == "[4 * hidden_size=32, hidden_size=8]"
    both = parameter_shapes(nn.LSTM(9, 8, num_layers=2, bidirectional=True))
    assert str(both["weight_ih_l1"]) == "[4 * hidden_size=32, num_directions * hidden_size=16]"


def test_the_weights_of_a_cell_read_the_input_and_h():
    shapes = parameter_shapes(nn.LSTMCell(9, 8))
    assert str(shapes["weight_ih"]) == "[4 * hidden_size=32, input_size=9]"
    assert str(shapes["weight_hh"]) == "[4 * hidden_size=32, hidden_size=8]"


def test_a_size_goes_as_far_as_torch_can_count():
    lstm = nn.LSTM(4, 3)
    assert predict_shapes(lstm, (2**63 - 1, 2, 4)).output == (2**63 - 1, 2, 3)
    with pytest.raises(ShapeError, match="whole number"):
        predict_shapes(lstm, (2**63, 2, 4))
