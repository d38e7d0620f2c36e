"""Is this a whole LSTM, and if not, what went wrong?

A `_Check` runs it: first how it is called and which axis is time, then what each weight does, and
where it does what an LSTM's do, the rest.
"""

from __future__ import annotations

import copy
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, combinations, islice, product
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks import bringing
from lstm_teach.checks.bringing import Sizes, listed, needed, normals, owned, signature_of
from lstm_teach.checks.cell import check_cell
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.lstm.backward import gradients, wrong_by_hand
from lstm_teach.checks.lstm.forms import BATCH_FIRST, TIME_FIRST, TURNED, Reader, leaves, readers
from lstm_teach.checks.lstm.mistakes import (
    JOINED,
    MISTAKES,
    STARTS,
    WORDS,
    in_the_roles,
    in_the_states,
    told,
)
from lstm_teach.checks.lstm.roles import Roles, Search, groupings, is_bias, lane_sizes, parts_of
from lstm_teach.checks.passing import Head, before, has_norms, head_of, noting, passed_by
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import FINAL, leaves_no_trace, run_in_time
from lstm_teach.checks.stack.check import WithoutDropout, by_calls
from lstm_teach.checks.stack.mistakes import wired

_LAYERS = re.compile(r"(num|n)_?layers?$|layers$|depth$")
_LEARNED = re.compile(r"(.*[._])?([hc]x?|hidden|cell|state)_?0$|.*(init|start)", re.IGNORECASE)
_BEHIND: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softmax": partial(torch.softmax, dim=-1),
    "normalize": partial(nn.functional.normalize, dim=-1),
}
_PART_OF_A_WEIGHT = re.compile(r"parametrizations|weight\w*_[gv]$")
_SECONDS = 2.0
_FAILED = "raises", "cannot_check"
_TRIED: Sizes = 7, 3
_MOST_WEIGHTS = 2_000_000


@leaves_no_trace
def check_lstm(
    lstm: Any,
    input_size: int | None = None,
    hidden_size: int | None = None,
    call: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
) -> Report:
    """Say whether a whole LSTM of one's own is right, and if not, name what is wrong.

    Args:
        lstm: a class, an instance, a function or a plain object, in torch or in NumPy, that reads
            a sequence: batch first, time first, or one sample. It returns its output, or its
            output and the last state, in nn.LSTM's or another usual form, or the last h alone. Of
            several cells that make one step, it is run in a loop. In an nn.Module layers may stand
            behind h; they are not judged.
        input_size: for what does not tell it, and for code of one size only.
        hidden_size: likewise.
        call: how to run it where it is not called in a usual way: `call(lstm, x)`, or `call(lstm,
            x, h, c)` where it can be given a state; x is `[seq_len, batch, input_size]`, h and c
            `[batch, hidden_size]`.
        backward: a backward pass written by hand, `backward(d_output, cache)`: the gradient at the
            output, laid out as the output, and the last thing that the call returned. It returns
            the gradients of the weights, and of x, h_0 and c_0 if it has them, as a tuple, or by
            names, such as "dWx", in a dict:
            `check_lstm(lstm_forward, backward=lstm_backward)` for functions `(x, h0, Wx, Wh, b)
            -> h, cache` and `(dh, cache) -> dx, dh0, dWx, dWh, db`.

    Returns:
        A report. Where the verdict is "ok", `report.as_torch()` is an nn.LSTM that computes the
        same. It never raises because of the LSTM.
    """
    start, told_sizes = time.process_time(), (input_size, hidden_size)
    torch.set_default_dtype(torch.float64)
    report = _report(lstm, told_sizes, call, backward)
    quick = time.process_time() - start < _SECONDS / 4
    raised = report.verdict == "raises" or report.cause == "raised"
    if raised or (report.verdict == "cannot_check" and quick):
        torch.set_default_dtype(torch.float32)
        again = _report(lstm, told_sizes, call, backward)
        if again.verdict not in _FAILED:
            return replace(again, message=f"{again.message}\n{bringing.IN_FLOAT32}")
        if report.verdict == "raises" and isinstance(lstm, nn.Module):
            return again  # in the dtype that the learner runs it in
    return report


def _report(lstm: Any, told_sizes: Any, call: Any, backward: Any) -> Report:
    """The report of a run in the default dtype."""
    code = bringing.unwrapped(lstm)
    if code is None or code is ...:
        return told("no_lstm")
    cls = code if isinstance(code, type) else type(code)
    for kind, name in ((nn.GRU, "gru"), (nn.RNN, "rnn"), (nn.LSTM, "projection")):
        if issubclass(cls, kind) and (kind is not nn.LSTM or getattr(code, "proj_size", None)):
            return replace(told(name, seen="fewer features than c"), of="cell")
    run = code if call else bringing.runs(code)
    runs = callable(run) and not bringing.steps_alone(run)
    if not (call or runs) or isinstance(code, (nn.LSTMCell, Tensor)):
        return told("one_step", code=code)
    sizes: Sizes = told_sizes[0] or _TRIED[0], told_sizes[1] or _TRIED[1]
    if isinstance(code, type) and not signature_of(code).parameters:
        made = run_in_time(code)
        return made if isinstance(made, Report) else _report(made, told_sizes, call, backward)
    if bringing.is_maker(code):
        report = _made(code, sizes, call, backward)
        by_itself = needed(code) < 1 and report.verdict in _FAILED
        code = run_in_time(code) if by_itself else report  # such as with input_size=1
        if isinstance(code, Report):
            return report
    weights = sum(weight.numel() for weight in owned(code, call).values())
    if weights > _MOST_WEIGHTS:
        count = f"{weights:,}"
        if getattr(getattr(code, "forward", None), "__func__", None) is nn.LSTM.forward:
            evidence = {"layers": code.num_layers, "directions": 1 + code.bidirectional}
            report = told("itself", evidence, name=cls.__name__)
            return replace(report, lstm=copy.deepcopy(code))
        report = _made(cls, _TRIED, call, backward)  # a small one
        if report.verdict in _FAILED:
            return told("too_large", count=count)
        small = told("small", count=count, name=cls.__name__, sizes=str(_TRIED)).message
        return replace(report, message=f"{report.message}\n{small}", lstm=None)
    ran, failed = None, list[Report]()
    for handed in [] if call else bringing.with_weights(run, sizes):
        check = _Check(handed, sizes, None, backward, handed=True)
        report = check.report()
        if report.verdict not in _FAILED or report.cause in FINAL:
            return report
        ran = report if hasattr(check, "reader") else ran
        failed += check.raised
    raised = bringing.without_a_layout(failed, "lstm", run) if ran is None else ran
    return _checked(code, told_sizes, call, backward) if raised is None else raised


def _checked(code: Any, told_sizes: Any, call: Any, backward: Any, layers: Any = None) -> Report:
    """The report on what can be called; one step of a stack is run in a loop."""
    report = _Check(code, told_sizes, call, backward, layers).report()
    parts = [*code.modules()] if isinstance(code, nn.Module) else []
    own = (type(part) for part in parts if isinstance(part, nn.LSTMCell) or not _is_torchs(part))
    kinds = Counter(own)
    # Of what runs on a whole x, time is not the axis that the loop takes.
    is_step = report.cause == "raised" or report.headline == told("one_step").headline
    if not is_step or call or max(kinds.values(), default=0) < 2:
        return report
    looped = _Check(code, told_sizes, _in_a_loop, backward, layers)
    again = looped.report()
    if again.verdict in _FAILED or looped.directions == 2:  # which no single step has
        return report
    return replace(again, message=f"{again.message}\n{told('in_a_loop').message}")


def _in_a_loop(step: Any, x: Any, state: Any = None) -> tuple[Tensor, Any]:
    """The output of a stack that makes one step, and its last state."""
    outputs = []
    for xt in x:
        state = step(xt) if state is None else step(xt, state)
        match state:
            case (Tensor() as output, tuple() | list() as own):
                state = own
            case (Tensor() as output, Tensor()) if output.dim() == 3:
                output = output[-1]  # of all layers
            case [*_, (Tensor() as output, Tensor())]:  # an (h, c) for each layer
                pass
            case _:
                raise TypeError(type(state).__name__)
        outputs.append(output)
    return torch.stack(outputs), state


def _made(cls: Any, sizes: Sizes, call: Any, backward: Any) -> Report:
    """The report on an instance of a class, of two layers where it takes their number; or made in
    the other order of its sizes, where no name tells it."""

    def judged(made: Any, layers: int | None = None) -> Report:
        if isinstance(made, Report):
            return made
        name = getattr(backward, "__name__", "")
        is_method = backward is not None and getattr(cls, name, None) is backward
        pull = getattr(made, name) if is_method else backward
        return _checked(made, bringing.told_to(cls, sizes), call, pull, layers)

    signature, two = signature_of(cls), None
    for name in [n for n in signature.parameters if _LAYERS.match(n)][:1]:
        own = signature.parameters[name].default
        count = own if own in (3, 4) else 2
        made = bringing.make(partial(cls, **{name: count}), *sizes)
        two = None if isinstance(made, Report) else judged(made, count)
        if two is not None and not (two.verdict in _FAILED or _is_vague(two)):
            return two
    report = judged(bringing.make(cls, *sizes))
    if two is not None and report.verdict not in _FAILED:
        said = partial(told, name=name, count=count)
        if two.verdict == "raises" and report.ok:
            return replace(two, message=f"{two.message}\n{said('more_layers').message}")
        if report.ok:
            return replace(two, message=f"{said('right_alone').message}\n{two.message}")
        return replace(report, message=f"{report.message}\n{said('one_layer').message}")
    if report.verdict in _FAILED and not any(bringing.named_sizes(signature)):
        turned = judged(bringing.make(lambda second, first: cls(first, second), *sizes))
        return report if turned.verdict in _FAILED else turned
    return report


def _is_torchs(part: nn.Module) -> bool:
    """Whether it is one of torch's own modules."""
    return type(part).__module__.startswith("torch")


def _layer(weight: str) -> str:
    """The name of the layer that a weight belongs to."""
    return weight.rpartition(".")[0]


def _unnumbered(name: str) -> str:
    """The name of a weight without its numbers, but for one in a list that holds all."""
    return re.sub(r"(?<=[a-z])\d+|(?<=\.)\d+(?=\.)", "", name)


def _in_code(names: Iterable[str]) -> str:
    """Names in a sentence, as code."""
    return listed(f"`{name}`" for name in names)


def _is_vague(report: Report) -> bool:
    """Whether another way to read the code may tell more."""
    return report.verdict == "cannot_check" or report.cause == "guessed"


class _Told(Exception):
    """The report is clear; it stands in `args`."""


def _tell(report: Report | None) -> None:
    """End the check here, where there is a report."""
    if report is not None:
        raise _Told(report)


@dataclass
class _Check:
    """The check of one LSTM that can be called: how it is run, what its weights do, what is wrong.

    Of the `code` that was brought the sizes may be `told`, how to `call` it, and its `backward`
    pass by hand. It was made with so many `layers`, and may be `handed` its weights. Equal numbers
    may be `limit` apart. Left out are its `head` behind h, its `norms` if wished, and what was
    `passed` by, by name; `learned` are the names of weights that are an initial state; a state may
    have `c_first`, or be `misread` in a way that nobody knows. Where no call of it ran, `raised`
    holds the error of the one that got furthest.
    """

    code: Any
    told: tuple[int | None, int | None]
    call: Any
    backward: Any
    layers: int | None = None
    handed: bool = False
    limit: float = 1e-8
    head: Head | None = None
    norms: bool = False
    passed: list[str] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)
    c_first: bool = False
    misread: bool = False
    directions: int = 1
    raised: list[Report] = field(default_factory=list)

    def report(self) -> Report:
        """What is wrong, from the outside in: the first thing."""
        self.original = {n: w.clone().cpu() for n, w in owned(self.code, self.call).items()}
        with (
            # What a backward pass by hand belongs to is tried itself.
            bringing.to_try(
                self.code, torch.get_default_dtype(), self.call, self.backward is not None
            ) as self.brought,
            passed_by(self.brought, self.norms) as parts,
            torch.no_grad(),
        ):
            self.tried = self.brought if self.call else bringing.runs(self.brought)
            self.owner = getattr(self.tried, "__self__", self.tried)
            self.run, self.passed = self._runner(self.tried), [*parts]
            self.layers = self.layers or next(iter(bringing.attributes(self.tried, _LAYERS)), None)
            passed = tuple(f"{name}." for name in parts)
            own = owned(self.tried, self.call).items()
            self.weights = {name: weight for name, weight in own if not name.startswith(passed)}
            self.tries, self.ran = self._tries(), set[Sizes]()
            report = self._judged()
            if _is_vague(report):
                # What it returns may have misled, such as predictions of one number.
                again = self._judged()
                report = again if again.ok else report
            alone = [type(cell) for cell in self._torch_cells()] == [nn.LSTM]
        return told("torch_inside") if alone and _is_vague(report) else report

    def _judged(self) -> Report:
        """The report, where the code runs in one of the tries that are left."""
        try:
            self._find_reader()
            if not self.weights:  # they are made when it is first called
                self.weights = owned(self.tried)
                self.original |= {n: weight.clone() for n, weight in self.weights.items()}
            self._settle_time()
            return self._by_roles()
        except _Told as found:
            report: Report = found.args[0]
            return report

    def _read(self, x: Tensor, reader: Reader | None = None, state: Any = None) -> list[Tensor]:
        """The output and the states; a report ends the check."""
        found = (reader or self.reader)(x, state)
        if isinstance(found, Report):
            raise _Told(found)
        return [one.double() for one in found]

    def _same(self, one: Tensor, two: Tensor) -> bool:
        """Whether two tensors hold the same numbers, to rounding."""
        return one.shape == two.shape and bool(((one - two).abs() <= self.limit).all())

    def _redraw(self, seed: int, biases: bool = True) -> None:
        """Draw the weights anew, an initial state being zero, and where wished the biases."""
        bringing.redraw(self.weights, self.sizes, seed)
        for name, weight in self.weights.items():
            no_weight = is_bias(weight, self.sizes) and not _PART_OF_A_WEIGHT.search(name)
            if name in self.learned or (not biases and no_weight):
                weight.zero_()

    # How it is called, and which axis is time.

    def _find_reader(self) -> None:
        """Find sizes and a call with which it runs, and where in the result h stands."""
        start, failed, late = time.process_time(), [], False
        lanes = (self.layers or 1) * (1 + (getattr(self.tried, "bidirectional", False) is True))
        dtypes = [t.dtype for t in self.weights.values()]
        dtype = torch.float32 if torch.float32 in dtypes else torch.float64
        for how, (i, h) in self.tries:
            # Odd layouts are tried where the usual one raises, and a last h where it runs; behind h
            # both are, since steps and samples may stand in one axis there.
            if how != "usual" and (how == "odd") is ((i, h) in self.ran) and not self.head:
                continue
            self.sizes = i, h
            taken = {i, h, 2 * h, 4 * h, *(n for t in self.weights.values() for n in t.shape)}
            steps = next(n for n in range(4, 99, 2) if not {n - 1, n, n + 1, n + 2} & taken)
            self.x = normals(3)(steps, steps + 1, i)
            counts = dict.fromkeys([lanes, 2, 3, 4] if needed(self.tried) > 1 else [lanes])
            for reader in chain(*(readers(self.run, h, count, dtype) for count in counts)):
                is_usual = reader.axes in (TIME_FIRST, BATCH_FIRST)
                if is_usual is (how == "odd") or (i != 1 and "f" not in reader.axes.order):
                    continue
                result = reader.raw(self.x)
                late = time.process_time() - start > _SECONDS
                if late:
                    break
                if isinstance(result, Report):
                    if result.verdict == "not_attempted" or result.cause in FINAL:
                        raise _Told(result)
                    failed.append((reader, self.x, result))
                    continue
                if not self.ran and self._has_head(reader):
                    self.tries = self._tries()
                    return self._find_reader()
                self.ran.add((i, h))
                lasts = {"usual": [False], "last alone": [True], "odd": [False, True]}[how]
                if any(self._reads(reader, result, last_alone) for last_alone in lasts):
                    self.reader = reader
                    states = (n for n, w in self.weights.items() if w.shape[-1:] == (h,))
                    pair = {"h", "c"} & self.weights.keys()
                    self.learned = [n for n in states if _LEARNED.match(n) or {n} < pair]
                    return None
                if reader.axes is TIME_FIRST:
                    self._in_number(result)
                    break  # these are not its sizes
        if failed and not self.ran:
            # One that refuses tells more than an error of an odd x.
            likely = failed if failed[0][-1].judged else failed[:1]
            furthest = max(likely, key=lambda one: one[-1].reached)
            raised = furthest[-1]
            self.raised = [raised]
            if not late and any(self._is_to_blame(*one) for one in (failed[0], furthest)):
                raise _Told(raised)
            report = told("raises_first", code=self.brought)
            said, headline = f"{report.message}\n{raised.message}", raised.headline
            headline = headline or report.headline
            raise _Told(replace(report, message=said, headline=headline, cause="raised"))
        raise _Told(told("no_output", code=self.brought))

    def _runner(self, code: Any) -> Any:
        """What runs the code, or a copy of it, up to h."""
        run = partial(self.call, code) if self.call else code
        return before(self.head, code, run) if self.head else run

    def _has_head(self, reader: Reader) -> bool:
        """Whether layers stand behind h. Then they are left out."""
        if self.head or not isinstance(self.tried, nn.Module):
            return False
        self.head = head_of(self.tried, self.weights, lambda: reader.raw(self.x))
        if self.head:
            self.run = self._runner(self.tried)
            for name in self.head.weights:
                del self.weights[name]
        return self.head is not None

    def _is_to_blame(self, reader: Reader, x: Tensor, raised: Report) -> bool:
        """Whether an error is no matter of an odd x: its sizes are told, or a cell has read it, or
        a wider one gets less far."""
        if raised.verdict != "raises" or needed(self.tried) > 1:
            return False
        if any(isinstance(self.tried.get_submodule(name), nn.Linear) for name in self.passed):
            return False  # x is of another width behind it
        # It may be right for another number of steps, along whichever axis they are.
        longer = [reader.raw(torch.cat([x, x], axis)) for axis in (0, 1)]
        same = [isinstance(one, Report) and one.message == raised.message for one in longer]
        if not any(same):
            return False
        wider = reader.raw(torch.cat([x, x], 2))
        less_far = isinstance(wider, Report) and wider.reached < raised.reached
        reached: list[Any] = []
        with noting(dict(enumerate(self._torch_cells())), lambda name, _: reached.append(name)):
            reader.raw(x)
        return all(self.told) or bool(reached) or (all(same) and less_far)

    def _torch_cells(self) -> list[Any]:
        modules = self.tried.modules() if isinstance(self.tried, nn.Module) else ()
        return [part for part in modules if isinstance(part, (nn.LSTM, nn.LSTMCell))]

    def _tries(self) -> Iterator[tuple[str, Sizes]]:
        """In every likely size the usual layouts of x, odd ones, and those of a last h."""
        cells, own = self._torch_cells(), [*self.weights.values()]
        by_torch = [(cells[0].input_size, cells[-1].hidden_size)] if cells else []
        # An attribute may mislead, so the sizes of the weights are tried too.
        both = (bringing.likely_sizes(code, *self.told) for code in (self.tried, self.weights))
        tried = [*dict.fromkeys([*by_torch, *chain(*both)])][:200]
        dims = {size for weight in own for size in weight.shape}
        wide = {(i, h): {i, *dims, *(n - h for n in dims)} for i, h in tried}
        fit = [s for s in tried if any("h" in parts_of(own, k, s[1]) for k in wide[s])][:20]
        # Those come first that have room for such an x, too.
        fit.sort(key=lambda s: s not in by_torch and not {"x", "h"} <= parts_of(own, *s))
        told: Any = [self.told] if all(self.told) else fit or tried[:20]
        # Sizes that torch's own cells tell need no others.
        yield from product(("usual", "last alone"), [sizes for sizes in told if sizes in by_torch])
        yield from product(("usual", "last alone", "odd"), told)

    def _reads(self, reader: Reader, result: Any, last_alone: bool) -> bool:
        """Whether h stands in what came back; then it is known where."""
        reader.find_places(result, self.x, last_alone)
        if last_alone and not reader.places and reader.axes is TIME_FIRST:
            reader.axes = BATCH_FIRST  # of one step alone, no time tells
            reader.find_places(reader.raw(self.x), self.x, last_alone)
        found = reader(self.x) if reader.places else []
        hidden = self.sizes[1]
        if isinstance(found, Report) or not found or found[0].shape[-1] not in (hidden, 2 * hidden):
            return False
        exact = found[0].dtype == reader.caller.dtype == torch.float64
        self.limit = 1e-8 if exact else 1e-4
        return True

    def _in_number(self, result: Any) -> None:
        """Whether the output has fewer or more steps than x, in either layout of x."""
        axes = {"x": (*self.x.shape[:2], "1:"), "x.unbind(1)": (*self.x.shape[1::-1], ":, 1:")}
        for walk, (n, batch, cut) in axes.items():
            names = {n - 1: "fewer_steps", n + 1: "one_step_more", 2 * n: "more_steps"}
            for steps, name in names.items():
                shapes = [sorted((steps, batch, k * self.sizes[1])) for k in (1, 2)]
                if any(sorted(tensor.shape) in shapes for _, tensor in leaves(result, steps)):
                    _tell(told(name, steps=steps, n=n, walk=walk, cut=cut))

    def _settle_time(self) -> None:
        """Replace one step of one sample: time is the axis along which others change, too."""
        self._redraw(5)
        x = self.x
        base = self._read(x)[0]
        if not base.isfinite().all():
            if self._read(x.abs() + 1)[0].isfinite().all():
                _tell(told("positive_only"))
            _tell(told("not_finite", seen="NaN" if base.isnan().any() else "infinite"))
        if self.reader.last_alone and self._same(base, base[:1].expand_as(base)):
            _tell(told("first_alone"))
        if not self._same(base, self._read(x)[0]):
            seeded = [self._read(one)[0] for one in (x, -x, x) if torch.manual_seed(0)]
            if self._same(seeded[0], seeded[2]):
                _tell(told("random_initial_state"))
            on_purpose = getattr(self.owner, "stateful", False) is True
            _tell(told("stateful" if on_purpose else "state_kept"))
        for sample in (2, 0, x.shape[1] - 1):  # it may read the first or the last step alone
            changed = x.clone()
            changed[1, sample] = 0.3 - x[1, sample]
            off = (self._read(changed)[0] - base).abs().amax(-1) > self.limit
            if off.any():
                break
        steps, samples = (off.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        believed = None if self.call else getattr(self.tried, "batch_first", None)
        carries = (steps, samples) != ([1], [sample])
        if not carries and len(self.reader.outputs) > 1 and len(self.reader.places) < 2:
            _tell(told("one_step", code=self.brought))  # h and c
        # Where nothing is carried on, either may be time.
        first = steps == [1] if carries else believed is True
        if self.reader.axes in TURNED and first:
            self.reader = replace(self.reader, axes=TURNED[self.reader.axes])
            if not self._reads(self.reader, self.reader.raw(x), self.reader.last_alone):
                _tell(told("changes_with_x", code=self.brought))
        elif samples not in ([], [sample]):
            # With time as the second axis, every step from the changed one on is another there.
            if samples == [*range(sample, x.shape[1])] and steps not in ([1], [*range(1, len(x))]):
                sample, samples = 1, steps
            first, last = samples[0], samples[-1]
            _tell(told("samples_mixed", changed=sample, count=len(samples), first=first, last=last))
        if believed is {TIME_FIRST: True, BATCH_FIRST: False}.get(self.reader.axes, ...):
            _tell(told("time_batch_swapped", believed=believed, axes=self.reader.axes.said))
        self.directions = base.shape[-1] // self.sizes[1]

    def _with_state(self, lanes: int) -> Iterator[Reader]:
        """The ways to give it a state that run."""
        names = [*signature_of(self.run).parameters][1:]
        if self.call is None and not any(map(bringing.STATE.match, names)):
            return
        for reader in readers(self.run, self.sizes[1], lanes, self.reader.caller.dtype):
            is_like_it = reader.axes is self.reader.axes and reader.layered >= (lanes > 1)
            if reader.form != "x" and is_like_it:
                reader.places = self.reader.places
                if isinstance(reader(self.x[:, :3]), list):
                    yield reader

    # What each weight does.

    def _seen(self, sign: int = 1, seed: int = 6) -> tuple[Tensor, Tensor, Tensor]:
        """A short x, and the output for its first step alone and for all, all biases zero."""
        x = sign * normals(11)(3, 2, self.sizes[0])
        self._redraw(seed, biases=False)
        seen = self._read(x)[0]
        alone = self.reader(x[:1])  # which may fail where a mistake needs more steps
        return x, seen[:1] if isinstance(alone, Report) else alone[0].double(), seen

    def _by_roles(self) -> Report:
        x, first, seen = self._seen()
        if self._same(x, seen):
            return told("output_is_x")
        for fitting in (True, False):  # layers may be of other sizes than the top one
            unused = self._unused(fitting)
            kept = {n: weight for n, weight in self.weights.items() if n not in unused}
            searches = [*self._searches(kept, self.directions)]
            if searches:
                break
        later = self.directions == 1 and not self._same(first, seen[:1])  # it has seen later steps
        for joined in JOINED[self.directions] if later or self.directions == 2 else ():
            searches += self._searches(kept, 2, joined)
        if self._same(seen[:, 0], seen[:, 1]):  # a weight that was zero was no bias
            searches = []
        ways = [*((False, added) for added in (0.0, 1.0, 2.0, 0.5, 3.0, 5.0)), (True, 0.0)]
        end = time.process_time() + _SECONDS
        for (shared, added), search in product(ways, searches):
            if (shared or added) and time.process_time() > end:
                break  # the plain ways have all been tried
            search = replace(search, added=added)
            if roles := search.right(x, first, seen, shared):
                return self._right(search, roles)
        _tell(self._first_c(searches))
        if self.directions == 2:
            if self._same(*seen.chunk(2, -1)):
                _tell(told("both_forward"))
            _tell(self._one_for_both(kept, x, first, seen))
        bare = replace(self, norms=True, head=None)
        if not self.norms and has_norms(self.code) and bare.report().ok:
            return told("normed", seen=_in_code(bare.passed))
        # With one unit too much looks alike to name a mistake.
        end = time.process_time() + _SECONDS
        known = [replace(one, added=k) for k in (0.0, 1.0) for one in searches if not one.at_each]
        likely = sorted(known, key=lambda search: -len(search.lanes))
        for search in likely if self.sizes[1] > 1 else ():
            if found := search.wrong(x, first, seen, MISTAKES[self.directions], end):
                if found.verdict == "output_of_first_layer" and self._has_more_outputs():
                    return self._by_roles()
                # What fits twice is no chance.
                if not search.wrong(*self._seen(-1, 9), [found], 2 * end):
                    return self._by_cell()
                walk = f"x.unbind({at})" if (at := self.reader.axes.order.index("t")) else "x"
                if self.reader.last_alone and found.verdict == "output_one_step_late":
                    return told("last_left_out", walk=walk)
                report = found.report(seen="", walk=walk)
                return replace(report, of="LSTM") if isinstance(found.how, str) else report
        report = self._by_cell()
        left = self._unreached(unused, kept) if report.verdict == "cannot_check" else []
        if left:
            return replace(told("h_unused", names=_in_code(left)), cause="guessed")
        return report

    def _unreached(self, unused: Iterable[str], kept: Any) -> list[str]:
        """The weights of h that change nothing that comes back, beside others of their layer that
        do. A layer that changes nothing at all, or whose place another takes, is another matter."""
        beside, (_, hidden) = {*map(_layer, kept)}, self.sizes
        stems = {name: re.sub(r"\d+", "", name) for name in self.weights}
        alike = {stems[name] for name in kept}
        shapes = {w.shape for w in kept.values() if "h" in parts_of([w], *self.sizes)}
        left = [n for n in unused if _layer(n) in beside and stems[n] not in alike]
        left = [n for n in left if "h" in parts_of([self.weights[n]], 0, hidden)]
        left = [n for n in left if not shapes or self.weights[n].shape in shapes]
        self._redraw(8)
        return self._silent(left, self._along_time)

    def _silent(self, names: Iterable[str], parts: Callable[[], list[Tensor]]) -> list[str]:
        """Those weights that change none of these parts of what comes back."""
        before, silent = parts(), []
        for name in names:
            self.weights[name].add_(0.5)
            after = parts()
            self.weights[name].sub_(0.5)
            if len(after) == len(before) and all(map(self._same, after, before)):
                silent.append(name)
        return silent

    def _along_time(self) -> list[Tensor]:
        """All that comes back and has an axis of time."""
        steps, batch = self.x.shape[:2]
        found = (part for _, part in leaves(self.reader.raw(self.x), steps, batch))
        return [part.double().clone() for part in found if steps in part.shape]

    def _searches(self, kept: Any, directions: int, joined: Any = None) -> Iterator[Search]:
        counts = [self.layers] if self.layers else [1, 2, 3, 4]
        found = [*self._grouped(kept, directions, joined, counts)]
        # It may compute one layer, whatever number of them it was made with.
        yield from found or self._grouped(kept, directions, joined, [1])

    def _grouped(
        self, kept: Any, directions: int, joined: Any, counts: list[int]
    ) -> Iterator[Search]:
        trained = dict(getattr(self.tried, "named_parameters", dict)())
        own = {n: w for n, w in self.weights.items() if n in trained and n not in self.learned}
        wider = directions if not joined or "cat" in joined.how else 1
        form = directions, self.limit, 0.0, joined, directions == 2 and self.reader.last_alone
        for used, layers in product([own, kept] if own != kept else [kept], counts):
            for lanes in groupings(used, layers, directions):
                values = [[used[name] for name in lane] for lane in lanes]
                if sizes := lane_sizes(values, self.sizes, directions, wider):
                    yield Search(used, lanes, sizes, *form)

    def _one_for_both(self, kept: Any, x: Tensor, first: Tensor, seen: Tensor) -> Report | None:
        """The report that both directions take the same weights."""
        sizes = lane_sizes([[*kept.values()]], self.sizes, 1, 1) * 2
        both = Search(kept, [[*kept]] * 2, sizes, 2, self.limit) if sizes else None
        right = both and both.right(x, first, seen, shared=False)
        return told("one_for_both") if right else None

    def _unused(self, fitting: bool) -> list[str]:
        """The weights that are no bias and change nothing, such as those of a head beside, or where
        wished fit into no layer of these sizes; and an initial state."""
        (i, h), x = self.sizes, normals(14)(3, 3, self.sizes[0])
        no_biases = [n for n, weight in self.weights.items() if not is_bias(weight, self.sizes)]
        idle = self._silent(no_biases, lambda: self._read(x)[:1])
        for name, weight in self.weights.items() if fitting else ():
            fits = any(parts_of([weight], wide, h) for wide in (i, h, 2 * h))
            idle += [name] * (not fits and name not in idle)
        return [*self.learned, *idle]

    def _first_c(self, searches: Sequence[Search]) -> Report | None:
        """Whether c, and maybe h, start from a number. With all weights zero each step halves c,
        and h is tanh(c) / 2."""
        for weight in self.weights.values():
            weight.zero_()
        found, seen = self.reader(self.x), self._seen()
        c = torch.atanh(2 * found[0].double()) if isinstance(found, list) else 0 * self.x
        number = 2 * c[0, 0, 0].item()
        if number and self._same(2 * c[1:], c[:-1]):
            c_0, h_0 = (
                f"{s}_0 = {s}(k, before(k, t)) + {number} * (before(k, t) not in range(T))"
                for s in "ch"
            )
            known = [replace(WORDS["start_not_zero"], how=how) for how in (c_0, f"{c_0}; {h_0}")]
            end = time.process_time() + _SECONDS
            if any(search.wrong(*seen, known, end) for search in searches):
                return told("start_not_zero", number=f"{number:.3g}")
        return None

    def _by_cell(self) -> Report:
        """One step of one layer is a cell: let `check_cell` say which."""
        one_way = self.directions == 1 and self.sizes[1] > 1  # one unit tells too little
        for reader in islice(self._with_state(1) if one_way else (), 1):

            def step(code: Any, x: Tensor, h: Tensor, c: Tensor, reader: Reader = reader) -> Any:
                again = replace(reader, caller=replace(reader.caller, code=self._runner(code)))
                output, *states = self._read(x[None], again, (h[None], c[None]))
                if len(states) > 2 and torch.equal(states[0], states[1]):
                    del states[0]  # an output that is h
                is_h = [torch.equal(state[0], output[0]) for state in states]
                if any(is_h) or len(states) > 1:
                    output = states.pop(is_h.index(True) if any(is_h) else 0)
                return output[0], states[0][0] if states else c

            report = check_cell(self.tried, *self.sizes, call=step)
            if not report.judged or report.verdict == "raises":
                continue
            output, states, behind = self._walked(partial(step, self.tried))
            if report.ok and behind:
                return told("activation_behind", seen=behind)
            if report.ok and not output:
                return told("output_other" if states else "not_by_steps")
            if report.ok:
                walked = told("by_steps", axes=self.reader.axes.said).message
                unseen = () if states else (told("states_unread").message,)
                said = f"{report.message}\n{walked}"
                return replace(report, message=said, not_checked=unseen)
            if output and (report.verdict == "variant" or len(reader.places) > 2):
                return report
        wide = [state.shape[-1] for state in self._read(self.x)[1:3]]
        if len(wide) > 1 and wide[0] < wide[1] and not self.reader.axes.alone:
            return told("projection", seen=f"{wide[0]} features and c {wide[1]}")
        for name, part in getattr(self.tried, "named_modules", dict)():
            if isinstance(part, nn.ModuleList) and len({*part}) < len(part):
                return told("same_cell_twice", name=name, count=len(part))
        for name, step in self._steps():
            report = check_cell(step)
            if report.judged and not (report.ok or report.verdict == "raises"):
                return replace(
                    report, message=f"{report.message}\n{told('of_a_step', name=name).message}"
                )
        cells, x = self._torch_cells(), normals(14)(6, 3, self.sizes[0])
        if cells and all(isinstance(cell, nn.LSTMCell) for cell in cells):
            told_by_calls = by_calls(cells, self._read, x)
            if told_by_calls is not None:
                return replace(told_by_calls, of="LSTM")
        return told("no_roles", axes=self.reader.axes.said, code=self.brought)

    def _walked(self, step: Callable[..., Any]) -> tuple[bool, bool, str]:
        """Whether such steps one after another make the output, and the states that come back; and
        what is done to each h in the output."""
        x, steps = normals(14)(4, 3, self.sizes[0]), list[Tensor]()
        h = c = torch.zeros(3, self.sizes[1])
        for xt in x:
            h, c = step(xt, h, c)
            steps.append(h)
        (output, *states), walked = self._read(x), torch.stack(steps)
        rows = [row for state in states for row in state]
        known = bool(rows) and all(self._same(row, h) or self._same(row, c) for row in rows)
        made = (name for name, f in _BEHIND.items() if self._same(output, f(walked)))
        return self._same(output, walked), known, next(made, "")

    def _steps(self) -> Iterator[tuple[str, Any]]:
        """What of it may make one step: parts and methods of the learner's own."""
        parts = dict(getattr(self.owner, "named_modules", dict)())
        own = {n: p for n, p in parts.items() if n and not _is_torchs(p)}
        own |= {n: m for n, m in bringing.methods(self.owner).items() if "step" in n or "cell" in n}
        yield from ((name, part) for name, part in own.items() if needed(part) in (2, 3))

    # What is right.

    def _right(self, search: Search, roles: Roles) -> Report:
        roles = self._with_biases(search, roles)
        as_torch = self.handed and "w_ih" in str(search.lanes)
        buffers = bringing.has_buffers(self.weights, {*chain(*search.lanes)})
        _tell(in_the_roles(search, roles, as_torch, buffers))
        slots = {p.slot for p in (*roles.x, *roles.h, *chain(*roles.b))}
        read = {lane[slot] for lane in search.lanes for slot in slots}
        idle_layers = self._idle(read, len(read) // len(search.lanes))
        if idle_layers is not None and self._has_more_outputs():
            return self._by_roles()
        _tell(idle_layers)
        if as_torch and search.added:
            _tell(told("forget_bias_added", headline=f"{search.added:g} is added to the sum of f"))
        x = normals(12)(4, 3, self.sizes[0])
        self._redraw(7)
        seen = self._read(x)
        output, lanes = search.read(roles, x)
        if not self._same(seen[0], output[:, 0]):
            _tell(told("changes_at_last"))
        far = 40 * normals(15)(1, 8, self.sizes[0]).expand(9, -1, -1)  # there c grows at each step
        found, (output, _) = self.reader(far), search.read(roles, far)
        if isinstance(found, list) and ((found[0] - output[:, 0]).abs() > 1e-3).any():
            _tell(told("clipped"))
        start = self._start(search, roles, x)
        c_first = self.c_first or (start is not None and start.caller.named == "c h")
        wrong = in_the_states(seen[1:], lanes, search.directions, self._same, c_first)
        if self.c_first and (wrong is not None or len(seen) < 2):
            wrong = told("swapped_state")
        unread = [*self._first_unread(search, roles)]
        if wrong is not None and wrong.verdict == "states_unread":
            unread.append(wrong.message)
        else:
            _tell(wrong)
        # `squeeze(0)` takes off the axis of layers, if it is there.
        alone = [one(x[:, :1]) for one in (self.reader, replace(self.reader, layered=True))]
        ran = [one[0].double() for one in alone if isinstance(one, list)]
        if not any(self._same(output, seen[0][:, :1]) for output in ran):
            _tell(told("squeeze_batch_of_one"))
        if self.backward is None:
            _tell(self._cut_gradient(search, roles, x))
        else:
            reader = start or self.reader
            _tell(wrong_by_hand(reader, start is not None, search, roles, x, self.backward))
        layers = {"layers": len(search.lanes) // search.directions, "directions": search.directions}
        if not buffers:
            known = read | {*self.learned}
            unread += bringing.unused(name for name in self.weights if name not in known)
        others = (*unread, *self._not_checked(start))
        if search.joined:
            return replace(search.joined.report(layers, others), of="LSTM")
        lstm = search.as_torch(roles, self.original, self.reader.axes is BATCH_FIRST)
        said = [self._described(search, roles, start), self._dropout(search, roles)]
        said += [told("as_torch").message] * (lstm is not None)
        return Report("ok", "\n".join(filter(None, said)), layers, others, lstm=lstm)

    def _first_unread(self, search: Search, roles: Roles) -> Iterable[str]:
        """What stands first in what comes back and is no output: its numbers may be the h of every
        step, laid out otherwise, or x."""
        reader = self.reader
        path, first = next(leaves(reader.raw(self.x), *self.x.shape[:2]))
        if self.head or not reader.last_alone or path == reader.places[0].path:
            return []
        output = search.read(roles, self.x)[0][:, 0]
        wanted = [dict(zip("tbf", output.shape, strict=True))[axis] for axis in reader.axes.order]
        holes = {"shape": [*first.shape], "wanted": wanted, "time": reader.axes.order.index("t")}
        for name, numbers in {"output_otherwise": output, "output_is_x": self.x}.items():
            off = (first.double().reshape(-1, 1) - numbers.reshape(1, -1)).abs().amin(1)
            # Fewer may be alike by chance; those of a packed output have one axis for all steps.
            if len(off) > 9 and "data" not in path and (off < self.limit).all():
                _tell(told(name, lib="np" if reader.caller.numpy else "torch", **holes))
        return [told("first_unread", **holes).message]

    def _has_more_outputs(self) -> bool:
        """Whether the outputs of several layers come back; then the last one counts from now on."""
        outputs, states = self.reader.outputs, self.reader.places[1:]
        if len(outputs) > 1:
            self.reader = replace(self.reader, places=(outputs[-1], *states), outputs=())
        return len(outputs) > 1

    def _idle(self, used: set[str], each: int) -> Report | None:
        """Layers of so many weights `each` that change nothing, beside others called so that do."""
        layers, stems = {*map(_layer, used)}, {*map(_unnumbered, used)}
        alike = [n for n in self.weights if n not in used and _unnumbered(n) in stems]
        self._redraw(8)
        alike = self._silent(alike, self._along_time) if len(alike) % each == 0 else []
        names = dict.fromkeys(_layer(n) or n if _layer(n) not in layers else n for n in alike)
        return told("idle", names=_in_code(names)) if names else None

    def _not_checked(self, start: Reader | None) -> Iterator[str]:
        if self.passed:
            yield f"what your module does with {_in_code(self.passed)}, which was left out"
        if self.head:
            yield f"what your module makes of h of the top layer, from `{self.head.name}` on"
        if self.learned:
            yield f"the initial state that it learns, {_in_code(self.learned)}"
        if self.misread:
            yield told("start_misread").message
        elif start is None:
            yield "what it does with an initial state other than zeros"

    def _with_biases(self, search: Search, roles: Roles) -> Roles:
        """The roles with the biases, which are drawn one after the other."""
        x, fed = normals(13)(2, 3, self.sizes[0]), roles.b
        for slot in search.biases():
            self._redraw(8, biases=False)
            for k, lane in enumerate(search.lanes):
                weight = self.weights[lane[slot]]
                weight.copy_(normals(30 + k)(*weight.shape))
            found = search.find_bias(roles, slot, x, self._read(x)[0])
            if found is None:
                name = search.lanes[0][slot]
                lanes = [[*own[:slot], name, *own[slot + 1 :]] for own in search.lanes]
                for_all = replace(search, lanes=lanes)
                if for_all.find_bias(roles, slot, x, self._read(x)[0]):
                    _tell(told("bias_for_all", name=name, other=search.lanes[-1][slot]))
                raise _Told(self._by_cell())
            fed = tuple(one + more for one, more in zip(fed, found.b, strict=True))
        return replace(roles, b=fed)

    def _start(self, search: Search, roles: Roles, x: Tensor) -> Reader | None:
        """Give it a state, where it takes one: how it is called then."""
        if len({*(hidden for _, hidden in search.sizes)}) > 1:
            return None  # its states do not fit into one tensor
        h, c = normals(21)(2, len(search.lanes), x.shape[1], self.sizes[1]).tanh()
        holes = {"h": h, "c": c, "w": search.directions, "torch": torch}
        found, turned = None, None
        for reader in self._with_state(len(search.lanes)):
            given = reader(x, (h, c))
            if isinstance(given, Report):
                continue
            self.misread = True
            for mistake in (None, *STARTS):
                how = mistake.how.partition(" = ")[2] if mistake else "h, c"
                start = zip(*eval(how, holes), strict=True)
                output, _ = search.read(roles, x, [*start])
                if self._same(given[0], output[:, 0]):
                    takes_h = reader.form == "x h" and how == "h, 0 * c" and not found
                    if mistake is None or takes_h:
                        self.misread = False
                        return reader
                    found, turned = found or mistake, turned or reader
        self.c_first = found is not None and found.verdict == "swapped_state"
        self.misread = self.misread and not found
        if found and not self.c_first:
            _tell(found.report())
        return turned

    def _cut_gradient(self, search: Search, roles: Roles, x: Tensor) -> Report | None:
        """The first gradient of a module that is not nn.LSTM's."""
        trained = dict(getattr(self.tried, "named_parameters", dict)())
        own = {n: p for n, p in trained.items() if n in search.weights and p.requires_grad}
        pull, right, _ = gradients(search, roles, x)
        with torch.enable_grad():
            output = self._read(x)[0]
        got: Any = [None] * len(own)
        if own and output.requires_grad:
            try:
                got = torch.autograd.grad(output, [*own.values()], pull, allow_unused=True)
            except RuntimeError as error:
                return told("backward_raises", error=str(error).partition(":")[0])
        for name, mine in zip(own, got, strict=True):
            its = right[name]
            if its is not None and mine is None:
                return told("no_gradient", name=name)
            # A sum over all steps is less exact than each of them.
            if its is not None and not self._same(mine / 100, its / 100):
                return told("other_gradient", name=name)
        return None

    def _dropout(self, search: Search, roles: Roles) -> str:
        """Where dropout stands, which doubles meanwhile; a report ends the check where that is
        inside the recurrence."""
        module, x = self.owner, normals(24)(3, 2, self.sizes[0])
        right = self._read(x)[0]

        def trained(factor: float) -> tuple[Tensor, bool]:
            """The output in training, where dropout is this factor, and whether there is any."""
            module.train()
            with WithoutDropout(factor) as dropout:
                found = self.reader(x)
            module.eval()
            return found[0].double() if isinstance(found, list) else right, dropout.seen

        doubled, seen = trained(2.0) if isinstance(module, nn.Module) else (right, False)
        if not seen:
            return ""
        known = self._same(trained(1.0)[0], right) and not self._same(doubled, right)
        places = {
            "x": "first = 2 * x[t]",
            "the output": "output = 2 * output",
            "the h of the step before": "h_0 = 2 * h(k, before(k, t))",
            "the c of the step before": "c_0 = 2 * c(k, before(k, t))",
            "the way up between layers": "up = 2 * out(k - k % w - 1, t)",
        }
        some = chain(*(combinations(places, n) for n in range(1, len(places) + 1)))
        for names in some if known and not search.at_each else ():
            how = "; ".join([f"w = {search.directions}", *(places[name] for name in names)])
            output, _ = wired(how)(search.cells((roles,)), x)
            if self._same(doubled, output[:, 0]):
                if any(name.endswith("before") for name in names):
                    raise _Told(told("dropout_inside", where=listed(names)))
                between = names == ("the way up between layers",)
                name = "dropout_between" if between else "dropout_at"
                return told(name, where=listed(names)).message
        return told("dropout").message

    def _described(self, search: Search, roles: Roles, start: Reader | None) -> str:
        names, both = search.lanes[0], " in both directions" * (search.directions - 1)
        fed = [f"{gate} from `{names[p.slot]}`" for gate, p in zip(GATES, roles.x, strict=True)]
        gates = f"Each gate has weights of its own: {', '.join(fed)}."
        if len({p.slot for p in roles.x}) == 1:
            order = sorted(GATES, key=lambda gate: roles.x[GATES.index(gate)].block)
            other = ", as in nn.LSTM" if order == [*GATES] else "; nn.LSTM's is i, f, g, o"
            if roles.x[0].interleaved:
                other = (
                    ", row by row in turn; nn.LSTM has all rows of i first, then those of f, g, o"
                )
            gates = f"The gates stand in the order {', '.join(order)}{other}."
        biases = ("no bias", "one bias", "two biases")[min(2, max(map(len, roles.b)))]
        adds = f", and adds {search.added:g} to the sum of f" if search.added else ""
        two = "" if biases == "two biases" else "; nn.LSTM has two, and only their sum matters"
        trained = isinstance(self.tried, nn.Module) or self.backward is not None
        layers, (wide, hidden) = len(search.lanes) // search.directions, self.sizes
        said = [
            f"It computes what nn.LSTM computes{', with the same gradients' * trained}: "
            f"{layers} layer{'s' * (layers > 1)}{both}, tried with input_size {wide} and "
            f"hidden_size {hidden}. x is {self.reader.axes.said}.",
            f"{gates} It has {biases}{adds}{two}.",
        ]
        is_module = isinstance(self.tried, nn.Module) and not self.call
        if is_module and (loose := bringing.loose(self.tried, search.weights)):
            but = told("plain_tensors", seen=_in_code(loose[:3])).message
            said.insert(0, f"The numbers are right, but {but}")
        ends = any(place[2:] == (0, 2) and place.time is None for place in self.reader.places[1:])
        if ends and start and start.layered and "b" in start.axes.order.replace("fb", ""):
            said.insert(0, told("batch_first_state").message)
        if self.reader.form != "x" and needed(self.tried) == 1 and not self.call:
            said.insert(0, told("needs_state").message)
        if self.c_first:
            said.append(bringing.said("c_first"))
        if (start or self.reader).lists:
            said.append(told("lists").message)
        if (axes := self.reader.turn_back) and not self.call:
            said.insert(0, told("comes_out_turned", axes=axes).message)
        if self.reader.alone and not self.call:
            what = "the last step of the output" if self.reader.last_alone else "the output"
            said.append(f"Mind that {what} is returned alone, so nobody can go on from its state.")
        if self.layers and self.layers != layers:
            said.insert(1, told("other_layers", count=self.layers, layers=layers).message)
        each = [str(own) for _, own in search.sizes[:: search.directions]]
        if len({*each}) > 1:
            said.insert(1, told("sizes_differ", sizes=listed(each)).message)
        return "\n".join(said)
