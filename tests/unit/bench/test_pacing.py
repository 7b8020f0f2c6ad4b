"""Requests of an open load are due when they should be."""

from __future__ import annotations

from bench.pacing import ramp, schedule


def test_requests_are_due_evenly() -> None:
    assert list(schedule(4, 1.0)) == [0.0, 0.25, 0.5, 0.75]


def test_a_burst_begins_at_full_rate_after_the_idle_time() -> None:
    assert list(ramp(2, 3.0, 4.0)) == [3.0, 3.5]
