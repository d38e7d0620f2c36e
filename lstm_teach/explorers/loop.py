"""The loop over time, one step at a press: what the cell computes at every word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn

from ..cells import Trace, trace
from ..figures.loop import STRIPS, draw_loop
from ..words import SENTENCES
from .base import Explorer, View, whole_number

FEATURES, HIDDEN = 16, 8


class LoopExplorer(Explorer):
    """An nn.LSTMCell on its way through a sentence.

    Two buttons take a step back and a step on; the number field and the slider do the same.

    Args:
        cell: an nn.LSTMCell; left out, one with 16 inputs and 8 units.
        sentence: words with spaces between them, or a list of words; left out, three sentences
            to choose from.
        x: what the cell reads at each word, `[seq_len, input_size]`; left out, a random vector
            for each word.

    Raises:
        TypeError: the cell is no nn.LSTMCell.
        ValueError: x has not one row for each word.
    """

    def __init__(
        self,
        cell: nn.LSTMCell | None = None,
        sentence: str | Sequence[str] | None = None,
        x: Tensor | None = None,
    ) -> None:
        """Start after the third word of the first sentence, with three units shown."""
        if cell is not None and not isinstance(cell, nn.LSTMCell):
            raise TypeError(f"LoopExplorer needs an nn.LSTMCell, and got {type(cell).__name__}.")
        words = sentence.split() if isinstance(sentence, str) else list(sentence or ())
        own = [" ".join(words)] if words else []
        self._sentences = own if x is not None else [*own, *SENTENCES]
        if x is not None and len(x) != len(self._sentences[0].split()):
            raise ValueError(f"x has {len(x)} rows, and the sentence {len(words)} words.")
        self._cell = _default_cell() if cell is None else cell
        self._x = None if x is None else x.reshape(len(x), -1)
        self._trace = cache(self._run)
        longest = max(len(sentence.split()) for sentence in self._sentences)
        controls = {
            # Buttons, not a list: JupyterLab takes the arrow keys of a list for itself.
            "sentence": widgets.ToggleButtons(
                options=[(" ".join(each.split()[:2]) + " …", each) for each in self._sentences],
                description="sentence",
                style={"description_width": "110px", "button_width": "170px"},
                layout={"width": "100%"},
            ),
            "step": whole_number("steps taken", min(3, longest), 0, longest),
            "units": whole_number(
                "units shown", min(3, self._cell.hidden_size), 1, min(8, self._cell.hidden_size)
            ),
        }
        self.previous = widgets.Button(description="Previous step")
        self.next = widgets.Button(description="Next step")
        super().__init__(controls, widgets.HBox([self.previous, self.next]))
        self.previous.on_click(partial(self._move, -1))
        self.next.on_click(partial(self._move, 1))

    def look(self, **values: Any) -> View:
        """Trace the cell over the sentence, and show the first steps of it."""
        words, traced = values["sentence"].split(), self._trace(values["sentence"])
        step = min(values["step"], len(words))
        shown = {name: getattr(traced, name)[:, 0, : values["units"]] for name in STRIPS}
        said = _words(words, traced, step, values["units"], self._cell.hidden_size)
        return View(draw_loop(words, shown, step), said)

    @torch.no_grad()
    def _run(self, sentence: str) -> Trace:
        """The cell's gates and states over one sentence, each `[seq_len, 1, hidden_size]`."""
        x = self._x if self._x is not None else _vectors(sentence.split(), self._cell.input_size)
        return trace(self._cell, x.to(self._cell.weight_ih).unsqueeze(1))

    def _move(self, by: int, _: Any) -> None:
        length = len(self.controls["sentence"].value.split())
        step = min(self.controls["step"].value, length)
        self.controls["step"].value = max(0, min(step + by, length))


def _vectors(words: Sequence[str], width: int) -> Tensor:
    """A random vector for each word, the same one wherever the word stands, `[seq_len, width]`."""
    dice = torch.Generator().manual_seed(2)
    known = " ".join(SENTENCES).split()
    table = dict(zip(known, torch.randn(len(known), width, generator=dice), strict=True))
    for word in words:
        table.setdefault(word, torch.randn(width, generator=dice))
    return torch.stack([table[word] for word in words])


@torch.no_grad()
def _default_cell() -> nn.LSTMCell:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        torch.randn(len(" ".join(SENTENCES).split()), FEATURES)
        cell = nn.LSTMCell(FEATURES, HIDDEN)
    for weight in cell.parameters():
        # The weights of a new cell are so small that every gate stands near one half.
        weight.mul_(1.8)
    return cell


def _words(words: list[str], traced: Trace, step: int, units: int, hidden: int) -> str:
    rows = f"{units} of {hidden} units {'is' if units == 1 else 'are'} shown."
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
