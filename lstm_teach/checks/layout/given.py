"""What the caller gives: axes by name, x, and x with one sample or one time step replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

_OTHER_WORDS = {"seq_len": "time", "seq": "time", "steps": "time", "batch_size": "batch"}


@dataclass(frozen=True)
class Axes:
    """The leading axes of a tensor by name; several names on one axis are folded into it.

    Attributes:
        names: for each axis its names, slowest first; "" has no name.
        sizes: the sizes that are known of names.
    """

    names: tuple[tuple[str, ...], ...]
    sizes: Mapping[str, int]

    @classmethod
    def read(cls, axes: Any) -> Axes:
        """Read the axes as a person writes them: ``("batch", None, "time")``, ``("time*batch",)``.

        A name may carry its size: ``"time*batch=4"``.

        Raises:
            ValueError: this names no axes; what it says goes on from the argument's name.
        """
        axes = (axes,) if isinstance(axes, str) or axes is None else axes
        if not isinstance(axes, (tuple, list)) or not axes:
            raise ValueError(f"is a {type(axes).__name__}, not a tuple of names")
        names, sizes = [], {}
        for axis in axes:
            if not isinstance(axis, str | None):
                raise ValueError(f"holds {axis!r}, which is no name")
            factors = []
            for factor in (axis or "").split("*"):
                name, _, size = factor.partition("=")
                name = _OTHER_WORDS.get(name.strip(), name.strip())
                if size:
                    if not size.strip().isdigit():
                        raise ValueError(f"gives `{name}` a size that is no whole number: {size}")
                    sizes[name] = int(size)
                factors.append(name)
            names.append(tuple(factors))
        flat = [name for factors in names for name in factors]
        if flat.count("batch") > 1 or flat.count("time") > 1:
            raise ValueError("names the same axis twice")
        return cls(tuple(names), sizes)

    @property
    def flat(self) -> list[str]:
        """All names, the folded ones one after the other."""
        return [name for factors in self.names for name in factors]

    @property
    def is_folded(self) -> bool:
        """Whether an axis holds several."""
        return any(len(factors) > 1 for factors in self.names)

    def __contains__(self, name: str) -> bool:
        """Whether one of the axes has this name."""
        return name in self.flat

    def knowing(self, **sizes: int) -> Axes:
        """The same axes, with these sizes known as well."""
        return Axes(self.names, {**sizes, **self.sizes})

    def unfolded(self, shape: Sequence[int]) -> list[int] | None:
        """A shape with its folded axes apart; None where it does not fit."""
        if len(shape) < len(self.names):
            return None
        apart: list[int] = []
        for size, factors in zip(shape, self.names, strict=False):
            known = [self.sizes.get(name) for name in factors]
            rest, odd = divmod(size, max(1, prod(n for n in known if n)))
            if odd or known.count(None) > 1 or (None not in known and rest != 1):
                return None
            apart += [rest if n is None else n for n in known]
        return apart + list(shape[len(self.names) :])

    def to_front(self, tensor: Tensor, *first: str) -> Tensor:
        """The tensor unfolded, the axes of these names first; a view where torch has one."""
        flat = self.flat
        places = [flat.index(name) for name in first]
        apart = tensor.reshape(self.unfolded(tensor.shape) or tensor.shape)
        return apart.movedim(places, list(range(len(places))))

    def words(self, shape: Sequence[int]) -> str:
        """A shape with the names of its axes: ``[batch=4, time=7, 6]``."""
        named = [
            f"{'*'.join(n or '?' for n in factors)}={size}" if any(factors) else str(size)
            for size, factors in zip(shape, self.names, strict=False)
        ]
        return f"[{', '.join([*named, *map(str, shape[len(self.names) :])])}]"


def sized_by_layers(axes: Axes, x: Any, met: Callable[[], list[Any]]) -> Axes:
    """Folded axes with the number of samples that the recurrent layers walk side by side.

    Raises:
        CannotTell: neither the axes nor the layers tell the sizes.
    """
    shape = next((t.shape for t in tensors_in(x) if t.dim() >= len(axes.names)), None)
    if shape is None or axes.unfolded(shape) is not None:
        return axes
    for factors, size in zip(axes.names, shape, strict=False):
        if set(factors) != {"batch", "time"} or axes.sizes:
            continue
        calls = met()
        for call in calls:
            cols = call.inputs.shape[1]
            steps = sum(
                len(one.inputs)
                for one in calls
                if one.module is call.module and one.inputs.shape[1] == cols
            )
            if steps * cols == size and min(steps, cols) > 1:
                return axes.knowing(batch=cols)
    folded = next(factors for factors in axes.names if len(factors) > 1)
    raise CannotTell(
        f"one axis of x, {axes.words(shape)}, holds several, and nothing tells their sizes. Say "
        f'how many: `("{"*".join(folded)}=4",)` where there are 4 of the last'
    )


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in dictionaries, lists and tuples, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from tensors_in(part)


def with_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same dictionaries, lists and tuples, each tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return type(value)((name, with_tensors(part, change)) for name, part in value.items())
    if isinstance(value, (list, tuple)):
        parts = [with_tensors(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


class CannotTell(Exception):
    """This x cannot tell; the text says what to give."""


class Given:
    """x with its axes by name.

    Attributes:
        value: x as it was given: a tensor, or tensors in a dictionary or a tuple.
        axes: its axes.
        lengths: the real lengths of padded samples, [batch], or None.
        batch, time: the number of samples and of time steps; 1 where x has no such axis.
        samples, times: a few of each to look at.
    """

    def __init__(self, x: Any, axes: Axes, lengths: Tensor | None, padding: set[int]) -> None:
        """Take x, whose tensors with all these axes count, and masks that hold only 0 and 1 not.

        Raises:
            CannotTell: x has no tensor with these axes.
        """
        self.packed = x if isinstance(x, PackedSequence) else None
        if self.packed is not None:
            first = axes.flat.index("batch") < axes.flat.index("time") if "time" in axes else True
            x, lengths = pad_packed_sequence(self.packed, batch_first=first)
            self._batch_first = first
        self.value, self.lengths, self._padding = x, lengths, padding
        fitting = [t for t in tensors_in(x) if axes.unfolded(t.shape) is not None and t.numel()]
        telling = [t for t in fitting if not _is_mask(t)] or fitting
        if not telling:
            shapes = ", ".join(str(list(t.shape)) for t in tensors_in(x)) or "no tensor"
            raise CannotTell(
                f"x has the shape {shapes}, which has no room for the axes "
                f"{tuple('*'.join(names) or None for names in axes.names)}"
            )
        self.main, apart = telling[0], axes.unfolded(telling[0].shape) or []
        sizes = dict(zip(axes.flat, apart, strict=False))
        self.batch, self.time = sizes.get("batch", 1), sizes.get("time", 1)
        self.axes = axes.knowing(**{n: s for n, s in sizes.items() if n in ("batch", "time")})
        self.lead = [name for name in ("batch", "time") if name in axes]
        if lengths is not None and len(lengths) != self.batch and "batch" in axes:
            raise CannotTell(f"there are {len(lengths)} lengths for {self.batch} samples")
        if lengths is not None and int(lengths.max()) > self.time and "time" in axes:
            raise CannotTell(
                f"a length of {int(lengths.max())} is longer than x, "
                f"{self.axes.words(self.main.shape)}"
            )
        self.moving = {id(t) for t in telling if self.axes.unfolded(t.shape) is not None}
        self.samples = self._spread("batch", self.batch, 1)  # neighbours show a `view`
        if lengths is not None:
            self.samples = sorted({*self.samples, int(lengths.argmin()), int(lengths.argmax())})
        real = self.time if lengths is None else min(int(lengths.max()), self.time)
        late = self.time - real if self.pads_left else 0
        self.times = [late + n for n in self._spread("time", real)]
        self._others = {id(t): self._other(t) for t in tensors_in(x) if id(t) in self.moving}

    def _spread(self, name: str, size: int, *more: int) -> list[int]:
        return (
            sorted({0, size // 2, size - 1, *more} & set(range(size))) if name in self.lead else []
        )

    def canonical(self, tensor: Tensor) -> Tensor:
        """A tensor of x as [batch, time, ...], as far as it has these axes."""
        return self.axes.to_front(tensor, *self.lead)

    @cached_property
    def pads(self) -> Tensor:
        """Which frames are pads: [batch, time]; by the lengths, else by what looks like them."""
        if self.lead != ["batch", "time"]:
            return torch.zeros(
                [self.batch if "batch" in self.lead else self.time], dtype=torch.bool
            )
        place = torch.arange(self.time)
        if self.lengths is not None:
            short = self.lengths[:, None]
            return place < self.time - short if self.pads_left else place >= short
        looks = self._looks_like_pads()
        return looks[0] | looks[1]

    @cached_property
    def pads_left(self) -> bool:
        """Whether the pads of short samples stand before what is real."""
        if self.lead != ["batch", "time"]:
            return False
        if self.lengths is None:
            behind, before = self._looks_like_pads()
            return bool(before.any()) and not bool(behind.any())
        left = right = False
        rows = self.canonical(self.main)
        for row, length in zip(rows, self.lengths.tolist(), strict=True):
            if 0 < length < self.time - 1:
                tail, head = row[length:], row[: self.time - length]
                right |= bool((tail == tail[:1]).all())
                left |= bool((head == head[:1]).all())
        return left and not right

    def _looks_like_pads(self) -> tuple[Tensor, Tensor]:
        """Frames of nothing but zeros (or a padding_idx) that stand at one end of their sample."""
        frames = self.canonical(self.main).reshape(self.batch, self.time, -1).cpu()
        blank = (frames == 0).all(2)
        if frames.shape[2] == 1 and not frames.is_floating_point():
            for index in self._padding:
                blank |= frames[..., 0] == index
        none = torch.zeros_like(blank)
        behind = blank.flip(1).cumprod(1).flip(1).bool()
        before = blank.cumprod(1).bool()
        if blank.all(1).any():
            return none, none
        if (blank & ~behind).any():
            behind = none
        if (blank & ~before).any():
            before = none
        return behind, before

    def _other(self, tensor: Tensor) -> Tensor:
        """Another tensor that differs in every frame that is real, of frames that x holds."""
        rows = self.canonical(tensor)
        frames = rows.reshape(rows.shape[: len(self.lead)].numel(), -1)
        keep = self.pads.flatten().to(frames.device)
        keep = torch.zeros_like(keep) if keep.all() else keep
        weights = torch.cos(torch.arange(1.0, frames.shape[1] + 1, dtype=torch.float64))
        keys = frames.double().nan_to_num() @ weights.to(frames.device)
        pool, place = keys.unique(return_inverse=True)
        first = torch.zeros_like(pool, dtype=torch.long)
        first[place] = torch.arange(len(place), device=place.device)
        allowed = torch.ones_like(pool, dtype=torch.bool)
        allowed[place[keep]] = False
        count = int(allowed.sum())
        if count < 2:
            raise CannotTell(
                "the real frames of x are all the same, and so none can stand for another"
            )
        number = (allowed.cumsum(0) - 1).clamp(min=0)[place]
        step = 1 + torch.arange(len(frames), device=frames.device) % (count - 1)
        other = frames[first[allowed][(number + step) % count]]
        return torch.where(keep[:, None], frames, other).reshape(rows.shape)

    def altered(self, sample: int | None = None, time: int | None = None) -> Any:
        """x in which one sample, or one time step of all samples, is another."""
        index = [sample if name == "batch" else time for name in self.lead]
        at = tuple(slice(None) if place is None else place for place in index)

        def change(tensor: Tensor) -> Tensor:
            if id(tensor) not in self.moving:
                return tensor
            result = tensor.clone(memory_format=torch.contiguous_format)
            self.canonical(result)[at] = self._others[id(tensor)][at]
            return result

        return with_tensors(self.value, change)

    def longer(self) -> Any:
        """x with one more pad for each sample; None where it holds none to copy."""
        if self.packed is not None or self.axes.is_folded or not self.pads.any():
            return None
        sample, time = self.pads.nonzero()[0].tolist()

        def change(tensor: Tensor) -> Tensor:
            if id(tensor) not in self.moving:
                return tensor
            rows = self.canonical(tensor)
            pad = rows[sample, time].expand(len(rows), 1, *rows.shape[2:])
            joined = torch.cat((pad, rows) if self.pads_left else (rows, pad), 1)
            places = [self.axes.flat.index(name) for name in self.lead]
            return joined.movedim([0, 1], places).contiguous()

        return with_tensors(self.value, change)

    def handed(self, value: Any) -> Any:
        """A copy to hand to the model, packed again where x was packed."""
        if self.packed is None:
            return with_tensors(value, Tensor.clone)
        is_sorted = self.packed.sorted_indices is None
        assert self.lengths is not None
        return pack_padded_sequence(value, self.lengths, self._batch_first, is_sorted)


def _is_mask(tensor: Tensor) -> bool:
    if tensor.is_floating_point():
        return False
    return tensor.dtype is torch.bool or bool(((tensor == 0) | (tensor == 1)).all())
