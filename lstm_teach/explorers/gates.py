"""One unit of an LSTM: move what goes into its gates, and see what it keeps and what it shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as widgets
import torch

from ..cells import Step, lstm_step
from ..figures.gates import draw_gates
from .base import Explorer, View, button, real_number

GATES = ("i", "f", "g", "o")
LATER = 10  # steps that are looked ahead
PRESETS: dict[str, dict[str, float]] = {
    "keep": {"i": -6.0, "f": 6.0, "g": 0.0, "o": -6.0, "c": 1.5},
    "write": {"i": 6.0, "f": -6.0, "g": 2.0, "o": -6.0, "c": -1.5},
    "erase": {"i": -6.0, "f": -6.0, "g": 0.0, "o": -6.0, "c": 1.5},
    "read": {"i": -6.0, "f": 6.0, "g": 0.0, "o": 6.0, "c": 1.5},
}


class GateExplorer(Explorer):
    """The four sums that go into the gates and the old c, and what comes of them.

    Four buttons set the gates to a use that has a name: keep, write, erase, read.
    """

    preview = (PRESETS["keep"], PRESETS["write"])

    def __init__(self) -> None:
        """Start halfway: half of the old c stays, most of the candidate comes in."""
        sums = {"i": 1.0, "f": 0.0, "g": 1.0, "o": 1.0}
        controls = {gate: real_number(f"into {gate}", sums[gate], -8, 8, 0.1) for gate in GATES}
        controls["c"] = real_number("old c", 1.5, -4, 4, 0.1)
        self.presets = {
            name: button(name, partial(self.set, **preset)) for name, preset in PRESETS.items()
        }
        super().__init__(controls, widgets.HBox([*self.presets.values()]))

    def look(self, **values: Any) -> View:
        """Run one step with these sums, and ten more with the same gates."""
        c, sums = values["c"], {gate: values[gate] for gate in GATES}
        steps = [_step(sums, c)]
        for _ in range(LATER):
            steps.append(_step(sums, steps[-1].c.item()))
        made = {name: value.item() for name, value in steps[0]._asdict().items()}
        later = [step.c.item() for step in steps[1:]]
        return View(draw_gates(sums, made, c, later), _words(made, c, later[-1]))


def _step(sums: dict[str, float], c: float) -> Step:
    """One step of a cell whose biases alone make the sums: x, h and all weights are zero."""
    zero = torch.zeros(1, 1)
    weights = torch.zeros(4, 1)
    bias = torch.tensor([sums[gate] for gate in GATES])
    return lstm_step(zero, zero, torch.tensor([[c]]), weights, weights, bias)


def _words(values: dict[str, float], old_c: float, last: float) -> str:
    # Adding 0.0 after rounding turns -0.0 into 0.0.
    kept = round(values["f"] * old_c, 2) + 0.0
    written = round(values["i"] * values["g"], 2) + 0.0
    return (
        f"Of the old c {old_c:.2f}, `f * c` keeps {kept:.2f}; `i * g` adds {written:.2f}; the new "
        f"`c` is {values['c']:.2f}. Of tanh(c), `o` lets {100 * values['o']:.0f} % out: "
        f"`h` is {values['h']:.2f}. If the gates stay so, c is {last:.2f} after {LATER} more steps."
    )
