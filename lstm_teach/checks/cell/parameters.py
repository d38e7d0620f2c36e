"""Which parameter of a module feeds which gate, and how that differs from nn.LSTMCell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.cell.anatomy import dissect
from lstm_teach.checks.cell.calls import Caller, listed
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.findings import Anatomy, Finding
from lstm_teach.checks.cell.layout import Layout, Source, describe_layout
from lstm_teach.checks.cell.reading import DIRECTIONS, Gate, Places, Reader, observe
from lstm_teach.checks.cell.redraw import weights
from lstm_teach.checks.report import Report

MOST_PARAMETERS = 24

# Gates in which the way of a bias cannot be followed.
_BIASLESS = ("constant", "sigmoid + 1")

_BIAS = re.compile(r"(^|[._])b[^.]*$|bias[^.]*$", re.IGNORECASE)


@dataclass
class Comparison:
    """How a module's parameters lie.

    Attributes:
        words: sentences for the report.
        evidence: the gate order and the number of biases.
        findings: mistakes that only the parameters show.
    """

    words: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def compare_parameters(
    module: nn.Module, caller: Caller, at: Places, reader: Reader, anatomy: Anatomy
) -> Comparison:
    """Match what each gate was seen to use with the values of the parameters.

    Args:
        module: with its parameters redrawn.
        caller: calls it.
        at: where it was looked at.
        reader: fits the gates.
        anatomy: what was read; nothing is compared unless all four gates were.
    """
    named = dict(module.named_parameters())
    comparison = Comparison()
    read = [gate for gate, as_read in anatomy.gates.items() if as_read.activation]
    unread = set(read) != set(GATES) or "weights" in anatomy.findings
    if unread or len(named) > MOST_PARAMETERS:
        return comparison
    sources: dict[tuple[str, str], Source | None] = {}
    for gate, part in product(GATES, "xh"):
        found = list(_weight_sources(named, anatomy.gates[gate], part, at, reader))
        beside = sources.get((gate, "x"))
        sources[gate, part] = beside if beside in found else next(iter(found), None)
    used = {source.name for source in sources.values() if source}
    biases = {
        name: _bias_sources(parameter, name, caller, at, reader, anatomy)
        for name, parameter in named.items()
        if name not in used and _like_a_bias(parameter, at)
    }
    order = _order(sources)
    if all(gate.activation not in _BIASLESS for gate in anatomy.gates.values()):
        comparison.findings = list(_findings(named, biases, order, used))
    if anatomy.findings or comparison.findings:
        return comparison
    layout = Layout(
        sources,
        {name: feeds for name, feeds in biases.items() if feeds},
        order,
        _constant(module, caller, at),
    )
    comparison.words = describe_layout(module, layout, at.x.shape[1], at.h.shape[1])
    if order:
        comparison.evidence["gate order"] = " ".join(order)
    transposed = {s.name for s in sources.values() if s and s.layout == "columns"}
    if transposed:
        comparison.evidence["transposed"] = ", ".join(sorted(transposed))
    return comparison


def _constant(module: nn.Module, caller: Caller, at: Places) -> float:
    """What is added to f's sum by the code itself: what is left when all parameters are 0."""
    kept = [(tensor, tensor.detach().clone()) for tensor in weights(module, at.h.shape[1])]
    try:
        for tensor, _ in kept:
            tensor.zero_()
        seen = observe(caller, at)
    finally:
        for tensor, values in kept:
            tensor.copy_(values)
    if isinstance(seen, Report):
        return 0.0
    f = (seen[1][1] - seen[1][0]) / at.c[1]
    return round(torch.logit(f).median().item(), 3)


def _windows(matrix: Tensor, rows: int) -> Iterator[tuple[int, str, Tensor]]:
    """Blocks of rows: of a matrix, of its transpose, and every fourth row."""
    for layout, laid in (("rows", matrix), ("columns", matrix.mT)):
        flat = laid.reshape(-1, laid.shape[-1])
        if flat.shape[0] % rows:
            continue
        count = flat.shape[0] // rows
        for block in range(count):
            yield block, layout, flat[block * rows : (block + 1) * rows]
        if count == len(GATES) and rows > 1:
            for block in range(count):
                yield block, "interleaved", flat[block::count]


def _weight_sources(
    named: dict[str, nn.Parameter], gate: Gate, part: str, at: Places, reader: Reader
) -> Iterator[Source]:
    """Every block with the right values: a single number may stand in several by chance."""
    along = at.along_x if part == "x" else at.along_h
    lines = gate.lines[:, :DIRECTIONS] if part == "x" else gate.lines[:, DIRECTIONS:-1]
    width, hidden_size = along.shape[1], at.h.shape[1]
    for name, parameter in named.items():
        if parameter.dim() < 2:
            continue
        for block, layout, window in _windows(parameter.double(), hidden_size):
            fits = window.shape[1] in (width, at.x.shape[1] + hidden_size)
            starts = {0, window.shape[1] - width} if fits else set()
            for start in sorted(starts):
                columns = window[at.units, start : start + width]
                if reader.close(columns @ along.T, lines):
                    yield Source(name, block, layout)


def _like_a_bias(parameter: Tensor, at: Places) -> bool:
    return parameter.numel() in (at.h.shape[1], 4 * at.h.shape[1])


def _bias_sources(
    parameter: nn.Parameter,
    name: str,
    caller: Caller,
    at: Places,
    reader: Reader,
    anatomy: Anatomy,
) -> dict[str, Source] | None:
    """Which gate each block of a bias moves, found by moving it; None where that is unclear."""
    kept = parameter.detach().clone()
    move = torch.randn(
        parameter.numel(), generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )
    try:
        parameter.add_(move.view_as(parameter))
        seen = observe(caller, at)
        if isinstance(seen, Report):
            return None
        as_before = (anatomy.gates["i"].activation, anatomy.gates["g"].activation)
        moved = dissect(*seen, at, reader, products=(as_before,))
    finally:
        parameter.copy_(kept)
    found: dict[str, Source] = {}
    for gate in GATES:
        if gate not in moved.gates or not moved.gates[gate].activation:
            return None
        by = moved.gates[gate].lines - anatomy.gates[gate].lines
        if by.abs().max() < 30 * reader.accuracy:
            continue
        source = _moved_by(move, name, by[:, -1], at, reader)
        if source is None:
            return None
        found[gate] = source
    return found


def _moved_by(
    move: Tensor, name: str, offsets: Tensor, at: Places, reader: Reader
) -> Source | None:
    for block, layout, window in _windows(move[:, None], at.h.shape[1]):
        for times in (1, 2):
            if reader.close(times * window[at.units, 0], offsets):
                return Source(name, block, layout, times)
    return None


def _order(weights: dict[tuple[str, str], Source | None]) -> str:
    """The order of the four gates in a fused weight, or "" where there is none."""
    orders = set()
    for part in "xh":
        sources = [weights[gate, part] for gate in GATES]
        if any(source is None for source in sources):
            return ""
        known = [source for source in sources if source]
        if len({source.name for source in known}) > 1:
            return ""
        blocks = [source.block for source in known]
        if sorted(blocks) != [0, 1, 2, 3]:
            return ""
        orders.add("".join(GATES[blocks.index(k)] for k in range(4)))
    return orders.pop() if len(orders) == 1 else ""


def _findings(
    named: dict[str, nn.Parameter],
    biases: dict[str, dict[str, Source] | None],
    order: str,
    used: set[str],
) -> Iterator[Finding]:
    moving = {name: sources for name, sources in biases.items() if sources is not None}
    for name, sources in moving.items():
        if not _BIAS.search(name):
            continue
        if not sources:
            layer = name.rpartition(".")[0]
            idle = layer and all(n not in used for n in named if n.startswith(f"{layer}."))
            other = [n for n, s in moving.items() if s and all(o.times == 2 for o in s.values())]
            if other:
                yield "bias_twice", f"`{other[0]}` is added twice, `{name}` never"
            elif not idle:
                yield "missing_bias", f"`{name}` has no effect on h and c"
            continue
        twice = [gate for gate, source in sources.items() if source.times == 2]
        if twice and all(moving.values()):
            where = "" if len(twice) == len(GATES) else f" in the gate {listed(twice)}"
            yield "bias_twice", f"`{name}` is added twice{where}"
        blocks = [source.block for source in sources.values()]
        if len(blocks) > len(set(blocks)):
            yield "wrong_bias_slice", f"one part of `{name}` feeds the gates {listed([*sources])}"
        elif len(sources) == len(GATES):
            own = "".join(sorted(sources, key=lambda gate: sources[gate].block))
            if order and own != order:
                yield (
                    "wrong_bias_slice",
                    f"the weights lie in the order {', '.join(order)}, `{name}` in the order "
                    f"{', '.join(own)}",
                )
        elif len(blocks) > 1:
            without = listed([gate for gate in GATES if gate not in sources])
            yield "missing_bias", f"`{name}` is left out in the gate {without}"
