"""More right cells with parameters of their own, in the less usual ways."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.cell.right import module


def update(i, f, g, o, c):
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@module
class NeverInitialised(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size).fill_(torch.nan))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size).fill_(torch.nan))
        self.bias_ih = nn.Parameter(torch.empty(4 * hidden_size).fill_(torch.nan))
        self.bias_hh = nn.Parameter(torch.empty(4 * hidden_size).fill_(torch.nan))

    def forward(self, x, state):
        h, c = state
        z = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = z.chunk(4, 1)
        return update(i, f, g, o, c)


@module
class SameNamesOtherOrder(NeverInitialised):
    def forward(self, x, state):
        h, c = state
        z = F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        i, f, o, g = z.chunk(4, 1)
        return update(i, f, g, o, c)


@module
class InADictionary(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.w = nn.ParameterDict()
        for gate in "figo":
            self.w["x" + gate] = nn.Parameter(torch.zeros(n_in, n_hidden))
            self.w["h" + gate] = nn.Parameter(torch.zeros(n_hidden, n_hidden))
            self.w["b" + gate] = nn.Parameter(torch.zeros(1, n_hidden))

    def forward(self, x, state):
        h, c = state
        z = {g: x @ self.w["x" + g] + h @ self.w["h" + g] + self.w["b" + g] for g in "figo"}
        return update(z["i"], z["f"], z["g"], z["o"], c)


@module
class InAModuleDict(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.ModuleDict(
            {k: nn.Linear(hidden_size + input_size, hidden_size) for k in ("f", "i", "c", "o")}
        )

    def forward(self, x, hc):
        v = torch.cat((hc[0], x), 1)
        z = {k: lin(v) for k, lin in self.gates.items()}
        return update(z["i"], z["f"], z["c"], z["o"], hc[1])


@module
class OneTensorPerKind(nn.Module):
    """Gates along a leading axis, no bias."""

    def __init__(self, d_in, d_hidden):
        super().__init__()
        self.W = nn.Parameter(torch.rand(4, d_in, d_hidden))
        self.R = nn.Parameter(torch.rand(4, d_hidden, d_hidden))

    def forward(self, x, state):
        h, c = state
        z = torch.einsum("bi,gij->gbj", x, self.W) + torch.einsum("bi,gij->gbj", h, self.R)
        f, o, g, i = z
        return update(i, f, g, o, c)


@module
class Interleaved(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lin = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        z = self.lin(torch.cat((x, h), 1)).view(x.shape[0], -1, 4)
        return update(z[..., 0], z[..., 1], z[..., 2], z[..., 3], c)


@module
class LazyLinears(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.ih = nn.LazyLinear(4 * hidden_size)
        self.hh = nn.LazyLinear(4 * hidden_size, bias=False)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.ih(x) + self.hh(h)).chunk(4, dim=-1)
        return update(i, f, g, o, c)


@module
class MadeOnFirstUse(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.net = None

    def forward(self, x, state):
        if self.net is None:
            self.net = nn.Linear(self.input_size + self.hidden_size, 4 * self.hidden_size)
        h, c = state
        i, f, g, o = self.net(torch.cat((x, h), 1)).chunk(4, dim=-1)
        return update(i, f, g, o, c)


@module
class WithDropoutAndBuffers(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, x, state):
        self.steps += 1
        h, c = self.cell(self.drop(x), state)
        return self.drop(h), c


@module
class CellItself(nn.LSTMCell):
    pass


@module
class SubclassWithItsOwnForward(nn.LSTMCell):
    def forward(self, input, hx=None):
        h, c = hx
        z = input @ self.weight_ih.T + h @ self.weight_hh.T + self.bias_ih + self.bias_hh
        i, f, g, o = z.split(self.hidden_size, dim=1)
        return update(i, f, g, o, c)


@module
class KeywordOnly(nn.Module):
    def __init__(self, *, input_size, hidden_size, device=None, dtype=None):
        super().__init__()
        self.a = nn.Linear(input_size, 4 * hidden_size, device=device, dtype=dtype)
        self.b = nn.Linear(hidden_size, 4 * hidden_size, device=device, dtype=dtype)

    def forward(self, x, hx):
        i, f, g, o = (self.a(x) + self.b(hx[0])).chunk(4, -1)
        return update(i, f, g, o, hx[1])


@module
class HiddenSizeFirst(nn.Module):
    def __init__(self, hidden_size, input_size):
        super().__init__()
        self.a = nn.Linear(input_size, 4 * hidden_size)
        self.b = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, hx):
        i, f, g, o = (self.a(x) + self.b(hx[0])).chunk(4, -1)
        return update(i, f, g, o, hx[1])


@module
class WeightNormed(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        norm = torch.nn.utils.parametrizations.weight_norm
        self.a = norm(nn.Linear(input_size, 4 * hidden_size))
        self.b = norm(nn.Linear(hidden_size, 4 * hidden_size))

    def forward(self, x, hx):
        i, f, g, o = (self.a(x) + self.b(hx[0])).chunk(4, -1)
        return update(i, f, g, o, hx[1])


@module
class NotParameters(nn.Module):
    """Weights in a plain list, which no optimiser would find."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.input_size = input_size
        self.w = [torch.randn(4 * hidden_size, n) for n in (input_size, hidden_size)]

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.w[0].T + h @ self.w[1].T).chunk(4, -1)
        return update(i, f, g, o, c)


@module
class CannotBeCopied(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.w = nn.Parameter(torch.randn(4 * hidden_size, input_size + hidden_size))
        self.parts = self.w[:, :input_size], self.w[:, input_size:]

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.parts[0].T + h @ self.parts[1].T).chunk(4, -1)
        return update(i, f, g, o, c)


@module
class Float32Only(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.lin = nn.Linear(input_size + hidden_size, 4 * hidden_size, dtype=torch.float32)

    def forward(self, x, state):
        h, c = state
        v = torch.cat((x.float(), h.float()), 1)
        i, f, g, o = F.linear(v, self.lin.weight.float(), self.lin.bias.float()).chunk(4, 1)
        return update(i, f, g, o, c.float())


@module
class AnUnusedReadout(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = TwoBiases(input_size, hidden_size)
        self.fc = nn.Linear(hidden_size, hidden_size)
        self.h0 = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x, state):
        return self.cell(x, *state)


@module
class TwoBiases(nn.Module):
    """Takes h and c apart, which nn.LSTMCell does not."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.wx = nn.Parameter(torch.zeros(input_size, 4 * hidden_size))
        self.wh = nn.Parameter(torch.zeros(hidden_size, 4 * hidden_size))
        self.bx = nn.Parameter(torch.zeros(4 * hidden_size))
        self.bh = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.addmm(self.bx, x, self.wx) + torch.addmm(self.bh, h, self.wh)
        f, i, o, g = z.chunk(4, 1)
        return update(i, f, g, o, c)


@module
class CalledByItself(nn.Module):
    """`__call__` in place of `forward`."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size, bias=False)

    def __call__(self, x, h, c):
        return update(*(self.x2h(x) + self.h2h(h)).chunk(4, 1), c)


@module
class WithAnAxisOfLayers(nn.Module):
    """A step of nn.LSTM, as in a decoder."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)

    def forward(self, x, hidden):
        output, hidden = self.lstm(x.unsqueeze(0), hidden)
        return output.squeeze(0), hidden
