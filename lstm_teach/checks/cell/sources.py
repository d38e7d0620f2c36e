"""Where each gate's sum comes from: which rows or columns of which parameter.

Every line is looked up among the parameters; rules read the table that comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, permutations, product

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import listed, normals
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.mistakes import the_gates
from lstm_teach.checks.cell.reading import Eye, Lines

Finding = tuple[str, str]
"""A name in `WORDS`, and what the cell does, a sentence that begins with a small letter."""

_BIAS = re.compile(r"(^|[._])b[^.]*$|bias[^.]*$", re.IGNORECASE)
_MOST_BIASES = 24


@dataclass(frozen=True)
class Source:
    """Where what x, h or a bias puts into a gate comes from.

    Attributes:
        name: the parameter.
        laid: "rows", "transposed", "interleaved", "reshaped" or "one number".
        block: which of its blocks of hidden_size rows; None where it is none of them.
        at: the places of that block in the flattened parameter, ``[hidden_size, width]``.
        times: how many times it is added.
    """

    name: str
    laid: str = "rows"
    block: int | None = None
    at: Tensor | None = None
    times: int = 1

    def out_of(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The block, ``[hidden_size, width]``, as its parameter is now."""
        return self.times * weights[self.name].reshape(-1)[self.at].double()


@dataclass
class Layout:
    """Where everything that a cell uses comes from.

    Attributes:
        eye: looked at the cell.
        lines: what it saw.
        weights: of "x" and of "h", the source for each gate; a gate whose rows were not found is
            left out.
        biases: likewise of each parameter that is no weight; a gate that it does not feed is left
            out.
        constants: what the code itself adds to the sum of each gate; NaN where it is no number.
    """

    eye: Eye
    lines: Lines
    weights: dict[str, dict[str, Source]] = field(default_factory=lambda: {"x": {}, "h": {}})
    biases: dict[str, dict[str, Source]] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)

    @property
    def used(self) -> list[Source]:
        """The sources of x and h."""
        return [source for by in self.weights.values() for source in by.values()]

    @property
    def order(self) -> str:
        """The order of the four blocks in each weight, "" where there is no such order."""
        places = [{(s.name, s.block): g for g, s in by.items()} for by in self.weights.values()]
        orders = {"".join(at[place] for place in sorted(at)) for at in places}
        fused = all(len({name for name, _ in at}) == 1 for at in places)
        order = orders.pop() if fused and len(orders) == 1 else ""
        return order if len(order) == len(GATES) else ""

    def rows(self) -> dict[str, str]:
        """Of each weight, whose rows the gates i, f, g, o take; "?" for nobody's.

        A function's rows have their owners. In a module f, i, g, o in turn own what they take.
        """
        if self.eye.is_function:
            found = {"w_ih": self.weights["x"], "w_hh": self.weights["h"], **self.biases}
            taken = {n: "".join(_owner(n, by.get(g)) for g in GATES) for n, by in found.items()}
            # What is amiss with a bias that does not feed all gates, `wrong_biases` says.
            return {n: rows for n, rows in taken.items() if n[0] == "w" or "?" not in rows}

        def alike(found: Tensor, one: str, other: str) -> bool:
            return _close(self.eye, found[GATES.index(one)], found[GATES.index(other)])

        weights = {"input weights": self.lines.x, "recurrent weights": self.lines.h}
        taken = {
            name: "".join(next((k for k in "figo" if alike(w, k, gate)), gate) for gate in GATES)
            for name, w in weights.items()
        }
        same = taken["recurrent weights"]
        shared = all(alike(self.lines.b, *both) for both in zip(same, GATES, strict=True))
        return taken | ({"biases": same} if shared else {})


def _owner(name: str, source: Source | None) -> str:
    known = source and source.name == name and source.block in range(4)
    return GATES[source.block] if known else "?"  # type: ignore[union-attr, index]


def _blocks(shape: torch.Size, rows: int) -> Iterator[tuple[str, Tensor]]:
    """The places in a flattened parameter as blocks of rows, ``[blocks, rows, width]``, for each
    way to lay it."""
    at = torch.arange(shape.numel()).view(shape)
    if at.numel() == 1:
        yield "one number", at.reshape(1, 1, 1).expand(1, rows, 1)
    if at.dim() == 3:
        for axes in permutations(range(3)):
            if at.shape[axes[1]] == rows:
                yield ("rows" if axes == (0, 1, 2) else "transposed"), at.permute(axes)
    matrix = at.reshape(-1, 1) if at.dim() < 2 else at.flatten(0, -2)
    for laid, m in (("rows", matrix), ("transposed", matrix.T))[: at.dim()]:
        if len(m) % rows == 0 and len(m):
            yield laid, m.unflatten(0, (-1, rows))
            if laid == "rows" and m.shape[1] == rows > 1:
                yield "transposed", m.unflatten(0, (-1, rows)).mT
        if len(m) == 4 * rows and rows > 1:
            yield "interleaved", m.unflatten(0, (rows, 4)).transpose(0, 1)
    if at.dim() == 2 and at.shape[0] == 4 * rows:
        yield "reshaped", at.reshape(at.shape[::-1]).T.unflatten(0, (4, rows))


def find_layout(eye: Eye, lines: Lines) -> Layout:
    """Look every line up among the rows of the parameters, which are as the lines were read."""
    layout, hidden = Layout(eye, lines), eye.sizes[1]

    @cache
    def blocks(shape: torch.Size) -> list[tuple[str, Tensor]]:
        return [*_blocks(shape, hidden)]

    def look_up(
        name: str, p: Tensor, mine: Tensor, columns: Tensor, width: int, most: int = 1
    ) -> Iterator[Source]:
        for laid, places in blocks(p.shape):
            wide = places.shape[2]
            for start in {0, wide - width} if wide in (width, sum(eye.sizes)) else ():
                at = places[:, :, start : start + width]
                seen = p.reshape(-1)[at[:, eye.units][:, :, columns]].double()
                for k, times in product(range(len(at)), range(1, 1 + most)):
                    if _close(eye, times * seen[k], mine):
                        yield Source(name, laid, k, at[k], times)

    for by, width, found, columns in zip(
        layout.weights.values(), eye.sizes, (lines.x, lines.h), eye.columns, strict=True
    ):
        for gate, mine in zip(GATES, found, strict=True):
            # With one unit an entry may match by chance; the others say how the weight is laid.
            laid = {(source.name, source.laid) for source in layout.used}
            each = (look_up(n, p, mine, columns, width) for n, p in eye.weights.items())
            matches = [*chain.from_iterable(each)]
            for source in sorted(matches, key=lambda s: (s.name, s.laid) not in laid)[:1]:
                by[gate] = source
    weights = {source.name for source in layout.used}
    like_bias = [
        name
        for name, p in eye.weights.items()
        if p.numel() in (1, hidden, 4 * hidden)
        and (p.dim() < 2 or 1 in p.shape or p.shape == (4, hidden))
        and name not in weights
    ]
    rest = dict(zip(GATES, lines.b, strict=True))
    for name in like_bias[:_MOST_BIASES]:
        p = eye.weights[name]
        kept, move = p.clone(), 0.3 * normals(3)(*p.shape)
        p.add_(move)
        grown = eye.offsets() - lines.b
        p.copy_(kept)
        layout.biases[name] = {}
        for gate, by in zip(GATES, grown, strict=True):
            if by.nan_to_num(0.0).abs().max() >= 30 * eye.limit:
                flat, first = move.reshape(-1), torch.tensor([0])
                source = next(look_up(name, flat, by[:, None], first, 1, most=2), Source(name))
                layout.biases[name][gate] = source
                known = source.at is not None
                rest[gate] = rest[gate] - (
                    source.out_of(eye.weights)[eye.units, 0] if known else torch.nan
                )
    for gate, left in rest.items():
        known = left[left.isfinite()]
        steady = len(known) and known.std(unbiased=False) < 1e-3
        layout.constants[gate] = round(known.mean().item(), 3) + 0.0 if steady else torch.nan
    return layout


def _close(eye: Eye, one: Tensor, other: Tensor) -> bool:
    """Whether two lines are equal where both could be read."""
    known = one.isfinite() & other.isfinite()
    return bool(known.any()) and eye.same(one[known], other[known], 100)


def tied(layout: Layout) -> Finding | None:
    """Rows and columns of the weights that are not free."""
    eye = layout.eye
    for who, what, name, found in (
        ("x", "features of x", "weight_ih", layout.lines.x),
        ("h", "units of h", "weight_hh", layout.lines.h),
    ):
        small = found.nan_to_num(0.0).abs() < 30 * eye.limit
        idle = "".join(g for g, none in zip(GATES, small.all(2).all(1), strict=True) if none)
        if idle:
            gates = "the gates" if idle == GATES else the_gates(idle)
            return "reach", f"{who} never reaches {gates}"
        each = [rows[rows.isfinite().all(-1)] for rows in found]
        every = torch.cat(each)
        if not len(every):
            continue
        blind = (every.abs() < 30 * eye.limit).all(0)
        if blind.any():
            return "tied", f"{int(blind.sum())} of the {len(blind)} {what} reach no gate"
        if every.shape[1] > 1 and eye.same(every, every[:, :1].expand_as(every), 100):
            return "tied", f"the gates see only the mean, or the sum, of the {what}"
        for gate, own in zip(GATES, each, strict=True):
            if len(own) > 1 and eye.same(own, own[:1].expand_as(own), 100):
                return "tied", f"{the_gates(gate)} is one number for all units, not one for each"
            if len(own) > 1 and (own.abs() < 30 * eye.limit).double().mean() > 0.1:
                return "tied", f"in {the_gates(gate)}, a unit does not see all {what}"
            # A lower rank shows sharply in float64 only.
            if eye.exact and torch.linalg.matrix_rank(own, rtol=1e-7) < min(own.shape):
                return "low rank", f"the part of `{name}` for {the_gates(gate)}"
    return None


def turned(layout: Layout) -> Finding | None:
    """Weights of a function that are not transposed."""
    for laid, said in (("transposed", "there is no transpose of"), ("reshaped", "reshaped only:")):
        found = {
            (name, gate)
            for name, by in zip(("`w_ih`", "`w_hh`"), layout.weights.values(), strict=True)
            for gate, source in by.items()
            if source.laid == laid
        }
        if found and layout.eye.is_function:
            gates = "".join(gate for gate in GATES if gate in {gate for _, gate in found})
            where = "" if gates == GATES else f" in {the_gates(gates)}"
            names = sorted({name for name, _ in found}, reverse=True)
            return "missing_transpose", f"{said} {listed(names)}{where}"
    return None


_WHAT = {
    "w_ih w_hh b_ih b_hh": "the weights and biases",
    "w_ih w_hh": "the weights (but not the biases)",
    "b_ih b_hh": "both biases",
    "input weights recurrent weights biases": "the weights and biases",
}


def dealt_out(layout: Layout) -> Finding | None:
    """Rows of a function's weights that go to the gates in turn, and not in blocks."""
    sources = [*layout.used, *(s for by in layout.biases.values() for s in by.values())]
    dealt = {f"`{source.name}`" for source in sources if source.laid == "interleaved"}
    if not dealt or not layout.eye.is_function:
        return None
    return "interleaved", f"each gate takes every fourth row of {listed(sorted(dealt)[::-1])}"


def joined(layout: Layout) -> Finding | None:
    """x and h side by side in one order, and a function's two weights in the other."""
    eye, (i, h) = layout.eye, layout.eye.sizes
    if not eye.is_function:
        return None
    w_ih, w_hh = eye.weights["w_ih"], eye.weights["w_hh"]
    h_first, x_first = (torch.cat(w, 1).unflatten(0, (4, h)) for w in ((w_ih, w_hh), (w_hh, w_ih)))
    for given, weights, of_x, of_h in (
        ("h, x", "w_ih, w_hh", h_first[..., h:], h_first[..., :h]),
        ("x, h", "w_hh, w_ih", x_first[..., :i], x_first[..., i:]),
    ):
        both = zip((of_x, of_h), (layout.lines.x, layout.lines.h), eye.columns, strict=True)
        if all(_close(eye, w[:, eye.units][..., at].double(), seen) for w, seen, at in both):
            return "joined", f"x and h go in as `{given}`, their weights as `{weights}`"
    return None


def wrong_rows(layout: Layout) -> Finding | None:
    """Gates that take the rows of another gate."""
    wrong = {name: rows for name, rows in layout.rows().items() if rows != GATES}
    names = [*wrong]
    if not wrong:
        return None
    taken, is_function = wrong[names[0]], layout.eye.is_function
    names = [name for name in names if wrong[name] == taken]
    unknown = "".join(g for g, t in zip(GATES, taken, strict=True) if t == "?")
    if unknown:
        said = f"for {the_gates(unknown)}, what is taken of `{names[0]}` is no block of its rows"
        return "rows", f"{said}; it may be scaled, or cut in another place"
    of = f"the rows of {listed(f'`{name}`' for name in names)}"
    what = _WHAT.get(" ".join(names)) or (of if is_function else f"the {listed(names)}")
    named = {"ffgo": "forget_used_for_input", "ifgf": "output_gate_from_forget"}
    name = named.get(taken, "rows") if is_function or len(names) > 1 else "rows"
    if is_function and names[0][0] == "b":
        name = "wrong_bias_slice"
    elif len({*taken}) == 1:
        name = "all_gates_same_weights"
    elif is_function and sorted(taken) == sorted(GATES):
        name = "gate_order"
    moved = [(to, own) for to, own in zip(GATES, taken, strict=True) if to != own]
    if len({*taken}) == 1:
        return name, f"all four gates take {what} of {taken[0]}"
    if len(moved) == 1:
        return name, f"the gate {moved[0][0]} takes {what} of the gate {moved[0][1]}"
    if name == "gate_order" and len(names) > 2:
        order = ", ".join(GATES[taken.index(gate)] for gate in GATES)
        return name, f"your code takes the four blocks of rows as {order}"
    return name, f"the gates i, f, g, o take {what} of {', '.join(taken)}"


def wrong_biases(layout: Layout) -> Finding | None:
    """A bias that is misplaced, without effect, or taken twice."""
    is_function, hidden = layout.eye.is_function, layout.eye.sizes[1]
    order = GATES if is_function else layout.order
    used = {source.name for source in layout.used}
    counted: dict[tuple[str, str], list[str]] = {}
    for name, fed in layout.biases.items():
        if not _BIAS.search(name) or any(s.laid == "one number" for s in fed.values()):
            continue
        blocks = [-1 if source.block is None else source.block for source in fed.values()]
        if -1 in blocks:
            if is_function:
                return "wrong_bias_slice", f"`{name}` is no part of the sums as it stands"
            continue
        own = "".join(gate for _, gate in sorted(zip(blocks, fed, strict=True)))
        if len(blocks) > len({*blocks}):
            return "wrong_bias_slice", f"one part of `{name}` feeds {the_gates(''.join(fed))}"
        if len(fed) == len(GATES) and order and own != order:
            lie = f"the weights lie in the order {', '.join(order)}, `{name}` in the order "
            return "wrong_bias_slice", lie + ", ".join(own)
        layer = f"{name.rpartition('.')[0]}."
        beside = layer == "." or any(other.startswith(layer) for other in used)
        one_gate = layout.eye.weights[name].numel() == hidden and not is_function
        without = "".join(gate for gate in GATES if gate not in fed)
        if without and (not one_gate if fed else beside):
            counted.setdefault((without, "left out"), []).append(name)
        # Where the whole sum is taken twice, its weights are none of the rows.
        doubled = "".join(g for g, s in fed.items() if s.times == 2 and g in layout.weights["x"])
        if doubled:
            counted.setdefault((doubled, "added twice"), []).append(name)
    twice, never = (counted.get((GATES, done), [""])[0] for done in ("added twice", "left out"))
    if twice and never:
        return "bias_twice", f"`{twice}` is added twice, `{never}` never"
    for (gates, done), names in counted.items():
        which = "both biases are" if len(names) == 2 else f"`{names[0]}` is"
        where = "" if gates == GATES else f"in {the_gates(gates)} only, "
        return ("missing_bias" if done == "left out" else "bias_twice"), f"{where}{which} {done}"
    return None


def added(layout: Layout) -> Finding | None:
    """A number that a function adds to the sums by itself."""
    by = {gate: k for gate, k in layout.constants.items() if k == k and abs(k) > 2e-3}
    if not by or not layout.eye.is_function:
        return None
    gates, k = the_gates("".join(by)), next(iter(by.values()))
    return "forget_bias_added", f"{k:g} is added to {gates} before the activation"


def wrong_source(layout: Layout) -> Finding | None:
    """What is wrong with where the sums come from; the first that is found is told."""
    eye = layout.eye
    for rule in (tied, turned, dealt_out, joined, wrong_rows, wrong_biases, added):
        found = rule(layout)
        if found and rule in (tied, wrong_rows) and not eye.is_function:
            # Two may be alike by chance.
            found = rule(Layout(eye, eye.lines((8,)))) and found
        if found:
            return found
    return None


def gathered(layout: Layout, weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The weights in nn.LSTMCell's layout, from parameters as they are now, w_ih, w_hh, b_ih and
    b_hh, with all biases in b_ih; None where not every source is known."""
    fed = [(gate, source) for by in layout.biases.values() for gate, source in by.items()]
    if len(layout.used) < 2 * len(GATES) or any(source.at is None for _, source in fed):
        return None
    w_ih, w_hh = (
        torch.cat([by[gate].out_of(weights) for gate in GATES]) for by in layout.weights.values()
    )
    each = {g: w_hh.new_full((layout.eye.sizes[1],), layout.constants[g]) for g in GATES}
    for gate, source in fed:
        each[gate] += source.out_of(weights)[:, 0]
    b = torch.cat([*each.values()])
    return None if b.isnan().any() else {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b, "b_hh": 0 * b}


def describe(layout: Layout) -> str:
    """How a right cell differs from nn.LSTMCell, and so whether weights can be copied."""
    eye, order = layout.eye, layout.order
    if len(layout.used) < 2 * len(GATES):
        return "Its weights are made in a way of their own, so nn.LSTMCell's cannot be copied in."
    blocks = f"its four blocks are in the order {', '.join(order)}"
    differences = {
        blocks if order else "each gate has weights of its own": order != GATES,
        **{f"weights are stored {s.laid}": s.laid != "rows" for s in layout.used},
        **{
            f"the code adds {k:g} to the sum of {g}": abs(k) > 0
            for g, k in layout.constants.items()
        },
    }
    said = "; ".join(words for words, differs in differences.items() if differs)
    bias = any("bias" in name for name in eye.weights)
    theirs = nn.LSTMCell(*eye.sizes, bias=bias, device="meta").state_dict()
    if {n: w.shape for n, w in eye.weights.items()} != {n: w.shape for n, w in theirs.items()}:
        return f"Beside nn.LSTMCell: {said or 'its parameters have other names or shapes'}."
    if not said:
        return "Parameters, names and gate order are nn.LSTMCell's: its state_dict fits."
    return (
        "Warning: `load_state_dict` would take nn.LSTMCell's weights without an error and compute "
        f"something else, because {said}."
    )
