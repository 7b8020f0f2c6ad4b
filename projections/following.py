"""One client that follows a poll's results: paced, asked at every event whether it may still see them, cut off when it takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from core.connections import Connection
from core.errors import NexusError, Unavailable
from core.metrics import STREAMS_DROPPED, STREAMS_OPEN
from projections.channels import SPACING_SECONDS, Channel, Hub
from projections.frames import Frame
from projections.memory import Entry

COMMENT_SECONDS = 15.0
SLOW_SECONDS = 5.0  # a client that takes nothing for so long is cut off
_LEEWAY_SECONDS = 0.02  # a client served late in one round need not wait in the next
_RETRY_SECONDS = 1.0

MaySee = Callable[[Frame], Awaitable[None]]


class Ending(Enum):
    """Why a client follows no longer."""

    FINAL = "the results are final"
    HIDDEN = "you may not see these results any more"
    GONE = "the poll is gone"
    TALKS = "you say too much"
    STOPPING = "the server stops"
    LEFT = "the client left, or was cut off"


class Wire(Protocol):
    """How events reach the client. Calls return when the transport has room again."""

    kind: str

    async def show(self, frame: Frame) -> None: ...

    async def close(self, frame: Frame) -> None: ...

    async def comment(self) -> None: ...


class Follower:
    """Remembers which frame its client has, and nothing else: a client that is behind gets the newest, never those between."""

    __slots__ = ("_channel", "_comment_due", "_connection", "_ending", "_may_see", "_next_at", "_seen", "_sending", "_wire", "_woken")

    def __init__(self, wire: Wire, connection: Connection, may_see: MaySee) -> None:
        self._wire, self._connection, self._may_see = wire, connection, may_see
        self._channel: Channel | None = None
        self._seen: Frame | None = None
        self._ending: Ending | None = None
        self._woken = asyncio.Event()
        self._next_at = 0.0
        self._comment_due = self._sending = False

    def wake(self) -> None:
        self._woken.set()

    def lose(self) -> None:
        self.end(Ending.GONE)

    def end(self, ending: Ending) -> None:
        """Ends it soon; a client that is not taking what it is being sent is cut off for it."""
        self._ending = self._ending or ending
        self._woken.set()
        if self._sending:
            self._connection.abort()

    async def follow(self, hub: Hub, key: str, entry: Entry, *, seen: int | None) -> Ending:
        """Sends events until there is an end. `entry`: the results as they stand; `seen`: the version that the client has already."""
        loop = asyncio.get_running_loop()
        channel = self._channel = hub.join(key, entry, self)
        open_now = STREAMS_OPEN.labels(self._wire.kind)
        open_now.inc()
        comment = loop.call_later(COMMENT_SECONDS, self._say_something)
        self._connection.at_stop(lambda: self.end(Ending.STOPPING))
        try:
            if seen == channel.frame.version:
                self._seen = channel.frame
                if channel.frame.final:
                    await self._send(self._wire.close(channel.frame))
                    return Ending.FINAL
            else:
                self.wake()
            while True:
                await self._woken.wait()
                self._woken.clear()
                if self._ending is not None:
                    return self._ending
                if self._comment_due:
                    self._comment_due = False
                    comment = loop.call_later(COMMENT_SECONDS, self._say_something)
                    await self._send(self._wire.comment())
                if channel.frame is not self._seen:
                    await self._advance(channel)
        finally:
            comment.cancel()
            self._connection.at_stop(None)
            open_now.dec()
            hub.leave(channel, self)

    async def _advance(self, channel: Channel) -> None:
        """Sends the newest frame, or comes back when it is time."""
        loop = asyncio.get_running_loop()
        pause = self._next_at - loop.time()
        if pause > _LEEWAY_SECONDS:
            loop.call_later(pause, self.wake)
            return
        frame = channel.frame
        if not frame.prepared.public:
            try:
                await self._may_see(frame)
            except Unavailable:  # nobody can say whether it may: so it sees nothing yet
                loop.call_later(_RETRY_SECONDS, self.wake)
                return
            except NexusError:
                self.end(Ending.HIDDEN)
                return
        self._seen = frame
        await self._send(self._wire.show(frame))
        self._next_at = loop.time() + SPACING_SECONDS
        if frame.final and self._ending is None:
            await self._send(self._wire.close(frame))
            self.end(Ending.FINAL)

    async def _send(self, sending: Awaitable[None]) -> None:
        self._sending = True
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await sending
        except TimeoutError:
            STREAMS_DROPPED.inc()
            self._connection.abort()
            self.end(Ending.LEFT)
        except OSError:  # what an ASGI server raises when the client has gone
            self.end(Ending.LEFT)
        finally:
            self._sending = False

    def _say_something(self) -> None:
        self._comment_due = True
        self._woken.set()
