"""Right false alarms: models as people write them."""

from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.layout.common import IN, TAGGER, B, H, K, Net, T, V, case, example, features, tokens
from tests.zoo.layout.right_plain import BatchFirstClassifier


@example("ok")
def dropout_that_stays_on():
    def body(self, x):
        out, _ = self.lstm(F.dropout(x, 0.3))
        return self.fc(F.dropout(out[:, -1]))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def batch_norm_in_training_mode():
    def body(self, x):
        out, _ = self.lstm(self.norm(x.transpose(1, 2)).transpose(1, 2))
        return self.fc(self.after(out[:, -1]))

    parts = {"norm": nn.BatchNorm1d(IN), "after": nn.BatchNorm1d(H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts, lstm=nn.LSTM(IN, H, batch_first=True)).train(), features())


@example("ok")
def batch_norm_without_running_statistics():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(self.norm(out[:, -1]))

    norm = nn.BatchNorm1d(H, track_running_stats=False)
    return case(
        Net(body, norm=norm, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features()
    )


@example("ok")
def batch_norm_over_time_steps():
    def body(self, x):
        out, _ = self.lstm(self.norm(x))
        return self.fc(out[:, -1])

    return case(
        Net(
            body, norm=nn.BatchNorm1d(T), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)
        ),
        features(),
    )


@example("ok")
def fixed_number_of_time_steps():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.reshape(x.size(0), -1))

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(5 * H, K)), features(3, 5)
    )


@example("ok")
def frozen_embedding():
    def body(self, x):
        with torch.no_grad():
            x = self.emb(x)
        _, h = self.gru(x)
        return self.fc(h[-1])

    emb = nn.Embedding.from_pretrained(torch.randn(V, IN), freeze=True)
    return case(
        Net(body, emb=emb, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)), tokens()
    )


@example("ok")
def forward_called_directly():
    def body(self, x):
        out, _ = self.lstm.forward(x)
        return self.fc.forward(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def named_tuple_output():
    out_type = namedtuple("Out", "hidden logits")

    def body(self, x):
        out, (h, _) = self.lstm(x)
        return out_type(h, self.fc(out[:, -1]))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def last_step_left_out():
    def body(self, x):
        out, _ = self.lstm(self.emb(x[:, :-1]))
        return self.fc(out)

    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, V)
    )
    return case(model, tokens(), **TAGGER)


@example("ok")
def refuses_zeros():
    def body(self, x):
        if not (x.abs().sum(-1) > 0).all():
            raise ValueError("an empty frame")
        out, _ = self.lstm(x / x.norm(dim=-1, keepdim=True))
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def float_tokens():
    def body(self, x):
        out, _ = self.lstm(self.emb(x.long()))
        return self.fc(out[:, -1])

    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)
    )
    return case(model, tokens().float())


@example("ok")
def cannot_be_copied_after_a_pass():
    def body(self, x):
        self.seen, _ = self.lstm(x)
        return self.fc(self.seen[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    model(features())
    return case(model, features())


@example("cannot_check", says="4 samples and 7 time steps")
def one_sample_of_a_right_model():
    return case(BatchFirstClassifier(), features(1))


@example("cannot_check", says="4 samples and 7 time steps")
def square_x_of_a_right_model():
    return case(BatchFirstClassifier(), features(5, 5))


@example("cannot_check", says="all the same")
def x_of_zeros():
    return case(BatchFirstClassifier(), torch.zeros(B, T, IN))


@example("ok")
def begin_and_end_marks():
    def body(self, x):
        ends = (x == 2).float().argmax(1)
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[torch.arange(len(x)), ends])

    x = torch.randint(3, V, (B, T))
    x[:, 0] = 1
    x[torch.arange(B), torch.tensor([6, 4, 3, 5])] = 2
    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)
    )
    return case(model, x)


@example("ok")
def feedback_decoder_with_a_list_of_steps():
    def body(self, x):
        _, h = self.enc(x)
        h, step, outs = h[-1], x[:, -1], []
        for _ in range(4):
            h = self.dec(step, h)
            step = self.fc(h)
            outs.append(step)
        return outs

    model = Net(
        body, enc=nn.GRU(IN, H, batch_first=True), dec=nn.GRUCell(H, H), fc=nn.Linear(H, IN)
    )
    model.dec = nn.GRUCell(IN, H)
    return case(model, features(), **TAGGER)


@example("ok")
def layers_one_after_the_other():
    def body(self, x):
        out, _ = self.a(x)
        out = self.drop(out)
        out, _ = self.b(out)
        return self.fc(out[:, -1])

    parts = {"a": nn.LSTM(IN, H, batch_first=True), "b": nn.LSTM(H, 5, batch_first=True)}
    return case(Net(body, **parts, drop=nn.Dropout(), fc=nn.Linear(5, K)), features())


@example("ok")
def projection():
    def body(self, x):
        _out, (h, c) = self.lstm(x)
        return self.fc(torch.cat((h[-1], c[-1]), 1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, proj_size=3)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H + 3, K)), features())


@example("ok")
def second_direction_by_hand_turned_back():
    def body(self, x):
        both = torch.cat((self.f(x)[0], self.b(x.flip(1))[0].flip(1)), dim=2)
        return self.fc(both)

    f, b = nn.LSTM(IN, H, batch_first=True), nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, f=f, b=b, fc=nn.Linear(2 * H, K)), features(), **TAGGER)


@example("ok")
def x_beside_itself_turned_round():
    def body(self, x):
        return self.fc(self.lstm(torch.cat((x, x.flip(1)), dim=2))[0][:, -1])

    lstm = nn.LSTM(2 * IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("ok")
def neighbours_of_a_step_from_both_directions():
    def body(self, x):
        forward, backward = self.lstm(x)[0].chunk(2, dim=2)
        none = torch.zeros_like(forward[:, :1])
        before = torch.cat((none, forward[:, :-1]), dim=1)
        return torch.cat((before, torch.cat((backward[:, 1:], none), dim=1)), dim=2)

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm), features(), **TAGGER)


@example("ok")
def an_answer_for_each_step_where_one_was_said():
    def body(self, x):
        return self.fc(self.lstm(x)[0])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())
