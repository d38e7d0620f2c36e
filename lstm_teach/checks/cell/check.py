"""Is this an LSTM cell, and if not, what went wrong?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import (
    BUDGET,
    Sizes,
    callers,
    likely_call,
    likely_sizes,
    listed,
    make,
    needed,
    on_the_cpu,
    owned,
    redraw,
    required,
    signature_of,
    to_try,
    unwrapped,
    with_weights,
)
from lstm_teach.checks.cell.equations import GIVEN, draw
from lstm_teach.checks.cell.judge import MIXED, agrees, judge
from lstm_teach.checks.cell.mistakes import told
from lstm_teach.checks.cell.reading import Eye
from lstm_teach.checks.cell.step import Step
from lstm_teach.checks.passing import has_norms, passed_by
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_learner
from lstm_teach.checks.slips import WITHOUT_DIM

_OTHERS = {nn.GRU: "gru", nn.GRUCell: "gru", nn.RNN: "rnn", nn.RNNCell: "rnn", nn.LSTM: "whole"}
_HANDED = ["x h c w_ih w_hh b_ih b_hh", "x state w_ih w_hh b_ih b_hh"]
_OWNED = ["x state", "x h c"]
_TRIED: Sizes = 5, 4
Asked = tuple[int | None, int | None]
Call = Callable[..., Any] | None
Given = Callable[..., dict[str, Tensor]]
"""What a cell is handed, for sizes and a dtype; its own weights are drawn anew."""
Case = dict[str, Callable[[Tensor], Tensor]]
"""What is done to what it is handed, by name."""


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
            h and c ``[batch, hidden_size]``, the weights in PyTorch's layout; one (x, h, c, Wx, Wh,
            b) may lay them out in its own way. Or an nn.Module, instance or class(input_size,
            hidden_size), with forward(x, (h, c)) -> (h, c). Plain objects, bound methods and NumPy
            serve too.
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
        return told("nothing", "..." if cell is ... else "None")
    for kind, name in _OTHERS.items():
        if isinstance(cell, kind) or cell is kind:
            return told(name)
    if _without_forward(cell) and not [*_methods(cell)]:
        return told("no_forward")
    if isinstance(cell, Tensor) or not (callable(cell) or hasattr(cell, "__dict__")):
        return told("no_cell", f"a `{type(cell).__name__}`")
    return None


def _of_class(cls: type, asked: Asked, call: Call) -> Report:
    """Judge a class by what it makes; where that raises, by a square one."""
    x, h = asked[0] or _TRIED[0], asked[1] or _TRIED[1]
    takes_sizes = bool(required(signature_of(cls)))

    def made(x: int, h: int) -> Report:
        for dtype in (torch.float64, torch.float32):  # its weights may be of one dtype only
            torch.set_default_dtype(dtype)
            one = make(cls, x, h)
            if not isinstance(one, Report):
                return _of(one, (x, h) if takes_sizes else asked, call)
        return one

    report = made(x, h)
    square = report.verdict == "raises" and not _over(report) and not any(asked)
    return _only_square(made(h, h), report) if square else report


def _over(report: Report) -> bool:
    """Whether nothing is won by calling it in another way."""
    return report.verdict not in ("raises", "cannot_check") or "was stopped" in report.message


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

        def given(sizes: Sizes, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
            for module in modules if tried is not cell else []:
                module.to(dtype)
            if not handed:
                redraw(owned(tried, call), sizes)
            return draw(1, 3, *sizes, weights=handed)

        sizes = [*likely_sizes(cell, *asked, call)]
        if handed:
            sizes = [(asked[0] or _TRIED[0], asked[1] or _TRIED[1])]
            sizes += [] if any(asked) else _written_sizes(cell)
        ways = _ways(tried, call, handed)
        found = _find(ways, sizes, given, handed)
        if found is None or isinstance(found, Report):
            return _why_not(cell, tried, found, ways, sizes, given)
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
        if report is MIXED and modules and _whole(tried, [fit], given):
            return told("whole")
        if handed and fit != sizes[0]:
            caller.remarks.append(f"It works for hidden_size {fit[1]} only: it is written in it.")
        if report.ok and not caller.numpy and not caller.in_a_hurry():
            but = _untrainable(eye, tried, few)
            first = f"The numbers are right, but {but}\n" if but else ""
            report = replace(report, message=first + report.message)
        unseen = (*report.not_checked, *_switched_off(modules))
        return caller.report(replace(report, not_checked=unseen))


def _ways(tried: Any, call: Call, handed: bool) -> list[Step]:
    """How it may want to be called, the likeliest first."""
    alone = call or (callable(tried) and not _without_forward(tried))
    methods = [tried] if alone else [*_methods(tried)]
    forms = _HANDED if handed else _OWNED
    ways = [way for method in methods for way in callers(method, call, forms)]
    if ways and not (handed or call):
        odd = next(n for n, way in enumerate(ways) if way.axes != "rows")
        ways[odd:odd] = [*callers(tried, _with_one_state, ["x h c"])][:1]
    return [Step(**vars(way)) for way in ways]


def _with_one_state(net: Any, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """A step of a cell of one state, such as a GRU; c stays as it is."""
    result = net(x, h)
    return (result[-1] if isinstance(result, tuple) else result), c


def _takes_weights(cell: Any, call: Call) -> bool:
    """Whether a cell is handed its weights."""
    if call:
        return len(signature_of(call).parameters) > 6
    if isinstance(cell, nn.Module):
        return needed(cell) >= 7
    return callable(cell) and any(callers(cell, None, _HANDED))


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
    ways: list[Step], sizes: list[Sizes], given: Given, handed: bool
) -> tuple[Step, Sizes] | Report | None:
    """The first way and sizes with which the code gives h and c; or what its failures tell."""
    failed: list[tuple[int, Report]] = []
    unchanged: tuple[Step, Sizes] | None = None
    start = time.perf_counter()
    for way, dtype in product(ways, (torch.float64, torch.float32)):
        some = 24 if isinstance(way.code, partial) else 6
        for one in sizes[: None if way is ways[0] else some]:
            slip = any(WITHOUT_DIM in report.message for _, report in failed)
            late = time.perf_counter() - start > 2 * BUDGET
            if late or (slip and handed and way.axes != "rows"):
                break
            way.dtype = dtype
            drawn = given(one, dtype)
            found = way(**drawn)
            if not isinstance(found, Report):
                if not agrees(found, (drawn["h"], drawn["c"])):
                    return way, one
                unchanged = unchanged or (way, one)  # the old state, as a cache may keep it
                continue
            # What ran, but gave no h and c, tells most; then a slip.
            rank = 2 - (WITHOUT_DIM in found.message)
            if found.verdict == "unrecognised":
                rank = 0 if way.axes == "rows" and not way.numpy else 3
            elif _over(found):
                return found
            failed.append((rank, found))
    if unchanged:
        return unchanged
    return min(failed, key=lambda one: one[0])[1] if failed else None


def _judged(eye: Eye, few: dict[str, Tensor], own: dict[str, Tensor]) -> Report:
    """The verdict; once more with (c, h) for (h, c), where that is how it may read."""
    report, named = judge(eye, few, own), eye.caller.named
    if report.verdict == "swapped_return" and named == "c h":
        order, said = (False, True), "It takes c before h, and hands them back so."
    elif report.verdict == "unrecognised" and not (named or eye.is_function):
        order, said = (True, True), "It has the state as (c, h); PyTorch has (h, c)."
    else:
        return report
    eye.caller.c_first = order
    again = judge(eye, few, own)
    eye.caller.c_first = False, False
    return replace(again, message=f"{again.message}\n{said}") if again.ok else report


def _without_norms(eye: Eye, few: dict[str, Tensor], tried: Any, report: Report) -> Report:
    """The report on a cell; another one where it is right but for its norms."""
    with passed_by(tried, norms=True) as passed:
        bare = {n: t for n, t in eye.weights.items() if n.rpartition(".")[0] not in passed}
        right = judge(replace(eye, weights=bare), few).ok
    return told("normed", listed(f"`{name}`" for name in passed)) if right else report


def _feeds(tensor: Tensor, caller: Step, few: dict[str, Tensor]) -> bool:
    before = caller.pair(**few)
    tensor.add_(0.5)
    after = caller.pair(**few)
    tensor.sub_(0.5)
    return isinstance(before, tuple) and not agrees(after, before)


def _why_not(
    cell: Any, tried: Any, failed: Report | None, ways: list[Step], sizes: list[Sizes], given: Given
) -> Report:
    """What to say of code that gives no h and c: what else would it run on?"""
    drawn = given(sizes[0])
    handed, h = "w_ih" in drawn, drawn["h"].shape[1]
    hurry = any(way.in_a_hurry() for way in ways)
    if isinstance(tried, nn.Module) and not (handed or hurry) and _whole(tried, sizes[:8], given):
        return told("whole")
    if failed is None:
        function = cell.forward if isinstance(cell, nn.Module) else cell
        signature = signature_of(function if callable(function) else lambda: None)
        takes = listed(f"`{p}`" for p in signature.parameters) or "nothing"
        its_own = _with_its_weights(cell, sizes[0])
        if its_own is not None:
            return its_own
        return told("other arguments", takes, line=likely_call(signature))
    told_how = isinstance(ways[0].code, partial)
    if _over(failed) or (not handed and (told_how or WITHOUT_DIM in failed.message)):
        return failed
    widths = sorted({d for tensor in owned(cell).values() for d in tensor.shape if 1 < d < h})
    for name, seen, case in () if hurry else _cases(handed, h, widths):
        if not isinstance(_run(ways[0], drawn, case), Report):
            return told(name, seen)
    if handed:
        return failed if sizes[0] == (h, h) else _only_square(_of(cell, (h, h), None), failed)
    if " input to conv" in failed.message:
        return told("other axes", "x with the axes of a convolution")
    return failed if len(sizes) < 3 else told("no sizes", failed.message)


def _with_its_weights(cell: Any, sizes: Sizes) -> Report | None:
    """The report on a function that is handed weights in a layout of its own, as (Wx, Wh, b)."""
    for handed in with_weights(cell, sizes):
        report = _of(handed, sizes, None)
        if _over(report):
            order = report.evidence.get("gate order", "i f g o")
            if order != "i f g o" and "w_ih" in signature_of(cell).parameters:
                said = ", ".join(order.split())
                return told("gate_order", f"your code takes the four blocks of rows as {said}")
            return replace(report, lstm=None)
    return None


def _cases(handed: bool, h: int, widths: list[int]) -> Iterator[tuple[str, str, Case]]:
    """What else code may run on, and what to tell of it then."""
    if handed:
        for names in (("w_ih", "w_hh"), ("w_ih",), ("w_hh",)):
            which = listed(f"`{name}`" for name in names)
            said = f"there is no transpose of {which}"
            yield "missing_transpose", said, {name: torch.t for name in names}
        return
    for x, of in sorted(product(_AXES, repeat=2), key=lambda both: both[0] != both[1]):
        state = of.replace("input", "hidden")
        said = f"x of shape `[{x}]`, with h and c of shape `[{state}]`"
        yield "other axes", said, {"x": _AXES[x], "h": _AXES[of], "c": _AXES[of]}
    for d in widths:
        narrow = partial(torch.narrow, dim=1, start=0, length=d)
        yield "projection", f"{d} features and c {h}", {"h": narrow}


def _run(way: Step, drawn: dict[str, Tensor], case: Case) -> Any:
    """What comes back where something is done to what is handed over."""
    way.dtype = torch.float64
    return way.raw(**{n: case.get(n, torch.clone)(t).contiguous() for n, t in drawn.items()})


_AXES: dict[str, Callable[[Tensor], Tensor]] = {
    "batch, input_size": lambda t: t,
    "1, batch, input_size": lambda t: t[None],
    "batch, 1, input_size": lambda t: t[:, None],
    "batch, input_size, length": lambda t: t[..., None].expand(-1, -1, 7),
    "batch, input_size, height, width": lambda t: t[..., None, None].expand(-1, -1, 7, 7),
}


def _whole(module: Any, sizes: list[Sizes], given: Given) -> bool:
    """Whether a module takes an x of three axes, and hands back every step."""
    ways = [Step(**vars(w)) for w in callers(module, None, ["x", *_OWNED]) if w.axes == "rows"]
    steps: tuple[Any, ...] = (
        lambda x: x.expand(13, -1, -1),
        lambda x: x[:, None].expand(-1, 13, -1),
    )
    states: tuple[Any, ...] = (lambda t: t, lambda t: t[None])
    for one, way, x, of in product(sizes, ways, steps, states):
        drawn = given(one)
        found = None if way.in_a_hurry() else _run(way, drawn, {"x": x, "h": of, "c": of})
        match found:
            case [Tensor(shape=(a, b, _)), *_] if (a, b) == x(drawn["x"]).shape[:2]:
                return True
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
    given: dict[str, Tensor] = few
    if eye.is_function:
        given = {n: t.clone().requires_grad_() for n, t in {**few, **eye.weights}.items()}
        leaves = given
    elif isinstance(owner, nn.Module):
        trained = {parameter.data_ptr() for parameter in owner.parameters()}
        loose = [t for t in eye.weights.values() if t.data_ptr() not in trained]
        if any(_feeds(tensor, eye.caller, few) for tensor in loose):
            which = (
                "some of the weights are plain tensors" if trained else "`parameters()` is empty"
            )
            return told("plain_tensors", which).message
        leaves = {name: p for name, p in owner.named_parameters() if p.requires_grad}
    elif isinstance(owner, FunctionType | partial):
        return ""
    else:
        return told("plain_object", type(owner).__name__).message

    def reached() -> list[str] | Report:
        with torch.enable_grad():
            state = eye.caller.pair(**given)
            if isinstance(state, Report):
                return state
            total = state[0].sum() + state[1].sum()
            each: Any = [None] * len(leaves)
            if total.requires_grad and leaves:
                each = torch.autograd.grad(total, [*leaves.values()], allow_unused=True)
        return [name for name, grad in zip(leaves, each, strict=True) if grad is not None]

    names = run_learner(reached)
    if isinstance(names, Report):
        return told("not_trained", names.message.splitlines()[0]).message
    missed = [name for name in leaves if name not in names]
    if not missed or (names and not eye.is_function):
        return ""
    return told("no_gradients", listed(missed) if eye.is_function else "the parameters").message
