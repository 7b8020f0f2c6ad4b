"""Very many voters at once: each sends one ballot and sends it again until it is answered."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession

from demo.failures import DemoFailedError
from demo.organiser import Election

PATIENCE = 60.0  # seconds that one voter keeps trying
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds between tries


@dataclass(slots=True)
class Turnout:
    """What has been cast so far. `latencies` in seconds, from a voter's first try to the answer 201; `begun` and `ended` by `time.perf_counter`."""

    latencies: list[float] = field(default_factory=list)
    retries: int = 0
    begun: float = 0.0
    ended: float = 0.0

    @property
    def cast(self) -> int:
        return len(self.latencies)

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    @property
    def per_second(self) -> float:
        return self.cast / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency in seconds that `share` (0 to 1) of the voters did not exceed; 0 before the first."""
        ranked = sorted(self.latencies)
        return ranked[min(int(share * len(ranked)), len(ranked) - 1)] if ranked else 0.0


def ballots(election: Election) -> dict[str, bytes]:
    """The body of a vote for each candidate."""
    return {name: json.dumps({"answers": [{"question": election.question, "choices": [choice]}]}).encode() for name, choice in election.choices.items()}


async def cast_all(
    session: ClientSession, election: Election, votes: Iterable[str], *, connections: int, turnout: Turnout, on_cast: Callable[[], object]
) -> None:
    """Casts every vote as a voter of its own, `connections` at a time, and keeps `turnout` as it goes.

    Nobody brings a cookie: the server makes each a new voter, who is the same one when the request is sent again, by its Idempotency-Key.
    Raises `DemoFailedError` at the first vote that is refused, or not answered for `PATIENCE` seconds.
    """
    bodies = ballots(election)
    queue = (bodies[name] for name in votes)
    turnout.begun = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as booths:
            for _ in range(connections):
                booths.create_task(_booth(session, election.votes_path, queue, turnout, on_cast))
    except ExceptionGroup as group:
        failures, others = group.split(DemoFailedError)
        if failures is None or others is not None:
            raise
        raise failures.exceptions[0] from None  # not in an `except*`: older Pythons put what is raised there into a group again
    finally:
        turnout.ended = time.perf_counter()


async def _booth(session: ClientSession, path: str, queue: Iterator[bytes], turnout: Turnout, on_cast: Callable[[], object]) -> None:
    for body in queue:
        begun = time.perf_counter()
        repeated = await _cast(session, path, body)
        turnout.retries += repeated  # not in one line: `+= await` would read before the wait
        turnout.latencies.append(time.perf_counter() - begun)
        on_cast()


async def _cast(session: ClientSession, path: str, body: bytes) -> int:
    """One voter; returns how often they had to try again."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_urlsafe(24)}
    give_up = time.monotonic() + PATIENCE
    pause = _FIRST_PAUSE
    tries = 0
    while True:
        try:
            async with session.post(path, data=body, headers=headers) as response:
                answer = await response.read()
            if response.status == 201:
                return tries
            trouble = f"{response.status} {answer[:300].decode(errors='replace')}"
            if response.status != 503:
                raise DemoFailedError(f"a vote was refused: {trouble}")
        except (ClientConnectionError, ClientPayloadError, TimeoutError) as error:
            trouble = str(error) or type(error).__name__
        if time.monotonic() > give_up:
            raise DemoFailedError(f"a vote was not taken for {PATIENCE:g} s: {trouble}")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        tries += 1
