"""Fans results out within a process: one task per poll that somebody follows, one encoding per version, however many follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol
from weakref import WeakKeyDictionary

from django.conf import settings

from core.errors import NotFound, Unavailable
from projections.frames import Frame
from projections.memory import Entry, Memory, memory
from projections.readers import readers

log = logging.getLogger(__name__)

SPACING_SECONDS = 0.22  # five a second at most, with room for a loop that is late
_SHORTEST_WAIT_SECONDS = 0.005


Source = Callable[[str], Awaitable[Entry]]  # the present results, as `projections.loader.Loader.current` finds them


class Listener(Protocol):
    """Whoever follows. Neither call may block."""

    def wake(self) -> None:
        """The channel's `frame` is another now."""

    def lose(self) -> None:
        """The poll is gone."""


class Channel:
    """One poll's newest results for its listeners. Never goes back, neither in version nor to an earlier state."""

    def __init__(self, key: str, entry: Entry, source: Source, told_by: Memory) -> None:
        self.key = key
        self.frame = Frame(entry.document, entry.prepared)
        self.listeners: set[Listener] = set()
        self._source = source
        self._stale = asyncio.Event()
        self._unwatch = told_by.watch(key, self._told)
        self._task = asyncio.get_running_loop().create_task(self._follow(), name=f"channel {key}")

    def offer(self, entry: Entry) -> None:
        """Takes what somebody found if it is news: a later version, or the same in a later state (the clock opened or closed the poll)."""
        found = Frame(entry.document, entry.prepared)
        if found.follows(self.frame):
            self.frame = found
            for listener in tuple(self.listeners):
                listener.wake()

    def end(self) -> None:
        self._unwatch()
        self._task.cancel()

    def _told(self, _key: str) -> None:
        self._stale.set()

    async def _follow(self) -> None:
        """Looks whenever memory says that something changed, when the clock ends the poll's state, and every second in case a message was lost."""
        while True:
            await self._news()
            self._stale.clear()
            before = self.frame
            try:
                self.offer(await self._source(self.key))
            except NotFound:
                for listener in tuple(self.listeners):
                    listener.lose()
            except Unavailable:  # those who follow keep what they have
                await asyncio.sleep(settings.RESULTS_REVALIDATE_SECONDS)
            except Exception:
                log.exception("the results of poll %s could not be looked up", self.key)
                await asyncio.sleep(settings.RESULTS_REVALIDATE_SECONDS)
            if self.frame is not before:
                await asyncio.sleep(SPACING_SECONDS)

    async def _news(self) -> None:
        patience: float = settings.RESULTS_REVALIDATE_SECONDS
        turns_at = self.frame.prepared.turns_at
        if turns_at is not None:
            patience = min(patience, max(_SHORTEST_WAIT_SECONDS, (turns_at - datetime.now(UTC)).total_seconds()))
        try:
            async with asyncio.timeout(patience):
                await self._stale.wait()
        except TimeoutError:
            return


class Hub:
    """The channels of one event loop; a poll that nobody follows any more costs nothing."""

    def __init__(self, source: Source, told_by: Memory) -> None:
        self._source, self._told_by = source, told_by
        self._channels: dict[str, Channel] = {}
        self.listening = 0

    def join(self, key: str, entry: Entry, listener: Listener) -> Channel:
        """Its channel, whose frame is not older than `entry`."""
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(key, entry, self._source, self._told_by)
        channel.offer(entry)
        channel.listeners.add(listener)
        self.listening += 1
        return channel

    def leave(self, channel: Channel, listener: Listener) -> None:
        channel.listeners.discard(listener)
        self.listening -= 1
        if not channel.listeners and self._channels.get(channel.key) is channel:
            del self._channels[channel.key]
            channel.end()

    @property
    def polls(self) -> int:
        return len(self._channels)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """That of the running event loop."""

    async def current(key: str) -> Entry:
        return await readers().loader.current(key)

    loop = asyncio.get_running_loop()
    known = _hubs.get(loop)
    if known is None:
        known = _hubs[loop] = Hub(current, memory)
    return known
