"""Wrong answers to the exercises of notebook 05."""

CELL = """class MyCell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.randn(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.randn(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.randn(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.randn(4 * hidden_size))

    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(len(x), self.hidden_size),) * 2
        gates = x @ self.weight_ih.T + self.bias_ih + h @ self.weight_hh.T + self.bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
"""
END = """        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
"""
MODEL = """class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(45, 24)
        self.lstm = nn.LSTM(24, 64, batch_first=True)
        self.readout = nn.Linear(64, 45)

    def forward(self, x):
"""
NEXT = MODEL.format(name="NextSymbol")
TIME = MODEL.format(name="TimeFirst")
STACK = """

def run_fast(cells, x):
    states = []
    for cell in cells:
        x, state = layer(cell, x)
        states.append(state)
    return x, states
"""
LAYER = """def layer(cell, x):
    h = c = x.new_zeros(x.shape[1], cell.hidden_size)
    from_x = x @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh
    steps = []
    for gates in from_x:
        i, f, g, o = (gates + h @ cell.weight_hh.T).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        steps.append({kept})
    return torch.stack(steps), (h, c)
"""

WRONG = {
    "cell": [
        (
            CELL + "        c = f.sigmoid() * c + i.sigmoid() * g.tanh()\n"
            "        return o.sigmoid() * c, c",
            "missing_tanh_c",
        ),
        (
            CELL + "        c = f.sigmoid() * c + i.sigmoid() * g.sigmoid()\n"
            "        return o.sigmoid() * c.tanh(), c",
            "sigmoid_instead_of_tanh",
        ),
        (
            CELL + "        c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()\n"
            "        return c, o.sigmoid() * c.tanh()",
            "swapped_return",
        ),
        (CELL.replace("self.weight_ih.T", "self.weight_ih") + END, "raises"),
        (CELL.replace("h @ self.weight_hh.T", "h * self.weight_hh.T") + END, "raises"),
        (CELL.replace("        super().__init__()\n", "") + END, "raises"),
        (CELL.replace("x @ self.weight_ih.T", "h @ self.weight_ih.T") + END, "raises"),
    ],
    "next-symbol": [
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output)",
            "unrecognised",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output.mean(1))",
            "cannot_check",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return output[:, -1]",
            "unrecognised",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(c_n[-1])",
            "unrecognised",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output[:, 0])",
            "unrecognised",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output[:, -1]).argmax(1)",
            "cannot_check",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output[:, -1:])",
            "refused",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output[:, -1]).softmax(1)",
            "refused",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x))\n"
            "        return self.readout(output[-1])",
            "last_step_wrong_axis",
        ),
        (
            NEXT + "        output, (h_n, c_n) = self.lstm(self.embedding(x).transpose(0, 1))\n"
            "        return self.readout(output[-1])",
            "time_batch_swapped",
        ),
    ],
    "time-first": [
        (
            TIME + "        output, _ = self.lstm(self.embedding(x.transpose(0, 1)))\n"
            "        return output.transpose(0, 1)",
            "refused",
        ),
        (
            TIME + "        output, _ = self.lstm(self.embedding(x.transpose(0, 1)))\n"
            "        return self.readout(output).transpose(0, 1).argmax(2)",
            "refused",
        ),
        (
            TIME + "        output, _ = self.lstm(self.embedding(x.transpose(0, 1)))\n"
            "        return self.readout(output)",
            "time_batch_swapped",
        ),
        (
            TIME + "        output, _ = self.lstm(self.embedding(x))\n"
            "        return self.readout(output)",
            "time_batch_swapped",
        ),
        (
            TIME + "        x = x.reshape(x.shape[1], x.shape[0])\n"
            "        output, _ = self.lstm(self.embedding(x))\n"
            "        return self.readout(output).transpose(0, 1)",
            "view_scramble",
        ),
    ],
    "faster": [
        (LAYER.format(kept="c") + STACK, "c_instead_of_h"),
        (
            LAYER.format(kept="h") + STACK.replace("layer(cell, x)", "layer(cells[0], x)"),
            "same_cell_reused",
        ),
        (
            LAYER.format(kept="h").replace("(h, c)\n", "(c, h)\n") + STACK,
            "unrecognised",
        ),
    ],
}
