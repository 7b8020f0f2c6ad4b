"""Takes in new connections many at a time.

Libuv, and so the event loop, accepts one connection per turn of the loop. While every turn is long, because many vote, that would be a few dozen a
second: the kernel's queue overflows and clients wait for seconds. Measured by `make overload`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

_FIRST = 32  # so that one of several idle processes does not take them all
_MOST = 1024  # so that they share the turn with those who are in already


class Accepting:
    """One per process, on the socket that its server listens on. Takes twice as many each time that it leaves some waiting, until none are left."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = _FIRST

    def use(self, listener: socket.socket | None) -> None:
        """To be called when a server begins; None where its connections come otherwise."""
        if listener is not None:
            listener.setblocking(False)
        self._listener = listener

    @property
    def is_over(self) -> bool:
        """The server has stopped listening: whoever comes in now was accepted before, and nobody has told him."""
        return self._listener is not None and self._listener.fileno() < 0

    def take_others(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """To be called when the loop has accepted one connection: accepts those that wait behind it, each with a `protocol` of its own."""
        if self._listener is None:
            return
        loop = asyncio.get_running_loop()
        for _ in range(self._at_once):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody waits, or it was closed, or there are no more files: for that libuv has a remedy of its own
                self._at_once = _FIRST
                return
            task = loop.create_task(_serve(connection, protocol))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._at_once = min(2 * self._at_once, _MOST)


async def _serve(connection: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
    try:
        await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
    except OSError:  # gone before it began
        connection.close()


accepting = Accepting()
