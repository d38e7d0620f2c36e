"""Forms in which whole LSTMs are found in public: what they return, hold and are handed."""

# ruff: noqa: NPY002 (as people write)

import numpy as np
import torch
from torch import nn

from lstm_teach import check_cell, check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


class _Own(nn.Module):
    """Reads `[batch, seq_len, features]`."""

    peeps = False

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.peep = nn.Parameter(torch.randn(3, hidden_size))
        self.fc = nn.Linear(hidden_size, 2)

    def step(self, xt, h, c):
        i, f, g, o = self.gates(torch.cat([xt, h], 1)).chunk(4, 1)
        looks = self.peep * self.peeps
        new = (f + looks[0] * c).sigmoid() * c + (i + looks[1] * c).sigmoid() * g.tanh()
        return (o + looks[2] * new).sigmoid() * new.tanh(), new

    def walk(self, x, state):
        h, c = state or (torch.zeros(len(x), self.hidden_size),) * 2
        steps = []
        for t in range(x.shape[1]):
            h, c = self.step(x[:, t], h, c)
            steps.append(h)
        return torch.stack(steps, 1), (h, c)


@example("ok", says="from `fc` on")
class PredictionStepsAndState(_Own):
    def forward(self, x, state=None):
        steps, state = self.walk(x, state)
        return self.fc(steps[:, -1]), steps, state


@example("variant", says="peepholes")
class PeepholesBehindAHead(_Own):
    peeps = True

    def forward(self, x, state=None):
        steps, state = self.walk(x, state)
        return self.fc(steps[:, -1]), state


@example("cannot_check", says="does not read a sequence")
class OneStepAlone(_Own):
    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(*x.shape[:-1], self.hidden_size),) * 2
        i, f, g, o = self.gates(torch.cat([x, h], -1)).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


example("cannot_check", says="does not read a sequence")(nn.LSTMCell)


@example("cannot_check", says="no usual call gives h at every step")
class AHeadOverFiveSteps(_Own):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.fc = nn.Linear(5 * hidden_size, 2)

    def forward(self, x):
        return self.fc(self.walk(x, None)[0].flatten(1))


@example("cannot_check", says="check_layout(model, x)")
class AHeadOverFiveStepsOfTorchs(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(5 * hidden_size, 2)

    def forward(self, x):
        return self.fc(self.lstm(x)[0].flatten(1))


@example("steps_dropped", says="reads the last of x")
class AlwaysTheLastStep(_Own):
    def forward(self, x):
        return self.walk(x[:, -1:].expand_as(x), None)[0]


@instance(
    "ok",
    call=lambda net, x: torch.stack([net(x[:, b]) for b in range(x.shape[1])], 1),
    says="from `fc` on",
)
class TagsOneSentence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(7, 3)
        self.fc = nn.Linear(3, 5)

    def forward(self, sentence):
        output, _ = self.lstm(sentence.view(len(sentence), 1, -1))
        return self.fc(output.view(len(sentence), -1))


@instance("ok", says="2 layers")
class AListOfStates(nn.Module):
    def __init__(self, input_size=7, hidden_size=3):
        super().__init__()
        sizes = [(input_size, hidden_size), (hidden_size, hidden_size)]
        self.layers = nn.ModuleList(nn.LSTMCell(*each) for each in sizes)

    def forward(self, x, states):
        ends = []
        for layer, state in zip(self.layers, states, strict=True):
            steps = []
            for xt in x:
                state = layer(xt, state)
                steps.append(state[0])
            x = torch.stack(steps)
            ends.append(state)
        return x, ends


@instance("ok", says="one number at each time step")
class AWaveAndItsNextValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.lower, self.upper = nn.LSTMCell(1, 11), nn.LSTMCell(11, 1)

    def forward(self, waves):
        one = two = None
        values = []
        for xt in waves.chunk(waves.shape[1], 1):
            one = self.lower(xt, one)
            two = self.upper(one[0], two)
            values.append(two[0])
        return torch.stack(values, 1).squeeze(2)


@instance("ok")
class KeepsItsStateBeside(nn.Module):
    """Its state is no buffer, so it stays in float32 where the module goes to float64."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(7, 12))
        self.u = nn.Parameter(torch.randn(3, 12))
        self.b = nn.Parameter(torch.randn(12))
        self.h = self.c = torch.zeros(3)

    def forward(self, x):
        self.h = self.c = torch.zeros(3)
        steps = []
        for xt in x:
            i, f, g, o = (xt @ self.w + self.h @ self.u + self.b).chunk(4, -1)
            self.c = f.sigmoid() * self.c + i.sigmoid() * g.tanh()
            self.h = o.sigmoid() * self.c.tanh()
            steps.append(self.h)
        return torch.stack(steps)


class _BothWays(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.there = nn.LSTMCell(input_size, hidden_size)
        self.back = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x):
        state, one, two = None, [], []
        for xt in x:
            state = self.there(xt, state)
            one.append(state[0])
        state = self.begins(state)
        for xt in x.flip(0):
            state = self.back(xt, self.goes_on(state))
            two.insert(0, state[0])
        return torch.cat([torch.stack(one), torch.stack(two)], 2)

    def begins(self, _):
        return None

    def goes_on(self, state):
        return state


example("ok")(_BothWays)


@example("state_not_carried", says="the backward direction starts each step from zeros")
class ForgetsOnTheWayBack(_BothWays):
    def goes_on(self, _):
        return None


@example("state_shared_across_layers", says="with which the forward one ended")
class TurnsRound(_BothWays):
    def begins(self, state):
        return state


@example("variant", says="joined at the end")
class TwoStacks(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.there = nn.LSTM(input_size, hidden_size, 2)
        self.back = nn.LSTM(input_size, hidden_size, 2)

    def forward(self, x):
        return torch.cat([self.there(x)[0], self.back(x.flip(0))[0].flip(0)], 2)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class _WithAHead:
    """In NumPy; what it writes with, and the h it has kept, are not asked here."""

    def __init__(self, input_size=5, hidden_size=4):
        self.hidden_size = hidden_size
        self.Wx = np.random.randn(input_size, 4 * hidden_size)
        self.Wh = np.random.randn(hidden_size, 4 * hidden_size)
        self.b = np.random.randn(4 * hidden_size)
        self.kept, self.Wy = np.zeros((1, hidden_size)), np.random.randn(input_size, hidden_size)

    def forward(self, x):
        h = c = np.zeros((x.shape[1], self.hidden_size))
        steps = []
        for xt in x:
            i, f, g, o = np.split(xt @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            steps.append(h)
        return np.stack(steps)


instance("ok")(_WithAHead)


@example("cannot_check", says="what each weight does could not be read")
def the_output_gate_for_the_candidate(x, h, c, Wx, Wh, b):
    steps = []
    for xt in x:
        i, f, _, o = np.split(xt @ Wx + h @ Wh + b, 4, axis=1)
        i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
        c = f * c + i * o * o
        h = o * np.tanh(c)
        steps.append(h)
    return np.stack(steps), c


class _OverSteps(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = nn.LSTMCell(input_size, hidden_size)


@example("ok")
class TakesOffTheAxisOfLayers(_OverSteps):
    def forward(self, x, state):
        h, c = (each.squeeze(0) for each in state)
        steps = []
        for xt in x.unbind(1):
            h, c = self.cell(xt, (h, c))
            steps.append(h)
        return torch.stack(steps, 1), (h[None], c[None])


@example("ok", says="without a state it raises an error")
class NeedsTheStateThatItHasADefaultFor(_OverSteps):
    def forward(self, x, state=None):
        h, c = state
        steps = []
        for xt in x:
            h, c = self.cell(xt, (h, c))
            steps.append(h)
        return torch.stack(steps), (h, c)


@example("steps_dropped", says="`return` after the loop")
class ReturnsInTheLoop(_OverSteps):
    def forward(self, x):
        state, steps = None, []
        for xt in x:
            state = self.cell(xt, state)
            steps.append(state[0])
            return torch.stack(steps), state


class _Returns(_OverSteps):
    """Batch first; what `returned` makes of the h of every step, and of x, comes back first."""

    def __init__(self, input_size, hidden_size, returned=None):
        super().__init__(input_size, hidden_size)
        self.returned = returned

    def forward(self, x):
        state, steps = None, []
        for xt in x.unbind(1):
            state = self.cell(xt, state)
            steps.append(state[0])
        return self.returned(steps, x), state


@instance("unrecognised", says="the output holds x, not h")
def appends_x():
    return _Returns(4, 3, lambda steps, x: torch.stack([*x.unbind(1)], 1))


@instance("unrecognised", says="`torch.stack(outputs, 1)`")
def joins_steps_and_samples():
    return _Returns(4, 3, lambda steps, x: torch.cat(steps))


@instance("unrecognised", says="the output is [")
def joins_steps_and_units():
    return _Returns(4, 3, lambda steps, x: torch.cat(steps, 1))


@instance("unrecognised", says="the output is [")
def takes_the_last_sample_for_the_last_step():
    return _Returns(4, 3, lambda steps, x: torch.stack(steps, 1)[-1])


@instance("ok", says="Not looked at: what comes back first")
def a_mean_over_the_units():
    return _Returns(4, 3, lambda steps, x: torch.stack(steps, 1).mean(2))


@instance("ok", says="`output.permute(0, 2, 1)` at the end")
def units_before_steps():
    return _Returns(4, 3, lambda steps, x: torch.stack(steps, 2))


@instance("ok", call=lambda lstm, x: lstm(x.transpose(0, 1))[0].transpose(0, 1))
def turned_by_its_call():
    lstm = _Returns(4, 3, lambda steps, x: torch.stack(steps, 1))
    lstm.batch_first = True
    return lstm


@example("variant", says="dropout inside the recurrence")
class DropsByTheFunction(_OverSteps):
    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        steps = []
        for xt in x:
            h, c = self.cell(xt, (nn.functional.dropout(h, 0.3, self.training), c))
            steps.append(h)
        return torch.stack(steps), (h, c)


class _ThreeAxes(nn.Module):
    equation, axis = "bd,dkh->bkh", 1

    def __init__(self, input_size, hidden_size):
        super().__init__()
        shape = [4, hidden_size] if self.axis == 1 else [hidden_size, 4]
        self.W = nn.Parameter(torch.randn(input_size, *shape))
        self.U = nn.Parameter(torch.randn(hidden_size, *shape))
        self.b = nn.Parameter(torch.randn(shape))

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], len(self.U))
        steps = []
        for xt in x:
            sums = torch.einsum(self.equation, xt, self.W) + torch.einsum(self.equation, h, self.U)
            i, f, g, o = (sums + self.b).unbind(self.axis)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return torch.stack(steps), (h, c)


@example("ok")
class GatesBeforeUnits(_ThreeAxes):
    pass


@example("ok")
class GatesBehindUnits(_ThreeAxes):
    equation, axis = "bd,dhk->bhk", 2


class _ForgetsMore(nn.Module):
    """Its cells add 1 to the sum of f."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.there = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.back = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def walk(self, gates, x):
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        steps = []
        for xt in x:
            i, f, g, o = gates(torch.cat([xt, h], 1)).chunk(4, 1)
            c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return torch.stack(steps)


@example("backward_not_flipped_back")
class ForgetsMoreAndIsNotFlippedBack(_ForgetsMore):
    def forward(self, x):
        return torch.cat([self.walk(self.there, x), self.walk(self.back, x.flip(0))], 2)


class _WithBuffers(_WithAHead):
    def __init__(self):
        super().__init__()
        self.dWx, self.dWh = np.zeros_like(self.Wx), np.zeros_like(self.Wh)
        self.db = np.zeros_like(self.b)


instance("ok")(_WithBuffers)


def _walked(x, step, h, c):
    steps = []
    for xt in x:
        h, c = step(xt, h, c)
        steps.append(h)
    return np.stack(steps), h, c


class _InNumPy:
    def __init__(self, input_size, hidden_size):
        self.H = hidden_size
        self.Wx = np.random.randn(input_size, 4 * hidden_size)
        self.Wh = np.random.randn(hidden_size, 4 * hidden_size)
        self.b = np.zeros(4 * hidden_size)

    def forward(self, x):
        zeros = np.zeros((x.shape[1], self.H))
        return _walked(x, self.step, zeros, zeros)


@example("unrecognised", says="sigmoid is taken of -z")
class WithoutTheMinus(_InNumPy):
    def step(self, x, h, c):
        i, f, g, o = np.split(x @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(z)) for z in (i, f, o))
        c = f * c + i * np.tanh(g)
        return o * np.tanh(c), c


@example("add_not_mul", says="g is left out")
class LeavesGOut(_InNumPy):
    def step(self, x, h, c):
        i, f, _, o = np.split(x @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i)
        return sigmoid(o) * np.tanh(c), c


@example("raises", says="np.tanh(g)")
class ABiasInAColumn(_InNumPy):
    """What it adds to a vector is a column, and it fails one line later."""

    def forward(self, x):
        h, c, b = np.zeros(self.H), np.zeros(self.H), self.b[:, None]
        steps = []
        for xt in x:
            i, f, g, o = np.split(self.Wx.T @ xt + self.Wh.T @ h + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            steps.append(h)
        return np.array(steps)


@example("cannot_check", says="with no layout of its weights does it run")
def multiplies_number_by_number(x, h0, Wx, Wh, b):
    def step(xt, h, c):
        i, f, g, o = np.split(xt * Wx + h * Wh + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    return _walked(x, step, h0, np.zeros_like(h0))[0]


class _PredictsOneNumber(_WithAHead):
    """With one unit the sizes would fit its predictions."""

    def step(self, x, h, c):
        i, f, g, o = np.split(x @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def forward(self, x):
        zeros = np.zeros((x.shape[1], self.hidden_size))
        steps, h, c = _walked(x, self.step, zeros, zeros)
        return steps @ self.Wy[:1].T, h, c


instance("ok", says="Not looked at: what comes back first")(_PredictsOneNumber)


class _PredictsAsManyAsGates(_PredictsOneNumber):
    """What it writes with is `[4, hidden_size]`, as a bias for four gates may be."""

    def __init__(self):
        super().__init__(hidden_size=3)
        self.Wy = np.random.randn(4, 3)

    def forward(self, x):
        zeros = np.zeros((x.shape[1], self.hidden_size))
        steps = _walked(x, self.step, zeros, zeros)[0]
        return steps @ self.Wy.T, steps


instance("ok")(_PredictsAsManyAsGates)


@example("ok")
class ABiasWithAnAxisForTheBatch(_ThreeAxes):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.b = nn.Parameter(torch.zeros(1, 4, hidden_size))


@instance("ok", says="Not looked at: what comes back first")
def packs_what_it_returns():
    def packed(steps, x):
        lengths = [len(steps)] * len(x)
        return nn.utils.rnn.pack_padded_sequence(torch.stack(steps, 1), lengths, batch_first=True)

    return _Returns(4, 3, packed)


@example("cannot_check", says="operands could not be broadcast together")
def adds_what_does_not_fit(x, Wx, Wh, b):
    def step(xt, h, c):
        i, f, g, o = np.split(xt @ Wx + h @ Wh + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g) + np.zeros((1, 1, 2, len(Wh) + 7))
        return sigmoid(o) * np.tanh(c), c

    zeros = np.zeros((x.shape[1], len(Wh)))
    return _walked(x, step, zeros, zeros)[0]


@instance("missing_bias", says="`late` is left out")
def a_bias_left_out_behind_a_head_of_four_rows():
    lstm = _PredictsAsManyAsGates()
    lstm.late = np.random.randn(12)
    return lstm


@example("variant", says="clipped c, sums or x")
class ClipsC(_Own):
    def step(self, xt, h, c):
        i, f, g, o = self.gates(torch.cat([xt, h], 1)).chunk(4, 1)
        c = (f.sigmoid() * c + i.sigmoid() * g.tanh()).clamp(-2, 2)
        return o.sigmoid() * c.tanh(), c

    def forward(self, x):
        return self.walk(x, None)[0]


@example("unrecognised", says="the output holds numbers that are NaN")
class DividesByZero(_InNumPy):
    def step(self, x, h, c):
        i, f, g, o = np.split(x @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.log(g)
        return sigmoid(o) * np.tanh(c), c


@example("unrecognised", says="g and h are made with the tanh of half")
class TanhOfHalf(_InNumPy):
    def step(self, x, h, c):
        i, f, g, o = np.split(x @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * (2 * sigmoid(g) - 1)
        return sigmoid(o) * (2 * sigmoid(c) - 1), c


class _MadeWhenCalled:
    def __init__(self, units):
        self.units, self.built = units, False

    def __call__(self, x):
        n = self.units
        if not self.built:
            self.kernel = np.random.randn(x.shape[-1] + n, 4 * n)
            self.built = True
        h = c = np.zeros((len(x), n))
        steps = []
        for t in range(x.shape[1]):
            i, f, g, o = np.split(np.hstack([x[:, t], h]) @ self.kernel, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            steps.append(h)
        return np.stack(steps, 1)


@examples_for(check_lstm, make=True)("ok", 5, says="`[batch, seq_len, input_size]`")
def its_weights_are_made_when_it_is_called():
    return _MadeWhenCalled(4)


@example("ok", says="`[seq_len, input_size]`: one sample, time first")
class TheLastHOfOneSampleInAColumn:
    def __init__(self, input_size, hidden_size):
        self.n = hidden_size
        self.W = np.random.randn(4 * hidden_size, input_size + hidden_size)

    def forward(self, inputs):
        h = c = np.zeros((self.n, 1))
        for x in inputs:
            i, f, g, o = np.split(self.W @ np.vstack([x.reshape(-1, 1), h]), 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return h


def _with_a_row_in_front(number):
    """The first row of the weights meets a number, where others have a bias."""

    def lstm(x, W, h0=None, c0=None):
        n = W.shape[1] // 4
        h = np.zeros((x.shape[1], n)) if h0 is None else h0
        c = np.zeros((x.shape[1], n)) if c0 is None else c0
        steps = []
        for t, xt in enumerate(x):
            both = np.full((len(xt), len(W)), number(t))
            both[:, 1:] = np.hstack([xt, h])
            i, f, o, g = np.split(both @ W, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            steps.append(h)
        return np.stack(steps), h, c

    return lstm


example("ok", says="That is said of one step, from many states")(
    _with_a_row_in_front(lambda t: 0.0)  # that nothing reads
)
example("unrecognised", says="one step is an LSTM's, but several are not")(
    _with_a_row_in_front(float)  # that the second step reads
)


@example("ok", says="what your code does with `extra`; h is the same without")
class OwnsMoreThanItUses(_InNumPy):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.extra = np.zeros((2, 5))

    def step(self, x, h, c):
        i, f, g, o = np.split(x @ self.Wx + h @ self.Wh + self.b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c


class _Written(nn.Module):
    """Writes its output into a tensor, which each below does otherwise."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell, self.hidden_size = nn.LSTMCell(input_size, hidden_size), hidden_size

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        out = x.new_zeros(len(x) + 1, *h.shape)
        for t, xt in enumerate(x):
            h, c = self.cell(xt, (h, c))
            out[t + 1] = h
        return self.cut(out)


@example("output_one_step_early")
class WritesOneStepEarly(_Written):
    def cut(self, out):
        return torch.cat([out[2:], out[1:2]])


@example("steps_doubled", says="Fix: `output[1:]`")
class LeavesH0InFront(_Written):
    def cut(self, out):
        return out


@example("ok")
class WritesBehindH0(_Written):
    def cut(self, out):
        return out[1:]


@example("unrecognised", says="the output is not h")
class ShowsAGate(_Own):
    def forward(self, x, state=None):
        h, c = state or (torch.zeros(len(x), self.hidden_size),) * 2
        shown = []
        for xt in x.unbind(1):
            shown.append(self.gates(torch.cat([xt, h], 1)).chunk(4, 1)[3].sigmoid())
            h, c = self.step(xt, h, c)
        return torch.stack(shown, 1), (h, c)


@example("state_not_carried", says="only zeros reach `U_o` as h")
class AGateThatReadsWhatIsStillZero:
    def __init__(self, input_size, hidden_size):
        self.n = hidden_size
        for gate in "ifgo":
            setattr(self, f"W_{gate}", np.random.randn(input_size, hidden_size))
            setattr(self, f"U_{gate}", np.random.randn(hidden_size, hidden_size))

    def forward(self, x):
        h = np.zeros((len(x) + 1, x.shape[1], self.n))
        c = h[0]
        for t, xt in enumerate(x):
            z = {g: xt @ getattr(self, f"W_{g}") for g in "ifgo"}
            i, f, g = (z[n] + h[t - 1] @ getattr(self, f"U_{n}") for n in "ifg")
            o = z["o"] + h[t] @ self.U_o
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h[t] = sigmoid(o) * np.tanh(c)
        return h[:-1]


@example("steps_dropped", says="the backward direction leaves out step 0")
class StopsBeforeStep0(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.ahead, self.back = (nn.LSTMCell(input_size, hidden_size) for _ in range(2))

    def forward(self, x):
        zeros = x.new_zeros(x.shape[1], self.hidden_size)
        ahead, back = [], [zeros] * len(x)
        h = c = zeros
        for xt in x:
            h, c = self.ahead(xt, (h, c))
            ahead.append(h)
        h = c = zeros
        for t in range(len(x) - 1, 0, -1):
            back[t] = h = (pair := self.back(x[t], (h, c)))[0]
            c = pair[1]
        return torch.cat([torch.stack(ahead), torch.stack(back)], 2)


class _Deep(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.w = nn.ParameterList(torch.randn(4 * hidden_size, n) for n in sizes)
        self.u = nn.ParameterList(torch.randn(4 * hidden_size, hidden_size) for _ in sizes)
        self.b = nn.ParameterList(torch.randn(4 * hidden_size) for _ in sizes)

    def bias(self, k):
        return self.b[k]

    def forward(self, x):
        outputs = []
        for k, (w, u) in enumerate(zip(self.w, self.u, strict=True)):
            h = c = x.new_zeros(x.shape[1], u.shape[1])
            steps = []
            for xt in x:
                i, f, g, o = (xt @ w.T + h @ u.T + self.bias(k)).chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                steps.append(h)
            x = torch.stack(steps)
            outputs.append(x)
        return self.shown(outputs)

    def shown(self, outputs):
        return outputs[-1]


@example("same_cell_reused", says="`b.0` serves all layers")
class TheFirstBiasForAll(_Deep):
    def bias(self, k):
        return self.b[0]


@example("ok", says="2 layers")
class TheOutputsOfAllLayers(_Deep):
    def shown(self, outputs):
        return outputs


class _OutInTheOpen(nn.Module):
    """Of the three own biases one is added behind the activation."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.both = nn.Linear(input_size + hidden_size, 4 * hidden_size)
        self.out = nn.Parameter(torch.zeros(hidden_size))


@examples_for(check_cell)("forget_bias_after_sigmoid", says="behind the activation, in f")
class ABiasBehindF(_OutInTheOpen):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.both(torch.cat([x, h], 1)).chunk(4, 1)
        c = (f.sigmoid() + self.out) * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@examples_for(check_cell)("unrecognised", says="behind the activation, in o")
class ABiasBehindO(_OutInTheOpen):
    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.both(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return (o.sigmoid() + self.out) * c.tanh(), c


class _Pair(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size, self.v = hidden_size, nn.Linear(hidden_size, 1)
        self.lstm1, self.lstm2 = (nn.LSTMCell(input_size, hidden_size) for _ in range(2))

    def forward(self, x):
        actor = critic = (x.new_zeros(x.shape[1], self.hidden_size),) * 2
        steps, values = [], []
        for xt in x:
            actor, critic = self.lstm1(xt, actor), self.lstm2(xt, critic)
            steps.append(actor[0])
            values.append(self.v(critic[0]))
        return torch.stack(steps), torch.stack(values)


example("ok")(type("ActorAndCritic", (_Pair,), {}))


@example("cannot_check")
class EncoderAndDecoder(_Pair):
    def forward(self, x):
        state = (x.new_zeros(x.shape[1], self.hidden_size),) * 2
        for xt in x:
            state = self.lstm1(xt, state)
        steps, before = [], torch.zeros_like(x[0])
        for xt in x:
            state = self.lstm2(before, state)
            steps.append(state[0])
            before = xt
        return torch.stack(steps)


@example("cannot_check")
class LooksWordsUpFirst(_Pair):
    """What the lowest cell reads has weights, but is made of no h."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.front = nn.Parameter(torch.randn(input_size, input_size))

    def forward(self, x):
        state = (x.new_zeros(x.shape[1], self.hidden_size),) * 2
        steps = []
        for xt in x:
            state = self.lstm1((xt @ self.front).tanh(), state)
            steps.append(state[0])
        return torch.stack(steps)


class _Dropped(_Own):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.drop, self.again = nn.Dropout(0.3), nn.Dropout(0.2)


@example("ok", says="Dropout was left out")
class DropsTwice(_Dropped):
    def forward(self, x):
        return self.walk(self.again(self.drop(x)), None)[0]


@example("ok", says="It stands on x and the output")
class DropsOnBothSides(_Dropped):
    def forward(self, x):
        return self.drop(self.walk(self.drop(x), None)[0])


@example("variant", says="It stands on the c of the step before")
class DropsC(_Dropped):
    def step(self, xt, h, c):
        h, c = super().step(xt, h, c)
        return h, self.drop(c)

    def forward(self, x):
        return self.walk(x, None)[0]


@example("variant", says="relu stands behind h in the output")
class ReluInTheOutput(_Own):
    def forward(self, x, state=None):
        steps, state = self.walk(x, state)
        return steps.relu(), state


@example("cannot_check", says="it takes positive numbers only")
class TakesTheLogarithm(_Own):
    def forward(self, x):
        return self.walk(x.log(), None)[0]


@example("ok", says="g from `W_g`")
class ABiasOfTheGateG(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        for gate in "ifgo":
            setattr(self, f"W_{gate}", nn.Parameter(torch.randn(input_size, hidden_size)))
            setattr(self, f"U_{gate}", nn.Parameter(torch.randn(hidden_size, hidden_size)))
            setattr(self, f"b_{gate}", nn.Parameter(torch.randn(hidden_size)))

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        steps = []
        for xt in x:
            i, f, g, o = (
                xt @ getattr(self, f"W_{n}") + h @ getattr(self, f"U_{n}") + getattr(self, f"b_{n}")
                for n in "ifgo"
            )
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            steps.append(h)
        return torch.stack(steps)
