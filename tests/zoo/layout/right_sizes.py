"""Right for one size: a batch of one, or as many samples as steps, which hide every mistake."""

import torch
from torch import nn

from tests.zoo.layout.common import IN, TIME_FIRST, H, K, Net, V, case, example, features, tokens


def classifier(body, x, batch_first=True, **axes):
    lstm = nn.LSTM(IN, H, batch_first=batch_first)
    return case(Net(body, lstm=lstm, fc=nn.Linear(H, K), emb=nn.Embedding(V, IN)), x, **axes)


@example("cannot_check")
def one_sentence_by_a_view_to_one_row():
    return classifier(lambda m, x: m.fc(m.lstm(x.view(1, -1, IN))[0][:, -1]), features(1, 9))


@example("cannot_check")
def one_sentence_of_the_tutorial():
    return classifier(lambda m, x: m.fc(m.lstm(x.view(-1, 1, IN))[0][-1]), features(1, 9), False)


@example("cannot_check")
def one_sentence_of_the_tutorial_time_first():
    def body(self, x):
        return self.fc(self.lstm(x.view(-1, 1, IN))[0][-1])

    return classifier(body, features(9, 1), False, **TIME_FIRST)


@example("cannot_check")
def one_sentence_of_tokens():
    def body(self, x):
        return self.fc(self.lstm(self.emb(x).view(-1, 1, IN))[0][-1])

    return classifier(body, tokens(1, 9), False)


@example("cannot_check")
def one_sentence_picked_out():
    return classifier(lambda m, x: m.fc(m.lstm(x)[0][0, -1]).unsqueeze(0), features(1, 9))


@example("cannot_check")
def one_sentence_without_its_batch_axis():
    return classifier(lambda m, x: m.fc(m.lstm(x.squeeze(0))[0][-1:]), features(1, 9), False)


@example("cannot_check")
def one_row_of_the_state():
    def body(self, x):
        return self.fc(self.lstm(x)[1][0].transpose(0, 1).reshape(1, -1))

    return classifier(body, features(1, 9))


@example("cannot_check")
def as_many_samples_as_steps_by_number():
    return classifier(lambda m, x: m.fc(m.lstm(x.view(5, -1, IN))[0][:, -1]), features(5, 5))


@example("cannot_check")
def two_samples_of_two_steps_by_number():
    def body(self, x):
        return self.fc(self.lstm(x)[0][torch.arange(2), -1])

    return classifier(body, features(2, 2))


@example("cannot_check")
def one_step_by_number():
    return classifier(lambda m, x: m.fc(m.lstm(x.view(-1, 1, IN))[0][:, 0]), features(5, 1))
