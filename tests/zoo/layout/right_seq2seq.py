"""Right seq2seq: models as people write them."""

import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.zoo.layout.common import (
    IN,
    TAGGER,
    TIME_FIRST,
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


@example("ok")
def additive_attention():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        weights = F.softmax(self.score(torch.tanh(self.proj(out))), dim=1)
        return self.fc((weights * out).sum(1)), weights

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    parts = {"proj": nn.Linear(2 * H, H), "score": nn.Linear(H, 1, bias=False)}
    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=lstm, **parts, fc=nn.Linear(2 * H, K)), tokens()
    )


@example("ok")
def attention_with_the_final_state():
    def body(self, x):
        x = self.emb(x).permute(1, 0, 2)
        out, (h, _) = self.lstm(x)
        out = out.permute(1, 0, 2)
        query = h.permute(1, 0, 2).contiguous().view(out.size(0), -1, 1)
        weights = F.softmax(torch.bmm(out, query).squeeze(2), 1)
        return self.fc(torch.bmm(out.transpose(1, 2), weights.unsqueeze(2)).squeeze(2))

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@example("ok")
def self_attention_on_top():
    def body(self, x):
        out, _ = self.lstm(x)
        out, _ = self.attention(out, out, out)
        return self.fc(out.mean(1))

    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "fc": nn.Linear(H, K)}
    attention = nn.MultiheadAttention(H, 2, batch_first=True)
    return case(Net(body, **parts, attention=attention), features())


@example("ok")
def self_attention_time_first():
    def body(self, x):
        out, _ = self.lstm(x.transpose(0, 1))
        out, _ = self.attention(out, out, out)
        return self.fc(out[-1])

    parts = {"lstm": nn.LSTM(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts, attention=nn.MultiheadAttention(H, 2)), features())


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, IN)
        self.rnn = nn.LSTM(IN, H, 2, dropout=0.5)
        self.dropout = nn.Dropout(0.5)

    def forward(self, src):
        _outputs, (hidden, cell) = self.rnn(self.dropout(self.embedding(src)))
        return hidden, cell


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, IN)
        self.rnn = nn.LSTM(IN, H, 2, dropout=0.5)
        self.fc_out = nn.Linear(H, V)

    def forward(self, token, hidden, cell):
        embedded = self.embedding(token.unsqueeze(0))
        output, (hidden, cell) = self.rnn(embedded, (hidden, cell))
        return self.fc_out(output.squeeze(0)), hidden, cell


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, src, trg, teacher_forcing_ratio=0.5):
        outputs = torch.zeros(trg.shape[0], trg.shape[1], V)
        hidden, cell = self.encoder(src)
        token = trg[0]
        for t in range(1, trg.shape[0]):
            output, hidden, cell = self.decoder(token, hidden, cell)
            outputs[t] = output
            token = trg[t] if random.random() < teacher_forcing_ratio else output.argmax(1)
        return outputs


@example("ok")
def seq2seq_with_teacher_forcing():
    x, target = tokens().t(), tokens().t()
    axes = {**TIME_FIRST, "output_axes": ("time", "batch")}
    return case(Seq2Seq(), x, **axes, call=lambda model, x: model(x, target))


@example("ok")
def encoder_that_returns_its_states():
    return case(Encoder(), tokens().t(), **TIME_FIRST)


class AttentionSeq2Seq(nn.Module):
    """A bidirectional GRU, its two final states into one, and a decoder that attends."""

    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.enc = nn.GRU(IN, H, bidirectional=True)
        self.bridge = nn.Linear(2 * H, H)
        self.attn = nn.Linear(3 * H, H)
        self.v = nn.Linear(H, 1, bias=False)
        self.dec = nn.GRU(2 * H + IN, H)
        self.out = nn.Linear(H, V)

    def forward(self, src, src_len):
        packed = pack_padded_sequence(self.emb(src), src_len, enforce_sorted=False)
        memory, hidden = self.enc(packed)
        memory, _ = pad_packed_sequence(memory)
        hidden = torch.tanh(self.bridge(torch.cat((hidden[-2], hidden[-1]), 1)))
        memory = memory.permute(1, 0, 2)
        token, outs = torch.ones(src.size(1), dtype=torch.long), []
        for _ in range(5):
            query = hidden.unsqueeze(1).repeat(1, memory.size(1), 1)
            energy = torch.tanh(self.attn(torch.cat((query, memory), 2)))
            weights = F.softmax(self.v(energy).squeeze(2), 1).unsqueeze(1)
            context = torch.bmm(weights, memory).permute(1, 0, 2)
            step = torch.cat((self.emb(token)[None], context), 2)
            out, hidden = self.dec(step, hidden.unsqueeze(0))
            hidden = hidden.squeeze(0)
            outs.append(self.out(out.squeeze(0)))
            token = outs[-1].argmax(1)
        return torch.stack(outs)


@example("ok")
def seq2seq_with_attention():
    x = padded_tokens().t()
    return case(
        AttentionSeq2Seq(), x, **TIME_FIRST, output_axes=("time", "batch"), lengths=[7, 5, 4, 2]
    )


@example("ok")
def encoder_states_of_lower_layers_for_the_decoder_and_attention():
    def body(self, x):
        memory, hidden = self.enc(self.emb(x))
        memory = memory[:, :, :H] + memory[:, :, H:]
        out, _ = self.dec(self.emb(x[:1]), hidden[:2])
        weights = F.softmax((out * memory).sum(2), dim=0)
        return self.fc((weights[..., None] * memory).sum(0) + out[0])

    parts = {"enc": nn.GRU(IN, H, 2, bidirectional=True), "dec": nn.GRU(IN, H, 2)}
    model = Net(body, emb=nn.Embedding(V, IN), **parts, fc=nn.Linear(H, K))
    return case(model, tokens().t(), **TIME_FIRST)


@example("ok")
def autoencoder():
    def body(self, x):
        _, (h, _) = self.enc(x)
        z = self.squeeze(h[-1])
        z = z.unsqueeze(1).repeat(1, x.size(1), 1)
        out, _ = self.dec(z)
        return self.fc(out)

    parts = {"enc": nn.LSTM(IN, H, batch_first=True), "squeeze": nn.Linear(H, 3)}
    model = Net(body, **parts, dec=nn.LSTM(3, H, batch_first=True), fc=nn.Linear(H, IN))
    return case(model, features(), **TAGGER)


@example("ok")
def variational_autoencoder():
    def body(self, x):
        _, (h, _) = self.enc(x)
        mu, logvar = self.mu(h[-1]), self.logvar(h[-1])
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        h0 = self.start(z).view(x.size(0), 2, H).transpose(0, 1).contiguous()
        out, _ = self.dec(x, (h0, torch.zeros_like(h0)))
        return {"recon": self.fc(out), "mu": mu, "logvar": logvar}

    parts = {
        "enc": nn.LSTM(IN, H, batch_first=True),
        "mu": nn.Linear(H, 2),
        "logvar": nn.Linear(H, 2),
    }
    dec = nn.LSTM(IN, H, 2, batch_first=True)
    model = Net(body, **parts, start=nn.Linear(2, 2 * H), dec=dec, fc=nn.Linear(H, IN))
    return case(model, features(), **TAGGER)


@example("ok")
def time_series_attention_encoder():
    """One-step calls in a loop, with an attention over the input series."""

    def body(self, x):
        h = c = torch.zeros(1, x.size(0), H)
        encoded = []
        for t in range(x.size(1)):
            query = torch.cat((h, c), 2).repeat(IN, 1, 1).permute(1, 0, 2)
            score = self.attn(torch.cat((query, x.permute(0, 2, 1)), 2)).squeeze(2)
            weighted = F.softmax(score, 1) * x[:, t]
            _, (h, c) = self.lstm(weighted.unsqueeze(0), (h, c))
            encoded.append(h[-1])
        return self.fc(torch.stack(encoded, 1)[:, -1])

    parts = {"attn": nn.Linear(2 * H + T, 1), "lstm": nn.LSTM(IN, H), "fc": nn.Linear(H, 1)}
    return case(Net(body, **parts), features())
