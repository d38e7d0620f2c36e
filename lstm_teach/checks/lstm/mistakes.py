"""Mistakes of a whole layer, `mistakes.txt`: what feeds the gates, and which states come back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.bringing import likely_call, listed
from lstm_teach.checks.cell.equations import FORMS, GATES
from lstm_teach.checks.cell.equations import WORDS as OF_A_CELL
from lstm_teach.checks.lstm.roles import Roles, Search
from lstm_teach.checks.report import Report
from lstm_teach.checks.stack import mistakes as stack

_OWN, _OWN_WORDS = stack.known(__package__)
WORDS = OF_A_CELL | stack.WORDS | _OWN_WORDS


def told(name: str, evidence: Any = None, /, code: Any = None, **holes: Any) -> Report:
    """The report on what has this name, among all that is known of cells, of stacks and of layers;
    it may say how to call such code, with the names of what the code cannot do without."""
    line, stateful = (likely_call(code, "lstm", state)[1] for state in ("", "(h, c)"))
    state = "h, c" if "h, c" in stateful else "h" * bool(re.search(r"\bh\b", stateful))
    args = f"x, {state}" if state else "x"
    call = WORDS["call"].why.format(args=args, line=stateful if state else line)
    report = stack.told(name, evidence, words=WORDS, call=call, **{"walk": "x", **holes})
    return replace(report, of="LSTM")


JOINED = {
    1: [mistake for name, mistake in _OWN if name == "joined"],
    2: [mistake for name, mistake in _OWN if name == "two_stacks"],
}
"""How else than side by side two directions are joined, where the output is of one or of two."""

_ALL = [mistake for _, mistake in _OWN]
STARTS = [mistake for mistake in _ALL if mistake.how.startswith("start = ")]
"""What may be made of h and c that are given, `[lanes, batch, hidden_size]` each."""

_STATES = [mistake for mistake in _ALL if mistake.how.startswith("states = ")]
_BOTH_WAYS = [m for m in _ALL if m.how.startswith("w = 2") and m.verdict != "variant"]
# What is off by one step in time may be so in a stack alone.
_ONE_WAY = sorted(
    [m for m in (*stack.MISTAKES, *_ALL) if not re.search("w = 2|states = |start = ", m.how)],
    key=lambda mistake: mistake.verdict in ("unrecognised", "variant"),
)
# Inside a layer nobody sees what a step returns, and what it computes says as much.
_FORMS = sorted(FORMS, key=lambda form: bool({"first", "second"} & form.how.keys()))
MISTAKES = {1: [*_ONE_WAY, *_FORMS], 2: [*_BOTH_WAYS, *_FORMS]}
"""What may be computed in one direction and in two; `how` is what is written otherwise."""

_SHARED: dict[str, Callable[..., bool]] = {
    "all_gates_same_weights": lambda i, f, g, o: i == f == g == o,
    "forget_used_for_input": lambda i, f, g, o: i == f,
    "output_gate_from_forget": lambda i, f, g, o: f == o,
    "shares": lambda i, f, g, o: len({i, f, g, o}) < 4,
}


def in_the_roles(search: Search, roles: Roles, as_torch: bool, buffers: bool) -> Report | None:
    """Weights that feed two gates, or none, or one twice; or, where they were handed over in
    PyTorch's layout, another gate than PyTorch's. Some may be `buffers` for gradients."""
    names = search.lanes[0]
    for part, four in (("x", roles.x), ("h", roles.h)):
        gates = listed(g for g, p in zip(GATES, four, strict=True) if four.count(p) > 1)
        for name, shares in _SHARED.items():
            if shares(*four):
                return told(name, headline=told("shares", gates=gates, part=part).headline)
        order = ", ".join(GATES[p.block] for p in four)
        if as_torch and order != ", ".join(GATES):
            said = f"i, f, g, o take the blocks of the weights as {order}"
            return told("gate_order", headline=said)
    for slot in search.biases():
        name, fed = names[slot], [[p for p in b if p.slot == slot] for b in roles.b]
        used = [piece for pieces in fed for piece in dict.fromkeys(pieces)]
        parts = {names[p.slot].rpartition(".")[0] for p in (*roles.x, *roles.h, *used)}
        if not used and name.rpartition(".")[0] not in parts:
            continue  # nothing of this part is used, so it is another's
        for_all = search.of_lane(0)[slot].numel() == 4 * search.sizes[0][1]
        is_matrix = search.weights[name].squeeze().dim() > 1  # of four rows, which may be a head's
        if not used and all(roles.b) and (buffers or is_matrix or not for_all):
            continue  # each gate has its bias, so this one belongs to something else
        if not used or (for_all and not all(fed)):
            gates = ", ".join(g for g, pieces in zip(GATES, fed, strict=True) if not pieces)
            return told("left_out_in" if for_all else "left_out", name=name, gates=gates)
        if len({*used}) < len(used):
            return told("wrong_bias_slice", headline=f"a part of `{name}` is added to two gates")
        if len(used) < sum(map(len, fed)):
            return told("bias_twice", name=name)
        if as_torch and "".join(GATES[p.block] for p in used) != GATES:
            said = f"`{name}` is added in another order than i, f, g, o"
            return told("wrong_bias_slice", headline=said)
    return None


_PAIRS: dict[tuple[str, ...], str] = {
    ("h", "h"): "c_lost",
    ("c", "h"): "swapped_return",
    ("h", ""): "wrong_c",
    ("", "c"): "wrong_h",
}


def in_the_states(
    given: list[Tensor], walked: list[Any], ways: int, same: Any, c_first: bool
) -> Report | None:
    """What is wrong with the states that came back, `[lanes, batch, hidden_size]` each, or those of
    h and c as one, maybe c first; or "states_unread", where some are neither h nor c and no known
    mistake.

    Of each layer and direction, `walked` holds the right (h, c) at every step.
    """
    tracks = {name: [[s[k][0] for s in lane] for lane in walked] for k, name in enumerate("hc")}
    n = len(walked)

    def are(ones: Sequence[Tensor], states: list[Tensor]) -> bool:
        wanted = states if len(ones) == n else states[-ways:]
        return len(ones) == len(wanted) and all(map(same, ones, wanted))

    def of_pair(pair: Sequence[Sequence[Tensor]]) -> Report | None:
        last = {name: [lane[-1] for lane in track] for name, track in tracks.items()}
        right = ["".join(name for name in "hc" if are(one, last[name]))[:1] for one in pair]
        off = [one for one, name in zip(pair, right, strict=True) if not name]
        for one, mistake, (name, lanes) in product(off, _STATES, tracks.items()):
            how = mistake.how.partition(" = ")[2]
            if are(one, eval(how, {"lanes": lanes, "w": ways})):
                return mistake.report(state=name)
        for one, (name, right_one) in product(off, last.items()):
            numbers = [
                torch.cat([row.flatten() for row in some]).sort()[0] for some in (one, right_one)
            ]
            if same(*numbers):
                return told("state_dealt_out", state=name)
        kind = _PAIRS.get((*right,), "" if all(right) else "states_unread")
        return told(kind) if kind else None

    pairs: list[Any] = [[[*one] for one in given]]
    rows = [row for one in given for row in one]
    if len(rows) == 2 * n and len(given) in (1, 2 * n):  # h, c, h, c or h, h, c, c
        pairs = [[rows[::2], rows[1::2]], [rows[:n], rows[n:]]]
    pairs = [[*pair[1::-1], *pair[2:]] if c_first else pair for pair in pairs]
    found = [of_pair(pair) for pair in pairs]
    return None if None in found else found[0]
