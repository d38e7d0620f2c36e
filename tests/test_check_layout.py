"""The layout check: right models are never called wrong, and wrong ones get their name."""

from __future__ import annotations

import inspect
import random

import pytest
import torch
from torch import nn

from lstm_teach.checks.layout import check_layout
from lstm_teach.checks.layout.after import AFTER
from lstm_teach.checks.layout.before import BEFORE
from lstm_teach.checks.layout.unused import UNUSED
from tests.layout_zoo import RIGHT, WRONG
from tests.layout_zoo.registry import IN, features
from tests.layout_zoo.right_arguments import WantsItsHiddenStateSet
from tests.layout_zoo.right_frames import FramesClassifier
from tests.layout_zoo.right_plain import BatchFirstClassifier
from tests.layout_zoo.right_states import StoresItsState

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


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_model_is_never_called_wrong(name):
    report = check_layout(**RIGHT[name]())
    assert report.ok, report


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_model_gets_its_name(name):
    verdict, entry = WRONG[name]
    report = check_layout(**entry())
    assert report.verdict == verdict, report


def test_every_verdict_has_three_differently_written_models():
    for verdict in LAYOUT_VERDICTS:
        assert sum(one == verdict for one, _ in WRONG.values()) >= 3, verdict
    assert len(RIGHT) >= len(WRONG)


def test_the_table_holds_every_verdict_of_the_contract():
    named = {mistake.name for mistake in (*BEFORE, *AFTER, *UNUSED)}
    assert named == LAYOUT_VERDICTS | {"unrecognised", "not_attempted"}


class Turned(nn.Module):
    """A model with the two leading axes of its input swapped on the way in."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x.transpose(0, 1).contiguous())


def turned(entry):
    given = entry()
    axes = given.get("input_axes", ("batch", "time"))
    takes_more = len(inspect.signature(given["model"].forward).parameters) > 1
    if len(axes) != 2 or (takes_more and not isinstance(given["model"], nn.RNNBase)):
        return None
    given["input_axes"] = axes[::-1]
    given["x"] = given["x"].transpose(0, 1).contiguous()
    given["model"] = Turned(given["model"])
    return given


@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_turning_the_input_and_the_model_together_never_changes_the_verdict(name):
    verdict, entry = WRONG.get(name) or ("ok", RIGHT[name])
    given = turned(entry)
    if given is None or verdict in ("raises", "not_attempted"):
        pytest.skip("nothing to turn")
    assert check_layout(**given).verdict == verdict


@pytest.mark.parametrize("seed", range(5))
def test_the_verdict_does_not_depend_on_the_sizes_or_the_weights(seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    batch, time, size = rng.randint(2, 9), rng.randint(3, 12), rng.randint(1, 9)
    x = torch.randn(batch, time, size)
    for flag, verdict in ((True, "ok"), (False, "time_batch_swapped")):
        model = nn.LSTM(size, rng.randint(1, 20), rng.randint(1, 3), batch_first=flag)
        assert check_layout(model, x, output_axes=("batch", "time")).verdict == verdict


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
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    x_before = x.clone()
    assert check_layout(model, x)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is grads[name] for name, p in model.named_parameters())
    assert modes == {name: m.training for name, m in model.named_modules()}
    assert attributes == {name: set(vars(m)) for name, m in model.named_modules()}
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state
    assert torch.equal(x, x_before)


def test_a_state_that_the_training_loop_sets_is_made_by_the_models_own_method():
    model = WantsItsHiddenStateSet(None)
    assert check_layout(model, features())
    assert not hasattr(model, "hidden")


def test_a_state_kept_between_calls_is_left_where_it_was():
    model = StoresItsState(4)
    x = torch.randn(7, 4, IN)
    model(x)
    hidden = model.hidden
    check_layout(model, x, input_axes=("time", "batch"))
    assert model.hidden is hidden


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
        (nn.LSTM(6, 8), (features(), None), {}, "tensor"),
        (nn.LSTM(6, 8), features(), {"input_axes": ("seq", "batch")}, "input_axes"),
        (nn.LSTM(6, 8), features(), {"output_axes": ("time",)}, "output_axes"),
        (nn.LSTM(6, 8), features(), {"lengths": [3, 2]}, "lengths"),
        (nn.LSTM(6, 8), torch.tensor(1.0), {}, "shape"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_sentence(model, x, axes, word):
    report = check_layout(model, x, **axes)
    assert report.verdict == "not_attempted"
    assert word in report.message


def test_an_x_that_hides_mistakes_is_made_better_and_the_report_says_so():
    report = check_layout(BatchFirstClassifier(), features(1))
    assert "batch 1 -> " in report.evidence["x made better"]


def test_where_no_better_x_can_be_made_the_report_says_what_it_needs():
    model = StoresItsState(5)
    report = check_layout(model, torch.randn(5, 5, IN), input_axes=("time", "batch"))
    assert report.ok
    made = "x made better" in report.evidence
    asked = any("batch != time" in sentence for sentence in report.not_checked)
    assert made or asked


def test_what_a_layout_check_cannot_see_is_said():
    report = check_layout(BatchFirstClassifier(), features())
    assert any("wiring" in sentence for sentence in report.not_checked)


class ReturnsALoss(BatchFirstClassifier):
    """Returns one number for the whole batch."""

    def forward(self, x):
        return super().forward(x).pow(2).mean()


def test_a_model_that_returns_its_loss_is_asked_for_its_predictions():
    report = check_layout(ReturnsALoss(), features())
    assert report.verdict == "not_attempted"
    assert "one number for the whole batch" in report.message


class TwoAnswers(nn.Module):
    """Returns a prediction for each sample, and a row of steps of one of them."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, 8, batch_first=True)

    def forward(self, x):
        out, _ = self.lstm(x)
        return {"mood": out[:, -1], "topic": out[-1]}


def test_an_output_that_no_rule_looks_at_is_said():
    report = check_layout(TwoAnswers(), features())
    assert any("[7, 8]" in sentence for sentence in report.not_checked)


class OneNumberForEachLayer(nn.Module):
    """Returns a list of as many tensors [batch] as it has layers, and takes one batch size."""

    def __init__(self, batch_first=True):
        super().__init__()
        self.batch_size = 4
        self.lstm = nn.LSTM(IN, 8, num_layers=4, batch_first=batch_first)

    def forward(self, x):
        assert self.batch_size in x.shape
        return [h.sum(-1) for h in self.lstm(x)[1][0]]


def test_a_list_that_may_go_along_the_batch_or_not_is_not_judged():
    report = check_layout(OneNumberForEachLayer(), features(4))
    assert report.verdict == "not_attempted"
    assert "another number of samples" in report.message


def test_a_list_of_as_many_layers_as_samples_hides_no_mistake():
    model = OneNumberForEachLayer(batch_first=False)
    assert check_layout(model, features(4)).verdict == "time_batch_swapped"


def test_a_model_without_a_recurrent_layer_is_judged_by_its_samples_alone():
    report = check_layout(nn.Sequential(nn.Flatten(), nn.Linear(42, 3)), features())
    assert report.ok
    assert any("recurrent" in sentence for sentence in report.not_checked)


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


class ReturnsText(nn.Module):
    """Has a layer, runs none, and returns no tensor."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, 8)

    def forward(self, x):
        return "done"


@pytest.mark.parametrize(
    ("model", "word"),
    [
        (lambda x: Leaves(x), "SystemExit"),
        (lambda x: ReturnsText(), "no tensor"),
        (lambda x: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), "lazy"),
    ],
)
def test_a_model_that_cannot_be_judged_is_never_called_right(model, word):
    x = features()
    report = check_layout(model(x), x)
    assert report.verdict == "not_attempted"
    assert word in report.message
