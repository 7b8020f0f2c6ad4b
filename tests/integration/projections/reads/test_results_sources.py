"""Where results come from, and that they stay right whichever source is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg2
import pytest

from core.errors import Unavailable
from projections import connection
from projections.connection import ResultsConnection
from projections.memory import memory
from projections.rendering import select_documents
from tests.factories import make_poll, make_user
from tests.integration.projections.reads.conftest import RedisServer, Web


async def eventually(condition: Callable[[], Awaitable[bool]], *, within: float) -> float:
    """Seconds until the condition held; fails when it does not in time."""
    started = time.monotonic()
    while not await condition():
        assert time.monotonic() - started < within, f"not within {within} s"
        await asyncio.sleep(0.005)
    return time.monotonic() - started


async def test_results_come_from_memory_then_redis_then_postgres(web: Web, redis_server: RedisServer) -> None:
    await web.feed.subscribed.wait()
    poll = make_poll()
    assert (await web.get(poll)).json()["ballots"] == 0
    for _ in range(10):
        await web.get(poll)
    assert (web.redis_asked, web.postgres_asked) == (1, 0)
    memory.drop_all()
    redis_server.client.flushall()
    await web.get(poll)
    assert (web.redis_asked, web.postgres_asked) == (2, 1)

    async def given_back() -> bool:
        return await web.parts.store.get(1, poll.id) == web.document(poll.id)

    await eventually(given_back, within=1)


async def test_what_is_rendered_is_read_at_once(web: Web) -> None:
    await web.feed.subscribed.wait()
    poll = make_poll()
    before = await web.get(poll)
    web.count(poll, 5)
    web.render(poll)

    async def counted() -> bool:
        return (await web.get(poll)).json()["ballots"] == 5

    await eventually(counted, within=0.6)  # well before anything is asked for again by itself
    after = await web.get(poll)
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["questions"][0]["choices"][0] | {"id": "", "text": ""} == {"id": "", "text": "", "votes": 5, "share": 1.0}


async def test_with_every_message_lost_results_are_little_more_than_a_second_old(web: Web) -> None:
    await web.feed.stop()
    poll = make_poll()
    await web.get(poll)
    for expected in (1, 2):
        web.count(poll)
        web.render(poll)

        async def counted(expected: int = expected) -> bool:
            return (await web.get(poll)).json()["ballots"] == expected

        await eventually(counted, within=2)


async def test_with_redis_stopped_results_come_from_postgres_and_return_to_redis(web: Web, redis_server: RedisServer) -> None:
    await web.feed.subscribed.wait()
    poll = make_poll()
    await web.get(poll)
    redis_server.stop()
    web.count(poll)

    async def counted() -> bool:
        return (await web.get(poll)).json()["ballots"] == 1

    await eventually(counted, within=2)
    other = make_poll()
    started = time.monotonic()
    assert (await web.get(other)).status_code == 200
    assert time.monotonic() - started < 1
    redis_server.start()
    await asyncio.wait_for(web.feed.subscribed.wait(), 10)
    web.count(poll)
    web.render(poll)

    async def counted_again() -> bool:
        return (await web.get(poll)).json()["ballots"] == 2

    await eventually(counted_again, within=0.6)


async def test_a_new_subscription_drops_what_was_remembered(web: Web, redis_server: RedisServer) -> None:
    await web.feed.subscribed.wait()
    poll = make_poll()
    await web.get(poll)
    assert memory.entries
    redis_server.stop()
    redis_server.start()
    await eventually(_forgotten, within=10)
    assert (await web.get(poll)).status_code == 200


async def _forgotten() -> bool:
    return not memory.entries


async def test_a_connection_that_was_cut_is_made_anew(web: Web, sql: Any, redis_server: RedisServer) -> None:
    redis_server.stop()
    poll = make_poll()
    await web.get(poll)
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nexus-results'")
    memory.drop_all()
    assert (await web.get(poll)).status_code == 200


async def test_postgres_and_redis_away_is_a_503_only_for_what_nobody_remembers(web: Web, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered, other = make_poll(), make_poll()
    first = await web.get(remembered)
    redis_server.stop()

    async def away(_poll_id: object) -> Any:
        raise Unavailable

    web.parts.loader._read = away
    entry = memory.entries[str(remembered.id)]
    entry.until = entry.fresh_until = 0
    assert (await web.get(remembered)).content == first.content
    answer = await web.get(other)
    assert (answer.status_code, answer.json()["type"], answer.headers["retry-after"]) == (503, "/problems/unavailable", "1")


async def test_polls_asked_for_at_once_are_selected_at_once(web: Web, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    redis_server.stop()
    owner = make_user()
    polls = [make_poll(owner=owner) for _ in range(20)]
    statements: list[int] = []

    def counted(cursor: Any, poll_ids: Any) -> Any:
        statements.append(len(set(poll_ids)))
        return select_documents(cursor, poll_ids)

    monkeypatch.setattr(connection, "select_documents", counted)
    answers = await asyncio.gather(*(web.get(poll) for poll in polls for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(statements) == 20
    assert len(statements) <= 5


async def test_the_results_role_cannot_read_votes_and_is_the_one_that_reads(web: Web, settings: Any) -> None:
    reader = ResultsConnection("nexus-test")
    try:
        assert reader.run(lambda cursor: (cursor.execute("SELECT current_user"), cursor.fetchone())[1]) == (settings.RESULTS_DATABASE_ROLE,)
        for forbidden in ("SELECT count(*) FROM votes", "SELECT count(*) FROM votes_00", "SELECT salt FROM polls", "DELETE FROM poll_tallies"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                reader.run(lambda cursor, statement=forbidden: cursor.execute(statement))  # type: ignore[misc]
    finally:
        reader.close()


async def test_what_a_reader_saw_never_goes_back(web: Web) -> None:
    await web.feed.stop()
    poll = make_poll()
    await web.get(poll)
    newer = web.count(poll, 3)  # another process has shown this version already; this one has not heard of it, nor has Redis
    answer = await web.get(poll, if_none_match=f'W/"1.{newer}.open"')
    assert (answer.status_code, answer.headers["etag"]) == (304, f'"1.{newer}.open"')
    even_newer = web.count(poll, 3)
    answer = await web.get(poll, if_none_match=f'"1.{even_newer}.scheduled"')
    assert (answer.status_code, answer.json()["version"], answer.json()["ballots"]) == (200, even_newer, 6)


async def test_tags_from_the_future_reach_postgres_ten_times_a_second_at_most(web: Web) -> None:
    poll = make_poll()
    await web.get(poll)
    started, asked_before = time.monotonic(), web.postgres_asked

    async def forge(reader: int) -> None:
        number = reader
        while time.monotonic() < started + 0.55:
            number += 1000
            answer = await web.get(poll, if_none_match=f'"7.{number}.open"')
            assert answer.status_code == 200

    await asyncio.gather(*(forge(reader) for reader in range(40)))
    # one at either end of the time, else a tenth of a second apart; unchecked they would be hundreds
    assert web.postgres_asked - asked_before <= 2 + (time.monotonic() - started) / 0.1


async def test_a_new_epoch_is_noticed_and_wins_over_any_version_before_it(web: Web, sql: Any) -> None:
    await web.feed.subscribed.wait()
    poll = make_poll()
    assert (await web.get(poll)).headers["etag"] == '"1.1.open"'
    sql("UPDATE log_epoch SET epoch = 2")

    async def noticed() -> bool:
        return (await web.get(poll)).headers["etag"] == '"2.1.open"'

    await eventually(noticed, within=5)

    async def subscribed_anew() -> bool:
        return web.feed.subscribed.is_set() and bool(await _channels(web))

    await eventually(subscribed_anew, within=5)


async def _channels(web: Web) -> list[bytes]:
    return [name for name in web._redis.client.pubsub_channels() if b":2:" in name]
