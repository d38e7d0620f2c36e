"""What can be seen in a cell's behaviour, and the name of the mistake that it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.cell.reading import Gate

Finding = tuple[str, str]
"""A verdict, and what the cell does, a sentence that begins with a small letter."""

_as_it_is: Callable[[Tensor], Tensor] = lambda y: y  # noqa: E731

# How c is kept between two steps: a finding, what was done to the new c, its inverse, and what
# is done to the old c.
KEPT: tuple[tuple[Finding | None, Any, Any, Any], ...] = (
    (None, _as_it_is, _as_it_is, _as_it_is),
    (
        ("extra_tanh_c", "the c that you return went through a tanh"),
        torch.tanh,
        torch.atanh,
        _as_it_is,
    ),
    (
        ("extra_tanh_c", "the old c goes through a tanh before it is used"),
        _as_it_is,
        _as_it_is,
        torch.tanh,
    ),
)

# How h is made: a finding, and what o is multiplied by, from the new c, the old c and f.
READ: tuple[tuple[Finding | None, Callable[[Tensor, Tensor, Tensor], Tensor]], ...] = (
    (None, lambda c, old, f: torch.tanh(c)),
    (("missing_tanh_c", "h is `o * c`, without a tanh around c"), lambda c, old, f: c),
    (
        ("sigmoid_instead_of_tanh", "h is `o * sigmoid(c)`, not `o * tanh(c)`"),
        lambda c, old, f: torch.sigmoid(c),
    ),
    (("stale_c", "h is made from the old c"), lambda c, old, f: torch.tanh(old)),
    (
        ("stale_c", "h is made from `f * c`, before i * g is added"),
        lambda c, old, f: torch.tanh(f * old),
    ),
    (
        ("double_activation", "tanh is taken twice of the new c"),
        lambda c, old, f: torch.tanh(torch.tanh(c)),
    ),
    (("hard_sigmoid", "the tanh of c is clipped straight"), lambda c, old, f: hardtanh(c)),
    (("unrecognised", "h is `o * relu(c)`"), lambda c, old, f: torch.relu(c)),
)

# What the activation of a gate says.
ACTIVATED: dict[str, str] = {
    "sigmoid + 1": "forget_bias_after_sigmoid",
    "sigmoid of sigmoid": "double_activation",
    "sigmoid of tanh": "double_activation",
    "tanh of tanh": "double_activation",
    "tanh of sigmoid": "double_activation",
    "sigmoid (hard)": "hard_sigmoid",
    "tanh (hard)": "hard_sigmoid",
}

Products = tuple[tuple[str, str], ...]
"""Activations of i and g, the likeliest first."""

PRODUCTS: Products = (
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
)

CANDIDATES = ("tanh", "tanh of tanh", "tanh of sigmoid", "sigmoid of tanh", "sigmoid")


@dataclass
class Anatomy:
    """What was found in a cell.

    Attributes:
        gates: those that could be read, by name.
        findings: what is wrong, by component: "f", "i*g", "o", "c", "h" or "weights".
    """

    gates: dict[str, Gate] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)

    def found(self) -> list[Finding]:
        """The findings, each once."""
        return list(dict.fromkeys(self.findings.values()))
