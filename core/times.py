"""Times on the wire: RFC 3339, UTC, one form."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(64)  # all votes of a group have one time
def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`, so that equal moments are equal text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
