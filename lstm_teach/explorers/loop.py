"""The loop over time, one step at a press: what the cell computes at every word."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import ipywidgets as widgets
import torch
from torch import nn

from ..cells import Trace, trace
from ..figures.loop import STRIPS, draw_loop
from ..words import SENTENCES
from .base import Explorer, View, whole_number

FEATURES, HIDDEN = 16, 8


class LoopExplorer(Explorer):
    """An nn.LSTMCell on its way through a sentence.

    Two buttons take a step back and a step on; the number field and the slider do the same.
    """

    def __init__(self) -> None:
        """Start after the third word of the first sentence, with three units shown."""
        longest = max(len(sentence.split()) for sentence in SENTENCES)
        controls = {
            # Buttons, not a list: JupyterLab takes the arrow keys of a list for itself.
            "sentence": widgets.ToggleButtons(
                options=[(" ".join(each.split()[:2]) + " …", each) for each in SENTENCES],
                description="sentence",
                style={"description_width": "110px", "button_width": "170px"},
                layout={"width": "100%"},
            ),
            "step": whole_number("steps taken", 3, 0, longest),
            "units": whole_number("units shown", 3, 1, HIDDEN),
        }
        self.previous = widgets.Button(description="Previous step")
        self.next = widgets.Button(description="Next step")
        super().__init__(controls, widgets.HBox([self.previous, self.next]))
        self.previous.on_click(partial(self._move, -1))
        self.next.on_click(partial(self._move, 1))

    def look(self, **values: Any) -> View:
        """Trace the cell over the sentence, and show the first steps of it."""
        words, traced = values["sentence"].split(), _trace(values["sentence"])
        step = min(values["step"], len(words))
        shown = {name: getattr(traced, name)[:, 0, : values["units"]] for name in STRIPS}
        return View(draw_loop(words, shown, step), _words(words, traced, step, values["units"]))

    def _move(self, by: int, _: Any) -> None:
        length = len(self.controls["sentence"].value.split())
        step = min(self.controls["step"].value, length)
        self.controls["step"].value = max(0, min(step + by, length))


@cache
def _trace(sentence: str) -> Trace:
    """The cell's gates and states over one sentence, each `[seq_len, 1, hidden_size]`."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(2)
        words = [word for each in SENTENCES for word in each.split()]
        vectors = dict(zip(words, torch.randn(len(words), FEATURES), strict=True))
        cell = nn.LSTMCell(FEATURES, HIDDEN)
        for weight in cell.parameters():
            # The weights of a new cell are so small that every gate stands near one half.
            weight.mul_(1.8)
        x = torch.stack([vectors[word] for word in sentence.split()])
        return trace(cell, x.unsqueeze(1))


def _words(words: list[str], traced: Trace, step: int, units: int) -> str:
    rows = f"{units} of {HIDDEN} units {'is' if units == 1 else 'are'} shown."
    if not step:
        return f"No step yet: `h` and `c` are zeros. The first word will be {words[0]!r}. {rows}"
    at = step - 1
    numbers = {name: getattr(traced, name)[at, 0, 0].item() for name in STRIPS}
    old = traced.c[at - 1, 0, 0].item() if at else 0.0
    written = round(numbers["i"] * numbers["g"], 2) + 0.0  # adding 0.0 turns -0.0 into 0.0
    left = len(words) - step
    coming = f"{left} word{'s' * (left != 1)} to come" if left else "the sentence is read"
    return (
        f"Step {step} of {len(words)} has read {words[at]!r}; {coming}. In unit 0, f = "
        f"{numbers['f']:.2f} of the old c {old:.2f} stays, i * g = "
        f"{written:.2f} comes in: c = {numbers['c']:.2f}, and with o = "
        f"{numbers['o']:.2f}, h = {numbers['h']:.2f}. {rows}"
    )
