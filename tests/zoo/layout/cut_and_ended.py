"""What is cut behind a layer or inside a sample, and where samples of different lengths end."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_teach.checks import layout
from tests.zoo import examples_for
from tests.zoo.layout.common import IN, TAGGER, B, H, K, Net, T, case, example, features


def check_last_state(given):
    return layout.check_last_state(**given)


of_ends = examples_for(check_last_state, make=True)


def _before_a_convolution(turned, width):
    def body(self, x):
        out, _ = self.lstm(x)
        return self.conv(turned(out)).transpose(1, 2)

    lstm = nn.LSTM(IN, H, batch_first=True)
    conv = nn.Conv1d(H, K, width, padding=width // 2)
    return case(Net(body, lstm=lstm, conv=conv), features(), **TAGGER)


@example("ok")
def convolution_behind_a_layer():
    return _before_a_convolution(lambda out: out.transpose(1, 2), 3)


@example("view_scramble", says="a `view` before `self.conv` mixes the time steps of a sample")
def view_before_a_convolution_behind_a_layer():
    return _before_a_convolution(lambda out: out.reshape(B, H, T), 3)


@example("view_scramble")
def view_before_a_convolution_of_width_one_behind_a_layer():
    return _before_a_convolution(lambda out: out.reshape(B, H, T), 1)


@example("ok")
def convolution_along_the_features_of_a_layer():
    def body(self, x):
        return self.conv(self.lstm(x)[0])

    lstm = nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, conv=nn.Conv1d(T, T, 3, padding=1)), features(), **TAGGER)


def _features_first(turned, time):
    def body(self, x):
        return self.fc(self.lstm(turned(x))[0][:, -1])

    lstm, fc = nn.LSTM(3, H, batch_first=True), nn.Linear(H, K)
    return case(Net(body, lstm=lstm, fc=fc), torch.randn(B, time, 3))


for _time in (7, 12):

    @example("view_scramble")
    def view_and_transpose_within_a_sample(time=_time):
        return _features_first(lambda x: x.view(len(x), 3, -1).transpose(1, 2), time)


@example("ok")
def turned_twice_within_a_sample():
    return _features_first(lambda x: x.transpose(1, 2).reshape(B, 3, -1).transpose(1, 2), 12)


@example("last_step_wrong_axis", says="only sample 3 is left in the output")
def last_sample_dealt_out():
    def body(self, x):
        return self.fc(self.lstm(x)[0][-1].reshape(B, -1))

    lstm, fc = nn.LSTM(IN, H, batch_first=True), nn.Linear(2 * H, K)
    return case(Net(body, lstm=lstm, fc=fc), features(time=2 * B))


@example("ok")
def scores_in_a_list():
    def body(self, x):
        scores = self.fc(self.lstm(x)[0]).amax(2).sum(1)
        return [*scores], [[k, k] for k in range(len(x))]

    lstm, fc = nn.LSTM(IN, H, batch_first=True), nn.Linear(H, K)
    return case(Net(body, lstm=lstm, fc=fc), features())


@example("ok", says="Its steps see no later time steps.")
def one_recording_that_is_to_be_causal():
    def body(self, x):
        return self.fc(self.lstm(x)[0])

    axes = {"input_axes": ("time",), "output_axes": ("time",), "causal": True}
    return case(Net(body, lstm=nn.LSTM(5, H), fc=nn.Linear(H, K)), torch.randn(9, 5), **axes)


@example("seq_len_1", says="Fix: give the cell one time step after the other")
def a_cell_that_gets_all_steps_at_once():
    def body(self, x):
        return self.cell(x.flatten(1))[0]

    return case(Net(body, cell=nn.LSTMCell(T * IN, H)), features())


class _Packed(nn.Module):
    def __init__(self, read, bidirectional=False, packed=True):
        super().__init__()
        self.lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=bidirectional)
        self.read, self.packed = read, packed

    def forward(self, x, lengths):
        if not self.packed:
            return self.read(self.lstm(x)[0], lengths)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.read(pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0], lengths)


LENGTHS = torch.tensor([5, 7, 3, 6])


def _last(out, lengths):
    return out[torch.arange(len(out)), lengths - 1]


def _at_minus_one(out, lengths):
    return out[:, -1]


def _both_ends(out, lengths):
    return torch.cat([_last(out, lengths)[:, :H], out[:, 0, H:]], 1)


def _forward_at_minus_one(out, lengths):
    return torch.cat([out[:, -1, :H], out[:, 0, H:]], 1)


def _of_lengths(read, time=T, **options):
    return case(_Packed(read, **options), features(time=time), lengths=LENGTHS)


@of_ends("ok")
def packed_and_read_at_the_lengths():
    return _of_lengths(_last, 10)


@of_ends("padded_last_step")
def packed_and_read_behind_all_samples():
    return _of_lengths(_at_minus_one, 10)


@example("padded_last_step")
def packed_to_fewer_steps_than_x():
    return _of_lengths(_at_minus_one, 10)


@of_ends("ok")
def packed_both_ways_and_read_at_both_ends():
    return _of_lengths(_both_ends, bidirectional=True)


@of_ends("padded_last_step")
def packed_both_ways_and_the_forward_one_read_behind():
    return _of_lengths(_forward_at_minus_one, bidirectional=True)


@of_ends("cannot_check", says="If they end there, as padded samples of different")
def read_at_lengths_that_nobody_told():
    given = case(_Packed(_last, packed=False), features())
    return given | {"call": lambda model, x: model(x, LENGTHS)}


@of_ends("ok")
def read_at_lengths_that_were_told():
    given = case(_Packed(_last, packed=False), features(), lengths=LENGTHS)
    return given | {"call": lambda model, x: model(x, LENGTHS)}


@of_ends("cannot_check", says="Then give them to the check: `lengths=[...]`")
def lengths_that_are_wanted():
    return case(_Packed(_last), features())


@of_ends("not_attempted", says="`NoForward.forward` is not written yet")
def without_forward():
    class NoForward(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, H)

        def run_it(self, x):
            return self.lstm(x)[0]

    return case(NoForward(), features())


@example("ok")
def turned_within_each_length():
    def body(self, x):
        rows = zip(x, LENGTHS.tolist(), strict=True)
        turned = torch.stack([torch.cat([row[:n].flip(0), row[n:]]) for row, n in rows])
        ends = torch.arange(len(x)), LENGTHS - 1
        return self.fc(torch.cat([self.back(turned)[0][ends], self.ahead(x)[0][ends]], 1))

    back, ahead = (nn.LSTM(IN, H, batch_first=True) for _ in range(2))
    model = Net(body, back=back, ahead=ahead, fc=nn.Linear(2 * H, K))
    return case(model, features(), lengths=LENGTHS)


@example("ok")
def one_number_a_layer_beside_the_answer():
    def body(self, x):
        penalties = []
        for layer in self.layers:
            x = layer(x)[0]
            penalties.append(x.pow(2).mean())
        return self.fc(x[:, -1]), penalties

    layers = nn.ModuleList([nn.LSTM(IN, IN, batch_first=True) for _ in range(B)])
    return case(Net(body, layers=layers, fc=nn.Linear(IN, K)), features())


@example("ok")
def larger_of_two_directions():
    def body(self, x):
        packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
        h = self.lstm(packed)[1][0]
        return torch.relu(torch.cat([h[0], h[1]], 1))

    lstm = nn.LSTM(IN, 3, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm), features(), lengths=LENGTHS)


@example("cannot_check", says="`causal=True` needs an output")
def two_outputs_of_one_recording():
    def body(self, x):
        return self.before(x), self.fc(self.lstm(x)[0])

    axes = {"input_axes": ("time",), "output_axes": ("time",), "causal": True}
    parts = {"lstm": nn.LSTM(5, H, bidirectional=True), "before": nn.Linear(5, K)}
    return case(Net(body, fc=nn.Linear(2 * H, K), **parts), torch.randn(9, 5), **axes)
