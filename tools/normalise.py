"""Run notebooks and write them back as they are committed: the same bytes from the same cells.

python -m tools.normalise notebooks/*.ipynb            run, then tidy
python -m tools.normalise --no-run notebooks/*.ipynb   tidy what stands there
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_output

VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
KEPT_OF_A_CELL = ("exercise", "tags")
FOLDED = NotebookNode(outputs_hidden=True)
SOURCE_FOLDED = NotebookNode(source_hidden=True)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotFit(Exception):
    """A notebook that must not be committed as it is, and why."""


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run every cell in a fresh kernel that was started in `folder`.

    Raises:
        NotFit: if a cell raises and is not tagged raises-exception.
    """
    client = NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotFit(f"a cell that is not tagged raises-exception raises:\n{error}") from error


def tidy(notebook: NotebookNode) -> None:
    """Keep what a reader without a kernel needs, and nothing that differs from run to run.

    Raises:
        NotFit: if an output cannot be committed: text on stderr, a widget and nothing else.
    """
    notebook.metadata = NotebookNode(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {name: cell.metadata[name] for name in KEPT_OF_A_CELL if cell.metadata.get(name)}
        )
        cell.source = cell.source.strip("\n")
        cell.id = _name(cell, seen)
        for output in cell.get("outputs", []):
            _tidy_output(output, cell)
        if "predict" in cell.metadata.get("tags", []):
            _fold(cell)
        if "colab" in cell.metadata.get("tags", []):
            cell.metadata.jupyter = SOURCE_FOLDED  # its reader is Colab, which shows it anyway


def _name(cell: NotebookNode, seen: Counter[str]) -> str:
    """An id made from the cell's own text, so that other cells may come and go around it."""
    digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
    seen[digest] += 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _tidy_output(output: NotebookNode, cell: NotebookNode) -> None:
    if output.get("name") == "stderr":
        raise NotFit(f"{_start(cell)} writes to stderr:\n{output.text}")
    if output.output_type == "error":
        output.traceback = [part for part in output.traceback if not _elsewhere(part)]
    data: dict[str, Any] = output.get("data", {})
    if VIEW in data:
        del data[VIEW]
        if not data:
            raise NotFit(f"{_start(cell)} shows a widget that a reader without a kernel cannot see")
    if "image/png" in data:
        output.metadata = NotebookNode({"image/png": {"alt": data.get("text/plain", "")}})


def _fold(cell: NotebookNode) -> None:
    """Hide the output until the cell is run: the reader is to guess first.

    JupyterLab shows the first line of the first output beside the dots of a hidden one, and that
    line is often the whole answer. So an output without data stands before it.
    """
    cell.metadata.jupyter = FOLDED
    if cell.outputs and cell.outputs[0].get("data") != {}:
        cell.outputs.insert(0, new_output("display_data"))


def _elsewhere(part: str) -> bool:
    """Whether one part of a traceback is a frame in a file, whose path and lines differ."""
    return ANSI.sub("", part).startswith("File ")


def _start(cell: NotebookNode) -> str:
    return f"The cell that starts with {cell.source.splitlines()[0]!r}"


def normalise(path: Path, run: bool = True) -> bool:
    """Write one notebook back as it is committed; returns whether the file has changed."""
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    if run:
        execute(notebook, path.parent)
    tidy(notebook)
    after = nbformat.writes(notebook) + "\n"
    path.write_text(after, encoding="utf-8")
    return after != before


def main() -> int:
    """Read the command line; 1 if a notebook is not fit, or if `--no-run` had to change one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--no-run", action="store_true", help="tidy only")
    options = parser.parse_args()
    failed = False
    for path in options.notebooks:
        try:
            changed = normalise(path, run=not options.no_run)
        except NotFit as reason:
            print(f"{path}: {reason}", file=sys.stderr)
            failed = True
        else:
            print(f"{path}: {'written anew' if changed else 'as it was'}")
            failed |= changed and options.no_run
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
