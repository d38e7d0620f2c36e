"""Is this an LSTM cell, and if not, what went wrong?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
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
    owned,
    redraw,
    signature_of,
    to_try,
    unwrapped,
)
from lstm_teach.checks.cell.equations import draw, run
from lstm_teach.checks.cell.hints import hinted, is_slip
from lstm_teach.checks.cell.judge import TWICE, agrees, fits, judge, squeezed, tolerance, unknown
from lstm_teach.checks.cell.mistakes import FORMS, WORDS
from lstm_teach.checks.cell.reading import LARGE, Eye
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time, run_learner

_WANTED = (
    "Give the check a function `(x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c)`, an nn.Module with "
    "`forward(x, (h, c)) -> (h, c)`, or the class of one."
)
_A_SEQUENCE = "it reads a whole sequence, and this check is for one step, as nn.LSTMCell makes it"
_FUNCTION = ["x h c w_ih w_hh b_ih b_hh", "x state w_ih w_hh b_ih b_hh"]
_OWNER = ["x state", "x h c"]
_APART = "Your `forward` takes h and c apart; nn.LSTMCell takes them as a pair, `(x, (h, c))`."
_TRIED: Sizes = 5, 4
_FIRST_NAMES = ("forward", "step", "__call__")
_ONE_STATE = (WORDS["gru"].headline, WORDS["rnn"].headline)
_ROUNDED = (
    "h and c are nearly nn.LSTMCell's: they differ after the second digit. Are they rounded, or "
    "computed in a lower precision, such as bfloat16, and then cast to a higher one? "
)


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
    if cell is None or cell is ...:
        return Report(
            "not_attempted",
            f"There is no cell yet: you gave `{'...' if cell is ... else cell}`. {_WANTED}",
        )
    other = _something_else(cell)
    if other is not None:
        return other
    with torch.no_grad():
        if isinstance(cell, type):
            return _of_class(cell, input_size, hidden_size, call)
        if _takes_weights(cell, call):
            return _of_function(cell, input_size, hidden_size, call)
        return _of_owner(cell, input_size, hidden_size, call)


def _something_else(cell: Any) -> Report | None:
    """What is no cell of anybody's own."""
    for whole, single, kind in ((nn.GRU, nn.GRUCell, "gru"), (nn.RNN, nn.RNNCell, "rnn")):
        if isinstance(cell, (whole, single)) or cell in (whole, single):
            mistake = WORDS[kind]
            return mistake.report({"cell": mistake.headline}, seen="")
    if isinstance(cell, nn.LSTM) or cell is nn.LSTM:
        return _whole()
    if isinstance(cell, nn.Module | type) and _without_forward(cell):
        return Report("not_attempted", "Your module has no `forward` yet. Write it, then check.")
    if isinstance(cell, Tensor) or not (callable(cell) or [*_methods(cell)]):
        return Report(
            "cannot_check",
            f"This is a `{type(cell).__name__}`. {_WANTED}",
            headline=f"a `{type(cell).__name__}` is no cell",
        )
    return None


def _whole() -> Report:
    return Report(
        "cannot_check",
        "Give the check the step that stands inside its loop; or the whole of it to `check_lstm`.",
        headline=_A_SEQUENCE,
    )


def _without_forward(cell: Any) -> bool:
    return getattr(getattr(cell, "forward", None), "__name__", "") == "_forward_unimplemented"


def _takes_weights(cell: Any, call: Callable[..., Any] | None) -> bool:
    """Whether a cell is handed its weights."""
    if call:
        return len(signature_of(call).parameters) > 6
    function = cell.forward if isinstance(cell, nn.Module) else cell
    if isinstance(cell, nn.Module) or not callable(cell):
        parameters = signature_of(function).parameters.values() if callable(function) else ()
        return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters) >= 7
    return next(callers(cell, None, _FUNCTION), None) is not None


def _few(sizes: Sizes) -> dict[str, Tensor]:
    """x, h and c of three samples."""
    given = draw(1, 3, *sizes)
    return {"x": given.x, "h": given.h, "c": given.c}


Found = tuple[Caller, Sizes]
Given = Callable[[Sizes], dict[str, Tensor]]


def _find(
    ways: Iterable[Caller],
    sizes: list[Sizes],
    given: Given,
    cast: Callable[[torch.dtype], None],
    slip: Callable[[Caller], bool],
) -> Found | tuple[Report, Caller | None]:
    """The first way and sizes with which the code gives h and c; or what is to be said."""
    raised: tuple[Report, Caller] | None = None
    odd: tuple[Report, Caller] | None = None
    start = time.perf_counter()
    for n, caller in enumerate(ways):
        if raised and caller.axes != "rows" and slip(raised[1]):
            break
        for caller.dtype in (torch.float64, torch.float32):
            cast(caller.dtype)
            for one in sizes if n == 0 else sizes[:4]:
                caller.place = None
                found = caller(**given(one))
                if not isinstance(found, Report):
                    return caller, one
                if found.verdict == "not_attempted" or "was stopped" in found.message:
                    return found, caller
                if found.verdict == "raises":
                    raised = raised or (found, caller)
                elif caller.axes == "rows" and not caller.numpy:
                    odd = odd or (found, caller)
                if time.perf_counter() - start > BUDGET:
                    return odd or raised or (found, caller)
    return odd or raised or (Report("raises", ""), None)


# A function, with its weights as arguments


def _of_function(
    step: Any, input_size: int | None, hidden_size: int | None, call: Callable[..., Any] | None
) -> Report:
    told = input_size or _TRIED[0], hidden_size or _TRIED[1]
    sizes = [told] if input_size or hidden_size else [told, *_written_sizes(step)]

    def given(sizes: Sizes) -> dict[str, Tensor]:
        return vars(draw(1, 3, *sizes))

    found = _find(
        callers(step, call, _FUNCTION),
        sizes,
        given,
        lambda dtype: None,
        lambda caller: is_slip(caller, given(told)),
    )
    if isinstance(found[0], Report):
        failed, caller = found
        return _failed(failed, caller, draw(1, 3, *told)) if failed.verdict == "raises" else failed
    caller, fit = found
    if fit != told:
        caller.remarks.append(f"It works for hidden_size {fit[1]} only: the size is written in it.")
    first = draw(1, 3, *fit)
    seen = []
    others = [(2, (3, 6), 1.5), (3, (4, 4), LARGE)]
    if fit != told or input_size or hidden_size:
        others = [(2, fit, 1.5), (3, fit, LARGE)]
    for seed, at, largest in ((1, fit, 1.5), *others):
        drawn = draw(seed, 3 if seed == 1 else 2, *at, largest)
        state = None if seen and caller.in_a_hurry() else caller(**vars(drawn))
        if isinstance(state, tuple):
            seen.append((drawn, state))
    wrong = [(drawn, state) for drawn, state in seen if not agrees(state, run(drawn, {}))]
    return caller.report(_wrong(caller, wrong, fit) if wrong else _right(caller, first))


def _written_sizes(step: Any) -> list[Sizes]:
    """Sizes that stand as numbers in a function's code."""
    written = getattr(getattr(step, "__code__", None), "co_consts", ())
    numbers = [k for k in written if type(k) is int and 1 < k < 1025]
    hidden = [*numbers, *(k // 4 for k in numbers if k % 4 == 0 and k > 8)]
    return [(_TRIED[0], h) for h in dict.fromkeys(hidden) if h != _TRIED[1]]


def _wrong(caller: Caller, wrong: list[tuple[Any, Any]], sizes: Sizes) -> Report:
    """A wrong function: one known mistake, two at once, or which quantity is off."""
    given, state = wrong[0]
    if not agrees(caller(**vars(given)), state):
        return TWICE
    off = [(a.double() - b).abs().max().item() for a, b in zip(state, run(given, {}), strict=True)]
    evidence = {f"{name} is off by": by for name, by in zip("hc", off, strict=True)}
    for mistake in FORMS:
        if fits(mistake.how, wrong):
            if mistake.verdict == "variant":
                evidence = {"cell": mistake.headline.partition(",")[0], **evidence}
            return mistake.report(evidence)
    if caller.in_a_hurry():
        return unknown(("h", "c"), evidence)
    drawn = draw(1, 3, *sizes)
    weights = {n: t for n, t in vars(drawn).items() if n not in ("x", "h", "c")}
    report = judge(Eye(caller, weights, sizes, is_function=True), _few(sizes))
    if report.verdict in ("unrecognised", "cannot_check") and "mistakes" not in report.evidence:
        by = _off(caller, given, state)
        limit = 10 * tolerance(state[0].dtype)
        bad = tuple(name for name, value in by.items() if not value <= limit)
        rounded = max(off) < 0.02
        if rounded or report.verdict == "cannot_check" or " off" in report.headline:
            return unknown(bad, by, _ROUNDED if rounded else "")
    return replace(report, evidence={**report.evidence, **evidence})


def _off(caller: Caller, given: Any, state: Any) -> dict[str, float]:
    """How far f, i * g, o, c and h are off, read off the function's behaviour.

    The new c is a straight line in the old one, so a second call from c = 0 gives i * g.
    """
    h, c = (part.double() for part in state)
    right_h, right_c = run(given, {})
    off = {"c": c - right_c, "h": h - right_h}
    empty = caller(**{**vars(given), "c": torch.zeros_like(given.c)})
    if isinstance(empty, tuple):
        write = empty[1].double()
        f, right_write = run(given, {"first": "f", "second": "i * g"})
        o = h / torch.tanh(c) - run(given, {"first": "o"})[0]
        off = {"f": (c - write) / given.c - f, "i*g": write - right_write, "o": o, **off}
    return {name: difference.abs().max().item() for name, difference in off.items()}


def _right(caller: Caller, first: Any) -> Report:
    """A right function: also on a batch of one, and can it be trained?"""
    if caller.in_a_hurry():
        return Report("ok", "h and c are nn.LSTMCell's.")
    given = draw(9, 1, first.x.shape[1], first.h.shape[1])
    alone = caller(**vars(given))
    if not agrees(alone, run(given, {})):
        return squeezed(alone)
    said = "" if caller.numpy else _on_gradients(caller, first)
    return Report(
        "ok",
        "h and c are nn.LSTMCell's: on random weights and states, for several sizes and for a "
        f"batch of one.{said}",
    )


def _on_gradients(caller: Caller, given: Any) -> str:
    """Right numbers that no gradient reaches cannot be trained."""
    leaves = {n: t.to(caller.dtype, copy=True).requires_grad_() for n, t in vars(given).items()}

    def unreached() -> tuple[str, ...]:
        with torch.enable_grad():
            found = caller.attached(**leaves)
            total = sum(part.sum() for part in found)
            if not total.requires_grad:
                return tuple(leaves)
            grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return tuple(name for name, grad in zip(leaves, grads, strict=True) if grad is None)

    missed = run_learner(unreached)
    if isinstance(missed, Report):
        said = missed.message.splitlines()[0]
        return f"\nThe numbers are right, but training would fail in the backward pass: {said}"
    if not missed:
        return ""
    return (
        f"\nThe numbers are right, but no gradient reaches {listed(missed)}, so it could not be "
        "trained. Look for `.detach()`, `.data`, `.item()`, `torch.no_grad()` or NumPy."
    )


def _failed(failed: Report, caller: Caller | None, given: Any) -> Report:
    """A function that raises, looked at once more: it may only want its weights laid otherwise."""
    if caller is None or caller.in_a_hurry():
        return failed
    again = replace(caller, dtype=torch.float64, remarks=[], changed_inputs={})
    for names in (["w_ih", "w_hh"], ["w_ih"], ["w_hh"]):
        turned = {name: getattr(given, name).T.contiguous() for name in names}
        if agrees(again(**{**vars(given), **turned}), run(given, {})):
            return _untransposed(names, failed)
    square = draw(4, 3, given.h.shape[1], given.h.shape[1])
    state = again(**vars(square))
    if isinstance(state, tuple):
        weights = {n: t for n, t in vars(square).items() if n not in ("x", "h", "c")}
        sizes = (given.h.shape[1],) * 2
        report = judge(Eye(again, weights, sizes, is_function=True), _few(sizes))
        if report.verdict == "missing_transpose":
            return _untransposed(["w_ih"] if "w_ih" in report.headline else ["w_hh"], failed)
    return hinted(failed, again, vars(given))


def _untransposed(names: list[str], failed: Report) -> Report:
    seen = f"there is no transpose of {listed(f'`{name}`' for name in names)}"
    told = WORDS["missing_transpose"].report({}, seen=seen)
    return replace(told, message=f"{told.message}\nWhat PyTorch says: {failed.message}")


# A module, an object or a bound method that owns its weights


def _of_class(
    cls: type, input_size: int | None, hidden_size: int | None, call: Callable[..., Any] | None
) -> Report:
    sizes = input_size or _TRIED[0], hidden_size or _TRIED[1]
    first = None
    for swapped in (False, True):
        torch.set_default_dtype(torch.float64)
        made = make(cls, *sizes, swapped=swapped)
        if isinstance(made, Report):
            return made if first is None else first
        report = _of_owner(made, *sizes, call)
        if report.verdict not in ("raises", "cannot_check") or "was stopped" in report.message:
            return report
        if report.headline == _A_SEQUENCE:
            return report
        first = report if first is None else first
    if first.verdict != "raises" or input_size or hidden_size:
        return first
    square = make(cls, sizes[1], sizes[1])
    report = first if isinstance(square, Report) else _of_owner(square, sizes[1], sizes[1], call)
    if report.verdict in ("raises", "not_attempted", "cannot_check"):
        return first
    if "transposed" in report.evidence:
        told = WORDS["missing_transpose"].report({}, seen="a weight is not transposed")
        return replace(
            told,
            message="Your cell runs only where input_size equals hidden_size: there a matrix that "
            f"should be transposed fits all the same.\n{told.message}\nWith other sizes it says: "
            f"{first.message}",
        )
    return replace(
        first,
        message=f"{first.message}\nIt runs only where input_size equals hidden_size: look for "
        "a layer for x that was made with hidden_size, or one for h with input_size.",
    )


def _methods(cell: Any) -> Iterator[Any]:
    """What of an object can be called as a step, the likeliest first."""
    if callable(cell):
        yield cell
        return
    names = [name for name in dir(type(cell)) if not name.startswith("_")]
    for name in sorted(names, key=lambda name: (name not in _FIRST_NAMES, "step" not in name)):
        method = getattr(cell, name, None)
        if callable(method) and len(signature_of(method).parameters) in (2, 3, 4):
            yield method


def _of_owner(
    cell: Any, input_size: int | None, hidden_size: int | None, call: Callable[..., Any] | None
) -> Report:
    with to_try(cell) as tried:
        modules = [m for m in (tried, getattr(tried, "__self__", None)) if isinstance(m, nn.Module)]

        def cast(dtype: torch.dtype) -> None:
            if tried is not cell:
                for module in modules:
                    module.to(dtype)

        def given(sizes: Sizes) -> dict[str, Tensor]:
            redraw(owned(tried, call), sizes)
            return _few(sizes)

        methods = [tried] if call else [*_methods(tried)]
        ways = [way for method in methods for way in callers(method, call, _OWNER)]
        if not ways:
            return _not_called(cell)
        found = _find(
            ways, [*likely_sizes(cell, input_size, hidden_size)], given, cast, lambda caller: False
        )
        if isinstance(found[0], Report):
            return _not_run(tried, cell, *found, input_size, hidden_size)
        caller, sizes = found
        cast(caller.dtype)
        report = _judged(cell, tried, caller, sizes, call)
        return replace(report, not_checked=(*report.not_checked, *_switched_off(modules)))


def _judged(cell: Any, tried: Any, caller: Caller, sizes: Sizes, call: Any) -> Report:
    few = _few(sizes)
    weights = owned(tried, call)
    if isinstance(tried, FunctionType) or call:  # what a closure sees is not all for the step
        weights = {name: tensor for name, tensor in weights.items() if _feeds(tensor, caller, few)}
    eye = Eye(caller, weights, sizes)
    kept = {name: tensor.clone() for name, tensor in owned(cell, call).items()}
    if tried is cell:
        kept = {}
    report = judge(eye, few, kept, cell)
    said = ""
    if report.verdict == "swapped_return" and caller.named == "c h":
        caller.c_first, said = (False, True), "It takes c before h, and hands them back so."
    elif not caller.named and (report.headline.endswith((" off", "you return it"))):
        caller.c_first, said = (True, True), "It has the state as (c, h); PyTorch has (h, c)."
    elif report.headline.startswith("the old h stands"):
        caller.c_first = (True, False)
        if judge(eye, few, kept, cell).ok:
            exchanged = next(m for m in FORMS if m.headline.startswith("h and c are exchanged"))
            return caller.report(exchanged.report())
    if said:
        again = judge(eye, few, kept, cell)
        if again.ok or (again.verdict == "variant" and again.headline not in _ONE_STATE):
            report = replace(again, message=f"{again.message}\n{said}")
    if report.ok and caller.named == "h c" and isinstance(cell, nn.Module) and not call:
        caller.remarks.append(_APART)
    if report.ok:
        note = _untrainable(tried, eye, few)
        report = replace(report, message=f"{note}{report.message}")
    return caller.report(report)


def _feeds(tensor: Tensor, caller: Caller, few: dict[str, Tensor]) -> bool:
    before = caller.pair(**few)
    tensor.add_(0.5)
    after = caller.pair(**few)
    tensor.sub_(0.5)
    both = isinstance(before, tuple) and isinstance(after, tuple)
    return both and not all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _not_called(cell: Any) -> Report:
    """What to say of code whose arguments are not those of a step."""
    function = cell.forward if isinstance(cell, nn.Module) else cell
    if not callable(function):
        function = next((getattr(cell, n) for n in dir(cell) if not n.startswith("_")), cell)
    name = getattr(function, "__name__", "step")
    taken = listed(f"`{p}`" for p in signature_of(function).parameters)
    inner = f"net.{name}" if function is not cell else "net"
    return Report(
        "cannot_check",
        f"Your `{name}` takes {taken or 'nothing'}; the check hands over x, h and c, or with them "
        "the four weights w_ih, w_hh, b_ih and b_hh. Say how it is called, and pick h and c out of "
        f"what it returns:\n`check_cell(cell, call=lambda net, x, h, c: {inner}(x, h, c))`, or, of a "
        "function that is handed its weights, "
        "`check_cell(cell, call=lambda net, x, h, c, w_ih, w_hh, b_ih, b_hh: "
        f"{inner}(x, h, c, w_ih, w_hh, b_ih + b_hh))`.",
        headline=f"`{name}` does not take x, h and c",
    )


def _not_run(
    tried: Any,
    cell: Any,
    failed: Report,
    caller: Caller | None,
    input_size: int | None,
    hidden_size: int | None,
) -> Report:
    """What to say of a cell that fails on a single step: it may be one for a whole sequence."""
    if failed.verdict == "not_attempted" or "was stopped" in failed.message:
        return failed
    if isinstance(tried, nn.Module) and _reads_a_sequence(tried, input_size, hidden_size):
        return _whole()
    projected = _with_projection(tried, caller) if caller else None
    if projected is not None:
        return projected
    told = input_size and hidden_size
    if failed.verdict == "raises" and caller and not told and not _tells_its_sizes(cell):
        message = (
            "The check could not find out for which sizes your code was made: its attributes do "
            "not tell both `input_size` and `hidden_size`, and no sizes taken from its weights "
            "fit. Pass them: `check_cell(cell, input_size=..., hidden_size=...)`, or say how it is "
            "called: `check_cell(cell, call=lambda net, x, h, c: net(x, (h, c)))`.\nThe first try "
            f"said: {failed.message}"
        )
        if owned(cell):
            return Report("cannot_check", message, headline="its sizes could not be found")
    if caller is None or failed.verdict != "raises":
        return failed
    return hinted(failed, caller, _few(next(likely_sizes(cell, input_size, hidden_size))))


def _tells_its_sizes(cell: Any) -> bool:
    sizes = [*islice(likely_sizes(cell), 3)]
    return len({h for _, h in sizes}) == 1


def _reads_a_sequence(module: Any, input_size: int | None, hidden_size: int | None) -> bool:
    """Whether a module takes an x of three axes, and hands back every step."""
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    start = time.perf_counter()
    for (x, h), batch in product(
        islice(likely_sizes(module, input_size, hidden_size), 8), (11, 13)
    ):
        empty = torch.zeros(batch, h, dtype=dtype)
        for state in [(), ((empty, empty),), (empty, empty), ((empty[None], empty[None]),)]:
            found = run_in_time(module, torch.zeros(13, 11, x, dtype=dtype), *state)
            match found:
                case [Tensor(shape=(13, 11, _)), *_]:
                    return True
            if time.perf_counter() - start > BUDGET:
                return False
    return False


def _with_projection(tried: Any, caller: Caller) -> Report | None:
    """Whether h is narrower, or wider, than c."""
    widths = sorted({d for tensor in owned(tried).values() for d in tensor.shape if d > 1})[:8]
    for x, hidden in islice(likely_sizes(tried), 2):
        for narrow in widths:
            h, c = torch.zeros(3, narrow), torch.zeros(3, hidden)
            found = caller.raw(x=torch.zeros(3, x), h=h, c=c) if narrow != hidden else None
            shapes = [getattr(part, "shape", ()) for part in found] if _is_some(found) else []
            if shapes == [h.shape, c.shape]:
                seen = f"{narrow} features and c {hidden}"
                return WORDS["projection"].report({"cell": "a projection"}, seen=seen)
    return None


def _is_some(found: Any) -> bool:
    return isinstance(found, (tuple, list))


def _switched_off(modules: list[nn.Module]) -> list[str]:
    """What a module does in training mode only; the copy is judged in evaluation mode."""
    kinds = nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm
    parts = [part for module in modules for part in module.modules()]
    noisy = {type(part).__name__: None for part in parts if isinstance(part, kinds)}
    names = listed(f"`nn.{name}`" for name in noisy)
    return [f"training mode, in which {names} changes the numbers"] if noisy else []


def _untrainable(tried: Any, eye: Eye, few: dict[str, Tensor]) -> str:
    """What to say first of a right cell that no optimiser could train; "" of any other."""
    if eye.caller.numpy:
        return ""
    owner = getattr(tried, "__self__", tried)
    if not isinstance(owner, nn.Module):
        return (
            "The numbers are right, but it is not an nn.Module: no optimiser finds its weights. "
            f"Write `class {type(owner).__name__}(nn.Module):` with `nn.Parameter(...)` for each.\n"
        )
    trained = {parameter.data_ptr() for parameter in owner.parameters()}
    if not trained:
        return (
            "The numbers are right, but `parameters()` is empty: no optimiser would train this "
            "cell. A module does not look into a plain list or at plain tensors. Fix: "
            "`nn.ModuleList([...])` for layers, `nn.Parameter(...)` for a tensor, and "
            "nn.ParameterList or nn.ParameterDict for several.\n"
        )
    plain = [t for t in eye.weights.values() if t.data_ptr() not in trained]
    before = eye.caller(**few)
    for tensor in plain:
        tensor.add_(1.0)
    after = eye.caller(**few)
    if isinstance(before, tuple) and not agrees(after, before):
        return (
            "The numbers are right, but some of the weights are plain tensors, so no optimiser "
            "will find them. Fix: `nn.Parameter(...)`, and nn.ParameterList or nn.ParameterDict "
            "for several.\n"
        )
    with torch.enable_grad():
        result = run_learner(eye.caller.attached, **few)
    if isinstance(result, Report):
        return (
            "The numbers are right, but only without gradients: where they are kept, as in "
            f"training, the cell raises an error.\n{result.message}\n"
        )
    learned = any(p.requires_grad for p in owner.parameters())
    if learned and not any(part.requires_grad for part in result):
        return (
            "The numbers are right, but no gradient reaches the parameters, so it could not be "
            "trained. Look for `.detach()`, `.data`, `torch.no_grad()` or NumPy.\n"
        )
    return ""
