"""A stack of cells in the middle of its work: which boxes are done, and which cannot run yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from matplotlib.figure import Figure

from .canvas import Canvas
from .palette import AXIS_COLORS, AXIS_TINTS, FAINT, INK, MUTED, PAPER
from .unrolled import Grid

TIME, LAYERS = AXIS_COLORS["seq_len"], AXIS_COLORS["layers"]
Place = tuple[int, int]  # layer, time step


class Look(Enum):
    """How a box is drawn: what it means, its mark, face, edge, line style and line width."""

    DONE = ("done", "✓", AXIS_TINTS["layers"], LAYERS, "-", 1.0)
    WORK = ("in work", "▶", LAYERS, LAYERS, "-", 3.0)
    READY = ("could run too", "+", PAPER, INK, "--", 1.4)
    WAITING = ("not yet possible", "·", PAPER, MUTED, ":", 1.0)

    def __init__(
        self, words: str, mark: str, face: str, edge: str, style: str, width: float
    ) -> None:
        """Give the parts of the look their names."""
        self.words, self.mark, self.face, self.edge = words, mark, face, edge
        self.style, self.line_width = style, width

    @property
    def finished(self) -> bool:
        """Whether the box has its h and c, or is getting them now."""
        return self in (Look.DONE, Look.WORK)


class Note(NamedTuple):
    """One line beside the drawing: words, or a tensor's name with its shape."""

    words: str
    sizes: Sequence[int] = ()
    axes: Sequence[str] = ()
    heading: bool = False


def draw_stack(
    looks: Mapping[Place, Look],
    numbers: Mapping[Place, int],
    selected: Place,
    batch: int,
    notes: Sequence[Note],
) -> Figure:
    """Draw a stack of cells over time, each box as far as it has come.

    Args:
        looks: what each (layer, time step) looks like.
        numbers: the place of each box in the order of computation.
        selected: the box that gets a frame, and whose arrows carry names.
        batch: how many sentences; the depth of the cards.
        notes: what is said about the selected box, at the right of the drawing.

    Returns:
        The figure.
    """
    layers, seq_len = (1 + max(place[axis] for place in looks) for axis in (0, 1))
    canvas = Canvas(1100, 510)
    grid = Grid(canvas, (156, 56, 582, 444), seq_len, layers + 2, batch)
    _draw_arrows(grid, looks, selected, layers, seq_len)
    _draw_edges(grid, looks, layers, seq_len)
    for look in Look:
        _draw_boxes(grid, look, [place for place in looks if looks[place] is look], numbers)
    layer, t = selected
    x, y, width, height = grid.box(t, layer + 1)
    back = grid.cards - 1
    reach = (width + grid.depth[0] * back + 10, height + grid.depth[1] * back + 10)
    canvas.lines([_frame(x - 5, y - 5, *reach)], INK, width=2)
    _write_legend(canvas)
    _write_notes(canvas, notes)
    return canvas.figure


def _draw_arrows(
    grid: Grid, looks: Mapping[Place, Look], selected: Place, layers: int, seq_len: int
) -> None:
    """h up and (h, c) to the right: in ink once the value exists, bold at the selected box."""
    ups, rights = {}, {}
    for t in range(seq_len):
        for row in range(layers + 1):
            ups[row, t] = grid.up(t, row)
    for layer in range(layers):
        for t, (start, end) in enumerate(pairwise(range(-1, seq_len + 1))):
            rights[layer, t - 1] = grid.across(start, end, layer + 1)
    exists = {place for place, look in looks.items() if look.finished}
    up_exists = {(row, t) for row, t in ups if row == 0 or (row - 1, t) in exists}
    right_exists = {(layer, t) for layer, t in rights if t < 0 or (layer, t) in exists}
    layer, t = selected
    for arrows, there, bold in (
        (ups, up_exists, {(layer, t), (layer + 1, t)}),
        (rights, right_exists, {(layer, t - 1), (layer, t)}),
    ):
        waiting = [arrow for place, arrow in arrows.items() if place not in there]
        plain = [arrow for place, arrow in arrows.items() if place in there - bold]
        grid.canvas.arrows(waiting, FAINT)
        grid.canvas.arrows(plain, INK)
        for place in bold:
            color = INK if place in there else MUTED
            grid.canvas.arrows([arrows[place]], color, width=2.2)
    for row in (layer, layer + 1):
        (x, low), (_, high) = ups[row, t]
        name = "x" if row == 0 else "h"
        grid.canvas.text(x + 6, (low + high) / 2 - 3, name, align="left", bold=True, mono=True)
    for column in (t - 1, t):
        middle = (rights[layer, column][0][0] + rights[layer, column][1][0]) / 2
        low = grid.box(t, layer + 1)[1] - 14
        grid.canvas.text(middle, low, "h, c", size=8, bold=True, mono=True)


def _draw_edges(grid: Grid, looks: Mapping[Place, Look], layers: int, seq_len: int) -> None:
    """Input, output, the zeros at the left and the last states at the right, and their names."""
    canvas = grid.canvas
    tint = AXIS_TINTS["seq_len"]
    tops = [(t, layers + 1) for t in range(seq_len) if looks[layers - 1, t].finished]
    grid.stacks([(t, 0) for t in range(seq_len)] + tops, tint, TIME)
    rest = [(t, layers + 1) for t in range(seq_len) if (t, layers + 1) not in tops]
    grid.stacks(rest, PAPER, MUTED, style=":")
    for t in range(seq_len):
        canvas.text(*grid.centre(t, 0), str(t), color=TIME, mono=True)
        color = TIME if (t, layers + 1) in tops else MUTED
        canvas.text(*grid.centre(t, layers + 1), str(t), color=color, mono=True)
    for layer in range(layers):
        there = looks[layer, seq_len - 1].finished
        face, edge = (AXIS_TINTS["layers"], LAYERS) if there else (PAPER, MUTED)
        grid.stacks([(seq_len, layer + 1)], face, edge, style="-" if there else ":")
        canvas.text(*grid.centre(seq_len, layer + 1), "h, c", size=8, color=edge, mono=True)
        canvas.text(*grid.centre(-1, layer + 1), "0, 0", size=8, color=MUTED, mono=True)
        x, y = grid.label(layer + 1)
        canvas.text(x, y, f"layer {layer}", color=LAYERS, align="right", bold=True)
    for row, name in ((0, "input[t]"), (layers + 1, "output[t]")):
        x, y = grid.label(row)
        canvas.text(x, y, name, align="right", bold=True, mono=True)


def _draw_boxes(
    grid: Grid, look: Look, places: Sequence[Place], numbers: Mapping[Place, int]
) -> None:
    boxes = [(t, layer + 1) for layer, t in places]
    grid.stacks(boxes, look.face, look.edge, style=look.style)
    grid.canvas.boxes(
        [grid.box(*at) for at in boxes],
        look.face,
        look.edge,
        style=look.style,
        width=look.line_width,
    )
    color = PAPER if look is Look.WORK else look.edge
    for place, at in zip(places, boxes, strict=True):
        mark = f"{look.mark}{numbers[place]}" if look.finished else look.mark
        grid.canvas.text(*grid.centre(*at), mark, size=8.5, color=color, bold=True)


def _frame(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    right, top = x + width, y + height
    return [(x, y), (right, y), (right, top), (x, top), (x, y)]


def _write_legend(canvas: Canvas) -> None:
    """What each look means, below the drawing."""
    x = 128.0
    for look in Look:
        canvas.boxes(
            [(x, 14, 30, 20)], look.face, look.edge, style=look.style, width=look.line_width
        )
        color = PAPER if look is Look.WORK else look.edge
        canvas.text(x + 15, 24, look.mark, size=8.5, color=color, bold=True)
        canvas.text(x + 38, 24, look.words, align="left")
        x += 66 + 6.6 * len(look.words)
    canvas.lines([_frame(x, 13, 32, 22)], INK, width=2)
    canvas.text(x + 40, 24, "selected", align="left")


def _write_notes(canvas: Canvas, notes: Sequence[Note]) -> None:
    x, y = 824.0, canvas.height - 52.0
    for note in notes:
        if note.sizes:
            canvas.shape(x + 12, y, note.words, note.sizes, note.axes, size=8.5)
        else:
            if note.heading:
                y -= 8
            canvas.text(x, y, note.words, align="left", bold=note.heading)
        y -= 20
