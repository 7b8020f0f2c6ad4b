"""What the committer makes of broken connections, bad rows, locked polls and clients that leave."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import psycopg2
import pytest
from asgiref.sync import sync_to_async

from commands import vote_log
from commands.ballots import CAST, Fate, LogRequest
from commands.casting import Receipt, cast_vote
from commands.engine import Engine, start_engine, stop_engine
from commands.handlers import close_poll
from commands.models import Poll
from core.accounts.models import User
from core.credentials import Credentials
from core.errors import NexusError, PollNotOpen
from core.postgres import connect
from tests.factories import ballot, choice_ids, make_poll
from tests.tcp_proxy import TcpProxy
from tests.waiting import until

make_poll_ = sync_to_async(make_poll)
ballot_ = sync_to_async(ballot)


def voter() -> Credentials:
    return Credentials(user_id=uuid.uuid4())


@sync_to_async
def owner_of(poll: Poll) -> User:
    return poll.owner


def request_for(poll: Poll, choice: str, **changes: Any) -> LogRequest:
    receipt = uuid.uuid4()
    fields: dict[str, Any] = {
        "op": CAST,
        "poll_id": poll.id,
        "voter_key": uuid.uuid4(),
        "choices": "{" + choice + "}",
        "rules_version": 1,
        "receipt": receipt,
        "request_key": receipt,
        "request_digest": receipt,
    }
    return LogRequest(**(fields | changes))


async def test_one_bad_vote_among_fifty_fails_alone(engine: Engine, sql: Any) -> None:
    poll = await make_poll_()
    choice = (await sync_to_async(choice_ids)(poll))[0]
    requests = [request_for(poll, choice) for _ in range(50)]
    requests[23] = request_for(poll, "no-uuid-at-all")
    done = await asyncio.gather(*(engine.committer.batcher.ask(request) for request in requests), return_exceptions=True)
    assert [index for index, one in enumerate(done) if isinstance(one, BaseException)] == [23]
    assert sql("SELECT count(*) FROM votes") == [(49,)]


async def test_a_commit_whose_answer_is_lost_is_found_again_and_counted_once(postgres_proxy: TcpProxy, sql: Any) -> None:
    engine = start_engine()
    try:
        poll = await make_poll_(voters="account")
        body = await ballot_(poll)
        await cast_vote(poll.id, body, voter())
        postgres_proxy.lose_next_answer()
        receipts = await asyncio.gather(*(cast_vote(poll.id, body, voter()) for _ in range(20)))
    finally:
        await stop_engine()
    assert postgres_proxy.lost_answers == 1
    assert {row[0] for row in sql("SELECT receipt FROM votes")} >= {receipt.id for receipt in receipts}
    assert sql("SELECT count(*) FROM votes") == [(21,)]
    assert engine.committer.trouble() is not None  # stopped


async def test_a_server_that_ends_all_connections_without_a_word_is_asked_again(engine: Engine, sql: Any) -> None:
    """As after a crash of another backend: libpq then reports an error without a code on a connection that looks open."""
    poll = await make_poll_(voters="account")
    body = await ballot_(poll)
    await cast_vote(poll.id, body, voter())
    real, failures = engine.committer._write, 1

    def crash_once(votes: Any) -> None:
        nonlocal failures
        real(votes)
        if failures:
            failures -= 1
            for vote in votes:
                vote.answer = None
            raise psycopg2.DatabaseError("server closed the connection unexpectedly")

    engine.committer._write = crash_once  # type: ignore[method-assign]
    receipt = await cast_vote(poll.id, body, voter())
    assert failures == 0
    assert sql("SELECT count(*), count(*) FILTER (WHERE receipt = %s) FROM votes", (receipt.id,)) == [(2, 1)]


async def test_readiness_says_when_votes_cannot_be_written_and_when_they_can_again(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="account")
    body = await ballot_(poll)
    await cast_vote(poll.id, body, voter())
    assert engine.committer.trouble() is None
    sql("ALTER TABLE votes RENAME TO votes_away")
    try:
        with pytest.raises(psycopg2.Error):
            await cast_vote(poll.id, body, voter())
    finally:
        sql("ALTER TABLE votes_away RENAME TO votes")
    holder = connect("direct", application_name="nexus-tests")
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE votes IN SHARE MODE")
    with pytest.raises(NexusError):
        await cast_vote(poll.id, body, voter())
    assert engine.committer.trouble() is not None
    holder.rollback()
    holder.close()
    await cast_vote(poll.id, body, voter())
    assert engine.committer.trouble() is None


async def test_an_idle_committer_makes_its_connection_anew_before_a_vote_needs_it(engine: Engine, sql: Any) -> None:
    mine = "SELECT pid FROM pg_stat_activity WHERE application_name = 'nexus-committer' AND datname = current_database()"
    first = await until(lambda: sql(mine))
    sql("SELECT pg_terminate_backend(%s)", (first[0][0],))
    assert await until(lambda: [row for row in sql(mine) if row not in first])
    await until(lambda: engine.committer.trouble() is None)


async def test_while_postgresql_is_away_votes_get_503_and_a_retry_is_counted_once(postgres_proxy: TcpProxy, sql: Any, settings: Any) -> None:
    settings.VOTE_DEADLINE_SECONDS = 0.5
    start_engine()
    try:
        poll = await make_poll_(voters="account")
        body, one = await ballot_(poll), voter()
        await cast_vote(poll.id, body, voter())
        postgres_proxy.refuse()
        with pytest.raises(NexusError) as refusal:
            await cast_vote(poll.id, body, one, idempotency_key="retry-me")
        assert (refusal.value.status, refusal.value.retry_after is not None) == (503, True)
        postgres_proxy.accept()
        receipt = await until(lambda: _vote_or_none(poll, body, one))
    finally:
        await stop_engine()
    assert receipt.id in {row[0] for row in sql("SELECT receipt FROM votes")}
    assert sql("SELECT count(*) FROM votes") == [(2,)]


async def _vote_or_none(poll: Poll, body: dict[str, Any], credentials: Credentials) -> Receipt | None:
    try:
        return await cast_vote(poll.id, body, credentials, idempotency_key="retry-me")
    except NexusError as error:
        assert error.status == 503
        return None


async def test_a_client_that_leaves_while_its_group_commits_leaves_its_neighbours_answered(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="account")
    body = await ballot_(poll)
    await cast_vote(poll.id, body, voter())
    holder = connect("direct", application_name="nexus-tests")
    holder.autocommit = False
    with holder.cursor() as cursor:  # holds the group between its statement and its end
        cursor.execute("LOCK TABLE votes IN SHARE MODE")
    tasks = [asyncio.create_task(cast_vote(poll.id, body, voter())) for _ in range(5)]
    await until(
        lambda: bool(
            sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'nexus-committer' AND wait_event_type = 'Lock' AND datname = current_database()")
        )
    )
    tasks[2].cancel()
    holder.rollback()
    holder.close()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in done if not isinstance(one, Receipt)] == [asyncio.CancelledError]
    assert engine.committer.trouble() is None


async def test_a_close_that_is_first_refuses_the_vote_and_a_vote_that_is_first_counts_before_the_close(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="account")
    body = await ballot_(poll)
    await cast_vote(poll.id, body, voter())  # the rules are in memory, and say open
    closer = connect("direct", application_name="nexus-tests")
    closer.autocommit = False
    with closer.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", (str(poll.id),))
        cursor.execute("SELECT 1 FROM polls WHERE id = %s FOR UPDATE", (poll.id,))
        racing = asyncio.create_task(cast_vote(poll.id, body, voter()))
        await until(lambda: bool(sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")))
        cursor.execute(
            "UPDATE polls SET sealed_at = clock_timestamp(), barrier_epoch = 1, barrier_xid = pg_snapshot_xmax(pg_current_snapshot()) WHERE id = %s", (poll.id,)
        )
    closer.commit()
    closer.close()
    with pytest.raises(PollNotOpen):
        await racing
    assert sql(
        "SELECT count(*) FILTER (WHERE v.cast_at < p.sealed_at), count(*) FILTER (WHERE v.xid >= p.barrier_xid) FROM votes v JOIN polls p ON p.id = v.poll_id"
    ) == [(1, 0)]


async def test_a_vote_that_holds_the_poll_makes_the_close_wait_and_is_before_its_barrier(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="account")
    choice = (await sync_to_async(choice_ids)(poll))[0]
    late = connect("direct", application_name="nexus-tests")
    late.autocommit = False
    with late.cursor() as cursor:
        vote_log.prepare(late)
        written = vote_log.append_votes(cursor, [request_for(poll, choice)])
        assert len(written) == 1
        closing = asyncio.create_task(sync_to_async(close_poll, thread_sensitive=False)(poll_id=poll.id, actor=await owner_of(poll)))
        await until(lambda: closing.done() or bool(sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")))
        assert not closing.done(), closing.exception()
    late.commit()
    late.close()
    await closing
    assert sql("SELECT bool_and(v.xid < p.barrier_xid), bool_and(v.cast_at < p.sealed_at) FROM votes v JOIN polls p ON p.id = v.poll_id") == [(True, True)]


async def test_a_close_under_steady_votes_goes_through_and_no_vote_lies_behind_its_barrier(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="account")
    body = await ballot_(poll)
    accepted: list[Receipt] = []

    async def keep_voting() -> None:
        while True:
            try:
                accepted.append(await cast_vote(poll.id, body, voter()))
            except PollNotOpen:
                return

    voters = [asyncio.create_task(keep_voting()) for _ in range(30)]
    await until(lambda: len(accepted) > 100)
    await sync_to_async(close_poll, thread_sensitive=False)(poll_id=poll.id, actor=await owner_of(poll))
    await asyncio.wait_for(asyncio.gather(*voters), 20)
    assert sql("SELECT count(*), count(*) FILTER (WHERE v.xid >= p.barrier_xid) FROM votes v JOIN polls p ON p.id = v.poll_id") == [(len(accepted), 0)]


async def test_overlapping_groups_of_two_committers_do_not_deadlock_and_agree_on_one_ballot_per_voter(engine: Engine, sql: Any) -> None:
    """Two connections append the same voters of the same polls in opposite orders; unsorted rows deadlock here within seconds."""
    polls = [await make_poll_(voters="account") for _ in range(3)]
    choices = {poll.id: (await sync_to_async(choice_ids)(poll))[0] for poll in polls}
    voters = [uuid.uuid4() for _ in range(40)]
    other = type(engine.committer)()
    other.batcher.start()
    before = sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    try:
        for _ in range(15):
            round_ = [(poll, key) for poll in polls for key in voters]
            asked = [
                one.batcher.ask(request_for(poll, choices[poll.id], voter_key=key))
                for one, order in ((engine.committer, round_), (other, round_[::-1]))
                for poll, key in order
            ]
            done = await asyncio.gather(*asked)
            assert {outcome.fate for outcome in done} <= {Fate.WRITTEN, Fate.DUPLICATE}
            voters = [uuid.uuid4() for _ in range(40)]
    finally:
        await other.batcher.stop()
    assert sql("SELECT count(*) = count(DISTINCT (poll_id, voter_key)), count(*) FROM votes") == [(True, 15 * 3 * 40)]
    await until(lambda: sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == before)


async def test_the_log_refuses_update_delete_and_truncate(engine: Engine, sql: Any) -> None:
    poll = await make_poll_()
    await cast_vote(poll.id, await ballot_(poll), Credentials(address="192.0.2.1"))
    for statement in ("UPDATE votes SET revision = 2", "DELETE FROM votes", "TRUNCATE votes", "TRUNCATE votes_03"):
        with pytest.raises(psycopg2.Error, match="append-only"):
            sql(statement)
    assert sql("SELECT count(*) FROM votes") == [(1,)]
