"""What the write side keeps running in a web process: the committer, the look-ups, the rules in memory, the guard of codes, the door."""

from __future__ import annotations

from django.conf import settings

from commands.admission import Admission
from commands.code_guard import CodeGuard
from commands.committer import Committer
from commands.lookups import Lookups
from commands.rules_cache import RulesCache
from core.errors import Unavailable


class Engine:
    """Started after fork, on the event loop that serves; stopped when it ends."""

    def __init__(self) -> None:
        self.committer = Committer()
        self.lookups = Lookups()
        self.rules = RulesCache(self.lookups.rules)
        self.codes = CodeGuard()
        self.admission = Admission(
            always=2 * settings.VOTE_GROUP_LIMIT,
            most=settings.VOTE_QUEUE_LIMIT,
            wait_seconds=settings.VOTE_WAIT_SECONDS,
        )

    def start(self) -> None:
        self.committer.batcher.start()
        self.lookups.batcher.start()

    async def stop(self) -> None:
        """Votes that were taken in are written first."""
        await self.committer.batcher.stop()
        await self.lookups.batcher.stop()


_running: Engine | None = None


def engine() -> Engine:
    """The running engine; raises `Unavailable` before `start_engine` and after `stop_engine`."""
    if _running is None:
        raise Unavailable("Votes are not taken here.")
    return _running


def start_engine() -> Engine:
    global _running  # noqa: PLW0603  (one per process, like the process itself)
    _running = Engine()
    _running.start()
    return _running


async def stop_engine() -> None:
    global _running  # noqa: PLW0603
    if _running is not None:
        await _running.stop()
        _running = None
