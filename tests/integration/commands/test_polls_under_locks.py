"""Polls change under their locks: what votes in flight, other servers and failing parts mean to that."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, connections

from commands.handlers import close_poll, create_poll, delete_poll, edit_poll, publish_poll, seal_poll
from commands.models import LogEpoch, Poll
from core.errors import NotFound, PollHasVotes, Unavailable
from core.events import PollEvent
from core.ports import ports
from core.postgres import connect
from projections.models import PollCard
from tests.factories import make_poll
from tests.waiting import wait_until


class Flight:
    """A vote whose transaction is still open, with the locks that the committer's statement takes."""

    def __init__(self, poll: Poll) -> None:
        self._connection = connect("direct", application_name="nexus-test-flight")
        self._connection.autocommit = False
        choice = poll.questions.all()[0].choices.all()[0].pk
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s::uuid::text, 7))", [poll.pk])
            cursor.execute("SELECT FROM polls WHERE id = %s FOR SHARE", [poll.pk])
            cursor.execute(
                "INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)"
                " VALUES (1, %s, %s, 1, ARRAY[%s], %s, %s, %s, clock_timestamp()) RETURNING xid::text::bigint",
                [poll.pk, uuid.uuid4(), choice, uuid.uuid4(), uuid.uuid4(), uuid.uuid4()],
            )
            (self.xid,) = cursor.fetchone() or (0,)

    def land(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[Any]]]:
    """Runs a function in another thread, with connections of its own."""

    def run(function: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return function(**arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        yield lambda function, **arguments: threads.submit(run, function, **arguments)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()")
        return bool(cursor.fetchone()[0])


def test_a_close_waits_for_votes_in_flight_and_its_barrier_lies_behind_them(committed_db: None, aside: Callable[..., Future[Any]]) -> None:
    poll = make_poll()
    with closing(Flight(poll)) as flight:
        closing_ = aside(close_poll, poll_id=poll.pk, actor=poll.owner)
        wait_until(somebody_waits)
        assert not closing_.done()
        flight.land()
        facts = closing_.result(10)
    assert int(facts.barrier.xid) > flight.xid


@pytest.mark.parametrize("change", [delete_poll, edit_poll])
def test_a_change_sees_the_vote_that_it_waited_for(committed_db: None, aside: Callable[..., Future[Any]], change: Callable[..., Any]) -> None:
    poll = make_poll()
    body = {"body": {"changeable": True}} if change is edit_poll else {}
    with closing(Flight(poll)) as flight:
        changing = aside(change, poll_id=poll.pk, actor=poll.owner, **body)
        wait_until(somebody_waits)
        flight.land()
        with pytest.raises(PollHasVotes):
            changing.result(10)


def test_a_poll_that_stays_busy_is_unavailable_instead_of_waiting_for_ever(committed_db: None) -> None:
    poll = make_poll()
    with closing(Flight(poll)), patch("commands.poll_locks._LONGEST_WAIT", "100ms"):
        for attempt in (
            lambda: close_poll(poll_id=poll.pk, actor=poll.owner),
            lambda: publish_poll(poll_id=poll.pk, actor=poll.owner),
            lambda: edit_poll(poll_id=poll.pk, actor=poll.owner, body={"title": "x"}),
            lambda: delete_poll(poll_id=poll.pk, actor=poll.owner),
        ):
            with pytest.raises(Unavailable):
                attempt()
    assert close_poll(poll_id=poll.pk, actor=poll.owner).sealed_at is not None


def test_of_racing_closes_one_seals(committed_db: None, aside: Callable[..., Future[Any]]) -> None:
    poll = make_poll()
    facts = [future.result(20) for future in [aside(close_poll, poll_id=poll.pk, actor=poll.owner) for _ in range(4)]]
    assert len({(each.sealed_at, each.barrier) for each in facts}) == 1


def test_a_server_that_does_not_hold_the_log_closes_nothing(committed_db: None) -> None:
    poll = make_poll()
    LogEpoch.objects.update(system_identifier=1)
    with pytest.raises(Unavailable):
        close_poll(poll_id=poll.pk, actor=poll.owner)
    poll.refresh_from_db()
    assert poll.sealed_at is None


def test_the_epoch_of_a_barrier_is_the_logs_own(committed_db: None) -> None:
    poll = make_poll()
    LogEpoch.objects.update(epoch=3)
    facts = close_poll(poll_id=poll.pk, actor=poll.owner)
    assert facts.barrier is not None
    assert facts.barrier.epoch == 3


@pytest.mark.usefixtures("committed_db")
class TestSealing:
    def test_seals_what_is_over_and_only_once(self) -> None:
        poll = make_poll(closes_at=datetime.now(UTC) - timedelta(seconds=1))
        assert seal_poll(poll_id=poll.pk) is True
        card = PollCard.objects.get(poll_id=poll.pk)
        assert card.sealed_at is not None
        assert seal_poll(poll_id=poll.pk) is False
        assert PollCard.objects.get(poll_id=poll.pk).barrier_xid == card.barrier_xid

    def test_leaves_everything_else(self) -> None:
        soon, past = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(minutes=1)
        for poll in (make_poll(), make_poll(closes_at=soon), make_poll(closes_at=past, draft=True)):
            assert seal_poll(poll_id=poll.pk) is False
            poll.refresh_from_db()
            assert poll.sealed_at is None
        assert seal_poll(poll_id=uuid.uuid4()) is False


def test_a_subscriber_that_fails_undoes_the_change(committed_db: None) -> None:
    poll = make_poll()

    def fail(event: PollEvent) -> None:
        raise ZeroDivisionError(event)

    body = {"title": "T", "questions": [{"text": "Q", "choices": [{"text": "A"}, {"text": "B"}]}]}
    with patch.object(ports, "_poll_subscribers", [fail]):
        for attempt in (
            lambda: create_poll(owner=poll.owner, body=body),
            lambda: close_poll(poll_id=poll.pk, actor=poll.owner),
            lambda: delete_poll(poll_id=poll.pk, actor=poll.owner),
        ):
            with pytest.raises(ZeroDivisionError):
                attempt()
    assert list(Poll.objects.values_list("pk", "sealed_at")) == [(poll.pk, None)]


def test_what_does_not_exist_is_not_found(committed_db: None) -> None:
    owner = make_poll().owner
    for change in (close_poll, publish_poll, delete_poll):
        with pytest.raises(NotFound):
            change(poll_id=uuid.uuid4(), actor=owner)
