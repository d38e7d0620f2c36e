"""The LSTM one step at a time: the equations, a loop over time, and a stack of cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from lstm_teach.language import in_the_readers_language
from lstm_teach.shapes import Layer, ShapeError, predict_shapes

State = tuple[Tensor, Tensor]


class Step(NamedTuple):
    """Everything that one time step of one layer computes, each `[batch, hidden_size]`."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c: Tensor
    h: Tensor


def lstm_step(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Step:
    """Compute one time step of an LSTM.

    The equations are those of https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html;
    `linear(x, w, b)` is `x @ w.T + b`.

    Args:
        x: this step's input, `[batch, input_size]`.
        h: the previous step's h, `[batch, hidden_size]`.
        c: the previous step's c, `[batch, hidden_size]`.
        w_ih: weights of x, `[4 * hidden_size, input_size]`; the blocks of rows are i, f, g, o.
        w_hh: weights of h, `[4 * hidden_size, hidden_size]`, blocks as in `w_ih`.
        b_ih: a bias, `[4 * hidden_size]`; None where the module has bias=False.
        b_hh: another bias of the same shape; only the sum of the two matters.

    Returns:
        The gates i, f, o, the candidate g, and the new c and h, by name.
    """
    gates = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    i, f, g, o = gates.chunk(4, dim=-1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    c = f * c + i * g
    h = o * torch.tanh(c)
    return Step(i, f, g, o, c, h)


@dataclass(frozen=True)
class Trace:
    """What an LSTM computes on the way, at every step, and what it returns in the end.

    Attributes:
        i, f, g, o: the input and the forget gate, the candidate, and the output gate. Of an
            nn.LSTM: `[num_layers * num_directions, seq_len, batch, hidden_size]`, the first axis
            ordered as in h_n (layer 0 forward, layer 0 backward, layer 1 forward, ...). Of an
            nn.LSTMCell: `[seq_len, batch, hidden_size]`. Of an unbatched input there is no batch
            axis. seq_len stands before batch, whatever batch_first says; index t is the step that
            reads x at t, in both directions.
        c, h: the states after each step, shaped alike; h has proj_size features where it is set.
        output, h_n, c_n: what nn.LSTM returns, in its own layout; of a cell every h, and the last
            h and c.
    """

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c: Tensor
    h: Tensor
    output: Tensor
    h_n: Tensor
    c_n: Tensor


@in_the_readers_language
def trace(module: nn.LSTM | nn.LSTMCell, x: Tensor, state: State | None = None) -> Trace:
    """Run an nn.LSTM or nn.LSTMCell step by step and keep i, f, g, o, c and h of every step.

    The numbers are the module's own to rounding, and gradients flow through them.

    Args:
        module: an nn.LSTM, with any options, or an nn.LSTMCell.
        x: for an nn.LSTM what the module itself takes: `[seq_len, batch, input_size]`,
            `[batch, seq_len, input_size]` with batch_first, or unbatched `[seq_len, input_size]`.
            For an nn.LSTMCell `[seq_len, batch, input_size]`.
        state: (h_0, c_0) as the module takes it; zeros where it is None.

    Returns:
        A `Trace`.

    Raises:
        TypeError: the module is no nn.LSTM or nn.LSTMCell, or x or the state are not tensors.
        ShapeError: x or the state has a shape that the module does not take.
        ValueError: dropout is active, so that no second run gives the same numbers.
    """
    if isinstance(module, nn.LSTMCell):
        _check_steps(x, module, "trace(cell, x)")
        lane = _walk(x, *_start(module, x.shape[1:], state, x), _weights(module))
        return Trace(*lane, lane.h, lane.h[-1], lane.c[-1])
    if isinstance(module, nn.LSTM):
        return _trace_lstm(module, x, state)
    raise TypeError(
        f"trace needs an nn.LSTM or an nn.LSTMCell, and got {_called(module)}. Of a model of your "
        "own, pass the layer inside it, such as model.lstm."
    )


def _trace_lstm(lstm: nn.LSTM, x: Tensor, state: State | None) -> Trace:
    _check_dtype(x, lstm)
    h_0, c_0 = _start(lstm, x.shape, state, x)
    if lstm.dropout and lstm.training and lstm.num_layers > 1:
        raise ValueError(
            f"This nn.LSTM is in training mode with dropout={lstm.dropout}: it draws new zeros "
            "between its layers at every call, so a trace could not show what another call "
            "computes. Call lstm.eval() first."
        )
    batch_leads = lstm.batch_first and x.dim() == 3
    below = x.transpose(0, 1) if batch_leads else x

    lanes: list[Step] = []
    directions = (False, True)[: 1 + lstm.bidirectional]
    for layer in range(lstm.num_layers):
        for reverse in directions:
            start = h_0[len(lanes)], c_0[len(lanes)]
            weights = _weights(lstm, f"_l{layer}" + "_reverse" * reverse)
            lanes.append(_walk(below, *start, weights, reverse))
        below = torch.cat([lane.h for lane in lanes[-len(directions) :]], dim=-1)

    output = below.transpose(0, 1) if batch_leads else below
    ends = [0 if reverse else -1 for reverse in directions] * lstm.num_layers
    h_n = torch.stack([lane.h[end] for lane, end in zip(lanes, ends, strict=True)])
    c_n = torch.stack([lane.c[end] for lane, end in zip(lanes, ends, strict=True)])
    return Trace(*_stacked(lanes), output, h_n, c_n)


def _walk(x: Tensor, h: Tensor, c: Tensor, weights: list[Any], reverse: bool = False) -> Step:
    """Step along one lane, over x `[seq_len, batch, features]`, from its end if `reverse`; keep
    every step's values, in the order of x."""
    w_ih, w_hh, b_ih, b_hh, *projection = weights
    steps = []
    for xt in x.flip(0) if reverse else x:
        step = lstm_step(xt, h, c, w_ih, w_hh, b_ih, b_hh)
        if projection:
            step = step._replace(h=linear(step.h, projection[0]))
        h, c = step.h, step.c
        steps.append(step)
    return _stacked(steps[::-1] if reverse else steps)


def _stacked(steps: list[Step]) -> Step:
    return Step(*(torch.stack(each) for each in zip(*steps, strict=True)))


@in_the_readers_language
def cell_from_layer(lstm: nn.LSTM, layer: int = 0, reverse: bool = False) -> nn.LSTMCell:
    """Copy one layer of an nn.LSTM, in one direction, into an nn.LSTMCell.

    Args:
        lstm: the nn.LSTM to copy from. Its dtype and device are kept.
        layer: which layer, from 0 to num_layers - 1. Above layer 0 the cell's input_size is
            num_directions * hidden_size, because it reads the h of the layer below.
        reverse: the backward direction of a bidirectional layer.

    Returns:
        An nn.LSTMCell with copies of the weights; training it leaves the nn.LSTM as it was.

    Raises:
        TypeError: `lstm` is no nn.LSTM.
        ValueError: there is no such layer or direction, or the nn.LSTM has a proj_size.
    """
    if not isinstance(lstm, nn.LSTM):
        raise TypeError(f"cell_from_layer needs an nn.LSTM, and got {_called(lstm)}.")
    if layer not in range(lstm.num_layers) or reverse > lstm.bidirectional:
        raise ValueError(
            f"There is no layer {layer} with reverse={reverse}: this nn.LSTM has num_layers="
            f"{lstm.num_layers}, counted from 0, and bidirectional={lstm.bidirectional}."
        )
    if lstm.proj_size:
        raise ValueError(
            f"This nn.LSTM has proj_size={lstm.proj_size}: after each step it narrows h to "
            f"{lstm.proj_size} features with one more matrix, weight_hr, and nn.LSTMCell has no "
            "such matrix. trace(lstm, x) shows its steps."
        )
    w_ih, *_ = weights = _weights(lstm, f"_l{layer}" + "_reverse" * reverse)
    # On "meta" it draws no weights, so the reader's seed is not spent on what is replaced here.
    cell = nn.LSTMCell(w_ih.shape[1], lstm.hidden_size, lstm.bias, "meta")
    for (name, _), weight in zip([*cell.named_parameters()], weights, strict=False):
        setattr(cell, name, nn.Parameter(weight.detach().clone()))
    return cell


@in_the_readers_language
def run_cells(
    cells: Iterable[nn.LSTMCell],
    x: Tensor,
    states: Sequence[State | None] | None = None,
) -> tuple[Tensor, list[State]]:
    """Run a stack of nn.LSTMCells over time: h goes up, (h, c) goes on to the next step.

    Args:
        cells: the layers from the lowest up, a list or nn.ModuleList. The input_size of each is
            the hidden_size of the one below.
        x: `[seq_len, batch, input_size]`.
        states: one (h, c) a layer, each `[batch, hidden_size]`; zeros where it, or one of its
            entries, is None.

    Returns:
        output, `[seq_len, batch, hidden_size]` of the top layer, and the states after the last
        step, one (h, c) a layer.

    Raises:
        TypeError: something is no nn.LSTMCell or no tensor.
        ShapeError: two layers, x or a state do not fit together.
    """
    stack, now = _checked_stack(cells, x, states)
    output = []
    for below in x:
        for layer, cell in enumerate(stack):
            h, c = cell(below, now[layer])
            now[layer] = h, c
            below = h
        output.append(below)
    return torch.stack(output), now


def _weights(module: Layer, suffix: str = "") -> list[Any]:
    """w_ih, w_hh, b_ih and b_hh (None where bias=False), and w_hr where there is a proj_size."""
    narrows = bool(getattr(module, "proj_size", 0))
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"] + ["weight_hr"] * narrows
    return [getattr(module, name + suffix, None) for name in names]


# A wrong x, state or stack gets a sentence that says what to change.


def _called(value: Any) -> str:
    """A value by its type, for a sentence."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself, not one made of it"
    return f"a value of type {type(value).__name__}"


def _check_dtype(x: Any, module: Layer) -> None:
    """Refuse what is no tensor, or a tensor of another dtype than the module's weights."""
    if not isinstance(x, Tensor):
        raise TypeError(f"x needs to be a tensor, and got {_called(x)}.")
    weight = next(module.parameters())
    if x.dtype == weight.dtype:
        return
    cure = f"Convert one of them: x.to({weight.dtype})."
    if not x.is_floating_point():
        cure = "Whole numbers that stand for words go through an nn.Embedding first."
    raise TypeError(f"x is of {x.dtype}, and the module's weights are of {weight.dtype}. {cure}")


def _check_steps(x: Any, cell: nn.LSTMCell, call: str) -> None:
    """Refuse an x that is not `[seq_len, batch, input_size]` with at least one step."""
    _check_dtype(x, cell)
    if x.dim() == 3 and len(x):
        return
    more = " For one time step of a batch write x.unsqueeze(0), for one sentence x.unsqueeze(1)."
    raise ShapeError(
        f"{call} walks over x of three axes, [seq_len, batch, input_size], with at least one time "
        f"step, and got {x.dim()}: {list(x.shape)}.{more * (x.dim() == 2)}"
    )


def _start(
    module: Layer, shape: Sequence[int], state: Any, x: Tensor, name: str = "state"
) -> State:
    """The state, or zeros like x where it is None; refuse one that does not go with this shape."""
    if state is None:
        shapes = predict_shapes(module, shape)
        return x.new_zeros(shapes.h_0), x.new_zeros(shapes.c_0)
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        size = f" of {len(state)}" if isinstance(state, (tuple, list)) else ""
        raise TypeError(f"{name} needs to be the pair (h, c), and got {_called(state)}{size}.")
    h, c = state
    for part, value in {"h": h, "c": c}.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{part} in {name} needs to be a tensor, and got {_called(value)}.")
    predict_shapes(module, shape, h.shape, c.shape)
    return h, c


def _checked_stack(cells: Any, x: Any, states: Any) -> tuple[list[nn.LSTMCell], list[State]]:
    """The layers, and what state each starts from; refuse what does not go together."""
    stack = list(cells) if isinstance(cells, Iterable) else []
    if not stack:
        raise TypeError(
            "cells needs to be a list of at least one nn.LSTMCell, even of a single one, [cell], "
            f"and got {_called(cells)}."
        )
    for layer, cell in enumerate(stack):
        if not isinstance(cell, nn.LSTMCell):
            raise TypeError(f"cells[{layer}] needs to be an nn.LSTMCell, and is {_called(cell)}.")
    _check_steps(x, stack[0], "run_cells(cells, x)")
    given = [None] * len(stack) if states is None else list(states)
    if len(given) != len(stack):
        raise ShapeError(
            f"states needs one (h, c) for each layer, {len(stack)} in all, and has {len(given)}."
        )
    start = []
    for layer, (cell, state) in enumerate(zip(stack, given, strict=True)):
        shape = x.shape[1], stack[layer - 1].hidden_size if layer else x.shape[2]
        try:
            start.append(_start(cell, shape, state, x, f"states[{layer}]"))
        except ShapeError as error:
            raise ShapeError(f"In layer {layer} of the stack: {error}") from None
    return stack, start
