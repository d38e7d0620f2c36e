"""Is this the shape for every nn.LSTM? A learner's rule, tried on several models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time
from lstm_teach.checks.shape.check import check_shape

# No two sizes of one model are equal, and no size is that of the model before: what a rule has as
# a fixed number shows at the second model.
MODELS: tuple[tuple[dict[str, int], int, int], ...] = (
    ({"input_size": 100, "hidden_size": 20}, 10, 3),
    ({"input_size": 8, "hidden_size": 6, "num_layers": 4}, 7, 5),
    ({"input_size": 9, "hidden_size": 11, "batch_first": True}, 13, 2),
    ({"input_size": 6, "hidden_size": 17, "bidirectional": True}, 4, 9),
    ({"input_size": 15, "hidden_size": 7, "num_layers": 3, "bidirectional": True}, 12, 8),
)
"""The arguments of an nn.LSTM, seq_len and batch; from easy to hard."""


@leaves_no_trace
def check_shape_rule(rule: Callable[..., Any], which: str) -> Report:
    """Try a function that computes a shape on several models, and name what it has wrong.

    Args:
        rule: takes an nn.LSTM, seq_len and batch, and returns a shape as `check_shape` reads it.
        which: the tensor whose shape it returns: "output", "h_n", "c_n", "h_0" or "c_0".

    Returns:
        The report on the first model for which the rule is wrong; "ok" if there is none;
        "cannot_check" for what does not take the three.
    """
    if not _takes_three(rule):
        return Report(
            "cannot_check",
            f"The check calls your function as `{which}_shape(lstm, seq_len, batch)`: give it "
            "these three parameters, in this order.",
            headline="it does not take lstm, seq_len and batch",
        )
    before = None
    for arguments, seq_len, batch in MODELS:
        lstm = nn.LSTM(**arguments)
        answer = run_in_time(rule, lstm, seq_len, batch, made_up=False)
        if isinstance(answer, Report):
            return answer
        steps = (batch, seq_len) if lstm.batch_first else (seq_len, batch)
        report = check_shape(answer, lstm, (*steps, lstm.input_size), which)
        given = str(answer)
        if not report.ok:
            made = ", ".join(f"{name}={value}" for name, value in arguments.items())
            message = (
                f"For `nn.LSTM({made})`, seq_len {seq_len} and batch {batch}, your function "
                f"returns `{given}`. {report.message}"
            )
            if given == before:
                message += (
                    "\nIt returned the same for another model: a number stands where a name "
                    "should, such as `batch` or `lstm.hidden_size`."
                )
            if report.verdict == "time_batch_swapped" and which == "output":
                turned = nn.LSTM(**arguments | {"batch_first": not lstm.batch_first})
                if str(run_in_time(rule, turned, seq_len, batch)) == given:
                    message += (
                        "\nIt returns the same whatever `lstm.batch_first` says.\nFix: ask "
                        "`lstm.batch_first` which of the two comes first."
                    )
            return replace(report, message=message)
        before = given
    return Report("ok", f"The shape of `{which}` is right for all {len(MODELS)} models tried.")


def _takes_three(rule: Callable[..., Any]) -> bool:
    try:
        inspect.signature(rule).bind("lstm", "seq_len", "batch")
    except (TypeError, ValueError):
        return False
    return True
