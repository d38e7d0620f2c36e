"""A module that is lent comes back as it was, whatever its forward does to itself."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lstm_teach import influence
from lstm_teach.undisturbed import undisturbed


class TrainsItself(nn.Module):
    """Calls backward inside forward, as a model with a hand-written training step does."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 5)

    def forward(self, x):
        output, _ = self.lstm(x)
        output.pow(2).sum().backward(retain_graph=True)
        return output


@pytest.mark.parametrize("trained", [False, True])
def test_a_backward_pass_inside_forward_adds_to_no_gradient(trained):
    model, x = TrainsItself(), torch.randn(6, 3, 4)
    if trained:
        model(x)
    grads = [p.grad for p in model.parameters()]
    values = [None if g is None else g.clone() for g in grads]
    influence(model, x, (2, 1))
    for parameter, grad, value in zip(model.parameters(), grads, values, strict=True):
        assert parameter.grad is grad
        assert grad is None or torch.equal(grad, value)


class Keeps(nn.Module):
    """Holds something between its calls, and changes it in each."""

    def __init__(self, held, change):
        super().__init__()
        self.held, self.change = held, change

    def forward(self, x):
        self.change(self)
        return x


def _draw(model):
    torch.rand(3, generator=model.held)


HELD = {
    "a list": (lambda: [1, 2], lambda m: m.held.append(3), list),
    "a dictionary": (lambda: {"h": 1}, lambda m: m.held.update(h=2, c=3), dict),
    "a tensor in a pair": (
        lambda: (torch.zeros(2), torch.zeros(2)),
        lambda m: m.held[1].add_(1),
        lambda held: [part.tolist() for part in held],
    ),
    "a tensor that grows": (
        lambda: torch.zeros(2),
        lambda m: m.held.resize_(4).zero_(),
        torch.Tensor.tolist,
    ),
    "torch's generator": (torch.Generator, _draw, lambda g: g.get_state().tolist()),
    "Python's generator": (
        lambda: random.Random(0),
        lambda m: m.held.random(),
        random.Random.getstate,
    ),
    "NumPy's generator": (
        lambda: np.random.default_rng(0),
        lambda m: m.held.random(),
        lambda g: g.bit_generator.state,
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_what_a_module_keeps_between_calls_is_put_back(name):
    make, change, shown = HELD[name]
    model = Keeps(make(), change)
    held, before = model.held, shown(model.held)
    with undisturbed(model) as rewind:
        for _ in range(2):
            model(0)
            assert shown(model.held) != before
            rewind()
            assert shown(model.held) == before
        model(0)
    assert model.held is held
    assert shown(held) == before


def test_weights_that_forward_writes_to_are_put_back():
    def clip(model):
        model.held.weight.data.clamp_(max=0)
        model.held.weight.requires_grad_(False)

    model = Keeps(nn.Linear(3, 3), clip)
    before = model.held.weight.detach().clone()
    with undisturbed(model):
        model(0)
    assert torch.equal(model.held.weight, before)
    assert model.held.weight.requires_grad


def _seed_all():
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - NumPy's old global numbers are what many models use


def _draw_from_all(_=None):
    return torch.rand(1).item(), random.random(), np.random.rand()  # noqa: NPY002


def test_random_numbers_go_on_as_if_nothing_had_been_drawn():
    _seed_all()
    expected = _draw_from_all()
    _seed_all()
    model = Keeps(None, _draw_from_all)
    with undisturbed(model) as rewind:
        rewind()
        model(0)
    assert _draw_from_all() == expected


def test_batch_norm_without_running_statistics_does_not_couple_the_samples():
    model = nn.BatchNorm1d(3, track_running_stats=False, dtype=torch.float64)
    x = torch.randn(4, 3, dtype=torch.float64)
    with undisturbed(model):
        alone, together = model(x[:1]), model(x)[:1]
    assert torch.allclose(alone, together)
    assert alone.dtype == torch.float64
    assert model.running_mean is None
    assert model.running_var is None
    assert model.training


class Remembers(nn.Module):
    """Keeps what it computed in every way that a module can keep something."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 2)
        self.register_buffer("seen", torch.zeros(2))
        self.state = None
        self.hooked = 0
        self.last = torch.zeros(2)
        self.kept = [torch.zeros(2)]
        self.by_name = {"h": torch.zeros(2), "steps": 0}
        self.pair = (torch.zeros(2), [0])
        self.weights = [self.lstm.weight_ih_l0]
        self.nowhere = torch.zeros(2, device="meta")

    def forward(self, x):
        output, self.state = self.lstm(x, self.state)
        new = output[-1, 0].detach()
        self.seen += new
        self.last += new
        self.hooked += 1
        self.kept[0] += new
        self.kept.append(new)
        self.by_name["h"].add_(new)
        self.by_name["steps"] += 1
        self.by_name["last"] = new
        self.pair[0].add_(new)
        self.pair[1].append(1)
        self.count = getattr(self, "count", 0) + 1
        return output

    def memory(self):
        """Everything but the parameters, as plain numbers."""
        return {
            "seen": self.seen.tolist(),
            "state": self.state,
            "last": self.last.tolist(),
            "hooked": self.hooked,
            "kept": [each.tolist() for each in self.kept],
            "by_name": {key: torch.as_tensor(v).tolist() for key, v in self.by_name.items()},
            "pair": (self.pair[0].tolist(), self.pair[1]),
            "count": getattr(self, "count", None),
        }


X = torch.randn(4, 1, 3)


def test_a_memory_of_any_kind_is_taken_back_on_a_rewind_and_on_leaving():
    model = Remembers()
    before = model.memory()
    with undisturbed(model) as rewind:
        first = model(X)
        assert model.memory() != before
        assert not torch.equal(model(X), first)
        rewind()
        assert model.memory() == before
        assert torch.equal(model(X), first)
    assert model.memory() == before


def test_what_the_module_holds_is_given_back_itself_and_no_copy_of_it():
    model = Remembers()
    held = dict(vars(model))
    view = model.last[:1]
    inner = [model.kept[0], model.by_name["h"], model.seen, model.weights[0]]
    with undisturbed(model):
        model(X)
        model.kept = model.by_name = model.last = None
    for name in ("kept", "by_name", "pair", "last", "weights"):
        assert getattr(model, name) is held[name]
    own = [model.kept[0], model.by_name["h"], model.seen, model.lstm.weight_ih_l0]
    assert all(a is b for a, b in zip(inner, own, strict=True))
    assert view.data_ptr() == model.last.data_ptr()


def test_what_holds_itself_is_no_obstacle():
    class Own(nn.Module):
        pass

    model = Own()
    ring, table = [torch.zeros(2)], {"h": torch.zeros(2)}
    ring += [ring, (ring,)]
    table["again"] = table
    model.ring, model.table = ring, table
    with undisturbed(model):
        ring[0] += 1
        table["h"] += 1
    assert model.ring is model.ring[1] is model.ring[2][0] is ring
    assert model.table["again"] is table
    assert ring[0].tolist() == table["h"].tolist() == [0.0, 0.0]


def test_layers_parameters_and_buffers_that_were_exchanged_are_the_old_ones_again():
    model = Remembers()
    lstm, weight = model.lstm, model.lstm.weight_hh_l0
    with undisturbed(model):
        model.lstm.weight_hh_l0 = nn.Parameter(torch.ones(8, 2))
        model.lstm = nn.LSTM(3, 2)
        model.extra = nn.Linear(1, 1)
        model.register_buffer("more", torch.zeros(1))
    assert model.lstm is lstm
    assert model.lstm.weight_hh_l0 is weight
    assert [name for name, _ in model.named_children()] == ["lstm"]
    assert [name for name, _ in model.named_buffers()] == ["seen"]


def test_a_frozen_module_stays_frozen():
    lstm = nn.LSTM(3, 2).requires_grad_(False)
    with undisturbed(lstm):
        lstm.requires_grad_(True)
    assert not any(p.requires_grad for p in lstm.parameters())


class Draws(nn.Module):
    """Draws from every source of random numbers; its own ones go on from call to call."""

    def __init__(self):
        super().__init__()
        self.torch_generator = torch.Generator()
        self.python_generator = random.Random(1)
        self.numpy_generator = np.random.default_rng(1)

    def forward(self, x):
        drawn = [torch.rand(()), random.random(), np.random.rand()]  # noqa: NPY002
        drawn += [torch.rand((), generator=self.torch_generator)]
        drawn += [self.python_generator.random(), self.numpy_generator.random()]
        return torch.tensor([float(number) for number in drawn])


def test_after_a_rewind_the_same_random_numbers_are_drawn():
    model = Draws()
    with undisturbed(model) as rewind:
        rewind()
        first, second = model(X), model(X)
        rewind()
        assert torch.equal(model(X), first)
    assert (first != second).all()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_every_layer_is_in_evaluation_mode_while_it_is_lent_and_only_then():
    model = nn.Sequential(nn.LSTM(3, 2), nn.Dropout(), torch.jit.script(nn.Dropout()))
    model[1].eval()
    model.train = model.eval = None  # A module may have its own, which do something else.
    with undisturbed(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model] == [True, False, True]


def test_what_is_put_on_a_lent_module_to_watch_it_outlasts_a_rewind():
    class Own(nn.LSTM):
        pass

    lstm, seen = Own(3, 2), []
    with undisturbed(lstm) as rewind:
        handle = lstm.register_forward_hook(lambda *_: seen.append("hook"))
        lstm.forward = lambda x: seen.append("forward") or x
        rewind()
        lstm(X)
        handle.remove()
    assert seen == ["forward", "hook"]


def test_a_module_is_given_back_also_where_its_run_breaks_off():
    model = Remembers()
    before = model.memory()
    with pytest.raises(RuntimeError), undisturbed(model):  # noqa: PT012
        model(X)
        model(X[..., :2])
    assert model.memory() == before
    assert model.training


def test_on_a_gpu_cudnn_is_off_meanwhile_and_then_as_it_was(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    # PyTorch's own samples of modules, which other tests use, freeze the flags of this process.
    with torch.backends.__allow_nonbracketed_mutation():
        for before in (False, True):
            monkeypatch.setattr(torch.backends.cudnn, "enabled", before)
            with undisturbed(nn.LSTM(2, 3)):
                assert not torch.backends.cudnn.enabled
            assert torch.backends.cudnn.enabled == before
        monkeypatch.undo()


def test_the_first_numbers_that_numpy_draws_are_seeded_too():
    # NumPy loads them when they are first asked for, so this takes a process of its own.
    code = """
import torch
from lstm_teach import undisturbed
with undisturbed.undisturbed(torch.nn.Linear(1, 1)) as rewind:
    import numpy
    drawn = []
    for _ in range(2):
        rewind()
        drawn.append(numpy.random.random())
print(drawn[0] == drawn[1])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True"
