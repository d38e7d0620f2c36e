"""What all tests share: a seed, one thread each, a network that ends here, and who runs what."""

import re
import socket

import pytest
import torch

import lstm_teach

torch.set_num_threads(1)
torch.manual_seed(0)  # for what a file draws when it is imported

LOCAL = {"127.0.0.1", "::1", "localhost", None}

# What takes long, by the beginning of a test's name. It comes first, so that no worker is left with
# a long file when the other has nothing to do.
LONG = (
    "tests/browser/",
    "notebooks/05",
    "notebooks/04",
    "notebooks/zh/05",
    "notebooks/zh/04",
    "tests/test_check_cell.py",
    "tests/test_notebooks.py",
    "notebooks/",
)
LESSON = re.compile(r"\[(\d\d_\w+)")


@pytest.fixture(autouse=True)
def _the_same_numbers_and_words_in_every_run():
    torch.manual_seed(0)
    lstm_teach.use("en")  # a Chinese notebook may have run before


def pytest_collection_modifyitems(config, items):
    """Bring the long files to the front where several workers share the tests."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a worker one file at a time, and of the browser's tests one notebook at a time."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByLesson(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            lesson = LESSON.search(nodeid) if file.startswith(LONG[0]) else None
            return f"{file} {lesson[1]}" if lesson else file

    config.option.loadscopereorder = False
    return ByLesson(config, log)


def _turn(nodeid):
    return next((at for at, start in enumerate(LONG) if nodeid.startswith(start)), len(LONG))


@pytest.fixture
def no_network(monkeypatch):
    """Refuse every connection that would leave this machine."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def refuse(host):
        if host not in LOCAL:
            raise OSError(f"a connection to {host} was tried; a notebook runs without network")

    def connect_locally(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse(address[0])
        return connect(self, address)

    def look_up_locally(host, *rest, **named):
        refuse(host)
        return lookup(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_locally)
