"""The timeline's promises, whatever the minutes are while batches come in out of order."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from projections.timeline import BUCKETS, Minute, Timeline, buckets, settled
from tests.unit.projections.documents import NOON

MINUTES = st.dictionaries(st.integers(-10_000, 40_000_000).map(lambda n: n * 60), st.integers(-50, 50), max_size=60).map(lambda found: sorted(found.items()))
SECONDS = st.sampled_from(sorted(BUCKETS.values()))
BASE = 1_700_000_040  # the beginning of some minute


@given(MINUTES, SECONDS)
def test_no_bucket_is_below_one_and_together_they_are_the_ballots(minutes: list[Minute], seconds: int) -> None:
    counted = buckets(minutes, seconds=seconds)
    assert all(n > 0 for _, n in counted)
    assert sum(n for _, n in counted) == max(0, sum(n for _, n in minutes))


@given(MINUTES, SECONDS)
def test_buckets_are_in_order_each_once_and_begin_on_the_minute_hour_or_day(minutes: list[Minute], seconds: int) -> None:
    starts = [start for start, _ in buckets(minutes, seconds=seconds)]
    assert starts == sorted(set(starts))
    assert all(start % seconds == 0 for start in starts)


@given(MINUTES)
def test_hours_and_days_are_sums_of_minutes(minutes: list[Minute]) -> None:
    fine = buckets(minutes, seconds=60)
    for seconds in (3600, 86_400):
        assert buckets(fine, seconds=seconds) == buckets(minutes, seconds=seconds)


@given(MINUTES)
def test_no_minute_shows_more_than_it_has(minutes: list[Minute]) -> None:
    known = dict(minutes)
    assert all(0 < n <= known[second] for second, n in settled(minutes))


@given(MINUTES.map(lambda minutes: [(second, abs(n)) for second, n in minutes]))
def test_without_a_minute_below_zero_nothing_is_changed(minutes: list[Minute]) -> None:
    assert settled(minutes) == [(second, n) for second, n in minutes if n]


def test_what_is_missing_in_a_minute_is_taken_from_the_newest() -> None:
    assert settled([(0, 5), (60, -2), (120, 1), (180, 3)]) == [(0, 5), (120, 1), (180, 1)]
    assert settled([(0, 1), (60, -5)]) == []


def test_the_body_names_its_bucket_in_utc_and_sums_up() -> None:
    timeline = Timeline(poll_id=uuid.uuid4(), epoch=1, version=7, as_of=NOON, minutes=((BASE, 2), (BASE + 60, 3), (BASE + 3600, 1)))
    answer = orjson.loads(timeline.body("hour"))
    assert (answer["bucket"], answer["ballots"], answer["version"]) == ("hour", 6, 7)
    assert [bucket["ballots"] for bucket in answer["buckets"]] == [5, 1]
    assert answer["buckets"][0]["start"] == "2023-11-14T22:00:00Z"
    assert datetime.fromisoformat(answer["buckets"][1]["start"]) == datetime(2023, 11, 14, 23, tzinfo=UTC)
