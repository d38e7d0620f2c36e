"""Wrong batch as time: models as people write them."""

import torch
from torch import nn

from tests.zoo.layout.common import IN, B, H, K, Net, T, V, case, example, features, tokens


@example("batch_as_time")
def view_of_the_one_sentence_tutorial():
    def body(self, x):
        out, _ = self.lstm(x.view(len(x), 1, -1))
        return self.fc(out.view(len(x), -1))

    return case(Net(body, lstm=nn.LSTM(T * IN, H), fc=nn.Linear(H, K)), features())


@example("batch_as_time")
def view_of_the_tutorial_on_a_table():
    def body(self, x):
        out, self.hidden = self.lstm(x.view(len(x), 1, -1))
        return self.fc(out[:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, 1)),
        torch.randn(B, IN),
        input_axes=("batch",),
    )


@example("batch_as_time")
def two_axes_read_as_one_sentence():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out)

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN), input_axes=("batch",))


@example("batch_as_time")
def series_read_as_one_sentence():
    def body(self, x):
        out, _ = self.gru(x)
        return self.fc(out)

    return case(Net(body, gru=nn.GRU(T, H), fc=nn.Linear(H, K)), torch.randn(B, T))


@example("batch_as_time")
def batch_axis_added_in_front():
    def body(self, x):
        out, _ = self.lstm(x.unsqueeze(0))
        return self.fc(out.squeeze(0))

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN), input_axes=("batch",))


@example("batch_as_time")
def everything_in_one_long_sentence():
    def body(self, x):
        b, t = x.shape
        out, _ = self.lstm(self.emb(x).view(b * t, 1, -1))
        return self.fc(out.view(b, t, -1)[:, -1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@example("batch_as_time")
def hidden_state_of_one_for_a_batch():
    def body(self, x):
        h = c = torch.zeros(1, 1, H)
        out, _ = self.lstm(x.view(x.size(0), 1, x.size(1)), (h, c))
        return self.fc(out.view(x.size(0), -1))

    return case(Net(body, lstm=nn.LSTM(T, H), fc=nn.Linear(H, 1)), torch.randn(B, T))


@example("batch_as_time", says="begin each sample without a state")
def state_of_one_sample_kept_for_the_next():
    def body(self, x):
        state, rows = None, []
        for row in x:
            out, state = self.lstm(row[None], state)
            rows.append(out)
        return self.fc(torch.cat(rows))

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), output_axes=("batch", "time"))
