"""What stands on the screen after `make lab`."""

import shutil

from tests.notebook import NOTEBOOKS, ROOT


def test_the_notebook_has_the_window_and_nobody_asks_for_news(driver, browser, tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copytree(ROOT / "share/jupyter/lab/workspaces", tmp_path / "workspaces")
    with driver.serve(tmp_path / "notebooks", tmp_path, settings={}) as lab:
        opened = driver.open_notebook(browser, lab, NOTEBOOKS[0].name, 1400, 900, view="lab/tree")
        page = opened.page
        page.wait_for_timeout(1000)  # a question about news comes late
        assert page.evaluate("window.jupyterapp.shell.leftCollapsed")
        assert page.evaluate("window.jupyterapp.shell.currentWidget.context.path") == opened.name
        assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
        assert opened.heard.outside == opened.heard.dialogs == []
        page.context.close()
