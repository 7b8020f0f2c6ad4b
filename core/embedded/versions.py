"""Reads version numbers out of what servers say about themselves."""

from __future__ import annotations

import re

Version = tuple[int, ...]

POSTGRES_FLOOR: Version = (15,)
REDIS_FLOOR: Version = (6, 2)
RABBITMQ_FLOOR: Version = (3, 10)

_NUMBERS = re.compile(r"(?<![\w.])v?=?(\d+(?:\.\d+)*)")


def parse_version(text: str) -> Version | None:
    """Return the first version number in `text`, as in `redis-server v=7.0.15 sha=…` or `18beta1`."""
    match = _NUMBERS.search(text)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def version_text(version: Version) -> str:
    """Return `version` as people write it."""
    return ".".join(str(part) for part in version)
