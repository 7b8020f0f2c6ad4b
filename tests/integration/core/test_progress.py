"""The gauges that a scrape asks of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoDbBlocker

from core import progress
from core.metrics import metrics_view
from core.progress import Progress, register_progress
from core.single_flight import SingleFlight


@pytest.fixture(autouse=True)
def fresh(django_db_setup: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress, "_readers", [])
    monkeypatch.setattr(progress, "_shared", SingleFlight(progress._read, seconds=2, name="test"))
    with django_db_blocker.unblock():
        yield


def scraped() -> dict[str, float]:
    answer = metrics_view(RequestFactory().get("/metrics"))
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    return {sample.name: sample.value for family in text_string_to_metric_families(answer.content.decode()) for sample in family.samples}


def test_what_the_reader_finds_is_shown_and_read_once_for_many_scrapes() -> None:
    reads = []

    def read(cursor: Any) -> Progress:
        cursor.execute("SELECT 7")
        reads.append(1)
        return Progress(lag_seconds=1.5, unapplied_batches=cursor.fetchone()[0], horizon_age_seconds=0.25)

    register_progress(read)
    for _ in range(5):
        shown = scraped()
    assert (shown["nexus_postgres_up"], shown["nexus_projection_lag_seconds"], shown["nexus_unapplied_batches"]) == (1, 1.5, 7)
    assert shown["nexus_horizon_age_seconds"] == 0.25
    assert len(reads) == 1


def test_a_query_that_takes_too_long_costs_the_gauges_not_the_scrape() -> None:
    def read(cursor: Any) -> Progress:
        cursor.execute("SELECT pg_sleep(30)")
        raise AssertionError

    register_progress(read)
    shown = scraped()
    assert shown["nexus_postgres_up"] == 0
    assert "nexus_projection_lag_seconds" not in shown
    assert "nexus_votes_accepted_total" in shown
