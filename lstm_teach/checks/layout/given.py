"""What is said, from `mistakes.txt`, and what the caller gives: axes by name, x, and x with one
sample or one time step replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_leaves, tree_map, tree_map_only

from lstm_teach.checks.mistake import catalogue
from lstm_teach.checks.report import Report

_WORDS = catalogue(__package__)
_OTHER_WORDS = {"seq_len": "time", "seq": "time", "batch_size": "batch"}


def said(name: str, part: str = "why", **holes: Any) -> str:
    """A phrase, its holes filled in; or what mends what it says, by the part "fix"."""
    text: str = getattr(_WORDS[name], part)
    return text.format(**holes)


def told(name: str, evidence: Any = None, not_checked: Any = (), **holes: Any) -> Report:
    """The report of an entry; of what there is to mend it says why nobody complains."""
    words = _WORDS[name]
    if words.fix:
        words = replace(words, why=f"{words.why} {_WORDS['silent'].why}")
    return words.report(evidence, not_checked, **holes)


class CannotTell(Exception):
    """This model, this x, or these axes cannot tell; its argument is the report that says so."""


def named(axes: Any, argument: str, least: int = 1) -> list[str]:
    """The leading axes of a tensor as a person names them, ``("batch", None, "time")``; None is "".

    Raises:
        CannotTell: what was given as this argument names no axes.
    """
    axes = [axes] if isinstance(axes, str) else axes
    if isinstance(axes, (tuple, list)) and all(isinstance(axis, str | None) for axis in axes):
        names = [_OTHER_WORDS.get(axis or "", axis or "") for axis in axes]
        if least <= max(map(names.count, ("batch", "time"))) <= 1:
            return names
    raise CannotTell(told("no_axes", argument=argument, axes=repr(axes)))


class Given:
    """x with its axes by name.

    Attributes:
        value, main: x as it was given, and the tensor of it that has all the axes, and the most.
        lengths: the real lengths of padded samples, [batch], or None.
        lead: the axes "batch" and "time", as far as x has them.
        batch, time: the number of samples and of time steps; 1 where x has no such axis.
        samples, times: a few of each to look at.
        pads: which frames the lengths leave out, [batch, time].
        pads_left: whether these stand before what is real.
    """

    def __init__(self, x: Any, axes: list[str], lengths: Tensor | None, model: nn.Module) -> None:
        """Take x, whose tensors with all these axes count; a mask, of only 0 and 1, does not.

        Raises:
            CannotTell: x or its lengths have other sizes, or its frames are all alike.
        """
        self.axes, self.lead = axes, [name for name in ("batch", "time") if name in axes]
        none = dict.fromkeys(("batch", "time"), len(axes))
        self.at = none | {name: axis for axis, name in enumerate(axes)}
        self.is_batch_first = self.at["batch"] < self.at["time"]
        padded = partial(pad_packed_sequence, batch_first=self.is_batch_first)
        packed = filter(is_packed, tree_leaves(x, is_packed))
        self.lengths: Any = next((padded(one)[1] for one in packed), lengths)
        self._as_given = x
        self.value = x = tree_map_only(PackedSequence, lambda one: padded(one)[0], x, is_packed)
        fitting = [t for t in tensors_in(x) if t.dim() >= len(axes) and t.numel()]
        telling = [t for t in fitting if t.is_floating_point() or ((t != 0) & (t != 1)).any()]
        if not fitting:
            shapes = ", ".join(str(list(t.shape)) for t in tensors_in(x))
            raise CannotTell(told("other_axes", axes=axes, shapes=shapes))
        fitting, at = telling or fitting, self.at["batch"]
        sizes_of = [{*t.shape[at : at + 1]} for t in fitting]
        everywhere = (size for size in sizes_of if all(size <= {*t.shape} for t in fitting))
        size = next(everywhere, sizes_of[0])  # a state beside x has its batch elsewhere
        alike = [t for t in fitting if {*t.shape[at : at + 1]} == size or not size & {*t.shape}]
        self.main = max(alike, key=Tensor.dim)
        sizes = dict(zip(axes, self.main.shape, strict=False))
        self.batch, self.time = sizes.get("batch", 1), sizes.get("time", 1)
        self._look_at_lengths(model)
        lead = self._canonical(self.main).shape[: len(self.lead)]
        self._others: dict[int, tuple[list[int], Tensor]] = {}
        for tensor in fitting:
            own = [axis for axis, size in enumerate(tensor.shape) if size == self.batch]
            is_more = tensor.is_floating_point() or tensor.numel() > self.batch  # than lengths
            if self._canonical(tensor).shape[: len(lead)] == lead:
                other = self._other(tensor)
                if other is not None:
                    self._others[id(tensor)] = [self.at[name] for name in self.lead], other
            elif is_more and len(own) == 1 and (tensor != tensor.roll(1, own[0])).any():
                self._others[id(tensor)] = own, tensor.roll(1, own[0]).movedim(own[0], 0)
        if all(len(axes) < len(self.lead) for axes, _ in self._others.values()):
            raise CannotTell(told("all_the_same"))
        every = tree_flatten_with_path(x)[0]
        same = [(at, t) for at, t in every if isinstance(t, Tensor) and id(t) not in self._others]
        self.unvaried = ", ".join(f"`x{keystr(at)}` {list(t.shape)}" for at, t in same)

    def _look_at_lengths(self, model: nn.Module) -> None:
        full, place = torch.full((self.batch,), self.time), torch.arange(self.time)
        ends = full if self.lengths is None else self.lengths
        short, real, count = ends[:, None], int(ends.max()), len(ends)
        is_other = "batch" in self.lead and count != self.batch
        if is_other or ("time" in self.lead and real > self.time):
            raise CannotTell(told("other_lengths", count=count, longest=real, x=self))
        frames = self._canonical(self.main).reshape(self.batch, self.time, -1).cpu()
        indices: set[Any] = {getattr(module, "padding_idx", None) for module in model.modules()}
        numbers = {0} if self.main.is_floating_point() else {0} | indices - {None}
        self._blank = torch.stack([frames.eq(number).all(2) for number in numbers]).any(0)
        self.looks_padded = self.lengths is None and bool(self._blank[:, -1].any())
        behind, before = place >= short, place < self.time - short
        self.pads_left = bool(self._blank[before].all() and not self._blank[behind].all())
        self.pads = before if self.pads_left else behind
        self.longest = int(short.argmax())
        late = self.time - real if self.pads_left else 0
        # neighbours show a `view`
        samples = {0, 1, self.batch // 2, self.batch - 1, int(short.argmin()), self.longest}
        times = {late, late + real // 2, late + real - 1}
        self.samples = sorted(samples & {*range(self.batch)}) if "batch" in self.lead else []
        self.times = sorted(times) if "time" in self.lead else []

    def __str__(self) -> str:
        """The shape of x with the names of its axes: ``[batch=4, time=7, 6]``."""
        names = [f"{name}=" if name else "" for name in self.axes] + [""] * self.main.dim()
        shown = [f"{name}{size}" for name, size in zip(names, self.main.shape, strict=False)]
        return f"[{', '.join(shown)}]"

    def _canonical(self, tensor: Tensor) -> Tensor:
        """A tensor of x as [batch, time, ...], as far as it has these axes."""
        return tensor.movedim([self.at[name] for name in self.lead], [*range(len(self.lead))])

    def _other(self, tensor: Tensor) -> Tensor | None:
        """Another tensor that differs in every real frame, of real frames that x holds; None where
        they are all alike.

        Blank frames stay as they are, since a model may count them.
        """
        rows = self._canonical(tensor)
        frames = rows.reshape(self.batch * self.time, -1).double().nan_to_num()
        for left_out in (self._blank | self.pads, self.pads):
            real = ~left_out.flatten().to(frames.device)
            pool, place = frames[real].unique(dim=0, return_inverse=True)
            if len(pool) > 1:
                step = 1 + torch.arange(len(place), device=place.device) % (len(pool) - 1)
                frames[real] = pool[(place + step) % len(pool)]
                return frames.to(tensor.dtype).reshape(rows.shape)
        return None

    def altered(self, sample: int | None = None, time: int | None = None) -> Any:
        """x in which one sample, or one time step of all samples, is another."""
        index = [sample if name == "batch" else time for name in self.lead]
        at = tuple(slice(None) if place is None else place for place in index)

        def of(value: Tensor, axes: list[int], other: Tensor) -> Tensor:
            if sample is None and len(axes) < len(self.lead):  # a state has no time
                return value
            copied = value.clone(memory_format=torch.contiguous_format)
            copied.movedim(axes, [*range(len(axes))])[at[: len(axes)]] = other[at[: len(axes)]]
            return copied

        return self._each(of)

    def exchanged(self, order: Tensor) -> Any:
        """x with its samples in another order."""
        return self._each(lambda one, axes, _: one.index_select(axes[0], order.to(one.device)))

    def cut(self, end: int) -> Any:
        """x up to a time step."""
        return self._each(lambda one, axes, _: one.narrow(axes[1], 0, end) if axes[1:] else one)

    def _each(self, change: Callable[[Tensor, list[int], Tensor], Tensor]) -> Any:
        """x with each tensor that varies changed, by its axes "batch" and "time" and its other."""
        kept = self._others
        return tree_map(lambda v: change(v, *kept[id(v)]) if id(v) in kept else v, self.value)

    def handed(self, value: Any) -> Any:
        """A copy to hand to the model, packed again where x was packed."""

        def again(own: Any, one: Any) -> Any:
            if is_packed(own):
                lengths, is_sorted = pad_packed_sequence(own)[1], own.sorted_indices is None
                return pack_padded_sequence(one, lengths, self.is_batch_first, is_sorted)
            return one.clone() if isinstance(one, Tensor) else one

        return tree_map(again, self._as_given, value, is_leaf=is_packed)


def is_packed(value: Any) -> bool:
    """Whether it is a packed sequence, which is a leaf in nested values, though it is a tuple."""
    return isinstance(value, PackedSequence)


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in dictionaries, lists and tuples, in order."""
    return [one for one in tree_leaves(value) if isinstance(one, Tensor)]
