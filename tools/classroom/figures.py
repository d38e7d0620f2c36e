"""The figures of a class: a row for each number of learners, and how many fit on a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CLASSES = (1, 2, 4, 8)
NODES_GB = (8, 16, 64)
SYSTEM_MIB = 1024
EXAMPLE_LEARNERS, EXAMPLE_CORES = 30, 4
HEAD = (
    "learners at once",
    "login to last cell, s",
    "Run All to last cell, s",
    "a learner, MiB",
    "of it the kernel, MiB",
    "hub and proxy, MiB",
    "failures",
)


@dataclass(frozen=True)
class Round:
    """What one number of learners cost: the slowest and the largest of them."""

    learners: int
    from_login: float
    run_all: float
    learner_mib: float
    kernel_mib: float
    hub_mib: float
    failures: int
    core_seconds: float

    @property
    def row(self) -> tuple[str, ...]:
        """The row of the table, in the order of HEAD."""
        return (
            str(self.learners),
            *(f"{seconds:.1f}" for seconds in (self.from_login, self.run_all)),
            *(f"{mib:.0f}" for mib in (self.learner_mib, self.kernel_mib, self.hub_mib)),
            str(self.failures),
        )


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rest))


def fits(node_gb: int, hub_mib: float, learner_mib: float) -> int:
    """How many learners' memory a node has room for, beside the system, the hub and its proxy."""
    return max(0, int((node_gb * 1024 - SYSTEM_MIB - hub_mib) / learner_mib))


def nodes(rounds: Sequence[Round]) -> list[tuple[str, ...]]:
    """The table of nodes, from the largest memory of all rounds."""
    hub = round(max(each.hub_mib for each in rounds))
    learner = round(max(each.learner_mib for each in rounds))
    return [
        ("memory of the node", *(f"{size} GB" for size in NODES_GB)),
        ("learners", *(str(fits(size, hub, learner)) for size in NODES_GB)),
    ]


def cores(rounds: Sequence[Round]) -> str:
    """What the processor adds to that, in a sentence."""
    each = max(figures.core_seconds for figures in rounds)
    least = EXAMPLE_LEARNERS * each / EXAMPLE_CORES
    return (
        f"From login to the last cell a learner takes {each:.1f} core-seconds: "
        f"{EXAMPLE_LEARNERS} who do it at the same moment on {EXAMPLE_CORES} cores wait "
        f"{least:.0f} s or more."
    )
