"""Is this the shape, for one nn.LSTM or, of a rule, for all; and if not, what was mixed up?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import nn

from lstm_teach.checks.mistake import Mistake, entries, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time
from lstm_teach.shapes import (
    Shape,
    ShapeError,
    Sizes,
    differing_axes,
    not_an_lstm,
    predict_shapes,
    read_size,
)

STATE = ("h_n", "c_n", "h_0", "c_0")
_HOW_TO_WRITE = (
    "Write one whole number, 0 or more, for each axis, as a tuple `(2, 5, 7)` or as text "
    '`"2, 5, 7"`.'
)
_LONGEST = 200
_NAME = re.compile(r"[A-Za-z_]\w*(?:\s*\*\s*[A-Za-z_]\w*)*\s*[=:]", re.ASCII)
_NUMBERS = re.compile(r"\d{1,18}(?:(?:\s*[,x×;*]\s*|\s+)\d{1,18})*\s*,?", re.ASCII | re.IGNORECASE)
# A keyboard set to Chinese or Japanese writes digits and brackets of full width.
_HALF_WIDTH = {0xFF01 + k: 0x21 + k for k in range(94)} | {0x3000: " ", 0x3001: ","}

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


class Question:
    """One module, the shapes around one call of it, and the tensor asked about.

    Attributes:
        module: an nn.LSTM or nn.LSTMCell.
        shapes: what `predict_shapes` says of the call.
        which: the tensor.
        right: its shape.
        kinds: what rows are about that apply to it: "output", "state" and "h" or "c", or "cell".
        has: what rows need that apply, such as "layers" where there are several, else "!layers".
        facts: the sizes, by which shapes are written, and phrases made of them, for the words.
    """

    def __init__(self, module: Any, shapes: Any, which: str) -> None:
        """Count what there is to count."""
        self.module, self.shapes, self.which = module, shapes, which
        self.right: Shape = getattr(shapes, which)
        self.kinds = {"output"} if which == "output" else {"state", which[0]}
        if isinstance(module, nn.LSTMCell):
            self.kinds = {"cell"}
        proj_size, layers = getattr(module, "proj_size", 0), getattr(module, "num_layers", 1)
        directions = 1 + getattr(module, "bidirectional", False)
        state = shapes.c_0 if which[0] == "c" else shapes.h_0
        sizes = dict(zip(shapes.input.names, shapes.input, strict=True))
        several = {"batch": "batch" in sizes, "proj_size": proj_size > 0}
        several |= {"layers": layers > 1, "directions": directions > 1}
        self.has = {name if there else f"!{name}" for name, there in several.items()}
        twice = f" * 2 = {2 * layers}" * (directions - 1)
        self.facts: dict[str, Any] = {
            "batch": 0,
            **sizes,
            "which": which,
            "hidden_size": module.hidden_size,
            "proj_size": proj_size,
            "width": state[-1],
            "width_name": state.names[-1],
            "layers": layers,
            "directions": directions,
            "layers+directions": layers + directions,
            # How many directions lie side by side in the last axis.
            "beside": directions if which == "output" else 1,
            "first_axis": f"`{state.names[0]} = {layers}{twice}`",
            "side_by_side": 2 * state[-1],
            "in_each": " in each direction" * (directions - 1),
            "order": f"[{', '.join(shapes.input.names[:2])}, ...]",
            "batch_first": getattr(module, "batch_first", False),
        }

    def gives(self, how: str) -> list[Sizes]:
        """The shapes that a mistake gives, from how it is told in the catalogue."""
        told, _, shapes = how.partition(": ")
        about, *needs = told.split(", ")
        if self.kinds.isdisjoint(about.split()) or not self.has.issuperset(needs):
            return []
        return [sizes for shape in shapes.split(", ") for sizes in self.sizes(shape)]

    def sizes(self, shape: str) -> list[Sizes]:
        """What a written shape stands for; several where an axis may stand anywhere."""
        if hasattr(self.shapes, shape):
            return [getattr(self.shapes, shape)]
        first, *rest = shape.split()
        names = rest if first[0] == "+" else [first, *rest]
        axes = [size for name in names for size in self._axes(name)]
        if self.facts["batch_first"] and self.which == "output" and "..." not in names:
            axes[:-1] = axes[-2::-1]
        if first[0] == "+":
            new = self._axes(first[1:])
            return [(*axes[:at], *new, *axes[at:]) for at in range(len(axes))]
        return [tuple(axes)]

    def _axes(self, name: str) -> Sizes:
        if name == "...":
            return tuple(self.right[:-1])
        if name == "batch" and "!batch" in self.has:
            return ()
        return (prod(int(self.facts.get(factor, factor)) for factor in name.split("*")),)


MISTAKES = [e.made(*way) for e in entries(__package__) for way in e.ways]
"""Every known mistake; `how` is what `Question.gives` reads."""


def check_shape(
    answer: Any, module: nn.LSTM | nn.LSTMCell, input_shape: Any, which: str, reveal: bool = False
) -> Report:
    """Judge a guess at the shape of one tensor, and name the mistake behind a wrong one.

        >>> check_shape("3, 1, 20", nn.LSTM(100, 20, batch_first=True), (3, 10, 100), "h_n").verdict
        'batch_first_moves_state'

    Nothing is run, and nothing that was typed is evaluated. A wrong guess is told its mistake and
    not the right shape, so that there is something left to find out for a second guess.

    Args:
        answer: the guess: a tuple, list, torch.Size or array of whole numbers, or text such as
            "10, 3, 20", "[10, 3, 20]" or "10 x 3 x 20", where "2*3" is 6. None, ... or empty text
            is no attempt.
        module: an nn.LSTM or nn.LSTMCell.
        input_shape: the shape of its input, as for `predict_shapes`.
        which: the tensor asked about. For nn.LSTM "output", "h_n", "c_n", "h_0" or "c_0"; for
            nn.LSTMCell "h", "c" (or "h_n", "c_n", which mean the same there), "h_0" or "c_0".
        reveal: whether to tell a wrong guess the right shape too.

    Returns:
        A report. Its verdict is "ok", "not_attempted", the name of the mistake that produces
        exactly this shape (the likelier one where several do: the message has them all),
        "wrong_rank" where no known mistake fits and the number of axes is wrong, "unrecognised"
        for any other wrong shape, or "cannot_check" where there is nothing to judge: the answer is
        no shape, or PyTorch would refuse the input itself.
    """
    if not isinstance(module, nn.LSTM | nn.LSTMCell):
        return told("no_lstm", __package__, text=not_an_lstm("check_shape", module))
    try:
        shapes = predict_shapes(module, input_shape)
    except ShapeError as error:
        return told("refused", __package__, text=error)
    is_cell = isinstance(module, nn.LSTMCell)
    names = ("h", "c", *STATE) if is_cell else ("output", *STATE)
    if not isinstance(which, str) or which not in names:
        known = ", ".join(f'"{name}"' for name in names)
        return told("no_tensor", __package__, kind="LSTM" + "Cell" * is_cell, known=known)
    try:
        sizes = _read(answer)
    except ShapeError as error:
        return told("no_shape", __package__, text=error, how=_HOW_TO_WRITE)
    which = which.removesuffix("_n") if is_cell else which
    if sizes is None:
        return told("asked", __package__, which=which, how=_HOW_TO_WRITE)
    return _judge(sizes, Question(module, shapes, which), reveal)


def _judge(sizes: Sizes, q: Question, reveal: bool) -> Report:
    found = [mistake for mistake in MISTAKES if sizes in q.gives(mistake.how)]
    named = f"`{q.which}` is `{q.right}`."
    if sizes == q.right:
        verdicts = dict.fromkeys(m.verdict for m in found if m.verdict != "unrecognised")
        hidden = (f"`{v}` would give the same shape for these sizes" for v in verdicts)
        return Report("ok", named, not_checked=tuple(hidden))
    evidence = {"given": str(list(sizes))}
    first, *others = (m.report(evidence, **q.facts) for m in found or [_by_axes(sizes, q)])
    message = "\n".join([first.message, *(f"Or {m.headline}: {m.message}" for m in others)])
    if reveal:
        message += f"\n{named}"
        if len(sizes) == len(q.right):
            evidence["axes that differ"] = differing_axes(sizes, q.right)
    return replace(first, message=message)


def _by_axes(sizes: Sizes, q: Question) -> Mistake:
    """What is wrong with a shape that no known mistake explains."""
    right, names = q.right, q.right.names
    if len(sizes) == len(right):
        off = [name for name, got, want in zip(names, sizes, right, strict=True) if got != want]
        headline = f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off"
        if sorted(sizes) == sorted(right):
            headline = f"{' and '.join(off)} are swapped"
        message = f"The axes of `{q.which}` are `[{', '.join(names)}]`, in this order."
        return Mistake("unrecognised", headline, message)
    gone = [name for at, name in enumerate(names) if (*right[:at], *right[at + 1 :]) == sizes]
    headline = f"the axis of {gone[0]} is missing" if gone else "the number of axes is off"
    message = f"`{q.which}` has {len(right)} axes here, and you gave {len(sizes)}."
    return Mistake("wrong_rank", headline, message)


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
    try:
        inspect.signature(rule).bind("lstm", "seq_len", "batch")
    except (TypeError, ValueError):
        return told("other_parameters", __package__, which=which)
    given = ""
    for arguments, seq_len, batch in MODELS:
        lstm = nn.LSTM(**arguments)
        answer = run_in_time(rule, lstm, seq_len, batch, made_up=False)
        if isinstance(answer, Report):
            return answer
        steps = (batch, seq_len) if lstm.batch_first else (seq_len, batch)
        report = check_shape(answer, lstm, (*steps, lstm.input_size), which)
        known, given = given, str(answer)
        if report.ok:
            continue
        made = ", ".join(f"{name}={value}" for name, value in arguments.items())
        sizes = {"made": made, "seq_len": seq_len, "batch": batch}
        first = told("of_a_rule", __package__, **sizes, given=given)
        lines = [f"{first.message} {report.message}"]
        if given == known:
            lines.append(told("fixed", __package__).message)
        if report.verdict == "time_batch_swapped" and which == "output":
            turned = nn.LSTM(**arguments | {"batch_first": not lstm.batch_first})
            if str(run_in_time(rule, turned, seq_len, batch)) == given:
                lines.append(told("batch_first_ignored", __package__).message)
        return replace(report, message="\n".join(lines))
    return told("right_rule", __package__, which=which, count=len(MODELS))


def _read(answer: Any) -> Sizes | None:
    """The sizes of a guess at a shape; None for no attempt: None, ``...`` or empty text, also in
    place of a size. What is no shape raises a ShapeError, whatever its own methods raise."""
    if answer is None or answer is ...:
        return None
    if isinstance(answer, str):
        return _read_text(answer)
    try:
        if hasattr(answer, "tolist") and answer.ndim == 1 and "int" in str(answer.dtype):
            answer = answer.tolist()
        sizes = list(answer) if isinstance(answer, tuple | list) else None
    except Exception:
        sizes = None
    if sizes is None and isinstance(answer, torch.Tensor):
        raise ShapeError("You gave the tensor itself; its shape is `.shape`.")
    if sizes is None:
        raise ShapeError(f"A value of type `{type(answer).__name__}` is not a shape.")
    if any(size is ... or size is None for size in sizes):
        return None
    return tuple(read_size(size, "A size") for size in sizes)


def _read_text(text: str) -> Sizes | None:
    if len(text) > _LONGEST:
        raise ShapeError("That text is too long for a shape.")
    inside = _NAME.sub("", text.translate(_HALF_WIDTH).replace("`", " ")).strip()
    inside = re.sub(r"^(torch\.)?Size|(?<=[\d)\]])\s*\.$", "", inside).strip()
    numbers = inside.strip("()[]").strip()
    if not inside or numbers in ("...", "…", "?"):
        return None
    axes = re.findall(r"\d+(?:\s*\*\s*\d+)*", numbers)
    if numbers and (not _NUMBERS.fullmatch(numbers) or (len(axes) == 1 and "*" in numbers)):
        raise ShapeError("That text is not a shape.")
    return tuple(prod(map(int, re.findall(r"\d+", axis))) for axis in axes)
