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
        (["dog", "where", " ", "falling"], "ok"),
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
    assert report.headline == "that is `x[1]`, one position too early"
    assert "`x[2]` is word number 3 of each sentence" in report.message


def test_the_first_word_counted_from_one_is_the_one_at_index_0():
    report = check_words(word_grid()[0], word_grid(), 1)
    assert "Counting starts at 0" in report.message


def test_the_first_and_the_last_sentence_are_sentences_too():
    for sentence in (0, 2):
        assert check_words(word_grid()[:, sentence], word_grid(), sentence).verdict == (
            "time_batch_swapped"
        )


def test_where_there_is_no_such_sentence_none_is_looked_for():
    assert check_words("rain is falling", word_grid(), 3).verdict == "unrecognised"
    assert check_words("rain is falling", word_grid(), -4).verdict == "unrecognised"


def test_another_number_of_words_is_counted():
    report = check_words(["dog"], word_grid(), 2)
    assert "`x[2]` has 3 words, one of each sentence; you gave 1." in str(report)


def test_the_first_index_has_none_before_it():
    assert check_words("today", word_grid(), 0).verdict == "unrecognised"
