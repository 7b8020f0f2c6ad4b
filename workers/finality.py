"""Says `final` of a sealed poll once everything from before its barrier has been counted, never earlier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.sql import queries
from projections.rendering import render

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg2.extensions import connection as Connection

_SQL = queries(Path(__file__).parent, "relay.sql")
_AT_ONCE = 100


def finish_polls(connection: Connection) -> list[UUID]:
    """Makes up to a hundred polls final whose votes are all in, each with a new version, and renders them; which ones.

    `connection` must be in autocommit: each poll is one statement, which judges cursor, batches and card in one snapshot.
    """
    finished = []
    with connection.cursor() as cursor:
        cursor.execute(_SQL["polls_to_finish"], {"limit": _AT_ONCE})
        for (poll_id,) in cursor.fetchall():
            cursor.execute(_SQL["make_final"], {"poll_id": poll_id})
            if cursor.fetchone() is not None:
                finished.append(poll_id)
    render(finished)
    return finished
