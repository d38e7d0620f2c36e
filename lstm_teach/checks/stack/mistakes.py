"""The mistakes in wiring a stack that have a name, and the stacks of another kind.

One entry a mistake: its verdict, why, the fix, and the ways to make it. A way is a headline and the
equations of `wiring` that it changes, or stacks that are run otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.stack.wiring import Result, Stack, both_ways, by_layer, wired

_C_IS_MEMORY = (
    "c has the same shape as h, so PyTorch does not complain. c is a layer's memory and goes to "
    "its own next step; h is what the layer shows."
)
_STORE = "store what each step returns: `states[k] = cell(below, states[k])`"
_EVERY_STEP = (
    "append h of the top layer at *every* step to a list, and end with `torch.stack(list)`"
)
_OUTPUT = "The output is the top edge of the drawing: every step of the top layer."
_KEPT = {  # the layers in which h or c is kept, 1, where the others start from zeros
    "every layer": "0",
    "layer 0": "(k > 0)",
    "every layer above layer 0": "(k == 0)",
    "the top layer": "(k < n - 1)",
    "every layer below the top": "(k == n - 1)",
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


def _forgotten() -> Iterator[str]:
    for (where, kept), (what, parts) in product(_KEPT.items(), _PARTS.items()):
        how = "; ".join(f"{part} = {part}_old[k] * {kept}" for part in parts)
        yield f"in {where}, {what} from zeros at every time step | {how}"


_once = by_layer(lambda output: output[-1:])


def _once_squeezed(cells: Sequence[Any], x: Tensor) -> Result:
    output, states = _once(cells, x)
    return output[0], states


Entry = tuple[str, str, str, str | Iterator[str] | dict[str, list[Stack]]]
"""A verdict, why it is wrong, how to mend it; then a line for each way to make it, its headline and
the equations that it changes, or stacks by their headline."""
_ENTRIES: tuple[Entry, ...] = (
    (
        "c_instead_of_h",
        _C_IS_MEMORY,
        "hand h up: `h_upper, c_upper = upper(h_lower, (h_upper, c_upper))`",
        """the upper layer reads c of the layer below | up = c_new[k - 1]
        c goes up to the next layer, and c is the output | up = c_new[k - 1]; shown = c_new[-1]""",
    ),
    (
        "c_instead_of_h",
        f"Your layers are wired right. {_C_IS_MEMORY}",
        "append h of the top layer at each step",
        "the output holds c of the top layer | shown = c_new[-1]",
    ),
    (
        "c_instead_of_h",
        "nn.LSTMCell takes (h, c) and returns (h, c). Both have the same shape, so PyTorch does "
        "not complain.",
        "`h, c = cell(below, (h, c))`",
        """the state goes into the next step as (c, h) | h = c_old[k]; c = h_old[k]
        what a cell returns is read as (c, h) \
            | up = c_new[k - 1]; h = c_old[k]; c = h_old[k]; shown = c_new[-1]""",
    ),
    (
        "state_shared_across_layers",
        "Layers overwrite each other's memory. It runs only where all hidden sizes are equal.",
        f"keep a list with one (h, c) for each layer, and {_STORE}",
        """one (h, c) serves all layers | h = [*h_old, *h_new][-1]; c = [*c_old, *c_new][-1]
        each layer starts a step from what the top layer left | h = h_old[-1]; c = c_old[-1]
        an upper layer goes on from the (h, c) of the layer below \
            | h = [h_old[0], *h_new][k]; c = [c_old[0], *c_new][k]
        an upper layer takes h of the layer below as its own h too | h = [h_old[0], *h_new][k]
        an upper layer takes c of the layer below as its own c | c = [c_old[0], *c_new][k]
        one h serves all layers, though each has its own c | h = [*h_old, *h_new][-1]
        one c serves all layers, though each has its own h | c = [*c_old, *c_new][-1]""",
    ),
    (
        "state_shared_across_layers",
        "Each layer starts from its own state. It runs only where all hidden sizes are equal.",
        "set h and c to zeros again inside `for cell in cells:`, before the loop over time",
        {
            "an upper layer starts from the (h, c) with which the layer below ended": [
                by_layer(carries=True)
            ]
        },
    ),
    (
        "stale_lower_state",
        "Everything arrives one step late for each layer. Its shape is right, so PyTorch does not "
        "complain.",
        "run the layers from below upwards within one step, and hand up the new h",
        "the upper layer reads h of the layer below from the step before | up = h_old[k - 1]",
    ),
    (
        "same_cell_reused",
        "Each layer needs weights of its own. This runs only where the sizes are equal.",
        "take `cells[k]` for layer k: `for k, cell in enumerate(cells)`",
        """`cells[0]` is used for every layer | cell = 0
        the last cell is used for every layer | cell = n - 1
        `cells[1]` is used for every layer above layer 0 | cell = min(k, 1)
        `cells[0]` is used for every layer below the top | cell = k * (k == n - 1)""",
    ),
    (
        "layers_swapped",
        "With different sizes this cannot run. With equal sizes PyTorch does not complain.",
        "put x into `cells[0]` first, and h of each cell into the next one in the list",
        """the cells run from the last to the first | cell = n - 1 - k
        `cells[0]` runs as the top layer | cell = (k + 1) % n
        `cells[1]` runs before `cells[0]` | cell = k if n < 2 or k > 1 else 1 - k""",
    ),
    (
        "output_of_first_layer",
        _OUTPUT,
        "append h after the loop `for k, cell in enumerate(cells)`, when it is the last cell's",
        "the output holds h of layer 0, not of the top layer | shown = h_new[0]",
    ),
    (
        "output_of_first_layer",
        "With two layers that is right.",
        "loop over the cells, `for k, cell in enumerate(cells)`, and append h after that loop",
        """the output holds h of layer 1, even where there are layers above it \
            | shown = h_new[:2][-1]""",
    ),
    (
        "last_step_only",
        _OUTPUT,
        _EVERY_STEP,
        """the output holds the last step alone, without a time axis | output = output[-1]
        the output holds the last step alone | output = output[-1:]
        every step of the output is a copy of the last one | output = output[-1:].expand_as(output)
        the output is filled at the last step alone, and zero before it \
            | output = torch.cat([0 * output[:-1], output[-1:]])""",
    ),
    (
        "last_step_only",
        "Every layer runs at every step.",
        f"hand up h of every step: {_EVERY_STEP}",
        {"the upper layer runs once, on the last h of the layer below": [_once, _once_squeezed]},
    ),
    (
        "state_not_carried",
        "What came before is lost there.",
        f"{_STORE}, with zeros only once, before the loop over time",
        _forgotten(),
    ),
    (
        "unrecognised",
        "The layers stand side by side, not one on the other.",
        "let only `cells[0]` read x; each cell above reads h of the one below it",
        "every layer reads x, so nothing goes up | up = xt",
    ),
    (
        "unrecognised",
        "x is `[seq_len, batch, input_size]`, so time is its first axis.",
        "walk along the first axis, from its start: `for xt in x:`",
        """the loop walks over x from its end | x = x.flip(0)
        the loop walks along the batch | x = x.transpose(0, 1)""",
    ),
    (
        "unrecognised",
        "Your output is right, but nobody could go on from such states.",
        _STORE,
        """the states that you return are zeros, those from before the first step \
            | states = [(0 * h, 0 * c) for h, c in states]
        the top layer's (h, c) is returned for every layer | states = states[-1:] * n""",
    ),
    (
        "variant",
        "A residual stack: h is added to what its layer has read. That helps deep stacks to "
        "learn, and nn.LSTM does not do it. All else is wired right.",
        "",
        """each layer's h is added to what it has read \
            | up = plus(h_new[k - 1], read[k - 1]); shown = plus(h_new[-1], read[-1])
        each upper layer reads h plus what the layer below has read \
            | up = plus(h_new[k - 1], read[k - 1])
        h of all layers is added up | up = sum(h_new); shown = sum(h_new)
        each upper layer reads h of all layers below, added up | up = sum(h_new)""",
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
        "layer 0 reads x plus the top layer's h of the step before | first = xt + h_old[-1]",
    ),
)


def mistakes(entries: Sequence[Entry]) -> list[Mistake]:
    """One mistake for each way to make it; `how` is the stack that it makes."""
    found = []
    for verdict, why, fix, ways in entries:
        if isinstance(ways, dict):
            made = [(headline, run) for headline, runs in ways.items() for run in runs]
        else:
            lines = ways.split("\n") if isinstance(ways, str) else ways
            pairs = [line.split(" | ") for line in lines]
            made = [(headline.strip(), wired(how.strip())) for headline, how in pairs]
        found += [Mistake(verdict, headline, why, fix, run) for headline, run in made]
    return found


MISTAKES = mistakes(_ENTRIES)
