"""What a layout check says of a right layout: what was seen, which steps, and what stayed open."""

from __future__ import annotations

from typing import Any

import torch

from lstm_teach.checks.layout.calling import parameters_of
from lstm_teach.checks.layout.tables import Read, Tables, Walk, places


def praise(t: Tables) -> str:
    """What is right, in sentences."""
    answer, given, sentences = t.answer, t.given, []
    moved = t.with_longer_pads
    if moved is not None and moved.dim() == 1 and not given.pads_left:
        reached = places(moved & given.pads.any(1))
        if reached:
            sentences.append(
                f"But the pads reach answers: one more pad changes that of sample {reached[0]}. If "
                "it should not, pack (`pack_padded_sequence`), or mask the mean or attention."
            )
    lost = [s for s, own in zip(given.samples, answer.moved, strict=True) if not own.any()] if answer else []
    if lost:
        sentences.append(f"But nothing of sample {lost[0]} reaches its answer: is that meant?")
    judged = [f"{t.name_of(k.number)} {list(t.outputs[k.number].shape)}" for k in t.judged]
    if judged:
        where = "the output" if len(t.outputs) == 1 else ", ".join(judged)
        sentences.append(f"Each sample depends on its own sample of x alone, in {where}.")
    if t.walks and "time" in given.lead:
        met = [t.walks[0].steps_of(n) for n in range(len(given.times))]
        if t.walks[0].steps > 1 and len({*map(tuple, met)} - {()}) > 1:
            back = min(met[0], default=0) > max(met[-1], default=t.walks[0].steps)
            way = " from the last time step to the first" if back else ""
            axis = next(k for k, names in enumerate(given.axes.names) if "time" in names)
            sentences.append(f"`{t.walks[0].name}` walks along time{way}: axis {axis} of x.")
    elif t.walks and t.walks[0].steps == 1:
        sentences.append(f"`{t.walks[0].name}` makes one step a call, and remembers nothing in it.")
    if answer is not None and not answer.has_time:
        for number, walk in reversed(list(enumerate(t.walks))):
            reads = [of_sample[number] for of_sample in t.sample_reads]
            if walk.steps > 1 and reads and all(read.is_any for read in reads):
                sentences.append(f"Each answer reads {steps_read(walk, reads)} of `{walk.name}`.")
                break
    if answer is not None and answer.rows and not answer.has_time and given.time > 2:
        shape = t.outputs[answer.number].shape[len(t.said.names) :]
        if given.time in shape:
            axis = len(t.said.names) + list(shape).index(given.time)
            sentences.append(
                f"But axis {axis} of {t.name_of(answer.number)} is as long as time, and you did "
                "not name it. Is an answer for each step meant? Then name it in `output_axes`."
            )
    if t.has_steps:
        sentences.append(
            "Its steps see no later time steps."
            if t.sees_later is None
            else "Its steps see later time steps too: right for tagging, and a leak where each "
            "should predict the next (`causal=True` makes that a finding)."
        )
    if t.state_is_kept:
        sentences.append("The model keeps a state between calls: the next call goes on from it.")
    return " ".join(sentences) or "Nothing speaks against the layout."


def steps_read(walk: Walk, reads: list[Read]) -> str:
    """The steps that the rows of the looked-at samples read of a walk, in words."""
    found = [ends_read(walk, read) for read in reads]
    if all(one == ["end", "end"] for one in found):
        return "the end of both directions"
    named = []
    for direction, name in enumerate(("forward", "backward")[: walk.call.directions]):
        kinds = {one[direction] for one in found} - {()}
        if kinds == {"end"}:
            is_full = bool((walk.ends == walk.steps).all())
            text = ("the last step" if is_full else "the last real step") if not direction else "step 0"
        elif len(kinds) == 1:
            (steps,) = kinds
            text = f"step {steps[0]} alone"
            if len(steps) > 1:
                text = f"steps {', '.join(map(str, steps))}"
            if len(steps) > 2 and len(steps) == steps[-1] - steps[0] + 1:
                text = f"steps {steps[0]} to {steps[-1]}"
        elif kinds:
            text = "steps of its own"
        else:
            continue
        named.append(text if walk.call.directions == 1 else f"{text} ({name})")
    return " and ".join(named)


def ends_read(walk: Walk, read: Read, end: int | None = None) -> list[Any]:
    """For each direction "end", or the steps that are read, as a tuple.

    Args:
        walk: the walk that is read.
        read: what of it is read.
        end: how many steps are real, where the walk does not tell.
    """
    found: list[Any] = []
    for direction, way in enumerate(read.ways):
        last = {int(walk.ends[col]) for col in places(way.any(0))} if end is None else {end}
        steps = places(way.any(1))
        is_end = {*steps} == ({0} if direction else {one - 1 for one in last})
        found.append("end" if steps and is_end else tuple(steps))
    return found


def evidence(t: Tables) -> dict[str, Any]:
    """What was measured, by name."""
    given, answer = t.given, t.answer
    found: dict[str, Any] = {"x": given.axes.words(given.main.shape)}
    if given.axes.is_folded:
        found |= {"samples": given.batch, "time steps": given.time}
    number = answer.number if answer is not None else next(iter(t.floats), None)
    if number is not None:
        found["output"] = str(list(t.outputs[number].shape))
    if t.walks:
        walk = t.bad_walk or t.walks[0]
        found |= {"layer": walk.name, "its steps": walk.steps, "its sequences": walk.cols}
    if answer is not None and given.batch > 1:
        found["samples that reach another's output"] = int(answer.foreign.any(1).sum())
    return found


def not_checked(t: Tables, own_call: bool) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    given = t.given
    sentences = [
        "a wrong wiring inside a right layout (gates, which state goes where): `check_cell` and "
        "`check_stack` look at that."
    ]
    if not t.walks:
        scripted = any(isinstance(m, torch.jit.ScriptModule) for m in t.model.modules())
        why = (
            "TorchScript can't be looked into" if scripted else "no recurrent layer of torch's ran"
        )
        sentences.append(f"the layers: {why}; only which samples and steps reach the output.")
    elif t.has_batch and not t.mixes and not any(read.is_any for read in t.all_reads):
        sentences.append("which steps and layers are read: no gradient gets back to the layers.")
    if not t.has_batch:
        sentences.append("whether samples stay apart: you named no batch axis of x.")
    elif not t.outputs:
        sentences.append("what happens after the recurrent layers: the model returns no tensor.")
    elif not t.mixes:
        judged = {one.number for one in t.judged}
        rest = [(k, o) for k, o in enumerate(t.outputs) if k not in judged and o.numel() > 1]
        if rest:
            named = ", ".join(f"{t.name_of(k)} {list(o.shape)}" for k, o in rest)
            sentences.append(f"what has no batch axis that it knows: {named}.")
    optional = [p.name for p in parameters_of(t.model) if p.default is not p.empty]
    open_ = [n for n in optional if "mask" in n or ("len" in n and given.lengths is None)]
    if open_ and not own_call and not isinstance(given.value, dict):
        sentences.append(f"what `forward` does with {', '.join(open_)}: none was given.")
    if given.lengths is None and given.pads.any():
        sentences.append("what pads do: x looks padded, and no `lengths` were given.")
    if given.main.dim() > len(given.lead) + 1:
        sentences.append("the order of the other axes of x, where a `view` joins them.")
    return tuple(sentences)
