"""Waits until a vote's position is in the results: one question to PostgreSQL for all who wait, and only while somebody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from core.errors import Unavailable
from core.positions import Position
from projections.connection import Positions, Progress
from projections.validators import Order

WAIT_SECONDS = 2.0
POLL_SECONDS = 0.025
PAUSE_SECONDS = 0.25  # after PostgreSQL could not answer

ReadProgress = Callable[[Positions], Awaitable[Progress]]


class Waiters:
    """Those of one event loop who wait for their votes to be counted."""

    def __init__(self, read: ReadProgress) -> None:
        self._read = read
        self._waiting: dict[asyncio.Future[Order], Position] = {}
        self._poller: asyncio.Task[None] | None = None
        self._asked_at = 0.0

    async def version_with(self, position: Position, *, within: float = WAIT_SECONDS) -> Order | None:
        """The `(epoch, version)` of the poll's results that are known to include the position; None when it is not in after `within` seconds.

        A position of an earlier life of the database counts as in when an applied batch reaches past it.
        """
        future: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(within):
                return await future
        except TimeoutError:
            return None
        finally:
            del self._waiting[future]

    async def stop(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._asked_at + POLL_SECONDS - time.monotonic()))
            if not self._waiting:
                return
            self._asked_at = time.monotonic()
            try:
                progress = await self._read(tuple(set(self._waiting.values())))
            except Unavailable:  # whoever waits for long enough is told that the vote is not in yet
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            for future, position in self._waiting.items():
                order = progress.get(position)
                if order is not None and not future.done():
                    future.set_result(order)
