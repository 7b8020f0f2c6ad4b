"""`?after=`: a voter's own vote is in, or is said not to be."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import httpx
import pytest

from commands.models import Poll
from core.positions import Position, seal_position
from tests.factories import make_poll
from tests.integration.projections.reads.conftest import Web

BATCH = """
INSERT INTO vote_batches (id, seq, start_epoch, start_xid, start_id, end_epoch, end_xid, end_id, votes, payload, as_of, first_cast_at, cut_at,
                          publications, applied_at)
VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, 1, '[]', now(), now(), now(), 0, CASE WHEN %s THEN now() END)
"""


@pytest.fixture
def batches(sql: Any) -> None:
    """Three batches; the middle one is not applied yet, the last one is."""
    sql(BATCH, 1, 1, "0", 0, 1, "900", 10, True)
    sql(BATCH, 2, 1, "900", 10, 1, "1000", 60, False)
    sql(BATCH, 3, 1, "1000", 60, 1, "10000", 70, True)


def token(poll: Poll, xid: int, row: int, *, epoch: int = 1) -> str:
    return seal_position(Position(poll.id, epoch, xid, row))


async def after(web: Web, poll: Poll, position: str, **headers: str) -> httpx.Response:
    return await web.get(poll, f"?after={position}", **headers)


async def test_a_vote_whose_batch_is_applied_is_in(web: Web, batches: None) -> None:
    poll = make_poll()
    await web.get(poll)
    for xid, row in ((1, 1), (900, 10), (1000, 61), (9999, 1), (10000, 70)):
        started = time.monotonic()
        answer = await after(web, poll, token(poll, xid, row), if_none_match="*")
        assert (answer.status_code, answer.json()["includes_after"]) == (200, True)
        assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)
        assert time.monotonic() - started < 1


async def test_a_later_batch_that_is_applied_says_nothing_of_an_earlier_one(web: Web, batches: None) -> None:
    poll = make_poll()
    started = time.monotonic()
    answers = await asyncio.gather(after(web, poll, token(poll, 900, 11)), after(web, poll, token(poll, 1000, 60)), after(web, poll, token(poll, 10000, 71)))
    assert [(answer.status_code, answer.json()["includes_after"]) for answer in answers] == [(200, False)] * 3
    assert 1.9 < time.monotonic() - started < 5


async def test_whoever_waits_gets_the_version_that_applied_it(web: Web, sql: Any, batches: None) -> None:
    await web.feed.stop()
    poll = make_poll()
    await web.get(poll)
    waiting = asyncio.create_task(after(web, poll, token(poll, 1000, 60)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    version = web.count(poll)  # neither Redis nor memory hears of it
    sql("UPDATE vote_batches SET applied_at = now() WHERE seq = 2")
    applied = time.monotonic()
    answer = (await waiting).json()
    assert (answer["includes_after"], answer["version"], answer["ballots"]) == (True, version, 1)
    assert time.monotonic() - applied < 1
    assert (await web.get(poll)).json()["version"] == version


async def test_a_hundred_waiters_are_one_question_every_25_ms(web: Web, sql: Any, batches: None) -> None:
    poll = make_poll()
    asked: list[int] = []
    read = web.parts.waiters._read

    async def counted(positions: Any) -> Any:
        asked.append(len(positions))
        return await read(positions)

    web.parts.waiters._read = counted
    started = time.monotonic()
    waiting = [asyncio.create_task(after(web, poll, token(poll, 1000, row))) for row in range(1, 51)]
    waiting += [asyncio.create_task(after(web, poll, token(poll, 1000, 1))) for _ in range(50)]
    await asyncio.sleep(0.3)
    sql("UPDATE vote_batches SET applied_at = now() WHERE seq = 2")
    assert all(answer.json()["includes_after"] for answer in await asyncio.gather(*waiting))
    assert max(asked) == 50
    assert len(asked) <= 2 + (time.monotonic() - started) / 0.025
    ended = len(asked)
    await asyncio.sleep(0.1)
    assert len(asked) == ended  # nobody waits, nobody asks


async def test_a_position_from_before_a_restore_is_in_once_a_batch_reaches_past_it(web: Web, sql: Any, batches: None) -> None:
    poll = make_poll()
    sql(BATCH, 4, 1, "10000", 70, 2, "50", 90, True)
    assert (await after(web, poll, token(poll, 99999, 80))).json()["includes_after"] is True
    assert (await after(web, poll, token(poll, 20, 85, epoch=2))).json()["includes_after"] is True


async def test_bad_positions_are_refused(web: Web, batches: None) -> None:
    poll, other = make_poll(), make_poll()
    good = token(poll, 1, 1)
    for query in (f"?after={token(other, 1, 1)}", "?after=", "?after=nonsense", f"?after={good[:-2]}AA", f"?after={good}&after={good}", "?after=%FF"):
        answer = await web.get(poll, query)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request"), query
    assert (await web.get(poll, f"?other=1&after={good}")).json()["includes_after"] is True
    assert "includes_after" not in (await web.get(poll, "?other=1")).json()


async def test_after_is_no_way_round_the_rules(web: Web, batches: None) -> None:
    hidden = make_poll(results="owner")
    assert (await after(web, hidden, token(hidden, 1, 1))).status_code == 403
    assert (await after(web, make_poll(draft=True), "x")).status_code == 404
    assert (await web.get(str(uuid.uuid4()), f"?after={token(hidden, 1, 1)}")).status_code == 404
