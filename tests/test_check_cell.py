"""check_cell: right cells are never called wrong, wrong ones are called by their names."""

from __future__ import annotations

import random
import time

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from lstm_teach import check_cell
from lstm_teach.checks.cell.equations import FORMS, GATES, GIVEN, run
from tests.zoo import load
from tests.zoo.cell.drawn import drawn
from tests.zoo.cell.modules import CannotBeCopied, WithDropoutAndBuffers
from tests.zoo.cell.right import TwoLinears, chunked

ZOO = load("tests.zoo.cell")

VERDICTS = (
    *("gate_order", "missing_tanh_c", "extra_tanh_c", "sigmoid_instead_of_tanh", "missing_bias"),
    *("bias_twice", "wrong_bias_slice", "all_gates_same_weights", "forget_used_for_input"),
    *("output_gate_from_forget", "forget_bias_added", "forget_bias_after_sigmoid", "stale_c"),
    *("no_forget_gate", "add_not_mul", "c_lost", "cell_instead_of_h_in_gates", "hard_sigmoid"),
    *("double_activation", "missing_transpose", "swapped_return", "squeeze_batch_of_one"),
)


def step_with(changed, order=GATES):
    return lambda *args: run(dict(zip(GIVEN, args, strict=True)), changed, order)


def fused(changed, order=GATES):
    """nn.LSTMCell's parameters and a step with some equations changed."""

    class Fused(nn.LSTMCell):
        def forward(self, x, state):
            own = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            return step_with(changed, order)(x, *state, *own)

    return Fused


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_two_differently_written_wrong_cells(verdict):
    assert len({example.name for example in ZOO if example.verdict == verdict}) >= 2


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMS))
def test_a_function_with_one_known_mistake_gets_its_name(mistake):
    report = check_cell(step_with(mistake.how))
    assert report.verdict == mistake.verdict, report


@settings(max_examples=40, deadline=None)
@example(order=GATES, input_size=2, hidden_size=1, bias=True, transposed=False)
@given(
    order=st.permutations(GATES),
    input_size=st.integers(1, 9),
    hidden_size=st.integers(1, 9),
    bias=st.booleans(),
    transposed=st.booleans(),
)
def test_any_gate_order_is_right_in_a_module(order, input_size, hidden_size, bias, transposed):
    order = "".join(order)

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = (input_size + hidden_size, 4 * hidden_size)
            self.w = nn.Parameter(torch.zeros(sizes if transposed else sizes[::-1]))
            self.b = nn.Parameter(torch.zeros(4 * hidden_size)) if bias else 0.0
            self.input_size, self.hidden_size = input_size, hidden_size

        def forward(self, x, state):
            v = torch.cat((x, state[0]), 1)
            z = v @ (self.w if transposed else self.w.T) + self.b
            z = dict(zip(order, z.chunk(4, 1), strict=True))
            c = z["f"].sigmoid() * state[1] + z["i"].sigmoid() * z["g"].tanh()
            return z["o"].sigmoid() * c.tanh(), c

    report = check_cell(Cell())
    assert report.ok, report
    assert report.evidence["gate order"] == " ".join(order)


FROM_OUTSIDE = {
    # What a module with weights of its own cannot tell from another mistake, or from none.
    "c is `f * c - i * g`": "ok",
    "the gate f is made from the sum of i": "forget_used_for_input",
    "the gate f is made from the sum of o": "output_gate_from_forget",
    "i * g goes through another tanh": "double_activation",
    "exponential gates, exp stands for sigmoid in the gate i": "unrecognised",
    "the gates are made from x, h and c": "variant",
    "the gate f is made from x and c, not from x and h": "variant",
    "the gate o is made from x and c, not from x and h": "unrecognised",
}


@pytest.mark.parametrize("mistake", FORMS, ids=lambda mistake: mistake.headline)
def test_a_module_with_one_known_mistake_gets_its_name(mistake):
    report = check_cell(fused(mistake.how))
    names = {mistake.verdict, FROM_OUTSIDE.get(mistake.headline)}
    if "a state of c and h" in mistake.headline:
        names |= {"ok", "cell_instead_of_h_in_gates"}
    if "before adding" in mistake.headline:
        names |= {"unrecognised"}
    assert report.verdict in names, report


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_a_right_cell_of_any_kind_is_right_and_is_an_nn_lstm(seed):
    torch.manual_seed(seed)
    cell = drawn(seed)
    report = check_cell(cell)
    assert report.ok, report
    x, h, c = (torch.randn(3, n).double() for n in (cell.input_size, *(cell.hidden_size,) * 2))
    with torch.no_grad():
        _, own = cell.double()(x, (h, c))
        _, (_, theirs) = report.as_torch().double()(x[None], (h[None], c[None]))
    # A half precision rounds the sum of two biases.
    assert torch.allclose(own, theirs[0], atol=1e-2)


def test_another_gate_order_in_a_module_is_right_but_its_weights_cannot_be_loaded():
    report = check_cell(fused({}, "ifog"))
    assert report.ok
    assert "without an error" in report.message
    assert "i, f, o, g" in report.message


def test_a_forget_bias_in_the_code_of_a_module_is_told_not_called_wrong():
    report = check_cell(fused({"f": "sigmoid(z_f + 1)"}))
    assert report.ok
    assert "adds 1 to the sum of f" in report.message


def test_nn_lstmcells_weights_fit_a_module_with_its_names_and_order():
    assert "state_dict fits" in check_cell(fused({})).message


@pytest.mark.parametrize("module", [nn.LSTMCell(3, 4), nn.LSTMCell(3, 4, bias=False)])
def test_nn_lstmcell_is_right(module):
    assert check_cell(module).ok
    assert check_cell(module.forward).ok
    assert check_cell(nn.LSTMCell).ok


def test_of_two_mistakes_the_parts_are_told():
    report = check_cell(step_with({"h": "o * c", "g": "sigmoid(z_g)"}))
    assert report.verdict == "unrecognised"
    assert report.headline == "i*g and h are off"


def test_an_unknown_mistake_says_which_gate_is_off():
    report = check_cell(step_with({"f": "sigmoid(1.3 * z_f)"}))
    assert report.verdict == "unrecognised"
    assert "for the gate f, what is taken of `w_ih` is no block" in report.headline
    report = check_cell(step_with({"o": "sigmoid(z_o) ** 2"}))
    assert report.headline == "o is off"
    assert (report.evidence["o"], report.evidence["f"]) == ("off", "right")


def test_a_check_takes_well_under_a_second():
    for cell in (chunked, TwoLinears, nn.LSTMCell(100, 20), step_with({"h": "o * c"})):
        start = time.perf_counter()
        check_cell(cell)
        assert time.perf_counter() - start < 1.0


def test_a_module_is_left_as_it_was():
    module = WithDropoutAndBuffers(3, 4).train()
    module.cell.weight_ih.grad = torch.ones_like(module.cell.weight_ih)
    before = {name: t.clone() for name, t in module.state_dict().items()}
    assert check_cell(module).ok
    assert module.training
    assert module.drop.training
    assert module.cell.weight_ih.grad.eq(1).all()
    assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())


def test_a_module_that_cannot_be_copied_is_put_back():
    module = CannotBeCopied(3, 4)
    before = module.w.detach().clone()
    assert check_cell(module).ok
    assert torch.equal(module.w, before)
    assert module.training


def test_global_state_is_left_alone():
    def meddles(*args):
        torch.manual_seed(0)
        random.seed(0)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float16)
        return chunked(*args)

    torch_state, python_state = torch.get_rng_state(), random.getstate()
    check_cell(meddles)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
