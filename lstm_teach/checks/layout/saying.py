"""What a layout check says beside a mistake: what was seen, what is right, and what stayed open."""

from __future__ import annotations

from typing import Any

import torch

from lstm_teach.checks.layout.mistakes import is_at_the_end, last_reads, reads_pads, sees_later
from lstm_teach.checks.layout.tables import Answer, Tables
from lstm_teach.checks.layout.words import said


def praise(t: Tables) -> str:
    """What is right, in sentences; what may be meant otherwise comes first."""
    answer, given, has_batch = t.answer, t.given, "batch" in t.given.lead
    is_summary = bool(t.answers) and answer.steps is None and "time" not in t.said
    pads, later, read = reads_pads(t), sees_later(t), last_reads(t) if is_summary else []
    unused = [s for k, s in enumerate(given.samples) if t.answers and k not in answer.reaching]
    along = [walk for walk in t.walks if walk.heading]
    at_ends = all(is_at_the_end(t, *one) and one[1].steps > 1 for one in read)
    is_plain = read and at_ends and read[0][1].call.directions == 1 and not read[0][1].by_hand
    sentences = {
        "sample_unused": unused,
        "pads_reach_answers": pads and is_summary,
        "nothing_came_out": has_batch and not t.answers,
        "unjudged": t.unjudged,
        "no_such_time": answer.is_said and "time" in t.said and answer.steps is None,
        "apart": t.judged,
        "along_time": along and along[0].heading > 0,
        "along_time_turned": along and along[0].heading < 0,
        "steps_read": is_plain,
        "none_later": answer.steps is not None and later is None,
        "later": later,
        "keeps_a_state": t.state_is_kept,
    }
    holes = {
        "unused": unused[:1],
        "sample": pads and pads[0],
        "named": _named(t.unjudged),
        "where": "the output" if len(t.answers) == 1 else _named(t.judged),
        "output": answer,
        "shape": answer.shape,
        "axis": given.at["time"],
        "layer": along[0].name if along else "",
    }
    found = [said(name, **holes) for name, is_true in sentences.items() if is_true]
    return " ".join(found) or said("no_doubt")


def _named(answers: list[Answer]) -> str:
    """Outputs with their shapes."""
    return ", ".join(f"{one} {one.shape}" for one in answers)


def evidence(t: Tables) -> dict[str, Any]:
    """What was measured, by name."""
    found: dict[str, Any] = {"x": str(t.given)}
    if t.floats:
        found["output"] = str(t.answer.shape)
    if t.walks:
        walk = t.bad_walk or t.walks[0]
        found |= {"layer": walk.name, "its steps": walk.steps, "its sequences": walk.cols}
    if t.answers and t.given.batch > 1:
        found["samples that reach another's output"] = int(t.answer.foreign.any(1).sum())
    return found


def not_checked(t: Tables) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    given, has_batch = t.given, "batch" in t.given.lead
    scripted = any(isinstance(m, torch.jit.ScriptModule) for m in t.model.modules())
    is_apart = has_batch and not t.mixes
    by_hand = [walk.name for _, walk, _ in last_reads(t) if walk.by_hand and t.of_ends]
    sentences = {
        "wiring": True,
        "scripted" if scripted else "no_layers": not t.walks,
        "unread": is_apart and t.walks and not any(read.is_any for read in t.all_reads),
        "no_batch": not has_batch,
        "unvaried": given.unvaried,
        "pads": given.looks_padded,
        "order": given.main.dim() > len(given.lead) + 1,
        "another_summary": t.of_ends,
        "carried": by_hand,
    }
    holes = {"unvaried": given.unvaried, "layer": "".join(by_hand[:1])}
    return tuple(said(name, **holes) for name, is_true in sentences.items() if is_true)
