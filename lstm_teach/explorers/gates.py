"""One unit of an LSTM: move what goes into its gates, and see what it keeps and what it shows."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from ..cells import lstm_step
from ..figures.drawing import Drawing
from .picture import Explorer, Picture, button, number

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
    880: f"4. c in {LATER} more steps",
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
        super().__init__(controls, *self.presets.values())

    def look(self, c: float, **sums: float) -> Picture:
        """Run one step with these sums, and ten more with the same gates."""
        # The biases alone make the sums: x, h and all weights are zero.
        zero, weights = torch.zeros(1, 1), torch.zeros(4, 1)
        bias, steps, memory = torch.tensor([sums[gate] for gate in GATES]), [], torch.tensor([[c]])
        for _ in range(LATER + 1):
            steps.append(lstm_step(zero, zero, memory, weights, weights, bias))
            memory = steps[-1].c
        new = {name: value.item() for name, value in steps[0]._asdict().items()}
        kept, written, track = new["f"] * c, new["i"] * new["g"], [step.c.item() for step in steps]
        # Adding 0.0 after rounding turns -0.0 into 0.0.
        return Picture(
            _draw(sums, c, new, track),
            f"Of the old c {c:.2f}, `f * c` keeps {round(kept, 2) + 0.0:.2f}; `i * g` adds "
            f"{round(written, 2) + 0.0:.2f}; the new `c` is {new['c']:.2f}. Of tanh(c), `o` lets "
            f"{100 * new['o']:.0f} % out: `h` is {new['h']:.2f}. If the gates stay so, c is "
            f"{track[-1]:.2f} after {LATER} more steps.",
        )


def _scale(drawing: Drawing, limit: float, left: float, right: float) -> Callable[[float], float]:
    """Draw a vertical scale from -limit to limit; what is returned gives the height of a value."""

    def at(value: float) -> float:
        return FOOT + (TOP - FOOT) * (value / limit + 1) / 2

    ticks = [limit, limit / 2, 0, -limit / 2, -limit]
    drawing.lines([[(left, at(tick)), (right, at(tick))] for tick in ticks])
    drawing.lines([[(left, at(0)), (right, at(0))]], "ink")
    numbers = "\n".join(f"{tick:g}" for tick in ticks)
    drawing.text(left - 5, TOP, numbers, "muted", (TOP - FOOT) / 4, size=8.5, align="right")
    return at


def _draw(
    sums: Mapping[str, float], old: float, new: Mapping[str, float], track: Sequence[float]
) -> Drawing:
    """The gates as bars, the bars that the new c is made of, those of h, and c in later steps."""
    drawing, frames, bars = Drawing(1100, 430), [], []
    for x, title in TITLES.items():
        drawing.label(x, 404, title, size=11, bold=True)
    drawing.lines([[(x, 20), (x, 412)] for x in (360, 682, 862)])
    for row, (name, meaning) in enumerate(GATES.items()):
        y, zero, long, squash = 322 - 82 * row, 95.0, 235 * new[name], "sigmoid"
        if name == "g":
            zero, long, squash = 212.5, long / 2, "tanh"
        formula = f"{name} = {squash}({sums[name]:.1f}) = {new[name]:.2f}"
        drawing.label(20, y + 40, formula, size=9.5, bold=True, mono=True)
        drawing.label(20, y - 17, meaning, size=8.5, color="muted")
        frames.append((95, y, 235, 24))
        bars.append((zero + min(long, 0), y, abs(long), 24))
    drawing.boxes(frames, "paper", "faint")
    drawing.boxes(bars, STRONG, STRONG)
    drawing.lines([[(212.5, 154), (212.5, 186)]], "ink")
    drawing.text(87, 334, "0\n0\n-1\n0", "muted", 82, size=8.5, align="right")
    drawing.text(339, 334, "1\n1\n1\n1", "muted", 82, size=8.5)
    kept, c, whole = new["f"] * old, new["c"], math.tanh(new["c"])
    of_c, of_h = _scale(drawing, 5, 405, 670), _scale(drawing, 1, 735, 850)
    for at, x, start, end, fill, edge, words in (
        (of_c, 417, 0, old, "paper", "ink", f"old c\n{old:+.2f}"),
        (of_c, 481, 0, kept, PALE, STRONG, f"f * c\n{kept:+.2f}"),
        (of_c, 545, kept, c, STRONG, STRONG, f"+ i * g\n{new['i'] * new['g']:+.2f}"),
        (of_c, 609, 0, c, "ink", "ink", f"new c\n{c:+.2f}"),
        (of_h, 766, 0, whole, "paper", "ink", ""),
        (of_h, 766, 0, new["h"], STRONG, STRONG, f"tanh(c) {whole:+.2f}\nh {new['h']:+.2f}"),
    ):
        low, high = sorted((at(start), at(end)))
        drawing.boxes([(x, low, 42, max(1, high - low))], fill, edge)
        drawing.text(x + 21, FOOT - 16, words, below=20, bold=True, mono=True)
    drawing.lines([[(x, of_c(y)), (x + 22, of_c(y))] for x, y in ((523, kept), (587, c))], "muted")
    drawing.label(880, 387, "the gates as they are", size=8.5, color="muted")
    limit = next(size for size in (2, 5, 10, 20) if size >= max(map(abs, track)))
    at = _scale(drawing, limit, 920, 1088)
    points = [(920 + 165 * step / LATER, at(value)) for step, value in enumerate(track)]
    drawing.lines([points], STRONG, width=2.5)
    drawing.boxes([(x - 3, y - 3, 6, 6) for x, y in points], STRONG, STRONG)
    drawing.text(920, FOOT - 16, "now", size=8.5)
    drawing.text(1085, FOOT - 16, f"+{LATER} steps\n{track[-1]:+.2f}", size=8.5, align="right")
    return drawing
