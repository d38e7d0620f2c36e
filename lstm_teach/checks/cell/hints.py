"""What often leads to an error, told by the line that failed: its syntax tree and its values."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from lstm_teach.checks.bringing import Caller, listed
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import is_foreign

_CUTS = ("chunk", "split", "tensor_split")
_JOINS = ("cat", "concat", "concatenate")


def hinted(failed: Report, caller: Caller, given: dict[str, Tensor]) -> Report:
    """A report on an error, with a sentence on what often leads to it; the same where none fits."""
    if failed.verdict != "raises":
        return failed
    hint = next(_hints(caller, given), "")
    return replace(failed, message=f"{failed.message}\n{hint}") if hint else failed


def is_slip(caller: Caller, given: dict[str, Tensor]) -> bool:
    """Whether a line fails that cuts or joins along the batch, since it names no axis."""
    found = _failing_line(caller, given)
    return found is not None and any(_without_axis(node) for node in ast.walk(found[0]))


def _without_axis(node: ast.AST) -> str:
    """What to say of a call that cuts or joins along axis 0 for want of a `dim`; "" of others."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return ""
    name, count = node.func.attr, len(node.args)
    of_torch = isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
    if any(keyword.arg in ("dim", "axis") for keyword in node.keywords):
        return ""
    if name in _CUTS and count - of_torch == 1:
        shown = "chunk(4" if name == "chunk" else f"{name}(..."
        return (
            f"`{shown})` alone cuts along axis 0, which is the batch. The four gates lie side by "
            f"side on axis 1: `{shown}, dim=1)`."
        )
    if name in _JOINS and of_torch and count == 1:
        return (
            f"`{name}(...)` alone joins along axis 0, which is the batch. x and h lie side by side "
            f"on axis 1: `{name}(..., dim=1)`."
        )
    return ""


def _hints(caller: Caller, given: dict[str, Tensor]) -> Iterator[str]:
    found = _failing_line(caller, given)
    if found is None:
        return
    tree, frame = found
    for node in ast.walk(tree):
        if said := _without_axis(node):
            yield said
        if isinstance(node, ast.BinOp):
            one, two = (_value(part, frame) for part in (node.left, node.right))
            if not (isinstance(one, Tensor) and isinstance(two, Tensor) and two.dim() == 2):
                continue
            if isinstance(node.op, ast.Mult) and one.dim() == 2 and not _fit(one, two):
                if one.shape[1] in two.shape:
                    yield (
                        "`*` multiplies element by element; a matrix product is `@`: "
                        f"`{ast.unparse(node.left)} @ {ast.unparse(node.right)}"
                        f"{'.T' if one.shape[1] == two.shape[1] else ''}`."
                    )
            wrong = isinstance(node.op, ast.MatMult) and one.shape[-1] != two.shape[0]
            if wrong and one.shape[-1] == two.shape[1]:
                yield (
                    f"`{ast.unparse(node.right)}` is [out, in], as PyTorch keeps it: "
                    f"`{ast.unparse(node.left)} @ {ast.unparse(node.right)}.T`."
                )
            elif wrong and one.dim() == 2 and one.shape[0] == two.shape[1]:
                yield (
                    "x, h and c have a sample in each row: "
                    f"`{ast.unparse(node.right)} @ {ast.unparse(node.left)}.T`."
                )
            elif wrong:
                yield (
                    f"`{ast.unparse(node.left)}` is `{list(one.shape)}` and "
                    f"`{ast.unparse(node.right)}` is `{list(two.shape)}`."
                )
    if "w_ih" in given:
        shapes = listed(f"{name} `{list(t.shape)}`" for name, t in given.items())
        if any(isinstance(value, Tensor) for value in frame.f_locals.values()):
            yield f"It was given {shapes}."


def _fit(one: Tensor, two: Tensor) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(one.shape, two.shape, strict=True))


def _value(node: ast.expr, frame: FrameType) -> Any:
    """A name, an attribute or a transpose in a frame; None for what would have to be computed."""
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        inner = _value(node.value, frame)
        return getattr(inner, node.attr, None) if inner is not None else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        inner = _value(node.func.value, frame)
        return inner.t() if node.func.attr == "t" and isinstance(inner, Tensor) else None
    return None


def _failing_line(caller: Caller, given: dict[str, Tensor]) -> tuple[ast.AST, FrameType] | None:
    """The learner's own line in which a call fails, and the frame that it ran in."""
    try:
        with torch.no_grad():
            caller.attached(**given)
    except Exception as error:
        trace = error.__traceback__
    else:
        return None
    found = None
    while trace:
        if not is_foreign(trace.tb_frame.f_code.co_filename):
            found = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    if found is None:
        return None
    frame, number = found
    line = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    for text in (line, f"{line}\n    pass", line.rstrip("(,")):
        try:
            return ast.parse(text), frame
        except SyntaxError:
            continue
    return None
