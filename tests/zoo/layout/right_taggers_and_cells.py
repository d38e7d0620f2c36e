"""Right taggers and cells: models as people write them."""

import torch
import torch.nn.functional as F
from torch import nn

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
    tokens,
)


@example("ok")
def bidirectional_tagger():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)

    lstm = nn.LSTM(IN, H // 2, 2, batch_first=True, bidirectional=True)
    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K)), tokens(), **TAGGER
    )


@example("ok")
def one_sentence_tagger():
    def body(self, sentence):
        embeds = self.emb(sentence)
        out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        return F.log_softmax(self.fc(out.view(len(sentence), -1)), dim=1)

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H), "fc": nn.Linear(H, K)}
    return case(
        Net(body, **parts),
        torch.tensor([3, 5, 8, 2, 9]),
        input_axes=("time",),
        output_axes=("time",),
    )


@example("ok")
def one_sentence_cell_loop():
    def body(self, x):
        h, c = torch.zeros(H), torch.zeros(H)
        for step in x:
            h, c = self.cell(step, (h, c))
        return self.fc(h)[None]

    return case(
        Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K)),
        torch.randn(T, IN),
        input_axes=("time",),
        output_axes=("time",),
    )


@example("ok")
def cell_loop_time_first():
    def body(self, x):
        h, c = torch.zeros(x.size(1), H), torch.zeros(x.size(1), H)
        outs = []
        for step in x:
            h, c = self.cell(step, (h, c))
            outs.append(h)
        return self.fc(torch.stack(outs))

    model = Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST, output_axes=("time", "batch"))


@example("ok")
def cell_loop_two_layers_with_forecast():
    def body(self, x):
        n = x.size(0)
        h1 = c1 = torch.zeros(n, H)
        h2 = c2 = torch.zeros(n, H)
        outs = []
        for step in x.split(1, dim=1):
            h1, c1 = self.a(step, (h1, c1))
            h2, c2 = self.b(h1, (h2, c2))
            out = self.fc(h2)
            outs.append(out)
        for _ in range(3):
            h1, c1 = self.a(out, (h1, c1))
            h2, c2 = self.b(h1, (h2, c2))
            out = self.fc(h2)
            outs.append(out)
        return torch.cat(outs, dim=1)

    model = Net(body, a=nn.LSTMCell(1, H), b=nn.LSTMCell(H, H), fc=nn.Linear(H, 1))
    return case(model, torch.randn(B, T), **TAGGER)


@example("ok")
def gru_cell_last_state():
    def body(self, x):
        h = x.new_zeros(x.size(0), H)
        for t in range(x.size(1)):
            h = self.cell(x[:, t], h)
        return self.fc(h)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@example("ok")
def bidirectional_by_two_cells():
    def body(self, x):
        n = x.size(0)
        hf, cf, hb, cb = (torch.zeros(n, H) for _ in range(4))
        forward, backward = [], []
        for t in range(x.size(1)):
            hf, cf = self.f(x[:, t], (hf, cf))
            hb, cb = self.b(x[:, -1 - t], (hb, cb))
            forward.append(hf)
            backward.append(hb)
        both = [torch.cat(p, 1) for p in zip(forward, backward[::-1], strict=True)]
        return self.fc(torch.stack(both, 1))

    model = Net(body, f=nn.LSTMCell(IN, H), b=nn.LSTMCell(IN, H), fc=nn.Linear(2 * H, K))
    return case(model, features(), **TAGGER)


@example("ok")
def one_step_calls_of_a_layer():
    def body(self, x):
        state = None
        for t in range(x.size(1)):
            out, state = self.lstm(x[:, t : t + 1], state)
        return self.fc(out[:, 0])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def a_step_of_an_agent():
    def body(self, x):
        h = c = torch.zeros(x.size(0), H)
        h, c = self.cell(torch.relu(self.front(x)), (h, c))
        return self.policy(h), self.value(h), (h, c)

    parts = {"front": nn.Linear(IN, 5), "cell": nn.LSTMCell(5, H), "policy": nn.Linear(H, 2)}
    return case(
        Net(body, **parts, value=nn.Linear(H, 1)), torch.randn(B, IN), input_axes=("batch",)
    )


@example("ok")
def no_time_axis_and_one_step():
    def body(self, x):
        out, _ = self.lstm(x.unsqueeze(1))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN), input_axes=("batch",))
