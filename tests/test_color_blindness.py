"""What a colour says in a picture is said by something else too, wherever an eye may not tell it.

Each picture is read as those see it who lack one kind of cones, and in grey as it is printed.
"""

import itertools
import re

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from torch import nn

import lstm_teach
from lstm_teach import (
    InfluenceExplorer,
    StackExplorer,
    WritingExplorer,
    draw_curves,
    draw_losses,
    draw_unrolled,
)
from lstm_teach.explorers.writing import draw_written
from lstm_teach.figures.palette import AXES, LIGHT
from lstm_teach.figures.raster import figure
from lstm_teach.writing import ZEN, Writer
from tests.test_palette import APART, SIGHT, lab, linear

# Grey is what is left of the luminance of linear RGB.
EYES = {**SIGHT, "grey": np.tile((0.2126, 0.7152, 0.0722), (3, 1))}
CATEGORIES = {LIGHT[name]: name for axis in AXES for name in (axis, f"pale {axis}")}
CATEGORIES |= {LIGHT[name]: name for name in ("sentence 0", "sentence 1")}

SHAPES = {
    "seq_len": r"seq_len=\d+",
    "batch": r"batch=\d+",
    "features": r"(input|hidden)_size=\d+|features=\d+",
    "layers": r"^layer \d$|num_layers",
}
EDGES = {"pale seq_len": r"^(in|out)put\[", "pale layers": r"^layer \d$"}
LEGENDS = {
    "written": {"features": "bar up: above 0", "layers": "bar down: below 0"},
    "curves": {"seq_len": "^one$", "batch": "^two$"},
    "losses": {"seq_len": "^one$", "batch": "^two$", "features": "^three$", "layers": "^four$"},
}
# What says the same as each colour of a picture: words that stand at it or in its legend.
SAID_BY = {
    "GateExplorer": {"features": r"^i = ", "pale features": r"^f \* c$"},
    "InfluenceExplorer": {**SHAPES, "pale seq_len": "own sentence", "pale batch": "other sentence"},
    "LayoutExplorer": {**SHAPES, "sentence 0": "^sentence 0$", "sentence 1": "^sentence 1$"},
    "LoopExplorer": {
        "seq_len": r"^t = \d$",
        "batch": "a dash marks a minus",
        "features": "0 to 1$",
        "pale seq_len": "^(xt|h)$",
        "pale features": "^cell$",
    },
    "ShapeExplorer": {**SHAPES, **EDGES},
    "StackExplorer": {
        **SHAPES,
        **EDGES,
        "seq_len": EDGES["pale seq_len"],
        "pale layers": "^done$",
    },
    "WritingExplorer": LEGENDS["written"],
}
SAID_BY |= {
    "one word of another sentence": SAID_BY["InfluenceExplorer"],
    "a wave front": SAID_BY["StackExplorer"],
    "draw_unrolled both ways": SAID_BY["ShapeExplorer"],
    "draw_curves": LEGENDS["curves"],
    "draw_losses": LEGENDS["losses"],
    "draw_written": {
        **LEGENDS["written"],
        "pale features": "shaded: over half",
        "pale layers": "shaded: over half",
    },
}
NAMES = ("one", "two", "three", "four")


def writing_explorer():
    symbols = sorted(set(ZEN))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Writer(nn.LSTM(6, 8, batch_first=True), len(symbols))
    return WritingExplorer(model, symbols, start="T").figure()


def wave_front():
    explorer = StackExplorer()
    explorer.set(cells=3, order="wave front", step=5)
    return explorer.figure()


def losses():
    return draw_losses({name: [3.0, 1.0 + k] for k, name in enumerate(NAMES)}, 3, 3.5).figure()


MADE = {
    name: lambda name=name: getattr(lstm_teach, name)().figure()
    for name in lstm_teach.__all__
    if name.endswith("Explorer") and name != "WritingExplorer"
}
MADE |= {
    "WritingExplorer": writing_explorer,
    "one word of another sentence": lambda: InfluenceExplorer(batch_first=False).figure(),
    "a wave front": wave_front,
    "draw_unrolled both ways": lambda: draw_unrolled(
        nn.LSTM(5, 4, 2, bidirectional=True), torch.zeros(6, 2, 5)
    ).figure(),
    "draw_curves": lambda: draw_curves({"one": [0.5, 0.9], "two": [0.5, 0.4]}, 3).figure(),
    "draw_losses": losses,
    "draw_written": lambda: figure(draw_written("ab", [1.0, -2.0], "c")),
}

every_picture = pytest.mark.parametrize("name", MADE)


def colors_of(drawn):
    """Every colour that is drawn."""
    for artist in drawn.findobj():
        if isinstance(artist, Text) and artist.get_text():
            yield to_hex(artist.get_color())
        elif isinstance(artist, PolyCollection):
            yield from map(to_hex, (*artist.get_facecolor(), *artist.get_edgecolor()))
        elif isinstance(artist, LineCollection):
            yield from map(to_hex, artist.get_edgecolor())


def words_of(drawn):
    return [text.get_text().strip() for text in drawn.findobj(Text) if text.get_text().strip()]


def alike(one, other):
    """Whether there are eyes to which two colours look the same."""
    seen = ([lab(np.array(eye) @ linear(color)) for eye in EYES.values()] for color in (one, other))
    return any(np.linalg.norm(a - b) < APART for a, b in zip(*seen, strict=True))


@every_picture
def test_colors_that_some_eyes_take_for_one_another_are_said_in_words_too(name):
    drawn = MADE[name]()
    used = sorted({color for color in colors_of(drawn) if color in CATEGORIES})
    assert used, "no colour of this picture means anything"
    words, said = words_of(drawn), SAID_BY[name]
    for pair in itertools.combinations(used, 2):
        if alike(*pair):
            for meaning in (CATEGORIES[color] for color in pair):
                assert meaning in said, f"{pair}: nothing but its colour says {meaning}"
                found = [each for each in words if re.search(said[meaning], each)]
                assert found, f"{pair}: {said[meaning]!r} stands nowhere in the picture"


def test_grey_makes_axes_alike_so_that_the_words_are_needed():
    assert alike(LIGHT["seq_len"], LIGHT["batch"])
    assert not alike(LIGHT["seq_len"], "#ffffff")


def test_every_line_of_a_chart_has_a_style_of_its_own():
    for name in ("draw_curves", "draw_losses"):
        lines = MADE[name]().findobj(LineCollection)
        curves = [
            line
            for line in lines
            if line.get_linewidths()[0] > 1 and to_hex(line.get_edgecolor()[0]) in CATEGORIES
        ]
        styles = {(str(line.get_linestyle()), line.get_linewidths()[0]) for line in curves}
        assert len(styles) == len(curves) >= 2


def test_the_own_sentence_is_marked_in_words_where_another_one_reaches_the_result():
    drawn = MADE["one word of another sentence"]()
    where = {text.get_text(): text.get_position() for text in drawn.findobj(Text)}
    x, y = where["sentence 1"]
    assert where["its own"] == (x, y - 16)


def test_every_word_carries_the_number_of_its_sentence():
    words = words_of(MADE["LayoutExplorer"]())
    assert words.count("sentence 2") == 1
    numbered = [words.count(str(sentence)) for sentence in range(3)]
    assert min(numbered) > 4  # its words, its place in the legend, and an index of each axis


def test_the_legend_of_the_writing_leaves_room_for_the_longest_title():
    title = "g, the candidate, of unit 127   (temperature 1.8, seed 88)"
    drawn = figure(draw_written("ab", [1.0, -2.0], title))
    head = [text for text in drawn.findobj(Text) if text.get_text().startswith(("bar", "sh", "g"))]
    assert len(head) == 4
    ends = sorted((text.get_window_extent().x0, text.get_window_extent().x1) for text in head)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(ends)), ends
