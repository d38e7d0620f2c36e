"""Models as many different people write them: right ones that may look wrong, and wrong ones.

Each entry is a function without arguments that gives what `check_layout` takes: the model, x
and, where needed, the axes and lengths. `RIGHT` maps a name to an entry, `WRONG` maps a name to
(the verdict, an entry).
"""

from __future__ import annotations

import random
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Entry = Callable[[], tuple[Any, ...] | dict[str, Any]]
RIGHT: dict[str, Entry] = {}
WRONG: dict[str, tuple[str, Entry]] = {}

B, T, IN, H, K, V = 4, 7, 6, 8, 3, 40


def right(entry: Entry) -> Entry:
    RIGHT[entry.__name__] = entry
    return entry


def wrong(verdict: str) -> Callable[[Entry], Entry]:
    def register(entry: Entry) -> Entry:
        WRONG[entry.__name__] = (verdict, entry)
        return entry

    return register


def case(model: nn.Module, x: torch.Tensor, **axes: Any) -> dict[str, Any]:
    return {"model": model, "x": x, **axes}


def features(batch: int = B, time: int = T, size: int = IN) -> torch.Tensor:
    return torch.randn(batch, time, size)


def tokens(batch: int = B, time: int = T, low: int = 1) -> torch.Tensor:
    return torch.randint(low, V, (batch, time))


def padded_tokens(lengths: tuple[int, ...] = (7, 5, 4, 2)) -> torch.Tensor:
    x = tokens(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        x[row, length:] = 0
    return x


class Net(nn.Module):
    """A module whose forward is a function of (self, x, ...), to write many in few lines."""

    def __init__(self, body: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.body = body

    def forward(self, x):
        return self.body(self, x)


TIME_FIRST = {"input_axes": ("time", "batch")}
TAGGER = {"output_axes": ("batch", "time")}


# --- right: plain ---------------------------------------------------------------------------


class BatchFirstClassifier(nn.Module):
    def __init__(self, cell=nn.LSTM, bidirectional=False, num_layers=1):
        super().__init__()
        self.hidden_size, self.num_layers = H, num_layers
        self.rnn = cell(IN, H, num_layers, batch_first=True, bidirectional=bidirectional)
        self.fc = nn.Linear(H * (1 + bidirectional), K)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1, :])


@right
def batch_first_last_step():
    return case(BatchFirstClassifier(), features())


@right
def batch_first_gru_two_layers():
    return case(BatchFirstClassifier(nn.GRU, num_layers=2), features())


@right
def batch_first_rnn():
    return case(BatchFirstClassifier(nn.RNN), features())


class ExplicitZeroStates(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(IN, H, 2, batch_first=True)
        self.fc = nn.Linear(H, K)

    def forward(self, x):
        h0 = torch.zeros(2, x.size(0), H).requires_grad_()
        c0 = torch.zeros(2, x.size(0), H).requires_grad_()
        out, (_hn, _cn) = self.lstm(x, (h0.detach(), c0.detach()))
        return self.fc(out[:, -1, :])


@right
def explicit_zero_states():
    return case(ExplicitZeroStates(), features())


@right
def time_first_last_step():
    def body(self, x):
        out, (_h, _c) = self.lstm(x)
        return self.fc(out[-1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), torch.randn(T, B, IN), **TIME_FIRST
    )


@right
def permute_before_default_layer():
    def body(self, x):
        x = x.permute(1, 0, 2)
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@right
def batch_first_with_a_permute_before_it():
    def body(self, x):
        out, _ = self.lstm(x.permute(1, 0, 2))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@right
def channels_before_time():
    def body(self, x):
        out, _ = self.lstm(x.transpose(1, 2))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN, T), input_axes=("batch",))


@right
def view_that_undoes_a_view():
    def body(self, x):
        batch, time, size = x.shape
        flat = x.contiguous().view(-1, size)
        flat = torch.relu(self.front(flat))
        out, _ = self.lstm(flat.view(batch, time, -1))
        return self.fc(out[:, -1])

    parts = {"front": nn.Linear(IN, 5), "lstm": nn.LSTM(5, H, batch_first=True)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@right
def view_to_the_shape_it_has():
    def body(self, x):
        out, _ = self.lstm(x.view(len(x), B, -1))
        return self.fc(out[-1].view(B, -1)).view(-1)

    model = Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, 1))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@right
def output_viewed_flat_and_back_before_the_last_step():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        out = out.contiguous().view(-1, H)
        out = torch.sigmoid(self.fc(out))
        return out.view(x.size(0), -1)[:, -1]

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H, 2, batch_first=True, dropout=0.5)}
    return case(Net(body, **parts, fc=nn.Linear(H, 1)), tokens())


@right
def the_layer_itself():
    return case(nn.LSTM(IN, H, batch_first=True), features(), **TAGGER)


@right
def the_layer_itself_time_first():
    return case(nn.LSTM(IN, H), torch.randn(T, B, IN), **TIME_FIRST, output_axes=("time", "batch"))


@right
def univariate_series():
    def body(self, x):
        out, _ = self.lstm(x.unsqueeze(-1))
        return self.fc(out[:, -1])

    return case(
        Net(body, lstm=nn.LSTM(1, H, batch_first=True), fc=nn.Linear(H, 1)), torch.randn(B, T)
    )


@right
def rows_of_an_image():
    def body(self, x):
        out, _ = self.lstm(x.view(-1, 8, 8))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(8, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, 1, 8, 8), input_axes=("batch",))


# --- right: final states --------------------------------------------------------------------


@right
def top_state():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H, 3, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def state_squeezed():
    def body(self, x):
        _, h = self.gru(x)
        return self.fc(h.squeeze(0))

    return case(Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def state_view_where_there_is_one_layer():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h.view(-1, H))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def both_directions_of_the_state():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(torch.cat((h[-2], h[-1]), dim=1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@right
def all_layers_of_the_state_concatenated():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        h = h.permute(1, 0, 2).contiguous().view(x.size(0), -1)
        return self.fc(h)

    lstm = nn.LSTM(IN, H, 3, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(3 * H, K)), features())


@right
def state_viewed_by_layers_and_directions():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        h = h.view(2, 2, x.size(0), H)[-1]
        return self.fc(torch.cat((h[0], h[1]), 1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@right
def only_the_backward_state():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@right
def cell_state_as_the_summary():
    def body(self, x):
        _, (_, c) = self.lstm(x)
        return self.fc(c[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H, 2, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def ends_of_both_directions():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(torch.cat((out[:, -1, :H], out[:, 0, H:]), 1))

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@right
def last_step_and_states_together():
    def body(self, x):
        out, (h, _c) = self.lstm(x)
        return self.fc(torch.cat((out[:, -1], h[-2], h[-1]), 1))

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(4 * H, K)), features())


@right
def random_initial_states():
    def body(self, x):
        x = self.emb(x).permute(1, 0, 2)
        h0, c0 = torch.randn(2, x.size(1), H), torch.randn(2, x.size(1), H)
        _, (h, _) = self.lstm(x, (h0, c0))
        h = h.permute(1, 0, 2)
        return self.fc(h.contiguous().view(h.size(0), -1))

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H, 2)}
    return case(Net(body, **parts, fc=nn.Linear(2 * H, K)), tokens())


class StoresItsState(nn.Module):
    """The batch size is built in, and the state lives on between calls."""

    def __init__(self, batch_size):
        super().__init__()
        self.batch_size = batch_size
        self.lstm = nn.LSTM(IN, H)
        self.fc = nn.Linear(H, 1)
        self.hidden = self.init_hidden()

    def init_hidden(self):
        return (torch.zeros(1, self.batch_size, H), torch.zeros(1, self.batch_size, H))

    def forward(self, x):
        out, self.hidden = self.lstm(x.view(len(x), self.batch_size, -1), self.hidden)
        return self.fc(out[-1].view(self.batch_size, -1)).view(-1)


@right
def state_kept_between_calls():
    return case(StoresItsState(B), torch.randn(T, B, IN), **TIME_FIRST)


@right
def state_kept_between_calls_and_square_x():
    return case(StoresItsState(5), torch.randn(5, 5, IN), **TIME_FIRST)


class AsksForAState(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.lstm = nn.LSTM(IN, H, 2, batch_first=True, dropout=0.5)
        self.fc = nn.Linear(H, 1)

    def forward(self, x, hidden):
        out, hidden = self.lstm(self.emb(x), hidden)
        out = torch.sigmoid(self.fc(out.contiguous().view(-1, H)))
        return out.view(x.size(0), -1)[:, -1], hidden

    def init_hidden(self, batch_size):
        weight = next(self.parameters()).data
        return (weight.new(2, batch_size, H).zero_(), weight.new(2, batch_size, H).zero_())


@right
def state_as_an_argument():
    return case(AsksForAState(), tokens())


class CharRNN(nn.Module):
    """Returns logits flattened to [batch * time, vocabulary], and the state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(V, H, 2, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(H, V)

    def forward(self, x, hidden=None):
        r, hidden = self.lstm(F.one_hot(x, V).float(), hidden)
        return self.fc(self.dropout(r).reshape(-1, H)), hidden


@right
def one_hot_inside_and_flattened_output():
    return case(CharRNN(), tokens(), **TAGGER)


@right
def flattened_output_declared_as_batch():
    return case(CharRNN(), tokens())


@right
def flattened_output_in_time_order():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return F.log_softmax(self.fc(out.view(-1, H)), dim=1)

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), tokens().t(), **TIME_FIRST, output_axes=("batch", "time"))


@right
def word_language_model():
    def body(self, x):
        out, hidden = self.rnn(self.drop(self.encoder(x)))
        decoded = self.decoder(self.drop(out)).view(-1, V)
        return F.log_softmax(decoded, dim=1), hidden

    parts = {"encoder": nn.Embedding(V, IN), "rnn": nn.GRU(IN, H, 2), "drop": nn.Dropout()}
    model = Net(body, **parts, decoder=nn.Linear(H, V))
    return case(model, tokens().t(), **TIME_FIRST, output_axes=("time", "batch"))


# --- right: taggers, one sentence, cells ----------------------------------------------------


@right
def bidirectional_tagger():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)

    lstm = nn.LSTM(IN, H // 2, 2, batch_first=True, bidirectional=True)
    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K)), tokens(), **TAGGER
    )


@right
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


@right
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


@right
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


@right
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


@right
def gru_cell_last_state():
    def body(self, x):
        h = x.new_zeros(x.size(0), H)
        for t in range(x.size(1)):
            h = self.cell(x[:, t], h)
        return self.fc(h)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@right
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


@right
def one_step_calls_of_a_layer():
    def body(self, x):
        state = None
        for t in range(x.size(1)):
            out, state = self.lstm(x[:, t : t + 1], state)
        return self.fc(out[:, 0])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def a_step_of_an_agent():
    def body(self, x):
        h = c = torch.zeros(x.size(0), H)
        h, c = self.cell(torch.relu(self.front(x)), (h, c))
        return self.policy(h), self.value(h), (h, c)

    parts = {"front": nn.Linear(IN, 5), "cell": nn.LSTMCell(5, H), "policy": nn.Linear(H, 2)}
    return case(
        Net(body, **parts, value=nn.Linear(H, 1)), torch.randn(B, IN), input_axes=("batch",)
    )


@right
def no_time_axis_and_one_step():
    def body(self, x):
        out, _ = self.lstm(x.unsqueeze(1))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN), input_axes=("batch",))


# --- right: lengths, packing, masks ---------------------------------------------------------


class PackedClassifier(nn.Module):
    """Time first, packed, states concatenated: the flag would have no effect here."""

    def __init__(self, batch_first=False):
        super().__init__()
        self.batch_first = batch_first
        self.emb = nn.Embedding(V, IN, padding_idx=0)
        self.rnn = nn.LSTM(IN, H, 2, bidirectional=True)
        self.fc = nn.Linear(2 * H, 1)

    def forward(self, text, text_lengths):
        embedded = self.emb(text)
        packed = pack_padded_sequence(
            embedded, text_lengths.cpu(), batch_first=self.batch_first, enforce_sorted=False
        )
        _, (hidden, _) = self.rnn(packed)
        return self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)).squeeze(1)


@right
def packed_without_the_flag():
    return case(PackedClassifier(True), padded_tokens(), lengths=[7, 5, 4, 2])


@right
def packed_time_first():
    return case(
        PackedClassifier(), padded_tokens().t(), **TIME_FIRST, lengths=torch.tensor([7, 5, 4, 2])
    )


@right
def packed_without_lengths_given():
    return case(PackedClassifier(True), tokens())


@right
def packed_with_the_time_first_flag_and_batch_first_pack():
    def body(self, x):
        lengths = (x != 0).sum(1)
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.fc(out.sum(1) / lengths[:, None])

    lstm = nn.LSTM(IN, H, batch_first=False, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens((7, 3, 5, 2)))


class SortsAndUnsorts(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, IN)
        self.gru = nn.GRU(IN, H, batch_first=True)
        self.fc = nn.Linear(H, K)

    def forward(self, x, lengths):
        ordered, order = lengths.sort(descending=True)
        back = order.argsort()
        packed = pack_padded_sequence(self.emb(x[order]), ordered, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1][back])


@right
def sorted_inside_and_put_back():
    return case(SortsAndUnsorts(), padded_tokens((3, 7, 2, 5)), lengths=torch.tensor([3, 7, 2, 5]))


@right
def gathers_each_last_step():
    def body(self, x):
        lengths = (x != 0).sum(1)
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[torch.arange(len(x)), lengths - 1])

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@right
def masked_mean_over_time():
    def body(self, x):
        mask = (x != 0).unsqueeze(-1).float()
        out, _ = self.lstm(self.emb(x))
        return self.fc((out * mask).sum(1) / mask.sum(1))

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@right
def padded_on_the_left():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K))
    x = torch.stack([row.roll(n) for row, n in zip(padded_tokens(), (0, 2, 3, 5), strict=True)])
    return case(model, x, lengths=[7, 5, 4, 2])


@right
def cell_loop_that_freezes_finished_sentences():
    def body(self, x):
        mask = (x != 0).float()
        h = c = torch.zeros(x.size(0), H)
        for t in range(x.size(1)):
            h_new, c_new = self.cell(self.emb(x[:, t]), (h, c))
            m = mask[:, t, None]
            h, c = m * h_new + (1 - m) * h, m * c_new + (1 - m) * c
        return self.fc(h)

    model = Net(body, emb=nn.Embedding(V, IN), cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@right
def tagger_with_pads():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K))
    return case(model, padded_tokens(), **TAGGER, lengths=[7, 5, 4, 2])


@right
def zero_frames_mark_the_end():
    def body(self, x):
        lengths = (x.abs().sum(-1) > 0).sum(1)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[-1])

    x = features()
    x[1, 4:] = 0
    x[3, 2:] = 0
    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), x)


# --- right: attention, seq2seq, autoencoders ------------------------------------------------


@right
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


@right
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


@right
def self_attention_on_top():
    def body(self, x):
        out, _ = self.lstm(x)
        out, _ = self.attention(out, out, out)
        return self.fc(out.mean(1))

    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "fc": nn.Linear(H, K)}
    attention = nn.MultiheadAttention(H, 2, batch_first=True)
    return case(Net(body, **parts, attention=attention), features())


@right
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


@right
def seq2seq_with_teacher_forcing():
    return case(Seq2Seq(), tokens().t(), **TIME_FIRST, output_axes=("time", "batch"))


@right
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


@right
def seq2seq_with_attention():
    x = padded_tokens().t()
    return case(
        AttentionSeq2Seq(), x, **TIME_FIRST, output_axes=("time", "batch"), lengths=[7, 5, 4, 2]
    )


@right
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


@right
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


@right
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


@right
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


# --- right: frames, audio, hierarchies ------------------------------------------------------


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


@right
def cnn_and_lstm_on_frames():
    return case(FramesClassifier(), torch.randn(3, 5, 3, 9, 9))


@right
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


@right
def strided_convolutions_then_lstm():
    def body(self, x):
        y = self.conv(x.permute(0, 2, 1)).permute(2, 0, 1)
        out, _ = self.lstm(y)
        return self.fc(out[-1])

    conv = nn.Sequential(nn.Conv1d(IN, 5, 5, stride=2), nn.ReLU(), nn.MaxPool1d(2))
    return case(Net(body, conv=conv, lstm=nn.LSTM(5, H), fc=nn.Linear(H, K)), features(time=30))


@right
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


@right
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


@right
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


@right
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


@right
def siamese():
    def body(self, x):
        a, b = x[:, :, :3], x[:, :, 3:]
        _, (ha, _) = self.lstm(a)
        _, (hb, _) = self.lstm(b)
        return torch.exp(-(ha[-1] - hb[-1]).abs().sum(1))

    return case(Net(body, lstm=nn.LSTM(3, H, batch_first=True)), features())


@right
def sample_by_sample():
    def body(self, x):
        outs = []
        for i in range(x.size(0)):
            out, _ = self.lstm(x[i].unsqueeze(1))
            outs.append(self.fc(out[-1, 0]))
        return torch.stack(outs)

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@right
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


# --- right: what makes a check cry wolf -----------------------------------------------------


@right
def dropout_that_stays_on():
    def body(self, x):
        out, _ = self.lstm(F.dropout(x, 0.3))
        return self.fc(F.dropout(out[:, -1]))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def batch_norm_in_training_mode():
    def body(self, x):
        out, _ = self.lstm(self.norm(x.transpose(1, 2)).transpose(1, 2))
        return self.fc(self.after(out[:, -1]))

    parts = {"norm": nn.BatchNorm1d(IN), "after": nn.BatchNorm1d(H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts, lstm=nn.LSTM(IN, H, batch_first=True)).train(), features())


@right
def batch_norm_without_running_statistics():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(self.norm(out[:, -1]))

    norm = nn.BatchNorm1d(H, track_running_stats=False)
    return case(
        Net(body, norm=norm, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features()
    )


@right
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


@right
def fixed_number_of_time_steps():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.reshape(x.size(0), -1))

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(5 * H, K)), features(5, 5)
    )


@right
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


@right
def forward_called_directly():
    def body(self, x):
        out, _ = self.lstm.forward(x)
        return self.fc.forward(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def named_tuple_output():
    out_type = namedtuple("Out", "hidden logits")

    def body(self, x):
        out, (h, _) = self.lstm(x)
        return out_type(h, self.fc(out[:, -1]))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def last_step_left_out():
    def body(self, x):
        out, _ = self.lstm(self.emb(x[:, :-1]))
        return self.fc(out)

    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, V)
    )
    return case(model, tokens(), **TAGGER)


@right
def refuses_zeros():
    def body(self, x):
        if not (x.abs().sum(-1) > 0).all():
            raise ValueError("an empty frame")
        out, _ = self.lstm(x / x.norm(dim=-1, keepdim=True))
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@right
def float_tokens():
    def body(self, x):
        out, _ = self.lstm(self.emb(x.long()))
        return self.fc(out[:, -1])

    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)
    )
    return case(model, tokens().float())


@right
def cannot_be_copied_after_a_pass():
    def body(self, x):
        self.seen, _ = self.lstm(x)
        return self.fc(self.seen[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    model(features())
    return case(model, features())


@right
def one_sample_of_a_right_model():
    return case(BatchFirstClassifier(), features(1))


@right
def square_x_of_a_right_model():
    return case(BatchFirstClassifier(), features(5, 5))


@right
def x_of_zeros():
    return case(BatchFirstClassifier(), torch.zeros(B, T, IN))


@right
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


@right
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


@right
def layers_one_after_the_other():
    def body(self, x):
        out, _ = self.a(x)
        out = self.drop(out)
        out, _ = self.b(out)
        return self.fc(out[:, -1])

    parts = {"a": nn.LSTM(IN, H, batch_first=True), "b": nn.LSTM(H, 5, batch_first=True)}
    return case(Net(body, **parts, drop=nn.Dropout(), fc=nn.Linear(5, K)), features())


@right
def projection():
    def body(self, x):
        _out, (h, c) = self.lstm(x)
        return self.fc(torch.cat((h[-1], c[-1]), 1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, proj_size=3)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H + 3, K)), features())


# --- wrong: the batch is walked as time -----------------------------------------------------


class ForgottenFlag(nn.Module):
    def __init__(self, cell=nn.LSTM, **options):
        super().__init__()
        self.rnn = cell(IN, H, **options)
        self.fc = nn.Linear(H * (1 + options.get("bidirectional", False)), K)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1, :])


@wrong("time_batch_swapped")
def batch_first_forgotten():
    return case(ForgottenFlag(), features())


@wrong("time_batch_swapped")
def batch_first_forgotten_gru_two_layers():
    return case(ForgottenFlag(nn.GRU, num_layers=2, dropout=0.2), features())


@wrong("time_batch_swapped")
def batch_first_forgotten_bidirectional():
    return case(ForgottenFlag(nn.RNN, bidirectional=True), features())


@wrong("time_batch_swapped")
def batch_first_forgotten_in_a_tagger():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens(), **TAGGER
    )


@wrong("time_batch_swapped")
def batch_first_forgotten_and_last_of_the_first_axis():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[-1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@wrong("time_batch_swapped")
def batch_first_forgotten_after_a_cnn():
    def body(self, x):
        b, t = x.shape[:2]
        y = self.cnn(x.flatten(0, 1)).view(b, t, -1)
        out, _ = self.lstm(y)
        return self.fc(out[:, -1])

    cnn = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return case(
        Net(body, cnn=cnn, lstm=nn.LSTM(4, H), fc=nn.Linear(H, K)), torch.randn(3, 5, 1, 8, 8)
    )


@wrong("time_batch_swapped")
def state_made_with_the_sequence_length():
    def body(self, x):
        state = (torch.zeros(1, x.size(1), H), torch.zeros(1, x.size(1), H))
        out, _ = self.lstm(x, state)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@wrong("time_batch_swapped")
def a_flag_too_many_for_time_first_data():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@wrong("time_batch_swapped")
def permute_and_flag_both():
    def body(self, x):
        x = self.emb(x).permute(1, 0, 2)
        out, _ = self.lstm(x)
        return self.fc(out.permute(1, 0, 2)[:, -1])

    model = Net(
        body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)
    )
    return case(model, tokens())


@wrong("time_batch_swapped")
def cell_loop_over_the_batch():
    def body(self, x):
        h = c = torch.zeros(x.size(1), H)
        outs = []
        for step in x:
            h, c = self.cell(step, (h, c))
            outs.append(h)
        return self.fc(torch.stack(outs))

    return case(Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@wrong("time_batch_swapped")
def gru_cell_loop_over_the_batch_with_a_range():
    def body(self, x):
        h = torch.zeros(x.shape[1], H)
        steps = []
        for t in range(x.shape[0]):
            h = self.cell(x[t], h)
            steps.append(h)
        return self.fc(torch.stack(steps)[:, -1])

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@wrong("time_batch_swapped")
def square_x_with_the_flag_forgotten():
    return case(ForgottenFlag(), features(5, 5))


@wrong("time_batch_swapped")
def square_x_and_a_state_of_the_batch():
    def body(self, x):
        h = torch.zeros(1, x.size(0), H)
        out, _ = self.gru(x, h)
        return self.fc(out[:, -1])

    return case(Net(body, gru=nn.GRU(IN, H), fc=nn.Linear(H, K)), features(5, 5))


@wrong("time_batch_swapped")
def one_sample_with_the_flag_forgotten():
    return case(ForgottenFlag(), features(1))


@wrong("time_batch_swapped")
def packed_over_the_wrong_axis():
    def body(self, x):
        packed = pack_padded_sequence(self.emb(x), torch.full((x.size(1),), x.size(0)))
        out, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.fc(out[:, -1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@wrong("time_batch_swapped")
def autoencoder_without_the_flag():
    def body(self, x):
        out, _ = self.enc(x)
        out, _ = self.dec(out)
        return out

    return case(Net(body, enc=nn.LSTM(IN, 3), dec=nn.LSTM(3, IN)), features(), **TAGGER)


@wrong("time_batch_swapped")
def homemade_recurrence_over_the_batch():
    def body(self, x):
        h, outs = torch.zeros(x.size(1), H), []
        for step in x:
            h = torch.tanh(self.i(step) + self.h(h))
            outs.append(h)
        return self.fc(torch.stack(outs))

    return case(
        Net(body, i=nn.Linear(IN, H), h=nn.Linear(H, H), fc=nn.Linear(H, K)), features(), **TAGGER
    )


@wrong("time_batch_swapped")
def pad_packed_in_time_order():
    def body(self, x):
        packed = pack_padded_sequence(
            self.emb(x), torch.full((len(x),), x.size(1)), batch_first=True
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.fc(out)

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)),
        tokens(),
        **TAGGER,
    )


# --- wrong: the batch has become time -------------------------------------------------------


@wrong("batch_as_time")
def view_of_the_one_sentence_tutorial():
    def body(self, x):
        out, _ = self.lstm(x.view(len(x), 1, -1))
        return self.fc(out.view(len(x), -1))

    return case(Net(body, lstm=nn.LSTM(T * IN, H), fc=nn.Linear(H, K)), features())


@wrong("batch_as_time")
def view_of_the_tutorial_on_a_table():
    def body(self, x):
        out, self.hidden = self.lstm(x.view(len(x), 1, -1))
        return self.fc(out[:, -1])

    return case(
        Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, 1)),
        torch.randn(B, IN),
        input_axes=("batch",),
    )


@wrong("batch_as_time")
def two_axes_read_as_one_sentence():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out)

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN), input_axes=("batch",))


@wrong("batch_as_time")
def series_read_as_one_sentence():
    def body(self, x):
        out, _ = self.gru(x)
        return self.fc(out)

    return case(Net(body, gru=nn.GRU(T, H), fc=nn.Linear(H, K)), torch.randn(B, T))


@wrong("batch_as_time")
def batch_axis_added_in_front():
    def body(self, x):
        out, _ = self.lstm(x.unsqueeze(0))
        return self.fc(out.squeeze(0))

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(B, IN), input_axes=("batch",))


@wrong("batch_as_time")
def everything_in_one_long_sentence():
    def body(self, x):
        b, t = x.shape
        out, _ = self.lstm(self.emb(x).view(b * t, 1, -1))
        return self.fc(out.view(b, t, -1)[:, -1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@wrong("batch_as_time")
def hidden_state_of_one_for_a_batch():
    def body(self, x):
        h = c = torch.zeros(1, 1, H)
        out, _ = self.lstm(x.view(x.size(0), 1, x.size(1)), (h, c))
        return self.fc(out.view(x.size(0), -1))

    return case(Net(body, lstm=nn.LSTM(T, H), fc=nn.Linear(H, 1)), torch.randn(B, T))


# --- wrong: view for transpose --------------------------------------------------------------


@wrong("view_scramble")
def view_to_time_first():
    def body(self, x):
        out, _ = self.lstm(x.view(x.size(1), x.size(0), -1))
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features())


@wrong("view_scramble")
def reshape_of_embeddings():
    def body(self, x):
        b, t = x.shape
        out, _ = self.lstm(torch.reshape(self.emb(x), (t, b, IN)))
        return self.fc(out[-1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@wrong("view_scramble")
def view_to_batch_first_of_time_first_data():
    def body(self, x):
        t, b, f = x.shape
        out, _ = self.lstm(x.view(b, t, f))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, torch.randn(T, B, IN), **TIME_FIRST)


@wrong("view_scramble")
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


@wrong("view_scramble")
def view_there_and_back():
    def body(self, x):
        b, t, f = x.shape
        out, _ = self.lstm(x.reshape(t, b, f))
        return self.fc(out.reshape(b, t, -1))

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@wrong("view_scramble")
def view_before_a_cell_loop():
    def body(self, x):
        b, t, f = x.shape
        h = torch.zeros(b, H)
        for step in x.view(t, b, f):
            h = self.cell(step, h)
        return self.fc(h)

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features())


@wrong("view_scramble")
def view_of_the_output_before_the_last_step():
    def body(self, x):
        out, _ = self.lstm(x)
        out = self.fc(out.contiguous().view(-1, H))
        return out.view(x.size(1), x.size(0), -1)[-1]

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features())


@wrong("view_scramble")
def time_first_output_viewed_as_batch_first():
    def body(self, x):
        out, _ = self.lstm(self.emb(x).transpose(0, 1))
        return self.fc(out.reshape(x.size(0), x.size(1), -1))

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)),
        tokens(),
        **TAGGER,
    )


@wrong("view_scramble")
def time_first_output_flattened_into_rows():
    def body(self, x):
        out, _ = self.lstm(x.transpose(0, 1))
        return self.fc(out.reshape(x.size(0), -1))

    return case(Net(body, lstm=nn.LSTM(IN, H), fc=nn.Linear(T * H, K)), features())


@wrong("view_scramble")
def cell_outputs_viewed_as_batch_first():
    def body(self, x):
        b, t, _ = x.shape
        h, outs = torch.zeros(b, H), []
        for step in x.unbind(1):
            h = self.cell(step, h)
            outs.append(h)
        return self.fc(torch.stack(outs).view(b, t, H))

    return case(Net(body, cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


# --- wrong: the final state -----------------------------------------------------------------


@wrong("hidden_view_scramble")
def two_layers_viewed():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h.view(x.size(0), -1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@wrong("hidden_view_scramble")
def two_directions_viewed():
    def body(self, x):
        _, h = self.gru(self.emb(x))
        return self.fc(h.view(-1, 2 * H))

    gru = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), gru=gru, fc=nn.Linear(2 * H, K)), tokens())


@wrong("hidden_view_scramble")
def attention_with_a_viewed_query():
    def body(self, x):
        out, (h, _) = self.lstm(self.emb(x).permute(1, 0, 2))
        out = out.permute(1, 0, 2)
        query = h.view(-1, 2 * H, 1)
        weights = F.softmax(torch.bmm(out, query).squeeze(2), 1)
        return self.fc(torch.bmm(out.transpose(1, 2), weights.unsqueeze(2)).squeeze(2))

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@wrong("hidden_view_scramble")
def sentence_autoencoder_with_a_viewed_state():
    def body(self, x):
        _, h = self.enc(x)
        z = self.mean(h.view(x.size(0), 2 * H))
        out, _ = self.dec(x, self.start(z).unsqueeze(0))
        return self.fc(out)

    parts = {
        "enc": nn.GRU(IN, H, batch_first=True, bidirectional=True),
        "mean": nn.Linear(2 * H, 3),
    }
    model = Net(
        body,
        **parts,
        start=nn.Linear(3, H),
        dec=nn.GRU(IN, H, batch_first=True),
        fc=nn.Linear(H, K),
    )
    return case(model, features(), **TAGGER)


@wrong("hidden_view_scramble")
def decoder_state_by_view():
    def body(self, x):
        _, h = self.enc(x)
        start = self.start(h[-1]).view(2, x.size(0), H)
        out, _ = self.dec(x, start)
        return self.fc(out)

    parts = {"enc": nn.GRU(IN, H, batch_first=True), "start": nn.Linear(H, 2 * H)}
    model = Net(body, **parts, dec=nn.GRU(IN, H, 2, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), **TAGGER)


@wrong("hidden_view_scramble")
def encoder_state_viewed_for_the_decoder():
    def body(self, x):
        _, (h, c) = self.enc(x)
        h, c = h.view(1, x.size(0), 2 * H), c.view(1, x.size(0), 2 * H)
        out, _ = self.dec(x, (h, c))
        return self.fc(out)

    parts = {"enc": nn.LSTM(IN, H, batch_first=True, bidirectional=True)}
    model = Net(body, **parts, dec=nn.LSTM(IN, 2 * H, batch_first=True), fc=nn.Linear(2 * H, K))
    return case(model, features(), **TAGGER)


@wrong("wrong_layer_state")
def first_layer_as_the_top():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[0])

    return case(Net(body, lstm=nn.LSTM(IN, H, 2, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("wrong_layer_state")
def first_rows_of_a_bidirectional_stack():
    def body(self, x):
        _, h = self.gru(self.emb(x))
        return self.fc(torch.cat((h[0], h[1]), 1))

    gru = nn.GRU(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), gru=gru, fc=nn.Linear(2 * H, K)), tokens())


@wrong("wrong_layer_state")
def lower_rows_for_the_decoder():
    def body(self, x):
        _, h = self.enc(self.emb(x))
        out, _ = self.dec(self.emb(x), h[:2])
        return self.fc(out)

    parts = {"enc": nn.GRU(IN, H, 2, bidirectional=True), "dec": nn.GRU(IN, H, 2)}
    model = Net(body, emb=nn.Embedding(V, IN), **parts, fc=nn.Linear(H, K))
    return case(model, tokens().t(), **TIME_FIRST, output_axes=("time", "batch"))


@wrong("wrong_layer_state")
def middle_layer_of_a_packed_stack():
    def body(self, x):
        lengths = (x != 0).sum(1)
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[1])

    lstm = nn.LSTM(IN, H, 3)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K)), padded_tokens())


# --- wrong: the last step -------------------------------------------------------------------


@wrong("last_step_wrong_axis")
def last_of_the_first_axis_with_batch_first():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("last_step_wrong_axis")
def last_of_the_second_axis_without_batch_first():
    def body(self, x):
        out, _ = self.gru(self.emb(x).permute(1, 0, 2))
        return self.fc(out[:, -1, :])

    return case(Net(body, emb=nn.Embedding(V, IN), gru=nn.GRU(IN, H), fc=nn.Linear(H, K)), tokens())


@wrong("last_step_wrong_axis")
def last_of_the_first_axis_square():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[-1, :, :])

    return case(
        Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features(5, 5)
    )


@wrong("last_step_wrong_axis")
def state_indexed_as_if_batch_first():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[:, -1, :])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("last_step_wrong_axis")
def pad_packed_without_the_flag_then_last():
    def body(self, x):
        packed = pack_padded_sequence(
            self.emb(x), torch.full((len(x),), x.size(1)), batch_first=True
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0])
        return self.fc(out[:, -1])

    return case(
        Net(body, emb=nn.Embedding(V, IN), lstm=nn.LSTM(IN, H), fc=nn.Linear(H, K)), tokens()
    )


@wrong("bidir_last_step")
def bidirectional_last_step():
    return case(BatchFirstClassifier(bidirectional=True), features())


@wrong("bidir_last_step")
def bidirectional_last_step_time_first():
    def body(self, x):
        out, _ = self.lstm(self.emb(x).transpose(0, 1))
        return self.fc(out[-1])

    lstm = nn.LSTM(IN, H, 2, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@wrong("bidir_last_step")
def bidirectional_last_step_with_random_states():
    def body(self, x):
        x = self.emb(x).permute(1, 0, 2)
        h0, c0 = torch.randn(2, x.size(1), H), torch.randn(2, x.size(1), H)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[-1])

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@wrong("bidir_last_step")
def bidirectional_halves_added_at_the_last_step():
    def body(self, x):
        out, _ = self.gru(x)
        out = out[:, :, :H] + out[:, :, H:]
        return self.fc(self.drop(out[:, -1]))

    gru = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, gru=gru, drop=nn.Dropout(), fc=nn.Linear(H, K)), features())


@wrong("bidir_last_step")
def bidirectional_first_step():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, 0])

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


# --- wrong: one step, pads, mixing ----------------------------------------------------------


@wrong("seq_len_1")
def window_as_features():
    def body(self, x):
        out, _ = self.lstm(x.view(len(x), 1, -1))
        return self.fc(out[:, -1])

    model = Net(body, lstm=nn.LSTM(T * IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features())


@wrong("seq_len_1")
def series_as_features():
    def body(self, x):
        out, _ = self.gru(x.unsqueeze(1))
        return self.fc(out.squeeze(1))

    return case(
        Net(body, gru=nn.GRU(T, H, batch_first=True), fc=nn.Linear(H, 1)), torch.randn(B, T)
    )


@wrong("seq_len_1")
def one_step_in_front():
    def body(self, x):
        _out, (h, _c) = self.lstm(x.unsqueeze(0))
        return self.fc(h[-1])

    return case(Net(body, lstm=nn.LSTM(T, H), fc=nn.Linear(H, 1)), torch.randn(B, T))


@wrong("seq_len_1")
def time_folded_into_the_batch():
    def body(self, x):
        b, t, f = x.shape
        out, _ = self.lstm(x.reshape(b * t, 1, f))
        return self.fc(out.reshape(b, t, -1))

    model = Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), **TAGGER)


@wrong("seq_len_1")
def state_not_handed_on():
    def body(self, x):
        outs = []
        for step in x.unbind(1):
            h, _c = self.cell(step)
            outs.append(h)
        return self.fc(torch.stack(outs, 1))

    return case(Net(body, cell=nn.LSTMCell(IN, H), fc=nn.Linear(H, K)), features(), **TAGGER)


@wrong("padded_last_step")
def last_step_of_padded_tokens():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out[:, -1])

    lstm = nn.LSTM(IN, H, batch_first=True)
    model = Net(body, emb=nn.Embedding(V, IN, padding_idx=0), lstm=lstm, fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@wrong("padded_last_step")
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


@wrong("padded_last_step")
def packed_and_then_the_last_position():
    return case(PacksThenTakesTheLast(), features(), lengths=[7, 5, 4, 2])


@wrong("padded_last_step")
def cell_loop_over_the_pads():
    def body(self, x):
        h = torch.zeros(x.size(0), H)
        for t in range(x.size(1)):
            h = self.cell(self.emb(x[:, t]), h)
        return self.fc(h)

    model = Net(body, emb=nn.Embedding(V, IN), cell=nn.GRUCell(IN, H), fc=nn.Linear(H, K))
    return case(model, padded_tokens(), lengths=[7, 5, 4, 2])


@wrong("padded_last_step")
def padded_states_of_both_directions():
    def body(self, x):
        _, (h, _) = self.lstm(self.emb(x))
        return self.fc(torch.cat((h[-2], h[-1]), 1))

    lstm = nn.LSTM(IN, H, bidirectional=True)
    model = Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K))
    return case(model, padded_tokens().t(), **TIME_FIRST, lengths=[7, 5, 4, 2])


@wrong("samples_mixed")
def softmax_over_the_batch():
    def body(self, x):
        out, _ = self.lstm(x)
        weights = F.softmax(self.score(out), dim=0)
        return self.fc((weights * out).sum(1))

    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "score": nn.Linear(H, 1)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@wrong("samples_mixed")
def probabilities_over_the_batch():
    def body(self, x):
        out, _ = self.lstm(x)
        return F.log_softmax(self.fc(out[:, -1]), dim=0)

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("samples_mixed")
def attention_without_its_flag():
    def body(self, x):
        out, _ = self.lstm(x)
        out, _ = self.attention(out, out, out)
        return self.fc(out[:, -1])

    parts = {"lstm": nn.LSTM(IN, H, batch_first=True), "attention": nn.MultiheadAttention(H, 2)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), features())


@wrong("samples_mixed")
def normalised_over_the_batch_before_the_layer():
    def body(self, x):
        x = (x - x.mean(0)) / x.std(0)
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("samples_mixed")
def sorted_inside_and_not_put_back():
    def body(self, x):
        lengths, order = (x != 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.emb(x[order]), lengths, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1])

    parts = {"emb": nn.Embedding(V, IN), "gru": nn.GRU(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), padded_tokens((3, 7, 2, 5)))


# --- loud -----------------------------------------------------------------------------------


@wrong("raises")
def state_of_the_batch_without_the_flag():
    def body(self, x):
        h0 = torch.zeros(1, x.size(0), H)
        out, _ = self.gru(x, h0)
        return self.fc(out[:, -1])

    return case(Net(body, gru=nn.GRU(IN, H), fc=nn.Linear(H, K)), features())


@wrong("raises")
def result_not_unpacked():
    def body(self, x):
        out = self.lstm(x)
        return self.fc(out[:, -1])

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("raises")
def layer_in_a_sequential():
    return case(nn.Sequential(nn.LSTM(IN, H, batch_first=True), nn.Linear(H, K)), features())


@wrong("not_attempted")
def stub():
    def body(self, x):
        return None

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True)), features())


@wrong("not_attempted")
def stub_that_raises():
    def body(self, x):
        raise NotImplementedError

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True)), features())


@wrong("not_attempted")
def loss_instead_of_predictions():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1]).pow(2).mean()

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@wrong("unrecognised")
def the_batch_is_gone():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1].mean(0, keepdim=True).repeat(2, 1))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())
