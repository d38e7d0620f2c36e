"""Curves that grow while a model trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .palette import AXES, LIGHT
from .raster import new_figure

INK, MUTED, FAINT = (LIGHT[name] for name in ("ink", "muted", "faint"))
# The colour, the style and the width of each curve; the first is broad, so that others may lie
# on it.
LOOKS = [
    (LIGHT[axis], *look)
    for axis, look in zip(AXES, (("-", 6), ("--", 1.8), ("-.", 1.8), (":", 2.2)), strict=True)
]


def draw_curves(
    accuracies: Mapping[str, Sequence[float]], steps: int, chance: float = 0.5
) -> Figure:
    """Draw the accuracy of models over the steps of their training; its label is its words."""
    figure, axes = _axes(accuracies, steps, "accuracy", 15)
    axes.axhline(chance, color=FAINT, linewidth=1)
    axes.text(steps * 0.99, chance, "chance", ha="right", va="top", color=MUTED)
    axes.set_ylim(0.3, 1.05)
    axes.set_yticks([0.5, 0.75, 1], ["50 %", "75 %", "100 %"])
    ends = [
        f"{name} ends {'above 95 %' if np.mean(curve[-15:]) > 0.95 else 'below 95 %'}"
        for name, curve in accuracies.items()
        if len(curve)
    ]
    figure.set_label(f"Accuracy, up to step {steps}: {'; '.join(ends) or 'no step yet'}.")
    return figure


def draw_losses(
    losses: Mapping[str, Sequence[float]], steps: int, guess: float, window: int = 5
) -> Figure:
    """Draw the loss of models over the steps of their training; its label is its words."""
    figure, axes = _axes(losses, steps, "loss", window, max(guess * 1.1, 1))
    axes.axhline(guess, color=MUTED, linewidth=1)
    axes.text(steps * 0.99, guess, "knows nothing", ha="right", va="bottom", color=MUTED)
    shown = [name for name, curve in losses.items() if len(curve)]
    figure.set_label(f"Loss, up to step {steps}: {'; '.join(shown) or 'no step yet'}.")
    return figure


def _axes(
    curves: Mapping[str, Sequence[float]], steps: int, what: str, window: int, top: float = 1.05
) -> tuple[Figure, Axes]:
    """A figure with the curves, each with its name at its end."""
    figure = new_figure(1000, 340)
    axes = figure.add_axes((0.07, 0.15, 0.67, 0.8))
    ends = []
    for (name, curve), (color, style, width) in zip(curves.items(), LOOKS, strict=False):
        if len(curve):
            smooth, alpha = _smooth(curve, window), 0.45 if width > 3 else 1
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
    axes.set(xlim=(0, steps), ylim=(0, top), xlabel="step", ylabel=what)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    return figure, axes


def _smooth(curve: Sequence[float], window: int) -> np.ndarray:
    """The mean of the last `window` values at every step."""
    sums = np.cumsum([0.0, *curve])
    ends = np.arange(1, len(curve) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)
