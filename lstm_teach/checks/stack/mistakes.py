"""What mistaken stacks of nn.LSTMCell compute: a table of the mistakes that have a name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from lstm_teach.checks.stack.wiring import (
    Stack,
    changed_input,
    changed_output,
    changed_states,
    forget,
    h_of_layer,
    only_the_last_filled,
    reads_c_below,
    reads_old_h_below,
    stack,
    start_where_the_layer_below_ended,
    top_c,
    upper_layers_see_the_last_step,
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


_C_GOES_UP = (
    "The upper layer reads c of the layer below. c has the same shape as h, so PyTorch does not "
    "complain. c stays within its own layer and goes to the next step; h is what a layer shows: "
    "`h_upper, c_upper = upper(h_lower, (h_upper, c_upper))`."
)
_ONE_STATE = (
    "so layers overwrite each other's memory, and it runs only where all hidden sizes are equal. "
    "Keep a list with one (h, c) for each layer: `states[k] = cell(below, states[k])`."
)
_REUSED = (
    "each layer needs weights of its own, and this runs only where the sizes are equal. Take "
    "`cells[k]` for layer k: `for k, cell in enumerate(cells)`."
)
_LAYERS = (
    ("In every layer", lambda layer, layers: True),
    ("In layer 0", lambda layer, layers: layer == 0),
    ("In every layer above layer 0", lambda layer, layers: layer > 0),
    ("In the top layer", lambda layer, layers: layer == layers - 1),
    ("In every layer below the top", lambda layer, layers: layer < layers - 1),
)

MISTAKES: tuple[Mistake, ...] = (
    Mistake("c_instead_of_h", partial(stack, reads=reads_c_below), _C_GOES_UP),
    Mistake(
        "c_instead_of_h",
        partial(stack, reads=reads_c_below, shows=top_c),
        f"{_C_GOES_UP}\nYour output holds c of the top layer for the same reason: append h.",
    ),
    Mistake(
        "c_instead_of_h",
        partial(stack, shows=top_c),
        "Your layers are wired right, but the output holds c of the top layer. c is the layer's "
        "memory, and h is what it shows: append h of the top layer at each step.",
    ),
    Mistake(
        "c_instead_of_h",
        partial(stack, state=lambda old, new, layer: old[layer][::-1]),
        "The state goes into the next step as (c, h). nn.LSTMCell takes and returns (h, c), and "
        "both have the same shape, so nothing complains: `h, c = cell(below, (h, c))`.",
    ),
    Mistake(
        "c_instead_of_h",
        partial(
            stack,
            reads=reads_c_below,
            state=lambda old, new, layer: old[layer][::-1],
            shows=top_c,
        ),
        "What nn.LSTMCell returns is taken as (c, h). It returns (h, c), and both have the same "
        "shape, so nothing complains: `h, c = cell(below, (h, c))`.",
    ),
    *(
        Mistake("state_shared_across_layers", partial(stack, state=state), f"{said}, {_ONE_STATE}")
        for state, said in (
            (
                lambda old, new, layer: new[layer - 1] if layer else old[-1],
                "One (h, c) serves all layers: each takes the one that the layer before it left",
            ),
            (
                lambda old, new, layer: old[-1],
                "One (h, c) serves all layers: each starts a step from what the top layer left",
            ),
            (
                lambda old, new, layer: new[layer - 1] if layer else old[0],
                "An upper layer takes its (h, c) from the layer below instead of from its own "
                "step before",
            ),
            (
                lambda old, new, layer: (new[layer - 1][0] if layer else old[0][0], old[layer][1]),
                "An upper layer takes h from the layer below as its own h too",
            ),
            (
                lambda old, new, layer: (old[layer][0], new[layer - 1][1] if layer else old[0][1]),
                "An upper layer takes c from the layer below as its own c",
            ),
            (
                lambda old, new, layer: ((new[layer - 1] if layer else old[-1])[0], old[layer][1]),
                "One h serves all layers, though each has its own c",
            ),
            (
                lambda old, new, layer: (old[layer][0], (new[layer - 1] if layer else old[-1])[1]),
                "One c serves all layers, though each has its own h",
            ),
        )
    ),
    Mistake(
        "state_shared_across_layers",
        start_where_the_layer_below_ended,
        "An upper layer starts at step 0 from the (h, c) that the layer below ended with. It "
        "runs only where all hidden sizes are equal. Each layer starts from its own state: set h "
        "and c to zeros again inside `for cell in cells:`, before the loop over time.",
    ),
    Mistake(
        "stale_lower_state",
        partial(stack, reads=reads_old_h_below),
        "The upper layer reads h of the layer below from the step before, so everything arrives "
        "one step late for each layer. Run the layers from below upwards within one step, and "
        "hand on the h that was computed a moment ago.",
    ),
    *(
        Mistake("same_cell_reused", partial(stack, order=order), f"{said}: {_REUSED}")
        for order, said in (
            (lambda layers: [0] * layers, "`cells[0]` is used for every layer"),
            (lambda layers: [layers - 1] * layers, "The last cell is used for every layer"),
            (
                lambda layers: [min(k, 1) for k in range(layers)],
                "`cells[1]` is used for every layer above layer 0",
            ),
            (
                lambda layers: [0] * (layers - 1) + [layers - 1],
                "`cells[0]` is used for every layer below the top",
            ),
        )
    ),
    *(
        Mistake(
            "layers_swapped",
            partial(stack, order=order),
            f"{said}. x goes through `cells[0]` first, and h of each cell goes to the next one in "
            "the list. With different sizes this cannot run; with equal sizes nothing complains.",
        )
        for order, said in (
            (lambda layers: range(layers)[::-1], "The cells are run from the last to the first"),
            (
                lambda layers: [*range(1, layers), 0],
                "`cells[0]` is run as the top layer, after all others",
            ),
            (
                lambda layers: [1, 0, *range(2, layers)][:layers] if layers > 1 else [0],
                "`cells[1]` is run before `cells[0]`",
            ),
        )
    ),
    *(
        Mistake(
            "output_of_first_layer",
            partial(stack, shows=partial(h_of_layer, k)),
            f"The output holds h of {said}",
        )
        for k, said in (
            (
                0,
                "layer 0, the first, not of the top layer. In the drawing the output is the top "
                "edge: append h after the loop over the cells, when it is the last cell's.",
            ),
            (
                1,
                "layer 1, even where there are layers above it. With two layers that is right. For "
                "a stack of any height, loop over the cells, `for k, cell in enumerate(cells)`, "
                "and append h after that loop, when it is the last cell's.",
            ),
        )
    ),
    *(
        Mistake(
            "last_step_only",
            run,
            f"{said} The output is the top edge of the drawing: append h "
            "of the top layer at *every* step to a list, and end with `torch.stack(list)`.",
        )
        for run, said in (
            (
                changed_output(lambda output: output[-1]),
                "The output holds the last step alone, without a time axis.",
            ),
            (
                changed_output(lambda output: output[-1:]),
                "The output holds the last step alone.",
            ),
            (
                changed_output(lambda output: output[-1:].expand_as(output)),
                "Every step of the output is a copy of the last one: one tensor was kept and "
                "overwritten in place, or only the last h was repeated.",
            ),
            (
                changed_output(only_the_last_filled),
                "The output is filled at the last step alone, and zero before it.",
            ),
            (
                partial(upper_layers_see_the_last_step, True),
                "The upper layer is run once, on the last h of the layer below.",
            ),
            (
                partial(upper_layers_see_the_last_step, False),
                "The upper layer is run once, on the last h of the layer below.",
            ),
        )
    ),
    *(
        Mistake(
            "state_not_carried",
            partial(stack, state=partial(forget, of, parts)),
            f"{where}, {what} from zeros at every time step, so what came before is lost there. "
            "Hand what a step returns to the next step: `states[k] = cell(below, states[k])`, "
            "with zeros only once, before the loop over time.",
        )
        for where, of in _LAYERS
        for parts, what in (("hc", "h and c start"), ("h", "h starts"), ("c", "c starts"))
    ),
    Mistake(
        "unrecognised",
        partial(stack, reads=lambda x_t, old, new, layer: x_t),
        "Every layer reads x, so nothing goes up. Only `cells[0]` reads x; each cell above reads h "
        "of the one below it.",
    ),
    *(
        Mistake(
            "unrecognised", run, f"{said} x is `[seq_len, batch, input_size]`: `for x_t in x:`."
        )
        for run, said in (
            (changed_input(lambda x: x.flip(0)), "Your loop walks over x from its end."),
            (changed_input(lambda x: x.transpose(0, 1)), "Your loop walks along the batch."),
        )
    ),
    Mistake(
        "unrecognised",
        changed_states(lambda states: [(0 * h, 0 * c) for h, c in states]),
        "Your output is right, but the states that you return are zeros, those from before the "
        "first step. Store what each step returns: `states[k] = cell(below, states[k])`.",
    ),
    Mistake(
        "unrecognised",
        changed_states(lambda states: [states[-1]] * len(states)),
        "Your output is right, but you return the top layer's (h, c) for every layer. Store what "
        "each cell returns: `states[k] = cell(below, states[k])`.",
    ),
)
