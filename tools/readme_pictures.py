"""Take the pictures of the README in a real JupyterLab: python -m tools.readme_pictures.

docs/shape_explorer.gif is an explorer whose controls are moved; docs/which_axis.png is an explorer
and a report. It needs a Chromium, as the browser tests do.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from playwright.sync_api import Locator

from tests.browser.controls import controls
from tests.browser.lab import chromium, open_notebook, serve
from tests.notebook import ROOT
from tools.normalise import METADATA

DOCS = ROOT / "docs"
MOVES = (
    ("seq_len", "ArrowRight", 2),
    ("num_layers", "ArrowLeft", 2),
    ("bidirectional", "Space", 1),
    ("batch_first", "Space", 1),
)
FRAME, LAST = 1300, 3000  # milliseconds
COLORS = 128
CELLS = (
    "from lstm_teach import ShapeExplorer\n\nShapeExplorer()",
    "from lstm_teach import InfluenceExplorer\n\n"
    "InfluenceExplorer(batch_first=False, sentence=2, step=3)",
    """import torch
from torch import nn

from lstm_teach import check_layout


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(16, 8)

    def forward(self, x):
        output, _ = self.lstm(x)
        return output


check_layout(Tagger(), torch.randn(3, 10, 16), ("batch", "time"), ("batch", "time"))""",
)


def shot(place: Locator) -> Image.Image:
    """The part of the page."""
    return Image.open(io.BytesIO(place.screenshot())).convert("RGB")


def moving(explorer: Locator) -> list[Image.Image]:
    """A picture of the explorer before and after each press of a key."""
    frames = [shot(explorer)]
    by_name = {control.name: control for n, control in controls(explorer.page) if n == 1}
    for name, key, presses in MOVES:
        place, _, _ = by_name[name].handle()
        for _ in range(presses):
            before = by_name[name].shown()
            place.focus()
            explorer.page.keyboard.press(key)
            end = time.monotonic() + 10
            while before == by_name[name].shown() and time.monotonic() < end:
                explorer.page.wait_for_timeout(50)
            frames.append(shot(explorer))
    return frames


def save(frames: list[Image.Image], path: Path) -> None:
    """Write the frames as one GIF that begins again and again."""
    size = max(frame.width for frame in frames), max(frame.height for frame in frames)
    sheets = []
    for frame in frames:
        sheet = Image.new("RGB", size, "white")
        sheet.paste(frame)
        sheets.append(sheet.quantize(COLORS))
    durations = [FRAME] * (len(sheets) - 1) + [LAST]
    sheets[0].save(
        path, save_all=True, append_images=sheets[1:], duration=durations, loop=0, optimize=True
    )


def joined(parts: list[Image.Image]) -> Image.Image:
    """Pictures below one another."""
    whole = Image.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts)), "white")
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def main() -> None:
    """Write both pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "notebooks"
        folder.mkdir()
        notebook = new_notebook(metadata=METADATA, cells=list(map(new_code_cell, CELLS)))
        nbformat.write(notebook, folder / "pictures.ipynb")
        with serve(folder, Path(scratch)) as lab, chromium() as browser:
            opened = open_notebook(browser, lab, "pictures.ipynb", width=1260)
            opened.run_all()
            first, second = opened.page.locator(".lstm-explorer").all()
            save(moving(first), DOCS / "shape_explorer.gif")
            code = opened.cell(2).locator(".jp-InputArea-editor")
            report = opened.cell(2).locator(".jp-RenderedHTMLCommon")
            whole = joined([shot(second), shot(code), shot(report)])
            whole.quantize(COLORS).save(DOCS / "which_axis.png", optimize=True)


if __name__ == "__main__":
    main()
