"""What a layout check says of a right layout: what was seen, which steps, and what stayed open."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.calling import UNWATCHED
from lstm_teach.checks.layout.mistakes import sees_later
from lstm_teach.checks.layout.record import KINDS
from lstm_teach.checks.layout.tables import Look, Read, Tables, Walk, places

WIRING = (
    "a wrong wiring inside a right layout (gates, which state goes where): `check_cell` and "
    "`check_stack` look at that."
)


def praise(t: Tables) -> str:
    """What is right, in sentences."""
    sentences = []
    if t.has_batch and t.looks:
        sentences.append(_apart(t))
    sentences += filter(None, [_walking(t), _steps(t), _later(t), _order(t)])
    if t.state_is_kept:
        sentences.append("The model keeps a state between calls: the next call goes on from it.")
    sentences += filter(None, [_pads(t)])
    return " ".join(sentences) or "Nothing speaks against the layout."


def _apart(t: Tables) -> str:
    judged = [look for look in t.looks if not look.mixes]
    if len(judged) == 1 and len(t.outputs) == 1:
        if judged[0].how == "state":
            return (
                "The output is a state, [layers * directions, batch, hidden]: each sample of it "
                "depends on its own sample of x alone."
            )
        return "Each sample of the output depends on its own sample of x alone."
    listed = ", ".join(f"{t.name_of(k.number)} {_shape(t, k)}" for k in judged)
    return f"Each sample depends on its own sample of x alone in: {listed}."


def _shape(t: Tables, look: Look) -> str:
    shape = list(t.outputs[look.number].shape)
    where = {"said": "", "state": ", a state: layers * directions, batch, hidden"}
    return f"{shape}{where.get(look.how, f' ({look.how})')}"


def _walking(t: Tables) -> str:
    if not t.walks:
        return ""
    walk = t.walks[0]
    if t.walks_time(walk):
        met = [walk.steps_of(n) for n in range(len(t.given.times))]
        axis = [k for k, names in enumerate(t.given.axes.names) if "time" in names]
        turned = met[0] and met[-1] and min(met[0]) > max(met[-1])
        way = ", from the last time step to the first" if turned else ""
        return f"`{walk.name}` walks along time{way}: axis {axis[0]} of x."
    if "time" not in t.given.axes and walk.steps == 1:
        return f"`{walk.name}` makes one step a call, so within a call it remembers nothing."
    return ""


def _steps(t: Tables) -> str:
    """Which steps of its own sample an answer reads."""
    look = t.look
    if look is None or look.has_time or not t.sample_reads:
        return ""
    for number, walk in reversed(list(enumerate(t.walks))):
        reads = [of_sample[number] for of_sample in t.sample_reads]
        if walk.steps < 2 or not all(read.is_any for read in reads):
            continue
        said = steps_read(walk, reads)
        if said:
            return f"Each answer reads {said} of `{walk.name}`."
    return ""


def steps_read(walk: Walk, reads: list[Read]) -> str:
    """The steps that the rows of the looked-at samples read of a walk, in words."""
    forward, backward = set(), set()
    for read in reads:
        ahead, back = ends_read(walk, read)
        forward.add(ahead)
        backward.add(back)
    if walk.call.directions == 1:
        return _named(forward, walk)
    if forward == {"end"} and backward == {"end"}:
        return "the end of both directions"
    parts = ((forward, "forward"), (backward, "backward"))
    both = [f"{_named(one, walk)} ({name})" for one, name in parts if _named(one, walk)]
    return " and ".join(both)


def ends_read(walk: Walk, read: Read, end: int | None = None) -> tuple[Any, Any]:
    """For each direction "end", the steps that are read as a tuple, or "" where none is.

    Args:
        walk: the walk that is read.
        read: what of it is read.
        end: how many steps are real, where the walk does not tell.
    """
    cols = places(read.output.any(0) | read.backward.any(0) | read.state.any(0))
    top = walk.call.rows - walk.call.directions
    found: list[Any] = []
    for backward, output in ((False, read.output), (True, read.backward)):
        if backward and walk.call.directions == 1:
            found.append("")
            continue
        steps = set(places(output.any(1)))
        last = {int(walk.ends[c]) - 1 for c in cols}
        ends = {0} if backward else last if end is None else {end - 1}
        state = read.c if walk.call.is_cell else read.state[top + backward]
        if state.any() and not (walk.call.is_cell and steps):
            steps |= {0} if backward else last
        found.append("" if not steps else "end" if steps == ends else tuple(sorted(steps)))
    return found[0], found[1]


def _named(found: set[Any], walk: Walk) -> str:
    real = "last step" if bool((walk.ends == walk.steps).all()) else "last real step"
    if found == {"end"}:
        return f"the {real}"
    if len(found) != 1 or found == {""}:
        kinds = {one for one in found if one}
        if not kinds or not all(isinstance(one, tuple) or one == "end" for one in kinds):
            return ""
        if all(one == "end" or len(one) == 1 for one in kinds):
            return "one step of its own"
        return "several steps"
    (steps,) = found
    if list(steps) == list(range(steps[0], steps[-1] + 1)) and len(steps) > 1:
        return f"steps {steps[0]} to {steps[-1]}"
    return f"step {steps[0]} alone" if len(steps) == 1 else f"steps {', '.join(map(str, steps))}"


def _later(t: Tables) -> str:
    if t.time_reached is None or t.time_reached.shape[2] != t.given.time or t.given.time < 3:
        return ""
    if sees_later(t) is None:
        return "No step of it sees a later time step."
    return (
        "A step of it sees later time steps too: right for tagging, and a leak where each step "
        "should predict the next (`causal=True` makes that a finding)."
    )


def _order(t: Tables) -> str:
    if t.look is None or t.look.how not in ("batch, time", "time, batch"):
        return ""
    return (
        f"{t.name[0].upper()}{t.name[1:]} holds several rows for each sample, in the order "
        f"({t.look.how}): keep the targets in the same order."
    )


def _pads(t: Tables) -> str:
    moved = t.with_longer_pads
    if moved is None or t.look is None or t.look.has_time or t.look.number not in t.floats:
        return ""
    reached = moved.clone()
    if t.given.lengths is not None:
        reached &= t.given.lengths < t.given.time
    if not reached.any() or t.given.pads_left:
        return ""
    return (
        f"But the pads reach answers: one more pad changes that of sample {places(reached)[0]}. If "
        "it should not, `pack_padded_sequence` keeps pads from a layer, and a mean or an attention "
        "over time needs a mask."
    )


def evidence(t: Tables) -> dict[str, Any]:
    """What was measured, by name."""
    given, look = t.given, t.look
    found: dict[str, Any] = {"x": given.axes.words(given.main.shape)}
    number = look.number if look is not None else next(iter(t.floats), None)
    if number is not None:
        found["output"] = str(list(t.outputs[number].shape))
    if given.axes.is_folded:
        found |= {"samples": given.batch, "time steps": given.time}
    if t.walks:
        walk = t.bad_walk or t.walks[0]
        found |= {"layer": walk.name, "its steps": walk.steps, "its sequences": walk.cols}
    if look is not None and given.batch > 1:
        found["samples that reach another's output"] = int(look.foreign.sum())
    return found


def not_checked(t: Tables) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    sentences = [WIRING]
    if not t.walks:
        held = [n or type(m).__name__ for n, m in t.model.named_modules() if isinstance(m, KINDS)]
        what = f"`{held[0]}` did not run" if held else "there is no recurrent layer of torch's"
        if any(isinstance(m, UNWATCHED) for m in t.model.modules()):
            what = "the model is compiled by TorchScript, and cannot be looked into"
        sentences.append(
            f"the layers: {what}, so it saw only which samples and steps of x reach the output."
        )
    elif t.has_batch and not t.mixes and not any(read.is_any for read in t.all_reads):
        sentences.append(
            "which steps, layers and directions are read: no gradient gets from the output back "
            "to the recurrent layers."
        )
    if t.has_batch and not t.outputs:
        sentences.append("what happens after the recurrent layers: the model returns no tensor.")
    judged = {look.number for look in t.looks if look is t.look or not look.mixes}
    left = [
        f"{t.name_of(k)} {list(o.shape)}"
        for k, o in enumerate(t.outputs)
        if t.has_batch and k not in judged and (k in t.floats or o.dim() > 0) and not t.mixes
    ]
    if left:
        sentences.append(f"these, which have no batch axis that it knows: {', '.join(left)}.")
    if not t.has_batch:
        sentences.append("whether samples stay apart: you named no batch axis of x.")
    return (*sentences, *_not_given(t), *_further_axes(t))


def _not_given(t: Tables) -> list[str]:
    """Lengths and masks that nobody gave."""
    given, sentences = t.given, []
    if t.call_is_own:
        return []
    try:
        parameters = inspect.signature(t.model.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    names = [
        p.name
        for p in parameters
        if p.default is not p.empty and any(word in p.name.lower() for word in ("len", "mask"))
    ]
    if given.lengths is not None:
        names = [name for name in names if "len" not in name.lower()]
    if names:
        named = " and ".join(f"`{name}`" for name in names)
        sentences.append(f"what `forward` does with {named}: none was given.")
    if given.lengths is None and "time" in given.axes and given.pads.any():
        sentences.append("what pads do: x looks padded, and no `lengths` were given.")
    return sentences


def _further_axes(t: Tables) -> list[str]:
    shape = t.given.axes.unfolded(t.given.main.shape) or []
    further = [
        size
        for k, size in enumerate(shape)
        if k >= len(t.given.axes.flat) or t.given.axes.flat[k] not in ("batch", "time")
    ]
    if len(further) < 2 or isinstance(t.model, nn.RNNBase) or not torch.is_tensor(t.given.main):
        return []
    return [f"the order of the other axes of x ({', '.join(map(str, further))}) in a `view`."]
