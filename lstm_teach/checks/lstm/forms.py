"""How a whole LSTM is called, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.bringing import Caller, callers, speaks_numpy
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
        alone: whether it holds one sample, so that the code is called for each.
        listed: whether its first axis is that of a list.
        upright: whether the features stand in columns; then those of h and c do, too.
    """

    said: str
    lay: Callable[[Tensor], Tensor]
    alone: bool = False
    listed: bool = False
    upright: bool = False


TIME_FIRST = Axes("`[seq_len, batch, input_size]`: time is the first axis", lambda x: x)
BATCH_FIRST = Axes(
    "`[batch, seq_len, input_size]`: batch is the first axis, time the second",
    lambda x: x.transpose(0, 1),
)
_EACH_STEP = ", one for each time step"
_AXES = (
    TIME_FIRST,
    BATCH_FIRST,
    Axes("`[seq_len, input_size]`: one sample, time first", lambda x: x[:, 0], True),
    Axes(
        "`[input_size, batch, seq_len]`: samples in columns, time last",
        lambda x: x.permute(2, 1, 0),
        upright=True,
    ),
    Axes(f"a list of `[batch, input_size]`{_EACH_STEP}", lambda x: x, listed=True),
    Axes(f"a list of vectors{_EACH_STEP}", lambda x: x[:, 0], True, True),
    Axes(f"a list of columns `[input_size, 1]`{_EACH_STEP}", lambda x: x.mT, True, True, True),
    Axes(
        f"a list of columns `[input_size, batch]`{_EACH_STEP}", lambda x: x.mT, False, True, True
    ),
    Axes(
        "`[seq_len, input_size, batch]`: time first, samples in columns",
        lambda x: x.mT,
        upright=True,
    ),
)


@dataclass(frozen=True)
class Place:
    """Where one result stands in what came back, and which of its axes is which.

    Attributes:
        path: the keys that lead to it; `EACH` where it is put together from a list over time.
        time: its time axis; None in a state.
        batch: its batch axis.
        features: the axis of hidden_size.
    """

    path: Path
    time: int | None
    batch: int
    features: int


@dataclass
class Reader:
    """Runs a learner's whole LSTM on x `[seq_len, batch, input_size]`.

    Attributes:
        caller: calls it.
        axes: how it wants x.
        hidden_size: the size of h and c.
        lanes: how many layers x directions its state has; 0 where it is called without one.
        layered: whether its state has an axis for these.
        form: what it is handed, such as "x state".
        places: what it hands back, the output first.
    """

    caller: Caller
    axes: Axes
    hidden_size: int
    lanes: int = 0
    layered: bool = False
    form: str = "x"
    places: tuple[Place, ...] = ()

    def given(self, x: Tensor, state: State | None = None) -> dict[str, Tensor]:
        """x, and where it takes a state h and c, laid out as the code wants them."""
        laid = {"x": self.axes.lay(x).contiguous()}
        if self.lanes:
            zeros = x.new_zeros(self.lanes, x.shape[1], self.hidden_size)
            for name, value in zip("hc", state or (zeros, zeros), strict=True):
                value = value.mT if self.axes.upright else value
                if self.axes.alone and not self.axes.upright:
                    value = value[:, 0]
                laid[name] = (value if self.layered else value[0]).contiguous()
        return laid

    def raw(self, x: Tensor, state: State | None = None) -> Any:
        """What comes back; where it takes one sample, a list of what came back for each."""
        if not self.axes.alone:
            return self._caller.raw(**self.given(x, state))
        results = []
        for b in range(x.shape[1]):
            own = state and (state[0][:, b : b + 1], state[1][:, b : b + 1])
            results.append(self._caller.raw(**self.given(x[:, b : b + 1], own)))
            if isinstance(results[-1], Report):
                return results[-1]
        return results

    @property
    def _caller(self) -> Caller:
        arrange = self.caller.arrange
        if not self.axes.listed:
            return self.caller
        return replace(self.caller, arrange=lambda g: arrange({**g, "x": list(g["x"])}))

    def __call__(self, x: Tensor, state: State | None = None) -> list[Tensor] | Report:
        """The output `[seq_len, batch, features]`, then what else came back.

        A state is `[lanes, batch, hidden_size]`, one lane for a layer in a direction.
        """
        result = self.raw(x, state)
        if isinstance(result, Report):
            return result
        try:
            return [self._taken(result, place) for place in self.places]
        except (LookupError, RuntimeError, TypeError, AttributeError):
            found = f"x for {x.shape[0]} steps and {x.shape[1]} samples"
            return Report(
                "unrecognised",
                f"With {found}, what comes back has another form than with more of them.",
                headline="the form of what comes back changes with the size of x",
            )

    def _taken(self, result: Any, place: Place) -> Tensor:
        if self.axes.alone:
            found = torch.stack([_at(one, place.path) for one in result], place.batch)
        else:
            found = _at(result, place.path)
        if place.time is not None:
            return found.movedim((place.time, place.batch), (0, 1)).flatten(2)
        axes = (place.batch, place.features % found.dim())
        return found.movedim(axes, (-2, -1)).unflatten(-2, (-1, found.shape[axes[0]])).flatten(0, -3)

    def find_places(self, result: Any, x: Tensor, widths: set[int]) -> None:
        """Find what came back: all that has time and batch, then what has batch alone."""
        (steps, batch), outputs, states = x.shape[:2], [], []
        first = result[0] if self.axes.alone else result
        for path in _leaves(first, steps):
            shape = list(_at(first, path).shape)
            times = [k for k, size in enumerate(shape) if size == steps]
            if self.axes.alone:
                shape.insert(1 if times == [0] else 0, batch)
                times = [k + (k > 0) for k in times] if times != [0] else times
            batches = [k for k, size in enumerate(shape) if size == batch]
            if not batches or len(shape) < 2:
                continue
            wide = [k for k, size in enumerate(shape) if size in widths and k != batches[0]]
            place = Place(path, times[0] if times else None, batches[0], (wide or [-1])[-1])
            if times and len(shape) > 2:
                outputs.append(place)
            elif not times:
                states.append(place)
        self.places = (*outputs, *states) if outputs else ()


def readers(code: Any, call: Any, hidden_size: int, lanes: int) -> Iterator[Reader]:
    """How it may be called: without a state, and where it takes one, with it."""
    for form in ("x", "x state", "x h c", "x h"):
        for caller in callers(code, call, [form]):
            wanted = caller.numpy == speaks_numpy(code, call)
            if caller.axes != "rows" or not wanted:
                continue
            for axes in _AXES:
                if form == "x":  # then nothing yet tells time and batch apart
                    if axes is not BATCH_FIRST:
                        yield Reader(caller, axes, hidden_size)
                else:
                    for layered in (True, False) if lanes > 1 else (False, True):
                        yield Reader(caller, axes, hidden_size, lanes, layered, form)


def _at(result: Any, path: Path) -> Tensor:
    for k, key in enumerate(path):
        if key is EACH:
            return torch.stack([_at(one, path[k + 1 :]) for one in result])
        result = result[key] if isinstance(result, (dict, list, tuple)) else getattr(result, key)
    return result  # type: ignore[no-any-return]


def _leaves(result: Any, steps: int, path: Path = ()) -> Iterator[Path]:
    """The paths to all floating point tensors; a list as long as time is one tensor."""
    parts: Any = {}
    if isinstance(result, Tensor):
        if result.is_floating_point():
            yield path
    elif isinstance(result, (list, tuple)) and len(result) == steps:
        same = {getattr(part, "shape", type(part)) for part in result}
        parts = {EACH: result[0]} if len(same) == 1 else {}
    elif isinstance(result, (list, tuple)):
        parts = dict(enumerate(result))
    else:
        parts = result if isinstance(result, dict) else getattr(result, "__dict__", {})
    for key, part in parts.items():
        yield from _leaves(part, steps if key is not EACH else -1, (*path, key))
