"""Reads one poll's rows of the vote log in chunks, and adds them up as the relay would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import orjson
from django.db import connections, transaction

from core.dbapi import Cursor
from core.sql import queries
from projections.tallying import PayloadRow, QuestionOf, tally
from workers.sums import Sums, add_deltas

_SQL = queries(Path(__file__).parent, "audit.sql")

ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """A place in the log's order, the last row of a batch. Everything at or before it has been cut, so it never changes."""

    epoch: int
    xid: int
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """How far a poll's rows have been read, in the order of voter key and revision, which is not the log's."""

    voter_key: UUID
    revision: int

    @property
    def share(self) -> float:
        """About which part of the rows lies behind it: voter keys are hashes, so they lie evenly."""
        return self.voter_key.int / 2**128


FROM_THE_START = Marker(voter_key=UUID(int=0), revision=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What some rows add up to, as a batch's payload. `read` counts rows, also those that lie past the position asked for; `last`: there are no more."""

    payload: list[PayloadRow]
    read: int
    marker: Marker
    last: bool


def read_chunk(cursor: Cursor, poll_id: UUID, *, upto: LogPosition, after: Marker, rows: int) -> Chunk:
    """The next rows of the poll after the marker, as far as they lie at or before the position, in the caller's transaction.

    `upto` must have been cut, else rows may still appear behind the marker.
    """
    parameters = {
        "poll_id": poll_id, "voter_key": after.voter_key, "revision": after.revision, "limit": rows,
        "end_epoch": upto.epoch, "end_xid": str(upto.xid), "end_id": upto.id,
    }  # fmt: skip
    cursor.execute("SET LOCAL jit = off")  # compiling costs more than a chunk
    cursor.execute(_SQL["read_chunk"], parameters)
    read, voter_key, revision, payload = cursor.fetchone()
    marker = after if voter_key is None else Marker(voter_key=voter_key, revision=revision)
    return Chunk(payload=orjson.loads(payload), read=read, marker=marker, last=read < rows)


@dataclass(slots=True, kw_only=True)
class LogCount:
    """Counts what the log says of a poll up to a position that has been cut, as far as it has got."""

    poll_id: UUID
    upto: LogPosition
    offered: QuestionOf
    sums: Sums = field(default_factory=dict)
    marker: Marker = FROM_THE_START
    done: bool = False

    def read_more(self, *, rows: int = ROWS_AT_ONCE) -> None:
        """One more chunk, in a transaction of its own."""
        with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
            chunk = read_chunk(cursor, self.poll_id, upto=self.upto, after=self.marker, rows=rows)
        add_deltas(self.sums, tally(chunk.payload, self.offered))
        self.marker = chunk.marker
        self.done = chunk.last
