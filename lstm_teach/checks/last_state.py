"""Does a classifier read out where its LSTM ends, for each sentence as if it were alone?"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.layout import check_layout
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace
from lstm_teach.undisturbed import undisturbed


@leaves_no_trace
def check_last_state(model: nn.Module, x: Tensor, lengths: Tensor | None = None) -> Report:
    """Judge the layout of a classifier first, and then which state it reads out.

    The right answer is taken from the model itself: each sentence runs through `model.lstm` on
    its own and without pads, and `model.readout` gets the state where each direction ends, in
    either order.

    Args:
        model: a module with an nn.LSTM, `lstm`, and a linear layer, `readout`, that maps x (and
            lengths) to `[batch, classes]`. It may have an `embedding` for x.
        x: a batch, `[batch, seq_len, input_size]`, or tokens, `[batch, seq_len]`.
        lengths: the real number of words of each sentence, `[batch]`; None for no pads.

    Returns:
        The report of `check_layout` where that is not "ok"; else "ok" or "unrecognised".
        "not_attempted" where there is no `lstm` or no `readout` to try.
    """
    report = check_layout(model, x, lengths=lengths)
    if not report.ok:
        return report
    lstm, readout = getattr(model, "lstm", None), getattr(model, "readout", None)
    if not isinstance(lstm, nn.LSTM) or not isinstance(readout, nn.Linear):
        return Report(
            "not_attempted",
            "The layout is right. To see which state is read, the check runs an nn.LSTM called "
            "`lstm` and an nn.Linear called `readout` by themselves: give your model layers of "
            "these names.",
        )
    width = (1 + lstm.bidirectional) * (lstm.proj_size or lstm.hidden_size)
    if readout.in_features != width:
        return Report(
            "not_attempted",
            "The layout is right. Which state is read, this check can tell only where `readout` "
            f"takes the h of each direction's end side by side: {width} features here, and it "
            f"takes {readout.in_features}.",
        )
    with undisturbed(model), torch.no_grad():
        answer = model(x) if lengths is None else model(x, lengths)
        expected = _read_out_alone(model, x, lengths)
    shape = list(expected[0].shape)
    if not isinstance(answer, Tensor) or list(answer.shape) != shape:
        given = list(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        return Report(
            "unrecognised",
            f"Your answer is {given}, and `[batch, classes]`, here {shape}, was expected. "
            "Return `self.readout(...)` of one state for each sentence.",
        )
    if any(torch.allclose(answer, each, atol=1e-5) for each in expected):
        return report
    return Report(
        "unrecognised",
        "No sentence reaches another's answer, but the answer is not made from the state where "
        "the LSTM ends. Each sentence was run alone, and `readout` of its last `h` gives other "
        "numbers. Which step do you read, whose length do you take for it, and with two "
        "directions which two states? Is anything done after `readout`, such as a softmax?",
    )


def _read_out_alone(model: Any, x: Tensor, lengths: Tensor | None) -> list[Tensor]:
    """The right answers, one for each order in which the directions may be joined."""
    ends = []
    for row, sentence in enumerate(model.embedding(x) if hasattr(model, "embedding") else x):
        words = sentence if lengths is None else sentence[: int(lengths[row])]
        _, (h_n, _) = model.lstm(words)
        ends.append(h_n[-(1 + model.lstm.bidirectional) :])
    orders = permutations(range(1 + model.lstm.bidirectional))
    return [
        model.readout(torch.stack([end[list(order)].flatten() for end in ends])) for order in orders
    ]
