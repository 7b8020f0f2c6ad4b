"""The write side running in the test's own loop, on the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from commands.engine import Engine, start_engine, stop_engine
from core.postgres import connect


@pytest_asyncio.fixture
async def engine(committed_db: None, settings: Any) -> AsyncIterator[Engine]:
    """A started engine without rate limits."""
    settings.VOTE_RATE_LIMIT = "off"
    running = start_engine()
    yield running
    await stop_engine()


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
