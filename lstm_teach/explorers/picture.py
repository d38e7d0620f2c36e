"""A drawing together with its words: a widget while it lives, a PNG and a sentence afterwards."""

from __future__ import annotations

import base64
import html
import re
from functools import cached_property
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure
from torch import Tensor, nn

from ..figures import raster, unrolled
from ..figures.drawing import Drawing, Words
from ..figures.palette import STYLE
from ..figures.svg import svg
from ..language import is_english, translated, translated_html

VIEW = "application/vnd.jupyter.widget-view+json"
SEVERAL = re.compile(r"[a-z]{2,}\W+[a-z]{2,}", re.IGNORECASE)


def rich(words: str) -> str:
    """Words as they may stand in HTML: escaped, with what is in backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


class Picture:
    """A drawing with the sentence that says what it shows.

    In a running notebook it is inline SVG whose name is the sentence, with the same sentence below
    it. In a notebook that nobody has run, or that is not trusted, it is a PNG. In plain text, it
    is the sentence.

    Args:
        drawing: what to show: a Drawing, or what another Picture shows.
        words: one or two sentences that say what it shows; plain text. Left out, its own.
        details: further HTML, shown below; the caller escapes what a learner typed.
    """

    drawing: Drawing
    words: str
    details: str

    def __init__(self, drawing: Drawing | Picture, words: str = "", details: str = "") -> None:
        """Show `drawing` with `words` below it."""
        self.update(drawing, words, details)

    @cached_property
    def widget(self) -> widgets.Widget:
        """The living face, made when it is first shown."""
        return widgets.VBox([widgets.HTML(STYLE, layout={"display": "none"}), self._page])

    @cached_property
    def _page(self) -> widgets.HTML:
        """One widget for all that changes: a new picture is one message to the browser."""
        page = widgets.HTML(self._html())
        page.add_class("lstm-figure")
        return page

    def update(self, drawing: Drawing | Picture, words: str = "", details: str = "") -> None:
        """Show another drawing in the same place, such as the next point of a curve."""
        if isinstance(drawing, Picture):
            words, details = words or drawing.words, details or drawing.details
            drawing = drawing.drawing
        self.drawing, self.details = drawing, details
        self.words = translated(words or drawing.words)
        if "_page" in self.__dict__:
            self._page.value = self._html()

    def _html(self) -> str:
        return (
            f'<div class="lstm-picture">{svg(self.drawing, self.words)}</div>'
            '<p class="lstm-sentence" role="status" style="margin:4px 0;max-width:68em;'
            f'min-height:2.9em;font-size:14px;line-height:1.45">{rich(self.words)}</p>'
            f"{_in_the_picture(self.drawing)}{translated_html(self.details)}"
        )

    def figure(self) -> Figure:
        """The picture as a matplotlib Figure."""
        return raster.figure(self.drawing)

    def _png(self) -> bytes:
        return raster.png(self.drawing)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The three faces; the view is what JupyterLab shows where it can.

        Where the widget cannot live, JupyterLab and VS Code fall back to the image. There is no
        text/html: both would prefer it to the image, and take the SVG out of it in an untrusted
        notebook. The view is spelled out: ipywidgets 7, which Colab has, makes none for others.
        """
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        png = base64.b64encode(self._png()).decode()
        return {VIEW: view, "image/png": png, "text/plain": self.words}

    def __repr__(self) -> str:
        """The sentence."""
        return self.words


def _in_the_picture(drawing: Drawing) -> str:
    """What stands in a picture beyond names, in the reader's language: the picture is English."""
    if is_english():
        return ""
    words = (shape for shape in drawing.shapes if isinstance(shape, Words) and not shape.mono)
    texts = [text for each in words if SEVERAL.search(text := each.text.strip(": "))]
    said = {text: translated(text) for text in texts}
    pairs = [f"“{text}” {words}" for text, words in said.items() if words != text]
    line = translated("In the picture: {}.").format(translated("; ").join(pairs))
    return f'<p style="margin:4px 0;font-size:13px">{rich(line)}</p>' * bool(pairs)


def draw_unrolled(lstm: nn.LSTM, x: Tensor) -> Picture:
    """Show an nn.LSTM unrolled over x: time to the right, layers up, the batch in depth."""
    return Picture(unrolled.draw_unrolled(lstm, x))
