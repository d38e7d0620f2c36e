"""Is this an LSTM cell, and if not, what went wrong?"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from lstm_teach.checks.cell.calls import signature_of
from lstm_teach.checks.cell.function import check_function
from lstm_teach.checks.cell.module import check_class, check_module
from lstm_teach.checks.cell.words import A_SEQUENCE
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace

_WANTED = (
    "Give the check a function `(x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c)`, an nn.Module with "
    "`forward(x, (h, c)) -> (h, c)`, or the class of one."
)

_OTHERS: dict[type, str] = {
    nn.LSTM: f"nn.LSTM {A_SEQUENCE}",
    nn.GRU: f"nn.GRU has no c, and {A_SEQUENCE}",
    nn.RNN: f"nn.RNN has no c, and {A_SEQUENCE}",
    nn.GRUCell: "nn.GRUCell has one state, h, and no c. This check is for an LSTM's step.",
    nn.RNNCell: "nn.RNNCell has one state, h, and no c. This check is for an LSTM's step.",
}


@leaves_no_trace
def check_cell(cell: Any, input_size: int | None = None, hidden_size: int | None = None) -> Report:
    """Say whether a cell computes one step of an LSTM, and if not, name what is wrong.

    A function is given random weights and held against nn.LSTMCell's equations. A module with
    parameters of its own is judged by its behaviour, on a copy whose parameters are drawn anew,
    so their names, order and values do not matter.

    Args:
        cell: a function (x, h, c, w_ih, w_hh, b_ih, b_hh) -> (h, c), x ``[batch, input_size]``,
            h and c ``[batch, hidden_size]``, the weights in PyTorch's layout; or an nn.Module,
            instance or class(input_size, hidden_size), with forward(x, (h, c)) -> (h, c).
        input_size: for an instance that does not tell it by an attribute of this name, and for
            code that works for one size only.
        hidden_size: likewise.

    Returns:
        A report; its verdict is "ok", "not_attempted", "raises", "unrecognised" or a mistake's
        name, such as "gate_order". It never raises because of the cell.
    """
    cell = getattr(cell, "_torchdynamo_orig_callable", None) or getattr(cell, "_orig_mod", cell)
    owner = getattr(cell, "__self__", None)
    if isinstance(owner, nn.Module) and getattr(cell, "__name__", "") in ("forward", "__call__"):
        cell = owner
    if cell is None or cell is ...:
        return Report(
            "not_attempted",
            f"There is no cell yet: you gave `{'...' if cell is ... else cell}`. {_WANTED}",
        )
    for other, sentence in _OTHERS.items():
        if isinstance(cell, other) or cell is other:
            return Report("unrecognised", f"{sentence} {_WANTED}")
    if isinstance(cell, type) and issubclass(cell, nn.Module):
        return check_class(cell, input_size, hidden_size)
    if isinstance(cell, nn.Module) and not _takes_weights(cell):
        return check_module(cell, input_size, hidden_size)
    if isinstance(cell, type):
        return Report(
            "unrecognised",
            f"`{cell.__name__}` is a class, but not an nn.Module: its weights cannot be found, "
            f"and PyTorch could not train them. Write `class {cell.__name__}(nn.Module):` and "
            "call `super().__init__()` first.",
        )
    if not callable(cell) or isinstance(cell, Tensor):
        return Report("unrecognised", f"This is a `{type(cell).__name__}`. {_WANTED}")
    return check_function(cell, input_size, hidden_size)


def _takes_weights(cell: nn.Module) -> bool:
    """Whether a module is a function in disguise: it is handed its weights."""
    parameters = signature_of(cell.forward).parameters.values()
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters) >= 7
