"""The verdict on a cell that runs: its form, then its sums, then where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import State, listed
from lstm_teach.checks.cell.equations import GATES, Parts, run
from lstm_teach.checks.cell.forms import Form, find_form
from lstm_teach.checks.cell.mistakes import WORDS, the_gates
from lstm_teach.checks.cell.reading import LARGE, Eye, Failed, Lines
from lstm_teach.checks.cell.sources import (
    Finding,
    Layout,
    describe,
    find_layout,
    gathered,
    in_common,
    of_a_function,
    of_biases,
    unreached,
)
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report

TWICE = Report(
    "unrecognised",
    "Two calls with the same x, h and c gave different results. A cell keeps nothing between "
    "calls and draws nothing at random: its whole memory is the (h, c) that it is given. "
    "Weights are made once, in `__init__`, not in `forward`.",
    headline="two calls with the same numbers give different results",
)
MIXED = Report(
    "unrecognised",
    "The h and c of a sample change with the other samples in the batch, so samples are "
    "mixed. Look for a sum or a mean over axis 0, or a `view` that moves the batch.",
    headline="the samples of a batch are mixed",
)
_COMPARE = "Compare it with the equations: `c = f * c + i * g`, `h = o * torch.tanh(c)`."
_PARTS = ("f", "i*g", "o", "c", "h")


def tolerance(dtype: torch.dtype) -> float:
    """How far a right cell may be off, by the precision that it computes in."""
    return {torch.float64: 1e-5, torch.float32: 1e-3}.get(dtype, 5e-2)


def agrees(state: State | Report, expected: State) -> bool:
    """Whether both are equal, to the precision that the learner's code computes in."""
    if isinstance(state, Report):
        return False
    limit = max(tolerance(part.dtype) for part in state)
    return all(
        own.shape == right.shape
        and torch.allclose(own.double(), right.double(), rtol=limit, atol=limit)
        for own, right in zip(state, expected, strict=True)
    )


def judge(
    eye: Eye,
    few: dict[str, Tensor],
    own: Mapping[str, Tensor] | None = None,
    cell: Any = None,
) -> Report:
    """The verdict on a cell that runs on these few samples.

    Args:
        eye: looks at it; its weights are drawn anew.
        few: x, h and c of three samples.
        own: the weights under the same names as the learner left them, for `Report.as_torch`.
        cell: what the learner brought, for the words of a right one.
    """
    try:
        return _judge(eye, few, own or {}, cell)
    except Failed as failed:
        return failed.report


def _judge(eye: Eye, few: dict[str, Tensor], own: Mapping[str, Tensor], cell: Any) -> Report:
    caller = eye.caller
    given = dict(eye.weights) if eye.is_function else {}
    eye.redraw()
    state = caller(**few, **given)
    if isinstance(state, Report):
        return state
    eye.exact = caller.dtype == state[0].dtype == torch.float64
    if not agrees(caller(**few, **given), state):
        return TWICE
    part = caller(**{name: tensor[:2] for name, tensor in few.items()}, **given)
    if isinstance(part, tuple) and not agrees(part, (state[0][:2], state[1][:2])):
        return MIXED
    if agrees(caller(**{**few, "x": -few["x"]}, **given), state):
        return _told_source(("reach", "x never reaches the gates"))
    form = find_form(eye)
    if form.mistakes:
        told = _with_its_sums(eye, few, form) if eye.is_function else None
        shown = _sources(eye)[2] if told is None and form.inside else None
        if shown and shown[0] != "missing_bias":
            return _told_source(shown)
        return told or _told(form.mistakes, form.words, _evidence(form))
    if not form.saturates:
        return Report(
            "cannot_check",
            "However far x is from zero, the gates never come to rest, open or shut. The check "
            "reads a cell from there, so it cannot say whether this one is right.",
            headline="its gates never saturate",
        )
    if not form.known:
        if {"o", "h"} >= {*form.off} and _crosses(eye, few):
            return _kind("layer norm of c", "")
        return unknown(form.off)
    lines, layout, shown = _sources(eye)
    finding = _near(eye, few, lines)
    if finding is not None:
        return finding
    if lines.unread():
        return Report(
            "cannot_check",
            f"For these sizes the check could not read {the_gates(lines.unread())} off what comes "
            "back. Give it a larger one: `check_cell(YourClass, input_size=5, hidden_size=4)`.",
            headline="i and g could not be told apart",
        )
    if shown:
        return _told_source(shown)
    large = eye.step(**{**few, "c": torch.full_like(few["c"], LARGE)})[1]
    zero = eye.step(**{**few, "c": torch.zeros_like(few["c"])})[1]
    one = eye.step(**{**few, "c": torch.ones_like(few["c"])})[1]
    if ((one - zero) * LARGE + zero - large).abs().max() > 1.0:
        return WORDS["clipped c"].report({"cell": "clipped c"}, seen=f"{large.abs().max():.3g}")
    alone = caller(**{name: tensor[:1] for name, tensor in few.items()}, **given)
    whole = caller(**few, **given)
    if isinstance(whole, tuple) and not agrees(alone, (whole[0][:1], whole[1][:1])):
        return squeezed(alone)
    if eye.is_function:
        return unknown(("h", "c"))
    evidence = {"gate order": " ".join(layout.order)} if layout.order else {}
    turned = {s.name for s in layout.weights.values() if s.laid == "columns"}
    evidence |= {"transposed": ", ".join(sorted(turned))} if turned else {}
    message = (
        "With random parameters and states, f, i, g and o read off its behaviour fit an LSTM's "
        f"equations.\n{describe(cell, eye, layout)}"
    )
    return Report("ok", message, evidence, lstm=_as_torch(eye, layout, few, own))


def _as_torch(
    eye: Eye, layout: Layout, few: dict[str, Tensor], own: Mapping[str, Tensor]
) -> nn.LSTM | None:
    """An nn.LSTM with the learner's own weights; None where they cannot be read off."""
    read = gathered(layout, eye.weights, eye.sizes)
    if read and own.keys() >= eye.weights.keys() and _same_step(eye, read, few):
        return as_lstm(gathered(layout, own, eye.sizes), next(iter(own.values())).dtype)
    if own.keys() != eye.weights.keys() or max(eye.sizes) > 64:
        return None
    for name, tensor in eye.weights.items():
        tensor.copy_(own[name])
    eye.units, eye.columns = torch.arange(eye.sizes[1]), tuple(map(torch.arange, eye.sizes))
    lines = eye.lines(None)
    read = lines.x.flatten(0, 1), lines.h.flatten(0, 1), lines.b.flatten()
    if not _same_step(eye, read, few):
        return None
    return as_lstm(read, next(iter(own.values())).dtype)


def _same_step(eye: Eye, read: tuple[Tensor, Tensor, Tensor], few: dict[str, Tensor]) -> bool:
    given = SimpleNamespace(**few, w_ih=read[0], w_hh=read[1], b_ih=read[2], b_hh=0 * read[2])
    return agrees(eye.step(**few), run(given, {}))


def as_lstm(read: tuple[Tensor, Tensor, Tensor] | None, dtype: torch.dtype) -> nn.LSTM | None:
    """An nn.LSTM of one layer with these weights, in PyTorch's order, and one sum of biases."""
    if read is None or not all(part.isfinite().all() for part in read):
        return None
    w_ih, w_hh, bias = read
    lstm = nn.LSTM(w_ih.shape[1], w_hh.shape[1], dtype=dtype)
    for parameter, value in zip(lstm.parameters(), (w_ih, w_hh, bias, 0 * bias), strict=True):
        parameter.data.copy_(value)
    return lstm


def _readable(eye: Eye) -> Lines:
    """Lines of the gates; from other weights where those of i or g could not be read."""
    tried = []
    for seed in (5, 6, 7, 11, 12, 13):
        lines = eye.lines(seed)
        if lines.b.isfinite().double().mean() > 0.99 or lines.looks_at_c or lines.bent:
            return lines
        tried.append((lines.b.isfinite().sum().item(), -seed, lines))
    best = max(tried, key=lambda t: t[:2])
    return eye.lines(-best[1])


def _sources(eye: Eye) -> tuple[Lines, Layout, Finding | None]:
    """The lines of the gates, where they come from, and what is wrong with that."""
    lines = _readable(eye)
    if lines.looks_at_c or lines.bent or lines.unread():
        return lines, Layout(), None
    layout = find_layout(eye, lines)
    shown = unreached(lines)
    if eye.is_function:
        shown = shown or of_a_function(layout) or of_biases(eye, layout)
    common = None if shown else in_common(eye, lines)
    if common and in_common(eye, eye.lines(8)):  # two may be alike by chance
        shown = common
    elif common:
        eye.lines(5)
    return lines, layout, shown or of_biases(eye, layout)


def _near(eye: Eye, few: dict[str, Tensor], lines: Lines) -> Report | None:
    """A report where the lines of the gates are none."""
    x, h, c = few.values()
    evidence = {f"{gate} misses its line by": missed for gate, missed in lines.missed.items()}
    if lines.looks_at_c:
        seen, other_h = eye.step(x, h, c), eye.step(x, -h, c)
        if all(eye.same(a, b) for a, b in zip(seen, other_h, strict=True)):
            mistake = WORDS["cell_instead_of_h_in_gates"]
            return replace(mistake, headline=_FROM_C).report()
        if _crosses(eye, few):
            where = "through weights of their own" if lines.looks_at_c == "c" else "o in particular"
            return _kind("full peephole", where)
        where = "the old one" if lines.looks_at_c == "c" else "o in particular"
        return _kind("peephole", where)
    if not lines.bent:
        return None
    if lines.hard:
        mistake = WORDS["hard_sigmoid"]
        return replace(mistake, headline=_HARD).report(evidence)
    if _multiplies(eye, few):
        return _kind("multiplicative", "")
    return Report(
        "unrecognised",
        f"The sums of {the_gates(lines.bent)} are no straight lines in x and h: something is done "
        "to x, to h or to the sums before their sigmoid or tanh, or the activation is another "
        f"one. {_COMPARE}",
        evidence,
        headline=f"{the_gates(lines.bent)} {'is' if len(lines.bent) == 1 else 'are'} off",
    )


def _crosses(eye: Eye, few: dict[str, Tensor]) -> bool:
    """Whether the old c of one unit reaches the new h or c of others."""
    pushed = few["c"].clone()
    pushed[:, 0] += 1.0
    pairs = zip(eye.step(**few), eye.step(**{**few, "c": pushed}), strict=True)
    return not all(eye.same(one[:, 1:], other[:, 1:]) for one, other in pairs)


_FROM_C = "the gates are made from x and c, not from x and h"
_HARD = "the sigmoid of the gates is made of straight lines"


def _kind(name: str, seen: str) -> Report:
    mistake = WORDS[name]
    return mistake.report({"cell": mistake.headline}, seen=seen)


def _multiplies(eye: Eye, few: dict[str, Tensor]) -> bool:
    """Whether the sum of f is a straight line in x and in h, each for itself, but not in both."""
    x, h = 0.4 * few["x"], 0.4 * few["h"]
    one = torch.ones_like(few["c"])

    def sums(x: Tensor, h: Tensor) -> Tensor:
        return torch.logit(eye.step(x, h, one)[1] - eye.step(x, h, 0 * one)[1])

    both, none = sums(x, h), sums(0 * x, 0 * h)
    in_x = sums(2 * x, h) - 2 * both + sums(0 * x, h)
    in_h = sums(x, 2 * h) - 2 * both + sums(x, 0 * h)
    crossed = both - sums(x, 0 * h) - sums(0 * x, h) + none
    return bool(in_x.abs().max() < 1e-4 and in_h.abs().max() < 1e-4 < crossed.abs().max())


def _evidence(form: Form) -> dict[str, Any]:
    first = form.mistakes[0]
    if first.verdict == "variant":
        return {"cell": first.headline.partition(",")[0]}
    parts = [part for part in _PARTS if part in _TOUCHED.get(next(iter(first.how or {}), ""), ())]
    return {part: "off" for part in parts}


_TOUCHED = {
    "c": ("c",),
    "h": ("h",),
    "returned": ("h", "c"),
    "i": ("i*g",),
    "g": ("i*g",),
    "f": ("f",),
    "o": ("o",),
}


def _told(mistakes: tuple[Mistake, ...], words: dict[str, Any], evidence: dict[str, Any]) -> Report:
    if len(mistakes) == 1:
        return mistakes[0].report(evidence, **words)
    verdicts = [mistake.verdict for mistake in mistakes]
    named = [verdict for verdict in verdicts if verdict != "unrecognised"]
    verdict = verdicts[0] if len({*verdicts}) == 1 else "unrecognised"
    if named and verdict == "unrecognised":
        evidence = {"mistakes": " and ".join(named), **evidence}
    fixes = " And: ".join(f"{mistake.fix}." for mistake in mistakes if mistake.fix)
    headlines = "; and ".join(mistake.headline.format(**words) for mistake in mistakes)
    return Report(verdict, f"Fix: {fixes}", evidence, headline=f"two mistakes at once: {headlines}")


def _told_source(finding: Finding) -> Report:
    name, seen = finding
    if WORDS[name].verdict == "variant":
        return _kind(name, seen)
    mistake = WORDS[name]
    if "{seen}" not in mistake.headline:
        mistake = replace(mistake, headline="{seen}")
    return mistake.report({}, seen=seen)


def squeezed(alone: State | Report) -> Report:
    """The report on a cell that is right until the batch is a single sample."""
    found = f"It says: {alone.message}" if isinstance(alone, Report) else "The numbers are wrong."
    return WORDS["squeeze_batch_of_one"].report(
        {}, seen="a batch of one sample breaks it", found=found
    )


def unknown(off: tuple[str, ...], by: dict[str, float] | None = None, said: str = "") -> Report:
    """The report on a cell that no known mistake explains: which of its parts are off."""
    off = off or ("h", "c")
    fine = [part for part in _PARTS if part not in off]
    right = f" {listed(fine)} {'is' if len(fine) == 1 else 'are'} right." if fine else ""
    evidence: dict[str, Any] = by or {part: "off" if part in off else "right" for part in _PARTS}
    names = listed(off)
    return Report(
        "unrecognised",
        f"{said}Beside nn.LSTMCell's equations, what is off: {names}.{right} {_where_to_look(off)}",
        evidence,
        headline=f"{names} {'is' if len(off) == 1 else 'are'} off",
    )


def _where_to_look(off: tuple[str, ...]) -> str:
    if not {"f", "i*g", "c"} & {*off}:
        return "Look at the line that makes h, and at o."
    if "o" not in off:
        return "o = h / tanh(c) is right, so look at the lines that make c, not at the one for h."
    if "f" not in off:
        return "What is kept of the old c is right; look at what is added to it, and at h."
    return (
        "Look at the sums of the gates and at their sigmoid or tanh first: everything else is "
        "made from them."
    )


def fits(changed: Parts, seen: list[tuple[Any, State]], order: str = GATES) -> bool:
    """Whether a function with these equations changed gives what was seen, in every draw."""
    try:
        return all(agrees(state, run(given, changed, order)) for given, state in seen)
    except RuntimeError:
        return False


def _with_its_sums(eye: Eye, few: dict[str, Tensor], form: Form) -> Report | None:
    """A function whose form is off, with its weights: is anything wrong in the sums as well?"""
    eye.redraw()
    given = SimpleNamespace(**few, **eye.weights)
    state = eye.caller(**few, **eye.weights)
    if not isinstance(state, tuple) or any(m.how is None for m in form.mistakes):
        return None
    seen = [(given, state)]
    changed = {name: made for m in form.mistakes for name, made in m.how.items()}
    if fits(changed, seen):
        return _told(form.mistakes, form.words, _evidence(form))
    for name, said, sums, order in _other_sums():
        if fits({**changed, **sums}, seen, order):
            other = replace(WORDS[name], headline=said)
            return _told((*form.mistakes, other), {}, {})
    return None


def _other_sums() -> Iterator[tuple[str, str, Parts, str]]:
    """Slips in the sums that are also tried together with one in the equations."""
    for order in map("".join, permutations(GATES)):
        if order != GATES:
            said = f"your code takes the four blocks of rows as {', '.join(order)}"
            yield "gate_order", said, {}, order
    for said, plus in (
        ("`b_hh` is left out", "- d_{0}"),
        ("`b_ih` is left out", "- b_{0}"),
        ("both biases are left out", "- b_{0} - d_{0}"),
        ("`b_ih` is added twice", "+ b_{0}"),
        ("`b_hh` is added twice", "+ d_{0}"),
    ):
        name = "bias_twice" if "+" in plus else "missing_bias"
        yield name, said, {f"z_{k}": f"z_{k} {plus.format(k)}" for k in GATES}, GATES
