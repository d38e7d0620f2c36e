"""A picture described: a sheet, and the boxes, lines, arrows and words on it.

The description is drawn by two renderers, `svg` for a living page and `raster` for a PNG. Places
are pixels from the lower left corner, colours are names of the palette, and the size of words is
in points at 100 pixels to the inch.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

from .palette import axis_kind

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, width, height
NONE = "none"
DASHES = {"-": (), "--": (5.0, 3.0), "-.": (6.0, 2.5, 1.5, 2.5), ":": (1.5, 2.5)}


@dataclass(frozen=True)
class Boxes:
    """Rectangles that all look alike, drawn once at each of `shifts`, the last one on top.

    `strength` is how much of the fill there is, 0 to 1.
    """

    boxes: Sequence[Box]
    fill: str
    edge: str
    style: str = "-"
    width: float = 1
    strength: float = 1
    shifts: Sequence[Point] = ((0, 0),)


@dataclass(frozen=True)
class Lines:
    """Lines through points, all alike; `filled` ones are closed, and all colour."""

    paths: Sequence[Sequence[Point]]
    color: str
    width: float = 1
    filled: bool = False
    style: str = "-"
    strength: float = 1


@dataclass(frozen=True)
class Words:
    """Words centred on y, in parts of one colour each; `align` says which end stands at x.

    `advance` is how far each letter moves on, where letters have to stand in columns.
    """

    x: float
    y: float
    parts: Sequence[tuple[str, str]]
    size: float = 9
    align: str = "center"
    bold: bool = False
    mono: bool = False
    advance: float | None = None

    @property
    def text(self) -> str:
        """The words of all parts."""
        return "".join(words for words, _ in self.parts)


Shape = Boxes | Lines | Words


@dataclass
class Drawing:
    """A sheet of so many pixels with shapes on it, the lowest first, and what it shows in words."""

    width: int
    height: int
    words: str = ""
    shapes: list[Shape] = field(default_factory=list)

    def boxes(self, boxes: Sequence[Box], fill: str, edge: str = "ink", **look: Any) -> None:
        """Draw rectangles that all look alike."""
        self._add(boxes, Boxes(boxes, fill, edge, **look))

    def lines(self, paths: Sequence[Sequence[Point]], color: str = "faint", **look: Any) -> None:
        """Draw lines through points."""
        self._add(paths, Lines(paths, color, **look))

    def arrows(
        self, arrows: Sequence[tuple[Point, Point]], color: str = "ink", width: float = 1
    ) -> None:
        """Draw straight arrows, each from its first point to its second."""
        shafts, heads, length = [], [], 4 + width
        for (x0, y0), (x1, y1) in arrows:
            far = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
            dx, dy = (x1 - x0) / far * length, (y1 - y0) / far * length
            x, y = x1 - dx, y1 - dy
            shafts.append([(x0, y0), (x, y)])
            heads.append([(x1, y1), (x - dy / 2, y + dx / 2), (x + dy / 2, y - dx / 2)])
        self.lines(shafts, color, width=width)
        self.lines(heads, color, filled=True)

    def text(self, x: float, y: float, words: str, color: str = "ink", **look: Any) -> None:
        """Write words of one colour, centred on a point."""
        self._add(words, Words(x, y, ((words, color),), **look))

    def label(self, x: float, y: float, words: str, **look: Any) -> None:
        """Write words of one colour that begin at x."""
        self.text(x, y, words, align="left", **look)

    def shape(
        self, x: float, y: float, name: str, sizes: Sequence[int], axes: Sequence[str], **look: Any
    ) -> None:
        """Write a tensor's name and shape, ``output [seq_len=10, batch=3]``, axes in colour."""
        parts = [(f"{name} [", "ink")]
        for axis, length in zip(axes, sizes, strict=True):
            parts += [(f"{axis}={length}", axis_kind(axis)), (", ", "ink")]
        parts[-1] = ("]", "ink")
        look.setdefault("size", 9.5)
        look.setdefault("align", "left")
        self._add(parts, Words(x, y, parts, bold=True, mono=True, **look))

    def _add(self, drawn: Sized, shape: Shape) -> None:
        if len(drawn):
            self.shapes.append(shape)


def count(number: int, thing: str) -> str:
    """How many, in words: ``1 layer``, ``2 layers``."""
    return f"{number} {thing}{'s' * (number != 1)}"
