"""What a handler that stays may ask of its connection: uvicorn's protocols, which also say when the server stops and can cut a client off."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from core.accepting import accepting
from core.answer_headers import encode_answer
from core.bounded_http import HEAD_SECONDS, BoundedHttp
from core.front_door import LET_IN, front_door
from core.short_way import BEGUN_KEY, short_way

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from websockets.http11 import Request

    from core.lean import Scope

EXTENSION = "nexus.connection"
LET_IN_KEY = "nexus.let_in"  # in a scope: the door has looked at this very request and let it in
_ONE_TURN = 0.001  # seconds; timers come after reading in each turn of the loop
_quiet = logging.getLogger("nexus.websockets")
_quiet.setLevel(logging.WARNING)  # else two lines with an address per socket, whatever ACCESS_LOG says


class Connection(Protocol):
    """A client's connection, as the ASGI extension `nexus.connection` hands it to the application."""

    def abort(self) -> None:
        """Cuts the client off at once and drops what is still to be written."""

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        """Calls back when the server begins to stop, at once if it has begun. Answers that never end must end then."""


class NoConnection:
    """What there is under another server, which knows no such extension."""

    def abort(self) -> None:
        """Nothing can be done: the client is left to the server."""

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        """Nobody will say so."""


def connection_of(scope: Scope) -> Connection:
    return cast("Connection", scope.get("extensions", {}).get(EXTENSION) or NoConnection())


class HttpConnection(BoundedHttp):
    """Votes that come while too many wait are turned away before they are read; those that can take the short way never meet the HTTP parser.

    Uvicorn waits for open answers when it stops; through `at_stop` those that would stay open hear of it in time.
    """

    _stopping = False
    _callback: Callable[[], None] | None = None
    _accepted_by_loop = True
    _answered_at = -math.inf  # by other ways than uvicorn's
    _looked_again = False
    _let_in = False
    _under_way: bytes | None = None  # the request that is on the short way, as it came
    _begun: object = None
    _answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.access_log = self.access_log and self.config.access_log  # uvicorn goes by whether its logger has a handler, and others may put theirs on it
        self._extensions: dict[str, Any] = {EXTENSION: self}
        self._behind: list[bytes] = []
        if accepting.is_over:
            self.shutdown()
        elif self._accepted_by_loop:
            accepting.take_others(self._another)

    def _another(self) -> HttpConnection:
        other = HttpConnection(self.config, self.server_state, self.app_state)
        other._accepted_by_loop = False
        return other

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = self._extensions
        scope[LET_IN_KEY] = self._let_in
        if self._begun is not None:
            scope[BEGUN_KEY], self._begun = self._begun, None
        self._let_in = False  # of further requests in the same piece it said nothing

    def data_received(self, data: bytes) -> None:
        if self._under_way is not None:  # nobody reads it before that is answered
            self._behind.append(data)
            self.flow.pause_reading()
            return
        may_refuse = self.is_between_requests and not self.flow.write_paused  # who does not take refusals must not pile them up here
        verdict = front_door.judge(data, self.server_state.default_headers) if may_refuse else None
        self._let_in, self._looked_again = verdict is LET_IN, False
        if self._let_in and self._take_the_short_way(data):
            return
        if verdict:
            self.transport.write(verdict)
            self._answered()
            return
        if self._let_in:
            front_door.expect()
        super().data_received(data)
        self._await_the_next()

    def _take_the_short_way(self, data: bytes) -> bool:
        if not self.access_log and short_way.begin(data, self.client, self.scheme, self):
            self._under_way = data
            self._clear_deadline()
            return True
        return False

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Of the vote on the short way; see `core.short_way.Way`."""
        whole = encode_answer(short_way.usual, status, self.server_state.default_headers, headers, body, keep_alive=not self._stopping)
        if whole is None:
            raise ValueError("a header that every answer has is given again")
        self._under_way = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.transport.write(whole)
        if self._stopping:
            self.transport.close()
            self._watch_the_last()
            return
        self._answered()
        self._read_on()

    def take_the_long_way(self, begun: object) -> bool:
        data, self._under_way = self._under_way, None
        if data is None or self.transport.is_closing():
            return False
        self._begun, self._let_in = begun, True
        front_door.expect()
        super().data_received(data)
        if self._stopping:
            super().shutdown()
        self._read_on()
        return True

    def _read_on(self) -> None:
        """What came behind the vote that was under way, in a turn of its own: whoever called is in the midst of others' votes."""
        if self._behind:
            self.loop.call_soon(self._read_behind)

    def _read_behind(self) -> None:
        behind = b"".join(self._behind)
        self._behind.clear()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(behind)

    def _answered(self) -> None:
        """Without uvicorn, which would otherwise wait for the next request from here on."""
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._clear_deadline()
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Our answers move the end, but not the timer: under a crowd timers would cost more than what they guard.

        What came in this turn of the loop, which may be long, is looked for once more: it would be lost with the connection.
        """
        rest = self.timeout_keep_alive if self._under_way is not None else self._answered_at + self.timeout_keep_alive - self.loop.time()
        if self.transport.is_closing() or (rest <= 0 and self._looked_again):
            super().timeout_keep_alive_handler()
            return
        self._looked_again = rest <= 0
        self.timeout_keep_alive_task = self.loop.call_later(max(rest, _ONE_TURN), self.timeout_keep_alive_handler)

    def _await_the_next(self) -> None:
        """Uvicorn does when an answer is written; a body that comes after its answer, as after an early refusal, would leave nobody waiting."""
        if self.timeout_keep_alive_task is None and self.is_between_requests and self.cycle is not None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self._let_go()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None and not self._answering.response_complete:  # uvicorn tells the last that came, and this one may not be that
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Of what holds it in turn, so that it is gone at once: the collector of garbage comes late, and stops everybody."""
        self._unset_keepalive_if_required()
        self._extensions.clear()
        self._behind.clear()
        self.pipeline.clear()
        self._answering = self.cycle = self.parser = None  # type: ignore[assignment]

    def shutdown(self) -> None:
        if self._under_way is None:
            super().shutdown()
        self._stopping = True
        if self._callback is not None:
            self._callback()

    def abort(self) -> None:
        self.transport.abort()

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        self._callback = callback
        if callback is not None and self._stopping:
            callback()


class SocketConnection(WebSocketsSansIOProtocol):
    """Uvicorn itself closes open sockets with 1012 when it stops; the application then receives a disconnect."""

    _extensions: dict[str, Any] | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if not self.config.access_log:
            self.logger = self.conn.logger = _quiet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._opening = self.loop.call_later(HEAD_SECONDS, self.abort)  # it was read once already; what is not understood now never will be

    def connection_lost(self, exc: Exception | None) -> None:
        self._opening.cancel()
        super().connection_lost(exc)
        if self._extensions is not None:
            self._extensions.pop(EXTENSION, None)

    def handle_connect(self, event: Request) -> None:
        self._opening.cancel()
        super().handle_connect(event)
        if not self.close_sent:
            self._extensions = cast("dict[str, Any]", self.scope["extensions"])
            self._extensions[EXTENSION] = self  # the task that reads it starts in the next turn of the loop

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # refused, and said so: else uvicorn logs an error for what anybody may ask

    def abort(self) -> None:
        self.transport.abort()

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        """Not needed: see above."""
