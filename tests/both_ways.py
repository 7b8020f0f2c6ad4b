"""Sends a vote to a real server in one piece, which may take the short way, or in two, which takes the long one, and says which way it went."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from commands.engine import engine
from core import metrics
from core.accounts.revocations import revocations
from core.errors import PROBLEMS
from core.short_way import ShortWay, short_way
from tests.factories import ballot, make_poll
from tests.security.conftest import Running, Wire
from tests.waiting import until

SHORT, HANDED_OVER, LONG = "the short way", "the short way, and then the long one", "the long way"
_VOLATILE = {
    "date": re.compile(r".+"),
    "set-cookie": re.compile(r"(?<=nexus_voter=)[^;]+"),
    "x-voter-token": re.compile(r".+"),
    "ratelimit": re.compile(r"(?<=;t=)\d+"),
    "retry-after": re.compile(r".+"),
}


@dataclass(frozen=True)
class Told:
    """An answer, with what chance and time made of it struck out."""

    status: int
    headers: list[tuple[str, str]]
    body: Any


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    lines: list[tuple[str, str]]
    body: Any

    def told(self, poll_id: str) -> Told:
        lines = [(name, _VOLATILE[name].sub("*", value) if name in _VOLATILE else value.replace(poll_id, "*")) for name, value in self.lines]
        if self.status == 201:
            lines = [(name, "*" if name == "content-length" else value) for name, value in lines]  # a position may be longer than another
        body = sorted(self.body) if self.status == 201 else orjson.loads(orjson.dumps(self.body).replace(poll_id.encode(), b"*"))
        return Told(self.status, lines, body)


@dataclass
class Vote:
    """A request that casts one. `raw` is sent instead of the body, `lines` in the place of the usual header lines of that name."""

    poll: Any
    body: Any = None
    raw: bytes | None = None
    lines: dict[str, str] | None = None

    def halves(self) -> tuple[bytes, bytes]:
        body = self.raw if self.raw is not None else orjson.dumps(ballot(self.poll) if self.body is None else self.body)
        usual = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = "".join(f"{name}:{value and f' {value}'}\r\n" for name, value in (usual | (self.lines or {})).items())
        return f"POST /api/v1/polls/{self.poll.id}/votes HTTP/1.1\r\n{lines}\r\n".encode("latin-1"), body


Case = Callable[["Ways"], Awaitable[Vote]]


class Ways:
    """One server's ways, watched. What is looked up is at hand, and stays so, unless a case sees to something else."""

    def __init__(self, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running = running
        self.parsed = self.begun = 0
        on_message_begin, begin = HttpToolsProtocol.on_message_begin, ShortWay.begin

        def counted_parse(protocol: Any) -> None:
            self.parsed += 1
            on_message_begin(protocol)

        def counted_begin(*arguments: Any) -> bool:
            taken = begin(*arguments)
            self.begun += taken
            return taken

        monkeypatch.setattr(HttpToolsProtocol, "on_message_begin", counted_parse)
        monkeypatch.setattr(ShortWay, "begin", counted_begin)
        monkeypatch.setattr("commands.rules_cache._FRESH_SECONDS", 600.0)
        monkeypatch.setattr("commands.rules_cache._RENEWED_AFTER", 600.0)
        for name in ("_seconds", "_renew_after"):
            monkeypatch.setattr(revocations()._flight, name, 600.0)

    async def at_hand(self, **fields: Any) -> Any:
        """A new poll whose rules are known already."""
        poll = make_poll(**fields)
        await engine().rules.get(poll.id)
        await until(lambda: revocations()._flight.future().done())
        return poll

    async def send(self, vote: Vote, *, whole: bool = True, wire: Wire | None = None) -> tuple[Answer, str]:
        """The answer, and the way that it came."""
        parsed, begun, head, body = self.parsed, self.begun, *vote.halves()
        used = wire or await self.running.wire()
        if whole:
            await used.send(head + body)
        else:
            await used.send(head)
            await until(lambda: self.parsed > parsed)
            await used.send(body)
        answer = await read_answer(used)
        if wire is None:
            used.writer.close()
        assert self.parsed - parsed + self.begun - begun in {1, 2}
        return answer, LONG if self.begun == begun else SHORT if self.parsed == parsed else HANDED_OVER

    async def compare(self, case: Case, about: str, status: int, way: str) -> Answer:
        """The same request by both ways gets the same answer and is counted alike; `way` is which one it takes when it comes whole."""
        vote = await case(self)
        before = counted()
        answer, went = await self.send(vote)
        grown = counted() - before
        other = await case(self)
        before = counted()
        long, went_long = await self.send(other, whole=False)
        assert grown == counted() - before, about
        assert (answer.status, went, went_long) == (status, way, LONG), (about, answer)
        assert answer.told(str(vote.poll.id)) == long.told(str(other.poll.id)), about
        return answer

    def nothing_is_left(self) -> bool:
        parts = engine()
        return not parts.admission.inside and not parts.committer.batcher._outstanding


async def read_answer(wire: Wire) -> Answer:
    head = (await wire.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rows = head.removesuffix("\r\n\r\n").split("\r\n")
    lines = [(name, value) for name, _, value in (row.partition(": ") for row in rows)]
    body = await wire.reader.readexactly(int(dict(lines).get("content-length", "0")))
    return Answer(int(first.split(" ")[1]), dict(lines), lines, orjson.loads(body) if body else None)


def counted() -> Counter[str]:
    """The metrics that speak of votes."""
    counts = Counter({problem.type: int(metrics.VOTES_REFUSED.labels(problem.type)._value.get()) for problem in PROBLEMS})
    return counts + Counter(accepted=int(metrics.VOTES_ACCEPTED._value.get()), duplicate=int(metrics.VOTES_DUPLICATE._value.get()))


def over_https() -> None:
    """As a start under these settings would."""
    if (begin := short_way._begin) is not None:
        short_way.open(begin)
