"""Which form a cell has: the edit of the equations whose table is what is seen far from zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.equations import OLD_C, OLD_H, RIGHT, Parts, table
from lstm_teach.checks.cell.mistakes import FORMS, WORDS
from lstm_teach.checks.cell.reading import Eye
from lstm_teach.checks.mistake import Mistake

_FEW = 24
_PAIRED = 5  # of each verdict, as many of its first ways are also tried together with others


@dataclass
class Form:
    """What was seen far from zero.

    Attributes:
        mistakes: the edits that explain it, none where it is an LSTM's; two for two at once.
        words: what stands in their braces.
        known: whether it is an LSTM's form, or explained.
        off: of f, i*g, o, c and h, those that are not an LSTM's.
        saturates: whether the gates ever are open or shut.
        inside: whether an LSTM could look so far from zero, if some of its gates went together.
    """

    mistakes: tuple[Mistake, ...] = ()
    words: dict[str, Any] = field(default_factory=dict)
    known: bool = True
    off: tuple[str, ...] = ()
    saturates: bool = True
    inside: bool = False


@cache
def _tables() -> list[tuple[Mistake, Tensor]]:
    right, tabled = table({}), []
    for mistake in FORMS:
        with suppress(NameError):  # it looks at x or at weights
            tabled.append((mistake, table(mistake.how)))
    return [(mistake, rows) for mistake, rows in tabled if not torch.equal(rows, right)]


def find_form(eye: Eye) -> Form:
    """Name the form of a cell from what it does far from zero, or say which part of it is off."""
    for scale in (60.0, 400.0, 12.0, 1e7):
        rows, moves = eye.far_rows(scale)
        seen = rows[~moves.any(1)]
        if len(seen) >= _FEW:
            break
    limit = 30 * eye.limit if eye.exact else 2e-2
    if len(seen) < _FEW:
        return Form(known=False, saturates=False)
    if _same(seen, table({}), limit):
        return Form()
    rows, moves = eye.far_rows(1e8)
    if _same(rows[~moves.any(1)], table({}), limit):
        return Form()  # an activation that takes its time, which the lines will show
    for mistake, found in _tables():
        if _same(seen, found, limit):
            inside = (torch.cdist(seen, table({}), p=torch.inf).amin(1) < limit).double().mean()
            return Form((mistake,), off=_off(seen, limit), inside=bool(inside > 0.95))
    for name, said, changed in _measured(seen, limit):
        if changed is None or _same(seen, table(changed), limit):
            return Form((_worded(name),), {"seen": said})
    pairs = _pairs()
    for (one, two), found in pairs:
        if _same(seen, found, limit):
            return Form((one, two))
    return Form(known=False, off=_off(seen, limit))


def _worded(name: str) -> Mistake:
    words = WORDS[name]
    return words if words.verdict == "variant" else replace(words, headline="{seen}", how=None)


@cache
def _pairs() -> list[tuple[tuple[Mistake, Mistake], Tensor]]:
    counted: dict[str, int] = {}
    likely = []
    for mistake, _ in _tables():
        counted[mistake.why] = counted.get(mistake.why, 0) + 1
        if counted[mistake.why] <= _PAIRED:
            likely.append(mistake)
    return [
        ((one, two), table({**one.how, **two.how}))
        for one, two in combinations(likely, 2)
        if not one.how.keys() & two.how.keys()
    ]


def _same(seen: Tensor, rows: Tensor, limit: float) -> bool:
    """Whether what is seen are rows of this table, and nearly all of its rows are seen."""
    if len(seen) < _FEW:
        return False
    far = torch.cdist(seen, rows, p=torch.inf)
    in_table = (far.amin(1) < limit).double().mean() > 0.95
    return bool(in_table and (far.amin(0) < limit).double().mean() >= 0.85)


def _measured(seen: Tensor, limit: float) -> Iterator[tuple[str, str, Parts | None]]:
    """Other cells with a number of their own, which is measured: its name, what to say, the edit
    that it should be, None where what was seen is enough."""
    h, c = seen.unflatten(1, (len(OLD_C), 2)).unbind(-1)
    old = torch.tensor(OLD_C, dtype=seen.dtype)

    def still(values: Tensor) -> bool:
        return bool((values - values[:, :1]).abs().max() < limit)

    if still(h) and (still(c) or (c - old).abs().max() < limit):
        yield ("gru" if ((h - OLD_H).abs() < limit).any() else "rnn"), "", None
        return
    most = c.abs().max().item()
    yield (
        "clipped c",
        f"{most:.3g}",
        {"c": f"clip({RIGHT['c']}, {-most}, {most})"},
    )
    shut = h[((h - h[:, :1]).abs() < limit).all(1)]
    kept_h = shut.abs().median().item() / OLD_H if len(shut) else 0.0
    slope = (c[:, 1] - c[:, 0]) / OLD_C[1]
    if not ((c[:, 2] - c[:, 0]) / OLD_C[2] - slope).abs().max() < limit:
        return
    low, high = slope.min().item(), slope.max().item()

    if 0.01 < kept_h < 0.99 or low > 0.01:
        both = [k for k, kept in (("h", kept_h), ("c", low)) if 0.01 < kept < 0.99]
        yield (
            "zoneout",
            " and the old ".join(both),
            {"first": f"h + {kept_h} * (h_0 - h)", "second": f"c + {low} * (c_0 - c)"},
        )
    if high < 0.999:
        yield (
            "time decay",
            f"{high:.3g}",
            {"c": f"{high} * f * c_0 + i * g"},
        )
    ends = ((slope - low).abs() < 1e-3) | ((slope - high).abs() < 1e-3)
    if high > 1.01 or low < -0.01:
        near_one = ((slope.round() - slope).abs() < 1e-3).all()
        if not near_one and c.abs().max() < 100:
            yield "forget_bias_after_sigmoid", "something is added to f after its sigmoid", None
        return
    inside = ((slope > 0.01) & (slope < 0.99)).double().mean()
    if inside > 0.9 and ends.double().mean() > 0.95 and abs(low + high - 1) < 1e-2:
        yield "clipped gates", f"{low:.2g} and {high:.2g}", None
    elif inside > 0.3 and ends.double().mean() < 0.7:
        yield "layer norm", "", None


def _off(seen: Tensor, limit: float) -> tuple[str, ...]:
    """Which parts of a cell of no known form are not an LSTM's."""
    h, c = seen.unflatten(1, (len(OLD_C), 2)).unbind(-1)
    old = torch.tensor(OLD_C, dtype=seen.dtype)
    write = c[:, 0]
    slope = ((c[:, 1] - write) / OLD_C[1]).where(c.abs().amax(1) < 500, torch.nan)
    squashed = torch.tanh(c.clamp(-50, 50))
    o = (h / squashed.where(squashed.abs() > 1e-2, torch.nan)).nanmedian(1, keepdim=True).values
    straight = (write[:, None] + slope[:, None] * old - c).abs() < limit

    def among(values: Tensor, *allowed: float) -> bool:
        near = torch.stack([(values - value).abs() < limit for value in allowed]).any(0)
        return bool((near | values.isnan()).double().mean() > 0.95)

    right = {
        "f": bool(straight[~slope.isnan()].double().mean() > 0.95 and (slope < 0.5).any())
        and among(slope, 0, 1),
        "i*g": among(write, 0, 1, -1),
        "o": among(o, 0, 1),
        "c": bool(straight.double().mean() > 0.95)
        and among(slope, 0, 1)
        and among(write, 0, 1, -1),
        "h": bool(((o.nan_to_num(0.0) * squashed - h).abs() < limit).double().mean() > 0.95),
    }
    return tuple(part for part, fine in right.items() if not fine)
