"""The web process as it runs in earnest, and voters who come back with their keys until they are answered."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

import httpx

from core.postgres import connect
from tests.counting import own_names, rabbitmq
from tests.processes import Running, running
from tests.stack import free_port
from tests.waiting import wait_until

__all__ = ["own_names", "rabbitmq"]

WEB = (sys.executable, "manage.py", "run_web")
COUNTED = "SELECT count(*), count(DISTINCT receipt) FROM votes WHERE poll_id = %s"


@dataclass
class Web:
    process: Running
    url: str

    def vote(self, poll_id: UUID, body: dict[str, Any], *, key: str | None = None, seconds: float = 30) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return httpx.post(f"{self.url}/api/v1/polls/{poll_id}/votes", json=body, headers=headers, timeout=seconds)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            assert not self.process.ended, self.process.said
            return False


@contextmanager
def web_process(folder: Path, *, port: int | None = None, dsn: str | None = None, **environment: str) -> Iterator[Web]:
    """A web process that takes votes, on a port of its own unless given."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    settings = {"PORT": str(port), "VOTE_RATE_LIMIT": "off", "AUTH_RATE_LIMIT": "off", **environment}
    with running(WEB, folder, dsn=dsn, **settings) as process:
        web = Web(process, f"http://127.0.0.1:{port}")
        wait_until(web.is_ready, seconds=60)
        yield web


def select(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    connection = connect("direct", application_name="nexus-tests")
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()
    finally:
        connection.close()


@contextmanager
def holding(statement: str) -> Iterator[None]:
    """A transaction that has run the statement and holds its locks."""
    connection = connect("direct", application_name="nexus-tests")
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        yield
    finally:
        connection.rollback()
        connection.close()


@dataclass
class Voters:
    """Threads of voters, each casting one vote after the other; a vote is sent again with its key until it is answered with something else than 503."""

    urls: list[str]
    poll_id: UUID
    body: dict[str, Any]
    receipts: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    retries: int = 0
    _stop: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def voting(self, threads: int) -> Iterator[Voters]:
        workers = [Thread(target=self._go_on, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield self
        finally:
            self._stop.set()
            for worker in workers:
                worker.join()

    def _go_on(self, number: int) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._stop.is_set():
                self._vote(client, number)

    def _vote(self, client: httpx.Client, attempt: int) -> None:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        client.cookies.clear()  # else it is the same voter for ever
        while True:
            try:
                answer = client.post(f"{self.urls[attempt % len(self.urls)]}/api/v1/polls/{self.poll_id}/votes", json=self.body, headers=headers)
            except httpx.TransportError:
                answer = None
            with self._lock:
                if answer is not None and answer.status_code == 201:
                    self.receipts.append(answer.json()["id"])
                    return
                self.retries += 1
                if answer is not None and answer.status_code != 503:
                    self.strange.append(f"{answer.status_code} {answer.text}")
                    return
            attempt += 1
            self._stop.wait(0.02)
