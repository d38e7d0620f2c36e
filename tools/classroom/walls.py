"""What one learner gets to see of another: nothing, or it is named."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from tornado.httpclient import HTTPClientError

from tools.classroom.learner import REQUEST_SECONDS, Learner, LearnerFailed

REFUSED = {403, 404}


def private_file(learner: Learner) -> str:
    """The file that only this learner has."""
    return f"only-{learner.name}.txt"


async def leave_a_file(learner: Learner) -> None:
    """Write the private file, and read it back by cookie and by token, as its owner may.

    Raises:
        LearnerFailed: if the owner is refused, since then it tells nothing that others are too.
    """
    path = learner.at(f"api/contents/{private_file(learner)}")
    file = {"type": "file", "format": "text", "content": learner.name}
    answers = [await learner.ask("PUT", path, json=file), await learner.ask("GET", path)]
    answers.append(await _with_token(learner, path))
    listed = await learner.ask("GET", learner.at("api/contents"))
    names = [entry["name"] for entry in listed.json()["content"]]
    if any(answer.status_code not in (200, 201) for answer in answers) or len(names) < 2:
        codes = [answer.status_code for answer in answers]
        raise LearnerFailed(f"its own file: {codes}, among {names}")


async def seen(learner: Learner, other: Learner) -> list[str]:
    """The requests to another learner's server that were not refused, and files that leaked."""
    found = [what async for what, status in _tries(learner, other) if status not in REFUSED]
    listed = await learner.ask("GET", learner.at("api/contents"))
    names = {entry["name"] for entry in listed.json()["content"]}
    if private_file(other) in names:
        found.append(f"{private_file(other)} among its own files")
    return [f"{learner.name} of {other.name}: {what}" for what in found]


async def _tries(learner: Learner, other: Learner) -> AsyncIterator[tuple[str, int]]:
    file = private_file(other)
    contents = other.at(f"api/contents/{file}")
    pages = (
        *(other.at("lab"), other.at(f"files/{file}"), other.at("api/contents"), contents),
        *(other.at("api/kernels"), other.at("api/sessions"), f"/hub/api/users/{other.name}"),
        learner.at(f"api/contents/..%2F..%2F{other.name}%2Fnotebooks%2F{file}"),
        learner.at(f"files/..%2F..%2F{other.name}%2Fnotebooks%2F{file}"),
    )
    for path in pages:
        yield f"GET {path}", (await learner.http.get(path)).status_code
    text = {"type": "file", "format": "text", "content": "changed"}
    yield f"PUT {contents}", (await learner.ask("PUT", contents, json=text)).status_code
    yield f"DELETE {contents}", (await learner.ask("DELETE", contents)).status_code
    yield f"GET {contents} with a token", (await _with_token(learner, contents)).status_code
    yield f"websocket {other.kernel_path}", await _knock(learner, other.kernel_path)


async def _knock(learner: Learner, path: str) -> int:
    try:
        (await learner.connect(path)).close()
    except HTTPClientError as refusal:
        return refusal.code
    return 101


async def _with_token(learner: Learner, path: str) -> httpx.Response:
    made = await learner.ask("POST", f"/hub/api/users/{learner.name}/tokens", json={})
    headers = {"Authorization": f"token {made.json()['token']}"}
    async with httpx.AsyncClient(base_url=learner.hub.url, timeout=REQUEST_SECONDS) as plain:
        return await plain.get(path, headers=headers)
