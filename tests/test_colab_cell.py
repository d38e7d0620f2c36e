"""The cell before the imports fetches lstm_teach in Colab, and does nothing anywhere else."""

import io
import sys
import urllib.request
from types import ModuleType

import pytest

from tests.notebook import NOTEBOOKS, Kernel, load, tagged

every_notebook = pytest.mark.parametrize(
    "notebook", [pytest.param(load(path), id=path.stem) for path in NOTEBOOKS]
)


@pytest.fixture
def installed(monkeypatch):
    """Runs a cell in a Colab that has opened this file; what pip is then asked for."""

    def run(cell, file):
        session = f'[{{"kernel": {{"id": "1"}}, "path": "fileId={file}", "type": "notebook"}}]'
        monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
        monkeypatch.setattr(urllib.request, "urlopen", lambda url: io.BytesIO(session.encode()))
        kernel, asked = Kernel(), []
        kernel.shell.register_magic_function(asked.append, magic_name="pip")
        kernel.run(cell.source)
        return asked

    return run


@every_notebook
def test_it_stands_before_the_imports_and_does_nothing_here(notebook):
    assert [tagged(cell, "colab") for cell in notebook.code[:2]] == [True, False]
    assert "google.colab" not in sys.modules
    kernel = Kernel()
    kernel.shell.register_magic_function(pytest.fail, magic_name="pip")
    kernel.run(notebook.code[0].source)


@pytest.mark.parametrize(
    "file",
    [
        "https%3A//github.com/ada/lstm_teach/blob/main/notebooks/01_lstm_shapes.ipynb",
        "https%3A%2F%2Fgithub.com%2Fada%2Flstm_teach%2Fblob%2Fmain%2F01_lstm_shapes.ipynb",
    ],
)
@every_notebook
def test_colab_takes_the_package_from_the_repository_of_the_notebook(notebook, file, installed):
    asked = installed(notebook.code[0], file)
    assert asked == ['install -q "lstm_teach @ git+https://github.com/ada/lstm_teach"']


@every_notebook
def test_a_copy_in_a_drive_is_told_where_to_open_it(notebook, installed):
    with pytest.raises(AssertionError, match="from GitHub"):
        installed(notebook.code[0], "1x2YzDriveFileId")
