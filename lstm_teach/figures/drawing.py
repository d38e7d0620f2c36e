"""A picture described: a sheet, and the boxes, lines, arrows and words on it.

Places are pixels from the lower left corner, colours are names of the palette, and the size of
words is in points at 100 pixels to the inch.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .palette import axis_kind

Point = tuple[float, float]
Arrow = tuple[Point, Point]
Box = tuple[float, float, float, float]  # left, bottom, width, height
NONE = "none"
LETTER = 8  # pixels from one letter of a shape to the next, at 9.57 points
DASHES = {"-": (), "--": (5.0, 3.0), "-.": (6.0, 2.5, 1.5, 2.5), ":": (1.5, 2.5)}


class Style(NamedTuple):
    """How a cell looks: what fills it, its edge, the line of that, and the words in it."""

    fill: str = "paper"
    edge: str = "ink"
    ink: str = "ink"
    line: str = "-"
    width: float = 1.3
    size: float = 9
    bold: bool = False
    mono: bool = False
    strength: float = 1


Cell = tuple[str, Style]  # what is written in it, and how it looks


class Boxes(NamedTuple):
    """Rectangles that all look alike, drawn once at each of `shifts`, the last one on top.

    `strength` is how much of the fill there is, 0 to 1.
    """

    boxes: tuple[Box, ...]
    fill: str
    edge: str
    style: str = "-"
    width: float = 1
    strength: float = 1
    shifts: tuple[Point, ...] = ((0, 0),)


class Lines(NamedTuple):
    """Lines through points, all alike."""

    paths: tuple[tuple[Point, ...], ...]
    color: str
    width: float = 1
    style: str = "-"
    strength: float = 1


class Words(NamedTuple):
    """Words of one colour, centred on y; `align` says which end stands at x.

    `advance` is how far each letter moves on, where letters have to stand in columns; else 0.
    """

    x: float
    y: float
    text: str
    color: str = "ink"
    size: float = 9
    align: str = "center"
    bold: bool = False
    mono: bool = False
    advance: float = 0


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
        self.shapes += [Boxes(tuple(boxes), fill, edge, **look)] * bool(boxes)

    def cells(self, cells: Mapping[Box, Cell], behind: Sequence[Point] = ()) -> None:
        """Draw rectangles with words in their middle, each as often as `behind` has places."""
        alike: dict[Style, list[Box]] = defaultdict(list)
        for box, (_, style) in cells.items():
            alike[style].append(box)
        for (fill, edge, _, line, width, *_, strength), boxes in alike.items():
            if behind:  # all plain: dashes take a browser long
                self.boxes(boxes, fill, "batch", width=1.3, strength=strength, shifts=tuple(behind))
            self.boxes(boxes, fill, edge, style=line, width=width, strength=strength)
        for (x, y, w, h), (words, (_, _, ink, _, _, size, bold, mono, _)) in cells.items():
            if words:
                middle = y + h / 2 + 10 * words.count("\n")
                self.text(x + w / 2, middle, words, ink, 20, size=size, bold=bold, mono=mono)

    def lines(self, paths: Sequence[Sequence[Point]], color: str = "faint", **look: Any) -> None:
        """Draw lines through points."""
        self.shapes += [Lines(tuple(map(tuple, paths)), color, **look)] * bool(paths)

    def arrows(self, arrows: Sequence[Arrow], color: str = "ink") -> None:
        """Draw straight arrows, each from its first point to its second."""
        paths = []
        for (x0, y0), (x1, y1) in arrows:
            head = 5 / math.dist((x0, y0), (x1, y1))
            dx, dy = (x1 - x0) * head, (y1 - y0) * head
            left = (x1 - dx - dy / 2, y1 - dy + dx / 2)
            right = (x1 - dx + dy / 2, y1 - dy - dx / 2)
            paths += [[(x0, y0), (x1, y1)], [left, (x1, y1), right]]
        self.lines(paths, color)

    def text(
        self, x: float, y: float, words: str, color: str = "ink", below: float = 17, **look: Any
    ) -> None:
        """Write words of one colour, centred on a point; each line so far below the one before."""
        for place, line in enumerate(words.split("\n")):
            self.shapes += [Words(x, y - place * below, line, color, **look)] * bool(line)

    def label(self, x: float, y: float, words: str, **look: Any) -> None:
        """Write words of one colour that begin at x."""
        self.text(x, y, words, align="left", **look)

    def shape(
        self, x: float, y: float, name: str, sizes: Sequence[int], axes: Sequence[str], dy: int = 0
    ) -> None:
        """Write a tensor's name and shape, ``output [seq_len=10, batch=3]``, axes in colour.

        Where `dy` is given, each axis has a line of its own, so far below the one before.
        """
        named = ", @".join(f"{axis}={size}" for axis, size in zip(axes, sizes, strict=True))
        colors = ["ink", *map(axis_kind, axes)]
        for part, color in zip(f"{name} @[{named}]".split("@"), colors, strict=True):
            self.label(x, y, part, color=color, size=9.57, bold=True, mono=True, advance=LETTER)
            x, y = x + LETTER * len(part) * (not dy), y - dy

    def legend(self, x: float, *entries: tuple[str, str, Style]) -> float:
        """Cells side by side at the foot, each with its mark and its meaning, until an x."""
        for mark, meaning, style in entries:
            self.cells({(x, 10, 26, 16): (mark, style)})
            self.label(x + 33, 18, meaning)
            x += 62 + 6.6 * len(meaning)
        return x


def count(number: int, thing: str) -> str:
    """How many, in words: ``1 layer``, ``2 layers``."""
    return f"{number} {thing}{'s' * (number != 1)}"
