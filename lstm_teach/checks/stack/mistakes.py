"""The mistakes in wiring a stack that have a name, and the stacks of another kind.

One entry a mistake: its verdict, why, the fix, and the ways to make it, each with its headline.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.stack.wiring import (
    Stack,
    State,
    below,
    both_ways,
    by_layer,
    ran_before,
    right,
    then,
    wired,
    zero_where,
)


def _residual(from_x: bool, shown: bool) -> Stack:
    """Each layer reads h of the layer below plus what that layer read."""

    def total(xt: Tensor, new: list[State], layers: int) -> Tensor:
        return sum((h for h, c in new[:layers]), xt if from_x else 0.0)  # type: ignore[return-value]

    return wired(
        up=lambda xt, old, new, k: total(xt, new, k),
        shows=lambda new, xt: total(xt, new, len(new)) if shown else new[-1][0],
    )


def _c_below(xt: Tensor, old: list[State], new: list[State], layer: int) -> Tensor:
    return new[layer - 1][1]


def _c_of_top(new: list[State], xt: Tensor) -> Tensor:
    return new[-1][1]


def _turned(old: list[State], new: list[State], layer: int) -> State:
    return old[layer][::-1]


_LAYERS = {
    "every layer": lambda layer, layers: True,
    "layer 0": lambda layer, layers: layer == 0,
    "every layer above layer 0": lambda layer, layers: layer > 0,
    "the top layer": lambda layer, layers: layer == layers - 1,
    "every layer below the top": lambda layer, layers: layer < layers - 1,
}
_PARTS = {"h and c start": "hc", "h starts": "h", "c starts": "c"}
_PAIRS = (
    lambda cells: [(k, k + 1) for k in range(0, cells - 1, 2)],
    lambda cells: [(k, cells // 2 + k) for k in range(cells // 2)],
)
_JOINED = (
    lambda there, back: torch.cat([there, back], dim=-1),
    lambda there, back: there + back,
    lambda there, back: (there + back) / 2,
)
_C_IS_MEMORY = (
    "c has the same shape as h, so PyTorch does not complain. c is a layer's memory and goes to "
    "its own next step; h is what the layer shows."
)
_STORE = "store what each step returns: `states[k] = cell(below, states[k])`"
_EVERY_STEP = (
    "append h of the top layer at *every* step to a list, and end with `torch.stack(list)`"
)

_ENTRIES: tuple[tuple[str, str, str, dict[str, Stack | list[Stack]]], ...] = (
    (
        "c_instead_of_h",
        _C_IS_MEMORY,
        "hand h up: `h_upper, c_upper = upper(h_lower, (h_upper, c_upper))`",
        {
            "the upper layer reads c of the layer below": wired(_c_below),
            "c goes up to the next layer, and c is the output": wired(_c_below, shows=_c_of_top),
        },
    ),
    (
        "c_instead_of_h",
        f"Your layers are wired right. {_C_IS_MEMORY}",
        "append h of the top layer at each step",
        {"the output holds c of the top layer": wired(shows=_c_of_top)},
    ),
    (
        "c_instead_of_h",
        "nn.LSTMCell takes (h, c) and returns (h, c). Both have the same shape, so PyTorch does "
        "not complain.",
        "`h, c = cell(below, (h, c))`",
        {
            "the state goes into the next step as (c, h)": wired(h=_turned, c=_turned),
            "what a cell returns is read as (c, h)": wired(
                _c_below, h=_turned, c=_turned, shows=_c_of_top
            ),
        },
    ),
    (
        "state_shared_across_layers",
        "Layers overwrite each other's memory. It runs only where all hidden sizes are equal.",
        f"keep a list with one (h, c) for each layer, and {_STORE}",
        {
            "one (h, c) serves all layers": wired(h=ran_before, c=ran_before),
            "each layer starts a step from what the top layer left": wired(
                h=lambda old, new, k: old[-1], c=lambda old, new, k: old[-1]
            ),
            "an upper layer goes on from the (h, c) of the layer below": wired(h=below, c=below),
            "an upper layer takes h of the layer below as its own h too": wired(h=below),
            "an upper layer takes c of the layer below as its own c": wired(c=below),
            "one h serves all layers, though each has its own c": wired(h=ran_before),
            "one c serves all layers, though each has its own h": wired(c=ran_before),
        },
    ),
    (
        "state_shared_across_layers",
        "Each layer starts from its own state. It runs only where all hidden sizes are equal.",
        "set h and c to zeros again inside `for cell in cells:`, before the loop over time",
        {
            "an upper layer starts from the (h, c) with which the layer below ended": by_layer(
                carries=True
            )
        },
    ),
    (
        "stale_lower_state",
        "Everything arrives one step late for each layer. Its shape is right, so PyTorch does not "
        "complain.",
        "run the layers from below upwards within one step, and hand up the new h",
        {
            "the upper layer reads h of the layer below from the step before": wired(
                lambda xt, old, new, k: old[k - 1][0]
            )
        },
    ),
    (
        "same_cell_reused",
        "Each layer needs weights of its own. This runs only where the sizes are equal.",
        "take `cells[k]` for layer k: `for k, cell in enumerate(cells)`",
        {
            "`cells[0]` is used for every layer": wired(order=lambda n: [0] * n),
            "the last cell is used for every layer": wired(order=lambda n: [n - 1] * n),
            "`cells[1]` is used for every layer above layer 0": wired(
                order=lambda n: [min(k, 1) for k in range(n)]
            ),
            "`cells[0]` is used for every layer below the top": wired(
                order=lambda n: [0] * (n - 1) + [n - 1]
            ),
        },
    ),
    (
        "layers_swapped",
        "With different sizes this cannot run. With equal sizes PyTorch does not complain.",
        "put x into `cells[0]` first, and h of each cell into the next one in the list",
        {
            "the cells run from the last to the first": wired(order=lambda n: range(n)[::-1]),
            "`cells[0]` runs as the top layer": wired(order=lambda n: [*range(1, n), 0]),
            "`cells[1]` runs before `cells[0]`": wired(
                order=lambda n: [1, 0, *range(2, n)] if n > 1 else [0]
            ),
        },
    ),
    (
        "output_of_first_layer",
        "The output is the top edge of the drawing: every step of the top layer.",
        "append h after the loop `for k, cell in enumerate(cells)`, when it is the last cell's",
        {
            "the output holds h of layer 0, not of the top layer": wired(
                shows=lambda new, xt: new[0][0]
            )
        },
    ),
    (
        "output_of_first_layer",
        "With two layers that is right.",
        "loop over the cells, `for k, cell in enumerate(cells)`, and append h after that loop",
        {
            "the output holds h of layer 1, even where there are layers above it": wired(
                shows=lambda new, xt: new[:2][-1][0]
            )
        },
    ),
    (
        "last_step_only",
        "The output is the top edge of the drawing: every step of the top layer.",
        _EVERY_STEP,
        {
            "the output holds the last step alone, without a time axis": then(
                lambda o, s: (o[-1], s)
            ),
            "the output holds the last step alone": then(lambda o, s: (o[-1:], s)),
            "every step of the output is a copy of the last one": then(
                lambda o, s: (o[-1:].expand_as(o), s)
            ),
            "the output is filled at the last step alone, and zero before it": then(
                lambda o, s: (torch.cat([0 * o[:-1], o[-1:]]), s)
            ),
        },
    ),
    (
        "last_step_only",
        "Every layer runs at every step.",
        f"hand up h of every step: {_EVERY_STEP}",
        {
            "the upper layer runs once, on the last h of the layer below": [
                stack
                for last in [by_layer(lambda o: o[-1:])]
                for stack in (last, then(lambda o, s: (o[0], s), last))
            ]
        },
    ),
    (
        "state_not_carried",
        "What came before is lost there.",
        f"{_STORE}, with zeros only once, before the loop over time",
        {
            f"in {where}, {what} from zeros at every time step": wired(
                **dict.fromkeys(parts, zero_where(which))  # type: ignore[arg-type]
            )
            for (where, which), (what, parts) in product(_LAYERS.items(), _PARTS.items())
        },
    ),
    (
        "unrecognised",
        "The layers stand side by side, not one on the other.",
        "let only `cells[0]` read x; each cell above reads h of the one below it",
        {"every layer reads x, so nothing goes up": wired(lambda xt, old, new, k: xt)},
    ),
    (
        "unrecognised",
        "x is `[seq_len, batch, input_size]`, so time is its first axis.",
        "walk along the first axis, from its start: `for xt in x:`",
        {
            "the loop walks over x from its end": lambda cells, x: right(cells, x.flip(0)),
            "the loop walks along the batch": lambda cells, x: right(cells, x.transpose(0, 1)),
        },
    ),
    (
        "unrecognised",
        "Your output is right, but nobody could go on from such states.",
        _STORE,
        {
            "the states that you return are zeros, those from before the first step": then(
                lambda o, s: (o, [(0 * h, 0 * c) for h, c in s])
            ),
            "the top layer's (h, c) is returned for every layer": then(
                lambda o, s: (o, [s[-1]] * len(s))
            ),
        },
    ),
    (
        "variant",
        "A residual stack: h is added to what its layer has read. That helps deep stacks to "
        "learn, and nn.LSTM does not do it. All else is wired right.",
        "",
        {
            "each layer's h is added to what it has read": _residual(True, True),
            "each upper layer reads h plus what the layer below has read": _residual(True, False),
            "h of all layers is added up": _residual(False, True),
            "each upper layer reads h of all layers below, added up": _residual(False, False),
        },
    ),
    (
        "variant",
        "One cell of each layer reads x from its start, the other from its end, and both go up "
        "together. Both directions are wired right.",
        "",
        {"it is bidirectional": [both_ways(*how) for how in product(_PAIRS, _JOINED)]},
    ),
    (
        "variant",
        "It feeds its own output back, which nn.LSTM does not do. All else is wired right.",
        "",
        {
            "layer 0 reads x plus the top layer's h of the step before": wired(
                first=lambda xt, old: xt + old[-1][0]
            )
        },
    ),
)
MISTAKES = tuple(
    Mistake(verdict, headline, why, fix, run)
    for verdict, why, fix, ways in _ENTRIES
    for headline, made in ways.items()
    for run in (made if isinstance(made, list) else [made])
)
