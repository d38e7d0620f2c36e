"""Which steps, layers and directions of a recurrent layer an output reads, from gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from lstm_teach.checks.layout.record import Call


@dataclass
class Reading:
    """What one output row reads of what leaves one walk: each [places, cols], True where read."""

    output: torch.Tensor
    backward: torch.Tensor
    h: torch.Tensor
    c: torch.Tensor


def reading_of(calls: list[Call], read: Mapping[tuple[int, str], torch.Tensor | None]) -> Reading:
    """What is read of one walk.

    Args:
        calls: the calls of which the walk is made.
        read: the gradient of an output at each tap, by the call's id and the tap's name.
    """
    cols = calls[0].inputs.shape[1]
    none = torch.zeros(0, cols, dtype=torch.bool)

    def marked(call: Call, key: str, part: slice = slice(None)) -> torch.Tensor | None:
        gradient = read.get((id(call), key))
        return None if gradient is None else (gradient[..., part] != 0).any(-1)

    forward, backward, h, c = [], [], none, none
    for call in calls:
        steps = torch.zeros(call.steps, cols, dtype=torch.bool)
        if call.is_cell:
            forward.append(_or(steps, marked(call, "h")))
            backward.append(steps)
            c = _or(none, marked(call, "c")) if c.numel() == 0 else _or(c, marked(call, "c"))
            continue
        gradient = read.get((id(call), "output"))
        half = None if gradient is None else gradient.shape[-1] // call.directions
        split = slice(half, None) if call.directions == 2 else slice(0, 0)
        forward.append(_or(steps, marked(call, "output", slice(0, half))))
        backward.append(_or(steps, marked(call, "output", split)))
        rows = torch.zeros(call.layers * call.directions, cols, dtype=torch.bool)
        h = _or(rows, marked(call, "h")) | (h if h.numel() else rows)
        c = _or(rows, marked(call, "c")) | (c if c.numel() else rows)
    return Reading(torch.cat(forward), torch.cat(backward), h, c)


def _or(base: torch.Tensor, marked: torch.Tensor | None) -> torch.Tensor:
    return base if marked is None else marked if base.numel() == 0 else base | marked
