"""Voters who ask for results with their own vote in them (`?after=`), until they get them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import aiohttp

_SHARE = 25  # every so many-th answered vote comes back
_MOST_AT_ONCE = 32
_PAUSE = 0.2
_PATIENCE = aiohttp.ClientTimeout(total=5.0)  # an answer is held back for two seconds


class Returning:
    """`newest`: the newest version that any reader has seen, by poll; whoever's vote is in gets one that is no older. Belongs to one event loop."""

    def __init__(self, host: str, port: int, newest: Mapping[str, int]) -> None:
        self.setbacks: list[str] = []
        self.asked = self.satisfied = 0
        self._url, self._newest = f"http://{host}:{port}", newest
        self._answered = 0
        self._due: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @property
    def waiting(self) -> int:
        """Votes that were answered, asked for, and are not in what their voters get."""
        return self.asked - self.satisfied

    def note(self, poll: str, position: str) -> None:
        """A vote was answered with this position."""
        self._answered += 1
        if self._answered % _SHARE == 1 and self.waiting < _MOST_AT_ONCE:
            self.asked += 1
            self._due.put_nowait((poll, position))

    async def ask(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(self._url, cookie_jar=aiohttp.DummyCookieJar()) as session, asyncio.TaskGroup() as voters:
            while True:
                poll, position = await self._due.get()
                voters.create_task(self._until_in(session, poll, position))

    async def _until_in(self, session: aiohttp.ClientSession, poll: str, position: str) -> None:
        floor = self._newest[poll]  # of the first time: who asks again for a position may share the answer of an earlier question
        while True:
            try:
                async with session.get(f"/api/v1/polls/{poll}/results", params={"after": position}, timeout=_PATIENCE) as answer:
                    status, body = answer.status, await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError):
                status, body = 503, b""
            if status == 200:
                results = json.loads(body)
                if results["includes_after"]:
                    break
            elif status < 500:
                self.setbacks.append(f"a voter who asked for their vote in poll {poll} was answered {status}: {body[:200].decode(errors='replace')}")
                return
            await asyncio.sleep(_PAUSE)
        if results["version"] < floor:
            self.setbacks.append(f"a voter of poll {poll} whose vote is in saw version {results['version']} after {floor}")
        self.satisfied += 1
