"""What is said of an LSTM whose weights have been read, and of the states that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.lstm.roles import GATES, Cells, Piece, Roles, Search, Weights
from lstm_teach.checks.report import Report

_SHARED = {
    "all_gates_same_weights": lambda i, f, g, o: i == f == g == o,
    "forget_used_for_input": lambda i, f, g, o: i == f,
    "output_gate_from_forget": lambda i, f, g, o: f == o,
    "unrecognised": lambda i, f, g, o: len({i, f, g, o}) < 4,
}


def slips(search: Search, roles: Roles) -> Report | None:
    """Weights that feed two gates, or none, or a gate twice."""
    for verdict, shares in _SHARED.items():
        for part, four in (("x", roles.x), ("h", roles.h)):
            if shares(*four):
                gates = [g for g, p in zip(GATES, four, strict=True) if four.count(p) > 1]
                return Report(
                    verdict,
                    f"The gates {', '.join(gates)} multiply {part} by the same weights: "
                    f"{_named(search, four[GATES.index(gates[0])])}. Each gate has weights of its "
                    "own.\nFix: check which rows, or which matrix, each gate takes.",
                    headline=f"the gates {' and '.join(gates)} share their weights",
                )
    biases = {
        p for some in search.common("b").values() for p in some if p.joined == "b"
    }
    slots = {p.slot for p in biases}
    fed = [[p for p, _ in gate] for gate in roles.b]
    for slot in sorted(slots):
        name = search.lanes[0][slot]
        mine = [[p for p in gate if p.slot == slot] for gate in fed]
        used = [p for gate in mine for p in gate]
        one_gate = search.of_lane(0)[slot].numel() == search.sizes[1]
        if not used or (not one_gate and not all(mine)):
            without = [g for g, here in zip(GATES, mine, strict=True) if not here]
            return Report(
                "missing_bias",
                f"`{name}` never reaches "
                + ("any gate." if not used else f"the gate {', '.join(without)}.")
                + "\nFix: add it to the sum of its gate, or take it out.",
                headline=f"`{name}` is never added",
            )
        if len({*used}) < len(used):
            return Report(
                "wrong_bias_slice",
                f"The same part of `{name}` is added to more than one gate. Each gate has a bias "
                "of its own.\nFix: check which part of the bias each gate takes.",
                headline=f"gates share a part of `{name}`",
            )
        if any(times > 1 for gate in roles.b for p, times in gate if p.slot == slot):
            return Report(
                "bias_twice",
                f"`{name}` is added twice.\nFix: add each bias once.",
                headline=f"`{name}` is added twice",
            )
    return None


def _named(search: Search, piece: Piece) -> str:
    name = search.lanes[0][piece.slot]
    return f"`{name}`, block {piece.block}"


def described(search: Search, roles: Roles, axes: str) -> list[str]:
    """What a right LSTM is like."""
    layers = len(search.lanes) // search.directions
    both = " in both directions" if search.directions == 2 else ""
    first = (
        f"Your LSTM computes what nn.LSTM computes: with its weights read off, every step of the "
        f"output agrees ({layers} layer{'s' * (layers > 1)}{both})."
    )
    slots = {p.slot for p in roles.x}
    if len(slots) == 1:
        order = ", ".join(g for _, g in sorted(zip([p.block for p in roles.x], GATES, strict=True)))
        same = "as in nn.LSTM" if order == "i, f, g, o" else "nn.LSTM's are i, f, g, o"
        gates = f"The four gates stand in the order {order} ({same})."
    else:
        names = ", ".join(
            f"{g} from `{search.lanes[0][p.slot]}`" for g, p in zip(GATES, roles.x, strict=True)
        )
        gates = f"Each gate has weights of its own: {names}."
    count = max(len(fed) for fed in roles.b)
    bias = {
        0: "It has no bias.",
        1: "It has one bias; nn.LSTM has two, `b_ih` and `b_hh`, and only their sum matters.",
    }.get(count, "It has two biases, as nn.LSTM.")
    last = "`report.as_torch()` is an nn.LSTM with your weights, that gives the same."
    return [first, f"x is {axes}.", gates, bias, last]


def as_torch(search: Search, roles: Roles, weights: Weights, batch_first: bool) -> nn.LSTM:
    """An nn.LSTM with a learner's weights."""
    made = [
        Cells(search.of_lane(k, weights), [roles], search.sizes[1])
        for k in range(len(search.lanes))
    ]
    with torch.random.fork_rng(devices=[]):
        lstm = nn.LSTM(
            *search.sizes,
            len(made) // search.directions,
            any(roles.b),
            batch_first,
            bidirectional=search.directions == 2,
            dtype=weights[search.lanes[0][0]].dtype,
            device="cpu",
        )
    with torch.no_grad():
        for k, cells in enumerate(made):
            suffix = f"_l{k // search.directions}" + "_reverse" * (k % search.directions)
            getattr(lstm, f"weight_ih{suffix}").copy_(cells.w_ih[0])
            getattr(lstm, f"weight_hh{suffix}").copy_(cells.w_hh[0])
            if cells.bias is not None:
                getattr(lstm, f"bias_ih{suffix}").copy_(cells.bias[0])
                getattr(lstm, f"bias_hh{suffix}").zero_()
    return lstm


def wrong_states(
    given: Sequence[Tensor], lanes: list[Any], directions: int, limit: float, notes: list[str]
) -> Report | None:
    """What is wrong with the states that came back, `[lanes, batch, hidden_size]` each."""
    if len(given) == 2 * len(lanes) > 2:  # for each layer its own
        pairs = [torch.cat([*given[0::2]]), torch.cat([*given[1::2]])]
        halves = [torch.cat([*given[: len(lanes)]]), torch.cat([*given[len(lanes) :]])]
        wrong = wrong_states(halves, lanes, directions, limit, notes)
        return None if wrong is None else wrong_states(pairs, lanes, directions, limit, notes)
    known = _known_states(lanes, directions)
    said = [
        next((name for name, value in known.items() if _same(one, value, limit)), "")
        for one in given
    ]
    parts = [name.split(",")[0] for name in said]
    if "h" not in parts and "c" not in parts and not any(said):
        notes.append("What comes back beside the output is no state, and was not judged.")
        return None
    for name in said:
        if name and name not in ("h", "c", "h, top", "c, top"):
            verdict, words, fix = _OFF[name.split(", ")[1].removesuffix(" at the top")]
            return Report(
                verdict,
                f"Your output is right. The {name[0]} that you return with it is not that after "
                f"the last step: it is {words}.\nFix: {fix}.",
                headline=f"the {name[0]} that you return is {words}",
            )
    if parts[:2] == ["h", "h"]:
        return Report(
            "c_lost",
            "Your output is right, and the state that you return is h twice: who goes on from it "
            "has lost c.\nFix: `return output, (h, c)`.",
            headline="h is returned twice, so c is gone",
        )
    if parts[:2] == ["c", "h"]:
        return Report(
            "swapped_return",
            "Your output is right, and the state that you return is (c, h). nn.LSTM returns (h_n, "
            "c_n).\nFix: `return output, (h, c)`.",
            headline="you return c first and h second",
        )
    if len(given) == 2 and "" in parts:
        name = "hc"[parts.index("")]
        return Report(
            "unrecognised",
            f"Your output is right. The {name} that you return with it is not that after the last "
            f"step.\nFix: return the {name} that the loop ends with.",
            headline=f"the {name} that you return is not that after the last step",
        )
    return None


_LOOP = "return what the loop over time ends with"
_OFF = {
    "zeros": ("state_not_returned", "that from before the first step, zeros", _LOOP),
    "before": ("wrong_step_state", "that of the step before the last one", _LOOP),
    "first": ("wrong_step_state", "that after the first step", _LOOP),
    "end": (
        "bidir_last_step",
        "in the backward direction that of the last step of x, where this direction begins",
        "the backward direction ends at step 0: take its state after its loop",
    ),
    "turned": (
        "wrong_layer_state",
        "that of the layers in another order",
        "layer 0 comes first, its forward direction before its backward one",
    ),
    "repeated": (
        "wrong_layer_state",
        "the top layer's for every layer",
        "keep one (h, c) for each layer",
    ),
    "layer 0": ("wrong_layer_state", "that of layer 0", "return that of every layer, or of the top"),
    "all": ("unrecognised", "that of every step", _LOOP),
}


def _known_states(lanes: list[Any], directions: int) -> dict[str, Tensor]:
    """States by what they are: right ones first."""
    known: dict[str, Tensor] = {}
    for k, part in enumerate("hc"):
        steps = [torch.stack([state[k][0] for state in lane]) for lane in lanes]
        last = torch.stack([lane[-1] for lane in steps])
        known[part] = last
        known[f"{part}, top"] = last[-directions:]
    for k, part in enumerate("hc"):
        steps = [torch.stack([state[k][0] for state in lane]) for lane in lanes]
        last = known[part]
        wrong = {
            "zeros": 0 * last,
            "before": torch.stack([lane[-2] for lane in steps]),
            "first": torch.stack([lane[0] for lane in steps]),
            "end": torch.stack([lane[0 if j % 2 else -1] for j, lane in enumerate(steps)]),
            "turned": last.flip(0),
            "repeated": last[-directions:].repeat(len(last) // directions, 1, 1),
            "layer 0": last[:directions],
        }
        for name, value in wrong.items():
            known[f"{part}, {name}"] = value
            known[f"{part}, {name} at the top"] = value[-directions:]
    return known


def _same(one: Tensor, two: Tensor, limit: float) -> bool:
    return one.shape == two.shape and bool(((one - two).abs() <= limit).all())
