"""Calling a learner's model as it was brought: the tensors that it returns, and what each of its
recurrent layers of torch's meets meanwhile."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence
from torch.utils._pytree import tree_map

from lstm_teach.checks.bringing import signature_of
from lstm_teach.checks.layout.given import CannotTell, is_packed, tensors_in, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time

LONGEST_FORWARD = 60.0
"""Seconds after which a forward pass counts as endless; a large model may be slow, and right."""

KINDS: tuple[Any, ...] = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
_CONVOLUTIONS: tuple[Any, ...] = (nn.Conv1d, nn.Conv2d)
_LENGTHS = re.compile(
    r"[nlt]$|n_(real|words|steps|tokens|valid|frames)|.*(len|sizes|num|count|valid)", re.IGNORECASE
)
_STARTS = ("init_hidden", "initHidden", "init_state", "init_states")


def usual_call(model: nn.Module, x: Any, lengths: Tensor | None) -> Callable[..., Any]:
    """How to run a model on what stands for x, maybe with other lengths, where nobody says.

    Lengths are handed on where ``forward`` has an argument for them. Whatever else it wants is
    the caller's to give.

    Raises:
        CannotTell: it wants more.
    """
    parameters = signature_of(model.forward).parameters.values()
    single = [p for p in parameters if not p.kind.name.startswith("VAR")]
    is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    by_name = isinstance(x, Mapping) and {*x} <= {p.name for p in single}
    is_row = isinstance(x, (tuple, list)) and not is_packed(x)
    count = len(x) if is_row and (is_open or 1 < len(x) <= len(single)) else 1
    rest = [p for p in single if p.name not in x] if by_name else single[count:]
    wanted = [p.name for p in rest if p.default is p.empty]
    handed: dict[str, Tensor] = {}
    if lengths is not None and not is_packed(x):
        takers = [p.name for p in rest if _LENGTHS.match(p.name)]
        handed = dict.fromkeys([n for n in wanted if n in takers][:1] or takers[:1], lengths)
    missing = " and ".join(f"`{name}`" for name in wanted if name not in handed)
    if missing:
        given = {"missing": missing, "model": type(model).__name__, "wanted": ", ".join(wanted)}
        is_lengths = len(wanted) == 1 and _LENGTHS.match(wanted[0]) and lengths is None
        raise CannotTell(told("wants_lengths" if is_lengths else "wants_more", **given))

    def run(model: nn.Module, value: Any, others: Tensor | None = None) -> Any:
        # Some models sort or overwrite their lengths in place.
        more = {n: (own if others is None else others).clone() for n, own in handed.items()}
        if by_name:
            return model(**value, **more)
        return model(*(value if count > 1 else (value,)), **more)

    return run


def first_run(t: Any, model: nn.Module, x: Any) -> None:
    """Run the model on x, None where `call=` says how; a pair may be one argument or several.

    Raises:
        CannotTell: with the report on its exception, or that it is a stub.
    """

    def forward() -> Any:
        return t.begin()

    forward.__name__ = f"{type(model).__name__}.forward"  # the learner's, for a report
    report = run_in_time(forward, seconds=LONGEST_FORWARD, made_up=False)
    if not isinstance(report, Report):
        return
    error = report.message.partition("\n")[0]
    parameters = signature_of(model.forward).parameters.values()
    is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if is_open and "required positional" in error:
        raise CannotTell(told("takes_anything", error=error))
    if isinstance(x, tuple) and (is_open or any(p.default is not p.empty for p in parameters)):
        raise CannotTell(told("one_or_several", error=error))
    is_lacking = "AttributeError" in error and repr(type(model).__name__) in error
    start = next((name for name in _STARTS if hasattr(model, name)), None)
    if is_lacking and start is not None and x is not None:
        wanted = told("wants_its_start", start=start)
        report = replace(wanted, message=f"{report.message}\n{wanted.message}")
    raise CannotTell(report)


def in_code(name: str) -> str:
    """How a learner writes the part of a module that has this name, such as `self.layers[0]`."""
    return "self" + "".join(f"[{p}]" if p.isdigit() else f".{p}" for p in name.split("."))


class Call:
    """One call of a recurrent layer or cell.

    Attributes:
        module: the layer.
        place: its number among all calls.
        name: how the learner calls it, such as "self.lstm"; a bare layer goes by its class.
        packed: the packed input, where it was packed.
        inputs: [steps, cols, features] as the layer walks it.
        ends: the number of real steps of each column.
        states: the states handed in, h above c: [rows, cols, features], no rows without any.
        by_hand: whether another state came in than the one that its last call gave.
        taps: zeros that were added to what left the layer ("output", "h", "c"), to ask who reads
            it.
    """

    def __init__(self, module: Any, place: int, name: str, given: Any, hx: Any) -> None:
        """Keep what came in, as it was when it came in."""
        self.module, self.place, self.by_hand = module, place, False
        self.taps: dict[str, Tensor] = {}
        self.is_cell = isinstance(module, nn.RNNCellBase)
        self.directions = 2 if getattr(module, "bidirectional", False) else 1
        self.rows = getattr(module, "num_layers", 1) * self.directions
        self.kind = f"nn.{next(k for k in KINDS if isinstance(module, k)).__name__}"
        self.name = in_code(name) if name else self.kind
        self.packed = given if is_packed(given) else None
        # the flag does not count for packed input
        self.batch_first = self.packed is None and bool(getattr(module, "batch_first", False))
        self.inputs = self.walked(given.data.detach()).clone()  # packed input has `data` as well
        cols, widest = self.inputs.shape[1], module.hidden_size
        self.ends = torch.full((cols,), len(self.inputs), device="cpu")
        if self.packed is not None:
            self.ends = pad_packed_sequence(self.packed)[1]
        rows = [state.detach().reshape(-1, cols, state.shape[-1]) for state in tensors_in(hx)]
        # h is narrower than c where there is a projection
        wide = [nn.functional.pad(row, (0, widest - row.shape[-1])) for row in rows]
        self.states = torch.cat((self.inputs.new_zeros(0, cols, widest), *wide))

    def walked(self, tensor: Tensor) -> Tensor:
        """What goes into or out of the layer as [steps, cols, features], the order it walks."""
        if self.packed is not None:
            return pad_packed_sequence(self.packed._replace(data=tensor))[0]
        if self.is_cell:
            return tensor.reshape(1, -1, tensor.shape[-1])
        if tensor.dim() == 2:
            return tensor[:, None]
        return tensor.transpose(0, 1) if self.batch_first else tensor

    def marks(self, key: str, gradient: Tensor) -> Tensor:
        """Where a tap's gradient is not zero: [steps or rows, cols, features], on the CPU."""
        if key == "output":
            return (self.walked(gradient) != 0).cpu()
        return (gradient.reshape(-1, self.inputs.shape[1], gradient.shape[-1]) != 0).cpu()

    def tapped(self, result: Any) -> Any:
        """What leaves the layer, with zeros added that have a gradient."""
        keys = iter(("output", "c") if self.is_cell else ("output", "h", "c"))

        def plus(value: Any) -> Any:
            zeros = torch.zeros_like(value.data, requires_grad=True)
            self.taps[next(keys)] = zeros
            return value._replace(data=value.data + zeros) if is_packed(value) else value + zeros

        return tree_map(plus, result, is_leaf=is_packed)


@contextmanager
def recording(
    model: nn.Module, ask: bool = False
) -> Iterator[tuple[list[Call], list[tuple[str, Tensor]]]]:
    """Record the calls of all recurrent layers, a learner's own subclasses of them as well; and
    what the first convolution reads.

    ``forward`` of torch's classes is wrapped meanwhile: a hook would not see
    ``self.lstm.forward(x)``, and a subclass may call its arguments otherwise.

    Args:
        model: the module that holds them, asked for their names.
        ask: also tap everything that leaves a layer, and cut the state with which a layer is
            called again, so that a gradient shows what is read of each step, not what flowed
            into it.

    Yields:
        The list of calls, and that of the first convolution, its name and its input, both filled
        as the model runs.
    """
    calls: list[Call] = []
    read: list[tuple[str, Tensor]] = []
    names = {id(module): name for name, module in model.named_modules()}
    handed: dict[int, list[Tensor]] = {}
    thread = threading.get_ident()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return original(self, *args, **kwargs)
            given = dict(zip(("input", "hx"), args, strict=False)) | kwargs
            if isinstance(self, _CONVOLUTIONS):
                sent, name = given.get("input"), names.get(id(self))
                if not read and isinstance(sent, Tensor):
                    kept = sent if ask else sent.detach().clone()
                    read.append((in_code(name) if name else "Conv", kept))
                return original(self, *args, **kwargs)
            hx = given.get("hx")
            own = {id(state) for state in handed.get(id(self), ())}
            if ask and own and tensors_in(hx):
                given["hx"] = tree_map(Tensor.detach, hx)
            result = original(self, **given)  # first, since torch says best what does not fit
            call = Call(self, len(calls), names.get(id(self), ""), given["input"], hx)
            call.by_hand = bool(own) and any(id(state) not in own for state in tensors_in(hx))
            calls.append(call)
            result = call.tapped(result) if ask else result
            handed[id(self)] = tensors_in(result if call.is_cell else result[1])
            return result

        return forward

    with ExitStack() as back:
        for kind in KINDS + _CONVOLUTIONS:
            back.callback(setattr, kind, "forward", kind.forward)
            kind.forward = watched(kind.forward)
        yield calls, read
