"""The words of a ShapeError: which axis, what was given, what was expected, what to change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from lstm_teach.shapes import Shape

Sizes = tuple[int, ...]


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


def one_state_only(given: str) -> str:
    """Say that the states come in a pair."""
    missing = "c_0" if given == "h_0" else "h_0"
    return (
        f"You gave `{given}` but no `{missing}`. PyTorch takes both, as one pair `(h_0, c_0)`, or "
        "neither, and then starts from zeros. Here they are two arguments: give "
        f"`{missing}` too, or leave `{given}` out."
    )


def not_a_shape(name: str, value: Any) -> str:
    """Say what a shape looks like."""
    if isinstance(value, torch.Tensor):
        return f"`{name}` must be a shape, and you gave the tensor itself. Give its `.shape`."
    return (
        f"`{name}` must be a shape: a tuple, a list or a torch.Size of whole numbers, such as "
        f"`(10, 3, 100)`. You gave a value of type `{type(value).__name__}`."
    )


def not_a_size(name: str, axis: int, size: Any) -> str:
    """Say what the size of an axis can be."""
    plain = type(size) in (bool, float) or (type(size) is int and -(2**63) <= size < 2**63)
    given = f"`{size}`" if plain else f"no such number (its type: `{type(size).__name__}`)"
    return f"Axis {axis} of `{name}` must be a whole number, 0 or more. You gave {given}."


def lstm_input_axes(lstm: nn.LSTM, given: Sizes) -> str:
    """Say that the input of nn.LSTM has 2 or 3 axes."""
    width = lstm.input_size
    order = "batch, seq_len" if lstm.batch_first else "seq_len, batch"
    squeezed = [axis for axis, size in enumerate(given) if size == 1 and axis < len(given) - 1]
    if len(given) == 1 and given[0] == width:
        change = "For a single word, give `input.unsqueeze(0)`: a sentence of one time step."
    elif len(given) == 1 and width == 1:
        change = "For a series of single numbers, give `input.unsqueeze(-1)`."
    elif len(given) == 1:
        change = (
            "If these are the numbers of words, an nn.Embedding makes "
            f"`[seq_len, {width}]` of them."
        )
    elif len(given) == 4 and squeezed and given[-1] == width:
        change = f"Axis {squeezed[0]} is 1 long: `input.squeeze({squeezed[0]})` drops it."
    else:
        change = f"Change its axes to these; the last one, input_size, is {width} for this module."
    return (
        f"`input` has {_axes(given)}, {list(given)}. nn.LSTM with batch_first={lstm.batch_first} "
        f"takes 3, `[{order}, input_size]`, or 2 for one sentence without a batch, "
        f"`[seq_len, input_size]`. {change}"
    )


def cell_input_axes(cell: nn.LSTMCell, given: Sizes) -> str:
    """Say that the input of nn.LSTMCell has 1 or 2 axes."""
    change = f"Change its axes to these; the last one, input_size, is {cell.input_size}."
    if len(given) == 3:
        change = (
            "A cell computes one time step: loop over time, `for x in input:` if time is the first "
            "axis, `for x in input.unbind(1):` if it is the second."
        )
    return (
        f"`input` has {_axes(given)}, {list(given)}. nn.LSTMCell takes 2, `[batch, input_size]`, "
        f"or 1 without a batch, `[input_size]`. {change}"
    )


def input_size(module: nn.LSTM | nn.LSTMCell, given: Shape) -> str:
    """Say that the input's last axis is not what the module was made for."""
    got, expected = given[-1], module.input_size
    kind = "nn.LSTM" if isinstance(module, nn.LSTM) else "nn.LSTMCell"
    last = len(given) - 1
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


def no_time_step(lstm: nn.LSTM, given: Shape) -> str:
    """Say that a sentence has at least one time step."""
    axis = given.names.index("seq_len")
    change = "Leave empty sentences out."
    if "batch" in given.names and given[given.names.index("batch")]:
        change = (
            f"Did you swap seq_len and batch? batch_first is {lstm.batch_first}, so axis {axis} is "
            f"time. If axis {axis} is your batch, make the module with "
            f"batch_first={not lstm.batch_first}: a batch of 0 is allowed, 0 steps are not."
        )
    return f"seq_len (axis {axis} of `input`) is 0; it must be 1 or more. {change}"


def lstm_state(
    lstm: nn.LSTM, name: str, got: Sizes, expected: Shape, given: Shape, state: tuple[Sizes, Sizes]
) -> str:
    """Say what is wrong with h_0 or c_0 of nn.LSTM."""
    layers, width = expected[0], expected[-1]
    directions = 2 if lstm.bidirectional else 1
    seq_len = given[given.names.index("seq_len")]
    hidden, proj = lstm.hidden_size, lstm.proj_size
    batch = expected[1:-1]
    wide = f"The directions lie in the first axis of `{name}`, not in the last."
    other_batch_first = not lstm.batch_first
    known = [
        (
            len(batch) == 1,
            (*batch, layers, width),
            "You put batch first: batch_first does not move the state, only input and output. "
            f"Use `{name}.transpose(0, 1)`.",
        ),
        (
            len(batch) == 1,
            (layers, seq_len, width),
            f"{seq_len} is the seq_len of this input. Did you swap seq_len and batch? If the input "
            f"really has batch {seq_len}, make the module with batch_first={other_batch_first}, or "
            "give `input.transpose(0, 1)`.",
        ),
        (
            directions == 2,
            (lstm.num_layers, *batch, width),
            "A bidirectional LSTM keeps a state for each direction too: the first axis is "
            f"num_layers * num_directions, {lstm.num_layers} * 2.",
        ),
        (
            lstm.num_layers > 1,
            (directions, *batch, width),
            "Every layer keeps a state of its own: the first axis must count all "
            f"{lstm.num_layers} layers.",
        ),
        (directions == 2, (lstm.num_layers, *batch, directions * width), wide),
        (
            proj > 0 and name == "h_0",
            (layers, *batch, hidden),
            "proj_size narrows h: the last axis of `h_0` is proj_size. Only `c_0` keeps "
            "hidden_size."
            + (" Did you give the pair as (c_0, h_0)?" if state[1][-1:] == (proj,) else ""),
        ),
        (
            proj > 0 and name == "c_0",
            (layers, *batch, proj),
            "proj_size narrows h only: the last axis of `c_0` is still hidden_size.",
        ),
        (
            True,
            (layers, *batch, lstm.input_size),
            f"{lstm.input_size} is input_size; a state is {expected.names[-1]} wide.",
        ),
        (
            layers == 1,
            (*batch, width),
            f"The axis of layers stays, even for one layer: `{name}.unsqueeze(0)`.",
        ),
        (
            not batch,
            (layers, 1, width),
            "Your input has 2 axes, so PyTorch reads it as one sentence without a batch. "
            f"Give the input a batch axis, `input.unsqueeze({0 if lstm.batch_first else 1})`, or "
            f"drop the state's, `{name}.squeeze(1)`.",
        ),
        (
            not batch,
            (layers, seq_len, width),
            f"Your input has 2 axes, so PyTorch reads it as one sentence of {seq_len} steps, "
            f"without a batch. If it is a batch of {seq_len} single steps, give "
            f"`input.unsqueeze({1 if lstm.batch_first else 0})`.",
        ),
    ]
    return _state_text(name, got, expected, known)


def cell_state(name: str, got: Sizes, expected: Shape, given: Shape) -> str:
    """Say what is wrong with h_0 or c_0 of nn.LSTMCell."""
    hidden, sizes = expected[-1], tuple(expected)
    no_layers = f"A cell has no axis of layers: use `{name}.squeeze(0)`."
    known = [
        (len(sizes) == 2, (1, *sizes), no_layers),
        (
            len(sizes) == 1,
            (1, *sizes),
            f"Your input has no batch axis, so the state has none: use `{name}.squeeze(0)`, or "
            "give `input.unsqueeze(0)`.",
        ),
        (len(sizes) == 2, sizes[::-1], f"You swapped the two axes: use `{name}.transpose(0, 1)`."),
        (
            len(sizes) == 2,
            (hidden,),
            "Your input has a batch axis, so the state has one too, a row for each sentence: "
            f"`{name}.expand({sizes[0]}, -1)`.",
        ),
        (
            True,
            (*sizes[:-1], given[-1]),
            f"{given[-1]} is input_size; a state is hidden_size wide.",
        ),
    ]
    return _state_text(name, got, expected, known)


def _state_text(
    name: str, got: Sizes, expected: Shape, known: Iterable[tuple[bool, Sizes, str]]
) -> str:
    """Say what is wrong, and the first known (applies, shape, text) that gives this shape."""
    change = next((text for applies, shape, text in known if applies and shape == got), None)
    if change is None:
        change = f"Make it `torch.zeros({', '.join(map(str, expected))})`, or pass no state: "
        change += "PyTorch then starts from zeros of the right shape."
    wrong = f"it has {_axes(got)} and must have {len(expected)}"
    if len(got) == len(expected):
        wrong = differing_axes(got, expected)
    return f"`{name}` is {list(got)} and must be `{expected}`: {wrong}. {change}"


def _axes(sizes: Sizes) -> str:
    return "1 axis" if len(sizes) == 1 else f"{len(sizes)} axes"
