"""Mistakes of a whole layer: their words, and how to tell them by which step of x reaches which
step of the output, by what feeds the gates, and by which state comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.lstm.roles import Roles, Search, read
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report
from lstm_teach.checks.stack.mistakes import MISTAKES
from lstm_teach.checks.stack.wiring import Result, right

_TWICE = "Two calls with the same x give different numbers."
_RIGHT = "The output is right. nn.LSTM returns `output, (h_n, c_n)`, the states after the last step"
_OWN = "Each gate has weights and a bias of its own, and each of them is used once."
_ROWS = _OWN, "look at the name, or at the slice of rows, that each of these gates takes"
_ENDS = f"{_RIGHT}.", "return what the loop over time ends with"
_FLIP = (
    "The backward direction reads x from its end, and its output is put back in the order of time.",
    "`backward(x.flip(0)).flip(0)`, with time as the axis",
)
_LOOP = "`for xt in x:`, and append h at the end of each step to a list for `torch.stack`"
_WORDS = {
    "state_not_carried": ("What came before is lost.", "make zeros once, before the loop"),
    "output_reversed": ("Each step is right, but stands elsewhere in time.", _LOOP),
    "x_reversed": ("An LSTM reads from the first step to the last.", _LOOP),
    "output_one_step_late": ("h was kept before it was computed.", _LOOP),
    "steps_dropped": ("Every step of x makes one step of the output.", _LOOP),
    "steps_doubled": (
        "Each step of x makes one step of the output.",
        "call the cell once a step, and append its h once",
    ),
    "same_cell_reused": ("Each direction has weights of its own.", "call the backward cell"),
    "last_step_only": ("The output holds h of every step.", _LOOP),
    "backward_not_flipped_back": _FLIP,
    "backward_not_reversed": _FLIP,
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
    "wrong_step_state": _ENDS,
    "bidir_last_step": (
        f"{_RIGHT}.",
        "the backward direction ends at step 0: take its state there",
    ),
    "wrong_layer_state": (f"{_RIGHT}, of each layer.", "keep one (h, c) for each layer"),
    "c_lost": (f"{_RIGHT}.", "`return output, (h, c)`"),
    "swapped_return": (f"{_RIGHT}.", "`return output, (h, c)`"),
    "all_gates_same_weights": _ROWS,
    "forget_used_for_input": _ROWS,
    "output_gate_from_forget": _ROWS,
    "wrong_bias_slice": _ROWS,
    "missing_bias": (_OWN, "add it to the sum of its gate, or leave it out of `__init__`"),
    "bias_twice": (_OWN, "add it once"),
    "gate_order": ("PyTorch's order is i, f, g, o.", "`i, f, g, o = z.chunk(4, dim=-1)`"),
    "unrecognised": ("Compare with nn.LSTM step by step.", "go through your loop with two steps"),
}


def told(verdict: str, headline: str, evidence: dict[str, Any] | None = None) -> Report:
    """The report on a mistake of a whole layer."""
    why, fix = _WORDS[verdict]
    return Report(verdict, f"{why}\nFix: {fix}.", evidence or {}, headline=headline)


# Which step t of x reaches step s of the output, of n, in a forward direction; what is wrong then.
_Reaches = Callable[[Tensor, Tensor, int], Tensor]
_FORWARD: dict[tuple[str, str], _Reaches] = {
    ("", "right"): lambda s, t, n: t <= s,
    ("state_not_carried", "each step starts from zeros again"): lambda s, t, n: t == s,
    ("output_reversed", "the output is reversed in time"): lambda s, t, n: t < n - s,
    ("x_reversed", "x is read from its end"): lambda s, t, n: t >= n - 1 - s,
    ("x_reversed", "x is read from its end, and the output turned"): lambda s, t, n: t >= s,
    ("output_one_step_late", "the output holds h from before each step"): lambda s, t, n: t < s,
    ("steps_dropped", "the last step is left out"): lambda s, t, n: (t <= s) & (t < n - 1),
    ("steps_dropped", "the last step is never filled"): lambda s, t, n: (t <= s) & (s < n - 1),
    ("steps_dropped", "the first step is never read"): lambda s, t, n: (t <= s) & (t > 0),
    ("steps_dropped", "every step reads the first of x"): lambda s, t, n: (t == 0) & (s < n),
    ("last_step_only", "every step of the output is the last one"): lambda s, t, n: t + s < 2 * n,
    ("last_step_only", "only the last step is filled"): lambda s, t, n: (s == n - 1) & (t < n),
}
_BACK = "backward direction"
_BACKWARD: dict[tuple[str, str], _Reaches] = {
    ("", "right"): lambda s, t, n: t >= s,
    ("backward_not_flipped_back", f"the output of the {_BACK} is not flipped back"): (
        lambda s, t, n: t >= n - 1 - s
    ),
    ("backward_not_reversed", f"the {_BACK} walks forward"): lambda s, t, n: t <= s,
    ("backward_not_reversed", f"only the output of the {_BACK} is flipped, not x"): (
        lambda s, t, n: t < n - s
    ),
    ("state_not_carried", f"each step of the {_BACK} starts from zeros"): lambda s, t, n: t == s,
}


def in_time(halves: list[Tensor]) -> Report | None:
    """What is wrong with which step of x reaches which step of the output, in each direction."""
    if len(halves) == 2 and all(half.all() for half in halves):
        return None  # more than one layer, each both ways
    n = len(halves[0])
    steps = torch.arange(n)
    for half, known in zip(halves, (_FORWARD, _BACKWARD), strict=False):
        named = [name for name, how in known.items() if half.equal(how(steps[:, None], steps, n))]
        if named != [("", "right")]:
            seen = {f"step {t} depends on": half[t].nonzero().flatten().tolist() for t in (0, 1)}
            said = "the steps of x do not reach the output as in an LSTM"
            return told(*(named or [("unrecognised", said)])[0], seen)
    return None


def _known(verdict: str, headline: str, how: Any) -> Mistake:
    return Mistake(verdict, headline, *_WORDS[verdict], how)


def _twice(cells: Sequence[Any], x: Tensor) -> Result:
    output, states = right(cells, x.repeat_interleave(2, 0))
    return output[1::2], states


BOTH_WAYS = [
    _known(
        *("backward_not_flipped_back", "the output of a backward direction is not flipped back"),
        partial(read, directions=2, flip_back=False),
    ),
    _known(
        *("same_cell_reused", "one cell serves both directions"),
        lambda cells, x: read([cell for cell in cells[::2] for _ in (1, 2)], x, 2),
    ),
]
ONE_WAY = [
    _known(
        *("steps_doubled", "each step of x is read twice"),
        _twice,
    ),
    *MISTAKES,
]
"""What a mistaken stack computes, in both directions and in one."""

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
        for_all = search.of_lane(0)[slot].numel() > search.sizes[1]
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

    def are(one: Tensor, states: list[Tensor]) -> bool:
        return same(one, torch.stack(states)) or same(one, torch.stack(states[-ways:]))

    def of_pair(pair: Sequence[Tensor]) -> tuple[str, str] | None:
        last = [[lane[-1] for lane in track] for track in tracks]
        right = ["h" * are(one, last[0]) or "c" * are(one, last[1]) for one in pair]
        off = [one for one, name in zip(pair, right, strict=True) if not name]
        for one, (verdict, said, how), k in product(off, _STATES, (0, 1)):
            if are(one, how(tracks[k], ways)):
                return verdict, f"the {'hc'[k]} that you return is {said}"
        return _PAIRS.get(tuple(right))

    pairs: list[Sequence[Tensor]] = [given]
    if len(given) == 2 * len(walked) > 2:  # for each layer its own: h, c, h, c or h, h, c, c
        n = len(walked)
        split = ((given[::2], given[1::2]), (given[:n], given[n:]))
        pairs = [[torch.cat(half) for half in halves] for halves in split]
    found = [of_pair(pair) for pair in pairs]
    return None if None in found or not found[0] else told(*found[0])
