"""Wrong pads and mixing: models as people write them."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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


@example("seq_len_1")
def window_as_features():
    def body(self, x):
        out, _ = self.lstm(x.view(len(x), 1, -1))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(T * IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features())


@example("seq_len_1")
def series_as_features():
    def body(self, x):
        out, _ = self.gru(x.unsqueeze(1))
        return self.fc(out.squeeze(1))

    return case(
        Net(body, gru=nn.GRU(T, H, batch_first=True), fc=nn.Linear(H, 1)), torch.randn(B, T)
    )


@example("seq_len_1")
def one_step_in_front():
    def body(self, x):
        _out, (h, _c) = self.lstm(x.unsqueeze(0))
        return self.fc(h[-1])

    return case(Net(body, lstm=nn.LSTM(T, H), fc=nn.Linear(H, 1)), torch.randn(B, T))


@example("seq_len_1")
def time_folded_into_the_batch():
    def body(self, x):
        b, t, f = x.shape
        out, _ = self.lstm(x.reshape(b * t, 1, f))
        return self.fc(out.reshape(b, t, -1))

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), **TAGGER)


@example("seq_len_1")
def state_not_handed_on():
    def body(self, x):
        outs = []
        for step in x.unbind(1):
            h, _c = self.cell(step)
            outs.append(h)
        return self.fc(torch.stack(outs, 1))

    return case(Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@example("padded_last_step")
def last_step_of_padded_tokens():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@example("padded_last_step")
def final_state_of_padded_features():
    def body(self, x):
        _, h = self.gru(x)
        return self.fc(h[-1])

    x = features()
    for row, length in enumerate((7, 5, 4, 2)):
        x[row, length:] = 0
    model = Net(body, gru=nn.GRU(IN, H, 2, batch_first=True), fc=nn.Linear(H, K))
    return case(model, x, lengths=torch.tensor([7, 5, 4, 2]))


class PacksThenTakesTheLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, H, batch_first=True)
        self.fc = nn.Linear(H, K)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.fc(out[:, -1])


@example("padded_last_step")
def packed_and_then_the_last_position():
    return case(PacksThenTakesTheLast(), features(), lengths=[7, 5, 4, 2])


@example("padded_last_step")
def cell_loop_over_the_pads():
    def body(self, x):
        h = torch.zeros(x.size(0), H)
        for t in range(x.size(1)):
            h = self.cell(self.emb(x[:, t]), h)
        return self.fc(h)

    model = Net(body, emb=nn.Embedding(V, IN), cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@example("padded_last_step")
def padded_states_of_both_directions():
    def body(self, x):
        _, (h, _) = self.lstm(self.emb(x))
        return self.fc(torch.cat((h[-2], h[-1]), 1))

    lstm = nn.LSTM(IN, H, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens().t(), **TIME_FIRST, lengths=[7, 5, 4, 2])


@example("samples_mixed")
def softmax_over_the_batch():
    def body(self, x):
        out, _ = self.lstm(x)
        weights = F.softmax(self.score(out), dim=0)
        return self.fc((weights * out).sum(1))

    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "score": nn.Linear(H, 1)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@example("samples_mixed")
def probabilities_over_the_batch():
    def body(self, x):
        out, _ = self.lstm(x)
        return F.log_softmax(self.fc(out[:, -1]), dim=0)

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("samples_mixed")
def state_from_a_mean_over_the_batch():
    def body(self, x):
        h = self.start(x.mean((0, 1))).view(2, 1, H).repeat(1, len(x), 1)
        return self.fc(self.gru(x, h)[0])

    parts = {"start": nn.Linear(IN, 2 * H), "gru": nn.GRU(IN, H, 2, batch_first=True)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features(), **TAGGER)


@example("samples_mixed")
def states_of_two_layers_centred_over_the_batch():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1] - h[-1].mean(0))

    lstm = nn.LSTM(IN, H, 2, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("samples_mixed")
def probabilities_over_all_rows_of_a_flattened_output():
    def body(self, x):
        out, _ = self.lstm(x)
        return F.softmax(self.fc(out.reshape(-1, H)), dim=0)

    lstm = nn.LSTM(IN, H, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features(), **TAGGER)


@example("samples_mixed")
def attention_without_its_flag():
    def body(self, x):
        out, _ = self.lstm(x)
        out, _ = self.attention(out, out, out)
        return self.fc(out[:, -1])

    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "attention": nn.MultiheadAttention(H, 2)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@example("samples_mixed")
def normalised_over_the_batch_before_the_layer():
    def body(self, x):
        x = (x - x.mean(0)) / x.std(0)
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("samples_mixed")
def sorted_inside_and_not_put_back():
    def body(self, x):
        lengths, order = (x != 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.emb(x[order]), lengths, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1])

    parts = {"emb": nn.Embedding(V, IN), "gru": nn.GRU(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), padded_tokens((3, 7, 2, 5)))


def _packed_both_ways(turned):
    def body(self, x):
        words, lengths, states = self.emb(x), (x != 0).sum(1), []
        for layer, way in ((self.forward_, words), (self.back, turned(words, lengths))):
            packed = pack_padded_sequence(way, lengths, True, enforce_sorted=False)
            states.append(layer(packed)[1][0][-1])
        return self.fc(torch.cat(states, 1))

    parts = {name: nn.LSTM(IN, H, batch_first=True) for name in ("forward_", "back")}
    model = Net(body, emb=nn.Embedding(V, IN), **parts, fc=nn.Linear(2 * H, K))
    lengths = (7, 5, 3, 2)
    return case(model, padded_tokens(lengths), lengths=lengths)


@example("padded_last_step", says="of a short sample, `self.back` reads pads alone")
def turned_round_with_its_pads_and_packed():
    return _packed_both_ways(lambda words, _: words.flip(1))


@example("ok")
def turned_round_within_its_length_and_packed():
    def turned(words, lengths):
        place = torch.arange(words.size(1)).expand(len(words), -1)
        order = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
        return words.gather(1, order[..., None].expand_as(words))

    return _packed_both_ways(turned)


@example("ok")
def one_sample_after_the_other_packed():
    def body(self, x):
        lengths, rows = (x != 0).sum(1), []
        for k in range(len(x)):
            packed = pack_padded_sequence(self.emb(x[[k]]), lengths[[k]], True)
            rows.append(self.lstm(packed)[1][0][-1])
        return self.fc(torch.cat(rows))

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H, batch_first=True)}
    lengths = (7, 5, 3, 2)
    return case(Net(body, **parts, fc=nn.Linear(H, K)), padded_tokens(lengths), lengths=lengths)


def _padded_on_the_left(moved):
    def body(self, x):
        lengths = (x != 0).sum(1)
        x = moved(x, lengths)
        packed = pack_padded_sequence(self.emb(x), lengths, True, enforce_sorted=False)
        return self.fc(self.lstm(packed)[1][0][-1])

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H, batch_first=True)}
    lengths = (7, 5, 3, 2)
    x = padded_tokens(lengths)
    left = torch.stack([row.roll(7 - length) for row, length in zip(x, lengths, strict=True)])
    return case(Net(body, **parts, fc=nn.Linear(H, K)), left, lengths=lengths)


@example("ok")
def pads_moved_to_the_right_and_packed():
    def moved(x, lengths):
        rows = zip(x, lengths.tolist(), strict=True)
        return torch.stack([row.roll(length - 7) for row, length in rows])

    return _padded_on_the_left(moved)


@example("padded_last_step")
def packed_with_pads_on_the_left():
    return _padded_on_the_left(lambda x, _: x)
