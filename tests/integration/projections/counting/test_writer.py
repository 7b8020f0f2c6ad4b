"""Applying batches: each once, in any order, beside each other, and all or nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg2
import pytest
from django.db import connections

from projections.writer import Applied, apply_batch, bump_versions
from tests.counting import Ballot, cut_all, results_of, votes_of
from tests.vote_rows import connected, open_transaction, run, select, write_vote, write_votes
from tests.waiting import wait_until
from workers.cutting import Cutter


def batch_ids() -> list[UUID]:
    return [row[0] for row in select("SELECT id FROM vote_batches ORDER BY seq")]


def apply_in_thread(batch_id: UUID) -> Applied | None:
    try:
        return apply_batch(batch_id)
    finally:
        connections.close_all()


def random_votes(ballots: Sequence[Ballot], cutter: Cutter, count: int, seed: int) -> None:
    """Casts, changes and withdraws, cutting now and then."""
    dice = random.Random(seed)
    with connected() as connection:
        for ballot in ballots:
            voters = [uuid4() for _ in range(count // 3)]
            for step in range(count):
                chosen = dice.choice([None, [], ballot.choices[:1], ballot.choices[1:], ballot.choices[2:]])
                voter = dice.choice(voters)
                standing = select(
                    "SELECT choices IS NOT NULL FROM votes WHERE poll_id = %s AND voter_key = %s ORDER BY revision DESC LIMIT 1", ballot.poll_id, voter
                )
                if chosen is None and standing != [(True,)]:
                    continue
                write_vote(connection, ballot.poll_id, chosen, voter=voter, at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=20 * step))
                if step % 7 == 0:
                    cutter.cut()
    wait_until(lambda: cutter.look() and cutter.cut().votes == 0 and not uncut())


def uncut() -> bool:
    return select("SELECT (SELECT count(*) FROM votes) > coalesce((SELECT sum(votes) FROM vote_batches), 0)")[0][0]


def the_log_itself_says(ballot: Ballot) -> tuple[int, list[int]]:
    standing = select(
        """SELECT choices::text[] FROM (SELECT DISTINCT ON (voter_key) choices FROM votes WHERE poll_id = %s ORDER BY voter_key, revision DESC) s
           WHERE choices IS NOT NULL""",
        ballot.poll_id,
    )
    return len(standing), [sum(choice in chosen for (chosen,) in standing) for choice in ballot.choices]


def test_a_batch_delivered_three_times_counts_once(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[1], 5)
    (cut,) = cut_all(cutter, 5)
    assert cut.batch_id is not None
    outcomes = [apply_batch(cut.batch_id) for _ in range(3)]
    assert [outcome and outcome.counted for outcome in outcomes] == [True, False, False]
    assert all(outcome and outcome.polls == [ballot.poll_id] for outcome in outcomes), "rendered again each time"
    assert votes_of(ballot.poll_id) == [0, 5, 0]


def test_a_batch_delivered_to_three_workers_at_once_counts_once(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[1], 5)
    (cut,) = cut_all(cutter, 5)
    assert cut.batch_id is not None
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(apply_in_thread, [cut.batch_id] * 3))
    assert sorted(bool(outcome and outcome.counted) for outcome in outcomes) == [False, False, True]
    assert votes_of(ballot.poll_id) == [0, 5, 0]


@pytest.mark.parametrize("seed", range(3))
def test_batches_in_any_order_and_any_number_add_up_to_the_log(make_ballot: Callable[..., Ballot], cutter: Cutter, seed: int) -> None:
    ballots = [make_ballot() for _ in range(2)]
    random_votes(ballots, cutter, 60, seed)
    deliveries = batch_ids() * 2
    random.Random(seed).shuffle(deliveries)
    for batch_id in deliveries:
        apply_batch(batch_id)
    for ballot in ballots:
        document = results_of(ballot.poll_id)
        assert (document.ballots, votes_of(ballot.poll_id)) == the_log_itself_says(ballot)
        minutes = select("SELECT sum(ballots), min(ballots) >= 0 FROM minute_tallies WHERE poll_id = %s", ballot.poll_id)
        assert minutes == [(document.ballots, True)]


def test_appliers_of_overlapping_polls_never_deadlock(make_ballot: Callable[..., Ballot], cutter: Cutter) -> None:
    ballots = [make_ballot() for _ in range(6)]
    dice = random.Random(7)
    with connected() as connection:
        for _ in range(40):
            for ballot in dice.sample(ballots, 4):
                write_votes(connection, ballot.poll_id, dice.choice(ballot.choices), 2)
            cutter.cut()
    wait_until(lambda: cutter.cut().votes == 0 and not uncut())
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(apply_in_thread, batch_ids()))
    assert all(outcome and outcome.counted for outcome in outcomes)
    assert sum(results_of(ballot.poll_id).ballots for ballot in ballots) == 40 * 4 * 2


def test_a_withdrawal_applied_before_its_ballot_shows_no_negative_count(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        voter = write_vote(connection, ballot.poll_id, ballot.choices[:1])
        (first,) = cut_all(cutter, 1)
        write_vote(connection, ballot.poll_id, None, voter=voter)
        (second,) = cut_all(cutter, 1)
    assert first.batch_id is not None
    assert second.batch_id is not None
    apply_batch(second.batch_id)
    document = results_of(ballot.poll_id)
    assert (document.ballots, document.questions[0].ballots, votes_of(ballot.poll_id)) == (0, 0, [0, 0, 0])
    apply_batch(first.batch_id)
    assert select("SELECT ballots FROM poll_tallies WHERE poll_id = %s", ballot.poll_id) == [(0,)]


def test_a_worker_that_dies_before_it_commits_has_counted_nothing(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 3)
    (cut,) = cut_all(cutter, 3)
    assert cut.batch_id is not None
    with open_transaction("blocker") as blocker, ThreadPoolExecutor() as pool:
        with blocker.cursor() as cursor:
            cursor.execute("SELECT 1 FROM question_tallies WHERE poll_id = %s FOR UPDATE", (ballot.poll_id,))
        applying = pool.submit(apply_in_thread, cut.batch_id)
        ((pid,),) = wait_until(lambda: select("SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", blocker.get_backend_pid()))
        run("SELECT pg_terminate_backend(%s)", pid)
        assert isinstance(applying.exception(), Exception)
    assert select("SELECT applied_at FROM vote_batches") == [(None,)]
    assert votes_of(ballot.poll_id) == [0, 0, 0]
    outcome = apply_batch(cut.batch_id)
    assert outcome is not None
    assert outcome.counted
    assert votes_of(ballot.poll_id) == [3, 0, 0]


def test_every_fed_generation_gets_the_batches_after_its_boundary(ballot: Ballot, cutter: Cutter) -> None:
    run("INSERT INTO tally_generations (poll_id, generation, boundary, fed) VALUES (%s, 2, 1, true), (%s, 3, 0, false)", ballot.poll_id, ballot.poll_id)
    for _ in range(2):
        with connected() as connection:
            write_votes(connection, ballot.poll_id, ballot.choices[0], 2)
        (cut,) = cut_all(cutter, 2)
        assert cut.batch_id is not None
        apply_batch(cut.batch_id)
    assert select("SELECT generation, ballots FROM poll_tallies WHERE poll_id = %s ORDER BY 1", ballot.poll_id) == [(1, 4), (2, 2)]


def test_a_poll_without_any_generation_is_counted_all_the_same(ballot: Ballot, cutter: Cutter) -> None:
    for table in ("tally_generations", "poll_tallies", "question_tallies", "choice_tallies"):
        run(f"DELETE FROM {table}")
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[2], 4)
    (cut,) = cut_all(cutter, 4)
    assert cut.batch_id is not None
    apply_batch(cut.batch_id)
    assert votes_of(ballot.poll_id) == [0, 0, 4]


def test_an_unknown_batch_is_nobodys(ballot: Ballot) -> None:
    assert apply_batch(uuid4()) is None


def test_a_choice_nobody_offers_is_logged_and_not_counted(ballot: Ballot, cutter: Cutter, caplog: pytest.LogCaptureFixture) -> None:
    with connected() as connection:
        write_vote(connection, ballot.poll_id, [uuid4(), ballot.choices[0]])
    (cut,) = cut_all(cutter, 1)
    assert cut.batch_id is not None
    apply_batch(cut.batch_id)
    assert votes_of(ballot.poll_id) == [1, 0, 0]
    assert "were not counted" in caplog.text


def test_as_of_is_the_time_of_the_last_batch_before_the_first_unapplied_one(make_ballot: Callable[..., Ballot], cutter: Cutter) -> None:
    ballot = make_ballot()
    batches = []
    for _ in range(3):
        with connected() as connection:
            write_votes(connection, ballot.poll_id, ballot.choices[0], 1)
        wait_until(lambda: cutter.look().votes)
        (cut,) = cut_all(cutter, 1)
        assert cut.batch_id is not None
        batches.append(cut.batch_id)
    times = [row[0] for row in select("SELECT as_of FROM vote_batches ORDER BY seq")]
    assert times == sorted(set(times)), "each batch is later than the one before"
    before = results_of(ballot.poll_id).as_of
    apply_batch(batches[2])
    assert results_of(ballot.poll_id).as_of == before, "two older batches are still missing"
    apply_batch(batches[0])
    assert results_of(ballot.poll_id).as_of == times[0]
    apply_batch(batches[1])
    assert results_of(ballot.poll_id).as_of == times[2]


def test_equal_versions_are_equal_bytes(ballot: Ballot, cutter: Cutter) -> None:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], 1)
    (cut,) = cut_all(cutter, 1)
    assert cut.batch_id is not None
    apply_batch(cut.batch_id)
    first = results_of(ballot.poll_id)
    with connected() as connection:
        write_votes(connection, make_other(connection), ballot.choices[0], 1)
    cut_all(cutter, 1)
    again = results_of(ballot.poll_id)
    assert again.version == first.version
    assert again.body("open") == first.body("open")


def make_other(connection: psycopg2.extensions.connection) -> UUID:
    """Some poll whose batches move the clock of all."""
    other = uuid4()
    with connection.cursor() as cursor:
        bump_versions(cursor, [other])
    return other
