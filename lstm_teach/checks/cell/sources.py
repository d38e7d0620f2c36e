"""Where each gate's sum comes from: which block of which parameter.

All weights are random numbers, so a line that was read is a row of one of them: it is looked up.
Rules read the table of which gate takes which block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations, product
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import listed, normals
from lstm_teach.checks.cell.equations import FORMS, GATES, the_gates
from lstm_teach.checks.cell.reading import Eye, Lines
from lstm_teach.checks.mistake import Mistake

Finding = tuple[str | Mistake, str]
"""A form, or a name in `WORDS`, and what the cell does, a sentence that begins small."""

_BIAS = re.compile(r"(^|[._])b[^.]*$|bias[^.]*$", re.IGNORECASE)
_MOST_BIASES, _MOST_BLOCKS = 24, 64
_LAID: dict[tuple[int, ...], str] = {(0, 1, 2): "rows", (1, 0, 2): "interleaved"}
"""By the order of blocks, rows and columns in memory; any other is transposed."""


@dataclass(frozen=True)
class Source:
    """The block of the parameter `name` that feeds a gate, so many `times`, such as -1 or 0.5.

    A block is `[hidden_size, width]`, and stands `at` these places of the flattened parameter, from
    `start` on, which is -1 where it is none. It is `laid` in "rows", "transposed" or
    "interleaved"; a bias that is one number for all units is "tied".
    """

    name: str
    start: int = -1
    laid: str = "rows"
    at: Tensor | None = None
    times: float = 1

    def out_of(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The block, as its parameter is now."""
        return self.times * weights[self.name].reshape(-1)[self.at].double()


@dataclass
class Layout:
    """Where everything that a cell uses comes from.

    The `weights` of "x" and "h" are the source of each gate whose rows were found; the `biases`,
    of each parameter that is no weight, that of each gate that it feeds. `constants` is what the
    code itself adds to the sum of each gate; NaN where it is no number.
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
        orders = set()
        for by in self.weights.values():
            blocks = {source.start: gate for gate, source in by.items()}
            fused = len(blocks) == len(GATES) and len({source.name for source in by.values()}) == 1
            orders.add("".join(blocks[k] for k in sorted(blocks)) if fused else "")
        return orders.pop() if len(orders) == 1 else ""

    def taken(self) -> dict[str, str]:
        """Of each weight, whose rows the gates i, f, g, o take; "?" for nobody's.

        A function's rows have their owners. In a module f, i, g, o in turn own what they take.
        """
        feeds = {"input weights": self.weights["x"], "recurrent weights": self.weights["h"]}
        if self.eye.is_function:
            feeds = {"w_ih": self.weights["x"], "w_hh": self.weights["h"]}
            # What is amiss with a bias that does not feed all gates, `wrong_biases` says.
            feeds |= {name: by for name, by in self.biases.items() if len(by) == len(GATES)}
        found = {}
        for name, by in feeds.items():
            blocks = {gate: (s.name, s.start, s.times < 0) for gate, s in by.items()}
            owners: dict[Any, str] = {blocks[gate]: gate for gate in "ogif" if gate in blocks}
            nobody = GATES
            if self.eye.is_function:
                size, nobody = self.eye.weights[name].numel() // len(GATES), "????"
                owners = {(name, k * size, False): gate for k, gate in enumerate(GATES)}
            own = [owners.get(blocks.get(g), none) for g, none in zip(GATES, nobody, strict=True)]
            found[name] = "".join(own)
        return found


def _blocks(count: int, rows: int, width: int) -> Iterator[tuple[str, Tensor]]:
    """The places of blocks of rows among so many numbers, `[blocks, rows, width]`, in every order
    that the three axes may have in memory."""
    sizes = count // (rows * width), rows, width
    whole = count == sizes[0] * rows * width and sizes[0] <= _MOST_BLOCKS
    for order in permutations(range(3)) if whole else ():
        at = torch.arange(count).view([sizes[axis] for axis in order])
        yield _LAID.get(order, "transposed"), at.permute([order.index(axis) for axis in range(3)])


def _looked_up(
    eye: Eye,
    weights: Mapping[str, Tensor],
    lines: Tensor,
    columns: Tensor,
    width: int,
    times: Sequence[float],
) -> dict[str, Source]:
    """Of each gate the block of these weights that is its line, where that could be read, taken as
    often as one of `times`, in a module also with a minus; the nearest, since one of few numbers
    may be like another by chance."""
    sources, values = [], [torch.empty(0, *lines.shape[1:]).double()]
    times = times if eye.is_function else [*times, *(-k for k in times)]
    for name, p in weights.items():
        for wide in (sum(eye.sizes), width):
            for laid, blocks in _blocks(p.numel(), eye.sizes[1], wide):
                for start, k in product({0, wide - width}, times):
                    at = blocks[:, :, start : start + width]
                    sources += [Source(name, int(block[0, 0]), laid, block, k) for block in at]
                    values.append(k * p.reshape(-1)[at[:, eye.units][:, :, columns]].double())
    seen, found = torch.cat(values), {}
    for gate, mine in zip(GATES, lines, strict=True):
        off = ((seen - mine).abs() / (1 + mine.abs())).nan_to_num(0.0).flatten(1).amax(1)
        fits = torch.nonzero(off <= 100 * eye.limit).flatten().tolist()
        if fits and mine.isfinite().any():
            nearest = min(fits, key=lambda k: round(off[k].clamp(min=1e-9).log10().item()))
            found[gate] = sources[nearest]
    return found


def find_layout(eye: Eye, lines: Lines) -> Layout:
    """Look every line up among the parameters, which are as the lines were read."""
    layout, hidden = Layout(eye, lines), eye.sizes[1]
    for by, width, found, columns in zip(
        layout.weights.values(), eye.sizes, (lines.x, lines.h), eye.columns, strict=True
    ):
        by |= _looked_up(eye, eye.weights, found, columns, width, (1, 2, 0.5))
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
        fed = layout.biases.setdefault(name, {})
        fits = _looked_up(eye, {name: move}, grown[..., None], torch.tensor([0]), 1, (1, 2))
        for gate, by in zip(GATES, grown, strict=True):
            if by.nan_to_num(0.0).abs().max() > 30 * eye.limit:
                flat = eye.same(by, by[:1].expand_as(by)) and len(by) > 1
                source = fits.get(gate, Source(name, laid="tied" if flat else "rows"))
                known = source.at is not None
                own = source.out_of(eye.weights)[eye.units, 0] if known else torch.nan
                fed[gate], rest[gate] = source, rest[gate] - own
    for gate, left in rest.items():
        known = left[left.isfinite()]
        steady = len(known) and known.std(unbiased=False) < 1e-3
        layout.constants[gate] = round(known.mean().item(), 3) + 0.0 if steady else torch.nan
    return layout


def tied(layout: Layout) -> Finding | None:
    """Rows and columns of the weights that are not free."""
    eye = layout.eye
    for who, what, name, found in (
        ("x", "features of x", "weight_ih", layout.lines.x),
        ("h", "units of h", "weight_hh", layout.lines.h),
    ):
        each = {k: rows[rows.isfinite().all(-1)] for k, rows in zip(GATES, found, strict=True)}
        zeros = {k: own.abs() < 30 * eye.limit for k, own in each.items()}
        blind = "".join(k for k, zero in zeros.items() if len(zero) and zero.all())
        if blind:
            return "reach", f"{who} never reaches {the_gates(blind)}"
        for gate, own in each.items():
            if len(own) < 2:
                continue
            if eye.same(own, own[:1].expand_as(own), 100):
                return "tied", f"the gate {gate} is one number for all units, not one for each"
            if own.shape[1] > 1 and eye.same(own, own[:, :1].expand_as(own), 100):
                return "tied", f"the gate {gate} sees only the mean, or the sum, of the {what}"
            if zeros[gate].all(0).any() or zeros[gate].double().mean() > 0.1:
                return "tied", f"in the gate {gate}, a unit does not see all {what}"
            # A lower rank shows sharply in float64 only.
            if eye.exact and torch.linalg.matrix_rank(own, rtol=1e-7) < min(own.shape):
                return "low rank", f"the part of `{name}` for the gate {gate}"
    return None


def turned(layout: Layout) -> Finding | None:
    """Weights of a function that are not taken by blocks of rows, or not in their order."""
    feeds = {"w_ih": layout.weights["x"], "w_hh": layout.weights["h"], **layout.biases}
    for laid in ("transposed", "interleaved") if layout.eye.is_function else ():
        found = {n: "".join(g for g in by if by[g].laid == laid) for n, by in feeds.items()}
        names = listed(f"`{name}`" for name, gates in found.items() if gates)
        if not names:
            continue
        if laid == "interleaved":
            return laid, f"each gate takes every fourth row of {names}"
        those = [gate for gate in GATES if gate in "".join(found.values())]
        where = "" if len(those) == len(GATES) else f" in {the_gates(those)}"
        return "missing_transpose", f"there is no transpose of {names}{where}"
    return None


def wrong_rows(layout: Layout) -> Finding | None:
    """Gates that take the rows of another gate."""
    wrong = {name: rows for name, rows in layout.taken().items() if rows != GATES}
    if not wrong:
        return None
    taken, is_function = next(iter(wrong.values())), layout.eye.is_function
    names = [name for name in wrong if wrong[name] == taken]
    named = {4 * gate: "all_gates_same_weights" for gate in GATES}
    if is_function:
        named |= {"".join(order): "gate_order" for order in permutations(GATES)}
    if is_function or len(names) > 1:
        named |= {"ffgo": "forget_used_for_input", "ifgf": "output_gate_from_forget"}
    verdict = "wrong_bias_slice" if names[0].startswith("b") else named.get(taken, "rows")
    unknown = "".join(gate for gate, own in zip(GATES, taken, strict=True) if own == "?")
    if unknown:
        said = f"for {the_gates(unknown)}, what is taken of `{names[0]}` is no block of its rows"
        return verdict, f"{said}; it may be scaled, cut elsewhere, or joined in another order"
    what = f"the {listed(names)}"
    if is_function:
        what = f"the rows of {listed(f'`{name}`' for name in names)}"
    moved = [(to, own) for to, own in zip(GATES, taken, strict=True) if to != own]
    if len({*taken}) == 1 and is_function:
        return verdict, f"all four gates take {what} of {taken[0]}"
    if len({*taken}) == 1:
        return verdict, f"all four gates take the same {listed(names)}"
    if len(moved) == 1 and not is_function:  # nobody can say whose they are
        both = the_gates(sorted(moved[0], key=GATES.index))
        return verdict, f"{both} take the same {listed(names)}"
    if len(moved) == 1:
        return verdict, f"the gate {moved[0][0]} takes {what} of the gate {moved[0][1]}"
    if verdict == "gate_order" and len(names) > 2:
        order = ", ".join(GATES[taken.index(gate)] for gate in GATES)
        return verdict, f"your code takes the four blocks of rows as {order}"
    return verdict, f"the gates i, f, g, o take {what} of {', '.join(taken)}"


def wrong_biases(layout: Layout) -> Finding | None:
    """A bias that is misplaced, without effect, or taken twice."""
    used, weights = {source.name for source in layout.used}, layout.eye.weights
    of_sums = [*layout.weights.values()]
    # Weights without effect, such as those of a head, have biases without effect beside them.
    idle = [n for n in weights.keys() - used if not (_BIAS.search(n) or layout.biases.get(n))]
    counted: dict[tuple[str, str], list[str]] = {}
    for gate in GATES:
        added = [fed[gate] for fed in layout.biases.values() if gate in fed]
        if added and all(source.laid == "tied" for source in added):
            return "tied", f"in the gate {gate}, `{added[0].name}` adds one number to all units"
    for name, fed in layout.biases.items():
        if not _BIAS.search(name) or any(source.at is None for source in fed.values()):
            continue
        one_gate = weights[name].numel() == layout.eye.sizes[1]
        if len({(source.start, source.times) for source in fed.values()}) < len(fed):
            what = f"`{name}`" if one_gate else f"one part of `{name}`"
            return "wrong_bias_slice", f"{what} feeds {the_gates([*fed])}"
        layer = name[: name.rfind(".") + 1]
        beside = [n in used for n in (*used, *idle) if n.startswith(layer)]
        without = "".join(gate for gate in GATES if gate not in fed)
        if without and (not one_gate if fed else beside and all(beside)):
            counted.setdefault((without, "left out"), []).append(name)
        once = [g for g in fed if all(g in by and abs(by[g].times) == 1 for by in of_sums)]
        doubled = "".join(gate for gate in once if fed[gate].times == 2)
        if doubled:
            counted.setdefault((doubled, "added twice"), []).append(name)
    said = []
    for (gates, done), names in counted.items():
        where = "" if gates == GATES else f"in {the_gates(gates)} only, "
        both = "both biases are" if len(names) == 2 else f"`{names[0]}` is"
        said.append(f"{where}{both} {done}")
    twice = any(done == "added twice" for _, done in counted)
    return ("bias_twice" if twice else "missing_bias", ", ".join(said)) if said else None


def added(layout: Layout) -> Finding | None:
    """A number that a function adds to the sums by itself."""
    by = {gate: k for gate, k in layout.constants.items() if k == k and abs(k) > 2e-3}
    if not by or not layout.eye.is_function:
        return None
    gates, k = the_gates([*by]), next(iter(by.values()))
    return "forget_bias_added", f"{k:g} is added to {gates} before the activation"


def scaled(layout: Layout) -> Finding | None:
    """Gates of a module whose sums are taken with a minus, twice or halved; with a minus g is no
    matter, tanh being odd, and neither is what is done to all gates."""
    fed, of_h = layout.weights.values()
    blocks = [(s.name, s.start) for s in fed.values()]  # in coupled gates, two take the same
    alone = {k: s.times for k, s in fed.items() if blocks.count((s.name, s.start)) == 1}
    written = {-1: "sigmoid(-z_{0})", 2: "sigmoid(2 * z_{0})", 0.5: "tanh(0.5 * z_{0})"}
    off = {k: abs(times) if k == "g" else times for k, times in alone.items()}
    both = {k: off[k] for k in off if off[k] != 1 and k in of_h and of_h[k].times == alone[k]}
    how = {k: written.get(times, "").format(k) for k, times in both.items()}
    return next(((form, "") for form in FORMS if form.how == how), None)


def for_both(layout: Layout) -> Finding | None:
    """Weights that x and h share."""
    blocks = [{(s.name, s.start) for s in by.values()} for by in layout.weights.values()]
    if blocks[0] & blocks[1]:
        return "tied", "x and h are multiplied by the same weights"
    return None


def overlapping(layout: Layout) -> Finding | None:
    """Rows of a module's weights that two gates take, as where slices overlap."""
    rows = torch.cat([layout.lines.x, layout.lines.h], -1)
    for (one, some), (two, others) in combinations(zip(GATES, rows, strict=True), 2):
        off = (some[:, None] - others).abs().amax(-1)
        if (off < 100 * layout.eye.limit).any():
            return "tied", f"the gates {one} and {two} share rows of weights"
    return None


def wrong_source(layout: Layout, has_form: bool) -> Finding | None:
    """What is wrong with where the sums come from; the first that is found is told. A cell that
    has not an LSTM's form may well take a row for two gates."""
    eye = layout.eye
    rules = tied, for_both, turned, wrong_rows, wrong_biases, added, scaled
    for rule in (*rules, overlapping) if has_form else rules:
        found = rule(layout)
        if found and rule not in (turned, wrong_biases, added) and not eye.is_function:
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
    constants = torch.tensor([layout.constants[gate] for gate in GATES]).double()
    b = constants.repeat_interleave(layout.eye.sizes[1])
    for gate, source in fed:
        b.chunk(4)[GATES.index(gate)].add_(source.out_of(weights)[:, 0])
    return None if b.isnan().any() else {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b, "b_hh": 0 * b}


def describe(layout: Layout) -> str:
    """How a right cell differs from nn.LSTMCell, and so whether weights can be copied."""
    eye, order = layout.eye, layout.order
    if len(layout.used) < 2 * len(GATES):
        return "Its weights are made in a way of their own, so nn.LSTMCell's cannot be copied in."
    differences = [f"weights are stored {s.laid}" for s in layout.used if s.laid != "rows"]
    differences += [
        f"weights are taken {k:g} times" for s in layout.used if (k := abs(s.times)) != 1
    ]
    differences += [
        f"the code adds {k:g} to the sum of {g}" for g, k in layout.constants.items() if abs(k) > 0
    ]
    if minus := "".join(gate for gate, s in layout.weights["x"].items() if s.times < 0):
        differences.append(f"the sum of {the_gates(minus)} is taken with a minus")
    if order != GATES:
        blocks = f"its four blocks are in the order {', '.join(order)}"
        differences.insert(0, blocks if order else "each gate has weights of its own")
    said = "; ".join(dict.fromkeys(differences))
    bias = any("bias" in name for name in eye.weights)
    theirs = nn.LSTMCell(*eye.sizes, bias=bias, device="meta").state_dict()
    if {n: w.shape for n, w in eye.weights.items()} != {n: w.shape for n, w in theirs.items()}:
        why = said or "its parameters have other names or shapes"
        return f"nn.LSTMCell's `state_dict` does not load into it: {why}."
    if not said:
        return "Parameters, names and gate order are nn.LSTMCell's: its state_dict fits."
    return (
        "Warning: `load_state_dict` would take nn.LSTMCell's weights without an error and compute "
        f"something else, because {said}."
    )
