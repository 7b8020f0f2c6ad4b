"""Keeps this process's memory true: hears from Redis what changed, and from PostgreSQL in which epoch the log is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, cast
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError

from core.errors import Unavailable
from projections.document import ResultsDocument
from projections.memory import memory
from projections.readers import Readers, readers, stop_readers
from projections.results_store import Change

log = logging.getLogger(__name__)

EPOCH_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 5.0


class Feed:
    """Two supervised tasks of one event loop. Without them reads are still right: every entry in memory is asked for again after a second."""

    def __init__(self, parts: Readers) -> None:
        self._parts = parts
        self._epoch_known = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.subscribed = asyncio.Event()

    def start(self) -> None:
        self._tasks = [asyncio.create_task(_supervised(work), name=work.__name__) for work in (self.watch_epoch, self.follow_changes)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def watch_epoch(self) -> None:
        """Learns of a new epoch within about two seconds: Redis' keys carry it, and what was remembered from before it is dropped."""
        loader = self._parts.loader
        while True:
            try:
                epoch = (await self._parts.progress.ask(())).epoch
            except Unavailable:
                await asyncio.sleep(EPOCH_SECONDS)
                continue
            if loader.epoch is not None and epoch > loader.epoch:
                log.warning("the log is in epoch %d now", epoch)
                memory.drop_all()
            loader.epoch = max(epoch, loader.epoch or 0)
            self._epoch_known.set()
            await asyncio.sleep(EPOCH_SECONDS)

    async def follow_changes(self) -> None:
        """Subscribes to the changes of the present epoch until the epoch or the connection is another."""
        await self._epoch_known.wait()
        following = asyncio.create_task(self._follow(self._epoch()))
        try:
            epoch = self._epoch()
            while not following.done() and self._epoch() == epoch:
                await asyncio.wait({following}, timeout=EPOCH_SECONDS)
            if following.done():
                await following
        finally:
            self.subscribed.clear()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, epoch: int) -> None:
        async with aclosing(cast("AsyncGenerator[list[Change]]", self._parts.store.changes(epoch))) as messages:
            async for changes in messages:
                if not changes:  # the subscription stands; before it anything may have been missed
                    memory.drop_all()
                    self.subscribed.set()
                for poll_id, version in changes:
                    memory.tell(poll_id, (epoch, version))

    def _epoch(self) -> int:
        return self._parts.loader.epoch or 0


async def _supervised(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` again and again; after a failure with a growing pause, said once per row of failures."""
    failures = 0
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
            failures = 0
        except (RedisError, OSError) as error:
            log.log(logging.DEBUG if failures else logging.WARNING, "%s: %s", work.__name__, error)
            failures += 1
        except Exception:
            log.exception("%s failed and is started again", work.__name__)
            failures += 1
        if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE_SECONDS:
            failures = min(failures, 1)
        await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**failures))


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()


def tell(documents: Iterable[ResultsDocument]) -> None:
    """Something here made these versions: this process shows nothing older from now on, without a message having to go round. From any thread."""
    made = [(document.poll_id, document.order) for document in documents]

    def pass_on() -> None:
        for poll_id, order in made:
            memory.tell(poll_id, order)

    for loop in tuple(_feeds):
        with contextlib.suppress(RuntimeError):  # that loop has closed
            loop.call_soon_threadsafe(pass_on)


async def startup() -> Feed:
    """Starts what the running loop reads results with. Neither Redis nor PostgreSQL has to be there yet."""
    loop = asyncio.get_running_loop()
    if loop not in _feeds:
        _feeds[loop] = Feed(readers())
        _feeds[loop].start()
    return _feeds[loop]


async def shutdown() -> None:
    """Ends it again; what readers wait for is cancelled."""
    feed = _feeds.pop(asyncio.get_running_loop(), None)
    if feed is not None:
        await feed.stop()
    await stop_readers()
    memory.drop_all()
