"""Cells in rows and columns, and stacks of cards in them: time to the right, layers up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from .drawing import Arrow, Box, Cell, Drawing, Point, Style

MOST_STEPS = 12
MOST_CARDS = 5
LATER = Style("paper", "muted", "muted", ":")
Place = tuple[int, int]  # row, column


def shown_steps(seq_len: int) -> list[int | None]:
    """The steps that get a column of their own; None stands for those left out in the middle."""
    if seq_len <= MOST_STEPS:
        return list(range(seq_len))
    tail = (MOST_STEPS - 1) // 2
    return [*range(MOST_STEPS - 1 - tail), None, *range(seq_len - tail, seq_len)]


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

    def arrow(self, start: Place, end: Place, short: float = 0) -> Arrow:
        """The arrow from the edge of a cell to, or `short` of, another's in its row or column."""
        (x0, y0), (x1, y1), (back, up) = self.centre(*start), self.centre(*end), self.behind
        right, rise = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        width, height = right * (self.width / 2 + 1), rise * (self.height / 2 + 1)
        tail = (x0 + width + back * (right > 0), y0 + height + up * (rise > 0))
        x1, y1 = x1 - right * short, y1 - rise * short
        return tail, (x1 - width + back * (right < 0), y1 - height + up * (rise < 0))


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
        """Input and output, named ``input[t]`` by an index ``[t]``: the lowest and the highest row.

        Where `finished` is given, only these columns have an output.
        """
        there = Style("pale seq_len", "seq_len", "seq_len", mono=True)
        done = self.columns if finished is None else finished
        cells = {}
        for row, t in product((-1, self.lanes), self.columns):
            cells[row, t] = (str(self.steps[t]), there if row < 0 or t in done else LATER)
        self.draw(cells)
        self.name(-1, f"input{index}")
        self.name(self.lanes, f"output{index}")
