"""A classifier reads out the state where its LSTM ends, and nothing else passes for it."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lstm_teach.checks.layout import check_last_state

X = torch.randn(3, 10, 16, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([8, 10, 4])


class Classifier(nn.Module):
    def __init__(self, read, directions=1):
        super().__init__()
        self.lstm = nn.LSTM(16, 8, batch_first=True, bidirectional=directions == 2)
        self.readout = nn.Linear(8 * directions, 4)
        self.read = read

    def forward(self, x, lengths=None):
        return self.read(self, x, lengths)


def last_step(model, x, _):
    return model.readout(model.lstm(x)[0][:, -1])


def both_ends(*layers):
    def read(model, x, _):
        h_n = model.lstm(x)[1][0]
        return model.readout(torch.cat([h_n[layer] for layer in layers], dim=1))

    return read


def packed(model, x, lengths):
    batch = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return model.readout(model.lstm(batch)[1][0][-1])


def own_last_step(model, x, lengths):
    return model.readout(model.lstm(x)[0][torch.arange(len(x)), lengths - 1])


def test_tokens_go_through_the_embedding_first():
    tokens = torch.randint(45, (3, 10), generator=torch.Generator().manual_seed(0))

    def of_step(step):
        def read(model, x, _):
            return model.readout(model.lstm(model.embedding(x))[0][:, step])

        model = Classifier(read)
        model.embedding = nn.Embedding(45, 16)
        return check_last_state(model, tokens)

    assert of_step(-1), of_step(-1)
    assert of_step(0).verdict == "unrecognised"


@pytest.mark.parametrize(
    ("read", "directions", "lengths"),
    [
        (last_step, 1, None),
        (both_ends(-1), 1, None),
        (both_ends(-2, -1), 2, None),
        (both_ends(-1, -2), 2, None),
        (packed, 1, LENGTHS),
        (own_last_step, 1, LENGTHS),
    ],
)
def test_the_state_where_it_ends_is_right(read, directions, lengths):
    report = check_last_state(Classifier(read, directions), X, lengths)
    assert report, report


@pytest.mark.parametrize(
    ("read", "directions", "lengths"),
    [
        (lambda m, x, _: m.readout(m.lstm(x)[0][:, 5]), 1, None),
        (lambda m, x, _: m.readout(x[:, -1, :8]), 1, None),
        (lambda m, x, _: m.lstm(x)[0][:, -1], 1, None),
        (lambda m, x, _: m.readout(m.lstm(x)[0]), 1, None),
        (both_ends(-1, -1), 2, None),
        (both_ends(-2, -2), 2, None),
        (lambda m, x, n: m.readout(m.lstm(x)[0][torch.arange(3), n - 2]), 1, LENGTHS),
        (lambda m, x, n: packed(m, x, n.sort(descending=True)[0]), 1, LENGTHS),
    ],
)
def test_another_state_is_not(read, directions, lengths):
    assert not check_last_state(Classifier(read, directions), X, lengths)


def test_of_several_layers_the_top_one_ends_it():
    def of_layer(layer):
        model = Classifier(both_ends(layer))
        model.lstm = nn.LSTM(16, 8, num_layers=2, batch_first=True)
        return check_last_state(model, X)

    assert of_layer(-1), of_layer(-1)
    assert not of_layer(0)


def test_an_answer_that_goes_past_readout_is_told_so():
    report = check_last_state(Classifier(lambda m, x, _: m.lstm(x)[0][:, -1]), X)
    assert report.verdict == "unrecognised"
    assert "Your answer is [3, 8]" in report.message


def test_an_answer_beside_something_else_is_judged():
    assert check_last_state(Classifier(lambda m, x, _: (last_step(m, x, _), None)), X)


@pytest.mark.parametrize(
    "returned",
    [
        lambda out, h, c, answer: (answer, h),
        lambda out, h, c, answer: (h, answer),
        lambda out, h, c, answer: (h[-1], answer),
        lambda out, h, c, answer: (out, answer, (h, c)),
        lambda out, h, c, answer: {"steps": out, "logits": answer},
        lambda out, h, c, answer: (c[-1], answer),
    ],
)
@pytest.mark.parametrize("layers", [1, 3])  # with three, h_n is as long as the batch
def test_of_several_outputs_the_one_through_the_readout_is_judged(returned, layers):
    def read(model, x, step):
        out, (h_n, c_n) = model.lstm(x)
        return returned(out, h_n, c_n, model.readout(out[:, step]))

    def of_step(step):
        model = Classifier(lambda m, x, _: read(m, x, step))
        model.lstm = nn.LSTM(16, 8, num_layers=layers, batch_first=True)
        return check_last_state(model, X)

    assert of_step(-1), of_step(-1)
    assert of_step(4).verdict == "unrecognised"


def test_outputs_without_a_row_for_each_sample_are_not_judged():
    report = check_last_state(Classifier(lambda m, x, _: (m.lstm(x)[0], m.lstm(x)[1][0])), X)
    assert report.verdict == "cannot_check"
    assert "`call=" in report.message


def test_c_is_not_h():
    report = check_last_state(Classifier(lambda m, x, _: m.readout(m.lstm(x)[1][1][-1])), X)
    assert report.headline == "the answer reads c"


def test_a_mean_over_the_steps_is_told_what_it_reads_and_who_judges_it():
    report = check_last_state(Classifier(lambda m, x, _: m.readout(m.lstm(x)[0].mean(1))), X)
    assert report.verdict == "cannot_check"
    assert "reads the steps [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] of `self.lstm`" in report.message
    assert "`check_layout` judges it" in report.message


def test_a_layout_mistake_keeps_its_name():
    def forgotten(model, x, _):
        return model.readout(model.lstm(x.transpose(0, 1))[0][:, -1])

    assert check_last_state(Classifier(forgotten), X).verdict not in ("ok", "unrecognised")


def test_a_stub_is_not_attempted():
    assert check_last_state(Classifier(lambda m, x, n: ...), X).verdict == "not_attempted"


def test_ends_may_be_added():
    class SumOfEnds(Classifier):
        def __init__(self):
            super().__init__(None, directions=2)
            self.readout = nn.Linear(8, 4)

        def forward(self, x):
            h_n = self.lstm(x)[1][0]
            return self.readout(h_n[-2] + h_n[-1])

    assert check_last_state(SumOfEnds(), X)


@pytest.mark.parametrize("last", [True, False])
def test_a_loop_over_a_cell_ends_with_its_last_h(last):
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.GRUCell(16, 8), nn.Linear(8, 4)

        def forward(self, x):
            h = [None]
            for xt in x.unbind(1):
                h.append(self.cell(xt, h[-1]))
            return self.head(h[-1 if last else -2])

    assert check_last_state(Loop(), X).ok == last


def test_layers_may_have_any_name():
    class WithGRU(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.head = nn.GRU(16, 8, batch_first=True), nn.Linear(8, 4)

        def forward(self, x):
            return {"logits": torch.sigmoid(self.head(torch.tanh(self.gru(x)[1][-1])))}

    assert check_last_state(WithGRU(), X)


def test_pads_on_the_left_end_at_the_last_step():
    x = X.clone()
    for row, length in enumerate(LENGTHS):
        x[row, : 10 - length] = 0
    assert check_last_state(Classifier(last_step), x, LENGTHS)
