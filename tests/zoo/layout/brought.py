"""Brought as it is: axes by name, rows, packed, dictionaries and tuples, wrappers."""

import torch
from torch import nn
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
)

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
    padded_tokens,
)

LENGTHS = torch.tensor([7, 5, 4, 2])


@example("ok")
def speech_channels_first():
    def body(self, x):
        return self.fc(self.lstm(x.transpose(1, 2))[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(B, IN, T),
        input_axes=("batch", None, "time"),
    )


@example("view_scramble")
def speech_channels_first_viewed():
    def body(self, x):
        return self.fc(self.lstm(x.reshape(len(x), -1, IN))[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(B, IN, T),
        input_axes=("batch", None, "time"),
    )


@example("view_scramble", says="missing `transpose`")
def time_as_features():
    def body(self, x):
        return self.fc(self.lstm(x)[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(T, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(B, IN, T),
        input_axes=("batch", None, "time"),
    )


@example("ok")
def video_channels_first():
    def body(self, x):
        b, t = x.shape[0], x.shape[2]
        y = x.permute(0, 2, 1, 3, 4).reshape(b, t, -1)
        return self.fc(self.lstm(y)[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(2 * 16, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(B, 2, 5, 4, 4),
        input_axes=("batch", "channels", "time", "height", "width"),
    )


@example("view_scramble")
def video_channels_first_viewed():
    def body(self, x):
        b, t = x.shape[0], x.shape[2]
        return self.fc(self.lstm(x.view(b, t, -1))[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(2 * 16, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(B, 2, 5, 4, 4),
        input_axes=("batch", "channels", "time", "height", "width"),
    )


@example("ok")
def seq_len_name():
    return case(
        nn.GRU(IN, H),
        torch.randn(T, B, IN),
        input_axes=("seq_len", "batch"),
        output_axes=("seq_len", "batch"),
    )


@example("ok")
def output_batch_last():
    def body(self, x):
        return self.fc(self.lstm(x)[0]).permute(1, 2, 0)

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        features(),
        output_axes=("time", None, "batch"),
    )


# --- flattened
@example("ok")
def rollout_rows():
    def body(self, x):
        y, _ = self.gru(x.view(T, B, IN))
        return self.fc(y.reshape(T * B, H))

    return case(
        Net(body, gru=nn.GRU(IN, H), fc=nn.Linear(H, K)),
        torch.randn(T, B, IN),
        **TIME_FIRST,
        output_axes=("time", "batch"),
        call=lambda m, x: m(x.flatten(0, 1)),
    )


@example("ok")
def rollout_rows_batch_major():
    def body(self, x):
        y, _ = self.gru(x.view(B, T, IN))
        return self.fc(y.reshape(T * B, H))

    return case(
        Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        features(),
        **TAGGER,
        call=lambda m, x: m(x.flatten(0, 1)),
    )


@example("view_scramble")
def rollout_rows_wrong_order():
    def body(self, x):
        y, _ = self.gru(x.view(B, T, IN))
        return self.fc(y.reshape(T * B, H))

    return case(
        Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(T, B, IN),
        **TIME_FIRST,
        output_axes=("time", "batch"),
        call=lambda m, x: m(x.flatten(0, 1)),
    )


@example("view_scramble", says="what you have made of x, its axes put in place")
def rollout_of_a_multiple_of_the_batch_dealt_out():
    def body(self, x):
        h, out = None, []
        for step in self.fc(x).reshape(3, 6, -1).transpose(0, 1):
            h = self.cell(step, h)
            out.append(h)
        return torch.stack(out)

    return case(
        Net(body, fc=nn.Linear(IN, 2 * IN), cell=nn.GRUCell(2 * IN, H)),
        torch.randn(6, 3, IN),
        **TIME_FIRST,
        output_axes=("time", "batch"),
        call=lambda m, x: m(x.flatten(0, 1)),
    )


@example("ok")
def rollout_masks():
    class Pol(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(IN, H)
            self.v = nn.Linear(H, 1)

        def forward(self, x, hxs, masks):
            n = hxs.size(0)
            t = len(x) // n
            x = x.view(t, n, -1)
            m = masks.view(t, n, 1)
            h = hxs[None]
            outs = []
            for i in range(t):
                y, h = self.gru(x[i : i + 1], h * m[i][None])
                outs.append(y)
            return self.v(torch.cat(outs).view(t * n, -1)), h[0]

    m = torch.ones(T * B, 1)
    m[9] = 0
    return case(
        Pol(),
        torch.randn(T, B, IN),
        **TIME_FIRST,
        output_axes=("time", "batch"),
        call=lambda model, x: model(x.flatten(0, 1), torch.zeros(B, H), m),
    )


@example("ok")
def nodes_folded():
    def body(self, x):
        return self.fc(self.lstm(x)[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        torch.randn(3, 5, T, IN),
        input_axes=("batch", "nodes", "time"),
        call=lambda m, x: m(x.flatten(0, 1)).unflatten(0, (3, 5)),
    )


# --- packed
@example("ok")
def packed_in_and_out():
    def body(self, x):
        out, _ = self.lstm(x)
        return out

    x = pack_padded_sequence(features(), LENGTHS, batch_first=True)
    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True)), x, output_axes=("batch", "time"))


@example("ok")
def packed_in_state_out():
    def body(self, x):
        return self.fc(self.lstm(x)[1][0][-1])

    x = pack_sequence([torch.randn(n, IN) for n in (3, 6, 2, 5)], enforce_sorted=False)
    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), x)


# --- dict and tuples
@example("ok")
def dict_in():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(V, IN)
            self.lstm = nn.LSTM(IN, H, batch_first=True)
            self.fc = nn.Linear(H, K)

        def forward(self, input_ids, attention_mask=None):
            p = pack_padded_sequence(
                self.emb(input_ids), attention_mask.sum(1), batch_first=True, enforce_sorted=False
            )
            return {"logits": self.fc(self.lstm(p)[1][0][-1])}

    x = padded_tokens()
    return case(M(), {"input_ids": x, "attention_mask": (x != 0).long()})


@example("ok")
def dict_as_it_is():
    def body(self, batch):
        return self.fc(self.lstm(batch["x"])[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)),
        {"x": features(), "id": torch.arange(B)},
    )


@example("time_batch_swapped")
def dict_swapped():
    def body(self, batch):
        return self.fc(self.lstm(batch["x"])[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), {"x": features(), "id": torch.arange(B)}
    )


@example("ok")
def two_sequences():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, H, batch_first=True)

        def forward(self, a, b):
            return (self.lstm(a)[1][0][-1] * self.lstm(b)[1][0][-1]).sum(1)

    return case(M(), (features(), features()))


@example("samples_mixed")
def two_sequences_contrasted():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(IN, H, batch_first=True)
            self.fc = nn.Linear(H, K)

        def forward(self, a, b):
            u, v = self.lstm(a)[1][0][-1], self.lstm(b)[1][0][-1]
            return self.fc(u - v.mean(0))

    return case(M(), (features(), features()))
