"""Finds a poll's timeline for a reader: made once per version and bucket, selected once however many ask."""

from __future__ import annotations

import asyncio
from uuid import UUID

from core.batching import Batcher
from core.errors import NotFound
from projections.connection import FoundTimeline
from projections.kept_bodies import KeptBodies
from projections.timeline import Timeline
from projections.validators import Order

_MOST_BYTES = 16 * 1024 * 1024
_LONG = 2000  # minutes; a longer timeline is put together off the event loop


class Timelines:
    """Belongs to one event loop. Its thread starts when first needed."""

    def __init__(self, reader: Batcher[UUID, FoundTimeline]) -> None:
        self._reader = reader
        self._started = False
        self._kept = KeptBodies(most_bytes=_MOST_BYTES)
        self._flights: dict[UUID, asyncio.Task[FoundTimeline]] = {}

    async def body(self, poll_id: UUID, order: Order, bucket: str) -> tuple[Order, bytes]:
        """The JSON body and the version it is of, not older than `order` if PostgreSQL has that version. Raises `NotFound` or `Unavailable`."""
        kept = self._kept.get((poll_id, bucket), _tag(order))
        if kept is not None:
            return order, kept
        timeline = await self.current(poll_id, order)
        body = await asyncio.to_thread(timeline.body, bucket) if len(timeline.minutes) > _LONG else timeline.body(bucket)
        self._kept.keep((poll_id, bucket), _tag(timeline.order), body)
        return timeline.order, body

    async def current(self, poll_id: UUID, order: Order) -> Timeline:
        """The timeline, not older than `order` if PostgreSQL has that version. Raises `NotFound` or `Unavailable`."""
        timeline = await self._select(poll_id)
        if timeline.order < order:  # the statement that we joined had begun before that version was there
            timeline = await self._select(poll_id)
        return timeline

    async def stop(self) -> None:
        for flight in tuple(self._flights.values()):
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        if self._started:
            await self._reader.stop()

    async def _select(self, poll_id: UUID) -> Timeline:
        if not self._started:
            self._reader.start()
            self._started = True
        flight = self._flights.get(poll_id)
        if flight is None:
            flight = self._flights[poll_id] = asyncio.create_task(self._reader.ask(poll_id))
            flight.add_done_callback(lambda _: self._flights.pop(poll_id, None))
        found = await asyncio.shield(flight)
        if not found:
            raise NotFound
        return found[0]


def _tag(order: Order) -> bytes:
    return b"%d.%d" % order
