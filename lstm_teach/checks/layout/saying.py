"""What a layout check says of a right layout: what was seen, which steps, and what stayed open."""

from __future__ import annotations

from typing import Any

import torch

from lstm_teach.checks.layout.mistakes import ends_read, steps_read
from lstm_teach.checks.layout.tables import Answer, Tables, most
from lstm_teach.checks.layout.words import said


def praise(t: Tables) -> str:
    """What is right, in sentences; what may be meant otherwise comes first."""
    answer, given, owners = t.answer, t.given, t.owners
    is_summary = answer is not None and answer.steps is None and "time" not in t.said
    looked = range(len(given.samples))
    unused = sorted({*looked} - {*(looked if answer is None else answer.reaching)})
    walk = next((walk for walk in t.walks if walk.heading), None)
    # of short windows, each meets one of the looked-at time steps, in one step
    telling = any(max(most(w.times, 0), most(w.times.any(0), 1)) > 1 for w in t.walks)
    walks = [t.walks[number] for number in t.read if is_summary]
    is_one = walks and not any(walk.by_hand or walk.steps == 1 for walk in walks)
    others = t.shape[len(t.said) :] if is_summary and given.time > 2 else []
    rows = [] if owners is None else owners.reshape(len(owners), -1)[:2, 0].tolist()
    sentences = {
        "sample_unused": unused,
        "pads_reach_answers": t.reads_pads is not None and is_summary,
        "nothing_came_out": t.has_batch and not t.outputs,
        "unjudged": t.unjudged,
        "no_such_time": answer and answer.is_said and "time" in t.said and answer.steps is None,
        "nowhere_along_time": telling and walk is None and given.time > 2,
        "apart": t.judged,
        "along_time": walk is not None and walk.heading > 0,
        "along_time_turned": walk is not None and walk.heading < 0,
        "steps_read": is_one,
        "unnamed_time": given.time in others,
        "none_later": t.steps is not None and t.sees_later is None,
        "later": t.sees_later is not None,
        "flat": rows and answer is not None and not answer.is_said and answer.axis is None,
        "keeps_a_state": t.state_is_kept,
    }
    holes = {
        "sample": given.samples[unused[0]] if unused else t.reads_pads and t.reads_pads[0],
        "named": _named(t, t.unjudged),
        "where": "the output" if len(t.outputs) == 1 else _named(t, t.judged),
        "output": t.called(),
        "shape": t.shape,
        "axis": given.at("time"),
        "layer": walk.name if walk else walks[0].name if walks else "",
        "steps": steps_read(ends_read(t)) if is_one else "",
        "unnamed": len(t.said) + others.index(given.time) if given.time in others else None,
        "order": "batch, time" if rows and rows[0] == rows[-1] else "time, batch",
    }
    found = [said(name, **holes) for name, is_true in sentences.items() if is_true]
    return " ".join(found) or said("no_doubt")


def _named(t: Tables, answers: list[Answer]) -> str:
    """Outputs with their shapes."""
    return ", ".join(f"{t.called(one.name)} {[*t.outputs[one.name].shape]}" for one in answers)


def evidence(t: Tables) -> dict[str, Any]:
    """What was measured, by name."""
    found: dict[str, Any] = {"x": str(t.given)}
    if t.floats:
        found["output"] = str(t.shape)
    if t.walks:
        walk = t.bad_walk or t.walks[0]
        found |= {"layer": walk.name, "its steps": walk.steps, "its sequences": walk.cols}
    if t.answer is not None and t.given.batch > 1:
        found["samples that reach another's output"] = int(t.answer.foreign.any(1).sum())
    return found


def not_checked(t: Tables) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    given, is_apart = t.given, t.has_batch and not t.mixes
    scripted = any(isinstance(m, torch.jit.ScriptModule) for m in t.model.modules())
    changed = [t.walks[number].name for number in t.read if t.walks[number].by_hand and t.of_ends]
    sentences = {
        "wiring": True,
        "scripted" if scripted else "no_layers": not t.walks,
        "unread": is_apart and t.walks and not any(read.is_any for read in t.all_reads),
        "no_batch": not t.has_batch,
        "unvaried": given.unvaried,
        "pads": given.looks_padded,
        "order": given.main.dim() > len(given.lead) + 1,
        "another_summary": t.of_ends,
        "carried": changed,
    }
    holes = {"unvaried": ", ".join(given.unvaried), "layer": (changed or [""])[0]}
    return tuple(said(name, **holes) for name, is_true in sentences.items() if is_true)
