"""Calling a learner's model as it was brought, and the tensors that it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

from lstm_teach.checks.bringing import signature_of
from lstm_teach.checks.layout.given import CannotTell, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.layouts import parts_of

LONGEST_FORWARD = 60.0
"""Seconds after which a forward pass counts as endless; a large model may be slow, and right."""

_STARTS = ("init_hidden", "initHidden", "init_state", "init_states")


def usual_call(model: nn.Module, x: Any, lengths: Tensor | None) -> Callable[[Any, Any], Any]:
    """How to run a model on what stands for x, where the caller does not say.

    Lengths are handed on where ``forward`` has an argument for them. Whatever else it wants is
    the caller's to give.

    Raises:
        CannotTell: it wants more.
    """
    parameters = signature_of(model.forward).parameters.values()
    single = [p for p in parameters if not p.kind.name.startswith("VAR")]
    is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    by_name = isinstance(x, Mapping) and {*x} <= {p.name for p in single}
    is_row = isinstance(x, (tuple, list)) and not isinstance(x, PackedSequence)
    count = len(x) if is_row and (is_open or 1 < len(x) <= len(single)) else 1
    rest = [p for p in single if p.name not in x] if by_name else single[count:]
    wanted = [p.name for p in rest if p.default is p.empty]
    handed: dict[str, Tensor] = {}
    if lengths is not None and not isinstance(x, PackedSequence):
        takers = [p.name for p in rest if "len" in p.name.lower() or "sizes" in p.name.lower()]
        handed = dict.fromkeys((takers or wanted * (len(wanted) == 1))[:1], lengths)
    missing = " and ".join(f"`{name}`" for name in wanted if name not in handed)
    if missing:
        name = type(model).__name__
        raise CannotTell(told("wants_more", missing=missing, model=name, wanted=", ".join(wanted)))

    def run(model: nn.Module, value: Any) -> Any:
        # Some models sort or overwrite their lengths in place.
        more = {name: one.clone() for name, one in handed.items()}
        if by_name:
            return model(**value, **more)
        return model(*(value if count > 1 else (value,)), **more)

    return run


def first_run(t: Any, model: nn.Module, x: Any) -> None:
    """Run the model on x, None where `call=` says how; a pair may be one argument or several.

    Raises:
        CannotTell: with the report on its exception, or that it is a stub.
    """

    def forward() -> Any:
        return t.begin()

    forward.__name__ = f"{type(model).__name__}.forward"  # the learner's, for a report
    report = run_in_time(forward, seconds=LONGEST_FORWARD, made_up=False)
    if not isinstance(report, Report):
        return
    error = report.message.partition("\n")[0]
    parameters = signature_of(model.forward).parameters.values()
    is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if is_open and "required positional" in error:
        raise CannotTell(told("takes_anything", error=error))
    if isinstance(x, tuple) and (is_open or any(p.default is not p.empty for p in parameters)):
        raise CannotTell(told("one_or_several", error=error))
    is_lacking = "AttributeError" in error and repr(type(model).__name__) in error
    start = next((name for name in _STARTS if hasattr(model, name)), None)
    if is_lacking and start is not None and x is not None:
        wanted = told("wants_its_start", start=start)
        report = replace(wanted, message=f"{report.message}\n{wanted.message}")
    raise CannotTell(report)


def output_tensors(
    outputs: Any, axes: list[str], batch: int, name: str = ""
) -> list[tuple[str, Tensor]]:
    """Every tensor that a model returned in tuples, lists, dictionaries and objects, with the name
    by which the learner reaches it: ``[0]``, ``['logits']``.

    The leading axes of the output say where a list's own axis goes, and the number of samples tells
    a list of heads from a list of steps.
    """
    if isinstance(outputs, Tensor):
        return [(name, outputs)]
    if isinstance(outputs, PackedSequence):
        return [(name, pad_packed_sequence(outputs, batch_first=axes[:1] == ["batch"])[0])]
    if type(outputs) is list and len(outputs) > 1 and all(map(torch.is_tensor, outputs)):
        joined = _joined(outputs, axes, batch)
        if joined is not None:
            return [(name, joined)]
    if isinstance(outputs, Mapping):
        named = [(f"[{key!r}]", part) for key, part in outputs.items()]
    else:
        named = [(f"[{number}]", part) for number, part in enumerate(parts_of(outputs))]
    return [found for own, part in named for found in output_tensors(part, axes, batch, name + own)]


def _joined(parts: list[Tensor], axes: list[str], batch: int) -> Tensor | None:
    """A list of one tensor a sample, or one a time step, as one tensor; None for heads."""
    shapes, first = {part.shape for part in parts}, parts[0].shape
    place = [name for name in axes if name != "time"].index("batch") if "batch" in axes else 0
    has_batch = len(shapes) == 1 and first[place : place + 1] == (batch,)
    if len(parts) == batch and not has_batch and first and len({s[1:] for s in shapes}) == 1:
        return pad_sequence(parts, batch_first=True).movedim(0, axes.index("batch"))
    if has_batch and (len(parts) == batch or ("time" in axes and len(parts) > 2)):
        return torch.stack(parts, dim=axes.index("time") if "time" in axes else 0)
    return None
