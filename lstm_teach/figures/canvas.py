"""A sheet in pixels to put boxes, arrows and words on, and its PNG.

Matplotlib without an Axes: the drawings here have no scales, and leaving Axes out makes a redraw
about twice as fast. So does keeping the pixels of words, most of which stand in the next picture
too.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil

import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, IdentityTransform
from PIL import Image

from .palette import FAINT, INK, PAPER, axis_color

DPI = 100
MARGIN = 2  # pixels around words that are kept: letters may reach beyond their width
MONO = "DejaVu Sans Mono"
MONO_ADVANCE = 0.602  # width of one character of MONO, in units of the font size
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, width, height


def new_figure(width: int, height: int) -> Figure:
    """An empty Figure of so many pixels, with a canvas of its own and no global state."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes, compressed for speed rather than for size."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels, size = canvas.buffer_rgba(), canvas.get_width_height()
    image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class _Words(Text):
    """Text whose pixels are kept and copied whenever the same words are drawn again."""

    def draw(self, renderer: RendererBase) -> None:
        """Copy the pixels of the words; a renderer without pixels gets the words themselves."""
        if not isinstance(renderer, RendererAgg):
            super().draw(renderer)
            return
        font = (self.get_fontsize(), self.get_fontweight(), *self.get_fontfamily())
        pixels, width = _set_words(self.get_text(), self.get_color(), renderer.dpi, *font)
        x, y = self.get_transform().transform(self.get_position())
        x -= {"left": 0.0, "center": width / 2, "right": width}[self.get_horizontalalignment()]
        gc = renderer.new_gc()
        renderer.draw_image(gc, round(x) - MARGIN, round(y) - len(pixels) // 2, pixels)
        gc.restore()


@lru_cache(maxsize=1024)
def _set_words(
    words: str, color: str, dpi: float, size: float, weight: str, family: str
) -> tuple[np.ndarray, float]:
    """The words [height, width, rgba], lowest row first, within a margin, and their width."""
    text = Text(MARGIN, 0, words, color=color, va="center", parse_math=False)
    text.set(fontsize=size, fontweight=weight, fontfamily=family, transform=IdentityTransform())
    text.set_figure(Figure(dpi=dpi))
    extent = text.get_window_extent(RendererAgg(1, 1, dpi))
    width, height = (ceil(length) + 2 * MARGIN for length in (extent.width, extent.height))
    sheet = RendererAgg(width, height, dpi)
    text.set_y(height // 2)
    text.draw(sheet)
    return np.array(sheet.buffer_rgba())[::-1].copy(), extent.width


class Canvas:
    """A Figure addressed in pixels, the origin at the lower left."""

    def __init__(self, width: int, height: int) -> None:
        """Make an empty sheet of `width` by `height` pixels."""
        self.width, self.height = width, height
        self.figure = new_figure(width, height)
        self._pixels = Affine2D().scale(1 / width, 1 / height) + self.figure.transFigure
        # IPython shows nothing for a figure that has neither axes nor lines.
        self.figure.lines.append(Line2D([], []))

    def boxes(
        self,
        boxes: Iterable[Box],
        face: str,
        edge: str = INK,
        *,
        style: str = "-",
        width: float = 1,
    ) -> None:
        """Draw rectangles that all look alike."""
        corners = [((x, y), (x + w, y), (x + w, y + h), (x, y + h)) for x, y, w, h in boxes]
        if corners:
            self._add(
                PolyCollection(
                    corners, facecolors=face, edgecolors=edge, linewidths=width, linestyles=style
                )
            )

    def arrows(
        self, arrows: Iterable[tuple[Point, Point]], color: str = INK, *, width: float = 1
    ) -> None:
        """Draw straight arrows, each from its first point to its second."""
        ends = np.array(list(arrows), dtype=float)
        if not len(ends):
            return
        step = ends[:, 1] - ends[:, 0]
        along = step / np.hypot(step[:, 0], step[:, 1])[:, None]
        across = along[:, ::-1] * (-1, 1)
        tip, head = ends[:, 1], 4.0 + width
        base = tip - along * head
        triangles = np.stack([tip, base + across * head / 2, base - across * head / 2], axis=1)
        shafts = np.stack([ends[:, 0], base], axis=1)
        self._add(LineCollection(list(shafts), colors=color, linewidths=width))
        self._add(PolyCollection(list(triangles), facecolors=color, edgecolors="none"))

    def lines(
        self, lines: Iterable[Sequence[Point]], color: str = FAINT, *, width: float = 1
    ) -> None:
        """Draw lines through points."""
        self._add(LineCollection(list(lines), colors=color, linewidths=width))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 9,
        color: str = INK,
        align: str = "center",
        bold: bool = False,
        mono: bool = False,
    ) -> None:
        """Write words, centred on y; `align` says which end of them stands at x."""
        self._add(
            _Words(
                x,
                y,
                words,
                fontsize=size,
                color=color,
                ha=align,
                va="center",
                fontweight="bold" if bold else "normal",
                fontfamily=MONO if mono else "DejaVu Sans",
                parse_math=False,
            )
        )

    def shape(
        self,
        x: float,
        y: float,
        name: str,
        sizes: Sequence[int],
        axes: Sequence[str],
        *,
        size: float = 9.5,
        align: str = "left",
    ) -> None:
        """Write a tensor's name and shape, ``output [seq_len=10, batch=3]``, axes in colour."""
        parts = [(f"{name} [", INK)]
        for axis, length in zip(axes, sizes, strict=True):
            parts += [(f"{axis}={length}", axis_color(axis)), (", ", INK)]
        parts[-1] = ("]", INK)
        # The renderer sets every character of MONO a whole number of pixels wide.
        advance = round(MONO_ADVANCE * size * DPI / 72)
        total = advance * sum(len(words) for words, _ in parts)
        x -= {"left": 0.0, "center": total / 2, "right": total}[align]
        for words, color in parts:
            self.text(x, y, words, size=size, color=color, align="left", bold=True, mono=True)
            x += advance * len(words)

    def _add(self, artist: PolyCollection | LineCollection | Text) -> None:
        artist.set_transform(self._pixels)
        self.figure.add_artist(artist)
