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


class Usual:
    """The headers that answers of one kind carry if they do not say them themselves."""

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.names = frozenset(name for name, _ in headers)
        self._begun: dict[int, tuple[list[tuple[bytes, bytes]], bytes | None, int]] = {}

    def begin(self, status: int, defaults: list[tuple[bytes, bytes]]) -> tuple[bytes | None, int]:
        """The first lines of every such answer, and how many they are; None where the server's `defaults` already say what is usual."""
        kept = self._begun.get(status)
        if kept is None or kept[0] is not defaults:  # the server has a new list every second
            said = any(name in self.names or name == b"connection" for name, _ in defaults)
            lines = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in (*defaults, *self.headers))]
            kept = self._begun[status] = (defaults, None if said else b"".join(lines), len(lines))
        return kept[1:]


@cache
def usual_headers(page: bool, more: Fields) -> Usual:  # noqa: FBT001  (a key of the cache)
    return Usual((*(_ON_PAGES if page else DATA_POLICY_HEADERS), *more))


class Answering:
    """A `send` that adds to an answer what it does not say itself; `more`: headers beside those that every answer gets.

    An answer's own Content-Security-Policy decides about frames: X-Frame-Options goes along with it.
    """

    __slots__ = ("_send", "_usual")

    def __init__(self, send: Send, *, page: bool, more: Fields = ()) -> None:
        self._send = send
        self._usual = usual_headers(page, more)

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
        if cycle.transport.is_closing():  # uvloop raises for what is written then
            cycle.disconnected = True
            return False
        whole = encode_answer(self._usual, status, cycle.default_headers, headers, body, keep_alive=cycle.keep_alive)
        if whole is None:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(whole)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


def encode_answer(
    usual: Usual, status: int, defaults: list[tuple[bytes, bytes]], headers: Iterable[tuple[bytes, bytes]], body: bytes, *, keep_alive: bool
) -> bytes | None:
    """A whole answer as it goes over the wire, `usual` headers included; None when `headers` say one of those themselves.

    Names are in lower case. Raises `ValueError` for a header that would begin another line.
    """
    begun, lines = usual.begin(status, defaults)
    if begun is None:
        return None
    parts = [begun]
    for name, value in headers:
        if name in usual.names or name == b"connection":
            return None
        parts += (name, b": ", value, _END)
        lines += 1
    parts.append(_END if keep_alive else b"connection: close\r\n\r\n")
    head = b"".join(parts)
    expected = lines + (1 if keep_alive else 2)
    if head.count(b"\n") != expected or head.count(b"\r") != expected:
        raise ValueError("a header holds a line break")
    return head + body


async def send_whole(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Sends status, headers and body. Names are in lower case; where a body belongs to the answer, `content-length` is among them, also for HEAD."""
    if isinstance(send, Answering) and send.write_whole(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
