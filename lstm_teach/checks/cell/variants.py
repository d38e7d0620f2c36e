"""Families of ways to make one mistake in an LSTM cell, each as the parts that it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.cell.equations import GATES, RIGHT, Draw, Parts, blocks, run

sigmoid, tanh = torch.sigmoid, torch.tanh


Variants = Iterator[tuple[str, Parts]]
"""What each does, a sentence that begins with a small letter, and the parts that it changes."""


def _subsets(gates: str) -> list[str]:
    """All of the gates first, then fewer of them."""
    return ["".join(s) for n in range(len(gates), 0, -1) for s in combinations(gates, n)]


def _listed(gates: str) -> str:
    return " and ".join(", ".join(gates).rsplit(", ", 1))


def _each(gates: str, change: Callable[[Tensor], Tensor]) -> Parts:
    return dict.fromkeys(gates, change)


def _picked(part: str, rows: list[int]) -> Parts:
    """A part whose gates take the blocks of other gates."""
    return {part: lambda d: RIGHT[part](d)[rows]}


def _scaled(part: str, factors: list[float]) -> Parts:
    return {part: lambda d: RIGHT[part](d) * torch.tensor(factors, dtype=d.x.dtype).view(4, 1, 1)}


def orders() -> Variants:
    """The four blocks of rows, taken in each of the 23 other orders."""
    for order in permutations(GATES):
        if "".join(order) != GATES:
            shown = ", ".join(order)
            yield f"your code takes the four blocks of rows as {shown}", {"order": order}


def bias_factors(factor: float, verb: str) -> Variants:
    """Each bias, both, or one gate's part of them, taken `factor` times."""
    both = [factor] * 4
    yield f"`b_hh` is {verb}", _scaled("b_hh", both)
    yield f"`b_ih` is {verb}", _scaled("b_ih", both)
    yield f"both biases are {verb}", {**_scaled("b_ih", both), **_scaled("b_hh", both)}
    for k, gate in enumerate(GATES):
        one = [factor if j == k else 1.0 for j in range(4)]
        of = f"in the gate {gate} only"
        yield f"{of}, both biases are {verb}", {**_scaled("b_ih", one), **_scaled("b_hh", one)}
        yield f"{of}, `b_ih` is {verb}", _scaled("b_ih", one)
        yield f"{of}, `b_hh` is {verb}", _scaled("b_hh", one)


def one_bias_for_the_other() -> Variants:
    """The same bias on both sides."""
    yield "`b_ih` is added twice, `b_hh` never", {"b_hh": RIGHT["b_ih"]}
    yield "`b_hh` is added twice, `b_ih` never", {"b_ih": RIGHT["b_hh"]}


def slices(parts: tuple[str, ...], what: str) -> Variants:
    """One gate takes the rows of another."""
    for k, to in enumerate(GATES):
        for j, source in enumerate(GATES):
            if j != k:
                rows = [j if row == k else row for row in range(4)]
                changed: dict[str, Any] = {}
                for part in parts:
                    changed |= _picked(part, rows)
                yield f"the gate {to} takes {what} of the gate {source}", changed


def permuted_biases() -> Variants:
    """The biases in another order than the weights."""
    for rows in permutations(range(4)):
        if rows != (0, 1, 2, 3):
            order = ", ".join(GATES[row] for row in rows)
            changed = _picked("b_ih", list(rows)), _picked("b_hh", list(rows))
            yield f"the gates i, f, g, o take the biases of {order}", {**changed[0], **changed[1]}
            yield f"the gates i, f, g, o take the rows of `b_ih` of {order}", changed[0]
            yield f"the gates i, f, g, o take the rows of `b_hh` of {order}", changed[1]


def wrong_bias_slices() -> Variants:
    """A gate, or all of them, with the bias of another gate."""
    yield from slices(("b_ih", "b_hh"), "the biases")
    yield from slices(("b_ih",), "the rows of `b_ih`")
    yield from slices(("b_hh",), "the rows of `b_hh`")
    for k, gate in enumerate(GATES):
        same = [k] * 4
        both = {**_picked("b_ih", same), **_picked("b_hh", same)}
        yield f"all four gates take the biases of {gate}", both
        yield f"all four gates take the rows of `b_ih` of {gate}", _picked("b_ih", same)
        yield f"all four gates take the rows of `b_hh` of {gate}", _picked("b_hh", same)
    yield from permuted_biases()


def same_weights() -> Variants:
    """The rows of one gate for all four."""
    for k, gate in enumerate(GATES):
        same = [k] * 4
        weights = {**_picked("from_x", same), **_picked("from_h", same)}
        biases = {**_picked("b_ih", same), **_picked("b_hh", same)}
        yield f"all four use the weights and biases of {gate}", {**weights, **biases}
        yield f"all four use the weights of {gate}, each with its own bias", weights
        yield f"all four use the rows of `w_ih` of {gate}", _picked("from_x", same)
        yield f"all four use the rows of `w_hh` of {gate}", _picked("from_h", same)


_EVERYTHING = ("from_x", "from_h", "b_ih", "b_hh")
_ROWS_OF_ANOTHER = {
    "all the rows": _EVERYTHING,
    "the weights": ("from_x", "from_h"),
    "the rows of `w_ih`": ("from_x",),
    "the rows of `w_hh`": ("from_h",),
    "the rows of `w_ih` and `b_ih`": ("from_x", "b_ih"),
    "the rows of `w_hh` and `b_hh`": ("from_h", "b_hh"),
}


def rows_of_another(gates: tuple[str, ...]) -> Variants:
    """Gate to, gate from: "of" for the output gate with the rows of the forget gate."""
    for what, parts in _ROWS_OF_ANOTHER.items():
        for detail, changed in slices(parts, what):
            words = detail.split()
            if words[2] + words[-1] in gates:
                yield detail, changed


def _untransposed(part: str, x: str, w: str, gates: str) -> Parts:
    def product(d: Draw) -> Tensor:
        weights = blocks(getattr(d, w).T).transpose(-1, -2)
        given = getattr(d, x)
        return torch.stack(
            [given @ (m if g in gates else m.T) for g, m in zip(GATES, weights, strict=True)]
        )

    return {part: product}


def _viewed(part: str, x: str, w: str) -> Parts:
    def product(d: Draw) -> Tensor:
        weight = getattr(d, w)
        return blocks(getattr(d, x) @ weight.reshape(weight.shape[1], weight.shape[0]))

    return {part: product}


def missing_transposes() -> Variants:
    """Weights multiplied as they are stored; of w_ih only where it is square."""
    x, h = ("from_x", "x", "w_ih"), ("from_h", "h", "w_hh")
    for gates in _subsets(GATES):
        of = "" if gates == GATES else f" in the gate {_listed(gates)}"
        yield f"`w_hh` is used without its transpose{of}", _untransposed(*h, gates)
        yield f"`w_ih` is used without its transpose{of}", _untransposed(*x, gates)
        both = {**_untransposed(*x, gates), **_untransposed(*h, gates)}
        yield f"`w_ih` and `w_hh` are used without their transpose{of}", both
    yield "`w_ih` and `w_hh` are reshaped, not transposed", {**_viewed(*x), **_viewed(*h)}
    yield "`w_ih` is reshaped, not transposed", _viewed(*x)
    yield "`w_hh` is reshaped, not transposed", _viewed(*h)


def _clipped(slope: float) -> Callable[[Tensor], Tensor]:
    return lambda z: (slope * z + 0.5).clamp(0, 1)


def hard_sigmoids() -> Variants:
    """Straight lines in place of the sigmoid."""
    slopes = {"clip(0.2 z + 0.5)": 0.2, "relu6(z + 3) / 6": 1 / 6, "clip(0.25 z + 0.5)": 0.25}
    slopes["clip((z + 1) / 2)"] = 0.5
    for gates in _subsets("ifo"):
        for formula, slope in slopes.items():
            hard = _each(gates, _clipped(slope))
            yield f"the gate {_listed(gates)} is `{formula}`", hard
            if gates == "ifo":
                hard_c = {**hard, "g": hardtanh, "h": lambda v: v.o * hardtanh(v.c)}
                yield f"i, f, o are `{formula}`, and tanh is clipped too", hard_c


def double_activations() -> Variants:
    """A gate, or c, through two activations."""
    squash = {"i": sigmoid, "f": sigmoid, "g": tanh, "o": sigmoid}
    for gates in _subsets(GATES):
        changed = {g: (lambda z, s=squash[g]: s(s(z))) for g in gates}
        yield f"the gate {_listed(gates)} goes through its activation twice", changed
    for gates in ("ifgo", "g"):
        changed = {g: (lambda z, s=squash[g]: s(sigmoid(z))) for g in gates}
        yield f"the gate {_listed(gates)} goes through sigmoid before its activation", changed
        changed = {g: (lambda z, s=squash[g]: sigmoid(s(z))) for g in gates}
        yield f"the gate {_listed(gates)} goes through sigmoid after its activation", changed
    for gates in ("ifgo", "ifo"):
        changed = {g: (lambda z, s=squash[g]: s(tanh(z))) for g in gates}
        yield f"the gate {_listed(gates)} goes through tanh before its activation", changed
    yield "tanh is taken twice of the new c", {"h": lambda v: v.o * tanh(tanh(v.c))}
    yield "tanh is taken of h as well", {"h": lambda v: tanh(v.o * tanh(v.c))}


def added_biases() -> Variants:
    """A constant added before the activation."""
    for value in (1.0, 2.0, 0.5, 3.0, 5.0, -1.0):
        yield (
            f"{value:g} is added to f before its sigmoid",
            {"f": lambda z, v=value: sigmoid(z + v)},
        )
    every = {
        "i": lambda z: sigmoid(z + 1),
        "f": lambda z: sigmoid(z + 1),
        "g": lambda z: tanh(z + 1),
        "o": lambda z: sigmoid(z + 1),
    }
    yield "1 is added to all four gates", every
    for gate in "igo":
        yield f"1 is added to {gate}, which is not even the forget gate", {gate: every[gate]}


def biases_after() -> Variants:
    """A constant, or the bias itself, added after the activation."""
    for value in (1.0, 2.0, 0.5, 3.0, 5.0, -1.0):
        yield f"f is `sigmoid(z) + {value:g}`", {"f": lambda z, v=value: sigmoid(z) + v}

    def late(v: Any, gates: str, names: tuple[str, ...]) -> dict[str, Tensor]:
        late_ones = {}
        for gate in gates:
            k = GATES.index(gate)
            bias = sum(RIGHT[name](v.given)[k] for name in names)
            late_ones[gate] = RIGHT[gate](v.z[gate] - bias) + bias
        return late_ones

    for names in (("b_ih", "b_hh"), ("b_hh",), ("b_ih",)):
        shown = " and ".join(f"`{name}`" for name in names)
        for gates in ("f", "ifgo", "ifo"):
            changed = {"used": lambda v, gates=gates, names=names: late(v, gates, names)}
            yield f"{shown} is added to {_listed(gates)} after the activation", changed


def cell_for_h() -> Variants:
    """The gates, or one of them, look at c."""

    def sums(d: Draw) -> Tensor:
        return blocks(d.c @ d.w_hh.T)

    yield "the gates are made from x and c, not from x and h", {"from_h": sums}
    yield (
        "the gates are made from x, h and c",
        {"from_h": lambda d: sums(d) + RIGHT["from_h"](d)},
    )
    for k, gate in enumerate(GATES):
        mask = [float(j == k) for j in range(4)]

        def mixed(d: Draw, mask: list[float] = mask) -> Tensor:
            own = torch.tensor(mask, dtype=d.x.dtype).view(4, 1, 1)
            return torch.lerp(RIGHT["from_h"](d), sums(d), own)

        yield f"the gate {gate} is made from x and c, not from x and h", {"from_h": mixed}


def slips() -> Variants:
    """Slips without a name of their own in the contract."""
    yield "f is never used: the input gate i does its work as well", {"used": lambda v: {"f": v.i}}
    yield "the input gate i does the work of o", {"used": lambda v: {"o": v.i}}
    yield "there is no output gate: h is `tanh(c)`", {"h": lambda v: tanh(v.c)}
    yield "there is no input gate: c is `f * c + g`", {"c": lambda v: v.f * v.c_0 + v.g}
    yield "the candidate g has no tanh", {"g": lambda z: z}
    yield "c is `f * c - i * g`", {"c": lambda v: v.f * v.c_0 - v.i * v.g}
    yield "c is `f * (c + i * g)`", {"c": lambda v: v.f * (v.c_0 + v.i * v.g)}
    yield "i * g is never added: c is `f * c`", {"c": lambda v: v.f * v.c_0}
    yield "c is `i * (f * c + g)`", {"c": lambda v: v.i * (v.f * v.c_0 + v.g)}
    yield "h never reaches the gates", {"from_h": lambda d: blocks(0 * (d.h @ d.w_hh.T))}
    yield "x never reaches the gates", {"from_x": lambda d: blocks(0 * (d.x @ d.w_ih.T))}
    yield "h and c come back as they went in", {"returned": lambda v: (v.h_0, v.c_0)}
    yield "the h that you return is the old one", {"returned": lambda v: (v.h_0, v.c)}
    yield "h and c are exchanged where they come in: the order is (h, c)", {"returned": _exchanged}
    for gates in _subsets("ifo"):
        of = f"the gate {_listed(gates)} goes through tanh, not sigmoid"
        yield of, _each(gates, tanh)
        yield f"the gate {_listed(gates)} has no sigmoid", _each(gates, lambda z: z)
    for gates in _subsets("ifo"):
        yield f"the gate {_listed(gates)} goes through relu", _each(gates, torch.relu)
    yield "the candidate g goes through relu, not tanh", {"g": torch.relu}
    yield "h is `o * relu(c)`", {"h": lambda v: v.o * torch.relu(v.c)}


def _exchanged(v: Any) -> tuple[Tensor, Tensor]:
    d = v.given
    return run(Draw(d.x, d.c, d.h, d.w_ih, d.w_hh, d.b_ih, d.b_hh), {})
