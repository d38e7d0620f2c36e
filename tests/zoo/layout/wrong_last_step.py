"""Wrong last step: models as people write them."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.zoo.layout.common import IN, H, K, Net, V, case, example, features, tokens
from tests.zoo.layout.right_plain import BatchFirstClassifier


@example("last_step_wrong_axis")
def last_of_the_first_axis_with_batch_first():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("last_step_wrong_axis")
def last_of_the_second_axis_without_batch_first():
    def body(self, x):
        out, _ = self.gru(self.emb(x).permute(1, 0, 2))
        return self.fc(out[:, -1, :])

    return case(Net(body, emb=nn.Embedding(V, IN), gru=nn.GRU(IN, H), fc=nn.Linear(H, K)), tokens())


@example("view_scramble")
def last_of_the_first_axis_square():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1, :, :])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features(5, 5)
    )


@example("last_step_wrong_axis")
def state_indexed_as_if_batch_first():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[:, -1, :])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("last_step_wrong_axis")
def pad_packed_without_the_flag_then_last():
    def body(self, x):
        packed = pack_padded_sequence(
            self.emb(x), torch.full((len(x),), x.size(1)), batch_first=True
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.fc(out[:, -1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@example("bidir_last_step")
def bidirectional_last_step():
    return case(BatchFirstClassifier(bidirectional=True), features())


@example("bidir_last_step")
def bidirectional_last_step_time_first():
    def body(self, x):
        out, _ = self.lstm(self.emb(x).transpose(0, 1))
        return self.fc(out[-1])

    lstm = nn.LSTM(IN, H, 2, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@example("bidir_last_step")
def bidirectional_last_step_with_random_states():
    def body(self, x):
        x = self.emb(x).permute(1, 0, 2)
        h0, c0 = torch.randn(2, x.size(1), H), torch.randn(2, x.size(1), H)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[-1])

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@example("bidir_last_step")
def bidirectional_halves_added_at_the_last_step():
    def body(self, x):
        out, _ = self.gru(x)
        out = out[:, :, :H] + out[:, :, H:]
        return self.fc(self.drop(out[:, -1]))

    gru = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, gru=gru, drop=nn.Dropout(), fc=nn.Linear(H, K)), features())


@example("bidir_last_step")
def bidirectional_first_step():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, 0])

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("bidir_last_step")
def bidirectional_last_step_beside_the_state():
    def body(self, x):
        out, state = self.lstm(x)
        return self.fc(out[:, -1]), state

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("bidir_last_step")
def bidirectional_last_step_of_one_sentence_without_a_batch():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    lstm = nn.LSTM(IN, H, bidirectional=True)
    model = Net(body, lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, features()[0], input_axes=("time",), output_axes=("time",))
