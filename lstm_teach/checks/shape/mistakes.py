"""The known mistakes about shapes: what each one produces, and what to say about it.

A mistake is a row: its verdict, the tensors it is made about, the shapes it produces for one
configuration, and its explanation. Rows stand in order of likelihood: where two produce the same
shape, the first gives the verdict. Where they come from: pytorch#19675 and #34036 (batch_first and
the state), pytorch#139582 (proj_size).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lstm_teach.checks.shape.question import HIDDEN, MEMORY, SEQUENCE, STATE, Question
from lstm_teach.shape_hints import Sizes


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        verdict: its name.
        about: the tensors it is made about.
        produces: the shapes that it gives for a question; none where it does not apply.
        explanation: what is wrong and what to change; its braces are filled in from
            `Question.words`.
    """

    verdict: str
    about: tuple[str, ...]
    produces: Callable[[Question], Iterable[Sizes]]
    explanation: str

    def explain(self, q: Question) -> str:
        """Say what is wrong, in the numbers of this question."""
        return self.explanation.format(**q.words())


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
        one_direction = q.like_right(q.width)
        yield from _with_new_axis(one_direction, q.layers * q.directions)
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
        yield from _with_new_axis(q.like_right(q.width, layers=q.layers), 2)


def _unprojected(q: Question) -> Iterator[Sizes]:
    if q.lstm.proj_size:
        in_output = q.directions if q.which in SEQUENCE else 1
        yield q.like_right(in_output * q.lstm.hidden_size)


def _as_wide_as_the_input(q: Question) -> Iterator[Sizes]:
    yield q.like_right(q.lstm.input_size)
    if q.which in SEQUENCE:
        yield q.like_right(q.directions * q.lstm.input_size)


def _with_a_batch_of_its_own(q: Question) -> Iterator[Sizes]:
    if not q.batch:
        for batch in {1, q.seq_len}:
            yield from _with_new_axis(q.right, batch)


MISTAKES = (
    Mistake(
        "time_batch_swapped",
        SEQUENCE,
        lambda q: [(q.right[1], q.right[0], q.right[2])] if q.batch else [],
        "You swapped seq_len and batch. This module has batch_first={batch_first}, so `output` "
        "comes in the order of the input, `{order}`: seq_len is {seq_len} and batch is {batch}. "
        "For the other order, make it with batch_first={other_batch_first} and turn the input.",
    ),
    Mistake(
        "batch_first_moves_state",
        STATE,
        lambda q: [(*q.batch, q.right[0], q.right[2])] if q.batch else [],
        "You put batch first in `{which}`. batch_first moves the axes of input and output only; "
        "in a state the layers come first and batch second, whatever batch_first says.",
    ),
    Mistake(
        "time_batch_swapped",
        STATE,
        lambda q: [(q.right[0], q.seq_len, q.right[2])] if q.batch else [],
        "You took seq_len, {seq_len}, for the batch. This module has batch_first={batch_first}, so "
        "it reads the input as `{order}`: batch is {batch}. A state has no time axis.",
    ),
    Mistake(
        "forgot_directions",
        SEQUENCE,
        lambda q: [q.like_right(q.width)] if q.directions == 2 else [],
        "The module is bidirectional: at each step `output` holds the forward and the backward h "
        "side by side, so its last axis is {both_directions}.",
    ),
    Mistake(
        "forgot_directions",
        STATE,
        _state_of_one_direction,
        "The module is bidirectional: each layer keeps a state for each of its 2 directions, so "
        "the first axis of `{which}` is {layers}.",
    ),
    Mistake(
        "forgot_layers",
        STATE,
        lambda q: (
            [q.like_right(q.width, layers=q.directions), (*q.batch, q.width)]
            if q.layers > 1
            else []
        ),
        "Every layer keeps a state of its own, not only the last one: the first axis of `{which}` "
        "is {layers}.",
    ),
    Mistake(
        "forgot_layers",
        STATE,
        lambda q: [q.like_right(q.width, layers=1)] if q.layers > 1 and q.directions == 2 else [],
        "You left out both the layers and the directions: every layer keeps a state for each of "
        "its 2 directions, so the first axis of `{which}` is {layers}.",
    ),
    Mistake(
        "last_step_only",
        SEQUENCE,
        lambda q: [(*q.batch, q.right[-1]), q.sequence((1,), q.batch, q.right[-1:]), q.shapes.h_n],
        "That is the last time step only, which is what `h_n` is for. `output` holds every step, "
        "so it keeps its time axis, {seq_len} long.",
    ),
    Mistake(
        "proj_size_ignored",
        SEQUENCE + HIDDEN,
        _unprojected,
        "You left proj_size out: it narrows h from hidden_size, {hidden_size}, to {proj_size}"
        "{each_direction}, and `{which}` is made of h. Only c keeps hidden_size.",
    ),
    Mistake(
        "proj_size_on_c",
        MEMORY,
        lambda q: [q.like_right(q.lstm.proj_size)] if q.lstm.proj_size else [],
        "proj_size narrows h only. c is never projected: the last axis of `{which}` is "
        "hidden_size, {hidden_size}.",
    ),
    Mistake(
        "all_layers_in_output",
        SEQUENCE,
        _every_layer,
        "`output` holds the last layer only, at every step. The other layers are in `h_n`, at "
        "their last step; num_layers is nowhere in the shape of `output`.",
    ),
    Mistake(
        "directions_in_wrong_axis",
        SEQUENCE,
        _directions_beside_time_or_batch,
        "The two directions lie side by side in the last axis of `output`: {both_directions}. "
        "They get no axis of their own and do not lengthen time or batch.",
    ),
    Mistake(
        "directions_in_wrong_axis",
        STATE,
        _directions_in_the_features,
        "In a state the two directions lie in the first axis, with the layers: it is {layers}. "
        "Only in `output` do they stand side by side in the last axis.",
    ),
    Mistake(
        "input_size_for_hidden_size",
        SEQUENCE + STATE,
        _as_wide_as_the_input,
        "{input_size} is input_size, the width of what goes in. What comes out is {width_name} "
        "wide, {width}{each_direction}.",
    ),
    Mistake(
        "wrong_rank",
        STATE,
        lambda q: [q.right[1:]] if q.right[0] == 1 else [],
        "The axis of layers is missing. `{which}` keeps it, 1 long, even for one layer.",
    ),
    Mistake(
        "wrong_rank",
        SEQUENCE + STATE,
        _with_a_batch_of_its_own,
        "The input has 2 axes, `[seq_len, input_size]`, so PyTorch reads it as one sentence of "
        "{seq_len} steps without a batch, and no result has a batch axis.",
    ),
)


def mistakes_giving(sizes: Sizes, q: Question) -> list[Mistake]:
    """Every known mistake that produces exactly these sizes, the likeliest first."""
    return [m for m in MISTAKES if q.which in m.about and sizes in tuple(m.produces(q))]
