"""Does a model walk along time, and does each sample keep to itself? Asked of any module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from lstm_teach.checks.bringing import unwrapped
from lstm_teach.checks.layout.calling import first_run, usual_call
from lstm_teach.checks.layout.given import CannotTell, Given, named, said, tensors_in, told
from lstm_teach.checks.layout.mistakes import (
    first_that_fits,
    holes,
    last_reads,
    reads_pads,
    sees_later,
)
from lstm_teach.checks.layout.tables import Answer, Tables
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.undisturbed import undisturbed


@leaves_no_trace
def check_layout(
    model: nn.Module,
    x: Any,
    input_axes: Sequence[str | None] = ("batch", "time"),
    output_axes: Sequence[str | None] = ("batch",),
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
            any other name for the rest.
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
    return _examine(model, x, (input_axes, output_axes), lengths, call, causal, False)


@leaves_no_trace
def check_last_state(
    model: nn.Module,
    x: Any,
    lengths: Any = None,
    input_axes: Sequence[str | None] = ("batch", "time"),
    call: Callable[[Any, Any], Any] | None = None,
) -> Report:
    """Judge the layout of a classifier first, and then which state it reads out.

    Right is the h where a sample really ends, and with two directions where each of them does: it
    is asked of the gradients at what leaves the recurrent layer, so it does not matter what the
    model does before the layer and after it.

    Args:
        model: any module with a recurrent layer that gives one answer a sample, [batch, ...].
        x, lengths, input_axes, call: as `check_layout` takes them.

    Returns:
        The report of `check_layout` where that is not "ok"; else "ok" or "unrecognised", or
        "cannot_check" where no gradient tells what is read, or it is a mean or an attention.
    """
    return _examine(model, x, (input_axes, ("batch",)), lengths, call, False, True)


def _examine(
    model: Any, x: Any, axes: Any, lengths: Any, call: Any, causal: bool, of_ends: bool
) -> Report:
    """Measure a model on x and judge it while it is lent, or say why that cannot be."""
    default, model = torch.get_default_device(), unwrapped(model)
    # The learner's tensors are made where the default is, and ours here.
    here, there = (nullcontext(),) * 2 if default.type == "cpu" else (torch.device("cpu"), default)
    try:
        _refuse(model, x, call)
        taken = _lengths(lengths)
        own, said = named(axes[0], "input_axes"), named(axes[1], "output_axes", least=0)
        if "batch" in own and "batch" not in said:
            raise CannotTell(told("no_batch_comes_out"))
        run = call or usual_call(model, x, taken)

        def run_there(*given: Any) -> Any:
            with there:
                return run(*given)

        with undisturbed(model) as rewind, here:
            _waken(model)
            t = Tables(Given(x, own, taken, model), said, model, run_there, rewind)
            t.causal, t.of_ends, t.has_call = causal, of_ends, call is not None
            first_run(t, model, x if call is None else None)
            try:
                agree = t.go_on()
            except (Exception, SystemExit) as error:
                message = f"{type(error).__name__}: {error}"
                raise CannotTell(told("no_other_x", error=message)) from error
            if not agree:
                raise CannotTell(told("random"))
            t.look()
            found, seen, open_ = first_that_fits(t), _evidence(t), _not_checked(t)
            if found is None:
                return Report("ok", _praise(t), seen, open_)
            name, walk, more = found
            report = told(name, seen, open_, **holes(t, walk) | more)
            return report if report.judged else replace(report, not_checked=())
    except CannotTell as error:
        report = error.args[0]
        return report


def _waken(model: nn.Module) -> None:
    """Give weights that are all zero small values, so that x matters; they are put back after."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.is_floating_point() and not parameter.is_meta and not parameter.any():
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / 10)


def _lengths(lengths: Any) -> torch.Tensor | None:
    """Lengths as a tensor on the CPU; CannotTell what is wrong with them."""
    if lengths is None:
        return None
    with suppress(TypeError, ValueError, RuntimeError):
        given = torch.as_tensor(lengths, device="cpu").detach()
        is_row = given.dim() == 1 and given.dtype is not torch.bool
        if is_row and given.eq(given.round()).all() and given.min() >= 1 and given.max() > 1:
            return given.long()
    raise CannotTell(told("no_lengths", lengths=f"{lengths!r:.80}"))


def _refuse(model: Any, x: Any, call: Any) -> None:
    """Raise why the check cannot begin, and what to write instead."""
    if not isinstance(model, nn.Module):
        raise CannotTell(told("no_module", model=f"{model!r:.40}"))
    if not hasattr(model, "_parameters"):
        raise CannotTell(told("no_super"))
    if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise CannotTell(told("lazy"))
    if any("quantized" in type(one).__module__ for one in model.modules()):
        raise CannotTell(told("quantised"))
    if call is not None and not callable(call):
        raise CannotTell(told("no_function"))
    if type(x) is list and len({len(one) for one in x if torch.is_tensor(one) and one.dim()}) > 1:
        raise CannotTell(told("a_list"))
    if not isinstance(x, PackedSequence) and not any(one.numel() for one in tensors_in(x)):
        raise CannotTell(told("no_tensor", kind=type(x).__name__))


def _praise(t: Tables) -> str:
    """What is right, in sentences; what may be meant otherwise comes first."""
    answer, given, has_batch = t.answer, t.given, "batch" in t.given.lead
    is_summary = bool(t.answers) and answer.steps is None and "time" not in t.said
    read_pads, later, read = reads_pads(t), sees_later(t), last_reads(t) if is_summary else []
    sample = read_pads[0] if read_pads and is_summary else t.sample_by_pads()
    unused = [s for k, s in enumerate(given.samples) if t.answers and k not in answer.reaching]
    apart = [one for one in t.answers if one.is_apart and (one.reaching or one is answer)]
    rest = [o for o in t.answers if o.reaching and not o.is_apart and o.moved[0].numel() > 1]
    rows = [] if answer.owners is None else answer.owners[..., None].flatten(1)[:2, 0].tolist()
    along = [walk for walk in t.walks if walk.heading]
    plain = [e.walk for e in read if e.is_read and e.walk.steps > 1 and not e.walk.by_hand]
    is_plain = read and len(plain) == len(read) and plain[0].call.directions == 1
    several = answer.owners is None and len(answer.shape) > 1
    order = ["batch", "time"] if rows and rows[0] == rows[-1] else ["time", "batch"]
    is_turned = bool(rows) and answer.axis is None and t.said[:2] == order[::-1]
    sentences = {
        "keeps_a_state": t.state_is_kept,
        "draws": t.is_noisy,
        "flat_otherwise": is_turned,
        "sample_unused": unused,
        "pads_reach_answers": sample is not None,
        "nothing_came_out": has_batch and not t.answers,
        "unjudged": rest,
        "several_rows": apart and several and answer.shape[0] % given.batch == 0,
        "no_such_time": answer.is_said and "time" in t.said and answer.steps is None,
        "apart": apart,
        "along_time": along and along[0].heading > 0,
        "along_time_turned": along and along[0].heading < 0,
        "no_heading": not along and "time" in given.lead and any(w.steps > 1 for w in t.walks),
        "steps_read": is_plain,
        "none_later": answer.steps is not None and later is None,
        "later": later,
        "flat": rows and answer.axis is None and not is_turned,
    }
    filled = holes(t, along[0] if along else None) | {
        "unused": unused[0] if unused else "",
        "sample": sample,
        "named": _named(rest),
        "where": "the output" if len(t.answers) == 1 else _named(apart),
        "order": ", ".join(order),
        "reader": plain[0].name if plain else "",
    }
    found = [said(name, **filled) for name, is_true in sentences.items() if is_true]
    return " ".join(found) or said("no_doubt")


def _named(answers: list[Answer]) -> str:
    """Outputs with their shapes."""
    return ", ".join(f"{one} {one.shape}" for one in answers)


def _evidence(t: Tables) -> dict[str, Any]:
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


def _not_checked(t: Tables) -> tuple[str, ...]:
    """What stayed open, a sentence each."""
    given, has_batch = t.given, "batch" in t.given.lead
    scripted = any(isinstance(m, torch.jit.ScriptModule) for m in t.model.modules())
    is_apart = has_batch and not t.mixes
    by_hand = [end.walk.name for end in last_reads(t) if end.walk.by_hand and t.of_ends]
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
