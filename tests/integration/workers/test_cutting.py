"""The relay's cut: in commit order, each vote once, whoever cuts and however often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.counting import Ballot, cut_all
from tests.vote_rows import connected, open_transaction, run, select, write_vote, write_votes
from tests.waiting import wait_until
from workers.cutting import Cutter


def payload_of(batch_id: object) -> list[list[Any]]:
    return select("SELECT payload FROM vote_batches WHERE id = %s", batch_id)[0][0]


def test_two_transactions_that_commit_out_of_order_lose_nothing(ballot: Ballot, cutter: Cutter) -> None:
    with open_transaction("slow") as slow:
        write_vote(slow, ballot.poll_id, [ballot.choices[0]])  # the lower id and xid
        with connected("quick") as quick:
            write_vote(quick, ballot.poll_id, [ballot.choices[1]])  # committed first
        assert cutter.cut().votes == 0, "the committed vote waits for the older transaction, or the cursor would pass it"
        slow.commit()
    cut_all(cutter, 2)
    assert select("SELECT sum(votes) FROM vote_batches") == [(2,)]
    assert cutter.cut().votes == 0


def test_a_rolled_back_transaction_holds_nothing_up(ballot: Ballot, cutter: Cutter) -> None:
    with open_transaction() as undone:
        write_vote(undone, ballot.poll_id, [ballot.choices[0]])
        undone.rollback()
    with connected() as connection:
        write_vote(connection, ballot.poll_id, [ballot.choices[1]])
    (cut,) = cut_all(cutter, 1)
    assert [row[1] for row in payload_of(cut.batch_id)] == [[ballot.choices[1]]]


def test_the_payload_is_a_multiset_and_a_superseded_ballot_counts_in_its_own_minute(ballot: Ballot, cutter: Cutter) -> None:
    a, b, _ = ballot.choices
    early, late = datetime(2026, 3, 1, 12, 0, 59, 900_000, UTC), datetime(2026, 3, 1, 12, 7, tzinfo=UTC)
    with connected() as connection:
        changed = write_vote(connection, ballot.poll_id, [a], at=early)
        write_vote(connection, ballot.poll_id, [a], at=early)
        write_vote(connection, ballot.poll_id, [], at=early)
        (first,) = cut_all(cutter, 3)
        write_vote(connection, ballot.poll_id, [b], voter=changed, at=late)
    (second,) = cut_all(cutter, 1)
    minute_early, minute_late = (int(moment.replace(second=0, microsecond=0).timestamp()) for moment in (early, late))
    poll = str(ballot.poll_id)
    assert sorted(payload_of(first.batch_id)) == [[poll, [], minute_early, 1], [poll, [a], minute_early, 2]]
    assert sorted(payload_of(second.batch_id), key=lambda row: row[3]) == [[poll, [a], minute_early, -1], [poll, [b], minute_late, 1]]


def test_a_batch_whose_votes_cancel_out_is_still_a_batch(ballot: Ballot, cutter: Cutter) -> None:
    now = datetime.now(UTC)
    with connected() as connection:
        voter = write_vote(connection, ballot.poll_id, [ballot.choices[0]], at=now)
        write_vote(connection, ballot.poll_id, None, voter=voter, at=now)
    (cut,) = cut_all(cutter, 2)
    assert payload_of(cut.batch_id) == []
    assert select("SELECT votes, seq FROM vote_batches") == [(2, 1)]


def test_two_relays_cutting_at_once_cut_every_vote_once(ballot: Ballot) -> None:
    votes, stop = 2000, threading.Event()

    def write() -> None:
        with connected("writer") as connection:
            for _ in range(votes // 50):
                write_votes(connection, ballot.poll_id, ballot.choices[0], 50)

    def cut() -> int:
        taken = 0
        with connected("cutter") as connection:
            cutter = Cutter(connection, limit=70)
            while not stop.is_set():
                cutter.look()
                taken += cutter.cut().votes
        return taken

    with ThreadPoolExecutor() as pool:
        cutters = [pool.submit(cut) for _ in range(2)]
        write_all = pool.submit(write)
        try:
            write_all.result()
            wait_until(lambda: select("SELECT sum(votes) FROM vote_batches")[0][0] == votes)
        finally:
            stop.set()
        assert sum(future.result() for future in cutters) == votes
    assert select("SELECT sum(votes), max(seq) = count(*) FROM vote_batches") == [(votes, True)]
    counted = select("SELECT sum((row ->> 3)::int) FROM vote_batches, jsonb_array_elements(payload) AS row")
    assert counted == [(votes,)]
    chain = select(
        """SELECT count(*) FROM vote_batches b JOIN vote_batches a ON a.seq = b.seq - 1
           WHERE (a.end_epoch, a.end_xid, a.end_id) = (b.start_epoch, b.start_xid, b.start_id)"""
    )
    assert chain == select("SELECT count(*) - 1 FROM vote_batches")


def test_a_cut_that_dies_before_it_commits_has_not_happened(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 10)
    with connected("dying") as dying:
        dying.autocommit = False
        with dying.cursor() as cursor:
            cursor.execute("SELECT seq FROM relay_cursor FOR UPDATE")
            pid = dying.get_backend_pid()
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(cutter.cut)
            wait_until(lambda: select("SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", pid))
            run("SELECT pg_terminate_backend(%s)", pid)
            taken = waiting.result()
    if taken.votes == 0:
        cut_all(cutter, 10)
    assert select("SELECT sum(votes) FROM vote_batches") == [(10,)]


def test_at_a_full_limit_only_what_lies_before_the_last_row_is_drained(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 5)
        write_votes(connection, ballot.poll_id, ballot.choices[0], 5)
        short = Cutter(connection, limit=7)
        wait_until(lambda: select("SELECT max(xid::text::bigint) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM votes")[0][0])
        assert short.cut().votes == 7
        last = select("SELECT xid::text FROM votes ORDER BY xid DESC LIMIT 1")
        assert select("SELECT drained_xid::text FROM relay_cursor") == last
        assert short.cut().votes == 3
        assert select("SELECT drained_xid::text::bigint > %s FROM relay_cursor", int(last[0][0])) == [(True,)]


def test_votes_of_an_earlier_epoch_come_first(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_vote(connection, ballot.poll_id, [ballot.choices[0]])
        run("UPDATE log_epoch SET epoch = 2")
        write_vote(connection, ballot.poll_id, [ballot.choices[1]])
        wait_until(lambda: select("SELECT max(xid::text::bigint) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM votes")[0][0])
        one = Cutter(connection, limit=1)
        cuts = [one.cut(), one.cut()]
        assert [payload_of(cut.batch_id)[0][1] for cut in cuts] == [[ballot.choices[0]], [ballot.choices[1]]]
        assert one.cut().votes == 0
    assert select("SELECT epoch, drained_epoch FROM relay_cursor") == [(2, 2)]


def test_looking_writes_nothing_and_takes_no_transaction_id(ballot: Ballot, cutter: Cutter) -> None:
    def own_id() -> object:
        with cutter._connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned()")
            return cursor.fetchone()[0]

    cutter._connection.autocommit = False
    sight = cutter.look()
    assert not sight.votes
    assert not sight.worth_a_cut
    assert own_id() is None
    cutter._connection.rollback()
    cutter._connection.autocommit = True
    with connected() as connection:
        write_vote(connection, ballot.poll_id, [ballot.choices[0]])
    wait_until(lambda: cutter.look().votes)


def test_as_of_never_lies_about_a_vote_that_must_still_wait(ballot: Ballot, cutter: Cutter) -> None:
    with open_transaction("slow") as slow:
        write_vote(slow, ballot.poll_id, [ballot.choices[0]])
        with connected("quick") as quick:
            (before,) = select("SELECT clock_timestamp()")[0]
            write_vote(quick, ballot.poll_id, [ballot.choices[1]])
        for _ in range(3):
            cutter.look()
            assert cutter.cut().votes == 0
            assert select("SELECT as_of < %s FROM relay_cursor", before) == [(True,)], "the quick vote is committed and not in"
        slow.commit()
    (committed,) = select("SELECT clock_timestamp()")[0]
    cut_all(cutter, 2)
    wait_until(lambda: (cutter.look(), cutter.cut()) and select("SELECT as_of > %s FROM relay_cursor", committed)[0][0])
    reached = select("SELECT as_of FROM relay_cursor")[0][0]
    with connected() as connection:
        Cutter(connection, limit=10).cut()  # a relay that has just begun knows no clock yet
    assert select("SELECT as_of FROM relay_cursor")[0][0] >= reached


def test_the_first_vote_of_a_batch_is_known(make_ballot: Callable[..., Ballot], cutter: Cutter) -> None:
    ballot, moment = make_ballot(), datetime.now(UTC) - timedelta(hours=1)
    with connected() as connection:
        write_vote(connection, ballot.poll_id, [], at=moment + timedelta(minutes=3), voter=uuid4())
        write_vote(connection, ballot.poll_id, [], at=moment)
    cut_all(cutter, 2)
    assert select("SELECT min(first_cast_at) FROM vote_batches") == [(moment,)]
