"""The equations, the loop and the stack compute what nn.LSTM and nn.LSTMCell compute."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from lstm_teach.cells import cell_from_layer, lstm_step, run_cells, trace
from lstm_teach.shapes import ShapeError, predict_shapes

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

SIZES = st.integers(1, 5)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs)
    return True


@st.composite
def lstms(draw, proj=True):
    hidden_size = draw(st.integers(2, 6))
    return nn.LSTM(
        draw(SIZES),
        hidden_size,
        num_layers=draw(st.integers(1, 3)),
        bias=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        bidirectional=draw(st.booleans()),
        proj_size=draw(st.integers(0, hidden_size - 1)) if proj else 0,
        dtype=draw(st.sampled_from([torch.float32, torch.float64])),
    )


def calls(lstm, seq_len, batch, with_state):
    """An input and a state for the module; batch None is an unbatched input."""
    axes = (
        [seq_len] if batch is None else [batch, seq_len] if lstm.batch_first else [seq_len, batch]
    )
    dtype = lstm.weight_ih_l0.dtype
    x = torch.randn(*axes, lstm.input_size, dtype=dtype)
    if not with_state:
        return x, None
    shapes = predict_shapes(lstm, x.shape)
    return x, (torch.randn(shapes.h_0, dtype=dtype), torch.randn(shapes.c_0, dtype=dtype))


@settings(max_examples=80, deadline=None)
@given(lstms(), SIZES, st.none() | st.integers(1, 4), st.booleans())
def test_a_trace_computes_what_nn_lstm_computes(lstm, seq_len, batch, with_state):
    x, state = calls(lstm, seq_len, batch, with_state)
    output, (h_n, c_n) = lstm(x, state)
    tr = trace(lstm, x, state)
    assert close(tr.output, output)
    assert close(tr.h_n, h_n)
    assert close(tr.c_n, c_n)


@settings(max_examples=40, deadline=None)
@given(lstms(), SIZES, st.none() | st.integers(1, 4))
def test_the_axes_of_a_trace_are_lanes_steps_sentences_features(lstm, seq_len, batch):
    tr = trace(lstm, *calls(lstm, seq_len, batch, False))
    lanes = lstm.num_layers * (2 if lstm.bidirectional else 1)
    leading = (lanes, seq_len) if batch is None else (lanes, seq_len, batch)
    for gate in (tr.i, tr.f, tr.g, tr.o, tr.c):
        assert gate.shape == (*leading, lstm.hidden_size)
    assert tr.h.shape == (*leading, lstm.proj_size or lstm.hidden_size)


@settings(max_examples=30, deadline=None)
@given(lstms(proj=False), st.integers(2, 5), st.integers(1, 4))
def test_every_step_of_a_trace_obeys_the_equations(lstm, seq_len, batch):
    x, state = calls(lstm, seq_len, batch, True)
    tr = trace(lstm, x, state)
    directions = 2 if lstm.bidirectional else 1
    for lane in range(lstm.num_layers * directions):
        order = range(seq_len) if lane % directions == 0 else reversed(range(seq_len))
        c = state[1][lane]
        for t in order:
            assert close(tr.c[lane, t], tr.f[lane, t] * c + tr.i[lane, t] * tr.g[lane, t])
            assert close(tr.h[lane, t], tr.o[lane, t] * torch.tanh(tr.c[lane, t]))
            c = tr.c[lane, t]


@settings(max_examples=20, deadline=None)
@given(lstms(), st.integers(1, 4), st.integers(1, 3))
def test_gradients_flow_through_a_trace_as_through_the_module(lstm, seq_len, batch):
    x, state = calls(lstm, seq_len, batch, True)
    sources = [x.requires_grad_(), *(s.requires_grad_() for s in state), *lstm.parameters()]

    def gradients(output, h_n, c_n):
        return torch.autograd.grad(output.square().sum() + h_n.sum() + c_n.sum(), sources)

    output, (h_n, c_n) = lstm(x, state)
    tr = trace(lstm, x, state)
    for ours, theirs in zip(
        gradients(tr.output, tr.h_n, tr.c_n), gradients(output, h_n, c_n), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_a_trace_of_a_cell_is_the_loop_over_time(seq_len, batch, features, hidden, bias, given_):
    cell = nn.LSTMCell(features, hidden, bias=bias, dtype=torch.float64)
    x = torch.randn(seq_len, batch, features, dtype=torch.float64)
    state = tuple(torch.randn(2, batch, hidden, dtype=torch.float64)) if given_ else None
    tr = trace(cell, x, state)
    expected = []
    now = state
    for xt in x:
        now = cell(xt, now)
        expected.append(now)
    assert close(tr.h, torch.stack([h for h, c in expected]))
    assert close(tr.c, torch.stack([c for h, c in expected]))
    assert close(tr.output, tr.h)
    assert close((tr.h_n, tr.c_n), now)


def test_one_step_is_what_the_cell_computes():
    cell = nn.LSTMCell(5, 4)
    x, h, c = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    step = lstm_step(x, h, c, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    assert close((step.h, step.c), cell(x, (h, c)))


def test_the_gates_are_shares_and_the_candidate_has_a_sign():
    x, h, c = torch.rand(3, 5), torch.zeros(3, 4), torch.randn(3, 4)
    step = lstm_step(x, h, c, -torch.rand(16, 5), torch.randn(16, 4))
    for gate in (step.i, step.f, step.o):
        assert ((gate >= 0) & (gate <= 1)).all()
    assert ((step.g < 0) & (step.g >= -1)).all()


def test_each_block_of_rows_feeds_its_own_gate_in_pytorchs_order():
    x, h, c = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    for block, gate in enumerate("ifgo"):
        bias = torch.zeros(4, 4)
        bias[block] = 3.0
        step = lstm_step(x, h, c, torch.zeros(16, 5), torch.zeros(16, 4), bias.flatten())
        for name in "ifgo":
            if name == gate:
                assert (getattr(step, name) > 0.9).all()
            else:
                assert (getattr(step, name) <= 0.5).all()


def test_a_trace_of_a_list_state_and_of_a_subclass_works():
    class Mine(nn.LSTM):
        pass

    lstm = Mine(5, 4)
    x = torch.randn(6, 3, 5)
    state = [torch.zeros(1, 3, 4), torch.ones(1, 3, 4)]
    assert close(trace(lstm, x, state).output, lstm(x, tuple(state))[0])


@settings(max_examples=40, deadline=None)
@given(lstms(proj=False), SIZES, SIZES)
def test_cells_copied_from_each_layer_rebuild_nn_lstm(lstm, seq_len, batch):
    x, _ = calls(lstm, seq_len, batch, False)
    tr = trace(lstm, x)
    below = x.transpose(0, 1) if lstm.batch_first else x
    directions = 2 if lstm.bidirectional else 1
    for layer in range(lstm.num_layers):
        lanes = []
        for reverse in (False, True)[:directions]:
            cell = cell_from_layer(lstm, layer, reverse)
            assert cell.input_size == below.shape[-1]
            assert cell.weight_ih.dtype == x.dtype
            h = trace(cell, below.flip(0) if reverse else below).h
            lanes.append(h.flip(0) if reverse else h)
            assert close(lanes[-1], tr.h[layer * directions + reverse])
        below = torch.cat(lanes, dim=-1)


def test_a_copied_cell_is_independent_and_costs_no_random_numbers():
    lstm = nn.LSTM(5, 4)
    before = torch.get_rng_state()
    cell = cell_from_layer(lstm)
    assert torch.equal(before, torch.get_rng_state())
    assert all(weight.requires_grad for weight in cell.parameters())
    with torch.no_grad():
        cell.weight_ih.zero_()
    assert (lstm.weight_ih_l0 != 0).any()


def test_a_copied_cell_lies_where_its_lstm_does():
    assert cell_from_layer(nn.LSTM(5, 4, device="meta")).weight_ih.is_meta


def test_a_layer_without_bias_gives_a_cell_without_bias():
    cell = cell_from_layer(nn.LSTM(5, 4, bias=False))
    assert cell.bias is False
    assert [name for name, _ in cell.named_parameters()] == ["weight_ih", "weight_hh"]


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.lists(SIZES, min_size=2, max_size=5), st.booleans(), st.booleans())
def test_a_stack_of_cells_is_one_nn_lstm_on_top_of_another(seq_len, batch, sizes, given_, module):
    lstms = [nn.LSTM(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    cells = [cell_from_layer(lstm) for lstm in lstms]
    x = torch.randn(seq_len, batch, sizes[0], dtype=torch.float64)
    states = [tuple(torch.randn(2, batch, n, dtype=x.dtype)) for n in sizes[1:]] if given_ else None
    output, last = run_cells(nn.ModuleList(cells) if module else cells, x, states)
    expected = x
    for layer, lstm in enumerate(lstms):
        state = tuple(s[None] for s in states[layer]) if states else None
        expected, (h_n, c_n) = lstm(expected, state)
        assert close(last[layer], (h_n[0], c_n[0]))
    assert close(output, expected)


def test_a_stack_of_equal_sizes_is_one_nn_lstm_with_layers():
    lstm = nn.LSTM(5, 4, num_layers=3)
    x = torch.randn(6, 2, 5)
    output, last = run_cells([cell_from_layer(lstm, layer) for layer in range(3)], x)
    expected, (h_n, c_n) = lstm(x)
    assert close(output, expected)
    assert close(torch.stack([h for h, c in last]), h_n)
    assert close(torch.stack([c for h, c in last]), c_n)


def test_a_sequence_can_be_run_in_two_halves():
    cells = [nn.LSTMCell(5, 4), nn.LSTMCell(4, 3)]
    x = torch.randn(6, 2, 5)
    whole, last = run_cells(cells, x)
    first, states = run_cells(cells, x[:2])
    kept = [(h.clone(), c.clone()) for h, c in states]
    second, states_after = run_cells(cells, x[2:], states)
    assert close(torch.cat([first, second]), whole)
    assert close(states_after, last)
    assert close(states, kept)


CELL = nn.LSTMCell(5, 4)
LSTM = nn.LSTM(5, 4, num_layers=2)
X = torch.randn(6, 3, 5)
PAIR = (torch.zeros(3, 4), torch.zeros(3, 4))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: trace(nn.GRU(5, 4), X), TypeError, ["GRU", "model.lstm"]),
        (lambda: trace(nn.LSTM, X), TypeError, ["class LSTM"]),
        (lambda: trace(LSTM, pack_sequence([X[:, 0]])), TypeError, ["PackedSequence"]),
        (lambda: trace(LSTM, X.tolist()), TypeError, ["list"]),
        (lambda: trace(LSTM, X[None]), ShapeError, ["4"]),
        (lambda: trace(LSTM, X[:0]), ShapeError, ["seq_len"]),
        (lambda: trace(LSTM, X[..., :2]), ShapeError, ["input_size"]),
        (lambda: trace(LSTM, X.double()), TypeError, ["x.to(torch.float32)"]),
        (lambda: trace(LSTM, X.long()), TypeError, ["nn.Embedding"]),
        (lambda: trace(LSTM, X, PAIR), ShapeError, ["h_0"]),
        (lambda: trace(LSTM, X, PAIR[0]), TypeError, ["pair (h, c)", "of type Tensor"]),
        (lambda: trace(LSTM, X, 7), TypeError, ["got a value of type int."]),
        (lambda: trace(LSTM, X, (PAIR[0], None)), TypeError, ["c in state"]),
        (lambda: trace(LSTM, X, PAIR + PAIR), TypeError, ["of 4"]),
        (lambda: trace(nn.LSTM(5, 4, 2, dropout=0.5), X), ValueError, ["lstm.eval()", "0.5"]),
        (lambda: trace(CELL, X[0]), ShapeError, ["x.unsqueeze(0)", "x.unsqueeze(1)"]),
        (lambda: trace(CELL, X.tolist()), TypeError, ["list"]),
        (lambda: trace(CELL, X, PAIR[0]), TypeError, ["pair (h, c)"]),
        (lambda: trace(CELL, X[0, 0]), ShapeError, ["three axes", "got 1: [5]."]),
        (lambda: trace(CELL, X[:0]), ShapeError, ["at least one time step"]),
        (lambda: trace(CELL, X[..., :2]), ShapeError, ["input_size"]),
        (lambda: trace(CELL, X, (PAIR[0][:2], PAIR[1])), ShapeError, ["h_0"]),
        (lambda: cell_from_layer(CELL), TypeError, ["LSTMCell"]),
        (lambda: cell_from_layer(LSTM, 2), ValueError, ["num_layers=2", "from 0"]),
        (lambda: cell_from_layer(LSTM, -1), ValueError, ["no layer -1"]),
        (
            lambda: cell_from_layer(LSTM, reverse=True),
            ValueError,
            ["bidirectional=False"],
        ),
        (lambda: cell_from_layer(nn.LSTM(5, 4, proj_size=2)), ValueError, ["to 2 features"]),
        (lambda: run_cells([], X), TypeError, ["at least one"]),
        (lambda: run_cells(CELL, X), TypeError, ["[cell]"]),
        (lambda: run_cells([CELL, nn.GRUCell(4, 4)], X), TypeError, ["cells[1]", "GRUCell"]),
        (
            lambda: run_cells([nn.LSTMCell(5, 30), nn.LSTMCell(25, 20)], X),
            ShapeError,
            ["layer 1 of the stack", "It is 30", "input_size=25"],
        ),
        (lambda: run_cells([CELL], X[0]), ShapeError, ["three axes"]),
        (lambda: run_cells([CELL], X[..., :2]), ShapeError, ["layer 0", "input_size"]),
        (lambda: run_cells([CELL], X[..., :4]), ShapeError, ["layer 0", "input_size"]),
        (lambda: run_cells([CELL], X, PAIR), ShapeError, ["1 in all, and has 2"]),
        (lambda: run_cells([CELL, nn.LSTMCell(4, 4)], X, PAIR), TypeError, ["states[0]"]),
        (
            lambda: run_cells([CELL, nn.LSTMCell(4, 2)], X, [PAIR, PAIR]),
            ShapeError,
            ["layer 1", "h_0"],
        ),
    ],
)
def test_what_cannot_be_run_gets_a_sentence(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_a_single_vector_is_not_told_how_a_batch_becomes_a_sequence():
    with pytest.raises(ShapeError) as caught:
        trace(CELL, X[0, 0])
    assert "unsqueeze" not in str(caught.value)


def test_dropout_stops_a_trace_only_where_it_acts():
    evaluated = nn.LSTM(5, 4, 2, dropout=0.5).eval()
    assert close(trace(evaluated, X).output, evaluated(X)[0])
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        single = nn.LSTM(5, 4, 1, dropout=0.5)
    assert close(trace(single, X).output, single(X)[0])
