"""Batches that were counted long ago go, and nothing that anybody could still ask for goes with them."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from core.sql import queries
from projections import awaiting
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, votes_of
from tests.vote_rows import connected, run, select, write_vote
from workers.cutting import Cutter
from workers.retention import delete_old_batches

READS = queries(Path(awaiting.__file__).parent, "reads.sql")


def batches(ballot: Ballot, cutter: Cutter, count: int) -> list[UUID]:
    """So many batches of one vote each, none of them counted."""
    made = []
    for _ in range(count):
        with connected() as connection:
            write_vote(connection, ballot.poll_id, [ballot.choices[0]])
        (cut,) = cut_all(cutter, 1)
        assert cut.batch_id is not None
        made.append(cut.batch_id)
    return made


def kept() -> list[int]:
    return [seq for (seq,) in select("SELECT seq FROM vote_batches ORDER BY seq")]


def counted_days_ago(days: int, *batch_ids: UUID) -> None:
    for batch_id in batch_ids:
        apply_batch(batch_id)
        run("UPDATE vote_batches SET applied_at = now() - make_interval(days => %s) WHERE id = %s", days, batch_id)


def test_what_was_counted_long_ago_goes_but_for_the_last(ballot: Ballot, cutter: Cutter) -> None:
    made = batches(ballot, cutter, 5)
    counted_days_ago(8, *made)
    first = kept()[0]
    assert delete_old_batches() == 4
    assert kept() == [first + 4]
    assert delete_old_batches() == 0
    assert votes_of(ballot.poll_id) == [5, 0, 0]


def test_what_was_counted_of_late_stays(ballot: Ballot, cutter: Cutter) -> None:
    made = batches(ballot, cutter, 4)
    counted_days_ago(8, *made[:2])
    counted_days_ago(6, *made[2:])
    first = kept()[0]
    assert delete_old_batches() == 2
    assert kept() == [first + 2, first + 3]


def test_what_is_not_counted_stays_and_so_do_the_one_before_it_and_all_behind_it(ballot: Ballot, cutter: Cutter) -> None:
    made = batches(ballot, cutter, 6)
    counted_days_ago(8, *made[:3], *made[4:])
    first = kept()[0]
    assert delete_old_batches() == 2
    assert kept() == [first + 2, first + 3, first + 4, first + 5]
    apply_batch(made[3])
    assert votes_of(ballot.poll_id) == [6, 0, 0]


def test_many_go_in_short_transactions(ballot: Ballot, cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.retention._ROWS", 2)
    counted_days_ago(8, *batches(ballot, cutter, 6))
    assert delete_old_batches() == 5
    assert len(kept()) == 1


def test_a_vote_of_a_batch_that_has_gone_is_still_known_to_be_in(ballot: Ballot, cutter: Cutter) -> None:
    made = batches(ballot, cutter, 3)
    ((epoch, xid, row),) = select("SELECT epoch, xid::text, id FROM votes ORDER BY id LIMIT 1")
    counted_days_ago(8, *made)
    delete_old_batches()
    asked = {"polls": [str(ballot.poll_id)], "epochs": [epoch], "xids": [xid], "ids": [row]}
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute(READS["select_progress"], asked)
        assert cursor.fetchone()[1] == 1
