"""From a key press to the new picture on the screen, in a real JupyterLab."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.lab import CHROMIUM, Notebook, chromium, open_notebook, serve
from tools.normalise import METADATA

PRESSES, ROUNDS, BURST = 15, 4, 30
BURSTS = 9  # where in a cycle of messages one ends is chance: single ones took 0 to 146 ms
WINDOW = {"width": 1440, "height": 900}  # a laptop's
PAUSE = 150  # ms between a new picture and the next press: about four presses a second
EXPLORERS = (
    "ShapeExplorer",
    "GateExplorer",
    "LoopExplorer",
    "StackExplorer",
    "LayoutExplorer",
    "InfluenceExplorer",
)
SETUP = """
import ipywidgets as widgets
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from IPython.display import display
import lstm_teach
select_figure_formats(get_ipython(), {"png"})

def slider_of(explorer):
    # The slider with the most positions, so that most presses show something new.
    kinds = (widgets.IntSlider, widgets.FloatSlider)
    sliders = [(n, c) for n, c in explorer.controls.items() if isinstance(c, kinds)]
    name, slider = max(sliders, key=lambda each: (each[1].max - each[1].min) / each[1].step)
    slider.add_class("moved")
    return name, slider

def floor():
    slider, text = widgets.IntSlider(0, 0, 200), widgets.HTML("<b>0</b>")
    slider.add_class("moved")
    slider.observe(lambda change: setattr(text, "value", f"<b>{change.new}</b>"), "value")
    return widgets.VBox([slider, text])

def ours(name):
    explorer = getattr(lstm_teach, name)()
    slider_of(explorer)
    return explorer.widget

def theirs(name):
    explorer = getattr(lstm_teach, name)()
    control, slider = slider_of(explorer)
    own = type(slider)(slider.value, min=slider.min, max=slider.max, step=slider.step)
    own.add_class("moved")
    def draw(value):
        display(explorer.look(**{**explorer.values, control: value}).figure())
    return widgets.VBox([own, widgets.interactive_output(draw, {"value": own})])
"""
PROBE = """root => {
    window.watch?.disconnect();
    const seen = window.seen = { keys: [], frames: [], heights: new Set(), tops: new Set() };
    const handle = root.querySelector('.moved .noUi-handle');
    let mutated = 0;
    const watch = window.watch = new MutationObserver(changes => {
        if (changes.every(c => handle.contains(c.target) || c.target.closest?.('.widget-slider')
                || c.target.closest?.('.widget-text'))) return;
        seen.heights.add(root.offsetHeight);
        const mine = ++mutated;
        const images = [...root.querySelectorAll('img')];
        if (root.classList.contains('draws') && !root.querySelector('img, svg[role=img]')) return;
        Promise.all(images.map(i => i.decode().catch(() => null))).then(() =>
            requestAnimationFrame(() => requestAnimationFrame(() => {
                if (mine === mutated) seen.frames.push(performance.now());
            })));
    });
    watch.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
    root.addEventListener('keydown', () => {
        seen.keys.push(performance.now()); seen.tops.add(root.getBoundingClientRect().top);
    }, true);
}"""


PLACES = "() => [[...seen.heights], [...seen.tops]]"


def rows() -> Iterator[tuple[str, float, str, float, float | None]]:
    """Each explorer over the floor, and over interactive_output that draws the same figure."""
    if CHROMIUM is None:
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "notebooks"
        folder.mkdir()
        _write(folder / "latency.ipynb")
        with serve(folder, Path(scratch)) as lab, chromium() as browser:
            opened = open_notebook(browser, lab, "latency.ipynb", **WINDOW)
            opened.run_all()
            for name in EXPLORERS:
                tags = ("floor", name, f"{name}-reference")
                # A machine is never at rest: all three in turn, a few presses at a time.
                rounds = [[_pressed(opened, tag) for tag in tags] for _ in range(ROUNDS)]
                floor, ours, theirs = (_figures(*runs) for runs in zip(*rounds, strict=True))
                bursts = _figures(_bursts(opened, name))
                ours |= {"burst": bursts["median"], "moves": max(ours["moves"], bursts["moves"])}
                yield "floor: a ready string into HTML", floor["median"], "itself", 1.0, None
                yield from _rows(name, ours, theirs, floor)


def _rows(
    name: str, ours: dict[str, Any], theirs: dict[str, Any], floor: dict[str, Any]
) -> Iterator[tuple[str, float, str, float, float | None]]:
    mine = ours["median"]
    yield f"{name}: key to picture, median", mine, "the floor", mine / floor["median"], 1.25
    reference = "interactive_output, same figure"
    yield f"{name}: key to picture, median", mine, reference, mine / theirs["median"], 0.6
    yield f"{name}: key to picture, p95", ours["p95"], "the floor", ours["p95"] / floor["p95"], 1.6
    yield f"{name}: end of {BURST} presses", ours["burst"], "120 ms", ours["burst"] / 120, 1
    moved = ours["moves"]
    yield f"{name}: pixels that the page moves", moved, "none (1 = still)", 1 + moved, 1


def _write(path: Path) -> None:
    cells = [new_code_cell(SETUP), new_code_cell(_tagged("floor", "floor()"))]
    for name in EXPLORERS:
        cells.append(new_code_cell(_tagged(name, f"ours({name!r})")))
        cells.append(new_code_cell(_tagged(f"{name}-reference", f"theirs({name!r})")))
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), path)


def _tagged(tag: str, code: str) -> str:
    draws = "" if tag == "floor" else '; w.add_class("draws")'
    return f'w = {code}; w.add_class("probe-{tag}"){draws}; w'


Seen = tuple[list[float], list[float], list[float]]
"""Some waits, and the heights and places that the picture had meanwhile."""


def _pressed(opened: Notebook, tag: str) -> Seen:
    """Press an arrow key `PRESSES` times, and wait for each picture."""
    page, handle = opened.page, _handle(opened, tag)
    waits, key = [], "ArrowRight"
    for _ in range(PRESSES):
        key = _onward(handle, key)
        handle.focus()
        page.evaluate("() => { seen.frames.length = seen.keys.length = 0 }")
        page.keyboard.press(key)
        page.wait_for_function("() => seen.frames.length", polling=5, timeout=20_000)
        page.wait_for_timeout(PAUSE)
        waits.append(page.evaluate("() => seen.frames[0] - seen.keys[0]"))
    return waits, *page.evaluate(PLACES)


def _figures(*runs: Seen) -> dict[str, float]:
    """The median and the 95th percentile of the waits, and how far anything moved."""
    waits = sorted(wait for run, *_ in runs for wait in run)
    every = [height for _, heights, _ in runs for height in heights]
    spreads = [max(places) - min(places) for places in (every, *(tops for *_, tops in runs))]
    p95 = waits[round(0.95 * (len(waits) - 1))]
    return {"median": median(waits), "p95": p95, "moves": max(spreads)}


def _bursts(opened: Notebook, tag: str) -> Seen:
    """Press it `BURST` times as fast as it can be sent, again and again, and wait each time for the
    last picture after the last press."""
    page, handle = opened.page, _handle(opened, tag)
    ends, key = [], "ArrowRight"
    for _ in range(BURSTS):
        page.evaluate("() => { seen.frames.length = seen.keys.length = 0 }")
        for _ in range(BURST):
            key = _onward(handle, key)
            page.keyboard.press(key)
        page.wait_for_timeout(1500)
        late = "() => Math.max(0, (seen.frames.at(-1) ?? 0) - seen.keys.at(-1))"
        ends.append(page.evaluate(late))
    return ends, *page.evaluate(PLACES)


def _handle(opened: Notebook, tag: str) -> Any:
    """The slider's handle, in view and watched."""
    root = opened.page.locator(f".probe-{tag}")
    root.scroll_into_view_if_needed()
    opened.settle()
    handle = root.locator(".moved .noUi-handle").first
    root.evaluate(PROBE)
    handle.focus()
    return handle


def _onward(handle: Any, key: str) -> str:
    """The same key, or the other one where the slider is at its end."""
    now, low, high = (
        float(handle.get_attribute(f"aria-value{each}")) for each in ("now", "min", "max")
    )
    if key == "ArrowRight" and now >= high:
        return "ArrowLeft"
    if key == "ArrowLeft" and now <= low:
        return "ArrowRight"
    return key
