"""Rendering: Redis gets the newest version and nothing older, subscribers hear of it, and what was missed is swept up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest
from pytest_django.fixtures import Settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from core.redis import close_async_redis, sync_redis
from projections import rendering
from projections.document import ResultsDocument
from projections.rendering import render, render_lagging
from projections.results_store import ResultsStore, async_results_store, changes_channel, results_key, results_store
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, results_of
from tests.vote_rows import connected, run, select, write_votes
from workers.cutting import Cutter
from workers.tasks import apply_batch as apply_task
from workers.tasks import sweep


def kept(ballot: Ballot) -> ResultsDocument:
    raw = sync_redis().get(results_key(1, ballot.poll_id))
    assert isinstance(raw, bytes)
    return ResultsDocument.decode(raw[20:])


def lagging() -> list[tuple[object, ...]]:
    return select("SELECT poll_id FROM poll_projections WHERE version > rendered_version")


class RedisIsAway:
    """Stands where the store would, as it is while nothing answers."""

    def put(self, _documents: object) -> int:
        raise RedisAway("refused")


@pytest.fixture
def cut_batch(ballot: Ballot, cutter: Cutter) -> object:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 2)
    (cut,) = cut_all(cutter, 2)
    return cut.batch_id


def test_a_new_poll_is_in_redis_at_once(ballot: Ballot) -> None:
    assert kept(ballot) == results_of(ballot.poll_id)
    assert lagging() == []


def test_an_older_version_never_replaces_a_newer_one_even_across_digits(ballot: Ballot) -> None:
    document = results_of(ballot.poll_id)
    newer, older = replace(document, version=10, ballots=10), replace(document, version=9, ballots=9)
    assert results_store().put([newer]) == 1
    assert results_store().put([older]) == 0
    assert results_store().put([newer]) == 0
    assert kept(ballot) == newer


def test_subscribers_hear_once_of_everything_that_changed(make_ballot: Callable[..., Ballot]) -> None:
    documents = [replace(results_of(make_ballot().poll_id), version=5 + n) for n in range(3)]
    stale = replace(documents[1], version=1)
    with sync_redis().pubsub() as heard:
        heard.subscribe(changes_channel(1))
        assert heard.get_message(timeout=5)["type"] == "subscribe"
        results_store().put([documents[0], stale, documents[2]])
        message = heard.get_message(timeout=5)
        assert sorted(orjson.loads(message["data"])) == sorted([str(document.poll_id), document.version] for document in (documents[0], documents[2]))
        results_store().put([documents[0]])
        assert heard.get_message(timeout=0.05) is None, "nothing changed, nobody is told"


async def test_readers_get_and_hear_what_was_put(ballot: Ballot) -> None:
    document = replace(results_of(ballot.poll_id), version=44)
    store = async_results_store()
    changes = store.changes(1)
    assert await anext(changes) == []
    ResultsStore(sync_redis()).put([document])
    assert await anext(changes) == [(ballot.poll_id, 44)]
    assert await store.get(1, ballot.poll_id) == document
    assert await store.get(2, ballot.poll_id) is None, "keys carry the epoch"
    sync_redis().set(results_key(1, ballot.poll_id), b"0" * 20 + b"{}")
    assert await store.get(1, ballot.poll_id) is None, "what cannot be read is as good as absent"
    await changes.aclose()  # type: ignore[attr-defined]
    await close_async_redis()


def test_after_a_crash_between_commit_and_redis_the_second_delivery_renders(ballot: Ballot, cut_batch: object) -> None:
    apply_batch(cut_batch)  # type: ignore[arg-type]  # and here the worker died
    assert kept(ballot).ballots == 0
    apply_task.run(batch_id=str(cut_batch), epoch=1, format=1)
    assert kept(ballot).ballots == results_of(ballot.poll_id).ballots == 2
    assert lagging() == []


def test_a_message_that_comes_again_adds_nothing_to_what_redis_has(ballot: Ballot, cut_batch: object) -> None:
    for _ in range(3):
        apply_task.run(batch_id=str(cut_batch), epoch=1, format=1)
    assert kept(ballot).ballots == results_of(ballot.poll_id).ballots == 2


def test_after_a_crash_between_commit_and_redis_the_sweeper_renders(ballot: Ballot, cut_batch: object) -> None:
    apply_batch(cut_batch)  # type: ignore[arg-type]
    assert lagging() == [(ballot.poll_id,)]
    sweep.run()
    assert kept(ballot).ballots == 2
    assert lagging() == []


def test_counting_goes_on_without_redis_and_the_sweeper_makes_up_for_it(ballot: Ballot, cut_batch: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        away.setattr(rendering, "results_store", RedisIsAway)
        apply_task.run(batch_id=str(cut_batch), epoch=1, format=1)
    assert results_of(ballot.poll_id).ballots == 2
    assert lagging() == [(ballot.poll_id,)]
    rendering._redis_circuit.succeeded()
    assert render_lagging() == 1
    assert kept(ballot).ballots == 2


def test_a_mark_never_goes_back(ballot: Ballot) -> None:
    run("UPDATE poll_projections SET version = 7, rendered_version = 9")
    render([ballot.poll_id])
    assert select("SELECT rendered_version FROM poll_projections") == [(9,)]


def test_a_redis_that_lost_everything_is_filled_again_by_the_next_change(ballot: Ballot, cut_batch: object, settings: Settings) -> None:
    client: Redis = sync_redis()
    client.delete(results_key(1, ballot.poll_id))
    apply_task.run(batch_id=str(cut_batch), epoch=1, format=1)
    assert kept(ballot).ballots == 2
