"""Right whole LSTMs in torch, as different hands write them."""

import math

import torch
from torch import nn

from lstm_teach import check_lstm
from tests.zoo import examples_for

example = examples_for(check_lstm)
instance = examples_for(check_lstm, make=True)


@example("ok", says="i, f, g, o")
class NaiveLSTM(nn.Module):
    def __init__(self, input_sz, hidden_sz):
        super().__init__()
        self.input_size = input_sz
        self.hidden_size = hidden_sz
        self.W = nn.Parameter(torch.Tensor(input_sz, hidden_sz * 4))
        self.U = nn.Parameter(torch.Tensor(hidden_sz, hidden_sz * 4))
        self.bias = nn.Parameter(torch.Tensor(hidden_sz * 4))
        self.init_weights()

    def init_weights(self):
        stdv = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            weight.data.uniform_(-stdv, stdv)

    def forward(self, x, init_states=None):
        bs, seq_sz, _ = x.size()
        hidden_seq = []
        if init_states is None:
            h_t, c_t = (
                torch.zeros(bs, self.hidden_size).to(x.device),
                torch.zeros(bs, self.hidden_size).to(x.device),
            )
        else:
            h_t, c_t = init_states
        hs = self.hidden_size
        for t in range(seq_sz):
            x_t = x[:, t, :]
            gates = x_t @ self.W + h_t @ self.U + self.bias
            i_t, f_t, g_t, o_t = (
                torch.sigmoid(gates[:, :hs]),
                torch.sigmoid(gates[:, hs : hs * 2]),
                torch.tanh(gates[:, hs * 2 : hs * 3]),
                torch.sigmoid(gates[:, hs * 3 :]),
            )
            c_t = f_t * c_t + i_t * g_t
            h_t = o_t * torch.tanh(c_t)
            hidden_seq.append(h_t.unsqueeze(0))
        hidden_seq = torch.cat(hidden_seq, dim=0)
        hidden_seq = hidden_seq.transpose(0, 1).contiguous()
        return hidden_seq, (h_t, c_t)


@example("ok")
class D2LScratch(nn.Module):
    def __init__(self, num_inputs, num_hiddens, sigma=0.01):
        super().__init__()
        self.num_hiddens = num_hiddens

        def init_weight(*shape):
            return nn.Parameter(torch.randn(*shape) * sigma)

        def triple():
            return (
                init_weight(num_inputs, num_hiddens),
                init_weight(num_hiddens, num_hiddens),
                nn.Parameter(torch.zeros(num_hiddens)),
            )

        self.W_xi, self.W_hi, self.b_i = triple()
        self.W_xf, self.W_hf, self.b_f = triple()
        self.W_xo, self.W_ho, self.b_o = triple()
        self.W_xc, self.W_hc, self.b_c = triple()

    def forward(self, inputs, H_C=None):
        if H_C is None:
            H = torch.zeros((inputs.shape[1], self.num_hiddens), device=inputs.device)
            C = torch.zeros((inputs.shape[1], self.num_hiddens), device=inputs.device)
        else:
            H, C = H_C
        outputs = []
        for X in inputs:
            I = torch.sigmoid(torch.matmul(X, self.W_xi) + torch.matmul(H, self.W_hi) + self.b_i)
            F = torch.sigmoid(torch.matmul(X, self.W_xf) + torch.matmul(H, self.W_hf) + self.b_f)
            O = torch.sigmoid(torch.matmul(X, self.W_xo) + torch.matmul(H, self.W_ho) + self.b_o)
            C_tilde = torch.tanh(torch.matmul(X, self.W_xc) + torch.matmul(H, self.W_hc) + self.b_c)
            C = F * C + I * C_tilde
            H = O * torch.tanh(C)
            outputs.append(H)
        return outputs, (H, C)


@example("ok", says="batch is the first axis")
class PerGateLinear(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.W_f = nn.Linear(input_size + hidden_size, hidden_size)
        self.W_i = nn.Linear(input_size + hidden_size, hidden_size)
        self.W_c = nn.Linear(input_size + hidden_size, hidden_size)
        self.W_o = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x):
        B, T, _ = x.shape
        h = torch.zeros(B, self.hidden_size)
        c = torch.zeros(B, self.hidden_size)
        out = []
        for t in range(T):
            combined = torch.cat([h, x[:, t]], dim=1)
            f = torch.sigmoid(self.W_f(combined))
            i = torch.sigmoid(self.W_i(combined))
            c_hat = torch.tanh(self.W_c(combined))
            o = torch.sigmoid(self.W_o(combined))
            c = f * c + i * c_hat
            h = o * torch.tanh(c)
            out.append(h)
        return torch.stack(out, dim=1), (h, c)


@example("ok")
class OneLinearOnCat(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.n_hidden = n_hidden
        self.gates = nn.Linear(n_in + n_hidden, 4 * n_hidden)

    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(x.size(1), self.n_hidden),) * 2
        hs = []
        for xt in x:
            f, i, o, g = self.gates(torch.cat((xt, h), 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            hs.append(h)
        return torch.stack(hs), (h, c)


class _Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.x2h = nn.Linear(input_size, 4 * hidden_size)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size)
        self.hidden_size = hidden_size

    def forward(self, x, hx):
        h, c = hx
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


@example("ok", says="2 layers")
class CellsInAModuleList(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.hidden_size = hidden_size
        self.cells = nn.ModuleList(
            [_Cell(input_size if k == 0 else hidden_size, hidden_size) for k in range(num_layers)]
        )

    def forward(self, x, hx=None):
        if hx is None:
            zeros = x.new_zeros(len(self.cells), x.size(1), self.hidden_size)
            hx = (zeros, zeros)
        h = list(hx[0].unbind(0))
        c = list(hx[1].unbind(0))
        outputs = []
        for xt in x:
            for k, cell in enumerate(self.cells):
                h[k], c[k] = cell(xt, (h[k], c[k]))
                xt = h[k]
            outputs.append(xt)
        return torch.stack(outputs), (torch.stack(h), torch.stack(c))


@example("ok", says="2 layers")
class LayerByLayer(nn.Module):
    """nn.LSTMCells, layer after layer, batch first, a list of states."""

    def __init__(self, input_dim, hidden_dim, n_layers=2):
        super().__init__()
        self.hidden_dim = hidden_dim
        dims = [input_dim] + [hidden_dim] * n_layers
        self.layers = nn.ModuleList(map(nn.LSTMCell, dims[:-1], dims[1:]))

    def forward(self, x, states=None):
        batch, steps, _ = x.shape
        final = []
        for k, cell in enumerate(self.layers):
            if states is None:
                h = torch.zeros(batch, self.hidden_dim, dtype=x.dtype, device=x.device)
                c = torch.zeros_like(h)
            else:
                h, c = states[k]
            out = []
            for t in range(steps):
                h, c = cell(x[:, t], (h, c))
                out.append(h)
            x = torch.stack(out, 1)
            final.append((h, c))
        return x, final


@example("ok", says="both directions")
class BiByFlip(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.fwd = OneLinearOnCat(input_size, hidden_size)
        self.bwd = OneLinearOnCat(input_size, hidden_size)

    def forward(self, x):
        a, _ = self.fwd(x)
        b, _ = self.bwd(torch.flip(x, [0]))
        return torch.cat([a, torch.flip(b, [0])], dim=2)


@example("ok", says="both directions")
class BiTwoLayers(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2):
        super().__init__()
        self.H = hidden_size
        self.f = nn.ModuleList()
        self.b = nn.ModuleList()
        for k in range(num_layers):
            width = input_size if k == 0 else 2 * hidden_size
            self.f.append(nn.LSTMCell(width, hidden_size))
            self.b.append(nn.LSTMCell(width, hidden_size))

    def run(self, cell, steps):
        h = c = steps[0].new_zeros(len(steps[0]), self.H)
        out = []
        for s in steps:
            h, c = cell(s, (h, c))
            out.append(h)
        return out, h, c

    def forward(self, x):
        steps = list(x.unbind(1))
        hn, cn = [], []
        for f, b in zip(self.f, self.b, strict=True):
            left, h1, c1 = self.run(f, steps)
            right, h2, c2 = self.run(b, steps[::-1])
            hn += [h1, h2]
            cn += [c1, c2]
            steps = [torch.cat(p, -1) for p in zip(left, right[::-1], strict=True)]
        return torch.stack(steps, 1), (torch.stack(hn), torch.stack(cn))


@instance("ok", says="2 layers in both directions")
def torch_bi_two():
    return nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)


@example("ok")
class MyOwnSubclass(nn.LSTM):
    def forward(self, x, hx=None):
        out, hx = super().forward(x, hx)
        return out, hx


@instance("ok", says="batch is the first axis")
def wrapped_nn_lstm():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(12, 8, batch_first=True)

        def forward(self, x):
            out, (h, c) = self.rnn(x)
            return out, h[-1], c[-1]

    return Encoder()


@instance("ok")
def scripted():
    return torch.jit.script(CellsInTorchScript(5, 6))


class CellsInTorchScript(nn.Module):
    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.randn(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.randn(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.randn(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.randn(4 * hidden_size))

    def forward(
        self, input: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        inputs = input.unbind(0)
        outputs = []
        hx, cx = state
        for k in range(len(inputs)):
            gates = (
                torch.mm(inputs[k], self.weight_ih.t())
                + self.bias_ih
                + torch.mm(hx, self.weight_hh.t())
                + self.bias_hh
            )
            ingate, forgetgate, cellgate, outgate = gates.chunk(4, 1)
            ingate = torch.sigmoid(ingate)
            forgetgate = torch.sigmoid(forgetgate)
            cellgate = torch.tanh(cellgate)
            outgate = torch.sigmoid(outgate)
            cx = (forgetgate * cx) + (ingate * cellgate)
            hx = outgate * torch.tanh(cx)
            outputs += [hx]
        return torch.stack(outputs), (hx, cx)


@instance("ok", says="one bias")
def eight_linears():
    class LSTMfromScratch(nn.Module):
        def __init__(self, input_dim, hidden_dim):
            super().__init__()
            self.hidden_dim = hidden_dim
            self.Wii = nn.Linear(input_dim, hidden_dim)
            self.Whi = nn.Linear(hidden_dim, hidden_dim, bias=False)
            self.Wif = nn.Linear(input_dim, hidden_dim)
            self.Whf = nn.Linear(hidden_dim, hidden_dim, bias=False)
            self.Wio = nn.Linear(input_dim, hidden_dim)
            self.Who = nn.Linear(hidden_dim, hidden_dim, bias=False)
            self.Wig = nn.Linear(input_dim, hidden_dim)
            self.Whg = nn.Linear(hidden_dim, hidden_dim, bias=False)

        def forward(self, x, h0=None, c0=None):
            T, B, _ = x.shape
            ht = torch.zeros(B, self.hidden_dim) if h0 is None else h0
            ct = torch.zeros(B, self.hidden_dim) if c0 is None else c0
            outputs = torch.zeros(T, B, self.hidden_dim)
            for t in range(T):
                i = torch.sigmoid(self.Wii(x[t]) + self.Whi(ht))
                f = torch.sigmoid(self.Wif(x[t]) + self.Whf(ht))
                o = torch.sigmoid(self.Wio(x[t]) + self.Who(ht))
                g = torch.tanh(self.Wig(x[t]) + self.Whg(ht))
                ct = f * ct + i * g
                ht = o * torch.tanh(ct)
                outputs[t] = ht
            return outputs, ht, ct

    return LSTMfromScratch(4, 6)


@instance("ok", says="It has no bias")
def square_without_bias():
    class Square(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.d = d

            def make():
                return nn.Parameter(torch.randn(d, d) / d)

            self.wi, self.ui, self.wf, self.uf = make(), make(), make(), make()
            self.wg, self.ug, self.wo, self.uo = make(), make(), make(), make()

        def forward(self, seq):
            h = c = seq.new_zeros(seq.shape[0], self.d)
            hs = []
            for x in seq.transpose(0, 1):
                i = torch.sigmoid(x @ self.wi + h @ self.ui)
                f = torch.sigmoid(x @ self.wf + h @ self.uf)
                g = torch.tanh(x @ self.wg + h @ self.ug)
                o = torch.sigmoid(x @ self.wo + h @ self.uo)
                c = c * f + i * g
                h = torch.tanh(c) * o
                hs.append(h)
            return torch.stack(hs, 1)

    return Square(5)


@instance("ok", says="one sample")
def one_sample_at_a_time():
    class Single(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTMCell(9, 5)

        def forward(self, sentence):
            h, c = torch.zeros(1, 5), torch.zeros(1, 5)
            states = []
            for word in sentence:
                h, c = self.cell(word.view(1, -1), (h, c))
                states.append(h.view(-1))
            return torch.stack(states)

    return Single()


@example("ok")
class EinsumGates(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, hidden_size, input_size))
        self.u = nn.Parameter(torch.randn(4, hidden_size, hidden_size))
        self.b = nn.Parameter(torch.randn(4, hidden_size))
        self.hidden_size = hidden_size

    def forward(self, x, h=None, c=None):
        if h is None:
            h = torch.zeros(x.shape[0], self.hidden_size, dtype=x.dtype)
            c = torch.zeros(x.shape[0], self.hidden_size, dtype=x.dtype)
        out = []
        for t in range(x.shape[1]):
            z = torch.einsum("ghi,bi->gbh", self.w, x[:, t])
            z = z + torch.einsum("ghk,bk->gbh", self.u, h) + self.b[:, None]
            c = z[1].sigmoid() * c + z[0].sigmoid() * z[2].tanh()
            h = z[3].sigmoid() * c.tanh()
            out.append(h)
        return {"output": torch.stack(out, 1), "h_n": h, "c_n": c}


@instance("ok")
def with_dropout_between_layers():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1 = nn.LSTM(5, 7, batch_first=True)
            self.drop = nn.Dropout(0.5)
            self.l2 = nn.LSTM(7, 7, batch_first=True)

        def forward(self, x):
            y, s1 = self.l1(x)
            y, s2 = self.l2(self.drop(y))
            h = torch.cat([s1[0], s2[0]])
            c = torch.cat([s1[1], s2[1]])
            return y, (h, c)

    return Dropped()


@example("ok")
class PrecomputesTheInput(nn.Module):
    def __init__(self, embed_size, hidden_size, bias=True):
        super().__init__()
        self.i2h = nn.Linear(embed_size, 4 * hidden_size, bias=bias)
        self.h2h = nn.Linear(hidden_size, 4 * hidden_size, bias=bias)
        self.hidden_size = hidden_size

    def forward(self, x, hidden=None):
        if hidden is None:
            h = x.new_zeros(1, x.size(1), self.hidden_size)
            hidden = (h, h.clone())
        h, c = hidden[0][0], hidden[1][0]
        all_x = self.i2h(x)
        ys = []
        for pre in all_x.unbind(0):
            gates = pre + self.h2h(h)
            ifo = gates[:, : 3 * self.hidden_size].sigmoid()
            g = gates[:, 3 * self.hidden_size :].tanh()
            i, f, o = ifo.split(self.hidden_size, 1)
            c = torch.mul(c, f) + torch.mul(i, g)
            h = torch.mul(o, c.tanh())
            ys.append(h)
        return torch.stack(ys, 0), (h.unsqueeze(0), c.unsqueeze(0))


@instance("ok")
def a_plain_object():
    class PlainLSTM:
        def __init__(self, n_in, n_h):
            self.n_h = n_h
            self.params = [
                torch.randn(n_in, 4 * n_h, requires_grad=True),
                torch.randn(n_h, 4 * n_h, requires_grad=True),
                torch.zeros(4 * n_h, requires_grad=True),
            ]

        def __call__(self, X):
            W, U, b = self.params
            h = torch.zeros(X.shape[1], self.n_h)
            c = torch.zeros(X.shape[1], self.n_h)
            H = []
            for x in X:
                a = x @ W + h @ U + b
                f, i, o, g = a.split(self.n_h, dim=1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                H.append(h)
            return H, h, c

    return PlainLSTM(5, 4)


@instance("ok")
def stateful_by_argument_only():
    class Lstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden_size = 5
            self.input_size = 3
            self.cell = nn.LSTMCell(3, 5)

        def init_hidden(self, batch):
            return torch.zeros(batch, 5), torch.zeros(batch, 5)

        def forward(self, x, state):
            outputs = []
            for k in range(x.size(0)):
                state = self.cell(x[k], state)
                outputs.append(state[0])
            return torch.stack(outputs), state

    return Lstm()
