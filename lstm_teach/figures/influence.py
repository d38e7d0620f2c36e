"""Which words of a batch reach one position of what a model returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from ..layouts import PAD
from .canvas import Canvas, Point
from .layout import Table
from .palette import AXIS_COLORS, AXIS_TINTS, FAINT, INK, MUTED, PAPER

Place = tuple[int, int]  # sentence and step
Arrow = tuple[Place, Place]
HEIGHT = 480
OWN, OTHER = "seq_len", "batch"
PALER = 0.7  # all but the strongest word stay pale enough for ink to be easy to read on them


@dataclass(frozen=True)
class Reach:
    """What reaches one position of a result.

    Attributes:
        words: the sentences, one list of words each, all padded to seq_len.
        strengths: how strongly each word reaches the result, [batch, seq_len].
        sentence: the sentence that the result is meant for.
        made: the tensor of results as code, such as ``output`` or ``answer = output[-1]``.
        result: the result as code, such as ``output[1, 3]``.
        shape: the shape of the tensor that the result is one position of.
        axes: the names of the axes of that tensor.
        target: sentence and step of the result; the step is None for one result a sentence.
        x_axes: the names of the axes of x.
        x_shape: the shape of x.
    """

    words: Sequence[Sequence[str]]
    strengths: Tensor
    sentence: int
    made: str
    result: str
    shape: Sequence[int]
    axes: Sequence[str]
    target: tuple[int, int | None]
    x_axes: Sequence[str]
    x_shape: Sequence[int]

    @property
    def own(self) -> list[int]:
        """The steps of the result's own sentence that reach it."""
        return self.strengths[self.sentence].nonzero().flatten().tolist()

    @property
    def others(self) -> list[tuple[int, int]]:
        """Sentence and step of every word of another sentence that reaches the result."""
        pairs = self.strengths.nonzero().tolist()
        return [(row, step) for row, step in pairs if row != self.sentence]


def draw_influence(
    reach: Reach, code: str, title: str, right: bool, arrows: Sequence[Arrow] = ()
) -> Figure:
    """Draw the words as a table, one sentence a row, and light up those that reach the result.

    Args:
        reach: the result and what reaches it.
        code: the line that makes the model.
        title: what is to be seen, in a few words.
        right: whether the result belongs to its own sentence alone; gives the title its colour.
        arrows: steps of the walk, each from one (sentence, step) to the next.

    Returns:
        A figure with the result above and the input below. A word that reaches the result is
        bold, framed and filled, with a bar below it that is longer the stronger it is; words
        of other sentences have the batch's colour.
    """
    canvas = Canvas(1100, HEIGHT)
    batch, seq_len = reach.strengths.shape
    canvas.text(20, 460, code, size=10, align="left", mono=True)
    color = AXIS_COLORS[OWN if right else OTHER]
    canvas.text(20, 430, title, size=14, align="left", bold=True, color=color)
    _draw_result(canvas, Table(118, 380, 97, 28, (14, 7)), reach, seq_len)
    below = Table(118, 226, 97, 60, (14, 20))
    canvas.shape(20, 264, "x", reach.x_shape, reach.x_axes, size=10)
    for row in range(batch):
        y = below.centre(row, 0)[1]
        canvas.text(20, y, f"sentence {row}", align="left", color=AXIS_COLORS[OTHER], bold=True)
        if row == reach.sentence:
            canvas.text(20, y - 16, "its own", size=8, align="left", color=AXIS_COLORS[OWN])
    for step in range(seq_len):
        x = below.centre(0, step)[0]
        canvas.text(x, 238, f"t = {step}", size=8.5, color=AXIS_COLORS[OWN], bold=True)
    _draw_words(canvas, below, reach)
    canvas.arrows([_between(below, start, end) for start, end in arrows], INK, width=2)
    _draw_legend(canvas)
    return canvas.figure


def _draw_result(canvas: Canvas, table: Table, reach: Reach, seq_len: int) -> None:
    """The boxes of the result, the chosen one filled, in the places where the reader sees them."""
    batch, (sentence, step) = len(reach.words), reach.target
    canvas.shape(20, 402, reach.made, reach.shape, reach.axes, size=10)
    if step is not None:
        places = [(row, column) for row in range(batch) for column in range(seq_len)]
        chosen = (sentence, step)
    elif reach.shape[0] == batch:
        places, chosen = [(row, seq_len - 1) for row in range(batch)], (sentence, seq_len - 1)
    else:
        places, chosen = [(0, column) for column in range(reach.shape[0])], (0, sentence)
        x, y = table.box(1, 0)[0], table.centre(1, 0)[1]
        words = f"{reach.shape[0]} answers for {batch} sentences"
        canvas.text(x, y, words, size=10, align="left", bold=True, color=AXIS_COLORS[OTHER])
    canvas.boxes([table.box(*at) for at in places if at != chosen], PAPER, MUTED)
    canvas.boxes([table.box(*chosen)], INK, INK, width=2)
    canvas.text(*table.centre(*chosen), reach.result, size=7.5, color=PAPER, bold=True, mono=True)


def _draw_words(canvas: Canvas, table: Table, reach: Reach) -> None:
    levels = (reach.strengths / reach.strengths.max().clamp(min=1e-30)) ** 0.35
    places = [(row, step) for row in range(len(reach.words)) for step in range(levels.shape[1])]
    dark = [at for at in places if not reach.strengths[at]]
    canvas.boxes([table.box(*at) for at in dark], PAPER, FAINT)
    for at in places:
        word, level = reach.words[at[0]][at[1]], float(levels[at])
        x, y, width, height = table.box(*at)
        if at in dark:
            canvas.text(x + width / 2, y + height / 2, word, size=8, color=MUTED)
            continue
        kind = OWN if at[0] == reach.sentence else OTHER
        strong = AXIS_COLORS[kind]
        fill = strong if level == 1 else _blend(AXIS_TINTS[kind], strong, PALER * level)
        canvas.boxes([(x, y, width, height)], fill, strong, width=1.8)
        canvas.boxes([(x, y - 9, max(3, (width - 22) * level), 5)], strong, strong)
        ink = INK if level < 1 else PAPER
        shown = "pad" if word == PAD else word
        canvas.text(x + width / 2, y + height / 2, shown, size=8, color=ink, bold=True)


def _blend(pale: str, strong: str, level: float) -> str:
    start, end = np.array(to_rgb(pale)), np.array(to_rgb(strong))
    return to_hex(start + (end - start) * level)


def _between(table: Table, start: Place, end: Place) -> tuple[Point, Point]:
    """The arrow in the gap between two neighbouring cells."""
    (x0, y0, width, height), (x1, y1, _, _) = table.box(*start), table.box(*end)
    if start[0] == end[0]:
        y = y0 + height / 2
        return ((x0 + width + 2, y), (x1 - 2, y)) if x1 > x0 else ((x0 - 2, y), (x1 + width + 2, y))
    x = x0 + width - 10
    return ((x, y0 - 1), (x, y1 + height + 1)) if y1 < y0 else ((x, y0 + height + 1), (x, y1 - 1))


def _draw_legend(canvas: Canvas) -> None:
    x = 118.0
    for kind, words in ((OWN, "reaches it, own sentence"), (OTHER, "reaches it, other sentence")):
        canvas.boxes([(x, 10, 26, 12)], AXIS_TINTS[kind], AXIS_COLORS[kind], width=1.8)
        canvas.text(x + 34, 16, words, align="left", bold=True, color=AXIS_COLORS[kind])
        x += 240
    canvas.boxes([(x, 10, 26, 12)], PAPER, FAINT)
    canvas.text(x + 34, 16, "does not reach it", align="left", color=MUTED)
    x += 180
    canvas.text(x, 16, "the longer the bar, the stronger", align="left")
