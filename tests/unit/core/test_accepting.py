"""The turns of the loop that a crowd of new connections takes."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
import uvloop

from core.accepting import Accepting

WAITING = 200
A_FEW_TURNS = 30


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=2 * WAITING)


async def turns_until_all_are_in(listener: socket.socket, accepting: Accepting | None) -> int:
    """How many turns of the loop it takes to accept a crowd that waits in the kernel's queue."""
    made: list[asyncio.BaseTransport] = []

    class Silent(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    class Door(Silent):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if accepting is not None:
                accepting.take_others(Silent)

    with contextlib.ExitStack() as clients:
        for _ in range(WAITING):
            clients.enter_context(socket.create_connection(listener.getsockname()))
        server = await asyncio.get_running_loop().create_server(Door, sock=listener)
        turns = 0
        while len(made) < WAITING:
            turns += 1
            await asyncio.sleep(0)
        for transport in made:
            transport.abort()  # type: ignore[attr-defined]
        server.close()
        await asyncio.sleep(0)
    return turns


def test_a_waiting_crowd_is_in_after_a_few_turns_of_the_loop(listener: socket.socket) -> None:
    accepting = Accepting()
    accepting.use(listener)
    assert uvloop.run(turns_until_all_are_in(listener, accepting)) <= A_FEW_TURNS


def test_the_loop_by_itself_takes_one_per_turn(listener: socket.socket) -> None:
    """When this fails, libuv accepts in a loop again, and `core/accepting.py` may go."""
    assert uvloop.run(turns_until_all_are_in(listener, None)) >= WAITING


async def _take_others(accepting: Accepting) -> None:
    accepting.take_others(asyncio.Protocol)


def test_without_a_listener_nothing_happens() -> None:
    uvloop.run(_take_others(Accepting()))


def test_a_listener_that_was_closed_is_let_be(listener: socket.socket) -> None:
    accepting = Accepting()
    accepting.use(listener)
    listener.close()
    uvloop.run(_take_others(accepting))
