"""Crowds in front of a real web process: everybody sees the last version, nobody too many, and a stop is quick and tidy."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from core.redis import sync_redis
from projections.results_store import ResultsStore
from tests.counting import results_of
from tests.factories import make_poll
from tests.integration.projections.live.crowd import Spectator, gather_crowd
from tests.stack import Stack, running_stack
from tests.vote_rows import run
from tests.waiting import until

MEGABYTE = 1 << 20


@pytest_asyncio.fixture
async def stack(committed_db: None, own_names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """A web process, and nobody else who changes results."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with running_stack(tmp_path, "web", REDIS_PREFIX=own_names, WEB_SHUTDOWN_SECONDS="60") as running:

        async def ready() -> bool:
            try:
                return (await asyncio.to_thread(httpx.get, f"{running.url}/readyz")).status_code == 200
            except httpx.TransportError:
                assert running.processes["web"].poll() is None, running.log("web")
                return False

        await until(ready, seconds=40)
        yield running


def vote(poll: Any) -> int:
    """Counts a vote as a worker would; the version that it made."""
    run("UPDATE poll_tallies SET ballots = ballots + 1 WHERE poll_id = %s", poll.id)
    run("UPDATE poll_projections SET version = version + 1 WHERE poll_id = %s", poll.id)
    document = results_of(poll.id)
    ResultsStore(sync_redis()).put([document])
    return document.version


async def watch_an_election(stack: Stack, size: int, votes: int) -> list[Spectator]:
    """A crowd that sees so many votes come in, each as soon as the last one is rendered."""
    loop = asyncio.get_running_loop()
    poll = make_poll()
    began = loop.time()
    crowd = await gather_crowd(stack.port, poll.id, size)
    await until(lambda: all(spectator.last == 1 for spectator in crowd), seconds=60)
    for _ in range(votes):
        last = await asyncio.to_thread(vote, poll)
    await until(lambda: all(spectator.last == last for spectator in crowd), seconds=60)
    passed = loop.time() - began
    assert not any(spectator.went_back or spectator.cut for spectator in crowd)
    assert max(spectator.events for spectator in crowd) <= 5 * passed + 1
    return crowd


async def test_two_hundred_see_the_last_version_and_five_a_second_at_most(stack: Stack) -> None:
    crowd = await watch_an_election(stack, 200, 100)
    for spectator in crowd:
        spectator.transport.abort()

    async def nobody_is_left() -> bool:
        return 'nexus_streams_open{kind="sse"} 0.0' in (await asyncio.to_thread(httpx.get, f"{stack.url}/metrics")).text

    await until(nobody_is_left)


@pytest.mark.slow
async def test_two_thousand_on_one_process_cost_little_and_votes_still_get_in(stack: Stack) -> None:
    (web,) = [psutil.Process(stack.processes["web"].pid)]
    small = web.memory_info().rss
    crowd = await watch_an_election(stack, 2000, 300)
    assert (web.memory_info().rss - small) / MEGABYTE <= 80, "40 MB per 1,000 clients"
    assert all(spectator.closed == 0 for spectator in crowd)
    assert (await asyncio.to_thread(httpx.get, f"{stack.url}/livez")).status_code == 200
    for spectator in crowd:
        spectator.transport.abort()


async def test_a_stop_ends_streams_at_once_and_sockets_with_1012(stack: Stack) -> None:
    poll = make_poll()
    crowd = await gather_crowd(stack.port, poll.id, 50)
    async with connect(f"ws://127.0.0.1:{stack.port}/ws/v1/polls/{poll.id}/results", proxy=None) as socket:
        await socket.recv()
        await until(lambda: all(spectator.last == 1 for spectator in crowd))
        web = stack.processes["web"]
        web.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    await asyncio.to_thread(web.wait, 30)  # it would wait for 60 s if a stream stayed
    assert all(spectator.ended and spectator.cut for spectator in crowd)
    assert not any(spectator.closed for spectator in crowd), "the poll goes on, and so do they"
    for trouble in ("Traceback", "Exception in ASGI", "Cancel "):
        assert trouble not in stack.log("web")
    assert str(poll.id) not in stack.log("web"), "nobody's address is logged"
