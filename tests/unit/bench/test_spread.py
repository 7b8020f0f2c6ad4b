"""Medians, ratios and percentiles are what they are called."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bench.spread import Spread, percentile, ratio, spread

figures = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=30)


def test_a_spread_is_the_median_between_the_extremes() -> None:
    assert spread([5.0, 1.0, 3.0]) == Spread(3.0, 1.0, 5.0, 3)
    assert spread([]) is None


def test_a_ratio_is_taken_round_by_round() -> None:
    """Both were slow in the second round, which says nothing about how they compare."""
    assert ratio({1: 100.0, 2: 50.0, 3: 100.0}, {1: 10.0, 2: 5.0, 3: 10.0}) == Spread(10.0, 10.0, 10.0, 3)


def test_a_round_that_one_side_lacks_has_no_ratio() -> None:
    assert ratio({2: 50.0, 3: 100.0}, {1: 10.0, 3: 10.0}) == Spread(10.0, 10.0, 10.0, 1)
    assert ratio({1: 100.0}, {}) is None


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0), percentile(values, 0.0)) == (50.0, 99.0, 100.0, 1.0)
    assert math.isnan(percentile([], 0.5))


@given(figures, st.floats(min_value=0, max_value=1))
def test_so_many_of_the_values_do_not_exceed_the_percentile(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
