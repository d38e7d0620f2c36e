"""The loop over time, one step at a press: what the cell computes at every word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn

from ..cells import Trace, trace
from ..figures.loop import MOST_UNITS, STRIPS, draw_loop
from ..words import SENTENCES
from .base import Explorer, View, button, choice, whole_number

FEATURES, HIDDEN = 16, 8


class LoopExplorer(Explorer):
    """An nn.LSTMCell on its way through a sentence.

    Two buttons take a step back and a step on; the number field and the slider do the same.

    Args:
        cell: an nn.LSTMCell; left out, one with 16 inputs and 8 units.
        sentence: words with spaces between them, or a list of words; left out, three sentences
            to choose from.
        x: what the cell reads at each word of the sentence, `[seq_len, input_size]`, or with a
            batch of one between; left out, a random vector for each word.

    Raises:
        TypeError: the cell is no nn.LSTMCell.
        ValueError: x has not one row for each word.
    """

    preview = ({"step": 4}, {"step": 10, "units": 8})

    def __init__(
        self,
        cell: nn.LSTMCell | None = None,
        sentence: str | Sequence[str] | None = None,
        x: Tensor | None = None,
    ) -> None:
        """Start after the third word of the first sentence, with three units shown."""
        if cell is not None and not isinstance(cell, nn.LSTMCell):
            raise TypeError(
                f"LoopExplorer shows the gates of an nn.LSTMCell, and got {type(cell).__name__}."
            )
        self._cell = _default_cell() if cell is None else cell
        words = sentence.split() if isinstance(sentence, str) else list(sentence or ())
        sentences = [" ".join(words)] if words else list(SENTENCES)
        if x is not None and len(x) != len(sentences[0].split()):
            raise ValueError(
                f"x has {len(x)} steps and the sentence {len(sentences[0].split())} words: the "
                "cell reads one row of x at each word."
            )
        self._x, self._sentences = x, sentences[:1] if x is not None else sentences
        self._trace = cache(self._run)
        longest = max(len(each.split()) for each in self._sentences)
        controls: dict[str, Any] = {
            "step": whole_number("steps taken", min(3, longest), 0, longest)
        }
        if len(self._sentences) > 1:
            named = {" ".join(each.split()[:2]) + " …": each for each in self._sentences}
            chosen = choice("sentence", named)
            chosen.layout.width = "100%"
            controls = {"sentence": chosen, **controls}
        if (hidden := self._cell.hidden_size) > 1:
            most = min(MOST_UNITS, hidden)
            controls["units"] = whole_number("units shown", min(3, hidden), 1, most)
            controls["first"] = whole_number("first unit", 0, 0, hidden - 1)
        self.previous = button("Previous step", partial(self._move, -1))
        self.next = button("Next step", partial(self._move, 1))
        super().__init__(controls, widgets.HBox([self.previous, self.next]))

    def look(self, **values: Any) -> View:
        """Trace the cell over the sentence, and show the first steps of it."""
        sentence = values.get("sentence", self._sentences[0])
        words, traced, hidden = sentence.split(), self._trace(sentence), self._cell.hidden_size
        step, units = min(values["step"], len(words)), values.get("units", 1)
        first = min(values.get("first", 0), hidden - units)
        shown = {name: getattr(traced, name)[:, 0, first : first + units] for name in STRIPS}
        return View(draw_loop(words, shown, step, first), _words(words, shown, step, first, hidden))

    @torch.no_grad()
    def _run(self, sentence: str) -> Trace:
        """The cell's gates and states over one sentence, each `[seq_len, 1, hidden_size]`."""
        words = sentence.split()
        x = _vectors(words, self._cell.input_size) if self._x is None else self._x
        return trace(self._cell, x.to(self._cell.weight_ih).reshape(len(words), 1, -1))

    def _move(self, by: int) -> None:
        length = len(self.values.get("sentence", self._sentences[0]).split())
        step = min(self.controls["step"].value, length)
        self.controls["step"].value = max(0, min(step + by, length))


def _vectors(words: Sequence[str], width: int) -> Tensor:
    """A random vector for each word, the same one wherever the word stands, `[seq_len, width]`."""
    dice = torch.Generator().manual_seed(2)
    known = " ".join(SENTENCES).split()
    table = dict(zip(known, torch.randn(len(known), width, generator=dice), strict=True))
    for word in words:
        if word not in table:
            table[word] = torch.randn(width, generator=dice)
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


def _words(words: list[str], shown: dict[str, Tensor], step: int, first: int, hidden: int) -> str:
    units = shown["c"].shape[1]
    rows = f"{units} of {hidden} units {'is' if units == 1 else 'are'} shown."
    if not step:
        return f"No step yet: `h` and `c` are zeros. The first word will be {words[0]!r}. {rows}"
    at = step - 1
    numbers = {name: values[at, 0].item() for name, values in shown.items()}
    old = shown["c"][at - 1, 0].item() if at else 0.0
    written = round(numbers["i"] * numbers["g"], 2) + 0.0  # adding 0.0 turns -0.0 into 0.0
    left = len(words) - step
    coming = f"{left} word{'s' * (left != 1)} to come" if left else "the sentence is read"
    return (
        f"Step {step} of {len(words)} has read {words[at]!r}; {coming}. In unit {first}, f = "
        f"{numbers['f']:.2f} of the old c {old:.2f} stays, i * g = "
        f"{written:.2f} comes in: c = {numbers['c']:.2f}, and with o = "
        f"{numbers['o']:.2f}, h = {numbers['h']:.2f}. {rows}"
    )
