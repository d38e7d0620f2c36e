"""Which samples and time steps reach which rows: measured, by changing x in one place a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from lstm_teach.checks.layout.calling import output_tensors
from lstm_teach.checks.layout.probe import Probe
from lstm_teach.checks.layout.record import Call, recording
from lstm_teach.checks.layout.walk import Reading, Walk, reading_of
from lstm_teach.layouts import weights_like

Rows = Callable[[torch.Tensor], torch.Tensor]

_FAINT = 1e-5
_ROUNDING = 1e-11


@dataclass
class Run:
    """One forward pass: what the recurrent layers met, and what came out."""

    calls: list[Call]
    outputs: list[torch.Tensor]


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
    def by_time(self) -> list[Run]:
        """One run for each of a few time steps, changed in all samples at once."""
        return [self._run(self.probe.altered(time=t)) for t in self.probe.times]

    @cached_property
    def with_other_pads(self) -> Run:
        """A run with other values behind the end of each sample."""
        return self._run(torch.where(self.probe.pads, self.probe.x + 1, self.probe.x))

    @cached_property
    def with_gradients(self) -> Run | None:
        """A run with a graph to ask; None where the model cannot be recorded so."""
        try:
            with torch.enable_grad(), recording(self.probe.model, gradients=True) as calls:
                outputs = self._tensors(self._call(self.probe.x.clone()))
        except Exception:
            return None
        return Run(calls, outputs) if len(calls) == len(self.base.calls) else None

    @property
    def floats(self) -> list[int]:
        """Which outputs are float tensors."""
        return [i for i, o in enumerate(self.base.outputs) if o.is_floating_point()]

    def fitting(self) -> list[int]:
        """Which outputs have the batch axis where the caller says, predictions rather than states.

        A state has its batch on axis 1, whatever its first axis happens to be; and in a square
        one, such as attention weights over the batch, nobody can tell which axis is the batch.
        """
        place, batch = self.output_axes.index("batch"), self.probe.batch
        shapes = [tuple(output.shape) for output in self.base.outputs]
        found = [
            i
            for i in self.floats or range(len(shapes))
            if len(shapes[i]) > place and shapes[i][place] == batch
        ]
        predictions = [i for i in found if shapes[i] not in self.state_shapes]
        if self.output_axes[0] == "batch" and any(
            shapes[i] not in self.state_shapes for i in self.floats
        ):
            found = predictions
        return [i for i in predictions if shapes[i] != (batch, batch)] or found

    @cached_property
    def state_shapes(self) -> set[tuple[int, ...]]:
        """Shapes of h_n and c_n: handed on, but no prediction."""
        return {
            (call.rows, call.inputs.shape[1], width)
            for call in self.base.calls
            if not call.is_cell
            for width in (int(call.module.hidden_size), int(call.module.proj_size))  # type: ignore[arg-type]
        }

    def reached(self, output: int, rows: Rows) -> torch.Tensor:
        """[samples, rows]: whether each sample of x has a say in each row of an output.

        By changing the samples, or by gradients (of the looked-at rows only) where randomness
        that no seed reaches would hide a change. More than rounding counts.
        """
        if self.noise:
            effects = self._gradients(output, rows)
        else:
            before = rows(self.base.outputs[output])
            effects = torch.stack(
                [
                    change(rows(run.outputs[output]), before).reshape(len(before), -1).amax(1)
                    for run in self.by_sample
                ]
            )
        floats = [self.base.outputs[i] for i in self.floats]
        scale = max((_largest(output.abs().nan_to_num(0, 0, 0)) for output in floats), default=1.0)
        return effects > max(_FAINT * _largest(effects), _ROUNDING * min(scale, 1.0))

    @cached_property
    def noise(self) -> float:
        """How far two runs on one input differ: randomness that no seed reaches."""
        pairs = zip(self.base.outputs, self.again.outputs, strict=False)
        return max((_largest(change(after, before)) for before, after in pairs), default=0.0)

    def _gradients(self, output: int, rows: Rows) -> torch.Tensor:
        probe = self.probe
        effects = torch.zeros(len(probe.samples), len(rows(self.base.outputs[output])))
        if not probe.x.is_floating_point():
            return effects
        with torch.enable_grad():
            x = probe.x.clone().requires_grad_()
            read = rows(self._tensors(self._call(x))[output])
            for row in sorted({*probe.samples, 0, len(read) - 1} & set(range(len(read)))):
                by_sample = gradients(read[row], [x])[0].movedim(probe.axes.index("batch"), 0)
                effects[:, row] = by_sample.flatten(1).abs().amax(1)[probe.samples]
        return effects

    @cached_property
    def walks(self) -> list[Walk]:
        """The walks of all recurrent layers, in the order in which they begin."""
        walks: list[Walk] = []
        latest: dict[int, Walk] = {}
        for place, call in enumerate(self.base.calls):
            elements = self._moved(place, "inputs", self.by_sample)
            times = self._moved(place, "inputs", self.by_time)
            states = self._moved(place, "states", self.by_sample).any(2)
            carried = states.any() or self._moved(place, "states", self.by_time).any()
            walk = latest.get(id(call.module))
            if walk is not None and carried and walk.cols == elements.shape[1]:
                walk.calls.append(call)
                walk.places.append(place)
                walk.elements = torch.cat((walk.elements, elements))
                walk.states = torch.cat((walk.states, states))
                walk.times = torch.cat((walk.times, times))
            else:
                walk = Walk([call], [place], elements, states, times)
                latest[id(call.module)] = walk
                walks.append(walk)
        return walks

    def _moved(self, place: int, part: str, runs: list[Run]) -> torch.Tensor:
        """[rows, cols, features, runs]: what of a call's "inputs" or "states" each run changed."""
        call = self.base.calls[place]
        before = getattr(call, part)
        noise = 0.0
        if len(self.again.calls) == len(self.base.calls):
            noise = _largest(change(getattr(self.again.calls[place], part), before))
        marks = torch.zeros(*before.shape, len(runs), dtype=torch.bool)
        for number, run in enumerate(runs):
            if len(run.calls) > place and run.calls[place].name == call.name:
                difference = change(getattr(run.calls[place], part), before)
                marks[..., number] = difference > max(_FAINT * _largest(difference), 3 * noise)
        return marks

    def readings(self, masks: dict[int, torch.Tensor]) -> list[Reading]:
        """What is read of each walk by a part of the outputs.

        Args:
            masks: for the number of each output that counts, ones where it is asked.

        Returns:
            A reading a walk; none where no gradient gets through.
        """
        run = self.with_gradients
        if run is None:
            return []
        asked = [
            (weights_like(run.outputs[i]) * mask.to(run.outputs[i]) * run.outputs[i]).sum()
            for i, mask in masks.items()
            if i < len(run.outputs) and run.outputs[i].requires_grad
        ]
        taps = [(id(call), key, tap) for call in run.calls for key, tap in call.taps.items()]
        if not asked or not taps:
            return []
        try:
            found = gradients(torch.stack(asked).sum(), [tap for *_, tap in taps])
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return []
        read = {tap[:2]: (g != 0).cpu() for tap, g in zip(taps, found, strict=True)}
        of_walks = ([run.calls[place] for place in walk.places] for walk in self.walks)
        return [reading_of(calls, read) for calls in of_walks]


def gradients(of: torch.Tensor, at: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """How a tensor depends on others, zero where it does not; the graph stays for more."""
    return torch.autograd.grad(of, at, weights_like(of), retain_graph=True, materialize_grads=True)


def change(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """The absolute difference where both have a finite value; zero where only one has a place."""
    difference = torch.zeros(before.shape)
    both = tuple(slice(min(sizes)) for sizes in zip(after.shape, before.shape, strict=True))
    if before.is_floating_point():
        difference[both] = (after[both] - before[both]).abs().nan_to_num(0, 0, 0).float()
    else:
        difference[both] = (after[both] != before[both]).float()
    return difference


def _largest(values: torch.Tensor) -> float:
    return float(values.max()) if values.numel() else 0.0
