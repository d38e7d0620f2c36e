"""The loop over time: one row of the one picture, and what is inside each of its boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from .canvas import Box, Canvas, Point
from .palette import AXIS_COLORS, AXIS_TINTS, FAINT, INK, MUTED, PAPER

TIME, FEATURES, BATCH = (AXIS_COLORS[kind] for kind in ("seq_len", "features", "batch"))
WIDTH, LEFT, PITCH = 1100, 200, 84
STRIPS = {
    "i": "input gate, 0 to 1",
    "f": "forget gate, 0 to 1",
    "g": "candidate, -1 to 1",
    "o": "output gate, 0 to 1",
    "c": "the memory, any size",
    "h": "what is said, -1 to 1",
}
STRIP, GAP, FOOT = 54, 12, 34
SHADES = 12
MOST_WRITTEN = 3  # more units than these leave no room for a number in each row


def draw_loop(words: Sequence[str], values: Mapping[str, Tensor], step: int) -> Figure:
    """Draw the cell at every step, and its numbers up to one step.

    Args:
        words: the sentence, one word a step.
        values: i, f, g, o, c and h by name, each `[seq_len, units]`; units are the rows shown.
        step: how many steps have been taken, 0 to seq_len.

    Returns:
        A figure: words go up into the cell, which hands (h, c) to the right; under each word
        stand the numbers of its step, filled in up to `step`, the newest written out.
    """
    strips = FOOT + (STRIP + GAP) * len(STRIPS)
    canvas = Canvas(WIDTH, strips + 178)
    _draw_row(canvas, words, step, strips + 14)
    _draw_strips(canvas, values, step, strips)
    for column in range(len(words)):
        x = LEFT + PITCH * (column + 0.5)
        canvas.text(x, 20, f"t = {column}", size=8.5, color=TIME, bold=True)
    canvas.text(20, 20, "a dash marks a minus", size=8, align="left", color=MUTED)
    return canvas.figure


def _draw_row(canvas: Canvas, words: Sequence[str], step: int, bottom: float) -> None:
    """Words at the bottom, the cell above each, and its h on top: done, newest, and to come."""
    width, height = PITCH - 26, 30
    low, middle, high = bottom, bottom + 52, bottom + 104
    lefts = [LEFT + PITCH * column + 13 for column in range(len(words))]
    for y, name in ((low, "xt"), (middle, "cell(xt, [h, c])"), (high, "h")):
        canvas.text(20, y + height / 2, name, size=9.5, align="left", bold=True, mono=True)
    for column, (x, word) in enumerate(zip(lefts, words, strict=True)):
        done, newest = column < step, column == step - 1
        ink, line = (INK, 2.5 if newest else 1) if done else (MUTED, 1)
        style = "-" if done else ":"
        time, face = (AXIS_TINTS["seq_len"], AXIS_TINTS["features"]) if done else (PAPER, PAPER)
        canvas.boxes([(x - 8, low, width + 16, height)], time, TIME if done else MUTED, style=style)
        size = 9 if len(word) < 8 else 8
        canvas.text(x + width / 2, low + height / 2, word, size=size, color=ink, bold=newest)
        canvas.boxes([(x, middle, width, height)], face, ink, style=style, width=line)
        canvas.text(x + width / 2, middle + height / 2, "cell", size=9, color=ink, bold=newest)
        if done:
            canvas.boxes([(x, high, width, height)], time, TIME, width=line)
            canvas.text(x + width / 2, high + height / 2, "h", size=9, bold=newest, mono=True)
    centres = [x + width / 2 for x in lefts]
    arrows = [((x, low + height), (x, middle - 1)) for x in centres[:step]]
    arrows += [((x, middle + height), (x, high - 1)) for x in centres[:step]]
    y = middle + height / 2
    arrows += [((x - 26, y), (x - 1, y)) for x in lefts[: step + 1]]
    canvas.arrows(arrows)
    if step < len(words):
        canvas.text(lefts[step] - 13, y + 24, "h, c", size=8, mono=True)


def _draw_strips(canvas: Canvas, values: Mapping[str, Tensor], step: int, top: float) -> None:
    """Six heat maps, a row for each unit and a column for each step."""
    filled: dict[str, list[Box]] = defaultdict(list)
    waiting: list[Box] = []
    dashes: dict[str, list[list[Point]]] = defaultdict(list)
    newest: list[tuple[float, float, str, str]] = []
    for place, (name, meaning) in enumerate(STRIPS.items()):
        bottom = top - (STRIP + GAP) * (place + 1)
        canvas.text(20, bottom + STRIP - 12, name, size=13, align="left", bold=True, mono=True)
        canvas.text(20, bottom + 12, meaning, size=8.5, align="left", color=MUTED)
        numbers = values[name].tolist()
        seq_len, units = values[name].shape
        height = STRIP / units
        strongest = max(1.0, values[name].abs().max().item())
        left = [LEFT + PITCH * column + 5 for column in range(seq_len)]
        waiting += [(x, bottom, PITCH - 10, STRIP) for x in left[step:]]
        for column in range(step):
            for unit, value in enumerate(numbers[column]):
                y = bottom + STRIP - height * (unit + 1)
                level = round(value / strongest * SHADES) / SHADES
                filled[_shade(level)].append((left[column], y, PITCH - 10, height))
                ink = PAPER if abs(level) > 0.8 else INK
                centre = left[column] + (PITCH - 10) / 2, y + height / 2
                if column == step - 1 and units <= MOST_WRITTEN:
                    newest.append((*centre, f"{value:+.2f}", ink))
                elif value < 0:
                    dashes[ink].append([(centre[0] - 5, centre[1]), (centre[0] + 5, centre[1])])
    for face, boxes in filled.items():
        canvas.boxes(boxes, face, FAINT)
    for ink, lines in dashes.items():
        canvas.lines(lines, ink, width=1.5)
    canvas.boxes(waiting, PAPER, FAINT, style=":")
    for x, y, words, ink in newest:
        canvas.text(x, y, words, size=8.5, color=ink, bold=True, mono=True)


def _shade(level: float) -> str:
    """Green for plus, orange for minus, paler towards zero."""
    strong, paper = np.array(to_rgb(FEATURES if level >= 0 else BATCH)), np.array(to_rgb(PAPER))
    return to_hex(paper + (strong - paper) * abs(level))
