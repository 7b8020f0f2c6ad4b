"""UUIDs where many are made: as the standard library's, without its checks of arguments that are right by construction."""

from __future__ import annotations

import os
from uuid import UUID, SafeUUID

_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
_FREE = ~(0xF000 << 64 | 0xC000 << 48) & (1 << 128) - 1
_new, _set = object.__new__, object.__setattr__


def uuid_of(raw: bytes) -> UUID:
    """The UUID of these sixteen bytes."""
    return _uuid(int.from_bytes(raw))


def random_uuid() -> UUID:
    """A random one (RFC 9562, version 4: 122 random bits)."""
    return _uuid(int.from_bytes(os.urandom(16)) & _FREE | _VERSION_4)


def _uuid(number: int) -> UUID:
    made = _new(UUID)
    _set(made, "int", number)
    _set(made, "is_safe", SafeUUID.unknown)
    return made
