"""What InfluenceExplorer shows is what a model's gradient reaches."""

from itertools import product

import pytest
from matplotlib.text import Text

from lstm_teach.explorers.influence import POSITION, READS, InfluenceExplorer
from lstm_teach.figures.drawing import Boxes
from lstm_teach.figures.palette import LIGHT

OWN, OTHER = "seq_len", "batch"
SWEEP = [
    dict(zip(("x_is", "read", "batch_first", "bidirectional", "packed"), values, strict=True))
    for values in product(
        ("[batch, seq_len]", "[seq_len, batch]"), READS, (False, True), (False, True), (False, True)
    )
]


@pytest.fixture(scope="module")
def explorer():
    return InfluenceExplorer()


@pytest.fixture
def show(explorer):
    start = dict(explorer.values)
    yield lambda **values: (explorer.set(**start | values), explorer)[1]
    explorer.set(**start)


def texts(explorer):
    return {text.get_text(): text for text in explorer.figure().findobj(Text)}


def framed(explorer, color):
    """The (left, bottom) corners of the cells that light up in a colour, above the legend."""
    return [
        box[:2]
        for shape in explorer.drawing.shapes
        if isinstance(shape, Boxes) and shape.fill == shape.edge == color
        for box in shape.boxes
        if box[1] > 40
    ]


def test_in_the_right_layout_a_position_sees_its_own_past(show):
    explorer = show()
    assert "only its own sentence: nobody remembers where we." in explorer.describe()
    assert len(framed(explorer, OWN)) == 4
    assert not framed(explorer, OTHER)


def test_the_words_that_are_seen_stand_in_one_row_up_to_the_position(show):
    cells = framed(show(sentence=0, step=5), OWN)
    assert len({y for _, y in cells}) == 1
    assert len({x for x, _ in cells}) == 6


def test_in_the_wrong_layout_it_sees_the_same_step_of_other_sentences(show):
    explorer = show(batch_first=False, sentence=2)
    assert "sees 2 positions of other sentences (ran we)" in explorer.describe()
    assert "along the batch" in explorer.describe()
    cells = framed(explorer, OWN) + framed(explorer, OTHER)
    assert len({x for x, _ in cells}) == 1
    assert len({y for _, y in cells}) == 3


def test_words_that_are_seen_are_bold_not_only_coloured(show):
    shown = texts(show())
    assert shown["nobody"].get_fontweight() == "bold"
    assert shown["left"].get_fontweight() == "normal"


def test_transposing_data_and_layer_together_shows_the_same_words(show):
    batch_first = show().describe()
    time_first = show(x_is="[seq_len, batch]", batch_first=False).describe()
    turned = batch_first.replace("output[1, 3]", "output[3, 1]")
    assert time_first == turned.replace(", batch_first=True", "")


def test_the_first_sentence_is_not_praised_for_having_nothing_before_it(show):
    explorer = show(batch_first=False, sentence=0)
    assert "along the batch" in explorer.describe()
    shown = texts(explorer)
    assert "output[0, 3] sees 1 position of its own sentence, 0 of others" in shown
    title = shown["The layer walks along the batch, and PyTorch says nothing"]
    assert title.get_color() == LIGHT[OTHER]


def test_two_directions_see_the_whole_sentence(show):
    assert len(framed(show(bidirectional=True, sentence=0), OWN)) == 10


def bars(explorer):
    """How many bars stand below the words."""
    shapes = explorer.drawing.shapes
    return sum(len(s.boxes) for s in shapes if isinstance(s, Boxes) and s.edge == "none")


def test_the_last_step_of_two_directions_has_read_one_word_backward(show):
    explorer = show(bidirectional=True, read="output[:, -1]", sentence=0)
    assert (
        "first half, forward, sees 10 steps; its second, backward, 1 step." in explorer.describe()
    )
    assert bars(explorer) == 10 + 1
    both_ends = show(bidirectional=True, read="cat((h_n[-2], h_n[-1]), 1)", sentence=0)
    assert "sees 10 steps; its second, backward, 10 steps." in both_ends.describe()
    assert bars(both_ends) == 10 + 10
    layers = show(read="cat((h_n[-2], h_n[-1]), 1)", sentence=0, num_layers=2)
    assert "half" not in layers.describe()
    assert bars(layers) == 10
    two_layers = show(bidirectional=True, read="output[:, -1]", sentence=0, num_layers=2)
    assert "sees 10 steps; its second, backward, 10 steps." in two_layers.describe()


def test_packing_keeps_the_pads_from_the_last_state(show):
    padded = show(read="h_n[-1]", sentence=2)
    assert "rain is falling again and 6 pads" in padded.describe()
    packed = show(read="h_n[-1]", sentence=2, packed=True)
    assert packed.describe().count("pad") == 0
    assert len(framed(packed, OWN)) == 4


def test_the_last_step_of_an_unpacked_short_sentence_sees_nothing(show):
    explorer = show(read="output[:, -1]", sentence=2, packed=True)
    assert "sees no word" in explorer.describe()
    title = texts(explorer)["answer[2] is all zeros"]
    assert title.get_color() == LIGHT[OTHER]


def test_the_wrong_last_step_gives_ten_answers_for_three_sentences(show):
    explorer = show(read="output[-1]")
    assert "takes the wrong axis" in explorer.describe()
    assert "10 answers for 3 sentences" in texts(explorer)


def test_packing_in_the_wrong_layout_shows_what_pytorch_says(show):
    explorer = show(batch_first=False, packed=True)
    assert "`RuntimeError: Expected 'len(lengths)' to be equal to batch_size" in explorer.describe()
    assert any("Expected `len(lengths)` to be" in words for words in texts(explorer))


@pytest.mark.parametrize("values", SWEEP, ids=lambda values: "-".join(map(str, values.values())))
def test_no_combination_of_controls_raises(explorer, values):
    for num_layers, sentence, step in ((1, 0, 0), (3, 2, 9)):
        view = explorer.look(**values, num_layers=num_layers, sentence=sentence, step=step)
        assert len(view.words) > 40
        assert "nan" not in view.words


def test_it_begins_where_it_is_told_to():
    explorer = InfluenceExplorer(read="h_n[-1]", sentence=2)
    assert explorer.values["read"] == "h_n[-1]"
    assert explorer.describe().startswith("`answer[2]`")
    assert InfluenceExplorer().values["read"] == POSITION


def test_it_has_three_faces(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == explorer.describe()
    assert len(bundle["image/png"]) > 1000
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_its_own_words_are_no_proof_where_there_are_more_answers_than_sentences(explorer):
    explorer.set(read="output[-1]", sentence=2)
    assert "only its own sentence: rain is falling." in explorer.describe()
    assert "but `output[-1]` takes the wrong axis" in explorer.describe()
