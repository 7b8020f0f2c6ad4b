"""A clock that tests can move: inside the test database it stands before PostgreSQL's own, so that production statements read it unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connections

from tests.vote_rows import connected

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# A sequence knows no transactions: moving it waits for nobody and is seen by everybody at once, as time is.
_BEGIN = """
CREATE SCHEMA model_clock;
CREATE SEQUENCE model_clock.ahead MINVALUE 0 START 0;
CREATE FUNCTION model_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + (SELECT last_value FROM model_clock.ahead) * interval ''1 second''';
CREATE FUNCTION model_clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.statement_timestamp() + (SELECT last_value FROM model_clock.ahead) * interval ''1 second''';
"""
_FIRST = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = model_clock, pg_catalog, public', current_database()); END $$"
_NO_LONGER = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET search_path', current_database()); END $$"
_END = "DROP SCHEMA IF EXISTS model_clock CASCADE"


@contextmanager
def movable_clock() -> Iterator[None]:
    """Every connection made while this lasts reads the movable clock; the test closes those of its own before the end."""
    connections.close_all()
    with connected("clock") as connection, connection.cursor() as cursor:
        cursor.execute(_END)
        cursor.execute(_BEGIN)
        cursor.execute(_FIRST)
    try:
        yield
    finally:
        connections.close_all()
        with connected("clock") as connection, connection.cursor() as cursor:
            cursor.execute(_NO_LONGER)
            cursor.execute(_END)


class Clock:
    """The movable clock, over one connection. It never goes back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def now(self) -> datetime:
        return self._ask("SELECT clock_timestamp()")

    def advance(self, seconds: int) -> datetime:
        self._ask(f"SELECT setval('model_clock.ahead', (SELECT last_value FROM model_clock.ahead) + {seconds})")
        return self.now()

    def _ask(self, statement: str) -> datetime:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            answer: datetime = cursor.fetchone()[0]  # type: ignore[index]
            return answer
