"""Handed on: the final state of one layer on its way to the input or the state of the next."""

from __future__ import annotations

import torch
from torch import nn

from tests.zoo.layout.common import IN, TAGGER, B, H, K, Net, T, V, case, example, features


def _cut(h):
    return h.reshape(h.shape[1], -1)


def _turned(h):
    return h.transpose(0, 1).flatten(1)


def _sentence_autoencoder(join, split):
    """A bidirectional encoder, a code, and a decoder of two layers that starts from it."""

    def body(self, x):
        _, h = self.enc(x)
        start = split(self.to_state(self.to_code(join(h))), len(x))
        return self.fc(self.dec(x, start)[0])

    enc = nn.GRU(IN, H, 2, batch_first=True, bidirectional=True)
    parts = {"to_code": nn.Linear(4 * H, 3), "to_state": nn.Linear(3, 2 * H)}
    dec, fc = nn.GRU(IN, H, 2, batch_first=True), nn.Linear(H, K)
    return case(Net(body, enc=enc, dec=dec, fc=fc, **parts), features(), **TAGGER)


def _characters_to_words(join):
    """A layer over the characters of each word, and one over the words."""

    def body(self, x):
        letters = self.emb(x.flatten(0, 1))
        _, (h, _) = self.chars(letters)
        return self.fc(self.words(join(h).view(*x.shape[:2], -1))[0])

    chars = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    words = nn.LSTM(2 * H, H, batch_first=True)
    parts = {"emb": nn.Embedding(V, IN), "chars": chars, "words": words, "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), torch.randint(1, V, (B, T, 5)), **TAGGER)


def _code_at_every_step(join):
    def body(self, x):
        _, h = self.enc(x)
        code = self.to_code(join(h))
        return self.fc(self.dec(code.unsqueeze(1).expand(-1, x.size(1), -1))[0])

    enc, dec = nn.GRU(IN, H, 2, batch_first=True), nn.GRU(3, H, batch_first=True)
    parts = {"to_code": nn.Linear(2 * H, 3), "fc": nn.Linear(H, IN)}
    return case(Net(body, enc=enc, dec=dec, **parts), features(), **TAGGER)


@example("ok")
def sentence_autoencoder():
    return _sentence_autoencoder(
        _turned, lambda state, batch: state.view(batch, 2, H).transpose(0, 1).contiguous()
    )


@example("hidden_view_scramble")
def sentence_autoencoder_cut_twice():
    return _sentence_autoencoder(_cut, lambda state, batch: state.view(2, batch, H))


@example("ok")
def characters_to_words():
    return _characters_to_words(_turned)


@example("hidden_view_scramble")
def characters_to_words_cut():
    return _characters_to_words(_cut)


@example("ok")
def code_at_every_step():
    return _code_at_every_step(_turned)


@example("hidden_view_scramble")
def code_at_every_step_cut():
    return _code_at_every_step(_cut)


@example("samples_mixed")
def code_at_every_step_weighed_over_the_batch():
    return _code_at_every_step(lambda h: _turned(h).softmax(0))
