"""What beat sets off, and how often."""

from __future__ import annotations

from typing import Any

from workers.topology import SWEEP

SWEEP_SECONDS = 2.0


def beat_schedule() -> dict[str, dict[str, Any]]:
    """A sweep that nobody took before the next ones are due is dropped."""
    return {"render what lags": {"task": SWEEP, "schedule": SWEEP_SECONDS, "options": {"expires": 5 * SWEEP_SECONDS}}}
