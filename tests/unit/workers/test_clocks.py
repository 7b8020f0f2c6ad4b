"""Readings of clock and counter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workers.clocks import Clocks, Reading

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def reading(second: int, counter: int, epoch: int = 1) -> Reading:
    return Reading(NOON + timedelta(seconds=second), epoch, counter)


def test_of_equal_positions_the_newest_clock_is_kept() -> None:
    clocks = Clocks()
    for second in range(3):
        clocks.note(reading(second, counter=7))
    assert list(clocks) == [reading(2, counter=7)]


def test_what_is_cut_needs_no_more_than_its_newest_reading() -> None:
    clocks = Clocks()
    for second in range(5):
        clocks.note(reading(second, counter=10 + second))
    clocks.forget_before(1, 12)
    assert list(clocks) == [reading(2, 12), reading(3, 13), reading(4, 14)]
    clocks.forget_before(1, 5)
    assert len(list(clocks)) == 3


def test_a_later_epoch_lies_after_every_counter_of_an_earlier_one() -> None:
    clocks = Clocks()
    clocks.note(reading(0, counter=900))
    clocks.note(reading(1, counter=3, epoch=2))
    clocks.forget_before(2, 2)
    assert list(clocks) == [reading(0, 900), reading(1, 3, epoch=2)]


def test_a_long_wait_keeps_the_first_the_last_and_few_between() -> None:
    clocks = Clocks()
    for second in range(5000):
        clocks.note(reading(second, counter=second))
    kept = list(clocks)
    assert len(kept) <= 128
    assert kept[0] == reading(0, 0)
    assert kept[-1] == reading(4999, 4999)
