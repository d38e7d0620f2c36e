"""Make the Chinese notebooks of the English ones and of one PO file each.

python -m tools.translate --extract   bring notebooks/zh/*.po in step with the English notebooks
python -m tools.translate             write notebooks/zh/*.ipynb; what has no Chinese stays English
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import nbformat
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from nbformat import NotebookNode

from tools.normalise import tidy

ROOT = Path(__file__).resolve().parents[1]
ENGLISH = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
CHINESE = ROOT / "notebooks" / "zh"
FOLDS = {"Answers": "答案", "Hint 1": "提示 1", "Hint 2": "提示 2", "Solution": "参考答案"}
# Below the title of every notebook: the other language.
TO_CHINESE = "English · [中文](zh/{name})"
TO_ENGLISH = "[English](../{name}) · 中文"
# Lines for the end of the import cell, once the package speaks Chinese:
# 'import lstm_teach\nlstm_teach.use("zh")\n'
CHOOSE_LANGUAGE = ""

FENCE = re.compile(r"^(```.*\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"(?P<mark>#+ |- |\d+\. |)(?P<text>.+)")
NOT_PROSE = re.compile(r"<|\|-|English · \[")  # folds, the line under a table's head, languages
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LITERAL = re.compile(r"""([fr]?)(\"""|'''|"|')(.*)\2""", re.DOTALL)
CODE_SPAN = re.compile(r"(`+).+?\1")
TARGET = re.compile(r"\]\((?:<[^>]*>|[^)]*)\)")
WORD = re.compile(r"\b[A-Za-z]{2,}\b")  # not h, and not h_n

# What is said in the place of a text; it is told what the text is and, in code, its line.
Say = Callable[[str, str], str]


def markdown(source: str, say: Say) -> str:
    """A markdown cell, each line of it said anew: here a paragraph is a line, however long."""
    pieces, at = [], 0
    for fence in FENCE.finditer(source):
        pieces += [_prose(source[at : fence.start()], say), fence[1], code(fence[2], say), fence[3]]
        at = fence.end()
    return "".join([*pieces, _prose(source[at:], say)])


def _prose(source: str, say: Say) -> str:
    def anew(line: re.Match[str]) -> str:
        mark, text = line["mark"], line["text"]
        if NOT_PROSE.match(text) or not WORD.search(CODE_SPAN.sub("", TARGET.sub("", text))):
            return line[0]
        kinds = {"#": "heading", "|": "table row", "-": "list item", "": "paragraph"}
        return mark + say(text, kinds.get((mark or text)[:1], "list item" if mark else "paragraph"))

    return LINE.sub(anew, source)


def code(source: str, say: Say) -> str:
    """Code, with its comments, its docstrings and what it prints said anew."""
    lines = source.splitlines(keepends=True)
    pieces, at = [], 0
    for start, end, kind in sorted(_spoken(re.sub(r"^%.*", "", source, flags=re.MULTILINE))):
        begin, stop = (sum(map(len, lines[: row - 1])) + column for row, column in (start, end))
        whole = source[begin:stop]
        if found := LITERAL.fullmatch(whole):
            before, text, after = found[1] + found[2], found[3], found[2]
        else:
            before, text, after = "# ", whole.removeprefix("# "), ""
        line = lines[start[0] - 1].strip()
        pieces += [source[at:begin], before, say(text, f"{kind} in {line}"), after]
        at = stop
    return "".join([*pieces, source[at:]])


Place = tuple[int, int]


def _spoken(source: str) -> Iterator[tuple[Place, Place, str]]:
    """Where text for the reader begins and ends, as row and column; a list of names is none."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and WORD.search(re.sub(r"\[[^]]*\]", "", token.string)):
            yield token.start, token.end, "comment"
    tree, lines = ast.parse(source), source.splitlines()
    fields = [vars(node) for node in ast.walk(tree)]
    names = {each.get(name) for each in fields for name in ("id", "attr", "arg", "name")}
    for node in ast.walk(tree):
        for each, kind in _texts(node):
            words = WORD.findall(" ".join(_constants(each)))
            if set(words) - names:
                assert each.end_lineno is not None
                assert each.end_col_offset is not None
                start = each.lineno, _characters(lines[each.lineno - 1], each.col_offset)
                end = each.end_lineno, _characters(lines[each.end_lineno - 1], each.end_col_offset)
                yield start, end, kind


def _texts(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    match node:
        case ast.Call(func=ast.Name(id="print")):
            for argument in node.args:
                yield from ((each, "printed text") for each in _literals(argument))
        case ast.Raise(exc=ast.Call(args=arguments)):
            for argument in arguments:
                yield from ((each, "error") for each in _literals(argument))
        case ast.FunctionDef() | ast.ClassDef() if ast.get_docstring(node):
            assert isinstance(node.body[0], ast.Expr)
            yield node.body[0].value, "docstring"


def _literals(node: ast.expr) -> Iterator[ast.expr]:
    """The strings that are themselves shown: not a key, nor what a call in between is given."""
    match node:
        case ast.IfExp():
            yield from [*_literals(node.body), *_literals(node.orelse)]
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield node


def _constants(node: ast.expr) -> list[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [str(part.value) for part in parts if isinstance(part, ast.Constant)]


def _characters(line: str, column: int) -> int:
    """Python counts the columns of a tree in bytes."""
    return len(line.encode()[:column].decode())


def sources(notebook: NotebookNode, say: Callable[[str, str, str], str]) -> list[str]:
    """The text of each cell said anew; `say` is told the section, too."""
    said, section = [], ""
    for cell in notebook.cells:

        def here(text: str, kind: str) -> str:
            nonlocal section
            section = text if kind == "heading" else section
            return say(text, kind, section)

        said.append((markdown if cell.cell_type == "markdown" else code)(cell.source, here))
    return said


def template(path: Path) -> Catalog:
    """Every text of an English notebook, in the order of reading, with where it stands."""
    catalog = _empty(path)

    def note(text: str, kind: str, section: str) -> str:
        catalog.add(text, auto_comments=[kind if kind == "heading" else f"{section}: {kind}"])
        return text

    sources(nbformat.read(path, as_version=4), note)
    return catalog


def po(path: Path) -> Path:
    """Where the translation of an English notebook is."""
    return CHINESE / f"{path.stem}.po"


def _empty(path: Path) -> Catalog:
    now = datetime.now(timezone.utc)
    return Catalog(
        locale="zh_CN",
        header_comment=f"# The Chinese of {path.name}; python -m tools.translate reads it.",
        project="lstm_teach",
        version="0.1.0",
        msgid_bugs_address="none",
        last_translator="The lstm_teach authors",
        language_team="none",
        creation_date=now,
        revision_date=now,
        fuzzy=False,
    )


def load(path: Path) -> Catalog:
    """The translation of an English notebook, as far as there is one."""
    if not po(path).exists():
        return _empty(path)
    with po(path).open("rb") as file:
        return read_po(file, locale="zh_CN")


def extract(path: Path) -> None:
    """Bring one PO file in step: a changed text keeps its Chinese, marked fuzzy."""
    catalog, new = load(path), io.BytesIO()
    catalog.update(template(path), update_creation_date=False)
    for message in catalog:
        message.flags &= {"fuzzy"}  # of its own accord, Babel takes "95 % of" for a format
    write_po(new, catalog, width=0, ignore_obsolete=True, include_previous=True)
    old = po(path).read_bytes() if po(path).exists() else b""
    # What an entry was before is not read again: leave a file that is as it should be.
    if new.getvalue() != re.sub(rb"^#\| .*\n", b"", old, flags=re.MULTILINE):
        po(path).write_bytes(new.getvalue())


def translated(path: Path) -> NotebookNode:
    """The Chinese of one English notebook, with the outputs of cells that have not changed."""
    notebook, catalog = nbformat.read(path, as_version=4), load(path)
    old = [notebook]
    if (CHINESE / path.name).exists():
        old.append(nbformat.read(CHINESE / path.name, as_version=4))
    known = {cell.id: cell for each in old for cell in each.cells if cell.cell_type == "code"}

    def chinese(text: str, kind: str, section: str) -> str:
        message = catalog.get(text)
        return message.string if message and message.string and not message.fuzzy else text

    for cell, source in zip(notebook.cells, sources(notebook, chinese), strict=True):
        cell.source = source
        if cell.cell_type == "code":
            cell.outputs = []
    _link(notebook, nbformat.read(path, as_version=4), path.name)
    imports = next(cell for cell in notebook.cells if cell.cell_type == "code")
    imports.source = imports.source.replace("%xmode", f"{CHOOSE_LANGUAGE}%xmode")
    tidy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id in known:
            cell.outputs = known[cell.id].outputs
    return notebook


def _link(notebook: NotebookNode, english: NotebookNode, name: str) -> None:
    """Name the folds, and lead the links to the headings as they are now, and to English."""
    pairs = [
        pair
        for new, old in zip(notebook.cells, english.cells, strict=True)
        if new.cell_type == "markdown"
        for pair in zip(HEADING.findall(old.source), HEADING.findall(new.source), strict=True)
    ]
    anchors = {old.replace(" ", "-"): new.replace(" ", "-") for old, new in pairs}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = cell.source.replace(TO_CHINESE.format(name=name), TO_ENGLISH.format(name=name))
            text = re.sub(r"\]\(<#(.+?)>\)", lambda link: f"](<#{anchors[link[1]]}>)", text)
            cell.source = re.sub(
                r"<summary>(.+)</summary>",
                lambda fold: f"<summary>{FOLDS[fold[1]]}</summary>",
                text,
            )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extract", action="store_true", help="bring the PO files in step")
    options = parser.parse_args()
    CHINESE.mkdir(exist_ok=True)
    for path in ENGLISH:
        if options.extract:
            extract(path)
        else:
            text = nbformat.writes(translated(path)) + "\n"
            (CHINESE / path.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
