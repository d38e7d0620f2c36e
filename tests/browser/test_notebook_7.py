"""The first notebook in Jupyter Notebook 7, as some teachers' machines have it."""

import shutil
from importlib.util import find_spec
from types import SimpleNamespace

import nbformat
import pytest

from tests.notebook import NOTEBOOKS, ROOT, first_line, load, raises_as_meant

pytestmark = pytest.mark.skipif(not find_spec("notebook"), reason="notebook is not installed")


@pytest.fixture(scope="module")
def opened(driver, browser, tmp_path_factory):
    """The first notebook after Run All."""
    scratch = tmp_path_factory.mktemp("notebook7")
    shutil.copytree(ROOT / "notebooks", scratch / "notebooks")
    with driver.serve(scratch / "notebooks", scratch, app="notebook") as lab:
        opened = driver.open_notebook(browser, lab, NOTEBOOKS[0].name, view="notebooks")
        before = opened.page.locator(".jp-OutputArea-output img").count()
        opened.run_all()
        yield SimpleNamespace(notebook=opened, file=load(NOTEBOOKS[0]), pictures=before)
        opened.page.context.close()


def test_it_shows_its_pictures_unrun_and_runs_to_its_end(opened):
    assert opened.pictures > 0
    for cell, outputs in zip(opened.file.code, opened.notebook.outputs(), strict=True):
        assert raises_as_meant(cell, outputs), first_line(cell)
    assert opened.notebook.heard.outside == []


def test_the_keyboard_moves_an_explorer(opened):
    """By the number fields: the arrow keys on a slider's handle are Jupyter Notebook's own."""
    from tests.browser.controls import Control

    page = opened.notebook.page
    explorer = page.locator(".lstm-explorer").first
    number = explorer.locator("input[type=number]").first
    for field in (number, explorer.locator("input[type=checkbox]").first):
        control = Control(page, explorer, field.locator("xpath=.."))
        assert not control.move(), f"{control.name}: picture or sentence stayed as it was"


def test_saved_it_keeps_a_picture_for_each_explorer(opened):
    opened.notebook.command("docmanager:save")
    saved = nbformat.read(opened.notebook.lab.folder / NOTEBOOKS[0].name, as_version=4)
    widgets = [
        output["data"]
        for cell in saved.cells
        for output in cell.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert widgets
    assert all("image/png" in data for data in widgets)
