"""Which parameter of a module feeds which gate: each is moved, and the gates are read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor, nn

from lstm_teach.checks.cell.anatomy import dissect
from lstm_teach.checks.cell.equations import GATES, normals
from lstm_teach.checks.cell.findings import Anatomy, Finding
from lstm_teach.checks.cell.reading import DIRECTIONS, Reader
from lstm_teach.checks.cell.subject import weights
from lstm_teach.checks.cell.words import listed
from lstm_teach.checks.report import Report

MOST_PARAMETERS = 24

_PARTS = {
    "x": slice(0, DIRECTIONS),
    "h": slice(DIRECTIONS, 2 * DIRECTIONS),
    "bias": slice(2 * DIRECTIONS, None),
}
_BIAS = re.compile(r"(^|[._])b[^.]*$|bias[^.]*$", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """Where what x, h or a bias puts into a gate comes from.

    Attributes:
        name: the parameter.
        block: which of its blocks of hidden_size rows.
        times: how many times it is added.
        laid: "rows", "columns" (transposed) or "interleaved".
    """

    name: str
    block: int
    times: int
    laid: str


@dataclass
class Layout:
    """Where everything that a cell uses comes from.

    Attributes:
        weights: by gate and "x" or "h".
        biases: for each parameter that is no weight, the gates that it feeds.
        constant: what the code itself adds to the sum of f.
    """

    weights: dict[tuple[str, str], Source] = field(default_factory=dict)
    biases: dict[str, dict[str, Source]] = field(default_factory=dict)
    constant: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether each gate's weights of x and of h were found."""
        return len(self.weights) == 2 * len(GATES)

    @property
    def order(self) -> str:
        """The order of the four blocks in each weight, "" where there is no such order."""
        orders = set()
        for part in "xh":
            sources = [self.weights.get((gate, part)) for gate in GATES]
            places = {
                source.block: gate for source, gate in zip(sources, GATES, strict=True) if source
            }
            names = {source.name for source in sources if source}
            orders.add("".join(places.get(k, "") for k in range(4)) if len(names) == 1 else "")
        order = orders.pop() if len(orders) == 1 else ""
        return order if len(order) == len(GATES) else ""


def find_layout(module: nn.Module, reader: Reader, anatomy: Anatomy) -> Layout | None:
    """Follow every parameter; None where not all gates could be read, or there are too many."""
    named = dict(module.named_parameters())
    unread = "weights" in anatomy.findings or not anatomy.all_gates_read()
    if unread or not named or len(named) > MOST_PARAMETERS:
        return None
    hidden_size = reader.at.h.shape[1]
    layout = Layout(constant=_constant(module, reader))
    for name, parameter in named.items():
        fed = _fed(name, parameter, reader, anatomy)
        if fed is None:
            continue
        if any(part != "bias" for _, part in fed):
            layout.weights |= {key: source for key, source in fed.items() if key[1] != "bias"}
        elif parameter.numel() in (hidden_size, 4 * hidden_size):
            layout.biases[name] = {gate: source for (gate, _), source in fed.items()}
    return layout


def _constant(module: nn.Module, reader: Reader) -> float:
    """What is added to f's sum by the code itself: what is left when all parameters are 0."""
    kept = [(tensor, tensor.detach().clone()) for tensor in weights(module, reader.at.h.shape[1])]
    for tensor, _ in kept:
        tensor.zero_()
    seen = reader.observe()
    for tensor, values in kept:
        tensor.copy_(values)
    if isinstance(seen, Report):
        return 0.0
    return round(torch.logit((seen[1][1] - seen[1][0]) / reader.at.c[1]).median().item(), 3)


def _fed(
    name: str, parameter: Tensor, reader: Reader, anatomy: Anatomy
) -> dict[tuple[str, str], Source] | None:
    """What a parameter feeds, by gate and part; None where its way is unclear."""
    kept, move = parameter.detach().clone(), 0.3 * normals(3)(*parameter.shape)
    parameter.add_(move)
    seen = reader.observe()
    parameter.copy_(kept)
    moved = Anatomy() if isinstance(seen, Report) else dissect(*seen, reader, before=anatomy)
    if not moved.gates.keys() >= set(GATES) or any(not g.activation for g in moved.gates.values()):
        return None
    grown = {
        (gate, part): moved.gates[gate].lines[:, columns] - anatomy.gates[gate].lines[:, columns]
        for gate in GATES
        for part, columns in _PARTS.items()
    }
    grown = {key: by for key, by in grown.items() if by.abs().max() > 30 * reader.accuracy}
    for laid in ("rows", "columns", "interleaved"):
        blocks = list(_blocks(move, laid, reader.at.h.shape[1]))
        fed = {
            (gate, part): Source(name, *found, laid)
            for (gate, part), by in grown.items()
            if (found := _place(blocks, part, by, reader))
        }
        if fed.keys() == grown.keys():
            return fed
    return None


def _blocks(tensor: Tensor, laid: str, rows: int) -> Iterable[Tensor]:
    """Blocks of rows: of a parameter, of its transpose, or every fourth row."""
    matrix = tensor if tensor.dim() > 1 else tensor[:, None]
    flat = (matrix.mT if laid == "columns" else matrix).flatten(0, -2)
    if laid == "interleaved":
        return [flat[k::4] for k in range(4)] if len(flat) == 4 * rows else []
    return flat.split(rows) if len(flat) % rows == 0 else []


def _place(blocks: list[Tensor], part: str, by: Tensor, reader: Reader) -> tuple[int, int] | None:
    """Which block, taken how many times, makes a gate grow so along the directions."""
    at = reader.at
    along = {"x": at.along_x, "h": at.along_h, "bias": torch.ones(1, 1).double()}[part]
    width, both = along.shape[1], at.x.shape[1] + at.h.shape[1]
    for k, block in enumerate(blocks):
        starts = {0, block.shape[1] - width} if block.shape[1] in (width, both) else set()
        for start, times in product(starts, (1, 2)):
            if reader.close(times * block[at.units, start : start + width] @ along.T, by):
                return k, times
    return None


def bias_mistakes(module: nn.Module, layout: Layout) -> Iterator[Finding]:
    """Mistakes that only the parameters show: a bias without effect, twice, or misplaced."""
    used = {source.name for source in layout.weights.values()}
    twice = [n for n, fed in layout.biases.items() if {s.times for s in fed.values()} == {2}]
    for name, fed in layout.biases.items():
        if not _BIAS.search(name):
            continue
        blocks = [source.block for source in fed.values()]
        own = "".join(sorted(fed, key=lambda gate: fed[gate].block))
        if not fed:
            layer = f"{name.rpartition('.')[0]}."
            beside = [n for n, _ in module.named_parameters() if n.startswith(layer)]
            if twice:
                yield "bias_twice", f"`{twice[0]}` is added twice, `{name}` never"
            elif layer == "." or used & set(beside):
                yield "missing_bias", f"`{name}` has no effect on h and c"
        elif len(blocks) > len(set(blocks)):
            yield "wrong_bias_slice", f"one part of `{name}` feeds the gates {listed(fed)}"
        elif 1 < len(fed) < len(GATES):
            without = [gate for gate in GATES if gate not in fed]
            yield "missing_bias", f"`{name}` is left out in the gate {listed(without)}"
        elif len(fed) == len(GATES) and layout.order and own != layout.order:
            yield (
                "wrong_bias_slice",
                f"the weights lie in the order {', '.join(layout.order)}, `{name}` in the order "
                f"{', '.join(own)}",
            )
        doubled = [gate for gate, source in fed.items() if source.times == 2]
        if doubled and all(layout.biases.values()):
            where = "" if len(doubled) == len(GATES) else f" in the gate {listed(doubled)}"
            yield "bias_twice", f"`{name}` is added twice{where}"


def describe(module: nn.Module, layout: Layout, input_size: int, hidden_size: int) -> str:
    """How a right cell differs from nn.LSTMCell, and so whether weights can be copied."""
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
