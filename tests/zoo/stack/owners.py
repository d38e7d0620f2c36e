"""Modules that own their cells, and stacks of another kind."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import dropout

from lstm_teach import check_stack
from tests.zoo import examples_for

function = examples_for(check_stack)
module = examples_for(check_stack, make=True)


def through(cells, x, up=0):
    """A right loop over time, but for what goes up."""
    states = [(x.new_zeros(x.shape[1], cell.hidden_size),) * 2 for cell in cells]
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][up]
        steps.append(xt)
    return torch.stack(steps), states


class Own(nn.Module):
    """A cell in another's hand: x, h and c go in one by one."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.both = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, h, c):
        i, f, g, o = self.both(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class CFirst(Own):
    def forward(self, x, c, h):
        h, c = super().forward(x, h, c)
        return c, h


class Paired(Own):
    def forward(self, x, state):
        return super().forward(x, *state)


class Layers(nn.Module):
    kind = nn.LSTMCell

    def __init__(self, sizes=(5, 4, 3)):
        super().__init__()
        self.cells = nn.ModuleList(self.kind(*pair) for pair in pairwise(sizes))


@module("ok")
class TimeFirst(Layers):
    def forward(self, x):
        return through(self.cells, x)


@module("ok", says="`[batch, seq_len, input_size]`")
class BatchFirst(Layers):
    def forward(self, x):
        output, states = through(self.cells, x.transpose(0, 1))
        return output.transpose(0, 1), states


@module("ok", says="Dropout was left out")
class LayerByLayerWithDropout(Layers):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        for cell in self.cells:
            h = c = x.new_zeros(len(x), cell.hidden_size)
            steps = []
            for t in range(x.shape[1]):
                h, c = cell(x[:, t], (h, c))
                steps.append(h)
            x = self.drop(torch.stack(steps, dim=1))
        return x, (h, c)


@module("ok", says="the output is returned alone")
class OutputAlone(Layers):
    def forward(self, x):
        return through(self.cells, x)[0]


@module("ok")
class TwoNamedCells(nn.Module):
    def __init__(self):
        super().__init__()
        self.lower, self.upper = nn.LSTMCell(5, 4), nn.LSTMCell(4, 6)

    def forward(self, x):
        one = two = None
        steps = []
        for xt in x:
            one = self.lower(xt, one)
            two = self.upper(one[0], two)
            steps.append(two[0])
        return torch.stack(steps), [one, two]


@module("ok")
class OfOwnCells(Layers):
    kind = Own

    def forward(self, x):
        for cell in self.cells:
            h = c = torch.zeros(x.shape[1], cell.hidden_size)
            steps = []
            for xt in x:
                h, c = cell(xt, h, c)
                steps.append(h)
            x = torch.stack(steps)
        return x


@module("ok")
class OfPairedCells(Layers):
    kind = Paired

    def forward(self, x):
        return through(self.cells, x)


@module("ok")
class OfCellsWithCFirst(Layers):
    kind = CFirst

    def forward(self, x):
        for cell in self.cells:
            h = c = torch.zeros(x.shape[1], cell.hidden_size)
            steps = []
            for xt in x:
                c, h = cell(xt, c, h)
                steps.append(h)
            x = torch.stack(steps)
        return x


@module("ok", says="what your module makes of h of the top layer")
class WithAReadout(Layers):
    def __init__(self):
        super().__init__()
        self.readout = nn.Linear(3, 2)

    def forward(self, x):
        return self.readout(through(self.cells, x)[0])


@function("ok")
class TakesTheCells(nn.Module):
    def __init__(self, cells):
        super().__init__()
        self.cells = nn.ModuleList(cells)

    def forward(self, x):
        return through(self.cells, x)


@function("ok")
class TakesTheCellsWithDropout(TakesTheCells):
    def forward(self, x):
        output, states = through(self.cells, x)
        return list(dropout(output, 0.3, self.training)), iter(states)


@function("unrecognised", says="finds 0 of the 8 weights")
class TakesTheCellsIntoAList(nn.Module):
    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def forward(self, x):
        return through(self.cells, x)


@function("unrecognised", says="the state of one call is still there at the next")
class TakesTheCellsAndKeepsTheirStates(TakesTheCells):
    states = None

    def forward(self, x):
        states = self.states or [None] * len(self.cells)
        steps = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                states[k] = cell(xt, states[k])
                xt = states[k][0]
            steps.append(xt)
        self.states = states
        return torch.stack(steps), states


@function("ok", says="Dropout was left out")
def dropout_between_layers(cells, x):
    states = []
    for cell in cells:
        x, state = through([cell], x)
        x = dropout(x, 0.3)
        states += state
    return x, states


@module("c_instead_of_h")
class HandsUpC(Layers):
    def forward(self, x):
        return through(self.cells, x, up=1)


@module("c_instead_of_h")
class HandsUpCOfOwnCells(Layers):
    kind = Paired

    def forward(self, x):
        return through(self.cells, x, up=1)


@module("state_not_carried")
class ForgetsItsState(Layers):
    def forward(self, x):
        return torch.stack([through(self.cells, xt[None])[0][0] for xt in x])


@module("same_cell_reused")
class OneCellTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTMCell(4, 4), nn.LSTMCell(4, 4)])

    def forward(self, x):
        return through([self.cells[0], self.cells[0]], x)[0]


@module("raises", says="fields")
class Misspelt(Layers):
    def forward(self, x):
        return through(self.cells, x)[0].fields


@module("variant", says="Another stack: it is bidirectional")
class Bidirectional(nn.Module):
    def __init__(self):
        super().__init__()
        self.there = nn.ModuleList([nn.LSTMCell(5, 4), nn.LSTMCell(8, 4)])
        self.back = nn.ModuleList([nn.LSTMCell(5, 4), nn.LSTMCell(8, 4)])

    def forward(self, x):
        for there, back in zip(self.there, self.back, strict=True):
            forward, backward = through([there], x)[0], through([back], x.flip(0))[0].flip(0)
            x = torch.cat([forward, backward], dim=-1)
        return x


@module("variant", says="each layer's h is added to what it has read")
class Residual(Layers):
    def __init__(self):
        super().__init__((4, 4, 4, 4))

    def forward(self, x):
        for cell in self.cells:
            x = x + through([cell], x)[0]
        return x


@function("variant", says="each layer's h is added to what it has read")
def residual(cells, x):
    states = []
    for cell in cells:
        above, state = through([cell], x)
        x = x + above
        states += state
    return x, states


@module("variant", says="Without what normalises in it, `norm`")
class NormsBetweenLayers(Layers):
    def __init__(self):
        super().__init__((4, 4, 4))
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        for cell in self.cells:
            x = self.norm(through([cell], x)[0])
        return x


@function("variant", says="made of earlier h")
def attends(cells, x):
    states = [(x.new_zeros(x.shape[1], cell.hidden_size),) * 2 for cell in cells]
    steps = []
    for xt in x:
        weights = torch.softmax((x[..., :1] * states[0][0][:, :1]).sum(-1), dim=0)
        below = xt + (weights[..., None] * x).sum(0)
        for k, cell in enumerate(cells):
            states[k] = cell(below, states[k])
            below = states[k][0]
        steps.append(below)
    return torch.stack(steps), states


@function("variant", says="layer 0 reads x plus the top layer's h")
def feeds_back(cells, x):
    states = [(x.new_zeros(x.shape[1], cell.hidden_size),) * 2 for cell in cells]
    steps = []
    for xt in x:
        below = xt + states[-1][0]
        for k, cell in enumerate(cells):
            states[k] = cell(below, states[k])
            below = states[k][0]
        steps.append(below)
    return torch.stack(steps), states


@function("cannot_check", says="draws random numbers")
def dropout_of_its_own(cells, x):
    output, states = through(cells, x)
    return output * (torch.rand_like(output) > 0.3) / 0.7, states


@function("unrecognised", says="layer 0 does not start from zeros")
def starts_from_random_numbers(cells, x):
    states = [torch.randn(2, x.shape[1], cell.hidden_size).unbind() for cell in cells]
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return torch.stack(steps), states


@function("unrecognised", says="what layer 1 reads at step 0 is not h of layer 0")
def squashes_h_on_its_way_up(cells, x):
    states = []
    for cell in cells:
        x, state = through([cell], x)
        states += state
        x = x.tanh()
    return x, states


@function("not_attempted", says="`TakesSizes.forward` is not written yet")
class TakesSizes(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()


@module("ok")
class OfAnLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 4)

    def forward(self, x):
        return self.lstm(x)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_stack(cells, x, up):
    """A stack as one writes it without torch."""
    h = [np.zeros((x.shape[1], cell.hidden_size)) for cell in cells]
    c = [np.zeros((x.shape[1], cell.hidden_size)) for cell in cells]
    output = np.zeros((*x.shape[:2], cells[-1].hidden_size))
    for t in range(x.shape[0]):
        below = x[t]
        for k, cell in enumerate(cells):
            gates = np.dot(below, cell.weight_ih.T) + cell.bias_ih
            gates = gates + np.dot(h[k], cell.weight_hh.T) + cell.bias_hh
            i, f, g, o = np.split(gates, 4, axis=1)
            c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
            h[k] = sigmoid(o) * np.tanh(c[k])
            below = up(h[k], c[k])
        output[t] = h[-1]
    return output, list(zip(h, c, strict=True))


@function("ok")
def in_numpy(cells, x):
    return numpy_stack(cells, x, lambda h, c: h)


@function("c_instead_of_h")
def in_numpy_with_c_up(cells, x):
    return numpy_stack(cells, x, lambda h, c: c)


@function("ok")
def cells_called_with_arrays(cells, x):
    states, steps = [None] * len(cells), []
    for xt in np.asarray(x):
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.append(xt)
    return np.stack(steps), states


@function("ok", call=lambda cells_at_the_end, cells, x: cells_at_the_end(x, *cells))
def cells_at_the_end(x, *cells):
    return through(cells, x)


@module("ok", call=lambda net, x: net.run(x))
class CalledOtherwise(Layers):
    def run(self, x):
        return through(self.cells, x)


@module("ok", says="the last step of the output is returned alone")
class LastStepAlone(Layers):
    def forward(self, x):
        return through(self.cells, x.transpose(0, 1))[0][-1]


@module("ok", says="`embedding`, which was left out")
class ReadsTokens(Layers):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 5)

    def forward(self, x):
        return through(self.cells, self.embedding(x))


@module("unrecognised", says="`self.layers = nn.ModuleList(...)`")
class InAPlainList(Layers):
    def __init__(self):
        super().__init__()
        self.layers = list(self.cells)
        del self.cells

    def forward(self, x):
        return through(self.layers, x)


@module("ok")
class AlsoInAPlainList(Layers):
    def __init__(self):
        super().__init__()
        self.layers = list(self.cells)

    def forward(self, x):
        return through(self.layers, x)


@module("same_cell_reused", says="`cells` holds one cell several times, 3 in all")
class OneCellThreeTimes(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTMCell(8, 8)] * 3)

    def forward(self, x):
        return through(self.cells, x)


class EachReadsX(nn.Module):
    """Only the last of its cells comes out."""

    def __init__(self, size=4, layers=3):
        super().__init__()
        self.hidden_size = size
        self.cells = nn.ModuleList(nn.LSTMCell(size, size) for _ in range(layers))

    def forward(self, x):
        states = [(x.new_zeros(x.shape[1], self.hidden_size),) * 2 for _ in self.cells]
        steps = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                states[k] = cell(xt, states[k])
            steps.append(states[-1][0])
        return torch.stack(steps)


@module("unrecognised", says="does not depend on `cells.0` and `cells.1`")
def owns_cells_that_do_nothing():
    return EachReadsX()


class RunsCells:
    """A class that is lent the cells, and has a method for x."""

    def __init__(self, cells):
        self.cells = cells

    def run(self, x):
        return through(self.cells, x)


function("ok")(RunsCells)


class OwnsArrays:
    """Layers of arrays, and a method for x."""

    def __init__(self, sizes=(5, 4, 4)):
        rng = np.random.default_rng(0)
        self.layers = [
            {"W": rng.standard_normal((4 * h, i + h)), "b": rng.standard_normal(4 * h)}
            for i, h in pairwise(sizes)
        ]

    def forward(self, x):
        for layer in self.layers:
            h = c = np.zeros((x.shape[1], len(layer["b"]) // 4))
            steps = []
            for xt in x:
                z = np.concatenate([xt, h], 1) @ layer["W"].T + layer["b"]
                i, f, g, o = np.split(z, 4, axis=1)
                i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
                c = f * c + i * np.tanh(g)
                h = o * np.tanh(c)
                steps.append(h)
            x = np.stack(steps)
        return x


@module("ok")
def layers_of_arrays():
    return OwnsArrays()


class _OneCForAll(Layers):
    def forward(self, x):
        h = c = [x.new_zeros(x.shape[1], cell.hidden_size) for cell in self.cells]
        steps = []
        for xt in x:
            pairs, last = [], c[-1]
            for k, cell in enumerate(self.cells):
                pairs.append(cell(xt, (h[k], last)))
                xt = pairs[-1][0]
            h, c = map(list, zip(*pairs, strict=True))
            steps.append(xt)
        return torch.stack(steps), [*zip(h, c, strict=True)]


@module("unrecognised", says="it gets c of layer 1 at step 0.")
def one_c_for_all_its_cells():
    return _OneCForAll((5, 4, 4))


class _FeedsInWhatCameOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.lower, self.upper = nn.LSTMCell(4 + 5, 5), nn.LSTMCell(5, 5)

    def forward(self, x):
        out = x.new_zeros(x.shape[1], 5)
        low = high = (out, out)
        steps = []
        for xt in x:
            low = self.lower(torch.cat([xt, out], 1), low)
            high = self.upper(low[0], high)
            out = high[0]
            steps.append(out)
        return torch.stack(steps), [low, high]


@module("variant", says="what layer 0 reads is made of earlier h too")
def feeds_in_what_came_out():
    return _FeedsInWhatCameOut()


class _ReadsAnotherThing(Layers):
    def forward(self, x):
        states = [(x.new_zeros(x.shape[1], cell.hidden_size),) * 2 for cell in self.cells]
        steps = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                states[k] = cell(xt, states[k])
                xt = states[k][0].cos()
            steps.append(states[-1][0])
        return torch.stack(steps), states


@module("cannot_check", says="what each weight does could not be read")
def something_of_its_own_between_the_layers():
    return _ReadsAnotherThing()


class _OneStep(nn.Module):
    """One step of a stack, as it stands in a decoder; the state of all layers is one pair."""

    up = 0

    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(nn.LSTMCell(size, hidden_size) for size in sizes)

    def forward(self, x, hidden):
        h_0, c_0 = hidden
        h_1, c_1 = [], []
        for k, layer in enumerate(self.layers):
            state = layer(x, (h_0[k], c_0[k]))
            x = state[self.up]
            h_1.append(state[0])
            c_1.append(state[1])
        return self.returned(x, torch.stack(h_1), torch.stack(c_1))

    def returned(self, x, h, c):
        return x, (h, c)


class _HandsBackTheStatesAlone(_OneStep):
    def returned(self, x, h, c):
        return h, c


class _HandsUpC(_OneStep):
    up = 1


class _StepWithPairs(_OneStep):
    def forward(self, x, states=None):
        states, new = states or [None] * len(self.layers), []
        for layer, state in zip(self.layers, states, strict=True):
            new.append(layer(x, state))
            x = new[-1][0]
        return new


@module("ok", says="in a loop over x")
def one_step_of_a_stack():
    return _OneStep(7, 3)


@module("ok", says="in a loop over x")
def one_step_that_hands_back_states_alone():
    return _HandsBackTheStatesAlone(7, 3)


@module("ok", says="in a loop over x")
def one_step_with_a_pair_for_each_layer():
    return _StepWithPairs(7, 3)


@module("c_instead_of_h", says="in a loop over x")
def one_step_that_hands_up_c():
    return _HandsUpC(7, 3)


class _ReturnsX(_OneStep):
    def forward(self, x, hidden):
        return x, super().forward(x, hidden)[1]


@module("unrecognised", says="the output holds x, not h")
def one_step_that_returns_x():
    return _ReturnsX(3, 3)


@function("ok")
def steps_joined_from_the_last_in_numpy(cells, x):
    states = [(np.zeros((x.shape[1], cell.hidden_size)),) * 2 for cell in cells]
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][0]
        steps.insert(0, xt)
    return np.stack(steps)[::-1], states


class _OfAWholeSequence(_OneStep):
    """Not one step: x is read to its end, and something stands between the layers."""

    def forward(self, x, hidden=None):
        zeros = x.new_zeros(len(self.layers), x.shape[1], self.layers[0].hidden_size)
        (h, c), steps = map(list, hidden or (zeros, zeros)), []
        for xt in x:
            for k, layer in enumerate(self.layers):
                h[k], c[k] = layer(xt, (h[k], c[k]))
                xt = h[k].relu()
            steps.append(h[-1])
        return torch.stack(steps), (torch.stack(h), torch.stack(c))


@module("cannot_check", says="what each weight does could not be read")
def a_whole_sequence_is_no_step():
    return _OfAWholeSequence(7, 3)
