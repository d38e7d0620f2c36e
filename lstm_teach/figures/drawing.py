"""A picture described: a sheet, and the boxes, lines, arrows and words on it.

The description is drawn by two renderers, `svg` for a living page and `raster` for a PNG. Places
are pixels from the lower left corner, colours are names of the palette, and the size of words is
in points at 100 pixels to the inch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .palette import axis_kind

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, width, height
SIZE = 9.0
NONE = "none"
DASHES = {"-": (), "--": (5.0, 3.0), ":": (1.5, 2.5)}


@dataclass(frozen=True)
class Boxes:
    """Rectangles that all look alike; `strength` is how much of the fill there is, 0 to 1."""

    boxes: Sequence[Box]
    fill: str
    edge: str
    style: str = "-"
    width: float = 1
    strength: float = 1


@dataclass(frozen=True)
class Lines:
    """Lines through points, all alike."""

    paths: Sequence[Sequence[Point]]
    color: str
    width: float = 1


@dataclass(frozen=True)
class Arrows:
    """Straight arrows, each from its first point to its second, all alike."""

    arrows: Sequence[tuple[Point, Point]]
    color: str
    width: float = 1

    @property
    def shafts(self) -> list[tuple[Point, Point]]:
        """The line of each arrow, up to its head."""
        return [(start, head[1]) for (start, _), head in zip(self.arrows, self._bases, strict=True)]

    @property
    def heads(self) -> list[tuple[Point, Point, Point]]:
        """The triangle of each arrow, its tip first."""
        return [
            (tip, left, right)
            for (_, tip), (left, _, right) in zip(self.arrows, self._bases, strict=True)
        ]

    @property
    def _bases(self) -> list[tuple[Point, Point, Point]]:
        """The back edge of each head: its left end, its middle, its right end."""
        length, bases = 4 + self.width, []
        for (x0, y0), (x1, y1) in self.arrows:
            far = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
            dx, dy = (x1 - x0) / far * length, (y1 - y0) / far * length
            x, y = x1 - dx, y1 - dy
            bases.append(((x - dy / 2, y + dx / 2), (x, y), (x + dy / 2, y - dx / 2)))
        return bases


@dataclass(frozen=True)
class Words:
    """Words centred on y, in parts of one colour each; `align` says which end stands at x.

    `advance` is how far each letter moves on, where letters have to stand in columns.
    """

    x: float
    y: float
    parts: Sequence[tuple[str, str]]
    size: float = SIZE
    align: str = "center"
    bold: bool = False
    mono: bool = False
    advance: float | None = None

    @property
    def text(self) -> str:
        """The words of all parts."""
        return "".join(words for words, _ in self.parts)


@dataclass
class Drawing:
    """A sheet of so many pixels with shapes on it, the lowest first, and what it shows in words."""

    width: int
    height: int
    words: str = ""
    shapes: list[Boxes | Lines | Arrows | Words] = field(default_factory=list)

    def boxes(
        self,
        boxes: Iterable[Box],
        fill: str,
        edge: str = "ink",
        *,
        style: str = "-",
        width: float = 1,
        strength: float = 1,
    ) -> None:
        """Draw rectangles that all look alike."""
        if boxes := tuple(boxes):
            self.shapes.append(Boxes(boxes, fill, edge, style, width, strength))

    def lines(
        self, paths: Iterable[Sequence[Point]], color: str = "faint", width: float = 1
    ) -> None:
        """Draw lines through points."""
        if paths := tuple(paths):
            self.shapes.append(Lines(paths, color, width))

    def arrows(
        self, arrows: Iterable[tuple[Point, Point]], color: str = "ink", width: float = 1
    ) -> None:
        """Draw straight arrows."""
        if arrows := tuple(arrows):
            self.shapes.append(Arrows(arrows, color, width))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = SIZE,
        color: str = "ink",
        align: str = "center",
        bold: bool = False,
        mono: bool = False,
        advance: float | None = None,
    ) -> None:
        """Write words of one colour."""
        self.shapes.append(Words(x, y, ((words, color),), size, align, bold, mono, advance))

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
        parts = [(f"{name} [", "ink")]
        for axis, length in zip(axes, sizes, strict=True):
            parts += [(f"{axis}={length}", axis_kind(axis)), (", ", "ink")]
        parts[-1] = ("]", "ink")
        self.shapes.append(Words(x, y, parts, size, align, bold=True, mono=True))
