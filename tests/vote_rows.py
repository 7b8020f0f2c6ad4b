"""Writes votes straight into the log, past all rules, so that a test decides what commits when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from core.postgres import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_INSERT = """
INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, replaces, replaced_cast_at, receipt, request_key, request_digest, cast_at)
SELECT (SELECT epoch FROM log_epoch), %(poll)s, %(voter)s, coalesce(l.revision, 0) + 1, %(choices)s::uuid[], l.choices,
       CASE WHEN l.choices IS NOT NULL THEN l.cast_at END, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), coalesce(%(at)s, clock_timestamp())
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT revision, choices, cast_at FROM votes WHERE poll_id = %(poll)s AND voter_key = %(voter)s ORDER BY revision DESC LIMIT 1) l ON true
"""


def write_vote(connection: Connection, poll_id: UUID, choices: Sequence[UUID | str] | None, *, voter: UUID | None = None, at: Any = None) -> UUID:
    """A ballot, a change of the voter's last one, or with None a withdrawal; whose it is."""
    voter = voter or uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {"poll": poll_id, "voter": voter, "choices": None if choices is None else [str(choice) for choice in choices], "at": at})
    return voter


def write_votes(connection: Connection, poll_id: UUID, choice: UUID | str, count: int) -> None:
    """So many votes of as many voters for one choice, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)
            SELECT (SELECT epoch FROM log_epoch), %s, gen_random_uuid(), 1, ARRAY[%s]::uuid[],
                   gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), clock_timestamp()
            FROM generate_series(1, %s)
            """,
            (poll_id, str(choice), count),
        )


@contextmanager
def connected(name: str = "test") -> Iterator[Connection]:
    """An autocommit connection to the test database."""
    connection = connect("direct", application_name=f"nexus-{name}")
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def open_transaction(name: str = "test") -> Iterator[Connection]:
    """A connection inside a transaction that has its id already; the test commits it, else it is rolled back."""
    with connected(name) as connection:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        yield connection
        connection.rollback()


def select(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, run by a connection of its own."""
    with connected("select") as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def run(statement: str, *parameters: Any) -> None:
    with connected("run") as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
