"""A JupyterLab whose settings, kernels and files live in a temporary folder; and its pages."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Dialog, Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Every cell is in the page at once, also those that are not on the screen.
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
DARK = {"@jupyterlab/apputils-extension/themes": {"theme": "JupyterLab Dark"}}
# A notebook whose kernel is not connected yet looks idle too, and drops what it is told to run.
IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
RAN = """number => {
    const prompt = window.jupyterapp.shell.currentWidget.content.widgets[number].promptNode;
    return !prompt || /\\d/.test(prompt.textContent);
}"""
START = "name => { window.jupyterapp.commands.execute(name) }"
# Every picture is decoded, and for a moment nothing in the page changes any more.
QUIET = """async () => {
    await Promise.all([...document.images].map(i => i.decode().catch(() => null)));
    const end = performance.now() + 3000;
    let changed = performance.now();
    const watch = new MutationObserver(() => { changed = performance.now(); });
    watch.observe(document.querySelector('.jp-Notebook') || document.body,
        { subtree: true, childList: true, attributes: true, characterData: true });
    while (performance.now() < Math.min(end, changed + 100))
        await new Promise(done => requestAnimationFrame(done));
    watch.disconnect();
}"""
# Tall, so that little has to be scrolled.
SIZE = {"width": 1600, "height": 2800}


@dataclass
class Lab:
    """A running JupyterLab server."""

    url: str
    token: str
    folder: Path
    pid: int = 0

    def api(self, path: str, method: str = "GET") -> Any:
        """What the server answers to one request, read as JSON."""
        request = urllib.request.Request(f"{self.url}/api/{path}?token={self.token}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def end_kernels(self) -> None:
        """Stop every kernel, as a server does that was closed."""
        with ThreadPoolExecutor() as pool:
            ids = [session["id"] for session in self.api("sessions")]
            list(pool.map(lambda each: self.api(f"sessions/{each}", "DELETE"), ids))


@contextmanager
def serve(
    folder: Path,
    scratch: Path,
    settings: Mapping[str, dict[str, Any]] = SETTINGS,
    app: str = "jupyterlab",
) -> Iterator[Lab]:
    """Serve `folder` on a free port of 127.0.0.1; what else is written goes to `scratch`.

    Args:
        folder: the notebooks.
        scratch: a folder for settings and logs.
        settings: of each plugin of JupyterLab.
        app: the module that is started: "jupyterlab", or "notebook" for Jupyter Notebook 7.
    """
    homes = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = {**os.environ, **{name: str(scratch / home) for name, home in homes.items()}}
    environment["OMP_NUM_THREADS"] = "1"  # two kernels with all cores each slow each other down
    for plugin, values in settings.items():
        file = scratch / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lab = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(8), folder)
    command = [
        *(sys.executable, "-m", app, "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"),
        f"--IdentityProvider.token={lab.token}",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--KernelManager.shutdown_wait_time=0.5",
        f"--LabApp.app_settings_dir={ROOT / 'share/jupyter/lab/settings'}",
    ]
    with open(scratch / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    lab.pid = server.pid
    try:
        _wait_for(lab, server, scratch / "server.log")
        yield lab
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            lab.api("status")
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Heard:
    """What a page said and asked for while it was open."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@dataclass
class Notebook:
    """One notebook, open in one page of one JupyterLab."""

    page: Page
    lab: Lab
    name: str
    heard: Heard
    # Alone in the page; "lab/tree" is the window with tabs, "notebooks" is Jupyter Notebook.
    view: str = "doc/tree"
    panel: str = ""  # a selector for the notebook where several are in the page

    def open(self) -> None:
        """Open the notebook in the page, in place of what is there."""
        self.page.goto(f"{self.lab.url}/{self.view}/{self.name}?token={self.lab.token}")
        try:
            self.wait_idle(30)
        except PlaywrightTimeout:
            # On a busy machine JupyterLab sometimes opens a notebook and starts no kernel for it.
            self.page.reload()
            self.wait_idle()
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.settle()

    def restart(self) -> None:
        """Restart the kernel, with the question answered that JupyterLab asks before."""
        self.page.evaluate(
            "() => { window.restarted = window.jupyterapp.commands.execute("
            "'notebook:restart-kernel').then(() => null) }"
        )
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.evaluate("() => window.restarted")
        self.wait_idle()

    def beside(self, name: str) -> Notebook:
        """Open another notebook in the same window, to the right of this one."""
        self.panel = self._current()
        self.page.evaluate(
            """path => window.jupyterapp.commands.execute(
                'docmanager:open', { path, options: { mode: 'split-right' } }).then(() => null)""",
            name,
        )
        other = Notebook(self.page, self.lab, name, self.heard, self.view, self._current())
        other.wait_idle()
        other.settle()
        return other

    def _current(self) -> str:
        return f"#{self.page.evaluate('window.jupyterapp.shell.currentWidget.id')}"

    def wait_idle(self, seconds: float = 60) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(IDLE, timeout=seconds * 1000)

    def run_all(self, seconds: float = 180, patience: float = 8) -> None:
        """Run All Cells, and wait until the last cell is done and every picture is decoded.

        JupyterLab goes on after an error that is meant, but calls the run finished there. So this
        waits for the cells' numbers, and gives up when none was added for `patience` seconds while
        the kernel has nothing to do: that is how a run looks that an error has ended.
        """
        self.wait_idle()
        self.command("notebook:clear-all-cell-outputs")
        self.page.evaluate(START, "notebook:run-all-cells")
        end, moved, before = time.monotonic() + seconds, time.monotonic(), None
        while time.monotonic() < end:
            self.page.wait_for_timeout(200)
            prompts, idle = self.prompts(), self.page.evaluate(IDLE)
            if prompts != before or not idle:
                before, moved = prompts, time.monotonic()
            elif (
                all(re.search(r"\d", prompt) for prompt in prompts)
                or time.monotonic() - moved > patience
            ):
                break
        self.settle()

    def command(self, name: str) -> None:
        """Do what an entry of JupyterLab's menus does."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute(name).then(() => null, () => null)", name
        )

    def settle(self) -> None:
        """Wait until every picture is decoded and the page is at rest."""
        self.page.evaluate(QUIET)

    def outputs(self) -> list[list[dict[str, Any]]]:
        """The outputs of each code cell as JupyterLab holds them now, in nbformat's words."""
        return self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells
                .filter(cell => cell.cell_type === 'code').map(cell => cell.outputs)"""
        )

    def cell(self, number: int) -> Locator:
        """The cell at a place in the notebook, counted from 0."""
        return self.page.locator(f"{self.panel} .jp-Notebook .jp-Cell").nth(number)

    def run_cell(self, number: int, text: str | None = None) -> None:
        """Run one cell, with `text` typed in place of its own."""
        self.cell(number).locator(".cm-content").click()
        if text is not None:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_timeout(50)
        self.page.wait_for_function(RAN, arg=number, timeout=60_000)
        self.wait_idle()
        self.settle()

    def prompts(self) -> list[str]:
        """What stands beside each code cell, such as "[3]:", or would, were it not folded."""
        return self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code')
                .map(cell => `[${cell.model.executionCount ?? ' '}]:`)"""
        )

    def pieces(self, out: Path, stem: str) -> list[Path]:
        """Screenshots of the whole notebook, from top to bottom, one window height each."""
        panel = self.page.locator(".jp-WindowedPanel-outer").first
        files: list[Path] = []
        out.mkdir(parents=True, exist_ok=True)
        top = 0
        while True:
            at, shown, left = panel.evaluate(
                """(e, y) => {
                    e.scrollTop = y;
                    const last = [...e.querySelectorAll('.jp-Cell')].at(-1).getBoundingClientRect();
                    const window = e.getBoundingClientRect();
                    return [e.scrollTop, e.clientHeight, last.bottom - window.bottom];
                }""",
                top,
            )
            self.page.wait_for_timeout(40)
            files.append(out / f"{stem}-{len(files) + 1:02d}.png")
            self.page.screenshot(path=files[-1])
            if left <= 0:
                return files
            top = at + shown - 40


def open_notebook(
    browser: Browser,
    lab: Lab,
    name: str,
    width: int = SIZE["width"],
    height: int = SIZE["height"],
    zoom: float = 1,
    view: str = "doc/tree",
) -> Notebook:
    """Open a notebook in a page of its own, without the side bar unless `view` is "lab/tree"."""
    context = browser.new_context(
        viewport={"width": round(width / zoom), "height": round(height / zoom)},
        device_scale_factor=zoom,
    )
    page = context.new_page()
    heard = Heard()
    page.on("console", lambda said: said.type == "error" and heard.errors.append(said.text))
    page.on("pageerror", lambda error: heard.errors.append(str(error)))
    ours = (lab.url, lab.url.replace("http", "ws", 1), "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(ours) or heard.outside.append(r.url))
    page.on("dialog", lambda dialog: _answer(dialog, heard))
    notebook = Notebook(page, lab, name, heard, view)
    notebook.open()
    return notebook


def _answer(dialog: Dialog, heard: Heard) -> None:
    """Leave a page that was changed and not saved; hear every other dialog, and refuse it."""
    if dialog.type == "beforeunload":
        dialog.accept()
        return
    heard.dialogs.append(dialog.message)
    dialog.dismiss()
