"""A reader is told the same in every language: all of it is there, and only words differ."""

import gettext
import html
import io
import random
import re

import ipywidgets as widgets
import pytest
import torch
from torch import nn

import lstm_teach
from lstm_teach import language
from lstm_teach.language import translated
from lstm_teach.phrases import with_sentences
from lstm_teach.words import SENTENCES
from lstm_teach.writing import ZEN, Writer
from tests.zoo import load
from tools import messages

LANGUAGES = language.languages()[1:]
EXAMPLES = load()[::8]  # the others would be found by the messages that they share
CODE = re.compile(r"`[^`]*`")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]\d+)?")
ENGLISH = re.compile(r"(?:[A-Za-z][A-Za-z']+[,;:]? +){2}[A-Za-z][A-Za-z']+")
OWN_WORDS = "|".join(" ".join(SENTENCES).split())


@pytest.fixture(autouse=True)
def _english_again():
    yield
    lstm_teach.use("en")


@pytest.fixture(params=LANGUAGES)
def chosen(request):
    lstm_teach.use(request.param)
    return request.param


def english(text):
    """Three English words in a row that are no code, no list of names and no word of a figure."""
    return ENGLISH.findall(re.sub(r"`[^`]*`|\[[^\]]*\]|“[^”]*”", "#", text))


def test_there_is_chinese_and_the_default_is_english():
    assert language.languages() == ["en", "zh"]
    assert translated("Not attempted yet.") == "Not attempted yet."


def test_another_language_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"'fr'.* en, zh"):
        lstm_teach.use("fr")


# The catalogue


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_message_of_the_source_has_its_translation_and_no_other_is_kept(name):
    kept = {each.id for each in messages.catalogue(name) if each.id}
    said = set(messages.messages())
    assert sorted(said - kept) == [], "run `python -m tools.messages --extract`"
    assert sorted(kept - said) == [], "run `python -m tools.messages --extract`"
    assert messages.missing(name) == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_what_is_loaded_is_the_catalogue_compiled(name):
    kept = language.LOCALE / name / "LC_MESSAGES" / f"{language.DOMAIN}.mo"
    loaded, compiled = (
        gettext.GNUTranslations(file)._catalog
        for file in map(io.BytesIO, (kept.read_bytes(), messages.compiled(name)))
    )
    del loaded[""], compiled[""]  # when it was made, and by which Babel
    assert loaded == compiled, "run `python -m tools.messages`"


@pytest.mark.parametrize("name", LANGUAGES)
def test_holes_and_code_are_the_same_in_a_message_and_its_translation(name):
    for each in messages.catalogue(name):
        if each.id:
            for same in (CODE, messages.HOLE):
                assert sorted(same.findall(each.id)) == sorted(same.findall(each.string)), each.id
            for ours, theirs in with_sentences({each.id: each.string}).items():
                holes, filled = messages.HOLE.findall(ours), messages.HOLE.findall(theirs)
                assert sorted(holes) == sorted(filled), ours


def test_every_message_is_found_by_what_it_says(chosen):
    for each in messages.catalogue(chosen):
        holes = [*dict.fromkeys(messages.HOLE.findall(each.id))]
        filled = {hole: str(place + 3) for place, hole in enumerate(holes)}
        said, expected = (
            messages.HOLE.sub(lambda hole: filled[hole[0]], text)  # noqa: B023
            for text in (each.id, each.string)
        )
        assert not each.id or translated(said) == expected


# How a text is taken apart


def test_a_text_is_translated_sentence_by_sentence_and_what_fills_a_hole_with_it():
    lstm_teach.use("zh")
    fix = "Fix: `self.lstm = nn.LSTM(...)`; the last step is `out[-1]`."
    assert translated(fix) == "改法：`self.lstm = nn.LSTM(...)`；最后一步是 `out[-1]`。"
    two = "The axis is right. Counting starts at 0. You gave x as [5, 3]."
    assert translated(two).startswith("轴是对的。要从 0 数起。")
    assert translated("the gates i, f and o are off") == "门 i, f 和 o 不对"


@pytest.mark.parametrize(
    "text",
    [
        "Flat is better than nested. Sparse is better than dense, and so on.",
        "`the axis is right`",
        "",
        "my own words: 3, 4; 5",
    ],
)
def test_what_the_catalogue_does_not_know_stays_as_it_is(text):
    lstm_teach.use("zh")
    assert translated(text) == text


def test_a_name_in_code_is_no_word():
    lstm_teach.use("zh")
    assert translated("the cells stand in a plain list, `self.layers`").endswith("`self.layers` 里")


# Reports


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.check}-{e.verdict}-{e.name}")
def test_a_report_differs_in_its_words_alone(example, chosen):
    report = example.run()
    assert report.verdict == example.verdict
    said = str(report)
    shown = html.unescape(re.sub("<[^>]*>", "", report._repr_html_()))
    assert said.replace("`", "").replace("\n", "").replace(" ", "") in shown.replace(" ", "")
    assert report.verdict in said or report.verdict in ("ok", "not_attempted", "unrecognised")
    assert english(said) == []
    lstm_teach.use("en")
    told = str(report)
    for same in (CODE, NUMBER):
        assert sorted(same.findall(said)) == sorted(same.findall(told))


def test_a_refused_shape_says_why_in_the_chosen_language(chosen):
    with pytest.raises(lstm_teach.ShapeError) as raised:
        lstm_teach.predict_shapes(nn.LSTM(3, 4), (5, 2, 7))
    assert english(str(raised.value)) == []
    assert "input_size" in str(raised.value)
    with pytest.raises(TypeError) as raised:
        lstm_teach.trace(nn.Linear(2, 2), torch.zeros(5, 3, 2))
    assert english(str(raised.value)) == []


# Explorers and the quiz


def writing_explorer():
    torch.manual_seed(0)
    symbols = sorted(set(ZEN))
    model = Writer(nn.LSTM(8, 6, batch_first=True), len(symbols))
    return lstm_teach.WritingExplorer(model, symbols, start="T")


EXPLORERS = (
    lstm_teach.ShapeExplorer,
    lstm_teach.GateExplorer,
    lstm_teach.LoopExplorer,
    lstm_teach.StackExplorer,
    lstm_teach.LayoutExplorer,
    lstm_teach.InfluenceExplorer,
    writing_explorer,
)


def settings(explorer, count):
    """Places for all controls."""
    dice = random.Random(0)
    for _ in range(count):
        yield {
            name: dice.choice([option for _, option in control.options])
            if hasattr(control, "options")
            else dice.random() < 0.5
            if isinstance(control, widgets.Checkbox)
            else dice.randint(int(control.min), int(control.max))
            for name, control in explorer.controls.items()
        }


def parts(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)


def page_of(explorer):
    """The HTML below the controls."""
    classes = ((part, getattr(part, "_dom_classes", ())) for part in parts(explorer.widget))
    return next(part.value for part, names in classes if "lstm-figure" in names)


def drawing_of(explorer):
    """The picture without its name, which is the sentence."""
    svg = re.search(r"<svg.*?</svg>", page_of(explorer), re.DOTALL)[0]
    return re.sub(r'aria-label="[^"]*"', "", svg)


@pytest.mark.parametrize("make", EXPLORERS, ids=lambda make: make.__name__)
def test_an_explorer_speaks_the_language_in_every_place_of_its_controls(make, chosen):
    explorer = make()
    labels = [part.description for part in parts(explorer.widget) if hasattr(part, "description")]
    assert english(" | ".join(labels)) == []
    for places in settings(explorer, 4 if make is writing_explorer else 40):
        explorer.set(**places)
        page = re.sub(r"<(svg|pre)\b.*?</\1>", "", page_of(explorer), flags=re.DOTALL)
        page = re.sub(r"<code>[^<]*</code>", "#", page)
        for said in (explorer.describe(), *re.sub(r"<[^>]*>", "\n", page).splitlines()):
            said = said.partition("开头是")[0] if make is writing_explorer else said
            assert english(re.sub(rf"\b({OWN_WORDS})\b", "#", said)) == []


@pytest.mark.parametrize("make", EXPLORERS[:-1], ids=lambda make: make.__name__)
def test_an_explorer_shows_the_same_in_every_language(make):
    told = make()
    for name in LANGUAGES:
        lstm_teach.use(name)
        said = make()
        assert said.values == told.values
        assert drawing_of(said) == drawing_of(told)
        assert sorted(NUMBER.findall(said.describe())) == sorted(NUMBER.findall(told.describe()))
        assert said.describe() != told.describe()
        lstm_teach.use("en")


def test_the_quiz_asks_and_answers_in_the_chosen_language(chosen):
    quiz = lstm_teach.ShapeQuiz()
    for _ in quiz.rounds:
        for answer in ("1, 2", "x", "3, 4, 5"):
            assert english(str(quiz.answer(answer))) == []
        assert english(repr(quiz)) == []
        quiz.next()
    labels = [part.description for part in parts(quiz.widget) if hasattr(part, "description")]
    assert english(" | ".join(labels)) == []


def test_curves_and_drawings_speak_it_too(chosen):
    curves = {"an LSTM": [0.5] * 20, "a cell": [1.0] * 20}
    for picture in (
        lstm_teach.draw_curves(curves, 20),
        lstm_teach.draw_losses(curves, 20, 1.0),
        lstm_teach.draw_unrolled(nn.LSTM(3, 4, 2, bidirectional=True), torch.zeros(5, 3, 3)),
    ):
        assert english(picture.words) == []
