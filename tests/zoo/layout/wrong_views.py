"""Wrong views: models as people write them."""

import torch
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


@example("view_scramble")
def view_to_time_first():
    def body(self, x):
        out, _ = self.lstm(x.view(x.size(1), x.size(0), -1))
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@example("view_scramble")
def reshape_of_embeddings():
    def body(self, x):
        b, t = x.shape
        out, _ = self.lstm(torch.reshape(self.emb(x), (t, b, IN)))
        return self.fc(out[-1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@example("view_scramble")
def view_to_batch_first_of_time_first_data():
    def body(self, x):
        t, b, f = x.shape
        out, _ = self.lstm(x.view(b, t, f))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@example("view_scramble", says="what you have made of x, its axes put in place")
def view_after_a_cnn():
    def body(self, x):
        b, t = x.shape[:2]
        y = self.cnn(x.flatten(0, 1)).view(t, b, -1)
        _, (h, _) = self.lstm(y)
        return self.fc(h[-1])

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return case(
        Net(body, cnn=cnn, lstm=nn.LSTM(4, H), fc=nn.Linear(H, K)), torch.randn(3, 5, 1, 8, 8)
    )


@example("view_scramble")
def view_there_and_back():
    def body(self, x):
        b, t, f = x.shape
        out, _ = self.lstm(x.reshape(t, b, f))
        return self.fc(out.reshape(b, t, -1))

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("view_scramble")
def view_before_a_cell_loop():
    def body(self, x):
        b, t, f = x.shape
        h = torch.zeros(b, H)
        for step in x.view(t, b, f):
            h = self.cell(step, h)
        return self.fc(h)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@example("view_scramble")
def view_of_the_output_before_the_last_step():
    def body(self, x):
        out, _ = self.lstm(x)
        out = self.fc(out.contiguous().view(-1, H))
        return out.view(x.size(1), x.size(0), -1)[-1]

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features())


@example("view_scramble")
def time_first_output_viewed_as_batch_first():
    def body(self, x):
        out, _ = self.lstm(self.emb(x).transpose(0, 1))
        return self.fc(out.reshape(x.size(0), x.size(1), -1))

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)),
        tokens(),
        **TAGGER,
    )


@example("view_scramble")
def time_first_output_flattened_into_rows():
    def body(self, x):
        out, _ = self.lstm(x.transpose(0, 1))
        return self.fc(out.reshape(x.size(0), -1))

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(T * H, K)), features())


@example("view_scramble")
def cell_outputs_viewed_as_batch_first():
    def body(self, x):
        b, t, _ = x.shape
        h, outs = torch.zeros(b, H), []
        for step in x.unbind(1):
            h = self.cell(step, h)
            outs.append(h)
        return self.fc(torch.stack(outs).view(b, t, H))

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("view_scramble")
def output_of_two_directions_viewed_as_batch_first():
    def body(self, x):
        out, _ = self.gru(x.transpose(0, 1))
        return self.fc(out.reshape(x.size(0), x.size(1), -1)[:, -1])

    gru = nn.GRU(IN, H, 2, bidirectional=True)
    return case(Net(body, gru=gru, fc=nn.Linear(2 * H, K)), features())


@example("view_scramble")
def mean_of_a_view_of_more_samples_than_steps():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.reshape(x.size(1), x.size(0), H).mean(0))

    lstm = nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features(8, 4))


@example("view_scramble")
def samples_side_by_side_as_features():
    def body(self, x):
        out, _ = self.lstm(x.transpose(0, 1).reshape(1, x.size(1), -1))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(B * IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("view_scramble", says="before `self.lstm` mixes the time steps")
def features_of_a_convolution_viewed_as_time():
    def body(self, x):
        z = self.conv(x.transpose(1, 2))
        out, _ = self.lstm(z.reshape(z.size(0), z.size(2), -1))
        return self.fc(out[:, -1])

    conv, lstm = nn.Conv1d(IN, H, 3, stride=2, padding=1), nn.LSTM(H, H, batch_first=True)
    return case(Net(body, conv=conv, lstm=lstm, fc=nn.Linear(H, K)), features(3, 12))


@example("view_scramble", says="after `self.lstm` mixes the time steps")
def scores_viewed_for_the_loss():
    def body(self, x):
        scores = self.fc(self.lstm(x)[0])
        return scores.reshape(scores.size(0), scores.size(2), -1)

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    axes = {"output_axes": ("batch", None, "time")}
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features(), **axes)


def _convolved(turned):
    def body(self, x):
        return self.fc(self.lstm(turned(self.conv(x).relu()))[0][:, -1])

    conv, lstm = nn.Conv1d(9, 8, 3, padding=1), nn.LSTM(8, H, batch_first=True)
    model = Net(body, conv=conv, lstm=lstm, fc=nn.Linear(H, K))
    return case(model, torch.randn(6, 9, 64), input_axes=("batch", None, "time"))


@example("view_scramble")
def channels_that_divide_half_of_time():
    return _convolved(lambda f: f.reshape(f.size(0), f.size(2), f.size(1)))


@example("view_scramble")
def channels_that_divide_half_of_a_pooled_time():
    def pooled(f):
        f = torch.max_pool1d(f, 2)
        return f.reshape(f.size(0), f.size(2), f.size(1))

    return _convolved(pooled)


@example("ok", says="walks along time: axis 2 of x")
def channels_turned():
    return _convolved(lambda f: f.transpose(1, 2))


@example("ok", says="nothing tells whether a layer walks along time")
def height_of_deep_features_walked():
    def body(self, x):
        features = self.conv(x).permute(0, 2, 1, 3).flatten(2)
        return self.fc(self.lstm(features)[0][:, -1])

    conv, lstm = nn.Conv2d(1, 2, (3, 41), padding=(1, 20)), nn.LSTM(2 * 20, H, batch_first=True)
    model = Net(body, conv=conv, lstm=lstm, fc=nn.Linear(H, K))
    axes = ("batch", None, "height", "time")
    return case(model, torch.randn(4, 1, 12, 20), input_axes=axes)


def _before_a_convolution(turned, x, channels=IN):
    def body(self, x):
        y = self.conv(turned(self.emb(x) if x.dtype == torch.long else x)).relu()
        return self.fc(self.lstm(y.transpose(1, 2))[1][0][-1])

    parts = {"conv": nn.Conv1d(channels, 8, 3, padding=1), "lstm": nn.LSTM(8, H, batch_first=True)}
    return case(Net(body, emb=nn.Embedding(V, IN), **parts, fc=nn.Linear(H, K)), x)


@example("view_scramble", says="a `view` before `self.conv` mixes the time steps")
def words_viewed_for_a_convolution():
    return _before_a_convolution(lambda e: e.view(e.size(0), e.size(2), e.size(1)), tokens(3, 40))


@example("view_scramble", says="a `view` before `self.conv` mixes the time steps")
def features_viewed_for_a_convolution():
    return _before_a_convolution(lambda x: x.reshape(len(x), -1, 9), features(time=9))


@example("ok", says="walks along time")
def words_turned_for_a_convolution():
    return _before_a_convolution(lambda e: e.transpose(1, 2), tokens(3, 40))


@example("ok")
def steps_as_channels_of_a_convolution():
    return _before_a_convolution(lambda x: x, features(time=9), channels=9)


@example("ok", says="walks along time")
def windows_turned_for_a_convolution():
    def windows(x):
        return x.unfold(1, 3, 1).flatten(2).transpose(1, 2)

    return _before_a_convolution(windows, features(time=12), channels=3 * IN)


def _frames(turned):
    def body(self, x):
        n, channels, steps, *size = x.shape
        y = self.conv(turned(x).reshape(n * steps, channels, *size)).amax((2, 3))
        return self.fc(self.lstm(y.view(n, steps, -1))[0][:, -1])

    parts = {"conv": nn.Conv2d(3, 5, 3), "lstm": nn.LSTM(5, H, batch_first=True)}
    model = Net(body, **parts, fc=nn.Linear(H, K))
    axes = ("batch", None, "time", "height", "width")
    return case(model, torch.rand(2, 3, 6, 8, 8), input_axes=axes)


@example("view_scramble", says="a `view` before `self.conv` mixes the time steps")
def frames_cut_from_channels():
    return _frames(lambda x: x)


@example("ok", says="walks along time")
def frames_turned_from_channels():
    return _frames(lambda x: x.transpose(1, 2))


@example("view_scramble", says="a `view` before `self.conv` mixes the time steps")
def words_viewed_whose_number_divides_the_width():
    return _before_a_convolution(lambda x: x.reshape(len(x), IN, 3), features(time=3))


@example("ok")
def weeks_as_channels_of_a_convolution():
    return _before_a_convolution(lambda x: x.reshape(len(x), 4, 3 * IN), features(time=12), 4)


@example("ok")
def frames_shifted_in_time():
    def shifted(x):
        x = x.transpose(1, 2)
        return torch.cat([x[:, :, :1].roll(1, 1), x[:, :, 1:]], 2)

    return _frames(shifted)


@example("raises", says="got (tuple")
def a_tuple_for_a_convolution():
    def body(self, x):
        return self.conv(self.lstm(x)).mean(2)

    parts = {"conv": nn.Conv1d(IN, K, 3), "lstm": nn.LSTM(IN, H, batch_first=True)}
    return case(Net(body, **parts), features())
