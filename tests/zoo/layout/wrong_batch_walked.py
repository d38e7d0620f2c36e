"""Wrong batch walked: models as people write them."""

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
    T,
    V,
    case,
    example,
    features,
    tokens,
)


class ForgottenFlag(nn.Module):
    def __init__(self, cell=nn.LSTM, **options):
        super().__init__()
        self.rnn = cell(IN, H, **options)
        self.fc = nn.Linear(H * (1 + options.get("bidirectional", False)), K)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1, :])


@example("time_batch_swapped")
def batch_first_forgotten():
    return case(ForgottenFlag(), features())


@example("time_batch_swapped")
def batch_first_forgotten_gru_two_layers():
    return case(ForgottenFlag(nn.GRU, num_layers=2, dropout=0.2), features())


@example("time_batch_swapped")
def batch_first_forgotten_bidirectional():
    return case(ForgottenFlag(nn.RNN, bidirectional=True), features())


@example("time_batch_swapped")
def batch_first_forgotten_in_a_tagger():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens(), **TAGGER
    )


@example("time_batch_swapped")
def batch_first_forgotten_and_last_of_the_first_axis():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[-1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@example("time_batch_swapped")
def batch_first_forgotten_after_a_cnn():
    def body(self, x):
        b, t = x.shape[:2]
        y = self.cnn(x.flatten(0, 1)).view(b, t, -1)
        out, _ = self.lstm(y)
        return self.fc(out[:, -1])

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return case(
        Net(body, cnn=cnn, lstm=nn.LSTM(4, H), fc=nn.Linear(H, K)), torch.randn(3, 5, 1, 8, 8)
    )


@example("time_batch_swapped")
def state_made_with_the_sequence_length():
    def body(self, x):
        state = (torch.zeros(1, x.size(1), H), torch.zeros(1, x.size(1), H))
        out, _ = self.lstm(x, state)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@example("time_batch_swapped")
def a_flag_too_many_for_time_first_data():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@example("time_batch_swapped")
def permute_and_flag_both():
    def body(self, x):
        x = self.emb(x).permute(1, 0, 2)
        out, _ = self.lstm(x)
        return self.fc(out.permute(1, 0, 2)[:, -1])

    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)
    )
    return case(model, tokens())


@example("time_batch_swapped")
def cell_loop_over_the_batch():
    def body(self, x):
        h = c = torch.zeros(x.size(1), H)
        outs = []
        for step in x:
            h, c = self.cell(step, (h, c))
            outs.append(h)
        return self.fc(torch.stack(outs))

    return case(Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("time_batch_swapped")
def gru_cell_loop_over_the_batch_with_a_range():
    def body(self, x):
        h = torch.zeros(x.shape[1], H)
        steps = []
        for t in range(x.shape[0]):
            h = self.cell(x[t], h)
            steps.append(h)
        return self.fc(torch.stack(steps)[:, -1])

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@example("time_batch_swapped")
def square_x_with_the_flag_forgotten():
    return case(ForgottenFlag(), features(5, 5))


@example("time_batch_swapped")
def square_x_and_a_state_of_the_batch():
    def body(self, x):
        h = torch.zeros(1, x.size(0), H)
        out, _ = self.gru(x, h)
        return self.fc(out[:, -1])

    return case(Net(body, gru=nn.GRU(IN, H), fc=nn.Linear(H, K)), features(5, 5))


@example("seq_len_1")
def one_sample_with_the_flag_forgotten():
    return case(ForgottenFlag(), features(1))


@example("time_batch_swapped")
def packed_over_the_wrong_axis():
    def body(self, x):
        packed = pack_padded_sequence(self.emb(x), torch.full((x.size(1),), x.size(0)))
        out, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.fc(out[:, -1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@example("time_batch_swapped")
def autoencoder_without_the_flag():
    def body(self, x):
        out, _ = self.enc(x)
        out, _ = self.dec(out)
        return out

    return case(Net(body, enc=nn.LSTM(IN, 3), dec=nn.LSTM(3, IN)), features(), **TAGGER)


@example("time_batch_swapped")
def homemade_recurrence_over_the_batch():
    def body(self, x):
        h, outs = torch.zeros(x.size(1), H), []
        for step in x:
            h = torch.tanh(self.i(step) + self.h(h))
            outs.append(h)
        return self.fc(torch.stack(outs))

    return case(
        Net(body, i=nn.Linear(IN, H), h=nn.Linear(H, H), fc=nn.Linear(H, K)), features(), **TAGGER
    )


@example("time_batch_swapped")
def pad_packed_in_time_order():
    def body(self, x):
        packed = pack_padded_sequence(
            self.emb(x), torch.full((len(x),), x.size(1)), batch_first=True
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.fc(out)

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)),
        tokens(),
        **TAGGER,
    )
