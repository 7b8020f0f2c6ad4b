"""Random bytes and UUIDs where many are made: as the standard library's, without its checks of arguments that are right by construction."""

from __future__ import annotations

import os
from uuid import UUID, SafeUUID

_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
_FREE = ~(0xF000 << 64 | 0xC000 << 48) & (1 << 128) - 1
_AT_ONCE = 256
_new, _set = object.__new__, object.__setattr__
_ready: list[bytes] = []
os.register_at_fork(after_in_child=_ready.clear)  # a child must not give out what its parent does


def random_bytes() -> bytes:
    """Sixteen bytes of the system's randomness, which is asked for many at once: the call costs more than the bytes. From any thread."""
    try:
        return _ready.pop()
    except IndexError:
        raw = os.urandom(16 * _AT_ONCE)
        _ready.extend(raw[start : start + 16] for start in range(16, len(raw), 16))
        return raw[:16]


def uuid_of(raw: bytes) -> UUID:
    """The UUID of these sixteen bytes."""
    return _uuid(int.from_bytes(raw))


def random_uuid() -> UUID:
    """A random one (RFC 9562, version 4: 122 random bits)."""
    return _uuid(int.from_bytes(random_bytes()) & _FREE | _VERSION_4)


def _uuid(number: int) -> UUID:
    made = _new(UUID)
    _set(made, "int", number)
    _set(made, "is_safe", SafeUUID.unknown)
    return made
