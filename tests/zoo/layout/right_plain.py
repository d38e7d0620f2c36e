"""Right plain: models as people write them."""

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


class BatchFirstClassifier(nn.Module):
    def __init__(self, cell=nn.LSTM, bidirectional=False, num_layers=1):
        super().__init__()
        self.hidden_size, self.num_layers = H, num_layers
        self.rnn = cell(IN, H, num_layers, batch_first=True, bidirectional=bidirectional)
        self.fc = nn.Linear(H * (1 + bidirectional), K)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1, :])


@example("ok")
def batch_first_last_step():
    return case(BatchFirstClassifier(), features())


@example("ok")
def batch_first_gru_two_layers():
    return case(BatchFirstClassifier(nn.GRU, num_layers=2), features())


@example("ok")
def batch_first_rnn():
    return case(BatchFirstClassifier(nn.RNN), features())


class ExplicitZeroStates(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, H, 2, batch_first=True)
        self.fc = nn.Linear(H, K)

    def forward(self, x):
        h0 = torch.zeros(2, x.size(0), H).requires_grad_()
        c0 = torch.zeros(2, x.size(0), H).requires_grad_()
        out, (_hn, _cn) = self.lstm(x, (h0.detach(), c0.detach()))
        return self.fc(out[:, -1, :])


@example("ok")
def explicit_zero_states():
    return case(ExplicitZeroStates(), features())


@example("ok")
def time_first_last_step():
    def body(self, x):
        out, (_h, _c) = self.lstm(x)
        return self.fc(out[-1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), torch.randn(T, B, IN), **TIME_FIRST
    )


@example("ok")
def permute_before_default_layer():
    def body(self, x):
        x = x.permute(1, 0, 2)
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@example("ok")
def batch_first_with_a_permute_before_it():
    def body(self, x):
        out, _ = self.lstm(x.permute(1, 0, 2))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@example("ok")
def channels_before_time():
    def body(self, x):
        out, _ = self.lstm(x.transpose(1, 2))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN, T), input_axes=("batch",))


@example("ok")
def view_that_undoes_a_view():
    def body(self, x):
        batch, time, size = x.shape
        flat = x.contiguous().view(-1, size)
        flat = torch.relu(self.front(flat))
        out, _ = self.lstm(flat.view(batch, time, -1))
        return self.fc(out[:, -1])

    parts = {"front": nn.Linear(IN, 5), "lstm": nn.LSTM(5, H, batch_first=True)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@example("ok")
def view_to_the_shape_it_has():
    def body(self, x):
        out, _ = self.lstm(x.view(len(x), B, -1))
        return self.fc(out[-1].view(B, -1)).view(-1)

    model = Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, 1))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@example("ok")
def output_viewed_flat_and_back_before_the_last_step():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        out = out.contiguous().view(-1, H)
        out = torch.sigmoid(self.fc(out))
        return out.view(x.size(0), -1)[:, -1]

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H, 2, batch_first=True, dropout=0.5)}
    return case(Net(body, **parts, fc=nn.Linear(H, 1)), tokens())


@example("ok")
def the_layer_itself():
    return case(nn.LSTM(IN, H, batch_first=True), features(), **TAGGER)


@example("ok")
def the_layer_itself_time_first():
    return case(nn.LSTM(IN, H), torch.randn(T, B, IN), **TIME_FIRST, output_axes=("time", "batch"))


@example("ok")
def univariate_series():
    def body(self, x):
        out, _ = self.lstm(x.unsqueeze(-1))
        return self.fc(out[:, -1])

    return case(
        Net(body, lstm=nn.LSTM(1, H, batch_first=True), fc=nn.Linear(H, 1)), torch.randn(B, T)
    )


@example("ok")
def rows_of_an_image():
    def body(self, x):
        out, _ = self.lstm(x.view(-1, 8, 8))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(8, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, 1, 8, 8), input_axes=("batch",))
