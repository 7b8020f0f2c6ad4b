"""What audits found, and the one that the schedule is in the middle of, kept in PostgreSQL: every process can read it there, and `/metrics` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import orjson
from django.db import connections

from core.dbapi import Cursor
from core.sql import queries

_SQL = queries(Path(__file__).parent, "audit.sql")
_KEPT = 100  # differences; a poll that is wrong in more places is wrong

Json = dict[str, object]


def save_audit(poll_id: UUID, differences: Sequence[Json]) -> None:
    """The outcome of an audit that has ended, at this moment."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["save_audit"], {"poll_id": poll_id, "differences": orjson.dumps(differences[:_KEPT]).decode()})


def save_under_way(poll_id: UUID, state: Json) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["save_under_way"], {"poll_id": poll_id, "under_way": orjson.dumps(state).decode()})


def audit_under_way() -> tuple[UUID, Json] | None:
    """A poll whose audit was begun and not ended, and where it stands."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["audit_under_way"])
        row = cursor.fetchone()
    return None if row is None else (row[0], orjson.loads(row[1]))


def next_audits(*, limit: int, rest_seconds: float) -> list[UUID]:
    """Polls whose turn it is, the most urgent first; none that was audited in the last so many seconds."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["next_audits"], {"limit": limit, "rest_seconds": rest_seconds})
        return [row[0] for row in cursor.fetchall()]


def forget_audit(cursor: Cursor, poll_id: UUID) -> None:
    """What was found no longer holds, or the poll is gone; in the caller's transaction."""
    cursor.execute(_SQL["forget_audit"], {"poll_id": poll_id})
