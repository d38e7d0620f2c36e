"""How to tell each layout mistake that mixes samples: one rule a mistake.

A rule takes a case and returns the words that the mistake's message needs, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.judge import Case
from lstm_teach.checks.layout.measure import Walk
from lstm_teach.checks.layout.patterns import (
    are_across_the_batch,
    are_disjoint,
    follows_memory,
    is_reordered,
    read_alike,
)

Words = Mapping[str, Any]


def layer_words(case: Case, walk: Walk) -> dict[str, Any]:
    """The words about one walk that every message may use."""
    module = walk.calls[0].module
    kind = f"nn.{_public_kind(module)}"
    batch_axis = case.probe.axes.index("batch") if case.has_batch else 0
    return {
        "layer": walk.name,
        "kind": kind,
        "steps": walk.steps,
        "cols": walk.cols,
        "batch": case.probe.batch,
        "time": case.probe.time,
        "batch_axis": batch_axis,
        "last": "[:, -1]" if walk.calls[0].batch_first else "[-1]",
        "wrong_last": "[-1]" if walk.calls[0].batch_first else "[:, -1]",
    }


def _public_kind(module: nn.Module) -> str:
    known = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
    return next((k.__name__ for k in known if isinstance(module, k)), type(module).__name__)


def _rows_are_single(walk: Walk) -> bool:
    return not bool((walk.rows.sum(-1) > 1).any())


def _swap_fix(case: Case, walk: Walk) -> str:
    """How this walk is made to go along time."""
    call = walk.calls[0]
    batch_is_first = case.probe.axes[0] == "batch"
    if call.is_cell or len(walk.calls) > 1:
        return (
            "loop over time: `for x_t in x.unbind(1):`"
            if batch_is_first
            else ("loop over the first axis: `for x_t in x:`")
        )
    if call.packed is not None:
        return (
            "`pack_padded_sequence(x, lengths, batch_first=True)`"
            if batch_is_first
            else ("`pack_padded_sequence(x, lengths)`, without `batch_first=True`")
        )
    kind = f"nn.{_public_kind(call.module)}"
    if call.batch_first:
        return (
            f"take `batch_first=True` out of `{walk.name}`"
            if not batch_is_first
            else f"leave out the `transpose` or `permute` before `{walk.name}`, which already has "
            "`batch_first=True`"
        )
    if not batch_is_first:
        return f"leave out the `transpose` or `permute` before `{walk.name}`"
    return (
        f"`{walk.name} = {kind}(..., batch_first=True)`, and then the last step is `out[:, -1]` "
        "(or hand it `x.transpose(0, 1)` and keep the rest)"
    )


def _walks_the_batch(case: Case) -> Walk | None:
    """The bad walk, if each of its steps is one sample and nothing else."""
    walk = case.bad_walk
    if walk is None or not case.inputs_are_mixed or not _rows_are_single(walk):
        return None
    step_sets = walk.rows.any(1)
    touched = [step_sets[:, k] for k in range(step_sets.shape[1]) if step_sets[:, k].any()]
    if any(steps.sum() != 1 for steps in touched):
        return None
    places = {int(steps.nonzero()[0]) for steps in touched}
    return walk if len(places) == len(touched) >= 2 else None


def batch_as_time(case: Case) -> Words | None:
    """One sequence only, and the samples are its steps, or pieces of it."""
    walk = case.bad_walk
    if walk is None or walk.cols != 1 or not case.inputs_are_mixed or not _rows_are_single(walk):
        return None
    call = walk.calls[0]
    if call.unbatched:
        how = (
            f"`{walk.name}` got a tensor with two axes and read it as one sentence without a "
            f"batch axis (`batch_first` plays no part then)"
        )
        batch_form = f"[{case.probe.batch}, {call.inputs.shape[-1]}]"
        fix = (
            f"if each sample of {batch_form} is one time step, give it a time axis of 1: "
            "`x.unsqueeze(1)` with `batch_first=True`; better, keep the real time axis"
        )
    else:
        how = f"`{walk.name}` got a batch of 1, so all samples stand behind one another in it"
        fix = "drop the `view` and keep the batch axis: " + (
            "hand over x as [batch, time, features] with `batch_first=True`"
            if case.probe.axes[0] == "batch"
            else "hand over x as [time, batch, features]"
        )
    return layer_words(case, walk) | {"how": how, "fix": fix}


def time_batch_swapped(case: Case) -> Words | None:
    """Each step of the layer is one sample: it walks along the batch."""
    walk = _walks_the_batch(case)
    return None if walk is None else layer_words(case, walk) | {"fix": _swap_fix(case, walk)}


def one_sample_swapped(case: Case) -> Words | None:
    """With a batch of 1: all time steps lie side by side as if they were the batch."""
    if not case.walks or case.probe.batch != 1 or case.probe.time < 3 or not case.has_batch:
        return None
    walk = case.walks[0]
    if walk.steps != 1 or walk.cols < 3 or not walk.times.any():
        return None
    return layer_words(case, walk) | {"fix": _swap_fix(case, walk)}


def view_before(case: Case) -> Words | None:
    """The rows of x, whole, dealt out over steps and columns in memory order."""
    walk = case.bad_walk
    if walk is None or not case.inputs_are_mixed:
        return None
    probe = case.probe
    if not follows_memory(walk, probe.samples, probe.batch, probe.time):
        return None
    column = (walk.rows.any(0).sum(1) > 1).nonzero()[0].item()
    return layer_words(case, walk) | {"column": column}


def state_by_view(case: Case) -> Words | None:
    """The input is right, and a state built by ``view`` brings other samples in."""
    walk = case.bad_walk
    if walk is None or case.inputs_are_mixed:
        return None
    rows = walk.states.sum(-1)
    everything = bool((rows == len(case.probe.samples)).all())
    if everything or (case.walks[0] is walk and not _several_states(walk)):
        return None
    return layer_words(case, walk)


def _several_states(walk: Walk) -> bool:
    return walk.calls[0].layers * walk.calls[0].directions > 1


def mixed_before(case: Case) -> Words | None:
    """The layer's input already mixes samples, in a way that has no name."""
    walk = case.bad_walk
    return None if walk is None else layer_words(case, walk)


def last_step_wrong_axis(case: Case) -> Words | None:
    """One sample reaches the whole output, and no other sample reaches any of it."""
    sample = case.lone_sample
    if sample is None or not case.walks:
        return None
    if case.fits and case.probe.batch != case.walks[-1].steps and view_after(case):
        return None  # As many rows as samples: not indexed away, but dealt out anew.
    assert case.first_output is not None
    shape = list(case.found.base.outputs[case.first_output].shape)
    return layer_words(case, case.walks[-1]) | {"sample": sample, "shape": shape}


def hidden_view(case: Case) -> Words | None:
    """Rows of h_n (or c_n) go to the wrong samples, each row to one."""
    read = case.misread()
    if read is None or read[1] != "h" or not are_disjoint(read[2]) or not _several_states(read[0]):
        return None
    return layer_words(case, read[0]) | {
        "states": read[0].calls[0].layers * read[0].calls[0].directions
    }


def view_after(case: Case) -> Words | None:
    """Rows of ``output`` go to the wrong samples, each row to one."""
    read = case.misread()
    if read is None or read[1] != "output" or not are_disjoint(read[2]):
        return None
    return None if are_across_the_batch(read[0], read[2]) else layer_words(case, read[0])


def output_axes_swapped(case: Case) -> Words | None:
    """No output has the batch where it was said to be, and one has it, unmixed, elsewhere."""
    if case.fits or not case.has_batch:
        return None
    for number, output in enumerate(case.found.base.outputs):
        for axis in range(1, output.dim()):
            if output.shape[axis] != case.probe.batch or not output.is_floating_point():
                continue
            effects = case.found.effects(number, _to_front(axis))
            foreign = case.found.is_leak(effects).clone()
            for k, sample in enumerate(case.probe.samples):
                foreign[k, sample] = False
            if not foreign.any():
                place = case.output_axes.index("batch")
                return {"axis": axis, "said": place, "shape": list(output.shape)}
    return None


def _to_front(axis: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor.movedim(axis, 0)


def homemade_walks_the_batch(case: Case) -> Words | None:
    """No layer of torch's inside: samples reach one another in order, and time steps do not."""
    probe = case.probe
    if case.walks or "time" not in probe.axes or probe.time < 3:
        return None
    for number, output in enumerate(case.found.base.outputs):
        if (batch := probe.batch) not in output.shape:
            if _one_row_for_each_time(case, number):
                return {"batch": batch, "time": probe.time, "batch_axis": probe.axes.index("batch")}
            continue
        place = list(output.shape).index(batch)
        reached = case.found.is_leak(case.found.effects(number, _to_front(place)))
        later = any(reached[k, s + 1 :].any() for k, s in enumerate(probe.samples))
        earlier = any(reached[k, :s].any() for k, s in enumerate(probe.samples))
        if later != earlier and _times_stay_apart(case, number, place):
            return {"batch": batch, "time": probe.time, "batch_axis": probe.axes.index("batch")}
    return None


def _one_row_for_each_time(case: Case, number: int) -> bool:
    """Whether the output has a row for each time step of x, and all samples reach every row."""
    output = case.found.base.outputs[number]
    if output.dim() == 0 or len(output) != case.probe.time:
        return False
    reached = case.found.is_leak(case.found.effects(number, lambda t: t))
    return bool((reached.sum(0) >= 2).all()) and _times_stay_apart(case, number, output.dim())


def _times_stay_apart(case: Case, number: int, batch_place: int) -> bool:
    """Whether each looked-at time step of x reaches at most one step of the output."""
    before = case.found.base.outputs[number]
    time = case.probe.time
    places = [p for p, n in enumerate(before.shape) if n == time and p != batch_place]
    moved = [run.outputs[number] != before for run in case.found.by_time]
    if places:
        return all(int(m.movedim(places[0], 0).flatten(1).any(1).sum()) <= 1 for m in moved)
    return sum(bool(m.any()) for m in moved) <= 1


def rows_in_another_order(case: Case) -> Words | None:
    """Each output row is one sample, but not the sample of that row."""
    if not case.fits or not is_reordered(case.found.is_leak(case.effects)):
        return None
    read = case.misread()
    if read is not None and not read_alike(read[0], read[2]):
        return None
    number, row = case.foreign.nonzero()[0].tolist()
    return {"from_sample": case.probe.samples[number], "to_sample": row}


def mixed_after(case: Case) -> Words | None:
    """Samples reach other samples' outputs, in a way that has no name."""
    if not case.fits:
        return None
    number, other = case.foreign.nonzero()[0].tolist()
    return {"from_sample": case.probe.samples[number], "to_sample": other}


def one_number(case: Case) -> Words | None:
    """All outputs are single numbers, such as a loss."""
    outputs = case.found.base.outputs
    return {} if outputs and all(o.numel() == 1 for o in outputs) else None


def no_batch_in_output(case: Case) -> Words | None:
    """No output has an axis as long as the batch."""
    shapes = [list(o.shape) for o in case.found.base.outputs]
    return {
        "shapes": ", ".join(map(str, shapes)) or "no tensor",
        "batch": case.probe.batch,
        "place": case.output_axes.index("batch"),
    }
