"""The shape rules, held against torch itself."""

import copy
import itertools
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lstm_teach.shapes import Shape, ShapeError, parameter_shapes, predict_shapes

small = st.integers(1, 3)


def torch_shapes(module, input_shape, h_0=None, c_0=None):
    """What the module gives back for tensors of these shapes, or None where it raises."""
    state = None if h_0 is None and c_0 is None else (h_0, c_0)
    if state is not None:
        state = tuple(None if shape is None else torch.zeros(shape) for shape in state)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LSTM with projections has no oneDNN kernel
            result = module(torch.zeros(input_shape), state)
    except (RuntimeError, ValueError, AttributeError, IndexError):
        return None
    if isinstance(module, nn.LSTM):
        output, (h, c) = result
        return tuple(output.shape), tuple(h.shape), tuple(c.shape)
    return tuple(tuple(tensor.shape) for tensor in result)


def our_shapes(module, input_shape, h_0=None, c_0=None):
    try:
        shapes = predict_shapes(module, input_shape, h_0, c_0)
    except ShapeError:
        return None
    if isinstance(module, nn.LSTM):
        return shapes.output, shapes.h_n, shapes.c_n
    return shapes.h, shapes.c


def assert_agree(module, *shapes):
    ours, theirs = our_shapes(module, *shapes), torch_shapes(module, *shapes)
    assert ours == theirs, f"{module} {shapes}: we say {ours}, torch says {theirs}"


def mutations(shape, others=()):
    """The shape itself and the shapes one slip away from it."""
    shape = tuple(shape)
    yield shape
    for axis, size in enumerate(shape):
        for other in {0, 1, size + 1, *others} - {size}:
            yield (*shape[:axis], other, *shape[axis + 1 :])
        yield shape[:axis] + shape[axis + 1 :]
    for axis in range(len(shape) + 1):
        yield (*shape[:axis], 1, *shape[axis:])
    yield from set(itertools.permutations(shape)) - {shape}


def slip(draw, shape, others=()):
    """Mostly the shape itself, now and then one slip away, seldom anything at all."""
    kind = draw(st.integers(0, 9))
    if kind < 6:
        return tuple(shape)
    if kind < 9:
        return draw(st.sampled_from(list(mutations(shape, others))))
    return draw(st.lists(st.integers(0, 4), max_size=4).map(tuple))


@st.composite
def lstms(draw):
    hidden_size = draw(small)
    num_layers = draw(small)
    return nn.LSTM(
        draw(small),
        hidden_size,
        num_layers=num_layers,
        bias=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        dropout=draw(st.sampled_from([0.0, 0.5])) if num_layers > 1 else 0.0,
        bidirectional=draw(st.booleans()),
        proj_size=draw(st.integers(0, hidden_size - 1)),
    )


@st.composite
def lstm_calls(draw):
    lstm = draw(lstms())
    seq_len, batch = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    order = (batch, seq_len) if lstm.batch_first else (seq_len, batch)
    batched = draw(st.booleans())
    layers = lstm.num_layers * (2 if lstm.bidirectional else 1)
    middle = (batch,) if batched else ()
    others = (seq_len, batch, lstm.num_layers, lstm.hidden_size, lstm.input_size)
    h_0 = slip(draw, (layers, *middle, lstm.proj_size or lstm.hidden_size), others)
    c_0 = slip(draw, (layers, *middle, lstm.hidden_size), others)
    states = draw(st.sampled_from([(h_0, c_0), (h_0, c_0), (None, None), (h_0, None), (None, c_0)]))
    x = slip(draw, (*(order if batched else (seq_len,)), lstm.input_size), others)
    return lstm, x, *states


@st.composite
def cell_calls(draw):
    cell = nn.LSTMCell(draw(small), draw(small), bias=draw(st.booleans()))
    middle = (draw(st.integers(0, 3)),) if draw(st.booleans()) else ()
    others = (*middle, cell.hidden_size, cell.input_size)
    h_0, c_0 = (slip(draw, (*middle, cell.hidden_size), others) for _ in "hc")
    states = draw(st.sampled_from([(h_0, c_0), (h_0, c_0), (None, None), (h_0, None), (None, c_0)]))
    return cell, slip(draw, (*middle, cell.input_size), others), *states


@settings(max_examples=600, deadline=None)
@given(lstm_calls())
def test_nn_lstm_agrees_on_every_call_right_or_wrong(call):
    assert_agree(*call)


@settings(max_examples=600, deadline=None)
@given(cell_calls())
def test_nn_lstmcell_agrees_on_every_call_right_or_wrong(call):
    _, x, h_0, _ = call
    if len(x) == 1 and h_0 is not None and len(h_0) == 2:
        # nn.LSTMCell ends the process here (torch 2.13) rather than raise.
        assert our_shapes(*call) is None
    else:
        assert_agree(*call)


@settings(max_examples=150, deadline=None)
@given(lstms() | st.builds(nn.LSTMCell, small, small, bias=st.booleans()))
def test_the_parameters_have_the_module_s_own_names_shapes_and_order(module):
    own = [(name, tuple(parameter.shape)) for name, parameter in module.named_parameters()]
    assert list(parameter_shapes(module).items()) == own


CONFIGURATIONS = list(itertools.product([1, 2], [True, False], [True, False], [0, 1], [2, 3]))


@pytest.mark.parametrize("batch_first", [True, False])
def test_every_size_of_zero_one_and_more_agrees(batch_first):
    for layers, bias, bidirectional, proj_size, hidden_size in CONFIGURATIONS:
        lstm = nn.LSTM(
            2,
            hidden_size,
            layers,
            bias=bias,
            batch_first=batch_first,
            bidirectional=bidirectional,
            proj_size=proj_size,
        )
        for first, second in itertools.product([0, 1, 2, 3], repeat=2):
            assert_agree(lstm, (first, second, 2))
            assert_agree(lstm, (first, 2))


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"bidirectional": True}])
@pytest.mark.parametrize("proj_size", [0, 2])
def test_every_slip_in_a_state_or_an_input_agrees(batched, options, proj_size):
    lstm = nn.LSTM(4, 3, num_layers=2, proj_size=proj_size, **options)
    x = ((3, 5) if lstm.batch_first else (5, 3)) if batched else (5,)
    right = predict_shapes(lstm, (*x, 4))
    for wrong in mutations(right.input, others=(2, 3, 4, 5)):
        assert_agree(lstm, wrong)
        assert_agree(lstm, wrong, right.h_0, right.c_0)
    for wrong in mutations(right.h_0, others=(2, 3, 4, 5)):
        assert_agree(lstm, right.input, wrong, right.c_0)
    for wrong in mutations(right.c_0, others=(2, 3, 4, 5)):
        assert_agree(lstm, right.input, right.h_0, wrong)


@pytest.mark.parametrize("hidden_size", [1, 2, 4])
def test_an_unbatched_cell_lets_a_wide_c_through(hidden_size):
    cell = nn.LSTMCell(3, hidden_size)
    for c_0 in itertools.product([0, 1, 2, 4, 5], repeat=2):
        assert_agree(cell, (3,), (hidden_size,), c_0)


def test_a_cell_of_size_zero_agrees():
    for input_size, hidden_size in [(0, 2), (2, 0), (0, 0)]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing to initialise
            cell = nn.LSTMCell(input_size, hidden_size)
        for batch in [(), (0,), (2,)]:
            assert_agree(cell, (*batch, input_size))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module_cls", [nn.LSTM, nn.LSTMCell])
def test_pytorch_s_own_module_samples_agree(module_cls):
    common_modules = pytest.importorskip("torch.testing._internal.common_modules")
    [info] = [info for info in common_modules.module_db if info.module_cls is module_cls]
    samples = info.module_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=False
    )
    seen = 0
    for sample in samples:
        made, called = sample.constructor_input, sample.forward_input
        module = module_cls(*made.args, **made.kwargs)
        x, *state = called.args
        state = state[0] if state else called.kwargs.get("hx")
        shapes = [x.shape, *(tensor.shape for tensor in state or ())]
        assert our_shapes(module, *shapes) is not None
        assert_agree(module, *shapes)
        seen += 1
    assert seen


@pytest.mark.parametrize("kind", [tuple, list, torch.Size])
def test_a_shape_can_be_given_as(kind):
    lstm = nn.LSTM(4, 3)
    assert predict_shapes(lstm, kind((5, 2, 4)), kind((1, 2, 3)), kind((1, 2, 3))).output == (
        torch.Size([5, 2, 3])
    )


def test_a_tensor_s_numpy_integers_count_as_sizes():
    np = pytest.importorskip("numpy")
    assert predict_shapes(nn.LSTM(4, 3), (np.int64(5), 2, 4)).output == (5, 2, 3)


JUNK = [2.5, 7, "5, 2, 4", None, {5: 2}, torch.zeros(5, 2, 4), (5, 2.0, 4), (-1, 2, 4)]
JUNK += [(True, 2, 4), ("5", 2, 4), (None, 2, 4), (2**70, 2, 4), torch.Size([-1, 2, 4])]
JUNK += [((5, 2, 4),), range(3), (10**6000, 2, 4)]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: str(type(junk).__name__))
def test_what_is_no_shape_gets_a_sentence(junk):
    with pytest.raises(ShapeError, match=r"whole number|the tensor itself") as error:
        predict_shapes(nn.LSTM(4, 3), junk)
    assert "input_shape" in str(error.value)


@pytest.mark.parametrize(
    ("module", "given"),
    [
        (nn.GRU(2, 3), "an object of type `GRU`"),
        (nn.GRUCell(2, 3), "an object of type `GRUCell`"),
        (nn.LSTM, "the class itself `LSTM`"),
        ("lstm", "an object of type `str`"),
        (None, "an object of type `NoneType`"),
    ],
)
def test_what_is_no_lstm_gets_a_sentence(module, given):
    calls = {
        "predict_shapes": lambda: predict_shapes(module, (2, 2, 2)),
        "parameter_shapes": lambda: parameter_shapes(module),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError) as error:
            call()
        assert f"`{name}` needs an nn.LSTM or an nn.LSTMCell" in str(error.value)
        assert f"You gave {given}." in str(error.value)


LSTM = nn.LSTM(10, 20)
BATCH_FIRST = nn.LSTM(10, 20, batch_first=True)
BOTH = nn.LSTM(10, 20, num_layers=3, bidirectional=True)
NARROW = nn.LSTM(10, 20, proj_size=4)
CELL = nn.LSTMCell(10, 20)
ERRORS = [
    (LSTM, [(5, 3, 7)], "The last axis of `input` is input_size. It is 7"),
    (LSTM, [(5, 10, 3)], "`input.transpose(1, 2)`"),
    (LSTM, [(10,)], "`input.unsqueeze(0)`"),
    (LSTM, [(7,)], "nn.Embedding"),
    (nn.LSTM(1, 2), [(7,)], "`input.unsqueeze(-1)`"),
    (nn.LSTM(1, 2), [(5, 3)], "`input.unsqueeze(-1)`"),
    (LSTM, [(5, 1, 3, 10)], "`input.squeeze(1)`"),
    (LSTM, [(5, 2, 3, 10)], "has 4 axes"),
    (LSTM, [()], "has 0 axes"),
    (LSTM, [(0, 3, 10)], "Did you swap seq_len and batch?"),
    (LSTM, [(0, 0, 10)], "seq_len (axis 0 of `input`) is 0"),
    (BATCH_FIRST, [(3, 0, 10)], "make the module with batch_first=False"),
    (LSTM, [(5, 3, 10), (1, 3, 20)], "You gave `h_0` but no `c_0`"),
    (LSTM, [(5, 3, 10), None, (1, 3, 20)], "You gave `c_0` but no `h_0`"),
    (LSTM, [(5, 3, 10), (1, 4, 20), (1, 3, 20)], "batch is 4 and must be 3"),
    (LSTM, [(5, 3, 10), (1, 5, 20), (1, 5, 20)], "make the module with batch_first=True"),
    (LSTM, [(5, 3, 10), (3, 20), (3, 20)], "`h_0.unsqueeze(0)`"),
    (LSTM, [(5, 3, 10), (1, 3, 20), (1, 3, 10)], "hidden_size is 10 and must be 20"),
    (BATCH_FIRST, [(3, 5, 10), (3, 1, 20), (3, 1, 20)], "batch_first does not move the state"),
    (BATCH_FIRST, [(3, 5, 10), (1, 5, 20), (1, 5, 20)], "make the module with batch_first=False"),
    (LSTM, [(5, 10), (1, 1, 20), (1, 1, 20)], "`input.unsqueeze(1)`"),
    (LSTM, [(5, 10), (1, 5, 20), (1, 5, 20)], "If it is a batch of 5 single steps"),
    (BOTH, [(5, 4, 10), (3, 4, 20), (6, 4, 20)], "num_layers * num_directions is 3 and must be 6"),
    (BOTH, [(5, 4, 10), (6, 4, 20), (2, 4, 20)], "num_directions is 2 and must be 6"),
    (
        BOTH,
        [(5, 4, 10), (3, 4, 40), (6, 4, 20)],
        "is 3 and must be 6, hidden_size is 40 and must be 20",
    ),
    (NARROW, [(5, 3, 10), (1, 3, 20), (1, 3, 20)], "that of `c_0` is hidden_size"),
    (NARROW, [(5, 3, 10), (1, 3, 4), (1, 3, 4)], "proj_size narrows h only"),
    (NARROW, [(5, 3, 10), (1, 3, 4), (1, 3, 4)], "proj_size narrows h only"),
    (CELL, [(5, 3, 10)], "loop over time"),
    (CELL, [(3, 7)], "this nn.LSTMCell was made with input_size=10"),
    (CELL, [(3, 10), (1, 3, 20), (3, 20)], "A cell has no axis of layers"),
    (CELL, [(10,), (1, 20), (1, 20)], "Your input has no batch axis"),
    (CELL, [(3, 10), (20, 3), (3, 20)], "You swapped the two axes"),
    (CELL, [(3, 10), (20,), (20,)], "`h_0.expand(3, -1)`"),
    (CELL, [(3, 10), (3, 20), (3, 10)], "hidden_size is 10 and must be 20"),
    (CELL, [(3, 10), (4, 20), (4, 20)], "batch is 4 and must be 3"),
]


@pytest.mark.parametrize(("module", "shapes", "words"), ERRORS, ids=[e[2] for e in ERRORS])
def test_the_error_names_the_axis_and_what_to_change(module, shapes, words):
    assert torch_shapes(module, *shapes) is None
    with pytest.raises(ShapeError) as error:
        predict_shapes(module, *shapes)
    assert words in str(error.value)


def test_a_shape_is_a_tuple_that_knows_its_axes():
    output = predict_shapes(nn.LSTM(100, 20, bidirectional=True), (10, 3, 100)).output
    assert output == (10, 3, 40)
    assert torch.Size(output) == output
    assert output.names == ("seq_len", "batch", "num_directions * hidden_size")
    assert str(output) == "[seq_len=10, batch=3, num_directions * hidden_size=40]"
    assert eval(repr(output)) == output
    assert torch.zeros(output).shape == output


@pytest.mark.parametrize(
    "same", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_copied_shape_keeps_its_names(same):
    shape = Shape((3, 20), names=("batch", "hidden_size"))
    assert same(shape) == shape
    assert same(shape).names == shape.names


def test_a_shape_needs_a_name_for_each_axis():
    with pytest.raises(ValueError, match="2 sizes need as many names"):
        Shape((3, 20), names=("batch",))


def test_the_names_follow_batch_first_and_the_projection():
    lstm = nn.LSTM(9, 8, num_layers=2, batch_first=True, bidirectional=True, proj_size=5)
    shapes = predict_shapes(lstm, (3, 10, 9))
    assert shapes.output.names == ("batch", "seq_len", "num_directions * proj_size")
    assert shapes.h_n.names == ("num_layers * num_directions", "batch", "proj_size")
    assert shapes.c_n.names == ("num_layers * num_directions", "batch", "hidden_size")
    assert predict_shapes(lstm, (10, 9)).output.names[0] == "seq_len"


def test_without_a_state_the_zeros_of_pytorch_are_told():
    shapes = predict_shapes(nn.LSTM(100, 20, num_layers=2), (10, 3, 100))
    assert shapes.h_0 == shapes.c_0 == (2, 3, 20)


def test_nothing_is_run():
    lstm = nn.LSTM(4, 3)
    lstm.forward = lstm._flat_weights = None
    assert predict_shapes(lstm, (10**9, 10**9, 4)).h_n == (1, 10**9, 3)


def test_the_shapes_of_a_call_print_one_to_a_line():
    lines = str(predict_shapes(nn.LSTMCell(100, 20), (3, 100))).splitlines()
    assert lines[0] == "input: [batch=3, input_size=100]"
    assert lines[-1] == "c: [batch=3, hidden_size=20]"
