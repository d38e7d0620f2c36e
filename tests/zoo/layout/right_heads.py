"""Right heads: models whose output is a list of equal tensors that are no steps."""

from __future__ import annotations

from torch import nn

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


def _three_heads(batch_first: bool) -> Net:
    def body(self, x):
        out, _ = self.lstm(x)
        read = out[:, -1] if batch_first else out
        return [head(read) for head in (self.mood, self.topic, self.tense)]

    heads = {name: nn.Linear(H, K) for name in ("mood", "topic", "tense")}
    return Net(body, lstm=nn.LSTM(IN, H, batch_first=batch_first), **heads)


@example("ok")
def list_of_three_heads():
    return case(_three_heads(True), features())


@example("ok")
def list_of_three_heads_for_each_step():
    x = features().transpose(0, 1).contiguous()
    return case(_three_heads(False), x, output_axes=("time", "batch"), **TIME_FIRST)


@example("ok")
def list_of_one_answer_a_sample():
    def body(self, x):
        return [self.fc(self.lstm(one)[1][0][-1]) for one in x]

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


def _tags_sample_by_sample(x):
    def body(self, x):
        words = ((one[one != 0])[:, None] for one in x)
        return [self.fc(self.lstm(self.emb(one))[0][:, 0]) for one in words]

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), x, **TAGGER)


@example("ok")
def list_of_tags_a_sample():
    return _tags_sample_by_sample(tokens())


@example("ok")
def list_of_tags_as_long_as_each_sample():
    return _tags_sample_by_sample(padded_tokens())


@example("ok")
def list_of_forecasts():
    def body(self, x):
        _, (h, c) = self.lstm(x)
        h, c, forecasts = h[-1], c[-1], []
        for _ in range(5):
            h, c = self.cell(x[:, -1], (h, c))
            forecasts.append(self.fc(h))
        return forecasts

    lstm = nn.LSTM(IN, H, 2, batch_first=True)
    return case(Net(body, lstm=lstm, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, 1)), features())


def _one_number_for_each_layer(batch_first: bool) -> Net:
    def body(self, x):
        _, (h_n, _) = self.lstm(x)
        return [self.fc(h).squeeze(-1) for h in h_n]

    lstm = nn.LSTM(IN, H, num_layers=4, batch_first=batch_first)
    return Net(body, lstm=lstm, fc=nn.Linear(H, 1))


@example("ok")
def list_of_as_many_layers_as_samples():
    return case(_one_number_for_each_layer(True), features(4))


@example("ok")
def list_of_as_many_layers_as_samples_time_first():
    x = features(4).transpose(0, 1).contiguous()
    return case(_one_number_for_each_layer(False), x, **TIME_FIRST)


@example("ok")
def list_of_two_samples():
    def body(self, x):
        return [self.fc(self.lstm(one)[1][0][-1]) for one in x]

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features(2))


@example("ok")
def flat_rows_beside_a_state_with_as_many_rows_as_samples():
    def body(self, x):
        out, state = self.lstm(x)
        return self.fc(out.reshape(-1, 2 * H)), state

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features(4))
