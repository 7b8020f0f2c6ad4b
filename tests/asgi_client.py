"""Speaks ASGI to the whole application byte by byte, so that a test may send what no decent client sends."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

STREAM = b"text/event-stream"


@dataclass
class Answer:
    """What came back; of a stream only what came until its first event."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        found = [value.decode("latin-1") for key, value in self.headers if key.lower() == name.lower().encode()]
        return found[-1] if found else None

    @property
    def data(self) -> Any:
        return orjson.loads(self.body)


async def ask(method: str, path: str, *, headers: MutableMapping[str, str | bytes] | None = None, body: bytes = b"") -> Answer:
    """One request; `path` as on the wire, with its query. Header values that are bytes go out as they are."""
    from core.asgi import application  # noqa: PLC0415  (sets Django up)

    raw_path, _, query = path.partition("?")
    given: dict[str, str | bytes] = {"host": "testserver", "content-length": str(len(body)), **(headers or {})}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path, errors="replace"),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in given.items()],
        "client": ("192.0.2.1", 50_000),
        "server": ("testserver", 80),
    }
    answer, gone = Answer(), asyncio.Event()
    to_come: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if to_come:
            return to_come.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", ()))
        else:
            answer.body += b"" if method == "HEAD" else message.get("body", b"")  # servers send none, whatever they are given
            if answer.body and (b"content-type", STREAM) in [(name.lower(), value.split(b";")[0]) for name, value in answer.headers]:
                gone.set()

    async with asyncio.timeout(20):
        await application(scope, receive, send)
    return answer
