"""Voters who send again until they are answered, against a server that misbehaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from demo import voters
from demo.failures import DemoFailedError
from demo.organiser import Election, vote_limit
from demo.voters import Turnout, cast_all

ELECTION = Election(id="poll", slug="poll", question="q", choices={"A": "a", "B": "b"})
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[ClientSession]:
    application = web.Application()
    application.router.add_post(ELECTION.votes_path, answer)
    async with TestServer(application) as server, ClientSession(str(server.make_url("/")).rstrip("/")) as session:
        yield session


async def cast(session: ClientSession, votes: list[str]) -> Turnout:
    turnout = Turnout()
    await cast_all(session, ELECTION, votes, connections=4, turnout=turnout, on_cast=lambda: None)
    return turnout


async def test_every_vote_is_cast_once_under_a_key_of_its_own() -> None:
    seen: Counter[str] = Counter()
    keys = set()

    async def answer(request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        keys.add(request.headers["Idempotency-Key"])
        seen[(await request.json())["answers"][0]["choices"][0]] += 1
        return web.json_response({}, status=201, headers={"Set-Cookie": "nexus_voter=somebody"})

    async with serving(answer) as session:
        turnout = await cast(session, ["A"] * 30 + ["B"] * 10)
    assert seen == {"a": 30, "b": 10}
    assert len(keys) == turnout.cast == 40
    assert min(map(len, keys)) >= 22
    assert turnout.percentile(0.99) >= turnout.percentile(0.5) > 0


async def test_an_unanswered_or_unavailable_vote_is_sent_again_as_the_same_vote() -> None:
    tries: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        tries[key] += 1
        if tries[key] == 1:
            assert request.transport is not None
            request.transport.abort()  # the answer is lost
        return web.json_response({}, status=503 if tries[key] == 2 else 201)

    async with serving(answer) as session:
        turnout = await cast(session, ["A"] * 8)
    assert sorted(tries.values()) == [3] * 8
    assert (turnout.cast, turnout.retries) == (8, 16)


async def test_the_first_refusal_ends_the_casting() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"detail": "closed"}, status=409)

    async with serving(answer) as session:
        with pytest.raises(DemoFailedError, match="refused: 409"):
            await cast(session, ["A"] * 8)


async def test_trying_again_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voters, "PATIENCE", 0.2)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with serving(answer) as session:
        with pytest.raises(DemoFailedError, match="not taken"):
            await cast(session, ["A"])


@pytest.mark.parametrize(
    ("status", "headers", "left"),
    [
        (400, {"RateLimit-Policy": '"vote";q=60;w=60', "RateLimit": '"vote";r=59;t=1'}, 59),
        (429, {"RateLimit-Policy": '"vote";q=60;w=60', "RateLimit": '"vote";r=0;t=9'}, 0),
        (429, {}, 0),
        (400, {}, None),
    ],
)
async def test_the_limit_is_learnt_from_a_refused_ballot(status: int, headers: dict[str, str], left: int | None) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    async with serving(answer) as session:
        limit = await vote_limit(session, ELECTION)
    assert (limit.left if limit else None) == left
