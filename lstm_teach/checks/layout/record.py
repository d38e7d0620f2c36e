"""What really enters and leaves every recurrent layer during one forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

KINDS = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)


@dataclass
class Call:
    """One call of a recurrent layer or cell.

    Attributes:
        name: the module's name in the model, such as "encoder.lstm".
        module: the nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell or nn.RNNCell.
        inputs: [steps, cols, features] as the layer walks it; a cell has one step, a packed
            sequence is padded, and an unbatched sequence has one column.
        states: the states handed in, h above c: [rows, cols, features], no rows without any.
        packed: the real steps of each column, where the input was packed.
        unbatched: whether the input had no batch axis.
        entered: the input and the states as they came in, with their gradients.
        taps: zeros with a gradient that were added to what left the layer: "output" (a cell's
            h) [steps, cols, features], "h" and "c" [layers * directions, cols, features].
    """

    name: str
    module: nn.Module
    inputs: torch.Tensor
    states: torch.Tensor
    packed: torch.Tensor | None
    unbatched: bool
    entered: list[torch.Tensor]
    taps: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def is_cell(self) -> bool:
        """Whether the module computes one step a call."""
        return isinstance(self.module, nn.RNNCellBase)

    @property
    def kind(self) -> str:
        """What torch calls it, such as "nn.LSTM"."""
        return next(f"nn.{kind.__name__}" for kind in KINDS if isinstance(self.module, kind))

    @property
    def batch_first(self) -> bool:
        """Whether the layer takes [batch, seq_len]; the flag does not count for packed input."""
        return self.packed is None and bool(getattr(self.module, "batch_first", False))

    @property
    def directions(self) -> int:
        """2 for a bidirectional layer, else 1."""
        return 2 if getattr(self.module, "bidirectional", False) else 1

    @property
    def layers(self) -> int:
        """The number of stacked layers."""
        return self.rows // self.directions

    @property
    def rows(self) -> int:
        """The first axis of its states: layers * directions."""
        return rows_of_state(self.module)


def rows_of_state(module: nn.Module) -> int:
    """The first axis of a recurrent layer's states, layers * directions; 1 for a cell."""
    if isinstance(module, nn.RNNBase):
        return module.num_layers * (2 if module.bidirectional else 1)
    return 1


def recurrent_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The recurrent layers and cells of a model, by their names in it."""
    return {name: m for name, m in model.named_modules() if isinstance(m, KINDS)}


@contextmanager
def recording(model: nn.Module, gradients: bool = False) -> Iterator[list[Call]]:
    """Record the calls of all recurrent layers.

    ``forward`` itself is wrapped, since ``self.lstm.forward(x)`` would go past a hook.

    Args:
        model: the module that holds them.
        gradients: also add a zero with a gradient to everything that leaves a layer, and cut
            the state that a layer hands to its own next call, so that a gradient shows what
            is read from each step, not what flowed into it.

    Yields:
        The list of calls, filled as the model runs.
    """
    calls: list[Call] = []
    modules = recurrent_modules(model)
    for name, module in modules.items():
        module.__dict__["forward"] = _watched(name, module, calls, gradients)
    try:
        yield calls
    finally:
        for module in modules.values():
            module.__dict__.pop("forward", None)


def _watched(name: str, module: nn.Module, calls: list[Call], gradients: bool) -> Any:
    original = module.forward
    handed_out: list[torch.Tensor] = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(("input", "hx"), args, strict=False)) | kwargs
        if gradients:
            given["hx"] = _cut(given.get("hx"), handed_out)
        result = original(**given)
        call = _describe(name, module, given["input"], _tensors(given.get("hx")))
        calls.append(call)
        if gradients:
            result = _tap(call, result)
        handed_out[:] = _tensors(result if call.is_cell else result[1])
        return result

    return forward


def _cut(state: Any, handed_out: list[torch.Tensor]) -> Any:
    if isinstance(state, (tuple, list)):
        return tuple(_cut(part, handed_out) for part in state)
    return state.detach() if any(state is one for one in handed_out) else state


def _tensors(state: Any) -> list[torch.Tensor]:
    return [state] if isinstance(state, torch.Tensor) else list(state or ())


def _describe(name: str, module: nn.Module, given: Any, states: list[torch.Tensor]) -> Call:
    packed = None
    if isinstance(given, PackedSequence):
        rows, unbatched = given.data, False
        inputs, packed = pad_packed_sequence(given._replace(data=rows.detach()))
    else:
        rows, inputs = given, given.detach().clone()
        is_cell = isinstance(module, nn.RNNCellBase)
        unbatched = inputs.dim() == (1 if is_cell else 2)
        if is_cell:
            inputs = inputs.reshape(1, -1, inputs.shape[-1])
        elif unbatched:
            inputs = inputs[:, None]
        elif module.batch_first:
            inputs = inputs.transpose(0, 1)
    cols = inputs.shape[1]
    # h and c differ in width where there is a projection.
    widest = max((state.shape[-1] for state in states), default=1)
    parts = [
        nn.functional.pad(state.detach(), (0, widest - state.shape[-1])).reshape(-1, cols, widest)
        for state in states
    ]
    joined = torch.cat([inputs.new_zeros(0, cols, widest), *parts])
    return Call(name, module, inputs, joined, packed, unbatched, [rows, *states])


def _tap(call: Call, result: Any) -> Any:
    """Add zeros, laid out as the layer walks, to all that leaves it."""
    if call.is_cell:
        if isinstance(result, torch.Tensor):
            return _plus_zero(call, "output", result)
        return _plus_zero(call, "output", result[0]), _plus_zero(call, "c", result[1])
    output, state = result
    if isinstance(output, PackedSequence):
        output = output._replace(data=_plus_zero(call, "output", output.data, output))
    else:
        output = _plus_zero(call, "output", output)
    if isinstance(state, torch.Tensor):
        return output, _plus_zero(call, "h", state)
    return output, (_plus_zero(call, "h", state[0]), _plus_zero(call, "c", state[1]))


def _plus_zero(
    call: Call, key: str, value: torch.Tensor, packed: PackedSequence | None = None
) -> torch.Tensor:
    steps, cols, _ = call.inputs.shape
    rows = steps if key == "output" else call.rows
    zeros = value.new_zeros(rows, cols, value.shape[-1]).requires_grad_()
    call.taps[key] = zeros
    if packed is not None:
        return value + zeros[_places(packed)]
    turned = key == "output" and call.batch_first and not call.unbatched
    return value + (zeros.transpose(0, 1) if turned else zeros).reshape(value.shape)


def _places(packed: PackedSequence) -> tuple[torch.Tensor, torch.Tensor]:
    """The step and the column of each row of a packed sequence."""
    sizes = packed.batch_sizes
    ranks = torch.cat([torch.arange(int(size)) for size in sizes])
    cols = ranks if packed.sorted_indices is None else packed.sorted_indices.cpu()[ranks]
    return torch.arange(len(sizes)).repeat_interleave(sizes), cols
