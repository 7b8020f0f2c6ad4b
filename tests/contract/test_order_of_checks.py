"""Of several faults the contract says which is told first."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from tests.contract.voting import KEY, assert_problem, ballot_, bearer, change, make_poll_, make_user_, send, vote
from tests.waiting import until


async def test_checks_come_in_the_contracts_order(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="account", closes_at=datetime.now(UTC) - timedelta(minutes=1))
    user = await bearer(await make_user_())
    assert_problem(await vote(http, uuid.uuid4(), {}, Content_Type="text/plain"), 404, "not-found")
    assert_problem(await vote(http, "not-an-id", {}), 404, "not-found")
    assert_problem(await send(http, "POST", poll, raw=b"x" * 600_000, Content_Type="text/plain"), 415, "unsupported-media-type")
    assert_problem(await send(http, "POST", poll, raw=b"{}", Content_Type=""), 415, "unsupported-media-type")
    assert_problem(await send(http, "POST", poll, raw=b"x" * 600_000), 413, "body-too-large")
    for raw in (b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": 1}}', b'{"answers": NaN}'):
        assert_problem(await send(http, "POST", poll, raw=raw), 400, "malformed-body")
    assert_problem(await send(http, "POST", poll, raw=b'{"a/b": "x\\u0000"}'), 400, "validation-error", "#/a~1b")
    assert_problem(await vote(http, poll, {}), 401, "not-authenticated")
    assert (await vote(http, poll, {})).headers["WWW-Authenticate"].startswith("Bearer")
    assert_problem(await vote(http, poll, {}, Authorization="Bearer nonsense"), 401, "not-authenticated")
    assert_problem(await vote(http, poll, {}, Authorization=user), 409, "poll-not-open")
    open_ = await make_poll_(voters="account")
    assert_problem(await vote(http, open_, {}, Authorization=user), 400, "validation-error", "#/answers")
    assert_problem(await vote(http, open_, {"answers": []}, Authorization="Bearer x.y.z"), 401, "not-authenticated")


async def test_each_fault_hides_those_after_it(http: httpx.AsyncClient, limit_votes: Callable[[str], None]) -> None:
    """One request that has them all, mended step by step."""
    user = await make_user_()
    poll = await make_poll_(voters="account")
    cast = await vote(http, poll, Authorization=await bearer(user))
    assert cast.status_code == 201
    await change(poll, closes_at=datetime.now(UTC))
    limit_votes("1/hour")
    huge = b"x" * (512 * 1024 + 1)
    assert_problem(await send(http, "PUT", uuid.uuid4(), raw=huge, mine=True, Content_Type="text/plain"), 404, "not-found")
    assert_problem(await send(http, "PUT", poll, raw=huge, mine=True, Content_Type="text/plain"), 415, "unsupported-media-type")
    assert_problem(await send(http, "PUT", poll, raw=huge, mine=True), 413, "body-too-large")
    assert_problem(await send(http, "PUT", poll, raw=b"{", mine=True), 400, "malformed-body")
    assert_problem(await send(http, "PUT", poll, {}, mine=True), 401, "not-authenticated")
    known = {"mine": True, "Authorization": await bearer(user)}
    assert_problem(await send(http, "PUT", poll, {}, **known), 409, "poll-not-open")  # this one took the only token
    assert_problem(await send(http, "PUT", poll, {}, **known), 429, "rate-limited")
    assert_problem(await send(http, "PUT", poll, {}, mine=True), 401, "not-authenticated")
    limit_votes("off")
    await change(poll, closes_at=None, rules_version=2)
    assert_problem(await send(http, "PUT", poll, {}, **known), 400, "validation-error", "#/answers")
    assert_problem(await send(http, "PUT", poll, await ballot_(poll), **known), 409, "vote-not-changeable")
    assert_problem(await send(http, "DELETE", poll, **known), 409, "vote-not-changeable")


async def test_who_brings_nothing_is_told_what_is_wrong_before_that_there_is_no_ballot(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(closes_at=datetime.now(UTC) - timedelta(minutes=1), changeable=True)
    assert_problem(await send(http, "PUT", poll, {}, mine=True), 409, "poll-not-open")
    fixed = await make_poll_()
    assert_problem(await send(http, "PUT", fixed, {}, mine=True), 400, "validation-error", "#/answers")
    assert_problem(await send(http, "PUT", fixed, await ballot_(fixed), mine=True), 409, "vote-not-changeable")
    changeable = await make_poll_(changeable=True)
    answer = await send(http, "PUT", changeable, await ballot_(changeable), mine=True)
    assert_problem(answer, 404, "not-found")
    assert "Set-Cookie" not in answer.headers
    assert_problem(await send(http, "DELETE", changeable, mine=True), 404, "not-found")


async def test_a_duplicate_comes_last(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    token = (await vote(http, poll)).headers["X-Voter-Token"]
    assert_problem(await vote(http, poll, {}, X_Voter_Token=token), 400, "validation-error", "#/answers")
    assert_problem(await vote(http, poll, X_Voter_Token=token), 409, "duplicate-vote")
    await change(poll, closes_at=datetime.now(UTC))
    assert_problem(await vote(http, poll, X_Voter_Token=token), 409, "poll-not-open")


async def test_the_rate_limit_comes_before_replay_and_carries_its_headers(http: httpx.AsyncClient, limit_votes: Callable[[str], None]) -> None:
    limit_votes("2/hour")
    poll = await make_poll_()
    first = await vote(http, poll, Idempotency_Key=KEY)
    assert first.headers["RateLimit-Policy"] == '"vote";q=2;w=3600'
    assert (await vote(http, poll, Idempotency_Key=KEY)).status_code == 201
    refused = await vote(http, poll, Idempotency_Key=KEY)
    assert_problem(refused, 429, "rate-limited")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["RateLimit"].startswith('"vote";r=0;t=')


async def test_a_body_may_have_512_kib_and_not_a_byte_more(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()

    def filled(size: int) -> bytes:
        return b'{"x": "' + b"x" * (size - 9) + b'"}'

    assert_problem(await send(http, "POST", poll, raw=filled(512 * 1024)), 400, "validation-error", "#/answers")
    assert_problem(await send(http, "POST", poll, raw=filled(512 * 1024 + 1)), 413, "body-too-large")


async def test_a_body_that_is_too_deep_is_malformed_with_and_without_a_key(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    for depth in (120, 254, 1000, 5000):
        raw = b'{"answers": [], "x": ' + b"[" * depth + b"]" * depth + b"}"
        for key in ("", KEY):
            assert_problem(await send(http, "POST", poll, raw=raw, Idempotency_Key=key), 400, "malformed-body")
    wide = {**await ballot_(poll), "x": [[] for _ in range(5000)]}
    assert (await vote(http, poll, wide, Idempotency_Key=KEY)).status_code == 201


async def test_a_draft_is_not_there_but_for_its_owner(http: httpx.AsyncClient) -> None:
    owner = await make_user_()
    poll = await make_poll_(draft=True, owner=owner)
    assert_problem(await vote(http, poll, {}), 404, "not-found")
    assert_problem(await vote(http, poll, {}, Authorization=await bearer(await make_user_())), 404, "not-found")
    assert_problem(await vote(http, poll, Authorization=await bearer(owner)), 409, "poll-not-open")


async def test_a_scheduled_poll_opens_by_the_clock(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(opens_at=datetime.now(UTC) + timedelta(milliseconds=300))
    assert_problem(await vote(http, poll), 409, "poll-not-open")

    async def taken() -> bool:
        return (await vote(http, poll)).status_code == 201

    assert await until(taken)
