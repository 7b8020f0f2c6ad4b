"""Fills the tables that grow (`sql/filling.sql`), and knows the ids that it gave."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from core.sql import queries

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

FILLING = queries(Path(__file__).parent, "filling.sql")

# As autovacuum does it: partitions one by one, never the table that they make up; and not the one-row tables that hardly change.
_TABLES = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'log_epoch'"


def named(what: str, *numbers: int) -> UUID:
    """The id that `sql/filling.sql` gave."""
    return UUID(md5(" ".join([what, *map(str, numbers)]).encode(), usedforsecurity=False).hexdigest())


HOT, OLD, WITH_CODES = (named("poll", n) for n in (1, 2, 3))
SMALL = [named("poll", n) for n in range(5, 105)]


def fill(cursor: Cursor) -> None:
    """Expects the tables empty and a connection in autocommit."""
    for text in FILLING.values():
        cursor.execute(text)
    cursor.execute(_TABLES)
    cursor.execute("ANALYZE " + ", ".join(table for (table,) in cursor.fetchall()))
