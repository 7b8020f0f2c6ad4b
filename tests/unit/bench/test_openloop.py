"""The open-loop generator sends what is due and hides no wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.openload import read_report
from bench.openloop import Generator, report
from bench.pacing import schedule
from bench.wrk import LoadFailed

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
STALL = 0.5  # seconds


@asynccontextmanager
async def server(*, stall_at: int | None = None, status: bytes = b"200 OK", pieces: int = 1, closes: bool = False) -> AsyncIterator[int]:
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            answered += 1
            if answered == stall_at:
                await asyncio.sleep(STALL)  # the fault itself, no wait for a condition
            answer = b"HTTP/1.1 " + status + b"\r\ncontent-length: 4\r\n\r\nbody"
            step = -(-len(answer) // pieces)
            for begin in range(0, len(answer), step):
                writer.write(answer[begin : begin + step])
                await writer.drain()
                await asyncio.sleep(0)
            if closes:
                writer.close()
                return

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def test_every_request_that_is_due_is_sent_and_its_answer_counted() -> None:
    async with server() as port:
        generator = Generator([REQUEST], schedule(500, 0.2), again=True)
        await generator.run("127.0.0.1", port, connections=4)
    told = report(generator, 0.2)
    assert (told["answered"], told["statuses"], told["broken"]) == (100, {"200": 100}, 0)


async def test_a_stall_of_the_server_shows_in_every_request_that_was_due_meanwhile() -> None:
    """The stall holds up one answer only; counted from the sending, one latency of two hundred would show it."""
    async with server(stall_at=20) as port:
        generator = Generator([REQUEST], schedule(200, 1.0), again=True)
        await generator.run("127.0.0.1", port, connections=1)
    assert sum(latency > STALL / 2 for latency in generator.latency) >= 40
    assert generator.most_waiting >= 40


async def test_an_answer_may_come_in_pieces() -> None:
    async with server(pieces=7) as port:
        generator = Generator([REQUEST], schedule(100, 0.1), again=True)
        await generator.run("127.0.0.1", port, connections=1)
    assert generator.statuses == {"200": 10}


async def test_refusals_are_told_by_their_status() -> None:
    async with server(status=b"409 Conflict") as port:
        generator = Generator([REQUEST], schedule(100, 0.1), again=True)
        await generator.run("127.0.0.1", port, connections=1)
    assert generator.statuses == {"409": 10}


async def test_a_connection_that_the_server_closed_while_it_was_idle_is_made_again() -> None:
    async with server(closes=True) as port:
        generator = Generator([REQUEST], schedule(40, 0.5), again=True)
        await generator.run("127.0.0.1", port, connections=4)
    assert (generator.statuses, generator.broken) == ({"200": 20}, 0)


async def test_requests_that_were_never_answered_are_no_figure() -> None:
    async with server() as port:
        generator = Generator([REQUEST], schedule(100, 0.1), again=True)
        await generator.run("127.0.0.1", port, connections=1)
    told = report(generator, 0.1)
    assert read_report(told).answered == 10
    for change in ({"answered": 9}, {"broken": 1}):
        with pytest.raises(LoadFailed):
            read_report(told | change)
