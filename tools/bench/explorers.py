"""A redraw of each explorer, held against interactive_output that draws the same figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import ipywidgets as widgets
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from IPython.display import display
from IPython.utils.capture import capture_output

from lstm_teach import (
    GateExplorer,
    InfluenceExplorer,
    LayoutExplorer,
    LoopExplorer,
    ShapeExplorer,
    StackExplorer,
)
from lstm_teach.explorers.picture import Explorer

GOAL = 0.6
ROUNDS = 15
LARGEST = {
    "seq_len": 12,
    "batch": 8,
    "input_size": 200,
    "hidden_size": 64,
    "num_layers": 4,
    "proj_size": 63,
    "bidirectional": True,
}
# An explorer, where its controls stand, the control that moves, and between which two values.
CASES: tuple[tuple[str, type[Explorer], dict[str, Any], str, tuple[Any, Any]], ...] = (
    ("ShapeExplorer, default", ShapeExplorer, {}, "input_size", (101, 102)),
    ("ShapeExplorer, largest", ShapeExplorer, LARGEST, "input_size", (198, 199)),
    ("GateExplorer", GateExplorer, {}, "c", (0.5, 1.0)),
    ("LoopExplorer, 8 units", LoopExplorer, {"units": 8}, "step", (8, 9)),
    ("StackExplorer", StackExplorer, {}, "step", (10, 11)),
    ("LayoutExplorer", LayoutExplorer, {}, "i", (1, 2)),
    ("InfluenceExplorer", InfluenceExplorer, {}, "step", (4, 5)),
)


def rows() -> Iterator[tuple[str, float, str, float, float]]:
    """A control moves, and the new picture is ready."""
    torch.set_num_threads(1)
    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})
    reference = "interactive_output, same figure"
    for name, kind, start, moved, values in CASES:
        with capture_output():
            ours, theirs = _mover(kind, start, moved), _reference_mover(kind, start, moved)
        mine, other = [], []
        for turn in range(2 * ROUNDS):
            mine.append(_milliseconds(ours, values[turn % 2])[0])
            elapsed, shown = _milliseconds(theirs, values[turn % 2])
            # interactive_output prints an error and goes on: no picture is no reference.
            assert shown == ["image/png"], shown
            other.append(elapsed)
        ratio = median(mine) / median(other)
        yield f"redraw of {name}", median(mine), reference, ratio, GOAL
        yield f"redraw of {name}", median(mine), "8 ms", median(mine) / 8, 1


def _milliseconds(move: Callable[[Any], None], value: Any) -> tuple[float, list[str]]:
    """How long a move takes, and the kinds of pictures that it displays."""
    with capture_output() as captured:
        begin = time.perf_counter()
        move(value)
        elapsed = 1e3 * (time.perf_counter() - begin)
    kinds = [kind for shown in captured.outputs for kind in shown.data if "image" in kind]
    return elapsed, kinds


def _mover(kind: type[Explorer], start: dict[str, Any], moved: str) -> Callable[[Any], None]:
    explorer = kind()
    explorer.set(**start)

    def move(value: Any) -> None:
        explorer.controls[moved].value = value

    return move


def _reference_mover(
    kind: type[Explorer], start: dict[str, Any], moved: str
) -> Callable[[Any], None]:
    """The same move through interactive_output."""
    explorer = kind()
    explorer.set(**start)
    control = widgets.Dropdown(options=[None, *_values(kind, moved)])

    def draw(value: Any) -> None:
        if value is not None:
            display(explorer.look(**{**explorer.values, moved: value}).figure())

    widgets.interactive_output(draw, {"value": control})

    def move(value: Any) -> None:
        control.value = value

    return move


def _values(kind: type[Explorer], moved: str) -> list[Any]:
    """Every value that some case moves this control to."""
    return [
        value
        for _, each, _, name, values in CASES
        if (each, name) == (kind, moved)
        for value in values
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
