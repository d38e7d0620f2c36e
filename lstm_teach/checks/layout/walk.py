"""A recurrent layer's walk over its steps, and what an output reads of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from lstm_teach.checks.layout.record import Call


@dataclass
class Walk:
    """A recurrent layer walking over its steps; a loop over a cell is one walk.

    Attributes:
        calls: the calls of which it is made; each goes on with the state of the one before.
        places: where these stand among all calls.
        elements: [steps, cols, features, samples]: which samples of x reach which inputs.
        states: [rows, cols, samples]: which samples reach the states handed in.
        times: [steps, cols, features, times]: which time steps of x reach which inputs.
    """

    calls: list[Call]
    places: list[int]
    elements: torch.Tensor
    states: torch.Tensor
    times: torch.Tensor

    @property
    def call(self) -> Call:
        """Its first call."""
        return self.calls[0]

    @property
    def name(self) -> str:
        """How the learner calls it: ``self.lstm``; a bare layer goes by its class."""
        name = re.sub(r"\.(\d+)", r"[\1]", f"self.{self.call.name}")
        return name if self.call.name else self.call.kind

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

    @property
    def ends(self) -> torch.Tensor:
        """The number of real steps of each sequence: [cols]."""
        return (
            torch.full((self.cols,), self.steps) if self.call.packed is None else self.call.packed
        )

    @property
    def last_state(self) -> str:
        """How the state is written that its top layer ends with, in every direction."""
        both = self.call.directions == 2
        return "torch.cat((h_n[-2], h_n[-1]), dim=1)" if both else "h_n[-1]"

    def steps_of(self, time: int) -> list[int]:
        """The steps that one of the looked-at time steps of x reaches."""
        return self.times[..., time].any(2).any(1).nonzero().flatten().tolist()


@dataclass
class Reading:
    """What of a walk is read: [places, cols], True where read.

    ``output`` and ``backward`` are the two directions of a layer's output (a cell's h is output);
    ``h`` and ``c`` are its final states.
    """

    output: torch.Tensor
    backward: torch.Tensor
    h: torch.Tensor
    c: torch.Tensor

    @property
    def state(self) -> torch.Tensor:
        """What is read of either final state."""
        return self.h | self.c

    @property
    def is_any(self) -> bool:
        """Whether anything is read at all."""
        return any(bool(part.any()) for part in (self.output, self.backward, self.state))


@dataclass
class Misreading:
    """How the output reads a walk, where its rows read columns of other samples.

    Attributes:
        walk: the walk that is read.
        channel: what of it, "output" or "state".
        parts: for each looked-at sample the places [places, cols] that its output row reads.
    """

    walk: Walk
    channel: str
    parts: list[torch.Tensor]

    @property
    def is_disjoint(self) -> bool:
        """Whether no place is read by two samples: rows are whole, only misfiled."""
        return not bool((torch.stack(self.parts).sum(0) > 1).any())

    @property
    def is_alike(self) -> bool:
        """Whether every row reads the same places of its column, or what stands for all of it.

        So it is where whole rows have changed their places. A `view` that gives each row one
        sample by chance takes another place for each.
        """
        places = [part.any(1) for part in self.parts]
        if all(torch.equal(one, places[0]) for one in places):
            return True
        last = torch.arange(len(places[0]))[:, None] == self.walk.ends - 1
        return all(
            place.sum() > 1 or not bool((part & ~last).any())
            for place, part in zip(places, self.parts, strict=True)
        )

    @property
    def is_across_the_batch(self) -> bool:
        """Whether each row reads one step of many columns: a sum or mean over the batch axis.

        A `view` reads as many places in a row as there are steps; they fit into one step only
        where there are fewer steps than columns, and then they leave some columns out.
        """
        if any(part.any(1).sum() != 1 for part in self.parts):
            return False
        widths = [int(part.any(0).sum()) for part in self.parts]
        steps, cols = self.walk.steps, self.walk.cols
        return max(widths) > 1 and (steps > cols or min(widths) == cols)


def reading_of(calls: list[Call], read: Mapping[tuple[int, str], torch.Tensor]) -> Reading:
    """What is read of one walk.

    Args:
        calls: the calls of which the walk is made.
        read: where the gradient at each tap is not zero, by the call's id and the tap's name.
    """
    first = calls[0]
    forward, backward = [], []
    states = torch.zeros(2, first.rows, first.inputs.shape[1], dtype=torch.bool)
    for call in calls:
        output = read.get((id(call), "output"), torch.zeros(*call.inputs.shape[:2], 0))
        half = output.shape[-1] // call.directions
        forward.append(output[..., :half].any(-1))
        backward.append(output[..., half:].any(-1))
        for state, key in zip(states, "hc", strict=True):
            if (marks := read.get((id(call), key))) is not None:
                state |= marks.any(-1)
    return Reading(torch.cat(forward), torch.cat(backward), *states)
