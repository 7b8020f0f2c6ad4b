"""When garbage in cycles is looked for."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from core import garbage


class Thing:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_what_django_leaves_in_cycles_goes_after_so_many_requests() -> None:
    garbage.begin()
    left = weakref.ref(Thing())
    for _ in range(1000):
        garbage.after_django()
    assert left() is None


def test_what_outlives_a_look_and_is_left_later_goes_too() -> None:
    garbage.begin()
    thing = Thing()
    left = weakref.ref(thing)
    for _ in range(1000):
        garbage.after_django()
    assert left() is thing
    del thing
    for _ in range(20_000):
        garbage.after_django()
    assert left() is None


def test_a_crowd_of_votes_in_flight_brings_no_look() -> None:
    garbage.begin()
    before = sum(generation["collections"] for generation in gc.get_stats())
    in_flight = [[{} for _ in range(60)] for _ in range(4000)]
    assert sum(generation["collections"] for generation in gc.get_stats()) == before
    assert len(in_flight) == 4000
