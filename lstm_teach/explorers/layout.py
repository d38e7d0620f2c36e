"""Which words an index, a transpose or a view takes out of a batch of sentences."""

from __future__ import annotations

import html
from functools import cache
from typing import Any

import torch

from ..figures.layout import draw_layout, draw_refusal
from ..layouts import Words, word_grid
from .base import PANEL, Explorer, View, choice, whole_number

TAKE = ("x[i]", "x[:, i]", "x.transpose(0, 1)", "x.view(the other shape)")


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
        layouts = {"[seq_len, batch]": False, "[batch, seq_len]": True}
        super().__init__(
            {
                "batch_first": choice("x is", layouts, batch_first),
                "take": choice("take", {each: each for each in TAKE}, take),
                "i": whole_number("i", i, -1, 9),
            }
        )

    def look(self, **values: Any) -> View:
        """Take the words and show where they stood."""
        batch_first, take, i = (values[name] for name in ("batch_first", "take", "i"))
        words = word_grid(batch_first=batch_first)
        axes = ("batch", "seq_len") if batch_first else ("seq_len", "batch")
        result_axes = {TAKE[0]: axes[1:], TAKE[1]: axes[:1], TAKE[2]: axes[::-1]}.get(
            take, ("mixed", "mixed")
        )
        places = Words(torch.arange(words.ids.numel()).reshape(words.shape), words.vocabulary)
        try:
            code, result = _take(words, take, i)
        except IndexError as error:
            code = take.replace("i", str(i))
            return View(draw_refusal(code, f"IndexError: {error}"), _refusal(code, error, words))
        taken = torch.isin(places.ids, _take(places, take, i)[1].ids)
        figure = draw_layout(words, axes, taken, code, result, result_axes, sentence_of)
        sentence = _sentence(words, axes, take, code, result)
        return View(figure, sentence, _details(words, code, result))


@cache
def sentence_of(number: int) -> int:
    """The sentence that a word's number belongs to; -1 for the pad."""
    rows = word_grid(batch_first=True).ids
    return -1 if number == 0 else int((rows == number).any(1).nonzero())


def _take(words: Words, take: str, i: int) -> tuple[str, Words]:
    """The expression as code, and what it gives."""
    first, second = words.shape
    if take == TAKE[0]:
        return f"x[{i}]", words[i]
    if take == TAKE[1]:
        return f"x[:, {i}]", words[:, i]
    if take == TAKE[2]:
        return "x.transpose(0, 1)", words.transpose(0, 1)
    return f"x.view({second}, {first})", words.view(second, first)


def _sentence(words: Words, axes: tuple[str, str], take: str, code: str, result: Words) -> str:
    """What came out, in words."""
    start = f"x is {list(words.shape)}, [{axes[0]}, {axes[1]}]. `{code}` "
    row = " ".join(result.tolist() if result.ids.dim() == 1 else result[0].tolist())
    if take == TAKE[2]:
        return f"{start}swaps the axes and every word keeps its sentence. Row 0 is now: {row}."
    if take == TAKE[3]:
        return (
            f"{start}has the shape {list(result.shape)} that `transpose` gives, but it cuts the "
            f"same row of words anew, so sentences are mixed. Row 0 is now: {row}."
        )
    left = axes[1] if take == TAKE[0] else axes[0]
    kind = "one sentence, word by word" if left == "seq_len" else "one word of each sentence"
    return f"{start}takes {kind}: {row}."


def _refusal(code: str, error: Exception, words: Words) -> str:
    return (
        f"`{code}` on an x of {list(words.shape)}: PyTorch would say `IndexError: {error}`. The "
        "axis that you index has fewer places: it is not the axis that you have in mind."
    )


def _details(words: Words, code: str, result: Words) -> str:
    """Both tensors in nested brackets."""
    blocks = "".join(
        f'<pre style="margin:0;font-size:12px"><b>{html.escape(name)}</b>\n'
        f"{html.escape(str(shown))}</pre>"
        for name, shown in (("x", words), (code, result))
    )
    return f'<div style="{PANEL};display:flex;gap:48px;flex-wrap:wrap">{blocks}</div>'
