"""A worker, stopped between its statements while tallies are dropped and other batches are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any
from uuid import UUID

from django.db import connections

from core.redis import sync_redis
from projections.document import ResultsDocument
from projections.rendering import render
from projections.results_store import results_key
from projections.writer import apply_batch
from tests.counting import Ballot, cut_all, results_of
from tests.vote_rows import connected, select, write_votes
from tests.waiting import wait_until
from workers import rebuild
from workers.cutting import Cutter
from workers.rebuild import State

_WRITING = "SELECT pid, backend_xid::text FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> %s"
_TALLIES = ("poll_tallies", "question_tallies", "choice_tallies", "minute_tallies")


@contextmanager
def stopped_after(statement: str, then: Callable[[], object]) -> Iterator[None]:
    """Calls `then` in another thread, once, right after this thread's first statement that contains `statement`."""
    left = [then]

    def elsewhere(action: Callable[[], object]) -> None:
        try:
            action()
        finally:
            connections.close_all()

    def watch(execute: Any, sql: str, *arguments: Any) -> Any:
        answer = execute(sql, *arguments)
        if left and statement in sql:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(elsewhere, left.pop()).result(30)
        return answer

    with connections["default"].execute_wrapper(watch):
        yield
    assert not left, f"nothing ran {statement!r}"


def batch_of(ballot: Ballot, cutter: Cutter, votes: int) -> UUID:
    with connected() as connection:
        write_votes(connection, ballot.poll_id, ballot.choices[0], votes)
    (cut,) = cut_all(cutter, votes)
    assert cut.batch_id is not None
    return cut.batch_id


def batch_after_a_flip(ballot: Ballot, cutter: Cutter) -> UUID:
    """A batch of three that is still to be counted, into both generations; readers see the second, which was built from two votes."""
    apply_batch(batch_of(ballot, cutter, 2))
    rebuild.begin(ballot.poll_id)
    while rebuild.fill_chunk(ballot.poll_id).state == State.FILLING:
        pass
    assert rebuild.verify(ballot.poll_id) == []
    rebuild.flip(ballot.poll_id)
    return batch_of(ballot, cutter, 3)


def test_tallies_are_not_dropped_under_a_worker_that_has_read_that_they_are_fed(ballot: Ballot, cutter: Cutter) -> None:
    batch_id = batch_after_a_flip(ballot, cutter)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (worker,) = cursor.fetchone()

    def retire_and_drop() -> None:
        rebuild.retire(ballot.poll_id)
        others = set(select(_WRITING, worker))
        wait_until(lambda: not others & set(select(_WRITING, worker)))  # whoever else in the cluster could hold the drop up
        rebuild.drop_chunk(ballot.poll_id)

    with stopped_after("FROM tally_generations", retire_and_drop):
        apply_batch(batch_id)
    while rebuild.drop_chunk(ballot.poll_id).state == State.RETIRING:
        pass
    assert results_of(ballot.poll_id).ballots == 5
    for table in _TALLIES:
        assert select(f"SELECT DISTINCT generation FROM {table} WHERE poll_id = %s", ballot.poll_id) == [(2,)], f"{table} has rows of a generation that is gone"


def test_tallies_are_not_dropped_under_a_worker_that_claimed_while_feeding_was_being_stopped(ballot: Ballot, cutter: Cutter) -> None:
    """Its transaction is younger than the one that stops, and has read before that committed."""
    batch_id = batch_after_a_flip(ballot, cutter)
    stopping, go_on = Event(), Event()

    def retire() -> None:
        def watch(execute: Any, sql: str, *arguments: Any) -> Any:
            answer = execute(sql, *arguments)
            if "SET fed = false" in sql:
                stopping.set()
                assert go_on.wait(30)
            return answer

        try:
            with connections["default"].execute_wrapper(watch):
                rebuild.retire(ballot.poll_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        retiring = pool.submit(retire)
        assert stopping.wait(30)
        dropped: list[str] = []

        def stop_and_drop() -> None:
            go_on.set()
            retiring.result(30)
            dropped.extend(rebuild.drop_chunk(ballot.poll_id).state for _ in range(3))

        with stopped_after("FROM tally_generations", stop_and_drop):
            apply_batch(batch_id)
    assert dropped == [State.RETIRING] * 3
    wait_until(lambda: rebuild.drop_chunk(ballot.poll_id).state == State.RETIRED)
    for table in _TALLIES:
        assert select(f"SELECT DISTINCT generation FROM {table} WHERE poll_id = %s", ballot.poll_id) == [(2,)], f"{table} has rows of a generation that is gone"


def test_a_generation_begun_between_two_batches_is_fed_with_the_second(ballot: Ballot, cutter: Cutter) -> None:
    apply_batch(batch_of(ballot, cutter, 2))
    rebuild.begin(ballot.poll_id)
    apply_batch(batch_of(ballot, cutter, 3))
    assert select("SELECT generation, ballots FROM poll_tallies WHERE poll_id = %s ORDER BY 1", ballot.poll_id) == [(1, 5), (2, 3)]


def test_what_redis_is_given_has_the_counts_of_its_version(ballot: Ballot, cutter: Cutter) -> None:
    apply_batch(batch_of(ballot, cutter, 2))
    batch_id = batch_of(ballot, cutter, 3)
    with stopped_after("json_object_agg", lambda: apply_batch(batch_id)):
        render([ballot.poll_id])
    raw = sync_redis().get(results_key(1, ballot.poll_id))
    assert isinstance(raw, bytes)
    kept, present = ResultsDocument.decode(raw[20:]), results_of(ballot.poll_id)
    assert present.ballots == 5
    assert (kept.version, kept.ballots) == (present.version - 1, 2)
