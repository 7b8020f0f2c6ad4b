"""Where a rebuild stands, and its row in the database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import orjson
from django.db import connections

from core.dbapi import Cursor
from core.sql import queries
from workers.log_reading import Chunk, LogPosition, Marker
from workers.models import TallyRebuild
from workers.sums import Difference

State = TallyRebuild.State

_SQL = queries(Path(__file__).parent, "rebuild.sql")


class RebuildRefused(Exception):
    """This step cannot be taken now; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """Where a rebuild stands; see `workers.models.TallyRebuild`."""

    poll_id: UUID
    generation: int
    replaces: int
    boundary: int
    upto: LogPosition
    filled: Marker
    rows_read: int
    state: str
    drift: list[Difference] | None

    @property
    def leaving(self) -> int:
        """The generation that is or will be dropped."""
        return self.replaces if self.state in {State.FLIPPED, State.RETIRING, State.RETIRED} else self.generation


def find(poll_id: UUID, generation: int | None = None) -> Rebuild | None:
    """The rebuild that makes this generation; without one, the poll's that has not ended, else the last one there was."""
    with connections["default"].cursor() as cursor:
        return _read(cursor, "find_rebuild", poll_id, generation)


def lock(cursor: Cursor, poll_id: UUID, generation: int | None = None) -> Rebuild | None:
    """As `find`, and locked until the transaction ends, so that two who rebuild one poll at once take turns."""
    return _read(cursor, "lock_rebuild", poll_id, generation)


def hold(cursor: Cursor, poll_id: UUID, generation: int | None = None) -> Rebuild:
    """As `lock`. Raises `RebuildRefused` where there is none."""
    rebuild = lock(cursor, poll_id, generation)
    if rebuild is None:
        raise RebuildRefused("no rebuild of this poll was begun")
    return rebuild


def note_state(cursor: Cursor, rebuild: Rebuild, state: State) -> Rebuild:
    """Expects the rebuild held."""
    cursor.execute(_SQL["note_state"], {"poll_id": rebuild.poll_id, "generation": rebuild.generation, "state": state.value})
    return replace(rebuild, state=state)


def note_filled(cursor: Cursor, rebuild: Rebuild, chunk: Chunk) -> Rebuild:
    """Expects the rebuild held."""
    cursor.execute(
        _SQL["note_filled"],
        {
            "poll_id": rebuild.poll_id,
            "generation": rebuild.generation,
            "voter_key": chunk.marker.voter_key,
            "revision": chunk.marker.revision,
            "read": chunk.read,
        },
    )
    noted = replace(rebuild, filled=chunk.marker, rows_read=rebuild.rows_read + chunk.read)
    return note_state(cursor, noted, State.FILLED) if chunk.last else noted


def _read(cursor: Cursor, name: str, poll_id: UUID, generation: int | None) -> Rebuild | None:
    cursor.execute(_SQL[name], {"poll_id": poll_id, "generation": generation})
    row = cursor.fetchone()
    if row is None:
        return None
    _, generation, replaces, boundary, epoch, xid, vote_id, voter_key, revision, rows_read, state, drift = row
    known = orjson.loads(drift) if isinstance(drift, str) else drift
    return Rebuild(
        poll_id=poll_id,
        generation=generation,
        replaces=replaces,
        boundary=boundary,
        upto=LogPosition(epoch=epoch, xid=int(xid), id=vote_id),
        filled=Marker(voter_key=voter_key, revision=revision),
        rows_read=rows_read,
        state=state,
        drift=None if known is None else [Difference(**each) for each in known],
    )
