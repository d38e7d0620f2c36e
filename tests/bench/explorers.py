"""A redraw of ShapeExplorer, held against interactive_output that draws the same figure."""

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

from lstm_teach import ShapeExplorer

GOAL = 0.85
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


def rows() -> Iterator[tuple[str, float, str, float, float]]:
    """The redraw at the default and at the largest: a control moves, the new PNG is ready.

    Every move shows sizes not seen before, so that no remembered picture is measured.
    """
    torch.set_num_threads(1)
    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})
    reference = "interactive_output, same figure"
    for name, start in (("default", {}), ("largest", LARGEST)):
        with capture_output():
            ours, theirs = _mover(start), _reference_mover(start)
        mine, other = [], []
        for size in range(101, 101 + 2 * ROUNDS, 2):
            mine.append(_milliseconds(ours, size)[0])
            elapsed, shown = _milliseconds(theirs, size + 1)
            # interactive_output prints an error and goes on: no picture is no reference.
            assert shown == ["image/png"], shown
            other.append(elapsed)
        ratio = median(mine) / median(other)
        yield f"redraw of ShapeExplorer, {name}", median(mine), reference, ratio, GOAL


def _milliseconds(move: Callable[[int], None], size: int) -> tuple[float, list[str]]:
    """How long a move takes, and the kinds of pictures that it displays."""
    with capture_output() as captured:
        begin = time.perf_counter()
        move(size)
        elapsed = 1e3 * (time.perf_counter() - begin)
    kinds = [kind for shown in captured.outputs for kind in shown.data if "image" in kind]
    return elapsed, kinds


def _mover(start: dict[str, Any]) -> Callable[[int], None]:
    explorer = ShapeExplorer()
    explorer.set(**start)

    def move(input_size: int) -> None:
        explorer.controls["input_size"].value = input_size

    return move


def _reference_mover(start: dict[str, Any]) -> Callable[[int], None]:
    """The same move through interactive_output."""
    explorer, slider = ShapeExplorer(), widgets.IntSlider(100, 1, 200)

    def draw(input_size: int) -> None:
        display(explorer.look(**{**explorer.values, **start, "input_size": input_size}).figure)

    widgets.interactive_output(draw, {"input_size": slider})

    def move(input_size: int) -> None:
        slider.value = input_size

    return move


if __name__ == "__main__":
    for row in rows():
        print(row)
