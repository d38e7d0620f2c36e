"""What is the shape of h_n here? Rounds from easy to hard, the mistake named, the score kept."""

from __future__ import annotations

import random
import textwrap
import warnings
from typing import Any, NamedTuple

import ipywidgets as widgets
import torch
from torch import nn

from ..checks.report import Report
from ..checks.shape import check_shape
from ..figures.canvas import Canvas
from ..figures.palette import PAPER
from ..figures.unrolled import draw_unrolled
from ..shapes import predict_shapes
from .picture import Picture

# What is asked about, and the arguments that make it harder than the round before.
LEVELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("output", ()),
    ("h_n", ("num_layers",)),
    ("output", ("num_layers", "batch_first")),
    ("h_n", ("num_layers", "batch_first")),
    ("output", ("bidirectional",)),
    ("h_n", ("num_layers", "bidirectional", "batch_first")),
    ("c_n", ("num_layers", "proj_size")),
    ("h_n", ("num_layers", "bidirectional", "proj_size", "unbatched")),
)


class Round(NamedTuple):
    """One question: a module's arguments, its input's shape, and the tensor asked about."""

    arguments: dict[str, Any]
    input_shape: tuple[int, ...]
    which: str

    @property
    def code(self) -> str:
        """The constructor call."""
        return f"nn.LSTM({', '.join(f'{name}={value}' for name, value in self.arguments.items())})"


class ShapeQuiz:
    """Rounds of one question each: type a shape, and a wrong one is told its mistake.

    Args:
        seed: chooses the sizes; the same seed asks the same questions.

    Attributes:
        score: how many questions were answered right at the first try.
        controls: the answer field and the two buttons, by name.
    """

    def __init__(self, seed: int = 0) -> None:
        """Draw the questions and show the first."""
        chosen = random.Random(seed)
        self.rounds = [_draw(chosen, which, harder) for which, harder in LEVELS]
        self.number, self.score, self.tries = 0, 0, 0
        self._answered = False
        field = widgets.Text(
            description="shape", placeholder="such as 10, 3, 20", continuous_update=False
        )
        check = widgets.Button(description="Check")
        following = widgets.Button(description="Next question")
        self.controls = {"answer": field, "check": check, "next": following}
        self._picture = Picture(*self._question())
        self.widget = widgets.VBox([widgets.HBox([field, check, following]), self._picture.widget])
        self.widget.add_class("lstm-quiz")
        field.observe(lambda change: change["new"] and self.answer(change["new"]), "value")
        check.on_click(lambda _: self.answer(field.value))
        following.on_click(lambda _: self.next())

    @property
    def round(self) -> Round:
        """The question that is asked now."""
        return self.rounds[self.number]

    def answer(self, text: str) -> Report:
        """Judge an answer to the question asked now, show the verdict, and keep the score."""
        question = self.round
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # PyTorch says once that projections run without oneDNN; no shape depends on it.
            warnings.simplefilter("ignore")
            lstm = nn.LSTM(**question.arguments)
            report = check_shape(text, lstm, question.input_shape, question.which)
            if report.verdict != "not_attempted" and not self._answered:
                self.tries += 1
                self.score += report.ok and self.tries == 1
                self._answered = report.ok
            figure, words = self._question()
            if report.ok:
                figure = draw_unrolled(lstm, torch.zeros(question.input_shape))
                last = self.number == len(self.rounds) - 1
                words = self._score() + (" That was the last one." if last else "")
        self._picture.update(figure, words, report._repr_html_())
        return report

    def next(self) -> None:
        """Go on to the next question; after the last one, start again."""
        self.number += 1
        if self.number == len(self.rounds):
            self.number, self.score = 0, 0
        self.tries, self._answered = 0, False
        self.controls["answer"].value = ""
        self._picture.update(*self._question())

    def _question(self) -> tuple[Any, str]:
        which, number = self.round.which, f"Question {self.number + 1} of {len(self.rounds)}"
        canvas = Canvas(1100, 140)
        canvas.text(24, 120, number, size=10, align="left")
        parts = (
            (24, 176, [str(list(self.round.input_shape))], "input"),
            (256, 588, textwrap.wrap(self.round.code, 60), ""),
            (900, 176, ["[ ? ]"], which),
        )
        for left, width, lines, below in parts:
            canvas.boxes([(left, 42, width, 56)], PAPER)
            for line, words in enumerate(lines):
                y = 70 + 10 * (len(lines) - 1) - 20 * line
                canvas.text(left + width / 2, y, words, size=9.5, mono=True)
            canvas.text(left + width / 2, 22, below, size=11, bold=True)
        canvas.arrows([((200, 70), (256, 70)), ((844, 70), (900, 70))])
        given = f"`{self.round.code}` on an input of shape `{list(self.round.input_shape)}`"
        words = f"{number}: {given}. What is the shape of `{which}`? {self._score()}"
        return canvas.figure, words

    def _score(self) -> str:
        return f"Score: {self.score} of {len(self.rounds)} at the first try."

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._picture.bundle(self.widget)

    def __repr__(self) -> str:
        """The question."""
        return self._picture.words


def _draw(chosen: random.Random, which: str, harder: tuple[str, ...]) -> Round:
    """A question whose answer has no size twice, so that a mixed-up axis shows."""
    seq_len, batch, input_size, hidden_size = chosen.sample(range(5, 30), 4)
    values = {
        "num_layers": chosen.choice([2, 3, 4]),
        "bidirectional": True,
        "batch_first": True,
        "proj_size": chosen.choice([1, 2, 3]),
    }
    arguments: dict[str, Any] = {"input_size": input_size, "hidden_size": hidden_size}
    arguments |= {name: values[name] for name in harder if name in values}
    shape: tuple[int, ...] = (seq_len, batch)
    if "batch_first" in harder:
        shape = (batch, seq_len)
    if "unbatched" in harder:
        shape = (seq_len,)
    question = Round(arguments, (*shape, input_size), which)
    lstm = nn.LSTM(**arguments, device="meta")
    answer = getattr(predict_shapes(lstm, question.input_shape), which)
    return question if len(set(answer)) == len(answer) else _draw(chosen, which, harder)
