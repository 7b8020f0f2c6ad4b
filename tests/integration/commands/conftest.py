"""The write side running in the test's own loop, on the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from django.db import connections

from commands.engine import Engine, start_engine, stop_engine
from core.limits import vote_limit
from core.postgres import connect
from tests.tcp_proxy import TcpProxy, proxy_to


@pytest_asyncio.fixture
async def engine(committed_db: None, settings: Any) -> AsyncIterator[Engine]:
    """A started engine without rate limits."""
    settings.VOTE_RATE_LIMIT = "off"
    vote_limit.cache_clear()  # whatever ran before may have made one
    running = start_engine()
    yield running
    await stop_engine()
    vote_limit.cache_clear()


@pytest.fixture
def sql(committed_db: None) -> Any:
    """Runs one statement on a connection of its own and returns all rows."""

    def run(statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        connection = connect("direct", application_name="nexus-tests")
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    return run


@pytest.fixture
def postgres_proxy(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpProxy]:
    """The committer's way to PostgreSQL leads through it."""
    direct = connections["direct"].settings_dict
    host, port = direct["HOST"] or direct["OPTIONS"].get("host", "127.0.0.1"), direct["PORT"] or 5432
    with proxy_to(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))) as proxy:
        monkeypatch.setitem(direct, "HOST", "127.0.0.1")
        monkeypatch.setitem(direct, "PORT", str(proxy.port))
        yield proxy
