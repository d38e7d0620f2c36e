"""A learner at a browser: logs in, opens a notebook, presses Run All."""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import nbformat
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.notebook import first_line, tagged
from tools.classroom.hub import Hub

REQUEST_SECONDS = 120
XSRF = re.compile(r'name="_xsrf"[^>]*value="([^"]*)"')


class LearnerFailed(Exception):
    """What a learner could not do, and what was answered."""


@dataclass(eq=False)
class Learner:
    """One learner of a hub, with the cookies that the browser would keep."""

    hub: Hub
    name: str
    kernel: str = ""
    channels: WebSocketClientConnection | None = None

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(
            base_url=self.hub.url, follow_redirects=True, timeout=REQUEST_SECONDS
        )

    async def arrive(self, notebook: str) -> float:
        """Log in, start the server and the notebook's kernel; the seconds that it took.

        Raises:
            LearnerFailed: if the hub or the server says no.
        """
        begin = time.perf_counter()
        await self._log_in()
        await self._start_server()
        wanted = {"path": notebook, "name": notebook, "type": "notebook"}
        answer = await self.ask(
            "POST", self.at("api/sessions"), json={**wanted, "kernel": {"name": "python3"}}
        )
        self.kernel = _made(answer)["kernel"]["id"]
        self.channels = await self.connect(self.kernel_path)
        await self._send([("kernel_info_request", {})])
        return time.perf_counter() - begin

    async def run_all(self, notebook: str) -> float:
        """Send every code cell at once, as JupyterLab does; the seconds to the last one's end.

        Raises:
            LearnerFailed: naming the cells that raise without being tagged for it.
        """
        lesson = nbformat.read(self.hub.homes / self.name / "notebooks" / notebook, as_version=4)
        cells = [cell for cell in lesson.cells if cell.cell_type == "code"]
        may_fail = [tagged(cell, "raises-exception") for cell in cells]
        begin = time.perf_counter()
        replies = await self._send(
            [
                ("execute_request", _execution(cell.source, stop_on_error=not may))
                for cell, may in zip(cells, may_fail, strict=True)
            ]
        )
        seconds = time.perf_counter() - begin
        failed = [
            f"{first_line(cell)}: {reply.get('ename', reply['status'])}"
            for cell, may, reply in zip(cells, may_fail, replies, strict=True)
            if reply["status"] != "ok" and not (may and reply["status"] == "error")
        ]
        if failed:
            raise LearnerFailed("; ".join(failed))
        return seconds

    async def leave(self) -> None:
        """Close the browser; the server and the kernel stay."""
        if self.channels:
            self.channels.close()
        await self.http.aclose()

    def at(self, path: str) -> str:
        """A path on this learner's server."""
        return f"/user/{self.name}/{path}"

    @property
    def kernel_path(self) -> str:
        """Where this learner's kernel listens."""
        return self.at(f"api/kernels/{self.kernel}/channels")

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, as a page of this learner's own server sends it."""
        prefix = "/hub/" if path.startswith("/hub/") else f"/user/{self.name}/"
        xsrf = {
            each.path: each.value or "" for each in self.http.cookies.jar if each.name == "_xsrf"
        }
        headers = {"Sec-Fetch-Mode": "cors", "X-XSRFToken": xsrf.get(prefix, "")}
        return await self.http.request(method, path, headers=headers, **more)

    async def connect(self, path: str) -> WebSocketClientConnection:
        """Open a websocket with this learner's cookies, whoever's kernel the path leads to.

        Raises:
            tornado.httpclient.HTTPClientError: if it is refused.
        """
        request = httpx.Request("GET", self.hub.url + path)
        self.http.cookies.set_cookie_header(request)
        headers = {
            "Cookie": request.headers.get("Cookie", ""),
            "Origin": self.hub.url,
            "Sec-Fetch-Mode": "websocket",
        }
        url = self.hub.url.replace("http", "ws", 1) + path
        return await websocket_connect(
            HTTPRequest(url, headers=headers, request_timeout=REQUEST_SECONDS)
        )

    async def _log_in(self) -> None:
        page = await self.http.get("/hub/login")
        hidden = XSRF.search(page.text)
        form = {
            "username": self.name,
            "password": self.hub.password,
            "_xsrf": hidden[1] if hidden else "",
        }
        page = await self.http.post("/hub/login", data=form)
        if not page.is_success or page.url.path.startswith("/hub/login"):
            raise LearnerFailed(f"login: {page.status_code} at {page.url.path}")

    async def _start_server(self) -> None:
        """Wait as the hub's page does that says "Your server is starting up"."""
        progress = f"/hub/api/users/{self.name}/server/progress"
        async with self.http.stream("GET", progress) as events:
            async for line in events.aiter_lines():
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if event.get("failed"):
                    raise LearnerFailed(f"the server does not start: {event['message']}")
                if event.get("ready"):
                    break
        page = await self.http.get(self.at("lab"))
        if page.status_code != 200 or page.url.path != self.at("lab"):
            raise LearnerFailed(f"JupyterLab: {page.status_code} at {page.url.path}")

    async def _send(self, requests: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Send requests to the kernel; their replies, when it is idle after the last."""
        assert self.channels, "arrive comes first"
        numbers: dict[str, int] = {}
        for kind, content in requests:
            header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "version": "5.3"}
            header |= {"session": self.name, "username": self.name, "date": ""}
            numbers[header["msg_id"]] = len(numbers)
            message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
            await self.channels.write_message(json.dumps({**message, "channel": "shell"}))
        replies: dict[int, dict[str, Any]] = {}
        waiting = set(numbers.values())
        while waiting or len(replies) < len(numbers):
            text = await self.channels.read_message()
            if text is None:
                raise LearnerFailed("the kernel's connection was closed")
            if isinstance(text, bytes):
                continue  # buffers of a widget
            message = json.loads(text)
            number = numbers.get(message["parent_header"].get("msg_id"))
            if number is None:
                continue
            if message["channel"] == "shell":
                replies[number] = message["content"]
            elif message["content"].get("execution_state") == "idle":
                waiting.discard(number)
        return [replies[number] for number in range(len(numbers))]


def _execution(source: str, stop_on_error: bool) -> dict[str, Any]:
    return {"code": source, "store_history": True, "stop_on_error": stop_on_error}


def _made(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 201:
        raise LearnerFailed(f"{answer.request.url.path}: {answer.status_code} {answer.text[:200]}")
    made: dict[str, Any] = answer.json()
    return made
