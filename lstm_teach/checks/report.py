"""What every check returns: a verdict by name, the reason in words, and the numbers."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lstm_teach.language import translated

if TYPE_CHECKING:
    from torch import nn

OUTCOMES = {
    "ok": ("✔", "#2e9e6b", "Right"),
    "variant": ("≠", "#8a6fd1", "Another {of}: {}"),
    "not_attempted": ("…", "#8a8a8a", "Not attempted yet"),
    "cannot_check": ("?", "#8a8a8a", "Not checked: {}"),
    "raises": ("✘", "#d9534f", "Not right: {}"),
}
"""The sign, the colour of the edge and the first words of each outcome; a mistake's verdict has
those of "raises"."""

_IN_WORDS = {
    "raises": "a line of yours raises an error",
    "cannot_check": "it could not be called as it is",
}


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Attributes:
        verdict: a slug, such as ``"ok"``, ``"variant"``, ``"not_attempted"``, ``"cannot_check"`` or
            ``"gate_order"``.
        message: what is wrong, why, and the one-line fix. Text in backticks is code.
        evidence: what was measured, by name; numbers are plain Python numbers.
        not_checked: what this check could not see, one sentence each.
        headline: in plain words, without a full stop, what stands after "Not right:", "Another
            cell:" or "Not checked:".
        lstm: of a right LSTM, an nn.LSTM with its weights.
        of: what a variant is another kind of.
        cause: of an error that the code raised, the slip that was known by it, by its name in
            the catalogue, or "unknown_name"; "raised" where every call of it did, or "too_slow"
            where the check stopped the code; or "guessed", where another way to read the code may
            tell more.
        reached: of an error, how far the code got: its lines, from the outside in, and an end that
            is larger than any line.

    A report is true in a condition exactly when the verdict is ``"ok"``, so
    ``assert check_cell(my_cell)`` does what it says.
    """

    verdict: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()
    headline: str = ""
    lstm: nn.LSTM | None = field(default=None, repr=False, compare=False)
    of: str = "cell"
    cause: str = field(default="", repr=False, compare=False)
    reached: tuple[int, ...] = field(default=(), repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """True only for the verdict "ok"."""
        return self.verdict == "ok"

    @property
    def judged(self) -> bool:
        """Whether something was brought that could be judged, and so counts as an attempt."""
        return self.verdict not in ("not_attempted", "cannot_check")

    def __bool__(self) -> bool:
        """Whether the verdict is "ok"."""
        return self.ok

    def as_torch(self) -> nn.LSTM:
        """An nn.LSTM with the weights read off what was checked; it computes the same.

        Raises:
            ValueError: what was checked is not a right LSTM whose weights could be read.
        """
        if self.lstm is None:
            raise ValueError(
                translated(
                    f"No nn.LSTM was made: the verdict is {self.verdict!r}. check_lstm and "
                    "check_cell make one where the code is right and its weights were read off."
                )
            )
        return self.lstm

    def _lines(self) -> list[str]:
        _, _, title = OUTCOMES.get(self.verdict, OUTCOMES["raises"])
        said = self.headline or _IN_WORDS.get(self.verdict, self.verdict.replace("_", " "))
        title = translated(title.format("{}", of=self.of) + ".").format(translated(said))
        lines = [title, translated(self.message)]
        seen = {k: _show(v) for k, v in self.evidence.items() if v not in ("off", "right")}
        if seen:
            shown = [f"{translated(k)} = {translated(v)}" for k, v in seen.items()]
            comma = translated(", ")
            lines.append(translated("Measured: {}").format(comma.join(shown)))
        # Of what is wrong, the rest is looked at when it is mended.
        unseen = self.not_checked if self.ok or self.verdict == "variant" else ()
        return lines + [translated(f"Not looked at: {what}") for what in unseen]

    @property
    def _slug(self) -> str:
        # The headline says what is wrong; only a verdict that is a name of its own adds to it.
        shown = translated(f"verdict: {self.verdict}")
        return "" if self.verdict in ("ok", "not_attempted", "unrecognised") else shown

    def __str__(self) -> str:
        """The whole report as plain text."""
        return "\n".join([*self._lines(), *filter(None, [self._slug])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sign, colour, _ = OUTCOMES.get(self.verdict, OUTCOMES["raises"])
        title, *rest = self._lines()
        paragraphs = "".join(f'<p style="margin:4px 0">{_code(line)}</p>' for line in rest)
        slug = f'<p style="margin:4px 0;font-size:12px">{_code(self._slug)}</p>'
        # In JupyterLab the colours are those of its theme; elsewhere black on white.
        return (
            f'<div style="border-left:4px solid {colour};padding:6px 12px;max-width:60em;'
            "background:var(--jp-layout-color1,#fff);color:var(--jp-content-font-color1,#1b1b1b);"
            'font-size:14px;line-height:1.45">'
            f'<p style="margin:0"><strong>{sign} {_code(title)}</strong></p>'
            f"{paragraphs}{slug * bool(self._slug)}</div>"
        )


def _show(value: Any) -> str:
    """A number to two significant digits, so that it agrees on every CPU; all else as it is."""
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _code(text: str) -> str:
    """Escaped text, with what stands in backticks set as code and line breaks kept."""
    code = (
        '<code style="background:var(--jp-layout-color2,#f0f0f0);'
        r'color:var(--jp-content-font-color1,#1b1b1b)">\1</code>'
    )
    escaped = re.sub(r"`([^`]+)`", code, html.escape(text))
    return escaped.replace("\n", "<br>")
