"""What beat sets off, and how often."""

from __future__ import annotations

from typing import Any

from workers.topology import DELETE_EXPIRED, SWEEP

SWEEP_SECONDS = 2.0
EXPIRED_SECONDS = 3600.0


def beat_schedule() -> dict[str, dict[str, Any]]:
    """What nobody took before the next ones are due is dropped."""
    return {
        "render what lags": {"task": SWEEP, "schedule": SWEEP_SECONDS, "options": {"expires": 5 * SWEEP_SECONDS}},
        "delete what has expired": {"task": DELETE_EXPIRED, "schedule": EXPIRED_SECONDS, "options": {"expires": EXPIRED_SECONDS}},
    }
