"""One unit of an LSTM: move what goes into its gates, and see what it keeps and what it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets as widgets
import torch

from ..cells import lstm_step
from ..figures.drawing import Box, Drawing
from .base import Explorer, View, button, number

LATER = 10  # steps that are looked ahead
GATES = {
    "i": "input gate: how much of g comes in",
    "f": "forget gate: how much of the old c stays",
    "g": "candidate: what would be written",
    "o": "output gate: how much of tanh(c) is shown",
}
PRESETS: dict[str, dict[str, float]] = {
    "keep": {"i": -6.0, "f": 6.0, "g": 0.0, "o": -6.0, "c": 1.5},
    "write": {"i": 6.0, "f": -6.0, "g": 2.0, "o": -6.0, "c": -1.5},
    "erase": {"i": -6.0, "f": -6.0, "g": 0.0, "o": -6.0, "c": 1.5},
    "read": {"i": -6.0, "f": 6.0, "g": 0.0, "o": 6.0, "c": 1.5},
}
FOOT, TOP = 70, 370
STRONG, PALE = "features", "pale features"
TITLES = {
    20: "1. the gates",
    385: "2. c = f * c + i * g",
    696: "3. h = o * tanh(c)",
    880: "4. c, gates as they are",
}


class GateExplorer(Explorer):
    """The four sums that go into the gates and the old c, and what comes of them.

    Four buttons set the gates to a use that has a name: keep, write, erase, read.
    """

    preview = (PRESETS["keep"], PRESETS["write"])

    def __init__(self) -> None:
        """Start halfway: half of the old c stays, most of the candidate comes in."""
        sums = {"i": 1.0, "f": 0.0, "g": 1.0, "o": 1.0}
        controls = {gate: number(f"into {gate}", sums[gate], -8, 8, 0.1) for gate in GATES}
        controls["c"] = number("old c", 1.5, -4, 4, 0.1)
        self.presets = {k: button(k, partial(self.set, **values)) for k, values in PRESETS.items()}
        super().__init__(controls, widgets.HBox([*self.presets.values()]))

    def look(self, **values: Any) -> View:
        """Run one step with these sums, and ten more with the same gates."""
        old_c, sums = values["c"], {gate: values[gate] for gate in GATES}
        # The biases alone make the sums: x, h and all weights are zero.
        zero, weights, bias = torch.zeros(1, 1), torch.zeros(4, 1), torch.tensor([*sums.values()])
        steps, track = [], [old_c]
        for _ in range(LATER + 1):
            c = torch.tensor([[track[-1]]])
            steps.append(lstm_step(zero, zero, c, weights, weights, bias))
            track.append(steps[-1].c.item())
        new = {name: value.item() for name, value in steps[0]._asdict().items()}
        kept, written = new["f"] * old_c, new["i"] * new["g"]
        drawing = Drawing(1100, 430)
        for x, title in TITLES.items():
            drawing.label(x, 404, title, size=11, bold=True)
        drawing.lines([[(x, 20), (x, 412)] for x in (360, 682, 862)])
        _draw_gates(drawing, sums, new)
        _draw_sum(drawing, old_c, kept, written, new["c"])
        _draw_h(drawing, math.tanh(new["c"]), new["h"])
        _draw_later(drawing, track[1:])
        # Adding 0.0 after rounding turns -0.0 into 0.0.
        return View(
            drawing,
            f"Of the old c {old_c:.2f}, `f * c` keeps {round(kept, 2) + 0.0:.2f}; `i * g` adds "
            f"{round(written, 2) + 0.0:.2f}; the new `c` is {new['c']:.2f}. Of tanh(c), `o` lets "
            f"{100 * new['o']:.0f} % out: `h` is {new['h']:.2f}. If the gates stay so, c is "
            f"{track[-1]:.2f} after {LATER} more steps.",
        )


def _draw_gates(drawing: Drawing, sums: Mapping[str, float], new: Mapping[str, float]) -> None:
    left, zero, right = 20, 95, 330
    for row, (name, meaning) in enumerate(GATES.items()):
        y = 322 - 82 * row
        squash, low = ("tanh", -1) if name == "g" else ("sigmoid", 0)
        formula = f"{name} = {squash}({sums[name]:.1f}) = {new[name]:.2f}"
        drawing.label(left, y + 40, formula, size=9.5, bold=True, mono=True)
        drawing.label(left, y - 17, meaning, size=8.5, color="muted")
        start = (zero + right) / 2 if low else zero
        length = new[name] * (right - start)
        drawing.boxes([(zero, y, right - zero, 24)], "paper", "faint")
        drawing.boxes([(start + min(length, 0), y, abs(length), 24)], STRONG, STRONG)
        drawing.lines([[(start, y - 4), (start, y + 28)]], "ink")
        drawing.text(zero - 8, y + 12, str(low), size=8.5, align="right", color="muted")
        drawing.label(right + 6, y + 12, "1", size=8.5, color="muted")


def _scale(
    drawing: Drawing, limit: float, left: float, right: float, ticks: Sequence[float]
) -> Callable[[float], float]:
    """Draw a vertical scale from -limit to limit; what is returned gives the height of a value."""

    def at(value: float) -> float:
        return FOOT + (TOP - FOOT) * (value / limit + 1) / 2

    drawing.lines([[(left, at(tick)), (right, at(tick))] for tick in ticks])
    drawing.lines([[(left, at(0)), (right, at(0))]], "ink")
    for tick in ticks:
        drawing.text(left - 5, at(tick), f"{tick:g}", size=8.5, align="right", color="muted")
    return at


def _bar(x: float, width: float, start: float, end: float) -> list[Box]:
    """A bar between two heights."""
    return [(x, min(start, end), width, max(1.0, abs(end - start)))]


def _draw_sum(drawing: Drawing, old: float, kept: float, written: float, new: float) -> None:
    at = _scale(drawing, 5, 405, 670, (-4, -2, 0, 2, 4))
    bars = (
        ("old c", old, 0.0, old, "paper", "ink"),
        ("f * c", kept, 0.0, kept, PALE, STRONG),
        ("+ i * g", written, kept, new, STRONG, STRONG),
        ("new c", new, 0.0, new, "ink", "ink"),
    )
    for x, (name, shown, start, end, fill, edge) in zip((417, 481, 545, 609), bars, strict=True):
        drawing.boxes(_bar(x, 42, at(start), at(end)), fill, edge)
        drawing.text(x + 21, FOOT - 16, name, size=9.5, bold=True, mono=True)
        drawing.text(x + 21, FOOT - 36, f"{shown:+.2f}", size=9.5, mono=True)
    for x, value in ((523, kept), (587, new)):
        drawing.lines([[(x, at(value)), (x + 22, at(value))]], "muted")


def _draw_h(drawing: Drawing, whole: float, h: float) -> None:
    at = _scale(drawing, 1, 735, 850, (-1, 0, 1))
    drawing.boxes(_bar(752, 70, at(0), at(whole)), "paper")
    drawing.boxes(_bar(752, 70, at(0), at(h)), STRONG, STRONG)
    drawing.text(787, FOOT - 16, f"tanh(c) {whole:+.2f}", size=8.5, mono=True)
    drawing.text(787, FOOT - 36, f"h {h:+.2f}", size=9.5, bold=True, mono=True, color=STRONG)


def _draw_later(drawing: Drawing, track: Sequence[float]) -> None:
    limit = next(size for size in (2, 5, 10, 20) if size >= max(map(abs, track)))
    at, left = _scale(drawing, limit, 920, 1088, (-limit, 0, limit)), 920
    points = [(left + 165 * step / LATER, at(value)) for step, value in enumerate(track)]
    drawing.lines([points], STRONG, width=2.5)
    drawing.boxes([(x - 3, y - 3, 6, 6) for x, y in points], STRONG, STRONG)
    drawing.text(left, FOOT - 16, "now", size=8.5)
    drawing.text(1085, FOOT - 16, f"+{LATER} steps", size=8.5, align="right")
    drawing.text(1085, FOOT - 36, f"{track[-1]:+.2f}", size=9.5, align="right", mono=True)
