"""A database as a server has it after a while, shared by all tests of plans: what they do they take back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from core.postgres import connect
from tests.conftest import KEPT, empty_all_tables
from tests.integration.plans.explaining import Explainer
from tests.integration.plans.filling import fill
from tests.vote_rows import connected

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

_TABLES = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT relispartition"


@pytest.fixture(scope="package")
def filled(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connected() as connection, connection.cursor() as cursor:
            truncate_all_tables(cursor)
            empty_all_tables()
            fill(cursor)
            yield
            connections.close_all()
            truncate_all_tables(cursor)
        empty_all_tables()


def truncate_all_tables(cursor: Cursor) -> None:
    """Not DELETE: what it leaves behind, in indexes too, would change plans here and slow down all tests that follow."""
    cursor.execute(_TABLES)
    tables = sorted({name for (name,) in cursor.fetchall()} - KEPT)
    cursor.execute("SET session_replication_role = replica")  # the log refuses to be emptied otherwise
    cursor.execute("TRUNCATE " + ", ".join(tables))
    cursor.execute("RESET session_replication_role")


@pytest.fixture
def explainer(filled: None) -> Iterator[Explainer]:
    """On a connection with the server's own settings, as most parts have it."""
    connection = connect("direct", application_name="nexus-plans")
    yield Explainer(connection)
    connection.close()
