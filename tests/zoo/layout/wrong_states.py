"""Wrong states: models as people write them."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

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


@example("hidden_view_scramble")
def two_layers_viewed():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h.view(x.size(0), -1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("hidden_view_scramble")
def two_directions_viewed():
    def body(self, x):
        _, h = self.gru(self.emb(x))
        return self.fc(h.view(-1, 2 * H))

    gru = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), gru=gru, fc=nn.Linear(2 * H, K)), tokens())


@example("hidden_view_scramble")
def attention_with_a_viewed_query():
    def body(self, x):
        out, (h, _) = self.lstm(self.emb(x).permute(1, 0, 2))
        out = out.permute(1, 0, 2)
        query = h.view(-1, 2 * H, 1)
        weights = F.softmax(torch.bmm(out, query).squeeze(2), 1)
        return self.fc(torch.bmm(out.transpose(1, 2), weights.unsqueeze(2)).squeeze(2))

    lstm = nn.LSTM(IN, H, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(2 * H, K)), tokens())


@example("hidden_view_scramble")
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


@example("samples_mixed", says="the first state of `self.dec` is cut across samples")
def decoder_state_by_view():
    def body(self, x):
        _, h = self.enc(x)
        start = self.start(h[-1]).view(2, x.size(0), H)
        out, _ = self.dec(x, start)
        return self.fc(out)

    parts = {"enc": nn.GRU(IN, H, batch_first=True), "start": nn.Linear(H, 2 * H)}
    model = Net(body, **parts, dec=nn.GRU(IN, H, 2, batch_first=True), fc=nn.Linear(H, K))
    return case(model, features(), **TAGGER)


@example("samples_mixed", says="the first state of `self.dec` is cut across samples")
def code_of_two_directions_viewed_as_a_first_state():
    def body(self, x):
        _, h = self.enc(x)
        start = self.start(torch.cat((h[-2], h[-1]), 1)).view(2, x.size(0), H)
        return self.dec(x, start)[0]

    enc = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    parts = {"start": nn.Linear(2 * H, 2 * H), "dec": nn.GRU(IN, H, 2, batch_first=True)}
    return case(Net(body, enc=enc, **parts), features(), **TAGGER)


@example("hidden_view_scramble", says="the final state of `self.letters` is cut")
def letters_of_sorted_words_viewed():
    def body(self, x):
        words = x.flatten(0, 1)
        lengths, order = words.ne(0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.emb(words[order]), lengths, batch_first=True)
        h = self.letters(packed)[1].view(len(words), -1)[order.argsort()]
        return self.words(h.view(*x.shape[:2], -1))[0]

    x = torch.randint(1, V, (4, 9, 7))
    for number, word in enumerate(x.flatten(0, 1)):
        word[2 + 2 * number % 6 :] = 0
    letters = nn.GRU(IN, H, batch_first=True, bidirectional=True)
    parts = {"emb": nn.Embedding(V, IN), "words": nn.GRU(2 * H, H, batch_first=True)}
    model = Net(body, letters=letters, **parts)
    return case(model, x, input_axes=("batch", "time", "letter"), **TAGGER)


@example("hidden_view_scramble")
def encoder_state_viewed_for_the_decoder():
    def body(self, x):
        _, (h, c) = self.enc(x)
        h, c = h.view(1, x.size(0), 2 * H), c.view(1, x.size(0), 2 * H)
        out, _ = self.dec(x, (h, c))
        return self.fc(out)

    parts = {"enc": nn.LSTM(IN, H, batch_first=True, bidirectional=True)}
    model = Net(body, **parts, dec=nn.LSTM(IN, 2 * H, batch_first=True), fc=nn.Linear(2 * H, K))
    return case(model, features(), **TAGGER)


@example("wrong_layer_state")
def first_layer_as_the_top():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[0])

    return case(Net(body, lstm=nn.LSTM(IN, H, 2, batch_first=True), fc=nn.Linear(H, K)), features())


@example("wrong_layer_state")
def first_rows_of_a_bidirectional_stack():
    def body(self, x):
        _, h = self.gru(self.emb(x))
        return self.fc(torch.cat((h[0], h[1]), 1))

    gru = nn.GRU(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, emb=nn.Embedding(V, IN), gru=gru, fc=nn.Linear(2 * H, K)), tokens())


@example("wrong_layer_state")
def lower_rows_for_the_decoder():
    def body(self, x):
        _, h = self.enc(self.emb(x))
        out, _ = self.dec(self.emb(x), h[:2])
        return self.fc(out)

    parts = {"enc": nn.GRU(IN, H, 2, bidirectional=True), "dec": nn.GRU(IN, H, 2)}
    model = Net(body, emb=nn.Embedding(V, IN), **parts, fc=nn.Linear(H, K))
    return case(model, tokens().t(), **TIME_FIRST, output_axes=("time", "batch"))


@example("wrong_layer_state")
def middle_layer_of_a_packed_stack():
    def body(self, x):
        lengths = (x != 0).sum(1)
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[1])

    lstm = nn.LSTM(IN, H, 3)
    return case(Net(body, emb=nn.Embedding(V, IN), lstm=lstm, fc=nn.Linear(H, K)), padded_tokens())


@example("wrong_layer_state", says="Of the rows of h_n it reads 1 and 3 alone")
def layers_and_directions_swapped():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        h = h.view(2, 2, x.size(0), H)[:, -1]
        return self.fc(torch.cat((h[0], h[1]), 1))

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("ok")
def forward_states_of_all_layers_for_a_decoder():
    def body(self, x):
        _, h = self.enc(x)
        return self.fc(self.dec(x, h[::2].contiguous())[0])

    enc = nn.GRU(IN, H, 2, batch_first=True, bidirectional=True)
    dec = nn.GRU(IN, H, 2, batch_first=True)
    return case(Net(body, enc=enc, dec=dec, fc=nn.Linear(H, K)), features(), **TAGGER)


def _logits_and_steps(read):
    def body(self, x):
        out, (h, _) = self.lstm(x)
        return {"logits": self.fc(read(out, h)), "steps": out}

    lstm = nn.LSTM(IN, H, 2, batch_first=True, bidirectional=True)
    return case(Net(body, lstm=lstm, fc=nn.Linear(2 * H, K)), features())


@example("wrong_layer_state")
def lower_layer_beside_all_steps():
    return _logits_and_steps(lambda out, h: torch.cat((h[0], h[1]), 1))


@example("bidir_last_step")
def last_step_of_two_directions_beside_all_steps():
    return _logits_and_steps(lambda out, h: out[:, -1])


@example("ok")
def top_layer_beside_all_steps():
    return _logits_and_steps(lambda out, h: torch.cat((h[-2], h[-1]), 1))


@example("ok")
def heads_on_the_states_of_both_layers():
    def body(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[0]), self.fc(h[1])

    return case(Net(body, lstm=nn.LSTM(IN, H, 2, batch_first=True), fc=nn.Linear(H, K)), features())
