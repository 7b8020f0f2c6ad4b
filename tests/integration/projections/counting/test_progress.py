"""How far the results are behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.progress import Progress
from projections.progress import read_progress
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all
from tests.vote_rows import connected, open_transaction, write_vote
from tests.waiting import wait_until
from workers.cutting import Cutter


def progress() -> Progress:
    with connected() as connection, connection.cursor() as cursor:
        return read_progress(cursor)


def test_nothing_is_behind_when_everything_is_counted(ballot: Ballot) -> None:
    assert (progress().lag_seconds, progress().unapplied_batches) == (0.0, 0)


def test_the_lag_is_the_age_of_the_oldest_vote_that_is_not_counted_cut_or_not(ballot: Ballot, cutter: Cutter) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with connected() as connection:
        write_vote(connection, ballot.poll_id, [], at=hour_ago)
    assert progress().lag_seconds >= 3600
    (cut,) = cut_all(cutter, 1)
    assert progress().lag_seconds >= 3600
    assert progress().unapplied_batches == 1
    assert cut.batch_id is not None
    apply_batch(cut.batch_id)
    assert (progress().lag_seconds, progress().unapplied_batches) == (0.0, 0)


def test_the_horizon_is_as_old_as_the_oldest_writing_transaction(ballot: Ballot) -> None:
    with open_transaction("holder"):
        first = progress().horizon_age_seconds
        wait_until(lambda: progress().horizon_age_seconds > first > 0)
