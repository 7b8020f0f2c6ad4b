"""One thread beside the test's own, for what has to wait for a lock until the test lets it go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

from tests.vote_rows import select
from tests.waiting import wait_until

T = TypeVar("T")
_BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pg_blocking_pids(pid) && %s::int[]"


class Aside:
    """Runs one thing at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="model-aside")

    def stop(self) -> None:
        self._pool.submit(connections.close_all).result()
        self._pool.shutdown()

    def start(self, action: Callable[[], T], *, blocked_by: Sequence[int]) -> Future[T]:
        """Begins `action` and returns once one of these backends holds it up, or it is done."""
        doing = self._pool.submit(action)
        wait_until(lambda: doing.done() or select(_BLOCKED, list(blocked_by)))
        return doing
