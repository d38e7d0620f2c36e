"""The loop over time, one step at a press: what the cell computes at every word."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ..cells import Trace, trace
from ..figures.cards import LATER, Grid
from ..figures.drawing import Box, Cell, Drawing, Style, count
from ..figures.palette import STRONGEST
from ..words import SENTENCES
from .picture import Explorer, Picture, Traits, both_ways, choice, number

FEATURES, HIDDEN = 16, 8
LEFT, MOST_WORDS, MOST_UNITS = 200, 12, 8
STRIPS = {
    "i": "input gate, 0 to 1",
    "f": "forget gate, 0 to 1",
    "g": "candidate, -1 to 1",
    "o": "output gate, 0 to 1",
    "c": "the memory, any size",
    "h": "what it shows, -1 to 1",
}
STRIP, GAP, FOOT = 92, 9, 34
HEIGHT = FOOT + (STRIP + GAP) * len(STRIPS) + 150
SHADES = 8
NUMBER = Style(edge="faint", width=1, size=7.5, bold=True, mono=True)
TIME, CELL = Style("pale seq_len", "seq_len"), Style("pale features")


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
        sentences = [" ".join(words)] if words else list(SENTENCES[: None if x is None else 1])
        self._x, self._sentence, length = x, sentences[0], len(sentences[0].split())
        if x is not None and len(x) != length:
            raise ValueError(
                f"x has {len(x)} steps and the sentence {length} words: the cell reads one row of "
                "x at each word."
            )
        self._trace, most = cache(self._run), min(MOST_UNITS, self._cell.hidden_size)
        self.preview = ({"step": min(4, length)}, {"step": length, "units": most})
        controls: dict[str, Any] = {}
        if len(sentences) > 1:
            named = [(" ".join(each.split()[:2]) + " …", each) for each in sentences]
            controls["sentence"] = choice("sentence", named)
            controls["sentence"].layout.width = "100%"
        controls["step"] = number("steps taken", min(3, length), 0, length)
        if most > 1:
            controls["units"] = number("units shown", min(3, most), 1, most)
            controls["first"] = number("first unit", 0, 0, self._cell.hidden_size - 1)
        self.previous, self.next = both_ways(controls["step"], "step")
        super().__init__(controls, self.previous, self.next)

    def follow(self, moved: str, values: dict[str, Any]) -> Traits:
        """There are as many steps as the sentence has words."""
        return {"step": {"max": len(values.get("sentence", self._sentence).split())}}

    def look(self, step: int, sentence: str = "", units: int = 1, first: int = 0) -> Picture:
        """Trace the cell over the sentence, and show the first steps of it."""
        sentence = sentence or self._sentence
        words, traced = sentence.split(), self._trace(sentence)
        step, first = min(step, len(words)), min(first, self._cell.hidden_size - units)
        shown = {name: getattr(traced, name)[:, 0, first : first + units] for name in STRIPS}
        rows = f"{units} of {self._cell.hidden_size} units {'is' if units == 1 else 'are'} shown."
        return Picture(
            _draw(words, shown, step, first), f"{_say(words, shown, step, first)} {rows}"
        )

    @torch.no_grad()
    def _run(self, sentence: str) -> Trace:
        """The cell's gates and states over one sentence, each `[seq_len, 1, hidden_size]`."""
        words = sentence.split()
        x = _vectors(words, self._cell.input_size) if self._x is None else self._x
        return trace(self._cell, x.to(self._cell.weight_ih).reshape(len(words), 1, -1))


def _vectors(words: Sequence[str], width: int) -> Tensor:
    """A random vector for each word, the same one wherever the word stands, `[seq_len, width]`."""
    dice, known = torch.Generator().manual_seed(2), " ".join([*SENTENCES, *words]).split()
    table = torch.randn(len(known), width, generator=dice)
    return table[[known.index(word) for word in words]]


@torch.no_grad()
def _default_cell() -> nn.LSTMCell:
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.manual_seed(2)
        torch.randn(len(" ".join(SENTENCES).split()), FEATURES)
        cell = nn.LSTMCell(FEATURES, HIDDEN)
    for weight in cell.parameters():
        # The weights of a new cell are so small that every gate stands near one half.
        weight.mul_(1.8)
    return cell


def _say(words: Sequence[str], values: Mapping[str, Tensor], step: int, first: int = 0) -> str:
    """What the newest step has computed in the first unit."""
    if not step:
        return f"No step yet: `h` and `c` are zeros. The first word will be {words[0]!r}."
    at, left = step - 1, len(words) - step
    numbers = {name: each[at, 0].item() for name, each in values.items()}
    old = values["c"][at - 1, 0].item() if at else 0.0
    written = round(numbers["i"] * numbers["g"], 2) + 0.0  # adding 0.0 turns -0.0 into 0.0
    coming = f"{count(left, 'word')} to come" if left else "the sentence is read"
    return (
        f"Step {step} of {len(words)} has read {words[at]!r}; {coming}. In unit {first}, f = "
        f"{numbers['f']:.2f} of the old c {old:.2f} stays, i * g = {written:.2f} comes in: "
        f"c = {numbers['c']:.2f}, and with o = {numbers['o']:.2f}, h = {numbers['h']:.2f}."
    )


def draw_loop(
    words: str | Sequence[str], values: Mapping[str, Tensor], step: int | None = None
) -> Picture:
    """Show the loop over time: words go up into the cell, which hands (h, c) to the right.

    Args:
        words: the sentence, one word a step.
        values: i, f, g, o, c and h by name, each `[seq_len, units]`.
        step: how many steps have been taken; all of them where it is left out.
    """
    words = words.split() if isinstance(words, str) else words
    step = len(words) if step is None else step
    return Picture(_draw(words, values, step), _say(words, values, step))


def _draw(words: Sequence[str], values: Mapping[str, Tensor], step: int, first: int = 0) -> Drawing:
    """Words go up into the cell; under each stand the numbers of its step, up to `step`.

    Six heat maps have a row for each unit from `first` on and a column for each step, the newest
    written out. Of more than twelve words, those around `step` are drawn.
    """
    drawing, units = Drawing(1100, HEIGHT), values["c"].shape[1]
    start = max(0, min(step - MOST_WORDS // 2, len(words) - MOST_WORDS))
    shown = range(len(words))[start : start + MOST_WORDS]
    pitch = min(84.0, 880 / len(shown))
    # Column t is that of step t, wherever the first one is that is shown.
    row = Grid(LEFT + pitch * (0.5 - start), HEIGHT - 71, pitch, 50, pitch - 14, 30)
    cells: dict[Box, Cell] = {}
    arrows = [row.arrow((0, t - 1), (0, t)) for t in shown if t <= step]
    for t in shown:
        drawing.text(row.centre(0, t)[0], 20, f"t = {t}", "seq_len", size=8.5, bold=True)
        word = words[t] if len(words[t]) <= 11 else words[t][:10] + "…"
        for place, (written, look) in enumerate(((word, TIME), ("cell", CELL), ("h", TIME)), -1):
            if t == step - 1:
                look = look._replace(width=3.4, bold=True)
            look = (look if t < step else LATER)._replace(size=min(9, row.width / len(written)))
            if t < step or place < 1:
                cells[row.box(place, t)] = (written, look)
        arrows += [row.arrow((-1, t), (0, t)), row.arrow((0, t), (1, t))] * (t < step)
    drawing.cells(cells)
    drawing.arrows(arrows)
    for place, name in enumerate(("xt", "cell(xt, [h, c])", "h"), -1):
        drawing.label(20, row.centre(place, 0)[1], name, size=9.5, bold=True, mono=True)
    if step in shown:
        drawing.text(*row.centre(0.48, step - 0.5), "h, c", size=8, mono=True)
    notes = "a dash marks a minus\nfuller colour: farther from 0"
    drawing.label(20, 26, notes, below=14, size=8, color="muted")
    cells, dashes = {}, []
    for place, (name, meaning) in enumerate(reversed(STRIPS.items())):
        top, high = FOOT + (STRIP + GAP) * place + STRIP, STRIP / units
        grid = replace(row, y=top - high / 2, row=-high, width=row.column - 10, height=high)
        drawing.label(20, top - 14, name, size=13, bold=True, mono=True)
        drawing.label(20, top - 38, meaning, size=8.5, color="muted")
        numbers = [f"{'unit ' * (units <= 3)}{first + unit}" for unit in range(units)]
        drawing.text(LEFT - 4, grid.y, "\n".join(numbers), "muted", high, size=7.5, align="right")
        strongest = max(1.0, values[name].abs().max().item())
        drawing.label(20, top - 56, f"full colour: {strongest:.2f}", size=8.5, color="muted")
        for t in shown[: max(0, step - start)]:
            for unit, value in enumerate(values[name][t].tolist()):
                level = round(abs(value) / strongest * SHADES) / SHADES * STRONGEST
                shade = NUMBER._replace(fill="features" if value >= 0 else "batch", strength=level)
                newest, (x, y) = t == step - 1, grid.centre(unit, t)
                cells[grid.box(unit, t)] = (f"{value:+.2f}" * newest, shade)
                dashes += [[(x - 5, y), (x + 5, y)]] * (value < 0 and not newest)
    drawing.cells(cells)
    drawing.lines(dashes, "ink", width=2)
    return drawing
