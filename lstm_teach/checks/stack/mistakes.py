"""A stack's wiring as equations in text, so that a wrong stack is a few of them written otherwise.

They are for lane k, of n, at step t, of T. A lane is a layer in one of w directions; of two, the
forward one stands first. There h(k, t) and c(k, t) are the state after a step, or where a lane
starts from beside all steps, and read(k, t) is what it has read.

The mistakes that have a name, and the stacks of another kind, stand in `mistakes.txt`: a way to
make one is told by the equations that it changes, or where it is found otherwise by a name of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.mistake import Mistake, entries
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]
Result = tuple[Tensor, list[Any]]
Stack = Callable[..., Result]

_WHOLE = {
    "w": "1",
    "x": "x",
    # What is returned: out of the output, and of the states of each lane in the order of its walk.
    "output": "output",
    "states": "[lane[-1] for lane in lanes]",
}
_AT = {
    "cell": "k",
    # What the lowest layer reads, what a layer above it reads, and which h and c it goes on from.
    "first": "x[t]",
    "up": "out(k - k % w - 1, t)",
    "before": "t + 1 if k % w else t - 1",
    "h_0": "h(k, before(k, t))",
    "c_0": "c(k, before(k, t))",
    # What a layer hands up, k being its last lane, and what the top one shows.
    "out": "h(k, t) if w == 1 else torch.cat([h(k - 1, t), h(k, t)], -1)",
    "shown": "out(k, t)",
    # What a residual stack hands up: h plus what the layer has read, where that is as wide.
    "residual": "h(k, t) + read(k, t) if read(k, t).shape[-1] == h(k, t).shape[-1] else h(k, t)",
}


@cache
def wired(changes: str = "") -> Stack:
    """A stack with some equations written otherwise, such as ``up = x[t]; x = x.flip(0)``.

    It is called with cells and x, `[seq_len, batch, input_size]`, and the states to start from,
    else zeros. It returns the output and for each lane its last (h, c).
    """
    changed = dict(change.split(" = ", 1) for change in changes.split("; ") if change)
    made = {
        name: compile(f"lambda k=0, t=0: {changed.get(name, right)}", "stack", "eval")
        for name, right in {**_WHOLE, **_AT}.items()
    }

    def run(cells: Sequence[Any], x: Tensor, start: Sequence[State] = ()) -> Result:
        known: dict[str, Any] = {"n": len(cells), "torch": torch, "x": x}
        known |= {name: eval(made[name], known) for name in _AT}

        def whole(name: str) -> Any:
            return eval(made[name], known)()

        known |= {"w": whole("w"), "x": whole("x")}
        w, x, lanes = known["w"], known["x"], range(len(cells))
        steps = range(len(x))
        used = [cells[known["cell"](k)] for k in lanes]
        zeros = [(x.new_zeros(*x.shape[1:-1], cell.hidden_size),) * 2 for cell in used]

        @cache
        def step(k: int, t: int) -> tuple[Tensor, State]:
            read = known["first" if k < w else "up"](k, t)
            return read, used[k](read, (known["h_0"](k, t), known["c_0"](k, t)))

        def state(k: int, t: int) -> State:
            return step(k, t)[1] if t in steps else (start or zeros)[k]

        known |= {
            "T": len(x),
            "h": lambda k, t: state(k, t)[0],
            "c": lambda k, t: state(k, t)[1],
            "read": lambda k, t: step(k, t)[0],
        }
        known["output"] = torch.stack([known["shown"](lanes[-1], t) for t in steps])
        known["lanes"] = [[state(k, t) for t in steps[:: -1 if k % w else 1]] for k in lanes]
        return whole("output"), whole("states")

    return run


_LOST = {
    "every layer": "0",
    "layer 0": "(k > 0)",
    "every layer above layer 0": "(k == 0)",
    "the top layer": "(k < n - 1)",
    "every layer below the top": "(k == n - 1)",
}
"""The layers in which h or c is lost, and what is 0 for them and else 1."""
_PARTS = {"h and c start": "hc", "h starts": "h", "c starts": "c"}


def _each(headline: str, how: str) -> Iterator[tuple[str, str]]:
    """A way to make a mistake, once for all that its headline may stand for."""
    if "{where}" not in headline:
        yield headline, how
        return
    for (where, kept), (what, parts) in product(_LOST.items(), _PARTS.items()):
        lost = "; ".join(f"{part}_0 = {part}(k, t - 1) * {kept}" for part in parts)
        yield headline.format(where=where, what=what), how.format(lost=lost)


def known(package: str) -> tuple[list[tuple[str, Mistake]], dict[str, Mistake]]:
    """The catalogue of a check: what is told by equations, `how`, with the name of its entry, and
    the words of all else."""
    stacks, words = [], {}
    for entry in entries(package):
        for headline, how in (one for way in entry.ways for one in _each(*way)):
            if " = " in how:
                stacks.append((entry.name, entry.made(headline, how)))
            else:
                words[how] = entry.made(headline, None)
        words.setdefault(entry.name, entry.mistake)
    return stacks, words


_NAMED, WORDS = known(__package__)
MISTAKES = [mistake for _, mistake in _NAMED]


def told(
    name: str, evidence: Any = None, /, words: Any = WORDS, headline: str = "", **holes: Any
) -> Report:
    """The report on what has this name in the catalogue, if wished under a headline of its own."""
    mistake: Mistake = words[name]
    mistake = replace(mistake, headline=headline or mistake.headline)
    return mistake.report(evidence, **{"seen": "", **holes})
