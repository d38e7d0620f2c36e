"""Predicted words are held against what an index takes."""

import pytest

from lstm_teach.checks.words import check_words
from lstm_teach.words import word_grid


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (["dog", "where", "falling"], "ok"),
        ("dog, where, falling", "ok"),
        (("Dog", " where", "falling"), "ok"),
        (word_grid()[2], "ok"),
        (word_grid()[:, 2], "time_batch_swapped"),
        ("rain is falling again", "time_batch_swapped"),
        (["small", "remembers", "is"], "unrecognised"),
        (["dog"], "unrecognised"),
        (..., "not_attempted"),
        (None, "not_attempted"),
        ([], "not_attempted"),
        (3, "not_attempted"),
    ],
)
def test_words_are_right_or_their_mistake_has_a_name(answer, verdict):
    assert check_words(answer, word_grid(), 2).verdict == verdict


def test_who_counts_from_one_is_told_so():
    report = check_words(["small", "remembers", "is"], word_grid(), 2)
    assert "counting starts at 0" in report.message


def test_the_first_index_has_none_before_it():
    assert check_words("today", word_grid(), 0).verdict == "unrecognised"
