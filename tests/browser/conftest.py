"""One JupyterLab and one browser for all the tests, and each notebook opened and run once."""

import os
import re
import shutil
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from tests.notebook import CHINESE, NOTEBOOKS, ROOT, load, name

ARTEFACTS = ROOT / "artefacts"


@pytest.fixture(scope="session")
def driver():
    """The module that drives the browser; a skip where there is none, and a failure in CI."""
    missing = "playwright" if find_spec("playwright") is None else None
    if not missing:
        from tests.browser import lab

        missing = None if lab.CHROMIUM else "a Chromium or Chrome"
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{missing} is not installed")
    return lab


@pytest.fixture(scope="package")
def lab(driver, tmp_path_factory):
    """A JupyterLab that serves a copy of the notebooks."""
    scratch = tmp_path_factory.mktemp("lab")
    folder = scratch / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    with driver.serve(folder, scratch) as lab:
        yield lab


@pytest.fixture(scope="package")
def browser(driver):
    """A headless Chromium."""
    with driver.chromium() as browser:
        yield browser


# Of the Chinese ones, which have the same code, one is looked at.
@pytest.fixture(scope="module", params=NOTEBOOKS + CHINESE[:1], ids=name)
def lesson(request, driver, lab, browser):
    """A notebook after Run All, with what could be seen before."""
    path = request.param
    opened = driver.open_notebook(browser, lab, str(path.relative_to(ROOT / "notebooks")))
    shots = ARTEFACTS / name(path)
    shutil.rmtree(shots, ignore_errors=True)
    opened.pieces(shots, "before")
    images = opened.page.locator(".jp-OutputArea-output img")
    seen = SimpleNamespace(
        pictures=images.evaluate_all("images => images.filter(i => i.naturalWidth > 1).length"),
        text=opened.page.locator(".jp-Notebook").inner_text(),
        folded=opened.page.locator(".jp-OutputPlaceholder").all_inner_texts(),
    )
    opened.run_all()
    opened.pieces(shots, "after")
    yield SimpleNamespace(
        name=name(path),
        language="zh" if path in CHINESE else "en",
        file=load(path),
        opened=opened,
        page=opened.page,
        before=seen,
        shots=shots,
    )
    opened.page.context.close()
    lab.end_kernels()


@pytest.fixture
def file_name():
    """Makes a file name of any text."""
    return lambda text: re.sub(r"\W+", "-", text).strip("-").lower() or "control"
