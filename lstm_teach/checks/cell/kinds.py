"""Telling what kind of cell it is that no known mistake explains from its behaviour alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lstm_teach.checks.cell.calls import Caller, State, agrees
from lstm_teach.checks.cell.equations import GATES, Draw
from lstm_teach.checks.cell.findings import Finding
from lstm_teach.checks.cell.match import known_mistake
from lstm_teach.checks.cell.reading import Places, Reader
from lstm_teach.checks.report import Report

_USUAL_ORDERS = (GATES, "ifog", "figo", "fiog", "igfo", "iofg")

_CROSSED = (
    "unrecognised",
    "the new state of one unit depends on the old c of other units, though nn.LSTMCell's gates "
    "look at x and h only: the gates look at c, or c is normalised over its units",
)
_PEEPHOLE = (
    "unrecognised",
    "the gates look at the unit's own c: that is a peephole LSTM, a variant. nn.LSTMCell has no "
    "peepholes",
)
_NORMALISED = (
    "unrecognised",
    "the gates do not grow with x and h: their sums are normalised, as in a layer-norm LSTM, "
    "a variant. nn.LSTMCell normalises nothing",
)
_CLIPPED = (
    "unrecognised",
    "the new c never passes a fixed size, however large the old c is: it is clipped. nn.LSTMCell "
    "clips nothing",
)
_ANOTHER = ". It may be what you want, but nn.LSTMCell's weights cannot be copied into it"
VARIANTS: tuple[Finding, ...] = tuple(
    (verdict, detail + _ANOTHER) for verdict, detail in (_CROSSED, _PEEPHOLE, _NORMALISED, _CLIPPED)
)
"""What is another kind of cell, rather than a mistake."""

_WITHOUT_H = (
    "cell_instead_of_h_in_gates",
    "the gates are made from x and c, not from x and h",
)


def name_the_kind(module: nn.Module, caller: Caller, at: Places, reader: Reader) -> Finding | None:
    """A known slip where the parameters lie as nn.LSTMCell's do, or a known variant.

    Args:
        module: with its parameters redrawn.
        caller: calls it.
        at: where it is looked at.
        reader: tells how accurate the cell is.
    """
    few = slice(0, 12)
    given = {"x": at.x[few], "h": at.h[few], "c": at.c[3][few]}
    own = _state(caller, given)
    other_h = _state(caller, {**given, "h": at.h[12:24]})
    pushed = given["c"].clone()
    pushed[:, 0] += 1.0
    other_c = _state(caller, {**given, "c": pushed})
    if own is None or other_h is None or other_c is None:
        return None
    if agrees(other_h, own):
        return _WITHOUT_H if not _straight_in_c(caller, given, own, reader) else None
    for draw in _as_draws(module, given):
        known = known_mistake([(draw, own)])
        if known:
            return known[0].verdict, known[1]
    if _is_normalised(caller, given):
        return VARIANTS[2]
    huge = _state(caller, {**given, "c": given["c"].sign() * 1e9})
    if huge is not None and reader.same(huge[1].abs(), huge[1].abs().max().expand_as(huge[1])):
        return VARIANTS[3]
    if not all(reader.same(o[:, 1:], p[:, 1:]) for o, p in zip(other_c, own, strict=True)):
        return VARIANTS[0]
    if pushed.shape[1] > 1 and not _straight_in_c(caller, given, own, reader):
        return VARIANTS[1]
    return None


def _state(caller: Caller, given: dict[str, Tensor]) -> State | None:
    state = caller(**given)
    return None if isinstance(state, Report) else (state[0].double(), state[1].double())


def _straight_in_c(caller: Caller, given: dict[str, Tensor], own: State, reader: Reader) -> bool:
    """Whether the new c is a straight line in the old one, and h = o * tanh(c) with one o."""
    one = _state(caller, {**given, "c": given["c"] * 0.5})
    two = _state(caller, {**given, "c": given["c"] * 2.0})
    if one is None or two is None:
        return True
    (half_h, half), (double_h, double) = one, two
    straight = reader.same((own[1] - half) * 2, double - own[1])
    return straight and reader.same(half_h * torch.tanh(double), double_h * torch.tanh(half))


def _is_normalised(caller: Caller, given: dict[str, Tensor]) -> bool:
    far = {name: given[name] * 1e3 for name in "xh"}
    further = {name: given[name] * 2e3 for name in "xh"}
    zero = torch.zeros_like(given["c"])
    one = _state(caller, {**far, "c": given["c"]})
    two = _state(caller, {**further, "c": given["c"]})
    empty = _state(caller, {**far, "c": zero})
    if one is None or two is None or empty is None:
        return False
    f = (one[1] - empty[1]) / given["c"]
    between = ((f > 0.02) & (f < 0.98)).double().mean() > 0.3
    return bool(between) and bool(((one[1] - two[1]).abs() < 1e-2).all())


def _as_draws(module: nn.Module, given: dict[str, Tensor]) -> Iterator[Draw]:
    """What a function would have been given, where the shapes of the parameters tell."""
    input_size, hidden_size = given["x"].shape[1], given["h"].shape[1]
    rows = 4 * hidden_size
    tensors = [p.detach().double() for p in module.parameters()]
    matrices = [t if t.shape[0] == rows else t.mT for t in tensors if t.dim() == 2]
    biases = [t.flatten() for t in tensors if t.numel() == rows and 1 in (t.dim(), *t.shape)]
    for w_ih, w_hh in _weight_pairs(matrices, rows, input_size, hidden_size):
        for order in _USUAL_ORDERS:
            index = torch.cat(
                [torch.arange(hidden_size) + order.index(gate) * hidden_size for gate in GATES]
            )
            both = [*(bias[index] for bias in biases[:2]), *[torch.zeros(rows).double()] * 2][:2]
            yield Draw(given["x"], given["h"], given["c"], w_ih[index], w_hh[index], *both)


def _weight_pairs(
    matrices: list[Tensor], rows: int, input_size: int, hidden_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    fused = [m for m in matrices if m.shape[0] == rows]
    for k, w_ih in enumerate(fused):
        if w_ih.shape[1] == input_size + hidden_size:
            yield w_ih[:, :input_size], w_ih[:, input_size:]
            yield w_ih[:, hidden_size:], w_ih[:, :hidden_size]
        for w_hh in fused[k + 1 :]:
            for one, two in ((w_ih, w_hh), (w_hh, w_ih)):
                if (one.shape[1], two.shape[1]) == (input_size, hidden_size):
                    yield one, two
