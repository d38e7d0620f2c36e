"""What whole LSTMs make of a state that they are given, and which states they hand back."""

# ruff: noqa: NPY002 (as people write)

import numpy as np
import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)


class _Layers(nn.Module):
    """A right one, of any number of layers, one way or both; each below has one method wrong."""

    both = False

    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        self.hidden_size, self.ways = hidden_size, 1 + self.both
        sizes = [input_size, *[self.ways * hidden_size] * (num_layers - 1)]
        self.lanes = nn.ModuleList(
            nn.Linear(size + hidden_size, 4 * hidden_size)
            for size in sizes
            for _ in range(self.ways)
        )

    def start(self, h, c):
        return h, c

    def end(self, h, c):
        return torch.stack(h), torch.stack(c)

    def join(self, lanes):
        return torch.cat(lanes, -1)

    def forward(self, x, state=None):
        if state is None:
            state = (x.new_zeros(len(self.lanes), x.shape[1], self.hidden_size),) * 2
        h, c = ([*part] for part in self.start(*state))
        for k in range(0, len(self.lanes), self.ways):
            outs = []
            for lane in range(k, k + self.ways):
                steps = []
                for xt in x.flip(0) if lane % self.ways else x:
                    gates = self.lanes[lane](torch.cat([xt, h[lane]], 1))
                    i, f, g, o = gates.chunk(4, 1)
                    c[lane] = f.sigmoid() * c[lane] + i.sigmoid() * g.tanh()
                    h[lane] = o.sigmoid() * c[lane].tanh()
                    steps.append(h[lane])
                outs.append(torch.stack(steps[::-1] if lane % self.ways else steps))
            x = self.join(outs)
        return x, self.end(h, c)


class _BothWays(_Layers):
    both = True


example("ok")(type("LayersWithAState", (_Layers,), {}))
example("ok")(type("BothWaysWithAState", (_BothWays,), {}))


@example("initial_state_misread", says="c starts from h_0, too")
class HForBoth(_Layers):
    def start(self, h, c):
        return h, h


@example("initial_state_misread", says="h starts from c_0, too")
class CForBoth(_Layers):
    def start(self, h, c):
        return c, c


@example("initial_state_misread", says="every layer starts from the state of layer 0")
class TheFirstForAll(_Layers):
    def start(self, h, c):
        return [h[0]] * len(h), [c[0]] * len(c)


@example("initial_state_misread", says="every layer starts from h_0 of layer 0")
class TheFirstHForAll(_Layers):
    def start(self, h, c):
        return [h[0]] * len(h), c


@example("initial_state_misread", says="every layer starts from c_0 of layer 0")
class TheFirstCForAll(_Layers):
    def start(self, h, c):
        return h, [c[0]] * len(c)


@example("initial_state_misread", says="the layers take their states in another order")
class FromTheTop(_Layers):
    def start(self, h, c):
        return h.flip(0), c.flip(0)


@example("initial_state_misread", says="the upper layers start from zeros")
class OnlyTheLowest(_Layers):
    def start(self, h, c):
        return [h[0], *0 * h[1:]], [c[0], *0 * c[1:]]


@example("initial_state_misread", says="both directions start from the state of the forward one")
class TheForwardOneForBoth(_BothWays):
    def start(self, h, c):
        return h[::2].repeat_interleave(2, 0), c[::2].repeat_interleave(2, 0)


@example("initial_state_misread", says="all forward layers take their states first")
class ForwardLayersFirst(_BothWays):
    def start(self, h, c):
        return h[[0, 2, 1, 3]], c[[0, 2, 1, 3]]


@example("ok", says="what it makes of a state that is not zeros")
class HalvesWhatItIsGiven(_Layers):
    def start(self, h, c):
        return h / 2, c


@example("wrong_layer_state", says="the h that you return has all forward layers first")
class HandsBackForwardLayersFirst(_BothWays):
    def end(self, h, c):
        return torch.stack(h[::2] + h[1::2]), torch.stack(c[::2] + c[1::2])


@example("ok", says="`[batch, layers, hidden_size]`, and it takes them as")
class HandsBackTheBatchFirst(_Layers):
    def end(self, h, c):
        return torch.stack(h, 1), torch.stack(c, 1)


@example("wrong_layer_state", says="the h that you return is that of layer 0, for every layer")
class HandsBackTheLowestH(_Layers):
    def end(self, h, c):
        return torch.stack([h[0]] * len(h)), torch.stack(c)


@example("view_scramble", says="the h that you return mixes layers and samples")
class HandsBackAView(_Layers):
    def end(self, h, c):
        return torch.stack(h, 1).view(len(h), -1, self.hidden_size), torch.stack(c)


@example("ok", says="It has the state as (c, h)")
class CAndHSideBySide(_Layers):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, 1)

    def start(self, h, c):
        return c, h

    def end(self, h, c):
        return torch.cat([c[0], h[0]], 1)


@example("same_cell_reused", says="both halves of the output are the same")
class ForwardTwice(_BothWays):
    def join(self, lanes):
        return torch.cat([lanes[0], lanes[0]], -1)


@example("variant", says="the backward direction stands first in the output")
class BackwardFirst(_BothWays):
    def join(self, lanes):
        return torch.cat(lanes[::-1], -1)


@example("wrong_step_state", says="the h that you return is not that after the last step")
class SideBySideAndBackwardTwice(_BothWays):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, 1)

    def end(self, h, c):
        return torch.cat([h[1], h[1]], 1), torch.cat(c, 1)


@example("ok", says="what comes back beside the output, where it is neither")
class HandsBackItsGates(_Layers):
    def end(self, h, c):
        return torch.stack(h), torch.stack(c), torch.stack(h) * torch.stack(c)


@example("unrecognised", says="`params.bi1`")
class TheLowestInTheOutput:
    def __init__(self, input_dim, hidden_dim, n_layers=2):
        self.hidden_dim, self.n_layers, self.params = hidden_dim, n_layers, {}
        for k in range(n_layers):
            size = hidden_dim if k else input_dim
            for gate in "ifgo":
                self.params[f"W{gate}{k}"] = np.random.randn(size + hidden_dim, hidden_dim)
                self.params[f"b{gate}{k}"] = np.zeros((1, hidden_dim))

    def forward(self, x):
        zeros = np.zeros((x.shape[0], self.hidden_dim))
        h, c, out = [zeros] * self.n_layers, [zeros] * self.n_layers, []
        for t in range(x.shape[1]):
            below = x[:, t]
            for k in range(self.n_layers):
                z = np.hstack([below, h[k]])
                i, f, g, o = (z @ self.params[f"W{n}{k}"] + self.params[f"b{n}{k}"] for n in "ifgo")
                c[k] = c[k] / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
                h[k] = below = np.tanh(c[k]) / (1 + np.exp(-o))
            out.append(h[0])
        return np.stack(out, 1), h, c
