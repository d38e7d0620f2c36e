"""Curves that grow while a model trains."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from ..figures.drawing import Drawing, Lines, Point, count
from ..figures.palette import AXES
from .picture import Picture

Curves = Mapping[str, Sequence[float]]
Level = tuple[float, str]  # a height on the scale, and its name
LEFT, RIGHT, BOTTOM, TOP = 70, 740, 52, 318
# The width, style and strength of each curve; the first is broad, so that others may lie on it.
LOOKS = ((8, "-", 0.45), (2.5, "--", 1.0), (2.5, "-.", 1.0), (3, ":", 1.0))


def draw_curves(accuracies: Curves, steps: int, chance: float = 0.5) -> Picture:
    """Show the accuracy of models at every step so far; `live.update(draw_curves(...))` goes on.

    Args:
        accuracies: the accuracy at every step so far, by the model's name.
        steps: how many steps the whole training has.
        chance: the accuracy of guessing.
    """
    ticks = [(0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")]
    drawing = _draw(accuracies, steps, "accuracy", 15, ticks, (chance, "chance"))
    ends = [
        f"{name} ends {'above' if fmean(curve[-15:]) > 0.95 else 'below'} 95 %"
        for name, curve in accuracies.items()
        if len(curve)
    ]
    return Picture(drawing, f"Accuracy, up to step {steps}: {'; '.join(ends) or 'no step yet'}.")


def draw_losses(losses: Curves, steps: int, guess: float, window: int = 5) -> Picture:
    """Show the loss of up to four models at every step so far, as `draw_curves` does.

    Args:
        losses: the loss at every step so far, by the model's name.
        steps: how many steps the whole training has.
        guess: the loss of a model that knows nothing.
        window: over how many steps to take the mean.
    """
    ticks = [(float(loss), str(loss)) for loss in range(math.ceil(max(guess, 1)) + 1)]
    drawing = _draw(losses, steps, "loss", window, ticks, (guess, "knows nothing"))
    ends = [
        f"{name} ends at {fmean(curve[-window:]):.2f}"
        for name, curve in losses.items()
        if len(curve)
    ]
    return Picture(drawing, f"Loss, up to step {steps}: {'; '.join(ends) or 'no step yet'}.")


def _draw(
    curves: Curves, steps: int, what: str, window: int, ticks: Sequence[Level], level: Level
) -> Drawing:
    """Curves, each the mean of its last `window` values, and a level, with names at their ends."""
    drawing, low, high = Drawing(1000, 340), ticks[0][0], ticks[-1][0] * 1.05

    def at(step: float, value: float) -> Point:
        height = (min(max(value, low), high) - low) / (high - low)
        return LEFT + (RIGHT - LEFT) * step / steps, BOTTOM + (TOP - BOTTOM) * height

    drawing.lines([[(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)]], "ink")
    mean = f"{what}, mean of the last {count(window, 'step')} (at first, of fewer)"
    drawing.label(14, TOP + 12, mean)
    drawing.text((LEFT + RIGHT) / 2, 12, "step")
    for value, words in ticks:
        x, y = at(0, value)
        drawing.lines([[(x - 4, y), (x, y)]], "ink")
        drawing.text(x - 8, y, words, align="right")
    apart = next(n for k in range(9) for n in (10**k, 2 * 10**k, 5 * 10**k) if 6 * n >= steps)
    for step in range(0, steps + 1, apart):
        x, y = at(step, low)
        drawing.lines([[(x, y - 4), (x, y)]], "ink")
        drawing.text(x, y - 14, str(step))
    drawing.lines([[at(0, level[0]), at(steps, level[0])]], "muted")
    ends = [(at(steps, level[0])[::-1], level[1], "muted")]
    for (name, curve), axis, look in zip(curves.items(), AXES, LOOKS, strict=False):
        means = [fmean(curve[max(0, end - window) : end]) for end in range(1, len(curve) + 1)]
        points = [at(step, mean) for step, mean in enumerate(means)]
        if points:
            drawing.shapes.append(Lines((tuple(points),), axis, *look))
            ends.append((points[-1][::-1], name, axis))
    height = 0.0
    for place, ((y, x), name, color) in enumerate(sorted(ends), 1):
        height = max(min(y, TOP + 10 - 18 * (len(ends) - place)), height + 18)
        drawing.lines([[(x + 3, y), (RIGHT + 22, height)]], color)
        drawing.label(RIGHT + 27, height, name, color=color, bold=color != "muted")
    return drawing
