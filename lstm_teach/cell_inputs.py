"""What `cells` can be given: a wrong x, state or stack gets a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstm_teach.shapes import ShapeError, predict_shapes


def called(value: Any) -> str:
    """A value by its type, for a sentence."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself, not one made of it"
    return f"a value of type {type(value).__name__}"


def check_dtype(x: Any, module: nn.LSTM | nn.LSTMCell) -> None:
    """Refuse what is no tensor, or a tensor of another dtype than the module's weights."""
    if isinstance(x, PackedSequence):
        raise TypeError(
            "x is a PackedSequence, which has no time axis to walk along. Unpack it first, "
            "x, lengths = pad_packed_sequence(x), and read each sentence up to its own length."
        )
    if not isinstance(x, Tensor):
        raise TypeError(f"x needs to be a tensor, and got {called(x)}.")
    weight = next(module.parameters())
    if x.dtype == weight.dtype:
        return
    cure = (
        f"Convert one of them: x.to({weight.dtype})."
        if x.is_floating_point()
        else "Whole numbers that stand for words go through an nn.Embedding first."
    )
    raise TypeError(f"x is of {x.dtype}, and the module's weights are of {weight.dtype}. {cure}")


def check_steps(x: Any, cell: nn.LSTMCell, call: str) -> None:
    """Refuse an x that is not `[seq_len, batch, input_size]` with at least one step."""
    check_dtype(x, cell)
    if x.dim() != 3:
        more = (
            " For one time step of a batch write x.unsqueeze(0), for one sentence x.unsqueeze(1)."
            if x.dim() == 2
            else ""
        )
        raise ShapeError(
            f"{call} walks over x of three axes, [seq_len, batch, input_size], and got "
            f"{x.dim()}: {list(x.shape)}.{more}"
        )
    if x.shape[0] == 0:
        raise ShapeError(
            f"{call} needs at least one time step, and the first axis of x, seq_len, is 0: "
            f"{list(x.shape)}."
        )


def state_shapes(state: Any, name: str) -> tuple[torch.Size | None, torch.Size | None]:
    """The shapes of h and c, or two times None; refuse what is no pair of tensors."""
    if state is None:
        return None, None
    if isinstance(state, Tensor):
        raise TypeError(f"{name} is one tensor, and an LSTM carries two: pass the pair (h, c).")
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        size = f" of {len(state)}" if isinstance(state, (tuple, list)) else ""
        raise TypeError(f"{name} needs to be the pair (h, c), and got {called(state)}{size}.")
    for part, value in zip("hc", state, strict=True):
        if not isinstance(value, Tensor):
            raise TypeError(f"{part} in {name} needs to be a tensor, and got {called(value)}.")
    return state[0].shape, state[1].shape


def checked_stack(cells: Iterable[nn.LSTMCell]) -> list[nn.LSTMCell]:
    """The layers as a list; refuse what is no stack, or one whose sizes do not fit."""
    if not isinstance(cells, Iterable):
        raise TypeError(
            "cells needs to be a list of nn.LSTMCell, even of a single one, [cell], "
            f"and got {called(cells)}."
        )
    stack = list(cells)
    if not stack:
        raise ValueError("cells is empty: a stack needs at least one nn.LSTMCell.")
    for layer, cell in enumerate(stack):
        if not isinstance(cell, nn.LSTMCell):
            raise TypeError(f"cells[{layer}] needs to be an nn.LSTMCell, and is {called(cell)}.")
    for layer, (lower, upper) in enumerate(pairwise(stack)):
        if lower.hidden_size != upper.input_size:
            raise ShapeError(
                f"cells[{layer}] gives h of hidden_size={lower.hidden_size}, and "
                f"cells[{layer + 1}], which reads it, has input_size={upper.input_size}. "
                f"Make it nn.LSTMCell({lower.hidden_size}, {upper.hidden_size})."
            )
    return stack


def check_states(states: list[Any], cells: list[nn.LSTMCell], x: Tensor) -> None:
    """Refuse states that are not one fitting (h, c) or None for each layer."""
    if len(states) != len(cells):
        raise ShapeError(
            f"states needs one (h, c) for each layer, {len(cells)} in all, and has {len(states)}."
        )
    features = x.shape[2]
    for layer, (cell, state) in enumerate(zip(cells, states, strict=True)):
        if state is not None or features != cell.input_size:
            sizes = x.shape[1], features
            try:
                predict_shapes(cell, sizes, *state_shapes(state, f"states[{layer}]"))
            except ShapeError as error:
                raise ShapeError(f"In layer {layer} of the stack: {error}") from None
        features = cell.hidden_size
