"""Run a learner's stack at several sizes, and note what it returns and what it changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.checks.stack.brought import Brought, Call, Case, WithoutDropout, recorded
from lstm_teach.checks.stack.results import read, same
from lstm_teach.checks.stack.wiring import Result, Stack, right

_PATIENCE_IN_SECONDS = 3.0


@dataclass(frozen=True, eq=False)
class Trial:
    """What a learner's stack did with one case.

    Attributes:
        case: what was tried.
        cells: the layers, as they were before.
        x: the input, `[seq_len, batch, input_size]`, as it was before.
        given: what the learner's stack returned, or a report where it raised.
        calls: how each cell was called.
        changes: what it did to the cells and to x, one sentence each.
        notes: what is worth saying of a right stack too, one sentence each.
    """

    case: Case
    cells: list[Any]
    x: Tensor
    given: Any
    calls: list[list[Call]]
    changes: list[str]
    notes: list[str]

    @property
    def raised(self) -> bool:
        """Whether the learner's stack raised, or is a stub."""
        return isinstance(self.given, Report)

    @property
    def output(self) -> Any:
        """The first of what it returned."""
        return self.given[0] if isinstance(self.given, list) and self.given else self.given

    @cached_property
    def right(self) -> Result | None:
        """What the cells compute, called layer by layer; None where their sizes do not fit."""
        return self.by(right)

    def by(self, stack: Stack) -> Result | None:
        """What this stack computes, or None where the sizes do not let it run."""
        try:
            with torch.no_grad():
                return stack(self.cells, self.x)
        except (RuntimeError, ValueError):
            return None


def try_all(brought: Brought, dtype: torch.dtype) -> tuple[list[Trial], str]:
    """Every case that time allows, and why two calls differ: "kept", "random" or ""."""
    trials: list[Trial] = []
    torch.set_default_dtype(dtype)
    end = time.monotonic() + _PATIENCE_IN_SECONDS
    for case in brought.cases:
        if trials and time.monotonic() > end:
            break
        trials.append(_try(brought, case, dtype))
    for seed, why in ((0, "kept"), (1, "random")):
        if trials[0].raised or time.monotonic() > end:
            break
        thing, _ = brought.lend(brought.cases[0], dtype)
        again, _ = _call(brought, thing, trials[0].x.clone(), seed)
        if not same(again, trials[0].given):
            return trials, why
    return trials, ""


def _try(brought: Brought, case: Case, dtype: torch.dtype) -> Trial:
    random = torch.Generator().manual_seed(case.seq_len)
    x = torch.randn(case.seq_len, case.batch, case.sizes[0], dtype=dtype, generator=random)
    (thing, cells), (_, before), lent_x = *(brought.lend(case, dtype) for _ in "ab"), x.clone()
    with recorded(cells, brought.way) as calls:
        given, dropout = _call(brought, thing, lent_x, 0)
    one, two = (nn.ModuleList(some).state_dict() for some in (before, cells))
    found = {
        "x itself": lent_x.shape != x.shape or not torch.equal(lent_x, x),
        "the list `cells`": not brought.owns and list(map(id, thing)) != list(map(id, cells)),
        "the weights of the cells": one.keys() != two.keys()
        or not all(map(torch.equal, one.values(), two.values())),
    }
    changes = [
        f"Your code changes {what}, so a second call gets something else. Work on a copy."
        for what, changed in found.items()
        if changed
    ]
    notes = ["Dropout was left out: with it no two calls give the same numbers."] * dropout
    if not all(cell.training for cell in cells):
        notes.append("Your code switches the cells to evaluation mode and leaves them there.")
    trial = Trial(case, brought.as_torch(before), x, given, list(calls.values()), changes, notes)
    output = trial.output
    if isinstance(output, list) and output and isinstance(output[0], Tensor):
        notes.append("Your output is a list of steps: `torch.stack(output)` makes it one tensor.")
        output = output[0]
    if isinstance(output, Tensor) and not output.requires_grad:
        notes.append(
            "No gradient flows back through your output (`no_grad`, `detach` or `.data` cut it), "
            "so this stack could not be trained."
        )
    return trial


def _call(brought: Brought, thing: Any, x: Tensor, seed: int) -> tuple[Any, bool]:
    """What the stack returns, and whether it has dropout."""

    def run() -> Any:
        return brought.run(thing, x)

    run.__name__ = getattr(brought.code, "__name__", f"{type(brought.code).__name__}.forward")
    torch.manual_seed(seed)
    with torch.enable_grad(), WithoutDropout() as dropout:
        result = run_in_time(run)
        result = result if isinstance(result, Report) else run_in_time(read, result)
    if isinstance(result, list) and len(result) == 2 and result[0] == []:
        result = Report("not_attempted", "Nothing happens in the loop yet: write its body.")
    return result, dropout.seen
