"""What becomes of connections, on uvicorn's server with our protocols and an application that does next to nothing."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from uvicorn import Server
from websockets.asyncio.client import connect

from core.answer_headers import Answering, send_whole
from core.connections import EXTENSION, LET_IN_KEY, HttpConnection
from core.front_door import front_door
from core.web_server import WebOptions, listen, web_config
from tests.waiting import until

seen: list[Any] = []
VOTE = (
    b"POST /api/v1/polls/0192f0c8-0000-7000-8000-0123456789ab/votes HTTP/1.1\r\n"
    b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers before it has read anything, and shakes hands with whoever wants a socket."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    if scope["path"] == "/wait":
        while (await receive())["type"] != "http.disconnect":
            seen.append("waits")
        seen.append("knows")
        return
    if scope["path"] == "/cut":
        scope["extensions"][EXTENSION].abort()
        await send_whole(Answering(send, page=False), 200, [(b"content-length", b"2")], b"ok")
        seen.append(send.__self__.response_started)
        return
    seen.append(scope.get(LET_IN_KEY))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(application: str, *, access_log: bool = False) -> AsyncIterator[Server]:
    listener = listen("127.0.0.1", 0)
    config = web_config(WebOptions(application=application, workers=1, backlog=256, keep_alive=1, shutdown=30, access_log=access_log))
    config.listener = listener
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or task.done())
    server.port = listener.getsockname()[1]  # type: ignore[attr-defined]
    yield server
    server.should_exit = True
    await task


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    seen.clear()
    async with serving("tests.unit.core.test_connections:application") as started:
        yield started


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def connections() -> int:
    return sum(type(one) is HttpConnection for one in gc.get_objects())


async def opened(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)  # type: ignore[attr-defined]


async def test_whoever_is_taken_in_while_the_server_stops_does_not_hold_it_up(server: Server) -> None:
    crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]  # type: ignore[attr-defined]
    server.should_exit = True
    time.sleep(0.2)  # noqa: ASYNC251  (a long turn of the loop, at whose end the server stops and the crowd is there)
    await until(lambda: not server.servers[0].is_serving())
    await until(lambda: not server.server_state.connections, seconds=5)  # their own time to say something is longer
    for client in crowd:
        client.close()


async def test_a_body_that_comes_after_its_answer_leaves_no_connection_for_ever(server: Server) -> None:
    reader, writer = await opened(server)
    writer.write(VOTE[:-2])
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.write(VOTE[-2:])
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()


async def test_the_doors_word_holds_for_one_request_and_not_for_those_behind_it(server: Server) -> None:
    front_door.guard(lambda _coming: False, lambda _number: None, asyncio.get_running_loop().call_soon)
    reader, writer = await opened(server)
    writer.write(VOTE * 3)
    for _ in range(3):
        await reader.readuntil(b"ok")
    writer.write(VOTE)
    await reader.readuntil(b"ok")
    front_door.leave_open()
    assert seen == [True, False, False, True]
    writer.close()


async def test_a_head_in_two_pieces_was_let_in_too(server: Server) -> None:
    front_door.guard(lambda _coming: False, lambda _number: None, asyncio.get_running_loop().call_soon)
    reader, writer = await opened(server)
    writer.write(VOTE[:100])
    await until(lambda: [one for one in server.server_state.connections if one.scope is not None])
    writer.write(VOTE[100:])
    await reader.readuntil(b"ok")
    front_door.leave_open()
    assert seen == [True]
    writer.close()


@pytest.mark.parametrize("end", ["closed", "reset", "with requests behind it"])
async def test_a_connection_that_has_ended_is_gone_without_a_look_for_garbage(server: Server, nothing_is_collected: None, end: str) -> None:
    before = connections()
    reader, writer = await opened(server)
    writer.write(GET * (20 if end == "with requests behind it" else 1))
    await reader.readuntil(b"ok")
    assert connections() > before
    if end == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    await until(lambda: connections() == before)


async def test_so_is_one_that_became_a_websocket(server: Server, nothing_is_collected: None) -> None:
    before = connections()
    async with connect(f"ws://127.0.0.1:{server.port}/"):  # type: ignore[attr-defined]
        await until(lambda: connections() == before)


@pytest.mark.parametrize("behind", [b"", GET, GET * 2])
async def test_whoever_is_answered_is_known_to_have_gone_whatever_came_behind_it(server: Server, behind: bytes) -> None:
    _, writer = await opened(server)
    writer.write(GET.replace(b" / ", b" /wait ") + behind)
    await until(lambda: seen)
    writer.close()
    await until(lambda: seen[-1] == "knows")
    assert seen.count("knows") == 1


async def test_nothing_is_written_to_a_connection_that_was_cut(server: Server) -> None:
    """The loop that serves, uvloop, would raise."""
    _, writer = await opened(server)
    writer.write(GET.replace(b" / ", b" /cut "))
    await until(lambda: seen)
    assert seen == [False]
    writer.close()
