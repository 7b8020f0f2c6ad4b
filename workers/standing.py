"""What the tallies of a poll hold at one boundary, and what the log says at the same one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import orjson
from django.db import connections

from core.dbapi import Cursor
from core.sql import queries
from projections.tallying import QuestionOf, questions_by_choice, tally
from workers.log_reading import ROWS_AT_ONCE, LogCount, LogPosition, Marker
from workers.sums import Sums, add_deltas, tallied

_SQL = queries(Path(__file__).parent, "audit.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A generation of a poll's tallies at the boundary `seq`, which ends at `upto`.

    `sums` are its rows and, on top, what batches up to the boundary will still feed to it: so a batch that has not been applied is no drift.
    """

    generation: int
    fed: bool
    shown: bool
    version: int
    seq: int
    upto: LogPosition
    offered: QuestionOf
    sums: Sums


def take_standings(cursor: Cursor, poll_id: UUID) -> dict[int, Standing]:
    """All generations of a poll that exist, by number, of one snapshot; none when there is no such poll."""
    cursor.execute(_SQL["read_standing"], {"poll_id": poll_id})
    return {standing.generation: standing for standing in (_standing(poll_id, row) for row in cursor.fetchall())}


def standings_of(poll_id: UUID) -> dict[int, Standing]:
    """As `take_standings`, on Django's connection."""
    with connections["default"].cursor() as cursor:
        return take_standings(cursor, poll_id)


def log_at(poll_id: UUID, standing: Standing, *, rows: int = ROWS_AT_ONCE, progress: Callable[[Marker], None] = lambda _: None) -> Sums:
    """What the log says of the poll at the standing's boundary. Several short transactions that only read."""
    count = LogCount(poll_id=poll_id, upto=standing.upto, offered=standing.offered)
    while not count.done:
        count.read_more(rows=rows)
        progress(count.marker)
    return count.sums


def _standing(poll_id: UUID, row: tuple[object, ...]) -> Standing:
    generation, fed, version, shown, seq, epoch, xid, vote_id, questions, ballots, by_question, by_choice, by_minute, pending = row
    offered = {str(poll_id): questions_by_choice(orjson.loads(str(questions)))}
    sums = tallied(_int(ballots), *(orjson.loads(str(part)) for part in (by_question, by_choice, by_minute)))
    add_deltas(sums, tally(orjson.loads(str(pending)), offered))
    return Standing(
        generation=_int(generation),
        fed=bool(fed),
        shown=generation == shown,
        version=_int(version),
        seq=_int(seq),
        upto=LogPosition(epoch=_int(epoch), xid=int(str(xid)), id=_int(vote_id)),
        offered=offered,
        sums=sums,
    )


def _int(value: object) -> int:
    return int(str(value))
