"""Right lengths: models as people write them."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.zoo.layout.common import (
    IN,
    TAGGER,
    TIME_FIRST,
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


class PackedClassifier(nn.Module):
    """Time first, packed, states concatenated: the flag would have no effect here."""

    def __init__(self, batch_first=False):
        super().__init__()
        self.batch_first = batch_first
        self.emb = nn.Embedding(V, IN, padding_idx=0)
        self.rnn = nn.LSTM(IN, H, 2, bidirectional=True)
        self.fc = nn.Linear(2 * H, 1)

    def forward(self, text, text_lengths):
        embedded = self.emb(text)
        packed = pack_padded_sequence(
            embedded, text_lengths.cpu(), batch_first=self.batch_first, enforce_sorted=False
        )
        _, (hidden, _) = self.rnn(packed)
        return self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)).squeeze(1)


@example("ok")
def packed_without_the_flag():
    return case(PackedClassifier(True), padded_tokens(), lengths=[7, 5, 4, 2])


@example("ok")
def packed_time_first():
    return case(
        PackedClassifier(), padded_tokens().t(), **TIME_FIRST, lengths=torch.tensor([7, 5, 4, 2])
    )


@example("cannot_check", says="text_lengths")
def packed_without_lengths_given():
    return case(PackedClassifier(True), tokens())


@example("ok")
def packed_with_the_time_first_flag_and_batch_first_pack():
    def body(self, x):
        lengths = (x != 0).sum(1)
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.fc(out.sum(1) / lengths[:, None])

    lstm = nn.LSTM(IN, H, batch_first=False, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens((7, 3, 5, 2)))


class SortsAndUnsorts(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.gru = nn.GRU(IN, H, batch_first=True)
        self.fc = nn.Linear(H, K)

    def forward(self, x, lengths):
        ordered, order = lengths.sort(descending=True)
        back = order.argsort()
        packed = pack_padded_sequence(self.emb(x[order]), ordered, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1][back])


@example("ok")
def sorted_inside_and_put_back():
    return case(SortsAndUnsorts(), padded_tokens((3, 7, 2, 5)), lengths=torch.tensor([3, 7, 2, 5]))


@example("ok")
def gathers_each_last_step():
    def body(self, x):
        lengths = (x != 0).sum(1)
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[torch.arange(len(x)), lengths - 1])

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@example("ok")
def masked_mean_over_time():
    def body(self, x):
        mask = (x != 0).unsqueeze(-1).float()
        out, _ = self.lstm(self.emb(x))
        return self.fc((out * mask).sum(1) / mask.sum(1))

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@example("ok")
def padded_on_the_left():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K))
    x = torch.stack([row.roll(n) for row, n in zip(padded_tokens(), (0, 2, 3, 5), strict=True)])
    return case(model, x, lengths=[7, 5, 4, 2])


@example("ok")
def cell_loop_that_freezes_finished_sentences():
    def body(self, x):
        mask = (x != 0).float()
        h = c = torch.zeros(x.size(0), H)
        for t in range(x.size(1)):
            h_new, c_new = self.cell(self.emb(x[:, t]), (h, c))
            m = mask[:, t, None]
            h, c = m * h_new + (1 - m) * h, m * c_new + (1 - m) * c
        return self.fc(h)

    model = Net(body, emb=nn.Embedding(V, IN), cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@example("ok")
def tagger_with_pads():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K))
    return case(model, padded_tokens(), **TAGGER, lengths=[7, 5, 4, 2])


@example("ok")
def zero_frames_mark_the_end():
    def body(self, x):
        lengths = (x.abs().sum(-1) > 0).sum(1)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[-1])

    x = features()
    x[1, 4:] = 0
    x[3, 2:] = 0
    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), x)
