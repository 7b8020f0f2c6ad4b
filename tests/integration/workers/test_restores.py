"""Databases that were really restored: from a dump into a new cluster, and from an old base backup while everything else kept its newer state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings as present
from django.db import connections
from kombu import Connection as BrokerConnection

from commands.connection import WriteConnection
from core.circuit import Circuit
from core.errors import Unavailable
from core.log_identity import LogIdentityError, check_log_identity
from core.log_mark import LogMark, check_log_mark, mark_keys, raise_mark, read_mark
from core.redis import sync_redis
from projections.document import ResultsDocument
from projections.rendering import render
from projections.results_store import results_store
from projections.writer import apply_batch
from tests.clusters import ALIASES, Cluster, dump_database, moved_to, own_cluster
from tests.counting import Ballot, cut_all, results_of
from tests.integration.workers.test_repair_commands import operate
from tests.processes import RELAY, database_dsn, running
from tests.vote_rows import connected, run, select, write_votes
from workers.cutting import Cutter
from workers.finality import finish_polls
from workers.marking import Marking
from workers.republishing import republish, unapplied_batches
from workers.tasks import apply_batch as apply_task
from workers.topology import batches_queue, declare


def vote(ballot: Ballot, count: int) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], count)


def cut(votes: int) -> list[UUID]:
    with connected("cutter") as connection:
        return [each.batch_id for each in cut_all(Cutter(connection, limit=1000), votes) if each.batch_id is not None]


def count(votes: int) -> None:
    """What relay and workers do with so many votes, and that Redis remembers it."""
    for batch_id in cut(votes):
        applied = apply_batch(batch_id)
        assert applied is not None
        render(applied.polls)
    remember()


def remember() -> None:
    with connected("housekeeper") as connection:
        Marking(connection, Circuit()).step()


def mark_key() -> str:
    with connected() as connection, connection.cursor() as cursor:
        return mark_keys(cursor)[0]


def remembered() -> LogMark | None:
    return read_mark([mark_key()])


def refusal() -> str:
    """Why no vote is taken here, empty when votes are taken."""
    writer = WriteConnection("nexus-test-writer", {})
    try:
        with closing(writer.cursor()):
            return ""
    except Unavailable:
        return str(writer.trouble)
    finally:
        writer.lost()


def shown(ballot: Ballot) -> ResultsDocument | None:
    """What Redis has for readers in the present epoch."""
    ((epoch,),) = select("SELECT epoch FROM log_epoch")
    return results_store().get(epoch, ballot.poll_id)


def dump_of_the_test_database(folder: Path) -> Path:
    return dump_database(database_dsn(), folder / "dump")


def test_a_dump_restored_into_a_new_cluster_is_refused_goes_on_in_a_new_epoch_and_has_lost_nothing(make_ballot: Callable[..., Ballot], tmp_path: Path) -> None:
    ballot, closed = make_ballot(), make_ballot()
    vote(ballot, 3)
    vote(closed, 1)
    count(4)
    vote(ballot, 2)
    (waiting,) = cut(2)  # cut, and not counted
    vote(ballot, 4)  # not cut
    vote(closed, 1)
    for table, key in (("polls", "id"), ("poll_cards", "poll_id")):
        statement = f"UPDATE {table} SET sealed_at = now(), barrier_epoch = 1, barrier_xid = pg_snapshot_xmax(pg_current_snapshot()) WHERE {key} = %s"
        run(statement, closed.poll_id)
    before = results_of(ballot.poll_id)
    dump = dump_of_the_test_database(tmp_path)
    database = connections["direct"].settings_dict["NAME"]
    with own_cluster() as cluster:
        cluster.restore(dump, database)
        with moved_to(cluster):
            standing = "SELECT r.xid > pg_snapshot_xmax(pg_current_snapshot()) FROM relay_cursor r"
            assert select(standing) == [(True,)], "the counter of the new cluster is behind"
            assert "not the one that holds the vote log" in refusal()
            with running(RELAY, tmp_path) as relay:
                assert relay.exit_code() == 1
                assert "manage.py new_epoch" in relay.said
            code, said = operate("new_epoch", "--dry-run")
            assert (code, "there are votes in the log that are not cut yet" in said, "nothing was changed" in said) == (0, True, True), said
            assert operate("new_epoch", "--yes")[0] == 0
            assert refusal() == ""
            vote(ballot, 5)
            with connected("finisher") as connection:
                assert finish_polls(connection) == [], "its last vote is not counted yet"
            apply_batch(waiting)
            count(10)
            with connected("finisher") as connection:
                assert finish_polls(connection) == [closed.poll_id]
            after = results_of(ballot.poll_id)
            assert (after.ballots, results_of(closed.poll_id).ballots, results_of(closed.poll_id).final) == (14, 2, True)
            assert after.order > before.order
            assert shown(ballot) == after
            assert operate("audit_tallies", "--all")[0] == 0
            assert operate("new_epoch", "--yes")[0] == 2, "once is enough"
    assert refusal() == "", "what the copy marks says nothing of the database that the dump is of"


@pytest.fixture
def cluster(ballot: Ballot, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of its own that holds the log, and everything in this process on it."""
    dump = dump_of_the_test_database(tmp_path)
    with own_cluster() as cluster:
        cluster.restore(dump, connections["direct"].settings_dict["NAME"])
        with moved_to(cluster):
            assert operate("new_epoch", "--yes")[0] == 0
            yield cluster


def put_back(cluster: Cluster, backup: Path) -> None:
    connections.close_all()
    cluster.stop()
    cluster.put_back(backup)
    cluster.start()


def test_an_old_base_backup_is_refused_while_redis_remembers_more_and_readers_never_go_back(
    ballot: Ballot, cluster: Cluster, rabbitmq: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vote(ballot, 2)
    count(2)
    vote(ballot, 1)  # neither cut nor lost
    connections.close_all()
    cluster.stop()
    backup = cluster.copy("backup")
    cluster.start()
    vote(ballot, 6)
    count(7)
    seen = results_of(ballot.poll_id)
    assert (seen.ballots, shown(ballot)) == (9, seen)
    vote(ballot, 1)
    (lost,) = cut(1)
    assert set().union(*republish(unapplied_batches())) == {lost}

    put_back(cluster, backup)
    with connected() as connection, connection.cursor() as cursor:
        check_log_identity(cursor)  # the server, its identifier and its counter: all is as it was then
        with pytest.raises(LogIdentityError, match="put back to an earlier state"):
            check_log_mark(cursor)
    assert "Redis remembers that batch" in refusal()
    with running(RELAY, tmp_path) as relay:
        assert relay.exit_code() == 1
        assert "manage.py new_epoch" in relay.said
    assert operate("new_epoch", "--yes")[0] == 0
    assert refusal() == ""
    count(1)
    now = results_of(ballot.poll_id)
    assert (now.epoch > seen.epoch, now.ballots, now.order > seen.order, shown(ballot)) == (True, 3, True, now)

    with BrokerConnection(present.BROKER_URL) as connection, connection.channel() as channel:
        declare(connection)
        message = batches_queue()(channel).get(no_ack=True)
    assert message is not None
    apply_task.run(**message.decode()[1])
    assert "is not in this database; its message is dropped" in caplog.text
    assert results_of(ballot.poll_id) == now
    assert operate("audit_tallies", "--all")[0] == 0

    vote(ballot, 1)
    count(1)
    later = results_of(ballot.poll_id)
    put_back(cluster, backup)  # the same one again, and no epoch may come twice
    assert "Redis remembers that batch" in refusal()
    assert operate("new_epoch", "--yes")[0] == 0
    again = results_of(ballot.poll_id)
    assert (again.epoch > later.epoch, again.version > later.version) == (True, True), "an event's id is the version alone"
    assert again.version < 2**53, "a browser must know it exactly"


def test_a_base_backup_from_before_an_earlier_restore_is_refused_too(ballot: Ballot) -> None:
    raise_mark(mark_key(), LogMark(500_000_000, 0))  # a clock that was far ahead
    assert "of epoch 500000000 was counted" in refusal()
    assert operate("new_epoch", "--yes")[0] == 0
    assert select("SELECT epoch FROM log_epoch") == [(500_000_001,)]


def test_the_mark_only_rises_and_never_beyond_what_is_counted(ballot: Ballot) -> None:
    vote(ballot, 1)
    count(1)
    assert remembered() == LogMark(1, 1)
    vote(ballot, 1)
    cut(1)
    remember()
    assert remembered() == LogMark(1, 1), "cut, and a crash might still take that back"
    raise_mark(mark_key(), LogMark(1, 0))
    assert remembered() == LogMark(1, 1)
    assert refusal() == ""


@contextmanager
def beside(cluster: Cluster, name: str) -> Iterator[None]:
    """Everything in this process on a copy of the database, under another name in the same cluster."""
    original = connections["direct"].settings_dict["NAME"]
    connections.close_all()
    cluster.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
    try:
        for alias in ALIASES:
            connections[alias].settings_dict["NAME"] = name
        yield
    finally:
        connections.close_all()
        for alias in ALIASES:
            connections[alias].settings_dict["NAME"] = original


def test_a_copy_beside_production_stops_nothing_whatever_it_marks(ballot: Ballot, cluster: Cluster) -> None:
    vote(ballot, 2)
    count(2)
    ours = remembered()
    with beside(cluster, "rehearsal"):
        assert operate("new_epoch", "--yes", "--force")[0] == 0
        vote(ballot, 3)
        count(3)
        theirs = remembered()
        assert refusal() == ""
    assert ours is not None
    assert theirs is not None
    assert theirs > ours
    assert (remembered(), refusal()) == (ours, "")


def test_a_database_that_begins_anew_is_no_restore_and_leaves_the_others_mark_alone(committed_db: None, own_names: str) -> None:
    other = mark_key()
    raise_mark(other, LogMark(5, 7))
    assert "put back to an earlier state" in refusal()
    run("ALTER TABLE log_epoch DROP COLUMN log_id")  # as `migrate` does in a new database
    run("ALTER TABLE log_epoch ADD COLUMN log_id uuid NOT NULL DEFAULT gen_random_uuid()")
    assert refusal() == ""
    assert read_mark([other]) == LogMark(5, 7)


@pytest.mark.parametrize("who", ["the server that held the log", "the present one"])
def test_after_a_move_the_new_epoch_lies_above_what_either_server_got_to(ballot: Ballot, who: str) -> None:
    here = mark_key()
    ((server,),) = select("SELECT system_identifier FROM log_epoch")
    raise_mark(here if who == "the present one" else here.replace(f":{server}:", ":7:"), LogMark(500_000_000, 0))
    run("UPDATE log_epoch SET system_identifier = 7")
    assert operate("new_epoch", "--yes")[0] == 0
    assert select("SELECT epoch FROM log_epoch") == [(500_000_001,)]


def test_without_redis_or_its_memory_votes_are_taken(ballot: Ballot, without_redis: None, caplog: pytest.LogCaptureFixture) -> None:
    assert refusal() == ""
    assert "would not be noticed" in caplog.text
    remember()
    run("UPDATE log_epoch SET system_identifier = 7")
    code, said = operate("new_epoch", "--yes")
    assert (code, "Redis remembers nothing" in said) == (0, True), said
    assert select("SELECT epoch > 29000000 FROM log_epoch") == [(True,)], "where nobody remembers the last one, the clock tells epochs apart"


def test_a_mark_that_cannot_be_read_is_no_mark(ballot: Ballot) -> None:
    sync_redis().set(mark_key(), b"\xffnonsense")
    assert refusal() == ""
