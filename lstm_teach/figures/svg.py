"""A drawing as inline SVG: words as words, colours as the variables of the page's theme."""

import html
from functools import lru_cache

from .drawing import DASHES, NONE, Boxes, Drawing, Lines, Shape, Words
from .palette import css

PIXELS = 100 / 72  # in a point
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
SANS = "var(--jp-ui-font-family,system-ui,sans-serif)"


def svg(drawing: Drawing, name: str) -> str:
    """The picture as an ``<svg>`` element whose accessible name is `name`."""
    width, height = drawing.width, drawing.height
    return (
        f'<svg role="img" aria-label="{html.escape(name)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" fill="{css("ink")}" text-anchor="middle" '
        f'style="display:block;max-width:100%;height:auto;font-family:{SANS}">'
        f"{''.join(_drawn(shape, height) for shape in drawing.shapes)}</svg>"
    )


@lru_cache(512)  # most of a picture is as it was before a control moved
def _drawn(shape: Shape, height: float) -> str:
    if isinstance(shape, Words):
        return _words(shape, height)
    if isinstance(shape, Lines):
        paths = ("L".join(f"{x:.1f} {height - y:.1f}" for x, y in path) for path in shape.paths)
        look = f'fill="none"{_pen(shape.color, shape)} stroke-opacity="{shape.strength:.3g}"'
        return f'<path d="M{"M".join(paths)}" {look}/>'
    starts = ((f"M{x:.1f} {height - y:.1f}", w, h) for x, y, w, h in shape.boxes)
    d = "".join(f"{start}h{w:.1f}v{-h:.1f}h{-w:.1f}z" for start, w, h in starts)
    fill = NONE if shape.fill == NONE else css(shape.fill)
    look = f'd="{d}" fill="{fill}" fill-opacity="{shape.strength:.3g}"{_pen(shape.edge, shape)}'
    moves = (f' transform="translate({x:.1f} {-y:.1f})"' * any((x, y)) for x, y in shape.shifts)
    return "".join(f"<path {look}{move}/>" for move in moves)


def _pen(color: str, shape: Boxes | Lines) -> str:
    """The look of a line, or of the edge of a box."""
    if color == NONE:
        return ""
    dashes = f' stroke-dasharray="{" ".join(map(str, DASHES[shape.style]))}"'
    return f' stroke="{css(color)}" stroke-width="{shape.width:g}"{dashes * (shape.style != "-")}'


def _words(shape: Words, height: float) -> str:
    size = shape.size * PIXELS
    # A third of the size below the middle stands the line that letters stand on.
    look = f'x="{shape.x:.5g}" y="{height - shape.y + 0.35 * size:.5g}" font-size="{size:.4g}"'
    look += f' text-anchor="{ANCHORS[shape.align]}"' * (shape.align != "center")
    look += ' font-weight="bold"' * shape.bold
    look += ' class="lstm-mono"' * shape.mono
    look += f' textLength="{shape.advance * len(shape.text):g}"' * (shape.advance > 0)
    look += f' fill="{css(shape.color)}"' * (shape.color != "ink")
    return f"<text {look}>{html.escape(shape.text)}</text>"
