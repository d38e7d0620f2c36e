"""From what was measured to what it means: do samples mix, where, and what is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch

from lstm_teach.checks.layout.measure import Findings, Walk, change
from lstm_teach.checks.layout.patterns import is_reordered
from lstm_teach.checks.layout.reading import Reading

Rows = Callable[[torch.Tensor], torch.Tensor]


class Case:
    """The questions that a mistake's rule may ask about one probe."""

    def __init__(self, findings: Findings) -> None:
        """Take what was measured, and look for mixing at once."""
        self.found = findings
        self.probe = findings.probe
        self.output_axes = findings.output_axes
        self.walks = findings.walks
        self.output: int | None = None
        self.rows: Rows = lambda tensor: tensor
        self.flattened, self.state_only = "", False
        self.foreign = torch.zeros(0, 0, dtype=torch.bool)
        self.effects = torch.zeros(0, 0)
        if self.has_batch:
            self._look_for_mixing()

    @property
    def has_batch(self) -> bool:
        """Whether x has a batch axis."""
        return "batch" in self.probe.axes

    @property
    def fits(self) -> bool:
        """Whether some output has the batch axis where the caller says."""
        return self.output is not None

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's output, or there is no such output."""
        if not self.has_batch:
            return False
        if not self.found.base.outputs:
            return self.bad_walk is not None
        return not self.fits or bool(self.foreign.any())

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was changed in x changed the output."""
        if not self.effects.numel() or not any(
            o.is_floating_point() for o in self.found.base.outputs
        ):
            return False
        return not bool(self.found.is_leak(self.effects).any())

    def _look_for_mixing(self) -> None:
        place = self.output_axes.index("batch")
        for output in self.found.fitting():
            self._try(output, lambda tensor: tensor.movedim(place, 0))
            if self.mixes:
                return
        if not self.fits:
            self._try_flattened()
        if not self.fits:
            self._try_states()

    def _try(self, output: int, rows: Rows) -> None:
        effects = self.found.effects(output, rows)
        reached = self.found.is_leak(effects)
        foreign = reached.clone()
        for number, sample in enumerate(self.probe.samples):
            foreign[number, sample] = False
        second = self.output is not None
        if second and is_reordered(reached):
            return  # Sorted by length and only used as a whole, such as a mean for a KL term.
        if self._order_is_returned(reached):
            foreign[:] = False
        if not second or foreign.any():
            self.output, self.rows, self.effects, self.foreign = output, rows, effects, foreign

    def _order_is_returned(self, reached: torch.Tensor) -> bool:
        """Whether the rows are in another order, and the model hands that order out too."""
        if not is_reordered(reached):
            return False
        pairs = [(s, int(reached[k].nonzero()[0])) for k, s in enumerate(self.probe.samples)]
        return any(
            all(order[row] == sample for sample, row in pairs)
            or all(order[sample] == row for sample, row in pairs)
            for order in self.found.base.outputs
            if order.shape == (self.probe.batch,) and not order.is_floating_point()
        )

    def _try_flattened(self) -> None:
        """Outputs [batch * time, ...], in either order; the order of the axes' names first."""
        batch = self.probe.batch
        orders: list[tuple[str, Rows]] = [
            ("batch, time", lambda t: t.reshape(batch, -1, *t.shape[1:])),
            ("time, batch", lambda t: t.reshape(-1, batch, *t.shape[1:]).transpose(0, 1)),
        ]
        if self.output_axes[0] == "time":
            orders.reverse()
        for number, output in enumerate(self.found.base.outputs):
            size = output.shape[0] if output.dim() else 0
            if size <= batch or size % batch or not output.is_floating_point():
                continue
            for name, rows in orders:
                self.output = None
                self._try(number, rows)
                if not self.mixes and not self.is_dead:
                    self.flattened = name
                    return
            if size == batch * self.probe.time and "time" in self.probe.axes:
                self.output = None
                self._try(number, orders[0][1])
                self.flattened = orders[0][0]
                return
            self.output = None

    def _try_states(self) -> None:
        """A model that returns nothing but states: [layers * directions, batch, features]."""
        states = {
            (c.layers * c.directions, c.inputs.shape[1])
            for w in self.walks
            for c in w.calls
            if not c.is_cell
        }
        for number, output in enumerate(self.found.base.outputs):
            if output.dim() == 3 and tuple(output.shape[:2]) in states:
                if output.shape[1] != self.probe.batch:
                    continue
                self._try(number, lambda tensor: tensor.movedim(1, 0))
                if self.mixes:
                    self.output = None
                else:
                    self.state_only = True
                return

    @cached_property
    def first_output(self) -> int | None:
        """The output that speaks for the model: the mixing one, or the first float tensor."""
        if self.output is not None:
            return self.output
        floats = [i for i, o in enumerate(self.found.base.outputs) if o.is_floating_point()]
        return floats[0] if floats else None

    @property
    def left_out(self) -> list[list[int]]:
        """The shapes of further outputs that no rule has looked at; states are expected."""
        if not self.has_batch or not self.fits:
            return []
        seen = {self.output, *self.found.fitting()}
        return [
            list(output.shape)
            for number, output in enumerate(self.found.base.outputs)
            if number not in seen and output.dim() and output.is_floating_point()
            if tuple(output.shape) not in self.found.state_shapes
        ]

    @cached_property
    def bad_walk(self) -> Walk | None:
        """The first walk into which several samples come side by side: wrong before it."""
        for walk in self.walks:
            if (walk.owners.sum(1) > 1).any():
                return walk
        return None

    @property
    def inputs_are_mixed(self) -> bool:
        """Whether the bad walk's own input mixes samples, not only the state handed in."""
        walk = self.bad_walk
        return walk is not None and bool((walk.rows.any(0).sum(1) > 1).any())

    @property
    def lone_sample(self) -> int | None:
        """The one sample that reaches the output, where no other does."""
        if self.first_output is None or len(self.probe.samples) < 2:
            return None
        tensor = self.found.base.outputs[self.first_output]
        if tensor.dim() == 0:
            return None
        effects = self.found.effects(self.first_output, lambda t: t)
        reaching = self.found.is_leak(effects).any(1)
        if reaching.sum() != 1:
            return None
        after = self.found.by_the_others.outputs[self.first_output]
        if not self.found.noise and bool(self.found.is_leak(change(after, tensor)).any()):
            return None
        return self.probe.samples[int(reaching.nonzero()[0])]

    @cached_property
    def sample_readings(self) -> list[list[Reading]] | None:
        """What the output row of each looked-at sample reads: [samples][walks]."""
        if self.output is None:
            return None
        shape = self.found.base.outputs[self.output]
        picks = []
        for sample in self.probe.samples:
            pick = torch.zeros(shape.shape)
            self.rows(pick)[sample] = 1
            picks.append(pick)
        return self._read(self.output, picks)

    @cached_property
    def all_readings(self) -> list[Reading] | None:
        """What all outputs together read of each walk."""
        if self.state_only:
            return None
        outputs = self.found.fitting() if self.has_batch else []
        if not outputs:
            outputs = [i for i, o in enumerate(self.found.base.outputs) if o.is_floating_point()]
        every = []
        for output in outputs:
            one = self._read(output, [torch.ones(self.found.base.outputs[output].shape)])
            if one is not None:
                every.append(one[0])
        if not every:
            return None
        return [
            Reading(
                *(
                    _union([getattr(r[w], part) for r in every])
                    for part in ("output", "backward", "h", "c")
                )
            )
            for w in range(len(self.walks))
        ]

    def _read(self, output: int, picks: list[torch.Tensor]) -> list[list[Reading]] | None:
        try:
            return self.found.readings(output, picks)
        except Exception:
            # A model that runs but cannot be differentiated: what it reads stays unknown.
            return None

    def misread(self) -> tuple[Walk, str, list[torch.Tensor]] | None:
        """The last walk that is right in itself but is read wrongly.

        Returns:
            The walk, "output" or "h", and for each sample the places [places, cols] that its
            output row reads; None where all is read from the right columns or unknown.
        """
        readings = self.sample_readings
        if readings is None:
            return None
        for number in reversed(range(len(self.walks))):
            walk = self.walks[number]
            for channel in ("output", "h"):
                parts = [_channel(row[number], channel) for row in readings]
                wrong = any(
                    (part.any(0) & ~walk.owners[:, k]).any() for k, part in enumerate(parts)
                )
                if wrong:
                    return walk, channel, parts
        return None


def _channel(reading: Reading, channel: str) -> torch.Tensor:
    if channel == "output":
        return reading.output | reading.backward
    if reading.h.numel() and reading.c.numel():
        return reading.h | reading.c
    return reading.h if reading.h.numel() else reading.c


def _union(parts: list[torch.Tensor]) -> torch.Tensor:
    result = parts[0]
    for part in parts[1:]:
        result = result | part
    return result
