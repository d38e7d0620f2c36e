"""Whole LSTMs with more around them: layers behind h, in front of x, between layers; the last step
alone, an initial state that is learned, directions that are added up."""

# ruff: noqa: NPY002 (as people write)

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


class _Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2g = nn.Linear(input_size, 4 * hidden_size)
        self.h2g = nn.Linear(hidden_size, 4 * hidden_size)

    def forward(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class _WithoutTanh(_Cell):
    def forward(self, x, h, c):
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c, c


@example("ok", says="from `fc` on")
class LogitsOfEachStep(nn.Module):
    cell_class = _Cell

    def __init__(self, input_size=5, hidden_size=8, classes=3):
        super().__init__()
        self.cell = self.cell_class(input_size, hidden_size)
        self.fc = nn.Linear(hidden_size, classes)
        self.hidden_size = hidden_size

    def steps(self, x):
        h = c = x.new_zeros(x.size(0), self.hidden_size)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], h, c)
            yield h

    def forward(self, x):
        return torch.stack([self.fc(h) for h in self.steps(x)], 1)


@example("missing_tanh_c")
class LogitsOfAWrongCell(LogitsOfEachStep):
    cell_class = _WithoutTanh


@instance("ok", says="the last step of the output is returned alone")
class LogitsOfTheLastStep(LogitsOfEachStep):
    def forward(self, x):
        return F.log_softmax(self.fc([*self.steps(x)][-1]), dim=-1)


@instance("missing_tanh_c")
class LogitsOfTheLastStepOfAWrongCell(LogitsOfTheLastStep):
    cell_class = _WithoutTanh


@instance("ok")
def logits_as_wide_as_h():
    return LogitsOfEachStep(5, 8, 8)


@instance("ok")
def logits_twice_as_wide_as_h():
    return LogitsOfEachStep(5, 8, 16)


@instance("gradient_cut")
class DetachesBeforeAHead(LogitsOfEachStep):
    def steps(self, x):
        h = c = x.new_zeros(x.size(0), self.hidden_size)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], h.detach(), c)
            yield h


@example("ok", says="Dropout was left out")
class ClassifiesTheLastStep(nn.Module):
    def __init__(self, in_dim, hidden_dim):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, hidden_dim, batch_first=True)
        self.drop, self.fc = nn.Dropout(0.5), nn.Linear(hidden_dim, 10)

    def forward(self, x):
        output, _ = self.lstm(x)
        return self.fc(self.drop(output[:, -1]))


@example("ok", says="2 layers")
class AHeadOfTwoLayers(nn.Module):
    def __init__(self, in_dim, hidden_dim):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, hidden_dim, 2)
        self.head = nn.Sequential(nn.Linear(hidden_dim, 9), nn.ReLU(), nn.Linear(9, 1))

    def forward(self, x):
        output, state = self.lstm(x)
        return self.head(output).squeeze(-1), state


@example("ok", says="both directions")
class AHeadOfBothDirections(nn.Module):
    def __init__(self, in_dim, hidden_dim):
        super().__init__()
        self.lstm = nn.LSTM(in_dim, hidden_dim, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * hidden_dim, 4)

    def forward(self, x):
        return self.fc(self.lstm(x)[0])


@instance("ok")
def steps_and_samples_in_one_axis():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.fc = nn.LSTM(5, 6), nn.Linear(6, 11)

        def forward(self, x):
            output, state = self.lstm(x)
            return F.log_softmax(self.fc(output.view(-1, 6)), dim=1), state

    return Flat()


@instance("ok", says="`embedding`, which was left out")
def a_language_model():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm = nn.Embedding(20, 5), nn.LSTM(5, 6, batch_first=True)
            self.fc = nn.Linear(6, 20)

        def forward(self, tokens):
            return self.fc(self.lstm(self.embedding(tokens))[0])

    return Model()


@instance("ok", says="`front`, which was left out")
def a_layer_in_front():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.front, self.lstm = nn.Linear(5, 7), nn.LSTM(7, 6, batch_first=True)
            self.fc = nn.Linear(6, 2)

        def forward(self, x):
            return self.fc(self.lstm(self.front(x))[0][:, -1])

    return Model()


@instance("ok", says="2 layers")
def layers_of_different_sizes():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lower, self.upper = nn.LSTM(5, 6), nn.LSTM(6, 3)

        def forward(self, x):
            return self.upper(self.lower(x)[0])[0]

    return Model()


@example("ok")
class LearnsItsStart(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers)
        self.init_h = nn.Parameter(torch.zeros(num_layers, 1, hidden_size))
        self.init_c = nn.Parameter(torch.zeros(num_layers, 1, hidden_size))

    def forward(self, x):
        h, c = (start.repeat(1, x.size(1), 1) for start in (self.init_h, self.init_c))
        return self.lstm(x, (h, c))


@example("variant", says="averaged")
class AveragesBothDirections(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.there, self.back = nn.LSTM(input_size, hidden_size), nn.LSTM(input_size, hidden_size)

    def forward(self, x):
        return (self.there(x)[0] + self.back(x.flip(0))[0].flip(0)) / 2


@instance("ok")
def scores_in_numpy():
    class Model:
        def __init__(self):
            self.Wx, self.Wh, self.b = np.random.randn(5, 16), np.random.randn(4, 16), np.zeros(16)
            self.Wy = np.random.randn(4, 6)

        def __call__(self, x):
            h = c = np.zeros((x.shape[0], 4))
            scores = []
            for t in range(x.shape[1]):
                i, f, o, g = np.split(x[:, t] @ self.Wx + h @ self.Wh + self.b, 4, 1)
                c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
                h = np.tanh(c) / (1 + np.exp(-o))
                scores.append(h @ self.Wy)
            return np.stack(scores, 1), h, c

    return Model()


@instance("ok", says="a small `Large(7, 3)` was tried")
def more_weights_than_can_be_tried():
    class Large(nn.Module):
        def __init__(self, input_size=600, hidden_size=700):
            super().__init__()
            self.lstm = nn.LSTM(input_size, hidden_size)

        def forward(self, x):
            return self.lstm(x)

    return Large()


@instance("variant", says="peepholes")
def peepholes_and_a_head():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.x2g, self.h2g = nn.Linear(5, 24), nn.Linear(6, 24)
            self.p, self.fc = nn.Parameter(torch.randn(6)), nn.Linear(6, 3)

        def forward(self, x, state=None):
            h, c = state or (x.new_zeros(x.size(1), 6),) * 2
            scores = []
            for xt in x:
                i, f, g, o = (self.x2g(xt) + self.h2g(h)).chunk(4, -1)
                c = (f + self.p * c).sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                scores.append(self.fc(h))
            return torch.stack(scores), (h, c)

    return Model()


@instance("ok", call=lambda model, x, h, c: model.run(x, h, c))
def parts_that_are_not_used():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.norm, self.fc = nn.LSTM(5, 6), nn.LayerNorm(6), nn.Linear(6, 3)

        def run(self, x, h, c):
            output, state = self.lstm(x, (h[None], c[None]))
            return self.fc(output), state

    return Model()


class _Series(nn.Module):
    """One number at each step, `[batch, time]`, and the next one predicted at each."""

    def __init__(self, hidden=10):
        super().__init__()
        self.cell, self.fc, self.hidden = nn.LSTMCell(1, hidden), nn.Linear(hidden, 1), hidden

    def start(self, x):
        return (x.new_zeros(x.size(0), self.hidden),) * 2

    def forward(self, x):
        h, c = self.start(x)
        out = []
        for xt in x.split(1, dim=1):
            h, c = self.cell(xt, (h, c))
            out.append(self.fc(h))
        return torch.cat(out, 1)


@instance("ok", says="one number at each time step")
def a_series_of_numbers():
    return _Series()


@instance("ok", call=lambda model, x: model(x[..., 0].T))
def a_series_that_is_turned():
    return _Series()


@instance("state_not_carried", call=lambda model, x: model(x[..., 0].T))
def a_series_without_memory():
    class Forgets(_Series):
        def forward(self, x):
            return torch.cat(
                [self.fc(self.cell(xt, self.start(x))[0]) for xt in x.split(1, dim=1)], 1
            )

    return Forgets()


@instance("ok", says="the last step of the output is returned alone")
def the_last_step_of_a_series():
    class Last(_Series):
        def forward(self, x):
            h, c = self.start(x)
            for xt in x.split(1, dim=1):
                h, c = self.cell(xt, (h, c))
            return h

    return Last()


class _TwoLists(nn.Module):
    """All layers of x in one list, and all of h in another."""

    goes_up = 0

    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.x2h = nn.ModuleList(nn.Linear(size, 4 * hidden_size) for size in sizes)
        self.h2h = nn.ModuleList(nn.Linear(hidden_size, 4 * hidden_size) for _ in sizes)

    def forward(self, x):
        zeros = x.new_zeros(x.size(1), self.hidden_size)
        states = [(zeros, zeros)] * self.num_layers
        output = []
        for below in x:
            for k, (h, c) in enumerate(states):
                i, f, g, o = (self.x2h[k](below) + self.h2h[k](h)).chunk(4, -1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                states[k] = o.sigmoid() * c.tanh(), c
                below = states[k][self.goes_up]
            output.append(states[-1][0])
        return torch.stack(output), states


@example("ok")
class TwoListsOfLayers(_TwoLists):
    pass


@example("c_instead_of_h")
class TwoListsOfLayersHandUpC(_TwoLists):
    goes_up = 1


@instance("ok", says="1 layer in both directions")
class JoinsBothEnds(nn.Module):
    def __init__(self, input_size=8, hidden_size=16, classes=3):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden_size, classes)

    def ends(self, output, h):
        return h[-2], h[-1]

    def forward(self, x):
        output, (h, _) = self.lstm(x)
        return self.fc(torch.cat(self.ends(output, h), dim=1))


@instance("ok")
class CutsBothEndsOut(JoinsBothEnds):
    def ends(self, output, h):
        return output[:, -1, :16], output[:, 0, 16:]


@instance("cannot_check")
class ReadsWhereTheBackwardOneBegins(JoinsBothEnds):
    def ends(self, output, h):
        return (output[:, -1],)


class _InSteps(nn.Module):
    def __init__(self, input_size=5, hidden_size=4):
        super().__init__()
        self.cell, self.hidden_size = _Cell(input_size, hidden_size), hidden_size

    def start(self, x):
        return x.new_zeros(2, len(x), self.hidden_size)

    def joined(self, output):
        return torch.stack(output, 1)

    def forward(self, x):
        h, c = self.start(x)
        output = []
        for t in range(x.size(1)):
            gates = self.cell.x2g(x[:, t])
            i, f, g, o = self.sums(gates, h).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            output.append(h)
        return self.joined(output)

    def sums(self, gates, h):
        return gates + self.cell.h2g(h)


@instance("ok")
class OfStepsOfItsOwn(_InSteps):
    pass


@instance("raises", says="has no attribute 'apend'")
class SlipsBehindItsFirstLayer(_InSteps):
    def joined(self, output):
        return output.apend(output[0])


@instance("raises", says="name 'hidden' is not defined")
class NamesWhatIsNotThere(_InSteps):
    def sums(self, gates, h):
        return gates + self.cell.h2g(hidden)  # noqa: F821


@instance("cannot_check", says="It is made in `reset`, which nobody has called.")
class WantsToBeResetFirst(_InSteps):
    def reset(self, batch):
        self.state = torch.zeros(2, batch, self.hidden_size)

    def start(self, x):
        return self.state


@instance("cannot_check", says="must match the size of tensor b (32)")
class OfOneBatchAlone(_InSteps):
    def start(self, x):
        return x.new_zeros(2, 32, self.hidden_size)


@example("raises", says="`__init` is not `__init__`, with two underscores on either side")
class ForgetsTwoUnderscores:
    def __init(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]

    def forward(self, x):
        Wx, _, b = self.params
        return x @ Wx + b


@example("raises", says="name 'expit' is not defined")
def names_no_sigmoid(x, Wx, Wh, b):
    h = c = np.zeros((len(x), len(Wh)))
    output = []
    for xt in np.moveaxis(x, 1, 0):
        i, f, g, o = np.split(xt @ Wx + h @ Wh + b, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)  # noqa: F821
        h = expit(o) * np.tanh(c)  # noqa: F821
        output.append(h)
    return np.stack(output, 1)


class _Masked(_InSteps):
    def forward(self, x, mask):
        output, (h, c) = [], self.start(x)
        for xt, m in zip(x.unbind(1), mask.unbind(1), strict=False):
            new = self.cell(xt, h, c)
            h, c = (m[:, None] * a + (1 - m[:, None]) * b for a, b in zip(new, (h, c), strict=True))
            output.append(h)
        return torch.stack(output, 1), (h, c)


@instance("cannot_check", says="call=lambda lstm, x: lstm(x, mask)")
class WantsAMask(_Masked):
    pass


@instance("ok", call=lambda lstm, x: lstm(x.transpose(0, 1), torch.ones(x.shape[1::-1]))[0].mT.mT)
class IsGivenAMask(_Masked):
    pass


def _numpy_steps(x, h, Wx, Wh, b):
    c, hs, cs = np.zeros_like(h), [], []
    for t in range(x.shape[1]):
        i, f, o, g = np.split(x[:, t] @ Wx + h @ Wh + b, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        hs.append(h)
        cs.append(c)
    return np.stack(hs, 1), np.stack(cs, 1)


@example("ok")
def last_h_and_a_cache_with_every_c(x, h0, Wx, Wh, b):
    hs, cs = _numpy_steps(x, h0, Wx, Wh, b)
    return hs[:, -1], {"c": cs}


@example("c_instead_of_h")
def every_c_alone(x, h0, Wx, Wh, b):
    return _numpy_steps(x, h0, Wx, Wh, b)[1]


@example("ok")
def caches_of_every_step_first(x, Wx, Wh, b):
    hs, cs = _numpy_steps(x, np.zeros((len(x), len(Wh))), Wx, Wh, b)
    return [{"c": cs[:, t], "x": x[:, t]} for t in range(x.shape[1])], hs


@example("ok")
def one_sample_with_a_cache_of_its_states(x, prev_h, Wx, Wh, b):
    h, c, hs, cache = prev_h, np.zeros_like(prev_h), [], []
    for xt in x:
        cache.append((xt, h, c))
        i, f, o, g = np.split(xt[None] @ Wx + h @ Wh + b, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        hs.append(h)
    return np.concatenate(hs), cache


@instance("cannot_check", says="is invalid for input of size")
class WritesItsBatchDown(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(6, 6)

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], 6)
        output = []
        for xt in x:
            h, c = self.cell(xt, (h, c))
            output.append(h)
        return torch.stack(output).view(len(x), 7, -1)
