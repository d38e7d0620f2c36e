"""From what was measured to what it means: do samples mix, where, and what is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from lstm_teach.checks.layout.measure import Findings, Rows, change
from lstm_teach.checks.layout.walk import Misreading, Reading, Walk


@dataclass(frozen=True)
class Look:
    """One output, cut into rows, one a sample.

    Attributes:
        output: its number among the outputs.
        rows: brings its batch axis to the front.
        reached: [samples, rows]: whether each looked-at sample of x has a say in each row.
        foreign: the same without each sample's own row.
        order: how its first axis holds several rows a sample, where it does: "batch, time".
        is_state: whether it is a final state, [layers * directions, batch, hidden].
    """

    output: int
    rows: Rows
    reached: torch.Tensor
    foreign: torch.Tensor
    order: str = ""
    is_state: bool = False

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's row."""
        return bool(self.foreign.any())


class Case:
    """The questions that a mistake's rule may ask about one probe."""

    def __init__(self, findings: Findings) -> None:
        """Take what was measured, and look for mixing at once."""
        self.found = findings
        self.probe = findings.probe
        self.outputs = findings.base.outputs
        self.output_axes = findings.output_axes
        self.walks = findings.walks
        self.look = self._look_for_mixing() if self.has_batch else None

    @property
    def has_batch(self) -> bool:
        """Whether x has a batch axis."""
        return "batch" in self.probe.axes

    @property
    def mixes(self) -> bool:
        """Whether a sample reaches another sample's output, or there is no such output."""
        if not self.has_batch:
            return False
        if not self.outputs:
            return self.bad_walk is not None
        return self.look is None or self.look.mixes

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was changed in x changed the output."""
        return bool(self.found.floats) and self.look is not None and not self.look.reached.any()

    def look_at(self, output: int, rows: Rows, order: str = "", is_state: bool = False) -> Look:
        """Ask which samples of x reach which rows of one output."""
        reached = self.found.reached(output, rows)
        foreign = reached.clone()
        foreign[torch.arange(len(reached)), self.probe.samples] = False
        if is_reordered(reached) and self._order_is_returned(reached):
            foreign[:] = False
        return Look(output, rows, reached, foreign, order, is_state)

    def _look_for_mixing(self) -> Look | None:
        """The first output that mixes samples, else the first that has rows for them."""
        first = None
        for output in self.found.fitting():
            look = self.look_at(output, to_front(self.output_axes.index("batch")))
            if look.mixes and (first is None or not is_reordered(look.reached)):
                return look
            first = first or look
            # A later one that is reordered is sorted by length and only used as a whole, such
            # as a mean for a KL term.
        return first or self._look_at_flattened() or self._look_at_states()

    def _order_is_returned(self, reached: torch.Tensor) -> bool:
        """Whether the model also hands out the order in which the rows are."""
        pairs = [(s, int(reached[k].nonzero()[0])) for k, s in enumerate(self.probe.samples)]
        return any(
            all(order[row] == sample for sample, row in pairs)
            or all(order[sample] == row for sample, row in pairs)
            for order in self.outputs
            if order.shape == (self.probe.batch,) and not order.is_floating_point()
        )

    def _look_at_flattened(self) -> Look | None:
        """Outputs [batch * time, ...], in the order in which they mix less."""
        batch = self.probe.batch
        orders: dict[str, Rows] = {
            "batch, time": lambda t: t.reshape(batch, -1, *t.shape[1:]),
            "time, batch": lambda t: t.reshape(-1, batch, *t.shape[1:]).transpose(0, 1),
        }
        for output in self.found.floats:
            size = self.outputs[output].shape[0] if self.outputs[output].dim() else 0
            if size <= batch or size % batch:
                continue
            looks = [self.look_at(output, rows, name) for name, rows in orders.items()]
            look = min(looks, key=lambda look: int(look.foreign.sum()))
            is_whole = "time" in self.probe.axes and size == batch * self.probe.time
            if is_whole or (look.reached.any() and not look.mixes):
                return look
        return None

    def _look_at_states(self) -> Look | None:
        """A model that returns nothing but states: [layers * directions, batch, features]."""
        leading = {shape[:2] for shape in self.found.state_shapes}
        for output, tensor in enumerate(self.outputs):
            is_state = tensor.dim() == 3 and tuple(tensor.shape[:2]) in leading
            if is_state and tensor.shape[1] == self.probe.batch:
                look = self.look_at(output, to_front(1), is_state=True)
                return None if look.mixes else look
        return None

    @cached_property
    def first_output(self) -> int | None:
        """The output that speaks for the model: the mixing one, or the first float tensor."""
        if self.look is not None:
            return self.look.output
        return next(iter(self.found.floats), None)

    @property
    def left_out(self) -> list[list[int]]:
        """The shapes of further outputs that no rule has looked at; states are expected."""
        if self.look is None:
            return []
        seen = {self.look.output, *self.found.fitting()}
        return [
            list(self.outputs[number].shape)
            for number in self.found.floats
            if number not in seen and self.outputs[number].dim()
            if tuple(self.outputs[number].shape) not in self.found.state_shapes
        ]

    @cached_property
    def bad_walk(self) -> Walk | None:
        """The first walk into which several samples come side by side: wrong before it."""
        return next((walk for walk in self.walks if (walk.owners.sum(1) > 1).any()), None)

    @property
    def badly_fed(self) -> Walk | None:
        """The bad walk, if its own input mixes samples, not only the state handed in."""
        walk = self.bad_walk
        return walk if walk is not None and (walk.rows.any(0).sum(1) > 1).any() else None

    @property
    def lone_sample(self) -> int | None:
        """The one sample that reaches the output, where no other does."""
        if self.first_output is None or len(self.probe.samples) < 2:
            return None
        if self.outputs[self.first_output].dim() == 0:
            return None
        reaching = self.found.reached(self.first_output, lambda t: t).any(1)
        return self.probe.samples[int(reaching.nonzero()[0])] if reaching.sum() == 1 else None

    @cached_property
    def sample_readings(self) -> list[list[Reading]]:
        """What the output row of each looked-at sample reads, [samples][walks]; else nothing."""
        if self.look is None:
            return []
        readings = []
        for sample in self.probe.samples:
            mask = torch.zeros(self.outputs[self.look.output].shape)
            self.look.rows(mask)[sample] = 1
            readings.append(self.found.readings({self.look.output: mask}))
        return readings if all(readings) else []

    @cached_property
    def all_readings(self) -> list[Reading]:
        """What all outputs together read of each walk; nothing where no gradient gets through."""
        numbers = (self.found.fitting() if self.has_batch else []) or self.found.floats
        # Not alike, or an output and its negative would cancel.
        return self.found.readings({n: torch.full(self.outputs[n].shape, 1.0 + n) for n in numbers})

    @property
    def is_read(self) -> bool:
        """Whether any output reads any recurrent layer, as far as gradients tell."""
        return any(reading.is_any for reading in self.all_readings)

    @cached_property
    def reached_by_its_pads(self) -> int | None:
        """A sample whose one answer changes with what stands behind its end, if there is any.

        Of tokens nobody can say: a model may find the end of a sentence by its pads.
        """
        probe, look = self.probe, self.look
        if look is None or self.found.noise or "time" in self.output_axes or not probe.pads.any():
            return None
        if not probe.x.is_floating_point():
            return None
        before = look.rows(self.outputs[look.output])
        after = look.rows(self.found.with_other_pads.outputs[look.output])
        moved = change(after, before).flatten(1).amax(1)
        return int(moved.argmax()) if moved.max() > 1e-4 else None

    @cached_property
    def misreading(self) -> Misreading | None:
        """How the last walk is read that is right in itself but read from wrong columns."""
        for number, walk in reversed(list(enumerate(self.walks))):
            own = [readings[number] for readings in self.sample_readings]
            for channel, parts in (
                ("output", [reading.output | reading.backward for reading in own]),
                ("state", [reading.state for reading in own]),
            ):
                if any((part.any(0) & ~walk.owners[:, k]).any() for k, part in enumerate(parts)):
                    return Misreading(walk, channel, parts)
        return None


def is_reordered(reached: torch.Tensor) -> bool:
    """Whether each sample reaches exactly one row, and no two of them the same."""
    return bool((reached.sum(1) == 1).all() and (reached.sum(0) <= 1).all())


def to_front(axis: int) -> Rows:
    """Brings an axis to the front."""
    return lambda tensor: tensor.movedim(axis, 0)


Words = dict[str, Any]

SILENT = "PyTorch cannot see it: the sizes fit, so it computes with whatever stands there."


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        name: its verdict.
        tell: from a case, the words that the message needs, or None where it is not this one.
        message: what happens, why PyTorch is silent, and the fix, with places for the words.
    """

    name: str
    tell: Callable[[Case], Words | None]
    message: str


def words(case: Case, walk: Walk, **more: Any) -> Words:
    """The words about one walk that every message may use, and more of a mistake's own."""
    return {
        "layer": walk.name,
        "steps": walk.steps,
        "cols": walk.cols,
        "states": walk.call.rows,
        "batch": case.probe.batch,
        "time": case.probe.time,
        "batch_axis": case.probe.axes.index("batch") if case.has_batch else 0,
        "ends": _ends(walk),
        **more,
    }


def _ends(walk: Walk) -> str:
    """What to read in place of a wrong step; where `out` is laid out by the learner, no index."""
    if walk.call.directions == 2:
        return f"`{walk.last_state}`, where both directions end"
    if walk.call.packed is not None:
        return f"`{walk.last_state}`, which is each sentence's own last step"
    if walk.call.is_cell:
        return "the `h` that the loop ends with"
    last = "out[:, -1]" if walk.call.batch_first else "out[-1]"
    return f"`{last}`, or `{walk.last_state}`, which is right in both layouts"
