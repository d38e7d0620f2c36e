"""Mistakes of a whole layer: told by which step of x reaches which step of the output, by what
feeds the gates, and by which state comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.lstm.roles import GATES, Roles, Search
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report


def forward(n: int) -> Tensor:
    """What a right forward direction shows: a step of x reaches its own step and all later ones."""
    return torch.ones(n, n, dtype=torch.bool).tril()


def _none(n: int) -> Tensor:
    return torch.zeros(n, n, dtype=torch.bool)


def _with(row: Any, column: Any, value: bool, start: Callable[[int], Tensor]) -> Any:
    def how(n: int) -> Tensor:
        seen = start(n).clone()
        seen[row, column] = value
        return seen

    return how


_ALL = slice(None)
LOOP = "loop over all of x: `for t in range(seq_len)`"
_ONCE = "make the zeros once, before the loop over time"
_APPEND = "append h at every step to a list, and end with `torch.stack(list)`"
_FLIP = "give the backward direction `x.flip(0)`, with time as the axis, and flip its output back"


def _reached(*rows: tuple[str, str, str, Callable[[int], Tensor]]) -> list[Mistake]:
    why = (
        "In an LSTM, step t of {of} depends on {which} of x. Yours depends on other steps: {seen}."
    )
    return [Mistake(verdict, said, why, fix, how) for verdict, said, fix, how in rows]


FORWARD = _reached(
    ("state_not_carried", "each step starts from zeros again", _ONCE, lambda n: torch.eye(n) > 0),
    ("output_reversed", "the output is reversed in time", _APPEND, lambda n: forward(n).flip(0)),
    ("x_reversed", "x is read from its end", "`for xt in x:`", lambda n: forward(n).flip(1)),
    (
        *("x_reversed", "x is read from its end, and the output put in the order of time"),
        *("`for xt in x:`", lambda n: forward(n).T),
    ),
    (
        *("output_one_step_late", "the output holds h from before each step"),
        *("append h after `h, c = cell(xt, (h, c))`", lambda n: forward(n).tril(-1)),
    ),
    ("steps_dropped", "the last step of x is never read", LOOP, _with(-1, -1, False, forward)),
    ("steps_dropped", "the first step of x is never read", LOOP, _with(_ALL, 0, False, forward)),
    ("steps_dropped", "the last step is never filled", LOOP, _with(-1, _ALL, False, forward)),
    ("steps_dropped", "every step reads the first of x", "`x[t]`", _with(_ALL, 0, True, _none)),
    ("last_step_only", "every step of the output is the last one", _APPEND, lambda n: ~_none(n)),
    ("last_step_only", "only the last step is filled", _APPEND, _with(-1, _ALL, True, _none)),
)
"""What one direction may show instead: how(seq_len) is `[step of the output, step of x]`."""

BACKWARD = _reached(
    (
        *("backward_not_flipped_back", "the output of the backward direction is not flipped back"),
        *("flip it before `torch.cat`, with time as the axis", lambda n: forward(n).flip(1)),
    ),
    ("backward_not_reversed", "the backward direction walks forward", _FLIP, forward),
    (
        *("backward_not_reversed", "only the output of the backward direction is flipped, not x"),
        *(_FLIP, lambda n: forward(n).flip(0)),
    ),
    (
        *("state_not_carried", "each step of the backward direction starts from zeros again"),
        *(_ONCE, lambda n: torch.eye(n) > 0),
    ),
)
"""What the second half of the features may show instead of a backward direction."""


_SHARED = {
    "all_gates_same_weights": lambda i, f, g, o: i == f == g == o,
    "forget_used_for_input": lambda i, f, g, o: i == f,
    "output_gate_from_forget": lambda i, f, g, o: f == o,
    "unrecognised": lambda i, f, g, o: len({i, f, g, o}) < 4,
}


def in_the_roles(search: Search, roles: Roles, as_handed: bool) -> Report | None:
    """Weights that feed two gates, or none, or one twice; or, where they were handed over in
    PyTorch's layout, another gate than PyTorch's."""

    def report(verdict: str, headline: str, fix: str) -> Report:
        why = "Each gate has weights and a bias of its own, and each of them is used once."
        return Report(verdict, f"{why}\nFix: {fix}.", headline=headline)

    names = search.lanes[0]
    for (verdict, shares), four in (
        (s, four) for s in _SHARED.items() for four in (roles.x, roles.h)
    ):
        if shares(*four):
            gates = [g for g, p in zip(GATES, four, strict=True) if four.count(p) > 1]
            headline = f"the gates {' and '.join(gates)} take the same weights"
            fix = f"look at how `{names[four[GATES.index(gates[0])].slot]}` reaches these gates"
            return report(verdict, headline, fix)
    for four in (roles.x, roles.h) if as_handed else ():
        order = ", ".join(GATES[p.block] for p in four)
        if order != ", ".join(GATES):
            said = f"i, f, g, o take the blocks of `{names[four[0].slot]}` as {order}"
            return report("gate_order", said, "`i, f, g, o = z.chunk(4, dim=-1)`")
    for slot in search.biases():
        fed = {g: [u for u in b if u[0].slot == slot] for g, b in zip(GATES, roles.b, strict=True)}
        used = [piece for uses in fed.values() for piece, _ in uses]
        for_all = search.of_lane(0)[slot].numel() > search.sizes[1]
        without = [g for g, uses in fed.items() if not uses]
        if not used or (without and for_all):
            where = f" in the gates {', '.join(without)}" if used else ""
            return report("missing_bias", f"`{names[slot]}` is left out{where}", "add it")
        if len({*used}) < len(used):
            said = f"a part of `{names[slot]}` is added to two gates"
            return report("wrong_bias_slice", said, "check which part each gate takes")
        if any(times > 1 for uses in fed.values() for _, times in uses):
            return report("bias_twice", f"`{names[slot]}` is added twice", "add it once")
        if as_handed and "".join(GATES[p.block] for p in used) != GATES:
            said = f"`{names[slot]}` is added in another order than i, f, g, o"
            return report("wrong_bias_slice", said, "check which part each gate takes")
    return None


_STEP = "wrong_step_state", "return what the loop over time ends with"
_LAYER = "wrong_layer_state", "keep one (h, c) for each layer, layer 0 first"
_STATES: dict[str, tuple[str, str, Callable[[Any, int], list[Tensor]]]] = {
    # By what is returned: the verdict, the fix, and which state of a lane that walked so it is.
    "that from before the first step": (*_STEP, lambda lanes, ways: [0 * t[-1] for t in lanes]),
    "that of the step before the last one": (*_STEP, lambda lanes, ways: [t[-2] for t in lanes]),
    "that after the first step": (*_STEP, lambda lanes, ways: [t[0] for t in lanes]),
    "in the backward direction that where it begins": (
        *("bidir_last_step", "the backward direction ends at step 0: take its state there"),
        lambda lanes, ways: [t[-(k % 2 == 0)] for k, t in enumerate(lanes)],
    ),
    "that of the layers in another order": (
        *_LAYER,
        lambda lanes, ways: [t[-1] for t in lanes[::-1]],
    ),
    "the top layer's for every layer": (
        *_LAYER,
        lambda lanes, ways: [t[-1] for t in lanes[-ways:] * (len(lanes) // ways)],
    ),
    "that of layer 0": (*_LAYER, lambda lanes, ways: [t[-1] for t in lanes[:ways]]),
}


def in_the_states(
    given: list[Tensor], lanes: list[Any], directions: int, same: Callable[..., bool]
) -> Report | str | None:
    """What is wrong with the states that came back; a note on what was not judged.

    Args:
        given: `[lanes, batch, hidden_size]` each.
        lanes: of each layer and direction its right (h, c) at every step.
        directions: 1 or 2.
        same: whether two tensors agree.
    """
    if len(given) == 2 * len(lanes) > 2:  # for each layer its own: h, c, h, c or h, h, c, c
        halves = [torch.cat(given[: len(lanes)]), torch.cat(given[len(lanes) :])]
        if in_the_states(halves, lanes, directions, same) is None:
            return None
        given = [torch.cat(given[::2]), torch.cat(given[1::2])]
    tracks = [[[state[k][0] for state in lane] for lane in lanes] for k in (0, 1)]
    last = [torch.stack([lane[-1] for lane in track]) for track in tracks]
    seen = []
    for one in given:
        right = [k for k in (0, 1) if same(one, last[k]) or same(one, last[k][-directions:])]
        seen.append("hc"[right[0]] if right else "")
        for said, (verdict, fix, how) in _STATES.items() if not right else ():
            for k in (0, 1):
                states = torch.stack(how(tracks[k], directions))
                if same(one, states) or same(one, states[-directions:]):
                    part = "hc"[k]
                    return Report(
                        verdict,
                        f"Your output is right. The {part} that you return with it should be that "
                        f"after the last step.\nFix: {fix}.",
                        headline=f"the {part} that you return is {said}",
                    )
    if not any(seen):
        return "What comes back beside the output was not judged." if seen else None
    wrong = {
        ("h", "h"): ("c_lost", "h is returned twice, so c is gone"),
        ("c", "h"): ("swapped_return", "you return c first and h second"),
        ("h", ""): ("unrecognised", "the c that you return is not that after the last step"),
        ("", "c"): ("unrecognised", "the h that you return is not that after the last step"),
    }.get((seen[0], seen[1]) if len(seen) == 2 else (), None)  # type: ignore[call-overload]
    if wrong is None:
        return None
    why = "Your output is right. nn.LSTM returns `output, (h_n, c_n)`."
    return Report(wrong[0], f"{why}\nFix: `return output, (h, c)`.", headline=wrong[1])
