"""One unit of an LSTM in one step: four gates, the sum that makes c, and what h shows of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from .canvas import Canvas
from .palette import AXIS_COLORS, AXIS_TINTS, FAINT, INK, MUTED, PAPER

STRONG, PALE = AXIS_COLORS["features"], AXIS_TINTS["features"]
HEIGHT, FOOT, TOP = 430, 70, 370
MEANING = {
    "i": "input gate: how much of g comes in",
    "f": "forget gate: how much of the old c stays",
    "g": "candidate: what would be written",
    "o": "output gate: how much of tanh(c) is said",
}


@dataclass(frozen=True)
class Scale:
    """A vertical scale from -limit to limit between two heights in pixels."""

    limit: float

    def __call__(self, value: float) -> float:
        """The height of a value."""
        return FOOT + (TOP - FOOT) * (value / self.limit + 1) / 2


def draw_gates(
    sums: Mapping[str, float], values: Mapping[str, float], old_c: float, later: Sequence[float]
) -> Figure:
    """Draw one step of one unit.

    Args:
        sums: the sum that goes into each of i, f, g and o, by name.
        values: i, f, g, o and the new c and h, by name.
        old_c: c before the step.
        later: c after each of the following steps, if the gates stay as they are.

    Returns:
        A figure in four parts: the gates as bars, f * c and i * g adding up to the new c, h
        inside tanh(c), and c over the next steps.
    """
    canvas = Canvas(1100, HEIGHT)
    titles = (
        (20, "1. the gates"),
        (385, "2. c = f * c + i * g"),
        (696, "3. h = o * tanh(c)"),
        (880, "4. c, gates as they are"),
    )
    for x, words in titles:
        canvas.text(x, 404, words, size=11, align="left", bold=True)
    canvas.lines([[(x, 20), (x, 412)] for x in (360, 682, 862)], FAINT)
    _draw_bars(canvas, sums, values)
    _draw_sum(canvas, values, old_c)
    _draw_h(canvas, values)
    _draw_later(canvas, values["c"], later)
    return canvas.figure


def _draw_bars(canvas: Canvas, sums: Mapping[str, float], values: Mapping[str, float]) -> None:
    left, zero, right = 20, 95, 330
    for row, (name, meaning) in enumerate(MEANING.items()):
        y = 322 - 82 * row
        squash, low = ("tanh", -1) if name == "g" else ("sigmoid", 0)
        formula = f"{name} = {squash}({sums[name]:.1f}) = {values[name]:.2f}"
        canvas.text(left, y + 40, formula, size=9.5, align="left", bold=True, mono=True)
        canvas.text(left, y - 17, meaning, size=8.5, align="left", color=MUTED)
        start = (zero + right) / 2 if low else zero
        length = values[name] * (right - start)
        canvas.boxes([(zero, y, right - zero, 24)], PAPER, FAINT)
        canvas.boxes([(start + min(length, 0), y, abs(length), 24)], STRONG, STRONG)
        canvas.lines([[(start, y - 4), (start, y + 28)]], INK)
        canvas.text(zero - 8, y + 12, str(low), size=8.5, align="right", color=MUTED)
        canvas.text(right + 6, y + 12, "1", size=8.5, align="left", color=MUTED)


def _draw_sum(canvas: Canvas, values: Mapping[str, float], old_c: float) -> None:
    scale, left = Scale(5), 405
    kept, written = values["f"] * old_c, values["i"] * values["g"]
    _axis(canvas, scale, left, 670, (-4, -2, 0, 2, 4))
    bars: tuple[tuple[str, float, float, str, str], ...] = (
        ("old c", 0.0, old_c, PAPER, INK),
        ("f * c", 0.0, kept, PALE, STRONG),
        ("+ i * g", kept, values["c"], STRONG, STRONG),
        ("new c", 0.0, values["c"], INK, INK),
    )
    for column, (name, start, end, face, edge) in enumerate(bars):
        x = left + 12 + 64 * column
        bottom, top = sorted((scale(start), scale(end)))
        canvas.boxes([(x, bottom, 42, max(1.0, top - bottom))], face, edge)
        shown = written if column == 2 else end
        canvas.text(x + 21, FOOT - 16, name, size=9.5, bold=True, mono=True)
        canvas.text(x + 21, FOOT - 36, f"{shown:+.2f}", size=9.5, mono=True)
    for column, value in ((1, kept), (2, values["c"])):
        x = left + 12 + 64 * column + 42
        canvas.lines([[(x, scale(value)), (x + 22, scale(value))]], MUTED)


def _draw_h(canvas: Canvas, values: Mapping[str, float]) -> None:
    scale, x = Scale(1), 752
    whole, said = math.tanh(values["c"]), values["h"]
    _axis(canvas, scale, 735, 850, (-1, 0, 1))
    for value, face, edge in ((whole, PAPER, INK), (said, STRONG, STRONG)):
        canvas.boxes([(x, min(scale(0), scale(value)), 70, abs(scale(value) - scale(0)))], face,
                     edge)  # fmt: skip
    canvas.text(787, FOOT - 16, f"tanh(c) {whole:+.2f}", size=8.5, mono=True)
    canvas.text(787, FOOT - 36, f"h {said:+.2f}", size=9.5, bold=True, mono=True, color=STRONG)


def _draw_later(canvas: Canvas, c: float, later: Sequence[float]) -> None:
    track = [c, *later]
    limit = next(size for size in (2, 5, 10, 20) if size >= max(map(abs, track)))
    scale, left, pitch = Scale(limit), 920, 165 / len(later)
    _axis(canvas, scale, left, 1092, (-limit, 0, limit))
    points = [(left + pitch * step, scale(value)) for step, value in enumerate(track)]
    canvas.lines([points], STRONG, width=2)
    canvas.boxes([(x - 2.5, y - 2.5, 5, 5) for x, y in points], STRONG, STRONG)
    canvas.text(left, FOOT - 16, "now", size=8.5)
    canvas.text(1085, FOOT - 16, f"+{len(later)} steps", size=8.5, align="right")
    canvas.text(1085, FOOT - 36, f"{track[-1]:+.2f}", size=9.5, align="right", mono=True)


def _axis(canvas: Canvas, scale: Scale, left: float, right: float, ticks: Sequence[float]) -> None:
    canvas.lines([[(left, scale(tick)), (right, scale(tick))] for tick in ticks], FAINT)
    canvas.lines([[(left, scale(0)), (right, scale(0))]], INK)
    for tick in ticks:
        canvas.text(left - 5, scale(tick), f"{tick:g}", size=8.5, align="right", color=MUTED)
