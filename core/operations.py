"""The same three operator's pages as lean handlers: probes ask by bare address and must not queue behind Django's own requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from core.errors import MethodNotAllowed
from core.health import OK, readiness
from core.lean import JSON_TYPE, LeanRequest, Send, answer
from core.metrics import metrics_text

_NO_STORE = (b"cache-control", b"no-store")
_SAFE = frozenset({"GET", "HEAD"})


async def handle_livez(request: LeanRequest, send: Send) -> None:
    """Answers 200 as long as the event loop turns; touches nothing."""
    _only_safe(request)
    await answer(send, 200, [JSON_TYPE, _NO_STORE], orjson.dumps({"status": OK}), head=request.method == "HEAD")


async def handle_readyz(request: LeanRequest, send: Send) -> None:
    """Answers 200 or 503 within about a second, without blocking the event loop."""
    _only_safe(request)
    status, body = await asyncio.to_thread(readiness)
    headers = [JSON_TYPE, _NO_STORE] + ([(b"retry-after", b"1")] if status == 503 else [])
    await answer(send, status, headers, orjson.dumps(body), head=request.method == "HEAD")


async def handle_metrics(request: LeanRequest, send: Send) -> None:
    """Answers with Prometheus' text format within about two seconds, without blocking the event loop."""
    _only_safe(request)
    text = await asyncio.to_thread(metrics_text)
    await answer(send, 200, [(b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode()), _NO_STORE], text, head=request.method == "HEAD")


OPERATIONS: dict[str, Callable[[LeanRequest, Send], Awaitable[None]]] = {"/livez": handle_livez, "/readyz": handle_readyz, "/metrics": handle_metrics}


def _only_safe(request: LeanRequest) -> None:
    if request.method not in _SAFE:
        raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
