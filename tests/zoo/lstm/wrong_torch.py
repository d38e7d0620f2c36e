"""Wrong whole LSTMs in torch: one mistake each, in code that would be right without it."""

import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


class _Base(nn.Module):
    """A right one, batch first; each example below has one method of it wrong."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.x2g = nn.Linear(input_size, 4 * hidden_size)
        self.h2g = nn.Linear(hidden_size, 4 * hidden_size)

    def start(self, x):
        zeros = torch.zeros(x.size(0), self.hidden_size)
        return zeros, zeros

    def step(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("missing_tanh_c")
class NoTanhOnC(_Base):
    def step(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * c, c


@example("sigmoid_instead_of_tanh")
class SigmoidCandidate(_Base):
    def step(self, x, h, c):
        i, f, g, o = torch.sigmoid(self.x2g(x) + self.h2g(h)).chunk(4, 1)
        c = f * c + i * g
        return o * torch.tanh(c), c


@example("stale_c")
class HFromTheOldC(nn.Module):
    """No state can be given."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.lin = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], self.hidden_size)
        out = []
        for t in range(x.shape[1]):
            i, f, g, o = self.lin(torch.cat([x[:, t], h], 1)).chunk(4, 1)
            h = torch.sigmoid(o) * torch.tanh(c)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            out.append(h)
        return torch.stack(out, 1)


@example("forget_used_for_input")
class ForgetForInput(_Base):
    def step(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, 1)
        i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
        c = f * c + f * torch.tanh(g)
        return o * torch.tanh(c), c


@example("c_instead_of_h")
class CInOutput(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(c)
        return torch.stack(out, 1), (h, c)


@example("state_not_carried")
class ZerosInTheLoop(_Base):
    def forward(self, x):
        out = []
        for t in range(x.size(1)):
            h, c = self.start(x)
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("output_reversed")
class InsertsInFront(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.insert(0, h)
        return torch.stack(out, 1), (h, c)


@example("initial_state_ignored")
class OverwritesTheState(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x)
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("initial_state_ignored")
class IgnoresC(_Base):
    def forward(self, x, h0=None, c0=None):
        h, c = self.start(x)
        if h0 is not None:
            h = h0
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), h, c


@instance("state_kept")
def keeps_its_state():
    class Stateful(_Base):
        def __init__(self):
            super().__init__(4, 6)
            self.state = None

        def forward(self, x):
            h, c = self.state or self.start(x)
            out = []
            for t in range(x.size(1)):
                h, c = self.step(x[:, t], h, c)
                out.append(h)
            self.state = h.detach(), c.detach()
            return torch.stack(out, 1)

    return Stateful()


@example("random_initial_state")
class RandomStart(_Base):
    def start(self, x):
        return torch.randn(x.size(0), self.hidden_size), torch.zeros(x.size(0), self.hidden_size)


@example("steps_dropped")
class ForgetsTheLastStep(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = torch.zeros(x.size(0), x.size(1), self.hidden_size)
        for t in range(x.size(1) - 1):
            h, c = self.step(x[:, t], h, c)
            out[:, t] = h
        return out, (h, c)


@example("output_one_step_late")
class AppendsBefore(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            out.append(h)
            h, c = self.step(x[:, t], h, c)
        return torch.stack(out, 1), (h, c)


@example("swapped_return")
class ReturnsCFirst(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1), (c, h)


@example("wrong_step_state")
class ReturnsTheStepBefore(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        hs, cs = [], []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            hs.append(h)
            cs.append(c)
        return torch.stack(hs, 1), (hs[-2], cs[-2])


@example("backward_not_flipped_back")
class BiNotFlippedBack(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.fwd = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.bwd = nn.LSTM(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        a, _ = self.fwd(x)
        b, _ = self.bwd(x.flip(1))
        return torch.cat([a, b], -1)


@example("backward_not_reversed")
class BiBothForward(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.fwd = nn.LSTM(input_size, hidden_size)
        self.bwd = nn.LSTM(input_size, hidden_size)

    def forward(self, x):
        a, (h1, c1) = self.fwd(x)
        b, (h2, c2) = self.bwd(x)
        return torch.cat([a, b], -1), (torch.cat([h1, h2]), torch.cat([c1, c2]))


class _Stack(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cells = nn.ModuleList(
            nn.LSTMCell(input_size if k == 0 else hidden_size, hidden_size)
            for k in range(num_layers)
        )

    def zeros(self, x):
        zero = x.new_zeros(x.size(1), self.hidden_size)
        return [zero] * self.num_layers, [zero] * self.num_layers


@example("c_instead_of_h")
class CGoesUp(_Stack):
    def forward(self, x):
        h, c = self.zeros(x)
        out = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt, (h[k], c[k]))
                xt = c[k]
            out.append(h[-1])
        return torch.stack(out), (torch.stack(h), torch.stack(c))


@example("stale_lower_state")
class StaleBelow(_Stack):
    def forward(self, x):
        h, c = self.zeros(x)
        out = []
        for xt in x:
            old = list(h)
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt if k == 0 else old[k - 1], (h[k], c[k]))
            out.append(h[-1])
        return torch.stack(out), (torch.stack(h), torch.stack(c))


@example("state_shared_across_layers")
class OneStateForAll(_Stack):
    def forward(self, x):
        h = c = x.new_zeros(x.size(1), self.hidden_size)
        out = []
        for xt in x:
            for cell in self.cells:
                h, c = cell(xt, (h, c))
                xt = h
            out.append(h)
        return torch.stack(out), (h, c)


@example("output_of_first_layer")
class OutputOfTheFirst(_Stack):
    def forward(self, x):
        h, c = self.zeros(x)
        out = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt, (h[k], c[k]))
                xt = h[k]
            out.append(h[0])
        return torch.stack(out), (torch.stack(h), torch.stack(c))


@instance("same_cell_reused")
def the_same_cell_twice():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden_size = 5
            self.input_size = 5
            self.num_layers = 2
            self.layers = nn.ModuleList([nn.LSTMCell(5, 5), nn.LSTMCell(5, 5)])

        def forward(self, x):
            h = [x.new_zeros(x.size(1), 5)] * 2
            c = [x.new_zeros(x.size(1), 5)] * 2
            out = []
            for xt in x:
                for k in range(2):
                    h[k], c[k] = self.layers[0](xt, (h[k], c[k]))
                    xt = h[k]
                out.append(xt)
            return torch.stack(out)

    return Reused()


@example("gradient_cut")
class DetachesEveryStep(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h.detach(), c.detach())
            out.append(h)
        return torch.stack(out, 1), (h, c)


@example("squeeze_batch_of_one")
class Squeezes(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h.squeeze())
        return torch.stack(out, 1), (h, c)


@example("samples_mixed")
class ViewsForTranspose(_Base):
    def forward(self, x, state=None):
        h, c = self.start(x) if state is None else state
        out = []
        for t in range(x.size(1)):
            h, c = self.step(x[:, t], h, c)
            out.append(h)
        return torch.stack(out).view(x.size(0), x.size(1), -1), (h, c)


@example("raises")
class ForgotTheTranspose(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.w = nn.Parameter(torch.randn(4 * hidden_size, input_size))
        self.u = nn.Parameter(torch.randn(4 * hidden_size, hidden_size))

    def forward(self, x):
        h = c = torch.zeros(x.shape[1], self.hidden_size)
        out = []
        for xt in x:
            i, f, g, o = (xt @ self.w + h @ self.u).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out)


@example("not_attempted")
class Stub(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()

    def forward(self, x): ...


@example("variant")
class AGru(nn.GRU):
    pass


@example("variant", says="coupled")
class Coupled(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.lin = nn.Linear(input_size + hidden_size, 3 * hidden_size)

    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(x.size(1), self.hidden_size),) * 2
        out = []
        for xt in x:
            f, g, o = self.lin(torch.cat([xt, h], 1)).chunk(3, 1)
            f = f.sigmoid()
            c = f * c + (1 - f) * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out), (h, c)


@example("unrecognised", says="c starts from 1, not from zeros")
class StartsFromOnes(_Base):
    def start(self, x):
        ones = torch.ones(x.size(0), self.hidden_size)
        return ones, ones


@example("sigmoid_instead_of_tanh")
class SigmoidCandidateWithoutAState(_Base):
    def forward(self, x):
        return super().forward(x)

    step = SigmoidCandidate.step


class _LearnsItsStart(_Base):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.x2c = nn.Linear(input_size, hidden_size)

    def start(self, x):
        c = torch.sigmoid(self.x2c(x[:, 0]))
        return 0 * c, c


@example("cannot_check")
class StartsFromWhatItLearns(_LearnsItsStart):
    def forward(self, x):
        return super().forward(x)
