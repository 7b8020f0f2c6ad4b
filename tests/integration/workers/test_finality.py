"""`final` is said once everything from before the barrier is counted, and never before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg2
import pytest
from django.db import connections

from commands.handlers import close_poll, seal_poll
from commands.models import Poll
from core.redis import sync_redis
from projections.document import ResultsDocument
from projections.results_store import results_key
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, results_of, votes_of
from tests.vote_rows import connected, open_transaction, run, select, write_votes
from tests.waiting import wait_until
from workers.cutting import Cutter
from workers.finality import finish_polls
from workers.sealing import seal_due_polls

Link = psycopg2.extensions.connection


@pytest.fixture
def link(committed_db: None) -> Iterator[Link]:
    with connected("housekeeper") as connection:
        yield connection


def close(ballot: Ballot) -> None:
    poll = Poll.objects.get(pk=ballot.poll_id)
    close_poll(poll_id=poll.pk, actor=poll.owner)


def drained() -> bool:
    """Whether the barrier of every sealed poll is behind the cursor."""
    return bool(
        select(
            """SELECT bool_and((r.drained_epoch, r.drained_xid) >= (c.barrier_epoch, c.barrier_xid))
               FROM poll_cards c, relay_cursor r WHERE c.sealed_at IS NOT NULL"""
        )[0][0]
    )


def drain(cutter: Cutter) -> None:
    """Cuts as long as the look says it is worth it, which is how the relay decides."""

    def cut_while_worth_it() -> bool:
        if cutter.look().worth_a_cut:
            cutter.cut()
        return drained()

    wait_until(cut_while_worth_it)


def test_an_idle_poll_that_is_closed_becomes_final_by_an_empty_cut(ballot: Ballot, cutter: Cutter, link: Link) -> None:
    close(ballot)
    assert finish_polls(link) == [], "nothing has been cut since the close"
    before = results_of(ballot.poll_id)
    drain(cutter)
    assert finish_polls(link) == [ballot.poll_id]
    after = results_of(ballot.poll_id)
    assert after.final
    assert after.version == before.version + 1
    assert after.as_of > before.as_of
    raw = sync_redis().get(results_key(1, ballot.poll_id))
    assert isinstance(raw, bytes)
    assert ResultsDocument.decode(raw[20:]) == after, "and readers are told"
    assert finish_polls(link) == []


def test_a_poll_with_a_batch_not_counted_is_not_final(ballot: Ballot, cutter: Cutter, link: Link) -> None:
    write_votes(link, ballot.poll_id, ballot.choices[0], 3)
    (cut,) = cut_all(cutter, 3)
    close(ballot)
    drain(cutter)
    assert finish_polls(link) == []
    assert cut.batch_id is not None
    apply_batch(cut.batch_id)
    assert finish_polls(link) == [ballot.poll_id]
    assert votes_of(ballot.poll_id) == [3, 0, 0]


def test_at_a_full_limit_a_poll_with_votes_still_to_be_cut_is_not_final(ballot: Ballot, link: Link) -> None:
    for _ in range(3):
        write_votes(link, ballot.poll_id, ballot.choices[0], 4)
    close(ballot)
    short = Cutter(link, limit=5)
    counted = 0
    while counted < 12:
        cut = short.cut()
        counted += cut.votes
        if cut.batch_id is not None:
            apply_batch(cut.batch_id)
        assert not (finish_polls(link) and counted < 12), "said final with votes still in the log"
    drain(short)
    wait_until(lambda: results_of(ballot.poll_id).final or finish_polls(link))
    assert votes_of(ballot.poll_id) == [12, 0, 0]


def test_a_transaction_that_began_before_the_close_keeps_the_poll_from_being_final(ballot: Ballot, cutter: Cutter, link: Link) -> None:
    with open_transaction("slow") as slow:
        run("SELECT pg_current_xact_id()")  # others begin and end meanwhile
        close(ballot)
        for _ in range(3):
            cutter.look()
            cutter.cut()
            assert not drained()
            assert finish_polls(link) == []
        slow.commit()
    drain(cutter)
    assert finish_polls(link) == [ballot.poll_id]


def test_batches_after_the_barrier_do_not_hold_a_poll_up(make_ballot: Callable[..., Ballot], cutter: Cutter, link: Link) -> None:
    ended, running = make_ballot(), make_ballot()
    write_votes(link, running.poll_id, running.choices[0], 1)
    (before,) = cut_all(cutter, 1)
    assert before.batch_id is not None
    apply_batch(before.batch_id)
    close(ended)
    drain(cutter)
    for _ in range(2):
        write_votes(link, running.poll_id, running.choices[0], 1)
        cut_all(cutter, 1)
    # The first batch after the close begins at the last vote before it, so it is counted among those that matter; the second is not.
    first = select("SELECT id FROM vote_batches WHERE applied_at IS NULL ORDER BY seq")[0][0]
    apply_batch(first)
    assert finish_polls(link) == [ended.poll_id]


def test_a_poll_whose_time_is_over_is_sealed_and_then_final(make_ballot: Callable[..., Ballot], cutter: Cutter, link: Link) -> None:
    over, running = make_ballot(closes_at=datetime.now(UTC) + timedelta(milliseconds=20)), make_ballot(closes_at=datetime.now(UTC) + timedelta(hours=1))
    wait_until(lambda: seal_due_polls(link))
    assert select("SELECT id FROM polls WHERE sealed_at IS NOT NULL") == [(over.poll_id,)]
    assert seal_due_polls(link) == 0
    assert not seal_poll(poll_id=running.poll_id)
    drain(cutter)
    assert finish_polls(link) == [over.poll_id]


def test_an_earlier_epoch_never_reaches_a_barrier_of_a_later_one(ballot: Ballot, cutter: Cutter, link: Link) -> None:
    close(ballot)
    run("UPDATE poll_cards SET barrier_epoch = 2, barrier_xid = '0'")
    cutter.cut()
    assert finish_polls(link) == []
    run("UPDATE log_epoch SET epoch = 2")
    cutter.cut()
    assert finish_polls(link) == [ballot.poll_id]


def vote_until(over: threading.Event, ballots: Sequence[Ballot]) -> None:
    """As the committer does: the poll's lock shared, then its row, then the votes."""
    with connected("voter") as connection:
        while not over.is_set():
            for ballot in ballots:
                with connection, connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s::text, 7))", (ballot.poll_id,))
                    cursor.execute("SELECT 1 FROM polls WHERE id = %s AND sealed_at IS NULL FOR SHARE", (ballot.poll_id,))
                    if cursor.fetchone() is not None:
                        write_votes(connection, ballot.poll_id, ballot.choices[0], 2)


def cut_until(over: threading.Event) -> None:
    with connected("cutter") as connection:
        cutter = Cutter(connection, limit=7)
        while not over.is_set():
            if cutter.look().worth_a_cut:
                cutter.cut()


def count_until(over: threading.Event) -> None:
    try:
        while not over.is_set():
            for (batch_id,) in select("SELECT id FROM vote_batches WHERE applied_at IS NULL ORDER BY random() LIMIT 5"):
                apply_batch(batch_id)
    finally:
        connections.close_all()


def test_final_is_never_early_under_votes_and_closes(make_ballot: Callable[..., Ballot], link: Link) -> None:
    """Whoever sees `final` must see every vote that the log will ever have of the poll."""
    ballots = [make_ballot() for _ in range(12)]
    over = threading.Event()
    at_final: dict[UUID, int] = {}
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(vote_until, over, ballots) for _ in range(2)] + [pool.submit(cut_until, over)] + [pool.submit(count_until, over) for _ in range(2)]
        try:
            for ballot in ballots:
                wait_until(lambda ballot=ballot: results_of(ballot.poll_id).ballots > 4)
                close(ballot)

            def all_final() -> bool:
                at_final.update((poll_id, results_of(poll_id).ballots) for poll_id in finish_polls(link))
                return len(at_final) == len(ballots)

            wait_until(all_final, seconds=60)
        finally:
            over.set()
        for job in jobs:
            job.result()
    for ballot in ballots:
        assert select("SELECT count(*) FROM votes WHERE poll_id = %s", ballot.poll_id) == [(at_final[ballot.poll_id],)]
