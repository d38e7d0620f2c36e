"""A known mistake: one entry of a catalogue, with its name, how to tell it, and the words for it.

Each check has its catalogue beside its code, the text `mistakes.txt`; what is told by all of them
stands in the one beside this file. An entry is

    name = verdict: headline | why it is wrong
        Fix: the line that mends it
        > headline of one way to make it | how that way is told

Lines that are set in belong to the entry, and a line that begins with `#` to nobody. The verdict is
left out where it is the name, the first headline where it is measured or each way has its own, that
of a way where it is the first one, and the fix where there is nothing to mend. Holes in braces are
filled in when the mistake is told. How a way is told each check reads for itself; in all of them
the likeliest entry stands first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from lstm_teach.checks.report import Report


@dataclass(frozen=True)
class Mistake:
    """A known mistake, or one way to make it.

    Attributes:
        verdict: its slug; "unrecognised" for a slip that has no slug of its own, "variant" for
            another kind of cell.
        headline: what is wrong, in plain words that go on from "Not right:", such as "h is made
            from the old c".
        why: what happens, and why PyTorch does not complain.
        fix: the line that mends it.
        how: how to tell it: of a cell the equations that it changes, of a stack what such a stack
            computes, of a shape the shapes that it gives; None of what the code finds by itself.
    """

    verdict: str
    headline: str
    why: str
    fix: str = ""
    how: Any = None

    def report(
        self,
        evidence: Mapping[str, Any] | None = None,
        not_checked: tuple[str, ...] = (),
        **words: Any,
    ) -> Report:
        """The report that this mistake was made, its holes filled in with `words`."""
        why = f"{self.why}\nFix: {self.fix}." if self.fix else self.why
        message, headline = why.format(**words), self.headline.format(**words)
        return Report(self.verdict, message, evidence or {}, not_checked, headline)


@dataclass(frozen=True)
class Entry:
    """One entry of a catalogue.

    Attributes:
        name: its name; several entries may have one verdict, and a few one name.
        mistake: its words; the headline is "{seen}" where it is not among them.
        ways: of each way to make it the headline, and how it is told.
    """

    name: str
    mistake: Mistake
    ways: tuple[tuple[str, str], ...]

    def made(self, headline: str, how: Any) -> Mistake:
        """The mistake, made in one of its ways."""
        return replace(self.mistake, headline=headline, how=how)


def entries(package: str) -> list[Entry]:
    """The catalogue of a check, by the name of its package."""
    text = files(package).joinpath("mistakes.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [_entry(" ".join(entry.split())) for entry in re.split(r"\n(?=\w)", "\n".join(lines))]


def _entry(text: str) -> Entry:
    known, _, words = text.partition(": ")
    name, _, verdict = known.partition(" = ")
    words, *ways = words.split(" > ")
    words, _, fix = words.partition(" Fix: ")
    headline, _, why = words.rpartition(" | ")
    mistake = Mistake(verdict or name, headline or "{seen}", why, fix)
    split = [way.rpartition(" | ") for way in ways]
    return Entry(name, mistake, tuple((own or mistake.headline, how) for own, _, how in split))


@cache
def catalogue(package: str) -> dict[str, Mistake]:
    """The words of a check, by the names of the entries of its catalogue."""
    return {entry.name: entry.mistake for entry in entries(package)}


def told(name: str, package: str = __package__, /, **holes: Any) -> Report:
    """The report on what has this name, in the catalogue of all checks or of this one."""
    return catalogue(package)[name].report(**{"seen": "", **holes})


def said(name: str, /, **holes: Any) -> str:
    """A message of the catalogue of all checks."""
    return told(name, **holes).message
