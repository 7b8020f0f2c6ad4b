"""Publishing: confirmed and routed, or published again; that a batch was published proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg2
import pytest
from celery import Celery
from kombu import Connection as BrokerConnection
from pytest_django.fixtures import Settings

from core.celery import app
from core.circuit import Circuit
from core.embedded.choice import broker_over_redis
from tests.counting import Ballot, cut_all, votes_of
from tests.processes import broker_address
from tests.tcp_proxy import TcpProxy, proxy_to
from tests.vote_rows import connected, run, select, write_votes
from workers.broker import Broker, BrokerFailure
from workers.cutting import Cutter
from workers.messages import BatchMessage
from workers.publisher import Publisher
from workers.relay import Relay
from workers.tasks import apply_batch as apply_task
from workers.topology import batches_queue, celery_options, declare


@pytest.fixture
def link(committed_db: None) -> Iterator[psycopg2.extensions.connection]:
    with connected("publisher") as connection:
        yield connection


@pytest.fixture
def broker(own_names: str, rabbitmq: None) -> Iterator[Broker]:
    broker = Broker(app, stop=Event())
    yield broker
    broker.close()


def app_for(settings: Settings, url: str) -> Celery:
    """The application as it is with another broker."""
    settings.BROKER_URL = url
    application = Celery("nexus-test", set_as_current=False)
    application.conf.update(celery_options())
    return application


def through(proxy: TcpProxy, url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}").geturl()


def publisher_with(link: Any, broker: Any) -> Publisher:
    return Publisher(connection=link, broker=broker, circuit=Circuit(first_pause=1e-9, longest_pause=1e-9), republish_seconds=5.0)


@pytest.fixture
def publisher(link: Any, broker: Broker) -> Publisher:
    return publisher_with(link, broker)


@pytest.fixture
def batch_id(ballot: Ballot, cutter: Cutter) -> UUID:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 2)
    (cut,) = cut_all(cutter, 2)
    assert cut.batch_id is not None
    return cut.batch_id


@pytest.fixture
def queued(settings: Settings, own_names: str, rabbitmq: None) -> Iterator[Any]:
    """A function that takes all messages off the queue: their arguments."""
    with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:

        def take() -> list[dict[str, Any]]:
            declare(connection)
            taken = []
            while (message := batches_queue()(channel).get(no_ack=True)) is not None:
                assert message.headers["task"] == apply_task.name
                taken.append(message.decode()[1])
            return taken

        yield take


def progress_of(batch_id: UUID) -> tuple[Any, ...]:
    return select("SELECT published_at IS NOT NULL, publications, lease_until IS NOT NULL, applied_at IS NOT NULL FROM vote_batches WHERE id = %s", batch_id)[0]


def long_ago() -> None:
    """Time passes: leases run out, publications grow old."""
    run("UPDATE vote_batches SET lease_until = lease_until - interval '1 hour', published_at = published_at - interval '1 hour'")


def test_a_batch_is_published_once_and_marked(publisher: Publisher, batch_id: UUID, queued: Any) -> None:
    publisher.step()
    assert progress_of(batch_id) == (True, 1, False, False)
    publisher.step()
    assert queued() == [BatchMessage(batch_id=batch_id, epoch=1).arguments()]


def test_no_two_publications_carry_the_same_id(publisher: Publisher, batch_id: UUID, settings: Settings) -> None:
    """A worker that has once dropped a message drops all that come under its id."""
    publisher.step()
    long_ago()
    publisher.step()
    with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
        messages = [batches_queue()(channel).get(no_ack=True) for _ in range(2)]
    assert len({message.headers["id"] for message in messages} | {str(batch_id)}) == 3


def test_many_are_published_in_one_go_whatever_the_plan(publisher: Publisher, ballot: Ballot, cutter: Cutter, queued: Any) -> None:
    run(
        """INSERT INTO vote_batches (id, seq, start_epoch, start_xid, start_id, end_epoch, end_xid, end_id,
                                     votes, payload, as_of, first_cast_at, cut_at, publications)
           SELECT gen_random_uuid(), n, 1, '0', n, 1, '0', n, 1, '[]', now(), now(), now(), 0 FROM generate_series(1, 200) AS n"""
    )
    run("DELETE FROM vote_batches")
    run("ANALYZE vote_batches")  # it looks empty to the planner, which then joins row by row
    for _ in range(70):
        with connected() as connection:
            write_votes(connection, ballot.poll_id, ballot.choices[0], 1)
        cut_all(cutter, 1)
    assert publisher.step() == 0.0, "there may be more"
    assert select("SELECT count(*) FROM vote_batches WHERE published_at IS NOT NULL") == [(64,)]
    publisher.step()
    sent = [message["batch_id"] for message in queued()]
    assert sent == [str(row[0]) for row in select("SELECT id FROM vote_batches ORDER BY seq")]


def test_a_relay_killed_between_cut_and_publication_leaves_it_to_the_next(publisher: Publisher, batch_id: UUID, queued: Any) -> None:
    assert progress_of(batch_id) == (False, 0, False, False)
    publisher.step()
    assert len(queued()) == 1


def test_who_takes_the_lead_does_not_wait_for_what_a_killed_relay_had_leased(publisher: Publisher, batch_id: UUID, queued: Any) -> None:
    publisher._lease()
    publisher.step()
    assert queued() == [], "its lease has not run out"
    relay = Relay(stop=Event())
    with connected("successor") as connection:
        assert relay._take_the_lead(connection)
    publisher.step()
    assert queued() == [BatchMessage(batch_id=batch_id, epoch=1).arguments()]


def test_a_relay_killed_between_publication_and_mark_makes_the_batch_go_out_twice_and_count_once(
    publisher: Publisher, broker: Broker, batch_id: UUID, ballot: Ballot, queued: Any
) -> None:
    messages = publisher._lease()
    assert broker.publish(messages) == {batch_id}  # and here it was killed
    assert progress_of(batch_id) == (False, 0, True, False)
    publisher.step()
    assert len(queued()) == 1, "leased by the one that died"
    long_ago()
    publisher.step()
    (again,) = queued()
    for message in (again, again):
        apply_task.run(**message)
    assert votes_of(ballot.poll_id) == [2, 0, 0]


def test_what_a_purged_queue_lost_is_published_again_until_it_is_applied(publisher: Publisher, batch_id: UUID, ballot: Ballot, queued: Any) -> None:
    publisher.step()
    assert len(queued()) == 1  # taken off and thrown away
    publisher.step()
    assert queued() == [], "not so soon"
    long_ago()
    publisher.step()
    (message,) = queued()
    assert progress_of(batch_id)[1] == 2
    apply_task.run(**message)
    long_ago()
    publisher.step()
    assert queued() == []
    assert votes_of(ballot.poll_id) == [2, 0, 0]


def test_each_publication_waits_twice_as_long_as_the_one_before(publisher: Publisher, batch_id: UUID) -> None:
    for publications, seconds in ((1, 5), (2, 10), (3, 20), (4, 40), (20, 300), (2000, 300)):
        run("UPDATE vote_batches SET publications = %s, published_at = now() - make_interval(secs => %s)", publications, seconds - 2)
        assert publisher._lease() == []
        run("UPDATE vote_batches SET published_at = now() - make_interval(secs => %s)", seconds + 1)
        assert [message.batch_id for message in publisher._lease()] == [batch_id]
        run("UPDATE vote_batches SET lease_until = NULL")


def test_two_publishers_share_the_batches(publisher: Publisher, batch_id: UUID, own_names: str) -> None:
    with connected("other") as other_link:
        assert [len(publisher_with(other_link, None)._lease()), len(publisher._lease())] == [1, 0]


def test_a_message_that_no_queue_takes_is_not_marked_and_goes_out_once_the_queue_is_back(
    publisher: Publisher, broker: Broker, batch_id: UUID, queued: Any, settings: Settings
) -> None:
    publisher.step()
    with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
        batches_queue()(channel).delete()
    long_ago()
    publisher.step()
    assert broker.unroutable == {batch_id}
    assert progress_of(batch_id)[:2] == (True, 1), "only the first was taken"
    long_ago()
    publisher.step()
    assert len(queued()) == 1
    assert progress_of(batch_id)[1] == 2


def test_without_a_broker_batches_wait_and_nothing_raises(link: Any, batch_id: UUID, queued: Any, caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    with proxy_to(broker_address()) as proxy:
        broker = Broker(app_for(settings, through(proxy, settings.BROKER_URL)), stop=Event())
        publisher = publisher_with(link, broker)
        proxy.refuse()
        for _ in range(3):
            publisher.step()
            long_ago()
        assert progress_of(batch_id)[:2] == (False, 0)
        assert caplog.text.count("the broker fails the relay") == 1, "said once"
        proxy.accept()
        publisher.step()
        assert progress_of(batch_id)[:2] == (True, 1)
        assert "serves the relay again" in caplog.text
        proxy.cut_all()  # an idle connection dies
        long_ago()
        publisher.step()
        long_ago()
        publisher.step()
        assert progress_of(batch_id)[1] == 2
        broker.close()
    assert len(queued()) == 2


def test_a_lost_answer_of_the_broker_is_a_failure(batch_id: UUID, settings: Settings, own_names: str, rabbitmq: None) -> None:
    with proxy_to(broker_address()) as proxy:
        broker = Broker(app_for(settings, through(proxy, settings.BROKER_URL)), stop=Event())
        message = BatchMessage(batch_id=batch_id, epoch=1)
        assert broker.publish([message]) == {batch_id}
        proxy.lose_next_answer()
        with pytest.raises(BrokerFailure):
            broker.publish([message])
        assert broker.publish([message]) == {batch_id}
        broker.close()


def test_on_redis_as_the_broker_a_batch_is_published_and_can_be_consumed(link: Any, batch_id: UUID, own_names: str, settings: Settings) -> None:
    redis_app = app_for(settings, broker_over_redis(settings.REDIS_URL))
    broker = Broker(redis_app, stop=Event())
    publisher_with(link, broker).step()
    assert progress_of(batch_id) == (True, 1, False, False)
    with redis_app.connection_for_read() as connection, connection.channel() as channel:
        message = batches_queue()(channel).get(no_ack=True)
        assert message.decode()[1] == BatchMessage(batch_id=batch_id, epoch=1).arguments()
    broker.close()
