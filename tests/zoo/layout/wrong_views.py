"""Wrong views: models as people write them."""

import torch
from torch import nn

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


@example("view_scramble")
def view_to_time_first():
    def body(self, x):
        out, _ = self.lstm(x.view(x.size(1), x.size(0), -1))
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@example("view_scramble")
def reshape_of_embeddings():
    def body(self, x):
        b, t = x.shape
        out, _ = self.lstm(torch.reshape(self.emb(x), (t, b, IN)))
        return self.fc(out[-1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@example("view_scramble")
def view_to_batch_first_of_time_first_data():
    def body(self, x):
        t, b, f = x.shape
        out, _ = self.lstm(x.view(b, t, f))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@example("view_scramble")
def view_after_a_cnn():
    def body(self, x):
        b, t = x.shape[:2]
        y = self.cnn(x.flatten(0, 1)).view(t, b, -1)
        _, (h, _) = self.lstm(y)
        return self.fc(h[-1])

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return case(
        Net(body, cnn=cnn, lstm=nn.LSTM(4, H), fc=nn.Linear(H, K)), torch.randn(3, 5, 1, 8, 8)
    )


@example("view_scramble")
def view_there_and_back():
    def body(self, x):
        b, t, f = x.shape
        out, _ = self.lstm(x.reshape(t, b, f))
        return self.fc(out.reshape(b, t, -1))

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("view_scramble")
def view_before_a_cell_loop():
    def body(self, x):
        b, t, f = x.shape
        h = torch.zeros(b, H)
        for step in x.view(t, b, f):
            h = self.cell(step, h)
        return self.fc(h)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@example("view_scramble")
def view_of_the_output_before_the_last_step():
    def body(self, x):
        out, _ = self.lstm(x)
        out = self.fc(out.contiguous().view(-1, H))
        return out.view(x.size(1), x.size(0), -1)[-1]

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features())


@example("view_scramble")
def time_first_output_viewed_as_batch_first():
    def body(self, x):
        out, _ = self.lstm(self.emb(x).transpose(0, 1))
        return self.fc(out.reshape(x.size(0), x.size(1), -1))

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)),
        tokens(),
        **TAGGER,
    )


@example("view_scramble")
def time_first_output_flattened_into_rows():
    def body(self, x):
        out, _ = self.lstm(x.transpose(0, 1))
        return self.fc(out.reshape(x.size(0), -1))

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(T * H, K)), features())


@example("view_scramble")
def cell_outputs_viewed_as_batch_first():
    def body(self, x):
        b, t, _ = x.shape
        h, outs = torch.zeros(b, H), []
        for step in x.unbind(1):
            h = self.cell(step, h)
            outs.append(h)
        return self.fc(torch.stack(outs).view(b, t, H))

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("view_scramble")
def output_of_two_directions_viewed_as_batch_first():
    def body(self, x):
        out, _ = self.gru(x.transpose(0, 1))
        return self.fc(out.reshape(x.size(0), x.size(1), -1)[:, -1])

    gru = nn.GRU(IN, H, 2, bidirectional=True)
    return case(Net(body, gru=gru, fc=nn.Linear(2 * H, K)), features())


@example("view_scramble")
def mean_of_a_view_of_more_samples_than_steps():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.reshape(x.size(1), x.size(0), H).mean(0))

    lstm = nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features(8, 4))


@example("view_scramble")
def samples_side_by_side_as_features():
    def body(self, x):
        out, _ = self.lstm(x.transpose(0, 1).reshape(1, x.size(1), -1))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(B * IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("view_scramble", says="before `self.lstm` mixes the time steps")
def features_of_a_convolution_viewed_as_time():
    def body(self, x):
        z = self.conv(x.transpose(1, 2))
        out, _ = self.lstm(z.reshape(z.size(0), z.size(2), -1))
        return self.fc(out[:, -1])

    conv, lstm = nn.Conv1d(IN, H, 3, stride=2, padding=1), nn.LSTM(H, H, batch_first=True)
    return case(Net(body, conv=conv, lstm=lstm, fc=nn.Linear(H, K)), features(3, 12))


@example("view_scramble", says="after `self.lstm` mixes the time steps")
def scores_viewed_for_the_loss():
    def body(self, x):
        scores = self.fc(self.lstm(x)[0])
        return scores.reshape(scores.size(0), scores.size(2), -1)

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    axes = {"output_axes": ("batch", None, "time")}
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features(), **axes)
