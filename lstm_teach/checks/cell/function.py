"""Judging a function that is given the weights against nn.LSTMCell's equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import torch

from lstm_teach.checks.cell.calls import Caller, first_that_fits, hinted, signature_of
from lstm_teach.checks.cell.equations import LARGE, Draw, Parts, draw, run
from lstm_teach.checks.cell.mistakes import MISTAKES, Mistake, candidates
from lstm_teach.checks.cell.returned import (
    TWICE,
    State,
    agrees,
    broken_alone,
    tolerance,
    without_output,
)
from lstm_teach.checks.cell.words import listed
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_learner

ARGUMENTS = "x h c w_ih w_hh b_ih b_hh"

_ROUNDED = (
    "h and c are nearly nn.LSTMCell's: they differ after the second digit. Are they rounded, or "
    "computed in a lower precision, such as bfloat16, and then cast to a higher one? "
)

Seen = list[tuple[Draw, State]]
"""What was given, and what came back."""


def check_function(
    step: Callable[..., Any], input_size: int | None, hidden_size: int | None
) -> Report:
    """Judge a function that is given the weights.

    Args:
        step: (x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c), all in PyTorch's layout.
        input_size: size of the x to try, where the function works for one size only.
        hidden_size: size of the h and c to try, likewise.
    """
    paired = "Your function takes (h, c) as one pair; the check gave it so."
    forms = {ARGUMENTS: "", ARGUMENTS.replace("h c", "state"): paired}
    caller = first_that_fits(step, step, forms)
    if caller is None:
        return Report(
            "raises",
            f"Your function takes `({', '.join(signature_of(step).parameters)})`; the check calls "
            f"it with seven arguments, `({', '.join(ARGUMENTS.split())})`. A cell that owns its "
            "weights is checked as an nn.Module.",
        )
    fixed = input_size or 5, hidden_size or 4
    first = draw(1, 3, *fixed)
    state = _first_call(caller, first)
    if isinstance(state, Report):
        return _failed(caller, state, first) if state.verdict == "raises" else state
    seen: Seen = [(first, state)]
    for seed, sizes, c in ((2, (3, 6), 1.5), (3, (4, 4), LARGE)):
        given = draw(seed, 2, *(fixed if input_size or hidden_size else sizes), c)
        if caller.in_a_hurry():
            break
        other = caller(**vars(given))
        if not isinstance(other, Report):
            seen.append((given, other))
    wrong = [(given, state) for given, state in seen if not agrees(state, run(given, {}))]
    return _named(caller, wrong) if wrong else _right(caller, first)


def _first_call(caller: Caller, given: Draw) -> State | Report:
    """In float64; code that insists on float32 gets that."""
    state = caller(**vars(given))
    if isinstance(state, Report) and state.verdict == "raises" and not caller.in_a_hurry():
        caller.dtype = torch.float32
        second = caller(**vars(given))
        if not isinstance(second, Report) or second.verdict != "raises":
            return second
        caller.dtype = torch.float64
    return state


def _fits(changed: Parts, seen: Seen) -> bool:
    """Whether these parts give the same numbers in every draw."""
    try:
        return all(agrees(state, run(given, changed)) for given, state in seen)
    except RuntimeError:  # w_ih without its transpose fits only where it is square
        return False


def _named(caller: Caller, wrong: Seen) -> Report:
    """A wrong function: one known mistake, two at once, or which quantity is off."""
    given, state = wrong[0]
    if not agrees(caller(**vars(given)), state):
        return caller.report("unrecognised", TWICE)
    off = _off(caller, given, state)
    evidence = {f"{name} is off by": off[name] for name in "hc"}
    for mistake, detail, changed in candidates():
        if _fits(changed, wrong):
            return caller.report(mistake.verdict, mistake.told(detail), evidence)
    likely = [(m, *way) for m in MISTAKES for way in list(m.ways.items())[: m.paired]]
    for (one, detail, changed), (two, other, changed_too) in combinations(likely, 2):
        apart = not changed.keys() & changed_too.keys()
        if apart and _fits({**changed, **changed_too}, wrong):
            return _two_mistakes(caller, (one, two), f"{detail}; and {other}", evidence)
    limit = 10 * tolerance(state[0].dtype)
    fine = [name for name, by in off.items() if by <= limit]
    bad = [name for name in off if name not in fine]
    message = _ROUNDED if max(evidence.values()) < 0.02 else ""
    if bad:
        message += f"Beside nn.LSTMCell's equations, what is off: {listed(bad)}"
        message += f"; what is right: {listed(fine)}." if fine else "."
        message += f" {_where_to_look(bad)}"
    return caller.report("unrecognised", message.strip(), off)


def _two_mistakes(
    caller: Caller, both: tuple[Mistake, Mistake], details: str, evidence: dict[str, Any]
) -> Report:
    verdicts = [mistake.verdict for mistake in both]
    names = [verdict for verdict in verdicts if verdict != "unrecognised"]
    verdict = verdicts[0] if verdicts[0] == verdicts[1] else "unrecognised"
    if names and verdict == "unrecognised":
        evidence = {"mistakes": " and ".join(names), **evidence}
    fixes = " And: ".join(f"{mistake.fix}." for mistake in both)
    return caller.report(verdict, f"Two mistakes at once: {details}.\nFix: {fixes}", evidence)


def _off(caller: Caller, given: Draw, state: State) -> dict[str, float]:
    """How far f, i * g, o, c and h are off, read off the function's behaviour.

    The new c is a straight line in the old one, so a second call from c = 0 gives i * g.
    """
    h, c = (part.double() for part in state)
    right_h, right_c = run(given, {})
    off = {"c": c - right_c, "h": h - right_h}
    empty = caller(**{**vars(given), "c": torch.zeros_like(given.c)})
    if not isinstance(empty, Report):
        write = empty[1].double()
        f, right_write = run(given, {"returned": lambda v: (v.f, v.i * v.g)})
        o, _ = run(given, {"returned": lambda v: (v.o, v.c)})
        read = {"f": (c - write) / given.c - f, "i*g": write - right_write}
        off = {**read, "o": h / torch.tanh(c) - o, **off}
    return {name: difference.abs().max().item() for name, difference in off.items()}


def _where_to_look(bad: list[str]) -> str:
    if not {"f", "i*g", "c"} & set(bad):
        return "Look at the line that makes h, and at o."
    if "o" not in bad:
        return "o = h / tanh(c) is right, so look at the lines that make c, not at the one for h."
    if "f" not in bad:
        return "What is kept of the old c is right; look at what is added to it, and at h."
    return (
        "Look at the sums of the gates and at their sigmoid or tanh first: everything else is "
        "made from them."
    )


def _right(caller: Caller, first: Draw) -> Report:
    """A right function: also on a batch of one, and can it be trained?"""
    if caller.in_a_hurry():
        return caller.report("ok", "h and c are nn.LSTMCell's.")
    given = draw(9, 1, first.x.shape[1], first.h.shape[1])
    alone = caller(**vars(given))
    if isinstance(alone, Report):
        return caller.report("squeeze_batch_of_one", broken_alone(alone))
    if not agrees(alone, run(given, {})):
        return _named(caller, [(given, alone)])
    caller.remarks += _on_gradients(caller, first)
    return caller.report(
        "ok",
        "h and c are nn.LSTMCell's: on random weights and states, for several sizes and for a "
        "batch of one.",
    )


def _on_gradients(caller: Caller, given: Draw) -> list[str]:
    """Right numbers that no gradient reaches cannot be trained."""
    leaves = {n: t.to(caller.dtype, copy=True).requires_grad_() for n, t in vars(given).items()}

    def unreached() -> tuple[str, ...]:
        with torch.enable_grad():
            args, kwargs = caller.arrange({name: leaf.clone() for name, leaf in leaves.items()})
            h, c = without_output(caller.subject(*args, **kwargs))
            total = torch.as_tensor(h).sum() + torch.as_tensor(c).sum()
            if not total.requires_grad:
                return tuple(leaves)
            found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return tuple(name for name, grad in zip(leaves, found, strict=True) if grad is None)

    missed = run_learner(unreached)
    if isinstance(missed, Report):
        said = missed.message.splitlines()[0]
        return [f"The numbers are right, but training would fail in the backward pass: {said}"]
    if not missed:
        return []
    return [
        f"The numbers are right, but no gradient reaches {listed(missed)}, so it could not be "
        "trained. Look for `.detach()`, `.data`, `.item()`, `torch.no_grad()` or NumPy."
    ]


def _failed(caller: Caller, failed: Report, given: Draw) -> Report:
    """A function that raises, looked at once more: it may only want its weights laid otherwise."""
    if caller.in_a_hurry():
        return failed
    otherwise = Caller(caller.subject, caller.arrange)
    transpose = next(m for m in MISTAKES if m.verdict == "missing_transpose")
    for names in (["w_ih", "w_hh"], ["w_ih"], ["w_hh"]):
        turned = {name: getattr(given, name).T.contiguous() for name in names}
        if agrees(otherwise(**{**vars(given), **turned}), run(given, {})):
            return _untransposed(transpose, listed(f"`{name}`" for name in names), failed)
    square = draw(4, 3, given.h.shape[1], given.h.shape[1])
    state = otherwise(**vars(square))
    if isinstance(state, tuple) and any(
        _fits(way, [(square, state)]) for way in transpose.ways.values()
    ):
        return _untransposed(transpose, "`w_ih`", failed)
    columns = {name: t.T if name in "xhc" else t for name, t in vars(given).items()}
    upright = {name: columns[name][:, None] for name in ("b_ih", "b_hh")}
    for biases in ({}, upright):
        result = otherwise.raw(**{**columns, **biases})
        parts = result if isinstance(result, (tuple, list)) else []
        if [getattr(part, "shape", ()) for part in parts] == [given.h.T.shape] * 2:
            return replace(
                failed,
                message=f"{failed.message}\nYour function wants the samples as columns, "
                "`[input_size, batch]`. PyTorch has them as rows, `[batch, input_size]`.\n"
                "Fix: `x @ w_ih.T`, in this order.",
            )
    told = hinted(failed)
    if told is not failed or not any(w in failed.message for w in ("size", "shape", "imension")):
        return told
    shapes = listed(f"{name} `{list(tensor.shape)}`" for name, tensor in vars(given).items())
    return replace(failed, message=f"{failed.message}\nIt was given {shapes}.")


def _untransposed(mistake: Mistake, names: str, failed: Report) -> Report:
    told = mistake.told(f"there is no transpose of {names}")
    return Report(mistake.verdict, f"{told}\nWhat PyTorch says: {failed.message}")
