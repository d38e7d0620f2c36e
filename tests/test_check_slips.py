"""A bare error of PyTorch gets a line of help for the first slips of a beginner."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lstm_teach.checks.running import run_in_time

X, H, C = torch.zeros(3, 5), torch.zeros(3, 4), torch.zeros(3, 4)
W_IH, W_HH = torch.zeros(16, 5), torch.zeros(16, 4)
CELL, READOUT, RNN = nn.LSTMCell(5, 4), nn.Linear(4, 2), nn.GRU(5, 4)
STEPS = torch.zeros(7, 3, 5)


def no_transpose(x, h):
    return x @ W_IH + h @ W_HH.T


def no_transpose_in_matmul(x, h):
    return torch.matmul(x, W_IH)


def one_transpose_too_many(x, h):
    w = torch.zeros(5, 16)
    return x @ w.T


def no_transpose_in_numpy(x, h):
    x, w = x.numpy(), np.zeros((16, 5))
    return x @ w


def at_for_times(x, h):
    f = h.sigmoid()
    return f @ C


def times_for_at(x, h):
    return x * W_IH


def pair_goes_up(x, h):
    below = CELL(x)
    return nn.LSTMCell(4, 4)(below)


def pair_in_a_product(x, h):
    h = CELL(x)
    return h @ W_HH.T


def pair_in_a_gate(x, h):
    h = CELL(x)
    return h.sigmoid()


def list_of_pairs(x, h):
    steps = []
    for _ in range(2):
        steps.append(CELL(x))
    return torch.stack(steps)


def all_of_an_lstm(x, h):
    out = nn.LSTM(5, 4)(x)
    return nn.Linear(4, 2)(out)


def no_transpose_in_a_method(x, h):
    return x.mm(W_IH)


def cat_without_dim(x, h):
    return torch.cat([x, h])


def joined_and_cut_without_dim(x, h):
    return torch.cat([x, h]).chunk(4)


def cut_without_dim(x, h):
    i, f = h.chunk(4)
    return i * f


def a_length_for_the_last_step(x, h):
    lengths, output = torch.tensor([7, 4, 2]), STEPS.transpose(0, 1)
    return output[torch.arange(3), lengths]


def a_step_out_of_range(x, h):
    return STEPS[:, torch.tensor([0, 9])]


def index_into_packed(x, h):
    packed = pack_padded_sequence(STEPS, torch.tensor([7, 4, 2]))
    output, _ = nn.LSTM(5, 4)(packed)
    return output[:, -1]


def packed_along_the_batch(x, h):
    packed = pack_padded_sequence(STEPS, torch.tensor([3, 9, 2]), enforce_sorted=False)
    return nn.LSTM(5, 4)(packed)


class ReadoutOfOneDirection(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(5, 4, bidirectional=True), nn.Linear(4, 2)

    def forward(self, x, h):
        output, _ = self.lstm(x)
        return self.fc(output)


def readout_of_two_states(x, h):
    both = torch.cat([h, h], 1)
    return READOUT(both)


def readout_of_another_in_a_loop(x, h):
    return torch.stack([READOUT(x) for x in (h, h)]).view(1)


def readout_of_x(x, h):
    return READOUT(x)


def layers_in_a_row(x, h):
    rnn = nn.Sequential(nn.LSTM(5, 4), nn.Linear(4, 2))
    return rnn(STEPS)


def state_of_the_other_axis(x, h):
    lstm = nn.LSTM(5, 4)
    h_0 = torch.zeros(1, STEPS.size(0), 4)
    return lstm(STEPS, (h_0, h_0))


def state_before_x(x, h):
    return CELL((h, C), x)


def h_and_c_apart(x, h):
    return CELL(x, h, C)


def sizes_the_other_way_round(x, h):
    cell = nn.LSTMCell(4, 5)
    return cell(x)


class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = [nn.LSTMCell(5, 4)]

    def forward(self, x, h):
        return self.cells[0](x)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (no_transpose, "`x @ W_IH.T`"),
        (no_transpose_in_matmul, "`x @ W_IH.T`"),
        (one_transpose_too_many, "`x @ w`"),
        (no_transpose_in_numpy, "`x @ w.T`"),
        (at_for_times, "`f * C`"),
        (times_for_at, "`x @ W_IH.T`"),
        (a_length_for_the_last_step, "Of lengths that is `lengths - 1`"),
        (pair_goes_up, "`below` is a pair (h, c), as a cell returns it"),
        (pair_in_a_product, "`h` is a pair"),
        (pair_in_a_gate, "`h` is a pair"),
        (list_of_pairs, "`steps` holds a pair (h, c)"),
        (all_of_an_lstm, "`out` is all that nn.LSTM returns"),
        (no_transpose_in_a_method, "`x @ W_IH.T`"),
        (cat_without_dim, "`dim=1`"),
        (joined_and_cut_without_dim, "Without `dim`, `cat` joins along the first axis"),
        (cut_without_dim, "`chunk(4, dim=1)`"),
        (index_into_packed, "pad_packed_sequence(output)"),
        (packed_along_the_batch, "`packed` promises 14 time steps and holds"),
        (ReadoutOfOneDirection().double(), "`2 * hidden_size`"),
        (readout_of_two_states, "`READOUT` was made for 4 features, and `both` has 8."),
        (readout_of_x, "`READOUT` was made for 4 features, and `x` has 5."),
        (layers_in_a_row, "Call the layers one by one"),
        (state_of_the_other_axis, "its batch is axis 1 of x, which is [7, 3, 5]; 7 is axis 0"),
        (state_before_x, "`CELL(x, (h, c))`"),
        (h_and_c_apart, "`CELL(x, (h, c))`"),
        (sizes_the_other_way_round, "input_size comes first when it is made"),
        (PlainList().double(), "Use `nn.ModuleList(...)`"),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_slip_gets_its_sentence(code, sentence):
    x, h = (X.double(), H.double()) if isinstance(code, nn.Module) else (X, H)
    report = run_in_time(code, x, h)
    assert report.verdict == "raises"
    assert sentence in report.message.splitlines()[-1]


def two_lines_below_a_right_product(x, h):
    gates = x @ W_IH.T + h @ W_HH.T
    i, f = gates.chunk(4, dim=1)
    return i, f


def a_name_that_is_not_there(x, h):
    return torch.sigmoid(gate)  # noqa: F821


def a_size_that_fits(x, h):
    h = torch.zeros(3, 4)
    return h.no_such_name


def a_part_of_a_pair(x, h):
    state = CELL(x)
    return state[0].no_such_name


def an_array_that_is_called(x, h):
    gates = np.zeros((3, 16))
    return gates(x)


def a_readout_that_fits(x, h):
    return READOUT(h).no_such_name


def an_argument_by_its_name(x, h):
    return READOUT(input=h).no_such_name


def a_packed_sequence_in_its_layer(x, h):
    packed = pack_padded_sequence(STEPS, torch.tensor([7, 4, 2]))
    return RNN(packed)[0].no_such_name


def a_state_that_fits(x, h):
    start = torch.zeros(1, 3, 4)
    return RNN(STEPS, start)[0].no_such_name


@pytest.mark.parametrize(
    "code",
    [
        two_lines_below_a_right_product,
        a_step_out_of_range,
        a_name_that_is_not_there,
        a_size_that_fits,
        a_part_of_a_pair,
        an_array_that_is_called,
        a_readout_that_fits,
        an_argument_by_its_name,
        a_packed_sequence_in_its_layer,
        a_state_that_fits,
        readout_of_another_in_a_loop,
    ],
)
def test_an_error_of_another_kind_gets_no_advice(code):
    message = run_in_time(code, X, H).message
    assert message.splitlines()[-1].startswith("This comes from line")


def test_a_report_has_the_name_of_the_slip():
    assert run_in_time(cut_without_dim, X, H).cause == "cut_without_dim"
    assert run_in_time(a_name_that_is_not_there, X, H).cause == "unknown_name"


def test_the_words_of_an_error_decide_nothing():
    def raises(x, h):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied; expected 3D, batch size")

    assert len(run_in_time(raises, X, H, made_up=False).message.splitlines()) == 2


def still_a_stub(x, h): ...


def calls_a_stub(x, h):
    h, c = still_a_stub(x, h)
    return h, c


def test_a_line_that_trips_over_another_stub_is_not_attempted():
    assert run_in_time(calls_a_stub, X, H).verdict == "not_attempted"


def test_who_was_handed_a_cell_has_not_made_it():
    cell = nn.LSTMCell(5, 4)

    def step(cells, x):
        return cells[0](x)

    report = run_in_time(step, [cell], torch.zeros(3, 4))
    assert report.verdict == "raises"
    assert "was made with" not in report.message
    assert "was made with" in run_in_time(lambda x: cell(x), torch.zeros(3, 4)).message
