"""Judging a function that is given the weights against nn.LSTMCell's equations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.calls import Caller, State, agrees, listed, tolerance, worst
from lstm_teach.checks.cell.equations import Draw, draw, run
from lstm_teach.checks.cell.failed import ARGUMENTS, by_name, on_a_failed_call
from lstm_teach.checks.cell.match import Made, fits, known_mistake, pairs, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_learner

_SIGNATURE = f"({', '.join(ARGUMENTS)})"


def check_function(
    step: Callable[..., Any], input_size: int | None, hidden_size: int | None
) -> Report:
    """Judge a function that is given the weights.

    Args:
        step: (x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c), all in PyTorch's layout.
        input_size: size of the x to try, where the function works for one size only.
        hidden_size: size of the h and c to try, likewise.
    """
    arranged = _arranged(step)
    if isinstance(arranged, Report):
        return arranged
    caller, remark = arranged
    fixed = input_size or 5, hidden_size or 4
    first = draw(1, 3, *fixed)
    state = _first_call(caller, first)
    if isinstance(state, Report):
        return on_a_failed_call(caller, state, first) if state.verdict == "raises" else state
    caller.remarks += [remark] if remark else []
    sizes = {fixed} if input_size or hidden_size else {(3, 6), (4, 4)}
    seen: list[tuple[Draw, State]] = [(first, state)]
    for seed, other in enumerate(sorted(sizes), start=2):
        given = draw(seed, 2, *other)
        if caller.in_a_hurry():
            break
        state = caller(**by_name(given))
        if not isinstance(state, Report):
            seen.append((given, state))
    wrong = [(given, state) for given, state in seen if not agrees(state, run(given, {}))]
    if wrong:
        return _name_the_mistake(caller, wrong)
    alone = _on_a_batch_of_one(caller, fixed)
    return _right(caller, first) if alone is None else alone


def _arranged(step: Callable[..., Any]) -> tuple[Caller, str] | Report:
    """How to hand over the seven arguments."""
    try:
        signature = inspect.signature(step)
    except (TypeError, ValueError):  # a compiled function tells no signature
        return Caller(step, lambda given: (tuple(given.values()), {})), ""
    ways: dict[str, Callable[[dict[str, Tensor]], tuple[tuple[Any, ...], dict[str, Any]]]] = {
        "": lambda given: (tuple(given.values()), {}),
        "Your function takes its arguments by name only.": lambda given: ((), given),
        "Your function takes (h, c) as one pair; the check gave it so.": lambda given: (
            (given["x"], (given["h"], given["c"]), *list(given.values())[3:]),
            {},
        ),
    }
    for remark, arrange in ways.items():
        args, kwargs = arrange(dict.fromkeys(ARGUMENTS, torch.empty(0)))
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return Caller(step, arrange), remark
    return Report(
        "raises",
        f"Your function takes `{signature}`; the check calls it with seven arguments: "
        f"`{_SIGNATURE}`. A cell that owns its weights is checked as an nn.Module.",
    )


def _first_call(caller: Caller, given: Draw) -> State | Report:
    """In float64; code that insists on float32 gets that."""
    state = caller(**by_name(given))
    if isinstance(state, Report) and state.verdict == "raises" and not caller.in_a_hurry():
        caller.dtype = torch.float32
        second = caller(**by_name(given))
        if isinstance(second, Report):
            caller.dtype = torch.float64
        return second
    return state


def _name_the_mistake(caller: Caller, wrong: list[tuple[Draw, State]]) -> Report:
    given, state = wrong[0]
    off_h, off_c = worst(state, run(given, {}))
    evidence = {"h is off by": off_h, "c is off by": off_c}
    known = known_mistake(wrong)
    if known:
        return caller.report(known[0].verdict, told(*known), evidence)
    for one, two in pairs():
        if fits({**one[2], **two[2]}, wrong):
            return _two_mistakes(caller, one, two, evidence)
    off = _deviations(caller, given)
    if not off:
        return caller.report(
            "unrecognised", "h and c differ from nn.LSTMCell's equations.", evidence
        )
    bad = [name for name, by in off.items() if by > tolerance(state[0].dtype) * 10]
    fine = [name for name in off if name not in bad]
    message = f"Compared with nn.LSTMCell's equations, {listed(bad)} {_is(bad)} off"
    message += f"; {listed(fine)} {_is(fine)} right." if fine else "."
    message += " " + _where_to_look(bad)
    return caller.report("unrecognised", message, off)


def _two_mistakes(
    caller: Caller,
    one: Made,
    two: Made,
    evidence: dict[str, Any],
) -> Report:
    verdict = one[0].verdict if one[0].verdict == two[0].verdict else "unrecognised"
    names = [m.verdict for m, *_ in (one, two) if m.verdict != "unrecognised"]
    message = f"Two mistakes at once: {one[1]}; and {two[1]}."
    message += f"\nFix: {one[0].fix}. And: {two[0].fix}."
    if names and verdict == "unrecognised":
        evidence = {"mistakes": " and ".join(names), **evidence}
    return caller.report(verdict, message, evidence)


def _deviations(caller: Caller, given: Draw) -> dict[str, float]:
    """How far f, i * g, o, c and h are off, read off the function's behaviour."""
    named = by_name(given)
    own = caller(**named)
    empty = caller(**{**named, "c": torch.zeros_like(given.c)})
    if isinstance(own, Report) or isinstance(empty, Report):
        return {}
    h, c = (part.double() for part in own)
    right_h, right_c = run(given, {})
    keep, _ = run(given, {"returned": lambda v: (v.f, v.c)})
    write, _ = run(given, {"returned": lambda v: (v.i * v.g, v.c)})
    read, _ = run(given, {"returned": lambda v: (v.o, v.c)})
    at_zero = empty[1].double()

    def by(difference: Tensor) -> float:
        return difference.abs().max().item()

    return {
        "f": by((c - at_zero) / given.c - keep),
        "i*g": by(at_zero - write),
        "o": by(h / torch.tanh(c) - read),
        "c": by(c - right_c),
        "h": by(h - right_h),
    }


def _where_to_look(bad: list[str]) -> str:
    if "f" not in bad and "i*g" not in bad and "c" not in bad:
        return "c is right, so look at the line that makes h, and at o."
    if "o" not in bad:
        return "o = h / tanh(c) is right, so look at the lines that make c, not at the one for h."
    if "f" not in bad:
        return "What is kept of the old c is right; look at what is added to it, and at h."
    return "Look at the sums of the gates first: everything else is made from them."


def _on_a_batch_of_one(caller: Caller, sizes: tuple[int, int]) -> Report | None:
    if caller.in_a_hurry():
        return None
    given = draw(9, 1, *sizes)
    state = caller(**by_name(given))
    if not isinstance(state, Report) and agrees(state, run(given, {})):
        return None
    return caller.report("squeeze_batch_of_one", batch_of_one_message(state))


def batch_of_one_message(state: State | Report) -> str:
    """The words for a cell that is right until the batch is a single sample."""
    found = f"It says: {state.message}" if isinstance(state, Report) else "The numbers are wrong."
    return (
        "Your step is right, except on a batch of one sample: there it breaks. A bare "
        "`.squeeze()` takes away every axis of size 1, so the batch goes too. "
        f"The last batch of an epoch often has one sample.\n{found}\n"
        "Fix: name the axis, as in `.squeeze(0)`, or leave `squeeze` out."
    )


def _right(caller: Caller, given: Draw) -> Report:
    caller.remarks += _on_gradients(caller, given)
    return caller.report(
        "ok",
        "h and c are nn.LSTMCell's: on random weights and states, for several sizes and for a "
        "batch of one.",
    )


def _on_gradients(caller: Caller, given: Draw) -> list[str]:
    """Right numbers that no gradient reaches cannot be trained."""
    if caller.in_a_hurry():
        return []
    leaves = [t.to(caller.dtype).clone().requires_grad_() for t in given.tensors()]

    def backward() -> str:
        with torch.enable_grad():
            named = dict(zip(ARGUMENTS, [leaf.clone() for leaf in leaves], strict=True))
            args, kwargs = caller.arrange(named)
            h, c = caller.subject(*args, **kwargs)
            total = torch.as_tensor(h).sum() + torch.as_tensor(c).sum()
            if not total.requires_grad:
                return f"{listed(list(ARGUMENTS))}"
            found = torch.autograd.grad(total, leaves, allow_unused=True)
        missed = [name for name, grad in zip(ARGUMENTS, found, strict=True) if grad is None]
        return listed(missed) if missed else " "

    missed = run_learner(backward)
    if isinstance(missed, Report):
        said = missed.message.splitlines()[0]
        return [f"The numbers are right, but training would fail in the backward pass: {said}"]
    if not missed.strip():
        return []
    return [
        f"The numbers are right, but no gradient reaches {missed}, so it could not be trained. "
        "Look for `.detach()`, `.data`, `.item()`, `torch.no_grad()` or NumPy."
    ]


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
