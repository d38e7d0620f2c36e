"""Wrong order: rows that change places, and what looks like it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.zoo.layout.common import (
    IN,
    TAGGER,
    TIME_FIRST,
    B,
    H,
    K,
    Net,
    V,
    case,
    example,
    features,
    padded_tokens,
)

UNSORTED = (3, 7, 2, 5)


def _sorted_and_left_so(read, **axes):
    def body(self, x):
        lengths, order = (x != 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.emb(x[order]), lengths, batch_first=True)
        out, h = self.gru(packed)
        out, _ = pad_packed_sequence(out, batch_first=True, total_length=x.size(1))
        return self.fc(read(out, h))

    gru = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    parts = {"emb": nn.Embedding(V, IN, padding_idx=0), "gru": gru, "fc": nn.Linear(2 * H, K)}
    return case(Net(body, **parts), padded_tokens(UNSORTED), **axes)


@example("samples_mixed")
def sorted_states_of_both_directions():
    return _sorted_and_left_so(lambda out, h: torch.cat((h[0], h[1]), 1))


@example("samples_mixed")
def sorted_tags():
    return _sorted_and_left_so(lambda out, h: out, **TAGGER)


@example("samples_mixed")
def sorted_first_steps():
    return _sorted_and_left_so(lambda out, h: out[:, 0])


@example("samples_mixed")
def sorted_and_pooled():
    return _sorted_and_left_so(lambda out, h: out.max(1).values)


@example("hidden_view_scramble")
def view_of_states_that_gives_each_row_one_sample():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h.view(len(x), -1)[:, :H])

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features(5))


@example("view_scramble")
def view_of_steps_that_gives_each_row_one_sample():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.reshape(x.size(1), x.size(0), H)[:, -1])

    x = features().transpose(0, 1).contiguous()
    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), x, **TIME_FIRST)


@example("hidden_view_scramble")
def one_layer_of_a_view_of_states():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h.reshape(len(x), -1)[:, -2 * H :])

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features(), lengths=(7, 5, 3, 2))


@example("samples_mixed")
def mean_over_the_batch_axis():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.mean(0)[: len(x)])

    lstm = nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("unrecognised", says="not turned back")
def second_direction_by_hand_not_turned_back():
    def body(self, x):
        both = torch.cat((self.f(x)[0], self.b(x.flip(1))[0]), dim=2)
        return self.fc(both)

    f, b = nn.LSTM(IN, H, batch_first=True), nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, f=f, b=b, fc=nn.Linear(2 * H, K)), features(), **TAGGER)


class Positions(nn.Module):
    """Positions for [seq_len, batch, features], as in many a tutorial."""

    def __init__(self, at=0, first=0.0) -> None:
        super().__init__()
        self.register_buffer("pe", torch.randn(20, 1, IN))
        self.at, self.first = at, torch.zeros(B, H)
        if first:
            self.first = nn.Parameter(first * torch.randn(B, H))
        self.lstm, self.fc = nn.LSTM(IN, H, batch_first=True), nn.Linear(H, K)

    def forward(self, x):
        pe = self.pe[: x.size(self.at)]
        start = self.first[None, : len(x)]
        out, _ = self.lstm(x + (pe.transpose(0, 1) if self.at else pe), (start, 0 * start))
        return self.fc(out[:, -1])


@example("unrecognised", says="depends on its place in the batch")
def positions_along_the_batch():
    return case(Positions(), features())


@example("ok")
def positions_along_time():
    return case(Positions(at=1), features())


@example("unrecognised", says="depends on its place in the batch")
def a_first_state_learned_for_each_place():
    return case(Positions(at=1, first=1.0), features())


@example("ok")
def noise_alone():
    def body(self, x):
        return self.fc(self.lstm(x + 0.1 * torch.randn_like(x))[0][:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())
