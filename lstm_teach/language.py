"""What a reader is shown, in the reader's language; English, until `use` is told another.

Messages are written in English where they arise, and are translated where they are shown, so that
verdicts, evidence and tests are the same in every language. The catalogues are gettext's;
tools/messages.py takes the messages out of the source.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from lstm_teach.phrases import Phrases

P = ParamSpec("P")
R = TypeVar("R")

DOMAIN = "lstm_teach"
LOCALE = Path(__file__).parent / "locale"

_LINE_END = re.compile(r"\n(?=(?:[^`]*`[^`]*`)*[^`]*$)")  # not within code
_AS_IT_IS = r"<(?:pre|code|svg|style)\b.*?</(?:pre|code|svg|style)>|<[^>]*>"
_chosen: Phrases | None = None


def languages() -> list[str]:
    """The languages that there are, English first."""
    return ["en", *sorted(path.name for path in LOCALE.iterdir() if path.is_dir())]


def use(language: str) -> None:
    """Choose the language of reports, errors, explorers and the quiz, from now on.

    Args:
        language: "en" for English, which is the default, or "zh" for Chinese. Names, code and
            verdicts are the same in all of them, and figures keep their English names.

    Raises:
        ValueError: there is no such language.
    """
    global _chosen
    if language not in languages():
        raise ValueError(f"There is no {language!r}; the languages are {', '.join(languages())}.")
    if language == "en":
        _chosen = None
        return
    catalogue = gettext.translation(DOMAIN, LOCALE, [language])
    # A message is found by what it says, so all of them are needed; there is no public way.
    _chosen = Phrases(catalogue._catalog)  # type: ignore[attr-defined]


def translated(text: str) -> str:
    """A text as the chosen language has it; what the catalogue does not know stays as it is."""
    if _chosen is None:
        return text
    return "\n".join(_chosen.translated(line) for line in _LINE_END.split(text))


def translated_html(page: str) -> str:
    """The same for what stands between the tags of HTML, but for code and what is set as it is."""
    if _chosen is None:
        return page
    parts = re.split(f"({_AS_IT_IS})", page, flags=re.DOTALL)
    return "".join(part if part.startswith("<") else translated(part) for part in parts)


def in_the_readers_language(function: Callable[P, R]) -> Callable[P, R]:
    """Let what a function says of its arguments be said in the chosen language."""

    @wraps(function)
    def speaking(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError, IndexError) as error:
            error.args = tuple(translated(a) if isinstance(a, str) else a for a in error.args)
            raise

    return speaking
