"""Write the cheat sheet: python -m tools.cheat_sheet.

notebooks/cheat_sheet.md is made of tables that stand in the notebooks. notebooks/cheat_sheet.pdf is
the same on one sheet, for A4 and Letter alike; it needs a Chromium, as the browser tests do.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import sys

import torch
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from torch import nn

from lstm_teach.figures.raster import png
from lstm_teach.figures.unrolled import draw_unrolled
from tests.browser.lab import CHROMIUM, chromium
from tests.notebook import NOTEBOOKS, ROOT, Notebook

PAGE = ROOT / "notebooks" / "cheat_sheet.md"
PRINTED = PAGE.with_suffix(".pdf")
DRAWINGS = {
    "cheat_sheet.png": nn.LSTM(100, 20, num_layers=4),
    "cheat_sheet_two_directions.png": nn.LSTM(100, 20, num_layers=2, bidirectional=True),
}
ERRORS = 12  # the first ones of the table: there is room for so many on one sheet
SHEET = """# nn.LSTM on one page

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


def table(number: str, heading: str) -> str:
    """The first table of a notebook's section.

    Raises:
        LookupError: if there is no such section, or no table in it.
    """
    (path,) = (path for path in NOTEBOOKS if path.name.startswith(number))
    inside = False
    for cell in Notebook(path).cells:
        if cell.cell_type != "markdown":
            continue
        if found := re.search(r"^## (.+)", cell.source, re.MULTILINE):
            inside = heading in found[1]
        lines = [line for line in cell.source.splitlines() if line.startswith("|")]
        if inside and lines:
            return "\n".join(lines)
    raise LookupError(f"{path.name} has no table under a heading with {heading!r}")


def page() -> str:
    """The page as it follows from the notebooks."""
    return SHEET.format(
        shapes=table("01", "Recap"),
        equations=table("02", "Inside one step"),
        layouts=table("04", "Recap"),
        errors="\n".join(table("01", "Every loud error").splitlines()[: 2 + ERRORS]),
    )


def digest(text: str) -> str:
    """What the printed sheet's title has of the page that it was made of."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write_pdf(text: str) -> None:
    """Print the page on one sheet."""
    body = markdown2html_mistune(text)
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
    if CHROMIUM:
        write_pdf(text)
    else:
        print("No Chromium here: cheat_sheet.pdf stays as it was.", file=sys.stderr)


if __name__ == "__main__":
    main()
