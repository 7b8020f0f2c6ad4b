"""A client that is slow, silent or large costs a bounded time and a bounded memory, and is told so where it can be."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import orjson
import pytest

from core import bounded_http, lean
from core.front_door import front_door
from tests.factories import make_poll
from tests.security.conftest import Running
from tests.waiting import until

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of time, short enough to wait for."""
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(bounded_http, "BODY_SECONDS", 0.6)
    monkeypatch.setattr(bounded_http, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(lean, "BODY_SECONDS", 0.3)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def test_a_connection_that_says_nothing_is_closed(hurried: None, running: Running) -> None:
    assert await (await running.wire()).rest() == b""


async def test_headers_that_come_drop_by_drop_get_408(hurried: None, running: Running) -> None:
    wire = await running.wire()
    await wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
    trickling = asyncio.create_task(trickle(wire, b"X-Slow: a\r\n"))
    answer = await wire.rest()
    trickling.cancel()
    assert status(answer) == 408
    assert b"connection: close" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert b"content-type: application/problem+json" in answer
    assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 408


async def trickle(wire: Any, drop: bytes) -> None:
    while True:
        await wire.send(drop)
        await asyncio.sleep(0.02)


async def test_so_do_those_of_a_further_request_on_a_kept_connection(hurried: None, running: Running) -> None:
    wire = await running.wire()
    await wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await wire.send(b"GET /livez HTTP/1.1\r\nHo")
    answer = await wire.rest()
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"HTTP/1.1 408") == 1


@pytest.mark.parametrize("path", ["/api/v1/polls/{id}/votes", "/polls/{slug}"])
async def test_a_body_that_does_not_come_gets_400_and_the_connection_ends(hurried: None, running: Running, path: str) -> None:
    poll = make_poll()
    head = f"POST {path.format(id=poll.id, slug=poll.slug)} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    wire = await running.wire()
    await wire.send(head.encode() + b'{"answers"')
    trickling = asyncio.create_task(trickle(wire, b" "))
    answer = await wire.rest()
    trickling.cancel()
    assert status(answer) == 400
    assert b"in time" in answer or b"<!doctype html>" in answer


async def test_a_body_that_nobody_waits_for_any_more_ends_the_connection(hurried: None, running: Running) -> None:
    wire = await running.wire()
    await wire.send(b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
    trickling = asyncio.create_task(trickle(wire, b"x"))
    answer = await wire.rest()
    trickling.cancel()
    assert status(answer) == 405


async def test_what_is_no_http_gets_a_problem_like_everything_else(running: Running) -> None:
    for rubbish in (b"rubbish\r\n\r\n", b"FOO /api/v1/polls HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        answer = await running.ask(rubbish)
        problem = orjson.loads(answer.partition(b"\r\n\r\n")[2])
        assert (status(answer), problem["type"], problem["status"]) == (400, "/problems/bad-request", 400)
        assert b"content-type: application/problem+json" in answer


@pytest.mark.parametrize("more", [b"Content-Length: 5\r\n\r\n", b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n"])
async def test_a_websocket_that_begins_with_a_body_is_refused_at_once(running: Running, more: bytes) -> None:
    opening = b"GET /ws/v1/polls/x/results HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    answer = await running.ask(opening + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + more)
    assert status(answer) == 400
    assert b"frame-ancestors 'none'" in answer


async def test_a_url_that_is_too_long_gets_414(running: Running) -> None:
    fits = b"GET /livez?" + b"x" * (bounded_http.URL_BYTES - 100) + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert status(await running.ask(fits)) == 200
    assert status(await running.ask(b"GET /" + b"x" * bounded_http.URL_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 414


async def test_headers_that_are_too_many_or_too_large_get_431(running: Running) -> None:
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(bounded_http.HEADERS + 1))
    large = b"X-Large: " + b"x" * bounded_http.HEAD_BYTES + b"\r\n"
    both = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(40))
    for headers in (many, large, both):
        assert status(await running.ask(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")) == 431


ENDLESS = [
    b"GET /livez HTTP/1.1\r\nX-Endless: ",
    b"GET /livez HTTP/1.1\r\nX",
    b"GET /",
    b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Trailer: ",
]


async def test_what_never_ends_is_ended_after_little_more_than_what_is_allowed(running: Running) -> None:
    for start in ENDLESS:
        wire = await running.wire()
        await wire.send(start)
        sent = 0
        while sent < 4 * 1024 * 1024 and not wire.reader.at_eof() and not wire.writer.transport.is_closing():
            await wire.send(b"x" * 4096)
            sent += 4096
            await asyncio.sleep(0)
        assert sent < 4 * 1024 * 1024, start
    await until(lambda: not running.server.server_state.connections)


async def test_trailers_are_not_taken_for_headers(running: Running) -> None:
    poll = make_poll(results="owner")
    smuggled = (
        f"GET /api/v1/polls/{poll.id}/results HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\nAuthorization: Bearer x\r\n\r\n"
    )
    assert status(await running.ask(smuggled.encode())) == 403  # 401 would mean that the trailer was read


async def test_a_client_that_does_not_take_its_answer_is_cut_off(hurried: None, running: Running) -> None:
    poll = make_poll(questions=[{"choices": 100}] * 50)
    request = f"GET /api/v1/polls/{poll.id}/results HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", running.port))
    await loop.sock_sendall(client, request * 200)  # whose answers are far more than any kernel's buffers hold
    await until(lambda: running.server.server_state.connections)
    await until(lambda: not running.server.server_state.connections)
    client.close()


async def test_refusals_do_not_pile_up_for_a_client_that_does_not_take_them(running: Running) -> None:
    """Where votes are turned away at the door, nobody waits for the client to read."""
    front_door.guard(lambda _coming: True, lambda _number: None, lambda _callback: None)
    head = f"POST /api/v1/polls/{make_poll().pk}/votes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", running.port))
    await until(lambda: running.server.server_state.connections)
    (connection,) = running.server.server_state.connections
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # or the kernel would hold megabytes of them
    try:
        for _ in range(300):
            connection.data_received(head.encode() + b"{}")  # as if each came by itself
        assert 0 < connection.transport.get_write_buffer_size() < 128 * 1024
    finally:
        front_door.leave_open()
        client.close()


async def test_whoever_was_slow_or_large_leaves_the_server_as_it_was(hurried: None, running: Running) -> None:
    wires = [await running.wire() for _ in range(50)]
    for wire in wires[::2]:
        await wire.send(b"GET /livez HTTP/1.1\r\nX: ")
    assert status(await running.ask(LIVEZ)) == 200
    await until(lambda: not running.server.server_state.connections)


async def test_rubbish_on_the_wire_writes_no_log(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    assert status(await running.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")) == 400
    assert status(await running.ask(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n")) == 200
    assert not [record for record in caplog.records if record.name != "uvicorn.access"]  # which pytest has put its own handler on
