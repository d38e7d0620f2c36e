"""The known mistakes about shapes, `mistakes.txt`, and the shapes that each one gives."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from torch import nn

from lstm_teach.checks.mistake import Mistake, entries
from lstm_teach.shapes import Shape, Sizes

STATE = ("h_n", "c_n", "h_0", "c_0")
MEMORY = ("c_n", "c_0")
_ABOUT = {
    "output": ("output",),
    "state": STATE,
    "h": ("h_n", "h_0"),
    "c": MEMORY,
    "cell": ("a cell",),
}


class Question:
    """One module, the shapes around one call of it, and the tensor asked about.

    Attributes:
        module: an nn.LSTM or nn.LSTMCell.
        shapes: what `predict_shapes` says of the call.
        which: the tensor.
        right: its shape.
        about: what rows are about that apply to it: its name, or a cell.
        has: what rows need that apply: a batch or none, and "layers" where there are several.
        facts: the sizes, by which shapes are written, and phrases made of them, for the words.
    """

    def __init__(self, module: Any, shapes: Any, which: str) -> None:
        """Count what there is to count."""
        self.module, self.shapes, self.which = module, shapes, which
        self.right: Shape = getattr(shapes, which)
        self.about = "a cell" if isinstance(module, nn.LSTMCell) else which
        proj_size, layers = getattr(module, "proj_size", 0), getattr(module, "num_layers", 1)
        directions = 1 + getattr(module, "bidirectional", False)
        width, width_name = module.hidden_size, "hidden_size"
        if proj_size and which not in MEMORY:
            width, width_name = proj_size, "proj_size"
        sizes = dict(zip(shapes.input.names, shapes.input, strict=True))
        several = {"layers": layers > 1, "directions": directions > 1, "proj_size": proj_size > 0}
        self.has = {name for name, there in several.items() if there}
        self.has.add("batch" if "batch" in sizes else "no batch")
        first_axis = f"`num_layers = {layers}`"
        if directions == 2:
            first_axis = f"`num_layers * num_directions = {layers} * 2 = {2 * layers}`"
        self.facts: dict[str, Any] = {
            "batch": 0,
            **sizes,
            "which": which,
            "hidden_size": module.hidden_size,
            "proj_size": proj_size,
            "width": width,
            "width_name": width_name,
            "layers": layers,
            "directions": directions,
            "layers+directions": layers + directions,
            # How many directions lie side by side in the last axis.
            "beside": directions if which == "output" else 1,
            "first_axis": first_axis,
            "side_by_side": 2 * width,
            "in_each": " in each direction" * (directions - 1),
            "order": f"[{', '.join(shapes.input.names[:2])}, ...]",
            "batch_first": getattr(module, "batch_first", False),
        }

    def sizes(self, shape: str) -> list[Sizes]:
        """What a written shape stands for; several where an axis may stand anywhere."""
        if hasattr(self.shapes, shape):
            return [getattr(self.shapes, shape)]
        first, *rest = shape.split()
        names = rest if first[0] in "+?" else [first, *rest]
        axes = [size for name in names for size in self._axes(name)]
        if self.facts["batch_first"] and self.which == "output" and "..." not in names:
            axes[:-1] = axes[-2::-1]
        if first[0] == "+":
            new = self._axes(first[1:])
            return [(*axes[:at], *new, *axes[at:]) for at in range(len(axes))]
        missed = first[0] == "?" and self._axes(first[1:]) != (1,)
        return [] if missed else [tuple(axes)]

    def _axes(self, name: str) -> Sizes:
        if name == "...":
            return tuple(self.right[:-1])
        if name == "batch" and "no batch" in self.has:
            return ()
        return (prod(int(self.facts.get(factor, factor)) for factor in name.split("*")),)


def _gives(how: str) -> Callable[[Question], list[Sizes]]:
    """The shapes that a mistake gives, from how it is told in the catalogue."""
    told, _, shapes = how.partition(": ")
    about, *needs = told.split(", ")
    tensors = {tensor for name in about.split() for tensor in _ABOUT[name]}

    def giving(q: Question) -> list[Sizes]:
        if q.about not in tensors or not q.has.issuperset(needs):
            return []
        return [sizes for shape in shapes.split(", ") for sizes in q.sizes(shape)]

    return giving


MISTAKES = [e.made(headline, _gives(how)) for e in entries(__package__) for headline, how in e.ways]
"""Every known mistake; `how` gives the shapes that it produces."""


def mistakes_giving(sizes: Sizes, q: Question) -> list[Mistake]:
    """Every known mistake that produces exactly these sizes, the likeliest first."""
    return [mistake for mistake in MISTAKES if sizes in mistake.how(q)]
