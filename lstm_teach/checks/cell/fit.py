"""Fitting what a gate does: activations with their inverses, and products of two of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from lstm_teach.checks.cell.equations import normals

Squash = Callable[[Tensor], Tensor]


def _one_in_the_other(outer: str, inner: str) -> tuple[Squash, Squash]:
    (squash, inverse), (squash_in, inverse_in) = _PLAIN[outer], _PLAIN[inner]
    return lambda z: squash(squash_in(z)), lambda y: inverse_in(inverse(y))


def _inside(low: float, high: float) -> Squash:
    edge = 1e-3
    return lambda y: torch.where((y > low + edge) & (y < high - edge), y, torch.nan)


_PLAIN: dict[str, tuple[Squash, Squash]] = {
    "sigmoid": (torch.sigmoid, torch.logit),
    "tanh": (torch.tanh, torch.atanh),
}
ACTIVATIONS: dict[str, tuple[Squash, Squash]] = {
    **_PLAIN,
    "sigmoid + 1": (lambda z: torch.sigmoid(z) + 1, lambda y: torch.logit(y - 1)),
    "sigmoid of sigmoid": _one_in_the_other("sigmoid", "sigmoid"),
    "tanh of tanh": _one_in_the_other("tanh", "tanh"),
    "sigmoid of tanh": _one_in_the_other("sigmoid", "tanh"),
    "tanh of sigmoid": _one_in_the_other("tanh", "sigmoid"),
    "sigmoid (hard)": (lambda z: z.clamp(0, 1), _inside(0, 1)),
    "tanh (hard)": (hardtanh, _inside(-1, 1)),
    "nothing": (torch.clone, torch.clone),
}
"""Each activation with its inverse; NaN where there is none."""


@dataclass(frozen=True)
class Guess:
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


def informed(t: Tensor, y: Tensor, hints: Sequence[Tensor]) -> Tensor:
    """Where to begin: an open input gate and g from a straight fit, and places around it."""
    straight = torch.linalg.lstsq(t, 2 * y.T)[0].T
    start = torch.cat([torch.zeros_like(straight), straight], 1)
    shifted = torch.zeros_like(start)
    shifted[:, : t.shape[1] - 1] = 2 * straight[:, :-1]
    shifted[:, -1] = y.mean(1) - 0.5
    hinted = [torch.cat([hint, g], 1)[None] for hint in hints for g in (straight, hint)]
    along = torch.cat([torch.stack([straight, -straight]), straight.expand(2, -1, -1)], 2)
    return torch.cat([start + 0.5 * _noise(5, start), along, shifted[None], *hinted])


def anywhere(lines: Tensor) -> Tensor:
    """Many places, near and far, for the few units that were missed."""
    noise = _noise(48, lines)
    return torch.cat([noise[:32], lines + noise[32:]])


def _noise(count: int, like: Tensor) -> Tensor:
    noise = normals(11)(count, *like.shape)
    noise[0] = 0
    return noise


def _slope(squash: Squash, z: Tensor) -> Tensor:
    return (squash(z + 1e-6) - squash(z - 1e-6)) / 2e-6
