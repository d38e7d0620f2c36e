"""Each fix that the layout check names mends its example when it is applied to the letter."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_teach import check_layout

X, SERIES, TOKENS = torch.randn(4, 7, 6), torch.randn(4, 7), torch.randint(1, 20, (4, 7))
LENGTHS = torch.tensor([7, 5, 3, 2])
TIME_FIRST, TAGS = {"input_axes": ("time", "batch")}, {"output_axes": ("batch", "time")}


def padded(left=False):
    x = X.clone()
    for row, length in enumerate(LENGTHS.tolist()):
        x[row, : 7 - length if left else 0] = 0
        x[row, 7 if left else length :] = 0
    return x


@dataclass
class Mend:
    """A wrong model, its wrong pieces between « and », and the pieces of the fix to put there.

    Attributes:
        verdict: what it deserves.
        made: what stands in `__init__`.
        run: what stands in `forward(self, x, lengths)`.
        takes: for each wrong piece, which of the pieces of code in the fix goes there.
        given: what else `check_layout` is given.
        x: the input.
        headline: a word of the headline, where a verdict has several fixes.
    """

    verdict: str
    made: str
    run: str
    takes: tuple[int, ...]
    given: dict[str, Any] = field(default_factory=dict)
    x: torch.Tensor = field(default_factory=lambda: X)

    @property
    def marked(self) -> str:
        return self.made + "\n---\n" + self.run

    def source(self, *pieces: str) -> str:
        text = self.marked
        for old in re.findall("«.*?»", text):
            text = text.replace(old, pieces[0] if pieces else old[1:-1], 1)
            pieces = pieces[1:]
        return text

    def model(self, *pieces: str) -> nn.Module:
        made, run = self.source(*pieces).split("\n---\n")
        indented = [line.replace("\n", "\n        ") for line in (made, run)]
        code = (
            "class Model(nn.Module):\n"
            f"    def __init__(self):\n        super().__init__()\n        {indented[0]}\n"
            "    def forward(self, x, lengths=None):\n        batch = len(x)\n        "
        ) + indented[1]
        names = {
            "nn": nn,
            "torch": torch,
            "pack_padded_sequence": pack_padded_sequence,
            "pad_packed_sequence": pad_packed_sequence,
        }
        exec(code, names)
        torch.manual_seed(0)
        return names["Model"]()


def in_place_of(old: str, code: str) -> str:
    """A piece of a fix, its `...` filled with the arguments that stand in the old piece."""
    arguments = re.search(r"\((.*?)(, batch_first=True)?\)", old)
    if "..." not in code or arguments is None:
        return code
    kept = arguments[1].split(", ")
    return code.replace("...", ", ".join(kept[1:] if re.search(r"\(\d+, \.\.\.", code) else kept))


FC = "self.fc = nn.Linear(8, 3)"
BOTH = "self.fc = nn.Linear(16, 3)"
MENDS = {
    "the flag": Mend(
        "time_batch_swapped",
        f"«self.lstm = nn.LSTM(6, 8)»; {FC}",
        "out, _ = self.lstm(x)\nreturn self.fc(«out[:, -1]»)",
        (0, 1),
    ),
    "a flag too many": Mend(
        "time_batch_swapped",
        f"«self.lstm = nn.LSTM(6, 8, batch_first=True)»; {FC}",
        "out, _ = self.lstm(x)\nreturn self.fc(«out[:, -1]»)",
        (0, 2),
        TIME_FIRST,
    ),
    "a transpose too many": Mend(
        "time_batch_swapped",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, _ = self.lstm(«x.transpose(0, 1)»)\nreturn self.fc(«out[:, -1]»)",
        (0, -1),
    ),
    "a transpose too many, time first": Mend(
        "time_batch_swapped",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "out, _ = self.lstm(«x.transpose(0, 1)»)\nreturn self.fc(«out[:, -1]»)",
        (0, -1),
        TIME_FIRST,
    ),
    "a loop over the batch": Mend(
        "time_batch_swapped",
        f"self.cell = nn.LSTMCell(6, 8); {FC}",
        "h = c = None\n«for xt in x:»\n    h, c = self.cell(xt, None if h is None else (h, c))\n"
        "return self.fc(h)",
        (0,),
    ),
    "a loop over the second axis": Mend(
        "time_batch_swapped",
        f"self.cell = nn.LSTMCell(6, 8); {FC}",
        "h = c = None\n«for xt in x.unbind(1):»\n"
        "    h, c = self.cell(xt, None if h is None else (h, c))\nreturn self.fc(h)",
        (0,),
        TIME_FIRST,
    ),
    "a loop of one's own": Mend(
        "time_batch_swapped",
        f"self.i, self.h = nn.Linear(6, 8), nn.Linear(8, 8); {FC}",
        "h = torch.zeros(1, 8)\n«for xt in x:»\n    h = torch.tanh(self.i(xt) + self.h(h))\n"
        "return self.fc(h)",
        (0,),
    ),
    "packed over the wrong axis": Mend(
        "time_batch_swapped",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "lengths = torch.full((4,), 7)\n"
        "packed = «pack_padded_sequence(x, torch.full((7,), 4))»\n"
        "return self.fc(self.lstm(packed)[1][0][-1])",
        (0,),
    ),
    "the output laid out time first": Mend(
        "time_batch_swapped",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "out, _ = self.lstm(x.transpose(0, 1))\nreturn self.fc(«out»)",
        (0,),
        TAGS,
    ),
    "a table as one sentence": Mend(
        "batch_as_time",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, _ = self.lstm(«x»)\nreturn self.fc(out)",
        (0,),
        {"input_axes": ("batch",)},
        X[:, 0],
    ),
    "a view to one sentence": Mend(
        "batch_as_time",
        f"«self.lstm = nn.LSTM(42, 8)»; {FC}",
        "out, _ = self.lstm(«x.view(len(x), 1, -1)»)\nreturn self.fc(out[:, -1])",
        (1, 0),
    ),
    "a cell that gets one sample at a time": Mend(
        "batch_as_time",
        f"self.cell = nn.LSTMCell(6, 8); {FC}",
        "cell, one = self.cell, torch.zeros(2, 1, 8)\nh, c = torch.zeros(2, len(x), 8)\n"
        "«for xt in x: h, c = one = cell(xt[None], tuple(one))»\nreturn self.fc(h).expand(4, -1)",
        (0,),
        {"input_axes": ("batch",)},
        X[:, 0],
    ),
    "a view to time first": Mend(
        "view_scramble",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "return self.fc(self.lstm(«x.view(x.size(1), x.size(0), -1)»)[1][0][-1])",
        (0,),
    ),
    "a view of the output": Mend(
        "view_scramble",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "out, (h_n, _) = self.lstm(x.transpose(0, 1))\n"
        "return self.fc(«out.reshape(x.size(0), x.size(1), -1)[:, -1]»)",
        (0,),
    ),
    "a view of all steps": Mend(
        "view_scramble",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "out, _ = self.lstm(x.transpose(0, 1))\n"
        "return self.fc(«out.reshape(x.size(0), x.size(1), -1)»)",
        (-2,),
        TAGS,
    ),
    "a view for pooling": Mend(
        "view_scramble",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "out, _ = self.lstm(x.transpose(0, 1))\n"
        "return self.fc(«out.view(out.size(1), out.size(2), -1)».amax(2))",
        (-1,),
    ),
    "a view of time steps": Mend(
        "view_scramble",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "return self.fc(self.lstm(«x.reshape(len(x), -1, 6)»)[1][0][-1])",
        (0,),
        {"input_axes": ("batch", None, "time")},
        X.transpose(1, 2).contiguous(),
    ),
    "a view of h_n": Mend(
        "hidden_view_scramble",
        f"self.lstm = nn.LSTM(6, 8, 2, batch_first=True); {BOTH}",
        "_, (h_n, _) = self.lstm(x)\nreturn self.fc(«h_n.view(batch, -1)»)",
        (0,),
    ),
    "a view of h_n on its way": Mend(
        "hidden_view_scramble",
        "self.enc = nn.GRU(6, 8, 2, batch_first=True); self.dec = nn.GRU(16, 8, batch_first=True)",
        "_, h_n = self.enc(x)\ncode = «h_n.view(batch, -1)»\n"
        "return self.dec(code[:, None].expand(-1, 7, -1))[0]",
        (0,),
        TAGS,
    ),
    "layers as samples": Mend(
        "hidden_view_scramble",
        f"self.lstm = nn.LSTM(6, 8, 3, batch_first=True); {FC}",
        "_, (h_n, _) = self.lstm(x)\nreturn self.fc(«h_n.view(-1, 8)»)",
        (0,),
    ),
    "the last sample": Mend(
        "last_step_wrong_axis",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, (h_n, _) = self.lstm(x)\nreturn self.fc(«out[-1]»)",
        (0,),
    ),
    "the last sample, by its index": Mend(
        "last_step_wrong_axis",
        f"self.lstm = nn.LSTM(6, 8); {FC}",
        "out, (h_n, _) = self.lstm(x.transpose(0, 1))\nreturn self.fc(«out[:, -1]»)",
        (0,),
    ),
    "the last feature": Mend(
        "last_step_wrong_axis",
        "self.lstm = nn.LSTM(6, 8, batch_first=True)",
        "out, (h_n, _) = self.lstm(x)\nreturn «out[:, :, -1]»",
        (0,),
    ),
    "both directions at the last step": Mend(
        "bidir_last_step",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional=True); {BOTH}",
        "out, (h_n, _) = self.lstm(x)\nreturn self.fc(«out[:, -1]»)",
        (0,),
    ),
    "the first layer": Mend(
        "wrong_layer_state",
        f"self.lstm = nn.LSTM(6, 8, 2, batch_first=True); {FC}",
        "out, (h_n, _) = self.lstm(x)\nreturn self.fc(«h_n[0]»)",
        (0,),
    ),
    "a window as features": Mend(
        "seq_len_1",
        f"«self.lstm = nn.LSTM(42, 8, batch_first=True)»; {FC}",
        "return self.fc(self.lstm(«x.view(len(x), 1, -1)»)[1][0][-1])",
        (1, 0),
    ),
    "a series as features": Mend(
        "seq_len_1",
        f"«self.lstm = nn.LSTM(7, 8, batch_first=True)»; {FC}",
        "return self.fc(self.lstm(«x.unsqueeze(1)»)[1][0][-1])",
        (1, 0),
        x=SERIES,
    ),
    "all rows as one step": Mend(
        "seq_len_1",
        f"«self.lstm = nn.LSTM(6, 8)»; {FC}",
        "return self.fc(self.lstm(«x.flatten(0, 1)[None]»)[0].reshape(28, 8))",
        (1, 0),
        {**TIME_FIRST, "output_axes": ("time", "batch")},
        X.transpose(0, 1).contiguous(),
    ),
    "a state that is not handed on": Mend(
        "seq_len_1",
        f"self.cell = nn.LSTMCell(6, 8); {FC}",
        "cell, h, c = self.cell, *torch.zeros(2, len(x), 8)\n"
        "for xt in x.unbind(1):\n    «h, c = cell(xt)»\nreturn self.fc(h)",
        (0,),
    ),
    "pads read": Mend(
        "padded_last_step",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, (h_n, _) = self.lstm(«x»)\nreturn self.fc(«out[:, -1]»)",
        (0, 1),
        {"lengths": LENGTHS},
        padded(),
    ),
    "pads read, and packed": Mend(
        "padded_last_step",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional=True); {BOTH}",
        "out, (h_n, _) = self.lstm(«x»)\nreturn self.fc(«torch.cat((h_n[-2], h_n[-1]), 1)»)",
        (0, 1),
        {"lengths": LENGTHS},
        padded(),
    ),
    "pads on the left": Mend(
        "padded_last_step",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, _ = self.lstm(x)\nreturn self.fc(«out[torch.arange(batch), lengths - 1]»)",
        (0,),
        {"lengths": LENGTHS},
        padded(left=True),
    ),
    "pads in every step": Mend(
        "unrecognised",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional=True); {BOTH}",
        "out, _ = self.lstm(«x»)\nreturn self.fc(«out»)",
        (0, 1),
        {**TAGS, "lengths": LENGTHS},
        padded(),
    ),
    "sorted rows": Mend(
        "samples_mixed",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "ordered, order = lengths.sort(descending=True)\n"
        "out = self.lstm(pack_padded_sequence(x[order], ordered, batch_first=True))[1][0][-1]\n"
        "return self.fc(«out»)",
        (0,),
        {"lengths": LENGTHS.flip(0)},
    ),
    "the batch turned round": Mend(
        "samples_mixed",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "return self.fc(self.lstm(«x.flip(0)»)[1][0][-1])",
        (-1,),
    ),
    "attention over the batch": Mend(
        "samples_mixed",
        f"self.a = «nn.MultiheadAttention(8, 2)»; {FC}\n"
        "self.lstm = nn.LSTM(6, 8, batch_first=True)",
        "out, _ = self.lstm(x)\nreturn self.fc(self.a(out, out, out)[0][:, -1])",
        (-1,),
    ),
    "the first step": Mend(
        "unrecognised",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, (h_n, _) = self.lstm(x)\nreturn self.fc(«out[:, 0]»)",
        (0,),
    ),
    "turned round and not back": Mend(
        "unrecognised",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, _ = self.lstm(x.flip(1))\nreturn self.fc(«out»)",
        (0,),
        TAGS,
    ),
    "time as features": Mend(
        "view_scramble",
        f"self.lstm = nn.LSTM(«7», 8, batch_first=True); {FC}",
        "return self.fc(self.lstm(«x.transpose(1, 2)»)[1][0][-1])",
        (None, 0),
    ),
    "a batch on another axis": Mend(
        "time_batch_swapped",
        f"self.lstm = nn.LSTM(6, 8, batch_first=True); {FC}",
        "out, _ = self.lstm(x)\nreturn «out»",
        (0,),
        {"output_axes": (None, "batch")},
    ),
}


@pytest.mark.parametrize("name", MENDS)
def test_the_fix_mends_its_example_to_the_letter(name):
    mend = MENDS[name]
    report = check_layout(mend.model(), mend.x, **mend.given)
    assert report.verdict == mend.verdict, report
    fix = report.message.split("\nFix: ")[1]
    codes = re.findall("`(.*?)`", fix)
    old = re.findall("«(.*?)»", mend.marked)
    pieces = [
        "6" if take is None else in_place_of(one, codes[take])
        for one, take in zip(old, mend.takes, strict=True)
    ]
    mended = check_layout(mend.model(*pieces), mend.x, **mend.given)
    assert mended.ok, (fix, mend.source(*pieces), mended)
