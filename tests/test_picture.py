"""A picture shows its words as they are, and stays where it is."""

import html
import re

import pytest

from lstm_teach import Picture
from lstm_teach.explorers.picture import VIEW, rich
from lstm_teach.figures.canvas import Canvas

WICKED = ['<script>alert("x")</script>', "<img src=x onerror=alert(1)>", '"><b>', "`<i>`", "a & b"]


@pytest.mark.parametrize("words", WICKED)
def test_words_are_shown_and_never_rendered(words):
    picture = Picture(Canvas(20, 20).figure, words)
    shown = picture.widget.value
    assert set(re.findall(r"<(\w+)", shown)) <= {"div", "img", "p", "code"}
    assert f'alt="{html.escape(words)}"' in shown
    assert picture._repr_mimebundle_()["text/plain"] == repr(picture) == words


def test_what_stands_in_backticks_is_code_and_a_lonely_backtick_stays():
    assert rich("`h_n` is `<b>`") == "<code>h_n</code> is <code>&lt;b&gt;</code>"
    assert rich("5` wide") == "5` wide"


def test_a_picture_can_be_shown_anew_in_the_same_place():
    picture = Picture(Canvas(20, 20).figure, "first")
    before = picture._repr_mimebundle_()
    picture.update(Canvas(30, 20).figure, "second", "<em>more</em>")
    after = picture._repr_mimebundle_()
    assert after[VIEW] == before[VIEW]
    assert after["image/png"] != before["image/png"]
    assert after["text/plain"] == "second"
    assert picture.widget.value.endswith("<em>more</em>")
