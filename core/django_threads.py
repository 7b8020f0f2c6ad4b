"""The threads that Django's requests take in turn, each with connections to PostgreSQL that stay for a while.

Django by itself makes a thread per request, and leaves its connection to the collector of garbage.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

from asgiref.sync import ThreadSensitiveContext
from django.db import connections


class DjangoThreads:
    """As many threads as there were requests at once of late; the one that was used last is taken first. Belongs to one event loop.

    `idle_seconds`: for how long a thread that nobody needs keeps its connections.
    """

    def __init__(self, *, idle_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_seconds, self._clock = idle_seconds, clock
        self._free: deque[tuple[Executor, float]] = deque()  # with the time since when; the last is the one that was used last

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """What is sync inside runs on one thread of ours, and is done when this ends, also for a client who left; unless this is cancelled."""
        thread = self._free.pop()[0] if self._free else ThreadPoolExecutor(1, "django")
        interrupted = True
        try:
            async with ThreadSensitiveContext(executor=thread):
                try:
                    yield
                finally:
                    interrupted = isinstance(sys.exception(), asyncio.CancelledError)
        finally:
            if interrupted:
                _end(thread)
            else:
                self._free.append((thread, self._clock()))
            self._end_idle()

    def close(self) -> None:
        """Ends the threads that are free, and their connections."""
        while self._free:
            _end(self._free.pop()[0])

    def _end_idle(self) -> None:
        while self._free and self._clock() - self._free[0][1] > self._idle_seconds:
            _end(self._free.popleft()[0])


def _end(thread: Executor) -> None:
    thread.submit(connections.close_all)
    thread.shutdown(wait=False)
