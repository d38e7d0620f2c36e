"""Whole LSTMs that refuse what a check makes up, that read a series of numbers, or that make their
own sizes."""

import numpy as np
import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


class _OfTokens(nn.Module):
    def __init__(self, vocabulary=27, wide=12, hidden_size=10):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, wide)
        self.gates = nn.Linear(wide + hidden_size, 4 * hidden_size)
        self.logits = nn.Linear(hidden_size, vocabulary)
        self.hidden_size = hidden_size

    def sizes(self, tokens):
        batch, steps = tokens.size()
        return batch, steps

    def forward(self, tokens):
        batch, steps = self.sizes(tokens)
        x, out = self.embed(tokens), []
        h = c = torch.zeros(batch, self.hidden_size)
        for t in range(steps):
            i, f, g, o = self.gates(torch.cat([x[:, t], h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return self.logits(torch.stack(out, 1))


@instance("cannot_check", 12, 10, says="your code refuses what the check hands over")
class TakesTheShapeOfTokensApart(_OfTokens):
    pass


@instance("cannot_check", 12, 10, says="assert tokens.dim() == 2")
class AssertsTokens(_OfTokens):
    def sizes(self, tokens):
        assert tokens.dim() == 2
        return tokens.shape


@instance("cannot_check", 12, 10, says="ValueError: token numbers")
class RaisesForAllButTokens(_OfTokens):
    def sizes(self, tokens):
        if tokens.is_floating_point():
            raise ValueError("token numbers, please")
        return tokens.shape


@instance("raises", 12, 10, says="nothing = tokens.shap")
class MisspellsTheShape(_OfTokens):
    def sizes(self, tokens):
        nothing = tokens.shap
        return nothing


class Prices(nn.Module):
    """From `[batch, seq_len]`, the price of each day, that of the next."""

    def __init__(self, input_size=1, hidden_size=16):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.head = nn.Sequential(nn.Linear(hidden_size, 8), nn.ReLU(), nn.Linear(8, 1))

    def bent(self, c):
        return c.tanh()

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.hidden_size)
        for t in range(x.shape[1]):
            i, f, g, o = self.gates(torch.cat([x[:, t : t + 1], h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * self.bent(c)
        return self.head(h).squeeze(-1)


example("ok", says="one number at each time step")(Prices)
instance("ok", says="one number at each time step")(Prices)
example("ok", call=lambda net, x: net(x[..., 0].T))(Prices)


@example("missing_tanh_c")
class PricesWithoutTanh(Prices):
    def bent(self, c):
        return c


@example("ok", says="2 layers")
class TimeSequence(nn.Module):
    """PyTorch's own example of a sine, `examples/time_sequence_prediction`."""

    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 51)
        self.lstm2 = nn.LSTMCell(51, 51)
        self.linear = nn.Linear(51, 1)

    def forward(self, x, future=0):
        outputs = []
        h1 = c1 = h2 = c2 = torch.zeros(x.size(0), 51)
        for each in x.split(1, dim=1):
            h1, c1 = self.lstm1(each, (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
            outputs.append(self.linear(h2))
        for _ in range(future):
            h1, c1 = self.lstm1(outputs[-1], (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
            outputs.append(self.linear(h2))
        return torch.cat(outputs, dim=1)


@example("cannot_check", says="call=lambda lstm, x, h: lstm(x, h, parameters)")
def lstm_forward(x, a0, parameters):
    _, m, T_x = x.shape
    n_a = parameters["Wf"].shape[0]
    a, a_next, c_next = np.zeros((n_a, m, T_x)), a0, np.zeros((n_a, m))
    for t in range(T_x):
        both = np.concatenate([a_next, x[:, :, t]])
        ft = 1 / (1 + np.exp(-(parameters["Wf"] @ both)))
        c_next = ft * c_next + (1 - ft) * np.tanh(parameters["Wc"] @ both)
        a_next = np.tanh(c_next)
        a[:, :, t] = a_next
    return a, c_next


@example("variant", says="a GRU")
class LoopOfGRUCells(nn.Module):
    cell_class = nn.GRUCell

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = self.cell_class(input_size, hidden_size)

    def forward(self, x, h=None):
        h = x.new_zeros(x.shape[1], self.hidden_size) if h is None else h
        out = []
        for xt in x:
            h = self.cell(xt, h)
            out.append(h)
        return torch.stack(out), h


@example("variant", says="a plain RNN")
class LoopOfRNNCells(LoopOfGRUCells):
    cell_class = nn.RNNCell


@example("ok", 3, 5)
def all_h_and_all_c(x, state=None):
    """Whoever has all c can go on from the last one."""
    h, c = state or (x.new_zeros(x.shape[1], 5),) * 2
    steps = []
    for xt in x:
        h, c = CELL(xt, (h, c))
        steps.append((h, c))
    hs, cs = zip(*steps, strict=True)
    return torch.stack(hs), torch.stack(cs)


CELL = nn.LSTMCell(3, 5)


@example("ok", says="It was run in float32")
class StateOfOneDtype(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell, self.hidden_size = nn.LSTMCell(input_size, hidden_size), hidden_size

    def forward(self, x):
        h = c = torch.zeros(len(x), self.hidden_size, dtype=torch.float32)
        out = []
        for xt in x.unbind(1):
            h, c = self.cell(xt, (h, c))
            out.append(h)
        return torch.stack(out, 1)


@example("ok")
class WeightsOfOneDtype(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)
        weight = nn.Parameter(torch.FloatTensor(4 * hidden_size, hidden_size))
        weight.data.set_(torch.eye(hidden_size).repeat(4, 1))
        self.cell.weight_hh, self.hidden_size = weight, hidden_size

    def forward(self, x):
        h = c = x.new_zeros(len(x), self.hidden_size)
        out = []
        for xt in x.unbind(1):
            h, c = self.cell(xt, (h, c))
            out.append(h)
        return torch.stack(out, 1)
