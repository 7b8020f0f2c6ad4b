"""Polls where a network address is the voter, and whom we believe about it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pytest_django import Settings

from core.asgi import application
from tests.contract.voting import KEY, assert_problem, ballot_, make_poll_, send, vote

PROXY = "10.0.0.1"


async def vote_from(peer: str, poll: Any, *forwarded: str, **headers: str) -> httpx.Response:
    """A vote that came over a connection from `peer`, with these `X-Forwarded-For` headers."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application, client=(peer, 40_000)), base_url="http://testserver") as client:
        client.headers = httpx.Headers([*client.headers.items(), *(("X-Forwarded-For", value) for value in forwarded)])
        return await vote(client, poll, **headers)


async def is_counted_once(poll: Any, *ways: tuple[str, ...]) -> bool:
    """Whether these (peer, X-Forwarded-For, …) are one voter: the first votes, the others are duplicates."""
    statuses = [(await vote_from(*way[:1], poll, *way[1:])).status_code for way in ways]
    assert statuses[0] == 201, statuses
    assert set(statuses[1:]) <= {201, 409}, statuses
    return set(statuses[1:]) == {409}


async def test_an_address_votes_once_and_gets_no_cookie(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="ip")
    answer = await vote_from("192.0.2.1", poll)
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert_problem(await vote_from("192.0.2.1", poll), 409, "duplicate-vote")
    assert (await vote_from("192.0.2.2", poll)).status_code == 201


async def test_a_retry_with_its_key_is_the_first_vote_and_a_neighbours_key_is_not_ours(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="ip")
    first, again = [await vote_from("192.0.2.1", poll, Idempotency_Key=KEY) for _ in range(2)]
    assert again.json() == first.json()
    assert_problem(await vote_from("192.0.2.1", poll, Idempotency_Key=KEY + "-other"), 409, "duplicate-vote")
    elsewhere = await vote_from("192.0.2.2", poll, Idempotency_Key=KEY)
    assert elsewhere.json()["id"] != first.json()["id"]


async def test_without_trusted_proxies_a_forwarded_address_is_anybodys_claim(http: httpx.AsyncClient) -> None:
    assert await is_counted_once(await make_poll_(voters="ip"), ("192.0.2.1", "203.0.113.1"), ("192.0.2.1", "203.0.113.2"), ("192.0.2.1",))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((PROXY, "203.0.113.1"), (PROXY, "203.0.113.2"), False),
        ((PROXY, "203.0.113.1"), ("203.0.113.1",), True),
        ((PROXY, "198.51.100.9, 203.0.113.1"), (PROXY, "198.51.100.8, 203.0.113.1"), True),  # what the client itself wrote comes first
        ((PROXY, "203.0.113.1, 10.0.0.7"), (PROXY, "203.0.113.1"), True),  # a chain of proxies of ours
        ((PROXY, "203.0.113.1, 10.0.0.7"), (PROXY, "203.0.113.2, 10.0.0.7"), False),
        ((PROXY, "198.51.100.9", "203.0.113.1"), (PROXY, "203.0.113.1"), True),  # two headers are one list
        ((PROXY, "203.0.113.1:4711"), (PROXY, "203.0.113.1:4712"), True),
        ((PROXY, "203.0.113.1:4711"), (PROXY, "203.0.113.2:4711"), False),
        ((PROXY, "[2001:db8::1]:4711"), (PROXY, "2001:db8::2"), True),
        ((PROXY, "2001:db8:0:1::1"), (PROXY, "2001:db8:0:1:ffff::9"), True),  # a household has a /64
        ((PROXY, "2001:db8:0:1::1"), (PROXY, "2001:db8:0:2::1"), False),
        ((PROXY, "::ffff:203.0.113.1"), (PROXY, "203.0.113.1"), True),
        (("::ffff:10.0.0.1", "203.0.113.1"), (PROXY, "203.0.113.1"), True),
        ((PROXY, "garbage"), (PROXY, "other garbage"), True),  # nothing is known of them but the proxy
        ((PROXY, "203.0.113.1, unknown"), (PROXY, "203.0.113.2, unknown"), True),
        ((PROXY, "203.0.113.1, unknown, 10.0.0.7"), ("10.0.0.7",), True),
        ((PROXY, ""), (PROXY,), True),
        ((PROXY, "999.1.1.1:99999"), (PROXY, "[::1"), True),
        (("198.51.100.1", "203.0.113.1"), ("198.51.100.1", "203.0.113.2"), True),  # not a proxy of ours
    ],
)
async def test_behind_a_trusted_proxy_its_last_untrusted_hop_is_the_voter(
    http: httpx.AsyncClient, settings: Settings, one: tuple[str, ...], other: tuple[str, ...], same: bool
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert await is_counted_once(await make_poll_(voters="ip"), one, other) == same


async def test_nobody_sees_or_changes_the_ballot_of_an_address(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="ip", changeable=True)
    assert (await vote(http, poll)).status_code == 201
    for method, body in (("GET", None), ("HEAD", None), ("PUT", await ballot_(poll)), ("DELETE", None)):
        answer = await send(http, method, poll, body, mine=True)
        assert answer.status_code == 403
        if method != "HEAD":
            assert_problem(answer, 403, "permission-denied")


async def test_who_has_no_address_has_no_vote(http: httpx.AsyncClient) -> None:
    assert_problem(await vote_from("", await make_poll_(voters="ip")), 403, "permission-denied")
