"""Wrong answers to the exercises: by notebook and exercise, each with the verdict that it deserves.

The code stands in the place of the exercise's stub. Of several reports, the verdict is that of the
first one that is not right. "refused" stands for what a check lets pass, and the cell does not: it
ends in an error, and shows no report. Each notebook keeps its own in `wrong_answers_NN.py`.
"""

from importlib import import_module
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

WRONG_ANSWERS: dict[str, dict[str, list[tuple[str, str]]]] = {
    path.stem: import_module(f"tests.wrong_answers_{path.stem[:2]}").WRONG
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if (Path(__file__).parent / f"wrong_answers_{path.stem[:2]}.py").exists()
}
