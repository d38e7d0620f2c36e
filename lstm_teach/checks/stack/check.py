"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.bringing import needed, owned
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.checks.stack.mistakes import MISTAKES, WORDS, told
from lstm_teach.checks.stack.trial import CASES, Trial, described, looked_up, read, same, try_all


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
        return told("empty")
    torch.set_default_device(None)  # the cells and x are made on the CPU
    needs = needed(run_stack) if call is None else needed(call) - 1
    run = _runner(run_stack, call, needs)
    if run is not None:
        return replace(_of_lent_cells(run_stack, run), of="stack")
    owns = callable(run_stack) and not isinstance(run_stack, type) and owned(run_stack)
    if owns and (needs < 2 or isinstance(run_stack, nn.Module)):
        return _of_its_own_cells(run_stack, call)
    return told("not_called", name=getattr(run_stack, "__name__", type(run_stack).__name__))


def _runner(code: Any, call: Callable[..., Any] | None, needs: int) -> Any:
    """How to run code that is lent its cells, `run(cells, x)`; None where it is not."""
    if call is not None:
        return partial(call, code) if needs == 2 else None
    if isinstance(code, type):
        return (lambda cells, x: code(cells)(x)) if needs == 1 else None
    is_module = isinstance(getattr(code, "__self__", code), nn.Module)
    if is_module and owned(code):
        return None
    return code if callable(code) and needs in ((2,) if is_module else (2, -1)) else None


def _of_its_own_cells(code: Any, call: Callable[..., Any] | None) -> Report:
    """A module that owns its cells is a whole LSTM."""
    from lstm_teach.checks.lstm import check_lstm  # which knows the mistakes of a stack

    module = code if isinstance(code, nn.Module) else nn.Module()
    known = set(module.parameters())
    for name, value in vars(module).items():
        parts = value if isinstance(value, (list, tuple)) else ()
        cells = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
        if not known.issuperset(cells.parameters()):
            return told("plain_list", name=name)
    report = replace(check_lstm(code, call=call), of="stack")
    if report.ok and report.evidence["directions"] == 2:
        return replace(report, verdict="variant", headline="it is bidirectional", lstm=None)
    return report


def _of_lent_cells(code: Any, run: Callable[[Any, Any], Any]) -> Report:
    trials, differs = try_all(run, torch.float64)
    for how in ({"dtype": torch.float32}, {"dtype": torch.float64, "numpy": True}):
        if trials[0].raised and not try_all(run, **how, most=1)[0][0].raised:
            trials, differs = try_all(run, **how)
    report = _judge(trials, differs)
    if isinstance(code, type) and report.verdict in ("ok", "cannot_check"):
        wrong = _of_a_class(code, report.ok)
        report = report if wrong is None else wrong
    untried = ", ".join(case.name for case in CASES[len(trials) :])
    slow = (told("slow", stacks=untried).message,) if untried else ()
    return replace(report, not_checked=(*report.not_checked, *slow))


def _of_a_class(stack: Callable[..., Any], right: bool) -> Report | None:
    """What a module does not own, since an optimizer sees only what parameters() finds; and whether
    it keeps a state."""
    cells = nn.ModuleList([nn.LSTMCell(5, 4), nn.LSTMCell(4, 3)])
    built = stack([*cells])
    if not isinstance(built, nn.Module):
        return None
    weights, known = set(cells.parameters()), set(built.parameters())
    if not weights <= known:
        return told("not_owned", count=len(weights & known), count1=len(weights))
    x = torch.randn(6, 2, 5)
    built.eval()
    with torch.no_grad():
        kept = right and not same(copy.deepcopy(read(built(x))), read(built(x)))
    return told("kept_in_self") if kept else None


def _judge(trials: list[Trial], differs: str) -> Report:
    raised = [trial for trial in trials if trial.raised]
    done = [trial for trial in trials if not trial.raised]
    stubs = [trial for trial in raised if trial.given.verdict == "not_attempted"]
    refused = [trial for trial in raised if trial.given.verdict == "cannot_check"]
    # Without two layers of equal sizes most mistakes are not seen.
    for trial in stubs or (raised if trials[0] in refused or not done else []):
        return trial.given  # type: ignore[no-any-return]
    if differs == "random" and "start" not in [name for name, *_ in done[0].odd_calls()]:
        return told("random")
    report = _verdict(done)
    if report.verdict == "variant":
        return report
    # What has different sizes does not fit into one tensor.
    together = "together" in [trial.agrees for trial in done]
    equal = [t for t in raised if t.misfit or (together and len({*t.case.sizes[1:]}) > 1)]
    why = [[line.rstrip(".") for line in t.given.message.splitlines()[:-1]] for t in refused]
    unseen = [f"{t.case.name}: {'. '.join(w)}." for t, w in zip(refused, why, strict=True)]
    if report.ok and equal:
        report = replace(report, message=f"{report.message}\n{told('equal_sizes').message}")
        refused += equal
    report = replace(report, not_checked=(*report.not_checked, *unseen))
    raised = [trial for trial in raised if trial not in refused]
    also = [told("changes", what=what) for trial in trials for what in trial.changes]
    also = [told("differs")] * bool(differs) + also
    for trial in raised[:1]:
        with_it = _raised(trial, {t.case.batch for t in done}, {t.case.batch for t in raised})
        said = f"{with_it.message}\n{trial.given.message}"
        also.insert(0, replace(with_it, message=said))
    report = replace(report, message="\n".join(one.message for one in (report, *also)))
    first = also[0] if report.ok and also else report
    return replace(report, verdict=first.verdict, headline=first.headline)


def _raised(trial: Trial, ran: set[int], failed: set[int]) -> Report:
    """With what it raised: a stack, or every batch size but one."""
    shape, batch = list(trial.x.shape), trial.case.batch
    if len(ran) == 1 and not ran & failed:
        return told("raises_at_batch", batch=min(ran), other=batch, shape=shape)
    return told("raises", stack=trial.case.name, shape=shape)


def _verdict(done: list[Trial]) -> Report:
    """What is to be said of the numbers that came back."""
    agree = [trial.agrees for trial in done]
    if all(agree):
        right = told("ok", {"stacks tried": len(done)}, names=_names(done))
        notes = [told("together").message] if "together" in agree else []
        notes += [note for trial in done for note in trial.notes]
        return replace(right, message="\n".join([right.message, *dict.fromkeys(notes)]))
    # A stack written for some sizes has its own trouble with others, which hides its mistake.
    two = [trial for trial in done if len(trial.cells) == 2]
    for some, said in ((done, ""), (two, "two layers"), (done[:1], done[0].case.name)):
        report = _named(some)
        if report is not None:
            other = [told("two_alone", stack=said).message] if said else []
            return replace(report, message="\n".join([report.message, *other]))
    return _unrecognised(done)


def _names(trials: list[Trial]) -> str:
    return ", ".join(trial.case.name for trial in trials)


def _named(trials: list[Trial]) -> Report | None:
    """What fits all of these: a known mistake, another form, or what a mistake's output is."""
    if not trials or all(trial.agrees for trial in trials):
        return None
    wrong = next(trial for trial in trials if not trial.agrees)
    evidence = wrong.evidence()
    mistake = _fitting(trials, lambda trial, found: same(trial.given, found))
    if mistake:
        return mistake.report(evidence)
    mistake = _fitting(trials, lambda trial, found: looked_up(trial.given, found))
    if mistake:
        found = looked_up(wrong.given, wrong.by(mistake.how))
        report = mistake.report(evidence, found=found)
        if mistake.verdict == "variant" or not mistake.how:
            return report
        also = _and_the_states(trials, mistake) or told("and_another_form", found=found).message
        return replace(report, message=f"{report.message}\n{also}")
    mistake = _fitting(trials, lambda trial, found: same(trial.output, found[0]))
    return mistake.report(evidence) if mistake and mistake.how else None


def _and_the_states(trials: list[Trial], mistake: Mistake) -> str:
    """What a wrong stack also does to its states, where their form is the one asked for."""
    for row in MISTAKES:
        both = f"{mistake.how}; {row.how}"
        if row.how.startswith("states = ") and all(
            (found := trial.by(both)) and same(trial.given, found) for trial in trials
        ):
            return told("and_the_states", what=row.headline).message
    return ""


def _fitting(trials: list[Trial], fits: Callable[[Trial, Any], Any]) -> Mistake | None:
    """The first stack that fits what was given in each of these; a right one before the others."""
    for mistake in (replace(WORDS["another_form"], how=""), *MISTAKES):
        if all((found := trial.by(mistake.how)) and fits(trial, found) for trial in trials):
            return mistake
    return None


def _unrecognised(done: list[Trial]) -> Report:
    """What the calls of the cells tell, where no known mistake explains the numbers; or these."""
    odd = done[0].odd_calls()
    if odd:
        evidence = {"tried with": done[0].case.name}
        at_layer_0 = all(name == "read" and where["layer"] == 0 for name, where, _ in odd)
        if at_layer_0 and any(call.x.requires_grad for *_, call in odd):
            return told("feeds_back_more", evidence)
        return told(odd[0][0], evidence, **odd[0][1])
    right = [trial for trial in done if trial.agrees]
    wrong = [trial for trial in done if not trial.agrees]
    evidence = wrong[0].evidence()
    first = evidence.get("first off", "")
    if not first:
        given, expected = described(wrong[0].given), described(wrong[0].by())
        return told("no_form", evidence, given=given, expected=expected)
    alone = any(len(trial.cells) == 1 for trial in wrong)
    name = "off_in_one_layer" if alone else "off_with_some" if right else "off"
    return told(name, evidence, first=first, names=_names(right))
