"""Cells in rows and columns, and stacks of cards in them: time to the right, layers up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from .drawing import Arrow, Box, Cell, Drawing, Point, Style

MOST_STEPS = 12
MOST_CARDS = 5
LATER = Style("paper", "muted", "muted", ":")
Place = tuple[int, int]  # row, column


def shown_steps(seq_len: int, most: int = MOST_STEPS) -> list[int | None]:
    """The steps that get a column of their own; None stands for those left out in the middle."""
    if seq_len <= most:
        return list(range(seq_len))
    tail = (most - 1) // 2
    return [*range(most - 1 - tail), None, *range(seq_len - tail, seq_len)]


@dataclass
class Grid:
    """Where cells stand that are `column` and `row` apart; those of number -1 are before the first.

    `x` and `y` are the middle of the first cell, and where `row` is negative, rows go down.
    """

    x: float
    y: float
    column: float
    row: float
    width: float
    height: float
    behind: Point = (0, 0)  # how far a stack of cards reaches behind the first one

    def centre(self, row: float, column: float) -> Point:
        """The middle of a cell."""
        return self.x + column * self.column, self.y + row * self.row

    def box(self, row: float, column: float) -> Box:
        """The cell itself."""
        x, y = self.centre(row, column)
        return x - self.width / 2, y - self.height / 2, self.width, self.height

    def up(self, row: float, column: float) -> Arrow:
        """The arrow from a cell to the one above it."""
        (x, low), (_, high) = self.centre(row, column), self.centre(row + 1, column)
        reach = self.height / 2 + 1
        return (x, low + reach + self.behind[1]), (x, high - reach)

    def across(self, row: float, start: float, end: float) -> Arrow:
        """The arrow from one column to another in the same row."""
        (x0, y), (x1, _) = self.centre(row, start), self.centre(row, end)
        reach, behind = self.width / 2 + 1, self.behind[0]
        if end > start:
            return (x0 + reach + behind, y), (x1 - reach, y)
        return (x0 - reach, y), (x1 + reach + behind, y)


class Cards(Grid):
    """A column for each time step, a row for each lane, and in each place a stack of cards.

    Input is row -1, and output the row above the last lane.

    Args:
        drawing: the sheet to draw on.
        area: left, bottom, width and height of the rows and columns in pixels.
        seq_len: number of time steps.
        lanes: number of rows between input and output.
        batch: how many cards lie in one stack; more than five are drawn as five.
    """

    def __init__(self, drawing: Drawing, area: Box, seq_len: int, lanes: int, batch: int) -> None:
        """Divide `area` into columns and rows."""
        self.drawing, self.steps, self.lanes = drawing, shown_steps(seq_len), lanes
        self.columns = [column for column, step in enumerate(self.steps) if step is not None]
        left, bottom, width, height = area
        column, row = min(width / len(self.steps), 84), min(height / (lanes + 2), 88)
        x = left + (width - column * (len(self.steps) - 1)) / 2
        y = bottom + (height - row * (lanes - 1)) / 2
        depth = (min(4.5, column * 0.0558), min(4.0, row * 0.07))
        self._behind = [(n * depth[0], n * depth[1]) for n in range(min(batch, MOST_CARDS))][::-1]
        super().__init__(x, y, column, row, column * 0.62, row * 0.44, self._behind[0])

    def draw(self, cells: Mapping[Place, Cell]) -> None:
        """Draw stacks of cards, one for each element of the batch, with words on the first one."""
        fronts = {self.box(*at): cell for at, cell in cells.items()}
        self.drawing.cells(fronts, self._behind[:-1])

    def name(self, row: float, words: str, color: str = "ink") -> None:
        """Write the name of a row, which ends at the left of the column before the first."""
        x, y = self.box(row, -1)[0] - 16, self.centre(row, 0)[1]
        self.drawing.text(x, y, words, color=color, align="right", bold=True, mono=color == "ink")

    def edges(self, index: str, finished: Sequence[int] | None = None) -> None:
        """Input and output: the lowest and the highest row, with their names and step numbers.

        Args:
            index: how one step is indexed, such as ``[t]``.
            finished: the columns whose output there is; all of them where it is left out.
        """
        there = Style("pale seq_len", "seq_len", "seq_len", mono=True)
        done = self.columns if finished is None else finished
        cells = {}
        for row, t in product((-1, self.lanes), self.columns):
            cells[row, t] = (str(self.steps[t]), there if row < 0 or t in done else LATER)
        self.draw(cells)
        self.name(-1, f"input{index}")
        self.name(self.lanes, f"output{index}")
