"""What a layout check says of a right layout: what was seen, which steps, and what stayed open."""

from __future__ import annotations

from typing import Any

import torch

from lstm_teach.checks.layout.calling import parameters_of
from lstm_teach.checks.layout.tables import Read, Tables, Walk, places


def praise(t: Tables) -> str:
    """What is right, in sentences; what may be meant otherwise comes first."""
    answer, given, moved, owners = t.answer, t.given, t.by_longer_pads, t.owners
    is_summary = answer is not None and answer.steps is None
    doubts, sentences = [], []
    reaching = answer.reaching if answer is not None else range(len(given.samples))
    for number in sorted({*range(len(given.samples))} - {*reaching})[:1]:
        sample = given.samples[number]
        doubts.append(f"But next to nothing of sample {sample} of x reaches its answer.")
    if moved is not None and owners is not None and is_summary and not given.pads_left:
        for sample in sorted({*places(given.pads.any(1))} & {*owners[moved].tolist()})[:1]:
            doubts.append(
                f"But the pads reach answers: one more pad changes that of sample {sample}. If it "
                "should not, pack (`pack_padded_sequence`), or mask the mean or attention."
            )
    named = [f"{t.name_of(k.number)} {list(t.outputs[k.number].shape)}" for k in t.judged]
    if named:
        where = "the output" if len(t.outputs) == 1 else ", ".join(named)
        sentences.append(f"Each sample depends on its own sample of x alone, in {where}.")
    if t.walks and "time" in given.lead:
        walk = t.walks[0]
        met = [steps for n, _ in enumerate(given.times) if (steps := walk.steps_of(n))]
        if walk.steps > 1 and len({*map(tuple, met)}) > 1:
            way = " from the last time step to the first" if min(met[0]) > max(met[-1]) else ""
            axis = given.axes.at("time")
            sentences.append(f"`{walk.name}` walks along time{way}: axis {axis} of x.")
    for number, walk in reversed(list(enumerate(t.walks))):
        reads = [of_sample[number] for of_sample in t.sample_reads]
        is_read = bool(reads) and all(read.is_any for read in reads)
        if is_summary and walk.steps > 1 and is_read:
            sentences.append(f"Each answer reads {steps_read(walk, reads)} of `{walk.name}`.")
            break
    others = t.shape[len(t.said.names) :] if is_summary else []
    if given.time > 2 and given.time in others:
        axis = len(t.said.names) + others.index(given.time)
        sentences.append(
            f"But axis {axis} of {t.output} is as long as time, and you did not name it. Is an "
            "answer for each step meant? Then name it in `output_axes`."
        )
    if t.steps is not None:
        sentences.append(
            "Its steps see no later time steps."
            if t.sees_later is None
            else "Its steps see later time steps too: right for tagging, and a leak where each "
            "should predict the next (`causal=True` makes that a finding)."
        )
    if answer is not None and owners is not None and not answer.is_said:
        first, second = owners.reshape(len(owners), -1)[:2, 0].tolist()
        order = "batch, time" if first == second else "time, batch"
        sentences.append(
            f"Its rows are in the order ({order}): keep the targets in the same order."
        )
    if t.state_is_kept:
        sentences.append("The model keeps a state between calls: the next call goes on from it.")
    return " ".join(doubts + sentences) or "Nothing speaks against the layout."


def steps_read(walk: Walk, reads: list[Read]) -> str:
    """The steps that the answers of the looked-at samples read of a walk, in words."""
    found, named = [ends_read(walk, read) for read in reads], []
    for direction, name in enumerate(("forward", "backward")[: walk.call.directions]):
        kinds = {one[direction] for one in found} - {()}
        text = "steps of its own"
        for steps in kinds if len(kinds) == 1 else ():
            text = f"steps {', '.join(map(str, steps))}"
            if steps == "end":
                text = "step 0" if direction else "the last step"
            elif len(steps) == 1:
                text = f"step {steps[0]} alone"
            elif len(steps) == steps[-1] - steps[0] + 1:
                text = f"steps {steps[0]} to {steps[-1]}"
        named += [text if walk.call.directions == 1 else f"{text} ({name})"] if kinds else []
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
    found: dict[str, Any] = {"x": str(given)}
    if t.floats:
        found["output"] = str(t.shape)
    if t.walks:
        walk = t.bad_walk or t.walks[0]
        found |= {"layer": walk.name, "its steps": walk.steps, "its sequences": walk.cols}
    if answer is not None and given.batch > 1:
        found["samples that reach another's output"] = sum(map(bool, answer.foreign))
    return found


def not_checked(t: Tables, own_call: bool) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    given, judged = t.given, {one.number for one in t.judged}
    is_apart = t.has_batch and not t.mixes
    rest = [k for k, output in enumerate(t.outputs) if k not in judged and output.numel() > 1]
    named = ", ".join(f"{t.name_of(k)} {list(t.outputs[k].shape)}" for k in rest if is_apart)
    scripted = any(isinstance(m, torch.jit.ScriptModule) for m in t.model.modules())
    layers = "TorchScript can't be looked into" if scripted else "no recurrent layer of torch's ran"
    wanted = [p.name for p in parameters_of(t.model) if p.default is not p.empty]
    open_ = [n for n in wanted if "mask" in n or ("len" in n and given.lengths is None)]
    is_unread = is_apart and t.walks and not any(read.is_any for read in t.all_reads)
    is_open = not own_call and not isinstance(given.value, dict)
    sentences = (
        (
            True,
            "a wrong wiring inside a right layout (gates, which state goes where): `check_cell` "
            "and `check_stack` look at that.",
        ),
        (not t.walks, f"the layers: {layers}; only which samples and steps reach the output."),
        (is_unread, "which steps and layers are read: no gradient gets back to the layers."),
        (not t.has_batch, "whether samples stay apart: you named no batch axis of x."),
        (named, f"what has no batch axis that it knows: {named}."),
        (open_ and is_open, f"what `forward` does with {', '.join(open_)}: none was given."),
        (
            given.lengths is None and given.pads.any(),
            "what pads do: x looks padded, and no `lengths` were given.",
        ),
        (
            given.main.dim() > len(given.lead) + 1,
            "the order of the other axes of x, where a `view` joins them.",
        ),
    )
    return tuple(text for is_true, text in sentences if is_true)
