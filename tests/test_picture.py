"""A picture shows its words as they are, and stays where it is."""

import html
import re

import pytest
import torch
from torch import nn

from lstm_teach import Picture, draw_curves, draw_loop, draw_unrolled
from lstm_teach.explorers.picture import VIEW, rich
from lstm_teach.figures.drawing import Drawing

WICKED = ['<script>alert("x")</script>', "<img src=x onerror=alert(1)>", '"><b>', "`<i>`", "a & b"]


@pytest.mark.parametrize("words", WICKED)
def test_words_are_shown_and_never_rendered(words):
    picture = Picture(Drawing(20, 20), words)
    shown = picture._page.value
    assert set(re.findall(r"<(\w+)", shown)) <= {"div", "svg", "p", "code"}
    assert f'aria-label="{html.escape(words)}"' in shown
    assert picture._repr_mimebundle_()["text/plain"] == repr(picture) == words


def test_what_stands_in_backticks_is_code_and_a_lonely_backtick_stays():
    assert rich("`h_n` is `<b>`") == "<code>h_n</code> is <code>&lt;b&gt;</code>"
    assert rich("5` wide") == "5` wide"


def test_a_picture_can_be_shown_anew_in_the_same_place():
    picture = Picture(Drawing(20, 20), "first")
    before = picture._repr_mimebundle_()
    picture.update(Drawing(30, 20), "second", "<em>more</em>")
    after = picture._repr_mimebundle_()
    assert after[VIEW] == before[VIEW]
    assert after["image/png"] != before["image/png"]
    assert after["text/plain"] == "second"
    assert picture._page.value.endswith("<em>more</em>")


def test_a_drawing_brings_its_own_words_and_can_grow_in_place():
    live = draw_curves({"mine": []}, 30)
    assert repr(live) == "Accuracy, up to step 30: no step yet."
    live.update(draw_curves({"mine": [1.0] * 30}, 30))
    assert repr(live) == "Accuracy, up to step 30: mine ends above 95 %."
    assert 'aria-label="Accuracy, up to step 30: mine ends' in live._page.value


def test_an_unrolled_lstm_shows_itself_in_words_that_give_no_shape_away():
    picture = draw_unrolled(nn.LSTM(100, 20, 2, bidirectional=True), torch.zeros(10, 3, 100))
    assert repr(picture).startswith("Time runs to the right: 10 time steps. Going up: 2 layers")
    assert "In depth: 3 samples." in repr(picture)
    assert "20" not in repr(picture)


def test_a_loop_over_words_shows_itself():
    values = {name: torch.ones(2, 1) for name in "ifgoch"}
    assert repr(draw_loop("not small", values)) == (
        "Step 2 of 2 has read 'small'; the sentence is read. In unit 0, f = 1.00 of the old c "
        "1.00 stays, i * g = 1.00 comes in: c = 1.00, and with o = 1.00, h = 1.00."
    )


def test_where_no_widget_lives_the_image_is_the_next_best():
    assert list(Picture(Drawing(20, 20), "w")._repr_mimebundle_()) == [
        VIEW,
        "image/png",
        "text/plain",
    ]
