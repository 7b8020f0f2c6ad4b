"""Sitting out an outage inside a task."""

from __future__ import annotations

import pytest
from django.db import DataError, InterfaceError, OperationalError
from pytest_django import DjangoDbBlocker

from workers.outages import OutageTooLong, outlast


def test_work_is_run_again_until_the_database_is_back(django_db_blocker: DjangoDbBlocker) -> None:
    failures: list[Exception] = [OperationalError("gone"), InterfaceError("closed"), DataError("odd")]
    pauses: list[float] = []

    def work() -> str:
        if failures:
            raise failures.pop(0)
        return "done"

    with django_db_blocker.unblock():
        assert outlast(work, seconds=60, pause=pauses.append) == "done"
    assert pauses == sorted(pauses)
    assert len(pauses) == 3


def test_it_ends_when_the_time_is_over(django_db_blocker: DjangoDbBlocker) -> None:
    def work() -> None:
        raise OperationalError("gone")

    with django_db_blocker.unblock(), pytest.raises(OutageTooLong):
        outlast(work, seconds=0)


def test_what_is_not_the_databases_fault_is_raised_at_once() -> None:
    def work() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        outlast(work, seconds=60)
