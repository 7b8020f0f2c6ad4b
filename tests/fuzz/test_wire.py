"""Bytes on the wire of a real server: the parser, its bounds and the upgrade to a socket answer or hang up; nothing is left of it, and a good vote passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from core import bounded_http
from tests.counting import own_names
from tests.factories import ballot, make_poll
from tests.security.conftest import Running, running
from tests.waiting import until

__all__ = ["own_names", "running"]
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate))
ID = b"6a1f5a52-8a3a-4b7e-9d0a-0b2f7a6f5f10"
SOCKET_HEAD = (
    b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
GOOD = (
    b"POST /api/v1/polls/" + ID + b"/votes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /api/v1/polls/" + ID + b'/results?after=x HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "1.1.open"\r\n\r\n',
    b"POST /api/v1/polls HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n",
    b"GET /ws/v1/polls/" + ID + b"/results HTTP/1.1\r\n" + SOCKET_HEAD,
    b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.0\r\n\r\n",
)
PIECES = (
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b": ",
    b" ",
    b"\xff",
    b"\x80",
    b"GET ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"ffffffffffffffff\r\n",
    b"-1",
    b"Content-Length: 99999999999999999999\r\n",
    b"Host: foe\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"http://[",
    b"//",
    b"%00",
    b"%",
    b"#",
    b"?",
    b"x" * 9000,
)


@st.composite
def on_the_wire(draw: st.DrawFn) -> list[bytes]:
    """A good request with pieces put in or taken out, or anything at all, in one part or several."""
    data = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(0, 3))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 5))
        data = data[:at] + draw(st.sampled_from(PIECES) | st.binary(max_size=6)) + data[at + length :]
    data = draw(st.sampled_from((data, data, data, draw(st.binary(max_size=200)))))
    cut = draw(st.integers(0, len(data)))
    return [part for part in (data[:cut], data[cut:]) if part]


@pytest_asyncio.fixture
async def server(running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Running]:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(bounded_http, "BODY_SECONDS", 0.4)
    poll = make_poll(voters="open")
    yield running
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}], caplog.text
    await until(lambda: not running.server.server_state.connections)
    body = orjson.dumps(ballot(poll))
    head = f"POST /api/v1/polls/{poll.pk}/votes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/json\r\n\r\n"
    assert (await running.ask(head.encode() + body)).startswith(b"HTTP/1.1 201")
    async with connect(f"ws://127.0.0.1:{running.port}/ws/v1/polls/{poll.pk}/results", proxy=None) as socket:
        assert orjson.loads(await socket.recv())["event"] == "results"


async def throw(server: Running, parts: list[bytes]) -> None:
    wire = await server.wire()
    for part in parts:
        await wire.send(part)
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(0.05):  # most good ones are kept open
            said = await wire.reader.read(65_536)
    except (TimeoutError, ConnectionError):
        said = b""
    wire.writer.close()
    assert not said.startswith(b"HTTP/1.1 5"), (parts, said)
    assert said[:9] in {b"HTTP/1.1 ", b""}, (parts, said)


async def fuzz(server: Running, data: st.DataObject, several: int) -> None:
    await asyncio.gather(*(throw(server, parts) for parts in data.draw(st.lists(on_the_wire(), min_size=several, max_size=several))))


@given(data=st.data())
@settings(shared, max_examples=12)
async def test_the_server_outlives_whatever_is_sent(server: Running, data: st.DataObject) -> None:
    await fuzz(server, data, 20)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(data=st.data())
@settings(shared, max_examples=500)
async def test_the_server_outlives_thousands_of_them(server: Running, data: st.DataObject) -> None:
    await fuzz(server, data, 20)


@given(
    frames=st.lists(
        st.binary(min_size=1, max_size=40)
        | st.sampled_from((b"\x81\xff" + b"\xff" * 8, b"\x88\x80\0\0\0\0", b"\x89\xfe\0\0", b"\xc1\x80\0\0\0\0", b"\x81\x05hello")),
        max_size=4,
    )
)
@settings(shared, max_examples=15)
async def test_a_socket_outlives_frames_that_are_none(server: Running, frames: list[bytes]) -> None:
    poll = make_poll()
    wire = await server.wire()
    await wire.send(f"GET /ws/v1/polls/{poll.pk}/results HTTP/1.1\r\n".encode() + SOCKET_HEAD)
    async with asyncio.timeout(10):
        assert (await wire.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    for frame in frames:
        await wire.send(frame)
    await asyncio.sleep(0)
    wire.writer.close()
