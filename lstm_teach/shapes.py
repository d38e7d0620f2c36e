"""Which tensor of an nn.LSTM or nn.LSTMCell has which shape, and why.

Arithmetic on sizes: no module is run and no tensor is made. The rules are those of
https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html and of LSTMCell's page beside it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, cast, overload

from torch import nn

from lstm_teach import shape_hints as hints
from lstm_teach.shape_hints import Sizes


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
        return "\n".join(f"{f.name}: {getattr(self, f.name)}" for f in fields(cast(Any, self)))


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
        h_n: as h_0.
        c_n: as c_0.
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
        h_0: `[batch, hidden_size]`, or `[hidden_size]` unbatched.
        c_0: as h_0.
        h: as h_0.
        c: as c_0.
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
def predict_shapes(
    module: nn.LSTM | nn.LSTMCell,
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
    if not isinstance(module, nn.LSTM | nn.LSTMCell):
        raise TypeError(hints.not_an_lstm("predict_shapes", module))
    sizes = _read_sizes("input_shape", input_shape)
    if (h_0 is None) != (c_0 is None):
        raise ShapeError(hints.one_state_only("c_0" if h_0 is None else "h_0"))
    state = None
    if h_0 is not None and c_0 is not None:
        state = _read_sizes("h_0", h_0), _read_sizes("c_0", c_0)
    if isinstance(module, nn.LSTM):
        return _predict_lstm(module, sizes, state)
    return _predict_cell(module, sizes, state)


def _predict_lstm(lstm: nn.LSTM, sizes: Sizes, state: tuple[Sizes, Sizes] | None) -> LSTMShapes:
    directions = 2 if lstm.bidirectional else 1
    axes: tuple[str, ...]
    layers_name = "num_layers * num_directions" if lstm.bidirectional else "num_layers"
    h_name = "proj_size" if lstm.proj_size else "hidden_size"
    h_size = lstm.proj_size or lstm.hidden_size
    output_name = f"num_directions * {h_name}" if lstm.bidirectional else h_name

    if len(sizes) == 3:
        axes = ("batch", "seq_len") if lstm.batch_first else ("seq_len", "batch")
    elif len(sizes) == 2:
        axes = ("seq_len",)
    else:
        raise ShapeError(hints.lstm_input_axes(lstm, sizes))
    batch = tuple(size for name, size in zip(axes, sizes, strict=False) if name == "batch")

    given = Shape(sizes, (*axes, "input_size"))
    batch_name = ("batch",) if batch else ()
    layers = lstm.num_layers * directions
    h = Shape((layers, *batch, h_size), (layers_name, *batch_name, h_name))
    c = Shape((layers, *batch, lstm.hidden_size), (layers_name, *batch_name, "hidden_size"))
    output = Shape((*sizes[:-1], directions * h_size), (*axes, output_name))

    if sizes[-1] != lstm.input_size:
        raise ShapeError(hints.input_size(lstm, given))
    if state is not None:
        for name, got, expected in zip(("h_0", "c_0"), state, (h, c), strict=True):
            if got != expected:
                raise ShapeError(hints.lstm_state(lstm, name, got, expected, given, state))
    if sizes[axes.index("seq_len")] == 0:
        raise ShapeError(hints.no_time_step(lstm, given))
    return LSTMShapes(given, h, c, output, h, c)


def _predict_cell(
    cell: nn.LSTMCell, sizes: Sizes, state: tuple[Sizes, Sizes] | None
) -> LSTMCellShapes:
    if len(sizes) not in (1, 2):
        raise ShapeError(hints.cell_input_axes(cell, sizes))
    batch_name = ("batch",) if len(sizes) == 2 else ()
    given = Shape(sizes, (*batch_name, "input_size"))
    expected = Shape((*sizes[:-1], cell.hidden_size), (*batch_name, "hidden_size"))
    if sizes[-1] != cell.input_size:
        raise ShapeError(hints.input_size(cell, given))
    if state is None:
        return LSTMCellShapes(given, expected, expected, expected, expected)
    h_0, c_0 = state
    if h_0 != expected:
        raise ShapeError(hints.cell_state("h_0", h_0, expected, given))
    if c_0 != expected:
        return _unchecked_cell_state(given, expected, c_0)
    return LSTMCellShapes(given, expected, expected, expected, expected)


def _unchecked_cell_state(given: Shape, expected: Shape, c_0: Sizes) -> LSTMCellShapes:
    """The one wrong state that PyTorch lets through: a 2-D c_0 with an unbatched input.

    nn.LSTMCell compares only its first axis with hidden_size; f * c then broadcasts the last one.
    (A 2-D h_0 is an error here, though PyTorch crashes on it rather than raise.)
    """
    hidden_size = expected[-1]
    let_through = len(given) == 1 and len(c_0) == 2 and c_0[0] == hidden_size
    if not let_through or (c_0[1] not in (1, hidden_size) and hidden_size != 1):
        raise ShapeError(hints.cell_state("c_0", c_0, expected, given))
    names = ("hidden_size", "hidden_size of the gates")
    result = Shape((hidden_size, c_0[1] if hidden_size == 1 else hidden_size), names)
    return LSTMCellShapes(given, expected, Shape(c_0, names), result, result)


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
    if isinstance(module, nn.LSTMCell):
        return _one_layer(module, "", module.input_size, "input_size")
    if not isinstance(module, nn.LSTM):
        raise TypeError(hints.not_an_lstm("parameter_shapes", module))
    directions = 2 if module.bidirectional else 1
    below = module.input_size, "input_size"
    shapes: dict[str, Shape] = {}
    for layer in range(module.num_layers):
        for reverse in ("", "_reverse")[:directions]:
            shapes |= _one_layer(module, f"_l{layer}{reverse}", *below)
        h_name = "proj_size" if module.proj_size else "hidden_size"
        below = (
            directions * (module.proj_size or module.hidden_size),
            f"num_directions * {h_name}" if directions == 2 else h_name,
        )
    return shapes


def _one_layer(
    module: nn.LSTM | nn.LSTMCell, suffix: str, size_below: int, name_below: str
) -> dict[str, Shape]:
    hidden, proj = module.hidden_size, getattr(module, "proj_size", 0)
    gates, h = (4 * hidden, "4 * hidden_size"), (hidden, "hidden_size")
    projected = (proj, "proj_size")
    axes: dict[str, tuple[tuple[int, str], ...]] = {
        "weight_ih": (gates, (size_below, name_below)),
        "weight_hh": (gates, projected if proj else h),
    }
    if module.bias:
        axes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
    if proj:
        axes["weight_hr"] = (projected, h)
    return {f"{name}{suffix}": Shape(*zip(*pairs, strict=True)) for name, pairs in axes.items()}


def _read_sizes(name: str, value: Any) -> Sizes:
    if not isinstance(value, tuple | list):
        raise ShapeError(hints.not_a_shape(name, value))
    sizes = []
    for axis, size in enumerate(value):
        try:
            number = operator.index(size)
        except Exception:
            number = -1
        if not 0 <= number < 2**63 or isinstance(size, bool):
            raise ShapeError(hints.not_a_size(name, axis, size))
        sizes.append(number)
    return tuple(sizes)
