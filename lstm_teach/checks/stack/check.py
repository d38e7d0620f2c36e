"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.checks.stack.mistakes import MISTAKES, Mistake
from lstm_teach.checks.stack.results import (
    ARRANGEMENTS,
    Arrangement,
    Result,
    complaint,
    first_off,
    same,
)
from lstm_teach.checks.stack.trial import CASES, Trial, try_all


@leaves_no_trace
def check_stack(run_stack: Callable[..., Any]) -> Report:
    """Say whether a stack of cells computes what it should, and if not, name what is wrong.

    It is tried with one, two and three layers, equal and different sizes, and large weights, and
    every step and every state is held against nn.LSTMCell called layer by layer.

    Args:
        run_stack: a function (cells, x) -> (output, states). cells is a list of nn.LSTMCell from
            the lowest layer up, x is `[seq_len, batch, input_size]`. output is `[seq_len, batch,
            hidden_size of the top layer]`; states holds for each layer one (h, c), each `[batch,
            hidden_size of that layer]`, after the last step.

    Returns:
        A report; its verdict is "ok", "not_attempted", "raises", "unrecognised" or a mistake's
        name, such as "stale_lower_state". It never raises because of the stack.
    """
    if run_stack is None or run_stack is ...:
        return Report("not_attempted", "There is no function yet: write `run_stack(cells, x)`.")
    if isinstance(run_stack, type) or not callable(run_stack):
        return Report("unrecognised", _not_a_function(run_stack))
    trials, again = try_all(run_stack, torch.float64)
    if len(trials) == len(CASES) and any(trial.raised for trial in trials):
        coarser, coarser_again = try_all(run_stack, torch.float32)
        if sum(trial.raised for trial in coarser) < sum(trial.raised for trial in trials):
            trials, again = coarser, coarser_again
    with torch.no_grad():
        report = _judge(trials, again)
    untried = CASES[len(trials) :]
    if not untried:
        return report
    slow = f"{', '.join(case.name for case in untried)}: your function took too long before."
    return replace(report, not_checked=(*report.not_checked, slow))


def _not_a_function(given: Any) -> str:
    if isinstance(given, type):
        return (
            f"`{given.__name__}` is a class, and the check needs a function. Where the class "
            f"takes the cells, that is `check_stack(lambda cells, x: {given.__name__}(cells)(x))`."
        )
    return (
        f"The check needs the function itself, `check_stack(run_stack)`, and got a value of type "
        f"`{type(given).__name__}`."
    )


def _judge(trials: list[Trial], again: bool) -> Report:
    raised = [trial for trial in trials if trial.raised]
    for trial in raised:
        if trial.given.verdict == "not_attempted":
            return trial.given  # type: ignore[no-any-return]
    done = [trial for trial in trials if not trial.raised]
    if not done:
        return raised[0].given  # type: ignore[no-any-return]
    also = list(dict.fromkeys(change for trial in trials for change in trial.changes))
    if not again:
        also.append(
            "Two calls with the same cells and the same x give different numbers: start each "
            "call from zeros, not from random numbers or from a state that was kept."
        )
    if _all_right(done):
        return _judge_right(done, raised, also)
    report = _name(done)
    if raised:
        also.append(_on_an_error(raised[0]))
    return replace(report, message="\n".join([report.message, *also]))


def _judge_right(done: list[Trial], raised: list[Trial], also: list[str]) -> Report:
    names = ", ".join(trial.case.name for trial in done)
    right = f"Every step and every state agrees with nn.LSTMCell ({names})."
    if raised:
        return Report("raises", "\n".join([right, _on_an_error(raised[0]), *also]))
    if also:
        return Report("unrecognised", "\n".join([right, *also]))
    notes = dict.fromkeys(note for trial in done for note in trial.notes)
    return Report("ok", "\n".join([right, *notes]), {"stacks tried": len(done)})


def _on_an_error(trial: Trial) -> str:
    size = f"x is {list(trial.x.shape)}"
    said = f"With {trial.case.name} it raises an error ({size}):\n{trial.given.message}"
    if "batch size" in trial.given.message:
        said += "\nMake h and c for the batch of x, which is `x.shape[1]`."
    return said


def _name(done: list[Trial]) -> Report:
    """Name what is wrong with results that are not all right."""
    report = _named(done)
    if report is not None:
        return report
    # A stack written for two layers has its own trouble with three, which hides its mistake.
    report = _named([trial for trial in done if len(trial.cells) == 2])
    if report is None:
        return _unrecognised(done)
    other = "That is what it does with two layers; with more or fewer, more is wrong: loop over "
    return replace(report, message=f"{report.message}\n{other}`enumerate(cells)`.")


def _named(trials: list[Trial]) -> Report | None:
    if _all_right(trials):
        return None
    for arrangement in ARRANGEMENTS:
        if all(same(t.given, arrangement.of(*t.right)) for t in trials):
            return Report("unrecognised", f"Your numbers are right. {arrangement.message}")
    by_output = None
    for mistake in MISTAKES:
        results = cache(partial(_run, mistake))
        found = _matches_whole(results, trials)
        if found is not None:
            message = f"{mistake.message}\n{found.message}".strip()
            return Report(mistake.verdict, message, _difference(trials))
        if by_output is None and _matches_output(results, trials):
            by_output = mistake
    if by_output is None:
        return None
    return Report(by_output.verdict, by_output.message, _difference(trials))


def _all_right(trials: list[Trial]) -> bool:
    return all(same(trial.given, list(trial.right)) for trial in trials)


def _matches_whole(
    results: Callable[[Trial], Result | None], trials: list[Trial]
) -> Arrangement | None:
    """The arrangement in which everything that was returned is what the mistake computes."""
    left = list(ARRANGEMENTS)
    for trial in trials:
        wrong = results(trial)
        left = [a for a in left if wrong is not None and same(trial.given, a.of(*wrong))]
        if not left:
            return None
    return left[0]


def _matches_output(results: Callable[[Trial], Result | None], trials: list[Trial]) -> bool:
    """Whether all outputs (but not the states) are wrong as the mistake makes them."""
    if all(same(_output(trial), trial.right[0]) for trial in trials):
        return False
    for trial in trials:
        wrong = results(trial)
        if wrong is None or not same(_output(trial), wrong[0]):
            return False
    return True


def _run(mistake: Mistake, trial: Trial) -> Result | None:
    """What the mistaken stack computes, or None where the sizes do not let it run."""
    try:
        return mistake.run(trial.cells, trial.x)
    except RuntimeError:
        return None


def _output(trial: Trial) -> Any:
    return trial.given[0] if isinstance(trial.given, list) and trial.given else trial.given


def _difference(done: list[Trial]) -> dict[str, Any]:
    wrong = next(t for t in done if not same(t.given, list(t.right)))
    return {"tried with": wrong.case.name, **first_off(wrong.given, wrong.right)}


def _unrecognised(done: list[Trial]) -> Report:
    for trial in done:
        said = complaint(trial.given, trial.case.sizes[1:], trial.case.seq_len, trial.case.batch)
        if said:
            return Report("unrecognised", f"With {trial.case.name}: {said}")
    off = _difference(done)
    wrong = [t.case.name for t in done if not same(t.given, list(t.right))]
    right = [t.case.name for t in done if t.case.name not in wrong]
    where = f"{', '.join(wrong)}. It is right with {', '.join(right)}." if right else "every one."
    first = off.get("first off", off.get("last states off", ""))
    look = f"The first thing that is off is {first}: go through it with two cells on paper."
    if "one layer" in wrong:
        look = (
            f"Even one layer alone is off, and the first thing is {first}. So look at what a "
            "layer starts from (zeros for h and c) and, if you wrote the step yourself, at its "
            "sums (each matrix and each bias once)."
        )
    return Report("unrecognised", f"Of the stacks tried, yours is wrong with {where} {look}", off)
