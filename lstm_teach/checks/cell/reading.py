"""Calling a step, and reading a cell off its behaviour, however its parameters are called and laid.

Far from zero every gate is open or shut, so a cell is a table of 16 rows: its form. Nearer by, f is
the slope of the new c in the old one, and o is h / tanh(c). i and g come apart where x is so far
out that g is 1 or -1: there i * g is i alone. The inverse of each activation is then a straight
line in x and h, whose slopes are the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path

from lstm_teach.checks.bringing import BEGINS, Caller, Sizes, normals, redraw
from lstm_teach.checks.cell.equations import GATES, OLD_C, OLD_H, settled, told
from lstm_teach.checks.report import Report

State = tuple[Tensor, Tensor]
_EXTRAS = "Your step does not return `h, c` and nothing else; nn.LSTMCell returns `(h, c)` alone."
LARGE = 200.0
"""An old c to try, far beyond where c is usually clipped, which is at 50 at most."""

_MOST, _BETWEEN = 64, 24


@dataclass
class Step(Caller):
    """Calls a learner's step.

    Attributes:
        places: which of the tensors of h's shape that come back are h and c, from the first call.
        c_first: whether (c, h) stands for (h, c), where the state comes in.
        many: how many more than these two there are, in words; "" where there are none.
        handed: the weights that are handed over in each call.
    """

    places: tuple[int, int] | None = None
    c_first: bool = False
    many: str = ""
    handed: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, **given: Tensor) -> State | Report:
        """The step's h and c, ``[batch, hidden_size]`` each, or a report on what is wrong."""
        state = self.pair(**given)
        for name, part in () if isinstance(state, Report) else zip("hc", state, strict=True):
            if not part.is_floating_point():
                return told("whole_numbers", f"whole numbers (`{part.dtype}`)", name=name)
            if not part.isfinite().all():
                what = "NaN (not a number)" if part.isnan().any() else "infinite values"
                return told("not_finite", what, name=name)
        return state

    def pair(self, **given: Tensor) -> State | Report:
        """As calling it, whatever numbers h and c hold."""
        expected = given["h"].shape
        if self.c_first:
            given |= {"h": given["c"], "c": given["h"]}
        result = self.raw(**(self.handed | given))
        if isinstance(result, Report):
            return result
        beside, behind = (expected[0], 2 * expected[1]), (2, *expected)
        for part in (result, *_parts(result)):
            shape = getattr(part, "shape", None)
            if shape in (beside, behind):
                result = part.chunk(2, -1) if shape == beside else part.unbind(0)
                break
        found = _candidates(result, expected)
        if len(found) < 2:
            return no_state(result, expected)
        if self.places is None:
            twice = len(found) > 2 and torch.equal(found[0], found[1])  # an output that is h
            self.places = _likeliest(found, (1, 2) if twice else (0, 1))
            self.many = f"{len(found)} tensors" if len(found) > 2 + twice else ""
        state = found[self.places[0]], found[self.places[1]]
        alone = isinstance(result, (tuple, list)) and len(result) == 2 and result[0] is state[0]
        if not alone and _EXTRAS not in self.remarks:
            self.remarks.append(_EXTRAS)
        return state


def _candidates(result: Any, expected: torch.Size) -> list[Tensor]:
    """What a step returned of the shape of h and c, the outermost that stand together: beside an
    output, a cache or gates; the two alone where they have their names."""
    beside: dict[Any, dict[str, Tensor]] = {}
    for (*where, last), part in tree_flatten_with_path(result)[0] if _parts(result) else ():
        if getattr(part, "shape", None) == expected:
            beside.setdefault((*where,), {})[str(getattr(last, "key", last))] = part
    for where in sorted(beside, key=len):
        parts = beside[where]
        named = [part for b in "hc" for name, part in parts.items() if BEGINS[b].match(name)]
        found = named if len(named) == 2 else [*parts.values()]
        if len(found) > 1:
            return found
    return []


def _likeliest(found: list[Tensor], first: tuple[int, int]) -> tuple[int, int]:
    """Which two of many tensors may be h and c, since h is a part of tanh(c); or those that stand
    first."""
    likely = [
        (h, c)
        for h, c in permutations(range(len(found)), 2)
        if ((o := found[h] / found[c].tanh()) > 0).all() and (o < 1).all()
    ]
    if len(found) == 2 or first in likely:
        return first
    return max(likely, key=lambda pair: found[pair[1]].abs().sum(), default=first)


def no_state(result: Any, expected: torch.Size) -> Report:
    """What keeps a result from being the pair h, c."""
    parts = [result, *_parts(result)]
    shapes = [None if part is None else getattr(part, "shape", "") for part in parts]
    seen = [f"`{[*s]}`" if s else "None" if s is None else "no tensor" for s in shapes]
    what = f"one tensor of shape {seen[0]}"
    if not isinstance(result, Tensor):
        what = f"a {type(result).__name__} of {', '.join(seen[1:]) or 'nothing'}"
    return told("no_state", result=what, shape=f"{list(expected)}")


def _parts(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return [*result.values()]
    return [*result] if isinstance(result, (tuple, list)) else []


class Failed(Exception):
    """The cell could not be read; its argument is the report that says why."""


@dataclass
class Lines:
    """The four gates as straight lines in x and h, of the units and columns looked at.

    The slopes are `x` and `h`, `[4, units, columns]`, the sums at x = h = 0 `b`, `[4, units]`; NaN
    where a gate of a unit is unreadable. The `bent` gates are no straight lines, though maybe in x
    and in h `alone`, some are `hard`, exactly 0 or 1; the cell `looks_at_c` where the new "c" or
    "h" is not what such gates make of the old c.
    """

    x: Tensor
    h: Tensor
    b: Tensor
    bent: str
    alone: bool
    hard: bool
    looks_at_c: str

    def unread(self) -> str:
        """The gates of which no unit could be read."""
        return "".join(k for k, b in zip(GATES, self.b, strict=True) if not b.isfinite().any())


@dataclass
class Eye:
    """Looks at one cell.

    Attributes:
        caller: calls it.
        weights: everything that it owns or is handed, by name.
        sizes: input_size and hidden_size.
        few: x, h and c of three samples.
        free: whether other sizes may be tried, where the weights are handed over.
    """

    caller: Step
    weights: Mapping[str, Tensor]
    sizes: Sizes
    few: Mapping[str, Tensor]
    free: bool

    @cached_property
    def exact(self) -> bool:
        """Whether it computes in float64."""
        state = self.caller.pair(**self.few)
        return isinstance(state, tuple) and self.caller.dtype == state[0].dtype == torch.float64

    @property
    def limit(self) -> float:
        """How far a right cell may be off, by the precision that it computes in."""
        return 1e-6 if self.exact else 1e-4

    @property
    def is_function(self) -> bool:
        """Whether the weights are handed over."""
        return bool(self.caller.handed)

    @cached_property
    def columns(self) -> tuple[Tensor, Tensor]:
        """The features of x and the units of h looked at: all, or some of many."""
        x, h = (torch.linspace(0, n - 1, n if n <= _MOST else _MOST // 2) for n in self.sizes)
        return x.long(), h.long()

    @property
    def units(self) -> Tensor:
        """The hidden units looked at."""
        return self.columns[1]

    def same(self, one: Tensor, other: Tensor, times: float = 1.0) -> bool:
        """Whether two readings are equal to the accuracy; what cannot be read is no difference."""
        off = (one - other).abs() > times * self.limit * (1 + other.abs())
        return not bool(off.any())

    def step(self, **changed: Tensor) -> State:
        """h and c of a step, ``[batch, hidden_size]``, in float64, finite or not; of the few
        samples, where x, h and c are not `changed`.

        Raises:
            Failed: it could not be run.
        """
        given = {**self.few, **changed}
        found = self.caller.pair(**given)
        if isinstance(found, Report):
            near = self.caller.pair(**{**given, "x": given["x"].tanh(), "c": given["c"].tanh()})
            raise Failed(found if isinstance(near, Report) else told("far", found.message))
        return found[0].double(), found[1].double()

    def first(self, count: int) -> State | Report:
        """As calling it with no more than so many of the few samples."""
        return self.caller(**{name: tensor[:count] for name, tensor in self.few.items()})

    def redraw(self, seed: int = 5, biases: bool = True) -> None:
        """Draw the weights anew, the biases being zero where they are not wanted."""
        redraw(self.weights, self.sizes, seed)
        for weight in () if biases else self.weights.values():
            if weight.numel() in weight.shape:
                weight.zero_()

    def far_rows(self, scale: float, biases: bool = True) -> Tensor:
        """What comes back from each old c where x is far from zero, for many draws of weights,
        maybe without `biases`.

        Returns:
            ``[rows, 2 * len(OLD_C)]``, without those still on their way at this distance.
        """
        input_size, hidden_size = self.sizes
        scale = scale if self.exact else scale / 3
        some = min(len(self.units), 8)
        n = (16 if self.caller.axes == "one" else 48) * some // len(self.units)
        rounds = -(-96 // (min(input_size, 4) * some))
        rows = []
        for seed in range(rounds):
            self.redraw(20 + seed, biases)
            out = normals(seed)(n, input_size) * scale / 2 / (input_size / sum(self.sizes)) ** 0.5
            x = torch.cat([out, 1.3 * out]).repeat_interleave(len(OLD_C), 0)
            old = OLD_C.repeat(2 * n)[:, None].expand(-1, hidden_size)
            found = torch.stack(self.step(x=x, h=torch.full_like(old, OLD_H), c=old), -1)
            near, far = found[:, self.units].unflatten(0, (2, n, -1)).transpose(2, 3).flatten(3)
            value, moving = settled(near, far, 30 * self.limit if self.exact else 3e-3)
            rows.append(value[~(moving | ~value.isfinite()).any(-1)])
        return torch.cat(rows)

    def lines(self, seeds: tuple[int, ...] = (5, 6, 7, 11, 12, 13)) -> Lines:
        """The gates near zero, of the first draw of weights in which all can be read."""
        readable = {}
        for seed in seeds:  # i or g may be unreadable by chance
            lines = self._lines(seed)
            readable[seed] = lines.b.isfinite().double().mean().item()
            if readable[seed] > 0.99 or lines.looks_at_c or lines.bent:
                return lines
        return self._lines(max(seeds, key=lambda seed: readable[seed]))

    def _lines(self, seed: int) -> Lines:
        self.redraw(seed)
        k, m = map(len, self.columns)
        both = torch.tanh(normals(7)(_BETWEEN, k + m))
        of_x = (torch.arange(k + m) < k).double()
        between = torch.cat([both, both * of_x, both * (1 - of_x)])
        n = len(between)
        places = 0.9 * torch.cat([torch.zeros(1, k + m), torch.eye(k + m), between])
        x, h = (torch.zeros(len(places), size).double() for size in self.sizes)
        x[:, self.columns[0]], h[:, self.columns[1]] = places.split((k, m), 1)
        self._away = self._ways_out()
        z, value, write, looks = self._sums(x, h)
        slopes = (z[:, 1:-n] - z[:, :1]) / 0.9
        straight = (z[:, :1] + places @ slopes)[:, -n:]
        expected = torch.sigmoid(straight)
        expected[GATES.index("g")] = torch.tanh(straight[GATES.index("g")])
        missed = (expected - value[:, -n:]).abs().nan_to_num(0.0).amax(2)
        missed = missed.unflatten(1, (3, _BETWEEN)).amax(2)
        # Of f and o, for i is read far out along x, where what x does to h is large.
        off, alone = missed[:, 0], bool((missed[1::2, 1:] < 20 * self.limit).all())
        f_and_o = value[1::2]
        hard = bool(((f_and_o == 0) | (f_and_o == 1)).any())
        hard |= bool((write[-n:] == 0).double().mean() > 0.05)
        off[1::2] += (~f_and_o.isfinite()).any(2).any(1)
        bent = [hard or far > 20 * self.limit for far in off]
        named = "".join(gate for gate, true in zip(GATES, bent, strict=True) if true)
        lines = slopes[:, :k].mT, slopes[:, k:].mT, z[:, 0]
        return Lines(*lines, named, alone, hard, looks)

    def offsets(self) -> Tensor:
        """The sums of the gates at x = h = 0, ``[4, units]``, with the weights as they are."""
        return self._sums(*(torch.zeros(2, size) for size in self.sizes))[0][:, 0]

    def _sums(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, str]:
        """The sums and values of the gates at some places, ``[4, places, units]`` each.

        Beside them i * g there, and what is not straight in the old c, "c", "h" or "".
        """
        n, normal, units = len(x), normals(9), self.units
        plus = 0.4 + torch.sigmoid(normal(n, self.sizes[1]))
        minus = -0.4 - torch.sigmoid(normal(n, self.sizes[1]))
        old = torch.cat([0 * plus, plus, minus])
        new_h, new_c = self.step(x=x.repeat(3, 1), h=h.repeat(3, 1), c=old)
        (_, h1, h2), (w, n1, n2) = new_h[:, units].chunk(3), new_c[:, units].chunk(3)
        f = (n1 - w) / plus[:, units]
        o = torch.where(n1.abs() > n2.abs(), h1 / torch.tanh(n1), h2 / torch.tanh(n2))
        clear = (n1.abs() > 1e-2) & (n2.abs() > 1e-2)
        looks = "" if self.same(w + f * minus[:, units], n2, 10) else "c"
        for seen, new in ((h1, n1), (h2, n2)):
            if not looks and not self.same((o * torch.tanh(new))[clear], seen[clear], 10):
                looks = "h"
        z_i = torch.full_like(w, torch.nan)
        for out, served, drop in self._away:
            far = self.step(x=x + out, h=h, c=torch.zeros_like(plus))[1][:, units]
            z_i[:, served] = (torch.logit(far.abs()) - drop)[:, served]
        i = torch.sigmoid(z_i)
        g = w / i
        sums = torch.stack([z_i, torch.logit(f), torch.atanh(g), torch.logit(o)])
        return sums, torch.stack([i, f, g, o]), w, looks

    def _ways_out(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Ways out along x on which g of a unit is 1 or -1 all along, and its i is still seen.

        Each with the units that it serves, and by how much it changes the sum of their i.
        """
        input_size, hidden_size = self.sizes
        scales = (20.0, 60.0, 150.0) if self.exact else (8.0, 14.0, 24.0)
        lowest, limit = (-550.0, 1e-11) if self.exact else (-80.0, 1e-4)
        # Near ways first, for a sum may be clipped far away; in float32 they are not exact enough.
        tiers = [(-9.0, 0.0)] * self.exact + [(lowest, 5.0)]
        more = 0.25 if self.exact else 1.0
        d = normals(90)(32, input_size) / 2 / (input_size / sum(self.sizes)) ** 0.5
        d = torch.cat([sign * scale * d for scale in scales for sign in (1, -1)])
        none, last = torch.zeros(3 * len(d), hidden_size), (1 + 2 * more) * d
        x = torch.cat([d, (1 + more) * d, last])
        w = self.step(x=x, h=none, c=none)[1][:, self.units].abs()
        one, two, three = torch.logit(w).chunk(3)
        # Where all three are equal, the sum is clipped.
        steady = ((one + three - 2 * two).abs() < limit) & ((one - three).abs() > 1e-3)
        left, away = torch.ones(len(self.units), dtype=torch.bool), []
        for low, high in tiers:
            seen = (one < high) & (three < high) & (three > low) & steady
            while (seen & left).any():
                best = int((seen & left).sum(1).argmax())
                served = seen[best] & left
                away.append((last[best], served, (1 / more + 2) * (two - one)[best]))
                left &= ~served
        return away
