"""The open-loop generator: `python -m bench.openloop …` sends requests when they are due, whether or not earlier ones were answered."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import orjson
import uvloop

from bench.pacing import ramp, schedule
from bench.requests import SEPARATOR
from bench.spread import percentile

_TICK = 0.001  # seconds between looks at the clock
_PATIENCE = 10.0  # seconds for what is still open at the end
_NO_BODY = (b"204", b"304")


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self.due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def send(self, request: bytes, due: float) -> None:
        self.due, self.busy = due, True
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        status = received[9:12]
        length = 0 if status in _NO_BODY else content_length(received[:end])
        if len(received) >= end + 4 + length:
            self._received, self.busy = b"", False
            self._generator.answered(self, status)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self._generator.lost(self)

    @property
    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Generator:
    """Sends `requests` at the moments `dues` (seconds from the start), each on the first connection that is free.

    `latency` counts from the moment a request was due, not from its sending: one that had to wait here, because the server had not answered those
    before it, has waited all the same. Counted from the sending, a server that stalls for a second would spoil a figure or two instead of a second's
    worth of them (coordinated omission).
    """

    def __init__(self, requests: list[bytes], dues: Iterator[float], *, again: bool) -> None:
        self._requests, self._dues, self._again = requests, dues, again
        self._sent = 0
        self._next: float | None = next(dues, None)
        self._waiting: deque[float] = deque()
        self._idle: deque[Connection] = deque()  # in turn, so that the server finds none idle for long
        self._connections: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self.due = array("d")
        self.latency = array("d")
        self.statuses: Counter[str] = Counter()
        self._address = "", 0
        self.due_so_far = 0
        self.broken = 0
        self.most_waiting = 0
        self._closing = False

    async def run(self, host: str, port: int, connections: int) -> None:
        """Until every request was answered, or some seconds after the last was due."""
        self._address = host, port
        for _ in range(connections):
            await self._connect()
        self._began = time.perf_counter()
        quiet_since = 0.0
        while self._next is not None or self._waiting or any(connection.busy for connection in self._connections):
            self._tick()
            await asyncio.sleep(_TICK)
            if self._next is None and not self._waiting:
                quiet_since = quiet_since or time.perf_counter()
                if time.perf_counter() - quiet_since > _PATIENCE:
                    break
        self._closing = True
        for connection in self._connections:
            connection.close()
        await asyncio.sleep(0)

    def answered(self, connection: Connection, status: bytes) -> None:
        now = time.perf_counter() - self._began
        self.due.append(connection.due)
        self.latency.append(now - connection.due)
        self.statuses[status.decode()] += 1
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A server may close a connection that is idle, and another takes its place; with a request under way it broke."""
        if self._closing:
            return
        self.broken += connection.busy
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        task = asyncio.get_running_loop().create_task(self._connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), *self._address)
        self._connections.add(connection)
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _tick(self) -> None:
        now = time.perf_counter() - self._began
        while self._next is not None and self._next <= now:
            self.due_so_far += 1
            while self._idle and self._idle[0].is_closing:
                self._idle.popleft()  # `lost` will be told in a moment
            if self._idle:
                self._send(self._idle.popleft(), self._next)
            else:
                self._waiting.append(self._next)
            self._next = next(self._dues, None)
        self.most_waiting = max(self.most_waiting, len(self._waiting))

    def _send(self, connection: Connection, due: float) -> None:
        if self._sent == len(self._requests):
            if not self._again:
                raise SystemExit("the requests made ahead did not last")
            self._sent = 0
        connection.send(self._requests[self._sent], due)
        self._sent += 1


def content_length(head: bytes) -> int:
    """The length that an answer's head announces. Raises `ValueError` when it announces none: then we could not tell where it ends."""
    lower = head.lower()
    place = lower.find(b"\r\ncontent-length:")
    if place < 0:
        raise ValueError("an answer without Content-Length")
    end = lower.find(b"\r\n", place + 2)
    return int(lower[place + 17 : end if end > 0 else None])


def report(generator: Generator, seconds: float) -> dict[str, object]:
    """What came of it; latencies in seconds from the moment each request was due."""
    latencies = sorted(generator.latency)
    by_second: dict[int, list[float]] = {}
    for due, latency in zip(generator.due, generator.latency, strict=True):
        by_second.setdefault(int(due), []).append(latency)
    return {
        "seconds": seconds,
        "due": generator.due_so_far,
        "answered": len(latencies),
        "statuses": dict(generator.statuses),
        "broken": generator.broken,
        "most_waiting": generator.most_waiting,
        "p50": percentile(latencies, 0.5),
        "p99": percentile(latencies, 0.99),
        "p999": percentile(latencies, 0.999),
        "slowest": latencies[-1] if latencies else 0.0,
        "by_second": [[second, len(found), percentile(found, 0.5), percentile(found, 0.99), max(found)] for second, found in sorted(by_second.items())],
    }


def main(arguments: list[str]) -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.openloop", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=Path, required=True, help="a file of requests, separated by the byte 1")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--idle", type=float, default=0.0, help="seconds without a request before all begin at once")
    parser.add_argument("--again", action="store_true", help="begin anew when the requests are used up")
    options = parser.parse_args(arguments)
    requests = options.requests.read_bytes().split(SEPARATOR)[:-1]
    dues = ramp(options.rate, options.idle, options.seconds) if options.idle else schedule(options.rate, options.seconds)
    generator = Generator(requests, dues, again=options.again)
    gc.disable()  # nothing here makes cycles, and a pause of ours would look like one of the server's
    uvloop.run(generator.run(options.host, options.port, options.connections))
    sys.stdout.write(orjson.dumps(report(generator, options.seconds)).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
