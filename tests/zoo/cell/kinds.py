"""Other cells that are no slips: each is named for what it is."""

from __future__ import annotations

import torch
from torch import nn

from lstm_teach import check_cell
from tests.zoo import examples_for
from tests.zoo.cell.right import example
from tests.zoo.cell.wrong import Fused

made = examples_for(check_cell, make=True)


def step(i, f, g, o, c):
    c = f * c + i * g
    return o * c.tanh(), c


class Another(Fused):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.peep = nn.Parameter(torch.zeros(3, hidden_size))
        self.norm = nn.LayerNorm(4 * hidden_size)
        self.norm_c = nn.LayerNorm(hidden_size)

    def sums(self, x, h):
        return (self.x2h(x) + self.h2h(h)).chunk(4, 1)


@example("variant", says="peepholes, diagonal")
class Peephole(Another):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.sums(x, h)
        i, f = (i + self.peep[1] * c).sigmoid(), (f + self.peep[0] * c).sigmoid()
        c = f * c + i * g.tanh()
        return (o + self.peep[2] * c).sigmoid() * c.tanh(), c


@example("variant", says="peepholes, diagonal")
class PeepholeInO(Another):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.sums(x, h)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return (o + self.peep[2] * c).sigmoid() * c.tanh(), c


@example("variant", says="one with norms")
class BatchNormed(nn.Module):
    """In evaluation mode its numbers could be an LSTM's."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)
        self.norm = nn.BatchNorm1d(4 * hidden_size)

    def forward(self, x, h, c):
        i, f, g, o = (self.norm(self.x2h(x)) + self.h2h(h)).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), c)


example("variant", says="one with norms")(torch.jit.script(BatchNormed(5, 4)))


@example("ok")
class NormsThatNobodyCalls(Another):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.sums(x, h)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), c)


@example("variant", says="peepholes, full")
class FullPeephole(Another):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.c2h = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h) + self.c2h(c)).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), c)


@example("variant", says="layer norm.")
class LayerNormed(Another):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.norm(self.x2h(x) + self.h2h(h)).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), c)


@example("variant", says="layer norm of c")
class LayerNormedC(Another):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        c = f * state[1] + i * g
        return o * self.norm_c(c).tanh(), c


@example("variant", says="one with norms")
class LayerNormedCReturned(Another):
    def forward(self, x, state):
        i, f, g, o = self.norm(self.x2h(x) + self.h2h(state[0])).chunk(4, 1)
        c = self.norm_c(f.sigmoid() * state[1] + i.sigmoid() * g.tanh())
        return o.sigmoid() * c.tanh(), c


class LayerNorm(nn.Module):
    """One of one's own."""

    def forward(self, z):
        return (z - z.mean(1, keepdim=True)) / (z.std(1, keepdim=True) + 1e-5)


@example("variant", says="one with norms")
class NormedByItsOwn(Another):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm, self.norm_c = LayerNorm(), LayerNorm()

    def forward(self, x, state):
        i, f, g, o = self.norm(self.x2h(x) + self.h2h(state[0])).chunk(4, 1)
        c = self.norm_c(f.sigmoid() * state[1] + i.sigmoid() * g.tanh())
        return o.sigmoid() * c.tanh(), c


@example("variant", says="h mixes the units of c")
class ALayerBehindH(Another):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.behind = nn.Linear(hidden_size, hidden_size)

    def forward(self, x, state):
        h, c = step(*self.gates(x, state[0]), state[1])
        return self.behind(h), c


@example("cannot_check", says="x of shape `[batch, input_size, height, width]`")
class Convolves(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.conv = nn.Conv2d(input_size + hidden_size, 4 * hidden_size, 3, padding=1)

    def forward(self, x, state):
        i, f, g, o = self.conv(torch.cat([x, state[0]], 1)).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])


@example("cannot_check", says="the axes of a convolution")
class ConvolvesOneSize(Convolves):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.peep = nn.Parameter(torch.zeros(hidden_size, 16, 16))

    def forward(self, x, state):
        i, f, g, o = self.conv(torch.cat([x, state[0]], 1)).chunk(4, 1)
        return step((i + self.peep * state[1]).sigmoid(), f.sigmoid(), g.tanh(), o, state[1])


@example("cannot_check", says="x of shape `[1, batch, input_size]`")
class WithAnAxisOfTime(Another):
    def forward(self, x, state):
        assert x.size(0) == 1, "x is [1, batch, features]"
        return step(*self.gates(x[0], state[0][0]), state[1][0])


@made("variant", says="an LSTM with a projection")
def projected():
    class Projected(nn.Module):
        def __init__(self, input_size, hidden_size, proj_size):
            super().__init__()
            self.input_size, self.hidden_size = input_size, hidden_size
            self.a = nn.Linear(input_size, 4 * hidden_size)
            self.b = nn.Linear(proj_size, 4 * hidden_size)
            self.project = nn.Linear(hidden_size, proj_size)

        def forward(self, x, state):
            i, f, g, o = (self.a(x) + self.b(state[0])).chunk(4, 1)
            h, c = step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])
            return self.project(h), c

    return Projected(5, 4, 2)


@example("variant", says="clipped gates")
class ClippedSums(Another):
    def forward(self, x, state):
        i, f, g, o = (z.clamp(-2.5, 2.5) for z in self.sums(x, state[0]))
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])


@example("variant", says="a GRU")
class GRUWithAPair(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gru = nn.GRUCell(input_size, hidden_size)

    def forward(self, x, state):
        h = self.gru(x, state[0])
        return h, h


@example("variant", says="a GRU")
class PassesCOn(GRUWithAPair):
    def forward(self, x, state):
        return self.gru(x, state[0]), state[1]


@example("variant", says="a plain RNN")
class RNNWithAPair(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNNCell(input_size, hidden_size)

    def forward(self, x, state):
        return self.rnn(x, state[0]), state[1]


@example("variant", says="x and h change each other")
class Mogrifier(Fused):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.q = nn.Linear(hidden_size, input_size)
        self.r = nn.Linear(input_size, hidden_size)

    def forward(self, x, state):
        h, c = state
        for _ in range(2):
            x = 2 * self.q(h).sigmoid() * x
            h = 2 * self.r(x).sigmoid() * h
        return step(*self.gates(x, h), c)


@example("variant", says="subtractive gates")
def subtractive(x, h, c, w_ih, w_hh, b_ih, b_hh):
    sums = nn.functional.linear(x, w_ih, b_ih) + nn.functional.linear(h, w_hh, b_hh)
    i, f, g, o = sums.sigmoid().chunk(4, 1)
    c = f * c + g - i
    return c.sigmoid() - o, c


@example("variant", says="x and h change each other")
class Multiplicative(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.mx = nn.Linear(input_size, hidden_size, bias=False)
        self.mh = nn.Linear(hidden_size, hidden_size, bias=False)
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        i, f, g, o = (self.x2h(x) + self.h2h(self.mx(x) * self.mh(state[0]))).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])


@example("variant", says="time-decayed c")
class Decays(Another):
    def forward(self, x, state):
        i, f, g, o = self.gates(x, state[0])
        return step(i, f, g, o, 0.9 * state[1])


@example("variant", says="zoneout")
class Zoneout(Another):
    def forward(self, x, state):
        h, c = step(*self.gates(x, state[0]), state[1])
        return 0.9 * h + 0.1 * state[0], 0.7 * c + 0.3 * state[1]


@example("variant", says="zoneout")
class ZoneoutOfH(Another):
    def forward(self, x, state):
        h, c = step(*self.gates(x, state[0]), state[1])
        return 0.8 * h + 0.2 * state[0], c


@example("variant", says="no output gate")
class NoOutputGate(Another):
    def forward(self, x, state):
        i, f, g, _ = self.gates(x, state[0])
        c = f * state[1] + i * g
        return c.tanh(), c


@example("variant", says="`1 - f` stands for i")
class CoupledTheOtherWay(Another):
    def forward(self, x, state):
        _, f, g, o = self.gates(x, state[0])
        return step(1 - f, f, g, o, state[1])


@example("variant", says="relu for tanh")
class Relu(Another):
    def forward(self, x, state):
        i, f, g, o = self.sums(x, state[0])
        c = f.sigmoid() * state[1] + i.sigmoid() * g.relu()
        return o.sigmoid() * c.relu(), c


@example("variant", says="factorised weights")
class LowRank(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.narrow = nn.Linear(hidden_size, 2, bias=False)
        self.wide = nn.Linear(2, 4 * hidden_size, bias=False)

    def forward(self, x, state):
        i, f, g, o = (self.x2h(x) + self.wide(self.narrow(state[0]))).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])


def clips_at(limit, verdict="variant", says="clipped c"):
    @example(verdict, says=says)
    class Clips(Fused):
        def forward(self, x, state):
            i, f, g, o = self.gates(x, state[0])
            c = (f * state[1] + i * g).clamp(-limit, limit)
            return o * c.tanh(), c

    @example(verdict, says=says)
    def clips(x, h, c, w_ih, w_hh, b_ih, b_hh):
        i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, 1)
        c = (f.sigmoid() * c + i.sigmoid() * g.tanh()).clamp(-limit, limit)
        return o.sigmoid() * c.tanh(), c


for limit in (0.5, 1, 3, 10, 50):
    clips_at(limit)
clips_at(1e4, "ok", "")  # a guard against overflow changes nothing


@made("variant", says="a GRU")
def gru_itself():
    return nn.GRUCell(3, 4)


@example("unrecognised", says="one number for all units")
class OneColumnForF(Fused):
    def forward(self, x, state):
        z = self.x2h(x) + self.h2h(state[0])
        n = state[0].shape[1]
        i, f, g, o = z[:, :n], z[:, n : n + 1], z[:, 2 * n : 3 * n], z[:, 3 * n :]
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])


@example("unrecognised", says="does not see all units of h")
class AUnitOfHNobodyReads(Fused):
    def forward(self, x, state):
        h, c = state
        h = torch.cat([h[:, :-1], 0 * h[:, -1:]], 1)
        return step(*self.gates(x, h), c)


@example("unrecognised", says="only the mean")
class OnlyTheMeanOfH(Fused):
    def forward(self, x, state):
        h, c = state
        return step(*self.gates(x, h.mean(1, keepdim=True).expand_as(h)), c)


@example("unrecognised", says="does not see all")
class EachUnitSeesItsOwnH(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.own = nn.Parameter(torch.ones(4, hidden_size))

    def forward(self, x, state):
        own = (self.own * state[0][:, None]).flatten(1)
        i, f, g, o = (self.x2h(x) + own).chunk(4, 1)
        return step(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[1])
