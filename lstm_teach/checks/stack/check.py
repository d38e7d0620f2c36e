"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.checks.stack.mistakes import MISTAKES, Mistake
from lstm_teach.checks.stack.results import ARRANGEMENTS, Result, complaint, first_off, same
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
        coarser = try_all(run_stack, torch.float32)
        if sum(trial.raised for trial in coarser[0]) < sum(trial.raised for trial in trials):
            trials, again = coarser
    with torch.no_grad():
        report = _judge(trials, again)
    untried = ", ".join(case.name for case in CASES[len(trials) :])
    if not untried:
        return report
    return replace(report, not_checked=(f"{untried}: your function took too long before.",))


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
    done = [trial for trial in trials if not trial.raised]
    stubs = [trial for trial in raised if trial.given.verdict == "not_attempted"]
    for trial in stubs or (raised if not done else []):
        return trial.given  # type: ignore[no-any-return]
    also = list(dict.fromkeys(change for trial in trials for change in trial.changes))
    if not again:
        also.append(
            "Two calls with the same cells and the same x give different numbers: start each "
            "call from zeros, not from random numbers or from a state that was kept."
        )
    right = _all_right(done)
    for trial in raised[:1]:
        also.insert(0 if right else len(also), _on_an_error(trial))
    if not right:
        report = _name(done)
        return replace(report, message="\n".join([report.message, *also]))
    names = ", ".join(trial.case.name for trial in done)
    agrees = f"Every step and every state agrees with nn.LSTMCell ({names})."
    if also:
        return Report("raises" if raised else "unrecognised", "\n".join([agrees, *also]))
    notes = dict.fromkeys(note for trial in done for note in trial.notes)
    return Report("ok", "\n".join([agrees, *notes]), {"stacks tried": len(done)})


def _on_an_error(trial: Trial) -> str:
    size = f"x is {list(trial.x.shape)}"
    said = f"With {trial.case.name} it raises an error ({size}):\n{trial.given.message}"
    if "batch size" in trial.given.message:
        said += "\nMake h and c for the batch of x, which is `x.shape[1]`."
    return said


def _all_right(trials: Iterable[Trial]) -> bool:
    return all(same(trial.given, list(trial.right)) for trial in trials)


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
    """An arrangement or a known mistake that fits all of these."""
    if _all_right(trials):
        return None
    for arranged, said in ARRANGEMENTS:
        if all(same(t.given, arranged(*t.right)) for t in trials):
            message = f"Your numbers are right. {said}"
            return Report("unrecognised", message, headline="it is not yet what was asked for")
    by_output = None
    output_is_wrong = not all(same(_output(t), t.right[0]) for t in trials)
    for mistake in MISTAKES:
        wrong = cache(partial(_run, mistake))
        for arranged, said in ARRANGEMENTS:
            if all((w := wrong(t)) and same(t.given, arranged(*w)) for t in trials):
                message = f"{mistake.message}\n{said}".strip()
                return Report(mistake.verdict, message, _difference(trials))
        if output_is_wrong and not by_output:
            fits = all((w := wrong(t)) and same(_output(t), w[0]) for t in trials)
            by_output = mistake if fits else None
    if by_output is None:
        return None
    return Report(by_output.verdict, by_output.message, _difference(trials))


def _run(mistake: Mistake, trial: Trial) -> Result | None:
    """What the mistaken stack computes, or None where the sizes do not let it run."""
    try:
        return mistake.run(trial.cells, trial.x)
    except (RuntimeError, ValueError):
        return None


def _output(trial: Trial) -> Any:
    return trial.given[0] if isinstance(trial.given, list) and trial.given else trial.given


def _difference(done: list[Trial]) -> dict[str, Any]:
    wrong = next(t for t in done if not _all_right([t]))
    return {"tried with": wrong.case.name, **first_off(wrong.given, wrong.right)}


def _unrecognised(done: list[Trial]) -> Report:
    for trial in done:
        said = complaint(trial.given, trial.right)
        if said:
            return Report("unrecognised", f"With {trial.case.name}: {said}")
    off = _difference(done)
    wrong = [trial.case.name for trial in done if not _all_right([trial])]
    right = [trial.case.name for trial in done if trial.case.name not in wrong]
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
