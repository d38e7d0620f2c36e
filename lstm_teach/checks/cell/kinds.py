"""Telling what kind of cell it is that no known mistake explains."""

from __future__ import annotations

import torch
from torch import Tensor

from lstm_teach.checks.cell.findings import Finding
from lstm_teach.checks.cell.reading import Reader
from lstm_teach.checks.report import Report

_FROM_C = "cell_instead_of_h_in_gates"
_ANOTHER = (
    ". If you want that, it is another cell, and nn.LSTMCell's weights cannot be copied into it. "
    "If not, this is where to look"
)
_NORMALISED = (
    "the gates do not grow with x and h, as if their sums were normalised: a layer-norm LSTM, a "
    f"variant, does that{_ANOTHER}"
)
CLIPPED = (
    "the new c never passes a fixed size, however large the old c is: it is clipped. nn.LSTMCell "
    f"clips nothing{_ANOTHER}"
)
_CROSSED = (
    "the new state of one unit depends on the old c of other units, though nn.LSTMCell's gates "
    f"look at x and h only: the gates look at c, or c is normalised over its units{_ANOTHER}"
)
_PEEPHOLE = (
    "the new h or c depends on the unit's own old c in a way of its own: in nn.LSTMCell c only "
    "enters as `f * c`, and `tanh(c)` makes h. A peephole LSTM, a variant, lets its gates look at "
    f"c{_ANOTHER}"
)


def name_the_kind(reader: Reader) -> Finding | None:
    """What a cell is whose gates could not be read, from a few more calls."""
    at = reader.at
    x, h, c = at.x[:12], at.h[:12], at.c[3][:12]
    pushed = c.clone()
    pushed[:, 0] += 1.0
    tried: dict[str, tuple[Tensor, Tensor, Tensor]] = {
        "as it is": (x, h, c),
        "other h": (x, at.h[12:24], c),
        "c pushed in one unit": (x, h, pushed),
        "half c": (x, h, 0.5 * c),
        "double c": (x, h, 2 * c),
        "huge c": (x, h, 1e9 * c.sign()),
        "far": (1e3 * x, 1e3 * h, c),
        "further": (2e3 * x, 2e3 * h, c),
        "far, no c": (1e3 * x, 1e3 * h, 0 * c),
    }
    new: dict[str, tuple[Tensor, Tensor]] = {}
    for name, (x, h, old) in tried.items():
        state = reader.caller(x=x, h=h, c=old)
        if isinstance(state, Report):
            return None
        new[name] = state[0].double(), state[1].double()
    (own_h, own), (other_h, other) = new["as it is"], new["other h"]
    straight = _straight_in_c(new, reader)
    if reader.same(other_h, own_h) and reader.same(other, own):
        said = "the gates are made from x and c, not from x and h"
        return None if straight else (_FROM_C, said)
    huge = new["huge c"][1].abs()
    grows = bool(huge.max() > 1e6)
    if not grows and reader.same(huge, huge.max().expand_as(huge)):
        return "unrecognised", CLIPPED
    f = (new["far"][1] - new["far, no c"][1]) / c
    half_open = ((f > 0.02) & (f < 0.98)).double().mean() > 0.3
    if half_open and bool(((new["far"][1] - new["further"][1]).abs() < 1e-2).all()):
        return "unrecognised", _NORMALISED
    pushed_h, pushed_c = new["c pushed in one unit"]
    if grows and not reader.same(pushed_c[:, 1:], own[:, 1:]):
        said = "the gates are made from x, h and the c of every unit (a full peephole, if so meant)"
        return _FROM_C, said
    if not reader.same(pushed_c[:, 1:], own[:, 1:]) or not reader.same(
        pushed_h[:, 1:], own_h[:, 1:]
    ):
        return "unrecognised", _CROSSED
    return None if straight or c.shape[1] == 1 else ("unrecognised", _PEEPHOLE)


def _straight_in_c(new: dict[str, tuple[Tensor, Tensor]], reader: Reader) -> bool:
    """Whether the new c is a straight line in the old one, and h = o * tanh(c) with one o."""
    (half_h, half), (double_h, double) = new["half c"], new["double c"]
    straight = reader.same((new["as it is"][1] - half) * 2, double - new["as it is"][1])
    return straight and reader.same(half_h * torch.tanh(double), double_h * torch.tanh(half))
