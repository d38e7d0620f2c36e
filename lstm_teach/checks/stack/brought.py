"""What was brought to check_stack: code that is lent cells, or a module that owns them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.checks.stack.wiring import State

Thing = Any
"""A list of cells, or a module that owns them."""


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
class Cell:
    """A learner's own cell, called as nn.LSTMCell is called."""

    module: nn.Module
    hidden_size: int
    takes_a_pair: bool
    takes_c_first: bool = False
    gives_c_first: bool = False

    def __call__(self, x: Tensor, state: State) -> State:
        """Go one step: x `[batch, input_size]`, h and c `[batch, hidden_size]`."""
        pair = state[::-1] if self.takes_c_first else state
        result = self.module(x, pair) if self.takes_a_pair else self.module(x, *pair)
        first, second = tensors_in(result)[-2:]
        return (second, first) if self.gives_c_first else (first, second)


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


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a cell: what it read, what it went on from, and what it returned."""

    x: Tensor
    state: State | None
    result: State


@dataclass(frozen=True)
class Brought:
    """What was brought, made ready to be tried.

    Attributes:
        code: a function (cells, x), or a module with cells of its own.
        call: (thing, x) -> what the code returns.
        cases: what to try it with.
        owns: the names of the cells inside the module; none where cells are lent.
        own: of cells that are no nn.LSTMCell: how to call them.
        batch_first: whether x goes in as `[batch, seq_len, input_size]`.
        with_parts: whether the module has layers besides its cells.
        numpy: whether cells and x are handed over as arrays.
    """

    code: Any
    call: Callable[[Thing, Tensor], Any]
    cases: tuple[Case, ...] = CASES
    owns: tuple[str, ...] = ()
    own: dict[str, Any] = field(default_factory=dict)
    batch_first: bool = False
    with_parts: bool = False
    numpy: bool = False

    def make(self, case: Case, dtype: torch.dtype, random: torch.Generator) -> Thing:
        """Cells of these sizes, or the module copied, its cells with large random weights."""
        thing: Any
        if self.owns:
            thing = copy.deepcopy(self.code).to("cpu", dtype)
        else:
            thing = [nn.LSTMCell(*sizes, dtype=dtype) for sizes in pairwise(case.sizes)]
        for cell in self.modules(thing):
            for parameter in cell.parameters():
                parameter.data.normal_(generator=random)
        return thing

    @property
    def name(self) -> str:
        """What a report calls the code."""
        return getattr(self.code, "__name__", f"{type(self.code).__name__}.forward")

    def modules(self, thing: Thing) -> list[nn.Module]:
        """The cells, as modules, from the lowest up."""
        return [thing.get_submodule(name) for name in self.owns] if self.owns else thing

    def cells(self, thing: Thing) -> list[Any]:
        """The cells, each called as nn.LSTMCell is called."""
        modules = self.modules(thing)
        if not self.own:
            return modules
        widths = self.cases[0].sizes[1:]
        return [Cell(*pair, **self.own) for pair in zip(modules, widths, strict=True)]

    def in_order(self, call: Call) -> Call:
        """The same call, its states as (h, c)."""
        state, result = call.state, call.result
        if state and self.own.get("takes_c_first"):
            state = state[::-1]
        return Call(call.x, state, result[::-1] if self.own.get("gives_c_first") else result)

    def run(self, thing: Thing, x: Tensor) -> Any:
        """What the code returns for x `[seq_len, batch, input_size]`, output with time first."""
        if self.numpy:
            return self.call([ArrayCell(cell) for cell in thing], x.numpy())  # type: ignore[arg-type]
        if not self.batch_first:
            return self.call(thing, x)
        result = self.call(thing, x.transpose(0, 1))
        return _first_turned(result)


def _first_turned(result: Any) -> Any:
    if isinstance(result, Tensor):
        return result.transpose(0, 1) if result.dim() > 1 else result
    if isinstance(result, (tuple, list)) and result:
        return [_first_turned(result[0]), *result[1:]]
    return result


def tensors_in(*values: Any) -> list[Tensor]:
    """All tensors in nested tuples and lists."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, (tuple, list)):
            found += tensors_in(*value)
        elif isinstance(value, Tensor):
            found.append(value)
    return found


@contextmanager
def recorded(modules: list[nn.Module]) -> Iterator[dict[nn.Module, list[Call]]]:
    """Note each call of these modules that goes from x and a state to a state."""
    calls: dict[nn.Module, list[Call]] = {module: [] for module in modules}

    def note(module: nn.Module, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        given, got = tensors_in(*args, *kwargs.values()), tensors_in(result)[-2:]
        flat = [*given, *got]
        if given and len(got) == 2 and all(t.dim() == 2 for t in flat) and len(given) in (1, 3):
            x, *state = given
            calls[module].append(Call(x, (state[0], state[1]) if state else None, (got[0], got[1])))

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
    if isinstance(code, type):
        return _a_class(code, call)
    if call is not None:
        if _required(call) == 3:
            return Brought(code, lambda cells, x: call(code, cells, x))
        return _an_owner(code, call)
    if isinstance(code, nn.Module) and _required(code) != 2:
        return _an_owner(code, lambda module, x: module(x))
    if not callable(code):
        return _cannot(
            f"a value of type `{type(code).__name__}` cannot be called",
            "The check needs the function itself, `check_stack(run_stack)`, or a module that owns "
            "its cells.",
        )
    owner = getattr(code, "__self__", None)
    if isinstance(owner, nn.Module) and _required(code) == 1:
        name = code.__name__
        return _an_owner(owner, lambda module, x: getattr(module, name)(x))
    needed = _required(code)
    if needed not in (2, None):
        return _cannot(
            f"`run_stack(cells, x)` takes two arguments, and this takes {needed}",
            "Say how to call it: `check_stack(code, call=lambda code, cells, x: code(...))`. Where "
            "the cells are its own, bring the module that owns them: `check_stack(module)`.",
        )
    return Brought(code, lambda cells, x: code(cells, x))


def _cannot(headline: str, message: str) -> Report:
    return Report("cannot_check", message, headline=headline)


def _required(function: Any) -> int | None:
    """How many arguments a function cannot do without; None where it does not tell."""
    try:
        forward = function.forward if isinstance(function, nn.Module) else function
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)


def _a_class(cls: type, call: Callable[..., Any] | None) -> Brought | Report:
    name = cls.__name__
    if _required(cls) == 1:
        return Brought(cls, lambda cells, x: (call or _apply)(cls(cells), x))
    example = f"check_stack({name}(...))"
    return _cannot(
        f"`{name}` is a class whose arguments are not known",
        f"Bring an object made of it, `{example}`. Where it takes the cells, "
        f"that is `check_stack(lambda cells, x: {name}(cells)(x))`.",
    )


def _apply(made: Any, x: Tensor) -> Any:
    return made(x)


def _an_owner(code: Any, call: Callable[[Thing, Tensor], Any]) -> Brought | Report:
    """Find the cells of a module, their sizes and the layout of x by running it once."""
    if not isinstance(code, nn.Module):
        return _cannot(
            "the check finds cells only inside an nn.Module",
            "Let the cells be handed in: `check_stack(code, call=lambda code, cells, x: ...)`.",
        )
    try:
        module = copy.deepcopy(code).to("cpu", torch.float64)
    except Exception as error:
        return _cannot("the module cannot be copied", f"The copy fails: `{type(error).__name__}`.")
    wide = _width(module)
    if wide is None:
        return _cannot(
            "there is no cell to be found in it",
            "The check looks for nn.LSTMCells, or for parts of your own that tell their "
            "`input_size` and `hidden_size`. An nn.LSTM has its cells inside: `check_layout` "
            "judges a model around one.",
        )
    x = torch.randn(6, 3, wide, dtype=torch.float64)
    parts = {name: part for name, part in module.named_modules() if name}
    with recorded(list(parts.values())) as calls, torch.no_grad():
        result = run_in_time(call, module, x)
    if isinstance(result, Report):
        return result
    called = {name: calls[part] for name, part in parts.items() if calls[part]}
    kinds = [nn.LSTMCell] if any(isinstance(parts[n], nn.LSTMCell) for n in called) else []
    kinds = kinds or [type(parts[name]) for name in called][:1]
    names = tuple(name for name, part in parts.items() if type(part) in kinds)
    if not names:
        return _cannot(
            "no part of it goes from x and (h, c) to the next (h, c)",
            "Such a part, `h, c = self.cell(x, (h, c))`, is what this check looks at. Call your "
            "cells as `self.cell(...)`, not `self.cell.forward(...)`.",
        )
    first = called[next(name for name in called if name in names)]
    rows = len(first[0].x)
    own = {} if kinds == [nn.LSTMCell] else _way_of(parts[names[0]], first)
    known = {part for name in names for part in parts[name].modules()}
    containers = (nn.ModuleList, nn.ModuleDict, nn.Sequential, nn.Dropout)
    spare = [p for p in parts.values() if p not in known and not isinstance(p, containers)]
    widths = {name: some[0].result[0].shape[1] for name, some in called.items()}
    sizes = (wide, *(widths.get(n) or getattr(parts[n], "hidden_size", 0) for n in names))
    layers = "one layer" if len(names) == 1 else f"{len(names)} layers"
    cases = tuple(
        Case(sizes, seq_len, batch, f"its own {layers}, batch {batch}")
        for seq_len, batch in ((6, 3), (7, 2), (5, 1))
    )
    return Brought(code, call, cases, names, own, rows == 6 != len(first), bool(spare))


def _width(module: nn.Module) -> int | None:
    """input_size, as the module, its first cell or any of its parts tells it."""
    told = [part for part in module.modules() if isinstance(part, nn.LSTMCell)]
    for part in [*told, *module.modules()]:
        if isinstance(getattr(part, "input_size", None), int) and not isinstance(part, nn.RNNBase):
            return part.input_size  # type: ignore[return-value]
    return None


def _way_of(cell: nn.Module, calls: list[Call]) -> dict[str, Any]:
    """How to call a learner's own cell: with the pair or not, and where in it h and c stand."""
    for parameter in cell.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(0))
    x, state = calls[0].x, calls[0].result
    takes_a_pair = not isinstance(run_in_time(cell, x, state), Report)
    way = {"takes_a_pair": takes_a_pair}
    # Only a large c makes a large c: h is a sigmoid times a tanh, and the gates end at 1.
    for given in (0, 1):
        pair = [1e6 * torch.ones_like(part) if k == given else part for k, part in enumerate(state)]
        result = run_in_time(cell, x, pair) if takes_a_pair else run_in_time(cell, x, *pair)
        large = [float(part.abs().max()) > 1e3 for part in tensors_in(result)[-2:]]
        if any(large):
            return way | {"takes_c_first": given == 0, "gives_c_first": large[0]}
    return way
