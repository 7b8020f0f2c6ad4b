"""Bodies made once and sent many times: a bounded memory, the least recently used go first. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptBody:
    """`etag` says which version of what the key names this is; equal tags mean equal bytes."""

    etag: bytes
    body: bytes


class KeptBodies:
    """One body per key, bounded in bytes. Belongs to one thread."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bodies: OrderedDict[Hashable, KeptBody] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, etag: bytes) -> bytes | None:
        """The body of this very version, if it is still there."""
        kept = self._bodies.get(key)
        if kept is None or kept.etag != etag:
            return None
        self._bodies.move_to_end(key)
        return kept.body

    def keep(self, key: Hashable, etag: bytes, body: bytes) -> None:
        """Remembers the body in place of the key's former one; one larger than all the room is not kept."""
        former = self._bodies.pop(key, None)
        if former is not None:
            self._bytes -= len(former.body)
        if len(body) > self._most_bytes:
            return
        self._bodies[key] = KeptBody(etag, body)
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            _, dropped = self._bodies.popitem(last=False)
            self._bytes -= len(dropped.body)
