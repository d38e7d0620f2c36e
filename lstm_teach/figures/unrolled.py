"""The one picture: time runs to the right, layers go up, the batch lies in depth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..shapes import LSTMShapes, predict_shapes
from .cards import Cards
from .drawing import Drawing
from .palette import axis_kind

HEIGHT = 560


def draw_unrolled(
    lstm: nn.LSTM, x: Tensor, results: tuple[Tensor, tuple[Tensor, Tensor]] | None = None
) -> Drawing:
    """Draw an nn.LSTM unrolled over its input, with the shapes that it returns.

    Args:
        lstm: any nn.LSTM.
        x: an input that it accepts, batched or not.
        results: what the module has returned for x; where it is left out, it is run.

    Returns:
        A drawing in which output is the top edge, and h_n and c_n are the edge where each
        direction ends: the right one, and for a backward direction the left one.
    """
    with torch.no_grad():
        output, (h_n, c_n) = results or lstm(x)
    shapes = predict_shapes(lstm, x.shape)
    batched = x.dim() == 3
    time = 1 if lstm.batch_first and batched else 0
    directions = 2 if lstm.bidirectional else 1
    lanes = lstm.num_layers * directions
    batch = x.shape[1 - time] if batched else 1
    drawing = Drawing(1100, HEIGHT, _words(x.shape[time], lstm, batch if batched else None))
    cards = Cards(drawing, (172, 40, 572, 480), x.shape[time], lanes + 2, batch)
    _draw_lanes(cards, lstm.num_layers, directions)
    cards.edges("[:, t]" if time else "[t]")
    _draw_ends(cards, directions, lanes)
    middle = (cards.centre(0, 0)[0] + cards.centre(len(cards.steps) - 1, 0)[0]) / 2
    bottom, top = cards.box(0, 0)[1], cards.box(0, lanes + 1)[1] + cards.height
    drawing.shape(middle, bottom - 20, "input", x.shape, shapes.input.names, align="center")
    drawing.shape(middle, top + 38, "output", output.shape, shapes.output.names, align="center")
    _write_states(drawing, h_n.shape, c_n.shape, shapes, directions, batched)
    return drawing


def _words(seq_len: int, lstm: nn.LSTM, batch: int | None) -> str:
    lanes = (
        ", each in two lanes: the forward one ends at the right, the backward one at the left"
        if lstm.bidirectional
        else ""
    )
    depth = "There is no batch axis" if batch is None else f"In depth: {_count(batch, 'sample')}"
    return (
        f"Time runs to the right: {_count(seq_len, 'time step')}. "
        f"Going up: {_count(lstm.num_layers, 'layer')}{lanes}. {depth}."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _draw_lanes(cards: Cards, num_layers: int, directions: int) -> None:
    """The boxes of every layer and direction, and the arrows in, between and out of them."""
    drawing, columns, last = cards.drawing, cards.columns, len(cards.steps)
    lanes = num_layers * directions
    for layer in range(num_layers if directions == 2 else 0):
        x, y, _, _ = cards.box(-1, 1 + 2 * layer)
        right = cards.box(last, 0)[0] + cards.width + 26
        height = cards.box(0, 2 + 2 * layer)[1] + cards.height + 8 - y
        drawing.boxes([(x - 8, y - 7, right - x + 8, height + 7)], "panel", "faint")
    climbs = range(0, lanes + 1, directions)
    drawing.arrows([cards.up(column, row) for column in columns for row in climbs])
    steps = []
    for lane in range(lanes):
        order = range(-1, last + 1) if lane % directions == 0 else range(last, -2, -1)
        steps += [cards.across(a, b, lane + 1) for a, b in pairwise(order)]
    drawing.arrows(steps)
    cards.draw([(t, lane + 1) for t in columns for lane in range(lanes)], "paper", "muted")
    for layer in range(num_layers):
        cards.name(1 + layer * directions + (directions - 1) / 2, f"layer {layer}", "layers")
    if None in cards.steps:
        for row in range(lanes + 2):
            x, y = cards.centre(cards.steps.index(None), row)
            behind = "panel" if directions == 2 and 0 < row <= lanes else "paper"
            drawing.boxes([(x - 13, y - 9, 26, 18)], behind, "none")
            drawing.text(x, y, "…", size=13, color="muted", bold=True)


def _draw_ends(cards: Cards, directions: int, lanes: int) -> None:
    """The states that come out, the zeros that go in, and the corner they share with output."""
    last = len(cards.steps)
    ends = [last if lane % directions == 0 else -1 for lane in range(lanes)]
    cards.draw([(end, lane + 1) for lane, end in enumerate(ends)], "pale layers", "layers")
    for lane, end in enumerate(ends):
        cards.write(end, lane + 1, str(lane), "layers")
        cards.write(-1 if end == last else last, lane + 1, "0", "muted")
    meanings = ["same"] if directions == 1 else ["first half", "second half"]
    top = cards.centre(0, lanes + 1)[1]
    for meaning, (lane, end) in zip(meanings, list(enumerate(ends))[-directions:], strict=True):
        x, y = cards.centre(end, lane + 1)
        side, column = (1, cards.columns[-1]) if end > 0 else (-1, cards.columns[0])
        reach = cards.width / 2 + (cards.behind[0] if end > 0 else 0)
        start, turn = (
            cards.centre(column, lanes + 1)[0] + side * (reach + 2),
            x + side * (reach + 9),
        )
        path = [(start, top), (turn, top), (turn, y), (x + side * (reach + 2), y)]
        cards.drawing.lines([path], "ink", 2)
        align = "left" if end > 0 else "right"
        cards.drawing.text(start + side * 4, top + 14, meaning, size=8, align=align, bold=True)


def _write_states(
    drawing: Drawing,
    h_n: Sequence[int],
    c_n: Sequence[int],
    shapes: LSTMShapes,
    directions: int,
    batched: bool,
) -> None:
    """The shapes of h_n and c_n, one axis to a line, at the right of the drawing."""
    x, y = drawing.width - 262, drawing.height - 120
    for name, sizes, axes in (("h_n", h_n, shapes.h_n.names), ("c_n", c_n, shapes.c_n.names)):
        drawing.text(x, y, name, size=10, align="left", bold=True, mono=True)
        for line, (axis, length) in enumerate(zip(axes, sizes, strict=True)):
            y -= 17
            words = f"{' ' if line else '['}{axis}={length}{']' if line == len(axes) - 1 else ','}"
            drawing.text(x, y, words, color=axis_kind(axis), align="left", bold=True, mono=True)
        y -= 34
    lines = [
        "every layer, where it ends",
        "c_n stands where h_n stands",
        "number on a card: its index in h_n",
    ]
    if not batched:
        lines += ["", "no batch axis: one sample, one card"]
    place = "the right edge" if directions == 1 else "the right and left edge"
    drawing.text(x, y, f"{place}:", align="left", bold=True)
    for words in lines:
        y -= 17
        if words:
            drawing.text(x, y, words, align="left")
