"""Curves that grow while a model trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from .canvas import new_figure
from .palette import AXIS_COLORS, FAINT, INK, MUTED

LOOKS = ((AXIS_COLORS["seq_len"], "-"), (AXIS_COLORS["batch"], "--"))

LOSS_LOOKS = (
    (AXIS_COLORS["seq_len"], "-", 6),
    (AXIS_COLORS["batch"], "--", 1.8),
    (AXIS_COLORS["features"], "-.", 1.8),
    (AXIS_COLORS["layers"], ":", 2.2),
)


def draw_curves(
    accuracies: Mapping[str, Sequence[float]], steps: int, chance: float = 0.5
) -> Figure:
    """Draw the accuracy of up to two models over the steps of their training.

    Args:
        accuracies: the accuracy at every step so far, by the model's name.
        steps: how many steps the whole training has.
        chance: the accuracy of guessing.
    """
    figure = new_figure(900, 300)
    axes = figure.add_axes((0.1, 0.17, 0.64, 0.77))
    axes.axhline(chance, color=FAINT, linewidth=1)
    axes.text(steps * 1.01, chance, "chance", va="center", color=MUTED)
    for (name, curve), (color, style) in zip(accuracies.items(), LOOKS, strict=False):
        if curve:
            smooth = _smooth(curve)
            axes.plot(smooth, color=color, linestyle=style, linewidth=1.8)
            axes.text(
                len(smooth) + steps * 0.01, smooth[-1] + 0.06, name, color=color, weight="bold"
            )
    axes.set(xlim=(0, steps), ylim=(0.3, 1.05), xlabel="step", ylabel="accuracy")
    axes.set_yticks([0.5, 0.75, 1], ["50 %", "75 %", "100 %"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return figure


def draw_losses(
    losses: Mapping[str, Sequence[float]], steps: int, guess: float, window: int = 5
) -> Figure:
    """Draw the loss of up to four models; the first as a broad line that others may lie on.

    Args:
        losses: the loss at every step so far, by the model's name.
        steps: how many steps the whole training has.
        guess: the loss of a model that knows nothing.
        window: over how many steps to take the mean.
    """
    figure = new_figure(1000, 360)
    axes = figure.add_axes((0.06, 0.14, 0.68, 0.82))
    top = max(guess * 1.1, 1)
    axes.axhline(guess, color=MUTED, linewidth=1)
    axes.text(steps * 0.99, guess, "knows nothing", ha="right", va="bottom", color=MUTED)
    ends = []
    for (name, curve), (color, style, width) in zip(losses.items(), LOSS_LOOKS, strict=False):
        if len(curve):
            smooth = _smooth(curve, window)
            alpha = 0.45 if width > 3 else 1
            axes.plot(smooth, color=color, linestyle=style, linewidth=width, alpha=alpha)
            ends.append((float(smooth[-1]), len(smooth), name, color))
    height = 0.0
    for value, x, name, color in sorted(ends):
        height = max(value, height + top * 0.065)
        axes.annotate(
            name,
            (x, value),
            (steps * 1.04, height),
            va="center",
            color=color,
            weight="bold",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "relpos": (0, 0.5)},
        )
    axes.set(xlim=(0, steps), ylim=(0, top), xlabel="step", ylabel="loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return figure


def _smooth(curve: Sequence[float], window: int = 15) -> np.ndarray:
    """The mean of the last `window` values at every step."""
    sums = np.cumsum([0.0, *curve])
    ends = np.arange(1, len(curve) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)
