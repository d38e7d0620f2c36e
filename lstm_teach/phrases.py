"""Finding the messages that a text is made of, and saying them in another language.

A message has holes, as in "`{layer}` walks along your batch, not along time". It is found where
the rest of it stands, and what stands in its holes is translated in the same way. Of all ways to
make up a text the one is taken that leaves the least English, and of those the least nested one.

The stops and the spaces are those of Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from string import Formatter
from typing import NamedTuple

CODE, NESTED = r"`[^`]*`", r"\([^()]*\)"
for _ in range(2):
    NESTED = rf"\((?:[^()]|{NESTED})*\)"
ASIDE = rf"{CODE}|\[[^\]]*\]|{NESTED}"  # never taken apart
STOPS = {".": "。", "?": "？", "!": "！", ":": "：", ";": "；", ",": "，"}
JOINTS = STOPS | {"; and": "；", "and": "和", "or": "或"}
ANY_STOP = "".join([*STOPS, *STOPS.values(), " "])
SENTENCES = re.compile(rf"({ASIDE})|([.?!。](?:\s+|$))")
PIECES = re.compile(rf"({ASIDE})|(;\s+and\s+|[.?!:;,。](?:\s+|$)|\s+(?:and|or|=)\s+)")
WORD = re.compile(rf"{CODE}|(?<![\w.])[A-Za-z]{{2,}}(?![\w(=]|\.\w)")
HOLE = re.compile(r"\{\w+\}")

# What may stand in a hole: one that follows a stop may hold sentences, another one a part of one.
IN_CODE, NUMBER = "[^`]", r"[\d,]"
PROSE, PART, PIECE = (
    rf"(?:{ASIDE}|{rest})"
    for rest in (r"[^`\[()]", r"[^`\[().?!]|[.?!](?! )", r"[^`\[().?!;]|[.?!;](?! )")
)
AFTER_A_STOP = re.compile(r"[.?!:;]\s*$")

HAN, MARKS = "一-鿿", "，。：；、？！（“）”"
SUPERFLUOUS = re.compile(rf"(?<=[{HAN}]) +(?=[{HAN}])|(?<=[{MARKS}]) +| +(?=[{MARKS}])")
MISSING_SPACE = re.compile(rf"(?<=[{HAN}])(?=[!-(+-~])|(?<=[!-')+-~])(?=[{HAN}])|({CODE})")


# Hundreds, of which a session needs some dozens.
compiled = cache(partial(re.compile, flags=re.IGNORECASE))


class Template(NamedTuple):
    """A message with holes: how to find it, and how the other language says it."""

    ways: list[str]  # patterns
    rank: tuple[bool, int]  # the clearest first
    anchor: str  # stands in every text that has this message
    is_sentence: bool  # a whole one, which is no piece of another
    holes: dict[str, bool]  # whether each stands in code
    said: str


class Said(NamedTuple):
    """A text in the other language; the best has the least English left, then the least nested."""

    left: int
    depth: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether there is nothing better to look for."""
        return not self.left and self.depth < 2


class Phrases:
    """The messages of a catalogue, by what they say in English."""

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        """Take all messages of a catalogue."""
        self._exact: dict[str, str] = {}
        self._templates: list[Template] = []
        for message, said in with_sentences(catalogue).items():
            short = message.strip(ANY_STOP)  # a text's own stops are kept
            said = (said.strip if message[:1] in STOPS else said.rstrip)(ANY_STOP)
            if short and "{" in short:
                self._templates.append(_template(short, said, message.endswith((".", "?"))))
            elif short:
                self._exact[short.lower()] = said
        self._templates.sort(key=lambda template: template.rank)
        self._best = lru_cache(maxsize=4096)(self._find)
        self._as_a_whole = lru_cache(maxsize=4096)(self._find_as_a_whole)

    def translated(self, line: str) -> str:
        """A line in the other language; what no message says stays as it is."""
        return spaced(self._best(line).text)

    def _find(self, text: str) -> Said:
        """The best way to say a line, or what stands in a hole."""
        text = text.strip()
        if text[-1:] in STOPS and not text.endswith(".."):
            said = self._best(text[:-1])
            stop = text[-1] if text[:-1] and said.text == text[:-1] else STOPS[text[-1]]
            said = said._replace(text=said.text + stop)
            whole = self._as_a_whole(text, True)  # which may end with a stop and an empty hole
            return whole if whole.left < said.left else said
        best = self._as_a_whole(text, True)
        return best if best.is_good else min(best, self._in_parts(text, SENTENCES))

    def _find_as_a_whole(self, text: str, sentences: bool) -> Said:
        """One message alone, holes and all."""
        if (exact := self._exact.get(text.lower())) is not None:
            return Said(0, 0, exact)
        best = untouched(text)
        for template in () if best.is_good else self._templates:
            if template.anchor not in text or (template.is_sentence and not sentences):
                continue
            for hit in filter(None, (compiled(way).fullmatch(text) for way in template.ways)):
                holes = {
                    name: Said(0, 0, hit[f"_{name}"]) if in_code else self._best(hit[f"_{name}"])
                    for name, in_code in template.holes.items()
                }
                left = sum(hole.left for hole in holes.values())
                depth = 1 + max(hole.depth for hole in holes.values())
                if (left, depth) < best[:2]:
                    said = HOLE.sub(lambda hole: holes[hole[0][1:-1]].text, template.said)  # noqa: B023
                    best = Said(left, depth, said.strip())
            if best.is_good:
                break
        return best

    def _in_parts(self, text: str, stops: re.Pattern[str]) -> Said:
        """Several messages one after the other, as few as there can be."""
        cuts = [found.span() for found in stops.finditer(text) if found[2]]
        starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
        best = [(0, 0, 0, 0, "")]  # up to each end
        for last, end in enumerate(ends):
            ways = []
            for first in range(last + 1):
                part = text[starts[first] : end].strip()
                said = self._as_a_whole(part, stops is SENTENCES)
                if first < last and said.text == part:
                    continue
                if first == last and stops is SENTENCES and not said.is_good:
                    said = min(said, self._in_parts(part, PIECES))
                left, depth, parts, known, before = best[first]
                known -= said.text != part
                depth = max(depth, said.depth)
                ways.append((left + said.left, depth, parts + 1, known, before + said.text))
            joint = text[end : starts[last + 1]] if last < len(cuts) else ""
            mark = JOINTS.get(joint.strip(), joint)
            if mark == "，" and (
                (" and " in text and ", and " not in text)
                or not untouched(text[starts[last + 1] : ends[last + 1]]).left
            ):
                mark = "、"  # in a list
            best.append((*min(ways)[:-1], min(ways)[-1] + mark))
        left, depth, _, known, said_in_all = best[-1]
        # Of words that nobody knows, such as what a model writes, the stops are left as well.
        return untouched(text) if left and not known else Said(left, depth, said_in_all)


def _template(message: str, said: str, is_sentence: bool) -> Template:
    pattern, literals, holes = "", [""], dict[str, bool]()
    for literal, name, _, _ in Formatter().parse(message):
        pattern += re.escape(literal)
        literals.append(literal)
        if name in holes:
            pattern += f"(?P=_{name})"
        elif name is not None:
            before = "".join(literals)
            holes[name] = before.count("`") % 2 == 1
            of_sentences = AFTER_A_STOP.search(before) or re.match(r"\{\w+\} [A-Z]", message)
            inside = PART if is_sentence else PIECE
            if holes[name]:
                inside = IN_CODE
            elif name == "count":
                inside = NUMBER
            elif of_sentences or name.isupper():  # the name of a constant
                inside = PROSE
            pattern += f"(?P<_{name}>{inside}*?)"
    rank = message[0] == "{", -len(HOLE.sub("", message))
    # The first that fits may not be the right one.
    ways = [pattern] if len(holes) < 2 else [pattern, pattern.replace("*?)", "*)")]
    return Template(ways, rank, max(literals, key=len)[1:], is_sentence, holes, said)


def with_sentences(catalogue: Mapping[str, str]) -> dict[str, str]:
    """A catalogue with the sentences of each message too, where they pair with those said."""
    all_of_them: dict[str, str] = {}
    for message, said in catalogue.items():
        ours = re.split(r"(?<=[.?!]) (?=[A-Z`])", message)
        theirs = re.findall(r"[^。？！]+[。？！]?", said)
        if len(ours) == len(theirs):
            all_of_them |= zip(ours, theirs, strict=True)
    return all_of_them | dict(catalogue)


def untouched(text: str) -> Said:
    """A text as it is."""
    return Said(sum(not word.startswith("`") for word in WORD.findall(text)), 0, text)


def spaced(text: str) -> str:
    """Chinese and code apart, and no space beside a Chinese stop."""
    return MISSING_SPACE.sub(lambda found: found[1] or " ", SUPERFLUOUS.sub("", text))
