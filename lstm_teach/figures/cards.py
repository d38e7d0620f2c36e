"""Stacks of cards in columns and rows: time to the right, layers up, the batch in depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .drawing import Box, Drawing, Point

MOST_STEPS = 12
MOST_CARDS = 5


def shown_steps(seq_len: int, most: int = MOST_STEPS) -> list[int | None]:
    """The steps that get a column of their own; None stands for those left out in the middle."""
    if seq_len <= most:
        return list(range(seq_len))
    tail = (most - 1) // 2
    return [*range(most - 1 - tail), None, *range(seq_len - tail, seq_len)]


class Table(NamedTuple):
    """Where the cells of a table stand, row 0 at the top; `gap` is the room between two cells."""

    left: float
    top: float
    column: float
    row: float
    gap: Point

    def box(self, row: int, column: int) -> Box:
        """The cell in a row and a column."""
        x, y = self.left + column * self.column, self.top - (row + 1) * self.row
        return x, y, self.column - self.gap[0], self.row - self.gap[1]

    def centre(self, row: int, column: int) -> Point:
        """The middle of a cell."""
        x, y, width, height = self.box(row, column)
        return x + width / 2, y + height / 2


class Cards:
    """A column for each time step, a row for each level, and in each place a stack of cards.

    Args:
        drawing: the sheet to draw on.
        area: left, bottom, width and height of the rows and columns in pixels.
        seq_len: number of time steps.
        rows: number of levels, the lowest first.
        batch: how many cards lie in one stack; more than five are drawn as five.
    """

    def __init__(self, drawing: Drawing, area: Box, seq_len: int, rows: int, batch: int) -> None:
        """Divide `area` into columns and rows."""
        self.drawing, self.steps, self.rows = drawing, shown_steps(seq_len), rows
        left, bottom, width, height = area
        self._pitch = min(width / len(self.steps), 84)
        self._left = left + (width - self._pitch * len(self.steps)) / 2
        self._row = min(height / rows, 88)
        self._bottom = bottom + (height - self._row * rows) / 2
        self.cards = max(1, min(batch, MOST_CARDS))
        self.width, self.height = self._pitch * 0.62, self._row * 0.44
        self._depth = (min(4.5, self.width * 0.09), min(4.0, self._row * 0.07))
        self.behind = tuple(each * (self.cards - 1) for each in self._depth)

    @property
    def columns(self) -> list[int]:
        """Columns that stand for a step, from left to right."""
        return [column for column, step in enumerate(self.steps) if step is not None]

    def box(self, column: float, row: float) -> Box:
        """The front card in a column and row; columns -1 and len(steps) lie beside the others."""
        x = self._left + (column + 0.5) * self._pitch - self.width / 2
        return x, self._bottom + (row + 0.28) * self._row, self.width, self.height

    def centre(self, column: float, row: float) -> Point:
        """The middle of the front card."""
        x, y, w, h = self.box(column, row)
        return x + w / 2, y + h / 2

    def draw(
        self,
        places: Iterable[tuple[float, float]],
        fill: str,
        edge: str,
        style: str = "-",
        width: float = 1.3,
    ) -> None:
        """Draw a stack of cards, one for each element of the batch, in each (column, row)."""
        fronts = [self.box(*at) for at in places]
        dx, dy = self._depth
        behind = [(dx * card, dy * card) for card in range(self.cards - 1, 0, -1)]
        if behind:
            self.drawing.boxes(fronts, fill, "batch", style=style, width=1.3, shifts=behind)
        self.drawing.boxes(fronts, fill, edge, style=style, width=width)

    def write(
        self, column: float, row: float, words: str, color: str, size: float = 9, mono: bool = True
    ) -> None:
        """Write on the front card."""
        x, y = self.centre(column, row)
        self.drawing.text(x, y, words, color=color, size=size, mono=mono, bold=not mono)

    def name(self, row: float, words: str, color: str = "ink") -> None:
        """Write the name of a row, which ends at the left of the column before the first."""
        x, y = self.box(-1, row)[0] - 16, self.centre(0, row)[1]
        self.drawing.text(x, y, words, color=color, align="right", bold=True, mono=color == "ink")

    def edges(self, index: str, finished: Sequence[int] | None = None) -> None:
        """Input and output: the lowest and the highest row, with their names and step numbers.

        Args:
            index: how one step is indexed, such as ``[t]``.
            finished: the columns whose output there is; all of them where it is left out.
        """
        top = self.rows - 1
        there = [(t, 0) for t in self.columns]
        there += [(t, top) for t in (self.columns if finished is None else finished)]
        rest = [(t, top) for t in self.columns if (t, top) not in there]
        self.draw(there, "pale seq_len", "seq_len")
        self.draw(rest, "paper", "muted", ":")
        for at in (*there, *rest):
            self.write(*at, str(self.steps[int(at[0])]), "seq_len" if at in there else "muted")
        self.name(0, "input" + index)
        self.name(top, "output" + index)

    def up(self, column: float, row: float) -> tuple[Point, Point]:
        """The arrow from a stack to the one above it."""
        x, y, w, h = self.box(column, row)
        start = y + h + self.behind[1] + 1
        return (x + w / 2, start), (x + w / 2, self.box(column, row + 1)[1] - 1)

    def across(self, start: float, end: float, row: float) -> tuple[Point, Point]:
        """The arrow from one column to another in the same row."""
        (x0, y), (x1, _) = self.centre(start, row), self.centre(end, row)
        reach, behind = self.width / 2 + 1, self.behind[0]
        if end > start:
            return (x0 + reach + behind, y), (x1 - reach, y)
        return (x0 - reach, y), (x1 + reach + behind, y)
