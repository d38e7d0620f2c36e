"""Look at a notebook as a learner sees it: screenshots before it runs and after Run All.

python -m tests.browser.shoot notebooks/01_lstm_shapes.ipynb --out /tmp/shots
... --dark --width 1024 --zoom 1.5 --before-only
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from .lab import DARK, SETTINGS, chromium, open_notebook, serve


def shoot(notebook: Path, out: Path, options: argparse.Namespace) -> None:
    """Write the screenshots of one notebook into `out` and say what went wrong on the way."""
    settings = {**SETTINGS, **(DARK if options.dark else {})}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "notebooks"
        folder.mkdir()
        shutil.copy(notebook, folder)
        with serve(folder, Path(scratch), settings) as lab, chromium() as browser:
            size = {"width": options.width, "height": options.height, "zoom": options.zoom}
            opened = open_notebook(browser, lab, notebook.name, **size)
            stem = notebook.stem + ("-dark" if options.dark else "")
            files = opened.pieces(out, f"{stem}-before")
            if not options.before_only:
                opened.run_all()
                files += opened.pieces(out, f"{stem}-after")
                print("prompts:", " ".join(text.strip() for text in opened.prompts()))
            for error in opened.heard.errors:
                print("console:", error[:300])
            for url in opened.heard.outside:
                print("asked outside 127.0.0.1:", url)
            print(*files, sep="\n")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, default=Path("artefacts"))
    parser.add_argument("--dark", action="store_true", help="JupyterLab's dark theme")
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--height", type=int, default=1800)
    parser.add_argument("--zoom", type=float, default=1)
    parser.add_argument("--before-only", action="store_true", help="do not run the notebook")
    options = parser.parse_args()
    shoot(options.notebook, options.out, options)


if __name__ == "__main__":
    main()
