"""What the caller gives: axes by name, x, and x with one sample or one time step replaced."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_leaves, tree_map

from lstm_teach.checks.layout.words import CannotTell, told

_OTHER_WORDS = {"seq_len": "time", "seq": "time", "batch_size": "batch"}


class Axes:
    """The leading axes of a tensor by name, as a person writes them: ``("batch", None, "time")``;
    "" has none."""

    def __init__(self, axes: Any, argument: str) -> None:
        """Read them, given as an argument.

        Raises:
            CannotTell: this names no axes.
        """
        axes, self.names = [axes] if isinstance(axes, str) else axes, list[str]()
        if isinstance(axes, (tuple, list)) and all(isinstance(axis, str | None) for axis in axes):
            self.names = [_OTHER_WORDS.get(axis or "", axis or "") for axis in axes]
        if max(map(self.names.count, ("batch", "time"))) != 1:
            raise CannotTell(told("no_axes", argument=argument, axes=repr(axes)))

    is_batch_first = property(lambda self: self.at("batch") < self.at("time"))

    def at(self, name: str) -> int:
        """The place of a name; behind all others where it is not named."""
        return self.names.index(name) if name in self.names else len(self.names)


class Given:
    """x with its axes by name.

    Attributes:
        value: x as it was given: a tensor, or tensors in a dictionary or a tuple.
        main: the first of them that has all the axes, and features where it holds floats.
        lengths: the real lengths of padded samples, [batch], or None.
        batch, time: the number of samples and of time steps; 1 where x has no such axis.
        samples, times: a few of each to look at.
        pads: which frames are pads, [batch, time]: by the lengths, else by what looks like them.
        pads_left: whether the pads stand before what is real.
    """

    def __init__(self, x: Any, axes: Axes, lengths: Tensor | None, model: nn.Module) -> None:
        """Take x, whose tensors with all these axes count; a mask, of only 0 and 1, does not.

        Raises:
            CannotTell: x or its lengths have other sizes, or its frames are all alike.
        """
        self.packed = x if isinstance(x, PackedSequence) else None
        if self.packed is not None:
            x, lengths = pad_packed_sequence(self.packed, axes.is_batch_first)
        self._as_given, x = x, plain(x)
        self.value, self.lengths = x, lengths
        fitting = [t for t in tensors_in(x) if t.dim() >= len(axes.names) and t.numel()]
        telling = [t for t in fitting if t.is_floating_point() or ((t != 0) & (t != 1)).any()]
        if not fitting:
            shapes = ", ".join(str(list(t.shape)) for t in tensors_in(x)) or "no_tensor"
            raise CannotTell(told("other_axes", axes=axes.names, shapes=shapes))
        self.axes, self.lead = axes, [name for name in ("batch", "time") if name in axes.names]
        least = len(self.lead)  # of [4, 5] beside [4, 9, 3] the second is the sequence
        framed = [t for t in telling if t.dim() - t.is_floating_point() >= least]
        self.main = (framed or telling or fitting)[0]
        sizes = dict(zip(axes.names, self.main.shape, strict=False))
        self.batch, self.time = sizes.get("batch", 1), sizes.get("time", 1)
        real = self.time if lengths is None else int(lengths.max())
        if lengths is not None and (
            ("batch" in self.lead and len(lengths) != self.batch)
            or ("time" in self.lead and real > self.time)
        ):
            raise CannotTell(told("other_lengths", count=len(lengths), longest=real, x=self))
        self.pads, self.pads_left = self._padding(model)
        self.longest = 0 if lengths is None else int(lengths.argmax())
        shortest = 0 if lengths is None else int(lengths.argmin())
        # neighbours show a `view`
        self.samples = self._looked_at("batch", self.batch, 1, shortest, self.longest)
        late = self.time - real if self.pads_left else 0
        self.times = [late + time for time in self._looked_at("time", real)]
        lead = self.canonical(self.main).shape[:least]
        moving = [t for t in telling or fitting if self.canonical(t).shape[:least] == lead]
        places = [*map(axes.at, self.lead)]
        self._others = {id(tensor): (places, self._other(tensor)) for tensor in moving}
        self._beside = self._other_rows() if "batch" in self.lead else {}

    def _looked_at(self, name: str, size: int, *more: int) -> list[int]:
        looked = {0, size // 2, size - 1, *more} & set(range(size))
        return sorted(looked) if name in self.lead else []

    def _other_rows(self) -> dict[int, tuple[list[int], Tensor]]:
        """Of the tensors of another shape the batch axis, and another in which each row differs.

        Masks and lengths stay as they are: with others the model may sort its samples otherwise.
        So do floats with one axis, which may be weights of as many classes as there are samples.
        """
        found, longest = {}, max(max(t.shape, default=0) for t in tensors_in(self.value))
        for tensor in tensors_in(self.value):
            axes = [axis for axis, size in enumerate(tensor.shape) if size == self.batch]
            if id(tensor) in self._others or len(axes) != 1 or not tensor.numel():
                continue
            rows, is_whole = tensor.movedim(axes[0], 0), not tensor.is_floating_point()
            if rows.dim() == 1 and (
                not is_whole or (tensor.min() >= 1 and tensor.max() <= longest)
            ):
                continue
            if is_whole and not ((tensor != 0) & (tensor != 1)).any():
                continue
            frames = rows.reshape(-1, 1 if is_whole else rows.shape[-1])
            with suppress(CannotTell):
                other = self._exchanged(frames.double().nan_to_num(), frames.any(1))
                found[id(tensor)] = axes, other.to(tensor.dtype).reshape(rows.shape)
        return found

    def leave_what_is_beside(self) -> bool:
        """Vary no tensor of another shape any more; whether there was one."""
        had_some, self._beside = bool(self._beside), {}
        return had_some

    @property
    def unvaried(self) -> list[str]:
        """The tensors of x that are the same in every run, by the keys that reach them."""
        varied = {*self._others, *self._beside}
        every = tree_flatten_with_path(self.value)[0]
        same = [(at, t) for at, t in every if isinstance(t, Tensor) and id(t) not in varied]
        return [f"`x{keystr(at)}` {list(t.shape)}" for at, t in same]

    def __str__(self) -> str:
        """The shape of x with the names of its axes: ``[batch=4, time=7, 6]``."""
        shape = list(self.main.shape)
        named = zip(self.axes.names, shape, strict=False)
        shown = [f"{name}={size}" if name else str(size) for name, size in named]
        return f"[{', '.join([*shown, *map(str, shape[len(shown) :])])}]"

    def canonical(self, tensor: Tensor) -> Tensor:
        """A tensor of x as [batch, time, ...], as far as it has these axes."""
        return tensor.movedim([*map(self.axes.at, self.lead)], [*range(len(self.lead))])

    def _padding(self, model: nn.Module) -> tuple[Tensor, bool]:
        """Frames of zeros (or of a padding_idx) at one end of samples, and whether at the left."""
        none = torch.zeros(self.batch, self.time, dtype=torch.bool)
        if len(self.lead) < 2:
            return none, False
        frames = self.canonical(self.main).reshape(self.batch, self.time, -1).cpu()
        indices: set[Any] = {getattr(module, "padding_idx", None) for module in model.modules()}
        numbers = {0} if self.main.is_floating_point() else {0} | indices - {None}
        blank = torch.stack([frames.eq(number).all(2) for number in numbers]).any(0)
        blank = none if blank.all(1).any() else blank
        right = blank.flip(1).cumprod(1).flip(1).bool()
        is_left = not torch.equal(blank, right) and torch.equal(blank, blank.cumprod(1).bool())
        if self.lengths is not None:
            place, short = torch.arange(self.time), self.lengths[:, None]
            return place < self.time - short if is_left else place >= short, is_left
        return blank if is_left or torch.equal(blank, right) else none, is_left

    def _other(self, tensor: Tensor) -> Tensor:
        """Another tensor that differs in every frame that is real, of real frames that x holds."""
        rows = self.canonical(tensor)
        frames = rows.reshape(self.batch * self.time, -1).double().nan_to_num()
        real = (~self.pads.flatten() | self.pads.all()).to(frames.device)
        return self._exchanged(frames, real).to(tensor.dtype).reshape(rows.shape)

    def _exchanged(self, frames: Tensor, real: Tensor) -> Tensor:
        """Frames of which each real one is another of the real ones."""
        pool, place = frames[real].unique(dim=0, return_inverse=True)
        if len(pool) < 2:
            raise CannotTell(told("all_the_same", example=self.example()))
        step = 1 + torch.arange(len(place), device=place.device) % (len(pool) - 1)
        frames[real] = pool[(place + step) % len(pool)]
        return frames

    def altered(self, sample: int | None = None, time: int | None = None) -> Any:
        """x in which one sample, or one time step of all samples, is another."""
        index = [sample if name == "batch" else time for name in self.lead]
        at = tuple(slice(None) if place is None else place for place in index)
        others = self._others if sample is None else self._others | self._beside

        def of(value: Any) -> Any:
            if id(value) not in others:
                return value
            axes, other = others[id(value)]
            copied = value.clone(memory_format=torch.contiguous_format)
            copied.movedim(axes, [*range(len(axes))])[at[: len(axes)]] = other[at[: len(axes)]]
            return copied

        return tree_map(of, self.value)

    def handed(self, value: Any) -> Any:
        """A copy to hand to the model, packed again where x was packed."""
        if self.packed is None or self.lengths is None:
            value = tree_map(lambda one: one.clone() if isinstance(one, Tensor) else one, value)
            if isinstance(self._as_given, MutableMapping):
                taken, value = value, copy(self._as_given)
                value.update(taken)
            return value
        is_sorted = self.packed.sorted_indices is None
        return pack_padded_sequence(value, self.lengths, self.axes.is_batch_first, is_sorted)

    def example(self, **sizes: int) -> str:
        """The line that makes another x of this shape, or of these sizes."""
        shape = list(self.main.shape)
        for name in {*sizes} & {*self.lead}:
            shape[self.axes.at(name)] = sizes[name]
        numbers = ", ".join(map(str, shape))
        if self.main.is_floating_point():
            return f"`x = torch.randn({numbers})`"
        return f"`x = torch.randint(1, {max(3, int(self.main.max()) + 1)}, ({numbers}))`"


def plain(x: Any) -> Any:
    """A dictionary for anything that is used like one."""
    return dict(x) if isinstance(x, MutableMapping) else x


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in dictionaries, lists and tuples, in order."""
    return [one for one in tree_leaves(plain(value)) if isinstance(one, Tensor)]
