"""Which weight of a learner's code does what: every way to give them roles, run and compared."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.cell.equations import GATES, solved
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.stack.mistakes import Result, Stack, State, wired

Weights = Mapping[str, Tensor]
Sizes = tuple[int, int]

# What may lie side by side in one weight: a part for x, one for h, a bias.
_JOINED = ("x", "h", "b", "xh", "hx", "bxh", "bhx", "xhb", "hxb")


@dataclass(frozen=True)
class Piece:
    """The rows that feed one gate: block number `block` of hidden_size rows in a layer's weight
    number `slot`. They may be `turned`, their columns being so many axes before the last, or
    `interleaved` with those of the other gates;
    the parts of `joined` lie side by side in them.
    """

    slot: int
    block: int
    turned: int
    interleaved: bool
    joined: str

    def of(self, weights: Sequence[Tensor], part: str, hidden: int) -> Tensor:
        """The piece's part for "x", "h" or "b": `[hidden_size, width]`."""
        rows = as_rows(weights[self.slot], self.turned)
        split = (hidden, -1) if self.interleaved else (-1, hidden)
        block = rows.unflatten(0, split).select(int(self.interleaved), self.block)
        widths = {"h": hidden, "b": 1}
        widths["x"] = block.shape[1] - sum(widths[one] for one in self.joined if one != "x")
        start = sum(widths[one] for one in self.joined[: self.joined.index(part)])
        return block[:, start : start + widths[part]]


def as_rows(weight: Tensor, turned: int = 0) -> Tensor:
    """A weight as a matrix, the gates' rows being its rows; a bias has one column."""
    if weight.dim() < 2:
        return weight[:, None]
    return weight.movedim(-1 - turned, -1).flatten(0, -2)


def is_bias(weight: Tensor, sizes: Sizes) -> bool:
    """Whether a weight has the shape of a bias, of one gate or of all."""
    upright = weight.numel() in weight.shape and min(sizes) > 1
    long = sorted(size for size in weight.shape if size > 1)
    one_each = long == sorted((4, sizes[1])) and not {1, 4} & {*sizes}
    return weight.dim() == 1 or upright or one_each


def flat(weight: Tensor, sizes: Sizes) -> Tensor:
    """A weight, with one axis where it is a bias."""
    return weight.flatten() if is_bias(weight, sizes) else weight


def pieces(weights: Sequence[Tensor], width: int, hidden: int) -> list[Piece]:
    """The pieces of a layer's weights that may feed a gate, for an input so wide."""
    widths = {"x": width, "h": hidden, "b": 1}
    found = []
    for slot, weight in enumerate(weights):
        for turned, joined in product(range(weight.dim()), _JOINED):
            rows, wide = as_rows(weight, turned).shape
            if wide != sum(map(widths.__getitem__, joined)) or rows % hidden or rows > 4 * hidden:
                continue
            blocks = rows // hidden
            for interleaved in (False, True)[: min(blocks, 2)]:
                found += [Piece(slot, k, turned, interleaved, joined) for k in range(blocks)]
    return found


def parts_of(weights: Sequence[Tensor], width: int, hidden: int) -> set[str]:
    """What these weights may hold for an input so wide: rows for "x" or "h", a bias "b"."""
    own = [flat(weight, (width, hidden)) for weight in weights]
    return {part for piece in pieces(own, width, hidden) for part in piece.joined}


@dataclass(frozen=True)
class Roles:
    """Which piece feeds i, f, g and o, the same in every layer and direction: what multiplies x,
    what multiplies h, and what is added, where it is added twice standing there twice.
    """

    x: tuple[Piece, ...]
    h: tuple[Piece, ...] = ()
    b: tuple[tuple[Piece, ...], ...] = ((), (), (), ())


class Cell:
    """A cell for many roles at once: the first axis of what it computes is that of the roles."""

    def __init__(
        self, weights: Sequence[Tensor], roles: Sequence[Roles], hidden: int, added: float = 0.0
    ) -> None:
        """Put the weights together as nn.LSTM has them: `[roles, 4 * hidden_size, ...]`."""
        self.hidden_size = hidden
        self.changed: Mapping[str, str] = {}
        zeros = weights[0].new_zeros(1, 4 * hidden, hidden)

        def joined(part: str, fed: list[tuple[Piece, ...]]) -> Tensor:
            """From the pieces that feed each gate."""
            own = [*dict.fromkeys(piece for gate in fed for piece in gate)]
            if not own:
                return zeros
            times = [[gate.count(piece) for piece in own] for gate in fed]
            made = torch.stack([piece.of(weights, part, hidden) for piece in own])
            rows = torch.tensor(times, dtype=zeros.dtype) @ made.flatten(1)
            return rows.view(len(roles), 4 * hidden, -1)

        self.w_ih = joined("x", [(p,) for role in roles for p in role.x])
        self.w_hh = joined("h", [(p,) for role in roles for p in role.h])
        self.bias = joined("b", [gate for role in roles for gate in role.b])[:, :, 0].clone()
        self.bias[:, hidden : 2 * hidden] += added

    def __call__(self, xt: Tensor, state: State) -> State:
        """One step: h and c `[roles, batch, hidden_size]`."""
        h, c = state
        sums = xt @ self.w_ih.mT + h @ self.w_hh.mT + self.bias[:, None]
        known = {f"z_{gate}": z for gate, z in zip(GATES, sums.chunk(4, -1), strict=True)}
        known |= {f"U_{gate}": u for gate, u in zip(GATES, self.w_hh.chunk(4, -2), strict=True)}
        return solved(self.changed, {**known, "h_0": h.expand_as(known["z_i"]), "c_0": c})


def groupings(weights: Weights, layers: int, directions: int) -> Iterator[list[list[str]]]:
    """The names of the weights of each layer and direction: one lane after another in the code, one
    kind of weight after another, or by the number in their names."""
    lanes, names = layers * directions, list(weights)
    each, rest = divmod(len(names), lanes)
    by_direction = [way * layers + k for k in range(layers) for way in range(directions)]
    for order in [] if rest else dict.fromkeys([tuple(range(lanes)), tuple(by_direction)]):
        yield [names[k * each : (k + 1) * each] for k in order]
        if lanes > 1 and each > 1:
            yield [names[k::lanes] for k in order]
            numbered = [[name for name in names if f".{k}." in f".{name}."] for k in order]
            if all(len(own) == each for own in numbered):
                yield numbered


def lane_sizes(
    lanes: Sequence[Sequence[Tensor]], top: Sizes, directions: int, sides: int
) -> list[Sizes]:
    """The sizes of each lane, from the input_size of the lowest and the hidden_size of the highest;
    none where the weights fit none. `sides` outputs of directions stand side by side."""
    wide, hidden = top
    above = lanes[directions:]
    dims = {size // k for weight in lanes[0] for size in weight.shape for k in (1, 4)} - {0}
    for h in dict.fromkeys([hidden, *sorted(dims)]) if above else [hidden]:
        rest = lane_sizes(above, (h * sides, hidden), directions, sides) if above else []
        if {"x", "h"} <= parts_of(lanes[0], wide, h) and (rest or not above):
            return [(wide, h)] * directions + rest
    return []


@dataclass
class Search:
    """The search for the roles of the weights, as they are drawn now.

    `lanes` holds the names of the weights of each layer and direction, `sizes` the input_size and
    hidden_size of each; `limit` is how far equal numbers may be apart, `added` what the code adds
    to the sum of f by itself, and `joined` how two directions are joined, if not side by side. The
    output may hold where both directions end, in an x that ends `at_each` step.
    """

    weights: Weights
    lanes: list[list[str]]
    sizes: list[Sizes]
    directions: int
    limit: float
    added: float = 0.0
    joined: Mistake | None = None
    at_each: bool = False

    def __post_init__(self) -> None:
        """Keep the pieces that exist in every lane."""
        first, *others = (pieces(self.of_lane(k), *sizes) for k, sizes in enumerate(self.sizes))
        self.pieces = [p for p in first if all(p in other for other in others)]
        # All these weights are in memory at once.
        self.at_once = max(1, 10**7 // max(4 * h * (wide + h) for wide, h in self.sizes))

    def of_lane(self, lane: int) -> list[Tensor]:
        """The weights of one lane, its biases with one axis."""
        return [flat(self.weights[name].double(), self.sizes[lane]) for name in self.lanes[lane]]

    def cells(self, roles: Sequence[Roles]) -> list[Cell]:
        """One for each lane."""
        return [Cell(self.of_lane(k), roles, h, self.added) for k, (_, h) in enumerate(self.sizes)]

    @property
    def stack(self) -> Stack:
        """A right LSTM: its output, and of each lane (h, c) at every step of its walk."""
        wiring = self.joined.how if self.joined else f"w = {self.directions}"
        stack = wired("; ".join([wiring, "states = lanes"]))

        def ends(cells: Sequence[Cell], x: Tensor, start: Sequence[State] = ()) -> Any:
            runs = [stack(cells, x[: t + 1], start)[1] for t in range(len(x))]
            both = [torch.cat([lane[-1][0] for lane in lanes[-2:]], -1) for lanes in runs]
            return torch.stack(both), runs[-1]

        return ends if self.at_each else stack

    def read(self, roles: Roles, x: Tensor, start: Sequence[State] = ()) -> Result:
        """What it gives with these weights, the first axis after time being one of one."""
        return self.stack(self.cells((roles,)), x, start)

    def biases(self) -> list[int]:
        """The slots of the weights that are biases."""
        own = self.of_lane(0)
        return sorted({p.slot for p in self.pieces if p.joined == "b" and own[p.slot].dim() < 2})

    def families(self, part: str, without: frozenset[int] = frozenset()) -> list[list[Piece]]:
        """The pieces among which the gates choose: blocks of one weight, or several weights."""
        found: dict[Any, list[Piece]] = {}
        some = [p for p in self.pieces if part in p.joined and p.slot not in without]
        for p in some:
            large = sum(q.slot == p.slot and q == replace(p, block=q.block) for q in some) > 2
            style = (p.turned, p.interleaved, p.joined, p.slot if large else None)
            found.setdefault(style, []).append(p)
        return [some for some in found.values() if len(some) <= 8]  # x's and h's at most

    def agreeing(
        self, roles: Sequence[Roles], x: Tensor, seen: Tensor, how: Any = None, made: Any = None
    ) -> list[Roles]:
        """Those roles that give the output that was seen: in a right LSTM, or where `how` is the
        equations that a mistake changes, of a cell or of a stack. `made` are their cells."""
        found: list[Roles] = []
        for start in range(0, len(roles), self.at_once):
            some = roles[start : start + self.at_once]
            cells = made or self.cells(some)
            for cell in cells:
                cell.changed = how if isinstance(how, Mapping) else {}
            stack = wired(how) if isinstance(how, str) else self.stack
            output, _ = stack(cells, x)
            if output.shape == (len(seen), len(some), *seen.shape[1:]):
                off = (output - seen[:, None]).abs().flatten(2).amax((0, 2)) < self.limit
                found += [role for role, fits in zip(some, off, strict=True) if fits]
        return found

    def right(self, x: Tensor, first: Tensor, seen: Tensor, shared: bool) -> Roles | None:
        """The roles in which the weights, all biases being zero, give what was seen for x, and
        `first` for its first step alone. Where `shared`, gates may share weights, a mistake with
        a name, and those of h may stand in another order than those of x."""
        for some in self.families("x"):
            for roles in self._with_h(self.agreeing(_ways(some, shared), x[:1], first), shared):
                for role in self.agreeing(roles, x, seen):
                    return role
        return None

    def wrong(
        self, x: Tensor, first: Tensor, seen: Tensor, mistakes: Sequence[Mistake], end: float
    ) -> Mistake | None:
        """The mistake that gives what was seen, in any roles; as `right`, until `end`."""
        for some in self.families("x"):
            for roles in self._with_h(_ways(some, shared=len(some) < 4)):
                if time.process_time() > end:
                    return None
                cells = self.cells(roles) if len(roles) <= self.at_once else None
                for mistake in mistakes:
                    try:
                        kept = self.agreeing(roles, x[:1], first, mistake.how, cells)
                        if kept and self.agreeing(kept, x, seen, mistake.how):
                            return mistake
                    except (RuntimeError, NameError):
                        continue  # it does not run with these sizes, or needs a single weight
        return None

    def _with_h(self, roles: list[Roles], shared: bool = False) -> Iterator[list[Roles]]:
        """The same with the weights of h: in the order of those of x, or in any."""
        if roles and "h" in roles[0].x[0].joined:
            yield [replace(role, h=role.x) for role in roles]
            return
        for slots in dict.fromkeys(frozenset(p.slot for p in role.x) for role in roles):
            mine = [role for role in roles if slots == {p.slot for p in role.x}]
            among = sorted({p for role in mine for p in role.x}, key=lambda p: (p.slot, p.block))
            for own in self.families("h", slots):
                if own[0].joined == "h" and shared and len(own) < 5:
                    yield [replace(r, h=h) for r in mine for h in product(own, repeat=4)]
                elif own[0].joined == "h" and len(own) == len(among):
                    yield [replace(r, h=tuple(own[among.index(p)] for p in r.x)) for r in mine]

    def find_bias(self, roles: Roles, slot: int, x: Tensor, seen: Tensor) -> Roles | None:
        """What one bias is added to, the likeliest ways first; the others are zero."""
        for some in self.families("b"):
            own = [p for p in some if p.slot == slot]
            if not own:
                continue
            in_order = [own[p.block % len(own)] for p in roles.x]
            ways = [[replace(roles, b=tuple((p,) * k for p in in_order)) for k in (1, 2)]]
            if len(own) < 5:
                each = [(), *((p,) for p in own), *[(own[0], own[0])] * (len(own) == 1)]
                ways.append([replace(roles, b=four) for four in product(each, repeat=4)])
            for way in ways:
                for role in self.agreeing(way, x, seen):
                    return role
        return None

    def as_torch(self, roles: Roles, weights: Weights, batch_first: bool) -> nn.LSTM | None:
        """An nn.LSTM with a learner's own weights; None where its layers differ in size."""
        layers, dtype = len(self.lanes) // self.directions, weights[self.lanes[0][0]].dtype
        (wide, hidden), *_ = self.sizes
        if any(own != hidden for _, own in self.sizes):
            return None
        has_bias = bool(any(roles.b) or self.added)
        form = layers, has_bias, batch_first, 0.0, self.directions == 2
        lstm = nn.LSTM(wide, hidden, *form, device="cpu", dtype=dtype)
        values: list[Tensor] = []
        for cell in replace(self, weights=weights).cells((roles,)):
            values += [cell.w_ih[0], cell.w_hh[0], *[cell.bias[0], 0 * cell.bias[0]] * has_bias]
        for parameter, value in zip(lstm.parameters(), values, strict=True):
            parameter.data.copy_(value)
        return lstm


def _ways(some: list[Piece], shared: bool) -> list[Roles]:
    """The ways in which four gates may choose among these pieces for x."""
    if shared and len(some) > 4:
        return []
    ways = product(some, repeat=4) if shared else permutations(some, 4)
    fed = {p: (p,) if "b" in p.joined else () for p in some}
    return [Roles(four, (), tuple(fed[p] for p in four)) for four in ways]
