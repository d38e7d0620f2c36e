"""LSTM cells that are right, written by many hands: none of them may be called wrong."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lstm_teach import check_cell
from tests.zoo import examples_for

example = examples_for(check_cell)
right = example("ok")


def module(cell):
    """A right class, for the sizes that the check chooses and for some that it is told."""
    for sizes in ((), (4, 4), (1, 3), (3, 1), (40, 24)):
        example("ok", *sizes)(cell)
    return cell


@right
def chunked(x, h, c, w_ih, w_hh, b_ih, b_hh):
    gates = x @ w_ih.t() + b_ih + h @ w_hh.t() + b_hh
    i, f, g, o = gates.chunk(4, dim=1)
    c_next = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_next), c_next


@right
def with_f_linear(input, hx, cx, w_ih, w_hh, b_ih, b_hh):
    gates = F.linear(input, w_ih, b_ih) + F.linear(hx, w_hh, b_hh)
    ingate, forgetgate, cellgate, outgate = gates.chunk(4, 1)
    ingate = torch.sigmoid(ingate)
    forgetgate = torch.sigmoid(forgetgate)
    cellgate = torch.tanh(cellgate)
    outgate = torch.sigmoid(outgate)
    cy = (forgetgate * cx) + (ingate * cellgate)
    hy = outgate * torch.tanh(cy)
    return hy, cy


@right
def by_slices(xt, h_prev, C_prev, W, U, b, d):
    n = h_prev.size(1)
    z = torch.mm(xt, W.T) + torch.mm(h_prev, U.T) + (b + d)
    i_t = 1 / (1 + torch.exp(-z[:, :n]))
    f_t = 1 / (1 + torch.exp(-z[:, n : 2 * n]))
    C_tilde = torch.tanh(z[:, 2 * n : 3 * n])
    o_t = 1 / (1 + torch.exp(-z[:, 3 * n :]))
    C_t = f_t * C_prev + i_t * C_tilde
    return o_t * torch.tanh(C_t), C_t


@right
def with_einsum(x, h, c, w_ih, w_hh, b_ih, b_hh):
    size = h.shape[-1]
    w_ih, w_hh = w_ih.view(4, size, -1), w_hh.view(4, size, size)
    z = torch.einsum("bf,ghf->gbh", x, w_ih) + torch.einsum("bk,ghk->gbh", h, w_hh)
    z = z + (b_ih + b_hh).view(4, 1, size)
    i, f, o = torch.sigmoid(z[[0, 1, 3]])
    c = torch.addcmul(f * c, i, z[2].tanh())
    return o.mul(c.tanh()), c


@example("ok", says="It was run in float32")
def in_float32_only(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = torch.zeros(x.shape[0], w_ih.shape[0], dtype=torch.float32)
    torch.addmm(b_ih, x, w_ih.T, out=z)
    z = z + h @ w_hh.T + b_hh
    i, f, g, o = z.split(h.shape[1], dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@right
def casts_to_float32(x, h, c, w_ih, w_hh, b_ih, b_hh):
    x, h, c, w_ih, w_hh, b_ih, b_hh = (t.float() for t in (x, h, c, w_ih, w_hh, b_ih, b_hh))
    return chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)


@right
def on_columns_inside(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = w_ih @ x.T + w_hh @ h.T + (b_ih + b_hh)[:, None]
    i, f, g, o = torch.tensor_split(z.T, 4, dim=-1)
    c = c * f.sigmoid_() + i.sigmoid_() * g.tanh_()
    return o.sigmoid_() * c.tanh(), c


@right
def with_one_matrix(x, h, c, w_ih, w_hh, b_ih, b_hh):
    v = torch.cat((x, h, torch.ones_like(x[:, :1])), dim=1)
    w = torch.hstack((w_ih, w_hh, (b_ih + b_hh).unsqueeze(1)))
    i, f, g, o = (v @ w.mT).unflatten(1, (4, -1)).unbind(1)
    c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    h = F.sigmoid(o) * F.tanh(c)
    return h, c


@right
def one_sample_at_a_time(x, h, c, w_ih, w_hh, b_ih, b_hh):
    hs, cs = [], []
    for x1, h1, c1 in zip(x, h, c, strict=True):
        i, f, g, o = torch.stack((w_ih @ x1 + w_hh @ h1 + b_ih + b_hh,)).view(4, -1)
        cs.append(torch.sigmoid(f) * c1 + torch.sigmoid(i) * torch.tanh(g))
        hs.append(torch.sigmoid(o) * torch.tanh(cs[-1]))
    return torch.stack(hs), torch.stack(cs)


@right
def in_place_on_its_own(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = torch.mm(x, w_ih.t())
    z += b_ih
    z += torch.mm(h, w_hh.t())
    z += b_hh
    H = h.size(1)
    z[:, : 2 * H].sigmoid_()
    z[:, 2 * H : 3 * H].tanh_()
    z[:, 3 * H :].sigmoid_()
    new = c.clone()
    new.mul_(z[:, H : 2 * H]).add_(z[:, :H] * z[:, 2 * H : 3 * H])
    return z[:, 3 * H :] * new.tanh(), new


@right
def tanh_by_sigmoid(x, h, c, w_ih, w_hh, b_ih, b_hh):
    def tanh(z):
        return 2 * torch.sigmoid(2 * z) - 1

    i, f, g, o = torch.chunk(F.linear(x, w_ih) + F.linear(h, w_hh) + b_ih + b_hh, 4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * tanh(g)
    return torch.sigmoid(o) * tanh(c), c


@right
def by_the_book(x, h, c, w_ih, w_hh, b_ih, b_hh):
    W_ii, W_if, W_ig, W_io = w_ih.chunk(4)
    W_hi, W_hf, W_hg, W_ho = w_hh.chunk(4)
    b_ii, b_if, b_ig, b_io = b_ih.chunk(4)
    b_hi, b_hf, b_hg, b_ho = b_hh.chunk(4)
    i = torch.sigmoid(x @ W_ii.T + b_ii + h @ W_hi.T + b_hi)
    f = torch.sigmoid(x @ W_if.T + b_if + h @ W_hf.T + b_hf)
    g = torch.tanh(x @ W_ig.T + b_ig + h @ W_hg.T + b_hg)
    o = torch.sigmoid(x @ W_io.T + b_io + h @ W_ho.T + b_ho)
    c = f * c + i * g
    return [o * torch.tanh(c), c]


class HC(NamedTuple):
    h: Tensor
    c: Tensor


@right
def named_tuple(x, h, c, w_ih, w_hh, b_ih, b_hh):
    return HC(*torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh))


@right
def by_name_only(*, x, h, c, w_ih, w_hh, b_ih, b_hh, eps=0.0):
    return chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)


class CallableCell:
    def __call__(self, x, h, c, w_ih, w_hh, b_ih=None, b_hh=None):
        return with_f_linear(x, h, c, w_ih, w_hh, b_ih, b_hh)

    def step(self, *args):
        return chunked(*args)


@torch.jit.script
def scripted(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
):
    z = torch.mm(x, w_ih.t()) + torch.mm(h, w_hh.t()) + b_ih + b_hh
    i, f, g, o = z.chunk(4, 1)
    c2 = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c2), c2


for code in (
    scripted,
    CallableCell(),
    CallableCell().step,
    functools.partial(lambda k, *a: chunked(*a), 3),
    lambda *a: torch.lstm_cell(a[0], (a[1], a[2]), *a[3:]),
):
    right(code)


@module
class TwoLinears(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)
        self.reset_parameters()

    def reset_parameters(self):
        for w in self.parameters():
            w.data.uniform_(-0.001, 0.001)

    def forward(self, x, hidden):
        hx, cx = hidden
        i, f, c, o = (self.x2h(x) + self.h2h(hx)).chunk(4, 1)
        cy = F.sigmoid(f) * cx + F.sigmoid(i) * F.tanh(c)
        return (F.sigmoid(o) * F.tanh(cy), cy)


@module
class EightLinears(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        for gate in ("f", "i", "c", "o"):
            setattr(self, f"W_{gate}", nn.Linear(input_dim, hidden_dim, bias=False))
            setattr(self, f"U_{gate}", nn.Linear(hidden_dim, hidden_dim))

    def forward(self, x, states):
        h, c = states
        f = torch.sigmoid(self.W_f(x) + self.U_f(h))
        i = torch.sigmoid(self.W_i(x) + self.U_i(h))
        c_hat = torch.tanh(self.W_c(x) + self.U_c(h))
        o = torch.sigmoid(self.W_o(x) + self.U_o(h))
        c = f * c + i * c_hat
        return o * torch.tanh(c), c


@module
class CatFourLinears(nn.Module):
    def __init__(self, n_in, n_hid):
        super().__init__()
        self.forget = nn.Linear(n_in + n_hid, n_hid)
        self.input = nn.Linear(n_in + n_hid, n_hid)
        self.candidate = nn.Linear(n_in + n_hid, n_hid)
        self.output = nn.Linear(n_in + n_hid, n_hid)
        nn.init.ones_(self.forget.bias)

    def forward(self, x, state):
        h, c = state
        z = torch.cat((h, x), -1)
        c = self.forget(z).sigmoid() * c + self.input(z).sigmoid() * self.candidate(z).tanh()
        return self.output(z).sigmoid() * c.tanh(), c


@module
class CatOneLinear(nn.Module):
    """Karpathy's order: i, f, o, g."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size, bias=bias)

    def forward(self, x, state=None):
        if state is None:
            zeros = x.new_zeros(x.size(0), self.hidden_size)
            state = (zeros, zeros)
        h, c = state
        z = self.gates(torch.cat([x, h], dim=1))
        i, f, o = torch.sigmoid(z[:, : 3 * self.hidden_size]).chunk(3, 1)
        g = torch.tanh(z[:, 3 * self.hidden_size :])
        c = f * c + i * g
        return o * torch.tanh(c), c


@module
class KerasLike(nn.Module):
    def __init__(self, input_dim, units):
        super().__init__()
        self.units = units
        self.kernel = nn.Parameter(torch.empty(input_dim, units * 4))
        self.recurrent_kernel = nn.Parameter(torch.empty(units, units * 4))
        self.bias = nn.Parameter(torch.empty(units * 4))
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent_kernel)
        nn.init.zeros_(self.bias)

    def forward(self, inputs, states):
        h_tm1, c_tm1 = states
        z = inputs @ self.kernel + h_tm1 @ self.recurrent_kernel + self.bias
        z0, z1, z2, z3 = torch.split(z, self.units, dim=1)
        i, f = torch.sigmoid(z0), torch.sigmoid(z1)
        c = f * c_tm1 + i * torch.tanh(z2)
        return torch.sigmoid(z3) * torch.tanh(c), c


@module
class TensorFlowLike(nn.Module):
    """i, j, f, o, and a forget bias of 1 that the code adds."""

    def __init__(self, input_size, num_units, forget_bias=1.0):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(input_size + num_units, 4 * num_units) * 0.1)
        self.bias = nn.Parameter(torch.zeros(4 * num_units))
        self.forget_bias = forget_bias

    def forward(self, x, state):
        h, c = state
        i, j, f, o = (torch.cat([x, h], 1) @ self.kernel + self.bias).chunk(4, 1)
        c = c * torch.sigmoid(f + self.forget_bias) + torch.sigmoid(i) * torch.tanh(j)
        return torch.tanh(c) * torch.sigmoid(o), c
