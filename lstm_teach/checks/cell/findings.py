"""What can be seen in a cell's behaviour, and the name of the mistake that it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.reading import Gate

Finding = tuple[str, str]
"""A verdict, and what the cell does, a sentence that begins with a small letter."""

UNREAD = "unread"
"""Stands for the verdict where no known mistake explains what was seen."""

UNNAMED = {"unrecognised", UNREAD}


@dataclass
class Anatomy:
    """What was found in a cell.

    Attributes:
        gates: those that could be read, by name.
        findings: what is wrong, by component: "f", "i*g", "o", "c", "h" or "weights".
    """

    gates: dict[str, Gate] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)

    def verdict(self, part: str) -> str:
        """What is wrong with one component, "" where nothing is."""
        return self.findings.get(part, ("", ""))[0]

    def all_gates_read(self) -> bool:
        """Whether every gate is an activation of sums that are straight lines in x and h."""
        known = [name for name, gate in self.gates.items() if gate.activation not in _UNREAD]
        return set(known) == set(GATES)


_UNREAD = ("", "constant", "sigmoid + 1")

# How c is kept between two steps: what was done to the new c, its inverse, and what is done to
# the old c.
KEPT: tuple[tuple[Finding | None, Any, Any, Any], ...] = (
    (None, torch.clone, torch.clone, torch.clone),
    (
        ("extra_tanh_c", "the c that you return went through a tanh"),
        *(torch.tanh, torch.atanh, torch.clone),
    ),
    (
        ("extra_tanh_c", "the old c goes through a tanh before it is used"),
        *(torch.clone, torch.clone, torch.tanh),
    ),
)

# How h is made: what o is multiplied by, from the new c, the old c and f.
READ: dict[Finding | None, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    None: lambda c, old, f: torch.tanh(c),
    ("missing_tanh_c", "h is `o * c`, without a tanh around c"): lambda c, old, f: c,
    ("sigmoid_instead_of_tanh", "h is `o * sigmoid(c)`, not `o * tanh(c)`"): (
        lambda c, old, f: torch.sigmoid(c)
    ),
    ("stale_c", "h is made from the old c"): lambda c, old, f: torch.tanh(old),
    ("stale_c", "h is made from `f * c`, before i * g is added"): (
        lambda c, old, f: torch.tanh(f * old)
    ),
    ("double_activation", "tanh is taken twice of the new c"): (
        lambda c, old, f: torch.tanh(torch.tanh(c))
    ),
    ("hard_sigmoid", "the tanh of c is clipped straight"): lambda c, old, f: hardtanh(c),
    ("unrecognised", "h is `o * relu(c)`"): lambda c, old, f: torch.relu(c),
}

# How h is made otherwise: what o is, from h and the new c.
READ_OTHERWISE: dict[Finding, Callable[[Tensor, Tensor], Tensor]] = {
    ("add_not_mul", "h is `o + tanh(c)`"): lambda h, c: h - torch.tanh(c),
    ("add_not_mul", "h is `o + c`"): lambda h, c: h - c,
    ("missing_tanh_c", "h is `tanh(o * c)`"): lambda h, c: torch.atanh(h) / c,
    ("double_activation", "tanh is taken of h as well"): (
        lambda h, c: torch.atanh(h) / torch.tanh(c)
    ),
}

# What the activation of a gate says.
ACTIVATED = {
    "sigmoid + 1": "forget_bias_after_sigmoid",
    "sigmoid of sigmoid": "double_activation",
    "sigmoid of tanh": "double_activation",
    "tanh of tanh": "double_activation",
    "tanh of sigmoid": "double_activation",
    "sigmoid (hard)": "hard_sigmoid",
    "tanh (hard)": "hard_sigmoid",
}

# Activations of g where i has the one of f, and of i and g, the right ones first.
LIKE_F = ("tanh", "tanh of tanh", "tanh of sigmoid", "sigmoid of tanh", "sigmoid")
PRODUCTS = [
    ("sigmoid", "tanh"),
    ("sigmoid", "sigmoid"),
    ("sigmoid", "nothing"),
    ("sigmoid of sigmoid", "tanh"),
    ("sigmoid", "tanh of tanh"),
    ("sigmoid (hard)", "tanh"),
    ("sigmoid (hard)", "tanh (hard)"),
    ("sigmoid of sigmoid", "tanh of tanh"),
    ("sigmoid", "tanh of sigmoid"),
    ("sigmoid of sigmoid", "tanh of sigmoid"),
    ("sigmoid", "tanh (hard)"),
    ("sigmoid", "sigmoid of tanh"),
    ("tanh", "tanh"),
]
