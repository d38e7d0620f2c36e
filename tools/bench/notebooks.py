"""What a notebook costs: seconds and memory under nbval, and the kernel's memory after Run All."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebook import NOTEBOOKS
from tools.normalise import METADATA, execute, tidy

# In a Python of its own, because a process remembers only the largest of its children.
TIMED = """
import resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run([sys.executable, *sys.argv[1:]], stdout=sys.stderr, check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(time.perf_counter() - begin, peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))
"""
NBVAL = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env")
TRAINS = ("04", "05")
BINDER_MIB = 320


def rows() -> Iterator[tuple[str, float, str, float, float | None]]:
    """Each notebook over one that imports torch, matplotlib and ipywidgets and does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "imports.ipynb"
        cell = new_code_cell("import torch\nimport matplotlib.figure\nimport ipywidgets")
        lesson = new_notebook(cells=[cell], metadata=METADATA)
        cell.execution_count = 1
        tidy(lesson)
        nbformat.write(lesson, empty)
        least_seconds, least_peak = _nbval(empty)
    over = "a notebook that only imports"
    for path in NOTEBOOKS:
        seconds, peak = _nbval(path)
        goal = None if path.stem.startswith(TRAINS) else 1.5
        yield f"{path.stem} under nbval, s", seconds, over, seconds / least_seconds, goal
        yield f"{path.stem} under nbval, peak MiB", peak, over, peak / least_peak, None
        memory = _kernel(path)
        goal = None if path.stem.startswith("05") else 1.0
        yield (
            *(f"{path.stem} after Run All, kernel MiB", memory),
            *(f"{BINDER_MIB} MiB", memory / BINDER_MIB, goal),
        )


def _nbval(path: Path) -> tuple[float, float]:
    """Seconds of the whole run, and the MiB of its largest process, which is the kernel."""
    command = [sys.executable, "-c", TIMED, *NBVAL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{path.name} does not pass under nbval:\n{done.stderr[-2000:]}")
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def _kernel(path: Path) -> float:
    """MiB that the kernel holds after its last cell."""
    lesson = nbformat.read(path, as_version=4)
    code = "import psutil; print(psutil.Process().memory_info().rss)"
    lesson.cells.append(new_code_cell(code))
    execute(lesson, path.parent)
    return int(lesson.cells[-1].outputs[0].text) / (1 << 20)
