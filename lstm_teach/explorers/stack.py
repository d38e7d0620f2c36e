"""A stack of cells computed one box at a time, in three orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from ..cells import State
from ..figures.cards import Cards
from ..figures.drawing import Drawing
from .base import Explorer, Traits, View, both_ways, choice, number

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
    ends = [_run(layers, order(layers)) for order in ORDERS.values()]
    return all(
        torch.equal(mine, yours)
        for end in ends
        for place, state in end.items()
        for mine, yours in zip(state, ends[0][place], strict=True)
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
            "step": number("turns done", 7, 0, 2 * SEQ_LEN),
            "layer": number("look at layer", 0, 0, 1),
            "t": number("look at t", 0, 0, SEQ_LEN - 1),
        }
        super().__init__(controls, *both_ways(controls["step"], "turn"))

    def follow(self, moved: str, values: dict[str, Any]) -> Traits:
        """Fit the other controls to the stack and the order, and select the box in work."""
        if moved in ("layer", "t"):
            return {}
        turns = ORDERS[values["order"]](values["cells"])
        layer, t = turns[min(values["step"], len(turns) - 1)][-1]
        return {
            "step": {"max": len(turns)},
            "layer": {"max": values["cells"] - 1, "value": layer},
            "t": {"value": t},
        }

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
        _write_notes(drawing, selected, looks[selected], states.get(selected))
        if work:
            words = (
                f"{order.capitalize()}, {count} of {len(turns)} turns done. "
                f"In work, turn {count + 1}: {'; '.join(map(_name, work))}."
            )
        else:
            words = (
                f"{order.capitalize()}: all {layers * SEQ_LEN} boxes are done in {count} turns. "
                f"The same numbers in all three orders: {_orders_agree(layers)}."
            )
        words += f" {_about(selected, looks[selected], states)}"
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


def _about(place: Place, look: Look, states: Mapping[Place, State]) -> str:
    """What the selected box, with its line of the lesson's loop, has done or waits for."""
    layer, n = place[0], place[0] + 1
    code = f"h{n}, c{n} = cell{n}({f'h{layer}' if layer else 'xt'}, [h{n}, c{n}])"
    box = f"{_name(place).capitalize()}, `{code}`,"
    takes, gives = [BATCH, SIZES[layer]], [BATCH, SIZES[n]]
    if look is Look.DONE:
        first = _first(states[place][0])
        return f"{box} has taken {takes} and given {gives}; h[0, :3] is {first}."
    if look is Look.WORK:
        return f"{box} takes {takes} and will give {gives}."
    if look is Look.READY:
        return f"{box} could run: all it reads is there."
    lacking = [f"{read} of {_name(k)}" for k, read in _needs(place).items() if k not in states]
    return f"{box} waits for {' and '.join(lacking)}."


def _draw_stack(
    drawing: Drawing, looks: Mapping[Place, Look], numbers: Mapping[Place, int], selected: Place
) -> None:
    """Each box as far as it has come, and a frame around the selected one."""
    layers = 1 + max(layer for layer, _ in looks)
    done = {place for place, look in looks.items() if look is Look.DONE}
    cards = Cards(drawing, (156, 56, 582, 444), SEQ_LEN, layers + 2, BATCH)
    _draw_arrows(cards, done, selected)
    cards.edges("[t]", [t for t in range(SEQ_LEN) if (layers - 1, t) in done])
    for layer in range(layers):
        end = Look.DONE if (layer, SEQ_LEN - 1) in done else Look.WAITING
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


def _draw_arrows(cards: Cards, done: set[Place], selected: Place) -> None:
    """h up and (h, c) to the right: in ink once the value exists, bold at the selected box.

    An arrow goes by the box that it comes from; those at -1 are the input and the zeros.
    """
    (layer, t), layers = selected, range(cards.rows - 2)
    ups = {(n, k): cards.up(k, n + 1) for k in range(SEQ_LEN) for n in (-1, *layers)}
    rights = {(n, k): cards.across(k, k + 1, n + 1) for n in layers for k in range(-1, SEQ_LEN)}
    looks = {(False, False): "faint", (True, False): "ink", (False, True): "muted"}
    for arrows, below_or_before in ((ups, (layer - 1, t)), (rights, (layer, t - 1))):
        kinds = {
            place: (min(place) < 0 or place in done, place in (selected, below_or_before))
            for place in arrows
        }
        for kind in (*looks, (True, True)):
            drawn = [arrow for place, arrow in arrows.items() if kinds[place] == kind]
            cards.drawing.arrows(drawn, looks.get(kind, "ink"), 3 if kind[1] else 1)
    for n, name in ((layer - 1, "h" if layer else "x"), (layer, "h")):
        (x, low), (_, high) = ups[n, t]
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


def _write_notes(drawing: Drawing, place: Place, look: Look, state: State | None) -> None:
    """The shapes that go into the selected box and come out, and the first values."""
    layer, t = place
    below = f"h of layer {layer - 1}" if layer else f"the words at t = {t}"
    before = f"h and c of t = {t - 1}" if t else "zeros, the start"
    notes = {
        f"{_name(place)}: {look.words}": "",
        f"from below: {below}": ("input",),
        f"from the left: {before}": "hc",
        "out: h goes up, (h, c) goes right": "hc",
    }
    y = drawing.height - 32
    for words, tensors in notes.items():
        y -= 28
        drawing.label(824, y, words, bold=True)
        for name in tensors:
            y -= 20
            into = name == "input"
            axes = ("batch", "input_size" if into else "hidden_size")
            drawing.shape(836, y, name, (BATCH, SIZES[layer + (not into)]), axes, size=8.5)
    if state:
        drawing.label(824, y - 28, "sample 0, the first three features:", bold=True)
        for line, (name, values) in enumerate(zip("hc", state, strict=True)):
            drawing.label(824, y - 48 - 20 * line, f"   {name}   {_first(values)}")
