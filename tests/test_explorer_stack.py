from itertools import product

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.text import Text

from lstm_teach import StackExplorer, run_cells
from lstm_teach.explorers.picture import VIEW
from lstm_teach.explorers.stack import ORDERS, SEQ_LEN, Look, _model, _needs, _run
from lstm_teach.figures.drawing import Boxes, Lines, Words

every_order = pytest.mark.parametrize("order", ORDERS)


@pytest.fixture
def explorer():
    return StackExplorer()


def texts(figure):
    return [artist for artist in figure.findobj(Text) if artist.get_text()]


def marked(figure, mark):
    """What is written in the boxes that carry a mark; the legend's mark has no number."""
    return sorted(t.get_text() for t in texts(figure) if t.get_text().startswith(mark))


def buttons(explorer):
    *_, beside = explorer.widget.children[0].children
    return {button.description: button for button in beside.children}


@every_order
@pytest.mark.parametrize("layers", [2, 3])
def test_a_box_runs_once_and_after_the_boxes_that_it_reads(order, layers):
    done = []
    for turn in ORDERS[order](layers):
        for place in turn:
            assert set(_needs(place)) <= set(done)
        done += turn
    assert sorted(done) == list(product(range(layers), range(SEQ_LEN)))


@pytest.mark.parametrize("layers", [2, 3])
def test_a_wave_is_every_box_that_can_run(layers):
    done = set()
    every = set(product(range(layers), range(SEQ_LEN)))
    for wave in ORDERS["wave front"](layers):
        assert set(wave) == {place for place in every - done if done.issuperset(_needs(place))}
        done.update(wave)


@every_order
@pytest.mark.parametrize("layers", [2, 3])
def test_every_order_ends_where_run_cells_ends(order, layers):
    cells, x = _model(layers)
    states = _run(layers, order)
    output, last = run_cells(cells, x)
    assert torch.allclose(torch.stack([states[layers - 1, t][0] for t in range(10)]), output)
    for layer, (h, c) in enumerate(last):
        assert torch.allclose(states[layer, SEQ_LEN - 1][0], h)
        assert torch.allclose(states[layer, SEQ_LEN - 1][1], c)


def test_no_setting_raises_and_the_sentence_fits_two_lines(explorer):
    for cells, order in product((2, 3), ORDERS):
        explorer.set(cells=cells, order=order)
        for step, layer, t in product(
            (0, 1, explorer.controls["step"].max), (0, cells - 1), (0, 9)
        ):
            explorer.set(step=step, layer=layer, t=t)
            assert len(explorer.describe()) < 270


def test_a_move_selects_the_box_in_work_and_draws_once(explorer):
    shown = []
    explorer._page.observe(shown.append, "value")
    explorer.controls["order"].value = "layer by layer"
    explorer.controls["step"].value = 14
    explorer.controls["cells"].value = 3
    assert len(shown) == 3
    assert (explorer.values["layer"], explorer.values["t"]) == (1, 4)
    explorer.set(layer=2, t=0)
    explorer.controls["cells"].value = 2
    assert (explorer.values["layer"], explorer.values["t"]) == (1, 4)


def test_nothing_is_written_outside_the_picture_or_over_other_words(explorer):
    for cells, order, step, t in ((2, "step by step", 7, 3), (3, "wave front", 5, 6)):
        explorer.set(cells=cells, order=order, step=step, layer=1, t=t)
        figure = explorer.figure()
        renderer = figure.canvas.get_renderer()
        areas = [(a.get_text(), a.get_window_extent(renderer).padded(-1)) for a in texts(figure)]
        for words, area in areas:
            assert area.x0 >= 0, words
            assert area.x1 <= figure.bbox.x1, words
            assert 0 <= area.y0 <= area.y1 <= figure.bbox.y1, words
        for place, (words, area) in enumerate(areas):
            clashes = [other for other, there in areas[place + 1 :] if area.overlaps(there)]
            assert not clashes, (words, clashes)


def test_boxes_that_differ_in_progress_differ_in_mark_line_and_colour():
    for part in ("mark", "style", "words"):
        assert len({getattr(look, part) for look in (Look.DONE, Look.WORK, Look.WAITING)}) == 3
    assert len({(look.style.line, look.style.width) for look in Look}) == len(Look)
    assert len({look.mark for look in Look}) == len(Look)


def test_the_picture_has_as_many_boxes_done_as_the_control_says(explorer):
    explorer.set(step=13)
    assert marked(explorer.figure(), "✓") == sorted(["✓", *(f"✓{n}" for n in range(1, 14))])
    assert marked(explorer.figure(), "▶") == ["▶", "▶14"]


def test_what_is_in_work_has_given_nothing_yet(explorer):
    explorer.set(step=7)  # layer 1 at t = 3 is in work, the top layer has given three
    assert "7 of 20 turns done. In work, turn 8: layer 1, t = 3." in explorer.describe()
    assert "takes [3, 30] and will give [3, 20]" in explorer.describe()
    assert explorer.describe().lower().count("layer 1, t = 3") == 1
    words = [t.get_text() for t in texts(explorer.figure())]
    assert not [each for each in words if "the first three features" in each]
    done = [each for each in explorer.drawing.shapes if isinstance(each, Words)]
    steps = [each.text for each in done if each.color == "seq_len" and each.text.isdigit()]
    assert steps == [*map(str, range(10)), "0", "1", "2"]


def test_the_arrows_into_the_selected_box_end_before_its_frame(explorer):
    explorer.set(layer=1, t=3)
    shapes = explorer.drawing.shapes
    x, y, width, height = next(
        each.boxes[0] for each in shapes if isinstance(each, Boxes) and each.width == 2.8
    )
    heads = [path for each in shapes if isinstance(each, Lines) for path in each.paths]
    tips = [path[1] for path in heads if len(path) == 3]
    assert not [at for at in tips if x < at[0] < x + width and y < at[1] < y + height]
    near = [at for at in tips if x - 3 < at[0] < x + width and y - 3 < at[1] < y + height]
    assert len(near) == 2
    read = [each.text for each in shapes if isinstance(each, Words) and each.mono and each.bold]
    assert [words for words in read if len(words) < 5] == ["h", "h", "h, c", "h, c"]


def test_fewer_cells_leave_no_layer_that_is_not_there(explorer):
    explorer.set(cells=3)
    assert explorer.controls["layer"].max == 2
    explorer.set(cells=2)
    assert explorer.controls["layer"].max == 1
    assert explorer.controls["layer"].value <= 1


def test_a_wave_has_one_box_in_work_in_each_layer(explorer):
    explorer.set(cells=3, order="wave front", step=5)
    found = [t for t in texts(explorer.figure()) if t.get_text() == "▶6"]
    heights = sorted(t.get_position()[1] for t in found)
    assert len(set(heights)) == 3
    assert all(to_hex(t.get_color()) == "#ffffff" for t in found)


def test_every_row_shows_its_shape_and_the_sentence_what_goes_in_and_out(explorer):
    explorer.set(layer=0, t=1)
    words = [t.get_text() for t in texts(explorer.figure())]
    assert words.count("input_size=100]") == 1
    assert words.count("hidden_size=30]") == 1
    assert words.count("hidden_size=20]") == 2  # h and c of the top layer, and output
    assert "has taken [3, 100] and given [3, 30]" in explorer.describe()


def test_a_box_that_cannot_run_says_what_it_waits_for(explorer):
    explorer.set(step=7, layer=1, t=5)
    assert "waits for h of layer 0, t = 5 and h, c of layer 1, t = 4" in explorer.describe()


def test_the_buttons_go_one_turn_and_stop_at_the_ends(explorer):
    step, both = explorer.controls["step"], buttons(explorer)
    both["Next turn"].click()
    assert step.value == 8
    both["Previous turn"].click()
    assert step.value == 7
    explorer.set(step=0)
    both["Previous turn"].click()
    assert step.value == 0
    explorer.set(step=20)
    both["Next turn"].click()
    assert step.value == 20
    assert "The same numbers in all three orders: True" in explorer.describe()


def test_the_last_turn_depends_on_stack_and_order(explorer):
    step = explorer.controls["step"]
    for layers, order, last in (
        (3, "step by step", 30),
        (3, "wave front", 12),
        (2, "wave front", 11),
        (2, "layer by layer", 20),
    ):
        explorer.set(cells=layers, order=order)
        assert step.max == last
        assert step.value <= last


def test_the_sentence_changes_with_every_control(explorer):
    seen = {explorer.describe()}
    for change in ({"step": 9}, {"order": "wave front"}, {"cells": 3}, {"layer": 1}, {"t": 2}):
        explorer.set(**change)
        assert explorer.describe() not in seen
        seen.add(explorer.describe())


def test_the_explorer_has_three_faces(explorer):
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {VIEW, "image/png", "text/plain"}
    assert bundle["text/plain"] == explorer.describe()
    assert "7 of 20 turns" in bundle["text/plain"]
