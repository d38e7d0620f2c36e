"""How a whole LSTM is called, and what it hands back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import Caller, callers, speaks_numpy
from lstm_teach.checks.lstm.mistakes import told
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]
Path = tuple[Any, ...]
EACH = "each"
"""In a path: one for every time step, in a list."""


class Axes(NamedTuple):
    """A way to lay out x: its axes in words, and t, b and f in their order.

    An axis that is left out is of size 1. Where it is `alone`, x holds one sample; where it is
    `listed`, the first axis is that of a list.
    """

    said: str
    order: str
    alone: bool = False
    listed: bool = False


TIME_FIRST = Axes("`[seq_len, batch, input_size]`: time is the first axis", "tbf")
BATCH_FIRST = Axes(
    "`[batch, seq_len, input_size]`: batch is the first axis, time the second", "btf"
)
SERIES = Axes("`[batch, seq_len]`: one number at each time step", "bt")
_AXES = (
    TIME_FIRST,
    BATCH_FIRST,
    SERIES,
    Axes("`[seq_len, input_size]`: one sample, time first", "tf", alone=True),
    Axes("`[input_size, batch, seq_len]`: samples in columns, time last", "fbt"),
    Axes("a list of `[batch, input_size]`, one for each time step", "tbf", listed=True),
    Axes("a list of vectors, one for each time step", "tf", True, True),
    Axes("a list of columns `[input_size, 1]`, one for each time step", "tfb", True, True),
    Axes("a list of columns `[input_size, batch]`, one for each time step", "tfb", listed=True),
    Axes("`[seq_len, input_size, batch]`: time first, samples in columns", "tfb"),
    Axes("`[batch, input_size, seq_len]`: batch is the first axis, time the last", "bft"),
)
TURNED = {TIME_FIRST: BATCH_FIRST, _AXES[-2]: _AXES[-1]}  # what it is if samples were steps


class Place(NamedTuple):
    """Where a result stands in what came back, and which of its axes are time (None in a state),
    batch and features."""

    path: Path
    time: int | None
    batch: int
    features: int


@dataclass
class Reader:
    """Runs a learner's whole LSTM on x `[seq_len, batch, input_size]`, laid out along `axes`.

    It is handed `form`, such as "x state", with a state of so many `lanes` (layers x directions),
    which has an axis for them where it is `layered`, or is a list of them, `lists`, where the code
    writes into it, or of `pairs`, an (h, c) for each of them. What it hands back stands at the
    `places`, the output first, where it does not come back `alone`; there may be more, such as c of
    every step. Where only the last h comes back, it stands first, and h of an earlier step is the
    last one of an x that ends there.
    """

    caller: Caller
    axes: Axes
    hidden_size: int
    form: str = "x"
    lanes: int = 1
    layered: bool = False
    pairs: bool = False
    places: tuple[Place, ...] = ()
    outputs: tuple[Place, ...] = ()
    alone: bool = False
    lists: bool = False

    @property
    def last_alone(self) -> bool:
        """Whether no output of all steps comes back."""
        return self.places[0].time is None

    @property
    def turn_back(self) -> str:
        """The axes of the output, one tensor, in the order of x's; "" where they stand so."""
        path, *at = self.places[0]
        axes = [str(at["tbf".index(axis)]) for axis in self.axes.order]
        usual = self.axes in (TIME_FIRST, BATCH_FIRST) and EACH not in path and None not in at
        return ", ".join(axes) * (usual and axes != sorted(axes))

    def given(self, x: Tensor, state: Sequence[Tensor] = ()) -> dict[str, Tensor]:
        """x, h and c, laid out as the code wants them; further axes in front stay there."""
        order = self.axes.order
        laid = {"x": torch.einsum(f"...tbf->...{order}", x).contiguous()}
        zeros = x.new_zeros(*x.shape[:-3], self.lanes, x.shape[-2], self.hidden_size)
        for name, value in zip("hc", state or (zeros, zeros), strict=True):
            value = value if self.layered else value.select(-3, 0)
            value = value.mT if "fb" in order else value  # samples in columns
            laid[name] = (value if "b" in order else value.select(-2, 0)).contiguous()
        return laid

    def raw(self, x: Tensor, state: State | None = None) -> Any:
        """What comes back; where the code takes one sample, its results stacked."""
        caller, given = replace(self.caller, arrange=self.arrange), [x, *(state or ())]
        if self.axes.alone:  # a batch of one for each sample
            given = [one.movedim(1, 0).unsqueeze(2) for one in given]
            caller.axes = "one"
        result = caller.raw(**self.given(given[0], given[1:]))
        if self.layered and not self.lists and {"h", "c"} & self.caller.changed_inputs.keys():
            self.lists = True
            in_lists = self.raw(x, state)
            self.lists = not isinstance(in_lists, Report)
            return in_lists if self.lists else result
        return result

    def arrange(self, given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call with x, h and c, some of them as lists along their first axis."""
        lists = "x" * self.axes.listed + "hc" * self.lists
        args, kwargs = self.caller.arrange({**given, **{name: [*given[name]] for name in lists}})

        def paired(one: Any) -> Any:
            return [*zip(*one, strict=True)] if self.pairs and isinstance(one, tuple) else one

        return tuple(map(paired, args)), {name: paired(one) for name, one in kwargs.items()}

    def __call__(self, x: Tensor, state: State | None = None) -> list[Tensor] | Report:
        """The output `[seq_len, batch, features]`, then the states that came back.

        A state is `[lanes, batch, hidden_size]`, one lane for a layer in a direction.
        """
        found = []
        for end in range(1 if self.last_alone else len(x), len(x) + 1):
            result = self.raw(x[:end], state)
            if isinstance(result, Report):
                return result
            try:
                output, *states = (self._take(result, place) for place in self.places)
            except (LookupError, RuntimeError, TypeError, AttributeError):
                return told("changes_form", steps=end, samples=x.shape[1])
            if {state.shape[-1] for state in states} == {2 * self.hidden_size}:
                states = [state.unflatten(-1, (2, -1)) for state in states]  # side by side
                states = [state.movedim(-2, -3).flatten(0, -3) for state in states]
            found.append([output, *states])
        if self.last_alone:
            return [torch.stack([last[0][-1] for last in found]), *found[-1][1:]]
        return found[0]

    def _take(self, result: Any, place: Place) -> Tensor:
        found = at(result, place.path)
        if place.time is not None:
            found = found[..., None] if found.dim() == 2 else found
            return found.movedim((place.time, place.batch), (0, 1)).flatten(2)
        found = found.movedim((place.batch, place.features), (-2, -1))
        return found.reshape(-1, *found.shape[-2:])

    def find_places(self, result: Any, x: Tensor, last_alone: bool) -> None:
        """Find what came back for x: an output, which has time and batch and is as wide as h or as
        two, and states, which have batch alone; or the last h alone. What holds other things, too,
        is a cache."""
        (steps, batch), widths = x.shape[:2], (self.hidden_size, 2 * self.hidden_size)
        outputs, states, parts = [], [], [*leaves(result, steps, batch)]
        for path, tensor in parts:
            shape = list(tensor.shape)
            if self.axes is SERIES and sorted(shape) == [steps, batch]:
                shape.append(1)  # one number at each step comes out, too
            if batch not in shape or len(shape) < 2:
                continue
            b, last = shape.index(batch), len(shape) - 1
            wide = [k for k, size in enumerate(shape) if size in widths and k != b] or [last]
            if steps not in shape:
                states.append(Place(path, None, b, wide[-1]))
            elif len(shape) > 2 and prod(shape) // (steps * batch) in widths:
                outputs.append(Place(path, shape.index(steps), b, wide[-1]))
            if last_alone and states and shape[wide[-1]] in widths:
                outputs.append(states[-1])
        # What stands deeper than others is a cache, of c's, say; even than a state before it.
        outputs.sort(key=lambda one: depth(one.path))
        if states and outputs and not last_alone:
            order = [path for path, _ in parts]
            is_before = order.index(states[0].path) < order.index(outputs[0].path)
            if is_before and depth(states[0].path) < depth(outputs[0].path):
                outputs = []
        known = {one.path for one in (*outputs, *states)}
        caches = {path[:1] for path, _ in parts if path not in known}
        states = [one for one in states if len(one.path) < 2 or one.path[:1] not in caches]
        self.places = (*outputs[:1], *states) if outputs else ()
        self.outputs, self.alone = tuple(outputs), len(parts) == 1


def readers(code: Any, hidden_size: int, lanes: int, dtype: torch.dtype) -> Iterator[Reader]:
    """How it may be called: without a state, and where it takes one, with it."""
    parts = code.modules() if isinstance(code, nn.Module) else ()
    lists = [len(part) for part in parts if isinstance(part, nn.ModuleList)]
    counts = dict.fromkeys([*lists, lanes])
    for form in ("x", "x state", "x h c", "x h"):
        for caller in callers(code, None, [form]):
            if caller.axes != "rows" or caller.numpy != speaks_numpy(code):
                continue
            caller.dtype = dtype
            for axes in _AXES:
                if form != "x":
                    for layered in (True, False) if lanes > 1 else (False, True):
                        yield Reader(caller, axes, hidden_size, form, lanes, layered)
                    for count in counts if form == "x state" else ():
                        yield Reader(caller, axes, hidden_size, form, count, True, True)
                elif axes not in TURNED.values():  # nothing yet tells it from the other
                    yield Reader(caller, axes, hidden_size)


def depth(path: Path) -> int:
    """In how many things what stands at a path is nested; a list of steps is no such thing."""
    return sum(key is not EACH for key in path)


def at(result: Any, path: Path) -> Tensor:
    """What stands at a path."""
    for k, key in enumerate(path):
        if key is EACH:
            return torch.stack([at(one, path[k + 1 :]) for one in result])
        result = result[key] if isinstance(result, (dict, list, tuple)) else getattr(result, key)
    return result  # type: ignore[no-any-return]


def leaves(result: Any, *long: int) -> Iterator[tuple[Path, Tensor]]:
    """All floating point tensors and their paths; a list as long as time, or so `long`, is one."""
    if isinstance(result, Tensor):
        if result.is_floating_point():
            yield (), result
        return
    parts: Any = result if isinstance(result, dict) else getattr(result, "__dict__", {})
    if isinstance(result, (list, tuple)):
        parts = dict(enumerate(result))
        if len(result) in long:
            alike = len({getattr(part, "shape", type(part)) for part in result}) == 1
            parts, long = {EACH: result[0]} if alike else {}, ()
    for key, part in parts.items():
        for path, _ in leaves(part, *long):
            with suppress(RuntimeError, LookupError, AttributeError, TypeError):  # of a cache, say
                yield (key, *path), at(result, (key, *path))
