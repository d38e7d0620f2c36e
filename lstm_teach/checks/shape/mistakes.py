"""The known mistakes about shapes: which shapes each one gives, and what to say about it.

A shape is written by what its axes count, such as "seq_len batch directions*width". "..." stands
for all axes of the right shape but the last, "+2 ..." for one more axis, 2 long, anywhere before
the last, and "?layers ..." for an axis that is left out where it is 1 long.
Rows stand in order of likelihood: where two give the same shape, the first gives the verdict.
Where they come from: pytorch#19675 and #34036 (batch_first and the state), pytorch#139582
(proj_size).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from torch import nn

from lstm_teach.checks.mistake import Mistake
from lstm_teach.shapes import Shape, Sizes

SEQUENCE = ("output",)
STATE = ("h_n", "c_n", "h_0", "c_0")
HIDDEN = ("h_n", "h_0")
MEMORY = ("c_n", "c_0")
CELL = ("a cell",)


class Question:
    """One module, the shapes around one call of it, and the tensor asked about.

    Attributes:
        module: an nn.LSTM or nn.LSTMCell.
        shapes: what `predict_shapes` says of the call.
        which: the tensor.
        right: its shape.
        about: what rows are about that apply to it: its name, or a cell.
        has: what rows need that apply: "layers" and "directions" where there are several.
        facts: the sizes, by which shapes are written, and phrases made of them, for the words.
    """

    def __init__(self, module: Any, shapes: Any, which: str) -> None:
        """Count what there is to count."""
        self.module, self.shapes, self.which = module, shapes, which
        self.right: Shape = getattr(shapes, which)
        is_cell = isinstance(module, nn.LSTMCell)
        self.about = CELL[0] if is_cell else which
        proj_size = 0 if is_cell else module.proj_size
        width = 0 if which in MEMORY else proj_size
        width, width_name = (width, "proj_size") if width else (module.hidden_size, "hidden_size")
        layers = 1 if is_cell else module.num_layers
        directions = 1 if is_cell or not module.bidirectional else 2
        sizes = dict(zip(shapes.input.names, shapes.input, strict=True))
        needs = {
            "batch": "batch" in sizes,
            "no batch": "batch" not in sizes,
            "layers": layers > 1,
            "directions": directions > 1,
            "proj_size": proj_size > 0,
        }
        self.has = {name for name, there in needs.items() if there}
        first_axis = f"`num_layers = {layers}`"
        if directions == 2:
            first_axis = f"`num_layers * num_directions = {layers} * 2 = {2 * layers}`"
        batch_first = getattr(module, "batch_first", False)
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
            # How many directions lie side by side in the last axis.
            "beside": directions if which in SEQUENCE else 1,
            "first_axis": first_axis,
            "side_by_side": 2 * width,
            "in_each": " in each direction" * (directions - 1),
            "order": f"[{', '.join(shapes.input.names[:2])}, ...]",
            "batch_first": batch_first,
            "other_batch_first": not batch_first,
        }

    def sizes(self, shape: str) -> list[Sizes]:
        """What a written shape stands for; several where an axis may stand anywhere."""
        if hasattr(self.shapes, shape):
            return [getattr(self.shapes, shape)]
        first, *rest = shape.split()
        names = rest if first[0] in "+?" else [first, *rest]
        axes = [size for name in names for size in self._axes(name)]
        if self.facts["batch_first"] and self.which in SEQUENCE and "..." not in names:
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


def gives(
    shapes: str, about: tuple[str, ...], needs: str = ""
) -> Callable[[Question], list[Sizes]]:
    """How to tell a mistake about some tensors, made where there is what it needs: its shapes."""

    def how(q: Question) -> list[Sizes]:
        if q.about not in about or not q.has.issuperset(filter(None, needs.split(", "))):
            return []
        return [sizes for shape in shapes.split(", ") for sizes in q.sizes(shape)]

    return how


def _row(verdict: str, headline: str, why: str, how: Any, fix: str = "") -> Mistake:
    return Mistake(verdict, headline, why, fix, how)


MISTAKES = (
    _row(
        "time_batch_swapped",
        "seq_len and batch are swapped",
        "This module has batch_first={batch_first}, so `output` comes in the order of the input, "
        "`{order}`: seq_len is {seq_len} and batch is {batch}.",
        gives("batch seq_len beside*width", SEQUENCE, "batch"),
        fix="for the other order, make it with batch_first={other_batch_first} and turn the input",
    ),
    _row(
        "batch_first_moves_state",
        "batch stands first in `{which}`",
        "batch_first moves the axes of input and output only. In a state the layers come first and "
        "batch second, whatever batch_first says.",
        gives("batch layers*directions width", STATE, "batch"),
    ),
    _row(
        "time_batch_swapped",
        "seq_len, {seq_len}, stands where the batch belongs",
        "This module has batch_first={batch_first}, so it reads the input as `{order}`: batch is "
        "{batch}. A state has no time axis.",
        gives("layers*directions seq_len width", STATE, "batch"),
    ),
    _row(
        "forgot_directions",
        "one of the two directions is missing",
        "The module is bidirectional: at each step `output` holds the forward and the backward h "
        "side by side, so its last axis is 2 * {width} = {side_by_side}.",
        gives("... width", SEQUENCE, "directions"),
    ),
    _row(
        "forgot_directions",
        "one of the two directions is missing",
        "The module is bidirectional: each layer keeps a state for each of its 2 directions, so "
        "the first axis of `{which}` is {first_axis}.",
        gives("layers batch width, ?layers batch width", STATE, "directions"),
    ),
    _row(
        "forgot_layers",
        "only one layer is counted",
        "Every layer keeps a state of its own, not only the last one: the first axis of `{which}` "
        "is {first_axis}.",
        gives("directions batch width, batch width", STATE, "layers"),
    ),
    _row(
        "forgot_layers",
        "the layers and the directions are both left out",
        "Every layer keeps a state for each of its 2 directions, so the first axis of `{which}` is "
        "{first_axis}.",
        gives("1 batch width", STATE, "layers, directions"),
    ),
    _row(
        "last_step_only",
        "that is the last time step only",
        "`h_n` is for that. `output` holds every step, so it keeps its time axis, {seq_len} long.",
        gives("batch beside*width, 1 batch beside*width, h_n", SEQUENCE),
    ),
    _row(
        "proj_size_ignored",
        "proj_size is left out",
        "It narrows h from hidden_size, {hidden_size}, to {proj_size}{in_each}, and `{which}` is "
        "made of h. Only c keeps hidden_size.",
        gives("... beside*hidden_size", SEQUENCE + HIDDEN, "proj_size"),
    ),
    _row(
        "proj_size_on_c",
        "proj_size narrows h only",
        "c is never projected: the last axis of `{which}` is hidden_size, {hidden_size}.",
        gives("... proj_size", MEMORY, "proj_size"),
    ),
    _row(
        "all_layers_in_output",
        "`output` holds the last layer only",
        "It has every step of that layer. The other layers are in `h_n`, at their last step; "
        "num_layers is nowhere in the shape of `output`.",
        gives(
            "... layers*beside*width, +layers ... beside*width, "
            "+layers*directions ... width, layers*seq_len batch beside*width",
            SEQUENCE,
            "layers",
        ),
    ),
    _row(
        "directions_in_wrong_axis",
        "the two directions lie in the wrong axis",
        "They stand side by side in the last axis of `output`: 2 * {width} = {side_by_side}. They "
        "get no axis of their own and do not lengthen time or batch.",
        gives("+2 ... width, 2*seq_len batch width, seq_len 2*batch width", SEQUENCE, "directions"),
    ),
    _row(
        "directions_in_wrong_axis",
        "the two directions lie in the wrong axis",
        "In a state they are counted in the first axis, with the layers: it is {first_axis}. Only "
        "in `output` do they stand side by side in the last axis.",
        gives("layers batch 2*width, ... 2*width, +2 layers batch width", STATE, "directions"),
    ),
    _row(
        "input_size_for_hidden_size",
        "{input_size} is input_size, the width of what goes in",
        "What comes out is {width_name} wide, {width}{in_each}.",
        gives("... input_size, ... beside*input_size", SEQUENCE + STATE + CELL),
    ),
    _row(
        "wrong_rank",
        "the axis of layers is missing",
        "`{which}` keeps it, 1 long, even for one layer.",
        gives("?layers*directions batch width", STATE),
    ),
    _row(
        "wrong_rank",
        "there is no batch axis here",
        "The input has 2 axes, `[seq_len, input_size]`, so PyTorch reads it as one sample of "
        "{seq_len} steps without a batch, and no result has a batch axis.",
        gives("+1 ... beside*width, +seq_len ... beside*width", SEQUENCE + STATE, "no batch"),
    ),
    _row(
        "wrong_rank",
        "an nn.LSTMCell has no axis for layers and none for time",
        "It is one layer and computes one step.",
        gives("+1 ... width", CELL),
    ),
    _row(
        "unrecognised",
        "that is the shape of `output`",
        "`output` has every step of the last layer. A state has the last step of every layer: its "
        "first axis is {first_axis}, and it has no time axis.",
        gives("output", STATE),
    ),
    _row(
        "unrecognised",
        "that is the shape of the input",
        "What comes out is as wide as {width_name}, {width}{in_each}.",
        gives("input", STATE),
    ),
)


def mistakes_giving(sizes: Sizes, q: Question) -> list[Mistake]:
    """Every known mistake that produces exactly these sizes, the likeliest first."""
    return [mistake for mistake in MISTAKES if sizes in mistake.how(q)]
