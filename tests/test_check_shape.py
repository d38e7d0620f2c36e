"""A wrong shape is explained by the mistake that produces exactly that shape."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lstm_teach.checks.shape import check_shape
from lstm_teach.checks.shape.check import MISTAKES, Question
from lstm_teach.shapes import predict_shapes

# seq_len 10, batch 3, input_size 100, hidden_size 20, proj_size 7: no two alike, so no two mistakes
# give the same shape by chance.
PLAIN = nn.LSTM(100, 20)
FIRST = nn.LSTM(100, 20, batch_first=True)
DEEP = nn.LSTM(100, 20, num_layers=4)
BOTH = nn.LSTM(100, 20, bidirectional=True)
DEEP_BOTH = nn.LSTM(100, 20, num_layers=4, bidirectional=True)
NARROW = nn.LSTM(100, 20, proj_size=7)
NARROW_BOTH = nn.LSTM(100, 20, proj_size=7, bidirectional=True)
TWO = nn.LSTM(100, 20, num_layers=2)
TWO_BOTH = nn.LSTM(100, 20, num_layers=2, bidirectional=True)
DEEP_NARROW = nn.LSTM(100, 20, num_layers=4, proj_size=7)
FIRST_BOTH = nn.LSTM(100, 20, batch_first=True, bidirectional=True)
CELL = nn.LSTMCell(100, 20)
TIME, BATCH = (10, 3, 100), (3, 10, 100)
ONE = (10, 100)

WRONG = [
    (PLAIN, TIME, "output", (3, 10, 20), "time_batch_swapped"),
    (FIRST, BATCH, "output", (10, 3, 20), "time_batch_swapped"),
    (BOTH, TIME, "output", (3, 10, 40), "time_batch_swapped"),
    (PLAIN, TIME, "h_n", (1, 10, 20), "time_batch_swapped"),
    (FIRST, BATCH, "c_n", (1, 10, 20), "time_batch_swapped"),
    (FIRST, BATCH, "h_n", (3, 1, 20), "batch_first_moves_state"),
    (FIRST, BATCH, "c_0", (3, 1, 20), "batch_first_moves_state"),
    (PLAIN, TIME, "h_n", (3, 1, 20), "batch_first_moves_state"),
    (DEEP_BOTH, TIME, "c_n", (3, 8, 20), "batch_first_moves_state"),
    (DEEP, TIME, "h_n", (1, 3, 20), "forgot_layers"),
    (DEEP, TIME, "h_n", (3, 20), "forgot_layers"),
    (DEEP_BOTH, TIME, "c_n", (2, 3, 20), "forgot_layers"),
    (DEEP_BOTH, TIME, "c_n", (1, 3, 20), "forgot_layers"),
    (DEEP, ONE, "h_n", (1, 20), "forgot_layers"),
    (DEEP_BOTH, TIME, "h_n", (3, 20), "forgot_layers"),
    (TWO, TIME, "h_n", (1, 3, 20), "forgot_layers"),
    (TWO_BOTH, TIME, "h_n", (1, 3, 20), "forgot_layers"),
    (DEEP_NARROW, TIME, "c_n", (1, 3, 20), "forgot_layers"),
    (BOTH, TIME, "output", (10, 3, 20), "forgot_directions"),
    (BOTH, TIME, "h_n", (1, 3, 20), "forgot_directions"),
    (BOTH, TIME, "h_n", (3, 20), "forgot_directions"),
    (DEEP_BOTH, TIME, "h_n", (4, 3, 20), "forgot_directions"),
    (NARROW_BOTH, TIME, "output", (10, 3, 7), "forgot_directions"),
    (BOTH, ONE, "output", (10, 20), "forgot_directions"),
    (FIRST_BOTH, BATCH, "output", (3, 10, 20), "forgot_directions"),
    (BOTH, TIME, "h_n", (1, 3, 40), "directions_in_wrong_axis"),
    (DEEP_BOTH, TIME, "c_n", (4, 3, 40), "directions_in_wrong_axis"),
    (DEEP_BOTH, TIME, "h_n", (4, 2, 3, 20), "directions_in_wrong_axis"),
    (BOTH, TIME, "output", (10, 3, 2, 20), "directions_in_wrong_axis"),
    (BOTH, TIME, "output", (2, 10, 3, 20), "directions_in_wrong_axis"),
    (BOTH, TIME, "output", (20, 3, 20), "directions_in_wrong_axis"),
    (BOTH, TIME, "output", (10, 6, 20), "directions_in_wrong_axis"),
    (DEEP, TIME, "output", (4, 10, 3, 20), "all_layers_in_output"),
    (DEEP, TIME, "output", (10, 3, 80), "all_layers_in_output"),
    (DEEP, TIME, "output", (40, 3, 20), "all_layers_in_output"),
    (DEEP_BOTH, TIME, "output", (8, 10, 3, 20), "all_layers_in_output"),
    (DEEP, ONE, "output", (4, 10, 20), "all_layers_in_output"),
    (DEEP_BOTH, TIME, "output", (4, 10, 3, 40), "all_layers_in_output"),
    (TWO, TIME, "output", (2, 10, 3, 20), "all_layers_in_output"),
    (PLAIN, TIME, "output", (3, 20), "last_step_only"),
    (PLAIN, TIME, "output", (1, 3, 20), "last_step_only"),
    (FIRST, BATCH, "output", (3, 1, 20), "last_step_only"),
    (DEEP, TIME, "output", (4, 3, 20), "last_step_only"),
    (PLAIN, ONE, "output", (20,), "last_step_only"),
    (DEEP_NARROW, TIME, "output", (4, 3, 7), "last_step_only"),
    (PLAIN, TIME, "output", (10, 3, 100), "input_size_for_hidden_size"),
    (PLAIN, TIME, "c_n", (1, 3, 100), "input_size_for_hidden_size"),
    (BOTH, TIME, "output", (10, 3, 200), "input_size_for_hidden_size"),
    (CELL, (3, 100), "h", (3, 100), "input_size_for_hidden_size"),
    (CELL, (100,), "h", (100,), "input_size_for_hidden_size"),
    (NARROW, TIME, "output", (10, 3, 20), "proj_size_ignored"),
    (NARROW, TIME, "h_n", (1, 3, 20), "proj_size_ignored"),
    (NARROW_BOTH, TIME, "output", (10, 3, 40), "proj_size_ignored"),
    (NARROW_BOTH, TIME, "h_n", (2, 3, 20), "proj_size_ignored"),
    (NARROW, TIME, "c_n", (1, 3, 7), "proj_size_on_c"),
    (NARROW_BOTH, ONE, "c_n", (2, 7), "proj_size_on_c"),
    (PLAIN, TIME, "h_n", (3, 20), "wrong_rank"),
    (PLAIN, TIME, "output", (10, 20), "wrong_rank"),
    (PLAIN, TIME, "output", (), "wrong_rank"),
    (PLAIN, TIME, "output", (1, 10, 3, 20), "wrong_rank"),
    (PLAIN, ONE, "output", (10, 1, 20), "wrong_rank"),
    (PLAIN, ONE, "h_n", (1, 10, 20), "wrong_rank"),
    (PLAIN, ONE, "h_n", (1, 1, 20), "wrong_rank"),
    (CELL, (3, 100), "h", (1, 3, 20), "wrong_rank"),
    (CELL, (3, 100), "c", (20,), "wrong_rank"),
    (CELL, (100,), "h", (1, 20), "wrong_rank"),
    (PLAIN, TIME, "output", (10, 3, 2, 20), "wrong_rank"),
    (PLAIN, TIME, "output", (10, 3, 21), "unrecognised"),
    (PLAIN, TIME, "h_n", (1, 3, 40), "unrecognised"),
    (PLAIN, TIME, "c_n", (1, 3, 0), "unrecognised"),
    (BOTH, TIME, "h_n", (2, 3, 200), "unrecognised"),
    (BOTH, TIME, "output", (3, 10, 20), "unrecognised"),  # two at once
    (PLAIN, TIME, "h_n", (10, 3, 20), "unrecognised"),
    (BOTH, TIME, "h_n", (2, 3, 40), "directions_in_wrong_axis"),
    (DEEP_BOTH, TIME, "c_n", (8, 3, 40), "directions_in_wrong_axis"),
    (CELL, (3, 100), "h", (20, 3), "unrecognised"),
    (DEEP, TIME, "h_n", (8, 3, 20), "unrecognised"),
    (FIRST, BATCH, "output", (3, 10, 40), "unrecognised"),
    (DEEP_BOTH, TIME, "c_n", (6, 3, 20), "unrecognised"),
]


@pytest.mark.parametrize(("module", "input_shape", "which", "answer", "verdict"), WRONG)
def test_a_wrong_shape_has_a_name(module, input_shape, which, answer, verdict):
    report = check_shape(answer, module, input_shape, which)
    assert report.verdict == verdict
    assert report.judged
    assert not report.ok
    assert report.headline


@pytest.mark.parametrize(("module", "input_shape", "which", "answer", "verdict"), WRONG)
def test_a_wrong_shape_is_told_the_right_one_only_on_request(
    module, input_shape, which, answer, verdict
):
    right = f"`{which}` is `{getattr(predict_shapes(module, input_shape), which)}`."
    assert right not in str(check_shape(answer, module, input_shape, which))
    report = check_shape(answer, module, input_shape, which, reveal=True)
    assert right in report.message
    assert report.verdict == verdict


SAID = [
    (FIRST, BATCH, "output", (10, 3, 20), "batch_first=True, so `output` comes in the order of "),
    (FIRST, BATCH, "output", (10, 3, 20), "`[batch, seq_len, ...]`: seq_len is 10 and batch is 3."),
    (PLAIN, TIME, "h_n", (1, 10, 20), "seq_len, 10, stands where the batch belongs."),
    (DEEP, TIME, "h_n", (1, 3, 20), "the first axis of `h_n` is `num_layers = 4`."),
    (DEEP_BOTH, TIME, "h_n", (4, 3, 20), "is `num_layers * num_directions = 4 * 2 = 8`."),
    (DEEP_BOTH, TIME, "c_n", (1, 3, 20), "the layers and the directions are both left out"),
    (BOTH, TIME, "output", (10, 3, 20), "its last axis is 2 * 20 = 40."),
    (PLAIN, TIME, "output", (3, 20), "keeps its time axis, 10 long"),
    (NARROW, TIME, "h_n", (1, 3, 20), "from hidden_size, 20, to 7, and `h_n` is made of h."),
    (NARROW_BOTH, TIME, "output", (10, 3, 40), "to 7 in each direction, and `output` is made of h"),
    (NARROW, TIME, "c_n", (1, 3, 7), "the last axis of `c_n` is hidden_size, 20."),
    (PLAIN, TIME, "output", (10, 3, 100), "100 is input_size"),
    (PLAIN, TIME, "output", (10, 3, 100), "What comes out is hidden_size wide, 20."),
    (NARROW, TIME, "output", (10, 3, 100), "What comes out is proj_size wide, 7."),
    (BOTH, TIME, "output", (10, 3, 200), "hidden_size wide, 20 in each direction."),
    (CELL, (3, 100), "h", (3, 100), "What comes out is hidden_size wide, 20."),
    (PLAIN, TIME, "h_n", (3, 20), "`h_n` keeps it, 1 long, even for one layer."),
    (PLAIN, ONE, "output", (10, 1, 20), "one sample of 10 steps without a batch"),
    (PLAIN, ONE, "h_n", (1, 10, 20), "one sample of 10 steps without a batch"),
    (PLAIN, TIME, "output", (10,), "`output` has 3 axes here, and you gave 1."),
    (CELL, (3, 100), "h", (1, 3, 20), "no axis for layers and none for time"),
    (CELL, (3, 100), "h", (20, 3), "batch and hidden_size are swapped."),
    (PLAIN, TIME, "output", (20, 3, 10), "seq_len and hidden_size are swapped."),
    (PLAIN, TIME, "output", (10, 4, 21), "batch and hidden_size are off."),
    (DEEP, TIME, "h_n", (8, 3, 20), "two directions are counted, and this module has one."),
    (DEEP, TIME, "c_0", (8, 3, 20), "the first axis of `c_0` is `num_layers = 4`."),
    (NARROW, TIME, "output", (10, 3, 14), "the last axis of `output` is proj_size, 7."),
    (DEEP_BOTH, TIME, "c_n", (6, 3, 20), "the layers and the directions are added up."),
    (DEEP, TIME, "h_n", (5, 3, 20), "the two numbers are multiplied"),
    (PLAIN, TIME, "h_n", (2, 3, 20), "Or the layers and the directions are added up: "),
]


@pytest.mark.parametrize(("module", "input_shape", "which", "answer", "words"), SAID)
def test_the_reason_is_told_in_the_numbers_of_the_question(
    module, input_shape, which, answer, words
):
    assert words in str(check_shape(answer, module, input_shape, which))


@pytest.mark.parametrize(
    ("module", "input_shape", "which", "answer", "words"),
    [
        (DEEP, TIME, "h_n", (1, 3, 20), "directions"),
        (BOTH, TIME, "h_n", (1, 3, 20), "both the layers"),
        (DEEP, TIME, "h_n", (3, 20), "even for one layer"),
        (PLAIN, TIME, "output", (10, 1, 3, 20), "without a batch"),
        (PLAIN, TIME, "output", (10, 3, 21), "is the shape of"),
        (CELL, (3, 100), "h", (20,), "has no axis for layers"),
        (CELL, (3, 100), "h", (20, 3), "has no axis for layers"),
    ],
)
def test_no_mistake_is_told_that_was_not_made(module, input_shape, which, answer, words):
    assert words not in str(check_shape(answer, module, input_shape, which))


def test_what_was_given_is_repeated():
    assert check_shape("10, 20", PLAIN, TIME, "output").evidence == {"given": "[10, 20]"}


def test_every_verdict_of_the_contract_is_tried():
    assert {verdict for *_, verdict in WRONG} == {m.verdict for m in MISTAKES} | {"unrecognised"}


@st.composite
def questions(draw):
    size = st.integers(1, 5)
    hidden_size = draw(size)
    lstm = nn.LSTM(
        draw(size),
        hidden_size,
        num_layers=draw(st.integers(1, 3)),
        batch_first=draw(st.booleans()),
        bidirectional=draw(st.booleans()),
        proj_size=draw(st.integers(0, hidden_size - 1)),
    )
    steps = draw(st.lists(size, min_size=1, max_size=2))
    which = draw(st.sampled_from(["output", "h_n", "c_n", "h_0", "c_0"]))
    return Question(lstm, predict_shapes(lstm, (*steps, lstm.input_size)), which)


@settings(max_examples=200, deadline=None)
@given(questions())
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_right_is_what_torch_returns(q):
    with torch.no_grad():
        output, (h_n, c_n) = q.module(torch.zeros(q.shapes.input))
    true = {"output": output, "h_n": h_n, "c_n": c_n, "h_0": h_n, "c_0": c_n}[q.which].shape
    assert check_shape(true, q.module, q.shapes.input, q.which).ok


@settings(max_examples=300, deadline=None)
@given(questions(), st.sampled_from(MISTAKES))
def test_where_mistakes_agree_the_message_says_them_all(q, mistake):
    for wrong in q.gives(mistake.how):
        if wrong != q.right:
            report = check_shape(wrong, q.module, q.shapes.input, q.which)
            assert mistake.report(**q.facts).message in report.message


@settings(max_examples=300, deadline=None)
@given(questions(), st.lists(st.integers(0, 12), max_size=4))
def test_only_the_right_shape_is_ok(q, guess):
    report = check_shape(guess, q.module, q.shapes.input, q.which)
    assert report.ok == (tuple(guess) == q.right)
    assert report.verdict == "ok" or report.evidence["given"] == str(guess)


def test_two_mistakes_with_one_shape_are_both_told():
    report = check_shape((10, 3, 20), nn.LSTM(20, 20, bidirectional=True), (10, 3, 20), "output")
    assert report.verdict == "forgot_directions"
    assert "Or 20 is input_size, the width of what goes in: What comes out" in report.message
    assert report.message.count("The module is bidirectional") == 1


def test_two_mistakes_at_once_are_told_axis_by_axis():
    report = check_shape((3, 10, 20), BOTH, TIME, "output")
    off = "Not right: seq_len and batch and num_directions * hidden_size are off.\n"
    assert str(report).startswith(off)
    report = check_shape((3, 10, 20), BOTH, TIME, "output", reveal=True)
    assert "seq_len is 3 and must be 10, batch is 10 and must be 3" in str(report)


def test_the_shape_of_another_tensor_has_a_name():
    report = check_shape((10, 3, 20), PLAIN, TIME, "h_n")
    assert report.headline == "that is the shape of `output`"
    assert check_shape(TIME, PLAIN, TIME, "c_n").headline == "that is the shape of the input"


def test_a_right_answer_is_repeated_with_the_names_of_its_axes():
    report = check_shape((10, 3, 20), PLAIN, TIME, "output")
    assert report.message == "`output` is `[seq_len=10, batch=3, hidden_size=20]`."
    report = check_shape((3, 20), CELL, (3, 100), "c")
    assert report.message == "`c` is `[batch=3, hidden_size=20]`."


def test_a_right_answer_that_a_mistake_would_give_too_says_so():
    report = check_shape((3, 3, 20), PLAIN, (3, 3, 100), "output")
    assert report.ok
    assert "time_batch_swapped" in report.not_checked[0]
    assert check_shape((10, 3, 20), PLAIN, TIME, "output").not_checked == ()
    [same] = check_shape((3, 20), nn.LSTMCell(20, 20), (3, 20), "h").not_checked
    assert same == "`input_size_for_hidden_size` would give the same shape for these sizes"


RIGHT = [(10, 3, 20), [10, 3, 20], torch.Size([10, 3, 20]), "10, 3, 20", "[10,3,20]", "(10, 3, 20)"]
RIGHT += [
    "10 x 3 x 20",
    "10x3x20",
    "10X3X20",
    "10 × 3 × 20",
    "torch.Size([10, 3, 20])",
    " 10 3 20 ",
    "10,3,20,",
]


@pytest.mark.parametrize("answer", RIGHT, ids=str)
def test_a_shape_can_be_written_as(answer):
    assert check_shape(answer, PLAIN, TIME, "output").ok


@pytest.mark.parametrize("answer", ["20", "(20,)", "[20]", (20,), "torch.Size([20])"])
def test_one_axis_can_be_written_as(answer):
    assert check_shape(answer, CELL, (100,), "h").ok


@pytest.mark.parametrize(
    "answer", [None, ..., "", "  ", "...", "…", "?", (...,), (..., ..., ...), [None]]
)
def test_a_stub_is_not_attempted(answer):
    report = check_shape(answer, PLAIN, TIME, "h_n")
    assert report.verdict == "not_attempted"
    assert "`h_n`" in report.message


class Nasty:
    def __index__(self):
        raise KeyError("boom")

    def __repr__(self):
        raise KeyError("boom")


class NastyList(list):
    def __iter__(self):
        raise KeyError("boom")


JUNK = [2.5, 20, True, {10: 3}, {10, 3}, "ten three", "10, three, 20", "10.0, 3, 20", "10, , 20"]
JUNK += ["-1, 3, 20", (10, -3, 20), (10, 3.0, 20), (True, 3, 20), ("10", "3", "20"), [[10, 3, 20]]]
JUNK += [
    torch.zeros(10, 3, 20),
    torch.zeros(3),
    object(),
    print,
    [Nasty()],
    NastyList([1]),
    Nasty(),
]
JUNK += ["9" * 5000, (10**6000, 3, 20), "__import__('os').abort()", "10²", "1" + " " * 50_000 + "!"]
JUNK += [range(3), b"10, 3, 20", float("nan"), NotImplemented, nn.LSTM, "x", ",", "{10}", "%s"]


@pytest.mark.parametrize("answer", JUNK, ids=lambda answer: type(answer).__name__)
def test_what_is_no_shape_gets_a_sentence(answer):
    report = check_shape(answer, PLAIN, TIME, "output")
    assert report.verdict == "cannot_check"
    assert not report.judged
    assert "Write one whole number" in report.message
    assert report._repr_html_()


@settings(max_examples=300, deadline=None)
@given(st.text() | st.text(alphabet="0123456789 ,x()[]-.", max_size=12))
def test_no_text_is_a_traceback(text):
    assert str(check_shape(text, PLAIN, TIME, "output"))


@pytest.mark.parametrize("which", ["hidden", "h", None, 3, ["h_n"], ""])
def test_an_unknown_tensor_gets_a_sentence(which):
    report = check_shape((10, 3, 20), PLAIN, TIME, which)
    assert report.verdict == "cannot_check"
    assert '"output", "h_n", "c_n", "h_0", "c_0"' in report.message


def test_a_cell_is_asked_about_h_and_c():
    for which in ["h", "c", "h_n", "c_n", "h_0", "c_0"]:
        assert check_shape((3, 20), CELL, (3, 100), which).ok
    report = check_shape((3, 20), CELL, (3, 100), "output")
    assert "For nn.LSTMCell, `which` must be one of" in report.message


@pytest.mark.parametrize("answer", [None, (10, 3, 20), "junk"])
def test_an_impossible_input_is_told_in_the_words_of_the_shape_error(answer):
    report = check_shape(answer, PLAIN, (10, 3, 7), "output")
    assert report.verdict == "cannot_check"
    assert "made with input_size=100" in report.message


@pytest.mark.parametrize("module", [nn.GRU(100, 20), nn.LSTM, "lstm", None])
def test_another_module_gets_a_sentence(module):
    report = check_shape((10, 3, 20), module, TIME, "output")
    assert report.verdict == "cannot_check"
    assert "`check_shape` needs an nn.LSTM or an nn.LSTMCell" in report.message


def test_the_report_names_the_axis_that_is_missing():
    assert "the axis of batch is missing" in str(check_shape("10, 20", PLAIN, TIME, "output"))
    assert "and you gave 4" in str(check_shape("1,10,3,20", PLAIN, TIME, "output"))


def test_a_size_that_is_no_whole_number_is_named_by_its_type():
    report = check_shape((10, "3", 20), PLAIN, TIME, "output")
    assert "You gave a value of type `str`" in report.message


def test_empty_brackets_are_a_shape_without_axes_and_a_tensor_has_its_shape():
    assert check_shape("()", PLAIN, TIME, "output").verdict == "wrong_rank"
    assert "its shape is `.shape`" in check_shape(torch.zeros(2), PLAIN, TIME, "output").message


def test_a_size_goes_as_far_as_torch_can_count():
    assert check_shape((2**63 - 1, 3, 20), PLAIN, TIME, "output").judged
    assert "whole number" in check_shape((2**63, 3, 20), PLAIN, TIME, "output").message


def test_no_hint_on_how_to_write_gives_the_answer_away():
    for answer in (None, "ten three", 2.5):
        assert "10, 3, 20" not in str(check_shape(answer, PLAIN, TIME, "output"))


@pytest.mark.parametrize(
    "text",
    [
        "seq_len=10, batch=3, hidden_size=20",
        "[seq_len=10, batch=3, hidden_size=20]",
        "output: [10, 3, 20]",
        "T=10, B=3, H=20",
        "Size([10, 3, 20])",
        "`(10, 3, 20)`.",
        "(10，3，20)",
        "（１０，３，２０）",
        "１０、３、２０",
        "１０　３　２０",
    ],
)
def test_names_beside_the_sizes_are_welcome(text):
    assert check_shape(text, PLAIN, TIME, "output").ok


@pytest.mark.parametrize("lstm", [PLAIN, DEEP_BOTH, NARROW, FIRST])
@pytest.mark.parametrize("which", ["output", "h_n", "c_n"])
def test_the_packages_own_way_to_write_a_shape_is_understood(which, lstm):
    shape = getattr(predict_shapes(lstm, TIME), which)
    assert check_shape(str(shape), lstm, TIME, which).ok


def test_a_long_text_is_refused_at_once():
    assert "too long" in check_shape("5, " * 100_000, PLAIN, TIME, "output").message


def test_a_size_that_is_no_size_is_quoted():
    assert "`-1`" in check_shape((-1, 3, 20), PLAIN, TIME, "output").message
    assert "You gave `5.0`" in check_shape((5.0, 3, 20), PLAIN, TIME, "output").message


@pytest.mark.parametrize(
    "answer",
    ["2*2, 3, 20", "(2 * 2, 3, 20)", torch.tensor([4, 3, 20]), np.array([4, 3, 20])],
    ids=str,
)
def test_products_and_arrays_are_read(answer):
    lstm = nn.LSTM(100, 20, num_layers=2, bidirectional=True)
    assert check_shape(answer, lstm, (10, 3, 100), "h_n")


@pytest.mark.parametrize("answer", ["4*3*20", torch.zeros(4, 3, 20), np.zeros(3)], ids=str)
def test_one_product_or_the_tensor_itself_is_no_shape(answer):
    lstm = nn.LSTM(100, 20, num_layers=2, bidirectional=True)
    assert check_shape(answer, lstm, (10, 3, 100), "h_n").verdict == "cannot_check"
