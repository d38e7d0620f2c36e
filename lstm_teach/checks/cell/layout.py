"""How a right cell's parameters lie, beside nn.LSTMCell's, in words."""

from __future__ import annotations

from torch import nn

from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.parameters import Layout
from lstm_teach.checks.cell.words import listed


def describe(module: nn.Module, layout: Layout, input_size: int, hidden_size: int) -> str:
    """How it differs from nn.LSTMCell, and so whether weights can be copied.

    Args:
        module: a right cell.
        layout: its parameters.
        input_size: size of x.
        hidden_size: size of h and c.
    """
    if isinstance(module, nn.LSTMCell) and type(module).forward is nn.LSTMCell.forward:
        return "It is nn.LSTMCell's own step."
    own = {name: tensor.shape for name, tensor in module.state_dict().items()}
    bias = any("bias" in name for name in own)
    theirs = nn.LSTMCell(input_size, hidden_size, bias=bias, device="meta").state_dict()
    if own == {name: tensor.shape for name, tensor in theirs.items()}:
        same_rows = {source.laid for source in layout.weights.values()} == {"rows"}
        if layout.order == GATES and same_rows and not layout.constant:
            return "Parameters, names and gate order are nn.LSTMCell's: its state_dict fits."
        return (
            "Warning: `load_state_dict` would take nn.LSTMCell's weights without an error and "
            f"compute something else, because {_differences(layout)}."
        )
    if not layout.complete:
        return (
            "Its weights are made in a way of their own, so the check could not tell how to copy "
            "nn.LSTMCell's into them."
        )
    x, h = (listed(f"`{name}`" for name in _names(layout, part)) for part in "xh")
    if x == h:
        x, h = f"the part of {x} that meets x", "the part that meets h"
    return (
        f"Beside nn.LSTMCell: {_differences(layout)}. nn.LSTMCell's weights can be copied block by "
        f"block: weight_ih to {x}, weight_hh to {h}."
    )


def _names(layout: Layout, part: str) -> list[str]:
    return list(dict.fromkeys(layout.weights[gate, part].name for gate in GATES))


def _differences(layout: Layout) -> str:
    laid = {source.laid for source in layout.weights.values()}
    fed = {sum(gate in feeds for feeds in layout.biases.values()) for gate in GATES}
    order, usual = ", ".join(layout.order), ", ".join(GATES)
    same = " as in PyTorch" if order == usual else f", PyTorch's are {usual}"
    differences = {
        f"its four blocks are in the order {order}{same}": bool(order),
        "each gate has weights of its own, not one matrix for all four": not order,
        "one matrix serves x and h side by side": layout.complete
        and set(_names(layout, "x")) & set(_names(layout, "h")),
        "weights are stored transposed, `[in, out]`": "columns" in laid,
        "the rows of the four gates are interleaved": "interleaved" in laid,
        "it has no bias": fed == {0},
        "it has one bias, the place of `b_ih + b_hh`": fed == {1},
        f"the code adds {layout.constant:g} to the sum of f by itself": layout.constant,
    }
    return "; ".join(words for words, said in differences.items() if said)
