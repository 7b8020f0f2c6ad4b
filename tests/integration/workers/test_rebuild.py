"""Rebuilding tallies while voting goes on: every step may be interleaved with anything, and nothing is lost or counted twice."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from core.redis import sync_redis
from projections.document import ResultsDocument
from projections.results_store import results_key
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, results_of, votes_of
from tests.vote_rows import connected, open_transaction, run, select, write_vote, write_votes
from tests.waiting import wait_until
from workers import rebuild
from workers.cutting import Cutter
from workers.rebuild import RebuildRefused, State
from workers.standing import standings_of
from workers.sums import Difference


def vote(ballot: Ballot, choice: int, count: int = 1) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[choice], count)


def cut(cutter: Cutter, votes: int) -> list[UUID]:
    """The batches of so many votes, not applied."""
    return [each.batch_id for each in cut_all(cutter, votes) if each.batch_id is not None]


def cut_and_apply(cutter: Cutter, votes: int) -> None:
    for batch_id in cut(cutter, votes):
        apply_batch(batch_id)


def spoil(ballot: Ballot, choice: int, votes: int) -> None:
    """Somebody changes a tally by hand."""
    run("UPDATE choice_tallies SET votes = %s WHERE poll_id = %s AND choice_id = %s", votes, ballot.poll_id, ballot.choices[choice])


def fill(ballot: Ballot, rows: int = 2) -> None:
    while rebuild.fill_chunk(ballot.poll_id, rows=rows).state == State.FILLING:
        continue


def drop(ballot: Ballot) -> str:
    """Drops what is left over; somebody else in the cluster may be in the middle of a transaction."""
    return wait_until(lambda: (state := rebuild.drop_chunk(ballot.poll_id, rows=2).state) in {State.RETIRED, State.CANCELLED} and state)


def shown_in_redis(ballot: Ballot) -> ResultsDocument:
    raw = sync_redis().get(results_key(1, ballot.poll_id))
    assert isinstance(raw, bytes)
    return ResultsDocument.decode(raw[20:])


def generations(ballot: Ballot) -> list[tuple[Any, ...]]:
    return select("SELECT generation, boundary, fed FROM tally_generations WHERE poll_id = %s ORDER BY generation", ballot.poll_id)


def test_drift_is_found_and_mended_while_voting_goes_on(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 7)
    cut_and_apply(cutter, 7)
    spoil(ballot, 0, 5)
    before = results_of(ballot.poll_id)
    begun = rebuild.begin(ballot.poll_id)
    assert (begun.generation, begun.replaces, begun.boundary) == (2, 1, 1)
    vote(ballot, 1, 3)
    cut_and_apply(cutter, 3)
    fill(ballot)
    assert votes_of(ballot.poll_id) == [5, 3, 0], "readers see the old ones until the flip"
    vote(ballot, 2, 2)
    late = cut(cutter, 2)
    assert rebuild.verify(ballot.poll_id, rows=3) == [], "a batch that waits is no drift"
    flipped = rebuild.flip(ballot.poll_id)
    assert flipped.drift == [Difference(what="choice", key=ballot.choices[0], counted=5, expected=7)]
    assert votes_of(ballot.poll_id) == [7, 3, 0]
    after = results_of(ballot.poll_id)
    assert after.version > before.version
    assert shown_in_redis(ballot) == after, "rendered at once"
    for batch_id in late:
        apply_batch(batch_id)
    assert votes_of(ballot.poll_id) == [7, 3, 2]


def test_what_was_cut_before_and_is_applied_after_counts_once(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 2)
    early = cut(cutter, 2)
    rebuild.begin(ballot.poll_id)
    vote(ballot, 1, 1)
    late = cut(cutter, 1)
    for batch_id in late:
        apply_batch(batch_id)
    fill(ballot)
    assert rebuild.verify(ballot.poll_id) == []
    assert rebuild.flip(ballot.poll_id).drift == [], "that a batch was not applied to the old tallies yet is no drift"
    assert votes_of(ballot.poll_id) == [2, 1, 0]
    for batch_id in early:
        apply_batch(batch_id)
    assert votes_of(ballot.poll_id) == [2, 1, 0]
    rebuild.flip_back(ballot.poll_id)
    assert votes_of(ballot.poll_id) == [2, 1, 0]


def test_changed_and_withdrawn_ballots_are_subtracted_in_their_own_minute(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        at = "2030-01-01 10:00:30+00"
        anna = write_vote(connection, ballot.poll_id, ballot.choices[:2], at=at)
        berta = write_vote(connection, ballot.poll_id, ballot.choices[:1], at=at)
        write_vote(connection, ballot.poll_id, ballot.choices[2:], voter=anna, at="2030-01-01 10:02:00+00")
        write_vote(connection, ballot.poll_id, None, voter=berta, at="2030-01-01 10:03:00+00")
        write_vote(connection, ballot.poll_id, [], at="2030-01-01 10:03:59+00")
    cut_and_apply(cutter, 5)
    rebuild.begin(ballot.poll_id)
    fill(ballot, rows=1)
    assert rebuild.verify(ballot.poll_id, rows=1) == []
    assert rebuild.flip(ballot.poll_id).drift == []
    minutes = select("SELECT minute::time::text, ballots FROM minute_tallies WHERE poll_id = %s AND generation = 2 AND ballots <> 0 ORDER BY 1", ballot.poll_id)
    assert minutes == [("10:02:00", 1), ("10:03:00", 1)]
    assert votes_of(ballot.poll_id) == [0, 0, 1]


def test_votes_that_come_in_behind_the_place_already_filled_are_left_to_the_workers(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 4)
    cut_and_apply(cutter, 4)
    rebuild.begin(ballot.poll_id)
    while rebuild.fill_chunk(ballot.poll_id, rows=1).state == State.FILLING:
        vote(ballot, 1, 2)  # before and after the place, and both after the boundary
        cut_and_apply(cutter, 2)
        if results_of(ballot.poll_id).ballots > 60:
            fill(ballot, rows=100)
    assert rebuild.verify(ballot.poll_id) == []
    assert rebuild.flip(ballot.poll_id).drift == []


def test_a_rebuild_that_was_broken_off_goes_on_where_it_was(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 6)
    cut_and_apply(cutter, 6)
    first = rebuild.begin(ballot.poll_id)
    assert rebuild.fill_chunk(ballot.poll_id, rows=4).rows_read == 4
    connections.close_all()  # it dies here
    again = rebuild.begin(ballot.poll_id)
    assert (again.generation, again.rows_read, again.state) == (first.generation, 4, State.FILLING)
    fill(ballot)
    assert rebuild.verify(ballot.poll_id) == []


def test_two_who_rebuild_one_poll_at_once_take_turns(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 60)
    cut_and_apply(cutter, 60)

    def work() -> None:
        rebuild.begin(ballot.poll_id)
        fill(ballot, rows=3)
        connections.close_all()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [generation for generation, _, _ in generations(ballot)] == [1, 2]
    assert rebuild.verify(ballot.poll_id) == []


def test_a_cut_that_is_under_way_is_waited_for_and_falls_under_the_boundary(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 1)
    cut_and_apply(cutter, 1)
    with open_transaction("cut") as cutting:
        with cutting.cursor() as cursor:
            cursor.execute("SELECT seq FROM relay_cursor FOR UPDATE")
            cursor.execute("UPDATE relay_cursor SET seq = seq + 41")
        begun: list[rebuild.Rebuild] = []

        def begin() -> None:
            begun.append(rebuild.begin(ballot.poll_id))
            connections.close_all()

        thread = Thread(target=begin)
        thread.start()
        wait_until(lambda: select("SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", cutting.get_backend_pid()))
        cutting.commit()
        thread.join()
    assert begun[0].boundary == 42


def test_the_way_back_shows_the_old_tallies_which_were_fed_meanwhile(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 3)
    cut_and_apply(cutter, 3)
    spoil(ballot, 0, 1)
    rebuild.begin(ballot.poll_id)
    fill(ballot)
    rebuild.verify(ballot.poll_id)
    rebuild.flip(ballot.poll_id)
    version = results_of(ballot.poll_id).version
    vote(ballot, 1, 1)
    cut_and_apply(cutter, 1)
    rebuild.flip_back(ballot.poll_id)
    assert votes_of(ballot.poll_id) == [1, 1, 0]
    assert results_of(ballot.poll_id).version > version + 1
    rebuild.flip(ballot.poll_id)
    assert votes_of(ballot.poll_id) == [3, 1, 0]
    rebuild.retire(ballot.poll_id)
    with pytest.raises(RebuildRefused, match="no way back"):
        rebuild.flip_back(ballot.poll_id)
    assert drop(ballot) == State.RETIRED
    assert generations(ballot) == [(2, 1, True)]
    vote(ballot, 2, 1)
    cut_and_apply(cutter, 1)
    assert votes_of(ballot.poll_id) == [3, 1, 1]
    assert select("SELECT count(*) FROM minute_tallies WHERE poll_id = %s AND generation = 1", ballot.poll_id) == [(0,)]


def test_a_cancelled_rebuild_leaves_nothing_and_its_number_is_not_used_again(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 3)
    cut_and_apply(cutter, 3)
    rebuild.begin(ballot.poll_id)
    rebuild.fill_chunk(ballot.poll_id, rows=2)
    rebuild.cancel(ballot.poll_id)
    assert rebuild.fill_chunk(ballot.poll_id).state == State.CANCELLING, "nothing is filled any more"
    with pytest.raises(RebuildRefused):
        rebuild.flip(ballot.poll_id)
    assert drop(ballot) == State.CANCELLED
    assert generations(ballot) == [(1, 0, True)]
    assert rebuild.begin(ballot.poll_id).generation == 3
    fill(ballot)
    assert rebuild.verify(ballot.poll_id) == []
    rebuild.flip(ballot.poll_id)
    with pytest.raises(RebuildRefused):
        rebuild.cancel(ballot.poll_id)


def test_tallies_are_not_dropped_while_a_worker_may_still_feed_them(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 1)
    (batch_id,) = cut(cutter, 1)
    rebuild.begin(ballot.poll_id)
    with open_transaction("worker"):  # which read that the generation is fed
        rebuild.cancel(ballot.poll_id)
        assert rebuild.drop_chunk(ballot.poll_id).state == State.CANCELLING
        assert len(generations(ballot)) == 2
    assert drop(ballot) == State.CANCELLED
    apply_batch(batch_id)
    assert votes_of(ballot.poll_id) == [1, 0, 0]


def test_a_generation_that_does_not_equal_the_log_is_never_shown(ballot: Ballot, cutter: Cutter) -> None:
    vote(ballot, 0, 2)
    cut_and_apply(cutter, 2)
    rebuild.begin(ballot.poll_id)
    fill(ballot)
    run("UPDATE poll_tallies SET ballots = 9 WHERE poll_id = %s AND generation = 2", ballot.poll_id)
    assert rebuild.verify(ballot.poll_id) == [Difference(what="ballots", key="", counted=9, expected=2)]
    with pytest.raises(RebuildRefused, match="not yet compared"):
        rebuild.flip(ballot.poll_id)


def test_a_poll_without_votes_or_without_being_is_no_trouble(make_ballot: Callable[..., Ballot]) -> None:
    ballot = make_ballot()
    with pytest.raises(RebuildRefused, match="no such poll"):
        rebuild.begin(UUID(int=5))
    with pytest.raises(RebuildRefused, match="was begun"):
        rebuild.fill_chunk(ballot.poll_id)
    rebuild.begin(ballot.poll_id)
    assert rebuild.fill_chunk(ballot.poll_id).state == State.FILLED
    assert rebuild.verify(ballot.poll_id) == []
    assert rebuild.flip(ballot.poll_id).drift == []
    assert [standing.shown for standing in standings_of(ballot.poll_id).values()] == [False, True]
