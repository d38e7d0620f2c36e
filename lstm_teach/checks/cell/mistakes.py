"""The known mistakes in an LSTM cell, and the other cells that are no mistakes: `mistakes.txt`.

A form is told by the equations that it changes, a source by which rows of the parameters feed
which gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from lstm_teach.checks.bringing import listed
from lstm_teach.checks.cell.equations import RIGHT, Parts, parts
from lstm_teach.checks.mistake import Mistake, entries
from lstm_teach.checks.report import Report


def the_gates(gates: str) -> str:
    """The gate f, the gates i and f."""
    names = listed(gates)
    return f"the gate {names}" if len(gates) == 1 else f"the gates {names}"


def _subsets(gates: str) -> list[str]:
    """All of the gates first, then fewer of them."""
    return ["".join(some) for n in range(len(gates), 0, -1) for some in combinations(gates, n)]


def _edits(headline: str, how: str) -> Iterator[tuple[str, Parts]]:
    """What a way to make a mistake does, and the equations that it changes; once for all gates that
    it may touch."""
    among, _, headline = headline.rpartition(" :: ")
    for some in among.split(","):
        for gates in _subsets(some[:-1]) if some.endswith("*") else [some]:
            each = []
            for k in gates:
                names = {"k": k, "z": f"z_{k}", "a": RIGHT[k].partition("(")[0]}
                each.append(how.format(**names, from_c=f"(c_0 - h_0) @ U_{k}.T"))
            yield headline.format(gates=the_gates(gates)), parts("; ".join(each or [how]))


_ENTRIES = entries(__package__)

FORMS: list[Mistake] = [
    entry.made(headline, changed)
    for entry in _ENTRIES
    for way in entry.ways
    for headline, changed in _edits(*way)
]
"""Every way to make every known mistake in the equations; `how` is what it changes there."""

WORDS: dict[str, Mistake] = {
    **{mistake.verdict: mistake for mistake in reversed(FORMS)},
    "exchanged": next(m for m in FORMS if m.headline.startswith("h and c are exchanged")),
    **{entry.name: entry.mistake for entry in _ENTRIES if not entry.ways},
}
"""The words for each verdict, and for what is told by more than the equations, by name."""


def told(
    mistake: str | Mistake,
    seen: str = "",
    evidence: Mapping[str, Any] | None = None,
    **words: Any,
) -> Report:
    """The report on a mistake, or on another kind of cell, whose name is then measured.

    Args:
        mistake: a form, or a name in `WORDS`.
        seen: what was seen, which fills in the holes of that name.
        evidence: what was measured, by name.
        words: what fills in other holes.
    """
    if isinstance(mistake, str):
        known = WORDS[mistake]
        mistake = replace(known, headline="{seen}") if known.how and seen else known
    # What follows the comma of a form is how it is made.
    name = mistake.headline.partition(",")[0] if mistake.how else mistake.headline
    kind = {"cell": name} if mistake.verdict == "variant" else {}
    return mistake.report({**kind, **(evidence or {})}, seen=seen, **words)
