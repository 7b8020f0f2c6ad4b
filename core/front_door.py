"""Turns votes away before anything of them is read, while too many wait: a refusal that costs as much as half a vote would leave no time for votes.

Measured by `make overload`. What is refused here is answered as `core/problems.py` would; whatever looks unusual takes the long way and is refused there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings

from core.answer_headers import DATA_POLICY_HEADERS
from core.errors import Unavailable
from core.https import hsts_headers
from core.problems import problem_body, problem_headers

CROWDED = "Too many votes are waiting; try again in a moment."
RETRY_SECONDS = (1, 2, 3)  # those who were refused together should not come back together

_VOTE = re.compile(rb"POST (/api/v1/polls/[0-9a-f-]{36}/votes) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,7})[ \t]*\r\n", re.IGNORECASE)
_FRAMING = re.compile(rb"\r\n(content-length|host):", re.IGNORECASE)
# What the parser refuses, and what others might read otherwise than we do: a name with white space behind it, a line that goes on.
_ODD = re.compile(rb"\r\n(?:[ \t]|[^:\r\n]*[ \t]:)")
# A browser of another origin needs headers of its own; who announces a body, or leaves, does not go on as if nothing were.
_UNUSUAL = re.compile(rb"\r\n(?:origin|expect|connection|transfer-encoding|upgrade):", re.IGNORECASE)
_PATH = "/api/v1/polls/00000000-0000-0000-0000-000000000000/votes"


class FrontDoor:
    """One per process. `crowded` says whether votes are refused just now; `count` is told how many were."""

    def __init__(self) -> None:
        self._crowded: Callable[[], bool] | None = None
        self._count: Callable[[int], None] = lambda _number: None
        self._refused = 0
        self._heads: list[bytes] = []
        self._before, self._after = problem_body(Unavailable(CROWDED), _PATH).split(_PATH.encode())

    def guard(self, crowded: Callable[[], bool], count: Callable[[int], None]) -> None:
        self._crowded, self._count, self._refused = crowded, count, 0
        self._heads = [_head(seconds) for seconds in RETRY_SECONDS]

    def leave_open(self) -> None:
        self.flush()
        self._crowded = None

    def refusal(self, data: bytes, default_headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """The whole answer when `data` is one whole vote and votes are refused; None when it has to take the usual way."""
        if self._crowded is None or not self._crowded():
            return None
        vote = _VOTE.match(data)
        end = data.find(b"\r\n\r\n")
        if vote is None or end < 0 or _UNUSUAL.search(data, 0, end + 2) or _ODD.search(data, 0, end + 2):
            return None
        head = data[: end + 2]
        lines = head.count(b"\r\n")
        if head.count(b"\n") != lines or head.count(b"\r") != lines or sorted(name.lower() for name in _FRAMING.findall(head)) != [b"content-length", b"host"]:
            return None
        length = _LENGTH.search(head)
        if length is None or int(length[1]) != len(data) - end - 4:
            return None
        self._refused += 1
        if self._refused >= 100:
            self.flush()
        return b"".join(
            (
                random.choice(self._heads),  # noqa: S311  (a pause, not a secret)
                *(b"%s: %s\r\n" % header for header in default_headers),
                b"content-length: %d\r\n\r\n" % (len(self._before) + len(vote[1]) + len(self._after)),
                self._before,
                vote[1],
                self._after,
            )
        )

    def flush(self) -> None:
        """Hands on what was counted; what a count costs each time would be felt."""
        if self._refused:
            self._count(self._refused)
            self._refused = 0


def _head(seconds: int) -> bytes:
    refusal = Unavailable(CROWDED, retry_after=seconds)
    headers: list[tuple[Any, Any]] = [(name.lower().encode(), value.encode()) for name, value in problem_headers(refusal).items()]
    headers += [*DATA_POLICY_HEADERS, *(hsts_headers() if settings.HTTPS else ())]
    return b"HTTP/1.1 503 Service Unavailable\r\n" + b"".join(b"%s: %s\r\n" % header for header in headers)


front_door = FrontDoor()
