"""Which polls an operator means, and whether a name is an id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.db import connections

from core.sql import queries

_SQL = queries(Path(__file__).parent, "audit.sql")
_AT_ONCE = 1000


def poll_named(name: str) -> UUID | None:
    """The poll with this id or slug."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["polls_named"], {"id": uuid_in(name), "slug": name})
        row = cursor.fetchone()
    return None if row is None else row[0]


def uuid_in(name: str) -> UUID | None:
    """The id that the name is, None where it is none."""
    try:
        return UUID(name)
    except ValueError:
        return None


def some_polls(count: int) -> list[UUID]:
    """So many polls, drawn by lot."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["polls_by_lot"], {"limit": count})
        return [row[0] for row in cursor.fetchall()]


def all_polls() -> Iterator[UUID]:
    """Every poll, also those that appear meanwhile where they come later in the order of ids."""
    after = UUID(int=0)
    while True:
        with connections["default"].cursor() as cursor:
            cursor.execute(_SQL["polls_by_id"], {"after": after, "limit": _AT_ONCE})
            page = [row[0] for row in cursor.fetchall()]
        yield from page
        if len(page) < _AT_ONCE:
            return
        after = page[-1]


def number_of_polls() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL["number_of_polls"])
        return int(cursor.fetchone()[0])
