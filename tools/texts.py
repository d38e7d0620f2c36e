"""Find what a reader reads in a notebook's cells, and say it anew: one text is one line.

A text is a line of markdown without its mark (a paragraph is one line, however long), a comment, a
docstring, or a string that is printed. What is names and numbers alone is none.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

FENCE = re.compile(r"^(```[^\n]*\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"(?P<mark>#+ |- |\d+\. |)(?P<text>.+)")
LITERAL = re.compile(r"""(f?(?:\"""|'''|"|'))(.*?)(\"""|'''|"|')""", re.DOTALL)
MAGIC = re.compile(r"^( *)%.*", re.MULTILINE)
CODE_SPAN = re.compile(r"(`+).+?\1")
TARGET = re.compile(r"\]\((?:<[^>]*>|[^)]*)\)")
WORD = re.compile(r"\b[A-Za-z]{2,}\b")  # not h, and not h_n

# What is said in the place of a text; it is told what the text is and, in code, its line.
Say = Callable[[str, str], str]


def markdown(source: str, say: Say) -> str:
    """A markdown cell with its texts said anew, those in fenced code too."""
    pieces, at = [], 0
    for fence in FENCE.finditer(source):
        pieces += [_prose(source[at : fence.start()], say), fence[1], code(fence[2], say), fence[3]]
        at = fence.end()
    return "".join([*pieces, _prose(source[at:], say)])


def _prose(source: str, say: Say) -> str:
    def anew(line: re.Match[str]) -> str:
        mark, text = line["mark"], line["text"]
        if text.startswith("<") or not WORD.search(CODE_SPAN.sub("", TARGET.sub("", text))):
            return line[0]
        if mark:
            return mark + say(text, "heading" if mark.startswith("#") else "list item")
        return say(text, "table row" if text.startswith("|") else "paragraph")

    return LINE.sub(anew, source)


def code(source: str, say: Say) -> str:
    """Code with its texts said anew."""
    lines = source.splitlines(keepends=True)
    pieces, at = [], 0
    python = MAGIC.sub(r"\1pass", source)
    for row, column, whole, kind in sorted([*_comments(python), *_strings(python)]):
        begin = sum(map(len, lines[: row - 1])) + column
        found = LITERAL.fullmatch(whole)
        before, text, after = found.groups() if found else ("# ", whole.removeprefix("# "), "")
        said = say(text, f"{kind} in {lines[row - 1].strip()}")
        pieces += [source[at:begin], before, said, after]
        at = begin + len(whole)
    return "".join([*pieces, source[at:]])


Found = tuple[int, int, str, str]  # row, column, what stands there, what it is


def _comments(source: str) -> Iterator[Found]:
    """The comments, but for those that are a shape: # [batch, seq_len]."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and WORD.search(re.sub(r"\[[^]]*\]", "", token.string)):
            yield *token.start, token.string, "comment"


def _strings(source: str) -> Iterator[Found]:
    """The strings for the reader, but for those whose words are names in the code."""
    nodes, lines = list(ast.walk(ast.parse(source))), source.splitlines()
    names = {vars(node).get(name) for node in nodes for name in ("id", "attr", "arg", "name")}
    for node in nodes:
        for string, kind in _shown(node):
            if set(WORD.findall(" ".join(_constants(string)))) - names:
                # Python counts the columns of a tree in bytes.
                column = len(lines[string.lineno - 1].encode()[: string.col_offset].decode())
                yield string.lineno, column, ast.get_source_segment(source, string) or "", kind


def _shown(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    match node:
        case ast.Call(func=ast.Name(id="print")):
            yield from ((each, "printed text") for part in node.args for each in _literals(part))
        case ast.Raise(exc=ast.Call(args=parts)):
            yield from ((each, "error") for part in parts for each in _literals(part))
        case ast.Assert(msg=ast.expr() as message):
            yield from ((each, "error") for each in _literals(message))
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
