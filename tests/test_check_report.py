"""A report says the same in plain text and in a notebook: verdict, reason, numbers, limits."""

import re

import pytest

from lstm_teach.checks.report import Report

WRONG = Report(
    "gate_order",
    "Your blocks are `i < f`, not `f`.\nSwap them.",
    {"off by": 0.123456, "gate": "f"},
    ("What happens on a GPU.", "What happens in half precision."),
)


def test_a_report_reads_from_the_verdict_to_what_it_could_not_see():
    assert str(WRONG).splitlines() == [
        "Not right: gate_order.",
        "Your blocks are `i < f`, not `f`.",
        "Swap them.",
        "Measured: off by = 0.12, gate = f",
        "Not checked: What happens on a GPU.",
        "Not checked: What happens in half precision.",
    ]
    assert repr(WRONG) == str(WRONG)


def test_a_report_without_numbers_and_limits_does_not_mention_any():
    assert str(Report("ok", "It is an LSTM.")) == "Right.\nIt is an LSTM."


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        ("ok", "✔ Right."),
        ("not_attempted", "… Not attempted yet."),
        ("raises", "✘ It raises an error."),
        ("unrecognised", "✘ Not right, and no single known mistake explains it."),
        ("stale_c", "✘ Not right: stale_c."),
    ],
)
def test_the_outcome_stands_in_the_title_by_a_sign_and_by_words(verdict, title):
    shown = Report(verdict, "Why.")._repr_html_()
    assert f"<strong>{title}</strong>" in shown
    assert bool(Report(verdict, "Why.")) == (verdict == "ok")


def test_a_title_of_its_own_stands_in_place_of_the_verdicts():
    report = Report("unrecognised", "Why.", title="Not yet what was asked for")
    assert str(report) == "Not yet what was asked for.\nWhy."
    assert "<strong>✘ Not yet what was asked for.</strong>" in report._repr_html_()


def test_right_wrong_and_not_attempted_have_a_colour_each():
    def colour(verdict):
        return re.search("solid (#[0-9a-f]{6})", Report(verdict, "Why.")._repr_html_())[1]

    assert len({colour("ok"), colour("not_attempted"), colour("raises")}) == 3
    assert colour("raises") == colour("unrecognised") == colour("stale_c")


def test_a_notebook_shows_the_words_of_the_text_with_code_as_code():
    shown = WRONG._repr_html_()
    assert re.findall("<code[^>]*>(.*?)</code>", shown) == ["i &lt; f", "f"]
    assert "Swap them." in shown.partition("<br>")[2]
    words = re.sub("<[^>]*>", "", shown.replace("<br>", "\n").replace("</p>", "\n"))
    assert words.replace("&lt;", "<").split() == ["✘", *str(WRONG).replace("`", "").split()]
