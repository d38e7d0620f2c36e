"""Families of ways to make one mistake in an LSTM cell, each as the parts that it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations, permutations
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.cell.equations import GATES, RIGHT, Draw, Parts, blocks
from lstm_teach.checks.cell.words import listed, the_gates

Ways = dict[str, Parts]
"""What each does, a sentence that begins with a small letter, and the parts that it changes."""

Squash = Callable[[Tensor], Tensor]

sigmoid, tanh = torch.sigmoid, torch.tanh
SQUASH = {"i": sigmoid, "f": sigmoid, "g": tanh, "o": sigmoid}

BIASES = {
    "both biases": ("b_ih", "b_hh"),
    "the rows of `b_ih`": ("b_ih",),
    "the rows of `b_hh`": ("b_hh",),
}
ROWS = {
    "the weights and biases": ("from_x", "from_h", "b_ih", "b_hh"),
    "the weights (but not the biases)": ("from_x", "from_h"),
    "the rows of `w_ih`": ("from_x",),
    "the rows of `w_hh`": ("from_h",),
    "the rows of `w_ih` and `b_ih`": ("from_x", "b_ih"),
    "the rows of `w_hh` and `b_hh`": ("from_h", "b_hh"),
}

# For each of i, f, g, o, the gate whose rows it takes.
ORDERS = ["".join(order) for order in permutations(GATES) if "".join(order) != GATES]
ONE_FOR_ALL = [gate * 4 for gate in GATES]
ONE_FROM_ANOTHER = [GATES.replace(to, gate) for to in GATES for gate in GATES if to != gate]


def subsets(gates: str) -> list[str]:
    """All of the gates first, then fewer of them."""
    return ["".join(some) for n in range(len(gates), 0, -1) for some in combinations(gates, n)]


def activated(gates: str, instead: Callable[[Squash], Squash]) -> Parts:
    """The gates with another activation, made from the one that belongs there."""
    return {gate: instead(SQUASH[gate]) for gate in gates}


def extra_tanhs() -> Ways:
    """c squashed on its way to the next step."""

    def squashed(v: Any) -> Tensor:
        return tanh(v.f * v.c_0 + v.i * v.g)

    return {
        "the c that you return went through a tanh": {"c": squashed},
        "the c that you return went through a tanh, and h is made from it without another": {
            "c": squashed,
            "h": lambda v: v.o * v.c,
        },
        "the c that you return is `tanh(c)`, though h is right": {
            "returned": lambda v: (v.h, tanh(v.c))
        },
        "the old c goes through a tanh before it is used": {
            "c": lambda v: v.f * tanh(v.c_0) + v.i * v.g
        },
        "i * g goes through another tanh": {"c": lambda v: v.f * v.c_0 + tanh(v.i * v.g)},
    }


def orders() -> Ways:
    """The four blocks of rows, taken in each of the 23 other orders."""
    said = "your code takes the four blocks of rows as"
    return {f"{said} {', '.join(order)}": {"order": order} for order in ORDERS}


def rows_of_another(sources: Iterable[str], rows: dict[str, tuple[str, ...]]) -> Ways:
    """Gates that take rows of other gates: "ffgo" for i with the rows of f."""
    return {
        _taking(source, what): {part: _reordered(part, source) for part in parts}
        for what, parts in rows.items()
        for source in sources
    }


def _taking(source: str, what: str) -> str:
    wrong = [(to, taken) for to, taken in zip(GATES, source, strict=True) if to != taken]
    if len(wrong) == 1:
        return f"the gate {wrong[0][0]} takes {what} of the gate {wrong[0][1]}"
    if source in ONE_FOR_ALL:
        return f"all four gates take {what} of {source[0]}"
    return f"the gates i, f, g, o take {what} of {', '.join(source)}"


def _reordered(part: str, source: str) -> Callable[[Draw], Tensor]:
    return lambda d: RIGHT[part](d)[[GATES.index(gate) for gate in source]]


def bias_factors(factor: float, done: str) -> Ways:
    """Each bias, both, or one gate's part of them, taken `factor` times."""
    biases = {"`b_hh` is": ("b_hh",), "`b_ih` is": ("b_ih",), "both biases are": ("b_ih", "b_hh")}
    places = {"": GATES, **{f"in the gate {gate} only, ": gate for gate in GATES}}
    return {
        f"{where}{which} {done}": {part: _scaled(part, gates, factor) for part in parts}
        for where, gates in places.items()
        for which, parts in biases.items()
    }


def _scaled(part: str, gates: str, factor: float) -> Callable[[Draw], Tensor]:
    factors = torch.tensor([factor if gate in gates else 1.0 for gate in GATES]).view(4, 1, 1)
    return lambda d: RIGHT[part](d) * factors.to(d.x.dtype)


def missing_transposes() -> Ways:
    """Weights multiplied as they are stored; of w_ih only where it is square."""
    which = {
        "`w_hh`": ("from_h",),
        "`w_ih`": ("from_x",),
        "`w_ih` and `w_hh`": ("from_x", "from_h"),
    }
    ways: Ways = {}
    for gates in subsets(GATES):
        of = "" if gates == GATES else f" in {the_gates(gates)}"
        for names, parts in which.items():
            changed = {part: _untransposed(part, gates) for part in parts}
            ways[f"there is no transpose of {names}{of}"] = changed
    for names, parts in which.items():
        ways[f"{names}: reshaped, not transposed"] = {part: _reshaped(part) for part in parts}
    return ways


_FACTORS = {"from_x": ("x", "w_ih"), "from_h": ("h", "w_hh")}


def _untransposed(part: str, gates: str) -> Callable[[Draw], Tensor]:
    def product(d: Draw) -> Tensor:
        given, weight = (getattr(d, name) for name in _FACTORS[part])
        pairs = zip(GATES, weight.chunk(4), strict=True)
        return torch.stack([given @ (m if gate in gates else m.T) for gate, m in pairs])

    return product


def _reshaped(part: str) -> Callable[[Draw], Tensor]:
    def product(d: Draw) -> Tensor:
        given, weight = (getattr(d, name) for name in _FACTORS[part])
        return blocks(given @ weight.reshape(weight.shape[::-1]))

    return product


def _clipped(slope: float) -> Squash:
    return lambda z: (slope * z + 0.5).clamp(0, 1)


def hard_sigmoids() -> Ways:
    """Straight lines in place of the sigmoid."""
    slopes = {"clip(0.2 z + 0.5)": 0.2, "relu6(z + 3) / 6": 1 / 6, "clip(0.25 z + 0.5)": 0.25}
    slopes["clip((z + 1) / 2)"] = 0.5
    ways: Ways = {}
    for gates in subsets("ifo"):
        for formula, slope in slopes.items():
            hard = dict.fromkeys(gates, _clipped(slope))
            ways[f"in {the_gates(gates)}, sigmoid is `{formula}`"] = hard
            if gates == "ifo":
                hard_tanh = {"g": hardtanh, "h": lambda v: v.o * hardtanh(v.c)}
                ways[f"sigmoid is `{formula}`, and tanh is clipped too"] = {**hard, **hard_tanh}
    return ways


def double_activations() -> Ways:
    """A gate, or c, through two activations."""
    ways: Ways = {
        f"in {the_gates(gates)}, the activation is taken twice": activated(
            gates, lambda s: lambda z: s(s(z))
        )
        for gates in subsets(GATES)
    }
    for gates in ("ifgo", "g"):
        before = activated(gates, lambda s: lambda z: s(sigmoid(z)))
        after = activated(gates, lambda s: lambda z: sigmoid(s(z)))
        ways[f"in {the_gates(gates)}, sigmoid is taken before the activation"] = before
        ways[f"in {the_gates(gates)}, sigmoid is taken after the activation"] = after
    for gates in ("ifgo", "ifo"):
        before = activated(gates, lambda s: lambda z: s(tanh(z)))
        ways[f"in {the_gates(gates)}, tanh is taken before the activation"] = before
    ways["tanh is taken twice of the new c"] = {"h": lambda v: v.o * tanh(tanh(v.c))}
    ways["tanh is taken of h as well"] = {"h": lambda v: tanh(v.o * tanh(v.c))}
    return ways


_CONSTANTS = (1.0, 2.0, 0.5, 3.0, 5.0, -1.0)


def added_biases() -> Ways:
    """A constant added before the activation."""

    def plus(value: float) -> Callable[[Squash], Squash]:
        return lambda squash: lambda z: squash(z + value)

    return {
        **{f"{v:g} is added to f before its sigmoid": activated("f", plus(v)) for v in _CONSTANTS},
        "1 is added to all four gates": activated(GATES, plus(1.0)),
        **{
            f"1 is added to {gate}, which is not even the forget gate": activated(gate, plus(1.0))
            for gate in "igo"
        },
    }


def biases_after() -> Ways:
    """A constant, or the bias itself, added after the activation."""

    def late(gates: str, names: tuple[str, ...]) -> Callable[[Any], dict[str, Tensor]]:
        def used(v: Any) -> dict[str, Tensor]:
            bias = dict(zip(GATES, sum(RIGHT[name](v.given) for name in names), strict=True))
            return {gate: SQUASH[gate](v.z[gate] - bias[gate]) + bias[gate] for gate in gates}

        return used

    ways: Ways = {
        f"f is `sigmoid(z) + {value:g}`": {"f": lambda z, value=value: sigmoid(z) + value}
        for value in _CONSTANTS
    }
    for names in (("b_ih", "b_hh"), ("b_hh",), ("b_ih",)):
        shown = listed(f"`{name}`" for name in names)
        for gates in ("f", "ifgo", "ifo"):
            said = f"in {the_gates(gates)}, the activation is taken before adding {shown}"
            ways[said] = {"used": late(gates, names)}
    return ways


def cell_for_h() -> Ways:
    """The gates, or one of them, look at c."""

    def from_c(gates: str, also_h: bool = False) -> Parts:
        def sums(d: Draw) -> Tensor:
            from_c, from_h = blocks(d.c @ d.w_hh.T), RIGHT["from_h"](d)
            looks = torch.tensor([gate in gates for gate in GATES]).view(4, 1, 1)
            return from_h + from_c if also_h else torch.where(looks, from_c, from_h)

        return {"from_h": sums}

    return {
        "the gates are made from x and c, not from x and h": from_c(GATES),
        "the gates are made from x, h and c": from_c(GATES, also_h=True),
        **{
            f"the gate {gate} is made from x and c, not from x and h": from_c(gate)
            for gate in GATES
        },
    }


def other_activations() -> Ways:
    """Gates with an activation that belongs elsewhere, or with none."""
    bare = activated(GATES, lambda _: lambda z: z)
    ways: Ways = {
        "no gate has its sigmoid or tanh: the bare sums are used": bare,
        "nothing goes through a sigmoid or tanh: the bare sums are used": {
            **bare,
            "h": lambda v: v.o * v.c,
        },
    }
    for gates in subsets("ifo"):
        where = f"in {the_gates(gates)},"
        ways[f"{where} tanh stands for sigmoid"] = activated(gates, lambda _: tanh)
        ways[f"{where} there is no sigmoid"] = activated(gates, lambda _: lambda z: z)
        ways[f"{where} relu stands for sigmoid"] = activated(gates, lambda _: torch.relu)
    ways["the candidate g goes through relu, not tanh"] = {"g": torch.relu}
    ways["h is `o * relu(c)`"] = {"h": lambda v: v.o * torch.relu(v.c)}
    return ways


def slips() -> Ways:
    """Slips in one line of the equations, without a name of their own in the contract."""
    return {
        "f is never used: the input gate i does its work as well": {"used": lambda v: {"f": v.i}},
        "the input gate i does the work of o": {"used": lambda v: {"o": v.i}},
        "there is no output gate: h is `tanh(c)`": {"h": lambda v: tanh(v.c)},
        "there is no input gate: c is `f * c + g`": {"c": lambda v: v.f * v.c_0 + v.g},
        "the candidate g has no tanh": {"g": lambda z: z},
        "c is `f * c - i * g`": {"c": lambda v: v.f * v.c_0 - v.i * v.g},
        "c is `f * (c + i * g)`": {"c": lambda v: v.f * (v.c_0 + v.i * v.g)},
        "i * g is never added: c is `f * c`": {"c": lambda v: v.f * v.c_0},
        "c is `i * (f * c + g)`": {"c": lambda v: v.i * (v.f * v.c_0 + v.g)},
        "h and c come back as they went in": {"returned": lambda v: (v.h_0, v.c_0)},
        "the h that you return is the old one": {"returned": lambda v: (v.h_0, v.c)},
        **{
            f"c is clipped at {most}": {"c": lambda v, most=most: RIGHT["c"](v).clamp(-most, most)}
            for most in (1, 2, 3, 5, 10, 50)
        },
    }
