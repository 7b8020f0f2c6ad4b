"""What a handler that stays may ask of its connection: uvicorn's protocols, which also say when the server stops and can cut a client off."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from core.accepting import accepting
from core.bounded_http import HEAD_SECONDS, BoundedHttp
from core.front_door import LET_IN, front_door

if TYPE_CHECKING:
    from websockets.http11 import Request

    from core.lean import Scope

EXTENSION = "nexus.connection"
_ONE_TURN = 0.001  # seconds; timers come after reading in each turn of the loop
_quiet = logging.getLogger("nexus.websockets")
_quiet.setLevel(logging.WARNING)  # else two lines with an address per socket, whatever ACCESS_LOG says


class Connection(Protocol):
    """A client's connection, as the ASGI extension `nexus.connection` hands it to the application."""

    let_in: bool  # whether the vote that came last was let in by `core/front_door.py`

    def abort(self) -> None:
        """Cuts the client off at once and drops what is still to be written."""

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        """Calls back when the server begins to stop, at once if it has begun. Answers that never end must end then."""


class NoConnection:
    """What there is under another server, which knows no such extension."""

    let_in = False

    def abort(self) -> None:
        """Nothing can be done: the client is left to the server."""

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        """Nobody will say so."""


def connection_of(scope: Scope) -> Connection:
    return cast("Connection", scope.get("extensions", {}).get(EXTENSION) or NoConnection())


class HttpConnection(BoundedHttp):
    """Votes that come while too many wait are turned away before they are read.

    Uvicorn waits for open answers when it stops; through `at_stop` those that would stay open hear of it in time.
    """

    let_in = False
    _stopping = False
    _callback: Callable[[], None] | None = None
    _accepted_by_loop = True
    _refused_at = -math.inf
    _looked_again = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions: dict[str, Any] = {EXTENSION: self}
        if self._accepted_by_loop:
            accepting.take_others(self._another)

    def _another(self) -> HttpConnection:
        other = HttpConnection(self.config, self.server_state, self.app_state)
        other._accepted_by_loop = False
        return other

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def data_received(self, data: bytes) -> None:
        may_refuse = self.is_between_requests and not self.flow.write_paused  # who does not take refusals must not pile them up here
        verdict = front_door.judge(data, self.server_state.default_headers) if may_refuse else None
        self.let_in, self._looked_again = verdict is LET_IN, False
        if not verdict:
            super().data_received(data)
            return
        self.transport.write(verdict)
        self._refused_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._clear_deadline()
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """A refusal moves the end, but not the timer: under a crowd timers would cost more than what they guard.

        What came in this turn of the loop, which may be long, is looked for once more: it would be lost with the connection.
        """
        rest = self._refused_at + self.timeout_keep_alive - self.loop.time()
        if self.transport.is_closing() or (rest <= 0 and self._looked_again):
            super().timeout_keep_alive_handler()
            return
        self._looked_again = rest <= 0
        self.timeout_keep_alive_task = self.loop.call_later(max(rest, _ONE_TURN), self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of what holds it, so that it is gone at once: the collector of garbage would come late, and stop everybody."""
        super().connection_lost(exc)
        self._extensions.clear()
        self.cycle = self.parser = None  # type: ignore[assignment]

    def shutdown(self) -> None:
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

    let_in = False

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

    def handle_connect(self, event: Request) -> None:
        self._opening.cancel()
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]  # the task that reads it starts in the next turn of the loop

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # refused, and said so: else uvicorn logs an error for what anybody may ask

    def abort(self) -> None:
        self.transport.abort()

    def at_stop(self, callback: Callable[[], None] | None) -> None:
        """Not needed: see above."""
