"""The words of the layout check, `mistakes.txt`, by the names of their entries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lstm_teach.checks.mistake import catalogue
from lstm_teach.checks.report import Report

_WORDS = catalogue(__package__)


def said(name: str, part: str = "why", **holes: Any) -> str:
    """A phrase, its holes filled in; or what mends what it says, by the part "fix"."""
    text: str = getattr(_WORDS[name], part)
    return text.format(**holes)


def told(name: str, evidence: Any = None, not_checked: Any = (), **holes: Any) -> Report:
    """The report of an entry; of what there is to mend it says why nobody complains."""
    words = _WORDS[name]
    if words.fix:
        words = replace(words, why=f"{words.why} {_WORDS['silent'].why}")
    return words.report(evidence, not_checked, **holes)


class CannotTell(Exception):
    """This model, this x, or these axes cannot tell; its argument is the report that says so."""
