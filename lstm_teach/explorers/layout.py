"""Which words an index, a transpose or a view takes out of a batch of sentences."""

import html
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

import torch
from torch import Tensor

from ..figures.cards import Grid
from ..figures.drawing import Drawing, Point, Style
from ..figures.palette import axis_kind
from ..layouts import Words, word_grid
from .picture import PANEL, Explorer, Picture, choice, number, refusal

HEIGHT = 430
# What is taken, and the code that says so with `i` and the two sizes put in.
TAKES: dict[str, tuple[str, Callable[[Words, int], Words]]] = {
    "x[i]": ("x[{0}]", lambda x, i: x[i]),
    "x[:, i]": ("x[:, {0}]", lambda x, i: x[:, i]),
    "x.transpose(0, 1)": ("x.transpose(0, 1)", lambda x, i: x.transpose(0, 1)),
    "x.view(the other shape)": ("x.view({2}, {1})", lambda x, i: x.view(*x.shape[::-1])),
}
TAKE = tuple(TAKES)
SENTENCES = (Style("sentence 0", "edge 0"), Style("sentence 1", "muted"), Style("paper", "ink"))


class LayoutExplorer(Explorer):
    """The words of a batch in either layout, and which of them an expression takes.

    Args:
        batch_first: the layout of x to begin with.
        take: the expression to begin with, one of `TAKE`.
        i: the index to begin with; -1 is the last.
    """

    preview = ({"batch_first": True}, {"take": TAKE[3]})

    def __init__(self, batch_first: bool = False, take: str = TAKE[0], i: int = 0) -> None:
        """Start at the layout and the expression that are given."""
        layouts = [("[seq_len, batch]", False), ("[batch, seq_len]", True)]
        controls = {
            "batch_first": choice("x is", layouts, batch_first),
            "take": choice("take", TAKE, take),
            "i": number("i", i, -1, 9),
        }
        super().__init__(controls)

    def look(self, batch_first: bool, take: str, i: int) -> Picture:
        """Take the words and show where they stood."""
        x, (template, taking) = word_grid(batch_first=batch_first), TAKES[take]
        axes = ("batch", "seq_len") if batch_first else ("seq_len", "batch")
        code = template.format(i, *x.shape)
        places = Words(torch.arange(x.ids.numel()).reshape(x.shape), x.vocabulary)
        try:
            result, taken = taking(x, i), torch.isin(places.ids, taking(places, i).ids)
        except IndexError as error:
            why = f"`{code}` indexes an axis of x, {list(x.shape)}, that has fewer places: "
            why += "it is not the axis that you have in mind."
            return refusal(code, error, why, HEIGHT)
        left, said = _say(take, axes, result)
        drawing = Drawing(1100, HEIGHT)
        _draw_words(drawing, (40, 390), "x", x, axes, taken)
        corner = (304, 390) if x.shape[0] > x.shape[1] else (40, 240)
        every = torch.ones_like(torch.atleast_2d(result.ids))
        _draw_words(drawing, corner, code, result, left, every)
        drawing.legend(680, *((str(n), f"sentence {n}", look) for n, look in enumerate(SENTENCES)))
        blocks = "".join(
            f'<pre style="margin:0;font-size:12px"><b>{html.escape(name)}</b>\n'
            f"{html.escape(str(shown))}</pre>"
            for name, shown in (("x", x), (code, result))
        )
        details = f'<div style="{PANEL};display:flex;gap:48px;flex-wrap:wrap">{blocks}</div>'
        words = f"x is {list(x.shape)}, [{axes[0]}, {axes[1]}]. `{code}` {said}"
        return Picture(drawing, words, details)


@cache
def sentence_of(number: int) -> int:
    """The sentence that a word's number belongs to; -1 for the pad."""
    rows = word_grid(batch_first=True).ids
    return -1 if number == 0 else int((rows == number).any(1).nonzero())


def _say(take: str, axes: tuple[str, str], result: Words) -> tuple[Sequence[str], str]:
    """The axes of what came out, and what it is in words."""
    row = " ".join(result.tolist() if result.ids.dim() == 1 else result[0].tolist())
    if take == TAKE[2]:
        return axes[::-1], f"swaps the axes and every word keeps its sentence. Row 0 is now: {row}."
    if take == TAKE[3]:
        return ("mixed", "mixed"), (
            f"has the shape {list(result.shape)} that `transpose` gives, but it cuts the "
            f"same row of words anew, so sentences are mixed. Row 0 is now: {row}."
        )
    left = axes[1] if take == TAKE[0] else axes[0]
    kind = "one sentence, word by word" if left == "seq_len" else "one word of each sentence"
    return (left,), f"takes {kind}: {row}."


def _draw_words(
    drawing: Drawing, corner: Point, name: str, words: Words, axes: Sequence[str], taken: Tensor
) -> None:
    """A table of words under the name and shape of its tensor, those framed that are taken."""
    (left, top), rows = corner, torch.atleast_2d(words.ids).tolist()
    pitch = 27 if len(rows) <= 3 or top > 300 else 19
    grid = Grid(left + 38, top - 16.5 - pitch / 2, 79, -pitch, 76, pitch - 3)
    drawing.shape(left, top + 22, name, words.shape, axes)
    for column in range(len(rows[0])):
        x = grid.centre(0, column)[0]
        drawing.text(x, top - 7, str(column), axis_kind(axes[-1]), size=8, mono=True)
    if len(axes) == 2:
        numbers = "\n".join(map(str, range(len(rows))))
        drawing.text(left - 12, grid.y, numbers, axis_kind(axes[0]), pitch, size=8, mono=True)
    cells, written = {}, []
    for at in product(range(len(rows)), range(len(rows[0]))):
        number = rows[at[0]][at[1]]
        sentence, lit = sentence_of(number), bool(taken[at])
        look = Style("paper", "faint") if sentence < 0 else SENTENCES[sentence]
        look = look._replace(ink="ink" if lit else "muted", width=1, size=6.6, bold=lit)
        if lit and not taken.all():
            look = look._replace(edge="ink", width=3.3)
        cells[grid.box(*at)] = ("", look)
        mark = str(sentence) * (sentence >= 0)
        written.append((grid.centre(*at), mark, words.vocabulary[number], look))
    drawing.cells(cells)
    for (x, y), mark, word, look in written:
        drawing.text(x - 32, y, mark, "muted", size=6.5, mono=True)
        drawing.text(x + 4, y, word, look.ink, size=look.size, bold=look.bold)
