"""Mistakes that keep the samples apart: what a layer computes but nobody reads."""

from __future__ import annotations

import torch

from lstm_teach.checks.layout.judge import Case
from lstm_teach.checks.layout.measure import Walk
from lstm_teach.checks.layout.mistakes import SILENT, Mistake
from lstm_teach.checks.layout.reading import Reading
from lstm_teach.checks.layout.rules import Words, layer_words, one_sample_swapped


def seq_len_1(case: Case) -> Words | None:
    """x has a time axis, and no recurrent layer ever makes a second step.

    Certain only where the time steps of x lie apart, as features of one step, as columns, or in
    calls of their own: a layer after a pooling or an attention over time has one step rightly.
    """
    if case.probe.time < 3 or not case.walks or any(walk.steps > 1 for walk in case.walks):
        return None
    walk = case.walks[0]
    of_this = [w for w in case.walks if w.calls[0].module is walk.calls[0].module]
    if not _lie_apart(torch.cat([w.times.flatten(0, 2) for w in of_this])):
        return None
    if len(of_this) > 1:
        how = f"{len(of_this)} times with one step each, and none goes on with the state before it"
        fix = "hand the state on: `h, c = cell(x_t, (h, c))`, made once before the loop"
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
    return layer_words(case, walk) | {"how": how, "fix": fix}


def _lie_apart(times: torch.Tensor) -> bool:
    """Whether two time steps or more are to be seen, and none where another is: [places, times]."""
    return bool(times.any(0).sum() >= 2) and not bool((times.sum(1) > 1).any())


def padded_last_step(case: Case) -> Words | None:
    """Of a short sentence, only a step behind its end is read."""
    lengths, probe = case.probe.lengths, case.probe
    if lengths is None or probe.time < 3 or probe.padded_left or not case.fits:
        return None
    short = [k for k, b in enumerate(probe.samples) if 0 < lengths[b] < probe.time]
    if not short or case.sample_readings is None:
        return None
    for number, walk in enumerate(case.walks):
        packed = walk.calls[0].packed is not None
        if packed and _short_rows_are_empty(case, short):
            how = "packed it is, but the last position of a short sentence is then a row of zeros"
            return layer_words(case, walk) | _example(case, short[0]) | {"how": how}
        if packed or walk.steps != probe.time or not _steps_are_times(case, walk):
            continue
        own = [case.sample_readings[k][number] for k in short]
        if all(
            _reads_only_pads(walk, r, int(lengths[probe.samples[k]]))
            for k, r in zip(short, own, strict=True)
        ):
            how = "the layer has gone on over the pads, and what is read is the state after them"
            return layer_words(case, walk) | _example(case, short[0]) | {"how": how}
    return None


def _example(case: Case, short: int) -> dict[str, int]:
    assert case.probe.lengths is not None
    sample = case.probe.samples[short]
    return {"sample": sample, "length": int(case.probe.lengths[sample])}


def _short_rows_are_empty(case: Case, short: list[int]) -> bool:
    """Whether short samples have no say in their own output, while longer ones have."""
    reached = case.found.is_leak(case.effects)
    own = [bool(reached[k, sample]) for k, sample in enumerate(case.probe.samples)]
    return not any(own[k] for k in short) and any(own)


def _steps_are_times(case: Case, walk: Walk) -> bool:
    """Whether step t of the walk is time t of x, give or take the width of a convolution."""
    for k, time in enumerate(case.probe.times):
        steps = walk.times[..., k].any(2).any(1).nonzero().flatten().tolist()
        if time not in steps or max(steps) - min(steps) > min(6, case.probe.time // 2):
            return False
    return True


def _reads_only_pads(walk: Walk, reading: Reading, length: int) -> bool:
    steps = reading.output.any(1).nonzero().flatten().tolist()
    if steps:
        return min(steps) >= length
    call = walk.calls[0]
    forward = torch.cat([part[:: call.directions] for part in (reading.h, reading.c)])
    return not call.is_cell and bool(forward.any())


def wrong_layer_state(case: Case) -> Words | None:
    """Only states of lower layers are read, and nothing of the top layer."""
    for walk, reading in zip(case.walks, case.all_readings or [], strict=False):
        call = walk.calls[0]
        if call.layers < 2 or reading.output.any() or reading.backward.any():
            continue
        top = (call.layers - 1) * call.directions
        lower = torch.cat((reading.h[:top], reading.c[:top]))
        upper = torch.cat((reading.h[top:], reading.c[top:]))
        if lower.any() and not upper.any():
            rows = (reading.h.any(1) if reading.h.any() else reading.c.any(1)).nonzero()
            return layer_words(case, walk) | {
                "rows": ", ".join(map(str, rows.flatten().tolist())),
                "layers": call.layers,
                "names": ", ".join(
                    f"l{n // call.directions}{'fb'[n % 2] if call.directions == 2 else ''}"
                    for n in range(call.layers * call.directions)
                ),
                "top": "h_n[-1]" if call.directions == 1 else "torch.cat((h_n[-2], h_n[-1]), 1)",
            }
    return None


def bidir_last_step(case: Case) -> Words | None:
    """Of one direction of the top layer, only the step at which it has seen one word is read."""
    for walk, reading in zip(case.walks, case.all_readings or [], strict=False):
        call = walk.calls[0]
        if call.directions != 2 or len(walk.calls) > 1 or walk.steps < 2:
            continue
        top = (call.layers - 1) * 2
        ends = call.packed if call.packed is not None else torch.full((walk.cols,), walk.steps)
        last = torch.arange(walk.steps)[:, None] == (ends[None] - 1)
        first = torch.zeros_like(last)
        first[0] = True
        for half, row, only, name, where in (
            (reading.backward, top + 1, last, "backward", "last"),
            (reading.output, top, first, "forward", "first"),
        ):
            begun = half.any() and not (half & ~only).any() and (ends > 1).any()
            if begun and not _any_row(reading, row):
                return layer_words(case, walk) | {"half": name, "where": where}
    return None


def _any_row(reading: Reading, row: int) -> bool:
    return any(bool(part.numel() and part[row].any()) for part in (reading.h, reading.c))


UNUSED = (
    Mistake(
        "time_batch_swapped",
        one_sample_swapped,
        "You gave x with the batch on axis {batch_axis}, and `{layer}` walks along just that axis, "
        "which has one sample here: it makes one step, and the {time} time steps lie side by side "
        f"as if they were {{cols}} sentences. No word knows of the word before it. {SILENT}\n"
        "Fix: {fix}.",
    ),
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
        f"{SILENT}\nFix: pack and take `h_n[-1]` (`pack_padded_sequence(x, lengths, ..., "
        "enforce_sorted=False)`), or take each sample's own last step: "
        "`out[torch.arange(batch), lengths - 1]` (batch_first).",
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
