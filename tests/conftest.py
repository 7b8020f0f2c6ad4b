"""Fixtures for all tests: one migrated database, real commits, a clean slate after each."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from core.postgres import connect

# The normal run tries the same examples each time and passes or fails for what changed; the long one (`-m slow`) looks for new ones.
# A slow machine is no fault of an example.
for _name, _same_each_time in (("normal", True), ("long", False)):
    hypothesis.settings.register_profile(_name, derandomize=_same_each_time, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("normal")

KEPT = {"django_migrations", "django_content_type", "auth_permission", "log_epoch", "relay_cursor"}


def empty_all_tables() -> None:
    """Back to a fresh database: every row of ours is gone, the log's epoch and the relay's cursor are at their beginning."""
    connection = connect("direct", application_name="nexus-tests")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            if not str(cursor.fetchone()).startswith("('test_"):
                raise RuntimeError("refusing to empty a database that is not a test's")
            # what a failed test left open must not hold up all that follow
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'")
            cursor.execute("SET lock_timeout = '20s'")
            cursor.execute("SET session_replication_role = replica")  # the log refuses DELETE otherwise
            cursor.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT relispartition")
            tables = sorted({name for (name,) in cursor.fetchall()} - KEPT)
            cursor.execute(";".join(f'DELETE FROM "{table}"' for table in tables))  # far cheaper than TRUNCATE for a few rows
            cursor.execute(
                "UPDATE log_epoch SET epoch = 1, voter_key_fingerprint = NULL, system_identifier = (SELECT system_identifier FROM pg_control_system())"
            )
            cursor.execute("UPDATE relay_cursor SET epoch = 1, xid = '0', vote_id = 0, seq = 0, drained_epoch = 1, drained_xid = '0', as_of = now()")
    finally:
        connection.close()


def pytest_configure(config: pytest.Config) -> None:
    if "slow" in str(config.option.markexpr).replace("not slow", ""):
        hypothesis.settings.load_profile("long")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    settings.PASSWORD_HASHERS = ["tests.hashers.OneIteration"]


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """All three database aliases on one fresh, migrated test database, whether or not a test carries a marker."""
    with django_db_blocker.unblock():
        created = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        _end_other_connections()
        teardown_databases(created, verbosity=0)


def _end_other_connections() -> None:
    """A thread that a test left behind must not keep the database from being dropped."""
    connection = connect("direct", application_name="nexus-tests")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    connection.close()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database with real commits, seen by every connection and process; emptied afterwards."""
    with django_db_blocker.unblock():
        empty_all_tables()
        yield
        connections.close_all()
        empty_all_tables()
