"""The loop over time: one row of the one picture, and what is inside each of its boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from torch import Tensor

from .drawing import Box, Drawing, Point

WIDTH, LEFT, MOST_WORDS, MOST_UNITS = 1100, 200, 12, 8
STRIPS = {
    "i": "input gate, 0 to 1",
    "f": "forget gate, 0 to 1",
    "g": "candidate, -1 to 1",
    "o": "output gate, 0 to 1",
    "c": "the memory, any size",
    "h": "what it shows, -1 to 1",
}
STRIP, GAP, FOOT = 92, 9, 34
HEIGHT = FOOT + (STRIP + GAP) * len(STRIPS) + 150
SHADES = 12
STRONGEST = 0.5  # of the colour, so that ink stays easy to read on it, also on a dark page


def draw_loop(
    words: Sequence[str], values: Mapping[str, Tensor], step: int, first: int = 0
) -> Drawing:
    """Draw the cell at every step, and its numbers up to one step.

    Args:
        words: the sentence, one word a step; of more than twelve, those around `step` are drawn.
        values: i, f, g, o, c and h by name, each `[seq_len, units]`; units are the rows shown.
        step: how many steps have been taken, 0 to seq_len.
        first: the number of the first of these units.

    Returns:
        A drawing: words go up into the cell, which hands (h, c) to the right; under each word
        stand the numbers of its step, filled in up to `step`, the newest written out.
    """
    newest = [f"{value:.1f}" for value in values["c"][step - 1, :3].tolist()] if step else ["0"]
    drawing = Drawing(
        WIDTH,
        HEIGHT,
        f"The loop over {' '.join(words)!r}, {step} of {len(words)} steps taken. "
        f"The newest c: {', '.join(newest)}{', …' if values['c'].shape[1] > 3 else ''}.",
    )
    start = max(0, min(step - MOST_WORDS // 2, len(words) - MOST_WORDS))
    shown = range(start, min(len(words), start + MOST_WORDS))
    pitch = min(84.0, 880 / len(shown))
    lefts = {t: LEFT + pitch * place for place, t in enumerate(shown)}
    _draw_row(drawing, words, step, lefts, pitch)
    _draw_strips(drawing, values, step, lefts, pitch - 10, first)
    for t, x in lefts.items():
        drawing.text(x + pitch / 2, 20, f"t = {t}", size=8.5, color="seq_len", bold=True)
    drawing.text(20, 20, "a dash marks a minus", size=8, align="left", color="muted")
    return drawing


def _draw_row(
    drawing: Drawing, words: Sequence[str], step: int, lefts: Mapping[int, float], pitch: float
) -> None:
    """Words at the bottom, the cell above each, and its h on top: done, newest, and to come."""
    width, height = pitch - 26, 30
    low, middle, high = HEIGHT - 136.0, HEIGHT - 86.0, HEIGHT - 36.0
    for y, name in ((low, "xt"), (middle, "cell(xt, [h, c])"), (high, "h")):
        drawing.text(20, y + height / 2, name, size=9.5, align="left", bold=True, mono=True)
    ups: list[tuple[Point, Point]] = []
    rights: list[tuple[Point, Point]] = []
    for t, left in lefts.items():
        done, newest, x = t < step, t == step - 1, left + 13
        ink, line, style = ("ink", 3.4 if newest else 1.3, "-") if done else ("muted", 1.3, ":")
        time = ("pale seq_len", "seq_len") if done else ("paper", "muted")
        face = "pale features" if done else "paper"
        drawing.boxes([(x - 8, low, width + 16, height)], *time, style=style)
        word = words[t] if len(words[t]) <= 11 else words[t][:10] + "…"
        size, centre = 9 if len(word) < 8 else 8, x + width / 2
        drawing.text(centre, low + height / 2, word, size=size, color=ink, bold=newest)
        drawing.boxes([(x, middle, width, height)], face, ink, style=style, width=line)
        drawing.text(centre, middle + height / 2, "cell", color=ink, bold=newest)
        y = middle + height / 2
        if t <= step:
            rights.append(((x - 26, y), (x - 1, y)))
        if done:
            drawing.boxes([(x, high, width, height)], *time, width=line)
            drawing.text(centre, high + height / 2, "h", bold=newest, mono=True)
            ups += [((centre, low + height), (centre, middle - 1))]
            ups += [((centre, middle + height), (centre, high - 1))]
        if t == step:
            drawing.text(x - 13, y + 24, "h, c", size=8, mono=True)
    drawing.arrows([*ups, *rights])


def _draw_strips(
    drawing: Drawing,
    values: Mapping[str, Tensor],
    step: int,
    lefts: Mapping[int, float],
    width: float,
    first: int,
) -> None:
    """Six heat maps, a row for each unit and a column for each step."""
    filled: dict[tuple[str, float], list[Box]] = defaultdict(list)
    waiting: list[Box] = []
    dashes: list[list[Point]] = []
    numbers: list[tuple[float, float, str]] = []
    for place, (name, meaning) in enumerate(STRIPS.items()):
        bottom = FOOT + (STRIP + GAP) * (len(STRIPS) - 1 - place)
        drawing.text(20, bottom + STRIP - 14, name, size=13, align="left", bold=True, mono=True)
        drawing.text(20, bottom + STRIP - 38, meaning, size=8.5, align="left", color="muted")
        strongest = max(1.0, values[name].abs().max().item())
        row = STRIP / values[name].shape[1]
        heights = [bottom + STRIP - row * (unit + 1) for unit in range(values[name].shape[1])]
        for unit, y in enumerate(heights, first):
            words = f"unit {unit}" if len(heights) <= 3 else str(unit)
            drawing.text(LEFT - 4, y + row / 2, words, size=7.5, align="right", color="muted")
        for t, left in lefts.items():
            x = left + 5
            if t >= step:
                waiting.append((x, bottom, width, STRIP))
                continue
            for value, y in zip(values[name][t].tolist(), heights, strict=True):
                level = round(abs(value) / strongest * SHADES) / SHADES * STRONGEST
                filled["features" if value >= 0 else "batch", level].append((x, y, width, row))
                centre = x + width / 2, y + row / 2
                if t == step - 1:
                    numbers.append((*centre, f"{value:+.2f}"))
                elif value < 0:
                    dashes.append([(centre[0] - 5, centre[1]), (centre[0] + 5, centre[1])])
    for (color, level), boxes in filled.items():
        drawing.boxes(boxes, color, "faint", strength=level)
    drawing.lines(dashes, "ink", 2)
    drawing.boxes(waiting, "paper", "faint", style=":")
    for x, y, words in numbers:
        drawing.text(x, y, words, size=7.5, bold=True, mono=True)
