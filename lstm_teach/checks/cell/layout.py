"""How a right cell's parameters lie, beside nn.LSTMCell's, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from lstm_teach.checks.cell.calls import listed
from lstm_teach.checks.cell.equations import GATES


@dataclass(frozen=True)
class Source:
    """Where a gate's weights or biases come from.

    Attributes:
        name: the parameter.
        block: which of its blocks of hidden_size rows.
        layout: "rows", "columns" (transposed) or "interleaved".
        times: how many times it is added.
    """

    name: str
    block: int
    layout: str
    times: int = 1


@dataclass(frozen=True)
class Layout:
    """Where everything that a right cell uses comes from.

    Attributes:
        weights: by gate and "x" or "h"; None where no parameter has these values.
        biases: by parameter and gate.
        order: of the four blocks in a fused weight, "" where there is none.
        constant: what the code itself adds to the sum of f.
    """

    weights: Mapping[tuple[str, str], Source | None]
    biases: Mapping[str, Mapping[str, Source]]
    order: str
    constant: float


def describe_layout(module: nn.Module, layout: Layout, input_size: int, hidden_size: int) -> str:
    """How it differs from nn.LSTMCell, and so whether weights can be copied.

    Args:
        module: a right cell.
        layout: its parameters.
        input_size: size of x.
        hidden_size: size of h and c.
    """
    if isinstance(module, nn.LSTMCell) and type(module).forward is nn.LSTMCell.forward:
        return "It is nn.LSTMCell's own step."
    bias = any("bias" in name for name in module.state_dict())
    theirs = nn.LSTMCell(input_size, hidden_size, bias=bias, device="meta").state_dict()
    own = {name: tensor.shape for name, tensor in module.state_dict().items()}
    sources = [source for source in layout.weights.values() if source]
    same_rows = layout.order == GATES and {source.layout for source in sources} == {"rows"}
    if own == {name: tensor.shape for name, tensor in theirs.items()}:
        if same_rows and not layout.constant:
            return "Parameters, names and gate order are nn.LSTMCell's: its state_dict fits."
        return (
            "Warning: `load_state_dict` would take nn.LSTMCell's weights without an error and "
            f"compute something else, because {_differences(layout, sources)}."
        )
    if any(source is None for source in layout.weights.values()):
        return (
            "Its weights are made in a way of their own, so the check could not tell how to copy "
            f"nn.LSTMCell's into them.{_constant_words(layout)}"
        )
    return f"Beside nn.LSTMCell: {_differences(layout, sources)}.{_copying(layout)}"


def _differences(layout: Layout, sources: list[Source]) -> str:
    words = []
    if layout.order:
        order = ", ".join(layout.order)
        same = " as in PyTorch" if layout.order == GATES else ", PyTorch's are i, f, g, o"
        words.append(f"its four blocks are in the order {order}{same}")
    else:
        words.append("each gate has weights of its own, not one matrix for all four")
    names = {part: {layout.weights[g, part] for g in GATES} for part in "xh"}
    if {s.name for s in names["x"] if s} & {s.name for s in names["h"] if s}:
        words.append("one matrix serves x and h side by side")
    if any(source.layout == "columns" for source in sources):
        words.append("weights are stored transposed, `[in, out]`")
    if any(source.layout == "interleaved" for source in sources):
        words.append("the rows of the four gates are interleaved")
    count = {gate: sum(gate in feeds for feeds in layout.biases.values()) for gate in GATES}
    kinds = set(count.values())
    if kinds == {0}:
        words.append("it has no bias")
    elif kinds == {1}:
        words.append("it has one bias, the place of `b_ih + b_hh`")
    if layout.constant:
        words.append(f"the code adds {layout.constant:g} to the sum of f by itself")
    return "; ".join(words)


def _constant_words(layout: Layout) -> str:
    if not layout.constant:
        return ""
    return f" The code adds {layout.constant:g} to the sum of f by itself."


def _copying(layout: Layout) -> str:
    """Which parameter takes what, for a cell that can take nn.LSTMCell's weights."""
    x_names = list(dict.fromkeys(s.name for g in GATES if (s := layout.weights[g, "x"])))
    h_names = list(dict.fromkeys(s.name for g in GATES if (s := layout.weights[g, "h"])))
    shown = {
        part: listed([f"`{n}`" for n in names]) for part, names in (("x", x_names), ("h", h_names))
    }
    return (
        f" nn.LSTMCell's weights can be copied block by block: weight_ih to {shown['x']}, "
        f"weight_hh to {shown['h']}."
    )
