"""What a pattern of reached or read places means: swapped rows, memory order, whole columns."""

from __future__ import annotations

import torch

from lstm_teach.checks.layout.measure import Walk


def is_reordered(reached: torch.Tensor) -> bool:
    """Whether each sample reaches exactly one row, and no two of them the same."""
    return bool((reached.sum(1) == 1).all()) and bool((reached.sum(0) <= 1).all())


def read_alike(walk: Walk, parts: list[torch.Tensor]) -> bool:
    """Whether every row reads the same places of its column, or what stands for all of it.

    So it is where whole rows have changed their places. A `view` that gives each row one
    sample by chance takes another place for each.

    Args:
        walk: the walk that is read.
        parts: for each sample the places [places, cols] that its output row reads.
    """
    places = [part.any(1) for part in parts]
    if all(torch.equal(one, places[0]) for one in places):
        return True
    packed = walk.calls[0].packed
    ends = torch.full((walk.cols,), walk.steps) if packed is None else packed
    return all(
        place.sum() > 1 or bool((part.nonzero()[:, 0] == ends[part.nonzero()[:, 1]] - 1).all())
        for place, part in zip(places, parts, strict=True)
    )


def are_disjoint(parts: list[torch.Tensor]) -> bool:
    """Whether no place is read by two samples: rows are whole, only misfiled."""
    return not bool((torch.stack([p.int() for p in parts]).sum(0) > 1).any())


def are_across_the_batch(walk: Walk, parts: list[torch.Tensor]) -> bool:
    """Whether each row reads one step of many columns: a sum or mean over the batch axis.

    A `view` reads as many places in a row as there are steps; they fit into one step only
    where there are fewer steps than columns, and then they leave some columns out.

    Args:
        walk: the walk that is read.
        parts: for each sample the places [places, cols] that its output row reads.
    """
    if not all(part.any(1).sum() == 1 for part in parts):
        return False
    widths = [int(part.any(0).sum()) for part in parts]
    return max(widths) > 1 and (walk.steps > walk.cols or min(widths) == walk.cols)


def follows_memory(walk: Walk, samples: list[int], batch: int, time: int) -> bool:
    """Whether a walk's input is x's rows in memory order, cut into another shape.

    That is what ``view`` and ``reshape`` do to axes that should have been swapped. Both orders
    of x's axes and both layouts of the layer are tried.
    """
    elements = walk.elements
    count = elements[..., 0].numel()
    if count % batch:
        return False
    number = torch.arange(count)
    guesses = [number // (count // batch)]
    if time > 1 and count % (batch * time) == 0:
        guesses.append(number // (count // (batch * time)) % batch)
    layouts = [elements, elements.transpose(0, 1)]
    return any(
        all(
            _is_mostly(layout[..., k].reshape(-1), guess == sample)
            for k, sample in enumerate(samples)
        )
        for layout in layouts
        for guess in guesses
    )


def _is_mostly(measured: torch.Tensor, predicted: torch.Tensor) -> bool:
    """Nothing outside the prediction, and a good part of it (pads and dead units stay out)."""
    if (measured & ~predicted).any():
        return False
    return bool(measured.sum() >= 0.2 * predicted.sum())
