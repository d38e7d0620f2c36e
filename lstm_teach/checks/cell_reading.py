"""Reading the gates off a cell's behaviour, whatever its parameters are called and laid out.

Every LSTM cell, in any parametrisation, has a new c that is a straight line in the old c, with
the slope f; an offset i * g; an h that is o * tanh(c); and gates whose sums are straight lines
in x and h. So each gate can be recovered from outputs alone, and where that fails it shows how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.cell_calls import Caller
from lstm_teach.checks.report import Report

SAMPLES = 96
DIRECTIONS = 4
UNITS = 8

Squash = Callable[[Tensor], Tensor]


def _hard(z: Tensor) -> Tensor:
    return z.clamp(0, 1)


def _inside(low: float, high: float) -> Squash:
    edge = 1e-3
    return lambda y: torch.where((y > low + edge) & (y < high - edge), y, torch.nan)


ACTIVATIONS: dict[str, tuple[Squash, Squash]] = {
    "sigmoid": (torch.sigmoid, torch.logit),
    "tanh": (torch.tanh, torch.atanh),
    "sigmoid + 1": (lambda z: torch.sigmoid(z) + 1, lambda y: torch.logit(y - 1)),
    "sigmoid of sigmoid": (
        lambda z: torch.sigmoid(torch.sigmoid(z)),
        lambda y: torch.logit(torch.logit(y)),
    ),
    "tanh of tanh": (lambda z: torch.tanh(torch.tanh(z)), lambda y: torch.atanh(torch.atanh(y))),
    "sigmoid of tanh": (
        lambda z: torch.sigmoid(torch.tanh(z)),
        lambda y: torch.atanh(torch.logit(y)),
    ),
    "tanh of sigmoid": (
        lambda z: torch.tanh(torch.sigmoid(z)),
        lambda y: torch.logit(torch.atanh(y)),
    ),
    "sigmoid (hard)": (_hard, _inside(0, 1)),
    "tanh (hard)": (hardtanh, _inside(-1, 1)),
    "nothing": (lambda z: z, lambda y: y),
}
"""Each activation with its inverse; NaN where there is none."""


@dataclass
class Gate:
    """A gate as it was read.

    Attributes:
        activation: a key of `ACTIVATIONS`, "constant", or "" where nothing fits.
        lines: ``[units, directions + 1]``, how its sum grows along each direction, and its offset.
        values: ``[samples, units]``.
    """

    activation: str
    lines: Tensor
    values: Tensor


@dataclass
class Places:
    """Where a cell is looked at.

    Attributes:
        t: ``[samples, 2 * directions + 1]``, steps along the directions, and a 1.
        along_x: ``[directions, input_size]``.
        along_h: ``[directions, hidden_size]``.
        x: ``[samples, input_size]``.
        h: ``[samples, hidden_size]``.
        c: four old cell states, ``[samples, hidden_size]`` each, the first of them zero.
        units: which hidden units are looked at.
    """

    t: Tensor
    along_x: Tensor
    along_h: Tensor
    x: Tensor
    h: Tensor
    c: tuple[Tensor, ...]
    units: Tensor


def places(input_size: int, hidden_size: int) -> Places:
    """Random places along a few random directions, so that wide cells cost no more."""
    source = torch.Generator().manual_seed(7)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64, device="cpu")

    t = torch.cat([0.5 * normal(SAMPLES, 2 * DIRECTIONS), torch.ones(SAMPLES, 1).double()], 1)
    along_x, along_h = normal(DIRECTIONS, input_size), normal(DIRECTIONS, hidden_size)
    c = 0.4 + normal(3, SAMPLES, hidden_size).abs()
    c[1] *= -1
    c[2] *= normal(SAMPLES, hidden_size).sign()
    return Places(
        t=t,
        along_x=along_x,
        along_h=along_h,
        x=t[:, :DIRECTIONS] @ along_x,
        h=t[:, DIRECTIONS:-1] @ along_h,
        c=(torch.zeros(SAMPLES, hidden_size).double(), *c),
        units=torch.linspace(0, hidden_size - 1, min(hidden_size, UNITS)).long().unique(),
    )


def observe(caller: Caller, at: Places) -> tuple[Tensor, Tensor] | Report:
    """What the cell returns at every place from each old c, ``[4, samples, hidden_size]`` each."""
    state = caller(x=at.x.repeat(4, 1), h=at.h.repeat(4, 1), c=torch.cat(at.c))
    if isinstance(state, Report):
        return state
    first, second = (part.double().unflatten(0, (4, -1)) for part in state)
    return first, second


@dataclass
class Reader:
    """Fits straight lines and products of two gates to what was observed.

    Attributes:
        at: where the cell was looked at.
        accuracy: how well a right cell has to fit, by the precision that it computes in.
    """

    at: Places
    accuracy: float

    def same(self, one: Tensor, other: Tensor) -> bool:
        """Whether two readings are equal to the accuracy."""
        return bool(((one - other).abs() <= self.accuracy * (1 + other.abs())).all())

    def close(self, one: Tensor, other: Tensor) -> bool:
        """Whether two fitted lines are equal; a fit is less accurate than what it fits."""
        return bool(((one - other).abs() <= 30 * self.accuracy * (1 + other.abs())).all())

    def gate(self, values: Tensor) -> Gate:
        """Find the activation whose inverse makes a gate's values straight lines in x and h.

        Args:
            values: ``[samples, units]``; NaN where the gate could not be seen.
        """
        known = values.isfinite()
        nothing = torch.zeros(values.shape[1], self.at.t.shape[1], dtype=values.dtype)
        if known.double().mean() < 0.5:
            return Gate("", nothing, values)
        level = values.nanmedian(0, keepdim=True).values.expand_as(values)
        if self.same(values[known], level[known]):
            return Gate("constant", nothing, values)
        for name, (squash, inverse) in ACTIVATIONS.items():
            lines = self._straight(inverse(values))
            if lines is None:
                continue
            if self.same(squash(self.at.t @ lines.T)[known], values[known]):
                return Gate(name, lines, values)
        return Gate("", nothing, values)

    def _straight(self, sums: Tensor) -> Tensor | None:
        """Least squares that trusts a sum the less the further it is in the saturated ends."""
        known = sums.isfinite()
        if (known.sum(0) < 2 * self.at.t.shape[1]).any():
            return None
        trust = torch.where(known, torch.exp(-sums.abs() / 2), 0.0).nan_to_num(0.0).T[..., None]
        sums = torch.where(known, sums, 0.0).T[..., None]
        normal = (self.at.t * trust).mT @ (self.at.t * trust)
        right = (self.at.t * trust).mT @ (sums * trust)
        return torch.linalg.solve_ex(normal, right)[0][..., 0]

    def shifted(self, values: Tensor) -> Gate | None:
        """A sigmoid with a constant of each unit added after it."""
        parts = self.product(values, "sigmoid", "nothing", added=True)
        if parts is None or not self.close(parts[1].lines[:, :-1], torch.zeros(1).double()):
            return None
        return Gate("sigmoid + 1", parts[0].lines, values)

    def product(
        self,
        values: Tensor,
        one: str,
        two: str,
        added: bool = False,
        hints: tuple[Tensor, ...] = (),
    ) -> tuple[Gate, Gate] | None:
        """Take i * g apart: two gates of these activations whose product has the values.

        Args:
            values: ``[samples, units]``.
            one: a key of `ACTIVATIONS`.
            two: likewise.
            added: look for i + g, not i * g.
            hints: ``[units, 2 * directions + 1]``, lines that i could have.
        """
        if not values.isfinite().all():
            return None
        guess = _Guess(ACTIVATIONS[one][0], ACTIVATIONS[two][0], torch.add if added else torch.mul)
        informed = _informed(self.at.t, values.T, hints)
        enough = len(values) * (self.accuracy / 1000) ** 2
        if values.shape[1] > 2:  # most wrong guesses end here
            _, first = guess.fit(self.at.t, values.T[:2], informed[:, :2], enough)
            if not self.same(first, values[:, :2]) and (one, two) != ("sigmoid", "tanh"):
                return None
        lines, fitted = guess.fit(self.at.t, values.T, informed, enough)
        missed = [u for u in range(values.shape[1]) if not self.same(fitted[:, u], values[:, u])]
        if missed and (len(missed) < values.shape[1] or len(missed) < 3):
            y = values.T[missed]
            lines[missed], fitted[:, missed] = guess.fit(
                self.at.t, y, _anywhere(lines[missed]), enough
            )
        if not self.same(fitted, values):
            return None
        i, g = lines.chunk(2, dim=-1)
        squash_i, squash_g = guess.squash_i, guess.squash_g
        t = self.at.t
        return Gate(one, i, squash_i(t @ i.T)), Gate(two, g, squash_g(t @ g.T))


@dataclass(frozen=True)
class _Guess:
    """That the values are squash_i(line) combined with squash_g(another line)."""

    squash_i: Squash
    squash_g: Squash
    combine: Callable[[Tensor, Tensor], Tensor]

    def fit(self, t: Tensor, y: Tensor, starts: Tensor, enough: float) -> tuple[Tensor, Tensor]:
        """Levenberg and Marquardt's least squares, for all units and starts at once.

        Args:
            t: ``[samples, width]``.
            y: ``[units, samples]``, the values to fit.
            starts: ``[starts, units, 2 * width]``, the two lines to begin with.
            enough: a sum of squares that is small enough to stop.

        Returns:
            The best lines, ``[units, 2 * width]``, and their values, ``[samples, units]``.
        """
        lines = starts
        damping = torch.full(lines.shape[:2], 1e-2, dtype=lines.dtype)
        i, g, missed = self._at(lines, t, y)
        cost, stuck = missed.square().sum(-1), 0
        for _ in range(60):
            sum_i, sum_g = ((part @ t.T) for part in lines.chunk(2, dim=-1))
            by_i, by_g = (1, 1) if self.combine is torch.add else (g, i)
            slope_i, slope_g = (
                _slope(self.squash_i, sum_i) * by_i,
                _slope(self.squash_g, sum_g) * by_g,
            )
            slopes = torch.cat([slope_i[..., None] * t, slope_g[..., None] * t], -1)
            normal = slopes.mT @ slopes
            ridge = damping[..., None] * (normal.diagonal(dim1=-2, dim2=-1) + 1e-6)
            right = slopes.mT @ missed[..., None]
            tried = lines - torch.linalg.solve_ex(normal + ridge.diag_embed(), right)[0][..., 0]
            gained = cost - self._at(tried, t, y)[2].square().sum(-1)
            better = gained > 0
            lines = torch.where(better[..., None], tried, lines)
            damping = torch.where(better, damping * 0.2, damping * 5).clamp(1e-12, 1e6)
            stuck = 0 if (gained > 1e-2 * cost).any() else stuck + 1
            i, g, missed = self._at(lines, t, y)
            cost = missed.square().sum(-1)
            if (cost.amin(0) < enough).all() or stuck > 4:
                break
        best = lines[cost.argmin(0), torch.arange(len(y))]
        return best, (self._at(best, t, y)[2] + y).T

    def _at(self, lines: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        i, g = lines.chunk(2, dim=-1)
        i, g = self.squash_i(i @ t.T), self.squash_g(g @ t.T)
        return i, g, self.combine(i, g) - y


def _informed(t: Tensor, y: Tensor, hints: tuple[Tensor, ...]) -> Tensor:
    """Where to begin: an open input gate and g from a straight fit, and places around it."""
    straight = torch.linalg.lstsq(t, 2 * y.T)[0].T
    start = torch.cat([torch.zeros_like(straight), straight], 1)
    shifted = torch.zeros_like(start)
    shifted[:, : t.shape[1] - 1] = 2 * straight[:, :-1]
    shifted[:, -1] = y.mean(1) - 0.5
    hinted = [torch.cat([hint, g], 1)[None] for hint in hints for g in (straight, hint)]
    along = torch.cat([torch.stack([straight, -straight]), straight.expand(2, -1, -1)], 2)
    return torch.cat([start + 0.5 * _noise(5, start), along, shifted[None], *hinted])


def _anywhere(lines: Tensor) -> Tensor:
    """Many places, near and far, for the few units that were missed."""
    noise = _noise(48, lines)
    return torch.cat([noise[:32], lines + noise[32:]])


def _noise(count: int, like: Tensor) -> Tensor:
    source = torch.Generator().manual_seed(11)
    noise = torch.randn(count, *like.shape, generator=source, dtype=like.dtype, device="cpu")
    noise[0] = 0
    return noise


def _slope(squash: Squash, z: Tensor) -> Tensor:
    return (squash(z + 1e-6) - squash(z - 1e-6)) / 2e-6
