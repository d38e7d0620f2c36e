"""What somebody types, names or raises is shown as it stands: never run, and never markup."""

import itertools
from html.parser import HTMLParser

import ipywidgets as widgets
import pytest
import torch
from torch import nn

from lstm_teach import (
    Picture,
    Report,
    ShapeQuiz,
    WritingExplorer,
    check_cell,
    check_layout,
    check_shape,
    check_stack,
    draw_curves,
    draw_losses,
)
from lstm_teach.checks.words import check_words
from lstm_teach.words import word_grid
from lstm_teach.writing import ZEN, Writer, encode, read_text

WICKED = {
    "an image": "<img src=x onerror=alert(1)>",
    "a script": "<script>alert(1)</script>",
    "backticks": "`<img src=x onerror=alert(1)>`",
    "backticks in backticks": "``<b onclick=alert(1)>`<i>``",
    "the end of an attribute": "'\"><svg onload=alert(1)>",
    "nested": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "escaped before": "&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;",
    "a table's end": "</td></tr></table></p></div><iframe src=//x>",
}
OURS = {"div", "p", "strong", "code", "br", "pre", "span", "b", "table", "tr", "th", "td", "style"}
OURS |= {"svg", "path", "text", "tspan"}
ATTRIBUTES = {"style", "class", "role", "width", "height", "scope", "aria-label"}
ATTRIBUTES |= {"viewbox", "d", "x", "y", "fill", "fill-opacity", "stroke", "stroke-width"}
ATTRIBUTES |= {"stroke-dasharray", "text-anchor", "textlength", "font-size", "font-weight"}
ATTRIBUTES |= {"stroke-opacity", "transform"}

wicked = pytest.mark.parametrize("text", WICKED.values(), ids=WICKED)


class Seen(HTMLParser):
    """What a browser would make of some HTML."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.sources, self.words = [], set(), set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources |= {value for name, value in attrs if name == "src"}

    def handle_data(self, data):
        self.words += data


def bare(text):
    """Text without the quotes that set code off, which a report may change or take away."""
    return text.translate(dict.fromkeys(map(ord, "`'\"")))


def is_text(page):
    """Assert that HTML has no tag or attribute but those that we write; returns its words."""
    seen = Seen(page)
    assert set(seen.tags) <= OURS
    assert seen.attributes <= ATTRIBUTES
    assert all(source.startswith("data:image/png;base64,") for source in seen.sources)
    return seen.words


def page_of(shown):
    """All HTML that a widget shows."""
    inner = "".join(map(page_of, getattr(shown, "children", ())))
    return inner + (shown.value if isinstance(shown, widgets.HTML) else "")


def raising(text):
    """A function, a stack and a model that raise an error with this text."""

    def fail(*_):
        raise ValueError(text)

    class Model(nn.Module):
        def __init__(self, *_):
            super().__init__()
            self.lstm = nn.LSTM(3, 4)

        def forward(self, *_):
            fail()

    return fail, Model


@wicked
def test_a_report_shows_every_part_of_itself_as_text(text):
    for verdict in (text, "variant"):
        report = Report(verdict, text, {text: text}, (text,), text)
        assert bare(is_text(report._repr_html_())).count(bare(text)) == 5
    assert text in str(report)


@wicked
def test_what_a_learners_code_raises_is_shown_as_text(text):
    fail, Model = raising(text)
    reports = [
        check_cell(fail),
        check_cell(Model, 3, 4),
        check_stack(fail),
        check_layout(Model(), torch.randn(5, 2, 3), ("time", "batch"), ("time", "batch")),
    ]
    assert reports[-1].verdict == "raises"
    for report in reports:
        assert report.verdict in ("raises", "cannot_check")
        assert bare(text) in bare(is_text(report._repr_html_()))


@wicked
def test_the_name_of_a_function_a_class_or_a_parameter_is_shown_as_text(text):
    def cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
        return c, h

    def stack(cells, x):
        return x, []

    def set_up(self, *sizes):
        nn.Module.__init__(self)
        self.register_parameter(f"{text}0", nn.Parameter(torch.zeros(3)))
        self.register_module(f"{text}1", nn.LSTM(3, 4, batch_first=True))

    def forward(self, x, state=None):
        return next(iter(self.children()))(x)[0]

    cell.__name__ = cell.__qualname__ = stack.__name__ = stack.__qualname__ = text
    Model = type(text, (nn.Module,), {"__init__": set_up, "forward": forward})
    reports = [
        check_cell(cell),
        check_cell(Model, 3, 4),
        check_cell(Model(), 3, 4),
        check_stack(stack),
        check_layout(Model(), torch.randn(5, 2, 3), ("time", "batch"), ("time", "batch")),
        check_layout(Model(), torch.randn(5, 2, 3), (text, "time"), (text,)),
    ]
    for report in reports:
        assert not report.ok
        is_text(report._repr_html_())


@wicked
def test_an_answer_that_is_typed_is_shown_as_text(text):
    quiz = ShapeQuiz()
    quiz.controls["answer"].value = text
    is_text(page_of(quiz.widget))
    lstm = nn.LSTM(3, 4)
    for report in (
        check_shape(text, lstm, (5, 2, 3), "output"),
        check_shape([text], lstm, (5, 2, 3), "output"),
        check_words(text, word_grid(), 2),
        check_words([text], word_grid(), 2),
    ):
        assert not report.ok
        is_text(report._repr_html_())


@wicked
def test_words_and_texts_of_a_learner_are_shown_as_text(text, tmp_path):
    joined = text.replace(" ", "_")
    assert joined in str(word_grid([joined, "two words"]))
    file = tmp_path / "mine.txt"
    file.write_text(text, encoding="utf-8")
    assert read_text(file) == text

    symbols = sorted(set(text))
    model = Writer(nn.LSTM(6, 8, batch_first=True), len(symbols))
    assert len(encode(text, symbols)) == len(text)
    explorer = WritingExplorer(model, symbols, start=text)
    assert text in is_text(page_of(explorer.widget))
    for picture in (draw_curves({text: [0.5]}, 2), draw_losses({text: [0.5]}, 2, 1.0)):
        assert bare(text) in bare(is_text(page_of(picture.widget)))
        assert bare(text) in bare(is_text(page_of(Picture(picture.drawing, text).widget)))


@pytest.mark.parametrize(
    "code",
    [
        "open({file!r}, 'w').close()",
        "__import__('pathlib').Path({file!r}).touch()",
        "[__import__('pathlib').Path({file!r}).touch(), 3, 4]",
        "f\"{{open({file!r}, 'w')}}\"",
        "`touch {file}`",
        "$(touch {file}); 1, 2, 3",
    ],
)
def test_nothing_that_is_typed_is_run(code, tmp_path):
    file = tmp_path / "made"
    typed = code.format(file=str(file))
    ShapeQuiz().answer(typed)
    for which, answer in itertools.product(("output", "h_n", "c_n"), (typed, [typed])):
        check_shape(answer, nn.LSTM(3, 4), (5, 2, 3), which)
    check_words(typed, word_grid(), 2)
    encode(typed, sorted(set(typed + ZEN)))
    assert list(tmp_path.iterdir()) == []
