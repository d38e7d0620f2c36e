"""A JupyterHub that only this machine can reach, in a temporary folder, and its end."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.notebook import ROOT

PROXY = ROOT / ".hub/node_modules/.bin/configurable-http-proxy"
START_SECONDS, STOP_SECONDS = 180, 30
LEARNER = "JUPYTERHUB_USER"  # the hub sets it for each server
MARK = "LSTM_TEACH_CLASSROOM"  # every process of a run has it, so that none outlives the run


@dataclass(frozen=True)
class Hub:
    """A running hub; each learner's home is `homes/<name>`, and has the notebooks in it."""

    url: str
    homes: Path
    process: psutil.Process
    password: str = field(repr=False)

    def server(self, name: str) -> psutil.Process:
        """The Jupyter server of one learner."""
        return next(each for each in self.process.children() if _value(each, LEARNER) == name)

    def own(self) -> list[psutil.Process]:
        """The hub and its proxy."""
        return [
            self.process,
            *(each for each in self.process.children() if _value(each, LEARNER) is None),
        ]


@contextmanager
def serve(names: Sequence[str], scratch: Path) -> Iterator[Hub]:
    """Run a hub that lets these learners in, each with a copy of the notebooks.

    Raises:
        RuntimeError: if the hub does not answer in time, with the end of its log.
    """
    homes = scratch / "homes"
    for name in names:
        shutil.copytree(ROOT / "notebooks", homes / name / "notebooks")
        for folder in (homes / name, homes / name / "notebooks"):
            folder.chmod(0o700)
    password, mark = secrets.token_hex(16), str(scratch)
    url, private, api = (f"http://127.0.0.1:{port}" for port in _free_ports(3))
    file = scratch / "jupyterhub_config.json"
    file.touch(mode=0o600)
    config = _config(url, private, api, names, homes, password)
    config["Spawner"] = {"environment": {MARK: mark}}
    file.write_text(json.dumps(config, indent=2))
    log = scratch / "hub.log"
    command = [sys.executable, "-m", "jupyterhub", "-f", str(file)]
    with open(log, "w") as output:
        # In a session of its own, so that Ctrl-C reaches it through _stop alone, in order.
        process = psutil.Popen(
            command,
            cwd=scratch,
            env={**os.environ, MARK: mark},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for(url, process, log)
        yield Hub(url, homes, process, password)
    finally:
        _stop(process, mark)


def _config(
    url: str, private: str, api: str, names: Sequence[str], homes: Path, password: str
) -> dict[str, dict[str, object]]:
    binaries = Path(sys.executable).parent
    return {
        "JupyterHub": {
            "bind_url": url,
            "hub_bind_url": private,
            "db_url": "sqlite:///hub.sqlite",
            "authenticator_class": "dummy",
            "spawner_class": "simple",
        },
        "ConfigurableHTTPProxy": {"command": [str(PROXY)], "api_url": api},
        "Authenticator": {"allowed_users": list(names)},
        "DummyAuthenticator": {"password": password},
        "SimpleLocalProcessSpawner": {
            "cmd": [str(binaries / "jupyterhub-singleuser")],
            "args": ["--allow-root"] if os.geteuid() == 0 else [],
            "default_url": "/lab",
            "home_dir_template": f"{homes}/{{username}}",
            "notebook_dir": f"{homes}/{{username}}/notebooks",
            "start_timeout": START_SECONDS,
            "http_timeout": START_SECONDS,
        },
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _wait_for(url: str, process: psutil.Popen, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/hub/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"JupyterHub did not start:\n{log.read_text()[-3000:]}")


def _stop(process: psutil.Popen, mark: str) -> None:
    """End the hub, which ends the servers; then whatever else carries the mark."""
    impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)
    if process.poll() is None:
        process.terminate()
    psutil.wait_procs([process], STOP_SECONDS)
    left = [each for each in psutil.process_iter() if _value(each, MARK) == mark]
    for each in left:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, STOP_SECONDS)
    signal.signal(signal.SIGINT, impatient)


def _value(process: psutil.Process, variable: str) -> str | None:
    """A variable of a process's environment; None too for a process that is not ours or gone."""
    try:
        return process.environ().get(variable)
    except (psutil.Error, OSError):
        return None
