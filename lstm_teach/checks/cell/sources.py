"""Where each gate's line comes from: which rows or columns of which parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, permutations

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import listed, normals
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.mistakes import the_gates
from lstm_teach.checks.cell.reading import Eye, Lines

Finding = tuple[str, str]
"""A name in `WORDS`, and what the cell does, a sentence that begins with a small letter."""

_BIAS = re.compile(r"(^|[._])b[^.]*$|bias[^.]*$", re.IGNORECASE)
_SAME_GATE = {("f", "i"): "forget_used_for_input", ("f", "o"): "output_gate_from_forget"}
_MOST_BIASES = 24


@dataclass(frozen=True)
class Source:
    """Where what x, h or a bias puts into a gate comes from.

    Attributes:
        name: the parameter.
        block: which of its blocks of hidden_size rows; None where it is none of them.
        times: how many times it is added.
        laid: "rows", "columns" (transposed), "interleaved", "reshaped" or "one number".
        start: the first column that is used.
        way: which of the ways of `_blocks` it is.
    """

    name: str
    block: int | None
    times: int = 1
    laid: str = "rows"
    start: int = 0
    way: int = 0


@dataclass
class Layout:
    """Where everything that a cell uses comes from.

    Attributes:
        weights: by gate and "x" or "h"; a gate whose rows were not found is left out.
        biases: for each parameter that is no weight, the gates that it feeds.
        constants: what the code itself adds to the sum of each gate; NaN where it is no number.
    """

    weights: dict[tuple[str, str], Source] = field(default_factory=dict)
    biases: dict[str, dict[str, Source]] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether each gate's weights of x and of h, and its biases, were found."""
        fed = [source.block for by in self.biases.values() for source in by.values()]
        known = all(k == k for k in self.constants.values())
        return len(self.weights) == 2 * len(GATES) and None not in fed and known

    def taken(self, part: str) -> str:
        """For each of i, f, g, o, the gate whose rows it takes in nn.LSTMCell's order."""
        found = [self.weights.get((gate, part)) for gate in GATES]
        return "".join(
            GATES[s.block] if s and s.block is not None and s.block < 4 else "?" for s in found
        )

    @property
    def order(self) -> str:
        """The order of the four blocks in each weight, "" where there is no such order."""
        orders = set()
        for part in "xh":
            found = {gate: self.weights.get((gate, part)) for gate in GATES}
            places = {s.block: gate for gate, s in found.items() if s}
            one = len({s.name for s in found.values() if s}) == 1
            orders.add("".join(places.get(k, "") for k in range(4)) if one else "")
        order = orders.pop() if len(orders) == 1 else ""
        return order if len(order) == len(GATES) else ""


def _blocks(p: Tensor, rows: int, reshaped: bool = False) -> Iterator[tuple[str, Tensor]]:
    """A parameter as blocks of rows, ``[blocks, rows, width]``, for each way to lay it."""
    p = p.double()
    if p.numel() == 1:
        yield "one number", p.reshape(1, 1, 1).expand(1, rows, 1)
    if p.dim() == 3:
        for axes in permutations(range(3)):
            if p.shape[axes[1]] == rows:
                yield ("rows" if axes == (0, 1, 2) else "columns"), p.permute(axes)
    matrix = p.reshape(-1, 1) if p.dim() < 2 else p.flatten(0, -2)
    for laid, m in (("rows", matrix), ("columns", matrix.T)):
        if laid == "columns" and p.dim() < 2:
            continue
        if len(m) % rows == 0 and len(m):
            yield laid, m.unflatten(0, (-1, rows))
            if laid == "rows" and m.shape[1] == rows > 1:
                yield "columns", m.unflatten(0, (-1, rows)).mT
        if len(m) == 4 * rows and rows > 1:
            yield "interleaved", m.unflatten(0, (rows, 4)).transpose(0, 1)
    if reshaped and p.dim() == 2 and p.shape[0] == 4 * rows:
        yield "reshaped", p.reshape(p.shape[::-1]).T.unflatten(0, (4, rows))


def find_layout(eye: Eye, lines: Lines) -> Layout:
    """Look every line up among the rows of the parameters, which are as the lines were read."""
    layout = Layout()
    for part, found, columns in zip("xh", (lines.x, lines.h), eye.columns, strict=True):
        width = eye.sizes["xh".index(part)]
        for gate, mine in zip(GATES, found, strict=True):
            matches = [*_look_up(eye, mine, width, columns)]
            # With one unit an entry may match by chance; the others say how the weight is laid.
            laid = {(source.name, source.way) for source in layout.weights.values()}
            matches.sort(key=lambda source: (source.name, source.way) not in laid)
            if matches:
                layout.weights[gate, part] = matches[0]
    used = {source.name for source in layout.weights.values()}
    hidden = eye.sizes[1]
    like_bias = [
        (name, p)
        for name, p in eye.weights.items()
        if p.numel() in (1, hidden, 4 * hidden)
        and (p.dim() < 2 or 1 in p.shape or p.shape == (4, hidden))
        and name not in used
    ]
    rest = {gate: b.clone() for gate, b in zip(GATES, lines.b, strict=True)}
    for name, p in like_bias[:_MOST_BIASES]:
        kept, move = p.clone(), 0.3 * normals(3)(*p.shape)
        p.add_(move)
        grown = eye.offsets() - lines.b
        p.copy_(kept)
        layout.biases[name] = {}
        for gate, by in zip(GATES, grown, strict=True):
            if by.nan_to_num(0.0).abs().max() < 30 * eye.limit:
                continue
            source = _place(eye, name, move, by)
            layout.biases[name][gate] = source
            if source.block is None:
                rest[gate] += torch.nan
            else:
                rest[gate] -= source.times * _rows(p.reshape(-1), hidden, source)[eye.units, 0]
    for gate, left in rest.items():
        known = left[left.isfinite()]
        steady = len(known) and known.std(unbiased=False) < 1e-3
        layout.constants[gate] = round(known.mean().item(), 3) + 0.0 if steady else torch.nan
    return layout


def _close(eye: Eye, one: Tensor, other: Tensor) -> bool:
    """Whether two lines are equal where both could be read."""
    known = one.isfinite() & other.isfinite()
    return bool(known.any()) and eye.same(one[known], other[known], 100)


def _look_up(eye: Eye, mine: Tensor, width: int, columns: Tensor) -> Iterator[Source]:
    """The blocks of the parameters that are these rows."""
    for name, p in eye.weights.items():
        for way, (laid, blocks) in enumerate(_blocks(p, eye.sizes[1], eye.is_function)):
            starts = sorted({0, blocks.shape[2] - width})
            for start in starts if blocks.shape[2] in (width, sum(eye.sizes)) else ():
                for k, block in enumerate(blocks[:, eye.units][:, :, start + columns]):
                    if _close(eye, block, mine):
                        yield Source(name, k, 1, laid, start, way)


def _place(eye: Eye, name: str, move: Tensor, by: Tensor) -> Source:
    """Which block of a bias, taken how many times, makes a gate's offset grow so."""
    for way, (laid, blocks) in enumerate(_blocks(move.reshape(-1), eye.sizes[1])):
        for k, block in enumerate(blocks[:, eye.units, 0]):
            for times in (1, 2):
                if _close(eye, times * block, by):
                    return Source(name, k, times, laid, 0, way)
    return Source(name, None)


def unreached(lines: Lines) -> Finding | None:
    """Gates that x or h never reaches."""
    for who, found in (("x", lines.x), ("h", lines.h)):
        idle = [
            g for g, w in zip(GATES, found, strict=True) if w.nan_to_num(0.0).abs().max() < 1e-3
        ]
        if idle:
            where = "the gates" if len(idle) == len(GATES) else the_gates("".join(idle))
            return "reach", f"{who} never reaches {where}"
    return None


def in_common(eye: Eye, lines: Lines) -> Finding | None:
    """Gates that are made from the same weights or biases; units that share."""
    pairs = list(combinations("figo", 2))
    at = {gate: k for k, gate in enumerate(GATES)}
    for what, found in (("the input weights", lines.x), ("the recurrent weights", lines.h)):
        shared = [p for p in pairs if _close(eye, found[at[p[0]]], found[at[p[1]]])]
        if len(shared) == len(pairs):
            return "all_gates_same_weights", f"all four gates have {what} in common"
        if shared:
            one, other = (at[gate] for gate in shared[0])
            both = the_gates("".join(shared[0]))
            whole = all(_close(eye, v[one], v[other]) for v in (lines.x, lines.h, lines.b))
            if whole:
                said = f"{both} have all their weights and biases in common"
                return _SAME_GATE.get(shared[0], "rows"), said
            return "rows", f"{both} have {what} in common; each needs its own"
    return _tied(eye, lines)


def _tied(eye: Eye, lines: Lines) -> Finding | None:
    """Rows and columns of the weights that are not free."""
    for part, found in (("x", lines.x), ("h", lines.h)):
        what = "features of x" if part == "x" else "units of h"
        known = found.isfinite().all(-1)
        every = torch.cat([rows[ok] for rows, ok in zip(found, known, strict=True)])
        if not len(every):
            continue
        blind = every.abs() < 30 * eye.limit
        if blind.all(0).any():
            return "tied", f"{int(blind.all(0).sum())} of the {blind.shape[1]} {what} reach no gate"
        if every.shape[1] > 1 and eye.same(every, every[:, :1].expand_as(every), 100):
            return "tied", f"the gates see only the mean, or the sum, of the {what}"
        for gate, rows, ok in zip(GATES, found, known, strict=True):
            own = rows[ok]
            if len(own) < 2:
                continue
            if eye.same(own, own[:1].expand_as(own), 100):
                return "tied", f"{the_gates(gate)} is one number for all units, not one for each"
            if (own.abs() < 30 * eye.limit).double().mean() > 0.1:
                return "tied", f"in {the_gates(gate)}, a unit does not see all {what}"
            most = min(own.shape)
            # A lower rank shows sharply in float64 only.
            rank = int(torch.linalg.matrix_rank(own, rtol=1e-7)) if eye.exact else most
            if rank < most:
                names = "weight_ih" if part == "x" else "weight_hh"
                return "low rank", f"the part of `{names}` for {the_gates(gate)} (rank {rank})"
    return None


def of_a_function(layout: Layout) -> Finding | None:
    """What the rows of a function's own arguments show."""
    names = {"x": "w_ih", "h": "w_hh"}
    for laid, said in _TURNED.items():
        turned = {key: s for key, s in layout.weights.items() if s.laid == laid}
        if turned:
            gates = "".join(gate for gate in GATES if {(gate, "x"), (gate, "h")} & turned.keys())
            which = listed(f"`{name}`" for p, name in names.items() if p in {q for _, q in turned})
            where = "" if gates == GATES else f" in {the_gates(gates)}"
            return "missing_transpose", said.format(which) + where
    if any(s.name != names[part] for (_, part), s in layout.weights.items()):
        return "rows", "`w_ih` and `w_hh` are exchanged"
    taken = {name: layout.taken(part) for part, name in names.items()}
    for name in ("b_ih", "b_hh"):
        fed = {g: s.block for g, s in layout.biases.get(name, {}).items()}
        if fed.keys() == {*GATES} and all(k is not None and k < 4 for k in fed.values()):
            taken[name] = "".join(GATES[fed[gate] or 0] for gate in GATES)
    wrong = {name: rows for name, rows in taken.items() if rows != GATES}
    unknown = "".join(
        g for rows in wrong.values() for g, t in zip(GATES, rows, strict=True) if t == "?"
    )
    if unknown:
        return (
            "rows",
            f"the rows of {the_gates(unknown)} in `{next(iter(wrong))}` are none of its own",
        )
    if len({*wrong.values()}) > 1:
        shown = " and ".join(f"those of `{n}` as {', '.join(rows)}" for n, rows in wrong.items())
        return "rows", f"the blocks of rows are taken in several orders, {shown}"
    return _of_rows(next(iter(wrong.values())), [*wrong]) if wrong else None


_TURNED = {
    "columns": "there is no transpose of {}",
    "reshaped": "{}: reshaped, not transposed",
}
_WHAT = {
    "w_ih w_hh b_ih b_hh": "the weights and biases",
    "w_ih w_hh": "the weights (but not the biases)",
    "b_ih b_hh": "both biases",
}


def _of_rows(taken: str, names: list[str]) -> Finding:
    """Which gates take which rows of some parameters, `taken` in the place of i, f, g, o."""
    of = " and ".join(f"`{name}`" for name in names)
    what = _WHAT.get(" ".join(names), f"the rows of {of}")
    biases = not {"w_ih", "w_hh"} & {*names}
    moved = [(to, own) for to, own in zip(GATES, taken, strict=True) if to != own]
    if len({*taken}) == 1:
        return "all_gates_same_weights", f"all four gates take {what} of {taken[0]}"
    said = f"the gates i, f, g, o take {what} of {', '.join(taken)}"
    name = {"ffgo": "forget_used_for_input", "ifgf": "output_gate_from_forget"}.get(taken, "rows")
    if len(moved) == 1:
        said = f"the gate {moved[0][0]} takes {what} of the gate {moved[0][1]}"
    elif sorted(taken) == sorted(GATES):
        name = "gate_order"
        if len(names) > 2:
            order = ", ".join(GATES[taken.index(gate)] for gate in GATES)
            said = f"your code takes the four blocks of rows as {order}"
    return ("wrong_bias_slice" if biases else name), said


def of_biases(eye: Eye, layout: Layout) -> Finding | None:
    """What the biases show: one without effect, twice, misplaced, or a constant."""
    used = {source.name for source in layout.weights.values()}
    counted: dict[tuple[str, str], list[str]] = {}
    for name, fed in layout.biases.items():
        if not _BIAS.search(name) or any(s.laid == "one number" for s in fed.values()):
            continue
        blocks = [source.block for source in fed.values()]
        if None in blocks:
            if eye.is_function:
                return "wrong_bias_slice", f"`{name}` is no part of the sums as it stands"
            continue
        own = "".join(sorted(fed, key=lambda gate: fed[gate].block or 0))
        if len(blocks) > len({*blocks}):
            return "wrong_bias_slice", f"one part of `{name}` feeds {the_gates(''.join(fed))}"
        order = GATES if eye.is_function else layout.order
        if len(fed) == len(GATES) and order and own != order:
            lie = f"the weights lie in the order {', '.join(order)}, `{name}` in the order "
            return "wrong_bias_slice", lie + ", ".join(own)
        layer = f"{name.rpartition('.')[0]}."
        beside = layer == "." or used & {n for n in eye.weights if n.startswith(layer)}
        without = "".join(gate for gate in GATES if gate not in fed)
        one_gate = eye.weights[name].numel() == eye.sizes[1] and not eye.is_function
        if without and (not one_gate if fed else beside):
            counted.setdefault((without, "left out"), []).append(name)
        # Where the whole sum is taken twice, its weights are none of the rows.
        doubled = "".join(g for g, s in fed.items() if s.times == 2 and (g, "x") in layout.weights)
        if doubled:
            counted.setdefault((doubled, "added twice"), []).append(name)
    twice, never = (counted.get((GATES, done), [""])[0] for done in ("added twice", "left out"))
    if twice and never:
        return "bias_twice", f"`{twice}` is added twice, `{never}` never"
    for (gates, done), names in counted.items():
        which = "both biases are" if len(names) == 2 else f"`{names[0]}` is"
        where = "" if gates == GATES else f"in {the_gates(gates)} only, "
        return ("missing_bias" if done == "left out" else "bias_twice"), f"{where}{which} {done}"
    added = "".join(g for g, k in layout.constants.items() if k == k and abs(k) > 2e-3)
    if added and eye.is_function:
        said = (
            f"{layout.constants[added[0]]:g} is added to {the_gates(added)} before the activation"
        )
        return "forget_bias_added", said
    return None


def gathered(
    layout: Layout, weights: Mapping[str, Tensor], sizes: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor] | None:
    """The weights in nn.LSTMCell's layout, from parameters as they are now.

    Returns:
        w_ih ``[4 * hidden_size, input_size]``, w_hh ``[4 * hidden_size, hidden_size]`` and the sum
        of all biases, ``[4 * hidden_size]``; None where not every source is known.
    """
    if not layout.complete:
        return None
    both = []
    for part, width in zip("xh", sizes, strict=True):
        rows = []
        for gate in GATES:
            s = layout.weights[gate, part]
            block = _rows(weights[s.name], sizes[1], s)
            rows.append(block[:, s.start : s.start + width])
        both.append(torch.cat(rows))
    biases = []
    for gate in GATES:
        bias = torch.full((sizes[1],), layout.constants[gate], dtype=torch.float64)
        for fed in layout.biases.values():
            if gate in fed:
                own = _rows(weights[fed[gate].name].reshape(-1), sizes[1], fed[gate])[:, 0]
                bias = bias + fed[gate].times * own
        biases.append(bias)
    return both[0], both[1], torch.cat(biases)


def _rows(p: Tensor, hidden_size: int, source: Source) -> Tensor:
    """The block of a parameter that a source names, ``[hidden_size, width]``."""
    return [*_blocks(p, hidden_size)][source.way][1][source.block]


def describe(cell: object, eye: Eye, layout: Layout) -> str:
    """How a right cell differs from nn.LSTMCell, and so whether weights can be copied."""
    if isinstance(cell, nn.LSTMCell) and type(cell).forward is nn.LSTMCell.forward:
        return "It is nn.LSTMCell's own step."
    own = {name: tensor.shape for name, tensor in eye.weights.items()}
    bias = any("bias" in name for name in own)
    theirs = nn.LSTMCell(*eye.sizes, bias=bias, device="meta").state_dict()
    if own == {name: tensor.shape for name, tensor in theirs.items()}:
        rows = {source.laid for source in layout.weights.values()} == {"rows"}
        if layout.order == GATES and rows and not any(layout.constants.values()):
            return "Parameters, names and gate order are nn.LSTMCell's: its state_dict fits."
        return (
            "Warning: `load_state_dict` would take nn.LSTMCell's weights without an error and "
            f"compute something else, because {_differences(layout)}."
        )
    if len(layout.weights) < 2 * len(GATES):
        return "Its weights are made in a way of their own, so nn.LSTMCell's cannot be copied in."
    return f"Beside nn.LSTMCell: {_differences(layout)}."


def _differences(layout: Layout) -> str:
    laid = {source.laid for source in layout.weights.values()}
    fed = {sum(gate in feeds for feeds in layout.biases.values()) for gate in GATES}
    order, usual = ", ".join(layout.order), ", ".join(GATES)
    same = " as in PyTorch" if order == usual else f", PyTorch's are {usual}"
    added = {gate: k for gate, k in layout.constants.items() if k and k == k}
    differences = {
        f"its four blocks are in the order {order}{same}": bool(order),
        "each gate has weights of its own, not one matrix for all four": not order,
        "one matrix serves x and h side by side": len({s.name for s in layout.weights.values()})
        == 1,
        "weights are stored transposed, `[in, out]`": "columns" in laid,
        "the rows of the four gates are interleaved": "interleaved" in laid,
        "it has no bias": fed == {0},
        "it has one bias, the place of `b_ih + b_hh`": fed == {1},
        **{
            f"the code adds {k:g} to the sum of {gate} by itself": True for gate, k in added.items()
        },
    }
    return "; ".join(words for words, said in differences.items() if said)
