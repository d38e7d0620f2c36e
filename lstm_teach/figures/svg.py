"""A drawing as inline SVG: words as words, colours as the variables of the page's theme."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from .drawing import DASHES, NONE, Arrows, Boxes, Drawing, Lines, Point, Words
from .palette import LIGHT, css

PIXELS = 100 / 72  # in a point
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
SANS = "var(--jp-ui-font-family,system-ui,sans-serif)"
MONO = "var(--jp-code-font-family,Menlo,Consolas,monospace)"


def svg(drawing: Drawing | Figure, name: str) -> str:
    """The picture as an ``<svg>`` element whose accessible name is `name`."""
    if isinstance(drawing, Figure):
        return _of_figure(drawing, name)
    height = drawing.height
    parts: list[str] = []
    for shape in drawing.shapes:
        if isinstance(shape, Boxes):
            parts.append(_boxes(shape, height))
        elif isinstance(shape, Lines):
            parts.append(_path(shape.paths, height, f'fill="none" {_stroke(shape)}'))
        elif isinstance(shape, Arrows):
            parts.append(_path(shape.shafts, height, f'fill="none" {_stroke(shape)}'))
            parts.append(_path(shape.heads, height, f'fill="{css(shape.color)}"', "z"))
        else:
            parts.append(_words(shape, height))
    return f"{_head(drawing.width, height, name)}{''.join(parts)}</svg>"


def _head(width: float, height: float, name: str) -> str:
    return (
        f'<svg role="img" aria-label="{html.escape(name)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="display:block;max-width:100%;height:auto;'
        f'white-space:pre;font-family:{SANS}">'
    )


def _boxes(shape: Boxes, height: float) -> str:
    d = "".join(
        f"M{x:.5g} {height - y:.5g}h{w:.4g}v{-h:.4g}h{-w:.4g}z" for x, y, w, h in shape.boxes
    )
    fill = NONE if shape.fill == NONE else css(shape.fill)
    look = f'fill="{fill}"'
    if shape.strength < 1:
        look += f' fill-opacity="{shape.strength:.3g}"'
    if shape.edge != NONE:
        look += f' stroke="{css(shape.edge)}" stroke-width="{shape.width:g}"'
        if shape.style != "-":
            look += f' stroke-dasharray="{" ".join(map(str, DASHES[shape.style]))}"'
    return f'<path d="{d}" {look}/>'


def _path(paths: Iterable[Sequence[Point]], height: float, look: str, end: str = "") -> str:
    d = "".join(f"M{'L'.join(f'{x:.5g} {height - y:.5g}' for x, y in path)}{end}" for path in paths)
    return f'<path d="{d}" {look}/>'


def _stroke(shape: Lines | Arrows) -> str:
    return f'stroke="{css(shape.color)}" stroke-width="{shape.width:g}"'


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
    width, height = (length * PIXELS * 72 for length in figure.get_size_inches())
    inner = re.search(r"<svg[^>]*viewBox=\"([^\"]*)\"[^>]*>(.*)</svg>", buffer.getvalue(), re.S)
    assert inner is not None
    body = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", inner[2], flags=re.S
    )
    for color, value in LIGHT.items():
        body = body.replace(value, css(color))
    head = _head(round(width), round(height), name)
    return f"{re.sub(r'viewBox="[^"]*"', f'viewBox="{inner[1]}"', head)}{body}</svg>"
