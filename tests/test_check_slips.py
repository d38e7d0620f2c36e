"""A bare error of PyTorch's that a beginner meets gets a line of help in the report."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lstm_teach.checks.running import run_learner
from lstm_teach.checks.slips import SLIPS, help_with

X, H, C = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
W_IH = torch.randn(16, 5)
CELL, LSTM = nn.LSTMCell(5, 4), nn.LSTM(5, 4)


def not_transposed():
    return X @ W_IH


def not_transposed_of_a_module():
    return H @ CELL.weight_hh


def matrix_product_of_gates():
    f = torch.sigmoid(H)
    return f @ C


def cat_without_dim():
    return torch.cat([X, H])


def stack_for_cat():
    return torch.stack([X, H], dim=1)


def no_super_init():
    class Cell(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(9, 16)

    return Cell()


def range_of_a_tensor():
    return [x for x in range(X)]


def list_of_modules():
    layers = [nn.Linear(5, 4), nn.Linear(5, 4)]
    return layers(X)


def index_into_the_pair():
    return LSTM(X)[:, -1]


def index_into_a_packed_sequence():
    output, _ = LSTM(pack_padded_sequence(torch.randn(5, 2, 5), [5, 3]))
    return output[:, -1]


def pair_passed_up():
    return nn.LSTMCell(4, 4)(CELL(X))


def pair_into_a_linear_layer():
    return nn.Linear(4, 2)(LSTM(X))


def state_of_one_tensor():
    return CELL(X, H)


def state_of_a_fixed_size():
    return CELL(X, (torch.zeros(3, 20), torch.zeros(3, 20)))


def state_of_a_fixed_batch():
    return CELL(torch.randn(7, 5), (torch.zeros(3, 4), torch.zeros(3, 4)))


def layer_of_a_fixed_size():
    return nn.Linear(120, 80)(torch.cat([X, H], dim=1))


@pytest.mark.parametrize(
    ("slip", "help"),
    [
        (not_transposed, "x @ w_ih.T"),
        (not_transposed_of_a_module, "x @ w_ih.T"),
        (matrix_product_of_gates, "write `*`"),
        (cat_without_dim, "dim=1"),
        (stack_for_cat, "torch.cat([x, h], dim=1)"),
        (no_super_init, "super().__init__()"),
        (range_of_a_tensor, "for xt in x"),
        (list_of_modules, "nn.ModuleList"),
        (index_into_the_pair, "output, _ = lstm(x)"),
        (index_into_a_packed_sequence, "pad_packed_sequence"),
        (pair_passed_up, "Only h goes up"),
        (pair_into_a_linear_layer, "one tensor"),
        (state_of_one_tensor, "cell(x, (h, c))"),
        (state_of_a_fixed_size, "fixed number"),
        (state_of_a_fixed_batch, "fixed number"),
        (layer_of_a_fixed_size, "fixed number"),
    ],
)
def test_a_slip_gets_its_line_of_help(slip, help):
    report = run_learner(slip)
    assert report.verdict == "raises"
    said = report.message.splitlines()[-1]
    assert help in said
    assert said in dict(SLIPS).values()


def test_an_error_that_is_no_slip_gets_none():
    assert help_with("KeyError: 'h'", "line 3 of your cell: `h = states['h']`") == ""
    assert help_with("RuntimeError: expected scalar type Long but found Float", "") == ""
