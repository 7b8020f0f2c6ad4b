"""Rate limits per client address, and where somebody is signed in per account too: what may be done how often, and what the answer says of it."""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings

from core.buckets import FAILURES, Bucket, Found, Take, mask, run_takes, run_takes_now
from core.circuit import Circuit
from core.errors import RateLimited, Unavailable
from core.rates import Rate, judge, limit_headers, parse_rate, whom

_TAKES_PER_CALL = 500  # Redis serves nobody else while a script runs: about half a millisecond

_log = logging.getLogger(__name__)


class RateLimit:
    """One limit under one policy name. With rate None (`off`) it costs nothing and grants everything."""

    def __init__(self, policy: str, rate: Rate | None, *, fail_open: bool, circuit: Circuit | None = None) -> None:
        self._policy, self._rate, self._fail_open = policy, rate, fail_open
        self._circuit = circuit or Circuit()
        self._gatherers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gatherer] = WeakKeyDictionary()

    async def take(self, address: str, account: UUID | None = None) -> list[tuple[bytes, bytes]]:
        """Takes one request from the client's bucket, and one from the account's if there is one; returns the headers its answer should carry.

        Either both have one left or none is taken; the headers speak of the tighter one. Takes that gather while Redis works on others go there
        together. Raises `RateLimited` with the headers, and where the limit fails closed `Unavailable` when Redis does not answer; failing open it
        returns no headers then. A Redis that is away costs one time-out, not one per take.
        """
        asked = self.ask(address, account)
        return [] if asked is None else self.headers(await asked)

    def ask(self, address: str, account: UUID | None = None) -> asyncio.Future[Found | None] | None:
        """The same in two steps: what comes of this is for `headers`. None where nothing is limited, and so there is nothing to wait for."""
        if self._rate is None:
            return None
        loop = asyncio.get_running_loop()
        gatherer = self._gatherers.get(loop)
        if gatherer is None:
            gatherer = self._gatherers[loop] = _Gatherer(self._circuit)
        return gatherer.ask(self._take(self._rate, address, account))

    def headers(self, found: Found | None) -> list[tuple[bytes, bytes]]:
        """The headers for the answer. Raises as `take`."""
        headers = {} if self._rate is None else self._headers(self._rate, found)
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def take_now(self, address: str, account: UUID | None = None) -> dict[str, str]:
        """The same for plain code, blocking for one round trip to Redis."""
        if self._rate is None:
            return {}
        found: Found | None = None
        if self._circuit.may_try():
            try:
                found = run_takes_now([self._take(self._rate, address, account)])[0]
            except FAILURES as error:
                _failed(self._circuit, error)
            else:
                self._circuit.succeeded()
        return self._headers(self._rate, found)

    def _take(self, rate: Rate, address: str, account: UUID | None) -> Take:
        prefix = f"{settings.REDIS_PREFIX}:limit:{self._policy}"
        of_address = Bucket(f"{prefix}:{mask(whom(address))}", rate)
        return (of_address,) if account is None else (of_address, Bucket(f"{prefix}-account:{account.hex}", rate))

    def _headers(self, rate: Rate, found: Found | None) -> dict[str, str]:
        if found is None:
            if self._fail_open:
                return {}
            raise Unavailable("Requests can't be counted against their limit just now; try again.")
        policies = (self._policy, f"{self._policy}-account")
        verdicts = [(policy, judge(rate, granted=found.granted, debt=debt)) for policy, debt in zip(policies, found.debts, strict=False)]
        policy, verdict = min(verdicts, key=lambda each: (each[1].left, -each[1].wait))
        headers = limit_headers(policy, rate, verdict)
        if not verdict.granted:
            raise RateLimited(f"Too many requests; the next one is welcome in {verdict.wait} s.", retry_after=verdict.wait, headers=headers)
        return headers


class _Gatherer:
    """Brings the takes of one event loop to Redis: one call at a time, each with all that gathered meanwhile."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self._waiting: list[tuple[Take, asyncio.Future[Found | None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None

    def ask(self, take: Take) -> asyncio.Future[Found | None]:
        """What the buckets will have said, None when Redis cannot be asked."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found | None] = loop.create_future()
        if not self._circuit.closed:
            if self._circuit.may_try():  # a call without keys finds out; no request has to wait for it
                self._probe = loop.create_task(self._settle([]))
            future.set_result(None)
            return future
        self._waiting.append((take, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_TAKES_PER_CALL], self._waiting[_TAKES_PER_CALL:]
            await self._settle(batch)

    async def _settle(self, batch: list[tuple[Take, asyncio.Future[Found | None]]]) -> None:
        answers: list[Found | None] = [None] * len(batch)
        try:
            if self._circuit.closed or not batch:
                answers = [*await run_takes([take for take, _ in batch])]
                self._circuit.succeeded()
        except FAILURES as error:
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


@cache
def code_limit() -> RateLimit:
    """The limit on codes that turned out to be none, as many per client address as votes. Raises `ValueError` as `vote_limit`."""
    return RateLimit("code", parse_rate(settings.VOTE_RATE_LIMIT), fail_open=settings.RATE_LIMIT_FAIL_OPEN)


def _failed(circuit: Circuit, error: Exception) -> None:
    if circuit.closed:
        _log.warning("rate limits cannot be kept: Redis failed (%s)", type(error).__name__)
    circuit.failed()
