"""The quiz about shapes: its right answers are torch's, and its score is fair."""

import ast
import warnings
from html.parser import HTMLParser

import ipywidgets as widgets
import pytest
import torch
from torch import nn

from lstm_teach import ShapeQuiz, predict_shapes
from lstm_teach.figures.drawing import Words


def right_answer(question):
    """What running the module gives, as a learner would type it."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LSTM with projections has no oneDNN kernel
        lstm = nn.LSTM(**question.arguments)
        output, (h_n, c_n) = lstm(torch.zeros(question.input_shape))
    tensor = {"output": output, "h_n": h_n, "c_n": c_n}[question.which]
    return ", ".join(map(str, tensor.shape))


def wrong_answer(question):
    """The right shape, its last size one too large."""
    *leading, last = ast.literal_eval(right_answer(question))
    return ", ".join(map(str, [*leading, last + 1]))


class Tags(HTMLParser):
    """The tags and attributes that a browser would see in some HTML, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = set(), set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.words += data


def pages(quiz):
    """Everything that the quiz shows as HTML."""
    todo, found = [quiz.widget], []
    while todo:
        widget = todo.pop()
        todo += getattr(widget, "children", ())
        found += [widget.value] if isinstance(widget, widgets.HTML) else []
    return found


def test_the_same_seed_asks_the_same_questions_and_another_seed_others():
    assert ShapeQuiz(seed=3).rounds == ShapeQuiz(seed=3).rounds
    assert ShapeQuiz(seed=3).rounds != ShapeQuiz(seed=4).rounds


def test_the_quiz_grows_from_one_layer_to_every_argument():
    given = [set(question.arguments) for question in ShapeQuiz().rounds]
    assert given[0] == {"input_size", "hidden_size"}
    assert {"bidirectional", "proj_size", "num_layers"} < given[-1]
    assert {question.which for question in ShapeQuiz().rounds} == {"output", "h_n", "c_n"}


@pytest.mark.parametrize("seed", range(60, 80))  # seed 60 draws a batch of 6 beside 3 layers * 2
def test_no_question_lets_mixed_up_axes_pass(seed):
    for question in ShapeQuiz(seed).rounds:
        shapes = predict_shapes(nn.LSTM(**question.arguments), question.input_shape)
        right = getattr(shapes, question.which)
        assert len(set(right)) == len(right), question


@pytest.mark.parametrize("seed", range(3))
def test_what_running_the_module_gives_is_the_right_answer_to_every_question(seed):
    quiz = ShapeQuiz(seed)
    for number, question in enumerate(quiz.rounds):
        assert quiz.round == question
        report = quiz.answer(right_answer(question))
        assert report.ok, report
        assert quiz.score == number + 1
        assert repr(quiz).startswith(f"Score: {number + 1} of 8 at the first try.")
        if number + 1 < len(quiz.rounds):
            quiz.next()
    assert quiz.score == len(quiz.rounds)


def test_a_wrong_first_try_costs_the_point_and_the_next_question_is_fair_again():
    quiz = ShapeQuiz()
    assert quiz.answer(wrong_answer(quiz.round)).verdict not in ("ok", "not_attempted")
    assert quiz.answer(right_answer(quiz.round)).ok
    assert quiz.score == 0
    quiz.next()
    assert quiz.answer(right_answer(quiz.round)).ok
    assert quiz.score == 1


def test_a_right_answer_counts_once():
    quiz = ShapeQuiz()
    for _ in range(3):
        quiz.answer(right_answer(quiz.round))
    quiz.answer(wrong_answer(quiz.round))
    quiz.answer(right_answer(quiz.round))
    assert quiz.score == 1


@pytest.mark.parametrize("nothing", ["", "   ", "...", "?", "no idea", "10 by 3 by twenty", "5.5"])
def test_what_is_no_shape_costs_no_try(nothing):
    quiz = ShapeQuiz()
    assert quiz.answer(nothing).verdict in ("not_attempted", "cannot_check")
    assert quiz.answer(right_answer(quiz.round)).ok
    assert quiz.score == 1


def test_full_width_digits_are_understood():
    quiz = ShapeQuiz()
    wide = {ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789,"}
    assert quiz.answer(right_answer(quiz.round).translate(wide)).ok


def test_the_first_wrong_answer_gets_the_mistake_and_the_second_the_shape():
    quiz = ShapeQuiz()
    *sizes, last = ast.literal_eval(right_answer(quiz.round))
    right = f"hidden_size={last}"
    first, again = (quiz.answer(wrong_answer(quiz.round)) for _ in range(2))
    assert right not in first.message
    assert right not in again.message  # leaving the field and pressing Check say the same
    assert right in quiz.answer(", ".join(map(str, [*sizes, last + 2]))).message
    assert quiz.answer(right_answer(quiz.round)).ok
    assert quiz.score == 0


def test_it_ends_with_a_result_and_starts_again():
    quiz = ShapeQuiz()
    first = repr(quiz)
    for number, question in enumerate(quiz.rounds):
        if number in (2, 5):
            quiz.answer(wrong_answer(question))
        if number != 5:
            quiz.answer(right_answer(question))
        quiz.next()
    assert repr(quiz) == (
        "The result. Score: 6 of 8 at the first try. Look again at 3, 6. Next starts again."
    )
    marks = [shape.text for shape in quiz.drawing.shapes if isinstance(shape, Words)]
    assert (marks.count("✓ first try"), marks.count("✓ second try")) == (6, 1)
    assert marks.count("✗ missed") == 1
    quiz.next()
    assert repr(quiz) == first
    assert quiz.answer(right_answer(quiz.round)).ok
    assert quiz.score == 1


def test_the_field_and_the_buttons_do_what_the_methods_do():
    quiz = ShapeQuiz()
    quiz.controls["answer"].value = wrong_answer(quiz.round)
    assert "Question 1 of 8" in repr(quiz)
    quiz.controls["answer"].value = right_answer(quiz.round)
    assert repr(quiz) == "Score: 0 of 8 at the first try."
    quiz.controls["next"].click()
    assert "Question 2 of 8" in repr(quiz)
    assert quiz.controls["answer"].value == ""
    quiz.controls["check"].click()
    assert any("Not attempted yet" in page for page in pages(quiz))
    quiz.controls["answer"].value = right_answer(quiz.round)
    assert quiz.score == 1


def test_pressing_check_after_the_field_was_left_counts_no_second_point():
    quiz = ShapeQuiz()
    quiz.controls["answer"].value = right_answer(quiz.round)
    quiz.controls["check"].click()
    assert quiz.score == 1


def test_a_quiz_leaves_the_random_numbers_of_the_notebook_alone():
    answer = right_answer(ShapeQuiz().round)
    before = torch.get_rng_state()
    assert ShapeQuiz().answer(answer).ok
    assert torch.equal(before, torch.get_rng_state())


def test_a_wrong_answer_is_told_its_mistake_by_name():
    quiz = ShapeQuiz()
    question = quiz.round
    seq_len, batch, _ = question.input_shape
    answer = f"{batch}, {seq_len}, {question.arguments['hidden_size']}"
    assert quiz.answer(answer).verdict == "time_batch_swapped"
    assert any("time_batch_swapped" in page for page in pages(quiz))


@pytest.mark.parametrize(
    "typed",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "`<b>10`", '"><svg onload=x>'],
)
def test_nothing_that_is_typed_becomes_html(typed):
    quiz = ShapeQuiz()
    quiz.controls["answer"].value = typed
    for page in pages(quiz):
        seen = Tags(page)
        assert not seen.tags & {"script", "img", "b"}
        assert typed not in page
        assert not {"onerror", "onload"} & seen.attributes
    assert quiz.answer(typed).verdict == "cannot_check"


def test_the_question_is_there_in_all_three_faces():
    quiz = ShapeQuiz()
    bundle = quiz._repr_mimebundle_()
    question = quiz.round
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    assert bundle["text/plain"] == repr(quiz)
    assert str(list(question.input_shape)) in bundle["text/plain"]
    assert f"What is the shape of `{question.which}`?" in bundle["text/plain"]
    assert right_answer(question) not in bundle["text/plain"]


def test_nothing_can_be_answered_on_the_page_with_the_result():
    quiz = ShapeQuiz()
    quiz.answer(right_answer(quiz.round))
    for _ in quiz.rounds:
        quiz.next()
    assert quiz.words.startswith("The result.")
    assert quiz.controls["answer"].disabled
    assert quiz.controls["check"].disabled
    quiz.next()
    assert not quiz.controls["answer"].disabled
    assert not quiz.controls["check"].disabled
