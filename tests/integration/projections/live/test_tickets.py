"""Tickets: for whoever may see, once, for half a minute, in one poll; in Redis only as what nobody else can read."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from commands.tokens import VoterToken
from core.ports import ports
from core.redis import _of_loop, sync_redis
from tests.factories import make_poll, make_user
from tests.integration.projections.live.conftest import Live, bearer


async def ticket_for(live: Live, poll: Any, **headers: str) -> str:
    answer = await live.call("POST", poll, "/ticket", **headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"ticket", "expires_in"}
    assert body["expires_in"] == 30
    return str(body["ticket"])


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


NOBODY = (401, "/problems/not-authenticated")


async def test_it_opens_a_stream_once(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    ticket = await ticket_for(live, poll, authorization=bearer(owner.id))
    async with live.stream(poll, f"?ticket={ticket}") as stream:
        await stream.event()
        live.vote(poll)
        assert (await stream.event()).results["ballots"] == 1
    assert refusal(await live.call("GET", poll, f"/stream?ticket={ticket}")) == NOBODY


async def test_of_many_who_come_at_once_one_gets_in(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    ticket = await ticket_for(live, poll, authorization=bearer(owner.id))
    answers = await asyncio.gather(*(live.call("HEAD", poll, f"/stream?ticket={ticket}") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_it_is_good_in_its_own_poll_only(live: Live) -> None:
    owner = make_user()
    poll, other = (make_poll(owner=owner, results="owner") for _ in range(2))
    ticket = await ticket_for(live, poll, authorization=bearer(owner.id))
    assert refusal(await live.call("GET", other, f"/stream?ticket={ticket}")) == NOBODY


@pytest.mark.parametrize("ticket", ["", "x", "A" * 43, "A" * 44, "../x"])
async def test_what_is_none_is_refused_even_where_none_is_needed(live: Live, ticket: str) -> None:
    assert refusal(await live.call("GET", make_poll(), f"/stream?ticket={ticket}")) == NOBODY


async def test_it_lasts_half_a_minute_and_redis_cannot_read_it(live: Live, settings: Any) -> None:
    owner = make_user()
    poll = make_poll(owner=owner)
    ticket = await ticket_for(live, poll, authorization=bearer(owner.id), x_voter_code="the code")
    (key,) = sync_redis().scan_iter(match=f"{settings.REDIS_PREFIX}:ticket:*")
    assert 25 < sync_redis().ttl(key) <= 30
    kept = key + sync_redis().get(key)
    for secret in (ticket, str(owner.id), "the code"):
        assert secret.encode() not in kept
    sync_redis().delete(key)  # as after its time
    assert refusal(await live.call("GET", poll, f"/stream?ticket={ticket}")) == NOBODY


async def test_it_carries_what_makes_a_voter(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    poll, token = make_poll(results="after_vote"), VoterToken.fresh().seal()
    asked: list[Any] = []

    async def holds_ballot(credentials: Any, poll_id: uuid.UUID) -> bool:
        asked.append(credentials)
        return credentials.voter_header == token and credentials.code == "code" and credentials.address == "127.0.0.1"

    monkeypatch.setattr(ports, "_ballot_lookup", holds_ballot)
    ticket = await ticket_for(live, poll, x_voter_token=token, x_voter_code="code")
    async with live.stream(poll, f"?ticket={ticket}") as stream:
        await stream.event()
    assert len(asked) >= 2


async def test_it_ends_with_the_token_it_was_asked_with(live: Live) -> None:
    owner = make_user()
    poll = make_poll(owner=owner, results="owner")
    short = bearer(owner.id, seconds=1)
    ticket = await ticket_for(live, poll, authorization=short)
    async with live.stream(poll, f"?ticket={ticket}") as stream:
        await stream.event()
        while (await live.call("GET", poll, authorization=short)).status_code == 200:
            pass
        live.vote(poll)
        assert await stream.next() is None


async def test_anybody_has_one_where_anybody_may_see(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll, f"?ticket={await ticket_for(live, poll)}") as stream:
        await stream.event()


async def test_without_redis_there_are_none(live: Live) -> None:
    poll = make_poll()
    await live.call("GET", poll)
    ticket = await ticket_for(live, poll)
    loop = asyncio.get_running_loop()
    working, _of_loop[loop] = _of_loop[loop], AsyncRedis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))
    try:
        for answer in (await live.call("POST", poll, "/ticket"), await live.call("GET", poll, f"/stream?ticket={ticket}")):
            assert refusal(answer) == (503, "/problems/unavailable")
            assert int(answer.headers["retry-after"]) >= 1
    finally:
        _of_loop[loop] = working


async def test_methods_bodies_and_origins(live: Live) -> None:
    poll = make_poll()
    for method in ("GET", "PUT", "HEAD"):
        refused = await live.call(method, poll, "/ticket")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST, OPTIONS")
    assert (await live.call("OPTIONS", poll, "/ticket")).status_code == 204
    assert (await live.call("POST", poll, "/ticket", origin="https://foe.example")).status_code == 403
    assert (await live.call("POST", str(uuid.uuid4()), "/ticket")).status_code == 404
    assert (await live.call("POST", "1", "/ticket")).status_code == 404
    url = f"/api/v1/polls/{poll.id}/results/ticket"
    assert (await live.client.post(url, content=b"a=b", headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await live.client.post(url, content=b"[]", headers={"Content-Type": "application/json"})).status_code == 400
    assert (await live.client.post(url, json={})).status_code == 201
