"""The short way: a vote that comes whole, and needs nothing looked up first, is answered without a task, a scope and a cycle of its own.

Whatever is not as ordinary as that takes the long way, through the HTTP parser and the ASGI application, which alone says what is wrong with a request
(docs/adr/0016). So this decides nothing but whether a vote is ordinary.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings

from core.answer_headers import Usual, usual_headers
from core.errors import NexusError
from core.hosts import check_host_name
from core.hot_settings import hot
from core.https import hsts_headers, is_secure
from core.lean import LeanRequest
from core.whole_votes import read_whole_vote

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

log = logging.getLogger(__name__)

BEGUN_KEY = "nexus.begun"  # in a scope: what became of this request on the short way before it was sent on the long one


class Way(Protocol):
    """A connection with a vote under way. One of the two is called, once, in a later turn of the loop."""

    loop: asyncio.AbstractEventLoop

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Sends a whole answer. Raises `ValueError`, with nothing sent, for headers that cannot be sent."""

    def take_the_long_way(self, begun: object) -> bool:
        """Hands the request to the application as if it had come just now, with `begun` under `BEGUN_KEY` in its scope; False when its client has gone."""


Begin = Callable[[LeanRequest, str, bytes, Way], bool]


class ShortWay:
    """One per process. `begin(request, poll_id, body, way)` takes a vote in, or returns False and has done nothing."""

    def __init__(self) -> None:
        self._begin: Begin | None = None
        self.usual: Usual = usual_headers(False, ())

    def open(self, begin: Begin) -> None:
        self._begin = begin
        self.usual = usual_headers(False, hsts_headers() if settings.HTTPS else ())

    def close(self) -> None:
        self._begin = None

    def begin(self, data: bytes, client: tuple[str, int] | None, scheme: str | None, way: Way) -> bool:
        """Whether the vote in `data` is under way. False, with nothing done, for everything that is for the application."""
        if self._begin is None:
            return False
        vote = read_whole_vote(data)
        if vote is None:
            return False
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": vote.path.decode(),
            "query_string": b"",
            "client": client,
            "scheme": scheme,
            "headers": [*vote.headers.items()],
        }
        if (hot.HTTPS or hot.TRUSTED_PROXIES) and is_secure(scope):
            scope["scheme"] = "https"
        if hot.HTTPS and scope["scheme"] != "https":
            return False
        try:
            check_host_name(vote.headers[b"host"])
            return self._begin(LeanRequest(scope, _nothing_more, vote.headers), vote.poll_id.decode(), vote.body, way)
        except NexusError:
            return False
        except Exception:
            log.exception("a vote could not take the short way")
            return False


async def _nothing_more() -> MutableMapping[str, Any]:
    return {"type": "http.disconnect"}


short_way = ShortWay()
