"""Gates that are made from the same weights or biases, or from none."""

from __future__ import annotations

from itertools import combinations

from torch import Tensor

from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.cell.findings import Anatomy
from lstm_teach.checks.cell.reading import DIRECTIONS, Reader

_SHARED = {"fi": "forget_used_for_input", "fo": "output_gate_from_forget"}


def compare_the_gates(anatomy: Anatomy, reader: Reader) -> None:
    """Gates that are made from the same weights or biases, or from none."""
    lines = {name: gate.lines for name, gate in anatomy.gates.items()}
    pairs = ["".join(pair) for pair in combinations("figo", 2)]
    parts = {
        "the input weights": slice(0, DIRECTIONS),
        "the recurrent weights": slice(DIRECTIONS, 2 * DIRECTIONS),
    }
    if reader.same(lines["f"], -lines["i"]):
        anatomy.findings["weights"] = (
            "no_forget_gate",
            "the gates are coupled, f is `1 - i`: a variant of the LSTM with one gate less",
        )
        return
    for what, part in parts.items():
        idle = [gate for gate in GATES if not _used(lines[gate][:, part])]
        if idle:
            who = "x" if part.start == 0 else "h"
            anatomy.findings["weights"] = (
                "unrecognised",
                f"{who} never reaches the gate {', '.join(idle)}",
            )
            return
        shared = [p for p in pairs if reader.close(lines[p[0]][:, part], lines[p[1]][:, part])]
        if len(shared) == len(pairs):
            anatomy.findings["weights"] = (
                "all_gates_same_weights",
                f"all four gates have {what} in common",
            )
            return
        if shared:
            one, other = shared[0][0], shared[0][1]
            verdict = _SHARED.get(shared[0], "unrecognised")
            if reader.close(lines[one], lines[other]):
                what = "all their weights and biases"
            anatomy.findings["weights"] = (
                verdict,
                f"the gates {one} and {other} have {what} in common",
            )
            return
    _compare_the_biases({name: line[:, -1] for name, line in lines.items()}, anatomy, reader)


def _used(lines: Tensor) -> bool:
    return bool(lines.abs().max() > 1e-3)


def _compare_the_biases(offsets: dict[str, Tensor], anatomy: Anatomy, reader: Reader) -> None:
    biased = [gate for gate in GATES if _used(offsets[gate])]
    if 0 < len(biased) < len(GATES):
        without = ", ".join(gate for gate in GATES if gate not in biased)
        anatomy.findings["weights"] = "missing_bias", f"no bias reaches {without}"
    for one, other in combinations(biased, 2):
        if reader.close(offsets[one], offsets[other]):
            anatomy.findings["weights"] = (
                "wrong_bias_slice",
                f"the gates {one} and {other} have the same bias",
            )
