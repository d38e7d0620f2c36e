"""Is this an LSTM cell, and if not, what went wrong?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
    tells_sizes,
    to_try,
    unwrapped,
)
from lstm_teach.checks.cell.equations import draw, run
from lstm_teach.checks.cell.judge import MIXED, agrees, judge
from lstm_teach.checks.cell.mistakes import WORDS
from lstm_teach.checks.cell.reading import Eye
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time, run_learner
from lstm_teach.checks.slips import WITHOUT_DIM

_WANTED = (
    "Give the check a function `(x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c)`, an nn.Module with "
    "`forward(x, (h, c)) -> (h, c)`, or the class of one."
)
_WHOLE = Report(
    "cannot_check",
    "Give the check the step that stands inside its loop; or the whole of it to `check_lstm`.",
    headline="it reads a whole sequence, and this check is for one step, as nn.LSTMCell makes it",
)
_WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh")
_HANDED = ["x h c w_ih w_hh b_ih b_hh", "x state w_ih w_hh b_ih b_hh"]
_OWNED = ["x state", "x h c"]
_TRIED: Sizes = 5, 4


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
        if isinstance(cell, type):
            return _of_class(cell, input_size, hidden_size, call)
        return _of(cell, input_size, hidden_size, call)


def _no_cell(cell: Any) -> Report | None:
    """What is no cell of anybody's own."""
    if cell is None or cell is ...:
        given = "..." if cell is ... else cell
        return Report("not_attempted", f"There is no cell yet: you gave `{given}`. {_WANTED}")
    for whole, single, kind in ((nn.GRU, nn.GRUCell, "gru"), (nn.RNN, nn.RNNCell, "rnn")):
        if isinstance(cell, (whole, single)) or cell in (whole, single):
            return WORDS[kind].report({"cell": WORDS[kind].headline})
    if isinstance(cell, nn.LSTM) or cell is nn.LSTM:
        return _WHOLE
    if _without_forward(cell) and not [*_methods(cell)]:
        return Report("not_attempted", "Your module has no `forward` yet. Write it, then check.")
    if isinstance(cell, Tensor) or not (callable(cell) or hasattr(cell, "__dict__")):
        kind = f"a `{type(cell).__name__}`"
        return Report("cannot_check", f"This is {kind}. {_WANTED}", headline=f"{kind} is no cell")
    return None


def _of_class(
    cls: type, input_size: int | None, hidden_size: int | None, call: Callable[..., Any] | None
) -> Report:
    """Judge a class by what it makes: in the other order of sizes, and square, where it raises."""
    sizes = input_size or _TRIED[0], hidden_size or _TRIED[1]
    try:
        signature_of(cls).bind()
    except TypeError:
        told: tuple[int | None, int | None] = sizes
    else:
        told = input_size, hidden_size
    reports = []
    for swapped in (False, True):
        torch.set_default_dtype(torch.float64)
        made = make(cls, *sizes, swapped=swapped)
        reports.append(made if isinstance(made, Report) else _of(made, *told, call))
        done = reports[-1].verdict not in ("raises", "cannot_check") or reports[-1] is _WHOLE
        if done or "was stopped" in reports[-1].message:
            return reports[-1]
    if reports[0].verdict == "raises" and not (input_size or hidden_size):
        made = make(cls, sizes[1], sizes[1])
        square = made if isinstance(made, Report) else _of(made, sizes[1], sizes[1], call)
        if "transposed" in square.evidence:
            said = "a weight is not transposed, so your cell runs only where it is square"
            told_so = WORDS["missing_transpose"].report({}, seen=said)
            return replace(told_so, message=f"{told_so.message}\n{reports[0].message}")
    return reports[0]


def _of(
    cell: Any, input_size: int | None, hidden_size: int | None, call: Callable[..., Any] | None
) -> Report:
    """Judge a function, a module, an object or a bound method."""
    handed = _takes_weights(cell, call)
    with to_try(cell) as tried:
        modules = [m for m in (tried, getattr(tried, "__self__", None)) if isinstance(m, nn.Module)]

        def given(sizes: Sizes) -> dict[str, Tensor]:
            if not handed:
                redraw(owned(tried, call), sizes)
            return vars(draw(1, 3, *sizes, weights=handed))

        def cast(dtype: torch.dtype) -> None:
            for module in modules if tried is not cell else []:
                module.to(dtype)

        alone = call or (callable(tried) and not _without_forward(tried))
        methods = [tried] if alone else [*_methods(tried)]
        forms = _HANDED if handed else _OWNED
        ways = [way for method in methods for way in callers(method, call, forms)]
        if ways and not (handed or call):  # after the plain ways, a cell of one state
            odd = next((n for n, way in enumerate(ways) if way.axes != "rows"), len(ways))
            ways[odd:odd] = [*callers(tried, _with_one_state, ["x h c"])][:1]
        sizes = [*likely_sizes(cell, input_size, hidden_size)]
        if handed:
            told = input_size or _TRIED[0], hidden_size or _TRIED[1]
            sizes = [told, *([] if input_size or hidden_size else _written_sizes(cell))]
        found = _find(ways, sizes, given, cast, handed) if ways else _not_called(cell)
        if isinstance(found, Report):
            if modules and not handed and _reads_a_sequence(tried, input_size, hidden_size):
                return _WHOLE
            cast(torch.float64)
            return _not_run(cell, found, ways, given, sizes, handed)
        caller, fit = found
        cast(caller.dtype)
        drawn = given(fit)
        few = {name: drawn[name] for name in ("x", "h", "c")}
        weights = {n: drawn[n] for n in _WEIGHTS} if handed else owned(tried, call)
        if not handed and (isinstance(tried, FunctionType) or call):
            # What a closure sees is not all for the step.
            weights = {n: tensor for n, tensor in weights.items() if _feeds(tensor, caller, few)}
        own = {} if handed or tried is cell else on_the_cpu(owned(cell, call))
        eye = Eye(caller, weights, fit, handed, free=not (input_size or hidden_size))
        report = _judged(eye, few, own, cell)
        if report.headline == MIXED.headline and modules and _reads_a_sequence(tried, *fit):
            return _WHOLE
        if handed and fit != told:
            caller.remarks.append(
                f"It works for hidden_size {fit[1]} only, which is written in it."
            )
        if report.ok and not caller.numpy and not caller.in_a_hurry():
            report = replace(report, message=f"{_training(eye, tried, few)}{report.message}")
        unseen = (*report.not_checked, *_switched_off(modules))
        return caller.report(replace(report, not_checked=unseen))


def _with_one_state(net: Any, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """A step of a cell of one state, such as a GRU; c stays as it is."""
    result = net(x, h)
    return (result[-1] if isinstance(result, tuple) else result), c


def _takes_weights(cell: Any, call: Callable[..., Any] | None) -> bool:
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
    given: Callable[[Sizes], dict[str, Tensor]],
    cast: Callable[[torch.dtype], None],
    handed: bool,
) -> tuple[Caller, Sizes] | Report:
    """The first way and sizes with which the code gives h and c; or what is to be said."""
    raised: list[Report] = []
    odd: list[Report] = []
    start = time.perf_counter()
    for n, caller in enumerate(ways):
        if handed and raised and WITHOUT_DIM in raised[0].message and caller.axes != "rows":
            break  # it is a slip, and no other form
        plain = caller.axes == "rows" and caller.numpy == ways[0].numpy
        for caller.dtype in (torch.float64, torch.float32)[: 1 + plain]:
            cast(caller.dtype)
            for one in sizes if n == 0 else sizes[:6]:
                caller.place = None
                found = caller(**given(one))
                if not isinstance(found, Report):
                    return caller, one
                if found.verdict == "not_attempted" or "was stopped" in found.message:
                    return found
                ran = found.verdict == "unrecognised"
                if not ran or (caller.axes == "rows" and not caller.numpy):
                    (odd if ran else raised).append(found)
                if time.perf_counter() - start > BUDGET:
                    return [*odd, *raised, found][0]
    slips = [report for report in raised if WITHOUT_DIM in report.message]
    return [*odd, *slips, *raised][0]


def _judged(eye: Eye, few: dict[str, Tensor], own: dict[str, Tensor], cell: Any) -> Report:
    """The verdict; once more with (c, h) for (h, c), where that is how it reads."""
    caller, said = eye.caller, ""
    report = judge(eye, few, own, cell)
    if report.verdict == "swapped_return" and caller.named == "c h":
        caller.c_first, said = (False, True), "It takes c before h, and hands them back so."
    elif not (caller.named or eye.is_function) and (
        report.headline.endswith(" off") or "the state is (c, h)" in report.headline
    ):
        caller.c_first, said = (True, True), "It has the state as (c, h); PyTorch has (h, c)."
    elif report.headline.startswith("the old h stands"):
        caller.c_first = (True, False)
        return WORDS["exchanged"].report() if judge(eye, few).ok else report
    again = judge(eye, few, own, cell) if said else report
    one_state = again.headline in (WORDS["gru"].headline, WORDS["rnn"].headline)
    if said and (again.ok or (again.verdict == "variant" and not one_state)):
        return replace(again, message=f"{again.message}\n{said}")
    return report


def _feeds(tensor: Tensor, caller: Caller, few: dict[str, Tensor]) -> bool:
    before = caller.pair(**few)
    tensor.add_(0.5)
    after = caller.pair(**few)
    tensor.sub_(0.5)
    return isinstance(before, tuple) and not agrees(after, before)


def _not_called(cell: Any) -> Report:
    """What to say of code whose arguments are not those of a step."""
    function = cell.forward if isinstance(cell, nn.Module) else cell
    own = [name for name in vars(type(cell)) if not name.startswith("_") and name != "forward"]
    inner = f"net.{own[0]}" if own and not isinstance(cell, FunctionType) else "net"
    taken = (
        listed(f"`{p}`" for p in signature_of(function).parameters) if callable(function) else ""
    )
    return Report(
        "cannot_check",
        f"Your code takes {taken or 'nothing'}; the check hands over x, h and c, or with them the "
        "four weights w_ih, w_hh, b_ih and b_hh. Say how it is called, and pick h and c out of "
        f"what it returns:\n`check_cell(cell, call=lambda net, x, h, c: {inner}(x, h, c))`, or, of "
        "a function that is handed its weights, "
        "`check_cell(cell, call=lambda net, x, h, c, w_ih, w_hh, b_ih, b_hh: "
        f"{inner}(x, h, c, w_ih, w_hh, b_ih + b_hh))`.",
        headline="it does not take x, h and c",
    )


def _not_run(
    cell: Any,
    failed: Report,
    ways: list[Caller],
    given: Callable[[Sizes], dict[str, Tensor]],
    sizes: list[Sizes],
    handed: bool,
) -> Report:
    """What to say of code that fails on a single step: what else would it run on?"""
    if failed.verdict not in ("raises", "cannot_check") or "was stopped" in failed.message:
        return failed
    if WITHOUT_DIM in failed.message and not handed:
        return failed
    for way in ways[:1]:
        way.dtype = torch.float64
    if handed:
        drawn = given(sizes[0])
        for names in (_WEIGHTS[:2], _WEIGHTS[:1], _WEIGHTS[1:2]):
            turned = {**drawn, **{name: drawn[name].T.contiguous() for name in names}}
            if agrees(ways[0](**turned), run(draw(1, 3, *sizes[0]), {})):
                seen = f"there is no transpose of {listed(f'`{name}`' for name in names)}"
                told = WORDS["missing_transpose"].report({}, seen=seen)
                return replace(told, message=f"{told.message}\nPyTorch says: {failed.message}")
        if sizes[0][0] != sizes[0][1]:
            square = _of(cell, sizes[0][1], sizes[0][1], None)
            return square if square.verdict == "missing_transpose" else failed
        return failed
    for x, hidden in islice(likely_sizes(cell), 2):
        for narrow in {
            d for tensor in owned(cell).values() for d in tensor.shape if 1 < d < hidden
        }:
            h, c = torch.zeros(3, narrow), torch.zeros(3, hidden)
            found = ways[0].raw(x=torch.zeros(3, x), h=h, c=c) if ways else None
            parts = found if isinstance(found, (tuple, list)) else []
            if [getattr(part, "shape", ()) for part in parts] == [h.shape, c.shape]:
                seen = f"{narrow} features and c {hidden}"
                return WORDS["projection"].report({"cell": "a projection"}, seen=seen)
    if len(sizes) < 3 or tells_sizes(cell) or not owned(cell):
        return failed
    return Report(
        "cannot_check",
        "Attributes do not tell both `input_size` and `hidden_size`, and no sizes taken from the "
        "weights fit. Pass them: `check_cell(cell, input_size=..., hidden_size=...)`, or say how "
        "it is called: `check_cell(cell, call=lambda net, x, h, c: net(x, (h, c)))`.\nThe first "
        f"try said: {failed.message}",
        headline="its sizes could not be found",
    )


def _reads_a_sequence(module: Any, input_size: int | None, hidden_size: int | None) -> bool:
    """Whether a module takes an x of three axes, and hands back every step."""
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    start = time.perf_counter()
    sizes = islice(likely_sizes(module, input_size, hidden_size), 8)
    for (x, h), batch in product(sizes, (11, 13)):
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


def _training(eye: Eye, tried: Any, few: dict[str, Tensor]) -> str:
    """What to say first of a right cell that could not be trained; "" of any other."""
    owner = getattr(tried, "__self__", tried)
    leaves = {name: t.detach().clone().requires_grad_() for name, t in few.items()}
    if eye.is_function:
        leaves |= {name: w.clone().requires_grad_() for name, w in eye.weights.items()}
    elif not isinstance(owner, nn.Module):
        return (
            "The numbers are right, but it is not an nn.Module: no optimiser finds its weights. "
            f"Write `class {type(owner).__name__}(nn.Module):`, and `nn.Parameter(...)` for each.\n"
        )
    else:
        trained = {parameter.data_ptr() for parameter in owner.parameters()}
        loose = [t for t in eye.weights.values() if t.data_ptr() not in trained]
        if any(_feeds(tensor, eye.caller, few) for tensor in loose):
            which = (
                "some of the weights are plain tensors" if trained else "`parameters()` is empty"
            )
            return (
                f"The numbers are right, but {which}, so no optimiser will find them: a module "
                "does not look into a plain list or at plain tensors. Fix: `nn.ModuleList([...])` "
                "for layers, `nn.Parameter(...)` for a tensor, nn.ParameterList or "
                "nn.ParameterDict for several.\n"
            )
        leaves = {n: p for n, p in owner.named_parameters() if p.requires_grad}

    def unreached() -> list[str]:
        with torch.enable_grad():
            given = leaves if eye.is_function else few
            h, c = eye.caller.attached(**given)
            total = h.sum() + c.sum()
            if not total.requires_grad:
                return list(leaves)
            grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return [n for n, grad in zip(leaves, grads, strict=True) if grad is None]

    missed = run_learner(unreached) if leaves else []
    if isinstance(missed, Report):
        said = missed.message.splitlines()[0]
        return f"The numbers are right, but only without gradients, and training has them: {said}\n"
    if not missed or (len(missed) < len(leaves) and not eye.is_function):
        return ""
    names = listed(missed) if eye.is_function else "the parameters"
    return (
        f"The numbers are right, but no gradient reaches {names}, so it could not be trained. Look "
        "for `.detach()`, `.data`, `.item()`, `torch.no_grad()` or NumPy.\n"
    )
