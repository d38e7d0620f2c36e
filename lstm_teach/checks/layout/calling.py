"""Calling a learner's model: what its forward wants beside x, and the tensors it returns."""

from __future__ import annotations

import inspect
import itertools
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

from lstm_teach.checks.layout.probe import Probe
from lstm_teach.checks.layout.record import recurrent_modules, rows_of_state
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.layouts import parts_of

LONGEST_FORWARD = 60.0
"""Seconds after which a forward pass counts as endless; a large model may be slow, and right."""

_LENGTHS = re.compile(r"len|sizes")
_INITS = (
    "init_hidden",
    "initHidden",
    "init_state",
    "init_hidden_state",
    "init_states",
    "begin_state",
)
_TRIES = 12


def calling(probe: Probe, rewind: Callable[[], None]) -> Callable[[torch.Tensor], Any] | Report:
    """Find arguments with which the model runs on the probe.

    Lengths are handed on where ``forward`` has an argument for them; a state comes from the
    model's own ``init_hidden``; a target is x as it is, the same in every run.

    Returns:
        A function of x, or the report on the first exception.
    """
    reports = []
    # Some models want `model.hidden = model.init_hidden(batch)` before each call.
    ways = itertools.product((False, True), _arguments(probe))
    for sets_hidden, extra in itertools.islice(ways, _TRIES):

        def call(x: torch.Tensor, sets_hidden: bool = sets_hidden, extra: Any = extra) -> Any:
            rewind()
            if sets_hidden and (state := _initial_state(probe)) is not None:
                probe.model.hidden = state
            return probe.model(x, **_fresh(extra))

        call.__name__ = f"{type(probe.model).__name__}.forward"  # the learner's, for a report
        with torch.no_grad():
            start = time.monotonic()
            result = run_in_time(call, probe.x.clone(), seconds=LONGEST_FORWARD)
        if not isinstance(result, Report):
            return call
        reports.append(result)
        if time.monotonic() - start >= LONGEST_FORWARD:
            return result
    return reports[0]


def _arguments(probe: Probe) -> Iterator[dict[str, Any]]:
    """The arguments that forward must have beside x, and lengths if it takes them."""
    try:
        parameters = list(inspect.signature(probe.model.forward).parameters.values())[1:]
    except (TypeError, ValueError):
        parameters = []
    names = [
        p.name
        for p in parameters
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        if p.default is p.empty or (probe.lengths is not None and _LENGTHS.search(p.name.lower()))
    ]
    meanings = [list(_values(name, probe)) for name in names]
    if probe.lengths is not None and len(names) == 1:  # then it takes them, whatever its name
        meanings = [[*_lengths(probe), *meanings[0]]]
    for values in itertools.product(*meanings):
        yield dict(zip(names, values, strict=True))


def _values(name: str, probe: Probe) -> Iterator[Any]:
    """What may be meant by an argument of this name, likeliest first."""
    return next(values(probe) for pattern, values in _MEANINGS if re.search(pattern, name.lower()))


def _lengths(probe: Probe) -> Iterator[Any]:
    full = torch.full((probe.batch,), probe.time, dtype=torch.long)
    lengths = full if probe.lengths is None else probe.lengths
    yield from (lengths, lengths.tolist(), probe.time)


def _masks(probe: Probe) -> Iterator[Any]:
    real = torch.ones(probe.x.shape[: len(probe.axes)], dtype=torch.bool)
    yield from (real, real.float(), ~real)


def _states(probe: Probe) -> Iterator[Any]:
    """The model's own, none, or zeros for its first recurrent layer, as a pair and alone."""
    own = _initial_state(probe)
    if own is not None:
        yield own
    yield None
    for module in list(recurrent_modules(probe.model).values())[:1]:
        if isinstance(module, nn.RNNBase):
            rows = rows_of_state(module)
            h = torch.zeros(rows, probe.batch, module.proj_size or module.hidden_size)
            c = torch.zeros(rows, probe.batch, module.hidden_size)
        else:
            h = c = torch.zeros(probe.batch, int(module.hidden_size))  # type: ignore[arg-type]
        if isinstance(module, nn.LSTM | nn.LSTMCell):
            yield h, c
        yield h


def _targets(probe: Probe) -> Iterator[Any]:
    """x itself; tokens for a second language, whose vocabulary may be smaller."""
    yield probe.x
    sizes = [m.num_embeddings for m in probe.model.modules() if isinstance(m, nn.Embedding)]
    if sizes and not probe.x.is_floating_point():
        yield probe.x % min(sizes)
    yield None


_MEANINGS: tuple[tuple[str, Callable[[Probe], Iterator[Any]]], ...] = (
    (_LENGTHS.pattern, _lengths),
    (r"^(batch_size|bs|bsz|batch)$", lambda probe: iter([probe.batch])),
    (r"mask", _masks),
    (r"hid|state|^h_?\d?$|^c_?\d?$|hx|hc|prev|init|memory|carry|^hn$|^cn$", _states),
    (r"", _targets),
)


def _initial_state(probe: Probe) -> Any:
    """The state from the model's own ``init_hidden``, where it has one."""
    methods = [getattr(probe.model, name, None) for name in _INITS]
    for method in filter(callable, methods):
        for arguments in ((probe.batch,), (probe.x,), ()):
            try:
                return method(*arguments)
            except Exception:
                continue
    return None


def _fresh(value: Any) -> Any:
    """A copy down to the tensors, since some models sort or overwrite their lengths in place."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {name: _fresh(part) for name, part in value.items()}
    return type(value)(map(_fresh, value)) if isinstance(value, (list, tuple)) else value


_NO_TAG = -1


class AmbiguousOutput(Exception):
    """A list as long as the batch, of tensors as long as the batch: either axis may be it."""


def output_tensors(outputs: Any, axes: tuple[str, ...], batch: int) -> list[torch.Tensor]:
    """Every tensor that a model returned, in order.

    Args:
        outputs: a tensor, or tensors in tuples, lists, dictionaries and objects; NumPy arrays
            and lists of numbers count as tensors.
        axes: the leading axes of the output, which say where a list's own axis goes.
        batch: the number of samples, which tells a list of heads from a list of steps.

    Raises:
        AmbiguousOutput: with this number of samples, nobody can tell what a list is a list of.
    """
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    if isinstance(outputs, PackedSequence):
        return [pad_packed_sequence(outputs, batch_first=axes[0] == "batch")[0]]
    numbers = _numbers(outputs)
    joined = _joined(outputs, axes, batch) if numbers is None else numbers
    if joined is not None:
        return [joined]
    return [tensor for part in parts_of(outputs) for tensor in output_tensors(part, axes, batch)]


def _numbers(outputs: Any) -> torch.Tensor | None:
    """A NumPy array, or lists of numbers (decoded tags, shorter ones padded), as a tensor."""
    is_array = type(outputs).__module__ == "numpy"
    is_table = isinstance(outputs, list) and bool(outputs) and isinstance(outputs[0], (int, list))
    if not (is_array or is_table):
        return None
    if is_table and all(isinstance(row, list) for row in outputs):
        widest = max(map(len, outputs))
        outputs = [row + [_NO_TAG] * (widest - len(row)) for row in outputs]
    try:
        return torch.as_tensor(outputs)
    except (TypeError, ValueError):
        return None


def _joined(parts: Any, axes: tuple[str, ...], batch: int) -> torch.Tensor | None:
    """A list of one tensor a sample, or one a time step, as one tensor; None for heads."""
    if type(parts) is not list or len(parts) < 2:
        return None
    if not all(isinstance(part, torch.Tensor) for part in parts):
        return None
    shapes = {part.shape for part in parts}
    first, count = parts[0].shape, len(parts)
    if count == batch and len(first) and len({shape[1:] for shape in shapes}) == 1:
        if shapes == {first} and first[0] == batch:
            raise AmbiguousOutput(
                f"The model returns a list of {count} tensors {list(first)}, and x has {batch} "
                "samples: whether the list or its tensors go along the batch, nobody can tell."
            )
        if not (shapes == {first} and _is_whole(first, axes, batch)):
            return pad_sequence(parts, batch_first=True).movedim(0, axes.index("batch"))
    if count < 3 or shapes != {first} or _is_whole(first, axes, batch):
        return None
    own = axes.index("time") if "time" in axes and len(axes) > 1 else 0
    return torch.stack(parts, dim=min(own, len(first)))


def _is_whole(shape: torch.Size, axes: tuple[str, ...], batch: int) -> bool:
    """Whether each tensor of a list has all the axes by itself, as the heads of a model do."""
    if axes == ("time", "batch"):
        return len(shape) > 1 and shape[0] != batch == shape[1]
    return axes == ("batch",) and len(shape) > 0 and shape[0] == batch
