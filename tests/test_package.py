"""Names are loaded when they are used, and a checker needs no drawing library."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lstm_teach

PACKAGE = Path(lstm_teach.__file__).parent
SHOWING = {"matplotlib", "ipywidgets"}


def imported_by(code):
    """The top-level modules that a fresh Python has imported after running some code."""
    tell = "; import json, sys; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + tell], capture_output=True, text=True, timeout=120, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def imports_of(path):
    """The full names of all modules that a file imports, at any depth."""
    here = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(here[: -node.level]) + "." if node.level else ""
            yield from (f"{start}{node.module or ''}.{alias.name}" for alias in node.names)


def files_of(*parts):
    """The files of some parts of the package: modules and folders by name."""
    found = [p for part in parts for p in (PACKAGE / f"{part}.py", *(PACKAGE / part).glob("*.py"))]
    return [path for path in found if path.exists()]


@pytest.mark.parametrize("name", [name for name in lstm_teach.__all__ if not name.isupper()])
def test_every_name_of_the_package_loads(name):
    value = getattr(lstm_teach, name)
    assert value.__name__ == name
    assert value.__module__.startswith("lstm_teach.")
    assert value.__doc__
    assert name in dir(lstm_teach)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'check_everything'"):
        _ = lstm_teach.check_everything


def test_checkers_import_neither_matplotlib_nor_ipywidgets():
    checkers = [name for name in lstm_teach.__all__ if name.startswith("check_")]
    imported = imported_by(f"from lstm_teach import {', '.join(checkers)}")
    assert "torch" in imported
    assert not SHOWING & imported


def test_an_influence_needs_no_symbolic_mathematics():
    lstm = "import torch; lstm = torch.nn.LSTM(2, 3); x = torch.randn(4, 1, 2);"
    plain = imported_by(f"{lstm} lstm(x)[0].sum().backward()")
    ours = imported_by(f"{lstm} from lstm_teach import influence; influence(lstm, x, (1, 0))")
    assert "sympy" not in ours - plain


def test_importing_the_package_alone_imports_no_torch():
    assert not {"torch", *SHOWING} & imported_by("import lstm_teach")


def test_drawing_needs_no_widgets_and_no_pyplot():
    code = (
        "import sys, torch; from lstm_teach.figures.unrolled import draw_unrolled;"
        "from lstm_teach.figures.raster import figure;"
        "figure(draw_unrolled(torch.nn.LSTM(2, 3), torch.zeros(4, 1, 2)));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    imported = imported_by(code)
    assert "matplotlib" in imported
    assert "ipywidgets" not in imported


def names_below(*parts):
    return tuple(f"lstm_teach.{part}" for part in parts)


@pytest.mark.parametrize(
    ("parts", "never"),
    [
        (("shapes", "cells", "layouts"), names_below("figures", "explorers", "checks")),
        (("checks",), names_below("figures", "explorers")),
        (("figures",), names_below("explorers", "checks")),
    ],
)
def test_imports_run_one_way(parts, never):
    files = files_of(*parts)
    assert len(files) >= len(parts)
    for path in files:
        for name in imports_of(path):
            assert not name.startswith(never), f"{path.name} imports {name}"
            showing = parts != ("figures",) and name.split(".")[0] in SHOWING
            assert not showing, f"{path.name} imports {name}"


def test_only_explorers_import_ipywidgets():
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "explorers":
            assert not any(name.startswith("ipywidgets") for name in imports_of(path)), path
