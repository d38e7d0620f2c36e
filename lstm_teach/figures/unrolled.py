"""The one picture: time runs to the right, layers go up, the batch lies in depth."""

import warnings
from functools import lru_cache
from itertools import pairwise, product

import torch
from torch import Tensor, nn

from ..shapes import predict_shapes
from .cards import Cards
from .drawing import Drawing, Style, count

HEIGHT = 560
NOTES = """every layer, where it ends
c_n: the same places, and c there
number on a card: its index in h_n\n
arrows up: h
arrows along time: h and c"""
ONE_SAMPLE = "\n\nno batch axis: one sample, one card"
Results = tuple[Tensor, tuple[Tensor, Tensor]]


def run(lstm: nn.LSTM, x: Tensor) -> Results:
    """What an nn.LSTM returns for x, without gradients."""
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch says once which hardware has no use of oneDNN
        with torch.backends.mkldnn.flags(enabled=False):  # it compiles anew for every size
            return lstm(x)


def draw_unrolled(lstm: nn.LSTM, x: Tensor, results: Results | None = None) -> Drawing:
    """Draw an nn.LSTM unrolled over its input, with the shapes that it returns.

    Args:
        lstm: any nn.LSTM.
        x: an input that it accepts, batched or not.
        results: what the module has returned for x; where it is left out, it is run.

    Returns:
        A drawing in which output is the top edge, and h_n and c_n are the edge where each
        direction ends: the right one, and for a backward direction the left one.
    """
    output, (h_n, c_n) = results or run(lstm, x)
    names = predict_shapes(lstm, x.shape)
    time, directions = int(lstm.batch_first and x.dim() == 3), 1 + lstm.bidirectional
    seq_len, batch = x.shape[time], x.shape[1 - time] if x.dim() == 3 else None
    two = ", each in two lanes: the forward one ends at the right, the backward one at the left"
    depth = "There is no batch axis" if batch is None else f"In depth: {count(batch, 'sample')}"
    words = (
        f"Time runs to the right: {count(seq_len, 'time step')}. "
        f"Going up: {count(lstm.num_layers, 'layer')}{two * lstm.bidirectional}. {depth}."
    )
    cards = _cards(seq_len, batch or 1, lstm.num_layers, directions, "[:, t]" if time else "[t]")
    drawing = Drawing(1100, HEIGHT, words, [*cards.drawing.shapes])
    (left, bottom, _, _), top = cards.box(-1, 0), cards.box(cards.lanes, 0)[1] + cards.height
    drawing.shape(left, bottom - 20, "input", x.shape, names.input.names)
    drawing.shape(left, top + 38, "output", output.shape, names.output.names)
    for y, name, state in ((440, "h_n", h_n), (340, "c_n", c_n)):
        drawing.shape(838, y, name, state.shape, getattr(names, name).names, dy=17)
    place = "the right edge" if directions == 1 else "the right and left edge"
    drawing.label(838, 240, f"{place}:", bold=True)
    drawing.label(838, 223, NOTES + ONE_SAMPLE * (batch is None))
    return drawing


@lru_cache(8)
def _cards(seq_len: int, batch: int, layers: int, directions: int, index: str) -> Cards:
    """All that stays as it is where a vector gets another size."""
    cards = Cards(Drawing(1100, HEIGHT), (172, 40, 572, 480), seq_len, layers * directions, batch)
    _draw_lanes(cards, directions)
    cards.edges(index)
    _draw_ends(cards, directions)
    return cards


def _draw_lanes(cards: Cards, directions: int) -> None:
    """The boxes of every layer and direction, and the arrows in, between and out of them."""
    drawing, last = cards.drawing, len(cards.steps)
    for layer, low in enumerate(range(0, cards.lanes, directions)):
        if directions == 2:
            (x, y, _, _), (right, top, width, height) = cards.box(low, -1), cards.box(low + 1, last)
            size = (right + width - x + 34, top + height - y + 15)
            drawing.boxes([(x - 8, y - 7, *size)], "panel", "faint")
        cards.name(low + (directions - 1) / 2, f"layer {layer}", "layers")
    climbs = product(range(-1, cards.lanes, directions), cards.columns)
    drawing.arrows([cards.arrow((row, column), (row + 1, column)) for row, column in climbs])
    steps = []
    for lane in range(cards.lanes):
        order = range(-1, last + 1)[:: -1 if lane % directions else 1]
        steps += [cards.arrow((lane, start), (lane, end)) for start, end in pairwise(order)]
    drawing.arrows(steps)
    empty = ("", Style(edge="muted"))
    cards.draw({(lane, t): empty for lane in range(cards.lanes) for t in cards.columns})
    if None in cards.steps:
        for row in range(-1, cards.lanes + 1):
            middle = cards.centre(row, cards.steps.index(None))
            drawing.text(*middle, "…", "muted", size=13, bold=True)


def _draw_ends(cards: Cards, directions: int) -> None:
    """The states that come out, the zeros that go in, and the corner they share with output."""
    last, top = len(cards.steps), cards.lanes
    ends = [-1 if lane % directions else last for lane in range(top)]
    look = Style("pale layers", "layers", "layers", mono=True)
    cards.draw({(lane, end): (str(lane), look) for lane, end in enumerate(ends)})
    for lane, end in enumerate(ends):
        cards.drawing.text(*cards.centre(lane, last - 1 - end), "0", "muted", mono=True)
    meanings = ["same"] if directions == 1 else ["first half", "second half"]
    for lane, meaning in enumerate(meanings, top - directions):
        side, align, column = (1, "left", last - 1) if ends[lane] > 0 else (-1, "right", 0)
        (x, low), (start, high) = (cards.centre(*at) for at in ((lane, ends[lane]), (top, column)))
        reach = side * (cards.width / 2 + 2) + cards.behind[0] * (side > 0)
        start, turn = start + reach, x + reach + side * 7
        path = [(start, high), (turn, high), (turn, low), (x + reach, low)]
        cards.drawing.lines([path], "ink", width=2)
        cards.drawing.text(start + side * 4, high + 14, meaning, size=8, align=align, bold=True)
