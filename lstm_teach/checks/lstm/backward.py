"""Gradients: those that autograd finds in a module, and those of a backward pass by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import needed, normals
from lstm_teach.checks.lstm.forms import Reader
from lstm_teach.checks.lstm.mistakes import told
from lstm_teach.checks.lstm.roles import Roles, Search
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time


def wrong_gradient(
    code: Any, reader: Reader, search: Search, roles: Roles, x: Tensor, backward: Any
) -> Report | None:
    """The first gradient that is not nn.LSTM's: of autograd through `code`, or of the learner's
    `backward(d_output, cache)`."""
    if backward is None and not isinstance(code, nn.Module):
        return None
    x = x[:, :1] if reader.axes.alone else x
    h, c = normals(23)(2, len(search.lanes), x.shape[1], reader.hidden_size).tanh()
    start, c = reader.verified, c * (reader.form != "x h")
    state = (h, c) if start else (0 * h, 0 * c)
    with torch.enable_grad():
        given, first = (one.clone().requires_grad_() for one in (x, h))
        leaves = {n: w.clone().requires_grad_() for n, w in search.weights.items()}
        begin = [*zip(first, c, strict=True)] if start else []
        output, _ = replace(search, weights=leaves).read(roles, given, begin)
        pull = normals(22)(*output[:, 0].shape)
        (output[:, 0] * pull).sum().backward()  # type: ignore[no-untyped-call]
    right = {n: leaf.grad for n, leaf in leaves.items() if leaf.grad is not None}
    if backward is None:
        return _by_autograd(code, reader, x, state, pull, right, search.limit)
    assert given.grad is not None
    right["x"] = reader.axes.lay(given.grad)
    if first.grad is not None:
        right["h0"] = reader.given(x, (first.grad, c))["h"]
    return _by_hand(reader, x, state, pull, right, search.limit, backward)


def _is_off(mine: Tensor, right: Tensor, limit: float) -> bool:
    return not torch.allclose(mine.double(), right.double(), 1e-5, 100 * limit)


def _by_autograd(
    code: Any, reader: Reader, x: Tensor, state: Any, pull: Tensor, right: Any, limit: float
) -> Report | None:
    own = {n: p for n, p in code.named_parameters() if n in right and p.requires_grad}
    with torch.enable_grad():
        found = reader(x, state)
        if isinstance(found, Report):
            return found
        got: Any = [None] * len(own)
        if own and found[0].requires_grad:
            loss = (found[0] * pull).sum()
            got = torch.autograd.grad(loss, [*own.values()], allow_unused=True)
    for name, mine in zip(own, got, strict=True):
        if mine is None:
            return told("no_gradient", name=name)
        if _is_off(mine, right[name], limit):
            return told("other_gradient", name=name)
    return None


def _by_hand(
    reader: Reader, x: Tensor, state: Any, pull: Tensor, right: Any, limit: float, backward: Any
) -> Report | None:
    """The first gradient that differs from autograd's: by name, else by shape and in order."""
    caller, place = reader.listing(), reader.places[0]
    given = {n: t.to(caller.dtype) for n, t in reader.given(x, state).items()}
    pull = pull.movedim((0, 1), (place.time or 0, place.batch))
    pull = (pull.select(place.batch, 0) if reader.axes.alone else pull).contiguous()
    things: Any = {n: t.numpy() for n, t in given.items()} if caller.numpy else given
    args, kwargs = caller.arrange(things)
    result = run_in_time(caller.code, *args, **kwargs)
    cache = [result[-1] if isinstance(result, tuple) else result] * (needed(backward) != 1)
    found = run_in_time(backward, pull.numpy() if caller.numpy else pull, *cache)
    if isinstance(found, Report):
        return found
    if not isinstance(found, dict):
        each = (part if isinstance(part, (tuple, list)) else [part] for part in found)
        found = dict(enumerate(chain(*each)))
    left = {str(key).lower(): torch.as_tensor(value) for key, value in found.items()}
    for name, wanted in right.items():
        short = name.rpartition(".")[2]
        fits = [key for key, mine in left.items() if mine.shape == wanted.shape]
        named = [key for key in fits if key in (f"d{short}".lower(), short.lower())]
        exact = [key for key in fits if not _is_off(left[key], wanted, limit)]
        if not fits and name in ("x", "h0"):
            continue  # not everybody wants them
        if not fits:
            return told("other_shape", name=short)
        mine = left.pop([*named, *exact, *fits][0])
        if _is_off(mine, wanted, limit):
            off = (mine - wanted).abs().max().item()
            return told("wrong_everywhere", {"largest difference": off}, name=short)
    return None
