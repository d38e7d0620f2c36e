"""Right whole LSTMs in NumPy, as courses and gists write them."""

# ruff: noqa: NPY002, RUF059 (as people write)

import numpy as np

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@example("ok")
class RowsOfABatch:
    """x [N, T, D], weights [D, 4H], gates i, f, o, g."""

    def __init__(self, input_dim, hidden_dim):
        self.Wx = np.random.randn(input_dim, 4 * hidden_dim) / np.sqrt(input_dim)
        self.Wh = np.random.randn(hidden_dim, 4 * hidden_dim) / np.sqrt(hidden_dim)
        self.b = np.zeros(4 * hidden_dim)

    def forward(self, x, h0=None):
        N, T, D = x.shape
        H = self.Wh.shape[0]
        h = np.zeros((N, H)) if h0 is None else h0
        c = np.zeros((N, H))
        hs = np.zeros((N, T, H))
        for t in range(T):
            a = x[:, t].dot(self.Wx) + h.dot(self.Wh) + self.b
            i, f, o = (sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
            g = np.tanh(a[:, 3 * H :])
            c = f * c + i * g
            h = o * np.tanh(c)
            hs[:, t] = h
        return hs

    __call__ = forward


@instance("ok", says="samples in columns")
def columns_of_a_course():
    rng = np.random.RandomState(1)
    n_x, n_a = 3, 5
    parameters = {}
    for gate in "fico":
        parameters["W" + gate] = rng.randn(n_a, n_a + n_x)
        parameters["b" + gate] = rng.randn(n_a, 1)

    def lstm_forward(x, a0=None):
        n_x, m, T_x = x.shape
        a = np.zeros((n_a, m, T_x))
        c = np.zeros((n_a, m, T_x))
        a_next = np.zeros((n_a, m)) if a0 is None else a0
        c_next = np.zeros((n_a, m))
        caches = []
        for t in range(T_x):
            concat = np.concatenate([a_next, x[:, :, t]])
            ft = sigmoid(parameters["Wf"] @ concat + parameters["bf"])
            it = sigmoid(parameters["Wi"] @ concat + parameters["bi"])
            cct = np.tanh(parameters["Wc"] @ concat + parameters["bc"])
            c_next = ft * c_next + it * cct
            ot = sigmoid(parameters["Wo"] @ concat + parameters["bo"])
            a_next = ot * np.tanh(c_next)
            a[:, :, t] = a_next
            c[:, :, t] = c_next
            caches.append((ft, it, cct, ot))
        return a, c, caches

    return lstm_forward


@example("ok")
class GistWithAColumnOfBiases:
    """x [T, B, D], one matrix [1 + D + H, 4H], its first row the bias; i, f, o, g."""

    def __init__(self, input_size, hidden_size):
        self.WLSTM = np.random.randn(input_size + hidden_size + 1, 4 * hidden_size)
        self.WLSTM /= np.sqrt(input_size + hidden_size)
        self.WLSTM[0, :] = 0
        self.WLSTM[0, hidden_size : 2 * hidden_size] = 3

    def __call__(self, X, c0=None, h0=None):
        n, b, input_size = X.shape
        d = self.WLSTM.shape[1] // 4
        c0 = np.zeros((b, d)) if c0 is None else c0
        h0 = np.zeros((b, d)) if h0 is None else h0
        xphpb = self.WLSTM.shape[0]
        Hin = np.zeros((n, b, xphpb))
        Hout = np.zeros((n, b, d))
        IFOG = np.zeros((n, b, d * 4))
        IFOGf = np.zeros((n, b, d * 4))
        C = np.zeros((n, b, d))
        Ct = np.zeros((n, b, d))
        for t in range(n):
            prevh = Hout[t - 1] if t > 0 else h0
            Hin[t, :, 0] = 1
            Hin[t, :, 1 : 1 + input_size] = X[t]
            Hin[t, :, 1 + input_size :] = prevh
            IFOG[t] = Hin[t].dot(self.WLSTM)
            IFOGf[t, :, : 3 * d] = 1.0 / (1.0 + np.exp(-IFOG[t, :, : 3 * d]))
            IFOGf[t, :, 3 * d :] = np.tanh(IFOG[t, :, 3 * d :])
            prevc = C[t - 1] if t > 0 else c0
            C[t] = IFOGf[t, :, :d] * IFOGf[t, :, 3 * d :] + IFOGf[t, :, d : 2 * d] * prevc
            Ct[t] = np.tanh(C[t])
            Hout[t] = IFOGf[t, :, 2 * d : 3 * d] * Ct[t]
        return Hout, C[t], Hout[t]


@instance("ok", says="columns")
def blog_class_one_column_at_a_time():
    class LSTM:
        def __init__(self, vocab_size, n_h):
            z = n_h + vocab_size
            self.n_h = n_h
            self.params = {}
            for name in ("Wf", "Wi", "Wc", "Wo"):
                self.params[name] = np.random.randn(n_h, z) / np.sqrt(z)
                self.params["b" + name[1]] = np.zeros((n_h, 1))

        def forward_step(self, x, h_prev, c_prev):
            z = np.vstack((h_prev, x))
            f = sigmoid(self.params["Wf"] @ z + self.params["bf"])
            i = sigmoid(self.params["Wi"] @ z + self.params["bi"])
            c_bar = np.tanh(self.params["Wc"] @ z + self.params["bc"])
            c = f * c_prev + i * c_bar
            o = sigmoid(self.params["Wo"] @ z + self.params["bo"])
            return o * np.tanh(c), c

        def __call__(self, inputs):
            h = np.zeros((self.n_h, 1))
            c = np.zeros((self.n_h, 1))
            hs = []
            for x in inputs:
                h, c = self.forward_step(x, h, c)
                hs.append(h)
            return hs

    return LSTM(6, 4)


@instance("ok", says="one sample")
def vectors_only():
    class Vec:
        def __init__(self):
            self.W = np.random.randn(4 * 4, 3)
            self.U = np.random.randn(4 * 4, 4)
            self.b = np.random.randn(4 * 4)

        def run(self, xs):
            h, c, out = np.zeros(4), np.zeros(4), []
            for x in xs:
                z = self.W.dot(x) + self.U.dot(h) + self.b
                i, f, g, o = np.split(z, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
                out.append(h)
            return np.array(out), h, c

    return Vec().run


@example("ok", call=lambda f, x, h, c: f(x, h, c), input_size=3, hidden_size=5)
def closure_over_globals(x, h, c):
    out = []
    for xt in x:
        z = xt @ _WX + h @ _WH + _B
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.stack(out), h, c


_WX, _WH, _B = np.random.randn(3, 20), np.random.randn(5, 20), np.random.randn(20)


@instance("ok", says="2 layers")
def two_layers_of_dicts():
    class Stack:
        def __init__(self, n_in=4, n_h=3, n_layers=2):
            self.layers = [
                {
                    "Wx": np.random.randn(4 * n_h, n_in if k == 0 else n_h),
                    "Wh": np.random.randn(4 * n_h, n_h),
                    "b": np.zeros(4 * n_h),
                }
                for k in range(n_layers)
            ]
            self.n_h = n_h

        def __call__(self, x):
            h = [np.zeros((x.shape[1], self.n_h)) for _ in self.layers]
            c = [np.zeros((x.shape[1], self.n_h)) for _ in self.layers]
            out = []
            for xt in x:
                for k, p in enumerate(self.layers):
                    z = xt @ p["Wx"].T + h[k] @ p["Wh"].T + p["b"]
                    i, f, o, g = np.split(z, 4, axis=-1)
                    c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
                    h[k] = sigmoid(o) * np.tanh(c[k])
                    xt = h[k]
                out.append(xt)
            return np.array(out), h, c

    return Stack()
