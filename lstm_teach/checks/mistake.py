"""A known mistake: one entry, with its name, how to tell it, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lstm_teach.checks.report import Report


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        verdict: its slug; "unrecognised" for a slip that has no slug of its own, "variant" for
            another kind of cell.
        headline: what is wrong, in plain words that go on from "Not right:", such as "h is made
            from the old c".
        why: what happens, and why PyTorch does not complain.
        fix: the line that mends it.
        how: how to tell it: of a cell the parts of the equations that it changes, of a stack what
            such a stack computes, of a layout a rule over what reaches what, of a shape the
            shapes that it gives.

    Braces in the words are filled in by `report`.
    """

    verdict: str
    headline: str
    why: str
    fix: str
    how: Any

    def report(
        self,
        evidence: Mapping[str, Any] | None = None,
        not_checked: tuple[str, ...] = (),
        **words: Any,
    ) -> Report:
        """The report that this mistake was made, its braces filled in with `words`."""
        message = f"{self.why}\nFix: {self.fix}." if self.fix else self.why
        return Report(
            self.verdict,
            message.format(**words),
            evidence or {},
            not_checked,
            self.headline.format(**words),
        )
