"""Which words of a batch reach one position of what a model returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..layouts import PAD
from .drawing import Drawing, Point
from .layout import Table

Place = tuple[int, int]  # sentence and step
Arrow = tuple[Place, Place]
HEIGHT = 480
OWN, OTHER = "seq_len", "batch"
STRONGEST = 0.5  # of the colour, on all but the strongest word, so that ink is easy to read there


@dataclass(frozen=True)
class Reach:
    """What reaches one position of a result.

    Attributes:
        words: the sentences, one list of words each, all padded to seq_len.
        strengths: how strongly each word reaches the result, [batch, seq_len].
        halves: of two directions, the strengths of each direction's half of the result.
        sentence: the sentence that the result is meant for.
        made: the tensor of results as code, such as ``output`` or ``answer = output[-1]``.
        result: the result as code, such as ``output[1, 3]``.
        shape: the shape of the tensor that the result is one position of.
        axes: the names of the axes of that tensor.
        step: the step of the result; None for one result a sentence.
        x_axes: the names of the axes of x.
        x_shape: the shape of x.
    """

    words: Sequence[Sequence[str]]
    strengths: Tensor
    halves: tuple[Tensor, ...]
    sentence: int
    made: str
    result: str
    shape: Sequence[int]
    axes: Sequence[str]
    step: int | None
    x_axes: Sequence[str]
    x_shape: Sequence[int]

    @property
    def own(self) -> list[int]:
        """The steps of the result's own sentence that reach it."""
        return self.strengths[self.sentence].nonzero().flatten().tolist()

    @property
    def others(self) -> list[Place]:
        """Sentence and step of every word of another sentence that reaches the result."""
        pairs = self.strengths.nonzero().tolist()
        return [(row, step) for row, step in pairs if row != self.sentence]


def draw_influence(
    reach: Reach, code: str, title: str, right: bool, arrows: Sequence[Arrow] = ()
) -> Drawing:
    """Draw the words as a table, one sentence a row, and light up those that reach the result.

    Args:
        reach: the result and what reaches it.
        code: the line that makes the model.
        title: what is to be seen, in a few words.
        right: whether the result belongs to its own sentence alone; gives the title its colour.
        arrows: steps of the walk, each from one (sentence, step) to the next.

    Returns:
        A drawing with the result above and the input below. A word that reaches the result is
        bold, framed and filled, with a bar below it that is longer the stronger it is, or a bar
        for each half of the result; words of other sentences have the batch's colour.
    """
    drawing = Drawing(1100, HEIGHT)
    drawing.text(20, 460, code, size=10, align="left", mono=True)
    color = OWN if right else OTHER
    drawing.text(20, 430, title, size=14, align="left", bold=True, color=color)
    batch, seq_len = reach.strengths.shape
    _draw_result(drawing, Table(118, 380, 97, 28, (14, 7)), reach, seq_len)
    below = Table(118, 226, 97, 60, (14, 24))
    drawing.shape(20, 264, "x", reach.x_shape, reach.x_axes, size=10)
    for row in range(batch):
        y = below.centre(row, 0)[1]
        drawing.text(20, y, f"sentence {row}", align="left", color=OTHER, bold=True)
        if row == reach.sentence:
            drawing.text(20, y - 16, "its own", size=8, align="left", color=OWN)
    for step in range(seq_len):
        x = below.centre(0, step)[0]
        drawing.text(x, 238, f"t = {step}", size=8.5, color=OWN, bold=True)
    _draw_words(drawing, below, reach)
    drawing.arrows([_between(below, start, end) for start, end in arrows], "ink", 2.8)
    _draw_legend(drawing, bool(reach.halves))
    return drawing


def _draw_result(drawing: Drawing, table: Table, reach: Reach, seq_len: int) -> None:
    """The boxes of the result, the chosen one filled, in the places where the reader sees them."""
    batch, sentence = len(reach.words), reach.sentence
    drawing.shape(20, 402, reach.made, reach.shape, reach.axes, size=10)
    if reach.step is not None:
        places = [(row, column) for row in range(batch) for column in range(seq_len)]
        chosen = (sentence, reach.step)
    elif reach.shape[0] == batch:
        places, chosen = [(row, seq_len - 1) for row in range(batch)], (sentence, seq_len - 1)
    else:
        places, chosen = [(0, column) for column in range(reach.shape[0])], (0, sentence)
        x, y = table.box(1, 0)[0], table.centre(1, 0)[1]
        words = f"{reach.shape[0]} answers for {batch} sentences"
        drawing.text(x, y, words, size=10, align="left", bold=True, color=OTHER)
    drawing.boxes([table.box(*at) for at in places if at != chosen], "paper", "muted")
    drawing.boxes([table.box(*chosen)], "ink", "ink", width=2.8)
    x, y = table.centre(*chosen)
    drawing.text(x, y, reach.result, size=7.5, color="paper", bold=True, mono=True)


def _draw_words(drawing: Drawing, table: Table, reach: Reach) -> None:
    levels = _levels(reach.strengths)
    parts = [_levels(half) for half in reach.halves] or [levels]
    places = [(row, step) for row in range(len(reach.words)) for step in range(levels.shape[1])]
    dark = [at for at in places if not levels[at]]
    drawing.boxes([table.box(*at) for at in dark], "paper", "faint")
    for at in places:
        word, level = reach.words[at[0]][at[1]], float(levels[at])
        x, y, width, height = table.box(*at)
        if at in dark:
            drawing.text(x + width / 2, y + height / 2, word, size=8, color="muted")
            continue
        kind = OWN if at[0] == reach.sentence else OTHER
        strength = 1.0 if level == 1 else STRONGEST * level
        drawing.boxes([(x, y, width, height)], kind, kind, width=2.5, strength=strength)
        for place, part in enumerate(parts):
            if part[at]:
                bar = (x, y - 9 - 8 * place, max(3, (width - 22) * float(part[at])), 5)
                drawing.boxes([bar], kind, "none")
        ink, shown = "ink" if level < 1 else "paper", "pad" if word == PAD else word
        drawing.text(x + width / 2, y + height / 2, shown, size=8, color=ink, bold=True)


def _levels(strengths: Tensor) -> Tensor:
    """Strengths from 0 to 1, the small ones raised so that they are seen."""
    return (strengths / strengths.max().clamp(min=1e-30)) ** 0.35


def _between(table: Table, start: Place, end: Place) -> tuple[Point, Point]:
    """The arrow in the gap between two neighbouring cells."""
    (x0, y0, width, height), (x1, y1, _, _) = table.box(*start), table.box(*end)
    if start[0] == end[0]:
        y = y0 + height / 2
        return ((x0 + width + 2, y), (x1 - 2, y)) if x1 > x0 else ((x0 - 2, y), (x1 + width + 2, y))
    x = x0 + width - 10
    return ((x, y0 - 1), (x, y1 + height + 1)) if y1 < y0 else ((x, y0 + height + 1), (x, y1 - 1))


def _draw_legend(drawing: Drawing, halves: bool) -> None:
    x = 118.0
    for kind, words in ((OWN, "reaches it, own sentence"), (OTHER, "reaches it, other sentence")):
        drawing.boxes([(x, 10, 26, 12)], f"pale {kind}", kind, width=2.5)
        drawing.text(x + 34, 16, words, align="left", bold=True, color=kind)
        x += 240
    drawing.boxes([(x, 10, 26, 12)], "paper", "faint")
    drawing.text(x + 34, 16, "does not reach it", align="left", color="muted")
    bars = "upper bar: forward half, lower: backward" if halves else "longer bar: stronger"
    drawing.text(x + 170, 16, bars, align="left")
