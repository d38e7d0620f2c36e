"""The verdict on a cell that runs: its form, then its sums, then where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import listed
from lstm_teach.checks.cell.equations import draw, run
from lstm_teach.checks.cell.forms import Form, find_form
from lstm_teach.checks.cell.mistakes import FORMS, the_gates, told
from lstm_teach.checks.cell.reading import LARGE, Eye, Failed, Lines
from lstm_teach.checks.cell.sources import Layout, describe, find_layout, gathered, wrong_source
from lstm_teach.checks.cell.step import State
from lstm_teach.checks.report import Report

MIXED = told("mixed")
_PARTS = ("f", "i*g", "o", "c", "h")
_OLD_H = next(mistake for mistake in FORMS if mistake.how == {"c": "f * h_0 + i * g"})
Seen = list[tuple[dict[str, Tensor], State]]
"""What a function was given, and what came back."""


def agrees(state: State | Report, expected: State) -> bool:
    """Whether both are equal, to the precision that the learner's code computes in."""
    if isinstance(state, Report):
        return False
    precise = {torch.float64: 1e-5, torch.float32: 1e-3}
    limit = max(precise.get(part.dtype, 5e-2) for part in state)
    return all(
        own.shape == right.shape
        and torch.allclose(own.double(), right.double(), rtol=limit, atol=limit)
        for own, right in zip(state, expected, strict=True)
    )


def judge(eye: Eye, few: dict[str, Tensor], own: Mapping[str, Tensor] | None = None) -> Report:
    """The verdict on a cell that runs on these few samples.

    Args:
        eye: looks at it; its weights are drawn anew.
        few: x, h and c of three samples.
        own: the weights under the same names as the learner left them, for `Report.as_torch`.
    """
    if not eye.is_function:
        eye.redraw()
    state = eye.caller(**few, **eye.handed)
    if isinstance(state, Report):
        return state
    eye.exact = eye.caller.dtype == state[0].dtype == torch.float64
    try:
        return _of_function(eye, few) if eye.is_function else _of_module(eye, few, own or {})
    except Failed as failed:
        report: Report = failed.args[0]
        return report


def _of_function(eye: Eye, few: dict[str, Tensor]) -> Report:
    """The verdict on a function: its weights are known, so it is compared first."""
    seen = _draws(eye)
    wrong = [one for one in seen if not fits({}, [one])]
    if not wrong:
        said = "h and c are nn.LSTMCell's, on random weights and states of several sizes."
        broken = None if eye.caller.in_a_hurry() else _alone(eye, few)
        return Report("ok", said) if broken is None else broken
    pairs = [
        (own.double(), right)
        for given, state in wrong
        for own, right in zip(state, run(given, {}), strict=True)
    ]
    known = next((mistake for mistake in FORMS if fits(mistake.how, wrong)), None)
    if known is not None:
        report = told(known)
    elif all(((own - right).abs() < 0.02 * (1 + right.abs())).all() for own, right in pairs):
        report = told("rounded")
    else:
        report = unknown(("h", "c")) if eye.caller.in_a_hurry() else _of_module(eye, few, {})
    evidence = {
        f"{name} differs by": (own - right).abs().max().item()
        for name, (own, right) in zip("hc", pairs, strict=False)
    }
    return replace(report, evidence={**report.evidence, **evidence})


def _draws(eye: Eye) -> Seen:
    """A function on several sizes; the first is the one that is known to run."""
    others = [(2, (3, 6), 1.5), (3, (4, 4), LARGE)] if eye.free else []
    seen: Seen = []
    for seed, sizes, largest in ((1, eye.sizes, 1.5), (4, eye.sizes, LARGE), *others):
        drawn = draw(seed, 3, *sizes, largest)
        state = None if seen and eye.caller.in_a_hurry() else eye.caller(**drawn)
        if isinstance(state, tuple):
            seen.append((drawn, state))
    return seen


def fits(changed: Mapping[str, str], seen: Seen) -> bool:
    """Whether a function with these equations changed gives what was seen, in every draw."""
    return all(agrees(state, run(given, changed)) for given, state in seen)


def _of_module(eye: Eye, few: dict[str, Tensor], own: Mapping[str, Tensor]) -> Report:
    """The verdict from what can be read off a cell: its form, its lines, their sources."""
    state, again = (eye.caller(**few, **eye.handed) for _ in range(2))
    if isinstance(state, Report):
        return state
    if not agrees(again, state):
        return told("twice")
    part = eye.caller(**{name: tensor[:2] for name, tensor in few.items()}, **eye.handed)
    if isinstance(part, tuple) and not agrees(part, (state[0][:2], state[1][:2])):
        return MIXED
    if not _matters(eye, few, "x"):
        return told("reach", "x never reaches the gates")
    form = find_form(eye)
    if form is not None and not form.inside:
        return _formed(eye, few, form)
    lines = eye.lines()
    readable = not (lines.looks_at_c or lines.bent or lines.unread())
    layout = find_layout(eye, lines) if readable else Layout(eye, lines)
    shown = wrong_source(layout) if readable else None
    if form is not None and not shown:
        return _formed(eye, few, form)
    if not readable:
        return _unreadable(eye, few, lines)
    if shown:
        return told(*shown)
    zero, one, large = (
        eye.step(**{**few, "c": torch.full_like(few["c"], value)})[1] for value in (0, 1, LARGE)
    )
    if ((one - zero) * LARGE + zero - large).abs().max() > 1.0:
        return told("clipped c", f"{large.abs().max():.3g}")
    if eye.is_function:
        return unknown(("h", "c"))
    broken = _alone(eye, few)
    if broken is not None:
        return broken
    evidence = {"gate order": " ".join(layout.order)} if layout.order else {}
    columns = sorted({source.name for source in layout.used if source.laid == "transposed"})
    evidence |= {"transposed": ", ".join(columns)} if columns else {}
    message = (
        "With random parameters and states, f, i, g and o read off its behaviour fit an LSTM's "
        f"equations.\n{describe(layout)}"
    )
    return Report("ok", message, evidence, lstm=_as_torch(layout, few, own))


def _formed(eye: Eye, few: dict[str, Tensor], form: Form) -> Report:
    """The report on a cell that has not an LSTM's form."""
    if not eye.weights:  # few rows of a table are seen then
        return told("undrawn")
    if form.mistake is None:
        crosses = {"o", "h"} >= {*form.off} and _crosses(eye, few)
        return told("layer norm of c") if crosses else unknown(form.off)
    if form.mistake == _OLD_H and _matters(eye, few, "c"):
        return told("exchanged")
    off = form.off
    if not isinstance(form.mistake, str):
        made = {"i": "i*g", "g": "i*g", "first": "h", "second": "c"}
        changed = form.mistake.how if form.mistake.verdict != "variant" else ()
        off = tuple(made.get(part, part) for part in changed)
    report = told(form.mistake, form.seen, dict.fromkeys(off, "off"))
    also = f"\nFrom outside this looks the same: {form.alike}."
    return replace(report, message=report.message + also) if form.alike else report


def _as_torch(layout: Layout, few: dict[str, Tensor], own: Mapping[str, Tensor]) -> nn.LSTM | None:
    """An nn.LSTM with the learner's own weights; None where not all of them were found."""
    eye = layout.eye
    read = gathered(layout, eye.weights)
    if read is None or not own.keys() >= eye.weights.keys():
        return None
    if not agrees(eye.step(**few), run({**few, **read}, {})):
        return None
    values = (gathered(layout, own) or read).values()
    lstm = nn.LSTM(*eye.sizes, dtype=next(iter(own.values())).dtype)
    for parameter, value in zip(lstm.parameters(), values, strict=True):
        parameter.data.copy_(value)
    return lstm


def _unreadable(eye: Eye, few: dict[str, Tensor], lines: Lines) -> Report:
    """The report where the lines of the gates are none."""
    # i and g come back as their product only.
    parts = {"f": "f", "i*g": "ig", "o": "o"}
    off = [part for part, gates in parts.items() if {*gates} & {*lines.bent}]
    evidence = {part: "off" if part in off else "right" for part in parts}
    if lines.looks_at_c:
        if not _matters(eye, few, "h"):
            said = "the gates look at c, and the h that came in reaches none of them"
            return told("cell_instead_of_h_in_gates", said)
        late = lines.looks_at_c == "h"
        if late and _overwritten(eye, few):
            return told("late")
        where = ", o in particular" if late else ""
        return told("full peephole" if _crosses(eye, few) else "peephole", where)
    if lines.hard:
        return told("hard_sigmoid", "the sigmoid is made of straight lines", evidence)
    if lines.bent:
        return told("bent", _are(off), evidence)
    return told("unread", the_gates(lines.unread()).capitalize())


def _matters(eye: Eye, few: dict[str, Tensor], name: str) -> bool:
    """Whether x, h or c changes what comes back."""
    both = [eye.step(**{**few, name: sign * few[name]}) for sign in (1, -1)]
    return not all(eye.same(one, other) for one, other in zip(*both, strict=True))


def _overwritten(eye: Eye, few: dict[str, Tensor]) -> bool:
    """Whether the old h reaches the new one through the new c alone."""
    other = {**few, "h": -few["h"]}
    write, kept = (
        eye.step(**{**other, "c": torch.full_like(few["c"], value)})[1] for value in (0, 1)
    )
    h, c = eye.step(**few)
    same_c = {**other, "c": (c - write) / (kept - write)}
    return eye.same(eye.step(**same_c)[0], h, 1e3)


def _crosses(eye: Eye, few: dict[str, Tensor]) -> bool:
    """Whether the old c of one unit reaches the new h or c of others."""
    pushed = few["c"].clone()
    pushed[:, 0] += 1.0
    pairs = zip(eye.step(**few), eye.step(**{**few, "c": pushed}), strict=True)
    return not all(eye.same(one[:, 1:], other[:, 1:]) for one, other in pairs)


def _alone(eye: Eye, few: dict[str, Tensor]) -> Report | None:
    """The report on a cell that is right until the batch is a single sample."""
    whole = eye.caller(**few, **eye.handed)
    alone = eye.caller(**{name: tensor[:1] for name, tensor in few.items()}, **eye.handed)
    if isinstance(whole, Report) or agrees(alone, (whole[0][:1], whole[1][:1])):
        return None
    found = f"It says: {alone.message}" if isinstance(alone, Report) else "The numbers are wrong."
    return told("squeeze_batch_of_one", "a batch of one sample breaks it", found=found)


def unknown(off: tuple[str, ...]) -> Report:
    """The report on a cell that no known mistake explains: which of its parts are off."""
    off = off or ("h", "c")
    evidence = {part: "off" if part in off else "right" for part in _PARTS}
    return told("off", _are(off), evidence)


def _are(off: Sequence[str]) -> str:
    return f"{listed(off)} {'is' if len(off) == 1 else 'are'}"
