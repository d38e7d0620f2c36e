"""Where each sample ends, in models that pack with lengths of their own, or shut a ReLU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.zoo.layout.carried_by_hand import example
from tests.zoo.layout.common import IN, H, K, Net, V, case, features, tokens
from tests.zoo.layout.common import example as judged_as


class Packs(nn.Module):
    """Each direction is read where it ends by the lengths that the layer was packed with."""

    def __init__(self, made, changed) -> None:
        super().__init__()
        self.made, self.changed = made, changed
        self.lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * H, K)

    def forward(self, x, lengths):
        x, lengths = self.made(x), self.changed(lengths)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.fc(torch.cat([*self.lstm(packed)[1][0]], 1))


def _padded(changed, made=lambda x: x):
    lengths = torch.tensor([7, 10, 4, 8])
    x = features(4, 10) * (torch.arange(10) < lengths[:, None])[..., None]
    return case(Packs(made, changed), x, lengths=lengths)


@example("ok")
def packed_with_a_start_and_an_end():
    return _padded(lambda lengths: lengths + 2, lambda x: F.pad(x, (0, 0, 1, 1), value=1.0))


@example("ok")
def packed_behind_a_stride():
    return _padded(lambda lengths: (lengths + 1) // 2, lambda x: x[:, ::2])


@example("unrecognised", says="reads the steps")
def packed_with_one_step_too_few():
    return _padded(lambda lengths: lengths - 1)


class Narrow(nn.Module):
    """All units of a narrow ReLU are shut for one of the samples that are looked at."""

    limit = 0.0

    def __init__(self, read) -> None:
        super().__init__()
        self.lstm, self.read = nn.LSTM(IN, H, batch_first=True), read
        self.narrow, self.fc = nn.Linear(H, 1, bias=False), nn.Linear(1, K)

    def forward(self, x):
        return self.fc(F.relu(self.narrow(self.read(self, x)) - self.limit))


@torch.no_grad()
def _narrow(read):
    model, x = Narrow(read), features()
    model.limit = model.narrow(read(model, x)).sort(0)[0][:2].mean()
    return case(model, x)


@example("ok")
def a_shut_relu_of_one_sample():
    return _narrow(lambda self, x: self.lstm(x)[0][:, -1])


@example("unrecognised")
def a_shut_relu_of_one_sample_and_the_first_step():
    return _narrow(lambda self, x: self.lstm(x)[0][:, 1])


@example("unrecognised", says="reads no recurrent layer")
def zeros_behind_what_was_packed():
    lengths = torch.tensor([7, 5, 7, 2])

    def read(self, x):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0][:, -1]

    return case(Narrow(read), features())


class Both(nn.Module):
    """Returns the logits, and what the layer gives beside them."""

    def __init__(self, read) -> None:
        super().__init__()
        self.lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
        self.fc, self.read = nn.Linear(2 * H, K), read

    def forward(self, x):
        out, (h, _) = self.lstm(x)
        return self.fc(self.read(out, h)), out


@example("bidir_last_step")
def last_step_of_both_directions_beside_all_steps():
    return case(Both(lambda out, h: out[:, -1]), features())


@example("ok")
def ends_of_both_directions_beside_all_steps():
    return case(Both(lambda out, h: torch.cat((h[-2], h[-1]), 1)), features())


class OneSeries(nn.Module):
    """Reads one series of numbers, and has no batch axis."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(1, H), nn.Linear(H, 1)

    def forward(self, x):
        return self.fc(self.lstm(x.view(len(x), 1, -1))[0].view(len(x), -1))[-1]


@example("cannot_check", says="x has no batch axis")
def one_series():
    return case(OneSeries(), torch.rand(12), input_axes=("time",))


@example("ok")
def one_series_after_another():
    return case(
        OneSeries(), torch.rand(4, 12), call=lambda m, x: torch.stack([m(one) for one in x])
    )


class ReadsAt(nn.Module):
    """Takes one step of each sample by its length, or a mean by attention over its real steps."""

    def __init__(self, read) -> None:
        super().__init__()
        self.lstm, self.read = nn.LSTM(IN, H, batch_first=True), read
        self.score, self.fc = nn.Linear(H, 1), nn.Linear(H, K)

    def forward(self, x, lengths):
        return self.fc(self.read(self, self.lstm(x)[0], lengths))


def _attention(self, out, lengths):
    real = torch.arange(out.shape[1]) < lengths[:, None]
    weights = self.score(out).squeeze(2).masked_fill(~real, -torch.inf).softmax(1)
    return (weights.unsqueeze(2) * out).sum(1)


def _read_at(read):
    lengths = torch.tensor([7, 10, 4, 8])
    return case(ReadsAt(read), features(4, 10), lengths=lengths)


@example("cannot_check", says="as a mean or an attention does")
def attention_over_the_real_steps():
    return _read_at(_attention)


@example("unrecognised", says="the steps [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]")
def mean_over_the_pads_as_well():
    return _read_at(lambda self, out, lengths: out.mean(1))


@example("unrecognised", says="`lengths - 1` is the last real step")
def one_step_before_the_last_real_one():
    return _read_at(lambda self, out, lengths: out[range(len(out)), lengths - 2])


class Stacked(nn.Module):
    """A second layer on a first one, so that a time step reaches all later inputs of the second."""

    def __init__(self, read, first=1, second=1) -> None:
        super().__init__()
        self.first = nn.LSTM(IN, H, batch_first=True, bidirectional=first == 2)
        self.second = nn.LSTM(first * H, H, batch_first=True, bidirectional=second == 2)
        self.read, self.fc = read, nn.Linear(second * H, K)

    def forward(self, x, lengths):
        out, (h_n, _) = self.second(self.first(x)[0])
        return self.fc(self.read(out, h_n, lengths))


def _stacked(read, **directions):
    lengths = torch.tensor([7, 10, 4, 8])
    return case(Stacked(read, **directions), features(4, 10), lengths=lengths)


@example("ok")
def second_layer_at_the_last_real_step():
    return _stacked(lambda out, h_n, lengths: out[range(len(out)), lengths - 1])


@example("ok")
def second_layer_on_both_directions_of_a_first():
    return _stacked(lambda out, h_n, lengths: out[range(len(out)), lengths - 1], first=2)


@example("padded_last_step")
def second_layer_at_the_last_pad():
    return _stacked(lambda out, h_n, lengths: out[:, -1])


@example("padded_last_step")
def both_directions_of_a_second_layer_over_the_pads():
    return _stacked(lambda out, h_n, lengths: torch.cat((h_n[-2], h_n[-1]), 1), second=2)


@example("unrecognised", says="only one direction is read")
def backward_direction_alone():
    def body(self, x):
        return self.fc(self.lstm(x)[1][0][-1])

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


def _attention_to_the_pads(self, out, lengths):
    pads = torch.arange(out.shape[1]) >= lengths[:, None]
    weights = self.score(out).squeeze(2).masked_fill(~pads, -1e9).softmax(1)
    return (weights.unsqueeze(2) * out).sum(1)


@example("unrecognised", says="is the mask the other way round?")
def attention_to_the_pads_alone():
    return _read_at(_attention_to_the_pads)


class WantsAMask(ReadsAt):
    def forward(self, x, mask):
        return super().forward(x, mask.sum(1))


@example("cannot_check", says="`forward` wants `mask` beside x")
def lengths_are_no_mask():
    return case(WantsAMask(_attention), features(4, 10), lengths=torch.tensor([7, 10, 4, 8]))


class PoolsBehindPacking(nn.Module):
    """Packs, pads again with zeros, and makes one of all steps."""

    def __init__(self, pooled) -> None:
        super().__init__()
        self.lstm, self.pooled = nn.LSTM(IN, H, batch_first=True), pooled

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]
        return self.pooled(out, lengths)


def _pooled(pooled, **axes):
    lengths = torch.tensor([7, 10, 4, 8])
    return case(PoolsBehindPacking(pooled), features(4, 10), lengths=lengths, **axes)


def _masked(out, lengths):
    real = (torch.arange(out.shape[1]) < lengths[:, None])[..., None]
    return (out * real).sum(1) / lengths[:, None]


@judged_as("ok", says="But the pads reach answers")
def mean_with_the_zeros_of_the_pads():
    return _pooled(lambda out, lengths: out.mean(1))


@judged_as("ok", says="But the pads reach answers")
def scores_that_sum_to_one_over_time():
    return _pooled(lambda out, lengths: out.log_softmax(1), output_axes=("batch", "time"))


@judged_as("ok", says="Right.\nEach sample")
def mean_without_the_pads():
    return _pooled(_masked)


class Predicts(nn.Module):
    """A language model, which reads all words but the last."""

    def __init__(self, directions=1) -> None:
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=directions == 2)
        self.fc = nn.Linear(directions * H, V)

    def forward(self, x):
        return self.fc(self.lstm(self.emb(x[:, :-1]))[0])


def _predicts(directions=1):
    axes = ("batch", "time")
    return case(Predicts(directions), tokens(), output_axes=axes, causal=True)


@judged_as("ok", says="Its steps see no later time steps")
def predicts_all_words_but_the_first():
    return _predicts()


@judged_as("unrecognised", says="You said `causal=True`")
def predicts_from_both_directions():
    return _predicts(2)


@judged_as("ok", says="But the model draws random numbers")
def starts_from_random_numbers():
    def body(self, x):
        return self.fc(self.lstm(x, torch.randn(2, 1, len(x), H).unbind(0))[0][:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("cannot_check", says="as a mean or an attention does")
def last_state_of_a_mean_behind_packing():
    return _pooled(_masked)


@example("unrecognised", says="the steps [0, 1, 2, 3, 4, 5]")
def mean_of_all_steps_but_the_last():
    return _plain(lambda out: out[:, :-1].mean(1))


@example("cannot_check", says="as a mean or an attention does")
def mean_of_all_steps():
    return _plain(lambda out: out.mean(1))


@example("cannot_check", says="as a mean or an attention does")
def the_largest_of_all_steps():
    return _plain(lambda out: out.amax(1))


def _plain(read):
    def body(self, x):
        return self.fc(read(self.lstm(x)[0]))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, 7)), features())
