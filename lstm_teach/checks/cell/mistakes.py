"""The known mistakes in an LSTM cell: what each computes, and what to say about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from lstm_teach.checks.cell import ways
from lstm_teach.checks.cell.equations import RIGHT, Parts, run
from lstm_teach.checks.cell.words import sentence

sigmoid, tanh = torch.sigmoid, torch.tanh


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        verdict: its slug; "unrecognised" for a slip that has no name of its own.
        why: what is wrong with it.
        fix: the line that mends it.
        ways: the ways to make it, the likeliest first: what each does, and the parts of the
            right equations that it changes.
        paired: how many of the first ways are also tried together with other mistakes.
    """

    verdict: str
    why: str
    fix: str
    ways: ways.Ways
    paired: int = 1

    def told(self, detail: str) -> str:
        """The words for this mistake, made in one way."""
        return f"{sentence(detail)}\n{self.why}\nFix: {self.fix}."


def candidates() -> Iterator[tuple[Mistake, str, Parts]]:
    """Every known way to make every known mistake."""
    return ((mistake, *way) for mistake in MISTAKES for way in mistake.ways.items())


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "swapped_return",
        "LSTMs hand over `(h, c)` in this order everywhere in PyTorch.",
        "`return h, c`",
        {"you return c first and h second": {"returned": lambda v: (v.c, v.h)}},
    ),
    Mistake(
        "missing_tanh_c",
        "c can grow past 1 in size; h is read through a tanh, so that it stays between -1 and 1.",
        "`h = o * torch.tanh(c)`",
        {
            "h is `o * c`, without a tanh around c": {"h": lambda v: v.o * v.c},
            "h is `tanh(o * c)`: the tanh is around too much": {"h": lambda v: tanh(v.o * v.c)},
        },
    ),
    Mistake(
        "extra_tanh_c",
        "c itself is never squashed: that is how it keeps a value over many steps. "
        "The tanh around c belongs to h alone.",
        "`c = f * c + i * g`, then `h = o * torch.tanh(c)`",
        ways.extra_tanhs(),
        paired=2,
    ),
    Mistake(
        "sigmoid_instead_of_tanh",
        "A sigmoid is never negative, so the cell could only ever add, or h only be positive.",
        "`g = torch.tanh(...)` and `h = o * torch.tanh(c)`; sigmoid is for i, f and o",
        {
            "the candidate g goes through sigmoid, not tanh": {"g": sigmoid},
            "h is `o * sigmoid(c)`, not `o * tanh(c)`": {"h": lambda v: v.o * sigmoid(v.c)},
            "both g and c go through sigmoid, not tanh": {
                "g": sigmoid,
                "h": lambda v: v.o * sigmoid(v.c),
            },
        },
        paired=2,
    ),
    Mistake(
        "forget_used_for_input",
        "The forget gate f says how much of the old c stays, the input gate i how much of g comes "
        "in; they are two gates with weights of their own.",
        "`c = f * c + i * g`",
        {
            "g is multiplied by f, not by i": {"used": lambda v: {"i": v.f}},
            **ways.rows_of_another(["ffgo"], ways.ROWS),
        },
    ),
    Mistake(
        "output_gate_from_forget",
        "The output gate has weights of its own: the last of the four blocks of rows.",
        "`h = o * torch.tanh(c)`, with o made from the rows `3 * hidden_size` and up",
        {
            "the forget gate f does the work of o": {"used": lambda v: {"o": v.f}},
            **ways.rows_of_another(["ifgf"], ways.ROWS),
        },
    ),
    Mistake(
        "no_forget_gate",
        "This is another cell (the first LSTM of 1997 had no forget gate): c can then not be "
        "emptied as in nn.LSTMCell.",
        "`c = f * c + i * g`",
        {"c is `c + i * g`: no f in it": {"c": lambda v: v.c_0 + v.i * v.g}},
    ),
    Mistake(
        "no_forget_gate",
        "This is another cell: what is forgotten and what comes in are two gates of nn.LSTMCell, "
        "with weights of their own.",
        "`c = f * c + i * g`",
        {
            "the gates are coupled, `(1 - i)` stands for f: a variant of the LSTM with one gate "
            "less": {"used": lambda v: {"f": 1 - v.i}},
            "the gates are coupled, `(1 - f)` stands for i: a variant of the LSTM with one gate "
            "less": {"used": lambda v: {"i": 1 - v.f}},
        },
        paired=0,
    ),
    Mistake(
        "add_not_mul",
        "Gates multiply: 0 shuts, 1 lets through. Only f * c and i * g are added to each other.",
        "`c = f * c + i * g`, then `h = o * torch.tanh(c)`",
        {
            "h is `o + tanh(c)`": {"h": lambda v: v.o + tanh(v.c)},
            "c is `f + c + i * g`": {"c": lambda v: v.f + v.c_0 + v.i * v.g},
            "c is `f * c + i + g`": {"c": lambda v: v.f * v.c_0 + v.i + v.g},
            "c is `f + c + i + g`": {"c": lambda v: v.f + v.c_0 + v.i + v.g},
            "c is `(f + c) * (i + g)`": {"c": lambda v: (v.f + v.c_0) * (v.i + v.g)},
            "c is `(f * c) * (i * g)`: multiplied where they should be added": {
                "c": lambda v: v.f * v.c_0 * v.i * v.g
            },
            "h is `o + c`": {"h": lambda v: v.o + v.c},
        },
        paired=3,
    ),
    Mistake(
        "stale_c",
        "The order matters: first the new c, then h from the new c, and the new c is handed on.",
        "`c = f * c + i * g`, then `h = o * torch.tanh(c)`, then `return h, c`",
        {
            "h is made from the old c": {"h": lambda v: v.o * tanh(v.c_0)},
            "the c that you return is the old one": {"returned": lambda v: (v.h, v.c_0)},
            "h is made from `f * c`, before i * g is added": {
                "h": lambda v: v.o * tanh(v.f * v.c_0)
            },
            "h is made from the old c, and the old c is returned": {
                "h": lambda v: v.o * tanh(v.c_0),
                "returned": lambda v: (v.h, v.c_0),
            },
            "the c that you return is `f * c`": {"returned": lambda v: (v.h, v.f * v.c_0)},
        },
        paired=2,
    ),
    Mistake(
        "c_lost",
        "c is the memory: it has to reach the next step, unsquashed and under its own name.",
        "`c = f * c + i * g`, then `return h, c`",
        {
            "h is returned twice, so c is gone": {"returned": lambda v: (v.h, v.h)},
            "the old c is never used: c is `i * g`": {"c": lambda v: v.i * v.g},
            "the old h stands where the old c belongs": {"c": lambda v: v.f * v.h_0 + v.i * v.g},
            "the old h is returned as c": {"returned": lambda v: (v.h, v.h_0)},
            "c is returned twice, so h is gone": {"returned": lambda v: (v.c, v.c)},
            "the c that you return is `i * g`": {"returned": lambda v: (v.h, v.i * v.g)},
        },
        paired=3,
    ),
    Mistake(
        "cell_instead_of_h_in_gates",
        "The gates look at x and at h, what the cell said last; c is only ever multiplied by f.",
        "use `h @ w_hh.T`, with h, in the sums of the four gates",
        ways.cell_for_h(),
    ),
    Mistake(
        "forget_bias_after_sigmoid",
        "A bias belongs inside the activation. Outside it pushes f past 1, and c grows "
        "at every step.",
        "`f = torch.sigmoid(z + bias)`",
        ways.biases_after(),
    ),
    Mistake(
        "forget_bias_added",
        "nn.LSTMCell adds nothing by itself. A forget bias of 1 is an initial *value* of the "
        "parameter, set once.",
        "take the constant out of the step, and set `b_ih[H:2*H] = 1` when you create the weights",
        ways.added_biases(),
    ),
    Mistake(
        "hard_sigmoid",
        "This is another cell: some libraries take straight lines for speed. nn.LSTMCell does not.",
        "`torch.sigmoid` for i, f and o; `torch.tanh` for g and c",
        ways.hard_sigmoids(),
    ),
    Mistake(
        "double_activation",
        "Each sum goes through one activation, once: sigmoid for i, f, o and tanh for g.",
        "leave one of the two calls out",
        ways.double_activations(),
        paired=4,
    ),
    Mistake(
        "all_gates_same_weights",
        "The rows of the weights are four blocks, i, f, g, o: one for each gate.",
        "`i, f, g, o = z.chunk(4, dim=1)`",
        ways.rows_of_another(ways.ONE_FOR_ALL, ways.ROWS),
    ),
    Mistake(
        "missing_bias",
        "PyTorch's cell has two biases, and the sum of every gate takes both.",
        "`z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`",
        ways.bias_factors(0.0, "left out"),
        paired=3,
    ),
    Mistake(
        "bias_twice",
        "Each of the two biases is added once.",
        "`z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`",
        {
            **ways.bias_factors(2.0, "added twice"),
            "`b_ih` is added twice, `b_hh` never": {"b_hh": RIGHT["b_ih"]},
            "`b_hh` is added twice, `b_ih` never": {"b_ih": RIGHT["b_hh"]},
        },
        paired=3,
    ),
    Mistake(
        "missing_transpose",
        "PyTorch keeps a weight as [out, in], so it is transposed when it is multiplied from the "
        "right. Without the transpose a square matrix still fits, and gives other numbers.",
        "`x @ w_ih.T` and `h @ w_hh.T`",
        ways.missing_transposes(),
    ),
    Mistake(
        "gate_order",
        "PyTorch's order is i, f, g, o. Other libraries differ, and no shape tells.",
        "`i, f, g, o = z.chunk(4, dim=1)`; if that line is so already, two gates are exchanged "
        "further down, as in `c = f * c + i * g`",
        ways.orders(),
        paired=23,
    ),
    Mistake(
        "wrong_bias_slice",
        "Each gate has a block of `hidden_size` entries of its own in each bias, in the order "
        "i, f, g, o.",
        "add the whole bias before you take the sum apart with `chunk(4, dim=1)`",
        ways.rows_of_another(
            [*ways.ONE_FROM_ANOTHER, *ways.ONE_FOR_ALL, *ways.ORDERS], ways.BIASES
        ),
        paired=0,
    ),
    Mistake(
        "unrecognised",
        "Compare this line with the equations: `c = f * c + i * g`, `h = o * torch.tanh(c)`.",
        "write that line as the equations have it",
        ways.slips(),
        paired=8,
    ),
    Mistake(
        "unrecognised",
        "The sum of every gate takes both x and h.",
        "`z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`",
        {
            "h never reaches the gates": {"from_h": lambda d: 0 * RIGHT["from_h"](d)},
            "x never reaches the gates": {"from_x": lambda d: 0 * RIGHT["from_x"](d)},
        },
        paired=0,
    ),
    Mistake(
        "unrecognised",
        "nn.LSTMCell takes the state as `(h, c)`, and hands it back so.",
        "`h, c = state` at the beginning, and `return h, c`",
        {
            "h and c are exchanged where they come in: the order is (h, c)": {
                "returned": lambda v: run(replace(v.given, h=v.c_0, c=v.h_0), {})
            },
            "the state is (c, h), where it comes in and where you return it": {
                "returned": lambda v: run(replace(v.given, h=v.c_0, c=v.h_0), {})[::-1]
            },
        },
        paired=0,
    ),
    Mistake(
        "unrecognised",
        "Each sum goes through one activation: sigmoid for i, f, o and tanh for g.",
        "`i, f, o = torch.sigmoid(...)` and `g = torch.tanh(...)`, each of its own sum",
        ways.other_activations(),
        paired=0,
    ),
    Mistake(
        "unrecognised",
        "Each gate has its own block of rows, in the order i, f, g, o.",
        "check the slice of each gate: the k-th is `[k * hidden_size : (k + 1) * hidden_size]`",
        ways.rows_of_another(ways.ONE_FROM_ANOTHER, ways.ROWS),
        paired=0,
    ),
)
