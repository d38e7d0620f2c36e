"""Run a learner's stack on cells that it is lent: what comes back, and what it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lstm_teach.checks.bringing import normals
from lstm_teach.checks.passing import noting
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.checks.stack.mistakes import Result, State, told, wired

Run = Callable[[Any, Any], Any]
"""A learner's stack, called with cells and x."""

_PATIENCE_IN_SECONDS = 3.0


class Case(NamedTuple):
    """One stack to try: its sizes from input_size up, and those of x."""

    sizes: tuple[int, ...]
    seq_len: int
    batch: int
    name: str


# At equal sizes every known mistake runs, so that case leads; else no two axes are of one size.
# Two of them run with a batch of 2: a fixed batch size is not taken for fixed layers.
CASES = (
    Case((4, 4, 4), 6, 3, "two layers of equal sizes"),
    Case((5, 4, 3), 7, 2, "two layers of different sizes"),
    Case((3, 5, 4, 2), 6, 8, "three layers of different sizes"),
    Case((4, 4, 4, 4), 5, 3, "three layers of equal sizes"),
    Case((5, 4), 6, 2, "one layer"),
    Case((5, 4, 3), 7, 1, "a batch of one"),
)


class _ArrayCell:
    """An nn.LSTMCell for code in NumPy: its weights and what it returns are arrays."""

    def __init__(self, cell: nn.LSTMCell) -> None:
        self.cell, self.input_size, self.hidden_size = cell, cell.input_size, cell.hidden_size
        for name, parameter in cell.named_parameters():
            setattr(self, name, parameter.detach().numpy())

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        pair = None if state is None else tuple(map(torch.as_tensor, state))
        h, c = self.cell(torch.as_tensor(x), pair)
        return h.detach().numpy(), c.detach().numpy()


class WithoutDropout(TorchFunctionMode):
    """Dropout leaves everything as it is; `seen` tells whether there was any."""

    seen = False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Give back what dropout was given, and run all else."""
        kwargs = kwargs or {}
        if func in (functional.dropout, torch.dropout, torch.dropout_):
            given = dict(zip(("input", "p", "training"), args, strict=False)) | kwargs
            if given.get("training", True) and given.get("p", 0.5):
                self.seen = True
                return given["input"]
        return func(*args, **kwargs)


@dataclass(eq=False)
class Trial:
    """What a learner's stack did with one case.

    It was lent `cells` and `x`, `[seq_len, batch, input_size]`, which are here as they were before,
    and has `given` something back, or a report where it raised. The `calls` of each cell are what
    it read, its state if it got one, and what it returned. The stack `changes` what it was lent;
    its `notes` are worth saying of a right one too. `computed` is what stacks compute, by the
    changes in them.
    """

    case: Case
    cells: list[nn.LSTMCell]
    x: Tensor
    given: Any = None
    calls: list[list[tuple[Tensor, State | None, State]]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    computed: dict[str, Result | None] = field(default_factory=dict)

    @property
    def raised(self) -> bool:
        """Whether the learner's stack raised, or is a stub."""
        return isinstance(self.given, Report)

    @property
    def output(self) -> Any:
        """The first of what it returned."""
        return self.given[0] if isinstance(self.given, list) and self.given else self.given

    def by(self, how: str = "") -> Result | None:
        """What a stack with these changes computes; None where the sizes do not let it run."""
        if how not in self.computed:
            self.computed[how] = None
            with suppress(RuntimeError, ValueError, IndexError), torch.no_grad():
                self.computed[how] = wired(how)(self.cells, self.x)
        return self.computed[how]

    @property
    def agrees(self) -> str:
        """ "as asked" or "together", where the numbers are right; else ""."""
        output, states = self.by() or (None, [])
        forms = {"as asked": (output, states), "together": (output, [*zip(*states, strict=True)])}
        return next((form for form, right in forms.items() if same(self.given, right)), "")

    def in_words(self, how: str = "") -> tuple[str, bool]:
        """What came back, each part by its name in a stack with these changes, else by its shape;
        and whether it holds the output, and nothing without a name."""
        output, states = self.by(how) or (torch.zeros(0, 0), [])
        known = {
            "output": output,
            "the output with the batch first": output.transpose(0, 1),
            "the output with time and batch in one axis": output.flatten(0, 1),
            "the output backward in time": output.flip(0),
        }
        for k, (h, c) in enumerate(states):
            known |= {f"h of layer {k}": h, f"c of layer {k}": c}
        said, has_names = described(self.given, known)
        return said, has_names and "output" in said

    def evidence(self) -> dict[str, Any]:
        """With what wrong numbers came, and which are the first, where they can be compared."""
        found = {"tried with": self.case.name}
        with suppress(AttributeError, IndexError, TypeError, ValueError, StopIteration):
            (ours, pairs), (output, states) = self.given, self.by()  # type: ignore[misc]
            places = [(f"output at step {t}", ours[t], step) for t, step in enumerate(output)]
            for (layer, pair), (k, name) in product(enumerate(states), enumerate("hc")):
                places.append((f"{name} of layer {layer}", pairs[layer][k], pair[k]))
            name, one, two = next(place for place in places if not _close(*place[1:]))
            return found | ({"first off": name} if one.shape == two.shape else {})
        return found

    def odd_calls(self) -> list[tuple[str, dict[str, Any], Tensor]]:
        """Calls of a cell that get something else than in a right stack: what, where, and the x."""
        odd: list[tuple[str, dict[str, Any], Tensor]] = []
        if any(len(calls) != self.case.seq_len for calls in self.calls):
            return odd
        results = [[result for *_, result in calls] for calls in self.calls]
        for t, layer in product(range(self.case.seq_len), range(len(self.calls))):
            (x, state, (h, _)), where = self.calls[layer][t], {"layer": layer, "t": t}
            zeros = (torch.zeros_like(h),) * 2
            before = results[layer][t - 1] if t else zeros
            if not all(map(_close, zeros if state is None else state, before)):
                odd.append(("state" if t else "start", where, x))
            below = results[layer - 1][t][0] if layer else self.x[t]
            if not _close(x, below.detach()):
                what = f"h of layer {layer - 1} at that step" if layer else f"`x[{t}]`"
                odd.append(("read", {**where, "what": what}, x))
        return odd


def try_all(run: Run, dtype: torch.dtype, numpy: bool, most: int = 6) -> tuple[list[Trial], str]:
    """Every case that time allows, and why two calls differ: "kept", "random" or ""."""
    trials: list[Trial] = []
    torch.set_default_dtype(dtype)
    end = time.monotonic() + _PATIENCE_IN_SECONDS
    for case in CASES[:most]:
        if trials and time.monotonic() > end:
            break
        trials.append(_try(run, case, dtype, numpy))
    for seed, why in ((0, "kept"), (1, "random")):
        if trials[0].raised or time.monotonic() > end:
            break
        again, _ = _call(run, _lent(CASES[0], dtype), trials[0].x.clone(), numpy, seed)
        if not same(again, trials[0].given):
            return trials, why
    return trials, ""


def _lent(case: Case, dtype: torch.dtype) -> list[nn.LSTMCell]:
    """The cells of a case; their large random weights are always the same."""
    cells = [nn.LSTMCell(*sizes, dtype=dtype) for sizes in pairwise(case.sizes)]
    normal = normals(sum(case.sizes))
    for parameter in nn.ModuleList(cells).parameters():
        parameter.data.copy_(normal(*parameter.shape))
    return cells


def _try(run: Run, case: Case, dtype: torch.dtype, numpy: bool) -> Trial:
    x = normals(case.seq_len)(case.seq_len, case.batch, case.sizes[0]).to(dtype)
    cells, lent_x = _lent(case, dtype), x.clone()
    trial, lent = Trial(case, _lent(case, dtype), x, calls=[[] for _ in cells]), list(cells)

    def note(layer: int, given: list[Any], result: State) -> None:
        trial.calls[layer].append((given[0], (*given, None)[1], result))

    with noting(dict(enumerate(cells)), note, after=True):
        trial.given, dropout = _call(run, lent, lent_x, numpy, 0)
    before, after = ([*nn.ModuleList(some).parameters()] for some in (trial.cells, cells))
    changed = {
        "x itself": not same(lent_x, x),
        "the list `cells`": [*map(id, lent)] != [*map(id, cells)],
        "the weights of the cells": not same(after, before),
    }
    trial.changes = [what for what, is_changed in changed.items() if is_changed]
    output = trial.output
    is_listed = isinstance(output, list) and bool(output) and isinstance(output[0], Tensor)
    output = output[0] if is_listed else output
    notes = {
        "dropout": dropout,
        "evaluates": not all(cell.training for cell in cells),
        "listed": is_listed,
        "no_gradient": isinstance(output, Tensor) and not (output.requires_grad or numpy),
    }
    trial.notes = [told(name).message for name, is_true in notes.items() if is_true]
    return trial


def _call(run: Run, cells: list[Any], x: Tensor, numpy: bool, seed: int) -> tuple[Any, bool]:
    """What the stack returns, and whether it has dropout."""
    lent = [*map(_ArrayCell, cells)] if numpy else cells
    torch.manual_seed(seed)
    with torch.enable_grad(), WithoutDropout() as dropout:
        result = run_in_time(run, lent, x.numpy() if numpy else x)
        result = result if isinstance(result, Report) else run_in_time(read, result)
    if isinstance(result, list) and len(result) == 2 and result[0] == []:
        result = told("empty_loop")
    return result, dropout.seen


# What came back.


def read(result: Any) -> Any:
    """The same result with its iterators, such as `zip` or a deque, as lists, arrays as tensors."""
    if isinstance(result, (Tensor, str, bytes, dict)) or not isinstance(result, Iterable):
        return result
    if hasattr(result, "__array__"):
        return torch.as_tensor(result)
    return [read(part) for part in result]


def same(given: Any, expected: Any) -> bool:
    """Whether both hold the same numbers in the same places.

    A tensor may stand for a list of equal tensors, and a list of equal tensors for one tensor.
    """
    if isinstance(given, Tensor) and isinstance(expected, Tensor):
        return _close(given, expected)
    if not all(isinstance(one, (list, tuple)) or _has_rows(one) for one in (given, expected)):
        return type(given) is type(expected)
    return len(given) == len(expected) and all(map(same, given, expected))


def _has_rows(value: Any, axes: int = 1) -> bool:
    return isinstance(value, Tensor) and value.dim() >= axes


def _close(given: Tensor, expected: Tensor) -> bool:
    """Whether two tensors hold the same numbers, to rounding."""
    if given.shape != expected.shape or given.is_complex():
        return False
    tolerance = 1e-8 if given.dtype == expected.dtype == torch.float64 else 1e-3
    return torch.allclose(given.detach().double().cpu(), expected.double(), tolerance, tolerance)


def described(value: Any, known: Mapping[str, Tensor]) -> tuple[str, bool]:
    """What was returned, in words: each part by its name among what is known, else by its kind and
    shape; and whether all of it has a name."""
    for name, tensor in known.items():
        if same(value, tensor):
            return name, True
    is_list = isinstance(value, (list, tuple))
    found = [described(part, known) for part in (value if is_list or _has_rows(value, 3) else ())]
    has_names = bool(found) and all(is_known for _, is_known in found)
    if is_list or has_names:
        more = ["..."] * (len(found) > 4 and not has_names)
        said = [part for part, _ in (found[:4] if more else found)]
        return f"({', '.join([*said, *more])})", has_names
    return str([*value.shape]) if isinstance(value, Tensor) else f"`{type(value).__name__}`", False
