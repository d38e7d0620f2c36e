"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.bringing import needed, owned
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.checks.stack.mistakes import MISTAKES, WORDS, told
from lstm_teach.checks.stack.trial import CASES, Run, Trial, described, read, same, try_all


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
    if isinstance(run_stack, type) and call is None and needed(run_stack) == 1:
        return _of_a_class(run_stack, _of_lent_cells(lambda cells, x: run_stack(cells)(x)))
    may_run = callable(run_stack) and not isinstance(run_stack, type)
    owns = may_run and bool(owned(run_stack))
    is_module = isinstance(getattr(run_stack, "__self__", run_stack), nn.Module)
    needs = needed(run_stack) if call is None else needed(call) - 1
    if call and needs == 2:
        return _of_lent_cells(partial(call, run_stack))
    takes_cells = may_run and needs in ((2,) if is_module else (2, -1))
    if call is None and takes_cells and not (is_module and owns):
        return _of_lent_cells(run_stack)
    if owns and (needs < 2 or is_module):
        return _of_its_own_cells(run_stack, call)
    return told("not_called", name=getattr(run_stack, "__name__", type(run_stack).__name__))


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


def _of_lent_cells(run: Run) -> Report:
    trials, differs = try_all(run, torch.float64, False)
    for how in ((torch.float32, False), (torch.float64, True)):
        if trials[0].raised and not try_all(run, *how, most=1)[0][0].raised:
            trials, differs = try_all(run, *how)
    report = _judge(trials, differs)
    untried = ", ".join(case.name for case in CASES[len(trials) :])
    slow = (told("slow", stacks=untried).message,) if untried else ()
    return replace(report, not_checked=(*report.not_checked, *slow), of="stack")


def _of_a_class(stack: Callable[..., Any], report: Report) -> Report:
    """What a module does not own, since an optimizer sees only what parameters() finds; and whether
    it keeps a state."""
    cells = nn.ModuleList([nn.LSTMCell(4, 4), nn.LSTMCell(4, 4)])
    built = stack([*cells]) if report.verdict in ("ok", "cannot_check") else None
    if not isinstance(built, nn.Module):
        return report
    weights, known = {*cells.parameters()}, {*built.parameters()}
    if not weights <= known:
        return told("not_owned", count=len(weights & known), count1=len(weights))
    x = torch.randn(6, 2, 4)
    built.eval()
    with torch.no_grad():
        kept = report.ok and not same(copy.deepcopy(read(built(x))), read(built(x)))
    return told("kept_in_self") if kept else report


def _judge(trials: list[Trial], differs: str) -> Report:
    done = [trial for trial in trials if not trial.raised]
    stubs, refused, raised = (
        [trial for trial in trials if trial.raised and trial.given.verdict == verdict]
        for verdict in ("not_attempted", "cannot_check", "raises")
    )
    # Without two layers of equal sizes most mistakes are not seen.
    for trial in stubs or (trials if trials[0] in refused or not done else []):
        return trial.given  # type: ignore[no-any-return]
    if differs == "random" and "start" not in [name for name, *_ in done[0].odd_calls()]:
        return told("random")
    report = _verdict(done)
    if report.verdict == "variant":
        return report
    why = [[line.rstrip(".") for line in t.given.message.splitlines()[:-1]] for t in refused]
    unseen = [f"{t.case.name}: {'. '.join(w)}." for t, w in zip(refused, why, strict=True)]
    report = replace(report, not_checked=(*report.not_checked, *unseen))
    uneven = [trial for trial in trials if len({*trial.case.sizes[1:]}) > 1]
    if report.ok and raised and raised == uneven:
        report = replace(report, message=f"{report.message}\n{told('equal_sizes').message}")
        raised = []
    also = [told("changes", what=what) for trial in trials for what in trial.changes]
    also = [told("differs")] * bool(differs) + also
    if raised:
        also.insert(0, _raised(raised, done))
    report = replace(report, message="\n".join(one.message for one in (report, *also)))
    first = also[0] if report.ok and also else report
    return replace(report, verdict=first.verdict, headline=first.headline)


def _raised(raised: list[Trial], done: list[Trial]) -> Report:
    """With what it raised: a stack, or every batch size but one."""
    trial, shape = raised[0], list(raised[0].x.shape)
    ran, failed = ({t.case.batch for t in some} for some in (done, raised))
    report = told("raises", stack=trial.case.name, shape=shape)
    if len(ran) == 1 and not ran & failed:
        report = told("raises_at_batch", batch=min(ran), other=trial.case.batch, shape=shape)
    return replace(report, message=f"{report.message}\n{trial.given.message}")


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


_CAME_BACK: dict[str, Callable[[Trial, str], bool]] = {
    "asked": lambda trial, how: same(trial.given, trial.by(how)),
    "rearranged": lambda trial, how: trial.in_words(how)[1],
    "output": lambda trial, how: same(trial.output, (trial.by(how) or (None,))[0]),
}
"""Of what a stack computes: how to tell what of it came back."""


def _named(trials: list[Trial]) -> Report | None:
    """What fits all of these best: a known mistake, another form, or what a mistake's output is; a
    right stack before the others."""
    wrong = next((trial for trial in trials if not trial.agrees), None)
    if wrong is None:
        return None
    right = replace(WORDS["another_form"], how="")
    ways = product(_CAME_BACK, (right, *MISTAKES))
    fits = (way for way in ways if all(_CAME_BACK[way[0]](t, way[1].how) for t in trials))
    back, mistake = next(fits, ("", right))
    if mistake is right and back != "rearranged":
        return None
    found, _ = wrong.in_words(mistake.how)
    report = mistake.report(wrong.evidence(), found=found)
    if back == "rearranged" and mistake is not right and mistake.verdict != "variant":
        also = told("and_another_form", found=found).message
        return replace(report, message=f"{report.message}\n{also}")
    return report


def _unrecognised(done: list[Trial]) -> Report:
    """What the calls of the cells tell, where no known mistake explains the numbers; or these."""
    odd = done[0].odd_calls()
    if odd:
        evidence = {"tried with": done[0].case.name}
        at_layer_0 = all(name == "read" and where["layer"] == 0 for name, where, _ in odd)
        if at_layer_0 and any(x.requires_grad for *_, x in odd):
            return told("feeds_back_more", evidence)
        return told(odd[0][0], evidence, **odd[0][1])
    right = [trial for trial in done if trial.agrees]
    wrong = [trial for trial in done if not trial.agrees]
    evidence = wrong[0].evidence()
    first = evidence.get("first off", "")
    if not first:
        given, expected = wrong[0].in_words()[0], described(wrong[0].by(), {})[0]
        return told("no_form", evidence, given=given, expected=expected)
    alone = any(len(trial.cells) == 1 for trial in wrong)
    name = "off_in_one_layer" if alone else "off_with_some" if right else "off"
    return told(name, evidence, first=first, names=_names(right))
