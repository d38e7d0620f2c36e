"""On a GPU the same comes out as on the CPU: for a model that is there, and by default."""

import pytest
import torch
from torch import nn

import lstm_teach
from lstm_teach import cell_from_layer, influence, run_cells, trace
from tests.zoo import load
from tests.zoo.layout.common import ENTRIES

if not torch.cuda.is_available():
    pytest.skip("there is no CUDA GPU here", allow_module_level=True)

LSTMS = {
    "plain": {},
    "two layers, both directions": {"num_layers": 2, "bidirectional": True},
    "batch_first": {"batch_first": True, "num_layers": 2},
    "proj_size": {"proj_size": 3},
}
EXPLORERS = [name for name in lstm_teach.__all__ if name.endswith(("Explorer", "Quiz"))]
EXPLORERS.remove("WritingExplorer")  # it explores a model that the reader brings


@pytest.fixture(params=["models on the GPU", "the GPU by default"])
def to_gpu(request):
    """Brings a module or a tensor to the GPU; the default device is the CPU or the GPU."""
    if request.param == "the GPU by default":
        torch.set_default_device("cuda")
    yield lambda value: value.to("cuda")
    torch.set_default_device(None)


@pytest.fixture
def all_digits(monkeypatch):
    """cuDNN computes in float32, not in TF32 with its three digits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


class Tagger(nn.Module):
    """Reads tokens, wherever they are."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(40, 4), nn.LSTM(4, 5)

    def forward(self, tokens):
        return self.lstm(self.embedding(tokens.to(self.embedding.weight.device)))[0]


class Classifier(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.lstm, self.readout = nn.LSTM(8, 16, batch_first=batch_first), nn.Linear(16, 2)

    def forward(self, x):
        return self.readout(self.lstm(x)[0][:, -1])


class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class WithoutTanh(Cell):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c, c


def function(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def without_tanh(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


def c_goes_up(cells, x):
    states = [None] * len(cells)
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][1]
        steps.append(states[-1][0])
    return torch.stack(steps), states


@pytest.mark.usefixtures("all_digits")
@pytest.mark.parametrize("options", LSTMS.values(), ids=LSTMS)
def test_a_trace_ends_where_the_layer_does(to_gpu, options):
    lstm, x = to_gpu(nn.LSTM(4, 6, **options)), to_gpu(torch.randn(5, 3, 4))
    traced = trace(lstm, x)
    output, (h_n, c_n) = lstm(x)
    torch.testing.assert_close((traced.output, traced.h_n, traced.c_n), (output, h_n, c_n))
    assert traced.i.is_cuda


@pytest.mark.usefixtures("all_digits")
def test_cells_of_a_layer_run_where_the_layer_is(to_gpu):
    lstm, x = to_gpu(nn.LSTM(4, 6, num_layers=2)), to_gpu(torch.randn(5, 3, 4))
    cells = [cell_from_layer(lstm, layer) for layer in range(2)]
    output, states = run_cells(cells, x)
    torch.testing.assert_close(output, lstm(x)[0])
    assert states[1][0].is_cuda
    torch.testing.assert_close(trace(cells[0], x).h, run_cells(cells[:1], x)[0])


@pytest.mark.usefixtures("all_digits")
@pytest.mark.parametrize("training", [True, False])
def test_the_influence_is_that_on_the_cpu_and_takes_one_pass(to_gpu, training):
    lstm = nn.LSTM(4, 5, num_layers=2, bidirectional=True, device="cpu").train(training)
    x = torch.randn(6, 3, 4, device="cpu")
    expected = influence(lstm, x, (3, 1))
    calls = []
    lstm.register_forward_hook(lambda *_: calls.append(1))
    found = influence(to_gpu(lstm), to_gpu(x), (3, 1))
    assert found.is_cuda
    assert len(calls) == 1
    torch.testing.assert_close(found.cpu(), expected)
    assert torch.backends.cudnn.enabled
    assert lstm.training == training


@pytest.mark.usefixtures("all_digits")
@pytest.mark.parametrize("tokens_are_on", ["cpu", "cuda"])
def test_the_influence_of_tokens_is_told_wherever_they_are(to_gpu, tokens_are_on):
    model, tokens = to_gpu(Tagger()), torch.arange(18, device="cpu").reshape(6, 3)
    found = influence(model, tokens.to(tokens_are_on), (3, 1))
    reached = torch.zeros(6, 3, dtype=torch.bool, device="cpu")
    reached[:4, 1] = True
    assert found.device.type == tokens_are_on
    assert torch.equal(found.cpu() > 0, reached)


def test_batch_norm_without_statistics_or_weights_is_no_hindrance(to_gpu):
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4, affine=False, track_running_stats=False)
            self.lstm = nn.LSTM(4, 5)

        def forward(self, x):
            return self.lstm(self.norm(x.flatten(0, 1)).reshape(x.shape))[0]

    found = influence(to_gpu(Normed()), to_gpu(torch.randn(6, 3, 4)), (3, 1))
    assert found[:4, 1].all()
    assert not found[:, 0].any()


@pytest.mark.parametrize(
    ("make", "verdict"), [(Cell, "ok"), (WithoutTanh, "missing_tanh_c"), (nn.LSTMCell, "ok")]
)
def test_a_cell_is_judged_on_the_gpu(to_gpu, make, verdict):
    report = lstm_teach.check_cell(to_gpu(make(5, 6)), 5, 6)
    assert report.verdict == verdict, report
    report = lstm_teach.check_cell(make)
    assert report.verdict == verdict, report


@pytest.mark.parametrize(("cell", "verdict"), [(function, "ok"), (without_tanh, "missing_tanh_c")])
@pytest.mark.usefixtures("to_gpu")
def test_a_function_is_judged(cell, verdict):
    report = lstm_teach.check_cell(cell)
    assert report.verdict == verdict, report


@pytest.mark.usefixtures("to_gpu")
def test_a_stack_is_judged():
    assert lstm_teach.check_stack(run_cells)
    assert lstm_teach.check_stack(c_goes_up).verdict == "c_instead_of_h"


def test_a_shape_is_judged_by_rule(to_gpu):
    lstm, x = to_gpu(nn.LSTM(5, 6, num_layers=2)), to_gpu(torch.randn(4, 3, 5))
    assert lstm_teach.check_shape(lstm(x)[0].shape, lstm, x.shape, "output")
    report = lstm_teach.check_shape("3, 4, 6", lstm, x.shape, "output")
    assert report.verdict == "time_batch_swapped"


@pytest.mark.skipif(not hasattr(lstm_teach, "check_lstm"), reason="there is no check_lstm")
def test_a_whole_lstm_is_judged(to_gpu):
    report = lstm_teach.check_lstm(to_gpu(nn.LSTM(5, 6, num_layers=2)))
    assert report, report


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("batch_first", "verdict"), [(True, "ok"), (False, "time_batch_swapped")])
def test_a_layout_is_judged_on_the_gpu(to_gpu, batch_first, verdict, training):
    model = to_gpu(Classifier(batch_first)).train(training)
    report = lstm_teach.check_layout(model, to_gpu(torch.randn(4, 7, 8)))
    assert report.verdict == verdict, report
    assert torch.backends.cudnn.enabled


def test_tokens_and_their_layout_are_judged_on_the_gpu(to_gpu):
    tokens = to_gpu(torch.randint(0, 40, (7, 4)))
    axes = ("time", "batch")
    report = lstm_teach.check_layout(to_gpu(Tagger()), tokens, axes, axes)
    assert report, report


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_computes_with_the_gpu_by_default(to_gpu, name):
    explorer = getattr(lstm_teach, name)()
    assert explorer._repr_mimebundle_()["image/png"]
    for control in getattr(explorer, "controls", {}).values():
        if hasattr(control, "step") and control.value < control.max:
            control.value += control.step
    assert explorer._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "batch_first_last_step",
        "bidirectional_tagger",
        "batch_first_forgotten",
        "view_to_time_first",
        "two_layers_viewed",
        "last_of_the_first_axis_with_batch_first",
        "bidirectional_last_step",
        "first_layer_as_the_top",
        "last_step_of_padded_tokens",
        "packed_without_the_flag",
    ],
)
def test_a_layout_on_a_gpu_gets_the_verdict_that_it_has_on_the_cpu(name, train):
    load("tests.zoo.layout")
    verdict, entry = ENTRIES[name]
    given = entry()
    given["model"], given["x"] = given["model"].cuda().train(train), given["x"].cuda()
    assert lstm_teach.check_layout(**given).verdict == verdict
