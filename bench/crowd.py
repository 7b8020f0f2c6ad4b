"""Voters who come at a given rate whether or not the server keeps up, each with a key of its own, over as many connections as that takes.

`bench/openloop.py` measures latency over a given number of connections and takes every refusal for a failure; here refusals are what is looked at.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from bench.openloop import content_length

_TICK_SECONDS = 0.002
_OPENED_AT_ONCE = 64
_BETWEEN_OPENINGS = 0.02  # seconds
_SETTLE_SECONDS = 15.0  # longer than the server may take for any answer
_run = secrets.token_urlsafe(12)
_numbers = itertools.count()


@dataclass(slots=True)
class Outcome:
    """What became of a load. Seconds from the moment a vote was due to its 201, to its refusal, and to its being sent.

    The last says how far the voters themselves were short of a machine; it is part of the other two, so that nothing is hidden. `sent_again` are votes
    on connections that ended without a word after earlier answers, as connections do that were long idle: once more with the same key, as clients
    should. `unsent` found no connection in time.
    """

    seconds: float
    sent: int = 0
    sent_again: int = 0
    unsent: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    broken: int = 0
    unanswered: int = 0
    latencies: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        return self.answers[201]


@dataclass(slots=True)
class _Vote:
    due: float
    request: bytes
    is_second_try: bool = False


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, done: Callable[[_Connection, int, bytes], None], lost: Callable[[_Connection], None]) -> None:
        self._done, self._lost = done, lost
        self._buffer = b""
        self.vote = _Vote(0.0, b"")
        self.busy = self.was_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, vote: _Vote) -> None:
        self.vote, self.busy, self._buffer = vote, True, b""
        self._transport.write(vote.request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        if gap and len(body) >= content_length(head):
            self.busy, self.was_answered = False, True
            self._done(self, int(head[9:12]), head.lower())

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lost(self)
        if self.busy:
            self.busy = False
            self._done(self, 0, b"")

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()


class Load:
    """Votes for one poll at `host:port`. Either `closed` or `open` at a time."""

    def __init__(self, host: str, port: int, path: str, body: bytes) -> None:
        self._host, self._port = host, port
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
        self._head, self._tail = head.encode(), b"\r\n\r\n" + body
        self._free: deque[_Connection] = deque()
        self._all: set[_Connection] = set()
        self._due: deque[_Vote] = deque()
        self._opening = 0
        self._again = False
        self._until = 0.0
        self.outcome = Outcome(0.0)

    async def closed(self, *, connections: int, seconds: float) -> Outcome:
        """So many voters, each of whom is followed by the next as soon as it is answered: the most the server does."""
        self._begin(seconds, again=True)
        await self.prepare(connections)
        for _ in range(connections):
            self._send(self._vote(time.perf_counter()))
        await asyncio.sleep(max(0.0, self._until - time.perf_counter()))
        return await self._settle()

    async def open(self, *, rate: float, seconds: float) -> Outcome:
        """`rate` voters a second, whatever becomes of those before them."""
        self._begin(seconds, again=False)
        begun, planned = time.perf_counter(), 0
        while (now := time.perf_counter()) < self._until:
            wanted = int((now - begun) * rate)
            for number in range(planned, wanted):
                self._due.append(self._vote(begun + number / rate))
            planned = wanted
            self._send_due()
            await asyncio.sleep(_TICK_SECONDS)
        self._send_due()
        return await self._settle()

    async def prepare(self, connections: int) -> int:
        """Opens so many connections, a few at a time: a kernel that is short of room for new ones makes each wait for seconds. Returns how many there are.

        Fewer when the system has no more files or ports, which it keeps for a minute after an earlier run; raises `ConnectionError` when there are none.
        """
        broken = self.outcome.broken
        while len(self._free) < connections:
            before = len(self._free)
            await asyncio.gather(*(self._open_one() for _ in range(min(_OPENED_AT_ONCE, connections - before))))
            await asyncio.sleep(_BETWEEN_OPENINGS)
            if len(self._free) == before:
                break
        self.outcome.broken = broken  # no vote was lost by those that could not be opened
        if not self._free:
            raise ConnectionError("no connection can be opened")
        return len(self._free)

    def stop(self) -> None:
        for connection in self._all:
            connection.close()

    def _begin(self, seconds: float, *, again: bool) -> None:
        self.outcome = Outcome(seconds)
        self._again, self._until = again, time.perf_counter() + seconds
        self._due.clear()

    def _send_due(self) -> None:
        while self._due and self._has_free():
            self._send(self._due.popleft())
        for _ in range(min(len(self._due), _OPENED_AT_ONCE) - self._opening):
            self._opening += 1
            asyncio.get_running_loop().create_task(self._open_one())

    async def _open_one(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(lambda: _Connection(self._answered, self._lost), self._host, self._port)
        except OSError:
            self.outcome.broken += 1
            return
        finally:
            self._opening = max(0, self._opening - 1)  # those that were prepared are not counted
        self._all.add(connection)
        self._free.append(connection)
        if self._due and self._has_free():
            self._send(self._due.popleft())

    def _has_free(self) -> bool:
        """The server hangs up on who says nothing for a while, as it should; those are left."""
        while self._free and not self._free[-1].is_open:
            self._free.pop()
        return bool(self._free)

    def _lost(self, connection: _Connection) -> None:
        self._all.discard(connection)
        if connection in self._free:
            self._free.remove(connection)

    def _vote(self, due: float) -> _Vote:
        return _Vote(due, b"%s%s-%012d%s" % (self._head, _run.encode(), next(_numbers), self._tail))

    def _send(self, vote: _Vote) -> None:
        connection = self._free.pop()
        if vote.is_second_try:
            self.outcome.sent_again += 1
        else:
            self.outcome.sent += 1
            self.outcome.lateness.append(time.perf_counter() - vote.due)
        connection.send(vote)

    def _answered(self, connection: _Connection, status: int, head: bytes) -> None:
        vote, outcome = connection.vote, self.outcome
        if status == 0:
            if vote.is_second_try or not connection.was_answered:
                outcome.broken += 1
            else:
                self._due.appendleft(_Vote(vote.due, vote.request, is_second_try=True))
                self._send_due()
            return
        took = time.perf_counter() - vote.due
        outcome.answers[status] += 1
        (outcome.latencies if status == 201 else outcome.refusals).append(took)
        if status == 503 and b"\r\nretry-after:" not in head:
            outcome.without_retry_after += 1
        if b"\r\nconnection: close" in head:
            self._all.discard(connection)
        else:
            self._free.append(connection)
        if self._again and self._has_free() and time.perf_counter() < self._until:
            self._send(self._vote(time.perf_counter()))

    async def _settle(self) -> Outcome:
        """Waits for the last answers."""
        end = time.perf_counter() + _SETTLE_SECONDS
        outcome = self.outcome
        while outcome.sent > sum(outcome.answers.values()) + outcome.broken and time.perf_counter() < end:  # noqa: ASYNC110  (only when all is over)
            await asyncio.sleep(0.02)
        outcome.unsent = len(self._due)
        outcome.unanswered = outcome.sent - sum(outcome.answers.values()) - outcome.broken
        return outcome
