"""Who votes: an open loop of voters who send the same request, with the same key, until it is answered."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping

from tests.faults.http11 import Answer, KeptConnection, NoAnswer
from tests.faults.ledger import Request
from tests.faults.polls import PollInfo

_CHANGERS = 0.04  # share of arrivals who may go on to change their vote, withdraw it, vote again
_CONNECTIONS = 64
_SECONDS = 7.0  # how long one answer is waited for; above VOTE_DEADLINE_SECONDS
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_PROBE_SECONDS = 0.05  # while nobody listens, one of all asks this often
_TICK = 0.01


class Voters:
    """Requests fall due by the clock, `rate` a second, whether or not earlier ones were answered; at most 64 are on their way at once.

    `fixed` takes plain votes, `changeable` changes too. `heard` is told the poll and position of each vote that was answered. Belongs to one event loop.
    """

    def __init__(self, host: str, port: int, *, fixed: PollInfo, changeable: PollInfo, rate: float, heard: Callable[[str, str], None]) -> None:
        self.requests: list[Request] = []
        self.answered = 0
        self.retries = 0
        self.arrivals_seconds = 0.0
        self.last_failure = ""
        self._fixed, self._changeable, self._rate, self._heard = fixed, changeable, rate, heard
        self._free = deque(KeptConnection(host, port, seconds=_SECONDS) for _ in range(_CONNECTIONS))
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._listened_to = asyncio.Event()
        self._listened_to.set()
        self._arriving = True
        self._began = 0.0
        self._voters = 0

    async def arrive(self) -> None:
        """Until `stop_arrivals`, and then until everybody has been answered. Cancelled: whoever is not answered gives up."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as crowd:
            try:
                while self._arriving:
                    self._fall_due(crowd)
                    await asyncio.sleep(_TICK)
            finally:
                self.arrivals_seconds = time.monotonic() - self._began

    def _fall_due(self, crowd: asyncio.TaskGroup) -> None:
        for _ in range(int((time.monotonic() - self._began) * self._rate) - len(self.requests)):
            self._voters += 1
            crowd.create_task(self._change(self._voters) if random.random() < _CHANGERS else self._vote(self._voters))

    def stop_arrivals(self) -> None:
        self._arriving = False

    def open_since(self, moment: float) -> int:
        """How many requests that were first sent before `moment` (by `time.monotonic`) have no answer yet."""
        return sum(request.status is None and request.first_sent < moment for request in self.requests)

    async def _vote(self, voter: int) -> None:
        await self._ask(self._fixed, voter, "POST", random.choice(self._fixed.choices), {})

    async def _change(self, voter: int) -> None:
        poll = self._changeable
        answer = await self._ask(poll, voter, "POST", poll.choices[0], {})
        if answer is None:
            return
        mine = {"X-Voter-Token": answer.headers["x-voter-token"]}
        for method, choice in (("PUT", poll.choices[1]), ("DELETE", None), ("POST", poll.choices[2]), ("PUT", poll.choices[0]))[: random.randint(0, 4)]:
            await asyncio.sleep(random.random() * 0.5)
            if not self._arriving or await self._ask(poll, voter, method, choice, mine) is None:
                return

    async def _ask(self, poll: PollInfo, voter: int, method: str, choice: str | None, credentials: Mapping[str, str]) -> Answer | None:
        """Sends one request until it is answered; None after a refusal."""
        key = secrets.token_urlsafe(24)
        request = Request(voter, poll.id, method, None if choice is None else (choice,), key, time.monotonic())
        self.requests.append(request)
        path = f"/api/v1/polls/{poll.id}/votes" + ("" if method == "POST" else "/mine")
        headers = {**credentials, "Idempotency-Key": key, "Content-Type": "application/json"}
        body = b"" if choice is None else poll.body(choice)
        pause = _FIRST_PAUSE
        while True:
            answer = await self._send(request, path, headers, body)
            if answer is not None:
                return self._note(request, answer)
            self.retries += 1
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _send(self, request: Request, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """One try; None when it has to be made again."""
        async with self._room:
            await self._listened_to.wait()
            connection = self._free.popleft()
            request.sent += 1
            try:
                answer = await connection.ask(request.method, path, headers, body)
            except NoAnswer as error:
                self.last_failure = str(error)
                return None
            except ConnectionRefusedError as error:
                self.last_failure = repr(error)
                if self._listened_to.is_set():
                    self._listened_to.clear()
                    asyncio.get_running_loop().call_later(_PROBE_SECONDS, self._listened_to.set)
                return None
            finally:
                self._free.append(connection)
        if answer.status == 503:
            self.last_failure = answer.body.decode(errors="replace")[:200]
            return None
        return answer

    def _note(self, request: Request, answer: Answer) -> Answer | None:
        if answer.status in {200, 201}:
            vote = json.loads(answer.body)
            request.receipt = vote["id"]
            self._heard(request.poll, vote["position"])
        request.status = answer.status
        if request.answered:
            self.answered += 1
            return answer
        request.refusal = answer.body[:200].decode(errors="replace")
        return None
