"""Has PostgreSQL explain the product's statements, and says what each plan does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from core.sql import queries
from tests.integration.plans.plan import Names, Plan, read_plan

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ROOT = Path(__file__).resolve().parents[3]

_EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
_NO_PLAN = ("SET ", "LOCK ", "VACUUM")
_COMMENTS = re.compile(r"^--.*\n", re.MULTILINE)

_TABLES = "SELECT c.relname, p.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_class p ON p.oid = inhparent WHERE p.relkind = 'p'"

_INDEXES = """
SELECT i.relname, t.relname, coalesce(whole.relname, i.relname), pg_get_indexdef(x.indexrelid, 1, true)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_inherits h ON h.inhrelid = x.indexrelid
LEFT JOIN pg_class whole ON whole.oid = h.inhparent
JOIN pg_class t ON t.oid = coalesce((SELECT inhparent FROM pg_inherits WHERE inhrelid = x.indrelid), x.indrelid)
"""


class Explainer:
    """Runs statements on a connection in autocommit, takes back what they did, and returns their plans."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            tables = dict(cursor.fetchall())
            cursor.execute(_INDEXES)
            self._names = Names(table=tables, index={index: (table, name, first) for index, table, name, first in cursor.fetchall()})

    def plan(self, text: str, parameters: Any = None) -> Plan:
        """Of one statement with its parameters as the product hands them over."""
        alone = self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN" if alone else "SAVEPOINT before")
            try:
                cursor.execute(_EXPLAIN + text, parameters)
                row = cursor.fetchone()
            finally:
                cursor.execute("ROLLBACK" if alone else "ROLLBACK TO before")
        assert row is not None
        return read_plan(row[0][0], self._names)

    def plans_of(self, alias: str, act: Callable[[], object]) -> Iterator[Plan]:
        """Of every statement that `act` runs on Django's connection; what it does is taken back."""
        with transaction.atomic(using=alias), CaptureQueriesContext(connections[alias]) as captured:
            act()
            transaction.set_rollback(True, using=alias)
        for query in captured.captured_queries:
            if query["sql"].startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
                yield self.plan(query["sql"])


def statement(name: str) -> str:
    """The text of a named query; `name` is as in "workers/relay.sql: lease"."""
    place, _, query = name.partition(": ")
    package, _, file = place.rpartition("/")
    return queries(ROOT / package, file)[query]


def all_statements() -> set[str]:
    """The names of all queries of the product that have plans."""
    files = [file for package in ("core", "commands", "projections", "workers", "pages") for file in (ROOT / package).rglob("sql/*.sql")]
    found = {f"{file.parents[1].relative_to(ROOT)}/{file.name}: {name}": text for file in files for name, text in queries(file.parents[1], file.name).items()}
    return {name for name, text in found.items() if not _COMMENTS.sub("", text).startswith(_NO_PLAN)}
