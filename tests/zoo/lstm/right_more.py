"""More right whole LSTMs, of other kinds."""

# ruff: noqa: NPY002 (as people write)

from collections import namedtuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


@example("ok")
class ParameterDicts(nn.Module):
    def __init__(self, num_features, num_units):
        super().__init__()
        self.num_units = num_units
        self.W = nn.ParameterDict(
            {g: nn.Parameter(torch.randn(num_units, num_features)) for g in "fiog"}
        )
        self.U = nn.ParameterDict(
            {g: nn.Parameter(torch.randn(num_units, num_units)) for g in "fiog"}
        )
        self.b = nn.ParameterDict({g: nn.Parameter(torch.zeros(num_units)) for g in "fiog"})

    def gate(self, g, x, h):
        return F.linear(x, self.W[g], self.b[g]) + F.linear(h, self.U[g])

    def forward(self, x, hc=None):
        h, c = hc if hc else (torch.zeros(x.shape[0], self.num_units),) * 2
        out = x.new_empty(x.shape[0], x.shape[1], self.num_units)
        for t in range(x.shape[1]):
            f, i, o = (torch.sigmoid(self.gate(g, x[:, t], h)) for g in "fio")
            c = f * c + i * torch.tanh(self.gate("g", x[:, t], h))
            h = o * torch.tanh(c)
            out[:, t] = h
        return out, (h, c)


@instance("ok", says="batch is the first axis")
def keras_style():
    class KerasLSTM(nn.Module):
        def __init__(self, units, input_dim):
            super().__init__()
            self.units = units
            self.kernel = nn.Parameter(torch.randn(input_dim, units * 4))
            self.recurrent_kernel = nn.Parameter(torch.randn(units, units * 4))
            self.bias = nn.Parameter(torch.randn(units * 4))

        def forward(self, inputs, return_sequences=True):
            h = torch.zeros(inputs.size(0), self.units)
            c = torch.zeros(inputs.size(0), self.units)
            seq = []
            for step in inputs.unbind(1):
                z = step @ self.kernel + h @ self.recurrent_kernel + self.bias
                z0, z1, z2, z3 = z.split(self.units, dim=1)
                c = torch.sigmoid(z1) * c + torch.sigmoid(z0) * torch.tanh(z2)
                h = torch.sigmoid(z3) * torch.tanh(c)
                seq.append(h)
            return torch.stack(seq, 1) if return_sequences else h

    return KerasLSTM(6, 5)


@example("ok", says="2 layers")
class ListsOfParameters(nn.Module):
    """A list a kind of weight, not a list a layer."""

    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.w_ih = nn.ParameterList(torch.randn(4 * hidden_size, n) for n in sizes)
        self.w_hh = nn.ParameterList(torch.randn(4 * hidden_size, hidden_size) for _ in sizes)
        self.b_ih = nn.ParameterList(torch.randn(4 * hidden_size) for _ in sizes)
        self.b_hh = nn.ParameterList(torch.randn(4 * hidden_size) for _ in sizes)

    def forward(self, x, state=None):
        if state is None:
            state = torch.zeros(2, self.num_layers, x.shape[1], self.hidden_size, dtype=x.dtype)
        hs, cs = [], []
        for k in range(self.num_layers):
            h, c = state[0][k], state[1][k]
            ys = []
            for xt in x:
                z = F.linear(xt, self.w_ih[k], self.b_ih[k]) + F.linear(
                    h, self.w_hh[k], self.b_hh[k]
                )
                i, f, g, o = z.chunk(4, -1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                ys.append(h)
            x = torch.stack(ys)
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))


@instance("ok")
def compiled():
    return torch.compile(nn.LSTM(4, 5, batch_first=True), backend="eager")


class _ScriptCell(torch.jit.ScriptModule):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.randn(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.randn(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.randn(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.randn(4 * hidden_size))

    @torch.jit.script_method
    def forward(
        self, input: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        hx, cx = state
        gates = torch.mm(input, self.weight_ih.t()) + self.bias_ih
        gates = gates + torch.mm(hx, self.weight_hh.t()) + self.bias_hh
        i, f, g, o = gates.chunk(4, 1)
        cy = torch.sigmoid(f) * cx + torch.sigmoid(i) * torch.tanh(g)
        hy = torch.sigmoid(o) * torch.tanh(cy)
        return hy, (hy, cy)


@instance("ok")
def a_layer_around_a_script_cell():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = _ScriptCell(3, 5)

        def forward(self, input, state):
            outputs = []
            for step in input.unbind(0):
                out, state = self.cell(step, state)
                outputs += [out]
            return torch.stack(outputs), state

    return Layer()


@instance("ok", says="both directions")
def numpy_both_ways():
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    class OneWay:
        def __init__(self, n_in, n_h):
            self.W, self.U = np.random.randn(4, n_h, n_in), np.random.randn(4, n_h, n_h)
            self.b = np.random.randn(4, n_h)

        def run(self, x):
            h, c, out = np.zeros(self.b.shape[1]), np.zeros(self.b.shape[1]), []
            for xt in x:
                i, f, g, o = (self.W[k] @ xt + self.U[k] @ h + self.b[k] for k in range(4))
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
                out.append(h)
            return out

    class BiLSTM:
        def __init__(self):
            self.there, self.back = OneWay(3, 5), OneWay(3, 5)

        def __call__(self, x):
            left, right = self.there.run(x), self.back.run(x[::-1])[::-1]
            return np.array([np.concatenate(p) for p in zip(left, right, strict=True)])

    return BiLSTM()


@instance("ok")
def names_its_results():
    Result = namedtuple("Result", "output hidden cell")

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.input_size, self.hidden_size = 4, 5
            self.gates = nn.Linear(9, 20, bias=False)

        def forward(self, x):
            h = c = x.new_zeros(len(x), 5)
            hs = []
            for t in range(x.shape[1]):
                o, f, i, g = self.gates(torch.cat([x[:, t], h], -1)).chunk(4, -1)
                c = c * f.sigmoid() + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                hs += [h]
            return Result(torch.stack(hs, 1), h, c)

    return Named()


@instance("ok")
def weights_in_a_closure():
    w = torch.randn(12, 5, dtype=torch.float64)
    u = torch.randn(12, 3, dtype=torch.float64)
    b = torch.zeros(12, dtype=torch.float64)

    def lstm(x):
        h = c = torch.zeros(x.shape[1], 3, dtype=x.dtype)
        out = []
        for xt in x:
            i, f, o, g = (xt @ w.T + h @ u.T + b).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return torch.stack(out)

    return lstm


@instance("ok")
def resets_its_own_state():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden_size = 6
            self.cell = nn.LSTMCell(4, 6)

        def init_hidden(self, batch):
            self.h, self.c = torch.zeros(batch, 6), torch.zeros(batch, 6)

        def forward(self, x):
            self.init_hidden(x.size(0))
            out = []
            for t in range(x.size(1)):
                self.h, self.c = self.cell(x[:, t], (self.h, self.c))
                out.append(self.h)
            return torch.stack(out, dim=1)

    return Tagger()


@instance("ok")
def all_h_and_all_c():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTMCell(4, 5)

        def forward(self, x, h, c):
            hs, cs = [], []
            for xt in x:
                h, c = self.cell(xt, (h, c))
                hs.append(h)
                cs.append(c)
            return torch.stack(hs), torch.stack(cs)

    return Both()


@instance("ok", says="2 layers")
def two_classes_stacked():
    class Layer(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.n_out = n_out
            self.w_x, self.w_h = nn.Linear(n_in, 4 * n_out), nn.Linear(n_out, 4 * n_out, False)

        def forward(self, xs):
            h = c = torch.zeros(xs[0].shape[0], self.n_out)
            hs = []
            for x in xs:
                f, i, g, o = (self.w_x(x) + self.w_h(h)).chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                hs.append(h)
            return hs

    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.bottom, self.top = Layer(3, 5), Layer(5, 5)

        def forward(self, x):
            return torch.stack(self.top(self.bottom(x)))

    return Deep()


@example("ok")
class SeparateBiasesForXAndH(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        for gate in ("i", "f", "g", "o"):
            setattr(self, f"W_i{gate}", nn.Parameter(torch.randn(hidden_dim, input_dim)))
            setattr(self, f"W_h{gate}", nn.Parameter(torch.randn(hidden_dim, hidden_dim)))
            setattr(self, f"b_i{gate}", nn.Parameter(torch.randn(hidden_dim)))
            setattr(self, f"b_h{gate}", nn.Parameter(torch.randn(hidden_dim)))

    def sum(self, g, x, h):
        from_x = x @ getattr(self, f"W_i{g}").T + getattr(self, f"b_i{g}")
        return from_x + h @ getattr(self, f"W_h{g}").T + getattr(self, f"b_h{g}")

    def forward(self, x, memory=None):
        h_t, c_t = memory or (torch.zeros(x.size(0), self.hidden_dim),) * 2
        out = []
        for t in range(x.size(1)):
            i_t = torch.sigmoid(self.sum("i", x[:, t], h_t))
            f_t = torch.sigmoid(self.sum("f", x[:, t], h_t))
            g_t = torch.tanh(self.sum("g", x[:, t], h_t))
            o_t = torch.sigmoid(self.sum("o", x[:, t], h_t))
            c_t = f_t * c_t + i_t * g_t
            h_t = o_t * torch.tanh(c_t)
            out.append(h_t)
        return torch.stack(out, 1), (h_t, c_t)


@example("ok")
def keras_weights_handed_in(x, kernel, recurrent_kernel, bias):
    units = recurrent_kernel.shape[0]
    h = c = np.zeros((x.shape[0], units))
    out = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + h @ recurrent_kernel + bias
        i, f, g, o = (z[:, k * units : (k + 1) * units] for k in range(4))
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        out.append(h)
    return np.stack(out, 1)


@instance("ok")
def float32_by_hand():
    class Typed(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(3, 24))
            self.u = nn.Parameter(torch.randn(6, 24))

        def forward(self, x):
            h = torch.zeros(x.shape[1], 6, dtype=torch.float32)
            c = torch.zeros(x.shape[1], 6, dtype=torch.float32)
            out = []
            for xt in x.float():
                i, f, g, o = (xt @ self.w.float() + h @ self.u.float()).chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                out.append(h)
            return torch.stack(out)

    return Typed()


@example("ok", says="adds 1 to the sum of f")
class ForgetBiasInTheCode(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.all_gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.hidden_size)
        out = []
        for t in range(x.shape[1]):
            i, j, f, o = self.all_gates(torch.cat([x[:, t], h], 1)).chunk(4, 1)
            c = c * torch.sigmoid(f + 1.0) + torch.sigmoid(i) * torch.tanh(j)
            h = torch.tanh(c) * torch.sigmoid(o)
            out.append(h)
        return torch.stack(out, 1), (h, c)


@instance("ok")
def scores_and_states():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 6, batch_first=True)
            self.fc = nn.Linear(6, 3)

        def forward(self, x):
            states, _ = self.lstm(x)
            return self.fc(states), states

    return Tagger()


@instance("ok", says="one sample")
def views_a_sentence():
    class Tutorial(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 6)

        def forward(self, sentence):
            out, _ = self.lstm(sentence.view(len(sentence), 1, -1))
            return out.view(len(sentence), -1)

    return Tutorial()


@instance("ok")
def wants_a_list_of_states():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.num_layers = 2
            self.cells = nn.ModuleList([nn.LSTMCell(3, 5), nn.LSTMCell(5, 5)])

        def forward(self, x, states):
            out = []
            for xt in x:
                new = []
                for cell, (h, c) in zip(self.cells, states, strict=True):
                    xt, c = cell(xt, (h, c))
                    new.append((xt, c))
                states = new
                out.append(xt)
            return torch.stack(out), states

    return Stack()


@example("ok", says="But the axes of the output that comes back stand in another order")
class ForgetsToTurnBack(nn.Module):
    """Reads [batch, seq_len, features], and hands back [seq_len, batch, features]."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x):
        state, steps = None, []
        for xt in x.transpose(0, 1):
            state = self.cell(xt, state)
            steps.append(state[0])
        return torch.stack(steps), state
