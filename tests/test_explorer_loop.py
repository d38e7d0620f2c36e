"""What LoopExplorer shows is a cell on its way through real words."""

from itertools import product

import pytest
import torch
from matplotlib.text import Text
from torch import nn

from lstm_teach import trace
from lstm_teach.explorers.loop import STRIPS, LoopExplorer, _vectors, draw_loop
from lstm_teach.figures.drawing import Boxes
from lstm_teach.words import SENTENCES


@pytest.fixture
def explorer():
    return LoopExplorer()


def texts(view):
    return [text.get_text() for text in view.figure().findobj(Text)]


def test_the_words_stand_in_order_under_their_cells(explorer):
    shown = explorer.look(sentence=SENTENCES[1], step=8, units=1).figure().findobj(Text)
    words = SENTENCES[1].split()
    places = {text.get_text(): text.get_position()[0] for text in shown}
    steps = [places[f"t = {t}"] for t in range(8)]
    assert [places[word] for word in words] == steps == sorted(steps)


def test_as_many_h_are_drawn_as_steps_are_taken(explorer):
    for step in range(11):
        shown = texts(explorer.look(sentence=SENTENCES[0], step=step, units=2))
        assert shown.count("h") == step + 2  # beside the name of the row and that of the map
        assert shown.count("cell") == 10


def test_the_newest_step_is_written_out_as_the_trace_has_it(explorer):
    shown = texts(explorer.look(sentence=SENTENCES[0], step=4, units=2))
    traced = explorer._trace(SENTENCES[0])
    for name in STRIPS:
        for value in getattr(traced, name)[3, 0, :2]:
            assert f"{value:+.2f}" in shown


def test_the_numbers_of_the_sentence_obey_the_equations(explorer):
    for sentence in SENTENCES:
        t = explorer._trace(sentence)
        c_before = torch.cat([torch.zeros_like(t.c[:1]), t.c[:-1]])
        assert torch.allclose(t.c, t.f * c_before + t.i * t.g, atol=1e-6)
        assert torch.allclose(t.h, t.o * torch.tanh(t.c), atol=1e-6)


def test_a_negative_number_is_orange_and_has_a_dash():
    zeros = {name: torch.zeros(2, 1) for name in STRIPS}
    signed = draw_loop(["a", "b"], {**zeros, "g": torch.tensor([[-1.0], [0.0]])}, 2).drawing.shapes
    unsigned = draw_loop(["a", "b"], {**zeros, "g": torch.tensor([[1.0], [0.0]])}, 2).drawing.shapes
    fills = [
        {each.fill for each in shapes if isinstance(each, Boxes)} for shapes in (signed, unsigned)
    ]
    assert fills[0] - fills[1] == {"batch"}
    assert len(signed) == len(unsigned) + 1


def test_each_map_says_what_its_full_colour_stands_for():
    zeros = {name: torch.zeros(2, 1) for name in STRIPS}
    shown = texts(draw_loop(["a", "b"], {**zeros, "c": torch.tensor([[-2.5], [0.5]])}))
    assert shown.count("full colour: 1.00") == 5
    assert shown.count("full colour: 2.50") == 1


def test_rows_keep_their_numbers_at_eight_units(explorer):
    view = explorer.look(sentence=SENTENCES[0], step=4, units=8, first=0)
    shown, traced = texts(view), explorer._trace(SENTENCES[0])
    for unit in range(8):
        assert shown.count(str(unit)) == len(STRIPS)
    for name in STRIPS:
        for value in getattr(traced, name)[3, 0]:
            assert f"{value:+.2f}" in shown


def test_a_unit_is_found_by_its_number(explorer):
    view = explorer.look(sentence=SENTENCES[0], step=4, units=2, first=6)
    shown, traced = texts(view), explorer._trace(SENTENCES[0])
    assert shown.count("unit 6") == shown.count("unit 7") == len(STRIPS)
    assert f"{traced.c[3, 0, 6]:+.2f}" in shown
    assert f"In unit 6, f = {traced.f[3, 0, 6]:.2f}" in view.words
    last = explorer.look(sentence=SENTENCES[0], step=4, units=3, first=7)
    assert texts(last).count("unit 5") == len(STRIPS)


def test_it_takes_the_readers_own_cell_and_words():
    cell = nn.LSTMCell(5, 20)
    explorer = LoopExplorer(cell, "the dog is not small")
    assert set(explorer.controls) == {"step", "units", "first"}
    assert explorer.describe().startswith("Step 3 of 5 has read 'is'; 2 words to come.")
    assert "3 of 20 units are shown" in explorer.describe()
    traced = explorer._trace("the dog is not small")
    states = cell(torch.zeros(1, 5) + _vectors(["the"], 5))
    torch.testing.assert_close(traced.h[0], states[0].detach())
    for _ in range(4):
        explorer.next.click()
    assert explorer.controls["step"].value == 5


def test_it_takes_what_the_cell_reads_at_each_word():
    words = ["the", "dog", "is", "not", "small"]
    x = torch.tensor([float(word == "not") for word in words])
    cell = nn.LSTMCell(1, 1)
    for shape in ((5,), (5, 1), (5, 1, 1)):
        explorer = LoopExplorer(cell, words, x.reshape(shape))
        assert set(explorer.controls) == {"step"}
        traced = explorer._trace(" ".join(words))
        torch.testing.assert_close(traced.h, trace(cell, x.reshape(5, 1, 1)).h.detach())
    with pytest.raises(ValueError, match="5 steps and the sentence 2 words"):
        LoopExplorer(cell, "too short", x)
    with pytest.raises(TypeError, match=r"nn\.LSTMCell, and got LSTM"):
        LoopExplorer(nn.LSTM(2, 3))


def test_a_cell_of_one_unit_has_a_static_face_too():
    explorer = LoopExplorer(nn.LSTMCell(1, 1), "not small")
    assert explorer._repr_mimebundle_()["text/plain"] == explorer.describe()


def test_of_a_long_sentence_the_words_around_the_step_are_drawn():
    words = [f"w{k}" for k in range(30)]
    for step, first in ((0, 0), (15, 9), (30, 18)):
        explorer = LoopExplorer(sentence=words)
        explorer.set(step=step)
        shown = texts(explorer.look(**explorer.values))
        assert [word for word in shown if word in words] == words[first : first + 12]


def test_the_buttons_step_and_stop_at_both_ends(explorer):
    explorer.controls["sentence"].value = SENTENCES[2]
    explorer.next.click()
    assert "Step 4 of 4 has read 'again'" in explorer.describe()
    explorer.next.click()
    assert explorer.controls["step"].value == 4
    for _ in range(6):
        explorer.previous.click()
    assert explorer.controls["step"].value == 0
    assert explorer.describe().startswith("No step yet")


def test_a_step_past_the_end_of_a_short_sentence_is_its_end(explorer):
    explorer.controls["step"].value = 10
    explorer.controls["sentence"].value = SENTENCES[2]
    assert "Step 4 of 4" in explorer.describe()
    explorer.previous.click()
    assert "Step 3 of 4" in explorer.describe()


def test_a_press_changes_the_picture_and_the_sentence(explorer):
    picture, sentence = explorer.drawing.shapes, explorer.describe()
    explorer.next.click()
    assert explorer.drawing.shapes != picture
    assert explorer.describe() != sentence


def test_every_control_changes_the_picture_and_the_sentence(explorer):
    for name, value in (("sentence", SENTENCES[1]), ("units", 4), ("step", 0)):
        picture, sentence = explorer.drawing.shapes, explorer.describe()
        explorer.controls[name].value = value
        assert explorer.drawing.shapes != picture, name
        assert explorer.describe() != sentence, name


def test_every_extreme_of_the_controls_is_drawn(explorer):
    for sentence, step, units in product(SENTENCES, (0, 1, 10), (1, 3, 4, 8)):
        view = explorer.look(sentence=sentence, step=step, units=units)
        assert len(view.words) > 40


def test_looking_leaves_the_random_numbers_as_they_were(explorer):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    explorer._trace.cache_clear()
    explorer.look(sentence=SENTENCES[0], step=1, units=1)
    assert torch.equal(torch.rand(1), expected)


def test_the_explorer_has_three_faces(explorer):
    bundle = explorer._repr_mimebundle_()
    assert {"image/png", "text/plain"} < set(bundle)
    assert bundle["text/plain"] == explorer.describe()


def test_the_previews_of_a_short_sentence_stay_in_it():
    explorer = LoopExplorer(nn.LSTMCell(3, 2), "the film is good", torch.zeros(4, 3))
    assert explorer.preview == ({"step": 4}, {"step": 4, "units": 2})
