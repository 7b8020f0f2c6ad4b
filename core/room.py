"""So many at once and so many more who wait for a while: what bounds the work of a process that hands requests to threads."""

from __future__ import annotations

import asyncio
from types import TracebackType

from core.errors import Unavailable


class Room:
    """`async with room:` waits for a place for up to `wait_seconds`. Raises `Unavailable` then, and at once when `most_waiting` wait already.

    Belongs to one event loop. Whoever is inside stays as long as it takes.
    """

    def __init__(self, *, most: int, most_waiting: int, wait_seconds: float) -> None:
        self._places = asyncio.Semaphore(most)
        self._most_waiting, self._wait_seconds = most_waiting, wait_seconds
        self._waiting = 0

    async def __aenter__(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # does not wait
            return
        if self._waiting >= self._most_waiting:
            raise Unavailable("Too many requests are waiting; try again in a moment.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise Unavailable("This took too long; try again.") from error
        finally:
            self._waiting -= 1

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._places.release()
