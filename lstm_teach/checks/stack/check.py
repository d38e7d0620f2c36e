"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.checks.stack.brought import Brought, Call, bring
from lstm_teach.checks.stack.mistakes import MISTAKES
from lstm_teach.checks.stack.results import (
    ARRANGEMENTS,
    OF_OWNERS,
    Arranged,
    close,
    described,
    first_off,
    read,
    same,
)
from lstm_teach.checks.stack.trial import Trial, try_all


@leaves_no_trace
def check_stack(run_stack: Any, call: Callable[..., Any] | None = None) -> Report:
    """Say whether a stack of cells computes what it should, and if not, name what is wrong.

    A function or a class is lent nn.LSTMCells: one, two and three layers, of equal and different
    sizes. A module is tried with copies of its own cells. The weights are large, and every step
    and every state is held against the same cells called layer by layer.

    Args:
        run_stack: a function (cells, x) -> (output, states). cells is a list of nn.LSTMCell from
            the lowest layer up, x is `[seq_len, batch, input_size]`. output is `[seq_len, batch,
            hidden_size of the top layer]`; states holds for each layer one (h, c), each `[batch,
            hidden_size of that layer]`, after the last step. It may be written in NumPy; then cells
            and x have arrays inside. Or a module that owns its cells, each
            an nn.LSTMCell or of one class of your own, and reads x, or x with the batch first; or
            a class that takes the cells, whose instances read x. Of an nn.Module its weights are
            looked for in parameters() too, and a state that is kept between calls.
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
    brought = bring(run_stack, call)
    if isinstance(brought, Report):
        return brought
    trials, differs = try_all(brought, torch.float64)
    others = [(brought, torch.float32), (replace(brought, numpy=True), torch.float64)]
    for other, dtype in others[: 1 if brought.owns else 2]:
        first = replace(other, cases=other.cases[:1])
        if trials[0].raised and not try_all(first, dtype)[0][0].raised:
            trials, differs = try_all(other, dtype)
    report = replace(_judge(brought, trials, differs), of="stack")
    if isinstance(run_stack, type) and report.verdict in ("ok", "cannot_check"):
        missing = _not_owned(run_stack, report.ok)
        report = report if missing is None else missing
    untried = ", ".join(case.name for case in brought.cases[len(trials) :])
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


def _judge(brought: Brought, trials: list[Trial], differs: str) -> Report:
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
    report = _verdict(brought, done)
    if report.verdict == "variant":
        return report
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


def _verdict(brought: Brought, done: list[Trial]) -> Report:
    """What is to be said of the numbers that came back."""
    axes = "[batch, seq_len, input_size]" if brought.batch_first else "[seq_len, batch, input_size]"
    layout = f"It reads x as `{axes}`."
    for arranged in OF_OWNERS if brought.owns else ARRANGEMENTS[:1]:
        if _fits(done, arranged):
            names = ", ".join(trial.case.name for trial in done)
            cells = "its own cells" if brought.owns else "the nn.LSTMCells that the check handed in"
            said = [f"Every step and state agrees with {cells}, called layer by layer ({names})."]
            said += [layout] if brought.owns else []
            if arranged.headline:
                said.append(f"It differs from the check's own form: {arranged.headline}.")
            notes = dict.fromkeys(note for trial in done for note in trial.notes)
            return Report("ok", "\n".join([*said, *notes]), {"stacks tried": len(done)})
    report = _named(done)
    if report is None:
        # A stack written for two layers has its own trouble with three, which hides its mistake.
        report = _named([trial for trial in done if len(trial.cells) == 2])
        other = "\nThat is with two layers. With more or fewer, more is wrong: loop over"
        if report is not None:
            return replace(report, message=f"{report.message}{other} `enumerate(cells)`.")
        report = _seen_at_the_cells(brought, done, layout)
    return _unrecognised(done) if report is None else report


def _fits(trials: list[Trial], arranged: Arranged = ARRANGEMENTS[0]) -> bool:
    return all(t.right and same(t.given, arranged.how(*t.right)) for t in trials)


def _named(trials: list[Trial]) -> Report | None:
    """An arrangement or a known mistake that fits all of these."""
    if not trials or _fits(trials):
        return None
    for arranged in ARRANGEMENTS[1:]:
        if _fits(trials, arranged):
            return Report(
                "unrecognised",
                f"Your numbers are right.\nFix: {arranged.fix}.",
                headline=arranged.headline,
            )
    by_output = None
    output_is_wrong = not all(t.right and same(t.output, t.right[0]) for t in trials)
    evidence = _evidence(trials)
    for mistake in MISTAKES:
        wrong = cache(lambda trial, how=mistake.how: trial.by(how))
        for arranged in ARRANGEMENTS:
            if all((w := wrong(t)) and same(t.given, arranged.how(*w)) for t in trials):
                report = mistake.report(evidence)
                if not arranged.headline or mistake.verdict == "variant":
                    return report
                besides = f"\nAnd {arranged.headline}: {arranged.fix}."
                return replace(report, message=f"{report.message}{besides}")
        if output_is_wrong and not by_output:
            fits = all((w := wrong(t)) and same(t.output, w[0]) for t in trials)
            by_output = mistake if fits else None
    return by_output.report(evidence) if by_output else None


def _evidence(done: list[Trial]) -> dict[str, Any]:
    """With what the first wrong numbers came, and which they are."""
    wrong = next(t for t in done if not _fits([t]))
    first = first_off(wrong.given, wrong.right)
    return {"tried with": wrong.case.name, **({"first off": first} if first else {})}


def _seen_at_the_cells(brought: Brought, done: list[Trial], layout: str) -> Report | None:
    """What the calls of the cells tell, where no known mistake explains the numbers."""
    if not all(len(calls) == trial.case.seq_len for trial in done for calls in trial.calls):
        return None
    trial, evidence = done[0], {"tried with": done[0].case.name}
    odd = list(_odd_calls(trial))
    if not odd and brought.with_parts:
        return Report(
            "ok",
            f"Each layer reads h of the layer below at every step, and goes on from its own (h, c)."
            f" {layout}",
            {"stacks tried": len(done)},
            ("what your module makes of h of the top layer before it returns it",),
        )
    if not odd:
        return None
    if all(layer == 0 for layer, *_ in odd) and any(_fed_back(trial, call) for *_, call in odd):
        return Report(
            "variant",
            "It feeds back, as with attention, or where an output becomes the next input. How "
            "layer 0's input is made is not judged; all else is wired right.",
            evidence,
            headline="what layer 0 reads is made of earlier h too",
        )
    layer, sentence, _ = odd[0]
    if layer is not None and brought.with_parts:
        what = "Something stands between, such as a norm or a linear layer. It is not judged."
        return Report("variant", what, evidence, headline=sentence)
    what = (
        "Every call of a cell before that one gets what it should. Print both there, and compare."
    )
    return Report("unrecognised", what, evidence, headline=sentence)


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


def _fed_back(trial: Trial, call: Call) -> bool:
    """Whether what this call reads is made of what other calls returned."""
    results = [part for calls in trial.calls for c in calls if c is not call for part in c.result]
    earlier = [part for part in results if part.requires_grad]
    if not call.x.requires_grad or not earlier:
        return False
    found = torch.autograd.grad(call.x.sum(), earlier, allow_unused=True, retain_graph=True)
    return any(grad is not None and bool(grad.any()) for grad in found)


def _unrecognised(done: list[Trial]) -> Report:
    wrong = [trial for trial in done if not _fits([trial])]
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
