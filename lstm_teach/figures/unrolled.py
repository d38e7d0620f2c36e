"""The one picture: time runs to the right, layers go up, the batch lies in depth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from ..shapes import Shape, predict_shapes
from .canvas import Box, Canvas, Point
from .palette import AXIS_COLORS, AXIS_TINTS, FAINT, INK, MUTED, PAPER, axis_color

MOST_STEPS = 12
MOST_CARDS = 5
TIME, BATCH, LAYERS = (AXIS_COLORS[kind] for kind in ("seq_len", "batch", "layers"))


def shown_steps(seq_len: int, most: int = MOST_STEPS) -> list[int | None]:
    """The steps that get a column of their own; None stands for those left out in the middle."""
    if seq_len <= most:
        return list(range(seq_len))
    tail = (most - 1) // 2
    return [*range(most - 1 - tail), None, *range(seq_len - tail, seq_len)]


class Grid:
    """Where each stack of cards stands: a column for each step, a row for each level.

    Args:
        canvas: the sheet to draw on.
        area: left, bottom, width and height of the grid in pixels.
        seq_len: number of time steps.
        rows: number of levels, the lowest first.
        batch: how many cards lie in one stack; more than five are drawn as five.
    """

    def __init__(self, canvas: Canvas, area: Box, seq_len: int, rows: int, batch: int) -> None:
        """Divide `area` into columns and rows."""
        self.canvas, self.steps = canvas, shown_steps(seq_len)
        left, bottom, width, height = area
        self._pitch = min(width / len(self.steps), 84)
        self._left = left + (width - self._pitch * len(self.steps)) / 2
        self._row = min(height / rows, 88)
        self._bottom = bottom + (height - self._row * rows) / 2
        self.cards = max(1, min(batch, MOST_CARDS))
        self.width = self._pitch * 0.62
        self.height = self._row * 0.44
        self.depth = (min(4.5, self.width * 0.09), min(4.0, self._row * 0.07))

    @property
    def columns(self) -> list[int]:
        """Columns that stand for a step, from left to right."""
        return [column for column, step in enumerate(self.steps) if step is not None]

    def box(self, column: float, row: float) -> Box:
        """The front card in a column and row; columns -1 and len(steps) lie beside the grid."""
        x = self._left + (column + 0.5) * self._pitch - self.width / 2
        return x, self._bottom + (row + 0.28) * self._row, self.width, self.height

    def centre(self, column: float, row: float) -> Point:
        """The middle of the front card."""
        x, y, w, h = self.box(column, row)
        return x + w / 2, y + h / 2

    def label(self, row: float) -> Point:
        """Where the name of a row ends, at the left of the column before the first."""
        return self.box(-1, row)[0] - 16, self.centre(0, row)[1]

    def stacks(
        self, places: Sequence[tuple[float, float]], face: str, edge: str, style: str = "-"
    ) -> None:
        """Draw a stack of cards, one for each element of the batch, in each (column, row)."""
        for card in reversed(range(self.cards)):
            dx, dy = self.depth[0] * card, self.depth[1] * card
            boxes = [(x + dx, y + dy, w, h) for x, y, w, h in (self.box(*at) for at in places)]
            self.canvas.boxes(boxes, face, BATCH if card else edge, style=style)

    def up(self, column: float, row: float) -> tuple[Point, Point]:
        """The arrow from a stack to the one above it."""
        x, y, w, h = self.box(column, row)
        top = y + h + self.depth[1] * (self.cards - 1)
        return (x + w / 2, top + 1), (x + w / 2, self.box(column, row + 1)[1] - 1)

    def across(self, start: float, end: float, row: float) -> tuple[Point, Point]:
        """The arrow from one column to another in the same row."""
        (x0, y), (x1, _) = self.centre(start, row), self.centre(end, row)
        behind = self.depth[0] * (self.cards - 1)
        if end > start:
            return (x0 + self.width / 2 + behind + 1, y), (x1 - self.width / 2 - 1, y)
        return (x0 - self.width / 2 - 1, y), (x1 + self.width / 2 + behind + 1, y)


def draw_unrolled(lstm: nn.LSTM, x: Tensor) -> Figure:
    """Draw an nn.LSTM unrolled over its input, with the shapes that it returns.

    Args:
        lstm: any nn.LSTM.
        x: an input that it accepts, batched or not.

    Returns:
        A figure in which output is the top edge, and h_n and c_n are the edge where each
        direction ends: the right one, and for a backward direction the left one.
    """
    with torch.no_grad():
        output, (h_n, c_n) = lstm(x)
    shapes = predict_shapes(lstm, x.shape)
    time = 1 if lstm.batch_first and x.dim() == 3 else 0
    batch = x.shape[1 - time] if x.dim() == 3 else 1
    directions = 2 if lstm.bidirectional else 1
    lanes = lstm.num_layers * directions
    canvas = Canvas(1100, 560)
    area = (172, 40, 572, 480)
    grid = Grid(canvas, area, x.shape[time], lanes + 2, batch)
    _draw_lanes(grid, lstm.num_layers, directions)
    _draw_edges(grid, directions, lanes)

    index = "[:, t]" if time else "[t]"
    for row, name in ((0, "input"), (lanes + 1, "output")):
        canvas.text(*grid.label(row), name + index, align="right", bold=True, mono=True)
    middle = (grid.centre(0, 0)[0] + grid.centre(len(grid.steps) - 1, 0)[0]) / 2
    bottom, top = grid.box(0, 0)[1], grid.box(0, lanes + 1)[1] + grid.height
    canvas.shape(middle, bottom - 20, "input", x.shape, shapes.input.names, align="center")
    canvas.shape(middle, top + 38, "output", output.shape, shapes.output.names, align="center")
    _write_states(canvas, h_n.shape, c_n.shape, shapes.h_n, shapes.c_n, directions)
    return canvas.figure


def _draw_lanes(grid: Grid, num_layers: int, directions: int) -> None:
    """The boxes of every layer and direction, and the arrows in, between and out of them."""
    canvas, columns, last = grid.canvas, grid.columns, len(grid.steps)
    lanes = num_layers * directions
    if directions == 2:
        for layer in range(num_layers):
            x, y, _, _ = grid.box(-1, 1 + 2 * layer)
            right = grid.box(last, 0)[0] + grid.width + 26
            height = grid.box(0, 2 + 2 * layer)[1] + grid.height + 8 - y
            canvas.boxes([(x - 8, y - 7, right - x + 8, height + 7)], "#f4f4f4", FAINT)
    climbs = range(0, lanes + 1, directions)
    canvas.arrows([grid.up(column, row) for column in columns for row in climbs])
    steps = []
    for lane in range(lanes):
        order = range(-1, last + 1) if lane % directions == 0 else range(last, -2, -1)
        steps += [grid.across(a, b, lane + 1) for a, b in pairwise(order)]
    canvas.arrows(steps)
    places = [(column, lane + 1) for column in columns for lane in range(lanes)]
    grid.stacks(places, PAPER, MUTED)
    for layer in range(num_layers):
        place = grid.label(1 + layer * directions + (directions - 1) / 2)
        canvas.text(*place, f"layer {layer}", color=LAYERS, align="right", bold=True)
    if None in grid.steps:
        for row in range(lanes + 2):
            x, y = grid.centre(grid.steps.index(None), row)
            canvas.boxes([(x - 13, y - 9, 26, 18)], PAPER, PAPER)
            canvas.text(x, y, "…", size=13, color=MUTED, bold=True)


def _draw_edges(grid: Grid, directions: int, lanes: int) -> None:
    """Input and output, the states that come out, the zeros that go in, and the corner."""
    canvas, columns, last = grid.canvas, grid.columns, len(grid.steps)
    grid.stacks([(column, 0) for column in columns], AXIS_TINTS["seq_len"], TIME)
    grid.stacks([(column, lanes + 1) for column in columns], AXIS_TINTS["seq_len"], TIME)
    for column in columns:
        for row in (0, lanes + 1):
            canvas.text(*grid.centre(column, row), str(grid.steps[column]), color=TIME, mono=True)
    ends = [last if lane % directions == 0 else -1 for lane in range(lanes)]
    grid.stacks([(end, lane + 1) for lane, end in enumerate(ends)], AXIS_TINTS["layers"], LAYERS)
    for lane, end in enumerate(ends):
        x, y = grid.centre(end, lane + 1)
        canvas.text(x, y, str(lane), color=LAYERS, mono=True)
        x, y = grid.centre(-1 if end == last else last, lane + 1)
        canvas.text(x, y, "0", color=MUTED, mono=True)
    _mark_the_corner(grid, directions, lanes, ends)


def _mark_the_corner(grid: Grid, directions: int, lanes: int, ends: list[int]) -> None:
    """Join the cards of output and h_n that hold the same numbers."""
    meanings = ["same"] if directions == 1 else ["first half", "second half"]
    top = grid.centre(0, lanes + 1)[1]
    behind = grid.depth[0] * (grid.cards - 1) + grid.width / 2
    lanes_that_meet = list(enumerate(ends))[-directions:]
    for meaning, (lane, end) in zip(meanings, lanes_that_meet, strict=True):
        x, y = grid.centre(end, lane + 1)
        side = 1 if end > 0 else -1
        column = grid.columns[-1 if end > 0 else 0]
        reach = behind if end > 0 else grid.width / 2
        start, turn = grid.centre(column, lanes + 1)[0] + side * (reach + 2), x + side * (reach + 9)
        path = [(start, top), (turn, top), (turn, y), (x + side * (reach + 2), y)]
        grid.canvas.lines([path], INK, width=1.5)
        align = "left" if end > 0 else "right"
        grid.canvas.text(start + side * 4, top + 14, meaning, size=8, align=align, bold=True)


def _write_states(
    canvas: Canvas,
    h_shape: Sequence[int],
    c_shape: Sequence[int],
    h_n: Shape,
    c_n: Shape,
    directions: int,
) -> None:
    """The shapes of h_n and c_n, one axis to a line, at the right of the drawing."""
    x, y = canvas.width - 262, canvas.height - 120
    place = "the right edge" if directions == 1 else "the right and left edge"
    for name, sizes, axes in (("h_n", h_shape, h_n.names), ("c_n", c_shape, c_n.names)):
        canvas.text(x, y, name, size=10, align="left", bold=True, mono=True)
        for line, (axis, length) in enumerate(zip(axes, sizes, strict=True)):
            y -= 17
            end = "]" if line == len(axes) - 1 else ","
            words = f"{' ' if line else '['}{axis}={length}{end}"
            color = axis_color(axis)
            canvas.text(x, y, words, size=9, color=color, align="left", bold=True, mono=True)
        y -= 34
    canvas.text(x, y, f"{place}:", align="left", bold=True)
    canvas.text(x, y - 17, "every layer, where it ends", align="left")
    canvas.text(x, y - 34, "c_n stands where h_n stands", align="left")
    canvas.text(x, y - 51, "number on a card: its index in h_n", align="left")
