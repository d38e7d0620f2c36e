"""Which words reach one position of an output: the layout of a model, made visible."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..figures.influence import HEIGHT, Arrow, Reach, draw_influence
from ..figures.layout import draw_refusal
from ..layouts import PAD, influence, lengths_of, word_grid
from .base import Explorer, View, choice, switch, whole_number

FEATURES, HIDDEN = 16, 8
LAYOUTS = ("[batch, seq_len]", "[seq_len, batch]")
POSITION = "one position of output"
READS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    POSITION: lambda output, h_n: output,
    "output[-1]": lambda output, h_n: output[-1],
    "output[:, -1]": lambda output, h_n: output[:, -1],
    "h_n[-1]": lambda output, h_n: h_n[-1],
    "cat((h_n[-2], h_n[-1]), 1)": lambda output, h_n: torch.cat((h_n[-2], h_n[-1]), 1),
}


class _Reader(nn.Module):
    """An nn.LSTM and the way in which its results are read."""

    def __init__(self, lstm: nn.LSTM, read: str, packed: bool, part: int | None = None) -> None:
        super().__init__()
        self.lstm, self.read, self.packed, self.part = lstm, READS[read], packed, part

    def forward(self, x: Tensor) -> Tensor:
        first = self.lstm.batch_first
        given = pack_padded_sequence(x, lengths_of(), batch_first=first) if self.packed else x
        output, (h_n, _) = self.lstm(given)
        if self.packed:
            output = pad_packed_sequence(output, batch_first=first)[0]
        result = self.read(output, h_n)
        return result if self.part is None else result.split(HIDDEN, -1)[self.part]


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
            "x_is": choice("x is", {each: each for each in LAYOUTS}),
            "read": choice("look at", {each: each for each in READS}),
            "batch_first": switch("batch_first", True),
            "bidirectional": switch("bidirectional"),
            "packed": switch("packed"),
            "num_layers": whole_number("num_layers", 1, 1, 3),
            "sentence": whole_number("sentence", 1, 0, 2),
            "step": whole_number("step", 3, 0, 9),
        }
        for name, value in start.items():
            controls[name].value = value
        super().__init__(controls)
        self.controls["read"].observe(self._allow_a_step, "value")
        self._allow_a_step()

    def _allow_a_step(self, _: Any = None) -> None:
        """Only one position of output has a step to choose."""
        self.controls["step"].disabled = self.controls["read"].value != POSITION

    def look(self, **values: Any) -> View:
        """Run the model once forward and once backward, and show what the gradient reaches."""
        names = ("x_is", "read", "packed", "sentence", "step")
        x_is, read, packed, sentence, step = (values.pop(name) for name in names)
        lstm = _lstm(**values)
        batch_first_x = x_is == LAYOUTS[0]
        x = _features() if batch_first_x else _features().transpose(0, 1)
        at = (sentence, step) if batch_first_x else (step, sentence)
        model = _Reader(lstm, read, packed)
        code = _code(values, packed)
        index: Any = at if read == POSITION else sentence
        try:
            with torch.no_grad():
                shape = model(x).shape
        except (RuntimeError, IndexError) as error:
            message = f"{type(error).__name__}: {error}"
            return View(draw_refusal(code, message, HEIGHT), f"{_refusal(message)} {_said(code)}")
        both = lstm.bidirectional and shape[-1] == 2 * HIDDEN
        parts = [_Reader(lstm, read, packed, half) for half in (0, 1)] if both else [model]
        strengths = [influence(part, x, index) for part in parts]
        if not batch_first_x:
            strengths = [each.t() for each in strengths]
        axes = x_is.strip("[]").split(", ")
        everything = read == POSITION
        reach = Reach(
            words=word_grid(batch_first=True).tolist(),
            strengths=torch.stack(strengths).sum(0),
            halves=tuple(strengths) if both else (),
            sentence=sentence,
            made="output" if everything else f"answer = {read}",
            result=f"output[{at[0]}, {at[1]}]" if everything else f"answer[{sentence}]",
            shape=shape,
            axes=[*axes, "features"] if everything else [_left(axes, read, lstm), "features"],
            step=step if everything else None,
            x_axes=[*axes, "features"],
            x_shape=x.shape,
        )
        along_time = lstm.batch_first == batch_first_x
        right = along_time and not reach.others
        drawing = draw_influence(reach, code, _title(reach, along_time), right, _arrows(reach))
        return View(drawing, f"{_words(reach, along_time)} {_said(code)}")


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


def _code(options: dict[str, Any], packed: bool) -> str:
    """The call of the constructor, with the defaults left out, and that of the layer."""
    defaults = {"batch_first": False, "bidirectional": False, "num_layers": 1}
    given = [f", {name}={value}" for name, value in options.items() if value != defaults[name]]
    make = f"lstm = nn.LSTM({FEATURES}, {HIDDEN}{''.join(given)})"
    return f"{make}    output, (h_n, c_n) = lstm({'packed' if packed else 'x'})"


def _said(code: str) -> str:
    """The two lines of code, to stand at the end of the sentence."""
    return "The model: `{}`, `{}`.".format(*code.split("    "))


def _left(axes: list[str], read: str, lstm: nn.LSTM) -> str:
    """The axis of x that is left when the last step is read."""
    if read == "output[-1]":
        return axes[1]
    return axes[0] if read == "output[:, -1]" or lstm.batch_first else axes[1]


def _arrows(reach: Reach) -> list[Arrow]:
    """The walk through the words that reach the result, towards the strongest of them."""
    lit = reach.strengths.nonzero().tolist()
    end = divmod(int(reach.strengths.argmax()), reach.strengths.shape[1])
    arrows: list[Arrow] = []
    for row, step in lit:
        for near in ((row, step + 1), (row + 1, step)):
            if list(near) in lit:
                here = (row, step)
                arrows.append((here, near) if near <= end else (near, here))
    return arrows


def _title(reach: Reach, along_time: bool) -> str:
    own, others = len(reach.own), len(reach.others)
    if others:
        whose = "ANOTHER sentence" if others == 1 else "OTHER sentences"
        return f"{reach.result} sees {_count(others, 'word')} of {whose}"
    if not own:
        return f"{reach.result} sees no word: pad_packed_sequence has filled in zeros"
    if not along_time:
        return f"{reach.result} sees one word: the past of its sentence is missing"
    if reach.halves:
        forward, backward = (_count(int(half.count_nonzero()), "step") for half in reach.halves)
        return f"{reach.result}: first half (forward) sees {forward}, second (backward) {backward}"
    words, pads = _split(reach)
    padding = f", and {_count(pads, 'pad')}" if pads else ""
    return f"{reach.result} sees {_count(len(words), 'word')} of its own sentence{padding}"


def _words(reach: Reach, along_time: bool) -> str:
    """What the picture shows, in a sentence or two."""
    words, pads = _split(reach)
    own = " ".join(words) + (f" and {_count(pads, 'pad')}" if pads else "")
    walk = "The layer walks along time"
    if not along_time:
        walk = "The layer walks along the batch, and PyTorch says nothing"
    start = f"`{reach.result}`, meant for sentence {reach.sentence}, sees "
    if not reach.own and not reach.others:
        return f"{start}no word: it is zero, filled in by `pad_packed_sequence`."
    if not reach.others:
        first = "" if along_time else f", with sentence {reach.sentence} as its first step"
        halves = ""
        if reach.halves:
            forward, backward = (_count(int(half.count_nonzero()), "step") for half in reach.halves)
            halves = f" Its first half, forward, sees {forward}; its second, backward, {backward}."
        return f"{start}only its own sentence: {own}.{halves} {walk}{first}."
    others = " ".join(reach.words[row][step] for row, step in reach.others)
    if along_time:
        walk += f", but `{reach.made.split(' = ')[1]}` takes the wrong axis"
    return (
        f"{start}{_count(len(reach.others), 'position')} of other sentences ({others}) and "
        f"{len(reach.own)} of its own{f' ({own})' if reach.own else ''}. {walk}."
    )


def _split(reach: Reach) -> tuple[list[str], int]:
    """The words of its own sentence that reach the result, and how many pads do."""
    seen = [reach.words[reach.sentence][step] for step in reach.own]
    words = [word for word in seen if word != PAD]
    return words, len(seen) - len(words)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _refusal(message: str) -> str:
    return f"PyTorch would say: `{message}`. A loud error is the better kind: it points at a line."
