"""What every recurrent layer of torch's really meets while a model runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

KINDS = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)


@dataclass(eq=False)
class Call:
    """One call of a recurrent layer or cell.

    Attributes:
        module: the layer.
        place: its number among all calls.
        name: how the learner calls it, such as "self.lstm"; a bare layer goes by its class.
        inputs: [steps, cols, features] as the layer walks it.
        states: the states handed in, h above c: [rows, cols, features], no rows without any.
        packed: the packed input, where it was packed.
        entered: the input and the states as they came in, with their gradients.
        taps: zeros that were added to what left the layer ("output", "h", "c"), to ask who reads
            it; with the packed output, where it was packed.
    """

    module: Any
    place: int
    name: str
    inputs: Tensor
    states: Tensor
    packed: PackedSequence | None
    entered: list[Tensor]
    taps: dict[str, tuple[Tensor, PackedSequence | None]] = field(default_factory=dict)

    is_cell = property(lambda self: isinstance(self.module, nn.RNNCellBase))
    kind = property(
        lambda self: f"nn.{next(k for k in KINDS if isinstance(self.module, k)).__name__}"
    )
    layers = property(lambda self: getattr(self.module, "num_layers", 1))
    directions = property(lambda self: 2 if getattr(self.module, "bidirectional", False) else 1)
    rows = property(lambda self: self.layers * self.directions)

    @property
    def batch_first(self) -> bool:
        """Whether the layer takes [batch, seq_len]; the flag does not count for packed input."""
        return self.packed is None and bool(getattr(self.module, "batch_first", False))

    @property
    def ends(self) -> Tensor:
        """The number of real steps of each column."""
        if self.packed is not None:
            return pad_packed_sequence(self.packed)[1]
        return torch.full((self.inputs.shape[1],), len(self.inputs))

    def walked(self, tensor: Tensor, packed: PackedSequence | None = None) -> Tensor:
        """What goes into or out of the layer as [steps, cols, features], the order it walks."""
        if packed is not None:
            return pad_packed_sequence(packed._replace(data=tensor))[0]
        if self.is_cell:
            return tensor.reshape(1, -1, tensor.shape[-1])
        if tensor.dim() == 2:
            return tensor[:, None]
        return tensor.transpose(0, 1) if self.batch_first else tensor

    def marks(self, key: str, gradient: Tensor) -> Tensor:
        """Where a tap's gradient is not zero: [steps or rows, cols, features], on the CPU."""
        if key == "output":
            return (self.walked(gradient, self.taps[key][1]) != 0).cpu()
        return (gradient.reshape(-1, self.inputs.shape[1], gradient.shape[-1]) != 0).cpu()


@contextmanager
def recording(model: nn.Module, ask: bool = False) -> Iterator[list[Call]]:
    """Record the calls of all recurrent layers, a learner's own subclasses of them as well.

    ``forward`` of torch's classes is wrapped meanwhile: a hook would not see
    ``self.lstm.forward(x)``, and a subclass may call its arguments otherwise.

    Args:
        model: the module that holds them, asked for their names.
        ask: also add a zero with a gradient to everything that leaves a layer, and cut the state
            that a layer hands to its own next call, so that a gradient shows what is read of each
            step, not what flowed into it.

    Yields:
        The list of calls, filled as the model runs.
    """
    calls: list[Call] = []
    names = {id(module): name for name, module in model.named_modules()}
    handed: dict[int, list[Tensor]] = {}
    thread = threading.get_ident()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return original(self, *args, **kwargs)
            given = dict(zip(("input", "hx"), args, strict=False)) | kwargs
            if ask:
                given["hx"] = _cut(given.get("hx"), handed.get(id(self), []))
            result = original(self, **given)
            name = names.get(id(self), "")
            call = _described(self, len(calls), name, given["input"], given.get("hx"))
            calls.append(call)
            result = _tapped(call, result) if ask else result
            handed[id(self)] = _flat(result if call.is_cell else result[1])
            return result

        return forward

    originals: dict[Any, Any] = {kind: kind.forward for kind in KINDS}
    try:
        for kind, original in originals.items():
            kind.forward = watched(original)
        yield calls
    finally:
        for kind, original in originals.items():
            kind.forward = original


def _flat(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else list(state or ())


def _cut(state: Any, handed: list[Tensor]) -> Any:
    if isinstance(state, (tuple, list)):
        return tuple(_cut(part, handed) for part in state)
    return state.detach() if any(state is one for one in handed) else state


def _described(module: Any, place: int, name: str, given: Any, hx: Any) -> Call:
    packed = given if isinstance(given, PackedSequence) else None
    entered = [given if packed is None else packed.data, *_flat(hx)]
    call = Call(module, place, "", entered[0], entered[0], packed, entered)
    parts = [f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".")]
    call.name = f"self{''.join(parts)}" if name else call.kind
    call.inputs = call.walked(entered[0].detach(), packed).clone()
    cols, widest = call.inputs.shape[1], module.hidden_size
    call.states = call.inputs.new_zeros(0, cols, widest)
    for state in entered[1:]:  # h is narrower than c where there is a projection
        rows = state.detach().reshape(-1, cols, state.shape[-1])
        wide = (
            nn.functional.pad(rows, (0, widest - rows.shape[-1]))
            if rows.shape[-1] < widest
            else rows
        )
        call.states = torch.cat((call.states, wide))
    return call


def _tapped(call: Call, result: Any) -> Any:
    """Add zeros to all that leaves a layer."""

    def plus(key: str, value: Any) -> Any:
        packed = value if isinstance(value, PackedSequence) else None
        zeros = torch.zeros_like(value if packed is None else packed.data, requires_grad=True)
        call.taps[key] = zeros, packed
        return value + zeros if packed is None else packed._replace(data=packed.data + zeros)

    if isinstance(result, Tensor):
        return plus("output", result)
    if call.is_cell:
        return plus("output", result[0]), plus("c", result[1])
    state = result[1]
    after = plus("h", state) if isinstance(state, Tensor) else tuple(map(plus, "hc", state))
    return plus("output", result[0]), after
