"""Two notebooks side by side in one JupyterLab, each with a kernel of its own."""

from tests.notebook import NOTEBOOKS, load

PICTURE = ".lstm-picture img"


def run_first_explorer(opened, file):
    """Run the import cell and the first cell that shows an explorer."""
    cell = next(cell for cell in file.code[1:] if "Explorer(" in cell.source)
    for each in (file.imports, cell):
        opened.run_cell(file.cells.index(each))
    explorer = opened.cell(file.cells.index(cell)).locator(".lstm-explorer")
    explorer.locator(PICTURE).wait_for(timeout=20_000)
    return explorer


def test_an_explorer_moves_its_own_picture_and_leaves_that_of_another_notebook(
    driver, lab, browser
):
    from tests.browser.controls import Control

    one, other = NOTEBOOKS[0], NOTEBOOKS[2]
    left = driver.open_notebook(browser, lab, one.name, view="lab")
    try:
        explorers = [run_first_explorer(left, load(one))]
        right = left.beside(other.name)
        explorers.append(run_first_explorer(right, load(other)))
        assert len(lab.api("kernels")) == 2
        pages = [Control(left.page, e, e.locator(".lstm-control").first) for e in explorers]
        for moved, still in (pages, pages[::-1]):
            before = still.shown()
            assert not moved.move(), f"{moved.name}: picture or sentence stayed as it was"
            assert still.shown() == before
        assert not left.heard.errors
    finally:
        left.page.context.close()
        lab.end_kernels()
