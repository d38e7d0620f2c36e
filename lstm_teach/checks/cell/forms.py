"""Which form a cell has: the edit of the equations whose table is what is seen far from zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import torch
from torch import Tensor

from lstm_teach.checks.cell.equations import OLD_C, OLD_H, RIGHT, Parts, table
from lstm_teach.checks.cell.mistakes import FORMS, both, told
from lstm_teach.checks.cell.reading import Eye, Failed
from lstm_teach.checks.mistake import Mistake

_FEW = 24
_PAIRED = 5  # of each verdict, as many of its first ways are also tried together with others


@dataclass
class Form:
    """What was seen far from zero.

    Attributes:
        mistake: the edit that explains it, if one does.
        off: of f, i*g, o, c and h, those that are not an LSTM's.
        seen: what was measured.
        alike: the headline of another edit that explains it as well.
        inside: whether an LSTM could look so far from zero, if some of its gates went together.
    """

    mistake: Mistake | str | None = None
    off: tuple[str, ...] = ()
    seen: str = ""
    alike: str = ""
    inside: bool = False


@cache
def _tables() -> list[tuple[Mistake, Tensor]]:
    right, tabled = table({}), []
    for mistake in FORMS:
        with suppress(NameError):  # it looks at x or at weights
            tabled.append((mistake, table(mistake.how)))
    return [(mistake, rows) for mistake, rows in tabled if not torch.equal(rows, right)]


@cache
def _pairs() -> list[tuple[Mistake, Tensor]]:
    each = [mistake for mistake, _ in _tables()]
    whys = [mistake.why for mistake in each]
    likely = [m for k, m in enumerate(each) if whys[:k].count(m.why) < _PAIRED]
    apart = (p for p in combinations(likely, 2) if not p[0].how.keys() & p[1].how.keys())
    return [(pair, table(pair.how)) for pair in (both(*mistakes) for mistakes in apart)]


def find_form(eye: Eye) -> Form | None:
    """The form of a cell from what it does far from zero; None where it is an LSTM's.

    Raises:
        Failed: its gates never come to rest.
    """
    for scale in (60.0, 400.0, 12.0, 1e7):
        seen = eye.far_rows(scale)
        if len(seen) >= _FEW:
            break
    else:
        raise Failed(told("restless"))
    limit = 30 * eye.limit if eye.exact else 2e-2
    if _same(seen, table({}), limit):
        return None
    off = _off(seen, limit)
    fit = [mistake for mistake, rows in _tables() if _same(seen, rows, limit)]
    if fit:
        near = torch.cdist(seen, table({}), p=torch.inf).amin(1) < limit
        alike = fit[1].headline if len(fit) == 2 else ""  # more of them would tell nobody anything
        return Form(fit[0], off, alike=alike, inside=bool(near.double().mean() > 0.95))
    for name, said, changed in _measured(seen, limit):
        if changed is None or _same(seen, table(changed), limit):
            return Form(name, off, said)
    pair = next((mistake for mistake, rows in _pairs() if _same(seen, rows, limit)), None)
    return Form(pair, off)


def _same(seen: Tensor, rows: Tensor, limit: float) -> bool:
    """Whether what is seen are rows of this table, and nearly all of its rows are seen."""
    some = torch.cdist(seen[:: 1 + len(seen) // _FEW], rows, p=torch.inf)
    if len(seen) < _FEW or (some.amin(1) < limit).double().mean() < 0.7:
        return False
    far = torch.cdist(seen, rows, p=torch.inf)
    in_table = (far.amin(1) < limit).double().mean() > 0.95
    return bool(in_table and (far.amin(0) < limit).double().mean() >= 0.85)


def _measured(seen: Tensor, limit: float) -> Iterator[tuple[str, str, Parts | None]]:
    """Other cells with a number of their own, which is measured: its name, what to say, the edit
    that it should be, None where what was seen is enough."""
    h, c = seen.unflatten(1, (len(OLD_C), 2)).unbind(-1)
    old = torch.tensor(OLD_C, dtype=seen.dtype)

    def near(values: Tensor, others: Tensor | float) -> Tensor:
        return (values - others).abs() < limit

    if near(h, h[:, :1]).all() and (near(c, c[:, :1]).all() or near(c, old).all()):
        yield ("gru" if near(h, OLD_H).any() else "rnn"), "", None
        return
    most = c.abs().max().item()
    yield "clipped c", f"{most:.3g}", {"c": f"clip({RIGHT['c']}, {-most}, {most})"}
    slope = (c[:, 1] - c[:, 0]) / OLD_C[1]
    if not near((c[:, 2] - c[:, 0]) / OLD_C[2], slope).all():
        return
    shut = h[near(h, h[:, :1]).all(1)]
    kept_h = shut.abs().median().item() / OLD_H if len(shut) else 0.0
    low, high = slope.min().item(), slope.max().item()
    if 0.01 < kept_h < 0.99 or low > 0.01:
        kept = [k for k, part in (("h", kept_h), ("c", low)) if 0.01 < part < 0.99]
        how = {"first": f"h + {kept_h} * (h_0 - h)", "second": f"c + {low} * (c_0 - c)"}
        yield "zoneout", " and the old ".join(kept), how
    if high < 0.999:
        yield "time decay", f"{high:.3g}", {"c": f"{high} * f * c_0 + i * g"}
    said = "something is added to f after its sigmoid"
    yield "forget_bias_after_sigmoid", said, {"f": f"sigmoid(z_f).add({low})"}
    ends = (((slope - low).abs() < 1e-3) | ((slope - high).abs() < 1e-3)).double().mean()
    inside = ((slope > 0.01) & (slope < 0.99)).double().mean()
    if inside > 0.9 and ends > 0.95 and abs(low + high - 1) < 1e-2:
        yield "clipped gates", f"{low:.2g} and {high:.2g}", None
    elif inside > 0.3 and ends < 0.7:
        yield "layer norm", "", None


def _off(seen: Tensor, limit: float) -> tuple[str, ...]:
    """Which parts of a cell are not an LSTM's."""
    h, c = seen.unflatten(1, (len(OLD_C), 2)).unbind(-1)
    old = torch.tensor(OLD_C, dtype=seen.dtype)
    write = c[:, 0]
    slope = ((c[:, 1] - write) / OLD_C[1]).where(c.abs().amax(1) < 500, torch.nan)
    squashed = torch.tanh(c.clamp(-50, 50))
    o = (h / squashed.where(squashed.abs() > 1e-2, torch.nan)).nanmedian(1, keepdim=True).values

    def mostly(true: Tensor) -> bool:
        return bool(true.double().mean() > 0.95)

    def among(values: Tensor, *allowed: float) -> bool:
        near = [(values - value).abs() < limit for value in allowed]
        return mostly(torch.stack(near).any(0) | values.isnan())

    straight = (write[:, None] + slope[:, None] * old - c).abs() < limit
    f, i_g = among(slope, 0, 1), among(write, 0, 1, -1)
    right = {
        "f": f and mostly(straight[~slope.isnan()]) and bool((slope < 0.5).any()),
        "i*g": i_g,
        "o": among(o, 0, 1),
        "c": f and i_g and mostly(straight),
        "h": mostly((o.nan_to_num(0.0) * squashed - h).abs() < limit),
    }
    return tuple(part for part, fine in right.items() if not fine)
