"""What every check returns: a verdict by name, the reason in words, and the numbers."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TITLES = {
    "ok": "Right",
    "not_attempted": "Not attempted yet",
    "raises": "It raises an error",
    "unrecognised": "Not right, and no single known mistake explains it",
}


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Attributes:
        verdict: a slug, such as ``"ok"``, ``"not_attempted"`` or ``"gate_order"``.
        message: what is wrong, why, and the one-line fix. Text in backticks is code.
        evidence: what was measured, by name; numbers are plain Python numbers.
        not_checked: what this check could not see, one sentence each.
        title: the outcome in words, where those of its verdict say too much or too little.

    A report is true in a condition exactly when the verdict is ``"ok"``, so
    ``assert check_cell(my_cell)`` does what it says.
    """

    verdict: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()
    title: str = ""

    @property
    def ok(self) -> bool:
        """True only for the verdict "ok"."""
        return self.verdict == "ok"

    def __bool__(self) -> bool:
        """Whether the verdict is "ok"."""
        return self.ok

    def _lines(self) -> list[str]:
        title = self.title or TITLES.get(self.verdict, f"Not right: {self.verdict}")
        lines = [f"{title}.", self.message]
        if self.evidence:
            shown = ", ".join(f"{name} = {_show(value)}" for name, value in self.evidence.items())
            lines.append(f"Measured: {shown}")
        lines += [f"Not checked: {what}" for what in self.not_checked]
        return lines

    def __str__(self) -> str:
        """The whole report as plain text."""
        return "\n".join(self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        mark = {"ok": "✔", "not_attempted": "…"}.get(self.verdict, "✘")
        colour = {"ok": "#00694b", "not_attempted": "#565656"}.get(self.verdict, "#a3330b")
        title, *rest = self._lines()
        paragraphs = "".join(f'<p style="margin:4px 0">{_code(line)}</p>' for line in rest)
        return (
            f'<div style="border-left:4px solid {colour};padding:6px 12px;max-width:60em;'
            'background:#fff;color:#1b1b1b;font-size:14px;line-height:1.45">'
            f'<p style="margin:0;color:{colour}"><strong>{mark} {html.escape(title)}</strong></p>'
            f"{paragraphs}</div>"
        )


def _show(value: Any) -> str:
    """A number to two significant digits, so that it agrees on every CPU; all else as it is."""
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _code(text: str) -> str:
    """Escaped text, with what stands in backticks set as code and line breaks kept."""
    code = r'<code style="background:#f0f0f0;color:#1b1b1b">\1</code>'
    escaped = re.sub(r"`([^`]+)`", code, html.escape(text))
    return escaped.replace("\n", "<br>")
