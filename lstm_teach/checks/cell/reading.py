"""Reading the gates off a cell's behaviour, whatever its parameters are called and laid out.

Every LSTM cell, in any parametrisation, has a new c that is a straight line in the old c, with
the slope f; an offset i * g; an h that is o * tanh(c); and gates whose sums are straight lines
in x and h. So each gate can be recovered from outputs alone, and where that fails it shows how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lstm_teach.checks.cell.calls import Caller
from lstm_teach.checks.cell.equations import normals
from lstm_teach.checks.cell.fit import ACTIVATIONS, Guess, anywhere, informed
from lstm_teach.checks.cell.returned import State
from lstm_teach.checks.report import Report

SAMPLES = 96
DIRECTIONS = 4
UNITS = 8


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
    normal = normals(7)
    t = torch.cat([0.5 * normal(SAMPLES, 2 * DIRECTIONS), torch.ones(SAMPLES, 1).double()], 1)
    along_x, along_h = normal(DIRECTIONS, input_size), normal(DIRECTIONS, hidden_size)
    along_h /= 1.01 * (t[:, DIRECTIONS:-1] @ along_h).abs().amax(0)  # an LSTM's h is in (-1, 1)
    c = 0.4 + torch.sigmoid(normal(3, SAMPLES, hidden_size))  # no cell clips c as early as that
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


@dataclass
class Reader:
    """Looks at a cell, and fits straight lines and products of two gates to what it sees.

    Attributes:
        caller: calls the cell.
        at: where it is looked at.
        accuracy: how well a right cell has to fit, by the precision that it computes in.
    """

    caller: Caller
    at: Places
    accuracy: float

    def observe(self, exchanged: bool = False) -> State | Report:
        """What comes back at every place from each old c, ``[4, samples, hidden_size]`` each."""
        x, h, c = self.at.x.repeat(4, 1), self.at.h.repeat(4, 1), torch.cat(self.at.c)
        state = self.caller(x=x, h=c if exchanged else h, c=h if exchanged else c)
        if isinstance(state, Report):
            return state
        first, second = (part.double().unflatten(0, (4, -1)) for part in state)
        return first, second

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

    def gate_with_late_bias(self, values: Tensor) -> Gate:
        """As `gate`, and a sigmoid with a constant of each unit added after it."""
        gate = self.gate(values)
        parts = None
        if not gate.activation:
            parts = self.product(values, "sigmoid", "nothing", added=True)
        if parts is None or not self.close(parts[1].lines[:, :-1], torch.zeros(1).double()):
            return gate
        return Gate("sigmoid + 1", parts[0].lines, values)

    def product(
        self,
        values: Tensor,
        one: str,
        two: str,
        added: bool = False,
        hints: Sequence[Tensor] = (),
        near: Tensor | None = None,
    ) -> tuple[Gate, Gate] | None:
        """Take i * g apart: two gates of these activations whose product has the values.

        Args:
            values: ``[samples, units]``.
            one: a key of `ACTIVATIONS`.
            two: likewise.
            added: look for i + g, not i * g.
            hints: ``[units, 2 * directions + 1]``, lines that i could have.
            near: ``[units, 2 * (2 * directions + 1)]``, lines of i and g to begin with.
        """
        if not values.isfinite().all():
            return None
        t, y = self.at.t, values.T
        guess = Guess(ACTIVATIONS[one][0], ACTIVATIONS[two][0], torch.add if added else torch.mul)
        enough = len(values) * (self.accuracy / 1000) ** 2
        starts = informed(t, y, hints) if near is None else near[None]
        if near is None and (one, two) != ("sigmoid", "tanh"):  # most guesses end at two units
            _, first = guess.fit(t, y[:2], starts[:, :2], enough)
            if not self.same(first, values[:, :2]):
                return None
        lines, fitted = guess.fit(t, y, starts, enough)
        missed = [u for u in range(len(y)) if not self.same(fitted[:, u], values[:, u])]
        if missed and (len(missed) < len(y) or len(missed) < 3 or near is not None):
            lines[missed], fitted[:, missed] = guess.fit(
                t, y[missed], anywhere(lines[missed]), enough
            )
        if not self.same(fitted, values):
            return None
        i, g = lines.chunk(2, dim=-1)
        return Gate(one, i, guess.squash_i(t @ i.T)), Gate(two, g, guess.squash_g(t @ g.T))
