"""How the harness runs the Redis peer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from redis import Redis

from bench.peers.peer import Peer
from bench.peers.redis_list.votes import LIST
from bench.targets import Target
from core.sql import queries

FOLDER = Path(__file__).parent
_POLLS = queries(FOLDER.parent, "plain_polls.sql")
_VOTES = queries(FOLDER, "votes.sql")


class RedisList(Peer):
    """A voter's second vote replaces the first, as in the original; nobody is refused."""

    name = "redis_list"
    title = "Flask → Redis list → worker → PostgreSQL"
    refuses_repeats = False
    durable_when_accepted = False
    accounts = False
    uses = ("postgres", "redis")
    counts_when_read = True
    sql = _POLLS

    def __init__(self, *, threads: int = 4, batch: int = 1) -> None:
        """`threads`: of each web process, of which there are as many as cores. `batch`: votes that the worker writes in one transaction; the
        original's worker writes one."""
        self._threads = threads
        self._batch = batch

    def missing(self) -> str | None:
        return next((f"{name} is not installed: make bench installs bench/requirements.txt" for name in ("gunicorn", "flask") if find_spec(name) is None), None)

    def make_tables(self) -> None:
        self.make_by_sql(_POLLS["make_tables"])
        self.make_by_sql(_VOTES["make_tables"])

    def start(self) -> None:
        gunicorn = (sys.executable, "-m", "gunicorn", "--config", str(FOLDER / "gunicorn_config.py"), "bench.peers.redis_list.app:app")
        self.run("web", gunicorn, WORKERS=str(self.place.cores), THREADS=str(self._threads))
        self.run("worker", (sys.executable, "-m", "bench.peers.redis_list.worker"), WORKER_BATCH=str(self._batch))
        self.await_web()

    def versions(self) -> Mapping[str, str]:
        return {name: version(name) for name in ("Flask", "gunicorn", "redis", "psycopg2-binary")}

    def backlog(self) -> int:
        """Votes that are accepted and not in the table."""
        with closing(Redis.from_url(self.place.redis_url)) as client:
            return int(client.llen(LIST))

    def discard_backlog(self) -> None:
        with closing(Redis.from_url(self.place.redis_url)) as client:
            client.delete(LIST)


def make() -> Target:
    return RedisList()
