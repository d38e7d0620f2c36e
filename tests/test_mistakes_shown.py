"""Every mistake that CONTRIBUTING lists is shown by the notebook and section that it names."""

import re
from dataclasses import dataclass

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.notebook import ROOT, load

CHAPTER = re.search(
    r"^## What people get wrong, and where it is shown\n(.+?)^## ",
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)
ROW = re.compile(r"\| (.+?) \| \[(\d\d)\]\((notebooks/\S+)\), (.+?) \| (.+) \|")
CODE = re.compile(r"(`+)(.+?)\1")


@dataclass(frozen=True)
class Row:
    """A line of the table; `pieces` are what stands in code letters in its last column."""

    mistake: str
    number: str
    file: str
    section: str
    pieces: tuple[str, ...]


def rows(text: str) -> list[Row]:
    """The lines of the tables, without their headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    found = [ROW.fullmatch(line) for line in lines]
    strange = [line for line, row in zip(lines, found, strict=True) if not row]
    assert all(re.match(r"\| what people get wrong|\|---", line) for line in strange), strange
    return [
        Row(row[1], row[2], row[3], row[4], tuple(piece for _, piece in CODE.findall(row[5])))
        for row in found
        if row
    ]


def printed(cell: NotebookNode) -> str:
    """What a cell shows when it is run, as text."""
    outputs = cell.get("outputs", [])
    return "\n".join(
        output.get("text", "")
        + output.get("data", {}).get("text/plain", "")
        + output.get("evalue", "")
        for output in outputs
    )


def shows(cell: NotebookNode, pieces: tuple[str, ...]) -> bool:
    """Whether one cell has all pieces; of several, the last is what the cell prints."""
    if len(pieces) == 1:
        return pieces[0] in cell.source or pieces[0] in printed(cell)
    *run, result = pieces
    return all(piece in cell.source for piece in run) and result in printed(cell)


assert CHAPTER, "CONTRIBUTING has no chapter on what people get wrong"
ROWS = rows(CHAPTER[1])


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{row.number}-{row.mistake}") for row in ROWS]
)
def test_the_mistake_is_shown_where_the_table_says(row):
    notebook = load(ROOT / row.file)
    assert notebook.path.name.startswith(row.number)
    sections = {section.title: section for section in notebook.sections}
    assert row.section in sections, f"{row.file} has no section {row.section!r}"
    assert row.pieces, "the last column has nothing in code letters to look for"
    cells = sections[row.section].cells
    assert any(shows(cell, row.pieces) for cell in cells), f"no cell there shows {row.pieces}"


def test_no_mistake_is_listed_twice():
    assert len({(row.section, row.pieces) for row in ROWS}) == len(ROWS) > 80


def test_every_notebook_shows_some():
    assert {row.number for row in ROWS} == {"01", "02", "03", "04", "05"}


def test_a_result_counts_only_where_the_cell_prints_it():
    pieces = ("torch.equal(a, b)", "True")
    silent = new_code_cell("torch.equal(a, b)  # True")
    spoken = new_code_cell("torch.equal(a, b)", outputs=[new_output("stream", text="True\n")])
    told = new_markdown_cell("`torch.equal(a, b)` is True")
    assert [shows(cell, pieces) for cell in (silent, spoken, told)] == [False, True, False]


def test_a_line_that_is_no_row_does_not_pass_unseen():
    with pytest.raises(AssertionError, match="no section named"):
        rows("| forgotten | 04, no section named | `x` |")
