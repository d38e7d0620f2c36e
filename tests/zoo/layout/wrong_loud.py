"""Wrong loud: models as people write them."""

import torch
from torch import nn

from tests.zoo.layout.common import IN, H, K, Net, case, example, features


@example("raises")
def state_of_the_batch_without_the_flag():
    def body(self, x):
        h0 = torch.zeros(1, x.size(0), H)
        out, _ = self.gru(x, h0)
        return self.fc(out[:, -1])

    return case(Net(body, gru=nn.GRU(IN, H), fc=nn.Linear(H, K)), features())


@example("raises")
def result_not_unpacked():
    def body(self, x):
        out = self.lstm(x)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("cannot_check", says="must be Tensor, not tuple")
def layer_in_a_sequential():
    return case(nn.Sequential(nn.LSTM(IN, H, batch_first=True), nn.Linear(H, K)), features())


@example("not_attempted")
def stub():
    def body(self, x):
        return None

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True)), features())


@example("not_attempted")
def stub_that_raises():
    def body(self, x):
        raise NotImplementedError

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True)), features())


@example("cannot_check", says="one number")
def loss_instead_of_predictions():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1]).pow(2).mean()

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("samples_mixed")
def the_batch_is_gone():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1].mean(0, keepdim=True).repeat(2, 1))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("raises", says="Expected hidden[0] size (2, 4, 8), got [2, 7, 8]")
def states_of_the_steps():
    def body(self, x):
        h0, c0 = torch.zeros(2, x.size(1), H), torch.zeros(2, x.size(1), H)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(IN, H, 2, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("cannot_check", says="'tuple' object has no attribute 'dim'")
def two_layers_in_a_sequential():
    return case(nn.Sequential(nn.LSTM(IN, H), nn.LSTM(H, H)), features())


class MakesItsState(nn.Module):
    """The method that makes the state is called where it should be; another line is wrong."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(IN, H, batch_first=True), nn.Linear(size, K)

    def init_hidden(self, batch):
        return torch.zeros(1, batch, H), torch.zeros(1, batch, H)

    def forward(self, x, hidden=None):
        out, _ = self.lstm(x, hidden or self.init_hidden(len(x)))
        return self.fc(out[:, -1])


@example("raises", says="mat1 and mat2 shapes cannot be multiplied")
def a_size_wrong_where_the_state_is_made():
    return case(MakesItsState(H + 1), features())


@example("raises", says="Expected hidden[0] size (1, 4, 8), got [1, 6, 8]")
def a_state_handed_over_for_another_batch():
    return case(MakesItsState(H), features(), call=lambda m, x: m(x, m.init_hidden(6)))
