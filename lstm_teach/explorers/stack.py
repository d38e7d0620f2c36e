"""A stack of cells computed one box at a time, in three orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ..cells import State
from ..figures.cards import Cards
from ..figures.drawing import Drawing
from .base import Explorer, View, button, choice, whole_number

SIZES = (100, 30, 20, 10)
SEQ_LEN, BATCH = 10, 3
Place = tuple[int, int]  # layer, time step
Turns = list[list[Place]]  # the boxes of each turn, in the order of computation

# The turns of so many layers. A wave front is every box that can run: those on one diagonal, from
# the lower right up.
ORDERS: dict[str, Callable[[int], Turns]] = {
    "step by step": lambda layers: [[(n, t)] for t in range(SEQ_LEN) for n in range(layers)],
    "layer by layer": lambda layers: [[(n, t)] for n in range(layers) for t in range(SEQ_LEN)],
    "wave front": lambda layers: [
        [(n, turn - n) for n in range(layers) if 0 <= turn - n < SEQ_LEN]
        for turn in range(SEQ_LEN + layers - 1)
    ],
}


class Look(Enum):
    """How a box is drawn: what it means, its mark, fill, edge, line style and width, and ink."""

    DONE = ("done", "✓", "pale layers", "layers", "-", 1.3, "layers")
    WORK = ("in work", "▶", "layers", "layers", "-", 4.0, "paper")
    READY = ("could run too", "+", "paper", "ink", "--", 1.9, "ink")
    WAITING = ("not yet possible", "·", "paper", "muted", ":", 1.3, "muted")

    def __init__(self, *look: Any) -> None:
        """Give the parts of the look their names."""
        self.words, self.mark, self.fill, self.edge, self.style, self.line_width, self.ink = look


@lru_cache
def _model(layers: int) -> tuple[list[nn.LSTMCell], Tensor]:
    """The cells and x `[seq_len, batch, input_size]`, the same numbers at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(SEQ_LEN, BATCH, SIZES[0])
        cells = [nn.LSTMCell(SIZES[layer], SIZES[layer + 1]) for layer in range(layers)]
    return cells, x


def _needs(place: Place) -> dict[Place, str]:
    """The boxes whose results this one reads, and what it reads of each."""
    layer, t = place
    reads = {(layer - 1, t): "h", (layer, t - 1): "h, c"}
    return {place: read for place, read in reads.items() if min(place) >= 0}


def _run(layers: int, turns: Turns) -> dict[Place, State]:
    """Really run the boxes of some turns, in that order; each one's h and c."""
    cells, x = _model(layers)
    states: dict[Place, State] = {}
    with torch.no_grad():
        for layer, t in (place for turn in turns for place in turn):
            below = states[layer - 1, t][0] if layer else x[t]
            states[layer, t] = cells[layer](below, states.get((layer, t - 1)))
    return states


@lru_cache
def _orders_agree(layers: int) -> bool:
    """Whether the three orders end with the same numbers in every box."""
    first, *others = (_run(layers, order(layers)) for order in ORDERS.values())
    return all(
        torch.equal(mine, yours)
        for other in others
        for place in first
        for mine, yours in zip(first[place], other[place], strict=True)
    )


class StackExplorer(Explorer):
    """The stack of the lesson, or a higher one, on its way through ten time steps."""

    preview = (
        {"order": "layer by layer", "step": 14, "t": 4},
        {"order": "wave front", "step": 5, "t": 4},
    )

    def __init__(self) -> None:
        """Start at the blog's two cells, with seven boxes done."""
        controls = {
            "cells": choice("cells", [(" → ".join(map(str, SIZES[: n + 1])), n) for n in (2, 3)]),
            "order": choice("order", ORDERS),
            "step": whole_number("turns done", 7, 0, 2 * SEQ_LEN),
            "layer": whole_number("look at layer", 0, 0, 1),
            "t": whole_number("look at t", 0, 0, SEQ_LEN - 1),
        }
        moves = (("Previous turn", -1), ("Next turn", 1))
        super().__init__(controls, *(button(label, partial(self._move, by)) for label, by in moves))

    def _move(self, by: int) -> None:
        step = self.controls["step"]
        step.value = min(max(step.value + by, 0), step.max)

    def follow(self, moved: str, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Fit the other controls to the stack and the order, and select the box in work."""
        if moved in ("layer", "t"):
            return {}
        layers = values["cells"]
        turns = ORDERS[values["order"]](layers)
        layer, t = turns[min(values["step"], len(turns) - 1)][-1]
        fitted = {"step": {"max": len(turns)}, "layer": {"max": layers - 1, "value": layer}}
        return {**fitted, "t": {"value": t}}

    def look(self, **values: Any) -> View:
        """Run the boxes that are done, and show where that leaves the others."""
        layers, order = values["cells"], values["order"]
        turns = ORDERS[order](layers)
        count = min(values["step"], len(turns))
        states = _run(layers, turns[:count])
        work = turns[count] if count < len(turns) else []
        numbers = {place: turn for turn, places in enumerate(turns, 1) for place in places}
        looks = {place: _look(place, states, work) for place in numbers}
        selected = (min(values["layer"], layers - 1), values["t"])
        drawing = Drawing(1100, 510)
        _draw_stack(drawing, looks, numbers, selected)
        _draw_legend(drawing)
        _write_notes(drawing, selected, looks, states)
        if work:
            progress = (
                f"{order.capitalize()}, {count} of {len(turns)} turns done. "
                f"In work, turn {count + 1}: {'; '.join(map(_name, work))}."
            )
        else:
            progress = (
                f"{order.capitalize()}: all {layers * SEQ_LEN} boxes are done in {count} turns. "
                f"The same numbers in all three orders: {_orders_agree(layers)}."
            )
        words = f"{progress} {_about(selected, looks, states)}"
        if ready := [_name(place) for place, look in looks.items() if look is Look.READY]:
            words += f" Could run too: {'; '.join(ready)}."
        return View(drawing, words)


def _name(place: Place) -> str:
    return f"layer {place[0]}, t = {place[1]}"


def _look(place: Place, done: Mapping[Place, State], work: Sequence[Place]) -> Look:
    if place in done:
        return Look.DONE
    if place in work:
        return Look.WORK
    return Look.READY if done.keys() >= _needs(place).keys() else Look.WAITING


def _first(values: Tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in values[0, :3].tolist())


def _about(place: Place, looks: Mapping[Place, Look], states: Mapping[Place, State]) -> str:
    """What the selected box, with its line of the lesson's loop, has done or waits for."""
    layer, n = place[0], place[0] + 1
    code = f"h{n}, c{n} = cell{n}({f'h{layer}' if layer else 'xt'}, [h{n}, c{n}])"
    box = f"{_name(place).capitalize()}, `{code}`,"
    takes, gives = [BATCH, SIZES[layer]], [BATCH, SIZES[n]]
    if place in states:
        first = _first(states[place][0])
        return f"{box} has taken {takes} and given {gives}; h[0, :3] is {first}."
    if looks[place] is Look.WORK:
        return f"{box} takes {takes} and will give {gives}."
    lacking = [
        f"{read} of {_name(each)}" for each, read in _needs(place).items() if each not in states
    ]
    if lacking:
        return f"{box} waits for {' and '.join(lacking)}."
    return f"{box} could run: all it reads is there."


def _draw_stack(
    drawing: Drawing, looks: Mapping[Place, Look], numbers: Mapping[Place, int], selected: Place
) -> None:
    """Each box as far as it has come, and a frame around the selected one."""
    layers = 1 + max(layer for layer, _ in looks)
    cards = Cards(drawing, (156, 56, 582, 444), SEQ_LEN, layers + 2, BATCH)
    _draw_arrows(cards, looks, selected)
    cards.edges("[t]", [t for t in range(SEQ_LEN) if looks[layers - 1, t] is Look.DONE])
    for layer in range(layers):
        end = Look.DONE if looks[layer, SEQ_LEN - 1] is Look.DONE else Look.WAITING
        cards.draw([(SEQ_LEN, layer + 1)], end.fill, end.edge, end.style)
        cards.write(SEQ_LEN, layer + 1, "h, c", end.edge, 8)
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


def _draw_arrows(cards: Cards, looks: Mapping[Place, Look], selected: Place) -> None:
    """h up and (h, c) to the right: in ink once the value exists, bold at the selected box."""
    (layer, t), layers = selected, cards.rows - 2
    ups = {(row, t): cards.up(t, row) for t in range(SEQ_LEN) for row in range(layers + 1)}
    rights = {
        (row, start): cards.across(start, end, row + 1)
        for row in range(layers)
        for start, end in pairwise(range(-1, SEQ_LEN + 1))
    }
    done = {place for place, look in looks.items() if look is Look.DONE}
    for arrows, there, mine in (
        (ups, {(row, t) for row, t in ups if not row or (row - 1, t) in done}, (layer + 1, t)),
        (rights, {(row, t) for row, t in rights if t < 0 or (row, t) in done}, (layer, t - 1)),
    ):
        bold = {selected, mine}
        cards.drawing.arrows([arrows[at] for at in arrows if at not in there], "faint")
        cards.drawing.arrows([arrows[at] for at in arrows if at in there - bold])
        for place in bold:
            cards.drawing.arrows([arrows[place]], "ink" if place in there else "muted", 3)
    for row, name in ((layer, "h" if layer else "x"), (layer + 1, "h")):
        (x, low), (_, high) = ups[row, t]
        cards.drawing.label(x + 6, (low + high) / 2 - 3, name, bold=True, mono=True)
    for column in (t - 1, t):
        (start, _), (end, _) = rights[layer, column]
        low = cards.box(t, layer + 1)[1] - 14
        cards.drawing.text((start + end) / 2, low, "h, c", size=8, bold=True, mono=True)


def _draw_legend(drawing: Drawing) -> None:
    """What each look means, below the drawing."""
    x = 128.0
    for look in Look:
        box = (x, 14, 30, 20)
        drawing.boxes([box], look.fill, look.edge, style=look.style, width=look.line_width)
        drawing.text(x + 15, 24, look.mark, size=8.5, color=look.ink, bold=True)
        drawing.label(x + 38, 24, look.words)
        x += 66 + 6.6 * len(look.words)
    drawing.boxes([(x, 13, 32, 22)], "none", width=2.8)
    drawing.label(x + 40, 24, "selected")


def _write_notes(
    drawing: Drawing, place: Place, looks: Mapping[Place, Look], states: Mapping[Place, State]
) -> None:
    """The shapes that go into the selected box and come out, and the first values."""
    layer, t = place
    taken = (BATCH, SIZES[layer]), ("batch", "input_size")
    state = (BATCH, SIZES[layer + 1]), ("batch", "hidden_size")
    below = f"h of layer {layer - 1}" if layer else f"the words at t = {t}"
    before = f"h and c of t = {t - 1}" if t else "zeros, the start"
    both = [("h", state), ("c", state)]
    lines: list[tuple[str, Any]] = [
        (f"{_name(place)}: {looks[place].words}", None),
        (f"from below: {below}", None),
    ]
    lines += [("input", taken), (f"from the left: {before}", None), *both]
    lines += [("out: h goes up, (h, c) goes right", None), *both]
    y = drawing.height - 32
    for words, shape in lines:
        y -= 20 if shape else 28
        if shape:
            drawing.shape(836, y, words, *shape, size=8.5)
        else:
            drawing.label(824, y, words, bold=True)
    if place in states:
        drawing.label(824, y - 28, "sample 0, the first three features:", bold=True)
        for line, (name, values) in enumerate(zip("hc", states[place], strict=True)):
            drawing.label(824, y - 48 - 20 * line, f"   {name}   {_first(values)}")
