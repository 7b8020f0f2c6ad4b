"""The headers that every answer carries, whoever made it: what a browser may do with it, and that nobody may put it into a frame."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from typing import Any

    from core.lean import Send

    Fields = tuple[tuple[bytes, bytes], ...]

# Of a page: everything comes from here, nothing stands in the markup.
OWN_THINGS_ONLY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
PAGE_POLICY = f"{OWN_THINGS_ONLY}; frame-ancestors 'none'"
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"  # of what is no page, should a browser ever take it for one

_POLICY = b"content-security-policy"
_NOBODY_FRAMES = b"frame-ancestors 'none'"
_UNFRAMED = (b"x-frame-options", b"DENY")  # the same for browsers that know no frame-ancestors
_EVERYWHERE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))
DATA_POLICY_HEADERS = (*_EVERYWHERE, (_POLICY, DATA_POLICY.encode()), _UNFRAMED)
_ON_PAGES = (
    *_EVERYWHERE,
    (_POLICY, PAGE_POLICY.encode()),
    _UNFRAMED,
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_END = b"\r\n"


class _Usual:
    """The headers that answers of one kind carry if they do not say them themselves."""

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.names = frozenset(name for name, _ in headers)
        self.encoded = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.lines = len(headers)


@cache
def _usual(page: bool, more: Fields) -> _Usual:  # noqa: FBT001  (a key of the cache)
    return _Usual((*(_ON_PAGES if page else DATA_POLICY_HEADERS), *more))


class Answering:
    """A `send` that adds to an answer what it does not say itself; `more`: headers beside those that every answer gets.

    An answer's own Content-Security-Policy decides about frames: X-Frame-Options goes along with it.
    """

    __slots__ = ("_send", "_usual")

    def __init__(self, send: Send, *, page: bool, more: Fields = ()) -> None:
        self._send = send
        self._usual = _usual(page, more)

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] in _STARTS:
            given = {name.lower(): value for name, value in message.get("headers", ())}
            framed = _NOBODY_FRAMES not in given.get(_POLICY, _NOBODY_FRAMES)
            lacking = [header for header in self._usual.headers if header[0] not in given and not (framed and header is _UNFRAMED)]
            message = {**message, "headers": [*message.get("headers", ()), *lacking]}
        await self._send(message)

    def write_whole(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Writes an answer that is ready as a whole, in one go; False, with nothing written, where that has to go by messages.

        It is what uvicorn's `send` does in two messages with two regular expressions per header, for headers whose names are ours. Raises `ValueError`
        for a header that would begin another line.
        """
        cycle = getattr(self._send, "__self__", None)
        if type(cycle) is not RequestResponseCycle or cycle.response_started or cycle.access_log or cycle.flow.write_paused or cycle.disconnected:
            return False
        usual = self._usual
        parts, lines = [STATUS_LINE[status]], usual.lines + 2
        for name, value in (*cycle.default_headers, *headers):
            if name in usual.names or name == b"connection":
                return False
            parts += (name, b": ", value, _END)
            lines += 1
        parts.append(usual.encoded)
        if not cycle.keep_alive:
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
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


async def send_whole(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Sends status, headers and body. Names are in lower case; where a body belongs to the answer, `content-length` is among them, also for HEAD."""
    if isinstance(send, Answering) and send.write_whole(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
