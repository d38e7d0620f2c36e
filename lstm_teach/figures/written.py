"""A written text with one number for each character, as bars below the letters."""

from __future__ import annotations

from collections.abc import Sequence

from .drawing import Drawing

PER_ROW = 80
ADVANCE = 12  # pixels from one letter to the next
SIZE = 14.35  # points, at which a letter of DejaVu Sans Mono is so wide
LEFT, ROW, BAR = 40, 92, 24
ABOVE, BELOW = "features", "layers"


def draw_written(text: str, values: Sequence[float], title: str) -> Drawing:
    """Draw the text in rows, below each character a bar, up from 0 or down from it.

    Args:
        text: what was written; line ends are drawn as arrows.
        values: one number for each character.
        title: what the numbers are.
    """
    rows = max(1, -(-len(text) // PER_ROW))
    drawing = Drawing(1100, 44 + rows * ROW)
    scale, head = max([1.0, *map(abs, values)]), drawing.height - 18
    drawing.text(LEFT, head, title, size=11, align="left", bold=True)
    drawing.text(570, head, "bar up: above 0", color=ABOVE, align="left", bold=True)
    if min(values, default=0) < 0:
        drawing.text(705, head, "bar down: below 0", color=BELOW, align="left", bold=True)
    shaded = "shaded: over half of a full bar"
    drawing.text(1080, head, shaded, color="muted", align="right", bold=True)
    for row in range(rows):
        part = slice(row * PER_ROW, (row + 1) * PER_ROW)
        letters = "".join(
            each if each.isprintable() else "□" for each in text[part].replace("\n", "↵")
        )
        zero = drawing.height - 98 - row * ROW
        bars = [(LEFT + k * ADVANCE, value / scale) for k, value in enumerate(values[part])]
        for side, sign in ((ABOVE, 1), (BELOW, -1)):
            mine = [(x, height) for x, height in bars if height * sign > 0]
            far = [(x, zero + 30, ADVANCE, 24) for x, height in mine if abs(height) > 0.5]
            drawing.boxes(far, f"pale {side}", "none")
            boxes = [(x + 1, zero + min(0, h * BAR), ADVANCE - 2, abs(h) * BAR) for x, h in mine]
            drawing.boxes(boxes, side, "none")
        drawing.lines([[(LEFT, zero), (LEFT + PER_ROW * ADVANCE, zero)]])
        drawing.text(LEFT - 8, zero, "0", size=8, color="muted", align="right")
        drawing.text(LEFT, zero + 42, letters, size=SIZE, align="left", mono=True, advance=ADVANCE)
    return drawing
