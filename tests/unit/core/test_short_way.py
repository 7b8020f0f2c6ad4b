"""Connections with a vote on the short way: what comes meanwhile, who goes meanwhile, and what is left of it, on uvicorn's server."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import pytest_asyncio
from uvicorn import Server

from core import bounded_http
from core.connections import LET_IN_KEY, HttpConnection
from core.errors import Unavailable
from core.front_door import front_door
from core.lean import LeanRequest
from core.short_way import BEGUN_KEY, Way, short_way
from tests.unit.core.test_connections import GET, VOTE, connections, nothing_is_collected, opened, serving
from tests.waiting import until

__all__ = ["nothing_is_collected"]
HALF = len(VOTE) - 10
asked: list[tuple[str, object, object]] = []


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The long way: says which request it answers."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    asked.append((scope["method"], scope[LET_IN_KEY], scope.get(BEGUN_KEY)))
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"long"})


class Votes:
    """What the write side is to the short way: takes in whatever comes, and leaves it to the test what becomes of it."""

    def __init__(self) -> None:
        self.ways: list[Way] = []
        self.refusal: Exception | None = None

    def begin(self, request: LeanRequest, poll_id: str, body: bytes, way: Way) -> bool:
        assert (request.path, body) == (f"/api/v1/polls/{poll_id}/votes", b"{}")
        if self.refusal is not None:
            raise self.refusal
        self.ways.append(way)
        return True

    async def one(self) -> HttpConnection:
        """The connection of the one that came next."""
        await until(lambda: self.ways)
        way = self.ways.pop(0)
        assert isinstance(way, HttpConnection)
        return way


def reply(way: Way) -> None:
    way.answer(201, [(b"content-length", b"5")], b"short")


def hand_over(way: Way) -> None:
    assert way.take_the_long_way("begun") is not cast("HttpConnection", way).transport.is_closing()


ENDS = pytest.mark.parametrize(("end", "said"), [(reply, b"short"), (hand_over, b"long")])


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    asked.clear()
    async with serving("tests.unit.core.test_short_way:application") as started:
        yield started


@pytest_asyncio.fixture
async def votes(server: Server) -> AsyncIterator[Votes]:
    taken = Votes()
    front_door.guard(lambda _coming: False, lambda _number: None, asyncio.get_running_loop().call_soon)
    short_way.open(taken.begin)
    yield taken
    short_way.close()
    front_door.leave_open()


async def said_by(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.partition(b": ")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        return head + await reader.readexactly(length)


async def end_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.read()


async def test_a_whole_vote_does_not_meet_the_application(server: Server, votes: Votes) -> None:
    reader, writer = await opened(server)
    for _ in range(2):
        writer.write(VOTE)
        reply(await votes.one())
        answer = await said_by(reader)
        assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
        assert b"connection:" not in answer
        assert b"x-content-type-options: nosniff\r\n" in answer
    assert asked == []
    writer.close()


async def test_what_was_begun_goes_with_its_request_and_no_other(server: Server, votes: Votes) -> None:
    reader, writer = await opened(server)
    writer.write(VOTE)
    hand_over(await votes.one())
    await said_by(reader)
    votes.refusal = Unavailable()
    writer.write(VOTE)
    await said_by(reader)
    assert asked == [("POST", True, "begun"), ("POST", True, None)]
    writer.close()


@ENDS
@pytest.mark.parametrize(
    ("pieces", "then"),
    [((VOTE,), ["POST"]), ((VOTE[:HALF], VOTE[HALF:]), ["POST"]), ((GET + GET,), ["GET", "GET"]), ((GET[:9], GET[9:] + VOTE), ["GET", "POST"])],
)
async def test_what_comes_meanwhile_waits_and_is_answered_in_order(
    server: Server, votes: Votes, *, end: Callable[[Way], None], said: bytes, pieces: tuple[bytes, ...], then: list[str]
) -> None:
    reader, writer = await opened(server)
    writer.write(VOTE)
    way = await votes.one()
    votes.refusal = Unavailable()
    writer.write(pieces[0])
    await until(lambda: way._behind)
    assert asked == []
    assert way.flow.read_paused, "a client must not pile up requests here"
    end(way)
    for piece in pieces[1:]:
        writer.write(piece)
    answers = [await said_by(reader) for _ in range(1 + len(then))]
    assert [answer.rpartition(b"\r\n\r\n")[2] for answer in answers] == [said, *[b"long"] * len(then)]
    assert [method for method, *_ in asked] == (["POST"] if said == b"long" else []) + then
    writer.close()


async def test_a_vote_behind_a_vote_goes_the_short_way_too(server: Server, votes: Votes) -> None:
    reader, writer = await opened(server)
    writer.write(VOTE)
    for _ in range(3):
        way = await votes.one()
        writer.write(VOTE)
        await until(lambda way=way: way._behind)  # type: ignore[misc]
        reply(way)
        assert (await said_by(reader)).endswith(b"short")
    reply(await votes.one())
    assert asked == []
    writer.close()


@ENDS
@pytest.mark.parametrize("leave", ["closed", "reset"])
async def test_a_client_that_goes_meanwhile_leaves_nothing(
    server: Server, votes: Votes, nothing_is_collected: None, *, end: Callable[[Way], None], said: bytes, leave: str
) -> None:
    before = connections()
    _, writer = await opened(server)
    writer.write(VOTE)
    way: Way | None = await votes.one()
    if leave == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    await until(lambda: not server.server_state.connections)
    assert way is not None
    end(way)
    assert asked == []
    del way
    await until(lambda: connections() == before)


@ENDS
async def test_nor_does_one_that_goes_afterwards(server: Server, votes: Votes, nothing_is_collected: None, end: Callable[[Way], None], said: bytes) -> None:
    before = connections()
    reader, writer = await opened(server)
    writer.write(VOTE)
    end(await votes.one())
    assert (await said_by(reader)).endswith(said)
    writer.close()
    await until(lambda: connections() == before)
    assert not [one for one in gc.get_objects() if type(one) is asyncio.TimerHandle and "keep_alive" in repr(one) and not one.cancelled()]


@ENDS
@pytest.mark.parametrize("behind", [b"", GET])
async def test_a_server_that_stops_waits_for_the_answer(server: Server, votes: Votes, end: Callable[[Way], None], said: bytes, behind: bytes) -> None:
    reader, writer = await opened(server)
    writer.write(VOTE)
    way = await votes.one()
    if behind:
        writer.write(behind)
        await until(lambda: way._behind)
    server.should_exit = True
    await until(lambda: way._stopping)
    assert server.server_state.connections == {way}
    end(way)
    answer = await end_of(reader)
    assert (answer.count(b"HTTP/1.1"), answer.count(b"connection: close\r\n")) == (1, 1), "what came behind it is left to another server"
    assert answer.endswith(said)
    await until(lambda: not server.server_state.connections)
    writer.close()


@ENDS
async def test_a_kept_connection_does_not_end_while_its_vote_is_under_way(
    server: Server, votes: Votes, monkeypatch: pytest.MonkeyPatch, end: Callable[[Way], None], said: bytes
) -> None:
    server.config.timeout_keep_alive = 0.05  # type: ignore[assignment]
    rung = 0
    ring = HttpConnection.timeout_keep_alive_handler

    def counted(connection: HttpConnection) -> None:
        nonlocal rung
        rung += 1
        ring(connection)

    monkeypatch.setattr(HttpConnection, "timeout_keep_alive_handler", counted)
    reader, writer = await opened(server)
    for request in (GET, VOTE, VOTE):  # with a timer of uvicorn's, with one of ours
        writer.write(request)
        if request is VOTE:
            way, before = await votes.one(), rung
            await until(lambda before=before: rung >= before + 3)  # type: ignore[misc]
            end(way)
        await said_by(reader)
    assert await end_of(reader) == b"", "it ends when nothing comes any more"
    writer.close()


async def test_the_first_vote_of_a_connection_may_take_longer_than_a_head(server: Server, votes: Votes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.1)
    reader, writer = await opened(server)
    writer.write(VOTE)
    way = await votes.one()
    silent, _ = await opened(server)
    assert await end_of(silent) == b"", "it came later, and its time is over"
    writer.write(GET[:9])
    await until(lambda: way._behind)
    reply(way)
    assert (await said_by(reader)).endswith(b"short")
    assert (await end_of(reader)).startswith(b"HTTP/1.1 408"), "what came behind has its own time"
    writer.close()


@pytest.mark.parametrize(("refusal", "logged"), [(Unavailable(), 0), (RuntimeError("a mistake of ours"), 1)])
async def test_what_cannot_begin_takes_the_long_way(server: Server, votes: Votes, caplog: pytest.LogCaptureFixture, refusal: Exception, logged: int) -> None:
    votes.refusal = refusal
    reader, writer = await opened(server)
    writer.write(VOTE)
    assert (await said_by(reader)).endswith(b"long")
    assert asked == [("POST", True, None)]
    assert len([record for record in caplog.records if record.name == "core.short_way"]) == logged
    writer.close()


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb: c"), (b"x", b"a\n"), (b"connection", b"close"), (b"x-frame-options", b"DENY")])
async def test_an_answer_that_cannot_be_sent_leaves_the_long_way_open(server: Server, votes: Votes, header: tuple[bytes, bytes]) -> None:
    reader, writer = await opened(server)
    writer.write(VOTE)
    way = await votes.one()
    with pytest.raises(ValueError, match="header"):
        way.answer(201, [(b"content-length", b"5"), header], b"short")
    hand_over(way)
    assert (await said_by(reader)).endswith(b"long")
    writer.close()


async def test_with_an_access_log_every_request_is_in_it(votes: Votes) -> None:
    async with serving("tests.unit.core.test_short_way:application", access_log=True) as logging:
        reader, writer = await opened(logging)
        writer.write(VOTE)
        assert (await said_by(reader)).endswith(b"long")
        writer.close()
