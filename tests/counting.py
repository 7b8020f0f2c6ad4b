"""Fixtures of the tests that count: a poll, a cutter, the results that PostgreSQL has, names that no other test uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from kombu import Connection as BrokerConnection
from pytest_django.fixtures import Settings

from core.redis import sync_redis
from projections.document import ResultsDocument
from projections.rendering import select_documents
from tests.factories import choice_ids, make_poll
from tests.vote_rows import connected
from tests.waiting import wait_until
from workers.cutting import Cut, Cutter
from workers.topology import batches_queue, dead_queue, sweeps_queue, uses_amqp


@dataclass(frozen=True)
class Ballot:
    """A poll with one question of three choices."""

    poll_id: UUID
    choices: list[str]


@pytest.fixture
def own_names(settings: Settings) -> Iterator[str]:
    """The prefix of keys and queues that no other test has; gone afterwards."""
    name = f"test-{uuid4().hex[:10]}"
    settings.REDIS_PREFIX = settings.QUEUE_PREFIX = name
    broker_url = settings.BROKER_URL
    yield name
    settings.BROKER_URL = broker_url
    for key in sync_redis().scan_iter(match=f"{name}:*"):
        sync_redis().delete(key)
    if uses_amqp():
        with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
            for queue in (batches_queue(), sweeps_queue(), dead_queue()):
                queue(channel).delete()
                queue.exchange(channel).delete()


@pytest.fixture
def rabbitmq(settings: Settings) -> None:
    """For tests of what Redis as the broker cannot do."""
    if not uses_amqp():
        pytest.skip("needs RabbitMQ, and the broker is Redis")


@pytest.fixture
def make_ballot(committed_db: None, own_names: str) -> Callable[..., Ballot]:
    def make(**fields: Any) -> Ballot:
        poll = make_poll(questions=[{"choices": 3, "kind": "multiple", "min_choices": 0, "max_choices": 3}], **fields)
        return Ballot(poll.id, choice_ids(poll))

    return make


@pytest.fixture
def ballot(make_ballot: Callable[..., Ballot]) -> Ballot:
    return make_ballot()


@pytest.fixture
def cutter(committed_db: None) -> Iterator[Cutter]:
    with connected("cutter") as connection:
        yield Cutter(connection, limit=1000)


def results_of(poll_id: UUID) -> ResultsDocument:
    """What PostgreSQL says of a poll at this moment."""
    with connected("reader") as connection, connection.cursor() as cursor:
        (document,) = select_documents(cursor, [poll_id])
        return document


def votes_of(poll_id: UUID) -> list[int]:
    """The counts of the first question's choices."""
    return [choice.votes for choice in results_of(poll_id).questions[0].choices]


def cut_all(cutter: Cutter, votes: int) -> list[Cut]:
    """Cuts until so many votes are cut, for somebody else in the cluster may hold the horizon for a moment; the cuts that made a batch."""
    cuts: list[Cut] = []

    def enough() -> bool:
        cutter.look()
        cuts.append(cutter.cut())
        return sum(cut.votes for cut in cuts) >= votes

    wait_until(enough)
    return [cut for cut in cuts if cut.batch_id is not None]
