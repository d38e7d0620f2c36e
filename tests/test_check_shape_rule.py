"""A rule for a shape is tried on several models, and the first that it gets wrong is told."""

import pytest

from lstm_teach import check_shape_rule


def directions(lstm):
    return 1 + lstm.bidirectional


def right(lstm, seq_len, batch):
    return lstm.num_layers * directions(lstm), batch, lstm.hidden_size


@pytest.mark.parametrize("which", ["h_n", "c_n", "h_0", "c_0"])
def test_a_right_rule_is_right_for_all(which):
    assert check_shape_rule(right, which)


@pytest.mark.parametrize(
    ("rule", "verdict", "words"),
    [
        (lambda lstm, t, b: (lstm.num_layers, b, lstm.hidden_size), "forgot_directions", "True"),
        (lambda lstm, t, b: (1, b, lstm.hidden_size), "forgot_layers", "num_layers=4"),
        (lambda lstm, t, b: (1, 3, 20), "unrecognised", "the same for another model"),
        (lambda lstm, t, b: (lstm.num_layers, b, lstm.hiden_size), "raises", "hiden_size"),
        (lambda lstm, t, b: None, "not_attempted", "return"),
        (lambda lstm, b: (lstm.num_layers, b, lstm.hidden_size), "cannot_check", "positional"),
    ],
)
def test_a_wrong_rule_is_told_its_mistake_and_the_model(rule, verdict, words):
    report = check_shape_rule(rule, "h_n")
    assert report.verdict == verdict
    assert words in report.message
