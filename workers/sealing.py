"""Seals polls whose time has passed. Votes are refused by the clock from that moment on; the row says so a little later."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from commands.handlers import seal_poll
from core.errors import Unavailable
from core.sql import queries

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_SQL = queries(Path(__file__).parent, "relay.sql")
_AT_ONCE = 100


def seal_due_polls(connection: Connection) -> int:
    """Seals up to a hundred polls that are due, each in a transaction of its own (on Django's connection); how many were sealed."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["polls_to_seal"], {"limit": _AT_ONCE})
        due = [row[0] for row in cursor.fetchall()]
    sealed = 0
    for poll_id in due:
        try:
            sealed += seal_poll(poll_id=poll_id)
        except Unavailable as error:
            logger.warning("poll %s could not be sealed yet: %s", poll_id, error)
    return sealed
