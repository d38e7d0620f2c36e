"""A backward pass by hand, held against autograd's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path

from lstm_teach.checks.bringing import needed, normals, tensor_of
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.lstm.forms import Reader
from lstm_teach.checks.lstm.mistakes import told
from lstm_teach.checks.lstm.roles import Roles, Search
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time


def wrong_by_hand(
    reader: Reader, with_state: bool, search: Search, roles: Roles, x: Tensor, backward: Any
) -> Report | None:
    """The first gradient of `backward(d_output, cache)` that is not autograd's; the code is run
    from zeros, or `with_state` from a state."""
    x = x[:, :1] if reader.axes.alone else x
    h, c = normals(23)(2, len(search.lanes), x.shape[1], reader.hidden_size).tanh() * with_state
    c = c * (reader.form != "x h")
    # In one step alone a slip stays in the rows of its gate; in more, it reaches all.
    for xs in (x[:1], x):
        pull, weights, given = gradients(search, roles, xs, h, c)
        right = {name: slope.double() for name, slope in weights.items() if slope is not None}
        own = zip(given, (xs, h, c), strict=True)
        d_x, d_h, d_c = (0 * one if slope is None else slope for slope, one in own)
        laid = reader.given(d_x, (d_h, d_c))
        states = {"h0": laid["h"], "c0": laid["c"]} if with_state else {}
        right |= {name: one.double() for name, one in {"x": laid["x"], **states}.items()}
        found = _found(reader, xs, (h, c), pull, backward)
        wrong = found if isinstance(found, Report) else _first_wrong(found, right, search, roles)
        if wrong is not None and len(xs) > 1 and wrong.evidence:
            return told("wrong_in_time", wrong.evidence, name=wrong.evidence["gradient of"])
        if wrong is not None:
            return wrong
    return None


def gradients(search: Search, roles: Roles, *given: Tensor) -> tuple[Tensor, Any, Any]:
    """A random gradient at the output, and what autograd makes of it: the gradients of the weights,
    by name, and of x, or of x, h and c; None for what the output does not depend on."""
    leaves = {name: weight.clone().requires_grad_() for name, weight in search.weights.items()}
    x, *state = (one.clone().requires_grad_() for one in given)
    with torch.enable_grad():
        start = [*zip(*state, strict=True)]
        output = replace(search, weights=leaves).read(roles, x, start)[0][:, 0]
    pull = normals(22)(*output.shape)
    of = [*leaves.values(), x, *state]
    slopes = torch.autograd.grad(output, of, pull, allow_unused=True)
    return pull, dict(zip(leaves, slopes, strict=False)), slopes[len(leaves) :]


def _found(reader: Reader, x: Tensor, state: Any, pull: Tensor, backward: Any) -> Any:
    """What a backward pass by hand returns: gradients by their names, the others by a number; or a
    report."""
    caller, place = reader.caller, reader.places[0]
    pull = pull.movedim((0, 1), (place.time or 0, place.batch))
    pull = (pull.select(place.batch, 0) if reader.axes.alone else pull).contiguous()

    def lent(value: Tensor) -> Any:
        return value.numpy() if caller.numpy else value

    things = {n: lent(t.to(caller.dtype)) for n, t in reader.given(x, state).items()}
    args, kwargs = reader.arrange(things)
    result = run_in_time(caller.code, *args, **kwargs)
    cache = [result[-1] if isinstance(result, tuple) else result] * (needed(backward) != 1)
    found = run_in_time(backward, lent(pull.to(caller.dtype)), *cache)
    if isinstance(found, Report):
        return found
    named: dict[Any, Any] = {}
    for path, part in tree_flatten_with_path(found)[0]:
        last = getattr(path[-1], "key", None) if path else None
        named[last.lower() if isinstance(last, str) else len(named)] = tensor_of(part).double()
    return named


def _first_wrong(found: Any, right: Any, search: Search, roles: Roles) -> Report | None:
    """The first gradient that differs from autograd's: by name, else the first of its shape that is
    no other's."""
    left, wrong = dict(found), []
    for name, wanted in right.items():
        short = name.rpartition(".")[2]
        names = {f"d{short}".lower(), f"d_{short}".lower(), short.lower()}
        fits = [k for k in names & left.keys() or left if left[k].shape == wanted.shape]
        exact = [k for k in fits if torch.allclose(left[k], wanted, 1e-5, 100 * search.limit)]
        if exact:
            del left[exact[0]]
        else:
            wrong.append((name, short, wanted, names))
    for name, short, wanted, names in wrong:
        named = names & left.keys()
        fits = [k for k in named or left if left[k].shape == wanted.shape]
        if fits:
            off = left[fits[0]] - wanted
            gates = _gates(search, roles, name, off)
            kind = "wrong_in_gates" if 0 < len(gates) < 4 else "wrong_everywhere"
            evidence = {"gradient of": short, "largest difference": off.abs().max().item()}
            return told(kind, evidence, name=short, gates=" and ".join(gates))
        if named or name not in ("x", "h0", "c0"):  # not everybody wants these
            return told("other_shape", name=short)
    return None


def _gates(search: Search, roles: Roles, name: str, off: Tensor) -> list[str]:
    """In which gates' rows of a gradient is it off; none where it has no rows."""
    k = next((k for k, lane in enumerate(search.lanes) if name in lane), -1)
    if k < 0:
        return []
    slot, hidden = search.lanes[k].index(name), search.sizes[k][1]
    weights = replace(search, weights={**search.weights, name: off}).of_lane(k)
    wrong = []
    for gate, x, h, biases in zip(GATES, roles.x, roles.h, roles.b, strict=True):
        feeds = [("x", x), ("h", h), *(("b", piece) for piece in biases)]
        own = [piece.of(weights, part, hidden) for part, piece in feeds if piece.slot == slot]
        if any((one.abs() > 1e-6).any() for one in own):
            wrong.append(gate)
    return wrong
