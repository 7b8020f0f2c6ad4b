"""Rate limits on a real Redis, and without one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pytest_django import Settings

from core import buckets, limits
from core.buckets import Found, Take
from core.circuit import Circuit
from core.errors import RateLimited, Unavailable
from core.limits import RateLimit
from core.rates import Rate, parse_rate
from core.redis import async_redis, close_async_redis, sync_redis

SLOW = Rate(10, 3600)  # nothing grows back while a test runs


@pytest.fixture(autouse=True)
async def own_keys(settings: Settings) -> AsyncIterator[None]:
    settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex}"
    client = sync_redis()
    yield
    for key in client.scan_iter(f"{settings.REDIS_PREFIX}:*"):
        client.delete(key)
    await close_async_redis()


@pytest.fixture
def no_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(buckets, "sync_redis", sync_redis.__wrapped__)


async def takes(limit: RateLimit, address: str, times: int) -> list[Any]:
    return await asyncio.gather(*(limit.take(address) for _ in range(times)), return_exceptions=True)


def granted(answers: list[Any]) -> int:
    assert all(isinstance(answer, list | RateLimited) for answer in answers), answers
    return sum(isinstance(answer, list) for answer in answers)


async def test_a_full_bucket_lets_its_limit_through_and_refuses_the_next_with_headers() -> None:
    limit = RateLimit("vote", SLOW, fail_open=False)
    first = await limit.take("192.0.2.1")
    assert dict(first) == {b"ratelimit-policy": b'"vote";q=10;w=3600', b"ratelimit": b'"vote";r=9;t=360'}
    assert granted([await limit.take("192.0.2.1") for _ in range(9)]) == 9
    with pytest.raises(RateLimited) as refused:
        await limit.take("192.0.2.1")
    assert refused.value.headers["RateLimit"] == '"vote";r=0;t=360'
    assert refused.value.retry_after == 360


async def test_however_many_ask_at_once_no_more_than_the_limit_pass() -> None:
    one, other = RateLimit("vote", SLOW, fail_open=False), RateLimit("vote", SLOW, fail_open=False)  # as in two processes
    answers = await asyncio.gather(takes(one, "192.0.2.1", 700), takes(other, "192.0.2.1", 700))
    assert granted([*answers[0], *answers[1]]) == 10


async def test_what_gathers_in_one_turn_goes_in_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    run = limits.run_takes

    async def counted(takes: Sequence[Take]) -> list[Found]:
        calls.append(len(takes))
        return await run(takes)

    monkeypatch.setattr(limits, "run_takes", counted)
    await takes(RateLimit("vote", SLOW, fail_open=False), "192.0.2.1", 40)
    assert calls == [40]


async def test_addresses_limits_and_ipv6_households_have_buckets_of_their_own() -> None:
    vote, auth = RateLimit("vote", SLOW, fail_open=False), RateLimit("auth", SLOW, fail_open=False)
    assert granted(await takes(vote, "2001:db8::1", 12)) == 10
    assert granted(await takes(vote, "2001:db8::2", 1)) == 0, "the same household"
    assert granted(await takes(vote, "2001:db8:0:1::1", 1)) == 1
    assert granted(await takes(vote, "192.0.2.9", 1)) == 1
    assert granted(await takes(auth, "2001:db8::1", 1)) == 1


async def test_who_is_signed_in_has_a_bucket_too_and_both_must_have_one_left() -> None:
    limit, anna, bert = RateLimit("vote", SLOW, fail_open=False), uuid.uuid4(), uuid.uuid4()
    for number in range(10):
        headers = dict(await limit.take(f"192.0.2.{number}", anna))
    assert headers[b"ratelimit"] == b'"vote-account";r=0;t=360', "the tighter one"
    with pytest.raises(RateLimited) as refused:
        await limit.take("192.0.2.77", anna)
    assert refused.value.headers["RateLimit-Policy"] == '"vote-account";q=10;w=3600'
    assert dict(await limit.take("192.0.2.77", bert))[b"ratelimit"] == b'"vote";r=9;t=360', "what is refused is taken from neither"
    assert granted(await takes(limit, "192.0.2.77", 12)) == 9
    with pytest.raises(RateLimited) as crowded:
        await limit.take("192.0.2.77", bert)
    assert crowded.value.headers["RateLimit"] == '"vote";r=0;t=360'
    assert dict(await limit.take("192.0.2.78", bert))[b"ratelimit"].startswith(b'"vote-account";r=8')


async def test_takes_of_one_and_of_two_buckets_share_a_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, anna = RateLimit("vote", SLOW, fail_open=False), uuid.uuid4()
    answers = await asyncio.gather(*(limit.take("192.0.2.1", anna if number % 2 else None) for number in range(6)))
    assert [dict(answer)[b"ratelimit"] for answer in answers] == [f'"vote";r={left};t=360'.encode() for left in (9, 8, 7, 6, 5, 4)]


async def test_what_was_taken_grows_back_evenly() -> None:
    limit = RateLimit("vote", Rate(20, 1), fail_open=False)
    assert granted(await takes(limit, "192.0.2.1", 30)) >= 20
    passed, began = 0, time.monotonic()
    while passed < 10:
        passed += granted(await takes(limit, "192.0.2.1", 1))
        await asyncio.sleep(0.005)
    assert time.monotonic() - began >= 0.35, "ten at twenty a second take about half a second"


async def test_a_bucket_that_is_full_again_leaves_nothing_behind(settings: Settings) -> None:
    limit = RateLimit("vote", Rate(50, 1), fail_open=False)
    await limit.take("192.0.2.1")
    (key,) = sync_redis().scan_iter(f"{settings.REDIS_PREFIX}:*")
    assert b"192.0.2.1" not in key
    async with asyncio.timeout(2):
        while await async_redis().exists(key):  # noqa: ASYNC110  (Redis tells nobody when a key expires)
            await asyncio.sleep(0.01)


def test_the_twin_for_plain_code_shares_the_arithmetic() -> None:
    limit = RateLimit("auth", Rate(2, 3600), fail_open=False)
    assert limit.take_now("192.0.2.1") == {"RateLimit-Policy": '"auth";q=2;w=3600', "RateLimit": '"auth";r=1;t=1800'}
    limit.take_now("192.0.2.1")
    with pytest.raises(RateLimited):
        limit.take_now("192.0.2.1")


async def test_a_redis_that_forgot_the_script_is_told_it_again() -> None:
    limit = RateLimit("vote", SLOW, fail_open=False)
    await async_redis().script_flush()
    assert granted(await takes(limit, "192.0.2.1", 3)) == 3
    await async_redis().script_flush()
    assert limit.take_now("192.0.2.1")["RateLimit"].startswith('"vote";r=6')


async def test_a_connection_that_redis_closed_while_idle_costs_nobody_the_limit() -> None:
    limit = RateLimit("vote", SLOW, fail_open=True)
    await limit.take("192.0.2.1")
    sync_redis().client_kill_filter(_id=str(await async_redis().client_id()))
    await asyncio.sleep(0.05)  # until the loop has seen the end of the connection
    assert await limit.take("192.0.2.1")


@pytest.mark.usefixtures("no_redis")
async def test_without_redis_votes_go_on_and_it_is_asked_once_not_once_per_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    async def hang(takes: Sequence[Take]) -> list[Found]:
        calls.append(len(takes))
        await asyncio.sleep(0.1)
        raise TimeoutError

    monkeypatch.setattr(limits, "run_takes", hang)
    limit = RateLimit("vote", SLOW, fail_open=True, circuit=Circuit(first_pause=60))
    assert await takes(limit, "192.0.2.1", 600) == [[]] * 600
    began = time.monotonic()
    for _ in range(50):
        assert await limit.take("192.0.2.1") == []
    assert time.monotonic() - began < 0.1
    assert calls == [500]


@pytest.mark.usefixtures("no_redis")
async def test_failing_closed_without_redis_is_a_503() -> None:
    limit = RateLimit("vote", SLOW, fail_open=False)
    with pytest.raises(Unavailable):
        await limit.take("192.0.2.1")
    with pytest.raises(Unavailable):
        await limit.take("192.0.2.1")
    with pytest.raises(Unavailable):
        RateLimit("auth", SLOW, fail_open=False).take_now("192.0.2.1")


@pytest.mark.usefixtures("no_redis")
def test_plain_code_goes_on_too() -> None:
    limit = RateLimit("auth", SLOW, fail_open=True)
    assert [limit.take_now("192.0.2.1") for _ in range(3)] == [{}, {}, {}]


async def test_when_redis_is_back_the_limit_is_kept_again_without_a_vote_waiting_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run = limits.run_takes

    async def refuse(takes: Sequence[Take]) -> list[Found]:
        raise ConnectionError

    limit = RateLimit("vote", SLOW, fail_open=True, circuit=Circuit(first_pause=0.05))
    with monkeypatch.context() as patch:
        patch.setattr(limits, "run_takes", refuse)
        assert await limit.take("192.0.2.1") == []
    assert limits.run_takes is run
    async with asyncio.timeout(5):
        while not await limit.take("192.0.2.1"):  # noqa: ASYNC110  (only a take finds out)
            await asyncio.sleep(0.01)


async def test_off_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "run_takes", None)
    limit = RateLimit("vote", parse_rate("off"), fail_open=False)
    assert await limit.take("192.0.2.1") == []
    assert limit.take_now("192.0.2.1") == {}
