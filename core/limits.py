"""Rate limits per client address: token buckets that live in Redis, shared by all processes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import RedisError
from redis.exceptions import NoScriptError

from core.circuit import Circuit
from core.errors import RateLimited, Unavailable
from core.rates import Rate, Verdict, judge, limit_headers, parse_rate, whom
from core.redis import async_redis, sync_redis

_SCRIPT = (Path(__file__).parent / "lua" / "token_bucket.lua").read_text(encoding="utf-8")
_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_KEYS_PER_CALL = 500  # Redis serves nobody else while a script runs: about half a millisecond

_log = logging.getLogger(__name__)

# ValueError: an answer of another shape; RuntimeError: uvloop, writing to a connection that has just closed
_FAILURES = (RedisError, OSError, ValueError, RuntimeError)

Found = tuple[bool, int]  # was a token there; microseconds until the bucket is full


class RateLimit:
    """One limit under one policy name. With rate None (`off`) it costs nothing and grants everything."""

    def __init__(self, policy: str, rate: Rate | None, *, fail_open: bool, circuit: Circuit | None = None) -> None:
        self._policy, self._rate, self._fail_open = policy, rate, fail_open
        self._circuit = circuit or Circuit()
        self._gatherers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gatherer] = WeakKeyDictionary()

    async def take(self, address: str) -> list[tuple[bytes, bytes]]:
        """Takes one request from the client's bucket; returns the headers its answer should carry.

        Takes that gather while Redis works on others go there together. Raises `RateLimited` with the headers, and where the limit fails closed
        `Unavailable` when Redis does not answer; failing open it returns no headers then. A Redis that is away costs one time-out, not one per take.
        """
        if self._rate is None:
            return []
        loop = asyncio.get_running_loop()
        gatherer = self._gatherers.get(loop)
        if gatherer is None:
            gatherer = self._gatherers[loop] = _Gatherer(self._rate, self._circuit)
        headers = self._headers(self._rate, await gatherer.ask(self._key(address)))
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def take_now(self, address: str) -> dict[str, str]:
        """The same for plain code, blocking for one round trip to Redis."""
        if self._rate is None:
            return {}
        found: Found | None = None
        if self._circuit.may_try():
            try:
                found = _pairs(_run_now([self._key(address)], self._rate))[0]
            except _FAILURES as error:
                _failed(self._circuit, error)
            else:
                self._circuit.succeeded()
        return self._headers(self._rate, found)

    def _key(self, address: str) -> str:
        return f"{settings.REDIS_PREFIX}:limit:{self._policy}:{_mask(address)}"

    def _headers(self, rate: Rate, found: Found | None) -> dict[str, str]:
        if found is None:
            if self._fail_open:
                return {}
            raise Unavailable("Requests can't be counted against their limit just now; try again.")
        verdict: Verdict = judge(rate, granted=found[0], debt=found[1])
        headers = limit_headers(self._policy, rate, verdict)
        if not verdict.granted:
            raise RateLimited(f"Too many requests; the next one is welcome in {verdict.wait} s.", retry_after=verdict.wait, headers=headers)
        return headers


class _Gatherer:
    """Brings the takes of one event loop to Redis: one call at a time, each with all that gathered meanwhile."""

    def __init__(self, rate: Rate, circuit: Circuit) -> None:
        self._rate, self._circuit = rate, circuit
        self._waiting: list[tuple[str, asyncio.Future[Found | None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None

    async def ask(self, key: str) -> Found | None:
        """What the bucket said, None when Redis cannot be asked."""
        if not self._circuit.closed:
            if self._circuit.may_try():  # a call without keys finds out; no request has to wait for it
                self._probe = asyncio.get_running_loop().create_task(self._settle([]))
            return None
        future: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_KEYS_PER_CALL], self._waiting[_KEYS_PER_CALL:]
            await self._settle(batch)

    async def _settle(self, batch: list[tuple[str, asyncio.Future[Found | None]]]) -> None:
        answers: list[Found | None] = [None] * len(batch)
        try:
            if self._circuit.closed or not batch:
                answers = [*_pairs(await _run([key for key, _ in batch], self._rate))]
                self._circuit.succeeded()
        except _FAILURES as error:
            _failed(self._circuit, error)
        finally:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # its client may have gone
                    future.set_result(answer)


@cache
def vote_limit() -> RateLimit:
    """The limit on casting, changing and withdrawing votes. Raises `ValueError` for a `VOTE_RATE_LIMIT` that is not a rate."""
    return RateLimit("vote", parse_rate(settings.VOTE_RATE_LIMIT), fail_open=settings.RATE_LIMIT_FAIL_OPEN)


@cache
def auth_limit() -> RateLimit:
    """The limit on register, token and reset. Raises `ValueError` for an `AUTH_RATE_LIMIT` that is not a rate."""
    return RateLimit("auth", parse_rate(settings.AUTH_RATE_LIMIT), fail_open=settings.RATE_LIMIT_FAIL_OPEN)


@lru_cache(maxsize=10_000)
def _mask(address: str) -> str:
    """Stands for the client in Redis, so that no copy of its memory holds addresses."""
    return hashlib.blake2b(whom(address).encode(), key=settings.SECRET_KEY.encode()[:64], digest_size=12).hexdigest()


async def _run(keys: list[str], rate: Rate) -> list[int]:
    arguments: list[Any] = [len(keys), *keys, rate.interval, rate.limit]
    client = async_redis()
    try:
        return cast("list[int]", await client.evalsha(_SHA, *arguments))
    except NoScriptError:
        return cast("list[int]", await client.eval(_SCRIPT, *arguments))


def _run_now(keys: list[str], rate: Rate) -> list[int]:
    arguments: list[Any] = [len(keys), *keys, rate.interval, rate.limit]
    client = sync_redis()
    try:
        return cast("list[int]", client.evalsha(_SHA, *arguments))
    except NoScriptError:
        return cast("list[int]", client.eval(_SCRIPT, *arguments))


def _pairs(flat: list[int]) -> list[Found]:
    return [(granted == 1, debt) for granted, debt in zip(flat[::2], flat[1::2], strict=True)]


def _failed(circuit: Circuit, error: Exception) -> None:
    if circuit.closed:
        _log.warning("rate limits cannot be kept: Redis failed (%s)", type(error).__name__)
    circuit.failed()
