"""What a learner's code raises is a finding, and the check leaves no trace."""

import importlib
import linecache
import random
import signal
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from lstm_teach.cells import lstm_step
from lstm_teach.checks import running
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time, untouched_globals

X = torch.zeros(2, 5)


def raises_in_torch(x):
    return nn.LSTMCell(3, 4)(x)


def raises_in_a_helper(x):
    def helper(y):
        return y.no_such_name

    return helper(x)


def stub_that_raises(x):
    raise NotImplementedError


def stub_with_a_gap(x):
    for t in range(...):
        x = t
    return x


def exits(x):
    sys.exit("no")


def recurses(x):
    return recurses(x)


class BadText(Exception):
    def __str__(self):
        raise ValueError


def raises_bad_text(x):
    raise BadText


def raises_a_long_text(x):
    raise ValueError("a" * 10_000 + "`the end`")


class NoForward(nn.Module):
    pass


def test_a_result_is_handed_through():
    assert run_in_time(lambda x: x + 1, 2) == 3


@pytest.mark.parametrize(
    "blank", [None, ..., (..., ...), (None, None), (None, ...), [...], (None,)]
)
def test_a_stub_is_not_attempted(blank):
    def stub(x):
        return blank

    assert run_in_time(stub, X).verdict == "not_attempted"


@pytest.mark.parametrize("stub", [stub_that_raises, stub_with_a_gap, NoForward()])
def test_a_stub_that_raises_is_not_attempted(stub):
    assert run_in_time(stub, X).verdict == "not_attempted"


def half_done(x):
    return ..., x


@pytest.mark.parametrize(
    ("stub", "words"),
    [
        (stub_that_raises, "`stub_that_raises` raises `NotImplementedError`"),
        (half_done, "`half_done` returns `..., Tensor`"),
        (lambda x: None, "Your function returns `None`"),
        (lambda x: (None, None), "Your function returns `None, None`"),
        (stub_with_a_gap, "There is still a `...` to fill in. Your code meets it at line"),
    ],
)
def test_a_stub_is_told_how_it_was_known(stub, words):
    assert words in run_in_time(stub, X).message


def test_a_text_about_an_ellipsis_makes_no_stub():
    def plots(x):
        raise ValueError("an ellipse or an ellipsis has no length")

    assert run_in_time(plots, X, made_up=False).verdict == "raises"


def asserts(x):
    assert x.dim() == 3


def raises_in_many_lines(x):
    if x.dim() != 3:
        raise ValueError(
            f"{x.dim()} axes",
        )


def takes_the_shape_apart(x):
    batch, steps, features = x.shape
    return batch, steps, features


def takes_the_size_apart(x):
    (batch, steps), other = x.size(), 0
    batch, steps, features = x.size()
    return batch, steps, features, other


@pytest.mark.parametrize(
    "code", [asserts, raises_in_many_lines, takes_the_shape_apart, takes_the_size_apart]
)
def test_only_what_was_made_up_may_be_refused(code):
    refused = run_in_time(code, X)
    assert refused.verdict == "cannot_check"
    assert f"(in `{code.__name__}`)" in refused.message
    assert run_in_time(code, X, made_up=False).verdict == "raises"


def takes_its_own_apart(x):
    state = torch.cat([x, x, x])
    h, c = state
    return h, c


@pytest.mark.parametrize("code", [raises_in_torch, raises_in_a_helper, takes_its_own_apart])
def test_a_mistake_is_none_that_refuses_what_comes_in(code):
    assert run_in_time(code, X).verdict == "raises"


def test_a_result_with_one_part_missing_is_an_answer():
    assert run_in_time(lambda x: (x, None), X)[0] is X


def test_an_empty_tuple_is_an_answer():
    assert run_in_time(lambda x: (), X) == ()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises_in_torch, ["inconsistent input_size", "return nn.LSTMCell(3, 4)(x)"]),
        (raises_in_a_helper, ["AttributeError", "return y.no_such_name", "`helper`"]),
        (exits, ["SystemExit: no"]),
        (recurses, ["RecursionError", "return recurses(x)"]),
        (raises_bad_text, ["BadText"]),
        (raises_a_long_text, ["[...]", "'the end'"]),
    ],
)
def test_an_exception_is_reported_with_the_learners_own_line(function, words):
    report = run_in_time(function, X, made_up=False)
    assert report.verdict == "raises"
    for word in words:
        assert word in report.message
    assert len(report.message) < 800


def test_a_notebook_cell_is_not_called_by_its_changing_file_name():
    source = "def cell(x):\n    return x.nothing\n"
    filename = "/tmp/ipykernel_123/456.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    names = {}
    exec(compile(source, filename, "exec"), names)
    message = run_in_time(names["cell"], X).message
    assert "line 2 of your cell (in `cell`): `return x.nothing`" in message
    assert "ipykernel" not in message


def test_code_in_a_file_is_called_by_the_file_and_the_function():
    message = run_in_time(raises_in_torch, X).message
    assert "of `test_check_running.py` (in `raises_in_torch`): `return nn.LSTMCell" in message


def test_an_error_inside_this_package_or_inside_python_comes_from_the_learners_line():
    def steps(x):
        return lstm_step(x, x, x, x, x)

    def imports(x):
        return importlib.import_module("no_such_module")

    assert "`return lstm_step(x, x, x, x, x)`" in run_in_time(steps, X).message
    assert '`return importlib.import_module("no_such_module")`' in run_in_time(imports, X).message


def test_a_lambda_has_no_name_to_be_called_by():
    message = run_in_time(lambda x: x.nothing, X).message
    assert "of `test_check_running.py`: `" in message
    assert "<lambda>" not in message.partition("\n")[2].partition(":")[0]


def test_a_cell_of_an_older_ipython_is_a_cell_too_also_without_its_source():
    names = {}
    exec(compile("def cell(x):\n    return x.nothing\n", "<ipython-input-3-ab>", "exec"), names)
    message = run_in_time(names["cell"], X).message
    assert message.endswith("This comes from line 2 of your cell (in `cell`).")


@pytest.mark.parametrize(
    ("code", "words"),
    [(int, "`int`"), (3, "`int`"), (lambda: 0, "your")],
)
def test_where_no_line_of_the_learner_raised_nothing_was_checked(code, words):
    report = run_in_time(code, "x")
    assert report.verdict == "cannot_check"
    assert words in report.message
    assert "`call=`" in report.message


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "try: len(x)\n        except Exception: pass",
        pytest.param(
            "try: len(x)\n        except: pass",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 11),
                reason="Python 3.10 looks at an alarm within `try` alone, if the loop is no more",
            ),
        ),
    ],
)
def test_an_endless_loop_is_stopped(monkeypatch, ending):
    monkeypatch.setattr(running, "LONGEST", 0.2)
    names = {}
    exec(f"def endless(x):\n    while True:\n        {ending}\n", names)
    report = run_in_time(names["endless"], X)
    assert report.verdict == "raises"
    assert "was stopped" in report.message
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm")
def test_an_alarm_of_the_callers_own_is_left_alone():
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append("ring"))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        assert run_in_time(lambda: time.sleep(0.3) or 1) == 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == ["ring"]


def test_checks_in_several_threads_give_the_screen_back():
    screen = sys.stdout, sys.stderr

    @leaves_no_trace
    def check(seconds):
        print("working")
        time.sleep(seconds)
        return Report("ok", "")

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(check, [0.05, 0.02, 0.04, 0.01]))
    assert all(reports)
    assert (sys.stdout, sys.stderr) == screen


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm")
def test_a_call_that_ends_in_time_leaves_no_alarm_behind():
    before = signal.getsignal(signal.SIGALRM)
    assert run_in_time(lambda x: x + 1, 2) == 3
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_an_endless_loop_is_called_so(monkeypatch):
    monkeypatch.setattr(running, "LONGEST", 0.05)

    def walks_on(x):
        while True:
            x = x + 1

    report = run_in_time(walks_on, X)
    assert report.verdict == "raises"
    assert "Endless, or too slow: it took more than 0.05 s, and was stopped" in report.message
    assert report.cause == "too_slow"


class EndlessWithABatchSize:
    def __init__(self):
        self.batch_size = 3

    def forward(self):
        while True:
            pass


def test_an_endless_loop_is_no_matter_of_a_fixed_batch():
    report = run_in_time(EndlessWithABatchSize().forward, seconds=0.05)
    assert (report.verdict, report.cause) == ("raises", "too_slow")


def test_only_who_returns_nothing_is_told_of_a_missing_return():
    assert "or the `return` is missing" in run_in_time(lambda x: None, X).message
    assert "is missing" not in run_in_time(lambda x: ..., X).message


def test_a_module_is_called_by_the_method_that_a_learner_writes():
    class Half(nn.Module):
        def forward(self, x):
            return ...

    assert run_in_time(Half(), X).message.startswith("`Half.forward` returns `...`")


def test_the_keyboard_interrupt_passes():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_time(interrupted, X)


def change_everything_and_fail():
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    raise ZeroDivisionError


def numpy_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002


def test_global_state_is_put_back():
    before = torch.get_rng_state(), random.getstate(), numpy_state()
    with pytest.raises(ZeroDivisionError), untouched_globals():
        change_everything_and_fail()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert numpy_state() == before[2]
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_default_device() == torch.device("cpu")
    assert torch.is_grad_enabled()


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_an_alarm_that_rings_in_a_finalizer_is_not_reported_and_rings_again(monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)

    class Slow:
        def __del__(self):
            end = time.perf_counter() + 0.2
            while time.perf_counter() < end:
                pass

    def code():
        Slow()
        while True:
            pass

    report = run_in_time(code, seconds=0.05)
    assert report.verdict == "raises"
    assert "was stopped" in report.message
    assert not reported
    assert sys.unraisablehook == reported.append


def test_torch_has_one_thread_meanwhile_and_afterwards_as_many_as_before():
    torch.set_num_threads(2)
    try:
        with untouched_globals():
            assert torch.get_num_threads() == 1
            torch.set_num_threads(3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_a_check_keeps_prints_and_warnings_off_the_screen_and_says_so(capfd):
    @leaves_no_trace
    def check():
        print("hello `you`")
        print("progress", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return Report("ok", "Right.")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check()
    assert report.ok
    assert "`hello 'you'`" in report.message
    assert capfd.readouterr() == ("", "")


def test_a_check_can_take_gradients_wherever_it_is_called():
    @leaves_no_trace
    def check():
        assert not torch.zeros(1).is_inference()
        return Report("ok", "Right.")

    with torch.inference_mode():
        assert check()


def test_a_check_of_quiet_code_says_nothing_of_printing():
    report = Report("ok", "Right.")
    assert leaves_no_trace(lambda: report)() is report


def test_what_gets_past_a_checks_own_guards_is_a_report():
    @leaves_no_trace
    def check(divisor):
        return Report("ok", str(1 / divisor))

    report = check(0)
    assert report.verdict == "cannot_check"
    assert "The check could not go on: `ZeroDivisionError: division by zero`" in report.message
