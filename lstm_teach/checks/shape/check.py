"""Is this the shape, and if not, what was mixed up?"""

from __future__ import annotations

import operator
import re
from typing import Any, cast

import torch
from torch import nn

from lstm_teach.checks.report import Report
from lstm_teach.checks.shape.mistakes import mistakes_giving
from lstm_teach.checks.shape.question import STATE, Question
from lstm_teach.shape_hints import Sizes, differing_axes, not_an_lstm
from lstm_teach.shapes import LSTMCellShapes, LSTMShapes, Shape, ShapeError, predict_shapes

_WHICH = {
    "nn.LSTM": {name: name for name in ("output", *STATE)},
    "nn.LSTMCell": {"h": "h", "c": "c", "h_n": "h", "c_n": "c", "h_0": "h_0", "c_0": "c_0"},
}


HOW_TO_WRITE = (
    "Write one whole number, 0 or more, for each axis, as a tuple `(2, 5, 7)` or as text "
    '`"2, 5, 7"`.'
)
_LONGEST = 200
_NAME = re.compile(r"[A-Za-z_]\w*(?:\s*\*\s*[A-Za-z_]\w*)*\s*[=:]", re.ASCII)
_NUMBERS = re.compile(r"\d{1,18}(?:(?:\s*[,x×;]\s*|\s+)\d{1,18})*\s*,?", re.ASCII | re.IGNORECASE)


def check_shape(answer: Any, module: nn.LSTM | nn.LSTMCell, input_shape: Any, which: str) -> Report:
    """Judge a guess at the shape of one tensor, and name the mistake behind a wrong one.

        >>> check_shape("3, 1, 20", nn.LSTM(100, 20, batch_first=True), (3, 10, 100), "h_n").verdict
        'batch_first_moves_state'

    Nothing is run, and nothing that was typed is evaluated.

    Args:
        answer: the guess: a tuple, list or torch.Size of whole numbers, or text such as
            "10, 3, 20", "[10, 3, 20]" or "10 x 3 x 20". None, ... or empty text is no attempt.
        module: an nn.LSTM or nn.LSTMCell.
        input_shape: the shape of its input, as for `predict_shapes`.
        which: the tensor asked about. For nn.LSTM "output", "h_n", "c_n", "h_0" or "c_0"; for
            nn.LSTMCell "h", "c" (or "h_n", "c_n", which mean the same there), "h_0" or "c_0".

    Returns:
        A report. Its verdict is "ok", "not_attempted", the name of the mistake that produces
        exactly this shape (the likelier one where several do: the message has them all),
        "wrong_rank" where no known mistake fits and the number of axes is wrong, "unrecognised"
        for any other wrong shape and for what is no shape at all, or "raises" where PyTorch would
        refuse the input itself.
    """
    if not isinstance(module, nn.LSTM | nn.LSTMCell):
        return Report("raises", not_an_lstm("check_shape", module))
    try:
        shapes = predict_shapes(module, input_shape)
    except ShapeError as error:
        return Report("raises", f"There is no answer to find, since the call would fail. {error}")
    kind = "nn.LSTM" if isinstance(module, nn.LSTM) else "nn.LSTMCell"
    names = _WHICH[kind]
    if not isinstance(which, str) or which not in names:
        known = ", ".join(f'"{name}"' for name in names)
        return Report("unrecognised", f"For {kind}, `which` must be one of {known}.")
    which = names[which]
    try:
        sizes = read_answer(answer)
    except ShapeError as error:
        return Report("unrecognised", f"{error} {HOW_TO_WRITE}")
    if sizes is None:
        return Report("not_attempted", f"What is the shape of `{which}`? {HOW_TO_WRITE}")
    if isinstance(shapes, LSTMShapes) and isinstance(module, nn.LSTM):
        return _judge_lstm(sizes, Question(module, shapes, which))
    return _judge_cell(sizes, cast(LSTMCellShapes, shapes), which)


def _judge_lstm(sizes: Sizes, q: Question) -> Report:
    found = mistakes_giving(sizes, q)
    if sizes == q.right:
        return _right(q.which, q.right, [mistake.verdict for mistake in found])
    others = {name: getattr(q.shapes, name) for name in ("input", "output", "h_n", "c_n")}
    verdict = found[0].verdict if found else None
    told = [mistake.explain(q) for mistake in found[:1]] + [
        f"Or `{mistake.verdict}`, which gives the same shape here: {mistake.explain(q)}"
        for mistake in found[1:]
    ]
    return _wrong(sizes, q.which, q.right, verdict, told, others)


def _judge_cell(sizes: Sizes, shapes: LSTMCellShapes, which: str) -> Report:
    right, input_size = getattr(shapes, which), shapes.input[-1]
    wide = sizes == (*right[:-1], input_size)
    if sizes == right:
        return _right(which, right, ["input_size_for_hidden_size"] * wide)
    if wide:
        words = (
            f"{input_size} is input_size, the width of what goes in. What comes out is "
            f"hidden_size wide, {right[-1]}."
        )
        return _wrong(sizes, which, right, "input_size_for_hidden_size", [words], {})
    words = "An nn.LSTMCell is one layer and computes one step: no axis for layers, none for time."
    too_many = [words] if len(sizes) > len(right) else []
    return _wrong(sizes, which, right, None, too_many, {})


def _right(which: str, right: Shape, invisible: list[str]) -> Report:
    hidden = (f"`{v}` would give the same shape for these sizes." for v in dict.fromkeys(invisible))
    return Report("ok", f"`{which}` is `{right}`.", not_checked=tuple(hidden))


def _wrong(
    sizes: Sizes,
    which: str,
    right: Shape,
    verdict: str | None,
    explanations: list[str],
    others: dict[str, Shape],
) -> Report:
    same_rank = len(sizes) == len(right)
    evidence = {"given": str(list(sizes))}
    if same_rank:
        evidence["axes that differ"] = differing_axes(sizes, right)
    else:
        evidence["axes"] = f"{len(sizes)}, where {len(right)} are right"
    message = " ".join(explanations)
    if verdict is None:
        verdict = "unrecognised" if same_rank else "wrong_rank"
        twins = [name for name, shape in others.items() if shape == sizes]
        if twins:
            message += f" `{list(sizes)}` is the shape of `{'` and of `'.join(twins)}` here."
        if same_rank:
            message += f" Look axis by axis: {evidence['axes that differ']}."
        else:
            message += f" {_rank_in_words(sizes, which, right)}"
    return Report(verdict, f"{message.strip()} `{which}` is `{right}`.", evidence)


def _rank_in_words(sizes: Sizes, which: str, right: Shape) -> str:
    left_out = [name for i, name in enumerate(right.names) if _without(right, i) == sizes]
    added = [i for i in range(len(sizes)) if _without(sizes, i) == right]
    if left_out:
        return f"The axis of {left_out[0]} is missing."
    if added:
        return f"Axis {added[0]}, {sizes[added[0]]} long, is one too many."
    return f"`{which}` has {len(right)} axes here and you gave {len(sizes)}."


def _without(sizes: Sizes, axis: int) -> Sizes:
    return (*sizes[:axis], *sizes[axis + 1 :])


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
