"""Mistakes of a whole layer: by what it computes, by what feeds the gates, and by which state comes
back; and their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.mistakes import WORDS
from lstm_teach.checks.lstm.roles import Roles, Search
from lstm_teach.checks.report import Report
from lstm_teach.checks.stack.mistakes import MISTAKES, Entry, mistakes
from lstm_teach.checks.stack.wiring import Result, Stack, right

_LOOP = "`for xt in x:`, and append h at the end of each step to a list for `torch.stack`"
_FLIP = "`backward(x.flip(0)).flip(0)`, with time as the axis"
_BACK = "The backward direction reads x from its end, and its output is put back in order of time."


def _twice(cells: Sequence[Any], x: Tensor) -> Result:
    output, states = right(cells, x.repeat_interleave(2, 0))
    return output[1::2], states


def _two_ways(back: str = "run(x.flip(0)).flip(0)", used: int = 1, step: bool = False) -> Stack:
    """Layers of a forward and a backward cell, number 0 and `used`, the output of which is `back`.
    Where it goes step by step, each starts from zeros."""
    code = compile(back, "backward direction", "eval")

    def run(cells: Sequence[Any], x: Tensor) -> Result:
        if step and len(x) > 1:
            return torch.cat([run(cells, xt[None])[0] for xt in x]), []
        for k in range(0, len(cells), 2):
            own = partial(right, cells[k + used : k + used + 1])
            other = eval(code, {"run": lambda x, own=own: own(x)[0], "x": x})
            x = torch.cat([right(cells[k : k + 1], x)[0], other], -1)
        return x, []

    return run


_ENTRIES: tuple[Entry, ...] = (
    (
        "steps_doubled",
        "Each step of x makes one step of the output.",
        "call the cell once a step, and append its h once",
        {"each step of x is read twice": [_twice]},
    ),
    (
        "output_reversed",
        "Each step is right, but stands elsewhere in time.",
        _LOOP,
        "the output is reversed in time | output = output.flip(0)",
    ),
    (
        "x_reversed",
        "An LSTM reads from the first step to the last.",
        _LOOP,
        """x is read from its end | x = x.flip(0)
        x is read from its end, and the output turned | x = x.flip(0); output = output.flip(0)""",
    ),
    (
        "output_one_step_late",
        "h was kept before it was computed.",
        _LOOP,
        """the output holds h from before each step \
            | output = torch.cat([0 * output[:1], output[:-1]])""",
    ),
    (
        "steps_dropped",
        "Every step of x makes one step of the output.",
        _LOOP,
        """the last step is left out \
            | output = torch.cat([output[:-1], torch.cat([0 * output[:1], output])[-2:-1]])
        the last step is never filled | output = torch.cat([output[:-1], 0 * output[-1:]])
        every step reads the first of x | x = x[:1].expand_as(x)""",
    ),
)
# What is off by one step in time may be so in a stack alone.
ONE_WAY = sorted(
    [*MISTAKES, *mistakes(_ENTRIES)], key=lambda m: m.verdict in ("unrecognised", "variant")
)
"""What a mistaken stack computes, in one direction."""

_BOTH: tuple[Entry, ...] = (
    (
        "backward_not_flipped_back",
        _BACK,
        _FLIP,
        {"the output of the backward direction is not flipped back": [_two_ways("run(x.flip(0))")]},
    ),
    (
        "backward_not_reversed",
        _BACK,
        _FLIP,
        {
            "the backward direction walks forward": [_two_ways("run(x)")],
            "only the output of the backward direction is flipped, not x": [
                _two_ways("run(x).flip(0)")
            ],
        },
    ),
    (
        "same_cell_reused",
        "Each direction has weights of its own.",
        "call the backward cell",
        {"one cell serves both directions": [_two_ways(used=0)]},
    ),
    (
        "state_not_carried",
        "What came before is lost.",
        "make zeros once, before the loop",
        {"each step starts from zeros": [_two_ways(step=True)]},
    ),
)
BOTH_WAYS = mistakes(_BOTH)
"""The same for two directions."""

_TWICE = "Two calls with the same x give different numbers."
_RIGHT = "The output is right. nn.LSTM returns `output, (h_n, c_n)`, the states after the last step"
_OWN = "Each gate has weights and a bias of its own, and each of them is used once."
_WORDS = {
    **{m.verdict: (m.why, m.fix) for m in (*WORDS.values(), *ONE_WAY)},
    "state_kept": (_TWICE, "make h and c anew in each call, or take them as an argument"),
    "random_initial_state": (_TWICE, "`torch.zeros(...)` for h and c; weights in `__init__`"),
    "samples_mixed": (
        "One sample of x was replaced, and other samples of the output changed.",
        "look for a `view` where `transpose` belongs, and for a sum or mean over the batch",
    ),
    "time_batch_swapped": ("The loop walks along the batch.", "take `x[:, t]` for a batch first"),
    "initial_state_ignored": (
        "The output is the same as from zeros.",
        "make zeros only where none is given: `if state is None:`",
    ),
    "swapped_state": ("nn.LSTM takes `(h_0, c_0)`.", "`h, c = state`"),
    "squeeze_batch_of_one": (
        "`.squeeze()` takes away every axis of size 1, so the batch goes, too.",
        "leave `squeeze` out, or name its axis",
    ),
    "gradient_cut": (
        "The numbers are right, but the gradients are not nn.LSTM's, so it learns otherwise.",
        "look for `.detach()`, `.data`, `torch.tensor(...)`, `no_grad` or NumPy on the way",
    ),
    "wrong_gradient": (
        "Forward it is right. This is the first gradient that differs from autograd's.",
        "go through its line; it is a sum over all steps in which the weight is used",
    ),
    "wrong_step_state": (f"{_RIGHT}.", "return what the loop over time ends with"),
    "bidir_last_step": (
        f"{_RIGHT}.",
        "the backward direction ends at step 0: take its state there",
    ),
    "wrong_layer_state": (f"{_RIGHT}, of each layer.", "keep one (h, c) for each layer"),
    "c_lost": (f"{_RIGHT}.", "`return output, (h, c)`"),
    "swapped_return": (f"{_RIGHT}.", "`return output, (h, c)`"),
    "missing_bias": (_OWN, "add it to the sum of its gate, or leave it out of `__init__`"),
    "bias_twice": (_OWN, "add it once"),
    "unrecognised": ("Compare with nn.LSTM step by step.", "go through your loop with two steps"),
}


def told(verdict: str, headline: str, evidence: dict[str, Any] | None = None) -> Report:
    """The report on a mistake of a whole layer."""
    why, fix = _WORDS[verdict]
    return Report(verdict, f"{why}\nFix: {fix}.", evidence or {}, headline=headline)


_SHARED: dict[str, Callable[..., bool]] = {
    "all_gates_same_weights": lambda i, f, g, o: i == f == g == o,
    "forget_used_for_input": lambda i, f, g, o: i == f,
    "output_gate_from_forget": lambda i, f, g, o: f == o,
    "unrecognised": lambda i, f, g, o: len({i, f, g, o}) < 4,
}


def in_the_roles(search: Search, roles: Roles, as_torch: bool) -> Report | None:
    """Weights that feed two gates, or none, or one twice; or, where they were handed over in
    PyTorch's layout, another gate than PyTorch's."""
    names = search.lanes[0]
    for four in (roles.x, roles.h):
        gates = " and ".join(g for g, p in zip(GATES, four, strict=True) if four.count(p) > 1)
        for verdict, shares in _SHARED.items():
            if shares(*four):
                return told(verdict, f"the gates {gates} take the same weights")
        order = ", ".join(GATES[p.block] for p in four)
        if as_torch and order != ", ".join(GATES):
            return told("gate_order", f"i, f, g, o take the blocks of the weights as {order}")
    for slot in search.biases():
        name, fed = f"`{names[slot]}`", [[u for u in b if u[0].slot == slot] for b in roles.b]
        used = [piece for uses in fed for piece, _ in uses]
        parts = {names[p.slot].rpartition(".")[0] for p in (*roles.x, *roles.h, *used)}
        if not used and names[slot].rpartition(".")[0] not in parts:
            continue  # nothing of this part is used, so it is another's
        for_all = search.of_lane(0)[slot].numel() > search.sizes[0][1]
        if not used or (for_all and not all(fed)):
            gates = ", ".join(g for g, uses in zip(GATES, fed, strict=True) if not uses)
            return told("missing_bias", f"{name} is left out" + f" in the gates {gates}" * for_all)
        if len({*used}) < len(used):
            return told("wrong_bias_slice", f"a part of {name} is added to two gates")
        if any(times > 1 for uses in fed for _, times in uses):
            return told("bias_twice", f"{name} is added twice")
        if as_torch and "".join(GATES[p.block] for p in used) != GATES:
            return told("wrong_bias_slice", f"{name} is added in another order than i, f, g, o")
    return None


# Of the states of one kind in each lane, step by step as it walked: those that come back wrongly.
_STATES: list[tuple[str, str, Callable[[Any, int], list[Tensor]]]] = [
    ("wrong_step_state", "that from before the first step", lambda t, ways: [0 * s[0] for s in t]),
    ("wrong_step_state", "that of the step before the last", lambda t, ways: [s[-2] for s in t]),
    ("wrong_step_state", "that after the first step", lambda t, ways: [s[0] for s in t]),
    (
        *("bidir_last_step", "in the backward direction that where it begins"),
        lambda t, ways: [s[-(k % 2 == 0)] for k, s in enumerate(t)],
    ),
    ("wrong_layer_state", "in another order of layers", lambda t, ways: [s[-1] for s in t[::-1]]),
    (
        *("wrong_layer_state", "the top layer's for every layer"),
        lambda t, ways: [s[-1] for s in t[-ways:] * (len(t) // ways)],
    ),
    ("wrong_layer_state", "that of layer 0", lambda t, ways: [s[-1] for s in t[:ways]]),
]
_PAIRS: dict[tuple[str, ...], tuple[str, str]] = {
    ("h", "h"): ("c_lost", "h is returned twice, so c is gone"),
    ("c", "h"): ("swapped_return", "you return c first and h second"),
    ("h", ""): ("wrong_step_state", "the c that you return is not that after the last step"),
    ("", "c"): ("wrong_step_state", "the h that you return is not that after the last step"),
}


def in_the_states(given: list[Tensor], walked: list[Any], ways: int, same: Any) -> Report | None:
    """What is wrong with the states that came back, `[lanes, batch, hidden_size]` each.

    Of each layer and direction, `walked` holds the right (h, c) at every step.
    """
    tracks = [[[state[k][0] for state in lane] for lane in walked] for k in (0, 1)]
    n = len(walked)

    def are(ones: Sequence[Tensor], states: list[Tensor]) -> bool:
        wanted = states if len(ones) == n else states[-ways:]
        return len(ones) == len(wanted) and all(map(same, ones, wanted))

    def of_pair(pair: Sequence[Sequence[Tensor]]) -> tuple[str, str] | None:
        last = [[lane[-1] for lane in track] for track in tracks]
        right = ["h" * are(one, last[0]) or "c" * are(one, last[1]) for one in pair]
        off = [one for one, name in zip(pair, right, strict=True) if not name]
        for one, (verdict, said, how), k in product(off, _STATES, (0, 1)):
            if are(one, how(tracks[k], ways)):
                return verdict, f"the {'hc'[k]} that you return is {said}"
        return _PAIRS.get(tuple(right))

    pairs: list[Any] = [[[*one] for one in given]]
    if len(given) == 2 * n > 2:  # for each layer its own: h, c, h, c or h, h, c, c
        lanes = [one[0] for one in given]
        pairs = [[lanes[::2], lanes[1::2]], [lanes[:n], lanes[n:]]]
    found = [of_pair(pair) for pair in pairs]
    return None if None in found or not found[0] else told(*found[0])
