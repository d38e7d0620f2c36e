"""Which tensor of an nn.LSTM or nn.LSTMCell has which shape, and why.

Arithmetic on sizes: no module is run and no tensor is made. The rules are those of
https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html and of LSTMCell's page beside it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import nn

from lstm_teach.language import in_the_readers_language

Sizes = tuple[int, ...]
Layer = nn.LSTM | nn.LSTMCell


class ShapeError(ValueError):
    """A shape that PyTorch would refuse; the text says which axis is wrong and what to change."""


class Shape(tuple[int, ...]):
    """A tensor's shape that also knows what its axes are called.

    It is a tuple of ints and compares like one: it equals a plain tuple or a `torch.Size` of the
    same numbers, whatever the names. A slice of it is a plain tuple.

        >>> Shape((10, 3, 20), names=("seq_len", "batch", "hidden_size"))
        Shape((10, 3, 20), names=('seq_len', 'batch', 'hidden_size'))
        >>> print(Shape((10, 3, 20), names=("seq_len", "batch", "hidden_size")))
        [seq_len=10, batch=3, hidden_size=20]

    Args:
        sizes: one whole number for each axis.
        names: one name for each axis.

    Raises:
        ValueError: there are not as many names as sizes.
    """

    names: tuple[str, ...]

    def __new__(cls, sizes: Iterable[int], names: Iterable[str]) -> Shape:
        """Make a shape of sizes and as many names."""
        shape = super().__new__(cls, sizes)
        shape.names = tuple(names)
        if len(shape.names) != len(shape):
            raise ValueError(f"{len(shape)} sizes need as many names, not {len(shape.names)}.")
        return shape

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Tell copy and pickle what to make the copy from."""
        return tuple(self), self.names

    def __repr__(self) -> str:
        """The expression that makes this shape."""
        return f"Shape({tuple(self)!r}, names={self.names!r})"

    def __str__(self) -> str:
        """Each axis as name=size, such as `[seq_len=10, batch=3, hidden_size=20]`."""
        axes = (f"{name}={size}" for name, size in zip(self.names, self, strict=True))
        return f"[{', '.join(axes)}]"


class _OneShapePerLine:
    def __str__(self) -> str:
        return "\n".join(f"{name}: {shape}" for name, shape in vars(self).items())


@dataclass(frozen=True)
class LSTMShapes(_OneShapePerLine):
    """The shapes around one call of nn.LSTM, `output, (h_n, c_n) = lstm(input, (h_0, c_0))`.

    Attributes:
        input: `[seq_len, batch, input_size]`; with batch_first `[batch, seq_len, input_size]`;
            unbatched `[seq_len, input_size]`.
        h_0: `[num_layers * num_directions, batch, hidden_size]`, whatever batch_first says; with
            proj_size, the last axis is proj_size; unbatched, the batch axis is missing.
        c_0: as h_0, but the last axis is always hidden_size.
        output: as input, with `num_directions * hidden_size` (or proj_size) as its last axis.
        h_n, c_n: as h_0 and c_0.
    """

    input: Shape
    h_0: Shape
    c_0: Shape
    output: Shape
    h_n: Shape
    c_n: Shape


@dataclass(frozen=True)
class LSTMCellShapes(_OneShapePerLine):
    """The shapes around one call of nn.LSTMCell, `h, c = cell(input, (h_0, c_0))`.

    Attributes:
        input: `[batch, input_size]`, or `[input_size]` unbatched: one time step.
        h_0, c_0, h, c: `[batch, hidden_size]`, or `[hidden_size]` unbatched.
    """

    input: Shape
    h_0: Shape
    c_0: Shape
    h: Shape
    c: Shape


@overload
def predict_shapes(
    module: nn.LSTM, input_shape: Iterable[int], h_0: Any = None, c_0: Any = None
) -> LSTMShapes: ...
@overload
def predict_shapes(
    module: nn.LSTMCell, input_shape: Iterable[int], h_0: Any = None, c_0: Any = None
) -> LSTMCellShapes: ...
@in_the_readers_language
def predict_shapes(
    module: Layer,
    input_shape: Iterable[int],
    h_0: Iterable[int] | None = None,
    c_0: Iterable[int] | None = None,
) -> LSTMShapes | LSTMCellShapes:
    """Tell every shape around one call of the module, without running it.

        >>> print(predict_shapes(nn.LSTM(100, 20), (10, 3, 100)).h_n)
        [num_layers=1, batch=3, hidden_size=20]

    Args:
        module: an nn.LSTM or nn.LSTMCell.
        input_shape: the input's shape, a tuple, list or torch.Size. For nn.LSTM
            `[seq_len, batch, input_size]`, `[batch, seq_len, input_size]` with batch_first, or
            `[seq_len, input_size]`; for nn.LSTMCell `[batch, input_size]` or `[input_size]`.
        h_0: the shape of the hidden state you pass, or None.
        c_0: the shape of the cell state you pass, or None. Give both states or neither; without
            them PyTorch starts from zeros, and their shapes are in the result.

    Returns:
        `LSTMShapes` with .output .h_n .c_n, or `LSTMCellShapes` with .h .c; both also have
        .input .h_0 .c_0.

    Raises:
        ShapeError: PyTorch would raise on tensors of these shapes, or what you gave is no shape.
            The text says what to change.
        TypeError: the module is neither an nn.LSTM nor an nn.LSTMCell.
    """
    if not isinstance(module, Layer):
        raise TypeError(not_an_lstm("predict_shapes", module))
    sizes = _read_sizes("input_shape", input_shape)
    if (h_0 is None) != (c_0 is None):
        given, missing = ("c_0", "h_0") if h_0 is None else ("h_0", "c_0")
        raise ShapeError(
            f"You gave `{given}` but no `{missing}`. PyTorch takes both, as one pair `(h_0, c_0)`, "
            "or neither, and then starts from zeros. Here they are two arguments: give "
            f"`{missing}` too, or leave `{given}` out."
        )
    state = () if h_0 is None or c_0 is None else (_read_sizes("h_0", h_0), _read_sizes("c_0", c_0))
    directions, (h_width, c_width) = _directions(module), _widths(module)
    steps: tuple[str, ...] = ("batch",)
    lanes: dict[str, int] = {}
    if isinstance(module, nn.LSTM):
        steps = ("batch", "seq_len") if module.batch_first else ("seq_len", "batch")
        name = "num_layers" + " * num_directions" * (directions - 1)
        lanes = {name: module.num_layers * directions}
    if len(sizes) == len(steps):
        steps = tuple(name for name in steps if name != "batch")
    if len(sizes) != len(steps) + 1:
        raise ShapeError(_say_input_axes(module, sizes))
    x = Shape(sizes, (*steps, "input_size"))
    if sizes[-1] != module.input_size:
        raise ShapeError(_say_input_size(module, x))

    batch = {name: size for name, size in zip(steps, sizes, strict=False) if name == "batch"}
    h, c = _shape(lanes | batch | h_width), _shape(lanes | batch | c_width)
    for name, got, expected in zip(("h_0", "c_0"), state, (h, c), strict=False):
        if got != expected and not (name == "c_0" and _broadcasts(got, expected)):
            raise ShapeError(_say_state(module, name, got, expected, x))
    if isinstance(module, nn.LSTM):
        if sizes[steps.index("seq_len")] == 0:
            raise ShapeError(_say_no_time_step(module, x))
        width = "num_directions * " * (directions - 1) + h.names[-1]
        output = Shape((*sizes[:-1], directions * h[-1]), (*steps, width))
        return LSTMShapes(x, h, c, output, h, c)
    if not state or state[1] == c:
        return LSTMCellShapes(x, h, c, h, c)
    names, (hidden, wide) = ("hidden_size", "hidden_size of the gates"), state[1]
    result = Shape((hidden, wide if hidden == 1 else hidden), names)
    return LSTMCellShapes(x, h, Shape(state[1], names), result, result)


def _broadcasts(c_0: Sizes, expected: Shape) -> bool:
    """Whether nn.LSTMCell takes this wrong c_0.

    Before 2.15, PyTorch let one through: a 2-D c_0 with an unbatched input. It compared only the
    first axis with hidden_size, and f * c then broadcast the last one. (A 2-D h_0 is an error here,
    though PyTorch crashed on it rather than raise.)
    """
    if len(expected) != 1 or len(c_0) != 2 or torch.__version__ >= "2.15":
        return False
    hidden = expected[0]
    return c_0[0] == hidden and (hidden == 1 or c_0[1] in (1, hidden))


def _directions(module: Layer) -> int:
    return 2 if isinstance(module, nn.LSTM) and module.bidirectional else 1


def _widths(module: Layer) -> tuple[dict[str, int], dict[str, int]]:
    """The last axis of h and that of c, by name."""
    c = {"hidden_size": module.hidden_size}
    if isinstance(module, nn.LSTM) and module.proj_size:
        return {"proj_size": module.proj_size}, c
    return c, c


def _shape(axes: Mapping[str, int]) -> Shape:
    return Shape(axes.values(), axes)


@in_the_readers_language
def parameter_shapes(module: nn.LSTM | nn.LSTMCell) -> dict[str, Shape]:
    """Tell the shape of every parameter by its name, in the order of `named_parameters()`.

    The four gates i, f, g, o lie one below the other, so the first axis is `4 * hidden_size`. Layer
    0 reads the input; every later layer reads the h of the layer below, of all its directions.

    Args:
        module: an nn.LSTM or nn.LSTMCell.

    Returns:
        For nn.LSTM, each layer and direction has weight_ih `[4 * hidden_size, input_size]` (from
        layer 1 on, the last axis is `num_directions * hidden_size`, or proj_size in its place),
        weight_hh `[4 * hidden_size, hidden_size]` (or proj_size), bias_ih and bias_hh
        `[4 * hidden_size]`, and with proj_size weight_hr `[proj_size, hidden_size]`. For
        nn.LSTMCell, the first four.

    Raises:
        TypeError: the module is neither an nn.LSTM nor an nn.LSTMCell.
    """
    if not isinstance(module, Layer):
        raise TypeError(not_an_lstm("parameter_shapes", module))
    directions, (h, c) = _directions(module), _widths(module)
    gates, below = {"4 * hidden_size": 4 * module.hidden_size}, {"input_size": module.input_size}
    layers = [f"_l{k}" for k in range(module.num_layers)] if isinstance(module, nn.LSTM) else [""]
    shapes: dict[str, Shape] = {}
    for layer in layers:
        for suffix in (layer, f"{layer}_reverse")[:directions]:
            axes = {"weight_ih": gates | below, "weight_hh": gates | h}
            axes |= {"bias_ih": gates, "bias_hh": gates} if module.bias else {}
            axes |= {"weight_hr": h | c} if h != c else {}
            shapes |= {f"{name}{suffix}": _shape(shape) for name, shape in axes.items()}
        below = {"num_directions * " * (directions - 1) + n: directions * h[n] for n in h}
    return shapes


def _read_sizes(name: str, value: Any) -> Sizes:
    if isinstance(value, torch.Tensor):
        raise ShapeError(f"`{name}` is the tensor itself. Give its `.shape`.")
    if not isinstance(value, tuple | list):
        raise ShapeError(
            f"`{name}` must be a shape: a tuple, a list or a torch.Size of whole numbers, such as "
            f"`(10, 3, 100)`. You gave a value of type `{type(value).__name__}`."
        )
    return tuple(read_size(size, f"Axis {axis} of `{name}`") for axis, size in enumerate(value))


def read_size(size: Any, what: str) -> int:
    """The size of one axis as an int.

    Raises:
        ShapeError: it is no whole number from 0 up to what PyTorch can count; it says `what` is.
    """
    try:
        number = operator.index(size)
    except Exception:
        number = -1
    if 0 <= number < 2**63 and not isinstance(size, bool):
        return number
    plain = isinstance(size, bool | float) or (isinstance(size, int) and abs(size) < 2**63)
    given = f"`{size}`" if plain else f"a value of type `{type(size).__name__}`"
    raise ShapeError(f"{what} must be a whole number, 0 or more. You gave {given}.")


# What a ShapeError says: what was given, what was expected, and what to change.


def differing_axes(given: Sizes, expected: Shape) -> str:
    """Name each axis that is off, such as `batch is 4 and must be 3`; the ranks are equal."""
    axes = zip(expected.names, given, expected, strict=True)
    return ", ".join(
        f"{name} is {got} and must be {want}" for name, got, want in axes if got != want
    )


def not_an_lstm(function: str, module: Any) -> str:
    """Say what the function needs in place of another module."""
    kind = module.__name__ if isinstance(module, type) else type(module).__name__
    made = "the class itself" if isinstance(module, type) else "an object of type"
    return (
        f"`{function}` needs an nn.LSTM or an nn.LSTMCell that has been made, such as "
        f"`nn.LSTM(100, 20)`. You gave {made} `{kind}`."
    )


def _say_input_axes(module: Layer, given: Sizes) -> str:
    width, squeezed = module.input_size, [k for k, size in enumerate(given[:-1]) if size == 1]
    if isinstance(module, nn.LSTMCell):
        change = f"Change its axes to these; the last one, input_size, is {module.input_size}."
        if len(given) == 3:
            change = (
                "A cell computes one time step: loop over time, `for x in input:` if time is the "
                "first axis, `for x in input.unbind(1):` if it is the second."
            )
        return (
            f"`input` has {_axes(given)}, {list(given)}. nn.LSTMCell takes 2, "
            f"`[batch, input_size]`, or 1 without a batch, `[input_size]`. {change}"
        )
    if given == (width,):
        change = "For a single word, give `input.unsqueeze(0)`: a sentence of one time step."
    elif len(given) == 1 and width == 1:
        change = "For a series of single numbers, give `input.unsqueeze(-1)`."
    elif len(given) == 1:
        change = (
            f"If these are the numbers of words, an nn.Embedding makes `[seq_len, {width}]` of "
            "them."
        )
    elif len(given) == 4 and squeezed and given[-1] == width:
        change = f"Axis {squeezed[0]} is 1 long: `input.squeeze({squeezed[0]})` drops it."
    else:
        change = f"Change its axes to these; the last one, input_size, is {width} for this module."
    order = "batch, seq_len" if module.batch_first else "seq_len, batch"
    return (
        f"`input` has {_axes(given)}, {list(given)}. nn.LSTM with batch_first={module.batch_first} "
        f"takes 3, `[{order}, input_size]`, or 2 for one sentence without a batch, "
        f"`[seq_len, input_size]`. {change}"
    )


def _say_input_size(module: Layer, given: Shape) -> str:
    got, expected, last = given[-1], module.input_size, len(given) - 1
    kind = "nn.LSTM" if isinstance(module, nn.LSTM) else "nn.LSTMCell"
    if expected in given[:-1]:
        axis = given.index(expected)
        change = (
            f"Axis {axis} is {expected} long: if the features lie there, "
            f"`input.transpose({axis}, {last})` moves them last."
        )
    elif expected == 1 and "batch" not in given.names:
        change = "If each step is a single number, `input.unsqueeze(-1)` adds the axis of 1."
    else:
        change = f"Give an input whose last axis is {expected}"
        change += f", or make the module with input_size={got}." if got else "."
    return (
        f"The last axis of `input` is input_size. It is {got} in {list(given)}, and this {kind} "
        f"was made with input_size={expected}. {change}"
    )


def _say_no_time_step(lstm: nn.LSTM, given: Shape) -> str:
    axis, change = given.names.index("seq_len"), "Leave empty sentences out."
    if "batch" in given.names and given[given.names.index("batch")]:
        change = (
            f"Did you swap seq_len and batch? batch_first is {lstm.batch_first}, so axis {axis} is "
            f"time. If axis {axis} is your batch, make the module with "
            f"batch_first={not lstm.batch_first}: a batch of 0 is allowed, 0 steps are not."
        )
    return f"seq_len (axis {axis} of `input`) is 0; it must be 1 or more. {change}"


def _say_state(module: Layer, name: str, got: Sizes, expected: Shape, given: Shape) -> str:
    zeros = f"Make it `torch.zeros({', '.join(map(str, expected))})`, or pass no state: PyTorch "
    change = f"{zeros}then starts from zeros of the right shape."
    change = _known_states(module, name, expected, given).get(got, change)
    wrong = f"it has {_axes(got)} and must have {len(expected)}"
    if len(got) == len(expected):
        wrong = differing_axes(got, expected)
    return f"`{name}` is {list(got)} and must be `{expected}`: {wrong}. {change}"


def _known_states(
    module: Layer, name: str, expected: Shape, given: Shape
) -> dict[Sizes | None, str]:
    """What to change in a wrong state, by its shape; of two alike the last is the likeliest."""
    has_batch, width = "batch" in given.names, expected[-1]
    if isinstance(module, nn.LSTMCell):
        return {
            (width,): (
                "Your input has a batch axis, so the state has one too, a row for each sentence: "
                f"`{name}.expand({expected[0]}, -1)`."
            ),
            expected[::-1]: f"You swapped the two axes: use `{name}.transpose(0, 1)`.",
            (1, *expected): f"A cell has no axis of layers: use `{name}.squeeze(0)`.",
            None if has_batch else (1, width): (
                f"Your input has no batch axis, so the state has none: use `{name}.squeeze(0)`, or "
                "give `input.unsqueeze(0)`."
            ),
        }
    layers, *batch, _ = expected
    seq_len, batch_first = given[given.names.index("seq_len")], bool(module.batch_first)
    other_width = module.hidden_size if name == "h_0" else module.proj_size or width
    as_one = "Your input has 2 axes, so PyTorch reads it as one sentence "
    known: dict[Sizes | None, str] = {
        (*batch, width) if layers == 1 else None: (
            f"The axis of layers stays, even for one layer: `{name}.unsqueeze(0)`."
        ),
        (layers, *batch, other_width): (
            "proj_size narrows h only: the last axis of `h_0` is proj_size, that of `c_0` is "
            "hidden_size."
        ),
    }
    if has_batch:
        return known | {
            (layers, seq_len, width): (
                f"{seq_len} is the seq_len of this input. Did you swap seq_len and batch? If the "
                f"input really has batch {seq_len}, make the module with "
                f"batch_first={not batch_first}, or give `input.transpose(0, 1)`."
            ),
            (*batch, layers, width): (
                "You put batch first: batch_first does not move the state, only input and output. "
                f"Use `{name}.transpose(0, 1)`."
            ),
        }
    return known | {
        (layers, seq_len, width): (
            f"{as_one}of {seq_len} steps, without a batch. If it is a batch of {seq_len} single "
            f"steps, give `input.unsqueeze({int(batch_first)})`."
        ),
        (layers, 1, width): (
            f"{as_one}without a batch. Give the input a batch axis, "
            f"`input.unsqueeze({int(not batch_first)})`, or drop the state's, "
            f"`{name}.squeeze(1)`."
        ),
    }


def _axes(sizes: Sizes) -> str:
    return "1 axis" if len(sizes) == 1 else f"{len(sizes)} axes"
