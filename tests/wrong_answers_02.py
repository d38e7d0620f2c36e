"""Wrong answers to the exercises of notebook 02."""

STEP = "def step(x, h, c, w_ih, w_hh, b_ih, b_hh):\n"
SUMS = "    sums = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh\n"
CUT = "    i, f, g, o = sums.chunk(4, dim=1)\n"
NEW_C = "    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)\n"
NEW_H = "    return torch.sigmoid(o) * torch.tanh(c), c"

MODULE = (
    "class MyCell(nn.Module):\n"
    "    def __init__(self, input_size, hidden_size):\n"
    "        super().__init__()\n"
    "        self.linear = nn.Linear(input_size + hidden_size, 4 * hidden_size)\n\n"
    "    def forward(self, x, state):\n"
    "        h, c = state\n"
    "        i, f, g, o = self.linear(torch.cat([x, h], dim=1)).chunk(4, dim=1)\n"
)

MENDED = "mended_1, mended_2, mended_3 = "

WRONG = {
    "one-step": [
        (STEP + SUMS + CUT + NEW_C + "    return torch.sigmoid(o) * c, c", "missing_tanh_c"),
        (STEP + SUMS + CUT.replace("g, o", "o, g") + NEW_C + NEW_H, "gate_order"),
        (STEP + SUMS.replace(" + b_hh", "") + CUT + NEW_C + NEW_H, "missing_bias"),
        (STEP + SUMS + CUT + NEW_C + "    return c, torch.sigmoid(o) * torch.tanh(c)",
         "swapped_return"),
        (STEP + SUMS + CUT + NEW_C.replace("f) * c", "f) @ c") + NEW_H, "raises"),
        (STEP + "    h = c = torch.zeros(3, 20)\n" + SUMS + CUT + NEW_C + NEW_H, "raises"),
        (STEP + SUMS + CUT.replace(", dim=1", "") + NEW_C + NEW_H, "raises"),
        (STEP + SUMS.replace("w_ih.T", "w_ih") + CUT + NEW_C + NEW_H, "missing_transpose"),
    ],
    "own-module": [
        (
            MODULE
            + "        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.sigmoid(g)\n"
            + "        return torch.sigmoid(o) * torch.tanh(c), c",
            "sigmoid_instead_of_tanh",
        ),
        (
            MODULE
            + "        c = c + torch.sigmoid(i) * torch.tanh(g)\n"
            + "        return torch.sigmoid(o) * torch.tanh(c), c",
            "no_forget_gate",
        ),
        (
            MODULE
            + "        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)\n"
            + "        return torch.sigmoid(o) * torch.tanh(c), torch.tanh(c)",
            "extra_tanh_c",
        ),
        (MODULE.replace("[x, h], dim=1", "[x, h]") + "    " + NEW_C + "    " + NEW_H, "raises"),
        (MODULE.replace("super().__init__()", "pass") + "    " + NEW_C + "    " + NEW_H, "raises"),
        (
            MODULE.replace("input_size + hidden_size, 4 * hidden_size", "120, 80")
            + "    " + NEW_C + "    " + NEW_H,
            "raises",
        ),
    ],
    "find-the-bug": [
        (MENDED + "first, second, third", "missing_tanh_c"),
        (MENDED + "second, third, first", "gate_order"),
        (MENDED + "third, second, first", "stale_c"),
    ],
}  # fmt: skip
