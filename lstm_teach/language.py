"""What a reader is shown, in the reader's language; English, until `use` is told another.

Messages are written in English where they arise, out of templates and what fills their holes. So
they are not translated there but where they are shown: `translated` finds the templates that a
text is made of, takes the other language's from the catalogue, and fills their holes with what
stood in them, which is translated in the same way.
"""

from __future__ import annotations

import gettext
import re
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

DOMAIN = "lstm_teach"
LOCALE = Path(__file__).parent / "locale"

_CODE = r"`[^`]*`"
_ASIDE = rf"{_CODE}|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)"
# Where a text may be taken apart, and what stands there in Chinese; the first alone part sentences.
_STOPS = {".": "。", "?": "？", "!": "！", ":": "：", ";": "；", ",": "，", "and": "和", "or": "或", "; and": "；"}
_ANY_STOP = ".?!:;,。？！：；， "
_SENTENCES = re.compile(rf"({_ASIDE})|([.?!。](?:\s+|$))")
_PIECES = re.compile(rf"({_ASIDE})|(;\s+and\s+|[.?!:;,。](?:\s+|$)|\s+and\s+|\s+or\s+|\s+=\s+)")
_WORD = re.compile(rf"{_CODE}|(?<![\w.])[A-Za-z]{{2,}}(?![\w(=]|\.\w)")
_PROSE = rf"(?:{_CODE}|\[[^\]]*\]|[^`\[])"
_WITHIN = rf"(?:{_CODE}|\[[^\]]*\]|[^`\[.?!]|[.?!](?! ))"  # a sentence
_PIECE = rf"(?:{_CODE}|\[[^\]]*\]|[^`\[.?!;]|[.?!;](?! ))"
_ENDED = re.compile(r"[.?!:;]\s*$")
_LINE_END = re.compile(r"\n(?=(?:[^`]*`[^`]*`)*[^`]*$)")  # not within code
_HOLE = re.compile(r"\{\w+\}")
_HAN = "一-鿿"
_MARKS = "，。：；、？！（“）”"
_SPACE = re.compile(
    rf"(?<=[{_HAN}]) +(?=[{_HAN}])|(?<=[{_MARKS}]) +| +(?=[{_MARKS}])|，+(?=[，（])"
)
_NO_SPACE = re.compile(rf"(?<=[{_HAN}])(?=[!-(+-~])|(?<=[!-')+-~])(?=[{_HAN}])|({_CODE})")


class _Template(NamedTuple):
    """A message with holes: how to find it, and how the other language says it."""

    ways: list[re.Pattern[str]]
    rank: tuple[bool, bool, int]  # the clearest first
    anchor: str
    sentence: bool  # a whole one, which is never a part of another
    holes: dict[str, bool]  # whether each stands in code
    said: str


_exact: dict[str, str] = {}
_templates: list[_Template] = []


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
    if language not in languages():
        raise ValueError(f"There is no {language!r}; the languages are {', '.join(languages())}.")
    _exact.clear()
    _templates.clear()
    _said.cache_clear()
    _as_a_whole.cache_clear()
    if language == "en":
        return
    catalogue = gettext.translation(DOMAIN, LOCALE, [language])
    # Templates are found by what they say, so all of them are needed; there is no public way.
    known: dict[str, str] = catalogue._catalog  # type: ignore[attr-defined]
    for message, said in known.items():
        short = message.strip(_ANY_STOP)  # the text's own stop is kept
        said = (said.strip if message[:1] in _STOPS else said.rstrip)(_ANY_STOP)
        if short and "{" not in short:
            _exact[short.lower()] = said
        elif short:
            _templates.append(_template(short, said, message.endswith((".", "?"))))
    _templates.sort(key=lambda template: template.rank)


def translated(text: str) -> str:
    """A text as the chosen language has it; what the catalogue does not know stays as it is."""
    if not _exact:
        return text
    return "\n".join(_spaced(_said(line).text) for line in _LINE_END.split(text))


def translated_html(page: str) -> str:
    """The same for what stands between the tags of HTML, but for code and what is set as it is."""
    if not _exact:
        return page
    kept = r"<(?:pre|code|svg|style)\b.*?</(?:pre|code|svg|style)>"
    parts = re.split(rf"({kept}|<[^>]*>)", page, flags=re.DOTALL)
    return "".join(part if part.startswith("<") else translated(part) for part in parts)


def _template(message: str, said: str, sentence: bool) -> _Template:
    """A hole in backticks holds code, which stays; one behind a stop may hold sentences."""
    pattern, literals, holes = "", [""], dict[str, bool]()
    for literal, name, _, _ in Formatter().parse(message):
        pattern += re.escape(literal)
        literals.append(literal)
        if name in holes:
            pattern += f"(?P=_{name})"
        elif name is not None:
            before = "".join(literals)
            holes[name] = before.count("`") % 2 == 1
            prose = _ENDED.search(before) or name.isupper() or re.match(r"\{\w+\} [A-Z]", message)
            inside = "[^`]" if holes[name] else _PROSE if prose else _WITHIN if sentence else _PIECE
            inside = r"[\d,]" if name.startswith("count") else inside
            pattern += f"(?P<_{name}>{inside}*?)"
    if message[0].isalpha():
        pattern = f"(?i:{message[0]}){pattern[1:]}"
    ways = [re.compile(pattern)]
    if len(holes) > 1:  # the first that fits may not be the right one
        ways.append(re.compile(pattern.replace("*?)", "*)")))
    rank = "}{" in message, message[0] == "{", -len(_HOLE.sub("", message))
    return _Template(ways, rank, max(literals, key=len)[1:], sentence, holes, said)


class _Said(NamedTuple):
    """A text in the other language: how many English words are left, how deep holes are nested."""

    left: int
    depth: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether there is nothing better to look for."""
        return not self.left and self.depth < 2


def _untouched(text: str) -> _Said:
    return _Said(sum(not word.startswith("`") for word in _WORD.findall(text)), 0, text)


@lru_cache(maxsize=4096)
def _said(text: str) -> _Said:
    """The best that the catalogue has for a line, or for what stands in a hole."""
    text = text.strip()
    if text[-1:] in _STOPS and not text.endswith(".."):
        said = _said(text[:-1])
        stop = text[-1] if text[:-1] and said.text == text[:-1] else _STOPS[text[-1]]
        said = said._replace(text=said.text + stop)
        return min(said, _as_a_whole(text, True), key=_cost) if said.left else said
    best = _as_a_whole(text, True)
    return best if best.is_good else min(best, _in_parts(text, _SENTENCES), key=_cost)


def _cost(said: _Said) -> tuple[int, int]:
    return said.left, said.depth


@lru_cache(maxsize=4096)
def _as_a_whole(text: str, sentence: bool) -> _Said:
    """The template that leaves the least English, holes and all."""
    best = _untouched(text)
    if (exact := _exact.get(text.lower())) is not None:
        return _Said(0, 0, exact)
    for template in () if best.is_good else _templates:
        if template.anchor not in text or (template.sentence and not sentence):
            continue
        for found in filter(None, (way.fullmatch(text) for way in template.ways)):
            holes = {
                f"{{{name}}}": _Said(0, 0, found[f"_{name}"]) if code else _said(found[f"_{name}"])
                for name, code in template.holes.items()
            }
            cost = sum(h.left for h in holes.values()), 1 + max(h.depth for h in holes.values())
            if cost < _cost(best):
                said = _HOLE.sub(lambda hole: holes[hole[0]].text, template.said)  # noqa: B023
                best = _Said(*cost, said.strip())
        if best.is_good:
            break
    return best


def _in_parts(text: str, stops: re.Pattern[str]) -> _Said:
    """The sequence of templates that leaves the least English, and of those the shortest."""
    cuts = [found.span() for found in stops.finditer(text) if found[2]]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    best = [(0, 0, 0, 0, "")]
    for last, end in enumerate(ends):
        ways = []
        for first in range(last + 1):
            part = text[starts[first] : end].strip()
            said = _as_a_whole(part, stops is _SENTENCES)
            if first < last and said.text == part and stops is _PIECES:
                continue
            if first == last and stops is _SENTENCES and not said.is_good:
                said = min(said, _in_parts(part, _PIECES), key=_cost)
            left, depth, parts, known, before = best[first]
            known -= said.text != part
            depth = max(depth, said.depth)
            ways.append((left + said.left, depth, parts + 1, known, before + said.text))
        stop = text[end : starts[last + 1]] if last < len(cuts) else ""
        mark = _STOPS.get(stop.strip(), stop)
        if mark == "，" and " and " in text and ", and " not in text:
            mark = "、"  # in a list
        best.append((*min(ways)[:-1], min(ways)[-1] + mark))
    left, depth, _, known, said_in_all = best[-1]
    # Of words that nobody knows, such as what a model writes, the stops are left as well.
    return _untouched(text) if left and not known else _Said(left, depth, said_in_all)


def _spaced(text: str) -> str:
    """Chinese and code apart, and no space beside a Chinese stop."""
    return _NO_SPACE.sub(lambda found: found[1] or " ", _SPACE.sub("", text))
