"""Every axis has a colour that can be read, and told from the others, by everyone."""

import itertools

import numpy as np
import pytest
from torch import nn

from lstm_teach.figures.palette import AXES, DARK, LIGHT, STRONGEST, STYLE, axis_kind, css
from lstm_teach.shapes import parameter_shapes, predict_shapes

READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3
APART = 15  # CIE Lab distance; 2.3 is what an eye can tell when two patches touch

# What is left of linear RGB for each kind of sight: Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.0.
SIGHT = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(color):
    """Linear RGB of ``"#rrggbb"``."""
    coded = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    luminance = sorted(linear(color) @ (0.2126, 0.7152, 0.0722) for color in (one, other))
    return (luminance[1] + 0.05) / (luminance[0] + 0.05)


def lab(rgb):
    """CIE Lab of linear RGB, white point D65."""
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = to_xyz @ np.clip(rgb, 0, 1) / (0.95047, 1, 1.08883)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one, other, sight):
    seen = [lab(np.array(SIGHT[sight]) @ linear(color)) for color in (one, other)]
    return np.linalg.norm(seen[0] - seen[1])


def test_black_on_white_has_the_contrast_that_the_standard_gives_it():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_red_and_green_of_one_lightness_come_close_without_green_cones():
    red, green = "#c00000", "#5a6e00"
    assert distance(red, green, "normal") > 3 * distance(red, green, "deutan")


every_page = pytest.mark.parametrize("page", [LIGHT, DARK], ids=["light", "dark"])


def blend(fill, paper, strength):
    """What `strength` of one colour over another looks like."""
    pairs = zip(bytes.fromhex(fill[1:]), bytes.fromhex(paper[1:]), strict=True)
    return "#" + bytes(round(a * strength + b * (1 - strength)) for a, b in pairs).hex()


@every_page
@pytest.mark.parametrize("axis", AXES)
def test_an_axis_can_be_read_on_paper_and_on_its_own_tint(axis, page):
    assert contrast(page[axis], page["paper"]) >= READABLE
    assert contrast(page[axis], page["panel"]) >= READABLE
    assert contrast(page[axis], page[f"pale {axis}"]) >= READABLE


@every_page
@pytest.mark.parametrize("words", ["ink", "muted"])
def test_all_other_words_can_be_read_where_they_stand(words, page):
    for behind in ("paper", "panel", "sentence 0", "sentence 1"):
        assert contrast(page[words], page[behind]) >= READABLE, behind


@every_page
def test_ink_can_be_read_on_the_strongest_shade_of_the_heat_maps(page):
    for axis in AXES[:3]:
        behind = blend(page[axis], page["paper"], STRONGEST)
        assert contrast(page["ink"], behind) >= READABLE, axis


@every_page
@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(AXES, 2)))
def test_two_axes_never_look_alike(one, other, sight, page):
    assert distance(page[one], page[other], sight) >= APART


def test_the_style_has_every_colour_for_light_and_for_dark_pages():
    for colors in (LIGHT, DARK):
        for name, color in colors.items():
            assert f"{css(name)[4:-1]}:{color};" in STYLE


def test_every_axis_that_a_shape_can_name_has_its_own_kind():
    kinds = {
        "seq_len": "seq_len",
        "batch": "batch",
        "input_size": "features",
        "hidden_size": "features",
        "proj_size": "features",
        "num_layers": "layers",
        "num_layers * num_directions": "layers",
    }
    assert {name: axis_kind(name) for name in kinds} == kinds
    assert set(kinds.values()) == set(AXES)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "proj_size": 2}])
def test_the_axes_of_every_shape_keep_their_colour(options):
    lstm = nn.LSTM(5, 4, num_layers=2, **options)
    shapes = predict_shapes(lstm, (7, 3, 5))
    assert [axis_kind(name) for name in shapes.output.names] == ["seq_len", "batch", "features"]
    assert [axis_kind(name) for name in shapes.h_n.names] == ["layers", "batch", "features"]
    assert [axis_kind(name) for name in shapes.c_n.names] == ["layers", "batch", "features"]
    named = [name for shape in parameter_shapes(lstm).values() for name in shape.names]
    assert {axis_kind(name) for name in named} == {"features"}
