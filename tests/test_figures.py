"""What the drawing of an unrolled nn.LSTM says, held against the module that it shows."""

import io
import itertools
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.pylabtools import print_figure
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from PIL import Image, ImageChops
from torch import nn

from lstm_teach.figures.canvas import Canvas, png
from lstm_teach.figures.palette import AXIS_COLORS, AXIS_TINTS, axis_color
from lstm_teach.figures.unrolled import MOST_CARDS, MOST_STEPS, draw_unrolled, shown_steps
from lstm_teach.shapes import predict_shapes

LSTMS = {
    "one layer": (dict(num_layers=1), (7, 3)),
    "four layers": (dict(num_layers=4), (10, 3)),
    "one step of one sentence": (dict(num_layers=2), (1, 1)),
    "bidirectional": (dict(num_layers=2, bidirectional=True), (6, 2)),
    "batch_first": (dict(num_layers=2, batch_first=True), (3, 7)),
    "unbatched": (dict(num_layers=2, batch_first=True), (7,)),
    "long": (dict(num_layers=2), (40, 9)),
    "long, both ways": (dict(num_layers=3, bidirectional=True, batch_first=True), (9, 40)),
    "projected": (dict(num_layers=2, proj_size=2, bidirectional=True), (5, 3)),
}


class Drawing:
    """An nn.LSTM, what it returned, and the drawing of it."""

    def __init__(self, options, leading, input_size=5, hidden_size=4):
        torch.manual_seed(0)
        self.lstm = nn.LSTM(input_size, hidden_size, **options)
        self.x = torch.randn(*leading, input_size)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LSTM with projections has no oneDNN kernel
            self.output, (self.h_n, self.c_n) = self.lstm(self.x)
            self.figure = draw_unrolled(self.lstm, self.x)
        batched = self.x.dim() == 3
        self.directions = 2 if self.lstm.bidirectional else 1
        self.lanes = self.lstm.num_layers * self.directions
        if batched and self.lstm.batch_first:
            self.output = self.output.transpose(0, 1)
        self.seq_len = len(self.output)
        self.batch = self.output.shape[1] if batched else 1
        self.texts = [text for text in self.figure.findobj(Text) if text.get_text()]
        self.words = [text.get_text() for text in self.texts]

    def boxes(self, face, edge):
        """Where the boxes in these two colours stand, in pixels."""
        return [
            path.get_extents()
            for boxes in self.figure.findobj(PolyCollection)
            if same(boxes.get_facecolor(), face) and same(boxes.get_edgecolor(), edge)
            for path in boxes.get_paths()
        ]

    def numbered(self, kind):
        """The numbers in the colour of an axis, each with the place of its middle."""
        return [
            (int(text.get_text()), text.get_position())
            for text in self.texts
            if text.get_color() == AXIS_COLORS[kind] and text.get_text().isdigit()
        ]

    def paths(self, points):
        """All lines through so many points."""
        paths = (p for lines in self.figure.findobj(LineCollection) for p in lines.get_paths())
        return [path.vertices for path in paths if len(path.vertices) == points]


def same(colors, color):
    return len(colors) == 1 and to_hex(colors[0]) == color


def nearest(numbered, point):
    return min(numbered, key=lambda each: abs(each[1][0] - point[0]) + abs(each[1][1] - point[1]))


@pytest.fixture(params=LSTMS, scope="module")
def drawing(request):
    return Drawing(*LSTMS[request.param])


def test_the_shapes_written_are_those_of_the_tensors_that_came_out(drawing):
    words = "".join(drawing.words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LSTM with projections has no oneDNN kernel
        output, (h_n, c_n) = drawing.lstm(drawing.x)
    named = predict_shapes(drawing.lstm, drawing.x.shape)
    tensors = {"input": drawing.x, "output": output, "h_n": h_n, "c_n": c_n}
    for name, tensor in tensors.items():
        axes = zip(getattr(named, name).names, tensor.shape, strict=True)
        shape = "[" + ", ".join(f"{axis}={size}" for axis, size in axes) + "]"
        assert name + shape in words.replace(" [", "[")


def test_each_axis_is_written_in_its_colour(drawing):
    axes = [text for text in drawing.texts if "=" in text.get_text()]
    for text in axes:
        name = text.get_text().strip(" [").split("=")[0]
        assert text.get_color() == axis_color(name)


def test_time_runs_to_the_right_through_input_and_output(drawing):
    steps = sorted(drawing.numbered("seq_len"), key=lambda each: each[1])
    shown = [step for step in shown_steps(drawing.seq_len) if step is not None]
    assert [step for step, _ in steps[::2]] == [step for step, _ in steps[1::2]] == shown


def test_output_is_the_top_edge_and_input_the_bottom(drawing):
    heights = {place[1] for _, place in drawing.numbered("seq_len")}
    layers = [place[1] for _, place in drawing.numbered("layers")]
    assert len(heights) == 2
    assert min(heights) < min(layers) <= max(layers) < max(heights)


def test_every_sentence_of_the_batch_is_a_card_and_at_most_five_are_drawn(drawing):
    tint = AXIS_TINTS["seq_len"]
    front = drawing.boxes(tint, AXIS_COLORS["seq_len"])
    behind = drawing.boxes(tint, AXIS_COLORS["batch"])
    cards = (len(front) + len(behind)) // len(front)
    assert cards == min(drawing.batch, MOST_CARDS)
    assert all(card.x0 > min(box.x0 for box in front) for card in behind)


def test_past_a_dozen_steps_the_middle_is_left_out_in_every_row(drawing):
    rows = drawing.lanes + 2 if drawing.seq_len > MOST_STEPS else 0
    assert drawing.words.count("…") == rows


@given(st.integers(1, 500))
def test_the_first_and_the_last_step_are_always_shown(seq_len):
    steps = shown_steps(seq_len)
    shown = [step for step in steps if step is not None]
    assert (shown[0], shown[-1]) == (0, seq_len - 1)
    assert shown == sorted(set(shown))
    assert len(steps) == min(seq_len, MOST_STEPS)
    assert (None in steps) == (seq_len > MOST_STEPS)


def test_each_direction_ends_in_a_card_of_h_n_on_its_own_side(drawing):
    cards = drawing.boxes(AXIS_TINTS["layers"], AXIS_COLORS["layers"])
    numbers = drawing.numbered("layers")
    columns = [place[0] for _, place in drawing.numbered("seq_len")]
    assert len(cards) == len(drawing.h_n) == len(numbers)
    assert sorted(number for number, _ in numbers) == list(range(len(drawing.h_n)))
    for number, (x, y) in numbers:
        backward = drawing.directions == 2 and number % 2 == 1
        assert x < min(columns) if backward else x > max(columns)
        assert sum(box.contains(x, y) for box in cards) == 1


def test_h_n_counts_from_the_lowest_layer_up(drawing):
    heights = [place[1] for _, place in sorted(drawing.numbered("layers"))]
    assert heights == sorted(heights)


def test_the_state_is_handed_on_towards_the_end_of_its_direction(drawing):
    steps = [(start, end) for start, end in drawing.paths(2) if start[1] == end[1]]
    assert steps
    for number, (x, y) in drawing.numbered("layers"):
        lane = [end[0] - start[0] for start, end in steps if abs(start[1] - y) < 1]
        towards = 1 if x > drawing.figure.bbox.width / 3 else -1
        assert lane
        assert all(step * towards > 0 for step in lane), number


def test_h_goes_up_from_layer_to_layer(drawing):
    climbs = [(start, end) for start, end in drawing.paths(2) if start[0] == end[0]]
    assert len(climbs) == len(drawing.numbered("seq_len")) // 2 * (drawing.lstm.num_layers + 1)
    assert all(end[1] > start[1] for start, end in climbs)


def test_what_a_line_joins_in_output_and_h_n_is_the_same_numbers(drawing):
    joined = drawing.paths(4)
    halves = drawing.output.chunk(drawing.directions, -1)
    meanings = {"same": 0, "first half": 0, "second half": 1}
    assert len(joined) == drawing.directions
    for path in joined:
        step, _ = nearest(drawing.numbered("seq_len"), path[0])
        lane, _ = nearest(drawing.numbered("layers"), path[-1])
        labels = [(text, text.get_position()) for text in drawing.texts]
        labels = [each for each in labels if each[0].get_text() in meanings]
        label, _ = nearest(labels, path[0])
        half = halves[meanings[label.get_text()]]
        torch.testing.assert_close(half[step], drawing.h_n[lane])


LARGEST = dict(input_size=200, hidden_size=64)


@pytest.mark.parametrize("proj_size", [0, 63])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 4])
@pytest.mark.parametrize(
    ("batch_first", "leading"),
    [
        *((False, leading) for leading in itertools.product([1, 12, 30], [1, 8])),
        *((True, leading) for leading in itertools.product([1, 8], [1, 30])),
        *((False, (seq_len,)) for seq_len in (1, 30)),
    ],
)
def test_nothing_leaves_the_sheet_and_no_words_cover_others(
    num_layers, bidirectional, proj_size, batch_first, leading
):
    options = dict(num_layers=num_layers, bidirectional=bidirectional, proj_size=proj_size)
    drawing = Drawing({**options, "batch_first": batch_first}, leading, **LARGEST)
    sheet = drawing.figure.bbox
    renderer = FigureCanvasAgg(drawing.figure).get_renderer()
    extents = {text: text.get_window_extent(renderer) for text in drawing.texts}
    for text, box in extents.items():
        assert sheet.contains(*box.min), text
        assert sheet.contains(*box.max), text
    for one, other in itertools.combinations(extents, 2):
        assert not extents[one].padded(-1).overlaps(extents[other].padded(-1)), (one, other)
    for kind in (PolyCollection, LineCollection):
        for drawn in drawing.figure.findobj(kind):
            for path in drawn.get_paths():
                assert sheet.contains(*path.get_extents().min)
                assert sheet.contains(*path.get_extents().max)


def test_a_png_has_the_size_of_its_sheet():
    image = Image.open(io.BytesIO(png(Canvas(321, 123).figure)))
    assert (image.format, image.size, image.mode) == ("PNG", (321, 123), "RGB")


def test_a_notebook_shows_a_drawing_whole():
    figure = Drawing(*LSTMS["one layer"]).figure
    pictures = [print_figure(figure), png(figure)]
    shown, whole = (Image.open(io.BytesIO(picture)).convert("L") for picture in pictures)
    sizes = [image.crop(ImageChops.invert(image).getbbox()).size for image in (shown, whole)]
    assert sizes[0] == pytest.approx(sizes[1], abs=2)


def test_an_arrow_ends_where_it_should():
    canvas = Canvas(100, 100)
    canvas.arrows([((10, 10), (10, 60)), ((20, 30), (80, 30))])
    (heads,) = canvas.figure.findobj(PolyCollection)
    assert [tuple(head.vertices[0]) for head in heads.get_paths()] == [(10, 60), (80, 30)]


@pytest.mark.parametrize("words", ["output[t]", "…", "Åg_|", "$x_1$"])
@pytest.mark.parametrize("size", [8, 12.5])
def test_words_drawn_from_memory_look_as_matplotlib_draws_them(words, size):
    kept, plain = Canvas(200, 60), Canvas(200, 60)
    for _ in range(2):
        kept.text(20, 30, words, size=size, color="#0069d2", align="left", bold=True)
    text = Text(20, 30, words, fontsize=size, color="#0069d2", va="center", fontweight="bold")
    text.set(fontfamily="DejaVu Sans", parse_math=False, transform=Affine2D())
    for _ in range(2):
        plain.figure.add_artist(text)
    assert png(kept.figure) == png(plain.figure)


def test_the_same_words_in_another_colour_or_size_are_drawn_anew():
    def drawn(**look):
        canvas = Canvas(100, 40)
        canvas.text(50, 20, "h_n", **look)
        return png(canvas.figure)

    looks = [{}, {"color": "#b84a00"}, {"size": 12}, {"bold": True}, {"mono": True}]
    assert len({drawn(**look) for look in looks}) == len(looks)
    assert drawn() == drawn()


def test_a_drawing_without_pixels_keeps_its_words_as_words():
    canvas, buffer = Canvas(100, 40), io.BytesIO()
    canvas.text(50, 20, "c_n")
    canvas.figure.savefig(buffer, format="svg", metadata={"Date": None})
    assert b"<!-- c_n -->" in buffer.getvalue()
