"""Does a model walk along time, and does each sample keep to itself? Asked of any module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from lstm_teach.checks.layout import saying
from lstm_teach.checks.layout.calling import calling, first_run, unwrapped
from lstm_teach.checks.layout.given import (
    Axes,
    CannotTell,
    Given,
    sized_by_layers,
    with_tensors,
)
from lstm_teach.checks.layout.mistakes import (
    LEAK,
    first_that_fits,
    no_batch_in_output,
    sees_later,
    words,
)
from lstm_teach.checks.layout.record import Call, recording
from lstm_teach.checks.layout.tables import Tables
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.undisturbed import undisturbed

Names = Sequence[str | None]


@leaves_no_trace
def check_layout(
    model: nn.Module,
    x: Any,
    input_axes: Names = ("batch", "time"),
    output_axes: Names = ("batch",),
    lengths: Any = None,
    call: Callable[[Any, Any], Any] | None = None,
    causal: bool = False,
) -> Report:
    """Find out which axis a model really walks along, and whether its samples stay apart.

    Runs the model in evaluation mode a fixed number of times (about a dozen), each time with one
    sample or one time step of x replaced by others of x, and looks at what changes at the
    recurrent layers' inputs and at the output. The model is left as it was.

    Args:
        model: any module around nn.LSTM, nn.GRU, nn.RNN or their cells.
        x: an input as the model takes it: features or integer tokens, a PackedSequence, or a
            dictionary or tuple of tensors. It needs at least 2 samples and 3 time steps, not as
            many of one as of the other.
        input_axes: the axes of x as you believe them: "batch" and "time" where they stand, None or
            any other name for the rest; ("time*batch",) for rows that hold both.
        output_axes: the same for what comes out.
        lengths: the real lengths of padded samples, whole numbers, [batch]; they are handed to
            ``forward`` where it has an argument for them.
        call: how to run the model where x alone does not do:
            ``call=lambda policy, x: policy(x, hxs, masks)[0]``.
        causal: whether an answer must not see later time steps, as where it predicts the next.

    Returns:
        A report: "ok", a mistake's name, "raises", "not_attempted" for a stub, "cannot_check" with
        what to give instead, or "unrecognised" with the sentence that says what is off.
    """
    return examine(
        model, x, input_axes, output_axes, lengths, call, then=lambda t: report_on(t, causal)
    )


def report_on(t: Tables, causal: bool = False) -> Report:
    """The report on what was measured."""
    found = first_that_fits(t)
    evidence, open_ = saying.evidence(t), saying.not_checked(t)
    small = _too_small(t.given)
    if found is not None and not (small and found[0].how is no_batch_in_output):
        mistake, filled = found
        return mistake.report(evidence, open_, **filled)
    if t.is_dead:
        return _cannot(
            "nothing that was replaced in x changed the output",
            "In evaluation mode the output may come out of weights that are all zero, of a ReLU "
            "that is shut, or of a tensor that does not depend on x. Give the model weights with "
            "which x matters, then run the check again.",
        )
    if not t.outputs and not t.walks:
        return _cannot(
            "the model returns no tensor, and no recurrent layer ran in it",
            "There is nothing to look at. Let `forward` return its predictions.",
        )
    if small:
        return _cannot(*small)
    if causal:
        later = sees_later(t)
        if later is not None:
            return LEAK.report(evidence, open_, **words(t, early=later[0], late=later[1]))
        if t.time_reached is None or t.time_reached.shape[2] != t.given.time:
            return _cannot(
                "`causal=True` needs an output with as many steps as x",
                'Say where they are, such as `output_axes=("batch", "time")`. Nothing else '
                "speaks against the layout.",
            )
    return Report("ok", saying.praise(t), evidence, open_)


def examine(
    model: Any,
    x: Any,
    input_axes: Any,
    output_axes: Any,
    lengths: Any,
    call: Any,
    then: Callable[[Tables], Report],
) -> Report:
    """Measure a model on x and report on it while it is lent, or say why that cannot be."""
    model = unwrapped(model)
    refusal = _refusal(model, x, call)
    if refusal:
        return _cannot(*refusal)
    axes = []
    for name, value in (("input_axes", input_axes), ("output_axes", output_axes)):
        try:
            axes.append(Axes.read(value))
        except ValueError as error:
            return _cannot(
                f"`{name}` {error}",
                f'`{name}` names the axes in their order: "batch" and "time", each at most once, '
                'and None for the rest, such as `("batch", None, "time")`.',
            )
    own, said = axes
    if not {"batch", "time"} & {*own.flat}:
        return _cannot(
            "`input_axes` names neither the batch nor time",
            f'It is {input_axes!r}. Call the axis of samples "batch" and the axis of time steps '
            '"time".',
        )
    if "batch" in own and "batch" not in said:
        return _cannot(
            "`output_axes` does not say where the batch is",
            'x has a batch axis: say where it is in the output, such as `output_axes=("batch",)`.',
        )
    taken = _lengths(lengths)
    if isinstance(taken, Report):
        return taken
    with undisturbed(model) as rewind:
        try:
            run = calling(model, x, taken, call)
            if isinstance(run, Report):
                return run
            if own.is_folded:
                own = own.knowing(batch=len(taken)) if taken is not None else own
                own = sized_by_layers(own, x, lambda: _met(model, run, x, rewind))
            padding = {m.padding_idx for m in model.modules() if isinstance(m, nn.Embedding)}
            given = Given(x, own, taken, {p for p in padding if p is not None})
            tables = _measure(Tables(model, given, said, run, rewind, call is not None))
            return tables if isinstance(tables, Report) else then(tables)
        except CannotTell as error:
            return _cannot(*_advice(str(error), x, own))


def _met(model: nn.Module, run: Callable[[Any], Any], x: Any, rewind: Any) -> list[Call]:
    """What the recurrent layers meet in one run; nothing where it fails."""
    rewind()
    with recording(model) as calls, torch.no_grad(), suppress(Exception):
        run(with_tensors(x, torch.Tensor.clone))
    return calls


def _measure(t: Tables) -> Tables | Report:
    first = first_run(t.begin, t.model)
    if isinstance(first, Report):
        return first
    try:
        t.go_on()
        if t.is_dead and _waken(t.model):
            t.forget()
            t.begin()
            t.go_on()
        return t
    except CannotTell:
        raise
    except (Exception, SystemExit) as error:
        return _cannot(
            "the model takes this x, but not an x in which one sample is another",
            f"It raised `{type(error).__name__}: {error}`. Give an x whose samples could stand in "
            "for one another.",
        )


def _waken(model: nn.Module) -> bool:
    """Give weights that are all zero small values, so that x matters; True where there were any.

    They are put back with everything else that the check lends.
    """
    zeros = [p for p in model.parameters() if p.is_floating_point() and not p.any()]
    generator = torch.Generator().manual_seed(1)
    for parameter in zeros:
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / 10)
    return bool(zeros)


def _cannot(headline: str, message: str) -> Report:
    return Report("cannot_check", message, headline=headline)


def _advice(text: str, x: Any, axes: Axes) -> tuple[str, str]:
    shape = list(x.shape) if isinstance(x, torch.Tensor) else []
    if not shape:
        return text, "Give another x, then run the check again."
    example = f"torch.randn({', '.join(map(str, shape))})"
    if not x.is_floating_point():
        example = f"torch.randint(1, 20, ({', '.join(map(str, shape))}))"
    return text, f"Give another x, such as `x = {example}`, or with another number of samples."


def _too_small(given: Given) -> tuple[str, str] | None:
    """Why these sizes hide mistakes, and the x to give instead."""
    batch, time = given.batch, given.time
    has_batch, has_time = "batch" in given.axes, "time" in given.axes
    shape = list(given.main.shape)
    if has_batch and has_time and batch == time and batch > 3:
        axis = given.axes.flat.index("batch")
        fewer = "[" + ":, " * axis + f":{batch - 1}]"
        more = f" and `lengths=lengths[:{batch - 1}]`" if given.lengths is not None else ""
        return (
            f"x has as many samples as time steps ({batch}), which hides mistakes",
            "With these sizes a swap of the two axes leaves the shape as it is, and a wrong `view` "
            f"may do nothing. Nothing was found so far. Give one sample fewer: `x{fewer}`{more}.",
        )
    wants = {"batch": max(batch, 4), "time": max(time, 5) + (max(time, 5) == max(batch, 4))}
    is_small = (
        (has_batch and batch < 2)
        or (has_time and time < 3)
        or (has_batch and has_time and batch == time)
    )
    if not is_small:
        return None
    for name in given.lead:
        if not given.axes.is_folded:
            shape[given.axes.flat.index(name)] = wants[name]
    numbers = ", ".join(map(str, shape))
    example = f"torch.randn({numbers})"
    if not given.main.is_floating_point():
        example = f"torch.randint(1, {max(2, int(given.main.max()) + 1)}, ({numbers}))"
    has = (
        f"{batch} sample{'s' * (batch > 1)}"
        if has_batch and not has_time
        else (
            f"{time} time step{'s' * (time > 1)}"
            if not has_batch
            else f"{batch} sample{'s' * (batch > 1)} of {time} time step{'s' * (time > 1)}"
        )
    )
    return (
        f"x has {has}, too few to tell them apart",
        f"Nothing was found so far, but mistakes hide there. Give more: `x = {example}`."
        + (' If x has no time axis, say `input_axes=("batch",)`.' if time == 1 else ""),
    )


def _lengths(lengths: Any) -> torch.Tensor | Report | None:
    """Lengths as a tensor on the CPU, or what is wrong with them."""
    if lengths is None:
        return None
    try:
        given = lengths if isinstance(lengths, torch.Tensor) else torch.as_tensor(list(lengths))
        given = given.detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        given = torch.zeros(())
    if given.dim() == 1 and given.is_floating_point() and len(given):
        if float(given.min()) > 0 and float(given.max()) <= 1:
            return _cannot(
                "`lengths` are relative, and whole numbers of time steps are wanted",
                "These are parts of the longest sample, as SpeechBrain has them. Give "
                "`lengths=(lengths * x.shape[1]).round().long()` (with the time axis of your x). "
                "If `forward` wants them relative, hand them on yourself: "
                "`call=lambda model, x: model(x, relative)`.",
            )
        if bool((given == given.round()).all()):
            given = given.long()
    if given.dim() != 1 or given.is_floating_point() or given.dtype is torch.bool or not len(given):
        return _cannot(
            "`lengths` is not one whole number for each sample",
            f"`lengths` is a {type(lengths).__name__}; give the real time steps of each sample, "
            "such as `lengths=[10, 8, 4]`.",
        )
    if int(given.min()) < 1:
        return _cannot(
            f"a length is {int(given.min())}", "`lengths` holds at least 1 time step a sample."
        )
    return given.long()


def _refusal(model: Any, x: Any, call: Any) -> tuple[str, str] | None:
    """Why the check cannot begin: a headline and what to write instead."""
    if isinstance(model, type):
        name = model.__name__
        return f"`{name}` is a class", f"Give an instance of it: `{name}(...)`."
    if not isinstance(model, nn.Module):
        return (
            f"the model is a {type(model).__name__}, not an `nn.Module`",
            "Give the `nn.Module`, and say with `call=` how to run it, such as "
            "`call=lambda model, x: predict(model, x)`.",
        )
    if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        return "the model has lazy layers without weights", "Run it once: `model(x)`."
    if call is not None and not callable(call):
        return (
            f"`call` is a {type(call).__name__}, not a function",
            "Give a function of the model and x: `call=lambda model, x: model(x, hidden)`.",
        )
    if not isinstance(x, (torch.Tensor, PackedSequence, dict, list, tuple)):
        return (
            f"x is a {type(x).__name__}, not a tensor",
            "Give x as a tensor, a PackedSequence, or a dictionary or tuple of tensors: "
            "`torch.as_tensor(x)`.",
        )
    if isinstance(x, torch.Tensor) and 0 in x.shape:
        return f"x is empty: its shape is {list(x.shape)}", "Give an x with samples and time steps."
    return None
