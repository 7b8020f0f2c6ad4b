"""How far the results are behind the votes, asked of PostgreSQL when somebody scrapes, by a reader that the composition root plugs in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg2
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.dbapi import Cursor
from core.postgres import connect
from core.single_flight import SingleFlight

if TYPE_CHECKING:
    from prometheus_client import Metric

KEPT_SECONDS = 2.0  # with the scraper's own pace this keeps every number under 5 s old
PATIENCE_SECONDS = 1.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far behind. `lag_seconds`: age of the oldest vote not yet in the results, 0 when all are.

    `horizon_age_seconds`: age of the oldest transaction that holds the log's horizon, 0 when none does. `drifted_polls`: those whose last audit found
    something wrong. `audit_age_seconds`: since the last audit of any poll, None when there was none.
    """

    lag_seconds: float
    unapplied_batches: int
    horizon_age_seconds: float
    drifted_polls: int = 0
    audit_age_seconds: float | None = None


ProgressReader = Callable[[Cursor], Progress]
_readers: list[ProgressReader] = []


def register_progress(reader: ProgressReader) -> None:
    """Plugs in what reads `Progress` with a cursor of its own, in autocommit, within two seconds a statement. The last one registered counts."""
    _readers[:] = [reader]


def _read() -> Progress | None:
    """None when no reader is plugged in. Raises `psycopg2.Error` when PostgreSQL does not answer."""
    connection = connect("direct", application_name="nexus-metrics", settings={"statement_timeout": "2s"})
    try:
        with connection.cursor() as cursor:
            if not _readers:
                cursor.execute("SELECT 1")
                return None
            return _readers[-1](cursor)
    finally:
        connection.close()


_shared: SingleFlight[Progress | None] = SingleFlight(_read, seconds=KEPT_SECONDS, name="metrics-progress")


class ProgressCollector(Collector):
    """Gauges of `Progress`, one query in `KEPT_SECONDS` per process however many scrape. Without PostgreSQL only `nexus_postgres_up 0`."""

    def collect(self) -> Iterator[Metric]:
        up, progress = True, None
        try:
            progress = _shared.future().result(timeout=PATIENCE_SECONDS)
        except (psycopg2.Error, TimeoutError) as error:
            up = False
            _log.warning("PostgreSQL did not answer a scrape (%s)", type(error).__name__)
        yield GaugeMetricFamily("nexus_postgres_up", "1 if PostgreSQL answered this scrape, else 0.", value=float(up))
        if progress is None:
            return
        yield GaugeMetricFamily("nexus_projection_lag_seconds", "Age of the oldest durable vote that is not in the results yet.", value=progress.lag_seconds)
        yield GaugeMetricFamily("nexus_unapplied_batches", "Batches cut from the log and not yet in the tallies.", value=progress.unapplied_batches)
        yield GaugeMetricFamily("nexus_horizon_age_seconds", "Age of the oldest transaction that holds the log's horizon.", value=progress.horizon_age_seconds)
        yield GaugeMetricFamily("nexus_tally_drift_polls", "Polls whose results the last audit found to differ from the log.", value=progress.drifted_polls)
        if progress.audit_age_seconds is not None:
            yield GaugeMetricFamily("nexus_audit_age_seconds", "Seconds since a poll was last audited.", value=progress.audit_age_seconds)
