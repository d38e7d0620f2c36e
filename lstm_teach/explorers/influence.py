"""Which words reach one position of an output: the layout of a model, made visible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..figures.cards import Table
from ..figures.drawing import Drawing, count
from ..figures.palette import STRONGEST
from ..layouts import PAD, influence, lengths_of, word_grid
from .base import Explorer, Traits, View, choice, constructor, number, refusal, switch

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


class _Reach(NamedTuple):
    """One position of a result, and how strongly each word reaches it, [batch, seq_len]."""

    sentence: int  # that the result is meant for
    step: int
    read: str
    result: str  # the position as code
    parts: Sequence[Tensor]  # one, or of two directions one for each half of the result

    @property
    def total(self) -> Tensor:
        """The strengths of all parts."""
        return torch.stack([*self.parts]).sum(0)


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

    def look(self, **values: Any) -> View:
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
        if read != POSITION:
            at, made, result = (sentence,), f"answer = {read}", f"answer[{sentence}]"
            # The axis of x that is left when the last step is read.
            first = read == "output[:, -1]" or (lstm.batch_first and read != "output[-1]")
            left = axes[:1] if first else axes[1:]
        width = HIDDEN if lstm.bidirectional else shape[-1]
        halves = [slice(start, start + width) for start in range(0, shape[-1], width)]
        parts = [influence(reader, x, (*at, half)) for half in halves]
        reach = _Reach(sentence, step, read, result, [p if time else p.t() for p in parts])
        title, words, right = _say(reach, lstm.batch_first == bool(time))
        drawing = Drawing(1100, HEIGHT)
        drawing.label(20, 460, code, size=10, mono=True)
        drawing.label(20, 430, title, size=14, bold=True, color=OWN if right else OTHER)
        drawing.shape(20, 402, made, shape, [*left, "features"], size=10)
        _draw_result(drawing, reach, shape[0])
        drawing.shape(20, 264, "x", x.shape, [*axes, "features"], size=10)
        _draw_words(drawing, reach)
        return View(drawing, f"{words} {model}")


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


def _say(reach: _Reach, along_time: bool) -> tuple[str, str, bool]:
    """The title of the picture, the sentence or two, and whether the words are the right ones."""
    result, sentence = reach.result, reach.sentence
    pairs = reach.total.nonzero().tolist()
    own = [WORDS[row][step] for row, step in pairs if row == sentence]
    others = [WORDS[row][step] for row, step in pairs if row != sentence]
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
            walk += f", but `{reach.read}` takes the wrong axis"
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
    if len(reach.parts) == 2:
        forward, backward = (count(int(half.count_nonzero()), "step") for half in reach.parts)
        title = f"{result}: first half (forward) sees {forward}, second (backward) {backward}"
        halves = f" Its first half, forward, sees {forward}; its second, backward, {backward}."
    if not along_time:
        title = f"{result} sees one word: the past of its sentence is missing"
        walk += f", with sentence {sentence} as its first step"
    return title, f"{start}only its own sentence: {named}.{halves} {walk}.", along_time


def _draw_result(drawing: Drawing, reach: _Reach, length: int) -> None:
    """The boxes of the result, the chosen one filled, in the places where the reader sees them."""
    table = Table(118, 380, 97, 28, (14, 7))
    if reach.read == POSITION:
        places, chosen = PLACES, (reach.sentence, reach.step)
    elif length == BATCH:
        places = [(row, SEQ_LEN - 1) for row in range(BATCH)]
        chosen = places[reach.sentence]
    else:
        places, chosen = [(0, column) for column in range(length)], (0, reach.sentence)
        x, y = table.box(1, 0)[0], table.centre(1, 0)[1]
        words = f"{length} answers for {BATCH} sentences"
        drawing.label(x, y, words, size=10, bold=True, color=OTHER)
    drawing.boxes([table.box(*at) for at in places if at != chosen], "paper", "muted")
    drawing.boxes([table.box(*chosen)], "ink", width=2.8)
    x, y = table.centre(*chosen)
    drawing.text(x, y, reach.result, size=7.5, color="paper", bold=True, mono=True)


def _draw_words(drawing: Drawing, reach: _Reach) -> None:
    """The words as a table, one sentence a row; those lit up that reach the result.

    Such a word is bold, framed and filled, with a bar below it that is longer the stronger it is,
    or a bar for each half of the result; words of other sentences have the batch's colour.
    """
    table = Table(118, 226, 97, 60, (14, 24))
    for row in range(BATCH):
        y = table.centre(row, 0)[1]
        drawing.label(20, y, f"sentence {row}", color=OTHER, bold=True)
        if row == reach.sentence:
            drawing.label(20, y - 16, "its own", size=8, color=OWN)
    for step in range(SEQ_LEN):
        drawing.text(table.centre(0, step)[0], 238, f"t = {step}", size=8.5, color=OWN, bold=True)
    # From 0 to 1, the small ones raised so that they are seen.
    levels, *parts = (
        (each / each.max().clamp(min=1e-30)) ** 0.35 for each in (reach.total, *reach.parts)
    )
    dark = [at for at in PLACES if not levels[at]]
    drawing.boxes([table.box(*at) for at in dark], "paper", "faint")
    for at in PLACES:
        (x, y), word, level = table.centre(*at), WORDS[at[0]][at[1]], float(levels[at])
        if at in dark:
            drawing.text(x, y, word, size=8, color="muted")
            continue
        kind = OWN if at[0] == reach.sentence else OTHER
        strength = 1.0 if level == 1 else STRONGEST * level
        box = left, bottom, width, _ = table.box(*at)
        drawing.boxes([box], kind, kind, width=2.5, strength=strength)
        for place, part in enumerate(parts):
            if part[at]:
                bar = (left, bottom - 9 - 8 * place, max(3, (width - 22) * float(part[at])), 5)
                drawing.boxes([bar], kind, "none")
        ink, shown = "ink" if level < 1 else "paper", "pad" if word == PAD else word
        drawing.text(x, y, shown, size=8, color=ink, bold=True)
    _draw_walk(drawing, table, reach.total)
    x = 118.0
    for kind, words in ((OWN, "reaches it, own sentence"), (OTHER, "reaches it, other sentence")):
        drawing.boxes([(x, 10, 26, 12)], f"pale {kind}", kind, width=2.5)
        drawing.label(x + 34, 16, words, bold=True, color=kind)
        x += 240
    drawing.boxes([(x, 10, 26, 12)], "paper", "faint")
    drawing.label(x + 34, 16, "does not reach it", color="muted")
    bars = "upper bar: forward half, lower: backward" if len(parts) == 2 else "longer bar: stronger"
    drawing.label(x + 170, 16, bars)


def _draw_walk(drawing: Drawing, table: Table, strengths: Tensor) -> None:
    """Arrows in the gaps between the words that reach the result, towards the strongest."""
    lit = {(row, step) for row, step in strengths.nonzero().tolist()}
    end, arrows = divmod(int(strengths.argmax()), SEQ_LEN), []
    for row, step in sorted(lit):
        x, y, width, height = table.box(row, step)
        middle, side = y + height / 2, x + width - 10
        gaps = {
            (row, step + 1): ((x + width + 2, middle), (x + table.column - 2, middle)),
            (row + 1, step): ((side, y - 1), (side, y - table.row + height + 1)),
        }
        for near, gap in gaps.items():
            if near in lit:
                arrows.append(gap if near <= end else gap[::-1])
    drawing.arrows(arrows, width=2.8)
