"""Relay and worker as processes: the whole way, and what happens when one of them, or a server, goes away."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from celery import Celery
from kombu import Connection as BrokerConnection
from kombu import Producer
from pytest_django.fixtures import Settings

from commands.handlers import close_poll
from commands.models import Poll
from core.redis import sync_redis
from projections.document import ResultsDocument
from projections.results_store import results_key
from tests.counting import Ballot, results_of, votes_of
from tests.processes import RELAY, WORKER, database_address, database_dsn, running
from tests.tcp_proxy import proxy_to
from tests.vote_rows import connected, open_transaction, run, select, write_votes
from tests.waiting import wait_until
from workers.topology import APPLY_BATCH, celery_options, dead_queue, declare, uses_amqp

LEADERS = """
SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'nexus-relay-cutter' AND a.datname = current_database()
"""


def cast(ballot: Ballot, count: int, *, choice: int = 0) -> None:
    with connected("voter") as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[choice], count)


def shown(ballot: Ballot) -> ResultsDocument:
    """What readers get from Redis."""
    raw = sync_redis().get(results_key(1, ballot.poll_id))
    assert isinstance(raw, bytes)
    return ResultsDocument.decode(raw[20:])


def dead_letters(settings: Settings) -> int:
    if not uses_amqp():
        return 0
    with BrokerConnection(settings.BROKER_URL) as connection, connection.channel() as channel:
        count: int = dead_queue()(channel).queue_declare(passive=True).message_count
        return count


def test_votes_go_all_the_way_and_a_closed_poll_becomes_final(ballot: Ballot, tmp_path: Path, settings: Settings) -> None:
    with running(RELAY, tmp_path) as relay, running(WORKER, tmp_path) as worker:
        cast(ballot, 7)
        wait_until(lambda: shown(ballot).ballots == 7)
        cast(ballot, 3, choice=2)
        wait_until(lambda: [choice.votes for choice in shown(ballot).questions[0].choices] == [7, 0, 3])
        poll = Poll.objects.get(pk=ballot.poll_id)
        close_poll(poll_id=poll.pk, actor=poll.owner)
        wait_until(lambda: shown(ballot).final)
        assert results_of(ballot.poll_id) == shown(ballot)
        assert dead_letters(settings) == 0
        relay.signal(signal.SIGTERM)
        worker.signal(signal.SIGTERM)
        assert relay.exit_code() == 0
        assert worker.exit_code() == 0


def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_goes_on(ballot: Ballot, tmp_path: Path, settings: Settings, rabbitmq: None) -> None:
    with running(RELAY, tmp_path), running(WORKER, tmp_path):
        cast(ballot, 1)
        wait_until(lambda: shown(ballot).ballots == 1)
        sender = Celery("nexus-test", set_as_current=False)
        sender.conf.update(celery_options())
        sender.send_task(APPLY_BATCH, kwargs={"batch_id": "x", "epoch": 1, "format": 99})
        wait_until(lambda: dead_letters(settings) == 1)
        cast(ballot, 1)
        wait_until(lambda: shown(ballot).ballots == 2)


@pytest.mark.parametrize("body", [b"[]", b'{"a": 1}', b"\xff nonsense", b""], ids=["too short", "no list", "no text", "empty"])
def test_a_message_that_celery_itself_cannot_read_does_not_end_the_worker(
    body: bytes, ballot: Ballot, tmp_path: Path, settings: Settings, rabbitmq: None
) -> None:
    with running(WORKER, tmp_path) as worker, BrokerConnection(settings.BROKER_URL) as broker, broker.channel() as channel:
        declare(broker)
        headers = {"lang": "py", "task": APPLY_BATCH, "id": "1", "root_id": "1", "parent_id": None, "group": None}
        Producer(channel).publish(
            body, exchange=settings.QUEUE_PREFIX, routing_key="batches", headers=headers, content_type="application/json", content_encoding="utf-8"
        )
        wait_until(lambda: dead_letters(settings) == 1)
        assert not worker.ended
        with running(RELAY, tmp_path):
            cast(ballot, 1)
            wait_until(lambda: shown(ballot).ballots == 1)


def test_a_worker_killed_in_the_middle_of_its_transaction_loses_nothing_and_counts_nothing_twice(ballot: Ballot, tmp_path: Path) -> None:
    with running(RELAY, tmp_path):
        cast(ballot, 5)
        wait_until(lambda: select("SELECT 1 FROM vote_batches WHERE published_at IS NOT NULL"))
        with open_transaction("blocker") as blocker:
            with blocker.cursor() as cursor:
                cursor.execute("SELECT 1 FROM question_tallies WHERE poll_id = %s FOR UPDATE", (ballot.poll_id,))
            with running(WORKER, tmp_path) as worker:
                wait_until(lambda: select("SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", blocker.get_backend_pid()))
                worker.signal(signal.SIGKILL)
                worker.exit_code()
        assert votes_of(ballot.poll_id) == [0, 0, 0]
        with running(WORKER, tmp_path):
            wait_until(lambda: shown(ballot).ballots == 5)
    assert select("SELECT count(*) FROM vote_batches WHERE applied_at IS NULL") == [(0,)]
    assert votes_of(ballot.poll_id) == [5, 0, 0]


def test_with_postgresql_away_from_the_worker_nothing_is_dead_lettered(ballot: Ballot, tmp_path: Path, settings: Settings) -> None:
    with proxy_to(database_address()) as proxy, running(RELAY, tmp_path), running(WORKER, tmp_path, dsn=database_dsn(port=proxy.port)) as worker:
        cast(ballot, 1)
        wait_until(lambda: shown(ballot).ballots == 1)
        proxy.refuse()
        for _ in range(5):
            before = select("SELECT count(*) FROM vote_batches WHERE published_at IS NOT NULL")[0][0]
            cast(ballot, 2)
            wait_until(lambda before=before: select("SELECT count(*) FROM vote_batches WHERE published_at IS NOT NULL")[0][0] > before)
        wait_until(lambda: "PostgreSQL failed a task" in worker.said)
        assert results_of(ballot.poll_id).ballots == 1
        proxy.accept()
        wait_until(lambda: shown(ballot).ballots == 11)
        assert dead_letters(settings) == 0
        assert not worker.ended


def test_the_relay_sits_out_an_outage_of_postgresql_and_says_so_once(ballot: Ballot, tmp_path: Path) -> None:
    with proxy_to(database_address()) as proxy, running(RELAY, tmp_path, dsn=database_dsn(port=proxy.port)) as relay, running(WORKER, tmp_path):
        cast(ballot, 1)
        wait_until(lambda: shown(ballot).ballots == 1)
        proxy.refuse()
        cast(ballot, 1)
        wait_until(lambda: "PostgreSQL fails the relay" in relay.said)
        proxy.accept()
        wait_until(lambda: shown(ballot).ballots == 2)
        wait_until(lambda: "PostgreSQL serves the relay again" in relay.said)
        assert relay.said.count("PostgreSQL fails the relay") == 1
        assert not relay.ended


def test_a_standby_takes_over_from_a_leader_that_is_paused_and_the_two_do_no_harm(ballot: Ballot, tmp_path: Path) -> None:
    with running(RELAY, tmp_path) as first, running(WORKER, tmp_path):
        wait_until(lambda: select(LEADERS))
        with running(RELAY, tmp_path) as second:
            cast(ballot, 3)
            wait_until(lambda: shown(ballot).ballots == 3)
            assert "this relay leads" not in second.said
            first.signal(signal.SIGSTOP)
            cast(ballot, 4)
            wait_until(lambda: shown(ballot).ballots == 7)
            assert "this relay leads" in second.said
            first.signal(signal.SIGCONT)
            cast(ballot, 2)
            wait_until(lambda: shown(ballot).ballots == 9)
            assert len(select(LEADERS)) == 1
            assert select("SELECT sum(votes) FROM vote_batches") == [(9,)]


def test_the_relay_refuses_a_server_whose_log_it_does_not_know(ballot: Ballot, tmp_path: Path) -> None:
    run("UPDATE log_epoch SET system_identifier = 7")
    with running(RELAY, tmp_path) as relay:
        assert relay.exit_code() == 1
        assert "manage.py new_epoch" in relay.said
        assert "Traceback" not in relay.said
