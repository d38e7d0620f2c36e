"""The known mistakes in an LSTM cell, and the other cells that are no mistakes.

A form is told by the equations that it changes, which stand beside what it does. A source is told
by which rows of the parameters feed which gate. What was seen stands for braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from lstm_teach.checks.cell.equations import RIGHT, Parts, parts
from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report


def the_gates(gates: str) -> str:
    """The gate f, the gates i and f."""
    names = " and ".join(", ".join(gates).rsplit(", ", 1))
    return f"the gate {names}" if len(gates) == 1 else f"the gates {names}"


def _subsets(gates: str) -> list[str]:
    """All of the gates first, then fewer of them."""
    return ["".join(some) for n in range(len(gates), 0, -1) for some in combinations(gates, n)]


def _entries(text: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """The name, why it is wrong, how to mend it, and the ways to make it, of each entry."""
    for entry in re.split(r"\n+(?=\w)", text.strip()):
        name, _, words = " ".join(entry.split()).partition(": ")
        words, *ways = words.split(" > ")
        why, _, fix = words.partition(" Fix: ")
        yield name, why, fix, ways


def _edits(way: str) -> Iterator[tuple[str, Parts]]:
    """What a way to make a mistake does, and the equations that it changes.

    Before `::` stand the gates that it may touch, "ifo*" for any of these three. {} is their names,
    and the equations are written once for each: {k} is the gate, {z} its sum, {a} its activation.
    """
    among, _, told = way.rpartition(" :: ")
    headline, how = told.split(" | ")
    for some in among.split(","):
        for gates in _subsets(some[:-1]) if some.endswith("*") else [some]:
            each = []
            for k in gates:
                names = {"k": k, "z": f"z_{k}", "a": RIGHT[k].partition("(")[0]}
                each.append(how.format(**names, from_c=f"(c_0 - h_0) @ U_{k}.T"))
            yield headline.format(the_gates(gates)), parts("; ".join(each or [how]))


# The name of a verdict, why it is wrong and how to mend it; then the ways to make it, each with the
# equations that it changes. The likeliest stands first.
_FORMS = """
swapped_return: LSTMs hand over `(h, c)` in this order everywhere in PyTorch.
    Fix: `return h, c`
    > you return c first and h second | first = c; second = h

missing_tanh_c: c can grow past 1 in size; h is read through a tanh, so that it stays between -1
    and 1.
    Fix: `h = o * torch.tanh(c)`
    > h is `o * c`, without a tanh around c | h = o * c
    > h is `tanh(o * c)`: the tanh is around too much | h = tanh(o * c)

extra_tanh_c: c itself is never squashed: that is how it keeps a value over many steps. The tanh
    around c belongs to h alone.
    Fix: `c = f * c + i * g`, then `h = o * torch.tanh(c)`
    > the c that you return went through a tanh | c = tanh(f * c_0 + i * g)
    > the c that you return went through a tanh, and h is made from it without another
      | c = tanh(f * c_0 + i * g); h = o * c
    > the c that you return is `tanh(c)`, though h is right | second = tanh(c)
    > the old c goes through a tanh before it is used | c = f * tanh(c_0) + i * g
    > i * g goes through another tanh | c = f * c_0 + tanh(i * g)

sigmoid_instead_of_tanh: A sigmoid is never negative, so the cell could only ever add, or h only
    be positive.
    Fix: `g = torch.tanh(...)` and `h = o * torch.tanh(c)`; sigmoid is for i, f and o
    > the candidate g goes through sigmoid, not tanh | g = sigmoid(z_g)
    > h is `o * sigmoid(c)`, not `o * tanh(c)` | h = o * sigmoid(c)
    > both g and c go through sigmoid, not tanh | g = sigmoid(z_g); h = o * sigmoid(c)

forget_used_for_input: The forget gate f says how much of the old c stays, the input gate i how
    much of g comes in; they are two gates with weights of their own.
    Fix: `c = f * c + i * g`
    > g is multiplied by f, not by i | i = sigmoid(z_f)

output_gate_from_forget: The output gate has weights of its own: the last of the four blocks of
    rows.
    Fix: `h = o * torch.tanh(c)`, with o made from the rows `3 * hidden_size` and up
    > the forget gate f does the work of o | o = sigmoid(z_f)

no_forget_gate: The first LSTM, of 1997, had no forget gate: c can then not be emptied as in
    nn.LSTMCell.
    Fix: `c = f * c + i * g`
    > c is `c + i * g`: no f in it | c = c_0 + i * g

add_not_mul: Gates multiply: 0 shuts, 1 lets through. Only f * c and i * g are added to each
    other.
    Fix: `c = f * c + i * g`, then `h = o * torch.tanh(c)`
    > h is `o + tanh(c)` | h = o + tanh(c)
    > c is `f + c + i * g` | c = f + c_0 + i * g
    > c is `f * c + i + g` | c = f * c_0 + i + g
    > c is `f + c + i + g` | c = f + c_0 + i + g
    > c is `(f + c) * (i + g)` | c = (f + c_0) * (i + g)
    > c is `(f * c) * (i * g)`: multiplied where they should be added | c = f * c_0 * i * g
    > h is `o + c` | h = o + c

stale_c: The order matters: first the new c, then h from the new c, and the new c is handed on.
    Fix: `c = f * c + i * g`, then `h = o * torch.tanh(c)`, then `return h, c`
    > h is made from the old c | h = o * tanh(c_0)
    > the c that you return is the old one | second = c_0
    > h is made from `f * c`, before i * g is added | h = o * tanh(f * c_0)
    > h is made from the old c, and the old c is returned | h = o * tanh(c_0); second = c_0
    > the c that you return is `f * c` | second = f * c_0

c_lost: c is the memory: it has to reach the next step, unsquashed and under its own name.
    Fix: `c = f * c + i * g`, then `return h, c`
    > h is returned twice, so c is gone | second = h
    > the old c is never used: c is `i * g` | c = i * g
    > the old h stands where the old c belongs | c = f * h_0 + i * g
    > the old h is returned as c | second = h_0
    > c is returned twice, so h is gone | first = c
    > the c that you return is `i * g` | second = i * g

cell_instead_of_h_in_gates: The gates look at x and at h, what the cell said last; c is only ever
    multiplied by f.
    Fix: use `h @ w_hh.T`, with h, in the sums of the four gates
    > ifgo :: the gates are made from x and c, not from x and h | z_{k} = z_{k} + {from_c}
    > ifgo :: the gates are made from x, h and c | z_{k} = z_{k} + c_0 @ U_{k}.T
    > i,f,g,o :: {} is made from x and c, not from x and h | z_{k} = z_{k} + {from_c}

forget_bias_after_sigmoid: A bias belongs inside the activation. Outside it pushes f past 1, and c
    grows at every step.
    Fix: `f = torch.sigmoid(z + bias)`
    > f is `sigmoid(z) + 1` | f = sigmoid(z_f) + 1
    > f is `sigmoid(z) + 2` | f = sigmoid(z_f) + 2
    > f is `sigmoid(z) + 0.5` | f = sigmoid(z_f) + 0.5
    > f,ifgo,ifo :: in {}, the activation is taken before adding `b_ih` and `b_hh`
      | {k} = {a}({z} - b_{k} - d_{k}) + b_{k} + d_{k}
    > f,ifgo,ifo :: in {}, the activation is taken before adding `b_hh`
      | {k} = {a}({z} - d_{k}) + d_{k}
    > f,ifgo,ifo :: in {}, the activation is taken before adding `b_ih`
      | {k} = {a}({z} - b_{k}) + b_{k}

hard_sigmoid: Some libraries take straight lines for speed. nn.LSTMCell does not.
    Fix: `torch.sigmoid` for i, f and o; `torch.tanh` for g and c
    > ifo* :: in {}, sigmoid is `clip(0.2 z + 0.5)` | {k} = clip(0.2 * {z} + 0.5, 0, 1)
    > ifo* :: in {}, sigmoid is `relu6(z + 3) / 6` | {k} = clip({z} / 6 + 0.5, 0, 1)
    > ifo* :: in {}, sigmoid is `clip((z + 1) / 2)` | {k} = clip(0.5 * {z} + 0.5, 0, 1)
    > ifo* :: in {}, sigmoid is `clip(0.25 z + 0.5)` | {k} = clip(0.25 * {z} + 0.5, 0, 1)
    > ifo :: in {}, sigmoid is `clip(0.2 z + 0.5)`, and tanh is clipped too
      | {k} = clip(0.2 * {z} + 0.5, 0, 1); g = hardtanh(z_g); h = o * hardtanh(c)
    > ifo :: in {}, sigmoid is `relu6(z + 3) / 6`, and tanh is clipped too
      | {k} = clip({z} / 6 + 0.5, 0, 1); g = hardtanh(z_g); h = o * hardtanh(c)
    > the tanh of c is clipped straight | h = o * hardtanh(c)

double_activation: Each sum goes through one activation, once: sigmoid for i, f, o and tanh for g.
    Fix: leave one of the two calls out
    > ifgo* :: in {}, the activation is taken twice | {k} = {a}({a}({z}))
    > ifgo,g :: in {}, sigmoid is taken before the activation | {k} = {a}(sigmoid({z}))
    > ifgo,g :: in {}, sigmoid is taken after the activation | {k} = sigmoid({a}({z}))
    > ifgo,ifo* :: in {}, tanh is taken before the activation | {k} = {a}(tanh({z}))
    > tanh is taken twice of the new c | h = o * tanh(tanh(c))
    > tanh is taken of h as well | h = tanh(o * tanh(c))

all_gates_same_weights: The rows of the weights are four blocks, i, f, g, o: one for each gate.
    Fix: `i, f, g, o = z.chunk(4, dim=1)`
    > ifgo :: one sum serves all four gates, that of i | {k} = {a}(z_i)
    > ifgo :: one sum serves all four gates, that of f | {k} = {a}(z_f)
    > ifgo :: one sum serves all four gates, that of g | {k} = {a}(z_g)
    > ifgo :: one sum serves all four gates, that of o | {k} = {a}(z_o)

unrecognised: Compare this line with the equations: `c = f * c + i * g`, `h = o * torch.tanh(c)`.
    Fix: write that line as the equations have it
    > c is `f * c - i * g` | c = f * c_0 - i * g
    > c is `f * (c + i * g)` | c = f * (c_0 + i * g)
    > i * g is never added: c is `f * c` | c = f * c_0
    > c is `i * (f * c + g)` | c = i * (f * c_0 + g)
    > h and c come back as they went in | first = h_0; second = c_0
    > the h that you return is the old one | first = h_0

unrecognised: Each gate has weights of its own: a block of rows, in the order i, f, g, o.
    Fix: `i, f, g, o = z.chunk(4, dim=1)`, and each of the four in its own place
    > f,o,g :: {} is made from the sum of i | {k} = {a}(z_i)
    > g :: {} is made from the sum of f | {k} = {a}(z_f)
    > i,g,f :: {} is made from the sum of o | {k} = {a}(z_o)
    > i,f,o :: {} is made from the sum of g | {k} = {a}(z_g)

unrecognised: nn.LSTMCell takes the state as `(h, c)`, and hands it back so.
    Fix: `h, c = state` at the beginning, and `return h, c`
    > ifgo :: h and c are exchanged where they come in: the order is (h, c)
      | z_{k} = z_{k} + {from_c}; c = f * h_0 + i * g
    > ifgo :: the state is (c, h), where it comes in and where you return it
      | z_{k} = z_{k} + {from_c}; c = f * h_0 + i * g; first = c; second = h
    > the state is (c, h), where it comes in and where you return it
      | c = f * h_0 + i * g; first = c; second = h

unrecognised: Each sum goes through one activation: sigmoid for i, f, o and tanh for g.
    Fix: `i, f, o = torch.sigmoid(...)` and `g = torch.tanh(...)`, each of its own sum
    > ifgo :: no gate has its sigmoid or tanh: the bare sums are used | {k} = {z}
    > ifgo :: nothing goes through a sigmoid or tanh: the bare sums are used | {k} = {z}; h = o * c
    > ifo* :: in {}, tanh stands for sigmoid | {k} = tanh({z})
    > ifo* :: in {}, there is no sigmoid | {k} = {z}
    > ifo* :: in {}, relu stands for sigmoid | {k} = relu({z})
    > the candidate g has no tanh | g = z_g

variant: What is forgotten and what comes in are one gate here; nn.LSTMCell has two, with weights
    of their own, so its weights do not fit.
    Fix: if nn.LSTMCell is what you want, `c = f * c + i * g`
    > coupled gates, `1 - i` stands for f | f = 1 - sigmoid(z_i)
    > coupled gates, `1 - f` stands for i | i = 1 - sigmoid(z_f)

variant: Every one of i, f and o has weights of its own in nn.LSTMCell.
    Fix: if nn.LSTMCell is what you want, `c = f * c + i * g` and `h = o * torch.tanh(c)`
    > no output gate, h is `tanh(c)` | h = tanh(c)
    > no input gate, c is `f * c + g` | c = f * c_0 + g

variant: In nn.LSTMCell g and c go through tanh, which keeps h between -1 and 1.
    Fix: if nn.LSTMCell is what you want, `g = torch.tanh(...)` and `h = o * torch.tanh(c)`
    > relu for tanh, in g and in h | g = relu(z_g); h = o * relu(c)
    > relu for tanh, in g | g = relu(z_g)
    > relu for tanh, in h | h = o * relu(c)
"""

FORMS: list[Mistake] = [
    Mistake(verdict, headline, why, fix, how)
    for verdict, why, fix, ways in _entries(_FORMS)
    for way in ways
    for headline, how in _edits(way)
]
"""Every way to make every known mistake in the equations; `how` is what it changes there."""

# What is told by more than the equations, by name: in plain words what it is, where {seen} is not
# said for it; why it is wrong, or what it means; how to mend it. The verdict is the name, or stands
# behind it.
_OTHERS = """
gate_order: PyTorch's order is i, f, g, o. Other libraries differ, and no shape tells.
    Fix: `i, f, g, o = z.chunk(4, dim=1)`; if that line is so already, two gates are exchanged
    further down, as in `c = f * c + i * g`
missing_bias: PyTorch's cell has two biases, and the sum of every gate takes both.
    Fix: `z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`
bias_twice: Each of the two biases is added once.
    Fix: `z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`
missing_transpose: PyTorch keeps a weight as [out, in], so it is transposed when it is multiplied
    from the right. Without the transpose a square matrix still fits, and gives other numbers.
    Fix: `x @ w_ih.T` and `h @ w_hh.T`
wrong_bias_slice: Each gate has a block of `hidden_size` entries of its own in each bias, in the
    order i, f, g, o.
    Fix: add the whole bias before you take the sum apart with `chunk(4, dim=1)`
forget_bias_added: nn.LSTMCell adds nothing by itself. A forget bias of 1 is an initial *value* of
    the parameter, set once.
    Fix: take the constant out of the step, and set `b_ih[H:2*H] = 1` when you create the weights
squeeze_batch_of_one: `.squeeze()` takes away every axis of size 1, and `.squeeze(0)` the first
    one, so the batch goes. The last batch of an epoch often has one sample. {found}
    Fix: leave `squeeze` out; h and c, `[batch, hidden_size]`, have no axis to take away
rows = unrecognised: Each gate has its own block of rows, in the order i, f, g, o.
    Fix: check the slice of each gate: the k-th is `[k * hidden_size : (k + 1) * hidden_size]`
interleaved = unrecognised: Each gate has a block of `hidden_size` rows, one block after the other:
    the first `hidden_size` rows are all for i. `z.view(batch, hidden_size, 4)` deals them out in
    turn.
    Fix: `i, f, g, o = z.chunk(4, dim=1)`; with a view, `z.view(batch, 4, hidden_size).unbind(1)`
joined = unrecognised: x belongs to `w_ih`, and h to `w_hh`: what `cat` puts first on one side has
    to be first on the other. The shapes fit in either order, so no error tells.
    Fix: `torch.cat([x, h], dim=1)` goes with `torch.cat([w_ih, w_hh], dim=1)`
reach = unrecognised: The sum of every gate takes both x and h.
    Fix: `z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`
tied = unrecognised: In nn.LSTMCell every unit has a row of weights of its own in each of the
    four gates, with an entry for each feature of x and each unit of h.
    Fix: look at the slices (`z[:, H]` without its colon is a single number, shared by all units)
    and at what is done to x and h before they meet their weights
gru = variant: a GRU | The old c has no effect: the cell has one state, h, and hands a gated part
    of it on. An LSTM has a memory c beside h.
rnn = variant: a plain RNN | The old c has no effect: h is made from x and the old h alone. An
    LSTM has a memory c beside h, and gates.
layer norm = variant: layer norm | The gates do not grow with x: x, or their sums, are normalised
    before the activation. nn.LSTMCell normalises nothing.
layer norm of c = variant: layer norm of c | h is made from a c that is normalised over its units,
    so that the h of one unit looks at the c of the others. nn.LSTMCell normalises nothing.
clipped gates = variant: clipped gates | However large x is, the gates stay between {seen}: their
    sums are clipped. nn.LSTMCell clips nothing.
clipped c = variant: clipped c | The new c never passes {seen}, however large the old c is: it is
    clipped. nn.LSTMCell clips nothing.
time decay = variant: time-decayed c | Where f is wide open, {seen} of the old c is kept, not all
    of it: c decays by itself. In nn.LSTMCell it does not.
zoneout = variant: zoneout | A part of the old {seen} stays, whatever the gates say: that is
    zoneout in evaluation mode. nn.LSTMCell has none.
peephole = variant: peepholes, diagonal | The gates of a unit look at the unit's own c, {seen}. In
    nn.LSTMCell the gates look at x and h only.
full peephole = variant: peepholes, full | The gates of a unit look at the c of every unit,
    {seen}. In nn.LSTMCell the gates look at x and h only.
multiplicative = variant: a multiplicative LSTM | The sums of the gates hold products of x and h.
    In nn.LSTMCell x and h are only added.
projection = variant: an LSTM with a projection | h has {seen}: that is nn.LSTM's proj_size.
    nn.LSTMCell has none, so this check cannot judge the rest.
normed = variant: an LSTM cell with norms | Without what normalises in it, {seen}, its numbers are
    nn.LSTMCell's. nn.LSTMCell normalises nothing.
low rank = variant: factorised weights | {seen} has a lower rank than a free matrix of its shape:
    it is a product of narrower ones. In nn.LSTMCell every entry is free.
twice = unrecognised: two calls with the same numbers give different results | Two calls with the
    same x, h and c gave different results. A cell keeps nothing between calls and draws nothing
    at random: its whole memory is the (h, c) that it is given. Weights are made once, in
    `__init__`, not in `forward`.
mixed = unrecognised: the samples of a batch are mixed | The h and c of a sample change with the
    other samples in the batch, so samples are mixed. Look for a sum or a mean over axis 0, or a
    `view` that moves the batch.
off = unrecognised: {seen} off | Compare the lines that make what is off with the equations. The
    other parts are right.
rounded = unrecognised: h and c are off | They are nearly nn.LSTMCell's: they differ after the
    second digit. Are they rounded, or computed in a lower precision, such as bfloat16, and then
    cast to a higher one?
bent = unrecognised: {seen} off | Its sums are no straight lines in x and h: something is done to
    x, to h or to the sums before their sigmoid or tanh, or the activation is another one. Compare
    it with `z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`.
unread = cannot_check: i and g could not be told apart | {seen} could not be read off what comes
    back: the sizes are too small (`check_cell(YourClass, input_size=5, hidden_size=4)`), or g
    goes through something that is never quite 1, as tanh is.
restless = cannot_check: its gates never saturate | However far x is from zero, the gates never
    come to rest, open or shut. The check reads a cell from there, so it cannot say whether this
    one is right.
whole = cannot_check: it reads a whole sequence, and this check is for one step, as nn.LSTMCell
    makes it | Give the check the step that stands inside its loop; or the whole of it to
    `check_lstm`.
other arguments = cannot_check: it does not take x, h and c | Your code takes {seen}; the check
    hands over x, h and c, or with them the four weights w_ih, w_hh, b_ih and b_hh. Say how it is
    called, and pick h and c out of what it returns: `check_cell(cell, call=lambda net, x, h, c:
    net(x, h, c))`, or, of a function that is handed its weights, `check_cell(cell, call=lambda
    net, x, h, c, w_ih, w_hh, b_ih, b_hh: net(x, h, c, w_ih, w_hh, b_ih + b_hh))`.
other axes = cannot_check: it takes an x or a state of other axes | It wants {seen}. The check
    hands over x `[batch, input_size]`, and h and c `[batch, hidden_size]`, as nn.LSTMCell takes
    them. If yours can be made of these, say how, and hand back h and c of the shape that they
    came in: `check_cell(cell, call=lambda net, x, h, c: ...)`.
no sizes = cannot_check: its sizes could not be found | Attributes do not tell both `input_size`
    and `hidden_size`, and no sizes taken from the weights fit. Pass them: `check_cell(cell,
    input_size=..., hidden_size=...)`, or say how it is called: `check_cell(cell, call=lambda net,
    x, h, c: net(x, (h, c)))`. The first try said: {seen}
"""

WORDS: dict[str, Mistake] = {
    **{mistake.verdict: mistake for mistake in reversed(FORMS)},
    "exchanged": next(m for m in FORMS if m.headline.startswith("h and c are exchanged")),
    **{
        name: Mistake(verdict or name, headline or "{seen}", why, fix, None)
        for known, words, fix, _ in _entries(_OTHERS)
        for name, _, verdict in [known.partition(" = ")]
        for headline, _, why in [words.rpartition(" | ")]
    },
}
"""The words for each verdict, and for what is told by more than the equations, by name."""


def both(one: Mistake, two: Mistake) -> Mistake:
    """Two forms at once."""
    return Mistake(
        one.verdict if one.verdict == two.verdict else "unrecognised",
        f"two mistakes at once: {one.headline}; and {two.headline}",
        f"{one.why}\n{two.why}",
        f"{one.fix}. And: {two.fix}",
        {**one.how, **two.how},
    )


def told(
    mistake: str | Mistake,
    seen: str = "",
    evidence: Mapping[str, Any] | None = None,
    found: str = "",
) -> Report:
    """The report on a mistake, or on another kind of cell, whose name is then measured."""
    if isinstance(mistake, str):
        words = WORDS[mistake]
        mistake = replace(words, headline="{seen}") if words.how and seen else words
    # What follows the comma of a form is how it is made.
    name = mistake.headline.partition(",")[0] if mistake.how else mistake.headline
    kind = {"cell": name} if mistake.verdict == "variant" else {}
    return mistake.report({**kind, **(evidence or {})}, seen=seen, found=found)
