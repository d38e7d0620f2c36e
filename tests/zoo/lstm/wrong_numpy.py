"""Wrong whole LSTMs in NumPy, and functions that are handed their weights."""

# ruff: noqa: NPY002 (as people write)

import numpy as np
import torch

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class _Numpy:
    def __init__(self, input_dim, hidden_dim):
        self.H = hidden_dim
        self.Wx = np.random.randn(input_dim, 4 * hidden_dim)
        self.Wh = np.random.randn(hidden_dim, 4 * hidden_dim)
        self.b = np.random.randn(4 * hidden_dim)

    def gates(self, x, h):
        a = x @ self.Wx + h @ self.Wh + self.b
        i, f, o, g = np.split(a, 4, axis=1)
        return sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)

    def __call__(self, x):
        h, c = np.zeros((len(x), self.H)), np.zeros((len(x), self.H))
        out = []
        for t in range(x.shape[1]):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return np.stack(out, 1)


@example("extra_tanh_c")
class SquashesC(_Numpy):
    def step(self, x, h, c):
        i, f, o, g = self.gates(x, h)
        c = np.tanh(f * c + i * g)
        return o * c, c


@example("add_not_mul")
class AddsTheOutputGate(_Numpy):
    def step(self, x, h, c):
        i, f, o, g = self.gates(x, h)
        c = f * c + i * g
        return o + np.tanh(c), c


@example("missing_bias")
class NoBiasForO(_Numpy):
    def gates(self, x, h):
        a = x @ self.Wx + h @ self.Wh
        a[:, : 2 * self.H] += self.b[: 2 * self.H]
        i, f, o, g = np.split(a, 4, axis=1)
        return sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)

    def step(self, x, h, c):
        i, f, o, g = self.gates(x, h)
        c = f * c + i * g
        return o * np.tanh(c), c


@example("last_step_only")
class OneArrayForAllSteps(_Numpy):
    def __call__(self, x):
        h, c = np.zeros((len(x), self.H)), np.zeros((len(x), self.H))
        out = []
        for t in range(x.shape[1]):
            i, f, o, g = self.gates(x[:, t], h)
            c[:] = f * c + i * g
            h[:] = o * np.tanh(c)
            out.append(h)
        return np.stack(out, 1)


@example("gate_order")
def other_order(x, h, c, w_ih, w_hh, b_ih, b_hh):
    output = []
    for xt in x:
        i, f, o, g = (xt @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        output.append(h)
    return torch.stack(output), (h, c)


@example("missing_bias")
def one_bias_left_out(x, h, c, w_ih, w_hh, b_ih, b_hh):
    output = []
    for xt in x:
        i, f, g, o = (xt @ w_ih.T + b_ih + h @ w_hh.T).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        output.append(h)
    return torch.stack(output), (h, c)


@instance("double_activation")
def gates_squashed_twice():
    class Twice:
        def __init__(self):
            self.W, self.b = np.random.randn(7, 20), np.random.randn(20)

        def __call__(self, x):
            h = c = np.zeros((x.shape[1], 5))
            hs = []
            for xt in x:
                i, f, o, g = np.split(np.hstack([xt, h]) @ self.W + self.b, 4, 1)
                i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
                hs.append(h)
            return np.array(hs)

    return Twice()
