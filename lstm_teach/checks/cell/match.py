"""Holding what a cell returned against what every known mistake would return."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lstm_teach.checks.cell.calls import State, agrees
from lstm_teach.checks.cell.equations import Draw, Parts, run
from lstm_teach.checks.cell.mistakes import MISTAKES, Mistake

Made = tuple[Mistake, str, Parts]
"""A mistake, one way to make it, and the parts that it changes."""


def candidates() -> Iterator[Made]:
    """Every known way to make every known mistake."""
    for mistake in MISTAKES:
        for detail, changed in mistake.ways:
            yield mistake, detail, changed


def pairs() -> Iterator[tuple[Made, Made]]:
    """Two likely mistakes at once, where they do not change the same part."""
    likely = [(m, detail, changed) for m in MISTAKES for detail, changed in m.ways[: m.paired]]
    for one, two in combinations(likely, 2):
        if not one[2].keys() & two[2].keys():
            yield one, two


def fits(changed: Parts, seen: list[tuple[Draw, State]]) -> bool:
    """Whether these parts give the same numbers in every draw."""
    try:
        return all(agrees(state, run(given, changed)) for given, state in seen)
    except RuntimeError:  # w_ih without its transpose fits only where it is square
        return False


def known_mistake(wrong: list[tuple[Draw, State]]) -> tuple[Mistake, str] | None:
    """The mistake, and the way to make it, that gives the same numbers in every draw."""
    for mistake, detail, changed in candidates():
        if fits(changed, wrong):
            return mistake, detail
    return None


def told(mistake: Mistake, detail: str) -> str:
    """The words for a known mistake made in one way."""
    return f"{sentence(detail)}\n{mistake.why}\nFix: {mistake.fix}."


def sentence(detail: str) -> str:
    """A detail as a sentence; the name of a tensor keeps its small letter."""
    first = detail.split()[0]
    return f"{detail if len(first) == 1 else detail[0].upper() + detail[1:]}."
