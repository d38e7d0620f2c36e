"""Judging an nn.Module with parameters of its own by what it does when they are redrawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.cell.anatomy import dissect
from lstm_teach.checks.cell.calls import Caller, first_that_fits, hinted, signature_of
from lstm_teach.checks.cell.equations import LARGE
from lstm_teach.checks.cell.findings import UNNAMED, UNREAD, Anatomy, Finding
from lstm_teach.checks.cell.kinds import CLIPPED, name_the_kind
from lstm_teach.checks.cell.mistakes import MISTAKES, candidates
from lstm_teach.checks.cell.parameters import bias_mistakes, describe, find_layout
from lstm_teach.checks.cell.reading import Reader, places
from lstm_teach.checks.cell.returned import TWICE, State, agrees, broken_alone
from lstm_teach.checks.cell.subject import (
    TRIED,
    Sizes,
    a_copy,
    build,
    find_sizes,
    plain_tensors,
    reads_a_sequence,
    redraw,
)
from lstm_teach.checks.cell.words import A_SEQUENCE, listed, sentence
from lstm_teach.checks.report import Report

_FORMS = {
    "x state": "",
    "x h c": "Your `forward` takes h and c apart; nn.LSTMCell takes them as a pair, `(x, (h, c))`.",
}
_EXCHANGED = {
    "h and c are exchanged where they come in: the order is (h, c)": False,
    "the state is (c, h), where it comes in and where you return it": True,
}
_NO_FORWARD = Report("not_attempted", "Your module has no `forward` yet. Write it, then check.")


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
    stopped = "was stopped" in report.message
    if report.verdict != "raises" or input_size or hidden_size or stopped:
        return report
    square = build(cell, sizes[1], sizes[1])
    if isinstance(square, Report):
        return report
    return _only_if_square(report, check_module(square, sizes[1], sizes[1]))


def _only_if_square(failed: Report, square: Report) -> Report:
    """What a cell that raises does where input_size equals hidden_size."""
    if square.verdict in ("raises", "not_attempted"):
        return failed
    if "transposed" in square.evidence:
        return Report(
            "missing_transpose",
            "Your cell runs only where input_size equals hidden_size: there a matrix that should "
            f"be transposed fits all the same.\nWith other sizes it says: {failed.message}\n"
            "Fix: `x @ w.T` for a weight of shape `[hidden_size, input_size]`; the weight for h is "
            "`[hidden_size, hidden_size]`.",
        )
    return replace(
        failed,
        message=f"{failed.message}\nIt runs only where input_size equals hidden_size: look for "
        "a layer for x that was made with hidden_size, or one for h with input_size.",
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
        caller = first_that_fits(module, module.forward, _FORMS)
        if caller is None:
            others = Report(
                "raises",
                f"Your `forward` takes `{signature_of(module.forward)}`; the check calls it as "
                "`forward(x, (h, c))`, and expects `(h, c)` back.",
            )
            return _no_step(module, others, input_size, hidden_size)
        sizes = find_sizes(module, caller, input_size, hidden_size)
        failed = isinstance(sizes, Report) and sizes.verdict != "not_attempted"
        if failed and not caller.in_a_hurry():
            if module is not cell:
                module.float()
            caller.dtype = torch.float32
            sizes = find_sizes(module, caller, input_size, hidden_size)
        if isinstance(sizes, Report):
            return _no_step(module, sizes, input_size, hidden_size)
        redraw(module, sizes)
        report = _judge(module, caller, sizes)
        return replace(report, not_checked=(*report.not_checked, *_switched_off(module)))


def _no_step(
    module: nn.Module, failed: Report, input_size: int | None, hidden_size: int | None
) -> Report:
    """What to say of a module that fails on a single step: it may be one for a whole sequence."""
    given_up = failed.verdict == "not_attempted" or "was stopped" in failed.message
    if given_up or not reads_a_sequence(module, input_size, hidden_size):
        return hinted(failed)
    return Report(
        "unrecognised",
        f"Your module {A_SEQUENCE} Hand the check its step, or copy its weights into an `nn.LSTM` "
        "and compare output, h_n and c_n with `torch.allclose`; notebook 05 does it.",
    )


def _without_forward(cell: nn.Module | type[nn.Module]) -> bool:
    return getattr(cell.forward, "__name__", "") == "_forward_unimplemented"


def _switched_off(module: nn.Module) -> list[str]:
    """What a module does in training mode only; the copy is judged in evaluation mode."""
    kinds = nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm
    noisy = {type(part).__name__: None for part in module.modules() if isinstance(part, kinds)}
    names = listed(f"`nn.{name}`" for name in noisy)
    return [f"training mode, in which {names} changes the numbers"] if noisy else []


def _judge(module: nn.Module, caller: Caller, sizes: Sizes) -> Report:
    at = places(*sizes)
    few = {"x": at.x[:3], "h": at.h[:3], "c": at.c[3][:3]}
    state = caller(**few)
    if isinstance(state, Report):
        return _no_step(module, state, *sizes)
    exact = caller.dtype == state[0].dtype == torch.float64
    reader = Reader(caller, at, 1e-6 if exact else 1e-4)
    if not agrees(caller(**few), state):
        return Report("unrecognised", TWICE)
    without_the_last = _part_of_the_batch(caller, few, 2)
    if isinstance(without_the_last, tuple) and not agrees(without_the_last, _first(state, 2)):
        return caller.report(
            "unrecognised",
            "The h and c of a sample change with the other samples in the batch, so samples are "
            "mixed. Look for a sum or a mean over axis 0, or a `view` that moves the batch.",
        )
    anatomy = _redrawn_until_read(module, sizes, reader)
    if isinstance(anatomy, Report):
        return anatomy
    findings = list(anatomy.findings.values())
    if UNREAD in dict(findings):
        verdict, detail = name_the_kind(reader) or ("", "")
        if verdict == "unrecognised":
            return caller.report(verdict, sentence(detail))
        if verdict:
            return _wrong(caller, [(verdict, detail)], anatomy)
    layout = find_layout(module, reader, anatomy)
    if layout:
        findings += bias_mistakes(module, layout)
    if findings:
        return _wrong(caller, findings, anatomy)
    alone, state = _part_of_the_batch(caller, few, 1), caller(**few)
    if isinstance(state, tuple) and not agrees(alone, _first(state, 1)):
        return caller.report("squeeze_batch_of_one", broken_alone(alone))
    large = caller(**{**few, "c": torch.full_like(few["h"], LARGE)})
    kept = 0.8 * LARGE * anatomy.gates["f"].values[:3]
    if isinstance(large, tuple) and (large[1][:, at.units] < kept - 10).any():
        return caller.report("unrecognised", sentence(CLIPPED))
    message = (
        "Your module is an LSTM cell: with random parameters and states, f, i, g and o read off "
        "its behaviour fit the equations."
    )
    evidence: dict[str, Any] = {}
    if layout:
        message += f"\n{describe(module, layout, *sizes)}"
        transposed = {s.name for s in layout.weights.values() if s.laid == "columns"}
        evidence = {"gate order": " ".join(layout.order)} if layout.order else {}
        evidence |= {"transposed": ", ".join(sorted(transposed))} if transposed else {}
    return caller.report("ok", _untrainable(module, caller, few, sizes) + message, evidence)


def _first(state: State, batch: int) -> State:
    return state[0][:batch], state[1][:batch]


def _part_of_the_batch(caller: Caller, few: dict[str, Tensor], batch: int) -> State | Report:
    return caller(**{name: tensor[:batch] for name, tensor in few.items()})


def _redrawn_until_read(module: nn.Module, sizes: Sizes, reader: Reader) -> Anatomy | Report:
    """Read the gates; once more from other parameters where no known mistake was found.

    Two gates that look the same may do so by chance, so that has to hold from both.
    """
    first: Anatomy | None = None
    for seed in (5, 6):
        redraw(module, sizes, seed)
        seen = reader.observe()
        if isinstance(seen, Report):
            return seen
        anatomy = dissect(*seen, reader, quickly=first is not None)
        if anatomy.findings and _is_right(seen[::-1], reader):
            return Anatomy(findings={"h": ("swapped_return", "you return c first and h second")})
        exchanged = reader.observe(exchanged=True) if anatomy.findings else None
        for said, twice in _EXCHANGED.items():
            if not isinstance(exchanged, tuple):
                break
            if _is_right(exchanged[::-1] if twice else exchanged, reader):
                return Anatomy(findings={"h": ("unrecognised", said)})
        unsure = UNNAMED & {verdict for verdict, _ in anatomy.findings.values()}
        if not unsure and "weights" not in anatomy.findings:
            return anatomy
        first = first or anatomy
    redraw(module, sizes)
    return first or anatomy


def _is_right(seen: State, reader: Reader) -> bool:
    return not dissect(*seen, reader, quickly=True).findings


def _wrong(caller: Caller, findings: list[Finding], anatomy: Anatomy) -> Report:
    findings = list(dict.fromkeys(findings))
    named = {mistake.verdict: mistake for mistake in reversed(MISTAKES)}
    tabled = {detail: mistake for mistake, detail, _ in candidates()}
    evidence = {
        part: "off" if part in anatomy.findings else "right"
        for part in ("f", "i*g", "o", "c", "h")
        if part in anatomy.findings or set(part.split("*")) & anatomy.gates.keys()
    }
    details = "; ".join(detail for _, detail in findings)
    verdicts = list(dict.fromkeys(verdict for verdict, _ in findings))
    known = [verdict for verdict in verdicts if verdict not in UNNAMED]
    if not known and details not in tabled:
        compare = "Compare it with the equations: `c = f * c + i * g`, `h = o * torch.tanh(c)`."
        return caller.report("unrecognised", f"{sentence(details)}\n{compare}", evidence)
    if len(verdicts) == 1:
        mistake = tabled.get(details) or named[verdicts[0]]
        return caller.report(verdicts[0], mistake.told(details), evidence)
    fixes = " And: ".join(f"{named[verdict].fix}." for verdict in known)
    return caller.report(
        "unrecognised",
        f"More than one thing is off: {details}.\nFix: {fixes}",
        {"mistakes": " and ".join(known), **evidence},
    )


def _untrainable(module: nn.Module, caller: Caller, few: dict[str, Tensor], sizes: Sizes) -> str:
    """What to say first of a right cell that no optimiser could train; "" of any other."""
    before = caller(**few)
    for tensor in plain_tensors(module, sizes[1]):
        tensor.add_(1.0)
    after = caller(**few)
    if isinstance(before, Report) or isinstance(after, Report):
        return ""
    if not any(True for _ in module.parameters()):
        return (
            "The numbers are right, but `parameters()` is empty: no optimiser would train this "
            "cell. A module does not look into a plain list or at plain tensors. Fix: "
            "`nn.ModuleList([...])` for layers, `nn.Parameter(...)` for a tensor, and "
            "nn.ParameterList or nn.ParameterDict for several.\n"
        )
    if not agrees(after, before):
        return (
            "The numbers are right, but some of the weights are plain tensors, so no optimiser "
            "will find them. Fix: `nn.Parameter(...)`, and nn.ParameterList or nn.ParameterDict "
            "for several.\n"
        )
    with torch.enable_grad():
        result = caller.raw(**few)
    if isinstance(result, Report):
        return (
            "The numbers are right, but only without gradients: where they are kept, as in "
            f"training, the cell raises an error.\n{result.message}\n"
        )
    learned = any(p.requires_grad for p in module.parameters())
    if learned and not any(getattr(part, "requires_grad", False) for part in result):
        return (
            "The numbers are right, but no gradient reaches the parameters, so it could not be "
            "trained. Look for `.detach()`, `.data`, `torch.no_grad()` or NumPy.\n"
        )
    return ""
