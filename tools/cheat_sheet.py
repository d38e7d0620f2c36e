"""Write notebooks/cheat_sheet.md, the recaps on one page: python -m tools.cheat_sheet."""

from __future__ import annotations

import torch
from torch import nn

from lstm_teach.figures.canvas import png
from lstm_teach.figures.unrolled import draw_unrolled
from tests.notebook import NOTEBOOKS, ROOT, Notebook

PAGE = ROOT / "notebooks" / "cheat_sheet.md"
DRAWING = PAGE.with_suffix(".png")
HEAD = """# Cheat sheet

The recaps of the five notebooks on one page. Time runs to the right, layers go up, the batch
lies in depth: `output` is the top edge, `h_n` and `c_n` are the right edge.

![Ten steps of four layers; output leaves at the top, h_n and c_n at the right][the drawing]

[the drawing]: cheat_sheet.png
"""
FOOT = """PyTorch's own pages have the last word: [nn.LSTM][lstm], [nn.LSTMCell][cell].

[lstm]: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
[cell]: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
"""


def page() -> str:
    """The page as it follows from the notebooks: each recap without its way on."""
    parts = [HEAD]
    for path in NOTEBOOKS:
        notebook = Notebook(path)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        recap = notebook.cells[-1].source.split("\n\n")[1:]
        kept = [block for block in recap if ".ipynb)" not in block]
        parts.append("\n\n".join([f"## [{title}]({path.name})", *kept]) + "\n")
    return "\n".join([*parts, FOOT])


if __name__ == "__main__":
    figure = draw_unrolled(nn.LSTM(100, 20, num_layers=4), torch.zeros(10, 3, 100))
    DRAWING.write_bytes(png(figure))
    PAGE.write_text(page(), encoding="utf-8")
