"""More right cells: other ways to be called, and to hand over what they return."""

from __future__ import annotations

import torch

from lstm_teach.checks.cell.equations import Draw, run
from tests.cell_zoo_right import TwoLinears, chunked

FUNCTIONS = {}
MODULES = {}


def function(f):
    FUNCTIONS[f.__name__] = f
    return f


def module(c):
    MODULES[c.__name__] = c
    return c


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


@function
def weights_first(w_ih, w_hh, b_ih, b_hh, x, h, c):
    return chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)


@function
def c_before_h(x, c, h, w_ih, w_hh, b_ih, b_hh, eps=0.0):
    return chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)


@function
def a_pair_called_h(x, h, W, U, b, d):
    return chunked(x, *h, W, U, b, d)


@function
def a_star_of_weights(x, h, c, *weights):
    return chunked(x, h, c, *weights)


@function
def whatever_by_name(**given):
    return chunked(**given)


@function
def by_position_only(x, c, h, W, U, b, d, /):
    return chunked(x, h, c, W, U, b, d)


@function
def an_output_beside_the_state(x, h, c, w_ih, w_hh, b_ih, b_hh):
    h, c = chunked(x, h, c, w_ih, w_hh, b_ih, b_hh)
    return h, (h, c)


@function
def in_float32_with_a_tanh_that_overflows(x, h, c, *weights):
    def tanh(z):
        return (torch.exp(2 * z) - 1) / (torch.exp(2 * z) + 1)

    z = Draw(*(t.float() for t in (x, h, c, *weights)))
    return run(z, {"g": tanh, "h": lambda v: v.o * tanh(v.c)})


@module
class AnOutputBesideTheState(TwoLinears):
    def forward(self, x, hidden):
        h, c = super().forward(x, hidden)
        return h, (h.clone(), c)
