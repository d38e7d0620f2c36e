"""Is this an LSTM cell, and if not, what went wrong?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks import bringing
from lstm_teach.checks.bringing import BUDGET, Sizes, callers, listed, owned, signature_of
from lstm_teach.checks.cell.equations import GIVEN, draw, told
from lstm_teach.checks.cell.judge import MIXED, agrees, judge
from lstm_teach.checks.cell.reading import Eye, Step
from lstm_teach.checks.passing import has_norms
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import FINAL, leaves_no_trace

_OTHERS = {nn.GRU: "gru", nn.GRUCell: "gru", nn.RNN: "rnn", nn.RNNCell: "rnn", nn.LSTM: "whole"}
_HANDED = ["x h c w_ih w_hh b_ih b_hh", "x state w_ih w_hh b_ih b_hh"]
_OWNED = ["x state", "x h c"]
_TRIED: Sizes = 5, 4
_SQUARE: Sizes = 4, 4
_CUT = "cut_without_dim"
"""The slip of a line that cuts a batch of gates along its samples."""
_EXCHANGED = [told(name).headline for name in ("gru", "rnn", "layer norm of c")]
_OF_THE_ORDER = "raises", "swapped_return", "cell_instead_of_h_in_gates"
Asked = tuple[int | None, int | None]
Call = Callable[..., Any] | None
_AXES: dict[str, Callable[[Tensor], Tensor]] = {
    "seq_len, batch, input_size": lambda t: t.expand(13, -1, -1),
    "batch, seq_len, input_size": lambda t: t[:, None].expand(-1, 13, -1),
    "1, batch, input_size": lambda t: t[None],
    "batch, input_size, length": lambda t: t[..., None].expand(-1, -1, 7),
    "batch, input_size, height, width": lambda t: t[..., None, None].expand(-1, -1, 7, 7),
}


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
            hidden_size), with forward(x, (h, c)) -> (h, c); h and c may have names there, or
            be keys of a dict. Plain objects, bound methods and NumPy serve too.
        input_size: for an instance that does not tell it by an attribute of this name, and for
            code that works for one size only.
        hidden_size: likewise.
        call: how to run it, where it is not called so: call(cell, x, h, c) -> (h, c).

    Returns:
        A report; its verdict is "ok", "variant", "not_attempted", "cannot_check", "raises",
        "unrecognised" or a mistake's name, such as "gate_order". It never raises because of the
        cell. Of a right cell that owns its weights, `Report.as_torch` gives an nn.LSTM with them.
    """
    cell, asked = bringing.unwrapped(cell), (input_size, hidden_size)
    early = _no_cell(cell, call)
    if early is not None:
        return early
    failed: list[Report] = []
    start = time.perf_counter()
    tries = [(torch.float64, asked), (torch.float32, asked)]  # some code works in one of them only
    if not any(asked) and (bringing.is_maker(cell) or _takes_weights(cell, call)):
        tries.append((torch.float64, _SQUARE))
    for dtype, sizes in tries:
        if failed and time.perf_counter() - start > 4 * BUDGET:
            break
        torch.set_default_dtype(dtype)
        with torch.no_grad():
            report, ran = _of(cell, sizes, call, dtype)
        if sizes is not _SQUARE and (ran or _over(report)):
            return report
        if report.verdict == "missing_transpose" or "transposed" in report.evidence:
            said = "a weight is not transposed, so your cell runs only where it is square"
            return told("missing_transpose", said)
        failed.append(report)
    return failed[0]


def _over(report: Report) -> bool:
    """Whether nothing is won by calling it in another way."""
    final = report.cause in (*FINAL, "too_slow")
    return final or report.verdict not in ("raises", "cannot_check")


def _no_cell(cell: Any, call: Call) -> Report | None:
    """What is no cell of anybody's own."""
    if cell is None or cell is ...:
        return told("nothing", "..." if cell is ... else "None")
    for kind, name in _OTHERS.items():
        if isinstance(cell, kind) or cell is kind:
            return told(name)
    if _is_open(cell) and not (call or [*_methods(cell)]):
        return told("no_forward")
    if isinstance(cell, Tensor) or not (callable(cell) or hasattr(cell, "__dict__")):
        return told("no_cell", f"a `{type(cell).__name__}`")
    return None


def _of(cell: Any, asked: Asked, call: Call, dtype: torch.dtype) -> tuple[Report, bool]:
    """Judge a function, a module, an object, a bound method, or what a class makes; and whether it
    ran as a step."""
    handed = _takes_weights(cell, call)
    usual = asked[0] or _TRIED[0], asked[1] or _TRIED[1]
    if bringing.is_maker(cell):
        asked = bringing.told_to(cell, usual) if bringing.required(signature_of(cell)) else asked
        cell = bringing.make(cell, *usual)
        if isinstance(cell, Report):
            return cell, False
    sizes = [usual] if handed else [*bringing.likely_sizes(cell, *asked, call)]
    if handed and not any(asked):
        sizes += _written_sizes(cell)
    with bringing.to_try(cell, dtype, call) as tried:

        def given(sizes: Sizes) -> dict[str, Tensor]:
            drawn = draw(1, sizes)
            if handed:
                return drawn
            bringing.redraw(owned(tried, call), sizes)
            return {name: drawn[name] for name in GIVEN[:3]}

        ways = _ways(tried, call, handed, dtype)
        found = _find(ways, sizes, given, handed)
        if found is None:
            return _with_its_weights(cell, sizes[0], dtype), False
        if isinstance(found, Report):
            return _why_not(found, cell, asked, ways, sizes, given), False
        caller, fit = found
        drawn = given(fit)
        few = {name: drawn.pop(name) for name in GIVEN[:3]}
        caller.handed = drawn
        eye = Eye(caller, drawn or owned(tried, call), fit, few, free=not any(asked))
        if not handed and (isinstance(tried, FunctionType) or call):
            # What a closure sees is not all for the step.
            eye.weights = {name: one for name, one in eye.weights.items() if _feeds(eye, name)}
        own = {} if handed or tried is cell else {n: w.cpu() for n, w in owned(cell, call).items()}
        report = _judged(eye, own)
        if report is MIXED and _in_other_axes(ways, [fit], given) == told("whole"):
            return told("whole"), True
        if report.verdict in ("unrecognised", "variant") and caller.many:
            report = told("many", caller.many)
        run = partial(caller.pair, **few)
        if report.verdict in ("ok", "unrecognised") and has_norms(tried, run):
            report = told("with norms")
        if handed and fit != sizes[0]:
            caller.remarks.append(f"It works for hidden_size {fit[1]} only: it is written in it.")
        owner = getattr(tried, "__self__", tried)
        if report.ok and isinstance(owner, nn.Module):
            owner.train()
            in_training = caller.pair(**few)
            owner.eval()
            if isinstance(in_training, tuple) and not agrees(in_training, eye.step()):
                caller.remarks.append(bringing.said("drops"))
        if report.ok and not caller.numpy and not caller.in_a_hurry():
            with torch.enable_grad():
                trained = eye.caller.pair(**few) if isinstance(tried, nn.Module) else None
            if isinstance(trained, Report):  # it runs only where nothing has a gradient
                report = trained
            elif but := _untrainable(eye, tried):
                said = f"The numbers are right, but {but}\n{report.message}"
                report = replace(report, message=said)
        return caller.report(report), True


def _ways(tried: Any, call: Call, handed: bool, dtype: torch.dtype) -> list[Step]:
    """How it may want to be called, the likeliest first."""
    alone = call or (callable(tried) and not _is_open(tried))
    methods = [tried] if alone else [*_methods(tried)]
    forms = _HANDED if handed else _OWNED
    ways = [way for method in methods for way in callers(method, call, forms)]
    for method in methods if ways and not (handed or call) else ():
        names = [*signature_of(method).parameters]
        if not any(map(bringing.BEGINS["c"].match, names)):
            turned = bringing.by_name(names).get("x", names[0]) != names[0]
            one_state = partial(_with_one_state, turned=turned)
            usual, *others = callers(method, one_state, ["x h c"])
            ways = [ways[0], usual, *ways[1:], *others]
    return [Step(**{**vars(way), "dtype": dtype}) for way in ways]


def _with_one_state(net: Any, x: Any, h: Any, c: Any, turned: bool = False) -> tuple[Any, Any]:
    """A step of a cell of one state, such as a GRU, which may stand first; c stays as it is."""
    result = net(h, x) if turned else net(x, h)
    return (result[-1] if isinstance(result, tuple) else result), c


def _takes_weights(cell: Any, call: Call) -> bool:
    """Whether a cell is handed its weights."""
    if call:
        return len(signature_of(call).parameters) > 6
    if isinstance(cell, nn.Module):
        return bringing.needed(cell) >= 7
    names = bringing.required(signature_of(cell)) if callable(cell) else []
    own = next(bringing.with_weights(cell, _TRIED), None) if len(names) == 6 else None
    if own is not None and {*names[3:]} == own.keywords.keys():
        return False  # x, h, c, and weights with one bias, laid out in a way of its own
    return callable(cell) and not isinstance(cell, type) and any(callers(cell, None, _HANDED))


def _is_open(cell: Any) -> bool:
    """Whether it is a module that nothing says how to run."""
    kind = cell if isinstance(cell, type) else type(cell)
    return bringing.without_forward(cell) and kind.__call__ is nn.Module.__call__


def _methods(cell: Any) -> Iterator[Any]:
    """What of an object can be called as a step, the likeliest first."""
    public = bringing.methods(cell)
    for name in sorted(public, key=lambda name: (name != "forward", "step" not in name)):
        if len(signature_of(public[name]).parameters) in (2, 3, 4):
            yield public[name]


def _written_sizes(step: Any) -> list[Sizes]:
    """Sizes that stand as numbers in a function's code."""
    written = getattr(getattr(step, "__code__", None), "co_consts", ())
    numbers = [k for k in written if type(k) is int and 1 < k < 1025]
    return [(_TRIED[0], h) for k in numbers for h in (k, k // 4) if h > 1]


Given = Callable[[Sizes], dict[str, Tensor]]
"""What a cell is handed for these sizes; its own weights are drawn anew."""


def _find(
    ways: list[Step], sizes: list[Sizes], given: Given, handed: bool
) -> tuple[Step, Sizes] | Report | None:
    """The first way and sizes with which the code gives h and c; or what its failures tell."""
    failed: list[tuple[int, Report]] = []
    unchanged: tuple[Step, Sizes] | None = None
    start = time.perf_counter()
    for way in ways:
        some = 24 if isinstance(way.code, partial) else 6
        for one in sizes[: None if way is ways[0] else some]:
            slip = bool(failed) and failed[0][1].cause == _CUT
            late = time.perf_counter() - start > 2 * BUDGET
            # A module is for batches, as nn.LSTMCell is.
            for_batches = handed or isinstance(getattr(way.code, "__self__", way.code), nn.Module)
            if late or (slip and for_batches and way.axes != "rows" and not way.numpy):
                break
            drawn = given(one)
            found = way(**drawn)
            if not isinstance(found, Report):
                if not agrees(found, (drawn["h"], drawn["c"])):
                    return way, one
                unchanged = unchanged or (way, one)  # the old state, as a cache may keep it
                continue
            # What ran, but gave no h and c, tells most; then a slip; then where it gets furthest.
            rank = 2 - (found.cause == _CUT)
            if found.verdict == "unrecognised":
                rank = 0 if way.axes == "rows" and not way.numpy else 3
            elif _over(found):
                return found
            failed.append((rank, found))
    if unchanged:
        return unchanged
    return max(failed, key=lambda one: (-one[0], one[1].reached))[1] if failed else None


def _judged(eye: Eye, own: dict[str, Tensor]) -> Report:
    """The verdict; once more with (c, h) for (h, c), where that is how it may read."""
    report, caller = judge(eye, own), eye.caller
    is_renamed = report.headline.startswith("a state of c and h")
    if caller.named == "c h" and not report.ok:
        c_first, also = False, "It takes c before h, and hands them back so."
    elif not eye.is_function and (report.verdict == "variant" or report.cause == "guessed"):
        c_first, also = True, bringing.said("c_first")
    else:
        return report
    places, remarks = caller.places and caller.places[::-1], [*caller.remarks]
    other = replace(caller, c_first=c_first, places=places, remarks=remarks)
    again = judge(replace(eye, caller=other), own)
    # What the old c has no effect on, or what has no name, may have one in the other order.
    is_open = is_renamed or _says_little(report) or report.verdict == "unrecognised"
    is_open |= not c_first and report.verdict == "swapped_return"
    is_open &= not _says_little(again) and not again.headline.startswith("a state of c and h")
    is_open &= again.verdict != "variant" or is_renamed or _says_little(report)
    better = again.ok or (is_open and again.verdict not in _OF_THE_ORDER)
    better |= is_renamed and again.verdict == "cell_instead_of_h_in_gates"
    better |= not c_first and report.cause == "guessed" and again.verdict == "variant"
    return replace(again, message=f"{again.message}\n{also}") if better else report


def _says_little(report: Report) -> bool:
    """Whether it is what is seen of most cells whose h and c are exchanged."""
    return report.cause == "guessed" or report.headline in _EXCHANGED or not report.judged


def _feeds(eye: Eye, name: str) -> bool:
    """Whether this weight changes what comes back."""
    before = eye.caller.pair(**eye.few)
    eye.weights[name].add_(0.5)
    after = eye.caller.pair(**eye.few)
    eye.weights[name].sub_(0.5)
    return isinstance(before, tuple) and not agrees(after, before)


def _with_its_weights(cell: Any, sizes: Sizes, dtype: torch.dtype) -> Report:
    """The report on a function that does not take x, h and c: it may be handed weights in a layout
    of its own, as (Wx, Wh, b)."""
    of_a_wrong_layout, failed = told("tied").message, []
    for handed in bringing.with_weights(cell, sizes):
        report, ran = _of(handed, sizes, None, dtype)
        failed.append(report)
        if (ran or _over(report)) and of_a_wrong_layout not in report.message:
            order = report.evidence.get("gate order", "i f g o")
            if order != "i f g o" and "w_ih" in signature_of(cell).parameters:
                said = ", ".join(order.split())
                return told("gate_order", f"your code takes the four blocks of rows as {said}")
            return replace(report, lstm=None)
    raised = bringing.without_a_layout(failed, "net", cell)
    if raised is not None:
        return raised
    names, line = bringing.likely_call(cell, "net", "(h, c)")
    return told("other arguments", listed(f"`{p}`" for p in names) or "nothing", line=line)


def _why_not(
    failed: Report, cell: Any, asked: Asked, ways: list[Step], sizes: list[Sizes], given: Given
) -> Report:
    """What to say of code that gives no h and c: what else would it run on?"""
    way, (wide, hidden), drawn = ways[0], sizes[0], given(sizes[0])
    slow = any(way.in_a_hurry() for way in ways)
    handed, told_how = "w_ih" in drawn, isinstance(way.code, partial)
    if _over(failed) or slow or (not handed and (told_how or failed.cause == _CUT)):
        return failed
    if handed:
        for names in ("w_ih", "w_hh"), ("w_ih",), ("w_hh",):
            if not isinstance(way.raw(**drawn | {n: drawn[n].T for n in names}), Report):
                which = listed(f"`{name}`" for name in names)
                return told("missing_transpose", f"there is no transpose of {which}")
        return failed
    axes = _in_other_axes(ways, sizes[:8], given)
    if axes is not None:
        return axes
    for width in sorted({d for p in owned(cell).values() for d in p.shape if 1 < d < hidden}):
        if not isinstance(way.raw(**drawn | {"h": drawn["h"][:, :width]}), Report):
            return told("projection", f"{width} features and c {hidden}")
    if " input to conv" in failed.message:
        return told("other axes", "x with the axes of a convolution")
    line = bringing.likely_call(cell, "net", "(h, c)")[1]
    larger = given((wide + 1, hidden + 1))
    if failed.verdict == "raises" and getattr(way(**larger), "message", "") == failed.message:
        return told("at_any_size", failed.message, line=line)
    # Where no matrix and nobody tells the sizes, those that were tried are made up.
    told_by = any(asked) or any(p.dim() > 1 for p in owned(cell).values())
    return failed if len(sizes) < 3 and told_by else told("no sizes", failed.message, line=line)


def _in_other_axes(ways: list[Step], sizes: list[Sizes], given: Given) -> Report | None:
    """The report on code that runs where x, and maybe its state, has more axes than two."""
    for (axes, of_x), one in product(_AXES.items(), sizes):
        for of_state in (lambda t: t, lambda t: t[None], of_x):
            drawn = given(one)
            drawn = {n: (of_x if n == "x" else of_state)(t) for n, t in drawn.items()}
            found = None if ways[0].in_a_hurry() else ways[0].raw(**drawn)
            match found:
                case None | Report():
                    continue
                case [Tensor(shape=(a, b, _)) as output, *_] if "seq" in axes:
                    # Of one x at every step a step makes one h, and a whole sequence goes on.
                    first, *_, last = output.unbind(axes.split(", ").index("seq_len"))
                    if (a, b) == drawn["x"].shape[:2] and not torch.equal(first, last):
                        return told("whole")
            return told("other axes", f"x of shape `[{axes}]`")
    return None


def _untrainable(eye: Eye, tried: Any) -> str:
    """Why a right cell could not be trained; "" of any other."""
    owner, given = getattr(tried, "__self__", tried), {**eye.few, **eye.caller.handed}
    if not eye.is_function:
        if isinstance(owner, FunctionType | partial):
            return ""
        if not isinstance(owner, nn.Module):
            return told("plain_object", type(owner).__name__).message
        loose = bringing.loose(owner, eye.weights)
        names = [f"`{name}`" for name in loose if _feeds(eye, name)]
        if names:
            some = names if len(names) < 4 else [*names[:2], "others"]
            return told("plain_tensors", listed(some)).message
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in given.items()}
    with torch.enable_grad(), suppress(RuntimeError):  # what is changed in place may have no slope
        state = eye.caller.pair(**{name: leaf.clone() for name, leaf in leaves.items()})
        if isinstance(state, Report) or not all(part.requires_grad for part in state):
            return told("no_gradients", "it").message
        total = torch.stack([part.double().sum() for part in state]).sum()
        slopes = torch.autograd.grad(total, [*leaves.values()], allow_unused=True)
        cut = [f"`{n}`" for n, slope in zip(leaves, slopes, strict=True) if slope is None]
        if cut or not eye.exact:
            return told("no_gradients", listed(cut)).message if cut else ""
        # Along one way, what the gradients say and what it does.
        ways = {name: bringing.normals(4)(*leaf.shape) for name, leaf in leaves.items()}
        said = sum((slope * way).sum() for slope, way in zip(slopes, ways.values(), strict=True))
        near = [{n: leaf + k * ways[n] for n, leaf in leaves.items()} for k in (1e-6, -1e-6)]
        ran = [pair for pair in (eye.caller.pair(**each) for each in near) if type(pair) is tuple]
        does = [torch.stack(pair).sum() / 2e-6 for pair in ran]
        if len(does) == 2 and abs(does[0] - does[1] - said) > 1e-4 * (1 + abs(said)):
            return told("other_gradients").message
    return ""
