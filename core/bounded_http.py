"""What one HTTP connection may cost: uvicorn's protocol with bounds on the time and the size of everything a client sends, and on the time it takes to read."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.answer_headers import DATA_POLICY_HEADERS
from core.errors import BadRequest

HEAD_SECONDS = 10.0  # from the connection, or the first byte of a further request, to the end of its headers; nobody types them
BODY_SECONDS = 30.0  # from there to the end of its body; handlers give up sooner, with an answer
STALLED_SECONDS = 30.0  # in which a client must take some of what is written to it
URL_BYTES = 8 * 1024
HEADERS = 100
HEAD_BYTES = 32 * 1024  # of all headers together; also of whatever else is no body, such as trailers
_TAKEN_BYTES = 16 * 1024  # less than this in STALLED_SECONDS counts as nothing

_BODILY = frozenset({b"content-length", b"transfer-encoding"})

# Whoever sends rubbish must not write our log: only what goes wrong on our side is said.
_quiet = logging.getLogger("nexus.http")
_quiet.setLevel(logging.ERROR)


class _Reading(Enum):
    NOTHING = "between requests"
    HEAD = "a request's line and headers"
    BODY = "a request's body"


_NOTHING, _HEAD, _BODY = _Reading  # Python 3.11 looks a member up by a function of its own


class BoundedHttp(HttpToolsProtocol):
    """Answers 408, 414, 431 or 400 where it still can, and ends the connection."""

    _reading = _NOTHING
    _loose = 0  # bytes that came since the last that was worth something: they may stand in the parser's memory
    _head_bytes = 0
    _refused = False
    _refusal = HTTPStatus.BAD_REQUEST
    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _unwritten = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.logger = _quiet
        self._set_deadline(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._clear_stall()
        super().connection_lost(exc)

    @property
    def is_between_requests(self) -> bool:
        """Everything that came was a whole request and has its answer."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self._reading is _NOTHING and not self._loose and not self._refused and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._loose += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._loose > HEAD_BYTES and self._reading is not _NOTHING:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._deadline is None and self._loose:
            self._set_deadline(BODY_SECONDS if self._reading is _BODY else HEAD_SECONDS)

    def handle_websocket_upgrade(self) -> None:
        self._clear_deadline()
        self._loose = 0
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading, self._head_bytes, self._loose = _HEAD, 0, max(1, self._loose)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            self._give_up(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading is _BODY:
            return  # a trailer: nobody asked for any, and the request is under way
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES or len(self.headers) > HEADERS:
            self._give_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self._should_upgrade() and any(name in _BODILY and value != b"0" for name, value in self.headers):
            self._give_up(HTTPStatus.BAD_REQUEST)  # a WebSocket begins with no body; one would be waited for without end
        super().on_headers_complete()
        self._reading, self._loose = _BODY, 1  # the body is still to come, however much of it
        self._clear_deadline()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._loose = 1

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._reading, self._loose = _NOTHING, 0
        self._clear_deadline()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (what the parser says is no client's affair)
        """Called by uvicorn for what its parser refuses; the status may be one that we had in mind."""
        self._refuse(self._refusal)

    def _give_up(self, status: HTTPStatus) -> None:
        """From within the parser, which stops then and has `send_400_response` called."""
        self._refusal = status
        raise ValueError(status.phrase)

    def _refuse(self, status: HTTPStatus) -> None:
        self._refused = True
        self._clear_deadline()
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if answering:  # nothing may be written into the middle of an answer
            self.transport.abort()
            return
        body = problem_body_of(status)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        policies = b"".join(b"%s: %s\r\n" % header for header in DATA_POLICY_HEADERS)
        self.transport.write(head.encode() + policies + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _set_deadline(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._reading is _BODY:
            self.transport.abort()
        elif answering:  # some clients send an empty line after a request; a stream that goes on must not end for it
            self._set_deadline(HEAD_SECONDS)
        elif self._reading is _HEAD:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is None:
            self._watch_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._clear_stall()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_the_last()

    def _watch_the_last(self) -> None:
        """Of an answer after which the connection ends: a client that does not take it must not keep it open."""
        if self._stall is None and self.transport.get_write_buffer_size():
            self._watch_writing()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():  # it has not even taken its answer
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _watch_writing(self) -> None:
        self._unwritten = self.transport.get_write_buffer_size()
        self._stall = self.loop.call_later(STALLED_SECONDS, self._look_at_writing)

    def _look_at_writing(self) -> None:
        if self._unwritten - self.transport.get_write_buffer_size() < min(_TAKEN_BYTES, self._unwritten):
            self.transport.abort()
        elif self.transport.get_write_buffer_size():
            self._watch_writing()

    def _clear_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def problem_body_of(status: HTTPStatus) -> bytes:
    """What is wrong with a request that could not even be read; for statuses without a type of ours the type that says no more than the status (RFC 9457)."""
    kind, detail = _PROBLEMS[status]
    return orjson.dumps({"type": kind, "title": status.phrase, "status": status.value, "detail": detail, "instance": "/"})


_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: (f"/problems/{BadRequest.type}", "This is not an HTTP request that can be read."),
    HTTPStatus.REQUEST_TIMEOUT: ("about:blank", "The request did not come within the time for it."),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("about:blank", f"The address may have {URL_BYTES} bytes at most."),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("about:blank", f"The headers may have {HEAD_BYTES} bytes at most, and be {HEADERS} at most."),
}
