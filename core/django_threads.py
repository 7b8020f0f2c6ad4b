"""The threads that Django's requests take in turn, each with a connection to PostgreSQL that stays.

Django by itself makes a thread per request, and leaves its connection to the collector of garbage.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

from asgiref.sync import ThreadSensitiveContext
from django.db import connections


class DjangoThreads:
    """As many threads as there were requests at once; the one that was used last is taken first. Belongs to one event loop."""

    def __init__(self) -> None:
        self._free: list[Executor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """What is sync inside runs on one thread of ours, and is done when this ends, also for a client who left."""
        thread = self._free.pop() if self._free else ThreadPoolExecutor(1, "django")
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
                self._free.append(thread)

    def close(self) -> None:
        """Ends the threads that are free, and their connections."""
        while self._free:
            _end(self._free.pop())


def _end(thread: Executor) -> None:
    thread.submit(connections.close_all)
    thread.shutdown(wait=False)
