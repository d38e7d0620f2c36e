"""How a whole LSTM is called, and what it hands back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.bringing import Caller, callers, normals
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]
Path = tuple[Any, ...]

EACH = "each"
"""In a path: one for every time step, in a list."""


@dataclass(frozen=True)
class Axes:
    """One way to lay out x.

    Attributes:
        said: its axes, in words.
        lay: makes it from x `[seq_len, batch, input_size]`.
        alone: whether it holds one sample, so the code is called for each.
        a_list: whether the first axis is that of a list.
        state: lays out h or c, from `[batch, hidden_size]`.
    """

    said: str
    lay: Callable[[Tensor], Tensor]
    alone: bool = False
    a_list: bool = False
    state: Callable[[Tensor], Tensor] = lambda h: h


TIME_FIRST = Axes("`[seq_len, batch, input_size]`: time is the first axis", lambda x: x)
BATCH_FIRST = Axes(
    "`[batch, seq_len, input_size]`: batch is the first axis, time the second",
    lambda x: x.transpose(0, 1),
)
OTHER_AXES = (
    Axes("`[seq_len, input_size]`: one sample, time first", lambda x: x[:, 0], True),
    Axes(
        "`[input_size, batch, seq_len]`: samples in columns, time last",
        lambda x: x.permute(2, 1, 0),
        state=lambda h: h.mT,
    ),
    Axes(
        "a list of `[batch, input_size]`, one for each time step", lambda x: x, False, True
    ),
    Axes("a list of vectors, one for each time step", lambda x: x[:, 0], True, True),
    Axes(
        "a list of columns `[input_size, 1]`, one for each time step",
        lambda x: x.mT,
        True,
        True,
        lambda h: h.mT,
    ),
    Axes(
        "a list of columns `[input_size, batch]`, one for each time step",
        lambda x: x.mT,
        False,
        True,
        lambda h: h.mT,
    ),
    Axes(
        "`[seq_len, input_size, batch]`: time first, samples in columns",
        lambda x: x.mT,
        state=lambda h: h.mT,
    ),
)


@dataclass(frozen=True)
class Place:
    """Where one result stands in what came back, and what its axes are.

    Attributes:
        path: the keys that lead to it; `EACH` where it is put together from a list over time.
        time: its time axis; None in a state.
        batch: its batch axis.
        features: the axis of hidden_size, in a state.
    """

    path: Path
    time: int | None
    batch: int
    features: int = -1


@dataclass
class Reader:
    """Runs a learner's whole LSTM on x `[seq_len, batch, input_size]`.

    Attributes:
        caller: calls it.
        axes: how it wants x.
        input_size: the size of x.
        places: what it hands back: the output first.
        states: how many layers x directions its state has; 0 where it is called without one.
        stacked: whether its state has an axis for the layers: "yes", "no", or a "list".
    """

    caller: Caller
    axes: Axes
    input_size: int
    places: list[Place] = field(default_factory=list)
    states: int = 0
    hidden_size: int = 0
    stacked: str = "no"

    def raw(self, x: Tensor, state: State | None = None) -> Any:
        """What comes back, with a batch axis as it was given; of one sample, a list of results."""
        if state is None and self.states:
            state = (x.new_zeros(self.states, x.shape[1], self.hidden_size),) * 2
        parts = [slice(b, b + 1) for b in range(x.shape[1])] if self.axes.alone else [slice(None)]
        results = []
        for part in parts:
            given = {"x": self.axes.lay(x[:, part]).contiguous()}
            if state is not None:
                given |= {
                    name: self._state(value[:, part])
                    for name, value in zip("hc", state, strict=True)
                }
            result = replaced(self.caller, self.axes.a_list, self.stacked).raw(**given)
            if isinstance(result, Report):
                return result
            results.append(result)
        return results if self.axes.alone else results[0]

    def _state(self, value: Tensor) -> Tensor:
        value = torch.stack([self.axes.state(one) for one in value])
        if self.axes.alone and value.shape[1] == 1:
            value = value[:, 0]
        return (value if self.stacked != "no" else value[0]).contiguous()

    def __call__(self, x: Tensor, state: State | None = None) -> list[Tensor] | Report:
        """The output `[seq_len, batch, features]`, then what else came back, in the same manner.

        A state is `[lanes, batch, hidden_size]`, one lane for a layer in a direction.
        """
        result = self.raw(x, state)
        if isinstance(result, Report):
            return result
        try:
            return [self._take(result, place) for place in self.places]
        except (LookupError, RuntimeError, TypeError, AttributeError):
            return Report(
                "unrecognised",
                f"With x for {x.shape[0]} steps and {x.shape[1]} samples, what comes back has "
                "another form than with more of them.",
                headline="the form of the result changes with the size of x",
            )

    def _take(self, result: Any, place: Place) -> Tensor:
        if self.axes.alone:
            found = torch.stack([at(one, place.path) for one in result], place.batch)
        else:
            found = at(result, place.path)
        if place.time is not None:
            return found.movedim((place.time, place.batch), (0, 1)).flatten(2)
        features = place.features % found.dim()
        if found.dim() == 2:
            return found.movedim(place.batch, 0)[None]
        return found.movedim((place.batch, features), (-2, -1)).flatten(0, -3)


def replaced(caller: Caller, a_list: bool, stacked: str) -> Caller:
    """The caller that hands over lists where the code wants them."""
    if not a_list and stacked != "list":
        return caller

    def arrange(given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if a_list:
            given = {**given, "x": list(given["x"])}
        if stacked == "list":
            given |= {name: list(given[name]) for name in "hc" if name in given}
        args, kwargs = caller.arrange(given)
        if stacked == "list":  # a pair of lists becomes a list of pairs
            args = tuple(_pairs(arg) for arg in args)
            kwargs = {name: _pairs(arg) for name, arg in kwargs.items()}
        return args, kwargs

    return replace(caller, arrange=arrange)


def _pairs(arg: Any) -> Any:
    return list(zip(*arg, strict=True)) if isinstance(arg, tuple) else arg


def at(result: Any, path: Path) -> Tensor:
    """What stands at a path."""
    for k, key in enumerate(path):
        if key is EACH:
            return torch.stack([at(one, path[k + 1 :]) for one in result])
        result = getattr(result, key) if hasattr(result, str(key)) else result[key]
    return result  # type: ignore[no-any-return]


def leaves(result: Any, steps: tuple[int, ...], path: Path = ()) -> Iterator[Path]:
    """The paths to all tensors in a result; a list as long as time is one tensor."""
    if isinstance(result, Tensor):
        yield path
    elif isinstance(result, dict):
        for key, part in result.items():
            yield from leaves(part, steps, (*path, key))
    elif isinstance(result, (list, tuple)):
        if len(result) in steps and _alike(result):
            yield from leaves(result[0], (), (*path, EACH))
        else:
            for k, part in enumerate(result):
                yield from leaves(part, steps, (*path, k))
    elif hasattr(result, "__dict__"):
        for name, part in vars(result).items():
            yield from leaves(part, steps, (*path, name))


def _alike(parts: Any) -> bool:
    shapes = {getattr(p[0] if isinstance(p, (list, tuple)) and p else p, "shape", 0) for p in parts}
    return len(shapes) == 1


def find_places(result: Any, axes: Axes, seq_len: int, batch: int, widths: set[int]) -> list[Place]:
    """What came back that has time and batch, then what has batch alone.

    Args:
        result: what the code returned; for one sample, one result for each.
        axes: how x was given.
        seq_len: how long x was.
        batch: how many samples it had.
        widths: sizes that the axis of features may have.
    """
    first = result[0] if axes.alone else result
    outputs, states = [], []
    for path in leaves(first, (seq_len,)):
        try:
            found = at(first, path)
        except (RuntimeError, LookupError, TypeError):
            continue
        if not found.is_floating_point():
            continue
        shape = list(found.shape)
        if axes.alone:
            shape.insert(1 if seq_len in shape[:1] else 0, batch)
        batches = [k for k, size in enumerate(shape) if size == batch]
        times = [k for k, size in enumerate(shape) if size == seq_len]
        if not batches:
            continue
        if times and len(shape) > 2:
            outputs.append(Place(path, times[0], batches[0]))
        elif not times and len(shape) > 1:
            wide = [k for k, size in enumerate(shape) if size in widths and k != batches[0]]
            states.append(Place(path, None, batches[0], wide[-1] if wide else len(shape) - 1))
    return [*outputs, *states]


def sizes_apart(taken: set[int]) -> int:
    """A seq_len such that neither it nor one more is a size of the code's own."""
    return next(n for n in (4, 6, 8, 10, 12, 14, 16, 18) if not {n, n + 1} & taken)


def example(seq_len: int, batch: int, input_size: int, seed: int = 3) -> Tensor:
    """x `[seq_len, batch, input_size]`, in float64."""
    return normals(seed)(seq_len, batch, input_size)  # type: ignore[no-any-return]


def ways_to_call(
    code: Any, call: Any, lanes: int
) -> Iterator[tuple[Caller, int, str]]:
    """How it may be called: without a state first, and where it must have one, with zeros."""
    for form in ("x", "x state", "x h c", "x h"):
        for caller in callers(code, call, [form]):
            if caller.axes != "rows":
                continue
            if form == "x":
                yield caller, 0, "no"
                continue
            for stacked in ("yes", "no", "list") if lanes > 1 else ("no", "yes", "list"):
                yield caller, lanes, stacked


class Clock:
    """Says when a search has taken long enough."""

    def __init__(self, seconds: float) -> None:
        self.end = time.perf_counter() + seconds

    def over(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() > self.end
