"""The mistakes in wiring a stack that have a name, and the stacks of another kind: `mistakes.txt`.

A way to make one is told by the equations of `wiring` that it changes, or where it is found
otherwise by a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from lstm_teach.checks.mistake import Mistake, entries
from lstm_teach.checks.report import Report

_LOST = {
    "every layer": "0",
    "layer 0": "(k > 0)",
    "every layer above layer 0": "(k == 0)",
    "the top layer": "(k < n - 1)",
    "every layer below the top": "(k == n - 1)",
}
"""The layers in which h or c is lost, and what is 0 for them and else 1."""
_PARTS = {"h and c start": "hc", "h starts": "h", "c starts": "c"}


def _each(headline: str, how: str) -> Iterator[tuple[str, str]]:
    """A way to make a mistake, once for all that its headline may stand for."""
    if "{where}" not in headline:
        yield headline, how
        return
    for (where, kept), (what, parts) in product(_LOST.items(), _PARTS.items()):
        lost = "; ".join(f"{part}_0 = {part}(k, t - 1) * {kept}" for part in parts)
        yield headline.format(where=where, what=what), how.format(lost=lost)


def known(package: str) -> tuple[list[tuple[str, Mistake]], dict[str, Mistake]]:
    """The catalogue of a check: what is told by equations, `how`, with the name of its entry, and
    the words of all else."""
    stacks, words = [], {}
    for entry in entries(package):
        for headline, how in (one for way in entry.ways for one in _each(*way)):
            if " = " in how:
                stacks.append((entry.name, entry.made(headline, how)))
            else:
                words[how] = entry.made(headline, None)
        words.setdefault(entry.name, entry.mistake)
    return stacks, words


_NAMED, WORDS = known(__package__)
MISTAKES = [mistake for _, mistake in _NAMED]


def told(
    name: str, evidence: Any = None, /, words: Any = WORDS, headline: str = "", **holes: Any
) -> Report:
    """The report on what has this name in the catalogue, if wished under a headline of its own."""
    mistake: Mistake = words[name]
    mistake = replace(mistake, headline=headline or mistake.headline)
    return mistake.report(evidence, **{"seen": "", **holes})
