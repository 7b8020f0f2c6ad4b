"""Finds a poll's results for a reader: memory, else Redis, else PostgreSQL, each asked once however many readers wait."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar
from uuid import UUID

from redis.exceptions import RedisError

from core.circuit import Circuit
from core.errors import NexusError, NotFound, Unavailable
from projections.document import ResultsDocument
from projections.memory import NEVER, Entry, Memory
from projections.validators import Order

log = logging.getLogger(__name__)

POSTGRES_SPACING_SECONDS = 0.1
REDIS_SPACING_SECONDS = 0.02
# Redis may have come back from an old snapshot while PostgreSQL has noted a newer version as rendered: so it is not believed for ever.
TRUST_REDIS_SECONDS = 10.0
_PAUSE_SECONDS = 1.0
_UNKNOWN_SECONDS = 1.0
_MOST_UNKNOWN = 10_000
_MOST_PUTS = 100

Result = TypeVar("Result")
ReadDocuments = Callable[[UUID], Awaitable[tuple[ResultsDocument, ...]]]


class Store(Protocol):
    """What is asked of Redis; see `projections.results_store.AsyncResultsStore`."""

    async def get(self, epoch: int, poll_id: UUID) -> ResultsDocument | None: ...

    async def put_one(self, document: ResultsDocument) -> None: ...

    async def forget(self, epoch: int, poll_id: UUID) -> None: ...


class Loader:
    """Belongs to one event loop. `epoch` is the log's, once known: without it Redis cannot be asked."""

    def __init__(self, memory: Memory, store: Store, read: ReadDocuments, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.memory = memory
        self.epoch: int | None = None
        self._store, self._read, self._monotonic = store, read, monotonic
        self._redis, self._postgres = (Circuit(first_pause=_PAUSE_SECONDS, longest_pause=_PAUSE_SECONDS, clock=monotonic) for _ in range(2))
        self._flights: dict[str, asyncio.Task[Entry | NexusError]] = {}
        self._coming: dict[str, asyncio.Task[tuple[ResultsDocument, ...]]] = {}
        self._asked_postgres: OrderedDict[str, float] = OrderedDict()
        self._asked_redis: OrderedDict[str, float] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def current(self, key: str) -> Entry:
        """The poll's results, at most a second old; `key` is its id as text. Raises `NotFound` or `Unavailable`."""
        entry = self.memory.get(key)
        if entry is not None:
            return entry
        if self._unknown.get(key, NEVER) > self._monotonic():
            raise NotFound
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = self._start(self._load(key))
        found = await asyncio.shield(flight)
        if isinstance(found, Entry):
            return found
        raise type(found)(found.detail)

    async def at_least(self, key: str, order: Order) -> Entry:
        """The poll's results, not older than `order` if that version exists: then what a reader saw never goes back.

        A version that even PostgreSQL does not have was made up, and the newest is returned. Raises `NotFound`, and `Unavailable` when PostgreSQL
        must be asked and cannot answer. Whatever is asked for, PostgreSQL is asked at most ten times a second about a poll.
        """
        entry = await self.current(key)
        if entry.document.order >= order:
            return entry
        document = await self._from_redis(key, sparing=True)
        if document is not None:
            entry = self.memory.keep(document)
        if entry.document.order >= order:
            return entry
        return await self._confirm(key)

    async def stop(self) -> None:
        """Ends what is under way; those who wait for it are cancelled."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _load(self, key: str) -> Entry | NexusError:
        try:
            return await self._refresh(key)
        except NexusError as error:
            return error
        finally:
            del self._flights[key]

    async def _refresh(self, key: str) -> Entry:
        entry = self.memory.entries.get(key)
        believed = entry is None or not self._postgres.closed or self._monotonic() - entry.confirmed_at < TRUST_REDIS_SECONDS
        document = await self._from_redis(key) if believed else None
        if document is not None and (entry is None or document.order >= entry.document.order):
            return self.memory.keep(document)
        try:
            return await self._confirm(key)
        except Unavailable:
            document = document or await self._from_redis(key)
            entry = self.memory.entries.get(key)
            if document is None and entry is None:
                raise
            return self.memory.keep(document or entry.document)  # type: ignore[union-attr]

    async def _confirm(self, key: str) -> Entry:
        """The poll's results as PostgreSQL has them, which are then given to Redis."""
        asked_at = self._monotonic()
        found = await self._from_postgres(key)
        if not found:
            self.memory.forget(key)
            if self.epoch is not None and self._redis.closed:
                self._start(self._forget(self.epoch, UUID(key)))  # else a document that was put there too late would be believed for a day
            self._unknown[key] = self._monotonic() + _UNKNOWN_SECONDS
            _bound(self._unknown, _MOST_UNKNOWN)
            raise NotFound
        (document,) = found
        self.epoch = max(document.epoch, self.epoch or 0)
        if len(self._tasks) < _MOST_PUTS and self._redis.closed:
            self._start(self._give(document))
        return self.memory.keep(document, confirmed_at=asked_at)

    async def _from_postgres(self, key: str) -> tuple[ResultsDocument, ...]:
        """What a statement finds that starts after this call, shared by all who wait for it to start."""
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = self._start(self._select(key))
        return await asyncio.shield(coming)

    async def _select(self, key: str) -> tuple[ResultsDocument, ...]:
        pause = self._asked_postgres.get(key, NEVER) + POSTGRES_SPACING_SECONDS - self._monotonic()
        try:
            if pause > 0:
                await asyncio.sleep(pause)
        finally:
            del self._coming[key]  # whoever comes from here on may need a later statement
        self._asked_postgres[key] = self._monotonic()
        self._asked_postgres.move_to_end(key)
        _bound(self._asked_postgres, _MOST_UNKNOWN)
        if not self._postgres.may_try():
            raise Unavailable
        try:
            found = await self._read(UUID(key))
        except Unavailable:
            self._postgres.failed()
            raise
        self._postgres.succeeded()
        return found

    async def _from_redis(self, key: str, *, sparing: bool = False) -> ResultsDocument | None:
        """What Redis has, None also when it cannot or should not be asked. `sparing`: not if it was asked just before."""
        now = self._monotonic()
        if self.epoch is None or (sparing and now - self._asked_redis.get(key, NEVER) < REDIS_SPACING_SECONDS):
            return None
        if not self._redis.closed:
            if self._redis.may_try():  # no reader has to wait for what comes of it
                self._start(self._ask_redis(self.epoch, key))
            return None
        self._asked_redis[key] = now
        self._asked_redis.move_to_end(key)
        _bound(self._asked_redis, _MOST_UNKNOWN)
        return await self._ask_redis(self.epoch, key)

    async def _ask_redis(self, epoch: int, key: str) -> ResultsDocument | None:
        try:
            document = await self._store.get(epoch, UUID(key))
        except (RedisError, OSError) as error:
            self._note_failure(error)
            return None
        if self._redis.succeeded():
            log.info("results are read from Redis again")
        return document

    async def _give(self, document: ResultsDocument) -> None:
        try:
            await self._store.put_one(document)
        except (RedisError, OSError) as error:
            self._note_failure(error)

    async def _forget(self, epoch: int, poll_id: UUID) -> None:
        try:
            await self._store.forget(epoch, poll_id)
        except (RedisError, OSError) as error:
            self._note_failure(error)

    def _note_failure(self, error: Exception) -> None:
        if self._redis.failed():
            log.warning("Redis cannot answer, results are read from PostgreSQL meanwhile: %s", error)

    def _start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _bound(times: OrderedDict[str, float], most: int) -> None:
    if len(times) > most:
        times.popitem(last=False)
