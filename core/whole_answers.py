"""Answers that are ready as a whole, written in one go: what uvicorn's `send` does in two messages with a check per header, for headers that are ours.

The two checks are a third of what a short answer costs (`make bench`, the row of bare ASGI beside that of results). Whatever is not the plain case is
left to `send`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from core.lean import Send

_END = b"\r\n"


async def send_whole(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Sends status, headers and body. Names are in lower case; where a body belongs to the answer, `content-length` is among them, also for HEAD.

    Raises `ValueError` for a header that would begin another line.
    """
    cycle = getattr(send, "__self__", None)
    if type(cycle) is not RequestResponseCycle or cycle.response_started or cycle.access_log or cycle.flow.write_paused:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    if cycle.disconnected:
        return
    parts, lines = [STATUS_LINE[status]], 2
    closes = not cycle.keep_alive
    for name, value in (*cycle.default_headers, *headers):
        if name == b"connection":
            closes = closes or value.lower() == b"close"
            continue
        parts += (name, b": ", value, _END)
        lines += 1
    if closes:
        cycle.keep_alive = False
        parts.append(b"connection: close\r\n")
        lines += 1
    parts.append(_END)
    head = b"".join(parts)
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise ValueError("a header holds a line break")
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(head + body)
    cycle.message_event.set()
    if closes:
        cycle.transport.close()
    cycle.on_response()
