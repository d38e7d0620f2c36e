"""A notebook as the tests read and run it: an import cell, sections, exercises."""

from __future__ import annotations

import ast
import atexit
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from traitlets.config import Config

from lstm_teach import Report

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHINESE = sorted((ROOT / "notebooks" / "zh").glob("*.ipynb"))
SOLUTION = re.compile(
    r"<details>\s*<summary>(?:Solution|参考答案)</summary>.*?```python\n(.*?)```.*?</details>",
    re.DOTALL,
)
LONG_SECONDS = 5


def name(path: Path) -> str:
    """How a test is told which notebook it is about: 01_lstm_shapes, or 01_lstm_shapes-zh."""
    return f"{path.stem}-zh" if path in CHINESE else path.stem


def tagged(cell: NotebookNode, tag: str) -> bool:
    """Whether the cell carries the tag."""
    return tag in cell.metadata.get("tags", [])


def raises_as_meant(cell: NotebookNode, outputs: list[dict[str, Any]]) -> bool:
    """Whether its outputs hold an error exactly where the cell is tagged raises-exception."""
    raised = any(output["output_type"] == "error" for output in outputs)
    return raised == tagged(cell, "raises-exception")


def first_line(cell: NotebookNode) -> str:
    """How a message names a cell."""
    return f"the cell {cell.source.splitlines()[0]!r}"


@dataclass(frozen=True)
class Section:
    """The cells from one `## ` heading to the next."""

    title: str
    cells: tuple[NotebookNode, ...]

    @property
    def code(self) -> list[NotebookNode]:
        """The code cells."""
        return [cell for cell in self.cells if cell.cell_type == "code"]


@dataclass(frozen=True)
class Exercise:
    """A stub to fill in, the solution that stands folded below it, and the cells that check it."""

    name: str
    section: Section
    stub: NotebookNode
    checks: tuple[NotebookNode, ...]
    solution: str
    hints: int


class Notebook:
    """One notebook file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.node = nbformat.read(path, as_version=4)
        self.cells: list[NotebookNode] = self.node.cells

    @property
    def code(self) -> list[NotebookNode]:
        """The code cells."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def imports(self) -> NotebookNode:
        """The one cell that every section needs."""
        return next(cell for cell in self.code if not tagged(cell, "colab"))

    @property
    def prose(self) -> str:
        """All markdown, without what stands in fenced code."""
        text = "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)

    @property
    def outputs(self) -> Iterator[tuple[NotebookNode, NotebookNode]]:
        """Every output with its cell."""
        return ((cell, output) for cell in self.code for output in cell.outputs)

    @cached_property
    def sections(self) -> list[Section]:
        """The parts under `## ` headings that run something; the cells before them are in none."""
        parts: list[tuple[str, list[NotebookNode]]] = [("the opening", [])]
        for cell in self.cells:
            heading = re.search(r"^## (.+)", cell.source, re.MULTILINE)
            if cell.cell_type == "markdown" and heading:
                parts.append((heading[1].strip(), []))
            if cell is not self.imports and not tagged(cell, "colab"):
                parts[-1][1].append(cell)
        sections = [Section(title, tuple(cells)) for title, cells in parts]
        return [section for section in sections if section.code]

    @cached_property
    def exercises(self) -> list[Exercise]:
        """The exercises, in order."""
        return [
            _exercise(section, place)
            for section in self.sections
            for place, cell in enumerate(section.cells)
            if tagged(cell, "exercise")
        ]


@lru_cache
def load(path: Path) -> Notebook:
    """The notebook of a file, read once."""
    return Notebook(path)


def _exercise(section: Section, place: int) -> Exercise:
    stub, *rest = section.cells[place:]
    following = [cell for cell in rest if tagged(cell, "exercise")]
    rest = rest[: rest.index(following[0])] if following else rest
    name = stub.metadata.get("exercise")
    where = f"{section.title!r}: {first_line(stub)} is tagged exercise"
    assert name, f'{where}, but its metadata has no {{"exercise": "<name>"}}'
    checks = [
        cell for cell in rest if tagged(cell, "check") and cell.metadata.get("exercise") == name
    ]
    assert checks, f"{where}, and no cell is tagged check with {name!r}"
    folded = "\n".join(cell.source for cell in rest if cell.cell_type == "markdown")
    solutions = SOLUTION.findall(folded)
    assert len(solutions) == 1, (
        f"{where}, and {len(solutions)} markdown cells below it, before the next exercise, have "
        "<details><summary>Solution</summary> with a ```python block"
    )
    hints = len(re.findall(r"<summary>(?:Hint|提示) \d</summary>", folded))
    return Exercise(name, section, stub, tuple(checks), solutions[0], hints)


class Kernel:
    """Runs cells in this process, as a fresh kernel would."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        self.shell = InteractiveShell(config=config, user_module=ModuleType("lesson"))
        self.shell.autoawait = False
        # What it would tidy up when Python ends takes seconds, and keeps all its values until then.
        atexit.unregister(self.shell.atexit_operations)

    def run(self, source: str) -> Any:
        """Run one cell's text; returns the value of its last expression.

        Raises:
            Exception: what the cell raises.
        """
        outcome = self.shell.run_cell(source, store_history=False)
        outcome.raise_error()
        return outcome.result

    def run_cell(self, cell: NotebookNode) -> float:
        """Run one cell of a notebook; returns the seconds that it took.

        Raises:
            AssertionError: if the cell raises and is not tagged raises-exception, or the reverse.
        """
        start, raised = time.perf_counter(), None
        try:
            self.run(cell.source)
        except Exception as error:
            raised = error
        meant = tagged(cell, "raises-exception")
        assert meant or raised is None, f"{first_line(cell)} raises {raised!r}"
        assert raised or not meant, f"{first_line(cell)} is to raise an exception, and does not"
        return time.perf_counter() - start


def answer(notebook: Notebook, exercise: Exercise, code: str | None) -> list[Report]:
    """What the checks say when `code` stands in the stub's place; the stub itself if None.

    Exercises that come earlier in the section are solved.
    """
    kernel = Kernel()
    kernel.run_cell(notebook.imports)
    solutions = {each.stub.id: each.solution for each in notebook.exercises}
    for cell in exercise.section.code:
        if cell is exercise.checks[0]:
            break
        if cell is exercise.stub:
            kernel.run(cell.source if code is None else code)
        elif cell.id in solutions:
            kernel.run(solutions[cell.id])
        else:
            kernel.run_cell(cell)
    said = {
        first_line(check): list(_reports(kernel.run(check.source))) for check in exercise.checks
    }
    for check, reports in said.items():
        assert reports, f"{check} does not end in a Report, or a list or dict of them"
    return [report for reports in said.values() for report in reports]


def answers_after_run_all(notebook: Notebook) -> list[Report]:
    """What the checks say of each solution when all that the notebook defines was defined before,
    of the sections without exercises only functions and classes."""
    kernel, reports = Kernel(), list[Report]()
    kernel.run_cell(notebook.imports)
    with_exercises = {exercise.section.title for exercise in notebook.exercises}
    for section in notebook.sections:
        for cell in section.code:
            if section.title in with_exercises or _only_defines(cell):
                kernel.run_cell(cell)
    for exercise in notebook.exercises:
        kernel.run(exercise.solution)
        for check in exercise.checks:
            reports += _reports(kernel.run(check.source))
    return reports


def _only_defines(cell: NotebookNode) -> bool:
    definitions = ast.FunctionDef, ast.ClassDef
    return all(isinstance(one, definitions) for one in ast.parse(cell.source).body)


def _reports(value: Any) -> Iterable[Report]:
    if isinstance(value, Report):
        yield value
    elif isinstance(value, dict):
        yield from _reports(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _reports(each)
