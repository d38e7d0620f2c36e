"""Calling a learner's model as it was brought, and the tensors that it returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.layouts import parts_of

LONGEST_FORWARD = 60.0
"""Seconds after which a forward pass counts as endless; a large model may be slow, and right."""

UNWATCHED = (torch.jit.ScriptModule,)
"""Modules that run without Python, so that nobody can look into them."""

_LENGTHS = re.compile(r"len|sizes")
_STARTS = ("init_hidden", "initHidden", "init_state", "init_hidden_state", "init_states")


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside DataParallel, DistributedDataParallel and torch.compile."""
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        inner = model.module if isinstance(model, parallel) else getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def calling(
    model: nn.Module, x: Any, lengths: Tensor | None, call: Callable[[Any, Any], Any] | None
) -> Callable[[Any], Any] | Report:
    """How to run the model on what stands for x.

    Lengths are handed on where ``forward`` has an argument for them. Whatever else it wants is
    the caller's to give.

    Returns:
        A function of x, or the report that says what is missing.
    """
    if call is not None:
        return lambda value: call(model, value)
    parameters = _parameters(model)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in parameters]
    taken = 1
    how: Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]
    if isinstance(x, dict) and set(x) <= set(names) and "x" not in x:
        taken, how = 0, lambda value: ((), dict(value))
        parameters = [p for p in parameters if p.name not in x]
    elif isinstance(x, (tuple, list)) and 1 < len(x) <= len(positional):
        taken, how = len(x), lambda value: (tuple(value), {})
    else:
        how = lambda value: ((value,), {})  # noqa: E731
    rest = [p for p in parameters[taken:] if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    wanted = [p.name for p in rest if p.default is p.empty]
    handed: dict[str, Any] = {}
    if lengths is not None and not isinstance(x, PackedSequence):
        takers = [p.name for p in rest if _LENGTHS.search(p.name.lower())]
        handed = dict.fromkeys((takers or (wanted if len(wanted) == 1 else []))[:1], lengths)
    missing = [name for name in wanted if name not in handed]
    if missing:
        return _asks_for(model, missing, wanted)

    def run(value: Any) -> Any:
        args, kwargs = how(value)
        # Some models sort or overwrite their lengths in place.
        return model(*args, **kwargs, **{name: one.clone() for name, one in handed.items()})

    return run


def _parameters(model: nn.Module) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        return []


def _asks_for(model: nn.Module, missing: list[str], wanted: list[str]) -> Report:
    line = f"check_layout(model, x, call=lambda model, x: model(x, {', '.join(wanted)}))"
    several = len(missing) > 1
    named = " and ".join(f"`{name}`" for name in missing)
    return Report(
        "cannot_check",
        f"`{type(model).__name__}.forward` wants {named} beside x, and this check makes up no "
        f"argument. Give {'them' if several else 'it'} as you do in training, made for this x: "
        f"`{line}`. Where `forward` returns more than you want judged, "
        "take it there: `...)[0]`.",
        headline=f"`forward` wants {named} beside x",
    )


def first_run(begin: Callable[[], Any], model: nn.Module) -> Any:
    """What the model returns for x as it was given, or the report on its first exception."""

    def forward() -> Any:
        return begin()

    forward.__name__ = f"{type(model).__name__}.forward"  # the learner's, for a report
    result = run_in_time(forward, seconds=LONGEST_FORWARD)
    start = next((name for name in _STARTS if callable(getattr(model, name, None))), None)
    if isinstance(result, Report) and result.verdict == "raises" and start:
        line = f"(setattr(model, 'hidden', model.{start}(len(x))), model(x))[1]"
        return Report(
            "cannot_check",
            f"{result.message}\nYour model has a method `{start}`: where it must be called before "
            f"each batch, say so with `call=lambda model, x: {line}`, with the arguments that it "
            "takes.",
            headline=f"the model may want its `{start}` first",
        )
    return result


def output_tensors(
    outputs: Any, axes: list[str], batch: int, name: str = ""
) -> list[tuple[str, Tensor]]:
    """Every tensor that a model returned, with the name by which the learner reaches it.

    Args:
        outputs: a tensor, or tensors in tuples, lists, dictionaries and objects.
        axes: the leading axes of the output, which say where a list's own axis goes.
        batch: the number of samples, which tells a list of heads from a list of steps.
        name: how the caller reaches this part: ``[0]``, ``['logits']``; ``[:]`` for a list whose
            own axis may be the batch as well as that of its tensors.
    """
    if isinstance(outputs, Tensor):
        return [(name, outputs)]
    if isinstance(outputs, PackedSequence):
        return [(name, pad_packed_sequence(outputs, batch_first=axes[0] == "batch")[0])]
    if _is_square(outputs, batch):
        return [(f"{name}[:]", torch.stack(outputs))]
    if (joined := _joined(outputs, axes, batch)) is not None:
        return [(name, joined)]
    named: Any = enumerate(parts_of(outputs))
    if isinstance(outputs, Mapping):
        named = ((repr(key), part) for key, part in outputs.items())
    elif hasattr(outputs, "_asdict"):
        named = outputs._asdict().items()
    found = []
    for key, part in named:
        own = f".{key}" if hasattr(outputs, "_asdict") else f"[{key}]"
        found += output_tensors(part, axes, batch, name + own)
    return found


def _is_square(parts: Any, batch: int) -> bool:
    """Whether parts are a list as long as the batch, of tensors as long as the batch."""
    if type(parts) is not list or len(parts) != batch or batch < 2:
        return False
    shapes = {getattr(part, "shape", None) for part in parts}
    first = shapes.pop()
    return not shapes and isinstance(first, torch.Size) and len(first) > 0 and first[0] == batch


def _joined(parts: Any, axes: list[str], batch: int) -> Tensor | None:
    """A list of one tensor a sample, or one a time step, as one tensor; None for heads."""
    if type(parts) is not list or len(parts) < 2:
        return None
    if not all(isinstance(part, Tensor) for part in parts):
        return None
    shapes = {part.shape for part in parts}
    first, count = parts[0].shape, len(parts)
    is_whole = shapes == {first} and _is_whole(first, axes, batch)
    if count == batch and first and len({shape[1:] for shape in shapes}) == 1 and not is_whole:
        return pad_sequence(parts, batch_first=True).movedim(0, axes.index("batch"))
    if count < 3 or shapes != {first} or is_whole:
        return None
    own = axes.index("time") if "time" in axes and len(axes) > 1 else 0
    return torch.stack(parts, dim=min(own, len(first)))


def _is_whole(shape: torch.Size, axes: list[str], batch: int) -> bool:
    """Whether each tensor of a list has all the axes by itself, as the heads of a model do."""
    if axes == ["time", "batch"]:
        return len(shape) > 1 and shape[0] != batch == shape[1]
    return axes == ["batch"] and len(shape) > 0 and shape[0] == batch
