"""Importing lstm_teach, held against importing what it cannot do without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from statistics import median

GOAL = 1.05
ROUNDS = 7
OURS = "import lstm_teach; lstm_teach.ShapeExplorer, lstm_teach.check_cell"
THEIRS = (
    "import torch, ipywidgets, matplotlib.figure, matplotlib.backends.backend_agg, "
    "matplotlib.collections"
)


def rows() -> Iterator[tuple[str, float, str, float, float]]:
    """Each in a Python of its own, timed inside of it."""
    times: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for _ in range(ROUNDS):
        for code, measured in times.items():
            measured.append(_seconds(code))
    mine, other = 1e3 * median(times[OURS]), 1e3 * median(times[THEIRS])
    reference = "import torch, matplotlib, ipywidgets"
    yield "import lstm_teach and explorers", mine, reference, mine / other, GOAL


def _seconds(code: str) -> float:
    timed = f"import time; begin = time.perf_counter(); {code}; print(time.perf_counter() - begin)"
    done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    for row in rows():
        print(row)
