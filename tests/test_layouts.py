"""Words that are laid out as tensors are, and what reaches one position of an output."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from lstm_teach.layouts import PAD, SENTENCES, influence, lengths_of, word_grid


def test_the_sentences_have_different_lengths_and_no_word_twice():
    words = [word for sentence in SENTENCES for word in sentence.split()]
    assert len(words) == len(set(words))
    assert len(set(lengths_of())) == len(SENTENCES)


def test_the_default_layout_is_that_of_nn_lstm():
    assert word_grid().shape == (10, 3)
    assert word_grid(batch_first=True).shape == (3, 10)


def test_a_row_is_a_sentence_batch_first_and_a_column_is_one_time_first():
    first = SENTENCES[0].split()
    assert word_grid(batch_first=True)[0].tolist() == first
    assert word_grid()[:, 0].tolist() == first


def test_walking_time_first_words_gives_one_word_of_every_sentence():
    step = next(iter(word_grid()))
    assert step.tolist() == [sentence.split()[0] for sentence in SENTENCES]


def test_transpose_gives_the_sentences_and_view_gives_nonsense():
    grid = word_grid()
    sentence = SENTENCES[0].split()
    assert grid.transpose(0, 1)[0].tolist() == sentence
    assert grid.t()[0].tolist() == sentence
    assert grid.permute(1, 0)[0].tolist() == sentence
    assert grid.view(3, 10)[0].tolist() != sentence
    assert grid.reshape(3, 10).tolist() == grid.view(3, 10).tolist()


def test_view_refuses_what_torch_refuses():
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        word_grid().t().view(-1)
    assert len(word_grid().t().contiguous().view(-1)) == 30


def test_short_sentences_end_in_pads():
    grid = word_grid(batch_first=True)
    for row, length in zip(grid.tolist(), lengths_of(), strict=True):
        assert PAD not in row[:length]
        assert set(row[length:]) <= {PAD}


def test_brackets_nest_as_deep_as_the_tensor_has_axes():
    grid = word_grid(["a b", "c"])
    assert str(grid) == "[[a  c],\n [b  ·]]"
    assert str(grid[0]) == "[a  c]"
    assert str(grid[0, 0]) == "a"
    assert str(grid.view(1, 2, 2)).startswith("[[[")


def test_the_past_of_the_same_sentence_reaches_a_step():
    strengths = influence(nn.LSTM(4, 5), torch.randn(6, 3, 4), (3, 1))
    assert strengths.shape == (6, 3)
    assert (strengths[:4, 1] > 0).all()
    assert (strengths[4:] == 0).all()
    assert (strengths[:, [0, 2]] == 0).all()


def test_the_other_sentences_reach_a_step_in_the_wrong_layout():
    strengths = influence(nn.LSTM(4, 5), torch.randn(3, 6, 4), (2, 1))
    assert (strengths[:, 1] > 0).all()
    assert strengths.count_nonzero() == 3


def test_both_directions_bring_the_future():
    lstm = nn.LSTM(4, 5, bidirectional=True)
    assert (influence(lstm, torch.randn(6, 3, 4), (3, 1))[:, 1] > 0).all()


class Tagger(nn.Module):
    def __init__(self, look_up):
        super().__init__()
        self.look_up = look_up
        self.embedding = nn.Embedding(40, 6, max_norm=1.0)
        self.norm = nn.BatchNorm1d(6)
        self.lstm = nn.LSTM(6, 5)
        self.drop = nn.Dropout(0.5)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        y = self.look_up(self, x)
        y = self.norm(y.transpose(1, 2)).transpose(1, 2)
        out, state = self.lstm(self.drop(y))
        return {"logits": out.softmax(-1), "state": state}


def one_hot(model, x):
    return nn.functional.one_hot(x, 40).float() @ model.embedding.weight


LOOK_UPS = {
    "plain": lambda m, x: m.embedding(x),
    "batch first and turned": lambda m, x: m.embedding(x.t()).transpose(0, 1),
    "step by step": lambda m, x: torch.stack([m.embedding(xt) for xt in x]),
    "flattened": lambda m, x: m.embedding(x.flatten()).view(*x.shape, -1),
    "copied": lambda m, x: m.embedding(x.t().contiguous()).transpose(0, 1),
    "one hot": one_hot,
    "without a gradient": lambda m, x: m.embedding(x).detach(),
}


@pytest.mark.parametrize("name", LOOK_UPS)
@pytest.mark.parametrize("shape", [(6, 3), (4, 4)])
def test_tokens_are_traced_through_their_embedding(name, shape):
    torch.manual_seed(0)
    model = Tagger(LOOK_UPS[name])
    x = torch.randperm(40)[: shape[0] * shape[1]].reshape(shape)
    with torch.inference_mode():
        strengths = influence(model, x, (2, 1))
    reached = torch.zeros(shape, dtype=torch.bool)
    reached[:3, 1] = True
    assert torch.equal(strengths > 0, reached)


def test_a_frozen_model_and_switched_off_gradients_are_no_obstacle():
    lstm = nn.LSTM(4, 5).requires_grad_(False)
    with torch.no_grad():
        assert influence(lstm, torch.randn(6, 3, 4), (3, 1)).count_nonzero() == 4


class Fronted(nn.Module):
    """A layer behind a front end that plain gradients to x do not like."""

    def __init__(self, front):
        super().__init__()
        self.front = front
        self.lstm = nn.LSTM(4, 5)

    def forward(self, x):
        return self.lstm(self.front(x))[0]


FRONTS = {
    "changes x in place": lambda x: x.mul_(2),
    "rounds": lambda x: (4 * x).round(),
    "saturates": lambda x: (1e6 * x).tanh(),
    "is checkpointed": lambda x: checkpoint(torch.sin, x, use_reentrant=True),
}


@pytest.mark.parametrize("name", FRONTS)
def test_a_front_end_that_stops_gradients_does_not_stop_the_picture(name):
    torch.manual_seed(0)
    x = torch.randn(6, 3, 4)
    kept = x.clone()
    strengths = influence(Fronted(FRONTS[name]), x, (3, 1))
    reached = torch.zeros(6, 3, dtype=torch.bool)
    reached[:4, 1] = True
    assert torch.equal(strengths > 0, reached)
    assert torch.equal(x, kept)


def test_nothing_of_the_model_is_changed():
    model = Tagger(LOOK_UPS["plain"]).train()
    model.drop.eval()
    x = torch.randint(0, 40, (6, 3))
    model(x)["logits"].pow(2).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = {name: p.grad for name, p in model.named_parameters()}
    copies = {name: p.grad.clone() for name, p in model.named_parameters()}
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    calls = model.calls
    influence(model, x, (2, 1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is grads[name] for name, p in model.named_parameters())
    assert all(torch.equal(p.grad, copies[name]) for name, p in model.named_parameters())
    assert model.training
    assert not model.drop.training
    assert model.calls == calls
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state


def test_an_index_that_does_not_fit_is_an_index_error():
    with pytest.raises(IndexError):
        influence(nn.LSTM(4, 5), torch.randn(6, 3, 4), (9, 1))


def test_a_model_without_a_float_output_is_refused():
    class Decodes(nn.Module):
        def forward(self, x):
            return x.argmax(-1)

    with pytest.raises(ValueError, match="no float tensor"):
        influence(Decodes(), torch.randn(6, 3, 4), 0)
