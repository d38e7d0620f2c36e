"""A function that raises, looked at once more: it may only want its weights laid otherwise."""

from __future__ import annotations

import re
from dataclasses import fields, replace

from torch import Tensor

from lstm_teach.checks.cell.calls import Caller, agrees, listed
from lstm_teach.checks.cell.equations import Draw, draw, run
from lstm_teach.checks.cell.match import candidates, fits, told
from lstm_teach.checks.cell.mistakes import MISTAKES
from lstm_teach.checks.report import Report

ARGUMENTS = tuple(field.name for field in fields(Draw))

_ABOUT_SHAPES = re.compile(r"size|shape|dimension|unpack", re.IGNORECASE)


def by_name(given: Draw) -> dict[str, Tensor]:
    """The seven arguments by their names."""
    return dict(zip(ARGUMENTS, given.tensors(), strict=True))


def on_a_failed_call(caller: Caller, failed: Report, given: Draw) -> Report:
    """A function that raises may only read its weights the other way round."""
    if caller.in_a_hurry():
        return failed
    untransposed = Caller(caller.subject, caller.arrange)
    for names in (("w_ih", "w_hh"), ("w_ih",), ("w_hh",)):
        named = by_name(given)
        named |= {name: named[name].T.contiguous() for name in names}
        state = untransposed(**named)
        if isinstance(state, tuple) and agrees(state, run(given, {})):
            return _missing_transpose(failed, listed([f"`{name}`" for name in names]))
    square = draw(4, 3, given.h.shape[1], given.h.shape[1])
    state = untransposed(**by_name(square))
    if not isinstance(state, Report):
        for mistake, _, changed in candidates():
            if mistake.verdict == "missing_transpose" and fits(changed, [(square, state)]):
                return _missing_transpose(failed, "`w_ih`")
    named = {name: t.T if name in "xhc" else t for name, t in by_name(given).items()}
    biases = {name: named[name][:, None] for name in ("b_ih", "b_hh")}
    for changed in ({}, biases):
        columns = untransposed.raw(**{**named, **changed})
        if (
            isinstance(columns, (tuple, list))
            and [getattr(t, "shape", 0) for t in columns] == [named["h"].shape] * 2
        ):
            return replace(
                failed,
                message=f"{failed.message}\nYour function wants the samples as columns, "
                "`[input_size, batch]`. PyTorch has them as rows, `[batch, input_size]`.\n"
                "Fix: `x @ w_ih.T`, in this order.",
            )
    if not _ABOUT_SHAPES.search(failed.message):
        return failed
    return replace(
        failed,
        message=f"{failed.message}\nIt was given x `{list(given.x.shape)}`, h and c "
        f"`{list(given.h.shape)}`, w_ih `{list(given.w_ih.shape)}`, w_hh "
        f"`{list(given.w_hh.shape)}` and two biases `{list(given.b_ih.shape)}`. Code that works "
        "for one size only: pass `input_size=` and `hidden_size=` to the check.",
    )


def _missing_transpose(failed: Report, names: str) -> Report:
    mistake = next(m for m in MISTAKES if m.verdict == "missing_transpose")
    detail = f"{names} is used without its transpose"
    return Report(
        "missing_transpose", f"{told(mistake, detail)}\nWhat PyTorch says: {failed.message}"
    )
