"""What one recurrent layer hands to the next: a final state that is cut on its way."""

from __future__ import annotations

import torch

from lstm_teach.checks.layout.judge import Case
from lstm_teach.checks.layout.measure import Findings
from lstm_teach.checks.layout.rules import Words, layer_words


def state_dealt_out(case: Case) -> Words | None:
    """Every vector that enters the bad walk is made of one piece of an earlier layer's h_n.

    The pieces are those that ``h_n.view(batch, -1)`` cuts in memory order: as many cells side
    by side as there are layers and directions, so they belong to neighbours in the batch.
    """
    walk = case.bad_walk
    if walk is None:
        return None
    for source in case.walks:
        if source.places[0] >= walk.places[0]:
            return None
        call = source.calls[0]
        states = call.layers * call.directions
        if call.is_cell or states < 2 or source.cols < 2:
            continue
        cells = _cells_read(case.found, source.places[0], walk.places[0])
        if len(cells) >= 2 and all(_is_one_piece(read, states) for read in cells):
            return layer_words(case, walk) | {
                "source": source.name,
                "states": states,
                "cols": source.cols,
            }
    return None


def _cells_read(found: Findings, source: int, target: int) -> list[torch.Tensor]:
    """For a few vectors that enter one call, the cells of another's h_n that each reads.

    Returns:
        Masks [layers * directions * batch], in memory order; vectors that read none are left out.
    """
    calls = found.calls_with_gradients()
    if len(calls) != len(found.base.calls):
        return []
    tap = calls[source].taps["h"]
    cells = []
    for entered in calls[target].entered:
        vectors = entered.reshape(-1, entered.shape[-1])
        if not vectors.requires_grad:
            continue
        weights = torch.cos(torch.arange(vectors.shape[1])).to(vectors)
        for number in sorted({0, len(vectors) // 3, len(vectors) // 2, len(vectors) - 1}):
            gradient = torch.autograd.grad(
                vectors[number] @ weights, tap, retain_graph=True, allow_unused=True
            )[0]
            if gradient is not None and gradient.any():
                cells.append((gradient != 0).any(-1).flatten())
    return cells


def _is_one_piece(read: torch.Tensor, size: int) -> bool:
    places = read.nonzero().flatten().tolist()
    return places[0] % size == 0 and places == list(range(places[0], places[0] + size))
