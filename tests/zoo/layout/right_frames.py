"""Right frames: models as people write them."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.layout.common import IN, TAGGER, B, H, K, Net, T, V, case, example, features


class FramesClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2)
        )
        self.lstm = nn.LSTM(16, H, 2, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(H, K)

    def forward(self, x):
        b, t, c, h, w = x.shape
        y = self.cnn(x.view(b * t, c, h, w)).view(b, t, -1)
        out, _ = self.lstm(y)
        return self.fc(self.drop(out[:, -1]))


@example("ok")
def cnn_and_lstm_on_frames():
    return case(FramesClassifier(), torch.randn(3, 5, 3, 9, 9))


@example("ok")
def cnn_in_a_loop_over_frames():
    def body(self, x):
        frames = []
        for t in range(x.size(1)):
            with torch.no_grad():
                frame = self.cnn(x[:, t]).flatten(1)
            frames.append(frame)
        frames = torch.stack(frames, dim=0).transpose_(0, 1)
        self.lstm.flatten_parameters()
        out, _ = self.lstm(frames, None)
        return self.fc(F.relu(out[:, -1, :]))

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    model = Net(body, cnn=cnn, lstm=nn.LSTM(4, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(3, 5, 1, 8, 8))


@example("ok")
def strided_convolutions_then_lstm():
    def body(self, x):
        y = self.conv(x.permute(0, 2, 1)).permute(2, 0, 1)
        out, _ = self.lstm(y)
        return self.fc(out[-1])

    conv = nn.Sequential(nn.Conv1d(IN, 5, 5, stride=2), nn.ReLU(), nn.MaxPool1d(2))
    return case(Net(body, conv=conv, lstm=nn.LSTM(5, H), fc=nn.Linear(H, K)), features(time=30))


@example("ok")
def pyramid_of_time_steps():
    def body(self, x):
        b, t, _f = x.shape
        out, _ = self.low(x[:, : t // 2 * 2])
        out = out.contiguous().view(b, t // 2, -1)
        out, _ = self.high(out)
        return self.fc(out)

    parts = {"low": nn.LSTM(IN, H, batch_first=True, bidirectional=True)}
    high = nn.LSTM(4 * H, H, batch_first=True, bidirectional=True)
    return case(Net(body, **parts, high=high, fc=nn.Linear(2 * H, K)), features(), **TAGGER)


@example("ok")
def text_line_recogniser():
    """Columns of an image are the steps; the output is [time, batch, classes], as CTC wants."""

    def body(self, x):
        conv = self.cnn(x).squeeze(2).permute(2, 0, 1)
        out, _ = self.rnn(conv)
        t, b, h = out.size()
        return F.log_softmax(self.fc(out.view(t * b, h)).view(t, b, -1), 2)

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, None)))
    parts = {"rnn": nn.LSTM(4, H, bidirectional=True), "fc": nn.Linear(2 * H, K)}
    model = Net(body, cnn=cnn, **parts)
    return case(
        model, torch.randn(3, 1, 6, 11), input_axes=("batch",), output_axes=("time", "batch")
    )


@example("ok")
def characters_then_words():
    def body(self, x):
        b, t, n = x.shape
        _, (h, _) = self.chars(self.emb(x.view(b * t, n)))
        words = torch.cat((h[0], h[1]), 1).view(b, t, -1)
        out, _ = self.words(words)
        return self.fc(out)

    parts = {
        "emb": nn.Embedding(V, IN),
        "chars": nn.LSTM(IN, 4, batch_first=True, bidirectional=True),
    }
    model = Net(body, **parts, words=nn.LSTM(8, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randint(1, V, (B, T, 5)), **TAGGER)


@example("ok")
def sentences_of_a_document():
    def body(self, x):
        vectors = []
        for s in range(x.size(1)):
            out, _ = self.word(self.emb(x[:, s]))
            vectors.append(out.mean(1))
        out, _ = self.sentence(torch.stack(vectors, 1))
        return self.fc(out.max(1)[0])

    parts = {
        "emb": nn.Embedding(V, IN),
        "word": nn.GRU(IN, H, batch_first=True, bidirectional=True),
    }
    sentence = nn.GRU(2 * H, H, batch_first=True, bidirectional=True)
    model = Net(body, **parts, sentence=sentence, fc=nn.Linear(2 * H, K))
    return case(model, torch.randint(1, V, (B, 5, 6)))


@example("ok")
def siamese():
    def body(self, x):
        a, b = x[:, :, :3], x[:, :, 3:]
        _, (ha, _) = self.lstm(a)
        _, (hb, _) = self.lstm(b)
        return torch.exp(-(ha[-1] - hb[-1]).abs().sum(1))

    return case(Net(body, lstm=nn.LSTM(3, H, batch_first=True)), features())


@example("ok")
def sample_by_sample():
    def body(self, x):
        outs = []
        for i in range(x.size(0)):
            out, _ = self.lstm(x[i].unsqueeze(1))
            outs.append(self.fc(out[-1, 0]))
        return torch.stack(outs)

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@example("ok")
def image_captioner():
    def body(self, x):
        image = self.cnn(x).flatten(1)
        state, token, words = None, image.unsqueeze(1), []
        for _ in range(6):
            out, state = self.lstm(token, state)
            words.append(self.fc(out.squeeze(1)))
            token = self.emb(words[-1].argmax(1)).unsqueeze(1)
        return torch.stack(words, 1)

    cnn = nn.Sequential(nn.Conv2d(3, IN, 3), nn.BatchNorm2d(IN), nn.AdaptiveAvgPool2d(1))
    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "emb": nn.Embedding(V, IN)}
    model = Net(body, cnn=cnn, **parts, fc=nn.Linear(H, V))
    return case(model, torch.randn(3, 3, 8, 8), input_axes=("batch",))


@example("ok")
def all_words_of_all_sentences_in_one_walk():
    def body(self, x):
        return self.fc(self.gru(x.flatten(1, 2))[1][-1])

    model = Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, 3, T, IN), input_axes=("batch", "sentence", "time"))


@example("ok")
def sequence_read_twice():
    def body(self, x):
        return self.fc(self.gru(x.repeat(1, 2, 1))[1][-1])

    return case(Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok", says="walks along time")
def half_the_steps_of_twice_the_width():
    def body(self, x):
        return self.fc(self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))[1][-1])

    conv = nn.Conv1d(IN, 2 * IN, 5, stride=2, padding=2)
    model = Net(body, conv=conv, gru=nn.GRU(2 * IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(time=20))


@example("ok", says="walks along time")
def dilated_convolution_of_the_same_width():
    def body(self, x):
        return self.fc(self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))[1][-1])

    conv = nn.Conv1d(IN, IN, 5, dilation=3, padding=6)
    model = Net(body, conv=conv, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(time=40))
