"""What a layout check says: the mistake's message, or what is right, and what stayed open."""

from __future__ import annotations

from typing import Any

from lstm_teach.checks.layout.judge import Case, Mistake, Words
from lstm_teach.checks.layout.probe import shape_words
from lstm_teach.checks.layout.record import recurrent_modules
from lstm_teach.checks.report import Report

_WIRING = (
    "which step of its own sample an answer is read from; and a wrong wiring inside a right layout "
    "(gates, which state goes where, which layer feeds which): `check_cell` and `check_stack` look "
    "at that."
)

_DEAD = (
    "Nothing that was changed in x changed the output, in evaluation mode: the output may come out "
    "of weights that are all zero, of a ReLU that is shut, or of a tensor that does not depend on "
    "x. Give the model weights with which x matters, then run the check again."
)
_NOTHING = (
    "The model returns no tensor, and no recurrent layer ran in it, so there is nothing to look "
    "at. Let `forward` return its predictions."
)


def report_on(
    case: Case, mistake: Mistake | None, words: Words, needs_better: bool = False
) -> Report:
    """Put what was found with one x into words; `needs_better` if x hides mistakes."""
    evidence = _evidence(case)
    not_checked = (*_not_checked(case), *([_needs(case)] if needs_better else []))
    if mistake is not None:
        return Report(mistake.name, mistake.message.format(**words), evidence, not_checked)
    if case.is_dead:
        return Report("not_attempted", _DEAD, evidence)
    if not case.outputs and not case.walks:
        return Report("not_attempted", _NOTHING, evidence)
    if needs_better and case.probe.batch == 1 and case.has_batch and not walks_time(case):
        return Report("not_attempted", _needs(case), evidence, (_WIRING,))
    return Report("ok", _praise(case), evidence, not_checked)


def _praise(case: Case) -> str:
    """What is right, in words."""
    sentences = []
    if case.has_batch and case.probe.batch > 1 and case.outputs:
        sentences.append("Each sample of the output depends on its own sample of x alone.")
    if walks_time(case):
        axis = case.probe.axes.index("time")
        sentences.append(f"`{case.walks[0].name}` walks along time: axis {axis} of x.")
    elif case.walks and "time" not in case.probe.axes and case.walks[0].steps == 1:
        sentences.append(
            f"`{case.walks[0].name}` makes one step a call, so within a call it remembers nothing."
        )
    if case.look is not None and case.look.order:
        sentences.append(
            f"The output holds several rows for each sample, in the order ({case.look.order}): "
            "keep the targets in the same order."
        )
    if case.look is not None and case.look.is_state:
        sentences.append("The output is a state, [layers * directions, batch, hidden].")
    if (sample := case.reached_by_its_pads) is not None:
        sentences.append(
            f"But what stands in the pads of sample {sample} changes its answer. If it should not: "
            "`pack_padded_sequence` keeps pads from a layer (the backward direction begins with "
            "them), and a mean or an attention over time needs a mask."
        )
    return " ".join(sentences) or "Nothing speaks against the layout."


def walks_time(case: Case) -> bool:
    """Whether the first recurrent layer meets different time steps of x at different steps."""
    if not case.walks or case.walks[0].steps < 2:
        return False
    steps = [tuple(case.walks[0].steps_of(number)) for number in range(len(case.probe.times))]
    return len({some for some in steps if some}) > 1


def _evidence(case: Case) -> dict[str, Any]:
    probe, look = case.probe, case.look
    evidence: dict[str, Any] = {"x": shape_words(probe.x.shape, probe.axes)}
    if probe.changed:
        evidence["x made better"] = probe.changed
    if case.first_output is not None:
        evidence["output"] = str(list(case.outputs[case.first_output].shape))
    if case.walks:
        walk = case.bad_walk or case.walks[0]
        evidence |= {"layer": walk.name, "its steps": walk.steps, "its sequences": walk.cols}
    if look is not None and probe.batch > 1:
        evidence["samples that reach another's output"] = int(look.foreign.sum())
        if look.mixes:
            number, other = look.foreign.nonzero()[0].tolist()
            evidence["for example"] = f"{probe.samples[number]} reaches {other}"
    return evidence


def _not_checked(case: Case) -> list[str]:
    sentences = [_WIRING]
    if not case.walks:
        held = [name or type(m).__name__ for name, m in recurrent_modules(case.probe.model).items()]
        what = f"`{held[0]}` did not run" if held else "There is no recurrent layer of torch's"
        sentences.append(
            f"{what}, so only this was looked at: whether samples reach one another's outputs."
        )
    elif case.has_batch and not case.mixes and not case.is_read:
        sentences.append(
            "No gradient gets from the output back to the recurrent layers, so which steps, "
            "layers and directions are read stayed open."
        )
    if case.has_batch and not case.outputs:
        sentences.append("What happens after the recurrent layers: the model returns no tensor.")
    if left_out := ", ".join(map(str, case.left_out)):
        sentences.append(f"Outputs without the batch where you said it is: {left_out}.")
    if not case.has_batch:
        sentences.append("Whether samples stay apart: x has no batch axis.")
    return sentences


def _needs(case: Case) -> str:
    probe = case.probe
    why = (
        "has a batch of 1"
        if probe.batch == 1
        else f"has as many samples as time steps ({probe.batch})"
        if probe.batch == probe.time
        else f"has {probe.batch} samples and {probe.time} time steps"
    )
    return (
        f"This x {why}, which hides some layout mistakes, and the model cannot be judged "
        "with an x of other sizes made from it. Run the check with batch >= 3, time >= 3 and "
        "batch != time."
    )
