"""LSTM cells that are wrong, by the verdict they deserve, written as people write them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.cell.right import example


def gates(x, h, w_ih, w_hh, b_ih, b_hh):
    return (x @ w_ih.t() + b_ih + h @ w_hh.t() + b_hh).chunk(4, 1)


class Cell(nn.Module):
    """A right cell to break: one Linear for each gate on cat(x, h)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        both = input_size + hidden_size
        self.hidden_size = hidden_size
        self.fg, self.ig = nn.Linear(both, hidden_size), nn.Linear(both, hidden_size)
        self.cg, self.og = nn.Linear(both, hidden_size), nn.Linear(both, hidden_size)

    def gates(self, x, h):
        v = torch.cat([x, h], 1)
        f, i, o = (torch.sigmoid(lin(v)) for lin in (self.fg, self.ig, self.og))
        return i, f, torch.tanh(self.cg(v)), o


class Fused(nn.Module):
    """A right cell to break: x2h and h2h."""

    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.x2h = nn.Linear(n_in, 4 * n_hidden)
        self.h2h = nn.Linear(n_hidden, 4 * n_hidden)

    def gates(self, x, h):
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


@example("gate_order")
def karpathys_order(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, o, g = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("gate_order")
def forget_first(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n = h.shape[1]
    z = F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)
    f, i, o = z[:, :n].sigmoid(), z[:, n : 2 * n].sigmoid(), z[:, 2 * n : 3 * n].sigmoid()
    c = f * c + i * torch.tanh(z[:, 3 * n :])
    return o * torch.tanh(c), c


@example("missing_tanh_c")
def no_tanh(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


@example("missing_tanh_c")
class NoTanh(Cell):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(x, h)
        c = f * c + i * g
        return o * c, c


@example("extra_tanh_c")
def squashed_memory(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = torch.tanh(f.sigmoid() * c + i.sigmoid() * g.tanh())
    return o.sigmoid() * c, c


@example("extra_tanh_c")
class SquashedMemory(Fused):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(x, h)
        c = torch.tanh(f * c + i * g)
        return o * torch.tanh(c), c


@example("sigmoid_instead_of_tanh")
def all_sigmoid(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = torch.sigmoid(x @ w_ih.T + h @ w_hh.T + b_ih + b_hh)
    i, f, g, o = z.chunk(4, 1)
    c = f * c + i * g
    return o * torch.tanh(c), c


@example("sigmoid_instead_of_tanh")
class SigmoidCandidate(Cell):
    def forward(self, x, state):
        h, c = state
        i, f, _, o = self.gates(x, h)
        g = torch.sigmoid(self.cg(torch.cat([x, h], 1)))
        c = f * c + i * g
        return o * torch.tanh(c), c


@example("sigmoid_instead_of_tanh")
class SigmoidOfC(Fused):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        c = f * state[1] + i * g
        return o * torch.sigmoid(c), c


@example("missing_bias")
def one_bias_forgotten(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("missing_bias")
def no_bias_at_all(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("missing_bias")
class BiasNeverAdded(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W = nn.Parameter(torch.randn(input_size, 4 * hidden_size))
        self.U = nn.Parameter(torch.randn(hidden_size, 4 * hidden_size))
        self.b = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.W + h @ self.U).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("missing_bias")
class BiasMissingInOneGate(nn.LSTMCell):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (F.linear(x, self.weight_ih) + F.linear(h, self.weight_hh)).chunk(4, 1)
        bi, bf, bg, _ = (self.bias_ih + self.bias_hh).chunk(4)
        c = (f + bf).sigmoid() * c + (i + bi).sigmoid() * (g + bg).tanh()
        return o.sigmoid() * c.tanh(), c


@example("bias_twice")
def b_ih_on_both_sides(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh) + b_ih).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("bias_twice")
class BiasTwice(nn.LSTMCell):
    def forward(self, x, state):
        h, c = state
        z = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = (z + self.bias_ih + self.bias_hh).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("unrecognised", says="each gate takes every fourth row")
def view_with_the_gates_last(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, f, g, o = z.view(*h.shape, 4).unbind(2)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("unrecognised", says="or joined in another order")
def h_joined_first(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = torch.cat([h, x], 1) @ torch.cat([w_ih, w_hh], 1).T + b_ih + b_hh
    i, f, g, o = z.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("unrecognised", says="or joined in another order")
def weights_joined_the_other_way(x, h, c, w_ih, w_hh, b_ih, b_hh):
    return h_joined_first(h, x, c, w_hh, w_ih, b_ih, b_hh)


@example("unrecognised", says="f, i*g and o are off")
def softmax_gates(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = f.softmax(1) * c + i.softmax(1) * g.tanh()
    return o.softmax(1) * c.tanh(), c


@example("wrong_bias_slice")
def copied_bias_line(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n = h.shape[1]
    b = b_ih + b_hh
    z = x @ w_ih.T + h @ w_hh.T
    i = torch.sigmoid(z[:, :n] + b[:n])
    f = torch.sigmoid(z[:, n : 2 * n] + b[n : 2 * n])
    g = torch.tanh(z[:, 2 * n : 3 * n] + b[2 * n : 3 * n])
    o = torch.sigmoid(z[:, 3 * n :] + b[2 * n : 3 * n])
    c = f * c + i * g
    return o * torch.tanh(c), c


@example("wrong_bias_slice")
def biases_in_another_order(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T).chunk(4, 1)
    bi, bf, bo, bg = (b_ih + b_hh).chunk(4)
    c = (f + bf).sigmoid() * c + (i + bi).sigmoid() * (g + bg).tanh()
    return (o + bo).sigmoid() * c.tanh(), c


@example("wrong_bias_slice")
class ForgetBiasInTheInputGate(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.Linear(input_size + hidden_size, 4 * hidden_size, bias=False)
        for name in ("b_i", "b_f", "b_g", "b_o"):
            setattr(self, name, nn.Parameter(torch.zeros(hidden_size)))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.w(torch.cat((x, h), 1)).chunk(4, 1)
        c = (f + self.b_f).sigmoid() * c + (i + self.b_f).sigmoid() * (g + self.b_g).tanh()
        return (o + self.b_o).sigmoid() * c.tanh(), c


@example("all_gates_same_weights")
def one_block_for_all(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n = h.shape[1]
    z = F.linear(x, w_ih[:n], b_ih[:n]) + F.linear(h, w_hh[:n], b_hh[:n])
    c = z.sigmoid() * c + z.sigmoid() * z.tanh()
    return z.sigmoid() * c.tanh(), c


@example("all_gates_same_weights")
class OneLinearForAll(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gate = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x, state):
        h, c = state
        z = self.gate(torch.cat([x, h], 1))
        i = f = o = torch.sigmoid(z)
        c = f * c + i * torch.tanh(z)
        return o * torch.tanh(c), c
