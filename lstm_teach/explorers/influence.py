"""Which words reach one position of an output: the layout of a model, made visible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..figures.cards import Grid
from ..figures.drawing import Drawing, Style, count
from ..figures.palette import STRONGEST
from ..layouts import PAD, influence, lengths_of, word_grid
from .base import Explorer, Traits, choice, constructor, number, refusal, switch
from .picture import Picture

FEATURES, HIDDEN, HEIGHT = 16, 8, 480
LAYOUTS = ("[batch, seq_len]", "[seq_len, batch]")
POSITION = "one position of output"
READS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    POSITION: lambda output, h_n: output,
    "output[-1]": lambda output, h_n: output[-1],
    "output[:, -1]": lambda output, h_n: output[:, -1],
    "h_n[-1]": lambda output, h_n: h_n[-1],
    "cat((h_n[-2], h_n[-1]), 1)": lambda output, h_n: torch.cat((h_n[-2], h_n[-1]), 1),
}
OWN, OTHER = "seq_len", "batch"
WORDS: list[list[str]] = word_grid(batch_first=True).tolist()
BATCH, SEQ_LEN = len(WORDS), len(WORDS[0])
PLACES = [(row, step) for row in range(BATCH) for step in range(SEQ_LEN)]


class _Reader(nn.Module):
    """An nn.LSTM and the way in which its results are read."""

    def __init__(self, lstm: nn.LSTM, read: str, packed: bool) -> None:
        super().__init__()
        self.lstm, self.read, self.packed = lstm, READS[read], packed

    def forward(self, x: Tensor) -> Tensor:
        first = self.lstm.batch_first
        given = pack_padded_sequence(x, lengths_of(), batch_first=first) if self.packed else x
        output, (h_n, _) = self.lstm(given)
        if self.packed:
            output = pad_packed_sequence(output, batch_first=first)[0]
        return self.read(output, h_n)


class InfluenceExplorer(Explorer):
    """Choose a position of the output and see the words that reach it.

    Args:
        start: values for controls to begin with, by name: x_is, batch_first, bidirectional,
            packed, num_layers, read, sentence, step.
    """

    preview = ({"batch_first": False}, {"read": "output[-1]"})

    def __init__(self, **start: Any) -> None:
        """Start at a batch-first x in a batch-first nn.LSTM, unless told otherwise."""
        controls = {
            "x_is": choice("x is", LAYOUTS),
            "read": choice("look at", READS),
            "batch_first": switch("batch_first", True),
            "bidirectional": switch("bidirectional"),
            "packed": switch("packed"),
            "num_layers": number("num_layers", 1, 1, 3),
            "sentence": number("sentence", 1, 0, 2),
            "step": number("step", 3, 0, 9),
        }
        for name, value in start.items():
            controls[name].value = value
        super().__init__(controls)

    def follow(self, moved: str, values: dict[str, Any]) -> Traits:
        """Only one position of output has a step to choose."""
        return {"step": {"disabled": values["read"] != POSITION}}

    def look(self, **values: Any) -> Picture:
        """Run the model once forward and once backward, and show what the gradient reaches."""
        names = ("x_is", "read", "packed", "sentence", "step")
        x_is, read, packed, sentence, step = (values.pop(name) for name in names)
        lstm, axes = _lstm(**values), x_is.strip("[]").split(", ")
        time = axes.index("seq_len")
        x = _features() if time else _features().transpose(0, 1)
        make = constructor(values, FEATURES, HIDDEN)
        call = f"output, (h_n, c_n) = lstm({'packed' if packed else 'x'})"
        code, model = f"{make}    {call}", f"The model: `{make}`, `{call}`."
        reader = _Reader(lstm, read, packed)
        try:
            with torch.no_grad():
                shape = reader(x).shape
        except (RuntimeError, IndexError) as error:
            why = f"A loud error is the better kind: it points at a line. {model}"
            return refusal(code, error, why, HEIGHT)
        at: tuple[int, ...] = (sentence, step) if time else (step, sentence)
        made, result, left = "output", f"output[{at[0]}, {at[1]}]", axes
        places, chosen = PLACES, (sentence, step)
        if read != POSITION:
            at, made, result = (sentence,), f"answer = {read}", f"answer[{sentence}]"
            # The axis of x that is left when the last step is read.
            first = read == "output[:, -1]" or (lstm.batch_first and read != "output[-1]")
            left = axes[:1] if first else axes[1:]
            # As many answers as sentences stand where each ends.
            ends = shape[0] == BATCH
            places = [(n, SEQ_LEN - 1) if ends else (0, n) for n in range(shape[0])]
            chosen = places[sentence]
        width = HIDDEN if lstm.bidirectional else shape[-1]
        halves = [slice(start, start + width) for start in range(0, shape[-1], width)]
        parts = [influence(reader, x, (*at, half)) for half in halves]
        parts = [part if time else part.t() for part in parts]
        reach = torch.stack([*parts]).sum(0), *parts
        title, words, right = _say(sentence, read, result, reach, lstm.batch_first == bool(time))
        drawing = Drawing(1100, HEIGHT)
        drawing.label(20, 460, code, size=10, mono=True)
        drawing.label(20, 430, title, size=14, bold=True, color=OWN if right else OTHER)
        drawing.shape(20, 402, made, shape, [*left, "features"], size=10)
        grid, one = Grid(159.5, 362.5, 97, -28, 83, 21), Style("ink", "ink", "paper", width=2.8)
        cells = dict.fromkeys(places, ("", Style(edge="muted", width=1)))
        cells[chosen] = (result, one._replace(size=7.5, bold=True, mono=True))
        drawing.cells({grid.box(*at): cell for at, cell in cells.items()})
        if len(places) == SEQ_LEN:
            many = f"{SEQ_LEN} answers for {BATCH} sentences"
            drawing.label(118, 334.5, many, size=10, bold=True, color=OTHER)
        drawing.shape(20, 264, "x", x.shape, [*axes, "features"], size=10)
        _draw_words(drawing, sentence, reach)
        return Picture(drawing, f"{words} {model}")


@cache
def _features() -> Tensor:
    """A vector for each word, [batch, seq_len, features]; the pad is all zeros."""
    words = word_grid(batch_first=True)
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(words.vocabulary), FEATURES, generator=generator)
    table[0] = 0
    return table[words.ids]


@cache
def _lstm(**options: Any) -> nn.LSTM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.LSTM(FEATURES, HIDDEN, **options)


def _say(
    sentence: int, read: str, result: str, reach: Sequence[Tensor], along_time: bool
) -> tuple[str, str, bool]:
    """The title of the picture, the sentence or two, and whether the words are the right ones."""
    total, *parts = reach
    places = total.nonzero().tolist()
    own = [WORDS[row][step] for row, step in places if row == sentence]
    others = [WORDS[row][step] for row, step in places if row != sentence]
    words = [word for word in own if word != PAD]
    pads = count(len(own) - len(words), "pad") if len(own) > len(words) else ""
    named = " ".join(words) + (f" and {pads}" if pads else "")
    start = f"`{result}`, meant for sentence {sentence}, sees "
    walk = "The layer walks along time"
    if not along_time:
        walk = "The layer walks along the batch, and PyTorch says nothing"
    if others:
        whose = "ANOTHER sentence" if len(others) == 1 else "OTHER sentences"
        title = f"{result} sees {count(len(others), 'word')} of {whose}"
        if along_time:
            walk += f", but `{read}` takes the wrong axis"
        positions = f"{count(len(others), 'position')} of other sentences ({' '.join(others)})"
        mine = f"{len(own)} of its own{f' ({named})' if own else ''}"
        return title, f"{start}{positions} and {mine}. {walk}.", False
    if not own:
        title = f"{result} sees no word: pad_packed_sequence has filled in zeros"
        said = f"{start}no word: it is zero, filled in by `pad_packed_sequence`."
        return title, said, along_time
    title, halves = f"{result} sees {count(len(words), 'word')} of its own sentence", ""
    if pads:
        title += f", and {pads}"
    if len(parts) == 2:
        forward, backward = (count(int(half.count_nonzero()), "step") for half in parts)
        halves = f" Its first half, forward, sees {forward}; its second, backward, {backward}."
    if not along_time:
        title = f"{result} sees one word: the past of its sentence is missing"
        walk += f", with sentence {sentence} as its first step"
    return title, f"{start}only its own sentence: {named}.{halves} {walk}.", along_time


def _draw_words(drawing: Drawing, sentence: int, reach: Sequence[Tensor]) -> None:
    """The words as a table, one sentence a row; those lit up that reach the result.

    Such a word is bold, framed and filled, with a bar below it that is longer the stronger it is,
    or a bar for each half of the result; words of other sentences have the batch's colour.
    """
    grid = Grid(159.5, 184, 97, -60, 83, 36)
    for row in range(BATCH):
        y = grid.centre(row, 0)[1]
        drawing.label(20, y, f"sentence {row}", color=OTHER, bold=True)
        if row == sentence:
            drawing.label(20, y - 16, "its own", size=8, color=OWN)
    for step in range(SEQ_LEN):
        drawing.text(grid.centre(0, step)[0], 238, f"t = {step}", size=8.5, color=OWN, bold=True)
    # From 0 to 1, the small ones raised so that they are seen.
    levels, *bars = ((each / each.max().clamp(min=1e-30)) ** 0.35 for each in reach)
    cells, dark = {}, Style(edge="faint", ink="muted", width=1, size=8)
    for at in PLACES:
        word, level, box = WORDS[at[0]][at[1]], float(levels[at]), grid.box(*at)
        cells[box] = (word, dark)
        if level:
            kind = OWN if at[0] == sentence else OTHER
            lit = Style(kind, kind, width=2.5, size=8, bold=True, strength=STRONGEST * level)
            lit = lit._replace(ink="paper", strength=1) if level == 1 else lit
            cells[box] = ("pad" if word == PAD else word, lit)
        for place, part in enumerate(bars):
            if part[at]:
                long = max(3, 61 * float(part[at]))
                drawing.boxes([(box[0], box[1] - 9 - 8 * place, long, 5)], kind, "none")
    drawing.cells(cells)
    # Arrows in the gaps between the words that reach the result, towards the strongest.
    arrows, end = [], divmod(int(levels.argmax()), SEQ_LEN)
    for row, step in (at for at in PLACES if levels[at]):
        x, y, wide, _ = grid.box(row, step)
        down = ((x + wide - 10, y - 1), (x + wide - 10, y - 23))
        right = grid.across(row, step, step + 1)
        for near, gap in (((row, step + 1), right), ((row + 1, step), down)):
            if near in PLACES and levels[near]:
                arrows.append(gap if near <= end else gap[::-1])
    drawing.arrows(arrows, width=2.8)
    reaching = {"reaches it, own sentence": OWN, "reaches it, other sentence": OTHER}
    looks = [("", words, Style(f"pale {k}", k, width=2.5)) for words, k in reaching.items()]
    x = drawing.legend(118, *looks, ("", "does not reach it", dark))
    longer = (
        "upper bar: forward half, lower: backward" if len(bars) == 2 else "longer bar: stronger"
    )
    drawing.label(x, 18, longer)
