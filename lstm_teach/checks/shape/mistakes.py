"""The known mistakes about shapes: which shapes each one gives, and what to say about it.

Rows stand in order of likelihood: where two give the same shape, the first gives the verdict.
Where they come from: pytorch#19675 and #34036 (batch_first and the state), pytorch#139582
(proj_size).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from lstm_teach.checks.mistake import Mistake
from lstm_teach.shapes import Shape, Sizes

SEQUENCE = ("output",)
STATE = ("h_n", "c_n", "h_0", "c_0")
HIDDEN = ("h_n", "h_0")
MEMORY = ("c_n", "c_0")
CELL = "cell"


@dataclass(frozen=True)
class Question:
    """One module, the shapes around one call of it, and the tensor asked about."""

    module: Any
    shapes: Any
    which: str

    @property
    def right(self) -> Shape:
        """The right shape of the tensor asked about."""
        return getattr(self.shapes, self.which)  # type: ignore[no-any-return]

    @property
    def is_cell(self) -> bool:
        """Whether the module is an nn.LSTMCell."""
        return isinstance(self.module, nn.LSTMCell)

    @property
    def layers(self) -> int:
        """num_layers."""
        return self.module.num_layers

    @property
    def directions(self) -> int:
        """num_directions: 2 if bidirectional, else 1."""
        return 2 if self.module.bidirectional else 1

    @property
    def width(self) -> int:
        """How wide one layer and direction of this tensor is: hidden_size, or proj_size for h."""
        narrow = 0 if self.is_cell or self.which in MEMORY else self.module.proj_size
        return narrow or self.module.hidden_size

    @property
    def seq_len(self) -> int:
        """The number of time steps."""
        return self.shapes.input[self.shapes.input.names.index("seq_len")]

    @property
    def batch(self) -> Sizes:
        """The batch as the axes it makes: one size, or none for an unbatched input."""
        return self.shapes.h_0[1:-1]

    def sequence(self, seq_len: Sizes, batch: Sizes, features: Sizes) -> Sizes:
        """The axes of an output in the order of this module."""
        steps = (*batch, *seq_len) if self.module.batch_first else (*seq_len, *batch)
        return (*steps, *features)

    def like_right(self, features: int, layers: int | None = None) -> Sizes:
        """The right shape with another last axis and, for a state, another first one."""
        if self.is_cell or self.which in SEQUENCE:
            return (*self.right[:-1], features)
        return (self.right[0] if layers is None else layers, *self.batch, features)

    def facts(self) -> dict[str, Any]:
        """The numbers of this question, and phrases made of them, for a mistake to use."""
        facts: dict[str, Any] = {
            "which": self.which,
            "input_size": self.module.input_size,
            "hidden_size": self.module.hidden_size,
            "width": self.width,
            "width_name": "hidden_size" if self.width == self.module.hidden_size else "proj_size",
            "each_direction": "",
        }
        if self.is_cell:
            return facts
        layers = f"num_layers, {self.layers}"
        if self.directions == 2:
            layers = f"num_layers * num_directions, {self.layers} * 2 = {2 * self.layers}"
        first, second, *_ = self.shapes.input.names
        return facts | {
            "batch_first": self.module.batch_first,
            "other_batch_first": not self.module.batch_first,
            "order": f"[{first}, {second}, ...]",
            "seq_len": self.seq_len,
            "batch": ", ".join(map(str, self.batch)),
            "layers": layers,
            "proj_size": self.module.proj_size,
            "both_directions": f"2 * {self.width} = {2 * self.width}",
            "each_direction": " in each direction" if self.directions == 2 else "",
        }


def _row(
    verdict: str,
    about: Iterable[str],
    headline: str,
    why: str,
    gives: Callable[[Question], Iterable[Sizes]],
    fix: str = "",
) -> Mistake:
    """A mistake that is made about some tensors; `gives` are the shapes that it leads to."""

    def how(q: Question) -> tuple[Sizes, ...]:
        applies = CELL in about if q.is_cell else q.which in about
        return tuple(gives(q)) if applies else ()

    return Mistake(verdict, headline, why, fix, how)


def _with_new_axis(shape: Sizes, size: int) -> Iterator[Sizes]:
    """The shape with one more axis of this size, before each of its axes."""
    for axis in range(len(shape)):
        yield (*shape[:axis], size, *shape[axis:])


def _state_of_one_direction(q: Question) -> Iterator[Sizes]:
    if q.directions == 2:
        yield q.like_right(q.width, layers=q.layers)
        if q.layers == 1:
            yield (*q.batch, q.width)


def _every_layer(q: Question) -> Iterator[Sizes]:
    if q.layers > 1:
        both = q.directions * q.width
        yield q.like_right(q.layers * both)
        yield from _with_new_axis(q.right, q.layers)
        yield from _with_new_axis(q.like_right(q.width), q.layers * q.directions)
        yield q.sequence((q.layers * q.seq_len,), q.batch, (both,))


def _directions_beside_time_or_batch(q: Question) -> Iterator[Sizes]:
    if q.directions == 2:
        yield from _with_new_axis(q.like_right(q.width), 2)
        yield q.sequence((2 * q.seq_len,), q.batch, (q.width,))
        if q.batch:
            yield q.sequence((q.seq_len,), (2 * q.batch[0],), (q.width,))


def _directions_in_the_features(q: Question) -> Iterator[Sizes]:
    if q.directions == 2:
        yield q.like_right(2 * q.width, layers=q.layers)
        yield q.like_right(2 * q.width)
        yield from _with_new_axis(q.like_right(q.width, layers=q.layers), 2)


def _unprojected(q: Question) -> Iterator[Sizes]:
    if q.module.proj_size:
        in_output = q.directions if q.which in SEQUENCE else 1
        yield q.like_right(in_output * q.module.hidden_size)


def _as_wide_as_the_input(q: Question) -> Iterator[Sizes]:
    yield q.like_right(q.module.input_size)
    if q.which in SEQUENCE:
        yield q.like_right(q.directions * q.module.input_size)


def _with_a_batch_of_its_own(q: Question) -> Iterator[Sizes]:
    if not q.batch:
        for batch in {1, q.seq_len}:
            yield from _with_new_axis(q.right, batch)


MISTAKES = (
    _row(
        "time_batch_swapped",
        SEQUENCE,
        "seq_len and batch are swapped",
        "This module has batch_first={batch_first}, so `output` comes in the order of the input, "
        "`{order}`: seq_len is {seq_len} and batch is {batch}.",
        lambda q: [(q.right[1], q.right[0], q.right[2])] if q.batch else [],
        "for the other order, make it with batch_first={other_batch_first} and turn the input",
    ),
    _row(
        "batch_first_moves_state",
        STATE,
        "batch stands first in `{which}`",
        "batch_first moves the axes of input and output only. In a state the layers come first and "
        "batch second, whatever batch_first says.",
        lambda q: [(*q.batch, q.right[0], q.right[2])] if q.batch else [],
    ),
    _row(
        "time_batch_swapped",
        STATE,
        "seq_len, {seq_len}, stands where the batch belongs",
        "This module has batch_first={batch_first}, so it reads the input as `{order}`: batch is "
        "{batch}. A state has no time axis.",
        lambda q: [(q.right[0], q.seq_len, q.right[2])] if q.batch else [],
    ),
    _row(
        "forgot_directions",
        SEQUENCE,
        "one of the two directions is missing",
        "The module is bidirectional: at each step `output` holds the forward and the backward h "
        "side by side, so its last axis is {both_directions}.",
        lambda q: [q.like_right(q.width)] if q.directions == 2 else [],
    ),
    _row(
        "forgot_directions",
        STATE,
        "one of the two directions is missing",
        "The module is bidirectional: each layer keeps a state for each of its 2 directions, so "
        "the first axis of `{which}` is {layers}.",
        _state_of_one_direction,
    ),
    _row(
        "forgot_layers",
        STATE,
        "only one layer is counted",
        "Every layer keeps a state of its own, not only the last one: the first axis of `{which}` "
        "is {layers}.",
        lambda q: (
            [q.like_right(q.width, layers=q.directions), (*q.batch, q.width)]
            if q.layers > 1
            else []
        ),
    ),
    _row(
        "forgot_layers",
        STATE,
        "the layers and the directions are both left out",
        "Every layer keeps a state for each of its 2 directions, so the first axis of `{which}` is "
        "{layers}.",
        lambda q: [q.like_right(q.width, layers=1)] if q.layers > 1 and q.directions == 2 else [],
    ),
    _row(
        "last_step_only",
        SEQUENCE,
        "that is the last time step only",
        "`h_n` is for that. `output` holds every step, so it keeps its time axis, {seq_len} long.",
        lambda q: [(*q.batch, q.right[-1]), q.sequence((1,), q.batch, q.right[-1:]), q.shapes.h_n],
    ),
    _row(
        "proj_size_ignored",
        SEQUENCE + HIDDEN,
        "proj_size is left out",
        "It narrows h from hidden_size, {hidden_size}, to {proj_size}{each_direction}, and "
        "`{which}` is made of h. Only c keeps hidden_size.",
        _unprojected,
    ),
    _row(
        "proj_size_on_c",
        MEMORY,
        "proj_size narrows h only",
        "c is never projected: the last axis of `{which}` is hidden_size, {hidden_size}.",
        lambda q: [q.like_right(q.module.proj_size)] if q.module.proj_size else [],
    ),
    _row(
        "all_layers_in_output",
        SEQUENCE,
        "`output` holds the last layer only",
        "It has every step of that layer. The other layers are in `h_n`, at their last step; "
        "num_layers is nowhere in the shape of `output`.",
        _every_layer,
    ),
    _row(
        "directions_in_wrong_axis",
        SEQUENCE,
        "the two directions lie in the wrong axis",
        "They stand side by side in the last axis of `output`: {both_directions}. They get no axis "
        "of their own and do not lengthen time or batch.",
        _directions_beside_time_or_batch,
    ),
    _row(
        "directions_in_wrong_axis",
        STATE,
        "the two directions lie in the wrong axis",
        "In a state they are counted in the first axis, with the layers: it is {layers}. Only in "
        "`output` do they stand side by side in the last axis.",
        _directions_in_the_features,
    ),
    _row(
        "input_size_for_hidden_size",
        (*SEQUENCE, *STATE, CELL),
        "{input_size} is input_size, the width of what goes in",
        "What comes out is {width_name} wide, {width}{each_direction}.",
        _as_wide_as_the_input,
    ),
    _row(
        "wrong_rank",
        STATE,
        "the axis of layers is missing",
        "`{which}` keeps it, 1 long, even for one layer.",
        lambda q: [q.right[1:]] if q.right[0] == 1 else [],
    ),
    _row(
        "wrong_rank",
        SEQUENCE + STATE,
        "there is no batch axis here",
        "The input has 2 axes, `[seq_len, input_size]`, so PyTorch reads it as one sample of "
        "{seq_len} steps without a batch, and no result has a batch axis.",
        _with_a_batch_of_its_own,
    ),
    _row(
        "wrong_rank",
        (CELL,),
        "an nn.LSTMCell has no axis for layers and none for time",
        "It is one layer and computes one step.",
        lambda q: _with_new_axis(q.right, 1),
    ),
    _row(
        "unrecognised",
        STATE,
        "that is the shape of `output`",
        "`output` has every step of the last layer. A state has the last step of every layer: its "
        "first axis is {layers}, and it has no time axis.",
        lambda q: [q.shapes.output],
    ),
    _row(
        "unrecognised",
        STATE,
        "that is the shape of the input",
        "What comes out is as wide as {width_name}, {width}{each_direction}.",
        lambda q: [q.shapes.input],
    ),
)


def mistakes_giving(sizes: Sizes, q: Question) -> list[Mistake]:
    """Every known mistake that produces exactly these sizes, the likeliest first."""
    return [mistake for mistake in MISTAKES if sizes in mistake.how(q)]
