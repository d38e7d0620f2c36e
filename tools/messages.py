"""The catalogue of what the package says to its readers.

python -m tools.messages --extract   bring the catalogues in step with the source, and compile them
python -m tools.messages --missing   what has no translation yet
python -m tools.messages             compile the catalogues

A message is a string of the source that holds words: what an f-string or `format` fills in is a
hole. Each line of it is an entry, since texts are translated line by line.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from lstm_teach.language import DOMAIN, LOCALE

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lstm_teach"

# What the source puts together where no rule sees it, and single words.
ASSEMBLED = tuple(
    line
    for line in """
Right
cell
stack
off
samples
layer
layers
directions
transposed
output
first
last
before
after
forward
backward
state
{0} (forward)
{0} (backward)
a value of type {0} of {1}
given
shape
sentence
seed
unit
show
temperature
order
take
x.view(the other shape)
step
keep
write
erase
read
Check
Next
tensor
parameter
numbers
{0} parameter tensors
layer {0}, t = {1}, `{code}`
h of layer {0}, t = {1}
h, c of layer {0}, t = {1}
{0} of its own ({named})
{result} sees {0} of its own sentence, and {pads}
x is {0}, [{1}, {2}].
`{code}` swaps the axes and every word keeps its sentence.
`{code}` has the shape {0} that `transpose` gives, but it cuts the same row of words anew, so sentences are mixed.
Row 0 is now: {row}.
`{code}` takes {kind}: {row}.
`{result}`, meant for sentence {sentence}, sees only its own sentence: {named}.
`{result}`, meant for sentence {sentence}, sees no word: it is zero, filled in by `pad_packed_sequence`.
`{result}`, meant for sentence {sentence}, sees {positions} and {mine}.
Give an input whose last axis is {expected}, or make the module with input_size={got}.
its four blocks are in the order {order} as in PyTorch
its four blocks are in the order {order}, PyTorch's are {usual}
both biases are left out
both biases are added twice
`{0}` is left out
`{0}` is added twice
line {number} of {place}
line {number} of {place}: `{code}`
line {number} of {place} (in `{name}`)
line {number} of {place} (in `{name}`): `{code}`
{name} is left out in the gates {gates}
coupled gates
no output gate
no input gate
relu for tanh
h and the old c
steps of its own (forward)
steps of its own (backward)
steps {0} (forward)
steps {0} (backward)
steps {0} to {1} (forward)
steps {0} to {1} (backward)
{0} (a state: [layers * directions, batch, hidden])
{0} returns `{1}`: it is still the stub. Write its body, then run the check again.
{0} returns `{1}`: it is still the stub, or the `return` is missing. Write it, then run the check again.
That is with two layers. With more or fewer, more is wrong: loop over `enumerate(cells)`
""".splitlines()
    if line
)

# Code, markup, names and keys, which only look like words.
NOT_FOR_READERS = re.compile(
    r"\s*<|.*(\w='|=\"|:\{?var\(|;\w+:)|font-|DejaVu|module \{|\{__name__\}|Shape\(|0 12px|row wrap"
    r"|(pale|edge|sentence) (\w+|\{\w+\})$|(\d\. )?[a-z_{}]\w* = |output, \(|h, c = |out, state = |h\{n\}"
    r"|(h|x|c|w_\w+|b_\w+|i)( (h|x|c|state|[wb]_\w+|\* g))*$|o \* |tanh\(c\) |\{sums\}|for xt in|columns, upright$|(; )?(and|or) \{rest\}"
    r"|(clip|relu6|torch|check_\w+|lstm_teach|\(setattr|\{\w+\}) ?[(.]|[\w.]+\(.*\)$|[\w.]+\[.*\]$"
    r"|\[?(batch|time|seq_len), (batch|time|seq_len)|(num_\w+|4) \* |, batch_first=True$|\w+Error: \{"
    r"|\{start\}|\{read\} of \{1\}$|`\{result\}`, meant|(swaps|has the shape) .*Row 0|takes \{kind|x is .*\{rest|line \{number\} of \{place\}\{|the small dog|nobody remembers|rain is falling"
)
WORD = re.compile(r"(?!and\b|or\b)\b[A-Za-z]{2,}")


def messages() -> dict[str, list[str]]:
    """Every message of the package, with the files that say it."""
    found: dict[str, list[str]] = {message: ["tools/messages.py"] for message in ASSEMBLED}
    for path in sorted({*PACKAGE.rglob("*.py")} - {PACKAGE / "language.py"}):
        for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            for message in _entries(text):
                name = str(path.relative_to(ROOT))
                if name not in found.setdefault(message, []):
                    found[message].append(name)
    return found


def _entries(text: str) -> Iterator[str]:
    """The lines of a text, and of a table of words the cells, that have words outside code."""
    if re.search(r"[^.?!] $", text) and " | " not in text:
        text += "{rest}"  # something is put behind it
    for line in text.split("\n"):
        for part in line.split(" | "):
            part = part.strip()
            bare = re.sub(r"`[^`]*`|\{\w*\}", "", part)
            if " " in part and WORD.search(bare) and not NOT_FOR_READERS.match(part):
                yield part


def _texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a file, without docstrings and without the pieces of f-strings."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
            skipped |= {id(v.format_spec) for v in node.values if isinstance(v, ast.FormattedValue)}
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
            yield from (f"{{0}} {thing}", f"{{0}} {thing}s")


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
    """A text whose holes have names: that of what fills them, where it has one, or a number."""
    text, names = "", {}

    def hole(name: str, what: str) -> str:
        free = name if name.isidentifier() and names.get(name, what) == what else str(len(names))
        names[free] = what
        return f"{{{free}}}"

    for part in parts:
        if isinstance(part, ast.FormattedValue):
            value = part.value
            text += hole(getattr(value, "attr", getattr(value, "id", "")), ast.unparse(value))
        elif isinstance(part, ast.Constant):
            try:
                for literal, name, _, _ in Formatter().parse(part.value):
                    text += literal + (hole(name, name) if name is not None else "")
            except ValueError:  # a brace that opens no hole
                text += re.sub("[{}]", "", part.value)
    return text


def catalogue(language: str) -> Catalog:
    """The catalogue of a language as it is kept."""
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def compiled(language: str) -> bytes:
    """What gettext reads."""
    file = io.BytesIO()
    write_mo(file, catalogue(language))
    return file.getvalue()


def extract(language: str) -> None:
    """Add new messages to a catalogue, and take out those that nobody says any more."""
    old = catalogue(language)
    new = Catalog(
        locale=language,
        domain=DOMAIN,
        project=DOMAIN,
        version="1",
        charset="utf-8",
        creation_date=old.creation_date,
        revision_date=old.revision_date,
        fuzzy=False,
    )
    for message, files in messages().items():
        kept = old.get(message)
        new.add(message, kept.string if kept else "", [(file, None) for file in files])
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("wb") as file:
        write_po(file, new, width=0, sort_by_file=True)


def main() -> None:
    """Do as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extract", action="store_true")
    parser.add_argument("--missing", action="store_true")
    asked = parser.parse_args()
    for language in sorted(path.name for path in LOCALE.iterdir()):
        if asked.extract:
            extract(language)
        empty = [each.id for each in catalogue(language) if each.id and not each.string]
        if asked.missing:
            print(*empty, sep="\n")
        (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").write_bytes(compiled(language))
        print(f"{language}: {len(catalogue(language))} messages, {len(empty)} not translated")


if __name__ == "__main__":
    main()
