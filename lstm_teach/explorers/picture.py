"""A figure together with its words: a widget while it lives, a PNG and a sentence afterwards."""

from __future__ import annotations

import base64
import html
import re
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

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
        self.show(png(figure), words, details)

    def update(self, figure: Figure, words: str, details: str = "") -> None:
        """Show another figure in the same place, such as the next point of a curve."""
        self.show(png(figure), words, details)

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
