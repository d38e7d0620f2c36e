"""Words in tables: a tensor of words in its layout, and what an index or a `view` takes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from torch import Tensor

from ..layouts import Words
from .drawing import Box, Drawing, Point
from .palette import axis_kind

HEIGHT = 430


@dataclass(frozen=True)
class Table:
    """Where the cells of a table of two axes stand.

    Attributes:
        left: the left edge in pixels.
        top: the top edge in pixels.
        column: the distance from one column to the next.
        row: the distance from one row to the next.
        gap: the room between two cells in a row and in a column.
    """

    left: float
    top: float
    column: float
    row: float
    gap: Point

    def box(self, row: int, column: int) -> Box:
        """The cell in a row, counted from the top, and a column."""
        x = self.left + column * self.column
        y = self.top - (row + 1) * self.row
        return x, y, self.column - self.gap[0], self.row - self.gap[1]

    def centre(self, row: int, column: int) -> Point:
        """The middle of a cell."""
        x, y, width, height = self.box(row, column)
        return x + width / 2, y + height / 2


def draw_layout(
    words: Words,
    axes: Sequence[str],
    taken: Tensor,
    code: str,
    result: Words,
    result_axes: Sequence[str],
    sentence_of: Callable[[int], int],
) -> Drawing:
    """Draw a table of words, mark those that an expression takes, and show what comes out.

    Args:
        words: the words x, [first, second].
        axes: the names of the two axes.
        taken: which of them the expression takes, booleans [first, second].
        code: the expression, such as ``x[0]``.
        result: what comes out, of one or two axes.
        result_axes: the names of its axes; "mixed" where an axis is neither.
        sentence_of: the sentence that a word's number belongs to; -1 for the pad.
    """
    drawing = Drawing(1100, HEIGHT)
    tall = words.shape[0] > words.shape[1]
    _draw_words(drawing, (40, 390), "x", words, axes, sentence_of, taken)
    place = (320, 390) if tall else (40, 240)
    _draw_words(drawing, place, code, result, result_axes, sentence_of)
    for sentence in range(3):
        x = drawing.width - 420 + 135 * sentence
        drawing.boxes([(x, 8, 22, 16)], f"sentence {sentence}", f"edge {sentence}")
        drawing.text(x + 11, 16, str(sentence), size=8, mono=True)
        drawing.text(x + 30, 16, f"sentence {sentence}", align="left")
    return drawing


def _draw_words(
    drawing: Drawing,
    corner: Point,
    name: str,
    words: Words,
    axes: Sequence[str],
    sentence_of: Callable[[int], int],
    taken: Tensor | None = None,
) -> None:
    """A table of words under the name and shape of its tensor."""
    left, top = corner
    ids = words.ids.reshape(1, -1) if words.ids.dim() == 1 else words.ids
    rows, columns = ids.shape
    table = Table(left, top - 18, 76, 27 if rows <= 3 or top > 300 else 19, (3, 3))
    drawing.shape(left, top + 22, name, words.shape, axes, size=10)
    for column in range(columns):
        x, color = table.centre(0, column)[0], axis_kind(axes[-1])
        drawing.text(x, top - 7, str(column), size=8, color=color, mono=True)
    for row in range(rows if words.ids.dim() == 2 else 0):
        y, color = table.centre(row, 0)[1], axis_kind(axes[0])
        drawing.text(left - 12, y, str(row), size=8, color=color, mono=True)
    numbers = {
        (row, column): int(ids[row, column]) for row in range(rows) for column in range(columns)
    }
    for sentence in (-1, 0, 1, 2):
        look = ("paper", "faint") if sentence < 0 else (f"sentence {sentence}", f"edge {sentence}")
        mine = [at for at, number in numbers.items() if sentence_of(number) == sentence]
        drawing.boxes([table.box(*at) for at in mine], *look)
    for at, number in numbers.items():
        x, y = table.centre(*at)
        sentence, lit = sentence_of(number), taken is None or bool(taken[at])
        word, color = words.vocabulary[number], "ink" if lit else "muted"
        drawing.text(x + 5, y, word, size=7.2, color=color, bold=lit)
        if sentence >= 0:
            drawing.text(x - 32, y, str(sentence), size=6.5, color="muted", mono=True)
    if taken is not None and not bool(taken.all()):
        drawing.boxes([table.box(*at) for at in numbers if bool(taken[at])], "none", width=3.3)


def draw_refusal(code: str, error: str, height: int = HEIGHT) -> Drawing:
    """Draw what PyTorch answers where it refuses an expression or an input."""
    drawing, middle = Drawing(1100, height), height / 2
    drawing.text(550, middle + 35, code, size=11, mono=True)
    drawing.text(550, middle, "PyTorch would say", size=11, color="muted")
    for line, words in enumerate(wrap(error, 100)):
        drawing.text(550, middle - 35 - 24 * line, words, size=11, bold=True, mono=True)
    return drawing
