"""The rules of polls in this process's memory. A stale copy harms nobody: the log refuses votes judged by old rules."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from uuid import UUID

from commands.rules import PollRules
from core.errors import NotFound

_FRESH_SECONDS = 1.0
_RENEWED_AFTER = 0.5  # seconds; while votes come nobody waits for rules, else all of a crowd would wait at once
_LIMIT = 20_000
_UNKNOWN_LIMIT = 10_000


class RulesCache:
    """Loads through `load(poll_id)`, one load at a time per poll; remembers unknown polls for a moment too."""

    def __init__(self, load: Callable[[UUID], Awaitable[PollRules]]) -> None:
        self._load = load
        self._known: OrderedDict[UUID, tuple[float, PollRules]] = OrderedDict()
        self._unknown: OrderedDict[UUID, float] = OrderedDict()
        self._loading: dict[UUID, asyncio.Task[PollRules]] = {}

    async def get(self, poll_id: UUID, *, fresh: bool = False) -> PollRules:
        """The poll's rules, at most a second old; `fresh`: read now. Raises `NotFound`, or `Unavailable` while they cannot be read."""
        if not fresh and (rules := self.at_hand(poll_id)) is not None:
            return rules
        if not fresh and time.monotonic() - self._unknown.get(poll_id, -_FRESH_SECONDS) < _FRESH_SECONDS:
            raise NotFound("There is no such poll.")
        task = None if fresh else self._loading.get(poll_id)
        return await asyncio.shield(self._start(poll_id) if task is None else task)

    def at_hand(self, poll_id: UUID) -> PollRules | None:
        """The poll's rules where nobody has to wait for them."""
        known = self._known.get(poll_id)
        if known is None:
            return None
        age = time.monotonic() - known[0]
        if age >= _FRESH_SECONDS:
            return None
        if age > _RENEWED_AFTER and poll_id not in self._loading:
            self._start(poll_id).add_done_callback(_look_at)
        return known[1]

    def _start(self, poll_id: UUID) -> asyncio.Task[PollRules]:
        task = self._loading[poll_id] = asyncio.get_running_loop().create_task(self._read(poll_id))
        return task

    def clear(self) -> None:
        self._known.clear()
        self._unknown.clear()

    async def _read(self, poll_id: UUID) -> PollRules:
        try:
            rules = await self._load(poll_id)
        except NotFound:
            self._known.pop(poll_id, None)
            self._unknown[poll_id] = time.monotonic()
            while len(self._unknown) > _UNKNOWN_LIMIT:
                self._unknown.popitem(last=False)
            raise
        finally:
            if self._loading.get(poll_id) is asyncio.current_task():
                del self._loading[poll_id]
        self._unknown.pop(poll_id, None)
        self._known[poll_id] = (time.monotonic(), rules)
        self._known.move_to_end(poll_id)
        while len(self._known) > _LIMIT:
            self._known.popitem(last=False)
        return rules


def _look_at(task: asyncio.Task[PollRules]) -> None:
    """Of a renewal that nobody waits for: whoever comes when the copy is too old asks again, and hears why that fails."""
    if not task.cancelled():
        task.exception()
