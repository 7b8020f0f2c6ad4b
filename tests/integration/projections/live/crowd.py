"""Very many clients of one process, each a socket and a few counts."""

from __future__ import annotations

import asyncio
import re

_ID = re.compile(rb"id: (\d+)\n")


class Spectator(asyncio.Protocol):
    """Follows a poll over plain HTTP; remembers which version it saw last, how many events came, and how it ended."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._rest = b""
        self.last, self.events, self.closed, self.went_back = 0, 0, 0, False
        self.ended, self.cut = False, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        text = self._rest + data
        whole = text.rfind(b"\n\n") + 1
        self._rest = text[whole:]
        for found in _ID.findall(text[:whole]):
            version = int(found)
            self.events += 1
            self.went_back |= version < self.last
            self.last = version
        self.closed += text[:whole].count(b"event: closed\n")
        self.ended |= text.endswith(b"0\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self.cut = True


async def gather_crowd(port: int, poll_id: object, size: int) -> list[Spectator]:
    """So many clients, a hundred connecting at a time."""
    loop = asyncio.get_running_loop()
    crowd: list[Spectator] = []
    path = f"/api/v1/polls/{poll_id}/results/stream"
    while len(crowd) < size:
        joining = min(100, size - len(crowd))
        joined = await asyncio.gather(*(loop.create_connection(lambda: Spectator(path), "127.0.0.1", port) for _ in range(joining)))
        crowd += [spectator for _, spectator in joined]
    return crowd
