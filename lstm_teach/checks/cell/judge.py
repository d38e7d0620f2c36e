"""The verdict on a cell that runs: its form, then its lines, then where they come from.

Far from zero every gate is open or shut, so a cell is a table of 16 rows, whatever its weights. Its
form is the edit of the equations whose table is what is seen there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import Sizes, has_buffers, listed, normals, unused
from lstm_teach.checks.cell.equations import (
    FORMS,
    GATES,
    OLD_C,
    OLD_H,
    RIGHT,
    Parts,
    draw,
    run,
    solved,
    table,
    the_gates,
    told,
)
from lstm_teach.checks.cell.reading import LARGE, Eye, Failed, Lines, State
from lstm_teach.checks.cell.sources import Layout, describe, find_layout, gathered, wrong_source
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report

MIXED = told("mixed")
_PARTS = ("f", "i*g", "o", "c", "h")
# i and g come back as their product only.
_MADE = {"i": "i*g", "g": "i*g", "first": "h", "second": "c"}
_OLD_H = next(mistake for mistake in FORMS if mistake.how == {"c": "f * h_0 + i * g"})
_FEW = 24


def agrees(state: State | Report, expected: State) -> bool:
    """Whether both are equal, to the precision that the learner's code computes in."""
    if isinstance(state, Report):
        return False
    precise = {torch.float64: 1e-5, torch.float32: 1e-3}
    limit = max(precise.get(part.dtype, 5e-2) for part in state)
    return all(
        torch.allclose(own.double(), right.double(), rtol=limit, atol=limit)
        for own, right in zip(state, expected, strict=True)
    )


def judge(eye: Eye, own: Mapping[str, Tensor]) -> Report:
    """The verdict on a cell that runs on a few samples.

    Args:
        eye: looks at it; its weights are drawn anew.
        own: the weights under the same names as the learner left them, for `Report.as_torch`.
    """
    if not eye.is_function:
        eye.redraw()
    try:
        return _compared(eye) if eye.is_function else _read(eye, own)
    except Failed as failed:
        why: Report = failed.args[0]
        return why


def _compared(eye: Eye) -> Report:
    """The verdict on a function: its weights are known, so the equations give its numbers."""
    seen: list[tuple[dict[str, Tensor], State]] = []
    others = [(2, (3, 6), 1.5), (3, (4, 4), LARGE)] if eye.free else []
    for seed, sizes, largest in ((1, eye.sizes, 1.5), (4, eye.sizes, LARGE), *others):
        drawn = draw(seed, sizes, largest)
        state = None if seen and eye.caller.in_a_hurry() else eye.caller(**drawn)
        if isinstance(state, tuple):
            seen.append((drawn, state))
    wrong = [(given, state) for given, state in seen if not agrees(state, run(given, {}))]
    if not wrong:
        said = "h and c are nn.LSTMCell's, on random weights and states of several sizes."
        right = Report("ok", said)
        return right if eye.caller.in_a_hurry() else _alone(eye, right)
    pairs = [
        (own.double(), right)
        for given, state in wrong
        for own, right in zip(state, run(given, {}), strict=True)
    ]
    fits = (m for m in FORMS if all(agrees(state, run(given, m.how)) for given, state in wrong))
    form = next(fits, None)
    if form:
        report = told(form)
    elif all(((own - right).abs() < 0.02 * (1 + right.abs())).all() for own, right in pairs):
        report = told("rounded")
    else:
        report = _off() if eye.caller.in_a_hurry() else _read(eye, {})
    evidence = {
        f"{name} differs by": (own - right).abs().max().item()
        for name, (own, right) in zip("hc", pairs, strict=False)
    }
    return replace(report, evidence={**report.evidence, **evidence})


def _read(eye: Eye, own: Mapping[str, Tensor]) -> Report:
    """The verdict from what can be read off a cell: its form, its lines, their sources."""
    h, c = eye.step()
    if not agrees(eye.caller(**eye.few), (h, c)):
        return told("twice")
    two = eye.first(2)
    if isinstance(two, tuple) and not agrees(two, (h[:2], c[:2])):
        return MIXED
    if not _matters(eye, "x"):
        return told("reach", "x never reaches the gates")
    form = _wrong_form(eye)
    if form is not None and not form[1]:
        return form[0]
    lines = eye.lines()
    if lines.looks_at_c or lines.bent or lines.unread():
        unreadable = _unreadable(eye, lines)
        if form is None:
            return unreadable
        alone = form[0].verdict == "variant" or not lines.looks_at_c
        also = "" if alone else f"\nNot this alone: {unreadable.headline}."
        return replace(form[0], message=form[0].message + also)
    layout = find_layout(eye, lines)
    shown = wrong_source(layout, form is None)
    if shown:
        return told(*shown)
    if form is not None:
        return form[0]
    zero, one, large = (eye.step(c=torch.full_like(eye.few["c"], k))[1] for k in (0, 1, LARGE))
    if ((one - zero) * LARGE + zero - large).abs().max() > 1.0:
        return told("clipped c", f"{large.abs().max():.3g}")
    if eye.is_function:
        return _off()
    evidence = {"gate order": " ".join(layout.order)} if layout.order else {}
    columns = sorted({source.name for source in layout.used if source.laid == "transposed"})
    evidence |= {"transposed": ", ".join(columns)} if columns else {}
    message = (
        "With random weights and states, its gates f, i, g, o and what it returns are an LSTM's.\n"
        f"{describe(layout)}"
    )
    read = {source.name for source in layout.used} | {n for n, by in layout.biases.items() if by}
    all_read = len(layout.used) == 2 * len(GATES) and not has_buffers(eye.weights, read)
    unseen = (*unused(name for name in eye.weights if name not in read),) if all_read else ()
    right = Report("ok", message, evidence, unseen, lstm=_as_torch(layout, own))
    return _alone(eye, right)


def _as_torch(layout: Layout, own: Mapping[str, Tensor]) -> nn.LSTM | None:
    """An nn.LSTM with the learner's own weights; None where not all of them were found."""
    eye = layout.eye
    read = gathered(layout, eye.weights)
    if read is None or not own.keys() >= eye.weights.keys():
        return None
    if not agrees(eye.step(), run({**eye.few, **read}, {})):
        return None
    values = (gathered(layout, own) or read).values()
    lstm = nn.LSTM(*eye.sizes, dtype=next(iter(own.values())).dtype)
    for parameter, value in zip(lstm.parameters(), values, strict=True):
        parameter.data.copy_(value)
    return lstm


@cache
def _tables() -> list[tuple[Mistake, Tensor, _Near]]:
    """Of each form the rows far from zero and what is seen near it."""
    right, tabled = table({}), []
    for mistake in FORMS:
        with suppress(NameError):  # it looks at x or at weights
            tabled.append((mistake, table(mistake.how), _form_near_zero(mistake.how)))
    return [one for one in tabled if not torch.equal(one[1], right)]


def _wrong_form(eye: Eye) -> tuple[Report, bool] | None:
    """The report on a cell that has not an LSTM's form, far from zero; None where it has.

    Beside it whether its rows all stand in an LSTM's table, as where some gates go together.
    """
    for scale in (60.0, 400.0, 12.0, 1e7):
        seen = eye.far_rows(scale)
        if len(seen) >= _FEW:
            break
    else:
        raise Failed(told("restless"))
    limit = 300 * eye.limit if eye.exact else 2e-2  # clipped at 10, a sigmoid ends 5e-5 short of 1
    eye.redraw(biases=False)
    here = _near_zero(eye.sizes, eye.step)
    eye.redraw()
    right = bool(_same(seen, table({}), limit))
    far = [
        ((here.rank(near), -share), one)
        for one, rows, near in _tables()
        if (not right or here.has_other_h(one)) and (share := _same(seen, rows, limit))
    ]
    if right and not far:
        return None
    best = min((rank for rank, _ in far), default=None)
    fit = [one for rank, one in far if rank == best]
    if not eye.weights:  # few rows of a table are seen then
        return told("undrawn"), False
    if fit:
        near = torch.cdist(seen, table({}), p=torch.inf).amin(1) < limit
        inside = not right and bool(near.double().mean() > 0.95)
        if fit[0] == _OLD_H and _matters(eye, "c"):
            return told("exchanged"), inside
        changed = fit[0].how if fit[0].verdict != "variant" else ()
        report = told(fit[0], evidence={_MADE.get(part, part): "off" for part in changed})
        if fit[0].verdict == "hard_sigmoid":  # whatever its numbers
            return told("hard_sigmoid", "sigmoid, tanh or both are made of straight lines"), inside
        if len(fit) == 2:  # more of them would tell nobody anything
            also = f"\nFrom outside this looks the same: {fit[1].headline}."
            report = replace(report, message=report.message + also)
        return report, inside
    off = _parts_off(seen, limit)
    if not eye.is_function:
        without = eye.far_rows(scale, biases=False)
        eye.redraw()  # as `_crosses` below finds them
        gates = [part for part in _PARTS[:3] if part in off]
        if gates and _same(without, table({}), limit):
            name = "forget_bias_after_sigmoid" if gates == ["f"] else "bias_outside"
            said = f"a bias is added behind the activation, in {listed(gates)}"
            return told(name, said, dict.fromkeys(off, "off")), False
    for name, said, how in _measured(seen, limit):
        if how is None or _same(seen, table(how), limit):
            return told(name, said, dict.fromkeys(off, "off")), False
    crosses = {"o", "h"} >= {*off} and _crosses(eye)
    return (told("layer norm of c") if crosses else _off(off)), False


class _Near(NamedTuple):
    """What is seen near zero of a cell without biases, whatever its weights.

    At x = h = 0 it gives `start`, h and c from an old c of 1, unless the gates look at c. i * g has
    there a value, and grows along x in such powers, `write`; it may be odd or even. Where no x
    comes in, that is None. Both are where units differ at zero, or there is one alone: biases may
    not all have been taken away.
    """

    start: tuple[float, float] | None
    write: tuple[float, set[float], bool, bool] | None

    def rank(self, form: _Near) -> int:
        """How well it is this form: 0 best; 1 where f or o may have a number of the code's own."""
        if self.write not in (None, form.write):
            return 2
        return int(self.start not in (None, form.start))

    def has_other_h(self, mistake: Mistake) -> bool:
        """Whether h is made of the c that was seen as with this mistake, and not as in an LSTM."""
        if self.start is None or {*mistake.how} != {"h"}:
            return False
        h, c = self.start
        known = {f"z_{gate}": torch.zeros(1) for gate in GATES}
        known |= {"c_0": torch.tensor([c]), "h_0": torch.zeros(1)}
        ways: list[Parts] = [mistake.how, {}]
        wrong, usual = (solved({"c": "c_0", **how}, {**known})[0] for how in ways)
        return bool((wrong - h).abs() < 2e-3 < (usual - h).abs())


def _near_zero(sizes: Sizes, step: Callable[..., State]) -> _Near:
    along = torch.tensor([0.0, 2**-12, 2**-11, 1.0, -1.0])[:, None] * normals(7)(1, sizes[0])
    none = along.new_zeros(len(along), sizes[1])
    (_, w), (h, c), (_, c_2) = (step(x=along, h=none, c=none + k) for k in (0, 1, 2))
    alike = all(((part - part[0, 0])[0].abs() < 1e-5).all() for part in (w, h, c)) and sizes[1] > 1
    is_straight = alike and ((c_2 + w - 2 * c)[0].abs() < 1e-5).all()
    once, twice, up, down = w[1:] - w[0]
    powers = {round(k, 0) for k in (twice / once).abs().log2().nan_to_num(-1.0).tolist()}
    even, odd = (bool((half.abs() < 1e-5).all()) for half in (up - down, up + down))
    start = round(h[0, 0].item(), 3), round(c[0, 0].item(), 3)
    write = round(w[0, 0].item(), 3), powers, even, odd
    return _Near(start if is_straight else None, write if alike and powers != {-1.0} else None)


def _form_near_zero(how: Parts) -> _Near:
    given = draw(1, (6, 6))
    given |= {name: 0 * given[name] for name in ("b_ih", "b_hh")}
    return _near_zero((6, 6), lambda **changed: run({**given, **changed}, how))


def _same(seen: Tensor, rows: Tensor, limit: float) -> float:
    """The share of this table that is seen; 0 where that is not nearly all, or others are seen."""
    near = torch.cdist(seen, rows, p=torch.inf) < limit
    in_table, of_table = (near.any(axis).double().mean() for axis in (1, 0))
    return of_table.item() if in_table > 0.95 and of_table >= 0.85 else 0.0


def _measured(seen: Tensor, limit: float) -> Iterator[tuple[str, str, Parts | None]]:
    """Other cells with a number of their own, which is measured: its name, what to say, the edit
    that it should be, None where what was seen is enough."""
    h, c = seen[:, ::2], seen[:, 1::2]

    def near(values: Tensor, others: Tensor | float) -> Tensor:
        return (values - others).abs() < limit

    if near(h, h[:, :1]).all() and (near(c, c[:, :1]).all() or near(c, OLD_C).all()):
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


def _parts_off(seen: Tensor, limit: float) -> tuple[str, ...]:
    """Which parts of a cell are not an LSTM's."""
    h, c = seen[:, ::2], seen[:, 1::2]
    write = c[:, 0]
    slope = ((c[:, 1] - write) / OLD_C[1]).where(c.abs().amax(1) < 500, torch.nan)
    squashed = torch.tanh(c.clamp(-50, 50))
    o = (h / squashed.where(squashed.abs() > 1e-2, torch.nan)).nanmedian(1, keepdim=True).values

    def are(values: Tensor, *allowed: float) -> bool:
        off = (values.unsqueeze(-1) - torch.tensor(allowed).double()).abs().amin(-1) >= limit
        return bool(off.double().mean() < 0.05)

    off_line = write[:, None] + slope[:, None] * OLD_C - c
    f, written = are(slope, 0, 1), are(write, 0, 1, -1)
    whole = are(o.nan_to_num(0.0) * squashed - h, 0)
    right = {
        "f": f and are(off_line, 0) and bool((slope < 0.5).any()),
        "i*g": written and bool((write < -0.5).any()),
        "o": are(o, 0, 1) or not whole,
        "c": f and written and are(off_line.nan_to_num(torch.inf), 0),
        "h": whole,
    }
    return tuple(part for part, fine in right.items() if not fine)


def _unreadable(eye: Eye, lines: Lines) -> Report:
    """The report where the lines of the gates are none."""
    if lines.looks_at_c:
        most = lines.h.abs().flatten(1).amax(1)
        blind = [gate for gate, one in zip(GATES, most, strict=True) if one < 30 * eye.limit]
        if not _matters(eye, "h"):
            said = "the gates look at c, and the h that came in reaches none of them"
            return told("cell_instead_of_h_in_gates", said)
        if blind:
            said = f"a gate looks at c, and the h that came in does not reach {the_gates(blind)}"
            return told("cell_instead_of_h_in_gates", said)
        late, crosses = lines.looks_at_c == "h", _crosses(eye)
        if late and crosses:
            return told("late")
        return told("full peephole" if crosses else "peephole", ", o in particular" if late else "")
    if lines.hard:
        return told("hard_sigmoid", "the sigmoid is made of straight lines")
    if lines.bent:
        if lines.alone and {*"fo"} <= {*lines.bent}:
            return told("together")
        return _off({_MADE.get(gate, gate) for gate in lines.bent}, "bent")
    return told("unread", the_gates(lines.unread()).capitalize())


def _matters(eye: Eye, name: str) -> bool:
    """Whether x, h or c changes what comes back."""
    both = [eye.step(**{name: sign * eye.few[name]}) for sign in (1, -1)]
    return not all(eye.same(one, other) for one, other in zip(*both, strict=True))


def _crosses(eye: Eye) -> bool:
    """Whether the old c of one unit reaches the new h or c of others."""
    pushed = eye.few["c"].clone()
    pushed[:, 0] += 1.0
    pairs = zip(eye.step(), eye.step(c=pushed), strict=True)
    return not all(eye.same(one[:, 1:], other[:, 1:]) for one, other in pairs)


def _alone(eye: Eye, right: Report) -> Report:
    """The report that a cell is right, but where a batch of a single sample breaks it."""
    (h, c), alone = eye.step(), eye.first(1)
    if agrees(alone, (h[:1], c[:1])):
        return right
    found = f"It says: {alone.message}" if isinstance(alone, Report) else "The numbers are wrong."
    return told("squeeze_batch_of_one", "a batch of one sample breaks it", found=found)


def _off(off: Collection[str] = (), name: str = "off") -> Report:
    """The report on a cell that no known mistake explains: which of its parts are off."""
    off = [part for part in _PARTS if part in off] or _PARTS[-2:]
    evidence = {part: "off" if part in off else "right" for part in _PARTS}
    report = told(name, f"{listed(off)} {'is' if len(off) == 1 else 'are'}", evidence)
    return replace(report, cause="guessed")
