"""More wrong cells: wiring, state and activation slips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from lstm_teach import check_cell
from tests.zoo import examples_for
from tests.zoo.cell.right import example
from tests.zoo.cell.wrong import Cell, Fused, gates


def activated(x, h, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def slip(verdict, name):
    """A function and two modules that make the same slip with their activated gates."""

    def keep(body):
        def as_function(x, h, c, w_ih, w_hh, b_ih, b_hh):
            return body(*activated(x, h, w_ih, w_hh, b_ih, b_hh), h, c)

        def as_forward(self, x, state):
            return body(*self.gates(x, state[0]), *state)

        as_function.__name__ = name
        example(verdict)(as_function)
        for base in (Cell, Fused):
            made = type(f"{name}_{base.__name__}", (base,), {"forward": as_forward})
            example(verdict)(made)
        return body

    return keep


@slip("forget_used_for_input", "forget_for_input")
def _(i, f, g, o, h, c):
    c = f * c + f * g
    return o * c.tanh(), c


@slip("output_gate_from_forget", "output_from_forget")
def _(i, f, g, o, h, c):
    c = f * c + i * g
    return f * c.tanh(), c


@slip("forget_bias_after_sigmoid", "one_after_sigmoid")
def _(i, f, g, o, h, c):
    c = (f + 1.0) * c + i * g
    return o * c.tanh(), c


@slip("no_forget_gate", "never_forgets")
def _(i, f, g, o, h, c):
    c = c + i * g
    return o * c.tanh(), c


@slip("variant", "coupled")
def _(i, f, g, o, h, c):
    c = (1 - i) * c + i * g
    return o * c.tanh(), c


@slip("add_not_mul", "adds_o")
def _(i, f, g, o, h, c):
    c = f * c + i * g
    return o + c.tanh(), c


@slip("add_not_mul", "adds_f")
def _(i, f, g, o, h, c):
    c = (f + c) + i * g
    return o * c.tanh(), c


@slip("add_not_mul", "adds_i")
def _(i, f, g, o, h, c):
    c = f * c + (i + g)
    return o * c.tanh(), c


@slip("stale_c", "h_from_the_old_c")
def _(i, f, g, o, h, c):
    return o * torch.tanh(c), f * c + i * g


@slip("stale_c", "returns_the_old_c")
def _(i, f, g, o, h, c):
    c_new = f * c + i * g
    return o * torch.tanh(c_new), c


@slip("c_lost", "returns_h_twice")
def _(i, f, g, o, h, c):
    c = f * c + i * g
    h = o * torch.tanh(c)
    return h, h


@slip("c_lost", "old_c_never_used")
def _(i, f, g, o, h, c):
    c = i * g
    return o * torch.tanh(c), c


@slip("missing_tanh_c", "no_tanh_beside_an_output")
def _(i, f, g, o, h, c):
    c = f * c + i * g
    return o * c, (o * c, c)


@slip("swapped_return", "c_first")
def _(i, f, g, o, h, c):
    c = f * c + i * g
    return c, o * torch.tanh(c)


@slip("double_activation", "tanh_of_h")
def _(i, f, g, o, h, c):
    c = f * c + i * g
    return torch.tanh(o * torch.tanh(c)), c


@slip("double_activation", "sigmoid_again")
def _(i, f, g, o, h, c):
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@example("forget_bias_added")
def adds_one_to_f(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("forget_bias_added")
def sets_part_of_the_bias(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n = h.shape[1]
    bias = b_ih + b_hh
    bias[n : 2 * n] += 1.0
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + bias).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("forget_bias_after_sigmoid")
def bias_outside(x, h, c, w_ih, w_hh, b_ih, b_hh):
    n = h.shape[1]
    b = b_ih + b_hh
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T).chunk(4, 1)
    f = torch.sigmoid(f) + b[n : 2 * n]
    c = f * c + (i + b[:n]).sigmoid() * (g + b[2 * n : 3 * n]).tanh()
    return (o + b[3 * n :]).sigmoid() * c.tanh(), c


@example("cell_instead_of_h_in_gates")
def gates_from_c(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = activated(x, c, w_ih, w_hh, b_ih, b_hh)
    c = f * c + i * g
    return o * c.tanh(), c


@example("cell_instead_of_h_in_gates")
class GatesFromC(Cell):
    def forward(self, x, state):
        _, c = state
        i, f, g, o = self.gates(x, c)
        c = f * c + i * g
        return o * c.tanh(), c


@example("cell_instead_of_h_in_gates")
class GatesFromCFused(Fused):
    def forward(self, x, state):
        _, c = state
        i, f, g, o = self.gates(x, c)
        c = f * c + i * g
        return o * c.tanh(), c


@example("cell_instead_of_h_in_gates", says="does not reach the gate g")
class OneGateFromC(Cell):
    def forward(self, x, state):
        h, c = state
        i, f, _, o = self.gates(x, h)
        _, _, g, _ = self.gates(x, c)
        c = f * c + i * g
        return o * c.tanh(), c


@example("hard_sigmoid")
def keras_hard_sigmoid(x, h, c, w_ih, w_hh, b_ih, b_hh):
    def hard(z):
        return torch.clamp(0.2 * z + 0.5, 0.0, 1.0)

    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = hard(f) * c + hard(i) * g.tanh()
    return hard(o) * c.tanh(), c


@example("hard_sigmoid")
class HardSigmoid(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lin = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.lin(torch.cat((x, h), 1)).chunk(4, 1)
        c = F.hardsigmoid(f) * c + F.hardsigmoid(i) * g.tanh()
        return F.hardsigmoid(o) * c.tanh(), c


@example("missing_transpose")
def no_transpose(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih + h @ w_hh + b_ih + b_hh).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("missing_transpose")
def no_transpose_in_each_gate(x, h, c, w_ih, w_hh, b_ih, b_hh):
    b = (b_ih + b_hh).chunk(4)
    pairs = zip(w_ih.chunk(4), w_hh.chunk(4), b, strict=True)
    i, f, g, o = (x @ w.T + h @ u + b for w, u, b in pairs)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("missing_transpose")
def only_square(x, h, c, w_ih, w_hh, b_ih, b_hh):
    b = (b_ih + b_hh).chunk(4)
    pairs = zip(w_ih.chunk(4), w_hh.chunk(4), b, strict=True)
    i, f, g, o = (x @ w + h @ u + b for w, u, b in pairs)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("missing_transpose")
class OnlySquare(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.ParameterList([torch.randn(hidden_size, input_size) for _ in range(4)])
        self.u = nn.ParameterList([torch.randn(hidden_size, hidden_size) for _ in range(4)])

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ w + h @ u for w, u in zip(self.w, self.u, strict=True))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("double_activation", says="i * g goes through another tanh")
class TanhTwiceOfG(Cell):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        c = f * state[1] + i * g.tanh()
        return o * c.tanh(), c


@example("stale_c", says="the c that you return is the old one")
class ReturnsTheOldC(Cell):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        return o * (f * state[1] + i * g).tanh(), state[1]


@example("squeeze_batch_of_one")
def squeezes(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = activated(x, h, w_ih, w_hh, b_ih, b_hh)
    c = (f * c + i * g).squeeze()
    return (o * c.tanh()).squeeze(), c


@example("squeeze_batch_of_one")
class Squeezes(Fused):
    def forward(self, x, state):
        h, c = state
        z = (self.x2h(x) + self.h2h(h)).squeeze()
        i, f, g, o = z.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@examples_for(check_cell)("raises", says="`chunk(4, dim=1)`")
class CutsAlongTheBatch(nn.Module):
    """It runs for a single sample, and nn.LSTMCell's place is in a batch."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4 * hidden_size, input_size))
        self.u = nn.Parameter(torch.randn(4 * hidden_size, hidden_size))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.w.T + h @ self.u.T).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@examples_for(check_cell)("ok", says="no gradient comes through `h`")
class CutsItsPast(CutsAlongTheBatch):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.w.T + h.detach() @ self.u.T).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class _CallsForward:
    def __call__(self, *args):
        return self.forward(*args)


@examples_for(check_cell, make=True)("ok")
class HandsAllOnToForward(_CallsForward):
    def __init__(self, input_size=5, hidden_size=4):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.w = torch.randn(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (torch.cat([x, h], 1) @ self.w).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("sigmoid_instead_of_tanh", says="the gates look at c, and the h that came in reaches none")
class MisreadPeephole(nn.Module):
    """Wikipedia's peephole LSTM, as a much copied page has it."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.Parameter(torch.randn(input_size, 4 * hidden_size))
        self.u = nn.Parameter(torch.randn(hidden_size, 4 * hidden_size))
        self.b = nn.Parameter(torch.randn(4 * hidden_size))

    def forward(self, x, state):
        _, c = state
        i, f, _, o = (x @ self.w + c @ self.u + self.b).sigmoid().chunk(4, 1)
        c = f * c + i * (x @ self.w + self.b).sigmoid().chunk(4, 1)[2]
        return torch.tanh(o * c), c


class MixesTheBatch(Fused):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        c = f * state[1] + i * g
        return torch.softmax(o * c.tanh(), dim=0), c


example("unrecognised", says="the samples of a batch are mixed")(MixesTheBatch)


@examples_for(check_cell, make=True)("cannot_check", says="joined = torch.cat(x, state[0])")
class JoinsWithoutBrackets(nn.Module):
    """Its sizes do not stand in it, and are not what it fails for."""

    def __init__(self):
        super().__init__()
        self.gates = nn.Linear(5 + 4, 4 * 4)

    def forward(self, x, state):
        joined = torch.cat(x, state[0])
        return self.gates(joined).chunk(4, 1)[:2]


def _one_bias(x, h, c, w, u, b):
    i, f, g, o = (x @ w + h @ u + b).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@examples_for(check_cell)("ok")
def short_names(x, h, c, W, U, b):
    return _one_bias(x, h, c, W, U, b)


@examples_for(check_cell)("ok")
def names_of_its_own(x, r, memory, Wx, Wh, b):
    return _one_bias(x, r, memory, Wx, Wh, b)


@example("raises", says="`chunk(4, dim=1)`")
def cuts_the_batch_by_the_function(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = torch.chunk(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("cannot_check", says="with no layout of its weights does it run")
def multiplies_number_by_number(x, h, c, Wx, Wh, b):
    i, f, g, o = (x * Wx + h * Wh + b).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@examples_for(check_cell)("raises", says="`_init_` is not `__init__`, with two underscores")
class NamesItsInitOtherwise(nn.Module):
    def _init_(self, input_size, hidden_size):
        super().__init__()
        self.x2g = nn.Linear(input_size, 4 * hidden_size)

    def forward(self, x, state):
        return state


@examples_for(check_cell)("ok", 5, 4)
class MakesItsLayersLazily(nn.Module):
    def _init(self, x, h):
        self.x2g, self.h2g = (nn.Linear(one.shape[1], 4 * h.shape[1]) for one in (x, h))

    def forward(self, x, state):
        h, c = state
        if not hasattr(self, "x2g"):
            self._init(x, h)
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("raises", says="name 'hidden' is not defined")
def names_what_is_not_there(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + hidden @ w_hh.T + b_hh).chunk(4, 1)  # noqa: F821
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c
