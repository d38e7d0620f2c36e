"""A model on a GPU is judged as on the CPU; without one there is nothing to try."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lstm_teach import check_last_state, check_layout, influence
from tests.zoo import load
from tests.zoo.layout.common import ENTRIES, Net, features

load("tests.zoo.layout")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

NAMES = (
    "batch_first_last_step",
    "bidirectional_tagger",
    "batch_first_forgotten",
    "batch_first_forgotten_bidirectional",
    "view_to_time_first",
    "two_layers_viewed",
    "last_of_the_first_axis_with_batch_first",
    "bidirectional_last_step",
    "first_layer_as_the_top",
    "window_as_features",
    "last_step_of_padded_tokens",
    "softmax_over_the_batch",
    "packed_without_the_flag",
    "cnn_and_lstm_on_frames",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("train", [True, False])
def test_a_model_on_a_gpu_gets_the_verdict_that_it_has_on_the_cpu(name, train):
    verdict, entry = ENTRIES[name]
    given = entry()
    given["model"], given["x"] = given["model"].cuda().train(train), given["x"].cuda()
    assert check_layout(**given).verdict == verdict


def test_what_is_read_and_what_reaches_are_seen_on_a_gpu():
    model = (
        Net(lambda m, x: m.lstm(x)[1][0][-1], lstm=nn.LSTM(6, 8, batch_first=True)).cuda().eval()
    )
    x = features().cuda()
    assert check_last_state(model, x)
    assert (influence(model, x, 1) > 0).any(1).tolist() == [False, True, False, False]
    assert torch.backends.cudnn.enabled
