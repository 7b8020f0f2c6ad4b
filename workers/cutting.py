"""Cuts the vote log into batches, in commit order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from core.sql import queries
from workers.clocks import Clocks, Reading

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_SQL = queries(Path(__file__).parent, "relay.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a look at the log found: votes to cut, sealed polls that wait to become final, and whether they wait for a cut.

    `backlog`: batches cut and not applied yet; 64 stands for any more.
    """

    votes: bool
    awaiting_final: bool
    undrained: bool
    backlog: int

    @property
    def worth_a_cut(self) -> bool:
        return self.votes or self.undrained


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a cut took; no batch when there was nothing."""

    votes: int
    batch_id: UUID | None
    seq: int


class Cutter:
    """Cuts with one connection, which must be in autocommit and in UTC. Belongs to one thread; any number of cutters at once are safe."""

    def __init__(self, connection: Connection, *, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._clocks = Clocks()
        with connection.cursor() as cursor:
            # Row estimates of one-row tables are so far off that each statement would be compiled for half a second. Plans that are kept may have been
            # made while the log was empty, when reading all of it seems cheapest; and of polls those that are closed all seem to wait for their end.
            cursor.execute("SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
            for name in ("look", "cut"):
                cursor.execute(_SQL[name])

    def look(self) -> Sight:
        """Whether a cut would find anything. One statement that writes nothing."""
        with self._connection.cursor() as cursor:
            cursor.execute("EXECUTE look")
            row = cursor.fetchone()
        if row is None:
            raise RuntimeError("relay_cursor or log_epoch is empty; run `manage.py migrate`")
        clock, epoch, counter, votes, awaiting_final, undrained, backlog = row
        self._clocks.note(Reading(clock, epoch, int(counter)))
        return Sight(votes=votes, awaiting_final=awaiting_final, undrained=undrained, backlog=backlog)

    def cut(self) -> Cut:
        """Takes what has surely committed past the cursor, up to the limit, and moves the cursor: one transaction, which begins with the cursor's lock.

        Waits for whoever holds the cursor. Everything or nothing happens, so it may be run again after any failure.
        """
        readings = list(self._clocks)
        with self._connection, self._connection.cursor() as cursor:  # one transaction, committed where the block ends
            cursor.execute(_SQL["lock_cursor"])
            cursor.execute(
                "EXECUTE cut(%s, %s::timestamptz[], %s::int[], %s::text[])",
                (self._limit, [reading.clock for reading in readings], [reading.epoch for reading in readings], [str(reading.counter) for reading in readings]),
            )
            row = cursor.fetchone()
        if row is None:
            raise RuntimeError("relay_cursor is empty; run `manage.py migrate`")
        votes, batch_id, seq, drained_epoch, drained_xid = row
        self._clocks.forget_before(drained_epoch, int(drained_xid))
        return Cut(votes=votes, batch_id=batch_id, seq=seq)

    def is_full(self, cut: Cut) -> bool:
        """Whether the cut reached its limit, so that more may be waiting."""
        return cut.votes >= self._limit
