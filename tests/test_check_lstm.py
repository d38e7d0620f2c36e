"""What check_lstm gives beside a verdict: an nn.LSTM, axes in words, and gradients by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import EXAMPLES, load

load()
D, H = 7, 3


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"bias": False},
        {"num_layers": 2, "batch_first": True},
        {"num_layers": 2, "bidirectional": True},
    ],
    ids=str,
)
def test_the_weights_read_off_give_the_same_output_and_states(layout):
    lstm = nn.LSTM(6, 5, **layout)
    x = torch.randn(4, 3, 6)
    own, (h, c) = lstm(x)
    read_off, (h_n, c_n) = check_lstm(lstm).as_torch()(x)
    for one, two in ((own, read_off), (h, h_n), (c, c_n)):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("sizes", [(1, 4), (4, 1), (1, 1), (4, 4), (3, 4), (4, 3), (20, 20)])
def test_a_right_one_is_right_in_every_size(sizes):
    assert check_lstm(nn.LSTM(*sizes, num_layers=2))


def test_of_nn_lstm_nothing_is_left_to_look_at():
    assert check_lstm(nn.LSTM(3, 4)).not_checked == ()


def test_it_leaves_what_it_was_given_as_it_was():
    lstm = nn.LSTM(3, 4)
    before = {name: value.clone() for name, value in lstm.state_dict().items()}
    check_lstm(lstm)
    for name, value in lstm.state_dict().items():
        assert torch.equal(value, before[name])
    assert lstm.training
    assert all(p.grad is None for p in lstm.parameters())


def test_what_call_sees_is_put_back():
    lstm = nn.LSTM(3, 4)
    before = {name: value.clone() for name, value in lstm.state_dict().items()}
    assert check_lstm(nn.Identity(), call=lambda _, x: lstm(x))
    assert all(torch.equal(value, before[name]) for name, value in lstm.state_dict().items())


def test_arrays_are_put_back():
    source = np.random.default_rng(0)
    weights = {"W": source.normal(size=(7, 12)), "b": source.normal(size=12)}

    def lstm(x):
        h = c = np.zeros((x.shape[1], 3))
        out = []
        for xt in x:
            i, f, o, g = np.split(np.hstack([xt, h]) @ weights["W"] + weights["b"], 4, 1)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
            out.append(h)
        return np.stack(out)

    before = {name: array.copy() for name, array in weights.items()}
    report = check_lstm(lstm)
    assert report, report
    assert all(np.array_equal(weights[name], before[name]) for name in weights)
    x = source.normal(size=(5, 2, 4))
    assert np.allclose(report.as_torch()(torch.from_numpy(x))[0].detach(), lstm(x))


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.check == "check_lstm"])
def test_every_report_says_in_a_headline_what_is_wrong(example):
    report = example.run()
    assert report.headline or report.verdict in ("ok", "not_attempted", "raises")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(x, h0, Wx, Wh, b):
    T = x.shape[1]
    h, c, hs, cache = h0, np.zeros_like(h0), [], []
    for t in range(T):
        i, f, o, g = np.split(x[:, t] @ Wx + h @ Wh + b, 4, axis=1)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        new = f * c + i * g
        cache.append((x[:, t], h, c, new, i, f, o, g, Wx, Wh))
        c, h = new, o * np.tanh(new)
        hs.append(h)
    return np.stack(hs, 1), cache


def backward_with(slip):
    def lstm_backward(dout, cache):
        T = dout.shape[1]
        dx, dh, dc = [], np.zeros_like(dout[:, 0]), np.zeros_like(dout[:, 0])
        dWx, dWh, db = 0.0, 0.0, 0.0
        for t in reversed(range(T)):
            x, h, c, new, i, f, o, g, Wx, Wh = cache[t]
            dh = dh + dout[:, t]
            dc = dc + dh * o * (1 - np.tanh(new) ** 2)
            slope = 1 - g if slip == "g" else 1 - g**2
            parts = [dc * g * i * (1 - i), dc * c * f * (1 - f)]
            parts += [dh * np.tanh(new) * o * (1 - o), dc * i * slope]
            dz = np.hstack(parts)
            dx.append(dz @ Wx.T)
            dWx = x.T @ dz + (0 if slip == "Wx" else dWx)
            dWh = dWh + h.T @ dz
            db = db + dz.sum(0)
            dh, dc = dz @ Wh.T, dc if slip == "dc" else dc * f
        return np.stack(dx[::-1], 1), dh, dWx, dWh, db

    return lstm_backward


def test_a_right_backward_pass_by_hand():
    report = check_lstm(lstm_forward, backward=backward_with(None))
    assert report, report
    assert "gradients" in report.message


@pytest.mark.parametrize(
    ("slip", "says"), [("g", "`Wx`"), ("g", "part of g"), ("Wx", "`Wx`"), ("dc", "`Wx`")]
)
def test_a_wrong_backward_pass_is_told_by_its_first_wrong_gradient(slip, says):
    report = check_lstm(lstm_forward, backward=backward_with(slip))
    assert report.verdict == "wrong_gradient", report
    if slip != "g" or says.startswith("part"):
        assert says in report.headline, report


@pytest.mark.parametrize("names", ["dWx dWh db", "dWh dWx db"])
def test_a_gradient_with_a_name_is_held_against_the_weight_of_this_name(names):
    def lstm_backward(dout, cache):
        dx, dh0, *others = backward_with(None)(dout, cache)
        # As of one that is collected backward in time.
        turned = np.ascontiguousarray(dx[:, ::-1])[:, ::-1]
        return {"dx": turned, "dh0": dh0, **dict(zip(names.split(), others, strict=True))}

    report = check_lstm(lstm_forward, backward=lstm_backward)
    assert report.verdict == ("ok" if names.startswith("dWx") else "wrong_gradient"), report


def test_a_backward_pass_need_not_give_the_gradient_of_x():
    right = backward_with(None)
    assert check_lstm(lstm_forward, backward=lambda dout, cache: right(dout, cache)[1:])


def test_a_wrong_gradient_of_the_initial_state_is_told():
    def lstm_backward(dout, cache):
        dx, dh0, *others = backward_with(None)(dout, cache)
        return dx, 2 * dh0, *others

    report = check_lstm(lstm_forward, backward=lstm_backward)
    assert report.headline == "the gradient of `h0` is wrong", report


def test_a_backward_pass_for_one_sample_gets_the_gradient_of_one():
    def one_forward(x, h0, Wx, Wh, b):
        hs, cache = lstm_forward(x[None], h0[None], Wx, Wh, b)
        return hs[0], cache

    def one_backward(dout, cache):
        dx, dh0, *others = backward_with(None)(dout[None], cache)
        return dx[0], dh0[0], *others

    assert check_lstm(one_forward, backward=one_backward)


def test_a_backward_pass_may_read_what_the_object_has_kept():
    class Kept:
        def __init__(self):
            self.Wx, self.Wh, self.b = np.eye(7, 12), np.eye(3, 12), np.zeros(12)

        def forward(self, x):
            h0 = np.zeros((len(x), 3))
            hs, self.cache = lstm_forward(x, h0, self.Wx, self.Wh, self.b)
            return hs

        def backward(self, dout):
            return backward_with(None)(dout, self.cache)

    kept = Kept()
    assert check_lstm(kept, 7, 3, backward=kept.backward)
    assert np.array_equal(kept.Wx, np.eye(7, 12))


class Changed(nn.Module):
    """An nn.LSTM, and then something else."""

    def __init__(self, after, head=1):
        super().__init__()
        self.lstm, self.head, self.after = nn.LSTM(4, 6), nn.Linear(6, head), after

    def forward(self, x):
        return self.after(self, x, self.lstm(x)[0])


@pytest.mark.parametrize("width", [1, 2, 6, 12])
def test_a_layer_behind_h_is_no_mistake(width):
    report = check_lstm(Changed(lambda m, x, output: m.head(output), width))
    assert report, report
    assert "from `head` on" in report.not_checked[0]


@pytest.mark.parametrize(
    ("verdict", "after"),
    [
        ("steps_dropped", lambda m, x, output: output[:-1]),
        ("steps_doubled", lambda m, x, output: torch.cat([0 * output[:1], output])),
        ("steps_doubled", lambda m, x, output: output.repeat_interleave(2, 0)),
        ("steps_dropped", lambda m, x, output: m.lstm(x[:1].expand_as(x))[0]),
    ],
)
def test_steps_too_few_or_too_many_are_named(verdict, after):
    assert check_lstm(Changed(after)).verdict == verdict


def test_a_plain_class_is_called_through_its_forward():
    class Numpy:
        def __init__(self, input_size, hidden_size):
            self.W = np.ones((input_size + hidden_size, 4 * hidden_size))

        def forward(self, x):
            return lstm_forward(x, np.zeros((len(x), self.W.shape[1] // 4)), *self.parts())[0]

        def parts(self):
            h = self.W.shape[1] // 4
            return self.W[:-h], self.W[-h:], 0.0

    assert check_lstm(Numpy)
    assert check_lstm(Numpy(5, 4))


def test_an_nn_lstm_is_right_however_large_it_is():
    lstm = nn.LSTM(512, 1024, 2)
    report = check_lstm(lstm)
    assert report, report
    assert torch.equal(report.as_torch().weight_hh_l1, lstm.weight_hh_l1)


def test_one_too_large_for_a_second_is_left_alone():
    class Large(nn.Module):
        def __init__(self, x, h, other):
            super().__init__()
            self.lstm = nn.LSTM(x, h)

        def forward(self, x):
            return self.lstm(x)

    report = check_lstm(Large(600, 700, 1))
    assert report.verdict == "cannot_check", report
    assert "Give the check the class" in report.message


def test_two_gates_that_share_the_weights_of_h_alone_are_named():
    class Copied(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.x = nn.ModuleList(nn.Linear(input_size, hidden_size) for _ in range(4))
            self.h = nn.ModuleList(nn.Linear(hidden_size, hidden_size, False) for _ in range(4))

        def forward(self, x):
            h = c = x.new_zeros(x.shape[1], self.h[0].out_features)
            output = []
            for xt in x:
                i, f, g, o = (self.x[k](xt) + self.h[k * (k != 1)](h) for k in range(4))
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                output.append(h)
            return torch.stack(output)

    report = check_lstm(Copied)
    assert report.verdict == "forget_used_for_input", report
    assert "i and f" in report.headline
