"""The organiser's part over HTTP: an account, the election's poll, its results, its end."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, ClientSession

from demo.failures import DemoFailedError

_LEFT = re.compile(r"\br=(\d+)")
_POLICY = re.compile(r"\bq=(\d+);w=(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """The poll of the election: its one question, and its choices by candidate."""

    id: str
    slug: str
    question: str
    choices: Mapping[str, str]

    @property
    def votes_path(self) -> str:
        return f"/api/v1/polls/{self.id}/votes"


@dataclass(frozen=True, slots=True)
class Limit:
    """The server's rate limit of votes: how many may follow at once, and its rule in words."""

    left: int
    rule: str


async def register(session: ClientSession) -> str:
    """Makes an account with a random name and password; returns its access token."""
    account = {"username": f"organiser-{secrets.token_hex(5)}", "password": secrets.token_urlsafe(24)}
    mail = {"email": f"{account['username']}@example.org"}
    await _answer(await session.post("/api/v1/auth/register", json=account | mail), 201)
    pair = await _answer(await session.post("/api/v1/auth/token", json=account), 200)
    return str(pair["access"])


async def create_election(session: ClientSession, token: str, *, title: str, description: str, question: str, candidates: Sequence[str]) -> Election:
    """Makes the poll: open at once, one vote per voter, to be found by its address only, so that nobody else's vote gets between."""
    body = {
        "title": title,
        "description": description,
        "listed": False,
        "questions": [{"text": question, "kind": "single", "choices": [{"text": name} for name in candidates]}],
    }
    poll = await _answer(await session.post("/api/v1/polls", json=body, headers=_bearer(token)), 201)
    asked = poll["questions"][0]
    return Election(id=poll["id"], slug=poll["slug"], question=asked["id"], choices={choice["text"]: choice["id"] for choice in asked["choices"]})


async def vote_limit(session: ClientSession, election: Election) -> Limit | None:
    """The limit that the server puts on votes from here, None if there is none.

    Learnt from the answer to an empty ballot, which is refused and counts nowhere but against that limit.
    """
    async with session.post(election.votes_path, json={"answers": []}) as response:
        if response.status not in {400, 429}:
            raise DemoFailedError(f"an empty ballot was answered with {response.status}, not refused")
        policy, left = (response.headers.get(name, "") for name in ("RateLimit-Policy", "RateLimit"))
        rule, remaining = _POLICY.search(policy), _LEFT.search(left)
        if rule is not None:
            return Limit(int(remaining[1]) if remaining else 0, f"{int(rule[1]):,} votes in {rule[2]} s from one address")
        return Limit(0, "votes from one address are limited") if response.status == 429 else None


async def discard(session: ClientSession, token: str, election: Election) -> None:
    """Deletes the poll, in which nobody has voted."""
    async with session.delete(f"/api/v1/polls/{election.id}", headers=_bearer(token)) as response:
        if response.status != 204:
            raise DemoFailedError(f"the empty poll could not be deleted: {response.status}")


async def results(session: ClientSession, election: Election) -> dict[str, Any]:
    """The poll's results as they are now."""
    return await _answer(await session.get(f"/api/v1/polls/{election.id}/results"), 200)


async def close(session: ClientSession, token: str, election: Election) -> None:
    await _answer(await session.post(f"/api/v1/polls/{election.id}/close", headers=_bearer(token)), 200)


def tally(found: Mapping[str, Any]) -> dict[str, int]:
    """Votes by candidate out of a results document with one question."""
    return {choice["text"]: choice["votes"] for choice in found["questions"][0]["choices"]}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _answer(response: ClientResponse, status: int) -> dict[str, Any]:
    """The JSON object of an answer. Raises `DemoFailedError` when its status is another."""
    async with response:
        text = await response.text()
        if response.status != status:
            raise DemoFailedError(f"{response.method} {response.url.path} was answered with {response.status}: {text[:300]}")
        answer: dict[str, Any] = await response.json()
        return answer
