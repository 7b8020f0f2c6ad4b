"""Saying once that PostgreSQL is away."""

from __future__ import annotations

import logging

import pytest

from workers.loops import Outage

GONE = OSError("server closed the connection\nunexpectedly")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock, caplog: pytest.LogCaptureFixture) -> Outage:
    caplog.set_level(logging.INFO, "workers.loops")
    return Outage(clock=clock)


def test_an_outage_is_one_line_and_its_end_another(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        outage.began("cutter", GONE)
        outage.began("publisher", GONE)
    outage.over("cutter")
    assert len(caplog.messages) == 1
    assert "\n" not in caplog.messages[0]
    outage.over("publisher")
    outage.over("cutter")
    assert len(caplog.messages) == 2


def test_a_loop_that_notices_late_does_not_make_it_a_second_outage(outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    outage.began("cutter", GONE)
    outage.over("cutter")
    clock.now += 1
    outage.began("publisher", GONE)
    outage.over("publisher")
    assert len(caplog.messages) == 2


def test_one_that_goes_on_is_said_again(outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    outage.began("cutter", GONE)
    outage.over("cutter")
    clock.now += 1
    outage.began("publisher", GONE)
    clock.now += 10
    outage.began("publisher", GONE)
    assert len(caplog.messages) == 3
