"""A real server in the test's own loop, with clients that follow results, and a stand-in for the workers that changes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import orjson
import pytest
import pytest_asyncio
from django.conf import settings as django_settings
from uvicorn import Server
from websockets.asyncio.client import ClientConnection, connect

from commands.models import Poll
from core.redis import sync_redis
from core.web_server import WebOptions, listen, web_config
from projections.channels import hub
from projections.document import ResultsDocument
from projections.readers import Readers, readers
from projections.results_store import ResultsStore
from tests.counting import own_names, results_of
from tests.vote_rows import run
from tests.waiting import until

__all__ = ["own_names"]


class Event(dict[str, str]):
    """The fields of one server-sent event; `data` whole."""

    @property
    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self["data"])
        return found


class Stream:
    """An open answer, read event by event."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.comments = 0

    async def next(self, *, seconds: float = 10) -> Event | None:
        """The next event; None when the stream has ended."""
        async with asyncio.timeout(seconds):
            fields: dict[str, list[str]] = {}
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields.setdefault(name, []).append(value)
                elif fields:
                    return Event({name: "\n".join(values) for name, values in fields.items()})
            return None

    async def event(self) -> Event:
        event = await self.next()
        assert event is not None, "the stream has ended"
        return event

    async def is_silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long; no event is lost by asking, but the stream cannot be read afterwards."""
        try:
            await self.next(seconds=seconds)
        except TimeoutError:
            return True
        return False


class Live:
    """The server's address, what stands behind it, and its clients."""

    def __init__(self, port: int, server: Server, parts: Readers) -> None:
        self.port, self.server, self.parts = port, server, parts
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.AsyncClient(base_url=self.url, limits=httpx.Limits(max_connections=None), timeout=30)

    async def call(self, method: str, poll: Poll | str, rest: str = "", **headers: str) -> httpx.Response:
        poll_id = poll if isinstance(poll, str) else poll.id
        return await self.client.request(method, f"/api/v1/polls/{poll_id}/results{rest}", headers=named(headers))

    @asynccontextmanager
    async def stream(self, poll: Poll, query: str = "", **headers: str) -> AsyncIterator[Stream]:
        async with self.client.stream("GET", f"/api/v1/polls/{poll.id}/results/stream{query}", headers=named(headers)) as answer:
            yield Stream(answer)

    def socket(self, poll: Poll | str, query: str = "", *, origin: str | None = None, **headers: str) -> AbstractAsyncContextManager[ClientConnection]:
        poll_id = poll if isinstance(poll, str) else poll.id
        address = f"ws://127.0.0.1:{self.port}/ws/v1/polls/{poll_id}/results{query}"
        return connect(address, additional_headers=named(headers), origin=origin, proxy=None)  # type: ignore[arg-type]  # any text may be an origin

    def count(self, poll: Poll, votes: int = 1) -> None:
        """Counts votes for the first choice, as a batch would, and tells nobody."""
        question = poll.questions.all()[0]
        run("UPDATE poll_tallies SET ballots = ballots + %s WHERE poll_id = %s", votes, poll.id)
        run("UPDATE question_tallies SET ballots = ballots + %s WHERE question_id = %s", votes, question.id)
        run("UPDATE choice_tallies SET votes = votes + %s WHERE choice_id = %s", votes, question.choices.all()[0].id)
        self.bump(poll)

    def bump(self, poll: Poll) -> None:
        run("UPDATE poll_projections SET version = version + 1 WHERE poll_id = %s", poll.id)

    def render(self, poll: Poll) -> ResultsDocument:
        """As the worker: Redis is given the present results, subscribers are told."""
        document = results_of(poll.id)
        ResultsStore(sync_redis()).put([document])
        return document

    def vote(self, poll: Poll, votes: int = 1) -> ResultsDocument:
        self.count(poll, votes)
        return self.render(poll)

    def change(self, poll: Poll, **columns: Any) -> ResultsDocument:
        """Writes the poll's card, as an edit, a seal or `final` would."""
        for name, value in columns.items():
            run(f"UPDATE poll_cards SET {name} = %s WHERE poll_id = %s", value, poll.id)
        self.bump(poll)
        return self.render(poll)

    def finish(self, poll: Poll) -> ResultsDocument:
        return self.change(poll, sealed_at=datetime.now(UTC), final=True)

    @property
    def following(self) -> tuple[int, int]:
        """How many clients follow how many polls."""
        return hub().listening, hub().polls


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def bearer(user_id: UUID, *, seconds: float = 60, **claims: Any) -> str:
    rules: dict[str, Any] = django_settings.SIMPLE_JWT
    usual = {
        "sub": str(user_id),
        "aud": rules["AUDIENCE"],
        "iss": rules["ISSUER"],
        "token_type": "access",
        "exp": datetime.now(UTC) + timedelta(seconds=seconds),
    }
    return "Bearer " + jwt.encode(usual | claims, rules["SIGNING_KEY"], algorithm=rules["ALGORITHM"])


@pytest.fixture
def start(committed_db: None, own_names: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractAsyncContextManager[Live]]:
    """Starts a server; it is stopped as SIGTERM would stop it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    settings.VOTE_RATE_LIMIT = "off"

    @asynccontextmanager
    async def started() -> AsyncIterator[Live]:
        listener = listen("127.0.0.1", 0)
        port: int = listener.getsockname()[1]
        options = WebOptions(application="core.asgi:application", workers=1, backlog=256, keep_alive=30, shutdown=8, access_log=False)
        server = Server(web_config(options))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started or serving.done())
        live = Live(port, server, readers())
        try:
            yield live
        finally:
            await live.client.aclose()
            server.should_exit = True
            await serving

    return started


@pytest_asyncio.fixture
async def live(start: Callable[[], AbstractAsyncContextManager[Live]]) -> AsyncIterator[Live]:
    async with start() as running:
        yield running
