"""The LSTM's equations as text, so that a wrong cell is a few of them written otherwise; and so the
known mistakes, and the other cells that are no mistakes: `mistakes.txt`.

A form is told by the equations that it changes, a source by which rows of the parameters feed
which gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.bringing import Sizes, listed, normals
from lstm_teach.checks.mistake import Mistake, entries
from lstm_teach.checks.report import Report

Parts = Mapping[str, str]
"""Equations by what they make, such as ``{"h": "o * tanh(c)"}``."""

GATES = "ifgo"
"""The four gates in PyTorch's order."""

GIVEN = ("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh")
"""What a step is given."""

RIGHT: Parts = {
    # z_i is the sum of i; c_0 and h_0 are the old c and h; first and second are returned.
    "i": "sigmoid(z_i)",
    "f": "sigmoid(z_f)",
    "g": "tanh(z_g)",
    "o": "sigmoid(z_o)",
    "c": "f * c_0 + i * g",
    "h": "o * tanh(c)",
    "first": "h",
    "second": "c",
}
_FUNCTIONS = {
    f.__name__: f for f in (torch.sigmoid, torch.tanh, torch.relu, torch.exp, torch.clip, hardtanh)
}


_code = cache(partial(compile, filename="equation", mode="eval"))


def solved(changed: Parts, known: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """What a cell returns with these equations changed, from the sums and the state by name."""
    before = [name for name in changed if name not in RIGHT]
    for name in (*before, *RIGHT):
        known[name] = eval(_code({**RIGHT, **changed}[name]), _FUNCTIONS, known)
    shape = known["h_0"].shape
    return known["first"].expand(shape), known["second"].expand(shape)


def run(given: Mapping[str, Tensor], changed: Parts, order: str = GATES) -> tuple[Tensor, Tensor]:
    """h and c of a step, from x, h, c and the four weights by name, with some of the equations of
    `RIGHT` changed; the blocks of rows are for the gates in this order."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = (given[name] for name in GIVEN)
    known = {"x": x, "h_0": h, "c_0": c}
    for letter, weight in {"W": w_ih, "U": w_hh, "b": b_ih, "d": b_hh}.items():
        known |= {f"{letter}_{k}": m for k, m in zip(order, weight.chunk(4), strict=True)}
    sums = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    known |= {f"z_{gate}": z for gate, z in zip(order, sums.chunk(4, -1), strict=True)}
    return solved(changed, known)


def draw(seed: int, sizes: Sizes, largest_c: float = 1.5) -> dict[str, Tensor]:
    """The state of three samples and weights for `run`, random and in float64: large ones, for with
    those as small as PyTorch's several wrong cells agree with a right one to rounding."""
    normal, (input_size, hidden_size) = normals(seed), sizes
    # A wide layer sums many products; this keeps its gates from being shut or open for good.
    scale = min(1.0, 3.0 / (input_size + hidden_size) ** 0.5)
    return {
        "x": normal(3, input_size),
        "h": torch.tanh(normal(3, hidden_size)),
        "c": largest_c * torch.tanh(normal(3, hidden_size)),
        "w_ih": scale * normal(4 * hidden_size, input_size),
        "w_hh": scale * normal(4 * hidden_size, hidden_size),
        "b_ih": normal(4 * hidden_size),
        "b_hh": normal(4 * hidden_size),
    }


OLD_H, OLD_C = 0.37, torch.tensor((0.0, 0.7, -1.3, 2.1), dtype=torch.float64, device="cpu")


def table(changed: Parts) -> Tensor:
    """What a cell returns where every gate is as open or shut as it gets, whatever its weights.

    Returns:
        ``[16, 2 * len(OLD_C)]``: for each way to open and shut the gates, h and c from each old c.

    Raises:
        NameError: the equations look at x or at weights.
    """
    signs = torch.tensor([*product((-1.0, 1.0), repeat=4)], dtype=torch.float64)
    each = signs.repeat_interleave(len(OLD_C), 0)
    old = OLD_C.repeat(len(signs))[:, None]
    both = []
    for far in (300.0, 390.0):
        known = {f"z_{k}": z[:, None] for k, z in zip(GATES, far * each.T, strict=True)}
        found = solved(changed, {**known, "c_0": old, "h_0": torch.full_like(old, OLD_H)})
        both.append(torch.cat(found, 1).view(len(signs), -1))
    return settled(both[0], both[1], 1e-6)[0]


def settled(near: Tensor, far: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    """What stays as it is from one place to a farther one; what grows becomes plus or minus 1000.

    Returns:
        The values, and where they neither stay nor grow but are still on their way.
    """
    grows = (near.abs() > 8) & (far.abs() > 1.1 * near.abs())
    moves = ~(grows | ((far - near).abs() < limit))
    return torch.where(grows, 1000.0 * near.sign(), near), moves


def the_gates(gates: Sequence[str]) -> str:
    """The gate f, the gates i and f."""
    names = listed(gates)
    return f"the gate {names}" if len(gates) == 1 else f"the gates {names}"


def _edits(headline: str, how: str) -> Iterator[tuple[str, Parts]]:
    """What a way to make a mistake does, and the equations that it changes; once for all gates that
    it may touch."""
    among, _, headline = headline.rpartition(" :: ")
    for one in among.split(","):
        some, any_of_them, _ = one.partition("*")
        numbers = range(len(some), 0, -1) if any_of_them else [len(some)]
        for gates in [gates for n in numbers for gates in combinations(some, n)]:
            each = []
            for k in gates:
                names = {"k": k, "z": f"z_{k}", "a": RIGHT[k].partition("(")[0]}
                each.append(how.format(**names, from_c=f"(c_0 - h_0) @ U_{k}.mT"))
            edits = [edit.split(" = ", 1) for edit in "; ".join(each or [how]).split("; ")]
            yield headline.format(gates=the_gates(gates)), {name: to for name, to in edits}


_ENTRIES = entries(__package__)

FORMS: list[Mistake] = [
    entry.made(headline, changed)
    for entry in _ENTRIES
    for way in entry.ways
    for headline, changed in _edits(*way)
]
"""Every way to make every known mistake in the equations; `how` is what it changes there."""

WORDS: dict[str, Mistake] = {
    **{mistake.verdict: mistake for mistake in reversed(FORMS)},
    "exchanged": next(m for m in FORMS if m.headline.startswith("h and c are exchanged")),
    **{entry.name: entry.mistake for entry in _ENTRIES if not entry.ways},
}
"""The words for each verdict, and for what is told by more than the equations, by name."""


def told(
    mistake: str | Mistake,
    seen: str = "",
    evidence: Mapping[str, Any] | None = None,
    **words: Any,
) -> Report:
    """The report on a mistake, or on another kind of cell, whose name is then measured.

    Args:
        mistake: a form, or a name in `WORDS`.
        seen: what was seen, which fills in the holes of that name.
        evidence: what was measured, by name.
        words: what fills in other holes.
    """
    if isinstance(mistake, str):
        known = WORDS[mistake]
        mistake = replace(known, headline="{seen}") if known.how and seen else known
    # What follows the comma of a form is how it is made.
    name = mistake.headline.partition(",")[0] if mistake.how else mistake.headline
    kind = {"cell": name} if mistake.verdict == "variant" else {}
    return mistake.report({**kind, **(evidence or {})}, seen=seen, **words)
