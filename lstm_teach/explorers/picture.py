"""A drawing with its words, alone or below controls that draw it anew."""

from __future__ import annotations

import base64
import html
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from textwrap import wrap
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from traitlets import link

from ..checks.running import one_thread
from ..figures import raster, unrolled
from ..figures.drawing import Drawing, Style, Words
from ..figures.palette import STYLE, css
from ..figures.svg import svg
from ..language import translated, translated_html

VIEW = "application/vnd.jupyter.widget-view+json"
Traits = Mapping[str, Mapping[str, Any]]
LABEL = {"description_width": "110px"}
PANEL = (
    f"background:{css('paper')};color:{css('ink')};padding:8px 12px;font-size:13px;"
    "line-height:1.45;max-width:1076px;overflow-x:auto"
)


def rich(words: str) -> str:
    """Words as they may stand in HTML: escaped, with what is in backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


class Picture:
    """A drawing with the sentence that says what it shows.

    In a running notebook it is inline SVG whose name is the sentence, with the same sentence below
    it. In a notebook that nobody has run, or that is not trusted, it is a PNG. In plain text, it
    is the sentence.

    Args:
        drawing: what to show: a Drawing, or what another Picture shows.
        words: one or two sentences that say what it shows; plain text. Left out, its own.
        details: further HTML, shown below; the caller escapes what a learner typed.
    """

    def __init__(self, drawing: Drawing | Picture, words: str = "", details: str = "") -> None:
        """Show `drawing` with `words` below it."""
        self.update(drawing, words, details)

    @cached_property
    def widget(self) -> widgets.Widget:
        """The living face, made when it is first shown."""
        return widgets.VBox([widgets.HTML(STYLE, layout={"display": "none"}), self._page])

    @cached_property
    def _page(self) -> widgets.HTML:
        """One widget for all that changes: a new picture is one message to the browser."""
        page = widgets.HTML(self._html())
        page.add_class("lstm-figure")
        return page

    def update(self, drawing: Drawing | Picture, words: str = "", details: str = "") -> None:
        """Show another drawing in the same place, such as the next point of a curve."""
        if isinstance(drawing, Picture):
            words, details = words or drawing.words, details or drawing.details
            drawing = drawing.drawing
        self.drawing: Drawing = drawing
        self.words: str = translated(words or drawing.words)
        self.details: str = details
        if "_page" in self.__dict__:
            self._page.value = self._html()

    def _html(self) -> str:
        return (
            f'<div class="lstm-picture">{svg(self.drawing, self.words)}</div>'
            '<p class="lstm-sentence" role="status" style="margin:4px 0;max-width:68em;'
            f'min-height:2.9em;font-size:14px;line-height:1.45">{rich(self.words)}</p>'
            f"{_in_the_picture(self.drawing)}{translated_html(self.details)}"
        )

    def figure(self) -> Figure:
        """The picture as a matplotlib Figure."""
        return raster.figure(self.drawing)

    def _png(self) -> bytes:
        return raster.png(self.drawing)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The three faces; the view is what JupyterLab shows where it can.

        Where the widget cannot live, JupyterLab and VS Code fall back to the image. There is no
        text/html: both would prefer it to the image, and take the SVG out of it in an untrusted
        notebook. The view is spelled out: ipywidgets 7, which Colab has, makes none for others.
        """
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        png = base64.b64encode(self._png()).decode()
        return {VIEW: view, "image/png": png, "text/plain": self.words}

    def __repr__(self) -> str:
        """The sentence."""
        return self.words


def _in_the_picture(drawing: Drawing) -> str:
    """What stands in a picture beyond names, in the reader's language: the picture is English."""
    words = (each for each in drawing.shapes if isinstance(each, Words) and not each.mono)
    texts = dict.fromkeys(text for each in words if " " in (text := each.text.strip(": ")))
    pairs = [f"“{text}” {said}" for text in texts if (said := translated(text)) != text]
    line = translated("In the picture: {}.").format(translated("; ").join(pairs))
    return f'<p style="margin:4px 0;font-size:13px">{rich(line)}</p>' * bool(pairs)


def draw_unrolled(lstm: nn.LSTM, x: Tensor) -> Picture:
    """Show an nn.LSTM unrolled over x: time to the right, layers up, the batch in depth."""
    return Picture(unrolled.draw_unrolled(lstm, x))


def refusal(code: str, error: Exception, why: str, height: int, details: str = "") -> Picture:
    """What PyTorch answers where it refuses an expression or an input, and why."""
    drawing, middle = Drawing(1100, height), height / 2
    message = f"{type(error).__name__}: {error}"
    drawing.text(550, middle + 35, code, size=11, mono=True)
    drawing.text(550, middle, "PyTorch would say", size=11, color="muted")
    said = "\n".join(wrap(message, 100))
    drawing.text(550, middle - 35, said, below=24, size=11, bold=True, mono=True)
    message = message.replace("`", "'")  # it stands in backticks
    return Picture(drawing, f"PyTorch would say: `{message}`. {why}", details)


class Explorer(Picture, ABC):
    """A picture and its sentence, with controls that draw them anew.

    A subclass makes its controls, hands them over, and says in `look` what their values show.

    Attributes:
        controls: the widget behind each name; set its `value` to move it.
        preview: moves whose outcome stands below the first picture where no kernel runs.
    """

    preview: Sequence[Mapping[str, Any]] = ()

    def __init__(self, controls: Mapping[str, Any], *extra: widgets.Widget) -> None:
        """Lay out `controls` (and `extra` widgets such as buttons) above the picture."""
        self.controls = dict(controls)
        self._quiet = False
        for name, control in self.controls.items():
            self._move(self.follow(name, self.values))
            control.add_class("lstm-control")
            control.observe(partial(self._moved, name), "value")
        super().__init__(self._see(self.values))
        # Linked after the controls are observed: a new picture leaves before a field's new number.
        for control in self.controls.values():
            for trait in ("value", "disabled", "max") if hasattr(control, "field") else ():
                link((control, trait), (control.field, trait))
        rows = [getattr(control, "row", control) for control in self.controls.values()]
        wrap = {"flex_flow": "row wrap"}
        panel = widgets.Box([*rows, widgets.Box(extra, layout=wrap)], layout=wrap)
        self.widget = widgets.VBox([panel, self.widget])
        self.widget.add_class("lstm-explorer")

    def _see(self, values: Mapping[str, Any]) -> Picture:
        # The context slows every call of torch, and is for a reader who chose another default.
        at_home = torch.get_default_device().type == "cpu"
        with one_thread(), nullcontext() if at_home else torch.device("cpu"):
            return self.look(**values)

    @abstractmethod
    def look(self, *args: Any, **values: Any) -> Picture:
        """Compute what the controls' values show; called with every control's value by name."""

    def follow(self, moved: str, values: dict[str, Any]) -> Traits:
        """What other controls become where the control `moved` has moved: their traits by name."""
        return {}

    @property
    def values(self) -> dict[str, Any]:
        """The value of every control."""
        values = {name: control.value for name, control in self.controls.items()}
        # A slider's 0.30000000000000004 is 0.3, so that the same place is the same value.
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}

    def set(self, **values: Any) -> None:
        """Move several controls and redraw once."""
        for name, value in values.items():
            self._move({name: {"value": value}})
            self._move(self.follow(name, self.values))
        self.update(self._see(self.values))

    def describe(self) -> str:
        """The sentence that says what the picture shows now."""
        return self.words

    def _moved(self, name: str, _: Any) -> None:
        if self._quiet:
            return
        values = self.values
        followers = self.follow(name, values)
        # The eye waits for the picture: it is drawn for the other controls before they move.
        new = {each: traits["value"] for each, traits in followers.items() if "value" in traits}
        self.update(self._see(values | new))
        time.sleep(0.0005)  # for the thread that sends it
        self._move(followers)

    def _move(self, controls: Traits) -> None:
        """Change controls without a redraw."""
        self._quiet = True
        try:
            for name, traits in controls.items():
                with self.controls[name].hold_sync():
                    for trait, value in traits.items():
                        setattr(self.controls[name], trait, value)
        finally:
            self._quiet = False

    def _png(self) -> bytes:
        values = self.values
        sheets = [_caption(values), self.drawing]
        for move in self.preview:
            if there := {k: v for k, v in move.items() if k in values and v != values[k]}:
                sheets += [_caption(there), self._see(values | there).drawing]
        return raster.png(*sheets)


def _caption(values: Mapping[str, Any]) -> Drawing:
    """Where the controls stand, in English as the pictures are."""
    drawing, said = Drawing(1100, 26), ", ".join(f"{k}: {value}" for k, value in values.items())
    drawing.cells({(0, 0, 1100, 26): (said, Style("panel", "none", size=8.5))})
    return drawing


def number(name: str, value: float, low: float, high: float, step: float = 1) -> Any:
    """A slider, of whole numbers where `step` is one, behind a number field with its label.

    A slider of ipywidgets has no name that a screen reader could say; the field has one.
    """
    kinds: Any = (widgets.FloatSlider, widgets.BoundedFloatText)
    if isinstance(step, int):
        kinds = (widgets.IntSlider, widgets.BoundedIntText)
    slider, field = (kind(value=value, min=low, max=high, step=step) for kind in kinds)
    slider.readout, slider.layout.width = False, "150px"
    field.style, field.layout.width, slider.field = LABEL, "180px", field
    slider.row = widgets.HBox([field, slider], layout={"margin": "0 12px 0 0"})
    return _named(name, slider)


def switch(name: str, value: bool = False) -> Any:
    """Something that is on or off."""
    return _named(name, widgets.Checkbox(value, indent=False, layout={"width": "150px"}))


def choice(name: str, options: Iterable[Any], value: Any = None) -> Any:
    """One of several options: words, or pairs of a label and what it stands for.

    Buttons, because JupyterLab keeps the arrow keys and letters that would move a drop-down list or
    radio buttons for its own commands; a focused button takes the space bar.
    """
    pairs = [each if isinstance(each, tuple) else (each, each) for each in options]
    shown = [(translated(label), option) for label, option in pairs]
    chosen = pairs[0][1] if value is None else value
    style = {**LABEL, "button_width": "auto"}
    return _named(name, widgets.ToggleButtons(options=shown, value=chosen, style=style))


def _named(name: str, control: Any) -> Any:
    """A control with its label in the reader's language."""
    getattr(control, "field", control).description = translated(name)
    return control


def constructor(options: Mapping[str, Any], *sizes: int) -> str:
    """The line that makes an nn.LSTM, its sizes first where they stand alone, no defaults."""
    defaults = {"num_layers": 1, "proj_size": 0, "bidirectional": False, "batch_first": False}
    given = [f"{name}={value}" for name, value in options.items() if defaults.get(name) != value]
    return f"lstm = nn.LSTM({', '.join([*map(str, sizes), *given])})"


def button(label: str, press: Callable[[], Any]) -> widgets.Button:
    """A button that calls `press`."""
    made = widgets.Button(description=translated(label))
    made.on_click(lambda _: press())
    return made


def both_ways(slider: Any, what: str) -> list[widgets.Button]:
    """Two buttons that move a slider one back and one on, as far as it goes."""

    def move(by: int) -> None:
        slider.value = min(max(slider.value + by, slider.min), slider.max)

    return [button(f"Previous {what}", lambda: move(-1)), button(f"Next {what}", lambda: move(1))]
