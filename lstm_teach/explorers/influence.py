"""Which words reach one position of an output: the layout of a model, made visible."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..figures.cards import Grid
from ..figures.drawing import Box, Drawing, Style, count
from ..layouts import PAD, influence, lengths_of, word_grid
from .picture import Explorer, Picture, Traits, choice, constructor, number, refusal, switch

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
WHOSE = {OWN: "own", OTHER: "other"}
LIT = {kind: Style(kind, kind, width=2.5, size=8, bold=True, strength=0.2) for kind in WHOSE}
DARK = Style(edge="faint", ink="muted", width=1, size=8)
CHOSEN = Style("ink", "ink", "paper", width=2.8, size=7.5, bold=True, mono=True)
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
        read = self.read(output, h_n)  # each direction apart, [..., directions, features]
        return read.unflatten(-1, (-1, HIDDEN) if self.lstm.bidirectional else (1, -1))


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

    def look(
        self, x_is: str, read: str, packed: bool, sentence: int, step: int, **options: Any
    ) -> Picture:
        """Show what the gradient of what is read reaches, by one run forward and one backward."""
        batch_first, reader = x_is == LAYOUTS[0], _reader(read, packed, **options)
        x = _features(batch_first)
        make = constructor(options, FEATURES, HIDDEN)
        call = f"output, (h_n, c_n) = lstm({'packed' if packed else 'x'})"
        code, model = f"{make}    {call}", f"The model: `{make}`, `{call}`."
        try:
            *lead, directions, wide = _shape(reader, x)
        except (RuntimeError, IndexError) as error:
            why = f"A loud error is the better kind: it points at a line. {model}"
            return refusal(code, error, why, HEIGHT)
        shape = [*lead, directions * wide]
        if read == POSITION:
            at: tuple[int, ...] = (sentence, step) if batch_first else (step, sentence)
            made, result, places, chosen = "output", f"output{[*at]}", PLACES, (sentence, step)
        else:
            at, made, result = (sentence,), f"answer = {read}", f"answer[{sentence}]"
            # As many answers as sentences stand where each ends.
            places = [(n, SEQ_LEN - 1) if lead[0] == BATCH else (0, n) for n in range(lead[0])]
            chosen = places[sentence]
        parts = [_reached(reader, x, (*at, direction)) for direction in range(directions)]
        parts = [part if batch_first else part.t() for part in parts]
        fits = read == POSITION or lead[0] == BATCH  # an answer for each sentence
        along_time = reader.lstm.batch_first == batch_first
        title, words, right = _say(sentence, read, result, parts, along_time, fits)
        drawing = Drawing(1100, HEIGHT)
        drawing.label(20, 464, code, size=10, mono=True)
        drawing.label(20, 436, title, size=12, bold=True, color=OWN if right else OTHER)
        drawing.shape(20, 392, made, shape, _axes(shape))
        grid = Grid(159.5, 362.5, 97, -28, 83, 21)
        cells = dict.fromkeys(places, ("", Style(edge="muted", width=1)))
        cells[chosen] = (result, CHOSEN)
        drawing.cells({grid.box(*at): cell for at, cell in cells.items()})
        if len(places) == SEQ_LEN:
            many = f"{SEQ_LEN} answers for {BATCH} sentences"
            drawing.label(118, 334.5, many, size=10, bold=True, color=OTHER)
        drawing.shape(20, 264, "x", x.shape, _axes(x.shape))
        _draw_words(drawing, sentence, parts)
        return Picture(drawing, f"{words} {model}")


def _axes(shape: Sequence[int]) -> list[str]:
    """What the axes of a shape stand for, which their sizes tell."""
    return [{BATCH: "batch", SEQ_LEN: "seq_len"}[size] for size in shape[:-1]] + ["features"]


@cache
def _features(batch_first: bool) -> Tensor:
    """A vector for each word, [batch, seq_len, features] or turned; the pad is all zeros."""
    words = word_grid(batch_first=True)
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(words.vocabulary), FEATURES, generator=generator)
    table[0] = 0
    return table[words.ids if batch_first else words.ids.t()]


@cache
def _reader(read: str, packed: bool, **options: Any) -> _Reader:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _Reader(nn.LSTM(FEATURES, HIDDEN, **options), read, packed)


@cache
@torch.no_grad()
def _shape(reader: _Reader, x: Tensor) -> torch.Size:
    return reader(x).shape


_reached = lru_cache(1000)(influence)  # a reader goes back and forth over the same positions


def _say(
    sentence: int, read: str, result: str, parts: Sequence[Tensor], along_time: bool, fits: bool
) -> tuple[str, str, bool]:
    """The title of the picture, the sentence or two, and whether the words are the right ones."""
    places = torch.stack([*parts]).sum(0).nonzero().tolist()
    own = [WORDS[row][step] for row, step in places if row == sentence]
    others = [WORDS[row][step] for row, step in places if row != sentence]
    walk = "The layer walks along time"
    if not along_time:
        walk = "The layer walks along the batch, and PyTorch says nothing"
    seen = f"{count(len(own), 'position')} of its own sentence, {len(others)} of others"
    walk += f", but `{read}` takes the wrong axis" * (along_time and bool(others or not fits))
    title = f"{result} sees {seen}\n{walk.replace('`', '')}"
    named, pads = " ".join(word for word in own if word != PAD), own.count(PAD)
    named += f" and {count(pads, 'pad')}" * bool(pads)
    if others:
        mine = f"{len(own)} of its own{f' ({named})' if own else ''}"
        positions = f"{count(len(others), 'position')} of other sentences ({' '.join(others)})"
        seen = f"{positions} and {mine}."
    elif own:
        seen = f"only its own sentence: {named}."
        walk += f", with sentence {sentence} as its first step" * (not along_time)
        if len(parts) == 2:
            forward, backward = (count(int(half.count_nonzero()), "step") for half in parts)
            seen += f" Its first half, forward, sees {forward}; its second, backward, {backward}."
    else:
        title = f"{result} is all zeros\na pad's place, filled in by pad_packed_sequence"
        seen = "no word: it is zero, filled in by `pad_packed_sequence`."
    walks = f" {walk}." * bool(places)
    words = f"`{result}`, meant for sentence {sentence}, sees {seen}{walks}"
    return title, words, along_time and fits and bool(own) and not others


def _draw_words(drawing: Drawing, sentence: int, parts: Sequence[Tensor]) -> None:
    """The words as a table, one sentence a row; those lit up that reach the result."""
    grid = Grid(159.5, 184, 97, -60, 83, 36)
    names = "\n".join(f"sentence {row}" for row in range(BATCH))
    drawing.label(20, grid.y, names, below=60, color=OTHER, bold=True)
    drawing.label(20, grid.centre(sentence, 0)[1] - 16, "its own", size=8, color=OWN)
    for step in range(SEQ_LEN):
        drawing.text(grid.centre(0, step)[0], 238, f"t = {step}", size=8.5, color=OWN, bold=True)
    cells = {grid.box(*at): (WORDS[at[0]][at[1]], DARK) for at in PLACES}
    bars: dict[str, list[Box]] = {OWN: [], OTHER: []}
    for place, part in enumerate(parts):
        # From 0 to 1, the small ones raised so that they are seen.
        lengths = (part / part.max()) ** 0.35
        for row, step in part.nonzero().tolist():
            kind = OWN if row == sentence else OTHER
            box, word = grid.box(row, step), WORDS[row][step]
            cells[box] = ("pad" if word == PAD else word, LIT[kind])
            length = max(3, 61 * lengths[row, step].item())
            bars[kind].append((box[0], box[1] - 9 - 8 * place, length, 5))
    drawing.cells(cells)
    for kind, boxes in bars.items():
        drawing.boxes(boxes, kind, "none")
    looks = [("", f"reaches it, {whose} sentence", LIT[k]) for k, whose in WHOSE.items()]
    x = drawing.legend(118, *looks, ("", "does not reach it", DARK))
    longer = {1: "longer bar: stronger", 2: "upper bar: forward half, lower: backward"}
    drawing.label(x, 18, longer[len(parts)])
