"""`GET /api/v1/polls/{id}/results/stream`: server-sent events, a lean ASGI handler that stays."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from core.connections import Connection, connection_of
from core.errors import MethodNotAllowed, NotFound
from core.lean import answer
from core.origins import check_origin, preflight_headers
from projections.admission import ALLOW, POLL_ID
from projections.channels import hub
from projections.following import Ending, Follower
from projections.frames import COMMENT, Frame
from projections.prepared import CREDENTIAL_HEADERS, FOR_SOME
from projections.stream_access import open_to

if TYPE_CHECKING:
    from core.lean import Headers, LeanRequest, Send

_NO_STORE = (b"cache-control", FOR_SOME)
_VARY = (b"vary", CREDENTIAL_HEADERS)
_FAREWELL_SECONDS = 1.0


async def handle_stream(request: LeanRequest, send: Send, poll_id: str) -> None:
    """Answers one request, for as long as the client follows. Raises, before anything is sent, as `open_to` does, `NotFound` and `MethodNotAllowed`."""
    if POLL_ID.fullmatch(poll_id) is None:
        raise NotFound
    if request.method == "OPTIONS":
        await answer(send, 204, [(b"allow", ALLOW.encode()), *preflight_headers(request, ALLOW)])
        return
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed(headers={"Allow": ALLOW})
    cors = check_origin(request)
    access = await open_to(request, poll_id)
    if access.has_all:
        await answer(send, 204, [_NO_STORE, _VARY, *cors])  # to EventSource it means: do not come back
        return
    await send({"type": "http.response.start", "status": 200, "headers": _headers(cors)})
    if request.method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    connection = connection_of(request.scope)
    follower = Follower(EventStream(send), connection, access.may_see)
    watching = asyncio.create_task(_watch(request, follower))
    try:
        if await follower.follow(hub(), poll_id, access.entry, seen=access.seen) is not Ending.LEFT:
            await _take_leave(send, connection)
    finally:
        watching.cancel()


class EventStream:
    """Writes frames as server-sent events."""

    kind = "sse"

    def __init__(self, send: Send) -> None:
        self._send = send
        # when a server stops, its clients come back over a second or two, not all in one moment
        self._first = b"retry: %d\n" % (1000 + secrets.randbelow(1500))

    async def show(self, frame: Frame) -> None:
        await self._write(self._first + frame.sse if self._first else frame.sse)
        self._first = b""

    async def close(self, frame: Frame) -> None:
        await self._write(frame.sse_closed)

    async def comment(self) -> None:
        await self._write(COMMENT)

    async def _write(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})


def _headers(cors: Headers) -> Headers:
    return [
        (b"content-type", b"text/event-stream"),
        _NO_STORE,
        _VARY,
        (b"x-accel-buffering", b"no"),  # nginx passes each event on at once
        (b"x-content-type-options", b"nosniff"),
        *cors,
    ]


async def _watch(request: LeanRequest, follower: Follower) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    follower.end(Ending.LEFT)


async def _take_leave(send: Send, connection: Connection) -> None:
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        connection.abort()
