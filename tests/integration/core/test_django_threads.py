"""What Django's requests run on, against a real PostgreSQL: connections stay, and end when they should."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from core.django_threads import DjangoThreads
from core.postgres import connect
from tests.waiting import until


@pytest.fixture(autouse=True)
def nothing_is_collected() -> Iterator[None]:
    """Whatever ends, ends because somebody ended it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def backend() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0], threading.get_ident()


async def a_request(threads: DjangoThreads, *, meeting: asyncio.Barrier | None = None) -> tuple[int, int]:
    async with threads.one():
        if meeting is not None:
            await meeting.wait()
        return await sync_to_async(backend)()


def alive(pids: set[int]) -> int:
    asking = connect("direct", application_name="nexus-tests")
    try:
        with asking.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [list(pids)])
            return int(cursor.fetchone()[0])
    finally:
        asking.close()


async def test_one_after_the_other_they_share_one_connection(committed_db: None) -> None:
    threads = DjangoThreads()
    used = {await a_request(threads) for _ in range(20)}
    assert len(used) == 1
    threads.close()


async def test_those_at_the_same_time_have_one_each_and_all_end_with_the_server(committed_db: None) -> None:
    threads, meeting = DjangoThreads(), asyncio.Barrier(5)
    used = set(await asyncio.gather(*(a_request(threads, meeting=meeting) for _ in range(5))))
    pids = {pid for pid, _ in used}
    assert len(pids) == len({thread for _, thread in used}) == 5
    assert alive(pids) == 5
    again = set(await asyncio.gather(*(a_request(threads, meeting=meeting) for _ in range(5))))
    assert again == used
    threads.close()
    await until(lambda: not alive(pids))


async def test_who_fails_gives_it_back_and_who_is_interrupted_ends_it(committed_db: None) -> None:
    threads = DjangoThreads()
    first = await a_request(threads)
    with pytest.raises(ZeroDivisionError):
        async with threads.one():
            await sync_to_async(lambda: 1 / 0)()
    assert await a_request(threads) == first
    entered = asyncio.Event()

    async def stay() -> None:
        async with threads.one():
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive({first[0]}))
    threads.close()


async def test_a_thread_that_nobody_needs_any_more_ends_after_a_while(committed_db: None) -> None:
    now = [0.0]
    threads, meeting = DjangoThreads(idle_seconds=60, clock=lambda: now[0]), asyncio.Barrier(4)
    used = {pid for pid, _ in await asyncio.gather(*(a_request(threads, meeting=meeting) for _ in range(4)))}
    for now[0] in (30.0, 59.0, 61.0):
        kept = (await a_request(threads))[0]
    await until(lambda: alive(used) == 1)
    assert kept in used
    threads.close()
