"""What every explorer is: labelled controls above one picture and one sentence."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure
from traitlets import link

from ..figures.canvas import png
from .picture import Picture

LABEL = {"description_width": "110px"}
PAUSE = 0.03  # seconds without a move before the next picture is drawn ahead


@dataclass(frozen=True)
class View:
    """What an explorer shows for one setting of its controls."""

    figure: Figure
    words: str
    details: str = ""


class Explorer(ABC):
    """Controls, one picture and one sentence, redrawn together.

    A subclass makes its controls, hands them over, and says in `look` what their values show.

    Attributes:
        controls: the widget behind each name; set its `value` to move it.
    """

    def __init__(self, controls: Mapping[str, widgets.ValueWidget], *extra: widgets.Widget) -> None:
        """Lay out `controls` (and `extra` widgets such as buttons) above the picture."""
        self.controls = dict(controls)
        self._seen = lru_cache(maxsize=64)(self._render)
        self._quiet = False
        self._ahead: asyncio.TimerHandle | None = None
        view = self.look(**self.values)
        self._picture = Picture(view.figure, view.words, view.details)
        rows = [_with_number_field(control) for control in self.controls.values()]
        panel = widgets.Box([*rows, *extra], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([panel, self._picture.widget])
        self.widget.add_class("lstm-explorer")
        for control in self.controls.values():
            control.add_class("lstm-control")
            control.observe(self._redraw, "value")

    @abstractmethod
    def look(self, **values: Any) -> View:
        """Compute what the controls' values show; called with every control's value by name."""

    @property
    def values(self) -> dict[str, Any]:
        """The value of every control."""
        return {name: _rounded(control.value) for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Move several controls and redraw once."""
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False
        self._redraw()

    def describe(self) -> str:
        """The sentence that says what the picture shows now."""
        return self._picture.words

    def figure(self) -> Figure:
        """The picture as a matplotlib Figure, drawn anew."""
        return self.look(**self.values).figure

    def _render(self, *values: Any) -> tuple[bytes, str, str]:
        view = self.look(**dict(zip(self.controls, values, strict=True)))
        return png(view.figure), view.words, view.details

    def _redraw(self, change: Any = None) -> None:
        if self._quiet:
            return
        self._picture.show(*self._seen(*self.values.values()))
        if change is not None and hasattr(change.owner, "step"):
            self._look_ahead(change.owner, change.new - change.old)

    def _look_ahead(self, slider: Any, by: float) -> None:
        """Draw what the next press of the same key will show, while the kernel is idle."""
        if self._ahead:
            self._ahead.cancel()
        upcoming = _rounded(slider.value + by)
        if not slider.min <= upcoming <= slider.max:
            return
        moved = next(name for name, control in self.controls.items() if control is slider)
        values = self.following({**self.values, moved: upcoming})
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # outside of a kernel nobody presses keys
            return
        self._ahead = loop.call_later(PAUSE, self._seen, *values.values())

    def following(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values after a move, where one control moves others with it."""
        return values

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._picture.bundle(self.widget)

    def __repr__(self) -> str:
        """The sentence."""
        return self.describe()


def whole_number(name: str, value: int, low: int, high: int) -> widgets.IntSlider:
    """A slider for a whole number; the explorer sets a labelled number field beside it."""
    return widgets.IntSlider(value, low, high, description=name, readout=False)


def real_number(name: str, value: float, low: float, high: float, step: float) -> Any:
    """A slider for a real number; the explorer sets a labelled number field beside it."""
    return widgets.FloatSlider(value, min=low, max=high, step=step, description=name, readout=False)


def switch(name: str, value: bool = False) -> widgets.Checkbox:
    """Something that is on or off."""
    return widgets.Checkbox(value, description=name, indent=False, layout={"width": "150px"})


def choice(name: str, options: Any, value: Any = None) -> widgets.ToggleButtons:
    """One of several options.

    Buttons, because JupyterLab keeps the arrow keys and letters that would move a drop-down list or
    radio buttons for its own commands; a focused button takes the space bar.
    """
    chosen = {} if value is None else {"value": value}
    style = {**LABEL, "button_width": "auto"}
    return widgets.ToggleButtons(options=options, description=name, style=style, **chosen)


def _rounded(value: Any) -> Any:
    """A slider's 0.30000000000000004 as 0.3, so that the same place is the same value."""
    return round(value, 6) if isinstance(value, float) else value


def _with_number_field(control: widgets.ValueWidget) -> widgets.Widget:
    """The slider behind a number field that carries its label.

    A slider of ipywidgets has no name that a screen reader could say; the field has one.
    """
    fields = {
        widgets.IntSlider: widgets.BoundedIntText,
        widgets.FloatSlider: widgets.BoundedFloatText,
    }
    if type(control) not in fields:
        return control
    field = fields[type(control)](
        value=control.value,
        min=control.min,
        max=control.max,
        step=control.step,
        description=control.description,
        style=LABEL,
        layout={"width": "180px"},
    )
    control.description = ""
    control.layout.width = "150px"
    link((control, "value"), (field, "value"))
    link((control, "disabled"), (field, "disabled"))
    link((control, "max"), (field, "max"))
    return widgets.HBox([field, control], layout={"margin": "0 12px 0 0"})
