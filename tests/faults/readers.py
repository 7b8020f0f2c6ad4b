"""Who reads results while things break: pollers with ETags, followers of the stream and of the WebSocket, who note every version that goes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

_PAUSE = 0.2  # seconds between two looks, and before a lost stream is opened again
_PATIENCE = aiohttp.ClientTimeout(total=5.0)
_STREAM_PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=20.0)  # a comment comes every 15 s


class Readers:
    """For each poll a poller and a follower, for the last one also a WebSocket. Belongs to one event loop."""

    def __init__(self, host: str, port: int, polls: Sequence[str]) -> None:
        self.setbacks: list[str] = []
        self.looks = 0  # answers with results in them
        self.events = 0
        self.frames = 0  # events of WebSockets
        self.unanswered = 0  # no setback: a reader asks again with what it has seen
        self.newest: dict[str, int] = dict.fromkeys(polls, 0)  # that anybody has seen of a poll
        self._address, self._polls = f"{host}:{port}", polls

    async def read(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(f"http://{self._address}", cookie_jar=aiohttp.DummyCookieJar()) as session, asyncio.TaskGroup() as readers:
            for poll in self._polls:
                readers.create_task(self._poll(session, poll))
                readers.create_task(self._follow(session, poll))
            readers.create_task(self._listen(self._polls[-1]))

    async def _poll(self, session: aiohttp.ClientSession, poll: str) -> None:
        seen, etag = 0, ""
        while True:
            try:
                headers = {"If-None-Match": etag} if etag else {}
                async with session.get(f"/api/v1/polls/{poll}/results", headers=headers, timeout=_PATIENCE) as answer:
                    if answer.status == 200:
                        version = json.loads(await answer.read())["version"]
                        seen, etag = self._note("a poller", poll, seen, version), answer.headers["ETag"]
                        self.looks += 1
            except (aiohttp.ClientError, TimeoutError, OSError):
                self.unanswered += 1
            await asyncio.sleep(_PAUSE)

    async def _follow(self, session: aiohttp.ClientSession, poll: str) -> None:
        seen = 0

        def take(line: bytes) -> None:
            nonlocal seen
            if line.startswith(b"id: "):
                seen = self._note("a follower", poll, seen, int(line[4:]))
                self.events += 1

        while True:
            try:
                headers = {"Last-Event-ID": str(seen)} if seen else {}
                async with session.get(f"/api/v1/polls/{poll}/results/stream", headers=headers, timeout=_STREAM_PATIENCE) as answer:
                    if answer.status == 200:
                        await self._lines(answer, take)
            except (aiohttp.ClientError, TimeoutError, OSError):
                self.unanswered += 1
            await asyncio.sleep(_PAUSE)

    async def _lines(self, answer: aiohttp.ClientResponse, take: Callable[[bytes], None]) -> None:
        rest = b""
        async for chunk in answer.content.iter_any():  # lines may be longer than aiohttp's own limit
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                take(line)

    async def _listen(self, poll: str) -> None:
        seen = 0
        while True:
            try:
                headers = {"Last-Event-ID": str(seen)} if seen else {}
                address = f"ws://{self._address}/ws/v1/polls/{poll}/results"
                async with connect(address, additional_headers=headers, open_timeout=5.0, ping_interval=5.0, ping_timeout=5.0, close_timeout=1.0) as socket:
                    async for frame in socket:
                        seen = self._note("a WebSocket", poll, seen, int(json.loads(frame)["id"]))
                        self.frames += 1
            except (WebSocketException, TimeoutError, OSError):
                self.unanswered += 1
            await asyncio.sleep(_PAUSE)

    def _note(self, who: str, poll: str, seen: int, version: int) -> int:
        if version < seen:
            self.setbacks.append(f"{who} of poll {poll} saw version {version} after {seen}")
        self.newest[poll] = max(self.newest[poll], version)
        return max(seen, version)
