"""What a cell computes, found from its behaviour, and which known mistakes that shows."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.findings import (
    ACTIVATED,
    KEPT,
    LIKE_F,
    PRODUCTS,
    READ,
    READ_OTHERWISE,
    UNNAMED,
    UNREAD,
    Anatomy,
    Finding,
)
from lstm_teach.checks.cell.reading import DIRECTIONS, Gate, Reader
from lstm_teach.checks.cell.words import the_gates


def dissect(
    h: Tensor, c: Tensor, reader: Reader, quickly: bool = False, before: Anatomy | None = None
) -> Anatomy:
    """Find out how h and c are made.

    Args:
        h: what the cell returned first from each old c, ``[4, samples, hidden_size]``.
        c: what it returned second, likewise.
        reader: fits the gates.
        quickly: look for a right i * g alone, which is all that a right cell needs.
        before: the same cell with one parameter otherwise; i and g are looked for near it.
    """
    at = reader.at
    whole = _handed_through(h, c, reader)
    if whole:
        return Anatomy(findings={"c": whole})
    anatomy = Anatomy()
    old, h, c = (tensor[..., at.units] for tensor in (torch.stack(at.c), h, c))
    for as_kept, kept, undo, taken in KEPT:
        new, used = undo(c), taken(old)
        f = (new[1] - new[0]) / used[1]
        if reader.same(kept(new[0] + f * used[2:]), c[2:]):
            if as_kept:
                anatomy.findings["c"] = as_kept
            break
    else:
        return Anatomy(findings={"c": (UNREAD, "c is not `f * c + i * g`")})
    _read_f(f, new[0], anatomy, reader)
    _read_o(h, new, old, f, anatomy, reader)
    _read_i_and_g(new[0], f, anatomy, reader, quickly, before)
    _drop_consequences(anatomy)
    if anatomy.all_gates_read():
        shared = _in_common(anatomy, reader)
        if shared:
            anatomy.findings["weights"] = shared
    return anatomy


def _handed_through(h: Tensor, c: Tensor, reader: Reader) -> Finding | None:
    """What needs no gate to be read: old states that come back, or one tensor twice."""
    old = torch.stack(reader.at.c)
    old_h = reader.at.h.expand_as(old)
    if reader.same(h, c):
        f = (c[1] - c[0]) / old[1]
        kept = "c is returned twice, so h is gone", "h is returned twice, so c is gone"
        return "c_lost", kept[0 if reader.same(c[0] + f * old[2:], c[2:]) else 1]
    if reader.same(h, old_h):
        both = reader.same(c, old)
        said = "h and c come back as they went in", "the h that you return is the old one"
        return "unrecognised", said[0 if both else 1]
    if reader.same(c, old_h):
        return "c_lost", "the old h is returned as c"
    if not reader.same(c, old):
        return None
    if reader.same(h[1:], h[0].expand_as(h[1:])):
        return "unrecognised", "h does not depend on c: a GRU or a plain RNN, not an LSTM"
    return "stale_c", "the c that you return is the old one"


def _drop_consequences(anatomy: Anatomy) -> None:
    """A finding that explains others takes their place."""
    named = {verdict for verdict, _ in anatomy.findings.values()} - UNNAMED
    if "c_lost" in named and anatomy.verdict("o") in UNNAMED:
        anatomy.findings.pop("h", None)
        named = {"c_lost"}
    if named in ({"c_lost"}, {"add_not_mul"}, {"stale_c"}, {"forget_bias_after_sigmoid"}):
        known = {part: f for part, f in anatomy.findings.items() if f[0] not in UNNAMED}
        anatomy.findings = known


def _judge_activation(name: str, gate: Gate, right: str, anatomy: Anatomy) -> None:
    verdict = ACTIVATED.get(gate.activation, "unrecognised")
    said = f"the gate {name} goes through {gate.activation}, not {right}"
    if gate.activation == right:
        return
    if not gate.activation:
        verdict, said = UNREAD, f"the gate {name} fits no activation"
    elif gate.activation == "nothing":
        said = f"the gate {name} has no {right}"
    elif name == "g" and gate.activation == "sigmoid":
        verdict, said = "sigmoid_instead_of_tanh", "the candidate g goes through sigmoid, not tanh"
    elif gate.activation == "sigmoid + 1":
        said = f"something is added to the gate {name} after its sigmoid"
    anatomy.findings["i*g" if name in "ig" else name] = verdict, said


def _read_f(f: Tensor, write: Tensor, anatomy: Anatomy, reader: Reader) -> None:
    gate = anatomy.gates["f"] = reader.gate_with_late_bias(f)
    if gate.activation != "constant":
        _judge_activation("f", gate, "sigmoid", anatomy)
    elif reader.same(f, torch.zeros_like(f)):
        anatomy.findings["f"] = "c_lost", "the old c has no part in the new c"
    elif not reader.same(f, torch.ones_like(f)):
        anatomy.findings["f"] = "unrecognised", "f is a constant"
    elif 1.01 < write.max() < 2 and write.min() > -1:
        anatomy.findings["f"] = "add_not_mul", "f is added to c, where it should multiply it"
    else:
        anatomy.findings["f"] = "no_forget_gate", "c is `c + i * g`: no f in it"


def _read_o(
    h: Tensor, new: Tensor, old: Tensor, f: Tensor, anatomy: Anatomy, reader: Reader
) -> None:
    readings: list[tuple[Finding | None, Gate]] = []
    for finding, factor in READ.items():
        by = factor(new[1:], old[1:], f)
        if reader.same(h[2:] * by[0], h[1] * by[1:]):
            largest = by.abs().argmax(0, keepdim=True)
            by = by.gather(0, largest)
            o = torch.where(by.abs() > 1e-6, h[1:].gather(0, largest) / by, torch.nan)[0]
            # A c that was squashed already is read through one tanh more.
            squashed = anatomy.verdict("c") == "extra_tanh_c"
            expected = finding and squashed and finding[0] == "double_activation"
            readings.append((None if expected else finding, reader.gate(o)))
    for finding, as_o in READ_OTHERWISE.items():
        o = as_o(h, new)
        if reader.same(o[2:], o[1].expand_as(o[2:])):
            readings.append((finding, reader.gate(o[1])))
    if not readings:
        anatomy.findings["h"] = UNREAD, "h is not `o * tanh(c)` for any o"
        return
    finding, gate = max(
        readings, key=lambda r: (r[1].activation == "sigmoid", bool(r[1].activation))
    )
    gate = anatomy.gates["o"] = reader.gate_with_late_bias(gate.values)
    if finding:
        anatomy.findings["h"] = finding
    if gate.activation == "constant":
        anatomy.findings["o"] = "unrecognised", "there is no output gate: h is `tanh(c)`"
    else:
        _judge_activation("o", gate, "sigmoid", anatomy)


def _read_i_and_g(
    write: Tensor,
    f: Tensor,
    anatomy: Anatomy,
    reader: Reader,
    quickly: bool,
    before: Anatomy | None,
) -> None:
    keeps = anatomy.gates["f"].activation
    if reader.same(write, torch.zeros_like(write)):
        anatomy.findings["i*g"] = "unrecognised", "i * g is never added: c is `f * c`"
        if keeps != "sigmoid":
            del anatomy.findings["f"]
            said = "f * c and i * g are multiplied, where they should be added"
            anatomy.findings["i*g"] = "add_not_mul", said
        elif "h" in anatomy.findings:
            anatomy.findings["i*g"] = "stale_c", "the c that you return is `f * c`, without i * g"
        return
    if anatomy.verdict("f") == "add_not_mul":
        return
    if reader.gate(write).activation in ("tanh", "sigmoid"):
        anatomy.findings["i*g"] = "unrecognised", "there is no input gate: c is `f * c + g`"
        return
    near = None
    like_f = [(keeps, g) for g in LIKE_F if keeps not in ("", "constant")]
    products = [PRODUCTS[0]] if quickly else dict.fromkeys([PRODUCTS[0], *like_f, *PRODUCTS])
    if before:
        i, g = before.gates["i"], before.gates["g"]
        products, near = [(i.activation, g.activation)], torch.cat([i.lines, g.lines], 1)
    hints = tuple(gate.lines for gate in anatomy.gates.values() if gate.activation)
    for one, two in products:
        parts = reader.product(write, one, two, hints=hints, near=near)
        if parts:
            anatomy.gates["i"], anatomy.gates["g"] = parts
            _judge_activation("g", parts[1], "tanh", anatomy)
            _judge_activation("i", parts[0], "sigmoid", anatomy)
            return
    anatomy.findings["i*g"] = UNREAD, "i * g is not a sigmoid times a tanh"
    if quickly or before:
        return
    if reader.product(write, "sigmoid", "tanh", added=True):
        anatomy.findings["i*g"] = "add_not_mul", "c is `f * c + i + g`"
    elif reader.product(torch.atanh(write), "sigmoid", "tanh"):
        anatomy.findings["i*g"] = "extra_tanh_c", "i * g goes through another tanh"
    elif keeps == "sigmoid" and reader.product(write / f, "sigmoid", "tanh"):
        anatomy.findings["i*g"] = "unrecognised", "c is `f * (c + i * g)`"
    elif reader.gate(write / f).activation == "sigmoid":
        anatomy.findings["i*g"] = "add_not_mul", "c is `(f + c) * (i + g)`"


_SAME_GATE = {("f", "i"): "forget_used_for_input", ("f", "o"): "output_gate_from_forget"}


def _in_common(anatomy: Anatomy, reader: Reader) -> Finding | None:
    """Gates that are made from the same weights or biases, or from none."""
    lines = {name: gate.lines for name, gate in anatomy.gates.items()}
    pairs = list(combinations("figo", 2))
    if reader.same(lines["f"], -lines["i"]):
        said = "the gates are coupled, f is `1 - i`: a variant of the LSTM with one gate less"
        return "no_forget_gate", said
    for who, what, part in (
        ("x", "the input weights", slice(0, DIRECTIONS)),
        ("h", "the recurrent weights", slice(DIRECTIONS, 2 * DIRECTIONS)),
    ):
        idle = [gate for gate in GATES if not _used(lines[gate][:, part])]
        if idle:
            where = "the gates" if len(idle) == len(GATES) else the_gates(idle)
            return "unrecognised", f"{who} never reaches {where}"
        shared = [p for p in pairs if reader.close(lines[p[0]][:, part], lines[p[1]][:, part])]
        if len(shared) == len(pairs):
            return "all_gates_same_weights", f"all four gates have {what} in common"
        if shared:
            one, other = shared[0]
            if reader.close(lines[one], lines[other]):
                said = f"{the_gates(shared[0])} have all their weights and biases in common"
                return _SAME_GATE.get(shared[0], "unrecognised"), said
            said = f"{the_gates(shared[0])} have {what} in common; each needs its own"
            return "unrecognised", said
    biased = [gate for gate in GATES if _used(lines[gate][:, -1])]
    if biased and len(biased) < len(GATES):
        without = [gate for gate in GATES if gate not in biased]
        return "missing_bias", f"no bias reaches {the_gates(without)}"
    for a, b in combinations(biased, 2):
        if reader.close(lines[a][:, -1], lines[b][:, -1]):
            return "wrong_bias_slice", f"{the_gates((a, b))} have the same bias"
    return None


def _used(lines: Tensor) -> bool:
    return bool(lines.abs().max() > 1e-3)
