"""Which steps an answer sees, what is kept between calls, and all that comes out."""

import torch
from torch import nn
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pad_packed_sequence,
)

from tests.zoo.layout.common import (
    IN,
    TAGGER,
    B,
    H,
    K,
    Net,
    T,
    V,
    case,
    example,
    features,
    padded_tokens,
    tokens,
)

LENGTHS = torch.tensor([7, 5, 4, 2])


def padded(left=False):
    x = features()
    for row, length in enumerate(LENGTHS.tolist()):
        if left:
            x[row, : T - length] = 0
        else:
            x[row, length:] = 0
    return x


@example("unrecognised")
def first_step_read():
    def body(self, x):
        return self.fc(self.lstm(x)[0][:, 0])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("unrecognised")
def reversed_not_turned_back():
    def body(self, x):
        return self.fc(self.lstm(x.flip(1))[0])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features(), **TAGGER
    )


@example("ok")
def two_layers_by_hand_bidirectional():
    def body(self, x):
        return self.fc(torch.cat((self.f(x)[0], self.b(x.flip(1))[0].flip(1)), 2))

    return case(
        Net(
            body,
            f=nn.LSTM(IN, H, batch_first=True),
            b=nn.LSTM(IN, H, batch_first=True),
            fc=nn.Linear(2 * H, K),
        ),
        features(),
        **TAGGER,
    )


@example("ok")
def shifted_language_model():
    def body(self, x):
        e = self.emb(x)
        e = torch.cat((torch.zeros(len(x), 1, IN), e[:, :-1]), 1)
        return self.fc(self.lstm(e)[0])

    return case(
        Net(
            body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, V)
        ),
        tokens(),
        **TAGGER,
        causal=True,
    )


@example("unrecognised")
def bidirectional_language_model():
    def body(self, x):
        return self.fc(self.lstm(self.emb(x))[0])

    return case(
        Net(
            body,
            emb=nn.Embedding(V, IN),
            lstm=nn.LSTM(IN, H, batch_first=True, bidirectional=True),
            fc=nn.Linear(2 * H, V),
        ),
        tokens(),
        **TAGGER,
        causal=True,
    )


@example("unrecognised", says="step 0 of `output[0]` depends on time step 6 of x")
def bidirectional_language_model_of_flat_rows_and_a_state():
    def body(self, x):
        out, hidden = self.lstm(self.emb(x))
        return self.fc(out).flatten(0, 1), hidden

    lstm, fc = nn.LSTM(IN, H, bidirectional=True), nn.Linear(2 * H, V)
    axes = {"input_axes": ("time", "batch"), "output_axes": ("time", "batch", None)}
    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=fc), tokens().t(), **axes, causal=True
    )


@example("padded_last_step")
def left_padded_read_at_length():
    def body(self, x):
        n = (x.abs().sum(2) > 0).sum(1)
        return self.fc(self.lstm(x)[0][torch.arange(len(x)), n - 1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        padded(True),
        lengths=LENGTHS,
    )


@example("unrecognised")
def pads_in_tags():
    def body(self, x):
        return self.fc(self.gru(self.emb(x))[0])

    return case(
        Net(
            body,
            emb=nn.Embedding(V, IN, padding_idx=0),
            gru=nn.GRU(IN, H, batch_first=True, bidirectional=True),
            fc=nn.Linear(2 * H, K),
        ),
        padded_tokens(),
        **TAGGER,
        lengths=LENGTHS,
    )


@example("ok")
def packed_tags():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(IN, H, batch_first=True, bidirectional=True)

        def forward(self, x, lengths):
            p = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return pad_packed_sequence(self.gru(p)[0], batch_first=True)[0]

    return case(M(), padded(), **TAGGER, lengths=LENGTHS)


# --- state kept
class Keeps(nn.Module):
    def __init__(self, mix):
        super().__init__()
        self.gru = nn.GRU(IN, H, batch_first=True)
        self.fc = nn.Linear(H, K)
        self.h = None
        self.mix = mix

    def forward(self, x):
        out, h = self.gru(x, self.h)
        self.h = (h.mean(1, keepdim=True).expand_as(h).contiguous() if self.mix else h).detach()
        return self.fc(out)


@example("ok")
def keeps_state():
    return case(Keeps(False), features(), **TAGGER)


@example("samples_mixed")
def keeps_mean_state():
    return case(Keeps(True), features(), **TAGGER)


# --- flat
@example("hidden_view_scramble")
def h_n_as_rows():
    def body(self, x):
        return self.fc(self.gru(x)[1].view(-1, H))

    return case(Net(body, gru=nn.GRU(IN, H, 3, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def masked_rows():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(IN, H, batch_first=True)
            self.fc = nn.Linear(H, K)

        def forward(self, x, lengths):
            out, _ = self.gru(x)
            m = torch.arange(x.size(1)) < lengths[:, None]
            return self.fc(out[m])

    return case(M(), padded(), lengths=LENGTHS)


@example("ok")
def ctc_strided():
    def body(self, x):
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        out, h = self.lstm(y)
        return {"log_probs": self.fc(out).log_softmax(-1).transpose(0, 1), "state": h}

    return case(
        Net(
            body,
            conv=nn.Conv1d(IN, 5, 3, 2, 1),
            lstm=nn.LSTM(5, H, batch_first=True, bidirectional=True),
            fc=nn.Linear(2 * H, K),
        ),
        torch.randn(B, 12, IN),
        output_axes=("time", "batch"),
    )


@example("samples_mixed")
def second_output_mixes():
    def body(self, x):
        out, _ = self.lstm(x)
        return {"cls": self.fc(out[:, -1]), "aux": self.fc2(out[:, -1]).softmax(0)}

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K), fc2=nn.Linear(H, K)),
        features(),
    )


@example("ok")
def similarity_matrix():
    def body(self, x):
        h = self.lstm(x)[1][0][-1]
        return h, h @ h.t()

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True)), features())


@example("ok", says="`self[0].l` walks along time")
def compiled():
    return case(
        torch.compile(
            nn.Sequential(
                Net(lambda self, x: self.l(x)[0][:, -1], l=nn.LSTM(IN, H, batch_first=True)),
                nn.Linear(H, K),
            ),
            backend="eager",
        ),
        features(),
    )
