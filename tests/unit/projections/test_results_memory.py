"""Memory: never back, never longer than a second, never more than its bounds, and right at the turn of a poll's state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from projections.memory import Memory
from projections.prepared import prepare, with_after
from tests.unit.projections.documents import NOON, make_document


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds - 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> Memory:
    return Memory(most_polls=3, fresh_seconds=1.0, most_bytes=10_000, monotonic=clock.monotonic, now=clock.now)


def test_an_older_document_never_replaces_a_newer_one(memory: Memory) -> None:
    newer = make_document(epoch=2, version=1)
    memory.keep(newer)
    assert memory.keep(replace(newer, epoch=1, version=99)).document is newer
    assert memory.keep(replace(newer, epoch=2, version=2)).document.version == 2


def test_an_entry_is_good_for_a_second(memory: Memory, clock: Clock) -> None:
    document = make_document()
    memory.keep(document)
    clock.seconds += 0.99
    assert memory.get(str(document.poll_id)) is not None
    clock.seconds += 0.01
    assert memory.get(str(document.poll_id)) is None
    memory.keep(document)
    assert memory.get(str(document.poll_id)) is not None


def test_what_is_told_makes_only_older_entries_stale(memory: Memory) -> None:
    document = make_document(version=5)
    key = str(document.poll_id)
    memory.keep(document)
    memory.tell(document.poll_id, (1, 5))
    assert memory.get(key) is not None
    memory.tell(document.poll_id, (1, 6))
    assert memory.get(key) is None


def test_a_document_fetched_before_the_news_of_a_newer_one_stays_stale(memory: Memory) -> None:
    document = make_document(version=5)
    memory.tell(document.poll_id, (1, 6))
    assert memory.keep(document).document is document
    assert memory.get(str(document.poll_id)) is None
    memory.keep(replace(document, version=6))
    assert memory.get(str(document.poll_id)) is not None


def test_the_state_turns_at_its_moment_without_anything_being_asked(memory: Memory, clock: Clock) -> None:
    document = make_document(opens_at=NOON + timedelta(seconds=0.2), closes_at=NOON + timedelta(seconds=0.6))
    key = str(document.poll_id)
    seen = []
    memory.keep(document)
    for seconds in (0.0, 0.199, 0.2, 0.599, 0.6, 0.9):
        clock.seconds = 1000 + seconds
        entry = memory.get(key)
        assert entry is not None
        assert clock.monotonic() < entry.until <= entry.fresh_until
        seen.append((entry.prepared.state, entry.prepared.etag))
    assert [state for state, _ in seen] == ["scheduled", "scheduled", "open", "open", "closed", "closed"]
    assert len({etag for _, etag in seen}) == 3


def test_the_number_of_polls_is_bounded_and_the_longest_unused_goes(memory: Memory) -> None:
    first, *others = (make_document() for _ in range(4))
    memory.keep(first)
    memory.keep(others[0])
    memory.keep(others[1])
    memory.keep(first)
    memory.keep(others[2])
    assert set(memory.entries) == {str(document.poll_id) for document in (first, others[1], others[2])}


def test_the_bytes_are_bounded_too(memory: Memory) -> None:
    big = [make_document(title="x" * 4500) for _ in range(3)]
    for document in big:
        memory.keep(document)
    assert set(memory.entries) == {str(big[1].poll_id), str(big[2].poll_id)}
    memory.drop_all()
    for document in big:
        memory.keep(document)
    assert set(memory.entries) == {str(big[1].poll_id), str(big[2].poll_id)}


def test_watchers_hear_of_news_and_of_drops_until_they_stop(memory: Memory) -> None:
    document = make_document(version=5)
    key = str(document.poll_id)
    heard: list[str] = []
    stop = memory.watch(key, heard.append)
    memory.keep(document)
    memory.keep(document)
    memory.tell(document.poll_id, (1, 5))
    assert heard == [key]
    memory.tell(document.poll_id, (1, 6))
    memory.drop_all()
    assert heard == [key] * 3
    stop()
    memory.keep(document)
    assert heard == [key] * 3


def test_equal_tags_mean_equal_bytes_and_another_state_is_another_tag() -> None:
    document = make_document(closes_at=NOON)
    before, after = (prepare(document, NOON + timedelta(seconds=delta), vary_by_origin=False) for delta in (-1, 1))
    again = prepare(document.decode(document.encode()), NOON - timedelta(seconds=5), vary_by_origin=False)
    assert (before.etag, before.body) == (again.etag, again.body)
    assert before.etag != after.etag
    assert before.body != after.body


def test_what_some_may_not_see_no_cache_may_keep() -> None:
    document = make_document(results="after_close", closes_at=NOON)
    before, after = (prepare(document, NOON + timedelta(seconds=delta), vary_by_origin=False) for delta in (-1, 0))
    assert dict(before.headers)[b"cache-control"] == dict(before.headers_unchanged)[b"cache-control"] == b"private, no-store"
    assert dict(before.headers)[b"vary"] == b"Authorization, Cookie, X-Voter-Token, X-Voter-Code"
    assert dict(after.headers)[b"cache-control"] == b"public, max-age=1, stale-while-revalidate=5"
    assert b"vary" not in dict(after.headers)
    assert dict(prepare(document, NOON, vary_by_origin=True).headers)[b"vary"] == b"Origin"


def test_includes_after_is_added_to_the_body() -> None:
    assert with_after(b'{"a":1}', included=True) == b'{"a":1,"includes_after":true}'
    assert with_after(b'{"a":1}', included=False) == b'{"a":1,"includes_after":false}'
