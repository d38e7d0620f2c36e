"""Right and wrong code as people write it, each example with the verdict that it deserves.

A folder holds the examples for one check; `tests/test_zoo.py` runs them all. To add one, write the
code as its author would and put the verdict above it:

    example = examples_for(check_cell)

    @example("stale_c")
    def h_is_made_before_c(x, h, c, w_ih, w_hh, b_ih, b_hh): ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from lstm_teach.checks.report import Report


@dataclass(frozen=True)
class Example:
    """Somebody's code, and what a check has to say of it.

    Attributes:
        check: the name of the check.
        name: what was written.
        verdict: what is fair to say of it.
        run: runs the check on it.
        says: words that stand in the report.
    """

    check: str
    name: str
    verdict: str
    run: Callable[[], Report]
    says: str = ""

    @property
    def right(self) -> bool:
        """Whether it does what it should."""
        return self.verdict == "ok"


EXAMPLES: list[Example] = []


def examples_for(check: Callable[..., Report], make: bool = False) -> Callable[..., Any]:
    """A decorator `example(verdict, *args, says="", **kwargs)` that keeps code for a check.

    Args:
        check: what is called as `check(code, *args, **kwargs)`.
        make: whether the check wants an instance, made by calling what stands below.
    """

    def example(verdict: str, *args: Any, says: str = "", **kwargs: Any) -> Any:
        def keep(code: Any) -> Any:
            def run() -> Report:
                torch.manual_seed(0)
                return check(code() if make else code, *args, **kwargs)

            EXAMPLES.append(
                Example(
                    check.__name__,
                    getattr(code, "__name__", type(code).__name__),
                    verdict,
                    run,
                    says,
                )
            )
            return code

        return keep

    return example


def load(package: str = __name__) -> list[Example]:
    """Import every file of examples, and give all that stand in them."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)
    return EXAMPLES
