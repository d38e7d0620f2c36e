"""Wrong answers to the exercises of notebook 04, each with the verdict that it deserves."""

FORWARD = "class {0}(Classifier):\n    def forward(self, x{1}):\n        {2}\n"


def forward(name, *lines, lengths=False):
    """The code of a model whose forward has these lines."""
    return FORWARD.format(name, ", lengths" if lengths else "", "\n        ".join(lines))


WRONG = {
    "which words": [
        ('x_2 = ["rain", "is", "falling", "again"]', "time_batch_swapped"),
        ('x_2 = ["small", "remembers", "is"]', "unrecognised"),
        ('x_2 = "dog"', "unrecognised"),
    ],
    "model 1": [
        (
            forward(
                "Mended1",
                "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))",
                "return self.readout(output)",
            ),
            "time_batch_swapped",
        ),
        (
            forward(
                "Mended1",
                "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))",
                "return self.readout(output[0])",
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended1",
                "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))",
                "return self.readout(output.mean(0))",
            ),
            "cannot_check",
        ),
        (
            forward(
                "Mended1",
                "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))",
                "return self.readout(c_n[-1])",
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended1", "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))", "return output[-1]"
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended1",
                "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))",
                "return self.readout(output[-1]).unsqueeze(1)",
            ),
            "refused",
        ),
        (
            forward(
                "Mended1",
                "output, (h_n, c_n) = self.lstm(x.transpose(0, 1))",
                "return self.readout(h_n)",
            ),
            "time_batch_swapped",
        ),
        (
            forward("Mended1", "output, _ = self.lstm(x)", "return self.readout(output[:, -1])"),
            "time_batch_swapped",
        ),
        (
            forward(
                "Mended1",
                "output, _ = self.lstm(x.view(x.shape[1], x.shape[0], -1))",
                "return self.readout(output[-1])",
            ),
            "view_scramble",
        ),
        (
            forward(
                "Mended1",
                "output, _ = self.lstm(x.view(10, 3, 16))",
                "return self.readout(output[-1])",
            ),
            "view_scramble",
        ),
        (
            forward(
                "Mended1",
                "output, _ = self.lstm(x.transpose(0, 1))",
                "return self.readout(output[:, -1])",
            ),
            "last_step_wrong_axis",
        ),
        (
            forward(
                "Mended1",
                "output = self.lstm(x.transpose(0, 1))",
                "return self.readout(output[-1])",
            ),
            "raises",
        ),
        (
            forward("Mended1", "return self.readout(self.lstm(x.transpose(0, 1)))"),
            "raises",
        ),
    ],
    "two directions": [
        (
            forward(
                "Mended2",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(torch.cat((h_n[-1], h_n[-1]), dim=1))",
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended2",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(torch.cat((h_n[0], c_n[0]), dim=1))",
            ),
            "unrecognised",
        ),
        (
            forward("Mended2", "output, (h_n, c_n) = self.lstm(x)", "return self.readout(output)"),
            "unrecognised",
        ),
        (
            forward(
                "Mended2",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(torch.cat((h_n[-2], h_n[-1]), dim=1)).unsqueeze(1)",
            ),
            "refused",
        ),
        (
            forward(
                "Mended2", "_, (h_n, _) = self.lstm(x)", "return self.readout(h_n.view(len(x), -1))"
            ),
            "hidden_view_scramble",
        ),
        (
            forward("Mended2", "output, _ = self.lstm(x)", "return self.readout(output[:, -1])"),
            "bidir_last_step",
        ),
        (
            forward(
                "Mended2",
                "_, (h_n, _) = self.lstm(x)",
                "return self.readout(torch.cat((h_n[-2], h_n[-1])))",
            ),
            "raises",
        ),
    ],
    "last step": [
        (
            forward("Mended3", "output, (h_n, c_n) = self.lstm(x)", "return self.readout(output)"),
            "unrecognised",
        ),
        (
            forward(
                "Mended3",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output.mean(1))",
            ),
            "cannot_check",
        ),
        (
            forward(
                "Mended3",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output[:, -1:])",
            ),
            "refused",
        ),
        (
            forward("Mended3", "output, (h_n, c_n) = self.lstm(x)", "return output[:, -1]"),
            "unrecognised",
        ),
        (
            forward(
                "Mended3",
                "output, _ = self.lstm(x)",
                "return self.readout(output.reshape(x.shape[1], x.shape[0], 8)[-1])",
            ),
            "view_scramble",
        ),
        (
            forward("Mended3", "output, _ = self.lstm(x)", "return self.readout(output[-1])"),
            "last_step_wrong_axis",
        ),
    ],
    "lengths": [
        (
            forward(
                "Mended4",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output[:, lengths - 1])",
                lengths=True,
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended4",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output)",
                lengths=True,
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended4",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output[torch.arange(len(x)), lengths - 2])",
                lengths=True,
            ),
            "unrecognised",
        ),
        (
            forward(
                "Mended4",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output[torch.arange(len(x)), lengths - 1]).unsqueeze(1)",
                lengths=True,
            ),
            "refused",
        ),
        (
            forward(
                "Mended4",
                "output, (h_n, c_n) = self.lstm(x)",
                "return self.readout(output[torch.arange(len(x)), lengths])",
                lengths=True,
            ),
            "raises",
        ),
        (
            forward(
                "Mended4",
                "output, _ = self.lstm(x)",
                "return self.readout(output[:, -1])",
                lengths=True,
            ),
            "padded_last_step",
        ),
        (
            forward(
                "Mended4",
                "packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)",
                "output = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]",
                "return self.readout(output[:, -1])",
                lengths=True,
            ),
            "padded_last_step",
        ),
        (
            forward(
                "Mended4",
                "packed = pack_padded_sequence(x, lengths, batch_first=True)",
                "_, (h_n, _) = self.lstm(packed)",
                "return self.readout(h_n[-1])",
                lengths=True,
            ),
            "raises",
        ),
        (
            forward(
                "Mended4",
                "packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)",
                "output, _ = self.lstm(packed)",
                "return self.readout(output[:, -1])",
                lengths=True,
            ),
            "raises",
        ),
    ],
}
