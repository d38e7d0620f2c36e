"""A drawing in matplotlib, and its PNG.

A Figure without an Axes: a drawing has no scales.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from PIL import Image

from .drawing import DASHES, NONE, Boxes, Drawing, Shape, Words
from .palette import LIGHT

DPI = 100
CAPTION = 26  # pixels
MONO = "DejaVu Sans Mono"


def figure(drawing: Drawing, dpi: float = DPI) -> Figure:
    """The drawing as a matplotlib Figure, with a canvas of its own and no global state."""
    size = drawing.width / DPI, drawing.height / DPI
    sheet = Figure(size, dpi=dpi, facecolor=LIGHT["paper"])
    FigureCanvasAgg(sheet)
    # IPython shows nothing for a figure that has neither axes nor lines.
    sheet.lines.append(Line2D([], []))
    pixels = Affine2D().scale(1 / drawing.width, 1 / drawing.height) + sheet.transFigure
    for shape in drawing.shapes:
        artist = _artist(shape)
        artist.set(transform=pixels, zorder=1)
        sheet.add_artist(artist)
    return sheet


def _artist(shape: Shape) -> PolyCollection | LineCollection | Text:
    if isinstance(shape, Words):
        return _text(shape)
    dashes = [length / shape.width for length in DASHES[shape.style]]
    pen: dict[str, Any] = {"linestyles": (0, dashes) if dashes else "-"}
    pen["linewidths"] = shape.width * 72 / DPI
    if isinstance(shape, Boxes):
        moved = [(x + a, y + b, w, h) for a, b in shape.shifts for x, y, w, h in shape.boxes]
        corners = [((x, y), (x + w, y), (x + w, y + h), (x, y + h)) for x, y, w, h in moved]
        fill = NONE if shape.fill == NONE else to_rgba(LIGHT[shape.fill], shape.strength)
        edge = NONE if shape.edge == NONE else LIGHT[shape.edge]
        return PolyCollection(corners, facecolors=fill, edgecolors=edge, **pen)
    color = to_rgba(LIGHT[shape.color], shape.strength)
    return LineCollection([*shape.paths], colors=[color], **pen)


def _text(shape: Words) -> Text:
    known = "".join(c if c.isascii() or ord(c) in _letters() else "□" for c in shape.text)
    return Text(
        shape.x,
        shape.y,
        known,
        color=LIGHT[shape.color],
        fontsize=shape.size,
        fontweight="bold" if shape.bold else "normal",
        fontfamily=MONO if shape.mono else "DejaVu Sans",
        ha=shape.align,
        va="center",
        parse_math=False,
    )


@cache
def _letters() -> frozenset[int]:
    """The characters that the font has."""
    return frozenset(get_font(findfont(MONO)).get_charmap())


def png(drawing: Drawing) -> bytes:
    """The picture as PNG bytes."""
    return _encoded(_pixels(drawing))


def contact_sheet(pictures: Sequence[tuple[str, Drawing]]) -> bytes:
    """Up to three pictures of one size under their captions as one PNG: the others half as large.

    Args:
        pictures: each with its caption; the first stands above the others.
    """
    first, *others = [_captioned(*each, 1 if n == 0 else 2) for n, each in enumerate(pictures)]
    sheet = Image.new(
        "RGB", (first.width, first.height + max((p.height for p in others), default=0)), "white"
    )
    sheet.paste(first)
    for place, picture in enumerate(others):
        sheet.paste(picture, (place * picture.width, first.height))
    return _encoded(sheet)


def _captioned(caption: str, drawing: Drawing, part: int) -> Image.Image:
    """The picture as large as one over `part`, under a caption that is as large as ever."""
    low, high = drawing.height, CAPTION * part
    sheet = Drawing(drawing.width, low + high, shapes=[*drawing.shapes])
    sheet.boxes([(0, low, drawing.width, high)], "panel", "none")
    sheet.label(20 * part, low + high / 2, caption, size=8.5 * part)
    return _pixels(sheet, DPI / part)


def _pixels(drawing: Drawing, dpi: float = DPI) -> Image.Image:
    canvas = FigureCanvasAgg(figure(drawing, dpi))
    canvas.draw()
    size = canvas.get_width_height()
    return Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")


def _encoded(image: Image.Image) -> bytes:
    """PNG bytes in few colours, a third of the size: a notebook carries them."""
    buffer = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG")
    return buffer.getvalue()
