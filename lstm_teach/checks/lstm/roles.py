"""Which weight of a learner's code does what: every way to give them roles, run and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

GATES = "ifgo"
Weights = Mapping[str, Tensor]
State = tuple[Tensor, Tensor]
Parts = Mapping[str, Any]

RIGHT: dict[str, Any] = {
    "i": torch.sigmoid,
    "f": torch.sigmoid,
    "g": torch.tanh,
    "o": torch.sigmoid,
    "used": lambda v: {},
    "c": lambda v: v.f * v.c_0 + v.i * v.g,
    "h": lambda v: v.o * torch.tanh(v.c),
    "returned": lambda v: (v.h, v.c),
}


@dataclass(frozen=True)
class Piece:
    """Some rows of one weight: those that feed one gate.

    Attributes:
        slot: which of the weights of a layer.
        block: which of its blocks of hidden_size rows.
        turned: whether the rows stand in columns.
        interleaved: whether the rows of the gates take turns.
        joined: the parts that lie side by side in it: "x", "h", "xh", "hx", with "b" for a bias.
    """

    slot: int
    block: int
    turned: bool
    interleaved: bool
    joined: str

    @property
    def style(self) -> tuple[bool, bool, str]:
        """What the pieces of one way to write an LSTM have in common."""
        return self.turned, self.interleaved, self.joined

    def of(self, weights: Sequence[Tensor], part: str, hidden_size: int) -> Tensor:
        """The piece's part for "x", "h" or "b": `[hidden_size, width]`."""
        rows = as_rows(weights[self.slot], self.turned)
        if self.interleaved:
            block = rows.unflatten(0, (hidden_size, -1))[:, self.block]
        else:
            block = rows.unflatten(0, (-1, hidden_size))[self.block]
        wide = block.shape[1] - hidden_size * ("h" in self.joined) - ("b" in self.joined)
        widths = {"x": wide, "h": hidden_size, "b": 1}
        start = sum(widths[one] for one in self.joined[: self.joined.index(part)])
        return block[:, start : start + widths[part]]


def as_rows(weight: Tensor, turned: bool) -> Tensor:
    """A weight as a matrix with the gates' rows as rows; a bias has one column."""
    if weight.dim() < 2:
        return weight[:, None]
    return (weight.mT if turned else weight).flatten(0, -2)


def pieces(
    weights: Sequence[Tensor], width: int, hidden_size: int
) -> dict[str, dict[Any, list[Piece]]]:
    """For "x", "h" and "b", by style, the pieces of the weights that may feed a gate with it."""
    sizes = {
        "x": width,
        "h": hidden_size,
        "xh": width + hidden_size,
        "hx": width + hidden_size,
        "bxh": 1 + width + hidden_size,
        "xhb": 1 + width + hidden_size,
        "hxb": 1 + width + hidden_size,
        "b": 1,
    }
    found: dict[str, dict[Any, list[Piece]]] = {"x": {}, "h": {}, "b": {}}
    for slot, weight in enumerate(weights):
        for turned in (False, True) if weight.dim() > 1 else (False,):
            rows, wide = as_rows(weight, turned).shape
            if rows % hidden_size or rows > 8 * hidden_size:
                continue
            several = rows > hidden_size
            for joined, interleaved in product(sizes, (False, True) if several else (False,)):
                if sizes[joined] == wide:
                    for block in range(rows // hidden_size):
                        piece = Piece(slot, block, turned, interleaved, joined)
                        for part in joined:
                            found[part].setdefault(piece.style, []).append(piece)
    return found


@dataclass(frozen=True)
class Roles:
    """Which piece feeds which gate; the same in every layer.

    Attributes:
        x: what multiplies x, for i, f, g, o.
        h: what multiplies h.
        b: the biases of each gate, and how often each is added.
    """

    x: tuple[Piece, ...]
    h: tuple[Piece, ...] = ()
    b: tuple[tuple[tuple[Piece, int], ...], ...] = ((), (), (), ())


class Cells:
    """Cells for many roles at once: the first axis of what they compute is that of the roles."""

    def __init__(
        self,
        weights: Sequence[Tensor],
        roles: Sequence[Roles],
        hidden_size: int,
        edit: Parts | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.part = {**RIGHT, **(edit or {})}
        made: dict[Any, Tensor] = {}

        def of(piece: Piece, part: str) -> Tensor:
            if (piece, part) not in made:
                made[piece, part] = piece.of(weights, part, hidden_size)
            return made[piece, part]

        self.w_ih = torch.stack([torch.cat([of(p, "x") for p in role.x]) for role in roles])
        self.w_hh, self.bias = None, None
        if roles[0].h:
            self.w_hh = torch.stack([torch.cat([of(p, "h") for p in role.h]) for role in roles])
        if any(fed for role in roles for fed in role.b):
            zero = self.w_ih.new_zeros(hidden_size, 1)
            self.bias = torch.stack(
                [
                    torch.cat(
                        [sum((k * of(p, "b") for p, k in fed), zero) for fed in role.b]
                    ).squeeze(1)
                    for role in roles
                ]
            )

    def __call__(self, xt: Tensor, state: State) -> State:
        """One step: h and c `[roles, batch, hidden_size]`."""
        h_0, c_0 = state
        sums = xt @ self.w_ih.mT
        if self.w_hh is not None:
            sums = sums + h_0 @ self.w_hh.mT
        if self.bias is not None:
            sums = sums + self.bias[:, None]
        return step(dict(zip(GATES, sums.chunk(4, -1), strict=True)), h_0, c_0, self.part)


def step(z: dict[str, Tensor], h_0: Tensor, c_0: Tensor, part: Parts) -> State:
    """One step of a cell from the sums of its gates, with the parts of its equations."""
    v = SimpleNamespace(h_0=h_0, c_0=c_0, z=z, **{gate: part[gate](z[gate]) for gate in GATES})
    vars(v).update(part["used"](v))
    v.c = part["c"](v)
    v.h = part["h"](v)
    h, c = part["returned"](v)
    return h.expand(z["i"].shape), c.expand(z["i"].shape)


Lane = list[State]


def read(
    cells: Sequence[Any],
    x: Tensor,
    directions: int = 1,
    state: State | None = None,
    flip_back: bool = True,
) -> tuple[Tensor, list[Lane]]:
    """A right LSTM: cells layer by layer, both directions of a layer side by side.

    Args:
        cells: one for each layer and direction.
        x: `[seq_len, batch, input_size]`.
        directions: 1 or 2.
        state: h and c, `[len(cells), batch, hidden_size]`.
        flip_back: whether the backward direction's output is put in the order of time.

    Returns:
        The output, and of each cell its (h, c) at every step, in the order in which it walked.
    """
    walked = []
    for layer in range(0, len(cells), directions):
        sides = []
        for way in range(directions):
            cell = cells[layer + way]
            zeros = x.new_zeros(x.shape[-2], cell.hidden_size)
            now = (zeros, zeros) if state is None else (state[0][layer + way], state[1][layer + way])
            lane = []
            for xt in x.flip(0) if way else x:
                now = cell(xt, now)
                lane.append(now)
            steps = [h for h, c in lane]
            sides.append(torch.stack(steps[::-1] if way and flip_back else steps))
            walked.append(lane)
        x = sides[0] if directions == 1 else torch.cat(sides, -1)
    return x, walked


def is_bias(weight: Tensor, sizes: tuple[int, int]) -> bool:
    """Whether a weight has the shape of a bias, of one gate or of all."""
    upright = 1 in weight.shape and (sizes[0] > 1 or weight.dim() < 2)
    one_for_each = tuple(weight.shape) == (4, sizes[1]) and sizes[0] != 4
    return weight.dim() == 1 or upright or one_for_each


def groupings(
    weights: Weights, layers: int, directions: int
) -> Iterator[list[list[str]]]:
    """The names of the weights, layer by layer and in each direction by direction."""
    lanes, names = layers * directions, list(weights)
    if len(names) % lanes:
        return
    each = len(names) // lanes
    orders = [[*range(lanes)]]
    if layers > 1 and directions > 1:
        orders.append([way * layers + layer for layer in range(layers) for way in range(2)])
    for order in orders:
        yield [names[k * each : (k + 1) * each] for k in order]
        if lanes > 1 and each > 1:
            yield [names[k::lanes] for k in order]


@dataclass
class Search:
    """The search for the roles of the weights, on what a learner's code gave for one x.

    Attributes:
        weights: all weights, as they were drawn.
        lanes: the names of the weights of each layer and direction.
        sizes: input_size and hidden_size.
        directions: 1 or 2.
        limit: how far equal numbers may be apart.
    """

    weights: Weights
    lanes: list[list[str]]
    sizes: tuple[int, int]
    directions: int
    limit: float = 1e-8

    def __post_init__(self) -> None:
        _, hidden = self.sizes
        self.pieces = [
            pieces(self.of_lane(k), self.width(k), hidden) for k in range(len(self.lanes))
        ]

    def width(self, lane: int) -> int:
        """How wide what a lane reads is."""
        return self.sizes[0] if lane < self.directions else self.directions * self.sizes[1]

    def of_lane(self, lane: int, weights: Weights | None = None) -> list[Tensor]:
        """The weights of one lane, its biases with one axis."""
        own = [(weights or self.weights)[name].double() for name in self.lanes[lane]]
        return [w.flatten() if is_bias(w, self.sizes) else w for w in own]

    def common(self, part: str) -> dict[Any, list[Piece]]:
        """By style, the pieces that exist in every lane."""
        first, *others = (lane[part] for lane in self.pieces)
        kept = {}
        for style, some in first.items():
            here = [p for p in some if all(p in lane.get(style, ()) for lane in others)]
            if here:
                kept[style] = here
        return kept

    def families(self, part: str) -> Iterator[list[Piece]]:
        """The pieces among which the gates choose: the blocks of one weight, or small weights."""
        for some in self.common(part).values():
            in_slots: dict[int, list[Piece]] = {}
            for piece in some:
                in_slots.setdefault(piece.slot, []).append(piece)
            large = [own for own in in_slots.values() if len(own) > 2]
            yield from large
            if not large:
                yield some

    def cells(self, roles: Sequence[Roles], edit: Parts | None = None) -> list[Cells]:
        """One for each lane."""
        return [
            Cells(self.of_lane(k), roles, self.sizes[1], edit) for k in range(len(self.lanes))
        ]

    def agreeing(
        self,
        roles: Sequence[Roles],
        x: Tensor,
        seen: Tensor,
        edit: Parts | None = None,
        stack: Callable[..., Any] | None = None,
    ) -> list[Roles]:
        """Those roles that give the output that was seen."""
        cells = self.cells(roles, edit)
        output, _ = stack(cells, x) if stack else read(cells, x, self.directions)
        if output.shape[-2:] != seen.shape[-2:]:
            return []
        # [seq_len, roles, batch, features]
        off = (output - seen[:, None]).abs().flatten(2).amax((0, 2))
        return [role for role, far in zip(roles, off, strict=True) if far < self.limit]

    def bias_ways(self, role: Roles, slot: int) -> Iterator[list[Roles]]:
        """What one bias may be added to, the likeliest ways first."""
        for style, some in self.common("b").items():
            own = [p for p in some if p.slot == slot and p.joined == "b"]
            if not own:
                continue
            if len(own) == 1:
                fed = [((own[0], 1),), (), ((own[0], 2),)]
                yield [replace(role, b=four) for four in product(fed, repeat=4)]
                continue
            in_order = tuple(own[p.block % len(own)] for p in role.x)
            yield [
                replace(role, b=tuple(((p, times),) for p in in_order)) for times in (1, 2)
            ]
            one_of = [(), *(((p, 1),) for p in own)]
            if len(own) < 5:
                yield [replace(role, b=four) for four in product(one_of, repeat=4)]

    def first_step(self, free: bool) -> Iterator[list[Roles]]:
        """What the weights of x may be: by style, every way to give them to the four gates."""
        for some in self.families("x"):
            if free and len(some) < 6:
                ways = product(some, repeat=4)
            elif len(some) < 4:
                ways = (four for four in product(some, repeat=4) if len({*four}) == len(some))
            else:
                ways = permutations(some, 4)
            yield [
                Roles(four, (), tuple(((p, 1),) if "b" in p.joined else () for p in four))
                for four in ways
            ]

    def second_step(self, roles: Sequence[Roles], free: bool) -> Iterator[list[Roles]]:
        """The same with the weights of h: in the order of those of x, or in any."""
        slots = {piece.slot for role in roles for piece in role.x}
        if all("h" in piece.joined for role in roles for piece in role.x):
            yield [replace(role, h=role.x) for role in roles]
            return
        for some in self.common("h").values():
            left = [p for p in some if p.slot not in slots and p.joined == "h"]
            if free and left and len(left) ** 4 * len(roles) <= 5000:
                yield [
                    replace(role, h=four) for role in roles for four in product(left, repeat=4)
                ]
                continue
            tied = []
            for role in roles:
                taken = {p.slot for p in role.x}
                own = [p for p in some if p.slot not in taken and p.joined == "h"]
                among = self.common("x")[role.x[0].style]
                among = [p for p in among if p.slot in taken]
                if len(own) == len(among):
                    tied.append(
                        replace(role, h=tuple(own[among.index(p)] for p in role.x))
                    )
            if tied:
                yield tied

    def find(
        self,
        x: Tensor,
        first: Tensor,
        second: Tensor,
        edit: Parts | None = None,
        stack: Callable[..., Any] | None = None,
        free: bool = False,
    ) -> list[Roles]:
        """The roles in which the weights, biases being zero, give what was seen.

        Args:
            x: three steps or so.
            first: the output for the first step alone.
            second: the output for all of x.
            edit: the parts of the equations that a mistake changes.
            stack: a mistaken stack.
            free: whether two gates may share their weights.
        """
        found = []
        for some in self.first_step(free):
            kept = some if stack else self.agreeing(some, x[:1], first[:1], edit)
            if not kept:
                continue
            for more in self.second_step(kept, free):
                found += self.agreeing(more, x, second, edit, stack)
        return found
