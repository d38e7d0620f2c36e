"""Judging an nn.Module with parameters of its own by what it does when they are redrawn."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.cell.anatomy import dissect
from lstm_teach.checks.cell.calls import Caller, agrees, listed
from lstm_teach.checks.cell.findings import PRODUCTS, Anatomy, Finding
from lstm_teach.checks.cell.function import batch_of_one_message
from lstm_teach.checks.cell.kinds import VARIANTS, name_the_kind
from lstm_teach.checks.cell.match import sentence, told
from lstm_teach.checks.cell.mistakes import MISTAKES
from lstm_teach.checks.cell.parameters import compare_parameters
from lstm_teach.checks.cell.reading import Places, Reader, observe, places
from lstm_teach.checks.cell.redraw import a_copy, plain_tensors, redraw
from lstm_teach.checks.cell.sizes import TRIED, build, find_sizes
from lstm_teach.checks.report import Report

RIGHT_PRODUCT = PRODUCTS[:1]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


_NO_FORWARD = Report("not_attempted", "Your module has no `forward` yet. Write it, then check.")


def _without_forward(cell: nn.Module | type[nn.Module]) -> bool:
    return getattr(cell.forward, "__name__", "") == "_forward_unimplemented"


def check_class(cell: type[nn.Module], input_size: int | None, hidden_size: int | None) -> Report:
    """Judge a class by the instance that it makes.

    Args:
        cell: a class(input_size, hidden_size).
        input_size: what to make it with; the check chooses where it is None.
        hidden_size: likewise.
    """
    if _without_forward(cell):
        return _NO_FORWARD
    sizes = input_size or TRIED[0], hidden_size or TRIED[1]
    torch.set_default_dtype(torch.float64)
    module = build(cell, *sizes)
    if isinstance(module, Report):
        return module
    report = check_module(module, *sizes)
    if report.verdict == "raises" and not (input_size or hidden_size):
        square = build(cell, sizes[1], sizes[1])
        if not isinstance(square, Report):
            return _only_if_square(report, check_module(square, sizes[1], sizes[1]))
    return report


def _only_if_square(failed: Report, square: Report) -> Report:
    """What a cell that raises does where input_size equals hidden_size."""
    if square.verdict in ("raises", "not_attempted"):
        return failed
    if "transposed" not in square.evidence:
        return replace(
            failed,
            message=f"{failed.message}\nIt runs only where input_size equals hidden_size: look for "
            "a layer for x that was made with hidden_size, or one for h with input_size.",
        )
    return Report(
        "missing_transpose",
        "Your cell runs only where input_size equals hidden_size: there a matrix that should be "
        "transposed fits all the same.\n"
        f"With other sizes it says: {failed.message}\n"
        "Fix: `x @ w.T` for a weight of shape `[hidden_size, input_size]`.",
    )


def check_module(cell: nn.Module, input_size: int | None, hidden_size: int | None) -> Report:
    """Judge an instance; it is left as it was.

    Args:
        cell: a module with forward(x, (h, c)) -> (h, c).
        input_size: size of x, where the module does not tell it.
        hidden_size: size of h and c, likewise.
    """
    if _without_forward(cell):
        return _NO_FORWARD
    with a_copy(cell) as module, torch.no_grad():
        caller = _caller(module)
        if isinstance(caller, Report):
            return caller
        sizes = find_sizes(module, caller, input_size, hidden_size)
        if isinstance(sizes, Report) and sizes.verdict == "raises":
            module.float()
            caller.dtype = torch.float32
            sizes = find_sizes(module, caller, input_size, hidden_size)
        if isinstance(sizes, Report):
            return _for_a_sequence(caller, sizes)
        redraw(module, sizes)
        report = _judge(module, caller, sizes)
        return replace(report, not_checked=(*report.not_checked, *_switched_off(module)))


def _switched_off(module: nn.Module) -> list[str]:
    """What a module does in training mode only; the copy is judged in evaluation mode."""
    noisy = [
        type(part).__name__
        for part in module.modules()
        if isinstance(part, nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm)
    ]
    if not noisy:
        return []
    names = listed([f"`nn.{name}`" for name in dict.fromkeys(noisy)])
    return [f"training mode, in which {names} changes the numbers"]


def _for_a_sequence(caller: Caller, failed: Report) -> Report:
    """A module that raises may be a whole LSTM, which wants x with a time axis."""
    unpacks = "not enough values to unpack (expected 3" in failed.message
    if not unpacks and "3D" not in failed.message and "3-D" not in failed.message:
        return failed
    return replace(
        failed,
        message=f"{failed.message}\nThe check gave it one step: x `[batch, input_size]` and h and "
        "c `[batch, hidden_size]`. A module that loops over a whole sequence is not a cell: give "
        "the check the step that stands inside its loop.",
    )


def _caller(module: nn.Module) -> Caller | Report:
    def as_pair(given: dict[str, Tensor]) -> Arguments:
        return (given["x"], (given["h"], given["c"])), {}

    def apart(given: dict[str, Tensor]) -> Arguments:
        _, first, second, *_ = [*inspect.signature(module.forward).parameters, "", "", ""]
        order = "ch" if first[:1].lower() == "c" and second[:1].lower() == "h" else "hc"
        return (given["x"], *(given[name] for name in order)), {}

    def by_name(given: dict[str, Tensor]) -> Arguments:
        x, *state = inspect.signature(module.forward).parameters
        return (), {x: given["x"], state[0]: (given["h"], given["c"])}

    ways = {
        "": as_pair,
        "Your `forward` takes h and c apart; nn.LSTMCell takes them as a pair, `(x, (h, c))`.": (
            apart
        ),
        "Your `forward` takes its arguments by name only.": by_name,
    }
    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):
        return Caller(module, as_pair)
    for remark, arrange in ways.items():
        try:
            args, kwargs = arrange(dict.fromkeys("xhc", torch.empty(0)))
            signature.bind(*args, **kwargs)
        except (TypeError, ValueError, IndexError):
            continue
        return Caller(module, arrange, remarks=[remark] if remark else [])
    return Report(
        "raises",
        f"Your `forward` takes `{signature}`; the check calls it as `forward(x, (h, c))`, and "
        "expects `(h, c)` back.",
    )


def _judge(module: nn.Module, caller: Caller, sizes: tuple[int, int]) -> Report:
    at = places(*sizes)
    reader = Reader(at, 1e-6 if caller.dtype == torch.float64 else 1e-4)
    few = {"x": at.x[:3], "h": at.h[:3], "c": at.c[3][:3]}
    state = caller(**few)
    if isinstance(state, Report):
        return state
    if state[0].dtype != torch.float64:
        reader.accuracy = 1e-4
    again = caller(**few)
    if isinstance(again, Report) or not agrees(again, (state[0].double(), state[1].double())):
        return Report(
            "unrecognised",
            "Two calls with the same x, h and c gave different results. A cell keeps nothing "
            "between calls and draws nothing at random: its whole memory is the (h, c) that it "
            "is given.",
        )
    anatomy = _redrawn_until_read(module, caller, sizes, at, reader)
    if isinstance(anatomy, Report):
        return anatomy
    if "unrecognised" in {verdict for verdict, _ in anatomy.found()}:
        kind = name_the_kind(module, caller, at, reader)
        if kind in VARIANTS:
            return caller.report("unrecognised", sentence(kind[1]))
        if kind:
            return _wrong(caller, [kind], anatomy)
    comparison = compare_parameters(module, caller, at, reader, anatomy)
    findings = list(dict.fromkeys([*anatomy.found(), *comparison.findings]))
    if findings:
        return _wrong(caller, findings, anatomy)
    state = caller(**few)
    alone = caller(**{name: tensor[:1] for name, tensor in few.items()})
    if isinstance(state, Report):
        return state
    if isinstance(alone, Report) or not agrees(
        alone, (state[0][:1].double(), state[1][:1].double())
    ):
        return caller.report("squeeze_batch_of_one", batch_of_one_message(alone))
    message = "Your module is an LSTM cell: with random parameters and states, f, i, g and o read "
    message += f"off its behaviour fit the equations.\n{comparison.words}"
    if _uses_plain_tensors(module, caller, few, sizes[1]):
        message += (
            "\nSome of its weights are plain tensors, so no optimiser will find them. Fix: "
            "`nn.Parameter(...)`, and nn.ParameterList or nn.ParameterDict for several."
        )
    elif _without_gradient(module, caller, few):
        message += (
            "\nThe numbers are right, but no gradient reaches its parameters, so it could not be "
            "trained. Look for `.detach()`, `.data`, `torch.no_grad()` or NumPy."
        )
    return caller.report("ok", message, comparison.evidence)


def _uses_plain_tensors(
    module: nn.Module, caller: Caller, few: dict[str, Tensor], hidden_size: int
) -> bool:
    before = caller(**few)
    for tensor in plain_tensors(module, hidden_size):
        tensor.add_(1.0)
    after = caller(**few)
    if isinstance(before, Report) or isinstance(after, Report):
        return False
    return not agrees(after, (before[0].double(), before[1].double()))


def _without_gradient(module: nn.Module, caller: Caller, few: dict[str, Tensor]) -> bool:
    learned = [p for p in module.parameters() if p.requires_grad]
    with torch.enable_grad():
        result = caller.raw(**few)
    if not learned or isinstance(result, Report):
        return False
    return not any(getattr(part, "requires_grad", False) for part in result)


def _redrawn_until_read(
    module: nn.Module, caller: Caller, sizes: tuple[int, int], at: Places, reader: Reader
) -> Anatomy | Report:
    """Read the gates; once more from other parameters where no known mistake was found.

    Two gates that look the same may do so by chance, so that has to hold from both.
    """
    first: Anatomy | None = None
    for seed in (5, 6):
        redraw(module, sizes, seed)
        seen = observe(caller, at)
        if isinstance(seen, Report):
            return seen
        anatomy = dissect(*seen, at, reader, RIGHT_PRODUCT if first else None)
        if anatomy.findings and not dissect(*seen[::-1], at, reader, RIGHT_PRODUCT).findings:
            swapped = "you return c first and h second"
            return Anatomy(findings={"return": ("swapped_return", swapped)})
        unsure = "weights" in anatomy.findings or "unrecognised" in dict(anatomy.found())
        if not unsure:
            return anatomy
        first = first or anatomy
    redraw(module, sizes)
    return first or anatomy


def _wrong(caller: Caller, findings: list[Finding], anatomy: Anatomy) -> Report:
    verdicts = {verdict for verdict, _ in findings}
    named = {m.verdict: m for m in reversed(MISTAKES)}
    evidence = {
        part: "off" if part in anatomy.findings else "right"
        for part in ("f", "i*g", "o", "c", "h")
        if part in anatomy.findings or _read(part, anatomy)
    }
    if len(verdicts) == 1:
        verdict = verdicts.pop()
        detail = "; ".join(detail for _, detail in findings)
        return caller.report(verdict, told(named[verdict], detail), evidence)
    known = [verdict for verdict in verdicts if verdict != "unrecognised"]
    message = "More than one thing is off: " + "; and ".join(detail for _, detail in findings)
    fixes = " And: ".join(f"{named[verdict].fix}." for verdict in known)
    if known:
        evidence = {"mistakes": " and ".join(known), **evidence}
    return caller.report("unrecognised", f"{message}.\nFix: {fixes}", evidence)


def _read(part: str, anatomy: Anatomy) -> bool:
    return bool(set(part.split("*")) & anatomy.gates.keys())
