"""Does a model walk along time, and does each sample keep to itself? Asked of any module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.layout.after import AFTER
from lstm_teach.checks.layout.before import BEFORE, UNSEEN
from lstm_teach.checks.layout.calling import AmbiguousOutput, calling
from lstm_teach.checks.layout.judge import Case, Mistake, Words
from lstm_teach.checks.layout.measure import Findings
from lstm_teach.checks.layout.probe import Probe, as_lengths
from lstm_teach.checks.layout.unused import UNUSED
from lstm_teach.checks.layout.wording import report_on, walks_time
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.undisturbed import undisturbed

Told = tuple[Case, Mistake | None, Words]
"""What was looked at, the mistake that was told if any, and the words for its message."""


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
    if isinstance(given, Report):
        return given
    if isinstance(given, tuple) and probe.is_telling:
        return report_on(*given)
    for other in probe.others():
        better = _examine(other, output_axes, rewind)
        if isinstance(better, tuple) and _may_stand_for(better, given):
            return report_on(*better)
    if isinstance(given, tuple):
        return report_on(*given, needs_better=True)
    return Report("not_attempted", f"{given} Run the check with another number of samples.")


def _may_stand_for(better: Told, given: Told | AmbiguousOutput) -> bool:
    """Whether what a made-up x shows may stand for the learner's own x.

    Mixing is certain on any x that could have shown it, so a made-up x may not contradict it.
    And a model may be written for one size, as `x.view(1, -1, 3)` is: what it does with another
    says nothing about x as it was given.
    """
    if isinstance(given, AmbiguousOutput):
        return True
    (case, _, _), (better_case, mistake, _) = given, better
    if case.mixes:
        return better_case.mixes and mistake is not None
    if not better_case.mixes:
        return case.probe.time > 1 or mistake is None or mistake.name != "seq_len_1"
    if 1 not in (case.probe.batch, case.probe.time):
        return False
    lost_its_batch = bool(case.look and not case.look.order) and better_case.look is None
    walk = better_case.bad_walk
    lost_its_columns = walk is not None and walk.cols != better_case.probe.batch
    is_for_one = lost_its_batch or (lost_its_columns and walks_time(case))
    return not (case.probe.batch == 1 and is_for_one)


def _examine(
    probe: Probe, output_axes: tuple[str, ...], rewind: Callable[[], None]
) -> Told | Report | AmbiguousOutput:
    call = calling(probe, rewind)
    if isinstance(call, Report):
        return call
    try:
        case = Case(Findings(probe, output_axes, call))
        if case.is_dead and _waken(probe.model):
            case = Case(Findings(probe, output_axes, call))
        table = (*BEFORE, *AFTER) if case.mixes else () if case.is_dead else (UNSEEN, *UNUSED)
        for mistake in table:
            if (words := mistake.tell(case)) is not None:
                return case, mistake, words
        return case, None, {}
    except AmbiguousOutput as ambiguous:
        return ambiguous
    except (Exception, SystemExit) as error:
        return Report(
            "not_attempted",
            "The model takes this x, but not an x in which one sample is another: it raised "
            f"{type(error).__name__} ({error}). Give an x whose samples could stand in for one "
            "another.",
        )


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


def _as_names(axes: Any) -> tuple[Any, ...]:
    return tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)


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
        if given not in (("batch",), ("time",), ("batch", "time"), ("time", "batch")):
            return (
                f'`{name}` names the leading axes in their order, "batch" and "time", each at '
                f"most once; it is {given}."
            )
    if x.dim() < len(axes) or 0 in x.shape:
        return f"x has the shape {list(x.shape)}, which has no room for the axes {axes}."
    if "batch" in axes and "batch" not in output_axes:
        return "x has a batch axis: say in `output_axes` where the batch is in the output."
    if lengths is None:
        return ""
    try:
        count = len(as_lengths(lengths))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return (
            "`lengths` needs one whole number for each sample, such as `[10, 8, 4]`, and got a "
            f"value of type {type(lengths).__name__} that is not that."
        )
    if "batch" in axes and count != x.shape[axes.index("batch")]:
        return f"There are {count} lengths for {x.shape[axes.index('batch')]} samples."
    return ""
