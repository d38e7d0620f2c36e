"""What mistaken stacks of nn.LSTMCells compute: a table of the mistakes that have a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lstm_teach.cells import State
from lstm_teach.checks.stack.wiring import (
    Stack,
    changed,
    forgets,
    starts_where_the_layer_below_ended,
    upper_layers_see_the_last_step,
    wired,
)


@dataclass(frozen=True)
class Mistake:
    """One way to wire a stack wrongly.

    Attributes:
        verdict: its name in a report.
        run: computes what such a stack computes; raises where the sizes do not let it run.
        message: what is wrong, why it matters, and the fix.
    """

    verdict: str
    run: Stack
    message: str


def _family(verdict: str, fix: str, ways: dict[str, Stack]) -> list[Mistake]:
    """Ways to make one mistake, which have the second half of their message in common."""
    return [Mistake(verdict, run, f"{said}{fix}") for said, run in ways.items()]


def _c_below(xt: Tensor, old: list[State], new: list[State], layer: int) -> Tensor:
    return new[layer - 1][1] if layer else xt


def _turned(old: list[State], new: list[State], layer: int) -> State:
    return old[layer][::-1]


def _c_of_top(new: list[State]) -> Tensor:
    return new[-1][1]


_C_GOES_UP = (
    "The upper layer reads c of the layer below. c has the same shape as h, so PyTorch does not "
    "complain. c stays within its own layer and goes to the next step; h is what a layer shows: "
    "`h_upper, c_upper = upper(h_lower, (h_upper, c_upper))`."
)
_STORE = "Store what each step returns: `states[k] = cell(below, states[k])`."
_EVERY_STEP = (
    " The output is the top edge of the drawing: append h of the top layer at *every* step to a "
    "list, and end with `torch.stack(list)`."
)
_LAYERS: dict[str, Callable[[int, int], bool]] = {
    "In every layer": lambda layer, layers: True,
    "In layer 0": lambda layer, layers: layer == 0,
    "In every layer above layer 0": lambda layer, layers: layer > 0,
    "In the top layer": lambda layer, layers: layer == layers - 1,
    "In every layer below the top": lambda layer, layers: layer < layers - 1,
}

MISTAKES: tuple[Mistake, ...] = (
    Mistake("c_instead_of_h", wired(reads=_c_below), _C_GOES_UP),
    Mistake(
        "c_instead_of_h",
        wired(reads=_c_below, shows=_c_of_top),
        f"{_C_GOES_UP}\nYour output holds c of the top layer for the same reason: append h.",
    ),
    Mistake(
        "c_instead_of_h",
        wired(shows=_c_of_top),
        "Your layers are wired right, but the output holds c of the top layer. c is the layer's "
        "memory, and h is what it shows: append h of the top layer at each step.",
    ),
    *_family(
        "c_instead_of_h",
        " (h, c), and both have the same shape, so nothing complains: "
        "`h, c = cell(below, (h, c))`.",
        {
            "The state goes into the next step as (c, h). nn.LSTMCell takes and returns": wired(
                state=_turned
            ),
            "What nn.LSTMCell returns is taken as (c, h). It returns": wired(
                reads=_c_below, state=_turned, shows=_c_of_top
            ),
        },
    ),
    *_family(
        "state_shared_across_layers",
        ", so layers overwrite each other's memory, and it runs only where all hidden sizes are "
        "equal. Keep a list with one (h, c) for each layer: `states[k] = cell(below, states[k])`.",
        {
            "One (h, c) serves all layers: each takes the one that the layer before it left": wired(
                state=lambda old, new, k: new[k - 1] if k else old[-1]
            ),
            "One (h, c) serves all layers: each starts a step from what the top layer left": wired(
                state=lambda old, new, k: old[-1]
            ),
            "An upper layer takes its (h, c) from the layer below instead of from its own step "
            "before": wired(state=lambda old, new, k: new[k - 1] if k else old[0]),
            "An upper layer takes h from the layer below as its own h too": wired(
                state=lambda old, new, k: (new[k - 1][0] if k else old[0][0], old[k][1])
            ),
            "An upper layer takes c from the layer below as its own c": wired(
                state=lambda old, new, k: (old[k][0], new[k - 1][1] if k else old[0][1])
            ),
            "One h serves all layers, though each has its own c": wired(
                state=lambda old, new, k: ((new[k - 1] if k else old[-1])[0], old[k][1])
            ),
            "One c serves all layers, though each has its own h": wired(
                state=lambda old, new, k: (old[k][0], (new[k - 1] if k else old[-1])[1])
            ),
        },
    ),
    Mistake(
        "state_shared_across_layers",
        starts_where_the_layer_below_ended,
        "An upper layer starts at step 0 from the (h, c) that the layer below ended with. It "
        "runs only where all hidden sizes are equal. Each layer starts from its own state: set h "
        "and c to zeros again inside `for cell in cells:`, before the loop over time.",
    ),
    Mistake(
        "stale_lower_state",
        wired(reads=lambda xt, old, new, k: old[k - 1][0] if k else xt),
        "The upper layer reads h of the layer below from the step before, so everything arrives "
        "one step late for each layer. Run the layers from below upwards within one step, and "
        "hand on the h that was computed a moment ago.",
    ),
    *_family(
        "same_cell_reused",
        ": each layer needs weights of its own, and this runs only where the sizes are equal. Take "
        "`cells[k]` for layer k: `for k, cell in enumerate(cells)`.",
        {
            "`cells[0]` is used for every layer": wired(order=lambda layers: [0] * layers),
            "The last cell is used for every layer": wired(
                order=lambda layers: [layers - 1] * layers
            ),
            "`cells[1]` is used for every layer above layer 0": wired(
                order=lambda layers: [min(k, 1) for k in range(layers)]
            ),
            "`cells[0]` is used for every layer below the top": wired(
                order=lambda layers: [0] * (layers - 1) + [layers - 1]
            ),
        },
    ),
    *_family(
        "layers_swapped",
        ". x goes through `cells[0]` first, and h of each cell goes to the next one in the list. "
        "With different sizes this cannot run; with equal sizes nothing complains.",
        {
            "The cells are run from the last to the first": wired(
                order=lambda layers: range(layers)[::-1]
            ),
            "`cells[0]` is run as the top layer, after all others": wired(
                order=lambda layers: [*range(1, layers), 0]
            ),
            "`cells[1]` is run before `cells[0]`": wired(
                order=lambda layers: [1, 0, *range(2, layers)] if layers > 1 else [0]
            ),
        },
    ),
    Mistake(
        "output_of_first_layer",
        wired(shows=lambda new: new[0][0]),
        "The output holds h of layer 0, the first, not of the top layer. In the drawing the output "
        "is the top edge: append h after the loop over the cells, when it is the last cell's.",
    ),
    Mistake(
        "output_of_first_layer",
        wired(shows=lambda new: new[:2][-1][0]),
        "The output holds h of layer 1, even where there are layers above it. With two layers that "
        "is right. For a stack of any height, loop over the cells, `for k, cell in "
        "enumerate(cells)`, and append h after that loop, when it is the last cell's.",
    ),
    *_family(
        "last_step_only",
        _EVERY_STEP,
        {
            "The output holds the last step alone, without a time axis.": changed(
                output=lambda output: output[-1]
            ),
            "The output holds the last step alone.": changed(output=lambda output: output[-1:]),
            "Every step of the output is a copy of the last one: one tensor was kept and "
            "overwritten in place, or only the last h was repeated.": changed(
                output=lambda output: output[-1:].expand_as(output)
            ),
            "The output is filled at the last step alone, and zero before it.": changed(
                output=lambda output: torch.cat([0 * output[:-1], output[-1:]])
            ),
        },
    ),
    *(
        Mistake(
            "last_step_only",
            upper_layers_see_the_last_step(with_time),
            f"The upper layer is run once, on the last h of the layer below.{_EVERY_STEP}",
        )
        for with_time in (True, False)
    ),
    *_family(
        "state_not_carried",
        " from zeros at every time step, so what came before is lost there. Hand what a step "
        "returns to the next step: `states[k] = cell(below, states[k])`, with zeros only once, "
        "before the loop over time.",
        {
            f"{where}, {what}": forgets(which, parts)
            for where, which in _LAYERS.items()
            for what, parts in {"h and c start": "hc", "h starts": "h", "c starts": "c"}.items()
        },
    ),
    Mistake(
        "unrecognised",
        wired(reads=lambda xt, old, new, k: xt),
        "Every layer reads x, so nothing goes up. Only `cells[0]` reads x; each cell above reads h "
        "of the one below it.",
    ),
    *_family(
        "unrecognised",
        " x is `[seq_len, batch, input_size]`: `for xt in x:`.",
        {
            "Your loop walks over x from its end.": changed(x=lambda x: x.flip(0)),
            "Your loop walks along the batch.": changed(x=lambda x: x.transpose(0, 1)),
        },
    ),
    Mistake(
        "unrecognised",
        changed(states=lambda states: [(0 * h, 0 * c) for h, c in states]),
        "Your output is right, but the states that you return are zeros, those from before the "
        f"first step. {_STORE}",
    ),
    Mistake(
        "unrecognised",
        changed(states=lambda states: [states[-1]] * len(states)),
        f"Your output is right, but you return the top layer's (h, c) for every layer. {_STORE}",
    ),
)
