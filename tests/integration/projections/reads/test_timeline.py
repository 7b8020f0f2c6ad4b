"""`GET …/results/timeline` on real tallies: of the generation that readers see, from one snapshot, made once per version."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from commands.models import Poll
from core.asgi import application
from projections.readers import readers
from tests.factories import make_poll
from tests.integration.projections.reads.conftest import Web

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


@pytest_asyncio.fixture
async def client(web: Web) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application), base_url="http://testserver") as made:
        yield made


@pytest.fixture
def put(sql: Any) -> Any:
    def put(poll: Poll, *minutes: tuple[int, int], generation: int = 1) -> None:
        """Adds to minutes after noon, as a batch does, with the version it makes."""
        for minute, n in minutes:
            sql(
                "INSERT INTO minute_tallies AS t (poll_id, generation, minute, ballots) VALUES (%s, %s, to_timestamp(%s), %s)"
                " ON CONFLICT (poll_id, generation, minute) DO UPDATE SET ballots = t.ballots + excluded.ballots",
                *(poll.id, generation, NOON + 60 * minute, n),
            )
            sql("UPDATE poll_tallies SET ballots = ballots + %s WHERE poll_id = %s AND generation = %s", n, poll.id, generation)
        sql("UPDATE poll_projections SET version = version + 1 WHERE poll_id = %s", poll.id)

    return put


async def timeline(client: httpx.AsyncClient, poll: Poll, query: str = "", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get(f"/api/v1/polls/{poll.id}/results/timeline{query}", headers=sent)


async def test_buckets_by_minute_hour_and_day_sum_up_to_the_ballots(client: httpx.AsyncClient, put: Any) -> None:
    poll = make_poll()
    put(poll, (0, 12), (1, 3), (61, 5), (60 * 24, 1))
    answers = {bucket: (await timeline(client, poll, f"?bucket={bucket}")).json() for bucket in ("minute", "hour", "day")}
    ballots = (await client.get(f"/api/v1/polls/{poll.id}/results")).json()["ballots"]
    assert ballots == 21
    for bucket, answer in answers.items():
        assert (answer["bucket"], answer["ballots"], sum(one["ballots"] for one in answer["buckets"])) == (bucket, ballots, ballots)
    assert answers["minute"]["buckets"][:2] == [{"start": "2026-05-01T12:00:00Z", "ballots": 12}, {"start": "2026-05-01T12:01:00Z", "ballots": 3}]
    assert [one["start"] for one in answers["hour"]["buckets"]] == ["2026-05-01T12:00:00Z", "2026-05-01T13:00:00Z", "2026-05-02T12:00:00Z"]
    assert [one["start"] for one in answers["day"]["buckets"]] == ["2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"]
    assert (await timeline(client, poll)).json() == answers["minute"]


async def test_a_poll_without_votes_has_no_buckets(client: httpx.AsyncClient) -> None:
    answer = (await timeline(client, make_poll())).json()
    assert (answer["ballots"], answer["buckets"]) == (0, [])


async def test_a_withdrawal_counted_before_its_ballot_shows_no_bucket_below_zero(client: httpx.AsyncClient, put: Any) -> None:
    poll = make_poll()
    put(poll, (0, -1), (5, 3))
    assert [one["ballots"] for one in (await timeline(client, poll)).json()["buckets"]] == [2]
    put(poll, (0, 1))
    await readers().loader._confirm(str(poll.id))
    assert [one["ballots"] for one in (await timeline(client, poll)).json()["buckets"]] == [3]


async def test_only_the_generation_that_readers_see_is_shown(client: httpx.AsyncClient, put: Any, sql: Any) -> None:
    poll = make_poll()
    sql("INSERT INTO tally_generations (poll_id, generation, boundary, fed) VALUES (%s, 2, 0, true)", poll.id)
    put(poll, (0, 4))
    put(poll, (0, 9), generation=2)
    assert (await timeline(client, poll)).json()["ballots"] == 4


@pytest.mark.parametrize("query", ["?bucket=week", "?bucket=", "?bucket=minute&bucket=hour", "?bucket=MINUTE", "?bucket=%ff"])
async def test_an_unknown_bucket_is_a_bad_request(client: httpx.AsyncClient, query: str) -> None:
    answer = await timeline(client, make_poll(), query)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")


async def test_equal_tags_are_equal_bytes_and_304_says_nothing_is_newer(client: httpx.AsyncClient, put: Any) -> None:
    poll = make_poll()
    put(poll, (0, 1))
    first = await timeline(client, poll)
    again = await timeline(client, poll, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    put(poll, (1, 1))
    await readers().loader._confirm(str(poll.id))
    newer = await timeline(client, poll, if_none_match=first.headers["etag"])
    assert (newer.status_code, newer.json()["ballots"]) == (200, 2)
    assert newer.headers["etag"] != first.headers["etag"]


async def test_many_readers_of_one_version_ask_postgres_once(client: httpx.AsyncClient, put: Any) -> None:
    poll = make_poll()
    put(poll, (0, 1))
    await timeline(client, poll)
    reader, asked = readers().timelines._reader, 0
    usual = reader.ask

    async def counted(question: Any) -> Any:
        nonlocal asked
        asked += 1
        return await usual(question)

    reader.ask = counted  # type: ignore[method-assign]
    assert {(await timeline(client, poll)).status_code for _ in range(5)} == {200}
    assert asked == 0
    await asyncio.gather(*(timeline(client, poll, "?bucket=hour") for _ in range(20)))
    assert asked == 1


async def test_a_reader_who_has_seen_a_newer_version_gets_it(client: httpx.AsyncClient, put: Any, web: Web) -> None:
    await web.feed.stop()
    poll = make_poll()
    await timeline(client, poll)
    put(poll, (0, 7))
    answer = await timeline(client, poll, if_none_match='"1.2.closed"')
    assert (answer.status_code, answer.json()["ballots"], answer.headers["etag"]) == (200, 7, '"1.2.open"')
