"""Write the cheat sheet: python -m tools.cheat_sheet.

notebooks/cheat_sheet.md is made of tables that stand in the notebooks, notebooks/zh/cheat_sheet.md
of those of the Chinese ones. notebooks/cheat_sheet.pdf is the English one on one sheet, for A4 and
Letter alike; it needs a Chromium, as the browser tests do.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import sys
from pathlib import Path

import torch
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from torch import nn

from lstm_teach.figures.raster import png
from lstm_teach.figures.unrolled import draw_unrolled
from tests.notebook import ROOT, Notebook
from tools.translate import CHINESE, ENGLISH

PAGE = ROOT / "notebooks" / "cheat_sheet.md"
CHINESE_PAGE = CHINESE / PAGE.name
PRINTED = PAGE.with_suffix(".pdf")
DRAWINGS = {
    "cheat_sheet.png": nn.LSTM(100, 20, num_layers=4),
    "cheat_sheet_two_directions.png": nn.LSTM(100, 20, num_layers=2, bidirectional=True),
}
ERRORS = 12  # the first ones of the table: there is room for so many on one sheet
TO_CHINESE = "[中文](zh/cheat_sheet.md)\n\n"  # not for print: its font may lack the characters
SHEET = """# nn.LSTM on one page

[中文](zh/cheat_sheet.md)

Time runs to the right, layers go up, the batch lies in depth. `output` is the top edge; `h_n` and
`c_n` are the edge where each layer and direction ends.

![One direction: output leaves at the top; h_n and c_n are at the right][one]
![Two directions: the forward lanes end at the right, the backward lanes at the left][two]

[one]: cheat_sheet.png
[two]: cheat_sheet_two_directions.png

## Shapes ([01](01_lstm_shapes.ipynb))

{shapes}

- One direction: `output[-1]` equals `h_n[-1]`. Two: `output[-1, :, :H]` equals `h_n[-2]`, and
  `output[0, :, H:]` equals `h_n[-1]`. H is `hidden_size`.
- `h_n` is layer first: `h_n.view(num_layers, num_directions, batch, H)`. `proj_size` makes h
  narrower, and not c.

## One step ([02](02_lstm_cell_loop.ipynb))

{equations}

c = f * c + i * g, then h = o * tanh(c). The rows of the weights are four blocks, in the order
i, f, g, o.

## Which axis is time? ([04](04_seq_batch_layout.ipynb))

{layouts}

## Errors ([01](01_lstm_shapes.ipynb) has more)

{errors}

PyTorch's own pages have the last word: [nn.LSTM][lstm], [nn.LSTMCell][cell].

[lstm]: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
[cell]: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
"""
CHINESE_SHEET = """# 一页纸讲完 nn.LSTM

[English](../cheat_sheet.md)

时间往右走，层往上走，批量一前一后排着。`output` 是上边；`h_n` 和 `c_n` 是每一层、每个方向结束的那条边。

![单向：output 从上边出来，h_n 和 c_n 在右边][one]
![双向：前向道在右边结束，后向道在左边结束][two]

[one]: ../cheat_sheet.png
[two]: ../cheat_sheet_two_directions.png

## 形状（[01](01_lstm_shapes.ipynb)）

{shapes}

- 单向：`output[-1]` 等于 `h_n[-1]`。双向：`output[-1, :, :H]` 等于 `h_n[-2]`，`output[0, :, H:]` 等于 `h_n[-1]`。H 就是 `hidden_size`。
- `h_n` 先排层：`h_n.view(num_layers, num_directions, batch, H)`。`proj_size` 只让 h 变窄，c 不变。

## 一步（[02](02_lstm_cell_loop.ipynb)）

{equations}

c = f * c + i * g，然后 h = o * tanh(c)。权重的行分成四块，顺序是 i、f、g、o。

## 哪个轴是时间？（[04](04_seq_batch_layout.ipynb)）

{layouts}

## 报错（[01](01_lstm_shapes.ipynb) 里还有更多）

{errors}

以 PyTorch 自己的文档为准：[nn.LSTM][lstm]、[nn.LSTMCell][cell]。

[lstm]: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
[cell]: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
"""  # noqa: E501
# 210 x 279 mm lies on A4 and on Letter without being scaled.
STYLE = """
@page { size: 210mm 279mm; margin: 8mm 9mm }
body { font: 6.5pt/1.2 "DejaVu Sans", Arial, sans-serif; margin: 0; color: #1b1b1b }
h1 { font-size: 13pt; margin: 0 }
h2 { font-size: 8.5pt; margin: 4pt 0 1pt }
p, ul { margin: 1.5pt 0 } ul { padding-left: 10pt }
p:has(img) { display: flex; gap: 5mm } img { width: 44%; min-width: 0 }
code { font: 6.3pt "DejaVu Sans Mono", monospace }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: .4pt solid #aaa; padding: .8pt 5pt .8pt 0; text-align: left }
a { color: inherit; text-decoration: none } .anchor-link { display: none }
"""


def table(folder: Path, number: str, heading: str) -> str:
    """The first table of a notebook's section, whose heading in English has these words.

    Raises:
        LookupError: if there is no such section, or no table in it.
    """
    (path,) = (path for path in ENGLISH if path.name.startswith(number))
    inside = False
    pairs = (Notebook(path).cells, Notebook(folder / path.name).cells)
    for english, cell in zip(*pairs, strict=True):
        if cell.cell_type != "markdown":
            continue
        if found := re.search(r"^## (.+)", english.source, re.MULTILINE):
            inside = heading in found[1]
        lines = [line for line in cell.source.splitlines() if line.startswith("|")]
        if inside and lines:
            return "\n".join(lines)
    raise LookupError(f"{path.name} has no table under a heading with {heading!r}")


def page(sheet: str = SHEET, folder: Path = PAGE.parent) -> str:
    """The page as it follows from the notebooks in a folder."""
    return sheet.format(
        shapes=table(folder, "01", "Recap"),
        equations=table(folder, "02", "Inside one step"),
        layouts=table(folder, "04", "Recap"),
        errors="\n".join(table(folder, "01", "Every loud error").splitlines()[: 2 + ERRORS]),
    )


def digest(text: str) -> str:
    """What the printed sheet's title has of the page that it was made of."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write_pdf(text: str) -> None:
    """Print the page on one sheet."""
    from tests.browser.lab import chromium  # the page is tested without a browser too

    body = markdown2html_mistune(text.replace(TO_CHINESE, ""))
    for name in DRAWINGS:
        data = base64.b64encode(PAGE.with_name(name).read_bytes()).decode()
        body = body.replace(f'src="{name}"', f'src="data:image/png;base64,{data}"')
    title = html.escape(f"nn.LSTM on one page {digest(text)}")
    with chromium() as browser:
        sheet = browser.new_page()
        sheet.set_content(f"<!doctype html><title>{title}</title><style>{STYLE}</style>{body}")
        sheet.pdf(path=PRINTED, prefer_css_page_size=True, print_background=True)


def main() -> None:
    """Write the page, its drawings and, where there is a Chromium, the printed sheet."""
    for name, lstm in DRAWINGS.items():
        PAGE.with_name(name).write_bytes(png(draw_unrolled(lstm, torch.zeros(10, 3, 100))))
    text = page()
    PAGE.write_text(text, encoding="utf-8")
    CHINESE_PAGE.write_text(page(CHINESE_SHEET, CHINESE), encoding="utf-8")
    from tests.browser.lab import CHROMIUM

    if CHROMIUM:
        write_pdf(text)
    else:
        print("No Chromium here: cheat_sheet.pdf stays as it was.", file=sys.stderr)


if __name__ == "__main__":
    main()
