"""What a cell computes, found from its behaviour, and which known mistakes that shows."""

from __future__ import annotations

import torch
from torch import Tensor

from lstm_teach.checks.cell.compare import compare_the_gates
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.findings import (
    ACTIVATED,
    CANDIDATES,
    KEPT,
    PRODUCTS,
    READ,
    Anatomy,
    Finding,
    Products,
)
from lstm_teach.checks.cell.reading import Gate, Places, Reader


def dissect(
    h: Tensor, c: Tensor, at: Places, reader: Reader, products: Products | None = None
) -> Anatomy:
    """Find out how h and c are made.

    Args:
        h: what the cell returned first from each old c, ``[4, samples, hidden_size]``.
        c: what it returned second, likewise.
        at: where.
        reader: fits the gates.
        products: the activations of i and g to try, all known ones where None.
    """
    anatomy = Anatomy()
    units = at.units
    old = torch.stack(at.c)[..., units]
    whole = _the_same_tensor(h, c, at, reader)
    if whole:
        anatomy.findings["c"] = whole
        return anatomy
    h, c = h[..., units], c[..., units]
    for finding, kept, undo, taken in KEPT:
        new, used = undo(c), taken(old)
        f = (new[1] - new[0]) / used[1]
        if reader.same(kept(new[0] + f * used[2:]), c[2:]):
            if finding:
                anatomy.findings["c"] = finding
            break
    else:
        anatomy.findings["c"] = ("unrecognised", "c is not `f * c + i * g`")
        return anatomy
    _read_f(f, new[0], anatomy, reader)
    _read_o(h, new, old, f, anatomy, reader)
    _read_i_and_g(new[0], f, anatomy, reader, products)
    _drop_consequences(anatomy)
    known = [name for name, g in anatomy.gates.items() if g.activation not in ("", "constant")]
    late = "forget_bias_after_sigmoid" in {verdict for verdict, _ in anatomy.findings.values()}
    if set(known) == set(GATES) and not late:
        compare_the_gates(anatomy, reader)
    return anatomy


def _drop_consequences(anatomy: Anatomy) -> None:
    """A finding that explains others takes their place."""
    named = {verdict for verdict, _ in anatomy.findings.values()} - {"unrecognised"}
    if "c_lost" in named and anatomy.findings.get("o", ("",))[0] == "unrecognised":
        anatomy.findings.pop("h", None)
        named = {"c_lost"}
    if named in ({"c_lost"}, {"add_not_mul"}, {"stale_c"}, {"forget_bias_after_sigmoid"}):
        anatomy.findings = {
            part: finding
            for part, finding in anatomy.findings.items()
            if finding[0] != "unrecognised"
        }


def _the_same_tensor(h: Tensor, c: Tensor, at: Places, reader: Reader) -> Finding | None:
    old = torch.stack(at.c)
    old_h = at.h.expand_as(old)
    if reader.same(h, old_h) and reader.same(c, old):
        return "unrecognised", "h and c come back as they went in"
    if reader.same(h, c):
        return "c_lost", "h and c come back as one and the same tensor"
    if reader.same(c, old):
        return "stale_c", "the c that you return is the old one"
    if reader.same(c, old_h):
        return "c_lost", "the old h is returned as c"
    if reader.same(h, old_h):
        return "unrecognised", "the h that you return is the old one"
    return None


def _read_f(f: Tensor, write: Tensor, anatomy: Anatomy, reader: Reader) -> None:
    gate = reader.gate(f)
    if not gate.activation:
        gate = reader.shifted(f) or gate
    anatomy.gates["f"] = gate
    if gate.activation != "constant":
        _judge_activation("f", gate, "sigmoid", anatomy)
    elif reader.same(f, torch.zeros_like(f)):
        anatomy.findings["f"] = "c_lost", "the old c has no part in the new c"
    elif not reader.same(f, torch.ones_like(f)):
        anatomy.findings["f"] = "unrecognised", "f is a constant"
    elif (write.abs() > 1.01).any():
        anatomy.findings["f"] = "add_not_mul", "f is added to c, where it should multiply it"
    else:
        anatomy.findings["f"] = "no_forget_gate", "c is `c + i * g`: no f in it"


def _judge_activation(name: str, gate: Gate, right: str, anatomy: Anatomy) -> None:
    if gate.activation == right:
        return
    where = "i*g" if name in "ig" else name
    if not gate.activation:
        anatomy.findings[where] = "unrecognised", f"the gate {name} fits no activation"
    elif name == "g" and gate.activation == "sigmoid":
        anatomy.findings[where] = (
            "sigmoid_instead_of_tanh",
            "the candidate g goes through sigmoid, not tanh",
        )
    elif gate.activation == "sigmoid + 1":
        anatomy.findings[where] = (
            "forget_bias_after_sigmoid",
            f"something is added to the gate {name} after its sigmoid",
        )
    else:
        anatomy.findings[where] = (
            ACTIVATED.get(gate.activation, "unrecognised"),
            f"the gate {name} goes through {gate.activation}, not {right}",
        )


def _read_i_and_g(
    write: Tensor, f: Tensor, anatomy: Anatomy, reader: Reader, products: Products | None
) -> None:
    def wrong(verdict: str, detail: str) -> None:
        anatomy.findings["i*g"] = verdict, detail

    keeps = anatomy.gates["f"].activation
    if reader.same(write, torch.zeros_like(write)):
        if keeps != "sigmoid":
            del anatomy.findings["f"]
            wrong("add_not_mul", "f * c and i * g are multiplied, where they should be added")
        elif "h" in anatomy.findings:
            wrong("stale_c", "the c that you return is `f * c`, without i * g")
        else:
            wrong("unrecognised", "i * g is never added: c is `f * c`")
        return
    if anatomy.findings.get("f", ("",))[0] == "add_not_mul":
        return
    alone = reader.gate(write)
    if alone.activation in ("tanh", "sigmoid"):
        wrong("unrecognised", "there is no input gate: c is `f * c + g`")
        return
    hints = tuple(gate.lines for gate in anatomy.gates.values() if gate.activation)
    like_f = [(keeps, g) for g in CANDIDATES if keeps not in ("", "constant")]
    known = PRODUCTS[:1], like_f, PRODUCTS
    for one, two in products or dict.fromkeys(guess for some in known for guess in some):
        parts = reader.product(write, one, two, hints=hints)
        if parts:
            anatomy.gates["i"], anatomy.gates["g"] = parts
            _judge_activation("g", parts[1], "tanh", anatomy)
            _judge_activation("i", parts[0], "sigmoid", anatomy)
            return
    if products:
        wrong("unrecognised", "i * g is not a sigmoid times a tanh")
    elif reader.product(write, "sigmoid", "tanh", added=True):
        wrong("add_not_mul", "c is `f * c + i + g`")
    elif keeps == "sigmoid" and reader.product(write / f, "sigmoid", "tanh"):
        wrong("unrecognised", "c is `f * (c + i * g)`")
    elif reader.gate(write / f).activation == "sigmoid":
        wrong("add_not_mul", "c is `(f + c) * (i + g)`")
    else:
        wrong("unrecognised", "i * g is not a sigmoid times a tanh")


def _read_o(
    h: Tensor, new: Tensor, old: Tensor, f: Tensor, anatomy: Anatomy, reader: Reader
) -> None:
    tanh_kept = anatomy.findings.get("c", ("",))[0] == "extra_tanh_c"
    readings: list[tuple[Finding | None, Gate]] = []
    for finding, factor in READ:
        by = factor(new[1:], old[1:], f)
        if reader.same(h[2:] * by[0], h[1] * by[1:]):
            largest = by.abs().argmax(0, keepdim=True)
            by = by.gather(0, largest)
            o = torch.where(by.abs() > 1e-6, h[1:].gather(0, largest) / by, torch.nan)[0]
            if tanh_kept and finding and finding[0] == "double_activation":
                finding = None
            readings.append((finding, reader.gate(o)))
    outer = (
        (("add_not_mul", "h is `o + tanh(c)`"), h - torch.tanh(new)),
        (("add_not_mul", "h is `o + c`"), h - new),
        (("missing_tanh_c", "h is `tanh(o * c)`"), torch.atanh(h) / new),
        (("double_activation", "tanh is taken of h as well"), torch.atanh(h) / torch.tanh(new)),
    )
    for finding, o in outer:
        if reader.same(o[2:], o[1].expand_as(o[2:])):
            readings.append((finding, reader.gate(o[1])))
    if not readings:
        anatomy.findings["h"] = "unrecognised", "h is not `o * tanh(c)` for any o"
        return
    finding, gate = max(
        readings, key=lambda r: (r[1].activation == "sigmoid", bool(r[1].activation))
    )
    if not gate.activation:
        gate = reader.shifted(gate.values) or gate
    anatomy.gates["o"] = gate
    if finding:
        anatomy.findings["h"] = finding
    if gate.activation == "constant":
        anatomy.findings["o"] = "unrecognised", "there is no output gate: h is `tanh(c)`"
    else:
        _judge_activation("o", gate, "sigmoid", anatomy)
