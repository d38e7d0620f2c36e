"""What is computed from a class's figures, and with CLASSROOM=1 a real class of two learners."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement

from tools.classroom.figures import CLASSES, HEAD, NODES_GB, Round, cores, fits, nodes, table

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tools/classroom"
PAGE = ROOT / "docs/classroom.md"
PYTHON = ROOT / ".hub/bin/python"


def a_round(learners=2, **changed):
    measured = {
        **{"from_login": 9.06, "run_all": 4.04, "learner_mib": 400.4, "kernel_mib": 300.0},
        **{"hub_mib": 150.0, "failures": 0, "core_seconds": 6.0},
    }
    return Round(learners, **{**measured, **changed})


def rows_below(head):
    """The rows of the page's table that begins with this head, as lists of cells."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index(table([head]).splitlines()[0]) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_a_node_has_room_for_the_memory_beside_the_system_and_the_hub():
    assert fits(8, hub_mib=1024, learner_mib=1024) == 6
    assert fits(8, hub_mib=1024, learner_mib=1025) == 5
    assert fits(1, hub_mib=200, learner_mib=400) == 0


def test_the_largest_learner_and_the_largest_hub_decide_how_many_fit():
    small, large = a_round(1), a_round(2, learner_mib=500.0)
    thirsty = a_round(4, hub_mib=3000.0)
    learners = [int(cell) for cell in nodes([small, large, thirsty])[1][1:]]
    assert learners == [fits(size, 3000, 500) for size in NODES_GB]


def test_a_row_has_a_cell_for_each_column():
    assert a_round().row == ("2", "9.1", "4.0", "400", "300", "150", "0")
    assert len(a_round().row) == len(HEAD)


def test_the_wait_for_cores_is_that_of_the_busiest_learner():
    sentence = cores([a_round(core_seconds=4.0), a_round(core_seconds=8.0)])
    assert "8.0 core-seconds" in sentence
    assert "30 who do it at the same moment on 4 cores wait 60 s or more" in sentence


def test_the_page_has_a_row_for_each_class_that_is_measured():
    rows = rows_below(HEAD)
    assert [row[0] for row in rows] == [str(size) for size in CLASSES]
    assert {len(row) for row in rows} == {len(HEAD)}


def test_the_page_counts_the_learners_on_a_node_from_its_own_table():
    rows, ((name, *learners),) = rows_below(HEAD), rows_below(nodes([a_round()])[0])
    assert name == "learners"
    learner, hub = (max(int(row[HEAD.index(what)]) for row in rows) for what in HEAD[3:6:2])
    assert [int(each) for each in learners] == [fits(size, hub, learner) for size in NODES_GB]
    guaranteed = "{}, {} and {}".format(*(fits(size, hub, 512) for size in NODES_GB))
    assert f"512 MiB that the file above guarantees to each: {guaranteed}." in PAGE.read_text()


def test_the_hub_and_its_proxy_are_pinned_and_nothing_is_pinned_twice():
    lines = [
        line
        for file in (ROOT / "constraints.txt", HERE / "constraints.txt")
        for line in file.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    names = [need.name for need in map(Requirement, lines) if applies(need)]
    assert "jupyterhub" in names
    assert len(set(names)) == len(names)
    (proxy,) = json.loads((HERE / "package.json").read_text())["dependencies"].items()
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert proxy == ("configurable-http-proxy", locked[f"node_modules/{proxy[0]}"]["version"])


def applies(need):
    return need.marker is None or need.marker.evaluate()


@pytest.fixture
def class_of_two(tmp_path):
    """A class of two that has begun, with its files in a folder of the test."""
    if not os.environ.get("CLASSROOM"):
        pytest.skip("a real class takes a minute; it runs with CLASSROOM=1")
    for needed in (PYTHON, ROOT / ".hub/node_modules"):
        if not needed.exists():
            pytest.skip(f"{needed.relative_to(ROOT)} is missing; make classroom makes it")
    begun = subprocess.Popen(
        [str(PYTHON), "-m", "tools.classroom", "2"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield begun
    begun.terminate()
    begun.wait(90)


def of_the_class(folder):
    """The names of the learners, or of nobody, for each process of the class that is there."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            variables = process.environ()
            if variables.get("LSTM_TEACH_CLASSROOM", "").startswith(str(folder)):
                found.append(variables.get("JUPYTERHUB_USER", "nobody"))
    return found


def test_two_learners_reach_the_last_cell_and_nothing_of_each_other(class_of_two, tmp_path):
    printed, _ = class_of_two.communicate(timeout=400)
    assert class_of_two.returncode == 0, printed
    row = re.search(r"^\| 2 \|.*\|$", printed, re.MULTILINE)
    assert row, printed
    assert row[0].endswith("| 0 |"), printed
    assert "every request was refused" in printed
    assert of_the_class(tmp_path) == list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_class_that_is_stopped_leaves_no_process_and_no_file(class_of_two, tmp_path, end):
    until = time.monotonic() + 120
    while "learner-1" not in of_the_class(tmp_path) and time.monotonic() < until:
        time.sleep(0.2)
    assert "learner-1" in of_the_class(tmp_path)
    class_of_two.send_signal(end)
    printed, _ = class_of_two.communicate(timeout=90)
    assert class_of_two.returncode == 130, printed
    assert of_the_class(tmp_path) == list(tmp_path.iterdir()) == []
