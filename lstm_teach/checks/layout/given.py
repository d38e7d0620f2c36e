"""What the caller gives: axes by name, x, and x with one sample or one time step replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

_OTHER_WORDS = {"seq_len": "time", "seq": "time", "batch_size": "batch"}


class CannotTell(Exception):
    """This x, or these axes, cannot tell: what stands after "Not checked:", and what to give."""


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
    def read(cls, axes: Any, argument: str) -> Axes:
        """Read axes as a person writes them: ``("batch", None, "time")``, ``("time*batch=4",)``.

        Raises:
            CannotTell: this names no axes.
        """
        axes = (axes,) if isinstance(axes, str) else axes
        names: list[tuple[str, ...]] = []
        sizes: dict[str, int] = {}
        if isinstance(axes, (tuple, list)) and all(isinstance(axis, str | None) for axis in axes):
            for axis in axes:
                parts = [part.replace(" ", "").partition("=") for part in (axis or "").split("*")]
                names.append(tuple(_OTHER_WORDS.get(name, name) for name, _, _ in parts))
                sizes |= {name: int(size) for name, _, size in parts if size.isdigit()}
        flat = [name for factors in names for name in factors]
        if not {"batch", "time"} & {*flat} or max(map(flat.count, ("batch", "time"))) > 1:
            raise CannotTell(
                f"`{argument}` names no batch and no time, or one of them twice",
                f'It is {axes!r}. Name the axes in their order: "batch" and "time", each at most '
                'once, and None for the rest, such as `("batch", None, "time")`.',
            )
        return cls(tuple(names), sizes)

    @property
    def flat(self) -> list[str]:
        """All names, the folded ones one after the other."""
        return [name for factors in self.names for name in factors]

    @property
    def order(self) -> list[str]:
        """The batch and time as they follow one another."""
        return [name for name in self.flat if name in ("batch", "time")]

    @property
    def is_folded(self) -> bool:
        """Whether an axis holds several."""
        return any(len(factors) > 1 for factors in self.names)

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
        places = [self.flat.index(name) for name in first]
        apart = tensor.reshape(self.unfolded(tensor.shape) or tensor.shape)
        return apart.movedim(places, list(range(len(places))))

    def words(self, shape: Sequence[int]) -> str:
        """A shape with the names of its axes: ``[batch=4, time=7, 6]``."""
        named = zip(map("*".join, self.names), shape, strict=False)
        shown = [f"{name}={size}" if name else str(size) for name, size in named]
        return f"[{', '.join([*shown, *map(str, shape[len(self.names) :])])}]"


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


class Given:
    """x with its axes by name.

    Attributes:
        value: x as it was given: a tensor, or tensors in a dictionary or a tuple.
        main: the first of them that has all the axes.
        lengths: the real lengths of padded samples, [batch], or None.
        batch, time: the number of samples and of time steps; 1 where x has no such axis.
        samples, times: a few of each to look at.
    """

    def __init__(self, x: Any, axes: Axes, lengths: Tensor | None, model: nn.Module) -> None:
        """Take x, whose tensors with all these axes count; a mask, of only 0 and 1, does not.

        Raises:
            CannotTell: x or its lengths have other sizes, or its frames are all alike.
        """
        self.packed = x if isinstance(x, PackedSequence) else None
        if self.packed is not None:
            x, lengths = pad_packed_sequence(self.packed, axes.order[0] == "batch")
        self.value, self.lengths = x, lengths
        padding = {m.padding_idx for m in model.modules() if isinstance(m, nn.Embedding)}
        self._padding = [number for number in padding if number is not None] or [0]
        fitting = [t for t in tensors_in(x) if axes.unfolded(t.shape) is not None and t.numel()]
        telling = [t for t in fitting if t.is_floating_point() or ((t != 0) & (t != 1)).any()]
        self._moving = telling or fitting
        if not fitting:
            shapes = ", ".join(str(list(t.shape)) for t in tensors_in(x)) or "no tensor"
            raise CannotTell(
                "x has other axes than you named",
                f"You named {axes.flat}, and x is {shapes}. Name the leading axes that it has; of "
                "rows that hold several, say how many there are of the last: "
                '`("time*batch=4",)`.',
            )
        self.main = self._moving[0]
        sizes = dict(zip(axes.flat, axes.unfolded(self.main.shape) or [], strict=False))
        self.batch, self.time = sizes.get("batch", 1), sizes.get("time", 1)
        self.axes = axes.knowing(batch=self.batch, time=self.time)
        self.lead = [name for name in ("batch", "time") if name in axes.flat]
        self._moving = [t for t in self._moving if self.axes.unfolded(t.shape) is not None]
        if lengths is not None and (
            ("batch" in self.lead and len(lengths) != self.batch)
            or ("time" in self.lead and int(lengths.max()) > self.time)
        ):
            raise CannotTell(
                "`lengths` does not fit x",
                f"There are {len(lengths)} lengths up to {int(lengths.max())}, and x is "
                f"{self.axes.words(self.main.shape)}. Are its axes named in the right order?",
            )
        self.samples = self._spread("batch", self.batch, 1)  # neighbours show a `view`
        real = self.time if lengths is None else int(lengths.max())
        if lengths is not None:
            self.samples = sorted({*self.samples, int(lengths.argmin()), int(lengths.argmax())})
        late = self.time - real if self.pads_left else 0
        self.times = [late + n for n in self._spread("time", real)]
        self._others = [self._other(t) for t in self._moving]

    def _spread(self, name: str, size: int, *more: int) -> list[int]:
        looked = {0, size // 2, size - 1, *more} & set(range(size))
        return sorted(looked) if name in self.lead else []

    def __str__(self) -> str:
        """The shape of x with the names of its axes."""
        return self.axes.words(self.main.shape)

    @property
    def longest(self) -> int:
        """The sample with the most real time steps."""
        return 0 if self.lengths is None else int(self.lengths.argmax())

    def canonical(self, tensor: Tensor) -> Tensor:
        """A tensor of x as [batch, time, ...], as far as it has these axes."""
        return self.axes.to_front(tensor, *self.lead)

    @cached_property
    def pads(self) -> Tensor:
        """Which frames are pads: [batch, time]; by the lengths, else by what looks like them."""
        if len(self.lead) < 2:
            return torch.zeros(self.batch * self.time, dtype=torch.bool)
        if self.lengths is None:
            return self._blank[1 if self.pads_left else 0]
        place, short = torch.arange(self.time), self.lengths[:, None]
        return place < self.time - short if self.pads_left else place >= short

    @property
    def pads_left(self) -> bool:
        """Whether the pads of short samples stand before what is real."""
        return len(self.lead) == 2 and not self._blank[0].any() and bool(self._blank[1].any())

    @cached_property
    def _blank(self) -> list[Tensor]:
        """Frames of zeros (or of a padding_idx): at the end of samples, and at the beginning."""
        frames = self.canonical(self.main).reshape(self.batch, self.time, -1).cpu()
        blank = (frames == 0).all(2)
        if frames.shape[2] == 1 and not frames.is_floating_point():
            blank |= torch.isin(frames[..., 0], torch.tensor(self._padding))
        ends = [blank.flip(1).cumprod(1).flip(1).bool(), blank.cumprod(1).bool()]
        none = torch.zeros_like(blank)
        return [none if blank.all(1).any() or (blank & ~end).any() else end for end in ends]

    def _other(self, tensor: Tensor) -> Tensor:
        """Another tensor that differs in every frame that is real, of real frames that x holds."""
        rows = self.canonical(tensor)
        frames = rows.reshape(rows.shape[: len(self.lead)].numel(), -1).double().nan_to_num()
        real = ~self.pads.flatten() | self.pads.all()
        pool, place = frames[real].unique(dim=0, return_inverse=True)
        if len(pool) < 2:
            raise CannotTell(
                "what x holds is all the same",
                "One sample can't stand for another then. Give an x with different values: "
                f"{_example(tensor, list(tensor.shape))}.",
            )
        step = 1 + torch.arange(len(place), device=place.device) % (len(pool) - 1)
        frames[real] = pool[(place + step) % len(pool)]
        return frames.to(tensor.dtype).reshape(rows.shape)

    def altered(self, sample: int | None = None, time: int | None = None) -> Any:
        """x in which one sample, or one time step of all samples, is another."""
        index = [sample if name == "batch" else time for name in self.lead]
        at = tuple(slice(None) if place is None else place for place in index)

        def change(tensor: Tensor) -> Tensor:
            for moving, other in zip(self._moving, self._others, strict=True):
                if tensor is moving:
                    result = tensor.clone(memory_format=torch.contiguous_format)
                    self.canonical(result)[at] = other[at]
                    return result
            return tensor

        return with_tensors(self.value, change)

    def longer(self) -> Any:
        """x with one more pad for each sample; None where it holds none to copy."""
        if self.packed is not None or self.axes.is_folded or not self.pads.any():
            return None
        sample, time = self.pads.nonzero()[0].tolist()
        places = [self.axes.flat.index(name) for name in self.lead]

        def change(tensor: Tensor) -> Tensor:
            if not any(tensor is moving for moving in self._moving):
                return tensor
            rows = self.canonical(tensor)
            pad = rows[sample, time].expand(len(rows), 1, *rows.shape[2:])
            joined = torch.cat((pad, rows) if self.pads_left else (rows, pad), 1)
            return joined.movedim([0, 1], places).contiguous()

        return with_tensors(self.value, change)

    def handed(self, value: Any) -> Any:
        """A copy to hand to the model, packed again where x was packed."""
        if self.packed is None or self.lengths is None:
            return with_tensors(value, Tensor.clone)
        is_sorted = self.packed.sorted_indices is None
        return pack_padded_sequence(value, self.lengths, self.axes.order[0] == "batch", is_sorted)

    def too_small(self) -> CannotTell | None:
        """Why these sizes hide mistakes, and the x to give instead."""
        few = ("batch" in self.lead and self.batch < 2) or ("time" in self.lead and self.time < 3)
        square = len(self.lead) == 2 and self.batch == self.time
        if not few and not square:
            return None
        shape, wanted = (
            list(self.main.shape),
            {"batch": max(self.batch, 4), "time": max(self.time, 7)},
        )
        for name in self.lead if not self.axes.is_folded else ():
            shape[self.axes.flat.index(name)] = wanted[name] + (square and name == "time")
        return CannotTell(
            f"x {'has as many samples as time steps' if square else 'is too small'}, and mistakes "
            "hide there",
            f"Nothing was found so far with x as {self}. It takes 2 "
            "samples and 3 time steps at least, and not as many of one as of the other. Give "
            f"{_example(self.main, shape)} (and what goes with it)."
            + ' Where x has no time axis, say `input_axes=("batch",)`.'
            * (self.time == 1),
        )


def _example(tensor: Tensor, shape: list[int]) -> str:
    numbers = ", ".join(map(str, shape))
    if tensor.is_floating_point():
        return f"`x = torch.randn({numbers})`"
    return f"`x = torch.randint(1, {max(3, int(tensor.max()) + 1)}, ({numbers}))`"
