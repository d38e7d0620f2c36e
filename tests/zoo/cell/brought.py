"""Cells brought as they are: in NumPy, as plain objects, in columns, one sample at a time."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from lstm_teach import check_cell
from tests.zoo import examples_for
from tests.zoo.cell.right import TwoLinears, chunked, example, right

RANDOM = np.random.default_rng(0)
made = examples_for(check_cell, make=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@right
def in_numpy(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@example("missing_tanh_c")
def in_numpy_without_a_tanh(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * c, c


@example("gate_order")
def in_numpy_columns(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, o, g = np.vsplit(w_ih @ x + w_hh @ h + (b_ih + b_hh).reshape(-1, 1), 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


class NumPyCell:
    """The class of a course: a dict of arrays, a batch in columns, a cache."""

    def __init__(self, n_x, n_a):
        self.n_a = n_a
        self.parameters = {}
        for gate in "fico":
            self.parameters["W" + gate] = RANDOM.standard_normal((n_a, n_a + n_x))
            self.parameters["b" + gate] = np.zeros((n_a, 1))

    def step(self, xt, a_prev, c_prev):
        p, joined = self.parameters, np.concatenate([a_prev, xt])
        ft, it, ot = (sigmoid(p["W" + g] @ joined + p["b" + g]) for g in "fio")
        cct = np.tanh(p["Wc"] @ joined + p["bc"])
        c_next = self.new_c(ft, it, cct, c_prev)
        a_next = ot * np.tanh(c_next)
        return a_next, c_next, (a_prev, c_prev, ft, it, cct, ot)

    def new_c(self, ft, it, cct, c_prev):
        return ft * c_prev + it * cct


@made("ok", says="NumPy arrays")
def a_numpy_object():
    return NumPyCell(3, 5)


@made("ok")
def its_bound_method():
    return NumPyCell(3, 5).step


right(NumPyCell)


@right
class OneColumn(NumPyCell):
    """One sample, and it insists on that."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.input_size = input_size

    def step(self, xt, a_prev, c_prev):
        assert xt.shape == (self.input_size, 1)
        return super().step(xt, a_prev, c_prev)


@example("stale_c", says="a column")
class OneColumnWithAStaleC(OneColumn):
    def step(self, xt, a_prev, c_prev):
        _, c, cache = super().step(xt, a_prev, c_prev)
        return cache[-1] * np.tanh(c_prev), c, cache


@example("ok", 5, 4, says="a row")
class OneRow:
    """One sample, whose four gates a reshape lays out."""

    def __init__(self, input_size, hidden_size):
        self.w_x = RANDOM.standard_normal((input_size, 4 * hidden_size))
        self.w_h = RANDOM.standard_normal((hidden_size, 4 * hidden_size))
        self.b = RANDOM.standard_normal(4 * hidden_size)

    def step(self, x, h, c):
        gates = np.dot(x, self.w_x) + np.dot(h, self.w_h) + self.b
        i, f, g, o = np.split(gates.reshape(4, -1), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    __call__ = step


class Lists:
    """One sample as lists, which `+` joins; loops, and no library but for the weights."""

    def __init__(self, input_size, hidden_size, kept=np.array):
        shape = 4, hidden_size, input_size + hidden_size + 1
        self.input_size, self.weights = input_size, kept(RANDOM.standard_normal(shape))

    def __call__(self, x, h, c):
        joined, new_h, new_c = x + h + [1.0], [], []
        for old, *rows in zip(c, *self.weights, strict=True):
            i, f, g, o = (sum(w * v for w, v in zip(row, joined, strict=True)) for row in rows)
            new_c.append(self.new_c(sigmoid(i), sigmoid(f), math.tanh(g), old))
            new_h.append(sigmoid(o) * math.tanh(new_c[-1]))
        return new_h, new_c

    def new_c(self, i, f, g, old):
        return f * old + i * g


example("ok", 3, 2, says="as a list")(Lists)


@example("no_forget_gate", 3, 2)
class ListsThatNeverForget(Lists):
    def new_c(self, i, f, g, old):
        return old + i * g


@made("cannot_check", 3, 2, says="its weights could not be found")
def weights_in_lists():
    return ListsThatNeverForget(3, 2, kept=np.ndarray.tolist)


@made("cannot_check", says="where numbers are large")
def a_sigmoid_that_overflows():
    """Right where it is used, as one with `math.exp`, which raises an error at 710."""
    net = TwoLinears(5, 4)

    def step(x, h, c):
        assert x.abs().max() < 20
        return net(x, (h, c))

    return step


@right
def of_a_course(x, prev_h, prev_c, Wx, Wh, b):
    """Its weights are columns, with one bias and an order of their own."""
    i, f, o, g = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    next_c = sigmoid(f) * prev_c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(next_c), next_c, (i, f, o, g)


@example("missing_bias", says="`b` is left out")
def of_a_course_without_its_bias(x, prev_h, prev_c, Wx, Wh, b):
    return of_a_course(x, prev_h, prev_c, Wx, Wh, 0 * b)


@example("missing_tanh_c")
def of_a_course_without_a_tanh(x, prev_h, prev_c, Wx, Wh, b):
    _, c, (_, _, o, _) = of_a_course(x, prev_h, prev_c, Wx, Wh, b)
    return sigmoid(o) * c, c


@example("gate_order")
def one_bias_and_an_order_of_its_own(x, h, c, w_ih, w_hh, b):
    i, f, o, g = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@right
def one_bias(x, state, w_ih, w_hh, b):
    return chunked(x, *state, w_ih, w_hh, b, 0 * b)


@made("ok")
def a_function_with_some_arguments_set():
    return functools.partial(lambda weights, x, h, c: weights.step(x, h, c), NumPyCell(5, 4))


@example("unrecognised", says="not made from the h that came in")
class HIsOverwrittenBeforeO(NumPyCell):
    def step(self, xt, a_prev, c_prev):
        _, c, _ = super().step(xt, a_prev, c_prev)
        a = np.tanh(c)
        z = self.parameters["Wo"] @ np.concatenate([a, xt]) + self.parameters["bo"]
        return sigmoid(z) * a, c


@example("wrong_bias_slice", says="one array")
class OneArrayForFourBiases(NumPyCell):
    def __init__(self, n_x, n_a):
        super().__init__(n_x, n_a)
        self.parameters |= dict.fromkeys(("bf", "bi", "bc", "bo"), np.zeros((n_a, 1)))


@example("stale_c")
class NumPyCellWithAStaleC(NumPyCell):
    def step(self, xt, a_prev, c_prev):
        _, c, cache = super().step(xt, a_prev, c_prev)
        return cache[-1] * np.tanh(c_prev), c, cache


@right
class NumPyCellThatSubtracts(NumPyCell):
    """tanh is odd, so this is an LSTM with other weights of g."""

    def new_c(self, ft, it, cct, c_prev):
        return ft * c_prev - it * cct


@example("no_forget_gate")
class NumPyCellThatNeverForgets(NumPyCell):
    def new_c(self, ft, it, cct, c_prev):
        return c_prev + it * cct


@right
class WithAHead(NumPyCell):
    """What is read off h has no say in h."""

    def __init__(self, n_x, n_a):
        super().__init__(n_x, n_a)
        self.parameters |= {"Wy": RANDOM.standard_normal((1, n_a)), "by": np.zeros((1, 1))}

    def step(self, xt, a_prev, c_prev):
        a, c, cache = super().step(xt, a_prev, c_prev)
        return a, c, self.parameters["Wy"] @ a + self.parameters["by"], cache


class ListOfArrays:
    """One sample at a time, the arrays in a list."""

    def __init__(self, hidden_size, input_size):
        self.W = [RANDOM.standard_normal((hidden_size, input_size)) for _ in range(4)]
        self.U = [RANDOM.standard_normal((hidden_size, hidden_size)) for _ in range(4)]
        self.b = [RANDOM.standard_normal(hidden_size) for _ in range(4)]

    def __call__(self, x, state):
        h, c = state
        f, i, o, g = (
            np.dot(w, x) + np.dot(u, h) + b for w, u, b in zip(self.W, self.U, self.b, strict=True)
        )
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c


@made("ok")
def a_list_of_arrays():
    return ListOfArrays(4, 6)


example("ok")(ListOfArrays)


@made("sigmoid_instead_of_tanh")
def a_closure_over_arrays():
    w, b = RANDOM.standard_normal((7, 16)), RANDOM.standard_normal(16)

    def step(x, h, c):
        i, f, g, o = np.split(np.hstack([x, h]) @ w + b, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * sigmoid(g)
        return sigmoid(o) * np.tanh(c), c

    return step


class PlainTorch:
    def __init__(self, d, h):
        self.W, self.U = torch.randn(d, 4 * h), torch.randn(h, 4 * h)
        self.b = torch.zeros(4 * h)

    def cell(self, xt, prev_h, prev_c):
        i, f, o, g = (xt @ self.W + prev_h @ self.U + self.b).chunk(4, dim=-1)
        c = torch.sigmoid(f) * prev_c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


@made("ok", says="not an nn.Module")
def a_plain_object():
    return PlainTorch(4, 3)


@right
class StateInOneTensor(TwoLinears):
    def forward(self, x, state):
        h, c = state.chunk(2, -1)
        return torch.cat(super().forward(x, (h, c)), -1)


@right
class StateAsCAndH(TwoLinears):
    def forward(self, x, state):
        c, h = state
        h, c = super().forward(x, (h, c))
        return h, (c, h)


@right
class HiddenFirst(TwoLinears):
    def __init__(self, hidden_dim, embedding_dim):
        super().__init__(embedding_dim, hidden_dim)


@right
class OneSampleAtATime(TwoLinears):
    def forward(self, x, h, c):
        h, c = super().forward(x[None], (h[None], c[None]))
        assert x.dim() == 1
        return h[0], c[0]


@example("c_lost")
class OneSampleAndNoOldC(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.gates = nn.Linear(n_in + n_hidden, 4 * n_hidden)

    def forward(self, x, h, c):
        i, _, g, o = self.gates(torch.cat((x, h))).chunk(4)
        c = i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@made("ok")
def wrapped_for_several_devices():
    return nn.DataParallel(TwoLinears(5, 4))


@made("ok")
def its_own_call():
    return nn.LSTMCell(5, 4).__call__


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = TwoLinears(5, 4)

    def step(self, x, c, h):
        h, c = self.inner(x, (h, c))
        return {"memory": c, "out": h}


example("ok", call=lambda net, x, h, c: (net.step(x, c, h)["out"], net.step(x, c, h)["memory"]))(
    Steps()
)
example("swapped_return", call=lambda net, x, h, c: [*net.step(x, c, h).values()])(Steps())
made("ok", says="c before h")(Steps)


@example("ok", call=lambda f, x, h, c, w_ih, w_hh, b_ih, b_hh: f(x, h, c, (w_ih, w_hh, b_ih, b_hh)))
def weights_in_a_tuple(x, h, c, weights):
    return chunked(x, h, c, *weights)


@example("ok", says="hidden_size 20 only")
def a_size_written_in_it(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = x @ w_ih.T + h @ w_hh.T + b_ih + b_hh
    i, f, g, o = z[:, :20], z[:, 20:40], z[:, 40:60], z[:, 60:80]
    c = f.sigmoid() * c + i.sigmoid() * g.tanh() + torch.zeros(20)
    return o.sigmoid() * c.tanh(), c


@example("ok")
class OfFloatTensors(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w_x = nn.Parameter(torch.FloatTensor(input_size, 4 * hidden_size).uniform_(-1, 1))
        self.w_h = nn.Parameter(torch.FloatTensor(hidden_size, 4 * hidden_size))
        self.w_h.data.set_(torch.eye(hidden_size).repeat(1, 4))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.w_x + h @ self.w_h).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@right
class MadeOfItsWeights:
    """The class of a book."""

    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        f, g, i, o = np.split(np.dot(x, Wx) + np.dot(h_prev, Wh) + b, 4, axis=1)
        c_next = sigmoid(f) * c_prev + np.tanh(g) * sigmoid(i)
        return sigmoid(o) * np.tanh(c_next), c_next


class FilledIn(NumPyCell):
    """x and a into one array, that of a dict of weights with a head."""

    def step(self, xt, a_prev, c_prev):
        n_a = self.n_a
        joined = np.zeros((n_a + len(xt), xt.shape[1]))
        joined[:n_a], joined[n_a:] = a_prev, xt
        f, i, c, o = (self.parameters["W" + g] @ joined + self.parameters["b" + g] for g in "fico")
        c_next = sigmoid(f) * c_prev + sigmoid(i) * np.tanh(c)
        return sigmoid(o) * np.tanh(c_next), c_next


FOUR_UNITS = FilledIn(3, 4)


@examples_for(check_cell)("ok", call=lambda step, x, h, c: step(x, h, c))
def of_four_units(xt, a_prev, c_prev):
    return FOUR_UNITS.step(xt, a_prev, c_prev)


@dataclasses.dataclass
class State:
    h: torch.Tensor
    c: torch.Tensor


@right
class StateByName(nn.Module):
    """A state whose parts have names, where it comes in and where it is returned."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.both = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state: State) -> State:
        i, f, g, o = self.both(torch.cat([x, state.h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * state.c + i.sigmoid() * g.tanh()
        return State(h=o.sigmoid() * self.squashed(c), c=c)

    def squashed(self, c):
        return c.tanh()


@example("missing_tanh_c")
class StateByNameWithoutATanh(StateByName):
    def squashed(self, c):
        return c


def new_weights(input_size, hidden_size):
    wide = input_size + hidden_size
    return {"W": torch.randn(wide, 4 * hidden_size), "b": torch.randn(4 * hidden_size)}


@right
def make_step(input_size, hidden_size):
    """A function that makes the step, as a class would."""
    p = new_weights(input_size, hidden_size)

    def step(x, state):
        h, c = state
        i, f, g, o = (torch.cat([x, h], dim=-1) @ p["W"] + p["b"]).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    return step


@example("cannot_check", says="net(params, (h, c), x)")
def weights_of_its_own_first(params, carry, x):
    h, c = carry
    i, f, g, o = (torch.cat([x, h], dim=-1) @ params["W"] + params["b"]).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return (o.sigmoid() * c.tanh(), c), o


class CFirst(StateByName):
    """The state is (c, h), where it comes in and where it goes out."""

    def forward(self, x, state):
        c, h = state
        new = super().forward(x, State(h, c))
        return new.c, new.h


@example("missing_tanh_c", says="It has the state as (c, h)")
class CFirstWithoutATanh(CFirst):
    def squashed(self, c):
        return c


class LSTMStateTuple(NamedTuple):
    c: torch.Tensor
    h: torch.Tensor


@right
class NamedCFirst(StateByName):
    def forward(self, x, state):
        new = super().forward(x, state)
        return new.h, LSTMStateTuple(new.c, new.h)


@right
class StateInADict(StateByName):
    def forward(self, x, state):
        new = super().forward(x, State(state["hidden"], state["cell"]))
        return {"hidden": new.h, "cell": new.c}


@example("ok", says="one tensor, `[2, batch, hidden_size]`")
class StateStacked(StateByName):
    def forward(self, x, state):
        h, c = state.unbind(0)
        new = super().forward(x, State(h, c))
        return torch.stack([new.h, new.c])


@example("variant", says="a GRU")
class GRUWithAStep:
    """No module, and its one state stands before x."""

    def __init__(self, n_in, n_hidden):
        self.W, self.U = torch.randn(n_in, 3 * n_hidden), torch.randn(n_hidden, 3 * n_hidden)

    def step(self, h_prev, x):
        (r, z, n), (ur, uz, un) = (x @ self.W).chunk(3, 1), (h_prev @ self.U).chunk(3, 1)
        z = torch.sigmoid(z + uz)
        return z * h_prev + (1 - z) * torch.tanh(n + torch.sigmoid(r + ur) * un)


@example("cannot_check", says="net(params, x, h, c)")
def parameters_before_all(params, x, h, c):
    return x @ params["W"] + h, c


@example("variant", says="a GRU")
class NumPyGRU:
    """One state, multiplied as it comes in: of a pair NumPy would make an array."""

    def __init__(self, n_in, n_hidden):
        self.W, self.U = (RANDOM.standard_normal((3, n, n_hidden)) for n in (n_in, n_hidden))

    def forward(self, x, h):
        z = sigmoid(np.dot(x, self.W[0]) + np.dot(h, self.U[0]))
        r = sigmoid(np.dot(x, self.W[1]) + np.dot(h, self.U[1]))
        return (1 - z) * h + z * np.tanh(np.dot(x, self.W[2]) + np.dot(r * h, self.U[2]))


def _clipped(bound):
    def step(x, h, c, Wx, Wh, b):
        def bounded(z):
            return 1 / (1 + np.exp(-np.clip(z, -bound, bound)))

        i, f, o, g = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
        c = bounded(f) * c + bounded(i) * np.tanh(g)
        return bounded(o) * np.tanh(c), c

    step.__name__ = f"sums_clipped_at_{bound}"
    return step


for _bound in (15, 20, 25, 30, 50):
    example("ok")(_clipped(_bound))


@example("unrecognised", says="in the gates i, f and o, sigmoid is taken of -z")
class OpensWhereTheSumIsLow(TwoLinears):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        i, f, o = (1 / (1 + z.exp()) for z in (i, f, o))
        c = f * c + i * g.tanh()
        return o * c.tanh(), c


@example("unrecognised", says="in the gate f, sigmoid is taken of -z")
class KeepsWhatItShouldForget(TwoLinears):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        c = (1 - f.sigmoid()) * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class _Gates(TwoLinears):
    def gates(self, x, h):
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def _with(verdict, says, c="f * c + i * g", h="o * c.tanh()"):
    def forward(self, x, state):
        old, c_0 = state
        i, f, g, o = self.gates(x, old)
        known = {"i": i, "f": f, "g": g, "o": o, "c": c_0, "z": self.x2h(x) + self.h2h(old)}
        known["c"] = eval(c, {}, known)
        return eval(h, {}, known), known["c"]

    example(verdict, says=says)(type(f"With {c} and {h}", (_Gates,), {"forward": forward}))


_with("ok", "Right.")
_with("missing_tanh_c", "h is `tanh(o * c)`", h="(o * c).tanh()")
_with("variant", "no input gate", c="f * c + g")
_with("add_not_mul", "g is left out: c is `f * c + i`", c="f * c + i")
_with("unrecognised", "o stands in the place of g", c="f * c + i * o")
_with(
    "unrecognised",
    "in the gate i, tanh stands for sigmoid",
    c="f * c + z.chunk(4, 1)[0].tanh() * g",
)
_with("unrecognised", "the candidate g has no tanh", c="f * c + i * z.chunk(4, 1)[2]")
_with(
    "unrecognised", "sigmoid is taken of 2 * z", c="0.5 * (1 + z.chunk(4, 1)[1].tanh()) * c + i * g"
)
_with(
    "unrecognised", "g is the tanh of z / 2", c="f * c + i * (2 * z.chunk(4, 1)[2].sigmoid() - 1)"
)
_with(
    "ok",
    "Right.",
    c="f * c + i * (2 * (2 * z.chunk(4, 1)[2]).sigmoid() - 1)",
    h="0.5 * (1 + (0.5 * z.chunk(4, 1)[3]).tanh()) * c.tanh()",
)


@example("ok", says="weights are taken 2 times")
class AllWeightsTwice(_Gates):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (2 * self.x2h(x) + 2 * self.h2h(h)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("ok", says="weights are taken 2 times")
class XAloneTwice(_Gates):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        i = i + (x @ self.x2h.weight.T).chunk(4, 1)[0]
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("raises", says="`super().__init__()`, which has to stand first")
class WithoutSuper(nn.Module):
    def __init__(self, i, h):
        self.x2h = nn.Linear(i, 4 * h)

    def forward(self, x, state):
        return state


@example("raises", says="Can't call numpy() on Tensor that requires grad")
class NumPyOnTensors(TwoLinears):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c


class _WantsAScale:
    def step(self, x, h, c, scale):
        return scale * h, c


@made("cannot_check", says="call=lambda net, x, h, c: net(x, h, c, scale)")
def a_method_that_wants_more():
    return _WantsAScale().step


@made("cannot_check", says="call=lambda net, x, h, c: net.step(x, h, c, scale)")
def an_object_whose_step_wants_more():
    return _WantsAScale()


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.tanh()

    @staticmethod
    def backward(ctx, slope):
        (z,) = ctx.saved_tensors
        return slope * (1 - z.tanh() ** 2)


class _WrongTanh(_Tanh):
    @staticmethod
    def backward(ctx, slope):
        (z,) = ctx.saved_tensors
        return slope * (1 - z.tanh())


class _WithATanhOfItsOwn(TwoLinears):
    tanh = _Tanh

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * self.tanh.apply(g)
        return o.sigmoid() * c.tanh(), c


@example("ok", says="Right.\nWith random weights")
class TanhOfItsOwn(_WithATanhOfItsOwn):
    pass


@example("ok", says="its gradients are not those of what it computes")
class TanhWithAWrongBackward(_WithATanhOfItsOwn):
    tanh = _WrongTanh


@example("ok", says="its gradients are not those of what it computes")
def h_detached_on_one_way(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, 1)
    c = f.sigmoid() * c + i.detach().sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@example("missing_bias", says="`bo` is left out")
class WithoutItsLastBias:
    def __init__(self, i, h):
        for gate in "ifgo":
            setattr(self, f"W{gate}", RANDOM.standard_normal((i + h, h)))
            setattr(self, f"b{gate}", np.zeros((1, h)))

    def forward(self, h, c, x):
        z = np.concatenate([h, x], axis=1)
        i, f, g = (z @ getattr(self, f"W{n}") + getattr(self, f"b{n}") for n in "ifg")
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(z @ self.Wo) * np.tanh(c), c


@example("ok", says="what your code does with `bo`, `Wy` and `by`; h is the same without")
class WithoutItsLastBiasBesideAHead(WithoutItsLastBias):
    def __init__(self, i, h):
        super().__init__(i, h)
        self.Wy, self.by = RANDOM.standard_normal((h, 3)), np.zeros((1, 3))

    def forward(self, h, c, x):
        h, c = super().forward(h, c, x)
        return h, c, h @ self.Wy + self.by


@example("unrecognised", says="h is made from g, not from c")
class ShowsG(TwoLinears):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        g = g.tanh()
        return o.sigmoid() * g.tanh(), f.sigmoid() * c + i.sigmoid() * g


@example("unrecognised", says="in the gates i, f and o, sigmoid is taken of 2 * z")
def half_of_one_plus_tanh(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, 1)
    i, f, o = (0.5 * (1 + z.tanh()) for z in (i, f, o))
    c = f * c + i * g.tanh()
    return o * c.tanh(), c


@example("unrecognised", says="in the gate f, `keep` adds one number to all units")
class OneNumberForTheForgetGate(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size, bias=False)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.keep = nn.Parameter(torch.ones(1))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        c = (f + self.keep).sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("ok")
class OneNumberBesideABias(TwoLinears):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.keep, self.idle = nn.Parameter(torch.ones(1)), nn.Parameter(torch.tensor(1.0))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        c = (f + self.keep).sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("unrecognised", says="the gates g and o share rows of weights")
class SlicesThatOverlap(TwoLinears):
    def forward(self, x, state):
        h, c = state
        z = self.x2h(x) + self.h2h(h)
        n = z.shape[1] // 4
        i, f, o, g = z[:, :n], z[:, n : 2 * n], z[:, 2 * n : 3 * n], z[:, 3 * n - 1 : -1]
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class HoldsArraysThatTorchCannotShare(TwoLinears):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.turned, self.long = np.arange(4.0)[::-1], np.ones(3, np.longdouble)


example("ok")(HoldsArraysThatTorchCannotShare)


@example("ok")
class LoadsItsWeights:
    """An object with a method of three arguments in front of its step, in NumPy."""

    def __init__(self, input_size=5, hidden_size=4):
        rng = np.random.default_rng(0)
        self.load_weights(
            rng.normal(size=(input_size, 4 * hidden_size)),
            rng.normal(size=(hidden_size, 4 * hidden_size)),
            rng.normal(size=4 * hidden_size),
        )

    def load_weights(self, kernel, recurrent_kernel, bias):
        self.kernel, self.recurrent, self.bias = kernel, recurrent_kernel, bias

    def forward(self, x, h, c):
        i, f, g, o = np.split(x @ self.kernel + h @ self.recurrent + self.bias, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        return np.tanh(c) / (1 + np.exp(-o)), c


def _state_turned(verdict, says, **changed):
    """As in TensorFlow: the state is (c, h), and comes back so."""
    lines = {"i": "z_i.sigmoid()", "f": "z_f.sigmoid()", "g": "z_g.tanh()", "o": "z_o.sigmoid()"}
    lines |= {"c": "f * c + i * g", "h": "o * c.tanh()"} | changed

    def forward(self, x, state):
        c, h = state
        z = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        known = dict(zip(("z_i", "z_f", "z_g", "z_o"), z, strict=True)) | {"c": c, "torch": torch}
        for name, line in lines.items():
            known[name] = eval(line, {}, known)
        return known["c"], known["h"]

    example(verdict, says=says)(type(f"Turned {changed}", (TwoLinears,), {"forward": forward}))


_state_turned("ok", "It has the state as (c, h)")
_state_turned("unrecognised", "in the gate f, tanh stands for sigmoid", f="z_f.tanh()")
_state_turned("unrecognised", "in the gate f, there is no sigmoid", f="z_f")
_state_turned("unrecognised", "in the gate o, tanh stands for sigmoid", o="z_o.tanh()")
_state_turned("unrecognised", "the candidate g has no tanh", g="z_g")
_state_turned("variant", "coupled gates", f="1 - i")
_state_turned("variant", "clipped c", c="(f * c + i * g).clip(-2, 2)")
_state_turned("variant", "no output gate", h="c.tanh()")
_state_turned("variant", "relu for tanh", g="z_g.relu()", h="o * c.relu()")
_state_turned("forget_used_for_input", "the gates i and f take the same", c="f * c + f * g")
_state_turned("variant", "exponential gates", f="z_f.exp()")


@example("unrecognised", says="x and h are multiplied by the same weights")
class AddsXAndHFirst(nn.Module):
    def __init__(self, size=5):
        super().__init__()
        self.input_size = self.hidden_size = size
        self.gates = nn.Linear(size, 4 * size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(x + h).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("ok")
class OfAHiddenSizeAlone(AddsXAndHFirst):
    def __init__(self, num_units, forget_bias=1.0):
        super().__init__(num_units)
        self.forget_bias = forget_bias
        self.gates = nn.Linear(2 * num_units, 4 * num_units)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = (f + self.forget_bias).sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("cannot_check", says="wants other arguments than its two sizes")
class OfTwoTables:
    def __init__(self, char_to_idx, idx_to_char, vocab_size, n_h=4):
        self.chars, self.w = [*char_to_idx], np.zeros((4 * n_h, n_h + vocab_size))

    def forward(self, x, h, c):
        return h, c


class _ItsStatesByName(TwoLinears):
    def forward(self, input, state, mem_state, scale):
        h, c = super().forward(input, (state, mem_state))
        return scale * h, c


@made("cannot_check", says="net(x, h, c, scale)")
def two_states_by_name():
    return _ItsStatesByName(5, 4)


@example(
    "ok", says="nn.LSTMCell's `state_dict` does not load into it: each gate has weights of its own."
)
class ALayerForEachGateOfEqualSizes(nn.Module):
    def __init__(self, input_size=4, hidden_size=4):
        super().__init__()
        self.f, self.i, self.g, self.o = (nn.Linear(8, 4) for _ in range(4))

    def forward(self, x, state):
        h, c = state
        z = torch.cat([x, h], 1)
        c = self.f(z).sigmoid() * c + self.i(z).sigmoid() * self.g(z).tanh()
        return self.o(z).sigmoid() * c.tanh(), c


def _adds_to_f(number):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        c = (f + number).sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    example("ok")(type(f"Adds {number} to f", (TwoLinears,), {"forward": forward}))


for _number in (-1, -0.5, 0.6931, 1, 1.0986, 2, 3, 10):
    _adds_to_f(_number)


@example("variant", says="coupled gates")
class CoupledWithANumberOfItsOwn(TwoLinears):
    def forward(self, x, state):
        h, c = state
        f, g, o, _ = (self.x2h(x) + self.h2h(h)).chunk(4, 1)
        f = (f + 2).sigmoid()
        c = f * c + (1 - f) * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("ok", says="weights are taken 0.5 times")
class HalfOfItsWeights(TwoLinears):
    def __init__(self, i, h):
        super().__init__(i, h)
        self.x2h.bias = self.h2h.bias = None
        self.b = nn.Parameter(torch.zeros(4 * h))

    def forward(self, x, state):
        h, c = state
        z = x @ self.x2h.weight.T / 2 + h @ self.h2h.weight.T / 2 + self.b
        i, f, g, o = z.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@example("ok")
class ScriptsItsCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = torch.jit.script(nn.LSTMCell(input_size, hidden_size))

    def forward(self, x, state):
        return self.cell(x, state)


class _MadeByATemplate(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self._init(input_size, hidden_size)


@example("cannot_check", says="'Missing' object has no attribute 'h2h'")
class Missing(_MadeByATemplate):
    def _init(self, i, h):
        self.x2h = nn.Linear(i, 4 * h)

    def forward(self, x, state):
        return self.h2h(state[0]), state[1]
