"""The WebSocket of results: what it says, whom it refuses before it accepts, how it ends."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from projections import sockets
from tests.factories import make_poll, make_user
from tests.integration.projections.live.conftest import Live, bearer
from tests.integration.projections.live.test_tickets import ticket_for
from tests.waiting import until


async def said(socket: ClientConnection) -> dict[str, Any]:
    text = await asyncio.wait_for(socket.recv(), 10)
    assert isinstance(text, str)
    frame: dict[str, Any] = orjson.loads(text)
    assert frame.keys() == {"event", "id", "data"}
    return frame


async def closing_code(socket: ClientConnection) -> int:
    """After whatever was still said."""
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            async for _ in socket:
                pass
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code


async def refusal(opening: AbstractAsyncContextManager[ClientConnection]) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with opening:
            pass
    return refused.value.response.status_code


async def test_it_says_what_a_stream_says_and_closes_with_1000(live: Live) -> None:
    poll = make_poll()
    async with live.socket(poll) as socket:
        first = await said(socket)
        assert first == {"event": "results", "id": 1, "data": (await live.call("GET", poll)).json()}
        live.vote(poll)
        assert (await said(socket))["data"]["ballots"] == 1
        final = live.finish(poll)
        last, closed = await said(socket), await said(socket)
        assert (last["event"], last["id"]) == ("results", final.version)
        assert closed == last | {"event": "closed"}
        assert await closing_code(socket) == 1000
    await until(lambda: live.following == (0, 0))
    async with live.socket(poll) as socket:
        assert [(await said(socket))["event"], (await said(socket))["event"]] == ["results", "closed"]
        assert await closing_code(socket) == 1000
    async with live.socket(poll, last_event_id=str(final.version)) as socket:
        assert (await said(socket))["event"] == "closed"
        assert await closing_code(socket) == 1000


async def test_who_may_not_see_is_refused_before_it_is_accepted(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    assert await refusal(live.socket(poll)) == 403
    assert await refusal(live.socket(poll, authorization=bearer(uuid.uuid4()))) == 403
    assert await refusal(live.socket(poll, authorization="Bearer nonsense")) == 403
    assert await refusal(live.socket(poll, "?ticket=nonsense")) == 403
    assert await refusal(live.socket(poll, x_voter_token="forged")) == 403
    assert await refusal(live.socket(poll, f"?access_token={bearer(owner.id)[7:]}")) == 403
    for unknown in (str(uuid.uuid4()), "1"):
        assert await refusal(live.socket(unknown)) == 404
    async with live.socket(poll, authorization=bearer(owner.id)) as socket:
        assert (await said(socket))["event"] == "results"


async def test_a_refusal_is_no_error_of_ours(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addHandler(caplog.handler)
    assert await refusal(live.socket(make_poll(results="owner"))) == 403
    await until(lambda: not live.server.server_state.tasks)
    uvicorn.removeHandler(caplog.handler)
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_in_the_clear_none_is_opened_where_https_is_spoken(live: Live, settings: Any) -> None:
    settings.HTTPS = True
    assert await refusal(live.socket(make_poll())) == 403


async def test_a_foreign_page_is_refused_and_ours_is_not(live: Live, settings: Any) -> None:
    poll = make_poll()
    assert await refusal(live.socket(poll, origin="https://foe.example")) == 403
    assert await refusal(live.socket(poll, origin="null")) == 403
    settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
    for origin in (live.url, "https://friend.example", None):
        async with live.socket(poll, origin=origin) as socket:
            await said(socket)


async def test_a_ticket_opens_it_once(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    ticket = await ticket_for(live, poll, authorization=bearer(owner.id))
    async with live.socket(poll, f"?ticket={ticket}", origin=live.url) as socket:
        assert (await said(socket))["event"] == "results"
    assert await refusal(live.socket(poll, f"?ticket={ticket}")) == 403


async def test_a_poll_that_turns_to_owner_closes_it(live: Live) -> None:
    poll = make_poll()
    async with live.socket(poll) as socket:
        await said(socket)
        live.change(poll, results="owner")
        assert await closing_code(socket) == 1008


async def test_what_clients_say_is_passed_over_within_bounds(live: Live) -> None:
    poll = make_poll()
    async with live.socket(poll) as socket:
        await said(socket)
        for _ in range(5):
            await socket.send("hello")
            await socket.send(b"hello")
        live.vote(poll)
        assert (await said(socket))["data"]["ballots"] == 1
        await socket.send("x" * 5000)
        assert await closing_code(socket) == 1009
    async with live.socket(poll) as socket:
        for _ in range(sockets._MOST_MESSAGES + 1):
            await socket.send("and another thing")
        assert await closing_code(socket) == 1008
    await until(lambda: live.following == (0, 0))


async def test_clients_that_leave_leave_nothing(live: Live) -> None:
    poll = make_poll()
    async with live.socket(poll) as socket:
        await said(socket)
        assert live.following == (1, 1)
        assert 'nexus_streams_open{kind="websocket"} 1.0' in (await live.client.get("/metrics")).text
        socket.transport.abort()
        await until(lambda: live.following == (0, 0))


async def test_other_paths_are_refused(live: Live) -> None:
    poll = make_poll()
    assert await refusal(live.socket(f"{poll.id}/results/x/..")) == 404
