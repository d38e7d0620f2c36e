"""A drawing as inline SVG: words as words, colours as the variables of the page's theme."""

from __future__ import annotations

import html
import io
import re

from matplotlib import rc_context
from matplotlib.figure import Figure

from .drawing import DASHES, NONE, Boxes, Drawing, Shape, Words
from .palette import LIGHT, css

PIXELS = 100 / 72  # in a point
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
SANS = "var(--jp-ui-font-family,system-ui,sans-serif)"
MONO = "var(--jp-code-font-family,Menlo,Consolas,monospace)"


def svg(drawing: Drawing | Figure, name: str) -> str:
    """The picture as an ``<svg>`` element whose accessible name is `name`."""
    if isinstance(drawing, Figure):
        return _of_figure(drawing, name)
    parts = "".join(_drawn(shape, drawing.height) for shape in drawing.shapes)
    return f"{_head(drawing.width, drawing.height, name)}{parts}</svg>"


def _drawn(shape: Shape, height: float) -> str:
    if isinstance(shape, Boxes):
        return _boxes(shape, height)
    if isinstance(shape, Words):
        return _words(shape, height)
    look = f'fill="none" stroke="{css(shape.color)}" stroke-width="{shape.width:g}"'
    end = ""
    if shape.filled:
        look, end = f'fill="{css(shape.color)}"', "z"
    paths = ("L".join(f"{x:.1f} {height - y:.1f}" for x, y in path) for path in shape.paths)
    return f'<path d="{"".join(f"M{path}{end}" for path in paths)}" {look}/>'


def _head(width: int, height: int, name: str, view: str = "") -> str:
    view = view or f"0 0 {width} {height}"
    return (
        f'<svg role="img" aria-label="{html.escape(name)}" width="{width}" height="{height}" '
        f'viewBox="{view}" style="display:block;max-width:100%;height:auto;font-family:{SANS}">'
    )


def _boxes(shape: Boxes, height: float) -> str:
    sizes = {(w, h) for _, _, w, h in shape.boxes}
    sides = {(w, h): f"h{w:.1f}v{-h:.1f}h{-w:.1f}z" for w, h in sizes}
    d = "".join(f"M{x:.1f} {height - y:.1f}{sides[w, h]}" for x, y, w, h in shape.boxes)
    fill = NONE if shape.fill == NONE else css(shape.fill)
    look = f'fill="{fill}"'
    if shape.strength < 1:
        look += f' fill-opacity="{shape.strength:.3g}"'
    if shape.edge != NONE:
        look += f' stroke="{css(shape.edge)}" stroke-width="{shape.width:g}"'
        if shape.style != "-":
            look += f' stroke-dasharray="{" ".join(map(str, DASHES[shape.style]))}"'
    moves = (f' transform="translate({x:.1f} {-y:.1f})"' * any((x, y)) for x, y in shape.shifts)
    return "".join(f'<path d="{d}" {look}{move}/>' for move in moves)


def _words(shape: Words, height: float) -> str:
    size = shape.size * PIXELS
    # A third of the size below the middle stands the line that letters stand on.
    look = f'x="{shape.x:.5g}" y="{height - shape.y + 0.35 * size:.5g}" font-size="{size:.4g}"'
    if shape.align != "left":
        look += f' text-anchor="{ANCHORS[shape.align]}"'
    if shape.bold:
        look += ' font-weight="bold"'
    if shape.mono:
        look += f' style="font-family:{MONO}"'
    if shape.advance:
        look += f' textLength="{shape.advance * len(shape.text):g}"'
    if len(shape.parts) == 1:
        ((words, color),) = shape.parts
        return f'<text {look} fill="{css(color)}">{html.escape(words)}</text>'
    spans = (f'<tspan fill="{css(c)}">{html.escape(w)}</tspan>' for w, c in shape.parts)
    return f"<text {look}>{''.join(spans)}</text>"


def _of_figure(figure: Figure, name: str) -> str:
    """What matplotlib draws, in the colours of the page where they are ours."""
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "lstm_teach"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    width, height = (100 * length for length in figure.get_size_inches())
    inner = re.search(r"<svg[^>]*viewBox=\"([^\"]*)\"[^>]*>(.*)</svg>", buffer.getvalue(), re.S)
    assert inner is not None
    body = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", inner[2], flags=re.S
    )
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for color, value in LIGHT.items():
        body = body.replace(value, css(color))
    return f"{_head(round(width), round(height), name, inner[1])}{body}</svg>"
