"""Right whole LSTMs that are functions, and are handed their weights."""

# ruff: noqa: NPY002, RUF059 (as people write)

import numpy as np
import torch

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@example("ok")
def handed_torch_weights(x, h, c, w_ih, w_hh, b_ih, b_hh):
    output = []
    for xt in x:
        i, f, g, o = (xt @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        output.append(h)
    return torch.stack(output), (h, c)


@example("ok")
def cs231n_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h, cache = np.zeros((N, T, H)), []
    prev_h, prev_c = h0, np.zeros_like(h0)
    for t in range(T):
        a = x[:, t].dot(Wx) + prev_h.dot(Wh) + b
        i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
        g = np.tanh(a[:, 3 * H :])
        prev_c = f * prev_c + i * g
        prev_h = o * np.tanh(prev_c)
        h[:, t] = prev_h
        cache.append((i, f, o, g))
    return h, cache


_H, _I = 4, 3
_PARAMETERS = {f"W{gate}": np.random.randn(_H, _H + _I) for gate in "fico"}
_PARAMETERS |= {f"b{gate}": np.random.randn(_H, 1) for gate in "fico"}
_PARAMS = [torch.randn(*shape) for _ in range(4) for shape in ((_I, _H), (_H, _H), (_H,))]


@example(
    "ok",
    input_size=_I,
    hidden_size=_H,
    call=lambda f, x, h: f(x.transpose(2, 1, 0), h.T, _PARAMETERS)[0].transpose(2, 1, 0),
)
def coursera_forward(x, a0, parameters):
    n_x, m, T_x = x.shape
    n_a = a0.shape[0]
    a, c = np.zeros((n_a, m, T_x)), np.zeros((n_a, m, T_x))
    a_next, c_next = a0, np.zeros(a0.shape)
    for t in range(T_x):
        concat = np.concatenate((a_next, x[:, :, t]), axis=0)
        ft = sigmoid(np.dot(parameters["Wf"], concat) + parameters["bf"])
        it = sigmoid(np.dot(parameters["Wi"], concat) + parameters["bi"])
        cct = np.tanh(np.dot(parameters["Wc"], concat) + parameters["bc"])
        c_next = it * cct + ft * c_next
        ot = sigmoid(np.dot(parameters["Wo"], concat) + parameters["bo"])
        a_next = ot * np.tanh(c_next)
        a[:, :, t], c[:, :, t] = a_next, c_next
    return a, c


@example("cannot_check", says="call=")
def coursera_without_call(x, a0, parameters):
    return coursera_forward(x, a0, parameters)


@example("ok", call=lambda f, x, h, c: f(x, (h, c), _PARAMS))
def d2l_function(inputs, state, params):
    W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc, b_c = params
    (H, C) = state
    outputs = []
    for X in inputs:
        I = torch.sigmoid((X @ W_xi) + (H @ W_hi) + b_i)
        F = torch.sigmoid((X @ W_xf) + (H @ W_hf) + b_f)
        O = torch.sigmoid((X @ W_xo) + (H @ W_ho) + b_o)
        C_tilda = torch.tanh((X @ W_xc) + (H @ W_hc) + b_c)
        C = F * C + I * C_tilda
        H = O * torch.tanh(C)
        outputs.append(H)
    return torch.stack(outputs), (H, C)
