"""The lag of each vote is the time until the first look that counted it."""

from __future__ import annotations

import pytest

from bench.lag import visible_after


def test_a_vote_is_visible_with_the_first_look_that_counts_so_many() -> None:
    stamps = [10.0, 10.1, 10.2, 10.3]
    seen = [(10.15, 1), (10.25, 2), (10.5, 4)]
    assert visible_after(stamps, seen) == pytest.approx([0.15, 0.15, 0.3, 0.2])


def test_votes_that_nobody_has_seen_yet_have_no_lag() -> None:
    assert visible_after([10.0, 10.1], [(10.2, 1)]) == pytest.approx([0.2])
    assert visible_after([10.0], []) == []


def test_clocks_that_are_a_little_apart_make_no_negative_lag() -> None:
    assert visible_after([10.0], [(9.999, 1)]) == [0.0]
