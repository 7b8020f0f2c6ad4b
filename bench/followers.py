"""Very many who follow one poll's results: `python -m bench.followers …` keeps server-sent events open and says when the last of them has seen a count.

It prints a line of JSON when all are connected, one for every count of ballots that all have seen, and one at the end, when its input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import sys
import time
from dataclasses import dataclass
from typing import cast

import orjson
import uvloop

_BALLOTS = re.compile(rb'"ballots":\s*(\d+)')
_AT_ONCE = 200  # connections that are opened together


@dataclass(slots=True)
class Sight:
    """One count of ballots: how many have seen it, and when the first and the last did (`time.time`)."""

    clients: int
    first: float
    last: float


class Audience:
    """What all followers have seen."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.events = 0
        self.lost = 0
        self.refused = 0
        self.settled = asyncio.Event()  # all have their first event, or one never will
        self._sights: dict[int, Sight] = {}

    def saw(self, ballots: int) -> None:
        now = time.time()
        self.events += 1
        if self.events >= self.size:
            self.settled.set()
        sight = self._sights.get(ballots)
        if sight is None:
            sight = self._sights[ballots] = Sight(0, now, now)
        sight.clients += 1
        sight.last = now
        if sight.clients == self.size:
            tell({"ballots": ballots, "clients": sight.clients, "first": sight.first, "last": sight.last})

    def refuse(self) -> None:
        self.refused += 1
        self.settled.set()

    def lose(self) -> None:
        self.lost += 1
        self.settled.set()


class Follower(asyncio.Protocol):
    """One connection; reads events and keeps nothing of them but the last count."""

    def __init__(self, audience: Audience, request: bytes) -> None:
        self._audience, self._request = audience, request
        self._rest = b""
        self._began = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        if not self._began and (events or b"\r\n\r\n" in self._rest):
            self._began = True
            if not (events or [self._rest])[0].startswith(b"HTTP/1.1 200"):
                self._audience.refuse()
        for event in events:
            match = _BALLOTS.search(event)
            if match is not None:
                self._audience.saw(int(match[1]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self._audience.lose()


def tell(line: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


async def follow(host: str, port: int, path: str, clients: int) -> None:
    """Opens all streams, then listens until standard input ends."""
    loop = asyncio.get_running_loop()
    audience = Audience(clients)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
    opened = 0
    while opened < clients:
        batch = min(_AT_ONCE, clients - opened)
        await asyncio.gather(*(loop.create_connection(lambda: Follower(audience, request), host, port) for _ in range(batch)))
        opened += batch
    await audience.settled.wait()
    tell({"open": clients - audience.lost - audience.refused})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        pass
    tell({"events": audience.events, "lost": audience.lost, "refused": audience.refused})


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.followers", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--clients", type=int, required=True)
    options = parser.parse_args(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(follow(options.host, options.port, options.path, options.clients))


if __name__ == "__main__":
    main(sys.argv[1:])
