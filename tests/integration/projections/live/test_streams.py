"""`GET …/results/stream` over a real connection: what comes when, what is resumed, who is told it is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.redis import sync_redis
from projections import following
from projections.results_store import ResultsStore, results_key
from tests.counting import results_of
from tests.factories import make_poll, make_user
from tests.integration.projections.live.conftest import Live, bearer
from tests.vote_rows import run
from tests.waiting import until


async def test_the_present_results_come_at_once_as_get_answers_them(live: Live) -> None:
    poll = make_poll(questions=[{"choices": 3}, {}])
    live.vote(poll, 3)
    async with live.stream(poll) as stream:
        assert stream.answer.status_code == 200
        assert stream.answer.headers["content-type"] == "text/event-stream"
        assert "no-store" in stream.answer.headers["cache-control"]
        assert stream.answer.headers["x-accel-buffering"] == "no"
        assert "set-cookie" not in stream.answer.headers
        event = await stream.event()
        answer = await live.call("GET", poll)
        assert (event["event"], event["id"]) == ("results", str(answer.json()["version"]))
        assert event["data"].encode() == answer.content
        assert event.results["ballots"] == 3


async def test_every_change_comes_and_the_last_one_surely(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll) as stream:
        first = await stream.event()
        changed = live.vote(poll)
        second = await stream.event()
        assert (second["event"], second["id"], second.results["ballots"]) == ("results", str(changed.version), 1)
        assert int(second["id"]) > int(first["id"])


async def test_many_changes_are_at_most_five_events_a_second_and_the_newest_wins(live: Live) -> None:
    poll = make_poll()
    loop = asyncio.get_running_loop()
    async with live.stream(poll) as stream:
        await stream.event()

        async def voting() -> int:
            for _ in range(60):
                last = await asyncio.to_thread(live.vote, poll)
            return last.version

        began, voters, ids = loop.time(), asyncio.create_task(voting()), []
        while not voters.done() or ids[-1] < voters.result():
            ids.append(int((await stream.event())["id"]))
        assert ids == sorted(set(ids))
        assert ids[-1] == voters.result()
        assert len(ids) <= 5 * (loop.time() - began) + 1
        assert len(ids) < 60


async def test_a_message_that_is_lost_is_made_up_for(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll) as stream:
        await stream.event()
        live.count(poll)
        document = results_of(poll.id)
        key = results_key(document.epoch, poll.id)
        sync_redis().set(key, f"{document.version:020d}".encode() + document.encode())  # as the worker would, but nobody is told
        assert (await stream.event()).results["ballots"] == 1


async def test_last_event_id_equal_to_the_present_sends_nothing_until_a_change(live: Live) -> None:
    poll = make_poll()
    present = live.vote(poll).version
    async with live.stream(poll, last_event_id=str(present)) as stream:
        await until(lambda: live.following == (1, 1))
        after = live.vote(poll)
        event = await stream.event()
        assert (event["id"], event.results["ballots"]) == (str(after.version), 2)


async def test_nothing_is_sent_to_who_has_all_and_nothing_changes(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll, last_event_id=str(live.vote(poll).version)) as stream:
        assert await stream.is_silent(1.2)
        assert stream.comments == 0


@pytest.mark.parametrize("event_id", ["0", "nonsense", "", "-5", "1.1.open", "9" * 30])
async def test_an_older_or_malformed_last_event_id_gets_the_present_results(live: Live, event_id: str) -> None:
    poll = make_poll()
    present = live.vote(poll)
    async with live.stream(poll, last_event_id=event_id) as stream:
        assert (await stream.event())["id"] == str(present.version)


async def test_an_id_from_the_future_gets_the_present_results(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll, last_event_id=str(10**17)) as stream:
        assert (await stream.event())["id"] == "1"
        live.vote(poll)
        assert (await stream.event())["id"] == "2"


async def test_who_has_seen_more_than_memory_and_redis_never_gets_less(live: Live) -> None:
    poll = make_poll()
    await live.call("GET", poll)
    live.count(poll, 4)
    live.count(poll, 4)
    async with live.stream(poll, last_event_id="2") as stream:
        event = await stream.event()
        assert (event["id"], event.results["ballots"]) == ("3", 8)


async def test_closed_ends_it_and_a_reconnect_gets_204(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll) as stream:
        await stream.event()
        final = live.finish(poll)
        events = [await stream.event(), await stream.event()]
        assert [event["event"] for event in events] == ["results", "closed"]
        assert {event["id"] for event in events} == {str(final.version)}
        assert events[1].results["final"] is True
        assert events[1]["data"] == events[0]["data"]
        assert await stream.next() is None
    again = await live.call("GET", poll, "/stream", last_event_id=str(final.version))
    assert (again.status_code, again.content) == (204, b"")
    assert (await live.call("HEAD", poll, "/stream", last_event_id=str(final.version))).status_code == 204


async def test_whoever_comes_after_the_end_gets_the_results_then_closed(live: Live) -> None:
    poll = make_poll()
    final = live.finish(poll)
    for headers in ({}, {"last_event_id": "1"}):
        async with live.stream(poll, **headers) as stream:
            assert [(await stream.event())["event"], (await stream.event())["event"]] == ["results", "closed"]
            assert await stream.next() is None
    edited = live.change(poll, listed=False)
    assert edited.version > final.version

    async def heard() -> bool:
        return bool((await live.call("GET", poll)).json()["version"] == edited.version)

    await until(heard)
    async with live.stream(poll, last_event_id=str(final.version)) as stream:
        assert [(await stream.event())["id"], (await stream.event())["event"]] == [str(edited.version), "closed"]


async def test_what_the_clock_changes_is_sent_though_no_version_does(live: Live) -> None:
    now = datetime.now(UTC)
    poll = make_poll(opens_at=now + timedelta(seconds=1), closes_at=now + timedelta(seconds=2))
    async with live.stream(poll) as stream:
        events = [await stream.event() for _ in range(3)]
        assert [event.results["state"] for event in events] == ["scheduled", "open", "closed"]
        assert len({event["id"] for event in events}) == 1
        assert datetime.now(UTC) >= now + timedelta(seconds=2)


async def test_a_comment_comes_when_nothing_else_does(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    assert following.COMMENT_SECONDS == 15
    monkeypatch.setattr(following, "COMMENT_SECONDS", 0.1)
    poll = make_poll()
    async with live.stream(poll) as stream:
        await stream.event()
        assert await stream.is_silent(1)
        assert stream.comments > 1


async def test_clients_that_leave_leave_nothing(live: Live) -> None:
    poll, other = make_poll(), make_poll()
    async with live.stream(poll) as one, live.stream(poll) as two, live.stream(other) as three:
        for stream in (one, two, three):
            await stream.event()
        assert live.following == (3, 2)
        metrics = (await live.client.get("/metrics")).text
        assert 'nexus_streams_open{kind="sse"} 3.0' in metrics
    await until(lambda: live.following == (0, 0))
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("channel")]
    assert not [key for key in (str(poll.id), str(other.id)) if key in live.parts.loader.memory._watchers]


async def test_many_share_one_look_and_one_encoding(live: Live) -> None:
    poll = make_poll()
    read, asked = live.parts.store.get, 0

    async def counted(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return await read(*arguments)

    live.parts.store.get = counted  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(_until_three(live, poll)) for _ in range(100)]
        await until(lambda: live.following == (100, 1), seconds=30)
        asked = 0
        live.vote(poll, 3)
    assert [client.result() for client in clients] == [3] * 100
    assert asked < 10


async def _until_three(live: Live, poll: Any) -> int:
    async with live.stream(poll) as stream:
        while (ballots := (await stream.event()).results["ballots"]) < 3:
            pass
        return int(ballots)


async def test_methods_and_unknown_polls(live: Live) -> None:
    poll = make_poll()
    refused = await live.call("POST", poll, "/stream")
    assert (refused.status_code, refused.json()["type"], refused.headers["allow"]) == (405, "/problems/method-not-allowed", "GET, HEAD, OPTIONS")
    options = await live.call("OPTIONS", poll, "/stream")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    head = await live.call("HEAD", poll, "/stream")
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/event-stream", b"")
    for unknown in ("1", "00000000-0000-4000-8000-000000000000"):
        assert (await live.call("GET", unknown, "/stream")).json()["type"] == "/problems/not-found"


async def test_foreign_origins_are_refused_and_allowed_ones_told_so(live: Live, settings: Any) -> None:
    poll = make_poll()
    assert (await live.call("GET", poll, "/stream", origin="https://foe.example")).status_code == 403
    settings.CORS_ALLOWED_ORIGINS = ["https://friend.example"]
    async with live.stream(poll, origin="https://friend.example") as stream:
        assert stream.answer.headers["access-control-allow-origin"] == "https://friend.example"
    async with live.stream(poll, origin=live.url) as stream:
        assert stream.answer.status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_in_the_address_counts_for_nothing(live: Live, name: str) -> None:
    owner = make_user()
    answer = await live.call("GET", make_poll(owner=owner, results="owner"), f"/stream?{name}={bearer(owner.id)[7:]}")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/permission-denied")


async def test_a_bad_voter_token_is_refused_even_where_none_is_needed(live: Live) -> None:
    poll = make_poll()
    for method, rest in (("GET", ""), ("GET", "/stream"), ("POST", "/ticket"), ("GET", "/timeline")):
        assert (await live.call(method, poll, rest, x_voter_token="forged")).status_code == 401, rest


async def test_no_more_than_the_limit_may_follow(live: Live, settings: Any) -> None:
    settings.STREAMS_LIMIT = 1
    poll = make_poll()
    async with live.stream(poll) as stream:
        await stream.event()
        refused = await live.call("GET", poll, "/stream")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
        assert int(refused.headers["retry-after"]) >= 1


async def test_a_poll_that_is_deleted_ends_its_streams(live: Live) -> None:
    poll = make_poll()
    async with live.stream(poll) as stream:
        await stream.event()
        run("DELETE FROM poll_cards WHERE poll_id = %s", poll.id)
        run("DELETE FROM poll_projections WHERE poll_id = %s", poll.id)
        await asyncio.to_thread(_forget, poll.id)
        assert await stream.next() is None
    assert (await live.call("GET", poll, "/stream")).status_code == 404


def _forget(poll_id: Any) -> None:
    ResultsStore(sync_redis()).forget(1, poll_id)
