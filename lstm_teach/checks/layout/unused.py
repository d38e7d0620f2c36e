"""Mistakes that keep the samples apart: what a layer computes but nobody reads."""

from __future__ import annotations

import torch

from lstm_teach.checks.layout.judge import SILENT, Case, Mistake, Words, words
from lstm_teach.checks.layout.walk import Reading, Walk


def seq_len_1(case: Case) -> Words | None:
    """x has a time axis, and no recurrent layer ever makes a second step.

    Certain only where the time steps of x lie apart, as features of one step, as columns, or in
    calls of their own: a layer after a pooling or an attention over time has one step rightly.
    """
    if case.probe.time < 3 or not case.walks or any(walk.steps > 1 for walk in case.walks):
        return None
    walk = case.walks[0]
    of_this = [w for w in case.walks if w.call.module is walk.call.module]
    if not _lie_apart(torch.cat([w.times.flatten(0, 2) for w in of_this])):
        return None
    if len(of_this) > 1:
        how = f"{len(of_this)} times with one step each, and none goes on with the state before it"
        line = "h, c = cell(xt, (h, c))" if walk.call.is_cell else "out, state = layer(xt, state)"
        fix = f"hand the state on: `{line}`, made once before the loop"
    elif _lie_apart(walk.times[0].any(1)):
        how = (
            f"once with one step of {walk.cols} columns: time has been folded into the batch, so "
            "no word knows of the word before it"
        )
        fix = "keep the axes apart: x as [batch, time, features] with `batch_first=True`"
    else:
        how = (
            f"once with a single step: all {case.probe.time} time steps of a sample have become "
            "the features of one step"
        )
        fix = (
            "keep a real time axis, x as [batch, time, features] with `batch_first=True` "
            "(one number a step: `x.unsqueeze(-1)` and `input_size=1`)"
        )
    return words(case, walk, how=how, fix=fix)


def _lie_apart(times: torch.Tensor) -> bool:
    """Whether two time steps or more are to be seen, and none where another is: [places, times]."""
    return bool(times.any(0).sum() >= 2) and not bool((times.sum(1) > 1).any())


def padded_last_step(case: Case) -> Words | None:
    """Of a short sentence, only a step behind its end is read."""
    probe, look = case.probe, case.look
    if probe.lengths is None or probe.time < 3 or probe.padded_left:
        return None
    lengths = probe.lengths[probe.samples].tolist()
    short = [k for k, length in enumerate(lengths) if 0 < length < probe.time]
    if look is None or not case.sample_readings or not short:
        return None
    own = look.reached[torch.arange(len(lengths)), probe.samples]
    for number, walk in enumerate(case.walks):
        reads_pads = [
            _reads_only_pads(walk, case.sample_readings[k][number], lengths[k]) for k in short
        ]
        if walk.call.packed is not None and own.any() and not own[short].any():
            how = "packed it is, but the last position of a short sentence is then a row of zeros"
        elif walk.call.packed is None and _steps_are_times(case, walk) and all(reads_pads):
            how = "the layer has gone on over the pads, and what is read is the state after them"
        else:
            continue
        sample, length = probe.samples[short[0]], lengths[short[0]]
        or_index = ""
        if walk.call.directions == 1:
            or_index = ", or take each sample's own last step: "
            or_index += "`out[torch.arange(batch), lengths - 1]` (batch_first)"
        take = walk.last_state
        return words(
            case, walk, how=how, sample=sample, length=length, take=take, or_index=or_index
        )
    return None


def _steps_are_times(case: Case, walk: Walk) -> bool:
    """Whether step t of the walk is time t of x, give or take the width of a convolution."""
    if walk.steps != case.probe.time:
        return False
    for number, time in enumerate(case.probe.times):
        steps = walk.steps_of(number)
        if time not in steps or max(steps) - min(steps) > min(6, case.probe.time // 2):
            return False
    return True


def _reads_only_pads(walk: Walk, reading: Reading, length: int) -> bool:
    steps = reading.output.any(1).nonzero().flatten().tolist()
    if steps:
        return min(steps) >= length
    return not walk.call.is_cell and bool(reading.state[:: walk.call.directions].any())


def wrong_layer_state(case: Case) -> Words | None:
    """Only states of lower layers are read, and nothing of the top layer."""
    for walk, reading in zip(case.walks, case.all_readings, strict=False):
        layers, directions = walk.call.layers, walk.call.directions
        if reading.output.any() or reading.backward.any():
            continue
        read = reading.state.any(1)
        if read.any() and not read[-directions:].any():
            halves = "fb" if directions == 2 else [""]
            return words(
                case,
                walk,
                rows=", ".join(map(str, read.nonzero().flatten().tolist())),
                layers=layers,
                names=", ".join(f"l{layer}{half}" for layer in range(layers) for half in halves),
                top="h_n[-1]" if directions == 1 else "torch.cat((h_n[-2], h_n[-1]), 1)",
            )
    return None


def bidir_last_step(case: Case) -> Words | None:
    """Of one direction of the top layer, only the step at which it has seen one word is read."""
    for walk, reading in zip(case.walks, case.all_readings, strict=False):
        if walk.call.directions != 2 or len(walk.calls) > 1 or not (walk.ends > 1).any():
            continue
        step = torch.arange(walk.steps)[:, None]
        for row, half, only, name, where in (
            (-1, reading.backward, step == walk.ends - 1, "backward", "last"),
            (-2, reading.output, step == 0, "forward", "first"),
        ):
            if half.any() and not (half & ~only).any() and not reading.state[row].any():
                return words(case, walk, half=name, where=where)
    return None


UNUSED = (
    Mistake(
        "seq_len_1",
        seq_len_1,
        "x has {time} time steps, but `{layer}` runs {how}. A recurrent layer that never makes a "
        "second step remembers nothing: its recurrent weights get a gradient of exactly zero. "
        f"{SILENT}\nFix: {{fix}}.",
    ),
    Mistake(
        "padded_last_step",
        padded_last_step,
        "Sample {sample} has {length} real steps of {time}, but its output reads only what lies "
        "behind them: {how}. The samples and the axes are right; the step is not. "
        f"{SILENT}\nFix: pack and take `{{take}}` (`pack_padded_sequence(x, lengths, ..., "
        "enforce_sorted=False)`){or_index}.",
    ),
    Mistake(
        "wrong_layer_state",
        wrong_layer_state,
        "`{layer}` has {layers} layers, and of its final state only row {rows} is read; nothing "
        "of the top layer reaches the output, so it is computed for nothing and never trained "
        "(all its gradients are exactly zero). The first axis of h_n goes layer by layer: "
        f"[{{names}}]. {SILENT}\nFix: `{{top}}` is the top layer.",
    ),
    Mistake(
        "bidir_last_step",
        bidir_last_step,
        "`{layer}` is bidirectional, and of its {half} direction only the {where} time step is "
        "read. At that step this direction has seen one single word: the backward direction "
        "starts at the end and ends at t = 0. Its recurrent weights in the top layer get a "
        f"gradient of exactly zero. {SILENT}\nFix: `torch.cat((h_n[-2], h_n[-1]), dim=1)`: both "
        "directions after their whole way.",
    ),
)
