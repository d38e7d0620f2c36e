"""A stack's wiring as equations in text, so that a wrong stack is a few of them written otherwise.

In them `xt` is a step of x, k a layer of n. h_old and c_old hold h and c of every layer before the
step, h_new, c_new and read what the layers done in this step have now, and what they have read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

State = tuple[Tensor, Tensor]
Result = tuple[Tensor, list[State]]
Stack = Callable[..., Result]

RIGHT = {
    "x": "x",
    "cell": "k",
    # What layer 0 reads, what a layer above it reads, and which h and c it goes on from.
    "first": "xt",
    "up": "h_new[k - 1]",
    "h": "h_old[k]",
    "c": "c_old[k]",
    # One step of the output; the whole of it, and what is returned beside it.
    "shown": "h_new[-1]",
    "output": "output",
    "states": "states",
}


def _plus(h: Tensor, read: Tensor) -> Tensor:
    """What a layer has read beside its h, where both have one size."""
    return h + read if h.shape[-1] == read.shape[-1] else h


def wired(changes: str = "") -> Stack:
    """A stack with some equations written otherwise, such as ``up = xt; x = x.flip(0)``.

    It is called with cells and x, `[seq_len, batch, input_size]`, and the states to start from,
    else zeros. It returns the output and for each layer its last (h, c).
    """
    changed = dict(change.split(" = ", 1) for change in changes.split("; ") if change)
    made = {n: compile(e, "stack", "eval") for n, e in {**RIGHT, **changed}.items()}

    def run(cells: Sequence[Any], x: Tensor, states: Sequence[State] = ()) -> Result:
        known: dict[str, Any] = {"n": len(cells), "torch": torch, "plus": _plus}

        def solved(name: str, **more: Any) -> Any:
            known.update(more)
            return eval(made[name], known)

        x = solved("x", x=x)
        used = [cells[solved("cell", k=k)] for k in range(len(cells))]
        zeros = [(x.new_zeros(*x.shape[1:-1], cell.hidden_size),) * 2 for cell in used]
        h, c = (list(parts) for parts in zip(*(states or zeros), strict=True))
        output = []
        for xt in x:
            known |= {"h_old": h, "c_old": c, "h_new": [], "c_new": [], "read": []}
            for k, cell in enumerate(used):
                known["read"].append(solved("up" if k else "first", k=k, xt=xt))
                h_k, c_k = cell(known["read"][k], (solved("h"), solved("c")))
                known["h_new"].append(h_k)
                known["c_new"].append(c_k)
            output.append(solved("shown"))
            h, c = known["h_new"], known["c_new"]
        last = list(zip(h, c, strict=True))
        output = solved("output", output=torch.stack(output), states=last)
        return output, solved("states")

    return run


right = wired()


def by_layer(
    hands_up: Callable[[Tensor], Tensor] = lambda output: output, carries: bool = False
) -> Stack:
    """One layer after the other, each from zeros or from where the one below has ended."""

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        states: list[State] = []
        for cell in cells:
            output, last = right([cell], x, states[-1:] if carries else ())
            states += last
            x = hands_up(output)
        return x, states

    return run


def both_ways(
    pairs: Callable[[int], list[tuple[int, int]]], joined: Callable[..., Tensor]
) -> Stack:
    """Bidirectional layers: `pairs(number of cells)` tells the forward and the backward cells."""

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        last: dict[int, State] = {}
        for forward, backward in pairs(len(cells)):
            there, (last[forward],) = right([cells[forward]], x)
            back, (last[backward],) = right([cells[backward]], x.flip(0))
            x = joined(there, back.flip(0))
        return x, [last[k] for k in sorted(last)]

    return run
