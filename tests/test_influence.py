"""How the influence of x is measured: in one pass where gradients get through, else by changes."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from lstm_teach.layouts import influence
from tests.test_layouts import FRONTS, LOOK_UPS, Fronted, Tagger

IN_PARTS = ("one hot", "without a gradient", "step by step")
GRADIENTS_PASS = [name for name in LOOK_UPS if name not in IN_PARTS]


def passes(model, x, output_index):
    """How many forward passes the influence takes."""
    calls = []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    influence(model, x, output_index)
    handle.remove()
    return len(calls)


def past_of(sentence, step, shape):
    reached = torch.zeros(shape, dtype=torch.bool)
    reached[: step + 1, sentence] = True
    return reached


def test_where_gradients_get_through_one_pass_is_enough():
    assert passes(nn.LSTM(4, 5), torch.randn(6, 3, 4), (3, 1)) == 1
    assert passes(Fronted(FRONTS["changes x in place"]), torch.randn(6, 3, 4), (3, 1)) == 1
    for name in GRADIENTS_PASS:
        x = torch.randperm(40)[:18].reshape(6, 3)
        assert passes(Tagger(LOOK_UPS[name]), x, (3, 1)) == 1, name
    turned = torch.randperm(40)[:18].reshape(3, 6).t()
    assert passes(Tagger(LOOK_UPS["plain"]), turned, (3, 1)) == 1


def test_where_they_do_not_each_position_is_changed_in_turn():
    assert passes(Fronted(FRONTS["rounds"]), torch.randn(6, 3, 4), (3, 1)) == 1 + 1 + 6 * 3
    x = torch.randperm(40)[:18].reshape(6, 3)
    assert passes(Tagger(LOOK_UPS["without a gradient"]), x, (3, 1)) == 1 + 1 + 6 * 3


def test_a_token_is_as_strong_as_the_vector_that_stands_for_it():
    embedding, lstm = nn.Embedding(40, 4), nn.LSTM(4, 5)
    tokens = torch.randint(0, 40, (6, 3))
    vectors = embedding(tokens).detach()
    by_token = influence(nn.Sequential(embedding, lstm), tokens, (3, 1))
    torch.testing.assert_close(by_token, influence(lstm, vectors, (3, 1)))


def test_one_sentence_of_tokens_needs_no_batch():
    model = nn.Sequential(nn.Embedding(40, 4), nn.LSTM(4, 5))
    assert (influence(model, torch.arange(6), 3) > 0).tolist() == [True] * 4 + [False] * 2
    assert passes(model, torch.arange(6), 3) == 1


class TwoTables(nn.Module):
    """Looks token numbers up that may lie in a float tensor, and in a table it does not use."""

    def __init__(self):
        super().__init__()
        self.unused, self.embedding = nn.Embedding(40, 4), nn.Embedding(40, 4)
        self.lstm = nn.LSTM(4, 5)

    def forward(self, x):
        return self.lstm(self.embedding(x.long()))[0], self.unused(x.long())


@pytest.mark.parametrize("dtype", [torch.long, torch.float])
def test_a_table_that_the_output_does_not_read_is_no_obstacle(dtype):
    x = torch.randperm(40)[:18].reshape(6, 3).to(dtype)
    strengths = influence(TwoTables(), x, (3, 1))
    assert torch.equal(strengths > 0, past_of(1, 3, (6, 3)))
    assert passes(TwoTables(), x, (3, 1)) == 1


def test_a_word_that_is_looked_up_twice_counts_with_both():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(40, 4)

        def forward(self, x):
            return self.embedding(x) + self.embedding(x)

    tokens = torch.randperm(40)[:6].reshape(3, 2)
    strengths = influence(Twice(), tokens, (1, 0))
    assert strengths.nonzero().tolist() == [[1, 0]]


@pytest.mark.parametrize("name", LOOK_UPS)
def test_tokens_that_were_turned_before_are_traced_too(name):
    torch.manual_seed(0)
    x = torch.randperm(40)[:18].reshape(3, 6).t()
    strengths = influence(Tagger(LOOK_UPS[name]), x, (2, 1))
    assert torch.equal(strengths > 0, past_of(1, 2, (6, 3)))


def test_tokens_that_were_cut_out_of_a_longer_tensor_are_traced_too():
    torch.manual_seed(0)
    x = torch.randperm(40).reshape(8, 5)[1:7, 1:4]
    strengths = influence(Tagger(LOOK_UPS["step by step"]), x, (2, 1))
    assert torch.equal(strengths > 0, past_of(1, 2, (6, 3)))


@pytest.mark.parametrize("sentence", [0, 1])
@pytest.mark.parametrize("words", ["all equal", "all different"])
def test_each_word_is_changed_for_another_one(words, sentence):
    torch.manual_seed(0)
    x = torch.randn(6, 3, 4) if words == "all different" else torch.zeros(6, 3, 4)
    strengths = influence(Fronted(FRONTS["rounds"]), x, (3, sentence))
    assert torch.equal(strengths > 0, past_of(sentence, 3, (6, 3)))


class Goes(nn.Module):
    """Rounds, keeps its state from call to call, and draws noise also in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 5)
        self.state = None

    def forward(self, x):
        output, self.state = self.lstm((4 * x).round(), self.state)
        return nn.functional.dropout(output, 0.1, training=True)


def test_a_change_is_measured_from_the_same_state_and_the_same_noise():
    torch.manual_seed(0)
    model = Goes()
    model(torch.randn(6, 3, 4))
    strengths = influence(model, torch.randn(6, 3, 4), (3, 1))
    assert not strengths[~past_of(1, 3, (6, 3))].any()
    assert strengths.any()


@dataclass
class Outputs:
    loss: None
    logits: torch.Tensor


RESULTS = {
    "a pair with None in it": lambda out: (None, out),
    "a pair with a dictionary in it": lambda out: ("logits", {"tags": out.argmax(-1), "out": out}),
    "an object": lambda out: Outputs(None, out),
    "a packed sequence": lambda out: nn.utils.rnn.pack_padded_sequence(out, [6, 6, 6]),
    "tags first": lambda out: [out.argmax(-1), out],
}


@pytest.mark.parametrize("name", RESULTS)
def test_the_output_is_found_in(name):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5)

        def forward(self, x):
            return RESULTS[name](self.lstm(x)[0])

    model, x = Model(), torch.randn(6, 3, 4)
    assert torch.equal(influence(model, x, (3, 1)), influence(model.lstm, x, (3, 1)))


def test_a_module_that_is_returned_is_no_output():
    class Returns(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5)

        def forward(self, x):
            return self.lstm

    with pytest.raises(ValueError, match="no float tensor"):
        influence(Returns(), torch.randn(6, 3, 4), 0)


def test_an_x_of_one_axis_has_one_strength_a_number():
    strengths = influence(nn.Linear(4, 2), torch.randn(4), 0)
    assert strengths.shape == (4,)
    assert (strengths > 0).all()


def test_nothing_that_watched_the_embedding_stays_behind():
    model = nn.Sequential(nn.Embedding(40, 4), nn.LSTM(4, 5))
    influence(model, torch.randint(0, 40, (6, 3)), (3, 1))
    assert not model[0]._forward_hooks


def test_a_gradient_that_is_nan_is_not_believed():
    model = nn.Sequential(nn.LSTM(4, 5))
    model.forward = lambda x: model[0](x)[0] * (1 + (x * 0).norm())  # NaN at a norm of zero
    x = torch.randn(6, 3, 4)
    assert (influence(model, x, (3, 1)) > 0).equal(past_of(1, 3, (6, 3)))


class WantsMore(nn.Module):
    def forward(self, x, mask):
        return x * mask


@pytest.mark.parametrize(
    ("model", "x", "index", "error", "says"),
    [
        (nn.LSTM, torch.randn(6, 3, 4), 0, TypeError, "no instance of an nn.Module"),
        (lambda x: x, torch.randn(6, 3, 4), 0, TypeError, "no instance of an nn.Module"),
        (nn.LazyLinear(3), torch.randn(6, 3), 0, ValueError, "lazy"),
        (nn.LSTM(4, 5), [[1.0]], 0, TypeError, "x is a list"),
        (nn.LSTM(4, 5), torch.ones(6, 3, 4, dtype=torch.bool), 0, TypeError, "torch.bool"),
        (nn.LSTM(4, 5), torch.tensor(1.0), 0, ValueError, "no position"),
        (nn.LSTM(4, 5), torch.randn(0, 3, 4), 0, ValueError, "no position"),
        (nn.LSTM(4, 5), torch.randn(6, 3, 4) * torch.nan, 0, ValueError, "NaN"),
        (nn.LSTM(4, 5), torch.randn(6, 3, 4), 9, IndexError, r"which is \[6, 3, 5\]"),
        (nn.LSTM(4, 5), torch.randn(6, 3, 4), 1.5, IndexError, "does not fit the output"),
        (nn.LSTM(4, 5), torch.randn(6, 3, 4), (slice(0, 0),), IndexError, "takes nothing"),
        (WantsMore(), torch.randn(6, 3), 0, TypeError, "required positional argument: 'mask'"),
    ],
)
def test_a_wrong_argument_is_refused_in_a_sentence(model, x, index, error, says):
    with pytest.raises(error, match=says):
        influence(model, x, index)
