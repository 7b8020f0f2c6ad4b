"""A vote on the short way: its place among those in flight is given back once, whatever becomes of it, and whoever waits hears one word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest

from commands import quick_votes
from commands.admission import Admission
from commands.ballots import Entry, Fate, Outcome
from commands.casting import Begun
from commands.quick_votes import begin_vote
from commands.rules import PollRules, QuestionRules
from core.errors import NexusError, RateLimited, Unavailable
from core.lean import LeanRequest
from tests.both_ways import counted
from tests.waiting import until

POLL = UUID("0192f0c8-0000-7000-8000-0123456789ab")
BALLOT = orjson.dumps({"answers": [{"question": "q", "choices": ["a"]}]})
ENTRY = Entry(UUID(int=7), 1, 2, 3, datetime(2026, 1, 1, tzinfo=UTC))


def rules(**changes: Any) -> PollRules:
    usual: dict[str, Any] = {"voters": "session", "changeable": False, "draft": False, "opens_at": None, "closes_at": None, "sealed_at": None, "version": 1}
    question = QuestionRules(id="q", min_choices=1, max_choices=1, choices=frozenset({"a"}))
    return PollRules(id=POLL, salt=bytes(16), owner_id=UUID(int=9), questions={"q": question}, **(usual | changes))


class Way:
    """A connection that notes what it is told."""

    def __init__(self, answers: Callable[[], None] = lambda: None) -> None:
        self.loop = asyncio.get_running_loop()
        self.told: list[Any] = []
        self.gone = False
        self._answers = answers

    def answer(self, status: int, _headers: Any, _body: bytes) -> None:
        self._answers()
        self.told.append(status)

    def take_the_long_way(self, begun: object) -> bool:
        assert isinstance(begun, Begun)
        if self.gone:
            self.told.append("nothing")
            return False
        try:
            self.told.append(begun.outcome().fate)
        except Exception as error:  # noqa: BLE001
            self.told.append(error)
        return True


class Parts:
    """As much of an engine as a vote needs; what it posts stays in `posted`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, known: PollRules | None = None) -> None:
        self.admission = Admission(always=2, most=2, wait_seconds=1.0)
        self.rules = SimpleNamespace(at_hand=lambda _poll_id: known or rules())
        self.committer = SimpleNamespace(batcher=self)
        self.posted: list[Any] = []
        self.full = False
        self.limit: Any = SimpleNamespace(ask=lambda *_: None)
        monkeypatch.setattr(quick_votes, "engine", lambda: self)
        monkeypatch.setattr(quick_votes, "vote_limit", lambda: self.limit)

    def post(self, _question: Any, _loop: Any, waiter: Any) -> None:
        if self.full:
            raise Unavailable
        self.posted.append(waiter)

    def begin(self, way: Way, raw: bytes = BALLOT, **lines: str) -> bool:
        headers = {b"host": b"localhost", b"content-type": b"application/json"} | {name.replace("_", "-").encode(): at.encode() for name, at in lines.items()}
        scope = {"method": "POST", "path": "", "client": ("192.0.2.1", 1), "scheme": "http", "headers": [*headers.items()]}
        return begin_vote(LeanRequest(scope, None, headers), str(POLL), raw, way)  # type: ignore[arg-type]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(monkeypatch)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (Outcome(Fate.WRITTEN, ENTRY), 201),
        (Outcome(Fate.REPLAYED, ENTRY), Fate.REPLAYED),
        (Outcome(Fate.DUPLICATE), Fate.DUPLICATE),
        (Outcome(Fate.RULES_CHANGED), Fate.RULES_CHANGED),
        (Outcome(Fate.NOT_OPEN), Fate.NOT_OPEN),
        (Unavailable("It is not known whether this was done; ask again."), Unavailable),
        (ValueError("a bad row"), ValueError),
    ],
)
async def test_the_committers_word_is_the_end_of_it(parts: Parts, word: Any, told: Any) -> None:
    way = Way()
    assert parts.begin(way)
    (waiter,) = parts.posted
    assert (parts.admission.inside, waiter.done(), way.told) == (1, False, [])
    (waiter.set_exception if isinstance(word, Exception) else waiter.set_result)(word)
    assert (parts.admission.inside, waiter.done()) == (0, True)
    await until(lambda: way.told)
    assert way.told == [told] or type(way.told[0]) is told


async def test_a_vote_that_was_counted_and_cannot_be_answered_is_no_other_vote(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("a header holds a line break")

    way = Way(fail)
    assert parts.begin(way)
    parts.posted[0].set_result(Outcome(Fate.WRITTEN, ENTRY))
    await until(lambda: way.told)
    assert [type(one) for one in way.told] == [ValueError], "the long way must not write it again"
    assert parts.admission.inside == 0
    assert "could not be answered" in caplog.text


@pytest.mark.parametrize(
    ("word", "counts"),
    [
        (Outcome(Fate.DUPLICATE), {"duplicate-vote": 1, "duplicate": 1}),
        (Outcome(Fate.KEY_REUSED), {"idempotency-key-reused": 1}),
        (Outcome(Fate.NOT_OPEN), {"poll-not-open": 1}),
        (Outcome(Fate.RULES_CHANGED), {"unavailable": 1}),
        (Outcome(Fate.REPLAYED, ENTRY), {}),
        (Unavailable(), {"unavailable": 1}),
    ],
)
async def test_what_nobody_waits_for_any_more_is_counted_all_the_same(parts: Parts, word: Any, counts: dict[str, int]) -> None:
    way, before = Way(), counted()
    way.gone = True
    assert parts.begin(way)
    (parts.posted[0].set_exception if isinstance(word, Exception) else parts.posted[0].set_result)(word)
    await until(lambda: way.told)
    assert (way.told, counted() - before) == (["nothing"], counts)


async def test_without_a_place_or_with_a_full_queue_nothing_has_begun(parts: Parts) -> None:
    way = Way()
    parts.full = True
    with pytest.raises(Unavailable):
        parts.begin(way)
    assert parts.admission.inside == 0
    parts.full = False
    assert parts.begin(way)
    assert parts.begin(way)
    with pytest.raises(Unavailable):
        parts.begin(way)
    assert (parts.admission.inside, len(parts.posted), way.told) == (2, 2, [])


async def test_a_limit_that_fails_at_once_keeps_no_place(parts: Parts) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no loop")

    parts.limit = SimpleNamespace(ask=fail)
    with pytest.raises(RuntimeError):
        parts.begin(Way())
    assert parts.admission.inside == 0


@pytest.mark.parametrize("refusal", [None, RateLimited(), Unavailable(), RuntimeError("a mistake of ours")])
@pytest.mark.parametrize("full", [False, True])
async def test_the_limit_is_asked_while_its_place_is_kept(parts: Parts, refusal: Exception | None, full: bool) -> None:
    def headers(_found: Any) -> Any:
        if refusal is not None:
            raise refusal
        return [(b"ratelimit", b"1")]

    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    parts.limit, parts.full, way = SimpleNamespace(ask=lambda *_: found, headers=headers), full, Way()
    assert parts.begin(way)
    assert (parts.admission.inside, parts.posted) == (1, [])
    found.set_result(None)
    await until(lambda: parts.posted or way.told)
    if refusal is None and not full:
        assert (parts.admission.inside, way.told) == (1, [])
        return
    assert (parts.admission.inside, parts.posted) == (0, [])
    assert [type(one) for one in way.told] == [type(refusal or Unavailable())]


@pytest.mark.parametrize(
    "changes",
    [
        {"voters": "code"},
        {"voters": "open"},
        {"voters": "account"},
        {"draft": True},
        {"opens_at": datetime.max.replace(tzinfo=UTC)},
        {"sealed_at": ENTRY.cast_at},
    ],
)
async def test_what_is_not_usual_of_a_poll_begins_nothing(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    assert_nothing_begun(Parts(monkeypatch, rules(**changes)))


@pytest.mark.parametrize(
    "lines",
    [
        {"content_type": "text/plain"},
        {"origin": "https://foe.example"},
        {"authorization": "Bearer a.b.c"},
        {"authorization": "Basic eDp5"},
        {"x_voter_token": "rubbish"},
        {"cookie": "a=b; sessionid=x"},
        {"idempotency_key": "with space"},
        {"raw": b"{}"},
        {"raw": b"["},
        {"raw": BALLOT + b" " * 512 * 1024},
    ],
)
async def test_nor_does_what_is_not_usual_of_a_request(parts: Parts, lines: dict[str, Any]) -> None:
    assert_nothing_begun(parts, **lines)


def assert_nothing_begun(parts: Parts, **lines: Any) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a token was taken from the limit")

    way, parts.limit = Way(), SimpleNamespace(ask=never)
    try:
        begun = parts.begin(way, **lines)
    except NexusError:
        begun = False
    assert (begun, parts.admission.inside, parts.posted, way.told) == (False, 0, [], [])
