"""What beat sets off, and how often."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from workers.topology import AUDIT, DELETE_EXPIRED, SWEEP, uses_amqp

SWEEP_SECONDS = 2.0
EXPIRED_SECONDS = 3600.0


def beat_schedule() -> dict[str, dict[str, Any]]:
    """What nobody took before the next ones are due is dropped."""
    schedule: dict[str, dict[str, Any]] = {
        "render what lags": {"task": SWEEP, "schedule": SWEEP_SECONDS, "options": _lasting(5 * SWEEP_SECONDS)},
        "delete what has expired": {"task": DELETE_EXPIRED, "schedule": EXPIRED_SECONDS, "options": _lasting(EXPIRED_SECONDS)},
    }
    if settings.AUDIT_EVERY_SECONDS > 0:
        every = settings.AUDIT_EVERY_SECONDS
        schedule["audit some polls"] = {"task": AUDIT, "schedule": every, "options": _lasting(every)}
    return schedule


def _lasting(seconds: float) -> dict[str, Any]:
    """RabbitMQ drops the message itself. Redis cannot, and leaves it to the worker's clock: one that is ahead of beat's would never do anything."""
    return {"expiration": seconds} if uses_amqp() else {"expires": seconds}
