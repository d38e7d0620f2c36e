"""What is the shape of h_n here? Rounds from easy to hard, the mistake named, the score kept."""

import random
import textwrap
from typing import Any, NamedTuple

import ipywidgets as widgets
import torch
from torch import nn

from ..checks.report import Report
from ..checks.shape import check_shape
from ..figures.drawing import Drawing, Style
from ..figures.unrolled import draw_unrolled
from ..language import translated
from ..shapes import predict_shapes
from .picture import Picture, button, constructor
from .shape import ZeroLSTM

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


class ShapeQuiz(Picture):
    """Rounds of one question each: type a shape, and a wrong one is told its mistake.

    A first wrong answer gets the mistake, a second one the shape. What is no shape is no try.

    Args:
        seed: chooses the sizes; the same seed asks the same questions.

    Attributes:
        controls: the answer field and the two buttons, by name.
    """

    def __init__(self, seed: int = 0) -> None:
        """Draw the questions and show the first."""
        chosen = random.Random(seed)
        self.rounds = [_draw(chosen, which, harder) for which, harder in LEVELS]
        field = widgets.Text(placeholder=translated("such as 10, 3, 20"), continuous_update=False)
        field.description = translated("shape")
        check = button("Check", lambda: self.answer(field.value))
        self.controls = {"answer": field, "check": check, "next": button("Next", self.next)}
        self.number = 0
        # What was typed at each question, and whether it was right.
        self._tries: list[dict[str, bool]] = [{} for _ in self.rounds]
        super().__init__(*self._question())
        self.widget = widgets.VBox([widgets.HBox([*self.controls.values()]), self.widget])
        self.widget.add_class("lstm-quiz")
        field.observe(lambda change: change["new"] and self.answer(change["new"]), "value")

    @property
    def round(self) -> Round:
        """The question that is asked now."""
        return self.rounds[self.number]

    @property
    def score(self) -> int:
        """How many questions were answered right at the first try."""
        return sum([*tries.values()] == [True] for tries in self._tries)

    def answer(self, text: str) -> Report:
        """Judge an answer to the question asked now, show the verdict, and keep the score."""
        question, tries = self.round, self._tries[self.number]
        lstm = ZeroLSTM(**question.arguments)
        # The field and the button tell the same answer twice, which is one try.
        reveal = bool(tries.keys() - {text})
        report = check_shape(text, lstm, question.input_shape, question.which, reveal)
        done = any(tries.values()) or len(tries) > 1
        if report.judged and not done:
            tries[text] = report.ok
        drawing, words = self._question()
        if report.ok:
            drawing, words = draw_unrolled(lstm, torch.zeros(question.input_shape)), self._score()
        self.update(drawing, words, report._repr_html_())
        return report

    def next(self) -> None:
        """Go on to the next question; after the last one to the result, and then start again."""
        ended = self.number == len(self.rounds) - 1 and any(self._tries)
        self.controls["answer"].disabled = self.controls["check"].disabled = ended
        if ended:
            self.update(*self._result())
            self.number, self._tries = -1, [{} for _ in self.rounds]
            return
        self.number = (self.number + 1) % len(self.rounds)
        self.controls["answer"].value = ""
        self.update(*self._question())

    def _question(self) -> tuple[Drawing, str]:
        arguments, input_shape, which = self.round
        code, shape = constructor(arguments).removeprefix("lstm = "), str([*input_shape])
        number = f"Question {self.number + 1} of {len(self.rounds)}"
        drawing, style = Drawing(1100, 140), Style(size=9.5, mono=True)
        drawing.label(24, 120, number, size=10)
        for x, width, words, below in (
            (24, 176, shape, "input"),
            (256, 588, "\n".join(textwrap.wrap(code, 60)), ""),
            (900, 176, "[ ? ]", which),
        ):
            drawing.cells({(x, 42, width, 56): (words, style)})
            drawing.text(x + width / 2, 22, below, size=11, bold=True)
        drawing.arrows([((200, 70), (256, 70)), ((844, 70), (900, 70))])
        given = f"`{code}` on an input of shape `{shape}`"
        return drawing, f"{number}: {given}. What is the shape of `{which}`? {self._score()}"

    def _result(self) -> tuple[Drawing, str]:
        """Every question with how it went."""
        drawing, missed = Drawing(1100, 140), []
        marks = {(): "left out", (True,): "✓ first try", (False, True): "✓ second try"}
        drawing.label(24, 120, self._score(), size=11, bold=True)
        for place, (question, tries) in enumerate(zip(self.rounds, self._tries, strict=True)):
            went = (*tries.values(),)
            missed += [str(place + 1)] * (went != (True,))
            words = f"{place + 1}. {question.which}\n{marks.get(went, '✗ missed')}"
            style = Style("pale features" if any(went) else "paper", bold=True)
            drawing.cells({(24 + 132 * place, 42, 120, 56): (words, style)})
        look = f"Look again at {', '.join(missed)}." if missed else "Nothing was missed."
        return drawing, f"The result. {self._score()} {look} Next starts again."

    def _score(self) -> str:
        return f"Score: {self.score} of {len(self.rounds)} at the first try."


def _draw(chosen: random.Random, which: str, harder: tuple[str, ...]) -> Round:
    """A question whose answer has no size twice, so that a mixed-up axis shows."""
    seq_len, batch, input_size, hidden_size = chosen.sample(range(5, 30), 4)
    layers, proj_size = chosen.choice([2, 3, 4]), chosen.choice([1, 2, 3])
    values = {"num_layers": layers, "proj_size": proj_size}
    arguments = {"input_size": input_size, "hidden_size": hidden_size}
    arguments |= {name: values.get(name, True) for name in harder if name != "unbatched"}
    shape: tuple[int, ...] = (batch, seq_len) if "batch_first" in harder else (seq_len, batch)
    shape = (*([seq_len] if "unbatched" in harder else shape), input_size)
    answer = getattr(predict_shapes(nn.LSTM(**arguments, device="meta"), shape), which)
    if len(set(answer)) < len(answer):
        return _draw(chosen, which, harder)
    return Round(arguments, shape, which)
