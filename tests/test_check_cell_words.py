"""check_cell says what helps: a sentence for what has no name, a hint beside an error."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from lstm_teach import check_cell
from tests.zoo.cell.brought import sigmoid
from tests.zoo.cell.right import TwoLinears, chunked
from tests.zoo.cell.wrong import Fused


class HAndCOptional(TwoLinears):
    def forward(self, input, hx=None, cx=None):
        return super().forward(input, (hx, cx))


class KeepsItsGates(TwoLinears):
    """After one run it cannot be copied, and it does not tell its sizes."""

    def forward(self, x, hidden):
        self.sums = self.x2h(x) + self.h2h(hidden[0])
        return super().forward(x, hidden)


def test_h_and_c_may_be_arguments_of_their_own_that_can_be_left_out():
    assert check_cell(HAndCOptional).ok


def test_a_module_that_was_run_before_the_check_is_right():
    module = KeepsItsGates(5, 4)
    module(torch.zeros(3, 5), (torch.zeros(3, 4), torch.zeros(3, 4)))
    assert check_cell(module).ok


def test_an_input_size_that_counts_h_as_well_is_understood():
    class SideBySide(TwoLinears):
        def __init__(self, input_size, hidden_size):
            super().__init__(input_size, hidden_size)
            self.input_size, self.hidden_size = input_size + hidden_size, hidden_size

    assert check_cell(SideBySide(7, 3)).ok


def test_a_cell_that_no_optimiser_would_train_is_told_first():
    class PlainList(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.gates = [nn.Linear(input_size + hidden_size, hidden_size) for _ in range(4)]

        def forward(self, x, state):
            i, f, g, o = (gate(torch.cat((x, state[0]), 1)) for gate in self.gates)
            c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c

    report = check_cell(PlainList)
    assert report.ok
    assert report.message.startswith("The numbers are right, but no optimiser will find `gates.0")
    assert "sum of f" not in report.message


def test_a_state_kept_to_be_looked_at_is_no_weight():
    class KeepsItsState(TwoLinears):
        def forward(self, x, hidden):
            self.last = super().forward(x, hidden)
            return self.last

    report = check_cell(KeepsItsState)
    assert report.ok
    assert "plain tensors" not in report.message


class TakesCFirst(TwoLinears):
    def forward(self, x, hidden):
        return super().forward(x, hidden[::-1])


class TakesAndReturnsCFirst(TwoLinears):
    def forward(self, x, hidden):
        return super().forward(x, hidden[::-1])[::-1]


class SumsOverTheBatch(Fused):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        c = i * g + (f * state[1]).sum(0, keepdim=True)
        return o * c.tanh(), c


class WithoutForgetGateButElu(Fused):
    """The cell of PyTorch's tutorial on C++ extensions."""

    def forward(self, x, state):
        i, _, g, o = (self.x2h(x) + self.h2h(state[0])).chunk(4, 1)
        c = state[1] + i.sigmoid() * nn.functional.elu(g)
        return o.sigmoid() * c.tanh(), c


class CopiedRecurrentWeights(Fused):
    def forward(self, x, state):
        i, f, g, o = (
            self.x2h(x) + self.h2h(state[0])[:, [0, 1, 2, 3] * 2 + [*range(8, 16)]]
        ).chunk(4, 1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (TakesCFirst, "Fix: `h, c = state`"),
        (lambda *a: [t.bfloat16().float() for t in chunked(*a)], "a lower precision"),
        (WithoutForgetGateButElu, "f, i*g and c are off"),
        (SumsOverTheBatch, "samples are mixed"),
        (CopiedRecurrentWeights, "the gates i and f take the same recurrent weights"),
        (lambda *a: tuple(nn.functional.dropout(t, 0.5) for t in chunked(*a)), "Two calls"),
    ],
)
def test_what_has_no_name_is_told_in_words(cell, said):
    report = check_cell(cell)
    assert report.verdict == "unrecognised"
    assert said in str(report)


def test_a_state_that_is_c_and_h_in_and_out_is_right_and_told():
    report = check_cell(TakesAndReturnsCFirst)
    assert report.ok
    assert "PyTorch has (h, c)" in report.message


def test_a_function_whose_h_and_c_are_exchanged_in_and_out_is_another_cell():
    report = check_cell(lambda x, h, c, *w: chunked(x, c, h, *w)[::-1])
    assert report.verdict == "variant"
    assert "a state of c and h" in report.headline


def test_chunk_along_the_batch_gets_its_hint():
    def without_dim(x, h, c, w_ih, w_hh, b_ih, b_hh):
        i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    report = check_cell(without_dim)
    assert report.verdict == "raises"
    assert "`chunk(4, dim=1)`" in report.message
    assert "input_size=" not in report.message


class Whole(TwoLinears):
    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(x.shape[1], self.h2h.in_features),) * 2
        output = []
        for t in range(x.size(0)):
            h, c = super().forward(x[t], (h, c))
            output.append(h)
        return torch.stack(output), (h, c)


class WholeBatchFirst(TwoLinears):
    def forward(self, x):
        h = c = x.new_zeros(len(x), self.h2h.in_features)
        output = []
        for t in range(x.size(1)):
            h, c = super().forward(x[:, t, :], (h, c))
            output.append(h[:, None])
        return torch.cat(output, 1), (h[None], c[None])


class WholeAround(nn.Module):
    def __init__(self, lstm):
        super().__init__()
        self.lstm = lstm

    def forward(self, x, state):
        return self.lstm(x, state)


@pytest.mark.parametrize(
    "whole",
    [
        *(Whole, Whole(5, 4), WholeAround(nn.LSTM(3, 4))),
        WholeAround(nn.LSTM(3, 4, batch_first=True)),
    ],
)
def test_a_whole_lstm_is_told_how_to_be_checked(whole):
    report = check_cell(whole)
    assert report.verdict == "cannot_check"
    assert "reads a whole sequence" in report.headline
    assert "check_lstm" in report.message
    assert "reads a whole sequence" in check_cell(nn.LSTM).headline


def test_what_takes_x_alone_is_sent_to_the_check_of_whole_lstms():
    report = check_cell(WholeBatchFirst)
    assert report.verdict == "cannot_check"
    assert "check_lstm" in report.message


def test_an_order_of_ones_own_is_told():
    report = check_cell(lambda x, c, h, w_ih, w_hh, *b: chunked(x, h, c, w_ih, w_hh, *b))
    assert report.ok
    assert "went by their names" in report.message
    assert "went by their names" not in check_cell(chunked).message


@pytest.mark.parametrize("sizes", [(3, 5), (5, 4), (4, 1)])
def test_a_function_with_a_dict_of_weights_is_told_how_to_be_called(sizes):
    def lstm_cell_forward(xt, a_prev, c_prev, parameters):
        joined = np.concatenate([a_prev, xt])
        f, i, o, g = (parameters["W" + k] @ joined + parameters["b" + k] for k in "fioc")
        c_next = sigmoid(f) * c_prev + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c_next), c_next, (a_prev, c_prev, parameters)

    n_x, n_a = sizes
    parameters = {"W" + k: np.ones((n_a, n_a + n_x)) for k in "fioc"}
    parameters |= {"b" + k: np.ones((n_a, 1)) for k in "fioc"}
    report = check_cell(lstm_cell_forward)
    assert report.verdict == "cannot_check"
    line = next(code for code in report.message.split("`") if code.startswith("check_cell("))
    known = {"check_cell": check_cell, "cell": lstm_cell_forward, "parameters": parameters}
    assert eval(line, known)


def test_samples_as_columns_are_right_and_told():
    def columns(x, h, c, w_ih, w_hh, b_ih, b_hh):
        i, f, g, o = (w_ih @ x + w_hh @ h + (b_ih + b_hh)[:, None]).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    report = check_cell(columns)
    assert report.ok
    assert "samples as columns" in report.message


def test_bare_sums_are_told():
    def bare(x, h, c, w_ih, w_hh, b_ih, b_hh):
        i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, 1)
        c = f * c + i * g
        return o * c, c

    assert "the bare sums are used" in check_cell(bare).headline


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_an_endless_construction_is_stopped(monkeypatch):
    monkeypatch.setattr("lstm_teach.checks.running.LONGEST", 0.2)

    class Endless(TwoLinears):
        def __init__(self, input_size, hidden_size):
            super().__init__(input_size, hidden_size)
            while True:
                pass

    assert "stopped" in check_cell(Endless).message


def test_a_missing_return_is_asked_for():
    def forgets(x, h, c, w_ih, w_hh, b_ih, b_hh):
        h, c = chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)

    assert "the `return` is missing" in check_cell(forgets).message


def test_a_cell_that_runs_only_without_gradients_is_told_its_error():
    class ThroughNumPy(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.linear = nn.Linear(input_size + hidden_size, 4 * hidden_size)

        def forward(self, x, state):
            h, c = state
            sums = torch.from_numpy(self.linear(torch.cat([x, h], dim=1)).numpy())
            i, f, g, o = sums.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c

    report = check_cell(ThroughNumPy)
    assert report.verdict == "raises"
    assert "Can't call numpy() on Tensor that requires grad" in report.message


def test_an_error_of_a_class_with_lazy_layers_is_its_own():
    class Lazy(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.linear = nn.LazyLinear(4 * hidden_size)

        def forward(self, x, state):
            return self.linear(x) + nowhere  # noqa: F821

    assert "name 'nowhere' is not defined" in check_cell(Lazy).message


class OwnGRU(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 2 * hidden_size)
        self.new = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, h):
        r, z = torch.sigmoid(self.gates(torch.cat([x, h], dim=1))).chunk(2, dim=1)
        return z * h + (1 - z) * torch.tanh(self.new(torch.cat([x, r * h], dim=1)))


@pytest.mark.parametrize("cell", [OwnGRU, OwnGRU(7, 3)])
def test_a_cell_of_one_state_is_called_with_one(cell):
    report = check_cell(cell, 7, 3)
    assert report.verdict == "variant"
    assert "GRU" in report.headline
