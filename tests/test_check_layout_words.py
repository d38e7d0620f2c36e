"""What the layout check says: the layer by its name in Python, and the fix that fits it."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_teach.checks.layout import calling, check_layout
from tests.layout_zoo import WRONG
from tests.layout_zoo.registry import IN, features
from tests.test_check_layout import LAYOUT_VERDICTS, turned


def test_a_layer_that_is_the_model_itself_is_called_by_its_class():
    report = check_layout(nn.LSTM(IN, 8), features(), output_axes=("batch", "time"))
    assert "`nn.LSTM` walks along just that axis" in report.message
    assert "Fix: `nn.LSTM(..., batch_first=True)`, and then" in report.message


def test_a_layer_in_a_list_is_called_as_python_calls_it():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.GRU(IN, 8)])

        def forward(self, x):
            return self.layers[0](x)[0]

    assert "`self.layers[0] = nn.GRU(..." in check_layout(Stack(), features()).message


@pytest.mark.parametrize("name", WRONG)
def test_every_message_of_a_wrong_layout_ends_in_a_fix(name):
    verdict, entry = WRONG[name]
    if verdict not in LAYOUT_VERDICTS:
        pytest.skip("no layout mistake")
    message = check_layout(**entry()).message
    assert "\nFix: " in message
    assert "{" not in message


class TurnedIn(nn.Module):
    """Time-first x for a batch-first layer, and nobody turns the output back."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, 8, batch_first=True)

    def forward(self, x):
        return self.lstm(x.transpose(0, 1))[0]


def test_a_batch_on_another_axis_is_told_where_it_stands():
    axes = ("time", "batch")
    message = check_layout(TurnedIn(), torch.randn(10, 3, IN), axes, axes).message
    assert "it stands on axis 0, and `.transpose(1, 0)` at the end puts it back" in message


def test_a_stub_is_called_by_the_name_of_its_model():
    class Stub(nn.Module):
        def forward(self, x):
            return ...

    report = check_layout(Stub(), torch.randn(3, 10, IN))
    assert report.verdict == "not_attempted"
    assert "`Stub.forward` returns `...`" in report.message


FIXES = {
    "a_flag_too_many_for_time_first_data": "take `batch_first=True` out of `self.lstm`",
    "batch_first_forgotten": "`self.rnn = nn.LSTM(..., batch_first=True)`, and then the last step",
    "permute_and_flag_both": "leave out the `transpose` or `permute` before",
    "packed_over_the_wrong_axis": "`pack_padded_sequence(x, lengths, batch_first=True)`",
    "cell_loop_over_the_batch": "loop over time: `for xt in x.unbind(1):`",
    "series_read_as_one_sentence": "if each sample of [4, 7] is one time step, give it a time axis",
    "everything_in_one_long_sentence": "drop the `view` and keep the batch axis",
    "window_as_features": "keep a real time axis",
    "time_folded_into_the_batch": "keep the axes apart",
    "state_not_handed_on": "hand the state on: `h, c = cell(xt, (h, c))`",
    "last_of_the_first_axis_with_batch_first": "take `out[:, -1]`, or `h_n[-1]`",
    "last_of_the_second_axis_without_batch_first": "take `out[-1]`, or `h_n[-1]`",
    "first_layer_as_the_top": "`h_n[-1]` is the top layer",
    "first_rows_of_a_bidirectional_stack": "`torch.cat((h_n[-2], h_n[-1]), 1)` is the top layer",
    "nodes_folded_into_the_batch_flag_forgotten": "`self.lstm = nn.LSTM(..., batch_first=True)`",
    "batch_flipped_for_the_way_back": "to read from the end, turn the time axis round",
    "sorted_tags": "`enforce_sorted=False` and no sorting of your own",
    "normalised_over_the_batch_before_the_layer": "look at each line before `self.lstm`",
}


@pytest.mark.parametrize("name", FIXES)
def test_the_fix_is_the_one_for_this_layer_and_this_x(name):
    _, entry = WRONG[name]
    _, fix = check_layout(**entry()).message.split("\nFix: ")
    assert fix.startswith(FIXES[name])


TIME_FIRST_FIXES = {
    "batch_first_forgotten": "leave out the `transpose` or `permute` before",
    "cell_loop_over_the_batch": "loop over the first axis: `for xt in x:`",
    "everything_in_one_long_sentence": "drop the `view` and keep the batch axis: hand over x as [t",
}


@pytest.mark.parametrize("name", TIME_FIRST_FIXES)
def test_for_time_first_input_the_fix_is_another(name):
    given = turned(WRONG[name][1])
    _, fix = check_layout(**given).message.split("\nFix: ")
    assert fix.startswith(TIME_FIRST_FIXES[name])


class Laid(nn.Module):
    """A model whose `out` is laid out by its own line, and then indexed on the batch axis."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(IN, 8, **options)

    def forward(self, x, lengths=None):
        if isinstance(self.layer, nn.LSTMCell):
            state, steps = None, []
            for xt in x.unbind(1):
                state = self.layer(xt, state)
                steps.append(state[0])
            return torch.stack(steps, dim=1)[-1]
        if lengths is None:
            return self.layer(x)[0][-1]
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0][-1]


@pytest.mark.parametrize(
    ("model", "lengths", "fix"),
    [
        (Laid(nn.LSTM), [4, 7, 5, 6], "take `h_n[-1]`, which is each sentence's own last step."),
        (Laid(nn.LSTMCell), None, "take the `h` that the loop ends with."),
        (
            Laid(nn.LSTM, batch_first=True, bidirectional=True),
            None,
            "take `torch.cat((h_n[-2], h_n[-1]), dim=1)`, where both directions end.",
        ),
    ],
)
def test_the_fix_never_names_the_line_that_was_wrong(model, lengths, fix):
    report = check_layout(model, torch.randn(4, 7, IN), lengths=lengths)
    assert report.verdict == "last_step_wrong_axis"
    assert report.message.split("\nFix: ")[1] == fix


@pytest.mark.parametrize(
    "given",
    [
        {"lengths": 5},
        {"lengths": "long"},
        {"lengths": [[4], [7, 5], [6]]},
        {"input_axes": None},
        {"input_axes": 5},
        {"output_axes": [["batch"]]},
    ],
    ids=str,
)
def test_an_argument_of_another_kind_is_told_what_was_expected(given):
    report = check_layout(Laid(nn.LSTM, batch_first=True), torch.randn(4, 7, IN), **given)
    assert report.verdict == "not_attempted"
    assert f"`{next(iter(given))}`" in report.message


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_a_forward_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(calling, "LONGEST_FORWARD", 0.2)

    class Endless(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, 8)

        def forward(self, x):
            while True:
                x = x + 1

    assert "was stopped" in check_layout(Endless(), features()).message


def test_padded_sentences_in_two_directions_are_read_at_both_ends():
    class LastStep(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, 8, batch_first=True, bidirectional=True)

        def forward(self, x, lengths):
            return self.lstm(x)[0][:, -1]

    report = check_layout(LastStep(), features(), lengths=[3, 7, 5, 4])
    assert report.verdict == "padded_last_step"
    assert "Fix: pack and take `torch.cat((h_n[-2], h_n[-1]), dim=1)`" in report.message
    assert "torch.arange" not in report.message


def test_what_cannot_be_looked_into_is_not_called_wrong():
    report = check_layout(torch.jit.script(nn.LSTM(IN, 8, batch_first=True)), features())
    assert str(report).startswith("It could not be checked.")


@pytest.mark.parametrize("reads_pads", [True, False])
def test_pads_that_reach_an_answer_are_said(reads_pads):
    class OwnLastStep(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, 8, batch_first=True, bidirectional=reads_pads)

        def forward(self, x, lengths):
            return self.lstm(x)[0][torch.arange(len(x)), lengths - 1]

    report = check_layout(OwnLastStep(), features(), lengths=[3, 7, 5, 4])
    assert report.ok
    assert ("what stands in the pads of sample" in report.message) == reads_pads
