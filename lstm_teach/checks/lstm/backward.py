"""Gradients: those that autograd finds in a module, and those of a backward pass by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import normals
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.lstm.forms import Reader
from lstm_teach.checks.lstm.mistakes import told
from lstm_teach.checks.lstm.roles import Roles, Search, read
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time


def wrong_gradient(
    code: Any,
    reader: Reader,
    search: Search,
    roles: Roles,
    x: Tensor,
    backward: Callable[..., Any] | None,
) -> Report | None:
    """The first gradient that is not nn.LSTM's.

    Args:
        code: what the learner brought.
        reader: runs it.
        search: knows its weights.
        roles: what each of them does.
        x: `[seq_len, batch, input_size]`.
        backward: the learner's backward pass, `backward(d_output, cache)`.
    """
    if backward is None and not isinstance(code, nn.Module):
        return None
    with torch.enable_grad():
        x = x[:, :1] if reader.axes.alone else x
        given = {"x": x.clone().requires_grad_()}
        leaves = {n: w.clone().requires_grad_() for n, w in search.weights.items()}
        h_0 = x.new_zeros(len(search.lanes), x.shape[1], search.sizes[1]).requires_grad_()
        cells = replace(search, weights=leaves).cells((roles,))
        output, _ = read(cells, given["x"], search.directions, (h_0, torch.zeros_like(h_0)))
        pull = normals(22)(*output[:, 0].shape)
        (output[:, 0] * pull).sum().backward()
    if backward is not None:
        wanted = {n: leaf.grad for n, leaf in leaves.items() if leaf.grad is not None}
        laid = reader.axes.lay(given["x"].grad)
        return _by_hand(reader, search, roles, x, pull, {**wanted, "x": laid}, backward)
    own = {n: p for n, p in code.named_parameters() if n in leaves and p.requires_grad}
    with torch.enable_grad():
        found = reader(x)
        if isinstance(found, Report):
            return found
        got: Any = [None] * len(own)
        if own and found[0].requires_grad:
            loss = (found[0] * pull).sum()
            got = torch.autograd.grad(loss, [*own.values()], allow_unused=True)
    for (name, _), mine in zip(own.items(), got, strict=True):
        right = leaves[name].grad
        if right is not None and (mine is None or not _close(mine, right, search.limit)):
            said = (
                f"no gradient reaches `{name}`"
                if mine is None
                else f"the gradient of `{name}` is cut"
            )
            return told("gradient_cut", said)
    return None


def _close(mine: Tensor, right: Tensor, limit: float) -> bool:
    return mine.shape == right.shape and torch.allclose(mine.double(), right, 1e-5, 100 * limit)


def _by_hand(
    reader: Reader,
    search: Search,
    roles: Roles,
    x: Tensor,
    pull: Tensor,
    wanted: dict[str, Tensor],
    backward: Callable[..., Any],
) -> Report | None:
    """Hold the gradients of a backward pass by hand against autograd's."""
    caller, place = reader.caller, reader.places[0]
    numpy = caller.numpy
    things = {n: t.numpy() if numpy else t for n, t in reader.given(x).items()}
    if reader.axes.listed:
        things["x"] = list(things["x"])
    args, kwargs = caller.arrange(things)
    result = run_in_time(caller.code, *args, **kwargs)
    cache = result[-1] if isinstance(result, tuple) else result
    d_output = pull.movedim((0, 1), (place.time or 0, place.batch)).contiguous()
    found = run_in_time(backward, d_output.numpy() if numpy else d_output, cache)
    if isinstance(found, Report):
        return found
    named = found if isinstance(found, dict) else dict(enumerate(_flat(found)))
    left = {str(key): torch.as_tensor(value) for key, value in named.items()}
    for name, right in wanted.items():
        short = name.rpartition(".")[2]
        fits = [k for k, mine in left.items() if mine.shape == right.shape]
        best = [k for k in fits if k.lower() in (f"d{short}".lower(), short.lower())]
        exact = [k for k in fits if _close(left[k], right, search.limit)]
        key = next(iter([*best, *exact, *fits]), None)
        if key is None:
            continue
        mine = left.pop(key)
        if not _close(mine, right, search.limit):
            where = _gates(search, roles, name, mine - right)
            off = {"largest difference": (mine - right).abs().max().item()}
            return told("wrong_gradient", f"the gradient of `{short}` is wrong{where}", off)
    return None


def _flat(found: Any) -> list[Any]:
    parts = found if isinstance(found, (tuple, list)) else [found]
    return [leaf for p in parts for leaf in (_flat(p) if isinstance(p, (tuple, list)) else [p])]


def _gates(search: Search, roles: Roles, name: str, off: Tensor) -> str:
    """The gates whose rows of a gradient are off; "" where these are all, or it is no weight's."""
    lane = next((lane for lane in search.lanes if name in lane), [])
    if not lane:
        return ""
    weights = [off if one == name else torch.zeros_like(search.weights[one]) for one in lane]
    weights = [w.flatten() if 1 in w.shape or w.dim() < 2 else w for w in weights]
    feeds = (("x", roles.x), ("h", roles.h), ("b", [fed[0][0] if fed else None for fed in roles.b]))
    wrong = []
    for k, gate in enumerate(GATES):
        parts = [(part, four[k]) for part, four in feeds if four[k] is not None]
        own = [p.of(weights, part, search.sizes[1]) for part, p in parts if lane[p.slot] == name]
        if any((one.abs() > 1e-6).any() for one in own):
            wrong.append(gate)
    return f" in the rows of {' and '.join(wrong)}" if 0 < len(wrong) < 4 else ""
