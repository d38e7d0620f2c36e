"""What was brought to check_stack, turned into one thing: cells, and a way to run them over x."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lstm_teach.checks.bringing import signature_of
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.checks.stack.wiring import State


class Case(NamedTuple):
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


class Call(NamedTuple):
    """One call of a cell: what it read, what it went on from, and what it returned."""

    x: Tensor
    state: State | None
    result: State


class Way(NamedTuple):
    """How a cell is called; as it stands here, as nn.LSTMCell is."""

    takes_a_pair: bool = True
    takes_c_first: bool = False
    gives_c_first: bool = False


AS_TORCH = Way()


@dataclass(frozen=True, eq=False)
class Cell:
    """A learner's own cell, called as nn.LSTMCell is called."""

    module: nn.Module
    hidden_size: int
    way: Way

    def __call__(self, x: Tensor, state: State) -> State:
        """Go one step: x `[batch, input_size]`, h and c `[batch, hidden_size]`."""
        pair = state[::-1] if self.way.takes_c_first else state
        result = self.module(x, pair) if self.way.takes_a_pair else self.module(x, *pair)
        first, second = tensors_in(result)[-2:]
        return (second, first) if self.way.gives_c_first else (first, second)


class ArrayCell:
    """An nn.LSTMCell for code in NumPy: its weights and what it returns are arrays."""

    def __init__(self, cell: nn.LSTMCell) -> None:
        """Share the memory of the weights."""
        self.cell, self.input_size, self.hidden_size = cell, cell.input_size, cell.hidden_size
        for name, parameter in cell.named_parameters():
            setattr(self, name, parameter.detach().numpy())

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """Go one step over arrays: x `[batch, input_size]`, h and c `[batch, hidden_size]`."""
        pair = None if state is None else tuple(map(torch.as_tensor, state))
        h, c = self.cell(torch.as_tensor(x), pair)
        return h.detach().numpy(), c.detach().numpy()


@dataclass(frozen=True)
class Brought:
    """What was brought, made ready to be tried.

    Attributes:
        code: a function (cells, x), a class that takes the cells, or a module that owns them.
        call: (cells or module, x) -> what the code returns.
        cases: what to try it with.
        owns: the names of the cells inside the module; none where cells are lent.
        way: how to call its cells.
        batch_first: whether x goes in as `[batch, seq_len, input_size]`.
        with_parts: whether the module has layers besides its cells.
        numpy: whether cells and x are handed over as arrays.
    """

    code: Any
    call: Callable[[Any, Any], Any]
    cases: tuple[Case, ...] = CASES
    owns: tuple[str, ...] = ()
    way: Way = AS_TORCH
    batch_first: bool = False
    with_parts: bool = False
    numpy: bool = False

    def lend(self, case: Case, dtype: torch.dtype) -> tuple[Any, list[Any]]:
        """What `run` takes, and the cells in it; their large random weights are always the same."""
        thing: Any = [nn.LSTMCell(*sizes, dtype=dtype) for sizes in pairwise(case.sizes)]
        if self.owns:
            thing = copy.deepcopy(self.code).to("cpu", dtype)
        cells = [thing.get_submodule(name) for name in self.owns] or list(thing)
        random = torch.Generator().manual_seed(sum(case.sizes))
        for parameter in nn.ModuleList(cells).parameters():
            parameter.data.normal_(generator=random)
        return thing, cells

    def as_torch(self, cells: list[Any]) -> list[Any]:
        """The cells, each called as nn.LSTMCell is called."""
        if self.way is AS_TORCH:
            return cells
        sizes = self.cases[0].sizes[1:]
        return [Cell(cell, size, self.way) for cell, size in zip(cells, sizes, strict=True)]

    def run(self, thing: Any, x: Tensor) -> Any:
        """What the code returns for x `[seq_len, batch, input_size]`, output with time first."""
        if self.numpy:
            return self.call([ArrayCell(cell) for cell in thing], x.numpy())
        result = self.call(thing, x.transpose(0, 1) if self.batch_first else x)
        if not self.batch_first:
            return result
        output, *rest = result if isinstance(result, (tuple, list)) else [result]
        if isinstance(output, Tensor) and output.dim() > 2:
            output = output.transpose(0, 1)
        return [output, *rest] if rest else output


def tensors_in(*values: Any) -> list[Tensor]:
    """All tensors in nested tuples and lists."""
    found: list[Tensor] = []
    for value in values:
        found += tensors_in(*value) if isinstance(value, (tuple, list)) else []
        found += [value] if isinstance(value, Tensor) else []
    return found


@contextmanager
def recorded(
    modules: list[nn.Module], way: Way = AS_TORCH
) -> Iterator[dict[nn.Module, list[Call]]]:
    """Note each call of these modules that goes from x and a state to a state, as (h, c)."""
    calls: dict[nn.Module, list[Call]] = {module: [] for module in modules}

    def note(module: nn.Module, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        given, got = tensors_in(*args, *kwargs.values()), tensors_in(result)[-2:]
        if len(given) in (1, 3) and len(got) == 2 and {t.dim() for t in [*given, *got]} == {2}:
            x, *state = given
            state = state[::-1] if way.takes_c_first else state
            h, c = got[::-1] if way.gives_c_first else got
            calls[module].append(Call(x, (state[0], state[1]) if state else None, (h, c)))

    handles = [m.register_forward_hook(note, with_kwargs=True) for m in modules]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


class WithoutDropout(TorchFunctionMode):
    """Dropout leaves everything as it is; `seen` tells whether there was any."""

    seen = False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Go past a dropout that is switched on."""
        kwargs = kwargs or {}
        if func in (functional.dropout, torch.dropout, torch.dropout_):
            given = dict(zip(("input", "p", "training"), args, strict=False)) | kwargs
            if given.get("training", True) and given.get("p", 0.5):
                self.seen = True
                return given["input"]
        return func(*args, **kwargs)


def bring(code: Any, call: Callable[..., Any] | None) -> Brought | Report:
    """Find out how to run what was brought, and where its cells are."""
    torch.set_default_dtype(torch.float64)
    needed = _required(code) if call is None else _required(call) - 1
    owner, name = getattr(code, "__self__", code), getattr(code, "__name__", "")
    if call is not None and needed == 2:
        return Brought(code, lambda cells, x: call(code, cells, x))
    if isinstance(code, type) and needed == 1:
        return Brought(code, lambda cells, x: code(cells)(x))
    if isinstance(owner, nn.Module) and needed != 2:
        method = "forward" if owner is code else name
        return _owner(owner, call or (lambda module, x: getattr(module, method)(x)))
    if callable(code) and not isinstance(code, type) and needed in (2, -1):
        return Brought(code, lambda cells, x: code(cells, x))
    return Report(
        "cannot_check",
        "The check needs a function, `check_stack(run_stack)`, a class that takes the list of "
        f"cells, or an object that owns its cells, `check_stack({name or 'module'}(...))`. Bring "
        "all else as `check_stack(lambda cells, x: ...)`, or say how to call it: `call=`.",
        headline=f"`{name or type(code).__name__}` is not called as `run_stack(cells, x)`",
    )


def _required(function: Any) -> int:
    """How many arguments a function cannot do without; -1 where it does not tell."""
    forward = function.forward if isinstance(function, nn.Module) else function
    parameters = signature_of(forward).parameters.values() if callable(forward) else ()
    if not parameters or any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return -1
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)


def _owner(code: nn.Module, call: Callable[[Any, Tensor], Any]) -> Brought | Report:
    """Find the cells of a module, their sizes and the layout of x by running it once."""
    module = run_in_time(lambda: copy.deepcopy(code).to("cpu", torch.float64))
    if isinstance(module, Report):
        return module
    for name, value in vars(module).items():
        if isinstance(value, list) and any(isinstance(part, nn.Module) for part in value):
            return Report(
                "unrecognised",
                "So the module does not know them: its `parameters()` leave them out, and no "
                f"optimizer trains them.\nFix: `self.{name} = nn.ModuleList(...)`.",
                headline=f"the cells stand in a plain list, `self.{name}`",
            )
    parts = {name: part for name, part in module.named_modules() if name}
    told = [p for p in (*parts.values(), module) if isinstance(getattr(p, "input_size", 0.0), int)]
    told.sort(key=lambda part: not isinstance(part, nn.LSTMCell))
    wide: Any = told[0].input_size if told else 1
    with recorded(list(parts.values())) as calls, torch.no_grad():
        result = run_in_time(call, module, torch.randn(6, 3, wide))
    called = {name: calls[part] for name, part in parts.items() if calls[part]}
    if not told or not called:
        raised = told and isinstance(result, Report)
        return Report(
            "cannot_check",
            f"It was run on an x `[6, 3, {wide}]` that the check made up"
            + (f":\n{result.message}\n" if raised else ". ")
            + "The check looks for parts that go from x and (h, c) to the next (h, c): nn.LSTMCell,"
            " or modules of your own with an `input_size`. Where yours are kept otherwise, let "
            "them be handed in: `call=lambda code, cells, x: ...`. A model around an nn.LSTM is "
            "for `check_layout`.",
            headline="it does not run on such an x" if raised else "no cells were found in it",
        )
    kind = type(min((parts[n] for n in called), key=lambda p: not isinstance(p, nn.LSTMCell)))
    names = tuple(name for name, part in parts.items() if type(part) is kind)
    first = next(called[name] for name in names if name in called)
    widths = {name: some[0].result[0].shape[1] for name, some in called.items()}
    sizes = (wide, *(widths.get(n) or getattr(parts[n], "hidden_size", 0) for n in names))
    inside = {part for name in names for part in parts[name].modules()}
    frames = (nn.ModuleList, nn.ModuleDict, nn.Sequential, nn.Dropout)
    return Brought(
        code,
        call,
        tuple(Case(sizes, t, b, f"a batch of {b}") for t, b in ((6, 3), (7, 2), (5, 1))),
        names,
        AS_TORCH if kind is nn.LSTMCell else _way_of(parts[names[0]], first[0]),
        len(first[0].x) == 6 != len(first),
        any(p not in inside and not isinstance(p, frames) for p in parts.values()),
    )


def _way_of(cell: nn.Module, call: Call) -> Way:
    """How to call a learner's own cell: with the pair or not, and where in it h and c stand."""
    for parameter in cell.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(0))
    pair = not isinstance(run_in_time(cell, call.x, call.result), Report)
    # Only a large c makes a large c: h is a sigmoid times a tanh, and the gates end at 1.
    for given in (0, 1):
        state = tuple(part + 1e6 * (k == given) for k, part in enumerate(call.result))
        result = run_in_time(cell, call.x, *([state] if pair else state))
        large = [float(part.abs().max()) > 1e3 for part in tensors_in(result)[-2:]]
        if any(large):
            return Way(pair, given == 0, large[0])
    return Way(pair)
