"""A report says the same in plain text and in a notebook: verdict, reason, numbers, limits."""

import re
from dataclasses import replace

import pytest

from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report

WRONG = Report(
    "gate_order",
    "Your blocks are `i < f`, not `f`.\nSwap them.",
    {"off by": 0.123456, "gate": "f"},
    ("What happens on a GPU.", "What happens in half precision."),
    "the gates are read in another order",
)


def test_a_report_reads_from_plain_words_to_its_numbers_and_ends_with_the_slug():
    assert str(WRONG).splitlines() == [
        "Not right: the gates are read in another order.",
        "Your blocks are `i < f`, not `f`.",
        "Swap them.",
        "Measured: off by = 0.12, gate = f",
        "verdict: gate_order",
    ]
    assert repr(WRONG) == str(WRONG)


def test_what_was_not_looked_at_stands_under_what_is_right_or_another_kind():
    unseen = [
        "Not looked at: What happens on a GPU.",
        "Not looked at: What happens in half precision.",
    ]
    for verdict, shown in (("ok", unseen), ("variant", unseen), ("gate_order", [])):
        lines = str(replace(WRONG, verdict=verdict)).splitlines()
        assert [line for line in lines if line.startswith("Not looked at")] == shown


def test_a_report_without_numbers_and_limits_does_not_mention_any():
    assert str(Report("ok", "It is an LSTM.")) == "Right.\nIt is an LSTM."


@pytest.mark.parametrize(
    ("verdict", "headline", "title"),
    [
        ("ok", "", "✔ Right."),
        ("variant", "coupled gates", "≠ Another cell: coupled gates."),
        ("not_attempted", "", "… Not attempted yet."),
        ("cannot_check", "it reads a sequence", "? Not checked: it reads a sequence."),
        ("raises", "", "✘ Not right: a line of yours raises an error."),
        ("unrecognised", "h is off", "✘ Not right: h is off."),
        ("stale_c", "h is made from the old c", "✘ Not right: h is made from the old c."),
    ],
)
def test_the_outcome_stands_in_the_headline_by_a_sign_and_by_words(verdict, headline, title):
    report = Report(verdict, "Why.", headline=headline)
    assert f"<strong>{title}</strong>" in report._repr_html_()
    assert bool(report) == (verdict == "ok")


def test_each_outcome_has_an_edge_of_its_own():
    def edge(verdict):
        shown = Report(verdict, "Why.")._repr_html_()
        sign = re.search("<strong>(.)", shown)[1]
        return sign, re.search("solid (#[0-9a-f]{6})", shown)[1]

    told_apart = ("ok", "variant", "not_attempted", "cannot_check", "raises")
    assert len({edge(verdict) for verdict in told_apart}) == 5
    assert edge("raises") == edge("unrecognised") == edge("stale_c")


def test_a_notebook_shows_the_words_of_the_text_with_code_as_code():
    shown = WRONG._repr_html_()
    assert re.findall("<code[^>]*>(.*?)</code>", shown) == ["i &lt; f", "f"]
    assert "Swap them." in shown.partition("<br>")[2]
    words = re.sub("<[^>]*>", "", shown.replace("<br>", "\n").replace("</p>", "\n"))
    assert words.replace("&lt;", "<").split() == ["✘", *str(WRONG).replace("`", "").split()]


def test_a_mistake_fills_in_the_words_of_its_report():
    mistake = Mistake(
        "seq_len_1", "`{name}` sees one step", "It got {steps} step.", "fix {name}", 0
    )
    report = mistake.report({"steps": 1}, name="lstm", steps=1)
    assert report.headline == "`lstm` sees one step"
    assert report.message == "It got 1 step.\nFix: fix lstm."


def test_only_a_right_lstm_comes_as_an_nn_lstm():
    with pytest.raises(ValueError, match="verdict is 'gate_order'"):
        WRONG.as_torch()


def test_a_verdict_stands_below_where_it_is_a_name():
    assert str(Report("stale_c", "m", headline="h is off")).endswith("verdict: stale_c")
    assert "verdict" not in str(Report("unrecognised", "m", headline="h is off"))
