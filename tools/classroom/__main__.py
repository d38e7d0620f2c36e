"""Classes of 1, 2, 4 and 8 learners on a real JupyterHub: make classroom, or ARGS='1 2' of them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tools.classroom.figures import CLASSES, HEAD, Round, cores, nodes, table
from tools.classroom.hub import Hub, serve
from tools.classroom.learner import Learner
from tools.classroom.walls import leave_a_file, seen

Outcome = TypeVar("Outcome")
NOTEBOOK = "01_lstm_shapes.ipynb"
STEP_SECONDS = 240


def main() -> int:
    """Print the figures; 1 if a learner failed or saw anything of another."""
    parser = argparse.ArgumentParser(prog="python -m tools.classroom", description=__doc__)
    parser.add_argument("learners", nargs="*", type=int, default=CLASSES)
    if not sys.platform.startswith("linux"):
        parser.error("how processes share their memory can be read on Linux only")
    try:
        return asyncio.run(classes(parser.parse_args().learners))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; the hub and its servers have ended.", file=sys.stderr)
        return 130


async def classes(sizes: list[int]) -> int:
    """One class after the other, each on a hub of its own."""
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    rounds, troubles = [], []
    for number, size in enumerate([1, *sizes]):
        figures, found = await a_class(size)
        print(f"{size} learners: {' '.join(figures.row)}", file=sys.stderr)
        if number:  # the first class reads torch from the disk for all
            rounds.append(figures)
        troubles += found
    print(table([HEAD, *(each.row for each in rounds)]))
    print(f"\n{table(nodes(rounds))}\n\n{cores(rounds)}")
    if max(sizes) > 1 and not troubles:
        print("\nNobody got at another's server or files: every request was refused.")
    for trouble in troubles:
        print(trouble)
    return int(bool(troubles))


async def a_class(size: int) -> tuple[Round, list[str]]:
    """So many learners at the same time on one hub; the figures, and what went wrong.

    Raises:
        RuntimeError: if nobody gets to the last cell.
    """
    names = [f"learner-{number}" for number in range(1, size + 1)]
    with tempfile.TemporaryDirectory() as scratch, serve(names, Path(scratch)) as hub:
        learners = [Learner(hub, name) for name in names]
        arrived, missing = await together({each: each.arrive(NOTEBOOK) for each in learners})
        ran, failed = await together({each: each.run_all(NOTEBOOK) for each in arrived})
        if not ran:
            raise RuntimeError("\n".join(["nobody got to the last cell", *missing, *failed]))
        figures = measure(hub, arrived, ran, failures=size - len(ran))
        leaks = await look_over_the_wall(list(ran))
        for each in learners:
            await each.leave()
    return figures, [*missing, *failed, *leaks]


async def together(
    steps: Mapping[Learner, Awaitable[Outcome]],
) -> tuple[dict[Learner, Outcome], list[str]]:
    """Take a step with every learner at once; what came of it, and who failed at what."""
    bounded = [asyncio.wait_for(step, STEP_SECONDS) for step in steps.values()]
    outcomes = await asyncio.gather(*bounded, return_exceptions=True)
    done, failed = {}, []
    for learner, outcome in zip(steps, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            failed.append(f"{learner.name}: {outcome!r}")
        else:
            done[learner] = outcome
    return done, failed


def measure(
    hub: Hub, arrived: Mapping[Learner, float], ran: Mapping[Learner, float], failures: int
) -> Round:
    """The figures while every kernel still holds what notebook 01 made."""
    learner_mib, kernel_mib, core_seconds = [], [], []
    for learner in ran:
        server = hub.server(learner.name)
        kernels = server.children(recursive=True)
        kernel_mib.append(_mib(*kernels))
        learner_mib.append(_mib(server, *kernels))
        times = [process.cpu_times() for process in (server, *kernels)]
        core_seconds.append(sum(each.user + each.system for each in times))
    return Round(
        learners=len(ran) + failures,
        from_login=max(arrived[learner] + seconds for learner, seconds in ran.items()),
        run_all=max(ran.values()),
        learner_mib=max(learner_mib),
        kernel_mib=max(kernel_mib),
        hub_mib=_mib(*hub.own()),
        failures=failures,
        core_seconds=max(core_seconds),
    )


def _mib(*processes: psutil.Process) -> float:
    """Their share of the machine's memory: a page that n processes map counts 1/n for each."""
    shares: list[Any] = [process.memory_full_info() for process in processes]
    return sum(each.pss for each in shares) / (1 << 20)


async def look_over_the_wall(learners: list[Learner]) -> list[str]:
    """Each writes a file of its own, and tries to get at the next one's."""
    wrote, refused = await together({each: leave_a_file(each) for each in learners})
    order = list(wrote)
    pairs = zip(order, order[1:] + order[:1], strict=True)
    looked, broken = await together({a: seen(a, b) for a, b in pairs if a is not b})
    return [*refused, *broken, *(leak for found in looked.values() for leak in found)]


if __name__ == "__main__":
    sys.exit(main())
