"""The relay's cut, stopped between its statements while votes commit and a second relay cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import cursor as PlainCursor

from core.postgres import connect
from tests.counting import Ballot, cut_all
from tests.vote_rows import connected, open_transaction, select, write_vote, write_votes
from tests.waiting import wait_until
from workers.cutting import Cutter


@contextmanager
def stopped_cutter(after: str, then: Callable[[int], None]) -> Iterator[Cutter]:
    """A cutter that calls `then(pid)` once, right after the statement that begins with `after`."""
    left = [then]

    class Stopping(PlainCursor):
        def execute(self, query: Any, parameters: Any = None) -> None:
            super().execute(query, parameters)
            if left and str(query).startswith(after):
                left.pop()(self.connection.get_backend_pid())

    connection = connect("direct", application_name="nexus-stopped-cutter")
    try:
        cutter = Cutter(connection, limit=1000)
        connection.cursor_factory = Stopping
        yield cutter
    finally:
        connection.close()


def horizon_is_past_every_vote() -> bool:
    return bool(select("SELECT coalesce(max(xid::text::bigint), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM votes")[0][0])


def test_a_transaction_that_wrote_first_and_commits_last_is_not_passed_over(ballot: Ballot, cutter: Cutter) -> None:
    """Its vote has the lower id and the higher transaction id: in the order of ids the cursor would be past it."""
    with open_transaction("early") as early, open_transaction("late") as late:
        write_vote(late, ballot.poll_id, [ballot.choices[0]])
        write_vote(early, ballot.poll_id, [ballot.choices[1]])
        assert select("SELECT 1 FROM votes") == []
        early.commit()
        cut_all(cutter, 1)
        late.commit()
    cut_all(cutter, 1)
    assert select("SELECT sum(votes) FROM vote_batches") == [(2,)]


def test_a_vote_that_commits_after_the_cut_has_looked_is_not_called_drained(ballot: Ballot) -> None:
    with open_transaction("voter") as voter:
        write_vote(voter, ballot.poll_id, [ballot.choices[0]])

        def commit(_pid: int) -> None:
            voter.commit()
            wait_until(horizon_is_past_every_vote)

        with stopped_cutter("EXECUTE cut", commit) as cutter:
            assert cutter.cut().votes == 0
    assert select("SELECT v.xid >= r.drained_xid FROM votes v CROSS JOIN relay_cursor r") == [(True,)]


def test_a_second_relay_waits_for_the_first_ones_cut_and_takes_up_behind_it(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 3)
    wait_until(horizon_is_past_every_vote)
    with ThreadPoolExecutor() as pool:
        second: list[Any] = []

        def begin_the_second(pid: int) -> None:
            second.append(pool.submit(cutter.cut))
            wait_until(lambda: second[0].done() or select("SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", pid))

        with stopped_cutter("EXECUTE cut", begin_the_second) as first:
            assert first.cut().votes == 3
        assert second[0].result(20).votes == 0
    assert select("SELECT sum(votes) FROM vote_batches") == [(3,)]
