"""A stack of cells in the middle of its work: which boxes are done, and which cannot run yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from .cards import Cards
from .drawing import Drawing

Place = tuple[int, int]  # layer, time step


class Look(Enum):
    """How a box is drawn: what it means, its mark, fill, edge, line style and line width."""

    DONE = ("done", "✓", "pale layers", "layers", "-", 1.3)
    WORK = ("in work", "▶", "layers", "layers", "-", 4.0)
    READY = ("could run too", "+", "paper", "ink", "--", 1.9)
    WAITING = ("not yet possible", "·", "paper", "muted", ":", 1.3)

    def __init__(
        self, words: str, mark: str, fill: str, edge: str, style: str, width: float
    ) -> None:
        """Give the parts of the look their names."""
        self.words, self.mark, self.fill, self.edge = words, mark, fill, edge
        self.style, self.line_width = style, width

    @property
    def ink(self) -> str:
        """The colour of the mark."""
        return "paper" if self is Look.WORK else self.edge


class Note(NamedTuple):
    """One line beside the drawing: words, or a tensor's name with its shape."""

    words: str
    sizes: Sequence[int] = ()
    axes: Sequence[str] = ()
    heading: bool = False


def draw_stack(
    looks: Mapping[Place, Look],
    numbers: Mapping[Place, int],
    selected: Place,
    batch: int,
    notes: Sequence[Note],
) -> Drawing:
    """Draw a stack of cells over time, each box as far as it has come.

    Args:
        looks: what each (layer, time step) looks like.
        numbers: the place of each box in the order of computation.
        selected: the box that gets a frame, and whose arrows carry names.
        batch: how many samples; the depth of the cards.
        notes: what is said about the selected box, at the right of the drawing.
    """
    layers, seq_len = (1 + max(place[axis] for place in looks) for axis in (0, 1))
    drawing = Drawing(1100, 510)
    cards = Cards(drawing, (156, 56, 582, 444), seq_len, layers + 2, batch)
    _draw_arrows(cards, looks, selected, layers, seq_len)
    top = [t for t in range(seq_len) if looks[layers - 1, t] is Look.DONE]
    cards.edges("[t]", top)
    for layer in range(layers):
        end = Look.DONE if looks[layer, seq_len - 1] is Look.DONE else Look.WAITING
        cards.draw([(seq_len, layer + 1)], end.fill, end.edge, end.style)
        cards.write(seq_len, layer + 1, "h, c", end.edge, 8)
        cards.write(-1, layer + 1, "0, 0", "muted", 8)
        cards.name(layer + 1, f"layer {layer}", "layers")
    for look in Look:
        places = [(t, layer + 1) for (layer, t), each in looks.items() if each is look]
        cards.draw(places, look.fill, look.edge, look.style, look.line_width)
        for t, row in places:
            number = numbers[row - 1, t] if look in (Look.DONE, Look.WORK) else ""
            cards.write(t, row, f"{look.mark}{number}", look.ink, 8.5, mono=False)
    x, y, width, height = cards.box(selected[1], selected[0] + 1)
    reach = (width + cards.behind[0] + 10, height + cards.behind[1] + 10)
    drawing.boxes([(x - 5, y - 5, *reach)], "none", width=2.8)
    _write_legend(drawing)
    _write_notes(drawing, notes)
    return drawing


def _draw_arrows(
    cards: Cards, looks: Mapping[Place, Look], selected: Place, layers: int, seq_len: int
) -> None:
    """h up and (h, c) to the right: in ink once the value exists, bold at the selected box."""
    exists = {place for place, look in looks.items() if look is Look.DONE}
    ups = {(row, t): cards.up(t, row) for t in range(seq_len) for row in range(layers + 1)}
    rights = {
        (layer, start): cards.across(start, end, layer + 1)
        for layer in range(layers)
        for start, end in pairwise(range(-1, seq_len + 1))
    }
    layer, t = selected
    for arrows, there, bold in (
        (ups, {(row, t) for row, t in ups if not row or (row - 1, t) in exists}, (1, 0)),
        (rights, {(row, t) for row, t in rights if t < 0 or (row, t) in exists}, (0, -1)),
    ):
        mine = {(layer, t), (layer + bold[0], t + bold[1])}
        waiting = [arrow for place, arrow in arrows.items() if place not in there]
        plain = [arrow for place, arrow in arrows.items() if place in there - mine]
        cards.drawing.arrows(waiting, "faint")
        cards.drawing.arrows(plain)
        for place in mine:
            cards.drawing.arrows([arrows[place]], "ink" if place in there else "muted", 3)
    for row in (layer, layer + 1):
        (x, low), (_, high) = ups[row, t]
        name = "h" if row else "x"
        cards.drawing.text(x + 6, (low + high) / 2 - 3, name, align="left", bold=True, mono=True)
    for column in (t - 1, t):
        middle = (rights[layer, column][0][0] + rights[layer, column][1][0]) / 2
        low = cards.box(t, layer + 1)[1] - 14
        cards.drawing.text(middle, low, "h, c", size=8, bold=True, mono=True)


def _write_legend(drawing: Drawing) -> None:
    """What each look means, below the drawing."""
    x = 128.0
    for look in Look:
        box = (x, 14, 30, 20)
        drawing.boxes([box], look.fill, look.edge, style=look.style, width=look.line_width)
        drawing.text(x + 15, 24, look.mark, size=8.5, color=look.ink, bold=True)
        drawing.text(x + 38, 24, look.words, align="left")
        x += 66 + 6.6 * len(look.words)
    drawing.boxes([(x, 13, 32, 22)], "none", width=2.8)
    drawing.text(x + 40, 24, "selected", align="left")


def _write_notes(drawing: Drawing, notes: Sequence[Note]) -> None:
    x, y = 824.0, drawing.height - 52.0
    for note in notes:
        if note.sizes:
            drawing.shape(x + 12, y, note.words, note.sizes, note.axes, size=8.5)
        else:
            if note.heading:
                y -= 8
            drawing.text(x, y, note.words, align="left", bold=note.heading)
        y -= 20
