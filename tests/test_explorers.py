"""Every explorer keeps its promises, and ShapeExplorer shows what torch really gives."""

import base64
import contextlib
import html
import inspect
import io
import itertools
import re
import warnings

import ipywidgets as widgets
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import lstm_teach
from lstm_teach import ShapeExplorer, parameter_shapes
from lstm_teach.explorers.picture import VIEW

EXPLORERS = [name for name in lstm_teach.__all__ if name.endswith("Explorer")]


def inside(widget):
    """A widget and all widgets in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def page_of(explorer):
    """All HTML that is shown."""
    return "".join(e.value for e in inside(explorer.widget) if isinstance(e, widgets.HTML))


def extremes(control):
    """The first and last value of a control."""
    if isinstance(control, widgets.Checkbox):
        return [False, True]
    if isinstance(control, widgets.IntSlider | widgets.FloatSlider):
        return [control.min, control.max]
    values = [value for _, value in control.options]
    return [values[0], values[-1]]


@pytest.fixture(params=EXPLORERS, scope="module")
def kind(request):
    return getattr(lstm_teach, request.param)


@pytest.fixture
def explorer(kind):
    if any(
        p.default is p.empty
        for p in inspect.signature(kind).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ):
        pytest.skip("it explores a model that the reader brings")
    return kind()


def test_an_explorer_has_three_faces_that_say_the_same(explorer):
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {VIEW, "image/png", "text/plain"}
    assert bundle[VIEW]["model_id"] == explorer.widget.model_id
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG\r\n\x1a\n")
    assert bundle["text/plain"] == repr(explorer) == explorer.describe()


def test_the_name_of_the_picture_is_the_sentence(explorer):
    name = re.search(r'<svg role="img" aria-label="([^"]*)"', page_of(explorer)).group(1)
    assert html.unescape(name) == explorer.describe()
    assert re.search(r"\d", explorer.describe())


def test_every_control_carries_a_label_that_can_be_read_aloud(explorer):
    labels = [
        each.description
        for each in inside(explorer.widget)
        if isinstance(each, widgets.ValueWidget)
        and not isinstance(each, widgets.HTML | widgets.IntSlider | widgets.FloatSlider)
    ]
    assert all(labels)
    assert len(labels) == len(explorer.controls)


def test_a_slider_and_its_number_field_move_together(explorer):
    numbers = (widgets.BoundedIntText, widgets.BoundedFloatText)
    fields = [each for each in inside(explorer.widget) if isinstance(each, numbers)]
    sliders = [
        control
        for control in explorer.controls.values()
        if isinstance(control, widgets.IntSlider | widgets.FloatSlider)
    ]
    assert len(fields) == len(sliders)
    for field, slider in zip(fields, sliders, strict=True):
        assert (field.min, field.max, field.value) == (slider.min, slider.max, slider.value)
        slider.value = slider.max
        assert field.value == slider.max
        field.value = field.min
        assert slider.value == field.min


def test_set_redraws_once_however_many_controls_move(explorer):
    before, shown = explorer.values, []
    other = {}
    for name, control in explorer.controls.items():
        other[name] = next(value for value in extremes(control) if value != control.value)
    explorer._page.observe(shown.append, "value")
    explorer.set(**dict(list(other.items())[:2]))
    assert len(shown) == 1
    explorer.set(**before)
    assert len(shown) == 2


def test_a_control_moved_by_hand_is_a_picture_redrawn(explorer):
    name, control = next(iter(explorer.controls.items()))
    before, page = explorer.values, page_of(explorer)
    control.value = next(value for value in extremes(control) if value != control.value)
    assert explorer.values[name] == control.value
    assert page_of(explorer) != page
    explorer.set(**before)
    assert page_of(explorer) == page


def test_the_static_picture_shows_where_it_starts_and_what_a_move_does(explorer):
    image = Image.open(io.BytesIO(base64.b64decode(explorer._repr_mimebundle_()["image/png"])))
    start = explorer.drawing
    assert 1 <= len(explorer.preview) <= 2
    assert image.width == start.width
    assert image.height > 1.5 * start.height
    for move in explorer.preview:
        assert set(move) <= set(explorer.controls)
        moved = explorer.look(**{**explorer.values, **move})
        assert moved.drawing.shapes != start.shapes


def test_ipywidgets_need_not_know_how_to_show_themselves(explorer, monkeypatch):
    # Those of Colab do not: theirs are older than this protocol.
    monkeypatch.delattr(widgets.Widget, "_repr_mimebundle_", raising=False)
    assert explorer._repr_mimebundle_()[VIEW]["model_id"] == explorer.widget.model_id


def test_a_redraw_never_moves_the_page(explorer):
    def size():
        return explorer.drawing.width, explorer.drawing.height

    start, first = explorer.values, size()
    for name, control in explorer.controls.items():
        for value in extremes(control):
            explorer.set(**{**start, name: value})
            assert size() == first, (name, value)


def test_an_explorer_leaves_the_random_numbers_of_the_notebook_alone(explorer):
    before = torch.get_rng_state()
    type(explorer)().figure()
    assert torch.equal(before, torch.get_rng_state())


def test_a_control_that_does_not_exist_is_an_error_and_the_rest_goes_on():
    explorer = ShapeExplorer()
    with pytest.raises(KeyError):
        explorer.set(seqlen=3)
    explorer.controls["seq_len"].value = 4
    assert "[4, 3, 20]" in explorer.describe()


# --- ShapeExplorer ---------------------------------------------------------------------------


def run(seq_len, batch, unbatched, parameters=False, **arguments):
    """The shapes that nn.LSTM gives, or what it says where it refuses."""
    try:
        lstm = nn.LSTM(**arguments)
    except ValueError as error:
        return str(error)
    leading = (batch, seq_len) if arguments["batch_first"] else (seq_len, batch)
    x = torch.zeros(*((seq_len,) if unbatched else leading), arguments["input_size"])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LSTM with projections has no oneDNN kernel
        output, (h_n, c_n) = lstm(x)
    return [list(tensor.shape) for tensor in (output, h_n, c_n)]


def assert_shown_as_run(explorer, values):
    view, ran = explorer.look(**values), run(**values)
    if isinstance(ran, str):
        assert view.words.startswith(f"PyTorch would say: `ValueError: {ran}`")
    else:
        output, h_n, c_n = ran
        shown = f"`output` is {output}: every step of the last layer. `h_n` is {h_n} and "
        assert view.words.startswith(f"{shown}`c_n` is {c_n}:")
        unused = f"so batch={values['batch']} is unused"
        assert (unused in view.words) == values["unbatched"]


@pytest.fixture(scope="module")
def shape_explorer():
    return ShapeExplorer()


@pytest.mark.parametrize("unbatched", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_at_every_extreme_it_says_what_running_the_module_gives(
    shape_explorer, bidirectional, batch_first, unbatched
):
    switches = dict(bidirectional=bidirectional, batch_first=batch_first, unbatched=unbatched)
    sliders = {n: c for n, c in shape_explorer.controls.items() if n not in switches}
    for values in itertools.product(*map(extremes, sliders.values())):
        numbers = dict(zip(sliders, values, strict=True))
        assert_shown_as_run(shape_explorer, {**numbers, **switches})


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_between_the_extremes_too(data):
    explorer = ShapeExplorer()
    values = {
        name: data.draw(
            st.booleans()
            if control.value in (True, False) and isinstance(control, widgets.Checkbox)
            else st.integers(control.min, control.max)
        )
        for name, control in explorer.controls.items()
    }
    assert_shown_as_run(explorer, values)


def test_it_starts_at_ten_words_three_sentences_and_four_layers():
    lstm = nn.LSTM(input_size=100, hidden_size=20, num_layers=4)
    count = sum(parameter.numel() for parameter in lstm.parameters())
    assert repr(ShapeExplorer()) == (
        "`output` is [10, 3, 20]: every step of the last layer. `h_n` is [4, 3, 20] and `c_n` is "
        f"[4, 3, 20]: the end of 4 layers in one direction. The model has {count:,} parameters."
    )


def test_an_impossible_combination_is_answered_in_the_words_of_torch():
    explorer = ShapeExplorer()
    explorer.set(hidden_size=8, proj_size=8)
    with pytest.raises(ValueError, match="proj_size") as refusal:
        nn.LSTM(100, 8, proj_size=8)
    assert f"PyTorch would say: `ValueError: {refusal.value}`" in explorer.describe()
    assert html.escape(str(refusal.value)) in page_of(explorer)
    explorer.set(proj_size=7)
    assert "`h_n` is [4, 3, 7] and `c_n` is [4, 3, 8]" in explorer.describe()


@pytest.mark.parametrize(
    "moved",
    [
        {},
        {"num_layers": 1},
        {"bidirectional": True, "proj_size": 5},
        {"batch_first": True, "seq_len": 30, "batch": 8},
        {"unbatched": True},
    ],
)
def test_the_code_below_the_picture_runs_and_makes_the_shapes_above_it(moved):
    explorer = ShapeExplorer()
    explorer.set(**moved)
    code = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page_of(explorer), re.S).group(1))
    names = {"nn": nn, "torch": torch}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # LSTM with projections has no oneDNN kernel
        exec(code, names)
    for name in ("output", "h_n", "c_n"):
        assert f"`{name}` is {list(names[name].shape)}" in explorer.describe()
    assert code.count("=False") == 0


def test_every_parameter_of_the_module_stands_in_its_table():
    explorer = ShapeExplorer()
    explorer.set(bidirectional=True, proj_size=5, parameters=True)
    words = re.sub(r"<[^>]+>", " ", page_of(explorer))
    words = re.sub(r"\s+", " ", words)
    lstm = nn.LSTM(100, 20, num_layers=4, bidirectional=True, proj_size=5)
    named = parameter_shapes(lstm)
    assert f"{len(named)} parameter tensors" in words
    for name, weight in lstm.named_parameters():
        axes = zip(weight.shape, named[name].names, strict=True)
        shape = " , ".join(f"{size} {axis}" for size, axis in axes)
        assert f"{name} [ {shape} ] {weight.numel():,}" in words, name


def test_an_explorer_computes_on_one_thread_and_leaves_torch_its_own(monkeypatch):
    seen = []
    look = ShapeExplorer.look

    def watched(self, **values):
        seen.append(torch.get_num_threads())
        return look(self, **values)

    monkeypatch.setattr(ShapeExplorer, "look", watched)
    torch.set_num_threads(2)
    try:
        ShapeExplorer().set(batch=4)
        assert seen == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
