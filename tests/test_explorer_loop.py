"""What LoopExplorer shows is a cell on its way through real words."""

from itertools import product

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.text import Text

from lstm_teach.explorers.loop import LoopExplorer
from lstm_teach.figures.loop import LEFT, PITCH, STRIPS, draw_loop
from lstm_teach.words import SENTENCES


@pytest.fixture
def explorer():
    return LoopExplorer()


def texts(view):
    return [text.get_text() for text in view.figure.findobj(Text)]


def test_the_words_stand_in_order_under_their_cells(explorer):
    shown = explorer.look(sentence=SENTENCES[1], step=8, units=1).figure.findobj(Text)
    words = SENTENCES[1].split()
    places = {text.get_text(): text.get_position()[0] for text in shown}
    assert [places[word] for word in words] == [LEFT + PITCH * (k + 0.5) for k in range(8)]


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
    figure = draw_loop(["a", "b"], {**zeros, "g": torch.tensor([[-1.0], [0.0]])}, 2)
    faces = {
        to_hex(face)
        for artist in figure.get_children()
        if hasattr(artist, "get_facecolors")
        for face in artist.get_facecolors()
    }
    assert "#b84a00" in faces
    unsigned = draw_loop(["a", "b"], {**zeros, "g": torch.tensor([[1.0], [0.0]])}, 2)
    assert len(figure.get_children()) == len(unsigned.get_children()) + 1


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
    picture, sentence = explorer._picture.png, explorer.describe()
    explorer.next.click()
    assert explorer._picture.png != picture
    assert explorer.describe() != sentence


def test_every_control_changes_the_picture_and_the_sentence(explorer):
    for name, value in (("sentence", SENTENCES[1]), ("units", 4), ("step", 0)):
        picture, sentence = explorer._picture.png, explorer.describe()
        explorer.controls[name].value = value
        assert explorer._picture.png != picture, name
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
