"""A stack of cells computed one box at a time, in three orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from ..cells import State
from ..figures.stack import Look, Note, Place, draw_stack
from .base import Explorer, View, button, choice, whole_number

SIZES = (100, 30, 20, 10)
SEQ_LEN, BATCH = 10, 3
Turns = list[list[Place]]  # the boxes of each turn, in the order of computation


def step_by_step(layers: int) -> Turns:
    """All layers of t = 0, then all layers of t = 1, and so on."""
    return [[(layer, t)] for t in range(SEQ_LEN) for layer in range(layers)]


def layer_by_layer(layers: int) -> Turns:
    """All steps of layer 0, then all steps of layer 1, and so on."""
    return [[(layer, t)] for layer in range(layers) for t in range(SEQ_LEN)]


def wave_front(layers: int) -> Turns:
    """In each turn every box that can run: those on one diagonal, from the lower right up."""
    return [
        [(layer, turn - layer) for layer in range(layers) if 0 <= turn - layer < SEQ_LEN]
        for turn in range(SEQ_LEN + layers - 1)
    ]


ORDERS: dict[str, Callable[[int], Turns]] = {
    "step by step": step_by_step,
    "layer by layer": layer_by_layer,
    "wave front": wave_front,
}


@lru_cache
def _model(layers: int) -> tuple[list[nn.LSTMCell], Tensor]:
    """The cells and x `[seq_len, batch, input_size]`, the same numbers at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(SEQ_LEN, BATCH, SIZES[0])
        cells = [nn.LSTMCell(SIZES[layer], SIZES[layer + 1]) for layer in range(layers)]
    return cells, x


def _needs(place: Place) -> list[Place]:
    """The boxes whose results this one reads."""
    layer, t = place
    return [each for each in ((layer - 1, t), (layer, t - 1)) if min(each) >= 0]


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
        stacks = {" → ".join(map(str, SIZES[: n + 1])): n for n in (2, 3)}
        controls = {
            "cells": choice("cells", stacks),
            "order": choice("order", {name: name for name in ORDERS}),
            "step": whole_number("turns done", 7, 0, 2 * SEQ_LEN),
            "layer": whole_number("look at layer", 1, 0, 1),
            "t": whole_number("look at t", 3, 0, SEQ_LEN - 1),
        }
        # These come before the redraw, so that one move is one new picture.
        for name in ("cells", "order", "step"):
            controls[name].observe(self._follow, "value")
        moves = (("Previous turn", -1), ("Next turn", 1))
        super().__init__(controls, *(button(label, partial(self._move, by)) for label, by in moves))

    def _move(self, by: int) -> None:
        step = self.controls["step"]
        step.value = min(max(step.value + by, 0), step.max)

    def _follow(self, _: Any) -> None:
        """Fit the other controls to the one that moved, and select the box in work."""
        quiet, self._quiet = self._quiet, True
        try:
            cells, order, step, layer, t = self.controls.values()
            turns = ORDERS[order.value](cells.value)
            step.max, layer.max = len(turns), cells.value - 1
            layer.value, t.value = _in_work(turns, step.value)
        finally:
            self._quiet = quiet

    def look(self, **values: Any) -> View:
        """Run the boxes that are done, and show where that leaves the others."""
        layers, order = values["cells"], values["order"]
        turns = ORDERS[order](layers)
        count = min(values["step"], len(turns))
        done = {place for turn in turns[:count] for place in turn}
        work = turns[count] if count < len(turns) else []
        states = _run(layers, turns[:count])
        looks = {place: _look(place, done, work) for turn in turns for place in turn}
        numbers = {place: turn for turn, places in enumerate(turns, 1) for place in places}
        selected = (min(values["layer"], layers - 1), values["t"])
        notes = _notes(layers, selected, looks, states)
        drawing = draw_stack(looks, numbers, selected, BATCH, notes)
        words = [
            _progress(order, layers, turns, count),
            _about(selected, looks, states),
            _others(looks),
        ]
        return View(drawing, " ".join(filter(None, words)))


def _in_work(turns: Turns, count: int) -> Place:
    """The box that stands for the turn after so many turns."""
    return turns[min(count, len(turns) - 1)][-1]


def _name(place: Place) -> str:
    return f"layer {place[0]}, t = {place[1]}"


def _look(place: Place, done: set[Place], work: Sequence[Place]) -> Look:
    if place in done:
        return Look.DONE
    if place in work:
        return Look.WORK
    return Look.READY if done.issuperset(_needs(place)) else Look.WAITING


def _code(place: Place) -> str:
    """The line of the lesson's loop that computes a box."""
    layer = place[0]
    n = layer + 1
    return f"h{n}, c{n} = cell{n}({f'h{layer}' if layer else 'xt'}, [h{n}, c{n}])"


def _first(values: Tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in values[0, :3].tolist())


def _missing(place: Place, looks: dict[Place, Look]) -> str:
    reads = {(place[0] - 1, place[1]): "h", (place[0], place[1] - 1): "h, c"}
    lacking = [each for each in _needs(place) if looks[each] is not Look.DONE]
    return " and ".join(f"{reads[each]} of {_name(each)}" for each in lacking)


def _notes(
    layers: int, place: Place, looks: dict[Place, Look], states: dict[Place, State]
) -> list[Note]:
    """The shapes that go into the selected box and come out, and the first values."""
    layer, t = place
    cell = _model(layers)[0][layer]
    state = (BATCH, cell.hidden_size), ("batch", "hidden_size")
    below = f"h of layer {layer - 1}" if layer else f"the words at t = {t}"
    before = f"h and c of t = {t - 1}" if t else "zeros, the start"
    notes = [
        Note(f"{_name(place)}: {looks[place].words}", heading=True),
        Note(f"from below: {below}", heading=True),
        Note("input", (BATCH, cell.input_size), ("batch", "input_size")),
        Note(f"from the left: {before}", heading=True),
        Note("h", *state),
        Note("c", *state),
        Note("out: h goes up, (h, c) goes right", heading=True),
        Note("h", *state),
        Note("c", *state),
    ]
    if place not in states:
        return notes
    h, c = states[place]
    return [
        *notes,
        Note("sample 0, the first three features:", heading=True),
        Note(f"   h   {_first(h)}"),
        Note(f"   c   {_first(c)}"),
    ]


def _progress(order: str, layers: int, turns: Turns, count: int) -> str:
    if count == len(turns):
        return (
            f"{order.capitalize()}: all {layers * SEQ_LEN} boxes are done in {count} turns. "
            f"The same numbers in all three orders: {_orders_agree(layers)}."
        )
    names = "; ".join(map(_name, turns[count]))
    done = f"{count} of {len(turns)} turns done"
    return f"{order.capitalize()}, {done}. In work, turn {count + 1}: {names}."


def _about(place: Place, looks: dict[Place, Look], states: dict[Place, State]) -> str:
    box = f"{_name(place).capitalize()}, `{_code(place)}`,"
    takes, gives = [BATCH, SIZES[place[0]]], [BATCH, SIZES[place[0] + 1]]
    if place in states:
        first = _first(states[place][0])
        return f"{box} has taken {takes} and given {gives}; h[0, :3] is {first}."
    if looks[place] is Look.WORK:
        return f"{box} takes {takes} and will give {gives}."
    lacking = _missing(place, looks)
    return f"{box} waits for {lacking}." if lacking else f"{box} could run: all it reads is there."


def _others(looks: dict[Place, Look]) -> str:
    ready = [_name(place) for place, look in looks.items() if look is Look.READY]
    return f"Could run too: {'; '.join(ready)}." if ready else ""
