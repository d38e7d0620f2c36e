"""What GateExplorer shows of one unit is one step of an LSTM."""

from itertools import product
from math import exp, tanh

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from lstm_teach.explorers.gates import PRESETS, GateExplorer
from lstm_teach.figures.palette import LIGHT


@pytest.fixture
def explorer():
    return GateExplorer()


def texts(view):
    return [text.get_text() for text in view.figure().findobj(Text)]


def heights_of_strong_boxes(view):
    return [
        path.get_extents().height
        for shape in view.figure().findobj(PolyCollection)
        if to_hex(shape.get_facecolor()[0]) == LIGHT["features"]
        for path in shape.get_paths()
    ]


def test_the_new_c_and_h_are_those_of_the_equations(explorer):
    f, i, g, o = 1 / (1 + exp(-2)), 1 / (1 + exp(1)), tanh(0.5), 1 / (1 + exp(-3))
    c = f * 1.5 + i * g
    words = explorer.look(i=-1.0, f=2.0, g=0.5, o=3.0, c=1.5).words
    assert f"new `c` is {c:.2f}" in words
    assert f"`h` is {o * tanh(c):.2f}" in words
    for _ in range(10):
        c = f * c + i * g
    assert f"c is {c:.2f} after 10 more steps" in words


def test_the_two_bars_add_up_to_the_new_c(explorer):
    shown = texts(explorer.look(i=1.0, f=0.0, g=1.0, o=1.0, c=1.5))
    at = shown.index("old c")
    old, kept, written, new = (float(shown[at + place]) for place in (1, 3, 5, 7))
    assert (old, kept, written, new) == (1.5, 0.75, 0.56, 1.31)
    assert kept + written == pytest.approx(new, abs=0.011)


def test_a_gate_is_a_bar_between_0_and_1_and_the_candidate_between_minus_1_and_1(explorer):
    shown = texts(explorer.look(i=8.0, f=-8.0, g=-8.0, o=0.0, c=0.0))
    assert "i = sigmoid(8.0) = 1.00" in shown
    assert "f = sigmoid(-8.0) = 0.00" in shown
    assert "g = tanh(-8.0) = -1.00" in shown
    assert "o = sigmoid(0.0) = 0.50" in shown


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("keep", ("the new `c` is 1.50", "`h` is 0.00")),
        ("write", ("the new `c` is 0.96", "keeps 0.00")),
        ("erase", ("the new `c` is 0.00", "c is 0.00 after")),
        ("read", ("the new `c` is 1.50", "`h` is 0.90")),
    ],
)
def test_a_preset_does_what_its_name_says(explorer, preset, words):
    explorer.presets[preset].click()
    assert explorer.values == PRESETS[preset]
    for each in words:
        assert each in explorer.describe()


def test_moving_a_control_changes_the_picture_and_the_sentence(explorer):
    for name, control in explorer.controls.items():
        picture, sentence = explorer.drawing.shapes, explorer.describe()
        control.value -= 0.5
        assert explorer.drawing.shapes != picture, name
        assert explorer.describe() != sentence, name


def test_no_extreme_of_the_controls_leaves_the_sheet(explorer):
    limits = [(control.min, control.max) for control in explorer.controls.values()]
    for values in product(*limits):
        view = explorer.look(**dict(zip(explorer.controls, values, strict=True)))
        for shape in view.figure().findobj(PolyCollection):
            for path in shape.get_paths():
                corners = path.get_extents()
                assert 0 <= corners.x0 <= corners.x1 <= 1100
                assert 60 <= corners.y0 <= corners.y1 <= 380


def test_the_explorer_has_three_faces(explorer):
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {
        "application/vnd.jupyter.widget-view+json",
        "image/png",
        "text/plain",
    }
    assert bundle["text/plain"] == explorer.describe()
