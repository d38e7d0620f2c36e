"""Right states: models as people write them."""

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
def top_state():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H, 3, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def state_squeezed():
    def body(self, x):
        _, h = self.gru(x)
        return self.fc(h.squeeze(0))

    return case(Net(body, gru=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def state_view_where_there_is_one_layer():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h.view(-1, H))

    return case(Net(body, lstm=nn.LSTM(IN, H, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def both_directions_of_the_state():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(torch.cat((h[-2], h[-1]), dim=1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("ok")
def all_layers_of_the_state_concatenated():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        h = h.permute(1, 0, 2).contiguous().view(x.size(0), -1)
        return self.fc(h)

    lstm = nn.LSTM(IN, H, 3, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(3 * H, K)), features())


@example("ok")
def state_viewed_by_layers_and_directions():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        h = h.view(2, 2, x.size(0), H)[-1]
        return self.fc(torch.cat((h[0], h[1]), 1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("ok")
def only_the_backward_state():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K)), features())


@example("ok")
def cell_state_as_the_summary():
    def body(self, x):
        _, (_, c) = self.lstm(x)
        return self.fc(c[-1])

    return case(Net(body, lstm=nn.LSTM(IN, H, 2, batch_first=True), fc=nn.Linear(H, K)), features())


@example("ok")
def ends_of_both_directions():
    def body(self, x):
        out, _ = self.lstm(x)
        return self.fc(torch.cat((out[:, -1, :H], out[:, 0, H:]), 1))

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("ok")
def last_step_and_states_together():
    def body(self, x):
        out, (h, _c) = self.lstm(x)
        return self.fc(torch.cat((out[:, -1], h[-2], h[-1]), 1))

    lstm = nn.LSTM(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(4 * H, K)), features())


@example("ok")
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


@example("ok")
def state_kept_between_calls():
    return case(StoresItsState(B), torch.randn(T, B, IN), **TIME_FIRST)


@example("cannot_check")
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


@example("ok")
def state_as_an_argument():
    def call(model, x):
        return model(x, model.init_hidden(len(x)))

    return case(AsksForAState(), tokens(), call=call)


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


@example("ok")
def one_hot_inside_and_flattened_output():
    return case(CharRNN(), tokens(), **TAGGER)


@example("ok")
def flattened_output_declared_as_batch():
    return case(CharRNN(), tokens())


@example("ok")
def flattened_output_in_time_order():
    def body(self, x):
        out, _ = self.lstm(self.emb(x))
        return F.log_softmax(self.fc(out.view(-1, H)), dim=1)

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H), "fc": nn.Linear(H, K)}
    return case(Net(body, **parts), tokens().t(), **TIME_FIRST, output_axes=("batch", "time"))


@example("ok", says="Its steps see no later time steps")
def word_language_model():
    def body(self, x):
        out, hidden = self.rnn(self.drop(self.encoder(x)))
        decoded = self.decoder(self.drop(out)).view(-1, V)
        return F.log_softmax(decoded, dim=1), hidden

    parts = {"encoder": nn.Embedding(V, IN), "rnn": nn.GRU(IN, H, 2), "drop": nn.Dropout()}
    model = Net(body, **parts, decoder=nn.Linear(H, V))
    return case(model, tokens().t(), **TIME_FIRST, output_axes=("time", "batch"))
