"""Hot results of this process: the newest document of each poll with its answer ready, for a second or until told that it is stale."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings

from projections.document import ResultsDocument
from projections.prepared import Prepared, prepare
from projections.validators import Order

_MOST_BYTES = 64 * 1024 * 1024
_MOST_TOLD = 10_000
NEVER = -math.inf

Watcher = Callable[[str], None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Entry:
    """One poll in memory; times on the monotonic clock, in seconds.

    May be answered from until `until`: the sooner of `fresh_until` (then its sources are asked again) and the end of the poll's state.
    `confirmed_at`: when PostgreSQL was last asked.
    """

    __slots__ = ("confirmed_at", "document", "fresh_until", "prepared", "until")

    def __init__(self, document: ResultsDocument, prepared: Prepared) -> None:
        self.document = document
        self.prepared = prepared
        self.confirmed_at = NEVER
        self.fresh_until = NEVER
        self.until = NEVER


class Memory:
    """Bounded in number and in bytes of answers; the polls longest not loaded go first.

    Belongs to one thread, the event loop's, and needs no locks; others may peek with `fresh_document`. Keys are poll ids as text.
    """

    def __init__(
        self,
        *,
        most_polls: int,
        fresh_seconds: float,
        most_bytes: int = _MOST_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self._most_polls, self._most_bytes, self._fresh_seconds = most_polls, most_bytes, fresh_seconds
        self._monotonic, self._now = monotonic, now
        self._bytes = 0
        self._told: OrderedDict[str, Order] = OrderedDict()
        self._watchers: dict[str, set[Watcher]] = {}

    def get(self, key: str) -> Entry | None:
        """The entry if it may be answered from now, its answer being that of the poll's present state."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        present = self._monotonic()
        if present < entry.until:
            return entry
        if present >= entry.fresh_until:
            return None
        self._prepare(entry)
        return entry

    def fresh_document(self, key: str) -> ResultsDocument | None:
        """The document if it need not be asked for again yet; safe from any thread."""
        entry = self.entries.get(key)
        return entry.document if entry is not None and self._monotonic() < entry.fresh_until else None

    def keep(self, document: ResultsDocument, *, confirmed_at: float = NEVER) -> Entry:
        """The poll's entry, with this document unless a newer one is there, fresh again.

        `confirmed_at`: when PostgreSQL was asked for the document, if it was. An entry of which something newer was told stays stale: the document
        was fetched before that.
        """
        key = str(document.poll_id)
        entry = self.entries.get(key)
        if entry is None or document.order > entry.document.order:
            confirmed_before = NEVER if entry is None else entry.confirmed_at
            self.forget(key)
            entry = self.entries[key] = Entry(document, self._prepared(document))
            entry.confirmed_at = confirmed_before
            self._bytes += len(entry.prepared.body)
            self._notify(key)
        self.entries.move_to_end(key)
        entry.confirmed_at = max(entry.confirmed_at, confirmed_at)
        entry.fresh_until = self._monotonic() + self._fresh_seconds
        self._prepare(entry)
        if self._told.pop(key, (0, 0)) > entry.document.order:
            entry.fresh_until = entry.until = NEVER
        self._shrink()
        return entry

    def tell(self, poll_id: UUID, order: Order) -> None:
        """Something says that this version exists: what is older here is stale."""
        key = str(poll_id)
        entry = self.entries.get(key)
        if entry is not None and entry.document.order >= order:
            return
        self._told[key] = max(order, self._told.get(key, order))
        self._told.move_to_end(key)
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        if entry is not None:
            entry.fresh_until = entry.until = NEVER
        self._notify(key)

    def forget(self, key: str) -> None:
        """The poll is no longer there."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.prepared.body)

    def drop_all(self) -> None:
        """Messages may have been missed: everything is asked for again."""
        self.entries.clear()
        self._told.clear()
        self._bytes = 0
        for key in tuple(self._watchers):
            self._notify(key)

    def watch(self, key: str, watcher: Watcher) -> Callable[[], None]:
        """Calls `watcher(key)` at once whenever the poll's results are known or said to have changed, or may have; returns how to stop that.

        What streams hang on. A watcher must not block; it asks the loader for the document itself, and may be called once too often.
        """
        self._watchers.setdefault(key, set()).add(watcher)

        def stop() -> None:
            remaining = self._watchers.get(key, set())
            remaining.discard(watcher)
            if not remaining:
                self._watchers.pop(key, None)

        return stop

    def _notify(self, key: str) -> None:
        for watcher in tuple(self._watchers.get(key, ())):
            watcher(key)

    def _prepared(self, document: ResultsDocument) -> Prepared:
        return prepare(document, self._now(), vary_by_origin=bool(settings.CORS_ALLOWED_ORIGINS))

    def _prepare(self, entry: Entry) -> None:
        """Makes the answer that of the present state, and says until when it is."""
        now = self._now()
        turns_at = entry.prepared.turns_at
        if turns_at is not None and now >= turns_at:
            self._bytes -= len(entry.prepared.body)
            entry.prepared = self._prepared(entry.document)
            self._bytes += len(entry.prepared.body)
            turns_at = entry.prepared.turns_at
        entry.until = entry.fresh_until
        if turns_at is not None:
            entry.until = min(entry.fresh_until, self._monotonic() + (turns_at - now).total_seconds())

    def _shrink(self) -> None:
        while len(self.entries) > 1 and (len(self.entries) > self._most_polls or self._bytes > self._most_bytes):
            self.forget(next(iter(self.entries)))


memory = Memory(most_polls=settings.RESULTS_MEMORY_POLLS, fresh_seconds=settings.RESULTS_REVALIDATE_SECONDS)
