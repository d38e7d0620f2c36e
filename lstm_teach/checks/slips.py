"""What PyTorch's bare errors mean where a beginner meets them: one line of help for a report."""

from __future__ import annotations

import re

_PRODUCT = r"mat1 and mat2 shapes cannot be multiplied.*"
_STATE = (
    r"must match the size of tensor b|doesn't match hidden0 batch|xpected hidden"
    r"|inconsistent hidden"
)

SLIPS: tuple[tuple[str, str], ...] = (
    (
        _PRODUCT + r"@ *(\w+\.)?[wW]\w*\b(?!\.[tT]\b)",
        "nn.LSTMCell keeps a weight as [out, in], so it must be transposed: `x @ w_ih.T`.",
    ),
    (
        _PRODUCT + r"(\b[ifgo]\w*(\.sigmoid\(\)|\))? *@|@ *(torch\.)?tanh\()",
        "`@` multiplies matrices. A gate multiplies number by number: write `*`.",
    ),
    (
        r"Sizes of tensors must match except in dimension 0",
        "Without `dim=1`, `torch.cat` joins along the first axis, the batch. Side by side is "
        "`torch.cat([x, h], dim=1)`.",
    ),
    (
        r"stack expects each tensor to be equal size",
        "`torch.stack` makes a new axis. Side by side is `torch.cat([x, h], dim=1)`.",
    ),
    (
        r"before Module\.__init__\(\) call",
        "Begin `__init__` with `super().__init__()`: it makes the module ready for its weights.",
    ),
    (
        r"(only integer tensors of a single element|as an integer).*range\(",
        "`range` needs a number. `for xt in x` walks along the first axis of x, and "
        "`range(len(x))` counts along it.",
    ),
    (
        r"'list' object is not callable|optimizer got an empty parameter list",
        "A plain list of modules can't be called, and hides their weights. Keep them in an "
        "`nn.ModuleList`, and call each one.",
    ),
    (
        r"tuple indices must be integers or slices, not tuple",
        "This is a pair, such as `(output, (h_n, c_n))`, or a packed sequence. Take it apart "
        "first: `output, _ = lstm(x)`, or `output, lengths = pad_packed_sequence(packed)`.",
    ),
    (
        r"must be Tensor, not tuple|'tuple' object has no attribute",
        "A pair stands where one tensor belongs. Only h goes up: write `h, c = cell(x, (h, c))`, "
        "then use `h`.",
    ),
    (
        r"must be tuple of Tensors, not Tensor",
        "The state is a pair: `cell(x, (h, c))`.",
    ),
    (
        _PRODUCT + "|" + _STATE,
        "Is there a size in your code as a fixed number? The check has sizes of its own: take "
        "them from what you are given, such as `x.shape[0]`, or `hidden_size` in `__init__`.",
    ),
)
"""What to find in the error and, after it, in the learner's line; and what to say. First wins."""


def help_with(error: str, line: str) -> str:
    """The line of help for an error that the learner's `line` raised; "" where none is known."""
    text = f"{error}\n{line}"
    return next((said for found, said in SLIPS if re.search(found, text, re.DOTALL)), "")
