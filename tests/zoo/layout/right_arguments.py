"""Right arguments: models whose forward asks for more than x, or whose output grows with x."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from tests.zoo.layout.common import IN, TAGGER, H, K, Net, V, case, example, features, tokens


class AsksFor(Net):
    """A module with a second argument; each subclass names it as people do."""

    def __init__(self, body):
        rnn = nn.GRU(IN, H, 2, batch_first=True)
        super().__init__(body, rnn=rnn, fc=nn.Linear(H, K))


class AsksForAMask(AsksFor):
    def forward(self, x, attention_mask):
        weights = attention_mask.float()[..., None]
        return self.fc((self.rnn(x)[0] * weights).sum(1) / weights.sum(1))


class AsksForABatchSize(AsksFor):
    def forward(self, x, batch_size):
        return self.fc(self.rnn(x, torch.zeros(2, batch_size, H))[0][:, -1])


class AsksForAHiddenState(AsksFor):
    def forward(self, x, hidden):
        out, hidden = self.rnn(x, hidden.detach())
        return self.fc(out[:, -1]), hidden


class AsksForATarget(AsksFor):
    def forward(self, x, target):
        return self.fc(self.rnn(torch.cat((x, target[:, :1]), 1))[0])


class AsksForLengthsByAnyName(AsksFor):
    def forward(self, x, n):
        packed = pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False)
        return self.fc(self.rnn(packed)[1][-1])


class SmoothsBehindAStart(Net):
    """A start vector in front, so word t is step t + 1, and a convolution over neighbours."""

    def __init__(self):
        conv = nn.Conv1d(IN, IN, 3, padding=1)
        super().__init__(None, conv=conv, rnn=nn.GRU(IN, H, batch_first=True), fc=nn.Linear(H, K))

    def forward(self, x, lengths):
        x = torch.cat((torch.ones(len(x), 1, IN), x), 1)
        out, _ = self.rnn(self.conv(x.transpose(1, 2)).transpose(1, 2))
        return self.fc(out[torch.arange(len(x)), lengths])


class WantsItsHiddenStateSet(AsksFor):
    """The training loop says ``model.hidden = model.init_hidden(x)`` before each batch."""

    def init_hidden(self, x):
        return torch.zeros(2, len(x), H)

    def forward(self, x):
        out, self.hidden = self.rnn(x, self.hidden)
        return self.fc(out[:, -1])


@example("ok")
def mask_as_an_argument():
    def call(model, x):
        return model(x, torch.ones(x.shape[:2], dtype=torch.bool))

    return case(AsksForAMask(None), features(), call=call)


@example("ok")
def batch_size_as_an_argument():
    return case(AsksForABatchSize(None), features(), call=lambda model, x: model(x, len(x)))


@example("ok")
def hidden_state_of_a_gru_as_an_argument():
    def call(model, x):
        return model(x, torch.zeros(2, len(x), H))

    return case(AsksForAHiddenState(None), features(), call=call)


@example("ok")
def lengths_by_another_name():
    return case(AsksForLengthsByAnyName(None), features(3, 10), lengths=torch.tensor([8, 10, 4]))


@example("ok")
def last_word_one_step_later_behind_a_start():
    return case(SmoothsBehindAStart(), features(), lengths=torch.tensor([7, 5, 4, 2]))


@example("ok")
def target_as_an_argument():
    target = features()
    call = lambda model, x: model(x, target)  # noqa: E731
    return case(AsksForATarget(None), features(), **TAGGER, call=call)


class Translates(nn.Module):
    """Reads with one vocabulary and writes with a smaller one."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(V, IN), nn.Embedding(V // 2, IN)
        self.enc, self.dec = (nn.LSTM(IN, H, batch_first=True) for _ in range(2))
        self.fc = nn.Linear(H, V // 2)

    def forward(self, src, trg):
        _, state = self.enc(self.source(src))
        return self.fc(self.dec(self.target(trg), state)[0])


@example("ok")
def second_language_with_a_smaller_vocabulary():
    x = tokens()
    x[:, 0] = V - 1
    target = x % (V // 2)
    return case(Translates(), x, **TAGGER, call=lambda model, x: model(x, target))


@example("ok")
def decoder_that_goes_on_until_every_sample_is_done():
    def body(self, x):
        _, h = self.enc(x)
        h, steps = h[-1], []
        for _ in range(3 + int((h[:, 0] > 0).sum())):
            h = self.cell(x[:, -1], h)
            steps.append(self.fc(h))
        return torch.stack(steps, 1)

    enc, cell = nn.GRU(IN, H, batch_first=True), nn.GRUCell(IN, H)
    return case(Net(body, enc=enc, cell=cell, fc=nn.Linear(H, K)), features(), **TAGGER)


@example("ok")
def hidden_state_set_before_each_call():
    def call(model, x):
        model.hidden = model.init_hidden(x)
        return model(x)

    return case(WantsItsHiddenStateSet(None), features(), call=call)


@example("cannot_check", says="self.hidden)`.\nYour model has a method `init_hidden`.")
def hidden_state_not_set_before_the_call():
    return case(WantsItsHiddenStateSet(None), features())


@example("cannot_check", says="call=lambda model, x: model(x, attention_mask)")
def mask_not_given():
    return case(AsksForAMask(None), features())


@example("cannot_check", says="all the same")
def one_token_throughout():
    def body(self, x):
        return self.fc(self.lstm(self.emb(x))[0][:, -1])

    parts = {"emb": nn.Embedding(V, IN), "lstm": nn.LSTM(IN, H, batch_first=True)}
    return case(Net(body, **parts, fc=nn.Linear(H, K)), torch.ones(4, 7, dtype=torch.long))
