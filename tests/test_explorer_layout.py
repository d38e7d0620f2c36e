"""What LayoutExplorer shows is what torch's own indexing takes."""

from itertools import combinations, product

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.text import Text

from lstm_teach.explorers.curves import draw_curves
from lstm_teach.explorers.layout import TAKE, LayoutExplorer, sentence_of
from lstm_teach.figures.drawing import Lines
from lstm_teach.words import SENTENCES, word_grid


@pytest.fixture(scope="module")
def explorer():
    return LayoutExplorer()


def texts(view):
    return [text.get_text() for text in view.figure().findobj(Text)]


def test_time_first_an_index_takes_one_word_of_each_sentence(explorer):
    view = explorer.look(batch_first=False, take="x[i]", i=2)
    assert "one word of each sentence: dog where falling." in view.words


def test_batch_first_the_same_index_takes_a_sentence(explorer):
    view = explorer.look(batch_first=True, take="x[i]", i=0)
    assert SENTENCES[0] in view.words


def test_the_words_taken_are_framed_where_they_stood(explorer):
    for batch_first, number in ((False, 3), (True, 10)):
        view = explorer.look(batch_first=batch_first, take="x[i]", i=0)
        frames = [
            path
            for shape in view.figure().findobj(PolyCollection)
            if shape.get_linewidths()[0] == pytest.approx(3.3 * 0.72)
            for path in shape.get_paths()
        ]
        assert len(frames) == number


def test_no_word_stands_on_the_number_of_its_sentence(explorer):
    for take in (TAKE[1], TAKE[2]):
        figure = explorer.look(batch_first=False, take=take, i=1).figure()
        shown = [text for text in figure.findobj(Text) if text.get_fontsize() < 7]
        areas = [text.get_window_extent().padded(2) for text in shown]
        assert not any(one.overlaps(other) for one, other in combinations(areas, 2))


def test_every_word_stands_in_x_and_in_what_a_transpose_gives(explorer):
    shown = texts(explorer.look(batch_first=False, take="x.transpose(0, 1)", i=0))
    assert all(shown.count(word) == 2 for word in " ".join(SENTENCES).split())


def test_view_has_the_shape_of_transpose_and_mixes_sentences(explorer):
    words = explorer.look(batch_first=False, take=TAKE[3], i=0).words
    assert "shape [3, 10]" in words
    assert "the nobody rain small" in words


def test_an_index_past_the_end_shows_what_pytorch_says(explorer):
    view = explorer.look(batch_first=True, take="x[i]", i=5)
    assert "index 5 is out of bounds for dimension 0 with size 3" in view.words


def test_both_tensors_stand_in_nested_brackets_below(explorer):
    view = explorer.look(batch_first=False, take="x[i]", i=0)
    assert str(word_grid()) in view.details


def test_no_combination_of_controls_raises(explorer):
    for batch_first, take, i in product((False, True), TAKE, range(-1, 10)):
        assert len(explorer.look(batch_first=batch_first, take=take, i=i).words) > 40


def test_moving_a_control_changes_picture_and_sentence():
    explorer = LayoutExplorer()
    before = explorer.describe(), explorer.drawing.shapes
    explorer.controls["i"].value = 4
    assert explorer.describe() != before[0]
    assert explorer.drawing.shapes != before[1]


def test_it_has_three_faces(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == explorer.describe()
    assert len(bundle["image/png"]) > 1000
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_word_knows_its_sentence_and_a_pad_has_none():
    rows = word_grid(batch_first=True).ids
    assert [sentence_of(int(number)) for number in rows[:, 0]] == [0, 1, 2]
    assert sentence_of(0) == -1


def test_a_curve_is_drawn_as_the_mean_of_its_last_values_under_its_name():
    picture = draw_curves({"right": [0.0] * 15 + [1.0] * 15, "wrong": []}, 30, 0.5)
    assert repr(picture) == "Accuracy, up to step 30: right ends above 95 %."
    (curve,) = (
        shape.paths[0]
        for shape in picture.drawing.shapes
        if isinstance(shape, Lines) and len(shape.paths[0]) == 30
    )
    heights = [y for _, y in curve]
    assert heights == sorted(heights)
    assert heights[0] == heights[14] < heights[22] < heights[29] == max(heights)
    assert "right" in texts(picture)
    assert "accuracy, mean of the last 15 steps (at first, of fewer)" in texts(picture)
