"""So many at once, so many more who wait for a while."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import Unavailable
from core.room import Room
from tests.waiting import until


async def test_no_more_than_the_places_are_inside_and_the_next_comes_when_one_leaves() -> None:
    room, leave, inside = Room(most=3, most_waiting=10, wait_seconds=20), asyncio.Event(), 0
    most = 0

    async def work() -> None:
        nonlocal inside, most
        async with room:
            inside += 1
            most = max(most, inside)
            await leave.wait()
            inside -= 1

    tasks = [asyncio.create_task(work()) for _ in range(8)]
    await until(lambda: inside == 3)
    leave.set()
    await asyncio.gather(*tasks)
    assert most == 3


async def test_who_finds_too_many_waiting_is_refused_at_once_and_who_waits_too_long_later() -> None:
    room, leave = Room(most=1, most_waiting=1, wait_seconds=0.2), asyncio.Event()

    async def work() -> None:
        async with room:
            await leave.wait()

    inside = asyncio.create_task(work())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(work())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="waiting"):
        await work()
    with pytest.raises(Unavailable, match="too long"):
        await waiting
    leave.set()
    await inside
    await work()


async def test_who_leaves_by_an_exception_or_is_cancelled_while_waiting_leaves_no_trace() -> None:
    room = Room(most=1, most_waiting=1, wait_seconds=20)
    with pytest.raises(ZeroDivisionError):
        async with room:
            raise ZeroDivisionError

    async def work() -> None:
        async with room:
            return

    async with room:
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await work()
