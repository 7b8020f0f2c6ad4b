"""The operator's pages as lean handlers: status, media type, HEAD, and no other method."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest

from core import operations
from core.errors import MethodNotAllowed
from core.lean import LeanRequest
from core.operations import OPERATIONS


async def asked(path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError

    await OPERATIONS[path](LeanRequest.of({"type": "http", "method": method, "path": path, "headers": []}, receive), send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.fixture(autouse=True)
def degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "readiness", lambda: (503, {"status": "unavailable", "checks": {}}))
    monkeypatch.setattr(operations, "metrics_text", lambda: b"nexus_postgres_up 1.0\n")


async def test_livez() -> None:
    status, headers, body = await asked("/livez")
    assert (status, headers[b"content-type"], body) == (200, b"application/json", b'{"status":"ok"}')


async def test_readyz_says_when_to_come_back() -> None:
    status, headers, body = await asked("/readyz")
    assert (status, headers[b"retry-after"], orjson.loads(body)["status"]) == (503, b"1", "unavailable")


async def test_metrics() -> None:
    status, headers, body = await asked("/metrics")
    assert (status, body) == (200, b"nexus_postgres_up 1.0\n")
    assert headers[b"content-type"].startswith(b"text/plain; version=0.0.4")


@pytest.mark.parametrize("path", sorted(OPERATIONS))
async def test_head_is_get_without_a_body_and_nothing_else_is_known(path: str) -> None:
    got, head = await asked(path), await asked(path, "HEAD")
    assert head == (got[0], got[1], b"")
    with pytest.raises(MethodNotAllowed):
        await asked(path, "POST")
