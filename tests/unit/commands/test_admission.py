"""Which votes are let in: with the clock in hand, a process of a known pace, and more voters than it can serve."""

from __future__ import annotations

from collections import deque

import pytest

from commands.admission import Admission
from core.errors import Unavailable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Answers `pace` votes a second, first come, first served; `come` is a second's worth of voters. What it saw stands in its lists."""

    def __init__(self, *, always: int = 10, most: int = 100_000, wait_seconds: float = 1.0) -> None:
        self.clock = Clock()
        self.admission = Admission(always=always, most=most, wait_seconds=wait_seconds, clock=self.clock)
        self.waits: list[float] = []
        self.refused = 0
        self._line: deque[tuple[object, float]] = deque()

    def run(self, *, seconds: float, coming: int, pace: int, step: float = 0.01) -> None:
        """`coming` and `pace` are votes a second."""
        came = served = 0.0
        for _ in range(round(seconds / step)):
            self.clock.now += step
            came, served = came + coming * step, served + pace * step
            while came >= 1:
                came -= 1
                try:
                    self._line.append((self.admission.enter(), self.clock.now))
                except Unavailable as refusal:
                    self.refused += 1
                    assert 1.0 <= (refusal.retry_after or 0) <= 3.0
            while served >= 1 and self._line:
                served -= 1
                place, since = self._line.popleft()
                self.admission.leave(place)
                self.waits.append(self.clock.now - since)
            served = min(served, 1.0) if not self._line else served

    def refused_in(self, **run: float) -> int:
        before = self.refused
        self.run(**run)  # type: ignore[arg-type]
        return self.refused - before


def test_a_process_that_keeps_up_refuses_nobody() -> None:
    server = Server()
    assert server.refused_in(seconds=10, coming=900, pace=1000) == 0


@pytest.mark.parametrize("times", [2, 3, 10])
def test_at_several_times_the_capacity_the_pace_stays_full_and_no_wait_grows_beyond_the_bound(times: int) -> None:
    server = Server()
    server.run(seconds=5, coming=1000, pace=1000)
    server.waits.clear()
    refused = server.refused_in(seconds=20, coming=1000 * times, pace=1000)
    assert refused == pytest.approx(20_000 * (times - 1), rel=0.1)
    assert len(server.waits) == pytest.approx(20_000, rel=0.01)
    steady = server.waits[5_000:]
    assert max(steady) < 1.3
    assert server.admission.inside < 1300


def test_a_crowd_that_comes_to_an_idle_process_is_let_in() -> None:
    server = Server()
    server.run(seconds=5, coming=20, pace=1000)
    assert server.refused_in(seconds=0.2, coming=4000, pace=1000) == 0


def test_while_nothing_is_answered_only_so_many_wait_and_afterwards_all_is_as_before() -> None:
    server = Server()
    server.run(seconds=5, coming=500, pace=1000)
    server.run(seconds=5, coming=500, pace=0)
    assert server.admission.inside < 500
    server.run(seconds=3, coming=500, pace=1000)
    assert server.refused_in(seconds=10, coming=500, pace=1000) == 0


def test_however_slow_the_answers_are_two_groups_find_room() -> None:
    """Each commit takes two seconds and a whole group: refusing by the wait alone would leave the committer idle."""
    clock = Clock()
    admission = Admission(always=20, most=1000, wait_seconds=1.0, clock=clock)
    for _ in range(30):
        inside = []
        for _ in range(20):
            clock.now += 0.1
            inside.append(admission.enter())
        for place in inside:
            admission.leave(place)


def test_no_more_than_the_limit_are_ever_inside() -> None:
    admission = Admission(always=800, most=3, wait_seconds=1.0, clock=Clock())
    places = [admission.enter() for _ in range(3)]
    with pytest.raises(Unavailable):
        admission.check()
    admission.leave(places[1])
    admission.check()


def test_votes_that_went_unanswered_say_nothing_of_the_pace() -> None:
    clock = Clock()
    admission = Admission(always=1, most=1000, wait_seconds=1.0, clock=clock)
    for _ in range(500):
        admission.leave(admission.enter(), answered=False)
    admission.enter()
    clock.now += 0.5
    with pytest.raises(Unavailable):
        admission.enter()


def test_votes_that_are_on_their_way_count_as_if_they_were_in() -> None:
    admission = Admission(always=10, most=20, wait_seconds=1.0)
    assert [admission.crowded(coming) for coming in (0, 9, 19, 20)] == [False, False, False, True]
    admission.enter()
    assert [admission.crowded(coming) for coming in (18, 19)] == [False, True]
