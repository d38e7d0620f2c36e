"""A written text with one number for each character, as bars below the letters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from .canvas import DPI, MONO, MONO_ADVANCE, Canvas
from .palette import AXIS_COLORS, AXIS_TINTS, FAINT, MUTED

PER_ROW = 80
ADVANCE = 12  # whole pixels, for that is how far a letter moves on
SIZE = ADVANCE / MONO_ADVANCE * 72 / DPI
LEFT, ROW, BAR = 40, 92, 24
ABOVE, BELOW = "features", "layers"


def draw_written(text: str, values: Sequence[float], title: str) -> Figure:
    """Draw the text in rows, below each character a bar, up from 0 or down from it.

    Args:
        text: what was written; line ends are drawn as arrows.
        values: one number for each character.
        title: what the numbers are.
    """
    rows = max(1, -(-len(text) // PER_ROW))
    canvas = Canvas(1100, 44 + rows * ROW)
    scale = max([1.0, *map(abs, values)])
    canvas.text(LEFT, canvas.height - 18, title, size=11, align="left", bold=True)
    legend = [("bar up: above 0", AXIS_COLORS[ABOVE], 570)]
    if min(values, default=0) < 0:
        legend.append(("bar down: below 0", AXIS_COLORS[BELOW], 705))
    legend.append(("shaded: over half of a full bar", MUTED, 1080))
    for words, color, x in legend:
        align = "right" if color == MUTED else "left"
        canvas.text(x, canvas.height - 18, words, color=color, align=align, bold=True)
    for row in range(rows):
        part = slice(row * PER_ROW, (row + 1) * PER_ROW)
        letters, heights = text[part], [value / scale for value in values[part]]
        zero = canvas.height - 44 - row * ROW - 54
        places = [LEFT + k * ADVANCE for k in range(len(letters))]
        _halves(canvas, places, heights, zero)
        canvas.lines([[(LEFT, zero), (LEFT + PER_ROW * ADVANCE, zero)]], FAINT)
        canvas.text(LEFT - 8, zero, "0", size=8, color=MUTED, align="right")
        canvas.text(LEFT, zero + 42, _drawable(letters), size=SIZE, align="left", mono=True)
    return canvas.figure


def _halves(canvas: Canvas, places: Sequence[float], heights: Sequence[float], zero: float) -> None:
    """The bars up in one colour, those down in another, and behind far ones a tinted letter."""
    for side, sign in ((ABOVE, 1), (BELOW, -1)):
        mine = [(x, h) for x, h in zip(places, heights, strict=True) if h * sign > 0]
        tinted = [(x, zero + 30, ADVANCE, 24.0) for x, h in mine if abs(h) > 0.5]
        canvas.boxes(tinted, AXIS_TINTS[side], AXIS_TINTS[side], width=0)
        bars = [(x + 1, zero + min(0, h * BAR), ADVANCE - 2, abs(h) * BAR) for x, h in mine]
        canvas.boxes(bars, AXIS_COLORS[side], AXIS_COLORS[side], width=0)


@cache
def _known() -> frozenset[int]:
    return frozenset(get_font(findfont(MONO)).get_charmap())


def _drawable(text: str) -> str:
    """The text on one line, in characters that the font has."""
    return "".join(
        "↵"
        if letter == "\n"
        else letter
        if letter.isprintable() and ord(letter) in _known()
        else "□"
        for letter in text
    )
