"""The rules in memory: never older than a second, and renewed before anybody has to wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from commands import rules_cache
from commands.rules import PollRules
from commands.rules_cache import RulesCache
from core.errors import Unavailable

POLL = uuid4()


class Source:
    """Rules are numbers here: how often they were read."""

    def __init__(self) -> None:
        self.reads = 0
        self.fails = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def load(self, poll_id: UUID) -> PollRules:
        assert poll_id == POLL
        self.reads += 1
        number = self.reads
        await self.may_answer.wait()
        if self.fails:
            raise Unavailable
        return cast("PollRules", number)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]

    class Time:
        monotonic = staticmethod(lambda: now[0])

    monkeypatch.setattr(rules_cache, "time", Time)
    assert time.monotonic() != now[0]
    return now


async def rest() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_rules_are_renewed_while_votes_go_on_with_the_old(clock: list[float]) -> None:
    source = Source()
    cache = RulesCache(source.load)
    assert cast("Any", await cache.get(POLL)) == 1
    clock[0] += 0.6
    source.may_answer.clear()
    assert [cast("Any", await cache.get(POLL)) for _ in range(100)] == [1] * 100  # nobody waits
    await rest()
    assert source.reads == 2
    source.may_answer.set()
    await rest()
    assert cast("Any", await cache.get(POLL)) == 2


async def test_a_copy_older_than_a_second_is_never_given(clock: list[float]) -> None:
    source = Source()
    cache = RulesCache(source.load)
    await cache.get(POLL)
    clock[0] += 1.1
    assert cast("Any", await cache.get(POLL)) == 2
    clock[0] += 0.6
    source.may_answer.clear()
    assert cast("Any", await cache.get(POLL)) == 2
    clock[0] += 0.6
    waiting = asyncio.create_task(cache.get(POLL))
    await rest()
    assert not waiting.done()
    source.may_answer.set()
    assert cast("Any", await waiting) == 3


async def test_a_renewal_that_fails_is_heard_of_by_whoever_needs_it(clock: list[float]) -> None:
    source = Source()
    cache = RulesCache(source.load)
    await cache.get(POLL)
    source.fails = True
    clock[0] += 0.6
    assert cast("Any", await cache.get(POLL)) == 1
    await rest()
    clock[0] += 0.6
    with pytest.raises(Unavailable):
        await cache.get(POLL)
