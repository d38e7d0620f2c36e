"""Running a learner's code: what it raises is a finding, and it changes nothing around it."""

from __future__ import annotations

import io
import linecache
import os
import signal
import sysconfig
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec

import torch

from lstm_teach.checks.report import Report
from lstm_teach.checks.slips import helped, place_of
from lstm_teach.undisturbed import put_random_states_back, random_states

P = ParamSpec("P")

LONGEST = 5.0
"""Seconds after which `run_in_time` stops a call."""

_AGAIN = 0.02
_LONGEST_ERROR = 400
_ONE_CHECK_AT_A_TIME = threading.RLock()
_NOT_THE_LEARNERS = (
    "<frozen",
    *(
        f"{folder}{os.sep}"
        for folder in (
            Path(__file__).parents[1],
            Path(torch.__file__).parent,
            *map(sysconfig.get_path, ("stdlib", "platlib", "purelib")),
        )
    ),
)


class TookTooLong(BaseException):
    """A call was stopped. No Exception, so that a learner's `except Exception` does not eat it."""


def run_in_time(
    function: Callable[..., Any], *args: Any, seconds: float | None = None, **kwargs: Any
) -> Any:
    """Do as `run_learner` does, and stop an endless loop after `seconds`, or else `LONGEST`.

    It can be stopped in the main thread of a system that has SIGALRM, and where nobody else has
    set that alarm; anywhere else the call goes on until it ends.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0]:
        return run_learner(function, *args, **kwargs)

    longest = seconds or LONGEST

    def stop(*_: Any) -> None:
        raise TookTooLong(f"it took more than {longest:g} s, and was stopped")

    before = signal.signal(signal.SIGALRM, stop)
    try:
        try:
            # It rings again and again, since a bare `except:` in the loop may eat it.
            signal.setitimer(signal.ITIMER_REAL, longest, _AGAIN)
            return run_learner(function, *args, **kwargs)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except TookTooLong as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return _report_on(error, function)
    finally:
        signal.signal(signal.SIGALRM, before)


def run_learner(
    function: Callable[..., Any], *args: Any, made_up: bool = True, **kwargs: Any
) -> Any:
    """Call what a learner wrote, a function, a class or a module; an exception becomes a report.

    Returns:
        What the function returns, or a `Report`: "not_attempted" where it is still a stub (it
        returns None or ``...``, raises NotImplementedError or trips over a ``...``), and
        "raises" with the learner's own line for every other exception but KeyboardInterrupt. What
        the check `made_up` that line may refuse, as by an `assert`: that is "cannot_check".
    """
    try:
        result = function(*args, **kwargs)
    except (Exception, SystemExit) as error:
        return _report_on(error, function, made_up)
    if _is_blank(result):
        still = "it is still the stub. Write its body"
        if result is None:
            still = "it is still the stub, or the `return` is missing. Write it"
        return Report(
            "not_attempted",
            f"{_name(function, 'Your')} returns `{_shown_blank(result)}`: {still}, then run the "
            "check again.",
        )
    return result


def default_device() -> torch.device:
    """Where new tensors are made."""
    try:
        return torch.get_default_device()
    except AttributeError:  # torch 2.6, after set_default_device(None)
        return torch.device("cpu")


@contextmanager
def untouched_globals() -> Iterator[None]:
    """Put the random states, the default dtype and device and the grad mode back afterwards."""
    randomness = random_states()
    dtype, device = torch.get_default_dtype(), default_device()
    grad = torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        if default_device() != device:
            torch.set_default_device(device)
        put_random_states_back(randomness)


def leaves_no_trace(check: Callable[P, Report]) -> Callable[P, Report]:
    """Wrap a check so that the learner's code leaves global state and the screen as they were.

    A check runs the learner's code many times, so what it prints is caught, and the report
    says so; its warnings are left out. Whatever gets past the check's own guards is a report too.
    """

    @wraps(check)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Report:
        printed = io.StringIO()
        with (
            _ONE_CHECK_AT_A_TIME,  # for what follows belongs to the whole process
            untouched_globals(),
            torch.inference_mode(False),
            warnings.catch_warnings(),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            warnings.simplefilter("ignore")
            try:
                report = check(*args, **kwargs)
            except Exception as error:
                place = f"\nThis comes from {learners_line(error)}." * bool(learners_line(error))
                report = Report(
                    "cannot_check",
                    f"The check could not go on: {_quoted(error)}{place}",
                    headline="the check itself could not go on",
                )
        lines = printed.getvalue().splitlines()
        if not lines:
            return report
        sentence = (
            "Your code prints while it runs. The check calls it many times and keeps that "
            f"off your screen; the first line was `{_without_backticks(_shorten(lines[0]))}`."
        )
        return replace(report, message=f"{report.message}\n{sentence}")

    return wrapped


def learners_line(error: BaseException) -> str:
    """Where an exception left the learner's own code: function, line number and source.

    A notebook cell is called "your cell", because its file name changes with every kernel.
    """
    own = _learners_frame(error)
    if own is None:
        return ""
    frame, number = own
    code = frame.f_code
    is_cell = "ipykernel_" in code.co_filename or code.co_filename.startswith("<ipython-input")
    place = "your cell" if is_cell else f"`{Path(code.co_filename).name}`"
    inside = "" if code.co_name.startswith("<") else f" (in `{code.co_name}`)"
    source = linecache.getline(code.co_filename, number, frame.f_globals).strip()
    shown = f": `{_without_backticks(source)}`" if source else ""
    return f"line {number} of {place}{inside}{shown}"


def _learners_frame(error: BaseException) -> tuple[FrameType, int] | None:
    """The innermost frame and line that is neither this package's nor a library's."""
    own = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(_NOT_THE_LEARNERS)
    ]
    return own[-1] if own else None


def _report_on(error: BaseException, function: Callable[..., Any], made_up: bool = True) -> Report:
    text = _quoted(error)
    if isinstance(error, TookTooLong):
        text = f"`Endless, or too slow: {error}`"
    own = _learners_frame(error)
    if own is None:
        return Report(
            "cannot_check",
            f"{text}\nThis comes from calling {_name(function)}, and no line of yours raised it. "
            "Where your code is called in another way, say how: `call=`.",
        )
    place = place_of(*own)
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    by_itself = innermost is own[0]
    if isinstance(error, NotImplementedError) and by_itself:
        return Report(
            "not_attempted",
            f"{_name(function, 'Your')} raises `NotImplementedError`: it is still the stub. "
            "Write its body, then run the check again.",
        )
    where = learners_line(error)
    if place and place.blank():
        return Report(
            "not_attempted",
            f"There is still a `...` to fill in. Your code meets it at {where}.\nIt says: {text}",
        )
    lines = [text, f"This comes from {where}."]
    if made_up and by_itself and place and place.refuses(error):
        lines.append(
            "The check made its input up, so this may be no mistake. Where your code takes "
            "something else, say how to call it: `call=`."
        )
        headline = "your code refuses what the check hands over"
        return Report("cannot_check", "\n".join(lines), headline=headline)
    lines += filter(None, [helped(place)])
    return Report("raises", "\n".join(lines))


def _quoted(error: BaseException) -> str:
    text = _shorten("".join(traceback.format_exception_only(error)).strip())
    return f"`{_without_backticks(text)}`"


def _is_blank(result: Any) -> bool:
    """Whether a result is a stub's: None, ``...``, or a tuple or list with nothing else in it."""
    if isinstance(result, (tuple, list)):
        if any(part is ... for part in result):
            return True
        return len(result) > 0 and all(part is None for part in result)
    return result is None or result is ...


def _shown_blank(result: Any) -> str:
    if isinstance(result, (tuple, list)):
        return ", ".join(map(_shown_blank, result))
    return "..." if result is ... else "None" if result is None else type(result).__name__


def _name(function: Callable[..., Any], your: str = "your") -> str:
    kind = type(function).__name__
    own = f"{kind}.forward" if isinstance(function, torch.nn.Module) else kind
    name = getattr(function, "__name__", own)
    return f"{your} function" if name == "<lambda>" else f"`{name}`"


def _shorten(text: str) -> str:
    """The beginning and the end of a long text: torch puts what matters in either."""
    if len(text) <= _LONGEST_ERROR:
        return text
    half = _LONGEST_ERROR // 2
    return f"{text[:half]} [...] {text[-half:]}"


def _without_backticks(text: str) -> str:
    """Backticks set code in a report, so those of a message or a line become quotes."""
    return text.replace("`", "'")
