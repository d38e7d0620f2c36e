"""Is this an LSTM cell, and if not, what went wrong?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import (
    BUDGET,
    Caller,
    Sizes,
    callers,
    likely_sizes,
    listed,
    make,
    on_the_cpu,
    owned,
    redraw,
    signature_of,
    to_try,
    unwrapped,
)
from lstm_teach.checks.cell.equations import GIVEN, draw, run
from lstm_teach.checks.cell.judge import MIXED, agrees, judge
from lstm_teach.checks.cell.mistakes import WORDS, told
from lstm_teach.checks.cell.reading import Eye
from lstm_teach.checks.passing import has_norms, passed_by
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time, run_learner
from lstm_teach.checks.slips import WITHOUT_DIM

_WANTED = (
    "Give the check a function `(x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c)`, an nn.Module with "
    "`forward(x, (h, c)) -> (h, c)`, or the class of one."
)
_WHOLE = told("whole")
_HANDED = ["x h c w_ih w_hh b_ih b_hh", "x state w_ih w_hh b_ih b_hh"]
_OWNED = ["x state", "x h c"]
_TRIED: Sizes = 5, 4
Asked = tuple[int | None, int | None]
Call = Callable[..., Any] | None


@leaves_no_trace
def check_cell(
    cell: Any,
    input_size: int | None = None,
    hidden_size: int | None = None,
    call: Callable[..., Any] | None = None,
) -> Report:
    """Say whether a cell computes one step of an LSTM, and if not, name what is wrong.

    A function is a module whose four weights are known. All weights are drawn anew, in a copy
    where there can be one, so the names, order and values of a cell's own do not matter.

    Args:
        cell: a function (x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c), x ``[batch, input_size]``,
            h and c ``[batch, hidden_size]``, the weights in PyTorch's layout; or an nn.Module,
            instance or class(input_size, hidden_size), with forward(x, (h, c)) -> (h, c). Plain
            objects, bound methods and NumPy serve too.
        input_size: for an instance that does not tell it by an attribute of this name, and for
            code that works for one size only.
        hidden_size: likewise.
        call: how to run it, where it is not called so: call(cell, x, h, c) -> (h, c).

    Returns:
        A report; its verdict is "ok", "variant", "not_attempted", "cannot_check", "raises",
        "unrecognised" or a mistake's name, such as "gate_order". It never raises because of the
        cell. Of a right cell that owns its weights, `Report.as_torch` gives an nn.LSTM with them.
    """
    cell = unwrapped(cell)
    early = _no_cell(cell)
    if early is not None:
        return early
    with torch.no_grad():
        judged = _of_class if isinstance(cell, type) else _of
        return judged(cell, (input_size, hidden_size), call)


def _no_cell(cell: Any) -> Report | None:
    """What is no cell of anybody's own."""
    if cell is None or cell is ...:
        given = "..." if cell is ... else cell
        return Report("not_attempted", f"There is no cell yet: you gave `{given}`. {_WANTED}")
    for whole, single, kind in ((nn.GRU, nn.GRUCell, "gru"), (nn.RNN, nn.RNNCell, "rnn")):
        if isinstance(cell, (whole, single)) or cell in (whole, single):
            return told(kind)
    if isinstance(cell, nn.LSTM) or cell is nn.LSTM:
        return _WHOLE
    if _without_forward(cell) and not [*_methods(cell)]:
        return Report("not_attempted", "Your module has no `forward` yet. Write it, then check.")
    if isinstance(cell, Tensor) or not (callable(cell) or hasattr(cell, "__dict__")):
        kind = f"a `{type(cell).__name__}`"
        return Report("cannot_check", f"This is {kind}. {_WANTED}", headline=f"{kind} is no cell")
    return None


def _of_class(cls: type, asked: Asked, call: Call) -> Report:
    """Judge a class by what it makes; where that raises, by a square one."""
    x, h = asked[0] or _TRIED[0], asked[1] or _TRIED[1]
    parameters = signature_of(cls).parameters.values()
    takes_sizes = any(p.default is p.empty and "VAR" not in p.kind.name for p in parameters)

    def made(x: int, h: int) -> Report:
        torch.set_default_dtype(torch.float64)
        one = make(cls, x, h)
        return one if isinstance(one, Report) else _of(one, (x, h) if takes_sizes else asked, call)

    report = made(x, h)
    square = report.verdict == "raises" and not _over(report) and not any(asked)
    return _only_square(made(h, h), report) if square else report


def _over(report: Report) -> bool:
    """Whether nothing is won by calling it in another way."""
    failed = report.verdict in ("raises", "cannot_check") and report is not _WHOLE
    return not failed or "was stopped" in report.message


def _only_square(square: Report, failed: Report) -> Report:
    """The report on a cell that fails, by what it does where input_size is hidden_size."""
    if square.verdict == "missing_transpose":
        return square
    said = "a weight is not transposed, so your cell runs only where it is square"
    return told("missing_transpose", said) if "transposed" in square.evidence else failed


def _of(cell: Any, asked: Asked, call: Call) -> Report:
    """Judge a function, a module, an object or a bound method."""
    handed = _takes_weights(cell, call)
    with to_try(cell) as tried:
        modules = [m for m in (tried, getattr(tried, "__self__", None)) if isinstance(m, nn.Module)]

        def given(sizes: Sizes, dtype: torch.dtype) -> dict[str, Tensor]:
            for module in modules if tried is not cell else []:
                module.to(dtype)
            if not handed:
                redraw(owned(tried, call), sizes)
            return draw(1, 3, *sizes, weights=handed)

        sizes = [*likely_sizes(cell, *asked)]
        if handed:
            sizes = [(asked[0] or _TRIED[0], asked[1] or _TRIED[1])]
            sizes += [] if any(asked) else _written_sizes(cell)
        ways = _ways(tried, call, handed)
        found = _find(ways, sizes, given, handed) if ways else _not_called(cell)
        if isinstance(found, Report):
            if modules and not handed and _reads_a_sequence(tried, asked):
                return _WHOLE
            if _over(found) or not ways:
                return found
            ways[0].dtype = torch.float64
            drawn = given(sizes[0], torch.float64)
            axes = "" if handed or call else _other_axes(found, ways[0], drawn)
            if axes:
                return told("other axes", axes)
            return _not_run(cell, found, ways[0], drawn, sizes)
        caller, fit = found
        drawn = given(fit, caller.dtype)
        few = {name: drawn.pop(name) for name in GIVEN[:3]}
        weights = drawn if handed else owned(tried, call)
        if not handed and (isinstance(tried, FunctionType) or call):
            # What a closure sees is not all for the step.
            weights = {n: tensor for n, tensor in weights.items() if _feeds(tensor, caller, few)}
        own = {} if handed or tried is cell else on_the_cpu(owned(cell, call))
        eye = Eye(caller, weights, fit, handed, free=not any(asked))
        report = _judged(eye, few, own)
        if report.verdict == "unrecognised" and has_norms(tried):
            report = _without_norms(eye, few, tried, report)
        if report is MIXED and modules and _reads_a_sequence(tried, fit):
            return _WHOLE
        if handed and fit != sizes[0]:
            caller.remarks.append(f"It works for hidden_size {fit[1]} only: it is written in it.")
        if report.ok and not caller.numpy and not caller.in_a_hurry():
            but = _untrainable(eye, tried, few)
            first = f"The numbers are right, but {but}\n" if but else ""
            report = replace(report, message=first + report.message)
        unseen = (*report.not_checked, *_switched_off(modules))
        return caller.report(replace(report, not_checked=unseen))


def _ways(tried: Any, call: Call, handed: bool) -> list[Caller]:
    """How it may want to be called, the likeliest first."""
    alone = call or (callable(tried) and not _without_forward(tried))
    methods = [tried] if alone else [*_methods(tried)]
    forms = _HANDED if handed else _OWNED
    ways = [way for method in methods for way in callers(method, call, forms)]
    if ways and not (handed or call):
        odd = next(n for n, way in enumerate(ways) if way.axes != "rows")
        ways[odd:odd] = [*callers(tried, _with_one_state, ["x h c"])][:1]
    return ways


def _with_one_state(net: Any, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """A step of a cell of one state, such as a GRU; c stays as it is."""
    result = net(x, h)
    return (result[-1] if isinstance(result, tuple) else result), c


def _takes_weights(cell: Any, call: Call) -> bool:
    """Whether a cell is handed its weights."""
    if call:
        return len(signature_of(call).parameters) > 6
    if isinstance(cell, nn.Module) or not callable(cell):
        function: Any = cell.forward if isinstance(cell, nn.Module) else len
        parameters = signature_of(function).parameters.values()
        return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters) >= 7
    return next(callers(cell, None, _HANDED), None) is not None


def _without_forward(cell: Any) -> bool:
    return getattr(getattr(cell, "forward", None), "__name__", "") == "_forward_unimplemented"


def _methods(cell: Any) -> Iterator[Any]:
    """What of an object can be called as a step, the likeliest first."""
    kinds = (cell if isinstance(cell, type) else type(cell)).__mro__
    own = [name for kind in kinds if not kind.__module__.startswith("torch") for name in vars(kind)]
    for name in sorted(dict.fromkeys(own), key=lambda name: "step" not in name):
        method: Any = getattr(cell, name, None)
        public = callable(method) and not name.startswith("_")
        if public and len(signature_of(method).parameters) in (2, 3, 4):
            yield method


def _written_sizes(step: Any) -> list[Sizes]:
    """Sizes that stand as numbers in a function's code."""
    written = getattr(getattr(step, "__code__", None), "co_consts", ())
    numbers = [k for k in written if type(k) is int and 1 < k < 1025]
    return [(_TRIED[0], h) for h in (*numbers, *(k // 4 for k in numbers if k % 4 == 0)) if h > 1]


def _find(
    ways: list[Caller],
    sizes: list[Sizes],
    given: Callable[[Sizes, torch.dtype], dict[str, Tensor]],
    handed: bool,
) -> tuple[Caller, Sizes] | Report:
    """The first way and sizes with which the code gives h and c; or what is to be said."""
    failed: list[tuple[int, Report]] = []
    start = time.perf_counter()
    plain = [way for way in ways if way.axes == "rows" and way.numpy == ways[0].numpy]
    for caller, dtype, one in (
        (way, dtype, one)
        for way in ways
        for dtype in (torch.float64, torch.float32)[: 1 + (way in plain)]
        for one in sizes[: None if way is ways[0] else 6]
    ):
        slip = bool(failed) and WITHOUT_DIM in failed[0][1].message
        if (handed and slip and caller.axes != "rows") or time.perf_counter() - start > 2 * BUDGET:
            break
        caller.dtype, caller.place = dtype, None
        found = caller(**given(one, dtype))
        if not isinstance(found, Report):
            return caller, one
        ran = found.verdict == "unrecognised"
        if _over(found) and not ran:
            return found
        # What ran, but gave no h and c, tells most; then a slip.
        rank = 2 - (WITHOUT_DIM in found.message)
        if ran:
            rank = 0 if caller.axes == "rows" and not caller.numpy else 3
        failed.append((rank, found))
    return min(failed, key=lambda one: one[0])[1]


_MAY_BE_C_AND_H = [WORDS[name].why for name in ("off", "bent", "exchanged")]


def _judged(eye: Eye, few: dict[str, Tensor], own: dict[str, Tensor]) -> Report:
    """The verdict; once more with (c, h) for (h, c), where that is how it may read."""
    report, named = judge(eye, few, own), eye.caller.named
    odd = any(why in report.message for why in _MAY_BE_C_AND_H)
    if report.verdict == "swapped_return" and named == "c h":
        order, said = (False, True), "It takes c before h, and hands them back so."
    elif odd and not (named or eye.is_function):
        order, said = (True, True), "It has the state as (c, h); PyTorch has (h, c)."
    else:
        return report
    eye.caller.c_first = order
    again = judge(eye, few, own)
    one_state = again.evidence.get("cell") in ("a GRU", "a plain RNN")
    if again.ok or (again.verdict == "variant" and not one_state):
        return replace(again, message=f"{again.message}\n{said}")
    eye.caller.c_first = False, False
    return report


def _without_norms(eye: Eye, few: dict[str, Tensor], tried: Any, report: Report) -> Report:
    """The report on a cell; another one where it is right but for its norms."""
    with passed_by(tried, norms=True) as passed:
        bare = {n: t for n, t in eye.weights.items() if n.rpartition(".")[0] not in passed}
        right = judge(replace(eye, weights=bare), few).ok
    return told("normed", listed(f"`{name}`" for name in passed)) if right else report


def _feeds(tensor: Tensor, caller: Caller, few: dict[str, Tensor]) -> bool:
    before = caller.pair(**few)
    tensor.add_(0.5)
    after = caller.pair(**few)
    tensor.sub_(0.5)
    return isinstance(before, tuple) and not agrees(after, before)


def _not_called(cell: Any) -> Report:
    """What to say of code whose arguments are not those of a step."""
    function = cell.forward if isinstance(cell, nn.Module) else cell
    parameters = signature_of(function).parameters if callable(function) else ()
    return told("other arguments", listed(f"`{p}`" for p in parameters) or "nothing")


def _not_run(
    cell: Any, failed: Report, way: Caller, drawn: dict[str, Tensor], sizes: list[Sizes]
) -> Report:
    """What to say of code that fails on a single step: what else would it run on?"""
    if "w_ih" in drawn:
        for names in (("w_ih", "w_hh"), ("w_ih",), ("w_hh",)):
            turned = {**drawn, **{name: drawn[name].T.contiguous() for name in names}}
            if agrees(way(**turned), run(draw(1, 3, *sizes[0]), {})):
                which = listed(f"`{name}`" for name in names)
                return told("missing_transpose", f"there is no transpose of {which}")
        x, h = sizes[0]
        return failed if x == h else _only_square(_of(cell, (h, h), None), failed)
    if WITHOUT_DIM in failed.message:
        return failed
    for inputs, hidden in sizes[:2]:
        for narrow in {d for t in owned(cell).values() for d in t.shape if 1 < d < hidden}:
            state = {"h": torch.zeros(3, narrow), "c": torch.zeros(3, hidden)}
            found = way.raw(x=torch.zeros(3, inputs), **state)
            parts = found if isinstance(found, (tuple, list)) else []
            if [getattr(part, "shape", ()) for part in parts] == [t.shape for t in state.values()]:
                return told("projection", f"{narrow} features and c {hidden}")
    return failed if len(sizes) < 3 else told("no sizes", failed.message)


_AXES: dict[str, Callable[[Tensor], Tensor]] = {
    "batch, input_size": lambda t: t,
    "1, batch, input_size": lambda t: t[None],
    "batch, 1, input_size": lambda t: t[:, None],
    "batch, input_size, length": lambda t: t[..., None].expand(-1, -1, 7),
    "batch, input_size, height, width": lambda t: t[..., None, None].expand(-1, -1, 7, 7),
}


def _other_axes(failed: Report, way: Caller, drawn: dict[str, Tensor]) -> str:
    """What a cell runs on, if that has other axes than what the check made up."""
    for of_x, of_state in sorted(product(_AXES, repeat=2), key=lambda both: both[0] != both[1]):
        if way.in_a_hurry():
            break
        axes = {"x": of_x, "h": of_state, "c": of_state}
        if not isinstance(way.raw(**{n: _AXES[axes[n]](t) for n, t in drawn.items()}), Report):
            state = of_state.replace("input", "hidden")
            return f"x of shape `[{of_x}]`, with h and c of shape `[{state}]`"
    return "x with the axes of a convolution" if " input to conv" in failed.message else ""


def _reads_a_sequence(module: Any, asked: Asked) -> bool:
    """Whether a module takes an x of three axes, and hands back every step."""
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    start = time.perf_counter()
    for (x, h), batch in product(islice(likely_sizes(module, *asked), 8), (11, 13)):
        empty = torch.zeros(batch, h, dtype=dtype)
        for state in [(), ((empty, empty),), (empty, empty), ((empty[None], empty[None]),)]:
            match run_in_time(module, torch.zeros(13, 11, x, dtype=dtype), *state):
                case [Tensor(shape=(13, 11, _)), *_]:
                    return True
            if time.perf_counter() - start > BUDGET:
                return False
    return False


def _switched_off(modules: list[nn.Module]) -> list[str]:
    """What a module does in training mode only; the copy is judged in evaluation mode."""
    kinds = nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm
    parts = [part for module in modules for part in module.modules()]
    noisy = {type(part).__name__: None for part in parts if isinstance(part, kinds)}
    names = listed(f"`nn.{name}`" for name in noisy)
    return [f"training mode, in which {names} changes the numbers"] if noisy else []


def _untrainable(eye: Eye, tried: Any, few: dict[str, Tensor]) -> str:
    """Why a right cell could not be trained; "" of any other."""
    owner = getattr(tried, "__self__", tried)
    if eye.is_function:
        given = {n: t.clone().requires_grad_() for n, t in {**few, **eye.weights}.items()}
        return _without_gradients(eye, given, given)
    if not isinstance(owner, nn.Module):
        return (
            "it is not an nn.Module: no optimiser finds its weights. Write "
            f"`class {type(owner).__name__}(nn.Module):`, and `nn.Parameter(...)` for each."
        )
    trained = {parameter.data_ptr() for parameter in owner.parameters()}
    loose = [t for t in eye.weights.values() if t.data_ptr() not in trained]
    if any(_feeds(tensor, eye.caller, few) for tensor in loose):
        which = "some of the weights are plain tensors" if trained else "`parameters()` is empty"
        return (
            f"{which}, so no optimiser will find them: a module does not look into a plain list "
            "or at plain tensors. Fix: `nn.ModuleList([...])` for layers, `nn.Parameter(...)` for "
            "a tensor, nn.ParameterList or nn.ParameterDict for several."
        )
    leaves = {name: p for name, p in owner.named_parameters() if p.requires_grad}
    return _without_gradients(eye, few, leaves) if leaves else ""


def _without_gradients(eye: Eye, given: dict[str, Tensor], leaves: Mapping[str, Tensor]) -> str:
    """What to say where gradients do not reach the arguments of a function, or no parameter."""

    def missed() -> list[str] | Report:
        with torch.enable_grad():
            state = eye.caller.pair(**given)
            if isinstance(state, Report):
                return state
            total = state[0].sum() + state[1].sum()
            if not total.requires_grad:
                return [*leaves]
            grads = torch.autograd.grad(total, [*leaves.values()], allow_unused=True)
        return [name for name, grad in zip(leaves, grads, strict=True) if grad is None]

    names = run_learner(missed)
    if isinstance(names, Report):
        raised = names.message.splitlines()[0]
        return f"only without gradients, and training has them: {raised}"
    if not names or (len(names) < len(leaves) and not eye.is_function):
        return ""
    return (
        f"no gradient reaches {listed(names) if eye.is_function else 'the parameters'}, so it "
        "could not be trained. Look for `.detach()`, `.data`, `.item()`, `torch.no_grad()` or "
        "NumPy."
    )
