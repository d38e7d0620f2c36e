"""The catalogue of what the package says to its readers.

python -m tools.messages --extract   bring the catalogues in step with the source, and compile them
python -m tools.messages --missing   what has no translation yet
python -m tools.messages             compile the catalogues

A message is a string of the source that holds words: what an f-string or `format` fills in is a
hole. Each line of it is an entry, since texts are translated line by line. Where the source has
changed a message a little, its translation is kept and marked `fuzzy`: mend it, and take the mark
out.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from string import Formatter

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from lstm_teach.checks.mistake import entries
from lstm_teach.language import DOMAIN, LOCALE

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lstm_teach"
# What the source puts together where no rule sees it, and single words, which no rule takes.
ASSEMBLED = Path(__file__).with_name("assembled.txt")
# Code, markup, names and keys, which only look like words, by how they begin; and pieces of what
# stands whole in ASSEMBLED.
NOT_FOR_READERS = re.compile(
    "|".join(
        (
            r"\s*<|[^`]*(\w='|=\"|:var\(|;\w+:)|DejaVu|row wrap",
            r"(pale|edge|sentence) (\w+|\{\w+\})$",
            r"(\d\. )?[a-z_{}][\w}]* = (?!.*\.$)|output, \(|h, c = |out, state = |h\{n\}",
            r"(h|x|c|[wb]_\w+|i)( (h|x|c|state|[wb]_\w+|\* g))*$|o \* |tanh\(c\) |, batch_first=",
            r"(clip|relu6|torch|check_\w+|lstm_teach|\(setattr|\{\w+\}) ?[(.]",
            r"[\w.]+\(.*\)$|[\w.]+\[.*\]$|(num_\w+|4) \* ",
            r"\[?(batch|time|seq_len), (batch|time|seq_len)",
            r"[?+.]*([12],? )?(batch|layers|directions|\.{3})[ *,](?!.* is | are )[\w ,.*?+]+$",
            r"the small dog|nobody remembers|rain is falling|the \{0\}$",
            r"\{start\}|`\{result\}`, meant|(swaps|has the shape) .*Row 0|takes \{kind",
            r"Make it `torch.zeros\(\{0\}\)`.*\{rest|\{zeros\}",
            r"\{as_one\}|Your input has 2 axes, .* sentence \{rest|\* num_dir|last alone$",
            r"(Previous|Next) \{what|as asked$",
            r"there is no transpose of$| ?input to conv$",
            r", or make the module|`\(KeyError|'tuple' object|this is a tuple|\(c_0 - ",
            r"(required positional|one number for all units)$",
            r"\[lane\[|t \+ 1 if|lambda ",
            r"x is .*\{rest|\{read\} of \{[01]\}$|line \{number\} of \{place\}\{",
        )
    )
)
HOLE = re.compile(r"\{\w+\}")
WORD = re.compile(r"(?!and\b|or\b)\b[A-Za-z]{2,}")


def messages() -> dict[str, list[str]]:
    """Every message of the package, with the files that say it."""
    found = {line: [f"tools/{ASSEMBLED.name}"] for line in ASSEMBLED.read_text().splitlines()}
    sources = {*PACKAGE.rglob("*.py"), *PACKAGE.rglob("mistakes.txt")}
    for path in sorted(sources - {PACKAGE / "language.py", PACKAGE / "__init__.py"}):
        # The latter has names, and an error where nothing is installed that could translate.
        if path.suffix == ".txt":
            texts = [*_catalogued(".".join(path.parent.relative_to(ROOT).parts))]
        else:
            texts = [*_texts(ast.parse(path.read_text(encoding="utf-8")))]
        for message in (message for text in texts for message in _lines(text)):
            name = str(path.relative_to(ROOT))
            if name not in found.setdefault(message, []):
                found[message].append(name)
    return found


def _catalogued(package: str) -> Iterator[str]:
    """The words of the mistakes that a check knows."""
    for entry in entries(package):
        yield from (entry.mistake.headline, entry.mistake.why, entry.mistake.fix)
        yield from (headline.rpartition(" :: ")[2] for headline, _ in entry.ways)


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, and of a table of words the cells, that have words outside code."""
    if re.search(r"[^.?!] $", text) and " | " not in text:
        text += "{rest}"  # something is put behind it
    for line in text.split("\n"):
        for part in line.split(" | "):
            part = _renumbered(part.strip())
            bare = re.sub(r"`[^`]*`|\{\w*\}", "", part)
            if " " in part and WORD.search(bare) and not NOT_FOR_READERS.match(part):
                yield part


def _renumbered(part: str) -> str:
    """A message of a table, with its nameless holes counted from 0."""
    names = [hole for hole in dict.fromkeys(HOLE.findall(part)) if hole[1:-1].isdigit()]
    return HOLE.sub(lambda h: f"{{{names.index(h[0])}}}" if h[0] in names else h[0], part)


def _texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a file, without docstrings and without the pieces of f-strings."""
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            _join_lines(getattr(node, field, None))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
            skipped |= {id(v.format_spec) for v in node.values if isinstance(v, ast.FormattedValue)}
        if isinstance(node, ast.Call) and ast.unparse(node).endswith(".split()"):
            skipped |= {id(part) for part in ast.walk(node)}  # a list of names
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield _with_holes([node])
        elif isinstance(node, ast.JoinedStr):
            glued = _glued(node.values)
            yield from map(_with_holes, glued)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "count":
            thing = getattr(node.args[1], "value", "")
            yield from (f"{{count}} {thing}", f"{{count}} {thing}s")


def _join_lines(statements: object) -> None:
    """Put what `said += "..."` adds into the line before, where that ends in a space."""
    for one, more in pairwise(statements if isinstance(statements, list) else ()):
        if not isinstance(one, ast.Assign | ast.AugAssign) or not isinstance(more, ast.AugAssign):
            continue
        names = [ast.unparse(each) for each in (getattr(one, "targets", [one])[-1], more.target)]
        if isinstance(one, ast.AugAssign):
            names[0] = ast.unparse(one.target)
        parts = [getattr(each.value, "values", [each.value]) for each in (one, more)]
        last = getattr(parts[0][-1], "value", None)
        if names[0] == names[1] and isinstance(last, str) and last.endswith(" "):
            more.value = ast.JoinedStr([*parts[0], *parts[1]])
            one.value = ast.Constant(None)


def _glued(parts: list[ast.expr]) -> list[list[ast.expr]]:
    """An f-string with each choice of a short piece of text, such as `{'s' * (n > 1)}`, made."""
    for place, part in enumerate(parts):
        value = part.value if isinstance(part, ast.FormattedValue) else None
        choices: list[ast.expr] = []
        if isinstance(value, ast.IfExp):
            choices = [value.body, value.orelse]
        elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
            choices = [value.left, ast.Constant("")]
        texts = [getattr(choice, "value", None) for choice in choices]
        if choices and all(isinstance(text, str) and " " not in text.strip() for text in texts):
            before, after = parts[:place], _glued(parts[place + 1 :])
            return [[*before, choice, *rest] for choice in choices for rest in after]
    return [parts]


def _with_holes(parts: list[ast.expr]) -> str:
    """A text whose holes have names: that of what fills them, where it has one, or a number.

    Those of numbers are called `count`.
    """
    text, names = "", {}

    def hole(name: str, what: str) -> str:
        free = name if name.isidentifier() and names.get(name, what) == what else str(len(names))
        free = f"count{free}" if name == "count" != free else free
        names[free] = what
        return f"{{{free}}}"

    for part in parts:
        if isinstance(part, ast.FormattedValue):
            value = part.value
            counted = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "len"
            name = "count" if counted else getattr(value, "attr", getattr(value, "id", ""))
            text += hole(name, ast.unparse(value))
        elif isinstance(part, ast.Constant):
            try:
                for literal, name, _, _ in Formatter().parse(part.value):
                    text += literal + (hole(name, name) if name is not None else "")
            except ValueError:  # a brace that opens no hole
                text += re.sub("[{}]", "", part.value)
    return text


def _file(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def catalogue(language: str) -> Catalog:
    """The catalogue of a language as it is kept."""
    with _file(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def compiled(language: str) -> bytes:
    """What gettext reads."""
    file = io.BytesIO()
    write_mo(file, catalogue(language))
    return file.getvalue()


def extract(language: str) -> None:
    """Add new messages to a catalogue, and take out those that nobody says any more."""
    kept, now = catalogue(language), Catalog()
    unnamed = {_numbered(each.id, each.id): each for each in kept if each.id}
    now.creation_date = kept.creation_date
    for message, files in messages().items():
        now.add(message, locations=[(file, None) for file in files])
    kept.update(now)
    kept.obsolete.clear()
    for each in kept:
        each.user_comments = []  # what stood before a change is read as one
        known = unnamed.get(_numbered(each.id, each.id)) if each.id else None
        if known and known.string and not known.fuzzy:  # at most its holes have other names
            names = dict(zip(HOLE.findall(known.id), HOLE.findall(each.id), strict=True))
            each.string = HOLE.sub(lambda hole: names[hole[0]], known.string)  # noqa: B023
            each.flags.discard("fuzzy")
            each.previous_id = []
    with _file(language).open("wb") as file:
        write_po(file, kept, width=0, sort_by_file=True, include_previous=True)


def _numbered(text: str, message: str) -> str:
    """A text whose holes have the places where they first stand in a message for names."""
    names = [*dict.fromkeys(HOLE.findall(message))]
    return HOLE.sub(lambda hole: f"{{{names.index(hole[0])}}}", text)


def missing(language: str) -> list[str]:
    """The messages without a translation, or with one that is marked fuzzy."""
    return [each.id for each in catalogue(language) if each.id and (each.fuzzy or not each.string)]


def main() -> None:
    """Do as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extract", action="store_true")
    parser.add_argument("--missing", action="store_true")
    asked = parser.parse_args()
    for language in sorted(path.name for path in LOCALE.iterdir()):
        if asked.extract:
            extract(language)
        empty = missing(language)
        if asked.missing:
            print(*empty, sep="\n")
        _file(language).with_suffix(".mo").write_bytes(compiled(language))
        print(f"{language}: {len(catalogue(language))} messages, {len(empty)} not translated")


if __name__ == "__main__":
    main()
