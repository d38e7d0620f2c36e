"""What a layout check says of a right layout: what was seen, which steps, and what stayed open."""

from __future__ import annotations

from typing import Any

import torch

from lstm_teach.checks.layout.calling import parameters_of
from lstm_teach.checks.layout.tables import Answer, Tables, most, places
from lstm_teach.checks.layout.words import said

ENDS = ["the last step", "step 0"]
"""Where each direction of a layer ends, in words."""


def praise(t: Tables) -> str:
    """What is right, in sentences; what may be meant otherwise comes first."""
    answer, given, owners = t.answer, t.given, t.owners
    is_summary = answer is not None and answer.steps is None and "time" not in t.said.names
    found: list[str] = []

    def say(name: str, **holes: Any) -> None:
        found.append(said(name, **holes))

    reaching = answer.reaching if answer is not None else range(len(given.samples))
    for number in sorted({*range(len(given.samples))} - {*reaching})[:1]:
        say("sample_unused", sample=given.samples[number])
    if t.reads_pads is not None and is_summary:
        say("pads_reach_answers", sample=t.reads_pads[0])
    if t.has_batch and not t.outputs:
        say("nothing_came_out")
    moved = [one for one in t.unjudged if one.owners is not None]
    if unjudged := [one for one in t.unjudged if one not in moved]:
        say("unjudged", named=_named(t, unjudged))
    for one in moved:
        number, target = one.foreign.nonzero()[0].tolist()
        say("reordered", output=t.called(one.name), source=given.samples[number], target=target)
    if answer is not None and answer.is_said and "time" in t.said.names and answer.steps is None:
        say("no_such_time", output=t.output, shape=t.shape)
    along = [walk for walk in t.walks if walk.heading]
    # of short windows, each meets one of the looked-at time steps, in one step
    telling = any(max(most(w.times, 0), most(w.times.any(0), 1)) > 1 for w in t.walks)
    if telling and not along and given.time > 2:
        say("nowhere_along_time", axis=given.axes.at("time"))
    if t.judged:
        say("apart", where="the output" if len(t.outputs) == 1 else _named(t, t.judged))
    for walk in along[:1]:
        name = "along_time" if walk.heading > 0 else "along_time_turned"
        say(name, layer=walk.name, axis=given.axes.at("time"))
    walks = [t.walks[n] for n in t.read if is_summary]
    if walks and not any(walk.by_hand or walk.steps == 1 for walk in walks):
        say("steps_read", output=t.output, steps=steps_read(ends_read(t)), layer=walks[0].name)
    others = t.shape[len(t.said.names) :] if is_summary else []
    if given.time > 2 and given.time in others:
        say("unnamed_time", axis=len(t.said.names) + others.index(given.time), output=t.output)
    if t.steps is not None:
        say("none_later" if t.sees_later is None else "later")
    if answer is not None and owners is not None and not answer.is_said:
        first, second = owners.reshape(len(owners), -1)[:2, 0].tolist()
        say("flat", order="batch, time" if first == second else "time, batch")
    if t.state_is_kept:
        say("keeps_a_state")
    return " ".join(found) or said("no_doubt")


def _named(t: Tables, answers: list[Answer]) -> str:
    """Outputs with their shapes."""
    return ", ".join(f"{t.called(one.name)} {[*t.outputs[one.name].shape]}" for one in answers)


def ends_read(t: Tables) -> list[list[str]]:
    """For each looked-at sample what is read of each direction of the last walk that it reads, in
    words; one of `ENDS` where it is read where it ends, and if it is, of a state that a loop
    changes by hand, since it reads earlier steps through that."""
    given, found = t.given, []
    for sample, reads, number in zip(given.samples, t.sample_reads, t.read, strict=True):
        walk, ways = t.walks[number], []
        is_whole = walk.call.packed is not None or t.in_step(walk)
        lengths = given.lengths if is_whole and not given.pads_left else None
        for direction, way in enumerate(reads[number].ways):
            ends = walk.ends[way.any(0)] if lengths is None else lengths[[sample]]
            steps = places(way.any(1))
            text = f"steps {', '.join(map(str, steps))}" if steps else ""
            end = {0} if direction else {*(ends - 1).tolist()}
            if steps and ({*steps} == end or (walk.by_hand and {*steps} >= end)):
                text = ENDS[direction]
            elif len(steps) == 1:
                text = f"step {steps[0]} alone"
            elif steps and len(steps) == steps[-1] - steps[0] + 1:
                text = f"steps {steps[0]} to {steps[-1]}"
            ways.append(text)
        found.append(ways)
    return found


def steps_read(found: list[list[str]]) -> str:
    """What the answers of the looked-at samples read of a walk, in words."""
    named = []
    for name, texts in zip(("forward", "backward"), zip(*found, strict=True), strict=False):
        kinds = {*texts} - {""}
        text = kinds.pop() if len(kinds) == 1 else "steps that differ between samples"
        named += [text if len(found[0]) == 1 else f"{text} ({name})"] if any(texts) else []
    return " and ".join(named)


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
        found["samples that reach another's output"] = int(answer.foreign.any(1).sum())
    return found


def not_checked(t: Tables) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    given, is_apart = t.given, t.has_batch and not t.mixes
    scripted = any(isinstance(m, torch.jit.ScriptModule) for m in t.model.modules())
    wanted = [p.name for p in parameters_of(t.model) if p.default is not p.empty]
    names = [n for n in wanted if "mask" in n or ("len" in n and given.lengths is None)]
    is_unread = is_apart and t.walks and not any(read.is_any for read in t.all_reads)
    sentences = {
        "wiring": True,
        "scripted" if scripted else "no_layers": not t.walks,
        "unread": is_unread,
        "no_batch": not t.has_batch,
        "unvaried": given.unvaried,
        "quantised": t.is_quantised,
        "arguments": names and t.is_usual and not isinstance(given.value, dict),
        "pads": given.lengths is None and given.pads.any(),
        "order": given.main.dim() > len(given.lead) + 1,
    }
    holes = {"unvaried": ", ".join(given.unvaried), "names": ", ".join(names)}
    return tuple(said(name, **holes) for name, is_true in sentences.items() if is_true)
