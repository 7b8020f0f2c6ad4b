"""The real processes, as the Procfile starts them, on the test database, for tests that need a vote's whole way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import connections
from psycopg2.extensions import make_dsn

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line and not line.startswith("#"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def database_url() -> str:
    """The test database as a libpq DSN, for processes of their own."""
    parameters: dict[str, Any] = connections["default"].get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    return str(make_dsn(**wanted))


class Stack:
    """Processes by name. `kill` and `start` are for tests of what survives."""

    def __init__(self, folder: Path, **changes: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        prefix = f"test-{uuid.uuid4().hex[:10]}"
        self._environment = (
            os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "DATABASE_URL": database_url(),
                "DATABASE_DIRECT_URL": database_url(),
                "REDIS_URL": settings.REDIS_URL,
                "BROKER_URL": settings.BROKER_URL,
                "REDIS_PREFIX": prefix,
                "QUEUE_PREFIX": prefix,
                "SECRET_KEY": settings.SECRET_KEY,
                "VOTER_KEY_SECRET": settings.VOTER_KEY_SECRET,
                "STATE_DIR": str(folder),
                "PORT": str(self.port),
                "VOTE_RATE_LIMIT": "off",
                "AUTH_RATE_LIMIT": "off",
            }
            | changes
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {COMMANDS[name]}"], cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its children."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self.processes.clear()

    def is_ready(self) -> bool:
        """Whether the web process takes votes; fails when it has ended."""
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            assert self.processes["web"].poll() is None, self.log("web")
            return False

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()


@contextmanager
def running_stack(folder: Path, *names: str, **changes: str) -> Iterator[Stack]:
    stack = Stack(folder, **changes)
    try:
        for name in names or ("web", "relay", "worker"):
            stack.start(name)
        yield stack
    finally:
        stack.stop()
