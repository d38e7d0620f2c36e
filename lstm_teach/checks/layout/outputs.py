"""Every tensor in what a model returns; a list of steps or of samples becomes one tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

from lstm_teach.layouts import parts_of

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
