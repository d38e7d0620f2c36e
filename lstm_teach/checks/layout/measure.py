"""Which samples and time steps reach which rows: measured, by changing x in one place a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.probe import Probe
from lstm_teach.checks.layout.reading import Reading, reading_of
from lstm_teach.checks.layout.record import Call, in_walking_order, recording
from lstm_teach.checks.layout.run import output_tensors

_FAINT = 1e-5
_ROUNDING = 1e-11


@dataclass
class Run:
    """One forward pass: what the recurrent layers met, and what came out."""

    calls: list[Call]
    outputs: list[torch.Tensor]


@dataclass
class Walk:
    """A recurrent layer walking over its steps; a loop over a cell is one walk.

    Attributes:
        calls: the calls of which it is made; each goes on with the state of the one before.
        elements: [steps, cols, features, samples]: which samples of x reach which inputs.
        states: [rows, cols, samples]: which samples reach the states handed in.
        times: [steps, cols, features, times]: which time steps of x reach which inputs.
        places: where its calls stand among all calls.
    """

    calls: list[Call]
    elements: torch.Tensor
    states: torch.Tensor
    times: torch.Tensor
    places: list[int]

    @property
    def name(self) -> str:
        """How the learner calls it: ``self.lstm``."""
        return f"self.{self.calls[0].name}" if self.calls[0].name else "the layer"

    @property
    def rows(self) -> torch.Tensor:
        """Which samples reach which steps: [steps, cols, samples]."""
        return self.elements.any(2)

    @property
    def steps(self) -> int:
        """The number of steps it walks."""
        return self.elements.shape[0]

    @property
    def cols(self) -> int:
        """The number of sequences it walks side by side."""
        return self.elements.shape[1]

    @property
    def owners(self) -> torch.Tensor:
        """Which samples reach each column, by input or by state: [cols, samples]."""
        return self.rows.any(0) | self.states.any(0)


class Findings:
    """All that is measured on one probe; computed when first asked for."""

    def __init__(
        self, probe: Probe, output_axes: tuple[str, ...], call: Callable[[torch.Tensor], Any]
    ) -> None:
        """Run the model on the probe, twice as it is and once with each sample changed."""
        self.probe, self.output_axes, self._call = probe, output_axes, call
        self.base = self._run(probe.x)
        self.again = self._run(probe.x)
        self.by_sample = [self._run(probe.altered(sample=b)) for b in probe.samples]

    def _run(self, x: torch.Tensor) -> Run:
        with torch.no_grad(), recording(self.probe.model) as calls:
            outputs = self._tensors(self._call(x.clone()))
        return Run(calls, [o.detach().clone() for o in outputs])

    def _tensors(self, outputs: Any) -> list[torch.Tensor]:
        return output_tensors(outputs, self.output_axes, self.probe.batch)

    @cached_property
    def noise(self) -> float:
        """How far two runs on one input differ: randomness that no seed reaches."""
        pairs = zip(self.base.outputs, self.again.outputs, strict=False)
        return max((float(change(a, b).max()) for a, b in pairs if a.numel()), default=0.0)

    @cached_property
    def by_time(self) -> list[Run]:
        """One run for each of a few time steps, changed in all samples at once."""
        return [self._run(self.probe.altered(time=t)) for t in self.probe.times]

    @cached_property
    def by_the_others(self) -> Run:
        """A run with all those samples changed that no run changes alone."""
        alone = set(self.probe.samples)
        others = [b for b in range(self.probe.batch) if b not in alone]
        return self._run(self.probe.altered(sample=others))

    def fitting(self) -> list[int]:
        """Which outputs have the batch axis where the caller says."""
        found = [i for i, o in enumerate(self.base.outputs) if self._fits(o)]
        batch = self.probe.batch
        states = [i for i in found if tuple(self.base.outputs[i].shape) in self.state_shapes]
        rest = [i for i in found if i not in states]
        others = any(tuple(output.shape) not in self.state_shapes for output in self._floats)
        if self.output_axes[0] == "batch" and others:
            found = rest  # A state has its batch on axis 1, whatever its first axis happens to be.
        square = (batch, batch)
        return [i for i in rest if tuple(self.base.outputs[i].shape) != square] or found

    @cached_property
    def state_shapes(self) -> set[tuple[int, ...]]:
        """Shapes of h_n and c_n: handed on, but no prediction."""
        return {
            (call.layers * call.directions, call.inputs.shape[1], width)
            for call in self.base.calls
            if not call.is_cell
            for width in (int(call.module.hidden_size), int(call.module.proj_size))  # type: ignore[arg-type]
        }

    def _fits(self, output: torch.Tensor) -> bool:
        place = self.output_axes.index("batch")
        shape = output.shape
        numeric = output.is_floating_point() or not self._has_floats
        return numeric and len(shape) > place and shape[place] == self.probe.batch

    @cached_property
    def _has_floats(self) -> bool:
        return any(o.is_floating_point() for o in self.base.outputs)

    def effects(self, output: int, rows: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """[samples, rows]: how much each row of an output changes with each sample of x.

        By changing the samples, or by gradients (of the looked-at rows only) where randomness
        that no seed reaches would hide a change.
        """
        if self.noise:
            return self._gradients(output, rows)
        before = rows(self.base.outputs[output])
        return torch.stack(
            [_row_changes(rows(run.outputs[output]), before) for run in self.by_sample]
        )

    def _gradients(self, output: int, rows: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        probe = self.probe
        effects = torch.zeros(len(probe.samples), len(rows(self.base.outputs[output])))
        if not probe.x.is_floating_point():
            return effects
        with torch.enable_grad():
            x = probe.x.clone().requires_grad_()
            read = rows(self._tensors(self._call(x))[output])
            for row in sorted({*probe.samples, 0, len(read) - 1} & set(range(len(read)))):
                weights = torch.cos(torch.arange(read[row].numel())).reshape(read[row].shape)
                gradient = torch.autograd.grad(
                    read[row], x, weights.to(read), retain_graph=True, allow_unused=True
                )[0]
                if gradient is not None:
                    by_sample = gradient.movedim(probe.axes.index("batch"), 0).flatten(1)
                    effects[:, row] = by_sample.abs().amax(1)[probe.samples]
        return effects

    def is_leak(self, effects: torch.Tensor) -> torch.Tensor:
        """Where an effect is more than rounding."""
        scale = max((float(o.abs().nan_to_num(0, 0, 0).max()) for o in self._floats), default=1.0)
        return effects > max(_FAINT * float(effects.max()), _ROUNDING * min(scale, 1.0))

    @property
    def _floats(self) -> list[torch.Tensor]:
        return [o for o in self.base.outputs if o.is_floating_point() and o.numel()]

    @cached_property
    def walks(self) -> list[Walk]:
        """The walks of all recurrent layers, in the order in which they begin."""
        walks: list[Walk] = []
        latest: dict[int, Walk] = {}
        for place, call in enumerate(self.base.calls):
            elements = self._reached(place, self.by_sample, lambda c: [c.inputs])
            times = self._reached(place, self.by_time, lambda c: [c.inputs])
            states = self._reached(place, self.by_sample, lambda c: _one_wide(c.states))
            carried = (
                states.any()
                or self._reached(place, self.by_time, lambda c: _one_wide(c.states)).any()
            )
            walk = latest.get(id(call.module))
            if walk is not None and carried and walk.cols == elements.shape[1]:
                walk.calls.append(call)
                walk.places.append(place)
                walk.elements = torch.cat((walk.elements, elements))
                walk.times = torch.cat((walk.times, times))
                walk.states = torch.cat((walk.states, states.any(2)))
            else:
                walk = Walk([call], elements, states.any(2), times, [place])
                latest[id(call.module)] = walk
                walks.append(walk)
        return walks

    def _reached(
        self, place: int, runs: list[Run], parts: Callable[[Call], list[torch.Tensor]]
    ) -> torch.Tensor:
        """[rows, cols, features, runs]: what of one call's tensors changed in each run."""
        call = self.base.calls[place]
        empty = call.inputs.new_zeros(0, call.inputs.shape[1], 1)
        before = torch.cat(parts(call)) if parts(call) else empty
        marks = torch.zeros(*before.shape, len(runs), dtype=torch.bool)
        noise = 0.0
        if before.numel() and len(self.again.calls) == len(self.base.calls):
            noise = float(change(torch.cat(parts(self.again.calls[place])), before).max())
        for number, run in enumerate(runs):
            if len(run.calls) > place and run.calls[place].name == call.name and before.numel():
                marks[..., number] = _moved(torch.cat(parts(run.calls[place])), before, noise)
        return marks

    def calls_with_gradients(self) -> list[Call]:
        """The calls of one more run, with a graph to ask; none where it cannot be recorded."""
        try:
            with torch.enable_grad(), recording(self.probe.model, gradients=True) as calls:
                self._call(self.probe.x.clone())
        except Exception:
            return []
        return calls if all(call.taps for call in calls) else []

    def readings(self, output: int, picks: list[torch.Tensor]) -> list[list[Reading]] | None:
        """For each pick (a mask over an output) and each walk, what is read of the walk.

        Returns:
            [picks][walks], or None where no gradient gets through.
        """
        with torch.enable_grad(), recording(self.probe.model, gradients=True) as calls:
            outputs = self._tensors(self._call(self.probe.x.clone()))
            if output >= len(outputs) or not outputs[output].requires_grad:
                return None
            names = [(call, key) for call in calls for key in call.taps if key != "packed"]
            if not names or len(calls) != len(self.base.calls):
                return None
            target = outputs[output]
            weights = torch.cos(torch.arange(target.numel())).reshape(target.shape)
            result = []
            for pick in picks:
                gradients = torch.autograd.grad(
                    target,
                    [call.taps[key] for call, key in names],
                    (weights * pick).to(target),
                    retain_graph=True,
                    allow_unused=True,
                )
                read = {
                    (id(call), key): None if g is None else in_walking_order(call, key, g)
                    for (call, key), g in zip(names, gradients, strict=True)
                }
                result.append([reading_of([calls[p] for p in w.places], read) for w in self.walks])
        return result


def change(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """The absolute difference, where both have a value; NaN in both is no difference."""
    if after.shape != before.shape:
        if after.dim() != before.dim():
            return torch.ones_like(before, dtype=torch.float)
        after = _cropped(after, before.shape)
        padded = before.clone()
        padded[tuple(slice(0, n) for n in after.shape)] = after
        after = padded
    if not before.is_floating_point():
        return (after != before).float()
    difference = (after - before).abs()
    return difference.nan_to_num(0.0, 0.0, 0.0)


def _one_wide(states: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """States side by side: h and c differ in width where there is a projection."""
    widest = max((s.shape[-1] for s in states), default=0)
    return [nn.functional.pad(s, (0, widest - s.shape[-1])) for s in states]


def _row_changes(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    return change(after, before).reshape(len(before), -1).amax(1)


def _cropped(value: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    return value[tuple(slice(0, n) for n in shape)]


def _moved(after: torch.Tensor, before: torch.Tensor, noise: float) -> torch.Tensor:
    difference = change(after, before)
    return difference > max(_FAINT * float(difference.max()), 3 * noise)
