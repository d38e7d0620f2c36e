"""A module that is lent comes back as it was, whatever its forward does to itself."""

from __future__ import annotations

import random

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
    model = nn.BatchNorm1d(3, track_running_stats=False)
    x = torch.randn(4, 3)
    with undisturbed(model):
        alone, together = model(x[:1]), model(x)[:1]
    assert torch.allclose(alone, together)
    assert model.running_mean is None
    assert model.training
