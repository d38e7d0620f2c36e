"""What the drawing of an unrolled nn.LSTM says, held against the module that it shows."""

import io
import itertools
import re
import warnings
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.pylabtools import print_figure
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image, ImageChops
from torch import nn

import lstm_teach
from lstm_teach import ShapeQuiz
from lstm_teach.explorers.curves import draw_losses
from lstm_teach.explorers.writing import draw_written
from lstm_teach.figures.cards import MOST_CARDS, MOST_STEPS, shown_steps
from lstm_teach.figures.drawing import Drawing as Sheet
from lstm_teach.figures.drawing import Lines, Words
from lstm_teach.figures.palette import COLORS, LIGHT, axis_kind
from lstm_teach.figures.raster import figure, png
from lstm_teach.figures.svg import svg
from lstm_teach.figures.unrolled import draw_unrolled
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


PICTURES = {
    name: lambda name=name: getattr(lstm_teach, name)().drawing
    for name in lstm_teach.__all__
    if name.endswith("Explorer") and name != "WritingExplorer"
}
PICTURES |= {
    "ShapeQuiz": lambda: ShapeQuiz().drawing,
    "draw_losses": lambda: draw_losses({"a": [3.0, 2.0], "b": [3.0]}, 3, 3.5).drawing,
    "draw_written": lambda: draw_written("ab\nc", [1.0, -2.0, 0.1, 0.0], "c"),
    "both ways": lambda: draw_unrolled(nn.LSTM(5, 4, 2, bidirectional=True), torch.zeros(20, 2, 5)),
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
            self.drawn = draw_unrolled(self.lstm, self.x)
        self.figure = figure(self.drawn)
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
            if text.get_color() == LIGHT[kind] and text.get_text().isdigit()
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
        assert text.get_color() == LIGHT[axis_kind(name)]


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
    tint = LIGHT["pale seq_len"]
    front = drawing.boxes(tint, LIGHT["seq_len"])
    behind = drawing.boxes(tint, LIGHT["batch"])
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
    cards = drawing.boxes(LIGHT["pale layers"], LIGHT["layers"])
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
    image = Image.open(io.BytesIO(png(Sheet(321, 123))))
    assert (image.format, image.size) == ("PNG", (321, 123))


def test_a_notebook_shows_a_drawing_whole():
    drawing = Drawing(*LSTMS["one layer"])
    pictures = [print_figure(drawing.figure), png(drawing.drawn)]
    shown, whole = (Image.open(io.BytesIO(picture)).convert("L") for picture in pictures)
    sizes = [image.crop(ImageChops.invert(image).getbbox()).size for image in (shown, whole)]
    assert sizes[0] == pytest.approx(sizes[1], abs=2)


def test_an_arrow_ends_where_it_should():
    sheet = Sheet(100, 100)
    sheet.arrows([((10, 10), (10, 60)), ((20, 30), (80, 30))])
    (arrows,) = figure(sheet).findobj(LineCollection)
    heads = [path.vertices for path in arrows.get_paths() if len(path.vertices) == 3]
    assert [tuple(head[1]) for head in heads] == [(10, 60), (80, 30)]


def test_letters_that_the_font_lacks_are_boxes_and_words_stay_words():
    sheet = Sheet(100, 40)
    sheet.text(50, 20, "c_n \N{FAMILY}")
    assert [text.get_text() for text in figure(sheet).findobj(Text)] == ["c_n □"]
    assert ">c_n \N{FAMILY}<" in svg(sheet, "")


# --- both renderers say the same ---------------------------------------------------------------


def path_points(path):
    """The corners of an SVG path of ours, in pixels from the upper left."""
    x = y = 0.0
    move = re.match(r"translate\((\S+) (\S+)\)", path.get("transform", "translate(0 0)"))
    dx, dy = map(float, move.groups())
    for command, numbers in re.findall(r"([MLhvz])([-\d. ]*)", path.get("d")):
        values = [float(number) for number in numbers.split()]
        if command in "ML":
            x, y = values
        elif command == "h":
            x += values[0]
        elif command == "v":
            y += values[0]
        yield x + dx, y + dy


@pytest.mark.parametrize("name", PICTURES)
def test_the_svg_and_the_figure_say_the_same_in_the_same_places(name):
    sheet = PICTURES[name]()
    page, drawn = ElementTree.fromstring(svg(sheet, "what it shows")), figure(sheet)
    words = ["".join(text.itertext()) for text in page.iter("text")]
    shown = "".join(text.get_text() for text in drawn.findobj(Text) if text.get_text())
    assert "".join(words) == shown
    single = [text for text in page.iter("text") if not len(text)]
    places = {(t.get_text(), *t.get_position()) for t in drawn.findobj(Text) if t.get_text()}
    for text in single:
        size = float(text.get("font-size"))
        x, y = float(text.get("x")), sheet.height - float(text.get("y")) + 0.35 * size
        near = [place for place in places if place[0] == text.text]
        assert min(abs(a - x) + abs(b - y) for _, a, b in near) < 0.2, text.text
    ours = [point for path in page.iter("path") for point in path_points(path)]
    for artist in drawn.findobj(PolyCollection) + drawn.findobj(LineCollection):
        assert len(artist.get_paths())
    theirs = [
        corner
        for kind in (PolyCollection, LineCollection)
        for artist in drawn.findobj(kind)
        for path in artist.get_paths()
        for corner in path.vertices
    ]
    rounded = {(round(x), round(sheet.height - y)) for x, y in ours}
    near = {(x + dx, y + dy) for x, y in rounded for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    assert {(round(x), round(y)) for x, y in theirs} <= near


@pytest.mark.parametrize("name", PICTURES)
def test_the_svg_is_an_image_with_a_name_and_every_colour_follows_the_theme(name):
    text = svg(PICTURES[name](), 'what "it" shows & <more>')
    page = ElementTree.fromstring(text)
    assert (page.get("role"), page.get("aria-label")) == ("img", 'what "it" shows & <more>')
    used = [each for e in page.iter() for each in (e.get("fill"), e.get("stroke")) if each]
    names = {f"var(--lstm-{color.replace(' ', '-')})" for color in COLORS}
    assert set(used) <= {*names, "none"}
    assert not re.search("#[0-9a-f]{6}", text)


def test_a_curve_ends_at_its_name_and_stays_on_the_sheet():
    losses = {"mine": [9.0, 2.0, 1.0], "theirs": [3.0, 1.0, 1.0]}
    picture = draw_losses(losses, 3, 3.5, window=1)
    assert repr(picture) == "Loss, up to step 3: mine ends at 1.00; theirs ends at 1.00."
    assert "theirs ends at 1.67." in repr(draw_losses(losses, 3, 3.5))  # of three, as yet
    shapes = picture.drawing.shapes
    curves = [s.paths[0] for s in shapes if isinstance(s, Lines) and len(s.paths[0]) == 3][1:]
    names = {s.text: s for s in shapes if isinstance(s, Words) and s.text in losses}
    assert len(curves) == len(names) == 2
    assert curves[0][0][1] > curves[1][0][1]  # a loss above the sheet lies on its upper edge
    assert all(50 <= y <= 320 for curve in curves for _, y in curve)
    heights = sorted(words.y for words in names.values())
    assert heights[1] - heights[0] > 17  # both end at the same place
