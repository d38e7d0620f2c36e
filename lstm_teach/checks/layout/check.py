"""Does a model walk along time, and does each sample keep to itself? Asked of any module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.judge import Case
from lstm_teach.checks.layout.measure import Findings
from lstm_teach.checks.layout.mistakes import AFTER, BEFORE, Mistake
from lstm_teach.checks.layout.probe import Probe, as_lengths, shape_words
from lstm_teach.checks.layout.record import recurrent_modules
from lstm_teach.checks.layout.rules import Words
from lstm_teach.checks.layout.run import calling
from lstm_teach.checks.layout.unused import UNUSED
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.undisturbed import undisturbed

Outcome = tuple[Case, Mistake | None, Words]

_WIRING = (
    "A wrong wiring inside a right layout (gates, which state goes where, which layer feeds "
    "which): `check_cell` and `check_stack` look at that."
)


@leaves_no_trace
def check_layout(
    model: nn.Module,
    x: torch.Tensor,
    input_axes: Sequence[str] = ("batch", "time"),
    output_axes: Sequence[str] = ("batch",),
    lengths: Any = None,
) -> Report:
    """Find out which axis a model really walks along, and whether its samples stay apart.

    Runs the model in evaluation mode a fixed number of times (about fifteen), each time with
    one sample or one time step of x changed, and looks at what changes at the recurrent
    layers' inputs and at the output. The model is left as it was.

    Args:
        model: any module around nn.LSTM, nn.GRU, nn.RNN or their cells.
        x: an input as the model takes it: features or integer tokens, with the leading axes
            that ``input_axes`` names. Best with batch >= 3, time >= 3 and batch != time;
            otherwise the check makes a better one from it where the model takes it.
        input_axes: the leading axes of x as you believe them: "batch" and "time" in their
            order, or only one of them.
        output_axes: the same for the output.
        lengths: the real lengths of padded sentences, one a sample; they are handed to
            ``forward`` where it has an argument for them.

    Returns:
        A report: "ok", a mistake's name, "raises", "not_attempted" where nothing can be said,
        or "unrecognised".
    """
    axes, out_axes = _as_names(input_axes), _as_names(output_axes)
    refusal = _refusal(model, x, axes, out_axes, lengths)
    if refusal:
        return Report("not_attempted", refusal)
    with undisturbed(model) as rewind:
        probe = Probe(model, x.detach().clone(), axes, as_lengths(lengths))
        return _check(probe, out_axes, rewind)


def _check(probe: Probe, output_axes: tuple[str, ...], rewind: Callable[[], None]) -> Report:
    given = _examine(probe, output_axes, rewind)
    if isinstance(given, Report) or probe.is_telling:
        return given if isinstance(given, Report) else _report(given)
    for better in probe.better():
        outcome = _examine(better, output_axes, rewind)
        if isinstance(outcome, Report):
            continue
        if _agree(given, outcome):
            return _report(outcome)
    return _report(given, needs_better=True)


def _agree(given: Outcome, better: Outcome) -> bool:
    """Whether what a made-up x shows may stand for the learner's own x.

    Mixing is certain on any x that could have shown it, so a made-up x may not contradict it.
    """
    case = given[0]
    if case.mixes:
        return better[0].mixes and better[1] is not None
    hides = case.probe.batch == 1 or case.probe.time == 1 or case.probe.batch == case.probe.time
    return hides or not better[0].mixes


def _examine(
    probe: Probe, output_axes: tuple[str, ...], rewind: Callable[[], None]
) -> Outcome | Report:
    call = calling(probe, rewind)
    if isinstance(call, Report):
        return call
    try:
        case = Case(Findings(probe, output_axes, call))
        if case.is_dead and _waken(probe.model):
            case = Case(Findings(probe, output_axes, call))
        table = (*BEFORE, *AFTER) if case.mixes else () if case.is_dead else UNUSED
        for mistake in table:
            if (words := mistake.tell(case)) is not None:
                return case, mistake, words
    except (Exception, SystemExit) as error:
        return Report(
            "not_attempted",
            "The model takes this x, but not an x in which one sample is another: it raised "
            f"{type(error).__name__} ({error}). Give an x whose samples could stand in for one "
            "another.",
        )
    return case, None, {}


def _waken(model: nn.Module) -> bool:
    """Give weights that are all zero small values, so that x matters; True where there were any.

    They are put back with everything else that the check lends.
    """
    zeros = [p for p in model.parameters() if p.is_floating_point() and not p.any()]
    generator = torch.Generator().manual_seed(1)
    for parameter in zeros:
        values = torch.randn(parameter.shape, generator=generator) / 10
        parameter.data.copy_(values)
    return bool(zeros)


def _report(outcome: Outcome, needs_better: bool = False) -> Report:
    case, mistake, words = outcome
    evidence = _evidence(case)
    not_checked = [*_not_checked(case), *([_needs(case)] if needs_better else [])]
    if mistake is not None:
        message = mistake.message.format(**words)
        return Report(mistake.name, message, evidence, tuple(not_checked))
    if case.is_dead:
        return Report(
            "not_attempted",
            "Nothing that was changed in x changed the output, in evaluation mode: the output "
            "may come out of weights that are all zero, of a ReLU that is shut, or of a tensor "
            "that does not depend on x. Give the model weights with which x matters, then run "
            "the check again.",
            evidence,
        )
    if not case.found.base.outputs and not case.walks:
        return Report(
            "not_attempted",
            "The model returns no tensor, and no recurrent layer ran in it, so there is nothing "
            "to look at. Let `forward` return its predictions.",
            evidence,
        )
    if needs_better and case.probe.batch == 1 and case.has_batch and not _walks_time(case):
        return Report("not_attempted", _needs(case), evidence, (_WIRING,))
    return Report("ok", _praise(case), evidence, tuple(not_checked))


def _praise(case: Case) -> str:
    """What is right, in words."""
    sentences = []
    if case.has_batch and case.probe.batch > 1 and case.found.base.outputs:
        sentences.append("Each sample of the output depends on its own sample of x alone.")
    for walk in case.walks[:1]:
        if _walks_time(case):
            sentences.append(
                f"`{walk.name}` walks along time: axis {case.probe.axes.index('time')} of x."
            )
        elif "time" not in case.probe.axes and walk.steps == 1:
            sentences.append(
                f"`{walk.name}` makes one step a call, so within a call it remembers nothing."
            )
    if case.flattened:
        sentences.append(
            f"The output holds several rows for each sample, in the order ({case.flattened}): "
            "keep the targets in the same order."
        )
    if case.state_only:
        sentences.append("The output is a state, [layers * directions, batch, hidden].")
    return " ".join(sentences) or "Nothing speaks against the layout."


def _walks_time(case: Case) -> bool:
    """Whether the first recurrent layer meets different time steps of x at different steps."""
    if not case.walks or "time" not in case.probe.axes:
        return False
    walk = case.walks[0]
    first = [
        walk.times[..., k].any(2).any(1).nonzero().flatten().tolist()
        for k in range(len(case.probe.times))
    ]
    return walk.steps > 1 and len({tuple(steps) for steps in first if steps}) > 1


def _evidence(case: Case) -> dict[str, Any]:
    probe = case.probe
    evidence: dict[str, Any] = {"x": shape_words(probe.x.shape, probe.axes)}
    if probe.changed:
        evidence["x made better"] = probe.changed
    if case.first_output is not None:
        evidence["output"] = str(list(case.found.base.outputs[case.first_output].shape))
    if case.walks:
        walk = case.bad_walk or case.walks[0]
        evidence["layer"] = walk.name
        evidence["its steps"] = walk.steps
        evidence["its sequences"] = walk.cols
    if case.has_batch and case.fits and probe.batch > 1:
        leaks = int(case.foreign.sum())
        evidence["samples that reach another's output"] = leaks
        if leaks:
            number, other = case.foreign.nonzero()[0].tolist()
            evidence["for example"] = f"{probe.samples[number]} reaches {other}"
    return evidence


def _not_checked(case: Case) -> list[str]:
    sentences = [_WIRING]
    if not case.walks:
        held = recurrent_modules(case.probe.model)
        what = f"`{held[0]}` did not run" if held else "There is no recurrent layer of torch's"
        sentences.append(
            f"{what}, so only this was looked at: whether samples reach one another's outputs."
        )
    elif case.has_batch and not case.mixes and case.all_readings is None and not case.state_only:
        sentences.append(
            "No gradient gets from the output back to the recurrent layers, so which steps, "
            "layers and directions are read stayed open."
        )
    if case.has_batch and not case.found.base.outputs:
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
        f"This x {why}, which hides some layout mistakes, and the model does not take an x of "
        "other sizes made from it. Run the check with batch >= 3, time >= 3 and batch != time."
    )


def _as_names(axes: Sequence[str]) -> tuple[str, ...]:
    return (axes,) if isinstance(axes, str) else tuple(axes)


def _refusal(
    model: Any, x: Any, axes: tuple[str, ...], output_axes: tuple[str, ...], lengths: Any
) -> str:
    """Why the check cannot begin, in a sentence; empty where it can."""
    if isinstance(model, type):
        return f"`{model.__name__}` is a class. Give an instance of it: `{model.__name__}(...)`."
    if not isinstance(model, nn.Module):
        return (
            f"The model is a {type(model).__name__}, not an `nn.Module`. Wrap what you want to "
            "check in a small `nn.Module` with a `forward(self, x)`."
        )
    if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        return "The model has lazy layers without weights. Run it once: `model(x)`."
    if not isinstance(x, torch.Tensor):
        return (
            f"x is a {type(x).__name__}, not a tensor. Where a model takes several inputs, wrap "
            "it in a small `nn.Module` whose `forward(self, x)` fills in the others."
        )
    for name, given in (("input_axes", axes), ("output_axes", output_axes)):
        if not given or len(set(given)) != len(given) or not set(given) <= {"batch", "time"}:
            return (
                f'`{name}` names the leading axes in their order, "batch" and "time", each at '
                f"most once; it is {given}."
            )
    if x.dim() < len(axes) or 0 in x.shape:
        return f"x has the shape {list(x.shape)}, which has no room for the axes {axes}."
    if "batch" in axes and "batch" not in output_axes:
        return "x has a batch axis: say in `output_axes` where the batch is in the output."
    if lengths is not None and "batch" in axes:
        count = len(as_lengths(lengths))  # type: ignore[arg-type]
        if count != x.shape[axes.index("batch")]:
            return f"There are {count} lengths for {x.shape[axes.index('batch')]} samples."
    return ""
