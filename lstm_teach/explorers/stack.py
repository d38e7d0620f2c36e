"""A stack of cells computed one box at a time, in three orders."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ..cells import State
from ..figures.cards import LATER, Cards, Place
from ..figures.drawing import Arrow, Drawing, Style
from .picture import Explorer, Picture, Traits, both_ways, choice, number

SIZES = (100, 30, 20, 10)
SEQ_LEN, BATCH = 10, 3
Turns = list[list[Place]]  # the boxes (layer, time step) of each turn, as they are computed

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
    """How far a box has come: in words, its mark, and how it is drawn."""

    DONE = ("done", "✓", Style("pale layers", "layers", "layers", bold=True))
    WORK = ("in work", "▶", Style("layers", "layers", "paper", width=4, bold=True))
    READY = ("could run too", "+", Style(line="--", width=1.9, bold=True))
    WAITING = ("not yet possible", "·", LATER)

    def __init__(self, words: str, mark: str, style: Style) -> None:
        """Give the parts of the look their names."""
        self.words, self.mark, self.style = words, mark, style


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


@lru_cache
@torch.no_grad()
def _run(layers: int, order: str) -> dict[Place, State]:
    """Really run the boxes in one of the orders; each one's h and c."""
    cells, x = _model(layers)
    states: dict[Place, State] = {}
    for layer, t in (place for turn in ORDERS[order](layers) for place in turn):
        below = states[layer - 1, t][0] if layer else x[t]
        states[layer, t] = cells[layer](below, states.get((layer, t - 1)))
    return states


@lru_cache
def _orders_agree(layers: int) -> bool:
    """Whether the three orders end with the same numbers in every box."""
    first, *others = (_run(layers, order) for order in ORDERS)
    pairs = (zip(first[at], other[at], strict=True) for other in others for at in first)
    return all(torch.equal(mine, yours) for pair in pairs for mine, yours in pair)


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

    def look(self, cells: int, order: str, step: int, layer: int, t: int) -> Picture:
        """Run the boxes that are done, and show where that leaves the others."""
        turns, selected = ORDERS[order](cells), (min(layer, cells - 1), t)
        done = min(step, len(turns))
        run, work = _run(cells, order), [*turns, []][done]
        turn_of = {place: turn for turn, places in enumerate(turns) for place in places}
        states = {place: run[place] for place, turn in turn_of.items() if turn < done}
        numbers = {place: str(turn + 1) for place, turn in turn_of.items() if turn <= done}
        looks = {}
        for place, turn in turn_of.items():
            looks[place] = Look.READY if _needs(place).keys() <= states.keys() else Look.WAITING
            if turn <= done:
                looks[place] = Look.DONE if turn < done else Look.WORK
        working = f"In work, turn {done + 1}: {'; '.join(map(_name, work))}."
        words = f"{order.capitalize()}, {done} of {len(turns)} turns done. {working}"
        if not work:
            same = f"The same numbers in all three orders: {_orders_agree(cells)}."
            words = f"{order.capitalize()}: all {len(looks)} boxes are done in {done} turns. {same}"
        words += f" {_about(selected, looks[selected], states)}"
        if ready := [_name(place) for place, look in looks.items() if look is Look.READY]:
            words += f" Could run too: {'; '.join(ready)}."
        return Picture(_draw(looks, numbers, selected), words)


def _name(place: Place) -> str:
    return f"layer {place[0]}, t = {place[1]}"


def _about(place: Place, look: Look, states: Mapping[Place, State]) -> str:
    """What the selected box, with its line of the lesson's loop, has done or waits for."""
    layer, n = place[0], place[0] + 1
    code = f"h{n}, c{n} = cell{n}({f'h{layer}' if layer else 'xt'}, [h{n}, c{n}])"
    box = f"{_name(place).capitalize()}, `{code}`,"
    takes, gives = [BATCH, SIZES[layer]], [BATCH, SIZES[n]]
    if look is Look.DONE:
        first = ", ".join(f"{value:.2f}" for value in states[place][0][0, :3].tolist())
        return f"{box} has taken {takes} and given {gives}; h[0, :3] is {first}."
    if look is Look.WORK:
        return f"`{code}` takes {takes} and will give {gives}."  # its place has been said
    if look is Look.READY:
        return f"{box} could run: all it reads is there."
    lacking = [f"{read} of {_name(k)}" for k, read in _needs(place).items() if k not in states]
    return f"{box} waits for {' and '.join(lacking)}."


def _draw(looks: Mapping[Place, Look], numbers: Mapping[Place, str], selected: Place) -> Drawing:
    """Each box as far as it has come, what the selected one reads and gives, and all shapes."""
    done = {place for place, look in looks.items() if look is Look.DONE}
    drawing, layers = Drawing(1100, 510), len(looks) // SEQ_LEN
    cards = Cards(drawing, (156, 56, 582, 444), SEQ_LEN, layers, BATCH)
    # h goes up, and h and c go to the right; those that come from -1 are the input and the zeros.
    arrows: dict[str, list[Arrow]] = {"faint": [], "ink": []}
    for n, t in product(range(-1, layers), range(-1, SEQ_LEN)):
        ends = [(n + 1, t)] * (t >= 0) + [(n, t + 1)] * (n >= 0)
        color = "ink" if min(n, t) < 0 or (n, t) in done else "faint"
        arrows[color] += [cards.arrow((n, t), end, 6 * (end == selected)) for end in ends]
    for color, alike in arrows.items():
        drawing.arrows(alike, color)
    cards.edges("[t]", [t for t in range(SEQ_LEN) if (layers - 1, t) in done])
    cells = {at: (look.mark + numbers.get(at, ""), look.style) for at, look in looks.items()}
    for layer in range(layers):
        end = Look.DONE if (layer, SEQ_LEN - 1) in done else Look.WAITING
        cells[layer, SEQ_LEN] = ("h, c", end.style)
        drawing.text(*cards.centre(layer, -1), "0, 0", "muted", size=8, mono=True)
        cards.name(layer, f"layer {layer}", "layers")
    cards.draw(cells)
    for row in range(-1, layers + 1):
        name = {-1: "input[t]", layers: "output[t]"}.get(row, "h, c")
        sizes = (BATCH, SIZES[min(row + 1, layers)])
        axes = ("batch", "input_size" if row < 0 else "hidden_size")
        drawing.shape(800, cards.centre(row, 0)[1], name, sizes, axes)
    layer, t = selected
    frame = Style("none", width=2.8)
    x, y, width, height = cards.box(layer, t)
    drawing.cells({(x - 5, y - 5, width + 17, height + 18): ("", frame)})
    labels = {(layer - 0.47, t + 0.16): "h" if layer else "x", (layer + 0.62, t + 0.16): "h"}
    labels |= {(layer + 0.47, t + aside): "h, c" for aside in (-0.55, 0.6)}
    for at, words in labels.items():
        drawing.text(*cards.centre(*at), words, size=8, bold=True, mono=True)
    legend = [(look.mark, look.words, look.style) for look in Look]
    drawing.legend(128, *legend, ("", "selected", frame))
    return drawing
