"""Running a learner's code: what it raises is a finding, and it changes nothing around it."""

from __future__ import annotations

import inspect
import io
import linecache
import os
import re
import signal
import sys
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
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from lstm_teach.checks.mistake import said, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.slips import misspelt_init, place_of, slip_in
from lstm_teach.undisturbed import put_random_states_back, random_states

P = ParamSpec("P")

LONGEST = 5.0
"""Seconds after which `run_in_time` stops a call."""

FINAL = "unknown_name", "misspelt_init", "no_super"
"""Causes of errors that no other call of the code changes."""

_AGAIN = 0.02
_BATCH = re.compile(r"_?(n_)?(batch(_?size)?|bsz?|B)", re.IGNORECASE)
_LONGEST_ERROR = 400
_ONE_CHECK_AT_A_TIME = threading.RLock()
_OURS = Path(__file__).parents[1], Path(torch.__file__).parent
_PYTHONS = map(sysconfig.get_path, ("stdlib", "platlib", "purelib"))
_NOT_THE_LEARNERS = ("<frozen", *(f"{folder}{os.sep}" for folder in (*_OURS, *_PYTHONS)))


class TookTooLong(BaseException):
    """A call was stopped. No Exception, so that a learner's `except Exception` does not eat it."""


def run_in_time(
    function: Callable[..., Any],
    *args: Any,
    made_up: bool = True,
    seconds: float | None = None,
    **kwargs: Any,
) -> Any:
    """What a function, a class or a module of a learner's returns; or a report.

    A stub is "not_attempted": it returns None or ``...``, raises NotImplementedError or trips over
    a ``...``. Every other exception but KeyboardInterrupt is "raises", with the learner's own line;
    but what the check `made_up` that line may refuse, as by an `assert`: that is "cannot_check". An
    endless loop is stopped after `seconds`, or else `LONGEST`.
    """
    try:
        with _stopped_after(seconds or LONGEST):
            result = function(*args, **kwargs)
    except (Exception, SystemExit, TookTooLong) as error:
        lines = [line for _, line in _learners_frames(error)]
        reached = (*lines, sys.maxsize) if lines else ()
        return replace(_report_on(error, function, made_up), reached=reached)
    blank = _blank(result)
    if not blank:
        return result
    stub = "stub_or_no_return" if result is None else "stub"
    return told(stub, name=_name(function, "Your"), blank=blank)


@contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    """Raise TookTooLong after so long.

    That can be done in the main thread of a system that has SIGALRM, and where nobody else has
    set that alarm; anywhere else the call goes on until it ends.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def stop(*_: Any) -> None:
        raise TookTooLong(f"it took more than {seconds:g} s, and was stopped")

    def overheard(seen: Any) -> None:
        if not isinstance(seen.exc_value, TookTooLong):  # in a `__del__`, say: it rings again
            hook(seen)

    before, hook = signal.signal(signal.SIGALRM, stop), sys.unraisablehook
    sys.unraisablehook = overheard
    try:
        try:
            # It rings again and again, since a bare `except:` in the loop may eat it.
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # it may have rung on the way out
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = hook


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread of its own.

    More are of little use to small models, and wait for each other, up to a hundred times as
    long, where something else needs the cores too: a browser, a class on one machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def no_crash() -> Iterator[None]:
    """Let nn.LSTMCell refuse one sample with the states of several, which ends Python itself."""

    def refuse(cell: nn.Module, given: Any) -> None:
        match cell, given:
            case nn.LSTMCell(), (torch.Tensor() as x, (torch.Tensor() as h, _)):
                if x.dim() == 1 < h.dim() and len(h) == cell.hidden_size:
                    shapes = f"{[*x.shape]}, {[*h.shape]}"
                    raise RuntimeError(f"LSTMCell: one sample, and the states of several: {shapes}")

    hook = register_module_forward_pre_hook(refuse)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def untouched_globals() -> Iterator[None]:
    """Put the random states, the default dtype and device and the grad mode back afterwards."""
    randomness = random_states()
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    try:
        with one_thread(), torch.set_grad_enabled(torch.is_grad_enabled()):
            yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        put_random_states_back(randomness)


def leaves_no_trace(check: Callable[P, Report]) -> Callable[P, Report]:
    """Wrap a check so that the learner's code leaves global state and the screen as they were.

    A check runs the learner's code many times, so what it prints is caught, and the report
    says so; its warnings are left out. Whatever gets past the check's own guards is a report too.
    """

    signature = inspect.signature(check)

    @wraps(check)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Report:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            return told(
                "not_so_called",
                name=check.__name__,
                error=error,
                takes=", ".join(signature.parameters),
            )
        printed = io.StringIO()
        with (
            _ONE_CHECK_AT_A_TIME,  # for what follows belongs to the whole process
            untouched_globals(),
            no_crash(),
            torch.inference_mode(False),
            warnings.catch_warnings(),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            warnings.simplefilter("ignore")
            try:
                report = check(*args, **kwargs)
            except Exception as error:
                own = _learners_frames(error)
                place = f"\nThis comes from {_where(*own[-1])}." if own else ""
                report = told("could_not_go_on", text=f"{_quoted(error)}{place}")
        lines = printed.getvalue().splitlines()
        if not lines:
            return report
        sentence = said("prints", line=_plain(lines[0]))
        return replace(report, message=f"{report.message}\n{sentence}")

    return wrapped


def _learners_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """The frames and lines that are neither this package's nor a library's, from outside in."""
    return [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(_NOT_THE_LEARNERS)
    ]


def _where(frame: FrameType, number: int) -> str:
    """A line of the learner's in words: function, line number and source.

    A notebook cell is called "your cell", because its file name changes with every kernel.
    """
    code = frame.f_code
    is_cell = "ipykernel_" in code.co_filename or code.co_filename.startswith("<ipython-input")
    place = "your cell" if is_cell else f"`{Path(code.co_filename).name}`"
    inside = "" if code.co_name.startswith("<") else f" (in `{code.co_name}`)"
    source = linecache.getline(code.co_filename, number, frame.f_globals).strip()
    shown = f": `{_plain(source)}`" if source else ""
    return f"line {number} of {place}{inside}{shown}"


def _report_on(error: BaseException, function: Callable[..., Any], made_up: bool) -> Report:
    text, cause = _quoted(error), ""
    if isinstance(error, TookTooLong):
        text, cause = f"`Endless, or too slow: {error}`", "too_slow"
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    innermost, reached = frames[-1], [frame.f_locals.get("self") for frame in frames]
    own = _learners_frames(error)
    by_itself = innermost in [frame for frame, _ in own[-1:]]
    by_itself |= innermost.f_code.co_name == "_forward_unimplemented"
    if isinstance(error, NotImplementedError) and by_itself:
        is_open = innermost.f_code.co_name == "_forward_unimplemented"
        if is_open:
            return told("no_forward", name=f"{type(innermost.f_locals['self']).__name__}.forward")
        return told("not_implemented", name=_name(function, "Your"))
    init = misspelt_init(function) if isinstance(function, type) else ""
    if not own and init:
        message = f"{text}\n{said('misspelt_init', name=init)}"
        return Report("raises", message, cause="misspelt_init")
    if not own:
        message = f"{text}\n{said('no_line_raised_it', name=_name(function))}"
        return Report("cannot_check", message, cause=cause)
    place, where = place_of(*own[-1], reached), _where(*own[-1])
    if place and place.blank():
        return Report("not_attempted", f"{said('gap', where=where)}\nIt says: {text}")
    message = f"{text}\nThis comes from {where}."
    if made_up and by_itself and place and place.refuses(error, first=len(own) == 1):
        refused = told("refused")
        return replace(refused, message=f"{message}\n{refused.message}", cause=cause)
    kept = getattr(own[-1][0].f_locals.get("self"), "__dict__", {})
    fixed = [n for n, size in kept.items() if _BATCH.fullmatch(n) and isinstance(size, int)]
    if made_up and fixed and not cause:
        asked = told("fixed_batch", name=fixed[0])
        return replace(asked, message=f"{message}\n{asked.message}", cause=cause)
    missing = place.missing() if made_up and place else {}
    if missing and not misspelt_init(type(own[-1][0].f_locals["self"])):
        asked = told("made_elsewhere", **missing)
        return replace(asked, message=f"{message}\n{asked.message}", cause="made_elsewhere")
    if type(error) is NameError:
        cause = "unknown_name"
    elif place and not cause:
        cause, sentence = slip_in(place)
        message += f"\n{sentence}" * bool(cause)
    return Report("raises", message, cause=cause)


def _blank(result: Any) -> str:
    """What a stub returns, as it is written: None, ``...``, or a tuple or a list of them; "" for
    anything else."""
    parts = result if isinstance(result, (tuple, list)) else [result]
    known = {id(None): "None", id(...): "..."}
    names = [known.get(id(part), type(part).__name__) for part in parts]
    return ", ".join(names) if "..." in names or {*names} == {"None"} else ""


def _name(function: Callable[..., Any], your: str = "your") -> str:
    kind = type(function).__name__
    own = f"{kind}.forward" if isinstance(function, torch.nn.Module) else kind
    name = getattr(function, "__name__", own)
    return f"{your} function" if name == "<lambda>" else f"`{name}`"


def _quoted(error: BaseException) -> str:
    return f"`{_plain(''.join(traceback.format_exception_only(error)).strip())}`"


def _plain(text: str) -> str:
    """What can stand in backticks: of a long text the beginning and the end, since torch puts what
    matters in either."""
    half = _LONGEST_ERROR // 2
    shown = text if len(text) <= _LONGEST_ERROR else f"{text[:half]} [...] {text[-half:]}"
    return shown.replace("`", "'")
