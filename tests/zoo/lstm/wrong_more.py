"""More wrong whole LSTMs, of other kinds, and some of another kind than an LSTM."""

# ruff: noqa: NPY002, RUF059 (as people write)

import numpy as np
import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import examples_for
from tests.zoo.lstm.wrong_torch import _Base, _Stack

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


@example("sigmoid_instead_of_tanh")
class SigmoidOfC(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        self.f = nn.Linear(input_size + hidden_size, hidden_size)
        self.i = nn.Linear(input_size + hidden_size, hidden_size)
        self.g = nn.Linear(input_size + hidden_size, hidden_size)
        self.o = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x):
        h = c = torch.zeros(x.size(1), self.H)
        out = []
        for xt in x:
            z = torch.cat([xt, h], 1)
            c = self.f(z).sigmoid() * c + self.i(z).sigmoid() * self.g(z).tanh()
            h = self.o(z).sigmoid() * c.sigmoid()
            out.append(h)
        return torch.stack(out), h, c


@example("state_not_carried")
class ForgetsC(_Base):
    def forward(self, x):
        h, _ = self.start(x)
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, torch.zeros_like(h))
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("last_step_only")
class RepeatsTheLast(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
        return h[:, None].repeat(1, x.size(1), 1), (h, c)


@example("wrong_layer_state")
class StateOfTheBottom(_Stack):
    def forward(self, x):
        h, c = self.zeros(x)
        out = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt, (h[k], c[k]))
                xt = h[k]
            out.append(xt)
        return torch.stack(out), (h[0], c[0])


@example("bidir_last_step")
class StateFromTheEndOfOutput(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, bidirectional=True)
        self.H = hidden_size

    def forward(self, x):
        out, (_, c) = self.rnn(x)
        return out, (torch.stack([out[-1, :, : self.H], out[-1, :, self.H :]]), c)


@instance("layers_swapped")
def from_the_top_down():
    class Swapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.num_layers = 2
            self.layers = nn.ModuleList([nn.LSTM(5, 5), nn.LSTM(5, 5)])

        def forward(self, x):
            for layer in reversed(self.layers):
                x, _ = layer(x)
            return x

    return Swapped()


@example("backward_not_flipped_back")
class DeepNotFlippedBack(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        widths = [input_size] + [2 * hidden_size] * (num_layers - 1)
        self.there = nn.ModuleList(nn.LSTM(w, hidden_size) for w in widths)
        self.back = nn.ModuleList(nn.LSTM(w, hidden_size) for w in widths)

    def forward(self, x):
        for there, back in zip(self.there, self.back, strict=True):
            x = torch.cat([there(x)[0], back(x.flip(0))[0]], -1)
        return x


@example("time_batch_swapped")
class BatchFirstInNameOnly(nn.Module):
    def __init__(self, input_size, hidden_size, batch_first=True):
        super().__init__()
        self.batch_first = batch_first
        self.cell = nn.LSTMCell(input_size, hidden_size)
        self.hidden_size = hidden_size

    def forward(self, x):
        h = c = torch.zeros(x.shape[1], self.hidden_size)
        out = []
        for xt in x:
            h, c = self.cell(xt, (h, c))
            out.append(h)
        return torch.stack(out), (h, c)


@example("no_forget_gate")
class Adds(_Base):
    def step(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


@example("bias_twice")
class AddsItsBiasTwice(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.Parameter(torch.randn(input_size, 4 * hidden_size))
        self.u = nn.Parameter(torch.randn(hidden_size, 4 * hidden_size))
        self.b = nn.Parameter(torch.randn(4 * hidden_size))

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.u.shape[0])
        out = []
        for xt in x:
            i, f, g, o = (xt @ self.w + self.b + h @ self.u + self.b).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out), h, c


@example("swapped_state")
class TakesCFirst(_Base):
    def forward(self, x, state=None):
        c, h = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("steps_dropped")
class BeginsAtOne(_Base):
    def forward(self, x):
        h, c = self.start(x)
        out = []
        for t in range(1, x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1)


@example("random_initial_state")
class NewWeightsInForward(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.sizes = input_size, hidden_size

    def forward(self, x):
        return nn.LSTM(*self.sizes)(x)


@example("forget_bias_after_sigmoid")
class BiasAfterTheSigmoid(_Base):
    def step(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = (torch.sigmoid(f) + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


@example("gradient_cut")
class UsesData(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        self.W = nn.Parameter(torch.randn(input_size, 4 * hidden_size))
        self.U = nn.Parameter(torch.randn(hidden_size, 4 * hidden_size))

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.H)
        out = []
        for t in range(x.shape[1]):
            i, f, g, o = (x[:, t] @ self.W + h @ self.U.data).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("variant", says="peephole")
class Peepholes(_Base):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.p = nn.Parameter(torch.randn(3, hidden_size))

    def step(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        i, f = torch.sigmoid(i + self.p[0] * c), torch.sigmoid(f + self.p[1] * c)
        c = f * c + i * torch.tanh(g)
        return torch.sigmoid(o + self.p[2] * c) * torch.tanh(c), c


@example("raises")
class StacksWhatItShouldJoin(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        self.lin = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.H)
        out = []
        for t in range(x.shape[1]):
            i, f, g, o = self.lin(torch.stack([x[:, t], h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out, 1)


@example("wrong_step_state")
class ReturnsTheZeros(_Base):
    def forward(self, x, state=None):
        first = self.start(x) if state is None else state
        h, c = first
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), first


@example("forget_used_for_input")
class CopiedTheWrongLine(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        self.xi, self.hi = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.xf, self.hf = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.xg, self.hg = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.xo, self.ho = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.H)
        out = []
        for t in range(x.shape[1]):
            xt = x[:, t]
            i = torch.sigmoid(self.xf(xt) + self.hf(h))
            f = torch.sigmoid(self.xf(xt) + self.hf(h))
            g = torch.tanh(self.xg(xt) + self.hg(h))
            o = torch.sigmoid(self.xo(xt) + self.ho(h))
            c = f * c + i * g
            h = o * torch.tanh(c)
            out.append(h)
        return torch.stack(out, 1)


@instance("c_lost")
def numpy_loses_c():
    class Lossy:
        def __init__(self):
            self.W, self.U = np.random.randn(5, 12), np.random.randn(3, 12)

        def __call__(self, x):
            h = c = np.zeros((x.shape[1], 3))
            out = []
            for xt in x:
                i, f, o, g = np.split(xt @ self.W + h @ self.U, 4, 1)
                i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
                c = f * h + i * np.tanh(g)
                h = o * np.tanh(c)
                out.append(h)
            return np.stack(out), (h, c)

    return Lossy()


@example("variant", says="one with norms")
class LayerNorms(_Base):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm = nn.LayerNorm(4 * hidden_size)

    def step(self, x, h, c):
        i, f, g, o = self.norm(self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


@example("cannot_check", says="check_cell")
class GruByHand(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        self.x = nn.Linear(input_size, 3 * hidden_size)
        self.h = nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, x):
        h, out = x.new_zeros(x.shape[0], self.H), []
        for t in range(x.shape[1]):
            from_x, from_h = self.x(x[:, t]).chunk(3, 1), self.h(h).chunk(3, 1)
            r, z = ((a + b).sigmoid() for a, b in zip(from_x[:2], from_h[:2], strict=True))
            n = torch.tanh(from_x[2] + r * from_h[2])
            h = (1 - z) * n + z * h
            out.append(h)
        return torch.stack(out, 1), h


@instance("state_shared_across_layers")
def goes_on_from_the_layer_below():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.num_layers = 2
            self.cells = nn.ModuleList([nn.LSTMCell(5, 5), nn.LSTMCell(5, 5)])

        def forward(self, x):
            h = c = x.new_zeros(x.shape[1], 5)
            for cell in self.cells:
                out = []
                for xt in x:
                    h, c = cell(xt, (h, c))
                    out.append(h)
                x = torch.stack(out)
            return x, (h, c)

    return Deep()


@example("same_cell_reused")
class OneCellBothWays(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.there = nn.LSTM(input_size, hidden_size)
        self.back = nn.LSTM(input_size, hidden_size)

    def forward(self, x):
        return torch.cat([self.there(x)[0], self.there(x.flip(0))[0].flip(0)], -1)


@example("steps_doubled")
class CallsItsStepTwice(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            self.step(x[:, t], h, c)
            h, c = self.step(x[:, t], h, c)
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("variant", says="added up")
class AddsBothDirections(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.there = nn.LSTM(input_size, hidden_size)
        self.back = nn.LSTM(input_size, hidden_size)

    def forward(self, x):
        return self.there(x)[0] + self.back(x.flip(0))[0].flip(0)


@example("all_gates_same_weights", says="i, f, g and o")
class OneLinearFourTimes(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.ModuleList([nn.Linear(input_size + hidden_size, hidden_size)] * 4)

    def forward(self, x):
        h = c = torch.zeros(x.size(0), self.hidden_size)
        out = []
        for t in range(x.size(1)):
            i, f, g, o = (gate(torch.cat([x[:, t], h], 1)) for gate in self.gates)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out, 1)


@example("c_instead_of_h", says="outputs.append(h)")
class OneCellAppendsC(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def shown(self, h, c):
        return c

    def kept(self, h):
        return h

    def forward(self, x):
        h = c = torch.zeros(x.size(1), self.hidden_size)
        outputs = []
        for xt in x:
            h, c = self.cell(xt, (h, c))
            h = self.kept(h)
            outputs.append(self.shown(h, c))
        return torch.stack(outputs), (h, c)


@example("random_initial_state", says="F.dropout(h, p, self.training)")
class DropsAlways(OneCellAppendsC):
    def shown(self, h, c):
        return h

    def kept(self, h):
        return nn.functional.dropout(h, 0.5)


@example("samples_mixed", says="sample 2 of x was replaced, and 15 samples")
class MeanOverTheBatch(DropsAlways):
    def kept(self, h):
        return h - h.mean(0)


@example("samples_mixed", says="sample 1 of x was replaced, and 14 samples")
class MeanOverTheFirstAxis(MeanOverTheBatch):
    def forward(self, x):
        return super().forward(x.transpose(0, 1))[0].transpose(0, 1)


@instance("last_step_only", says="h.copy()")
class OneArrayManyTimes:
    def __init__(self, input_size=3, hidden_size=5):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = np.random.randn(input_size, 4 * hidden_size)
        self.U = np.random.randn(hidden_size, 4 * hidden_size)

    def forward(self, x):
        h, c = np.zeros((2, x.shape[1], self.hidden_size))
        hs = []
        for xt in x:
            i, f, g, o = np.split(xt @ self.W + h @ self.U, 4, axis=1)
            i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
            c[:] = f * c + i * np.tanh(g)
            h[:] = o * np.tanh(c)
            hs.append(h)
        return np.stack(hs)
