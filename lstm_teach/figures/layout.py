"""Words in tables: a tensor of words in its layout, and what an index or a `view` takes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from matplotlib.figure import Figure
from torch import Tensor

from ..layouts import Words
from .canvas import Box, Canvas, Point
from .palette import FAINT, INK, MUTED, PAPER, axis_color

# Sentences are no axis, so they get fills of their own; a number stands with each.
HEIGHT = 430
SENTENCE_FILLS = ("#fff1c2", "#e2e2e2", "#ffffff")
SENTENCE_EDGES = ("#8a6d00", "#5f5f5f", "#1b1b1b")


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
) -> Figure:
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
    canvas = Canvas(1100, HEIGHT)
    tall = words.shape[0] > words.shape[1]
    _draw_words(canvas, (40, 390), "x", words, axes, sentence_of, taken)
    place = (320, 390) if tall else (40, 240)
    _draw_words(canvas, place, code, result, result_axes, sentence_of)
    for sentence, (fill, edge) in enumerate(zip(SENTENCE_FILLS, SENTENCE_EDGES, strict=True)):
        x = canvas.width - 420 + 135 * sentence
        canvas.boxes([(x, 8, 22, 16)], fill, edge)
        canvas.text(x + 11, 16, str(sentence), size=8, mono=True)
        canvas.text(x + 30, 16, f"sentence {sentence}", size=9, align="left")
    return canvas.figure


def _draw_words(
    canvas: Canvas,
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
    high = 27 if rows <= 3 or top > 300 else 19
    table = Table(left, top - 18, 76, high, (3, 3))
    canvas.shape(left, top + 22, name, words.shape, axes, size=10)
    for column in range(columns):
        x = table.centre(0, column)[0]
        canvas.text(x, top - 7, str(column), size=8, color=axis_color(axes[-1]), mono=True)
    for row in range(rows if words.ids.dim() == 2 else 0):
        y = table.centre(row, 0)[1]
        canvas.text(left - 12, y, str(row), size=8, color=axis_color(axes[0]), mono=True)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    for sentence in (-1, 0, 1, 2):
        mine = [at for at in places if sentence_of(int(ids[at])) == sentence]
        fill = SENTENCE_FILLS[sentence] if sentence >= 0 else PAPER
        edge = SENTENCE_EDGES[sentence] if sentence >= 0 else FAINT
        canvas.boxes([table.box(*at) for at in mine], fill, edge)
    for at in places:
        number = int(ids[at])
        x, y = table.centre(*at)
        sentence, lit = sentence_of(number), taken is None or bool(taken[at])
        word = words.vocabulary[number]
        canvas.text(x + 5, y, word, size=7.2, color=INK if lit else MUTED, bold=lit)
        if sentence >= 0:
            canvas.text(x - 32, y, str(sentence), size=6.5, color=MUTED, mono=True)
    if taken is not None and not bool(taken.all()):
        frames = [table.box(*at) for at in places if bool(taken[at])]
        canvas.boxes(frames, "none", INK, width=2.4)


def draw_refusal(code: str, error: str, height: int = HEIGHT) -> Figure:
    """Draw what PyTorch answers where it refuses an expression or an input."""
    canvas, middle = Canvas(1100, height), height / 2
    canvas.text(550, middle + 35, code, size=11, mono=True)
    canvas.text(550, middle, "PyTorch would say", size=11, color=MUTED)
    for line, words in enumerate(wrap(error, 100)):
        canvas.text(550, middle - 35 - 24 * line, words, size=11, bold=True, mono=True)
    return canvas.figure
