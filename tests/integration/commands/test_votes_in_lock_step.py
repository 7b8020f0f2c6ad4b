"""Groups of votes, closes and further groups, each stopped where the order of their locks decides what becomes of the votes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from commands import vote_log
from commands.ballots import CAST, Entry, LogRequest
from commands.casting import cast_vote
from commands.committer import Committer
from commands.engine import Engine
from commands.handlers import close_poll
from commands.models import Poll
from core.credentials import Credentials
from tests.factories import ballot, choice_ids, make_poll
from tests.vote_rows import connected, select, write_vote
from tests.waiting import until, wait_until

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_WAITS_FOR = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND %s = ANY(pg_blocking_pids(pid))"
_SOMEBODY_WAITS_FOR = "SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


def asked(poll: Poll, voter: UUID) -> LogRequest:
    receipt = uuid4()
    return LogRequest(
        op=CAST,
        poll_id=poll.pk,
        voter_key=voter,
        choices="{" + choice_ids(poll)[0] + "}",
        rules_version=1,
        receipt=receipt,
        request_key=receipt,
        request_digest=receipt,
    )


@contextmanager
def log_connection(*, autocommit: bool = True) -> Iterator[Connection]:
    """A connection that writes votes as the committer's does, but waits for ten seconds."""
    with connected("lock-step") as connection:
        vote_log.prepare(connection)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '10s'; SET deadlock_timeout = '100ms'")
        connection.autocommit = autocommit
        yield connection
        if not autocommit:
            connection.rollback()


def append(connection: Connection, requests: Sequence[LogRequest], *, first: bool = True) -> dict[UUID, Entry]:
    with connection.cursor() as cursor:
        return vote_log.append_votes(cursor, requests, first=first)


both_statements = pytest.mark.parametrize("first", [True, False], ids=["as if nobody had voted", "whoever has voted"])


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[Any]]]:
    """Runs a function in a thread of its own."""

    def run(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        yield lambda function, *arguments, **named: threads.submit(run, function, *arguments, **named)


def waits(connection: Connection, for_: Connection) -> bool:
    return bool(select(_WAITS_FOR, connection.get_backend_pid(), for_.get_backend_pid()))


def test_no_further_vote_overtakes_a_close_that_waits_for_one_in_flight(committed_db: None, aside: Callable[..., Future[Any]]) -> None:
    """Or a close would wait as long as votes keep coming."""
    poll = make_poll()
    owner = poll.owner
    with log_connection(autocommit=False) as flying, log_connection() as coming:
        assert len(append(flying, [asked(poll, uuid4())])) == 1
        closing = aside(close_poll, poll_id=poll.pk, actor=owner)
        wait_until(lambda: closing.done() or select(_SOMEBODY_WAITS_FOR, flying.get_backend_pid()))
        late = aside(append, coming, [asked(poll, uuid4())])
        pid = coming.get_backend_pid()
        wait_until(lambda: late.done() or select("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND cardinality(pg_blocking_pids(pid)) > 0", pid))
        assert not late.done(), "the vote overtook the close"
        flying.commit()
        assert closing.result(10).sealed_at is not None
        assert late.result(10) == {}, "and once the close has committed, it is refused"
    assert select("SELECT count(*) FROM votes") == [(1,)]


def test_a_vote_whose_transaction_has_no_id_yet_when_the_close_comes_lies_before_its_barrier(committed_db: None, aside: Callable[..., Future[Any]]) -> None:
    """The close waits, and only what it reads after that knows of the vote."""
    poll = make_poll()
    owner, choice = poll.owner, choice_ids(poll)[0]
    with log_connection(autocommit=False) as flying:
        with flying.cursor() as cursor:  # as far as a group's first lock
            cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s::text, 7))", (poll.pk,))
        closing = aside(close_poll, poll_id=poll.pk, actor=owner)
        wait_until(lambda: closing.done() or select(_SOMEBODY_WAITS_FOR, flying.get_backend_pid()))
        assert not closing.done()
        with flying.cursor() as cursor:
            cursor.execute("SELECT 1 FROM polls WHERE id = %s AND sealed_at IS NULL FOR SHARE", (poll.pk,))
        write_vote(flying, poll.pk, [choice])
        flying.commit()
        closing.result(10)
    assert select("SELECT v.xid < p.barrier_xid FROM votes v JOIN polls p ON p.id = v.poll_id") == [(True,)]


@both_statements
def test_groups_that_come_with_the_same_voters_in_opposite_orders_do_not_deadlock(committed_db: None, aside: Callable[..., Future[Any]], first: bool) -> None:
    """A third transaction holds the voter in the middle until both wait, so that each has written what comes first in its order."""
    poll = make_poll()
    voters = sorted(uuid4() for _ in range(3))
    with log_connection(autocommit=False) as middle, log_connection() as one, log_connection() as other:
        assert len(append(middle, [asked(poll, voters[1])], first=first)) == 1
        upwards = aside(append, one, [asked(poll, voter) for voter in voters], first=first)
        wait_until(lambda: waits(one, middle))
        downwards = aside(append, other, [asked(poll, voter) for voter in reversed(voters)], first=first)
        wait_until(lambda: waits(other, middle) or waits(other, one))
        middle.rollback()
        written = [len(upwards.result(20)), len(downwards.result(20))]
    assert sorted(written) == [0, 3]


@both_statements
def test_whoever_holds_a_ballot_casts_no_second_one(committed_db: None, first: bool) -> None:
    poll, (old, new) = make_poll(), (uuid4(), uuid4())
    with log_connection() as connection:
        assert len(append(connection, [asked(poll, old)])) == 1
        again, fresh = asked(poll, old), asked(poll, new)
        assert append(connection, [again, fresh], first=first).keys() == {fresh.receipt}
    assert select("SELECT count(*), max(revision) FROM votes") == [(2, 1)]


async def test_of_two_requests_of_one_voter_that_gathered_one_is_told_of_the_others_vote(engine: Engine) -> None:
    """They wait together while another vote of the same committer is held up; each must learn its own fate, not its voter's."""
    poll = await sync_to_async(make_poll)(voters="account", questions=[{"choices": 2}])
    bodies = [await sync_to_async(ballot)(poll, [pick]) for pick in (0, 1)]
    voter = Credentials(user_id=uuid4())
    await cast_vote(poll.id, bodies[0], Credentials(user_id=uuid4()))  # the rules are in memory, so that nothing else is waited for
    real, held = engine.committer.commit, [True]
    tasks: list[Any] = []

    def hold_the_first(group: Any) -> None:
        if held:
            held.clear()
            wait_until(lambda: engine.committer.batcher.waiting == 2)
        real(group)

    engine.committer.batcher._work = hold_the_first
    tasks.append(asyncio.create_task(cast_vote(poll.id, bodies[0], Credentials(user_id=uuid4()))))
    await until(lambda: not held)
    tasks += [asyncio.create_task(cast_vote(poll.id, body, voter)) for body in bodies]
    outcomes = [type(outcome).__name__ for outcome in await asyncio.gather(*tasks, return_exceptions=True)]
    assert sorted(outcomes[1:]) == ["DuplicateVote", "Receipt"]


def test_a_group_is_on_disk_before_it_is_answered(committed_db: None) -> None:
    """Whatever the server's own setting is."""
    committer = Committer()
    with committer._connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
    committer._connection.lost()
