"""Times on the wire: RFC 3339, UTC, one form."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`, so that equal moments are equal text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
