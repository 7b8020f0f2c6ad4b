"""A client that takes nothing is cut off; others do not notice, and nothing piles up for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from projections import following
from tests.factories import make_poll
from tests.integration.projections.live.conftest import Live
from tests.waiting import until


def dropped(metrics: str) -> float:
    return next(float(line.split()[1]) for line in metrics.splitlines() if line.startswith("nexus_streams_dropped_total "))


async def stalled(live: Live, poll: Any) -> socket.socket:
    """A client that asks and then reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", live.port))
    await loop.sock_sendall(client, f"GET /api/v1/polls/{poll.id}/results/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client


def make_large_poll() -> Any:
    return make_poll(questions=[{"choices": 100}] * 50)


async def test_it_is_dropped_and_counted_while_others_get_everything(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SLOW_SECONDS", 0.5)
    poll = make_large_poll()
    before = dropped((await live.client.get("/metrics")).text)
    slow = await stalled(live, poll)
    async with live.stream(poll) as good:
        await good.event()
        await until(lambda: live.following == (2, 1))
        while live.following[0] == 2:
            changed = await asyncio.to_thread(live.vote, poll)
            assert (await good.event())["id"] == str(changed.version)
    assert dropped((await live.client.get("/metrics")).text) == before + 1
    slow.close()


async def test_a_stop_does_not_wait_for_it(start: Callable[[], AbstractAsyncContextManager[Live]], caplog: pytest.LogCaptureFixture) -> None:
    async with start() as live:
        poll = make_large_poll()
        slow = await stalled(live, poll)
        async with live.stream(poll) as good:
            await good.event()
            for _ in range(20):  # far more than any kernel's buffer for it holds
                changed = await asyncio.to_thread(live.vote, poll)
                assert (await good.event())["id"] == str(changed.version)
            live.server.should_exit = True
            assert await good.next() is None
    assert "timeout graceful shutdown exceeded" not in caplog.text
    slow.close()
