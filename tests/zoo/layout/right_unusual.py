"""Right unusual: decoded tags, homemade cells, noise without a seed, weights of zero."""

import os

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.zoo.layout.common import (
    IN,
    TAGGER,
    H,
    K,
    Net,
    V,
    case,
    example,
    features,
    padded_tokens,
    tokens,
)
from tests.zoo.layout.right_plain import BatchFirstClassifier


class ConvLSTM(nn.Module):
    """A homemade recurrence over frames, with lists of tensors as its result."""

    def __init__(self, batch_first):
        super().__init__()
        self.batch_first = batch_first
        self.gates = nn.Conv2d(2 + 3, 12, 3, padding=1)

    def forward(self, x, hidden_state=None):
        if not self.batch_first:
            x = x.permute(1, 0, 2, 3, 4)
        h = c = torch.zeros(x.size(0), 3, *x.shape[-2:])
        outs = []
        for t in range(x.size(1)):
            i, f, o, g = self.gates(torch.cat((x[:, t], h), 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outs.append(h)
        return [torch.stack(outs, 1)], [[h, c]]


@example("ok")
def homemade_convolutional_lstm():
    return case(ConvLSTM(True), torch.randn(3, 5, 2, 6, 6), **TAGGER)


@example("ok")
def tags_as_lists_of_different_lengths():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        scores = self.fc(out)
        return [row[mask].argmax(-1).tolist() for row, mask in zip(scores, x > 0, strict=True)]

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens(), **TAGGER)


class SortedAutoencoder(nn.Module):
    """Sorts, packs and puts the words back; the mean stays sorted, for a KL term alone."""

    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.enc = nn.GRU(IN, H, batch_first=True)
        self.mean = nn.Linear(H, 2)
        self.start = nn.Linear(2, H)
        self.dec = nn.GRU(IN, H, batch_first=True)
        self.out = nn.Linear(H, V)

    def forward(self, sequence, length):
        ordered, order = torch.sort(length, descending=True)
        embedded = self.emb(sequence[order])
        packed = pack_padded_sequence(embedded, ordered.tolist(), batch_first=True)
        _, hidden = self.enc(packed)
        mean = self.mean(hidden.squeeze())
        z = mean + torch.randn(mean.shape)
        out, _ = self.dec(packed, self.start(z).unsqueeze(0))
        out = pad_packed_sequence(out, batch_first=True)[0].contiguous()
        return F.log_softmax(self.out(out[order.argsort()]), -1), mean


@example("ok")
def a_mean_that_stays_sorted():
    lengths = torch.tensor([7, 4, 7, 2])
    return case(SortedAutoencoder(), padded_tokens((7, 4, 7, 2)), **TAGGER, lengths=lengths)


@example("ok")
def one_step_after_an_attention_over_time():
    def body(self, x):
        weights = F.softmax(self.score(x), 1)
        h, _ = self.cell((weights * x).sum(1))
        return self.fc(h)

    parts = {"score": nn.Linear(IN, 1), "cell": nn.LSTMCell(IN, H)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@example("ok")
def one_step_after_a_convolution_over_all_time():
    def body(self, x):
        y = F.relu(self.conv(x.transpose(1, 2))).flatten(1)
        out, _ = self.lstm(self.front(y).unsqueeze(1))
        return self.fc(out[:, -1])

    parts = {"conv": nn.Conv1d(IN, 4, 3), "front": nn.Linear(20, 5)}
    lstm = nn.LSTM(5, H, batch_first=True)
    return case(Net(body, **parts, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("cannot_check", says="listens to no seed")
def noise_without_a_seed():
    def body(self, x):
        out, _ = self.lstm(x + int.from_bytes(os.urandom(4), "big") / 2**32)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def head_of_zeros():
    model = BatchFirstClassifier()
    nn.init.zeros_(model.fc.weight)
    nn.init.zeros_(model.fc.bias)
    return case(model, features())


@example("ok")
def as_many_state_rows_as_samples():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return h, self.fc(torch.cat((h[-2], h[-1]), 1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features(4))


@example("ok")
def order_handed_out_with_sorted_rows():
    def body(self, x):
        lengths, order = (x != 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.emb(x[order]), lengths, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1]), order

    parts = {"emb": nn.Embedding(V, IN), "gru": nn.GRU(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), padded_tokens((3, 7, 2, 5)))


@example("ok")
def scripted():
    return case(torch.jit.script(BatchFirstClassifier()), features())


@example("ok")
def wrapped_for_parallel_runs():
    return case(nn.DataParallel(BatchFirstClassifier()), features())


@example("ok")
def double_precision():
    return case(BatchFirstClassifier().double(), features().double())


@example("ok")
def two_token_columns_with_their_own_vocabularies():
    def body(self, x):
        both = torch.cat((self.words(x[..., 0]), self.tags(x[..., 1])), -1)
        out, _ = self.lstm(both)
        return self.fc(out[:, -1])

    parts = {"words": nn.Embedding(V, 3), "tags": nn.Embedding(5, 3), "fc": nn.Linear(H, K)}
    x = torch.stack((tokens(low=5), torch.randint(0, 5, (4, 7))), -1)
    return case(Net(body, **parts, lstm=nn.LSTM(6, H, batch_first=True)), x)
