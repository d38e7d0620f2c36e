"""Calling a learner's model with what its forward wants, and reading what it returns."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

from lstm_teach.checks.layout.probe import Probe
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_learner

_LENGTHS = re.compile(r"len|lens|lengths|sizes")
_STATE = re.compile(r"hid|state|^h_?\d?$|^c_?\d?$|hx|hc|prev|init|memory|carry|^hn$|^cn$")
_MASK = re.compile(r"mask")
_INITS = (
    "init_hidden",
    "initHidden",
    "init_state",
    "init_hidden_state",
    "init_states",
    "begin_state",
)
_TRIES = 12
_NO_TAG = -1

Call = Callable[[torch.Tensor], Any]


def calling(probe: Probe, rewind: Callable[[], None]) -> Call | Report:
    """Find arguments with which the model runs on the probe.

    Lengths are handed on where ``forward`` has an argument for them; a state comes from the
    model's own ``init_hidden``; a target is x as it is, the same in every run.

    Returns:
        A function of x, or the report on the first exception.
    """
    first: Report | None = None
    for prepare, extra in itertools.islice(_ways(probe), _TRIES):

        def call(x: torch.Tensor, prepare: Any = prepare, extra: Any = extra) -> Any:
            rewind()
            if prepare is not None:
                prepare()
            # Fresh containers each time: some models sort or overwrite their lengths in place.
            return probe.model(x, **{name: _copy(value) for name, value in extra.items()})

        with torch.no_grad():
            result = run_learner(call, probe.x.clone())
        if not isinstance(result, Report):
            return call
        first = result if first is None else first  # A report of an error is false.
    assert first is not None
    return first


def _ways(probe: Probe) -> Iterator[tuple[Callable[[], Any] | None, dict[str, Any]]]:
    """Ways to call, likeliest first: (what to do before, the further arguments)."""
    optional, required = _parameters(probe.model)
    names = [*required, *(name for name in optional if _is_lengths(name))]
    if probe.lengths is None:
        names = list(required)
    options = [list(_values(name, probe)) for name in names]
    plans: list[dict[str, Any]] = [
        dict(zip(names, values, strict=True)) for values in itertools.product(*options)
    ]
    prepare = _preparation(probe)
    for plan in plans:
        yield None, plan
    if prepare is not None:
        for plan in plans:
            yield prepare, plan
    if probe.lengths is not None and not required:
        yield None, {}


def _parameters(model: nn.Module) -> tuple[list[str], list[str]]:
    """The names of forward's arguments after x: with a default, and without one."""
    try:
        every = list(inspect.signature(model.forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return [], []
    plain = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    optional = [p.name for p in plain if p.default is not p.empty]
    return optional, [p.name for p in plain if p.default is p.empty]


def _is_lengths(name: str) -> bool:
    return bool(_LENGTHS.search(name.lower()))


def _values(name: str, probe: Probe) -> Iterator[Any]:
    """What may be meant by an argument of this name, likeliest first."""
    lowered = name.lower()
    if _is_lengths(lowered):
        full = torch.full((probe.batch,), probe.time, dtype=torch.long)
        lengths = full if probe.lengths is None else probe.lengths
        yield from (lengths, lengths.tolist(), probe.time)
    elif lowered in ("batch_size", "bs", "bsz", "batch"):
        yield probe.batch
    elif _MASK.search(lowered):
        real = torch.ones(probe.x.shape[: len(probe.axes)], dtype=torch.bool)
        yield from (real, real.float(), ~real)
    elif _STATE.search(lowered):
        made = _initial_state(probe)
        if made is not None:
            yield made
        yield from (None, *_zero_states(probe))
    else:
        yield from (probe.x, *_within_every_vocabulary(probe), None)


def _within_every_vocabulary(probe: Probe) -> Iterator[torch.Tensor]:
    """Tokens for a second language, whose vocabulary may be smaller."""
    sizes = [m.num_embeddings for m in probe.model.modules() if isinstance(m, nn.Embedding)]
    if sizes and not probe.x.is_floating_point():
        yield probe.x % min(sizes)


def _initial_state(probe: Probe) -> Any:
    """The state from the model's own ``init_hidden``, where it has one."""
    for name in _INITS:
        method = getattr(probe.model, name, None)
        if callable(method):
            for arguments in ((probe.batch,), (probe.x,), ()):
                try:
                    return method(*arguments)
                except Exception:
                    continue
    return None


def _preparation(probe: Probe) -> Callable[[], Any] | None:
    """Some models want ``model.hidden = model.init_hidden(batch)`` before each call."""
    if not any(callable(getattr(probe.model, name, None)) for name in _INITS):
        return None

    def prepare() -> None:
        state = _initial_state(probe)
        if state is not None:
            probe.model.hidden = state

    return prepare


def _zero_states(probe: Probe) -> Iterator[Any]:
    for module in probe.model.modules():
        if isinstance(module, nn.RNNBase):
            rows = module.num_layers * (2 if module.bidirectional else 1)
            h = torch.zeros(rows, probe.batch, module.proj_size or module.hidden_size)
            c = torch.zeros(rows, probe.batch, module.hidden_size)
        elif isinstance(module, nn.RNNCellBase):
            h = c = torch.zeros(probe.batch, module.hidden_size)
        else:
            continue
        yield (h, c) if isinstance(module, (nn.LSTM, nn.LSTMCell)) else h
        yield h
        return


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(part) for part in value)
    return value


def output_tensors(outputs: Any, axes: tuple[str, ...], batch: int) -> list[torch.Tensor]:
    """Every tensor that a model returned, in order; a list of equal steps becomes one tensor.

    Args:
        outputs: a tensor, or tensors in tuples, lists, dictionaries and objects.
        axes: the leading axes of the output, which say where a list's own axis goes.
        batch: the number of samples, which tells a list of heads from a list of steps.
    """
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    if isinstance(outputs, PackedSequence):
        return [pad_packed_sequence(outputs, batch_first=axes[0] == "batch")[0]]
    if (numbers := _numbers(outputs)) is not None:
        return [numbers]
    if isinstance(outputs, Mapping):
        parts: list[Any] = list(outputs.values())
    elif isinstance(outputs, (list, tuple)):
        parts = list(outputs)
        if _are_samples(outputs, axes, batch):
            padded = pad_sequence(parts, batch_first=True)
            return [padded.movedim(0, axes.index("batch"))]
        if _are_steps(outputs) and not _is_whole(parts, axes, batch):
            own = axes.index("time") if "time" in axes and len(axes) > 1 else 0
            return [torch.stack(parts, dim=min(own, parts[0].dim()))]
    elif hasattr(outputs, "__dict__") and not isinstance(outputs, nn.Module):
        parts = list(vars(outputs).values())
    else:
        return []
    return [tensor for part in parts for tensor in output_tensors(part, axes, batch)]


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


def _are_steps(outputs: Any) -> bool:
    """A list of three tensors or more of one shape: one a time step, or one a sample."""
    return (
        type(outputs) is list
        and len(outputs) >= 3
        and all(isinstance(part, torch.Tensor) for part in outputs)
        and len({part.shape for part in outputs}) == 1
    )


def _is_whole(parts: list[torch.Tensor], axes: tuple[str, ...], batch: int) -> bool:
    """Whether each tensor of a list has all the axes by itself, as the heads of a model do."""
    shape = parts[0].shape
    if axes == ("time", "batch"):
        return len(shape) > 1 and shape[0] != batch == shape[1]
    one_each = len(shape) == 1 and len(parts) == batch
    return axes == ("batch",) and len(shape) > 0 and shape[0] == batch and not one_each


def _are_samples(parts: Any, axes: tuple[str, ...], batch: int) -> bool:
    """A list of one tensor a sample, each perhaps as long as its own sentence."""
    if type(parts) is not list or len(parts) != batch or batch < 2:
        return False
    if not all(isinstance(part, torch.Tensor) and part.dim() for part in parts):
        return False
    lengths = {part.shape[0] for part in parts}
    alike = len({part.shape[1:] for part in parts}) == 1
    return alike and (
        len(lengths) > 1 or (batch not in lengths and not _is_whole(parts, axes, batch))
    )
