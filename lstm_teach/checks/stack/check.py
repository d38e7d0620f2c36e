"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from inspect import Parameter
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.bringing import owned, signature_of
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.checks.stack.mistakes import MISTAKES
from lstm_teach.checks.stack.results import (
    close,
    described,
    first_off,
    looked_up,
    read,
    same,
    together,
)
from lstm_teach.checks.stack.trial import CASES, Call, Trial, try_all

_TOGETHER = "the h of all layers stand together, and the c of all layers, as nn.LSTM returns them"


@leaves_no_trace
def check_stack(run_stack: Any, call: Callable[..., Any] | None = None) -> Report:
    """Say whether a stack of cells computes what it should, and if not, name what is wrong.

    A function or a class is lent nn.LSTMCells: one, two and three layers, of equal and different
    sizes. The weights are large, and every step and every state is held against the same cells
    called layer by layer. A module that owns its cells is a whole LSTM: `check_lstm` tries it.

    Args:
        run_stack: a function (cells, x) -> (output, states). cells is a list of nn.LSTMCell from
            the lowest layer up, x is `[seq_len, batch, input_size]`. output is `[seq_len, batch,
            hidden_size of the top layer]`; states holds for each layer one (h, c), each `[batch,
            hidden_size of that layer]`, after the last step. It may be written in NumPy; then cells
            and x have arrays inside. Or a module that owns its cells, and reads x, or x with the
            batch first; or a class that takes the cells, whose instances read x. Of an nn.Module
            its weights are looked for in parameters() too, and a state that is kept between calls.
        call: how to run it where that is not the way: (run_stack, cells, x) -> (output, states),
            or (run_stack, x) -> (output, states) for a module that owns its cells.

    Returns:
        A report; its verdict is "ok", "variant" (residual, bidirectional, feeding back),
        "not_attempted", "cannot_check", "raises", "unrecognised" or a mistake's name, such as
        "stale_lower_state". It never raises because of the stack.
    """
    if run_stack is None or run_stack is ...:
        return Report("not_attempted", "There is no function yet: write `run_stack(cells, x)`.")
    torch.set_default_device(None)  # the cells and x are made on the CPU
    needed = _required(run_stack) if call is None else _required(call) - 1
    run = _runner(run_stack, call, needed)
    if run is not None:
        return _of_lent_cells(run_stack, run)
    if callable(run_stack) and not isinstance(run_stack, type) and needed < 2 and owned(run_stack):
        return _of_its_own_cells(run_stack, call)
    name = getattr(run_stack, "__name__", type(run_stack).__name__)
    return Report(
        "cannot_check",
        "The check needs a function, `check_stack(run_stack)`, a class that takes the list of "
        f"cells, or an object that owns its cells, `check_stack({name}(...))`. Bring all else as "
        "`check_stack(lambda cells, x: ...)`, or say how to call it: `call=`.",
        headline=f"`{name}` is not called as `run_stack(cells, x)`",
    )


def _required(function: Any) -> int:
    """How many arguments a function cannot do without; -1 where it does not tell."""
    forward = function.forward if isinstance(function, nn.Module) else function
    parameters = signature_of(forward).parameters.values() if callable(forward) else ()
    if not parameters or any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return -1
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)


def _runner(code: Any, call: Callable[..., Any] | None, needed: int) -> Any:
    """How to run code that is lent its cells, `run(cells, x)`; None where it is not."""
    if call is not None:
        return partial(call, code) if needed == 2 else None
    if isinstance(code, type):
        return (lambda cells, x: code(cells)(x)) if needed == 1 else None
    is_module = isinstance(getattr(code, "__self__", code), nn.Module)
    return code if callable(code) and needed in ((2,) if is_module else (2, -1)) else None


def _of_its_own_cells(code: Any, call: Callable[..., Any] | None) -> Report:
    """A module that owns its cells is a whole LSTM."""
    from lstm_teach.checks.lstm import check_lstm  # which knows the mistakes of a stack

    for name, value in getattr(code, "__dict__", {}).items():
        if isinstance(value, list) and any(isinstance(part, nn.Module) for part in value):
            return Report(
                "unrecognised",
                "So the module does not know them: its `parameters()` leave them out, and no "
                f"optimizer trains them.\nFix: `self.{name} = nn.ModuleList(...)`.",
                headline=f"the cells stand in a plain list, `self.{name}`",
            )
    report = replace(check_lstm(code, call=call), of="stack")
    if report.ok and report.evidence["directions"] == 2:
        return replace(report, verdict="variant", headline="it is bidirectional", lstm=None)
    return report


def _of_lent_cells(code: Any, run: Callable[[Any, Any], Any]) -> Report:
    trials, differs = try_all(run, torch.float64)
    for how in ({"dtype": torch.float32}, {"dtype": torch.float64, "numpy": True}):
        if trials[0].raised and not try_all(run, **how, most=1)[0][0].raised:
            trials, differs = try_all(run, **how)
    report = replace(_judge(trials, differs), of="stack")
    if isinstance(code, type) and report.verdict in ("ok", "cannot_check"):
        missing = _not_owned(code, report.ok)
        report = report if missing is None else missing
    untried = ", ".join(case.name for case in CASES[len(trials) :])
    slow = (f"{untried}: your code took too long before",) if untried else ()
    return replace(report, not_checked=(*report.not_checked, *slow))


def _not_owned(stack: Callable[..., Any], right: bool) -> Report | None:
    """What a module does not own: an optimizer sees only what parameters() finds."""
    cells = [nn.LSTMCell(5, 4), nn.LSTMCell(4, 3)]
    built = stack(cells)
    if not isinstance(built, nn.Module):
        return None
    weights = set(nn.ModuleList(cells).parameters())
    found = weights & set(built.parameters())
    if found != weights:
        return Report(
            "unrecognised",
            f"`parameters()` finds {len(found)} of the {len(weights)} weights of the cells, so an "
            "optimizer would never train the others. A module does not look into a plain list: "
            "keep the cells that it is given in `nn.ModuleList(cells)`.",
            headline="the module does not own all of its cells",
        )
    x = torch.randn(6, 2, 5)
    built.eval()
    with torch.no_grad():
        if right and not same(copy.deepcopy(read(built(x))), read(built(x))):
            return Report(
                "unrecognised",
                "A second call with the same x gives other numbers: a state is kept in `self`. "
                "Start the states in `forward`.",
                headline="the state of one call is still there at the next",
            )
    return None


def _judge(trials: list[Trial], differs: str) -> Report:
    raised = [trial for trial in trials if trial.raised]
    done = [trial for trial in trials if not trial.raised]
    stubs = [trial for trial in raised if trial.given.verdict == "not_attempted"]
    for trial in stubs or (raised if not done else []):
        return trial.given  # type: ignore[no-any-return]
    if differs == "random" and not any(calls and not _zero(calls[0]) for calls in done[0].calls):
        return Report(
            "cannot_check",
            "Two calls with the same cells and the same x give different numbers. If that is "
            "dropout of your own, bring the code with it switched off. If h and c start from "
            "random numbers, start from zeros.",
            headline="it draws random numbers at every call",
        )
    report = _verdict(done)
    if report.verdict == "variant":
        return report
    if _TOGETHER in report.message and all(len({*t.case.sizes[1:]}) > 1 for t in raised):
        return report  # what has different sizes does not fit into one tensor
    also = list(dict.fromkeys(change for trial in trials for change in trial.changes))
    headline = "the numbers are right, and it changes more than it should"
    if differs:
        headline = "two calls with the same cells and the same x give different numbers"
        also.append("Start each call from zeros, not from a state that was kept or drawn.")
    for trial in raised[:1]:
        headline = f"with {trial.case.name} it raises an error"
        size = f"x is {list(trial.x.shape)}"
        said = f"With {trial.case.name} it raises an error ({size}):\n{trial.given.message}"
        also.insert(0 if report.ok else len(also), said)
    if not also:
        return report
    verdict = "raises" if raised else "unrecognised"
    report = replace(report, message="\n".join([report.message, *also]))
    return replace(report, verdict=verdict, headline=headline) if report.ok else report


def _verdict(done: list[Trial]) -> Report:
    """What is to be said of the numbers that came back."""
    agree = [_agrees(trial) for trial in done]
    if all(agree):
        names = ", ".join(trial.case.name for trial in done)
        said = "Every step and state agrees with the nn.LSTMCells that the check handed in, called"
        notes = dict.fromkeys(note for trial in done for note in trial.notes)
        own = f"It differs from the check's own form: {_TOGETHER}." if "together" in agree else ""
        message = "\n".join(filter(None, [f"{said} layer by layer ({names}).", own, *notes]))
        return Report("ok", message, {"stacks tried": len(done)})
    other = "\nThat is with {}. With other stacks, more is wrong: loop over `enumerate(cells)`."
    # A stack written for some sizes has its own trouble with others, which hides its mistake.
    two = [trial for trial in done if len(trial.cells) == 2]
    for some, said in ((done, ""), (two, "two layers"), (done[:1], done[0].case.name)):
        report = _named(some)
        if report is not None:
            return replace(report, message=report.message + other.format(said) * bool(said))
    report = _seen_at_the_cells(done)
    return _unrecognised(done) if report is None else report


def _agrees(trial: Trial) -> str:
    """ "as asked" or "together", where the numbers are right; else ""."""
    if trial.right is None:
        return ""
    if same(trial.given, trial.right):
        return "as asked"
    return "together" * same(trial.given, together(trial.right))


def _named(trials: list[Trial]) -> Report | None:
    """What fits all of these: a known mistake, another form, or what a mistake's output is."""
    if not trials or all(map(_agrees, trials)):
        return None
    evidence = _evidence(trials)
    known: list[tuple[Mistake | None, Any]] = [(None, lambda trial: trial.right)]
    known += [(mistake, cache(partial(Trial.by, stack=mistake.how))) for mistake in MISTAKES]

    def first(fits: Callable[[Trial, Any], Any]) -> Any:
        """The first whose result fits all that was given, and its results."""
        for mistake, result in known:
            if all((found := result(t)) is not None and fits(t, found) for t in trials):
                return mistake, result
        return None, None

    mistake, _ = first(lambda trial, found: same(trial.given, found))
    if mistake:
        return mistake.report(evidence)  # type: ignore[no-any-return]
    mistake, result = first(lambda trial, found: looked_up(trial.given, found))
    if result:
        wrong = next(trial for trial in trials if not _agrees(trial))
        said = f"you return {looked_up(wrong.given, result(wrong))}, not `output, [(h, c), ...]`"
        fix = "`return output, states`, with one `(h, c)` for each layer, from layer 0 up"
        if mistake is None:
            message = f"Your numbers are right.\nFix: {fix}."
            return Report("unrecognised", message, evidence, headline=said)
        report = mistake.report(evidence)
        also = f"\nAnd {said}: {fix}." * (mistake.verdict != "variant")
        return replace(report, message=report.message + also)
    mistake, _ = first(lambda trial, found: same(trial.output, found[0]))
    return mistake.report(evidence) if mistake else None


def _evidence(done: list[Trial]) -> dict[str, Any]:
    """With what the first wrong numbers came, and which they are."""
    wrong = next(t for t in done if not _agrees(t))
    first = first_off(wrong.given, wrong.right)
    return {"tried with": wrong.case.name, **({"first off": first} if first else {})}


def _seen_at_the_cells(done: list[Trial]) -> Report | None:
    """What the calls of the cells tell, where no known mistake explains the numbers."""
    if not all(len(calls) == trial.case.seq_len for trial in done for calls in trial.calls):
        return None
    trial, evidence = done[0], {"tried with": done[0].case.name}
    odd = list(_odd_calls(trial))
    if not odd:
        return None
    fed_back = any(call.x.requires_grad for *_, call in odd)
    if fed_back and all(layer == 0 for layer, *_ in odd):
        return Report(
            "variant",
            "It feeds back, as with attention, or where an output becomes the next input. How "
            "layer 0's input is made is not judged; all else is wired right.",
            evidence,
            headline="what layer 0 reads is made of earlier h too",
        )
    what = (
        "Every call of a cell before that one gets what it should. Print both there, and compare."
    )
    return Report("unrecognised", what, evidence, headline=odd[0][1])


def _odd_calls(trial: Trial) -> Iterator[tuple[int | None, str, Call]]:
    """Calls of a cell that get something else than in a right stack, and which layer reads it."""
    for t in range(trial.case.seq_len):
        for layer, calls in enumerate(trial.calls):
            call, before = calls[t], calls[t - 1].result
            if t == 0 and not _zero(call):
                yield None, f"layer {layer} does not start from zeros", call
            elif t and not (call.state and all(map(close, call.state, before))):
                yield None, f"layer {layer} does not go on at step {t} from its own (h, c)", call
            below = trial.calls[layer - 1][t].result[0] if layer else trial.x[t]
            if not close(call.x, below.detach()):
                what = f"h of layer {layer - 1} at that step" if layer else f"`x[{t}]`"
                yield layer, f"what layer {layer} reads at step {t} is not {what}", call


def _zero(call: Call) -> bool:
    return call.state is None or not any(part.any() for part in call.state)


def _unrecognised(done: list[Trial]) -> Report:
    wrong = [trial for trial in done if not _agrees(trial)]
    evidence = _evidence(done)
    first = evidence.get("first off", "")
    if not first:
        given, expected = described(wrong[0].given), described(wrong[0].right)
        return Report(
            "unrecognised",
            "Write `return output, states`: output is one tensor `[seq_len, batch, hidden_size of "
            "the top layer]`, states a list with one `(h, c)`, each `[batch, hidden_size]`, for "
            "each layer.",
            evidence,
            headline=f"you return {given}, not {expected}",
        )
    names = ", ".join(trial.case.name for trial in done if trial not in wrong)
    look = f"It is right with {names}. " if names else ""
    look += "Go through that step with two cells on paper."
    if any(len(trial.cells) == 1 for trial in wrong):
        look = "Even one layer alone is off. Look at what a layer starts from (zeros for h and c)"
        look += " and, if you wrote the step yourself, at its sums (each matrix and bias once)."
    return Report("unrecognised", look, evidence, headline=f"{first} is off")
