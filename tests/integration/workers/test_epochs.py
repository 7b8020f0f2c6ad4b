"""A database that was restored or moved: refused, then lifted into a new epoch, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from core.log_identity import LogIdentityError, check_log_identity
from core.postgres import connect
from projections.rendering import select_documents
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all
from tests.waiting import wait_until
from workers import rebuild
from workers.cutting import Cutter
from workers.finality import finish_polls
from workers.rebuild import State


def run(statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    with connections["direct"].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def pretend_to_be_restored() -> None:
    """The server is another one than the log's, as after a dump was restored into a new cluster."""
    run("UPDATE log_epoch SET system_identifier = system_identifier - 1")


def cut_and_count(votes: int) -> None:
    connection = connect("direct", application_name="nexus-tests")
    try:
        for cut in cut_all(Cutter(connection, limit=1000), votes):
            assert cut.batch_id is not None
            apply_batch(cut.batch_id)
    finally:
        connection.close()


def put_vote(ballot: Ballot, epoch: int) -> None:
    run(
        "INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)"
        " SELECT %s, %s, k, 1, %s::uuid[], k, k, k, clock_timestamp() FROM gen_random_uuid() k",
        (epoch, ballot.poll_id, [ballot.choices[0]]),
    )


def test_a_foreign_server_is_refused_until_a_new_epoch_begins_and_rows_not_cut_before_are_counted(make_ballot: Callable[..., Ballot]) -> None:
    ballot = make_ballot()
    put_vote(ballot, 1)
    cut_and_count(1)
    with connections["direct"].cursor() as cursor:
        (before,) = select_documents(cursor, [ballot.poll_id])
    put_vote(ballot, 1)  # in the log when the backup was taken, and not cut
    pretend_to_be_restored()
    with connections["direct"].cursor() as cursor, pytest.raises(LogIdentityError, match="new_epoch"):
        check_log_identity(cursor)
    out = StringIO()
    call_command("new_epoch", stdout=out)
    assert "nothing was changed" in out.getvalue()
    call_command("new_epoch", "--yes", stdout=out)
    (epoch,) = run("SELECT epoch FROM log_epoch")[0]
    assert epoch > 1
    assert f"epoch {epoch} has begun" in out.getvalue()
    with connections["direct"].cursor() as cursor:
        check_log_identity(cursor)
    put_vote(ballot, epoch)
    cut_and_count(2)
    with connections["direct"].cursor() as cursor:
        (after,) = select_documents(cursor, [ballot.poll_id])
    assert (after.epoch, after.ballots, after.version > before.version) == (epoch, 3, True)


def test_a_poll_sealed_before_becomes_final_in_the_new_epoch(make_ballot: Callable[..., Ballot]) -> None:
    ballot = make_ballot()
    put_vote(ballot, 1)
    for table, key in (("polls", "id"), ("poll_cards", "poll_id")):
        run(f"UPDATE {table} SET sealed_at = clock_timestamp(), barrier_epoch = 1, barrier_xid = '999999999999' WHERE {key} = %s", (ballot.poll_id,))
    run("UPDATE log_epoch SET system_identifier = system_identifier - 1")
    connection = connect("direct", application_name="nexus-tests")
    try:
        call_command("new_epoch", "--yes", stdout=StringIO())
        assert finish_polls(connection) == []  # its vote has not been counted yet
        cut_and_count(1)
        assert finish_polls(connection) == [ballot.poll_id]
    finally:
        connection.close()
    with connections["direct"].cursor() as cursor:
        (document,) = select_documents(cursor, [ballot.poll_id])
    assert (document.final, document.ballots) == (True, 1)


def test_what_waited_for_transactions_of_the_old_counter_waits_anew(make_ballot: Callable[..., Ballot]) -> None:
    ballot = make_ballot()
    rebuild.begin(ballot.poll_id)
    rebuild.cancel(ballot.poll_id)
    run("UPDATE tally_rebuilds SET drop_after = '999999999999'")  # where the counter of the lost server was
    assert rebuild.drop_chunk(ballot.poll_id).state == State.CANCELLING
    pretend_to_be_restored()
    call_command("new_epoch", "--yes", stdout=StringIO())
    wait_until(lambda: rebuild.drop_chunk(ballot.poll_id).state == State.CANCELLED)


def test_a_server_that_can_go_on_gets_no_new_epoch(committed_db: None) -> None:
    with pytest.raises(CommandError, match="not needed"):
        call_command("new_epoch", "--yes", stdout=StringIO())
    assert run("SELECT epoch FROM log_epoch") == [(1,)]
