"""Two notebooks side by side in one JupyterLab, each with a kernel of its own."""

from types import SimpleNamespace

import pytest

from tests.notebook import NOTEBOOKS, first_line, load, raises_as_meant


@pytest.fixture(scope="module")
def two(driver, lab, browser):
    """Two open notebooks, and one explorer of each, after the cells that it needs."""
    left = driver.open_notebook(browser, lab, NOTEBOOKS[0].name, view="lab/tree")
    explorers = [run_first_explorer(left, load(NOTEBOOKS[0]))]
    right = left.beside(NOTEBOOKS[2].name)
    explorers.append(run_first_explorer(right, load(NOTEBOOKS[2])))
    yield SimpleNamespace(left=left, file=load(NOTEBOOKS[0]), explorers=explorers)
    left.page.context.close()
    lab.end_kernels()


@pytest.fixture
def controls(two):
    """The first control of each explorer."""
    from tests.browser.controls import Control

    return [
        Control(two.left.page, explorer, explorer.locator(".lstm-control").first)
        for explorer in two.explorers
    ]


def run_first_explorer(opened, file):
    """Run the import cell and the first cell that shows an explorer; the explorer."""
    cell = next(cell for cell in file.code[2:] if "Explorer(" in cell.source)
    for each in (file.imports, cell):
        opened.run_cell(file.cells.index(each))
    explorer = opened.cell(file.cells.index(cell)).locator(".lstm-explorer")
    explorer.locator(".lstm-picture svg").wait_for(timeout=20_000)
    return explorer


def test_an_explorer_moves_its_own_picture_and_leaves_that_of_the_other_notebook(
    two, lab, controls
):
    assert len(lab.api("kernels")) == 2
    for moved, still in (controls, controls[::-1]):
        before = still.shown()
        assert not moved.move(), f"{moved.name}: picture or sentence stayed as it was"
        assert still.shown() == before
    assert not two.left.heard.errors


def test_after_a_restart_a_section_in_the_middle_needs_the_import_cell_alone(two, controls):
    opened, sections = two.left, two.file.sections
    opened.cell(0).click()
    opened.restart()
    cells = [two.file.imports, *sections[len(sections) // 2].code]
    for number, cell in enumerate(cells, 1):
        opened.run_cell(two.file.cells.index(cell))
        place = two.file.code.index(cell)
        prompt = opened.prompts()[place]
        assert prompt == f"[{number}]:", f"{first_line(cell)} shows {prompt}"
        assert raises_as_meant(cell, opened.outputs()[place]), first_line(cell)
    assert not controls[1].move(), "the explorer of the other notebook has lost its kernel"
