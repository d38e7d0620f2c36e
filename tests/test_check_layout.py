"""The layout check beyond its examples: what it takes, what it leaves alone, what it says."""

from __future__ import annotations

import inspect
import random
import re
import sys

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_teach.checks.layout import calling, check_layout
from tests.random_layouts import random_right
from tests.zoo import load
from tests.zoo.layout.common import ENTRIES, IN, Net, features
from tests.zoo.layout.right_frames import FramesClassifier
from tests.zoo.layout.right_plain import BatchFirstClassifier
from tests.zoo.layout.right_states import StoresItsState

load("tests.zoo.layout")

LAYOUT_VERDICTS = {
    "time_batch_swapped",
    "batch_as_time",
    "view_scramble",
    "hidden_view_scramble",
    "last_step_wrong_axis",
    "bidir_last_step",
    "wrong_layer_state",
    "seq_len_1",
    "padded_last_step",
    "samples_mixed",
}


def given_by(name):
    torch.manual_seed(0)
    return ENTRIES[name][1]()


def test_every_verdict_has_three_differently_written_examples():
    verdicts = [verdict for verdict, _ in ENTRIES.values()]
    for verdict in LAYOUT_VERDICTS:
        assert verdicts.count(verdict) >= 3, verdict
    assert verdicts.count("ok") >= sum(map(verdicts.count, LAYOUT_VERDICTS))


class Turned(nn.Module):
    """A model with the two leading axes of its input swapped on the way in."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x.transpose(0, 1).contiguous())


def turned(given):
    axes = given.get("input_axes", ("batch", "time"))
    takes_more = len(inspect.signature(given["model"].forward).parameters) > 1
    x = given["x"]
    if len(axes) != 2 or "call" in given or not torch.is_tensor(x) or 1 in x.shape[:2]:
        return None
    if takes_more and not isinstance(given["model"], nn.RNNBase):
        return None
    given["input_axes"] = axes[::-1]
    given["x"] = given["x"].transpose(0, 1).contiguous()
    given["model"] = Turned(given["model"])
    return given


@pytest.mark.parametrize("name", ENTRIES)
def test_turning_the_input_and_the_model_together_never_changes_the_verdict(name):
    verdict, _ = ENTRIES[name]
    given = turned(given_by(name))
    if given is None or verdict not in {"ok", *LAYOUT_VERDICTS}:
        pytest.skip("nothing to turn")
    assert check_layout(**given).verdict == verdict


@pytest.mark.parametrize("name", ENTRIES)
def test_every_message_of_a_wrong_layout_ends_in_a_fix(name):
    verdict, _ = ENTRIES[name]
    if verdict not in LAYOUT_VERDICTS:
        pytest.skip("no layout mistake")
    report = check_layout(**given_by(name))
    assert "PyTorch does not complain: the sizes fit" in report.message
    assert "\nFix: " in report.message
    assert not re.search(r"\{|\}", report.message + report.headline)


def test_nothing_of_the_model_is_changed():
    model = FramesClassifier().train()
    model.fc.eval()
    for parameter in model.cnn.parameters():
        parameter.requires_grad_(False)
    x = torch.randn(3, 5, 3, 9, 9)
    model(x).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = {name: p.grad for name, p in model.named_parameters()}
    modes = {name: m.training for name, m in model.named_modules()}
    attributes = {name: set(vars(m)) for name, m in model.named_modules()}
    forward = nn.LSTM.forward
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    x_before = x.clone()
    assert check_layout(model, x)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is grads[name] for name, p in model.named_parameters())
    assert modes == {name: m.training for name, m in model.named_modules()}
    assert attributes == {name: set(vars(m)) for name, m in model.named_modules()}
    assert nn.LSTM.forward is forward
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state
    assert torch.equal(x, x_before)


def test_a_state_kept_between_calls_is_left_where_it_was():
    model = StoresItsState(4)
    x = torch.randn(7, 4, IN)
    model(x)
    hidden = model.hidden
    report = check_layout(model, x, input_axes=("time", "batch"))
    assert model.hidden is hidden
    assert "keeps a state between calls" in report.message


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_check_works_where_the_caller_has_switched_gradients_off(context):
    model = BatchFirstClassifier(bidirectional=True)
    with context():
        report = check_layout(model, features())
    assert report.verdict == "bidir_last_step"


@pytest.mark.parametrize(
    ("model", "x", "axes", "word"),
    [
        (nn.LSTM, features(), {}, "instance"),
        (lambda x: x, features(), {}, "nn.Module"),
        (nn.LSTM(6, 8), "text", {}, "tensor"),
        (nn.LSTM(6, 8), features(), {"input_axes": ("a", "b")}, "input_axes"),
        (nn.LSTM(6, 8), features(), {"input_axes": ("batch", "batch")}, "input_axes"),
        (nn.LSTM(6, 8), features(), {"input_axes": None}, "input_axes"),
        (nn.LSTM(6, 8), features(), {"output_axes": ("time",)}, "output_axes"),
        (nn.LSTM(6, 8), features(), {"input_axes": ("time*batch",)}, "x.flatten(0, 1)"),
        (nn.LSTM(6, 8), features(), {"output_axes": [["batch"]]}, "output_axes"),
        (
            nn.LSTM(6, 8),
            features(),
            {"lengths": [3, 2]},
            "There are 2 lengths up to 3, and x is [batch=4, time=7, 6]",
        ),
        (nn.LSTM(6, 8), features(), {"lengths": 5}, "lengths"),
        (nn.LSTM(6, 8), features(), {"lengths": "long"}, "lengths"),
        (nn.LSTM(6, 8), features(), {"lengths": [[4], [7, 5], [6]]}, "lengths"),
        (nn.LSTM(6, 8), features(), {"lengths": [0, 2, 3, 4]}, "It is [0, 2, 3, 4]"),
        (nn.LSTM(6, 8), features(), {"lengths": [9, 2, 3, 4]}, "There are 4 lengths up to 9"),
        (nn.LSTM(6, 8), features(), {"lengths": [1.0, 0.5, 0.4, 0.3]}, "relative"),
        (nn.LSTM(6, 8), features(), {"call": 3}, "call"),
        (nn.LSTM(6, 8), torch.tensor(1.0), {}, "x is []"),
        (nn.LSTM(6, 8), [torch.randn(n, 6) for n in (5, 7, 3)], {}, "pad_sequence"),
        (nn.LSTM(6, 8), torch.randn(0, 3, 6), {}, "empty"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), features(), {}, "lazy"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_sentence(model, x, axes, word):
    report = check_layout(model, x, **axes)
    assert report.verdict == "cannot_check"
    assert word in str(report)
    assert str(report).startswith("Not checked: ")


def test_what_a_layout_check_cannot_see_is_said():
    report = check_layout(BatchFirstClassifier(), features())
    (unseen,) = report.not_checked
    assert "wiring" in unseen


def test_of_a_summary_nothing_is_told_of_later_steps():
    report = check_layout(BatchFirstClassifier(), features())
    assert report.ok
    assert "later time steps" not in report.message


class TwoAnswers(nn.Module):
    """Returns a prediction for each sample, and their mean."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, 8, batch_first=True)

    def forward(self, x):
        out, _ = self.lstm(x)
        return {"mood": out[:, -1], "topic": out.mean(0)}


def test_an_output_that_no_rule_looks_at_is_named_first():
    report = check_layout(TwoAnswers(), features())
    assert report.message.startswith("But `output['topic']` [7, 8] was not judged")
    assert "`output['mood']` [4, 8]" in report.message


@pytest.mark.parametrize("cut", [False, True])
def test_flat_rows_are_in_one_of_two_orders_or_wrong(cut):
    def body(self, x):
        out, h_n = self.gru(x)
        rows = out.reshape(7, 4, 8).transpose(0, 1) if cut else out
        return self.fc(rows.reshape(28, 8)), h_n[-1]

    model = Net(body, gru=nn.GRU(IN, 8, batch_first=True), fc=nn.Linear(8, 3))
    assert check_layout(model, features()).ok != cut


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_order_of_flat_rows_is_said(batch_first):
    def body(self, x):
        return self.gru(x if batch_first else x.transpose(0, 1))[0].reshape(28, 8)

    model = Net(body, gru=nn.GRU(IN, 8, batch_first=batch_first))
    order = "(batch, time)" if batch_first else "(time, batch)"
    assert f"in the order {order}" in check_layout(model, features()).message


class Leaves(nn.Module):
    """Runs on one x only, and ends the program on every other."""

    def __init__(self, only):
        super().__init__()
        self.lstm = nn.LSTM(IN, 8, batch_first=True)
        self.only = only

    def forward(self, x):
        if not torch.equal(x, self.only):
            raise SystemExit
        return self.lstm(x)[0]


def test_a_model_that_cannot_be_judged_is_never_called_right():
    x = features()
    report = check_layout(Leaves(x), x)
    assert report.verdict == "cannot_check"
    assert "SystemExit" in report.message


def test_a_model_that_returns_no_tensor_is_never_called_right():
    report = check_layout(Net(lambda self, x: "done", lstm=nn.LSTM(IN, 8)), features())
    assert report.verdict == "cannot_check"
    assert "no tensor" in report.message


def test_a_layer_that_is_the_model_itself_is_called_by_its_class():
    report = check_layout(nn.LSTM(IN, 8), features(), output_axes=("batch", "time"))
    assert report.headline == "`nn.LSTM` walks along your batch, not along time"
    assert "Fix: `nn.LSTM(..., batch_first=True)`; or leave the layer as it is" in report.message


def test_a_layer_in_a_list_is_called_as_python_calls_it():
    model = Net(lambda self, x: self.layers[0](x)[0], layers=nn.ModuleList([nn.GRU(IN, 8)]))
    assert "`self.layers[0] = nn.GRU(..." in check_layout(model, features()).message


def test_a_stub_is_called_by_the_name_of_its_model():
    class Stub(nn.Module):
        def forward(self, x):
            return ...

    report = check_layout(Stub(), torch.randn(3, 10, IN))
    assert report.verdict == "not_attempted"
    assert "`Stub.forward` returns `...`" in report.message


def test_a_subclass_of_a_cell_that_calls_its_arguments_otherwise_is_looked_into():
    class Cell(nn.LSTMCell):
        def forward(self, x, state):
            return super().forward(x, state)

    def body(self, x):
        h = c = torch.zeros(len(x), 8)
        for xt in x.unbind(1):
            h, c = self.cell(xt, (h, c))
        return self.fc(h)

    report = check_layout(Net(body, cell=Cell(IN, 8), fc=nn.Linear(8, 3)), features())
    assert report.ok
    assert "`self.cell` walks along time" in report.message


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
        (Laid(nn.LSTM), [4, 7, 5, 6], "take `h_n[-1]`, where each sample ends."),
        (Laid(nn.LSTMCell), None, "take the `h` that the loop ends with."),
        (
            Laid(nn.LSTM, batch_first=True, bidirectional=True),
            None,
            "take `torch.cat((h_n[-2], h_n[-1]), dim=1)`, where each sample ends.",
        ),
    ],
)
def test_the_fix_never_names_the_line_that_was_wrong(model, lengths, fix):
    report = check_layout(model, torch.randn(4, 7, IN), lengths=lengths)
    assert report.verdict == "last_step_wrong_axis"
    assert report.message.split("\nFix: ")[1] == fix


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


@pytest.mark.parametrize("reads_pads", [True, False])
def test_pads_that_reach_an_answer_are_said(reads_pads):
    class OwnLastStep(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, 8, batch_first=True, bidirectional=reads_pads)

        def forward(self, x, lengths):
            return self.lstm(x)[0][torch.arange(len(x)), lengths - 1]

    x = features()
    x[0, 3:] = x[2, 5:] = x[3, 4:] = 0
    report = check_layout(OwnLastStep(), x, lengths=[3, 7, 5, 4])
    assert report.ok
    assert report.message.startswith("But the pads reach answers") == reads_pads


@pytest.mark.parametrize("seed", [*range(38), 425, 596])  # of these two, one sample hardly counts
def test_a_right_model_drawn_at_random_is_called_right(seed):
    drawn, given = random_right(seed)
    report = check_layout(**given)
    assert report.ok, (drawn, report)


def test_another_default_device_is_the_learners_alone():
    model, x = BatchFirstClassifier(), features()
    with torch.device("meta"):  # as a GPU would be: what the check makes must not go there
        assert check_layout(model, x)
        assert check_layout(model, x, lengths=[3, 7, 5, 4]).verdict == "padded_last_step"
        assert torch.empty(1).is_meta
