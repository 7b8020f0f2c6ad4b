"""The small drawing of when votes came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pages.timeline_drawing import HEIGHT, bucket_for, draw

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lasted", "bucket"), [(timedelta(minutes=5), "minute"), (timedelta(hours=3), "minute"), (timedelta(days=2), "hour"), (timedelta(days=40), "day")]
)
def test_the_bucket_suits_how_long_it_lasted(lasted: timedelta, bucket: str) -> None:
    assert bucket_for(NOON, NOON + lasted) == bucket


def test_bars_stand_at_their_time_and_the_highest_fills_the_height() -> None:
    drawing = draw({"bucket": "minute", "buckets": [{"start": "2026-05-01T12:00:00Z", "ballots": 5}, {"start": "2026-05-01T12:20:00Z", "ballots": 10}]})
    assert drawing is not None
    assert [(bar.x, bar.y, bar.height) for bar in drawing.bars] == [(0, HEIGHT / 2, HEIGHT / 2), (20, 0, HEIGHT)]
    assert (drawing.width, drawing.most, drawing.peak) == (21, 10, NOON + timedelta(minutes=20))


def test_nothing_is_drawn_of_nothing_and_a_single_bar_is_no_wall() -> None:
    assert draw({"bucket": "day", "buckets": []}) is None
    drawing = draw({"bucket": "day", "buckets": [{"start": "2026-05-01T00:00:00Z", "ballots": 3}]})
    assert drawing is not None
    assert drawing.width > 10
