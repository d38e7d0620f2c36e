"""A rule for a shape is tried on several models, and the first that it gets wrong is told."""

import pytest
import torch

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
        (lambda lstm, t, b: (2 * lstm.num_layers, b, lstm.hidden_size), "unrecognised", "one dir"),
        (lambda lstm, b: (1, b, lstm.hidden_size), "cannot_check", "`h_n_shape(lstm, seq_len"),
        (lambda lstm, t, b, x: (1, b, lstm.hidden_size), "cannot_check", "these three parameters"),
        ((4, 3, 20), "cannot_check", "calls your function as"),
        (max, "cannot_check", "calls your function as"),
    ],
)
def test_a_wrong_rule_is_told_its_mistake_and_the_model(rule, verdict, words):
    report = check_shape_rule(rule, "h_n")
    assert report.verdict == verdict
    assert words in report.message


SAME = "the same for another model"


def test_only_a_rule_that_returned_the_same_before_is_told_so():
    assert SAME in check_shape_rule(lambda lstm, t, b: (1, 3, 20), "h_n").message
    assert SAME not in check_shape_rule(lambda lstm, t, b: (1, b, lstm.hidden_size), "h_n").message


def test_a_rule_may_return_an_array():
    assert check_shape_rule(lambda *given: torch.tensor(right(*given)), "h_n")
    report = check_shape_rule(lambda lstm, t, b: torch.tensor((1, 3, 20)), "h_n")
    assert SAME in report.message


def always_time(lstm, seq_len, batch):
    return seq_len, batch, directions(lstm) * lstm.hidden_size


def always_batch(lstm, seq_len, batch):
    return batch, seq_len, directions(lstm) * lstm.hidden_size


def the_wrong_way_round(lstm, seq_len, batch):
    return (always_time if lstm.batch_first else always_batch)(lstm, seq_len, batch)


IGNORES = "It returns the same whatever `lstm.batch_first` says."


@pytest.mark.parametrize(
    ("rule", "ignores"), [(always_time, True), (always_batch, True), (the_wrong_way_round, False)]
)
def test_a_rule_that_never_asks_batch_first_is_told_so(rule, ignores):
    report = check_shape_rule(rule, "output")
    assert report.verdict == "time_batch_swapped"
    assert (IGNORES in report.message) == ignores


def test_only_the_two_that_are_swapped_have_to_do_with_batch_first():
    report = check_shape_rule(lambda lstm, t, b: (t, b, lstm.input_size), "output")
    assert report.verdict == "input_size_for_hidden_size"
    assert IGNORES not in report.message


def test_a_state_does_not_depend_on_batch_first():
    report = check_shape_rule(lambda lstm, t, b: (lstm.num_layers, t, lstm.hidden_size), "h_n")
    assert report.verdict == "time_batch_swapped"
    assert IGNORES not in report.message


def refuses(lstm, seq_len, batch):
    assert lstm.num_layers == 1
    return right(lstm, seq_len, batch)


def test_a_rule_is_for_any_model_so_one_that_refuses_a_model_is_wrong():
    assert check_shape_rule(refuses, "h_n").verdict == "raises"
