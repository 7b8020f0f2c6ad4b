"""Voters who ask for results with their vote in them: what they wait for, and what they complain of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from tests.faults.returning import Returning
from tests.waiting import until

NOT_IN = {"version": 4, "includes_after": False}


@asynccontextmanager
async def server(*answers: dict[str, Any] | int) -> AsyncIterator[int]:
    """The port of one that gives these answers, or statuses, the last one for ever."""
    left = iter(answers)
    last: list[dict[str, Any] | int] = []

    async def answer(_request: web.Request) -> web.Response:
        last[:] = [next(left, last[0] if last else 500)]
        return web.Response(status=last[0]) if isinstance(last[0], int) else web.json_response(last[0])

    app = web.Application()
    app.router.add_get("/api/v1/polls/tea/results", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def one_voter(port: int, *, newest: int) -> AsyncIterator[Returning]:
    returning = Returning("127.0.0.1", port, {"tea": newest})
    returning.note("tea", "a position")
    asking = asyncio.create_task(returning.ask())
    try:
        yield returning
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def test_a_voter_asks_until_the_vote_is_in() -> None:
    async with server(503, NOT_IN, {"version": 5, "includes_after": True}) as port, one_voter(port, newest=5) as returning:
        assert returning.waiting == 1
        await until(lambda: returning.waiting == 0)
        assert (returning.satisfied, returning.setbacks) == (1, [])


async def test_who_is_shown_less_than_somebody_saw_before_complains() -> None:
    async with server({"version": 4, "includes_after": True}) as port, one_voter(port, newest=5) as returning:
        await until(lambda: returning.waiting == 0)
        assert "saw version 4 after 5" in returning.setbacks[0]


async def test_a_refusal_is_complained_of_and_the_vote_stays_unseen() -> None:
    async with server(400) as port, one_voter(port, newest=0) as returning:
        await until(lambda: bool(returning.setbacks))
        assert "was answered 400" in returning.setbacks[0]
        assert returning.waiting == 1


async def test_a_vote_that_never_comes_in_is_waited_for() -> None:
    async with server(NOT_IN, NOT_IN, 400) as port, one_voter(port, newest=0) as returning:
        await until(lambda: bool(returning.setbacks))
        assert (returning.asked, returning.satisfied) == (1, 0)


def test_a_share_of_the_votes_comes_back_and_no_more_at_once_than_can_be_served() -> None:
    returning = Returning("127.0.0.1", 1, {})
    for number in range(100):
        returning.note("tea", str(number))
    assert returning.asked == 4
    for number in range(2000):
        returning.note("tea", str(number))
    assert returning.asked == 32
