"""Takes away batches that were counted long ago: the log has their votes, the tallies their sums."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connections

from core.sql import queries

_SQL = queries(Path(__file__).parent, "retention.sql")
_ROWS, _ROUNDS = 1_000, 200


def delete_old_batches() -> int:
    """How many went of those counted more than `BATCHES_KEPT_HOURS` ago: 200,000 at most, in short transactions. Any number of times, by any number at once."""
    gone = 0
    for _ in range(_ROUNDS):
        with connections["default"].cursor() as cursor:
            cursor.execute(_SQL["delete_old_batches"], {"limit": _ROWS, "hours": settings.BATCHES_KEPT_HOURS})
            deleted = cursor.rowcount
        gone += deleted
        if deleted < _ROWS:
            break
    return gone
