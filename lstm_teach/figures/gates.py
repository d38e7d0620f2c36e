"""One unit of an LSTM in one step: four gates, the sum that makes c, and what h shows of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .drawing import Drawing

HEIGHT, FOOT, TOP = 430, 70, 370
STRONG, PALE = "features", "pale features"
TITLES = {
    20: "1. the gates",
    385: "2. c = f * c + i * g",
    696: "3. h = o * tanh(c)",
    880: "4. c, gates as they are",
}
MEANING = {
    "i": "input gate: how much of g comes in",
    "f": "forget gate: how much of the old c stays",
    "g": "candidate: what would be written",
    "o": "output gate: how much of tanh(c) is shown",
}


class _Scale:
    """A vertical scale from -limit to limit, with its lines and numbers."""

    def __init__(
        self, drawing: Drawing, limit: float, left: float, right: float, ticks: Sequence[float]
    ) -> None:
        self.drawing, self.limit = drawing, limit
        drawing.lines([[(left, self(tick)), (right, self(tick))] for tick in ticks])
        drawing.lines([[(left, self(0)), (right, self(0))]], "ink")
        for tick in ticks:
            self.drawing.text(
                left - 5, self(tick), f"{tick:g}", size=8.5, align="right", color="muted"
            )

    def __call__(self, value: float) -> float:
        return FOOT + (TOP - FOOT) * (value / self.limit + 1) / 2

    def bar(self, x: float, width: float, ends: tuple[float, float], fill: str, edge: str) -> None:
        """A bar between two values."""
        bottom, top = sorted(map(self, ends))
        self.drawing.boxes([(x, bottom, width, max(1.0, top - bottom))], fill, edge)


def draw_gates(
    sums: Mapping[str, float], values: Mapping[str, float], old_c: float, later: Sequence[float]
) -> Drawing:
    """Draw one step of one unit.

    Args:
        sums: the sum that goes into each of i, f, g and o, by name.
        values: i, f, g, o and the new c and h, by name.
        old_c: c before the step.
        later: c after each of the following steps, if the gates stay as they are.

    Returns:
        A drawing in four parts: the gates as bars, f * c and i * g adding up to the new c, h
        inside tanh(c), and c over the next steps.
    """
    drawing = Drawing(1100, HEIGHT)
    for x, words in TITLES.items():
        drawing.text(x, 404, words, size=11, align="left", bold=True)
    drawing.lines([[(x, 20), (x, 412)] for x in (360, 682, 862)])
    _draw_bars(drawing, sums, values)
    _draw_sum(drawing, values, old_c)
    _draw_h(drawing, values)
    _draw_later(drawing, [values["c"], *later])
    return drawing


def _draw_bars(drawing: Drawing, sums: Mapping[str, float], values: Mapping[str, float]) -> None:
    left, zero, right = 20, 95, 330
    for row, (name, meaning) in enumerate(MEANING.items()):
        y = 322 - 82 * row
        squash, low = ("tanh", -1) if name == "g" else ("sigmoid", 0)
        formula = f"{name} = {squash}({sums[name]:.1f}) = {values[name]:.2f}"
        drawing.text(left, y + 40, formula, size=9.5, align="left", bold=True, mono=True)
        drawing.text(left, y - 17, meaning, size=8.5, align="left", color="muted")
        start = (zero + right) / 2 if low else zero
        length = values[name] * (right - start)
        drawing.boxes([(zero, y, right - zero, 24)], "paper", "faint")
        drawing.boxes([(start + min(length, 0), y, abs(length), 24)], STRONG, STRONG)
        drawing.lines([[(start, y - 4), (start, y + 28)]], "ink")
        drawing.text(zero - 8, y + 12, str(low), size=8.5, align="right", color="muted")
        drawing.text(right + 6, y + 12, "1", size=8.5, align="left", color="muted")


def _draw_sum(drawing: Drawing, values: Mapping[str, float], old_c: float) -> None:
    scale, left = _Scale(drawing, 5, 405, 670, (-4, -2, 0, 2, 4)), 417
    kept, written, new = values["f"] * old_c, values["i"] * values["g"], values["c"]
    for column, (name, shown, ends, fill, edge) in enumerate(
        (
            ("old c", old_c, (0.0, old_c), "paper", "ink"),
            ("f * c", kept, (0.0, kept), PALE, STRONG),
            ("+ i * g", written, (kept, new), STRONG, STRONG),
            ("new c", new, (0.0, new), "ink", "ink"),
        )
    ):
        x = left + 64 * column
        scale.bar(x, 42, ends, fill, edge)
        drawing.text(x + 21, FOOT - 16, name, size=9.5, bold=True, mono=True)
        drawing.text(x + 21, FOOT - 36, f"{shown:+.2f}", size=9.5, mono=True)
        if column in (1, 2):
            drawing.lines([[(x + 42, scale(ends[1])), (x + 64, scale(ends[1]))]], "muted")


def _draw_h(drawing: Drawing, values: Mapping[str, float]) -> None:
    scale, whole = _Scale(drawing, 1, 735, 850, (-1, 0, 1)), math.tanh(values["c"])
    scale.bar(752, 70, (0, whole), "paper", "ink")
    scale.bar(752, 70, (0, values["h"]), STRONG, STRONG)
    drawing.text(787, FOOT - 16, f"tanh(c) {whole:+.2f}", size=8.5, mono=True)
    drawing.text(
        787, FOOT - 36, f"h {values['h']:+.2f}", size=9.5, bold=True, mono=True, color=STRONG
    )


def _draw_later(drawing: Drawing, track: Sequence[float]) -> None:
    limit = next(size for size in (2, 5, 10, 20) if size >= max(map(abs, track)))
    scale, left, steps = _Scale(drawing, limit, 920, 1088, (-limit, 0, limit)), 920, len(track) - 1
    points = [(left + 165 * step / steps, scale(value)) for step, value in enumerate(track)]
    drawing.lines([points], STRONG, 2.5)
    drawing.boxes([(x - 3, y - 3, 6, 6) for x, y in points], STRONG, STRONG)
    drawing.text(left, FOOT - 16, "now", size=8.5)
    drawing.text(1085, FOOT - 16, f"+{steps} steps", size=8.5, align="right")
    drawing.text(1085, FOOT - 36, f"{track[-1]:+.2f}", size=9.5, align="right", mono=True)
