"""What a learner typed as a shape, read as sizes; nothing of it is evaluated."""

from __future__ import annotations

import operator
import re
from typing import Any

import torch

from lstm_teach.shape_hints import Sizes
from lstm_teach.shapes import ShapeError

HOW_TO_WRITE = (
    "Write one whole number, 0 or more, for each axis, as a tuple `(2, 5, 7)` or as text "
    '`"2, 5, 7"`.'
)
_LONGEST = 200
_NAME = re.compile(r"[A-Za-z_]\w*(?:\s*\*\s*[A-Za-z_]\w*)*\s*[=:]", re.ASCII)
_NUMBERS = re.compile(r"\d{1,18}(?:(?:\s*[,x×;]\s*|\s+)\d{1,18})*\s*,?", re.ASCII | re.IGNORECASE)


def read_answer(answer: Any) -> Sizes | None:
    """Read a guess at a shape.

    Args:
        answer: a tuple, list or torch.Size of whole numbers, or text, where names may stand
            before the numbers, as in "batch=3, hidden_size=20".

    Returns:
        The sizes; None for no attempt: None, ``...`` or empty text, also in place of a size.

    Raises:
        ShapeError: the answer is no shape, whatever its own methods raise.
    """
    if answer is None or answer is ...:
        return None
    if isinstance(answer, str):
        return _read_text(answer)
    if isinstance(answer, torch.Tensor):
        raise ShapeError("You gave the tensor itself; its shape is `.shape`.")
    try:
        sizes = list(answer) if isinstance(answer, tuple | list) else None
    except Exception:
        sizes = None
    if sizes is None:
        raise ShapeError(f"A value of type `{type(answer).__name__}` is not a shape.")
    if any(size is ... or size is None for size in sizes):
        return None
    return tuple(map(_read_size, sizes))


def _read_text(text: str) -> Sizes | None:
    if len(text) > _LONGEST:
        raise ShapeError("That text is too long for a shape.")
    inside = _NAME.sub("", text.replace("`", " ").replace("，", ",")).strip()
    inside = re.sub(r"^(torch\.)?Size|(?<=[\d)\]])\s*\.$", "", inside).strip()
    numbers = inside.strip("()[]").strip()
    if not inside or numbers in ("...", "…", "?"):
        return None
    if numbers and not _NUMBERS.fullmatch(numbers):
        raise ShapeError("That text is not a shape.")
    return tuple(int(number) for number in re.findall(r"\d+", numbers))


def _read_size(size: Any) -> int:
    try:
        number = operator.index(size)
    except Exception:
        number = -1
    if not 0 <= number < 2**63 or isinstance(size, bool):
        short = isinstance(size, float) or (isinstance(size, int) and abs(size) < 10**9)
        what = f"`{size}`" if short else f"of type `{type(size).__name__}`"
        raise ShapeError(f"One of the sizes, {what}, is not a whole number, 0 or more.")
    return number
