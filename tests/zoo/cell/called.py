"""More right cells: other ways to be called, and to hand over what they return."""

from __future__ import annotations

import torch
from torch import nn

from lstm_teach import check_cell
from tests.zoo import examples_for
from tests.zoo.cell.right import TwoLinears, chunked, example, module, right

made = examples_for(check_cell, make=True)


@module
class InsistsThatHIsBounded(TwoLinears):
    """h is o * tanh(c), so it never leaves (-1, 1)."""

    def forward(self, x, hidden):
        assert hidden[0].abs().max() <= 1
        return super().forward(x, hidden)


@module
class TakesAStar(TwoLinears):
    def forward(self, x, *hc):
        h, c = hc
        return super().forward(x, (h, c))


@module
class PassesAStarOn(TwoLinears):
    def forward(self, x, *args, **kwargs):
        return super().forward(x, *args, **kwargs)


@module
class TakesXLast(TwoLinears):
    def forward(self, h, c, x):
        return super().forward(x, (h, c))


@module
class TakesTheStateFirst(TwoLinears):
    def forward(self, state, x):
        return super().forward(x, state)


@module
class TakesCBeforeHByLongNames(TwoLinears):
    def forward(self, inputs, c_prev, h_prev, gates=None):
        return super().forward(inputs, (h_prev, c_prev))


@module
class TakesAContextBesideHx(TwoLinears):
    def forward(self, x, hx=None, context=None):
        return super().forward(x, hx)


@module
class TakesNamesOnly(TwoLinears):
    def forward(self, *, x, state):
        return super().forward(x, state)


@right
def weights_first(w_ih, w_hh, b_ih, b_hh, x, h, c):
    return chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)


@right
def c_before_h(x, c, h, w_ih, w_hh, b_ih, b_hh, eps=0.0):
    return chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)


@right
def a_pair_called_h(x, h, W, U, b, d):
    return chunked(x, *h, W, U, b, d)


@right
def a_star_of_weights(x, h, c, *weights):
    return chunked(x, h, c, *weights)


@right
def whatever_by_name(**given):
    return chunked(**given)


@right
def by_position_only(x, c, h, W, U, b, d, /):
    return chunked(x, h, c, W, U, b, d)


@right
def an_output_beside_the_state(x, h, c, w_ih, w_hh, b_ih, b_hh):
    h, c = chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return h, (h, c)


@right
def in_float32_with_a_tanh_that_overflows(x, h, c, *weights):
    def tanh(z):
        return (torch.exp(2 * z) - 1) / (torch.exp(2 * z) + 1)

    x, h, c, w_ih, w_hh, b_ih, b_hh = (t.float() for t in (x, h, c, *weights))
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * tanh(g)
    return o.sigmoid() * tanh(c), c


@module
class AnOutputBesideTheState(TwoLinears):
    def forward(self, x, hidden):
        h, c = super().forward(x, hidden)
        return h, (h.clone(), c)


@module
class CallsItsXH(TwoLinears):
    """The h of a layer is the x of the next."""

    def forward(self, h, hx, cx):
        return super().forward(h, (hx, cx))


@module
class OneTensorOfStateBesideAnOutput(TwoLinears):
    def forward(self, x, state):
        h, c = super().forward(x, state.chunk(2, 1))
        return h, torch.cat([h, c], 1)


@example("cannot_check", says="Give the check an instance")
class WantsItsOptions(TwoLinears):
    def __init__(self, options, input_size):
        super().__init__(input_size, options.hidden_size)


class OneUnit:
    """Weights that are numbers, as where a book computes one unit by hand."""

    def __init__(self):
        self.w = [torch.tensor(0.1 * k) for k in range(12)]

    def step(self, x, h, c):
        w = self.w
        i, f, g, o = (x * w[k] + h * w[k + 4] + w[k + 8] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


made("cannot_check", says="input_size=")(OneUnit)


@made("ok", call=lambda net, x, h, c: net(x, (h, c)), says="its state_dict fits")
class WithAHeadThatIsNotCalled(nn.LSTMCell):
    def __init__(self):
        super().__init__(5, 4)
        self.head = nn.Linear(4, 2)


@made("ok", call=lambda net, x, h, c: net.update(x, (h, c)))
def without_a_forward():
    class Updates(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = TwoLinears(5, 4)

        def update(self, x, state, extra=None, more=None):
            return self.cell(x, state)

    return Updates()


def gates_of(x, h, c, *weights):
    """All that a step makes."""
    w_ih, w_hh, b_ih, b_hh = weights
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, 1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    return i, f, g, o, c, o * c.tanh()


@right
def gates_before_c_and_h(x, h, c, w_ih, w_hh, b_ih, b_hh):
    return gates_of(x, h, c, w_ih, w_hh, b_ih, b_hh)


@right
def o_between_h_and_c(x, h, c, w_ih, w_hh, b_ih, b_hh):
    *_, o, c, h = gates_of(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return h, o, c


@right
def a_cache_first(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, _, _, c, h = gates_of(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return {"i": i, "f": f}, h, c


@example("stale_c")
def h_from_the_old_c_before_an_o(x, h, c, w_ih, w_hh, b_ih, b_hh):
    _, _, _, o, new, _ = gates_of(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return o * c.tanh(), new, o


@example("cannot_check", says="which of what comes back are h and c")
def gates_before_a_wrong_c(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o, new, _ = gates_of(x, h, c, w_ih, w_hh, b_ih, b_hh)
    c = new + 0.3 * g.sin()
    return i, f, o, c, o * c.tanh()


@right
def weights_between(prev_h, W_hh, x, W_xh, b, prev_c):
    return chunked(x, prev_h, prev_c, W_xh, W_hh, b, 0 * b)


@right
def an_option_behind_the_weights(x, hc_prev, Wx, Wh, b, mask=None):
    h, c = chunked(x, *hc_prev, Wx, Wh, b, 0 * b)
    return (h, c) if mask is None else (h * mask, c * mask)


@example("cannot_check", says="call=")
def four_weights_in_a_list(x, h, c, Wx, Wh, b):
    i, f, g, o = (x @ Wx[k] + h @ Wh[k] + b[k] for k in range(4))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@made("ok")
def weights_within_a_comprehension():
    w, b = torch.randn(4, 9, 4), torch.randn(4, 4)

    def step(x, h, c):
        i, f, g, o = (torch.cat([x, h], 1) @ w[k] + b[k] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    return step


@made("ok")
def counts_words_in_its_input_size():
    cell = TwoLinears(4, 6)
    cell.input_size, cell.hidden_size, cell.embedding_size = 30, 6, 4
    return cell


class TakesThreeSizes(TwoLinears):
    def __init__(self, i, h, o):
        super().__init__(i, h)
        self.y = nn.Linear(h, o)

    def forward(self, x, hidden):
        h, c = super().forward(x, hidden)
        return h, c, self.y(h)


module(TakesThreeSizes)


class _CFirst(TwoLinears):
    def forward(self, x, prev_c, prev_h):
        i, f, g, o = (self.x2h(x) + self.h2h(prev_h)).chunk(4, 1)
        c = self.kept(i.sigmoid(), f.sigmoid(), prev_c, prev_h) + i.sigmoid() * g.tanh()
        return c, o.sigmoid() * c.tanh()


@example("c_lost", says="It takes c before h")
class KeepsTheOldHAndHasCFirst(_CFirst):
    def kept(self, i, f, c, h):
        return f * h


@example("variant", says="coupled gates")
class CouplesItsGatesAndHasCFirst(_CFirst):
    def kept(self, i, f, c, h):
        return (1 - i) * c


@example("ok", says="In training it gives other numbers")
class DropsH(TwoLinears):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, hidden):
        h, c = super().forward(x, hidden)
        return self.dropout(h), c


@example("variant", says="peepholes, diagonal")
class PeepholesInOneStateOfCAndH(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.z = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.p = nn.Parameter(torch.randn(3, hidden_size))

    def forward(self, x, state):
        c, h = state.chunk(2, 1)
        i, f, g, o = self.z(torch.cat([x, h], 1)).chunk(4, 1)
        c_1 = (f + self.p[0] * c).sigmoid() * c + (i + self.p[1] * c).sigmoid() * g.tanh()
        h_1 = (o + self.p[2] * c_1).sigmoid() * c_1.tanh()
        return torch.cat([c_1, h_1], 1)
