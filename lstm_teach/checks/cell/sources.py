"""Where each gate's sum comes from: which rows or columns of which parameter.

Every line is looked up among the parameters; rules read the table that comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

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
        laid: "rows", "transposed", "interleaved" or "reshaped".
        at: the places of its block in the flattened parameter, ``[hidden_size, width]``; None where
            it is no block of rows.
        times: how many times it is added.
    """

    name: str
    laid: str = "rows"
    at: Tensor | None = None
    times: int = 1

    @property
    def place(self) -> tuple[str, int]:
        """The parameter, and where its block begins."""
        return self.name, -1 if self.at is None else int(self.at[0, 0])

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
        places = [{source.place: g for g, source in by.items()} for by in self.weights.values()]
        orders = {"".join(at[place] for place in sorted(at)) for at in places}
        fused = all(len({name for name, _ in at}) == 1 for at in places)
        order = orders.pop() if fused and len(orders) == 1 else ""
        return order if len(order) == len(GATES) else ""

    def rows(self) -> dict[str, str]:
        """Of each weight, whose rows the gates i, f, g, o take; "?" for nobody's.

        A function's rows have their owners. In a module f, i, g, o in turn own what they take.
        """

        def taken(name: str, by: dict[str, Source]) -> str:
            if self.eye.is_function:
                each = self.eye.weights[name].numel() // len(GATES)
                owner = {(name, k * each): gate for k, gate in enumerate(GATES)}
            else:
                owner = {by[gate].place: gate for gate in "ogif" if gate in by}
            nobody = "????" if self.eye.is_function else GATES
            places = [by[gate].place if gate in by else ("", 0) for gate in GATES]
            return "".join(owner.get(p, n) for p, n in zip(places, nobody, strict=True))

        names = ("w_ih", "w_hh") if self.eye.is_function else ("input weights", "recurrent weights")
        found = {n: taken(n, by) for n, by in zip(names, self.weights.values(), strict=True)}
        # What is amiss with a bias that does not feed all gates, `wrong_biases` says.
        biases = {n: taken(n, by) for n, by in self.biases.items() if len(by) == len(GATES)}
        if self.eye.is_function:
            return found | biases
        same = found[names[1]]
        return found | ({"biases": same} if {*biases.values()} <= {same} else {})


def _blocks(shape: torch.Size, rows: int) -> Iterator[tuple[str, Tensor]]:
    """The places in a flattened parameter as blocks of rows, ``[blocks, rows, width]``, for each
    way to lay it."""
    at = torch.arange(shape.numel()).view(shape)
    at = at.view(-1, 1) if at.dim() < 2 else at if at.dim() == 3 else at.flatten(0, -2)
    cuts = [at.permute(axes) for axes in permutations(range(3))] if at.dim() == 3 else []
    again = at.reshape(at.shape[::-1])
    for m in (at, at.T, again, again.T) if at.dim() == 2 else ():
        if len(m) % rows == 0:
            blocks, dealt = m.unflatten(0, (-1, rows)), m.unflatten(0, (rows, -1))
            cuts += [blocks, dealt.transpose(0, 1), blocks.mT]
    for places in cuts:
        block, row, column = places.stride()
        if places.shape[1] == rows:
            turned = "transposed" if at.dim() == 3 or column == at.shape[1] else "reshaped"
            upright = "interleaved" if block < row and rows > 1 else "rows"
            yield (turned if column > 1 else upright), places


def _candidates(
    eye: Eye, weights: Mapping[str, Tensor], width: int, columns: Tensor
) -> list[tuple[Source, Tensor]]:
    """Every block of rows of so many columns, and what stands there of what is looked at."""
    found = []
    for name, p in weights.items():
        for laid, places in _blocks(p.shape, eye.sizes[1]) if p.numel() else ():
            wide = places.shape[2]
            for start in {0, wide - width} if wide in (width, sum(eye.sizes)) else ():
                at = places[:, :, start : start + width]
                seen = p.reshape(-1)[at[:, eye.units][:, :, columns]].double()
                found += [(Source(name, laid, at[k]), seen[k]) for k in range(len(at))]
    return found


def find_layout(eye: Eye, lines: Lines) -> Layout:
    """Look every line up among the rows of the parameters, which are as the lines were read."""
    layout, hidden, weights = Layout(eye, lines), eye.sizes[1], dict(eye.weights)
    if eye.is_function:  # also what `torch.cat` makes of the two
        for both in (("w_ih", "w_hh"), ("w_hh", "w_ih")):
            weights[", ".join(both)] = torch.cat([eye.weights[name] for name in both], 1)
    for by, width, found, columns in zip(
        layout.weights.values(), eye.sizes, (lines.x, lines.h), eye.columns, strict=True
    ):
        candidates = _candidates(eye, weights, width, columns)
        for gate, mine in zip(GATES, found, strict=True):
            # With one unit an entry may match by chance; the others say how the weight is laid.
            laid = {(source.name, source.laid) for source in layout.used}
            fits = _fitting(eye, candidates, mine)
            for source in sorted(fits, key=lambda s: (s.name, s.laid) not in laid)[:1]:
                by[gate] = source
    used = {source.name for source in layout.used}
    sizes = (1, hidden, 4 * hidden)
    like_bias = [n for n, p in eye.weights.items() if p.numel() in sizes and n not in used]
    rest = dict(zip(GATES, lines.b, strict=True))
    for name in like_bias[:_MOST_BIASES]:
        p = eye.weights[name]
        kept, move = p.clone(), 0.3 * normals(3)(*p.shape)
        p.add_(move)
        grown = eye.offsets() - lines.b
        p.copy_(kept)
        layout.biases[name] = {}
        once = _candidates(eye, {name: move.flatten()}, 1, torch.tensor([0]))
        candidates = [(replace(s, times=n), n * seen) for s, seen in once for n in (1, 2)]
        for gate, by in zip(GATES, grown, strict=True):
            if by.nan_to_num(0.0).abs().max() < 30 * eye.limit:
                continue
            source = next(iter(_fitting(eye, candidates, by[:, None])), Source(name))
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


def _fitting(eye: Eye, candidates: list[tuple[Source, Tensor]], mine: Tensor) -> list[Source]:
    """Those that are equal to a line where it could be read."""
    if not candidates or not mine.isfinite().any():
        return []
    seen = torch.stack([values for _, values in candidates])
    off = ((seen - mine).abs() > 100 * eye.limit * (1 + mine.abs())).flatten(1).any(1)
    return [
        source for (source, _), wrong in zip(candidates, off.tolist(), strict=True) if not wrong
    ]


def tied(layout: Layout) -> Finding | None:
    """Rows and columns of the weights that are not free."""
    eye = layout.eye
    for who, what, name, found in (
        ("x", "features of x", "weight_ih", layout.lines.x),
        ("h", "units of h", "weight_hh", layout.lines.h),
    ):
        each = [rows[rows.isfinite().all(-1)] for rows in found]
        for gates, own in zip((GATES, *GATES), (torch.cat(each), *each), strict=True):
            whole, zero = gates == GATES, own.abs() < 30 * eye.limit
            where = "the gates" if whole else the_gates(gates)
            # A unit is a row, a feature a column.
            unit, feature = (
                len(m) > 1 and eye.same(m, m[:1].expand_as(m), 100) for m in (own, own.T)
            )
            if len(own) and zero.all():
                return "reach", f"{who} never reaches {where}"
            if whole and len(own) and zero.all(0).any():
                blind = zero.all(0).sum()
                return "tied", f"{blind} of the {own.shape[1]} {what} reach no gate"
            if whole and feature:
                return "tied", f"the gates see only the mean, or the sum, of the {what}"
            if whole or len(own) < 2:
                continue
            if unit:
                return "tied", f"{where} is one number for all units, not one for each"
            if zero.double().mean() > 0.1:
                return "tied", f"in {where}, a unit does not see all {what}"
            # A lower rank shows sharply in float64 only.
            if eye.exact and torch.linalg.matrix_rank(own, rtol=1e-7) < min(own.shape):
                return "low rank", f"the part of `{name}` for {where}"
    return None


def turned(layout: Layout) -> Finding | None:
    """Weights of a function that are not taken by blocks of rows."""
    named = {"w_ih": layout.weights["x"], "w_hh": layout.weights["h"], **layout.biases}
    kinds = {"transposed": "there is no transpose of", "reshaped": "reshaped only:"}
    for laid in (*kinds, "interleaved") if layout.eye.is_function else ():
        found = {
            n: gates
            for n, by in named.items()
            if (gates := {g for g, s in by.items() if s.laid == laid})
        }
        if not found:
            continue
        names = listed(f"`{name}`" for name in found)
        if laid == "interleaved":
            return laid, f"each gate takes every fourth row of {names}"
        those = "".join(gate for gate in GATES if gate in set().union(*found.values()))
        where = "" if those == GATES else f" in {the_gates(those)}"
        return "missing_transpose", f"{kinds[laid]} {names}{where}"
    return None


def joined(layout: Layout) -> Finding | None:
    """x and h side by side in one order, and a function's two weights in the other."""
    given = {"w_ih, w_hh": "h, x", "w_hh, w_ih": "x, h"}
    for weights in {source.name for source in layout.used} & given.keys():
        return "joined", f"x and h go in as `{given[weights]}`, their weights as `{weights}`"
    return None


_WHAT = {
    "w_ih w_hh b_ih b_hh": "the weights and biases",
    "w_ih w_hh": "the weights (but not the biases)",
    "b_ih b_hh": "both biases",
    "input weights recurrent weights biases": "the weights and biases",
}


def wrong_rows(layout: Layout) -> Finding | None:
    """Gates that take the rows of another gate."""
    wrong = {name: rows for name, rows in layout.rows().items() if rows != GATES}
    if not wrong:
        return None
    taken, is_function = next(iter(wrong.values())), layout.eye.is_function
    names = [name for name in wrong if wrong[name] == taken]
    named = {"ffgo": "forget_used_for_input", "ifgf": "output_gate_from_forget"}
    name = named.get(taken, "rows") if is_function or len(names) > 1 else "rows"
    if is_function and names[0][0] == "b":
        name = "wrong_bias_slice"
    elif len({*taken}) == 1 and taken[0] in GATES:
        name = "all_gates_same_weights"
    elif is_function and sorted(taken) == sorted(GATES):
        name = "gate_order"
    unknown = "".join(g for g, t in zip(GATES, taken, strict=True) if t == "?")
    if unknown:
        said = f"for {the_gates(unknown)}, what is taken of `{names[0]}` is no block of its rows"
        return name, f"{said}; it may be scaled, or cut in another place"
    of = f"the rows of {listed(f'`{name}`' for name in names)}"
    what = _WHAT.get(" ".join(names)) or (of if is_function else f"the {listed(names)}")
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
    used = {source.name for source in layout.used}
    counted: dict[tuple[str, str], list[str]] = {}
    for name, fed in layout.biases.items():
        if not _BIAS.search(name) or any(source.at is None for source in fed.values()):
            continue
        one_gate = layout.eye.weights[name].numel() == layout.eye.sizes[1]
        if len({source.place for source in fed.values()}) < len(fed):
            what = f"`{name}`" if one_gate else f"one part of `{name}`"
            kind = "one bias" if one_gate else "wrong_bias_slice"
            return kind, f"{what} feeds {the_gates(''.join(fed))}"
        layer = f"{name.rpartition('.')[0]}."
        beside = layer == "." or any(other.startswith(layer) for other in used)
        without = "".join(gate for gate in GATES if gate not in fed)
        if without and (not one_gate if fed else beside):
            counted.setdefault((without, "left out"), []).append(name)
        # Where the whole sum is taken twice, its weights are none of the rows.
        doubled = "".join(g for g, s in fed.items() if s.times == 2 and g in layout.weights["x"])
        if doubled:
            counted.setdefault((doubled, "added twice"), []).append(name)
    if {(GATES, "added twice"), (GATES, "left out")} <= counted.keys():
        (twice, *_), (never, *_) = counted[GATES, "added twice"], counted[GATES, "left out"]
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
    for rule in (tied, turned, joined, wrong_rows, wrong_biases, added):
        found = rule(layout)
        if found and rule in (tied, wrong_rows) and not eye.is_function:
            # Two may be alike by chance.
            found = rule(find_layout(eye, eye.lines((8,)))) and found
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
    b = (
        torch.tensor([layout.constants[g] for g in GATES])
        .double()
        .repeat_interleave(len(w_hh) // 4)
    )
    for gate, source in fed:
        b.chunk(4)[GATES.index(gate)].add_(source.out_of(weights)[:, 0])
    return None if b.isnan().any() else {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b, "b_hh": 0 * b}


def describe(layout: Layout) -> str:
    """How a right cell differs from nn.LSTMCell, and so whether weights can be copied."""
    eye, order = layout.eye, layout.order
    if len(layout.used) < 2 * len(GATES):
        return "Its weights are made in a way of their own, so nn.LSTMCell's cannot be copied in."
    blocks = f"its four blocks are in the order {', '.join(order)}"
    adds = {g: k for g, k in layout.constants.items() if abs(k) > 0}
    differences = [
        *[blocks if order else "each gate has weights of its own"][order == GATES :],
        *(f"weights are stored {source.laid}" for source in layout.used if source.laid != "rows"),
        *(f"the code adds {k:g} to the sum of {g}" for g, k in adds.items()),
    ]
    said = "; ".join(dict.fromkeys(differences))
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
