"""How classes of the public are made, and what stands beside h in what comes back."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _step(x, h, c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
    i, f, o, g = _sigmoid(i), _sigmoid(f), _sigmoid(o), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new, (x, h, c, Wx, Wh, i, f, o, g, new)


@example("ok")
def cache_with_h0(x, h0, Wx, Wh, b):
    h, c, hs = h0, np.zeros_like(h0), []
    for t in range(x.shape[1]):
        h, c, _ = _step(x[:, t], h, c, Wx, Wh, b)
        hs.append(h)
    return np.stack(hs, 1), (x, h0, Wx, Wh, b)


@example("ok")
def cache_by_name(X, Wx, Wh, b, c0=None, h0=None):
    n, batch, _ = X.shape
    h0 = np.zeros((batch, len(Wh))) if h0 is None else h0
    c0 = np.zeros((batch, len(Wh))) if c0 is None else c0
    h, c, Hout, C = h0, c0, np.zeros((n, *h0.shape)), np.zeros((n, *h0.shape))
    for t in range(n):
        h, c, _ = _step(X[t], h, c, Wx, Wh, b)
        Hout[t], C[t] = h, c
    return Hout, C[-1], Hout[-1], {"Hout": Hout, "C": C, "X": X, "c0": c0, "h0": h0}


def cache_by_step(x, h0, Wx, Wh, b):
    h, c, cache = h0, np.zeros_like(h0), {"D": x.shape[2]}
    hs = np.zeros((*x.shape[:2], h0.shape[1]))
    for t in range(x.shape[1]):
        h, c, cache[t] = _step(x[:, t], h, c, Wx, Wh, b)
        hs[:, t] = h
    return hs, cache


def _back(dhs, cache, decay):
    dx = np.zeros((*dhs.shape[:2], cache["D"]))
    dh, dc, grads = 0, 0, [0, 0, 0]
    for t in reversed(range(dhs.shape[1])):
        x, h, c, Wx, Wh, i, f, o, g, new = cache[t]
        dh = dh + dhs[:, t]
        dc = dc + dh * o * (1 - np.tanh(new) ** 2)
        parts = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * np.tanh(new) * o * (1 - o)
        da = np.concatenate([*parts, dc * i * (1 - g**2)], 1)
        dx[:, t], dh, dc = da @ Wx.T, da @ Wh.T, dc * f * decay
        grads = [a + b for a, b in zip(grads, (x.T @ da, h.T @ da, da.sum(0)), strict=True)]
    return dx, dh, *grads


def back(dhs, cache):
    return _back(dhs, cache, 1)


def back_without_dc(dhs, cache):
    return _back(dhs, cache, 0)


example("ok", says="with the same gradients", backward=back)(cache_by_step)
example("wrong_gradient", backward=back_without_dc)(cache_by_step)


class _Cells(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.n = hidden_size
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x):
        h = c = torch.zeros(x.shape[1], self.n)
        steps = []
        for xt in x:
            h, c = self.cell(xt, (h, c))
            steps.append(h)
        return torch.stack(steps)


@example("ok", says="input_size 7 and hidden_size 3")
class HiddenFirst(_Cells):
    def __init__(self, lstm_hidden_dim, embedding_size):
        super().__init__(embedding_size, lstm_hidden_dim)


@example("ok", says="input_size 7 and hidden_size 3")
class OneNameTells(_Cells):
    def __init__(self, n_cells, n_features):
        super().__init__(n_features, n_cells)


@example("ok", says="input_size 7 and hidden_size 3")
class NoNameTells(_Cells):
    def __init__(self, memory, vocabulary):
        super().__init__(vocabulary, memory)


@example("ok", says="time the last")
class TimeLast(_Cells):
    def forward(self, x):
        return super().forward(x.permute(2, 0, 1)).permute(1, 2, 0)


@example("steps_dropped", says="the first step is left out")
class BeginsAtOne(_Cells):
    def forward(self, x):
        h, c = [torch.zeros(x.shape[1], self.n)], [torch.zeros(x.shape[1], self.n)]
        for t in range(1, len(x)):
            ht, ct = self.cell(x[t], (h[-1], c[-1]))
            h.append(ht)
            c.append(ct)
        return torch.stack(h)


@example("not_attempted")
class NoForwardYet(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)


@example("cannot_check", says="your code refuses what the check hands over")
class InputsAreAPair(_Cells):
    def forward(self, inputs):
        x, _ = inputs
        return super().forward(x)


class LayersInOneWeight(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.num_layers, self.hidden_size = num_layers, hidden_size
        self.weight_ih = nn.Parameter(torch.randn(num_layers, 4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.randn(num_layers, 4 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.randn(num_layers, 4 * hidden_size))

    def forward(self, x):
        h = [torch.zeros(x.shape[1], self.hidden_size)] * self.num_layers
        c, steps = [*h], []
        for xt in x:
            for k in range(self.num_layers):
                z = xt @ self.weight_ih[k].T + h[k] @ self.weight_hh[k].T + self.bias[k]
                i, f, g, o = z.chunk(4, 1)
                c[k] = f.sigmoid() * c[k] + i.sigmoid() * g.tanh()
                h[k] = xt = o.sigmoid() * c[k].tanh()
            steps.append(xt)
        return torch.stack(steps), (torch.stack(h), torch.stack(c))


example("raises", says="With one layer it is right")(LayersInOneWeight)


@instance("ok", says="1 layer")
def one_layer_in_one_weight():
    return LayersInOneWeight(5, 4)


def _batch_first(net, x):
    return net(x.transpose(0, 1))[0].transpose(0, 1)


@instance("ok", says="Right.\nIt computes", call=_batch_first)
def head_behind_a_call():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.fc = nn.LSTMCell(5, 4), nn.Linear(4, 3)

        def forward(self, x):
            h = c = torch.zeros(len(x), 4)
            steps = []
            for xt in x.unbind(1):
                h, c = self.cell(xt, (h, c))
                steps.append(h)
            return self.fc(torch.stack(steps, 1)), h, c

    return Net()


@example("variant", says="Without what normalises in it, `gate_norm` and `cell_norm`")
class NormsInTheCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2g = nn.Linear(input_size, 4 * hidden_size)
        self.h2g = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.gate_norm, self.cell_norm = nn.LayerNorm(4 * hidden_size), nn.LayerNorm(hidden_size)

    def forward(self, x, state):
        h, c = state
        steps = []
        for xt in x:
            i, f, g, o = self.gate_norm(self.x2g(xt) + self.h2g(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * self.cell_norm(c).tanh()
            steps.append(h)
        return torch.stack(steps), (h, c)


@example("ok", says="hidden_size 51")
class OfItsOwnSizes(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.linear = nn.LSTMCell(1, 51), nn.Linear(51, 1)

    def forward(self, inputs):
        h = c = torch.zeros(len(inputs), 51)
        steps = []
        for xt in inputs.split(1, 1):
            h, c = self.cell(xt, (h, c))
            steps.append(self.linear(h))
        return torch.cat(steps, 1)


@example("ok", says="It has two biases.\n`report.as_torch()`")  # nothing is said of an output alone
class StatesOfAnotherForm(_Cells):
    def forward(self, x):
        steps = super().forward(x)
        return steps, torch.cat([steps[-1], steps[-1]])[:, None]


@example("cannot_check", says="lstm(params, x, masks)")
def x_stands_second(params, inputs, masks):
    return inputs


def _of_a_handle(handle, x, h, c):
    batch_first = len(x) == len(h)
    steps = []
    for xt in x.unbind(int(batch_first)):
        h, c = handle(xt, (h, c))
        steps.append(h)
    return torch.stack(steps, int(batch_first)), (h, c)


_CELL = nn.LSTMCell(5, 4)
example("ok", 5, 4, call=lambda lstm, x, h, c: lstm(_CELL, x, h, c))(_of_a_handle)


@example("ok", says="Your code writes into the h and c")
class StatesInLists(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.num_layers, sizes = num_layers, [input_size, *[hidden_size] * num_layers]
        self.cells = nn.ModuleList(map(nn.LSTMCell, sizes[:-1], sizes[1:]))

    def forward(self, x, h, c):
        steps = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt, (h[k], c[k]))
                xt = h[k]
            steps.append(xt)
        return torch.stack(steps), h, c


@instance("ok", says="from `fc` on")
def states_in_lists_and_a_head():
    class Net(StatesInLists):
        def __init__(self):
            super().__init__(5, 4, 2)
            self.fc = nn.Linear(4, 3)

        def forward(self, x, h, c):
            steps, h, c = super().forward(x, h, c)
            return self.fc(steps), h, c

    return Net()


@example("cannot_check", says="on purpose")
class StatefulOnPurpose(_Cells):
    stateful, state = True, None

    def forward(self, x):
        h, c = self.state or (torch.zeros(x.shape[1], self.n),) * 2
        steps = []
        for xt in x:
            h, c = self.cell(xt, (h, c))
            steps.append(h)
        self.state = (h, c) if self.stateful else None
        return torch.stack(steps)


@example("cannot_check", says="`self.batch_size` fixes the batch size")
class MadeForOneBatchSize(nn.Module):
    def __init__(self, input_size, hidden_size, batch_size=32):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)
        self.batch_size, self.hidden_size = batch_size, hidden_size

    def forward(self, x):
        h = c = torch.zeros(self.batch_size, self.hidden_size)
        steps = []
        for xt in x.unbind(1):
            h, c = self.cell(xt, (h, c))
            steps.append(h)
        return torch.stack(steps, 1), (h, c)


@example("same_cell_reused", says="3 in all")
class ThreeLayersByDefault(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=3):
        super().__init__()
        upper = [nn.LSTMCell(hidden_size, hidden_size)] * (num_layers - 1)
        self.layers = nn.ModuleList([nn.LSTMCell(input_size, hidden_size), *upper])
        self.hidden_size = hidden_size

    def forward(self, x):
        states = [(x.new_zeros(x.shape[1], self.hidden_size),) * 2 for _ in self.layers]
        steps = []
        for below in x:
            for k, layer in enumerate(self.layers):
                states[k] = layer(below, states[k])
                below = states[k][0]
            steps.append(below)
        return torch.stack(steps), states


@example("ok")
class WithAMethodOfItsOwn:
    def __init__(self, input_size, hidden_size):
        self.W = np.random.default_rng(0).normal(size=(4, hidden_size, input_size + hidden_size))
        self.b = np.zeros((4, hidden_size))

    def forward_pass(self, inputs):
        h = c = np.zeros((inputs.shape[1], self.b.shape[1]))
        steps = []
        for x in inputs:
            f, i, g, o = (np.hstack([x, h]) @ W.T + b for W, b in zip(self.W, self.b, strict=True))
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
            steps.append(h)
        return np.stack(steps)


def _joined(X, WLSTM, c0=None, h0=None):
    """One matrix for all: the first row is the bias, then those of x, then those of h."""
    n, batch, _ = X.shape
    d = WLSTM.shape[1] // 4
    c = np.zeros((batch, d)) if c0 is None else c0
    h = np.zeros((batch, d)) if h0 is None else h0
    hs = np.zeros((n, batch, d))
    for t in range(n):
        joined = np.concatenate([np.ones((batch, 1)), X[t], h], axis=1)
        assert joined.shape[1] == WLSTM.shape[0]
        z = joined @ WLSTM
        i, f, o = (_sigmoid(z[:, k * d : (k + 1) * d]) for k in range(3))
        c = f * c + i * np.tanh(z[:, 3 * d :])
        h = o * np.tanh(c)
        hs[t] = h
    return hs, c, h


@example("ok")
def one_matrix_with_the_bias_in_it(X, WLSTM, c0=None, h0=None):
    return _joined(X, WLSTM, c0, h0)


@example("x_reversed")
def one_matrix_from_the_end(X, WLSTM, c0=None, h0=None):
    return _joined(X[::-1], WLSTM, c0, h0)


class _CFirst(nn.Module):
    """Has the state as (c, h), where it comes in and where it goes out."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.both = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state=None):
        c, h = state or (x.new_zeros(x.shape[1], self.hidden_size),) * 2
        steps = []
        for xt in x:
            i, f, g, o = self.both(torch.cat([xt, h], dim=1)).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return torch.stack(steps), self.ends(h, c)

    def ends(self, h, c):
        return c, h


@example("ok", says="It has the state as (c, h)")
class HasCFirst(_CFirst):
    pass


@example("swapped_state")
class TakesCFirstAlone(_CFirst):
    def ends(self, h, c):
        return h, c


@instance("cannot_check", says="`check_cell` is for one step")
def a_module_that_only_steps():
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.state = nn.LSTMCell(5, 4), None

        def reset(self, batch):
            self.state = (torch.zeros(batch, 4),) * 2

        def step(self, x):
            self.state = self.cell(x, self.state)
            return self.state[0]

    return Steps()


class _Plain(nn.Module):
    """One layer, whatever number of them it is made with."""

    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.both = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def start(self, x, state):
        zeros = x.new_zeros(x.shape[1], self.hidden_size)
        return (zeros, zeros) if state is None else state

    def forward(self, x, state=None):
        h, c = self.start(x, state)
        steps = []
        for xt in x:
            i, f, g, o = self.both(torch.cat([xt, h], dim=1)).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return torch.stack(steps), (h, c)


@example("ok", says="made with 2 layers, and computes 1")
class OneLayerForAny(_Plain):
    pass


@instance("ok")
def one_layer_that_was_made_as_two():
    return _Plain(5, 4, 2)


@example("initial_state_misread", says="c starts from h_0, too")
class StartsCFromH(_Plain):
    def start(self, x, state):
        h, _ = super().start(x, state)
        return h, h


@example("ok", says="no optimiser will find")
class PlainTensors(_Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        del self.both
        self.W = torch.randn(input_size + hidden_size, 4 * hidden_size, requires_grad=True)

    def both(self, joined):
        return joined @ self.W


@example("cannot_check", says="Give the check an instance")
class MadeOfAList(nn.Module):
    def __init__(self, in_features, units=(16, 16)):
        super().__init__()
        sizes = [in_features, *units]
        self.cells = nn.ModuleList(map(nn.LSTMCell, sizes, sizes[1:]))


class _BothWays(_Cells):
    """The same cell reads from the start and from the end."""

    def forward(self, x):
        backward = super().forward(x.flip(0)).flip(0)
        return torch.cat([super().forward(x), backward], dim=-1)


example("same_cell_reused")(_BothWays)


@example("variant", says="an LSTM with a projection")
class Projects(nn.Module):
    def __init__(self, input_size, hidden_size, proj_size=2):
        super().__init__()
        self.hidden_size, self.proj_size = hidden_size, proj_size
        self.x, self.h = (
            nn.Linear(input_size, 4 * hidden_size),
            nn.Linear(proj_size, 4 * hidden_size),
        )
        self.project = nn.Linear(hidden_size, proj_size, bias=False)

    def forward(self, x):
        h, c = (x.new_zeros(x.shape[1], n) for n in (self.proj_size, self.hidden_size))
        steps = []
        for xt in x:
            i, f, g, o = (self.x(xt) + self.h(h)).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = self.project(o.sigmoid() * c.tanh())
            steps.append(h)
        return torch.stack(steps), (h, c)


@example("cell_instead_of_h_in_gates")
def c_in_the_gates(x, Wx, Wh, b):
    h, hs = np.zeros((x.shape[1], len(Wh))), []
    c = h
    for xt in x:
        h, c, _ = _step(xt, c, c, Wx, Wh, b)
        hs.append(h)
    return np.stack(hs)


def _d2l(x, W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc, b_c, up=1):
    h = c = torch.zeros(x.shape[1], W_hi.shape[0], dtype=x.dtype)
    steps = []
    for xt in x:
        i = torch.sigmoid(xt @ W_xi + h @ W_hi + b_i)
        f = torch.sigmoid(xt @ W_xf + h @ W_hf + b_f)
        o = torch.sigmoid(xt @ W_xo + h @ W_ho + b_o)
        c = f * c + up * i * torch.tanh(xt @ W_xc + h @ W_hc + b_c)
        h = o * torch.tanh(c)
        steps.append(h)
    return torch.stack(steps)


@example("ok")
def twelve_weights(x, W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc, b_c):
    return _d2l(x, W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc, b_c)


class _PeepholeCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.both = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.p_i, self.p_f, self.p_o = (nn.Parameter(torch.randn(hidden_size)) for _ in range(3))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.both(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        new = torch.sigmoid(f + self.p_f * c) * c + torch.sigmoid(i + self.p_i * c) * g.tanh()
        return torch.sigmoid(o + self.p_o * new) * new.tanh(), new


@example("variant", says="That is said of `cell`")
class OfPeepholeCells(nn.Module):
    """It takes no state, so one step of the whole cannot be asked for."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size, self.cell = hidden_size, _PeepholeCell(input_size, hidden_size)

    def forward(self, x):
        state, steps = (x.new_zeros(x.shape[1], self.hidden_size),) * 2, []
        for xt in x:
            state = self.cell(xt, state)
            steps.append(state[0])
        return torch.stack(steps)


class _Layers:
    """NumPy layers of several sizes."""

    def __init__(self, sizes=(6, 5, 4)):
        rng = np.random.default_rng(0)
        self.layers = [
            [rng.standard_normal((i, 4 * h)), rng.standard_normal((h, 4 * h)), np.zeros(4 * h)]
            for i, h in pairwise(sizes)
        ]

    def forward(self, x):
        for weights in self.layers:
            h, hs = np.zeros((x.shape[1], len(weights[1]))), []
            c = h
            for xt in x:
                h, c, _ = _step(xt, h, c, *weights)
                hs.append(h)
            x = np.stack(hs)
        return x


@instance("ok", says="Its hidden sizes are 5 and 4")
def numpy_layers_of_other_sizes():
    return _Layers()


class _WithAReadout(nn.Module):
    """Three sizes, as in many courses."""

    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.readout = nn.Linear(hidden_size, output_size)

    def forward(self, x):
        h = c = x.new_zeros(x.size(0), self.hidden_size)
        steps = []
        for xt in x.unbind(1):
            i, f, g, o = self.gates(torch.cat([xt, h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return self.readout(torch.stack(steps, 1))


@example("ok")
class TakesTheSizeOfItsReadout(_WithAReadout):
    pass


@example("ok", says="row by row in turn")
class TakesItsGatesByTurns(_WithAReadout):
    def forward(self, x):
        h = c = x.new_zeros(x.size(0), self.hidden_size)
        steps = []
        for xt in x.unbind(1):
            z = self.gates(torch.cat([xt, h], 1)).view(len(h), -1, 4)
            i, f, g, o = z.unbind(-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return self.readout(torch.stack(steps, 1))


class TwoMethods:
    """One step and the whole, in NumPy."""

    def __init__(self, input_size=4, hidden_size=3):
        self.w = np.random.default_rng(0).normal(size=(4 * hidden_size, input_size + hidden_size))
        self.b, self.hidden_size = np.zeros(4 * hidden_size), hidden_size

    def lstm_cell_forward(self, x, h, c):
        i, f, o, g = np.split(np.concatenate([x, h], 1) @ self.w.T + self.b, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        return np.tanh(c) / (1 + np.exp(-o)), c

    def lstm_forward(self, x):
        h = c = np.zeros((x.shape[1], self.hidden_size))
        steps = []
        for xt in x:
            h, c = self.lstm_cell_forward(xt, h, c)
            steps.append(h)
        return np.stack(steps)


instance("ok")(TwoMethods)


class _StepByNumber(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.Parameter(torch.randn(input_size, 4 * hidden_size))
        self.u = nn.Parameter(torch.randn(hidden_size, 4 * hidden_size))
        self.b = nn.Parameter(torch.randn(4 * hidden_size))

    def forward(self, t, x, state):
        h, c = state
        i, f, g, o = (x[:, t] @ self.w + h @ self.u + self.b).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("ok")
class CallsAStepByItsNumber(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size, self.step = hidden_size, _StepByNumber(input_size, hidden_size)

    def start(self, x):
        return (x.new_zeros(len(x), self.hidden_size),) * 2

    def forward(self, x):
        (h, c), steps = self.start(x), []
        for t in range(x.size(1)):
            h, c = self.step(t, x, (h, c))
            steps.append(h)
        return torch.stack(steps, 1), (h, c)


@example("ok", says="the initial state that it learns, `h` and `c`")
class LearnsWhereItStarts(CallsAStepByItsNumber):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.h, self.c = (nn.Parameter(torch.randn(1, hidden_size)) for _ in range(2))
        self.idle = nn.Parameter(torch.ones(2), requires_grad=False)

    def start(self, x):
        return [state.repeat(len(x), 1) for state in (self.h, self.c)]


@example("unrecognised", says="the backward pass raises an error")
class WritesIntoOneTensor(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        self.hidden_size = hidden_size
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(size, hidden_size) for size in sizes)

    def forward(self, x):
        h = torch.zeros(len(self.cells), x.size(1), self.hidden_size)
        c, steps = torch.zeros_like(h), []
        for xt in x:
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt, (h[k], c[k]))
                xt = h[k]
            steps.append(h[-1].clone())
        return torch.stack(steps), (h, c)
