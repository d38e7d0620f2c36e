"""A drawing as a matplotlib Figure without an Axes, for it has no scales, and as a PNG."""

import io
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
MONO = "DejaVu Sans Mono"
LETTERS = get_font(findfont(MONO)).get_charmap()


def figure(*drawings: Drawing) -> Figure:
    """Drawings below one another as a Figure, with a canvas of its own and no global state."""
    width, height = drawings[0].width, sum(drawing.height for drawing in drawings)
    sheet = Figure((width / DPI, height / DPI), dpi=DPI, facecolor=LIGHT["paper"])
    FigureCanvasAgg(sheet)
    sheet.lines.append(Line2D([], []))  # IPython shows no figure without axes or lines
    pixels = Affine2D().scale(1 / width, 1 / height) + sheet.transFigure
    for drawing in drawings:
        height -= drawing.height
        place = Affine2D().translate(0, height) + pixels
        for shape in drawing.shapes:
            sheet.add_artist(_artist(shape)).set(transform=place, zorder=1)
    return sheet


def _artist(shape: Shape) -> PolyCollection | LineCollection | Text:
    if isinstance(shape, Words):
        return _text(shape)
    dashes = [length / shape.width for length in DASHES[shape.style]]
    pen: dict[str, Any] = {"linestyles": (0, dashes or None), "linewidths": shape.width * 72 / DPI}
    if isinstance(shape, Boxes):
        moved = [(x + a, y + b, w, h) for a, b in shape.shifts for x, y, w, h in shape.boxes]
        corners = [((x, y), (x + w, y), (x + w, y + h), (x, y + h)) for x, y, w, h in moved]
        fill = NONE if shape.fill == NONE else to_rgba(LIGHT[shape.fill], shape.strength)
        edge = NONE if shape.edge == NONE else LIGHT[shape.edge]
        return PolyCollection(corners, facecolors=fill, edgecolors=edge, **pen)
    color = to_rgba(LIGHT[shape.color], shape.strength)
    return LineCollection([*shape.paths], colors=[color], **pen)


def _text(shape: Words) -> Text:
    known = "".join(c if c.isascii() or ord(c) in LETTERS else "□" for c in shape.text)
    text = Text(shape.x, shape.y, known, color=LIGHT[shape.color], ha=shape.align, va="center")
    text.set(fontsize=shape.size, fontweight="bold" if shape.bold else "normal", parse_math=False)
    text.set_fontfamily(MONO if shape.mono else "DejaVu Sans")
    return text


def png(*drawings: Drawing) -> bytes:
    """Drawings below one another as PNG bytes."""
    canvas = FigureCanvasAgg(figure(*drawings))
    canvas.draw()
    size, pixels = canvas.get_width_height(), canvas.buffer_rgba()
    image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")
    file = io.BytesIO()
    # In few colours it has a third of the size: a notebook carries it.
    image.quantize(256, dither=Image.Dither.NONE).save(file, "PNG")
    return file.getvalue()
