"""Starts our processes as they run in earnest, on the test's database and under the test's names, and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections
from psycopg2.extensions import make_dsn

ROOT = Path(__file__).parent.parent

RELAY = (sys.executable, "manage.py", "run_relay")
WORKER = (
    *(sys.executable, "-m", "celery", "-A", "core", "worker", "--loglevel", "INFO", "--pool", "prefork", "--concurrency", "1"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat", "-O", "fair"),
)


class Running:
    """A process in a group of its own, with everything it said."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        """To the whole group, as a terminal or a container does."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def exit_code(self, *, seconds: float = 20) -> int:
        return self._process.wait(seconds)


def database_dsn(*, port: int | None = None) -> str:
    """The test database, or a proxy's port in front of it."""
    target = connections["direct"].settings_dict
    fields = {"dbname": target["NAME"], "user": target["USER"], "password": target["PASSWORD"], "host": target["HOST"], "port": target["PORT"]}
    if port is not None:
        fields |= {"host": "127.0.0.1", "port": port}
    return str(make_dsn(**{name: value for name, value in fields.items() if value}))


def database_address() -> tuple[str, int] | str:
    """Where PostgreSQL listens, for a proxy: host and port, or the path of its socket."""
    target = connections["direct"].settings_dict
    host, port = target["HOST"] or "/var/run/postgresql", int(target["PORT"] or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def broker_address() -> tuple[str, int]:
    parts = urlsplit(settings.BROKER_URL)
    return parts.hostname or "127.0.0.1", parts.port or 5672


@contextmanager
def running(command: Sequence[str], folder: Path, *, dsn: str | None = None, **environment: str) -> Iterator[Running]:
    """The process, killed with its children at the end. `dsn` is the test database unless given."""
    log = folder / f"{len(list(folder.iterdir()))}.log"
    variables = os.environ | {
        "DATABASE_URL": dsn or database_dsn(),
        "DATABASE_DIRECT_URL": dsn or database_dsn(),
        "REDIS_URL": settings.REDIS_URL,
        "BROKER_URL": settings.BROKER_URL,
        "REDIS_PREFIX": settings.REDIS_PREFIX,
        "QUEUE_PREFIX": settings.QUEUE_PREFIX,
        "STATE_DIR": str(folder / "state"),
        "SECRET_KEY": settings.SECRET_KEY,
        "VOTER_KEY_SECRET": settings.VOTER_KEY_SECRET,
        "PYTHONUNBUFFERED": "1",
        **environment,
    }
    stream: IO[bytes]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)
    started = Running(process, log)
    try:
        yield started
    finally:
        started.signal(signal.SIGKILL)
        process.wait()
