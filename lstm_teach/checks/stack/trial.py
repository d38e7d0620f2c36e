"""Run a learner's stack at several sizes, and note what it returns and what it changes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.cells import run_cells
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.checks.stack.results import Result, read, same

_PATIENCE_IN_SECONDS = 3.0


@dataclass(frozen=True)
class Case:
    """One stack to try: its sizes from input_size up, and those of x."""

    sizes: tuple[int, ...]
    seq_len: int
    batch: int
    name: str


# At equal sizes every known mistake runs, so that case leads; else no two axes are of one size.
CASES = (
    Case((4, 4, 4), 6, 3, "two layers of equal sizes"),
    Case((5, 4, 3), 7, 2, "two layers of different sizes"),
    Case((3, 5, 4, 2), 6, 8, "three layers of different sizes"),
    Case((4, 4, 4, 4), 5, 3, "three layers of equal sizes"),
    Case((5, 4), 6, 3, "one layer"),
    Case((5, 4, 3), 7, 1, "a batch of one"),
)


@dataclass(frozen=True, eq=False)
class Trial:
    """What a learner's stack did with one case.

    Attributes:
        case: what was tried.
        cells: the layers.
        x: the input, `[seq_len, batch, input_size]`, as it was before.
        right: what nn.LSTMCell computes, called layer by layer.
        given: what the learner's stack returned, or a report where it raised.
        changes: what it did to the cells and to x, one sentence each.
        notes: what is worth saying of a right stack too, one sentence each.
    """

    case: Case
    cells: list[nn.LSTMCell]
    x: Tensor
    right: Result
    given: Any
    changes: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def raised(self) -> bool:
        """Whether the learner's stack raised, or is a stub."""
        return isinstance(self.given, Report)


def try_all(run_stack: Callable[..., Any], dtype: torch.dtype) -> tuple[list[Trial], bool]:
    """Every case that time allows, and whether a second call gives the same as the first."""
    trials: list[Trial] = []
    torch.set_default_dtype(dtype)
    random = torch.Generator().manual_seed(0)
    end = time.monotonic() + _PATIENCE_IN_SECONDS
    for case in CASES:
        if trials and time.monotonic() > end:
            break
        trials.append(_try(run_stack, case, dtype, random))
    first = trials[0]
    if first.raised or time.monotonic() > end:
        return trials, True
    second = _call(run_stack, copy.deepcopy(first.cells), first.x.clone())
    return trials, same(second, first.given)


def _try(
    run_stack: Callable[..., Any], case: Case, dtype: torch.dtype, random: torch.Generator
) -> Trial:
    cells = [nn.LSTMCell(*sizes, dtype=dtype) for sizes in pairwise(case.sizes)]
    for parameter in nn.ModuleList(cells).parameters():
        parameter.data.normal_(generator=random)
    x = torch.randn(case.seq_len, case.batch, case.sizes[0], dtype=dtype, generator=random)
    with torch.no_grad():
        right = run_cells(cells, x)
    lent_cells = copy.deepcopy(cells)
    lent, lent_x = list(lent_cells), x.clone()
    given = _call(run_stack, lent, lent_x)
    return Trial(
        case,
        cells,
        x,
        right,
        given,
        tuple(_changes(cells, lent_cells, lent, x, lent_x)),
        tuple(_notes(given, lent_cells)),
    )


def _call(run_stack: Callable[..., Any], cells: list[nn.LSTMCell], x: Tensor) -> Any:
    with torch.enable_grad():
        result = run_in_time(run_stack, cells, x)
        result = result if isinstance(result, Report) else run_in_time(read, result)
        return _EMPTY_LOOP if _is_still_a_stub(result) else result


_EMPTY_LOOP = Report(
    "not_attempted",
    "Your output is an empty list and no layer has a state: nothing happens in the loop yet. "
    "Write its body, then run the check again.",
)


def _is_still_a_stub(result: Any) -> bool:
    if not isinstance(result, list) or len(result) != 2:
        return False
    output, states = result
    nothing = isinstance(output, list) and not output
    return nothing and isinstance(states, list) and all(each is None for each in states)


def _changes(
    cells: Sequence[nn.LSTMCell],
    lent_cells: Sequence[nn.LSTMCell],
    lent: Sequence[nn.LSTMCell],
    x: Tensor,
    lent_x: Tensor,
) -> list[str]:
    changes = []
    if lent_x.shape != x.shape or not torch.equal(lent_x, x):
        changes.append(
            "Your function changes x itself, so whoever called it has lost the input. Collect "
            "the steps in a list, or work on `x.clone()`."
        )
    if [id(cell) for cell in lent] != [id(cell) for cell in lent_cells]:
        changes.append(
            "Your function changes the list `cells` (pop, reverse, append do), so a second call "
            "gets another stack. Work on `list(cells)`."
        )
    before, after = (nn.ModuleList(some).state_dict() for some in (cells, lent_cells))
    if before.keys() != after.keys() or not all(map(torch.equal, before.values(), after.values())):
        changes.append(
            "Your function changes the weights of the cells. Running a stack only reads them."
        )
    return changes


def _notes(given: Any, lent_cells: Sequence[nn.LSTMCell]) -> list[str]:
    notes = []
    if not all(cell.training for cell in lent_cells):
        notes.append("Your function switches the cells to evaluation mode and leaves them there.")
    output = given[0] if isinstance(given, list) and given else given
    if isinstance(output, list) and output and isinstance(output[0], Tensor):
        notes.append("Your output is a list of steps: `torch.stack(output)` makes it one tensor.")
        output = output[0]
    if isinstance(output, Tensor) and not output.requires_grad:
        notes.append(
            "No gradient flows back through your output (`no_grad`, `detach` or `.data` cut it), "
            "so this stack could not be trained."
        )
    return notes
