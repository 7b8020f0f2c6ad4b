"""What both processes of the Redis peer must agree on."""

from __future__ import annotations

LIST = "peer:votes"
