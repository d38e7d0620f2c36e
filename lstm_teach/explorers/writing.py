"""What a trained model writes, and what one of its units does meanwhile."""

import html
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from ..cells import Trace, trace
from ..figures.drawing import Drawing
from ..writing import Writer, encode, to_torch, write
from .picture import PANEL, Explorer, Picture, choice, number

LENGTH = 239  # with the symbol to start from, three full rows
SHOWN = {
    "c": "c, the memory",
    "h": "h, what it shows",
    "i": "i, the input gate",
    "f": "f, the forget gate",
    "g": "g, the candidate",
    "o": "o, the output gate",
}
PER_ROW = 80
ADVANCE = 12  # pixels from one letter to the next
SIZE = 14.35  # points, at which a letter of DejaVu Sans Mono is so wide
LEFT, ROW, BAR = 40, 92, 24
ABOVE, BELOW = "features", "layers"


class WritingExplorer(Explorer):
    """Set a temperature, read what the model writes, and watch one unit of its top layer.

    Args:
        model: a trained Writer around an OwnLSTM, or an nn.LSTM with batch_first=True.
        symbols: what its scores stand for.
        start: what it goes on from, one symbol or more.
        unit: the unit to begin with.
        show: which of its values to begin with: i, f, g, o, c or h.
    """

    preview = ({"temperature": 0.7}, {"show": "c"})

    def __init__(
        self, model: Writer, symbols: Sequence[str], start: str, unit: int = 0, show: str = "c"
    ) -> None:
        """Start greedy."""
        self._model, self._symbols, self._start = model, symbols, start
        self._written = cache(self._write)
        controls = {
            "temperature": number("temperature", 0.0, 0.0, 2.0, 0.1),
            "seed": number("seed", 0, 0, 99),
            "unit": number("unit", unit, 0, model.lstm.hidden_size - 1),
            "show": choice("show", [(words, name) for name, words in SHOWN.items()], show),
        }
        super().__init__(controls)

    def look(self, temperature: float, seed: int, unit: int, show: str) -> Picture:
        """Let the model write, and read the unit's values off a trace over what it wrote."""
        text, steps = self._written(round(temperature, 1), seed)
        numbers = getattr(steps, show)[-1, :, 0, unit].tolist()
        drawn = f"temperature {temperature:.1f}, seed {seed}"
        title = f"{SHOWN[show]}, of unit {unit}   ({drawn})"
        first, at = " ".join(text[:70].split()), max(range(len(text)), key=numbers.__getitem__)
        name = {"\n": "a line end", " ": "a space"}.get(text[at], f"the symbol {text[at]!r}")
        said = (
            f"the model writes {len(text)} symbols, beginning with: {first}. Below each symbol "
            f"stands {SHOWN[show]}, of unit {unit}, as it reads that symbol; the highest, "
            f"{numbers[at]:.1f}, at {name}."
        )
        details = f'<pre style="{PANEL};white-space:pre-wrap">{html.escape(text)}</pre>'
        return Picture(draw_written(text, numbers, title), f"With {drawn}: {said}", details)

    @torch.no_grad()
    def _write(self, temperature: float, seed: int) -> tuple[str, Trace]:
        text = write(self._model, self._symbols, self._start, LENGTH, temperature, seed)
        x: Tensor = self._model.embedding(encode(text, self._symbols).unsqueeze(0))
        lstm = self._model.lstm
        return text, trace(lstm if isinstance(lstm, nn.LSTM) else to_torch(lstm), x)


def draw_written(text: str, values: Sequence[float], title: str) -> Drawing:
    """Draw the text in rows, below each character a bar for its number, up from 0 or down."""
    rows = max(1, -(-len(text) // PER_ROW))
    drawing = Drawing(1100, 44 + rows * ROW)
    scale, head = max([1.0, *map(abs, values)]), drawing.height - 18
    drawing.label(LEFT, head, title, size=11, bold=True)
    legend = {570: ("bar up: above 0", ABOVE), 705: ("bar down: below 0", BELOW)}
    legend[858] = ("shaded: over half of a full bar", "muted")
    for x, (words, color) in legend.items():
        drawing.label(x, head, words, color=color, bold=True)
    for row in range(rows):
        part, zero = slice(row * PER_ROW, (row + 1) * PER_ROW), drawing.height - 98 - row * ROW
        shown = (c if c.isprintable() else "□" for c in text[part].replace("\n", "↵"))
        bars = [(LEFT + k * ADVANCE, value / scale) for k, value in enumerate(values[part])]
        for side, sign in ((ABOVE, 1), (BELOW, -1)):
            mine = [(x, height) for x, height in bars if height * sign > 0]
            far = [(x, zero + 30, ADVANCE, 24) for x, height in mine if abs(height) > 0.5]
            drawing.boxes(far, f"pale {side}", "none")
            boxes = [(x + 1, zero + min(0, h * BAR), ADVANCE - 2, abs(h) * BAR) for x, h in mine]
            drawing.boxes(boxes, side, "none")
        drawing.lines([[(LEFT, zero), (LEFT + PER_ROW * ADVANCE, zero)]])
        ends = f"{scale:.3g}\n0"  # a full bar and none
        drawing.text(LEFT - 8, zero + BAR, ends, "muted", BAR, size=8, align="right")
        drawing.label(LEFT, zero + 42, "".join(shown), size=SIZE, mono=True, advance=ADVANCE)
    return drawing
