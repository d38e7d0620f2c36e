"""check_cell on what is no cell, half a cell, or a cell that misbehaves."""

from __future__ import annotations

import sys
import time

import pytest
import torch
from torch import nn

from lstm_teach import check_cell
from tests.zoo.cell.right import TwoLinears, chunked


@pytest.mark.parametrize(
    "stub", [None, ..., lambda *a: None, lambda *a: ..., lambda *a: (..., ...)]
)
def test_a_stub_is_not_attempted(stub):
    assert check_cell(stub).verdict == "not_attempted"


def test_a_module_without_forward_is_not_attempted():
    class Empty(nn.Module):
        pass

    assert check_cell(Empty).verdict == "not_attempted"
    assert check_cell(Empty()).verdict == "not_attempted"


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda h, c: h, "one tensor"),
        (lambda h, c: torch.stack((h, c), 1), "one tensor of shape `[3, 2, 4]`"),
        (lambda h, c: (h.T, c.T), "a tuple of `[4, 3]`, `[4, 3]`"),
        (lambda h, c: (h[None], c[None]), "a tuple of `[1, 3, 4]`, `[1, 3, 4]`"),
        (lambda h, c: (h.repeat(1, 4), c), "a tuple of `[3, 16]`, `[3, 4]`"),
        (lambda h, c: (h, c * torch.nan), "NaN"),
        (lambda h, c: (h / 0, c), "infinite"),
        (lambda h, c: (h.long(), c.long()), "int64"),
    ],
)
def test_what_comes_back_is_told_beside_what_was_expected(wrap, said):
    for cell in (_returning(wrap), _module_returning(wrap)):
        report = check_cell(cell)
        assert report.verdict == "unrecognised"
        assert said in report.message


@pytest.mark.parametrize(
    "wrap",
    [
        lambda h, c: (h, (h, c)),
        lambda h, c: (2 * h, [h, c]),
        lambda h, c: (h, h, c),
        lambda h, c: ((h, c), [h * c, h + c]),
        lambda h, c: (h, c, {"i": h}, None),
        lambda h, c: {"h": h, "c": c},
    ],
)
def test_what_comes_back_beside_h_and_c_is_told(wrap):
    for cell in (_returning(wrap), _module_returning(wrap)):
        report = check_cell(cell)
        assert report.ok, report
        assert "nn.LSTMCell returns `(h, c)` alone" in report.message


def test_a_c_that_is_none_is_told():
    report = check_cell(_module_returning(lambda h, c: (h, None)))
    assert report.verdict == "unrecognised"
    assert "a tuple of `[3, 4]`, None" in report.message


def _returning(wrap):
    return lambda *args: wrap(*chunked(*args))


def _module_returning(wrap):
    class Wrapped(TwoLinears):
        def forward(self, x, hidden):
            return wrap(*super().forward(x, hidden))

    return Wrapped


def test_an_error_is_shown_with_its_line():
    def breaks(x, h, c, w_ih, w_hh, b_ih, b_hh):
        return h @ nothing, c  # noqa: F821

    report = check_cell(breaks)
    assert report.verdict == "raises"
    assert "NameError" in report.message
    assert "h @ nothing" in report.message


@pytest.mark.parametrize("error", [SystemExit(1), RecursionError("deep"), ValueError("<b>")])
def test_whatever_is_raised_is_a_finding(error):
    def raises(*args):
        raise error

    report = check_cell(raises)
    assert report.verdict == "cannot_check"  # it refuses what it is given
    assert "(in `raises`)" in report.message


def test_the_keyboard_stops_the_check():
    def interrupted(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_cell(interrupted)


def test_wrong_arguments_are_told_with_the_line_to_write():
    def with_parameters(xt, a_prev, c_prev, parameters):
        return chunked(xt, a_prev, c_prev, *parameters)

    report = check_cell(with_parameters)
    assert report.verdict == "cannot_check"
    assert "call=lambda net, x, h, c: net(x, h, c, parameters)" in report.message
    assert "call=lambda net, x, h, c, w_ih, w_hh, b_ih, b_hh:" in report.message
    assert check_cell(
        with_parameters,
        call=lambda net, x, h, c, w_ih, w_hh, b_ih, b_hh: net(x, h, c, [w_ih, w_hh, b_ih, b_hh]),
    )
    assert "call=lambda net, x, h, c:" in check_cell(nn.Linear(3, 4)).message


def test_a_class_with_other_arguments_asks_for_an_instance():
    class Needy(TwoLinears):
        def __init__(self, input_size, hidden_size, layers):
            super().__init__(input_size, hidden_size)

    assert "Give the check an instance" in check_cell(Needy).message


@pytest.mark.parametrize("other", [nn.LSTM(3, 4), 3, "cell", torch.ones(2)])
def test_what_is_no_cell_gets_a_sentence(other):
    report = check_cell(other)
    assert report.verdict == "cannot_check"
    assert "Give the check" in report.message


def test_changing_the_callers_c_is_right_but_told():
    def in_place(x, h, c, w_ih, w_hh, b_ih, b_hh):
        i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, 1)
        c *= f.sigmoid()
        c += i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    report = check_cell(in_place)
    assert report.ok
    assert "argument `c` in place" in report.message


def test_weights_that_a_call_closes_over_are_put_back():
    weights = torch.full((16, 9), 0.5), torch.full((16,), 0.5)

    class Gates(nn.Module):
        def forward(self, x, h, c, w, b):
            i, f, g, o = (torch.cat([x, h], 1) @ w.to(x).T + b.to(x)).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c

    assert check_cell(Gates(), 5, 4, call=lambda gates, x, h, c: gates(x, h, c, *weights)).ok
    assert all((weight == 0.5).all() for weight in weights)


def test_right_numbers_without_gradients_are_told():
    report = check_cell(lambda *args: tuple(t.detach() for t in chunked(*args)))
    assert report.ok
    assert "no gradient" in report.message


def test_a_right_module_without_gradients_is_told():
    class Detached(TwoLinears):
        def forward(self, x, hidden):
            return tuple(t.detach() for t in super().forward(x, hidden))

    report = check_cell(Detached)
    assert report.ok
    assert "no gradient" in report.message


def test_a_whole_lstm_is_told_from_a_cell():
    class Sequence(TwoLinears):
        def forward(self, x, hidden):
            _batch, _seq_len, _features = x.shape
            return hidden

    report = check_cell(Sequence)
    assert report.verdict == "cannot_check"
    assert "x of shape `[seq_len, batch, input_size]`" in report.message


def test_h_and_c_apart_are_given_by_their_names():
    class CellFirst(TwoLinears):
        def forward(self, x, c, h):
            return super().forward(x, (h, c))

    assert check_cell(CellFirst).ok


def test_a_class_that_wants_a_device_gets_one():
    class OnADevice(TwoLinears):
        def __init__(self, input_size, hidden_size, device):
            super().__init__(input_size, hidden_size)
            self.to(device)

    assert check_cell(OnADevice).ok


def test_a_slow_cell_is_judged_by_what_time_allows():
    def slow(*args):
        time.sleep(1.1)
        return chunked(*args)

    report = check_cell(slow)
    assert report.ok
    assert report.not_checked


def test_a_slow_module_that_raises_is_not_tried_for_long():
    class SlowlyRaises(TwoLinears):
        def forward(self, x, hidden):
            time.sleep(0.6)
            raise ValueError("late")

    start = time.perf_counter()
    assert check_cell(SlowlyRaises(5, 4)).verdict in ("raises", "cannot_check")
    assert time.perf_counter() - start < 6


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_an_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr("lstm_teach.checks.running.LONGEST", 0.2)

    def endless(*args):
        while True:
            pass

    report = check_cell(endless)
    assert report.verdict == "raises"
    assert "stopped" in report.message


def test_a_cell_with_a_memory_of_its_own_is_told():
    class Stateful(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.cell, self.state = nn.LSTMCell(input_size, hidden_size), None

        def forward(self, x, state):
            self.state = self.cell(x, self.state or state)
            return self.state

    report = check_cell(Stateful)
    assert report.verdict == "unrecognised"
    assert "Two calls" in report.message


def test_a_module_whose_sizes_cannot_be_found_asks_for_them():
    class Shapeless(nn.Module):
        def __init__(self):
            super().__init__()
            self.lookup = nn.Linear(7, 3)

        def forward(self, x, state):
            raise ValueError("no sizes")

    assert "input_size=" in check_cell(Shapeless()).message


def test_what_is_printed_stays_off_the_screen(capsys):
    def prints(*args):
        print("hello")
        return chunked(*args)

    assert "hello" in check_cell(prints).message
    assert capsys.readouterr().out == ""
