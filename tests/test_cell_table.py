"""Every kind of slip in the table of cell mistakes, written as a learner writes it, is told."""

from itertools import cycle, permutations

import pytest
import torch
from torch import nn

from lstm_teach import check_cell

STEP = """
def step(x, h, c, w_ih, w_hh, b_ih, b_hh):
    z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, f, g, o = z.chunk(4, dim=1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    new_c = f * c + i * g
    new_h = o * tanh(new_c)
    return new_h, new_c
"""


def written(*edits):
    """The step as text, with each edit's first part replaced by its second."""
    text = STEP
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    names = {"torch": torch, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
    names |= {"hardtanh": nn.functional.hardtanh, "relu6": nn.functional.relu6}
    exec(text, names)
    return names["step"]


C = "new_c = f * c + i * g"
H = "new_h = o * tanh(new_c)"
OUT = "return new_h, new_c"
ACTIVATED = "sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)"
USED = f"    {C}"
Z = "z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh"


def before_c(line):
    """One more line, between the gates and the new c."""
    return (USED, f"    {line}\n{USED}")


SLIPS = [
    ("You return c first and h second", (OUT, "return new_c, new_h")),
    ("H is `o * c`, without a tanh around c", (H, "new_h = o * new_c")),
    ("H is `tanh(o * c)`", (H, "new_h = tanh(o * new_c)")),
    (
        "The c that you return went through a tanh",
        (C, "new_c = tanh(f * c + i * g)"),
    ),
    (
        "went through a tanh, and h is made from it without another",
        (C, "new_c = tanh(f * c + i * g)"),
        (H, "new_h = o * new_c"),
    ),
    ("The old c goes through a tanh before it is used", (C, "new_c = f * tanh(c) + i * g")),
    ("I * g goes through another tanh", (C, "new_c = f * c + tanh(i * g)")),
    ("The candidate g goes through sigmoid, not tanh", ("tanh(g)", "sigmoid(g)")),
    ("H is `o * sigmoid(c)`, not `o * tanh(c)`", (H, "new_h = o * sigmoid(new_c)")),
    (
        "Both g and c go through sigmoid",
        ("tanh(g)", "sigmoid(g)"),
        (H, "new_h = o * sigmoid(new_c)"),
    ),
    ("G is multiplied by f, not by i", (C, "new_c = f * c + f * g")),
    ("The forget gate f does the work of o", (H, "new_h = f * tanh(new_c)")),
    ("C is `c + i * g`: no f in it", (C, "new_c = c + i * g")),
    ("coupled gates, `1 - i` stands for f", (C, "new_c = (1 - i) * c + i * g")),
    ("coupled gates, `1 - f` stands for i", (C, "new_c = f * c + (1 - f) * g")),
    ("H is `o + tanh(c)`", (H, "new_h = o + tanh(new_c)")),
    ("C is `f + c + i * g`", (C, "new_c = f + c + i * g")),
    ("C is `f * c + i + g`", (C, "new_c = f * c + i + g")),
    ("C is `f + c + i + g`", (C, "new_c = f + c + i + g")),
    ("C is `(f + c) * (i + g)`", (C, "new_c = (f + c) * (i + g)")),
    ("C is `(f * c) * (i * g)`", (C, "new_c = f * c * i * g")),
    ("H is `o + c`", (H, "new_h = o + new_c")),
    ("H is made from the old c", (H, "new_h = o * tanh(c)")),
    ("The c that you return is the old one", (OUT, "return new_h, c")),
    ("H is made from `f * c`, before i * g is added", (H, "new_h = o * tanh(f * c)")),
    (
        "H is made from the old c, and the old c is returned",
        (H, "new_h = o * tanh(c)"),
        (OUT, "return new_h, c"),
    ),
    ("The c that you return is `f * c`", (OUT, "return new_h, f * c")),
    ("H is returned twice, so c is gone", (OUT, "return new_h, new_h")),
    ("The old c is never used: c is `i * g`", (C, "new_c = i * g")),
    ("The old h stands where the old c belongs", (C, "new_c = f * h + i * g")),
    ("The old h is returned as c", (OUT, "return new_h, h")),
    ("C is returned twice, so h is gone", (OUT, "return new_c, new_c")),
    ("The c that you return is `i * g`", (OUT, "return new_h, i * g")),
    ("f is made from the sum of i", (C, "new_c = i * c + i * g")),
    ("o is made from the sum of i", (H, "new_h = i * tanh(new_c)")),
    ("no output gate, h is `tanh(c)`", (H, "new_h = tanh(new_c)")),
    ("no input gate, c is `f * c + g`", (C, "new_c = f * c + g")),
    ("The candidate g has no tanh", ("tanh(g)", "g")),
    ("C is `f * c - i * g`", (C, "new_c = f * c - i * g")),
    ("C is `f * (c + i * g)`", (C, "new_c = f * (c + i * g)")),
    ("I * g is never added: c is `f * c`", (C, "new_c = f * c")),
    ("C is `i * (f * c + g)`", (C, "new_c = i * (f * c + g)")),
    ("H never reaches the gates", (Z, "z = x @ w_ih.T + b_ih + b_hh")),
    ("X never reaches the gates", (Z, "z = b_ih + h @ w_hh.T + b_hh")),
    ("H and c come back as they went in", (OUT, "return h, c")),
    ("The h that you return is the old one", (OUT, "return h, new_c")),
    ("H and c are exchanged where they come in", (Z, f"h, c = c, h\n    {Z}")),
    # The gates look at c.
    ("The gates are made from x and c, not from x and h", ("h @ w_hh.T", "c @ w_hh.T")),
    ("The gates are made from x, h and c", ("h @ w_hh.T", "(h + c) @ w_hh.T")),
    *(
        (
            f"The gate {gate} is made from x and c, not from x and h",
            ("    i, f, g, o = sig", f"    {gate} = {gate} + (c - h) @ w_hh.chunk(4)[{k}].T\n"
             "    i, f, g, o = sig"),
        )
        for k, gate in enumerate("ifgo")
    ),
    # Constants and biases in the wrong place.
    ("1 is added to the gate f", ("sigmoid(f)", "sigmoid(f + 1)")),
    ("0.5 is added to the gate f", ("sigmoid(f)", "sigmoid(f + 0.5)")),
    ("1 is added to the gates i, f, g and o before the activation", (Z, f"{Z} + 1")),
    ("1 is added to the gate g", ("tanh(g)", "tanh(g + 1)")),
    ("F is `sigmoid(z) + 1`", ("sigmoid(f)", "sigmoid(f) + 1")),
    ("F is `sigmoid(z) + 2`", ("sigmoid(f)", "sigmoid(f) + 2")),
    (
        "In the gate f, the activation is taken before adding `b_ih` and `b_hh`",
        before_c("late = (b_ih + b_hh).chunk(4)[1]"),
        before_c("f = sigmoid(z.chunk(4, dim=1)[1] - late) + late"),
    ),
    (
        "the activation is taken before adding `b_hh`",
        (Z, "z = x @ w_ih.T + b_ih + h @ w_hh.T"),
        before_c("i, f, g, o = ("
                 "gate + late for gate, late in zip((i, f, g, o), b_hh.chunk(4)))"),
    ),
    ("`b_hh` is left out", (" + b_hh", "")),
    ("`b_ih` is left out", (" + b_ih", "")),
    ("Both biases are left out", (" + b_ih", ""), (" + b_hh", "")),
    ("`b_ih` is added twice, `b_hh` is left out", (" + b_hh", " + b_ih")),
    ("`b_ih` is left out, `b_hh` is added twice", (" + b_ih", " + b_hh")),
    ("Both biases are added twice", (" + b_ih", " + 2 * b_ih + b_hh")),
    ("`b_ih` is added twice", (" + b_ih", " + 2 * b_ih")),
    # Activations.
    *(
        (
            f"in the gates i, f and o, sigmoid is `{formula}`",
            *((f"sigmoid({gate})", code.format(gate)) for gate in "ifo"),
        )
        for formula, code in {
            "clip(0.2 z + 0.5)": "({} / 5 + 0.5).clip(0, 1)",
            "relu6(z + 3) / 6": "relu6({} + 3) / 6",
            "clip(0.25 z + 0.5)": "({} / 4 + 0.5).clip(0, 1)",
            "clip((z + 1) / 2)": "(({} + 1) / 2).clip(0, 1)",
        }.items()
    ),
    (
        "sigmoid is `relu6(z + 3) / 6`, and tanh is clipped too",
        *((f"sigmoid({gate})", f"relu6({gate} + 3) / 6") for gate in "ifo"),
        ("tanh(", "hardtanh("),
    ),
    ("the activation is taken twice", before_c(f"i, f, g, o = {ACTIVATED}")),
    ("in the gate f, the activation is taken twice", ("sigmoid(f)", "sigmoid(sigmoid(f))")),
    ("sigmoid is taken before the activation", (Z, f"{Z}; z = sigmoid(z)")),
    ("sigmoid is taken after the activation", ("tanh(g)", "sigmoid(tanh(g))")),
    ("tanh is taken before the activation", (Z, f"{Z}; z = tanh(z)")),
    ("Tanh is taken twice of the new c", (H, "new_h = o * tanh(tanh(new_c))")),
    ("Tanh is taken of h as well", (H, "new_h = tanh(o * tanh(new_c))")),
    ("No gate has its sigmoid or tanh", (ACTIVATED, "i, f, g, o")),
    ("in the gate i, tanh stands for sigmoid", ("sigmoid(i)", "tanh(i)")),
    ("in the gate f, there is no sigmoid", ("sigmoid(f)", "f")),
    ("in the gate o, relu stands for sigmoid", ("sigmoid(o)", "relu(o)")),
    ("relu for tanh, in g", ("tanh(g)", "relu(g)")),
    ("relu for tanh, in h", (H, "new_h = o * relu(new_c)")),
    # Weights as they are stored.
    (
        "There is no transpose of `w_hh`",
        ("h @ w_hh.T", "torch.cat([h @ block for block in w_hh.chunk(4)], dim=1)"),
    ),
    ("There is no transpose of `w_hh`", ("w_hh.T", "w_hh.reshape(w_hh.shape[::-1])")),
]  # fmt: skip


@pytest.mark.parametrize(("words", "edits"), [(w, e) for w, *e in SLIPS], ids=[s[0] for s in SLIPS])
def test_a_line_that_slipped_is_told(words, edits):
    message = str(check_cell(written(*edits)))
    assert words.lower() in message.lower()


def test_the_step_without_a_slip_is_right():
    assert check_cell(written())


def with_rows(source, names):
    """The right step, with blocks of these parameters taken from elsewhere: "ffgo" for i from f."""

    def step(x, h, c, w_ih, w_hh, b_ih, b_hh):
        given = {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
        for name in names:
            block = dict(zip("ifgo", given[name].chunk(4), strict=True))
            given[name] = torch.cat([block[gate] for gate in source])
        return written()(x, h, c, **given)

    return step


PARAMETERS = {
    "the weights and biases": ("w_ih", "w_hh", "b_ih", "b_hh"),
    "the rows of `w_ih` and `w_hh`": ("w_ih", "w_hh"),
    "the rows of `w_ih`": ("w_ih",),
    "the rows of `w_hh`": ("w_hh",),
    "the rows of `w_ih` and `b_ih`": ("w_ih", "b_ih"),
    "the rows of `w_hh` and `b_hh`": ("w_hh", "b_hh"),
    "the rows of `b_ih` and `b_hh`": ("b_ih", "b_hh"),
    "the rows of `b_ih`": ("b_ih",),
    "the rows of `b_hh`": ("b_hh",),
}


@pytest.mark.parametrize(
    ("pair", "what"), list(zip(permutations("ifgo", 2), cycle(PARAMETERS), strict=False))
)
def test_a_gate_that_takes_rows_of_another_gate_is_told_with_both_names(pair, what):
    to, taken = pair
    message = str(check_cell(with_rows("ifgo".replace(to, taken), PARAMETERS[what])))
    whole = f"{to} is made from the sum of {taken}"
    if (to, taken) == ("i", "f"):
        whole = "g is multiplied by f, not by i"
    words = f"gate {to} takes {what} of the gate {taken}"
    assert (whole if what == "the weights and biases" else words) in message


@pytest.mark.parametrize(("gate", "what"), list(zip("ifgo", PARAMETERS, strict=False)))
def test_one_block_for_all_gates_is_told(gate, what):
    report = check_cell(with_rows(4 * gate, PARAMETERS[what]))
    assert report.verdict == "all_gates_same_weights"
    assert f"ll four gates take {what} of {gate}" in str(report) or what == "the weights and biases"


@pytest.mark.parametrize("order", ["ifog", "fiog", "gofi", "oigf"])
def test_another_order_is_told(order):
    names = ", ".join(order)
    cell = written(("i, f, g, o = z.chunk", f"{names} = z.chunk"))
    assert f"takes the four blocks of rows as {names}." in str(check_cell(cell))


def test_biases_in_another_order_are_told():
    report = check_cell(with_rows("ifog", ("b_ih", "b_hh")))
    assert report.verdict == "wrong_bias_slice"
    assert (
        "the gates i, f, g, o take the rows of `b_ih` and `b_hh` of i, f, o, g"
        in str(report).lower()
    )


@pytest.mark.parametrize(("k", "gate"), list(enumerate("ifgo")))
@pytest.mark.parametrize(("factor", "done"), [(0, "left out"), (2, "added twice")])
def test_a_bias_that_one_gate_lacks_or_has_twice_is_told(k, gate, factor, done):
    def step(x, h, c, w_ih, w_hh, b_ih, b_hh):
        block = slice(k * h.shape[1], (k + 1) * h.shape[1])
        b_ih = b_ih.clone()
        b_ih[block] = factor * b_ih[block]
        return written()(x, h, c, w_ih, w_hh, b_ih, b_hh)

    assert f"n the gate {gate} only, `b_ih` is {done}" in str(check_cell(step))
