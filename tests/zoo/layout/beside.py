"""Beside: other tensors of x, other outputs, and other axes than batch and time."""

from __future__ import annotations

from collections import UserDict

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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

# ---- other tensors of x ---------------------------------------------------------------------


class Towers(nn.Module):
    """Two sequences of different lengths."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.q = nn.LSTM(IN, H, batch_first=True)
        self.a = nn.LSTM(IN, H, batch_first=batch_first)

    def forward(self, question, answer):
        question, answer = self.q(self.emb(question))[0], self.a(self.emb(answer))[0]
        return (question.mean(1) * answer.mean(1)).sum(1)


class WithStatic(nn.Module):
    """What does not change with time stands at every step."""

    def __init__(self, repeated) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(IN + 5, H, batch_first=True), nn.Linear(H, K)
        self.repeated = repeated

    def forward(self, static, series):
        steps = self.repeated(static, series.shape[1])
        return self.fc(self.lstm(torch.cat([series, steps], -1))[0][:, -1])


class Encoding(UserDict):
    """As a tokenizer gives it."""


class Attended(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb, self.fc = nn.Embedding(V, IN), nn.Linear(H, K)
        self.gru = nn.GRU(IN, H, batch_first=True)

    def forward(self, input_ids, attention_mask):
        out = self.gru(self.emb(input_ids))[0] * attention_mask[..., None]
        return self.fc(out.sum(1))


def _static_first():
    return {"static": torch.randn(B, 5), "series": features()}


@example("ok")
def two_towers():
    return case(Towers(True), {"question": tokens(), "answer": tokens(time=9)})


@example("time_batch_swapped", says="`self.a` walks along your batch")
def second_tower_time_first():
    return case(Towers(False), {"question": tokens(), "answer": tokens(time=9)})


@example("ok", says="[batch=4, time=7, 6]")
def static_before_the_series():
    repeated = WithStatic(lambda static, steps: static[:, None].expand(-1, steps, -1))
    return case(repeated, _static_first())


@example("view_scramble")
def static_repeated_over_the_batch():
    repeated = WithStatic(lambda static, steps: static.repeat(steps, 1).view(B, steps, -1))
    return case(repeated, _static_first())


@example("samples_mixed")
def static_of_other_samples():
    repeated = WithStatic(lambda static, steps: static.flip(0)[:, None].expand(-1, steps, -1))
    return case(repeated, _static_first())


@example("cannot_check", says="`dict(x)`")
def a_mapping_of_another_class():
    ids = tokens()
    return case(Attended(), Encoding(input_ids=ids, attention_mask=torch.ones_like(ids)))


@example("ok", says="`x['weights']` [3]")
def weights_of_as_many_classes_as_samples():
    def body(self, x):
        return self.fc(self.gru(x["series"])[1][-1]) * x["weights"]

    model = Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, 3))
    x = {"series": features(3), "weights": torch.rand(3)}
    return case(model, x, call=lambda model, x: model(x))


@example("ok", says="`self.lstm` walks along time")
def a_wider_series_beside_the_first():
    def body(self, x):
        output, _ = self.lstm(x["wide"])
        return self.fc(output[:, -1]) + self.of_days(x["days"].mean(1))

    parts = {"of_days": nn.Linear(2, K), "fc": nn.Linear(H, K)}
    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), **parts)
    return case(model, {"days": features(size=2), "wide": features()})


@example("cannot_check", says="call=lambda model, x: model(x, lengths)")
def lengths_for_what_is_wrapped():
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(IN, H, batch_first=True)

        def forward(self, x, lengths):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return self.gru(packed)[1][-1]

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, *args, **kwargs):
            return self.inner(*args, **kwargs)

    return case(Wrapper(), features(), lengths=[7, 5, 4, 2])


@example("cannot_check", says="AssertionError: times must rise")
def times_that_must_rise():
    def body(self, x):
        assert (x[..., 0].diff(dim=1) >= 0).all(), "times must rise"
        return self.gru(x)[1][-1]

    x = torch.cat([torch.rand(B, T, 1).cumsum(1), features()], -1)
    return case(Net(body, gru=nn.GRU(IN + 1, H, batch_first=True)), x)


@example("padded_last_step", says="takes the lengths of other samples")
def lengths_sorted_and_x_not():
    def body(self, x):
        lengths = (x != 0).sum(1).sort(descending=True)[0]
        return self.gru(pack_padded_sequence(self.emb(x), lengths, batch_first=True))[1][-1]

    model = Net(body, emb=nn.Embedding(V, IN), gru=nn.GRU(IN, H, batch_first=True))
    return case(model, padded_tokens((4, 7, 6, 2)), lengths=[4, 7, 6, 2])


# ---- other outputs --------------------------------------------------------------------------


def _tags_and(answer, layers=1):
    def body(self, x):
        out, h = self.gru(x)
        return self.tags(out), answer(self, out, h)

    gru, tags = nn.GRU(IN, H, layers, batch_first=True), nn.Linear(H, K)
    model = Net(body, gru=gru, tags=tags, fc=nn.Linear(H, 2), wide=nn.Linear(2 * H, 2))
    return case(model, features(), **TAGGER)


@example("ok", says="`output[1]` [4, 2]")
def tags_and_a_class():
    return _tags_and(lambda m, out, h: m.fc(h[-1]))


@example("ok", says="`output[1]` [2, 4, 8]")
def tags_and_the_state():
    return _tags_and(lambda m, out, h: h, layers=2)


@example("ok", says="`output[1]` [4, 7]")
def tags_and_their_numbers():
    return _tags_and(lambda m, out, h: m.tags(out).argmax(-1))


@example("ok", says="But `output[1]` [7, 2] was not judged")
def tags_and_a_mean_of_the_batch():
    return _tags_and(lambda m, out, h: m.fc(out.mean(0)))


@example("ok", says="`output[1]` [4, 2] was not judged")
def tags_and_a_class_in_another_order():
    return _tags_and(lambda m, out, h: m.fc(h[-1])[torch.tensor([2, 0, 1, 3])])


@example("last_step_wrong_axis", says="in `output[1]`")
def tags_and_the_last_sample():
    return _tags_and(lambda m, out, h: m.fc(out[-1]))


@example("hidden_view_scramble")
def tags_and_a_state_that_is_cut():
    return _tags_and(lambda m, out, h: m.wide(h.view(B, -1)), layers=2)


@example("view_scramble")
def tags_and_steps_that_are_cut():
    return _tags_and(lambda m, out, h: m.fc(out.reshape(T, B, -1)[-1]))


@example("ok", says="But no tensor came out")
def tags_as_a_list():
    def body(self, x):
        return self.tags(self.gru(x)[0]).argmax(-1).tolist()

    model = Net(body, gru=nn.GRU(IN, H, batch_first=True), tags=nn.Linear(H, K))
    return case(model, features(), **TAGGER)


@example("ok", says="But `output[1]` [4, 4] was not judged")
def states_and_their_likeness():
    def body(self, x):
        h = self.gru(x)[1][-1]
        return h, h @ h.T

    return case(Net(body, gru=nn.GRU(IN, H, batch_first=True)), features())


@example("cannot_check", says="takes one scale for the whole batch")
def quantised():
    def body(self, x):
        return self.fc(self.lstm(x)[0][:, -1])

    engines = torch.backends.quantized.supported_engines
    torch.backends.quantized.engine = next(e for e in ("fbgemm", *engines) if e in engines)
    model = Net(body, lstm=nn.LSTM(IN, 2 * H, batch_first=True), fc=nn.Linear(2 * H, K)).eval()
    quantise = torch.ao.quantization.quantize_dynamic
    return case(quantise(model, {nn.LSTM, nn.Linear}, dtype=torch.qint8), features())


# ---- other axes -----------------------------------------------------------------------------


def _folded(turn):
    def body(self, x):
        batch, time, nodes, size = x.shape
        h = self.gru((x.transpose(1, 2) if turn else x).reshape(batch * nodes, time, size))[1][-1]
        return self.fc(h).view(batch, nodes, K)

    model = Net(body, gru=nn.GRU(2, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(3, T, 5, 2), input_axes=("batch", "time", "nodes", None))


@example("ok")
def nodes_joined_with_the_batch():
    return _folded(True)


@example("view_scramble", says="`x.transpose(1, 2).flatten(0, 1)`")
def nodes_and_time_dealt_out():
    return _folded(False)


@example("view_scramble")
def features_before_time_dealt_out():
    def body(self, x):
        return self.fc(self.lstm(x.reshape(-1, 9, 3))[0][:, -1])

    model = Net(body, lstm=nn.LSTM(3, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, 3, 9), input_axes=("batch", None, "time"))


@example("ok")
def a_convolution_that_takes_time_for_channels():
    def body(self, x):
        return self.fc(self.lstm(self.conv(x))[0][:, -1])

    parts = {"conv": nn.Conv1d(T, 16, 3, padding=1), "lstm": nn.LSTM(IN, H, batch_first=True)}
    return case(Net(body, fc=nn.Linear(H, K), **parts), features())


@example("ok")
def windows():
    def body(self, x):
        windows = x.unfold(1, 4, 1).transpose(2, 3)
        return self.gru(windows.flatten(0, 1))[1][-1].view(B, -1, H)

    return case(Net(body, gru=nn.GRU(IN, H, batch_first=True)), features())


@example("ok", says="nothing was told of its steps")
def a_class_said_to_have_time():
    def body(self, x):
        return self.fc(self.gru(x)[1][-1])

    model = Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, 2))
    return case(model, features(), **TAGGER)


@example("seq_len_1", says="what you have made of x, with its time axis")
def frames_of_a_video_folded_into_the_batch():
    def body(self, x):
        frames = self.cnn(x.flatten(0, 1)).flatten(1)
        return self.fc(self.lstm(frames[:, None])[0].view(B, T, -1)[:, -1])

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
    lstm = nn.LSTM(16, H, batch_first=True)
    model = Net(body, cnn=cnn, lstm=lstm, fc=nn.Linear(H, K))
    return case(model, torch.randn(B, T, 1, 8, 8))


class GoesOnFrom(nn.Module):
    """Takes the state from outside, as a language model that is trained in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.emb, self.lstm = nn.Embedding(V, IN), nn.LSTM(IN, H, batch_first=True)
        self.fc = nn.Linear(H, V)

    def forward(self, x, state):
        out, state = self.lstm(self.emb(x), state)
        return self.fc(out), state


@example("ok", says="x = [batch=4, time=7]")
def tokens_and_a_state_of_zeros():
    return case(GoesOnFrom(), (tokens(), (torch.zeros(1, B, H), torch.zeros(1, B, H))), **TAGGER)


@example("ok", says="x = [batch=4, time=7]")
def tokens_and_a_state():
    return case(GoesOnFrom(), (tokens(), (torch.randn(1, B, H), torch.randn(1, B, H))), **TAGGER)


class Pair(nn.Module):
    """Two sentences, by one layer."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.emb, self.fc = nn.Embedding(V, IN), nn.Linear(2 * H, K)
        self.lstm = nn.LSTM(IN, H, batch_first=batch_first)

    def of(self, *sentences):
        ends = [self.lstm(self.emb(one))[0][:, -1] for one in sentences]
        return self.fc(torch.cat(ends, 1))


class PairOfAny(Pair):
    def forward(self, *sentences):
        return self.of(sentences[0], sentences[1])


class PairWithTheRest(Pair):
    def forward(self, first, *rest):
        return self.of(first, *rest)


@example("ok")
def two_sentences_as_star_arguments():
    return case(PairOfAny(), (tokens(), tokens()))


@example("ok")
def second_sentence_as_a_star_argument():
    return case(PairWithTheRest(), (tokens(), tokens()))


@example("time_batch_swapped")
def two_sentences_as_star_arguments_flag_forgotten():
    return case(PairOfAny(batch_first=False), (tokens(), tokens()))


class TakesPacked(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gru, self.fc, self.dim = nn.GRU(IN, H, batch_first=True), nn.Linear(H, K), dim

    def forward(self, packed, lengths):
        out, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        return self.fc(out[torch.arange(len(out)), lengths - 1].softmax(self.dim))


def _packed_and_lengths(dim):
    lengths = torch.tensor([5, 7, 4, 2])
    packed = pack_padded_sequence(features(), lengths, batch_first=True, enforce_sorted=False)
    return case(TakesPacked(dim), {"packed": packed, "lengths": lengths})


@example("ok", says="[batch=4, time=7, 6]")
def packed_in_a_dictionary():
    return _packed_and_lengths(1)


@example("samples_mixed")
def packed_in_a_dictionary_and_mixed():
    return _packed_and_lengths(0)


class Captions(nn.Module):
    """A decoder whose samples are sorted by a column of lengths; they come out sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.emb, self.cell = nn.Embedding(V, IN), nn.LSTMCell(IN, H)
        self.start, self.fc = nn.Linear(IN, H), nn.Linear(H, V)

    def forward(self, image, captions, lengths):
        lengths, order = lengths.squeeze(1).sort(descending=True)
        h, words = self.start(image[order].mean(1)), self.emb(captions[order])
        c, steps = torch.zeros_like(h), int(lengths[0]) - 1
        out = torch.zeros(len(h), steps, V)
        for t in range(steps):
            n = int((lengths > t + 1).sum())
            h, c = self.cell(words[:n, t], (h[:n], c[:n]))
            out[:n, t] = self.fc(h)
        return out, order


@example("ok", says="what depends on `x[2]` [4, 1]")
def sorted_by_a_column_of_lengths():
    lengths = torch.tensor([[5], [7], [4], [2]])
    x = features(time=9), padded_tokens((5, 7, 4, 2)), lengths
    return case(Captions(), x, **TAGGER)


# ---- x of two tensors of which one has no time ----------------------------------------------


class _Captions(nn.Module):
    """A picture's features in front of its words, so that one step more comes out."""

    def __init__(self, at):
        super().__init__()
        self.at, self.embedding = at, nn.Embedding(V, H)
        self.rnn, self.fc = nn.GRU(H, H, batch_first=at == 1), nn.Linear(H, V)

    def forward(self, picture, words):
        given = torch.cat([picture.unsqueeze(self.at), self.embedding(words)], self.at)
        return self.fc(self.rnn(given)[0])


@example("ok", says="`self.rnn` walks along time: axis 0 of x")
def a_picture_and_its_words_time_first():
    given = torch.randn(B, H), tokens().T.contiguous()
    return case(_Captions(0), given, input_axes=("time", "batch"), output_axes=("time", "batch"))


@example("cannot_check", says="`call=lambda model, x: model(x)[:, 1:]`")
def a_step_more_than_there_is_to_predict():
    picture = torch.randn(B, H)
    axes = {"output_axes": ("batch", "time"), "causal": True}
    return case(_Captions(1), tokens(), call=lambda model, x: model(picture, x), **axes)


# ---- axes of one output beside a state ------------------------------------------------------


def _with_its_state(body):
    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), output_axes=("batch", "time"))


@example("time_batch_swapped", says="`output[0]` has its batch on axis 1")
def comes_out_time_first_beside_a_state():
    def body(self, x):
        output, state = self.lstm(x)
        return self.fc(output).transpose(0, 1), state

    return _with_its_state(body)


@example("ok")
def comes_out_as_said_beside_a_state():
    def body(self, x):
        output, state = self.lstm(x)
        return self.fc(output), state

    return _with_its_state(body)


# ---- rows ------------------------------------------------------------------------------------


@example("ok", says="Has a `view` made several samples of one?")
def planes_as_samples():
    def body(self, x):
        return self.fc(self.lstm(x.reshape(-1, T, IN))[0][:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, 3, T, IN), input_axes=("batch", None, "time"))


class _Forgets(nn.Module):
    """Its `__init__` is still to be written."""

    def __init__(self):
        pass


@example("cannot_check", says="`super().__init__()` is missing")
def a_model_without_its_beginning():
    return case(_Forgets(), features())


class _ViewedForItsConvolution(nn.Module):
    def __init__(self, laid):
        super().__init__()
        self.laid, self.conv = laid, nn.Conv2d(IN, H, (3, 1), padding=(1, 0))
        self.lstm, self.fc = nn.LSTM(H, H, batch_first=True), nn.Linear(H, K)

    def forward(self, x):
        seen = self.conv(self.laid(x)).squeeze(3)
        return self.fc(self.lstm(seen.transpose(1, 2))[0][:, -1])


@example("view_scramble", says="before `self.conv`")
def a_view_for_a_convolution_of_width_one():
    return case(_ViewedForItsConvolution(lambda x: x.reshape(B, IN, T, 1)), features())


@example("ok")
def a_transpose_for_a_convolution_of_width_one():
    return case(_ViewedForItsConvolution(lambda x: x.transpose(1, 2)[..., None]), features())


@example("ok", says="axis 1 of x")
def a_series_and_its_kinds():
    class Kinds(nn.Module):
        def __init__(self):
            super().__init__()
            self.kinds, self.lstm = nn.Embedding(V, H), nn.LSTM(H + 1, H, batch_first=True)

        def forward(self, series, kinds):
            kind = self.kinds(kinds).mean(1, keepdim=True).expand(-1, series.size(1), -1)
            return self.lstm(torch.cat([series[..., None], kind], 2))[0][:, -1]

    return case(Kinds(), (torch.randn(B, T), tokens(B, 3)))


@example("time_batch_swapped")
def one_number_a_sample_and_no_time_to_come_out():
    def body(self, x):
        return self.fc(self.lstm(x)[1][0][-1]).squeeze(-1)

    model = Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, 1))
    return case(model, features(T, B), input_axes=("time", "batch"), output_axes=("time", "batch"))


@example("time_batch_swapped", says="walks along your batch")
def a_loop_by_hand_whose_last_row_is_read():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.gates, self.fc = nn.Linear(IN + H, 4 * H), nn.Linear(H, K)

        def forward(self, x):
            h = c = x.new_zeros(x.size(1), H)
            steps = []
            for xt in x:
                i, f, g, o = self.gates(torch.cat([xt, h], 1)).chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                steps.append(h)
            return self.fc(torch.stack(steps)[:, -1])

    return case(Loop(), features())
