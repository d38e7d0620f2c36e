"""A figure together with its words: a widget while it lives, a PNG and a sentence afterwards."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure
from torch import Tensor, nn

from ..figures import curves, loop, unrolled
from ..figures.canvas import png

VIEW = "application/vnd.jupyter.widget-view+json"


def rich(words: str) -> str:
    """Words as they may stand in HTML: escaped, with what is in backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


class Picture:
    """A figure with the sentence that says what it shows.

    In a running notebook the figure is an `<img>` whose alt text is the sentence, with the same
    sentence below it. In a notebook that nobody has run, it is the PNG. In plain text, it is the
    sentence.

    Args:
        figure: what to show.
        words: one or two sentences that say what the figure shows; plain text.
        details: further HTML, shown below; the caller escapes what a learner typed.
    """

    def __init__(self, figure: Figure, words: str, details: str = "") -> None:
        """Show `figure` with `words` below it."""
        # One widget for all three: a new picture is one message to the browser.
        self.widget = widgets.HTML()
        self.widget.add_class("lstm-figure")
        self.figure = lambda: figure
        self.show(png(figure), words, details)

    def update(self, figure: Figure | Picture, words: str = "", details: str = "") -> None:
        """Show another figure in the same place, such as the next point of a curve."""
        if isinstance(figure, Picture):
            self.figure, words = figure.figure, words or figure.words
        else:
            self.figure = lambda: figure
        self.show(png(self.figure()), words or self.words, details)

    def show(self, image: bytes, words: str, details: str) -> None:
        """Show an image that is ready: PNG bytes, its sentence, and further HTML."""
        self.png, self.words = base64.b64encode(image).decode(), words
        width, height = (int.from_bytes(image[at : at + 4], "big") for at in (16, 20))
        self.widget.value = (
            f'<div class="lstm-picture" style="line-height:0"><img alt="{html.escape(words)}" '
            f'width="{width}" height="{height}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{self.png}"></div>'
            '<p class="lstm-sentence" role="status" style="margin:4px 0;max-width:68em;'
            f'min-height:2.9em;font-size:14px;line-height:1.45">{rich(words)}</p>{details}'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.bundle(self.widget)

    def bundle(self, widget: widgets.Widget) -> dict[str, Any]:
        """The three faces, with `widget` as the living one."""
        view = widget._repr_mimebundle_()[VIEW]
        return {VIEW: view, "image/png": self.png, "text/plain": self.words}

    def __repr__(self) -> str:
        """The sentence."""
        return self.words


def draw_unrolled(lstm: nn.LSTM, x: Tensor) -> Picture:
    """Show an nn.LSTM unrolled over x: time to the right, layers up, the batch in depth."""
    steps = x.shape[1 if lstm.batch_first and x.dim() == 3 else 0]
    batch = x.shape[0 if lstm.batch_first else 1] if x.dim() == 3 else 1
    lanes = ", each with two lanes: forward ends at the right, backward at the left"
    words = (
        f"Time runs to the right: {_count(steps, 'time step')}. {_count(lstm.num_layers, 'layer')} "
        f"go up{lanes if lstm.bidirectional else ''}. In depth: {_count(batch, 'sample')}."
    )
    return Picture(unrolled.draw_unrolled(lstm, x), words)


def draw_loop(
    words: Sequence[str], values: Mapping[str, Tensor], step: int | None = None
) -> Picture:
    """Show the loop over time: words go up into the cell, which hands (h, c) to the right.

    Args:
        words: the sentence, one word a step.
        values: i, f, g, o, c and h by name, each `[seq_len, units]`.
        step: how many steps have been taken; all of them where it is left out.
    """
    step = len(words) if step is None else step
    ends = ""
    if step:
        numbers = ", ".join(f"{value:.1f}" for value in values["c"][step - 1, :3].tolist())
        ends = f" The newest c: {numbers}."
    said = f"Gates and states over {' '.join(words)!r}, {step} of {len(words)} steps taken.{ends}"
    return Picture(loop.draw_loop(words, values, step), said)


def draw_curves(
    accuracies: Mapping[str, Sequence[float]], steps: int, chance: float = 0.5
) -> Picture:
    """Show the accuracy of up to two models at every step so far; see `Picture.update`."""
    return Picture(
        curves.draw_curves(accuracies, steps, chance),
        f"The accuracy over {steps} steps of {' and '.join(accuracies)}.",
    )


def draw_losses(
    losses: Mapping[str, Sequence[float]], steps: int, guess: float, window: int = 5
) -> Picture:
    """Show the loss of up to four models at every step so far; see `Picture.update`."""
    return Picture(
        curves.draw_losses(losses, steps, guess, window),
        f"The loss over {steps} steps of {' and '.join(losses)}.",
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"
