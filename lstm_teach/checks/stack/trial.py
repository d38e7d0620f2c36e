"""Run a learner's stack on cells that it is lent: what comes back, and what it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lstm_teach.checks.passing import noting
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.checks.stack.mistakes import told
from lstm_teach.checks.stack.wiring import Result, State, wired

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


class Call(NamedTuple):
    """One call of a cell: what it read, what it went on from, and what it returned."""

    x: Tensor
    state: State | None
    result: State


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

    Attributes:
        case: what was tried.
        cells: the layers, as they were before.
        x: the input, `[seq_len, batch, input_size]`, as it was before.
        given: what the learner's stack returned, or a report where it raised.
        calls: how each cell was called.
        misfit: whether the last call of a cell was with a state of another size than its own.
        changes: what it changed.
        notes: what is worth saying of a right stack too, one sentence each.
        computed: what stacks compute, by the changes in them.
    """

    case: Case
    cells: list[Any]
    x: Tensor
    given: Any = None
    calls: list[list[Call]] = field(default_factory=list)
    misfit: bool = False
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
            try:
                with torch.no_grad():
                    self.computed[how] = wired(how)(self.cells, self.x)
            except (RuntimeError, ValueError, IndexError):
                self.computed[how] = None
        return self.computed[how]

    @property
    def agrees(self) -> str:
        """ "as asked" or "together", where the numbers are right; else ""."""
        right = self.by()
        if right is None:
            return ""
        if same(self.given, right):
            return "as asked"
        return "together" * same(self.given, _together(right))

    def evidence(self) -> dict[str, Any]:
        """With what wrong numbers came, and which are the first."""
        first = _first_off(self.given, self.by())
        return {"tried with": self.case.name, **({"first off": first} if first else {})}

    def odd_calls(self) -> list[tuple[str, dict[str, Any], Call]]:
        """Calls of a cell that get something else than in a right stack: what, and where."""
        odd: list[tuple[str, dict[str, Any], Call]] = []
        if any(len(calls) != self.case.seq_len for calls in self.calls):
            return odd
        for t in range(self.case.seq_len):
            for layer, calls in enumerate(self.calls):
                call, where = calls[t], {"layer": layer, "t": t}
                zeros = (torch.zeros_like(call.result[0]),) * 2
                before = calls[t - 1].result if t else zeros
                given = zeros if call.state is None else call.state
                if not all(map(_close, given, before)):
                    odd.append(("state" if t else "start", where, call))
                below = self.calls[layer - 1][t].result[0] if layer else self.x[t]
                if not _close(call.x, below.detach()):
                    what = f"h of layer {layer - 1} at that step" if layer else f"`x[{t}]`"
                    odd.append(("read", {**where, "what": what}, call))
        return odd


def try_all(
    run: Callable[[Any, Any], Any], dtype: torch.dtype, numpy: bool = False, most: int = len(CASES)
) -> tuple[list[Trial], str]:
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
    random = torch.Generator().manual_seed(sum(case.sizes))
    for parameter in nn.ModuleList(cells).parameters():
        parameter.data.normal_(generator=random)
    return cells


def _try(run: Callable[[Any, Any], Any], case: Case, dtype: torch.dtype, numpy: bool) -> Trial:
    random = torch.Generator().manual_seed(case.seq_len)
    x = torch.randn(case.seq_len, case.batch, case.sizes[0], dtype=dtype, generator=random)
    cells, lent_x = _lent(case, dtype), x.clone()
    trial, lent = Trial(case, _lent(case, dtype), x), list(cells)
    trial.calls = [[] for _ in cells]

    def note(layer: int, given: list[Any], result: State) -> None:
        trial.calls[layer].append(Call(given[0], (*given, None)[1], result))

    def ask(layer: int, given: list[Any]) -> None:
        match given:
            case [_, [Tensor(shape=[*_, wide]), *_]]:
                trial.misfit = wide != cells[layer].hidden_size

    lanes = dict(enumerate(cells))
    with noting(lanes, ask), noting(lanes, note, after=True):
        trial.given, dropout = _call(run, lent, lent_x, numpy, 0)
    one, two = (nn.ModuleList(some).state_dict() for some in (trial.cells, cells))
    changed = {
        "x itself": lent_x.shape != x.shape or not torch.equal(lent_x, x),
        "the list `cells`": list(map(id, lent)) != list(map(id, cells)),
        "the weights of the cells": one.keys() != two.keys()
        or not all(map(torch.equal, one.values(), two.values())),
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


def _call(
    run: Callable[[Any, Any], Any], cells: list[Any], x: Tensor, numpy: bool, seed: int
) -> tuple[Any, bool]:
    """What the stack returns, and whether it has dropout."""

    def called() -> Any:
        if numpy:
            return run(list(map(_ArrayCell, cells)), x.numpy())
        return run(cells, x)

    called.__name__ = getattr(run, "__name__", f"{type(run).__name__}.forward")
    torch.manual_seed(seed)
    with torch.enable_grad(), WithoutDropout() as dropout:
        result = run_in_time(called)
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
    if isinstance(expected, Tensor):
        if isinstance(given, list):
            return len(given) == len(expected) > 0 and all(map(same, given, expected))
        return isinstance(given, Tensor) and _close(given, expected)
    if not isinstance(expected, (list, tuple)):
        return type(given) is type(expected)
    if isinstance(given, Tensor) and given.dim() == 0:
        return False
    if not isinstance(given, (Tensor, list)) or len(given) != len(expected):
        return False
    return all(map(same, given, expected))


def _close(given: Tensor, expected: Tensor) -> bool:
    """Whether two tensors hold the same numbers, to rounding."""
    if given.shape != expected.shape or given.is_complex() or not _holds_numbers(given):
        return False
    exact = given.dtype == expected.dtype == torch.float64
    tolerance = 1e-8 if exact else 1e-3
    return torch.allclose(given.detach().double().cpu(), expected.double(), tolerance, tolerance)


def _holds_numbers(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_meta


def _together(result: Result) -> Any:
    """The same in nn.LSTM's own form: the h of all layers, and the c of all layers."""
    output, states = result
    return output, list(zip(*states, strict=True))


def looked_up(given: Any, result: Result | None) -> str:
    """What a learner returned, each part by its name in this result; "" where one is not in it."""
    output, states = result or (torch.zeros(0), [])
    named = {
        "output": output,
        "the output with the batch first": output.transpose(0, 1),
        "the output with time and batch in one axis": output.flatten(0, 1),
        "the output backward in time": output.flip(0),
    }
    for k, (h, c) in enumerate(states):
        named |= {f"h of layer {k}": h, f"c of layer {k}": c}

    def name(part: Any) -> str:
        for known, tensor in named.items():
            if same(part, tensor):
                return known
        if not isinstance(part, list) and (not isinstance(part, Tensor) or part.dim() < 3):
            return ""
        names = list(map(name, part))
        return f"({', '.join(names)})" if all(names) else ""

    found = name(given)
    return found if "output" in found else ""


def described(value: Any) -> str:
    """What was returned, in words: kinds and shapes, no numbers."""
    if isinstance(value, Tensor):
        strange = f"{value.layout} on the device {value.device}"
        return str(list(value.shape)) if _holds_numbers(value) else strange
    if isinstance(value, (list, tuple)):
        shown = [*map(described, value[:4]), *["..."] * (len(value) > 4)]
        return f"({', '.join(shown)})"
    return f"`{type(value).__name__}`"


def _first_off(given: Any, right: Result | None) -> str:
    """Where the numbers part first; "" where what was returned cannot be compared."""
    try:
        (ours, pairs), (output, states) = given, right  # type: ignore[misc]
        places = [(f"output at step {t}", ours[t], step) for t, step in enumerate(output)]
        for layer, pair in enumerate(states):
            places += [
                (f"{n} of layer {layer}", pairs[layer][k], pair[k]) for k, n in enumerate("hc")
            ]
        for name, one, two in places:
            if one.shape != two.shape or not _holds_numbers(one):
                return ""
            if not _close(one, two):
                return name
    except (AttributeError, IndexError, TypeError, ValueError):
        pass
    return ""
