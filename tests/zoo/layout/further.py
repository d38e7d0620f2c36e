"""Further kinds, which were kept aside while the check was written."""

import torch
from torch import nn

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


@example("ok")
def dqn_history():  # rows flattened, with call
    class Q(nn.Module):
        def __init__(self):
            super().__init__()
            self.l = nn.LSTM(IN, H, batch_first=True)
            self.q = nn.Linear(H, 2)

        def forward(self, obs, bsize, time_step, hidden):
            o = obs.view(bsize, time_step, IN)
            o, h = self.l(o, hidden)
            return self.q(o[:, time_step - 1]), h

    return case(
        Q(),
        features(),
        call=lambda m, x: m(x.flatten(0, 1), B, T, (torch.zeros(1, B, H), torch.zeros(1, B, H))),
    )


@example("ok")
def spectrogram_crnn():
    def body(self, x):
        y = self.cnn(x)
        y = y.permute(0, 3, 1, 2).flatten(2)
        out, _ = self.gru(y)
        return self.fc(out)

    return case(
        Net(
            body,
            cnn=nn.Conv2d(1, 3, 3, padding=1),
            gru=nn.GRU(3 * 5, H, batch_first=True, bidirectional=True),
            fc=nn.Linear(2 * H, K),
        ),
        torch.randn(B, 1, 5, 9),
        input_axes=("batch", "channel", "freq", "time"),
        output_axes=("batch", "time"),
    )


@example("view_scramble")
def spectrogram_crnn_viewed():
    def body(self, x):
        y = x
        y = y.reshape(len(x), 9, -1)
        out, _ = self.gru(y)
        return self.fc(out)

    return case(
        Net(body, gru=nn.GRU(5, H, batch_first=True, bidirectional=True), fc=nn.Linear(2 * H, K)),
        torch.randn(B, 1, 5, 9),
        input_axes=("batch", "channel", "freq", "time"),
        output_axes=("batch", "time"),
    )


@example("ok")
def teacher_forced_pair():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.e = nn.Embedding(V, IN)
            self.enc = nn.GRU(IN, H)
            self.dec = nn.GRU(IN, H)
            self.o = nn.Linear(H, V)

        def forward(self, src, tgt):
            return self.o(self.dec(self.e(tgt), self.enc(self.e(src))[1])[0])

    return case(
        M(),
        (tokens().t(), tokens().t()),
        input_axes=("time", "batch"),
        output_axes=("time", "batch"),
    )


@example("time_batch_swapped")
def teacher_forced_pair_swapped():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.e = nn.Embedding(V, IN)
            self.enc = nn.GRU(IN, H)
            self.dec = nn.GRU(IN, H)
            self.o = nn.Linear(H, V)

        def forward(self, src, tgt):
            return self.o(self.dec(self.e(tgt), self.enc(self.e(src))[1])[0])

    return case(M(), (tokens(), tokens()), output_axes=("batch", "time"))


@example("ok")
def left_padded_tokens_last():
    def body(self, x):
        return self.fc(self.lstm(self.emb(x))[0][:, -1])

    x = padded_tokens().flip(1)
    return case(
        Net(
            body,
            emb=nn.Embedding(V, IN, padding_idx=0),
            lstm=nn.LSTM(IN, H, batch_first=True),
            fc=nn.Linear(H, K),
        ),
        x,
        lengths=LENGTHS,
    )


@example("ok", says="next to nothing of sample 3")
def wrong_lengths_one():  # one sample read at index 0 of lengths bug
    def body(self, x):
        n = (x != 0).sum(1)
        n[3] = 0
        out, _ = self.lstm(self.emb(x))
        m = (torch.arange(7) < n[:, None]).float()[..., None]
        return self.fc((out * m).sum(1))

    return case(
        Net(
            body,
            emb=nn.Embedding(V, IN, padding_idx=0),
            lstm=nn.LSTM(IN, H, batch_first=True),
            fc=nn.Linear(H, K),
        ),
        padded_tokens(),
        lengths=LENGTHS,
    )


@example("ok")
def loop_backwards():
    def body(self, x):
        h = torch.zeros(len(x), H)
        for t in reversed(range(x.size(1))):
            h = self.cell(x[:, t], h)
        return self.fc(h)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@example("unrecognised")
def backward_half_not_flipped():
    def body(self, x):
        h = torch.zeros(len(x), H)
        outs = []
        for t in reversed(range(x.size(1))):
            h = self.cell(x[:, t], h)
            outs.append(h)
        return self.fc(torch.stack(outs, 1))

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("ok")
def attention_weights_beside():
    def body(self, x):
        out, _ = self.lstm(x)
        w = self.s(out).softmax(1)
        return {"logits": self.fc((w * out).sum(1)), "attention": w.squeeze(2)}

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), s=nn.Linear(H, 1), fc=nn.Linear(H, K)),
        features(),
    )


@example("ok")
def gru_in_parallel_wrapper_tagger():
    return case(
        nn.DataParallel(
            Net(
                lambda self, x: self.fc(self.g(x)[0]),
                g=nn.GRU(IN, H, batch_first=True),
                fc=nn.Linear(H, K),
            )
        ),
        features(),
        **TAGGER,
    )


@example("ok")
def pyramid():
    def body(self, x):
        y, _ = self.a(x)
        y = y.reshape(y.size(0), y.size(1) // 2, -1)
        return self.b(y)[0]

    return case(
        Net(body, a=nn.LSTM(IN, H, batch_first=True), b=nn.LSTM(2 * H, H, batch_first=True)),
        torch.randn(B, 8, IN),
        **TAGGER,
    )


@example("ok")
def patched_frames():
    def body(self, x):
        return self.lstm(x.reshape(len(x), 4, -1))[1][0][-1]

    return case(Net(body, lstm=nn.LSTM(3 * IN, H, batch_first=True)), torch.randn(B, 12, IN))


@example("ok")
def permuted_pixels():
    perm = torch.randperm(16)

    def body(self, x):
        return self.fc(self.lstm(x[:, perm, None])[0][:, -1])

    return case(
        Net(body, lstm=nn.LSTM(1, H, batch_first=True), fc=nn.Linear(H, K)), torch.rand(B, 16)
    )


@example("ok")
def mean_pooled():
    return case(
        Net(
            lambda self, x: self.fc(self.g(x)[0].mean(1)),
            g=nn.GRU(IN, H, batch_first=True),
            fc=nn.Linear(H, K),
        ),
        features(),
    )


@example("samples_mixed")
def social_pooling():
    def body(self, x):
        h = torch.zeros(len(x), H)
        outs = []
        for xt in x.unbind(1):
            h = self.cell(xt, h + h.amax(0))
            outs.append(self.fc(h))
        return torch.stack(outs, 1)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, 2)), features(), **TAGGER)


@example("ok")
def nan_logits_masked():
    def body(self, x):
        s = self.fc(self.g(x)[0])
        return s.masked_fill(torch.ones(T, K).tril(-3).bool(), float("-inf"))

    return case(
        Net(body, g=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)), features(), **TAGGER
    )


@example("ok")
def lstm_returning_all():
    return case(
        nn.LSTM(IN, H, 2, bidirectional=True),
        torch.randn(T, B, IN),
        input_axes=("time", "batch"),
        output_axes=("time", "batch"),
    )


@example("ok")
def pretrained_half():
    return case(
        Net(
            lambda self, x: self.fc(self.g(x)[0][:, -1]),
            g=nn.GRU(IN, H, batch_first=True),
            fc=nn.Linear(H, K),
        ).bfloat16(),
        features().bfloat16(),
    )


@example("ok")
def first_step_of_a_decoder_that_goes_on():
    def body(self, x):
        _, state = self.enc(x)
        return self.fc(self.dec(x[:, -3:], state)[0][:, 0])

    enc, dec = nn.LSTM(IN, H, batch_first=True), nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, enc=enc, dec=dec, fc=nn.Linear(H, K)), features())


@example("ok", says="Its steps see later time steps too")
def a_last_step_repeated_over_time():
    def body(self, x):
        summary = self.enc(x)[0][:, -1]
        return self.dec(summary[:, None].repeat(1, x.size(1), 1))[0]

    enc, dec = nn.GRU(IN, H, batch_first=True), nn.GRU(H, K, batch_first=True)
    return case(Net(body, enc=enc, dec=dec), features(), **TAGGER)


@example("ok")
def a_layer_with_as_many_rows_of_state_as_samples():
    return case(nn.GRU(IN, H, 2, batch_first=True), features(2), **TAGGER)


@example("ok", says="But `output[1]` [2, 4, 8] was not judged")
def a_state_left_in_another_order_beside_the_output():
    def body(self, x):
        out, h = self.gru(x)
        return out, h[:, torch.tensor([2, 0, 1, 3])]

    return case(Net(body, gru=nn.GRU(IN, H, 2, batch_first=True)), features(), **TAGGER)


@example("ok", says="`x[1]` [4, 8]")
def a_start_of_zeros_beside_x():
    class Starts(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(IN, H, batch_first=True)

        def forward(self, x, start):
            return self.gru(x, start[None])[1][-1]

    return case(Starts(), (features(), torch.zeros(B, H)))


@example("ok")
def one_sequence_and_one_answer():
    model = Net(lambda self, x: self.gru(x)[0][-1], gru=nn.GRU(IN, H))
    return case(model, features()[0], input_axes=("time",), output_axes=(None,))


@example("ok")
def a_layer_with_its_state():
    given = features(), (torch.zeros(1, B, H), torch.zeros(1, B, H))
    return case(nn.LSTM(IN, H, batch_first=True), given, output_axes=("batch", "time"))


@example("cannot_check", says="`call=lambda model, x: model(*x)`")
def a_pair_that_may_be_one_argument():
    class Unpacks(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRUCell(IN, H)

        def forward(self, inputs, training=True):
            x, h = inputs
            return self.gru(x, h)

    return case(Unpacks(), (torch.randn(B, IN), torch.zeros(B, H)), input_axes=("batch",))


@example("view_scramble", says="give it `x.unsqueeze(1)`")
def rows_of_a_table_two_and_two():
    def body(self, x):
        return self.gru(x.view(-1, 2, IN))[0].reshape(len(x), -1)

    return case(
        Net(body, gru=nn.GRU(IN, H, batch_first=True)), torch.randn(6, IN), input_axes=("batch",)
    )


@example("ok")
def one_number_a_sample_where_steps_were_said():
    def body(self, x):
        return self.fc(self.gru(x)[1][-1]).squeeze(-1)

    model = Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, 1))
    return case(model, features(), **TAGGER)
