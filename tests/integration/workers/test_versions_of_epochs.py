"""Versions across a restore: a reader's last event id carries no epoch, so what the lost server showed must lie below all that comes."""

from __future__ import annotations

from tests.counting import Ballot, results_of
from tests.vote_rows import run
from workers.epochs import begin_epoch

_MADE_SINCE_THE_BACKUP = 1_000_000


def test_versions_that_were_shown_after_the_backup_lie_below_those_of_the_new_epoch(ballot: Ballot) -> None:
    restored = results_of(ballot.poll_id)
    begin_epoch(2)
    second = results_of(ballot.poll_id)
    assert second.version > restored.version + _MADE_SINCE_THE_BACKUP
    run("UPDATE poll_projections SET version = version + 3")
    begin_epoch(3)
    assert results_of(ballot.poll_id).version > second.version + 3 + _MADE_SINCE_THE_BACKUP
