"""What really enters and leaves every recurrent layer during one forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence


@dataclass
class Call:
    """One call of a recurrent layer or cell.

    Attributes:
        name: the module's name in the model, such as "encoder.lstm".
        module: the nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell or nn.RNNCell.
        inputs: [steps, cols, features] as the layer walks it; a cell has one step, a packed
            sequence is padded, and an unbatched sequence has one column.
        states: the states handed in, each [layers * directions, cols, features].
        packed: the real steps of each column, where the input was packed.
        unbatched: whether the input had no batch axis.
        taps: zeros with a gradient that were added to what left the layer, by "output", "h", "c".
        entered: where gradients are asked for, the input and the states as they came in.
    """

    name: str
    module: nn.Module
    inputs: torch.Tensor
    states: tuple[torch.Tensor, ...]
    packed: torch.Tensor | None = None
    unbatched: bool = False
    carried: bool = False
    taps: dict[str, Any] = field(default_factory=dict)
    entered: list[torch.Tensor] = field(default_factory=list)

    @property
    def is_cell(self) -> bool:
        """Whether the module computes one step a call."""
        return isinstance(self.module, nn.RNNCellBase)

    @property
    def batch_first(self) -> bool:
        """Whether the layer takes [batch, seq_len]; the flag does not count for packed input."""
        return self.packed is None and bool(getattr(self.module, "batch_first", False))

    @property
    def steps(self) -> int:
        """How many steps the layer walked."""
        return self.inputs.shape[0]

    @property
    def directions(self) -> int:
        """2 for a bidirectional layer, else 1."""
        return 2 if getattr(self.module, "bidirectional", False) else 1

    @property
    def layers(self) -> int:
        """The number of stacked layers."""
        return int(getattr(self.module, "num_layers", 1))


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
    wrapped: list[nn.Module] = []
    for name, module in model.named_modules():
        if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            module.__dict__["forward"] = _watch(name, module, calls, gradients)
            wrapped.append(module)
    try:
        yield calls
    finally:
        for module in wrapped:
            module.__dict__.pop("forward", None)


def _watch(name: str, module: nn.Module, calls: list[Call], gradients: bool) -> Any:
    original = module.forward
    handed_out: list[torch.Tensor] = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(("input", "hx"), args, strict=False)) | kwargs
        if gradients:
            given["hx"] = _cut(given.get("hx"), handed_out)
        result = original(**given)
        call = _describe(name, module, given["input"], given.get("hx"))
        if call is None:
            return result
        calls.append(call)
        if gradients and torch.is_grad_enabled():
            rows = given["input"]
            rows = rows.data if isinstance(rows, PackedSequence) else rows
            call.entered = [rows, *_state_tensors(given.get("hx"))]
            result = _tap(call, result)
        handed_out[:] = _state_tensors(result if call.is_cell else result[1])
        return result

    return forward


def _cut(state: Any, handed_out: list[torch.Tensor]) -> Any:
    if isinstance(state, (tuple, list)):
        return tuple(_cut(part, handed_out) for part in state)
    if isinstance(state, torch.Tensor) and any(state is one for one in handed_out):
        return state.detach()
    return state


def _describe(name: str, module: nn.Module, given: Any, state: Any) -> Call | None:
    states = tuple(s.detach() for s in _state_tensors(state))
    if isinstance(module, nn.RNNCellBase):
        inputs = given.detach()
        flat = inputs if inputs.dim() == 2 else inputs[None]
        states = tuple(s.reshape(1, flat.shape[0], -1) for s in states)
        return Call(name, module, flat[None].clone(), states, unbatched=inputs.dim() == 1)
    if isinstance(given, PackedSequence):
        inputs, lengths = pad_packed_sequence(_map_packed(given, given.data.detach()))
        return Call(name, module, inputs, tuple(s.clone() for s in states), packed=lengths)
    if not isinstance(given, torch.Tensor) or given.dim() not in (2, 3):
        return None
    unbatched = given.dim() == 2
    inputs = given.detach()[:, None] if unbatched else given.detach()
    if getattr(module, "batch_first", False) and not unbatched:
        inputs = inputs.transpose(0, 1)
    states = tuple((s[:, None] if s.dim() == 2 else s).clone() for s in states)
    return Call(name, module, inputs.clone(), states, unbatched=unbatched)


def _tap(call: Call, result: Any) -> Any:
    """Add the zeros, and keep them in the layout [steps, cols, ...] by which they are read."""
    if call.is_cell:
        if isinstance(result, tuple):
            return tuple(_plus_zero(call, key, s) for key, s in zip("hc", result, strict=True))
        return _plus_zero(call, "h", result)
    output, state = result
    if isinstance(output, PackedSequence):
        output = _map_packed(output, _plus_zero(call, "output", output.data))
        call.taps["packed"] = output
    else:
        output = _plus_zero(call, "output", output)
    if isinstance(state, tuple):
        return output, tuple(_plus_zero(call, k, s) for k, s in zip("hc", state, strict=True))
    return output, _plus_zero(call, "h", state)


def _plus_zero(call: Call, key: str, value: torch.Tensor) -> torch.Tensor:
    zeros = torch.zeros_like(value, requires_grad=True)
    call.taps[key] = zeros
    return value + zeros


def in_walking_order(call: Call, key: str, gradient: torch.Tensor) -> torch.Tensor:
    """A tap's gradient as [steps, cols, features] ("output") or [layers, cols, features]."""
    if call.is_cell:
        return gradient.reshape(1, call.inputs.shape[1], -1)
    if key != "output":
        return gradient[:, None] if gradient.dim() == 2 else gradient
    if call.packed is not None:
        return pad_packed_sequence(_map_packed(call.taps["packed"], gradient))[0]
    if call.unbatched:
        return gradient[:, None]
    return gradient.transpose(0, 1) if call.batch_first else gradient


def _map_packed(packed: PackedSequence, data: torch.Tensor) -> PackedSequence:
    return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)


def _state_tensors(state: Any) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    if isinstance(state, (tuple, list)):
        return [part for part in state if isinstance(part, torch.Tensor)]
    return []


def recurrent_modules(model: nn.Module) -> list[str]:
    """The names of the recurrent layers and cells in a model."""
    return [
        name or type(module).__name__
        for name, module in model.named_modules()
        if isinstance(module, (nn.RNNBase, nn.RNNCellBase))
    ]
