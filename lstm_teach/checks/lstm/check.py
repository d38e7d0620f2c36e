"""Is this a whole LSTM, and if not, what went wrong?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import (
    Sizes,
    likely_sizes,
    make,
    normals,
    on_the_cpu,
    owned,
    redraw,
    signature_of,
    to_try,
    unwrapped,
)
from lstm_teach.checks.cell import check_cell
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.mistakes import FORMS, WORDS
from lstm_teach.checks.lstm.backward import wrong_gradient
from lstm_teach.checks.lstm.forms import BATCH_FIRST, TIME_FIRST, Reader, at, leaves, readers
from lstm_teach.checks.lstm.mistakes import (
    BOTH_WAYS,
    ONE_WAY,
    in_the_roles,
    in_the_states,
    in_time,
    told,
)
from lstm_teach.checks.lstm.roles import Roles, Search, flat, groupings, is_bias, pieces, read
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace

_TRIED: Sizes = 7, 3
_LAYERS = re.compile(r"(num|n)_?layers?$|layers$|depth$")
_STATE = re.compile(r"_?(h|c|a|state|init|prev|s\d?$|carry|memory|zero)", re.IGNORECASE)
_WEIGHT = {
    "b": re.compile(r"b(ias)?(_|$|ih|hh|[xh])", re.IGNORECASE),
    "x": re.compile(r"(w|weight|kernel)s?_?(x|ih|xh|i2h|in|x2h|i)$|kernel$", re.IGNORECASE),
    "h": re.compile(r"(w|weight|u|kernel)s?_?(h|hh|h2h|hr|rec)$|u$|recurrent", re.IGNORECASE),
}
_CALL = (
    "Tell the check how to run it: `check_lstm(lstm, call=lambda lstm, x: lstm(x))`, where x is "
    "`[seq_len, batch, input_size]` and what you return is its output, or `output, (h_n, c_n)`; or "
    "`call=lambda lstm, x, h, c: lstm(x, (h, c))`, with h and c `[batch, hidden_size]`."
)
_HEAD = (
    "a layer seems to stand after h",
    "The check reads the h of every step, before that layer: `check_lstm(model, call=lambda model, "
    "x: model.lstm(x))`, with the name that your LSTM has in the model. x is `[seq_len, batch, "
    "input_size]`.",
)
_OF_A_STACK = "output_one_step_late", "last_step_only", "cannot_check"
_SECONDS = {False: 2.0, True: 0.3}  # for finding a call; where a layer stands after h, few
_MOST_WEIGHTS = 2_000_000


class _Told(Exception):
    """The report is clear."""

    def __init__(self, report: Report) -> None:
        self.report = report


def _tell(report: Report | None) -> None:
    """End the check here, where there is a report."""
    if report is not None:
        raise _Told(report)


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
            output and the last state, in nn.LSTM's or another usual form.
        input_size: for what does not tell it, and for code of one size only.
        hidden_size: likewise.
        call: how to run it where it is not called in a usual way: `call(lstm, x)`, or `call(lstm,
            x, h, c)` where it can be given a state; x is `[seq_len, batch, input_size]`, h and c
            `[batch, hidden_size]`.
        backward: a backward pass written by hand, `backward(d_output, cache)`: the gradient at the
            output, laid out as the output, and the last thing that the call returned. It returns
            the gradients of the weights, and of x and h_0 if it has them, as a tuple or a dict:
            `check_lstm(lstm_forward, backward=lstm_backward)` for functions `(x, h0, Wx, Wh, b)
            -> h, cache` and `(dh, cache) -> dx, dh0, dWx, dWh, db`.

    Returns:
        A report. Where the verdict is "ok", `report.as_torch()` is an nn.LSTM that computes the
        same. It never raises because of the LSTM.
    """
    code = unwrapped(lstm)
    if code is None or code is ...:
        return Report("not_attempted", "There is no LSTM yet: give the check your class.")
    for kind, name in ((nn.GRU, "gru"), (nn.RNN, "rnn"), (nn.LSTM, "projection")):
        same = isinstance(code, kind) or (isinstance(code, type) and issubclass(code, kind))
        if same and (kind is not nn.LSTM or getattr(code, "proj_size", None)):
            return WORDS[name].report(seen="fewer features than c")
    if not (call or callable(code)):
        code = getattr(code, "forward", code)  # of a plain class, as in NumPy
    if not (call or callable(code)) or isinstance(code, (nn.LSTMCell, Tensor)):
        return _cannot("this does not read a sequence", f"`check_cell` is for one step. {_CALL}")
    sizes = input_size or _TRIED[0], hidden_size or _TRIED[1]
    if isinstance(code, type):
        torch.set_default_dtype(torch.float64)
        layers = [n for n in signature_of(code).parameters if _LAYERS.match(n)][:1]
        made = make(partial(code, **dict.fromkeys(layers, 2)) if layers else code, *sizes)
        if isinstance(made, Report):
            return made
        made = made if call or callable(made) else getattr(made, "forward", made)
        return _Check(made, sizes, call, backward, 2 if layers else None).report()
    first = None
    for handed in [] if call else _with_weights(code, sizes):
        report = _Check(handed, sizes, None, backward, handed=True).report()
        if report.verdict not in ("raises", "cannot_check"):
            return report
        first = first or report
    return first or _Check(code, (input_size, hidden_size), call, backward).report()


def _cannot(headline: str, message: str) -> Report:
    return Report("cannot_check", message, headline=headline)


def _with_weights(function: Any, sizes: Sizes) -> Iterator[Callable[..., Any]]:
    """A function that is handed its weights, with weights: in PyTorch's layout, or turned."""
    signature = signature_of(function)
    names = [*signature.parameters][1:] if isinstance(function, FunctionType) else []
    part_of = {n: part for n in names for part, like in _WEIGHT.items() if like.match(n)}
    if not {"x", "h"} <= {*part_of.values()}:
        return
    others = [p for p in signature.parameters.values() if p.name not in part_of]
    kept = signature.replace(parameters=others)

    def handed(*args: Any, weights: Any, **kwargs: Any) -> Any:
        return function(**kept.bind(*args, **kwargs).arguments, **weights)

    shapes = {"x": (4 * sizes[1], sizes[0]), "h": (4 * sizes[1], sizes[1]), "b": (4 * sizes[1],)}
    likely = bool({"np", "numpy"} & {*function.__code__.co_names})  # then they are turned, mostly
    for numpy, turned in product((likely, not likely), (likely, not likely)):
        tensors = {
            n: torch.ones(shapes[part][:: 1 - 2 * turned]).double() for n, part in part_of.items()
        }
        run = partial(handed, weights={n: t.numpy() if numpy else t for n, t in tensors.items()})
        run.__signature__ = kept  # type: ignore[attr-defined]
        yield run


@dataclass
class _Check:
    """The check of one LSTM that can be called."""

    code: Any
    told: tuple[int | None, int | None]
    call: Any
    backward: Any
    layers: int | None = None
    handed: bool = False
    limit: float = 1e-8

    def report(self) -> Report:
        """What is wrong, from the outside in: the first thing."""
        original = on_the_cpu(owned(*filter(None, (self.code, self.call))))
        if sum(weight.numel() for weight in original.values()) > _MOST_WEIGHTS:
            said = "Give the check the class, or a small one, such as `YourLSTM(5, 4)`."
            return _cannot("it has more weights than the check can try in a second", said)
        self.original = {name: weight.clone() for name, weight in original.items()}
        with to_try(self.code) as self.tried, torch.no_grad():
            self.weights = owned(*filter(None, (self.tried, self.call)))
            try:
                self._find_reader()
                self._settle_time()
                self._whole()
                return self._by_roles()
            except _Told as found:
                return found.report

    def _run(self, x: Tensor, reader: Reader | None = None, state: Any = None) -> list[Tensor]:
        found = (reader or self.reader)(x, state)
        if isinstance(found, Report):
            raise _Told(found)
        return [one.double() for one in found]

    def _same(self, one: Tensor, two: Tensor) -> bool:
        return one.shape == two.shape and bool(((one - two).abs() <= self.limit).all())

    def _redraw(self, seed: int, biases: bool = True) -> None:
        redraw(self.weights, self.sizes, seed)
        for weight in self.weights.values():
            if not biases and is_bias(weight, self.sizes):
                weight.zero_()

    # How it is called, and which axis is time.

    def _find_reader(self) -> None:
        start, failed, narrow, head = time.process_time(), [], False, False
        layers = self.layers or _attribute(self.tried, _LAYERS) or 1
        lanes = layers * (1 + (getattr(self.tried, "bidirectional", False) is True))
        dtypes = [t.dtype for t in self.weights.values()]
        dtype = torch.float32 if torch.float32 in dtypes else torch.float64
        for i, h in self._sizes():
            self.sizes = i, h
            taken = {i, h, 2 * h, 4 * h, *(n for t in self.weights.values() for n in t.shape)}
            steps = next(n for n in range(4, 99, 2) if not {n - 1, n, n + 1, n + 2} & taken)
            self.x = normals(3)(steps, steps + 1, i)
            for reader in readers(self.tried, self.call, h, lanes):
                reader.caller.dtype = dtype
                result = reader.raw(self.x)
                if isinstance(result, Report):
                    if result.verdict == "not_attempted":
                        raise _Told(result)
                    failed.append(result)
                elif self._reads(reader, result):
                    if head and self._unused(self.sizes):
                        _tell(_cannot(*_HEAD))
                    self.reader = reader
                    return
                else:
                    narrow, head = True, head or bool(reader.places)
                    if reader.axes is TIME_FIRST:
                        self._in_number(result)
                        break  # these are not its sizes; x in odd forms may crash nn.LSTMCell
                if time.process_time() - start > _SECONDS[head]:
                    break
            if time.process_time() - start > _SECONDS[head]:
                break
        if head:
            _tell(_cannot(*_HEAD))
        if failed and not narrow and all(self.told) and not _needed(self.tried)[1:]:
            raise _Told(failed[0])
        said = "Every h is needed, `hidden_size` wide: return it from before any layer behind it. "
        if failed and not narrow:
            said = f"The usual calls raise an error, the first one:\n{failed[0].message}\n"
        _tell(_cannot("no usual call gives h at every step", said + _CALL))

    def _sizes(self) -> list[Sizes]:
        if all(self.told):
            return [self.told]  # type: ignore[list-item]

        # An attribute may mislead, so the sizes of the weights are tried too.
        both = [s for code in (self.tried, self.weights) for s in likely_sizes(code, *self.told)]
        tried = [*dict.fromkeys(both)][:200]

        def unlikely(sizes: Sizes) -> tuple[Any, ...]:
            own = [flat(weight, sizes) for weight in self.weights.values()]
            reads_h = any("h" in p.joined for k in (1, 2) for p in pieces(own, k, sizes[1]))
            reads_h |= any("h" in p.joined for p in pieces(own, *sizes))
            return not reads_h, len(self._unused(sizes)), sizes != both[0], -sizes[1]

        return sorted(tried, key=unlikely)[:20]

    def _unused(self, sizes: Sizes) -> list[str]:
        """The weights that would have no use for these sizes, in the first layer or above it."""
        i, h = sizes
        own = {name: flat(weight, sizes) for name, weight in self.weights.items()}
        return [n for n, w in own.items() if not any(pieces([w], k, h) for k in (i, h, 2 * h))]

    def _reads(self, reader: Reader, result: Any) -> bool:
        (steps, batch), widths = self.x.shape[:2], {self.sizes[1], 2 * self.sizes[1]}
        reader.find_places(result, steps, batch, widths)
        found = reader(self.x) if reader.places else []
        if isinstance(found, Report) or not found or found[0].shape[-1] not in widths:
            return False
        self.limit = 1e-8 if found[0].dtype == torch.float64 else 1e-4
        return True

    def _in_number(self, result: Any) -> None:
        """Whether the output has fewer or more steps than x, in either layout of x."""
        for n, batch in (self.x.shape[:2], self.x.shape[1::-1]):
            for steps in (n - 1, n + 1, 2 * n):
                for path in leaves(result, steps):
                    shape = sorted(at(result, path).shape)
                    if any(shape == sorted((steps, batch, k * self.sizes[1])) for k in (1, 2)):
                        verdict = "steps_dropped" if steps < n else "steps_doubled"
                        _tell(told(verdict, f"the output has {steps} time steps, x has {n}"))

    def _settle_time(self) -> None:
        """Replace one step of one sample: time is the axis along which others change, too."""
        self._redraw(5)
        x = self.x
        base = self._run(x)[0]
        if not self._same(base, self._run(x)[0]):
            seeded = [self._run(one)[0] for one in (x, -x, x) if torch.manual_seed(0)]
            if self._same(seeded[0], seeded[2]):
                _tell(told("random_initial_state", "something is drawn at random in each call"))
            _tell(told("state_kept", "the state of the last call is kept"))
        for sample in (2, 0):
            changed = x.clone()
            changed[1, sample] = 0.3 - x[1, sample]
            off = (self._run(changed)[0] - base).abs().amax(-1) > self.limit
            steps, samples = (off.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
            if steps:
                break
        believed = getattr(self.tried, "batch_first", None)
        # Where nothing is carried on, either may be time.
        first = believed is True if (steps, samples) == ([1], [sample]) else steps == [1]
        if self.reader.axes is TIME_FIRST and first:
            self.reader = replace(self.reader, axes=BATCH_FIRST)
            if not self._reads(self.reader, self.reader.raw(x)):
                _tell(_cannot("what comes back changes with the size of x", _CALL))
        elif samples not in ([], [sample]):
            reached = {f"of sample {sample} of x depend the samples": samples}
            _tell(told("samples_mixed", "one sample sees another", reached))
        walks = {TIME_FIRST: False, BATCH_FIRST: True}.get(self.reader.axes, believed)
        if believed in (True, False) and walks is not believed:
            said = f"`batch_first` is {believed}, but x is read as {self.reader.axes.said}"
            _tell(told("time_batch_swapped", said))

    # Which step of x reaches which step of the output.

    def _whole(self) -> None:
        steps = self.x.shape[0]
        x = self.x[:, -1:].repeat(1, steps + 1, 1)
        x[range(steps), range(steps)] = 0.3 - x[range(steps), range(steps)]
        output = self._run(x)[0]
        self.directions = output.shape[-1] // self.sizes[1]
        if self.directions == 2 and not any(self._searches()):
            _tell(_cannot(*_HEAD))  # two directions have two sets of weights
        reached = (output[:, :-1] - output[:, -1:]).abs() > self.limit / 100
        halves = [half.any(-1) for half in reached.chunk(self.directions, -1)]
        wrong = in_time(halves)
        if wrong is None:
            return
        if halves[0].all() and not self._same(output[0], output[-1]):
            said = "Does it join two directions by a sum? The check wants them side by side. "
            wrong = _cannot("every step of the output has seen all of x", said + _CALL)
        several = self.layers or _attribute(self.tried, _LAYERS)
        if wrong.verdict == "unrecognised" or (several and wrong.verdict in _OF_A_STACK):
            deeper = self._by_roles()  # a cell or a stack may be so, too
            wrong = wrong if deeper.verdict in ("cannot_check", "ok") else deeper
        _tell(wrong)

    # What each weight does.

    def _by_roles(self) -> Report:
        x = normals(11)(3, 3, self.sizes[0])
        self._redraw(6, biases=False)
        seen = self._run(x)[0]
        alone = self.reader(x[:1])  # which may fail where a mistake needs more steps
        first = seen[:1] if isinstance(alone, Report) else alone[0]
        searches = [*self._searches()]
        if self._same(seen[:, 0], seen[:, 1]):  # a weight that was zero was no bias
            return self._by_cell()
        for added, search in product((0.0, 1.0, 2.0, 0.5, 3.0, 5.0), searches):
            search = replace(search, added=added)
            if roles := search.right(x, first, seen, shared=False):
                return self._right(search, roles)
        known = [*(BOTH_WAYS if self.directions == 2 else ONE_WAY), *FORMS]
        # With one unit too much looks alike to name a mistake.
        for search in searches if self.sizes[1] > 1 else ():
            if found := search.wrong(x, first, seen, known):
                self._redraw(9, biases=False)  # what fits twice is no chance
                again = self._run(-x)[0]
                first = again[:1] if isinstance(alone, Report) else self._run(-x[:1])[0]
                if search.wrong(-x, first, again, [found]):
                    return found.report(seen="")
                return self._by_cell()
        for search in searches:
            if roles := search.right(x, first, seen, shared=True):
                return self._right(search, roles)
        return self._by_cell()

    def _searches(self) -> Iterator[Search]:
        unused = self._unused(self.sizes)
        kept = {name: weight for name, weight in self.weights.items() if name not in unused}
        trained = dict(getattr(self.tried, "named_parameters", dict)())
        own = {name: w for name, w in kept.items() if name in trained}
        for weights in (own, kept) if own != kept else (kept,):
            told = self.layers or _attribute(self.tried, _LAYERS)
            for layers in [told] if told else [1, 2, 3, 4]:
                for lanes in groupings(weights, layers, self.directions):
                    search = Search(weights, lanes, self.sizes, self.directions, self.limit)
                    if {"x", "h"} <= {part for p in search.pieces for part in p.joined}:
                        yield search

    def _by_cell(self) -> Report:
        """One step of one layer is a cell: let `check_cell` say which."""
        one_way = self.directions == 1 and self.sizes[1] > 1  # one unit tells too little
        for reader in islice(self._with_state(1) if one_way else (), 1):

            def step(code: Any, x: Tensor, h: Tensor, c: Tensor, reader: Reader = reader) -> Any:
                taken = partial(self.call, code) if self.call else code
                again = replace(reader, caller=replace(reader.caller, code=taken))
                found = self._run(x[None], again, (h[None], c[None]))
                return found[1][0], found[2][0]

            report = check_cell(self.tried, *self.sizes, call=step)
            if report.verdict not in ("cannot_check", "raises", "ok", "not_attempted"):
                return report
        return _cannot(
            "what each weight does could not be read",
            f"x is {self.reader.axes.said}, and each step of it reaches the steps of the output "
            "that it should. But no usual way to use the weights gives these numbers. Bring one "
            "step of it to `check_cell`, which knows more mistakes and other kinds. Where a layer "
            f"stands after h, return the h before it. {_CALL}",
        )

    def _with_state(self, lanes: int) -> Iterator[Reader]:
        """The ways to give it a state that run."""
        function = self.call or getattr(self.tried, "forward", self.tried)
        names = [*signature_of(function).parameters][1 + bool(self.call) :]
        if self.call is None and not any(map(_STATE.match, names)):
            return
        zeros = torch.zeros(lanes, 3, self.sizes[1], dtype=torch.float64)
        for reader in readers(self.tried, self.call, self.sizes[1], lanes):
            if (
                reader.form != "x"
                and reader.axes is self.reader.axes
                and reader.layered >= (lanes > 1)
            ):
                reader.caller.dtype = self.reader.caller.dtype
                reader.places = self.reader.places
                if isinstance(reader(self.x[:, :3], (zeros, zeros)), list):
                    yield reader

    # What is right.

    def _right(self, search: Search, roles: Roles) -> Report:
        roles = self._with_biases(search, roles)
        as_torch = self.handed and "w_ih" in str(search.lanes)
        _tell(in_the_roles(search, roles, as_torch))
        if as_torch and search.added:
            said = f"{search.added:g} is added to the sum of f"
            _tell(replace(WORDS["forget_bias_added"], headline=said).report())
        x = normals(12)(4, 3, self.sizes[0])
        self._redraw(7)
        seen = self._run(x)
        output, lanes = read(search.cells((roles,)), x, self.directions)
        if not self._same(seen[0], output[:, 0]):
            _tell(told("unrecognised", "three steps are an LSTM's, and the fourth is not"))
        start = self._start(search, roles, x)
        places = zip(self.reader.places, seen, strict=True)
        states = [value for place, value in places if place.time is None]
        if start and start.caller.named == "c h":
            states = [*states[1::-1], *states[2:]]
        _tell(in_the_states(states, lanes, self.directions, self._same))
        alone = self.reader(x[:, :1])
        if isinstance(alone, Report) or not self._same(alone[0], seen[0][:, :1]):
            _tell(told("squeeze_batch_of_one", "a batch of one sample breaks it"))
        _tell(wrong_gradient(self.tried, start or self.reader, search, roles, x, self.backward))
        return Report(
            "ok",
            self._described(search, roles),
            {"layers": len(search.lanes) // self.directions, "directions": self.directions},
            ("how it goes on from another state than zeros",) if start is None else (),
            lstm=search.as_torch(roles, self.original, self.reader.axes is BATCH_FIRST),
        )

    def _with_biases(self, search: Search, roles: Roles) -> Roles:
        """The roles with the biases, which are drawn one after the other."""
        x, fed = normals(13)(2, 3, self.sizes[0]), roles.b
        for slot in search.biases():
            self._redraw(8, biases=False)
            for k, lane in enumerate(search.lanes):
                weight = self.weights[lane[slot]]
                weight.copy_(normals(30 + k)(*weight.shape))
            found = search.find_bias(roles, slot, x, self._run(x)[0])
            if found is None:
                raise _Told(self._by_cell())
            fed = tuple(one + more for one, more in zip(fed, found.b, strict=True))
        return replace(roles, b=fed)

    def _start(self, search: Search, roles: Roles, x: Tensor) -> Reader | None:
        """Give it a state, where it takes one: how it is called then."""
        h, c = normals(21)(2, len(search.lanes), x.shape[1], self.sizes[1]).tanh()
        ignored = {"h": (0 * h, c), "c": (h, 0 * c), "state": (0 * h, 0 * c)}
        found = None
        for reader in self._with_state(len(search.lanes)):
            given = reader(x, (h, c))
            for name, start in {"": (h, c), "c, h": (c, h), **ignored}.items():
                output, _ = read(search.cells((roles,)), x, self.directions, start)
                if isinstance(given, list) and self._same(given[0], output[:, 0]):
                    if not name or (name == "c" and reader.form == "x h" and not found):
                        reader.verified = True
                        return reader
                    found = found or name
        if found == "c, h":
            _tell(told("swapped_state", "the state that it is given is read as (c, h)"))
        if found:
            _tell(told("initial_state_ignored", f"the {found} that it is given is ignored"))
        return None

    def _described(self, search: Search, roles: Roles) -> str:
        names, both = search.lanes[0], " in both directions" * (self.directions - 1)
        fed = [f"{gate} from `{names[p.slot]}`" for gate, p in zip(GATES, roles.x, strict=True)]
        gates = f"Each gate has weights of its own: {', '.join(fed)}."
        if len({p.slot for p in roles.x}) == 1:
            order = [
                gate for _, gate in sorted(zip([p.block for p in roles.x], GATES, strict=True))
            ]
            stand = f"The gates stand in the order {', '.join(order)}"
            gates = (
                f"{stand}, as in nn.LSTM."
                if order == [*GATES]
                else f"{stand}; nn.LSTM's is i, f, g, o."
            )
        biases = ("no bias", "one bias", "two biases")[min(2, max(map(len, roles.b)))]
        adds = f", and adds {search.added:g} to the sum of f" if search.added else ""
        two = "; nn.LSTM has two, and only their sum matters"
        trained = isinstance(self.tried, nn.Module) or self.backward is not None
        layers = len(search.lanes) // self.directions
        return (
            f"It computes what nn.LSTM computes{', with the same gradients' * trained}: "
            f"{layers} layer{'s' * (layers > 1)}{both}. x is {self.reader.axes.said}.\n"
            f"{gates} It has {biases}{adds}{'' if biases == 'two biases' else two}.\n"
            "`report.as_torch()` is an nn.LSTM with these weights."
        )


def _attribute(code: Any, pattern: re.Pattern[str]) -> int | None:
    own = getattr(getattr(code, "__self__", code), "__dict__", {})
    found = [v for name, v in own.items() if pattern.match(name) and type(v) is int and v > 0]
    return found[0] if found else None


def _needed(code: Any) -> list[str]:
    """The arguments that have to be given."""
    parameters = signature_of(getattr(code, "forward", code)).parameters.values()
    return [
        p.name for p in parameters if p.default is p.empty and not p.kind.name.startswith("VAR")
    ]
