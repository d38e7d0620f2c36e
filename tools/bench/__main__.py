"""Print every figure: python -m tools.bench, or a few: python -m tools.bench shapes imports."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

from tools import bench

HEAD = f"{'what':<52} {'figure':>9}  {'over':<40} {'ratio':>6} {'goal':>6}"


def table(name: str) -> None:
    """Print the rows of one module."""
    for what, figure, over, ratio, goal in import_module(f"tools.bench.{name}").rows():
        wanted = "" if goal is None else f"{goal:6.2f}" + ("" if ratio <= goal else "  missed")
        print(
            f"{what:<52} {figure:9.{1 if figure >= 1 else 3}f}  {over:<40} {ratio:6.2f} {wanted}",
            flush=True,
        )


def main(names: list[str]) -> int:
    """Each module in a Python of its own, so that none is measured after another's work."""
    if names[:1] == ["--rows"]:
        table(names[1])
        return 0
    print("Figures are milliseconds unless their name says MiB or s. Smaller ratios are better.")
    print(HEAD, flush=True)
    every = [module.name for module in pkgutil.iter_modules(bench.__path__)]
    failed = 0
    for name in names or [name for name in every if name != "__main__"]:
        failed |= subprocess.run([sys.executable, "-m", "tools.bench", "--rows", name]).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
