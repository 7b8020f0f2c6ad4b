"""What is counted, under which names, and how `/metrics` shows it for all processes of the host."""

from __future__ import annotations

import os

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values

from core.errors import PROBLEMS
from core.metrics_folder import MetricsFolder, SharedCountsCollector
from core.progress import ProgressCollector
from core.settings.environment import STATE_DIR

FOLDER = MetricsFolder(STATE_DIR / "metrics")
with FOLDER.locked():
    FOLDER.fold()  # restarts without a scrape between them must not pile up files either
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(FOLDER.path)
values.ValueClass = values.MultiProcessValue(process_identifier=FOLDER.process_name)

_written = CollectorRegistry()  # our own: nothing that another library registers slips in

VOTES_ACCEPTED = Counter("nexus_votes_accepted_total", "Votes, changes and withdrawals that were made durable.", registry=_written)
VOTES_REFUSED = Counter("nexus_votes_refused_total", "Votes that were refused, by the problem's type.", ["reason"], registry=_written)
for _problem in PROBLEMS:  # a counter that is first seen at 1 shows no increase
    VOTES_REFUSED.labels(_problem.type)
VOTES_DUPLICATE = Counter("nexus_votes_duplicate_total", "Votes refused because the voter had voted already.", registry=_written)
GROUP_SIZE = Histogram("nexus_commit_group_votes", "Votes written by one commit.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 400, 800), registry=_written)
COMMIT_SECONDS = Histogram(
    "nexus_commit_seconds",
    "Seconds from taking a group of votes to its durable commit.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    registry=_written,
)
STREAMS_OPEN = Gauge(
    "nexus_streams_open", "Clients that follow results at this moment, by `sse` or `websocket`.", ["kind"], registry=_written, multiprocess_mode="livesum"
)
STREAMS_DROPPED = Counter("nexus_streams_dropped_total", "Streams cut off because their client took nothing for too long.", registry=_written)

_shown = CollectorRegistry()
_shown.register(SharedCountsCollector(FOLDER))
_shown.register(ProgressCollector())


def metrics_text() -> bytes:
    """Everything in Prometheus' text format: counts of this very moment, gauges at most two seconds old. Blocks for 1.5 s at most."""
    return generate_latest(_shown)


@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})
