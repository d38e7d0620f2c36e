"""Is this a whole LSTM, and if not, what went wrong?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice, product
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import (
    Caller,
    likely_sizes,
    make,
    normals,
    owned,
    redraw,
    signature_of,
    speaks_numpy,
    to_try,
    unwrapped,
)
from lstm_teach.checks.lstm.forms import (
    BATCH_FIRST,
    OTHER_AXES,
    TIME_FIRST,
    Clock,
    Reader,
    example,
    find_places,
    sizes_apart,
    ways_to_call,
)
from lstm_teach.checks.cell import check_cell
from lstm_teach.checks.lstm.mistakes import (
    BACKWARD_HALF,
    ONE_DIRECTION,
    cell_mistakes,
    forward,
    in_the_cell,
)
from lstm_teach.checks.lstm.results import as_torch, described, slips, wrong_states
from lstm_teach.checks.lstm.roles import GATES, Roles, Search, groupings, is_bias, pieces, read
from lstm_teach.checks.report import Report
from lstm_teach.checks.stack.mistakes import MISTAKES
from lstm_teach.checks.running import leaves_no_trace

TRIED = 7, 3
"""input_size and hidden_size where a class leaves the choice to the check."""

_CALL = (
    "Tell the check how to run it with `call=`: `check_lstm(lstm, call=lambda lstm, x: "
    "lstm(x)[0])`, where x is `[seq_len, batch, input_size]` and what you return is its output, "
    "or `output, (h_n, c_n)`. If it can be given a state, let it take one: `call=lambda lstm, x, "
    "h, c: lstm(x, (h, c))`, with h and c `[batch, hidden_size]`."
)
_OTHER_KINDS: dict[type, str] = {
    nn.GRU: "a GRU",
    nn.RNN: "a plain RNN",
}
_STATE = re.compile(r"_?(h|c|state|init|prev|s\d?$|st|carry|memory|zero|start)", re.IGNORECASE)
_LAYERS = re.compile(r"(num|n)_?layers?$|layers$|depth$")


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
            a sequence: batch first, time first, or one sample. It returns its output, or output
            and the last state, in nn.LSTM's or another usual form.
        input_size: for an instance that does not tell it, and for code of one size only.
        hidden_size: likewise.
        call: how to run it where it is not called in a usual way: `call(lstm, x)`, or `call(lstm,
            x, h, c)` where it can be given a state; x is `[seq_len, batch, input_size]`, h and c
            `[batch, hidden_size]`.

    Returns:
        A report. Where the verdict is "ok", `report.as_torch()` is an nn.LSTM that computes the
        same. It never raises because of the LSTM.
    """
    code = unwrapped(lstm)
    if code is None or code is ...:
        return Report("not_attempted", "There is no LSTM yet: give the check your class.")
    for kind, name in _OTHER_KINDS.items():
        if isinstance(code, kind) or (isinstance(code, type) and issubclass(code, kind)):
            return Report(
                "variant",
                f"This is {name}: it has one state, h, and no c.",
                {"kind": name},
                headline=name,
            )
    if isinstance(code, nn.LSTMCell) or code is nn.LSTMCell:
        return _cannot("it makes one step", "nn.LSTMCell makes one step: `check_cell` is for it.")
    if not callable(code) and call is None:
        return _cannot("it cannot be called", f"A `{type(code).__name__}` is no code. {_CALL}")
    if isinstance(code, FunctionType) and not call:
        return _check_function(code, input_size, hidden_size)
    if isinstance(code, type):
        return _check_class(code, input_size, hidden_size, call)
    return _Check(code, input_size, hidden_size, call).report()


def _cannot(headline: str, message: str, **evidence: Any) -> Report:
    return Report("cannot_check", message, evidence, headline=headline)


def _check_class(cls: type, input_size: int | None, hidden_size: int | None, call: Any) -> Report:
    sizes = input_size or TRIED[0], hidden_size or TRIED[1]
    torch.set_default_dtype(torch.float64)
    layers = [n for n in signature_of(cls).parameters if _LAYERS.match(n)]
    several = _with(cls, layers, 2) if layers else cls
    made = make(several, *sizes)
    if isinstance(made, Report):
        return made
    return _Check(made, *sizes, call, 2 if layers else None).report()


_WEIGHT = {
    "b": re.compile(r"b(ias)?(_|$|ih|hh|[xh])", re.IGNORECASE),
    "x": re.compile(r"(w|weight|kernel)s?_?(x|ih|xh|i2h|in|x2h|i)$|kernel$", re.IGNORECASE),
    "h": re.compile(r"(w|weight|u|kernel)s?_?(h|hh|h2h|hr|rec)$|u$|recurrent", re.IGNORECASE),
    "xh": re.compile(r"(w|weights?)(lstm)?$", re.IGNORECASE),
}


def _check_function(
    function: Callable[..., Any], input_size: int | None, hidden_size: int | None
) -> Report:
    """Judge a function; where it is handed its weights, with weights of the check."""
    x_size, hidden = sizes = input_size or TRIED[0], hidden_size or TRIED[1]
    roles = {
        name: part
        for name in [*signature_of(function).parameters][1:]
        for part, pattern in _WEIGHT.items()
        if pattern.match(name)
    }
    if not {"h", "xh"} & {*roles.values()}:
        return _Check(function, input_size, hidden_size, None).report()
    if "h" in roles.values():
        roles = {name: "x" if part == "xh" else part for name, part in roles.items()}
    widths = {"x": x_size, "h": hidden, "xh": x_size + hidden}
    failed = None
    for turned, numpy in product((False, True), (False, True)):
        weights = {}
        for name, part in roles.items():
            rows = 4 * hidden
            shape = (rows,) if part == "b" else (rows, widths[part])
            weight = torch.ones(shape[::-1] if turned else shape, dtype=torch.float64)
            weights[name] = weight.numpy() if numpy else weight
        handed = _handed(function, weights)
        report = _Check(handed, *sizes, None, given=frozenset(roles)).report()
        if report.verdict not in ("raises", "cannot_check"):
            return report
        failed = failed or report
    assert failed is not None
    return failed


def _handed(function: Callable[..., Any], weights: dict[str, Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)
    kept = [p for p in signature.parameters.values() if p.name not in weights]
    rest = signature.replace(parameters=kept)

    def run(*args: Any, **kwargs: Any) -> Any:
        return function(**rest.bind(*args, **kwargs).arguments, **weights)

    run.__signature__ = rest  # type: ignore[attr-defined]
    return run


def _with(cls: type, names: list[str], value: Any) -> Callable[..., Any]:
    """A class with one of its arguments given."""

    def made(*args: Any, **kwargs: Any) -> Any:
        return cls(*args, **{**kwargs, names[0]: value})

    signature = inspect.signature(cls)
    kept = [p for p in signature.parameters.values() if p.name != names[0]]
    made.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    made.__name__ = cls.__name__
    return made


@dataclass
class _Check:
    """The check of one LSTM that can be called."""

    code: Any
    input_size: int | None
    hidden_size: int | None
    call: Any
    layers: int | None = None
    given: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    limit: float = 1e-8
    dtype: torch.dtype = torch.float64
    c_first: bool = False

    def report(self) -> Report:
        with to_try(self.code) as tried, torch.no_grad(), torch.jit.optimized_execution(False):
            self.tried = tried
            self.weights = owned(*filter(None, (tried, self.call)))
            self.original = {n: t.clone() for n, t in self.weights.items()}
            found = self._find_reader()
            if found is None:
                return self._judge()
            return found

    # How it is called.

    def _find_reader(self) -> Report | None:
        """Settle how the code is called, or say why not."""
        clock, failed, odd = Clock(2.0), [], None
        taken = {size for t in self.weights.values() for size in t.shape}
        layers = self.layers or _told(self.tried, _LAYERS) or 1
        lanes = layers * (2 if getattr(self.tried, "bidirectional", False) is True else 1)
        told = self.input_size, self.hidden_size
        sizes = [(told[0], told[1])] if all(told) else likely_sizes(self.tried, *told)
        if any(t.dtype == torch.float32 for t in self.weights.values()):
            self.limit, self.dtype = 1e-4, torch.float32
        for x_size, h_size in sorted(islice(sizes, 200), key=self._unused)[:20]:
            seq_len = sizes_apart(taken | {x_size, h_size, 2 * h_size, 4 * h_size})
            x = example(seq_len, seq_len + 1, x_size)
            for caller, states, stacked in ways_to_call(self.tried, self.call, lanes):
                if self.weights and caller.numpy != speaks_numpy(self.tried, self.call):
                    continue
                caller.dtype = self.dtype
                # Without a state nothing tells time and batch apart yet.
                for axes in (TIME_FIRST, *([BATCH_FIRST] if states else []), *OTHER_AXES):
                    reader = Reader(caller, axes, x_size, [], states, h_size, stacked)
                    result = reader.raw(x)
                    if isinstance(result, Report):
                        if result.verdict == "not_attempted":
                            return result
                        failed.append(result)
                        if clock.over():
                            return self._failed(failed)
                        continue
                    widths = {h_size, 2 * h_size}
                    reader.places = find_places(result, axes, seq_len, seq_len + 1, widths)
                    output = self._output(reader, x)
                    if output is None or output.shape[-1] not in widths:
                        odd = odd or (reader, result, output)
                        continue
                    return self._settle(reader, x, (x_size, h_size))
        if odd:
            return self._odd(*odd)
        return self._failed(failed)

    def _unused(self, sizes: tuple[int, int]) -> int:
        """How many of the weights would have no use if these were the sizes."""
        own = [w.flatten() if is_bias(w, sizes) else w for w in self.weights.values()]
        return sum(not any(pieces([w], *sizes).values()) for w in own)

    def _output(self, reader: Reader, x: Tensor) -> Tensor | None:
        if not reader.places or reader.places[0].time is None:
            return None
        found = reader(x)
        return None if isinstance(found, Report) else found[0]

    def _failed(self, failed: list[Report]) -> Report:
        if not failed:
            return _cannot("it is called in another way", f"No usual call fits it. {_CALL}")
        first = failed[0]
        if first.verdict == "raises" and self._takes_x_alone():
            return first
        return _cannot(
            "no usual call runs",
            f"Called with x of the usual forms it raises an error, the first one:\n"
            f"{first.message}\n{_CALL}",
        )

    def _takes_x_alone(self) -> bool:
        function = getattr(self.tried, "forward", self.tried)
        needed = [
            p
            for p in signature_of(function).parameters.values()
            if p.default is p.empty and not p.kind.name.startswith("VAR")
        ]
        return len(needed) == 1 and bool(self.input_size and self.hidden_size)

    def _odd(self, reader: Reader, result: Any, output: Tensor | None) -> Report:
        if output is not None:
            return _cannot(
                "what comes back is not hidden_size wide",
                f"Your output has {output.shape[-1]} features. The check needs every h: return "
                f"it from before the last layer. {_CALL}",
            )
        return _cannot(
            "no output with a time axis comes back",
            f"The check needs h of every time step. {_CALL}",
        )

    def _settle(self, reader: Reader, x: Tensor, sizes: tuple[int, int]) -> Report | None:
        """Find out which axis is time, by replacing one step of one sample."""
        self.sizes, self.reader = sizes, reader
        self._redraw(5)
        base = self._run(x)
        if isinstance(base, Report):
            return base
        again = self._run(x)
        if isinstance(again, Report):
            return again
        if not _same(base[0], again[0], self.limit):
            return self._differs(x)
        if reader.axes is not TIME_FIRST:
            return None
        moved = self._moved(x, base[0])
        if isinstance(moved, Report):
            return moved
        steps, samples = moved
        if samples == [2] and steps != [1]:
            return None
        first = _told_batch_first(self.tried)
        if (steps == [1] and samples != [2]) or (samples == [2] and steps == [1] and first):
            turned = replace(reader, axes=BATCH_FIRST)
            result = turned.raw(x)
            if isinstance(result, Report):
                return result
            widths = {sizes[1], 2 * sizes[1]}
            turned.places = find_places(result, BATCH_FIRST, *x.shape[:2], widths)
            self.reader = turned
            return None
        if samples == [2]:
            return None
        return Report(
            "samples_mixed",
            f"Step 1 of sample 2 of x was replaced. That reached the samples {samples} of your "
            "output, so one sample sees another. Look for a `view` or `reshape` where "
            "`transpose` belongs, and for a sum or mean over the batch.",
            {"samples reached": samples},
            headline="samples are mixed",
        )

    def _moved(self, x: Tensor, base: Tensor) -> tuple[list[int], list[int]] | Report:
        changed = x.clone()
        changed[1, 2] = -x[1, 2] + 0.3
        other = self._run(changed)
        if isinstance(other, Report):
            return other
        off = (other[0] - base).abs().amax(-1) > self.limit
        steps, samples = (off.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        return steps, samples

    def _differs(self, x: Tensor) -> Report:
        torch.manual_seed(0)
        one = self._run(x)
        torch.manual_seed(0)
        two = self._run(x)
        if not isinstance(one, Report) and not isinstance(two, Report):
            if _same(one[0], two[0], self.limit):
                return Report(
                    "random_initial_state",
                    "Two calls with the same x give different numbers: something is drawn at "
                    "random in each call. An LSTM starts from zeros.\nFix: `torch.zeros(...)` for "
                    "h and c, and weights made once, in `__init__`.",
                    headline="something is drawn at random in every call",
                )
        return Report(
            "state_kept",
            "Two calls with the same x give different numbers: the second one starts where the "
            "first one ended.\nFix: make h and c anew at the beginning of each call, as zeros, "
            "or take them as an argument.",
            headline="the state of the last call is kept",
        )

    def _run(self, x: Tensor, state: Any = None) -> list[Tensor] | Report:
        found = self.reader(x, state)
        return found if isinstance(found, Report) else [t.double() for t in found]

    def _redraw(self, seed: int, biases: bool = True) -> None:
        redraw(self.weights, self.sizes, seed)
        if not biases:
            for weight in self.weights.values():
                if is_bias(weight, self.sizes):
                    weight.zero_()

    # What it computes.

    def _judge(self) -> Report:
        x_size, hidden = self.sizes
        steps = max(4, 4)
        x = example(steps, steps + 1, x_size)
        for k in range(steps):
            x[:, k] = x[:, steps]
            x[k, k] = -x[k, steps] + 0.3
        self._redraw(5)
        found = self._run(x)
        if isinstance(found, Report):
            return found
        output = found[0]
        if len(output) != steps:
            return self._other_length(len(output), steps)
        self.directions = output.shape[-1] // hidden
        reach = (output[:, :-1] - output[:, -1:]).abs() > self.limit
        halves = [half.any(-1) for half in reach.chunk(self.directions, -1)]
        wrong = self._by_reach(halves, steps)
        if wrong is not None:
            return wrong
        return self._by_roles()

    def _other_length(self, given: int, steps: int) -> Report:
        return Report(
            "steps_dropped",
            f"x has {steps} steps, and your output has {given}.\nFix: one step of the output for "
            "each step of x.",
            headline=f"of {steps} steps, {given} come back",
        )

    def _by_reach(self, halves: list[Tensor], steps: int) -> Report | None:
        right = forward(steps)
        if len(halves) == 1:
            known, seen = ONE_DIRECTION, halves[0]
            if torch.equal(seen, right):
                return None
        else:
            there, back = halves
            if there.all() and back.all():
                return None  # more than one layer, each both ways
            if torch.equal(there, right) and torch.equal(back, right.T):
                return None
            known, seen = BACKWARD_HALF, back
            if not torch.equal(there, right):
                known, seen = ONE_DIRECTION, there
        named = next((m for m in known if torch.equal(seen, m.how(steps))), None)
        if named is None or named.verdict == "output_one_step_late":
            deeper = self._by_roles()  # a cell or a stack may be late, too
            if deeper.verdict != "cannot_check":
                return deeper
        if named is not None:
            return named.report()
        return Report(
            "unrecognised",
            "Which step of x reaches which step of your output is not as in an LSTM.",
            {f"step {t} of the output sees": seen[t].nonzero().flatten().tolist() for t in range(3)},
            headline="the steps of x do not reach the output as they should",
        )

    def _by_roles(self) -> Report:
        """Find what each weight does, then hold all that comes back against nn.LSTM."""
        x = example(3, 3, self.sizes[0], 11)
        self._redraw(6, biases=False)
        seen = self._run(x)
        if isinstance(seen, Report):
            return seen
        first = second = seen[0]
        if self.directions > 1:
            alone = self._run(x[:1])
            if isinstance(alone, Report):
                return alone
            first = alone[0]
        searches = [*self._searches()]
        for search in searches:
            found = search.find(x, first, second, free=True)
            if found:
                return self._right(search, found[0])
        return self._wrong(searches, x, first, second)

    def _searches(self) -> list[Search]:
        kept = {
            name: weight
            for name, weight in self.weights.items()
            if any(
                pieces([weight.flatten() if is_bias(weight, self.sizes) else weight], width, self.sizes[1])[part]
                for width in (self.sizes[0], self.directions * self.sizes[1])
                for part in "xhb"
            )
        }
        own = {n: w for n, w in kept.items() if isinstance(self.tried, nn.Module) and n in dict(self.tried.named_parameters())}
        found = []
        for weights in (own, kept):
            for layers in dict.fromkeys([self.layers or 1, 1, 2, 3, 4]):
                for lanes in groupings(weights, layers, self.directions):
                    search = Search(weights, lanes, self.sizes, self.directions, self.limit)
                    if search.common("x") and search.common("h"):
                        found.append(search)
            if found:
                break
        return found

    def _right(self, search: Search, roles: Roles) -> Report:
        whole = self._with_biases(search, roles)
        if whole is None:
            return self._by_cell("its biases are added in a way of their own")
        wrong = slips(search, whole)
        if wrong is None:
            wrong = self._other_order(search, whole)
        if wrong is not None:
            return wrong
        x = example(4, 3, self.sizes[0], 12)
        self._redraw(7)
        seen = self._run(x)
        if isinstance(seen, Report):
            return seen
        output, lanes = read(search.cells([whole]), x, self.directions)
        if not _same(seen[0], output[:, 0], self.limit):
            off = (seen[0] - output[:, 0]).abs().flatten(1).amax(1) > self.limit
            return Report(
                "unrecognised",
                "The first three steps are those of an LSTM, and with more steps they are not.",
                {"first step that is off": int(off.nonzero()[0])},
                headline="it goes wrong with more steps",
            )
        checks = (
            lambda: self._from_a_state(search, whole, x, seen),
            lambda: self._returned(seen, lanes),
            lambda: self._alone(x, seen),
            lambda: self._gradients(search, whole, x),
        )
        for check in checks:
            wrong = check()
            if wrong is not None:
                return wrong
        return Report(
            "ok",
            "\n".join([*described(search, whole, self.reader.axes.said), *self.notes]),
            {"layers": len(search.lanes) // self.directions, "directions": self.directions},
            lstm=as_torch(search, whole, self.original, self.reader.axes is BATCH_FIRST),
        )

    def _other_order(self, search: Search, roles: Roles) -> Report | None:
        """Weights in PyTorch's layout have to be taken as PyTorch takes them."""
        if not {"w_ih", "w_hh"} <= self.given:
            return None
        order = "".join(GATES[p.block] for p in roles.x)
        if any(p.turned or p.interleaved for p in (*roles.x, *roles.h)):
            said = "the weights are taken in another layout"
            return Report("unrecognised", "w_ih is `[4 * hidden_size, input_size]`.", headline=said)
        for four, what in ((roles.x, "w_ih"), (roles.h, "w_hh")):
            order = ", ".join(GATES[p.block] for p in four)
            if order != ", ".join(GATES):
                return Report(
                    "gate_order",
                    f"The gates i, f, g, o take the blocks of `{what}` in the order {order}. In "
                    "PyTorch it is i, f, g, o, and no shape tells.\nFix: `i, f, g, o = "
                    "z.chunk(4, dim=-1)`.",
                    headline="the four blocks of the weights are taken in another order",
                )
        for gate, fed in zip(GATES, roles.b, strict=True):
            if any(GATES[p.block] != gate for p, _ in fed):
                return Report(
                    "wrong_bias_slice",
                    f"The gate {gate} takes a part of a bias that belongs to another gate.",
                    headline=f"the gate {gate} takes another gate's bias",
                )
        return None

    def _with_biases(self, search: Search, roles: Roles) -> Roles | None:
        """The roles with the biases, which are drawn one after the other."""
        x, fed = example(2, 3, self.sizes[0], 13), list(roles.b)
        for slot in dict.fromkeys(
            p.slot for some in search.common("b").values() for p in some if p.joined == "b"
        ):
            self._redraw(8, biases=False)
            for k, lane in enumerate(search.lanes):
                weight = self.weights[lane[slot]]
                weight.copy_(normals(30 + k)(*weight.shape))
            seen = self._run(x)
            if isinstance(seen, Report):
                return None
            ways = (search.agreeing(some, x, seen[0]) for some in search.bias_ways(roles, slot))
            found = next((way[0] for way in ways if way), None)
            if found is None:
                return None
            fed = [one + more for one, more in zip(fed, found.b, strict=True)]
        return replace(roles, b=tuple(fed))

    def _returned(self, seen: list[Tensor], lanes: list[Any]) -> Report | None:
        """Hold the states that came back against those after the last step."""
        states = [
            (place, value)
            for place, value in zip(self.reader.places, seen, strict=True)
            if place.time is None
        ]
        if not states:
            return None
        given = [value for _, value in states]
        if self.c_first:
            self.notes.append("It takes c before h, and returns it so; nn.LSTM takes (h_0, c_0).")
            given = [*given[1::-1], *given[2:]]
        return wrong_states(given, lanes, self.directions, self.limit, self.notes)

    def _from_a_state(
        self, search: Search, roles: Roles, x: Tensor, seen: list[Tensor]
    ) -> Report | None:
        """Give it a state, where it takes one."""
        normal = normals(21)
        lanes, hidden = len(search.lanes), self.sizes[1]
        state = tuple(normal(lanes, x.shape[1], hidden).tanh() for _ in range(2))
        zeros = tuple(0 * s for s in state)
        starts = {
            "": state,
            "swapped_state": state[::-1],
            "h": (zeros[0], state[1]),
            "c": (state[0], zeros[1]),
            "h and c": zeros,
        }
        found: list[str] = []
        for caller, states, stacked in ways_to_call(self.tried, self.call, lanes):
            if not states or (lanes > 1 and stacked == "no") or not self._takes_state():
                continue
            reader = replace(
                self.reader, caller=caller, states=lanes, hidden_size=hidden, stacked=stacked
            )
            caller.dtype = self.dtype
            given = reader(x, state)
            if isinstance(given, Report):
                continue
            for name, start in starts.items():
                output, _ = read(search.cells([roles]), x, self.directions, start)
                if _same(given[0].double(), output[:, 0], self.limit):
                    found.append(name)
            if found == ["c"] and "c" not in caller_takes(caller):
                self.notes.append("It takes h alone to start from, and c starts from zeros.")
                return None
            if "" in found:
                takes = caller_takes(caller)
                self.c_first = "c" in takes and takes.index("c") < takes.index("h")
                return None
        if not found:
            if not self.reader.states:
                self.notes.append("It was started from zeros: the check gave it no other state.")
            return None
        if found[0] == "swapped_state":
            return Report(
                "swapped_state",
                "The first part of the state that you are given is used as c, the second as h. "
                "nn.LSTM takes `(h_0, c_0)`, and returns `(h_n, c_n)`.\nFix: `h, c = state`.",
                headline="the state that you are given is read as (c, h)",
            )
        return Report(
            "initial_state_ignored",
            f"With another {found[-1]} to start from, the output is the same as from zeros: what "
            "you are given is overwritten or never read.\nFix: make zeros only where no state is "
            "given: `if state is None:`.",
            headline=f"the {found[-1]} that it is given is ignored",
        )

    def _takes_state(self) -> bool:
        function = self.call or getattr(self.tried, "forward", self.tried)
        names = [n for n in signature_of(function).parameters if n != "self"][1:]
        return bool(self.call) or any(_STATE.match(name) for name in names)

    def _alone(self, x: Tensor, seen: list[Tensor]) -> Report | None:
        """A batch of one sample."""
        if self.reader.axes.alone:
            return None
        alone = self._run(x[:, :1])
        if not isinstance(alone, Report) and _same(alone[0], seen[0][:, :1], self.limit):
            return None
        found = f"It says: {alone.message}" if isinstance(alone, Report) else "The numbers differ."
        return Report(
            "squeeze_batch_of_one",
            "Your LSTM is right, except on a batch of one sample: there it breaks. `.squeeze()` "
            f"takes away every axis of size 1, so the batch goes.\n{found}\nFix: leave `squeeze` "
            "out, or name the axis.",
            headline="a batch of one sample breaks it",
        )

    def _gradients(self, search: Search, roles: Roles, x: Tensor) -> Report | None:
        """Whether the gradients of a module's parameters are nn.LSTM's."""
        if not isinstance(self.tried, nn.Module):
            return None
        own = dict(self.tried.named_parameters())
        used = [name for lane in search.lanes for name in lane]
        plain = [name for name in used if name not in own]
        if plain:
            self.notes.append(
                f"Note: `{plain[0]}` is a plain tensor, so no optimiser finds it. Fix: "
                "`nn.Parameter(...)`."
            )
        trained = {n: p for n, p in own.items() if n in used and p.requires_grad}
        if not trained:
            return None
        with torch.enable_grad():
            leaves = {n: w.clone().requires_grad_() for n, w in self.weights.items()}
            right, _ = read(replace(search, weights=leaves).cells([roles]), x, self.directions)
            pull = normals(22)(*right[:, 0].shape)
            wanted = torch.autograd.grad(
                (right[:, 0] * pull).sum(), [leaves[n] for n in trained], allow_unused=True
            )
            given = self._run(x)
            if isinstance(given, Report):
                return replace(given, message=f"Where gradients are kept:\n{given.message}")
            if given[0].requires_grad:
                got = torch.autograd.grad(
                    (given[0] * pull).sum(), [*trained.values()], allow_unused=True
                )
            else:
                got = (None,) * len(trained)
        for name, mine, theirs in zip(trained, got, wanted, strict=True):
            if theirs is None or (mine is not None and _same(mine, theirs, 1e-6 + self.limit)):
                continue
            return Report(
                "gradient_cut",
                "The numbers are right, and the gradients are not nn.LSTM's, so it would train "
                "otherwise, or not at all. Look for `.detach()`, `.data`, `torch.tensor(...)`, "
                "`torch.no_grad()` or NumPy on the way from the weights to the output.",
                {
                    "weight": name,
                    "its gradient": "none" if mine is None else "another",
                },
                headline=f"no gradient reaches `{name}`"
                if mine is None
                else f"the gradient of `{name}` is cut",
            )
        return None

    # What is wrong with it.

    def _wrong(self, searches: list[Search], x: Tensor, first: Tensor, second: Tensor) -> Report:
        for search in searches:
            if len(search.lanes) > 1 and self.directions == 1:
                found = self._in_the_stack(search, x, first, second)
                if found is not None:
                    return found
            if len(search.lanes) > 2 and self.directions == 2:
                unflipped = partial(read, directions=2, flip_back=False)
                if self._fits(search, x, first, second, stack=unflipped):
                    return BACKWARD_HALF[0].report()
        for search in searches:
            for mistake, detail, parts in cell_mistakes():
                if self._fits(search, x, first, second, edit=parts):
                    return in_the_cell(mistake, detail)
            if len(search.lanes) == 1:
                found = self._in_the_stack(search, x, first, second)
                if found is not None:
                    return found
        return self._by_cell("its weights fit no known way to write an LSTM")

    def _in_the_stack(self, search: Search, *seen: Tensor) -> Report | None:
        for mistake in MISTAKES:
            if self._fits(search, *seen, stack=mistake.how):
                return mistake.report()
        return None

    def _fits(self, search: Search, *seen: Tensor, **changed: Any) -> bool:
        try:
            return bool(search.find(*seen, **changed))
        except (RuntimeError, ValueError, AttributeError, IndexError):
            return False

    def _by_cell(self, why: str) -> Report:
        """One step of one layer is a cell: let `check_cell` say what it is."""
        if self.directions == 1 and (self.reader.states == 1 or self._takes_state()):
            for caller, states, stacked in ways_to_call(self.tried, self.call, 1):
                if not states:
                    continue
                reader = replace(
                    self.reader, caller=caller, states=1, hidden_size=self.sizes[1], stacked=stacked
                )
                step = OneStep(reader, self.weights)
                zero = torch.zeros(1, 2, self.sizes[1]).double()
                found = reader(example(1, 2, self.sizes[0]), (zero, zero))
                if isinstance(found, Report) or len(found) < 3:
                    continue
                report = check_cell(step, *self.sizes)
                if report.verdict in ("cannot_check", "raises", "ok"):
                    continue
                return replace(
                    report, message=f"One step of your LSTM is a cell.\n{report.message}"
                )
        return _cannot(
            "it could not be read what each weight does",
            f"It runs, x is {self.reader.axes.said}, and each step of x reaches the steps of the "
            f"output that it should. But {why}, so the numbers could not be compared. {_CALL}",
        )


class OneStep(nn.Module):
    """One step of a whole LSTM, as a cell."""

    def __init__(self, reader: Reader, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.reader = reader
        self.kept = dict(weights)

    def __deepcopy__(self, memo: Any) -> OneStep:
        return self

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """x `[batch, input_size]`, h and c `[batch, hidden_size]`."""
        found = self.reader(x[None], (state[0][None], state[1][None]))
        if isinstance(found, Report):
            raise ValueError(found.message)
        return found[1][0], found[2][0]


def caller_takes(caller: Caller) -> str:
    """Which of h and c are handed over."""
    args, kwargs = caller.arrange({name: name for name in "xhc"})
    return "".join(map(str, (*args, *kwargs.values())))


def _told(code: Any, pattern: re.Pattern[str]) -> int | None:
    for name, value in getattr(code, "__dict__", {}).items():
        if pattern.search(name) and type(value) is int and value > 0:
            return value
    return None


def _told_batch_first(code: Any) -> bool:
    return getattr(code, "batch_first", False) is True


def _same(one: Tensor, two: Tensor, limit: float) -> bool:
    return one.shape == two.shape and bool(((one - two).abs() <= limit).all())
