"""Wrong unusual: the same mistakes at sizes and in wrappings that hide them."""

import torch
from torch import nn

from tests.zoo.layout.common import IN, TAGGER, H, K, Net, case, example, features
from tests.zoo.layout.right_unusual import ConvLSTM
from tests.zoo.layout.wrong_batch_walked import ForgottenFlag


def _view(batch, time):
    def body(self, x):
        out, _ = self.lstm(x.reshape(x.shape[1], x.shape[0], IN))
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features(batch, time))


def _last(batch, time):
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(batch, time))


def _state_view(batch, bidirectional):
    def body(self, x):
        _, h = self.gru(x)
        return self.fc(h.view(x.size(0), -1))

    gru = nn.GRU(IN, H, 2, batch_first=True, bidirectional=bidirectional)
    model = Net(body, gru=gru, fc=nn.Linear(H * (4 if bidirectional else 2), K))
    return case(model, features(batch))


@example("view_scramble")
def view_twice_as_many_steps_as_samples():
    return _view(4, 8)


@example("view_scramble")
def view_twice_as_many_samples_as_steps():
    return _view(8, 4)


@example("time_batch_swapped")
def view_of_a_square_where_it_does_nothing():
    return _view(5, 5)


@example("cannot_check")
def last_of_one_sample():
    return _last(1, 6)


@example("last_step_wrong_axis")
def last_of_twice_as_many_steps():
    return _last(3, 6)


@example("cannot_check")
def state_view_of_one_sample():
    return _state_view(1, False)


@example("hidden_view_scramble")
def state_view_of_as_many_samples_as_rows():
    return _state_view(4, True)


@example("time_batch_swapped")
def homemade_convolutional_lstm_without_its_flag():
    return case(ConvLSTM(False), torch.randn(3, 5, 2, 6, 6), **TAGGER)


@example("time_batch_swapped")
def homemade_loop_over_the_batch_and_its_last_state():
    def body(self, x):
        h = torch.zeros(x.size(1), H)
        for step in x:
            h = torch.tanh(self.i(step) + self.h(h))
        return self.fc(h)

    parts = {"i": nn.Linear(IN, H), "h": nn.Linear(H, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), features())


@example("time_batch_swapped")
def head_of_zeros_behind_a_forgotten_flag():
    model = ForgottenFlag()
    nn.init.zeros_(model.fc.weight)
    return case(model, features())


@example("time_batch_swapped")
def forgotten_flag_in_a_wrapper():
    return case(nn.DataParallel(ForgottenFlag()), features())


class Nodes(nn.Module):
    """One layer for the nodes of [batch, time, nodes, features]: folded rightly, flag forgotten."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, H)

    def forward(self, x):
        batch, time, nodes, size = x.shape
        folded = x.permute(0, 2, 1, 3).reshape(batch * nodes, time, size)
        return self.lstm(folded)[0][:, -1].view(batch, nodes, -1)


@example("time_batch_swapped")
def nodes_folded_into_the_batch_flag_forgotten():
    return case(Nodes(), torch.randn(3, 7, 5, 2))


@example("time_batch_swapped")
def characters_of_each_word_flag_forgotten():
    def body(self, x):
        batch, words, letters = x.shape[:3]
        folded = x.reshape(batch * words, letters, -1)
        return self.lstm(folded)[0][:, -1].view(batch, words, -1)

    return case(Net(body, lstm=nn.LSTM(2, H)), torch.randn(3, 7, 5, 2), **TAGGER)


@example("time_batch_swapped")
def flag_forgotten_behind_an_argmax():
    return case(Net(lambda m, x: m.lstm(x)[0][:, -1].argmax(-1), lstm=nn.LSTM(IN, H)), features())


@example("time_batch_swapped")
def flag_forgotten_where_the_last_value_is_taken_off():
    def body(self, x):
        last = x[:, -1:]
        return self.fc(self.lstm(x - last)[0][:, -1]) + last[:, 0]

    return case(Net(body, lstm=nn.LSTM(1, H), fc=nn.Linear(H, 1)), features(size=1))


@example("samples_mixed")
def batch_flipped_for_the_way_back():
    def body(self, x):
        ahead, back = self.ahead(x)[0][:, -1], self.back(x.flip(0))[0][:, -1]
        return torch.cat((ahead, back), dim=1)

    parts = {name: nn.LSTM(IN, H, batch_first=True) for name in ("ahead", "back")}
    return case(Net(body, **parts), features())
