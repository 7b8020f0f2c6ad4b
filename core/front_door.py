"""Turns votes away before anything of them is read, while too many wait: a refusal that costs nearly as much as a vote would leave no time for votes.

Measured by `make overload`. What is refused here is answered as `core/problems.py` would; whatever looks unusual takes the long way and is refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from core.answer_headers import DATA_POLICY_HEADERS
from core.errors import Unavailable
from core.https import hsts_headers
from core.origins import check_origin
from core.problems import problem_body, problem_headers
from core.whole_votes import VOTE, read_whole_vote

CROWDED = "Too many votes are waiting; try again in a moment."
RETRY_SECONDS = (1, 2, 3)  # those who were refused together should not come back together
LET_IN = b""

_PATH = "/api/v1/polls/00000000-0000-0000-0000-000000000000/votes"


class FrontDoor:
    """One per process. `crowded` says whether votes are refused just now, given how many were let through; `count` is told how many were refused.

    One turn of the event loop may read thousands of requests before the first of them is worked on, so those that this turn let through are counted
    here; `soon` calls back in the turn's second half, when they have been begun and `crowded` knows of them.
    """

    def __init__(self) -> None:
        self._crowded: Callable[[int], bool] | None = None
        self._count: Callable[[int], None] = lambda _number: None
        self._soon: Callable[[Callable[[], None]], object] = lambda _callback: None
        self._coming = self.turn = 0
        self._turning = False
        self._refused = 0
        self._heads: list[bytes] = []
        self._for_origin: dict[bytes, bytes] = {}
        self._answers: list[bytes] = []  # with places for what an origin is told, and for the path
        self._defaults: list[tuple[bytes, bytes]] | None = None

    def guard(self, crowded: Callable[[int], bool], count: Callable[[int], None], soon: Callable[[Callable[[], None]], object]) -> None:
        self._crowded, self._count, self._soon = crowded, count, soon
        self._refused = self._coming = 0
        self._turning = False
        self._defaults = None
        self._heads = [_head(seconds) for seconds in RETRY_SECONDS]
        self._for_origin = {origin.encode(): _lines(check_origin(_From(origin))) for origin in settings.CORS_ALLOWED_ORIGINS if origin.isascii()}

    def leave_open(self) -> None:
        self.flush()
        self._crowded = None

    def judge(self, data: bytes, default_headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """Of the beginning of a request: `LET_IN`, or the whole answer that turns it away, when it is a vote; None when that is decided later."""
        if self._crowded is None or VOTE.match(data) is None:
            return None
        if not self._crowded(self._coming):
            return LET_IN
        vote = read_whole_vote(data)
        if vote is None:
            return None
        self._refused += 1
        if self._refused >= 100:
            self.flush()
        if default_headers is not self._defaults:  # the server has a new list every second
            self._renew(default_headers)
        return self._answers[self._refused % len(self._answers)] % (self._for_origin.get(vote.headers.get(b"origin", b""), b""), vote.path)

    def present_turn(self) -> int:
        """The turn of the loop that is under way; the next one has another number, whatever comes in it."""
        if not self._turning:
            self._turning = True
            self._soon(self._turned)
        return self.turn

    def _turned(self) -> None:
        self._turning = False
        self.turn += 1

    def expect(self) -> None:
        """A vote that was let in takes the long way: until it has been begun, nobody else knows of it."""
        if self._coming == 0:
            self._soon(self._begun)
        self._coming += 1

    def flush(self) -> None:
        """Hands on what was counted; what a count costs each time would be felt."""
        if self._refused:
            self._count(self._refused)
            self._refused = 0

    def _begun(self) -> None:
        self._coming = 0

    def _renew(self, default_headers: list[tuple[bytes, bytes]]) -> None:
        self._defaults = default_headers
        body = problem_body(Unavailable(CROWDED), _PATH)
        self._answers = [
            b"%s%%s\r\n%s" % ((head + _lines((*default_headers, (b"content-length", b"%d" % len(body))))).replace(b"%", b"%%"), _with_place(body))
            for head in self._heads
        ]


class _From:
    """What there is to know of a request to say what its origin is told."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def header(self, name: bytes) -> str | None:
        return self._origin if name == b"origin" else None


def _with_place(body: bytes) -> bytes:
    return body.replace(b"%", b"%%").replace(_PATH.encode(), b"%s")


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)


def _head(seconds: int) -> bytes:
    refusal = Unavailable(CROWDED, retry_after=seconds)
    headers: list[tuple[Any, Any]] = [(name.lower().encode(), value.encode()) for name, value in problem_headers(refusal).items()]
    headers += [*DATA_POLICY_HEADERS, *(hsts_headers() if settings.HTTPS else ())]
    return b"HTTP/1.1 503 Service Unavailable\r\n" + _lines(headers)


front_door = FrontDoor()
