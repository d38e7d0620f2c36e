"""Carried by hand: a state that a loop changes between two calls, and where it is read."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lstm_teach.checks import layout
from lstm_teach.checks.report import Report
from tests.zoo import examples_for
from tests.zoo.layout.common import IN, H, K, Net, case, features


def check_last_state(given: dict[str, Any]) -> Report:
    return layout.check_last_state(**given)


example = examples_for(check_last_state, make=True)

LENGTHS = [7, 5, 4, 2]


def _loop(step, read=lambda states: states[-1], **more):
    """A loop over a cell, in which `step` makes a state of the new one and the one before."""

    def body(self, x):
        h, states = x.new_zeros(len(x), H), []
        for t, xt in enumerate(x.unbind(1)):
            h = step(self.cell, xt, h, t)
            states.append(h)
        return self.fc(read(states))

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features(), **more)


def _kept_behind_the_end(cell, xt, h, t):
    return torch.where((t < torch.tensor(LENGTHS))[:, None], cell(xt, h), h)


def _decayed(cell, xt, h, t):
    return cell(xt, 0.9 * h)


def _zoned_out(cell, xt, h, t):
    return 0.9 * cell(xt, h) + 0.1 * h


@example("ok")
def kept_behind_the_end():
    return _loop(_kept_behind_the_end, lengths=LENGTHS)


@example("ok")
def decayed():
    return _loop(_decayed)


@example("ok", says="changes the state between two calls of `self.cell`")
def zoned_out():
    return _loop(_zoned_out)


@example("unrecognised")
def kept_and_read_too_early():
    return _loop(_kept_behind_the_end, lambda states: states[2], lengths=LENGTHS)


@example("unrecognised")
def decayed_and_read_too_early():
    return _loop(_decayed, lambda states: states[2])


def _zoned_lstm(read):
    def body(self, x):
        h = c = x.new_zeros(len(x), H)
        for xt in x.unbind(1):
            new_h, new_c = self.cell(xt, (h, c))
            h, c = 0.9 * new_h + 0.1 * h, 0.9 * new_c + 0.1 * c
        return self.fc(read(h, c))

    return case(Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K)), features())


@example("ok")
def zoned_out_h_and_c():
    return _zoned_lstm(lambda h, c: h)


@example("unrecognised", says="reads c")
def zoned_out_and_c_read():
    return _zoned_lstm(lambda h, c: c)


def _sample_by_sample(read):
    def body(self, x):
        rows = [self.gru(x[i : i + 1, :n]) for i, n in enumerate(LENGTHS)]
        return self.fc(torch.cat([read(out, h) for out, h in rows]))

    model = Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), lengths=LENGTHS)


@example("ok", says="reads the last step of `self.gru`")
def sample_by_sample():
    return _sample_by_sample(lambda out, h: h[-1])


@example("unrecognised", says="one step only")
def sample_by_sample_from_the_first_step():
    return _sample_by_sample(lambda out, h: out[:, 0])
