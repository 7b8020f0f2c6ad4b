"""Whether this server lives (`/livez`) and whether a vote given to it would be durable (`/readyz`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from kombu import Connection

from core.postgres import connect
from core.redis import sync_redis
from core.single_flight import SingleFlight

OK, DEGRADED, UNAVAILABLE = "ok", "degraded", "unavailable"
PATIENCE_SECONDS = 1.0
KEPT_SECONDS = 1.0

Check = Callable[[], str | None]

_log = logging.getLogger(__name__)
_vote_paths: dict[str, Check] = {}


def register_vote_path(name: str, check: Check) -> None:
    """Adds what a vote needs in this process, under a name. `check` returns None when it is able, else why not (for the log, never shown); it may raise."""
    _vote_paths[name] = check


def forget_vote_path(name: str) -> None:
    """Takes a check away again, at shutdown."""
    _vote_paths.pop(name, None)


def check_vote_path() -> str | None:
    if not _vote_paths:
        return "no vote path has started in this process"
    for name, check in list(_vote_paths.items()):
        reason = check()
        if reason is not None:
            return f"{name}: {reason}"
    return None


def check_postgres() -> str | None:
    connection = connect("default", application_name="nexus-readyz", settings={"statement_timeout": "1s"})
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_read_only')")
            row = cursor.fetchone()
            return None if row == ("off",) else "it takes no writes (a standby, or set read-only)"
    finally:
        connection.close()


def check_redis() -> str | None:
    sync_redis().ping()
    return None


def check_broker() -> str | None:
    with Connection(settings.BROKER_URL, connect_timeout=PATIENCE_SECONDS) as connection:
        bounds = {"amqp": ("read_timeout", "write_timeout"), "redis": ("socket_timeout", "socket_connect_timeout")}
        names = bounds.get(connection.transport.driver_type, ())
        connection.transport_options = dict.fromkeys(names, PATIENCE_SECONDS)
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)  # its own `connect` would pause for two seconds
    return None


def _watched(name: str, check: Check) -> SingleFlight[str | None]:
    """A check that turns whatever it raises into a reason, and logs when its outcome changes."""
    last: list[str | None] = [None]

    def run() -> str | None:
        try:
            reason = check()
        except Exception as error:  # noqa: BLE001  (any failure of a dependency is the finding)
            reason = type(error).__name__
        if (reason is None) != (last[0] is None):
            _log.warning("readiness: %s %s", name, "is back" if reason is None else f"failed ({reason})")
        last[0] = reason
        return reason

    return SingleFlight(run, seconds=KEPT_SECONDS, name=f"readyz-{name}")


# name → (check, needed for a vote to be durable)
_CHECKS: dict[str, tuple[SingleFlight[str | None], bool]] = {
    "postgres": (_watched("postgres", check_postgres), True),
    "vote_path": (_watched("vote_path", check_vote_path), True),
    "redis": (_watched("redis", check_redis), False),
    "broker": (_watched("broker", check_broker), False),
}


def readiness() -> tuple[int, dict[str, object]]:
    """HTTP status and body of `/readyz`. All checks run at once; what takes longer than a second counts as failed. Blocks for that second at most."""
    flights: dict[str, Future[str | None]] = {name: check.future() for name, (check, _) in _CHECKS.items()}
    deadline = time.monotonic() + PATIENCE_SECONDS
    failed = set()
    for name, flight in flights.items():
        try:
            reason = flight.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            reason = "no answer in time"
        if reason is not None:
            failed.add(name)
    vital = {name for name, (_, needed) in _CHECKS.items() if needed}
    status = UNAVAILABLE if failed & vital else DEGRADED if failed else OK
    checks = {name: {"status": UNAVAILABLE if name in failed else OK} for name in _CHECKS}
    return (503 if status == UNAVAILABLE else 200), {"status": status, "checks": checks}


@require_safe
def livez(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    return JsonResponse({"status": OK}, headers={"Cache-Control": "no-store"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    status, body = readiness()
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "1"} if status == 503 else {})
    return JsonResponse(body, status=status, headers=headers)
