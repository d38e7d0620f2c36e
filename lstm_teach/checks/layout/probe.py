"""The inputs a layout check feeds: x as given, x made better, and x changed in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.record import recurrent_modules, rows_of_state

_SIZES = (5, 4, 7, 3, 6, 8, 9, 10, 11, 13)


@dataclass(frozen=True)
class Probe:
    """An input with its axes named.

    Attributes:
        model: the learner's module, asked for its vocabulary and for stored sizes.
        x: the input.
        axes: the names of its leading axes.
        lengths: the real lengths of padded sentences, or None.
        changed: what was changed about the learner's x to make this one, in words.
    """

    model: nn.Module
    x: torch.Tensor
    axes: tuple[str, ...]
    lengths: torch.Tensor | None = None
    changed: str = ""

    def size(self, axis: str) -> int:
        """The size of a named axis; 1 where x has no such axis."""
        return self.x.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def batch(self) -> int:
        """The number of samples."""
        return self.size("batch")

    @property
    def time(self) -> int:
        """The number of time steps."""
        return self.size("time")

    @property
    def enough_batch(self) -> bool:
        """Whether there are enough samples to tell them from one another."""
        return "batch" not in self.axes or self.batch >= 3

    @property
    def enough_time(self) -> bool:
        """Whether there are enough time steps to tell them from one another."""
        return "time" not in self.axes or self.time >= 3

    @property
    def is_telling(self) -> bool:
        """Whether every known mistake shows with these sizes."""
        same = len(self.axes) == 2 and self.batch == self.time
        return self.enough_batch and self.enough_time and not same

    @cached_property
    def samples(self) -> list[int]:
        """A few samples to look at: the ends, the middle, the shortest and the longest."""
        if "batch" not in self.axes:
            return []
        picked = _spread(self.batch)
        if self.lengths is not None:
            picked |= {int(self.lengths.argmin()), int(self.lengths.argmax())}
        return sorted(picked)

    @cached_property
    def times(self) -> list[int]:
        """A few time steps to look at: the ends, the second, the middle."""
        if "time" not in self.axes:
            return []
        real = self.time if self.lengths is None else int(self.lengths.max())
        return sorted(_spread(min(real, self.time)))

    @cached_property
    def padded_left(self) -> bool:
        """Whether the pads of short samples stand before the words."""
        if self.lengths is None or len(self.axes) < 2:
            return False
        rows = self._batch_time()
        left = right = False
        for row, length in zip(rows, self.lengths.tolist(), strict=True):
            if 0 < length < self.time - 1:
                tail, head = row[length:], row[: self.time - length]
                right |= bool((tail == tail[:1]).all())
                left |= bool((head == head[:1]).all())
        return left and not right

    @property
    def pads(self) -> torch.Tensor:
        """Where x stands behind the end of its sample, as a mask that fits x; False without any."""
        if self.lengths is None or len(self.axes) < 2 or self.padded_left:
            return torch.zeros((), dtype=torch.bool)
        mask = torch.arange(self.time) >= self.lengths[:, None]
        mask = mask if self.axes[0] == "batch" else mask.t()
        return mask.reshape(*mask.shape, *[1] * (self.x.dim() - 2)).to(self.x.device)

    def altered(self, sample: int | None = None, time: int | None = None) -> torch.Tensor:
        """A copy of x in which one sample, or one time step of all samples, is another."""
        index: list[Any] = [slice(None)] * self.x.dim()
        if sample is not None:
            index[self.axes.index("batch")] = sample
        if time is not None:
            index[self.axes.index("time")] = time
        result = self.x.clone()
        result[tuple(index)] = self._other[tuple(index)]
        return result

    @cached_property
    def _other(self) -> torch.Tensor:
        """Another x that differs everywhere, except that pads stay pads."""
        x, lead = self.x, len(self.axes)
        frames = x.reshape(x.shape[:lead].numel(), -1)
        keep = self._kept(frames)
        if x.is_floating_point() and not _is_discrete(x):
            noise = torch.randn(frames.shape, generator=torch.Generator().manual_seed(1))
            finite = x[torch.isfinite(x)]
            scale = finite.std() if finite.numel() > 1 and finite.std() > 0 else torch.ones(())
            other = frames + (noise.to(x.device, x.dtype) * scale)
        else:
            other = self._other_frames(frames, keep)
        return torch.where(keep[:, None], frames, other).reshape(x.shape)

    def _kept(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames that must stay: pads, and marks that stand once in every sample."""
        keep = (frames == 0).all(1)
        if frames.shape[1] == 1 and not frames.is_floating_point():
            for module in self.model.modules():
                if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                    keep |= frames[:, 0] == module.padding_idx
        if self.axes == ("batch",) or keep.all() or len(frames[~keep].unique(dim=0)) < 2:
            keep = torch.zeros_like(keep)
        if self.lengths is not None and len(self.axes) == 2:
            place = torch.arange(self.time)[None]
            lengths = self.lengths[:, None]
            pads = place < self.time - lengths if self.padded_left else place >= lengths
            keep |= (pads if self.axes[0] == "batch" else pads.t()).reshape(-1).to(keep.device)
        if frames.shape[1] == 1 and _is_discrete(frames) and len(self.axes) == 2:
            marks = self._marks()
            if len(frames[~(keep | marks)].unique()) >= 2:
                keep = keep | marks
        return keep

    def _marks(self) -> torch.Tensor:
        """Tokens that stand exactly once in every sample: begin and end marks."""
        rows = self._batch_time()
        marked = torch.zeros_like(rows, dtype=torch.bool)
        if self.batch > 1 and self.time > 2:
            for token in rows[0].unique():
                if ((rows == token).sum(1) == 1).all():
                    marked |= rows == token
        return (marked if self.axes[0] == "batch" else marked.t()).reshape(-1)

    def _batch_time(self) -> torch.Tensor:
        return self.x if self.axes[0] == "batch" else self.x.transpose(0, 1)

    def _other_frames(self, frames: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """For each frame another one that x holds elsewhere: range and type are then right."""
        pool, place = frames.unique(dim=0, return_inverse=True)
        allowed = torch.ones(len(pool), dtype=torch.bool, device=pool.device)
        allowed[place[keep]] = False
        if allowed.sum() < 2:
            return (frames - 1).abs()  # One token down, or 0 up: within every vocabulary.
        count = int(allowed.sum())
        number = (torch.cumsum(allowed, 0) - 1).clamp(min=0)[place]
        step = 1 + torch.arange(len(frames), device=pool.device) % (count - 1)
        return pool[allowed][(number + step) % count]

    def others(self) -> Iterator[Probe]:
        """Inputs of other sizes, made of the same rows: first those that show every mistake.

        A size that the model stores under a telling name (``batch_size``, ``seq_len``) is
        left alone: such a model would cut the new input into wrong pieces.
        """
        taken = {*self.x.shape, *map(rows_of_state, recurrent_modules(self.model).values())}
        first, second, *_ = (n for n in _SIZES if n not in taken)
        plans = (
            {"batch": first},
            {"time": max(self.time + 1, first)},
            {"time": second, "batch": first},
        )
        probes = [self._resized(plan) for plan in plans if all(map(self._is_free, plan))]
        yield from (probe for probe in probes if probe.is_telling)
        if not self.enough_batch and not self.enough_time:
            yield from (probe for probe in probes if not probe.is_telling)

    def _is_free(self, axis: str) -> bool:
        names = {"batch": "batch|bs|bsz", "time": "seq|len|time|step|window"}[axis]
        return axis in self.axes and not any(
            type(value) is int and value == self.size(axis) and re.search(names, name.lower())
            for module in self.model.modules()
            if not type(module).__module__.startswith("torch.nn")
            for name, value in vars(module).items()
        )

    def _resized(self, sizes: dict[str, int]) -> Probe:
        x, lengths, changes = self.x, self.lengths, []
        for axis, size in sizes.items():
            place, old = self.axes.index(axis), self.size(axis)
            rows = torch.arange(size) % old
            x = x.index_select(place, rows.to(x.device))
            if lengths is not None and axis == "batch":
                lengths = lengths[rows]
            elif lengths is not None:
                lengths = torch.where(lengths == old, size, lengths.clamp(max=size))
            changes.append(f"{axis} {old} -> {size}")
        return replace(self, x=x, lengths=lengths, changed=", ".join(changes))


def as_lengths(lengths: Any) -> torch.Tensor | None:
    """Lengths as a tensor on the CPU."""
    if lengths is None:
        return None
    given = lengths if isinstance(lengths, torch.Tensor) else torch.as_tensor(list(lengths))
    return given.detach().cpu().long()


def _spread(size: int) -> set[int]:
    return {n for n in (0, 1, size // 2, size - 1) if n < size}


def _is_discrete(x: torch.Tensor) -> bool:
    if not x.is_floating_point():
        return True
    return bool((x == x.round()).all()) and len(x.unique()) > 1


def shape_words(shape: Sequence[int], names: Sequence[str]) -> str:
    """A shape with the names of its leading axes: ``[batch=4, time=7, 10]``."""
    named = [f"{name}={size}" for name, size in zip(names, shape, strict=False)]
    return f"[{', '.join([*named, *map(str, shape[len(names) :])])}]"
